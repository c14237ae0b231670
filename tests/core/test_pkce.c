#include "oauth/pkce.h"

#include "support_memory.h"

/* RFC 7636 appendix B. */
#define RFC_VERIFIER "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
#define RFC_CHALLENGE "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
/* SHA-256 of 128 times "a", in base64url. */
#define CHALLENGE_128 "aDbPE7rEAOkQUHHNavRwhN-srU5eMCyUv-0k4BOvtz4"

static struct aa_view letters(size_t count)
{
    static char text[160];

    memset(text, 'a', sizeof text);
    return aa_view_make(text, count);
}

TEST(pkce, the_example_of_the_rfc_matches)
{
    CHECK_OK(aa_pkce_check(VIEW(RFC_VERIFIER), VIEW(RFC_CHALLENGE), NULL));
}

TEST(pkce, one_character_more_or_less_does_not_match)
{
    CHECK_ERR(aa_pkce_check(VIEW(RFC_VERIFIER "a"), VIEW(RFC_CHALLENGE), NULL), AA_ERR_PKCE_MISMATCH);
    CHECK_ERR(aa_pkce_check(VIEW("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXK"), VIEW(RFC_CHALLENGE), NULL),
              AA_ERR_PKCE_MISMATCH);
    CHECK_ERR(aa_pkce_check(VIEW(RFC_VERIFIER), VIEW("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cm"), NULL),
              AA_ERR_PKCE_MISMATCH);
}

TEST(pkce, the_challenge_itself_is_no_verifier) /* the "plain" method is not ours */
{
    CHECK_ERR(aa_pkce_check(VIEW(RFC_CHALLENGE), VIEW(RFC_CHALLENGE), NULL), AA_ERR_PKCE_MISMATCH);
}

TEST(pkce, a_verifier_has_43_to_128_characters)
{
    CHECK_ERR(aa_pkce_check(letters(42), VIEW(RFC_CHALLENGE), NULL), AA_ERR_PKCE_FORMAT);
    CHECK_ERR(aa_pkce_check(letters(43), VIEW(RFC_CHALLENGE), NULL), AA_ERR_PKCE_MISMATCH);
    CHECK_ERR(aa_pkce_check(letters(129), VIEW(RFC_CHALLENGE), NULL), AA_ERR_PKCE_FORMAT);
    CHECK_ERR(aa_pkce_check(letters(128), VIEW(RFC_CHALLENGE), NULL), AA_ERR_PKCE_MISMATCH);
    CHECK_OK(aa_pkce_check(letters(128), VIEW(CHALLENGE_128), NULL));
}

TEST(pkce, a_verifier_is_made_of_unreserved_characters)
{
    static const char bad[] = " +/=%!\"\\@\t\n";
    char verifier[] = RFC_VERIFIER;

    for (size_t i = 0; i < strlen(bad); i++) {
        verifier[10] = bad[i];
        CHECK_ERR(aa_pkce_check(VIEW(verifier), VIEW(RFC_CHALLENGE), NULL), AA_ERR_PKCE_FORMAT);
    }
    verifier[10] = '~';
    CHECK_ERR(aa_pkce_check(VIEW(verifier), VIEW(RFC_CHALLENGE), NULL), AA_ERR_PKCE_MISMATCH);
    verifier[10] = '\0';
    CHECK_ERR(aa_pkce_check(aa_view_make(verifier, 43), VIEW(RFC_CHALLENGE), NULL), AA_ERR_PKCE_FORMAT);
}

TEST(pkce, a_challenge_has_43_characters_of_base64url)
{
    CHECK_OK(aa_pkce_check_challenge(VIEW(RFC_CHALLENGE), NULL));
    CHECK_ERR(aa_pkce_check_challenge(letters(42), NULL), AA_ERR_PKCE_FORMAT);
    CHECK_OK(aa_pkce_check_challenge(letters(43), NULL));
    CHECK_ERR(aa_pkce_check_challenge(letters(44), NULL), AA_ERR_PKCE_FORMAT);
    CHECK_ERR(aa_pkce_check_challenge(VIEW("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw+cM"), NULL), AA_ERR_PKCE_FORMAT);
    CHECK_ERR(aa_pkce_check_challenge(VIEW("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw.cM"), NULL), AA_ERR_PKCE_FORMAT);
    CHECK_ERR(aa_pkce_check_challenge(VIEW("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-c="), NULL), AA_ERR_PKCE_FORMAT);
}

TEST(pkce, an_absent_verifier_or_challenge_matches_nothing)
{
    CHECK_ERR(aa_pkce_check(AA_VIEW_ABSENT, VIEW(RFC_CHALLENGE), NULL), AA_ERR_PKCE_FORMAT);
    CHECK_ERR(aa_pkce_check(VIEW(RFC_VERIFIER), AA_VIEW_ABSENT, NULL), AA_ERR_PKCE_FORMAT);
    CHECK_ERR(aa_pkce_check(AA_VIEW_ABSENT, AA_VIEW_ABSENT, NULL), AA_ERR_PKCE_FORMAT);
    CHECK_ERR(aa_pkce_check(VIEW(""), VIEW(""), NULL), AA_ERR_PKCE_FORMAT);
}

TEST(pkce, no_verifier_stands_in_an_error_message)
{
    struct aa_error err = AA_ERROR_INIT;

    CHECK_ERR(aa_pkce_check(VIEW(RFC_VERIFIER "x"), VIEW(RFC_CHALLENGE), &err), AA_ERR_PKCE_MISMATCH);
    CHECK(strstr(err.message, "dBjf") == NULL);
    CHECK(strstr(err.message, "E9Me") == NULL);
}

static enum aa_err check_example(void *ctx)
{
    (void)ctx;
    return aa_pkce_check(VIEW(RFC_VERIFIER), VIEW(RFC_CHALLENGE), NULL);
}

TEST(pkce, running_out_of_memory_is_no_mismatch)
{
    check_each_allocation(check_example, NULL);
}

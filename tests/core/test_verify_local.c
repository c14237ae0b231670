/* The signature first: what is refused without asking anybody, and what only the issuer can tell. */
#include "verify/local.h"

#include "base/mem.h"
#include "support_signer.h"

#define OURS "https://mcp.example.com/mcp"
#define NOW_S 1700000000
#define GOOD "{\"iss\":\"https://as.example.com\",\"sub\":\"usr_1\",\"aud\":\"" OURS "\",\"exp\":1700000100}"

static const struct aa_options introspection = {.mode = AA_MODE_INTROSPECTION};
static const struct aa_options jwt = {.mode = AA_MODE_JWT};

static struct aa_view sign(struct signer *signer, const char *kid, const char *typ, const char *payload)
{
    return VIEW(signer_sign(signer, kid, typ, payload));
}

static enum aa_local look(const struct aa_options *options, const struct signer *signer, struct aa_view token,
                          enum aa_err *code)
{
    struct aa_facts facts;
    enum aa_local result = aa_local_check(options, signer->jwks, VIEW(OURS), token, (struct aa_now){NOW_S, 0}, &facts);

    *code = facts.code;
    CHECK((facts.principal != NULL) == (result == AA_LOCAL_GOOD && options->mode == AA_MODE_JWT));
    aa_facts_clear(&facts);
    return result;
}

static void check_refused(const struct aa_options *options, const struct signer *signer, struct aa_view token,
                          enum aa_err wanted)
{
    enum aa_err code;

    CHECK_INT(look(options, signer, token, &code), AA_LOCAL_REFUSED);
    CHECK_ERR(code, wanted);
}

static void check_is(const struct aa_options *options, const struct signer *signer, struct aa_view token,
                     enum aa_local wanted)
{
    enum aa_err code;

    CHECK_INT(look(options, signer, token, &code), wanted);
}

TEST(verify_local, a_good_token_is_good_in_both_modes)
{
    struct signer signer;

    signer_open(&signer, "k1");
    check_is(&introspection, &signer, sign(&signer, "k1", "at+jwt", GOOD), AA_LOCAL_GOOD);
    check_is(&jwt, &signer, sign(&signer, "k1", "at+jwt", GOOD), AA_LOCAL_GOOD);
    check_is(&jwt, &signer, sign(&signer, "k1", "application/AT+JWT", GOOD), AA_LOCAL_GOOD);
    signer_clear(&signer);
}

TEST(verify_local, a_forged_token_is_refused_in_both_modes)
{
    struct signer signer;
    struct signer forger;

    signer_open(&signer, "k1");
    signer_open(&forger, "k1");
    check_refused(&introspection, &signer, sign(&forger, "k1", "at+jwt", GOOD), AA_ERR_TOKEN_SIGNATURE);
    check_refused(&jwt, &signer, sign(&forger, "k1", "at+jwt", GOOD), AA_ERR_TOKEN_SIGNATURE);
    signer_clear(&signer);
    signer_clear(&forger);
}

TEST(verify_local, an_expired_token_is_refused_in_both_modes)
{
    const char *expired = "{\"exp\":1700000000}";
    struct signer signer;

    signer_open(&signer, "k1");
    check_refused(&introspection, &signer, sign(&signer, "k1", "at+jwt", expired), AA_ERR_TOKEN_EXPIRED);
    check_refused(&jwt, &signer, sign(&signer, "k1", "at+jwt", expired), AA_ERR_TOKEN_EXPIRED);
    signer_clear(&signer);
}

TEST(verify_local, another_type_is_only_its_issuers_to_judge)
{
    struct signer signer;

    signer_open(&signer, "k1");
    check_is(&introspection, &signer, sign(&signer, "k1", "JWT", GOOD), AA_LOCAL_NOT_JWT);
    check_refused(&jwt, &signer, sign(&signer, "k1", "JWT", GOOD), AA_ERR_TOKEN_TYPE);
    signer_clear(&signer);
}

TEST(verify_local, an_opaque_token_is_only_its_issuers_to_judge)
{
    struct signer signer;

    signer_open(&signer, "k1");
    check_is(&introspection, &signer, VIEW("opaque"), AA_LOCAL_NOT_JWT);
    check_is(&introspection, &signer, VIEW("a.b.c"), AA_LOCAL_NOT_JWT);
    check_refused(&jwt, &signer, VIEW("opaque"), AA_ERR_TOKEN_FORMAT);
    signer_clear(&signer);
}

TEST(verify_local, claims_we_cannot_read_are_only_their_issuers_to_judge)
{
    static const char *const odd[] = {"{\"sub\":\"x\"}", "{\"exp\":\"1700000100\"}",
                                      "{\"exp\":1700000100,\"scope\":[\"a\"]}"};
    struct signer signer;

    signer_open(&signer, "k1");
    for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) {
        check_is(&introspection, &signer, sign(&signer, "k1", "at+jwt", odd[i]), AA_LOCAL_NOT_JWT);
        check_refused(&jwt, &signer, sign(&signer, "k1", "at+jwt", odd[i]), AA_ERR_TOKEN_CLAIMS);
    }
    signer_clear(&signer);
}

TEST(verify_local, a_key_that_is_not_in_the_set_is_said_to_be_unknown)
{
    struct signer signer;

    signer_open(&signer, "k1");
    check_is(&jwt, &signer, sign(&signer, "k2", "at+jwt", GOOD), AA_LOCAL_KEY_UNKNOWN);
    check_is(&introspection, &signer, sign(&signer, "k2", "at+jwt", GOOD), AA_LOCAL_KEY_UNKNOWN);
    check_is(&jwt, &signer, sign(&signer, NULL, "at+jwt", GOOD), AA_LOCAL_GOOD);
    signer_clear(&signer);
}

/* {"alg":"HS256","kid":"k1","typ":"at+jwt"}: no set can hold a key for it, so that none needs to be fetched. */
TEST(verify_local, an_algorithm_we_do_not_permit_asks_for_no_key)
{
    struct aa_view token = VIEW("eyJhbGciOiJIUzI1NiIsImtpZCI6ImsxIiwidHlwIjoiYXQrand0In0.e30.c2ln");
    struct signer signer;

    signer_open(&signer, "k1");
    check_is(&introspection, &signer, token, AA_LOCAL_NOT_JWT);
    check_refused(&jwt, &signer, token, AA_ERR_TOKEN_KEY_UNKNOWN);
    signer_clear(&signer);
}

TEST(verify_local, no_memory_is_told_apart_from_a_bad_token)
{
    struct signer signer;
    struct aa_view token;
    bool done = false;

    signer_open(&signer, "k1");
    token = sign(&signer, "k1", "at+jwt", GOOD);
    for (size_t nth = 1; !done; nth++) {
        enum aa_local result;
        enum aa_err code;

        aa_mem_fail_at(nth, false);
        result = look(&jwt, &signer, token, &code);
        done = aa_mem_count() < nth;
        aa_mem_fail_at(0, false);
        CHECK_INT(result, done ? AA_LOCAL_GOOD : AA_LOCAL_REFUSED);
        if (!done)
            CHECK_ERR(code, AA_ERR_NOMEM);
    }
    signer_clear(&signer);
}

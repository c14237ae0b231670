#include "jose/claims.h"

#include <stdio.h>

#include "support_memory.h"

#define NOW 1700000000

static enum aa_err read(const char *text, struct aa_claims *claims)
{
    struct aa_json *root;
    enum aa_err rc;

    CHECK_OK(aa_json_parse(VIEW(text), 65536, &root, NULL));
    rc = aa_claims_read(root, claims, NULL);
    aa_json_free(root);
    return rc;
}

/* The code of a document that is read and let go. */
static enum aa_err try(const char *text)
{
    struct aa_claims claims;

    return read(text, &claims);
}

static int64_t exp_of(const char *text)
{
    struct aa_claims claims;

    CHECK_OK(read(text, &claims));
    CHECK(claims.has_exp);
    return claims.exp_s;
}

TEST(claims, every_claim_is_read)
{
    const char *text =
        "{\"iss\":\"i\",\"sub\":\"s\",\"client_id\":\"c\",\"scope\":\"a b\",\"jti\":\"j\",\"username\":\"u\","
        "\"email\":\"e\",\"name\":\"n\",\"token_type\":\"Bearer\",\"aud\":[\"x\",\"y\"],\"exp\":3,\"nbf\":2,"
        "\"iat\":1,\"other\":{}}";
    struct aa_claims claims;
    struct aa_json *root;

    CHECK_OK(aa_json_parse(VIEW(text), 65536, &root, NULL));
    CHECK_OK(aa_claims_read(root, &claims, NULL));
    CHECK_VIEW(claims.iss, "i");
    CHECK_VIEW(claims.sub, "s");
    CHECK_VIEW(claims.client_id, "c");
    CHECK_VIEW(claims.scope, "a b");
    CHECK_VIEW(claims.jti, "j");
    CHECK_VIEW(claims.username, "u");
    CHECK_VIEW(claims.email, "e");
    CHECK_VIEW(claims.name, "n");
    CHECK_VIEW(claims.token_type, "Bearer");
    CHECK_INT(aa_json_len(claims.aud), 2);
    CHECK_INT(claims.exp_s, 3);
    CHECK_INT(claims.nbf_s, 2);
    CHECK_INT(claims.iat_s, 1);
    CHECK(claims.has_exp);
    aa_json_free(root);
}

TEST(claims, nothing_said_is_nothing_known)
{
    struct aa_claims claims;

    CHECK_OK(read("{}", &claims));
    CHECK(aa_view_is_absent(claims.sub) && aa_view_is_absent(claims.scope) && aa_view_is_absent(claims.iss));
    CHECK(claims.aud == NULL);
    CHECK(!claims.has_exp);
    CHECK_INT(claims.exp_s, 0);
    CHECK_OK(read("{\"exp\":null,\"sub\":null,\"aud\":null}", &claims));
    CHECK(!claims.has_exp && claims.aud == NULL && aa_view_is_absent(claims.sub));
}

TEST(claims, times_are_numbers_between_0_and_2_to_the_53)
{
    static const char *const names[] = {"exp", "nbf", "iat"};
    static const char *const bad[] = {"\"1700000000\"", "-1", "-0.5", "1e300",  "9007199254740993",   "true",
                                      "[1700000000]",   "{}", "1e16", "-1e300", "9223372036854775807"};
    static const char *const good[] = {"0", "1", "1700000000", "1700000000.5", "9007199254740992", "1.7e9", "-0.0"};

    for (size_t name = 0; name < 3; name++) {
        char text[128];

        for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
            snprintf(text, sizeof text, "{\"%s\":%s}", names[name], bad[i]);
            CHECK_ERR(try(text), AA_ERR_TOKEN_CLAIMS);
        }
        for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
            snprintf(text, sizeof text, "{\"%s\":%s}", names[name], good[i]);
            CHECK_OK(try(text));
        }
    }
}

TEST(claims, a_fraction_of_a_second_is_cut_off)
{
    CHECK_INT(exp_of("{\"exp\":1700000000.999}"), 1700000000);
    CHECK_INT(exp_of("{\"exp\":0.9}"), 0);
    CHECK_INT(exp_of("{\"exp\":9007199254740992}"), 9007199254740992);
    CHECK_INT(exp_of("{\"exp\":9007199254740991}"), 9007199254740991);
}

TEST(claims, an_audience_is_a_string_or_strings)
{
    CHECK_OK(try("{\"aud\":\"a\"}"));
    CHECK_OK(try("{\"aud\":[]}"));
    CHECK_OK(try("{\"aud\":[\"a\",\"b\"]}"));
    CHECK_ERR(try("{\"aud\":5}"), AA_ERR_TOKEN_CLAIMS);
    CHECK_ERR(try("{\"aud\":{\"a\":1}}"), AA_ERR_TOKEN_CLAIMS);
    CHECK_ERR(try("{\"aud\":[\"a\",null]}"), AA_ERR_TOKEN_CLAIMS);
    CHECK_ERR(try("{\"aud\":[[\"a\"]]}"), AA_ERR_TOKEN_CLAIMS);
}

TEST(claims, texts_are_strings)
{
    static const char *const names[] = {"iss",      "sub",   "client_id", "scope",     "jti",
                                        "username", "email", "name",      "token_type"};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char text[64];

        snprintf(text, sizeof text, "{\"%s\":5}", names[i]);
        CHECK_ERR(try(text), AA_ERR_TOKEN_CLAIMS);
        snprintf(text, sizeof text, "{\"%s\":[\"a\"]}", names[i]);
        CHECK_ERR(try(text), AA_ERR_TOKEN_CLAIMS);
        snprintf(text, sizeof text, "{\"%s\":\"a\"}", names[i]);
        CHECK_OK(try(text));
    }
}

TEST(claims, an_array_has_none)
{
    CHECK_ERR(try("[]"), AA_ERR_TOKEN_CLAIMS);
    CHECK_OK(try("{}"));
}

TEST(claims, a_failed_read_leaves_the_target_alone)
{
    struct aa_claims claims = {.exp_s = 7};

    CHECK_ERR(read("{\"exp\":5,\"nbf\":\"x\"}", &claims), AA_ERR_TOKEN_CLAIMS);
    CHECK_INT(claims.exp_s, 7);
}

/* ---- time ---- */

static enum aa_err at(const struct aa_claims *claims, int64_t now_s)
{
    return aa_claims_check_time(claims, now_s, NULL);
}

TEST(claims, a_token_ends_at_its_exp_without_a_second_of_grace)
{
    struct aa_claims claims = {.exp_s = NOW, .has_exp = true};

    CHECK_OK(at(&claims, NOW - 1));
    CHECK_ERR(at(&claims, NOW), AA_ERR_TOKEN_EXPIRED);
    CHECK_ERR(at(&claims, NOW + 1), AA_ERR_TOKEN_EXPIRED);
}

TEST(claims, an_exp_of_zero_is_past)
{
    struct aa_claims claims = {.exp_s = 0, .has_exp = true};

    CHECK_ERR(at(&claims, NOW), AA_ERR_TOKEN_EXPIRED);
    claims.has_exp = false;
    CHECK_OK(at(&claims, NOW));
}

TEST(claims, clocks_may_differ_by_30_seconds_at_nbf_and_iat)
{
    struct aa_claims nbf = {.nbf_s = NOW};
    struct aa_claims iat = {.iat_s = NOW};

    CHECK_ERR(at(&nbf, NOW - AA_CLOCK_SKEW_S - 1), AA_ERR_TOKEN_NOT_YET);
    CHECK_OK(at(&nbf, NOW - AA_CLOCK_SKEW_S));
    CHECK_OK(at(&nbf, NOW));
    CHECK_ERR(at(&iat, NOW - AA_CLOCK_SKEW_S - 1), AA_ERR_TOKEN_NOT_YET);
    CHECK_OK(at(&iat, NOW - AA_CLOCK_SKEW_S));
}

TEST(claims, the_largest_times_do_not_overflow)
{
    struct aa_claims claims = {.exp_s = 9007199254740992, .nbf_s = 9007199254740992, .has_exp = true};

    CHECK_ERR(at(&claims, NOW), AA_ERR_TOKEN_NOT_YET);
    claims.nbf_s = 0;
    CHECK_OK(at(&claims, NOW));
}

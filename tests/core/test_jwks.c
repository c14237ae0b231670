#include "jose/jwks.h"

#include <stdio.h>
#include <stdlib.h>

#include "support_keys.h"
#include "support_memory.h"

#define EC_MEMBERS "\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" P256_X "\",\"y\":\"" P256_Y "\""
#define RSA_MEMBERS "\"kty\":\"RSA\",\"n\":\"" RSA_N "\",\"e\":\"AQAB\""
#define OKP_MEMBERS "\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"" ED25519_X "\""

static struct aa_jwks *parse(const char *text)
{
    struct aa_jwks *jwks;

    CHECK_OK(aa_jwks_parse(VIEW(text), &jwks, NULL));
    return jwks;
}

static size_t count(const char *text)
{
    struct aa_jwks *jwks = parse(text);
    size_t len = aa_jwks_len(jwks);

    aa_jwks_release(jwks);
    return len;
}

static enum aa_err refuse(const char *text)
{
    struct aa_jwks *jwks;

    return aa_jwks_parse(VIEW(text), &jwks, NULL);
}

/* The algorithm of the only key of that set. */
static enum aa_alg alg_of(const char *key)
{
    static const enum aa_alg all[] = {AA_ALG_ES256, AA_ALG_RS256, AA_ALG_PS256, AA_ALG_EDDSA};
    enum aa_alg found = AA_ALG_NONE;
    struct aa_jwks *jwks;
    char text[2048];

    snprintf(text, sizeof text, "{\"keys\":[{%s}]}", key);
    jwks = parse(text);
    CHECK(aa_jwks_len(jwks) <= 1);
    for (size_t i = 0; i < 4; i++)
        if (aa_jwks_find(jwks, AA_VIEW_ABSENT, all[i]))
            found = all[i];
    aa_jwks_release(jwks);
    return found;
}

TEST(jwks, keys_of_three_types_are_read)
{
    CHECK_INT(alg_of(EC_MEMBERS), AA_ALG_ES256);
    CHECK_INT(alg_of(RSA_MEMBERS), AA_ALG_RS256);
    CHECK_INT(alg_of(OKP_MEMBERS), AA_ALG_EDDSA);
}

TEST(jwks, a_key_has_the_algorithm_it_names)
{
    CHECK_INT(alg_of(EC_MEMBERS ",\"alg\":\"ES256\""), AA_ALG_ES256);
    CHECK_INT(alg_of(RSA_MEMBERS ",\"alg\":\"RS256\""), AA_ALG_RS256);
    CHECK_INT(alg_of(RSA_MEMBERS ",\"alg\":\"PS256\""), AA_ALG_PS256);
    CHECK_INT(alg_of(OKP_MEMBERS ",\"alg\":\"EdDSA\""), AA_ALG_EDDSA);
    CHECK_INT(alg_of(OKP_MEMBERS ",\"alg\":\"Ed25519\""), AA_ALG_EDDSA);
}

TEST(jwks, an_algorithm_that_does_not_fit_the_key_makes_it_useless)
{
    CHECK_INT(alg_of(EC_MEMBERS ",\"alg\":\"RS256\""), AA_ALG_NONE);
    CHECK_INT(alg_of(RSA_MEMBERS ",\"alg\":\"ES256\""), AA_ALG_NONE);
    CHECK_INT(alg_of(RSA_MEMBERS ",\"alg\":\"HS256\""), AA_ALG_NONE);
    CHECK_INT(alg_of(RSA_MEMBERS ",\"alg\":\"none\""), AA_ALG_NONE);
    CHECK_INT(alg_of(RSA_MEMBERS ",\"alg\":\"RS512\""), AA_ALG_NONE);
    CHECK_INT(alg_of(RSA_MEMBERS ",\"alg\":5"), AA_ALG_NONE);
}

TEST(jwks, a_key_for_something_else_is_skipped)
{
    CHECK_INT(alg_of(EC_MEMBERS ",\"use\":\"sig\""), AA_ALG_ES256);
    CHECK_INT(alg_of(EC_MEMBERS ",\"use\":\"enc\""), AA_ALG_NONE);
    CHECK_INT(alg_of(EC_MEMBERS ",\"key_ops\":[\"verify\"]"), AA_ALG_ES256);
    CHECK_INT(alg_of(EC_MEMBERS ",\"key_ops\":[\"sign\",\"verify\"]"), AA_ALG_ES256);
    CHECK_INT(alg_of(EC_MEMBERS ",\"key_ops\":[\"deriveKey\"]"), AA_ALG_NONE);
    CHECK_INT(alg_of(EC_MEMBERS ",\"key_ops\":[]"), AA_ALG_NONE);
    CHECK_INT(alg_of(EC_MEMBERS ",\"key_ops\":\"verify\""), AA_ALG_NONE);
}

TEST(jwks, a_key_whose_private_half_is_published_is_skipped)
{
    CHECK_INT(alg_of(EC_MEMBERS ",\"d\":\"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI\""), AA_ALG_NONE);
    CHECK_INT(alg_of(EC_MEMBERS), AA_ALG_ES256);
}

TEST(jwks, a_key_we_do_not_know_or_that_is_broken_is_skipped)
{
    static const char *const useless[] = {
        "\"kty\":\"oct\",\"k\":\"c2VjcmV0\"",
        "\"kty\":\"XYZ\"",
        "\"crv\":\"P-256\",\"x\":\"" P256_X "\",\"y\":\"" P256_Y "\"",
        "\"kty\":\"EC\",\"crv\":\"P-384\",\"x\":\"" P256_X "\",\"y\":\"" P256_Y "\"",
        "\"kty\":\"EC\",\"x\":\"" P256_X "\",\"y\":\"" P256_Y "\"",
        "\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" P256_X "\"",
        "\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" P256_Y "\",\"y\":\"" P256_X "\"",
        "\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" P256_X "=\",\"y\":\"" P256_Y "\"",
        "\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":1,\"y\":\"" P256_Y "\"",
        "\"kty\":\"ec\",\"crv\":\"P-256\",\"x\":\"" P256_X "\",\"y\":\"" P256_Y "\"",
        "\"kty\":\"RSA\",\"n\":\"" RSA_1024_N "\",\"e\":\"AQAB\"",
        "\"kty\":\"RSA\",\"n\":\"" RSA_N "\",\"e\":\"AQ\"",
        "\"kty\":\"RSA\",\"n\":\"" RSA_N "\"",
        "\"kty\":\"OKP\",\"crv\":\"Ed448\",\"x\":\"" ED25519_X "\"",
        "\"kty\":\"OKP\",\"crv\":\"X25519\",\"x\":\"" ED25519_X "\"",
        "\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"AAAA\"",
    };

    for (size_t i = 0; i < sizeof useless / sizeof useless[0]; i++) {
        char text[4096];

        CHECK_INT(alg_of(useless[i]), AA_ALG_NONE);
        snprintf(text, sizeof text, "{\"keys\":[{%s},{" EC_MEMBERS "}]}", useless[i]);
        CHECK_INT(count(text), 1); /* and does not spoil the good one beside it */
    }
}

TEST(jwks, a_document_that_is_no_key_set_is_an_error)
{
    CHECK_ERR(refuse("{}"), AA_ERR_JSON_MISSING);
    CHECK_ERR(refuse("{\"keys\":{}}"), AA_ERR_JSON_TYPE);
    CHECK_ERR(refuse("{\"keys\":null}"), AA_ERR_JSON_MISSING);
    CHECK_ERR(refuse("{\"keys\":[5]}"), AA_ERR_JSON_TYPE);
    CHECK_ERR(refuse("{\"keys\":[{" EC_MEMBERS "},[]]}"), AA_ERR_JSON_TYPE);
    CHECK_ERR(refuse("[]"), AA_ERR_JSON_TYPE);
    CHECK_ERR(refuse("{" EC_MEMBERS "}"), AA_ERR_JSON_MISSING);
    CHECK_ERR(refuse("{\"keys\":[],\"keys\":[]}"), AA_ERR_JSON_MALFORMED);
    CHECK_ERR(refuse(""), AA_ERR_JSON_MALFORMED);
    CHECK_INT(count("{\"keys\":[]}"), 0);
    CHECK_INT(count("{\"keys\":[{" EC_MEMBERS "}],\"more\":1}"), 1);
}

TEST(jwks, a_set_has_64_keys_at_most)
{
    struct aa_jwks *jwks;
    struct aa_buf text;

    aa_buf_init(&text, AA_JWKS_MAX);
    aa_buf_add_text(&text, "{\"keys\":[{" EC_MEMBERS "}");
    for (int i = 1; i < 64; i++)
        aa_buf_add_text(&text, ",{" EC_MEMBERS "}");
    aa_buf_add_text(&text, "]}");
    CHECK_OK(aa_jwks_parse(aa_buf_view(&text), &jwks, NULL));
    CHECK_INT(aa_jwks_len(jwks), 64);
    aa_jwks_release(jwks);
    aa_buf_cut(&text, text.len - 2);
    aa_buf_add_text(&text, ",{" EC_MEMBERS "}]}");
    CHECK_ERR(aa_jwks_parse(aa_buf_view(&text), &jwks, NULL), AA_ERR_TOO_LONG);
    aa_buf_clear(&text);
}

TEST(jwks, a_document_has_64_kib_at_most)
{
    char *text = malloc(AA_JWKS_MAX + 1);
    struct aa_jwks *jwks;

    CHECK(text != NULL);
    memset(text, ' ', AA_JWKS_MAX + 1);
    memcpy(text, "{\"keys\":[]}", 11);
    CHECK_OK(aa_jwks_parse(aa_view_make(text, AA_JWKS_MAX), &jwks, NULL));
    aa_jwks_release(jwks);
    CHECK_ERR(aa_jwks_parse(aa_view_make(text, AA_JWKS_MAX + 1), &jwks, NULL), AA_ERR_TOO_LONG);
    free(text);
}

/* ---- finding ---- */

TEST(jwks, a_key_is_found_by_id_and_algorithm_together)
{
    struct aa_jwks *jwks = parse("{\"keys\":[{\"kid\":\"a\"," EC_MEMBERS "},{\"kid\":\"a\"," RSA_MEMBERS "},{\"kid\":"
                                 "\"b\"," RSA_MEMBERS ",\"alg\":\"PS256\"}]}");

    CHECK_INT(aa_jwks_len(jwks), 3);
    CHECK_INT(aa_key_alg(aa_jwks_find(jwks, VIEW("a"), AA_ALG_ES256)), AA_ALG_ES256);
    CHECK_INT(aa_key_alg(aa_jwks_find(jwks, VIEW("a"), AA_ALG_RS256)), AA_ALG_RS256);
    CHECK_INT(aa_key_alg(aa_jwks_find(jwks, VIEW("b"), AA_ALG_PS256)), AA_ALG_PS256);
    CHECK(aa_jwks_find(jwks, VIEW("b"), AA_ALG_RS256) == NULL);
    CHECK(aa_jwks_find(jwks, VIEW("b"), AA_ALG_ES256) == NULL);
    CHECK(aa_jwks_find(jwks, VIEW("c"), AA_ALG_ES256) == NULL);
    CHECK(aa_jwks_find(jwks, VIEW(""), AA_ALG_ES256) == NULL);
    CHECK(aa_jwks_find(jwks, VIEW("A"), AA_ALG_ES256) == NULL);
    aa_jwks_release(jwks);
}

TEST(jwks, every_key_is_there_by_number_with_its_id)
{
    struct aa_jwks *jwks =
        parse("{\"keys\":[{\"kid\":\"a\"," EC_MEMBERS "},{\"kty\":\"oct\"},{" RSA_MEMBERS ",\"alg\":\"PS256\"}]}");
    struct aa_view kid = VIEW("x");

    CHECK_INT(aa_jwks_len(jwks), 2);
    CHECK_INT(aa_key_alg(aa_jwks_at(jwks, 0, &kid)), AA_ALG_ES256);
    CHECK_VIEW(kid, "a");
    CHECK_INT(aa_key_alg(aa_jwks_at(jwks, 1, &kid)), AA_ALG_PS256);
    CHECK(aa_view_is_absent(kid));
    aa_jwks_release(jwks);
}

TEST(jwks, no_key_has_no_algorithm)
{
    struct aa_jwks *jwks = parse("{\"keys\":[{\"kid\":\"a\"," EC_MEMBERS "}]}");

    CHECK(aa_jwks_find(jwks, VIEW("a"), AA_ALG_NONE) == NULL);
    CHECK(aa_jwks_find(jwks, AA_VIEW_ABSENT, AA_ALG_NONE) == NULL);
    CHECK(aa_jwks_find(jwks, VIEW("a"), AA_ALG_ES256) != NULL);
    aa_jwks_release(jwks);
}

TEST(jwks, without_an_id_only_a_key_that_stands_alone_is_found)
{
    struct aa_jwks *jwks =
        parse("{\"keys\":[{\"kid\":\"a\"," EC_MEMBERS "},{\"kid\":\"b\"," RSA_MEMBERS "},{" RSA_MEMBERS "}]}");

    CHECK(aa_jwks_find(jwks, AA_VIEW_ABSENT, AA_ALG_ES256) != NULL);
    CHECK(aa_jwks_find(jwks, AA_VIEW_ABSENT, AA_ALG_RS256) == NULL);
    CHECK(aa_jwks_find(jwks, AA_VIEW_ABSENT, AA_ALG_EDDSA) == NULL);
    aa_jwks_release(jwks);
}

TEST(jwks, a_key_without_an_id_is_not_found_by_one)
{
    struct aa_jwks *jwks = parse("{\"keys\":[{" EC_MEMBERS "}]}");

    CHECK(aa_jwks_find(jwks, VIEW("a"), AA_ALG_ES256) == NULL);
    CHECK(aa_jwks_find(jwks, AA_VIEW_ABSENT, AA_ALG_ES256) != NULL);
    aa_jwks_release(jwks);
}

TEST(jwks, the_last_owner_ends_it)
{
    struct aa_jwks *jwks = parse("{\"keys\":[{\"kid\":\"a\"," EC_MEMBERS "}]}");

    CHECK(aa_jwks_acquire(jwks) == jwks);
    aa_jwks_release(jwks);
    CHECK_OK(aa_key_verify(aa_jwks_find(jwks, VIEW("a"), AA_ALG_ES256), VIEW(ES256_HEADER "." JOE_PAYLOAD),
                           from_base64url(ES256_SIGNATURE), NULL));
    aa_jwks_release(jwks);
    aa_jwks_release(NULL);
}

/* ---- writing ---- */

TEST(jwk, a_key_is_published_with_its_members_in_order)
{
    struct aa_key *key = new_p256_private();
    struct aa_buf buf;

    aa_buf_init(&buf, 1024);
    CHECK_OK(aa_jwk_add(&buf, key, VIEW("k-1"), NULL));
    CHECK_VIEW(aa_buf_view(&buf), "{\"alg\":\"ES256\",\"crv\":\"P-256\",\"kid\":\"k-1\",\"kty\":\"EC\",\"use\":\"sig\","
                                  "\"x\":\"" P256_X "\",\"y\":\"" P256_Y "\"}");
    aa_buf_clear(&buf);
    aa_key_release(key);
}

TEST(jwk, what_is_published_is_read_again)
{
    struct aa_key *key = new_p256();
    struct aa_jwks *jwks;
    struct aa_buf buf;

    aa_buf_init(&buf, 1024);
    aa_buf_add_text(&buf, "{\"keys\":[");
    CHECK_OK(aa_jwk_add(&buf, key, VIEW("\"quoted\""), NULL));
    aa_buf_add_text(&buf, "]}");
    CHECK_OK(aa_jwks_parse(aa_buf_view(&buf), &jwks, NULL));
    CHECK(aa_jwks_find(jwks, VIEW("\"quoted\""), AA_ALG_ES256) != NULL);
    aa_jwks_release(jwks);
    aa_buf_clear(&buf);
    aa_key_release(key);
}

/* SHA-256 of {"crv":"P-256","kty":"EC","x":…,"y":…}, computed apart from this code. */
TEST(jwk, the_thumbprint_is_that_of_rfc_7638)
{
    struct aa_key *key = new_p256();
    struct aa_buf buf;

    aa_buf_init(&buf, 43);
    CHECK_OK(aa_jwk_add_thumbprint(&buf, key, NULL));
    CHECK_VIEW(aa_buf_view(&buf), "oKIywvGUpTVTyxMQ3bwIIeQUudfr_CkLMjCE19ECD-U");
    aa_buf_clear(&buf);
    aa_key_release(key);
}

TEST(jwk, only_p256_keys_are_published)
{
    struct aa_key *key = new_rsa(RSA_N, AA_ALG_RS256);
    struct aa_buf buf;

    aa_buf_init(&buf, 1024);
    CHECK_ERR(aa_jwk_add(&buf, key, VIEW("a"), NULL), AA_ERR_CRYPTO);
    CHECK_ERR(aa_jwk_add_thumbprint(&buf, key, NULL), AA_ERR_CRYPTO);
    CHECK_INT(buf.len, 0);
    aa_buf_clear(&buf);
    aa_key_release(key);
}

/* ---- memory ---- */

static enum aa_err parse_set(void *ctx)
{
    struct aa_jwks *jwks;
    enum aa_err rc = aa_jwks_parse(VIEW(ctx), &jwks, NULL);

    if (!rc)
        aa_jwks_release(jwks);
    return rc;
}

static enum aa_err write_key(void *ctx)
{
    struct aa_buf buf;
    enum aa_err rc;

    aa_buf_init(&buf, 1024);
    rc = aa_jwk_add(&buf, ctx, VIEW("kid"), NULL);
    if (!rc)
        rc = aa_jwk_add_thumbprint(&buf, ctx, NULL);
    aa_buf_clear(&buf);
    return rc;
}

TEST(jwks, running_out_of_memory_is_no_reason_to_skip_a_key)
{
    char text[] = "{\"keys\":[{\"kid\":\"a\"," EC_MEMBERS "},{\"kid\":\"b\"," RSA_MEMBERS
                  "},{\"kid\":\"c\"," OKP_MEMBERS ",\"key_ops\":[\"verify\"]}]}";
    struct aa_key *key = new_p256();

    CHECK(check_each_allocation(parse_set, text) > 20);
    CHECK(check_each_allocation(write_key, key) > 2);
    aa_key_release(key);
}

/* Assertions of clients: the first line is the time in seconds since 1970, the rest is the assertion. What is taken is
 * about its client, for us, and only for minutes; and nothing verifies with a key of somebody else. */
#include "domain/client_assertion.h"

#include "fuzz.h"
#include "jose/algorithm.h"

#define ISSUER "https://as.example"
#define NOW_MAX INT64_C(4102444800)
/* RFC 7515, appendix A.3. */
#define JWKS                                                                                                           \
    "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","              \
    "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}]}"

static void check_refusal(enum aa_err rc, const struct aa_refused *refused)
{
    MUST(rc == AA_ERR_REQUEST_MALFORMED);
    MUST(refused->error == AA_OAUTH_INVALID_CLIENT && refused->description[0] != '\0');
}

static void check_read(const struct aa_client_assertion *assertion)
{
    const struct aa_json *payload = assertion->jws.payload;

    MUST(aa_alg_name(assertion->jws.alg) != NULL);
    MUST_EQUAL(assertion->claims.sub, aa_json_text(aa_json_get(payload, "sub")));
    MUST_EQUAL(assertion->claims.sub, aa_json_text(aa_json_get(payload, "iss")));
    MUST_EQUAL(assertion->claims.jti, aa_json_text(aa_json_get(payload, "jti")));
    MUST(assertion->claims.sub.len > 0);
    MUST(assertion->claims.jti.len > 0 && assertion->claims.jti.len <= AA_CLIENT_ASSERTION_JTI_MAX);
    MUST(assertion->claims.has_exp && assertion->claims.exp_s >= 0);
}

static bool is_ours(struct aa_view audience)
{
    return aa_view_equal_text(audience, ISSUER) || aa_view_equal_text(audience, ISSUER "/") ||
           aa_view_equal_text(audience, ISSUER "/token") || aa_view_equal_text(audience, ISSUER "/revoke");
}

static bool is_for_us(const struct aa_json *aud)
{
    bool is = is_ours(aa_json_text(aud));

    for (size_t i = 0; aa_json_is(aud, AA_JSON_ARRAY) && i < aa_json_len(aud); i++)
        is = is || is_ours(aa_json_text(aa_json_at(aud, i)));
    return is;
}

static void check_checked(const struct aa_client_assertion *assertion, int64_t now_s)
{
    MUST(is_for_us(assertion->claims.aud));
    MUST(now_s < assertion->claims.exp_s + 60 && assertion->claims.exp_s <= now_s + 660);
    MUST(assertion->claims.nbf_s <= now_s + 60 && assertion->claims.iat_s <= now_s + 60);
    MUST(aa_client_assertion_end_ms(assertion) > now_s * 1000);
}

bool fuzz_one(struct aa_view input)
{
    struct aa_view rest = input, time = fuzz_take_line(&rest);
    struct aa_settings settings = {.issuer = ISSUER};
    struct aa_client_assertion assertion;
    struct aa_refused refused = AA_REFUSED_INIT;
    uint8_t digest[AA_SHA256_LEN];
    int64_t now_s = 0;
    enum aa_err rc;

    MUST_OK(aa_crypto_init(NULL));
    if (aa_view_parse_int64(time, &now_s) || now_s > NOW_MAX)
        return false;
    rc = aa_client_assertion_read(rest, &assertion, &refused, NULL);
    if (rc) {
        check_refusal(rc, &refused);
        return false;
    }
    check_read(&assertion);
    MUST(aa_client_assertion_verify(&assertion, AA_VIEW(JWKS), NULL) == AA_ERR_TOKEN_SIGNATURE);
    MUST_OK(aa_client_assertion_digest(&assertion, digest, NULL));
    rc = aa_client_assertion_check(&assertion, &settings, "/revoke", now_s * 1000, &refused, NULL);
    if (rc)
        check_refusal(rc, &refused);
    else
        check_checked(&assertion, now_s);
    aa_client_assertion_clear(&assertion);
    return rc == AA_OK;
}

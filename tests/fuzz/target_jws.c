/* Signed tokens: what is parsed has one spelling, and one text alone verifies with the key of RFC 7515, appendix A.3:
 * the token printed there. */
#include "base/base64.h"
#include "crypto/crypto.h"
#include "fuzz.h"
#include "jose/algorithm.h"
#include "jose/claims.h"
#include "jose/jws.h"

#define X "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"
#define Y "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"
#define TOKEN                                                                                                          \
    "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0"    \
    "cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"

static struct aa_key *key;

static void make_key(void)
{
    struct aa_buf x, y;

    if (key)
        return;
    aa_buf_init(&x, 32);
    aa_buf_init(&y, 32);
    MUST_OK(aa_crypto_init(NULL));
    MUST_OK(aa_base64url_decode(AA_VIEW(X), &x, NULL));
    MUST_OK(aa_base64url_decode(AA_VIEW(Y), &y, NULL));
    MUST_OK(aa_key_from_p256(aa_buf_view(&x), aa_buf_view(&y), &key, NULL));
    aa_buf_clear(&x);
    aa_buf_clear(&y);
}

static void check_spelling(const struct aa_jws *jws, struct aa_view input)
{
    struct aa_buf again;

    MUST(fuzz_is_inside(jws->signing_input, input));
    aa_buf_init(&again, FUZZ_TEXT_MAX);
    aa_buf_add(&again, jws->signing_input);
    aa_buf_add_char(&again, '.');
    aa_buf_add_base64url(&again, aa_buf_view(&jws->signature));
    MUST_EQUAL(aa_buf_view(&again), input);
    aa_buf_clear(&again);
}

/* The algorithm comes from our table; "crit" is never passed over (RFC 7515 §4.1.11). */
static void check_header(const struct aa_jws *jws)
{
    struct aa_view alg = aa_json_text(aa_json_get(jws->header, "alg"));

    MUST(aa_json_is(jws->header, AA_JSON_OBJECT) && aa_json_is(jws->payload, AA_JSON_OBJECT));
    MUST(!aa_json_get(jws->header, "crit"));
    MUST(jws->alg == aa_alg_find(alg));
    MUST_EQUAL(jws->kid, aa_json_text(aa_json_get(jws->header, "kid")));
    MUST_EQUAL(jws->typ, aa_json_text(aa_json_get(jws->header, "typ")));
}

static void check_claims(const struct aa_json *payload)
{
    struct aa_claims claims;

    if (aa_claims_read(payload, &claims, NULL))
        return;
    MUST(claims.exp_s >= 0 && claims.nbf_s >= 0 && claims.iat_s >= 0);
    MUST(claims.has_exp || claims.exp_s == 0);
    MUST_EQUAL(claims.sub, aa_json_text(aa_json_get(payload, "sub")));
    /* An expired token stays expired. */
    if (claims.has_exp)
        MUST(aa_claims_check_time(&claims, claims.exp_s, NULL) == AA_ERR_TOKEN_EXPIRED);
}

bool fuzz_one(struct aa_view input)
{
    struct aa_jws jws;

    make_key();
    if (aa_jws_parse(input, &jws, NULL))
        return false;
    MUST(input.len <= AA_JWT_MAX);
    check_spelling(&jws, input);
    check_header(&jws);
    check_claims(jws.payload);
    if (aa_view_equal(input, AA_VIEW(TOKEN)))
        MUST_OK(aa_jws_verify(&jws, key, NULL));
    else
        MUST(aa_jws_verify(&jws, key, NULL) != AA_OK);
    aa_jws_clear(&jws);
    return true;
}

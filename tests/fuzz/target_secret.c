/* Codes, refresh tokens and access tokens as strangers present them: each has one row key, which begins with the time
 * that stands in it. */
#include "domain/secret.h"

#include "fuzz.h"
#include "jose/jws.h"

static bool is_secret(const char *prefix, struct aa_view input)
{
    uint8_t key[AA_DIGEST_KEY_LEN], again[AA_DIGEST_KEY_LEN], digest[AA_SHA256_LEN];

    if (aa_secret_find_key(prefix, input, key, NULL))
        return false;
    MUST(input.len < AA_SECRET_MAX && aa_view_has_prefix(input, aa_view_of(prefix)));
    MUST_OK(aa_secret_find_key(prefix, input, again, NULL));
    MUST(memcmp(key, again, sizeof key) == 0);
    MUST_OK(aa_secret_digest(input, digest, NULL));
    MUST(memcmp(key + AA_DIGEST_KEY_LEN - AA_SHA256_LEN, digest, AA_SHA256_LEN) == 0);
    return true;
}

/* The time is that of the claims: a token that is filed under another one would not be found again. */
static bool is_access_token(struct aa_view input)
{
    uint8_t key[AA_DIGEST_KEY_LEN], issued[AA_DIGEST_KEY_LEN];
    struct aa_jws jws;

    if (aa_secret_access_key(input, key, NULL))
        return false;
    MUST(input.len <= AA_JWT_MAX);
    if (aa_jws_parse(input, &jws, NULL))
        return true;
    MUST(aa_json_is(aa_json_get(jws.payload, "iat"), AA_JSON_INTEGER));
    MUST_OK(aa_secret_issued_key(input, aa_json_int(aa_json_get(jws.payload, "iat")), issued, NULL));
    MUST(memcmp(key, issued, sizeof key) == 0);
    aa_jws_clear(&jws);
    return true;
}

bool fuzz_one(struct aa_view input)
{
    static bool is_ready;
    bool is_code, is_refresh, is_access;

    if (!is_ready)
        MUST_OK(aa_crypto_init(NULL));
    is_ready = true;
    is_code = is_secret(AA_CODE_PREFIX, input);
    is_refresh = is_secret(AA_REFRESH_PREFIX, input);
    is_access = is_access_token(input);
    MUST(!is_code || !is_refresh);
    return is_code || is_refresh || is_access;
}

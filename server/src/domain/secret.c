#include "domain/secret.h"

#include <string.h>

#include "base/base64.h"
#include "base/error.h"
#include "base/mem.h"
#include "jose/jws.h"

#define RANDOM_LEN 32
#define RANDOM_TEXT_LEN 43
#define BUCKET_LEN 4
#define BUCKET_TEXT_LEN 6
#define FRONT AA_VIEW("{\"iat\":")
#define FRONT_LEN 24 /* bytes: the longest that holds a time of 16 digits */
#define FRONT_TEXT_LEN 32

/* Until 2106, when it begins anew: then old and new rows share pages, and store/sweep.c no longer finds the oldest
 * tokens first. */
static void bucket_write(int64_t issued_s, uint8_t out[BUCKET_LEN])
{
    uint32_t seconds = (uint32_t)issued_s;

    out[0] = (uint8_t)(seconds >> 24);
    out[1] = (uint8_t)(seconds >> 16);
    out[2] = (uint8_t)(seconds >> 8);
    out[3] = (uint8_t)seconds;
}

enum aa_err aa_secret_digest(struct aa_view secret, uint8_t digest[AA_SHA256_LEN], struct aa_error *err)
{
    if (aa_sha256(secret, digest))
        return aa_fail(err, AA_ERR_CRYPTO, "SHA-256 failed");
    return AA_OK;
}

/* key = bucket || SHA-256(secret) */
static enum aa_err key_write(const uint8_t bucket[BUCKET_LEN], struct aa_view secret, uint8_t key[AA_DIGEST_KEY_LEN],
                             struct aa_error *err)
{
    memcpy(key, bucket, BUCKET_LEN);
    return aa_secret_digest(secret, key + BUCKET_LEN, err);
}

enum aa_err aa_secret_random(const struct aa_app *app, struct aa_buf *out, struct aa_error *err)
{
    uint8_t bytes[RANDOM_LEN];

    if (aa_app_random(app, bytes, sizeof bytes))
        return aa_fail(err, AA_ERR_RANDOM, "no random bytes for a secret");
    aa_buf_add_base64url(out, aa_view_make(bytes, sizeof bytes));
    aa_mem_wipe(bytes, sizeof bytes);
    return aa_buf_check(out, "a secret", err);
}

enum aa_err aa_secret_mint(const struct aa_app *app, const char *prefix, struct aa_buf *secret,
                           uint8_t key[AA_DIGEST_KEY_LEN], struct aa_error *err)
{
    uint8_t bucket[BUCKET_LEN];
    size_t start = secret->len;
    enum aa_err rc;

    bucket_write(aa_app_now_ms(app) / 1000, bucket);
    aa_buf_add_text(secret, prefix);
    aa_buf_add_base64url(secret, aa_view_make(bucket, sizeof bucket));
    rc = aa_secret_random(app, secret, err);
    if (rc)
        return rc;
    return key_write(bucket, aa_view_from(aa_buf_view(secret), start), key, err);
}

enum aa_err aa_secret_derive(const char *prefix, const uint8_t seed[AA_SHA256_LEN], int64_t issued_s,
                             struct aa_buf *secret, uint8_t key[AA_DIGEST_KEY_LEN], struct aa_error *err)
{
    uint8_t bucket[BUCKET_LEN];
    size_t start = secret->len;
    enum aa_err rc;

    bucket_write(issued_s, bucket);
    aa_buf_add_text(secret, prefix);
    aa_buf_add_base64url(secret, aa_view_make(bucket, sizeof bucket));
    aa_buf_add_base64url(secret, aa_view_make(seed, AA_SHA256_LEN));
    rc = aa_buf_check(secret, "a secret", err);
    return rc ? rc : key_write(bucket, aa_view_from(aa_buf_view(secret), start), key, err);
}

enum aa_err aa_secret_find_key(const char *prefix, struct aa_view secret, uint8_t key[AA_DIGEST_KEY_LEN],
                               struct aa_error *err)
{
    size_t prefix_len = strlen(prefix);
    struct aa_buf bucket;
    enum aa_err rc;

    if (secret.len != prefix_len + BUCKET_TEXT_LEN + RANDOM_TEXT_LEN || !aa_view_has_prefix(secret, aa_view_of(prefix)))
        return aa_fail(err, AA_ERR_TOKEN_FORMAT, "not one of our secrets");
    aa_buf_init(&bucket, BUCKET_LEN);
    rc = aa_base64url_decode(aa_view_slice(secret, prefix_len, BUCKET_TEXT_LEN), &bucket, NULL);
    if (rc == AA_ERR_NOMEM)
        rc = aa_fail(err, rc, "out of memory reading a secret");
    else if (rc || bucket.len != BUCKET_LEN)
        rc = aa_fail(err, AA_ERR_TOKEN_FORMAT, "not one of our secrets");
    else
        rc = key_write((const uint8_t *)bucket.data, secret, key, err);
    aa_buf_clear(&bucket);
    return rc;
}

enum aa_err aa_secret_issued_key(struct aa_view token, int64_t issued_s, uint8_t key[AA_DIGEST_KEY_LEN],
                                 struct aa_error *err)
{
    uint8_t bucket[BUCKET_LEN];

    bucket_write(issued_s, bucket);
    return key_write(bucket, token, key, err);
}

/* The front of our claims, `{"iat":1800000000,`, is all that is decoded: introspection asks this of every token. */
static enum aa_err read_issued(struct aa_view payload, int64_t *issued_s, struct aa_error *err)
{
    struct aa_view digits, rest;
    struct aa_buf front;
    enum aa_err rc;

    aa_buf_init(&front, FRONT_LEN);
    rc = aa_base64url_decode(aa_view_slice(payload, 0, FRONT_TEXT_LEN), &front, NULL);
    if (rc == AA_ERR_NOMEM)
        rc = aa_fail(err, rc, "out of memory reading a token");
    else if (rc || !aa_view_has_prefix(aa_buf_view(&front), FRONT) ||
             !aa_view_cut(aa_view_from(aa_buf_view(&front), FRONT.len), ',', &digits, &rest) ||
             aa_view_parse_int64(digits, issued_s))
        rc = aa_fail(err, AA_ERR_TOKEN_FORMAT, "not one of our access tokens");
    aa_buf_clear(&front);
    return rc;
}

enum aa_err aa_secret_access_key(struct aa_view token, uint8_t key[AA_DIGEST_KEY_LEN], struct aa_error *err)
{
    struct aa_view header, payload, signature, rest;
    int64_t issued_s;
    enum aa_err rc;

    if (token.len > AA_JWT_MAX || !aa_view_cut(token, '.', &header, &rest) ||
        !aa_view_cut(rest, '.', &payload, &signature))
        return aa_fail(err, AA_ERR_TOKEN_FORMAT, "not one of our access tokens");
    rc = read_issued(payload, &issued_s, err);
    if (rc)
        return rc;
    return aa_secret_issued_key(token, issued_s, key, err);
}

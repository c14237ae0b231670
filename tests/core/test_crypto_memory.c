/* What happens when OpenSSL's own allocations fail: a good key or token is never called bad, and a bad one never good.
 */
#include <errno.h>
#include <openssl/crypto.h>
#include <stdlib.h>

#include "base/mem.h"
#include "crypto/crypto.h"
#include "jose/jwks.h"
#include "support_keys.h"

#define ALLOCATIONS_MAX 5000

/* Of the thread that runs the test; 0: none fails. */
static _Thread_local size_t asked;
static _Thread_local size_t fail_at;

static bool must_fail(void)
{
    if (++asked != fail_at)
        return false;
    errno = ENOMEM;
    return true;
}

static void *allocate(size_t size, const char *file, int line)
{
    (void)file;
    (void)line;
    return must_fail() ? NULL : malloc(size);
}

static void *resize(void *memory, size_t size, const char *file, int line)
{
    (void)file;
    (void)line;
    return must_fail() ? NULL : realloc(memory, size);
}

static void release(void *memory, const char *file, int line)
{
    (void)file;
    (void)line;
    free(memory);
}

/* OpenSSL takes them only before it has allocated anything. */
__attribute__((constructor(101))) static void take_over(void)
{
    if (CRYPTO_set_mem_functions(allocate, resize, release) != 1)
        abort();
}

typedef enum aa_err (*attempt_fn)(void *ctx);

/* Calls `attempt` once with every allocation failing in turn. The result is `normal`, or trouble of ours. */
static void check_each(attempt_fn attempt, void *ctx, enum aa_err normal)
{
    size_t troubles = 0;
    size_t count;

    CHECK_ERR(attempt(ctx), normal); /* what is made once is made now */
    asked = 0;
    CHECK_ERR(attempt(ctx), normal);
    count = asked;
    CHECK(count > 0 && count < ALLOCATIONS_MAX);
    for (size_t nth = 1; nth <= count; nth++) {
        enum aa_err rc;

        asked = 0;
        fail_at = nth;
        rc = attempt(ctx);
        fail_at = 0;
        if (rc != normal && aa_err_class_of(rc) != AA_CLASS_INTERNAL)
            fail_msg("allocation %zu of %zu failed and the result was %s", nth, count, aa_err_name(rc));
        troubles += rc != normal;
    }
    CHECK(troubles > 0);
    CHECK_ERR(attempt(ctx), normal);
}

static enum aa_err verify_good(void *key)
{
    return aa_key_verify(key, VIEW(ES256_HEADER "." JOE_PAYLOAD), from_base64url(ES256_SIGNATURE), NULL);
}

static enum aa_err verify_changed(void *key)
{
    return aa_key_verify(key, VIEW(ES256_HEADER "." JOE_PAYLOAD "x"), from_base64url(ES256_SIGNATURE), NULL);
}

static enum aa_err verify_good_rsa(void *key)
{
    return aa_key_verify(key, VIEW("message"), from_base64url(PSS_SIGNATURE), NULL);
}

static enum aa_err verify_changed_rsa(void *key)
{
    return aa_key_verify(key, VIEW("massage"), from_base64url(PSS_SIGNATURE), NULL);
}

static enum aa_err verify_good_ed25519(void *key)
{
    return aa_key_verify(key, VIEW(ED25519_MESSAGE), from_base64url(ED25519_SIGNATURE), NULL);
}

TEST(openssl_memory, a_good_signature_is_never_called_bad_nor_a_bad_one_good)
{
    struct aa_key *p256 = new_p256();
    struct aa_key *pss = new_rsa(PSS_N, AA_ALG_PS256);
    struct aa_key *ed25519 = new_ed25519();

    check_each(verify_good, p256, AA_OK);
    check_each(verify_changed, p256, AA_ERR_TOKEN_SIGNATURE);
    check_each(verify_good_rsa, pss, AA_OK);
    check_each(verify_changed_rsa, pss, AA_ERR_TOKEN_SIGNATURE);
    check_each(verify_good_ed25519, ed25519, AA_OK);
    aa_key_release(p256);
    aa_key_release(pss);
    aa_key_release(ed25519);
}

static enum aa_err parse_set(void *ctx)
{
    static const char text[] = "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" P256_X "\",\"y\":\"" P256_Y
                               "\"},{\"kty\":\"RSA\",\"n\":\"" RSA_N
                               "\",\"e\":\"AQAB\"},{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"" ED25519_X "\"}]}";
    struct aa_jwks *jwks;
    enum aa_err rc = aa_jwks_parse(VIEW(text), &jwks, NULL);

    (void)ctx;
    if (rc)
        return rc;
    CHECK_INT(aa_jwks_len(jwks), 3);
    aa_jwks_release(jwks);
    return AA_OK;
}

TEST(openssl_memory, no_good_key_of_a_set_is_skipped)
{
    check_each(parse_set, NULL, AA_OK);
}

static enum aa_err sign(void *key)
{
    struct aa_buf signature;
    enum aa_err rc;

    aa_buf_init(&signature, 64);
    rc = aa_key_sign(key, VIEW("message"), &signature, NULL);
    CHECK(rc || signature.len == 64);
    aa_buf_clear(&signature);
    return rc;
}

static enum aa_err store_and_load(void *key)
{
    struct aa_key *loaded = NULL;
    struct aa_buf der;
    enum aa_err rc;

    aa_buf_init(&der, 1024);
    rc = aa_key_build_pkcs8(key, &der, NULL);
    if (!rc)
        rc = aa_key_parse_pkcs8(aa_buf_view(&der), &loaded, NULL);
    aa_key_release(loaded);
    aa_buf_wipe_clear(&der);
    return rc;
}

static enum aa_err seal_and_open(void *ctx)
{
    static const uint8_t key[32] = {7};
    struct aa_buf sealed;
    struct aa_buf plain;
    enum aa_err rc;

    (void)ctx;
    aa_buf_init(&sealed, 100);
    aa_buf_init(&plain, 100);
    rc = aa_seal(key, VIEW("aad"), VIEW("secret"), aa_random_system, NULL, &sealed);
    if (!rc)
        rc = aa_unseal(key, VIEW("aad"), aa_buf_view(&sealed), &plain);
    CHECK(rc || aa_view_equal_text(aa_buf_view(&plain), "secret"));
    aa_buf_clear(&sealed);
    aa_buf_wipe_clear(&plain);
    return rc;
}

/* From a thread that has no context yet. */
static enum aa_err digest_anew(void *ctx)
{
    uint8_t digest[AA_SHA256_LEN];
    enum aa_err rc;

    (void)ctx;
    aa_crypto_thread_clear();
    rc = aa_sha256(VIEW("abc"), digest);
    CHECK(rc || digest[0] == 0xba);
    return rc;
}

static enum aa_err compute_hmac(void *ctx)
{
    uint8_t digest[AA_SHA256_LEN];
    enum aa_err rc = aa_hmac_sha256(VIEW("Jefe"), VIEW("what do ya want for nothing?"), digest);

    (void)ctx;
    CHECK(rc || digest[0] == 0x5b);
    return rc;
}

static enum aa_err stretch(void *ctx)
{
    uint8_t out[32];
    enum aa_err rc = aa_pbkdf2_sha256(VIEW("passwd"), VIEW("salt"), 1, out, sizeof out);

    (void)ctx;
    CHECK(rc || out[0] == 0x55);
    return rc;
}

TEST(openssl_memory, everything_else_works_or_says_that_it_does_not)
{
    struct aa_key *key = new_p256_private();

    check_each(sign, key, AA_OK);
    check_each(store_and_load, key, AA_OK);
    check_each(seal_and_open, NULL, AA_OK);
    check_each(digest_anew, NULL, AA_OK);
    check_each(compute_hmac, NULL, AA_OK);
    check_each(stretch, NULL, AA_OK);
    aa_key_release(key);
}

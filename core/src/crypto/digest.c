#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/params.h>

#include "base/error.h"
#include "base/mem.h"
#include "crypto/algorithms.h"

enum aa_err aa_sha256(struct aa_view bytes, uint8_t out[AA_SHA256_LEN])
{
    const struct aa_algorithms *algorithms = aa_algorithms_get();
    EVP_MD_CTX *context = aa_thread_digest();

    if (!algorithms)
        return AA_ERR_CRYPTO;
    if (!context)
        return AA_ERR_NOMEM;
    if (!EVP_DigestInit_ex2(context, algorithms->sha256, NULL) || !EVP_DigestUpdate(context, bytes.data, bytes.len) ||
        !EVP_DigestFinal_ex(context, out, NULL))
        return AA_ERR_CRYPTO;
    return AA_OK;
}

struct aa_hmac {
    EVP_MAC_CTX *context;
};

enum aa_err aa_hmac_new(struct aa_view key, struct aa_hmac **out, struct aa_error *err)
{
    char digest[] = "SHA2-256";
    OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0), OSSL_PARAM_END};
    const struct aa_algorithms *algorithms = aa_algorithms_get();
    struct aa_hmac *hmac;

    if (!algorithms)
        return aa_fail(err, AA_ERR_CRYPTO, "OpenSSL does not offer HMAC");
    hmac = aa_mem_new(sizeof *hmac);
    if (!hmac)
        return aa_fail(err, AA_ERR_NOMEM, "out of memory for an HMAC key");
    hmac->context = EVP_MAC_CTX_new(algorithms->hmac);
    if (!hmac->context || !EVP_MAC_init(hmac->context, (const unsigned char *)key.data, key.len, params)) {
        aa_hmac_free(hmac);
        return aa_fail(err, AA_ERR_CRYPTO, "an HMAC key could not be set up");
    }
    *out = hmac;
    return AA_OK;
}

void aa_hmac_free(struct aa_hmac *hmac)
{
    if (!hmac)
        return;
    EVP_MAC_CTX_free(hmac->context);
    aa_mem_free(hmac);
}

enum aa_err aa_hmac_compute(struct aa_hmac *hmac, const struct aa_view *parts, size_t count, uint8_t out[AA_SHA256_LEN])
{
    size_t len;

    if (!EVP_MAC_init(hmac->context, NULL, 0, NULL)) /* the same key again */
        return AA_ERR_CRYPTO;
    for (size_t i = 0; i < count; i++)
        if (parts[i].len && !EVP_MAC_update(hmac->context, (const unsigned char *)parts[i].data, parts[i].len))
            return AA_ERR_CRYPTO;
    return EVP_MAC_final(hmac->context, out, &len, AA_SHA256_LEN) ? AA_OK : AA_ERR_CRYPTO;
}

enum aa_err aa_hmac_sha256(struct aa_view key, struct aa_view bytes, uint8_t out[AA_SHA256_LEN])
{
    struct aa_hmac *hmac;
    enum aa_err rc = aa_hmac_new(key, &hmac, NULL);

    if (rc)
        return rc;
    rc = aa_hmac_compute(hmac, &bytes, 1, out);
    aa_hmac_free(hmac);
    return rc;
}

bool aa_ct_equal(struct aa_view a, struct aa_view b)
{
    if (!a.data || !b.data || a.len != b.len)
        return false;
    return CRYPTO_memcmp(a.data, b.data, a.len) == 0;
}

enum aa_err aa_pbkdf2_sha256(struct aa_view secret, struct aa_view salt, uint32_t rounds, void *out, size_t out_len)
{
    const struct aa_algorithms *algorithms = aa_algorithms_get();
    char digest[] = "SHA2-256";
    unsigned int iterations = rounds;
    int unchecked =
        1; /* SP 800-132's limits on password length are for people's passwords; ours are 32 random characters */
    OSSL_PARAM params[6];
    EVP_KDF_CTX *context;
    int ok;

    if (!algorithms)
        return AA_ERR_CRYPTO;
    /* OSSL_PARAM takes no const; the library reads only. */
    params[0] = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_PASSWORD, (void *)(uintptr_t)secret.data, secret.len);
    params[1] = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, (void *)(uintptr_t)salt.data, salt.len);
    params[2] = OSSL_PARAM_construct_uint(OSSL_KDF_PARAM_ITER, &iterations);
    params[3] = OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0);
    params[4] = OSSL_PARAM_construct_int(OSSL_KDF_PARAM_PKCS5, &unchecked);
    params[5] = OSSL_PARAM_construct_end();
    context = EVP_KDF_CTX_new(algorithms->pbkdf2);
    if (!context)
        return AA_ERR_NOMEM;
    ok = EVP_KDF_derive(context, out, out_len, params);
    EVP_KDF_CTX_free(context);
    return ok == 1 ? AA_OK : AA_ERR_CRYPTO;
}

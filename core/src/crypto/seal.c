#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"
#include "crypto/algorithms.h"

#define NONCE_LEN 12
#define TAG_LEN 16

/* Runs one GCM pass over aad and input; the caller deals with the tag. */
static bool run(EVP_CIPHER_CTX *context, bool encrypt, const uint8_t key[32], const uint8_t *nonce, struct aa_view aad,
                struct aa_view in, uint8_t *out)
{
    const struct aa_algorithms *algorithms = aa_algorithms_get();
    int len;

    if (!algorithms || !EVP_CipherInit_ex2(context, algorithms->aes_256_gcm, key, nonce, encrypt, NULL))
        return false;
    if (aad.len && !EVP_CipherUpdate(context, NULL, &len, (const unsigned char *)aad.data, (int)aad.len))
        return false;
    return !in.len || EVP_CipherUpdate(context, out, &len, (const unsigned char *)in.data, (int)in.len);
}

enum aa_err aa_seal(const uint8_t key[32], struct aa_view aad, struct aa_view plain, aa_random_fn random,
                    void *random_ctx, struct aa_buf *out)
{
    size_t sealed_len = NONCE_LEN + plain.len + TAG_LEN;
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    uint8_t *sealed = aa_mem_new(sealed_len);
    enum aa_err rc = AA_ERR_NOMEM;
    int len;

    if (!context || !sealed)
        goto done;
    rc = random(random_ctx, sealed, NONCE_LEN);
    if (rc)
        goto done;
    rc = AA_ERR_CRYPTO;
    if (!run(context, true, key, sealed, aad, plain, sealed + NONCE_LEN) ||
        !EVP_CipherFinal_ex(context, sealed + NONCE_LEN + plain.len, &len) ||
        !EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, TAG_LEN, sealed + NONCE_LEN + plain.len))
        goto done;
    aa_buf_add(out, aa_view_make(sealed, sealed_len));
    rc = aa_buf_check(out, "a sealed value", NULL);
done:
    EVP_CIPHER_CTX_free(context);
    aa_mem_free(sealed);
    return rc;
}

enum aa_err aa_unseal(const uint8_t key[32], struct aa_view aad, struct aa_view sealed, struct aa_buf *out)
{
    EVP_CIPHER_CTX *context = NULL;
    struct aa_view inner;
    uint8_t tag[TAG_LEN];
    uint8_t *plain;
    enum aa_err rc = AA_ERR_NOMEM;
    int len;

    if (sealed.len < NONCE_LEN + TAG_LEN)
        return AA_ERR_CRYPTO;
    inner = aa_view_slice(sealed, NONCE_LEN, sealed.len - NONCE_LEN - TAG_LEN);
    memcpy(tag, sealed.data + sealed.len - TAG_LEN, TAG_LEN);
    plain = aa_mem_new(inner.len + 1);
    context = EVP_CIPHER_CTX_new();
    if (!plain || !context)
        goto done;
    rc = AA_ERR_CRYPTO;
    if (!run(context, false, key, (const uint8_t *)sealed.data, aad, inner, plain) ||
        !EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, TAG_LEN, tag) ||
        EVP_CipherFinal_ex(context, plain + inner.len, &len) != 1)
        goto done;
    aa_buf_add(out, aa_view_make(plain, inner.len));
    rc = aa_buf_check(out, "an unsealed value", NULL);
done:
    EVP_CIPHER_CTX_free(context);
    aa_mem_wipe_free(plain, inner.len);
    return rc;
}

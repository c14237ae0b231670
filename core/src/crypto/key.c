#include "crypto/key.h"

#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <stdatomic.h>

#include "base/error.h"
#include "base/mem.h"
#include "crypto/algorithms.h"

#define P256_FIELD_LEN 32
#define ES256_LEN 64
#define RSA_BITS_MIN 2048 /* RFC 7518 §3.3 */
#define RSA_BITS_MAX 8192 /* larger keys are a way to burn our time */

struct aa_key {
    atomic_uint references;
    enum aa_alg alg;
    EVP_PKEY *pkey;
};

/* OpenSSL does not always tell a failed allocation from a bad key or signature; errno does (POSIX, malloc), if it was
 * cleared before. Without memory a good token must not be called bad, nor a good key be skipped. */
static enum aa_err fail(struct aa_error *err, enum aa_err code, const char *message)
{
    ERR_clear_error();
    if (errno == ENOMEM)
        return aa_fail(err, AA_ERR_NOMEM, "out of memory for a key or a signature");
    return aa_fail(err, code, "%s", message);
}

/* Takes pkey over, also on failure. */
static enum aa_err wrap(EVP_PKEY *pkey, enum aa_alg alg, struct aa_key **out, struct aa_error *err)
{
    struct aa_key *key;

    if (!pkey)
        return fail(err, AA_ERR_CRYPTO, "a key is not usable");
    key = aa_mem_new(sizeof *key);
    if (!key) {
        EVP_PKEY_free(pkey);
        return aa_fail(err, AA_ERR_NOMEM, "out of memory for a key");
    }
    atomic_init(&key->references, 1);
    key->alg = alg;
    key->pkey = pkey;
    *out = key;
    return AA_OK;
}

struct aa_key *aa_key_acquire(struct aa_key *key)
{
    atomic_fetch_add_explicit(&key->references, 1, memory_order_relaxed);
    return key;
}

void aa_key_release(struct aa_key *key)
{
    if (!key || atomic_fetch_sub_explicit(&key->references, 1, memory_order_acq_rel) != 1)
        return;
    EVP_PKEY_free(key->pkey);
    aa_mem_free(key);
}

enum aa_alg aa_key_alg(const struct aa_key *key)
{
    return key->alg;
}

enum aa_err aa_key_generate_p256(struct aa_key **out, struct aa_error *err)
{
    errno = 0;
    return wrap(EVP_EC_gen("P-256"), AA_ALG_ES256, out, err);
}

enum aa_err aa_key_build_pkcs8(const struct aa_key *key, struct aa_buf *out, struct aa_error *err)
{
    PKCS8_PRIV_KEY_INFO *info;
    unsigned char *der = NULL;
    int len;

    errno = 0;
    info = EVP_PKEY2PKCS8(key->pkey);
    len = info ? i2d_PKCS8_PRIV_KEY_INFO(info, &der) : -1;
    PKCS8_PRIV_KEY_INFO_free(info);
    if (len <= 0)
        return fail(err, AA_ERR_CRYPTO, "a private key could not be written");
    aa_buf_add(out, aa_view_make(der, (size_t)len));
    OPENSSL_clear_free(der, (size_t)len);
    return aa_buf_check(out, "a private key", err);
}

static bool is_p256(EVP_PKEY *pkey)
{
    char group[32];

    return pkey && EVP_PKEY_is_a(pkey, "EC") && EVP_PKEY_get_group_name(pkey, group, sizeof group, NULL) &&
           strcmp(group, "prime256v1") == 0;
}

enum aa_err aa_key_parse_pkcs8(struct aa_view der, struct aa_key **out, struct aa_error *err)
{
    const unsigned char *at = (const unsigned char *)der.data;
    PKCS8_PRIV_KEY_INFO *info;
    EVP_PKEY *pkey;

    errno = 0;
    info = d2i_PKCS8_PRIV_KEY_INFO(NULL, &at, (long)der.len);
    pkey = info ? EVP_PKCS82PKEY(info) : NULL;
    PKCS8_PRIV_KEY_INFO_free(info);
    if (!is_p256(pkey)) {
        EVP_PKEY_free(pkey);
        return fail(err, AA_ERR_CRYPTO, "a stored private key is no P-256 key");
    }
    return wrap(pkey, AA_ALG_ES256, out, err);
}

/* A public key from parameters; NULL when OpenSSL refuses them (a point off the curve, for one). */
static EVP_PKEY *from_params(const char *type, OSSL_PARAM *params)
{
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
    EVP_PKEY *pkey = NULL;

    if (context && EVP_PKEY_fromdata_init(context) == 1 &&
        EVP_PKEY_fromdata(context, &pkey, EVP_PKEY_PUBLIC_KEY, params) != 1)
        pkey = NULL;
    EVP_PKEY_CTX_free(context);
    return pkey;
}

static bool passes_public_check(EVP_PKEY *pkey)
{
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_pkey(NULL, pkey, NULL);
    bool good = context && EVP_PKEY_public_check(context) == 1;

    EVP_PKEY_CTX_free(context);
    return good;
}

enum aa_err aa_key_from_p256(struct aa_view x, struct aa_view y, struct aa_key **out, struct aa_error *err)
{
    unsigned char point[1 + 2 * P256_FIELD_LEN] = {4}; /* uncompressed */
    char group[] = "prime256v1";
    OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
                           OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point, sizeof point),
                           OSSL_PARAM_END};
    EVP_PKEY *pkey;

    if (x.len != P256_FIELD_LEN || y.len != P256_FIELD_LEN) /* RFC 7518 §6.2.1.2: full size */
        return aa_fail(err, AA_ERR_CRYPTO, "a P-256 coordinate is not 32 bytes");
    memcpy(point + 1, x.data, P256_FIELD_LEN);
    memcpy(point + 1 + P256_FIELD_LEN, y.data, P256_FIELD_LEN);
    errno = 0;
    pkey = from_params("EC", params);
    if (pkey && !passes_public_check(pkey)) {
        EVP_PKEY_free(pkey);
        pkey = NULL;
    }
    return wrap(pkey, AA_ALG_ES256, out, err);
}

static OSSL_PARAM *build_rsa_params(BIGNUM *n, BIGNUM *e)
{
    OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
    OSSL_PARAM *params = NULL;

    if (builder && n && e && OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, n) &&
        OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_E, e))
        params = OSSL_PARAM_BLD_to_param(builder);
    OSSL_PARAM_BLD_free(builder);
    return params;
}

enum aa_err aa_key_from_rsa(struct aa_view n, struct aa_view e, enum aa_alg alg, struct aa_key **out,
                            struct aa_error *err)
{
    BIGNUM *modulus = NULL;
    BIGNUM *exponent = NULL;
    OSSL_PARAM *params = NULL;
    EVP_PKEY *pkey = NULL;
    enum aa_err rc;

    if (alg != AA_ALG_RS256 && alg != AA_ALG_PS256)
        return aa_fail(err, AA_ERR_CRYPTO, "an RSA key is for RS256 or PS256");
    if (n.len > RSA_BITS_MAX / 8 + 1 || e.len > 8)
        return aa_fail(err, AA_ERR_CRYPTO, "an RSA key is too large");
    errno = 0;
    modulus = BN_bin2bn((const unsigned char *)n.data, (int)n.len, NULL);
    exponent = BN_bin2bn((const unsigned char *)e.data, (int)e.len, NULL);
    params = build_rsa_params(modulus, exponent);
    if (params && BN_num_bits(modulus) >= RSA_BITS_MIN && BN_num_bits(modulus) <= RSA_BITS_MAX && BN_is_odd(exponent) &&
        !BN_is_one(exponent))
        pkey = from_params("RSA", params);
    rc = wrap(pkey, alg, out, err);
    OSSL_PARAM_free(params);
    BN_free(modulus);
    BN_free(exponent);
    return rc;
}

enum aa_err aa_key_from_ed25519(struct aa_view x, struct aa_key **out, struct aa_error *err)
{
    errno = 0;
    return wrap(EVP_PKEY_new_raw_public_key_ex(NULL, "ED25519", NULL, (const unsigned char *)x.data, x.len),
                AA_ALG_EDDSA, out, err);
}

enum aa_err aa_key_get_p256(const struct aa_key *key, uint8_t x[32], uint8_t y[32])
{
    unsigned char point[1 + 2 * P256_FIELD_LEN];
    size_t len;

    if (key->alg != AA_ALG_ES256 ||
        EVP_PKEY_get_octet_string_param(key->pkey, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof point, &len) != 1 ||
        len != sizeof point || point[0] != 4)
        return AA_ERR_CRYPTO;
    memcpy(x, point + 1, P256_FIELD_LEN);
    memcpy(y, point + 1 + P256_FIELD_LEN, P256_FIELD_LEN);
    return AA_OK;
}

/* DER SEQUENCE { r, s } to r || s (RFC 7518 §3.4). */
static bool der_to_raw(const unsigned char *der, size_t len, unsigned char raw[ES256_LEN])
{
    ECDSA_SIG *signature = d2i_ECDSA_SIG(NULL, &der, (long)len);
    bool good = signature && BN_bn2binpad(ECDSA_SIG_get0_r(signature), raw, P256_FIELD_LEN) == P256_FIELD_LEN &&
                BN_bn2binpad(ECDSA_SIG_get0_s(signature), raw + P256_FIELD_LEN, P256_FIELD_LEN) == P256_FIELD_LEN;

    ECDSA_SIG_free(signature);
    return good;
}

static int raw_to_der(struct aa_view raw, unsigned char **der)
{
    ECDSA_SIG *signature = ECDSA_SIG_new();
    BIGNUM *r = BN_bin2bn((const unsigned char *)raw.data, P256_FIELD_LEN, NULL);
    BIGNUM *s = BN_bin2bn((const unsigned char *)raw.data + P256_FIELD_LEN, P256_FIELD_LEN, NULL);
    int len = -1;

    if (signature && r && s && ECDSA_SIG_set0(signature, r, s)) {
        r = NULL;
        s = NULL; /* the signature owns them now */
        len = i2d_ECDSA_SIG(signature, der);
    }
    BN_free(r);
    BN_free(s);
    ECDSA_SIG_free(signature);
    return len;
}

enum aa_err aa_key_sign(const struct aa_key *key, struct aa_view message, struct aa_buf *signature,
                        struct aa_error *err)
{
    EVP_MD_CTX *context = aa_thread_digest();
    unsigned char der[80]; /* a P-256 signature in DER is 72 bytes at most */
    unsigned char raw[ES256_LEN];
    size_t len = sizeof der;
    bool signed_;

    if (!context)
        return aa_fail(err, AA_ERR_NOMEM, "out of memory for a signature");
    if (key->alg != AA_ALG_ES256)
        return aa_fail(err, AA_ERR_CRYPTO, "only P-256 keys sign");
    errno = 0;
    signed_ = EVP_DigestSignInit_ex(context, NULL, "SHA2-256", NULL, NULL, key->pkey, NULL) == 1 &&
              EVP_DigestSign(context, der, &len, (const unsigned char *)message.data, message.len) == 1 &&
              der_to_raw(der, len, raw);
    EVP_MD_CTX_reset(context);
    if (!signed_)
        return fail(err, AA_ERR_CRYPTO, "signing failed");
    aa_buf_add(signature, aa_view_make(raw, sizeof raw));
    return aa_buf_check(signature, "a signature", err);
}

static bool set_pss(EVP_PKEY_CTX *context)
{
    return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING) == 1 &&
           EVP_PKEY_CTX_set_rsa_pss_saltlen(context, RSA_PSS_SALTLEN_DIGEST) == 1; /* RFC 7518 §3.5 */
}

static enum aa_err verify_with(const struct aa_key *key, struct aa_view message, struct aa_view signature,
                               struct aa_error *err)
{
    const char *digest = key->alg == AA_ALG_EDDSA ? NULL : "SHA2-256";
    EVP_MD_CTX *context = aa_thread_digest();
    EVP_PKEY_CTX *parameters = NULL;
    bool ready;
    bool good;

    ready = context && EVP_DigestVerifyInit_ex(context, &parameters, digest, NULL, NULL, key->pkey, NULL) == 1 &&
            (key->alg != AA_ALG_PS256 || set_pss(parameters));
    good = ready && EVP_DigestVerify(context, (const unsigned char *)signature.data, signature.len,
                                     (const unsigned char *)message.data, message.len) == 1;
    if (context)
        EVP_MD_CTX_reset(context);
    if (!ready)
        return fail(err, AA_ERR_CRYPTO, "a signature could not be checked");
    return good ? AA_OK : fail(err, AA_ERR_TOKEN_SIGNATURE, "the signature does not verify");
}

enum aa_err aa_key_verify(const struct aa_key *key, struct aa_view message, struct aa_view signature,
                          struct aa_error *err)
{
    unsigned char *der = NULL;
    enum aa_err rc;
    int len;

    errno = 0;
    if (key->alg != AA_ALG_ES256)
        return verify_with(key, message, signature, err);
    if (signature.len != ES256_LEN)
        return aa_fail(err, AA_ERR_TOKEN_SIGNATURE, "the signature has not %d bytes", ES256_LEN);
    len = raw_to_der(signature, &der);
    if (len <= 0)
        return fail(err, AA_ERR_CRYPTO, "a signature could not be read");
    rc = verify_with(key, message, aa_view_make(der, (size_t)len), err);
    OPENSSL_free(der);
    return rc;
}

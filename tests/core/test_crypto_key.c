#include "crypto/key.h"

#include "support_keys.h"
#include "support_memory.h"

static enum aa_err verify(const struct aa_key *key, const char *message, struct aa_view signature)
{
    return aa_key_verify(key, VIEW(message), signature, NULL);
}

/* ---- verifying ---- */

TEST(key, es256_of_rfc_7515_verifies)
{
    struct aa_key *key = new_p256();

    CHECK_INT(aa_key_alg(key), AA_ALG_ES256);
    CHECK_OK(verify(key, ES256_HEADER "." JOE_PAYLOAD, from_base64url(ES256_SIGNATURE)));
    CHECK_ERR(verify(key, ES256_HEADER "." JOE_PAYLOAD "x", from_base64url(ES256_SIGNATURE)), AA_ERR_TOKEN_SIGNATURE);
    aa_key_release(key);
}

TEST(key, rs256_of_rfc_7515_verifies)
{
    struct aa_key *key = new_rsa(RSA_N, AA_ALG_RS256);

    CHECK_INT(aa_key_alg(key), AA_ALG_RS256);
    CHECK_OK(verify(key, RS256_HEADER "." JOE_PAYLOAD, from_base64url(RS256_SIGNATURE)));
    CHECK_ERR(verify(key, RS256_HEADER "." JOE_PAYLOAD "x", from_base64url(RS256_SIGNATURE)), AA_ERR_TOKEN_SIGNATURE);
    aa_key_release(key);
}

TEST(key, eddsa_of_rfc_8037_verifies)
{
    struct aa_key *key = new_ed25519();

    CHECK_INT(aa_key_alg(key), AA_ALG_EDDSA);
    CHECK_OK(verify(key, ED25519_MESSAGE, from_base64url(ED25519_SIGNATURE)));
    CHECK_ERR(verify(key, ED25519_MESSAGE "x", from_base64url(ED25519_SIGNATURE)), AA_ERR_TOKEN_SIGNATURE);
    aa_key_release(key);
}

TEST(key, ps256_wants_a_salt_as_long_as_the_digest) /* RFC 7518 §3.5 */
{
    struct aa_key *key = new_rsa(PSS_N, AA_ALG_PS256);

    CHECK_OK(verify(key, "message", from_base64url(PSS_SIGNATURE)));
    CHECK_ERR(verify(key, "message", from_base64url(PSS_SIGNATURE_SALT_20)), AA_ERR_TOKEN_SIGNATURE);
    aa_key_release(key);
}

TEST(key, the_algorithm_belongs_to_the_key)
{
    struct aa_key *pkcs1 = new_rsa(PSS_N, AA_ALG_RS256);
    struct aa_key *pss = new_rsa(PSS_N, AA_ALG_PS256);

    CHECK_OK(verify(pkcs1, "message", from_base64url(PKCS1_SIGNATURE)));
    CHECK_ERR(verify(pkcs1, "message", from_base64url(PSS_SIGNATURE)), AA_ERR_TOKEN_SIGNATURE);
    CHECK_OK(verify(pss, "message", from_base64url(PSS_SIGNATURE)));
    CHECK_ERR(verify(pss, "message", from_base64url(PKCS1_SIGNATURE)), AA_ERR_TOKEN_SIGNATURE);
    aa_key_release(pkcs1);
    aa_key_release(pss);
}

TEST(key, an_es256_signature_has_exactly_64_bytes)
{
    struct aa_key *key = new_p256();
    const char *message = ES256_HEADER "." JOE_PAYLOAD;
    char signature[66] = {0};

    memcpy(signature, from_base64url(ES256_SIGNATURE).data, 64);
    CHECK_ERR(verify(key, message, aa_view_make(signature, 63)), AA_ERR_TOKEN_SIGNATURE);
    CHECK_OK(verify(key, message, aa_view_make(signature, 64)));
    CHECK_ERR(verify(key, message, aa_view_make(signature, 65)), AA_ERR_TOKEN_SIGNATURE);
    CHECK_ERR(verify(key, message, AA_VIEW("")), AA_ERR_TOKEN_SIGNATURE);
    CHECK_ERR(verify(key, message, AA_VIEW_ABSENT), AA_ERR_TOKEN_SIGNATURE);
    aa_key_release(key);
}

TEST(key, a_der_signature_is_none) /* OpenSSL would take it; JOSE does not */
{
    struct aa_view raw = from_base64url(ES256_SIGNATURE);
    struct aa_key *key = new_p256();
    unsigned char der[72] = {0x30, 70, 0x02, 32};

    memcpy(der + 4, raw.data, 32); /* r begins with 0x0e: no sign byte */
    der[36] = 0x02;
    der[37] = 33; /* s begins with 0xc5: one sign byte */
    memcpy(der + 39, raw.data + 32, 32);
    der[1] = 69;
    CHECK_ERR(verify(key, ES256_HEADER "." JOE_PAYLOAD, aa_view_make(der, 71)), AA_ERR_TOKEN_SIGNATURE);
    CHECK_OK(verify(key, ES256_HEADER "." JOE_PAYLOAD, raw));
    aa_key_release(key);
}

TEST(key, a_signature_of_zeros_signs_nothing) /* CVE-2022-21449 */
{
    struct aa_key *key = new_p256();
    char zeros[64] = {0};

    CHECK_ERR(verify(key, "anything", aa_view_make(zeros, 64)), AA_ERR_TOKEN_SIGNATURE);
    memset(zeros, 0xff, sizeof zeros);
    CHECK_ERR(verify(key, "anything", aa_view_make(zeros, 64)), AA_ERR_TOKEN_SIGNATURE);
    aa_key_release(key);
}

TEST(key, one_changed_bit_in_a_signature_is_noticed)
{
    struct aa_key *key = new_p256();
    char signature[64];

    for (size_t bit = 0; bit < 512; bit += 7) {
        memcpy(signature, from_base64url(ES256_SIGNATURE).data, 64);
        signature[bit / 8] = (char)(signature[bit / 8] ^ 1 << bit % 8);
        CHECK_ERR(verify(key, ES256_HEADER "." JOE_PAYLOAD, aa_view_make(signature, 64)), AA_ERR_TOKEN_SIGNATURE);
    }
    aa_key_release(key);
}

/* ---- public keys that are none ---- */

TEST(key, a_point_off_the_curve_is_refused)
{
    char y[32];
    struct aa_key *key;

    memcpy(y, from_base64url(P256_Y).data, 32);
    y[31] ^= 1;
    CHECK_ERR(aa_key_from_p256(from_base64url(P256_X), aa_view_make(y, 32), &key, NULL), AA_ERR_CRYPTO);
    memset(y, 0, 32);
    CHECK_ERR(aa_key_from_p256(aa_view_make(y, 32), aa_view_make(y, 32), &key, NULL), AA_ERR_CRYPTO);
    memset(y, 0xff, 32);
    CHECK_ERR(aa_key_from_p256(aa_view_make(y, 32), aa_view_make(y, 32), &key, NULL), AA_ERR_CRYPTO);
    aa_key_release(new_p256());
}

TEST(key, coordinates_have_full_size) /* RFC 7518 §6.2.1.2 */
{
    struct aa_view x = from_base64url(P256_X);
    struct aa_view y = from_base64url(P256_Y);
    struct aa_key *key;

    CHECK_ERR(aa_key_from_p256(aa_view_slice(x, 0, 31), y, &key, NULL), AA_ERR_CRYPTO);
    CHECK_ERR(aa_key_from_p256(x, aa_view_make("", 0), &key, NULL), AA_ERR_CRYPTO);
    CHECK_ERR(aa_key_from_p256(x, AA_VIEW_ABSENT, &key, NULL), AA_ERR_CRYPTO);
    CHECK_OK(aa_key_from_p256(x, y, &key, NULL));
    aa_key_release(key);
}

TEST(key, an_rsa_key_has_2048_bits_at_least)
{
    struct aa_view e = from_base64url("AQAB");
    char large[1025];
    struct aa_key *key;

    CHECK_ERR(aa_key_from_rsa(from_base64url(RSA_1024_N), e, AA_ALG_RS256, &key, NULL), AA_ERR_CRYPTO);
    memset(large, 0xff, sizeof large);
    CHECK_ERR(aa_key_from_rsa(aa_view_make(large, 255), e, AA_ALG_RS256, &key, NULL), AA_ERR_CRYPTO); /* 2040 bits */
    CHECK_OK(aa_key_from_rsa(aa_view_make(large, 256), e, AA_ALG_RS256, &key, NULL));
    aa_key_release(key);
    CHECK_OK(aa_key_from_rsa(aa_view_make(large, 1024), e, AA_ALG_RS256, &key, NULL)); /* 8192 bits */
    aa_key_release(key);
    CHECK_ERR(aa_key_from_rsa(aa_view_make(large, 1025), e, AA_ALG_RS256, &key, NULL), AA_ERR_CRYPTO);
}

TEST(key, an_rsa_exponent_is_odd_larger_than_one_and_short)
{
    struct aa_view n = from_base64url(RSA_N);
    struct aa_key *key;

    CHECK_ERR(aa_key_from_rsa(n, from_hex("01"), AA_ALG_RS256, &key, NULL), AA_ERR_CRYPTO);
    CHECK_ERR(aa_key_from_rsa(n, from_hex("02"), AA_ALG_RS256, &key, NULL), AA_ERR_CRYPTO);
    CHECK_ERR(aa_key_from_rsa(n, AA_VIEW_ABSENT, AA_ALG_RS256, &key, NULL), AA_ERR_CRYPTO);
    CHECK_ERR(aa_key_from_rsa(n, from_hex("010000000000000001"), AA_ALG_RS256, &key, NULL), AA_ERR_CRYPTO);
    CHECK_ERR(aa_key_from_rsa(AA_VIEW_ABSENT, from_hex("010001"), AA_ALG_RS256, &key, NULL), AA_ERR_CRYPTO);
    CHECK_OK(aa_key_from_rsa(n, from_hex("010001"), AA_ALG_RS256, &key, NULL));
    aa_key_release(key);
}

TEST(key, an_rsa_key_is_for_rsa)
{
    struct aa_view n = from_base64url(RSA_N);
    struct aa_view e = from_hex("010001");
    struct aa_key *key;

    CHECK_ERR(aa_key_from_rsa(n, e, AA_ALG_ES256, &key, NULL), AA_ERR_CRYPTO);
    CHECK_ERR(aa_key_from_rsa(n, e, AA_ALG_NONE, &key, NULL), AA_ERR_CRYPTO);
    CHECK_OK(aa_key_from_rsa(n, e, AA_ALG_PS256, &key, NULL));
    aa_key_release(key);
}

TEST(key, an_ed25519_key_has_32_bytes)
{
    struct aa_view x = from_base64url(ED25519_X);
    struct aa_key *key;

    CHECK_ERR(aa_key_from_ed25519(aa_view_slice(x, 0, 31), &key, NULL), AA_ERR_CRYPTO);
    CHECK_ERR(aa_key_from_ed25519(AA_VIEW_ABSENT, &key, NULL), AA_ERR_CRYPTO);
    CHECK_OK(aa_key_from_ed25519(x, &key, NULL));
    aa_key_release(key);
}

/* ---- private keys ---- */

TEST(key, a_new_key_signs_and_its_stored_form_signs_too)
{
    struct aa_buf signature;
    struct aa_key *loaded;
    struct aa_key *key;
    struct aa_buf der;

    aa_buf_init(&der, 1024);
    aa_buf_init(&signature, 1024);
    CHECK_OK(aa_key_generate_p256(&key, NULL));
    CHECK_OK(aa_key_build_pkcs8(key, &der, NULL));
    CHECK_OK(aa_key_parse_pkcs8(aa_buf_view(&der), &loaded, NULL));
    CHECK_OK(aa_key_sign(loaded, VIEW("message"), &signature, NULL));
    CHECK_INT(signature.len, 64);
    CHECK_OK(verify(key, "message", aa_buf_view(&signature)));
    CHECK_ERR(verify(key, "massage", aa_buf_view(&signature)), AA_ERR_TOKEN_SIGNATURE);
    aa_key_release(loaded);
    aa_key_release(key);
    aa_buf_clear(&signature);
    aa_buf_wipe_clear(&der);
}

TEST(key, two_new_keys_are_two)
{
    uint8_t x[2][32];
    uint8_t y[32];

    for (int i = 0; i < 2; i++) {
        struct aa_key *key;

        CHECK_OK(aa_key_generate_p256(&key, NULL));
        CHECK_OK(aa_key_get_p256(key, x[i], y));
        aa_key_release(key);
    }
    assert_memory_not_equal(x[0], x[1], 32);
}

TEST(key, the_private_key_of_rfc_7515_has_the_public_half_printed_there)
{
    struct aa_key *key = new_p256_private();
    struct aa_key *public = new_p256();
    struct aa_buf signature;
    uint8_t x[32];
    uint8_t y[32];

    CHECK_OK(aa_key_get_p256(key, x, y));
    assert_memory_equal(x, from_base64url(P256_X).data, 32);
    assert_memory_equal(y, from_base64url(P256_Y).data, 32);
    aa_buf_init(&signature, 64);
    CHECK_OK(aa_key_sign(key, VIEW("message"), &signature, NULL));
    CHECK_OK(verify(public, "message", aa_buf_view(&signature)));
    aa_buf_clear(&signature);
    aa_key_release(key);
    aa_key_release(public);
}

TEST(key, every_signature_has_64_bytes) /* r or s with leading zeros once in 128 times */
{
    struct aa_key *key = new_p256_private();
    struct aa_buf signature;

    aa_buf_init(&signature, 64);
    for (int i = 0; i < 600; i++) {
        aa_buf_reset(&signature);
        CHECK_OK(aa_key_sign(key, VIEW("message"), &signature, NULL));
        CHECK_INT(signature.len, 64);
        CHECK_OK(verify(key, "message", aa_buf_view(&signature)));
    }
    aa_buf_clear(&signature);
    aa_key_release(key);
}

TEST(key, a_public_key_neither_signs_nor_is_stored)
{
    struct aa_key *keys[] = {new_p256(), new_rsa(RSA_N, AA_ALG_RS256), new_ed25519()};
    struct aa_buf out;

    aa_buf_init(&out, 4096);
    for (size_t i = 0; i < 3; i++) {
        CHECK_ERR(aa_key_sign(keys[i], VIEW("message"), &out, NULL), AA_ERR_CRYPTO);
        CHECK_ERR(aa_key_build_pkcs8(keys[i], &out, NULL), AA_ERR_CRYPTO);
        aa_key_release(keys[i]);
    }
    CHECK_INT(out.len, 0);
    aa_buf_clear(&out);
}

TEST(key, a_stored_key_is_a_whole_p256_key)
{
    struct aa_view der = from_hex(P256_PKCS8);
    struct aa_key *key;

    CHECK_ERR(aa_key_parse_pkcs8(from_hex(P384_PKCS8), &key, NULL), AA_ERR_CRYPTO);
    CHECK_ERR(aa_key_parse_pkcs8(AA_VIEW("no key at all"), &key, NULL), AA_ERR_CRYPTO);
    CHECK_ERR(aa_key_parse_pkcs8(AA_VIEW(""), &key, NULL), AA_ERR_CRYPTO);
    CHECK_ERR(aa_key_parse_pkcs8(AA_VIEW_ABSENT, &key, NULL), AA_ERR_CRYPTO);
    for (size_t len = 1; len < der.len; len += 9)
        CHECK_ERR(aa_key_parse_pkcs8(aa_view_slice(der, 0, len), &key, NULL), AA_ERR_CRYPTO);
    CHECK_OK(aa_key_parse_pkcs8(der, &key, NULL));
    aa_key_release(key);
}

TEST(key, only_p256_has_coordinates)
{
    struct aa_key *rsa = new_rsa(RSA_N, AA_ALG_RS256);
    struct aa_key *p256 = new_p256();
    uint8_t x[32];
    uint8_t y[32];

    CHECK_ERR(aa_key_get_p256(rsa, x, y), AA_ERR_CRYPTO);
    CHECK_OK(aa_key_get_p256(p256, x, y));
    aa_key_release(rsa);
    aa_key_release(p256);
}

TEST(key, the_last_owner_ends_it)
{
    struct aa_key *key = new_p256();

    CHECK(aa_key_acquire(key) == key);
    aa_key_release(key);
    CHECK_OK(verify(key, ES256_HEADER "." JOE_PAYLOAD, from_base64url(ES256_SIGNATURE)));
    aa_key_release(key);
    aa_key_release(NULL);
}

static enum aa_err make_and_use(void *ctx)
{
    struct aa_key *key = NULL;
    struct aa_buf signature;
    struct aa_buf der;
    enum aa_err rc;

    (void)ctx;
    aa_buf_init(&signature, 64);
    aa_buf_init(&der, 1024);
    rc = aa_key_generate_p256(&key, NULL);
    if (!rc)
        rc = aa_key_build_pkcs8(key, &der, NULL);
    if (!rc)
        rc = aa_key_sign(key, VIEW("message"), &signature, NULL);
    if (!rc)
        rc = aa_key_verify(key, VIEW("message"), aa_buf_view(&signature), NULL);
    aa_key_release(key);
    aa_buf_clear(&signature);
    aa_buf_wipe_clear(&der);
    return rc;
}

TEST(key, running_out_of_memory_is_an_error)
{
    CHECK(check_each_allocation(make_and_use, NULL) >= 3);
}

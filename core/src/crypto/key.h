/* Keys to sign and verify with: P-256 to sign (ES256); P-256, RSA ≥ 2048 and Ed25519 to verify. The algorithm belongs
 * to the key. */
#ifndef AA_CRYPTO_KEY_H
#define AA_CRYPTO_KEY_H

#include "base/buf.h"

enum aa_alg { AA_ALG_NONE, AA_ALG_ES256, AA_ALG_RS256, AA_ALG_PS256, AA_ALG_EDDSA };

/* Immutable and counted; any thread may use one. */
struct aa_key;

AA_CHECK enum aa_err aa_key_generate_p256(struct aa_key **out, struct aa_error *err);
/* PKCS#8 DER, private; for storing (sealed) and loading. */
AA_CHECK enum aa_err aa_key_build_pkcs8(const struct aa_key *key, struct aa_buf *out, struct aa_error *err);
AA_CHECK enum aa_err aa_key_parse_pkcs8(struct aa_view der, struct aa_key **out, struct aa_error *err);
/* Public keys from their JWK numbers (big-endian bytes). A point off the curve, a short RSA modulus: AA_ERR_CRYPTO. */
AA_CHECK enum aa_err aa_key_from_p256(struct aa_view x, struct aa_view y, struct aa_key **out, struct aa_error *err);
AA_CHECK enum aa_err aa_key_from_rsa(struct aa_view n, struct aa_view e, enum aa_alg alg, struct aa_key **out,
                                     struct aa_error *err);
AA_CHECK enum aa_err aa_key_from_ed25519(struct aa_view x, struct aa_key **out, struct aa_error *err);
struct aa_key *aa_key_acquire(struct aa_key *key);
void aa_key_release(struct aa_key *key);

enum aa_alg aa_key_alg(const struct aa_key *key);
/* The public coordinates of a P-256 key, 32 bytes each. */
AA_CHECK enum aa_err aa_key_get_p256(const struct aa_key *key, uint8_t x[32], uint8_t y[32]);
/* ES256: raw r || s, exactly 64 bytes (RFC 7518 §3.4). Appends the signature. */
AA_CHECK enum aa_err aa_key_sign(const struct aa_key *key, struct aa_view message, struct aa_buf *signature,
                                 struct aa_error *err);
/* AA_OK, AA_ERR_TOKEN_SIGNATURE, AA_ERR_NOMEM or AA_ERR_CRYPTO. */
AA_CHECK enum aa_err aa_key_verify(const struct aa_key *key, struct aa_view message, struct aa_view signature,
                                   struct aa_error *err);

#endif

/* Digests, HMAC, random bytes, constant time, PBKDF2. OpenSSL stays inside core/src/crypto.
 *
 * Algorithms are fetched once per process and contexts kept per thread: an implicit fetch (EVP_sha256()) costs three
 * times as much and takes a lock all threads share. Call aa_crypto_init() first; it is idempotent and thread-safe. */
#ifndef AA_CRYPTO_CRYPTO_H
#define AA_CRYPTO_CRYPTO_H

#include <stdbool.h>
#include <stdint.h>

#include "base/view.h"

#define AA_SHA256_LEN 32

/* Fetches the algorithms. AA_OK or AA_ERR_CRYPTO. */
AA_CHECK enum aa_err aa_crypto_init(struct aa_error *err);
/* Frees the calling thread's contexts (they are also freed when a thread ends). */
void aa_crypto_thread_clear(void);

AA_CHECK enum aa_err aa_sha256(struct aa_view bytes, uint8_t out[AA_SHA256_LEN]);

/* HMAC-SHA-256 with a key set up once. Not shared between threads: make one per thread. */
struct aa_hmac;
AA_CHECK enum aa_err aa_hmac_new(struct aa_view key, struct aa_hmac **out, struct aa_error *err);
void aa_hmac_free(struct aa_hmac *hmac);
AA_CHECK enum aa_err aa_hmac_compute(struct aa_hmac *hmac, const struct aa_view *parts, size_t count,
                                     uint8_t out[AA_SHA256_LEN]);
/* One shot with any key. */
AA_CHECK enum aa_err aa_hmac_sha256(struct aa_view key, struct aa_view bytes, uint8_t out[AA_SHA256_LEN]);

/* Random bytes come from a function passed in; this is the real one. AA_OK or AA_ERR_RANDOM. */
typedef enum aa_err (*aa_random_fn)(void *ctx, void *out, size_t len);
AA_CHECK enum aa_err aa_random_system(void *ctx, void *out, size_t len);
/* Appends `count` characters drawn evenly from [A-Za-z0-9] (5.95 bits each). */
struct aa_buf;
AA_CHECK enum aa_err aa_random_alnum(aa_random_fn random, void *random_ctx, size_t count, struct aa_buf *out);

/* Equal length and equal bytes, in time that depends on the lengths only. */
bool aa_ct_equal(struct aa_view a, struct aa_view b);

/* PBKDF2-HMAC-SHA-256 (RFC 8018 §5.2). Slow on purpose: never on an event thread. */
AA_CHECK enum aa_err aa_pbkdf2_sha256(struct aa_view secret, struct aa_view salt, uint32_t rounds, void *out,
                                      size_t out_len);

/* AES-256-GCM with a random 12-byte nonce in front and the 16-byte tag behind. `aad` is authenticated, not hidden. */
AA_CHECK enum aa_err aa_seal(const uint8_t key[32], struct aa_view aad, struct aa_view plain, aa_random_fn random,
                             void *random_ctx, struct aa_buf *out);
AA_CHECK enum aa_err aa_unseal(const uint8_t key[32], struct aa_view aad, struct aa_view sealed, struct aa_buf *out);

#endif

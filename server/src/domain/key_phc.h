/* How API keys are hashed at rest: PBKDF2-HMAC-SHA-256, as "$NAME$i=100000[,e=1767225600000]$salt$hash" with salt and
 * hash in base64url. `e`, when it is there, is when the key ends, in milliseconds since 1970. Inside server_keys.c's
 * part of domain/. */
#ifndef AA_DOMAIN_KEY_PHC_H
#define AA_DOMAIN_KEY_PHC_H

#include "base/buf.h"
#include "crypto/crypto.h"

#define AA_KEY_PHC "$pbkdf2-sha256$"                   /* our own */
#define AA_KEY_PHC_IMPORTED "$imported-pbkdf2-sha256$" /* of the older service: its secrets name no key id */
#define AA_KEY_ROUNDS 100000
#define AA_KEY_SALT_LEN 16
#define AA_KEY_PHC_MAX 192

/* Appends it. ends_ms 0: it does not end. */
AA_CHECK enum aa_err aa_key_phc_build(const char *name, const uint8_t salt[AA_KEY_SALT_LEN],
                                      const uint8_t hash[AA_SHA256_LEN], int64_t ends_ms, struct aa_buf *phc,
                                      struct aa_error *err);
/* When it ends; 0: never. AA_ERR_STORE when it is none of that name. */
AA_CHECK enum aa_err aa_key_phc_ends(const char *name, struct aa_view text, int64_t *ends_ms);
/* Is this the secret? About 22 ms. AA_ERR_STORE when the text is none of that name. */
AA_CHECK enum aa_err aa_key_phc_check(const char *name, struct aa_view secret, struct aa_view text, bool *matches,
                                      struct aa_error *err);

#endif

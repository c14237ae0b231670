/* The cache key of a token: HMAC-SHA-256 under a random key of this process, over who is asked, as whom, and the token.
 *
 * A plain digest of the token would let anyone who reads the process's memory test guesses; a key without endpoint and
 * identity would let an answer given to one configuration serve another (Oathkeeper CVE-2021-32701). */
#ifndef AA_VERIFY_TOKEN_KEY_H
#define AA_VERIFY_TOKEN_KEY_H

#include "crypto/crypto.h"
#include "verify/cache.h"

/* The process's key made one configuration's own: HMAC over endpoint and credentials. A secret; to be wiped. */
struct aa_token_scope {
    uint8_t bytes[AA_SHA256_LEN];
};

/* Makes the process's key on first use. AA_OK, AA_ERR_NOMEM, AA_ERR_RANDOM, AA_ERR_SYSTEM, AA_ERR_TOO_LONG or
 * AA_ERR_CRYPTO. */
AA_CHECK enum aa_err aa_token_scope_init(struct aa_token_scope *scope, const struct aa_view *parts, size_t count,
                                         struct aa_error *err);
/* Allocates on a thread's first call for a scope only. AA_OK, AA_ERR_NOMEM or AA_ERR_CRYPTO. */
AA_CHECK enum aa_err aa_token_key_compute(const struct aa_token_scope *scope, struct aa_view token,
                                          struct aa_cache_key *out);

#endif

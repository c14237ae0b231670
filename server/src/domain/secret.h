/* The secrets we hand out (codes, refresh tokens, cookies) and the digests that are all we keep of them.
 *
 * A code or refresh token is prefix + 6 characters of issue bucket + 43 characters of chance: the bucket (seconds since
 * 1970, not secret) leads its row key, so that rows of one time share pages of the table: a commit of many writes few.
 */
#ifndef AA_DOMAIN_SECRET_H
#define AA_DOMAIN_SECRET_H

#include "base/buf.h"
#include "domain/app.h"
#include "store/records.h"

#define AA_SECRET_MAX 64        /* bytes: longer than any of ours, so that junk is refused by its length */
#define AA_CODE_PREFIX "ac_"    /* authorization codes */
#define AA_REFRESH_PREFIX "rt_" /* refresh tokens */

/* Appends a new code or refresh token and writes its row key. AA_ERR_RANDOM, AA_ERR_CRYPTO, AA_ERR_NOMEM. */
AA_CHECK enum aa_err aa_secret_mint(const struct aa_app *app, const char *prefix, struct aa_buf *secret,
                                    uint8_t key[AA_DIGEST_KEY_LEN], struct aa_error *err);
/* The same for a secret that may have to be told twice: one seed and one time of issue give one secret. Whoever knows
 * the seed knows it. AA_ERR_CRYPTO, AA_ERR_NOMEM. */
AA_CHECK enum aa_err aa_secret_derive(const char *prefix, const uint8_t seed[AA_SHA256_LEN], int64_t issued_s,
                                      struct aa_buf *secret, uint8_t key[AA_DIGEST_KEY_LEN], struct aa_error *err);
/* The row key of one presented. AA_ERR_TOKEN_FORMAT when it cannot be one of ours; AA_ERR_CRYPTO. */
AA_CHECK enum aa_err aa_secret_find_key(const char *prefix, struct aa_view secret, uint8_t key[AA_DIGEST_KEY_LEN],
                                        struct aa_error *err);
/* The row key of an access token: the time of its `iat` claim, which leads our claims and is read without verifying
 * (the digest of the whole token is what proves it), and that digest. AA_ERR_TOKEN_FORMAT when it cannot be one of
 * ours; AA_ERR_CRYPTO, AA_ERR_NOMEM. */
AA_CHECK enum aa_err aa_secret_access_key(struct aa_view token, uint8_t key[AA_DIGEST_KEY_LEN], struct aa_error *err);
/* The same for one just issued at issued_s. */
AA_CHECK enum aa_err aa_secret_issued_key(struct aa_view token, int64_t issued_s, uint8_t key[AA_DIGEST_KEY_LEN],
                                          struct aa_error *err);

/* Appends 32 random bytes as 43 characters: cookies and transaction ids. */
AA_CHECK enum aa_err aa_secret_random(const struct aa_app *app, struct aa_buf *out, struct aa_error *err);
AA_CHECK enum aa_err aa_secret_digest(struct aa_view secret, uint8_t digest[AA_SHA256_LEN], struct aa_error *err);

#endif

/* Under what name an address is counted: IPv4 whole, IPv6 by its /64 (one subscriber has that many addresses to choose
 * from). */
#ifndef AA_DOMAIN_RATE_H
#define AA_DOMAIN_RATE_H

#include "base/buf.h"
#include "crypto/crypto.h"

/* Appends "192.0.2.1" or "2001:db8:0:1::/64" for a canonical address; IPv4 written as IPv6 counts as IPv4; anything
 * else stands for itself. */
void aa_rate_key_add(struct aa_buf *buf, struct aa_view address);
/* The key of what is counted for that address in the stretch of `window_ms` that `now_ms` falls into: a digest, so that
 * the table does not tell who was here. AA_ERR_TOO_LONG, AA_ERR_CRYPTO or AA_ERR_NOMEM. */
AA_CHECK enum aa_err aa_rate_key_build(const char *what, struct aa_view address, int64_t now_ms, int64_t window_ms,
                                       uint8_t key[AA_SHA256_LEN], struct aa_error *err);

#endif

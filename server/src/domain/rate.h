/* Under what name an address is counted: IPv4 whole, IPv6 by its /64 (one subscriber has that many addresses to choose
 * from). */
#ifndef AA_DOMAIN_RATE_H
#define AA_DOMAIN_RATE_H

#include "base/buf.h"

/* Appends "192.0.2.1" or "2001:db8:0:1::/64" for a canonical address; IPv4 written as IPv6 counts as IPv4; anything
 * else stands for itself. */
void aa_rate_key_add(struct aa_buf *buf, struct aa_view address);

#endif

/* IP addresses: text, blocks ("10.0.0.0/8"), and whom a trusted proxy speaks for. */
#ifndef AA_HTTP_ADDRESS_H
#define AA_HTTP_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/view.h"
#include "http/message.h"

#define AA_ADDRESS_TEXT_MAX 48

/* IPv6; an IPv4 address is its mapped form (RFC 4291 §2.5.5.2), so that a client is the same through either socket. */
struct aa_address {
    uint8_t bytes[16];
};

struct sockaddr;
/* False when it is no IP address. */
bool aa_address_of(const struct sockaddr *from, struct aa_address *out);
/* "192.0.2.1", "2001:db8::1"; no port, no brackets, no zone. */
bool aa_address_parse(struct aa_view text, struct aa_address *out);
/* The canonical text (RFC 5952). */
void aa_address_format(const struct aa_address *address, char text[AA_ADDRESS_TEXT_MAX]);
bool aa_address_equal(const struct aa_address *a, const struct aa_address *b);
/* What one customer holds: the IPv4 address itself, the /64 of an IPv6 address. */
struct aa_address aa_address_customer(const struct aa_address *address);

struct aa_address_block {
    struct aa_address address;
    int bits; /* of the 128 that must be equal */
};

struct aa_address_blocks {
    struct aa_address_block *blocks;
    size_t count;
};

/* A comma-separated list of addresses and blocks; NULL or empty gives none. Clear it. AA_ERR_OPTION_INVALID naming the
 * member, AA_ERR_NOMEM. */
AA_CHECK enum aa_err aa_address_blocks_parse(const char *list, struct aa_address_blocks *out, struct aa_error *err);
void aa_address_blocks_clear(struct aa_address_blocks *blocks);
bool aa_address_blocks_has(const struct aa_address_blocks *blocks, const struct aa_address *address);

/* The client of a request that came from `peer`: the rightmost X-Forwarded-For hop that is none of our proxies. What a
 * peer that is not trusted says is not read; a hop that is no address ends the search at the hop before it. */
struct aa_address aa_forwarded_client(const struct aa_address_blocks *trusted, const struct aa_address *peer,
                                      const struct aa_request *request);
/* True when `peer` is trusted and says (in the rightmost X-Forwarded-Proto) that the client came over https. */
bool aa_forwarded_https(const struct aa_address_blocks *trusted, const struct aa_address *peer,
                        const struct aa_request *request);

#endif

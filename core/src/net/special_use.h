/* Addresses that are not the Internet's: this machine's, a private network's, a cloud's metadata service.
 *
 * A URL that a stranger chose must not make the server speak to them (server-side request forgery). Both functions look
 * at the address alone, never at a name, and read as much of it as its family has. */
#ifndef AA_NET_SPECIAL_USE_H
#define AA_NET_SPECIAL_USE_H

#include <stdbool.h>

struct sockaddr;

/* True for every address that is not globally reachable unicast by IANA's special-purpose registries (RFC 6890), and
 * for every family but IPv4 and IPv6. */
bool aa_address_is_special(const struct sockaddr *address);
/* 127.0.0.0/8 or ::1. The same addresses within IPv6 (::ffff:127.0.0.1) are not: nobody writes them in good faith. */
bool aa_address_is_loopback(const struct sockaddr *address);

#endif

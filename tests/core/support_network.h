/* The network as a test wants it, below libcurl: this program's getaddrinfo() and connect() stand in for the C
 * library's. Without a word from a test they pass everything on.
 *
 * So a name can have the addresses an attacker gives it, and a server on this machine can play one on the Internet. */
#ifndef AA_TESTS_CORE_SUPPORT_NETWORK_H
#define AA_TESTS_CORE_SUPPORT_NETWORK_H

/* One name has these addresses, NULL behind the last: libcurl tries them in this order. Forgets former ones, and what
 * was counted. */
void network_name(const char *name, const char *const *addresses);
/* Lookups of the name wait until network_forget(). */
void network_name_hangs(const char *name);
/* Connections to `address` go to the same port of 127.0.0.1. */
void network_lead_home(const char *address);
/* Everything is passed on again. */
void network_forget(void);

int network_lookups(void); /* of the name */
/* Attempts to connect to this address, wherever they led. */
int network_attempts(const char *address);
/* All attempts to connect to anything but 127.0.0.1; those that were not led home fail at once. */
int network_attempts_abroad(void);

#endif

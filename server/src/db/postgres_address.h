/* What can be said of a PostgreSQL address without libpq. Inside server/src/db only. */
#ifndef AA_DB_POSTGRES_ADDRESS_H
#define AA_DB_POSTGRES_ADDRESS_H

#include <stdbool.h>

/* libpq's host and hostaddr parameters, each a list with commas; NULL and "" for absent. True when every connection is
 * to this machine: a socket, localhost or a loopback address. hostaddr goes before host, as it does for libpq. */
bool aa_postgres_is_local(const char *host, const char *hostaddr);
/* False for a host or port that holds anything else than such lists do: a password with an unescaped "@" or "/" in it
 * ends there, and would be told in libpq's messages. */
bool aa_postgres_is_plain(const char *host, const char *port);

#endif

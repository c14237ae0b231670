/* The socket the listener accepts from. */
#ifndef AA_HTTP_BIND_H
#define AA_HTTP_BIND_H

#include "authagent/error.h"

/* Binds and listens; "::" also answers IPv4. *port is the port in the end (0 asks for any free one).
 * AA_ERR_OPTION_INVALID when the address is none; AA_ERR_SYSTEM saying what is in the way: the port is in use, is
 * privileged, the address is not this machine's. */
AA_CHECK enum aa_err aa_bind(const char *address, int *port, int *fd, struct aa_error *err);

#endif

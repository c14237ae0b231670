/* Our own addresses, all made from the issuer, which may have a path. */
#ifndef AA_ENDPOINT_URLS_H
#define AA_ENDPOINT_URLS_H

#include "base/buf.h"
#include "domain/app.h"

/* Appends the absolute URL of `path` ("/token"): the issuer as configured, without a slash at its end, and the path. */
void aa_url_of(const struct aa_app *app, const char *path, struct aa_buf *buf);
/* Appends only the issuer's own path and `path`: for forms and for redirects that stay on this site, which so keep the
 * host the browser used and with it the cookies. */
void aa_path_of(const struct aa_app *app, const char *path, struct aa_buf *buf);
/* Appends host and port of the issuer as people should see them; the port is left out when it is the scheme's. */
void aa_issuer_add_host(const struct aa_app *app, struct aa_buf *buf);

#endif

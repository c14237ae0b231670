/* URLs as OAuth uses them: absolute, hierarchical (RFC 3986), taken apart without decoding.
 *
 * Strict: no control characters, spaces, backslashes, no non-ASCII, no bad %XX, no empty host for http(s). The host of
 * an IPv6 literal keeps its brackets. Nothing is allocated: the parts are slices of the text. */
#ifndef AA_BASE_URL_H
#define AA_BASE_URL_H

#include <stdbool.h>

#include "base/buf.h"

#define AA_URL_MAX 2048 /* bytes; what browsers and proxies pass everywhere */

struct aa_url {
    struct aa_view text;
    struct aa_view scheme;
    struct aa_view userinfo; /* absent when there is no "@" */
    struct aa_view host;     /* absent for a URL without authority (myapp:/callback) */
    struct aa_view port;     /* digits; absent when there is no ":" */
    struct aa_view path;     /* may be empty */
    struct aa_view query;    /* without "?"; absent when there is none */
    struct aa_view fragment; /* without "#"; absent when there is none */
};

/* AA_OK, AA_ERR_URL_MALFORMED or AA_ERR_TOO_LONG. */
AA_CHECK enum aa_err aa_url_parse(struct aa_view text, struct aa_url *url, struct aa_error *err);
/* 1–65535, the scheme's default (80, 443) when none is given, 0 for other schemes without one. */
int aa_url_port(const struct aa_url *url);
bool aa_url_is_scheme(const struct aa_url *url, const char *lowercase_scheme);
/* The host is 127.0.0.1 (or elsewhere in 127/8), [::1] or localhost, by its spelling; no lookup is made. */
bool aa_url_is_loopback(const struct aa_url *url);
/* Appends scheme and host in lower case, the port unless it is the scheme's default, then path and query as they
 * stand (RFC 3986 §6.2.2.1, §6.2.3). The fragment is left out. */
void aa_url_add_normal(struct aa_buf *buf, const struct aa_url *url);
/* Appends just scheme://host[:port], normalised: the origin (RFC 6454 §6.2). */
void aa_url_add_origin(struct aa_buf *buf, const struct aa_url *url);

#endif

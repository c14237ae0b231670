/* Redirect URIs: which may be registered, which requested one matches a registered one, and how an answer is appended
 * to it. */
#ifndef AA_DOMAIN_REDIRECT_URI_H
#define AA_DOMAIN_REDIRECT_URI_H

#include <stdbool.h>

#include "base/buf.h"
#include "domain/app.h"

/* May a client register it? https with any host; http for loopback hosts; private-use schemes of
 * settings->redirect_schemes. Never a scheme that runs or reads something in the browser; no userinfo, fragment,
 * wildcard, backslash, control character. AA_OK, AA_ERR_URL_MALFORMED or AA_ERR_TOO_LONG, with a message saying what is
 * wrong. */
AA_CHECK enum aa_err aa_redirect_uri_check(const struct aa_settings *settings, struct aa_view uri,
                                           struct aa_error *err);
/* Byte for byte, but on any port for http on 127.0.0.1, [::1] and localhost (RFC 8252 §7.3, OAuth 2.1 §2.3.1). */
bool aa_redirect_uri_matches(struct aa_view registered, struct aa_view requested);

enum aa_redirect_kind {
    AA_REDIRECT_WEB,      /* https: whoever answers there holds the domain */
    AA_REDIRECT_LOOPBACK, /* a program on the person's computer, any program */
    AA_REDIRECT_PRIVATE   /* an app that claimed the scheme, any app */
};
/* What proves the client's identity at the other end; only WEB proves any. */
enum aa_redirect_kind aa_redirect_uri_kind(struct aa_view uri);
/* Appends what people should look at: the host and a port that was written, or "cursor:" for a private-use scheme. */
void aa_redirect_uri_add_host(struct aa_buf *buf, struct aa_view uri);

/* Starts an answer: the URI and whatever must stand before the first parameter. Then one
 * aa_redirect_uri_add_parameter() each. The URI's own query is kept (RFC 6749 §3.1.2). */
void aa_redirect_uri_begin(struct aa_buf *location, struct aa_view uri);
void aa_redirect_uri_add_parameter(struct aa_buf *location, const char *name,
                                   struct aa_view value); /* absent: left out */

#endif

/* The identity of a protected resource (RFC 8707 §2, RFC 9728 §1.2): an absolute http(s) URL without fragment.
 *
 * Identifiers are published and issued in the registered spelling, byte for byte, and compared tolerantly: scheme and
 * host case, default port, and one trailing slash on an empty path do not matter (clients write URL.href). Everything
 * else does. */
#ifndef AA_OAUTH_RESOURCE_H
#define AA_OAUTH_RESOURCE_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/json.h"

/* AA_OK, AA_ERR_URL_MALFORMED (no http(s), a fragment, userinfo) or AA_ERR_TOO_LONG. http is allowed only for loopback
 * hosts unless `allow_http`. */
AA_CHECK enum aa_err aa_resource_check(struct aa_view text, bool allow_http, struct aa_error *err);
/* Appends the form used for comparing. A text that is no URL is appended as it is (an audience may be any string). */
AA_CHECK enum aa_err aa_resource_add_normal(struct aa_buf *buf, struct aa_view text, struct aa_error *err);
bool aa_resource_equal(struct aa_view a, struct aa_view b);
/* `aud` is a string or an array of strings (RFC 7519 §4.1.3); NULL is nobody's audience. */
bool aa_audience_has(const struct aa_json *aud, struct aa_view resource);
/* Appends the path of the RFC 9728 document: "/.well-known/oauth-protected-resource" and the resource's path, a lone
 * "/" left out (§3.1). */
AA_CHECK enum aa_err aa_resource_add_metadata_path(struct aa_buf *buf, struct aa_view resource, struct aa_error *err);
/* The same as an absolute URL on the resource's own origin. */
AA_CHECK enum aa_err aa_resource_add_metadata_url(struct aa_buf *buf, struct aa_view resource, struct aa_error *err);

#endif

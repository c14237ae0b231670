/* One place that turns an error code into what goes on the wire: status, OAuth error, WWW-Authenticate, JSON body,
 * Retry-After.
 *
 * Challenge bytes (RFC 6750 §3, RFC 9728 §5.1): Bearer error="…", scope="…", resource_metadata="…",
 * error_description="…" in that order, only what there is; no error when no token was sent. 503 carries no challenge.
 */
#ifndef AA_OAUTH_REFUSAL_H
#define AA_OAUTH_REFUSAL_H

#include "base/buf.h"
#include "oauth/scope.h"

struct aa_refusal_context {
    const struct aa_scopes *scopes;   /* all scopes of the operation; NULL or empty: no scope member */
    struct aa_view resource_metadata; /* absolute URL; absent: left out */
    int retry_after_s;                /* for 503; 0 means 5 */
};

int aa_refusal_status(enum aa_err code);              /* 400, 401, 403, 413, 503 */
const char *aa_refusal_oauth_error(enum aa_err code); /* "invalid_request", "invalid_token", "insufficient_scope",
                                                         "temporarily_unavailable"; NULL for AA_ERR_TOKEN_ABSENT */
/* Appends the value of WWW-Authenticate; nothing for the classes without a challenge. */
void aa_refusal_add_challenge(struct aa_buf *buf, enum aa_err code, const struct aa_refusal_context *context);
/* Appends {"error":"…","error_description":"…"}; for insufficient_scope also "scope". For AA_ERR_TOKEN_ABSENT the error
 * in the body is "invalid_token". */
void aa_refusal_add_body(struct aa_buf *buf, enum aa_err code, const struct aa_refusal_context *context);

#endif

/* How a rule says no. A function that may refuse takes a struct aa_refused: a refusal is noted there and the function's
 * own code is AA_ERR_REQUEST_MALFORMED; any other code with an empty refusal is trouble of ours (storage, memory),
 * never the caller's fault. */
#ifndef AA_DOMAIN_REFUSED_H
#define AA_DOMAIN_REFUSED_H

#include <stdint.h>

#include "authagent/error.h"

/* X(name, the registered error code on the wire): RFC 6749 §4.1.2.1 and §5.2, RFC 7591 §3.2.2, RFC 8707 §2, OpenID
 * Connect Core §3.1.2.6. */
#define AA_OAUTH_ERROR_TABLE(X)                                                                                        \
    X(INVALID_REQUEST, "invalid_request")                                                                              \
    X(INVALID_CLIENT, "invalid_client")                                                                                \
    X(INVALID_GRANT, "invalid_grant")                                                                                  \
    X(UNAUTHORIZED_CLIENT, "unauthorized_client")                                                                      \
    X(UNSUPPORTED_GRANT_TYPE, "unsupported_grant_type")                                                                \
    X(UNSUPPORTED_RESPONSE_TYPE, "unsupported_response_type")                                                          \
    X(INVALID_SCOPE, "invalid_scope")                                                                                  \
    X(INVALID_TARGET, "invalid_target")                                                                                \
    X(ACCESS_DENIED, "access_denied")                                                                                  \
    X(LOGIN_REQUIRED, "login_required")                                                                                \
    X(CONSENT_REQUIRED, "consent_required")                                                                            \
    X(REQUEST_NOT_SUPPORTED, "request_not_supported")                                                                  \
    X(REQUEST_URI_NOT_SUPPORTED, "request_uri_not_supported")                                                          \
    X(INVALID_REDIRECT_URI, "invalid_redirect_uri")                                                                    \
    X(INVALID_CLIENT_METADATA, "invalid_client_metadata")                                                              \
    X(TOO_MANY_REQUESTS, "too_many_requests")                                                                          \
    X(TEMPORARILY_UNAVAILABLE, "temporarily_unavailable")

enum aa_oauth_error {
    AA_OAUTH_NONE,
#define AA_OAUTH_ENUM(name, text) AA_OAUTH_##name,
    AA_OAUTH_ERROR_TABLE(AA_OAUTH_ENUM)
#undef AA_OAUTH_ENUM
};

struct aa_refused {
    enum aa_oauth_error error;
    const char *description; /* a literal of ours: ASCII, no quotes or backslashes */
    int64_t retry_after_s;   /* 0: not said */
};

#define AA_REFUSED_INIT                                                                                                \
    {                                                                                                                  \
        AA_OAUTH_NONE, "", 0                                                                                           \
    }

/* "invalid_grant"; "" for AA_OAUTH_NONE. */
const char *aa_oauth_error_name(enum aa_oauth_error error);
/* Notes the refusal, so that `return aa_refuse(…)` reads as one step. Keeps the first. Returns
 * AA_ERR_REQUEST_MALFORMED. */
enum aa_err aa_refuse(struct aa_refused *refused, enum aa_oauth_error error, const char *description);

#endif

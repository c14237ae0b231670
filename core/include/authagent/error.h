/* Error codes, their classes, and the message that goes with them.
 *
 * Every refusal has two texts: aa_err_text() is fixed, safe for the wire, ASCII without quotes or backslashes;
 * aa_error.message is fuller and is for logs and exceptions of the host. Neither ever holds a token, a code,
 * a secret or a key. */
#ifndef AUTHAGENT_ERROR_H
#define AUTHAGENT_ERROR_H

#if defined(__GNUC__)
#define AA_CHECK __attribute__((warn_unused_result))
#define AA_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#else
#define AA_CHECK
#define AA_PRINTF(fmt, args)
#endif

/* Everything else is compiled hidden: what these headers declare is all that the shared library exports. */
#if defined(__GNUC__)
#define AA_PUBLIC_BEGIN _Pragma("GCC visibility push(default)")
#define AA_PUBLIC_END _Pragma("GCC visibility pop")
#else
#define AA_PUBLIC_BEGIN
#define AA_PUBLIC_END
#endif

/* The class picks the HTTP status and whether a challenge is sent (core/src/oauth/refusal.h is the one place). */
enum aa_err_class {
    AA_CLASS_NONE,    /* AA_OK */
    AA_CLASS_REQUEST, /* 400: the caller's request is malformed */
    AA_CLASS_TOKEN,   /* 401: no token, or one that is not good here */
    AA_CLASS_SCOPE,   /* 403: a good token that does not reach far enough */
    AA_CLASS_REMOTE,  /* 503: the authorization server, or the way to it, is in trouble */
    AA_CLASS_CONFIG,  /* raised at construction: an option is wrong */
    AA_CLASS_INTERNAL /* out of memory, a library failed, storage failed: 503 on the wire */
};

/* X(name, number, class, text for the wire). Numbers are stable: they cross into Python and Node. */
#define AA_ERR_TABLE(X)                                                                                                \
    X(OK, 0, NONE, "")                                                                                                 \
    X(REQUEST_MALFORMED, 100, REQUEST, "The request is malformed")                                                     \
    X(CREDENTIALS_MALFORMED, 101, REQUEST, "The Authorization header is malformed")                                    \
    X(CREDENTIALS_DUPLICATE, 102, REQUEST, "More than one set of credentials was sent")                                \
    X(FORM_MALFORMED, 103, REQUEST, "The form is malformed")                                                           \
    X(PARAMETER_DUPLICATE, 104, REQUEST, "A parameter was sent more than once")                                        \
    X(TOO_LONG, 105, REQUEST, "A value is too long")                                                                   \
    X(URL_MALFORMED, 106, REQUEST, "A URL is malformed")                                                               \
    X(JSON_MALFORMED, 107, REQUEST, "The JSON document is malformed")                                                  \
    X(JSON_TYPE, 108, REQUEST, "A JSON member has the wrong type")                                                     \
    X(JSON_MISSING, 109, REQUEST, "A required JSON member is missing")                                                 \
    X(BASE64, 110, REQUEST, "A value is not valid base64url")                                                          \
    X(UTF8, 111, REQUEST, "A value is not valid UTF-8")                                                                \
    X(PKCE_FORMAT, 112, REQUEST, "The code verifier or challenge is malformed")                                        \
    X(PKCE_MISMATCH, 113, REQUEST, "The code verifier does not match")                                                 \
    X(SCOPE_FORMAT, 114, REQUEST, "The scope is malformed")                                                            \
    X(NUMBER_RANGE, 115, REQUEST, "A number is out of range")                                                          \
    X(BODY_TOO_LARGE, 116, REQUEST, "The request body is too large")                                                   \
    X(MCP_HEADER_MISMATCH, 117, REQUEST, "An MCP header does not match the request body")                              \
    X(TOKEN_ABSENT, 200, TOKEN, "An access token is required")                                                         \
    X(TOKEN_FORMAT, 201, TOKEN, "The access token is malformed")                                                       \
    X(TOKEN_SIGNATURE, 202, TOKEN, "The access token is invalid")                                                      \
    X(TOKEN_INACTIVE, 203, TOKEN, "The access token is expired or revoked")                                            \
    X(TOKEN_EXPIRED, 204, TOKEN, "The access token is expired or revoked")                                             \
    X(TOKEN_NOT_YET, 205, TOKEN, "The access token is not valid yet")                                                  \
    X(TOKEN_AUDIENCE, 206, TOKEN, "The access token is invalid")                                                       \
    X(TOKEN_ISSUER, 207, TOKEN, "The access token is invalid")                                                         \
    X(TOKEN_ALGORITHM, 208, TOKEN, "The access token is invalid")                                                      \
    X(TOKEN_KEY_UNKNOWN, 209, TOKEN, "The access token is invalid")                                                    \
    X(TOKEN_TYPE, 210, TOKEN, "The access token is invalid")                                                           \
    X(TOKEN_CLAIMS, 211, TOKEN, "The access token is invalid")                                                         \
    X(SCOPE_INSUFFICIENT, 300, SCOPE, "More scopes are required")                                                      \
    X(REMOTE_UNREACHABLE, 400, REMOTE, "The authorization server cannot be reached")                                   \
    X(REMOTE_DNS, 401, REMOTE, "The authorization server cannot be reached")                                           \
    X(REMOTE_TLS, 402, REMOTE, "The authorization server cannot be reached")                                           \
    X(REMOTE_TIMEOUT, 403, REMOTE, "The authorization server did not answer in time")                                  \
    X(REMOTE_STATUS, 404, REMOTE, "The authorization server is in trouble")                                            \
    X(REMOTE_PROTOCOL, 405, REMOTE, "The authorization server gave an unusable answer")                                \
    X(REMOTE_CREDENTIALS, 406, REMOTE, "The authorization server refused this server")                                 \
    X(REMOTE_BREAKER, 407, REMOTE, "The authorization server cannot be reached")                                       \
    X(REMOTE_FORBIDDEN, 408, REMOTE, "The address may not be fetched")                                                 \
    X(RESOURCE_UNKNOWN, 409, REMOTE, "This server is still learning its own identity")                                 \
    X(CLOSED, 410, REMOTE, "This server is shutting down")                                                             \
    X(OPTION_UNKNOWN, 500, CONFIG, "An option is unknown")                                                             \
    X(OPTION_INVALID, 501, CONFIG, "An option is invalid")                                                             \
    X(OPTION_MISSING, 502, CONFIG, "An option is missing")                                                             \
    X(NOMEM, 600, INTERNAL, "Out of memory")                                                                           \
    X(CRYPTO, 601, INTERNAL, "A cryptographic operation failed")                                                       \
    X(RANDOM, 602, INTERNAL, "No random bytes could be had")                                                           \
    X(THREAD, 603, INTERNAL, "A thread could not be started")                                                          \
    X(SYSTEM, 604, INTERNAL, "A system call failed")                                                                   \
    X(STORE, 605, INTERNAL, "Storage failed")                                                                          \
    X(STORE_BUSY, 606, INTERNAL, "Storage is busy")                                                                    \
    X(NOT_FOUND, 607, INTERNAL, "No such record")                                                                      \
    X(CONFLICT, 608, INTERNAL, "The record exists already")                                                            \
    X(STORE_FULL, 609, INTERNAL, "Storage is full")                                                                    \
    X(STORE_READONLY, 610, INTERNAL, "Storage is read-only")                                                           \
    X(STORE_VERSION, 611, INTERNAL, "The database belongs to a newer version")

enum aa_err {
#define AA_ERR_ENUM(name, number, cls, text) AA_ERR_##name = (number),
    AA_ERR_TABLE(AA_ERR_ENUM)
#undef AA_ERR_ENUM
        AA_OK = AA_ERR_OK
};

#define AA_ERROR_MESSAGE_MAX 240

/* Lives on the caller's stack, never allocates, keeps the first failure. Initialise with AA_ERROR_INIT. */
struct aa_error {
    enum aa_err code;
    char message[AA_ERROR_MESSAGE_MAX]; /* a sentence for the log, NUL-terminated, UTF-8 */
};

#define AA_ERROR_INIT                                                                                                  \
    {                                                                                                                  \
        AA_ERR_OK, ""                                                                                                  \
    }

AA_PUBLIC_BEGIN
/* "TOKEN_EXPIRED" for AA_ERR_TOKEN_EXPIRED; "UNKNOWN" for a number that is none of ours. Never NULL. */
const char *aa_err_name(enum aa_err code);

/* The fixed text for the wire: ASCII, no quotes or backslashes. Never NULL. */
const char *aa_err_text(enum aa_err code);

enum aa_err_class aa_err_class_of(enum aa_err code);
AA_PUBLIC_END

#endif

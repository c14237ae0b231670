/* One HTTP request and one answer, free of the HTTP library: endpoints and tests see only these. */
#ifndef AA_HTTP_MESSAGE_H
#define AA_HTTP_MESSAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/form.h"

enum aa_method {
    AA_METHOD_GET,
    AA_METHOD_HEAD,
    AA_METHOD_POST,
    AA_METHOD_PUT,
    AA_METHOD_DELETE,
    AA_METHOD_OPTIONS,
    AA_METHOD_OTHER
};
const char *aa_method_name(enum aa_method method); /* "GET"; "OTHER" for what has no name here */

#define AA_HTTP_HEADERS_MAX 64
#define AA_HTTP_PARAMS_MAX 4
#define AA_REQUEST_ID_LEN 16

struct aa_header {
    struct aa_view name; /* compared without case */
    struct aa_view value;
};

struct aa_request { /* borrowed for the handler's call */
    enum aa_method method;
    struct aa_view path;  /* percent-encoded as it came, without query; always begins with "/" */
    struct aa_view query; /* raw, without "?"; absent when there is none */
    struct aa_header headers[AA_HTTP_HEADERS_MAX];
    size_t header_count;
    struct aa_view body;
    struct aa_view params[AA_HTTP_PARAMS_MAX]; /* what ":name" segments of the route matched, in order */
    struct aa_view peer; /* canonical text of the client's address: "192.0.2.1", "2001:db8::1"; from trusted_proxies'
                            headers when so configured */
    bool secure;         /* https, as far as we or a trusted proxy can tell */
    bool must_not_wait;  /* on the event thread: a handler that would block asks for a worker (wants_worker) */
    char request_id[AA_REQUEST_ID_LEN + 1];
};

/* Can this be a field's value: no control characters but the tab (RFC 9110 §5.5)? Others split answers in two
 * (RFC 9112 §11.1). */
bool aa_header_is_value(struct aa_view value);
/* The header's value; absent when there is none. Authorization, Content-Type, Host and the like were refused earlier
 * when they came twice. */
struct aa_view aa_request_header(const struct aa_request *request, const char *name);
/* A cookie's value (RFC 6265 §5.4), the first of that name; absent when there is none. */
struct aa_view aa_request_cookie(const struct aa_request *request, const char *name);
/* True when the body's media type is `type` ("application/json"), whatever its parameters. */
bool aa_request_is_type(const struct aa_request *request, const char *type);

#define AA_RESPONSE_HEADERS_MAX 24

struct aa_response {
    int status; /* 0 until set; the router turns 0 into 500 and logs it: no handler may leave it so */
    struct aa_buf body;
    struct aa_buf header_memory;
    struct {
        size_t name_offset, name_len, value_offset, value_len;
    } headers[AA_RESPONSE_HEADERS_MAX];
    size_t header_count;
    bool wants_worker;     /* nothing is answered yet: the request is for a worker, where the handler is called again */
    const char *complaint; /* a mistake of ours that was noticed (a header that may not be sent, no status); the
                              listener logs it. NULL: none */
};

void aa_response_init(struct aa_response *response, size_t body_max);
void aa_response_clear(struct aa_response *response); /* overwrites what it held: answers carry tokens */
void aa_response_reset(struct aa_response *response); /* empty again, keeping the memory */
/* Adds a header; the value must hold no CR, LF or NUL: such a one is dropped and logged, never sent. */
void aa_response_header(struct aa_response *response, const char *name, struct aa_view value);
/* Replaces headers of that name. */
void aa_response_header_set(struct aa_response *response, const char *name, struct aa_view value);
struct aa_view aa_response_get_header(const struct aa_response *response, size_t index, struct aa_view *name);
struct aa_view aa_response_find_header(const struct aa_response *response, const char *name);

/* status, Content-Type: application/json, Cache-Control: no-store. The body is then appended by the caller. */
void aa_response_json(struct aa_response *response, int status);
/* status, Content-Type: text/html; charset=utf-8, no-store, the strict CSP, frame and referrer headers. */
void aa_response_html(struct aa_response *response, int status);
/* 303 See Other (RFC 9700 §4.12: never 307), no-store. */
void aa_response_redirect(struct aa_response *response, struct aa_view location);
/* A JSON body {"error":…,"error_description":…} (RFC 6749 §5.2). Both are ours: ASCII literals. */
void aa_response_oauth_error(struct aa_response *response, int status, const char *error, const char *description);

struct aa_cookie {
    const char *name; /* without prefix; "__Host-" is put in front when `secure` */
    struct aa_view value;
    int64_t max_age_s; /* -1: until the browser closes; 0: delete */
    bool secure;       /* false only for http on loopback */
};
/* Adds Set-Cookie: HttpOnly; SameSite=Lax; Path=/; Secure and __Host- when secure. */
void aa_response_cookie(struct aa_response *response, const struct aa_cookie *cookie);
/* Reads it back under the name it was set with. */
struct aa_view aa_request_own_cookie(const struct aa_request *request, const char *name, bool secure);

#endif

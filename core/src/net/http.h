/* HTTP calls, many at once on one thread (libcurl multi): the guard's to its authorization server, and those of
 * net/fetch.h to strangers.
 *
 * https only, http to this machine alone; no redirects; answers capped; certificates checked; no proxy but a configured
 * one; time limits for connecting and for the whole. Everything but aa_http_wake() belongs to one thread. */
#ifndef AA_NET_HTTP_H
#define AA_NET_HTTP_H

#include "base/view.h"

#define AA_HTTP_BODY_MAX (64 * 1024)
#define AA_HTTP_HEAD_MAX (300 * 1024) /* all header lines of an answer; libcurl's own limit, which came with 8.3.0 */

struct aa_http;

/* How far calls reach depends on who chose the URLs. */
enum aa_http_reach {
    AA_HTTP_REACH_CONFIGURED, /* the operator: any address by https, this machine by http */
    AA_HTTP_REACH_PUBLIC,     /* a stranger: https alone, no user name, no address of special use (net/special_use.h) */
    AA_HTTP_REACH_PUBLIC_OR_LOOPBACK /* the same, and this machine's own addresses */
};

struct aa_http_settings { /* texts are NUL-terminated and outlive the client */
    int64_t connect_timeout_ms, timeout_ms;
    const char *ca_file; /* NULL: libcurl's own default */
    const char *proxy;   /* NULL: none, whatever the environment says */
    size_t body_max;     /* bytes; 0: AA_HTTP_BODY_MAX */
    enum aa_http_reach reach;
};

AA_CHECK enum aa_err aa_http_new(const struct aa_http_settings *settings, struct aa_http **out, struct aa_error *err);
/* Drops what is under way without telling anybody. Does not wait for name lookups. */
void aa_http_free(struct aa_http *http);
/* For a copy that came through fork(): closes the child's descriptors of the parent's connections, says nothing on them
 * and frees nothing. */
void aa_http_abandon(struct aa_http *http);

struct aa_http_request { /* borrowed for the call */
    const char *url;
    struct aa_view form;                     /* POSTed as application/x-www-form-urlencoded; absent: GET */
    const char *basic_user, *basic_password; /* form-encoded (RFC 6749 §2.3.1); NULL: none */
};

struct aa_http_result {
    enum aa_err code; /* AA_OK: an answer came, whatever its status */
    int status;
    bool is_body_too_long;       /* AA_ERR_REMOTE_PROTOCOL for that reason; the status is known */
    struct aa_view body;         /* borrowed for the call, as is content_type */
    struct aa_view content_type; /* absent: none was sent */
    int64_t max_age_s;           /* aa_cache_control_max_age_s() */
    const char *detail;          /* for the log; tells no address that a name stands for */
};
typedef void (*aa_http_done_fn)(void *ctx, const struct aa_http_result *result);

/* `done` is called once, from aa_http_run(). AA_OK, AA_ERR_NOMEM or AA_ERR_REMOTE_FORBIDDEN (a URL
 * out of reach). A host with none but addresses out of reach ends in AA_ERR_REMOTE_FORBIDDEN too. */
AA_CHECK enum aa_err aa_http_start(struct aa_http *http, const struct aa_http_request *request, aa_http_done_fn done,
                                   void *ctx, struct aa_error *err);
/* Moves every call on and tells of those that ended. */
void aa_http_run(struct aa_http *http);
/* Sleeps until something happens, aa_http_wake() was called, or the time is over. */
void aa_http_wait(struct aa_http *http, int timeout_ms);
void aa_http_wake(struct aa_http *http); /* any thread */

#endif

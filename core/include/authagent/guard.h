/* The guard: decides what a protected server does with a request. Everything a middleware must decide is decided here,
 * once.
 *
 * Hand over what is known of a request; do what the verdict says. aa_guard_check() never blocks; when it answers
 * AA_VERDICT_PENDING, ask again with aa_guard_check_async() and take the verdict from a queue. All functions may be
 * called from any thread. */
#ifndef AUTHAGENT_GUARD_H
#define AUTHAGENT_GUARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "authagent/error.h"
#include "authagent/view.h"

struct aa_guard;     /* counted */
struct aa_principal; /* counted, immutable: who the token speaks for */
struct aa_answer;    /* counted, immutable: a whole HTTP answer */
struct aa_queue;     /* finished asynchronous checks of one event loop */

AA_PUBLIC_BEGIN

/* ---- making one ------------------------------------------------------------------------------------------------ */

/* Makes a guard from one JSON object. An absent member (or null) falls back to the environment variable
 * AUTH_AGENT_<NAME>, then to the default; an unknown member is AA_ERR_OPTION_UNKNOWN and the message names the nearest
 * one. Lists in the environment are space- or comma-separated, `tools` is JSON there. Members:
 *
 *   server_id               string   id of this server at the authorization server ("srv_…")
 *   api_key                 string   its key ("sk_…"); both go as HTTP Basic (RFC 7662 §2.1), the key is never logged
 *   required_scopes         list     scopes every request needs; default none
 *   auth_server             string   issuer URL; default "http://localhost:8788"
 *   resource                string   this server's identifier (RFC 8707 §2); default: learnt from
 *                                    GET {auth_server}/api/servers/{server_id}
 *   public_paths            list     exact paths that need no token; default none
 *   cache_ttl               number   seconds an introspection answer is believed, 0–3600; default 60; 0: no cache
 *   cache_size              number   tokens remembered at most; default 10000
 *   tools                   object   MCP tool name → list of scopes a call of it needs, besides required_scopes
 *   mode                    string   "introspection" (default), or "jwt": local signature checks alone (RFC 9068 §4)
 *   introspection_endpoint  string   default: from the authorization server's metadata (RFC 8414)
 *   jwks_uri                string   default: from the metadata
 *   connect_timeout         number   seconds; default 2
 *   timeout                 number   seconds for a whole call; default 5
 *   max_body                number   bytes of a request body the tool policy reads; default 4194304
 *   resource_name           string   human-readable name in the RFC 9728 document; default: the registered one
 *   scopes_supported        list     in the RFC 9728 document; default: required_scopes
 *   ca_file                 string   PEM file of trusted authorities; default: SSL_CERT_FILE, then the system's
 *   proxy                   string   URL of a proxy for every call; default none: HTTP_PROXY and its like are not read
 *   check_audience          boolean  default true; false is loud in the log
 *
 * server_id and api_key may be missing only in mode "jwt" with `resource` given. Starts learning in the background at
 * once. AA_OK, AA_ERR_OPTION_*, AA_ERR_NOMEM, AA_ERR_THREAD, AA_ERR_SYSTEM, AA_ERR_RANDOM, AA_ERR_CRYPTO. */
AA_CHECK enum aa_err aa_guard_new(struct aa_view options_json, struct aa_guard **out, struct aa_error *err);
struct aa_guard *aa_guard_acquire(struct aa_guard *guard);
/* The last release stops the I/O thread and answers what is pending with AA_ERR_CLOSED; it waits for the thread, at
 * most some milliseconds. */
void aa_guard_release(struct aa_guard *guard);

/* Log lines of the guard (credentials rejected, audience mismatch, breaker). Default: standard error. Called on any
 * thread, never under a lock. level: 0 debug, 1 info, 2 warning, 3 error. NULL restores the default. Process-wide. */
typedef void (*aa_log_fn)(void *ctx, int level, const char *message);
void aa_guard_set_log(aa_log_fn log, void *ctx);

/* ---- asking ---------------------------------------------------------------------------------------------------- */

struct aa_guard_request {            /* borrowed for the call */
    struct aa_view method;           /* "GET" */
    struct aa_view path;             /* the framework's own path, decoded as its router sees it, without query */
    struct aa_view authorization;    /* all Authorization headers joined by ", "; absent when none */
    struct aa_view preflight_method; /* Access-Control-Request-Method; absent when none */
    struct aa_view origin;           /* Origin; absent when none */
    struct aa_view content_type;
    struct aa_view mcp_protocol_version; /* MCP-Protocol-Version */
    struct aa_view mcp_method;           /* Mcp-Method */
    struct aa_view mcp_name;             /* Mcp-Name */
    struct aa_view body;                 /* the whole body when aa_guard_wants_body() said so; absent otherwise */
};

/* True when the tool policy must see this request's body before it is judged: read at most aa_guard_max_body() bytes of
 * it, replay it intact. Judging such a request without a body is a refusal. */
bool aa_guard_wants_body(struct aa_guard *guard, struct aa_view method);
size_t aa_guard_max_body(struct aa_guard *guard);
/* The answer for a body over the limit (413). Caller releases. */
AA_CHECK enum aa_err aa_guard_refuse_body(struct aa_guard *guard, struct aa_answer **out, struct aa_error *err);

enum aa_verdict_kind {
    AA_VERDICT_ALLOW = 0,  /* principal is set: let it through */
    AA_VERDICT_PASS = 1,   /* not guarded (public path, CORS preflight): let it through, nobody is known */
    AA_VERDICT_ANSWER = 2, /* send `answer` (a refusal, or the RFC 9728 document) and do not call the app */
    AA_VERDICT_PENDING = 3 /* only from aa_guard_check(): not known yet, ask asynchronously */
};

struct aa_verdict {
    enum aa_verdict_kind kind;
    enum aa_err code;               /* why it was refused; AA_OK otherwise */
    struct aa_principal *principal; /* ALLOW: one reference, owned by the verdict */
    struct aa_answer *answer;       /* ANSWER: one reference, owned by the verdict */
};

/* Drops the references; the struct is usable again. */
void aa_verdict_clear(struct aa_verdict *verdict);

/* Never blocks and, on a cache hit, never allocates. Fills *verdict (clear it afterwards). Cannot fail: trouble of ours
 * is a 503 verdict. */
void aa_guard_check(struct aa_guard *guard, const struct aa_guard_request *request, struct aa_verdict *verdict);

/* Does this principal have these scopes (per-route demands)? ALLOW with the same principal, or ANSWER 403 listing the
 * app's required scopes and these together. principal NULL: 401. scopes is a space-separated list. */
void aa_guard_check_scopes(struct aa_guard *guard, struct aa_principal *principal, struct aa_view scopes,
                           struct aa_verdict *verdict);

/* ---- asynchronously -------------------------------------------------------------------------------------------- */

/* `wake` is called on the I/O thread, at most once until the queue was drained to empty; it must not block or call back
 * into the guard. */
typedef void (*aa_queue_wake_fn)(void *ctx);
AA_CHECK enum aa_err aa_queue_new(aa_queue_wake_fn wake, void *ctx, struct aa_queue **out, struct aa_error *err);
/* A queue that makes a file descriptor readable instead (eventfd where there is one). Draining it to empty clears the
 * descriptor. */
AA_CHECK enum aa_err aa_queue_new_fd(struct aa_queue **out, struct aa_error *err);
int aa_queue_fd(const struct aa_queue *queue); /* -1 when it has none */
/* After it returns `wake` is not running and will not run again; completions still under way are dropped. */
void aa_queue_free(struct aa_queue *queue);

struct aa_completion {
    void *tag;
    struct aa_verdict verdict; /* the taker clears it */
};

/* Copies the request, joins or starts the one flight for its token, and later delivers a verdict under `tag`, exactly
 * once unless cancelled. *ticket (may be NULL) names it for aa_guard_cancel(). AA_OK, AA_ERR_NOMEM, AA_ERR_THREAD,
 * AA_ERR_CLOSED. */
AA_CHECK enum aa_err aa_guard_check_async(struct aa_guard *guard, const struct aa_guard_request *request,
                                          struct aa_queue *queue, void *tag, uint64_t *ticket, struct aa_error *err);
/* After it returns the tag will not be delivered, unless it already stands in the queue: true when it was taken back,
 * false when the completion is (or was) in the queue. Other waiters of the flight go on. */
bool aa_guard_cancel(struct aa_guard *guard, struct aa_queue *queue, uint64_t ticket);
/* Takes at most `max` completions; 0 when empty. */
size_t aa_queue_take(struct aa_queue *queue, struct aa_completion *out, size_t max);
/* Blocks until a verdict is there. For C programs and tests; bindings do not use it. */
void aa_guard_check_wait(struct aa_guard *guard, const struct aa_guard_request *request, struct aa_verdict *verdict);

/* ---- reading the results --------------------------------------------------------------------------------------- */

struct aa_principal *aa_principal_acquire(struct aa_principal *principal);
void aa_principal_release(struct aa_principal *principal);
struct aa_view aa_principal_id(const struct aa_principal *principal);    /* `sub`; absent when the server names none */
struct aa_view aa_principal_email(const struct aa_principal *principal); /* absent when unknown */
struct aa_view aa_principal_name(const struct aa_principal *principal);  /* absent when unknown */
struct aa_view aa_principal_client_id(const struct aa_principal *principal);
struct aa_view aa_principal_scope(const struct aa_principal *principal); /* space-separated */
struct aa_view aa_principal_issuer(const struct aa_principal *principal);
struct aa_view aa_principal_resource(const struct aa_principal *principal); /* our own identifier */
int64_t aa_principal_expires_at(const struct aa_principal *principal);      /* seconds since 1970; 0 when unknown */
struct aa_view aa_principal_claims(const struct aa_principal *principal);   /* the whole answer as one JSON object */

struct aa_answer *aa_answer_acquire(struct aa_answer *answer);
void aa_answer_release(struct aa_answer *answer);
int aa_answer_status(const struct aa_answer *answer);
size_t aa_answer_header_count(const struct aa_answer *answer);
void aa_answer_header(const struct aa_answer *answer, size_t index, struct aa_view *name,
                      struct aa_view *value);                  /* names in lower case */
struct aa_view aa_answer_body(const struct aa_answer *answer); /* empty for HEAD and 204 */

/* ---- counters -------------------------------------------------------------------------------------------------- */

struct aa_guard_stats {
    uint64_t hits, misses, introspections, joined, refused, remote_errors, breaker_opened, dropped;
    uint64_t entries, negative_entries;
};
void aa_guard_get_stats(struct aa_guard *guard, struct aa_guard_stats *out);
const char *aa_version(void);

AA_PUBLIC_END

#endif

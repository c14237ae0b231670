/* The HTTP listener: the only file that sees libmicrohttpd. Its strictest discipline, and what that leaves to us (see
 * listener.c). */
#ifndef AA_HTTP_LISTENER_H
#define AA_HTTP_LISTENER_H

#include "http/router.h"
#include "metrics/metrics.h"

struct aa_listener;

struct aa_access { /* a request and what became of it; borrowed for the call */
    const char *request_id;
    const char *method;
    const char *route; /* its pattern, never the path or the query; "-" when there is none */
    int status;
    int64_t duration_us; /* from its head to its answer */
};

struct aa_listener_options {
    const char *address;         /* "127.0.0.1", "::1", "0.0.0.0", "::" */
    int port;                    /* 0: any free one */
    int threads;                 /* event threads; 0: one per processor, at most 4 */
    int workers;                 /* threads of the slow lane; 0: 16. They mostly wait for a commit they share */
    int worker_queue_max;        /* requests waiting for a worker; more are answered 503 + Retry-After; 0: 1024 */
    int connections_max;         /* 0: 4096 */
    int connections_per_address; /* 0: 512 */
    int deadline_ms;             /* for a complete head, and again for a complete body; 0: 10000 */
    int idle_ms;                 /* keep-alive; 0: 65000 */
    const char *trusted_proxies; /* comma-separated addresses or CIDR blocks whose X-Forwarded-For/-Proto are believed;
                                    NULL: none */
    bool secure;                 /* the issuer is https: HSTS, and requests count as secure */
    /* Told of mistakes of ours that were noticed (struct aa_response's complaint). Level as in authagent/guard.h; never
     * holds a byte that a client sent. NULL: standard error. */
    void (*log)(void *ctx, int level, const char *request_id, const char *message);
    /* Told of every answer, on the thread that made it. NULL: nobody is. */
    void (*access)(void *ctx, const struct aa_access *access);
    void *log_ctx;              /* given to both */
    struct aa_metrics *metrics; /* borrowed; the routes must be set. NULL: nothing is counted */
};

/* Borrows the router (and the app behind it) until aa_listener_stop(); copies the options. AA_ERR_OPTION_INVALID for an
 * address, port or trusted proxy that is none; AA_ERR_SYSTEM when the port is not to be had, saying why; AA_ERR_NOMEM,
 * AA_ERR_THREAD. */
AA_CHECK enum aa_err aa_listener_start(const struct aa_listener_options *options, const struct aa_router *router,
                                       struct aa_listener **out, struct aa_error *err);
int aa_listener_port(const struct aa_listener *listener);
/* Stops accepting, lets what runs finish for at most `grace_ms`, frees everything. After that time what still waits for
 * a worker is answered 503, and what a worker runs is waited for: it cannot be interrupted. NULL is fine. */
void aa_listener_stop(struct aa_listener *listener, int grace_ms);

#endif

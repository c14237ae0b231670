#include "http/listener.h"

#include <microhttpd.h>
#include <stdio.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "base/level.h"
#include "base/mem.h"
#include "http/bind.h"
#include "http/connections.h"
#include "http/head.h"
#include "http/options.h"
#include "http/workers.h"

/* The library's strictest reading of HTTP/1: two lengths, an odd length, folded or spaced fields, bare CR or LF, NUL,
 * odd chunk sizes and Transfer-Encoding beside a length or in HTTP/1.0 are answered 4xx and end the connection. An
 * unknown transfer coding is 501 (RFC 9112 §6.1) and an unknown version 505: it has no hook for its own refusals, which
 * are short fixed pages. */
#define STRICTEST 3
/* One block of memory for a connection's request and the head of its answer: AA_HEAD_MAX, what the library notes about
 * up to 64 fields, and the answer's fields. */
#define CONNECTION_MEMORY (32 * 1024)
#define ANSWER_MAX (1024 * 1024) /* bytes of an answer's body */
/* A body that is too large is read and dropped up to this much, so that a client that only listens after it has spoken
 * gets its 413; then the connection ends. */
#define DRAIN_MAX (64 * 1024)
#define LIBRARY_SLACK_S 5 /* its own timeout is the backstop behind ours */
#define DROP_WAIT_MS 1000 /* for answers to what was dropped at the end */
#define IDS_AT_ONCE 16
#define POLL_NS 2000000 /* between two looks whether all is done, at the end only */

struct aa_listener {
    struct aa_listener_options options;
    const struct aa_router *router;
    struct aa_address_blocks trusted;
    struct aa_connections *connections;
    struct aa_workers *workers;
    struct MHD_Daemon *daemon;
    int socket;
    atomic_int running; /* requests between a complete head and the end of their answer */
    atomic_bool is_stopping;
};

enum stage {
    STAGE_HEAD,    /* nothing was looked at yet */
    STAGE_BODY,    /* its body is coming */
    STAGE_WORKER,  /* suspended, on the slow lane */
    STAGE_ANSWERED /* the response is made, or was refused */
};

/* One request and its answer. */
struct exchange {
    struct aa_work work; /* first: the slow lane hands it back */
    struct aa_listener *listener;
    struct MHD_Connection *library;
    struct aa_connection *connection;
    char *target; /* a copy: the library decodes its own in place */
    size_t target_len;
    enum stage stage;
    bool is_counted; /* in listener->running */
    bool closes;     /* the connection ends with the answer */
    int64_t began_us;
    const struct aa_route *route;
    const struct aa_http_refusal *refusal; /* what the request will be answered when it is read to its end */
    size_t drained;
    bool has_more_fields;
    struct aa_buf body;
    char peer[AA_ADDRESS_TEXT_MAX];
    struct aa_request request;
    struct aa_response response;
};

static const struct aa_http_refusal body_too_large = {413, "invalid_request", "The request body is too large"};
static const struct aa_http_refusal body_unwanted = {413, "invalid_request", "This request takes no body"};
static const struct aa_http_refusal no_memory = {503, "temporarily_unavailable", "The server is out of memory"};
static const struct aa_http_refusal too_busy = {503, "temporarily_unavailable", "The server is busy"};
static const struct aa_http_refusal stopping = {503, "temporarily_unavailable", "The server is stopping"};

/* ---- the log ---------------------------------------------------------------------------------------------------- */

static void complain(const struct aa_listener *listener, const char *request_id, const char *message)
{
    if (listener->options.log)
        listener->options.log(listener->options.log_ctx, AA_LOG_ERROR, request_id, message);
    else
        fprintf(stderr, "%s: %s\n", request_id, message);
}

static int64_t now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static void tell_access(const struct exchange *exchange, int64_t duration_us)
{
    const struct aa_listener_options *options = &exchange->listener->options;
    const struct aa_route *route = exchange->route;
    struct aa_access access = {.request_id = exchange->request.request_id,
                               .method = aa_method_name(exchange->request.method),
                               .route = route ? route->pattern : "-",
                               .status = exchange->response.status,
                               .duration_us = duration_us};

    options->access(options->log_ctx, &access);
}

static void note_answer(const struct exchange *exchange)
{
    const struct aa_listener *listener = exchange->listener;
    size_t route = exchange->route ? (size_t)(exchange->route - listener->router->routes) : SIZE_MAX;
    int64_t duration_us;

    if (!listener->options.metrics && !listener->options.access)
        return;
    duration_us = now_us() - exchange->began_us;
    aa_metrics_request(listener->options.metrics, route, exchange->response.status, duration_us);
    if (listener->options.access)
        tell_access(exchange, duration_us);
}

static void count(const struct aa_listener *listener, enum aa_metrics_gauge gauge, int by)
{
    aa_metrics_move(listener->options.metrics, gauge, by);
}

/* ---- connections ------------------------------------------------------------------------------------------------ */

static enum MHD_Result admit(void *cls, const struct sockaddr *from, socklen_t len)
{
    struct aa_listener *listener = cls;
    struct aa_address address;

    (void)len;
    return aa_address_of(from, &address) && aa_connections_admits(listener->connections, &address) ? MHD_YES : MHD_NO;
}

/* The library answers every question in the same piece of memory: each answer is read before the next question. */
static bool address_of(struct MHD_Connection *library, struct aa_address *out)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(library, MHD_CONNECTION_INFO_CLIENT_ADDRESS);

    return info && aa_address_of(info->client_addr, out);
}

static struct aa_connection *add_connection(struct aa_listener *listener, struct MHD_Connection *library)
{
    const union MHD_ConnectionInfo *info;
    struct aa_address address;

    if (!address_of(library, &address))
        return NULL;
    info = MHD_get_connection_info(library, MHD_CONNECTION_INFO_CONNECTION_FD);
    return info ? aa_connections_add(listener->connections, info->connect_fd, &address) : NULL;
}

/* A connection that could not be noted has no context, and its requests are not answered. */
static void on_connection(void *cls, struct MHD_Connection *library, void **context,
                          enum MHD_ConnectionNotificationCode code)
{
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        *context = add_connection(cls, library);
        count(cls, AA_GAUGE_CONNECTIONS, *context != NULL);
    } else {
        count(cls, AA_GAUGE_CONNECTIONS, *context ? -1 : 0);
        aa_connections_remove(*context);
        *context = NULL;
    }
}

static struct aa_connection *connection_of(struct MHD_Connection *library)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(library, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

    return info ? info->socket_context : NULL;
}

/* ---- an exchange begins ----------------------------------------------------------------------------------------- */

/* Fetched for many requests at once: the system call would be a twentieth of a short request. */
static const uint8_t *random_for_id(void)
{
    static _Thread_local uint8_t bytes[IDS_AT_ONCE * AA_REQUEST_ID_LEN];
    static _Thread_local size_t used = sizeof bytes;

    if (used == sizeof bytes) {
        if (getrandom(bytes, sizeof bytes, 0) < 0)
            memset(bytes, 0, sizeof bytes);
        used = 0;
    }
    used += AA_REQUEST_ID_LEN;
    return bytes + used - AA_REQUEST_ID_LEN;
}

/* 80 bits, for finding a request in the log; not a secret. */
static void make_request_id(char id[AA_REQUEST_ID_LEN + 1])
{
    static const char alphabet[] = "abcdefghijkmnpqrstuvwxyz23456789";
    const uint8_t *random = random_for_id();
    size_t i;

    for (i = 0; i < AA_REQUEST_ID_LEN; i++)
        id[i] = alphabet[random[i] % (sizeof alphabet - 1)];
    id[AA_REQUEST_ID_LEN] = '\0';
}

/* Called with the raw request line's target, before the head is complete; what it returns is the request's context. */
static void *on_target(void *cls, const char *target, struct MHD_Connection *library)
{
    struct aa_connection *connection = connection_of(library);
    struct exchange *exchange;

    if (!connection)
        return NULL;
    aa_connection_begin_head(connection);
    exchange = aa_mem_new(sizeof *exchange);
    if (!exchange)
        return NULL;
    exchange->listener = cls;
    exchange->library = library;
    exchange->connection = connection;
    exchange->target_len = strlen(target);
    exchange->target = aa_mem_copy_text(target, exchange->target_len);
    aa_response_init(&exchange->response, ANSWER_MAX);
    make_request_id(exchange->request.request_id);
    return exchange;
}

static void on_completed(void *cls, struct MHD_Connection *library, void **context,
                         enum MHD_RequestTerminationCode code)
{
    struct exchange *exchange = *context;

    (void)cls;
    (void)library;
    (void)code;
    *context = NULL;
    if (!exchange)
        return;
    aa_connection_enter(exchange->connection, AA_PHASE_IDLE);
    if (exchange->is_counted) {
        atomic_fetch_sub(&exchange->listener->running, 1);
        count(exchange->listener, AA_GAUGE_REQUESTS_RUNNING, -1);
    }
    aa_buf_wipe_clear(&exchange->body);
    aa_response_clear(&exchange->response);
    aa_mem_wipe_free(exchange->target, exchange->target_len);
    aa_mem_free(exchange);
}

/* ---- the answer ------------------------------------------------------------------------------------------------- */

/* Called by the library once the body was sent, or will not be. */
static void free_body(void *cls)
{
    struct aa_buf *body = cls;

    aa_buf_wipe_clear(body);
    aa_mem_free(body);
}

/* Hands the body over; the buffer it leaves is empty. */
static struct MHD_Response *take_body(struct aa_response *response)
{
    struct aa_buf *body = aa_mem_new(sizeof *body);
    struct MHD_Response *made;

    if (!body)
        return NULL;
    *body = response->body;
    aa_buf_init(&response->body, body->max);
    made = MHD_create_response_from_buffer_with_free_callback_cls(body->len, aa_buf_text(body), free_body, body);
    if (!made)
        free_body(body);
    return made;
}

static bool add_headers(struct MHD_Response *made, const struct exchange *exchange)
{
    size_t i;

    for (i = 0; i < exchange->response.header_count; i++) {
        struct aa_view name, value = aa_response_get_header(&exchange->response, i, &name);

        if (MHD_add_response_header(made, name.data, value.data) == MHD_NO)
            return false;
    }
    return !exchange->closes || MHD_add_response_header(made, "Connection", "close") != MHD_NO;
}

/* MHD_NO ends the connection without an answer. */
static enum MHD_Result answer(struct exchange *exchange)
{
    struct MHD_Response *made;
    enum MHD_Result result = MHD_NO;

    if (exchange->response.complaint)
        complain(exchange->listener, exchange->request.request_id, exchange->response.complaint);
    note_answer(exchange);
    exchange->closes |= atomic_load(&exchange->listener->is_stopping);
    exchange->stage = STAGE_ANSWERED;
    aa_connection_enter(exchange->connection, AA_PHASE_ANSWER);
    made = take_body(&exchange->response);
    if (!made)
        return MHD_NO;
    if (add_headers(made, exchange))
        result = MHD_queue_response(exchange->library, (unsigned)exchange->response.status, made);
    MHD_destroy_response(made);
    return result;
}

static void refuse(struct exchange *exchange, const struct aa_http_refusal *refusal)
{
    aa_router_refuse(exchange->listener->router, &exchange->request, &exchange->response, refusal);
    if (refusal->status == 503)
        aa_response_header_set(&exchange->response, "Retry-After", AA_VIEW("5"));
}

/* The request was not read to its end, or not trusted: what follows on the connection is not read. */
static enum MHD_Result refuse_and_close(struct exchange *exchange, const struct aa_http_refusal *refusal)
{
    exchange->closes = true;
    refuse(exchange, refusal);
    return answer(exchange);
}

/* ---- the head --------------------------------------------------------------------------------------------------- */

static enum MHD_Result add_field(void *cls, enum MHD_ValueKind kind, const char *name, size_t name_len,
                                 const char *value, size_t value_len)
{
    struct exchange *exchange = cls;
    struct aa_request *request = &exchange->request;

    (void)kind;
    if (request->header_count == AA_HTTP_HEADERS_MAX) {
        exchange->has_more_fields = true;
        return MHD_NO;
    }
    request->headers[request->header_count++] =
        (struct aa_header){aa_view_make(name, name_len), aa_view_make(value ? value : "", value_len)};
    return MHD_YES;
}

static void fill_peer(struct exchange *exchange)
{
    struct aa_listener *listener = exchange->listener;
    const struct aa_address *direct = &exchange->connection->address;
    struct aa_request *request = &exchange->request;
    struct aa_address client;

    request->secure = listener->options.secure;
    request->peer = aa_view_of(exchange->connection->address_text);
    if (listener->trusted.count == 0)
        return;
    client = aa_forwarded_client(&listener->trusted, direct, request);
    aa_address_format(&client, exchange->peer);
    request->peer = aa_view_of(exchange->peer);
    request->secure |= aa_forwarded_https(&listener->trusted, direct, request);
}

static size_t head_len(struct MHD_Connection *library)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(library, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);

    return info ? info->header_size : SIZE_MAX;
}

static const struct aa_http_refusal *read_head(struct exchange *exchange, const char *method)
{
    struct aa_request *request = &exchange->request;
    struct aa_head head = {.request = request, .target_len = exchange->target_len};

    if (!exchange->target)
        return &no_memory;
    request->method = aa_method_parse(aa_view_of(method));
    head.is_target_good = aa_target_parse(aa_view_make(exchange->target, exchange->target_len), request);
    MHD_get_connection_values_n(exchange->library, MHD_HEADER_KIND, add_field, exchange);
    head.head_len = head_len(exchange->library);
    head.has_more_fields = exchange->has_more_fields;
    fill_peer(exchange);
    return aa_head_check(&head);
}

static const struct aa_http_refusal *too_large(const struct exchange *exchange)
{
    return exchange->body.max ? &body_too_large : &body_unwanted;
}

/* A body that is announced as too large is refused before it is sent where the client waits for that (RFC 9110
 * §10.1.1), or where it is too much to read for nothing. */
static bool is_refused_at_once(const struct exchange *exchange, int64_t len)
{
    return len > DRAIN_MAX || !aa_view_is_absent(aa_request_header(&exchange->request, "Expect"));
}

static enum MHD_Result begin(struct exchange *exchange, const char *method)
{
    const struct aa_http_refusal *refusal;
    int64_t len;

    exchange->is_counted = true;
    exchange->began_us = now_us();
    atomic_fetch_add(&exchange->listener->running, 1);
    count(exchange->listener, AA_GAUGE_REQUESTS_RUNNING, 1);
    refusal = read_head(exchange, method);
    if (refusal)
        return refuse_and_close(exchange, refusal);
    exchange->route = aa_router_find(exchange->listener->router, &exchange->request);
    aa_buf_init(&exchange->body, exchange->route ? exchange->route->body_max : 0);
    len = aa_head_body_len(&exchange->request);
    if (len > 0 && (uint64_t)len > exchange->body.max) {
        exchange->refusal = too_large(exchange);
        if (is_refused_at_once(exchange, len))
            return refuse_and_close(exchange, exchange->refusal);
    }
    exchange->stage = STAGE_BODY;
    aa_connection_enter(exchange->connection, AA_PHASE_BODY);
    return MHD_YES;
}

/* ---- the body --------------------------------------------------------------------------------------------------- */

/* The library takes no answer while a body is coming: once it is refused, the rest is read and dropped. */
static enum MHD_Result add_body(struct exchange *exchange, struct aa_view part)
{
    if (!exchange->refusal) {
        aa_buf_add(&exchange->body, part);
        if (exchange->body.bad == AA_ERR_TOO_LONG)
            exchange->refusal = too_large(exchange);
        else if (exchange->body.bad)
            exchange->refusal = &no_memory;
    }
    if (!exchange->refusal)
        return MHD_YES;
    exchange->drained += part.len;
    return exchange->drained <= DRAIN_MAX ? MHD_YES : MHD_NO;
}

/* ---- the lanes -------------------------------------------------------------------------------------------------- */

/* The library calls handle() again once it has noticed; from here on the exchange is the event thread's. */
static void resume(struct exchange *exchange)
{
    MHD_resume_connection(exchange->library);
}

static void run_on_worker(struct aa_work *work)
{
    struct exchange *exchange = (struct exchange *)work;

    count(exchange->listener, AA_GAUGE_WORKERS_WAITING, -1);
    aa_router_dispatch(exchange->listener->router, &exchange->request, &exchange->response);
    resume(exchange);
}

static void drop_from_worker(struct aa_work *work)
{
    struct exchange *exchange = (struct exchange *)work;

    count(exchange->listener, AA_GAUGE_WORKERS_WAITING, -1);
    refuse(exchange, &stopping);
    resume(exchange);
}

/* Suspended first: a worker may be done before this returns. */
static enum MHD_Result send_to_worker(struct exchange *exchange)
{
    exchange->work = (struct aa_work){
        .run = run_on_worker, .drop = drop_from_worker, .is_heavy = exchange->route->lane == AA_LANE_HEAVY};
    exchange->stage = STAGE_WORKER;
    MHD_suspend_connection(exchange->library);
    count(exchange->listener, AA_GAUGE_WORKERS_WAITING, 1);
    if (!aa_workers_submit(exchange->listener->workers, &exchange->work)) {
        count(exchange->listener, AA_GAUGE_WORKERS_WAITING, -1);
        refuse(exchange, &too_busy);
        resume(exchange);
    }
    return MHD_YES;
}

static enum MHD_Result finish(struct exchange *exchange)
{
    if (exchange->refusal)
        return refuse_and_close(exchange, exchange->refusal);
    exchange->request.body = aa_buf_view(&exchange->body);
    aa_connection_enter(exchange->connection, AA_PHASE_WORK);
    if (exchange->route && exchange->route->lane != AA_LANE_FAST)
        return send_to_worker(exchange);
    exchange->request.must_not_wait = true;
    aa_router_dispatch(exchange->listener->router, &exchange->request, &exchange->response);
    if (!exchange->response.wants_worker)
        return answer(exchange);
    exchange->request.must_not_wait = false;
    aa_response_reset(&exchange->response);
    return send_to_worker(exchange);
}

/* Called with a complete head, then for each part of the body, then at its end, and once more after a worker is done.
 */
static enum MHD_Result handle(void *cls, struct MHD_Connection *library, const char *url, const char *method,
                              const char *version, const char *upload, size_t *upload_len, void **context)
{
    struct exchange *exchange = *context;
    struct aa_view part = aa_view_make(upload, *upload_len);

    (void)cls;
    (void)library;
    (void)url;
    (void)version;
    if (!exchange) /* no memory */
        return MHD_NO;
    switch (exchange->stage) {
    case STAGE_HEAD:
        return begin(exchange, method);
    case STAGE_BODY:
        *upload_len = 0;
        return part.len ? add_body(exchange, part) : finish(exchange);
    case STAGE_WORKER:
        return answer(exchange);
    default:
        return MHD_NO;
    }
}

/* ---- beginning and end ------------------------------------------------------------------------------------------ */

/* Nothing is decoded: paths are matched, and queries parsed, from the raw target. */
static size_t keep_as_it_is(void *cls, struct MHD_Connection *library, char *text)
{
    (void)cls;
    (void)library;
    return strlen(text);
}

static unsigned library_timeout_s(const struct aa_listener_options *options)
{
    int longest = options->idle_ms > options->deadline_ms ? options->idle_ms : options->deadline_ms;

    return (unsigned)(longest / 1000 + LIBRARY_SLACK_S);
}

/* Its messages stay off: they quote what clients sent. */
static struct MHD_Daemon *start_library(struct aa_listener *listener)
{
    const struct aa_listener_options *options = &listener->options;
    unsigned threads = (unsigned)options->threads;

    return MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME, 0, admit, listener, handle,
                            listener, MHD_OPTION_LISTEN_SOCKET, (MHD_socket)listener->socket,
                            MHD_OPTION_CLIENT_DISCIPLINE_LVL, (int)STRICTEST, MHD_OPTION_URI_LOG_CALLBACK, on_target,
                            listener, MHD_OPTION_NOTIFY_CONNECTION, on_connection, listener,
                            MHD_OPTION_NOTIFY_COMPLETED, on_completed, listener, MHD_OPTION_UNESCAPE_CALLBACK,
                            keep_as_it_is, NULL, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY,
                            MHD_OPTION_CONNECTION_TIMEOUT, library_timeout_s(options),
                            /* Shared out among the threads, so it must be out of the way of ours. */
                            MHD_OPTION_CONNECTION_LIMIT, ((unsigned)options->connections_max + 1) * threads,
                            threads > 1 ? MHD_OPTION_THREAD_POOL_SIZE : MHD_OPTION_END, threads, MHD_OPTION_END);
}

static enum aa_err start_parts(struct aa_listener *listener, struct aa_error *err)
{
    struct aa_listener_options *options = &listener->options;
    struct aa_connections_limits limits = {options->connections_max, options->connections_per_address,
                                           options->deadline_ms, options->idle_ms, &listener->trusted};
    enum aa_err rc;

    rc = aa_address_blocks_parse(options->trusted_proxies, &listener->trusted, err);
    if (!rc)
        rc = aa_bind(options->address, &options->port, &listener->socket, err);
    if (!rc)
        rc = aa_connections_new(&limits, &listener->connections, err);
    if (!rc)
        rc = aa_workers_new(options->workers, (size_t)options->worker_queue_max, &listener->workers, err);
    if (rc)
        return rc;
    listener->daemon = start_library(listener);
    return listener->daemon ? AA_OK : aa_fail(err, AA_ERR_SYSTEM, "the HTTP library could not be started");
}

static void free_parts(struct aa_listener *listener)
{
    aa_workers_free(listener->workers);
    aa_connections_free(listener->connections);
    if (listener->socket >= 0)
        close(listener->socket);
    aa_address_blocks_clear(&listener->trusted);
    aa_mem_free(listener);
}

enum aa_err aa_listener_start(const struct aa_listener_options *options, const struct aa_router *router,
                              struct aa_listener **out, struct aa_error *err)
{
    struct aa_listener *listener = aa_mem_new(sizeof *listener);
    enum aa_err rc;

    if (!listener)
        return aa_fail(err, AA_ERR_NOMEM, "no memory for the listener");
    listener->options = *options;
    aa_listener_options_settle(&listener->options);
    listener->router = router;
    listener->socket = -1;
    rc = start_parts(listener, err);
    if (rc) {
        free_parts(listener);
        return rc;
    }
    /* These texts are the caller's. */
    listener->options.address = listener->options.trusted_proxies = NULL;
    *out = listener;
    return AA_OK;
}

int aa_listener_port(const struct aa_listener *listener)
{
    return listener->options.port;
}

static void wait_until_done(const struct aa_listener *listener, int ms)
{
    const struct timespec pause = {0, POLL_NS};
    int64_t left_ns = (int64_t)ms * 1000000;

    for (; left_ns > 0 && atomic_load(&listener->running) > 0; left_ns -= POLL_NS)
        nanosleep(&pause, NULL);
}

void aa_listener_stop(struct aa_listener *listener, int grace_ms)
{
    if (!listener)
        return;
    atomic_store(&listener->is_stopping, true);
    MHD_quiesce_daemon(listener->daemon);
    /* New ones are refused by the kernel at once, and not left hanging. */
    shutdown(listener->socket, SHUT_RDWR);
    wait_until_done(listener, grace_ms);
    /* The library may not stop while a connection is suspended. */
    aa_workers_end(listener->workers);
    wait_until_done(listener, DROP_WAIT_MS);
    MHD_stop_daemon(listener->daemon);
    free_parts(listener);
}

#include "support_web.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#define PATIENCE_S 20 /* longer than anything takes; only a broken test waits so long */

/* ---- handlers --------------------------------------------------------------------------------------------------- */

static long thread_id(void)
{
    return syscall(SYS_gettid);
}

static void note_call(struct web *w)
{
    pthread_mutex_lock(&w->lock);
    w->calls++;
    w->handler_thread = thread_id();
    pthread_mutex_unlock(&w->lock);
}

static void answer_text(struct aa_response *response, struct aa_view text)
{
    response->status = 200;
    aa_response_header(response, "Content-Type", AA_VIEW("text/plain"));
    aa_buf_add(&response->body, text);
}

static void hello(void *app, const struct aa_request *request, struct aa_response *response)
{
    (void)request;
    note_call(app);
    answer_text(response, AA_VIEW("hello"));
}

static void echo(void *app, const struct aa_request *request, struct aa_response *response)
{
    note_call(app);
    answer_text(response, request->body);
}

static void add_line(struct aa_buf *body, const char *name, struct aa_view value)
{
    aa_buf_add_format(body, "%s=%.*s\n", name, AA_VIEW_ARGS(value));
}

static void seen(void *app, const struct aa_request *request, struct aa_response *response)
{
    note_call(app);
    answer_text(response, AA_VIEW(""));
    add_line(&response->body, "path", request->path);
    add_line(&response->body, "query", aa_view_is_absent(request->query) ? AA_VIEW("absent") : request->query);
    add_line(&response->body, "id", request->params[0]);
    add_line(&response->body, "peer", request->peer);
    add_line(&response->body, "secure", request->secure ? AA_VIEW("yes") : AA_VIEW("no"));
    add_line(&response->body, "request_id", aa_view_of(request->request_id));
}

/* True on the event thread, after asking for a worker. */
static bool is_promoted(struct web *w, const struct aa_request *request, struct aa_response *response)
{
    if (!request->must_not_wait)
        return false;
    pthread_mutex_lock(&w->lock);
    w->event_thread = thread_id();
    w->queued++;
    pthread_cond_broadcast(&w->changed);
    pthread_mutex_unlock(&w->lock);
    answer_text(response, AA_VIEW("not yet"));
    response->wants_worker = true;
    return true;
}

static void promoted(void *app, const struct aa_request *request, struct aa_response *response)
{
    if (!is_promoted(app, request, response))
        hello(app, request, response);
}

static void gate(void *app, const struct aa_request *request, struct aa_response *response)
{
    struct web *w = app;

    if (is_promoted(w, request, response))
        return;
    note_call(w);
    pthread_mutex_lock(&w->lock);
    w->waiting++;
    pthread_cond_broadcast(&w->changed);
    while (!w->is_open)
        pthread_cond_wait(&w->changed, &w->lock);
    w->waiting--;
    pthread_mutex_unlock(&w->lock);
    answer_text(response, AA_VIEW("through"));
}

static void careless(void *app, const struct aa_request *request, struct aa_response *response)
{
    (void)request;
    note_call(app);
    answer_text(response, AA_VIEW("careless"));
    aa_response_header(response, "X-Split", AA_VIEW("a\r\nX-Injected: b"));
}

static void wide(void *app, const struct aa_request *request, struct aa_response *response)
{
    static char value[WEB_WIDE + 1];

    (void)request;
    note_call(app);
    answer_text(response, AA_VIEW("wide"));
    memset(value, 'w', WEB_WIDE);
    aa_response_header(response, "Location", aa_view_make(value, WEB_WIDE));
}

static const struct aa_route routes[] = {
    {.method = AA_METHOD_GET, .pattern = "/hello", .handler = hello},
    {.method = AA_METHOD_GET, .pattern = "/seen/:id", .handler = seen},
    {.method = AA_METHOD_POST, .pattern = "/echo", .handler = echo, .body_max = WEB_BODY_MAX},
    {.method = AA_METHOD_POST,
     .pattern = "/slow",
     .handler = echo,
     .body_max = WEB_BODY_MAX,
     .lane = AA_LANE_SLOW,
     .cors = AA_CORS_ANY},
    {.method = AA_METHOD_GET, .pattern = "/gate", .handler = gate, .cors = AA_CORS_ANY},
    {.method = AA_METHOD_GET, .pattern = "/promoted", .handler = promoted},
    {.method = AA_METHOD_GET, .pattern = "/careless", .handler = careless},
    {.method = AA_METHOD_GET, .pattern = "/wide", .handler = wide},
};

/* ---- the listener ----------------------------------------------------------------------------------------------- */

static void keep_log(void *ctx, int level, const char *request_id, const char *message)
{
    struct web *w = ctx;

    pthread_mutex_lock(&w->lock);
    snprintf(w->log, sizeof w->log, "%d %s %s", level, request_id, message);
    pthread_mutex_unlock(&w->lock);
}

void web_start_with(struct web *w, struct aa_listener_options options)
{
    memset(w, 0, sizeof *w);
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->changed, NULL);
    w->router = (struct aa_router){routes, sizeof routes / sizeof *routes, w, NULL};
    if (!options.address)
        options.address = "127.0.0.1";
    options.log = keep_log;
    options.log_ctx = w;
    CHECK_OK(aa_listener_start(&options, &w->router, &w->listener, NULL));
    w->port = aa_listener_port(w->listener);
    CHECK(w->port > 0);
}

void web_start(struct web *w)
{
    web_start_with(w, (struct aa_listener_options){.threads = 2});
}

void web_stop(struct web *w)
{
    web_open_gate(w);
    aa_listener_stop(w->listener, 1000);
    pthread_cond_destroy(&w->changed);
    pthread_mutex_destroy(&w->lock);
}

void web_open_gate(struct web *w)
{
    pthread_mutex_lock(&w->lock);
    w->is_open = true;
    pthread_cond_broadcast(&w->changed);
    pthread_mutex_unlock(&w->lock);
}

static void wait_for(struct web *w, const int *number, int count)
{
    pthread_mutex_lock(&w->lock);
    while (*number < count)
        pthread_cond_wait(&w->changed, &w->lock);
    pthread_mutex_unlock(&w->lock);
}

void web_wait_waiting(struct web *w, int count)
{
    wait_for(w, &w->waiting, count);
}

void web_wait_queued(struct web *w, int count)
{
    wait_for(w, &w->queued, count);
}

int web_calls(struct web *w)
{
    int calls;

    pthread_mutex_lock(&w->lock);
    calls = w->calls;
    pthread_mutex_unlock(&w->lock);
    return calls;
}

/* ---- the client ------------------------------------------------------------------------------------------------- */

union web_address {
    struct sockaddr any;
    struct sockaddr_in ipv4;
    struct sockaddr_in6 ipv6;
};

static socklen_t make_address(union web_address *out, const char *text, int port)
{
    memset(out, 0, sizeof *out);
    if (inet_pton(AF_INET, text, &out->ipv4.sin_addr) == 1) {
        out->ipv4.sin_family = AF_INET;
        out->ipv4.sin_port = htons((uint16_t)port);
        return sizeof out->ipv4;
    }
    CHECK_INT(inet_pton(AF_INET6, text, &out->ipv6.sin6_addr), 1);
    out->ipv6.sin6_family = AF_INET6;
    out->ipv6.sin6_port = htons((uint16_t)port);
    return sizeof out->ipv6;
}

int web_connect_from(const struct web *w, const char *to, const char *from)
{
    struct timeval patience = {PATIENCE_S, 0};
    union web_address address, own;
    socklen_t len = make_address(&address, to, w->port), own_len;
    int fd = socket(address.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

    CHECK(fd >= 0);
    CHECK_INT(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience), 0);
    CHECK_INT(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on), 0);
    if (from) {
        own_len = make_address(&own, from, 0);
        CHECK_INT(bind(fd, &own.any, own_len), 0);
    }
    if (connect(fd, &address.any, len) == 0)
        return fd;
    close(fd);
    return -1;
}

int web_connect(const struct web *w)
{
    int fd = web_connect_from(w, "127.0.0.1", NULL);

    CHECK(fd >= 0);
    return fd;
}

bool web_try_send(int fd, const void *data, size_t len)
{
    const char *from = data;

    while (len > 0) {
        ssize_t sent = send(fd, from, len, MSG_NOSIGNAL);

        if (sent <= 0)
            return false;
        from += sent;
        len -= (size_t)sent;
    }
    return true;
}

void web_send(int fd, const char *text)
{
    CHECK(web_try_send(fd, text, strlen(text)));
}

/* One byte; false at the end of the connection. */
static bool read_byte(int fd, char *byte)
{
    ssize_t got = recv(fd, byte, 1, 0);

    if (got < 0 && errno != ECONNRESET)
        fail_msg("nothing was answered: %s", strerror(errno));
    return got == 1;
}

void web_read(int fd, struct web_answer *answer, bool to_head)
{
    size_t len = 0, body_len, i;

    memset(answer, 0, sizeof *answer);
    while (len < 4 || strcmp(answer->head + len - 4, "\r\n\r\n") != 0) {
        CHECK(len < sizeof answer->head - 1);
        if (!read_byte(fd, &answer->head[len++])) {
            CHECK_INT(len, 1); /* an answer that breaks off is none */
            return;
        }
    }
    CHECK_INT(sscanf(answer->head, "HTTP/1.1 %d ", &answer->status), 1);
    body_len = (size_t)strtoul(web_field(answer, "Content-Length"), NULL, 10);
    CHECK(body_len < sizeof answer->body);
    for (i = 0; !to_head && i < body_len; i++)
        CHECK(read_byte(fd, &answer->body[i]));
}

bool web_is_closed(int fd)
{
    char rest[4096];
    ssize_t got;

    while ((got = recv(fd, rest, sizeof rest, 0)) > 0)
        continue;
    return got == 0 || errno == ECONNRESET;
}

int web_ask(const struct web *w, const char *request, struct web_answer *answer)
{
    int fd = web_connect(w);

    web_send(fd, request);
    web_read(fd, answer, strncmp(request, "HEAD ", 5) == 0);
    close(fd);
    return answer->status;
}

const char *web_field(const struct web_answer *answer, const char *name)
{
    static char value[4096];
    const char *line = strstr(answer->head, "\r\n");
    size_t name_len = strlen(name);

    for (; line && line[2] != '\r'; line = strstr(line + 2, "\r\n")) {
        if (strncasecmp(line + 2, name, name_len) == 0 && line[2 + name_len] == ':') {
            const char *from = line + 2 + name_len + 1;
            int len = (int)(strstr(from, "\r\n") - from);

            snprintf(value, sizeof value, "%.*s", len - 1, from + 1);
            return value;
        }
    }
    return "";
}

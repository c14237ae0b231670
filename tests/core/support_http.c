#include "support_http.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define ROUTES_MAX 64
#define CONNECTIONS_MAX 512
#define REQUEST_MAX 65536
#define NAME_MAX_LEN 2048

struct route {
    char key[NAME_MAX_LEN]; /* a path, or "token=…" */
    int status;
    char *body;
    char headers[512];
    int delay_ms, drip_ms;
    bool held, raw;
    int hits, waiting;
    char last_head[NAME_MAX_LEN], last_body[NAME_MAX_LEN];
};

struct http_server {
    int listener, port;
    pthread_t acceptor;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool stopping;
    int sockets[CONNECTIONS_MAX];
    pthread_t threads[CONNECTIONS_MAX];
    int connection_count, open_count, hits;
    struct route routes[ROUTES_MAX];
    int route_count;
};

struct connection {
    struct http_server *server;
    int socket, index;
};

struct message {
    char text[REQUEST_MAX];
    size_t len, head_len, body_len;
    char method[16], path[NAME_MAX_LEN];
};

static void die(const char *what)
{
    fprintf(stderr, "test server: %s: %s\n", what, strerror(errno));
    abort();
}

/* ---- reading --------------------------------------------------------------------------------------------------- */

static void copy_header(const struct message *message, const char *name, char *out, size_t size)
{
    const char *line = message->text;
    size_t name_len = strlen(name);

    out[0] = '\0';
    while ((line = strstr(line, "\r\n")) && line < message->text + message->head_len) {
        line += 2;
        if (strncasecmp(line, name, name_len) == 0 && line[name_len] == ':') {
            const char *value = line + name_len + 1 + strspn(line + name_len + 1, " ");

            snprintf(out, size, "%.*s", (int)strcspn(value, "\r"), value);
            return;
        }
    }
}

/* Reads one request; false when the peer is gone. */
static bool receive(int number, struct message *message)
{
    char length[32];
    char *end = NULL;

    message->len = 0;
    while (!end) {
        ssize_t got = recv(number, message->text + message->len, sizeof message->text - 1 - message->len, 0);

        if (got <= 0)
            return false;
        message->len += (size_t)got;
        message->text[message->len] = '\0';
        end = strstr(message->text, "\r\n\r\n");
    }
    message->head_len = (size_t)(end - message->text) + 4;
    copy_header(message, "Content-Length", length, sizeof length);
    message->body_len = strtoul(length, NULL, 10);
    while (message->len < message->head_len + message->body_len) {
        ssize_t got = recv(number, message->text + message->len, sizeof message->text - 1 - message->len, 0);

        if (got <= 0)
            return false;
        message->len += (size_t)got;
    }
    message->text[message->len] = '\0';
    return sscanf(message->text, "%15s %2047s", message->method, message->path) == 2;
}

/* ---- answering ------------------------------------------------------------------------------------------------- */

static struct route *find_route(struct http_server *server, const char *key)
{
    for (int i = 0; i < server->route_count; i++) {
        if (strcmp(server->routes[i].key, key) == 0)
            return &server->routes[i];
    }
    return NULL;
}

static struct route *choose(struct http_server *server, const struct message *message)
{
    const char *body = message->text + message->head_len;
    char key[NAME_MAX_LEN];
    struct route *route = NULL;
    struct route *path = find_route(server, message->path);

    if (path)
        path->hits++;
    if (strncmp(body, "token=", 6) == 0) {
        snprintf(key, sizeof key, "%.*s", (int)strcspn(body, "&"), body);
        route = find_route(server, key);
    }
    return route && path && path->status == 200 ? route : path;
}

static void note(struct http_server *server, const struct message *message)
{
    struct route *route = find_route(server, message->path);

    server->hits++;
    if (!route)
        return;
    snprintf(route->last_head, sizeof route->last_head, "%.*s", (int)message->head_len, message->text);
    snprintf(route->last_body, sizeof route->last_body, "%.*s", (int)message->body_len,
             message->text + message->head_len);
}

/* Under the lock. Lets it go while it waits: for the time to pass, for a held path to be let go, or for the end. */
static void pause_locked(struct http_server *server, const char *path, int ms)
{
    struct route *route = find_route(server, path);
    struct timespec until;

    if (!route)
        return;
    route->waiting++;
    while (route->held && !server->stopping)
        pthread_cond_wait(&server->changed, &server->lock);
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += ms / 1000 + (until.tv_nsec + ms % 1000 * 1000000L) / 1000000000L;
    until.tv_nsec = (until.tv_nsec + ms % 1000 * 1000000L) % 1000000000L;
    while (ms && !server->stopping)
        ms = pthread_cond_timedwait(&server->changed, &server->lock, &until) == ETIMEDOUT ? 0 : ms;
    route->waiting--;
}

static bool send_all(int number, const char *text, size_t len)
{
    while (len) {
        ssize_t sent = send(number, text, len, MSG_NOSIGNAL);

        if (sent <= 0)
            return false;
        text += sent;
        len -= (size_t)sent;
    }
    return true;
}

/* The whole answer as it goes over the wire. Under the lock. */
static char *compose(const struct route *route)
{
    const char *body = route && route->body ? route->body : "{}";
    size_t size = strlen(body) + 1024;
    char *text = malloc(size);

    if (!text)
        die("malloc");
    if (route && route->raw)
        snprintf(text, size, "%s", body);
    else
        snprintf(text, size, "HTTP/1.1 %d X\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n%s\r\n%s",
                 route ? route->status : 404, strlen(body), route ? route->headers : "", body);
    return text;
}

static bool send_dripping(struct connection *connection, const char *path, const char *text, int ms)
{
    bool well = true;

    for (; *text && well; text++) {
        pthread_mutex_lock(&connection->server->lock);
        pause_locked(connection->server, path, ms);
        well = !connection->server->stopping;
        pthread_mutex_unlock(&connection->server->lock);
        well = well && send_all(connection->socket, text, 1);
    }
    return well;
}

static bool answer(struct connection *connection, const struct message *message)
{
    struct http_server *server = connection->server;
    struct route *path;
    struct route *route;
    char *text;
    bool stay;
    int drip_ms;

    pthread_mutex_lock(&server->lock);
    note(server, message);
    route = choose(server, message);
    path = find_route(server, message->path);
    pause_locked(server, message->path, path ? path->delay_ms : 0);
    text = compose(route);
    drip_ms = path ? path->drip_ms : 0;
    stay = !(route && (route->raw || strstr(route->headers, "Connection: close")));
    pthread_mutex_unlock(&server->lock);
    if (drip_ms)
        stay = send_dripping(connection, message->path, text, drip_ms) && stay;
    else
        stay = send_all(connection->socket, text, strlen(text)) && stay;
    free(text);
    return stay;
}

static void *serve(void *arg)
{
    struct connection *connection = arg;
    struct message *message = calloc(1, sizeof *message);

    while (message && receive(connection->socket, message) && answer(connection, message))
        continue;
    free(message);
    pthread_mutex_lock(&connection->server->lock);
    connection->server->open_count--;
    pthread_mutex_unlock(&connection->server->lock);
    shutdown(connection->socket, SHUT_RDWR);
    free(connection);
    return NULL;
}

static void *accept_all(void *arg)
{
    struct http_server *server = arg;

    for (;;) {
        int number = accept(server->listener, NULL, NULL);
        struct connection *connection;
        int one = 1;

        pthread_mutex_lock(&server->lock);
        if (server->stopping || number < 0 || server->connection_count == CONNECTIONS_MAX) {
            pthread_mutex_unlock(&server->lock);
            if (number >= 0)
                close(number);
            return NULL;
        }
        setsockopt(number, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        connection = calloc(1, sizeof *connection);
        if (!connection)
            die("calloc");
        *connection = (struct connection){server, number, server->connection_count};
        server->sockets[server->connection_count] = number;
        if (pthread_create(&server->threads[server->connection_count], NULL, serve, connection))
            die("pthread_create");
        server->connection_count++;
        server->open_count++;
        pthread_mutex_unlock(&server->lock);
    }
}

/* ---- the server ------------------------------------------------------------------------------------------------ */

struct http_server *http_server_start(int port)
{
    struct http_server *server = calloc(1, sizeof *server);
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof address;
    int one = 1;

    if (!server)
        die("calloc");
    pthread_mutex_init(&server->lock, NULL);
    pthread_cond_init(&server->changed, NULL);
    server->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(server->listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(server->listener, (struct sockaddr *)&address, len) || listen(server->listener, 256))
        die("bind");
    getsockname(server->listener, (struct sockaddr *)&address, &len);
    server->port = ntohs(address.sin_port);
    if (pthread_create(&server->acceptor, NULL, accept_all, server))
        die("pthread_create");
    return server;
}

void http_server_stop(struct http_server *server)
{
    pthread_mutex_lock(&server->lock);
    server->stopping = true;
    pthread_cond_broadcast(&server->changed);
    for (int i = 0; i < server->connection_count; i++)
        shutdown(server->sockets[i], SHUT_RDWR);
    pthread_mutex_unlock(&server->lock);
    shutdown(server->listener, SHUT_RDWR);
    pthread_join(server->acceptor, NULL);
    close(server->listener);
    for (int i = 0; i < server->connection_count; i++) {
        pthread_join(server->threads[i], NULL);
        close(server->sockets[i]);
    }
    for (int i = 0; i < server->route_count; i++)
        free(server->routes[i].body);
    pthread_cond_destroy(&server->changed);
    pthread_mutex_destroy(&server->lock);
    free(server);
}

int http_server_port(const struct http_server *server)
{
    return server->port;
}

static struct route *need_route(struct http_server *server, const char *key)
{
    struct route *route = find_route(server, key);

    if (route)
        return route;
    if (server->route_count == ROUTES_MAX)
        die("too many routes");
    route = &server->routes[server->route_count++];
    snprintf(route->key, sizeof route->key, "%s", key);
    return route;
}

static void set(struct http_server *server, const char *key, int status, const char *body, const char *headers,
                int delay_ms)
{
    struct route *route;

    pthread_mutex_lock(&server->lock);
    route = need_route(server, key);
    free(route->body);
    route->body = strdup(body);
    route->status = status;
    route->delay_ms = delay_ms;
    route->raw = status == 0;
    snprintf(route->headers, sizeof route->headers, "%s", headers ? headers : "");
    pthread_mutex_unlock(&server->lock);
}

void http_server_set(struct http_server *server, const char *path, int status, const char *body, const char *headers,
                     int delay_ms)
{
    set(server, path, status, body, headers, delay_ms);
}

void http_server_set_token(struct http_server *server, const char *token, const char *body)
{
    char key[NAME_MAX_LEN];

    snprintf(key, sizeof key, "token=%s", token);
    set(server, key, 200, body, NULL, 0);
}

static void hold(struct http_server *server, const char *path, bool held)
{
    pthread_mutex_lock(&server->lock);
    need_route(server, path)->held = held;
    pthread_cond_broadcast(&server->changed);
    pthread_mutex_unlock(&server->lock);
}

void http_server_hold(struct http_server *server, const char *path)
{
    hold(server, path, true);
}

void http_server_let_go(struct http_server *server, const char *path)
{
    hold(server, path, false);
}

void http_server_drip(struct http_server *server, const char *path, int ms)
{
    pthread_mutex_lock(&server->lock);
    need_route(server, path)->drip_ms = ms;
    pthread_mutex_unlock(&server->lock);
}

int http_server_waiting(struct http_server *server, const char *path)
{
    int waiting;

    pthread_mutex_lock(&server->lock);
    waiting = need_route(server, path)->waiting;
    pthread_mutex_unlock(&server->lock);
    return waiting;
}

int http_server_hits(struct http_server *server, const char *path)
{
    struct route *route;
    int hits;

    pthread_mutex_lock(&server->lock);
    route = path ? find_route(server, path) : NULL;
    hits = path ? (route ? route->hits : 0) : server->hits;
    pthread_mutex_unlock(&server->lock);
    return hits;
}

int http_server_connections(struct http_server *server)
{
    int count;

    pthread_mutex_lock(&server->lock);
    count = server->connection_count;
    pthread_mutex_unlock(&server->lock);
    return count;
}

int http_server_open_connections(struct http_server *server)
{
    int count;

    pthread_mutex_lock(&server->lock);
    count = server->open_count;
    pthread_mutex_unlock(&server->lock);
    return count;
}

void http_server_last(struct http_server *server, const char *path, char *head, int head_size, char *body,
                      int body_size)
{
    struct route *route;

    pthread_mutex_lock(&server->lock);
    route = need_route(server, path);
    snprintf(head, (size_t)head_size, "%s", route->last_head);
    snprintf(body, (size_t)body_size, "%s", route->last_body);
    pthread_mutex_unlock(&server->lock);
}

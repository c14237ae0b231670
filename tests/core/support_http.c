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
    int delay_ms;
    int hits;
};

struct http_server {
    int listener, port;
    pthread_t acceptor;
    pthread_mutex_t lock;
    bool stopping;
    int sockets[CONNECTIONS_MAX];
    pthread_t threads[CONNECTIONS_MAX];
    int connection_count, hits;
    struct route routes[ROUTES_MAX];
    int route_count;
    char last_authorization[NAME_MAX_LEN];
    char last_body[NAME_MAX_LEN];
};

struct connection {
    struct http_server *server;
    int socket, index;
};

struct message {
    char text[REQUEST_MAX];
    size_t len, head_len, body_len;
    char method[16], path[NAME_MAX_LEN], authorization[NAME_MAX_LEN];
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
    copy_header(message, "Authorization", message->authorization, sizeof message->authorization);
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
    server->hits++;
    snprintf(server->last_authorization, sizeof server->last_authorization, "%s", message->authorization);
    snprintf(server->last_body, sizeof server->last_body, "%.*s", (int)message->body_len, message->text + message->head_len);
}

static void pause_ms(int ms)
{
    const struct timespec time = {ms / 1000, ms % 1000 * 1000000L};

    nanosleep(&time, NULL);
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

static bool answer(struct connection *connection, const struct message *message)
{
    struct http_server *server = connection->server;
    struct route route = {.status = 404};
    struct route *found;
    char *body;
    char head[1024];
    int delay_ms = 0;
    bool sent;

    pthread_mutex_lock(&server->lock);
    note(server, message);
    found = choose(server, message);
    if (found) {
        struct route *path = find_route(server, message->path);

        route = *found;
        delay_ms = path ? path->delay_ms : found->delay_ms;
    }
    body = strdup(route.body ? route.body : "{}");
    pthread_mutex_unlock(&server->lock);
    pause_ms(delay_ms);
    snprintf(head, sizeof head, "HTTP/1.1 %d X\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n%s\r\n", route.status, strlen(body),
             route.headers);
    sent = send_all(connection->socket, head, strlen(head)) && send_all(connection->socket, body, strlen(body));
    free(body);
    return sent;
}

static void *serve(void *arg)
{
    struct connection *connection = arg;
    struct message *message = calloc(1, sizeof *message);

    while (message && receive(connection->socket, message) && answer(connection, message))
        continue;
    free(message);
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
        pthread_mutex_unlock(&server->lock);
    }
}

/* ---- the server ------------------------------------------------------------------------------------------------ */

struct http_server *http_server_start(int port)
{
    struct http_server *server = calloc(1, sizeof *server);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof address;
    int one = 1;

    if (!server)
        die("calloc");
    pthread_mutex_init(&server->lock, NULL);
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
    pthread_mutex_destroy(&server->lock);
    free(server);
}

int http_server_port(const struct http_server *server)
{
    return server->port;
}

static void set(struct http_server *server, const char *key, int status, const char *body, const char *headers, int delay_ms)
{
    struct route *route;

    pthread_mutex_lock(&server->lock);
    route = find_route(server, key);
    if (!route) {
        if (server->route_count == ROUTES_MAX)
            die("too many routes");
        route = &server->routes[server->route_count++];
        snprintf(route->key, sizeof route->key, "%s", key);
    }
    free(route->body);
    route->body = strdup(body);
    route->status = status;
    route->delay_ms = delay_ms;
    snprintf(route->headers, sizeof route->headers, "%s", headers ? headers : "");
    pthread_mutex_unlock(&server->lock);
}

void http_server_set(struct http_server *server, const char *path, int status, const char *body, const char *headers, int delay_ms)
{
    set(server, path, status, body, headers, delay_ms);
}

void http_server_set_token(struct http_server *server, const char *token, const char *body)
{
    char key[NAME_MAX_LEN];

    snprintf(key, sizeof key, "token=%s", token);
    set(server, key, 200, body, NULL, 0);
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

void http_server_last(struct http_server *server, char *authorization, int authorization_size, char *body, int body_size)
{
    pthread_mutex_lock(&server->lock);
    snprintf(authorization, (size_t)authorization_size, "%s", server->last_authorization);
    snprintf(body, (size_t)body_size, "%s", server->last_body);
    pthread_mutex_unlock(&server->lock);
}

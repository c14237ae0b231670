#include "support_tls.h"

#include <netinet/in.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support/test.h"

#define PATH_LEN 128
#define CONNECTIONS_MAX 64
#define CHUNK 16384

struct tls_server {
    char folder[PATH_LEN], certificate[PATH_LEN + 16], key[PATH_LEN + 16];
    struct http_server *behind;
    SSL_CTX *context;
    int listener, port;
    pthread_t acceptor;
    pthread_mutex_t lock; /* of what follows */
    int connection_count;
    int sockets[CONNECTIONS_MAX];
    pthread_t threads[CONNECTIONS_MAX];
};

struct front {
    struct tls_server *server;
    SSL *ssl;
    int client, behind;
};

static void make_certificate(struct tls_server *server, const char *name)
{
    char command[1024];

    snprintf(server->folder, sizeof server->folder, "/tmp/aa-tls-XXXXXX");
    if (!mkdtemp(server->folder))
        fail_msg("mkdtemp");
    snprintf(server->certificate, sizeof server->certificate, "%s/cert.pem", server->folder);
    snprintf(server->key, sizeof server->key, "%s/key.pem", server->folder);
    snprintf(command, sizeof command,
             "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=test "
             "-addext subjectAltName=%s -keyout %s -out %s 2>/dev/null",
             name, server->key, server->certificate);
    if (system(command) != 0)
        fail_msg("the openssl command made no certificate");
}

static void load_certificate(struct tls_server *server)
{
    server->context = SSL_CTX_new(TLS_server_method());
    if (!server->context || SSL_CTX_use_certificate_chain_file(server->context, server->certificate) != 1 ||
        SSL_CTX_use_PrivateKey_file(server->context, server->key, SSL_FILETYPE_PEM) != 1)
        fail_msg("the certificate cannot be used");
}

/* ---- a connection ----------------------------------------------------------------------------------------------- */

static struct sockaddr_in loopback(int port)
{
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
}

static bool connect_behind(struct front *front)
{
    struct sockaddr_in address = loopback(http_server_port(front->server->behind));

    front->behind = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return connect(front->behind, (struct sockaddr *)&address, sizeof address) == 0;
}

static bool pass_to_server(struct front *front, char *chunk)
{
    int got = SSL_read(front->ssl, chunk, CHUNK);

    return got > 0 && send(front->behind, chunk, (size_t)got, MSG_NOSIGNAL) == got;
}

static bool pass_to_client(struct front *front, char *chunk)
{
    ssize_t got = recv(front->behind, chunk, CHUNK, 0);

    return got > 0 && SSL_write(front->ssl, chunk, (int)got) == got;
}

static void pass_all(struct front *front)
{
    struct pollfd both[] = {{.fd = front->client, .events = POLLIN}, {.fd = front->behind, .events = POLLIN}};
    char chunk[CHUNK];

    for (;;) {
        if (!SSL_pending(front->ssl) && poll(both, 2, -1) < 0)
            return;
        if ((both[0].revents || SSL_pending(front->ssl)) && !pass_to_server(front, chunk))
            return;
        if (both[1].revents && !pass_to_client(front, chunk))
            return;
    }
}

/* OpenSSL writes without MSG_NOSIGNAL. */
static void block_sigpipe(void)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
}

static void *serve(void *arg)
{
    struct front *front = arg;

    block_sigpipe();
    if (SSL_accept(front->ssl) == 1 && connect_behind(front)) {
        pass_all(front);
        SSL_shutdown(front->ssl);
    }
    if (front->behind >= 0)
        close(front->behind);
    SSL_free(front->ssl);
    shutdown(front->client, SHUT_RDWR); /* closed at the end: until then the number is nobody else's */
    free(front);
    return NULL;
}

/* Under the lock. */
static void start_front(struct tls_server *server, int client)
{
    struct front *front = calloc(1, sizeof *front);

    *front = (struct front){server, SSL_new(server->context), client, -1};
    SSL_set_fd(front->ssl, client);
    server->sockets[server->connection_count] = client;
    if (pthread_create(&server->threads[server->connection_count], NULL, serve, front))
        abort();
    server->connection_count++;
}

static void *accept_all(void *arg)
{
    struct tls_server *server = arg;
    int client;

    while ((client = accept(server->listener, NULL, NULL)) >= 0) {
        pthread_mutex_lock(&server->lock);
        if (server->connection_count == CONNECTIONS_MAX)
            abort();
        start_front(server, client);
        pthread_mutex_unlock(&server->lock);
    }
    return NULL;
}

/* ---- the server ------------------------------------------------------------------------------------------------- */

static void listen_on_loopback(struct tls_server *server)
{
    struct sockaddr_in address = loopback(0);
    socklen_t len = sizeof address;

    server->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(server->listener, (struct sockaddr *)&address, len) || listen(server->listener, CONNECTIONS_MAX) ||
        getsockname(server->listener, (struct sockaddr *)&address, &len))
        fail_msg("no port to listen at");
    server->port = ntohs(address.sin_port);
}

struct tls_server *tls_server_start(const char *name, const char *body)
{
    struct tls_server *server = calloc(1, sizeof *server);

    if (!server)
        fail_msg("no memory");
    make_certificate(server, name);
    load_certificate(server);
    server->behind = http_server_start(0);
    http_server_set(server->behind, "/", 200, body, "Connection: close\r\n", 0);
    listen_on_loopback(server);
    pthread_mutex_init(&server->lock, NULL);
    if (pthread_create(&server->acceptor, NULL, accept_all, server))
        fail_msg("no thread");
    return server;
}

void tls_server_stop(struct tls_server *server)
{
    shutdown(server->listener, SHUT_RDWR);
    pthread_join(server->acceptor, NULL);
    close(server->listener);
    for (int i = 0; i < server->connection_count; i++)
        shutdown(server->sockets[i], SHUT_RDWR);
    for (int i = 0; i < server->connection_count; i++) {
        pthread_join(server->threads[i], NULL);
        close(server->sockets[i]);
    }
    http_server_stop(server->behind); /* until now a front may have been about to connect */
    pthread_mutex_destroy(&server->lock);
    SSL_CTX_free(server->context);
    unlink(server->certificate);
    unlink(server->key);
    rmdir(server->folder);
    free(server);
}

int tls_server_port(const struct tls_server *server)
{
    return server->port;
}

const char *tls_server_certificate(const struct tls_server *server)
{
    return server->certificate;
}

struct http_server *tls_server_behind(const struct tls_server *server)
{
    return server->behind;
}

int tls_server_hits(struct tls_server *server)
{
    return http_server_hits(server->behind, NULL);
}

int tls_server_connections(struct tls_server *server)
{
    int count;

    pthread_mutex_lock(&server->lock);
    count = server->connection_count;
    pthread_mutex_unlock(&server->lock);
    return count;
}

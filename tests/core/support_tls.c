#include "support_tls.h"

#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "support/test.h"

#define PATH_LEN 128
#define REQUEST_MAX 65536

struct tls_server {
    char folder[PATH_LEN], certificate[PATH_LEN + 16], key[PATH_LEN + 16];
    const char *body;
    int port, to, from; /* what is written to `to` goes to the client */
    pid_t process;
    pthread_t thread;
    int hits;
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

static int free_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int number = socket(AF_INET, SOCK_STREAM, 0);
    socklen_t len = sizeof address;

    if (bind(number, (struct sockaddr *)&address, len) || getsockname(number, (struct sockaddr *)&address, &len))
        fail_msg("no free port");
    close(number);
    return ntohs(address.sin_port);
}

static void run_openssl(const struct tls_server *server, int in, int out)
{
    char accept[32];

    snprintf(accept, sizeof accept, "127.0.0.1:%d", server->port);
    dup2(in, 0);
    dup2(out, 1);
    if (!freopen("/dev/null", "w", stderr))
        _exit(126);
    execlp("openssl", "openssl", "s_server", "-quiet", "-accept", accept, "-cert", server->certificate, "-key",
           server->key, (char *)NULL);
    _exit(127);
}

static void start_process(struct tls_server *server)
{
    int down[2];
    int up[2];

    if (pipe(down) || pipe(up))
        fail_msg("no pipes");
    server->process = fork();
    if (server->process < 0)
        fail_msg("no process");
    if (server->process == 0) {
        close(down[1]);
        close(up[0]);
        run_openssl(server, down[0], up[1]);
    }
    close(down[0]);
    close(up[1]);
    server->to = down[1];
    server->from = up[0];
}

static void await_listener(const struct tls_server *server)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)server->port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    const struct timespec pause = {0, 20000000};

    for (int i = 0; i < 500; i++) {
        int number = socket(AF_INET, SOCK_STREAM, 0);
        int failed = connect(number, (struct sockaddr *)&address, sizeof address);

        close(number);
        if (!failed)
            return;
        nanosleep(&pause, NULL);
    }
    fail_msg("openssl s_server did not start");
}

/* One request, head and body. False when the process is gone. */
static bool receive(int from, char *text)
{
    size_t len = 0;

    for (;;) {
        ssize_t got = read(from, text + len, REQUEST_MAX - 1 - len);
        const char *end;
        const char *length;

        if (got <= 0)
            return false;
        len += (size_t)got;
        text[len] = '\0';
        end = strstr(text, "\r\n\r\n");
        if (!end)
            continue;
        length = strcasestr(text, "\r\nContent-Length:");
        if (len >= (size_t)(end - text) + 4 + (length ? strtoul(length + 17, NULL, 10) : 0))
            return true;
    }
}

static void *serve(void *arg)
{
    struct tls_server *server = arg;
    char *text = malloc(REQUEST_MAX);

    while (text && receive(server->from, text)) {
        int len = snprintf(text, REQUEST_MAX, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n%s",
                           strlen(server->body), server->body);

        __atomic_fetch_add(&server->hits, 1, __ATOMIC_SEQ_CST);
        if (write(server->to, text, (size_t)len) != len)
            break;
    }
    free(text);
    return NULL;
}

struct tls_server *tls_server_start(const char *name, const char *body)
{
    struct tls_server *server = calloc(1, sizeof *server);

    if (!server)
        fail_msg("no memory");
    server->body = body;
    make_certificate(server, name);
    server->port = free_port();
    start_process(server);
    await_listener(server);
    if (pthread_create(&server->thread, NULL, serve, server))
        fail_msg("no thread");
    return server;
}

void tls_server_stop(struct tls_server *server)
{
    kill(server->process, SIGKILL);
    waitpid(server->process, NULL, 0);
    pthread_join(server->thread, NULL);
    close(server->to);
    close(server->from);
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

int tls_server_hits(struct tls_server *server)
{
    return __atomic_load_n(&server->hits, __ATOMIC_SEQ_CST);
}

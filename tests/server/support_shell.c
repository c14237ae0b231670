#include "support_shell.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/json.h"
#include "main/cli.h"
#include "support_store.h"

#define ARGUMENTS_MAX 16
void shell_open(struct shell *s)
{
    memset(s, 0, sizeof *s);
    folder_make(s->folder, sizeof s->folder);
    snprintf(s->database, sizeof s->database, "%s/var/auth-agent.db", s->folder);
    setenv("AUTH_AGENT_DATABASE", s->database, 1);
}

void shell_close(struct shell *s)
{
    unsetenv("AUTH_AGENT_DATABASE");
    folder_remove(s->folder);
}

void shell_redirect(const char *path, int flags, int target)
{
    int fd = open(path, flags, 0600);

    if (fd < 0 || dup2(fd, target) < 0)
        _exit(99);
    close(fd);
}

static void read_back(const char *path, char *out)
{
    FILE *file = fopen(path, "r");
    size_t len;

    CHECK(file != NULL);
    len = fread(out, 1, SHELL_OUTPUT_MAX - 1, file);
    out[len] = '\0';
    fclose(file);
    unlink(path);
}

int shell_run_with(struct shell *s, const char *input, const char *line)
{
    char words[1024], in[96], out[96], err[96], program[] = "auth-agent-server";
    char *argv[ARGUMENTS_MAX + 1] = {program};
    int argc = 1, status = -1;
    FILE *file;
    pid_t child;

    snprintf(words, sizeof words, "%s", line);
    for (char *word = strtok(words, " "); word && argc < ARGUMENTS_MAX; word = strtok(NULL, " "))
        argv[argc++] = word;
    snprintf(in, sizeof in, "%s/in", s->folder);
    snprintf(out, sizeof out, "%s/out", s->folder);
    snprintf(err, sizeof err, "%s/err", s->folder);
    file = fopen(in, "w");
    CHECK(file != NULL);
    fputs(input, file);
    fclose(file);
    fflush(NULL);
    child = fork();
    if (child == 0) {
        shell_redirect(in, O_RDONLY, STDIN_FILENO);
        shell_redirect(out, O_WRONLY | O_CREAT | O_TRUNC, STDOUT_FILENO);
        shell_redirect(err, O_WRONLY | O_CREAT | O_TRUNC, STDERR_FILENO);
        alarm(60);
        if (chdir(s->folder))
            _exit(99);
        exit(aa_cli_run(argc, argv));
    }
    CHECK_INT(waitpid(child, &status, 0), child);
    unlink(in);
    read_back(out, s->out);
    read_back(err, s->err);
    CHECK(WIFEXITED(status));
    return WEXITSTATUS(status);
}

int shell_run(struct shell *s, const char *line)
{
    return shell_run_with(s, "", line);
}

void shell_succeeds(struct shell *s, const char *line)
{
    int status = shell_run(s, line);

    if (status || s->err[0])
        fail_msg("%s: %d, %s", line, status, s->err);
}

void shell_fails(struct shell *s, const char *line, int wanted, const char *in_message)
{
    int status = shell_run(s, line);

    if (status != wanted || !strstr(s->err, in_message))
        fail_msg("%s: %d, %s", line, status, s->err);
    CHECK_TEXT(s->out, "");
    CHECK(strchr(s->err, '\n') == s->err + strlen(s->err) - 1);
    CHECK(strncmp(s->err, "auth-agent-server: ", 19) == 0);
}

void shell_member(struct shell *s, const char *name, char *out, size_t size)
{
    struct aa_json *json = NULL;

    CHECK_OK(aa_json_parse(VIEW(s->out), SHELL_OUTPUT_MAX, &json, NULL));
    snprintf(out, size, "%.*s", AA_VIEW_ARGS(aa_json_text(aa_json_get(json, name))));
    aa_json_free(json);
}

/* ---- a running server ---- */

#define READY_MS 20000
#define STOP_MS 5000

/* A port nobody listens on, as far as anybody can tell. */
static int free_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    CHECK(fd >= 0);
    CHECK_INT(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    CHECK_INT(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    close(fd);
    return ntohs(address.sin_port);
}

static void run_server(const struct shell *s, int port, int out)
{
    char program[] = "auth-agent-server", command[] = "serve", port_flag[32], issuer_flag[64], log[96];
    char *argv[] = {program, command, port_flag, issuer_flag, NULL};

    snprintf(port_flag, sizeof port_flag, "--port=%d", port);
    snprintf(issuer_flag, sizeof issuer_flag, "--issuer=http://127.0.0.1:%d", port);
    snprintf(log, sizeof log, "%s/log", s->folder);
    shell_redirect("/dev/null", O_RDONLY, STDIN_FILENO);
    shell_redirect(log, O_WRONLY | O_CREAT | O_APPEND, STDERR_FILENO);
    if (dup2(out, STDOUT_FILENO) < 0 || chdir(s->folder))
        _exit(99);
    alarm(100);
    exit(aa_cli_run(4, argv));
}

static bool wait_readable(int fd, int timeout_ms)
{
    struct pollfd waiting = {fd, POLLIN, 0};

    return poll(&waiting, 1, timeout_ms) == 1;
}

void shell_serve(struct shell *s, struct shell_server *server)
{
    int ends[2];
    char line[512] = {0};

    server->port = free_port();
    CHECK_INT(pipe(ends), 0);
    fflush(NULL);
    server->pid = fork();
    if (server->pid == 0) {
        close(ends[0]);
        run_server(s, server->port, ends[1]);
    }
    close(ends[1]);
    server->ready_end = ends[0];
    CHECK(wait_readable(ends[0], READY_MS));
    CHECK(read(ends[0], line, sizeof line - 1) > 0);
    if (!strstr(line, "is ready at http://127.0.0.1:"))
        fail_msg("the ready line is \"%s\"", line);
}

int shell_stop(struct shell_server *server, int signal_number)
{
    int status = -1;

    CHECK_INT(kill(server->pid, signal_number), 0);
    for (int waited = 0; waitpid(server->pid, &status, WNOHANG) == 0; waited += 20) {
        if (waited > STOP_MS)
            fail_msg("the server did not stop within %d ms", STOP_MS);
        usleep(20000);
    }
    close(server->ready_end);
    CHECK(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static int connect_to(const struct shell_server *server)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)server->port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    CHECK(fd >= 0);
    CHECK_INT(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

int shell_http(struct shell *s, const struct shell_server *server, const char *method, const char *path,
               const char *extra, const char *body)
{
    static char request[16384], answer[SHELL_OUTPUT_MAX];
    int fd = connect_to(server), status = 0;
    size_t len = 0;
    ssize_t got = 1;
    char *end;

    snprintf(request, sizeof request,
             "%s %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nConnection: close\r\nContent-Length: %zu\r\n%s\r\n%s", method,
             path, server->port, strlen(body), extra, body);
    CHECK_INT(write(fd, request, strlen(request)), strlen(request));
    while (got > 0 && len < sizeof answer - 1 && wait_readable(fd, 20000)) {
        got = read(fd, answer + len, sizeof answer - 1 - len);
        len += got > 0 ? (size_t)got : 0;
    }
    close(fd);
    answer[len] = '\0';
    if (sscanf(answer, "HTTP/1.1 %d", &status) != 1)
        fail_msg("no HTTP answer: \"%.100s\"", answer);
    end = strstr(answer, "\r\n\r\n");
    snprintf(s->out, sizeof s->out, "%s", end ? end + 4 : "");
    return status;
}

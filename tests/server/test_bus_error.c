/* A file that is cut off while it is mapped. */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "main/bus_error.h"
#include "support_shell.h"

#define TRIES 500 /* of 20 ms */

static bool says_why(const char *path)
{
    char text[4096];
    FILE *file = fopen(path, "r");
    size_t len;

    CHECK(file != NULL);
    len = fread(text, 1, sizeof text - 1, file);
    text[len] = '\0';
    fclose(file);
    return strstr(text, "(SIGBUS)") && strstr(text, "memory_map = off");
}

/* The signal that ends it; 0 when none does for ten seconds. */
static int end_of(pid_t pid)
{
    int status = 0;

    for (int i = 0; i < TRIES; i++) {
        if (waitpid(pid, &status, WNOHANG) == pid)
            return WIFSIGNALED(status) ? WTERMSIG(status) : -1;
        poll(NULL, 0, 20);
    }
    return 0;
}

static void read_what_was_cut_off(const char *path, const char *log)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    const volatile char *map;

    shell_redirect(log, O_WRONLY | O_CREAT, STDERR_FILENO);
    if (fd < 0 || ftruncate(fd, 4096))
        _exit(97);
    map = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
    if (map == MAP_FAILED || map[0] || ftruncate(fd, 0))
        _exit(98);
    aa_bus_error_explain();
    _exit(map[0] ? 1 : 2);
}

TEST(bus_error, reading_what_is_no_longer_there_ends_the_process_with_a_reason)
{
    struct shell s;
    char path[128], log[128];
    pid_t pid;

    shell_open(&s);
    snprintf(path, sizeof path, "%s/mapped", s.folder);
    snprintf(log, sizeof log, "%s/log", s.folder);
    fflush(NULL);
    pid = fork();
    CHECK(pid >= 0);
    if (pid == 0)
        read_what_was_cut_off(path, log);
    CHECK_INT(end_of(pid), SIGBUS);
    CHECK(says_why(log));
    shell_close(&s);
}

TEST(bus_error, a_server_explains_the_first_and_ends_with_the_second)
{
    struct shell s;
    struct shell_server server;
    char log[128];
    int tries = 0;

    shell_open(&s);
    snprintf(log, sizeof log, "%s/log", s.folder);
    shell_succeeds(&s, "init");
    shell_serve(&s, &server);
    CHECK(!says_why(log));
    CHECK_INT(kill(server.pid, SIGBUS), 0);
    while (!says_why(log) && tries++ < TRIES)
        poll(NULL, 0, 20);
    CHECK(says_why(log));
    CHECK_INT(kill(server.pid, SIGBUS), 0);
    CHECK_INT(end_of(server.pid), SIGBUS);
    close(server.ready_end);
    shell_close(&s);
}

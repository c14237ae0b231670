/* The end of a process that still has guards. */
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "authagent/guard.h"
#include "net/core.h"
#include "support/test.h"

#define OPTIONS "{\"server_id\":\"srv_1\",\"api_key\":\"sk_1\",\"auth_server\":\"http://127.0.0.1:1\"}"

enum { STANDS_STILL = 0, RUNS_ON = 1, STOOD_STILL_TOO_EARLY = 2, NOT_MADE = 3 };

static struct aa_guard *guard;

static bool is_parked(void)
{
    bool parked;

    pthread_mutex_lock(&guard->lock);
    parked = guard->io && guard->io->parked;
    pthread_mutex_unlock(&guard->lock);
    return parked;
}

/* Registered before the guard is made, as OpenSSL's handler is: runs after the guard's. */
static void look(void)
{
    _exit(is_parked() ? STANDS_STILL : RUNS_ON);
}

static void end_with_a_guard(void)
{
    atexit(look);
    if (aa_guard_new(VIEW(OPTIONS), &guard, NULL))
        _exit(NOT_MADE);
    if (is_parked())
        _exit(STOOD_STILL_TOO_EARLY);
    exit(0);
}

static void release(void)
{
    aa_guard_release(guard);
    _exit(STANDS_STILL);
}

static void end_and_release_then(void)
{
    atexit(release);
    if (aa_guard_new(VIEW(OPTIONS), &guard, NULL))
        _exit(NOT_MADE);
    exit(0);
}

static int status_of(void (*program)(void))
{
    int status = -1;
    pid_t child = fork();

    if (child == 0) {
        alarm(20);
        program();
    }
    CHECK_INT(waitpid(child, &status, 0), child);
    CHECK(WIFEXITED(status));
    return WEXITSTATUS(status);
}

/* In Node, process.exit() with requests under way crashed: the I/O thread asked OpenSSL for a digest while it was taken
 * apart. */
TEST(exit, the_io_thread_stands_still_when_older_exit_handlers_run)
{
    CHECK_INT(status_of(end_with_a_guard), STANDS_STILL);
}

TEST(exit, a_guard_that_is_released_even_later_does_not_wait_for_ever)
{
    CHECK_INT(status_of(end_and_release_then), STANDS_STILL);
}

#include "main/bus_error.h"

#include <signal.h>
#include <stddef.h>
#include <unistd.h>

static const char message[] =
    "auth-agent-server: a file could not be read where it should be (SIGBUS): the disk failed, or something cut "
    "the database's file off while it was in use. `auth-agent-server doctor` looks at the database; with "
    "memory_map = off a disk that fails is an error of the request instead.\n";

/* When it returns the same read fails again, and then there is no handler. */
static void explain(int number)
{
    ssize_t written = write(STDERR_FILENO, message, sizeof message - 1);

    (void)number;
    (void)written;
}

void aa_bus_error_explain(void)
{
    struct sigaction action = {.sa_handler = explain, .sa_flags = (int)SA_RESETHAND};

    sigemptyset(&action.sa_mask);
    sigaction(SIGBUS, &action, NULL);
}

#include "main/deadline.h"

#include <pthread.h>
#include <time.h>
#include <unistd.h>

#include "base/level.h"

static struct deadline {
    struct timespec pause;
    struct aa_log log;
} deadline;

/* A database that is locked by another program, or frozen, or behind a network that swallows everything, would hold up
 * the threads that ask it for longer than anybody waits for a server that was told to stop. */
static void *end_in_time(void *arg)
{
    const struct deadline *the_deadline = arg;
    struct timespec now;

    while (nanosleep(&the_deadline->pause, NULL))
        continue;
    clock_gettime(CLOCK_REALTIME, &now);
    aa_log_message(&the_deadline->log, (int64_t)now.tv_sec * 1000, AA_LOG_WARNING, NULL,
                   "the time to stop is over: what still runs is given up");
    _exit(0);
}

void aa_deadline_set(int ms, const struct aa_log *log)
{
    pthread_t thread;

    deadline = (struct deadline){.pause = {ms / 1000, ms % 1000 * INT64_C(1000000)}, .log = *log};
    /* Without it the server stops all the same, only later when something is in the way. */
    if (pthread_create(&thread, NULL, end_in_time, &deadline) == 0)
        pthread_detach(thread);
}

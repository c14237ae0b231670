#include "db/keeper.h"

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "base/error.h"
#include "base/mem.h"

/* One checkpoint serves all commits of that time; a lock is held no longer without being wanted. */
#define PAUSE_MS 250
#define MANY_READS 100 /* in a pause: from here on holding the lock is worth waking up for */

struct aa_keeper {
    struct aa_conn *conn;
    atomic_uint reads; /* since the last look */
    bool is_holding;   /* the thread's own */

    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t wake;
    bool has_commits; /* since the last checkpoint */
    bool is_ending;
    pthread_t thread;
};

static struct timespec from_now(long ms)
{
    struct timespec at;

    clock_gettime(CLOCK_MONOTONIC, &at);
    at.tv_sec += ms / 1000;
    at.tv_nsec += ms % 1000 * 1000000;
    if (at.tv_nsec >= 1000000000) {
        at.tv_sec++;
        at.tv_nsec -= 1000000000;
    }
    return at;
}

/* ---- the thread ---- */

static bool has_work(struct aa_keeper *keeper)
{
    return keeper->is_holding || keeper->has_commits || atomic_load(&keeper->reads) >= MANY_READS;
}

/* Waits until there is something to do, then a moment longer, so that once does for many. False: ending. */
static bool wait_for_work(struct aa_keeper *keeper, bool *has_commits)
{
    struct timespec until;
    bool go_on;
    int rc = 0;

    pthread_mutex_lock(&keeper->lock);
    while (!keeper->is_ending && !has_work(keeper))
        pthread_cond_wait(&keeper->wake, &keeper->lock);
    until = from_now(PAUSE_MS);
    while (!keeper->is_ending && rc == 0)
        rc = pthread_cond_timedwait(&keeper->wake, &keeper->lock, &until);
    *has_commits = keeper->has_commits;
    keeper->has_commits = false;
    go_on = !keeper->is_ending;
    pthread_mutex_unlock(&keeper->lock);
    return go_on;
}

static void hold(struct aa_keeper *keeper, bool on)
{
    if (keeper->is_holding == on)
        return;
    keeper->conn->driver->hold(keeper->conn, on);
    keeper->is_holding = on;
}

/* Checkpoints in the writer would make every caller wait 12 to 25 ms now and then. The last one at the end is that of
 * the last connection to close. */
static void *keeper_main(void *arg)
{
    struct aa_keeper *keeper = arg;
    bool has_commits;

    while (wait_for_work(keeper, &has_commits)) {
        hold(keeper, false);
        if (has_commits)
            keeper->conn->driver->checkpoint(keeper->conn);
        hold(keeper, atomic_exchange(&keeper->reads, 0) >= MANY_READS);
    }
    hold(keeper, false);
    return NULL;
}

/* ---- what others tell it ---- */

void aa_keeper_note_commit(struct aa_keeper *keeper)
{
    pthread_mutex_lock(&keeper->lock);
    if (!keeper->has_commits) {
        keeper->has_commits = true;
        pthread_cond_signal(&keeper->wake);
    }
    pthread_mutex_unlock(&keeper->lock);
}

void aa_keeper_note_read(struct aa_keeper *keeper)
{
    if (atomic_fetch_add_explicit(&keeper->reads, 1, memory_order_relaxed) + 1 != MANY_READS)
        return;
    pthread_mutex_lock(&keeper->lock);
    pthread_cond_signal(&keeper->wake);
    pthread_mutex_unlock(&keeper->lock);
}

/* ---- beginning and end ---- */

static void init_conditions(struct aa_keeper *keeper)
{
    pthread_condattr_t monotonic;

    pthread_mutex_init(&keeper->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&keeper->wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
}

static void free_parts(struct aa_keeper *keeper)
{
    pthread_cond_destroy(&keeper->wake);
    pthread_mutex_destroy(&keeper->lock);
    aa_mem_free(keeper);
}

enum aa_err aa_keeper_new(struct aa_conn *conn, struct aa_keeper **out, struct aa_error *err)
{
    struct aa_keeper *keeper = aa_mem_new(sizeof *keeper);

    if (!keeper)
        return aa_fail(err, AA_ERR_NOMEM, "out of memory opening the database");
    keeper->conn = conn;
    init_conditions(keeper);
    if (pthread_create(&keeper->thread, NULL, keeper_main, keeper)) {
        free_parts(keeper);
        return aa_fail(err, AA_ERR_THREAD, "a thread of the database could not be started");
    }
    *out = keeper;
    return AA_OK;
}

void aa_keeper_free(struct aa_keeper *keeper)
{
    if (!keeper)
        return;
    pthread_mutex_lock(&keeper->lock);
    keeper->is_ending = true;
    pthread_cond_signal(&keeper->wake);
    pthread_mutex_unlock(&keeper->lock);
    pthread_join(keeper->thread, NULL);
    keeper->conn->driver->disconnect(keeper->conn);
    free_parts(keeper);
}

#include "main/sweeper.h"

#include <string.h>
#include <time.h>

#include "base/error.h"
#include "base/level.h"
#include "domain/imported_keys.h"
#include "domain/keyring.h"
#include "store/audit.h"
#include "store/store.h"

#define PAUSE_MS 5000  /* how long a new signing key goes unnoticed when no notice of it comes */
#define LOOK_MS 100    /* for a notice */
#define SWEEP_MS 60000 /* between two sweeps */
#define SWEEP_ROWS 200 /* a closure: the others wait for it as for any */
/* Counting a large table takes its time: it is done so seldom that it takes a hundredth of ours at most. */
#define COUNT_SHARE 100

/* ---- expired rows ---- */

struct sweep {
    int64_t now_ms, removed;
};

static enum aa_err sweep_some(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    struct sweep *sweep = ctx;

    return aa_store_sweep(conn, sweep->now_ms, SWEEP_ROWS, &sweep->removed, err);
}

static bool is_stopping(struct aa_sweeper *sweeper)
{
    bool stopping;

    pthread_mutex_lock(&sweeper->lock);
    stopping = sweeper->is_stopping;
    pthread_mutex_unlock(&sweeper->lock);
    return stopping;
}

/* Until nothing is left to sweep. */
static void sweep_all(struct aa_sweeper *sweeper)
{
    struct sweep sweep = {.removed = SWEEP_ROWS};

    while (sweep.removed == SWEEP_ROWS && !is_stopping(sweeper)) {
        struct aa_error err = AA_ERROR_INIT;

        sweep = (struct sweep){aa_app_now_ms(sweeper->app), 0};
        if (aa_db_write(sweeper->app->db, sweep_some, &sweep, &err)) {
            aa_app_log(sweeper->app, AA_LOG_WARNING, NULL, "expired rows cannot be removed: %s", err.message);
            return;
        }
    }
}

static int64_t monotonic_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- the sizes of tables ---- */

struct count {
    size_t table;
    int64_t rows;
};

static enum aa_err count_rows(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    struct count *count = ctx;

    /* The largest table sooner or later, and the only one that can tell without being read. */
    if (strcmp(aa_store_table_name(count->table), "audit") == 0)
        return aa_audit_count(conn, &count->rows, err);
    return aa_store_table_rows(conn, count->table, &count->rows, err);
}

/* One table a read, so that none holds a state of the database for long. */
static void count_table(struct aa_sweeper *sweeper, size_t table)
{
    int64_t began_ms = monotonic_ms(), took_ms;
    struct count count = {table, 0};
    struct aa_error err = AA_ERROR_INIT;

    if (aa_db_read(sweeper->app->db, count_rows, &count, &err)) {
        aa_app_log(sweeper->app, AA_LOG_WARNING, NULL, "a table cannot be counted: %s", err.message);
        return;
    }
    took_ms = monotonic_ms() - began_ms;
    aa_metrics_set_rows(sweeper->app->metrics, aa_store_table_name(table), count.rows);
    sweeper->next_count_ms[table] = began_ms + COUNT_SHARE * took_ms;
}

static void count_all(struct aa_sweeper *sweeper)
{
    for (size_t i = 0; i < aa_store_table_count() && i < AA_METRICS_TABLES_MAX && !is_stopping(sweeper); i++)
        if (monotonic_ms() >= sweeper->next_count_ms[i])
            count_table(sweeper, i);
}

/* ---- what other processes change ---- */

static void refresh(struct aa_sweeper *sweeper)
{
    struct aa_error err = AA_ERROR_INIT;
    enum aa_err rc = AA_OK;

    sweeper->generation = aa_db_generation(sweeper->app->db); /* before what it is about is read */
    if (sweeper->app->keyring)
        rc = aa_keyring_refresh(sweeper->app, sweeper->app->keyring, &err);
    if (!rc)
        rc = aa_imported_keys_look(sweeper->app, &err);
    if (rc && rc != sweeper->trouble) /* told once, not every few seconds */
        aa_app_log(sweeper->app, AA_LOG_WARNING, NULL, "changed keys cannot be looked for: %s", err.message);
    sweeper->trouble = rc;
}

/* ---- the thread ---- */

static struct timespec time_of(int64_t ms)
{
    return (struct timespec){ms / 1000, ms % 1000 * 1000000};
}

/* True when it is time to work, or when there is news of another process; false when it is time to stop. */
static bool wait_for_next(struct aa_sweeper *sweeper)
{
    int64_t until_ms = monotonic_ms() + PAUSE_MS;
    bool stopping;

    pthread_mutex_lock(&sweeper->lock);
    while (!sweeper->is_stopping && monotonic_ms() < until_ms &&
           aa_db_generation(sweeper->app->db) == sweeper->generation) {
        struct timespec look = time_of(monotonic_ms() + LOOK_MS);

        pthread_cond_timedwait(&sweeper->stop, &sweeper->lock, &look);
    }
    stopping = sweeper->is_stopping;
    pthread_mutex_unlock(&sweeper->lock);
    return !stopping;
}

/* Counts at once, so that a scrape soon after the start finds the sizes. */
static void *sweeper_main(void *arg)
{
    struct aa_sweeper *sweeper = arg;
    int64_t next_sweep_ms = 0;

    do {
        refresh(sweeper);
        aa_audit_keep_run(sweeper->app, &sweeper->audit_keep);
        if (monotonic_ms() < next_sweep_ms)
            continue;
        sweep_all(sweeper);
        count_all(sweeper);
        next_sweep_ms = monotonic_ms() + SWEEP_MS;
    } while (wait_for_next(sweeper));
    return NULL;
}

enum aa_err aa_sweeper_start(struct aa_sweeper *sweeper, struct aa_app *app, struct aa_error *err)
{
    sweeper->app = app;
    if (pthread_create(&sweeper->thread, NULL, sweeper_main, sweeper))
        return aa_fail(err, AA_ERR_THREAD, "the sweeping thread could not be started");
    sweeper->is_running = true;
    return AA_OK;
}

void aa_sweeper_init(struct aa_sweeper *sweeper)
{
    pthread_condattr_t monotonic;

    *sweeper = (struct aa_sweeper){.app = NULL};
    aa_audit_keep_init(&sweeper->audit_keep, monotonic_ms);
    pthread_mutex_init(&sweeper->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&sweeper->stop, &monotonic);
    pthread_condattr_destroy(&monotonic);
}

void aa_sweeper_tell_stop(struct aa_sweeper *sweeper)
{
    pthread_mutex_lock(&sweeper->lock);
    sweeper->is_stopping = true;
    pthread_cond_signal(&sweeper->stop);
    pthread_mutex_unlock(&sweeper->lock);
}

void aa_sweeper_clear(struct aa_sweeper *sweeper)
{
    aa_sweeper_tell_stop(sweeper);
    if (sweeper->is_running)
        pthread_join(sweeper->thread, NULL);
    pthread_cond_destroy(&sweeper->stop);
    pthread_mutex_destroy(&sweeper->lock);
}

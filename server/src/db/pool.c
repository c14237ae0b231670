/* A pool of connections: each write is a transaction of its own, beside those of others. */
#include <pthread.h>
#include <string.h>
#include <time.h>

#include "base/error.h"
#include "base/mem.h"
#include "db/engine.h"
#include "db/notices.h"

#define SIZE_DEFAULT 8
#define SIZE_MAX_ 256
#define DOWN_MS 200     /* how long a failed connect speaks for the next ones */
#define RERUN_MS 3000   /* after this long a closure is not run again: the caller's caller waits too */
#define RERUNS_MAX 10   /* runs after the first */
#define PATIENCE_MS 5   /* of the one who has waited longest, with those who come later and go before */
#define PAUSE_MAX_MS 64 /* between two runs that got in each other's way */

/* A caller that waits; lives on its stack. */
struct waiter {
    pthread_cond_t turn;
    bool is_in_line;
    int64_t since_ms;
    struct waiter *next;
};

struct pool {
    struct aa_db base;
    size_t size;
    int64_t wait_ms; /* for a connection to become free: as long as a statement may take */
    bool read_only;
    struct aa_notices *notices; /* NULL: not serving */

    pthread_mutex_t lock;         /* guards what follows; never held while connecting or asking */
    struct waiter *first, **last; /* who waits for a connection, in the order of coming */
    struct aa_conn *idle[SIZE_MAX_];
    size_t idle_count;
    size_t live_count;    /* connections, idle or in use */
    size_t coming_count;  /* callers that are connecting */
    bool is_down;         /* the last connect failed */
    int64_t next_try_ms;  /* when is_down: not before */
    struct aa_error down; /* and why */
};

static struct pool *inner(struct aa_db *db)
{
    return (struct pool *)(void *)db;
}

/* ---- time ---- */

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void pause_ms(int64_t ms)
{
    struct timespec pause = {ms / 1000, ms % 1000 * 1000000};

    nanosleep(&pause, NULL);
}

/* Longer with each run and never the same for two callers, so that those who met do not meet again. */
static void pause_before(int run)
{
    int64_t most = INT64_C(2) << (run < 5 ? run : 5);
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    pause_ms(1 + now.tv_nsec / 64 % (most < PAUSE_MAX_MS ? most : PAUSE_MAX_MS));
}

/* ---- connections ---- */

enum step { TAKE, CONNECT, WAIT, GIVE_UP };

/* Who comes later may go before those who wait, which saves waking them up, but not once the first has waited long. */
static bool may_go(const struct pool *pool, const struct waiter *waiter)
{
    return !pool->first || pool->first == waiter || now_ms() - pool->first->since_ms < PATIENCE_MS;
}

static enum step next_step(const struct pool *pool, const struct waiter *waiter)
{
    bool is_next = may_go(pool, waiter);
    bool may_try = !pool->is_down || (pool->coming_count == 0 && now_ms() >= pool->next_try_ms);

    if (is_next && pool->idle_count > 0)
        return TAKE;
    if (is_next && may_try && pool->live_count + pool->coming_count < pool->size)
        return CONNECT;
    /* While others hold connections that work, one of them will become free. */
    return pool->is_down && pool->live_count == 0 ? GIVE_UP : WAIT;
}

static void wake_first(struct pool *pool)
{
    if (pool->first)
        pthread_cond_signal(&pool->first->turn);
}

static void wake_all(struct pool *pool)
{
    for (struct waiter *waiter = pool->first; waiter; waiter = waiter->next)
        pthread_cond_signal(&waiter->turn);
}

static void join_line(struct pool *pool, struct waiter *waiter)
{
    if (waiter->is_in_line)
        return;
    waiter->is_in_line = true;
    waiter->since_ms = now_ms();
    waiter->next = NULL;
    *pool->last = waiter;
    pool->last = &waiter->next;
}

/* There may be more for the next one. */
static void leave_line(struct pool *pool, struct waiter *waiter)
{
    struct waiter **at = &pool->first;

    if (!waiter->is_in_line)
        return;
    while (*at != waiter)
        at = &(*at)->next;
    *at = waiter->next;
    if (!waiter->next)
        pool->last = at;
    waiter->is_in_line = false;
    wake_first(pool);
}

static void wait_until(struct pool *pool, struct waiter *waiter, int64_t ms)
{
    struct timespec until = {ms / 1000, ms % 1000 * 1000000};

    join_line(pool, waiter);
    aa_metrics_move(pool->base.metrics, AA_GAUGE_STORE_WAITING, 1);
    pthread_cond_timedwait(&waiter->turn, &pool->lock, &until);
    aa_metrics_move(pool->base.metrics, AA_GAUGE_STORE_WAITING, -1);
}

/* With the lock held, which it gives up meanwhile. */
static void connect_one(struct pool *pool, struct aa_conn **out)
{
    struct aa_error why = AA_ERROR_INIT;
    struct aa_conn *conn = NULL;
    enum aa_err rc;

    pool->coming_count++;
    pthread_mutex_unlock(&pool->lock);
    rc = pool->base.driver->connect(pool->base.source, AA_CONN_WRITER, &conn, &why);
    pthread_mutex_lock(&pool->lock);
    pool->coming_count--;
    pool->is_down = rc != AA_OK;
    if (rc) {
        pool->next_try_ms = now_ms() + DOWN_MS;
        pool->down = why;
    } else {
        pool->live_count++;
        aa_metrics_move(pool->base.metrics, AA_GAUGE_STORE_BUSY, 1);
        *out = conn;
    }
    wake_all(pool);
}

static struct aa_conn *take_idle(struct pool *pool)
{
    aa_metrics_move(pool->base.metrics, AA_GAUGE_STORE_IDLE, -1);
    aa_metrics_move(pool->base.metrics, AA_GAUGE_STORE_BUSY, 1);
    return pool->idle[--pool->idle_count];
}

static enum aa_err take_in_line(struct pool *pool, struct waiter *waiter, struct aa_conn **out, struct aa_error *err)
{
    int64_t until_ms = now_ms() + pool->wait_ms;
    struct aa_conn *conn = NULL;
    enum aa_err rc = AA_OK;

    pthread_mutex_lock(&pool->lock);
    while (!rc && !conn) {
        enum step step = next_step(pool, waiter);
        int64_t wake_ms = pool->is_down && pool->next_try_ms > now_ms() ? pool->next_try_ms : until_ms;

        if (step == CONNECT)
            leave_line(pool, waiter);
        if (step == TAKE)
            conn = take_idle(pool);
        else if (step == CONNECT)
            connect_one(pool, &conn);
        else if (step == GIVE_UP)
            rc = aa_fail(err, pool->down.code, "%s", pool->down.message);
        else if (now_ms() >= until_ms)
            rc = aa_fail(err, AA_ERR_STORE_BUSY, "no connection to the database became free in time");
        else
            wait_until(pool, waiter, wake_ms < until_ms ? wake_ms : until_ms);
    }
    leave_line(pool, waiter);
    pthread_mutex_unlock(&pool->lock);
    if (!rc)
        *out = conn;
    return rc;
}

static enum aa_err take(struct pool *pool, struct aa_conn **out, struct aa_error *err)
{
    struct waiter waiter = {.is_in_line = false};
    pthread_condattr_t monotonic;
    enum aa_err rc;

    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&waiter.turn, &monotonic);
    rc = take_in_line(pool, &waiter, out, err);
    pthread_cond_destroy(&waiter.turn);
    pthread_condattr_destroy(&monotonic);
    return rc;
}

static void drop(struct pool *pool, struct aa_conn *conn)
{
    pool->base.driver->disconnect(conn);
    aa_metrics_move(pool->base.metrics, AA_GAUGE_STORE_BUSY, -1);
    pthread_mutex_lock(&pool->lock);
    pool->live_count--;
    wake_all(pool);
    pthread_mutex_unlock(&pool->lock);
}

static enum aa_err acquire(struct pool *pool, struct aa_conn **out, struct aa_error *err)
{
    struct aa_conn *conn = NULL;
    enum aa_err rc;

    rc = take(pool, &conn, err);
    while (!rc && !pool->base.driver->is_usable(conn)) {
        drop(pool, conn);
        rc = take(pool, &conn, err);
    }
    if (rc)
        return rc;
    conn->fate = AA_FATE_FINE;
    conn->has_answered = false;
    *out = conn;
    return AA_OK;
}

static void release(struct pool *pool, struct aa_conn *conn)
{
    const struct aa_driver *driver = pool->base.driver;

    if (conn->fate != AA_FATE_LOST)
        (void)driver->control(conn, AA_CONTROL_ROLLBACK, NULL); /* also the end of a read */
    if (conn->fate == AA_FATE_LOST) {
        drop(pool, conn);
        return;
    }
    aa_metrics_move(pool->base.metrics, AA_GAUGE_STORE_BUSY, -1);
    aa_metrics_move(pool->base.metrics, AA_GAUGE_STORE_IDLE, 1);
    pthread_mutex_lock(&pool->lock);
    pool->idle[pool->idle_count++] = conn;
    wake_first(pool);
    pthread_mutex_unlock(&pool->lock);
}

/* ---- running closures ---- */

/* One run, and whether there should be another. */
struct run {
    aa_db_fn fn;
    void *ctx;
    bool again;        /* it came to nothing, and may be repeated */
    enum aa_fate fate; /* why */
    bool is_first;
};

typedef enum aa_err (*run_fn)(struct aa_conn *conn, struct run *run, struct aa_error *err);

/* The closure, and what it cannot have known: a failure it passed over is one all the same. */
static enum aa_err run_closure(struct aa_conn *conn, struct run *run, struct aa_error *err)
{
    enum aa_err rc = run->fn(conn, run->ctx, err);

    if (conn->fate == AA_FATE_FINE)
        return rc;
    return rc ? rc : aa_fail(err, AA_ERR_STORE, "the database failed while a closure ran");
}

static enum aa_err run_reads(struct aa_conn *conn, struct run *run, enum aa_control begin, struct aa_error *err)
{
    enum aa_err rc;

    rc = conn->driver->control(conn, begin, err);
    if (!rc)
        rc = run_closure(conn, run, err);
    run->again = conn->fate != AA_FATE_FINE && !conn->has_answered;
    if (!rc)
        rc = conn->driver->control(conn, AA_CONTROL_COMMIT, err);
    return rc;
}

static enum aa_err run_read(struct aa_conn *conn, struct run *run, struct aa_error *err)
{
    return run_reads(conn, run, AA_CONTROL_BEGIN_READ, err);
}

static enum aa_err run_snapshot(struct aa_conn *conn, struct run *run, struct aa_error *err)
{
    return run_reads(conn, run, AA_CONTROL_BEGIN_SNAPSHOT, err);
}

static bool is_run_in_vain(const struct run *run)
{
#ifdef AA_TEST_HOOKS
    return run->is_first && aa_db_reruns();
#else
    (void)run;
    return false;
#endif
}

static enum aa_err run_write(struct aa_conn *conn, struct run *run, struct aa_error *err)
{
    enum aa_err rc;

    rc = conn->driver->control(conn, AA_CONTROL_BEGIN_WRITE, err);
    if (!rc)
        rc = run_closure(conn, run, err);
    run->again = conn->fate != AA_FATE_FINE || is_run_in_vain(run);
    if (rc || run->again)
        return rc;
    rc = conn->driver->control(conn, AA_CONTROL_COMMIT, err);
    /* A connection lost now took the outcome with it. */
    run->again = rc && conn->fate == AA_FATE_AGAIN;
    return rc;
}

static enum aa_err run_once(struct pool *pool, run_fn how, struct run *run, struct aa_error *err)
{
    struct aa_conn *conn = NULL;
    enum aa_err rc;

    run->again = false;
    rc = acquire(pool, &conn, err);
    if (rc)
        return rc;
    rc = how(conn, run, err);
    run->fate = conn->fate;
    release(pool, conn);
    return rc;
}

static enum aa_err run_until_done(struct pool *pool, run_fn how, aa_db_fn fn, void *ctx, struct aa_error *err)
{
    struct run run = {.fn = fn, .ctx = ctx};
    int64_t until_ms = now_ms() + RERUN_MS;
    struct aa_error why = AA_ERROR_INIT;
    enum aa_err rc;

    for (int i = 0;; i++) {
        run.is_first = i == 0;
        why = (struct aa_error)AA_ERROR_INIT;
        rc = run_once(pool, how, &run, &why);
        if (!run.again || (rc && (i == RERUNS_MAX || now_ms() >= until_ms)))
            break;
        if (run.fate == AA_FATE_AGAIN)
            pause_before(i);
    }
    if (rc)
        aa_db_tell(&why, err);
    return rc;
}

static enum aa_err pool_read(struct aa_db *db, aa_db_fn fn, void *ctx, struct aa_error *err)
{
    return run_until_done(inner(db), run_read, fn, ctx, err);
}

static enum aa_err pool_snapshot(struct aa_db *db, aa_db_fn fn, void *ctx, struct aa_error *err)
{
    return run_until_done(inner(db), run_snapshot, fn, ctx, err);
}

static enum aa_err pool_write(struct aa_db *db, aa_db_fn fn, void *ctx, struct aa_error *err)
{
    if (inner(db)->read_only)
        return aa_fail(err, AA_ERR_STORE_READONLY, "the database was opened for reading alone");
    return run_until_done(inner(db), run_write, fn, ctx, err);
}

/* ---- opening and closing ---- */

static void pool_close(struct aa_db *db)
{
    struct pool *pool = inner(db);

    aa_notices_stop(pool->notices);
    for (size_t i = 0; i < pool->idle_count; i++)
        db->driver->disconnect(pool->idle[i]);
    db->driver->close(db->source);
    pthread_mutex_destroy(&pool->lock);
    aa_mem_free(pool);
}

static enum aa_err check_schema(struct aa_conn *conn, const struct aa_db_options *options, struct aa_error *err)
{
    int64_t version = 1;
    enum aa_err rc = AA_OK;

    if (options->must_exist)
        rc = aa_schema_find(conn, &version, err);
    if (!rc && version == 0)
        rc = aa_fail(err, AA_ERR_NOT_FOUND, "there is nothing of ours in the database yet");
    return rc ? rc : aa_migrate(conn, options, err);
}

/* Also when the connection was lost, whatever became of its COMMIT: what has been done is not done again. */
static enum aa_err prepare_schema(struct pool *pool, const struct aa_db_options *options, struct aa_error *err)
{
    struct aa_db_options quiet = *options; /* what was said once is not said again */
    struct aa_error why = AA_ERROR_INIT;
    enum aa_err rc = AA_OK;
    bool again = true;

    quiet.say = NULL;
    for (int i = 0; again && i <= RERUNS_MAX; i++) {
        struct aa_conn *conn = NULL;

        why = (struct aa_error)AA_ERROR_INIT;
        rc = acquire(pool, &conn, &why);
        if (rc)
            break;
        rc = check_schema(conn, i ? &quiet : options, &why);
        again = rc && conn->fate != AA_FATE_FINE;
        release(pool, conn);
    }
    if (rc)
        aa_db_tell(&why, err);
    return rc;
}

static const struct aa_engine pool_engine = {
    .read = pool_read,
    .snapshot = pool_snapshot,
    .write = pool_write,
    .close = pool_close,
};

enum aa_err aa_pool_open(const struct aa_driver *driver, const struct aa_db_options *options, struct aa_db **out,
                         struct aa_error *err)
{
    struct pool *pool = aa_mem_new(sizeof *pool);
    enum aa_err rc;

    if (!pool)
        return aa_fail(err, AA_ERR_NOMEM, "out of memory opening the database");
    pool->base.engine = &pool_engine;
    pool->base.driver = driver;
    pool->base.metrics = options->metrics;
    pool->base.check_ms = -1;
    pool->size = options->pool_size > 0 ? (size_t)options->pool_size : SIZE_DEFAULT;
    if (pool->size > SIZE_MAX_)
        pool->size = SIZE_MAX_;
    pool->wait_ms = options->statement_timeout_ms > 0 ? options->statement_timeout_ms : AA_STATEMENT_TIMEOUT_MS;
    pool->read_only = options->read_only;
    pthread_mutex_init(&pool->lock, NULL);
    pool->last = &pool->first;
    rc = driver->open(options, &pool->base.source, err);
    if (!rc)
        rc = prepare_schema(pool, options, err);
    if (!rc && options->serving)
        rc = aa_notices_start(&pool->base, &pool->notices, err);
    if (rc) {
        pool_close(&pool->base);
        return rc;
    }
    *out = &pool->base;
    return AA_OK;
}

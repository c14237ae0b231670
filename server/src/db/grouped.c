/* One writer that commits many closures in one transaction, readers beside it, and a keeper. */
#include "db/engine.h"

#include <pthread.h>
#include <time.h>

#include "base/error.h"
#include "base/mem.h"
#include "db/keeper.h"
#include "db/running.h"

#define READERS_MAX 32 /* connections; more threads than that wait for one another */
#define BATCH_MAX 256  /* closures a commit: bounds how long the first of them waits for the last */
#define LOOK_MS 200    /* how long another process's commit goes unnoticed */

/* A closure waiting for the writer; lives on its caller's stack. */
struct job {
    aa_db_fn fn;
    void *ctx;
    struct aa_error *err;
    enum aa_err rc;
    /* Each waits at a lock of its own: those of one commit do not wake up to wait for one another. */
    pthread_mutex_t lock;
    pthread_cond_t done;
    bool is_done;
    struct job *next;
};

struct grouped {
    struct aa_db base;
    bool is_single; /* one connection for everybody: it is in the pool, and the writer takes it from there */

    pthread_mutex_t lock; /* guards what follows; never held while a statement runs */
    struct job *first, **last;
    bool is_closing;
    pthread_cond_t work, reader_free;
    struct aa_conn *idle[READERS_MAX];
    size_t idle_count, reader_count;

    struct aa_conn *writer_conn; /* NULL when single */
    struct aa_keeper *keeper;    /* the same, and when nothing is written */
    pthread_t writer;
    bool has_writer;

    struct aa_running *running; /* NULL: not serving */
    /* The writer thread's own: what it last saw of other processes' commits. */
    int64_t version, next_look_ms;
};

/* ---- readers ---- */

static struct aa_conn *take_idle(struct grouped *db, bool *may_connect)
{
    struct aa_conn *conn = NULL;
    size_t most = db->is_single ? 1 : READERS_MAX;

    pthread_mutex_lock(&db->lock);
    while (db->idle_count == 0 && db->reader_count >= most)
        pthread_cond_wait(&db->reader_free, &db->lock);
    *may_connect = db->idle_count == 0;
    if (*may_connect)
        db->reader_count++;
    else
        conn = db->idle[--db->idle_count];
    pthread_mutex_unlock(&db->lock);
    aa_metrics_move(db->base.metrics, AA_GAUGE_STORE_BUSY, 1);
    aa_metrics_move(db->base.metrics, AA_GAUGE_STORE_IDLE, conn ? -1 : 0);
    return conn;
}

static void drop_reader(struct grouped *db)
{
    pthread_mutex_lock(&db->lock);
    db->reader_count--;
    pthread_cond_signal(&db->reader_free);
    pthread_mutex_unlock(&db->lock);
    aa_metrics_move(db->base.metrics, AA_GAUGE_STORE_BUSY, -1);
}

static void put_idle(struct grouped *db, struct aa_conn *conn)
{
    aa_metrics_move(db->base.metrics, AA_GAUGE_STORE_BUSY, -1);
    aa_metrics_move(db->base.metrics, AA_GAUGE_STORE_IDLE, 1);
    pthread_mutex_lock(&db->lock);
    db->idle[db->idle_count++] = conn; /* the last one used is taken first: its pages are warm */
    pthread_cond_signal(&db->reader_free);
    pthread_mutex_unlock(&db->lock);
}

static enum aa_err acquire(struct grouped *db, struct aa_conn **out, struct aa_error *err)
{
    bool may_connect;
    struct aa_conn *conn = take_idle(db, &may_connect);
    enum aa_err rc = AA_OK;

    if (may_connect)
        rc = db->base.driver->connect(db->base.source, AA_CONN_READER, &conn, err);
    if (rc)
        drop_reader(db);
    else
        *out = conn;
    return rc;
}

static void release(struct grouped *db, struct aa_conn *conn)
{
    /* A connection that cannot leave its transaction would show an old state for ever. The only one of an in-memory
     * database is kept: it is the database. */
    if (db->base.driver->in_transaction(conn) && db->base.driver->control(conn, AA_CONTROL_ROLLBACK, NULL) &&
        !db->is_single) {
        db->base.driver->disconnect(conn);
        drop_reader(db);
        return;
    }
    put_idle(db, conn);
}

static struct grouped *inner(struct aa_db *db)
{
    return (struct grouped *)(void *)db;
}

static enum aa_err grouped_read(struct aa_db *base, aa_db_fn fn, void *ctx, struct aa_error *err)
{
    struct grouped *db = inner(base);
    struct aa_conn *conn = NULL;
    enum aa_err rc;

    if (db->keeper)
        aa_keeper_note_read(db->keeper);
    rc = acquire(db, &conn, err);
    if (rc)
        return rc;
    rc = db->base.driver->control(conn, AA_CONTROL_BEGIN_READ, err);
    if (!rc)
        rc = fn(conn, ctx, err);
    if (!rc)
        rc = db->base.driver->control(conn, AA_CONTROL_COMMIT, err);
    release(db, conn);
    return rc;
}

/* ---- the writer ---- */

/* Overwrites: the closure's own code may be one it only had because of what is now rolled back with it. */
static void spoil(struct job *job, enum aa_err rc, const struct aa_error *why)
{
    job->rc = rc;
    if (job->err)
        *job->err = *why;
}

/* From `first` up to, not including, `end`. After the unlock a job's memory is its caller's again. */
static void finish(struct job *first, const struct job *end)
{
    while (first != end) {
        struct job *next = first->next;

        pthread_mutex_lock(&first->lock);
        first->is_done = true;
        pthread_cond_signal(&first->done);
        pthread_mutex_unlock(&first->lock);
        first = next;
    }
}

static void fail_all(struct job *first, const struct job *end, enum aa_err rc, const struct aa_error *why)
{
    for (struct job *job = first; job != end; job = job->next)
        spoil(job, rc, why);
    finish(first, end);
}

static void leave(struct grouped *db, struct aa_conn *conn)
{
    /* Should it fail, the next BEGIN says so to those who come after. */
    if (db->base.driver->in_transaction(conn))
        (void)db->base.driver->control(conn, AA_CONTROL_ROLLBACK, NULL);
}

#ifdef AA_TEST_HOOKS
/* A first run whose work and outcome are thrown away. False when it ended so that there is no second one. */
static bool run_in_vain(struct grouped *db, struct aa_conn *conn, struct job *job)
{
    struct aa_error why = AA_ERROR_INIT;

    job->rc = db->base.driver->control(conn, AA_CONTROL_SAVEPOINT, &why);
    if (!job->rc)
        job->rc = job->fn(conn, job->ctx, &why);
    if (db->base.driver->in_transaction(conn) && db->base.driver->control(conn, AA_CONTROL_ROLLBACK_TO, &why))
        leave(db, conn);
    return db->base.driver->in_transaction(conn) && job->rc != AA_ERR_NOMEM;
}
#endif

/* One closure behind its savepoint. False when the engine gave up the whole transaction. */
static bool run_job(struct grouped *db, struct aa_conn *conn, struct job *job)
{
#ifdef AA_TEST_HOOKS
    if (aa_db_reruns() && !run_in_vain(db, conn, job))
        return db->base.driver->in_transaction(conn);
#endif
    job->rc = db->base.driver->control(conn, AA_CONTROL_SAVEPOINT, job->err);
    if (!job->rc)
        job->rc = job->fn(conn, job->ctx, job->err);
    if (!db->base.driver->in_transaction(conn))
        return false;
    if (!job->rc)
        job->rc = db->base.driver->control(conn, AA_CONTROL_RELEASE, job->err);
    else if (db->base.driver->control(conn, AA_CONTROL_ROLLBACK_TO, NULL))
        return false; /* what it did cannot be told from what the others did */
    return db->base.driver->in_transaction(conn);
}

/* What to tell everybody whose work went with a failed closure's: never that closure's own CONFLICT or NOT_FOUND. */
static enum aa_err shared_code(enum aa_err rc)
{
    return rc == AA_ERR_NOMEM || rc == AA_ERR_STORE_FULL || rc == AA_ERR_STORE_READONLY || rc == AA_ERR_STORE_BUSY
               ? rc
               : AA_ERR_STORE;
}

static void count_batch(struct grouped *db, const struct job *first)
{
    int64_t jobs = 0;

    for (const struct job *job = first; job; job = job->next)
        jobs++;
    aa_metrics_observe(db->base.metrics, AA_HISTOGRAM_STORE_BATCH, jobs);
}

/* Runs the jobs in one transaction and releases their callers. Returns those that have yet to run: when one of them
 * made the engine roll everything back, it and those before it fail, and the rest get a transaction of their own. */
static struct job *run_transaction(struct grouped *db, struct aa_conn *conn, struct job *first)
{
    struct aa_error why = AA_ERROR_INIT;
    struct job *job;
    enum aa_err rc;

    rc = db->base.driver->control(conn, AA_CONTROL_BEGIN_WRITE, &why);
    if (rc) {
        fail_all(first, NULL, rc, &why);
        return NULL;
    }
    for (job = first; job; job = job->next) {
        struct job *rest = job->next;

        if (run_job(db, conn, job))
            continue;
        leave(db, conn);
        rc = shared_code(job->rc);
        aa_fail(&why, rc, "the transaction was rolled back: %s", aa_err_text(rc));
        fail_all(first, rest, rc, &why);
        return rest;
    }
    rc = db->base.driver->control(conn, AA_CONTROL_COMMIT, &why);
    if (rc) {
        leave(db, conn);
        fail_all(first, NULL, rc, &why);
    } else {
        count_batch(db, first);
        finish(first, NULL);
    }
    return NULL;
}

static void run_batch(struct grouped *db, struct job *batch)
{
    struct aa_conn *conn = db->writer_conn;
    struct aa_error why = AA_ERROR_INIT;
    enum aa_err rc;

    if (db->is_single) {
        rc = acquire(db, &conn, &why);
        if (rc) {
            fail_all(batch, NULL, rc, &why);
            return;
        }
    }
    while (batch)
        batch = run_transaction(db, conn, batch);
    if (db->is_single)
        put_idle(db, conn);
}

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* On the writer's connection, whose own commits do not count. */
static void look_around(struct grouped *db)
{
    int64_t version;

    if (!atomic_load(&db->base.is_listening) || now_ms() < db->next_look_ms)
        return;
    version = db->base.driver->version(db->writer_conn);
    if (version != db->version || version < 0)
        aa_db_note_change(&db->base);
    db->version = version;
    db->next_look_ms = now_ms() + LOOK_MS;
}

/* With the lock held. When others are listened for, no longer than until the next look at them. */
static void wait_for_work(struct grouped *db)
{
    struct timespec until = {db->next_look_ms / 1000, db->next_look_ms % 1000 * 1000000};
    int rc = 0;

    while (!db->first && !db->is_closing && rc == 0)
        rc = atomic_load(&db->base.is_listening) ? pthread_cond_timedwait(&db->work, &db->lock, &until)
                                                 : pthread_cond_wait(&db->work, &db->lock);
}

/* Waits for jobs and takes them, at most BATCH_MAX, as a list of its own; NULL: there are none for now. False: the
 * database is closing and nothing is left. */
static bool take_batch(struct grouped *db, struct job **out)
{
    struct job *batch, *job;
    int64_t taken;
    bool go_on;

    pthread_mutex_lock(&db->lock);
    wait_for_work(db);
    batch = job = db->first;
    for (taken = job ? 1 : 0; job && job->next && taken < BATCH_MAX; taken++)
        job = job->next;
    if (job) {
        db->first = job->next;
        if (!db->first)
            db->last = &db->first;
        job->next = NULL;
    }
    go_on = batch || !db->is_closing;
    pthread_mutex_unlock(&db->lock);
    aa_metrics_move(db->base.metrics, AA_GAUGE_STORE_WAITING, -taken);
    *out = batch;
    return go_on;
}

static void *writer_main(void *arg)
{
    struct grouped *db = arg;
    struct job *batch = NULL;

    while (take_batch(db, &batch)) {
        look_around(db);
        if (!batch)
            continue;
        run_batch(db, batch);
        if (db->keeper)
            aa_keeper_note_commit(db->keeper);
    }
    return NULL;
}

static void wait_for(struct job *job)
{
    pthread_mutex_lock(&job->lock);
    while (!job->is_done)
        pthread_cond_wait(&job->done, &job->lock);
    pthread_mutex_unlock(&job->lock);
}

static enum aa_err grouped_write(struct aa_db *base, aa_db_fn fn, void *ctx, struct aa_error *err)
{
    struct grouped *db = inner(base);
    struct job job = {.fn = fn, .ctx = ctx, .err = err};

    if (!db->has_writer)
        return aa_fail(err, AA_ERR_STORE_READONLY, "the database was opened for reading alone");
    pthread_mutex_init(&job.lock, NULL);
    pthread_cond_init(&job.done, NULL);
    aa_metrics_move(db->base.metrics, AA_GAUGE_STORE_WAITING, 1);
    pthread_mutex_lock(&db->lock);
    *db->last = &job;
    db->last = &job.next;
    pthread_cond_signal(&db->work);
    pthread_mutex_unlock(&db->lock);
    wait_for(&job);
    pthread_cond_destroy(&job.done);
    pthread_mutex_destroy(&job.lock);
    return job.rc;
}

/* ---- opening and closing ---- */

/* What a crash tears is seen here, and not when somebody's token is in it. */
static enum aa_err check_pages(struct grouped *db, const struct aa_db_options *options, struct aa_conn *conn,
                               struct aa_error *err)
{
    struct aa_error why = AA_ERROR_INIT;
    int64_t began_ms = now_ms();
    enum aa_err rc;

    aa_db_say(options, "the server did not stop as it should the last time: the pages of the database are checked now");
    rc = db->base.driver->check_pages(conn, &why);
    if (rc)
        return aa_fail(err, rc,
                       "the server did not stop as it should the last time, and now %s; "
                       "`auth-agent-server restore FILE` puts a backup in its place",
                       why.message);
    aa_running_forgive(db->running);
    db->base.check_ms = now_ms() - began_ms;
    return AA_OK;
}

static enum aa_err begin_serving(struct grouped *db, const struct aa_db_options *options, struct aa_conn *conn,
                                 struct aa_error *err)
{
    bool had_died = false;
    enum aa_err rc;

    rc = aa_running_begin(db->base.driver->place(db->base.source), &db->running, &had_died, err);
    if (!rc && had_died)
        rc = check_pages(db, options, conn, err);
    if (rc)
        return rc;
    db->version = db->base.driver->version(conn);
    atomic_store(&db->base.is_listening, true);
    return AA_OK;
}

static enum aa_err connect_and_migrate(struct grouped *db, const struct aa_db_options *options, struct aa_error *err)
{
    struct aa_conn *conn = NULL;
    enum aa_err rc;

    rc = db->base.driver->connect(db->base.source, options->read_only ? AA_CONN_READER : AA_CONN_WRITER, &conn, err);
    if (rc)
        return rc;
    if (db->is_single || options->read_only) {
        db->reader_count = db->idle_count = 1;
        db->idle[0] = conn;
        aa_metrics_move(db->base.metrics, AA_GAUGE_STORE_IDLE, 1);
    } else {
        db->writer_conn = conn;
        rc = options->serving ? begin_serving(db, options, conn, err) : AA_OK;
        if (rc)
            return rc;
    }
    return aa_migrate(conn, options, err);
}

static enum aa_err start_keeper(struct grouped *db, struct aa_error *err)
{
    struct aa_conn *conn = NULL;
    enum aa_err rc;

    rc = db->base.driver->connect(db->base.source, AA_CONN_KEEPER, &conn, err);
    if (rc)
        return rc;
    rc = aa_keeper_new(conn, &db->keeper, err);
    if (rc)
        db->base.driver->disconnect(conn);
    return rc;
}

static enum aa_err start_writer(struct grouped *db, struct aa_error *err)
{
    if (pthread_create(&db->writer, NULL, writer_main, db))
        return aa_fail(err, AA_ERR_THREAD, "a thread of the database could not be started");
    db->has_writer = true;
    return AA_OK;
}

static enum aa_err start(struct grouped *db, const struct aa_db_options *options, struct aa_error *err)
{
    enum aa_err rc;

    rc = db->base.driver->open(options, &db->base.source, err);
    if (rc)
        return rc;
    db->is_single = db->base.driver->is_single(db->base.source);
    rc = connect_and_migrate(db, options, err);
    if (rc || options->read_only)
        return rc;
    if (!db->is_single)
        rc = start_keeper(db, err);
    return rc ? rc : start_writer(db, err);
}

static void stop_writer(struct grouped *db)
{
    pthread_mutex_lock(&db->lock);
    db->is_closing = true;
    pthread_cond_broadcast(&db->work);
    pthread_mutex_unlock(&db->lock);
    if (db->has_writer)
        pthread_join(db->writer, NULL);
}

static void grouped_close(struct aa_db *base)
{
    struct grouped *db = inner(base);

    stop_writer(db);
    aa_keeper_free(db->keeper);
    for (size_t i = 0; i < db->idle_count; i++)
        db->base.driver->disconnect(db->idle[i]);
    db->base.driver->disconnect(db->writer_conn);
    db->base.driver->close(db->base.source);
    aa_running_end(db->running); /* whatever is wrong from here on is not the file's */
    pthread_cond_destroy(&db->reader_free);
    pthread_cond_destroy(&db->work);
    pthread_mutex_destroy(&db->lock);
    aa_mem_free(db);
}

static void init_lock(struct grouped *db)
{
    pthread_condattr_t monotonic;

    pthread_mutex_init(&db->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&db->work, &monotonic);
    pthread_condattr_destroy(&monotonic);
    pthread_cond_init(&db->reader_free, NULL);
}

static const struct aa_engine grouped_engine = {
    .read = grouped_read,
    .snapshot = grouped_read, /* a read transaction sees one state */
    .write = grouped_write,
    .close = grouped_close,
};

enum aa_err aa_grouped_open(const struct aa_driver *driver, const struct aa_db_options *options, struct aa_db **out,
                            struct aa_error *err)
{
    struct grouped *db = aa_mem_new(sizeof *db);
    enum aa_err rc;

    if (!db)
        return aa_fail(err, AA_ERR_NOMEM, "out of memory opening the database");
    db->base.engine = &grouped_engine;
    db->base.driver = driver;
    db->base.metrics = options->metrics;
    db->base.check_ms = -1;
    db->last = &db->first;
    init_lock(db);
    rc = start(db, options, err);
    if (rc) {
        grouped_close(&db->base);
        return rc;
    }
    *out = &db->base;
    return AA_OK;
}

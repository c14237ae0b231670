#include "db/db.h"

#include <string.h>
#include <time.h>

#ifdef AA_TEST_HOOKS
#include <stdatomic.h>
#endif

#include "base/error.h"
#include "db/engine.h"

bool aa_db_is_remote_url(const char *url)
{
    return strncmp(url, "postgresql://", 13) == 0 || strncmp(url, "postgres://", 11) == 0;
}

const struct aa_driver *aa_driver_of(const char *url)
{
    return aa_db_is_remote_url(url) ? &aa_postgres_driver : &aa_sqlite_driver;
}

enum aa_err aa_db_open(const struct aa_db_options *options, struct aa_db **out, struct aa_error *err)
{
    const struct aa_driver *driver = aa_driver_of(options->url);

    return driver->is_remote ? aa_pool_open(driver, options, out, err) : aa_grouped_open(driver, options, out, err);
}

void aa_db_close(struct aa_db *db)
{
    if (db)
        db->engine->close(db);
}

/* ---- running, and how long it takes ---- */

static int64_t now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static enum aa_err measure(struct aa_db *db, enum aa_metrics_histogram histogram, int64_t began_us, enum aa_err rc)
{
    aa_metrics_observe(db->metrics, histogram, now_us() - began_us);
    if (rc == AA_ERR_STORE || rc == AA_ERR_STORE_BUSY || rc == AA_ERR_STORE_FULL || rc == AA_ERR_STORE_READONLY)
        aa_metrics_count(db->metrics, AA_COUNT_STORE_FAILED);
    return rc;
}

enum aa_err aa_db_read(struct aa_db *db, aa_db_fn fn, void *ctx, struct aa_error *err)
{
    int64_t began_us = now_us();

    return measure(db, AA_HISTOGRAM_STORE_READ, began_us, db->engine->read(db, fn, ctx, err));
}

enum aa_err aa_db_snapshot(struct aa_db *db, aa_db_fn fn, void *ctx, struct aa_error *err)
{
    return db->engine->snapshot(db, fn, ctx, err);
}

enum aa_err aa_db_write(struct aa_db *db, aa_db_fn fn, void *ctx, struct aa_error *err)
{
    int64_t began_us = now_us();

    return measure(db, AA_HISTOGRAM_STORE_WRITE, began_us, db->engine->write(db, fn, ctx, err));
}

/* ---- what it is ---- */

bool aa_db_is_remote(const struct aa_db *db)
{
    return db->driver->is_remote;
}

const char *aa_db_place(const struct aa_db *db)
{
    return db->driver->place(db->source);
}

/* The first column is the schema's version, the second says whether anything can be written. */
static enum aa_err check(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    struct aa_stmt *stmt = NULL;
    bool has_row = false;
    enum aa_err rc;

    (void)ctx;
    rc = aa_stmt_prepare(conn, conn->driver->check_sql, &stmt, err);
    if (rc)
        return rc;
    rc = aa_stmt_step(stmt, &has_row, err);
    if (!rc && (!has_row || aa_stmt_int(stmt, 1) == 0))
        rc = aa_fail(err, AA_ERR_STORE_READONLY, "the database answers, but may only be read");
    aa_stmt_end(stmt);
    return rc;
}

enum aa_err aa_db_check(struct aa_db *db, struct aa_error *err)
{
    return aa_db_read(db, check, NULL, err);
}

/* ---- what others change ---- */

#ifdef AA_TEST_HOOKS
static atomic_bool are_lost;

void aa_db_lose_notices(bool on)
{
    atomic_store(&are_lost, on);
}
#endif

void aa_db_say(const struct aa_db_options *options, const char *what)
{
    if (options->say)
        options->say(options->say_ctx, what);
}

int64_t aa_db_check_ms(const struct aa_db *db)
{
    return db->check_ms;
}

uint64_t aa_db_generation(const struct aa_db *db)
{
    return atomic_load(&db->generation);
}

bool aa_db_is_listening(const struct aa_db *db)
{
    return atomic_load(&db->is_listening);
}

void aa_db_note_change(struct aa_db *db)
{
#ifdef AA_TEST_HOOKS
    if (atomic_load(&are_lost))
        return;
#endif
    atomic_fetch_add(&db->generation, 1);
}

void aa_db_tell(const struct aa_error *why, struct aa_error *err)
{
    if (err && err->code == AA_OK)
        *err = *why;
}

#ifdef AA_TEST_HOOKS
static atomic_bool reruns;

void aa_db_rerun_writes(bool on)
{
    atomic_store(&reruns, on);
}

bool aa_db_reruns(void)
{
    return atomic_load(&reruns);
}
#endif

/* The driver port: one database, closures that run on a prepared connection. sqlite.c is the only file that sees
 * sqlite3, postgres.c the only one that sees libpq.
 *
 * aa_db_read() runs its closure on a connection that only reads: SQLite inside one read transaction, PostgreSQL
 * statement by statement (each sees what was committed before it). aa_db_write() runs it in a transaction and returns
 * only when what it did is on disk. SQLite queues it for the one writer, which commits many closures in one
 * transaction, each behind a savepoint; PostgreSQL gives each a transaction of its own (READ COMMITTED), beside those
 * of others. A closure that returns an error is rolled back alone. A closure must not call aa_db_read/aa_db_write
 * again, and must not block: hash and sign before or after.
 *
 * A write closure may run more than once: after a deadlock, a failed serialization or a lost connection it is run again
 * from its beginning, on a transaction that knows nothing of the first run. So it sets what it fills in its context,
 * clears what an earlier run of it may have left there, and never adds to it. A read closure runs again only while it
 * has not yet learnt anything from the database. Once COMMIT was sent nothing is repeated: should the connection be
 * lost then, nobody knows the outcome, and the answer is AA_ERR_STORE.
 *
 * Where closures run side by side, one that looks and then writes must decide by the write: an atomic statement's count
 * of rows, or a row it took first (store/: ..._hold). */
#ifndef AA_DB_DB_H
#define AA_DB_DB_H

#include <stdbool.h>
#include <stdint.h>

#include "base/view.h"
#include "metrics/metrics.h"

struct aa_db;   /* any thread */
struct aa_conn; /* valid inside a closure only */
struct aa_stmt; /* a prepared statement of a connection, kept for the next caller */

#define AA_STATEMENT_TIMEOUT_MS 5000

struct aa_db_options {
    const char *url; /* a path, "sqlite:PATH", ":memory:", or "postgresql://…" with any parameter of libpq; others are
                        AA_ERR_OPTION_INVALID */
    bool synchronous_normal; /* false: FULL. PostgreSQL: synchronous_commit = off; false: as the server has it */
    bool migrate;            /* bring the schema up to date at open; false: refuse an old one */
    bool must_exist; /* AA_ERR_NOT_FOUND when there is no database, or nothing of ours in it; false: make it, readable
                        for its owner alone */
    bool read_only;  /* with must_exist: nothing is changed, not even by the engine; aa_db_write() is
                        AA_ERR_STORE_READONLY */
    /* A server's, which stays and remembers what it read: other processes' changes move aa_db_generation(). SQLite: one
     * that did not end with aa_db_close() is known by the next, which checks the pages of the file before anything else
     * (AA_ERR_STORE when they are damaged). */
    bool serving;
    /* SQLite, with `serving`; false: its readers map the file, as much of it as the library was built to allow (often
     * 2 GB). What cannot be read from disk then ends the process (SIGBUS). */
    bool no_memory_map;
    /* Told, while the database opens, what is about to begin that takes long where there is much: a check, a migration.
     * NULL: nobody wants to know. */
    void (*say)(void *ctx, const char *what);
    void *say_ctx;
    struct aa_metrics *metrics; /* borrowed until the end; NULL: nothing is counted */

    /* PostgreSQL only */
    int pool_size;                /* connections; 0: 8 */
    int64_t statement_timeout_ms; /* of one statement, or of the wait for a connection; 0: AA_STATEMENT_TIMEOUT_MS */
    bool no_prepared_statements;  /* false: prepared, until the way there turns out not to keep them (PgBouncer) */
};

/* "postgresql://" or "postgres://". */
bool aa_db_is_remote_url(const char *url);

AA_CHECK enum aa_err aa_db_open(const struct aa_db_options *options, struct aa_db **out, struct aa_error *err);
void aa_db_close(struct aa_db *db); /* waits for queued writes; nobody may be inside a read or write of a pool */
/* Each read is a way over the network: it does not belong on an event thread. */
bool aa_db_is_remote(const struct aa_db *db);
/* Where it is, for people: the path, or "postgresql://HOST:PORT/NAME" (without user and password). */
const char *aa_db_place(const struct aa_db *db);

/* How long the check after a server that died took; -1: there was none. */
int64_t aa_db_check_ms(const struct aa_db *db);

/* Changes when what was read before may have been changed by another process since: on SQLite within a quarter of a
 * second after any commit of another, on PostgreSQL as soon as an aa_conn_announce() of anybody is heard of. Without
 * `serving` it never changes. It is a matter of speed: a notice may be lost, or come late (a pooler that shares
 * connections passes none on), so whoever remembers something looks again after a while in any case. */
uint64_t aa_db_generation(const struct aa_db *db);
/* Are changes heard of at present? False without `serving`, and while PostgreSQL gives no notice. */
bool aa_db_is_listening(const struct aa_db *db);

typedef enum aa_err (*aa_db_fn)(struct aa_conn *conn, void *ctx, struct aa_error *err);
/* The closure's own code, or AA_ERR_STORE, AA_ERR_STORE_BUSY, AA_ERR_STORE_FULL, AA_ERR_STORE_READONLY, AA_ERR_NOMEM.
 */
AA_CHECK enum aa_err aa_db_read(struct aa_db *db, aa_db_fn fn, void *ctx, struct aa_error *err);
/* The same, and all statements see one state of the database: for exports. */
AA_CHECK enum aa_err aa_db_snapshot(struct aa_db *db, aa_db_fn fn, void *ctx, struct aa_error *err);
AA_CHECK enum aa_err aa_db_write(struct aa_db *db, aa_db_fn fn, void *ctx, struct aa_error *err);
/* One cheap statement that proves the database answers and could be written: AA_ERR_STORE_READONLY when it is a
 * standby.
 */
AA_CHECK enum aa_err aa_db_check(struct aa_db *db, struct aa_error *err);

/* ---- for store/ only ---- */
/* `sql` is a string literal: statements are kept by its address. Placeholders are $1, $2, … Nothing from outside is
 * ever part of it. */
AA_CHECK enum aa_err aa_stmt_prepare(struct aa_conn *conn, const char *sql, struct aa_stmt **out, struct aa_error *err);
/* Absent binds NULL; borrowed until aa_stmt_end(). What is not UTF-8, or holds NUL, is in no database: AA_ERR_UTF8 at
 * the step. */
void aa_stmt_bind_text(struct aa_stmt *stmt, int index, struct aa_view text);
void aa_stmt_bind_blob(struct aa_stmt *stmt, int index, struct aa_view bytes);
void aa_stmt_bind_int(struct aa_stmt *stmt, int index, int64_t number);
void aa_stmt_bind_null(struct aa_stmt *stmt, int index);
AA_CHECK enum aa_err
aa_stmt_step(struct aa_stmt *stmt, bool *has_row,
             struct aa_error *err); /* a failed bind shows here; a unique violation is AA_ERR_CONFLICT */
struct aa_view aa_stmt_text(struct aa_stmt *stmt,
                            int column); /* absent for NULL; valid until the next step; columns count from 0 */
struct aa_view aa_stmt_blob(struct aa_stmt *stmt, int column);
int64_t aa_stmt_int(struct aa_stmt *stmt, int column);
bool aa_stmt_is_null(struct aa_stmt *stmt, int column);
void aa_stmt_end(struct aa_stmt *stmt); /* resets and hands back; NULL is fine */
/* A number from 0 to 63, another one for most connections that may write at the same time; 0 where there is one writer.
 */
int aa_conn_lane(const struct aa_conn *conn);
/* Rows changed by the last INSERT, UPDATE or DELETE of this connection. */
int64_t aa_conn_changes(struct aa_conn *conn);
/* In a write: takes the lock of that number until the end of the transaction, unless somebody has it. It is a matter of
 * several processes; where one writes at a time (SQLite) it is always taken. */
AA_CHECK enum aa_err aa_conn_try_lock(struct aa_conn *conn, int64_t number, bool *taken, struct aa_error *err);

/* In a write, when what other processes may remember is changed: they hear of it (aa_db_generation()) once it is
 * committed. Where they notice by themselves (SQLite), or cannot be told, it does nothing. */
AA_CHECK enum aa_err aa_conn_announce(struct aa_conn *conn, struct aa_error *err);

#ifdef AA_TEST_HOOKS
/* From now on notices are lost: no generation changes. */
void aa_db_lose_notices(bool on);
/* From now on the first run of each write closure is rolled back and it runs again, as after a failed serialization. */
void aa_db_rerun_writes(bool on);
#endif

#endif

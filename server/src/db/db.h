/* The driver port: one database, closures that run on a prepared connection. sqlite.c is the only file that sees
 * sqlite3.
 *
 * aa_db_read() runs its closure on a reader of the calling thread, inside one read transaction. aa_db_write() queues it
 * for the one writer, which commits many closures in one transaction, each behind a savepoint, and returns only when
 * what the closure did is on disk (synchronous=FULL). A closure that returns an error is rolled back alone. A closure
 * must not call aa_db_read/aa_db_write again, and must not block: hash and sign before or after. */
#ifndef AA_DB_DB_H
#define AA_DB_DB_H

#include <stdbool.h>
#include <stdint.h>

#include "base/view.h"

struct aa_db;   /* any thread */
struct aa_conn; /* valid inside a closure only */
struct aa_stmt; /* a prepared statement of a connection, kept for the next caller */

struct aa_db_options {
    const char *url; /* a path, "sqlite:PATH" or ":memory:"; other schemes are AA_ERR_OPTION_INVALID until a driver
                        serves them */
    bool synchronous_normal; /* false: FULL */
    bool migrate;            /* bring the schema up to date at open; false: refuse an old one */
    bool must_exist; /* AA_ERR_NOT_FOUND when there is no database; false: make it, readable for its owner alone */
    bool read_only;  /* with must_exist: nothing is changed, not even by the engine; aa_db_write() is
                        AA_ERR_STORE_READONLY */
};

AA_CHECK enum aa_err aa_db_open(const struct aa_db_options *options, struct aa_db **out, struct aa_error *err);
void aa_db_close(struct aa_db *db); /* waits for queued writes */

typedef enum aa_err (*aa_db_fn)(struct aa_conn *conn, void *ctx, struct aa_error *err);
/* The closure's own code, or AA_ERR_STORE, AA_ERR_STORE_BUSY, AA_ERR_STORE_FULL, AA_ERR_STORE_READONLY, AA_ERR_NOMEM.
 */
AA_CHECK enum aa_err aa_db_read(struct aa_db *db, aa_db_fn fn, void *ctx, struct aa_error *err);
AA_CHECK enum aa_err aa_db_write(struct aa_db *db, aa_db_fn fn, void *ctx, struct aa_error *err);
/* One cheap statement that proves the database answers. */
AA_CHECK enum aa_err aa_db_check(struct aa_db *db, struct aa_error *err);

/* ---- for store/ only ---- */
/* `sql` is a string literal: statements are kept by its address. Placeholders are $1, $2, … Nothing from outside is
 * ever part of it. */
AA_CHECK enum aa_err aa_stmt_prepare(struct aa_conn *conn, const char *sql, struct aa_stmt **out, struct aa_error *err);
void aa_stmt_bind_text(struct aa_stmt *stmt, int index,
                       struct aa_view text); /* absent binds NULL; borrowed until aa_stmt_end() */
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

#endif

/* What an engine must do for db.c. Inside server/src/db only.
 *
 * A driver's own connection and statement begin with the structs below. Connections belong to one thread at a time. */
#ifndef AA_DB_DRIVER_H
#define AA_DB_DRIVER_H

#include "db/backup.h"
#include "db/db.h"
#include "db/migrate.h"

struct aa_source; /* one opened database of a driver: where it is and how to connect */

enum aa_conn_role {
    AA_CONN_WRITER, /* may change things; the first one opened, makes the database when it is new */
    AA_CONN_READER, /* a change through it fails */
    AA_CONN_KEEPER  /* checkpoints */
};

enum aa_control {
    AA_CONTROL_BEGIN_READ,
    AA_CONTROL_BEGIN_WRITE, /* takes the write lock at once, waiting for other processes */
    AA_CONTROL_COMMIT,
    AA_CONTROL_ROLLBACK,
    AA_CONTROL_SAVEPOINT,
    AA_CONTROL_RELEASE,
    AA_CONTROL_ROLLBACK_TO, /* the savepoint is gone afterwards */
    AA_CONTROL_COUNT
};

struct aa_driver {
    const char *engine; /* "SQLite" */
    enum aa_err (*open)(const struct aa_db_options *options, struct aa_source **out, struct aa_error *err);
    void (*close)(struct aa_source *source);
    /* True when everybody must share one connection (an in-memory database is its connection). */
    bool (*is_single)(const struct aa_source *source);
    const struct aa_migrations *migrations;

    enum aa_err (*connect)(struct aa_source *source, enum aa_conn_role role, struct aa_conn **out,
                           struct aa_error *err);
    void (*disconnect)(struct aa_conn *conn);
    enum aa_err (*control)(struct aa_conn *conn, enum aa_control what, struct aa_error *err);
    /* False when the engine itself rolled the transaction back (disk full, out of memory). */
    bool (*in_transaction)(struct aa_conn *conn);
    /* Runs one statement without keeping it: migrations. */
    enum aa_err (*run)(struct aa_conn *conn, const char *sql, struct aa_error *err);
    /* Moves what was logged into the database proper, without making anybody wait. */
    void (*checkpoint)(struct aa_conn *conn);

    enum aa_err (*prepare)(struct aa_conn *conn, const char *sql, struct aa_stmt **out, struct aa_error *err);
    void (*bind_text)(struct aa_stmt *stmt, int index, struct aa_view text);
    void (*bind_blob)(struct aa_stmt *stmt, int index, struct aa_view bytes);
    void (*bind_int)(struct aa_stmt *stmt, int index, int64_t number);
    enum aa_err (*step)(struct aa_stmt *stmt, bool *has_row, struct aa_error *err);
    struct aa_view (*text)(struct aa_stmt *stmt, int column);
    struct aa_view (*blob)(struct aa_stmt *stmt, int column);
    int64_t (*integer)(struct aa_stmt *stmt, int column);
    bool (*is_null)(struct aa_stmt *stmt, int column);
    void (*end)(struct aa_stmt *stmt);
    int64_t (*changes)(struct aa_conn *conn);

    /* What follows is NULL where the engine has tools of its own for it. */
    /* The engine's own check of everything in the database. AA_ERR_STORE with what it found first. */
    enum aa_err (*check)(struct aa_conn *conn, struct aa_error *err);
    /* Fills tables and rows: all there are. */
    enum aa_err (*count)(struct aa_conn *conn, struct aa_db_facts *facts, struct aa_error *err);
    /* Fills the empty file at `path` with everything, as the connection's read transaction sees it. */
    enum aa_err (*copy)(struct aa_conn *conn, const char *path, struct aa_error *err);
    /* Keeps everybody out of the database at `path` until *fd is closed. AA_ERR_STORE_BUSY when somebody is in. This
     * process must not have it open itself. */
    enum aa_err (*seize)(const char *path, int *fd, struct aa_error *err);
};

struct aa_conn {
    const struct aa_driver *driver;
    int lane; /* aa_conn_lane() */
};

struct aa_stmt {
    const struct aa_driver *driver;
};

extern const struct aa_driver aa_sqlite_driver;

struct sqlite3;
struct sqlite3 *aa_sqlite_handle(struct aa_conn *conn); /* for sqlite_backup.c */
enum aa_err aa_sqlite_fail(struct sqlite3 *handle, int rc, const char *what, struct aa_error *err);
enum aa_err aa_sqlite_check(struct aa_conn *conn, struct aa_error *err);
enum aa_err aa_sqlite_count(struct aa_conn *conn, struct aa_db_facts *facts, struct aa_error *err);
enum aa_err aa_sqlite_copy(struct aa_conn *conn, const char *path, struct aa_error *err);
enum aa_err aa_sqlite_seize(const char *path, int *fd, struct aa_error *err);

#endif

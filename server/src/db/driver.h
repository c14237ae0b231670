/* What an engine must do for grouped.c and pool.c. Inside server/src/db only.
 *
 * A driver's own connection and statement begin with the structs below. Connections belong to one thread at a time. */
#ifndef AA_DB_DRIVER_H
#define AA_DB_DRIVER_H

#include "db/backup.h"
#include "db/db.h"
#include "db/migrate.h"

struct aa_subscription; /* a connection that hears of announcements */
struct aa_source;       /* one opened database of a driver: where it is and how to connect */

enum aa_conn_role {
    AA_CONN_WRITER, /* may change things; the first one opened, makes the database when it is new */
    AA_CONN_READER, /* a change through it fails */
    AA_CONN_KEEPER  /* checkpoints */
};

enum aa_control {
    AA_CONTROL_BEGIN_READ,
    AA_CONTROL_BEGIN_SNAPSHOT, /* all statements see one state */
    AA_CONTROL_BEGIN_WRITE,    /* SQLite: takes the write lock at once, waiting for other processes */
    AA_CONTROL_LOCK_SCHEMA,    /* after BEGIN_WRITE: waits for others who change the schema, however long */
    AA_CONTROL_COMMIT,
    AA_CONTROL_ROLLBACK,
    AA_CONTROL_SAVEPOINT, /* this and the next two: grouped.c's engines only */
    AA_CONTROL_RELEASE,
    AA_CONTROL_ROLLBACK_TO, /* the savepoint is gone afterwards */
    AA_CONTROL_COUNT
};

/* What the last failure means for whoever runs closures on the connection. */
enum aa_fate {
    AA_FATE_FINE,  /* nothing beyond the failure itself */
    AA_FATE_AGAIN, /* the transaction is spoilt through nobody's fault: run the closure again */
    AA_FATE_LOST   /* so is the connection */
};

struct aa_driver {
    const char *engine; /* "SQLite", "PostgreSQL" */
    enum aa_err (*open)(const struct aa_db_options *options, struct aa_source **out, struct aa_error *err);
    void (*close)(struct aa_source *source);
    const char *(*place)(const struct aa_source *source);
    /* True when everybody must share one connection (an in-memory database is its connection). */
    bool (*is_single)(const struct aa_source *source);
    const struct aa_migrations *migrations;
    const char *check_sql;        /* of aa_db_check() */
    const char *lock_sql;         /* takes lock $1 if it can: one row, one boolean; NULL: there is nothing to lock */
    const char *announce_sql;     /* tells those who subscribed, once it is committed; NULL: nobody needs it */
    const char *can_announce_sql; /* gives a count: 0 where that is not known. Both or none */
    bool is_remote;

    enum aa_err (*connect)(struct aa_source *source, enum aa_conn_role role, struct aa_conn **out,
                           struct aa_error *err);
    void (*disconnect)(struct aa_conn *conn);
    enum aa_err (*control)(struct aa_conn *conn, enum aa_control what, struct aa_error *err);
    /* False when the engine itself rolled the transaction back (disk full, out of memory). */
    bool (*in_transaction)(struct aa_conn *conn);
    /* Runs one statement without keeping it: migrations. */
    enum aa_err (*run)(struct aa_conn *conn, const char *sql, struct aa_error *err);
    /* Moves what was logged into the database proper, without making anybody wait. grouped.c only. */
    void (*checkpoint)(struct aa_conn *conn);
    /* Has the lock that reading takes, or lets it go: others then need not ask the system for it. grouped.c only. */
    void (*hold)(struct aa_conn *conn, bool on);
    /* A number that is another one when other connections than this committed something; negative: not known. grouped.c
     * only. */
    int64_t (*version)(struct aa_conn *conn);
    /* False when an idle connection was closed from the other end. pool.c only. */
    bool (*is_usable)(struct aa_conn *conn);
    /* The next three: pool.c's engines only. Both wait until `wake` is readable at most, and end with AA_ERR_CLOSED
     * then. A subscription is on a connection of its own. AA_ERR_STORE where announcements would not come through. */
    enum aa_err (*subscribe)(struct aa_source *source, int wake, struct aa_subscription **out, struct aa_error *err);
    /* Returns when there was one. AA_ERR_STORE when the connection is gone. */
    enum aa_err (*await)(struct aa_subscription *subscription, int wake, struct aa_error *err);
    void (*unsubscribe)(struct aa_subscription *subscription);

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
    /* The same of its pages alone: what a crash may have torn, in a fraction of the time. */
    enum aa_err (*check_pages)(struct aa_conn *conn, struct aa_error *err);
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
    int lane;          /* aa_conn_lane() */
    enum aa_fate fate; /* set by the driver, reset by pool.c */
    bool has_answered; /* a statement succeeded since then: the closure has learnt something */
};

struct aa_stmt {
    const struct aa_driver *driver;
    bool has_bad_text;
};

extern const struct aa_driver aa_sqlite_driver;
extern const struct aa_driver aa_postgres_driver;
const struct aa_driver *aa_driver_of(const char *url);

#define AA_POSTGRES_CHANNEL "auth_agent"
struct pg_conn; /* libpq's */
/* Begins to connect, as all connections are made (PQconnectStart); NULL when out of memory. */
struct pg_conn *aa_postgres_start(struct aa_source *source);
enum aa_err aa_postgres_subscribe(struct aa_source *source, int wake, struct aa_subscription **out,
                                  struct aa_error *err);
enum aa_err aa_postgres_await(struct aa_subscription *subscription, int wake, struct aa_error *err);
void aa_postgres_unsubscribe(struct aa_subscription *subscription);

struct sqlite3;
struct sqlite3 *aa_sqlite_handle(struct aa_conn *conn); /* for sqlite_backup.c */
enum aa_err aa_sqlite_fail(struct sqlite3 *handle, int rc, const char *what, struct aa_error *err);
enum aa_err aa_sqlite_check(struct aa_conn *conn, struct aa_error *err);
enum aa_err aa_sqlite_check_pages(struct aa_conn *conn, struct aa_error *err);
enum aa_err aa_sqlite_count(struct aa_conn *conn, struct aa_db_facts *facts, struct aa_error *err);
enum aa_err aa_sqlite_copy(struct aa_conn *conn, const char *path, struct aa_error *err);
enum aa_err aa_sqlite_seize(const char *path, int *fd, struct aa_error *err);

#endif

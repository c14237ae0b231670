/* The SQLite driver: WAL, one writer, readers beside it, checkpoints from a connection of their own. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <sqlite3.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"
#include "db/driver.h"
#include "db/place.h"

#define PATH_LEN_MAX 4096
#define BUSY_TIMEOUT_MS 5000 /* the command line and a running server share a file; neither holds it for long */
#define WAL_SWITCH_TRIES 100 /* of 20 ms: switching to WAL does not wait by itself */
#define CACHE_SLOTS 256      /* statements kept a connection; there are about a hundred in store/ */
#define CACHE_FILL_MAX 192   /* beyond it statements are not kept */
#define PLACES_MAX 24        /* placeholders of a statement */
/* 32 MB at most: the pages of a few thousand tokens in use, among however many. A reader's are dropped with every
 * commit, so that only those that introspect ever have as many. */
#define CACHE "-32000"
/* Readers see the file itself and copy no page of it: of millions of tokens any may be asked for, and no cache of pages
 * holds their tree. Never more than what SQLite was built to allow. */
#define MEMORY_MAP "1099511627776" /* bytes */
#define AUTOCHECKPOINT "4000"      /* pages: only when the keeper's checkpoints do not keep up */

struct aa_source {
    char *path;
    bool in_memory;
    bool synchronous_normal;
    bool read_only;
    bool has_memory_map;
};

struct sqlite_stmt {
    struct aa_stmt base;
    sqlite3_stmt *handle;
    struct sqlite_conn *conn;
    const char *sql;
    int places[PLACES_MAX + 1]; /* SQLite counts placeholders as they appear; "$2" is only a name to it */
    int bind_rc;                /* the first failed bind; told by step */
    bool is_kept, in_use;
};

struct sqlite_conn {
    struct aa_conn base;
    sqlite3 *handle;
    struct aa_source *source;
    struct sqlite_stmt *slots[CACHE_SLOTS];
    size_t kept;
};

static struct sqlite_conn *inner(struct aa_conn *conn)
{
    return (struct sqlite_conn *)(void *)conn;
}

static struct sqlite_stmt *inner_stmt(struct aa_stmt *stmt)
{
    return (struct sqlite_stmt *)(void *)stmt;
}

/* ---- errors ---- */

static enum aa_err code_of(int rc)
{
    switch (rc) {
    case SQLITE_CONSTRAINT_UNIQUE:
    case SQLITE_CONSTRAINT_PRIMARYKEY:
    case SQLITE_CONSTRAINT_TRIGGER: /* ours refuse what would take the place of another row */
        return AA_ERR_CONFLICT;
    case SQLITE_CONSTRAINT_FOREIGNKEY: /* what the row belongs to is not there */
        return AA_ERR_NOT_FOUND;
    case SQLITE_IOERR_NOMEM:
        return AA_ERR_NOMEM;
    default:
        break;
    }
    switch (rc & 0xff) {
    case SQLITE_NOMEM:
        return AA_ERR_NOMEM;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return AA_ERR_STORE_BUSY;
    case SQLITE_FULL:
        return AA_ERR_STORE_FULL;
    case SQLITE_READONLY:
        return AA_ERR_STORE_READONLY;
    default:
        return AA_ERR_STORE;
    }
}

/* SQLite's own message names tables and columns, never values. */
enum aa_err aa_sqlite_fail(struct sqlite3 *handle, int rc, const char *what, struct aa_error *err)
{
    const char *text = handle ? sqlite3_errmsg(handle) : sqlite3_errstr(rc);

    return aa_fail(err, code_of(rc), "%s: %s (SQLite %d)", what, text, rc);
}

/* ---- opening ---- */

/* Before SQLite starts: without its memory statistics, which cost a lock all threads share. */
static void configure(void)
{
    if (sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0) || sqlite3_initialize())
        return; /* opening will fail, and say so */
}

static enum aa_err read_url(const char *url, struct aa_source *source, struct aa_error *err)
{
    const char *path = aa_place_of(url);

    if (strstr(path, "://"))
        return aa_fail(err, AA_ERR_OPTION_INVALID,
                       "database: this kind of address is unknown; give a file path or "
                       "postgresql://…");
    if (!*path || strlen(path) > PATH_LEN_MAX)
        return aa_fail(err, AA_ERR_OPTION_INVALID, "database: the path is empty or too long");
    source->in_memory = strcmp(path, ":memory:") == 0;
    source->path = aa_mem_copy_text(path, strlen(path));
    return source->path ? AA_OK : aa_fail(err, AA_ERR_NOMEM, "out of memory opening the database");
}

static void sqlite_close(struct aa_source *source)
{
    if (!source)
        return;
    aa_mem_free(source->path);
    aa_mem_free(source);
}

static enum aa_err sqlite_open(const struct aa_db_options *options, struct aa_source **out, struct aa_error *err)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    struct aa_source *source = aa_mem_new(sizeof *source);
    enum aa_err rc;

    if (!source)
        return aa_fail(err, AA_ERR_NOMEM, "out of memory opening the database");
    pthread_once(&once, configure);
    source->synchronous_normal = options->synchronous_normal;
    source->read_only = options->read_only;
    source->has_memory_map = options->serving && !options->no_memory_map;
    rc = read_url(options->url, source, err);
    if (!rc && !source->in_memory)
        rc = aa_place_prepare(source->path, options->must_exist, err);
    if (rc) {
        sqlite_close(source);
        return rc;
    }
    *out = source;
    return AA_OK;
}

static const char *sqlite_place(const struct aa_source *source)
{
    return source->path;
}

static bool sqlite_is_single(const struct aa_source *source)
{
    return source->in_memory;
}

/* ---- connections ---- */

static void pause_ms(long ms)
{
    struct timespec pause = {0, ms * 1000000};

    nanosleep(&pause, NULL);
}

static int execute(struct sqlite_conn *conn, const char *sql)
{
    return sqlite3_exec(conn->handle, sql, NULL, NULL, NULL);
}

/* Two processes that open a new database at once meet here. */
static int switch_to_wal(struct sqlite_conn *conn)
{
    int rc = SQLITE_BUSY;

    for (int i = 0; i < WAL_SWITCH_TRIES && (rc & 0xff) == SQLITE_BUSY; i++) {
        if (i)
            pause_ms(20);
        rc = execute(conn, "PRAGMA journal_mode = WAL");
    }
    return rc;
}

static int set_up(struct sqlite_conn *conn, enum aa_conn_role role)
{
    static const char common[] = "PRAGMA foreign_keys = ON; PRAGMA secure_delete = ON; PRAGMA trusted_schema = OFF;"
                                 "PRAGMA temp_store = MEMORY; PRAGMA cache_size = " CACHE ";"
                                 "PRAGMA wal_autocheckpoint = " AUTOCHECKPOINT;
    int rc = execute(conn, common);

    if (!rc && role == AA_CONN_WRITER && !conn->source->in_memory)
        rc = switch_to_wal(conn);
    if (!rc)
        rc = execute(conn,
                     conn->source->synchronous_normal ? "PRAGMA synchronous = NORMAL" : "PRAGMA synchronous = FULL");
    if (!rc && role == AA_CONN_READER)
        rc = execute(conn, "PRAGMA query_only = ON");
    if (!rc && role == AA_CONN_READER && conn->source->has_memory_map)
        rc = execute(conn, "PRAGMA mmap_size = " MEMORY_MAP);
    return rc;
}

static void sqlite_disconnect(struct aa_conn *base)
{
    struct sqlite_conn *conn = inner(base);

    if (!conn)
        return;
    for (size_t i = 0; i < CACHE_SLOTS; i++) {
        if (!conn->slots[i])
            continue;
        sqlite3_finalize(conn->slots[i]->handle);
        aa_mem_free(conn->slots[i]);
    }
    sqlite3_close(conn->handle);
    aa_mem_free(conn);
}

static enum aa_err connect_to(struct sqlite_conn *conn, enum aa_conn_role role, struct aa_error *err)
{
    const char *path = conn->source->path;
    int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
    int rc;

    flags |= conn->source->read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE;
    if (conn->source->in_memory)
        flags |= SQLITE_OPEN_CREATE;
    rc = sqlite3_open_v2(path, &conn->handle, flags, NULL);
    if (!rc)
        rc = sqlite3_busy_timeout(conn->handle, BUSY_TIMEOUT_MS);
    if (rc)
        return aa_sqlite_fail(conn->handle, rc, "the database cannot be opened", err);
    if (sqlite3_db_readonly(conn->handle, "main") == 1 && !conn->source->read_only)
        return aa_fail(err, AA_ERR_STORE_READONLY, "the database %s may only be read", path);
    rc = set_up(conn, role);
    if (rc)
        return aa_sqlite_fail(conn->handle, rc, "the database cannot be opened", err);
    return AA_OK;
}

static enum aa_err sqlite_connect(struct aa_source *source, enum aa_conn_role role, struct aa_conn **out,
                                  struct aa_error *err)
{
    struct sqlite_conn *conn = aa_mem_new(sizeof *conn);
    enum aa_err rc;

    if (!conn)
        return aa_fail(err, AA_ERR_NOMEM, "out of memory connecting to the database");
    conn->base.driver = &aa_sqlite_driver;
    conn->source = source;
    rc = connect_to(conn, role, err);
    if (rc) {
        sqlite_disconnect(&conn->base);
        return rc;
    }
    *out = &conn->base;
    return AA_OK;
}

/* ---- statements ---- */

/* Where the statement of a literal stands, or the free slot for it. */
static struct sqlite_stmt **find_slot(struct sqlite_conn *conn, const char *sql)
{
    uint64_t hash = (uint64_t)(uintptr_t)sql * UINT64_C(0x9E3779B97F4A7C15);
    size_t at = (size_t)(hash >> 56) % CACHE_SLOTS;

    while (conn->slots[at] && conn->slots[at]->sql != sql)
        at = (at + 1) % CACHE_SLOTS;
    return &conn->slots[at];
}

/* Where "$1", "$2", … stand. False for anything else: a mistake of ours. */
static bool find_places(struct sqlite_stmt *stmt)
{
    int count = sqlite3_bind_parameter_count(stmt->handle);

    for (int i = 1; i <= count; i++) {
        const char *name = sqlite3_bind_parameter_name(stmt->handle, i);
        long number = name && name[0] == '$' ? strtol(name + 1, NULL, 10) : 0;

        if (number < 1 || number > PLACES_MAX)
            return false;
        stmt->places[number] = i;
    }
    return true;
}

static int place(const struct sqlite_stmt *stmt, int index)
{
    return index >= 1 && index <= PLACES_MAX ? stmt->places[index] : 0; /* 0: SQLITE_RANGE from the bind */
}

static enum aa_err compile(struct sqlite_conn *conn, const char *sql, bool keep, struct sqlite_stmt **out,
                           struct aa_error *err)
{
    struct sqlite_stmt *stmt = aa_mem_new(sizeof *stmt);
    int rc;

    if (!stmt)
        return aa_fail(err, AA_ERR_NOMEM, "out of memory preparing a statement");
    rc = sqlite3_prepare_v3(conn->handle, sql, -1, keep ? SQLITE_PREPARE_PERSISTENT : 0, &stmt->handle, NULL);
    if (rc) {
        aa_mem_free(stmt);
        return aa_sqlite_fail(conn->handle, rc, "a statement cannot be prepared", err);
    }
    if (!find_places(stmt)) {
        sqlite3_finalize(stmt->handle);
        aa_mem_free(stmt);
        return aa_fail(err, AA_ERR_STORE, "a statement has placeholders other than $1 to $%d", PLACES_MAX);
    }
    stmt->base.driver = &aa_sqlite_driver;
    stmt->conn = conn;
    stmt->sql = sql;
    stmt->is_kept = keep;
    stmt->in_use = true;
    *out = stmt;
    return AA_OK;
}

static enum aa_err sqlite_prepare(struct aa_conn *base, const char *sql, struct aa_stmt **out, struct aa_error *err)
{
    struct sqlite_conn *conn = inner(base);
    struct sqlite_stmt **slot = find_slot(conn, sql);
    struct sqlite_stmt *stmt = *slot;
    bool keep = !stmt && conn->kept < CACHE_FILL_MAX;
    enum aa_err rc;

    if (stmt && !stmt->in_use) {
        stmt->in_use = true;
        *out = &stmt->base;
        return AA_OK;
    }
    /* Also when it is in use: a list operation whose rows call the same one. */
    rc = compile(conn, sql, keep, &stmt, err);
    if (rc)
        return rc;
    if (keep) {
        *slot = stmt;
        conn->kept++;
    }
    *out = &stmt->base;
    return AA_OK;
}

static void note_bind(struct sqlite_stmt *stmt, int rc)
{
    if (stmt->bind_rc == SQLITE_OK)
        stmt->bind_rc = rc;
}

static void sqlite_bind_text(struct aa_stmt *base, int index, struct aa_view text)
{
    struct sqlite_stmt *stmt = inner_stmt(base);

    if (text.data)
        note_bind(stmt, sqlite3_bind_text64(stmt->handle, place(stmt, index), text.data, text.len, SQLITE_STATIC,
                                            SQLITE_UTF8));
    else
        note_bind(stmt, sqlite3_bind_null(stmt->handle, place(stmt, index)));
}

static void sqlite_bind_blob(struct aa_stmt *base, int index, struct aa_view bytes)
{
    struct sqlite_stmt *stmt = inner_stmt(base);

    if (bytes.data)
        note_bind(stmt, sqlite3_bind_blob64(stmt->handle, place(stmt, index), bytes.data, bytes.len, SQLITE_STATIC));
    else
        note_bind(stmt, sqlite3_bind_null(stmt->handle, place(stmt, index)));
}

static void sqlite_bind_int(struct aa_stmt *base, int index, int64_t number)
{
    struct sqlite_stmt *stmt = inner_stmt(base);

    note_bind(stmt, sqlite3_bind_int64(stmt->handle, place(stmt, index), number));
}

static enum aa_err sqlite_step(struct aa_stmt *base, bool *has_row, struct aa_error *err)
{
    struct sqlite_stmt *stmt = inner_stmt(base);
    int rc = stmt->bind_rc ? stmt->bind_rc : sqlite3_step(stmt->handle);

    if (rc != SQLITE_ROW && rc != SQLITE_DONE)
        return aa_sqlite_fail(stmt->conn->handle, rc, "a statement failed", err);
    *has_row = rc == SQLITE_ROW;
    return AA_OK;
}

/* Texts too: as a text SQLite would copy each to put a NUL behind it, which a view does not need. */
static struct aa_view sqlite_bytes(struct aa_stmt *base, int index)
{
    sqlite3_stmt *handle = inner_stmt(base)->handle;
    const void *data = sqlite3_column_blob(handle, index);

    if (data)
        return aa_view_make(data, (size_t)sqlite3_column_bytes(handle, index));
    /* What is empty comes as NULL; it is present all the same. */
    return sqlite3_column_type(handle, index) == SQLITE_NULL ? AA_VIEW_ABSENT : AA_VIEW("");
}

static int64_t sqlite_integer(struct aa_stmt *base, int index)
{
    return sqlite3_column_int64(inner_stmt(base)->handle, index);
}

static bool sqlite_is_null(struct aa_stmt *base, int index)
{
    return sqlite3_column_type(inner_stmt(base)->handle, index) == SQLITE_NULL;
}

static void sqlite_end(struct aa_stmt *base)
{
    struct sqlite_stmt *stmt = inner_stmt(base);

    if (!stmt->is_kept) {
        sqlite3_finalize(stmt->handle);
        aa_mem_free(stmt);
        return;
    }
    sqlite3_reset(stmt->handle);
    sqlite3_clear_bindings(stmt->handle); /* what was bound is the caller's and ends with the call */
    stmt->bind_rc = SQLITE_OK;
    stmt->in_use = false;
}

static int64_t sqlite_changes(struct aa_conn *conn)
{
    return sqlite3_changes64(inner(conn)->handle);
}

/* ---- transactions ---- */

static const struct {
    const char *sql;
    bool is_kept; /* the ways back are not: they must work when there is no memory to prepare a statement of ours */
} controls[AA_CONTROL_COUNT] = {
    [AA_CONTROL_BEGIN_READ] = {"BEGIN", true},
    [AA_CONTROL_BEGIN_SNAPSHOT] = {"BEGIN", true},
    [AA_CONTROL_BEGIN_WRITE] = {"BEGIN IMMEDIATE", true},
    [AA_CONTROL_LOCK_SCHEMA] = {NULL, false}, /* the write lock is that */
    [AA_CONTROL_COMMIT] = {"COMMIT", true},
    [AA_CONTROL_ROLLBACK] = {"ROLLBACK", false},
    [AA_CONTROL_SAVEPOINT] = {"SAVEPOINT closure", true},
    [AA_CONTROL_RELEASE] = {"RELEASE closure", true},
    [AA_CONTROL_ROLLBACK_TO] = {"ROLLBACK TO closure; RELEASE closure", false},
};

static enum aa_err run_kept(struct aa_conn *conn, const char *sql, struct aa_error *err)
{
    struct aa_stmt *stmt = NULL;
    bool has_row;
    enum aa_err rc;

    rc = sqlite_prepare(conn, sql, &stmt, err);
    if (rc)
        return rc;
    rc = sqlite_step(stmt, &has_row, err);
    sqlite_end(stmt);
    return rc;
}

static enum aa_err sqlite_run(struct aa_conn *conn, const char *sql, struct aa_error *err)
{
    int rc = execute(inner(conn), sql);

    return rc ? aa_sqlite_fail(inner(conn)->handle, rc, "a statement failed", err) : AA_OK;
}

static enum aa_err sqlite_control(struct aa_conn *conn, enum aa_control what, struct aa_error *err)
{
    bool begins_read = what == AA_CONTROL_BEGIN_READ || what == AA_CONTROL_BEGIN_SNAPSHOT;
    enum aa_err rc = AA_OK;

    if (!controls[what].sql)
        return AA_OK;
    /* The one connection of an in-memory database reads and writes by turns; on a file readers are set up so for good.
     */
    if (inner(conn)->source->in_memory && (begins_read || what == AA_CONTROL_BEGIN_WRITE))
        rc = sqlite_run(conn, begins_read ? "PRAGMA query_only = ON" : "PRAGMA query_only = OFF", err);
    if (rc)
        return rc;
    return controls[what].is_kept ? run_kept(conn, controls[what].sql, err) : sqlite_run(conn, controls[what].sql, err);
}

static bool sqlite_in_transaction(struct aa_conn *conn)
{
    return sqlite3_get_autocommit(inner(conn)->handle) == 0;
}

/* PASSIVE: takes no lock a writer or reader waits for, and does as much as it can. What it could not do it does next
 * time. */
static void sqlite_checkpoint(struct aa_conn *conn)
{
    (void)sqlite3_wal_checkpoint_v2(inner(conn)->handle, "main", SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
}

/* The transaction has its lock once something was read. Without it readers are only slower. */
static void sqlite_hold(struct aa_conn *conn, bool on)
{
    if (on)
        (void)execute(inner(conn), "BEGIN; SELECT 1 FROM sqlite_schema LIMIT 1");
    else if (sqlite_in_transaction(conn))
        (void)execute(inner(conn), "COMMIT");
}

/* Its own commits do not change it. */
static int64_t sqlite_version(struct aa_conn *conn)
{
    struct aa_stmt *stmt = NULL;
    bool has_row = false;
    int64_t version = -1;

    if (sqlite_prepare(conn, "PRAGMA data_version", &stmt, NULL))
        return -1;
    if (!sqlite_step(stmt, &has_row, NULL) && has_row)
        version = sqlite_integer(stmt, 0);
    sqlite_end(stmt);
    return version;
}

struct sqlite3 *aa_sqlite_handle(struct aa_conn *conn)
{
    return inner(conn)->handle;
}

const struct aa_driver aa_sqlite_driver = {
    .engine = "SQLite",
    .open = sqlite_open,
    .close = sqlite_close,
    .is_single = sqlite_is_single,
    .place = sqlite_place,
    .migrations = &aa_sqlite_migrations,
    .check_sql = "SELECT max(version), 1 FROM schema_migrations",
    .connect = sqlite_connect,
    .disconnect = sqlite_disconnect,
    .control = sqlite_control,
    .in_transaction = sqlite_in_transaction,
    .run = sqlite_run,
    .checkpoint = sqlite_checkpoint,
    .hold = sqlite_hold,
    .version = sqlite_version,
    .prepare = sqlite_prepare,
    .bind_text = sqlite_bind_text,
    .bind_blob = sqlite_bind_blob,
    .bind_int = sqlite_bind_int,
    .step = sqlite_step,
    .text = sqlite_bytes,
    .blob = sqlite_bytes,
    .integer = sqlite_integer,
    .is_null = sqlite_is_null,
    .end = sqlite_end,
    .changes = sqlite_changes,
    .check = aa_sqlite_check,
    .check_pages = aa_sqlite_check_pages,
    .count = aa_sqlite_count,
    .copy = aa_sqlite_copy,
    .seize = aa_sqlite_seize,
};

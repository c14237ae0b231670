/* Checking, counting and copying a whole SQLite database. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <sqlite3.h>

#include "base/error.h"
#include "db/draft.h"
#include "db/driver.h"

/* Where SQLite's processes lock a database ("The Pager's locks", os.h: PENDING_BYTE, RESERVED_BYTE, SHARED_FIRST). The
 * place is part of the file format; every open WAL database holds a shared lock in it. */
#define LOCK_START 0x40000000
#define LOCK_LEN 512
#define FOUND_MAX 120 /* of the text that says what is wrong */

/* ---- checking ---- */

/* The first column of the first row, or NULL when there is none. */
static int first_text(sqlite3_stmt *stmt, const char **text)
{
    int rc = sqlite3_step(stmt);

    *text = rc == SQLITE_ROW ? (const char *)sqlite3_column_text(stmt, 0) : NULL;
    return rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/* What SQLite found has several lines. */
static enum aa_err fail_damaged(const char *text, struct aa_error *err)
{
    char line[FOUND_MAX + 1];

    snprintf(line, sizeof line, "%s", text ? text : "");
    for (char *c = line; *c; c++)
        if (*c == '\n')
            *c = ' ';
    return aa_fail(err, AA_ERR_STORE, "the database is damaged: %s", line);
}

/* With a literal that gives "ok", or what is wrong. */
static enum aa_err check_with(sqlite3 *handle, const char *sql, struct aa_error *err)
{
    sqlite3_stmt *stmt = NULL;
    const char *text = NULL;
    enum aa_err result = AA_OK;
    int rc;

    rc = sqlite3_prepare_v2(handle, sql, -1, &stmt, NULL);
    if (!rc)
        rc = first_text(stmt, &text);
    if (rc)
        result = aa_sqlite_fail(handle, rc, "the database cannot be checked", err);
    else if (!text || strcmp(text, "ok") != 0)
        result = fail_damaged(text, err);
    sqlite3_finalize(stmt);
    return result;
}

static enum aa_err check_references(sqlite3 *handle, struct aa_error *err)
{
    sqlite3_stmt *stmt = NULL;
    const char *table = NULL;
    enum aa_err result = AA_OK;
    int rc;

    rc = sqlite3_prepare_v2(handle, "PRAGMA foreign_key_check", -1, &stmt, NULL);
    if (!rc)
        rc = first_text(stmt, &table);
    if (rc)
        result = aa_sqlite_fail(handle, rc, "the database cannot be checked", err);
    else if (table)
        result =
            aa_fail(err, AA_ERR_STORE, "the database is damaged: a row of %.60s refers to one that is gone", table);
    sqlite3_finalize(stmt);
    return result;
}

enum aa_err aa_sqlite_check(struct aa_conn *conn, struct aa_error *err)
{
    enum aa_err rc = check_with(aa_sqlite_handle(conn), "PRAGMA integrity_check(1)", err);

    return rc ? rc : check_references(aa_sqlite_handle(conn), err);
}

/* All but the comparison of tables and indexes. */
enum aa_err aa_sqlite_check_pages(struct aa_conn *conn, struct aa_error *err)
{
    return check_with(aa_sqlite_handle(conn), "PRAGMA quick_check(1)", err);
}

/* ---- counting ---- */

static int count_table(sqlite3 *handle, const char *name, int64_t *rows)
{
    char *sql = sqlite3_mprintf("SELECT count(*) FROM \"%w\"", name); /* quoted; and the names are the schema's own */
    sqlite3_stmt *stmt = NULL;
    int rc;

    if (!sql)
        return SQLITE_NOMEM;
    rc = sqlite3_prepare_v2(handle, sql, -1, &stmt, NULL);
    if (!rc)
        rc = sqlite3_step(stmt);
    if (rc == SQLITE_ROW) {
        *rows += sqlite3_column_int64(stmt, 0);
        rc = SQLITE_OK;
    }
    sqlite3_finalize(stmt);
    sqlite3_free(sql);
    return rc;
}

enum aa_err aa_sqlite_count(struct aa_conn *conn, struct aa_db_facts *facts, struct aa_error *err)
{
    sqlite3 *handle = aa_sqlite_handle(conn);
    sqlite3_stmt *stmt = NULL;
    int64_t tables = 0, rows = 0;
    int rc;

    rc = sqlite3_prepare_v2(
        handle, "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite@_%' ESCAPE '@'", -1,
        &stmt, NULL);
    while (!rc && (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        rc = count_table(handle, (const char *)sqlite3_column_text(stmt, 0), &rows);
        tables++;
    }
    sqlite3_finalize(stmt);
    if (rc != SQLITE_DONE)
        return aa_sqlite_fail(handle, rc, "the database cannot be counted", err);
    facts->tables = tables;
    facts->rows = rows;
    facts->has_counts = true;
    return AA_OK;
}

/* ---- copying ---- */

/* In one step: the connection is in a read transaction, and in WAL mode that makes nobody wait. */
static int copy_pages(sqlite3 *from, sqlite3 *to)
{
    sqlite3_backup *backup = sqlite3_backup_init(to, "main", from, "main");
    int rc;

    if (!backup)
        return sqlite3_errcode(to);
    rc = sqlite3_backup_step(backup, -1);
    if (rc == SQLITE_DONE)
        return sqlite3_backup_finish(backup);
    sqlite3_backup_finish(backup);
    return rc;
}

/* The copy is one plain file: it says that it has no log beside it, so that it can be read where nothing may be
 * written. The server switches it back when it opens it. */
static int leave_wal(sqlite3 *handle)
{
    sqlite3_stmt *stmt = NULL;
    const char *mode = NULL;
    int rc;

    rc = sqlite3_prepare_v2(handle, "PRAGMA journal_mode = DELETE", -1, &stmt, NULL);
    if (!rc)
        rc = first_text(stmt, &mode);
    if (!rc && (!mode || strcmp(mode, "delete") != 0))
        rc = SQLITE_BUSY;
    sqlite3_finalize(stmt);
    return rc;
}

enum aa_err aa_sqlite_copy(struct aa_conn *conn, const char *path, struct aa_error *err)
{
    sqlite3 *to = NULL;
    enum aa_err result = AA_OK;
    int rc;

    rc = sqlite3_open_v2(path, &to, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL);
    if (!rc)
        rc = copy_pages(aa_sqlite_handle(conn), to);
    if (!rc)
        rc = leave_wal(to);
    if (rc)
        result = aa_sqlite_fail(to, rc, "the database cannot be copied", err);
    sqlite3_close(to);
    return result;
}

/* ---- keeping others out ---- */

/* By SQLite's own lock, taken on the file: a damaged database, which SQLite would not open, can be replaced too. */
enum aa_err aa_sqlite_seize(const char *path, int *fd, struct aa_error *err)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = LOCK_START, .l_len = LOCK_LEN};
    int opened = open(path, O_RDWR | O_CLOEXEC);

    if (opened < 0)
        return aa_fail(err, aa_draft_code(errno), "the database %s cannot be opened: %s", path, strerror(errno));
    if (fcntl(opened, F_SETLK, &lock)) {
        close(opened);
        return aa_fail(err, AA_ERR_STORE_BUSY, "the database %s is in use: stop the server first", path);
    }
    *fd = opened;
    return AA_OK;
}

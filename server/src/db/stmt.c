/* Statements: straight to the driver. */
#include "base/error.h"
#include "db/driver.h"

enum aa_err aa_stmt_prepare(struct aa_conn *conn, const char *sql, struct aa_stmt **out, struct aa_error *err)
{
    return conn->driver->prepare(conn, sql, out, err);
}

void aa_stmt_bind_text(struct aa_stmt *stmt, int index, struct aa_view text)
{
    if (!aa_view_is_absent(text) && !aa_view_is_utf8(text))
        stmt->has_bad_text = true;
    stmt->driver->bind_text(stmt, index, text);
}

void aa_stmt_bind_blob(struct aa_stmt *stmt, int index, struct aa_view bytes)
{
    stmt->driver->bind_blob(stmt, index, bytes);
}

void aa_stmt_bind_int(struct aa_stmt *stmt, int index, int64_t number)
{
    stmt->driver->bind_int(stmt, index, number);
}

void aa_stmt_bind_null(struct aa_stmt *stmt, int index)
{
    stmt->driver->bind_text(stmt, index, AA_VIEW_ABSENT);
}

enum aa_err aa_stmt_step(struct aa_stmt *stmt, bool *has_row, struct aa_error *err)
{
    if (stmt->has_bad_text)
        return aa_fail(err, AA_ERR_UTF8, "a text is not UTF-8, or holds NUL");
    return stmt->driver->step(stmt, has_row, err);
}

struct aa_view aa_stmt_text(struct aa_stmt *stmt, int column)
{
    return stmt->driver->text(stmt, column);
}

struct aa_view aa_stmt_blob(struct aa_stmt *stmt, int column)
{
    return stmt->driver->blob(stmt, column);
}

int64_t aa_stmt_int(struct aa_stmt *stmt, int column)
{
    return stmt->driver->integer(stmt, column);
}

bool aa_stmt_is_null(struct aa_stmt *stmt, int column)
{
    return stmt->driver->is_null(stmt, column);
}

void aa_stmt_end(struct aa_stmt *stmt)
{
    if (!stmt)
        return;
    stmt->has_bad_text = false;
    stmt->driver->end(stmt);
}

int aa_conn_lane(const struct aa_conn *conn)
{
    return conn->lane;
}

int64_t aa_conn_changes(struct aa_conn *conn)
{
    return conn->driver->changes(conn);
}

/* Whether a function of ours is there is asked each time: such writes are few, and not every server that speaks
 * PostgreSQL's protocol has it. */
static enum aa_err can_announce(struct aa_conn *conn, bool *can, struct aa_error *err)
{
    struct aa_stmt *stmt = NULL;
    bool has_row = false;
    enum aa_err rc;

    rc = aa_stmt_prepare(conn, conn->driver->can_announce_sql, &stmt, err);
    if (rc)
        return rc;
    rc = aa_stmt_step(stmt, &has_row, err);
    if (!rc)
        *can = has_row && aa_stmt_int(stmt, 0) > 0;
    aa_stmt_end(stmt);
    return rc;
}

enum aa_err aa_conn_announce(struct aa_conn *conn, struct aa_error *err)
{
    struct aa_stmt *stmt = NULL;
    bool can = false, has_row;
    enum aa_err rc;

    if (!conn->driver->announce_sql)
        return AA_OK;
    rc = can_announce(conn, &can, err);
    if (rc || !can)
        return rc;
    rc = aa_stmt_prepare(conn, conn->driver->announce_sql, &stmt, err);
    if (!rc)
        rc = aa_stmt_step(stmt, &has_row, err);
    aa_stmt_end(stmt);
    return rc;
}

enum aa_err aa_conn_try_lock(struct aa_conn *conn, int64_t number, bool *taken, struct aa_error *err)
{
    struct aa_stmt *stmt = NULL;
    bool has_row = false;
    enum aa_err rc;

    if (!conn->driver->lock_sql) {
        *taken = true;
        return AA_OK;
    }
    rc = aa_stmt_prepare(conn, conn->driver->lock_sql, &stmt, err);
    if (rc)
        return rc;
    aa_stmt_bind_int(stmt, 1, number);
    rc = aa_stmt_step(stmt, &has_row, err);
    if (!rc)
        *taken = has_row && aa_stmt_int(stmt, 0) != 0;
    aa_stmt_end(stmt);
    return rc;
}

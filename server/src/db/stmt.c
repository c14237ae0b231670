/* Statements: straight to the driver. */
#include "db/driver.h"

enum aa_err aa_stmt_prepare(struct aa_conn *conn, const char *sql, struct aa_stmt **out, struct aa_error *err)
{
    return conn->driver->prepare(conn, sql, out, err);
}

void aa_stmt_bind_text(struct aa_stmt *stmt, int index, struct aa_view text)
{
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
    if (stmt)
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

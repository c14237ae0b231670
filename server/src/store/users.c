/* People and their logins. */
#include "store/record.h"

#define USER_COLUMNS "user_id, email, name, password_phc, created_ms, disabled_ms"
static const struct aa_column user_columns[] = {
    {AA_COLUMN_TEXT, offsetof(struct aa_user, user_id)},   {AA_COLUMN_TEXT, offsetof(struct aa_user, email)},
    {AA_COLUMN_TEXT, offsetof(struct aa_user, name)},      {AA_COLUMN_TEXT, offsetof(struct aa_user, password_phc)},
    {AA_COLUMN_INT, offsetof(struct aa_user, created_ms)}, {AA_COLUMN_INT, offsetof(struct aa_user, disabled_ms)},
};
static const struct aa_shape user_shape = AA_SHAPE(user_columns, struct aa_user);
const struct aa_store_table aa_users_table = AA_STORE_TABLE("users", USER_COLUMNS, 6, "user_id", 1, "$2", &user_shape);

#define SESSION_COLUMNS "session_digest, user_id, created_ms, authenticated_ms, expires_ms"
static const struct aa_column session_columns[] = {
    {AA_COLUMN_BLOB, offsetof(struct aa_session, session_digest)},
    {AA_COLUMN_TEXT, offsetof(struct aa_session, user_id)},
    {AA_COLUMN_INT, offsetof(struct aa_session, created_ms)},
    {AA_COLUMN_INT, offsetof(struct aa_session, authenticated_ms)},
    {AA_COLUMN_INT, offsetof(struct aa_session, expires_ms)},
};
static const struct aa_shape session_shape = AA_SHAPE(session_columns, struct aa_session);
const struct aa_store_table aa_sessions_table =
    AA_STORE_TABLE("sessions", SESSION_COLUMNS, 5, "session_digest", 1, "$2", &session_shape);

enum aa_err aa_user_create(struct aa_conn *c, const struct aa_user *user, struct aa_error *err)
{
    return aa_store_insert(
        c, "INSERT INTO users (" USER_COLUMNS ") VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING", &user_shape,
        user, err);
}

enum aa_err aa_user_find(struct aa_conn *c, struct aa_view user_id, struct aa_user *out, struct aa_error *err)
{
    return aa_store_find(c, "SELECT " USER_COLUMNS " FROM users WHERE user_id = $1", AA_ARGS(AA_TEXT(user_id)),
                         &user_shape, out, err);
}

enum aa_err aa_user_find_by_email(struct aa_conn *c, struct aa_view email, struct aa_user *out, struct aa_error *err)
{
    return aa_store_find(c, "SELECT " USER_COLUMNS " FROM users WHERE lower(email) = lower($1)",
                         AA_ARGS(AA_TEXT(email)), &user_shape, out, err);
}

/* By the database itself: which letters have another case depends on the engine and its locale. */
enum aa_err aa_email_fold(struct aa_conn *c, struct aa_view email, struct aa_buf *out, struct aa_error *err)
{
    struct aa_stmt *stmt = NULL;
    bool has_row = false;
    enum aa_err rc;

    rc = aa_store_begin(c, "SELECT lower($1)", AA_ARGS(AA_TEXT(email)), &stmt, err);
    if (rc)
        return rc;
    rc = aa_stmt_step(stmt, &has_row, NULL);
    if (rc == AA_ERR_UTF8) {
        aa_buf_add(out, email);
        rc = AA_OK;
    } else if (!rc && has_row) {
        aa_buf_add(out, aa_stmt_text(stmt, 0));
    }
    aa_stmt_end(stmt);
    rc = aa_store_told(rc, "an e-mail address cannot be compared", err);
    return rc ? rc : aa_buf_check(out, "an e-mail address", err);
}

enum aa_err aa_user_hold(struct aa_conn *c, struct aa_view user_id, struct aa_error *err)
{
    /* Of the columns one that no trigger looks at: their grants stay as they are. */
    return aa_store_change(c, "UPDATE users SET password_phc = password_phc WHERE user_id = $1",
                           AA_ARGS(AA_TEXT(user_id)), err);
}

enum aa_err aa_user_set_password(struct aa_conn *c, struct aa_view user_id, struct aa_view phc, struct aa_error *err)
{
    enum aa_err rc;

    rc = aa_store_change(c, "UPDATE users SET password_phc = $2 WHERE user_id = $1",
                         AA_ARGS(AA_TEXT(user_id), AA_TEXT(phc)), err);
    return rc ? rc : aa_session_delete_of_user(c, user_id, err);
}

enum aa_err aa_user_set_disabled(struct aa_conn *c, struct aa_view user_id, int64_t disabled_ms, struct aa_error *err)
{
    return aa_store_change(c, "UPDATE users SET disabled_ms = $2 WHERE user_id = $1",
                           AA_ARGS(AA_TEXT(user_id), AA_INT(disabled_ms)), err);
}

enum aa_err aa_user_list(struct aa_conn *c, aa_row_fn row, void *ctx, struct aa_error *err)
{
    return aa_store_list(c, "SELECT " USER_COLUMNS " FROM users ORDER BY created_ms, user_id", AA_NO_ARGS, &user_shape,
                         row, ctx, err);
}

enum aa_err aa_session_create(struct aa_conn *c, const struct aa_session *session, struct aa_error *err)
{
    return aa_store_insert(
        c, "INSERT INTO sessions (" SESSION_COLUMNS ") VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING",
        &session_shape, session, err);
}

enum aa_err aa_session_find(struct aa_conn *c, struct aa_view session_digest, struct aa_session *out,
                            struct aa_error *err)
{
    return aa_store_find(c, "SELECT " SESSION_COLUMNS " FROM sessions WHERE session_digest = $1",
                         AA_ARGS(AA_BLOB(session_digest)), &session_shape, out, err);
}

enum aa_err aa_session_delete(struct aa_conn *c, struct aa_view session_digest, struct aa_error *err)
{
    return aa_store_run(c, "DELETE FROM sessions WHERE session_digest = $1", AA_ARGS(AA_BLOB(session_digest)), NULL,
                        err);
}

enum aa_err aa_session_delete_of_user(struct aa_conn *c, struct aa_view user_id, struct aa_error *err)
{
    return aa_store_run(c, "DELETE FROM sessions WHERE user_id = $1", AA_ARGS(AA_TEXT(user_id)), NULL, err);
}

enum aa_err aa_session_delete_others(struct aa_conn *c, struct aa_view user_id, struct aa_view session_digest,
                                     int64_t now_ms, int64_t *ended, struct aa_error *err)
{
    enum aa_err rc;

    rc = aa_store_run(c, "DELETE FROM sessions WHERE user_id = $1 AND session_digest <> $2 AND expires_ms > $3",
                      AA_ARGS(AA_TEXT(user_id), AA_BLOB(session_digest), AA_INT(now_ms)), ended, err);
    if (rc)
        return rc;
    return aa_store_run(c, "DELETE FROM sessions WHERE user_id = $1 AND session_digest <> $2",
                        AA_ARGS(AA_TEXT(user_id), AA_BLOB(session_digest)), NULL, err);
}

enum aa_err aa_session_list(struct aa_conn *c, struct aa_view user_id, struct aa_view session_digest, int64_t now_ms,
                            int64_t limit, aa_row_fn row, void *ctx, struct aa_error *err)
{
    return aa_store_list(c,
                         "SELECT " SESSION_COLUMNS " FROM sessions WHERE user_id = $1 AND expires_ms > $3 "
                         "ORDER BY CASE WHEN session_digest = $2 THEN 0 ELSE 1 END, created_ms DESC, session_digest "
                         "LIMIT $4",
                         AA_ARGS(AA_TEXT(user_id), AA_BLOB(session_digest), AA_INT(now_ms), AA_INT(limit)),
                         &session_shape, row, ctx, err);
}

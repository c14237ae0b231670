/* Authorization codes, access tokens, refresh tokens: digests only. */
#include "store/record.h"

#define CODE_COLUMNS                                                                                                   \
    "code_key, grant_id, client_id, redirect_uri, code_challenge, scope, server_id, user_id, redirect_uri_sent, "      \
    "created_ms, expires_ms, redeemed_ms"
static const struct aa_column code_columns[] = {
    {AA_COLUMN_BLOB, offsetof(struct aa_code, code_key)},
    {AA_COLUMN_TEXT, offsetof(struct aa_code, grant_id)},
    {AA_COLUMN_TEXT, offsetof(struct aa_code, client_id)},
    {AA_COLUMN_TEXT, offsetof(struct aa_code, redirect_uri)},
    {AA_COLUMN_TEXT, offsetof(struct aa_code, code_challenge)},
    {AA_COLUMN_TEXT, offsetof(struct aa_code, scope)},
    {AA_COLUMN_TEXT, offsetof(struct aa_code, server_id)},
    {AA_COLUMN_TEXT, offsetof(struct aa_code, user_id)},
    {AA_COLUMN_BOOL, offsetof(struct aa_code, redirect_uri_sent)},
    {AA_COLUMN_INT, offsetof(struct aa_code, created_ms)},
    {AA_COLUMN_INT, offsetof(struct aa_code, expires_ms)},
    {AA_COLUMN_INT, offsetof(struct aa_code, redeemed_ms)},
};
static const struct aa_shape code_shape = AA_SHAPE(code_columns, struct aa_code);
const struct aa_store_table aa_codes_table =
    AA_STORE_TABLE("codes", CODE_COLUMNS, 12, "code_key", 1, "$2", &code_shape);

/* The row refers to its grant by number, and whom and what it is for is the grant's: introspection finds a token and
 * its grant among millions, and what it must look through is a third smaller. */
#define ACCESS_COLUMNS "token_key, jti, grant_id, scope, audience, issued_ms, expires_ms, revoked_ms"
#define ACCESS_INSERT                                                                                                  \
    "INSERT INTO access_tokens (token_key, jti, grant_no, scope, audience, issued_ms, expires_ms, revoked_ms) "        \
    "VALUES ($1, $2, coalesce((SELECT grant_no FROM grants WHERE grant_id = $3), 0), $4, $5, $6, $7, $8)"
#define ACCESS_PAGE                                                                                                    \
    "SELECT t.token_key, t.jti, g.grant_id, t.scope, t.audience, t.issued_ms, t.expires_ms, t.revoked_ms "             \
    "FROM access_tokens t JOIN grants g ON g.grant_no = t.grant_no "                                                   \
    "WHERE t.token_key > $1 ORDER BY t.token_key LIMIT $2"
static const struct aa_column access_columns[] = {
    {AA_COLUMN_BLOB, offsetof(struct aa_access_token, token_key)},
    {AA_COLUMN_TEXT, offsetof(struct aa_access_token, jti)},
    {AA_COLUMN_TEXT, offsetof(struct aa_access_token, grant_id)},
    {AA_COLUMN_TEXT, offsetof(struct aa_access_token, scope)},
    {AA_COLUMN_TEXT, offsetof(struct aa_access_token, audience)},
    {AA_COLUMN_INT, offsetof(struct aa_access_token, issued_ms)},
    {AA_COLUMN_INT, offsetof(struct aa_access_token, expires_ms)},
    {AA_COLUMN_INT, offsetof(struct aa_access_token, revoked_ms)},
};
static const struct aa_shape access_shape = AA_SHAPE(access_columns, struct aa_access_token);
const struct aa_store_table aa_access_tokens_table =
    AA_STORE_TABLE_REFERRING("access_tokens", ACCESS_COLUMNS, "token_key", &access_shape, ACCESS_PAGE, ACCESS_INSERT);

#define REFRESH_COLUMNS                                                                                                \
    "token_key, grant_id, client_id, user_id, server_id, scope, successor_sealed, issued_ms, expires_ms, rotated_ms, " \
    "revoked_ms"
static const struct aa_column refresh_columns[] = {
    {AA_COLUMN_BLOB, offsetof(struct aa_refresh_token, token_key)},
    {AA_COLUMN_TEXT, offsetof(struct aa_refresh_token, grant_id)},
    {AA_COLUMN_TEXT, offsetof(struct aa_refresh_token, client_id)},
    {AA_COLUMN_TEXT, offsetof(struct aa_refresh_token, user_id)},
    {AA_COLUMN_TEXT, offsetof(struct aa_refresh_token, server_id)},
    {AA_COLUMN_TEXT, offsetof(struct aa_refresh_token, scope)},
    {AA_COLUMN_BLOB, offsetof(struct aa_refresh_token, successor_sealed)},
    {AA_COLUMN_INT, offsetof(struct aa_refresh_token, issued_ms)},
    {AA_COLUMN_INT, offsetof(struct aa_refresh_token, expires_ms)},
    {AA_COLUMN_INT, offsetof(struct aa_refresh_token, rotated_ms)},
    {AA_COLUMN_INT, offsetof(struct aa_refresh_token, revoked_ms)},
};
static const struct aa_shape refresh_shape = AA_SHAPE(refresh_columns, struct aa_refresh_token);
const struct aa_store_table aa_refresh_tokens_table =
    AA_STORE_TABLE("refresh_tokens", REFRESH_COLUMNS, 11, "token_key", 1, "$2", &refresh_shape);

#define LIVE_COLUMNS                                                                                                   \
    "t.jti, g.grant_id, g.client_id, g.user_id, g.server_id, t.scope, t.audience, g.user_email, g.user_name, "         \
    "t.issued_ms, t.expires_ms, t.revoked_ms, g.revoked_ms, g.user_disabled_ms"
static const struct aa_column live_columns[] = {
    {AA_COLUMN_TEXT, offsetof(struct aa_live_token, jti)},
    {AA_COLUMN_TEXT, offsetof(struct aa_live_token, grant_id)},
    {AA_COLUMN_TEXT, offsetof(struct aa_live_token, client_id)},
    {AA_COLUMN_TEXT, offsetof(struct aa_live_token, user_id)},
    {AA_COLUMN_TEXT, offsetof(struct aa_live_token, server_id)},
    {AA_COLUMN_TEXT, offsetof(struct aa_live_token, scope)},
    {AA_COLUMN_TEXT, offsetof(struct aa_live_token, audience)},
    {AA_COLUMN_TEXT, offsetof(struct aa_live_token, email)},
    {AA_COLUMN_TEXT, offsetof(struct aa_live_token, name)},
    {AA_COLUMN_INT, offsetof(struct aa_live_token, issued_ms)},
    {AA_COLUMN_INT, offsetof(struct aa_live_token, expires_ms)},
    {AA_COLUMN_INT, offsetof(struct aa_live_token, token_revoked_ms)},
    {AA_COLUMN_INT, offsetof(struct aa_live_token, grant_revoked_ms)},
    {AA_COLUMN_INT, offsetof(struct aa_live_token, user_disabled_ms)},
};
static const struct aa_shape live_shape = AA_SHAPE(live_columns, struct aa_live_token);

enum aa_err aa_code_create(struct aa_conn *c, const struct aa_code *code, struct aa_error *err)
{
    return aa_store_insert(c,
                           "INSERT INTO codes (" CODE_COLUMNS
                           ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) ON CONFLICT DO NOTHING",
                           &code_shape, code, err);
}

enum aa_err aa_code_find(struct aa_conn *c, struct aa_view code_key, struct aa_code *out, struct aa_error *err)
{
    return aa_store_find(c, "SELECT " CODE_COLUMNS " FROM codes WHERE code_key = $1", AA_ARGS(AA_BLOB(code_key)),
                         &code_shape, out, err);
}

enum aa_err aa_code_redeem(struct aa_conn *c, struct aa_view code_key, int64_t now_ms, bool *won, struct aa_code *out,
                           struct aa_error *err)
{
    enum aa_err rc;

    rc = aa_store_find(c,
                       "UPDATE codes SET redeemed_ms = $2 WHERE code_key = $1 AND redeemed_ms = 0 "
                       "RETURNING " CODE_COLUMNS,
                       AA_ARGS(AA_BLOB(code_key), AA_INT(now_ms)), &code_shape, out, NULL);
    if (!rc)
        *won = true;
    if (rc != AA_ERR_NOT_FOUND)
        return aa_store_told(rc, "a code cannot be redeemed", err);
    rc = aa_code_find(c, code_key, out, err);
    if (!rc)
        *won = false;
    return rc;
}

enum aa_err aa_access_token_create(struct aa_conn *c, const struct aa_access_token *token, struct aa_error *err)
{
    return aa_store_insert(c, ACCESS_INSERT " ON CONFLICT DO NOTHING", &access_shape, token, err);
}

enum aa_err aa_access_token_revoke(struct aa_conn *c, struct aa_view token_key, int64_t now_ms, struct aa_error *err)
{
    return aa_store_change(c,
                           "UPDATE access_tokens SET revoked_ms = CASE WHEN revoked_ms = 0 THEN $2 ELSE revoked_ms END "
                           "WHERE token_key = $1",
                           AA_ARGS(AA_BLOB(token_key), AA_INT(now_ms)), err);
}

/* Inner joins throughout: a token whose grant, client or server is gone has nobody to speak for. Of its person the
 * grant has a copy, which the database keeps true: db/migrations_sqlite.c, "persons". */
enum aa_err aa_live_token_find(struct aa_conn *c, struct aa_view token_key, struct aa_live_token *out,
                               struct aa_error *err)
{
    return aa_store_find(c,
                         "SELECT " LIVE_COLUMNS " FROM access_tokens t "
                         "JOIN grants g ON g.grant_no = t.grant_no "
                         "JOIN servers s ON s.server_id = g.server_id "
                         "JOIN clients c ON c.client_id = g.client_id "
                         "WHERE t.token_key = $1",
                         AA_ARGS(AA_BLOB(token_key)), &live_shape, out, err);
}

static const struct aa_column party_columns[] = {
    {AA_COLUMN_INT, offsetof(struct aa_live_token, grant_revoked_ms)},
    {AA_COLUMN_INT, offsetof(struct aa_live_token, user_disabled_ms)},
};
static const struct aa_shape party_shape = AA_SHAPE(party_columns, struct aa_live_token);

enum aa_err aa_live_parties_find(struct aa_conn *c, struct aa_view grant_id, struct aa_view user_id,
                                 struct aa_view client_id, struct aa_view server_id, struct aa_live_token *out,
                                 struct aa_error *err)
{
    struct aa_live_token found;
    enum aa_err rc;

    rc = aa_store_find(c,
                       "SELECT g.revoked_ms, u.disabled_ms FROM grants g "
                       "JOIN users u ON u.user_no = g.user_no "
                       "JOIN clients c ON c.client_id = $3 "
                       "JOIN servers s ON s.server_id = $4 "
                       "WHERE g.grant_id = $1 AND u.user_id = $2",
                       AA_ARGS(AA_TEXT(grant_id), AA_TEXT(user_id), AA_TEXT(client_id), AA_TEXT(server_id)),
                       &party_shape, &found, err);
    if (rc)
        return rc;
    out->grant_revoked_ms = found.grant_revoked_ms;
    out->user_disabled_ms = found.user_disabled_ms;
    aa_record_clear(&found.memory);
    return AA_OK;
}

enum aa_err aa_refresh_token_create(struct aa_conn *c, const struct aa_refresh_token *token, struct aa_error *err)
{
    return aa_store_insert(c,
                           "INSERT INTO refresh_tokens (" REFRESH_COLUMNS
                           ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT DO NOTHING",
                           &refresh_shape, token, err);
}

enum aa_err aa_refresh_token_find(struct aa_conn *c, struct aa_view token_key, struct aa_refresh_token *out,
                                  struct aa_error *err)
{
    return aa_store_find(c, "SELECT " REFRESH_COLUMNS " FROM refresh_tokens WHERE token_key = $1",
                         AA_ARGS(AA_BLOB(token_key)), &refresh_shape, out, err);
}

enum aa_err aa_refresh_token_rotate(struct aa_conn *c, struct aa_view token_key, struct aa_view successor_sealed,
                                    int64_t now_ms, bool *won, struct aa_refresh_token *out, struct aa_error *err)
{
    enum aa_err rc;

    rc = aa_store_find(c,
                       "UPDATE refresh_tokens SET rotated_ms = $3, successor_sealed = $2 "
                       "WHERE token_key = $1 AND rotated_ms = 0 AND revoked_ms = 0 RETURNING " REFRESH_COLUMNS,
                       AA_ARGS(AA_BLOB(token_key), AA_BLOB(successor_sealed), AA_INT(now_ms)), &refresh_shape, out,
                       NULL);
    if (!rc)
        *won = true;
    if (rc != AA_ERR_NOT_FOUND)
        return aa_store_told(rc, "a refresh token cannot be rotated", err);
    rc = aa_refresh_token_find(c, token_key, out, err);
    if (!rc)
        *won = false;
    return rc;
}

enum aa_err aa_refresh_token_revoke(struct aa_conn *c, struct aa_view token_key, int64_t now_ms, struct aa_error *err)
{
    return aa_store_change(
        c,
        "UPDATE refresh_tokens SET revoked_ms = CASE WHEN revoked_ms = 0 THEN $2 ELSE revoked_ms END "
        "WHERE token_key = $1",
        AA_ARGS(AA_BLOB(token_key), AA_INT(now_ms)), err);
}

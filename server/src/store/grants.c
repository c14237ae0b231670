/* Authorization requests, consents, grants. */
#include "store/record.h"

#define REQUEST_COLUMNS                                                                                                \
    "request_digest, browser_digest, client_id, redirect_uri, state, code_challenge, scope, server_id, "               \
    "resource_sent, user_id, redirect_uri_sent, prompt_consent, prompt_login, prompt_none, created_ms, expires_ms, "   \
    "consumed_ms"
static const struct aa_column request_columns[] = {
    {AA_COLUMN_BLOB, offsetof(struct aa_auth_request, request_digest)},
    {AA_COLUMN_BLOB, offsetof(struct aa_auth_request, browser_digest)},
    {AA_COLUMN_TEXT, offsetof(struct aa_auth_request, client_id)},
    {AA_COLUMN_TEXT, offsetof(struct aa_auth_request, redirect_uri)},
    {AA_COLUMN_TEXT, offsetof(struct aa_auth_request, state)},
    {AA_COLUMN_TEXT, offsetof(struct aa_auth_request, code_challenge)},
    {AA_COLUMN_TEXT, offsetof(struct aa_auth_request, scope)},
    {AA_COLUMN_TEXT, offsetof(struct aa_auth_request, server_id)},
    {AA_COLUMN_TEXT, offsetof(struct aa_auth_request, resource_sent)},
    {AA_COLUMN_TEXT, offsetof(struct aa_auth_request, user_id)},
    {AA_COLUMN_BOOL, offsetof(struct aa_auth_request, redirect_uri_sent)},
    {AA_COLUMN_BOOL, offsetof(struct aa_auth_request, prompt_consent)},
    {AA_COLUMN_BOOL, offsetof(struct aa_auth_request, prompt_login)},
    {AA_COLUMN_BOOL, offsetof(struct aa_auth_request, prompt_none)},
    {AA_COLUMN_INT, offsetof(struct aa_auth_request, created_ms)},
    {AA_COLUMN_INT, offsetof(struct aa_auth_request, expires_ms)},
    {AA_COLUMN_INT, offsetof(struct aa_auth_request, consumed_ms)},
};
static const struct aa_shape request_shape = AA_SHAPE(request_columns, struct aa_auth_request);
const struct aa_store_table aa_auth_requests_table =
    AA_STORE_TABLE("auth_requests", REQUEST_COLUMNS, 17, "request_digest", 1, "$2", &request_shape);

#define CONSENT_COLUMNS "user_id, client_id, server_id, scope, redirect_uri, created_ms, revoked_ms"
static const struct aa_column consent_columns[] = {
    {AA_COLUMN_TEXT, offsetof(struct aa_consent, user_id)},
    {AA_COLUMN_TEXT, offsetof(struct aa_consent, client_id)},
    {AA_COLUMN_TEXT, offsetof(struct aa_consent, server_id)},
    {AA_COLUMN_TEXT, offsetof(struct aa_consent, scope)},
    {AA_COLUMN_TEXT, offsetof(struct aa_consent, redirect_uri)},
    {AA_COLUMN_INT, offsetof(struct aa_consent, created_ms)},
    {AA_COLUMN_INT, offsetof(struct aa_consent, revoked_ms)},
};
static const struct aa_shape consent_shape = AA_SHAPE(consent_columns, struct aa_consent);
const struct aa_store_table aa_consents_table = AA_STORE_TABLE(
    "consents", CONSENT_COLUMNS, 7, "user_id, client_id, server_id, redirect_uri", 4, "$5", &consent_shape);

#define GRANT_COLUMNS "grant_id, user_id, client_id, server_id, scope, created_ms, last_used_ms, revoked_ms"
/* By number too, for those who come from a token. */
#define GRANT_INSERT                                                                                                   \
    "INSERT INTO grants (" GRANT_COLUMNS ", user_no) "                                                                 \
    "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, coalesce((SELECT user_no FROM users WHERE user_id = $2), 0))"
static const struct aa_column grant_columns[] = {
    {AA_COLUMN_TEXT, offsetof(struct aa_grant, grant_id)},    {AA_COLUMN_TEXT, offsetof(struct aa_grant, user_id)},
    {AA_COLUMN_TEXT, offsetof(struct aa_grant, client_id)},   {AA_COLUMN_TEXT, offsetof(struct aa_grant, server_id)},
    {AA_COLUMN_TEXT, offsetof(struct aa_grant, scope)},       {AA_COLUMN_INT, offsetof(struct aa_grant, created_ms)},
    {AA_COLUMN_INT, offsetof(struct aa_grant, last_used_ms)}, {AA_COLUMN_INT, offsetof(struct aa_grant, revoked_ms)},
};
static const struct aa_shape grant_shape = AA_SHAPE(grant_columns, struct aa_grant);
const struct aa_store_table aa_grants_table =
    AA_STORE_TABLE_REFERRING("grants", GRANT_COLUMNS, "grant_id", &grant_shape,
                             AA_STORE_PAGE("grants", GRANT_COLUMNS, "grant_id", 1, "$2"), GRANT_INSERT);

static const struct aa_column access_columns[] = {
    {AA_COLUMN_TEXT, offsetof(struct aa_named_access, client_id)},
    {AA_COLUMN_TEXT, offsetof(struct aa_named_access, client_name)},
    {AA_COLUMN_TEXT, offsetof(struct aa_named_access, client_source)},
    {AA_COLUMN_TEXT, offsetof(struct aa_named_access, server_id)},
    {AA_COLUMN_TEXT, offsetof(struct aa_named_access, server_name)},
    {AA_COLUMN_TEXT, offsetof(struct aa_named_access, server_url)},
    {AA_COLUMN_TEXT, offsetof(struct aa_named_access, scope)},
    {AA_COLUMN_INT, offsetof(struct aa_named_access, grants)},
    {AA_COLUMN_INT, offsetof(struct aa_named_access, created_ms)},
    {AA_COLUMN_INT, offsetof(struct aa_named_access, last_used_ms)},
};
static const struct aa_shape access_shape = AA_SHAPE(access_columns, struct aa_named_access);

enum aa_err aa_auth_request_create(struct aa_conn *c, const struct aa_auth_request *request, struct aa_error *err)
{
    return aa_store_insert(c,
                           "INSERT INTO auth_requests (" REQUEST_COLUMNS ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, "
                           "$9, $10, $11, $12, $13, $14, $15, $16, $17) ON CONFLICT DO NOTHING",
                           &request_shape, request, err);
}

enum aa_err aa_auth_request_find(struct aa_conn *c, struct aa_view request_digest, struct aa_auth_request *out,
                                 struct aa_error *err)
{
    return aa_store_find(c, "SELECT " REQUEST_COLUMNS " FROM auth_requests WHERE request_digest = $1",
                         AA_ARGS(AA_BLOB(request_digest)), &request_shape, out, err);
}

enum aa_err aa_auth_request_set_user(struct aa_conn *c, struct aa_view request_digest, struct aa_view user_id,
                                     struct aa_error *err)
{
    return aa_store_change(c, "UPDATE auth_requests SET user_id = $2 WHERE request_digest = $1 AND consumed_ms = 0",
                           AA_ARGS(AA_BLOB(request_digest), AA_TEXT(user_id)), err);
}

enum aa_err aa_auth_request_consume(struct aa_conn *c, struct aa_view request_digest, int64_t now_ms, bool *won,
                                    struct aa_error *err)
{
    int64_t changed = 0;
    enum aa_err rc;

    rc = aa_store_run(c,
                      "UPDATE auth_requests SET consumed_ms = $2 "
                      "WHERE request_digest = $1 AND consumed_ms = 0 AND expires_ms > $2",
                      AA_ARGS(AA_BLOB(request_digest), AA_INT(now_ms)), &changed, err);
    if (!rc)
        *won = changed == 1;
    return rc;
}

enum aa_err aa_consent_put(struct aa_conn *c, const struct aa_consent *consent, struct aa_error *err)
{
    return aa_store_insert(c,
                           "INSERT INTO consents (" CONSENT_COLUMNS ") VALUES ($1, $2, $3, $4, $5, $6, $7) "
                           "ON CONFLICT (user_id, client_id, server_id, redirect_uri) DO UPDATE SET "
                           "scope = excluded.scope, created_ms = excluded.created_ms, revoked_ms = excluded.revoked_ms",
                           &consent_shape, consent, err);
}

enum aa_err aa_consent_put_new(struct aa_conn *c, const struct aa_consent *consent, bool *is_new, struct aa_error *err)
{
    enum aa_err rc;

    rc = aa_store_insert(c,
                         "INSERT INTO consents (" CONSENT_COLUMNS ") VALUES ($1, $2, $3, $4, $5, $6, $7) "
                         "ON CONFLICT (user_id, client_id, server_id, redirect_uri) DO NOTHING",
                         &consent_shape, consent, err);
    if (!rc)
        *is_new = aa_conn_changes(c) == 1;
    return rc;
}

enum aa_err aa_consent_find(struct aa_conn *c, struct aa_view user_id, struct aa_view client_id,
                            struct aa_view server_id, struct aa_view redirect_uri, struct aa_consent *out,
                            struct aa_error *err)
{
    return aa_store_find(
        c,
        "SELECT " CONSENT_COLUMNS " FROM consents "
        "WHERE user_id = $1 AND client_id = $2 AND server_id = $3 AND redirect_uri = $4 AND revoked_ms = 0",
        AA_ARGS(AA_TEXT(user_id), AA_TEXT(client_id), AA_TEXT(server_id), AA_TEXT(redirect_uri)), &consent_shape, out,
        err);
}

enum aa_err aa_consent_revoke(struct aa_conn *c, struct aa_view user_id, struct aa_view client_id,
                              struct aa_view server_id, int64_t now_ms, int64_t *revoked, struct aa_error *err)
{
    return aa_store_run(c,
                        "UPDATE consents SET revoked_ms = $4 "
                        "WHERE user_id = $1 AND client_id = $2 AND server_id = $3 AND revoked_ms = 0",
                        AA_ARGS(AA_TEXT(user_id), AA_TEXT(client_id), AA_TEXT(server_id), AA_INT(now_ms)), revoked,
                        err);
}

enum aa_err aa_grant_create(struct aa_conn *c, const struct aa_grant *grant, struct aa_error *err)
{
    return aa_store_insert(c, GRANT_INSERT " ON CONFLICT DO NOTHING", &grant_shape, grant, err);
}

enum aa_err aa_grant_find(struct aa_conn *c, struct aa_view grant_id, struct aa_grant *out, struct aa_error *err)
{
    return aa_store_find(c, "SELECT " GRANT_COLUMNS " FROM grants WHERE grant_id = $1", AA_ARGS(AA_TEXT(grant_id)),
                         &grant_shape, out, err);
}

/* The first revocation is the one that is remembered. */
enum aa_err aa_grant_revoke(struct aa_conn *c, struct aa_view grant_id, int64_t now_ms, struct aa_error *err)
{
    return aa_store_change(
        c, "UPDATE grants SET revoked_ms = CASE WHEN revoked_ms = 0 THEN $2 ELSE revoked_ms END WHERE grant_id = $1",
        AA_ARGS(AA_TEXT(grant_id), AA_INT(now_ms)), err);
}

enum aa_err aa_grant_revoke_of_user(struct aa_conn *c, struct aa_view user_id, int64_t now_ms, struct aa_error *err)
{
    enum aa_err rc;

    rc = aa_store_run(c, "UPDATE grants SET revoked_ms = $2 WHERE user_id = $1 AND revoked_ms = 0",
                      AA_ARGS(AA_TEXT(user_id), AA_INT(now_ms)), NULL, err);
    if (rc)
        return rc;
    return aa_store_run(c, "UPDATE consents SET revoked_ms = $2 WHERE user_id = $1 AND revoked_ms = 0",
                        AA_ARGS(AA_TEXT(user_id), AA_INT(now_ms)), NULL, err);
}

enum aa_err aa_grant_revoke_at(struct aa_conn *c, struct aa_view user_id, struct aa_view client_id,
                               struct aa_view server_id, int64_t now_ms, aa_row_fn row, void *ctx, struct aa_error *err)
{
    return aa_store_list(
        c,
        "UPDATE grants SET revoked_ms = $4 "
        "WHERE user_id = $1 AND client_id = $2 AND server_id = $3 AND revoked_ms = 0 RETURNING " GRANT_COLUMNS,
        AA_ARGS(AA_TEXT(user_id), AA_TEXT(client_id), AA_TEXT(server_id), AA_INT(now_ms)), &grant_shape, row, ctx, err);
}

enum aa_err aa_grant_mark_used(struct aa_conn *c, struct aa_view grant_id, int64_t now_ms, int64_t before_ms,
                               struct aa_error *err)
{
    return aa_store_run(c, "UPDATE grants SET last_used_ms = $2 WHERE grant_id = $1 AND last_used_ms < $3",
                        AA_ARGS(AA_TEXT(grant_id), AA_INT(now_ms), AA_INT(before_ms)), NULL, err);
}

/* What was never used stands where it was last allowed. Grants of one scope are one row: PostgreSQL's answers are kept
 * whole, and a client that comes back silently makes a grant each time. */
enum aa_err aa_named_access_list(struct aa_conn *c, struct aa_view user_id, aa_row_fn row, void *ctx,
                                 struct aa_error *err)
{
    return aa_store_list(
        c,
        "SELECT a.client_id, c.client_name, c.source, a.server_id, s.server_name, s.server_url, a.scope, a.grants, "
        "a.created_ms, a.last_used_ms FROM ("
        "SELECT client_id, server_id, scope, count(*) AS grants, min(created_ms) AS created_ms, "
        "max(last_used_ms) AS last_used_ms, max(created_ms) AS newest_ms FROM grants "
        "WHERE user_id = $1 AND revoked_ms = 0 GROUP BY client_id, server_id, scope "
        "UNION ALL "
        "SELECT client_id, server_id, scope, 0, min(created_ms), 0, max(created_ms) FROM consents "
        "WHERE user_id = $1 AND revoked_ms = 0 GROUP BY client_id, server_id, scope) a "
        "JOIN clients c ON c.client_id = a.client_id JOIN servers s ON s.server_id = a.server_id "
        "ORDER BY CASE WHEN a.last_used_ms > a.newest_ms THEN a.last_used_ms ELSE a.newest_ms END DESC, "
        "a.client_id, a.server_id, a.grants DESC",
        AA_ARGS(AA_TEXT(user_id)), &access_shape, row, ctx, err);
}

enum aa_err aa_grant_list(struct aa_conn *c, struct aa_view user_id, aa_row_fn row, void *ctx, struct aa_error *err)
{
    return aa_store_list(c,
                         "SELECT " GRANT_COLUMNS " FROM grants WHERE user_id = $1 ORDER BY created_ms DESC, grant_id",
                         AA_ARGS(AA_TEXT(user_id)), &grant_shape, row, ctx, err);
}

enum aa_err aa_grant_count_untrue(struct aa_conn *c, int64_t *out, struct aa_error *err)
{
    return aa_store_number(c,
                           "SELECT count(*) FROM grants g LEFT JOIN users u ON u.user_no = g.user_no "
                           "AND u.user_id = g.user_id WHERE g.user_disabled_ms <> coalesce(u.disabled_ms, 1) "
                           "OR (u.user_no IS NOT NULL AND (coalesce(g.user_email, '') <> u.email "
                           "OR coalesce(g.user_name, '') <> coalesce(u.name, '')))",
                           AA_NO_ARGS, out, err);
}

/* Registered MCP servers and their keys. */
#include "store/record.h"

#define SERVER_COLUMNS                                                                                                 \
    "server_id, server_url, resource_normal, server_name, scopes, default_scopes, user_id, created_ms, updated_ms"
static const struct aa_column server_columns[] = {
    {AA_COLUMN_TEXT, offsetof(struct aa_server, server_id)},
    {AA_COLUMN_TEXT, offsetof(struct aa_server, server_url)},
    {AA_COLUMN_TEXT, offsetof(struct aa_server, resource_normal)},
    {AA_COLUMN_TEXT, offsetof(struct aa_server, server_name)},
    {AA_COLUMN_TEXT, offsetof(struct aa_server, scopes)},
    {AA_COLUMN_TEXT, offsetof(struct aa_server, default_scopes)},
    {AA_COLUMN_TEXT, offsetof(struct aa_server, user_id)},
    {AA_COLUMN_INT, offsetof(struct aa_server, created_ms)},
    {AA_COLUMN_INT, offsetof(struct aa_server, updated_ms)},
};
static const struct aa_shape server_shape = AA_SHAPE(server_columns, struct aa_server);
const struct aa_store_table aa_servers_table =
    AA_STORE_TABLE("servers", SERVER_COLUMNS, 9, "server_id", 1, "$2", &server_shape);

#define KEY_COLUMNS "key_id, server_id, name, secret_phc, created_ms, revoked_ms, last_used_ms"
static const struct aa_column key_columns[] = {
    {AA_COLUMN_TEXT, offsetof(struct aa_server_key, key_id)},
    {AA_COLUMN_TEXT, offsetof(struct aa_server_key, server_id)},
    {AA_COLUMN_TEXT, offsetof(struct aa_server_key, name)},
    {AA_COLUMN_TEXT, offsetof(struct aa_server_key, secret_phc)},
    {AA_COLUMN_INT, offsetof(struct aa_server_key, created_ms)},
    {AA_COLUMN_INT, offsetof(struct aa_server_key, revoked_ms)},
    {AA_COLUMN_INT, offsetof(struct aa_server_key, last_used_ms)},
};
static const struct aa_shape key_shape = AA_SHAPE(key_columns, struct aa_server_key);
const struct aa_store_table aa_server_keys_table =
    AA_STORE_TABLE("server_keys", KEY_COLUMNS, 7, "key_id", 1, "$2", &key_shape);

enum aa_err aa_server_create(struct aa_conn *c, const struct aa_server *server, struct aa_error *err)
{
    return aa_store_insert(c,
                           "INSERT INTO servers (" SERVER_COLUMNS
                           ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING",
                           &server_shape, server, err);
}

enum aa_err aa_server_find(struct aa_conn *c, struct aa_view server_id, struct aa_server *out, struct aa_error *err)
{
    return aa_store_find(c, "SELECT " SERVER_COLUMNS " FROM servers WHERE server_id = $1", AA_ARGS(AA_TEXT(server_id)),
                         &server_shape, out, err);
}

enum aa_err aa_server_find_by_resource(struct aa_conn *c, struct aa_view resource_normal, struct aa_server *out,
                                       struct aa_error *err)
{
    return aa_store_find(c, "SELECT " SERVER_COLUMNS " FROM servers WHERE resource_normal = $1",
                         AA_ARGS(AA_TEXT(resource_normal)), &server_shape, out, err);
}

enum aa_err aa_server_find_only(struct aa_conn *c, struct aa_server *out, struct aa_error *err)
{
    return aa_store_find(c, "SELECT " SERVER_COLUMNS " FROM servers WHERE (SELECT count(*) FROM servers) = 1",
                         AA_NO_ARGS, &server_shape, out, err);
}

enum aa_err aa_server_update(struct aa_conn *c, const struct aa_server *server, struct aa_error *err)
{
    return aa_store_change(c,
                           "UPDATE servers SET server_name = $2, scopes = $3, default_scopes = $4, updated_ms = $5 "
                           "WHERE server_id = $1",
                           AA_ARGS(AA_TEXT(server->server_id), AA_TEXT(server->server_name), AA_TEXT(server->scopes),
                                   AA_TEXT(server->default_scopes), AA_INT(server->updated_ms)),
                           err);
}

/* Its keys go with it (ON DELETE CASCADE). */
enum aa_err aa_server_delete(struct aa_conn *c, struct aa_view server_id, int64_t now_ms, struct aa_error *err)
{
    enum aa_err rc;

    rc = aa_store_change(c, "DELETE FROM servers WHERE server_id = $1", AA_ARGS(AA_TEXT(server_id)), err);
    if (rc)
        return rc;
    rc = aa_store_run(c, "UPDATE grants SET revoked_ms = $2 WHERE server_id = $1 AND revoked_ms = 0",
                      AA_ARGS(AA_TEXT(server_id), AA_INT(now_ms)), NULL, err);
    if (rc)
        return rc;
    rc = aa_store_run(c, "DELETE FROM consents WHERE server_id = $1", AA_ARGS(AA_TEXT(server_id)), NULL, err);
    return rc ? rc : aa_conn_announce(c, err);
}

enum aa_err aa_server_list(struct aa_conn *c, aa_row_fn row, void *ctx, struct aa_error *err)
{
    return aa_store_list(c, "SELECT " SERVER_COLUMNS " FROM servers ORDER BY created_ms, server_id", AA_NO_ARGS,
                         &server_shape, row, ctx, err);
}

enum aa_err aa_server_key_create(struct aa_conn *c, const struct aa_server_key *key, struct aa_error *err)
{
    enum aa_err rc;

    rc = aa_store_insert(
        c, "INSERT INTO server_keys (" KEY_COLUMNS ") VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING",
        &key_shape, key, err);
    return rc ? rc : aa_conn_announce(c, err);
}

enum aa_err aa_server_key_find(struct aa_conn *c, struct aa_view key_id, struct aa_server_key *out,
                               struct aa_error *err)
{
    return aa_store_find(c, "SELECT " KEY_COLUMNS " FROM server_keys WHERE key_id = $1", AA_ARGS(AA_TEXT(key_id)),
                         &key_shape, out, err);
}

enum aa_err aa_server_key_revoke(struct aa_conn *c, struct aa_view server_id, struct aa_view key_id, int64_t now_ms,
                                 struct aa_error *err)
{
    enum aa_err rc;

    rc = aa_store_change(c,
                         "UPDATE server_keys SET revoked_ms = CASE WHEN revoked_ms = 0 THEN $3 ELSE revoked_ms END "
                         "WHERE key_id = $2 AND server_id = $1",
                         AA_ARGS(AA_TEXT(server_id), AA_TEXT(key_id), AA_INT(now_ms)), err);
    return rc ? rc : aa_conn_announce(c, err);
}

enum aa_err aa_server_key_mark_used(struct aa_conn *c, struct aa_view key_id, int64_t now_ms, struct aa_error *err)
{
    return aa_store_run(c, "UPDATE server_keys SET last_used_ms = $2 WHERE key_id = $1 AND last_used_ms < $2",
                        AA_ARGS(AA_TEXT(key_id), AA_INT(now_ms)), NULL, err);
}

enum aa_err aa_server_key_has_imported(struct aa_conn *c, bool *any, struct aa_error *err)
{
    int64_t count = 0;
    enum aa_err rc;

    rc = aa_store_number(c,
                         "SELECT count(*) FROM (SELECT key_id FROM server_keys "
                         "WHERE secret_phc LIKE '$imported-%' AND revoked_ms = 0 LIMIT 1) AS found",
                         AA_NO_ARGS, &count, err);
    if (!rc)
        *any = count > 0;
    return rc;
}

enum aa_err aa_server_key_list(struct aa_conn *c, struct aa_view server_id, aa_row_fn row, void *ctx,
                               struct aa_error *err)
{
    return aa_store_list(c, "SELECT " KEY_COLUMNS " FROM server_keys WHERE server_id = $1 ORDER BY created_ms, key_id",
                         AA_ARGS(AA_TEXT(server_id)), &key_shape, row, ctx, err);
}

/* Registered clients. */
#include "store/record.h"

#define CLIENT_COLUMNS                                                                                                 \
    "client_id, client_name, redirect_uris, grant_types, scope, application_type, client_uri, source, fingerprint, "   \
    "created_ms, last_used_ms, expires_ms, fetched_ms, fresh_until_ms, auth_methods, jwks, jwks_uri, "                 \
    "jwks_fetched_ms, jwks_asked_ms"
#define CLIENT_INSERT "INSERT INTO clients (" CLIENT_COLUMNS ") VALUES (" AA_PLACES_19 ")"
static const struct aa_column client_columns[] = {
    {AA_COLUMN_TEXT, offsetof(struct aa_client, client_id)},
    {AA_COLUMN_TEXT, offsetof(struct aa_client, client_name)},
    {AA_COLUMN_TEXT, offsetof(struct aa_client, redirect_uris)},
    {AA_COLUMN_TEXT, offsetof(struct aa_client, grant_types)},
    {AA_COLUMN_TEXT, offsetof(struct aa_client, scope)},
    {AA_COLUMN_TEXT, offsetof(struct aa_client, application_type)},
    {AA_COLUMN_TEXT, offsetof(struct aa_client, client_uri)},
    {AA_COLUMN_TEXT, offsetof(struct aa_client, source)},
    {AA_COLUMN_BLOB, offsetof(struct aa_client, fingerprint)},
    {AA_COLUMN_INT, offsetof(struct aa_client, created_ms)},
    {AA_COLUMN_INT, offsetof(struct aa_client, last_used_ms)},
    {AA_COLUMN_INT, offsetof(struct aa_client, expires_ms)},
    {AA_COLUMN_INT, offsetof(struct aa_client, fetched_ms)},
    {AA_COLUMN_INT, offsetof(struct aa_client, fresh_until_ms)},
    {AA_COLUMN_TEXT, offsetof(struct aa_client, auth_methods)},
    {AA_COLUMN_TEXT, offsetof(struct aa_client, jwks)},
    {AA_COLUMN_TEXT, offsetof(struct aa_client, jwks_uri)},
    {AA_COLUMN_INT, offsetof(struct aa_client, jwks_fetched_ms)},
    {AA_COLUMN_INT, offsetof(struct aa_client, jwks_asked_ms)},
};
static const struct aa_shape client_shape = AA_SHAPE(client_columns, struct aa_client);
const struct aa_store_table aa_clients_table =
    AA_STORE_TABLE("clients", CLIENT_COLUMNS, 19, "client_id", 1, "$2", &client_shape);

enum aa_err aa_client_create(struct aa_conn *c, const struct aa_client *client, struct aa_error *err)
{
    return aa_store_insert(c, CLIENT_INSERT " ON CONFLICT DO NOTHING", &client_shape, client, err);
}

enum aa_err aa_client_hold(struct aa_conn *c, struct aa_view client_id, struct aa_error *err)
{
    return aa_store_change(c, "UPDATE clients SET source = source WHERE client_id = $1", AA_ARGS(AA_TEXT(client_id)),
                           err);
}

/* Milliseconds: what is further ahead than any two servers' clocks came from one that was wrong, and counts as past. */
#define CLOCKS "3600000"
_Static_assert(AA_CLIENT_CLOCKS_MS == 3600000, "the same in SQL");

/* The row's keys were had after the document's, which another request brought meanwhile. */
#define LATER_KEYS                                                                                                     \
    "clients.jwks_uri = excluded.jwks_uri AND clients.jwks_fetched_ms > excluded.jwks_fetched_ms "                     \
    "AND clients.jwks_fetched_ms <= excluded.fetched_ms + " CLOCKS

enum aa_err aa_client_put_document(struct aa_conn *c, const struct aa_client *client, struct aa_error *err)
{
    return aa_store_insert(c,
                           CLIENT_INSERT
                           " ON CONFLICT (client_id) DO UPDATE SET client_name = excluded.client_name, "
                           "redirect_uris = excluded.redirect_uris, grant_types = excluded.grant_types, "
                           "scope = excluded.scope, application_type = excluded.application_type, "
                           "client_uri = excluded.client_uri, fetched_ms = excluded.fetched_ms, "
                           "fresh_until_ms = excluded.fresh_until_ms, auth_methods = excluded.auth_methods, "
                           "jwks = CASE WHEN " LATER_KEYS " THEN clients.jwks ELSE excluded.jwks END, "
                           "jwks_fetched_ms = CASE WHEN " LATER_KEYS " THEN clients.jwks_fetched_ms "
                           "ELSE excluded.jwks_fetched_ms END, jwks_uri = excluded.jwks_uri, "
                           "jwks_asked_ms = CASE WHEN clients.jwks_asked_ms > excluded.jwks_asked_ms "
                           "THEN clients.jwks_asked_ms ELSE excluded.jwks_asked_ms END, "
                           "expires_ms = CASE WHEN clients.expires_ms = 0 THEN 0 ELSE excluded.expires_ms END "
                           "WHERE clients.source = 'cimd' AND (clients.fetched_ms <= excluded.fetched_ms "
                           "OR clients.fetched_ms > excluded.fetched_ms + " CLOCKS ")",
                           &client_shape, client, err);
}

enum aa_err aa_client_keep_document(struct aa_conn *c, struct aa_view client_id, int64_t fetched_ms,
                                    int64_t fresh_until_ms, struct aa_error *err)
{
    return aa_store_run(c,
                        "UPDATE clients SET fresh_until_ms = $3 WHERE client_id = $1 AND source = 'cimd' "
                        "AND fetched_ms = $2 AND fresh_until_ms >= 0",
                        AA_ARGS(AA_TEXT(client_id), AA_INT(fetched_ms), AA_INT(fresh_until_ms)), NULL, err);
}

enum aa_err aa_client_withdraw_document(struct aa_conn *c, struct aa_view client_id, int64_t fetched_ms,
                                        struct aa_error *err)
{
    return aa_store_run(c,
                        "UPDATE clients SET fetched_ms = $2, fresh_until_ms = -1 WHERE client_id = $1 "
                        "AND source = 'cimd' AND (fetched_ms <= $2 OR fetched_ms - " CLOCKS " > $2)",
                        AA_ARGS(AA_TEXT(client_id), AA_INT(fetched_ms)), NULL, err);
}

enum aa_err aa_client_claim_keys(struct aa_conn *c, struct aa_view client_id, int64_t now_ms, int64_t asked_before_ms,
                                 struct aa_error *err)
{
    return aa_store_change(
        c,
        "UPDATE clients SET jwks_asked_ms = $2 "
        "WHERE client_id = $1 AND source = 'cimd' AND (jwks_asked_ms <= $3 OR jwks_asked_ms - " CLOCKS " > $2)",
        AA_ARGS(AA_TEXT(client_id), AA_INT(now_ms), AA_INT(asked_before_ms)), err);
}

enum aa_err aa_client_settle_keys(struct aa_conn *c, struct aa_view client_id, int64_t claimed_ms, int64_t asked_ms,
                                  struct aa_error *err)
{
    return aa_store_run(c,
                        "UPDATE clients SET jwks_asked_ms = $3 "
                        "WHERE client_id = $1 AND jwks_asked_ms = $2 AND jwks_fetched_ms <> $2",
                        AA_ARGS(AA_TEXT(client_id), AA_INT(claimed_ms), AA_INT(asked_ms)), NULL, err);
}

enum aa_err aa_client_put_keys(struct aa_conn *c, struct aa_view client_id, struct aa_view jwks_uri,
                               struct aa_view jwks, int64_t fetched_ms, struct aa_error *err)
{
    return aa_store_change(c,
                           "UPDATE clients SET jwks = $3, jwks_fetched_ms = $4 "
                           "WHERE client_id = $1 AND source = 'cimd' AND jwks_uri = $2 "
                           "AND (jwks_fetched_ms <= $4 OR jwks_fetched_ms - " CLOCKS " > $4)",
                           AA_ARGS(AA_TEXT(client_id), AA_TEXT(jwks_uri), AA_TEXT(jwks), AA_INT(fetched_ms)), err);
}

enum aa_err aa_client_find(struct aa_conn *c, struct aa_view client_id, struct aa_client *out, struct aa_error *err)
{
    return aa_store_find(c, "SELECT " CLIENT_COLUMNS " FROM clients WHERE client_id = $1", AA_ARGS(AA_TEXT(client_id)),
                         &client_shape, out, err);
}

enum aa_err aa_client_find_by_fingerprint(struct aa_conn *c, struct aa_view fingerprint, struct aa_client *out,
                                          struct aa_error *err)
{
    return aa_store_find(c, "SELECT " CLIENT_COLUMNS " FROM clients WHERE fingerprint = $1",
                         AA_ARGS(AA_BLOB(fingerprint)), &client_shape, out, err);
}

enum aa_err aa_client_mark_used(struct aa_conn *c, struct aa_view client_id, int64_t now_ms, struct aa_error *err)
{
    return aa_store_change(c, "UPDATE clients SET last_used_ms = $2, expires_ms = 0 WHERE client_id = $1",
                           AA_ARGS(AA_TEXT(client_id), AA_INT(now_ms)), err);
}

enum aa_err aa_client_extend(struct aa_conn *c, struct aa_view client_id, int64_t expires_ms, struct aa_error *err)
{
    return aa_store_run(c,
                        "UPDATE clients SET expires_ms = $2 "
                        "WHERE client_id = $1 AND expires_ms > 0 AND expires_ms < $2",
                        AA_ARGS(AA_TEXT(client_id), AA_INT(expires_ms)), NULL, err);
}

/* The client first: an authorization that is being given holds its row (aa_client_mark_used), and once that is stored
 * its grant is seen here. */
enum aa_err aa_client_delete(struct aa_conn *c, struct aa_view client_id, int64_t now_ms, struct aa_error *err)
{
    enum aa_err rc;

    rc = aa_store_change(c, "DELETE FROM clients WHERE client_id = $1", AA_ARGS(AA_TEXT(client_id)), err);
    if (rc)
        return rc;
    rc = aa_store_run(c, "UPDATE grants SET revoked_ms = $2 WHERE client_id = $1 AND revoked_ms = 0",
                      AA_ARGS(AA_TEXT(client_id), AA_INT(now_ms)), NULL, err);
    if (rc)
        return rc;
    return aa_store_run(c, "DELETE FROM consents WHERE client_id = $1", AA_ARGS(AA_TEXT(client_id)), NULL, err);
}

enum aa_err aa_client_list(struct aa_conn *c, aa_row_fn row, void *ctx, struct aa_error *err)
{
    return aa_store_list(c, "SELECT " CLIENT_COLUMNS " FROM clients ORDER BY created_ms, client_id", AA_NO_ARGS,
                         &client_shape, row, ctx, err);
}

enum aa_err aa_client_count(struct aa_conn *c, int64_t *out, struct aa_error *err)
{
    return aa_store_number(c, "SELECT count(*) FROM clients", AA_NO_ARGS, out, err);
}

/* Who comes at the same moment may take the same one: so many too many there may be. */
enum aa_err aa_client_evict(struct aa_conn *c, bool *made_room, struct aa_error *err)
{
    int64_t unused = 0;
    enum aa_err rc;

    rc = aa_store_number(c, "SELECT count(*) FROM (SELECT 1 FROM clients WHERE expires_ms > 0 LIMIT 1) AS unused",
                         AA_NO_ARGS, &unused, err);
    if (!rc && unused > 0)
        rc = aa_store_run(
            c,
            "DELETE FROM clients WHERE client_id IN "
            "(SELECT client_id FROM clients WHERE expires_ms > 0 ORDER BY expires_ms LIMIT 1) AND expires_ms > 0",
            AA_NO_ARGS, NULL, err);
    if (!rc)
        *made_room = unused > 0;
    return rc;
}

/* ---- assertions that clients have shown ---- */

#define ASSERTION_COLUMNS "assertion_digest, expires_ms"
static const struct aa_column assertion_columns[] = {
    {AA_COLUMN_BLOB, offsetof(struct aa_used_assertion, assertion_digest)},
    {AA_COLUMN_INT, offsetof(struct aa_used_assertion, expires_ms)},
};
static const struct aa_shape assertion_shape = AA_SHAPE(assertion_columns, struct aa_used_assertion);
const struct aa_store_table aa_client_assertions_table =
    AA_STORE_TABLE("client_assertions", ASSERTION_COLUMNS, 2, "assertion_digest", 1, "$2", &assertion_shape);

enum aa_err aa_client_assertion_use(struct aa_conn *c, const struct aa_used_assertion *assertion, struct aa_error *err)
{
    return aa_store_insert(
        c, "INSERT INTO client_assertions (" ASSERTION_COLUMNS ") VALUES (" AA_PLACES_2 ") ON CONFLICT DO NOTHING",
        &assertion_shape, assertion, err);
}

/* Signing keys, small settings, lock-outs. */
#include "base/error.h"
#include "store/record.h"

#define KEY_COLUMNS "kid, alg, private_sealed, created_ms, not_before_ms, retired_ms"
static const struct aa_column key_columns[] = {
    {AA_COLUMN_TEXT, offsetof(struct aa_signing_key, kid)},
    {AA_COLUMN_TEXT, offsetof(struct aa_signing_key, alg)},
    {AA_COLUMN_BLOB, offsetof(struct aa_signing_key, private_sealed)},
    {AA_COLUMN_INT, offsetof(struct aa_signing_key, created_ms)},
    {AA_COLUMN_INT, offsetof(struct aa_signing_key, not_before_ms)},
    {AA_COLUMN_INT, offsetof(struct aa_signing_key, retired_ms)},
};
static const struct aa_shape key_shape = AA_SHAPE(key_columns, struct aa_signing_key);
const struct aa_store_table aa_signing_keys_table =
    AA_STORE_TABLE("signing_keys", KEY_COLUMNS, 6, "kid", 1, "$2", &key_shape);

enum aa_err aa_signing_key_create(struct aa_conn *c, const struct aa_signing_key *key, struct aa_error *err)
{
    enum aa_err rc;

    rc = aa_store_insert(
        c, "INSERT INTO signing_keys (" KEY_COLUMNS ") VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING",
        &key_shape, key, err);
    return rc ? rc : aa_conn_announce(c, err);
}

enum aa_err aa_signing_key_retire(struct aa_conn *c, int64_t retired_ms, struct aa_error *err)
{
    enum aa_err rc;

    rc = aa_store_run(c, "UPDATE signing_keys SET retired_ms = $1 WHERE retired_ms = 0 OR retired_ms > $1",
                      AA_ARGS(AA_INT(retired_ms)), NULL, err);
    return rc ? rc : aa_conn_announce(c, err);
}

enum aa_err aa_signing_key_delete(struct aa_conn *c, struct aa_view kid, int64_t now_ms, struct aa_error *err)
{
    enum aa_err rc;

    rc = aa_store_change(c, "DELETE FROM signing_keys WHERE kid = $1 AND retired_ms > 0 AND retired_ms <= $2",
                         AA_ARGS(AA_TEXT(kid), AA_INT(now_ms)), err);
    return rc ? rc : aa_conn_announce(c, err);
}

enum aa_err aa_signing_key_list(struct aa_conn *c, aa_row_fn row, void *ctx, struct aa_error *err)
{
    return aa_store_list(c, "SELECT " KEY_COLUMNS " FROM signing_keys ORDER BY not_before_ms DESC, kid", AA_NO_ARGS,
                         &key_shape, row, ctx, err);
}

struct setting {
    char *memory;
    struct aa_view value;
};

static const struct aa_column setting_columns[] = {{AA_COLUMN_BLOB, offsetof(struct setting, value)}};
static const struct aa_shape setting_shape = AA_SHAPE(setting_columns, struct setting);

/* As a table of its own, for those that treat all tables alike. */
static const struct aa_column setting_row_columns[] = {{AA_COLUMN_TEXT, 0}, {AA_COLUMN_BLOB, 0}};
static const struct aa_shape setting_row_shape = {setting_row_columns, 2, 0};
const struct aa_store_table aa_settings_table =
    AA_STORE_TABLE("settings", "name, value", 2, "name", 1, "$2", &setting_row_shape);

static const struct aa_column lockout_columns[] = {
    {AA_COLUMN_BLOB, 0}, {AA_COLUMN_INT, 0}, {AA_COLUMN_INT, 0}, {AA_COLUMN_INT, 0}};
static const struct aa_shape lockout_shape = {lockout_columns, 4, 0};
const struct aa_store_table aa_lockouts_table =
    AA_STORE_TABLE("lockouts", "key, failures, until_ms, expires_ms", 4, "key", 1, "$2", &lockout_shape);

enum aa_err aa_setting_get(struct aa_conn *c, struct aa_view name, char **memory, struct aa_view *value,
                           struct aa_error *err)
{
    struct setting setting;
    enum aa_err rc;

    rc = aa_store_find(c, "SELECT value FROM settings WHERE name = $1", AA_ARGS(AA_TEXT(name)), &setting_shape,
                       &setting, err);
    if (rc)
        return rc;
    *memory = setting.memory;
    *value = setting.value;
    return AA_OK;
}

enum aa_err aa_setting_put(struct aa_conn *c, struct aa_view name, struct aa_view value, struct aa_error *err)
{
    return aa_store_run(c,
                        "INSERT INTO settings (name, value) VALUES ($1, $2) "
                        "ON CONFLICT (name) DO UPDATE SET value = excluded.value",
                        AA_ARGS(AA_TEXT(name), AA_BLOB(value)), NULL, err);
}

enum aa_err aa_setting_put_new(struct aa_conn *c, struct aa_view name, struct aa_view value, struct aa_error *err)
{
    int64_t changed = 0;
    enum aa_err rc;

    rc = aa_store_run(c, "INSERT INTO settings (name, value) VALUES ($1, $2) ON CONFLICT DO NOTHING",
                      AA_ARGS(AA_TEXT(name), AA_BLOB(value)), &changed, err);
    if (!rc && changed == 0)
        rc = aa_fail(err, AA_ERR_CONFLICT, "there is such a setting already");
    return rc;
}

enum aa_err aa_setting_hold(struct aa_conn *c, struct aa_view name, struct aa_error *err)
{
    return aa_store_run(c,
                        "INSERT INTO settings (name, value) VALUES ($1, $2) "
                        "ON CONFLICT (name) DO UPDATE SET value = settings.value",
                        AA_ARGS(AA_TEXT(name), AA_BLOB(AA_VIEW(""))), NULL, err);
}

enum aa_err aa_lockout_find(struct aa_conn *c, struct aa_view key, int64_t *failures, int64_t *until_ms,
                            struct aa_error *err)
{
    struct aa_stmt *stmt = NULL;
    bool has_row = false;
    enum aa_err rc;

    rc = aa_store_begin(c, "SELECT failures, until_ms FROM lockouts WHERE key = $1", AA_ARGS(AA_BLOB(key)), &stmt, err);
    if (rc)
        return rc;
    rc = aa_stmt_step(stmt, &has_row, err);
    if (!rc) {
        *failures = has_row ? aa_stmt_int(stmt, 0) : 0;
        *until_ms = has_row ? aa_stmt_int(stmt, 1) : 0;
    }
    aa_stmt_end(stmt);
    return rc;
}

enum aa_err aa_lockout_put(struct aa_conn *c, struct aa_view key, int64_t failures, int64_t until_ms,
                           int64_t expires_ms, struct aa_error *err)
{
    return aa_store_run(c,
                        "INSERT INTO lockouts (key, failures, until_ms, expires_ms) VALUES ($1, $2, $3, $4) "
                        "ON CONFLICT (key) DO UPDATE SET failures = excluded.failures, "
                        "until_ms = excluded.until_ms, expires_ms = excluded.expires_ms",
                        AA_ARGS(AA_BLOB(key), AA_INT(failures), AA_INT(until_ms), AA_INT(expires_ms)), NULL, err);
}

enum aa_err aa_lockout_hold(struct aa_conn *c, struct aa_view key, int64_t expires_ms, struct aa_error *err)
{
    return aa_store_run(c,
                        "INSERT INTO lockouts (key, failures, until_ms, expires_ms) VALUES ($1, 0, 0, $2) "
                        "ON CONFLICT (key) DO UPDATE SET expires_ms = lockouts.expires_ms",
                        AA_ARGS(AA_BLOB(key), AA_INT(expires_ms)), NULL, err);
}

enum aa_err aa_lockout_clear(struct aa_conn *c, struct aa_view key, struct aa_error *err)
{
    return aa_store_run(c, "DELETE FROM lockouts WHERE key = $1", AA_ARGS(AA_BLOB(key)), NULL, err);
}

enum aa_err aa_lockout_clear_range(struct aa_conn *c, struct aa_view first, struct aa_view last, struct aa_error *err)
{
    return aa_store_run(c, "DELETE FROM lockouts WHERE key >= $1 AND key <= $2", AA_ARGS(AA_BLOB(first), AA_BLOB(last)),
                        NULL, err);
}

enum aa_err aa_lockout_add(struct aa_conn *c, struct aa_view key, int64_t now_ms, int64_t expires_ms, int64_t *failures,
                           struct aa_error *err)
{
    return aa_store_number(c,
                           "INSERT INTO lockouts (key, failures, until_ms, expires_ms) VALUES ($1, 1, 0, $3) "
                           "ON CONFLICT (key) DO UPDATE SET "
                           "failures = CASE WHEN lockouts.expires_ms <= $2 THEN 1 ELSE lockouts.failures + 1 END, "
                           "until_ms = CASE WHEN lockouts.expires_ms <= $2 THEN 0 ELSE lockouts.until_ms END, "
                           "expires_ms = excluded.expires_ms RETURNING failures",
                           AA_ARGS(AA_BLOB(key), AA_INT(now_ms), AA_INT(expires_ms)), failures, err);
}

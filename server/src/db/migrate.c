#include "db/migrate.h"

#include "base/error.h"
#include "db/engine.h"

#define BEGIN_TRIES 120 /* of 5 s on SQLite */

static enum aa_err probe(struct aa_conn *conn, int64_t *tables, int64_t *ours, struct aa_error *err)
{
    struct aa_stmt *stmt = NULL;
    bool has_row = false;
    enum aa_err rc;

    rc = aa_stmt_prepare(conn, conn->driver->migrations->probe_sql, &stmt, err);
    if (rc)
        return rc;
    rc = aa_stmt_step(stmt, &has_row, err);
    if (!rc && has_row) {
        *tables = aa_stmt_int(stmt, 0);
        *ours = aa_stmt_int(stmt, 1);
    }
    aa_stmt_end(stmt);
    return rc;
}

enum aa_err aa_schema_find(struct aa_conn *conn, int64_t *version, struct aa_error *err)
{
    struct aa_stmt *stmt = NULL;
    int64_t tables = 0, ours = 0;
    bool has_row = false;
    enum aa_err rc;

    *version = 0;
    rc = probe(conn, &tables, &ours, err);
    if (rc || tables == 0)
        return rc;
    if (ours == 0)
        return aa_fail(err, AA_ERR_STORE, "the database holds tables of another program");
    rc = aa_stmt_prepare(conn, "SELECT coalesce(max(version), 0) FROM schema_migrations", &stmt, err);
    if (rc)
        return rc;
    rc = aa_stmt_step(stmt, &has_row, err);
    if (!rc && has_row)
        *version = aa_stmt_int(stmt, 0);
    aa_stmt_end(stmt);
    return rc;
}

static enum aa_err note_version(struct aa_conn *conn, int64_t version, struct aa_error *err)
{
    struct aa_stmt *stmt = NULL;
    bool has_row;
    enum aa_err rc;

    rc = aa_stmt_prepare(conn, "INSERT INTO schema_migrations (version) VALUES ($1)", &stmt, err);
    if (rc)
        return rc;
    aa_stmt_bind_int(stmt, 1, version);
    rc = aa_stmt_step(stmt, &has_row, err);
    aa_stmt_end(stmt);
    return rc;
}

static enum aa_err run_statements(struct aa_conn *conn, const char *const *statement, struct aa_error *err)
{
    enum aa_err rc = AA_OK;

    for (; !rc && *statement; statement++)
        rc = conn->driver->run(conn, *statement, err);
    return rc;
}

static enum aa_err run_from(struct aa_conn *conn, int64_t version, struct aa_error *err)
{
    const struct aa_migrations *migrations = conn->driver->migrations;
    enum aa_err rc = AA_OK;

    for (size_t i = (size_t)version; !rc && i < migrations->count; i++) {
        rc = run_statements(conn, migrations->list[i].statements, err);
        if (!rc)
            rc = note_version(conn, (int64_t)i + 1, err);
    }
    return rc;
}

static enum aa_err check_version(const struct aa_migrations *migrations, int64_t version, bool migrate,
                                 struct aa_error *err)
{
    if (version < 0 || version > (int64_t)migrations->count)
        return aa_fail(err, AA_ERR_STORE_VERSION,
                       "the database has schema %lld, made by a newer version; this one knows schemas up to %zu",
                       (long long)version, migrations->count);
    if (!migrate && version < (int64_t)migrations->count)
        return aa_fail(err, AA_ERR_STORE_VERSION, "the database has schema %lld and needs to be migrated to %zu",
                       (long long)version, migrations->count);
    return AA_OK;
}

static enum aa_err check_references(struct aa_conn *conn, const char *sql, struct aa_error *err)
{
    struct aa_stmt *stmt = NULL;
    bool has_row = false;
    enum aa_err rc;

    rc = aa_stmt_prepare(conn, sql, &stmt, err);
    if (rc)
        return rc;
    rc = aa_stmt_step(stmt, &has_row, err);
    if (!rc && has_row && aa_stmt_int(stmt, 0) > 0)
        rc = aa_fail(err, AA_ERR_STORE,
                     "the schema stays as it is; rows that refer to one that is not there: %lld, some of them in %.*s",
                     (long long)aa_stmt_int(stmt, 0), AA_VIEW_ARGS(aa_stmt_text(stmt, 1)));
    aa_stmt_end(stmt);
    return rc;
}

/* The version is looked at again under the lock: another process may be doing the same. */
static enum aa_err run_steps(struct aa_conn *conn, bool migrate, struct aa_error *err)
{
    const struct aa_migrations *migrations = conn->driver->migrations;
    int64_t version = 0;
    enum aa_err rc;

    rc = conn->driver->control(conn, AA_CONTROL_LOCK_SCHEMA, err);
    if (!rc)
        rc = aa_schema_find(conn, &version, err);
    if (!rc)
        rc = check_version(migrations, version, migrate, err);
    /* Before too: what would be left behind because it belongs to nobody is refused, not lost. */
    if (!rc && migrations->check_sql && version > 0)
        rc = check_references(conn, migrations->check_sql, err);
    if (!rc)
        rc = run_from(conn, version, err);
    if (!rc && migrations->check_sql)
        rc = check_references(conn, migrations->check_sql, err);
    return rc;
}

/* Another process may be doing the same, which takes minutes where there is much; each try waits as long as the engine
 * lets it. */
static enum aa_err begin(struct aa_conn *conn, const struct aa_db_options *options, struct aa_error *err)
{
    struct aa_error why = AA_ERROR_INIT;
    enum aa_err rc = conn->driver->control(conn, AA_CONTROL_BEGIN_WRITE, &why);

    if (rc == AA_ERR_STORE_BUSY)
        aa_db_say(options, "another process holds the database; waiting for it before it is brought up to date");
    for (int i = 1; rc == AA_ERR_STORE_BUSY && i < BEGIN_TRIES; i++) {
        why = (struct aa_error)AA_ERROR_INIT;
        rc = conn->driver->control(conn, AA_CONTROL_BEGIN_WRITE, &why);
    }
    return rc ? aa_fail(err, rc, "%s", why.message) : AA_OK;
}

static enum aa_err run_transaction(struct aa_conn *conn, const struct aa_db_options *options, bool migrate,
                                   struct aa_error *err)
{
    enum aa_err rc;

    rc = begin(conn, options, err);
    if (rc)
        return rc;
    rc = run_steps(conn, migrate, err);
    if (!rc)
        rc = conn->driver->control(conn, AA_CONTROL_COMMIT, err);
    if (rc && conn->driver->in_transaction(conn))
        (void)conn->driver->control(conn, AA_CONTROL_ROLLBACK, NULL);
    return rc;
}

enum aa_err aa_migrate(struct aa_conn *conn, const struct aa_db_options *options, struct aa_error *err)
{
    const struct aa_migrations *migrations = conn->driver->migrations;
    bool migrate = options->migrate && !options->read_only;
    int64_t version = 0;
    enum aa_err rc, after_rc = AA_OK;

    rc = aa_schema_find(conn, &version, err);
    if (!rc)
        rc = check_version(migrations, version, migrate, err);
    if (rc || version == (int64_t)migrations->count)
        return rc;
    if (version > 0)
        aa_db_say(options, "the database is of an older version and is brought up to date now");
    if (migrations->before_sql)
        rc = conn->driver->run(conn, migrations->before_sql, err);
    if (!rc)
        rc = run_transaction(conn, options, migrate, err);
    if (migrations->after_sql)
        after_rc = conn->driver->run(conn, migrations->after_sql, rc ? NULL : err);
    return rc ? rc : after_rc;
}

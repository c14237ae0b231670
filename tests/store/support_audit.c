#include "support_audit.h"

void audit_open(struct store_fixture *f)
{
    store_open(f);
    if (!store_is_remote())
        CHECK_OK(f->driver->control(f->conn, AA_CONTROL_COMMIT, NULL));
}

void audit_close(struct store_fixture *f)
{
    if (!store_is_remote())
        CHECK_OK(f->driver->control(f->conn, AA_CONTROL_BEGIN_WRITE, NULL));
    store_close(f);
}

struct aa_audit_verdict audit_verify(struct aa_db *db)
{
    struct aa_audit_verdict verdict;

    CHECK_OK(aa_audit_verify(db, NULL, NULL, &verdict, NULL));
    return verdict;
}

void audit_check_whole(struct aa_db *db, int64_t rows)
{
    struct aa_audit_verdict verdict = audit_verify(db);

    if (verdict.broken)
        fail_msg("chain %lld, row %lld: %s", (long long)verdict.broken_chain, (long long)verdict.broken_sequence,
                 verdict.broken);
    CHECK_INT(verdict.rows, rows);
}

static enum aa_err run_sql(struct aa_conn *c, void *ctx, struct aa_error *err)
{
    struct aa_stmt *stmt = NULL;
    bool has_row;
    enum aa_err rc = aa_stmt_prepare(c, *(const char *const *)ctx, &stmt, err);

    if (rc)
        return rc;
    rc = aa_stmt_step(stmt, &has_row, err);
    aa_stmt_end(stmt);
    return rc;
}

void audit_sql(struct aa_db *db, const char *sql)
{
    CHECK_OK(aa_db_write(db, run_sql, &sql, NULL));
}

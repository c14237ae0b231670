/* How large the tables are. */
#include "store/record.h"

static const struct {
    const char *name, *sql;
} tables[] = {
    {"access_tokens", "SELECT count(*) FROM access_tokens"},
    {"audit", "SELECT coalesce(sum(sequence), 0) FROM audit_chains"}, /* rows are only ever added */
    {"auth_requests", "SELECT count(*) FROM auth_requests"},
    {"clients", "SELECT count(*) FROM clients"},
    {"codes", "SELECT count(*) FROM codes"},
    {"consents", "SELECT count(*) FROM consents"},
    {"grants", "SELECT count(*) FROM grants"},
    {"lockouts", "SELECT count(*) FROM lockouts"},
    {"refresh_tokens", "SELECT count(*) FROM refresh_tokens"},
    {"server_keys", "SELECT count(*) FROM server_keys"},
    {"servers", "SELECT count(*) FROM servers"},
    {"sessions", "SELECT count(*) FROM sessions"},
    {"settings", "SELECT count(*) FROM settings"},
    {"signing_keys", "SELECT count(*) FROM signing_keys"},
    {"users", "SELECT count(*) FROM users"},
};

size_t aa_store_table_count(void)
{
    return sizeof tables / sizeof *tables;
}

const char *aa_store_table_name(size_t table)
{
    return tables[table].name;
}

enum aa_err aa_store_table_rows(struct aa_conn *c, size_t table, int64_t *rows, struct aa_error *err)
{
    return aa_store_number(c, tables[table].sql, AA_NO_ARGS, rows, err);
}

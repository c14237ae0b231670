/* The numbered steps from an empty database to the present schema. Inside server/src/db only. */
#ifndef AA_DB_MIGRATE_H
#define AA_DB_MIGRATE_H

#include <stddef.h>

#include "db/db.h"

struct aa_migration {
    const char *name;              /* what it is about */
    const char *const *statements; /* ended by NULL; run in one transaction with the record that they ran */
};

/* One engine's list. Its nth member (from 1) brings the schema to version n; a released one never changes. The last
 * three are NULL where an engine needs no such thing. */
struct aa_migrations {
    const char *probe_sql; /* gives one row: how many tables there are, how many of them are our schema_migrations */
    const struct aa_migration *list;
    size_t count;
    const char *before_sql, *after_sql; /* around the transaction, whatever becomes of it */
    const char *check_sql; /* before and after; gives one row: how many rows refer to one that is not there, and of
                              which table some are */
};

extern const struct aa_migrations aa_sqlite_migrations;
extern const struct aa_migrations aa_postgres_migrations;

/* Brings the schema up to date, or only looks where the options do not allow it. Runs before the connection is used for
 * anything else. AA_ERR_STORE_VERSION when the database is newer than the program, or older and may not be migrated;
 * AA_ERR_STORE when it holds somebody else's tables. */
AA_CHECK enum aa_err aa_migrate(struct aa_conn *conn, const struct aa_db_options *options, struct aa_error *err);
/* The schema a database has; 0 when it is empty. AA_ERR_STORE when it holds somebody else's tables. */
AA_CHECK enum aa_err aa_schema_find(struct aa_conn *conn, int64_t *version, struct aa_error *err);

#endif

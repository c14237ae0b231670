/* An audit to write into, to tamper with and to verify. */
#ifndef AA_TESTS_STORE_SUPPORT_AUDIT_H
#define AA_TESTS_STORE_SUPPORT_AUDIT_H

#include "domain/audit_verify.h"
#include "server/support_store.h"

/* A store that others may write to as well: on SQLite the fixture would hold a write transaction of its own open. */
void audit_open(struct store_fixture *f);
void audit_close(struct store_fixture *f);
struct aa_audit_verdict audit_verify(struct aa_db *db);
/* It verifies, and that many rows are there. */
void audit_check_whole(struct aa_db *db, int64_t rows);
/* Runs one statement past everything. */
void audit_sql(struct aa_db *db, const char *sql);

#endif

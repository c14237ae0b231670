/* Databases with nothing in them yet. */
#ifndef AA_TESTS_STORE_SUPPORT_FRESH_H
#define AA_TESTS_STORE_SUPPORT_FRESH_H

#include "server/support_store.h"

struct fresh {
    struct store_fixture f; /* of the server the new database is made on; its own database is not the fresh one */
    char name[64];
    char url[512];
};

void fresh_make(struct fresh *fresh);
/* One that an older version left, with the schema of that number. */
void fresh_make_old(struct fresh *fresh, int version);
/* Drops it. Whoever opened it has closed it. */
void fresh_clear(struct fresh *fresh);
/* Runs one statement there, past everything. */
void fresh_run(const struct fresh *fresh, const char *sql);

#endif

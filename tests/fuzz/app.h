/* An app on a database in memory, for targets that need the whole of the rules. It begins anew after some inputs, so
 * that it stays small; its clock goes on by an hour an input, so that no limit of so many an hour is met. */
#ifndef AA_TESTS_FUZZ_APP_H
#define AA_TESTS_FUZZ_APP_H

#include <stdbool.h>

#include "domain/app.h"

extern struct aa_app fuzz_app;

/* For the next input. True when the app is new: then the caller fills it. `close` (may be NULL) frees what it filled in
 * the one before. */
bool fuzz_app_next(void (*close)(void));
/* Runs a store operation in a write of its own. */
void fuzz_app_write(aa_db_fn fn, void *ctx);

#endif

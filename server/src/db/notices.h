/* The thread that hears of other processes' announcements, on a connection of its own (PostgreSQL's LISTEN), and moves
 * the database's generation. While it has no connection nothing is heard, and the generation moves once it has one
 * again. Inside server/src/db only. */
#ifndef AA_DB_NOTICES_H
#define AA_DB_NOTICES_H

#include "db/engine.h"

struct aa_notices;

/* Borrows the database until the end. Connecting is the thread's business. AA_ERR_THREAD, AA_ERR_SYSTEM or
 * AA_ERR_NOMEM. */
AA_CHECK enum aa_err aa_notices_start(struct aa_db *db, struct aa_notices **out, struct aa_error *err);
void aa_notices_stop(struct aa_notices *notices); /* waits for the thread; NULL is fine */

#endif

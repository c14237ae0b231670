/* The keeper of an embedded database: a thread that checkpoints after commits, and holds a read lock while much is
 * read.
 *
 * A reader of SQLite takes a lock on the log and gives it back, two system calls that cost as much as the rest of a
 * short read, unless somebody else in the process has the lock already. While many read, the keeper has it. It lets go
 * before each checkpoint, which would end at what it may still read, and looks again four times a second, so that
 * another process's checkpoint has its turn too. Nobody reads through the keeper's connection: what others see is never
 * older for it. Inside server/src/db only. */
#ifndef AA_DB_KEEPER_H
#define AA_DB_KEEPER_H

#include "db/driver.h"

struct aa_keeper; /* any thread */

/* On AA_OK it takes the connection over. AA_ERR_THREAD or AA_ERR_NOMEM. */
AA_CHECK enum aa_err aa_keeper_new(struct aa_conn *conn, struct aa_keeper **out, struct aa_error *err);
void aa_keeper_free(struct aa_keeper *keeper); /* waits for the thread; disconnects */
void aa_keeper_note_commit(struct aa_keeper *keeper);
void aa_keeper_note_read(struct aa_keeper *keeper); /* before the read; cheap */

#endif

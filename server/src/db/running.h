/* Which servers use a database file. Each has a file of its own beside it (DATABASE-running, -running-2, …): locked as
 * long as the process lives, removed when it stops. One that is there and not locked is left over from a server that
 * was killed, or whose machine was. The command line, which comes and goes while a server runs, has none. Inside
 * server/src/db only. */
#ifndef AA_DB_RUNNING_H
#define AA_DB_RUNNING_H

#include <stdbool.h>

#include "authagent/error.h"

struct aa_running;

/* *had_died: a server did not come to its end before. That stays known until aa_running_forgive(). A file system
 * without locks has no such files: nobody is then found to have died. AA_ERR_STORE* or AA_ERR_NOMEM. */
AA_CHECK enum aa_err aa_running_begin(const char *database, struct aa_running **out, bool *had_died,
                                      struct aa_error *err);
/* What the dead may have left was looked at. */
void aa_running_forgive(struct aa_running *running);
/* Stopping as one should. Who was not forgiven will be found dead again. NULL is fine. */
void aa_running_end(struct aa_running *running);

#endif

/* A server that was told to stop is gone in time, whatever still waits for what. */
#ifndef AA_MAIN_DEADLINE_H
#define AA_MAIN_DEADLINE_H

#include "main/log.h"

/* After `ms` the process ends with code 0, unless it has ended by itself. What was answered is on disk, and what was
 * not is as if it had never been asked: transactions that are open then are rolled back by whoever keeps them. */
void aa_deadline_set(int ms, const struct aa_log *log);

#endif

/* Log lines: see aa_guard_set_log(). Never a token, a key or a body in them. */
#ifndef AA_NET_LOG_H
#define AA_NET_LOG_H

#include <stdbool.h>

#include "authagent/error.h"
#include "base/level.h"

/* Call it with no lock held: the host's function runs inside. */
void aa_log(int level, const char *format, ...) AA_PRINTF(2, 3);

/* Around fork(): the lock of the log is free in the child. */
void aa_log_lock(void);
void aa_log_unlock(void);

#endif

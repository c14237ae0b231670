/* Raising errors. See authagent/error.h for what they are. */
#ifndef AA_BASE_ERROR_H
#define AA_BASE_ERROR_H

#include "authagent/error.h"

/* Writes code and a printf-formatted message into *err, unless err is NULL or already holds a failure (the
 * first one is the cause). Returns code, so that `return aa_fail(err, …)` reads as one step. */
enum aa_err aa_fail(struct aa_error *err, enum aa_err code, const char *format, ...) AA_PRINTF(3, 4);

#endif

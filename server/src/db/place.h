/* The file a database lives in. Inside server/src/db only. */
#ifndef AA_DB_PLACE_H
#define AA_DB_PLACE_H

#include <stdbool.h>

#include "authagent/error.h"

/* Makes an empty file there, readable for its owner alone, and its folder, unless they are there. With must_exist
 * nothing is made: AA_ERR_NOT_FOUND when there is none. AA_ERR_STORE, AA_ERR_STORE_READONLY, AA_ERR_STORE_FULL or
 * AA_ERR_NOMEM with a message that names the path. */
AA_CHECK enum aa_err aa_place_prepare(const char *path, bool must_exist, struct aa_error *err);
/* The path in "sqlite:PATH" or "PATH". */
const char *aa_place_of(const char *url);

#endif

/* What PostgreSQL's error codes mean to us. Inside server/src/db only. */
#ifndef AA_DB_SQLSTATE_H
#define AA_DB_SQLSTATE_H

#include "db/driver.h"

struct aa_verdict {
    enum aa_err code;
    enum aa_fate fate;
};

/* Of a SQLSTATE (five characters); NULL is as good as an unknown one: AA_ERR_STORE. */
struct aa_verdict aa_sqlstate_judge(const char *state);
/* A prepared statement of ours is not there, or is there already: between us and the server stands somebody who hands
 * us another connection for each transaction. */
bool aa_sqlstate_is_pooler(const char *state);

#endif

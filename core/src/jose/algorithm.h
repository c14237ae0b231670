/* The names of our algorithms (RFC 7518 §3.1, RFC 8037 §3.1, RFC 9864 §2.2). The table is all there is: no "none", no
 * HMAC. */
#ifndef AA_JOSE_ALGORITHM_H
#define AA_JOSE_ALGORITHM_H

#include "crypto/key.h"

/* AA_ALG_NONE for a name that is none of ours; compared byte for byte, as JOSE asks. */
enum aa_alg aa_alg_find(struct aa_view name);
/* The names, by number from 0; NULL behind the last. */
const char *aa_alg_at(size_t index);
/* The name we write; NULL for AA_ALG_NONE. */
const char *aa_alg_name(enum aa_alg alg);

#endif

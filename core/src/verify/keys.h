/* The authorization server's public keys, as last fetched, and when they may be fetched again. Any thread may call. */
#ifndef AA_VERIFY_KEYS_H
#define AA_VERIFY_KEYS_H

#include "jose/jwks.h"
#include "verify/lock.h"
#include "verify/now.h"

#define AA_KEYS_COOL_DOWN_MS 10000 /* between two fetches: tokens with invented key ids cause no more than this */

struct aa_keys { /* zeroed: nothing fetched yet */
    struct aa_lock lock;
    struct aa_jwks *jwks;
    int64_t tried_ms;
    bool tried;
};

void aa_keys_clear(struct aa_keys *keys);
/* The caller's reference; NULL before the first fetch succeeded. */
struct aa_jwks *aa_keys_take(struct aa_keys *keys);
/* Takes over the caller's reference. A fetch that failed calls nothing: the old set stays. */
void aa_keys_set(struct aa_keys *keys, struct aa_jwks *jwks);
/* True at most once per cool-down: then fetch. */
bool aa_keys_may_fetch(struct aa_keys *keys, struct aa_now now);

#endif

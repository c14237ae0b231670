#include "verify/keys.h"

#include <stddef.h>

void aa_keys_clear(struct aa_keys *keys)
{
    if (keys->jwks)
        aa_jwks_release(keys->jwks);
    *keys = (struct aa_keys){0};
}

struct aa_jwks *aa_keys_take(struct aa_keys *keys)
{
    struct aa_jwks *jwks;

    aa_lock_take(&keys->lock);
    jwks = keys->jwks ? aa_jwks_acquire(keys->jwks) : NULL;
    aa_lock_drop(&keys->lock);
    return jwks;
}

void aa_keys_set(struct aa_keys *keys, struct aa_jwks *jwks)
{
    struct aa_jwks *old;

    aa_lock_take(&keys->lock);
    old = keys->jwks;
    keys->jwks = jwks;
    aa_lock_drop(&keys->lock);
    if (old)
        aa_jwks_release(old);
}

bool aa_keys_may_fetch(struct aa_keys *keys, struct aa_now now)
{
    bool may;

    aa_lock_take(&keys->lock);
    may = !keys->tried || now.mono_ms - keys->tried_ms >= AA_KEYS_COOL_DOWN_MS;
    if (may) {
        keys->tried = true;
        keys->tried_ms = now.mono_ms;
    }
    aa_lock_drop(&keys->lock);
    return may;
}

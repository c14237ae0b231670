/* Counting the owners of a shared, immutable object. */
#ifndef AA_VERIFY_REFS_H
#define AA_VERIFY_REFS_H

#include <stdatomic.h>
#include <stdbool.h>

struct aa_refs {
    atomic_uint count;
};

static inline void aa_refs_init(struct aa_refs *refs)
{
    atomic_init(&refs->count, 1);
}

static inline void aa_refs_up(struct aa_refs *refs)
{
    atomic_fetch_add_explicit(&refs->count, 1, memory_order_relaxed);
}

/* True when that was the last owner: the caller frees the object. */
static inline bool aa_refs_down(struct aa_refs *refs)
{
    return atomic_fetch_sub_explicit(&refs->count, 1, memory_order_acq_rel) == 1;
}

#endif

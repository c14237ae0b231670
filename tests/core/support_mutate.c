#include "support_mutate.h"

#include <stdlib.h>

#include "support/mutate.h"

/* From the heap, so that one byte too far is noticed. */
static bool feed_exactly(const struct aa_mutant *mutant, mutant_fn feed, void *ctx)
{
    char *bytes = malloc(mutant->len ? mutant->len : 1);
    bool taken;

    CHECK(bytes != NULL);
    memcpy(bytes, mutant->bytes, mutant->len);
    taken = feed(aa_view_make(bytes, mutant->len), ctx);
    free(bytes);
    return taken;
}

void feed_mutants(const struct aa_view *seeds, size_t seed_count, int rounds, mutant_fn feed, void *ctx)
{
    static struct aa_mutant mutant;
    int taken = 0;

    aa_mutate_restart();
    for (int round = 0; round < rounds; round++) {
        aa_mutate(&mutant, seeds, seed_count);
        taken += feed_exactly(&mutant, feed, ctx);
    }
    CHECK(taken > 0 && taken < rounds);
}

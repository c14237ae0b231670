/* Changed inputs, the same ones at every run: each parser is fed some thousands of them under the sanitizers. */
#ifndef AA_TESTS_CORE_SUPPORT_MUTATE_H
#define AA_TESTS_CORE_SUPPORT_MUTATE_H

#include <stdbool.h>

#include "support/test.h"

/* True when the parser took the input; checks what must hold then. */
typedef bool (*mutant_fn)(struct aa_view input, void *ctx);

/* Feeds `rounds` changed copies of the seeds, each in memory of exactly its length. Some must be taken and some
 * refused: otherwise nothing is tested. */
void feed_mutants(const struct aa_view *seeds, size_t seed_count, int rounds, mutant_fn feed, void *ctx);

#endif

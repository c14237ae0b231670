/* Changed inputs, the same ones at every run. */
#ifndef AA_TESTS_SUPPORT_MUTATE_H
#define AA_TESTS_SUPPORT_MUTATE_H

#include <stddef.h>

#include "base/view.h"

#define AA_MUTANT_MAX 20000 /* bytes; a seed may be as long */

struct aa_mutant {
    char bytes[AA_MUTANT_MAX];
    size_t len;
};

void aa_mutate_restart(void); /* begins the sequence anew */
/* Makes the next changed copy of one of the seeds; pieces of the others may get into it. */
void aa_mutate(struct aa_mutant *mutant, const struct aa_view *seeds, size_t seed_count);

#endif

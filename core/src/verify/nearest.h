/* The word somebody probably meant. */
#ifndef AA_VERIFY_NEAREST_H
#define AA_VERIFY_NEAREST_H

#include "base/view.h"

#define AA_NEAREST_LEN_MAX 48 /* longer words are compared by their beginning */

/* Single-character edits (insert, delete, replace) from one word to the other, letters compared without case. */
size_t aa_edit_distance(struct aa_view a, struct aa_view b);

#endif

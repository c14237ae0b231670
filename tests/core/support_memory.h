/* Walks every out-of-memory path of a piece of code: its first allocation fails, then its second, and so on. */
#ifndef AA_TESTS_CORE_SUPPORT_MEMORY_H
#define AA_TESTS_CORE_SUPPORT_MEMORY_H

#include "support/test.h"

/* What is tried; cleans up behind itself and gives the code it ended in. */
typedef enum aa_err (*attempt_fn)(void *ctx);

/* `attempt` must end well when nothing fails (the positive control) and with AA_ERR_NOMEM whichever allocation fails.
 * Gives the number of allocations, which must be at least one. Allocations of the JSON library count too. */
size_t check_each_allocation(attempt_fn attempt, void *ctx);

#endif

/* The one place of core that reads a clock. */
#ifndef AA_NET_CLOCK_H
#define AA_NET_CLOCK_H

#include "verify/now.h"

struct aa_now aa_clock_now(void);

#ifdef AA_TEST_HOOKS
/* Moves both clocks on, for all threads; tests of expiry do not wait. */
void aa_clock_advance(int64_t ms);
#endif

#endif

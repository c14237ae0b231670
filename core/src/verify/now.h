/* The time, as it is handed in: verify reads no clock. */
#ifndef AA_VERIFY_NOW_H
#define AA_VERIFY_NOW_H

#include <stdint.h>

struct aa_now {
    int64_t wall_s;  /* seconds since 1970: what exp and nbf are compared with */
    int64_t mono_ms; /* milliseconds of a clock nobody sets: what life in the cache is measured with */
};

#endif

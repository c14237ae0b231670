/* How long an answer may be kept, by its Cache-Control fields (RFC 9111 §5.2.2). */
#ifndef AA_NET_CACHE_CONTROL_H
#define AA_NET_CACHE_CONTROL_H

#include "base/view.h"

#define AA_CACHE_CONTROL_AGE_MAX INT64_C(2147483648) /* what is longer becomes this (RFC 9111 §1.2.2) */

struct aa_cache_control { /* all zero: no field yet */
    bool is_refused;      /* no-store or no-cache was there */
    bool has_max_age;
    int64_t max_age_s; /* of the first max-age; -1: malformed */
};

/* One more field value. Fields add up as if they were one list (RFC 9110 §5.3). */
void aa_cache_control_add(struct aa_cache_control *control, struct aa_view value);
/* Seconds; 0: it must not be kept; -1: nothing was said that could be understood. */
int64_t aa_cache_control_max_age_s(const struct aa_cache_control *control);

#endif

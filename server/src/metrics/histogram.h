/* How often a value fell below each of a few limits. Inside server/src/metrics only. */
#ifndef AA_METRICS_HISTOGRAM_H
#define AA_METRICS_HISTOGRAM_H

#include <stdatomic.h>

#include "base/buf.h"

#define AA_BUCKETS_MAX 12

enum aa_unit { AA_UNIT_SECONDS /* observed in microseconds */, AA_UNIT_COUNT };

struct aa_histogram {
    atomic_uint_fast64_t buckets[AA_BUCKETS_MAX + 1]; /* each its own values alone; the last one is without limit */
    atomic_uint_fast64_t sum;
};

void aa_histogram_observe(struct aa_histogram *histogram, enum aa_unit unit, int64_t value);
/* Appends its lines. `labels` may be NULL. */
void aa_histogram_write(const struct aa_histogram *histogram, enum aa_unit unit, const char *name, const char *labels,
                        struct aa_buf *out);

#endif

#include "metrics/histogram.h"

struct limit {
    int64_t value;
    const char *text; /* in the unit of the series */
};

/* A cached introspection, a grouped commit, a password, an outage. */
static const struct limit seconds[] = {
    {250, "0.00025"}, {500, "0.0005"}, {1000, "0.001"}, {2500, "0.0025"}, {5000, "0.005"}, {10000, "0.01"},
    {25000, "0.025"}, {50000, "0.05"}, {100000, "0.1"}, {500000, "0.5"},  {2000000, "2"},  {10000000, "10"},
};
static const struct limit counts[] = {{1, "1"},   {2, "2"},   {4, "4"},     {8, "8"},    {16, "16"},
                                      {32, "32"}, {64, "64"}, {128, "128"}, {256, "256"}};

static const struct {
    const struct limit *limits;
    size_t count;
} scales[] = {
    [AA_UNIT_SECONDS] = {seconds, sizeof seconds / sizeof *seconds},
    [AA_UNIT_COUNT] = {counts, sizeof counts / sizeof *counts},
};

void aa_histogram_observe(struct aa_histogram *histogram, enum aa_unit unit, int64_t value)
{
    size_t i = 0;

    if (value < 0) /* a clock that was set back */
        value = 0;
    while (i < scales[unit].count && value > scales[unit].limits[i].value)
        i++;
    atomic_fetch_add_explicit(&histogram->buckets[i], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&histogram->sum, (uint64_t)value, memory_order_relaxed);
}

static void add_bucket(struct aa_buf *out, const char *name, const char *labels, const char *limit, uint64_t count)
{
    aa_buf_add_format(out, "%s_bucket{%s%sle=\"%s\"} %llu\n", name, labels ? labels : "", labels ? "," : "", limit,
                      (unsigned long long)count);
}

static void add_front(struct aa_buf *out, const char *name, const char *suffix, const char *labels)
{
    aa_buf_add_text(out, name);
    aa_buf_add_text(out, suffix);
    if (labels)
        aa_buf_add_format(out, "{%s}", labels);
    aa_buf_add_char(out, ' ');
}

/* The buckets of Prometheus count everything up to their limit, and the count is the last one: so the lines agree with
 * each other whatever is observed meanwhile. */
void aa_histogram_write(const struct aa_histogram *histogram, enum aa_unit unit, const char *name, const char *labels,
                        struct aa_buf *out)
{
    unsigned long long sum = atomic_load_explicit(&histogram->sum, memory_order_relaxed);
    uint64_t total = 0;

    for (size_t i = 0; i <= scales[unit].count; i++) {
        total += atomic_load_explicit(&histogram->buckets[i], memory_order_relaxed);
        add_bucket(out, name, labels, i < scales[unit].count ? scales[unit].limits[i].text : "+Inf", total);
    }
    add_front(out, name, "_sum", labels);
    if (unit == AA_UNIT_SECONDS)
        aa_buf_add_format(out, "%llu.%06llu\n", sum / 1000000, sum % 1000000);
    else
        aa_buf_add_format(out, "%llu\n", sum);
    add_front(out, name, "_count", labels);
    aa_buf_add_format(out, "%llu\n", (unsigned long long)total);
}

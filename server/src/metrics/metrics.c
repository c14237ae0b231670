#include "metrics/metrics.h"

#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "metrics/histogram.h"
#include "metrics/routes.h"

#define ROWS "auth_agent_table_rows"

struct series {
    const char *name, *labels, *help;
};

#define SERIES(id, name, labels, help) {name, labels, help},
#define SERIES_OF_HISTOGRAM(id, name, labels, help, unit) {name, labels, help},
#define UNIT_OF(id, name, labels, help, unit) unit,
static const struct series counters[] = {AA_METRICS_COUNTERS(SERIES)};
static const struct series gauges[] = {AA_METRICS_GAUGES(SERIES)};
static const struct series histograms[] = {AA_METRICS_HISTOGRAMS(SERIES_OF_HISTOGRAM)};
static const enum aa_unit units[] = {AA_METRICS_HISTOGRAMS(UNIT_OF)};

struct table {
    _Atomic(const char *) name; /* NULL: this place and those behind it are free */
    atomic_int_fast64_t rows;
};

struct aa_metrics {
    atomic_uint_fast64_t counters[AA_COUNTERS];
    atomic_int_fast64_t gauges[AA_GAUGES];
    struct aa_histogram histograms[AA_HISTOGRAMS];
    struct table tables[AA_METRICS_TABLES_MAX];
    struct aa_metrics_routes *routes; /* NULL: none were set */
};

enum aa_err aa_metrics_new(struct aa_metrics **out, struct aa_error *err)
{
    *out = aa_mem_new(sizeof **out);
    return *out ? AA_OK : aa_fail(err, AA_ERR_NOMEM, "out of memory for the counters");
}

void aa_metrics_free(struct aa_metrics *metrics)
{
    if (!metrics)
        return;
    aa_metrics_routes_free(metrics->routes);
    aa_mem_free(metrics);
}

/* ---- counting ---- */

void aa_metrics_count(struct aa_metrics *metrics, enum aa_metrics_counter counter)
{
    if (metrics)
        atomic_fetch_add_explicit(&metrics->counters[counter], 1, memory_order_relaxed);
}

void aa_metrics_move(struct aa_metrics *metrics, enum aa_metrics_gauge gauge, int64_t by)
{
    if (metrics)
        atomic_fetch_add_explicit(&metrics->gauges[gauge], by, memory_order_relaxed);
}

void aa_metrics_set(struct aa_metrics *metrics, enum aa_metrics_gauge gauge, int64_t value)
{
    if (metrics)
        atomic_store_explicit(&metrics->gauges[gauge], value, memory_order_relaxed);
}

void aa_metrics_observe(struct aa_metrics *metrics, enum aa_metrics_histogram histogram, int64_t value)
{
    if (metrics)
        aa_histogram_observe(&metrics->histograms[histogram], units[histogram], value);
}

/* The table's place, or a free one; NULL when there is none. */
static struct table *find_table(struct aa_metrics *metrics, const char *name)
{
    for (size_t i = 0; i < AA_METRICS_TABLES_MAX; i++) {
        const char *taken = atomic_load_explicit(&metrics->tables[i].name, memory_order_relaxed);

        if (!taken || strcmp(taken, name) == 0)
            return &metrics->tables[i];
    }
    return NULL;
}

void aa_metrics_set_rows(struct aa_metrics *metrics, const char *name, int64_t rows)
{
    struct table *table = metrics ? find_table(metrics, name) : NULL;

    if (!table)
        return;
    atomic_store_explicit(&table->rows, rows, memory_order_relaxed);
    atomic_store_explicit(&table->name, name, memory_order_release); /* who sees the name sees the number */
}

enum aa_err aa_metrics_set_routes(struct aa_metrics *metrics, const struct aa_metrics_route *routes, size_t count,
                                  struct aa_error *err)
{
    struct aa_metrics_routes *made = NULL;
    enum aa_err rc = aa_metrics_routes_new(routes, count, &made, err);

    if (rc)
        return rc;
    aa_metrics_routes_free(metrics->routes);
    metrics->routes = made;
    return AA_OK;
}

void aa_metrics_request(struct aa_metrics *metrics, size_t route, int status, int64_t duration_us)
{
    if (metrics && metrics->routes)
        aa_metrics_routes_note(metrics->routes, route, status, duration_us);
}

/* ---- writing ---- */

/* HELP and TYPE stand once in front of all series of a name. */
static void add_heading(struct aa_buf *out, const struct series *all, size_t i, const char *type)
{
    if (i > 0 && strcmp(all[i - 1].name, all[i].name) == 0)
        return;
    aa_buf_add_format(out, "# HELP %s %s\n# TYPE %s %s\n", all[i].name, all[i].help, all[i].name, type);
}

static void add_front(struct aa_buf *out, const struct series *series)
{
    aa_buf_add_text(out, series->name);
    if (series->labels)
        aa_buf_add_format(out, "{%s}", series->labels);
    aa_buf_add_char(out, ' ');
}

static void write_counters(const struct aa_metrics *metrics, struct aa_buf *out)
{
    for (size_t i = 0; i < AA_COUNTERS; i++) {
        add_heading(out, counters, i, "counter");
        add_front(out, &counters[i]);
        aa_buf_add_format(out, "%llu\n",
                          (unsigned long long)atomic_load_explicit(&metrics->counters[i], memory_order_relaxed));
    }
}

static void write_gauges(const struct aa_metrics *metrics, struct aa_buf *out)
{
    for (size_t i = 0; i < AA_GAUGES; i++) {
        add_heading(out, gauges, i, "gauge");
        add_front(out, &gauges[i]);
        aa_buf_add_int(out, atomic_load_explicit(&metrics->gauges[i], memory_order_relaxed));
        aa_buf_add_char(out, '\n');
    }
}

static void write_histograms(const struct aa_metrics *metrics, struct aa_buf *out)
{
    for (size_t i = 0; i < AA_HISTOGRAMS; i++) {
        add_heading(out, histograms, i, "histogram");
        aa_histogram_write(&metrics->histograms[i], units[i], histograms[i].name, histograms[i].labels, out);
    }
}

static void write_tables(const struct aa_metrics *metrics, struct aa_buf *out)
{
    aa_buf_add_text(out, "# HELP " ROWS " Rows by table, counted now and then.\n# TYPE " ROWS " gauge\n");
    for (size_t i = 0; i < AA_METRICS_TABLES_MAX; i++) {
        const char *name = atomic_load_explicit(&metrics->tables[i].name, memory_order_acquire);

        if (!name)
            return;
        aa_buf_add_format(out, ROWS "{table=\"%s\"} %lld\n", name,
                          (long long)atomic_load_explicit(&metrics->tables[i].rows, memory_order_relaxed));
    }
}

void aa_metrics_write(const struct aa_metrics *metrics, struct aa_buf *out)
{
    write_counters(metrics, out);
    write_gauges(metrics, out);
    write_histograms(metrics, out);
    write_tables(metrics, out);
    if (metrics->routes)
        aa_metrics_routes_write(metrics->routes, out);
}

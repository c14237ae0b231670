#include "metrics/routes.h"

#include "base/error.h"
#include "base/mem.h"
#include "metrics/histogram.h"

#define LABELS_MAX 256

#define REQUESTS "auth_agent_requests_total"
#define DURATION "auth_agent_request_duration_seconds"

/* Those we answer with. Another one is counted as "other", so that the number of series has a limit. */
static const int statuses[] = {200, 201, 204, 302, 303, 304, 400, 401, 403, 404, 405, 408,
                               409, 413, 414, 415, 422, 429, 431, 500, 501, 503, 505};
#define STATUS_COUNT (sizeof statuses / sizeof *statuses)

struct route {
    struct aa_metrics_route name;
    atomic_uint_fast64_t answers[STATUS_COUNT + 1]; /* the last one: any other status */
    struct aa_histogram duration;
};

struct aa_metrics_routes {
    size_t count; /* of named ones; one more stands for requests that fit none */
    struct route list[];
};

enum aa_err aa_metrics_routes_new(const struct aa_metrics_route *routes, size_t count, struct aa_metrics_routes **out,
                                  struct aa_error *err)
{
    struct aa_metrics_routes *made = aa_mem_new(sizeof *made + (count + 1) * sizeof *made->list);

    if (!made)
        return aa_fail(err, AA_ERR_NOMEM, "out of memory for the counters of routes");
    made->count = count;
    for (size_t i = 0; i < count; i++)
        made->list[i].name = routes[i];
    made->list[count].name = (struct aa_metrics_route){"other", "other"};
    *out = made;
    return AA_OK;
}

void aa_metrics_routes_free(struct aa_metrics_routes *routes)
{
    aa_mem_free(routes);
}

static size_t place_of(int status)
{
    size_t i = 0;

    while (i < STATUS_COUNT && statuses[i] != status)
        i++;
    return i;
}

void aa_metrics_routes_note(struct aa_metrics_routes *routes, size_t route, int status, int64_t duration_us)
{
    struct route *noted = &routes->list[route < routes->count ? route : routes->count];

    atomic_fetch_add_explicit(&noted->answers[place_of(status)], 1, memory_order_relaxed);
    aa_histogram_observe(&noted->duration, AA_UNIT_SECONDS, duration_us);
}

/* Only those that were answered so: most pairs of route and status never are. */
static void write_answers(const struct route *route, struct aa_buf *out)
{
    for (size_t i = 0; i <= STATUS_COUNT; i++) {
        unsigned long long count = atomic_load_explicit(&route->answers[i], memory_order_relaxed);

        if (count == 0)
            continue;
        aa_buf_add_format(out, REQUESTS "{method=\"%s\",route=\"%s\",status=\"", route->name.method,
                          route->name.pattern);
        if (i < STATUS_COUNT)
            aa_buf_add_int(out, statuses[i]);
        else
            aa_buf_add_text(out, "other");
        aa_buf_add_format(out, "\"} %llu\n", count);
    }
}

static bool was_asked(const struct route *route)
{
    for (size_t i = 0; i <= STATUS_COUNT; i++)
        if (atomic_load_explicit(&route->answers[i], memory_order_relaxed))
            return true;
    return false;
}

static void write_duration(const struct route *route, struct aa_buf *out)
{
    struct aa_buf labels;

    aa_buf_init(&labels, LABELS_MAX);
    aa_buf_add_format(&labels, "method=\"%s\",route=\"%s\"", route->name.method, route->name.pattern);
    aa_histogram_write(&route->duration, AA_UNIT_SECONDS, DURATION, aa_buf_text(&labels), out);
    aa_buf_clear(&labels);
}

void aa_metrics_routes_write(const struct aa_metrics_routes *routes, struct aa_buf *out)
{
    aa_buf_add_text(out, "# HELP " REQUESTS " Answered requests.\n# TYPE " REQUESTS " counter\n");
    for (size_t i = 0; i <= routes->count; i++)
        write_answers(&routes->list[i], out);
    aa_buf_add_text(out,
                    "# HELP " DURATION " From the head of a request to its answer.\n# TYPE " DURATION " histogram\n");
    for (size_t i = 0; i <= routes->count; i++)
        if (was_asked(&routes->list[i]))
            write_duration(&routes->list[i], out);
}

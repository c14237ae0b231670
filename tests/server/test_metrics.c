/* What the server counts, and how it is told. */
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#include "domain/app.h"
#include "endpoint/endpoint.h"
#include "metrics/metrics.h"
#include "support_web.h"

#define PATIENCE_MS 20000

/* The whole text; free it with aa_buf_clear(). */
static struct aa_buf written(const struct aa_metrics *m)
{
    struct aa_buf out;

    aa_buf_init(&out, AA_METRICS_TEXT_MAX);
    aa_metrics_write(m, &out);
    CHECK_OK(aa_buf_check(&out, "the metrics", NULL));
    return out;
}

/* Is this a line of it, from its first byte to its last? */
static bool says(const struct aa_metrics *m, const char *line)
{
    struct aa_buf out = written(m);
    char wanted[256];
    bool found;

    snprintf(wanted, sizeof wanted, "\n%s\n", line);
    found = strstr(aa_buf_text(&out), wanted) != NULL;
    aa_buf_clear(&out);
    return found;
}

static struct aa_metrics *metrics_new(void)
{
    struct aa_metrics *m = NULL;

    CHECK_OK(aa_metrics_new(&m, NULL));
    return m;
}

TEST(metrics, a_counter_says_how_often_it_was_counted)
{
    struct aa_metrics *m = metrics_new();

    CHECK(says(m, "auth_agent_code_replays_total 0"));
    aa_metrics_count(m, AA_COUNT_CODE_REPLAYED);
    aa_metrics_count(m, AA_COUNT_CODE_REPLAYED);
    aa_metrics_count(m, AA_COUNT_INTROSPECTED_INACTIVE);
    CHECK(says(m, "auth_agent_code_replays_total 2"));
    CHECK(says(m, "auth_agent_introspections_total{outcome=\"inactive\"} 1"));
    CHECK(says(m, "auth_agent_introspections_total{outcome=\"active\"} 0"));
    aa_metrics_free(m);
}

TEST(metrics, a_gauge_goes_up_and_down)
{
    struct aa_metrics *m = metrics_new();

    aa_metrics_move(m, AA_GAUGE_CONNECTIONS, 3);
    aa_metrics_move(m, AA_GAUGE_CONNECTIONS, -1);
    CHECK(says(m, "auth_agent_connections 2"));
    aa_metrics_set(m, AA_GAUGE_STARTED_S, 1800000000);
    CHECK(says(m, "process_start_time_seconds 1800000000"));
    aa_metrics_free(m);
}

/* Each bucket counts all up to its limit, the limit itself too. */
TEST(metrics, a_histogram_counts_up_to_its_limits)
{
    struct aa_metrics *m = metrics_new();
    static const int64_t observed[] = {0, 250, 251, 10000001};

    for (size_t i = 0; i < sizeof observed / sizeof *observed; i++)
        aa_metrics_observe(m, AA_HISTOGRAM_STORE_WRITE, observed[i]);
    CHECK(says(m, "auth_agent_store_duration_seconds_bucket{operation=\"write\",le=\"0.00025\"} 2"));
    CHECK(says(m, "auth_agent_store_duration_seconds_bucket{operation=\"write\",le=\"0.0005\"} 3"));
    CHECK(says(m, "auth_agent_store_duration_seconds_bucket{operation=\"write\",le=\"10\"} 3"));
    CHECK(says(m, "auth_agent_store_duration_seconds_bucket{operation=\"write\",le=\"+Inf\"} 4"));
    CHECK(says(m, "auth_agent_store_duration_seconds_count{operation=\"write\"} 4"));
    CHECK(says(m, "auth_agent_store_duration_seconds_sum{operation=\"write\"} 10.000502"));
    CHECK(says(m, "auth_agent_store_duration_seconds_count{operation=\"read\"} 0"));
    aa_metrics_free(m);
}

TEST(metrics, a_histogram_of_a_count_has_whole_numbers)
{
    struct aa_metrics *m = metrics_new();

    aa_metrics_observe(m, AA_HISTOGRAM_STORE_BATCH, 16);
    aa_metrics_observe(m, AA_HISTOGRAM_STORE_BATCH, 17);
    CHECK(says(m, "auth_agent_store_batch_size_bucket{le=\"16\"} 1"));
    CHECK(says(m, "auth_agent_store_batch_size_bucket{le=\"32\"} 2"));
    CHECK(says(m, "auth_agent_store_batch_size_sum 33"));
    aa_metrics_free(m);
}

TEST(metrics, time_that_ran_backwards_counts_as_none)
{
    struct aa_metrics *m = metrics_new();

    aa_metrics_observe(m, AA_HISTOGRAM_STORE_READ, -5);
    CHECK(says(m, "auth_agent_store_duration_seconds_sum{operation=\"read\"} 0.000000"));
    CHECK(says(m, "auth_agent_store_duration_seconds_count{operation=\"read\"} 1"));
    aa_metrics_free(m);
}

TEST(metrics, a_table_is_told_once_it_was_counted)
{
    struct aa_metrics *m = metrics_new();

    CHECK(!says(m, "auth_agent_table_rows{table=\"users\"} 0"));
    aa_metrics_set_rows(m, "users", 0);
    aa_metrics_set_rows(m, "grants", 7);
    CHECK(says(m, "auth_agent_table_rows{table=\"users\"} 0"));
    aa_metrics_set_rows(m, "users", 3);
    CHECK(says(m, "auth_agent_table_rows{table=\"users\"} 3"));
    CHECK(says(m, "auth_agent_table_rows{table=\"grants\"} 7"));
    aa_metrics_free(m);
}

TEST(metrics, more_tables_than_there_is_room_for_are_left_out)
{
    struct aa_metrics *m = metrics_new();
    char names[AA_METRICS_TABLES_MAX + 1][16], line[64];

    for (int i = 0; i <= AA_METRICS_TABLES_MAX; i++) {
        snprintf(names[i], sizeof names[i], "t%d", i);
        aa_metrics_set_rows(m, names[i], i);
    }
    snprintf(line, sizeof line, "auth_agent_table_rows{table=\"t%d\"} %d", AA_METRICS_TABLES_MAX - 1,
             AA_METRICS_TABLES_MAX - 1);
    CHECK(says(m, line));
    snprintf(line, sizeof line, "auth_agent_table_rows{table=\"t%d\"} %d", AA_METRICS_TABLES_MAX,
             AA_METRICS_TABLES_MAX);
    CHECK(!says(m, line));
    aa_metrics_free(m);
}

static const struct aa_metrics_route two_routes[] = {{"GET", "/a"}, {"POST", "/b/:id"}};

TEST(metrics, answers_are_counted_by_route_and_status)
{
    struct aa_metrics *m = metrics_new();

    CHECK_OK(aa_metrics_set_routes(m, two_routes, 2, NULL));
    aa_metrics_request(m, 0, 200, 300);
    aa_metrics_request(m, 1, 503, 100);
    aa_metrics_request(m, 1, 503, 100);
    aa_metrics_request(m, SIZE_MAX, 404, 100);
    aa_metrics_request(m, 0, 299, 100);
    CHECK(says(m, "auth_agent_requests_total{method=\"GET\",route=\"/a\",status=\"200\"} 1"));
    CHECK(says(m, "auth_agent_requests_total{method=\"POST\",route=\"/b/:id\",status=\"503\"} 2"));
    CHECK(says(m, "auth_agent_requests_total{method=\"other\",route=\"other\",status=\"404\"} 1"));
    CHECK(says(m, "auth_agent_requests_total{method=\"GET\",route=\"/a\",status=\"other\"} 1"));
    CHECK(says(m, "auth_agent_request_duration_seconds_count{method=\"POST\",route=\"/b/:id\"} 2"));
    CHECK(says(m, "auth_agent_request_duration_seconds_bucket{method=\"GET\",route=\"/a\",le=\"0.00025\"} 1"));
    aa_metrics_free(m);
}

/* A TYPE line: copies the name. */
static bool is_type(struct aa_view line, char name[128])
{
    char type[16];

    if (sscanf(line.data, "# TYPE %127s %15s", name, type) != 2)
        return false;
    CHECK(strcmp(type, "counter") == 0 || strcmp(type, "gauge") == 0 || strcmp(type, "histogram") == 0);
    return true;
}

static void check_series(struct aa_view line, const char *name)
{
    const char *behind = memchr(line.data, '}', line.len);
    double number;

    CHECK(aa_view_has_prefix(line, VIEW(name)));
    behind = behind ? behind + 1 : memchr(line.data, ' ', line.len);
    CHECK(behind && sscanf(behind, " %lf", &number) == 1);
}

/* Every line a comment, or a series of the TYPE in front of it; no TYPE twice. */
TEST(metrics, the_text_is_of_the_format)
{
    struct aa_metrics *m = metrics_new();
    char names[64][128];
    size_t count = 0;
    struct aa_buf out;
    struct aa_view rest, line;

    CHECK_OK(aa_metrics_set_routes(m, two_routes, 2, NULL));
    aa_metrics_request(m, 0, 200, 1);
    aa_metrics_set_rows(m, "users", 1);
    out = written(m);
    rest = aa_buf_view(&out);
    while (aa_view_cut(rest, '\n', &line, &rest)) {
        CHECK(line.len > 0);
        if (is_type(line, names[count])) {
            for (size_t i = 0; i < count; i++)
                CHECK(strcmp(names[i], names[count]) != 0);
            CHECK(++count < sizeof names / sizeof *names);
        } else if (line.data[0] != '#') {
            check_series(line, names[count - 1]);
        }
    }
    CHECK_INT(line.len, 0); /* the last one has its end too */
    CHECK(count > 10);
    aa_buf_clear(&out);
    aa_metrics_free(m);
}

TEST(metrics, without_a_registry_nothing_is_counted_and_nothing_breaks)
{
    aa_metrics_count(NULL, AA_COUNT_LOCKOUTS);
    aa_metrics_move(NULL, AA_GAUGE_CONNECTIONS, 1);
    aa_metrics_set(NULL, AA_GAUGE_CONNECTIONS, 1);
    aa_metrics_observe(NULL, AA_HISTOGRAM_STORE_READ, 1);
    aa_metrics_set_rows(NULL, "users", 1);
    aa_metrics_request(NULL, 0, 200, 1);
    aa_metrics_free(NULL);
}

#define THREADS 8
#define TIMES 20000

static void *count_often(void *arg)
{
    for (int i = 0; i < TIMES; i++) {
        aa_metrics_count(arg, AA_COUNT_LOCKOUTS);
        aa_metrics_observe(arg, AA_HISTOGRAM_STORE_READ, 1);
    }
    return NULL;
}

TEST(metrics, threads_that_count_at_once_lose_nothing)
{
    struct aa_metrics *m = metrics_new();
    pthread_t threads[THREADS];
    char line[128];

    for (int i = 0; i < THREADS; i++)
        CHECK_INT(pthread_create(&threads[i], NULL, count_often, m), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    snprintf(line, sizeof line, "auth_agent_lockouts_total %d", THREADS * TIMES);
    CHECK(says(m, line));
    snprintf(line, sizeof line, "auth_agent_store_duration_seconds_count{operation=\"read\"} %d", THREADS * TIMES);
    CHECK(says(m, line));
    aa_metrics_free(m);
}

/* ---- what the listener counts ---- */

static const struct aa_metrics_route web_routes[] = {
    {"GET", "/hello"}, {"GET", "/seen/:id"}, {"POST", "/echo"}, {"POST", "/slow"}, {"GET", "/gate"}};

static struct aa_metrics *web_start_counting(struct web *w)
{
    struct aa_metrics *m = metrics_new();

    CHECK_OK(aa_metrics_set_routes(m, web_routes, sizeof web_routes / sizeof *web_routes, NULL));
    web_start_with(w, (struct aa_listener_options){.workers = 1, .metrics = m});
    return m;
}

/* The answer is counted before it is sent, the end of its connection afterwards: hence the waiting. */
static void wait_says(const struct aa_metrics *m, const char *line)
{
    for (int waited = 0; !says(m, line); waited += 5) {
        if (waited > PATIENCE_MS)
            fail_msg("the metrics never said: %s", line);
        usleep(5000);
    }
}

TEST(metrics, the_listener_counts_what_it_answered_under_the_routes_pattern)
{
    struct web w;
    struct aa_metrics *m = web_start_counting(&w);
    struct web_answer answer;

    CHECK_INT(web_ask(&w, "GET /seen/42?key=value HTTP/1.1\r\nHost: h\r\n\r\n", &answer), 200);
    CHECK_INT(web_ask(&w, "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 90000\r\n\r\n", &answer), 413);
    CHECK_INT(web_ask(&w, "GET /none HTTP/1.1\r\nHost: h\r\n\r\n", &answer), 404);
    CHECK(says(m, "auth_agent_requests_total{method=\"GET\",route=\"/seen/:id\",status=\"200\"} 1"));
    CHECK(says(m, "auth_agent_requests_total{method=\"POST\",route=\"/echo\",status=\"413\"} 1"));
    CHECK(says(m, "auth_agent_requests_total{method=\"other\",route=\"other\",status=\"404\"} 1"));
    CHECK(says(m, "auth_agent_request_duration_seconds_count{method=\"GET\",route=\"/seen/:id\"} 1"));
    web_stop(&w);
    CHECK(says(m, "auth_agent_connections 0"));
    aa_metrics_free(m);
}

TEST(metrics, the_listener_tells_what_is_open_runs_and_waits)
{
    struct web w;
    struct aa_metrics *m = web_start_counting(&w);
    struct web_answer answer;
    int first = web_connect(&w), second = web_connect(&w);

    web_send(first, "GET /gate HTTP/1.1\r\nHost: h\r\n\r\n");
    web_wait_waiting(&w, 1); /* the only worker has it */
    web_send(second, "GET /gate HTTP/1.1\r\nHost: h\r\n\r\n");
    web_wait_queued(&w, 2);
    wait_says(m, "auth_agent_connections 2");
    wait_says(m, "auth_agent_requests_running 2");
    wait_says(m, "auth_agent_workers_waiting 1");
    web_open_gate(&w);
    web_read(first, &answer, false);
    web_read(second, &answer, false);
    wait_says(m, "auth_agent_requests_running 0");
    wait_says(m, "auth_agent_workers_waiting 0");
    close(first);
    close(second);
    wait_says(m, "auth_agent_connections 0");
    web_stop(&w);
    aa_metrics_free(m);
}

/* ---- the endpoint ---- */

TEST(metrics, they_are_served_as_text_on_a_listener_of_their_own)
{
    struct aa_app app = {.metrics = metrics_new()};
    struct aa_router router = aa_endpoint_metrics_router(&app);
    struct aa_request request = {.method = AA_METHOD_GET, .path = AA_VIEW("/metrics"), .query = AA_VIEW_ABSENT};
    struct aa_response response;

    aa_response_init(&response, AA_METRICS_TEXT_MAX);
    aa_router_dispatch(&router, &request, &response);
    CHECK_INT(response.status, 200);
    CHECK_VIEW(aa_response_find_header(&response, "Content-Type"), "text/plain; version=0.0.4; charset=utf-8");
    CHECK(strstr(aa_buf_text(&response.body), "\nauth_agent_connections 0\n") != NULL);
    aa_response_reset(&response);
    request.path = AA_VIEW("/healthz");
    aa_router_dispatch(&router, &request, &response);
    CHECK_INT(response.status, 404);
    aa_response_clear(&response);
    aa_metrics_free(app.metrics);
}

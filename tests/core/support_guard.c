#include "support_guard.h"

#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <time.h>

#define LOG_MAX (256 * 1024)

static pthread_mutex_t log_lock = PTHREAD_MUTEX_INITIALIZER;
static char log_text[LOG_MAX];
static size_t log_len;

static void keep_line(void *ctx, int level, const char *message)
{
    static const char *const levels[] = {"debug", "info", "warning", "error"};

    (void)ctx;
    pthread_mutex_lock(&log_lock);
    if (log_len + strlen(message) + 16 < LOG_MAX)
        log_len += (size_t)snprintf(log_text + log_len, LOG_MAX - log_len, "%s: %s\n", levels[level], message);
    pthread_mutex_unlock(&log_lock);
}

static void clear_log(void)
{
    pthread_mutex_lock(&log_lock);
    log_text[0] = '\0';
    log_len = 0;
    pthread_mutex_unlock(&log_lock);
}

int logged(const char *part)
{
    int count = 0;

    pthread_mutex_lock(&log_lock);
    for (const char *line = log_text; *line; line += strcspn(line, "\n") + 1) {
        const char *found = strstr(line, part);

        count += found && found < line + strcspn(line, "\n");
    }
    pthread_mutex_unlock(&log_lock);
    return count;
}

void stage_publish_metadata(struct stage *stage, bool with_keys)
{
    char text[1024];

    snprintf(text, sizeof text,
             "{\"issuer\":\"%s\",\"authorization_endpoint\":\"%s/authorize\",\"token_endpoint\":\"%s/token\","
             "\"introspection_endpoint\":\"%s" INTROSPECT "\",\"response_types_supported\":[\"code\"]%s%s%s}",
             stage->issuer, stage->issuer, stage->issuer, stage->issuer, with_keys ? ",\"jwks_uri\":\"" : "",
             with_keys ? stage->issuer : "", with_keys ? KEYS "\"" : "");
    http_server_set(stage->server, METADATA, 200, text, NULL, 0);
}

static void publish(struct stage *stage)
{
    stage_publish_metadata(stage, false);
    http_server_set(stage->server, REGISTRATION, 200,
                    "{\"server_id\":\"srv_test\",\"server_url\":\"" RESOURCE
                    "\",\"server_name\":\"Test Server\",\"scopes\":[\"files:read\"]}",
                    NULL, 0);
    http_server_set(stage->server, INTROSPECT, 200, "{\"active\":false}", NULL, 0);
}

void stage_open(struct stage *stage)
{
    clear_log();
    aa_guard_set_log(keep_line, NULL);
    *stage = (struct stage){.server = http_server_start(0)};
    snprintf(stage->issuer, sizeof stage->issuer, "http://127.0.0.1:%d", http_server_port(stage->server));
    publish(stage);
    CHECK_OK(aa_queue_new_fd(&stage->queue, NULL));
}

void stage_guard(struct stage *stage, const char *more)
{
    struct aa_error err = AA_ERROR_INIT;
    char options[2048];

    snprintf(options, sizeof options, "{\"server_id\":\"srv_test\",\"api_key\":\"sk_test\",\"auth_server\":\"%s\"%s}",
             stage->issuer, more);
    if (aa_guard_new(VIEW(options), &stage->guard, &err))
        fail_msg("no guard: %s", err.message);
}

void stage_set(struct stage *stage, const char *more)
{
    char members[1536];

    stage_open(stage);
    snprintf(members, sizeof members, ",\"resource\":\"" RESOURCE "\",\"required_scopes\":[\"files:read\"]%s", more);
    stage_guard(stage, members);
}

void stage_clear(struct stage *stage)
{
    aa_guard_release(stage->guard);
    aa_queue_free(stage->queue);
    if (stage->server)
        http_server_stop(stage->server);
    *stage = (struct stage){0};
    CHECK_INT(logged("sk_test"), 0); /* whatever happened in this test, no secret is in the log */
    CHECK_INT(logged("token-"), 0);
    aa_guard_set_log(NULL, NULL);
}

void stage_kill_server(struct stage *stage)
{
    http_server_stop(stage->server);
    stage->server = NULL;
}

void stage_restart_server(struct stage *stage)
{
    int port = 0;

    CHECK_INT(sscanf(stage->issuer, "http://127.0.0.1:%d", &port), 1);
    stage->server = http_server_start(port);
    publish(stage);
}

struct aa_guard_request request_with(const char *token)
{
    static _Thread_local char authorization[16384];
    struct aa_guard_request request = {.method = VIEW("GET"), .path = VIEW("/mcp")};

    if (token) {
        snprintf(authorization, sizeof authorization, "Bearer %s", token);
        request.authorization = VIEW(authorization);
    }
    return request;
}

enum aa_err ask(struct stage *stage, const char *token)
{
    struct aa_guard_request request = request_with(token);
    struct aa_verdict verdict = {0};
    enum aa_err code;

    aa_guard_check_wait(stage->guard, &request, &verdict);
    code = verdict.code;
    CHECK(verdict.kind != AA_VERDICT_PENDING);
    CHECK((verdict.kind == AA_VERDICT_ALLOW) == (verdict.principal != NULL));
    CHECK((verdict.kind == AA_VERDICT_ANSWER) == (verdict.answer != NULL));
    aa_verdict_clear(&verdict);
    return code;
}

struct aa_view header_of(const struct aa_answer *answer, const char *wanted)
{
    struct aa_view name;
    struct aa_view value;

    for (size_t i = 0; i < aa_answer_header_count(answer); i++) {
        aa_answer_header(answer, i, &name, &value);
        if (aa_view_equal_text(name, wanted))
            return value;
    }
    return AA_VIEW_ABSENT;
}

void take_one(struct aa_queue *queue, struct aa_completion *out)
{
    struct pollfd readable = {.fd = aa_queue_fd(queue), .events = POLLIN};

    for (int i = 0; i < 100; i++) {
        if (aa_queue_take(queue, out, 1))
            return;
        poll(&readable, 1, 100);
    }
    fail_msg("no completion within 10 s");
}

void await_waiting(struct stage *stage, const char *path, int count)
{
    for (int i = 0; i < 1000; i++) {
        if (http_server_waiting(stage->server, path) >= count)
            return;
        sleep_ms(10);
    }
    fail_msg("no %d requests of %s within 10 s", count, path);
}

uint64_t send_off(struct stage *stage, const char *token)
{
    struct aa_guard_request request = request_with(token);
    uint64_t ticket = 0;

    CHECK_OK(aa_guard_check_async(stage->guard, &request, stage->queue, (void *)(uintptr_t)token, &ticket, NULL));
    CHECK(ticket != 0);
    return ticket;
}

void sleep_ms(int ms)
{
    const struct timespec time = {ms / 1000, ms % 1000 * 1000000L};

    nanosleep(&time, NULL);
}

struct aa_guard_stats stats_of(struct stage *stage)
{
    struct aa_guard_stats stats;

    aa_guard_get_stats(stage->guard, &stats);
    return stats;
}

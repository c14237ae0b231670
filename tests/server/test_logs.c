/* What the log says, in both of its forms, and what it never says. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "domain/app.h"
#include "main/log.h"
#include "support_shell.h"
#include "support_web.h"

#define NOW_MS INT64_C(1800000000000) /* 2027-01-15T08:00:00Z */

static const struct aa_log as_text = {.is_json = false}, as_json = {.is_json = true};

static void check_message(const struct aa_log *log, int level, const char *request_id, const char *message,
                          const char *wanted)
{
    struct aa_buf line;

    aa_buf_init(&line, AA_LOG_LINE_MAX);
    aa_log_add_message(&line, log, NOW_MS, level, request_id, message);
    CHECK_TEXT(aa_buf_text(&line), wanted);
    aa_buf_clear(&line);
}

TEST(logs, a_line_is_time_level_request_and_message)
{
    check_message(&as_text, 1, NULL, "stopping", "2027-01-15T08:00:00Z info stopping\n");
    check_message(&as_text, 2, "abc", "slow", "2027-01-15T08:00:00Z warning [abc] slow\n");
    check_message(&as_text, 3, "", "broken", "2027-01-15T08:00:00Z error broken\n");
}

TEST(logs, as_json_the_parts_are_members)
{
    check_message(&as_json, 1, NULL, "stopping",
                  "{\"time\":\"2027-01-15T08:00:00Z\",\"level\":\"info\",\"message\":\"stopping\"}\n");
    check_message(&as_json, 2, "abc", "a \"b\" \\ c\n",
                  "{\"time\":\"2027-01-15T08:00:00Z\",\"level\":\"warning\",\"request_id\":\"abc\","
                  "\"message\":\"a \\\"b\\\" \\\\ c\\n\"}\n");
}

TEST(logs, an_answer_is_method_route_status_and_time)
{
    const struct aa_access access = {"abc", "GET", "/api/servers/:id", 404, 1234};
    struct aa_buf line;

    aa_buf_init(&line, AA_LOG_LINE_MAX);
    aa_log_add_access(&line, &as_text, NOW_MS, &access);
    CHECK_TEXT(aa_buf_text(&line), "2027-01-15T08:00:00Z info [abc] GET /api/servers/:id 404 1.234 ms\n");
    aa_buf_reset(&line);
    aa_log_add_access(&line, &as_json, NOW_MS, &access);
    CHECK_TEXT(aa_buf_text(&line),
               "{\"time\":\"2027-01-15T08:00:00Z\",\"level\":\"info\",\"request_id\":\"abc\",\"message\":\"request\","
               "\"method\":\"GET\",\"route\":\"/api/servers/:id\",\"status\":404,\"duration_ms\":1.234}\n");
    aa_buf_clear(&line);
}

/* ---- the request a line belongs to ---- */

struct kept {
    char request_id[32], message[64];
};

static void keep(void *ctx, int level, const char *request_id, const char *message)
{
    struct kept *kept = ctx;

    (void)level;
    snprintf(kept->request_id, sizeof kept->request_id, "%s", request_id ? request_id : "none");
    snprintf(kept->message, sizeof kept->message, "%s", message);
}

TEST(logs, what_is_said_for_a_request_carries_its_id)
{
    struct kept kept;
    struct aa_app app = {.log = keep, .ctx = &kept};

    aa_app_log(&app, 2, NULL, "outside");
    CHECK_TEXT(kept.request_id, "none");
    app.who.request_id = "r1";
    aa_app_log(&app, 2, NULL, "inside");
    CHECK_TEXT(kept.request_id, "r1");
    aa_app_log(&app, 2, "r2", "named");
    CHECK_TEXT(kept.request_id, "r2");
}

TEST(logs, a_message_cannot_make_a_second_line)
{
    struct kept kept;
    struct aa_app app = {.log = keep, .ctx = &kept};

    aa_app_log(&app, 2, NULL, "one%stwo", "\r\n\x1b");
    CHECK_TEXT(kept.message, "one???two");
}

/* ---- the listener's ---- */

static void keep_access(void *ctx, const struct aa_access *access)
{
    struct web *w = ctx;

    pthread_mutex_lock(&w->lock);
    snprintf(w->log, sizeof w->log, "%s %s %d %d", access->method, access->route, access->status,
             access->duration_us >= 0);
    pthread_mutex_unlock(&w->lock);
}

static void check_access(struct web *w, const char *request, const char *wanted)
{
    struct web_answer answer;

    web_ask(w, request, &answer);
    pthread_mutex_lock(&w->lock);
    CHECK_TEXT(w->log, wanted);
    pthread_mutex_unlock(&w->lock);
}

TEST(logs, the_listener_names_the_route_and_never_what_the_client_wrote)
{
    struct web w;

    web_start_with(&w, (struct aa_listener_options){.access = keep_access});
    check_access(&w, "GET /seen/secret?code=secret HTTP/1.1\r\nHost: h\r\n\r\n", "GET /seen/:id 200 1");
    check_access(&w, "GET /secret HTTP/1.1\r\nHost: h\r\n\r\n", "GET - 404 1");
    check_access(&w, "SECRET /hello HTTP/1.1\r\nHost: h\r\n\r\n", "OTHER - 405 1");
    check_access(&w, "POST /slow HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi", "POST /slow 200 1");
    check_access(&w, "HEAD /hello HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", "HEAD /hello 200 1");
    web_stop(&w);
}

/* ---- a whole server ---- */

static size_t read_log(const struct shell *s, char *out, size_t size)
{
    char path[96];
    FILE *file;
    size_t len;

    snprintf(path, sizeof path, "%s/log", s->folder);
    file = fopen(path, "r");
    CHECK(file != NULL);
    len = fread(out, 1, size - 1, file);
    out[len] = '\0';
    fclose(file);
    return len;
}

/* Every line is one JSON object; gives how many there are. */
static size_t check_lines(struct aa_view log)
{
    struct aa_view line;
    size_t count = 0;

    while (aa_view_cut(log, '\n', &line, &log)) {
        struct aa_json *json = NULL;

        CHECK_OK(aa_json_parse(line, AA_LOG_LINE_MAX, &json, NULL));
        CHECK(!aa_view_is_absent(aa_json_text(aa_json_get(json, "message"))));
        aa_json_free(json);
        count++;
    }
    return count;
}

static void serve_and_ask(struct shell *s, char *log, size_t size)
{
    struct shell_server server;

    shell_serve(s, &server);
    shell_http(s, &server, "GET", "/authorize?client_id=cl_secret&state=secret", "Cookie: session=secret\r\n", "");
    shell_http(s, &server, "POST", "/token", "Authorization: Basic c2VjcmV0OnNlY3JldA==\r\n", "code=secret");
    CHECK_INT(shell_stop(&server, SIGTERM), 0);
    read_log(s, log, size);
}

TEST(logs, a_server_that_is_told_so_logs_answers_as_json_without_secrets)
{
    char log[16384];
    struct shell s;

    shell_open(&s);
    setenv("AUTH_AGENT_LOG_FORMAT", "json", 1);
    setenv("AUTH_AGENT_ACCESS_LOG", "on", 1);
    serve_and_ask(&s, log, sizeof log);
    unsetenv("AUTH_AGENT_LOG_FORMAT");
    unsetenv("AUTH_AGENT_ACCESS_LOG");
    CHECK(check_lines(VIEW(log)) >= 3);
    CHECK(strstr(log, "\"method\":\"GET\",\"route\":\"/authorize\",\"status\":400") != NULL);
    CHECK(strstr(log, "\"method\":\"POST\",\"route\":\"/token\",\"status\":4") != NULL);
    CHECK(strstr(log, "secret") == NULL);
    CHECK(strstr(log, "c2VjcmV0") == NULL);
    shell_close(&s);
}

TEST(logs, answers_are_not_logged_unless_asked_for)
{
    char log[16384];
    struct shell s;

    shell_open(&s);
    serve_and_ask(&s, log, sizeof log);
    CHECK(strstr(log, "/token") == NULL);
    CHECK(strstr(log, " info stopping\n") != NULL);
    shell_close(&s);
}

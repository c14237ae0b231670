/* The authorization server in trouble: always 503 with Retry-After and no challenge, never remembered, and over by
 * itself. */
#include <stdio.h>

#include "net/breaker.h"
#include "net/clock.h"
#include "net/core.h"
#include "support_guard.h"

static int calls(struct stage *stage)
{
    return http_server_hits(stage->server, INTROSPECT);
}

static void check_is_503(struct stage *stage, const char *token, enum aa_err wanted)
{
    struct aa_guard_request request = request_with(token);
    struct aa_verdict verdict = {0};

    aa_guard_check_wait(stage->guard, &request, &verdict);
    CHECK_ERR(verdict.code, wanted);
    CHECK_INT(verdict.kind, AA_VERDICT_ANSWER);
    CHECK_INT(aa_answer_status(verdict.answer), 503);
    CHECK_VIEW(header_of(verdict.answer, "retry-after"), "5");
    CHECK_VIEW(header_of(verdict.answer, "cache-control"), "no-store");
    CHECK(aa_view_is_absent(header_of(verdict.answer, "www-authenticate")));
    aa_verdict_clear(&verdict);
}

/* The server gives this answer; afterwards it is well again, and the very next request is let in: nothing was kept. */
static void check_trouble(int status, const char *body, const char *headers, enum aa_err wanted)
{
    struct stage stage;

    stage_set(&stage, "");
    http_server_set(stage.server, INTROSPECT, status, body, headers, 0);
    check_is_503(&stage, "token-1", wanted);
    CHECK_INT(stats_of(&stage).entries + stats_of(&stage).negative_entries, 0);
    CHECK_INT(stats_of(&stage).remote_errors, 1);
    http_server_set(stage.server, INTROSPECT, 200, ACTIVE("files:read"), NULL, 0);
    CHECK_OK(ask(&stage, "token-1"));
    stage_clear(&stage);
}

TEST(guard_outage, an_error_status_is_503)
{
    check_trouble(500, "{}", NULL, AA_ERR_REMOTE_STATUS);
    check_trouble(502, "", NULL, AA_ERR_REMOTE_STATUS);
    check_trouble(503, "{}", "Retry-After: 1\r\n", AA_ERR_REMOTE_STATUS);
    check_trouble(429, "{}", NULL, AA_ERR_REMOTE_STATUS);
    check_trouble(400, "{}", NULL, AA_ERR_REMOTE_STATUS);
    check_trouble(201, ACTIVE("files:read"), NULL, AA_ERR_REMOTE_STATUS);
}

TEST(guard_outage, an_unusable_answer_is_503)
{
    check_trouble(200, "", NULL, AA_ERR_REMOTE_PROTOCOL);
    check_trouble(200, "[]", NULL, AA_ERR_REMOTE_PROTOCOL);
    check_trouble(200, "{}", NULL, AA_ERR_REMOTE_PROTOCOL);
    check_trouble(200, "{\"active\":\"true\"}", NULL, AA_ERR_REMOTE_PROTOCOL);
    check_trouble(200, "{\"active\":true,\"active\":true}", NULL, AA_ERR_REMOTE_PROTOCOL);
    check_trouble(200, "{\"active\":true,\"sub\":\"\xff\"}", NULL, AA_ERR_REMOTE_PROTOCOL);
    check_trouble(200, "{\"active\":true,\"exp\":\"1\"}", NULL, AA_ERR_REMOTE_PROTOCOL);
}

TEST(guard_outage, refused_credentials_are_503_and_one_loud_line)
{
    struct stage stage;

    check_trouble(401, "{}", NULL, AA_ERR_REMOTE_CREDENTIALS);
    check_trouble(403, "{}", NULL, AA_ERR_REMOTE_CREDENTIALS);
    stage_set(&stage, "");
    http_server_set(stage.server, INTROSPECT, 401, "{}", "WWW-Authenticate: Basic realm=\"x\"\r\n", 0);
    for (int i = 0; i < 20; i++)
        check_is_503(&stage, "token-1", AA_ERR_REMOTE_CREDENTIALS);
    CHECK_INT(calls(&stage), 20);
    CHECK_INT(logged("refused server_id and api_key"), 1);
    aa_clock_advance(61000);
    check_is_503(&stage, "token-1", AA_ERR_REMOTE_CREDENTIALS);
    CHECK_INT(logged("refused server_id and api_key"), 2);
    stage_clear(&stage);
}

TEST(guard_outage, a_server_that_hangs_up_is_503)
{
    check_trouble(0, "", NULL, AA_ERR_REMOTE_UNREACHABLE);
    check_trouble(0, "HTTP/1.1 200 X\r\nContent-Length: 100\r\n\r\n{\"active\":", NULL, AA_ERR_REMOTE_UNREACHABLE);
}

TEST(guard_outage, what_is_no_http_is_503)
{
    check_trouble(0, "SSH-2.0-OpenSSH_9.2\r\n", NULL, AA_ERR_REMOTE_PROTOCOL);
}

TEST(guard_outage, a_slow_server_is_503_when_the_time_is_over)
{
    struct stage stage;

    stage_set(&stage, ",\"timeout\":0.3");
    http_server_hold(stage.server, INTROSPECT);
    check_is_503(&stage, "token-1", AA_ERR_REMOTE_TIMEOUT);
    http_server_let_go(stage.server, INTROSPECT);
    http_server_set(stage.server, INTROSPECT, 200, ACTIVE("files:read"), NULL, 0);
    CHECK_OK(ask(&stage, "token-1"));
    stage_clear(&stage);
}

TEST(guard_outage, a_dead_server_is_503_for_new_tokens_and_cached_ones_go_on)
{
    struct stage stage;

    stage_set(&stage, "");
    http_server_set_token(stage.server, "token-1", ACTIVE("files:read"));
    CHECK_OK(ask(&stage, "token-1"));
    stage_kill_server(&stage);
    check_is_503(&stage, "token-2", AA_ERR_REMOTE_UNREACHABLE);
    CHECK_OK(ask(&stage, "token-1"));
    stage_restart_server(&stage);
    http_server_set_token(stage.server, "token-2", ACTIVE("files:read"));
    CHECK_OK(ask(&stage, "token-2"));
    stage_clear(&stage);
}

/* ---- the breaker ------------------------------------------------------------------------------------------------ */

static void break_circuit(struct stage *stage)
{
    stage_kill_server(stage);
    for (int i = 0; i < AA_BREAKER_FAILURES; i++)
        check_is_503(stage, "token-1", AA_ERR_REMOTE_UNREACHABLE);
    check_is_503(stage, "token-1", AA_ERR_REMOTE_BREAKER);
    CHECK_INT(stats_of(stage).breaker_opened, 1);
}

TEST(guard_outage, the_breaker_opens_and_spares_the_server_calls)
{
    struct stage stage;

    stage_set(&stage, "");
    CHECK_ERR(ask(&stage, "token-0"), AA_ERR_TOKEN_INACTIVE);
    break_circuit(&stage);
    CHECK_INT(logged("not asking it for a while"), 1);
    stage_restart_server(&stage);
    for (int i = 0; i < 10; i++)
        check_is_503(&stage, "token-1", AA_ERR_REMOTE_BREAKER);
    CHECK_INT(calls(&stage), 0);
    stage_clear(&stage);
}

TEST(guard_outage, one_probe_closes_it_again)
{
    struct aa_completion completion;
    struct stage stage;

    stage_set(&stage, "");
    CHECK_ERR(ask(&stage, "token-0"), AA_ERR_TOKEN_INACTIVE);
    break_circuit(&stage);
    stage_restart_server(&stage);
    http_server_set(stage.server, INTROSPECT, 200, ACTIVE("files:read"), NULL, 0);
    http_server_hold(stage.server, INTROSPECT);
    aa_clock_advance(AA_BREAKER_PAUSE_MS);
    send_off(&stage, "token-1");
    await_waiting(&stage, INTROSPECT, 1);
    check_is_503(&stage, "token-2", AA_ERR_REMOTE_BREAKER); /* while the probe is under way */
    CHECK_INT(calls(&stage), 1);
    http_server_let_go(stage.server, INTROSPECT);
    take_one(stage.queue, &completion);
    CHECK_ERR(completion.verdict.code, AA_OK);
    aa_verdict_clear(&completion.verdict);
    CHECK_OK(ask(&stage, "token-2"));
    CHECK_OK(ask(&stage, "token-3"));
    CHECK_INT(calls(&stage), 3);
    stage_clear(&stage);
}

TEST(guard_outage, a_probe_that_fails_keeps_it_open)
{
    struct stage stage;

    stage_set(&stage, "");
    CHECK_ERR(ask(&stage, "token-0"), AA_ERR_TOKEN_INACTIVE);
    break_circuit(&stage);
    aa_clock_advance(AA_BREAKER_PAUSE_MS);
    check_is_503(&stage, "token-1", AA_ERR_REMOTE_UNREACHABLE);
    check_is_503(&stage, "token-1", AA_ERR_REMOTE_BREAKER);
    aa_clock_advance(2 * AA_BREAKER_PAUSE_MS);
    check_is_503(&stage, "token-1", AA_ERR_REMOTE_UNREACHABLE);
    stage_clear(&stage);
}

TEST(guard_outage, error_statuses_do_not_open_it)
{
    struct stage stage;

    stage_set(&stage, "");
    http_server_set(stage.server, INTROSPECT, 500, "{}", NULL, 0);
    for (int i = 0; i < 3 * AA_BREAKER_FAILURES; i++)
        check_is_503(&stage, "token-1", AA_ERR_REMOTE_STATUS);
    CHECK_INT(calls(&stage), 3 * AA_BREAKER_FAILURES);
    CHECK_INT(stats_of(&stage).breaker_opened, 0);
    stage_clear(&stage);
}

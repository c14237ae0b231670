/* The guard before a play-acted authorization server: what is asked, what is remembered, and in which order things are
 * checked. The bytes of every answer are in tests/vectors/guard.json. */
#include <stdio.h>
#include <time.h>

#include "base/mem.h"
#include "net/clock.h"
#include "support_guard.h"

#define TOKEN "token-1"

static int calls(struct stage *stage)
{
    return http_server_hits(stage->server, INTROSPECT);
}

/* An active answer for our resource with these members besides. */
static void let_in(struct stage *stage, const char *token, const char *members)
{
    char body[1024];

    snprintf(body, sizeof body, "{\"active\":true,\"sub\":\"usr_1\",\"aud\":\"" RESOURCE "\"%s}", members);
    http_server_set_token(stage->server, token, body);
}

#define READ ",\"scope\":\"files:read\""

/* ---- what is asked ---------------------------------------------------------------------------------------------- */

TEST(guard, a_good_token_is_let_in_with_what_was_said_of_it)
{
    struct aa_guard_request request = request_with(TOKEN);
    struct aa_verdict verdict = {0};
    struct stage stage;

    stage_set(&stage, "");
    http_server_set_token(stage.server, TOKEN, ACTIVE("files:read files:write"));
    aa_guard_check_wait(stage.guard, &request, &verdict);
    CHECK_INT(verdict.kind, AA_VERDICT_ALLOW);
    CHECK_VIEW(aa_principal_id(verdict.principal), "usr_1");
    CHECK_VIEW(aa_principal_email(verdict.principal), "ann@example.com");
    CHECK_VIEW(aa_principal_client_id(verdict.principal), "cl_1");
    CHECK_VIEW(aa_principal_resource(verdict.principal), RESOURCE);
    aa_verdict_clear(&verdict);
    stage_clear(&stage);
}

TEST(guard, the_question_is_a_form_with_our_credentials_and_nothing_secret_in_the_url)
{
    char head[2048];
    char body[2048];
    struct stage stage;

    stage_set(&stage, "");
    http_server_set_token(stage.server, "token-%2B%2F%3D", ACTIVE("files:read"));
    CHECK_OK(ask(&stage, "token-+/="));
    http_server_last(stage.server, INTROSPECT, head, sizeof head, body, sizeof body);
    CHECK_INT(strncmp(head, "POST " INTROSPECT " HTTP/1.1\r\n", strlen("POST " INTROSPECT " HTTP/1.1\r\n")), 0);
    CHECK_TEXT(body, "token=token-%2B%2F%3D&token_type_hint=access_token");
    CHECK(strstr(head, "\r\nAuthorization: Basic c3J2X3Rlc3Q6c2tfdGVzdA==\r\n"));
    CHECK(strstr(head, "\r\nContent-Type: application/x-www-form-urlencoded\r\n"));
    CHECK(strstr(head, "\r\nAccept: application/json\r\n"));
    stage_clear(&stage);
}

/* RFC 6749 §2.3.1: both are form-encoded before they become HTTP Basic. "a:b" and "p%" here. */
TEST(guard, credentials_are_form_encoded)
{
    struct stage stage;
    char options[1024];
    char head[2048];
    char body[2048];

    stage_open(&stage);
    snprintf(options, sizeof options,
             "{\"server_id\":\"a:b\",\"api_key\":\"p%%\",\"auth_server\":\"%s\",\"resource\":\"" RESOURCE "\"}",
             stage.issuer);
    CHECK_OK(aa_guard_new(VIEW(options), &stage.guard, NULL));
    CHECK_ERR(ask(&stage, TOKEN), AA_ERR_TOKEN_INACTIVE);
    http_server_last(stage.server, INTROSPECT, head, sizeof head, body, sizeof body);
    CHECK(strstr(head, "\r\nAuthorization: Basic YSUzQWI6cCUyNQ==\r\n")); /* a%3Ab:p%25 */
    stage_clear(&stage);
}

TEST(guard, without_a_token_or_with_a_malformed_one_nobody_is_asked)
{
    struct stage stage;

    stage_set(&stage, "");
    CHECK_ERR(ask(&stage, NULL), AA_ERR_TOKEN_ABSENT);
    CHECK_ERR(ask(&stage, ""), AA_ERR_CREDENTIALS_MALFORMED);
    CHECK_ERR(ask(&stage, "a b"), AA_ERR_CREDENTIALS_MALFORMED);
    CHECK_ERR(ask(&stage, "token-1, Bearer token-2"), AA_ERR_CREDENTIALS_DUPLICATE);
    CHECK_ERR(ask(&stage, "token-\xC3\xA9"), AA_ERR_TOKEN_FORMAT);
    CHECK_INT(calls(&stage), 0);
    CHECK_ERR(ask(&stage, TOKEN), AA_ERR_TOKEN_INACTIVE);
    CHECK_INT(calls(&stage), 1);
    stage_clear(&stage);
}

/* ---- what is remembered ----------------------------------------------------------------------------------------- */

TEST(guard, a_good_token_is_asked_about_once_in_a_cache_ttl)
{
    struct stage stage;

    stage_set(&stage, ",\"cache_ttl\":30");
    let_in(&stage, TOKEN, READ);
    for (int i = 0; i < 5; i++)
        CHECK_OK(ask(&stage, TOKEN));
    CHECK_INT(calls(&stage), 1);
    aa_clock_advance(29000);
    CHECK_OK(ask(&stage, TOKEN));
    CHECK_INT(calls(&stage), 1);
    aa_clock_advance(2000);
    CHECK_OK(ask(&stage, TOKEN));
    CHECK_INT(calls(&stage), 2);
    CHECK_INT(stats_of(&stage).hits, 5);
    stage_clear(&stage);
}

TEST(guard, with_a_cache_ttl_of_zero_every_request_is_asked_about)
{
    struct stage stage;

    stage_set(&stage, ",\"cache_ttl\":0");
    let_in(&stage, TOKEN, READ);
    for (int i = 1; i <= 3; i++) {
        CHECK_OK(ask(&stage, TOKEN));
        CHECK_INT(calls(&stage), i);
    }
    CHECK_ERR(ask(&stage, "token-bad"), AA_ERR_TOKEN_INACTIVE);
    CHECK_ERR(ask(&stage, "token-bad"), AA_ERR_TOKEN_INACTIVE);
    CHECK_INT(calls(&stage), 5);
    stage_clear(&stage);
}

TEST(guard, a_refused_token_is_remembered_for_seconds_only)
{
    struct stage stage;

    stage_set(&stage, "");
    CHECK_ERR(ask(&stage, TOKEN), AA_ERR_TOKEN_INACTIVE);
    CHECK_ERR(ask(&stage, TOKEN), AA_ERR_TOKEN_INACTIVE);
    CHECK_INT(calls(&stage), 1);
    let_in(&stage, TOKEN, READ);
    aa_clock_advance(6000);
    CHECK_OK(ask(&stage, TOKEN));
    CHECK_INT(calls(&stage), 2);
    stage_clear(&stage);
}

TEST(guard, a_cached_token_ends_at_its_exp)
{
    char members[128];
    struct stage stage;

    stage_set(&stage, ",\"cache_ttl\":3600");
    snprintf(members, sizeof members, READ ",\"exp\":%lld", (long long)aa_clock_now().wall_s + 100);
    let_in(&stage, TOKEN, members);
    CHECK_OK(ask(&stage, TOKEN));
    aa_clock_advance(90000);
    CHECK_OK(ask(&stage, TOKEN));
    CHECK_INT(calls(&stage), 1);
    aa_clock_advance(11000);
    CHECK_ERR(ask(&stage, TOKEN), AA_ERR_TOKEN_EXPIRED); /* though its server still says that it is active */
    stage_clear(&stage);
}

/* The facts are cached, not the verdict: another route, another tool, another verdict, and no second question. */
TEST(guard, one_answer_serves_requests_that_need_different_scopes)
{
    struct aa_guard_request request;
    struct aa_verdict verdict = {0};
    struct stage stage;

    stage_set(&stage, ",\"tools\":{\"write\":[\"files:write\"]}");
    let_in(&stage, TOKEN, READ);
    CHECK_OK(ask(&stage, TOKEN));
    request = request_with(TOKEN);
    request.method = VIEW("POST");
    request.body = VIEW("{\"method\":\"tools/call\",\"params\":{\"name\":\"write\"}}");
    aa_guard_check(stage.guard, &request, &verdict);
    CHECK_INT(verdict.kind, AA_VERDICT_ANSWER);
    CHECK_ERR(verdict.code, AA_ERR_SCOPE_INSUFFICIENT);
    CHECK_INT(aa_answer_status(verdict.answer), 403);
    CHECK(memmem(header_of(verdict.answer, "www-authenticate").data, header_of(verdict.answer, "www-authenticate").len,
                 "scope=\"files:read files:write\"", 30));
    aa_verdict_clear(&verdict);
    request.body = VIEW("{\"method\":\"tools/call\",\"params\":{\"name\":\"read\"}}");
    aa_guard_check(stage.guard, &request, &verdict);
    CHECK_INT(verdict.kind, AA_VERDICT_ALLOW);
    aa_verdict_clear(&verdict);
    CHECK_INT(calls(&stage), 1);
    stage_clear(&stage);
}

TEST(guard, tokens_for_others_and_tokens_that_reach_too_short_are_asked_about_once)
{
    struct stage stage;

    stage_set(&stage, "");
    http_server_set_token(stage.server, "token-other",
                          "{\"active\":true,\"aud\":\"https://other.example\",\"scope\":\"files:read\"}");
    http_server_set_token(stage.server, "token-issuer",
                          "{\"active\":true,\"iss\":\"https://other.example\",\"aud\":\"" RESOURCE "\"}");
    let_in(&stage, "token-short", ",\"scope\":\"x\"");
    for (int i = 0; i < 3; i++) {
        CHECK_ERR(ask(&stage, "token-other"), AA_ERR_TOKEN_AUDIENCE);
        CHECK_ERR(ask(&stage, "token-issuer"), AA_ERR_TOKEN_ISSUER);
        CHECK_ERR(ask(&stage, "token-short"), AA_ERR_SCOPE_INSUFFICIENT);
    }
    CHECK_INT(calls(&stage), 3);
    stage_clear(&stage);
}

TEST(guard, why_a_token_was_meant_for_others_is_told_to_the_log_alone)
{
    struct aa_guard_request request = request_with("token-other");
    struct aa_verdict verdict = {0};
    struct stage stage;

    stage_set(&stage, "");
    http_server_set_token(stage.server, "token-other", "{\"active\":true,\"aud\":\"https://other.example\"}");
    aa_guard_check_wait(stage.guard, &request, &verdict);
    CHECK_ERR(verdict.code, AA_ERR_TOKEN_AUDIENCE);
    CHECK(!memmem(aa_answer_body(verdict.answer).data, aa_answer_body(verdict.answer).len, "audience", 8));
    CHECK_INT(logged("its audience is not " RESOURCE), 1);
    aa_verdict_clear(&verdict);
    stage_clear(&stage);
}

TEST(guard, check_audience_off_is_loud)
{
    struct stage stage;

    stage_set(&stage, ",\"check_audience\":false");
    CHECK_INT(logged("check_audience is off"), 1);
    http_server_set_token(stage.server, "token-other",
                          "{\"active\":true,\"aud\":\"https://other.example\",\"scope\":\"files:read\"}");
    CHECK_OK(ask(&stage, "token-other"));
    stage_clear(&stage);
}

/* ---- the order of checks ---------------------------------------------------------------------------------------- */

TEST(guard, the_request_is_judged_before_the_authorization_server_is_needed)
{
    struct stage stage;

    stage_set(&stage, "");
    stage_kill_server(&stage);
    CHECK_ERR(ask(&stage, NULL), AA_ERR_TOKEN_ABSENT);
    CHECK_ERR(ask(&stage, "a b"), AA_ERR_CREDENTIALS_MALFORMED);
    CHECK_ERR(ask(&stage, "\"\""), AA_ERR_TOKEN_FORMAT);
    stage_clear(&stage);
}

TEST(guard, time_issuer_audience_body_scope_in_this_order)
{
    struct aa_guard_request request;
    struct aa_verdict verdict = {0};
    struct stage stage;

    stage_set(&stage, ",\"tools\":{\"write\":[\"files:write\"]}");
    http_server_set_token(stage.server, "token-1", "{\"active\":true,\"exp\":1,\"iss\":\"x\",\"aud\":\"x\"}");
    http_server_set_token(stage.server, "token-2", "{\"active\":true,\"iss\":\"x\",\"aud\":\"x\"}");
    http_server_set_token(stage.server, "token-3", "{\"active\":true,\"aud\":\"x\"}");
    http_server_set_token(stage.server, "token-4", "{\"active\":true,\"aud\":\"" RESOURCE "\"}");
    CHECK_ERR(ask(&stage, "token-1"), AA_ERR_TOKEN_EXPIRED);
    CHECK_ERR(ask(&stage, "token-2"), AA_ERR_TOKEN_ISSUER);
    CHECK_ERR(ask(&stage, "token-3"), AA_ERR_TOKEN_AUDIENCE);
    CHECK_ERR(ask(&stage, "token-4"), AA_ERR_SCOPE_INSUFFICIENT);
    request = request_with("token-4");
    request.method = VIEW("POST");
    request.body = VIEW("{");
    aa_guard_check_wait(stage.guard, &request, &verdict);
    CHECK_ERR(verdict.code, AA_ERR_JSON_MALFORMED);
    aa_verdict_clear(&verdict);
    request = request_with("token-3");
    request.method = VIEW("POST");
    request.body = VIEW("{");
    aa_guard_check_wait(stage.guard, &request, &verdict);
    CHECK_ERR(verdict.code, AA_ERR_TOKEN_AUDIENCE);
    aa_verdict_clear(&verdict);
    stage_clear(&stage);
}

TEST(guard, metadata_preflight_and_public_paths_come_before_tokens)
{
    struct aa_guard_request request = request_with("a b");
    struct aa_verdict verdict = {0};
    struct stage stage;

    stage_set(&stage, ",\"public_paths\":[\"/health\",\"/.well-known/oauth-protected-resource\"]");
    request.path = VIEW("/health");
    aa_guard_check(stage.guard, &request, &verdict);
    CHECK_INT(verdict.kind, AA_VERDICT_PASS);
    request.path = VIEW("/.well-known/oauth-protected-resource"); /* ours, even when it is listed as public */
    aa_guard_check(stage.guard, &request, &verdict);
    CHECK_INT(verdict.kind, AA_VERDICT_ANSWER);
    CHECK_INT(aa_answer_status(verdict.answer), 200);
    aa_verdict_clear(&verdict);
    request.path = VIEW("/mcp");
    request.method = VIEW("OPTIONS");
    request.preflight_method = VIEW("POST");
    aa_guard_check(stage.guard, &request, &verdict);
    CHECK_INT(verdict.kind, AA_VERDICT_PASS);
    request.preflight_method = AA_VIEW_ABSENT;
    aa_guard_check(stage.guard, &request, &verdict);
    CHECK_ERR(verdict.code, AA_ERR_CREDENTIALS_MALFORMED);
    aa_verdict_clear(&verdict);
    stage_clear(&stage);
}

/* ---- routes with demands of their own --------------------------------------------------------------------------- */

static enum aa_err check_route(struct stage *stage, struct aa_principal *principal, const char *scopes,
                               const char *challenged)
{
    struct aa_verdict verdict = {0};
    enum aa_err code;

    aa_guard_check_scopes(stage->guard, principal, VIEW(scopes), &verdict);
    code = verdict.code;
    CHECK((verdict.kind == AA_VERDICT_ALLOW) == (code == AA_OK));
    if (code)
        CHECK(memmem(header_of(verdict.answer, "www-authenticate").data,
                     header_of(verdict.answer, "www-authenticate").len, challenged, strlen(challenged)));
    else
        CHECK(verdict.principal == principal);
    aa_verdict_clear(&verdict);
    return code;
}

TEST(guard, a_route_may_need_more_and_its_challenge_lists_everything)
{
    struct aa_guard_request request = request_with(TOKEN);
    struct aa_verdict verdict = {0};
    struct stage stage;

    stage_set(&stage, "");
    let_in(&stage, TOKEN, ",\"scope\":\"files:read mail:*\"");
    aa_guard_check_wait(stage.guard, &request, &verdict);
    CHECK_INT(verdict.kind, AA_VERDICT_ALLOW);
    CHECK_OK(check_route(&stage, verdict.principal, "", ""));
    CHECK_OK(check_route(&stage, verdict.principal, "mail:send", ""));
    CHECK_ERR(check_route(&stage, verdict.principal, "files:write", "scope=\"files:read files:write\""),
              AA_ERR_SCOPE_INSUFFICIENT);
    CHECK_ERR(check_route(&stage, NULL, "files:write", "Bearer scope=\"files:read files:write\""), AA_ERR_TOKEN_ABSENT);
    aa_verdict_clear(&verdict);
    stage_clear(&stage);
}

TEST(guard, a_route_that_demands_nonsense_is_the_applications_fault)
{
    struct aa_guard_request request = request_with(TOKEN);
    struct aa_verdict allowed = {0};
    struct aa_verdict verdict = {0};
    struct stage stage;

    stage_set(&stage, "");
    let_in(&stage, TOKEN, READ);
    aa_guard_check_wait(stage.guard, &request, &allowed);
    aa_guard_check_scopes(stage.guard, allowed.principal, VIEW("a\"b"), &verdict);
    CHECK_INT(verdict.kind, AA_VERDICT_ANSWER);
    CHECK_INT(aa_answer_status(verdict.answer), 503);
    aa_verdict_clear(&verdict);
    aa_verdict_clear(&allowed);
    stage_clear(&stage);
}

/* ---- bodies ----------------------------------------------------------------------------------------------------- */

TEST(guard, bodies_are_wanted_only_where_a_tool_has_scopes)
{
    struct stage stage;

    stage_set(&stage, ",\"tools\":{\"t\":[\"x\"]},\"max_body\":1000");
    CHECK(aa_guard_wants_body(stage.guard, VIEW("POST")));
    CHECK(!aa_guard_wants_body(stage.guard, VIEW("GET")));
    CHECK_INT(aa_guard_max_body(stage.guard), 1000);
    stage_clear(&stage);
    stage_set(&stage, "");
    CHECK(!aa_guard_wants_body(stage.guard, VIEW("POST")));
    stage_clear(&stage);
}

TEST(guard, a_body_that_is_too_large_is_answered_413)
{
    struct aa_answer *answer;
    struct stage stage;

    stage_set(&stage, ",\"tools\":{\"t\":[\"x\"]}");
    CHECK_OK(aa_guard_refuse_body(stage.guard, &answer, NULL));
    CHECK_INT(aa_answer_status(answer), 413);
    CHECK(aa_view_is_absent(header_of(answer, "www-authenticate")));
    aa_answer_release(answer);
    stage_clear(&stage);
}

TEST(guard, a_body_travels_with_a_request_that_must_wait)
{
    struct aa_guard_request request;
    struct aa_verdict verdict = {0};
    struct stage stage;

    stage_set(&stage, ",\"tools\":{\"write\":[\"files:write\"]}");
    let_in(&stage, TOKEN, READ);
    request = request_with(TOKEN);
    request.method = VIEW("POST");
    request.content_type = VIEW("application/json");
    request.body = VIEW("{\"method\":\"tools/call\",\"params\":{\"name\":\"write\"}}");
    aa_guard_check_wait(stage.guard, &request, &verdict); /* not cached: goes over the I/O thread */
    CHECK_ERR(verdict.code, AA_ERR_SCOPE_INSUFFICIENT);
    aa_verdict_clear(&verdict);
    stage_clear(&stage);
}

/* ---- the hot path ----------------------------------------------------------------------------------------------- */

TEST(guard, a_hit_allocates_nothing_and_does_not_wait)
{
    struct aa_guard_request request = request_with(TOKEN);
    struct aa_verdict verdict = {0};
    struct stage stage;

    stage_set(&stage, "");
    let_in(&stage, TOKEN, READ);
    aa_guard_check(stage.guard, &request, &verdict);
    CHECK_INT(verdict.kind, AA_VERDICT_PENDING);
    CHECK_OK(ask(&stage, TOKEN));
    request = request_with(TOKEN);
    aa_mem_fail_at(0, false);
    for (int i = 0; i < 100; i++) {
        aa_guard_check(stage.guard, &request, &verdict);
        CHECK_INT(verdict.kind, AA_VERDICT_ALLOW);
        aa_verdict_clear(&verdict);
    }
    CHECK_INT(aa_mem_count(), 0);
    stage_clear(&stage);
}

TEST(guard, a_refusal_that_was_given_before_allocates_nothing)
{
    struct aa_guard_request request = request_with("token-bad");
    struct aa_verdict verdict = {0};
    struct stage stage;

    stage_set(&stage, "");
    CHECK_ERR(ask(&stage, "token-bad"), AA_ERR_TOKEN_INACTIVE);
    aa_mem_fail_at(0, false);
    aa_guard_check(stage.guard, &request, &verdict);
    CHECK_ERR(verdict.code, AA_ERR_TOKEN_INACTIVE);
    aa_verdict_clear(&verdict);
    CHECK_INT(aa_mem_count(), 0);
    stage_clear(&stage);
}

/* ---- making one ------------------------------------------------------------------------------------------------- */

TEST(guard, wrong_options_are_told_when_it_is_made)
{
    struct aa_error err = AA_ERROR_INIT;
    struct aa_guard *guard;

    CHECK_ERR(aa_guard_new(VIEW("{\"server_id\":\"s\",\"api_key\":\"k\",\"cache_tll\":1}"), &guard, &err),
              AA_ERR_OPTION_UNKNOWN);
    CHECK(strstr(err.message, "cache_ttl"));
    CHECK_ERR(aa_guard_new(VIEW("{}"), &guard, NULL), AA_ERR_OPTION_MISSING);
}

TEST(guard, two_guards_share_nothing)
{
    struct stage stage;
    struct stage other;

    stage_set(&stage, "");
    stage_set(&other, "");
    let_in(&stage, TOKEN, READ);
    CHECK_OK(ask(&stage, TOKEN));
    CHECK_ERR(ask(&other, TOKEN), AA_ERR_TOKEN_INACTIVE);
    stage_clear(&other);
    stage_clear(&stage);
}

TEST(guard, a_second_owner_keeps_it_alive)
{
    struct stage stage;

    stage_set(&stage, "");
    let_in(&stage, TOKEN, READ);
    aa_guard_release(aa_guard_acquire(stage.guard));
    CHECK_OK(ask(&stage, TOKEN));
    stage_clear(&stage);
}

TEST(guard, the_counters_count)
{
    struct aa_guard_stats stats;
    struct stage stage;

    stage_set(&stage, "");
    let_in(&stage, TOKEN, READ);
    CHECK_OK(ask(&stage, TOKEN));
    CHECK_OK(ask(&stage, TOKEN));
    CHECK_ERR(ask(&stage, "token-bad"), AA_ERR_TOKEN_INACTIVE);
    stats = stats_of(&stage);
    CHECK_INT(stats.hits, 1);
    CHECK_INT(stats.misses, 2);
    CHECK_INT(stats.introspections, 2);
    CHECK_INT(stats.refused, 1);
    CHECK_INT(stats.entries, 1);
    CHECK_INT(stats.negative_entries, 1);
    CHECK_INT(stats.joined, 0);
    CHECK_INT(stats.dropped, 0);
    CHECK(aa_version()[0] != '\0');
    stage_clear(&stage);
}

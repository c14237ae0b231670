/* Every allocation of the guard failed in turn: an error when it is made, a 503 when it is asked, and well again once
 * there is memory. */
#include <stdio.h>

#include "base/mem.h"
#include "support_guard.h"

#define IN_A_ROW 20 /* runs in which nothing failed any more: its I/O thread allocates too, at its own time */
#define NTH_MAX 2000

#define OPTIONS                                                                                                        \
    ",\"resource\":\"" RESOURCE "\",\"required_scopes\":[\"files:read\"],\"tools\":{\"write\":[\"files:write\"]}"

static enum aa_err make(struct stage *stage)
{
    char options[1024];

    snprintf(options, sizeof options, "{\"server_id\":\"srv_test\",\"api_key\":\"sk_test\",\"auth_server\":\"%s\"%s}",
             stage->issuer, OPTIONS);
    return aa_guard_new(VIEW(options), &stage->guard, NULL);
}

/* The I/O thread makes up for what failed within two seconds. */
static void check_is_well(struct stage *stage, const char *token)
{
    enum aa_err code = AA_ERR_NOMEM;

    for (int i = 0; i < 500 && code; i++) {
        code = ask(stage, token);
        if (code)
            sleep_ms(10);
    }
    CHECK_ERR(code, AA_OK);
}

TEST(guard_memory, making_a_guard_fails_cleanly_or_gives_one_that_works)
{
    struct stage stage;
    int well = 0;
    size_t nth;

    stage_open(&stage);
    http_server_set(stage.server, INTROSPECT, 200, ACTIVE("files:read"), NULL, 0);
    for (nth = 1; well < IN_A_ROW && nth < NTH_MAX; nth++) {
        enum aa_err code;

        aa_mem_fail_at(nth, false);
        code = make(&stage);
        aa_mem_fail_at(0, false);
        if (code) {
            CHECK_ERR(code, AA_ERR_NOMEM);
            well = 0;
            continue;
        }
        check_is_well(&stage, "token-1");
        aa_guard_release(stage.guard);
        stage.guard = NULL;
        well++;
    }
    CHECK_INT(well, IN_A_ROW);
    CHECK(nth > IN_A_ROW + 10);
    stage_clear(&stage);
}

static struct aa_guard_request write_request(const char *token)
{
    struct aa_guard_request request = request_with(token);

    request.method = VIEW("POST");
    request.mcp_name = VIEW("=?base64?d3JpdGU=?=");
    request.body = VIEW("{\"method\":\"tools/call\",\"params\":{\"name\":\"write\"}}");
    return request;
}

/* Asks while the nth allocation fails, and all after it if `keep`. True when none was asked for that could have. */
static bool ask_short_of_memory(struct stage *stage, const char *token, size_t nth, bool keep, enum aa_err wanted)
{
    struct aa_guard_request request = write_request(token);
    struct aa_verdict verdict = {0};
    bool enough;

    aa_mem_fail_at(nth, keep);
    aa_guard_check_wait(stage->guard, &request, &verdict);
    enough = aa_mem_count() < nth;
    aa_mem_fail_at(0, false);
    if (verdict.code != wanted) {
        CHECK(!enough);
        CHECK_INT(verdict.kind, AA_VERDICT_ANSWER);
        CHECK_INT(aa_answer_status(verdict.answer), 503);
    }
    aa_verdict_clear(&verdict);
    return enough;
}

static void check_asking(const char *answer, bool keep, enum aa_err wanted)
{
    struct stage stage;
    int well = 0;
    size_t nth;

    stage_open(&stage);
    http_server_set(stage.server, INTROSPECT, 200, answer, NULL, 0);
    CHECK_OK(make(&stage));
    (void)ask(&stage, "token-0"); /* now it knows where to ask */
    for (nth = 1; well < IN_A_ROW && nth < NTH_MAX; nth++) {
        char token[32];

        snprintf(token, sizeof token, "token-%zu", nth);
        well = ask_short_of_memory(&stage, token, nth, keep, wanted) ? well + 1 : 0;
    }
    CHECK_INT(well, IN_A_ROW);
    CHECK(nth > IN_A_ROW + 5);
    stage_clear(&stage);
}

TEST(guard_memory, asking_short_of_memory_is_503_and_never_lets_in_or_blames_the_token)
{
    check_asking(ACTIVE("files:read files:write"), false, AA_OK);
    check_asking(ACTIVE("files:read files:write"), true, AA_OK);
    check_asking(ACTIVE("files:read"), false, AA_ERR_SCOPE_INSUFFICIENT);
    check_asking(ACTIVE("files:read"), true, AA_ERR_SCOPE_INSUFFICIENT);
    check_asking("{\"active\":false}", false, AA_ERR_TOKEN_INACTIVE);
    check_asking("{\"active\":false}", true, AA_ERR_TOKEN_INACTIVE);
}

TEST(guard_memory, a_route_checked_short_of_memory_is_503)
{
    struct aa_guard_request request = request_with("token-1");
    struct aa_verdict allowed = {0};
    struct aa_verdict verdict = {0};
    struct stage stage;

    stage_set(&stage, "");
    http_server_set(stage.server, INTROSPECT, 200, ACTIVE("files:read"), NULL, 0);
    aa_guard_check_wait(stage.guard, &request, &allowed);
    aa_mem_fail_at(1, true);
    aa_guard_check_scopes(stage.guard, allowed.principal, VIEW("files:write"), &verdict);
    aa_mem_fail_at(0, false);
    CHECK_INT(verdict.kind, AA_VERDICT_ANSWER);
    CHECK_INT(aa_answer_status(verdict.answer), 503);
    aa_verdict_clear(&verdict);
    aa_verdict_clear(&allowed);
    stage_clear(&stage);
}

TEST(guard_memory, an_asynchronous_check_says_so_and_delivers_nothing)
{
    struct aa_guard_request request = request_with("token-1");
    struct aa_completion completion;
    struct stage stage;

    stage_set(&stage, "");
    for (size_t nth = 1; nth <= 2; nth++) {
        aa_mem_fail_at(nth, false);
        CHECK_ERR(aa_guard_check_async(stage.guard, &request, stage.queue, NULL, NULL, NULL), AA_ERR_NOMEM);
        aa_mem_fail_at(0, false);
    }
    sleep_ms(20);
    CHECK_INT(aa_queue_take(stage.queue, &completion, 1), 0);
    CHECK_ERR(ask(&stage, "token-1"), AA_ERR_TOKEN_INACTIVE);
    stage_clear(&stage);
}

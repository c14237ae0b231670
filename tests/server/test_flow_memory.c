/* Out of memory anywhere on the way: 503 with Retry-After, nothing leaks (the sanitizer looks), nothing is half done.
 */
#include <stdio.h>

#include "base/mem.h"
#include "endpoint/endpoint.h"
#include "support_flow.h"

static const char form[] = "application/x-www-form-urlencoded";

/* The status with the nth allocation failing; *reached tells whether there were that many. */
static int send_failing(struct flow *flow, const struct flow_request *request, size_t nth, bool *reached)
{
    int status;

    aa_response_clear(&flow->response);
    aa_mem_fail_at(nth, false);
    status = flow_send_to(flow, request, &flow->response);
    *reached = aa_mem_count() >= nth;
    aa_mem_fail_at(0, false);
    return status;
}

/* Past the handler only headers that the router adds can be left out; it says so, and the answer stands. */
static bool is_complained(const struct flow *flow, int status)
{
    return status == 200 && flow->response.complaint != NULL;
}

static void check_trouble(struct flow *flow, int status, size_t nth)
{
    if (is_complained(flow, status))
        return;
    if (status != 503)
        fail_msg("allocation %zu ended in %d: %s", nth, status, aa_buf_text(&flow->response.body));
    CHECK(strstr(aa_buf_text(&flow->response.body), "temporarily_unavailable") != NULL);
    CHECK(flow_header(flow, "Retry-After").len > 0);
}

FLOW_TEST(memory, introspection_answers_503_whichever_allocation_fails)
{
    char access[FLOW_TOKEN_MAX], refresh[FLOW_TOKEN_MAX], body[FLOW_TOKEN_MAX * 2], authorization[256];
    struct flow_request request = {
        .method = AA_METHOD_POST, .path = "/introspect", .authorization = authorization, .content_type = form};
    size_t failed = 0;
    bool reached = true;

    flow_keys(flow);
    flow_tokens(flow, access, refresh);
    CHECK(flow_is_active(flow, access));
    snprintf(authorization, sizeof authorization, "Bearer %s", flow->key);
    flow_form(body, sizeof body, "token", access, NULL);
    request.body = VIEW(body);
    for (size_t nth = 1; reached; nth++) {
        int status = send_failing(flow, &request, nth, &reached);

        if (!reached)
            CHECK_INT(status, 200);
        else
            check_trouble(flow, status, nth);
        failed += reached;
    }
    CHECK(failed >= 5);
    CHECK(flow_is_active(flow, access));
}

/* A refresh token is good again after every failure: what failed was rolled back, or the window gives it once more. */
FLOW_TEST(memory, a_refresh_answers_503_whichever_allocation_fails_and_may_be_tried_again)
{
    char access[FLOW_TOKEN_MAX], refresh[FLOW_TOKEN_MAX], body[FLOW_TOKEN_MAX];
    struct flow_request request = {.method = AA_METHOD_POST, .path = "/token", .content_type = form};
    size_t failed = 0;
    bool reached = true;

    flow_keys(flow);
    flow_tokens(flow, access, refresh);
    for (size_t nth = 1; reached; nth++) {
        int status;

        flow_form(body, sizeof body, "grant_type", "refresh_token", "client_id", flow->client_id, "refresh_token",
                  refresh, NULL);
        request.body = VIEW(body);
        status = send_failing(flow, &request, nth, &reached);
        if (!reached)
            CHECK_INT(status, 200);
        else
            check_trouble(flow, status, nth);
        failed += reached;
        CHECK_INT(flow_refresh(flow, refresh), 200);
        flow_copy(flow, "refresh_token", refresh);
    }
    CHECK(failed >= 10);
}

/* A code, too: the answer is written before the code is spent. */
FLOW_TEST(memory, a_code_is_not_lost_with_an_allocation_that_fails)
{
    char code[128], body[1024];
    struct flow_request request = {.method = AA_METHOD_POST, .path = "/token", .content_type = form};
    size_t failed = 0;
    bool reached = true;

    for (size_t nth = 1; reached; nth++) {
        int status;

        flow_code(flow, code);
        flow_form(body, sizeof body, "grant_type", "authorization_code", "client_id", flow->client_id, "code", code,
                  "redirect_uri", REDIRECT, "code_verifier", VERIFIER, NULL);
        request.body = VIEW(body);
        status = send_failing(flow, &request, nth, &reached);
        if (!reached) {
            CHECK_INT(status, 200);
            continue;
        }
        failed++;
        check_trouble(flow, status, nth);
        if (status == 503)
            CHECK_INT(flow_redeem(flow, code), 200);
    }
    CHECK(failed >= 10);
}

FLOW_TEST(memory, the_table_of_routes_is_made_whole_or_not_at_all)
{
    enum aa_err rc = AA_ERR_NOMEM;
    size_t failed = 0;

    aa_endpoint_router_clear(&flow->router);
    for (size_t nth = 1; rc; nth++) {
        aa_mem_fail_at(nth, false);
        rc = aa_endpoint_router_init(&flow->router, &flow->f.app, NULL);
        aa_mem_fail_at(0, false);
        failed += rc != AA_OK;
        CHECK((rc == AA_OK) == (flow->router.routes != NULL));
        CHECK((rc == AA_OK) == (flow->f.app.metadata != NULL));
    }
    CHECK(failed >= 3);
    CHECK_INT(flow_get(flow, "/healthz"), 200);
}

/* GET and POST /userinfo: who the bearer acts for. */
#include <stdio.h>

#include "support_flow.h"

static int ask(struct flow *flow, enum aa_method method, const char *authorization)
{
    return flow_send(flow,
                     &(struct flow_request){.method = method, .path = "/userinfo", .authorization = authorization});
}

static const char *bearer(const char *token)
{
    static char out[FLOW_TOKEN_MAX + 16];

    snprintf(out, sizeof out, "Bearer %s", token);
    return out;
}

static void check_denied(struct flow *flow, int status, const char *challenge)
{
    CHECK_INT(flow->response.status, status);
    CHECK_VIEW(flow_header(flow, "WWW-Authenticate"), challenge);
    CHECK(flow_text(flow, "error").len > 0);
    CHECK(!flow_has(flow, "sub"));
}

#define INACTIVE "Bearer error=\"invalid_token\", error_description=\"The access token is expired or revoked\""

FLOW_TEST(userinfo, a_live_token_tells_who_it_acts_for)
{
    char access[FLOW_TOKEN_MAX], refresh[FLOW_TOKEN_MAX];
    static const enum aa_method methods[] = {AA_METHOD_GET, AA_METHOD_POST};

    flow_tokens(flow, access, refresh);
    for (size_t i = 0; i < 2; i++) {
        CHECK_INT(ask(flow, methods[i], bearer(access)), 200);
        CHECK_VIEW(flow_text(flow, "sub"), flow->user_id);
        CHECK_VIEW(flow_text(flow, "email"), "ann@example.com");
        CHECK_VIEW(flow_text(flow, "name"), "Ann Example");
        CHECK_VIEW(flow_header(flow, "Cache-Control"), "no-store");
        CHECK_VIEW(flow_header(flow, "Access-Control-Allow-Origin"), "*");
    }
}

static enum aa_err add_nameless(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    struct aa_user user = {.user_id = VIEW("usr_Bob"), .email = VIEW("bob@example.com"), .created_ms = 1};

    (void)ctx;
    return aa_user_create(conn, &user, err);
}

FLOW_TEST(userinfo, a_name_that_is_not_known_is_left_out)
{
    struct flow_grant grant;
    char access[FLOW_TOKEN_MAX];

    flow_write(flow, add_nameless, NULL);
    flow_grant_init(flow, &grant);
    grant.user_id = "usr_Bob";
    flow_grant_store(flow, &grant);
    CHECK_INT(flow_redeem(flow, grant.code), 200);
    flow_copy(flow, "access_token", access);
    CHECK_INT(ask(flow, AA_METHOD_GET, bearer(access)), 200);
    CHECK_VIEW(aa_buf_view(&flow->response.body), "{\"sub\":\"usr_Bob\",\"email\":\"bob@example.com\"}");
}

FLOW_TEST(userinfo, without_a_token_the_challenge_names_no_error)
{
    ask(flow, AA_METHOD_GET, NULL);
    check_denied(flow, 401, "Bearer");
    ask(flow, AA_METHOD_GET, "Basic dXNyOnB3");
    check_denied(flow, 401, "Bearer");
}

FLOW_TEST(userinfo, a_token_that_is_not_live_is_invalid)
{
    char access[FLOW_TOKEN_MAX], refresh[FLOW_TOKEN_MAX];

    flow_tokens(flow, access, refresh);
    ask(flow, AA_METHOD_GET, bearer(refresh));
    check_denied(flow, 401, INACTIVE);
    ask(flow, AA_METHOD_GET, bearer("a.b.c"));
    check_denied(flow, 401, INACTIVE);
    CHECK_INT(ask(flow, AA_METHOD_GET, bearer(access)), 200);
    flow_move(flow, 3600);
    ask(flow, AA_METHOD_GET, bearer(access));
    check_denied(flow, 401, INACTIVE);
}

FLOW_TEST(userinfo, a_disabled_person_is_told_of_no_more)
{
    char access[FLOW_TOKEN_MAX], refresh[FLOW_TOKEN_MAX];

    flow_tokens(flow, access, refresh);
    flow_disable_user(flow);
    ask(flow, AA_METHOD_GET, bearer(access));
    check_denied(flow, 401, INACTIVE);
}

FLOW_TEST(userinfo, malformed_credentials_are_a_bad_request)
{
    ask(flow, AA_METHOD_GET, "Bearer");
    check_denied(flow, 400,
                 "Bearer error=\"invalid_request\", error_description=\"The Authorization header is malformed\"");
    ask(flow, AA_METHOD_GET, "Bearer a, Bearer b");
    check_denied(flow, 400,
                 "Bearer error=\"invalid_request\", error_description=\"More than one set of credentials was sent\"");
}

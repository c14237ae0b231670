/* POST /register: what goes over the wire. The rules of registration have tests of their own. */
#include <stdio.h>

#include "support_flow.h"

#define GOOD "{\"redirect_uris\":[\"http://127.0.0.1/callback\"],\"client_name\":\"Editor\"}"

static int post(struct flow *flow, const char *body)
{
    return flow_post_raw(flow, "/register", "application/json", body);
}

FLOW_TEST(register, a_client_is_registered_and_told_what_is_set_and_nothing_else)
{
    CHECK_INT(post(flow, GOOD), 201);
    CHECK(aa_view_has_prefix(flow_text(flow, "client_id"), VIEW("cl_")));
    CHECK_VIEW(flow_text(flow, "client_name"), "Editor");
    CHECK_VIEW(flow_text(flow, "token_endpoint_auth_method"), "none");
    CHECK_INT(aa_json_len(aa_json_get(flow->json, "redirect_uris")), 1);
    CHECK_INT(flow_int(flow, "client_id_issued_at"), flow->f.now_ms / 1000);
    CHECK(!flow_has(flow, "client_secret"));
    CHECK(!flow_has(flow, "client_secret_expires_at"));
    CHECK(!flow_has(flow, "scope"));
    CHECK(!flow_has(flow, "client_uri"));
    CHECK(strstr(aa_buf_text(&flow->response.body), "null") == NULL);
    CHECK(strstr(aa_buf_text(&flow->response.body), "[]") == NULL);
    CHECK_VIEW(flow_header(flow, "Cache-Control"), "no-store");
    CHECK_VIEW(flow_header(flow, "Access-Control-Allow-Origin"), "*");
}

FLOW_TEST(register, the_same_request_again_gives_the_same_client)
{
    char first[FLOW_TOKEN_MAX];

    CHECK_INT(post(flow, GOOD), 201);
    flow_copy(flow, "client_id", first);
    CHECK_INT(flow_post_raw(flow, "/register", NULL, GOOD), 201);
    CHECK_VIEW(flow_text(flow, "client_id"), first);
}

FLOW_TEST(register, a_registered_client_may_redeem_and_refresh)
{
    struct flow_grant grant;
    char client_id[FLOW_TOKEN_MAX];

    CHECK_INT(post(flow, "{\"redirect_uris\":[\"" REDIRECT "\"],\"grant_types\":[\"authorization_code\","
                         "\"refresh_token\"]}"),
              201);
    flow_copy(flow, "client_id", client_id);
    flow_grant_init(flow, &grant);
    grant.client_id = client_id;
    flow_grant_store(flow, &grant);
    CHECK_INT(flow_post(flow, "/token", "grant_type", "authorization_code", "client_id", client_id, "code", grant.code,
                        "redirect_uri", REDIRECT, "code_verifier", VERIFIER, NULL),
              200);
    CHECK(flow_has(flow, "refresh_token"));
}

FLOW_TEST(register, what_cannot_be_registered_is_refused_by_its_name)
{
    post(flow, "{\"redirect_uris\":[\"javascript:alert(1)\"]}");
    flow_check_error(flow, 400, "invalid_redirect_uri");
    post(flow, "{}");
    flow_check_error(flow, 400, "invalid_redirect_uri");
    post(flow, "{\"redirect_uris\":\"http://127.0.0.1/\"}");
    flow_check_error(flow, 400, "invalid_client_metadata");
    post(flow, "redirect_uris=x");
    flow_check_error(flow, 400, "invalid_client_metadata");
    post(flow, "");
    flow_check_error(flow, 400, "invalid_client_metadata");
    CHECK_INT(post(flow, GOOD), 201);
}

FLOW_TEST(register, an_address_that_registers_too_much_is_told_to_wait)
{
    char body[128];
    int status = 201;

    for (int i = 0; i < 1000 && status == 201; i++) {
        snprintf(body, sizeof body, "{\"redirect_uris\":[\"http://127.0.0.1/%d\"]}", i);
        status = post(flow, body);
    }
    flow_check_error(flow, 429, "too_many_requests");
    CHECK(flow_header(flow, "Retry-After").len > 0);
}

FLOW_TEST(register, closed_registration_is_refused_and_not_advertised)
{
    CHECK_INT(flow_get(flow, "/.well-known/oauth-authorization-server"), 200);
    CHECK(flow_has(flow, "registration_endpoint"));
    flow->f.app.settings.registration = false;
    post(flow, GOOD);
    flow_check_error(flow, 403, "access_denied");
}

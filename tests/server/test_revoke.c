/* POST /revoke: a client gives back its own tokens, and nobody else's. */
#include <stdio.h>

#include "support_flow.h"

struct tokens {
    char access[FLOW_TOKEN_MAX], refresh[FLOW_TOKEN_MAX];
};

static struct tokens issue(struct flow *flow)
{
    struct tokens tokens;

    if (!flow->key[0])
        flow_keys(flow);
    flow_tokens(flow, tokens.access, tokens.refresh);
    return tokens;
}

static int revoke(struct flow *flow, const char *client_id, const char *token)
{
    return flow_post(flow, "/revoke", "client_id", client_id, "token", token, NULL);
}

static void check_dead(struct flow *flow, const struct tokens *tokens)
{
    CHECK(!flow_is_active(flow, tokens->access));
    flow_refresh(flow, tokens->refresh);
    flow_check_error(flow, 400, "invalid_grant");
}

static void check_alive(struct flow *flow, const struct tokens *tokens)
{
    CHECK(flow_is_active(flow, tokens->access));
    CHECK_INT(flow_refresh(flow, tokens->refresh), 200);
}

FLOW_TEST(revoke, a_refresh_token_given_back_ends_its_family_and_no_other)
{
    struct tokens one = issue(flow), other = issue(flow);

    CHECK_INT(revoke(flow, flow->client_id, one.refresh), 200);
    CHECK_VIEW(flow_header(flow, "Cache-Control"), "no-store");
    CHECK_VIEW(flow_header(flow, "Access-Control-Allow-Origin"), "*");
    check_dead(flow, &one);
    check_alive(flow, &other);
}

FLOW_TEST(revoke, an_access_token_given_back_ends_its_family_too)
{
    struct tokens one = issue(flow), other = issue(flow);

    CHECK_INT(revoke(flow, flow->client_id, one.access), 200);
    check_dead(flow, &one);
    check_alive(flow, &other);
}

FLOW_TEST(revoke, a_token_that_was_rotated_away_still_ends_its_family)
{
    struct tokens one = issue(flow);
    char old[FLOW_TOKEN_MAX];

    memcpy(old, one.refresh, sizeof old);
    CHECK_INT(flow_refresh(flow, one.refresh), 200);
    flow_copy(flow, "refresh_token", one.refresh);
    CHECK_INT(revoke(flow, flow->client_id, old), 200);
    check_dead(flow, &one);
}

FLOW_TEST(revoke, another_clients_token_is_refused_and_stays_as_it_is)
{
    struct tokens one = issue(flow);

    revoke(flow, flow->other_client_id, one.refresh);
    flow_check_error(flow, 400, "invalid_grant");
    revoke(flow, flow->other_client_id, one.access);
    flow_check_error(flow, 400, "invalid_grant");
    check_alive(flow, &one);
}

FLOW_TEST(revoke, who_does_not_say_which_client_it_is_revokes_nothing)
{
    struct tokens one = issue(flow);

    revoke(flow, NULL, one.refresh);
    flow_check_error(flow, 401, "invalid_client");
    revoke(flow, "cl_Unknown", one.refresh);
    flow_check_error(flow, 401, "invalid_client");
    check_alive(flow, &one);
}

FLOW_TEST(revoke, a_servers_key_revokes_nothing)
{
    struct tokens one = issue(flow);
    char authorization[256], body[FLOW_TOKEN_MAX + 64];
    struct flow_request request = {.method = AA_METHOD_POST,
                                   .path = "/revoke",
                                   .authorization = authorization,
                                   .content_type = "application/x-www-form-urlencoded"};

    flow_form(body, sizeof body, "token", one.refresh, "client_id", flow->client_id, NULL);
    request.body = VIEW(body);
    snprintf(authorization, sizeof authorization, "Bearer %s", flow->key);
    flow_send(flow, &request);
    flow_check_error(flow, 401, "invalid_client");
    CHECK_VIEW(flow_header(flow, "WWW-Authenticate"), "Basic realm=\"auth-agent\"");
    flow_post(flow, "/revoke", "client_id", flow->client_id, "client_secret", flow->key, "token", one.refresh, NULL);
    flow_check_error(flow, 401, "invalid_client");
    check_alive(flow, &one);
}

FLOW_TEST(revoke, an_unknown_token_is_no_error)
{
    static const char *const tokens[] = {"x", "rt_", "a.b.c", "rt_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
                                         "\xc3\xa9"};

    for (size_t i = 0; i < sizeof tokens / sizeof *tokens; i++)
        CHECK_INT(revoke(flow, flow->client_id, tokens[i]), 200);
}

FLOW_TEST(revoke, giving_back_twice_is_no_error)
{
    struct tokens one = issue(flow);

    CHECK_INT(revoke(flow, flow->client_id, one.refresh), 200);
    CHECK_INT(revoke(flow, flow->client_id, one.refresh), 200);
    CHECK_INT(revoke(flow, flow->client_id, one.access), 200);
}

FLOW_TEST(revoke, the_hint_need_not_be_right)
{
    struct tokens one = issue(flow);

    CHECK_INT(flow_post(flow, "/revoke", "client_id", flow->client_id, "token", one.refresh, "token_type_hint",
                        "access_token", NULL),
              200);
    check_dead(flow, &one);
}

FLOW_TEST(revoke, json_is_understood_as_well_as_a_form)
{
    struct tokens one = issue(flow);

    CHECK_INT(flow_post_json(flow, "/revoke", "client_id", flow->client_id, "token", one.refresh, NULL), 200);
    check_dead(flow, &one);
}

FLOW_TEST(revoke, a_missing_or_doubled_token_is_a_bad_request)
{
    revoke(flow, flow->client_id, NULL);
    flow_check_error(flow, 400, "invalid_request");
    flow_post(flow, "/revoke", "client_id", flow->client_id, "token", "a", "token", "b", NULL);
    flow_check_error(flow, 400, "invalid_request");
    CHECK_INT(revoke(flow, flow->client_id, "a"), 200);
}

/* POST /token with a code: each rule broken alone, beside a request in which nothing is wrong. */
#include <stdio.h>

#include "base/base64.h"
#include "support_flow.h"

/* A request for the code's tokens with every parameter as given; NULL leaves it out. */
struct exchange {
    const char *client_id, *code, *redirect_uri, *code_verifier, *resource;
};

static int exchange(struct flow *flow, const struct exchange *asked)
{
    return flow_post(flow, "/token", "grant_type", "authorization_code", "client_id", asked->client_id, "code",
                     asked->code, "redirect_uri", asked->redirect_uri, "code_verifier", asked->code_verifier,
                     "resource", asked->resource, NULL);
}

static struct exchange good_exchange(const struct flow *flow, const char *code)
{
    return (struct exchange){flow->client_id, code, REDIRECT, VERIFIER, NULL};
}

/* Is the code spent by what was just refused? Then it is worth nothing with everything right. */
static void check_spent(struct flow *flow, const char *code)
{
    flow_redeem(flow, code);
    flow_check_error(flow, 400, "invalid_grant");
}

/* ---- what is issued ---- */

FLOW_TEST(token, a_code_gives_an_access_token_and_a_refresh_token)
{
    char code[128];

    flow_code(flow, code);
    CHECK_INT(flow_redeem(flow, code), 200);
    CHECK(flow_text(flow, "access_token").len > 100);
    CHECK(aa_view_has_prefix(flow_text(flow, "refresh_token"), VIEW("rt_")));
    CHECK_VIEW(flow_text(flow, "token_type"), "Bearer");
    CHECK_INT(flow_int(flow, "expires_in"), 3600);
    CHECK_VIEW(flow_text(flow, "scope"), "files:read files:write");
    CHECK_VIEW(flow_header(flow, "Cache-Control"), "no-store");
    CHECK_VIEW(flow_header(flow, "Access-Control-Allow-Origin"), "*");
}

/* The claims of the answer's access token. */
static struct aa_json *claims_of(struct flow *flow, struct aa_buf *text)
{
    struct aa_view token = flow_text(flow, "access_token"), header, payload, signature;
    struct aa_json *claims = NULL;

    CHECK(aa_view_cut(token, '.', &header, &payload));
    CHECK(aa_view_cut(payload, '.', &payload, &signature));
    CHECK_OK(aa_base64url_decode(header, text, NULL));
    CHECK_OK(aa_json_parse(aa_buf_view(text), 8192, &claims, NULL));
    CHECK_VIEW(aa_json_text(aa_json_get(claims, "typ")), "at+jwt");
    CHECK_VIEW(aa_json_text(aa_json_get(claims, "alg")), "ES256");
    aa_json_free(claims);
    aa_buf_cut(text, 0);
    CHECK_OK(aa_base64url_decode(payload, text, NULL));
    CHECK_OK(aa_json_parse(aa_buf_view(text), 8192, &claims, NULL));
    return claims;
}

FLOW_TEST(token, an_access_token_is_a_jwt_of_rfc_9068)
{
    struct aa_json *claims;
    struct aa_buf text;
    char code[128];

    flow_code(flow, code);
    CHECK_INT(flow_redeem(flow, code), 200);
    aa_buf_init(&text, 8192);
    claims = claims_of(flow, &text);
    CHECK_VIEW(aa_json_text(aa_json_get(claims, "iss")), ISSUER);
    CHECK_VIEW(aa_json_text(aa_json_get(claims, "sub")), flow->user_id);
    CHECK_VIEW(aa_json_text(aa_json_get(claims, "aud")), RESOURCE);
    CHECK_VIEW(aa_json_text(aa_json_get(claims, "client_id")), flow->client_id);
    CHECK_VIEW(aa_json_text(aa_json_get(claims, "scope")), "files:read files:write");
    CHECK_INT(aa_json_text(aa_json_get(claims, "jti")).len, 22);
    CHECK_INT(aa_json_int(aa_json_get(claims, "iat")), flow->f.now_ms / 1000);
    CHECK_INT(aa_json_int(aa_json_get(claims, "exp")), flow->f.now_ms / 1000 + 3600);
    aa_json_free(claims);
    aa_buf_clear(&text);
}

FLOW_TEST(token, lifetimes_come_from_the_settings)
{
    char code[128];

    flow->f.app.settings.access_ttl_s = 90;
    flow_code(flow, code);
    CHECK_INT(flow_redeem(flow, code), 200);
    CHECK_INT(flow_int(flow, "expires_in"), 90);
}

FLOW_TEST(token, json_is_understood_as_well_as_a_form)
{
    char code[128];

    flow_code(flow, code);
    CHECK_INT(flow_post_json(flow, "/token", "grant_type", "authorization_code", "client_id", flow->client_id, "code",
                             code, "redirect_uri", REDIRECT, "code_verifier", VERIFIER, NULL),
              200);
    CHECK(flow_text(flow, "access_token").len > 0);
}

static enum aa_err add_plain_client(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    struct aa_client client = {.client_id = VIEW(ctx),
                               .redirect_uris = VIEW("[\"" REDIRECT "\"]"),
                               .grant_types = VIEW("authorization_code"),
                               .source = VIEW("cli"),
                               .created_ms = 1};

    return aa_client_create(conn, &client, err);
}

FLOW_TEST(token, a_client_without_the_grant_gets_no_refresh_token)
{
    char plain[] = "cl_Plain";
    struct flow_grant grant;

    flow_write(flow, add_plain_client, plain);
    flow_grant_init(flow, &grant);
    grant.client_id = plain;
    flow_grant_store(flow, &grant);
    CHECK_INT(exchange(flow, &(struct exchange){plain, grant.code, REDIRECT, VERIFIER, NULL}), 200);
    CHECK(!flow_has(flow, "refresh_token"));
}

FLOW_TEST(token, the_client_of_an_issued_token_no_longer_expires_unused)
{
    char code[128], unused[128];

    flow_code(flow, code);
    flow_code(flow, unused);
    CHECK_INT(flow_redeem(flow, code), 200);
    flow_move(flow, 3600);
    flow_code(flow, code);
    CHECK_INT(flow_redeem(flow, code), 200);
}

FLOW_TEST(token, a_client_that_never_used_its_registration_is_unknown_when_it_ran_out)
{
    char code[128];

    flow_move(flow, 3600);
    flow_code(flow, code);
    flow_redeem(flow, code);
    flow_check_error(flow, 401, "invalid_client");
    flow_move(flow, -1);
    CHECK_INT(flow_redeem(flow, code), 200);
}

/* ---- each check alone ---- */

FLOW_TEST(token, a_code_redeems_once_and_its_replay_revokes_what_it_gave)
{
    char code[128], access[FLOW_TOKEN_MAX], refresh[FLOW_TOKEN_MAX];

    flow_keys(flow);
    flow_code(flow, code);
    CHECK_INT(flow_redeem(flow, code), 200);
    flow_copy(flow, "access_token", access);
    flow_copy(flow, "refresh_token", refresh);
    CHECK(flow_is_active(flow, access));
    flow_redeem(flow, code);
    flow_check_error(flow, 400, "invalid_grant");
    CHECK(strstr(flow->f.log, "used again") != NULL);
    CHECK(strstr(flow->f.log, code) == NULL);
    CHECK(!flow_is_active(flow, access));
    flow_refresh(flow, refresh);
    flow_check_error(flow, 400, "invalid_grant");
}

FLOW_TEST(token, a_replay_revokes_whatever_else_is_wrong_with_it)
{
    char access[FLOW_TOKEN_MAX], code[128];

    flow_keys(flow);
    flow_code(flow, code);
    CHECK_INT(flow_redeem(flow, code), 200);
    flow_copy(flow, "access_token", access);
    exchange(flow, &(struct exchange){flow->other_client_id, code, "https://evil.example/", NULL, OTHER_RESOURCE});
    flow_check_error(flow, 400, "invalid_grant");
    CHECK(!flow_is_active(flow, access));
    flow_code(flow, code);
    CHECK_INT(flow_redeem(flow, code), 200);
    flow_copy(flow, "access_token", access);
    exchange(flow, &(struct exchange){flow->client_id, code, REDIRECT, VERIFIER, OTHER_RESOURCE});
    flow_check_error(flow, 400, "invalid_grant");
    CHECK(!flow_is_active(flow, access));
}

FLOW_TEST(token, a_code_lives_until_its_expiry_and_not_a_millisecond_longer)
{
    char code[128], late[128];

    flow_code(flow, code);
    flow->f.now_ms += 60 * 1000 - 1;
    CHECK_INT(flow_redeem(flow, code), 200);
    flow_code(flow, late);
    flow->f.now_ms += 60 * 1000;
    flow_redeem(flow, late);
    flow_check_error(flow, 400, "invalid_grant");
    flow->f.now_ms -= 60 * 1000;
    check_spent(flow, late);
}

FLOW_TEST(token, another_clients_code_is_refused_and_spent)
{
    struct exchange asked;
    char code[128];

    flow_code(flow, code);
    asked = good_exchange(flow, code);
    asked.client_id = flow->other_client_id;
    exchange(flow, &asked);
    flow_check_error(flow, 400, "invalid_grant");
    check_spent(flow, code);
}

FLOW_TEST(token, a_redirect_uri_differs_by_a_byte_and_the_code_is_spent)
{
    static const char *const others[] = {"http://127.0.0.1:3118/callback/", "http://127.0.0.1:3119/callback",
                                         "http://localhost:3118/callback", "HTTP://127.0.0.1:3118/callback"};

    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        struct exchange asked;
        char code[128];

        flow_code(flow, code);
        asked = good_exchange(flow, code);
        asked.redirect_uri = others[i];
        exchange(flow, &asked);
        flow_check_error(flow, 400, "invalid_grant");
        check_spent(flow, code);
    }
}

FLOW_TEST(token, a_redirect_uri_that_was_sent_must_be_repeated)
{
    struct exchange asked;
    char code[128];

    flow_code(flow, code);
    asked = good_exchange(flow, code);
    asked.redirect_uri = NULL;
    exchange(flow, &asked);
    flow_check_error(flow, 400, "invalid_grant");
    check_spent(flow, code);
}

FLOW_TEST(token, a_redirect_uri_that_was_not_sent_may_be_left_out_or_repeated)
{
    const char *const given[] = {NULL, REDIRECT};

    for (size_t i = 0; i < 2; i++) {
        struct flow_grant grant;

        flow_grant_init(flow, &grant);
        grant.redirect_uri_sent = false;
        flow_grant_store(flow, &grant);
        CHECK_INT(exchange(flow, &(struct exchange){flow->client_id, grant.code, given[i], VERIFIER, NULL}), 200);
    }
}

FLOW_TEST(token, a_wrong_or_missing_verifier_is_refused_and_the_code_is_spent)
{
    static const char *const wrong[] = {
        NULL,                                          /* missing: PKCE is not optional */
        "",                                            /* the same */
        "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXl", /* another */
        "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjX",  /* 42 characters */
        CHALLENGE,                                     /* what "plain" would take */
    };

    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct exchange asked;
        char code[128];

        flow_code(flow, code);
        asked = good_exchange(flow, code);
        asked.code_verifier = wrong[i];
        exchange(flow, &asked);
        flow_check_error(flow, 400, "invalid_grant");
        check_spent(flow, code);
    }
}

FLOW_TEST(token, a_wrong_resource_is_told_before_the_code_is_spent)
{
    struct exchange asked;
    char code[128];

    flow_code(flow, code);
    asked = good_exchange(flow, code);
    asked.resource = OTHER_RESOURCE;
    exchange(flow, &asked);
    flow_check_error(flow, 400, "invalid_target");
    asked.resource = "not a url";
    exchange(flow, &asked);
    flow_check_error(flow, 400, "invalid_target");
    asked.resource = RESOURCE;
    CHECK_INT(exchange(flow, &asked), 200);
}

FLOW_TEST(token, a_resource_is_compared_tolerantly_and_issued_as_registered)
{
    struct exchange asked;
    struct aa_json *claims;
    struct aa_buf text;
    char code[128];

    flow_code(flow, code);
    asked = good_exchange(flow, code);
    asked.resource = "HTTPS://Files.Example:443/mcp";
    CHECK_INT(exchange(flow, &asked), 200);
    aa_buf_init(&text, 8192);
    claims = claims_of(flow, &text);
    CHECK_VIEW(aa_json_text(aa_json_get(claims, "aud")), RESOURCE);
    aa_json_free(claims);
    aa_buf_clear(&text);
}

FLOW_TEST(token, two_resources_are_refused_and_one_is_not)
{
    char body[1024], code[128];

    flow_code(flow, code);
    flow_form(body, sizeof body, "grant_type", "authorization_code", "client_id", flow->client_id, "code", code,
              "redirect_uri", REDIRECT, "code_verifier", VERIFIER, "resource", RESOURCE, "resource", OTHER_RESOURCE,
              NULL);
    flow_post_raw(flow, "/token", "application/x-www-form-urlencoded", body);
    flow_check_error(flow, 400, "invalid_target");
    CHECK_INT(flow_redeem(flow, code), 200);
}

static enum aa_err revoke_grants(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    const struct flow *flow = ctx;

    return aa_grant_revoke_of_user(conn, VIEW(flow->user_id), flow->f.now_ms, err);
}

FLOW_TEST(token, a_code_of_a_revoked_grant_gives_nothing)
{
    char code[128];

    flow_code(flow, code);
    flow_write(flow, revoke_grants, flow);
    flow_redeem(flow, code);
    flow_check_error(flow, 400, "invalid_grant");
    flow_code(flow, code);
    CHECK_INT(flow_redeem(flow, code), 200);
}

FLOW_TEST(token, a_code_of_a_disabled_person_gives_nothing)
{
    char code[128];

    flow_code(flow, code);
    flow_disable_user(flow);
    flow_redeem(flow, code);
    flow_check_error(flow, 400, "invalid_grant");
}

FLOW_TEST(token, a_refresh_token_is_no_code_and_a_code_is_no_refresh_token)
{
    char access[FLOW_TOKEN_MAX], refresh[FLOW_TOKEN_MAX], code[128];

    flow_tokens(flow, access, refresh);
    flow_redeem(flow, refresh);
    flow_check_error(flow, 400, "invalid_grant");
    flow_redeem(flow, access);
    flow_check_error(flow, 400, "invalid_grant");
    flow_code(flow, code);
    flow_refresh(flow, code);
    flow_check_error(flow, 400, "invalid_grant");
    CHECK_INT(flow_redeem(flow, code), 200);
}

/* ---- who is asking ---- */

FLOW_TEST(token, an_unknown_client_is_told_to_register_again)
{
    struct exchange asked;
    char code[128];

    flow_code(flow, code);
    asked = good_exchange(flow, code);
    asked.client_id = "cl_Unknown";
    exchange(flow, &asked);
    flow_check_error(flow, 401, "invalid_client");
    CHECK(aa_view_is_absent(flow_header(flow, "WWW-Authenticate")));
    asked.client_id = NULL;
    exchange(flow, &asked);
    flow_check_error(flow, 401, "invalid_client");
    CHECK_INT(flow_redeem(flow, code), 200);
}

/* As Basic with this user and password, already encoded; the client_id of the body may be NULL. */
static int redeem_as(struct flow *flow, const char *code, const char *authorization, const char *client_id)
{
    char body[1024];

    flow_form(body, sizeof body, "grant_type", "authorization_code", "client_id", client_id, "code", code,
              "redirect_uri", REDIRECT, "code_verifier", VERIFIER, NULL);
    return flow_send(flow, &(struct flow_request){.method = AA_METHOD_POST,
                                                  .path = "/token",
                                                  .authorization = authorization,
                                                  .content_type = "application/x-www-form-urlencoded",
                                                  .body = VIEW(body)});
}

#define BASIC_FIRST "Basic Y2xfRmlyc3Q6"                /* cl_First: */
#define BASIC_FIRST_SECRET "Basic Y2xfRmlyc3Q6c2VjcmV0" /* cl_First:secret */

FLOW_TEST(token, a_public_client_may_name_itself_in_a_basic_header_without_a_secret)
{
    char code[128];

    flow_code(flow, code);
    CHECK_INT(redeem_as(flow, code, BASIC_FIRST, NULL), 200);
    flow_code(flow, code);
    CHECK_INT(redeem_as(flow, code, BASIC_FIRST, flow->client_id), 200);
}

FLOW_TEST(token, a_client_may_not_prove_itself_in_a_way_it_is_not_registered_for)
{
    char code[128];

    flow_code(flow, code);
    redeem_as(flow, code, BASIC_FIRST_SECRET, flow->client_id);
    flow_check_error(flow, 401, "invalid_client");
    CHECK_VIEW(flow_header(flow, "WWW-Authenticate"), "Basic realm=\"auth-agent\"");
    redeem_as(flow, code, BASIC_FIRST, flow->other_client_id);
    flow_check_error(flow, 401, "invalid_client");
    redeem_as(flow, code, "Basic !!!", flow->client_id);
    flow_check_error(flow, 401, "invalid_client");
    redeem_as(flow, code, "Bearer abc", flow->client_id);
    flow_check_error(flow, 401, "invalid_client");
    CHECK_INT(flow_redeem(flow, code), 200);
}

FLOW_TEST(token, a_secret_or_an_assertion_in_the_body_is_refused_and_an_empty_secret_is_none)
{
    char code[128];

    flow_code(flow, code);
    flow_post(flow, "/token", "grant_type", "authorization_code", "client_id", flow->client_id, "client_secret", "x",
              "code", code, "redirect_uri", REDIRECT, "code_verifier", VERIFIER, NULL);
    flow_check_error(flow, 401, "invalid_client");
    flow_post(flow, "/token", "grant_type", "authorization_code", "client_id", flow->client_id, "client_assertion",
              "e30.e30.AA", "code", code, "redirect_uri", REDIRECT, "code_verifier", VERIFIER, NULL);
    flow_check_error(flow, 401, "invalid_client");
    CHECK_INT(flow_post(flow, "/token", "grant_type", "authorization_code", "client_id", flow->client_id,
                        "client_secret", "", "code", code, "redirect_uri", REDIRECT, "code_verifier", VERIFIER, NULL),
              200);
}

/* ---- what is asked ---- */

FLOW_TEST(token, an_unknown_grant_type_is_named_so_and_a_missing_one_is_missing)
{
    char code[128];

    flow_code(flow, code);
    flow_post(flow, "/token", "grant_type", "password", "client_id", flow->client_id, "code", code, NULL);
    flow_check_error(flow, 400, "unsupported_grant_type");
    flow_post(flow, "/token", "client_id", flow->client_id, "code", code, NULL);
    flow_check_error(flow, 400, "invalid_request");
    flow_post(flow, "/token", "grant_type", "authorization_code", "client_id", flow->client_id, NULL);
    flow_check_error(flow, 400, "invalid_request");
    CHECK_INT(flow_redeem(flow, code), 200);
}

FLOW_TEST(token, a_parameter_that_comes_twice_is_refused_whichever_it_is)
{
    static const char *const names[] = {"grant_type", "client_id", "code", "redirect_uri", "code_verifier"};
    char code[128], body[1024], twice[1100];

    flow_code(flow, code);
    flow_form(body, sizeof body, "grant_type", "authorization_code", "client_id", flow->client_id, "code", code,
              "redirect_uri", REDIRECT, "code_verifier", VERIFIER, NULL);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(twice, sizeof twice, "%s&%s=x", body, names[i]);
        flow_post_raw(flow, "/token", "application/x-www-form-urlencoded", twice);
        flow_check_error(flow, 400, "invalid_request");
    }
    snprintf(twice, sizeof twice, "%s&unknown=1&unknown=2", body);
    CHECK_INT(flow_post_raw(flow, "/token", "application/x-www-form-urlencoded", twice), 200);
}

FLOW_TEST(token, what_is_neither_a_form_nor_json_is_refused)
{
    char code[128], body[1024];

    flow_code(flow, code);
    flow_form(body, sizeof body, "grant_type", "authorization_code", "client_id", flow->client_id, "code", code,
              "redirect_uri", REDIRECT, "code_verifier", VERIFIER, NULL);
    flow_post_raw(flow, "/token", "text/plain", body);
    flow_check_error(flow, 400, "invalid_request");
    flow_post_raw(flow, "/token", "application/json", body);
    flow_check_error(flow, 400, "invalid_request");
    flow_post_raw(flow, "/token", "application/json", "[]");
    flow_check_error(flow, 400, "invalid_request");
    flow_post_raw(flow, "/token", "application/json", "{\"grant_type\":[\"authorization_code\"]}");
    flow_check_error(flow, 400, "invalid_request");
    flow_post_raw(flow, "/token", "application/json", "{\"grant_type\":\"a\",\"grant_type\":\"b\"}");
    flow_check_error(flow, 400, "invalid_request");
    CHECK_INT(flow_post_raw(flow, "/token", NULL, body), 200);
}

FLOW_TEST(token, no_answer_repeats_what_was_sent)
{
    char code[128];

    flow_code(flow, code);
    exchange(flow, &(struct exchange){flow->client_id, code, "https://evil.example/", "tell-no-one", "x:y"});
    CHECK(strstr(aa_buf_text(&flow->response.body), code) == NULL);
    CHECK(strstr(aa_buf_text(&flow->response.body), "evil") == NULL);
    CHECK(strstr(aa_buf_text(&flow->response.body), "tell-no-one") == NULL);
    CHECK(strstr(flow->f.log, code) == NULL);
}

FLOW_TEST(token, a_body_over_the_limit_is_refused)
{
    static char body[16 * 1024 + 2];

    memset(body, 'a', sizeof body - 1);
    CHECK_INT(flow_post_raw(flow, "/token", "application/x-www-form-urlencoded", body), 413);
    body[16 * 1024] = '\0';
    flow_post_raw(flow, "/token", "application/x-www-form-urlencoded", body);
    flow_check_error(flow, 400, "invalid_request");
}

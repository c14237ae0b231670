/* POST /introspect: who may ask, and what they learn. */
#include <stdio.h>

#include "domain/secret.h"
#include "domain/server_keys.h"
#include "endpoint/introspect.h"
#include "support_basic.h"
#include "support_flow.h"

struct tokens {
    char access[FLOW_TOKEN_MAX], refresh[FLOW_TOKEN_MAX];
};

static struct tokens issue(struct flow *flow)
{
    struct tokens tokens;

    flow_keys(flow);
    flow_tokens(flow, tokens.access, tokens.refresh);
    return tokens;
}

static const char *bearer(const char *key)
{
    static char out[256];

    snprintf(out, sizeof out, "Bearer %s", key);
    return out;
}

static int ask(struct flow *flow, const char *authorization, const char *token)
{
    char body[FLOW_TOKEN_MAX + 64];

    flow_form(body, sizeof body, "token", token, "token_type_hint", "access_token", NULL);
    return flow_send(flow, &(struct flow_request){.method = AA_METHOD_POST,
                                                  .path = "/introspect",
                                                  .authorization = authorization,
                                                  .content_type = "application/x-www-form-urlencoded",
                                                  .body = VIEW(body)});
}

static void check_unauthorized(struct flow *flow)
{
    flow_check_error(flow, 401, "invalid_client");
    CHECK_VIEW(flow_header(flow, "WWW-Authenticate"), "Basic realm=\"auth-agent\"");
}

static void check_inactive(struct flow *flow)
{
    CHECK_INT(flow->response.status, 200);
    CHECK_VIEW(aa_buf_view(&flow->response.body), "{\"active\":false}");
    CHECK_VIEW(flow_header(flow, "Cache-Control"), "no-store");
}

/* ---- what is answered ---- */

FLOW_TEST(introspect, a_live_token_is_described_to_its_server)
{
    struct tokens tokens = issue(flow);

    CHECK_INT(ask(flow, basic(flow->server_id, flow->key), tokens.access), 200);
    CHECK(aa_json_is(aa_json_get(flow->json, "active"), AA_JSON_TRUE));
    CHECK_VIEW(flow_text(flow, "scope"), "files:read files:write");
    CHECK_VIEW(flow_text(flow, "client_id"), flow->client_id);
    CHECK_VIEW(flow_text(flow, "username"), "ann@example.com");
    CHECK_VIEW(flow_text(flow, "email"), "ann@example.com");
    CHECK_VIEW(flow_text(flow, "name"), "Ann Example");
    CHECK_VIEW(flow_text(flow, "sub"), flow->user_id);
    CHECK_VIEW(flow_text(flow, "aud"), RESOURCE);
    CHECK_VIEW(flow_text(flow, "iss"), ISSUER);
    CHECK_VIEW(flow_text(flow, "token_type"), "Bearer");
    CHECK_INT(flow_text(flow, "jti").len, 22);
    CHECK_INT(flow_int(flow, "iat"), flow->f.now_ms / 1000);
    CHECK_INT(flow_int(flow, "exp"), flow->f.now_ms / 1000 + 3600);
    CHECK_VIEW(flow_header(flow, "Cache-Control"), "no-store");
}

FLOW_TEST(introspect, basic_and_bearer_form_and_json_are_all_understood)
{
    struct tokens tokens = issue(flow);
    char body[FLOW_TOKEN_MAX + 64];
    const char *authorizations[2];
    char as_basic[512];

    snprintf(as_basic, sizeof as_basic, "%s", basic(flow->server_id, flow->key));
    authorizations[0] = as_basic;
    authorizations[1] = bearer(flow->key);
    snprintf(body, sizeof body, "{\"token\":\"%s\"}", tokens.access);
    for (size_t i = 0; i < 2; i++) {
        CHECK_INT(ask(flow, authorizations[i], tokens.access), 200);
        CHECK(aa_json_is(aa_json_get(flow->json, "active"), AA_JSON_TRUE));
        CHECK_INT(flow_send(flow, &(struct flow_request){.method = AA_METHOD_POST,
                                                         .path = "/introspect",
                                                         .authorization = authorizations[i],
                                                         .content_type = "application/json",
                                                         .body = VIEW(body)}),
                  200);
        CHECK(aa_json_is(aa_json_get(flow->json, "active"), AA_JSON_TRUE));
    }
}

FLOW_TEST(introspect, a_token_of_another_server_is_inactive)
{
    struct tokens tokens = issue(flow);

    CHECK_INT(ask(flow, bearer(flow->other_key), tokens.access), 200);
    check_inactive(flow);
    CHECK_INT(ask(flow, bearer(flow->key), tokens.access), 200);
    CHECK(aa_json_is(aa_json_get(flow->json, "active"), AA_JSON_TRUE));
}

FLOW_TEST(introspect, what_is_no_access_token_is_inactive)
{
    struct tokens tokens = issue(flow);
    const char *const others[] = {tokens.refresh, "x",   "rt_",         "a.b.c",
                                  "eyJ.eyJ.eyJ",  "...", "e30.e30.e30", "e30.eyJpYXQiOjE4MDAwMDAwMDAsImV4cCI6MX0.e30",
                                  "\xc3\xa9",     "%00"};

    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        ask(flow, bearer(flow->key), others[i]);
        check_inactive(flow);
    }
}

FLOW_TEST(introspect, a_token_changed_anywhere_is_inactive)
{
    struct tokens tokens = issue(flow);
    size_t len = strlen(tokens.access);

    for (size_t i = 0; i < len; i += 7) {
        char was = tokens.access[i];

        tokens.access[i] = was == 'A' ? 'B' : 'A';
        ask(flow, bearer(flow->key), tokens.access);
        check_inactive(flow);
        tokens.access[i] = was;
    }
    tokens.access[len] = 'A';
    tokens.access[len + 1] = '\0';
    ask(flow, bearer(flow->key), tokens.access);
    check_inactive(flow);
    tokens.access[len] = '\0';
    CHECK(flow_is_active(flow, tokens.access));
}

FLOW_TEST(introspect, a_token_is_active_until_its_expiry_and_not_a_millisecond_longer)
{
    struct tokens tokens = issue(flow);

    flow->f.now_ms = (flow->f.now_ms / 1000 + 3600) * 1000 - 1;
    CHECK(flow_is_active(flow, tokens.access));
    flow->f.now_ms += 1;
    CHECK(!flow_is_active(flow, tokens.access));
}

FLOW_TEST(introspect, a_token_of_a_disabled_person_is_inactive)
{
    struct tokens tokens = issue(flow);

    CHECK(flow_is_active(flow, tokens.access));
    flow_disable_user(flow);
    CHECK(!flow_is_active(flow, tokens.access));
}

static enum aa_err revoke_grants(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    const struct flow *flow = ctx;

    return aa_grant_revoke_of_user(conn, VIEW(flow->user_id), flow->f.now_ms, err);
}

FLOW_TEST(introspect, a_token_of_a_revoked_grant_is_inactive)
{
    struct tokens tokens = issue(flow);

    CHECK(flow_is_active(flow, tokens.access));
    flow_write(flow, revoke_grants, flow);
    CHECK(!flow_is_active(flow, tokens.access));
}

static enum aa_err revoke_token(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    return aa_access_token_revoke(conn, *(struct aa_view *)ctx, 1, err);
}

FLOW_TEST(introspect, an_access_token_revoked_by_itself_is_inactive)
{
    struct tokens tokens = issue(flow);
    uint8_t key[AA_DIGEST_KEY_LEN];
    struct aa_view view = aa_view_make(key, sizeof key);

    CHECK_OK(aa_secret_access_key(VIEW(tokens.access), key, NULL));
    flow_write(flow, revoke_token, &view);
    CHECK(!flow_is_active(flow, tokens.access));
    CHECK_INT(flow_refresh(flow, tokens.refresh), 200);
}

static enum aa_err delete_client(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    const struct flow *flow = ctx;

    return aa_client_delete(conn, VIEW(flow->client_id), flow->f.now_ms, err);
}

FLOW_TEST(introspect, a_token_of_a_removed_client_is_inactive)
{
    struct tokens tokens = issue(flow);

    flow_write(flow, delete_client, flow);
    CHECK(!flow_is_active(flow, tokens.access));
}

FLOW_TEST(introspect, a_token_without_scopes_says_so)
{
    struct tokens tokens;
    struct flow_grant grant;

    flow_grant_init(flow, &grant);
    grant.scope = "";
    flow_grant_store(flow, &grant);
    flow_keys(flow);
    CHECK_INT(flow_redeem(flow, grant.code), 200);
    CHECK_VIEW(flow_text(flow, "scope"), "");
    flow_copy(flow, "access_token", tokens.access);
    CHECK(flow_is_active(flow, tokens.access));
    CHECK_VIEW(flow_text(flow, "scope"), "");
}

/* ---- who is asking ---- */

FLOW_TEST(introspect, without_a_good_key_nothing_is_answered)
{
    struct tokens tokens = issue(flow);
    char wrong[128];

    snprintf(wrong, sizeof wrong, "%s", flow->key);
    wrong[25] = wrong[25] == 'a' ? 'b' : 'a';
    ask(flow, NULL, tokens.access);
    check_unauthorized(flow);
    ask(flow, "", tokens.access);
    check_unauthorized(flow);
    ask(flow, bearer(wrong), tokens.access);
    check_unauthorized(flow);
    ask(flow, basic(flow->server_id, wrong), tokens.access);
    check_unauthorized(flow);
    ask(flow, basic(flow->server_id, ""), tokens.access);
    check_unauthorized(flow);
    ask(flow, bearer(tokens.access), tokens.access);
    check_unauthorized(flow);
    ask(flow, "Basic !", tokens.access);
    check_unauthorized(flow);
    ask(flow, "Digest x", tokens.access);
    check_unauthorized(flow);
    CHECK_INT(ask(flow, bearer(flow->key), tokens.access), 200);
}

FLOW_TEST(introspect, a_key_is_good_for_its_own_server_alone)
{
    struct tokens tokens = issue(flow);

    /* Before and after the key is remembered. */
    for (int i = 0; i < 2; i++) {
        ask(flow, basic(flow->other_server_id, flow->key), tokens.access);
        check_unauthorized(flow);
        CHECK_INT(ask(flow, basic(flow->server_id, flow->key), tokens.access), 200);
    }
}

FLOW_TEST(introspect, two_sets_of_credentials_are_none)
{
    struct tokens tokens = issue(flow);
    char both[600];

    snprintf(both, sizeof both, "Bearer %s, Bearer %s", flow->key, flow->key);
    ask(flow, both, tokens.access);
    check_unauthorized(flow);
    snprintf(both, sizeof both, "%s, Bearer %s", basic(flow->server_id, flow->key), flow->key);
    ask(flow, both, tokens.access);
    check_unauthorized(flow);
}

FLOW_TEST(introspect, a_withdrawn_key_introspects_nothing)
{
    struct tokens tokens = issue(flow);
    char key_id[20];

    CHECK(flow_is_active(flow, tokens.access));
    snprintf(key_id, sizeof key_id, "%.19s", flow->key);
    CHECK_OK(aa_server_key_withdraw(&flow->f.app, VIEW(flow->server_id), VIEW(key_id), NULL));
    ask(flow, bearer(flow->key), tokens.access);
    check_unauthorized(flow);
    CHECK_INT(ask(flow, bearer(flow->other_key), tokens.access), 200);
}

/* Asks as the event thread does. */
static bool wants_worker(struct flow *flow, const char *authorization)
{
    struct aa_request request = {
        .method = AA_METHOD_POST, .path = VIEW("/introspect"), .body = VIEW("token=x"), .must_not_wait = true};
    struct aa_response response;
    bool wants;

    if (authorization)
        request.headers[request.header_count++] = (struct aa_header){VIEW("Authorization"), VIEW(authorization)};
    aa_response_init(&response, 1024);
    aa_router_dispatch(&flow->router, &request, &response);
    wants = response.wants_worker;
    CHECK_INT(response.status == 0, wants);
    aa_response_clear(&response);
    return wants;
}

FLOW_TEST(introspect, only_a_key_not_yet_verified_goes_to_the_slow_lane)
{
    struct tokens tokens;
    char wrong[128];

    flow_keys(flow);
    snprintf(wrong, sizeof wrong, "%s", flow->key);
    wrong[25] = wrong[25] == 'a' ? 'b' : 'a';
    CHECK(wants_worker(flow, bearer(flow->key)));
    CHECK(wants_worker(flow, basic(flow->server_id, flow->key)));
    CHECK(!wants_worker(flow, bearer(wrong))); /* junk is refused on the spot: it costs nobody a PBKDF2 */
    CHECK(!wants_worker(flow, NULL));
    CHECK(!wants_worker(flow, "Basic !"));
    flow_tokens(flow, tokens.access, tokens.refresh);
    CHECK_INT(ask(flow, bearer(flow->key), tokens.access), 200);
    CHECK(!wants_worker(flow, bearer(flow->key)));
    CHECK(!wants_worker(flow, basic(flow->server_id, flow->key)));
    CHECK(wants_worker(flow, bearer(flow->other_key)));
}

/* ---- what is asked ---- */

FLOW_TEST(introspect, a_missing_or_doubled_token_is_a_bad_request)
{
    struct tokens tokens = issue(flow);
    struct flow_request request = {.method = AA_METHOD_POST,
                                   .path = "/introspect",
                                   .authorization = bearer(flow->key),
                                   .content_type = "application/x-www-form-urlencoded"};
    static const char *const bodies[] = {"", "token=", "token=a&token=b", "token=%zz", "tok%65n=a&token=b"};

    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        request.body = VIEW(bodies[i]);
        flow_send(flow, &request);
        flow_check_error(flow, 400, "invalid_request");
    }
    CHECK(flow_is_active(flow, tokens.access));
}

FLOW_TEST(introspect, browsers_may_not_ask)
{
    CHECK_INT(flow_send(flow, &(struct flow_request){.method = AA_METHOD_OPTIONS, .path = "/introspect"}), 405);
    CHECK(aa_view_is_absent(flow_header(flow, "Access-Control-Allow-Origin")));
    CHECK_INT(flow_send(flow, &(struct flow_request){.method = AA_METHOD_OPTIONS, .path = "/token"}), 204);
    CHECK_VIEW(flow_header(flow, "Access-Control-Allow-Origin"), "*");
}

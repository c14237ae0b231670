/* The table of routes as a whole: what is there, who may call it from a browser, which lane it takes. */
#include <stdio.h>

#include "db/engine.h"
#include "endpoint/endpoint.h"
#include "support_flow.h"

static const struct aa_route *find_in(const struct aa_router *router, enum aa_method method, const char *path)
{
    struct aa_request request = {.method = method, .path = VIEW(path)};

    return aa_router_find(router, &request);
}

static const struct aa_route *find(struct flow *flow, enum aa_method method, const char *path)
{
    return find_in(&flow->router, method, path);
}

FLOW_TEST(routes, every_address_of_the_server_has_its_route)
{
    static const struct {
        enum aa_method method;
        const char *path;
    } wanted[] = {
        {AA_METHOD_GET, "/.well-known/oauth-authorization-server"},
        {AA_METHOD_GET, "/.well-known/openid-configuration"},
        {AA_METHOD_GET, "/.well-known/jwks.json"},
        {AA_METHOD_GET, "/.well-known/oauth-protected-resource"},
        {AA_METHOD_GET, "/.well-known/oauth-protected-resource/srv_1"},
        {AA_METHOD_GET, "/authorize"},
        {AA_METHOD_GET, "/login"},
        {AA_METHOD_POST, "/login"},
        {AA_METHOD_GET, "/consent"},
        {AA_METHOD_POST, "/consent"},
        {AA_METHOD_GET, "/logout"},
        {AA_METHOD_POST, "/logout"},
        {AA_METHOD_GET, "/account"},
        {AA_METHOD_POST, "/account"},
        {AA_METHOD_GET, "/style.css"},
        {AA_METHOD_POST, "/token"},
        {AA_METHOD_POST, "/introspect"},
        {AA_METHOD_POST, "/revoke"},
        {AA_METHOD_GET, "/userinfo"},
        {AA_METHOD_POST, "/userinfo"},
        {AA_METHOD_POST, "/register"},
        {AA_METHOD_POST, "/api/servers"},
        {AA_METHOD_GET, "/api/servers"},
        {AA_METHOD_GET, "/api/servers/srv_1"},
        {AA_METHOD_DELETE, "/api/servers/srv_1"},
        {AA_METHOD_POST, "/api/servers/srv_1/keys"},
        {AA_METHOD_GET, "/api/servers/srv_1/keys"},
        {AA_METHOD_DELETE, "/api/servers/srv_1/keys/sk_1"},
        {AA_METHOD_GET, "/healthz"},
        {AA_METHOD_GET, "/readyz"},
    };
    size_t count = sizeof wanted / sizeof *wanted;

    for (size_t i = 0; i < count; i++)
        if (!find(flow, wanted[i].method, wanted[i].path))
            fail_msg("%s has no route", wanted[i].path);
    CHECK_INT(flow->router.count, count);
    CHECK(find(flow, AA_METHOD_GET, "/nowhere") == NULL);
}

FLOW_TEST(routes, what_writes_or_hashes_never_runs_on_an_event_thread)
{
    static const char *const slow[] = {"/consent", "/logout",      "/account", "/token",
                                       "/revoke",  "/api/servers", "/register"};

    for (size_t i = 0; i < sizeof slow / sizeof *slow; i++)
        CHECK_INT(find(flow, AA_METHOD_POST, slow[i])->lane, AA_LANE_SLOW);
    CHECK_INT(find(flow, AA_METHOD_GET, "/authorize")->lane, AA_LANE_SLOW);
    CHECK_INT(find(flow, AA_METHOD_GET, "/account")->lane, AA_LANE_SLOW); /* lists that may be long */
    CHECK_INT(find(flow, AA_METHOD_POST, "/login")->lane, AA_LANE_HEAVY); /* Argon2 */
}

static void check_reading_lane(const struct aa_router *router, enum aa_lane lane)
{
    static const struct {
        enum aa_method method;
        const char *path;
    } reading[] = {{AA_METHOD_POST, "/introspect"},
                   {AA_METHOD_GET, "/userinfo"},
                   {AA_METHOD_POST, "/userinfo"},
                   {AA_METHOD_GET, "/.well-known/oauth-protected-resource/srv_1"}};

    for (size_t i = 0; i < sizeof reading / sizeof *reading; i++)
        CHECK_INT(find_in(router, reading[i].method, reading[i].path)->lane, lane);
    CHECK_INT(find_in(router, AA_METHOD_GET, "/.well-known/jwks.json")->lane, AA_LANE_FAST);
}

FLOW_TEST(routes, what_reads_the_database_runs_on_an_event_thread_only_where_that_is_a_file)
{
    const struct aa_driver *driver = flow->f.app.db->driver;
    struct aa_driver remote = *driver;
    struct aa_router router = {NULL, 0, NULL, NULL};
    struct aa_app app = flow->f.app;

    check_reading_lane(&flow->router, AA_LANE_FAST);
    remote.is_remote = true;
    app.db->driver = &remote;
    CHECK_OK(aa_endpoint_router_init(&router, &app, NULL));
    app.db->driver = driver;
    check_reading_lane(&router, AA_LANE_SLOW);
    aa_endpoint_router_clear(&router);
}

static int preflight(struct flow *flow, const char *path)
{
    return flow_send(flow, &(struct flow_request){.method = AA_METHOD_OPTIONS, .path = path});
}

FLOW_TEST(routes, browsers_may_call_what_clients_in_browsers_need)
{
    static const char *const paths[] = {"/.well-known/oauth-authorization-server",
                                        "/.well-known/openid-configuration",
                                        "/.well-known/jwks.json",
                                        "/.well-known/oauth-protected-resource/srv_1",
                                        "/token",
                                        "/register",
                                        "/revoke",
                                        "/userinfo"};

    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        CHECK_INT(preflight(flow, paths[i]), 204);
        CHECK_VIEW(flow_header(flow, "Access-Control-Allow-Origin"), "*");
        CHECK(strstr(flow_header(flow, "Access-Control-Allow-Headers").data, "MCP-Protocol-Version") != NULL);
        CHECK(aa_view_is_absent(flow_header(flow, "Access-Control-Allow-Credentials")));
    }
}

FLOW_TEST(routes, no_other_site_may_script_the_pages_the_api_or_introspection)
{
    static const char *const paths[] = {"/authorize",   "/login",      "/consent", "/logout", "/account",
                                        "/api/servers", "/introspect", "/healthz", "/readyz", "/style.css"};

    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        CHECK_INT(preflight(flow, paths[i]), 405);
        CHECK(aa_view_is_absent(flow_header(flow, "Access-Control-Allow-Origin")));
        flow_get(flow, paths[i]);
        CHECK(aa_view_is_absent(flow_header(flow, "Access-Control-Allow-Origin")));
    }
}

FLOW_TEST(routes, a_body_where_none_belongs_is_refused)
{
    struct flow_request request = {.method = AA_METHOD_GET, .path = "/.well-known/jwks.json", .body = AA_VIEW("x")};

    CHECK_INT(flow_send(flow, &request), 413);
    request.body = AA_VIEW("");
    CHECK_INT(flow_send(flow, &request), 200);
}

FLOW_TEST(routes, the_server_says_that_it_runs_and_that_it_is_ready)
{
    CHECK_INT(flow_get(flow, "/healthz"), 200);
    CHECK_VIEW(flow_text(flow, "status"), "ok");
    CHECK_INT(flow_get(flow, "/readyz"), 200);
    CHECK_VIEW(flow_text(flow, "status"), "ok");
}

FLOW_TEST(routes, a_cleared_router_is_empty_and_may_be_cleared_again)
{
    aa_endpoint_router_clear(&flow->router);
    CHECK(flow->router.routes == NULL);
    CHECK_INT(flow->router.count, 0);
    aa_endpoint_router_clear(&flow->router);
    CHECK_OK(aa_endpoint_router_init(&flow->router, &flow->f.app, NULL));
}

/* ---- trouble with storage ---- */

static enum aa_err run_sql(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    struct aa_stmt *stmt;
    bool has_row;
    enum aa_err rc;

    rc = aa_stmt_prepare(conn, ctx, &stmt, err);
    if (rc)
        return rc;
    rc = aa_stmt_step(stmt, &has_row, err);
    aa_stmt_end(stmt);
    return rc;
}

static void check_unavailable(struct flow *flow, int status)
{
    CHECK_INT(status, 503);
    flow_check_error(flow, 503, "temporarily_unavailable");
    CHECK_VIEW(flow_header(flow, "Retry-After"), "5");
    CHECK(aa_view_is_absent(flow_header(flow, "WWW-Authenticate")));
}

static void ask_all(struct flow *flow, const char *access, const char *refresh, const char *code,
                    void (*check)(struct flow *flow, int status))
{
    char authorization[FLOW_TOKEN_MAX + 16], body[FLOW_TOKEN_MAX + 16], path[128];
    struct flow_request request = {.authorization = authorization};

    check(flow, flow_redeem(flow, code));
    check(flow, flow_refresh(flow, refresh));
    snprintf(authorization, sizeof authorization, "Bearer %s", access);
    request.path = "/userinfo";
    check(flow, flow_send(flow, &request));
    snprintf(authorization, sizeof authorization, "Bearer %s", flow->key);
    snprintf(body, sizeof body, "token=%s", access);
    request = (struct flow_request){
        .method = AA_METHOD_POST, .path = "/introspect", .authorization = authorization, .body = VIEW(body)};
    check(flow, flow_send(flow, &request));
    check(flow, flow_post_raw(flow, "/register", NULL, "{\"redirect_uris\":[\"https://app.example/cb\"]}"));
    snprintf(path, sizeof path, "/.well-known/oauth-protected-resource/%s", flow->server_id);
    check(flow, flow_get(flow, path));
    check(flow, flow_post(flow, "/revoke", "client_id", flow->client_id, "token", refresh, NULL));
}

static void check_good(struct flow *flow, int status)
{
    (void)flow;
    CHECK(status == 200 || status == 201);
}

/* A 401 would make clients throw good tokens away, a 500 make them give up. */
FLOW_TEST(routes, trouble_with_storage_is_503_everywhere_and_costs_nobody_anything)
{
    static char away_clients[] = "ALTER TABLE clients RENAME TO clients_away",
                away_servers[] = "ALTER TABLE servers RENAME TO servers_away",
                back_clients[] = "ALTER TABLE clients_away RENAME TO clients",
                back_servers[] = "ALTER TABLE servers_away RENAME TO servers";
    char access[FLOW_TOKEN_MAX], refresh[FLOW_TOKEN_MAX], code[128];

    flow_keys(flow);
    flow_tokens(flow, access, refresh);
    flow_code(flow, code);
    CHECK(flow_is_active(flow, access));
    flow_write(flow, run_sql, away_clients);
    flow_write(flow, run_sql, away_servers);
    ask_all(flow, access, refresh, code, check_unavailable);
    flow_write(flow, run_sql, back_clients);
    flow_write(flow, run_sql, back_servers);
    ask_all(flow, access, refresh, code, check_good);
}

/* The refusal was noted already when the revocation failed: the client must not believe that all is done. */
FLOW_TEST(routes, a_replay_that_cannot_be_answered_with_revocation_is_trouble)
{
    static char away[] = "ALTER TABLE grants RENAME TO grants_away",
                back[] = "ALTER TABLE grants_away RENAME TO grants";
    char access[FLOW_TOKEN_MAX], code[128];

    flow_keys(flow);
    flow_code(flow, code);
    CHECK_INT(flow_redeem(flow, code), 200);
    flow_copy(flow, "access_token", access);
    flow_write(flow, run_sql, away);
    check_unavailable(flow, flow_redeem(flow, code));
    flow_write(flow, run_sql, back);
    CHECK(flow_is_active(flow, access));
    CHECK_INT(flow_redeem(flow, code), 400);
    CHECK(!flow_is_active(flow, access));
}

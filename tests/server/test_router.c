/* The route table without a socket. */
#include "base/mem.h"
#include "http/router.h"
#include "support/test.h"

#define BODY_MAX 4096

struct calls {
    int count;
    const char *last;
    struct aa_view params[AA_HTTP_PARAMS_MAX];
};

static void note(struct calls *calls, const char *name, const struct aa_request *request, struct aa_response *response)
{
    calls->count++;
    calls->last = name;
    memcpy(calls->params, request->params, sizeof calls->params);
    response->status = 200;
    aa_buf_add_text(&response->body, name);
}

#define HANDLER(name)                                                                                                  \
    static void name(void *app, const struct aa_request *request, struct aa_response *response)                        \
    {                                                                                                                  \
        note(app, #name, request, response);                                                                           \
    }

HANDLER(root)
HANDLER(list)
HANDLER(create)
HANDLER(special)
HANDLER(show)
HANDLER(remove_key)
HANDLER(token)
HANDLER(introspect)
HANDLER(deep)

static void silent(void *app, const struct aa_request *request, struct aa_response *response)
{
    (void)app;
    (void)request;
    aa_buf_add_text(&response->body, "no status");
}

static void endless(void *app, const struct aa_request *request, struct aa_response *response)
{
    (void)app;
    (void)request;
    response->status = 200;
    aa_response_header(response, "X-Half", VIEW("half"));
    while (!response->body.bad)
        aa_buf_add_text(&response->body, "secret ");
}

static void unauthorized(void *app, const struct aa_request *request, struct aa_response *response)
{
    (void)app;
    (void)request;
    aa_response_oauth_error(response, 401, "invalid_client", NULL);
    aa_response_header(response, "WWW-Authenticate", VIEW("Basic"));
}

static void hesitant(void *app, const struct aa_request *request, struct aa_response *response)
{
    (void)app;
    (void)request;
    aa_buf_add_text(&response->body, "not yet");
    response->wants_worker = true;
}

static const struct aa_route routes[] = {
    {.method = AA_METHOD_GET, .pattern = "/", .handler = root},
    {.method = AA_METHOD_GET, .pattern = "/api/servers", .handler = list},
    {.method = AA_METHOD_POST, .pattern = "/api/servers", .handler = create, .body_max = 10},
    {.method = AA_METHOD_GET, .pattern = "/api/servers/special", .handler = special},
    {.method = AA_METHOD_GET, .pattern = "/api/servers/:id", .handler = show},
    {.method = AA_METHOD_DELETE, .pattern = "/api/servers/:id/keys/:key", .handler = remove_key},
    {.method = AA_METHOD_POST, .pattern = "/token", .handler = token, .body_max = 100, .cors = AA_CORS_ANY},
    {.method = AA_METHOD_POST, .pattern = "/introspect", .handler = introspect, .body_max = 100},
    {.method = AA_METHOD_GET, .pattern = "/mixed", .handler = show, .cors = AA_CORS_ANY},
    {.method = AA_METHOD_POST, .pattern = "/mixed", .handler = create},
    {.method = AA_METHOD_POST, .pattern = "/unauthorized", .handler = unauthorized, .cors = AA_CORS_ANY},
    {.method = AA_METHOD_GET, .pattern = "/silent", .handler = silent},
    {.method = AA_METHOD_GET, .pattern = "/hesitant", .handler = hesitant, .cors = AA_CORS_ANY},
    {.method = AA_METHOD_GET, .pattern = "/endless", .handler = endless, .cors = AA_CORS_ANY},
    {.method = AA_METHOD_GET, .pattern = "/deep/:a/:b/:c/:d", .handler = deep},
};

struct answer {
    struct calls calls;
    struct aa_request request;
    struct aa_response response;
};

static void dispatch_on(bool event_thread, struct answer *a, enum aa_method method, const char *path, const char *body)
{
    struct aa_router router = {routes, sizeof routes / sizeof *routes, &a->calls, NULL};

    memset(a, 0, sizeof *a);
    a->request.must_not_wait = event_thread;
    a->request.method = method;
    a->request.path = VIEW(path);
    a->request.body = VIEW(body);
    strcpy(a->request.request_id, "abcdefghijkmnpqr");
    aa_response_init(&a->response, BODY_MAX);
    aa_router_dispatch(&router, &a->request, &a->response);
}

static void dispatch(struct answer *a, enum aa_method method, const char *path, const char *body)
{
    dispatch_on(false, a, method, path, body);
}

static void check_header(const struct answer *a, const char *name, const char *value)
{
    if (value)
        CHECK_VIEW(aa_response_find_header(&a->response, name), value);
    else
        CHECK(aa_view_is_absent(aa_response_find_header(&a->response, name)));
}

/* Dispatches a GET; `handler` NULL: 404. */
static void check_path(const char *path, const char *handler)
{
    struct answer a;

    dispatch(&a, AA_METHOD_GET, path, NULL);
    if (handler)
        CHECK_TEXT(a.calls.last ? a.calls.last : path, handler);
    else
        CHECK_INT(a.response.status, 404);
    CHECK_INT(a.calls.count, handler != NULL);
    aa_response_clear(&a.response);
}

/* ---- paths ------------------------------------------------------------------------------------------------------ */

TEST(router, a_path_is_matched_whole_and_byte_for_byte)
{
    check_path("/", "root");
    check_path("/api/servers", "list");
    check_path("/api/servers/", NULL);
    check_path("/api/Servers", NULL);
    check_path("/api//servers", NULL);
    check_path("//api/servers", NULL);
    check_path("/api", NULL);
    check_path("/api/servers2", NULL);
    check_path("/x/../api/servers", NULL);
    check_path("/api/./servers", NULL);
    check_path("/%61pi/servers", NULL);
    check_path("/api%2Fservers", NULL);
    check_path("/api/servers;v=1", NULL);
    check_path("//", NULL);
    check_path("", NULL);
}

TEST(router, a_parameter_is_one_segment_that_is_not_empty)
{
    struct answer a;

    check_path("/api/servers/srv_1", "show");
    check_path("/api/servers/srv_1/", NULL);
    check_path("/api/servers/srv_1/keys", NULL);
    check_path("/api/servers/a%2Fb", "show");
    dispatch(&a, AA_METHOD_DELETE, "/api/servers/a%2Fb/keys/%00..", NULL);
    CHECK_TEXT(a.calls.last, "remove_key");
    CHECK_VIEW(a.calls.params[0], "a%2Fb");
    CHECK_VIEW(a.calls.params[1], "%00..");
    CHECK(aa_view_is_absent(a.calls.params[2]));
    aa_response_clear(&a.response);
    dispatch(&a, AA_METHOD_DELETE, "/api/servers//keys/b", NULL);
    CHECK_INT(a.response.status, 404);
    aa_response_clear(&a.response);
}

TEST(router, a_route_has_up_to_four_parameters)
{
    struct answer a;

    dispatch(&a, AA_METHOD_GET, "/deep/1/2/3/4", NULL);
    CHECK_TEXT(a.calls.last, "deep");
    CHECK_VIEW(a.calls.params[0], "1");
    CHECK_VIEW(a.calls.params[3], "4");
    aa_response_clear(&a.response);
}

TEST(router, the_first_route_that_fits_is_taken)
{
    check_path("/api/servers/special", "special");
    check_path("/api/servers/specials", "show");
}

TEST(router, parameters_of_an_earlier_search_are_forgotten)
{
    struct aa_router router = {routes, sizeof routes / sizeof *routes, NULL, NULL};
    struct aa_request request = {.method = AA_METHOD_DELETE, .path = VIEW("/api/servers/a/keys/b")};

    CHECK(aa_router_find(&router, &request)->handler == remove_key);
    CHECK_VIEW(request.params[1], "b");
    request.method = AA_METHOD_GET;
    request.path = VIEW("/api/servers/c");
    CHECK(aa_router_find(&router, &request)->handler == show);
    CHECK_VIEW(request.params[0], "c");
    CHECK(aa_view_is_absent(request.params[1]));
    request.path = VIEW("/nowhere");
    CHECK(aa_router_find(&router, &request) == NULL);
}

/* ---- methods ---------------------------------------------------------------------------------------------------- */

TEST(router, the_method_picks_the_route)
{
    struct answer a;

    dispatch(&a, AA_METHOD_POST, "/api/servers", "0123456789");
    CHECK_TEXT(a.calls.last, "create");
    aa_response_clear(&a.response);
    dispatch(&a, AA_METHOD_HEAD, "/api/servers", NULL);
    CHECK_TEXT(a.calls.last, "list");
    aa_response_clear(&a.response);
}

static void check_not_allowed(enum aa_method method, const char *path, const char *allow)
{
    struct answer a;

    dispatch(&a, method, path, NULL);
    CHECK_INT(a.response.status, 405);
    CHECK_INT(a.calls.count, 0);
    check_header(&a, "Allow", allow);
    check_header(&a, "Content-Type", "application/json");
    CHECK_VIEW(aa_buf_view(&a.response.body),
               "{\"error\":\"method_not_allowed\",\"error_description\":\"This address does not answer that method\"}");
    aa_response_clear(&a.response);
}

TEST(router, another_method_is_405_with_what_is_allowed)
{
    check_not_allowed(AA_METHOD_PUT, "/api/servers", "GET, HEAD, POST");
    check_not_allowed(AA_METHOD_OTHER, "/api/servers", "GET, HEAD, POST");
    check_not_allowed(AA_METHOD_DELETE, "/api/servers/special", "GET, HEAD");
    check_not_allowed(AA_METHOD_GET, "/api/servers/a/keys/b", "DELETE");
    check_not_allowed(AA_METHOD_HEAD, "/introspect", "POST");
    check_not_allowed(AA_METHOD_GET, "/token", "POST, OPTIONS");
    check_not_allowed(AA_METHOD_DELETE, "/mixed", "GET, HEAD, POST, OPTIONS");
}

TEST(router, a_path_without_any_route_is_404_in_json)
{
    struct answer a;

    dispatch(&a, AA_METHOD_POST, "/nowhere", "a=b");
    CHECK_INT(a.response.status, 404);
    CHECK_VIEW(aa_buf_view(&a.response.body),
               "{\"error\":\"not_found\",\"error_description\":\"There is nothing at this address\"}");
    check_header(&a, "Content-Type", "application/json");
    check_header(&a, "Allow", NULL);
    check_header(&a, "Access-Control-Allow-Origin", NULL);
    aa_response_clear(&a.response);
}

/* ---- bodies ----------------------------------------------------------------------------------------------------- */

TEST(router, a_body_over_the_limit_of_its_route_is_413)
{
    struct answer a;

    dispatch(&a, AA_METHOD_POST, "/api/servers", "0123456789a");
    CHECK_INT(a.response.status, 413);
    CHECK_INT(a.calls.count, 0);
    aa_response_clear(&a.response);
    dispatch(&a, AA_METHOD_GET, "/api/servers", "a");
    CHECK_INT(a.response.status, 413);
    CHECK_INT(a.calls.count, 0);
    aa_response_clear(&a.response);
    dispatch(&a, AA_METHOD_GET, "/api/servers", "");
    CHECK_INT(a.response.status, 200);
    aa_response_clear(&a.response);
}

/* ---- CORS ------------------------------------------------------------------------------------------------------- */

TEST(router, a_preflight_is_answered_where_any_origin_may_ask)
{
    struct answer a;

    dispatch(&a, AA_METHOD_OPTIONS, "/token", NULL);
    CHECK_INT(a.response.status, 204);
    CHECK_INT(a.response.body.len, 0);
    CHECK_INT(a.calls.count, 0);
    check_header(&a, "Access-Control-Allow-Origin", "*");
    check_header(&a, "Access-Control-Allow-Methods", "POST");
    check_header(&a, "Access-Control-Allow-Headers", "Authorization, Content-Type, MCP-Protocol-Version");
    check_header(&a, "Access-Control-Max-Age", "7200");
    check_header(&a, "Access-Control-Allow-Credentials", NULL);
    check_header(&a, "Allow", "POST, OPTIONS");
    aa_response_clear(&a.response);
}

TEST(router, a_preflight_lists_only_the_methods_that_any_origin_may_use)
{
    struct answer a;

    dispatch(&a, AA_METHOD_OPTIONS, "/mixed", NULL);
    CHECK_INT(a.response.status, 204);
    check_header(&a, "Access-Control-Allow-Methods", "GET, HEAD");
    check_header(&a, "Allow", "GET, HEAD, POST, OPTIONS");
    aa_response_clear(&a.response);
}

TEST(router, a_preflight_is_denied_elsewhere)
{
    static const char *const paths[] = {"/introspect", "/api/servers", "/"};
    struct answer a;

    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        dispatch(&a, AA_METHOD_OPTIONS, paths[i], NULL);
        CHECK_INT(a.response.status, 405);
        check_header(&a, "Access-Control-Allow-Origin", NULL);
        check_header(&a, "Access-Control-Allow-Methods", NULL);
        aa_response_clear(&a.response);
    }
}

static void check_cors(enum aa_method method, const char *path, const char *body, int status, const char *origin)
{
    struct answer a;

    dispatch(&a, method, path, body);
    CHECK_INT(a.response.status, status);
    check_header(&a, "Access-Control-Allow-Origin", origin);
    check_header(&a, "Access-Control-Expose-Headers", origin ? "WWW-Authenticate" : NULL);
    aa_response_clear(&a.response);
}

TEST(router, any_origin_may_read_the_answer_and_the_refusals_too)
{
    char large[200];

    memset(large, 'a', sizeof large - 1);
    large[sizeof large - 1] = '\0';
    check_cors(AA_METHOD_POST, "/token", "a", 200, "*");
    check_cors(AA_METHOD_POST, "/token", large, 413, "*");
    check_cors(AA_METHOD_GET, "/token", NULL, 405, "*");
    check_cors(AA_METHOD_POST, "/unauthorized", NULL, 401, "*");
    check_cors(AA_METHOD_GET, "/endless", NULL, 503, "*");
    check_cors(AA_METHOD_GET, "/mixed", NULL, 200, "*");
    check_cors(AA_METHOD_POST, "/mixed", NULL, 200, NULL);
    check_cors(AA_METHOD_POST, "/introspect", "a", 200, NULL);
    check_cors(AA_METHOD_POST, "/introspect", large, 413, NULL);
}

/* ---- every answer ----------------------------------------------------------------------------------------------- */

TEST(router, every_answer_has_the_common_headers)
{
    static const struct {
        enum aa_method method;
        const char *path;
    } rows[] = {{AA_METHOD_GET, "/"},          {AA_METHOD_GET, "/nowhere"}, {AA_METHOD_PUT, "/"},
                {AA_METHOD_OPTIONS, "/token"}, {AA_METHOD_GET, "/silent"},  {AA_METHOD_GET, "/endless"}};
    struct answer a;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        dispatch(&a, rows[i].method, rows[i].path, NULL);
        check_header(&a, "X-Content-Type-Options", "nosniff");
        check_header(&a, "Referrer-Policy", "no-referrer");
        check_header(&a, "X-Request-Id", "abcdefghijkmnpqr");
        check_header(&a, "Strict-Transport-Security", NULL);
        aa_response_clear(&a.response);
    }
}

TEST(router, a_secure_request_is_answered_with_hsts)
{
    struct aa_router router = {routes, sizeof routes / sizeof *routes, &(struct calls){0}, NULL};
    struct aa_request request = {.method = AA_METHOD_GET, .path = VIEW("/"), .secure = true};
    struct aa_response response;

    aa_response_init(&response, BODY_MAX);
    aa_router_dispatch(&router, &request, &response);
    CHECK_VIEW(aa_response_find_header(&response, "Strict-Transport-Security"), "max-age=31536000");
    CHECK(aa_view_is_absent(aa_response_find_header(&response, "X-Request-Id")));
    aa_response_clear(&response);
}

/* ---- handlers that go wrong ------------------------------------------------------------------------------------- */

TEST(router, a_handler_without_a_status_is_a_mistake_that_is_complained_about)
{
    struct answer a;

    dispatch(&a, AA_METHOD_GET, "/silent", NULL);
    CHECK_INT(a.response.status, 500);
    CHECK_VIEW(aa_buf_view(&a.response.body), "{\"error\":\"server_error\"}");
    assert_non_null(a.response.complaint);
    aa_response_clear(&a.response);
    dispatch(&a, AA_METHOD_GET, "/", NULL);
    CHECK(a.response.complaint == NULL);
    aa_response_clear(&a.response);
}

TEST(router, a_handler_that_must_not_wait_may_ask_for_a_worker)
{
    struct answer a;

    dispatch_on(true, &a, AA_METHOD_GET, "/hesitant", NULL);
    CHECK(a.response.wants_worker);
    CHECK_INT(a.response.status, 0);
    CHECK(a.response.complaint == NULL);
    aa_response_clear(&a.response);
    dispatch_on(true, &a, AA_METHOD_GET, "/", NULL);
    CHECK(!a.response.wants_worker);
    CHECK_INT(a.response.status, 200);
    check_header(&a, "X-Content-Type-Options", "nosniff");
    aa_response_clear(&a.response);
}

TEST(router, a_handler_that_wants_a_worker_on_a_worker_is_a_mistake)
{
    struct answer a;

    dispatch(&a, AA_METHOD_GET, "/hesitant", NULL);
    CHECK_INT(a.response.status, 500);
    CHECK(!a.response.wants_worker);
    CHECK_VIEW(aa_buf_view(&a.response.body), "{\"error\":\"server_error\"}");
    assert_non_null(a.response.complaint);
    aa_response_clear(&a.response);
}

TEST(router, an_answer_that_does_not_fit_is_not_sent_in_part)
{
    struct answer a;

    dispatch(&a, AA_METHOD_GET, "/endless", NULL);
    CHECK_INT(a.response.status, 503);
    CHECK_VIEW(aa_buf_view(&a.response.body),
               "{\"error\":\"temporarily_unavailable\",\"error_description\":\"The answer could not be made\"}");
    check_header(&a, "Retry-After", "5");
    check_header(&a, "X-Half", NULL);
    assert_non_null(a.response.complaint);
    aa_response_clear(&a.response);
}

TEST(router, without_memory_the_answer_is_503_or_right)
{
    struct aa_router router = {routes, sizeof routes / sizeof *routes, &(struct calls){0}, NULL};
    struct aa_response response;

    for (size_t nth = 1; nth <= 12; nth++) {
        struct aa_request request = {.method = AA_METHOD_POST, .path = VIEW("/token"), .body = VIEW("a")};

        aa_response_init(&response, BODY_MAX);
        aa_mem_fail_at(nth, true);
        aa_router_dispatch(&router, &request, &response);
        aa_mem_fail_at(0, false);
        if (response.status == 200)
            CHECK_VIEW(aa_buf_view(&response.body), "token");
        else
            CHECK_INT(response.status, 503);
        aa_response_clear(&response);
    }
}

TEST(router, a_refusal_drops_what_was_written)
{
    static const struct aa_http_refusal refusal = {503, "temporarily_unavailable", "The server is busy"};
    struct aa_router router = {routes, sizeof routes / sizeof *routes, NULL, NULL};
    struct aa_request request = {.method = AA_METHOD_POST, .path = VIEW("/token")};
    struct aa_response response;

    aa_response_init(&response, BODY_MAX);
    aa_response_header(&response, "X-Half", VIEW("half"));
    aa_buf_add_text(&response.body, "half");
    aa_router_refuse(&router, &request, &response, &refusal);
    CHECK_INT(response.status, 503);
    CHECK_VIEW(aa_buf_view(&response.body),
               "{\"error\":\"temporarily_unavailable\",\"error_description\":\"The server is busy\"}");
    CHECK(aa_view_is_absent(aa_response_find_header(&response, "X-Half")));
    CHECK_VIEW(aa_response_find_header(&response, "Access-Control-Allow-Origin"), "*");
    CHECK_VIEW(aa_response_find_header(&response, "X-Content-Type-Options"), "nosniff");
    aa_response_clear(&response);
}

#include <stdio.h>

#include "base/json.h"
#include "base/mem.h"
#include "domain/directory.h"
#include "domain/server_keys.h"
#include "endpoint/api_servers.h"
#include "http/router.h"
#include "support_app.h"
#include "support_basic.h"

static const struct aa_route routes[] = {
    {AA_METHOD_POST, "/api/servers", aa_api_server_create, AA_API_BODY_MAX, AA_CORS_NONE, AA_LANE_SLOW},
    {AA_METHOD_GET, "/api/servers", aa_api_server_list, 0, AA_CORS_NONE, AA_LANE_SLOW},
    {AA_METHOD_GET, "/api/servers/:id", aa_api_server_show, 0, AA_CORS_NONE, AA_LANE_SLOW},
    {AA_METHOD_DELETE, "/api/servers/:id", aa_api_server_delete, 0, AA_CORS_NONE, AA_LANE_SLOW},
    {AA_METHOD_POST, "/api/servers/:id/keys", aa_api_key_create, AA_API_BODY_MAX, AA_CORS_NONE, AA_LANE_SLOW},
    {AA_METHOD_GET, "/api/servers/:id/keys", aa_api_key_list, 0, AA_CORS_NONE, AA_LANE_SLOW},
    {AA_METHOD_DELETE, "/api/servers/:id/keys/:key", aa_api_key_delete, 0, AA_CORS_NONE, AA_LANE_SLOW},
};

struct api {
    struct app_fixture f;
    struct aa_router router;
    struct aa_buf admin; /* "Bearer adm_…" */
    struct aa_response response;
    struct aa_json *json; /* of the last answer, when it is one */
    char server_id[64], key_id[64], key_secret[128];
};

static void api_open(struct api *a)
{
    memset(a, 0, sizeof *a);
    app_open(&a->f);
    a->router = (struct aa_router){routes, sizeof routes / sizeof *routes, &a->f.app, NULL};
    aa_buf_init(&a->admin, 128);
    aa_buf_add_text(&a->admin, "Bearer ");
    CHECK_OK(aa_admin_token_create(&a->f.app, &a->admin, NULL));
    aa_response_init(&a->response, 1 << 20);
}

static void api_close(struct api *a)
{
    aa_json_free(a->json);
    aa_response_clear(&a->response);
    aa_buf_clear(&a->admin);
    app_close(&a->f);
}

static void add_header(struct aa_request *request, const char *name, struct aa_view value)
{
    if (!aa_view_is_absent(value))
        request->headers[request->header_count++] = (struct aa_header){VIEW(name), value};
}

/* Sends a request through the router and gives the status. */
static int call(struct api *a, enum aa_method method, const char *path, struct aa_view authorization,
                const char *content_type, const char *body)
{
    struct aa_request request = {.method = method,
                                 .path = VIEW(path),
                                 .body = VIEW(body ? body : ""),
                                 .peer = VIEW("127.0.0.1"),
                                 .request_id = "test"};

    add_header(&request, "Authorization", authorization);
    add_header(&request, "Content-Type", VIEW(content_type));
    aa_response_reset(&a->response);
    aa_json_free(a->json);
    a->json = NULL;
    aa_router_dispatch(&a->router, &request, &a->response);
    if (a->response.body.len)
        CHECK_OK(aa_json_parse(aa_buf_view(&a->response.body), 1 << 20, &a->json, NULL));
    return a->response.status;
}

static int admin_call(struct api *a, enum aa_method method, const char *path, const char *body)
{
    return call(a, method, path, aa_buf_view(&a->admin), body ? "application/json" : NULL, body);
}

static struct aa_view member(struct api *a, const char *name)
{
    return aa_json_text(aa_json_get(a->json, name));
}

#define REGISTRATION                                                                                                   \
    "{\"server_url\":\"https://your-mcp-server.com\",\"server_name\":\"My File Server\","                              \
    "\"scopes\":[\"files:read\",\"files:write\"]}"

static void register_one(struct api *a)
{
    CHECK_INT(admin_call(a, AA_METHOD_POST, "/api/servers", REGISTRATION), 201);
    snprintf(a->server_id, sizeof a->server_id, "%.*s", AA_VIEW_ARGS(member(a, "server_id")));
}

static const char *path_of(struct api *a, const char *rest)
{
    static char path[256];

    snprintf(path, sizeof path, "/api/servers/%s%s", a->server_id, rest);
    return path;
}

static void mint_one(struct api *a)
{
    CHECK_INT(call(a, AA_METHOD_POST, path_of(a, "/keys"), aa_buf_view(&a->admin), "application/x-www-form-urlencoded",
                   "{\"name\":\"Production Key\"}"),
              201);
    snprintf(a->key_id, sizeof a->key_id, "%.*s", AA_VIEW_ARGS(member(a, "key_id")));
    snprintf(a->key_secret, sizeof a->key_secret, "%.*s", AA_VIEW_ARGS(member(a, "key_secret")));
}

TEST(api_servers, a_server_is_registered_and_shown)
{
    struct api a;

    api_open(&a);
    CHECK_INT(admin_call(&a, AA_METHOD_POST, "/api/servers", REGISTRATION), 201);
    CHECK(aa_view_has_prefix(member(&a, "server_id"), AA_VIEW("srv_")));
    CHECK_VIEW(member(&a, "server_url"), "https://your-mcp-server.com");
    CHECK_VIEW(member(&a, "server_name"), "My File Server");
    CHECK_VIEW(member(&a, "created_at"), "2027-01-15T08:00:00Z");
    CHECK_INT(aa_json_len(aa_json_get(a.json, "scopes")), 2);
    CHECK_VIEW(aa_json_text(aa_json_at(aa_json_get(a.json, "scopes"), 1)), "files:write");
    CHECK(aa_json_get(a.json, "user_id") == NULL);
    CHECK_VIEW(aa_response_find_header(&a.response, "Cache-Control"), "no-store");
    snprintf(a.server_id, sizeof a.server_id, "%.*s", AA_VIEW_ARGS(member(&a, "server_id")));
    CHECK_INT(admin_call(&a, AA_METHOD_GET, path_of(&a, ""), NULL), 200);
    CHECK_VIEW(member(&a, "server_id"), a.server_id);
    CHECK_VIEW(member(&a, "server_url"), "https://your-mcp-server.com");
    api_close(&a);
}

/* The same as the curl lines, which have no Content-Type for the key. */
TEST(api_servers, a_key_is_minted_from_a_body_that_says_it_is_a_form)
{
    struct api a;

    api_open(&a);
    register_one(&a);
    mint_one(&a);
    CHECK(aa_view_has_prefix(VIEW(a.key_id), AA_VIEW("sk_")));
    CHECK(aa_view_has_prefix(VIEW(a.key_secret), VIEW(a.key_id)));
    CHECK_VIEW(member(&a, "name"), "Production Key");
    CHECK_VIEW(member(&a, "created_at"), "2027-01-15T08:00:00Z");
    api_close(&a);
}

TEST(api_servers, without_the_administrators_token_nothing_is_done_or_told)
{
    static const struct {
        enum aa_method method;
        const char *path, *body;
    } calls[] = {
        {AA_METHOD_POST, "", REGISTRATION},
        {AA_METHOD_GET, "", NULL},
        {AA_METHOD_GET, "/srv", NULL},
        {AA_METHOD_DELETE, "/srv", NULL},
        {AA_METHOD_POST, "/srv/keys", "{\"name\":\"k\"}"},
        {AA_METHOD_GET, "/srv/keys", NULL},
        {AA_METHOD_DELETE, "/srv/keys/sk", NULL},
    };
    static const char *const credentials[] = {NULL,
                                              "",
                                              "Bearer",
                                              "Bearer adm_wrong",
                                              "Basic YWRtOmFkbQ==",
                                              "Bearer sk_aaaaaaaaaaaaaaaabbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbcccccc"};
    struct api a;
    char path[256];

    api_open(&a);
    register_one(&a);
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        bool about_one = strncmp(calls[i].path, "/srv", 4) == 0;

        snprintf(path, sizeof path, "/api/servers%s%s%s", about_one ? "/" : "", about_one ? a.server_id : "",
                 about_one ? calls[i].path + 4 : "");
        for (size_t j = 0; j < sizeof credentials / sizeof *credentials; j++) {
            CHECK_INT(call(&a, calls[i].method, path, VIEW(credentials[j]), "application/json", calls[i].body), 401);
            CHECK_VIEW(aa_response_find_header(&a.response, "WWW-Authenticate"), "Bearer");
            CHECK_VIEW(member(&a, "error"), "invalid_token");
        }
    }
    CHECK_INT(admin_call(&a, AA_METHOD_GET, "/api/servers", NULL), 200);
    CHECK_INT(aa_json_len(aa_json_get(a.json, "servers")), 1);
    api_close(&a);
}

TEST(api_servers, a_server_sees_itself_with_its_own_key_and_nothing_else)
{
    struct api a;
    struct aa_buf bearer;
    char other[64];

    api_open(&a);
    register_one(&a);
    mint_one(&a);
    CHECK_INT(admin_call(&a, AA_METHOD_POST, "/api/servers",
                         "{\"server_url\":\"https://two.example\",\"server_name\":\"Two\"}"),
              201);
    snprintf(other, sizeof other, "/api/servers/%.*s", AA_VIEW_ARGS(member(&a, "server_id")));
    aa_buf_init(&bearer, 256);
    aa_buf_add_format(&bearer, "Bearer %s", a.key_secret);
    CHECK_INT(call(&a, AA_METHOD_GET, path_of(&a, ""), aa_buf_view(&bearer), NULL, NULL), 200);
    CHECK_VIEW(member(&a, "server_url"), "https://your-mcp-server.com");
    CHECK_INT(call(&a, AA_METHOD_GET, other, aa_buf_view(&bearer), NULL, NULL), 401);
    CHECK_INT(call(&a, AA_METHOD_GET, "/api/servers", aa_buf_view(&bearer), NULL, NULL), 401);
    CHECK_INT(call(&a, AA_METHOD_GET, path_of(&a, "/keys"), aa_buf_view(&bearer), NULL, NULL), 401);
    CHECK_INT(call(&a, AA_METHOD_DELETE, path_of(&a, ""), aa_buf_view(&bearer), NULL, NULL), 401);
    aa_buf_clear(&bearer);
    api_close(&a);
}

/* How the SDK learns its resource. */
TEST(api_servers, a_server_sees_itself_with_basic_credentials_of_its_own)
{
    struct api a;
    api_open(&a);
    register_one(&a);
    mint_one(&a);
    CHECK_INT(call(&a, AA_METHOD_GET, path_of(&a, ""), VIEW(basic(a.server_id, a.key_secret)), NULL, NULL), 200);
    CHECK_VIEW(member(&a, "server_name"), "My File Server");
    CHECK_INT(call(&a, AA_METHOD_GET, path_of(&a, ""), VIEW(basic("srv_other", a.key_secret)), NULL, NULL), 401);
    CHECK_INT(admin_call(&a, AA_METHOD_DELETE, path_of(&a, "/keys/"), NULL), 404);
    api_close(&a);
}

static bool key_opens(struct api *a)
{
    struct aa_buf server_id;
    bool good = false;

    aa_buf_init(&server_id, 64);
    CHECK_OK(aa_server_key_check(&a->f.app, AA_VIEW_ABSENT, VIEW(a->key_secret), &good, &server_id, NULL));
    aa_buf_clear(&server_id);
    return good;
}

TEST(api_servers, a_deleted_key_opens_nothing_from_then_on)
{
    struct api a;
    char path[256];

    api_open(&a);
    register_one(&a);
    mint_one(&a);
    CHECK(key_opens(&a));
    snprintf(path, sizeof path, "/api/servers/srv_other/keys/%s", a.key_id);
    CHECK_INT(admin_call(&a, AA_METHOD_DELETE, path, NULL), 404); /* not that server's */
    CHECK(key_opens(&a));
    snprintf(path, sizeof path, "%s%s", path_of(&a, "/keys/"), a.key_id);
    CHECK_INT(admin_call(&a, AA_METHOD_DELETE, path, NULL), 204);
    CHECK_INT(a.response.body.len, 0);
    CHECK(!key_opens(&a));
    api_close(&a);
}

TEST(api_servers, keys_are_listed_without_their_secrets)
{
    struct api a;
    const struct aa_json *keys;

    api_open(&a);
    register_one(&a);
    mint_one(&a);
    CHECK(key_opens(&a));
    CHECK_INT(admin_call(&a, AA_METHOD_GET, path_of(&a, "/keys"), NULL), 200);
    keys = aa_json_get(a.json, "keys");
    CHECK_INT(aa_json_len(keys), 1);
    CHECK_VIEW(aa_json_text(aa_json_get(aa_json_at(keys, 0), "key_id")), a.key_id);
    CHECK_VIEW(aa_json_text(aa_json_get(aa_json_at(keys, 0), "name")), "Production Key");
    CHECK_VIEW(aa_json_text(aa_json_get(aa_json_at(keys, 0), "last_used_at")), "2027-01-15T08:00:00Z");
    CHECK(strstr(aa_buf_text(&a.response.body), a.key_secret + 19) == NULL);
    CHECK(strstr(aa_buf_text(&a.response.body), "pbkdf2") == NULL);
    CHECK_INT(admin_call(&a, AA_METHOD_GET, "/api/servers/srv_other/keys", NULL), 404);
    api_close(&a);
}

TEST(api_servers, a_resource_is_registered_once)
{
    struct api a;

    api_open(&a);
    register_one(&a);
    CHECK_INT(admin_call(&a, AA_METHOD_POST, "/api/servers", REGISTRATION), 409);
    CHECK_VIEW(member(&a, "error_description"), "server_url is registered already");
    CHECK_INT(admin_call(&a, AA_METHOD_DELETE, path_of(&a, ""), NULL), 204);
    CHECK_INT(admin_call(&a, AA_METHOD_GET, path_of(&a, ""), NULL), 404);
    CHECK_INT(admin_call(&a, AA_METHOD_DELETE, path_of(&a, ""), NULL), 404);
    CHECK_INT(admin_call(&a, AA_METHOD_POST, "/api/servers", REGISTRATION), 201);
    api_close(&a);
}

TEST(api_servers, a_bad_body_is_told_by_its_member)
{
    static const struct {
        const char *body, *in_message;
    } samples[] = {
        {"", "JSON object"},
        {"[]", "JSON object"},
        {"server_url=https%3A%2F%2Fa.example", "JSON object"},
        {"{", "malformed"},
        {"{\"server_url\":\"https://a.example\",\"server_url\":\"https://b.example\"}", "malformed"},
        {"{}", "server_url"},
        {"{\"server_url\":1,\"server_name\":\"x\"}", "server_url"},
        {"{\"server_url\":\"https://a.example\"}", "server_name"},
        {"{\"server_url\":\"https://a.example\",\"server_name\":\"\"}", "server_name"},
        {"{\"server_url\":\"http://a.example\",\"server_name\":\"x\"}", "server_url"},
        {"{\"server_url\":\"https://a.example\",\"server_name\":\"x\",\"scopes\":\"files:read\"}", "scopes"},
        {"{\"server_url\":\"https://a.example\",\"server_name\":\"x\",\"scopes\":[\"a b\"]}", "scopes"},
        {"{\"server_url\":\"https://a.example\",\"server_name\":\"x\",\"scopes\":[\"\"]}", "scopes"},
        {"{\"server_url\":\"https://a.example\",\"server_name\":\"x\",\"user_id\":\"usr_nobody\"}", "user_id"},
    };
    struct api a;

    api_open(&a);
    for (size_t i = 0; i < sizeof samples / sizeof *samples; i++) {
        CHECK_INT(admin_call(&a, AA_METHOD_POST, "/api/servers", samples[i].body), 400);
        CHECK_VIEW(member(&a, "error"), "invalid_request");
        if (!memmem(a.response.body.data, a.response.body.len, samples[i].in_message, strlen(samples[i].in_message)))
            fail_msg("%s: %s", samples[i].body, aa_buf_text(&a.response.body));
        CHECK(strchr(member(&a, "error_description").data, '"') == NULL);
    }
    CHECK_INT(admin_call(&a, AA_METHOD_GET, "/api/servers", NULL), 200);
    CHECK_INT(aa_json_len(aa_json_get(a.json, "servers")), 0);
    api_close(&a);
}

TEST(api_servers, a_key_needs_a_name_and_a_server)
{
    struct api a;

    api_open(&a);
    register_one(&a);
    CHECK_INT(admin_call(&a, AA_METHOD_POST, path_of(&a, "/keys"), "{}"), 400);
    CHECK_INT(admin_call(&a, AA_METHOD_POST, path_of(&a, "/keys"), "{\"name\":\"\"}"), 400);
    CHECK_INT(admin_call(&a, AA_METHOD_POST, "/api/servers/srv_other/keys", "{\"name\":\"k\"}"), 404);
    CHECK_INT(admin_call(&a, AA_METHOD_POST, path_of(&a, "/keys"), "{\"name\":\"k\"}"), 201);
    api_close(&a);
}

TEST(api_servers, an_owner_is_believed_from_the_administrator)
{
    struct api a;
    struct aa_buf user_id;
    char body[256];

    api_open(&a);
    aa_buf_init(&user_id, 64);
    CHECK_OK(
        aa_person_create(&a.f.app, VIEW("ann@example.com"), AA_VIEW_ABSENT, VIEW("correct horse"), &user_id, NULL));
    snprintf(body, sizeof body, "{\"server_url\":\"https://a.example\",\"server_name\":\"x\",\"user_id\":\"%s\"}",
             aa_buf_text(&user_id));
    CHECK_INT(admin_call(&a, AA_METHOD_POST, "/api/servers", body), 201);
    CHECK_VIEW(member(&a, "user_id"), aa_buf_text(&user_id));
    aa_buf_clear(&user_id);
    api_close(&a);
}

TEST(api_servers, trouble_with_the_store_is_503_and_never_401)
{
    struct api a;
    int status = 0;
    size_t nth;

    api_open(&a);
    register_one(&a);
    for (nth = 1; status != 200 && nth < 200; nth++) {
        struct aa_request request = {
            .method = AA_METHOD_GET, .path = VIEW("/api/servers"), .peer = VIEW("127.0.0.1"), .request_id = "test"};

        add_header(&request, "Authorization", aa_buf_view(&a.admin));
        aa_response_clear(&a.response);
        aa_mem_fail_at(nth, false);
        aa_api_server_list(&a.f.app, &request, &a.response);
        aa_mem_fail_at(0, false);
        status = a.response.status;
        CHECK(status == 200 || status == 503);
        if (status == 200 && a.response.body.bad) /* the answer itself found no room: the listener sends 503 */
            status = 0;
    }
    CHECK(nth > 2 && nth < 200);
    api_close(&a);
}

#include "support_flow.h"

#include <stdio.h>

#include "domain/directory.h"
#include "domain/keyring.h"
#include "domain/secret.h"
#include "domain/server_keys.h"
#include "endpoint/endpoint.h"
#include "support_store.h"

static const uint8_t master_key[32] = {7, 7, 7};

/* ---- opening and closing ---- */

static void start(struct flow *flow)
{
    CHECK_OK(aa_keyring_open(&flow->f.app, master_key, &flow->f.app.keyring, NULL));
    CHECK_OK(aa_endpoint_router_init(&flow->router, &flow->f.app, NULL));
}

static void stop(struct flow *flow)
{
    aa_endpoint_router_clear(&flow->router);
    aa_keyring_free(flow->f.app.keyring);
    app_close(&flow->f);
}

static void add_server(struct flow *flow, const char *url, char server_id[64])
{
    struct aa_server server = {0};
    struct aa_server_registration registration = {.server_url = VIEW(url),
                                                  .server_name = VIEW("Files"),
                                                  .scopes = VIEW("files:read files:write"),
                                                  .user_id = AA_VIEW_ABSENT};

    CHECK_OK(aa_directory_register(&flow->f.app, &registration, &server, NULL));
    snprintf(server_id, 64, "%.*s", AA_VIEW_ARGS(server.server_id));
    aa_record_clear(&server.memory);
}

static enum aa_err create_rows(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    const struct flow *flow = ctx;
    struct aa_user user = {.user_id = VIEW(flow->user_id),
                           .email = VIEW("ann@example.com"),
                           .name = VIEW("Ann Example"),
                           .created_ms = flow->f.now_ms};
    struct aa_client client = {.client_id = VIEW(flow->client_id),
                               .client_name = VIEW("Test app"),
                               .redirect_uris = VIEW("[\"http://127.0.0.1/callback\"]"),
                               .grant_types = VIEW("authorization_code refresh_token"),
                               .source = VIEW("cli"),
                               .created_ms = flow->f.now_ms,
                               .expires_ms = flow->f.now_ms + 3600 * 1000};
    enum aa_err rc;

    rc = aa_user_create(conn, &user, err);
    if (!rc)
        rc = aa_client_create(conn, &client, err);
    client.client_id = VIEW(flow->other_client_id);
    client.expires_ms = 0;
    return rc ? rc : aa_client_create(conn, &client, err);
}

static void fill(struct flow *flow)
{
    snprintf(flow->user_id, sizeof flow->user_id, "usr_Ann");
    snprintf(flow->client_id, sizeof flow->client_id, "cl_First");
    snprintf(flow->other_client_id, sizeof flow->other_client_id, "cl_Other");
    flow_write(flow, create_rows, flow);
    add_server(flow, RESOURCE, flow->server_id);
    add_server(flow, OTHER_RESOURCE, flow->other_server_id);
    aa_response_init(&flow->response, 1 << 20);
}

void flow_open(struct flow *flow)
{
    memset(flow, 0, sizeof *flow);
    app_open(&flow->f);
    start(flow);
    fill(flow);
}

void flow_open_on_disk(struct flow *flow)
{
    memset(flow, 0, sizeof *flow);
    folder_make(flow->folder, sizeof flow->folder);
    snprintf(flow->path, sizeof flow->path, "%s/test.db", flow->folder);
    app_open_at(&flow->f, flow->path);
    start(flow);
    fill(flow);
}

void flow_reopen(struct flow *flow)
{
    struct aa_settings settings = flow->f.app.settings;
    int64_t now_ms = flow->f.now_ms;

    stop(flow);
    app_open_at(&flow->f, flow->path);
    flow->f.app.settings = settings;
    flow->f.now_ms = now_ms;
    start(flow);
}

void flow_open_beside(struct flow *second, const struct flow *first)
{
    *second = *first;
    second->folder[0] = '\0';
    second->json = NULL;
    app_open_at(&second->f, first->path);
    second->f.app.settings = first->f.app.settings;
    second->f.now_ms = first->f.now_ms;
    start(second);
    aa_response_init(&second->response, 1 << 20);
}

void flow_close(struct flow *flow)
{
    aa_json_free(flow->json);
    aa_response_clear(&flow->response);
    stop(flow);
    if (flow->folder[0])
        folder_remove(flow->folder);
}

static void mint_key(struct flow *flow, const char *server_id, char key[128])
{
    struct aa_buf key_id, secret;

    aa_buf_init(&key_id, 128);
    aa_buf_init(&secret, 128);
    CHECK_OK(aa_server_key_mint(&flow->f.app, VIEW(server_id), VIEW("test"), &key_id, &secret, NULL));
    snprintf(key, 128, "%s", aa_buf_text(&secret));
    aa_buf_clear(&key_id);
    aa_buf_clear(&secret);
}

void flow_keys(struct flow *flow)
{
    mint_key(flow, flow->server_id, flow->key);
    mint_key(flow, flow->other_server_id, flow->other_key);
}

void flow_move(struct flow *flow, int64_t seconds)
{
    flow->f.now_ms += seconds * 1000;
}

void flow_write(struct flow *flow, aa_db_fn fn, void *ctx)
{
    CHECK_OK(aa_db_write(flow->f.app.db, fn, ctx, NULL));
}

/* ---- asking ---- */

static void add_header(struct aa_request *request, const char *name, const char *value)
{
    if (value)
        request->headers[request->header_count++] = (struct aa_header){VIEW(name), VIEW(value)};
}

int flow_send_to(struct flow *flow, const struct flow_request *sent, struct aa_response *response)
{
    struct aa_request request = {.method = sent->method,
                                 .path = VIEW(sent->path),
                                 .query = VIEW(sent->query),
                                 .body = sent->body.data ? sent->body : AA_VIEW(""),
                                 .peer = VIEW("192.0.2.1"),
                                 .request_id = "test"};

    add_header(&request, "Authorization", sent->authorization);
    add_header(&request, "Content-Type", sent->content_type);
    aa_router_dispatch(&flow->router, &request, response);
    return response->status;
}

int flow_send(struct flow *flow, const struct flow_request *request)
{
    int status;

    aa_response_reset(&flow->response);
    aa_json_free(flow->json);
    flow->json = NULL;
    status = flow_send_to(flow, request, &flow->response);
    if (aa_view_equal_text(flow_header(flow, "Content-Type"), "application/json"))
        CHECK_OK(aa_json_parse(aa_buf_view(&flow->response.body), 1 << 20, &flow->json, NULL));
    return status;
}

int flow_get(struct flow *flow, const char *path)
{
    return flow_send(flow, &(struct flow_request){.method = AA_METHOD_GET, .path = path});
}

static void write_form(struct aa_buf *out, va_list pairs)
{
    const char *name;

    while ((name = va_arg(pairs, const char *)) != NULL) {
        const char *value = va_arg(pairs, const char *);

        if (!value)
            continue;
        if (out->len)
            aa_buf_add_char(out, '&');
        aa_buf_add_percent(out, VIEW(name));
        aa_buf_add_char(out, '=');
        aa_buf_add_percent(out, VIEW(value));
    }
}

static void write_json(struct aa_buf *out, va_list pairs)
{
    const char *name;

    aa_buf_add_char(out, '{');
    while ((name = va_arg(pairs, const char *)) != NULL) {
        const char *value = va_arg(pairs, const char *);

        if (!value)
            continue;
        if (out->len > 1)
            aa_buf_add_char(out, ',');
        aa_buf_add_json_string(out, VIEW(name));
        aa_buf_add_char(out, ':');
        aa_buf_add_json_string(out, VIEW(value));
    }
    aa_buf_add_char(out, '}');
}

static int post(struct flow *flow, const char *path, const char *content_type, const struct aa_buf *body)
{
    return flow_send(
        flow, &(struct flow_request){
                  .method = AA_METHOD_POST, .path = path, .content_type = content_type, .body = aa_buf_view(body)});
}

int flow_post(struct flow *flow, const char *path, ...)
{
    struct aa_buf body;
    va_list pairs;
    int status;

    aa_buf_init(&body, FLOW_BODY_MAX);
    va_start(pairs, path);
    write_form(&body, pairs);
    va_end(pairs);
    status = post(flow, path, "application/x-www-form-urlencoded", &body);
    aa_buf_clear(&body);
    return status;
}

int flow_post_json(struct flow *flow, const char *path, ...)
{
    struct aa_buf body;
    va_list pairs;
    int status;

    aa_buf_init(&body, FLOW_BODY_MAX);
    va_start(pairs, path);
    write_json(&body, pairs);
    va_end(pairs);
    status = post(flow, path, "application/json; charset=utf-8", &body);
    aa_buf_clear(&body);
    return status;
}

int flow_post_raw(struct flow *flow, const char *path, const char *content_type, const char *body)
{
    return flow_send(flow,
                     &(struct flow_request){
                         .method = AA_METHOD_POST, .path = path, .content_type = content_type, .body = VIEW(body)});
}

void flow_form(char *out, size_t size, ...)
{
    struct aa_buf body;
    va_list pairs;

    aa_buf_init(&body, FLOW_BODY_MAX);
    va_start(pairs, size);
    write_form(&body, pairs);
    va_end(pairs);
    CHECK(body.len < size);
    snprintf(out, size, "%s", aa_buf_text(&body));
    aa_buf_clear(&body);
}

/* ---- looking at the answer ---- */

struct aa_view flow_text(struct flow *flow, const char *member)
{
    return aa_json_text(aa_json_get(flow->json, member));
}

int64_t flow_int(struct flow *flow, const char *member)
{
    return aa_json_int(aa_json_get(flow->json, member));
}

bool flow_has(struct flow *flow, const char *member)
{
    return aa_json_get(flow->json, member) != NULL;
}

struct aa_view flow_header(struct flow *flow, const char *name)
{
    return aa_response_find_header(&flow->response, name);
}

void flow_check_error(struct flow *flow, int status, const char *error)
{
    CHECK_INT(flow->response.status, status);
    CHECK_VIEW(flow_text(flow, "error"), error);
    CHECK(flow_text(flow, "error_description").len > 0);
    CHECK_VIEW(flow_header(flow, "Cache-Control"), "no-store");
}

void flow_copy(struct flow *flow, const char *member, char out[FLOW_TOKEN_MAX])
{
    struct aa_view text = flow_text(flow, member);

    CHECK(text.len > 0 && text.len < FLOW_TOKEN_MAX);
    memcpy(out, text.data, text.len);
    out[text.len] = '\0';
}

/* ---- authorizations ---- */

void flow_grant_init(const struct flow *flow, struct flow_grant *grant)
{
    *grant = (struct flow_grant){.client_id = flow->client_id,
                                 .server_id = flow->server_id,
                                 .user_id = flow->user_id,
                                 .scope = "files:read files:write",
                                 .redirect_uri = REDIRECT,
                                 .redirect_uri_sent = true};
}

struct storing {
    struct aa_grant grant;
    struct aa_code code;
};

static enum aa_err store_grant(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    const struct storing *storing = ctx;
    enum aa_err rc = aa_grant_create(conn, &storing->grant, err);

    return rc ? rc : aa_code_create(conn, &storing->code, err);
}

void flow_grant_store(struct flow *flow, struct flow_grant *grant)
{
    struct aa_app *app = &flow->f.app;
    uint8_t key[AA_DIGEST_KEY_LEN];
    struct storing storing = {.grant = {.user_id = VIEW(grant->user_id),
                                        .client_id = VIEW(grant->client_id),
                                        .server_id = VIEW(grant->server_id),
                                        .scope = VIEW(grant->scope),
                                        .created_ms = flow->f.now_ms},
                              .code = {.code_key = aa_view_make(key, sizeof key),
                                       .client_id = VIEW(grant->client_id),
                                       .redirect_uri = VIEW(grant->redirect_uri),
                                       .code_challenge = VIEW(CHALLENGE),
                                       .scope = VIEW(grant->scope),
                                       .server_id = VIEW(grant->server_id),
                                       .user_id = VIEW(grant->user_id),
                                       .redirect_uri_sent = grant->redirect_uri_sent,
                                       .created_ms = flow->f.now_ms,
                                       .expires_ms = flow->f.now_ms + app->settings.code_ttl_s * 1000}};
    struct aa_buf id, code;

    aa_buf_init(&id, 64);
    aa_buf_init(&code, 128);
    CHECK_OK(aa_app_new_id(app, "gr_", &id, NULL));
    CHECK_OK(aa_secret_mint(app, AA_CODE_PREFIX, &code, key, NULL));
    snprintf(grant->grant_id, sizeof grant->grant_id, "%s", aa_buf_text(&id));
    snprintf(grant->code, sizeof grant->code, "%s", aa_buf_text(&code));
    storing.grant.grant_id = storing.code.grant_id = VIEW(grant->grant_id);
    flow_write(flow, store_grant, &storing);
    aa_buf_clear(&id);
    aa_buf_clear(&code);
}

void flow_code(struct flow *flow, char code[128])
{
    struct flow_grant grant;

    flow_grant_init(flow, &grant);
    flow_grant_store(flow, &grant);
    memcpy(code, grant.code, sizeof grant.code);
}

int flow_redeem(struct flow *flow, const char *code)
{
    return flow_post(flow, "/token", "grant_type", "authorization_code", "client_id", flow->client_id, "code", code,
                     "redirect_uri", REDIRECT, "code_verifier", VERIFIER, NULL);
}

int flow_refresh(struct flow *flow, const char *refresh_token)
{
    return flow_post(flow, "/token", "grant_type", "refresh_token", "client_id", flow->client_id, "refresh_token",
                     refresh_token, NULL);
}

void flow_tokens(struct flow *flow, char access[FLOW_TOKEN_MAX], char refresh[FLOW_TOKEN_MAX])
{
    char code[128];

    flow_code(flow, code);
    CHECK_INT(flow_redeem(flow, code), 200);
    flow_copy(flow, "access_token", access);
    flow_copy(flow, "refresh_token", refresh);
}

bool flow_is_active(struct flow *flow, const char *token)
{
    char authorization[256], body[FLOW_TOKEN_MAX + 64];
    struct flow_request request = {.method = AA_METHOD_POST,
                                   .path = "/introspect",
                                   .authorization = authorization,
                                   .content_type = "application/x-www-form-urlencoded"};

    snprintf(authorization, sizeof authorization, "Bearer %s", flow->key);
    flow_form(body, sizeof body, "token", token, NULL);
    request.body = VIEW(body);
    CHECK_INT(flow_send(flow, &request), 200);
    CHECK(flow_has(flow, "active"));
    return aa_json_is(aa_json_get(flow->json, "active"), AA_JSON_TRUE);
}

static enum aa_err disable_user(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    const struct flow *flow = ctx;

    return aa_user_set_disabled(conn, VIEW(flow->user_id), flow->f.now_ms, err);
}

void flow_disable_user(struct flow *flow)
{
    flow_write(flow, disable_user, flow);
}

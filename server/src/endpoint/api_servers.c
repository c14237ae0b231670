#include "endpoint/api_servers.h"

#include "base/error.h"
#include "base/json.h"
#include "base/url.h"
#include "domain/directory.h"
#include "domain/server_keys.h"
#include "domain/texts.h"
#include "oauth/bearer.h"
#include "oauth/scope.h"
#include "store/store.h"

#define NAME_MAX_LEN 200
#define SERVER_ID_MAX 128
#define CREDENTIALS_MAX 1024

/* ---- answers ---- */

/* RFC 6749 §5.2 keeps quotes and backslashes out of descriptions. */
static void add_description(struct aa_buf *body, const char *message)
{
    struct aa_buf text;

    aa_buf_init(&text, AA_ERROR_MESSAGE_MAX);
    for (const char *c = message; *c; c++)
        aa_buf_add_char(&text, *c == '"' || *c == '\\' ? '\'' : *c < 0x20 || *c > 0x7e ? '?' : *c);
    aa_buf_add_json_string(body, aa_buf_view(&text));
    aa_buf_clear(&text);
}

static void answer_error(struct aa_response *response, int status, const char *error, const char *message)
{
    aa_response_json(response, status);
    aa_buf_add_text(&response->body, "{\"error\":\"");
    aa_buf_add_text(&response->body, error);
    aa_buf_add_text(&response->body, "\",\"error_description\":");
    add_description(&response->body, message);
    aa_buf_add_char(&response->body, '}');
}

static void answer_unauthorized(struct aa_response *response)
{
    answer_error(response, 401, "invalid_token", "The administrator's token is required");
    aa_response_header(response, "WWW-Authenticate", AA_VIEW("Bearer"));
}

static void answer_missing(struct aa_response *response)
{
    answer_error(response, 404, "not_found", "There is no such server or key");
}

/* Trouble of ours, a missing or colliding record, or what was wrong with the request. */
static void answer_failure(struct aa_app *app, const struct aa_request *request, struct aa_response *response,
                           enum aa_err rc, const struct aa_error *err)
{
    if (rc == AA_ERR_NOT_FOUND) {
        answer_missing(response);
    } else if (rc == AA_ERR_CONFLICT) {
        answer_error(response, 409, "conflict", err->message);
    } else if (aa_err_class_of(rc) == AA_CLASS_REQUEST) {
        answer_error(response, 400, "invalid_request", err->message);
    } else {
        aa_app_log(app, 3, request->request_id, "%s", err->message);
        answer_error(response, 503, "temporarily_unavailable", aa_err_text(rc));
        aa_response_header(response, "Retry-After", AA_VIEW("5"));
    }
}

static void answer_deleted(struct aa_response *response)
{
    response->status = 204;
    aa_response_header(response, "Cache-Control", AA_VIEW("no-store"));
}

/* ---- who is asking ---- */

/* True for the administrator; otherwise the request is answered. */
static bool allow_admin(struct aa_app *app, const struct aa_request *request, struct aa_response *response)
{
    struct aa_error err = AA_ERROR_INIT;
    struct aa_view token;
    bool good = false;
    enum aa_err rc;

    if (aa_bearer_parse(aa_request_header(request, "Authorization"), &token, NULL)) {
        answer_unauthorized(response);
        return false;
    }
    rc = aa_admin_token_check(app, token, &good, &err);
    if (rc)
        answer_failure(app, request, response, rc, &err);
    else if (!good)
        answer_unauthorized(response);
    return !rc && good;
}

/* The key of Basic server_id:key or Bearer key; absent when there is neither, or the user is another server. Only
 * memory can fail. */
static enum aa_err take_key(struct aa_view authorization, struct aa_view wanted, struct aa_buf *memory,
                            struct aa_view *secret, struct aa_error *err)
{
    struct aa_view user = wanted;
    enum aa_err rc;

    rc = aa_basic_parse(authorization, memory, &user, secret, err);
    if (rc == AA_ERR_NOMEM)
        return rc;
    if (rc && aa_bearer_parse(authorization, secret, NULL))
        *secret = AA_VIEW_ABSENT;
    if (!rc && !aa_view_equal(user, wanted))
        *secret = AA_VIEW_ABSENT;
    return AA_OK;
}

/* Is it the server `wanted` itself, by its key? */
static enum aa_err check_server_itself(struct aa_app *app, struct aa_view authorization, struct aa_view wanted,
                                       bool *good, struct aa_error *err)
{
    struct aa_view secret = AA_VIEW_ABSENT;
    struct aa_error why = AA_ERROR_INIT;
    struct aa_buf memory, server_id;
    enum aa_err rc;

    *good = false;
    aa_buf_init(&memory, CREDENTIALS_MAX);
    aa_buf_init(&server_id, SERVER_ID_MAX);
    rc = take_key(authorization, wanted, &memory, &secret, &why);
    if (rc)
        aa_fail(err, rc, "%s", why.message);
    else if (!aa_view_is_absent(secret))
        rc = aa_server_key_check(app, wanted, secret, good, &server_id, err);
    aa_buf_wipe_clear(&memory);
    aa_buf_clear(&server_id);
    return rc;
}

static bool allow_admin_or_itself(struct aa_app *app, const struct aa_request *request, struct aa_response *response)
{
    struct aa_error err = AA_ERROR_INIT;
    bool good = false;
    enum aa_err rc;

    rc = check_server_itself(app, aa_request_header(request, "Authorization"), request->params[0], &good, &err);
    if (rc)
        answer_failure(app, request, response, rc, &err);
    if (rc || good)
        return !rc;
    return allow_admin(app, request, response);
}

/* ---- reading a body ---- */

static bool starts_object(struct aa_view body)
{
    for (size_t i = 0; i < body.len; i++)
        if (body.data[i] != ' ' && body.data[i] != '\t' && body.data[i] != '\r' && body.data[i] != '\n')
            return body.data[i] == '{';
    return false;
}

/* Reads the members; the caller frees *json. What begins like an object is read as one whatever Content-Type says: curl
 * -d says "application/x-www-form-urlencoded". The Authorization header keeps other sites' forms out. */
static enum aa_err read_body(const struct aa_request *request, const struct aa_json_field *fields, size_t count,
                             void *target, struct aa_json **json, struct aa_error *err)
{
    enum aa_err rc;

    if (!starts_object(request->body))
        return aa_fail(err, AA_ERR_JSON_MALFORMED, "The body must be a JSON object");
    rc = aa_json_parse(request->body, AA_API_BODY_MAX, json, err);
    return rc ? rc : aa_json_read(*json, fields, count, target, err);
}

/* A list of scopes as one text. Each member must be one scope: "a b" would become two. */
static enum aa_err join_scopes(const struct aa_json *list, struct aa_buf *out, struct aa_error *err)
{
    for (size_t i = 0; i < aa_json_len(list); i++) {
        struct aa_view scope = aa_json_text(aa_json_at(list, i));

        if (aa_scope_check(scope, NULL))
            return aa_fail(err, AA_ERR_SCOPE_FORMAT, "member scopes must be an array of scopes, each without spaces");
        if (i)
            aa_buf_add_char(out, ' ');
        aa_buf_add(out, scope);
    }
    return aa_buf_check(out, "member scopes", err);
}

/* ---- writing ---- */

static void add_text(struct aa_buf *body, const char *name, struct aa_view text)
{
    aa_buf_add_format(body, "\"%s\":", name);
    aa_buf_add_json_string(body, text);
}

static void add_time(struct aa_buf *body, const char *name, int64_t time_ms)
{
    aa_buf_add_format(body, "\"%s\":\"", name);
    aa_text_add_time(body, time_ms);
    aa_buf_add_char(body, '"');
}

static void add_scopes(struct aa_buf *body, struct aa_view scopes)
{
    const char *separator = "\"scopes\":[";
    struct aa_view scope;

    if (scopes.len == 0)
        aa_buf_add_text(body, separator);
    while (scopes.len > 0) {
        aa_view_cut(scopes, ' ', &scope, &scopes);
        aa_buf_add_text(body, separator);
        aa_buf_add_json_string(body, scope);
        separator = ",";
    }
    aa_buf_add_char(body, ']');
}

static void add_server(struct aa_buf *body, const struct aa_server *server)
{
    aa_buf_add_char(body, '{');
    add_text(body, "server_id", server->server_id);
    aa_buf_add_char(body, ',');
    add_text(body, "server_url", server->server_url);
    aa_buf_add_char(body, ',');
    add_text(body, "server_name", server->server_name);
    aa_buf_add_char(body, ',');
    add_scopes(body, server->scopes);
    if (!aa_view_is_absent(server->user_id)) {
        aa_buf_add_char(body, ',');
        add_text(body, "user_id", server->user_id);
    }
    aa_buf_add_char(body, ',');
    add_time(body, "created_at", server->created_ms);
    aa_buf_add_char(body, '}');
}

static void add_key(struct aa_buf *body, const struct aa_server_key *key)
{
    aa_buf_add_char(body, '{');
    add_text(body, "key_id", key->key_id);
    aa_buf_add_char(body, ',');
    add_text(body, "name", key->name);
    aa_buf_add_char(body, ',');
    add_time(body, "created_at", key->created_ms);
    if (key->last_used_ms) {
        aa_buf_add_char(body, ',');
        add_time(body, "last_used_at", key->last_used_ms);
    }
    if (key->revoked_ms) {
        aa_buf_add_char(body, ',');
        add_time(body, "revoked_at", key->revoked_ms);
    }
    aa_buf_add_char(body, '}');
}

/* ---- servers ---- */

struct server_body {
    struct aa_view server_url, server_name, user_id;
    const struct aa_json *scopes;
};

static const struct aa_json_field server_fields[] = {
    {"server_url", AA_FIELD_TEXT, offsetof(struct server_body, server_url), true, AA_URL_MAX},
    {"server_name", AA_FIELD_TEXT, offsetof(struct server_body, server_name), true, NAME_MAX_LEN},
    {"scopes", AA_FIELD_TEXT_LIST, offsetof(struct server_body, scopes), false, AA_SCOPE_COUNT_MAX},
    {"user_id", AA_FIELD_TEXT, offsetof(struct server_body, user_id), false, SERVER_ID_MAX},
};

static enum aa_err create_server(struct aa_app *app, const struct aa_request *request, struct aa_server *out,
                                 struct aa_error *err)
{
    struct server_body body = {.user_id = AA_VIEW_ABSENT};
    struct aa_server_registration registration;
    struct aa_json *json = NULL;
    struct aa_buf scopes;
    enum aa_err rc;

    aa_buf_init(&scopes, AA_SCOPE_LEN_MAX);
    rc = read_body(request, server_fields, sizeof server_fields / sizeof *server_fields, &body, &json, err);
    if (!rc)
        rc = join_scopes(body.scopes, &scopes, err);
    if (!rc) {
        registration = (struct aa_server_registration){.server_url = body.server_url,
                                                       .server_name = body.server_name,
                                                       .scopes = aa_buf_view(&scopes),
                                                       .user_id = body.user_id};
        rc = aa_directory_register(app, &registration, out, err);
    }
    aa_buf_clear(&scopes);
    aa_json_free(json);
    return rc;
}

void aa_api_server_create(void *app, const struct aa_request *request, struct aa_response *response)
{
    struct aa_error err = AA_ERROR_INIT;
    struct aa_server server = {0};
    enum aa_err rc;

    if (!allow_admin(app, request, response))
        return;
    rc = create_server(app, request, &server, &err);
    if (rc) {
        answer_failure(app, request, response, rc, &err);
        return;
    }
    aa_response_json(response, 201);
    add_server(&response->body, &server);
    aa_record_clear(&server.memory);
}

/* A list of records as a JSON array being written. */
struct listing {
    struct aa_buf *body;
    struct aa_view server_id;
    size_t count;
};

static enum aa_err add_server_row(void *ctx, const void *record, struct aa_error *err)
{
    struct listing *listing = ctx;

    if (listing->count++)
        aa_buf_add_char(listing->body, ',');
    add_server(listing->body, record);
    return aa_buf_check(listing->body, "the list of servers", err);
}

static enum aa_err list_servers(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    return aa_server_list(conn, add_server_row, ctx, err);
}

/* The answer is begun only once the list is whole. */
static void answer_list(struct aa_app *app, const struct aa_request *request, struct aa_response *response,
                        const char *name, aa_db_fn list)
{
    struct aa_error err = AA_ERROR_INIT;
    struct aa_buf body;
    struct listing listing = {&body, request->params[0], 0};
    enum aa_err rc;

    aa_buf_init(&body, response->body.max);
    rc = aa_db_read(app->db, list, &listing, &err);
    if (rc == AA_ERR_TOO_LONG)
        answer_error(response, 503, "temporarily_unavailable", "There are too many to list");
    else if (rc)
        answer_failure(app, request, response, rc, &err);
    if (!rc) {
        aa_response_json(response, 200);
        aa_buf_add_format(&response->body, "{\"%s\":[", name);
        aa_buf_add(&response->body, aa_buf_view(&body));
        aa_buf_add_text(&response->body, "]}");
    }
    aa_buf_clear(&body);
}

void aa_api_server_list(void *app, const struct aa_request *request, struct aa_response *response)
{
    if (allow_admin(app, request, response))
        answer_list(app, request, response, "servers", list_servers);
}

struct show {
    struct aa_view server_id;
    struct aa_server server;
};

static enum aa_err find_server(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    struct show *show = ctx;

    return aa_server_find(conn, show->server_id, &show->server, err);
}

void aa_api_server_show(void *app, const struct aa_request *request, struct aa_response *response)
{
    struct aa_error err = AA_ERROR_INIT;
    struct aa_app *the_app = app;
    struct show show = {.server_id = request->params[0]};
    enum aa_err rc;

    if (!allow_admin_or_itself(app, request, response))
        return;
    rc = aa_db_read(the_app->db, find_server, &show, &err);
    if (rc) {
        answer_failure(app, request, response, rc, &err);
        return;
    }
    aa_response_json(response, 200);
    add_server(&response->body, &show.server);
    aa_record_clear(&show.server.memory);
}

void aa_api_server_delete(void *app, const struct aa_request *request, struct aa_response *response)
{
    struct aa_error err = AA_ERROR_INIT;
    enum aa_err rc;

    if (!allow_admin(app, request, response))
        return;
    rc = aa_directory_remove(app, request->params[0], &err);
    if (rc)
        answer_failure(app, request, response, rc, &err);
    else
        answer_deleted(response);
}

/* ---- keys ---- */

struct key_body {
    struct aa_view name;
};

static const struct aa_json_field key_fields[] = {
    {"name", AA_FIELD_TEXT, offsetof(struct key_body, name), true, NAME_MAX_LEN},
};

static enum aa_err create_key(struct aa_app *app, const struct aa_request *request, struct aa_buf *body,
                              struct aa_error *err)
{
    struct key_body given = {.name = AA_VIEW_ABSENT};
    struct aa_json *json = NULL;
    struct aa_buf key_id, secret;
    enum aa_err rc;

    aa_buf_init(&key_id, SERVER_ID_MAX);
    aa_buf_init(&secret, SERVER_ID_MAX);
    rc = read_body(request, key_fields, sizeof key_fields / sizeof *key_fields, &given, &json, err);
    if (!rc)
        rc = aa_server_key_mint(app, request->params[0], given.name, &key_id, &secret, err);
    if (!rc) {
        aa_buf_add_char(body, '{');
        add_text(body, "key_id", aa_buf_view(&key_id));
        aa_buf_add_char(body, ',');
        add_text(body, "key_secret", aa_buf_view(&secret));
        aa_buf_add_char(body, ',');
        add_text(body, "name", given.name);
        aa_buf_add_char(body, ',');
        add_time(body, "created_at", aa_app_now_ms(app));
        aa_buf_add_char(body, '}');
    }
    aa_buf_clear(&key_id);
    aa_buf_wipe_clear(&secret);
    aa_json_free(json);
    return rc;
}

void aa_api_key_create(void *app, const struct aa_request *request, struct aa_response *response)
{
    struct aa_error err = AA_ERROR_INIT;
    struct aa_buf body;
    enum aa_err rc;

    if (!allow_admin(app, request, response))
        return;
    aa_buf_init(&body, AA_API_BODY_MAX);
    rc = create_key(app, request, &body, &err);
    if (rc) {
        answer_failure(app, request, response, rc, &err);
    } else {
        aa_response_json(response, 201);
        aa_buf_add(&response->body, aa_buf_view(&body));
    }
    aa_buf_wipe_clear(&body);
}

static enum aa_err add_key_row(void *ctx, const void *record, struct aa_error *err)
{
    struct listing *listing = ctx;

    if (listing->count++)
        aa_buf_add_char(listing->body, ',');
    add_key(listing->body, record);
    return aa_buf_check(listing->body, "the list of keys", err);
}

static enum aa_err list_keys(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    struct listing *listing = ctx;
    struct aa_server server;
    enum aa_err rc;

    rc = aa_server_find(conn, listing->server_id, &server, err);
    if (rc)
        return rc;
    aa_record_clear(&server.memory);
    return aa_server_key_list(conn, listing->server_id, add_key_row, listing, err);
}

void aa_api_key_list(void *app, const struct aa_request *request, struct aa_response *response)
{
    if (allow_admin(app, request, response))
        answer_list(app, request, response, "keys", list_keys);
}

void aa_api_key_delete(void *app, const struct aa_request *request, struct aa_response *response)
{
    struct aa_error err = AA_ERROR_INIT;
    enum aa_err rc;

    if (!allow_admin(app, request, response))
        return;
    rc = aa_server_key_withdraw(app, request->params[0], request->params[1], &err);
    if (rc)
        answer_failure(app, request, response, rc, &err);
    else
        answer_deleted(response);
}

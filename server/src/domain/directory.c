/* Registered MCP servers and the administrator's token. People are in people.c. */
#include "domain/directory.h"

#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "base/url.h"
#include "domain/audit.h"
#include "domain/server_keys.h"
#include "domain/texts.h"
#include "oauth/resource.h"
#include "oauth/scope.h"
#include "store/store.h"

#define NAME_MAX_LEN 200
#define SERVER_ID_MAX_LEN 63 /* what the cache of API keys holds */
#define ADMIN_SETTING AA_VIEW("admin_token_digest")
#define ADMIN_PREFIX "adm_"
#define ADMIN_RANDOM_LEN 40 /* of 62 letters: 238 bits */
#define ADMIN_TOKEN_MAX 128 /* a configured one may be longer than ours */

/* ---- servers ---- */

/* What stands in URLs and in HTTP Basic as it is. */
static bool is_id(struct aa_view id)
{
    for (size_t i = 0; i < id.len; i++) {
        char c = id.data[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')) && !(c && strchr("._~-", c)))
            return false;
    }
    return id.len > 0 && id.len <= SERVER_ID_MAX_LEN;
}

static enum aa_err check_registration(const struct aa_server_registration *registration, struct aa_error *err)
{
    struct aa_error why = AA_ERROR_INIT;
    enum aa_err rc;

    rc = aa_resource_check(registration->server_url, false, &why);
    if (rc)
        return aa_fail(err, rc, "server_url: %s", why.message);
    if (registration->server_name.len == 0 || registration->server_name.len > NAME_MAX_LEN ||
        !aa_text_is_plain(registration->server_name))
        return aa_fail(err, AA_ERR_REQUEST_MALFORMED, "server_name must be 1 to %d bytes of plain UTF-8", NAME_MAX_LEN);
    if (!aa_view_is_absent(registration->user_id) && registration->user_id.len == 0)
        return aa_fail(err, AA_ERR_REQUEST_MALFORMED, "user_id must not be empty");
    if (!aa_view_is_absent(registration->server_id) && !is_id(registration->server_id))
        return aa_fail(err, AA_ERR_REQUEST_MALFORMED, "server_id must be 1 to %d of A-Z a-z 0-9 . _ ~ -",
                       SERVER_ID_MAX_LEN);
    return AA_OK;
}

struct registering {
    const struct aa_app *app;
    const struct aa_server *server;
    struct aa_server *out;
};

static enum aa_err create_server(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    const struct registering *registering = ctx;
    const struct aa_server *server = registering->server;
    struct aa_audit_entry entry = {.event = AA_AUDIT_SERVER_CREATED,
                                   .user_id = server->user_id,
                                   .server_id = server->server_id,
                                   .details = {{"server_url", server->server_url}, {"scopes", server->scopes}}};
    struct aa_user owner = {0};
    enum aa_err rc = AA_OK;

    aa_record_clear(&registering->out->memory);
    if (!aa_view_is_absent(server->user_id))
        rc = aa_user_find(conn, server->user_id, &owner, NULL);
    aa_record_clear(&owner.memory);
    if (rc == AA_ERR_NOT_FOUND)
        return aa_fail(err, AA_ERR_REQUEST_MALFORMED, "user_id: there is no such person");
    if (rc)
        return aa_fail(err, rc, "the owner cannot be looked up: %s", aa_err_text(rc));
    rc = aa_server_create(conn, server, NULL);
    if (rc == AA_ERR_CONFLICT)
        return aa_fail(err, rc, "server_url is registered already");
    if (rc)
        return aa_fail(err, rc, "the server cannot be stored: %s", aa_err_text(rc));
    rc = aa_server_find(conn, server->server_id, registering->out, err);
    return rc ? rc : aa_audit_note(registering->app, conn, &entry, err);
}

/* What is kept beside the caller's own texts. */
struct kept {
    struct aa_buf server_id, resource_normal, scopes;
};

static enum aa_err build_kept(const struct aa_app *app, const struct aa_server_registration *registration,
                              struct kept *kept, struct aa_error *err)
{
    struct aa_error why = AA_ERROR_INIT;
    struct aa_scopes scopes;
    enum aa_err rc;

    rc = aa_scopes_parse(registration->scopes, &scopes, &why);
    if (rc)
        return aa_fail(err, rc, "scopes: %s", why.message);
    aa_scopes_write(&scopes, &kept->scopes);
    rc = aa_buf_check(&kept->scopes, "scopes", err);
    if (!rc)
        rc = aa_resource_add_normal(&kept->resource_normal, registration->server_url, err);
    if (!rc)
        rc = aa_buf_check(&kept->resource_normal, "server_url", err);
    if (rc)
        return rc;
    if (aa_view_is_absent(registration->server_id))
        return aa_app_new_id(app, "srv_", &kept->server_id, err);
    aa_buf_add(&kept->server_id, registration->server_id);
    return aa_buf_check(&kept->server_id, "server_id", err);
}

enum aa_err aa_directory_register(struct aa_app *app, const struct aa_server_registration *registration,
                                  struct aa_server *out, struct aa_error *err)
{
    struct aa_server stored = {0}, server = {0};
    struct registering registering = {app, &server, &stored};
    struct kept kept;
    enum aa_err rc;

    rc = check_registration(registration, err);
    if (rc)
        return rc;
    aa_buf_init(&kept.server_id, 64);
    aa_buf_init(&kept.resource_normal, AA_URL_MAX);
    aa_buf_init(&kept.scopes, AA_SCOPE_LEN_MAX);
    rc = build_kept(app, registration, &kept, err);
    if (rc)
        goto done;
    server.server_id = aa_buf_view(&kept.server_id);
    server.server_url = registration->server_url;
    server.resource_normal = aa_buf_view(&kept.resource_normal);
    server.server_name = registration->server_name;
    server.scopes = aa_buf_view(&kept.scopes);
    server.user_id = registration->user_id;
    server.updated_ms = aa_app_now_ms(app);
    server.created_ms = registration->created_ms ? registration->created_ms : server.updated_ms;
    rc = aa_db_write(app->db, create_server, &registering, err);
    if (rc)
        aa_record_clear(&stored.memory);
    else
        *out = stored;
done:
    aa_buf_clear(&kept.server_id);
    aa_buf_clear(&kept.resource_normal);
    aa_buf_clear(&kept.scopes);
    return rc;
}

struct removal {
    const struct aa_app *app;
    struct aa_view server_id;
    int64_t now_ms;
};

static enum aa_err delete_server(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    const struct removal *removal = ctx;
    struct aa_audit_entry entry = {.event = AA_AUDIT_SERVER_REMOVED, .server_id = removal->server_id};
    enum aa_err rc;

    rc = aa_server_delete(conn, removal->server_id, removal->now_ms, err);
    return rc ? rc : aa_audit_note(removal->app, conn, &entry, err);
}

enum aa_err aa_directory_remove(struct aa_app *app, struct aa_view server_id, struct aa_error *err)
{
    struct removal removal = {app, server_id, aa_app_now_ms(app)};
    enum aa_err rc;

    rc = aa_db_write(app->db, delete_server, &removal, err);
    if (app->key_cache)
        aa_server_key_forget(app, server_id);
    return rc;
}

/* ---- the administrator's token ---- */

struct new_token {
    const struct aa_app *app;
    uint8_t digest[AA_SHA256_LEN];
};

static enum aa_err note_token(struct aa_conn *conn, const struct new_token *token, struct aa_view action,
                              struct aa_error *err)
{
    struct aa_audit_entry entry = {.event = AA_AUDIT_ADMIN_TOKEN, .details = {{"action", action}}};

    return aa_audit_note(token->app, conn, &entry, err);
}

static enum aa_err put_new_digest(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    const struct new_token *token = ctx;
    enum aa_err rc = aa_setting_put_new(conn, ADMIN_SETTING, aa_view_make(token->digest, AA_SHA256_LEN), err);

    return rc ? rc : note_token(conn, token, AA_VIEW("made"), err);
}

static enum aa_err put_digest(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    const struct new_token *token = ctx;
    enum aa_err rc = aa_setting_put(conn, ADMIN_SETTING, aa_view_make(token->digest, AA_SHA256_LEN), err);

    return rc ? rc : note_token(conn, token, AA_VIEW("renewed"), err);
}

/* Appended before its digest is stored: a token that could not be told would have replaced the old one all the same. */
static enum aa_err mint_admin_token(struct aa_app *app, aa_db_fn put, struct aa_buf *token, struct aa_error *err)
{
    struct new_token made = {.app = app};
    size_t start = token->len;
    enum aa_err rc;

    aa_buf_add_text(token, ADMIN_PREFIX);
    rc = aa_random_alnum(app->random, app->ctx, ADMIN_RANDOM_LEN, token);
    if (!rc)
        rc = aa_buf_check(token, "the administrator's token", err);
    if (!rc)
        rc = aa_sha256(aa_view_from(aa_buf_view(token), start), made.digest);
    if (rc)
        aa_fail(err, rc, "the administrator's token cannot be made");
    else
        rc = aa_db_write(app->db, put, &made, err);
    if (rc)
        aa_buf_cut(token, start);
    return rc;
}

enum aa_err aa_admin_token_create(struct aa_app *app, struct aa_buf *token, struct aa_error *err)
{
    return mint_admin_token(app, put_new_digest, token, err);
}

enum aa_err aa_admin_token_renew(struct aa_app *app, struct aa_buf *token, struct aa_error *err)
{
    return mint_admin_token(app, put_digest, token, err);
}

struct stored_digest {
    uint8_t bytes[AA_SHA256_LEN];
    bool is_there;
};

static enum aa_err get_digest(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    struct stored_digest *stored = ctx;
    struct aa_view value;
    char *memory = NULL;
    enum aa_err rc;

    rc = aa_setting_get(conn, ADMIN_SETTING, &memory, &value, NULL);
    if (rc == AA_ERR_NOT_FOUND)
        return AA_OK;
    if (rc)
        return aa_fail(err, rc, "the administrator's token cannot be looked up: %s", aa_err_text(rc));
    stored->is_there = value.len == AA_SHA256_LEN;
    if (stored->is_there)
        memcpy(stored->bytes, value.data, AA_SHA256_LEN);
    aa_record_clear(&memory);
    return AA_OK;
}

static bool is_digest(const uint8_t digest[AA_SHA256_LEN], const uint8_t wanted[AA_SHA256_LEN])
{
    return aa_ct_equal(aa_view_make(digest, AA_SHA256_LEN), aa_view_make(wanted, AA_SHA256_LEN));
}

enum aa_err aa_admin_token_check(struct aa_app *app, struct aa_view token, bool *good, struct aa_error *err)
{
    struct stored_digest stored = {.is_there = false};
    uint8_t digest[AA_SHA256_LEN];
    enum aa_err rc;

    *good = false;
    if (token.len == 0 || token.len > ADMIN_TOKEN_MAX)
        return AA_OK;
    rc = aa_sha256(token, digest);
    if (rc)
        return aa_fail(err, rc, "the administrator's token cannot be checked");
    rc = aa_db_read(app->db, get_digest, &stored, err);
    if (rc)
        return rc;
    *good = (stored.is_there && is_digest(digest, stored.bytes)) ||
            (app->settings.has_admin_digest && is_digest(digest, app->settings.admin_digest));
    return AA_OK;
}

enum aa_err aa_admin_token_exists(struct aa_app *app, bool *exists, struct aa_error *err)
{
    struct stored_digest stored = {.is_there = false};
    enum aa_err rc;

    rc = aa_db_read(app->db, get_digest, &stored, err);
    if (!rc)
        *exists = stored.is_there || app->settings.has_admin_digest;
    return rc;
}

/* The older service's servers, API keys and clients. */
#include <string.h>

#include "base/error.h"
#include "domain/audit.h"
#include "domain/directory.h"
#include "domain/imported_keys.h"
#include "domain/redirect_uri.h"
#include "domain/texts.h"
#include "main/takeover.h"
#include "store/store.h"

#define LIST_TEXT_MAX (64 * 1024)
#define ID_MAX_LEN 128
#define NAME_MAX_LEN 200
#define REDIRECTS_MAX 10
#define SALT_DIGITS (2 * AA_KEY_SALT_LEN)
#define HASH_DIGITS (2 * AA_SHA256_LEN)
#define NO_SECRET AA_VIEW("public_client") /* in place of a hash */

/* ---- servers ---- */

enum aa_err aa_take_server(struct aa_takeover *takeover, const struct aa_json *row, struct aa_error *err)
{
    struct aa_server_registration registration = {.server_url = aa_old_text(row, "server_url"),
                                                  .server_name = aa_old_text(row, "server_name"),
                                                  .server_id = aa_old_text(row, "server_id"),
                                                  .created_ms = aa_takeover_time(row, "created_at", 0)};
    struct aa_error why = AA_ERROR_INIT;
    struct aa_server stored = {0};
    struct aa_buf scopes;
    enum aa_err rc;

    aa_buf_init(&scopes, LIST_TEXT_MAX);
    if (aa_view_is_absent(registration.server_id))
        rc = aa_fail(&why, AA_ERR_REQUEST_MALFORMED, "it has no server_id");
    else if (!aa_old_list(row, "scopes", aa_takeover_add_word, &scopes) || scopes.bad)
        rc = aa_fail(&why, AA_ERR_REQUEST_MALFORMED, "its scopes cannot be read");
    else {
        registration.scopes = aa_buf_view(&scopes);
        rc = aa_directory_register(takeover->app, &registration, &stored, &why);
    }
    aa_record_clear(&stored.memory);
    aa_buf_clear(&scopes);
    return aa_takeover_note(takeover, AA_TAKE_SERVERS, registration.server_id, rc, &why, err);
}

/* ---- keys ---- */

static bool read_hex(struct aa_view digits, uint8_t *out)
{
    for (size_t i = 0; i < digits.len; i++) {
        char c = digits.data[i];
        int value = c >= '0' && c <= '9'   ? c - '0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                           : -1;

        if (value < 0)
            return false;
        out[i / 2] = (uint8_t)(i % 2 ? out[i / 2] | value : value << 4);
    }
    return true;
}

/* Salt, colon, hash (PBKDF2-HMAC-SHA-256, 100,000 rounds), in hexadecimal digits. */
static bool read_hash(struct aa_view text, struct aa_imported_key *key)
{
    struct aa_view salt, hash;

    return aa_view_cut(text, ':', &salt, &hash) && salt.len == SALT_DIGITS && hash.len == HASH_DIGITS &&
           read_hex(salt, key->salt) && read_hex(hash, key->hash);
}

static enum aa_err check_key(const struct aa_app *app, const struct aa_json *row, struct aa_imported_key *key,
                             struct aa_error *why)
{
    if (aa_view_is_absent(key->key_id) || aa_view_is_absent(key->server_id))
        return aa_fail(why, AA_ERR_REQUEST_MALFORMED, "it has no key_id or no server_id");
    if (key->name.len == 0 || key->name.len > NAME_MAX_LEN || !aa_text_is_plain(key->name))
        key->name = AA_VIEW("imported");
    if (!read_hash(aa_old_text(row, "key_hash"), key))
        return aa_fail(why, AA_ERR_REQUEST_MALFORMED, "its hash is not of the form that is known: mint a new key");
    if (!aa_old_time(row, "expires_at", &key->ends_ms))
        return aa_fail(why, AA_ERR_REQUEST_MALFORMED, "when it expires cannot be read: mint a new key");
    if (key->ends_ms != 0 && key->ends_ms <= aa_app_now_ms(app))
        return aa_fail(why, AA_ERR_REQUEST_MALFORMED, "it has expired");
    return AA_OK;
}

enum aa_err aa_take_key(struct aa_takeover *takeover, const struct aa_json *row, struct aa_error *err)
{
    struct aa_imported_key key = {.server_id = aa_old_text(row, "server_id"),
                                  .key_id = aa_old_text(row, "key_id"),
                                  .name = aa_old_text(row, "name"),
                                  .created_ms = aa_takeover_time(row, "created_at", aa_app_now_ms(takeover->app)),
                                  .last_used_ms = aa_takeover_time(row, "last_used_at", 0)};
    struct aa_error why = AA_ERROR_INIT;
    enum aa_err rc;

    rc = check_key(takeover->app, row, &key, &why);
    if (!rc)
        rc = aa_imported_key_add(takeover->app, &key, &why);
    if (rc == AA_ERR_NOT_FOUND) {
        why = (struct aa_error)AA_ERROR_INIT;
        aa_fail(&why, rc, "its server is not here");
    }
    return aa_takeover_note(takeover, AA_TAKE_KEYS, key.key_id, rc, &why, err);
}

/* ---- clients ---- */

static bool is_id(struct aa_view id)
{
    for (size_t i = 0; i < id.len; i++) {
        char c = id.data[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')) && !(c && strchr("._~-", c)))
            return false;
    }
    return id.len > 0 && id.len <= ID_MAX_LEN;
}

struct redirects {
    const struct aa_settings *settings;
    struct aa_buf json;
    size_t count;
    struct aa_error why;
};

static bool add_redirect(void *ctx, struct aa_view uri)
{
    struct redirects *redirects = ctx;

    if (redirects->count == REDIRECTS_MAX) {
        aa_fail(&redirects->why, AA_ERR_TOO_LONG, "it has more than %d redirect URIs", REDIRECTS_MAX);
        return false;
    }
    if (aa_redirect_uri_check(redirects->settings, uri, &redirects->why))
        return false;
    aa_buf_add_char(&redirects->json, redirects->count++ ? ',' : '[');
    aa_buf_add_json_string(&redirects->json, uri);
    return true;
}

/* Both schemas: the column has two names. */
static const char *redirects_column(const struct aa_json *row)
{
    return aa_json_get(row, "allowed_redirect_uris") ? "allowed_redirect_uris" : "redirect_uris";
}

static enum aa_err read_redirects(const struct aa_json *row, struct redirects *redirects, struct aa_error *why)
{
    if (!aa_old_list(row, redirects_column(row), add_redirect, redirects))
        return aa_fail(why, AA_ERR_REQUEST_MALFORMED, "its redirect URIs: %s",
                       redirects->why.message[0] ? redirects->why.message : "they cannot be read");
    if (redirects->count == 0)
        return aa_fail(why, AA_ERR_REQUEST_MALFORMED, "it has no redirect URI");
    aa_buf_add_char(&redirects->json, ']');
    return aa_buf_check(&redirects->json, "the redirect URIs", why);
}

struct client_addition {
    const struct aa_app *app;
    struct aa_client client;
};

static enum aa_err add_client(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    const struct client_addition *addition = ctx;
    struct aa_audit_entry entry = {.event = AA_AUDIT_CLIENT_ADDED,
                                   .client_id = addition->client.client_id,
                                   .details = {{"client_name", addition->client.client_name}}};
    enum aa_err rc = aa_client_create(conn, &addition->client, NULL);

    if (rc)
        return aa_fail(err, rc, "the client cannot be stored: %s", aa_err_text(rc));
    return aa_audit_note(addition->app, conn, &entry, err);
}

/* All our clients are public. One that had a secret must not become one that needs none. */
static enum aa_err check_client(const struct aa_json *row, const struct aa_client *client, struct aa_error *why)
{
    if (!is_id(client->client_id))
        return aa_fail(why, AA_ERR_REQUEST_MALFORMED, "its client_id is not usable");
    if (!aa_view_equal(aa_old_text(row, "client_secret_hash"), NO_SECRET))
        return aa_fail(why, AA_ERR_REQUEST_MALFORMED, "it has a secret, and clients here have none: register it anew");
    if (client->client_name.len > NAME_MAX_LEN || !aa_text_is_plain(client->client_name))
        return aa_fail(why, AA_ERR_REQUEST_MALFORMED, "its name is longer than %d bytes or no plain text",
                       NAME_MAX_LEN);
    return AA_OK;
}

enum aa_err aa_take_client(struct aa_takeover *takeover, const struct aa_json *row, struct aa_error *err)
{
    struct client_addition addition = {.app = takeover->app,
                                       .client = {.client_id = aa_old_text(row, "client_id"),
                                                  .client_name = aa_old_text(row, "client_name"),
                                                  .grant_types = AA_VIEW("authorization_code refresh_token"),
                                                  .source = AA_VIEW("import")}};
    struct redirects redirects = {.settings = &takeover->app->settings, .why = AA_ERROR_INIT};
    struct aa_error why = AA_ERROR_INIT;
    enum aa_err rc;

    aa_buf_init(&redirects.json, LIST_TEXT_MAX);
    rc = check_client(row, &addition.client, &why);
    if (!rc)
        rc = read_redirects(row, &redirects, &why);
    if (!rc) {
        addition.client.redirect_uris = aa_buf_view(&redirects.json);
        addition.client.created_ms = aa_takeover_time(row, "created_at", aa_app_now_ms(takeover->app));
        rc = aa_db_write(takeover->app->db, add_client, &addition, &why);
    }
    aa_buf_clear(&redirects.json);
    return aa_takeover_note(takeover, AA_TAKE_CLIENTS, addition.client.client_id, rc, &why, err);
}

/* Dynamic client registration (RFC 7591): tolerant of what is asked, exact about what is done. */
#include <stddef.h>

#include "base/error.h"
#include "base/json.h"
#include "base/url.h"
#include "domain/audit.h"
#include "domain/clients.h"
#include "domain/rate.h"
#include "domain/redirect_uri.h"
#include "domain/texts.h"
#include "oauth/scope.h"

#define DOCUMENT_MAX (64 * 1024)
#define REDIRECT_URIS_MAX 10 /* the most a real client asks for is five */
#define NAME_MAX_LEN 200     /* bytes; what a consent page can show */
#define CLIENT_URI_MAX 512
#define LIST_MAX 32 /* grant types: what is registered with IANA is fewer */
#define RATE_WINDOW_MS (INT64_C(3600) * 1000)
#define RATE_MAX 300 /* new clients an address may make in an hour; unused ones are gone after one */

/* What the document says, as we understand it; borrowed from it. */
struct asked {
    const struct aa_json *redirect_uris, *grant_types;
    struct aa_view client_name, scope, application_type, client_uri;
};

static const struct aa_json_field fields[] = {
    {"redirect_uris", AA_FIELD_TEXT_LIST, offsetof(struct asked, redirect_uris), false, REDIRECT_URIS_MAX},
    {"grant_types", AA_FIELD_TEXT_LIST, offsetof(struct asked, grant_types), false, LIST_MAX},
    {"client_name", AA_FIELD_TEXT, offsetof(struct asked, client_name), false, NAME_MAX_LEN},
    {"scope", AA_FIELD_TEXT, offsetof(struct asked, scope), false, AA_SCOPE_LEN_MAX},
    {"application_type", AA_FIELD_TEXT, offsetof(struct asked, application_type), false, 0},
    {"client_uri", AA_FIELD_TEXT, offsetof(struct asked, client_uri), false, 0},
};

/* What will be kept: texts of our own making. */
struct kept {
    struct aa_buf redirect_uris, grant_types, client_id, rate;
    uint8_t fingerprint[AA_SHA256_LEN], rate_key[AA_SHA256_LEN];
    struct aa_client client;
};

static void kept_init(struct kept *kept)
{
    aa_buf_init(&kept->redirect_uris, DOCUMENT_MAX);
    aa_buf_init(&kept->grant_types, 256);
    aa_buf_init(&kept->client_id, 64);
    aa_buf_init(&kept->rate, 128);
}

static void kept_clear(struct kept *kept)
{
    aa_buf_clear(&kept->redirect_uris);
    aa_buf_clear(&kept->grant_types);
    aa_buf_clear(&kept->client_id);
    aa_buf_clear(&kept->rate);
}

static enum aa_err check_redirect_uris(const struct aa_settings *settings, const struct aa_json *uris,
                                       struct aa_refused *refused, struct aa_error *err)
{
    size_t i;

    if (aa_json_len(uris) == 0)
        return aa_refuse(refused, AA_OAUTH_INVALID_REDIRECT_URI, "redirect_uris must name at least one URI");
    for (i = 0; i < aa_json_len(uris); i++)
        if (aa_redirect_uri_check(settings, aa_json_text(aa_json_at(uris, i)), err))
            return aa_refuse(refused, AA_OAUTH_INVALID_REDIRECT_URI,
                             "A redirect URI is not allowed: https, http on loopback or an allowed private-use scheme, "
                             "without user name, fragment or wildcard");
    return AA_OK;
}

/* Keeps the grants we serve; what else is asked for is left out of the answer, as RFC 7591 §2 allows. */
static void keep_grant_types(const struct aa_json *asked, struct aa_buf *out)
{
    size_t i;
    bool refresh = false;

    for (i = 0; i < aa_json_len(asked); i++)
        refresh = refresh || aa_view_equal_text(aa_json_text(aa_json_at(asked, i)), "refresh_token");
    aa_buf_add_text(out, refresh ? "authorization_code refresh_token" : "authorization_code");
}

static struct aa_view keep_application_type(struct aa_view asked)
{
    bool known = aa_view_equal_text(asked, "native") || aa_view_equal_text(asked, "web");

    return known ? asked : AA_VIEW_ABSENT;
}

static struct aa_view keep_client_uri(struct aa_view asked)
{
    struct aa_url url;
    bool usable = asked.len <= CLIENT_URI_MAX && !aa_url_parse(asked, &url, NULL) && aa_url_is_scheme(&url, "https");

    return usable ? asked : AA_VIEW_ABSENT;
}

static struct aa_view absent_if_empty(struct aa_view text)
{
    return text.len > 0 ? text : AA_VIEW_ABSENT;
}

static enum aa_err check_texts(const struct asked *asked, struct aa_refused *refused)
{
    struct aa_scopes scopes;

    if (aa_scopes_parse(asked->scope, &scopes, NULL))
        return aa_refuse(refused, AA_OAUTH_INVALID_CLIENT_METADATA, "scope is malformed");
    if (!aa_text_is_plain(asked->client_name))
        return aa_refuse(refused, AA_OAUTH_INVALID_CLIENT_METADATA,
                         "client_name holds characters that cannot be shown safely");
    return AA_OK;
}

/* SHA-256 of the canonical registration. */
static enum aa_err compute_fingerprint(struct kept *kept, struct aa_error *err)
{
    const struct aa_client *client = &kept->client;
    const struct aa_view parts[] = {client->redirect_uris, client->grant_types,      client->client_name,
                                    client->scope,         client->application_type, client->client_uri};
    struct aa_buf text;
    enum aa_err rc;
    size_t i;

    aa_buf_init(&text, 2 * DOCUMENT_MAX);
    for (i = 0; i < sizeof parts / sizeof *parts; i++) {
        aa_buf_add_int(&text,
                       aa_view_is_absent(parts[i]) ? -1 : (int64_t)parts[i].len); /* lengths keep the parts apart */
        aa_buf_add_char(&text, ':');
        aa_buf_add(&text, parts[i]);
    }
    rc = aa_buf_check(&text, "a registration", err);
    if (!rc && aa_sha256(aa_buf_view(&text), kept->fingerprint))
        rc = aa_fail(err, AA_ERR_CRYPTO, "SHA-256 failed");
    aa_buf_clear(&text);
    return rc;
}

/* One count an address and hour. */
static enum aa_err compute_rate_key(struct kept *kept, struct aa_view peer, struct aa_error *err)
{
    enum aa_err rc;

    aa_buf_add_format(&kept->rate, "register %lld ", (long long)(kept->client.created_ms / RATE_WINDOW_MS));
    aa_rate_key_add(&kept->rate, peer);
    rc = aa_buf_check(&kept->rate, "an address", err);
    if (!rc && aa_sha256(aa_buf_view(&kept->rate), kept->rate_key))
        rc = aa_fail(err, AA_ERR_CRYPTO, "SHA-256 failed");
    return rc;
}

static enum aa_err keep(struct aa_app *app, const struct asked *asked, struct kept *kept, struct aa_refused *refused,
                        struct aa_error *err)
{
    struct aa_client *client = &kept->client;
    enum aa_err rc;

    rc = check_redirect_uris(&app->settings, asked->redirect_uris, refused, err);
    if (rc)
        return rc;
    rc = check_texts(asked, refused);
    if (rc)
        return rc;
    aa_buf_add_json(&kept->redirect_uris, asked->redirect_uris);
    keep_grant_types(asked->grant_types, &kept->grant_types);
    rc = aa_app_new_id(app, "cl_", &kept->client_id, err);
    if (!rc)
        rc = aa_buf_check(&kept->redirect_uris, "redirect_uris", err);
    if (!rc)
        rc = aa_buf_check(&kept->grant_types, "grant_types", err);
    if (rc)
        return rc;
    client->client_id = aa_buf_view(&kept->client_id);
    client->redirect_uris = aa_buf_view(&kept->redirect_uris);
    client->grant_types = aa_buf_view(&kept->grant_types);
    client->client_name = absent_if_empty(asked->client_name);
    client->scope = absent_if_empty(asked->scope);
    client->application_type = keep_application_type(asked->application_type);
    client->client_uri = keep_client_uri(asked->client_uri);
    client->source = AA_VIEW("dcr");
    client->fingerprint = aa_view_make(kept->fingerprint, sizeof kept->fingerprint);
    client->created_ms = aa_app_now_ms(app);
    client->expires_ms = client->created_ms + app->settings.unused_client_ttl_s * 1000;
    return compute_fingerprint(kept, err);
}

struct create {
    const struct aa_app *app;
    const struct kept *kept;
    struct aa_client *out;
    struct aa_refused *refused;
    bool made;
};

/* A client that never was used and ran out, but was not swept yet, must not be handed out again as if it were good: it
 * is extended. */
static enum aa_err take_known(struct aa_conn *conn, const struct create *create, struct aa_error *err)
{
    enum aa_err rc;

    aa_record_clear(&create->out->memory);
    rc = aa_client_find_by_fingerprint(conn, create->kept->client.fingerprint, create->out, err);
    if (rc || create->out->expires_ms == 0)
        return rc;
    return aa_client_extend(conn, create->out->client_id, create->kept->client.expires_ms, err);
}

/* Where strangers have filled the table, what they never used gives way: or one who has many addresses would keep
 * everybody else out. */
static enum aa_err make_room(struct aa_conn *conn, const struct create *create, struct aa_error *err)
{
    bool made_room = false;
    int64_t clients;
    enum aa_err rc;

    rc = aa_client_count(conn, &clients, err);
    if (rc || clients < create->app->settings.clients_max)
        return rc;
    rc = aa_client_evict(conn, &made_room, err);
    if (rc || made_room)
        return rc;
    create->refused->retry_after_s = create->app->settings.unused_client_ttl_s;
    return aa_refuse(create->refused, AA_OAUTH_TEMPORARILY_UNAVAILABLE, "Too many clients are registered");
}

static enum aa_err check_room(struct aa_conn *conn, const struct create *create, struct aa_error *err)
{
    const struct kept *kept = create->kept;
    int64_t now_ms = kept->client.created_ms, made;
    enum aa_err rc;

    rc = aa_lockout_add(conn, aa_view_make(kept->rate_key, sizeof kept->rate_key), now_ms, now_ms + RATE_WINDOW_MS,
                        &made, err);
    if (rc)
        return rc;
    if (made > RATE_MAX) {
        create->refused->retry_after_s = RATE_WINDOW_MS / 1000;
        return aa_refuse(create->refused, AA_OAUTH_TOO_MANY_REQUESTS, "This address registered too many clients");
    }
    return make_room(conn, create, err);
}

static enum aa_err find_or_create(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    struct create *create = ctx;
    const struct aa_client *client = &create->kept->client;
    struct aa_audit_entry entry = {.event = AA_AUDIT_CLIENT_REGISTERED,
                                   .client_id = client->client_id,
                                   .details = {{"client_name", client->client_name}}};
    enum aa_err rc;

    create->made = false;
    *create->refused = (struct aa_refused)AA_REFUSED_INIT;
    rc = take_known(conn, create, NULL);
    if (rc != AA_ERR_NOT_FOUND)
        return rc ? aa_fail(err, rc, "a registration could not be looked up") : AA_OK;
    rc = check_room(conn, create, err);
    /* A refusal is committed, or the count of a refused address would be rolled back with it. */
    if (rc)
        return create->refused->error != AA_OAUTH_NONE ? AA_OK : rc;
    rc = aa_client_create(conn, client, NULL);
    if (rc == AA_ERR_CONFLICT) /* the same registration came at the same moment, and was the first */
        return take_known(conn, create, err);
    if (rc)
        return aa_fail(err, rc, "a registration could not be stored: %s", aa_err_text(rc));
    create->made = true;
    rc = aa_client_find(conn, client->client_id, create->out, err);
    return rc ? rc : aa_audit_note(create->app, conn, &entry, err);
}

static enum aa_err store_client(struct aa_app *app, const struct kept *kept, struct aa_client *out,
                                struct aa_refused *refused, struct aa_error *err)
{
    struct aa_client stored = {0};
    struct create create = {app, kept, &stored, refused, false};
    enum aa_err rc;

    rc = aa_db_write(app->db, find_or_create, &create, err);
    if (!rc && refused->error != AA_OAUTH_NONE)
        rc = AA_ERR_REQUEST_MALFORMED;
    if (rc) {
        aa_record_clear(&stored.memory);
        return rc;
    }
    if (create.made)
        aa_metrics_count(app->metrics, AA_COUNT_REGISTRATIONS);
    *out = stored;
    return AA_OK;
}

static enum aa_err read_document(struct aa_view document, struct aa_json **json, struct asked *asked,
                                 struct aa_refused *refused, struct aa_error *err)
{
    enum aa_err rc;

    rc = aa_json_parse(document, DOCUMENT_MAX, json, err);
    if (!rc && !aa_json_is(*json, AA_JSON_OBJECT))
        rc = AA_ERR_JSON_TYPE;
    if (!rc)
        rc = aa_json_read(*json, fields, sizeof fields / sizeof *fields, asked, err);
    if (!rc || rc == AA_ERR_NOMEM)
        return rc;
    return aa_refuse(refused, AA_OAUTH_INVALID_CLIENT_METADATA,
                     "The registration is not a JSON object of the right members");
}

enum aa_err aa_client_register(struct aa_app *app, struct aa_view document, struct aa_view peer, struct aa_client *out,
                               struct aa_refused *refused, struct aa_error *err)
{
    struct aa_json *json = NULL;
    struct asked asked = {0};
    struct kept kept = {0};
    enum aa_err rc;

    if (!app->settings.registration)
        return aa_refuse(refused, AA_OAUTH_ACCESS_DENIED, "Registration is closed");
    kept_init(&kept);
    rc = read_document(document, &json, &asked, refused, err);
    if (rc)
        goto done;
    rc = keep(app, &asked, &kept, refused, err);
    if (rc)
        goto done;
    rc = compute_rate_key(&kept, peer, err);
    if (rc)
        goto done;
    rc = store_client(app, &kept, out, refused, err);
done:
    kept_clear(&kept);
    aa_json_free(json);
    return rc;
}

/* Dynamic client registration (RFC 7591): tolerant of what is asked, exact about what is done. */
#include "base/error.h"
#include "base/json.h"
#include "domain/audit.h"
#include "domain/client_metadata.h"
#include "domain/clients.h"
#include "domain/rate.h"

#define RATE_WINDOW_MS (INT64_C(3600) * 1000)
#define RATE_MAX 300 /* new clients an address may make in an hour; unused ones are gone after one */

/* What will be kept: texts of our own making. */
struct kept {
    struct aa_client_texts texts;
    struct aa_buf client_id, rate;
    uint8_t fingerprint[AA_SHA256_LEN], rate_key[AA_SHA256_LEN];
    struct aa_client client;
};

static void kept_init(struct kept *kept)
{
    aa_client_texts_init(&kept->texts);
    aa_buf_init(&kept->client_id, 64);
    aa_buf_init(&kept->rate, 128);
}

static void kept_clear(struct kept *kept)
{
    aa_client_texts_clear(&kept->texts);
    aa_buf_clear(&kept->client_id);
    aa_buf_clear(&kept->rate);
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

    aa_buf_init(&text, 2 * AA_CLIENT_METADATA_MAX);
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

static enum aa_err keep(struct aa_app *app, const struct aa_client_metadata *asked, struct kept *kept,
                        struct aa_refused *refused, struct aa_error *err)
{
    struct aa_client *client = &kept->client;
    enum aa_err rc;

    rc = aa_client_metadata_check(&app->settings, asked, refused, err);
    if (!rc)
        rc = aa_client_metadata_keep(asked, &kept->texts, client, err);
    if (!rc)
        rc = aa_app_new_id(app, "cl_", &kept->client_id, err);
    if (rc)
        return rc;
    client->client_id = aa_buf_view(&kept->client_id);
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
    return aa_client_make_room(conn, create->app, create->refused, err);
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

static enum aa_err read_document(struct aa_view document, struct aa_json **json, struct aa_client_metadata *asked,
                                 struct aa_refused *refused, struct aa_error *err)
{
    enum aa_err rc;

    rc = aa_json_parse(document, AA_CLIENT_METADATA_MAX, json, err);
    if (!rc && !aa_json_is(*json, AA_JSON_OBJECT))
        rc = AA_ERR_JSON_TYPE;
    if (!rc)
        rc = aa_client_metadata_read(*json, asked, err);
    if (!rc || rc == AA_ERR_NOMEM)
        return rc;
    return aa_refuse(refused, AA_OAUTH_INVALID_CLIENT_METADATA,
                     "The registration is not a JSON object of the right members");
}

enum aa_err aa_client_register(struct aa_app *app, struct aa_view document, struct aa_view peer, struct aa_client *out,
                               struct aa_refused *refused, struct aa_error *err)
{
    struct aa_json *json = NULL;
    struct aa_client_metadata asked = {0};
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

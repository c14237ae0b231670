#include "domain/client_fetch.h"

#include "base/error.h"
#include "base/level.h"
#include "base/url.h"
#include "domain/audit.h"
#include "domain/client_document.h"
#include "domain/client_fetch_rate.h"
#include "domain/client_keys.h"
#include "domain/client_pinned.h"
#include "domain/client_renew.h"
#include "domain/clients.h"
#include "store/store.h"

struct fetching {
    struct aa_app *app;
    struct aa_view client_id, site; /* the second: its host, and the port if one is named */
    int64_t now_ms;                 /* before the site is asked */
    bool is_again;                  /* also a fresh copy is looked at again, and who asks has seen to the limits */
    bool is_unasked;                /* by a limit of ours */
    struct aa_client copy;          /* as it is stored; of no client when memory is NULL */
    struct aa_download download;
    struct aa_client_document document;
    struct aa_refused *refused;
};

/* ---- the copy ---- */

static enum aa_err find_copy(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    struct fetching *fetching = ctx;
    enum aa_err rc;

    aa_record_clear(&fetching->copy.memory);
    rc = aa_client_find(conn, fetching->client_id, &fetching->copy, NULL);
    if (rc && rc != AA_ERR_NOT_FOUND)
        return aa_fail(err, rc, "a client could not be looked up: %s", aa_err_text(rc));
    return AA_OK;
}

static bool has_copy(const struct fetching *fetching)
{
    return fetching->copy.memory != NULL;
}

/* Taken over from elsewhere: no document speaks for it. */
static bool is_otherwise_known(const struct fetching *fetching)
{
    return has_copy(fetching) && !aa_view_equal_text(fetching->copy.source, "cimd");
}

static bool is_withdrawn(const struct fetching *fetching)
{
    return has_copy(fetching) && aa_client_is_withdrawn(&fetching->copy);
}

/* Somebody has allowed it something, or it is well-known. */
static bool is_in_use(const struct fetching *fetching)
{
    return has_copy(fetching) && fetching->copy.expires_ms == 0;
}

/* Not withdrawn, and not one that nobody used in time. */
static bool is_copy_good(const struct fetching *fetching)
{
    return has_copy(fetching) && !is_withdrawn(fetching) &&
           (fetching->copy.expires_ms == 0 || fetching->copy.expires_ms > fetching->now_ms);
}

/* Of a clock that was wrong when it was fetched. */
static bool is_from_ahead(const struct fetching *fetching)
{
    return fetching->copy.fetched_ms > fetching->now_ms + AA_CLIENT_CLOCKS_MS;
}

static bool is_copy_fresh(const struct fetching *fetching)
{
    bool is_young = fetching->copy.fresh_until_ms > fetching->now_ms && !is_from_ahead(fetching);

    /* An older version kept none of its ways to authenticate. */
    return is_copy_good(fetching) && is_young && !aa_view_is_absent(fetching->copy.auth_methods);
}

/* What its site said once, however long ago, is better than what this version knows of it. */
static bool may_stand_in(const struct fetching *fetching)
{
    bool is_young = fetching->now_ms - fetching->copy.fetched_ms < AA_CLIENT_KEPT_MS && !is_from_ahead(fetching);

    return is_copy_good(fetching) && (is_young || aa_client_pinned_has(fetching->client_id));
}

static void tell(const struct fetching *fetching, int level, const char *what, const char *why)
{
    struct aa_view id = aa_view_slice(fetching->client_id, 0, AA_CLIENT_ID_LOGGED_MAX);

    aa_app_log(fetching->app, level, NULL, "%s (%s); the client is %.*s", what, why, AA_VIEW_ARGS(id));
}

/* ---- who may ---- */

/* `sites` are separated by spaces. */
static bool is_listed(const char *sites, struct aa_view site)
{
    struct aa_view word, rest = aa_view_of(sites);

    while (rest.len > 0) {
        aa_view_cut(rest, ' ', &word, &rest);
        if (aa_view_equal(word, site))
            return true;
    }
    return false;
}

enum aa_err aa_client_fetch_check(const struct aa_app *app, struct aa_view client_id, struct aa_refused *refused)
{
    const struct aa_settings *settings = &app->settings;

    if (!settings->client_documents)
        return aa_refuse(refused, AA_OAUTH_UNAUTHORIZED_CLIENT,
                         "clients known by the URL of a metadata document are not let in here");
    if (aa_client_document_check_url(client_id, NULL))
        return aa_refuse(refused, AA_OAUTH_INVALID_CLIENT, "client_id is not the URL of a metadata document");
    if (settings->client_document_hosts &&
        !is_listed(settings->client_document_hosts, aa_client_document_site(client_id)))
        return aa_refuse(refused, AA_OAUTH_UNAUTHORIZED_CLIENT, "clients of this site are not let in here");
    return AA_OK;
}

/* ---- its keys ---- */

/* Their site may be another one's: only where the client is in use, and had them there before, is it asked without
 * being counted. */
static enum aa_err ask_for_keys(struct fetching *fetching, struct aa_refused *refused, struct aa_error *err)
{
    struct aa_view jwks_uri = fetching->document.client.jwks_uri;
    struct aa_client_fetch_limits limits = {AA_VIEW_ABSENT, aa_client_document_site(jwks_uri)};
    const char *refusal = NULL;
    enum aa_err rc = AA_OK;

    if (!is_in_use(fetching) || !aa_view_equal(fetching->copy.jwks_uri, jwks_uri))
        rc = aa_client_fetch_count(fetching->app, &limits, fetching->now_ms, &refusal, err);
    if (rc)
        return rc;
    if (refusal)
        return aa_fail(err, AA_ERR_REMOTE_BREAKER, "%s", refusal);
    return aa_client_keys_fetch(fetching->app, jwks_uri, &fetching->document.texts.jwks, refused, err);
}

static bool are_last_keys_good(const struct fetching *fetching)
{
    return has_copy(fetching) && aa_view_equal(fetching->copy.jwks_uri, fetching->document.client.jwks_uri) &&
           aa_client_keys_are_good(&fetching->copy, fetching->now_ms);
}

/* Copied: the copy is looked up again before the document is stored. */
static enum aa_err use_last_keys(struct fetching *fetching, struct aa_error *err)
{
    struct aa_client *client = &fetching->document.client;
    struct aa_buf *jwks = &fetching->document.texts.jwks;

    aa_buf_reset(jwks);
    aa_buf_add(jwks, fetching->copy.jwks);
    client->jwks = aa_buf_view(jwks);
    client->jwks_fetched_ms = fetching->copy.jwks_fetched_ms;
    return aa_buf_check(jwks, "a client's keys", err);
}

/* The last ones while their site is in trouble, else none: then nothing that is signed counts, and who can do without
 * is let in all the same. */
static enum aa_err do_without_keys(struct fetching *fetching, bool is_trouble, const char *why, struct aa_error *err)
{
    if (fetching->document.client.jwks_asked_ms != 0) /* nobody is still asking */
        fetching->document.client.jwks_asked_ms = fetching->now_ms - AA_CLIENT_ANSWER_MS;
    if (is_trouble && are_last_keys_good(fetching)) {
        tell(fetching, AA_LOG_WARNING, "a client's keys could not be fetched, the last ones are used", why);
        return use_last_keys(fetching, err);
    }
    tell(fetching, AA_LOG_WARNING, "a client's keys could not be had", why);
    if (!is_trouble) /* that there are none is an answer too */
        fetching->document.client.jwks_fetched_ms = fetching->now_ms;
    if (aa_client_may(&fetching->document.client, AA_CLIENT_NONE))
        return AA_OK;
    return aa_refuse(fetching->refused, AA_OAUTH_INVALID_CLIENT_METADATA,
                     is_trouble ? "the keys of the client could not be fetched: try again in a while" : why);
}

/* From the URL that the document names. */
static enum aa_err fetch_keys(struct fetching *fetching, struct aa_error *err)
{
    struct aa_client *client = &fetching->document.client;
    struct aa_refused refused = AA_REFUSED_INIT;
    struct aa_error why = AA_ERROR_INIT;
    enum aa_err rc = ask_for_keys(fetching, &refused, &why);

    if (rc != AA_ERR_REMOTE_BREAKER) /* else nobody was asked */
        client->jwks_asked_ms = fetching->now_ms;
    if (refused.error != AA_OAUTH_NONE)
        return do_without_keys(fetching, false, refused.description, err);
    if (rc && aa_download_is_unreachable(rc))
        return do_without_keys(fetching, true, why.message, err);
    if (rc)
        return aa_fail(err, rc, "%s", why.message);
    client->jwks = aa_buf_view(&fetching->document.texts.jwks);
    client->jwks_fetched_ms = fetching->now_ms;
    return AA_OK;
}

static enum aa_err bring_keys(struct fetching *fetching, struct aa_error *err)
{
    struct aa_client *client = &fetching->document.client;

    if (!aa_client_may(client, AA_CLIENT_PRIVATE_KEY_JWT))
        return AA_OK;
    if (!aa_view_is_absent(client->jwks_uri))
        return fetch_keys(fetching, err);
    client->jwks_asked_ms = client->jwks_fetched_ms = fetching->now_ms; /* they stand in the document */
    return AA_OK;
}

/* ---- a good document ---- */

static int64_t fresh_until(const struct fetching *fetching)
{
    int64_t seconds = fetching->download.max_age_s;

    if (seconds < 0)
        seconds = AA_CLIENT_FRESH_S;
    if (seconds < AA_CLIENT_FRESH_MIN_S)
        seconds = AA_CLIENT_FRESH_MIN_S;
    if (seconds > AA_CLIENT_FRESH_MAX_S)
        seconds = AA_CLIENT_FRESH_MAX_S;
    return fetching->now_ms + seconds * 1000;
}

static bool is_same_text(struct aa_view a, struct aa_view b)
{
    return aa_view_is_absent(a) == aa_view_is_absent(b) && aa_view_equal(a, b);
}

static bool says_the_same(const struct aa_client *a, const struct aa_client *b)
{
    return is_same_text(a->client_name, b->client_name) && is_same_text(a->redirect_uris, b->redirect_uris) &&
           is_same_text(a->grant_types, b->grant_types) && is_same_text(a->scope, b->scope) &&
           is_same_text(a->application_type, b->application_type) && is_same_text(a->client_uri, b->client_uri) &&
           is_same_text(a->auth_methods, b->auth_methods) && is_same_text(a->jwks_uri, b->jwks_uri) &&
           is_same_text(a->jwks, b->jwks);
}

static enum aa_err note_document(struct aa_conn *conn, const struct fetching *fetching, struct aa_error *err)
{
    const struct aa_client *client = &fetching->document.client;
    struct aa_audit_entry entry = {
        .event = has_copy(fetching) ? AA_AUDIT_CLIENT_CHANGED : AA_AUDIT_CLIENT_REGISTERED,
        .client_id = client->client_id,
        .details = {{"client_name", client->client_name}, {"redirect_uris", client->redirect_uris}}};

    if (has_copy(fetching) && !is_withdrawn(fetching) && says_the_same(&fetching->copy, client))
        return AA_OK;
    return aa_audit_note(fetching->app, conn, &entry, err);
}

/* Looks once more, and holds what there is: while the site was asked, another request may have brought the client. */
static enum aa_err hold_copy(struct aa_conn *conn, struct fetching *fetching, struct aa_error *err)
{
    enum aa_err rc = aa_client_hold(conn, fetching->client_id, NULL);

    if (rc && rc != AA_ERR_NOT_FOUND)
        return aa_fail(err, rc, "a client could not be held: %s", aa_err_text(rc));
    return find_copy(conn, fetching, err);
}

/* CONFLICT when another request was quicker. */
static enum aa_err create(struct aa_conn *conn, struct fetching *fetching, struct aa_error *err)
{
    enum aa_err rc;

    *fetching->refused = (struct aa_refused)AA_REFUSED_INIT;
    rc = aa_client_make_room(conn, fetching->app, fetching->refused, err);
    if (!rc)
        rc = aa_client_create(conn, &fetching->document.client, NULL);
    if (rc && rc != AA_ERR_CONFLICT && fetching->refused->error == AA_OAUTH_NONE)
        return aa_fail(err, rc, "a client could not be stored: %s", aa_err_text(rc));
    return rc;
}

static enum aa_err store_document(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    struct fetching *fetching = ctx;
    enum aa_err rc;

    rc = hold_copy(conn, fetching, err);
    if (!rc && !has_copy(fetching)) {
        rc = create(conn, fetching, err);
        if (rc != AA_ERR_CONFLICT)
            return rc ? rc : note_document(conn, fetching, err);
        rc = hold_copy(conn, fetching, err);
    }
    if (!rc)
        rc = aa_client_put_document(conn, &fetching->document.client, err);
    return rc ? rc : note_document(conn, fetching, err);
}

/* A well-known client never expires, or what its site said would be forgotten for what this version knows. */
static enum aa_err keep_document(struct fetching *fetching, struct aa_error *err)
{
    struct aa_client *client = &fetching->document.client;
    enum aa_err rc;

    client->created_ms = client->fetched_ms = fetching->now_ms;
    client->fresh_until_ms = fresh_until(fetching);
    if (!aa_client_pinned_has(fetching->client_id))
        client->expires_ms = fetching->now_ms + fetching->app->settings.unused_client_ttl_s * 1000;
    rc = aa_db_write(fetching->app->db, store_document, fetching, err);
    if (rc == AA_ERR_CONFLICT)
        return AA_OK; /* somebody knows better: its site was asked later, or it came otherwise */
    if (!rc && !has_copy(fetching))
        aa_metrics_count(fetching->app->metrics, AA_COUNT_REGISTRATIONS);
    return rc;
}

/* ---- no document ---- */

/* The site was asked after us, and has answered. */
static bool is_later(const struct fetching *fetching)
{
    return fetching->copy.fetched_ms > fetching->now_ms && !is_from_ahead(fetching);
}

static enum aa_err store_withdrawal(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    struct fetching *fetching = ctx;
    struct aa_audit_entry entry = {.event = AA_AUDIT_CLIENT_WITHDRAWN,
                                   .client_id = fetching->client_id,
                                   .details = {{"reason", aa_view_of(fetching->refused->description)}}};
    enum aa_err rc;

    rc = hold_copy(conn, fetching, err);
    if (rc || !has_copy(fetching) || is_otherwise_known(fetching) || is_later(fetching))
        return rc;
    rc = aa_client_withdraw_document(conn, fetching->client_id, fetching->now_ms, err);
    return rc || is_withdrawn(fetching) ? rc : aa_audit_note(fetching->app, conn, &entry, err);
}

/* The site says itself that there is no such client. Who has a grant keeps it until the administrator says otherwise.
 * (`refused` may tell already which member of the document is wrong: that sentence stays, while to people at /authorize
 * all of it is one.) */
static enum aa_err refuse_document(struct fetching *fetching, const char *description, struct aa_error *err)
{
    enum aa_err rc = AA_OK;

    aa_refuse(fetching->refused, AA_OAUTH_INVALID_CLIENT_METADATA, description);
    fetching->refused->error = AA_OAUTH_INVALID_CLIENT_METADATA;
    aa_metrics_count(fetching->app->metrics, AA_COUNT_DOCUMENTS_REFUSED);
    tell(fetching, AA_LOG_INFO, "a metadata document was refused", fetching->refused->description);
    if (!has_copy(fetching)) /* then; another request may have brought it meanwhile */
        rc = aa_db_read(fetching->app->db, find_copy, fetching, err);
    if (!rc && has_copy(fetching))
        rc = aa_db_write(fetching->app->db, store_withdrawal, fetching, err);
    return rc ? rc : AA_ERR_REQUEST_MALFORMED;
}

/* ---- without the site ---- */

static enum aa_err keep_copy(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    const struct fetching *fetching = ctx;

    return aa_client_keep_document(conn, fetching->client_id, fetching->copy.fetched_ms,
                                   fetching->now_ms + INT64_C(1000) * AA_CLIENT_FRESH_MIN_S, err);
}

/* Only where nothing is known of the client: whatever its site says, however early it was asked, is better. */
static enum aa_err store_pinned(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    struct fetching *fetching = ctx;
    enum aa_err rc;

    rc = find_copy(conn, fetching, err);
    if (rc || has_copy(fetching))
        return rc;
    rc = create(conn, fetching, err);
    if (rc == AA_ERR_CONFLICT)
        return AA_OK;
    return rc ? rc : note_document(conn, fetching, err);
}

/* `fresh_until_ms` 0: the next request asks. */
static enum aa_err use_pinned(struct fetching *fetching, int64_t fresh_until_ms, struct aa_error *err)
{
    struct aa_buf text;
    enum aa_err rc;

    aa_buf_init(&text, AA_CLIENT_DOCUMENT_MAX);
    aa_client_pinned_add(fetching->client_id, &text);
    rc = aa_buf_check(&text, "a document", err);
    if (!rc)
        rc = aa_client_document_read(&fetching->app->settings, fetching->client_id, aa_buf_view(&text),
                                     &fetching->document, fetching->refused, err);
    aa_buf_clear(&text);
    if (rc)
        return rc;
    fetching->document.client.created_ms = fetching->now_ms;
    fetching->document.client.fresh_until_ms = fresh_until_ms;
    return aa_db_write(fetching->app->db, store_pinned, fetching, err);
}

static bool may_be_pinned(const struct fetching *fetching)
{
    return !has_copy(fetching) && aa_client_pinned_has(fetching->client_id);
}

static void take_back_refusal(struct fetching *fetching, const char *instead, const char *why)
{
    *fetching->refused = (struct aa_refused)AA_REFUSED_INIT;
    tell(fetching, AA_LOG_WARNING, instead, why);
}

/* The site's trouble, or the way's: not its word about the client. It is left alone for a while. (Why stays in the log:
 * to a stranger the difference between "no such name" and "not a public address" would tell what names there are
 * inside.) */
static enum aa_err go_without(struct fetching *fetching, const char *why, struct aa_error *err)
{
    int64_t again_ms = fetching->now_ms + INT64_C(1000) * AA_CLIENT_FRESH_MIN_S;

    aa_metrics_count(fetching->app->metrics, AA_COUNT_DOCUMENTS_UNREACHABLE);
    if (may_stand_in(fetching)) {
        take_back_refusal(fetching, "a metadata document could not be fetched, the last copy is used", why);
        return aa_db_write(fetching->app->db, keep_copy, fetching, err);
    }
    if (may_be_pinned(fetching)) {
        take_back_refusal(fetching, "a metadata document could not be fetched, what this version knows is used", why);
        return use_pinned(fetching, again_ms, err);
    }
    tell(fetching, AA_LOG_WARNING, "a metadata document could not be fetched", why);
    return aa_refuse(fetching->refused, AA_OAUTH_INVALID_CLIENT_METADATA,
                     "the metadata document of the client could not be fetched: try again in a while");
}

/* A limit of ours, and `refused` says so: nobody was asked, so nothing is learnt. What is known serves this one
 * request; whoever keeps us from asking must not keep a client alive that its site has withdrawn. */
static enum aa_err go_unasked(struct fetching *fetching, const char *why, struct aa_error *err)
{
    fetching->is_unasked = true;
    if (may_stand_in(fetching)) {
        take_back_refusal(fetching, "a metadata document was not asked for, the last copy is used", why);
        return AA_OK;
    }
    if (may_be_pinned(fetching)) {
        take_back_refusal(fetching, "a metadata document was not asked for, what this version knows is used", why);
        return use_pinned(fetching, 0, err);
    }
    tell(fetching, AA_LOG_WARNING, "a metadata document was not asked for", why);
    return AA_ERR_REQUEST_MALFORMED;
}

static enum aa_err refuse_more(struct fetching *fetching, const char *refusal, struct aa_error *err)
{
    aa_client_fetch_refuse(fetching->refused, refusal, fetching->now_ms);
    return go_unasked(fetching, refusal, err);
}

static enum aa_err refuse_now(struct fetching *fetching, const char *why, struct aa_error *err)
{
    aa_refuse(fetching->refused, AA_OAUTH_INVALID_CLIENT_METADATA,
              "the metadata document of the client could not be fetched: try again in a moment");
    return go_unasked(fetching, why, err);
}

/* ---- asking the site ---- */

static enum aa_err judge_answer(struct fetching *fetching, struct aa_error *err)
{
    const struct aa_download *download = &fetching->download;
    enum aa_err rc;

    if (aa_download_is_trouble(download))
        return go_without(fetching, "the site answered with an error", err);
    if (download->status != 200)
        return refuse_document(fetching, "there is no metadata document at client_id", err);
    if (!aa_client_document_is_json(aa_buf_view(&download->content_type)))
        return refuse_document(fetching, "the metadata document at client_id is not JSON", err);
    rc = aa_client_document_read(&fetching->app->settings, fetching->client_id, aa_buf_view(&download->body),
                                 &fetching->document, fetching->refused, err);
    if (rc && fetching->refused->error != AA_OAUTH_NONE)
        return refuse_document(fetching, fetching->refused->description, err);
    if (rc)
        return rc;
    aa_metrics_count(fetching->app->metrics, AA_COUNT_DOCUMENTS_FETCHED);
    rc = bring_keys(fetching, err);
    return rc ? rc : keep_document(fetching, err);
}

static enum aa_err ask_site(struct fetching *fetching, struct aa_error *err)
{
    struct aa_error why = AA_ERROR_INIT;
    struct aa_buf url;
    enum aa_err rc;

    aa_buf_init(&url, AA_URL_MAX);
    aa_buf_add(&url, fetching->client_id);
    rc = aa_buf_check(&url, "a client_id", &why);
    if (!rc)
        rc = aa_app_fetch(fetching->app, aa_buf_text(&url), &fetching->download, &why);
    aa_buf_clear(&url);
    if (!rc)
        return judge_answer(fetching, err);
    if (rc == AA_ERR_TOO_LONG)
        return refuse_document(fetching, "the metadata document at client_id is larger than 5 KB", err);
    if (rc == AA_ERR_REMOTE_BREAKER)
        return refuse_now(fetching, why.message, err);
    if (aa_download_is_unreachable(rc))
        return go_without(fetching, why.message, err);
    return aa_fail(err, rc, "a metadata document could not be fetched: %s", why.message);
}

/* A client in use is looked at again whatever strangers ask of its site. */
static enum aa_err ask_if_there_is_room(struct fetching *fetching, struct aa_error *err)
{
    struct aa_client_fetch_limits limits = {fetching->app->who.address,
                                            is_in_use(fetching) ? AA_VIEW_ABSENT : fetching->site};
    const char *refusal = NULL;
    enum aa_err rc = AA_OK;

    if (!fetching->is_again)
        rc = aa_client_fetch_count(fetching->app, &limits, fetching->now_ms, &refusal, err);
    if (rc)
        return rc;
    return refusal ? refuse_more(fetching, refusal, err) : ask_site(fetching, err);
}

static enum aa_err fetch_unless_known(struct fetching *fetching, struct aa_error *err)
{
    enum aa_err rc;

    rc = aa_db_read(fetching->app->db, find_copy, fetching, err);
    if (rc || is_otherwise_known(fetching))
        return rc;
    rc = aa_client_fetch_check(fetching->app, fetching->client_id, fetching->refused);
    if (rc || (is_copy_fresh(fetching) && !fetching->is_again))
        return rc;
    fetching->site = aa_client_document_site(fetching->client_id);
    return ask_if_there_is_room(fetching, err);
}

static enum aa_err fetch(struct fetching *fetching, struct aa_error *err)
{
    enum aa_err rc;

    aa_buf_init(&fetching->download.body, AA_CLIENT_DOCUMENT_MAX);
    aa_buf_init(&fetching->download.content_type, AA_CONTENT_TYPE_MAX);
    rc = fetch_unless_known(fetching, err);
    aa_client_document_clear(&fetching->document);
    aa_buf_clear(&fetching->download.body);
    aa_buf_clear(&fetching->download.content_type);
    aa_record_clear(&fetching->copy.memory);
    return rc;
}

enum aa_err aa_client_fetch(struct aa_app *app, struct aa_view client_id, struct aa_refused *refused,
                            struct aa_error *err)
{
    struct fetching fetching = {.app = app, .client_id = client_id, .now_ms = aa_app_now_ms(app), .refused = refused};

    return aa_client_document_is_named(client_id) ? fetch(&fetching, err) : AA_OK;
}

enum aa_err aa_client_fetch_again(struct aa_app *app, struct aa_view client_id, bool *is_asked,
                                  struct aa_refused *refused, struct aa_error *err)
{
    struct fetching fetching = {
        .app = app, .client_id = client_id, .now_ms = aa_app_now_ms(app), .is_again = true, .refused = refused};
    enum aa_err rc = fetch(&fetching, err);

    *is_asked = !fetching.is_unasked;
    return rc;
}

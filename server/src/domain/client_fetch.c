#include "domain/client_fetch.h"

#include "base/error.h"
#include "base/level.h"
#include "base/url.h"
#include "domain/audit.h"
#include "domain/client_document.h"
#include "domain/client_pinned.h"
#include "domain/clients.h"
#include "domain/rate.h"
#include "store/store.h"

#define CONTENT_TYPE_MAX 256
#define RATE_WINDOW_MS (INT64_C(600) * 1000)
/* Documents an address may have fetched in a window, and a site be asked for: so that nobody turns us on a third one.
 */
#define PER_ADDRESS_MAX 60
#define PER_SITE_MAX 120

struct visit {
    struct aa_app *app;
    struct aa_view client_id;
    struct aa_url url;
    int64_t now_ms;
    struct aa_client copy; /* as it is stored; of no client when memory is NULL */
    struct aa_download download;
    struct aa_client_document document;
    struct aa_refused *refused;
};

/* ---- who may ---- */

/* `hosts` are separated by spaces. */
static bool is_listed(const char *hosts, struct aa_view host)
{
    struct aa_view word, rest = aa_view_of(hosts);

    while (rest.len > 0) {
        aa_view_cut(rest, ' ', &word, &rest);
        if (aa_view_equal_nocase(word, host))
            return true;
    }
    return false;
}

static enum aa_err check_allowed(struct visit *visit)
{
    const struct aa_settings *settings = &visit->app->settings;

    if (!settings->client_documents)
        return aa_refuse(visit->refused, AA_OAUTH_INVALID_CLIENT,
                         "clients known by the URL of a metadata document are not let in here");
    if (aa_client_document_check_url(visit->client_id, NULL) || aa_url_parse(visit->client_id, &visit->url, NULL))
        return aa_refuse(visit->refused, AA_OAUTH_INVALID_CLIENT, "client_id is not the URL of a metadata document");
    if (settings->client_document_hosts && !is_listed(settings->client_document_hosts, visit->url.host))
        return aa_refuse(visit->refused, AA_OAUTH_INVALID_CLIENT, "clients of this site are not let in here");
    return AA_OK;
}

/* ---- the copy ---- */

static enum aa_err find_copy(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    struct visit *visit = ctx;
    enum aa_err rc;

    aa_record_clear(&visit->copy.memory);
    rc = aa_client_find(conn, visit->client_id, &visit->copy, NULL);
    if (rc && rc != AA_ERR_NOT_FOUND)
        return aa_fail(err, rc, "a client could not be looked up: %s", aa_err_text(rc));
    return AA_OK;
}

static bool has_copy(const struct visit *visit)
{
    return visit->copy.memory != NULL;
}

/* Added by the administrator, or taken over from elsewhere: no document speaks for it. */
static bool is_otherwise_known(const struct visit *visit)
{
    return has_copy(visit) && !aa_view_equal_text(visit->copy.source, "cimd");
}

/* Not withdrawn, and not one that nobody used in time. */
static bool is_copy_good(const struct visit *visit)
{
    return has_copy(visit) && visit->copy.fetched_ms != 0 &&
           (visit->copy.expires_ms == 0 || visit->copy.expires_ms > visit->now_ms);
}

static bool is_copy_fresh(const struct visit *visit)
{
    return is_copy_good(visit) && visit->copy.fresh_until_ms > visit->now_ms;
}

static bool may_stand_in(const struct visit *visit)
{
    return is_copy_good(visit) && visit->now_ms - visit->copy.fetched_ms < AA_CLIENT_KEPT_MS;
}

/* ---- how often ---- */

static enum aa_err count(struct aa_conn *conn, struct visit *visit, const char *what, struct aa_view whom, int64_t max,
                         struct aa_error *err)
{
    uint8_t key[AA_SHA256_LEN];
    int64_t counted = 0;
    enum aa_err rc;

    rc = aa_rate_key_build(what, whom, visit->now_ms, RATE_WINDOW_MS, key, err);
    if (!rc)
        rc = aa_lockout_add(conn, aa_view_make((const char *)key, sizeof key), visit->now_ms,
                            visit->now_ms + RATE_WINDOW_MS, &counted, err);
    if (rc || counted <= max)
        return rc;
    visit->refused->retry_after_s = RATE_WINDOW_MS / 1000;
    return aa_refuse(visit->refused, AA_OAUTH_TOO_MANY_REQUESTS, "too many metadata documents were asked for");
}

/* A client that people use is looked at again whatever strangers ask of its site. */
static enum aa_err count_all(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    struct visit *visit = ctx;
    enum aa_err rc;

    *visit->refused = (struct aa_refused)AA_REFUSED_INIT;
    rc = count(conn, visit, "client_document", visit->app->who.address, PER_ADDRESS_MAX, err);
    if (!rc && !may_stand_in(visit))
        rc = count(conn, visit, "client_document_site", visit->url.host, PER_SITE_MAX, err);
    /* A refusal is committed, or what it counted would be rolled back with it. */
    return visit->refused->error != AA_OAUTH_NONE ? AA_OK : rc;
}

static enum aa_err check_rates(struct visit *visit, struct aa_error *err)
{
    enum aa_err rc = aa_db_write(visit->app->db, count_all, visit, err);

    return !rc && visit->refused->error != AA_OAUTH_NONE ? AA_ERR_REQUEST_MALFORMED : rc;
}

/* ---- what came ---- */

static int64_t fresh_until(const struct visit *visit)
{
    int64_t seconds = visit->download.max_age_s;

    if (seconds < 0)
        seconds = AA_CLIENT_FRESH_S;
    if (seconds < AA_CLIENT_FRESH_MIN_S)
        seconds = AA_CLIENT_FRESH_MIN_S;
    if (seconds > AA_CLIENT_FRESH_MAX_S)
        seconds = AA_CLIENT_FRESH_MAX_S;
    return visit->now_ms + seconds * 1000;
}

static bool is_same_text(struct aa_view a, struct aa_view b)
{
    return aa_view_is_absent(a) == aa_view_is_absent(b) && aa_view_equal(a, b);
}

static bool says_the_same(const struct aa_client *a, const struct aa_client *b)
{
    return is_same_text(a->client_name, b->client_name) && is_same_text(a->redirect_uris, b->redirect_uris) &&
           is_same_text(a->grant_types, b->grant_types) && is_same_text(a->scope, b->scope) &&
           is_same_text(a->application_type, b->application_type) && is_same_text(a->client_uri, b->client_uri);
}

static enum aa_err note_change(struct aa_conn *conn, const struct visit *visit, struct aa_error *err)
{
    const struct aa_client *client = &visit->document.client;
    struct aa_audit_entry entry = {.event = AA_AUDIT_CLIENT_REGISTERED,
                                   .client_id = client->client_id,
                                   .details = {{"client_name", client->client_name}}};

    if (has_copy(visit)) {
        if (says_the_same(&visit->copy, client))
            return AA_OK;
        entry.event = AA_AUDIT_CLIENT_CHANGED;
    }
    return aa_audit_note(visit->app, conn, &entry, err);
}

/* Looks once more: while the site was asked, another request may have brought the same client. */
static enum aa_err store_document(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    struct visit *visit = ctx;
    enum aa_err rc;

    *visit->refused = (struct aa_refused)AA_REFUSED_INIT;
    rc = find_copy(conn, visit, err);
    if (!rc && !has_copy(visit))
        rc = aa_client_make_room(conn, visit->app, visit->refused, err);
    if (!rc)
        rc = aa_client_put_document(conn, &visit->document.client, err);
    return rc ? rc : note_change(conn, visit, err);
}

static enum aa_err keep_document(struct visit *visit, struct aa_error *err)
{
    struct aa_client *client = &visit->document.client;
    enum aa_err rc;

    client->created_ms = client->fetched_ms = visit->now_ms;
    client->fresh_until_ms = fresh_until(visit);
    client->expires_ms = visit->now_ms + visit->app->settings.unused_client_ttl_s * 1000;
    rc = aa_db_write(visit->app->db, store_document, visit, err);
    if (rc == AA_ERR_CONFLICT)
        return AA_OK; /* it became known otherwise meanwhile */
    if (!rc && !has_copy(visit))
        aa_metrics_count(visit->app->metrics, AA_COUNT_REGISTRATIONS);
    return rc;
}

struct times {
    struct aa_view client_id;
    int64_t fetched_ms, fresh_until_ms;
};

static enum aa_err set_times(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    const struct times *times = ctx;
    enum aa_err rc;

    rc = aa_client_set_document_times(conn, times->client_id, times->fetched_ms, times->fresh_until_ms, err);
    return rc == AA_ERR_NOT_FOUND ? AA_OK : rc; /* removed meanwhile */
}

/* The site says so itself: its client is no more. Who has a grant keeps it until the administrator says otherwise. */
static enum aa_err withdraw(struct visit *visit, struct aa_error *err)
{
    struct times times = {visit->client_id, 0, 0};

    aa_metrics_count(visit->app->metrics, AA_COUNT_DOCUMENTS_REFUSED);
    aa_app_log(visit->app, AA_LOG_INFO, NULL, "the metadata document of client %.*s was refused: %s",
               AA_VIEW_ARGS(visit->client_id), visit->refused->description);
    return has_copy(visit) ? aa_db_write(visit->app->db, set_times, &times, err) : AA_OK;
}

static enum aa_err refuse_document(struct visit *visit, const char *description, struct aa_error *err)
{
    enum aa_err rc;

    aa_refuse(visit->refused, AA_OAUTH_INVALID_CLIENT_METADATA, description);
    /* To people at /authorize it is all the same which member is wrong: the sentence says it. */
    visit->refused->error = AA_OAUTH_INVALID_CLIENT_METADATA;
    rc = withdraw(visit, err);
    return rc ? rc : AA_ERR_REQUEST_MALFORMED;
}

static enum aa_err use_last_copy(struct visit *visit, struct aa_error *err)
{
    struct times times = {visit->client_id, visit->copy.fetched_ms,
                          visit->now_ms + INT64_C(1000) * AA_CLIENT_FRESH_MIN_S};

    return aa_db_write(visit->app->db, set_times, &times, err);
}

static enum aa_err use_pinned(struct visit *visit, struct aa_view document, struct aa_error *err)
{
    enum aa_err rc;

    rc = aa_client_document_read(&visit->app->settings, visit->client_id, document, &visit->document, visit->refused,
                                 err);
    visit->download.max_age_s = 0;
    return rc ? rc : keep_document(visit, err);
}

/* Not of a client that its site has withdrawn. */
static bool may_be_pinned(const struct visit *visit)
{
    return !has_copy(visit) || visit->copy.fetched_ms != 0;
}

static void tell_trouble(const struct visit *visit, const char *instead, const char *why)
{
    aa_app_log(visit->app, AA_LOG_WARNING, NULL, "the metadata document of client %.*s could not be fetched%s: %s",
               AA_VIEW_ARGS(visit->client_id), instead, why);
}

/* The site's trouble, or the network's: not its word about the client. A site behind a gate against robots (401, 403,
 * 429) has not said anything about it either. */
static enum aa_err stand_in(struct visit *visit, const char *why, struct aa_error *err)
{
    struct aa_buf pinned;
    enum aa_err rc;

    aa_metrics_count(visit->app->metrics, AA_COUNT_DOCUMENTS_UNREACHABLE);
    if (may_stand_in(visit)) {
        tell_trouble(visit, ", the last copy is used", why);
        return use_last_copy(visit, err);
    }
    aa_buf_init(&pinned, AA_CLIENT_DOCUMENT_MAX);
    if (may_be_pinned(visit) && aa_client_pinned_add(visit->client_id, &pinned)) {
        tell_trouble(visit, ", what this version knows of it is used", why);
        rc = aa_buf_check(&pinned, "a document", err);
        if (!rc)
            rc = use_pinned(visit, aa_buf_view(&pinned), err);
    } else {
        tell_trouble(visit, "", why);
        rc = aa_refuse(visit->refused, AA_OAUTH_INVALID_CLIENT_METADATA,
                       "the metadata document of the client could not be fetched: try again in a while");
    }
    aa_buf_clear(&pinned);
    return rc;
}

static bool is_trouble(int status)
{
    return status >= 500 || status == 401 || status == 403 || status == 408 || status == 429;
}

static enum aa_err judge_answer(struct visit *visit, struct aa_error *err)
{
    const struct aa_download *download = &visit->download;
    enum aa_err rc;

    if (is_trouble(download->status))
        return stand_in(visit, "the site answered with an error", err);
    if (download->status != 200)
        return refuse_document(visit, "there is no metadata document at client_id", err);
    if (!aa_client_document_is_json(aa_buf_view(&download->content_type)))
        return refuse_document(visit, "the metadata document at client_id is not JSON", err);
    rc = aa_client_document_read(&visit->app->settings, visit->client_id, aa_buf_view(&download->body),
                                 &visit->document, visit->refused, err);
    if (rc && visit->refused->error != AA_OAUTH_NONE)
        return refuse_document(visit, visit->refused->description, err);
    if (rc)
        return rc;
    aa_metrics_count(visit->app->metrics, AA_COUNT_DOCUMENTS_FETCHED);
    return keep_document(visit, err);
}

static enum aa_err fetch_and_judge(struct visit *visit, struct aa_error *err)
{
    struct aa_error why = AA_ERROR_INIT;
    struct aa_buf url;
    enum aa_err rc;

    aa_buf_init(&url, AA_URL_MAX);
    aa_buf_add(&url, visit->client_id);
    rc = aa_buf_check(&url, "a client_id", err);
    if (!rc)
        rc = visit->app->fetch(visit->app->ctx, aa_buf_text(&url), &visit->download, &why);
    aa_buf_clear(&url);
    if (rc == AA_ERR_REMOTE_FORBIDDEN)
        return refuse_document(visit, "client_id leads to an address that is not public", err);
    if (rc == AA_ERR_TOO_LONG)
        return refuse_document(visit, "the metadata document at client_id is larger than 5 KB", err);
    if (rc && aa_err_class_of(rc) == AA_CLASS_REMOTE)
        return stand_in(visit, why.message, err);
    if (rc)
        return aa_fail(err, rc, "a metadata document could not be fetched: %s", why.message);
    return judge_answer(visit, err);
}

static enum aa_err bring(struct visit *visit, struct aa_error *err)
{
    enum aa_err rc;

    rc = check_allowed(visit);
    if (!rc)
        rc = aa_db_read(visit->app->db, find_copy, visit, err);
    if (rc || is_otherwise_known(visit) || is_copy_fresh(visit))
        return rc;
    rc = check_rates(visit, err);
    return rc ? rc : fetch_and_judge(visit, err);
}

enum aa_err aa_client_fetch(struct aa_app *app, struct aa_view client_id, struct aa_refused *refused,
                            struct aa_error *err)
{
    struct visit visit = {.app = app, .client_id = client_id, .now_ms = aa_app_now_ms(app), .refused = refused};
    enum aa_err rc;

    if (!aa_client_document_is_named(client_id))
        return AA_OK;
    aa_buf_init(&visit.download.body, AA_CLIENT_DOCUMENT_MAX);
    aa_buf_init(&visit.download.content_type, CONTENT_TYPE_MAX);
    rc = bring(&visit, err);
    aa_client_document_clear(&visit.document);
    aa_buf_clear(&visit.download.body);
    aa_buf_clear(&visit.download.content_type);
    aa_record_clear(&visit.copy.memory);
    return rc;
}

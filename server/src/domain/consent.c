#include "domain/consent.h"

#include "base/error.h"
#include "base/url.h"
#include "domain/audit.h"
#include "domain/authorize.h"
#include "domain/clients.h"
#include "domain/live.h"
#include "domain/redirect_uri.h"
#include "domain/secret.h"
#include "oauth/scope.h"

#define GRANT_ID_MAX 64

/* ---- an earlier answer ---- */

static bool may_be_remembered(const struct aa_auth_request *request)
{
    /* Any program can listen on a loopback port or claim a scheme, and say it is the client of before (RFC 8252 §8.6).
     */
    return aa_redirect_uri_kind(request->redirect_uri) == AA_REDIRECT_WEB && !request->prompt_consent;
}

/* More than was said yes to before must be asked for. */
static bool covers(const struct aa_consent *consent, const struct aa_auth_request *request)
{
    struct aa_scopes before, now;

    return !aa_scopes_parse(consent->scope, &before, NULL) && !aa_scopes_parse(request->scope, &now, NULL) &&
           aa_scopes_is_subset(&now, &before);
}

struct find_ctx {
    const struct aa_auth_request *request;
    struct aa_view user_id;
    bool remembered;
};

static enum aa_err find_remembered(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    struct find_ctx *find = ctx;
    const struct aa_auth_request *request = find->request;
    struct aa_consent consent = {0};
    enum aa_err rc;

    find->remembered = false;
    rc = aa_consent_find(conn, find->user_id, request->client_id, request->server_id, request->redirect_uri, &consent,
                         NULL);
    if (rc == AA_ERR_NOT_FOUND)
        return AA_OK;
    if (rc)
        return aa_fail(err, rc, "a consent could not be looked up: %s", aa_err_text(rc));
    find->remembered = covers(&consent, request);
    aa_record_clear(&consent.memory);
    return AA_OK;
}

enum aa_err aa_consent_is_remembered(struct aa_app *app, const struct aa_pending *pending,
                                     const struct aa_person *person, bool *remembered, struct aa_error *err)
{
    struct find_ctx find = {&pending->request, person->user.user_id, false};
    enum aa_err rc;

    *remembered = false;
    if (!may_be_remembered(&pending->request))
        return AA_OK;
    rc = aa_db_read(app->db, find_remembered, &find, err);
    if (!rc)
        *remembered = find.remembered;
    return rc;
}

/* ---- spending the request ---- */

static enum aa_err refuse_second_answer(struct aa_error *err)
{
    return aa_fail(err, AA_ERR_NOT_FOUND, "the authorization request was answered or ran out");
}

/* ---- yes ---- */

struct allow {
    const struct aa_app *app;
    const struct aa_pending *pending;
    const struct aa_person *person;
    enum aa_consent_how how;
    int64_t now_ms, code_expires_ms;
    struct aa_view grant_id, code_key;
    bool is_repeated; /* the answer was given before, and stands */
};

static enum aa_err check_server(struct aa_conn *conn, const struct allow *allow, struct aa_error *err)
{
    struct aa_server server = {0};
    enum aa_err rc;

    rc = aa_server_find(conn, allow->pending->request.server_id, &server, err);
    aa_record_clear(&server.memory);
    return rc;
}

/* The client is marked as used first: who is about to remove it, or to bring what its document says now, waits. */
static enum aa_err check_client(struct aa_conn *conn, const struct allow *allow, struct aa_error *err)
{
    const struct aa_auth_request *request = &allow->pending->request;
    struct aa_client client = {0};
    struct aa_buf proven;
    enum aa_err rc;

    aa_buf_init(&proven, AA_URL_MAX);
    rc = aa_client_mark_used(conn, request->client_id, allow->now_ms, err);
    if (!rc)
        rc = aa_client_find(conn, request->client_id, &client, err);
    if (!rc && aa_client_is_withdrawn(&client))
        rc = aa_fail(err, AA_ERR_NOT_FOUND, "the site of the client has withdrawn it");
    if (!rc)
        rc = aa_client_prove_redirect(&client, request->redirect_uri, &proven, err);
    aa_record_clear(&client.memory);
    aa_buf_clear(&proven);
    return rc;
}

static enum aa_err check_remembered(struct aa_conn *conn, const struct allow *allow, struct aa_error *err)
{
    struct find_ctx find = {&allow->pending->request, allow->person->user.user_id, false};
    enum aa_err rc;

    rc = find_remembered(conn, &find, err);
    if (!rc && !(find.remembered && may_be_remembered(&allow->pending->request)))
        rc = aa_fail(err, AA_ERR_NOT_FOUND, "the consent was withdrawn");
    return rc;
}

/* One that may never be used is not kept: a row for each port a program ever listened on. */
static enum aa_err remember(struct aa_conn *conn, const struct allow *allow, struct aa_error *err)
{
    const struct aa_auth_request *request = &allow->pending->request;
    struct aa_consent consent = {
        .user_id = request->user_id,
        .client_id = request->client_id,
        .server_id = request->server_id,
        .scope = request->scope,
        .redirect_uri = request->redirect_uri,
        .created_ms = allow->now_ms,
    };

    if (aa_redirect_uri_kind(request->redirect_uri) != AA_REDIRECT_WEB)
        return AA_OK;
    return aa_consent_put(conn, &consent, err);
}

/* Each authorization has a grant of its own, so that another device of the same client lives on (and dies alone). */
static enum aa_err issue(struct aa_conn *conn, const struct allow *allow, struct aa_error *err)
{
    const struct aa_auth_request *request = &allow->pending->request;
    struct aa_grant grant = {
        .grant_id = allow->grant_id,
        .user_id = request->user_id,
        .client_id = request->client_id,
        .server_id = request->server_id,
        .scope = request->scope,
        .created_ms = allow->now_ms,
    };
    struct aa_code code = {
        .code_key = allow->code_key,
        .grant_id = allow->grant_id,
        .client_id = request->client_id,
        .redirect_uri = request->redirect_uri,
        .code_challenge = request->code_challenge,
        .scope = request->scope,
        .server_id = request->server_id,
        .user_id = request->user_id,
        .redirect_uri_sent = request->redirect_uri_sent,
        .created_ms = allow->now_ms,
        .expires_ms = allow->code_expires_ms,
    };
    enum aa_err rc;

    rc = aa_grant_create(conn, &grant, err);
    return rc ? rc : aa_code_create(conn, &code, err);
}

static enum aa_err note_allowed(struct aa_conn *conn, const struct allow *allow, struct aa_error *err)
{
    const struct aa_auth_request *request = &allow->pending->request;
    struct aa_view how = allow->how == AA_CONSENT_REMEMBERED ? AA_VIEW("remembered") : AA_VIEW("asked");
    struct aa_audit_entry entry = {.event = AA_AUDIT_CONSENT,
                                   .actor = request->user_id,
                                   .user_id = request->user_id,
                                   .client_id = request->client_id,
                                   .server_id = request->server_id,
                                   .grant_id = allow->grant_id,
                                   .details = {{"how", how}, {"scope", request->scope}}};

    return aa_audit_note(allow->app, conn, &entry, err);
}

/* The code of the first answer, unless it was redeemed, is too old or was revoked. */
static enum aa_err find_given(struct aa_conn *conn, const struct allow *allow, struct aa_error *err)
{
    struct aa_code code = {0};
    bool is_live = false;
    enum aa_err rc;

    rc = aa_code_find(conn, allow->code_key, &code, err);
    if (!rc) {
        struct aa_live_item item = {.grant_id = code.grant_id,
                                    .user_id = code.user_id,
                                    .client_id = code.client_id,
                                    .server_id = code.server_id,
                                    .expires_ms = code.expires_ms,
                                    .revoked_ms = code.redeemed_ms};

        rc = aa_live_item_check(conn, &item, allow->now_ms, &is_live, err);
    }
    aa_record_clear(&code.memory);
    return rc || is_live ? rc : refuse_second_answer(err);
}

static enum aa_err give_again(struct aa_conn *conn, struct allow *allow, struct aa_error *err)
{
    enum aa_err rc;

    if (allow->how != AA_CONSENT_ASKED)
        return refuse_second_answer(err);
    rc = aa_session_hold(conn, allow->person, allow->now_ms, err);
    if (!rc)
        rc = find_given(conn, allow, err);
    allow->is_repeated = !rc;
    return rc;
}

/* All of it or nothing: a failure rolls the spent request back too. */
static enum aa_err allow_in_store(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    struct allow *allow = ctx;
    bool won = false;
    enum aa_err rc;

    allow->is_repeated = false;
    rc = aa_auth_request_consume(conn, allow->pending->request.request_digest, allow->now_ms, &won, err);
    if (!rc && !won)
        return give_again(conn, allow, err);
    if (!rc)
        rc = aa_session_hold(conn, allow->person, allow->now_ms, err);
    if (!rc)
        rc = check_server(conn, allow, err);
    if (!rc)
        rc = check_client(conn, allow, err);
    if (!rc)
        rc = allow->how == AA_CONSENT_REMEMBERED ? check_remembered(conn, allow, err) : remember(conn, allow, err);
    if (!rc)
        rc = issue(conn, allow, err);
    return rc ? rc : note_allowed(conn, allow, err);
}

enum aa_err aa_consent_allow(struct aa_app *app, const struct aa_pending *pending, const struct aa_person *person,
                             enum aa_consent_how how, struct aa_buf *location, struct aa_error *err)
{
    const struct aa_auth_request *request = &pending->request;
    struct allow allow = {.app = app, .pending = pending, .person = person, .how = how, .now_ms = aa_app_now_ms(app)};
    uint8_t code_key[AA_DIGEST_KEY_LEN];
    struct aa_buf code, grant_id;
    size_t start = location->len;
    enum aa_err rc;

    if (!aa_pending_is_of(pending, person))
        return aa_fail(err, AA_ERR_NOT_FOUND, "the authorization request is not this person's");
    aa_buf_init(&code, AA_SECRET_MAX);
    aa_buf_init(&grant_id, GRANT_ID_MAX);
    rc = aa_secret_derive(AA_CODE_PREFIX, pending->code_seed, request->created_ms / 1000, &code, code_key, err);
    if (!rc)
        rc = aa_app_new_id(app, "gr_", &grant_id, err);
    if (!rc)
        rc = aa_authorize_add_code(app, request->redirect_uri, request->state, aa_buf_view(&code), location, err);
    if (rc)
        goto done;
    allow.code_expires_ms = allow.now_ms + app->settings.code_ttl_s * 1000;
    allow.grant_id = aa_buf_view(&grant_id);
    allow.code_key = aa_view_make(code_key, sizeof code_key);
    rc = aa_db_write(app->db, allow_in_store, &allow, err);
    if (!rc && !allow.is_repeated)
        aa_metrics_count(app->metrics,
                         how == AA_CONSENT_ASKED ? AA_COUNT_CONSENTS_GIVEN : AA_COUNT_CONSENTS_REMEMBERED);
done:
    if (rc)
        aa_buf_cut(location, start);
    aa_buf_wipe_clear(&code);
    aa_buf_clear(&grant_id);
    return rc;
}

/* ---- no ---- */

struct refuse_ctx {
    const struct aa_app *app;
    const struct aa_auth_request *request;
    bool is_denied; /* by the person */
    int64_t now_ms;
    uint8_t code_key[AA_DIGEST_KEY_LEN];
    bool is_repeated;
};

/* Was it answered, and with a no: is there no code of it? */
static enum aa_err refuse_again(struct aa_conn *conn, struct refuse_ctx *refuse, struct aa_error *err)
{
    struct aa_auth_request request = {0};
    struct aa_code code = {0};
    bool was_answered;
    enum aa_err rc;

    if (!refuse->is_denied)
        return refuse_second_answer(err);
    rc = aa_auth_request_find(conn, refuse->request->request_digest, &request, err);
    was_answered = !rc && request.consumed_ms != 0;
    aa_record_clear(&request.memory);
    if (rc)
        return rc;
    rc = aa_code_find(conn, aa_view_make(refuse->code_key, sizeof refuse->code_key), &code, NULL);
    aa_record_clear(&code.memory);
    if (rc && rc != AA_ERR_NOT_FOUND)
        return aa_fail(err, rc, "a code could not be looked up: %s", aa_err_text(rc));
    refuse->is_repeated = was_answered && rc == AA_ERR_NOT_FOUND;
    return refuse->is_repeated ? AA_OK : refuse_second_answer(err);
}

static enum aa_err refuse_in_store(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    struct refuse_ctx *refuse = ctx;
    const struct aa_auth_request *request = refuse->request;
    bool won = false;
    struct aa_audit_entry entry = {.event = AA_AUDIT_DENY,
                                   .actor = request->user_id,
                                   .user_id = request->user_id,
                                   .client_id = request->client_id,
                                   .server_id = request->server_id,
                                   .details = {{"scope", request->scope}}};
    enum aa_err rc;

    refuse->is_repeated = false;
    rc = aa_auth_request_consume(conn, request->request_digest, refuse->now_ms, &won, err);
    if (!rc && !won)
        return refuse_again(conn, refuse, err);
    return rc || !refuse->is_denied ? rc : aa_audit_note(refuse->app, conn, &entry, err);
}

enum aa_err aa_consent_refuse(struct aa_app *app, const struct aa_pending *pending, enum aa_oauth_error error,
                              const char *description, struct aa_buf *location, struct aa_error *err)
{
    const struct aa_auth_request *request = &pending->request;
    struct refuse_ctx ctx = {
        .app = app, .request = request, .is_denied = error == AA_OAUTH_ACCESS_DENIED, .now_ms = aa_app_now_ms(app)};
    struct aa_buf code;
    enum aa_err rc;

    aa_buf_init(&code, AA_SECRET_MAX);
    rc = aa_secret_derive(AA_CODE_PREFIX, pending->code_seed, request->created_ms / 1000, &code, ctx.code_key, err);
    aa_buf_wipe_clear(&code);
    if (!rc)
        rc = aa_db_write(app->db, refuse_in_store, &ctx, err);
    if (rc)
        return rc;
    if (ctx.is_denied && !ctx.is_repeated)
        aa_metrics_count(app->metrics, AA_COUNT_CONSENTS_DENIED);
    return aa_authorize_add_error(app, request->redirect_uri, request->state, error, description, location, err);
}

#include "domain/client_renew.h"

#include "base/error.h"
#include "base/level.h"
#include "domain/audit.h"
#include "domain/client_fetch.h"
#include "domain/client_keys.h"
#include "domain/clients.h"
#include "store/store.h"

struct renewal {
    struct aa_app *app;
    const struct aa_client *client;
    int64_t now_ms;
    struct aa_buf jwks;
    bool is_ours, is_asked;
};

/* ---- may we? ---- */

static bool is_asked_lately(const struct renewal *renewal)
{
    int64_t asked_ms = renewal->client->jwks_asked_ms;

    return asked_ms > renewal->now_ms - AA_CLIENT_ASK_AGAIN_MS && asked_ms <= renewal->now_ms + AA_CLIENT_CLOCKS_MS;
}

/* Whoever asks has not heard yet. */
static bool is_being_asked(const struct renewal *renewal)
{
    const struct aa_client *client = renewal->client;

    return renewal->now_ms - client->jwks_asked_ms < AA_CLIENT_ANSWER_MS &&
           client->jwks_fetched_ms != client->jwks_asked_ms;
}

static enum aa_err claim(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    struct renewal *renewal = ctx;
    enum aa_err rc;

    rc = aa_client_claim_keys(conn, renewal->client->client_id, renewal->now_ms,
                              renewal->now_ms - AA_CLIENT_ASK_AGAIN_MS, NULL);
    renewal->is_ours = rc == AA_OK;
    return rc && rc != AA_ERR_NOT_FOUND ? aa_fail(err, rc, "a client could not be marked: %s", aa_err_text(rc)) : AA_OK;
}

/* Nobody was asked: the next one may. Or nothing was heard: then it does not look as if we were still asking. */
static enum aa_err settle(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    const struct renewal *renewal = ctx;
    int64_t asked_ms = renewal->is_asked ? renewal->now_ms - AA_CLIENT_ANSWER_MS : renewal->client->jwks_asked_ms;

    return aa_client_settle_keys(conn, renewal->client->client_id, renewal->now_ms, asked_ms, err);
}

/* ---- at jwks_uri ---- */

static enum aa_err keep(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    struct renewal *renewal = ctx;
    const struct aa_client *client = renewal->client;
    struct aa_view jwks = renewal->jwks.len > 0 ? aa_buf_view(&renewal->jwks) : AA_VIEW_ABSENT;
    struct aa_audit_entry entry = {.event = AA_AUDIT_CLIENT_CHANGED,
                                   .client_id = client->client_id,
                                   .details = {{"client_name", client->client_name}}};
    enum aa_err rc;

    rc = aa_client_put_keys(conn, client->client_id, client->jwks_uri, jwks, renewal->now_ms, NULL);
    if (rc == AA_ERR_NOT_FOUND)
        return AA_OK; /* the client has another jwks_uri by now, was asked later, or is gone */
    if (rc)
        return aa_fail(err, rc, "a client's keys could not be kept: %s", aa_err_text(rc));
    return aa_view_equal(jwks, client->jwks) ? AA_OK : aa_audit_note(renewal->app, conn, &entry, err);
}

static void tell(const struct renewal *renewal, const char *why)
{
    struct aa_view id = aa_view_slice(renewal->client->client_id, 0, AA_CLIENT_ID_LOGGED_MAX);

    aa_app_log(renewal->app, AA_LOG_WARNING, NULL, "a client's keys could not be had again (%s); the client is %.*s",
               why, AA_VIEW_ARGS(id));
}

/* What the site says counts, also that it has no keys; that it says nothing does not. */
static enum aa_err renew_at_uri(struct renewal *renewal, struct aa_error *err)
{
    struct aa_refused refused = AA_REFUSED_INIT;
    struct aa_error why = AA_ERROR_INIT;
    enum aa_err rc;

    rc = aa_client_keys_fetch(renewal->app, renewal->client->jwks_uri, &renewal->jwks, &refused, &why);
    renewal->is_asked = rc != AA_ERR_REMOTE_BREAKER;
    if (rc)
        tell(renewal, refused.error != AA_OAUTH_NONE ? refused.description : why.message);
    if (rc && aa_download_is_unreachable(rc))
        return AA_OK;
    if (rc && refused.error == AA_OAUTH_NONE)
        return aa_fail(err, rc, "%s", why.message);
    return aa_db_write(renewal->app->db, keep, renewal, err);
}

static enum aa_err renew_with_document(struct renewal *renewal, struct aa_error *err)
{
    struct aa_refused refused = AA_REFUSED_INIT;
    enum aa_err rc;

    rc = aa_client_fetch_again(renewal->app, renewal->client->client_id, &renewal->is_asked, &refused, err);
    return refused.error != AA_OAUTH_NONE ? AA_OK : rc;
}

/* ---- the whole ---- */

static enum aa_err ask(struct renewal *renewal, struct aa_error *err)
{
    enum aa_err rc;

    if (aa_view_is_absent(renewal->client->jwks_uri))
        rc = renew_with_document(renewal, err);
    else
        rc = renew_at_uri(renewal, err);
    return rc ? rc : aa_db_write(renewal->app->db, settle, renewal, err);
}

enum aa_err aa_client_renew_keys(struct aa_app *app, const struct aa_client *client, enum aa_renewal *out,
                                 struct aa_error *err)
{
    struct renewal renewal = {.app = app, .client = client, .now_ms = aa_app_now_ms(app)};
    struct aa_refused refused = AA_REFUSED_INIT;
    enum aa_err rc;

    *out = AA_RENEWAL_NONE;
    if (aa_client_fetch_check(app, client->client_id, &refused))
        return AA_OK;
    if (is_asked_lately(&renewal)) { /* before anything is written: who sends us garbage costs no write */
        *out = is_being_asked(&renewal) ? AA_RENEWAL_BUSY : AA_RENEWAL_NONE;
        return AA_OK;
    }
    rc = aa_db_write(app->db, claim, &renewal, err);
    if (rc)
        return rc;
    *out = AA_RENEWAL_BUSY;
    if (!renewal.is_ours)
        return AA_OK;
    aa_buf_init(&renewal.jwks, AA_CLIENT_KEYS_MAX);
    rc = ask(&renewal, err);
    aa_buf_clear(&renewal.jwks);
    if (renewal.is_asked)
        *out = AA_RENEWAL_ASKED;
    return rc;
}

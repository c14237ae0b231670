/* What people said yes to at the older service: remembered for each https redirect URI of the client, as if they had
 * pressed the button there. The others are asked for again each time, here as ever (RFC 8252 §8.6). */
#include "base/error.h"
#include "domain/clients.h"
#include "domain/directory.h"
#include "domain/redirect_uri.h"
#include "main/takeover.h"
#include "oauth/scope.h"
#include "store/store.h"

#define LIST_TEXT_MAX (64 * 1024)

struct approval {
    struct aa_consent consent; /* without scope and redirect URI */
    struct aa_view granted;
    struct aa_buf scope;
    size_t count; /* of consents */
    bool is_there_already;
};

struct consenting {
    struct approval *approval;
    struct aa_conn *conn;
    struct aa_error *err;
    enum aa_err rc;
};

/* Of what was granted, what the server knows. */
static enum aa_err choose_scope(struct approval *approval, const struct aa_server *server, struct aa_error *err)
{
    struct aa_scopes granted, known, kept = {0};

    if (aa_scopes_parse(approval->granted, &granted, NULL) || aa_scopes_parse(server->scopes, &known, NULL))
        return aa_fail(err, AA_ERR_REQUEST_MALFORMED, "its scopes are malformed");
    for (size_t i = 0; i < granted.len; i++) {
        enum aa_err rc =
            aa_scopes_cover(&known, granted.items[i]) ? aa_scopes_add(&kept, granted.items[i], err) : AA_OK;

        if (rc)
            return rc;
    }
    if (kept.len == 0)
        return aa_fail(err, AA_ERR_REQUEST_MALFORMED, "its server knows none of its scopes");
    aa_buf_reset(&approval->scope);
    aa_scopes_write(&kept, &approval->scope);
    return aa_buf_check(&approval->scope, "the scopes", err);
}

static bool add_consent(void *ctx, struct aa_view uri)
{
    struct consenting *consenting = ctx;
    struct approval *approval = consenting->approval;
    struct aa_consent consent = approval->consent;
    bool is_new = false;

    if (aa_redirect_uri_kind(uri) != AA_REDIRECT_WEB)
        return true;
    consent.redirect_uri = uri;
    consent.scope = aa_buf_view(&approval->scope);
    consenting->rc = aa_consent_put_new(consenting->conn, &consent, &is_new, consenting->err);
    approval->count += is_new;
    approval->is_there_already |= !is_new; /* also one that was withdrawn here: the newer answer counts */
    return consenting->rc == AA_OK;
}

static enum aa_err add_consents(struct approval *approval, struct aa_conn *conn, const struct aa_client *client,
                                struct aa_error *err)
{
    struct consenting consenting = {.approval = approval, .conn = conn, .err = err};
    struct aa_json *uris = NULL;
    enum aa_err rc;

    rc = aa_json_parse(client->redirect_uris, AA_CLIENT_ANSWER_MAX, &uris, err);
    for (size_t i = 0; !rc && i < aa_json_len(uris); i++)
        if (!add_consent(&consenting, aa_json_text(aa_json_at(uris, i))))
            rc = consenting.rc;
    aa_json_free(uris);
    return rc;
}

static enum aa_err store_approval(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    struct approval *approval = ctx;
    struct aa_server server = {0};
    struct aa_client client = {0};
    enum aa_err rc;

    approval->count = 0;
    approval->is_there_already = false;
    rc = aa_server_find(conn, approval->consent.server_id, &server, NULL);
    if (rc == AA_ERR_NOT_FOUND)
        return aa_fail(err, rc, "its server is not here");
    if (!rc)
        rc = aa_client_find(conn, approval->consent.client_id, &client, NULL);
    if (rc == AA_ERR_NOT_FOUND)
        aa_fail(err, rc, "its client is not here");
    if (!rc)
        rc = choose_scope(approval, &server, err);
    if (!rc)
        rc = add_consents(approval, conn, &client, err);
    aa_record_clear(&server.memory);
    aa_record_clear(&client.memory);
    return rc ? aa_fail(err, rc, "the approval cannot be stored: %s", aa_err_text(rc)) : AA_OK;
}

static enum aa_err ensure_person(struct aa_takeover *takeover, struct aa_view email, struct aa_buf *user_id,
                                 struct aa_error *err)
{
    struct aa_error why = AA_ERROR_INIT;
    bool is_new = false;
    enum aa_err rc;

    rc = aa_person_ensure(takeover->app, email, &is_new, user_id, &why);
    if (!rc && !is_new)
        return AA_OK;
    return aa_takeover_note(takeover, AA_TAKE_PEOPLE, email, rc, &why, err);
}

static enum aa_err read_approval(const struct aa_json *row, struct aa_buf *granted, struct aa_error *why)
{
    struct aa_view revoked = aa_old_text(row, "revoked_at");

    if (revoked.len > 0 || aa_json_is(aa_json_get(row, "revoked_at"), AA_JSON_INTEGER))
        return aa_fail(why, AA_ERR_REQUEST_MALFORMED, "it was revoked");
    if (!aa_old_list(row, "granted_scopes", aa_takeover_add_word, granted))
        return aa_fail(why, AA_ERR_REQUEST_MALFORMED, "its scopes cannot be read");
    return aa_buf_check(granted, "its scopes", why);
}

static enum aa_err store_of_person(struct aa_takeover *takeover, const struct aa_json *row, struct aa_view user_id,
                                   struct aa_view granted, bool *each_time, struct aa_error *why)
{
    struct approval approval = {
        .consent = {.user_id = user_id,
                    .client_id = aa_old_text(row, "client_id"),
                    .server_id = aa_old_text(row, "server_id"),
                    .created_ms = aa_takeover_time(row, "created_at", aa_app_now_ms(takeover->app))},
        .granted = granted};
    enum aa_err rc;

    aa_buf_init(&approval.scope, AA_SCOPE_LEN_MAX);
    rc = aa_db_write(takeover->app->db, store_approval, &approval, why);
    if (!rc && approval.count == 0)
        rc = AA_ERR_CONFLICT;
    *each_time = rc == AA_ERR_CONFLICT && !approval.is_there_already;
    aa_buf_clear(&approval.scope);
    return rc;
}

enum aa_err aa_take_approval(struct aa_takeover *takeover, const struct aa_json *row, struct aa_error *err)
{
    struct aa_view email = aa_old_text(row, "user_email");
    struct aa_error why = AA_ERROR_INIT;
    struct aa_buf user_id, granted;
    bool each_time = false;
    enum aa_err rc, wrong;

    aa_buf_init(&user_id, 64);
    aa_buf_init(&granted, LIST_TEXT_MAX);
    rc = ensure_person(takeover, email, &user_id, err);
    if (rc)
        goto done;
    if (user_id.len == 0)
        wrong = aa_fail(&why, AA_ERR_REQUEST_MALFORMED, "its person could not be made");
    else
        wrong = read_approval(row, &granted, &why);
    if (!wrong)
        wrong = store_of_person(takeover, row, aa_buf_view(&user_id), aa_buf_view(&granted), &each_time, &why);
    takeover->asked_each_time += each_time;
    if (!each_time)
        rc = aa_takeover_note(takeover, AA_TAKE_APPROVALS, email, wrong, &why, err);
done:
    aa_buf_clear(&user_id);
    aa_buf_clear(&granted);
    return rc;
}

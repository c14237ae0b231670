#include "domain/account.h"

#include <stdio.h>

#include "base/error.h"
#include "domain/audit.h"

/* ---- what there is ---- */

void aa_account_clear(struct aa_account *account)
{
    for (size_t i = 0; i < account->grant_count; i++)
        aa_record_clear(&account->grants[i].memory);
    account->grant_count = account->session_count = 0;
}

struct opening {
    const struct aa_person *person;
    int64_t now_ms;
    struct aa_account *account;
};

static enum aa_err note_session(void *ctx, const void *record, struct aa_error *err)
{
    const struct opening *opening = ctx;
    const struct aa_session *session = record;
    struct aa_account *account = opening->account;

    (void)err;
    account->sessions[account->session_count++] = (struct aa_account_session){
        .since_ms = session->created_ms,
        .is_present = aa_view_equal(session->session_digest, opening->person->session.session_digest)};
    return AA_OK;
}

static enum aa_err find_all(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    struct opening *opening = ctx;
    const struct aa_person *person = opening->person;
    struct aa_account *account = opening->account;
    enum aa_err rc;

    aa_account_clear(account); /* the closure may run again */
    rc = aa_named_grant_find_latest(conn, person->user.user_id, account->grants, AA_ACCOUNT_LIST_MAX + 1,
                                    &account->grant_count, err);
    if (rc)
        return rc;
    return aa_session_list(conn, person->user.user_id, person->session.session_digest, opening->now_ms,
                           AA_ACCOUNT_LIST_MAX + 1, note_session, opening, err);
}

enum aa_err aa_account_open(struct aa_app *app, const struct aa_person *person, struct aa_account *out,
                            struct aa_error *err)
{
    struct opening opening = {person, aa_app_now_ms(app), out};
    enum aa_err rc = aa_db_read(app->db, find_all, &opening, err);

    if (rc)
        aa_account_clear(out);
    return rc;
}

/* ---- what is taken back ---- */

struct removal {
    const struct aa_app *app;
    const struct aa_person *person;
    struct aa_view grant_id;
    int64_t now_ms;
    bool is_done;
};

static enum aa_err forget_grant(struct aa_conn *conn, const struct removal *removal, const struct aa_grant *grant,
                                struct aa_error *err)
{
    struct aa_audit_entry entry = {.event = AA_AUDIT_REVOKE,
                                   .actor = grant->user_id,
                                   .user_id = grant->user_id,
                                   .client_id = grant->client_id,
                                   .server_id = grant->server_id,
                                   .grant_id = grant->grant_id};
    enum aa_err rc;

    rc = aa_consent_revoke(conn, grant->user_id, grant->client_id, grant->server_id, removal->now_ms, err);
    return rc ? rc : aa_audit_note(removal->app, conn, &entry, err);
}

static enum aa_err remove_access(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    struct removal *removal = ctx;
    struct aa_error why = AA_ERROR_INIT;
    struct aa_grant grant = {0};
    enum aa_err rc;

    removal->is_done = false;
    rc = aa_session_hold(conn, removal->person, removal->now_ms, err);
    if (rc)
        return rc;
    rc = aa_grant_take_back(conn, removal->person->user.user_id, removal->grant_id, removal->now_ms, &grant, &why);
    if (rc == AA_ERR_NOT_FOUND)
        return AA_OK;
    if (rc)
        return aa_fail(err, rc, "%s", why.message);
    removal->is_done = true;
    rc = forget_grant(conn, removal, &grant, err);
    aa_record_clear(&grant.memory);
    return rc;
}

enum aa_err aa_account_remove_access(struct aa_app *app, const struct aa_person *person, struct aa_view grant_id,
                                     struct aa_error *err)
{
    struct removal removal = {app, person, grant_id, aa_app_now_ms(app), false};
    enum aa_err rc = aa_db_write(app->db, remove_access, &removal, err);

    if (!rc && removal.is_done)
        aa_metrics_count(app->metrics, AA_COUNT_REVOCATIONS);
    return rc;
}

static enum aa_err note_ended(struct aa_conn *conn, const struct removal *removal, int64_t ended, struct aa_error *err)
{
    char count[24];
    struct aa_audit_entry entry = {
        .event = AA_AUDIT_LOGOUT, .actor = removal->person->user.user_id, .user_id = removal->person->user.user_id};

    snprintf(count, sizeof count, "%lld", (long long)ended);
    entry.details[0] = (struct aa_audit_detail){"where", AA_VIEW("everywhere else")};
    entry.details[1] = (struct aa_audit_detail){"sessions", aa_view_of(count)};
    return aa_audit_note(removal->app, conn, &entry, err);
}

/* The person is held first: of two browsers that do this to each other at once, one stays logged in. */
static enum aa_err end_others(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    const struct removal *removal = ctx;
    const struct aa_person *person = removal->person;
    int64_t ended = 0;
    enum aa_err rc;

    rc = aa_session_hold(conn, person, removal->now_ms, err);
    if (!rc)
        rc = aa_session_delete_others(conn, person->user.user_id, person->session.session_digest, &ended, err);
    return rc || ended == 0 ? rc : note_ended(conn, removal, ended, err);
}

enum aa_err aa_account_log_out_elsewhere(struct aa_app *app, const struct aa_person *person, struct aa_error *err)
{
    struct removal removal = {app, person, AA_VIEW_ABSENT, aa_app_now_ms(app), false};

    return aa_db_write(app->db, end_others, &removal, err);
}

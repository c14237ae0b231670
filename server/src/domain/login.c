/* Logging in by password. */
#include "base/buf.h"
#include "base/error.h"
#include "domain/audit.h"
#include "domain/device.h"
#include "domain/directory.h"
#include "domain/login_limits.h"
#include "password/password.h"

#define TEXT_MAX 512 /* longer than any address of a person or a machine; the rest is not looked at */

struct login {
    const struct aa_app *app;
    const struct aa_login_try *tried;
    struct aa_view email;
    int64_t now_ms;
    struct aa_login_limits limits;
    struct aa_user user; /* all absent when there is no such person */
    uint8_t device_id[AA_DEVICE_ID_LEN];
};

/* ---- a try ---- */

static enum aa_err find_person(struct aa_conn *conn, struct login *login, struct aa_error *err)
{
    enum aa_err rc;

    aa_record_clear(&login->user.memory);
    login->user = (struct aa_user){0};
    rc = aa_user_find_by_email(conn, login->email, &login->user, NULL);
    if (rc && rc != AA_ERR_NOT_FOUND)
        return aa_fail(err, rc, "a person cannot be looked up: %s", aa_err_text(rc));
    return AA_OK;
}

/* The id of the browser's cookie, if it is this person's. */
static enum aa_err find_device(struct login *login, struct aa_view *device, struct aa_error *err)
{
    bool is_known = false;
    enum aa_err rc = aa_device_check(login->app, &login->user, login->tried->device, login->device_id, &is_known, err);

    *device = is_known ? aa_view_make(login->device_id, sizeof login->device_id) : AA_VIEW_ABSENT;
    return rc;
}

static enum aa_err begin(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    struct login *login = ctx;
    struct aa_login_source source = {.peer = aa_view_slice(login->tried->peer, 0, TEXT_MAX)};
    enum aa_err rc;

    rc = find_person(conn, login, err);
    if (!rc)
        rc = find_device(login, &source.device, err);
    if (!rc)
        rc = aa_login_limits_init(&login->limits, conn, login->email, &source, login->now_ms, err);
    return rc ? rc : aa_login_limits_begin(&login->limits, conn, err);
}

static enum aa_err take_back(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    const struct login *login = ctx;

    return aa_login_limits_take_back(&login->limits, conn, err);
}

/* ---- a failed one ---- */

static enum aa_err note_lockout(struct aa_conn *conn, const struct login *login, enum aa_login_limit_kind kind,
                                struct aa_error *err)
{
    struct aa_audit_entry entry = {.event = AA_AUDIT_LOCKOUT, .user_id = login->user.user_id};
    struct aa_buf seconds;
    enum aa_err rc;

    aa_buf_init(&seconds, 24);
    aa_buf_add_int(&seconds, (login->limits.limits[kind].begins_until_ms - login->now_ms) / 1000);
    rc = aa_buf_check(&seconds, "a lock-out", err);
    entry.details[0] = (struct aa_audit_detail){"seconds", aa_buf_view(&seconds)};
    entry.details[1] = (struct aa_audit_detail){"counted", aa_login_limit_name(kind)};
    if (!rc)
        rc = aa_audit_note(login->app, conn, &entry, err);
    aa_buf_clear(&seconds);
    return rc;
}

/* The address that was typed is not kept: people type passwords there. */
static enum aa_err note_failure(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    const struct login *login = ctx;
    struct aa_audit_entry entry = {.event = AA_AUDIT_LOGIN_FAILED, .user_id = login->user.user_id};
    enum aa_err rc;

    rc = aa_audit_note(login->app, conn, &entry, err);
    for (int kind = 0; !rc && kind < AA_LOGIN_LIMITS; kind++)
        if (login->limits.limits[kind].begins_until_ms)
            rc = note_lockout(conn, login, kind, err);
    return rc;
}

static enum aa_err fail(struct aa_app *app, struct login *login, struct aa_error *err)
{
    enum aa_err rc = aa_db_write(app->db, note_failure, login, err);

    if (rc)
        return rc;
    aa_metrics_count(app->metrics, AA_COUNT_LOGIN_WRONG);
    for (int kind = 0; kind < AA_LOGIN_LIMITS; kind++)
        if (login->limits.limits[kind].begins_until_ms)
            aa_metrics_count(app->metrics, AA_COUNT_LOCKOUTS);
    return aa_fail(err, AA_ERR_TOKEN_INACTIVE, "wrong e-mail address or password");
}

/* ---- the whole ---- */

/* A password is hashed for every try, that of nobody too: the time tells nothing. */
static enum aa_err judge(struct aa_app *app, struct login *login, struct aa_error *err)
{
    const struct aa_user *user = &login->user;
    bool is_person = user->memory != NULL, matches = false;
    enum aa_err rc;

    rc = aa_password_check(login->tried->password, is_person ? user->password_phc : AA_VIEW_ABSENT, &matches, err);
    if (rc)
        return rc;
    if (!matches || !is_person || user->disabled_ms != 0)
        return fail(app, login, err);
    rc = aa_db_write(app->db, take_back, login, err);
    if (!rc)
        aa_metrics_count(app->metrics, AA_COUNT_LOGIN_GOOD);
    return rc;
}

static enum aa_err refuse(struct aa_app *app, const struct login *login, int64_t *retry_after_s, struct aa_error *err)
{
    aa_metrics_count(app->metrics, AA_COUNT_LOGIN_LOCKED);
    *retry_after_s = (login->limits.until_ms - login->now_ms + 999) / 1000;
    return aa_fail(err, AA_ERR_TOKEN_NOT_YET, "too many tries; wait %lld s", (long long)*retry_after_s);
}

enum aa_err aa_person_authenticate(struct aa_app *app, const struct aa_login_try *tried, struct aa_user *user,
                                   int64_t *retry_after_s, struct aa_error *err)
{
    struct login login = {.app = app,
                          .tried = tried,
                          .email = aa_view_slice(aa_view_trim(tried->email), 0, TEXT_MAX),
                          .now_ms = aa_app_now_ms(app)};
    enum aa_err rc;

    rc = aa_db_write(app->db, begin, &login, err);
    if (!rc)
        rc = login.limits.until_ms ? refuse(app, &login, retry_after_s, err) : judge(app, &login, err);
    if (rc)
        aa_record_clear(&login.user.memory);
    else
        *user = login.user;
    return rc;
}

#include "domain/sessions.h"

#include "base/error.h"
#include "domain/audit.h"
#include "domain/secret.h"

void aa_person_clear(struct aa_person *person)
{
    aa_record_clear(&person->session.memory);
    aa_record_clear(&person->user.memory);
    *person = (struct aa_person){0};
}

struct open_ctx {
    struct aa_view digest;
    int64_t now_ms;
    struct aa_person *person;
};

static enum aa_err find_person(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    struct open_ctx *open_ctx = ctx;
    struct aa_person *person = open_ctx->person;
    enum aa_err rc;

    rc = aa_session_find(conn, open_ctx->digest, &person->session, err);
    if (rc)
        return rc;
    rc = aa_user_find(conn, person->session.user_id, &person->user, err);
    if (rc)
        return rc;
    if (person->session.expires_ms <= open_ctx->now_ms || person->user.disabled_ms != 0)
        return aa_fail(err, AA_ERR_NOT_FOUND, "the session is over");
    return AA_OK;
}

enum aa_err aa_session_open(struct aa_app *app, struct aa_view cookie, struct aa_person *out, struct aa_error *err)
{
    uint8_t digest[AA_SHA256_LEN];
    struct aa_person person = {0};
    struct open_ctx ctx = {aa_view_make(digest, sizeof digest), aa_app_now_ms(app), &person};
    enum aa_err rc;

    if (cookie.len == 0 || cookie.len > AA_SECRET_MAX)
        return aa_fail(err, AA_ERR_NOT_FOUND, "no session");
    rc = aa_secret_digest(cookie, digest, err);
    if (rc)
        return rc;
    rc = aa_db_read(app->db, find_person, &ctx, err);
    if (rc) {
        aa_person_clear(&person);
        return rc;
    }
    *out = person;
    return AA_OK;
}

enum aa_err aa_session_hold(struct aa_conn *conn, const struct aa_person *person, int64_t now_ms, struct aa_error *err)
{
    struct aa_person present = {0};
    struct open_ctx ctx = {person->session.session_digest, now_ms, &present};
    enum aa_err rc;

    rc = aa_user_hold(conn, person->user.user_id, err);
    if (!rc)
        rc = find_person(conn, &ctx, err);
    if (!rc && !aa_view_equal(present.user.user_id, person->user.user_id))
        rc = aa_fail(err, AA_ERR_NOT_FOUND, "the session is over");
    aa_person_clear(&present);
    return rc;
}

struct begin_ctx {
    const struct aa_app *app;
    struct aa_view old_digest;
    struct aa_session session;
};

static enum aa_err replace_session(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    struct begin_ctx *begin = ctx;
    struct aa_audit_entry entry = {
        .event = AA_AUDIT_LOGIN, .actor = begin->session.user_id, .user_id = begin->session.user_id};
    enum aa_err rc;

    if (!aa_view_is_absent(begin->old_digest)) {
        rc = aa_session_delete(conn, begin->old_digest, err);
        if (rc)
            return rc;
    }
    rc = aa_session_create(conn, &begin->session, err);
    return rc ? rc : aa_audit_note(begin->app, conn, &entry, err);
}

enum aa_err aa_session_begin(struct aa_app *app, struct aa_view user_id, struct aa_view old_cookie,
                             struct aa_buf *cookie, struct aa_error *err)
{
    uint8_t digest[AA_SHA256_LEN], old_digest[AA_SHA256_LEN];
    struct begin_ctx ctx = {app, AA_VIEW_ABSENT, {0}};
    int64_t now_ms = aa_app_now_ms(app);
    enum aa_err rc;

    rc = aa_secret_random(app, cookie, err);
    if (rc)
        return rc;
    rc = aa_secret_digest(aa_buf_view(cookie), digest, err);
    if (rc)
        return rc;
    if (old_cookie.len > 0 && old_cookie.len <= AA_SECRET_MAX) {
        rc = aa_secret_digest(old_cookie, old_digest, err);
        if (rc)
            return rc;
        ctx.old_digest = aa_view_make(old_digest, sizeof old_digest);
    }
    ctx.session.session_digest = aa_view_make(digest, sizeof digest);
    ctx.session.user_id = user_id;
    ctx.session.created_ms = ctx.session.authenticated_ms = now_ms;
    ctx.session.expires_ms = now_ms + app->settings.session_ttl_s * 1000;
    return aa_db_write(app->db, replace_session, &ctx, err);
}

struct end_ctx {
    const struct aa_app *app;
    struct aa_view digest;
};

static enum aa_err delete_session(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    const struct end_ctx *end = ctx;
    struct aa_audit_entry entry = {.event = AA_AUDIT_LOGOUT};
    struct aa_session session = {0};
    struct aa_error why = AA_ERROR_INIT;
    enum aa_err rc;

    rc = aa_session_find(conn, end->digest, &session, &why);
    if (rc == AA_ERR_NOT_FOUND)
        return AA_OK;
    if (rc)
        return aa_fail(err, rc, "%s", why.message);
    rc = aa_session_delete(conn, end->digest, err);
    entry.actor = entry.user_id = session.user_id;
    if (!rc)
        rc = aa_audit_note(end->app, conn, &entry, err);
    aa_record_clear(&session.memory);
    return rc;
}

enum aa_err aa_session_end(struct aa_app *app, struct aa_view cookie, struct aa_error *err)
{
    uint8_t digest[AA_SHA256_LEN];
    struct end_ctx ctx = {app, aa_view_make(digest, sizeof digest)};
    enum aa_err rc;

    if (cookie.len == 0 || cookie.len > AA_SECRET_MAX)
        return AA_OK;
    rc = aa_secret_digest(cookie, digest, err);
    if (rc)
        return rc;
    return aa_db_write(app->db, delete_session, &ctx, err);
}

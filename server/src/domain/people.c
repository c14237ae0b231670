/* People: made, changed, and logged in by password. */
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "domain/audit.h"
#include "domain/directory.h"
#include "domain/texts.h"
#include "password/password.h"
#include "store/store.h"

#define EMAIL_MAX_LEN 254 /* RFC 5321 §4.5.3.1.3, less the angle brackets */
#define NAME_MAX_LEN 200
#define SALT_LEN 16
#define USER_ID_MAX 64
#define PHC_MAX 160

/* ---- checking what was given ---- */

/* The address itself is proven by nobody here; it only must not break what it is written into. */
static bool is_email_char(char c)
{
    return (unsigned char)c > 0x20 && c != 0x7f && !strchr("\"(),:;<>[\\]", c);
}

static bool is_email(struct aa_view email)
{
    struct aa_view local, domain;

    if (email.len > EMAIL_MAX_LEN || !aa_text_is_plain(email))
        return false;
    for (size_t i = 0; i < email.len; i++)
        if (!is_email_char(email.data[i]))
            return false;
    if (!aa_view_cut(email, '@', &local, &domain) || aa_view_find(domain, '@') != SIZE_MAX)
        return false;
    return local.len > 0 && domain.len > 0 && domain.data[0] != '.' && domain.data[domain.len - 1] != '.';
}

static size_t count_characters(struct aa_view text)
{
    size_t count = 0;

    for (; text.len > 0; count++) {
        size_t len = aa_view_utf8_len(text);

        text = aa_view_from(text, len ? len : 1);
    }
    return count;
}

static enum aa_err check_password(struct aa_view password, struct aa_error *err)
{
    if (!aa_view_is_utf8(password))
        return aa_fail(err, AA_ERR_REQUEST_MALFORMED, "the password is no UTF-8 text");
    if (count_characters(password) < AA_PASSWORD_MIN)
        return aa_fail(err, AA_ERR_REQUEST_MALFORMED, "the password has fewer than %d characters", AA_PASSWORD_MIN);
    if (password.len > AA_PASSWORD_MAX)
        return aa_fail(err, AA_ERR_TOO_LONG, "the password is longer than %d bytes", AA_PASSWORD_MAX);
    return AA_OK;
}

static enum aa_err check_person(struct aa_view email, struct aa_view name, struct aa_view password,
                                struct aa_error *err)
{
    if (!is_email(email))
        return aa_fail(err, AA_ERR_REQUEST_MALFORMED, "the e-mail address is not usable");
    if (name.len > NAME_MAX_LEN || !aa_text_is_plain(name))
        return aa_fail(err, AA_ERR_REQUEST_MALFORMED, "the name is longer than %d bytes or no plain text",
                       NAME_MAX_LEN);
    return check_password(password, err);
}

static enum aa_err hash_password(const struct aa_app *app, struct aa_view password, struct aa_buf *phc,
                                 struct aa_error *err)
{
    uint8_t salt[SALT_LEN];

    if (aa_app_random(app, salt, sizeof salt))
        return aa_fail(err, AA_ERR_RANDOM, "no random bytes for a password's salt");
    return aa_password_hash(password, aa_view_make(salt, sizeof salt), phc, err);
}

/* ---- making and changing ---- */

struct creation {
    const struct aa_app *app;
    struct aa_user user;
};

static enum aa_err note(struct aa_conn *conn, const struct aa_app *app, enum aa_audit_event event,
                        const struct aa_user *user, struct aa_error *err)
{
    struct aa_audit_entry entry = {.event = event, .user_id = user->user_id, .details = {{"email", user->email}}};

    return aa_audit_note(app, conn, &entry, err);
}

static enum aa_err create_user(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    const struct creation *creation = ctx;
    enum aa_err rc = aa_user_create(conn, &creation->user, NULL);

    if (rc == AA_ERR_CONFLICT)
        return aa_fail(err, rc, "the e-mail address is taken");
    if (rc)
        return aa_fail(err, rc, "the person cannot be stored: %s", aa_err_text(rc));
    return note(conn, creation->app, AA_AUDIT_USER_ADDED, &creation->user, err);
}

/* The id is appended before anything is stored: a person whose id could not be told would be there all the same. */
enum aa_err aa_person_create(struct aa_app *app, struct aa_view email, struct aa_view name, struct aa_view password,
                             struct aa_buf *user_id, struct aa_error *err)
{
    struct creation creation = {.app = app, .user = {.email = aa_view_trim(email), .name = name}};
    struct aa_user *user = &creation.user;
    size_t start = user_id->len;
    struct aa_buf phc;
    enum aa_err rc;

    rc = check_person(user->email, name, password, err);
    if (rc)
        return rc;
    aa_buf_init(&phc, PHC_MAX);
    rc = aa_app_new_id(app, "usr_", user_id, err);
    if (!rc)
        rc = hash_password(app, password, &phc, err);
    if (!rc) {
        user->user_id = aa_view_from(aa_buf_view(user_id), start);
        user->password_phc = aa_buf_view(&phc);
        user->created_ms = aa_app_now_ms(app);
        rc = aa_db_write(app->db, create_user, &creation, err);
    }
    if (rc)
        aa_buf_cut(user_id, start);
    aa_buf_wipe_clear(&phc);
    return rc;
}

struct ensuring {
    struct creation creation;
    struct aa_buf found; /* the id of one that is there; empty: the new one was made */
};

static enum aa_err ensure(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    struct ensuring *ensuring = ctx;
    struct aa_user found = {0};
    enum aa_err rc;

    aa_buf_reset(&ensuring->found);
    rc = aa_user_find_by_email(conn, ensuring->creation.user.email, &found, NULL);
    if (rc == AA_ERR_NOT_FOUND)
        return create_user(conn, &ensuring->creation, err);
    if (rc)
        return aa_fail(err, rc, "the person cannot be looked up: %s", aa_err_text(rc));
    aa_buf_add(&ensuring->found, found.user_id);
    aa_record_clear(&found.memory);
    return aa_buf_check(&ensuring->found, "a person's id", err);
}

enum aa_err aa_person_ensure(struct aa_app *app, struct aa_view email, bool *is_new, struct aa_buf *user_id,
                             struct aa_error *err)
{
    struct ensuring ensuring = {.creation = {.app = app, .user = {.email = aa_view_trim(email)}}};
    struct aa_buf made;
    enum aa_err rc;

    if (!is_email(ensuring.creation.user.email))
        return aa_fail(err, AA_ERR_REQUEST_MALFORMED, "the e-mail address is not usable");
    aa_buf_init(&made, USER_ID_MAX);
    aa_buf_init(&ensuring.found, USER_ID_MAX);
    rc = aa_app_new_id(app, "usr_", &made, err);
    ensuring.creation.user.user_id = aa_buf_view(&made);
    ensuring.creation.user.created_ms = aa_app_now_ms(app);
    if (!rc)
        rc = aa_db_write(app->db, ensure, &ensuring, err);
    if (!rc) {
        *is_new = ensuring.found.len == 0;
        aa_buf_add(user_id, aa_buf_view(*is_new ? &made : &ensuring.found));
        rc = aa_buf_check(user_id, "a person's id", err);
    }
    aa_buf_clear(&made);
    aa_buf_clear(&ensuring.found);
    return rc;
}

struct change {
    const struct aa_app *app;
    struct aa_view email, phc;
    bool disabled;
    int64_t now_ms;
};

static enum aa_err find_person(struct aa_conn *conn, struct aa_view email, struct aa_user *out, struct aa_error *err)
{
    enum aa_err rc = aa_user_find_by_email(conn, email, out, NULL);

    if (rc == AA_ERR_NOT_FOUND)
        return aa_fail(err, rc, "there is no person with this e-mail address");
    return rc ? aa_fail(err, rc, "a person cannot be looked up: %s", aa_err_text(rc)) : AA_OK;
}

static enum aa_err change_password(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    const struct change *change = ctx;
    struct aa_user user = {0};
    enum aa_err rc;

    rc = find_person(conn, change->email, &user, err);
    if (!rc)
        rc = aa_user_set_password(conn, user.user_id, change->phc, err);
    /* Every browser is a new one now, and whoever guesses begins anew too: the person must not be the last in line. */
    if (!rc)
        rc = aa_login_limits_clear(conn, change->email, err);
    if (!rc)
        rc = note(conn, change->app, AA_AUDIT_USER_PASSWORD, &user, err);
    aa_record_clear(&user.memory);
    return rc;
}

enum aa_err aa_person_set_password(struct aa_app *app, struct aa_view email, struct aa_view password,
                                   struct aa_error *err)
{
    struct change change = {.app = app, .email = aa_view_trim(email)};
    struct aa_buf phc;
    enum aa_err rc;

    rc = check_password(password, err);
    if (rc)
        return rc;
    aa_buf_init(&phc, PHC_MAX);
    rc = hash_password(app, password, &phc, err);
    if (!rc) {
        change.phc = aa_buf_view(&phc);
        rc = aa_db_write(app->db, change_password, &change, err);
    }
    aa_buf_wipe_clear(&phc);
    return rc;
}

static enum aa_err change_disabled(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    const struct change *change = ctx;
    struct aa_user user = {0};
    enum aa_err rc;

    rc = find_person(conn, change->email, &user, err);
    if (!rc)
        rc = aa_user_set_disabled(conn, user.user_id, change->disabled ? change->now_ms : 0, err);
    if (!rc && change->disabled)
        rc = aa_session_delete_of_user(conn, user.user_id, err);
    if (!rc && change->disabled)
        rc = aa_grant_revoke_of_user(conn, user.user_id, change->now_ms, err);
    if (!rc)
        rc = note(conn, change->app, change->disabled ? AA_AUDIT_USER_DISABLED : AA_AUDIT_USER_ENABLED, &user, err);
    aa_record_clear(&user.memory);
    return rc;
}

enum aa_err aa_person_set_disabled(struct aa_app *app, struct aa_view email, bool disabled, struct aa_error *err)
{
    struct change change = {
        .app = app, .email = aa_view_trim(email), .disabled = disabled, .now_ms = aa_app_now_ms(app)};

    return aa_db_write(app->db, change_disabled, &change, err);
}

/* ---- guesses at the password ---- */

struct strangers {
    const struct aa_app *app;
    struct aa_view email;
    struct aa_strangers *out;
};

static enum aa_err find_strangers_of(struct aa_conn *conn, const struct strangers *strangers, struct aa_user *user,
                                     struct aa_error *err)
{
    enum aa_err rc = find_person(conn, strangers->email, user, err);

    return rc ? rc : aa_login_limits_find(conn, user->email, strangers->out, err);
}

static enum aa_err find_strangers(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    struct aa_user user = {0};
    enum aa_err rc = find_strangers_of(conn, ctx, &user, err);

    aa_record_clear(&user.memory);
    return rc;
}

enum aa_err aa_person_find_strangers(struct aa_app *app, struct aa_view email, struct aa_strangers *out,
                                     struct aa_error *err)
{
    struct strangers strangers = {app, aa_view_trim(email), out};

    return aa_db_read(app->db, find_strangers, &strangers, err);
}

static enum aa_err note_unlock(struct aa_conn *conn, const struct strangers *strangers, const struct aa_user *user,
                               struct aa_error *err)
{
    struct aa_audit_entry entry = {.event = AA_AUDIT_LOCKOUT,
                                   .actor = strangers->app->who.administrator,
                                   .user_id = user->user_id,
                                   .details = {{"ended", AA_VIEW("by hand")}}};

    return aa_audit_note(strangers->app, conn, &entry, err);
}

static enum aa_err unlock(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    const struct strangers *strangers = ctx;
    struct aa_user user = {0};
    enum aa_err rc;

    rc = find_strangers_of(conn, strangers, &user, err);
    if (!rc)
        rc = aa_login_limits_clear(conn, user.email, err);
    if (!rc)
        rc = note_unlock(conn, strangers, &user, err);
    aa_record_clear(&user.memory);
    return rc;
}

enum aa_err aa_person_unlock(struct aa_app *app, struct aa_view email, struct aa_strangers *out, struct aa_error *err)
{
    struct strangers strangers = {app, aa_view_trim(email), out};

    return aa_db_write(app->db, unlock, &strangers, err);
}

/* Logging in by password, and what slows guessing down.
 *
 * A try is counted before the password is looked at, so that parallel guesses cannot slip in between; a good one takes
 * its count back. Counted are the account as seen from one address, and the address as a whole: an attacker elsewhere
 * slows the owner down by nothing, and nobody is ever locked out for good. */
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "domain/audit.h"
#include "domain/directory.h"
#include "password/password.h"
#include "store/store.h"

#define WINDOW_MS (INT64_C(15) * 60 * 1000)
#define DELAY_FIRST_MS (INT64_C(30) * 1000)
#define DELAY_MAX_MS WINDOW_MS
#define TEXT_MAX 512      /* longer than any address of a person or a machine; the rest is not looked at */
#define ACCOUNT_TRIES 10  /* at one address */
#define ADDRESS_TRIES 100 /* whatever the account: an office behind one address, on a Monday morning */

struct limit {
    const char *name;
    int64_t tries;
    uint8_t key[AA_SHA256_LEN];
};

struct login {
    const struct aa_app *app;
    struct aa_view email;
    int64_t now_ms;
    struct limit limits[2];  /* the account at this address; the address */
    int64_t until_ms;        /* of the longer lock-out; 0: none */
    int64_t begins_until_ms; /* of the one that begins if this try fails; 0: none does */
    struct aa_user user;
    bool is_known;
};

enum { ACCOUNT, ADDRESS, LIMITS };

static struct aa_view key_of(const struct limit *limit)
{
    return aa_view_make(limit->key, sizeof limit->key);
}

static void add_lower(struct aa_buf *buf, struct aa_view text)
{
    for (size_t i = 0; i < text.len; i++)
        aa_buf_add_char(buf, text.data[i] >= 'A' && text.data[i] <= 'Z' ? (char)(text.data[i] + 32) : text.data[i]);
}

/* A digest, so that the table does not tell who tried to log in. */
static enum aa_err build_key(struct limit *limit, struct aa_view peer, struct aa_view email, struct aa_error *err)
{
    struct aa_buf text;
    enum aa_err rc;

    aa_buf_init(&text, 4 * TEXT_MAX);
    aa_buf_add_format(&text, "%s %zu ", limit->name, peer.len); /* the length keeps the parts apart */
    aa_buf_add(&text, peer);
    add_lower(&text, email);
    rc = aa_buf_check(&text, "a lock-out key", err);
    if (!rc && aa_sha256(aa_buf_view(&text), limit->key))
        rc = aa_fail(err, AA_ERR_CRYPTO, "SHA-256 failed");
    aa_buf_clear(&text);
    return rc;
}

static int64_t delay_of(int64_t failures, int64_t tries)
{
    int64_t delay = DELAY_FIRST_MS;

    for (int64_t i = tries; i < failures && delay < DELAY_MAX_MS; i++)
        delay *= 2;
    return delay < DELAY_MAX_MS ? delay : DELAY_MAX_MS;
}

static enum aa_err find_until(struct aa_conn *conn, struct login *login, struct aa_error *err)
{
    for (size_t i = 0; i < LIMITS; i++) {
        int64_t failures, until_ms;
        enum aa_err rc = aa_lockout_find(conn, key_of(&login->limits[i]), &failures, &until_ms, err);

        if (rc)
            return rc;
        if (until_ms > login->now_ms && until_ms > login->until_ms)
            login->until_ms = until_ms;
    }
    return AA_OK;
}

static enum aa_err count_try(struct aa_conn *conn, struct login *login, const struct limit *limit, struct aa_error *err)
{
    int64_t failures = 0, until_ms;
    enum aa_err rc;

    rc = aa_lockout_add(conn, key_of(limit), login->now_ms, login->now_ms + WINDOW_MS, &failures, err);
    if (rc || failures < limit->tries)
        return rc;
    until_ms = login->now_ms + delay_of(failures, limit->tries);
    if (until_ms > login->begins_until_ms)
        login->begins_until_ms = until_ms;
    return aa_lockout_put(conn, key_of(limit), failures, until_ms, until_ms + WINDOW_MS, err);
}

/* Of parallel guesses each sees what the one before it cost. */
static enum aa_err hold_limits(struct aa_conn *conn, const struct login *login, struct aa_error *err)
{
    enum aa_err rc = AA_OK;

    for (size_t i = 0; !rc && i < LIMITS; i++)
        rc = aa_lockout_hold(conn, key_of(&login->limits[i]), login->now_ms + WINDOW_MS, err);
    return rc;
}

static enum aa_err begin(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    struct login *login = ctx;
    enum aa_err rc;

    login->until_ms = login->begins_until_ms = 0;
    aa_record_clear(&login->user.memory);
    rc = hold_limits(conn, login, err);
    if (!rc)
        rc = find_until(conn, login, err);
    if (rc || login->until_ms)
        return rc;
    for (size_t i = 0; !rc && i < LIMITS; i++)
        rc = count_try(conn, login, &login->limits[i], err);
    if (rc)
        return rc;
    rc = aa_user_find_by_email(conn, login->email, &login->user, NULL);
    login->is_known = rc == AA_OK;
    if (rc && rc != AA_ERR_NOT_FOUND)
        return aa_fail(err, rc, "a person cannot be looked up: %s", aa_err_text(rc));
    return AA_OK;
}

/* The account starts anew; the address only gets this one try back, or one account of an attacker's own would clear
 * what his other guesses cost. */
static enum aa_err take_back(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    const struct login *login = ctx;
    const struct limit *address = &login->limits[ADDRESS];
    int64_t failures, until_ms;
    enum aa_err rc;

    rc = aa_lockout_clear(conn, key_of(&login->limits[ACCOUNT]), err);
    if (!rc)
        rc = aa_lockout_hold(conn, key_of(address), login->now_ms + WINDOW_MS, err);
    if (!rc)
        rc = aa_lockout_find(conn, key_of(address), &failures, &until_ms, err);
    if (rc || failures < 1)
        return rc;
    return aa_lockout_put(conn, key_of(address), failures - 1, failures - 1 < address->tries ? 0 : until_ms,
                          (until_ms > login->now_ms ? until_ms : login->now_ms) + WINDOW_MS, err);
}

/* ---- a failed one ---- */

static enum aa_err note_lockout(struct aa_conn *conn, const struct login *login, struct aa_error *err)
{
    struct aa_audit_entry entry = {.event = AA_AUDIT_LOCKOUT, .user_id = login->user.user_id};
    struct aa_buf seconds;
    enum aa_err rc;

    aa_buf_init(&seconds, 24);
    aa_buf_add_int(&seconds, (login->begins_until_ms - login->now_ms) / 1000);
    rc = aa_buf_check(&seconds, "a lock-out", err);
    entry.details[0] = (struct aa_audit_detail){"seconds", aa_buf_view(&seconds)};
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
    return rc || !login->begins_until_ms ? rc : note_lockout(conn, login, err);
}

static enum aa_err fail(struct aa_app *app, struct login *login, struct aa_error *err)
{
    enum aa_err rc = aa_db_write(app->db, note_failure, login, err);

    if (rc)
        return rc;
    aa_metrics_count(app->metrics, AA_COUNT_LOGIN_WRONG);
    if (login->begins_until_ms)
        aa_metrics_count(app->metrics, AA_COUNT_LOCKOUTS);
    return aa_fail(err, AA_ERR_TOKEN_INACTIVE, "wrong e-mail address or password");
}

/* ---- the whole ---- */

static enum aa_err judge(struct aa_app *app, struct login *login, struct aa_view password, struct aa_error *err)
{
    bool matches = false;
    enum aa_err rc;

    rc = aa_password_check(password, login->is_known ? login->user.password_phc : AA_VIEW_ABSENT, &matches, err);
    if (rc)
        return rc;
    if (!matches || !login->is_known || login->user.disabled_ms != 0)
        return fail(app, login, err);
    rc = aa_db_write(app->db, take_back, login, err);
    if (!rc)
        aa_metrics_count(app->metrics, AA_COUNT_LOGIN_GOOD);
    return rc;
}

enum aa_err aa_person_authenticate(struct aa_app *app, struct aa_view email, struct aa_view password,
                                   struct aa_view peer, struct aa_user *user, int64_t *retry_after_s,
                                   struct aa_error *err)
{
    struct login login = {
        .app = app, .email = aa_view_slice(aa_view_trim(email), 0, TEXT_MAX), .now_ms = aa_app_now_ms(app)};
    enum aa_err rc;

    peer = aa_view_slice(peer, 0, TEXT_MAX);
    login.limits[ACCOUNT] = (struct limit){.name = "login-account", .tries = ACCOUNT_TRIES};
    login.limits[ADDRESS] = (struct limit){.name = "login-address", .tries = ADDRESS_TRIES};
    rc = build_key(&login.limits[ACCOUNT], peer, login.email, err);
    if (!rc)
        rc = build_key(&login.limits[ADDRESS], peer, AA_VIEW_ABSENT, err);
    if (!rc)
        rc = aa_db_write(app->db, begin, &login, err);
    if (!rc && login.until_ms) {
        aa_metrics_count(app->metrics, AA_COUNT_LOGIN_LOCKED);
        *retry_after_s = (login.until_ms - login.now_ms + 999) / 1000;
        rc = aa_fail(err, AA_ERR_TOKEN_NOT_YET, "too many tries; wait %lld s", (long long)*retry_after_s);
    }
    if (!rc)
        rc = judge(app, &login, password, err);
    if (rc)
        aa_record_clear(&login.user.memory);
    else
        *user = login.user;
    return rc;
}

#include "domain/login_limits.h"

#include <string.h>

#include "base/buf.h"
#include "base/error.h"

#define MINUTE_MS (INT64_C(60) * 1000)
#define DELAY_FIRST_MS (INT64_C(30) * 1000)
#define DELAY_MAX_MS (15 * MINUTE_MS)
#define TEXT_MAX 2048 /* what was typed is cut to 512 bytes before; lower case may be longer */

/* Strangers: NIST SP 800-63B has at most 100 failures in a row on one account; a person who has forgotten which
 * password it was stays far below. They are forgotten after a day without any, so that staying just under the limit
 * gains no more than going beyond it, where a guess every quarter of an hour is let through: about a hundred a day
 * either way, from however many addresses. Longer lock-outs would gain little and keep the owner out of new browsers
 * for longer. A day of rows is no burden: every failure leaves one in the audit too, and a try that is refused leaves
 * none here. */
static const struct {
    const char *name; /* of what it counts, for the audit */
    int64_t tries, window_ms;
} rules[AA_LOGIN_LIMITS] = {
    [AA_LIMIT_BROWSER] = {"browser", 10, 24 * 60 * MINUTE_MS}, /* a copied cookie has no more guesses than strangers */
    [AA_LIMIT_HERE] = {NULL, 10, 15 * MINUTE_MS},
    [AA_LIMIT_STRANGERS] = {"account", 100, 24 * 60 * MINUTE_MS},
    [AA_LIMIT_ADDRESS] = {NULL, 100, 15 * MINUTE_MS}, /* an office behind one address, on a Monday morning */
};

struct aa_view aa_login_limit_name(enum aa_login_limit_kind kind)
{
    return aa_view_of(rules[kind].name);
}

/* ---- keys ---- */

/* Digests, so that the table does not tell who tried to log in. All of one account begin alike, for
 * aa_login_limits_clear(): half a digest each for the account and for what is counted of it. */
#define HALF (AA_SHA256_LEN / 2)

static struct aa_view key_of(const struct aa_login_limit *limit)
{
    return aa_view_make(limit->key, sizeof limit->key);
}

static enum aa_err build_digest(const char *name, struct aa_view text, uint8_t digest[AA_SHA256_LEN],
                                struct aa_error *err)
{
    struct aa_buf buf;
    enum aa_err rc;

    aa_buf_init(&buf, TEXT_MAX);
    aa_buf_add_format(&buf, "%s ", name); /* no name holds a space: that keeps the parts apart */
    aa_buf_add(&buf, text);
    rc = aa_buf_check(&buf, "a lock-out key", err);
    if (!rc && aa_sha256(aa_buf_view(&buf), digest))
        rc = aa_fail(err, AA_ERR_CRYPTO, "SHA-256 failed");
    aa_buf_clear(&buf);
    return rc;
}

/* Folded as the look-up of the person does it, or each spelling of one account would have a count of its own. */
static enum aa_err build_account(struct aa_conn *conn, struct aa_view email, uint8_t digest[AA_SHA256_LEN],
                                 struct aa_error *err)
{
    struct aa_buf folded;
    enum aa_err rc;

    aa_buf_init(&folded, TEXT_MAX);
    rc = aa_email_fold(conn, email, &folded, err);
    if (!rc)
        rc = build_digest("login-account", aa_buf_view(&folded), digest, err);
    aa_buf_clear(&folded);
    return rc;
}

static enum aa_err build_key(const uint8_t account[AA_SHA256_LEN], const char *name, struct aa_view text,
                             struct aa_login_limit *limit, struct aa_error *err)
{
    uint8_t digest[AA_SHA256_LEN];
    enum aa_err rc = build_digest(name, text, digest, err);

    if (rc)
        return rc;
    memcpy(limit->key, account, HALF);
    memcpy(limit->key + HALF, digest, HALF);
    return AA_OK;
}

static enum aa_err build_strangers_key(const uint8_t account[AA_SHA256_LEN], struct aa_login_limit *limit,
                                       struct aa_error *err)
{
    return build_key(account, "strangers", AA_VIEW_ABSENT, limit, err);
}

enum aa_err aa_login_limits_init(struct aa_login_limits *limits, struct aa_conn *conn, struct aa_view email,
                                 const struct aa_login_source *source, int64_t now_ms, struct aa_error *err)
{
    struct aa_login_limit *of = limits->limits;
    uint8_t account[AA_SHA256_LEN];
    enum aa_err rc;

    *limits = (struct aa_login_limits){.now_ms = now_ms};
    of[AA_LIMIT_BROWSER].applies = !aa_view_is_absent(source->device);
    rc = build_account(conn, email, account, err);
    if (!rc)
        rc = build_key(account, "browser", source->device, &of[AA_LIMIT_BROWSER], err);
    if (!rc)
        rc = build_key(account, "address", source->peer, &of[AA_LIMIT_HERE], err);
    if (!rc)
        rc = build_strangers_key(account, &of[AA_LIMIT_STRANGERS], err);
    return rc ? rc : build_digest("login-address", source->peer, of[AA_LIMIT_ADDRESS].key, err);
}

/* ---- a try ---- */

static enum aa_err hold(const struct aa_login_limits *limits, enum aa_login_limit_kind kind, struct aa_conn *conn,
                        struct aa_error *err)
{
    return aa_lockout_hold(conn, key_of(&limits->limits[kind]), limits->now_ms + rules[kind].window_ms, err);
}

static enum aa_err look(const struct aa_login_limits *limits, enum aa_login_limit_kind kind, struct aa_conn *conn,
                        int64_t *until_ms, struct aa_error *err)
{
    int64_t failures;

    return aa_lockout_find(conn, key_of(&limits->limits[kind]), &failures, until_ms, err);
}

/* Of parallel guesses each sees what the one before it cost: the row is held until this transaction ends. */
static enum aa_err hold_and_look(const struct aa_login_limits *limits, enum aa_login_limit_kind kind,
                                 struct aa_conn *conn, int64_t *until_ms, struct aa_error *err)
{
    enum aa_err rc = hold(limits, kind, conn, err);

    return rc ? rc : look(limits, kind, conn, until_ms, err);
}

/* Known or a stranger's? What an address did to other accounts is nothing to a browser that is known to this one: its
 * guesses are counted by themselves. */
static enum aa_err choose(struct aa_login_limits *limits, struct aa_conn *conn, struct aa_error *err)
{
    struct aa_login_limit *of = limits->limits;
    int64_t until_ms = 0;

    if (of[AA_LIMIT_BROWSER].applies) {
        enum aa_err rc = hold_and_look(limits, AA_LIMIT_BROWSER, conn, &until_ms, err);

        if (rc)
            return rc;
    }
    if (until_ms > limits->now_ms)
        of[AA_LIMIT_BROWSER].applies = false;
    of[AA_LIMIT_HERE].applies = of[AA_LIMIT_STRANGERS].applies = !of[AA_LIMIT_BROWSER].applies;
    of[AA_LIMIT_ADDRESS].applies = !of[AA_LIMIT_BROWSER].applies;
    return AA_OK;
}

static enum aa_err find_until(struct aa_login_limits *limits, bool holds, struct aa_conn *conn, struct aa_error *err)
{
    for (int kind = AA_LIMIT_HERE; kind < AA_LOGIN_LIMITS; kind++) {
        int64_t until_ms;
        enum aa_err rc;

        if (!limits->limits[kind].applies)
            continue;
        rc = holds ? hold_and_look(limits, kind, conn, &until_ms, err) : look(limits, kind, conn, &until_ms, err);
        if (rc)
            return rc;
        if (until_ms > limits->now_ms && until_ms > limits->until_ms)
            limits->until_ms = until_ms;
    }
    return AA_OK;
}

static int64_t delay_of(int64_t failures, int64_t tries)
{
    int64_t delay = DELAY_FIRST_MS;

    for (int64_t i = tries; i < failures && delay < DELAY_MAX_MS; i++)
        delay *= 2;
    return delay < DELAY_MAX_MS ? delay : DELAY_MAX_MS;
}

static enum aa_err count_try(struct aa_login_limits *limits, enum aa_login_limit_kind kind, struct aa_conn *conn,
                             struct aa_error *err)
{
    int64_t failures = 0, now_ms = limits->now_ms, window_ms = rules[kind].window_ms;
    struct aa_login_limit *limit = &limits->limits[kind];
    enum aa_err rc;

    rc = aa_lockout_add(conn, key_of(limit), now_ms, now_ms + window_ms, &failures, err);
    if (rc || failures < rules[kind].tries)
        return rc;
    limit->begins_until_ms = now_ms + delay_of(failures, rules[kind].tries);
    return aa_lockout_put(conn, key_of(limit), failures, limit->begins_until_ms, limit->begins_until_ms + window_ms,
                          err);
}

enum aa_err aa_login_limits_begin(struct aa_login_limits *limits, struct aa_conn *conn, struct aa_error *err)
{
    enum aa_err rc = choose(limits, conn, err);

    /* First without holding, which makes rows: whoever is refused in any case could fill the table with accounts that
       are made up. */
    if (!rc)
        rc = find_until(limits, false, conn, err);
    if (!rc && !limits->until_ms)
        rc = find_until(limits, true, conn, err);
    for (int kind = 0; !rc && !limits->until_ms && kind < AA_LOGIN_LIMITS; kind++)
        if (limits->limits[kind].applies)
            rc = count_try(limits, kind, conn, err);
    return rc;
}

/* ---- a good one ---- */

/* The address only gets this one try back, or one account of an attacker's own would clear what his other guesses
 * cost. */
static enum aa_err take_back_from_address(const struct aa_login_limits *limits, struct aa_conn *conn,
                                          struct aa_error *err)
{
    struct aa_view key = key_of(&limits->limits[AA_LIMIT_ADDRESS]);
    int64_t failures, until_ms, from_ms, tries = rules[AA_LIMIT_ADDRESS].tries;
    enum aa_err rc;

    rc = hold(limits, AA_LIMIT_ADDRESS, conn, err);
    if (!rc)
        rc = aa_lockout_find(conn, key, &failures, &until_ms, err);
    if (rc || failures < 1)
        return rc;
    /* What this very try began is over too: it would lock out everybody else behind the address. */
    if (failures - 1 < tries || until_ms == limits->limits[AA_LIMIT_ADDRESS].begins_until_ms)
        until_ms = 0;
    from_ms = until_ms > limits->now_ms ? until_ms : limits->now_ms;
    return aa_lockout_put(conn, key, failures - 1, until_ms, from_ms + rules[AA_LIMIT_ADDRESS].window_ms, err);
}

/* What this try was counted for starts anew. A known browser's was not counted for the strangers: somebody who logs in
 * every morning does not give those a hundred more guesses a day. */
enum aa_err aa_login_limits_take_back(const struct aa_login_limits *limits, struct aa_conn *conn, struct aa_error *err)
{
    enum aa_err rc = AA_OK;

    for (int kind = 0; !rc && kind < AA_LIMIT_ADDRESS; kind++)
        if (limits->limits[kind].applies)
            rc = aa_lockout_clear(conn, key_of(&limits->limits[kind]), err);
    return rc || !limits->limits[AA_LIMIT_ADDRESS].applies ? rc : take_back_from_address(limits, conn, err);
}

/* ---- for the administrator ---- */

enum aa_err aa_login_limits_find(struct aa_conn *conn, struct aa_view email, struct aa_strangers *out,
                                 struct aa_error *err)
{
    uint8_t account[AA_SHA256_LEN];
    struct aa_login_limit limit;
    enum aa_err rc;

    rc = build_account(conn, email, account, err);
    if (!rc)
        rc = build_strangers_key(account, &limit, err);
    return rc ? rc : aa_lockout_find(conn, key_of(&limit), &out->failures, &out->until_ms, err);
}

enum aa_err aa_login_limits_clear(struct aa_conn *conn, struct aa_view email, struct aa_error *err)
{
    uint8_t first[AA_SHA256_LEN], last[AA_SHA256_LEN];
    enum aa_err rc = build_account(conn, email, first, err);

    if (rc)
        return rc;
    memset(first + HALF, 0, HALF);
    memcpy(last, first, HALF);
    memset(last + HALF, 0xff, HALF);
    return aa_lockout_clear_range(conn, aa_view_make(first, sizeof first), aa_view_make(last, sizeof last), err);
}

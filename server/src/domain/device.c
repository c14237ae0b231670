#include "domain/device.h"

#include <string.h>

#include "base/base64.h"
#include "base/error.h"
#include "base/mem.h"

#define TIME_LEN 8
#define HEAD_LEN (TIME_LEN + AA_DEVICE_ID_LEN)
#define COOKIE_LEN (HEAD_LEN + AA_SHA256_LEN)
#define MESSAGE_MAX 256

/* The clock of the process that issued it may be ahead of ours. */
#define AHEAD_MAX_MS (INT64_C(5) * 60 * 1000)

/* What is authenticated by the form key holds NULs (form_token.c), this text does not: no form token is this key. */
static enum aa_err derive_key(const struct aa_app *app, uint8_t key[AA_SHA256_LEN], struct aa_error *err)
{
    return aa_hmac_sha256(aa_view_make(app->form_key, sizeof app->form_key), AA_VIEW("device cookie"), key)
               ? aa_fail(err, AA_ERR_CRYPTO, "HMAC failed")
               : AA_OK;
}

/* No id holds a NUL, and the other parts have one length each: no two give the same message. */
static enum aa_err build_message(const struct aa_user *user, struct aa_view head, struct aa_buf *message,
                                 struct aa_error *err)
{
    uint8_t password[AA_SHA256_LEN];

    if (aa_sha256(user->password_phc, password))
        return aa_fail(err, AA_ERR_CRYPTO, "SHA-256 failed");
    aa_buf_add(message, user->user_id);
    aa_buf_add_char(message, '\0');
    aa_buf_add(message, head);
    aa_buf_add(message, aa_view_make(password, sizeof password));
    return aa_buf_check(message, "a device cookie", err);
}

static enum aa_err build_mac(const struct aa_app *app, const struct aa_user *user, struct aa_view head,
                             uint8_t mac[AA_SHA256_LEN], struct aa_error *err)
{
    uint8_t key[AA_SHA256_LEN];
    struct aa_buf message;
    enum aa_err rc;

    aa_buf_init(&message, MESSAGE_MAX);
    rc = build_message(user, head, &message, err);
    if (!rc)
        rc = derive_key(app, key, err);
    if (!rc && aa_hmac_sha256(aa_view_make(key, sizeof key), aa_buf_view(&message), mac))
        rc = aa_fail(err, AA_ERR_CRYPTO, "HMAC failed");
    aa_mem_wipe(key, sizeof key);
    aa_buf_wipe_clear(&message);
    return rc;
}

/* ---- a new one ---- */

static void write_time(uint8_t out[TIME_LEN], int64_t time_ms)
{
    for (int i = TIME_LEN - 1; i >= 0; i--, time_ms >>= 8)
        out[i] = (uint8_t)(time_ms & 0xff);
}

enum aa_err aa_device_add(const struct aa_app *app, const struct aa_user *user, struct aa_buf *cookie,
                          struct aa_error *err)
{
    uint8_t bytes[COOKIE_LEN];
    enum aa_err rc;

    write_time(bytes, aa_app_now_ms(app));
    if (aa_app_random(app, bytes + TIME_LEN, AA_DEVICE_ID_LEN))
        return aa_fail(err, AA_ERR_RANDOM, "no random bytes for a device cookie");
    rc = build_mac(app, user, aa_view_make(bytes, HEAD_LEN), bytes + HEAD_LEN, err);
    if (rc)
        return rc;
    aa_buf_add_base64url(cookie, aa_view_make(bytes, sizeof bytes));
    return aa_buf_check(cookie, "a device cookie", err);
}

/* ---- one that came ---- */

static int64_t read_time(struct aa_view bytes)
{
    uint64_t time_ms = 0;

    for (size_t i = 0; i < TIME_LEN; i++)
        time_ms = time_ms << 8 | (uint8_t)bytes.data[i];
    return time_ms > INT64_MAX ? INT64_MAX : (int64_t)time_ms;
}

static bool is_in_time(int64_t issued_ms, int64_t now_ms)
{
    return issued_ms <= now_ms + AHEAD_MAX_MS && issued_ms > now_ms - AA_DEVICE_TTL_S * 1000;
}

/* False when it cannot be one of ours, whoever's. */
static enum aa_err decode(struct aa_view cookie, struct aa_buf *bytes, bool *is_ours, struct aa_error *err)
{
    enum aa_err rc;

    *is_ours = cookie.len == AA_DEVICE_COOKIE_LEN;
    if (!*is_ours)
        return AA_OK;
    rc = aa_base64url_decode(cookie, bytes, NULL);
    *is_ours = rc == AA_OK;
    return rc == AA_ERR_NOMEM ? aa_fail(err, rc, "out of memory reading a cookie") : AA_OK;
}

static enum aa_err check_bytes(const struct aa_app *app, const struct aa_user *user, struct aa_view bytes,
                               bool *is_known, struct aa_error *err)
{
    struct aa_view head = aa_view_slice(bytes, 0, HEAD_LEN);
    uint8_t mac[AA_SHA256_LEN];
    enum aa_err rc;

    rc = build_mac(app, user, head, mac, err);
    if (rc)
        return rc;
    *is_known = aa_ct_equal(aa_view_make(mac, sizeof mac), aa_view_from(bytes, HEAD_LEN)) && user->user_id.len > 0 &&
                is_in_time(read_time(head), aa_app_now_ms(app));
    return AA_OK;
}

enum aa_err aa_device_check(const struct aa_app *app, const struct aa_user *user, struct aa_view cookie,
                            uint8_t id[AA_DEVICE_ID_LEN], bool *is_known, struct aa_error *err)
{
    struct aa_buf bytes;
    bool is_ours = false;
    enum aa_err rc;

    aa_buf_init(&bytes, COOKIE_LEN);
    *is_known = false;
    rc = decode(cookie, &bytes, &is_ours, err);
    if (!rc && is_ours)
        rc = check_bytes(app, user, aa_buf_view(&bytes), is_known, err);
    if (!rc && *is_known)
        memcpy(id, bytes.data + TIME_LEN, AA_DEVICE_ID_LEN);
    aa_buf_clear(&bytes);
    return rc;
}

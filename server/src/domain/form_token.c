#include "domain/form_token.h"

#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "domain/secret.h"
#include "store/store.h"

#define SETTING AA_VIEW("form_key")
#define TOKEN_TEXT_LEN 43
#define MESSAGE_MAX 1024

struct key_ctx {
    uint8_t *key;
    uint8_t fresh[32];
};

static enum aa_err load_key(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    struct key_ctx *key_ctx = ctx;
    struct aa_view value;
    char *memory = NULL;
    enum aa_err rc;

    rc = aa_setting_get(conn, SETTING, &memory, &value, err);
    if (rc)
        return rc;
    if (value.len == sizeof key_ctx->fresh)
        memcpy(key_ctx->key, value.data, value.len);
    else
        rc = aa_fail(err, AA_ERR_STORE, "the form key in the store has the wrong length");
    aa_record_clear(&memory);
    return rc;
}

/* The first process makes the key; whoever comes second, or meets it on the way, takes that one. */
static enum aa_err load_or_make_key(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    struct key_ctx *key_ctx = ctx;
    enum aa_err rc;

    rc = aa_setting_put_new(conn, SETTING, aa_view_make(key_ctx->fresh, sizeof key_ctx->fresh), NULL);
    if (rc == AA_ERR_CONFLICT)
        rc = load_key(conn, ctx, err);
    else if (!rc)
        memcpy(key_ctx->key, key_ctx->fresh, sizeof key_ctx->fresh);
    return rc ? aa_fail(err, rc, "the form key could not be made") : AA_OK;
}

enum aa_err aa_form_key_open(struct aa_app *app, struct aa_error *err)
{
    struct key_ctx ctx = {app->form_key, {0}};
    enum aa_err rc;

    rc = aa_db_read(app->db, load_key, &ctx, NULL);
    if (rc != AA_ERR_NOT_FOUND)
        return rc ? aa_fail(err, rc, "the form key could not be read") : AA_OK;
    if (aa_app_random(app, ctx.fresh, sizeof ctx.fresh))
        return aa_fail(err, AA_ERR_RANDOM, "no random bytes for the form key");
    rc = aa_db_write(app->db, load_or_make_key, &ctx, err);
    aa_mem_wipe(ctx.fresh, sizeof ctx.fresh);
    return rc;
}

enum aa_err aa_form_token_add(const struct aa_app *app, const char *purpose, struct aa_view cookie,
                              struct aa_view subject, struct aa_buf *out, struct aa_error *err)
{
    uint8_t mac[AA_SHA256_LEN];
    struct aa_buf message;
    enum aa_err rc;

    /* No part can hold a NUL, so no two triples give the same message. */
    aa_buf_init(&message, MESSAGE_MAX);
    aa_buf_add_text(&message, purpose);
    aa_buf_add_char(&message, '\0');
    aa_buf_add(&message, cookie);
    aa_buf_add_char(&message, '\0');
    aa_buf_add(&message, subject);
    rc = aa_buf_check(&message, "a form token", err);
    if (!rc && aa_hmac_sha256(aa_view_make(app->form_key, sizeof app->form_key), aa_buf_view(&message), mac))
        rc = aa_fail(err, AA_ERR_CRYPTO, "HMAC failed");
    aa_buf_wipe_clear(&message);
    if (rc)
        return rc;
    aa_buf_add_base64url(out, aa_view_make(mac, sizeof mac));
    return aa_buf_check(out, "a form token", err);
}

enum aa_err aa_form_token_check(const struct aa_app *app, const char *purpose, struct aa_view cookie,
                                struct aa_view subject, struct aa_view token, bool *good, struct aa_error *err)
{
    struct aa_buf wanted;
    enum aa_err rc;

    /* Without a cookie, or with parts longer than any of ours, there is no such form. */
    if (cookie.len == 0 || cookie.len > AA_SECRET_MAX || subject.len > AA_SECRET_MAX) {
        *good = false;
        return AA_OK;
    }
    aa_buf_init(&wanted, TOKEN_TEXT_LEN);
    rc = aa_form_token_add(app, purpose, cookie, subject, &wanted, err);
    if (!rc)
        *good = !aa_view_is_absent(token) && aa_ct_equal(aa_buf_view(&wanted), token);
    aa_buf_wipe_clear(&wanted);
    return rc;
}

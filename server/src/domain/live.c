#include "domain/live.h"

#include "base/error.h"
#include "domain/secret.h"

bool aa_live_token_is_live(const struct aa_live_token *token, int64_t now_ms)
{
    return now_ms < token->expires_ms && token->token_revoked_ms == 0 && token->grant_revoked_ms == 0 &&
           token->user_disabled_ms == 0;
}

/* ---- what was issued from a grant ---- */

enum aa_err aa_live_item_check(struct aa_conn *conn, const struct aa_live_item *item, int64_t now_ms, bool *is_live,
                               struct aa_error *err)
{
    struct aa_live_token token = {.expires_ms = item->expires_ms, .token_revoked_ms = item->revoked_ms};
    struct aa_error why = AA_ERROR_INIT;
    enum aa_err rc;

    rc = aa_live_parties_find(conn, item->grant_id, item->user_id, item->client_id, item->server_id, &token, &why);
    if (rc && rc != AA_ERR_NOT_FOUND)
        return aa_fail(err, rc, "%s", why.message);
    *is_live = !rc && aa_live_token_is_live(&token, now_ms);
    return AA_OK;
}

/* ---- access tokens ---- */

struct lookup {
    struct aa_view token_key;
    struct aa_live_token *out;
};

static enum aa_err find_token(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    struct lookup *lookup = ctx;

    return aa_live_token_find(conn, lookup->token_key, lookup->out, err);
}

static enum aa_err find(struct aa_app *app, struct aa_view token, struct aa_live_token *out, struct aa_error *err)
{
    uint8_t key[AA_DIGEST_KEY_LEN];
    struct lookup lookup = {aa_view_make(key, sizeof key), out};
    enum aa_err rc;

    rc = aa_secret_access_key(token, key, err);
    return rc ? rc : aa_db_read(app->db, find_token, &lookup, err);
}

static void forget(struct aa_live_token *token)
{
    aa_record_clear(&token->memory);
    *token = (struct aa_live_token){0};
}

enum aa_err aa_live_token_open(struct aa_app *app, struct aa_view token, struct aa_live_token *out,
                               struct aa_error *err)
{
    enum aa_err rc;

    out->memory = NULL;
    rc = find(app, token, out, err);
    if (!rc && aa_live_token_is_live(out, aa_app_now_ms(app)))
        return AA_OK;
    forget(out);
    return !rc || rc == AA_ERR_TOKEN_FORMAT || rc == AA_ERR_NOT_FOUND ? AA_ERR_TOKEN_INACTIVE : rc;
}

enum aa_err aa_live_token_open_for(struct aa_app *app, struct aa_view server_id, struct aa_view token,
                                   struct aa_live_token *out, struct aa_error *err)
{
    enum aa_err rc = aa_live_token_open(app, token, out, err);

    if (!rc && !aa_view_equal(out->server_id, server_id)) {
        forget(out);
        rc = AA_ERR_TOKEN_INACTIVE;
    }
    return rc;
}

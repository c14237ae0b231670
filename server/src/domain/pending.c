#include "domain/pending.h"

#include "base/error.h"
#include "base/mem.h"
#include "domain/clients.h"
#include "domain/rate.h"
#include "domain/secret.h"

/* An office behind one address, on a Monday morning. A row has some KiB and lives as long as a request may. */
#define RATE_MAX 1000
#define RATE_WINDOW_MS (INT64_C(600) * 1000)

void aa_pending_clear(struct aa_pending *pending)
{
    aa_record_clear(&pending->request.memory);
    aa_record_clear(&pending->client.memory);
    aa_record_clear(&pending->server.memory);
    aa_mem_wipe(pending, sizeof *pending);
}

/* ---- how many ---- */

static enum aa_err build_rate_key(const struct aa_app *app, int64_t now_ms, uint8_t key[AA_SHA256_LEN],
                                  struct aa_error *err)
{
    return aa_rate_key_build("authorize", app->who.address, now_ms, RATE_WINDOW_MS, key, err);
}

/* Looked at before anything is written, so that who goes on and on costs no write. */
enum aa_err aa_pending_check_room(struct aa_conn *conn, const struct aa_app *app, struct aa_refused *refused,
                                  struct aa_error *err)
{
    int64_t now_ms = aa_app_now_ms(app), begun, until_ms;
    uint8_t key[AA_SHA256_LEN];
    enum aa_err rc;

    rc = build_rate_key(app, now_ms, key, err);
    if (!rc)
        rc = aa_lockout_find(conn, aa_view_make(key, sizeof key), &begun, &until_ms, err);
    if (rc || begun < RATE_MAX)
        return rc;
    refused->retry_after_s = (RATE_WINDOW_MS - now_ms % RATE_WINDOW_MS + 999) / 1000;
    return aa_refuse(refused, AA_OAUTH_TOO_MANY_REQUESTS, "this address began too many authorization requests");
}

/* ---- one ---- */

struct create {
    const struct aa_auth_request *request;
    uint8_t rate_key[AA_SHA256_LEN];
};

static enum aa_err create(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    const struct create *create = ctx;
    const struct aa_auth_request *request = create->request;
    int64_t begun;
    enum aa_err rc;

    rc = aa_lockout_add(conn, aa_view_make(create->rate_key, sizeof create->rate_key), request->created_ms,
                        request->created_ms + RATE_WINDOW_MS, &begun, err);
    /* A registration that is about to run out must not do so under somebody's hands. */
    if (!rc)
        rc = aa_client_extend(conn, request->client_id, request->expires_ms, err);
    return rc ? rc : aa_auth_request_create(conn, request, err);
}

enum aa_err aa_pending_begin(struct aa_app *app, struct aa_auth_request *request, struct aa_buf *request_id,
                             struct aa_buf *cookie, struct aa_error *err)
{
    uint8_t request_digest[AA_SHA256_LEN], browser_digest[AA_SHA256_LEN];
    struct create ctx = {.request = request};
    enum aa_err rc;

    rc = aa_secret_random(app, request_id, err);
    if (!rc)
        rc = aa_secret_random(app, cookie, err);
    if (!rc)
        rc = aa_secret_digest(aa_buf_view(request_id), request_digest, err);
    if (!rc)
        rc = aa_secret_digest(aa_buf_view(cookie), browser_digest, err);
    request->created_ms = aa_app_now_ms(app);
    if (!rc)
        rc = build_rate_key(app, request->created_ms, ctx.rate_key, err);
    if (rc)
        return rc;
    request->request_digest = aa_view_make(request_digest, sizeof request_digest);
    request->browser_digest = aa_view_make(browser_digest, sizeof browser_digest);
    request->expires_ms = request->created_ms + app->settings.auth_request_ttl_s * 1000;
    request->consumed_ms = 0;
    rc = aa_db_write(app->db, create, &ctx, err);
    request->request_digest = request->browser_digest = AA_VIEW_ABSENT;
    return rc;
}

struct open_ctx {
    struct aa_view request_digest, browser_digest;
    int64_t now_ms;
    bool answered_too;
    struct aa_pending *pending;
};

static enum aa_err open_pending(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    const struct open_ctx *open_ctx = ctx;
    struct aa_pending *pending = open_ctx->pending;
    enum aa_err rc;

    rc = aa_auth_request_find(conn, open_ctx->request_digest, &pending->request, err);
    if (rc)
        return rc;
    if (!aa_ct_equal(pending->request.browser_digest, open_ctx->browser_digest))
        return aa_fail(err, AA_ERR_NOT_FOUND, "the authorization request is another browser's");
    pending->is_answered = pending->request.consumed_ms != 0;
    if (pending->is_answered && !open_ctx->answered_too)
        return aa_fail(err, AA_ERR_NOT_FOUND, "the authorization request was answered");
    if (pending->request.expires_ms <= open_ctx->now_ms)
        return aa_fail(err, AA_ERR_NOT_FOUND, "the authorization request ran out");
    rc = aa_client_find_live(conn, pending->request.client_id, open_ctx->now_ms, &pending->client, err);
    if (rc)
        return rc;
    return aa_server_find(conn, pending->request.server_id, &pending->server, err);
}

static enum aa_err make_code_seed(const struct aa_app *app, struct aa_view request_id, struct aa_view cookie,
                                  uint8_t seed[AA_SHA256_LEN], struct aa_error *err)
{
    struct aa_buf text;
    enum aa_err rc;

    aa_buf_init(&text, 256);
    aa_buf_add_text(&text, "authorization code|");
    aa_buf_add(&text, request_id);
    aa_buf_add_char(&text, '|');
    aa_buf_add(&text, cookie);
    rc = aa_buf_check(&text, "what a code is made of", err);
    if (!rc && aa_hmac_sha256(aa_view_make(app->form_key, sizeof app->form_key), aa_buf_view(&text), seed))
        rc = aa_fail(err, AA_ERR_CRYPTO, "HMAC-SHA-256 failed");
    aa_buf_wipe_clear(&text);
    return rc;
}

static enum aa_err open_one(struct aa_app *app, struct aa_view request_id, struct aa_view cookie, bool answered_too,
                            struct aa_pending *out, struct aa_error *err)
{
    uint8_t request_digest[AA_SHA256_LEN], browser_digest[AA_SHA256_LEN];
    struct aa_pending pending = {.is_answered = false};
    struct open_ctx ctx = {aa_view_make(request_digest, sizeof request_digest),
                           aa_view_make(browser_digest, sizeof browser_digest), aa_app_now_ms(app), answered_too,
                           &pending};
    enum aa_err rc;

    if (request_id.len == 0 || request_id.len > AA_SECRET_MAX || cookie.len == 0 || cookie.len > AA_SECRET_MAX)
        return aa_fail(err, AA_ERR_NOT_FOUND, "no authorization request is named, or its cookie is missing");
    rc = aa_secret_digest(request_id, request_digest, err);
    if (!rc)
        rc = aa_secret_digest(cookie, browser_digest, err);
    if (!rc)
        rc = make_code_seed(app, request_id, cookie, pending.code_seed, err);
    if (!rc)
        rc = aa_db_read(app->db, open_pending, &ctx, err);
    if (!rc)
        *out = pending;
    else
        aa_pending_clear(&pending);
    return rc;
}

enum aa_err aa_pending_open(struct aa_app *app, struct aa_view request_id, struct aa_view cookie,
                            struct aa_pending *out, struct aa_error *err)
{
    return open_one(app, request_id, cookie, false, out, err);
}

enum aa_err aa_pending_open_again(struct aa_app *app, struct aa_view request_id, struct aa_view cookie,
                                  struct aa_pending *out, struct aa_error *err)
{
    return open_one(app, request_id, cookie, true, out, err);
}

struct user_ctx {
    struct aa_view request_digest, user_id;
};

static enum aa_err set_user(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    const struct user_ctx *user_ctx = ctx;

    return aa_auth_request_set_user(conn, user_ctx->request_digest, user_ctx->user_id, err);
}

enum aa_err aa_pending_set_user(struct aa_app *app, const struct aa_pending *pending, struct aa_view user_id,
                                struct aa_error *err)
{
    struct user_ctx ctx = {pending->request.request_digest, user_id};

    return aa_db_write(app->db, set_user, &ctx, err);
}

bool aa_pending_is_of(const struct aa_pending *pending, const struct aa_person *person)
{
    return !aa_view_is_absent(pending->request.user_id) &&
           aa_view_equal(pending->request.user_id, person->user.user_id);
}

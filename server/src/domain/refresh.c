#include "domain/refresh.h"

#include "base/error.h"
#include "base/level.h"
#include "base/mem.h"
#include "domain/audit.h"
#include "domain/clients.h"
#include "domain/issue.h"
#include "domain/live.h"
#include "domain/secret.h"
#include "domain/servers.h"
#include "oauth/scope.h"

#define LINE_MAX 32 /* rotations followed to the newest token: what a client may do inside one window */
#define SEALED_MAX 128

struct refresh {
    struct aa_app *app;
    const struct aa_refresh *asked;
    struct aa_refused *refused;
    uint8_t key[AA_DIGEST_KEY_LEN];
    struct aa_client client;
    struct aa_refresh_token token;
    struct aa_server server;
    struct aa_buf scope; /* of the access token */
    struct aa_tokens tokens;
    struct aa_buf sealed;    /* the freshly minted successor */
    struct aa_buf successor; /* what an earlier use of the token gave: the answer instead of the minted one */
    enum outcome { REFUSED, ROTATED, REPLAYED, REUSED } outcome;
};

static struct aa_view row_key(const struct refresh *refresh)
{
    return aa_view_make(refresh->key, sizeof refresh->key);
}

static enum aa_err refuse_token(struct refresh *refresh)
{
    return aa_refuse(refresh->refused, AA_OAUTH_INVALID_GRANT, "The refresh token is unknown, expired or revoked");
}

/* ---- sealing a successor with its predecessor ---- */

/* Whoever holds the old token, and nobody else, can open what is sealed with it. */
static enum aa_err make_sealing_key(struct aa_view token, uint8_t key[AA_SHA256_LEN])
{
    return aa_hmac_sha256(token, AA_VIEW("successor of this refresh token"), key);
}

static enum aa_err seal(const struct aa_app *app, struct aa_view token, struct aa_view token_key,
                        struct aa_view successor, struct aa_buf *sealed, struct aa_error *err)
{
    uint8_t key[AA_SHA256_LEN];
    enum aa_err rc;

    rc = make_sealing_key(token, key);
    if (!rc)
        rc = aa_seal(key, token_key, successor, app->random, app->ctx, sealed);
    aa_mem_wipe(key, sizeof key);
    return rc ? aa_fail(err, rc, "a refresh token cannot be sealed") : AA_OK;
}

static enum aa_err unseal(struct aa_view token, const struct aa_refresh_token *row, struct aa_buf *successor,
                          struct aa_error *err)
{
    uint8_t key[AA_SHA256_LEN];
    enum aa_err rc;

    rc = make_sealing_key(token, key);
    if (!rc)
        rc = aa_unseal(key, row->token_key, row->successor_sealed, successor);
    aa_mem_wipe(key, sizeof key);
    return rc ? aa_fail(err, rc, "the successor of a refresh token cannot be unsealed") : AA_OK;
}

/* ---- what is known of it ---- */

static enum aa_err is_live(struct aa_conn *conn, const struct aa_refresh_token *row, int64_t now_ms, bool *live,
                           struct aa_error *err)
{
    struct aa_live_item item = {.grant_id = row->grant_id,
                                .user_id = row->user_id,
                                .client_id = row->client_id,
                                .server_id = row->server_id,
                                .expires_ms = row->expires_ms,
                                .revoked_ms = row->revoked_ms};

    return aa_live_item_check(conn, &item, now_ms, live, err);
}

static enum aa_err load_token(struct aa_conn *conn, struct refresh *refresh, int64_t now_ms, struct aa_error *err)
{
    bool live = false;
    enum aa_err rc;

    rc = aa_secret_find_key(AA_REFRESH_PREFIX, refresh->asked->refresh_token, refresh->key, err);
    if (!rc)
        rc = aa_refresh_token_find(conn, row_key(refresh), &refresh->token, err);
    if (!rc)
        rc = is_live(conn, &refresh->token, now_ms, &live, err);
    if (!rc && live)
        rc = aa_server_find(conn, refresh->token.server_id, &refresh->server, err);
    if (rc && rc != AA_ERR_TOKEN_FORMAT && rc != AA_ERR_NOT_FOUND)
        return rc;
    /* To another client than its own it is as unknown as any. A dead one is refused here without a signature or a turn
     * at the writer; rotate() asks again. */
    if (rc || !live || !aa_view_equal(refresh->token.client_id, refresh->asked->client_id))
        return refuse_token(refresh);
    return AA_OK;
}

static enum aa_err load(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    struct refresh *refresh = ctx;
    int64_t now_ms = aa_app_now_ms(refresh->app);
    enum aa_err rc;

    rc = aa_client_find_asking(conn, refresh->asked->client_id, refresh->asked->method, now_ms, &refresh->client,
                               refresh->refused, err);
    return rc ? rc : load_token(conn, refresh, now_ms, err);
}

/* ---- what is asked of it ---- */

/* RFC 6749 §6: what was granted, or a part of it. */
static enum aa_err choose_scope(struct refresh *refresh, struct aa_error *err)
{
    struct aa_scopes granted, asked;

    if (aa_scopes_parse(refresh->token.scope, &granted, err))
        return AA_ERR_STORE;
    if (aa_view_is_absent(refresh->asked->scope)) {
        aa_scopes_write(&granted, &refresh->scope);
        return aa_buf_check(&refresh->scope, "the scopes", err);
    }
    if (aa_scopes_parse(refresh->asked->scope, &asked, NULL))
        return aa_refuse(refresh->refused, AA_OAUTH_INVALID_SCOPE, "scope is malformed or has too many members");
    if (asked.len == 0 || !aa_scopes_is_subset(&asked, &granted))
        return aa_refuse(refresh->refused, AA_OAUTH_INVALID_SCOPE, "scope asks for more than was granted");
    aa_scopes_write(&asked, &refresh->scope);
    return aa_buf_check(&refresh->scope, "the scopes", err);
}

static enum aa_err check_request(struct refresh *refresh, struct aa_error *err)
{
    if (!aa_client_has_grant(&refresh->client, "refresh_token"))
        return aa_refuse(refresh->refused, AA_OAUTH_UNAUTHORIZED_CLIENT,
                         "The client is not registered for refresh tokens");
    if (!aa_server_is_resource(&refresh->server, refresh->asked->resource))
        return aa_refuse(refresh->refused, AA_OAUTH_INVALID_TARGET, "resource is not the one that was authorized");
    return choose_scope(refresh, err);
}

/* ---- rotating it ---- */

/* A clock that was set back by more than the window does not lengthen it. */
static bool is_in_window(const struct aa_app *app, int64_t rotated_ms, int64_t now_ms)
{
    int64_t grace_ms = app->settings.refresh_grace_s * 1000;

    return now_ms - rotated_ms < grace_ms && rotated_ms - now_ms < grace_ms;
}

/* The successor of the row, or the newest token that came of it. Replaces what *successor holds. */
static enum aa_err follow(struct aa_conn *conn, struct aa_view token, const struct aa_refresh_token *first,
                          struct aa_buf *successor, struct aa_error *err)
{
    struct aa_refresh_token row = {0};
    uint8_t key[AA_DIGEST_KEY_LEN];
    struct aa_buf next;
    enum aa_err rc;

    aa_buf_init(&next, AA_SECRET_MAX);
    aa_buf_cut(successor, 0);
    rc = unseal(token, first, successor, err);
    for (int i = 0; !rc && i < LINE_MAX; i++) {
        rc = aa_secret_find_key(AA_REFRESH_PREFIX, aa_buf_view(successor), key, err);
        if (!rc)
            rc = aa_refresh_token_find(conn, aa_view_make(key, sizeof key), &row, err);
        if (rc || row.rotated_ms == 0)
            break;
        rc = unseal(aa_buf_view(successor), &row, &next, err);
        aa_buf_cut(successor, 0);
        aa_buf_add(successor, aa_buf_view(&next));
        aa_buf_cut(&next, 0);
        aa_record_clear(&row.memory);
    }
    aa_record_clear(&row.memory);
    aa_buf_wipe_clear(&next);
    return rc ? rc : aa_buf_check(successor, "a refresh token", err);
}

static enum aa_err note(struct aa_conn *conn, const struct refresh *refresh, struct aa_error *err)
{
    const struct aa_refresh_token *token = &refresh->token;
    bool is_issue = refresh->outcome != REUSED;
    struct aa_audit_entry entry = {
        .event = is_issue ? AA_AUDIT_REFRESH : AA_AUDIT_REUSE_DETECTED,
        .actor = refresh->asked->client_id,
        .user_id = token->user_id,
        .client_id = token->client_id,
        .server_id = token->server_id,
        .grant_id = token->grant_id,
        .details = {{"scope", is_issue ? aa_buf_view(&refresh->scope) : AA_VIEW_ABSENT},
                    {"jti", is_issue ? aa_buf_view(&refresh->tokens.jti) : AA_VIEW_ABSENT},
                    {"replay", refresh->outcome == REPLAYED ? AA_VIEW("yes") : AA_VIEW_ABSENT}}};

    return aa_audit_note(refresh->app, conn, &entry, err);
}

static enum aa_err revoke_family(struct aa_conn *conn, struct refresh *refresh, int64_t now_ms, struct aa_error *err)
{
    refresh->outcome = REUSED;
    refuse_token(refresh);
    return aa_grant_revoke(conn, refresh->token.grant_id, now_ms, err);
}

/* With the row as the winner of the race left it. */
static enum aa_err answer_loser(struct aa_conn *conn, struct refresh *refresh, const struct aa_refresh_token *row,
                                int64_t now_ms, struct aa_error *err)
{
    enum aa_err rc;

    if (row->revoked_ms != 0) {
        refuse_token(refresh);
        return AA_OK;
    }
    if (!is_in_window(refresh->app, row->rotated_ms, now_ms))
        return revoke_family(conn, refresh, now_ms, err);
    refresh->outcome = REPLAYED;
    rc = follow(conn, refresh->asked->refresh_token, row, &refresh->successor, err);
    return rc ? rc : aa_tokens_store_access(conn, &refresh->tokens, err);
}

static enum aa_err answer_winner(struct aa_conn *conn, struct refresh *refresh, struct aa_error *err)
{
    enum aa_err rc;

    refresh->outcome = ROTATED;
    rc = aa_tokens_store_refresh(conn, &refresh->tokens, err);
    return rc ? rc : aa_tokens_store_access(conn, &refresh->tokens, err);
}

/* A refusal is committed: a family that was revoked stays so. */
static enum aa_err rotate(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    struct refresh *refresh = ctx;
    int64_t now_ms = aa_app_now_ms(refresh->app); /* the writer's, so that of two the later one is never the earlier */
    struct aa_refresh_token row = {0};
    bool live = false, won = false;
    enum aa_err rc;

    refresh->outcome = REFUSED;
    *refresh->refused = (struct aa_refused)AA_REFUSED_INIT;
    rc = is_live(conn, &refresh->token, now_ms, &live, err);
    if (rc)
        return rc;
    if (!live) {
        refuse_token(refresh);
        return AA_OK;
    }
    rc = aa_refresh_token_rotate(conn, row_key(refresh), aa_buf_view(&refresh->sealed), now_ms, &won, &row, err);
    if (!rc)
        rc = won ? answer_winner(conn, refresh, err) : answer_loser(conn, refresh, &row, now_ms, err);
    if (!rc)
        rc = aa_tokens_note_client(conn, &refresh->client, now_ms, err);
    if (!rc && refresh->outcome == ROTATED)
        rc = aa_tokens_note_grant(conn, &refresh->tokens, err);
    if (!rc && refresh->outcome != REFUSED)
        rc = note(conn, refresh, err);
    aa_record_clear(&row.memory);
    return rc;
}

/* ---- the whole ---- */

static enum aa_err mint(struct refresh *refresh, struct aa_error *err)
{
    const struct aa_refresh_token *token = &refresh->token;
    struct aa_issue what = {.grant_id = token->grant_id,
                            .client_id = token->client_id,
                            .user_id = token->user_id,
                            .server_id = token->server_id,
                            .audience = refresh->server.server_url,
                            .scope = aa_buf_view(&refresh->scope),
                            .refresh_scope = token->scope,
                            .with_refresh = true};
    enum aa_err rc;

    rc = aa_tokens_mint(refresh->app, &what, &refresh->tokens, err);
    return rc ? rc
              : seal(refresh->app, refresh->asked->refresh_token, row_key(refresh),
                     aa_buf_view(&refresh->tokens.refresh), &refresh->sealed, err);
}

static enum aa_err use(struct refresh *refresh, struct aa_buf *answer, struct aa_error *err)
{
    enum aa_err rc;

    rc = aa_db_read(refresh->app->db, load, refresh, err);
    if (!rc)
        rc = check_request(refresh, err);
    if (!rc)
        rc = mint(refresh, err);
    if (!rc)
        rc = aa_db_write(refresh->app->db, rotate, refresh, err);
    if (rc)
        return rc;
    if (refresh->outcome == REUSED)
        aa_app_log(refresh->app, AA_LOG_WARNING, NULL,
                   "a refresh token was used again after its window: grant %.*s of client %.*s is revoked",
                   AA_VIEW_ARGS(refresh->token.grant_id), AA_VIEW_ARGS(refresh->token.client_id));
    if (refresh->refused->error != AA_OAUTH_NONE)
        return AA_ERR_REQUEST_MALFORMED;
    if (refresh->outcome == REPLAYED) {
        aa_buf_cut(&refresh->tokens.refresh, 0);
        aa_buf_add(&refresh->tokens.refresh, aa_buf_view(&refresh->successor));
    }
    return aa_tokens_add_json(&refresh->tokens, answer, err);
}

static void count(const struct refresh *refresh)
{
    static const enum aa_metrics_counter counters[] = {
        [REFUSED] = AA_COUNT_REFRESH_REFUSED,
        [ROTATED] = AA_COUNT_REFRESH_ROTATED,
        [REPLAYED] = AA_COUNT_REFRESH_REPLAYED,
        [REUSED] = AA_COUNT_REFRESH_REUSED,
    };

    aa_metrics_count(refresh->app->metrics, counters[refresh->outcome]);
    if (refresh->outcome == ROTATED || refresh->outcome == REPLAYED)
        aa_metrics_count(refresh->app->metrics, AA_COUNT_TOKENS_BY_REFRESH);
}

static void clear(struct refresh *refresh)
{
    aa_tokens_clear(&refresh->tokens);
    aa_buf_clear(&refresh->scope);
    aa_buf_clear(&refresh->sealed);
    aa_buf_wipe_clear(&refresh->successor);
    aa_record_clear(&refresh->client.memory);
    aa_record_clear(&refresh->token.memory);
    aa_record_clear(&refresh->server.memory);
}

enum aa_err aa_refresh_use(struct aa_app *app, const struct aa_refresh *asked, struct aa_buf *answer,
                           struct aa_refused *refused, struct aa_error *err)
{
    struct refresh refresh = {.app = app, .asked = asked, .refused = refused};
    size_t start = answer->len;
    enum aa_err rc;

    aa_tokens_init(&refresh.tokens);
    aa_buf_init(&refresh.scope, AA_SCOPE_LEN_MAX);
    aa_buf_init(&refresh.sealed, SEALED_MAX);
    aa_buf_init(&refresh.successor, AA_SECRET_MAX);
    rc = use(&refresh, answer, err);
    if (!rc || refused->error != AA_OAUTH_NONE) /* trouble of ours is no outcome */
        count(&refresh);
    if (rc)
        aa_buf_cut(answer, start);
    clear(&refresh);
    return rc;
}

#include "domain/exchange.h"

#include "base/error.h"
#include "base/level.h"
#include "domain/audit.h"
#include "domain/clients.h"
#include "domain/issue.h"
#include "domain/live.h"
#include "domain/secret.h"
#include "domain/servers.h"
#include "oauth/pkce.h"

struct exchange {
    const struct aa_app *app;
    const struct aa_exchange *asked;
    struct aa_refused *refused;
    int64_t now_ms;
    uint8_t code_key[AA_DIGEST_KEY_LEN];
    struct aa_client client;
    struct aa_code code;
    struct aa_server server;
    struct aa_tokens tokens;
    bool is_good; /* the code passed its checks */
    bool is_issued;
    bool is_replayed; /* somebody was here before */
};

static struct aa_view code_key(const struct exchange *exchange)
{
    return aa_view_make(exchange->code_key, sizeof exchange->code_key);
}

/* ---- what is known of it ---- */

static enum aa_err load(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    struct exchange *exchange = ctx;
    const struct aa_exchange *asked = exchange->asked;
    bool is_ours;
    enum aa_err rc;

    rc = aa_client_find_asking(conn, asked->client_id, asked->method, exchange->now_ms, &exchange->client,
                               exchange->refused, err);
    if (rc)
        return rc;
    rc = aa_secret_find_key(AA_CODE_PREFIX, asked->code, exchange->code_key, err);
    is_ours = rc == AA_OK;
    if (is_ours)
        rc = aa_code_find(conn, code_key(exchange), &exchange->code, err);
    if (!rc)
        rc = aa_server_find(conn, exchange->code.server_id, &exchange->server, err);
    if (rc == AA_ERR_TOKEN_FORMAT || rc == AA_ERR_NOT_FOUND)
        return aa_refuse(exchange->refused, AA_OAUTH_INVALID_GRANT, "The code is unknown, expired or revoked");
    return rc;
}

/* ---- its checks, each alone; whether it is live is asked where it is spent ---- */

/* Said before the code is spent, to the code's own client. */
static enum aa_err check_resource(const struct exchange *exchange)
{
    if (exchange->code.redeemed_ms != 0 || !aa_view_equal(exchange->code.client_id, exchange->asked->client_id) ||
        aa_server_is_resource(&exchange->server, exchange->asked->resource))
        return AA_OK;
    return aa_refuse(exchange->refused, AA_OAUTH_INVALID_TARGET, "resource is not the one that was authorized");
}

/* The same as at the authorization endpoint, byte for byte, also for loopback ports. */
static bool has_redirect_uri(const struct exchange *exchange)
{
    struct aa_view given = exchange->asked->redirect_uri;

    if (aa_view_is_absent(given))
        return !exchange->code.redirect_uri_sent;
    return aa_view_equal(given, exchange->code.redirect_uri);
}

static enum aa_err check_pkce(const struct exchange *exchange, struct aa_error *err)
{
    struct aa_error why = AA_ERROR_INIT;
    enum aa_err rc = aa_pkce_check(exchange->asked->code_verifier, exchange->code.code_challenge, &why);

    if (!rc)
        return AA_OK;
    if (aa_err_class_of(rc) != AA_CLASS_REQUEST)
        return aa_fail(err, rc, "%s", why.message);
    return aa_refuse(exchange->refused, AA_OAUTH_INVALID_GRANT, "code_verifier does not match");
}

static enum aa_err check_code(const struct exchange *exchange, struct aa_error *err)
{
    if (!aa_view_equal(exchange->code.client_id, exchange->asked->client_id))
        return aa_refuse(exchange->refused, AA_OAUTH_INVALID_GRANT, "The code belongs to another client");
    if (!has_redirect_uri(exchange))
        return aa_refuse(exchange->refused, AA_OAUTH_INVALID_GRANT, "redirect_uri is not the one that was authorized");
    return check_pkce(exchange, err);
}

/* ---- spending it ---- */

static enum aa_err note(struct aa_conn *conn, const struct exchange *exchange, enum aa_audit_event event,
                        struct aa_error *err)
{
    const struct aa_code *code = &exchange->code;
    bool is_issue = event == AA_AUDIT_TOKEN_ISSUED;
    struct aa_audit_entry entry = {
        .event = event,
        .actor = exchange->asked->client_id,
        .user_id = code->user_id,
        .client_id = code->client_id,
        .server_id = code->server_id,
        .grant_id = code->grant_id,
        .details = {{"scope", is_issue ? code->scope : AA_VIEW_ABSENT},
                    {"jti", is_issue ? aa_buf_view(&exchange->tokens.jti) : AA_VIEW_ABSENT}}};

    return aa_audit_note(exchange->app, conn, &entry, err);
}

static enum aa_err issue(struct aa_conn *conn, struct exchange *exchange, struct aa_error *err)
{
    enum aa_err rc;

    exchange->is_issued = true;

    rc = aa_tokens_store_access(conn, &exchange->tokens, err);
    if (!rc && exchange->tokens.what.with_refresh)
        rc = aa_tokens_store_refresh(conn, &exchange->tokens, err);
    if (!rc)
        rc = aa_tokens_note_client(conn, &exchange->client, exchange->now_ms, err);
    if (!rc)
        rc = aa_tokens_note_grant(conn, &exchange->tokens, err);
    return rc ? rc : note(conn, exchange, AA_AUDIT_TOKEN_ISSUED, err);
}

static enum aa_err issue_if_live(struct aa_conn *conn, struct exchange *exchange, struct aa_error *err)
{
    const struct aa_code *code = &exchange->code;
    struct aa_live_item item = {.grant_id = code->grant_id,
                                .user_id = code->user_id,
                                .client_id = code->client_id,
                                .server_id = code->server_id,
                                .expires_ms = code->expires_ms};
    bool is_live = false;
    enum aa_err rc;

    rc = aa_live_item_check(conn, &item, exchange->now_ms, &is_live, err);
    if (rc)
        return rc;
    if (is_live)
        return issue(conn, exchange, err);
    aa_refuse(exchange->refused, AA_OAUTH_INVALID_GRANT, "The code is unknown, expired or revoked");
    return AA_OK;
}

/* A refusal is committed: the code stays spent, and what a replayed one issued stays revoked. */
static enum aa_err spend(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    struct exchange *exchange = ctx;
    struct aa_code spent = {0};
    bool won = false;
    enum aa_err rc;

    exchange->is_issued = exchange->is_replayed = false;
    if (exchange->is_good)
        *exchange->refused = (struct aa_refused)AA_REFUSED_INIT;
    rc = aa_code_redeem(conn, code_key(exchange), exchange->now_ms, &won, &spent, err);
    aa_record_clear(&spent.memory);
    if (rc)
        return rc;
    if (!won) {
        exchange->is_replayed = true;
        aa_refuse(exchange->refused, AA_OAUTH_INVALID_GRANT, "The code was used already");
        rc = aa_grant_revoke(conn, exchange->code.grant_id, exchange->now_ms, err);
        return rc ? rc : note(conn, exchange, AA_AUDIT_CODE_REPLAYED, err);
    }
    return exchange->is_good ? issue_if_live(conn, exchange, err) : AA_OK;
}

/* ---- the whole ---- */

static enum aa_err mint(struct aa_app *app, struct exchange *exchange, struct aa_buf *answer, struct aa_error *err)
{
    const struct aa_code *code = &exchange->code;
    struct aa_issue what = {.grant_id = code->grant_id,
                            .client_id = code->client_id,
                            .user_id = code->user_id,
                            .server_id = code->server_id,
                            .audience = exchange->server.server_url,
                            .scope = code->scope,
                            .refresh_scope = code->scope,
                            .with_refresh = aa_client_has_grant(&exchange->client, "refresh_token")};
    enum aa_err rc;

    rc = aa_tokens_mint(app, &what, &exchange->tokens, err);
    return rc ? rc : aa_tokens_add_json(&exchange->tokens, answer, err);
}

/* The answer is written before the code is spent: what cannot be told must not cost the client its code. */
static enum aa_err redeem(struct aa_app *app, struct exchange *exchange, struct aa_buf *answer, struct aa_error *err)
{
    enum aa_err rc;

    rc = check_resource(exchange);
    if (rc)
        return rc;
    rc = check_code(exchange, err);
    if (rc && exchange->refused->error == AA_OAUTH_NONE)
        return rc;
    exchange->is_good = rc == AA_OK;
    if (exchange->is_good)
        rc = mint(app, exchange, answer, err);
    if (exchange->is_good && rc)
        return rc;
    rc = aa_db_write(app->db, spend, exchange, err);
    if (exchange->is_issued && !rc)
        aa_metrics_count(app->metrics, AA_COUNT_TOKENS_BY_CODE);
    if (!exchange->is_replayed || rc)
        return rc;
    aa_metrics_count(app->metrics, AA_COUNT_CODE_REPLAYED);
    aa_app_log(app, AA_LOG_WARNING, NULL, "a code was used again: grant %.*s of client %.*s is revoked",
               AA_VIEW_ARGS(exchange->code.grant_id), AA_VIEW_ARGS(exchange->code.client_id));
    return rc;
}

static void clear(struct exchange *exchange)
{
    aa_tokens_clear(&exchange->tokens);
    aa_record_clear(&exchange->client.memory);
    aa_record_clear(&exchange->code.memory);
    aa_record_clear(&exchange->server.memory);
}

enum aa_err aa_code_exchange(struct aa_app *app, const struct aa_exchange *asked, struct aa_buf *answer,
                             struct aa_refused *refused, struct aa_error *err)
{
    struct exchange exchange = {.app = app, .asked = asked, .refused = refused, .now_ms = aa_app_now_ms(app)};
    size_t start = answer->len;
    enum aa_err rc;

    aa_tokens_init(&exchange.tokens);
    rc = aa_db_read(app->db, load, &exchange, err);
    if (!rc)
        rc = redeem(app, &exchange, answer, err);
    if (!rc && refused->error != AA_OAUTH_NONE)
        rc = AA_ERR_REQUEST_MALFORMED;
    if (rc)
        aa_buf_cut(answer, start);
    clear(&exchange);
    return rc;
}

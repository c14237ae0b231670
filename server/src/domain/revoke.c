#include "domain/revoke.h"

#include "domain/audit.h"
#include "domain/clients.h"
#include "domain/secret.h"

struct revocation {
    const struct aa_app *app;
    struct aa_view client_id, token;
    enum aa_client_method method;
    struct aa_refused *refused;
    int64_t now_ms;
    bool is_done;
};

/* Whose token it is, and of which grant; *memory holds both. */
struct owner {
    char *memory;
    struct aa_view client_id, grant_id, user_id, server_id;
};

static enum aa_err find_refresh(struct aa_conn *conn, struct aa_view token, struct owner *owner, struct aa_error *err)
{
    struct aa_refresh_token row = {0};
    uint8_t key[AA_DIGEST_KEY_LEN];
    enum aa_err rc;

    rc = aa_secret_find_key(AA_REFRESH_PREFIX, token, key, err);
    if (!rc)
        rc = aa_refresh_token_find(conn, aa_view_make(key, sizeof key), &row, err);
    if (!rc)
        *owner = (struct owner){row.memory, row.client_id, row.grant_id, row.user_id, row.server_id};
    return rc;
}

static enum aa_err find_access(struct aa_conn *conn, struct aa_view token, struct owner *owner, struct aa_error *err)
{
    struct aa_live_token row = {0};
    uint8_t key[AA_DIGEST_KEY_LEN];
    enum aa_err rc;

    rc = aa_secret_access_key(token, key, err);
    if (!rc)
        rc = aa_live_token_find(conn, aa_view_make(key, sizeof key), &row, err);
    if (!rc)
        *owner = (struct owner){row.memory, row.client_id, row.grant_id, row.user_id, row.server_id};
    return rc;
}

/* token_type_hint need not be believed (RFC 7009 §2.1): the two look different. */
static enum aa_err find_owner(struct aa_conn *conn, struct aa_view token, struct owner *owner, struct aa_error *err)
{
    bool is_refresh = aa_view_has_prefix(token, AA_VIEW(AA_REFRESH_PREFIX));

    return is_refresh ? find_refresh(conn, token, owner, err) : find_access(conn, token, owner, err);
}

static enum aa_err check_client(struct aa_conn *conn, const struct revocation *revocation, struct aa_error *err)
{
    struct aa_client client = {0};
    enum aa_err rc;

    rc = aa_client_find_asking(conn, revocation->client_id, revocation->method, revocation->now_ms, &client,
                               revocation->refused, err);
    aa_record_clear(&client.memory);
    return rc;
}

static enum aa_err revoke_grant(struct aa_conn *conn, struct revocation *revocation, const struct owner *owner,
                                struct aa_error *err)
{
    struct aa_audit_entry entry = {.event = AA_AUDIT_REVOKE,
                                   .actor = owner->client_id,
                                   .user_id = owner->user_id,
                                   .client_id = owner->client_id,
                                   .server_id = owner->server_id,
                                   .grant_id = owner->grant_id};
    enum aa_err rc;

    revocation->is_done = true;
    rc = aa_grant_revoke(conn, owner->grant_id, revocation->now_ms, err);
    return rc ? rc : aa_audit_note(revocation->app, conn, &entry, err);
}

static enum aa_err revoke(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    struct revocation *revocation = ctx;
    struct owner owner = {0};
    enum aa_err rc;

    revocation->is_done = false;
    *revocation->refused = (struct aa_refused)AA_REFUSED_INIT;
    rc = check_client(conn, revocation, err);
    if (rc)
        return rc;
    rc = find_owner(conn, revocation->token, &owner, err);
    if (rc == AA_ERR_NOT_FOUND || rc == AA_ERR_TOKEN_FORMAT)
        return AA_OK;
    if (rc)
        return rc;
    if (aa_view_equal(owner.client_id, revocation->client_id))
        rc = revoke_grant(conn, revocation, &owner, err);
    else
        rc = aa_refuse(revocation->refused, AA_OAUTH_INVALID_GRANT, "The token belongs to another client");
    aa_record_clear(&owner.memory);
    return rc;
}

enum aa_err aa_token_revoke(struct aa_app *app, struct aa_view client_id, enum aa_client_method method,
                            struct aa_view token, struct aa_refused *refused, struct aa_error *err)
{
    struct revocation revocation = {app, client_id, token, method, refused, aa_app_now_ms(app), false};
    enum aa_err rc = aa_db_write(app->db, revoke, &revocation, err);

    if (!rc && revocation.is_done)
        aa_metrics_count(app->metrics, AA_COUNT_REVOCATIONS);
    return rc;
}

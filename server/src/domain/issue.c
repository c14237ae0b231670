#include "domain/issue.h"

#include <string.h>

#include "base/error.h"
#include "domain/keyring.h"
#include "domain/secret.h"
#include "jose/jws.h"

#define JTI_LEN 22             /* characters of 62: 130 bits */
#define CLAIMS_MAX 5900        /* bytes: encoded and signed, they stay below AA_JWT_MAX */
#define CLIENT_NOTE_MS 3600000 /* how stale a client's last use may be */
#define GRANT_NOTE_MS (INT64_C(600) * 1000)

void aa_tokens_init(struct aa_tokens *tokens)
{
    memset(tokens, 0, sizeof *tokens);
    aa_buf_init(&tokens->access, AA_JWT_MAX);
    aa_buf_init(&tokens->jti, JTI_LEN);
    aa_buf_init(&tokens->refresh, AA_SECRET_MAX);
}

void aa_tokens_clear(struct aa_tokens *tokens)
{
    aa_buf_wipe_clear(&tokens->access);
    aa_buf_wipe_clear(&tokens->jti);
    aa_buf_wipe_clear(&tokens->refresh);
}

static void add_claim(struct aa_buf *claims, const char *name, struct aa_view text)
{
    aa_buf_add_format(claims, ",\"%s\":", name);
    aa_buf_add_json_string(claims, text);
}

/* RFC 9068 §2.2. `iat` stands first: its second leads the row's key (domain/secret.h). */
static enum aa_err build_claims(const struct aa_app *app, const struct aa_tokens *tokens, struct aa_buf *claims,
                                struct aa_error *err)
{
    const struct aa_issue *what = &tokens->what;

    aa_buf_add_text(claims, "{\"iat\":");
    aa_buf_add_int(claims, tokens->issued_s);
    aa_buf_add_text(claims, ",\"exp\":");
    aa_buf_add_int(claims, tokens->access_expires_s);
    add_claim(claims, "iss", aa_view_of(app->settings.issuer));
    add_claim(claims, "sub", what->user_id);
    add_claim(claims, "aud", what->audience);
    add_claim(claims, "client_id", what->client_id);
    add_claim(claims, "jti", aa_buf_view(&tokens->jti));
    add_claim(claims, "scope", what->scope);
    aa_buf_add_char(claims, '}');
    return aa_buf_check(claims, "the claims of an access token", err);
}

static enum aa_err mint_access(struct aa_app *app, struct aa_tokens *tokens, struct aa_error *err)
{
    struct aa_buf claims;
    enum aa_err rc;

    aa_buf_init(&claims, CLAIMS_MAX);
    rc = aa_random_alnum(app->random, app->ctx, JTI_LEN, &tokens->jti);
    if (rc)
        aa_fail(err, rc, "no random characters for a token's id");
    else
        rc = aa_buf_check(&tokens->jti, "a token's id", err);
    if (!rc)
        rc = build_claims(app, tokens, &claims, err);
    if (!rc)
        rc = aa_keyring_sign(app->keyring, tokens->issued_s * 1000, AA_VIEW("at+jwt"), aa_buf_view(&claims),
                             &tokens->access, err);
    if (!rc)
        rc = aa_buf_check(&tokens->access, "an access token", err);
    if (!rc)
        rc = aa_secret_issued_key(aa_buf_view(&tokens->access), tokens->issued_s, tokens->access_key, err);
    aa_buf_clear(&claims);
    return rc;
}

enum aa_err aa_tokens_mint(struct aa_app *app, const struct aa_issue *what, struct aa_tokens *tokens,
                           struct aa_error *err)
{
    int64_t now_ms = aa_app_now_ms(app);
    enum aa_err rc;

    tokens->what = *what;
    tokens->issued_s = now_ms / 1000;
    tokens->access_expires_s = tokens->issued_s + app->settings.access_ttl_s;
    tokens->refresh_expires_ms = now_ms + app->settings.refresh_ttl_s * 1000;
    rc = mint_access(app, tokens, err);
    if (!rc && what->with_refresh)
        rc = aa_secret_mint(app, AA_REFRESH_PREFIX, &tokens->refresh, tokens->refresh_key, err);
    return rc;
}

/* The row says what the token says, to the second. */
enum aa_err aa_tokens_store_access(struct aa_conn *conn, const struct aa_tokens *tokens, struct aa_error *err)
{
    struct aa_access_token row = {.token_key = aa_view_make(tokens->access_key, sizeof tokens->access_key),
                                  .jti = aa_buf_view(&tokens->jti),
                                  .grant_id = tokens->what.grant_id,
                                  .scope = tokens->what.scope,
                                  .audience = tokens->what.audience,
                                  .issued_ms = tokens->issued_s * 1000,
                                  .expires_ms = tokens->access_expires_s * 1000};

    return aa_access_token_create(conn, &row, err);
}

enum aa_err aa_tokens_store_refresh(struct aa_conn *conn, const struct aa_tokens *tokens, struct aa_error *err)
{
    struct aa_refresh_token row = {.token_key = aa_view_make(tokens->refresh_key, sizeof tokens->refresh_key),
                                   .grant_id = tokens->what.grant_id,
                                   .client_id = tokens->what.client_id,
                                   .user_id = tokens->what.user_id,
                                   .server_id = tokens->what.server_id,
                                   .scope = tokens->what.refresh_scope,
                                   .issued_ms = tokens->issued_s * 1000,
                                   .expires_ms = tokens->refresh_expires_ms};

    return aa_refresh_token_create(conn, &row, err);
}

enum aa_err aa_tokens_note_client(struct aa_conn *conn, const struct aa_client *client, int64_t now_ms,
                                  struct aa_error *err)
{
    if (client->expires_ms == 0 && now_ms - client->last_used_ms < CLIENT_NOTE_MS)
        return AA_OK;
    return aa_client_mark_used(conn, client->client_id, now_ms, err);
}

enum aa_err aa_tokens_note_grant(struct aa_conn *conn, const struct aa_tokens *tokens, struct aa_error *err)
{
    int64_t now_ms = tokens->issued_s * 1000;

    return aa_grant_mark_used(conn, tokens->what.grant_id, now_ms, now_ms - GRANT_NOTE_MS, err);
}

enum aa_err aa_tokens_add_json(const struct aa_tokens *tokens, struct aa_buf *out, struct aa_error *err)
{
    aa_buf_add_text(out, "{\"access_token\":");
    aa_buf_add_json_string(out, aa_buf_view(&tokens->access));
    aa_buf_add_text(out, ",\"token_type\":\"Bearer\",\"expires_in\":");
    aa_buf_add_int(out, tokens->access_expires_s - tokens->issued_s);
    if (tokens->refresh.len > 0)
        add_claim(out, "refresh_token", aa_buf_view(&tokens->refresh));
    add_claim(out, "scope", tokens->what.scope);
    aa_buf_add_char(out, '}');
    return aa_buf_check(out, "the tokens", err);
}

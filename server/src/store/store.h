/* The store's operations: each is one statement, or a few on the same connection, and is called inside aa_db_read() or
 * aa_db_write() (marked R, W). Those that decide a race (redeem, rotate, consume) are one atomic statement whose
 * outcome says who won. SQL stands only in this folder, once, in the common dialect of SQLite and PostgreSQL.
 *
 * A find that finds nothing is AA_ERR_NOT_FOUND, also when it was asked for an ill-formed text. A create that collides
 * is AA_ERR_CONFLICT, of an ill-formed text AA_ERR_UTF8; after either the transaction goes on. One whose row belongs to
 * something that is not there is AA_ERR_NOT_FOUND, and may have ended it: give up. Any may return AA_ERR_STORE* or
 * AA_ERR_NOMEM. */
#ifndef AA_STORE_STORE_H
#define AA_STORE_STORE_H

#include "base/buf.h"
#include "db/db.h"
#include "store/records.h"

#define AA_STORE AA_CHECK enum aa_err

/* Called once a row by the list operations; the record is borrowed for the call. Return an error to stop. */
typedef enum aa_err (*aa_row_fn)(void *ctx, const void *record, struct aa_error *err);

/* users */
AA_STORE aa_user_create(struct aa_conn *c, const struct aa_user *user, struct aa_error *err);                /* W */
AA_STORE aa_user_find(struct aa_conn *c, struct aa_view user_id, struct aa_user *out, struct aa_error *err); /* R */
AA_STORE aa_user_find_by_email(struct aa_conn *c, struct aa_view email, struct aa_user *out,
                               struct aa_error *err); /* R */
/* R: appends the address as the one above compares it: two that find the same person give the same bytes. Ill-formed
 * text, which finds nobody, stays as it is. */
AA_STORE aa_email_fold(struct aa_conn *c, struct aa_view email, struct aa_buf *out, struct aa_error *err);
AA_STORE aa_user_set_password(struct aa_conn *c, struct aa_view user_id, struct aa_view phc,
                              struct aa_error *err); /* W; ends the user's sessions */
AA_STORE aa_user_set_disabled(struct aa_conn *c, struct aa_view user_id, int64_t disabled_ms,
                              struct aa_error *err); /* W; 0 enables again */
/* W: whoever disables or holds the same person waits until this transaction ends. */
AA_STORE aa_user_hold(struct aa_conn *c, struct aa_view user_id, struct aa_error *err);
AA_STORE aa_user_list(struct aa_conn *c, aa_row_fn row, void *ctx, struct aa_error *err); /* R; struct aa_user */

/* sessions */
AA_STORE aa_session_create(struct aa_conn *c, const struct aa_session *session, struct aa_error *err); /* W */
AA_STORE aa_session_find(struct aa_conn *c, struct aa_view session_digest, struct aa_session *out,
                         struct aa_error *err); /* R */
AA_STORE aa_session_delete(struct aa_conn *c, struct aa_view session_digest,
                           struct aa_error *err); /* W; none is fine */
AA_STORE aa_session_delete_of_user(struct aa_conn *c, struct aa_view user_id, struct aa_error *err); /* W */
/* W: all of the person's but that one; *ended is how many were not over. */
AA_STORE aa_session_delete_others(struct aa_conn *c, struct aa_view user_id, struct aa_view session_digest,
                                  int64_t now_ms, int64_t *ended, struct aa_error *err);
/* R; struct aa_session. The person's that are not over, at most `limit`: that one first, then the newest. */
AA_STORE aa_session_list(struct aa_conn *c, struct aa_view user_id, struct aa_view session_digest, int64_t now_ms,
                         int64_t limit, aa_row_fn row, void *ctx, struct aa_error *err);

/* registered MCP servers and their keys */
AA_STORE aa_server_create(struct aa_conn *c, const struct aa_server *server,
                          struct aa_error *err); /* W; CONFLICT when the resource is registered */
AA_STORE aa_server_find(struct aa_conn *c, struct aa_view server_id, struct aa_server *out,
                        struct aa_error *err); /* R */
AA_STORE aa_server_find_by_resource(struct aa_conn *c, struct aa_view resource_normal, struct aa_server *out,
                                    struct aa_error *err); /* R */
AA_STORE
aa_server_find_only(struct aa_conn *c, struct aa_server *out,
                    struct aa_error *err); /* R; the one registered server; NOT_FOUND when there are none or several */
AA_STORE aa_server_update(struct aa_conn *c, const struct aa_server *server,
                          struct aa_error *err); /* W; name, scopes, default_scopes */
AA_STORE aa_server_delete(struct aa_conn *c, struct aa_view server_id, int64_t now_ms,
                          struct aa_error *err); /* W; its keys and consents go, its grants are revoked */
AA_STORE aa_server_list(struct aa_conn *c, aa_row_fn row, void *ctx, struct aa_error *err); /* R; struct aa_server */
AA_STORE aa_server_key_create(struct aa_conn *c, const struct aa_server_key *key,
                              struct aa_error *err); /* W; NOT_FOUND without the server */
AA_STORE aa_server_key_find(struct aa_conn *c, struct aa_view key_id, struct aa_server_key *out,
                            struct aa_error *err); /* R */
AA_STORE aa_server_key_revoke(struct aa_conn *c, struct aa_view server_id, struct aa_view key_id, int64_t now_ms,
                              struct aa_error *err); /* W; NOT_FOUND unless it is that server's */
AA_STORE aa_server_key_mark_used(struct aa_conn *c, struct aa_view key_id, int64_t now_ms,
                                 struct aa_error *err); /* W */
AA_STORE aa_server_key_has_imported(struct aa_conn *c, bool *any,
                                    struct aa_error *err); /* R; one of the older service that is not revoked */
AA_STORE aa_server_key_list(struct aa_conn *c, struct aa_view server_id, aa_row_fn row, void *ctx,
                            struct aa_error *err); /* R; struct aa_server_key */

/* clients */
AA_STORE aa_client_create(struct aa_conn *c, const struct aa_client *client,
                          struct aa_error *err); /* W; CONFLICT on id or fingerprint */
AA_STORE aa_client_find(struct aa_conn *c, struct aa_view client_id, struct aa_client *out,
                        struct aa_error *err); /* R */
AA_STORE aa_client_find_by_fingerprint(struct aa_conn *c, struct aa_view fingerprint, struct aa_client *out,
                                       struct aa_error *err); /* R */
AA_STORE aa_client_mark_used(struct aa_conn *c, struct aa_view client_id, int64_t now_ms,
                             struct aa_error *err); /* W; clears expires_ms */
AA_STORE aa_client_extend(struct aa_conn *c, struct aa_view client_id, int64_t expires_ms,
                          struct aa_error *err); /* W; only when it has an expiry */
AA_STORE aa_client_delete(struct aa_conn *c, struct aa_view client_id, int64_t now_ms,
                          struct aa_error *err); /* W; its grants are revoked */
/* W: whoever changes or holds the same client waits until this transaction ends. NOT_FOUND when there is none. */
AA_STORE aa_client_hold(struct aa_conn *c, struct aa_view client_id, struct aa_error *err);
/* Clients that are known by the URL of their metadata document. Of two answers of a site the later one counts,
 * whichever comes first; one that is AA_CLIENT_CLOCKS_MS ahead was given by a wrong clock, and is none. */
#define AA_CLIENT_CLOCKS_MS INT64_C(3600000)
/* W: the client, or what its document says now; when it was made and used stays, and one that was used does not expire
 * again. CONFLICT when a client of that name came otherwise, or the site was asked later than client->fetched_ms. */
AA_STORE aa_client_put_document(struct aa_conn *c, const struct aa_client *client, struct aa_error *err);
/* W: the copy of that time is good for longer; nothing happens to another. */
AA_STORE aa_client_keep_document(struct aa_conn *c, struct aa_view client_id, int64_t fetched_ms,
                                 int64_t fresh_until_ms, struct aa_error *err);
/* W: at that time the site said that the client is no more; nothing happens when it was asked later. */
AA_STORE aa_client_withdraw_document(struct aa_conn *c, struct aa_view client_id, int64_t fetched_ms,
                                     struct aa_error *err);
/* W: who may ask for the client's keys: for one caller, and only when they were last asked for at asked_before_ms or
 * earlier. NOT_FOUND for the others. */
AA_STORE aa_client_claim_keys(struct aa_conn *c, struct aa_view client_id, int64_t now_ms, int64_t asked_before_ms,
                              struct aa_error *err);
/* W: whoever claimed has no keys to put: they were last asked for at asked_ms. Nothing happens when somebody else
 * claimed since, or put some. */
AA_STORE aa_client_settle_keys(struct aa_conn *c, struct aa_view client_id, int64_t claimed_ms, int64_t asked_ms,
                               struct aa_error *err);
/* W: the keys that jwks_uri gave when it was asked at `fetched_ms`, absent for none; NOT_FOUND unless it is still the
 * client's, and was not asked later. */
AA_STORE aa_client_put_keys(struct aa_conn *c, struct aa_view client_id, struct aa_view jwks_uri, struct aa_view jwks,
                            int64_t fetched_ms, struct aa_error *err);
/* W: AA_OK for exactly one caller, CONFLICT for all others until the row is swept. */
AA_STORE aa_client_assertion_use(struct aa_conn *c, const struct aa_used_assertion *assertion, struct aa_error *err);
AA_STORE aa_client_list(struct aa_conn *c, aa_row_fn row, void *ctx, struct aa_error *err); /* R; struct aa_client */
AA_STORE aa_client_count(struct aa_conn *c, int64_t *out, struct aa_error *err);            /* R */
AA_STORE aa_client_evict(struct aa_conn *c, bool *made_room,
                         struct aa_error *err); /* W; of those never used the one that would run out first */

/* authorization requests under way */
AA_STORE aa_auth_request_create(struct aa_conn *c, const struct aa_auth_request *request, struct aa_error *err); /* W */
AA_STORE aa_auth_request_find(struct aa_conn *c, struct aa_view request_digest, struct aa_auth_request *out,
                              struct aa_error *err); /* R; also consumed or expired ones */
AA_STORE aa_auth_request_set_user(struct aa_conn *c, struct aa_view request_digest, struct aa_view user_id,
                                  struct aa_error *err); /* W; NOT_FOUND when consumed */
/* W: compare-and-set. *won is true for exactly one caller, and only before its expiry. */
AA_STORE aa_auth_request_consume(struct aa_conn *c, struct aa_view request_digest, int64_t now_ms, bool *won,
                                 struct aa_error *err);

/* consents and grants */
AA_STORE aa_consent_put(struct aa_conn *c, const struct aa_consent *consent,
                        struct aa_error *err); /* W; replaces that of the same user, client, server, redirect URI */
/* W: unless there is one, revoked or not; *is_new tells. */
AA_STORE aa_consent_put_new(struct aa_conn *c, const struct aa_consent *consent, bool *is_new, struct aa_error *err);
AA_STORE aa_consent_find(struct aa_conn *c, struct aa_view user_id, struct aa_view client_id, struct aa_view server_id,
                         struct aa_view redirect_uri, struct aa_consent *out,
                         struct aa_error *err); /* R; a revoked one is NOT_FOUND */
/* W: the person's for that client and server, whatever the redirect URI; *revoked is how many. */
AA_STORE aa_consent_revoke(struct aa_conn *c, struct aa_view user_id, struct aa_view client_id,
                           struct aa_view server_id, int64_t now_ms, int64_t *revoked, struct aa_error *err);
AA_STORE aa_grant_create(struct aa_conn *c, const struct aa_grant *grant, struct aa_error *err); /* W */
AA_STORE aa_grant_find(struct aa_conn *c, struct aa_view grant_id, struct aa_grant *out,
                       struct aa_error *err); /* R; revoked ones too */
AA_STORE aa_grant_revoke(struct aa_conn *c, struct aa_view grant_id, int64_t now_ms,
                         struct aa_error *err); /* W; every token of it is dead with it: "is live" looks at the grant */
AA_STORE aa_grant_revoke_of_user(struct aa_conn *c, struct aa_view user_id, int64_t now_ms,
                                 struct aa_error *err); /* W; grants and consents */
/* W; struct aa_grant. Revokes the person's grants of that client at that server; each is a row for exactly one caller.
 */
AA_STORE aa_grant_revoke_at(struct aa_conn *c, struct aa_view user_id, struct aa_view client_id,
                            struct aa_view server_id, int64_t now_ms, aa_row_fn row, void *ctx, struct aa_error *err);
/* W: unless it was used since `before_ms`; none is fine. */
AA_STORE aa_grant_mark_used(struct aa_conn *c, struct aa_view grant_id, int64_t now_ms, int64_t before_ms,
                            struct aa_error *err);
/* R; struct aa_named_access. The person's grants and consents that are not revoked and whose client and server are
 * still there, those used last first. */
AA_STORE aa_named_access_list(struct aa_conn *c, struct aa_view user_id, aa_row_fn row, void *ctx,
                              struct aa_error *err);
AA_STORE aa_grant_list(struct aa_conn *c, struct aa_view user_id, aa_row_fn row, void *ctx,
                       struct aa_error *err); /* R; struct aa_grant */
/* R: how many grants do not say of their person what the person's row says: none, unless somebody switched off what
 * keeps that copy true. Takes long: looks at every grant. */
AA_STORE aa_grant_count_untrue(struct aa_conn *c, int64_t *out, struct aa_error *err);

/* codes */
AA_STORE aa_code_create(struct aa_conn *c, const struct aa_code *code, struct aa_error *err); /* W */
AA_STORE aa_code_find(struct aa_conn *c, struct aa_view code_key, struct aa_code *out,
                      struct aa_error *err); /* R; spent and expired ones too */
/* W: spends the code. *won is true for exactly one caller; *out is filled for winners and for replays (so that the
 * caller can revoke out->grant_id). AA_ERR_NOT_FOUND when there never was such a code or it is gone. Expiry is the
 * caller's check: a spent code stays spent. */
AA_STORE aa_code_redeem(struct aa_conn *c, struct aa_view code_key, int64_t now_ms, bool *won, struct aa_code *out,
                        struct aa_error *err);

/* tokens */
AA_STORE aa_access_token_create(struct aa_conn *c, const struct aa_access_token *token, struct aa_error *err); /* W */
AA_STORE aa_access_token_revoke(struct aa_conn *c, struct aa_view token_key, int64_t now_ms,
                                struct aa_error *err); /* W */
AA_STORE aa_live_token_find(struct aa_conn *c, struct aa_view token_key, struct aa_live_token *out,
                            struct aa_error *err); /* R; the row with its grant and user, dead or alive */
/* R; of *out only grant_revoked_ms and user_disabled_ms: the same for something else that was issued from a grant.
 * NOT_FOUND unless grant, person, client and server are all there. */
AA_STORE aa_live_parties_find(struct aa_conn *c, struct aa_view grant_id, struct aa_view user_id,
                              struct aa_view client_id, struct aa_view server_id, struct aa_live_token *out,
                              struct aa_error *err);
AA_STORE aa_refresh_token_create(struct aa_conn *c, const struct aa_refresh_token *token, struct aa_error *err); /* W */
AA_STORE aa_refresh_token_find(struct aa_conn *c, struct aa_view token_key, struct aa_refresh_token *out,
                               struct aa_error *err); /* R */
/* W: marks the token rotated and keeps its sealed successor. *won is true for exactly one caller; for the others *out
 * is the row as the winner left it (its rotated_ms and successor_sealed decide replay or reuse). On winning *out is the
 * row too. AA_ERR_NOT_FOUND when there is none. */
AA_STORE aa_refresh_token_rotate(struct aa_conn *c, struct aa_view token_key, struct aa_view successor_sealed,
                                 int64_t now_ms, bool *won, struct aa_refresh_token *out, struct aa_error *err);
AA_STORE aa_refresh_token_revoke(struct aa_conn *c, struct aa_view token_key, int64_t now_ms,
                                 struct aa_error *err); /* W */

/* signing keys, the administrator's token, small settings */
AA_STORE aa_signing_key_create(struct aa_conn *c, const struct aa_signing_key *key, struct aa_error *err); /* W */
AA_STORE aa_signing_key_retire(struct aa_conn *c, int64_t retired_ms,
                               struct aa_error *err); /* W; all that would sign later than that */
AA_STORE aa_signing_key_delete(struct aa_conn *c, struct aa_view kid, int64_t now_ms,
                               struct aa_error *err); /* W; NOT_FOUND unless it is retired by now */
AA_STORE aa_signing_key_list(struct aa_conn *c, aa_row_fn row, void *ctx,
                             struct aa_error *err); /* R; struct aa_signing_key, newest first */
AA_STORE aa_setting_get(struct aa_conn *c, struct aa_view name, char **memory, struct aa_view *value,
                        struct aa_error *err); /* R; value is bytes */
AA_STORE aa_setting_put(struct aa_conn *c, struct aa_view name, struct aa_view value, struct aa_error *err); /* W */
AA_STORE aa_setting_put_new(struct aa_conn *c, struct aa_view name, struct aa_view value,
                            struct aa_error *err); /* W; CONFLICT when it is there */
/* W: of those who hold the same name each waits until the one before has ended, and then sees what it did. The name
 * becomes a setting without a value. */
AA_STORE aa_setting_hold(struct aa_conn *c, struct aa_view name, struct aa_error *err);

/* lock-outs: failures counted under a key (a digest of what is limited) in a sliding window */
AA_STORE aa_lockout_find(struct aa_conn *c, struct aa_view key, int64_t *failures, int64_t *until_ms,
                         struct aa_error *err); /* R; zeros when there is none */
AA_STORE aa_lockout_put(struct aa_conn *c, struct aa_view key, int64_t failures, int64_t until_ms, int64_t expires_ms,
                        struct aa_error *err);                                          /* W */
AA_STORE aa_lockout_clear(struct aa_conn *c, struct aa_view key, struct aa_error *err); /* W */
/* W: every key from `first` to `last`, bytes compared from the left, both included. */
AA_STORE aa_lockout_clear_range(struct aa_conn *c, struct aa_view first, struct aa_view last, struct aa_error *err);
/* W: what is read of the key afterwards stays so until this transaction ends: two tries do not both find it open. */
AA_STORE aa_lockout_hold(struct aa_conn *c, struct aa_view key, int64_t expires_ms, struct aa_error *err);
/* W: one more failure, atomically; *failures is the new count; the count starts anew when expires_ms had passed. */
AA_STORE aa_lockout_add(struct aa_conn *c, struct aa_view key, int64_t now_ms, int64_t expires_ms, int64_t *failures,
                        struct aa_error *err);

/* W: removes at most `limit` rows that are past their use (expired requests, codes, tokens, assertions, sessions,
 * lock-outs, unused clients); *removed tells how many: none while another process does the same. Revoked grants stay. A
 * refresh token stays until its expiry so that reuse is noticed. */
AA_STORE aa_store_sweep(struct aa_conn *c, int64_t now_ms, int64_t limit, int64_t *removed, struct aa_error *err);

/* The tables by number, from 0: what each is called, and how many rows it has. Counting may take seconds. */
size_t aa_store_table_count(void);
const char *aa_store_table_name(size_t table);
AA_STORE aa_store_table_rows(struct aa_conn *c, size_t table, int64_t *rows, struct aa_error *err); /* R */

#endif

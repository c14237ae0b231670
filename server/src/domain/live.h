/* Is a token live? One predicate, for introspection, userinfo, refresh and whatever comes. */
#ifndef AA_DOMAIN_LIVE_H
#define AA_DOMAIN_LIVE_H

#include <stdbool.h>

#include "domain/app.h"
#include "store/store.h"

/* Not expired, not revoked, nor is its grant, and the person may still log in. (A token whose person, client or server
 * is gone is not even found.) */
bool aa_live_token_is_live(const struct aa_live_token *token, int64_t now_ms);

/* Inside a closure: the same for something else that was issued from a grant, a code or a refresh token. The caller
 * says its expiry and its own revocation (0: none). */
struct aa_live_item {
    struct aa_view grant_id, user_id, client_id, server_id;
    int64_t expires_ms, revoked_ms;
};
AA_CHECK enum aa_err aa_live_item_check(struct aa_conn *conn, const struct aa_live_item *item, int64_t now_ms,
                                        bool *is_live, struct aa_error *err);

/* Looks an access token up and judges it. AA_OK and *out filled (clear with aa_record_clear); AA_ERR_TOKEN_INACTIVE for
 * anything that is no live access token of ours; storage trouble. */
AA_CHECK enum aa_err aa_live_token_open(struct aa_app *app, struct aa_view token, struct aa_live_token *out,
                                        struct aa_error *err);
/* The same for a registered server that asks: a server learns only of tokens meant for it, all others are
 * AA_ERR_TOKEN_INACTIVE (RFC 7662 §2.2, §4). */
AA_CHECK enum aa_err aa_live_token_open_for(struct aa_app *app, struct aa_view server_id, struct aa_view token,
                                            struct aa_live_token *out, struct aa_error *err);

#endif

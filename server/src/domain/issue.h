/* Tokens as they are issued. Making them takes its time (a signature), so they are made outside of closures; storing
 * them is part of the closure that decides whether they may be. Only their digests are stored. */
#ifndef AA_DOMAIN_ISSUE_H
#define AA_DOMAIN_ISSUE_H

#include "base/buf.h"
#include "domain/app.h"
#include "store/store.h"

struct aa_issue { /* what is issued to whom; borrowed */
    struct aa_view grant_id, client_id, user_id, server_id;
    struct aa_view audience;      /* the resource in its registered spelling */
    struct aa_view scope;         /* of the access token */
    struct aa_view refresh_scope; /* of the refresh token: all that was granted (RFC 6749 §6) */
    bool with_refresh;
};

struct aa_tokens {
    struct aa_issue what;
    struct aa_buf access, jti, refresh; /* refresh is empty when there is none */
    uint8_t access_key[AA_DIGEST_KEY_LEN], refresh_key[AA_DIGEST_KEY_LEN];
    int64_t issued_s, access_expires_s, refresh_expires_ms;
};

void aa_tokens_init(struct aa_tokens *tokens);
void aa_tokens_clear(struct aa_tokens *tokens); /* wipes */
/* Mints them; borrows `what` for the life of *tokens. The access token is a JWT "at+jwt" (RFC 9068). AA_ERR_RANDOM,
 * AA_ERR_CRYPTO, AA_ERR_NOMEM, AA_ERR_TOO_LONG. */
AA_CHECK enum aa_err aa_tokens_mint(struct aa_app *app, const struct aa_issue *what, struct aa_tokens *tokens,
                                    struct aa_error *err);
/* Inside a closure. */
AA_CHECK enum aa_err aa_tokens_store_access(struct aa_conn *conn, const struct aa_tokens *tokens, struct aa_error *err);
AA_CHECK enum aa_err aa_tokens_store_refresh(struct aa_conn *conn, const struct aa_tokens *tokens,
                                             struct aa_error *err);
/* Inside a closure: the client was used, so that its registration stays. Written once an hour at most. */
AA_CHECK enum aa_err aa_tokens_note_client(struct aa_conn *conn, const struct aa_client *client, int64_t now_ms,
                                           struct aa_error *err);
/* Inside a closure: the grant was used. Written every ten minutes at most, and behind the client, whose removal takes
 * its grants in this order too. */
AA_CHECK enum aa_err aa_tokens_note_grant(struct aa_conn *conn, const struct aa_tokens *tokens, struct aa_error *err);
/* Appends the answer of RFC 6749 §5.1. `scope` is always said: some clients take its absence for "none". */
AA_CHECK enum aa_err aa_tokens_add_json(const struct aa_tokens *tokens, struct aa_buf *out, struct aa_error *err);

#endif

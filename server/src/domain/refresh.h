/* A refresh token for new tokens (OAuth 2.1 §4.3): rotation, idempotent replay, reuse detection.
 *
 * A refresh token rotates at every use. Programs that share one login (Claude Code in several terminals) refresh at the
 * same moment with the same token, and a client whose connection broke asks again; so, for settings.refresh_grace_s
 * after the rotation, the old token is answered with its successor again. Was the successor itself rotated meanwhile,
 * the newest token of the line is given: whoever asks late must not be handed a token that is old already, and kill the
 * family with it an hour later. After the window a use of the old token is a theft, of that one or of what came after
 * it: the grant is revoked, and every token of it is dead. The successor is kept sealed with a key made from the old
 * token, so that the store alone gives nobody a token. A window of 0 s is strict rotation. */
#ifndef AA_DOMAIN_REFRESH_H
#define AA_DOMAIN_REFRESH_H

#include "base/buf.h"
#include "domain/app.h"
#include "domain/clients.h"
#include "domain/refused.h"

struct aa_refresh { /* as the client sent it; absent where it sent nothing */
    enum aa_client_method method;
    struct aa_view client_id, refresh_token, scope, resource;
};

/* Appends the answer to *answer. Refusals: those of aa_client_find_asking(), INVALID_GRANT (unknown, expired,
 * revoked, another client's, reused), UNAUTHORIZED_CLIENT, INVALID_SCOPE (more than was granted), INVALID_TARGET. The
 * last three cost the client nothing. */
AA_CHECK enum aa_err aa_refresh_use(struct aa_app *app, const struct aa_refresh *asked, struct aa_buf *answer,
                                    struct aa_refused *refused, struct aa_error *err);

#endif

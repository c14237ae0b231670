/* Giving tokens back (RFC 7009). */
#ifndef AA_DOMAIN_REVOKE_H
#define AA_DOMAIN_REVOKE_H

#include "domain/app.h"
#include "domain/clients.h"
#include "domain/refused.h"

/* Revokes the grant that `token`, an access or a refresh token of the client, came of: all of that family is dead, in
 * one client on one device; the person's other authorizations are not touched (RFC 7009 §2.1 asks it for refresh tokens
 * and allows it for access tokens; an access token alone would be back at the next refresh). An unknown token is no
 * error (§2.2). Refusals: those of aa_client_find_asking(), INVALID_GRANT for another client's token, which stays
 * as it is (§2.1). */
AA_CHECK enum aa_err aa_token_revoke(struct aa_app *app, struct aa_view client_id, enum aa_client_method method,
                                     struct aa_view token, struct aa_refused *refused, struct aa_error *err);

#endif

/* An authorization code for tokens (OAuth 2.1 §4.1.3). */
#ifndef AA_DOMAIN_EXCHANGE_H
#define AA_DOMAIN_EXCHANGE_H

#include "base/buf.h"
#include "domain/app.h"
#include "domain/clients.h"
#include "domain/refused.h"

struct aa_exchange { /* as the client sent it; absent where it sent nothing */
    enum aa_client_method method;
    struct aa_view client_id, code, redirect_uri, code_verifier, resource;
};

/* Redeems the code and appends the answer to *answer. A code that fails its checks is spent all the same; one that
 * comes again revokes what was issued for it (RFC 6749 §4.1.2). Only a wrong `resource` is found out before the code is
 * spent: clients try another spelling. Refusals: those of aa_client_find_asking(), INVALID_GRANT, INVALID_TARGET. */
AA_CHECK enum aa_err aa_code_exchange(struct aa_app *app, const struct aa_exchange *asked, struct aa_buf *answer,
                                      struct aa_refused *refused, struct aa_error *err);

#endif

/* Clients that authenticate with keys of their own (private_key_jwt). Nobody else does: domain/clients.h. */
#ifndef AA_DOMAIN_CLIENT_AUTH_H
#define AA_DOMAIN_CLIENT_AUTH_H

#include "domain/app.h"
#include "domain/refused.h"

struct aa_client_proof {      /* as the client sent it */
    struct aa_view client_id; /* absent: not said, the assertion does */
    struct aa_view assertion;
    const char *path; /* of the endpoint: "/token" */
};

/* Checks the assertion and spends it, and appends the client's id to *client_id. What is not signed by the client is
 * not kept; it may make us look for new keys of the client (domain/client_renew.h), and waits for its site then.
 * Refusal: INVALID_CLIENT, whatever is wrong; whoever asks must not go on as if there had been no assertion.
 * AA_ERR_STORE_BUSY while its keys are being fetched: nobody knows yet. */
AA_CHECK enum aa_err aa_client_prove(struct aa_app *app, const struct aa_client_proof *proof, struct aa_buf *client_id,
                                     struct aa_refused *refused, struct aa_error *err);

#endif

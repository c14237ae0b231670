/* Which client is asking, at the endpoints where clients act for themselves (/token, /revoke), and how it shows that.
 */
#ifndef AA_ENDPOINT_CLIENT_AUTH_H
#define AA_ENDPOINT_CLIENT_AUTH_H

#include "base/buf.h"
#include "domain/clients.h"
#include "domain/refused.h"
#include "endpoint/parameters.h"

#define AA_CLIENT_ID_MAX 2048 /* bytes: a URL at most */

/* What is known of whoever asks. */
struct aa_asking {
    struct aa_view client_id; /* borrowed from the request, or from the memory given */
    enum aa_client_method method;
};

/* The client's id, from client_id, from the user of HTTP Basic or from a client_assertion; *memory may hold it and is
 * to be wiped. `path` is that of the endpoint. A client_assertion is verified and spent (domain/client_auth.h); without
 * one the method is NONE, and whether that will do is for the rule that looks the client up (aa_client_find_asking()).
 * Nobody has a secret: one that sends one, or more than one proof, is refused, INVALID_CLIENT, never let through as if
 * it had sent none (RFC 6749 §2.3, §5.2). An empty secret proves nothing and counts as left out: some libraries send
 * one. Errors of the parameters as aa_parameters_get() gives them. */
AA_CHECK enum aa_err aa_client_authenticate(struct aa_app *app, const struct aa_request *request,
                                            const struct aa_parameters *parameters, const char *path,
                                            struct aa_buf *memory, struct aa_asking *out, struct aa_refused *refused,
                                            struct aa_error *err);
/* RFC 6749 §5.2: to who came with an Authorization header, the refusal names the scheme. */
void aa_client_challenge(const struct aa_request *request, struct aa_response *response);

#endif

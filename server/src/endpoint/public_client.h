/* Which client is asking, at the endpoints where clients act for themselves (/token, /revoke). */
#ifndef AA_ENDPOINT_PUBLIC_CLIENT_H
#define AA_ENDPOINT_PUBLIC_CLIENT_H

#include "base/buf.h"
#include "domain/refused.h"
#include "endpoint/parameters.h"

#define AA_CLIENT_ID_MAX 2048 /* bytes: a URL at most */

/* The client's id, from client_id or from the user of HTTP Basic; *memory may hold it and is to be wiped. All clients
 * are public (method "none"): one that proves itself with a secret or an assertion is registered for no such method and
 * is refused, INVALID_CLIENT, never let through as if it had sent none (RFC 6749 §2.3, §5.2). An empty secret proves
 * nothing and counts as left out: some libraries send one. Errors of the parameters as aa_parameters_get() gives them.
 */
AA_CHECK enum aa_err aa_public_client_identify(const struct aa_request *request, const struct aa_parameters *parameters,
                                               struct aa_buf *memory, struct aa_view *client_id,
                                               struct aa_refused *refused, struct aa_error *err);
/* RFC 6749 §5.2: to who came with an Authorization header, the refusal names the scheme. */
void aa_public_client_challenge(const struct aa_request *request, struct aa_response *response);

#endif

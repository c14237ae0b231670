/* The keys that sign access tokens (RFC 7517).
 *
 *   GET /.well-known/jwks.json   aa_jwks_get   fast lane, any origin
 */
#ifndef AA_ENDPOINT_JWKS_H
#define AA_ENDPOINT_JWKS_H

#include "http/router.h"

void aa_jwks_get(void *app, const struct aa_request *request, struct aa_response *response);

#endif

/* Discovery (RFC 8414, OpenID Connect Discovery): one document at all of its addresses.
 *
 *   GET /.well-known/oauth-authorization-server   aa_metadata_get   fast lane, any origin
 *   GET /.well-known/openid-configuration         aa_metadata_get   the same
 */
#ifndef AA_ENDPOINT_METADATA_H
#define AA_ENDPOINT_METADATA_H

#include "http/router.h"

#define AA_DISCOVERY_MAX_AGE                                                                                           \
    "public, max-age=300" /* seconds: how long a changed address or a new key may go unseen                            \
                           */

void aa_metadata_get(void *app, const struct aa_request *request, struct aa_response *response);

#endif

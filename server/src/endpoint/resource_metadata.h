/* Hosted copies of the registered MCP servers' metadata (RFC 9728).
 *
 *   GET /.well-known/oauth-protected-resource/:server_id     aa_resource_metadata_get   fast lane, any origin
 *   GET /.well-known/oauth-protected-resource?server_id=…    the same
 */
#ifndef AA_ENDPOINT_RESOURCE_METADATA_H
#define AA_ENDPOINT_RESOURCE_METADATA_H

#include "http/router.h"

void aa_resource_metadata_get(void *app, const struct aa_request *request, struct aa_response *response);

#endif

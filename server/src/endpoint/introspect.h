/* Token introspection (RFC 7662) for registered MCP servers, by their API key. Form or JSON.
 *
 *   POST /introspect   aa_introspect_post   fast lane, body; a key seen for the first time goes to a worker
 */
#ifndef AA_ENDPOINT_INTROSPECT_H
#define AA_ENDPOINT_INTROSPECT_H

#include "http/router.h"

#define AA_INTROSPECT_BODY_MAX (16 * 1024) /* bytes: a token has 8 KiB at most */

void aa_introspect_post(void *app, const struct aa_request *request, struct aa_response *response);

#endif

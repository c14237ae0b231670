/* The administrator's API: registered MCP servers and their keys. Handlers of the route table; all belong on the slow
 * lane.
 *
 *   POST   /api/servers                  aa_api_server_create    body
 *   GET    /api/servers                  aa_api_server_list
 *   GET    /api/servers/:id              aa_api_server_show      also for the server itself, with its own key
 *   DELETE /api/servers/:id              aa_api_server_delete
 *   POST   /api/servers/:id/keys         aa_api_key_create       body
 *   GET    /api/servers/:id/keys         aa_api_key_list
 *   DELETE /api/servers/:id/keys/:key    aa_api_key_delete
 */
#ifndef AA_ENDPOINT_API_SERVERS_H
#define AA_ENDPOINT_API_SERVERS_H

#include "http/router.h"

#define AA_API_BODY_MAX (16 * 1024) /* bytes of a body: a URL, a name and 64 scopes fit well below */

void aa_api_server_create(void *app, const struct aa_request *request, struct aa_response *response);
void aa_api_server_list(void *app, const struct aa_request *request, struct aa_response *response);
void aa_api_server_show(void *app, const struct aa_request *request, struct aa_response *response);
void aa_api_server_delete(void *app, const struct aa_request *request, struct aa_response *response);
void aa_api_key_create(void *app, const struct aa_request *request, struct aa_response *response);
void aa_api_key_list(void *app, const struct aa_request *request, struct aa_response *response);
void aa_api_key_delete(void *app, const struct aa_request *request, struct aa_response *response);

#endif

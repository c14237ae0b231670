/* The authorization endpoint (OAuth 2.1 §3.1): where a client sends the browser.
 *
 *   GET /authorize   aa_authorize_get   slow lane
 */
#ifndef AA_ENDPOINT_AUTHORIZE_H
#define AA_ENDPOINT_AUTHORIZE_H

#include "http/router.h"

void aa_authorize_get(void *app, const struct aa_request *request, struct aa_response *response);

#endif

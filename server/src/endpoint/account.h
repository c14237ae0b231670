/* The page on which a person sees, and takes back, what they allowed, and where they are logged in.
 *
 *   GET  /account   aa_account_get    slow lane
 *   POST /account   aa_account_post   slow lane, body
 */
#ifndef AA_ENDPOINT_ACCOUNT_H
#define AA_ENDPOINT_ACCOUNT_H

#include "http/router.h"

#define AA_ACCOUNT_BODY_MAX (8 * 1024) /* bytes: a token, a server's id and a client's, which may be a long URL */

void aa_account_get(void *app, const struct aa_request *request, struct aa_response *response);
void aa_account_post(void *app, const struct aa_request *request, struct aa_response *response);

#endif

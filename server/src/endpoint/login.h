/* The login page.
 *
 *   GET  /login   aa_login_get    slow lane
 *   POST /login   aa_login_post   slow lane, body
 */
#ifndef AA_ENDPOINT_LOGIN_H
#define AA_ENDPOINT_LOGIN_H

#include "http/router.h"

#define AA_LOGIN_BODY_MAX (8 * 1024) /* bytes: an address, a password and two tokens, all of it percent-encoded */

void aa_login_get(void *app, const struct aa_request *request, struct aa_response *response);
void aa_login_post(void *app, const struct aa_request *request, struct aa_response *response);

#endif

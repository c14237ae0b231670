/* Logging out: a GET only asks, so that no link or image can do it.
 *
 *   GET  /logout   aa_logout_get    slow lane
 *   POST /logout   aa_logout_post   slow lane, body
 */
#ifndef AA_ENDPOINT_LOGOUT_H
#define AA_ENDPOINT_LOGOUT_H

#include "http/router.h"

#define AA_LOGOUT_PURPOSE "logout" /* of the form token (domain/form_token.h); the account page has such a form too */
#define AA_LOGOUT_BODY_MAX (4 * 1024) /* bytes: two tokens */

void aa_logout_get(void *app, const struct aa_request *request, struct aa_response *response);
void aa_logout_post(void *app, const struct aa_request *request, struct aa_response *response);

#endif

/* The login page.
 *
 *   GET  /login   aa_login_get    slow lane
 *   POST /login   aa_login_post   slow lane, body
 *
 * It leads on to the authorization request that `request` names, or to a page of ours that `next` names by a word; any
 * other word, and every address, leads nowhere.
 */
#ifndef AA_ENDPOINT_LOGIN_H
#define AA_ENDPOINT_LOGIN_H

#include "http/router.h"

#define AA_LOGIN_BODY_MAX (8 * 1024) /* bytes: an address, a password and two tokens, all of it percent-encoded */

#define AA_LOGIN_FOR_ACCOUNT "/login?next=account"

void aa_login_get(void *app, const struct aa_request *request, struct aa_response *response);
void aa_login_post(void *app, const struct aa_request *request, struct aa_response *response);

#endif

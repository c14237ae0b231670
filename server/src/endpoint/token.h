/* The token endpoint (OAuth 2.1 §3.2): codes and refresh tokens for access tokens. Form or JSON.
 *
 *   POST /token   aa_token_post   slow lane, body
 */
#ifndef AA_ENDPOINT_TOKEN_H
#define AA_ENDPOINT_TOKEN_H

#include "http/router.h"

#define AA_TOKEN_BODY_MAX (16 * 1024) /* bytes: the longest legal values of all parameters fit well below */

void aa_token_post(void *app, const struct aa_request *request, struct aa_response *response);

#endif

/* Dynamic client registration (RFC 7591).
 *
 *   POST /register   aa_register_post   slow lane, body
 */
#ifndef AA_ENDPOINT_REGISTER_H
#define AA_ENDPOINT_REGISTER_H

#include "http/router.h"

#define AA_REGISTER_BODY_MAX (64 * 1024) /* bytes: ten redirect URIs of the largest size fit below */

void aa_register_post(void *app, const struct aa_request *request, struct aa_response *response);

#endif

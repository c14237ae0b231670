/* The consent page: what a client asks for, and the answer.
 *
 *   GET  /consent   aa_consent_get    slow lane
 *   POST /consent   aa_consent_post   slow lane, body
 */
#ifndef AA_ENDPOINT_CONSENT_H
#define AA_ENDPOINT_CONSENT_H

#include "http/router.h"

#define AA_CONSENT_BODY_MAX (4 * 1024) /* bytes: two tokens and one word */

void aa_consent_get(void *app, const struct aa_request *request, struct aa_response *response);
void aa_consent_post(void *app, const struct aa_request *request, struct aa_response *response);

#endif

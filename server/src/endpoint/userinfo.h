/* Who the bearer of an access token acts for (OpenID Connect Core §5.3), any live token of ours.
 *
 *   GET  /userinfo   aa_userinfo_get   fast lane
 *   POST /userinfo   aa_userinfo_get   fast lane, body (ignored: the token comes in the Authorization header alone)
 */
#ifndef AA_ENDPOINT_USERINFO_H
#define AA_ENDPOINT_USERINFO_H

#include "http/router.h"

#define AA_USERINFO_BODY_MAX (1024) /* bytes: clients that POST send an empty form, if anything */

void aa_userinfo_get(void *app, const struct aa_request *request, struct aa_response *response);

#endif

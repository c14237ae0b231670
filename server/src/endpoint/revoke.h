/* Token revocation (RFC 7009): a client gives back what it holds. Form or JSON.
 *
 *   POST /revoke   aa_revoke_post   slow lane, body
 */
#ifndef AA_ENDPOINT_REVOKE_H
#define AA_ENDPOINT_REVOKE_H

#include "http/router.h"

#define AA_REVOKE_BODY_MAX (16 * 1024) /* bytes: a token has 8 KiB at most */

void aa_revoke_post(void *app, const struct aa_request *request, struct aa_response *response);

#endif

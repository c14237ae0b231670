/* Facts about a token, judged: time, issuer, audience, and then scopes. Applied at every request, cached facts or not.
 */
#ifndef AA_VERIFY_POLICY_H
#define AA_VERIFY_POLICY_H

#include "verify/now.h"
#include "verify/options.h"
#include "verify/principal.h"

/* `resource` is our identifier, normalised. AA_OK, AA_ERR_TOKEN_EXPIRED, AA_ERR_TOKEN_NOT_YET, AA_ERR_TOKEN_ISSUER or
 * AA_ERR_TOKEN_AUDIENCE. Nothing is allocated. */
enum aa_err aa_policy_check(const struct aa_options *options, struct aa_view resource,
                            const struct aa_principal *principal, struct aa_now now);
/* The principal's scopes reach as far as all of these. Nothing is allocated. */
bool aa_policy_covers(const struct aa_principal *principal, const struct aa_scopes *wanted);

#endif

/* What a signature alone tells of a token (RFC 9068 §4): forged and expired ones are refused without asking anybody. */
#ifndef AA_VERIFY_LOCAL_H
#define AA_VERIFY_LOCAL_H

#include "jose/jwks.h"
#include "verify/cache.h"
#include "verify/options.h"

enum aa_local {
    AA_LOCAL_NOT_JWT,     /* no JWT access token that we can judge: only its issuer knows */
    AA_LOCAL_KEY_UNKNOWN, /* signed by a key that is not in the set */
    AA_LOCAL_REFUSED,     /* facts->code says why */
    AA_LOCAL_GOOD         /* signature and time are good */
};

/* `resource` is our identifier. For AA_LOCAL_GOOD in mode "jwt", facts->principal is set (one reference). Out of memory
 * is AA_LOCAL_REFUSED with AA_ERR_NOMEM. */
enum aa_local aa_local_check(const struct aa_options *options, const struct aa_jwks *jwks, struct aa_view resource,
                             struct aa_view token, struct aa_now now, struct aa_facts *facts);

#endif

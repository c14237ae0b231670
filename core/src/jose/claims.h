/* Claims of an access token or an introspection answer, judged against `now` (RFC 7519 §4.1, RFC 7662 §2.2). */
#ifndef AA_JOSE_CLAIMS_H
#define AA_JOSE_CLAIMS_H

#include "base/json.h"

#define AA_CLOCK_SKEW_S 30 /* tolerated on nbf and iat only, never on exp of an introspected token */

struct aa_claims { /* borrowed from the document */
    struct aa_view iss, sub, client_id, scope, jti, username, email, name, token_type;
    const struct aa_json *aud;   /* a string or an array of strings; NULL when absent */
    int64_t exp_s, nbf_s, iat_s; /* 0 when absent */
    bool has_exp;
};

/* Reads the members with their right types: exp, nbf, iat are numbers between 0 and 2^53 (a string, a negative, 1e300:
 * refused), scope is a string, aud a string or an array of strings. AA_OK or AA_ERR_TOKEN_CLAIMS. */
AA_CHECK enum aa_err aa_claims_read(const struct aa_json *object, struct aa_claims *claims, struct aa_error *err);
/* AA_OK, AA_ERR_TOKEN_EXPIRED (now_s >= exp_s) or AA_ERR_TOKEN_NOT_YET. A missing exp is left to the caller's policy.
 */
AA_CHECK enum aa_err aa_claims_check_time(const struct aa_claims *claims, int64_t now_s, struct aa_error *err);

#endif

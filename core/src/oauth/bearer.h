/* The Authorization header: Bearer (RFC 6750 §2.1) and Basic (RFC 7617). */
#ifndef AA_OAUTH_BEARER_H
#define AA_OAUTH_BEARER_H

#include "base/buf.h"

#define AA_TOKEN_LEN_MAX 8192

/* Takes the token out of an Authorization value (several headers joined by ", ", RFC 9110 §5.3). *token borrows from
 * it. AA_OK; AA_ERR_TOKEN_ABSENT (absent, empty, or another scheme); AA_ERR_CREDENTIALS_MALFORMED ("Bearer" with
 * nothing or with spaces inside); AA_ERR_CREDENTIALS_DUPLICATE (a comma: two credentials); AA_ERR_TOKEN_FORMAT (not
 * token68, or over AA_TOKEN_LEN_MAX). */
AA_CHECK enum aa_err aa_bearer_parse(struct aa_view authorization, struct aa_view *token, struct aa_error *err);

/* Takes user and password out of a Basic value, form-decoding both as OAuth asks (RFC 6749 §2.3.1). *memory,
 * initialised by the caller, holds them; it is to be wiped, after a failure too. AA_OK, AA_ERR_TOKEN_ABSENT (absent or
 * another scheme) or AA_ERR_CREDENTIALS_MALFORMED. */
AA_CHECK enum aa_err aa_basic_parse(struct aa_view authorization, struct aa_buf *memory, struct aa_view *user,
                                    struct aa_view *password, struct aa_error *err);

#endif

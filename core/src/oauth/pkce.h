/* PKCE, S256 only (RFC 7636; OAuth 2.1 §4.1.1). */
#ifndef AA_OAUTH_PKCE_H
#define AA_OAUTH_PKCE_H

#include "base/view.h"

/* A code_challenge: exactly 43 base64url characters (SHA-256). AA_OK or AA_ERR_PKCE_FORMAT. */
AA_CHECK enum aa_err aa_pkce_check_challenge(struct aa_view challenge, struct aa_error *err);
/* Checks a code_verifier (43–128 unreserved characters, §4.1) against the challenge kept with the code (§4.6). Borrows
 * both. AA_OK, AA_ERR_PKCE_FORMAT, AA_ERR_PKCE_MISMATCH, AA_ERR_NOMEM or AA_ERR_CRYPTO. */
AA_CHECK enum aa_err aa_pkce_check(struct aa_view verifier, struct aa_view challenge, struct aa_error *err);

#endif

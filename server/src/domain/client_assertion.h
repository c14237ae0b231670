/* An assertion with which a client shows who it is (private_key_jwt: RFC 7523 §3, OpenID Connect Core §9): a JWT about
 * itself, for us, for a few minutes, signed with one of its keys. Here it is read and judged; whose it is and whether
 * it was seen before is domain/client_auth.h's. Nothing here asks a store. */
#ifndef AA_DOMAIN_CLIENT_ASSERTION_H
#define AA_DOMAIN_CLIENT_ASSERTION_H

#include "crypto/crypto.h"
#include "domain/app.h"
#include "domain/refused.h"
#include "jose/claims.h"
#include "jose/jws.h"

#define AA_CLIENT_ASSERTION_TYPE "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
#define AA_CLIENT_ASSERTION_SKEW_S 60   /* by which the client's clock may be wrong, either way */
#define AA_CLIENT_ASSERTION_AHEAD_S 600 /* from now to its exp, at most: so long we remember it */
#define AA_CLIENT_ASSERTION_JTI_MAX 256
#define AA_CLIENT_ASSERTION_KEYS_MAX 10 /* tried for one assertion */

struct aa_client_assertion {
    struct aa_jws jws;
    struct aa_claims claims; /* sub: the client's id, or who says so. Borrowed from jws */
};

/* Takes it apart: a compact JWS with an algorithm of ours, iss and sub the same (RFC 7523 §3, items 1 and 2.B), exp and
 * a jti. Borrows the text. On success clear it. Refusal: INVALID_CLIENT. */
AA_CHECK enum aa_err aa_client_assertion_read(struct aa_view text, struct aa_client_assertion *out,
                                              struct aa_refused *refused, struct aa_error *err);
void aa_client_assertion_clear(struct aa_client_assertion *assertion);
/* Is it for us, and now? `path` is that of the endpoint it was sent to. Refusal: INVALID_CLIENT. */
AA_CHECK enum aa_err aa_client_assertion_check(const struct aa_client_assertion *assertion,
                                               const struct aa_settings *settings, const char *path, int64_t now_ms,
                                               struct aa_refused *refused, struct aa_error *err);
/* Until when aa_client_assertion_check() would let it pass. */
int64_t aa_client_assertion_end_ms(const struct aa_client_assertion *assertion);
/* Is it signed with a key of this JWK set? AA_OK, AA_ERR_TOKEN_SIGNATURE or AA_ERR_NOMEM. */
AA_CHECK enum aa_err aa_client_assertion_verify(const struct aa_client_assertion *assertion, struct aa_view jwks,
                                                struct aa_error *err);
/* Under what it is remembered: the same for two of one client with one jti, whatever else they say. */
AA_CHECK enum aa_err aa_client_assertion_digest(const struct aa_client_assertion *assertion,
                                                uint8_t digest[AA_SHA256_LEN], struct aa_error *err);

#endif

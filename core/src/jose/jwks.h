/* JWK and JWK sets (RFC 7517). Immutable and counted once parsed. */
#ifndef AA_JOSE_JWKS_H
#define AA_JOSE_JWKS_H

#include "crypto/key.h"

struct aa_jwks;

#define AA_JWKS_MAX (64 * 1024) /* bytes of a document; real ones have a few KiB */

/* Keys that we cannot use (use=enc, unknown kty, oct) are skipped; a document that is no JWK set is an error. */
AA_CHECK enum aa_err aa_jwks_parse(struct aa_view text, struct aa_jwks **out, struct aa_error *err);
struct aa_jwks *aa_jwks_acquire(struct aa_jwks *jwks);
void aa_jwks_release(struct aa_jwks *jwks);
size_t aa_jwks_len(const struct aa_jwks *jwks);
/* The key with that kid and algorithm; without a kid, the only key of that algorithm. Borrowed; NULL when there is
 * none. */
const struct aa_key *aa_jwks_find(const struct aa_jwks *jwks, struct aa_view kid, enum aa_alg alg);
/* One of them, index below aa_jwks_len(), in the order of the document; *kid is absent when it has none. Both
 * borrowed. */
const struct aa_key *aa_jwks_at(const struct aa_jwks *jwks, size_t index, struct aa_view *kid);
/* Appends {"alg":"ES256","crv":"P-256","kid":…,"kty":"EC","use":"sig","x":…,"y":…}. */
AA_CHECK enum aa_err aa_jwk_add(struct aa_buf *buf, const struct aa_key *key, struct aa_view kid, struct aa_error *err);
/* Appends the RFC 7638 thumbprint (base64url SHA-256): our kid. */
AA_CHECK enum aa_err aa_jwk_add_thumbprint(struct aa_buf *buf, const struct aa_key *key, struct aa_error *err);

#endif

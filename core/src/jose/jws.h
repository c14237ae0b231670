/* Compact JWS (RFC 7515) and JWT claims (RFC 7519, RFC 9068) with the algorithms of crypto/key.h. */
#ifndef AA_JOSE_JWS_H
#define AA_JOSE_JWS_H

#include "base/json.h"
#include "crypto/key.h"

#define AA_JWT_MAX 8192 /* bytes of a compact JWT; an HTTP head of 8 KiB could carry no more */

/* Appends header.payload.signature. `payload` is the claims as JSON. header: {"alg":…,"kid":…,"typ":…}. */
AA_CHECK enum aa_err aa_jws_sign(const struct aa_key *key, struct aa_view kid, struct aa_view typ,
                                 struct aa_view payload, struct aa_buf *out, struct aa_error *err);

/* A JWS taken apart, its signature not yet checked. */
struct aa_jws {
    struct aa_view signing_input; /* slice of the token */
    struct aa_buf signature;
    struct aa_json *header;
    struct aa_json *payload;
    struct aa_view kid; /* absent when the header has none */
    struct aa_view typ;
    enum aa_alg alg; /* what the header claims; AA_ALG_NONE for any we do not permit */
};

/* Parses a compact JWS; refuses "crit", more or fewer than three parts, padding, duplicates. AA_OK,
 * AA_ERR_TOKEN_FORMAT, AA_ERR_TOKEN_ALGORITHM, AA_ERR_NOMEM. On success clear with aa_jws_clear(). */
AA_CHECK enum aa_err aa_jws_parse(struct aa_view token, struct aa_jws *jws, struct aa_error *err);
void aa_jws_clear(struct aa_jws *jws);
/* The key's algorithm decides; a header naming another is AA_ERR_TOKEN_ALGORITHM. */
AA_CHECK enum aa_err aa_jws_verify(const struct aa_jws *jws, const struct aa_key *key, struct aa_error *err);

#endif

/* A P-256 key that signs tokens, and the JWK set that goes with it. */
#ifndef AA_TESTS_CORE_SUPPORT_SIGNER_H
#define AA_TESTS_CORE_SUPPORT_SIGNER_H

#include "jose/jwks.h"
#include "support/test.h"

struct signer {
    struct aa_key *key;
    struct aa_jwks *jwks;
    struct aa_buf set;   /* {"keys":[…]} */
    struct aa_buf token; /* the last one signed */
};

/* A new key with this id. */
void signer_open(struct signer *signer, const char *kid);
void signer_clear(struct signer *signer);
/* A compact JWS, good until the next call. kid, typ NULL: left out. */
const char *signer_sign(struct signer *signer, const char *kid, const char *typ, const char *payload);

#endif

/* Who a token speaks for: the facts of one introspection answer or one verified JWT. Immutable and counted. */
#ifndef AA_VERIFY_PRINCIPAL_H
#define AA_VERIFY_PRINCIPAL_H

#include "authagent/guard.h"
#include "jose/claims.h"
#include "verify/refs.h"

struct aa_principal {
    struct aa_refs refs;
    struct aa_view sub, email, name, client_id, scope, issuer, resource, claims; /* point behind the struct */
    int64_t exp_s, nbf_s;
    bool has_exp;
    bool has_scopes; /* `scope` is a list of scopes: it was read once and need not be read at every hit */
    size_t size;     /* bytes of the whole allocation, for the cache's budget */
    size_t audience_count;
    struct aa_view audiences[]; /* normalised (oauth/resource.h), so that a hit compares bytes only */
};

/* Copies what it keeps. `resource` is our own identifier. AA_OK, AA_ERR_NOMEM or AA_ERR_TOO_LONG. */
AA_CHECK enum aa_err aa_principal_new(const struct aa_claims *claims, const struct aa_json *document,
                                      struct aa_view resource, struct aa_principal **out, struct aa_error *err);

#endif

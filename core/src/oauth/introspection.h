/* The answer of an introspection endpoint (RFC 7662 §2.2), read strictly. */
#ifndef AA_OAUTH_INTROSPECTION_H
#define AA_OAUTH_INTROSPECTION_H

#include "jose/claims.h"

#define AA_INTROSPECTION_MAX (64 * 1024)

struct aa_introspection {
    bool active;
    struct aa_claims claims;  /* only when active */
    struct aa_json *document; /* owned */
};

/* `active` must be the literal true or false. Anything that is no such object, has duplicate keys, is too large or
 * ill-formed: AA_ERR_REMOTE_PROTOCOL. An active answer whose claims have wrong types: AA_ERR_REMOTE_PROTOCOL too. */
AA_CHECK enum aa_err aa_introspection_parse(struct aa_view text, struct aa_introspection *out, struct aa_error *err);
void aa_introspection_clear(struct aa_introspection *introspection);

#endif

/* What this server says of itself once its resource identifier is known: the RFC 9728 document and every refusal.
 * Immutable but for its store of finished answers, which fills as they are first needed. */
#ifndef AA_VERIFY_IDENTITY_H
#define AA_VERIFY_IDENTITY_H

#include "verify/answer.h"
#include "verify/options.h"

struct aa_identity;

/* Who asks, as far as the shape of an answer depends on it. */
struct aa_asker {
    bool head; /* HEAD: no body */
    bool cors; /* from a browser: it must be able to read the challenge */
};

/* `resource` byte for byte as configured or learnt, `name` may be absent. Copies both; the options outlive it. AA_OK,
 * AA_ERR_URL_MALFORMED, AA_ERR_NOMEM or AA_ERR_TOO_LONG. */
AA_CHECK enum aa_err aa_identity_new(const struct aa_options *options, struct aa_view resource, struct aa_view name,
                                     struct aa_identity **out, struct aa_error *err);
void aa_identity_free(struct aa_identity *identity);
struct aa_view aa_identity_resource(const struct aa_identity *identity);
/* The form audiences are compared in. */
struct aa_view aa_identity_normal(const struct aa_identity *identity);
bool aa_identity_is_metadata_path(const struct aa_identity *identity, struct aa_view path);
/* True for the one form that is known before the resource is. */
bool aa_identity_is_root_metadata_path(struct aa_view path);
/* What to answer a request for the RFC 9728 document. Never NULL; the caller's reference. */
struct aa_answer *aa_identity_describe(struct aa_identity *identity, struct aa_view method, struct aa_asker asker);
/* The refusal for `code`. `identity` NULL: not known yet, so no challenge can be made. `scopes` are all that the
 * operation needs. Never NULL; the caller's reference. */
struct aa_answer *aa_identity_refuse(struct aa_identity *identity, const struct aa_options *options, enum aa_err code,
                                     const struct aa_scopes *scopes, struct aa_asker asker);

#endif

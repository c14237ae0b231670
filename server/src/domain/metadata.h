/* What discovery answers (RFC 8414, OpenID Connect Discovery): built once, before the first request. */
#ifndef AA_DOMAIN_METADATA_H
#define AA_DOMAIN_METADATA_H

#include "domain/app.h"

struct aa_metadata; /* immutable: any thread */

/* Builds the document from the settings. AA_ERR_NOMEM, or AA_ERR_TOO_LONG for an issuer no client could use. */
AA_CHECK enum aa_err aa_metadata_new(const struct aa_settings *settings, struct aa_metadata **out,
                                     struct aa_error *err);
void aa_metadata_free(struct aa_metadata *metadata);
/* The document as JSON; borrowed. The same at every address it stands at. */
struct aa_view aa_metadata_document(const struct aa_metadata *metadata);

#endif

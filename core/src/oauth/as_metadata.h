/* Authorization server metadata (RFC 8414, OIDC Discovery) as a client of it reads it. */
#ifndef AA_OAUTH_AS_METADATA_H
#define AA_OAUTH_AS_METADATA_H

#include "base/json.h"

#define AA_AS_METADATA_MAX (64 * 1024)

struct aa_as_metadata { /* borrows from the document */
    struct aa_view issuer, introspection_endpoint, jwks_uri, token_endpoint, authorization_endpoint,
        revocation_endpoint;
};

/* Reads it and checks that issuer equals `expected_issuer` byte for byte (RFC 8414 §3.3). AA_OK or
 * AA_ERR_REMOTE_PROTOCOL. */
AA_CHECK enum aa_err aa_as_metadata_read(const struct aa_json *document, struct aa_view expected_issuer,
                                         struct aa_as_metadata *out, struct aa_error *err);
/* Appends the nth URL to try for an issuer: 0 the RFC 8414 form, 1 and 2 the OpenID forms; false when there is no nth.
 */
bool aa_as_metadata_add_url(struct aa_buf *buf, struct aa_view issuer, int nth);

#endif

/* The RFC 9728 document, built the same way by the guard and by the authorization server (hosted copies). */
#ifndef AA_OAUTH_RESOURCE_METADATA_H
#define AA_OAUTH_RESOURCE_METADATA_H

#include "base/buf.h"
#include "oauth/scope.h"

struct aa_resource_metadata {
    struct aa_view resource;             /* byte for byte as configured */
    struct aa_view authorization_server; /* the issuer */
    struct aa_view resource_name;        /* absent: left out */
    const struct aa_scopes *scopes;      /* "offline_access" is never listed; empty or NULL: left out */
};

/* Appends the document: resource, authorization_servers, scopes_supported, bearer_methods_supported ["header"],
 * resource_name. */
void aa_resource_metadata_build(struct aa_buf *buf, const struct aa_resource_metadata *metadata);

#endif

/* What a client says of itself (RFC 7591 §2), whether it registers or publishes a client id metadata document: the
 * members that both know, which of them are refused, and how the others are kept. */
#ifndef AA_DOMAIN_CLIENT_METADATA_H
#define AA_DOMAIN_CLIENT_METADATA_H

#include "base/buf.h"
#include "base/json.h"
#include "domain/app.h"
#include "domain/refused.h"
#include "store/records.h"

#define AA_CLIENT_METADATA_MAX (64 * 1024) /* bytes of the JSON text they stand in */
#define AA_CLIENT_LIST_MAX 32              /* of grant types and their like: IANA has fewer registered */

struct aa_client_metadata { /* borrowed from the JSON document; absent and NULL: not said */
    const struct aa_json *redirect_uris, *grant_types;
    struct aa_view client_name, scope, application_type, client_uri;
};

/* Reads the members; others are left alone. Errors of aa_json_read(). */
AA_CHECK enum aa_err aa_client_metadata_read(const struct aa_json *document, struct aa_client_metadata *out,
                                             struct aa_error *err);
/* At least one redirect URI, each one allowed; a scope that is one; a name that people can be shown. Refusals:
 * INVALID_REDIRECT_URI, INVALID_CLIENT_METADATA. */
AA_CHECK enum aa_err aa_client_metadata_check(const struct aa_settings *settings,
                                              const struct aa_client_metadata *metadata, struct aa_refused *refused,
                                              struct aa_error *err);

/* Texts of our own making that a kept client borrows. */
struct aa_client_texts {
    struct aa_buf redirect_uris, grant_types, jwks;
};

void aa_client_texts_init(struct aa_client_texts *texts);
void aa_client_texts_clear(struct aa_client_texts *texts);
/* Fills in the members that say what the client is; its id, its source and its times are the caller's. The client
 * borrows `texts` and the JSON document. AA_OK or AA_ERR_NOMEM. */
AA_CHECK enum aa_err aa_client_metadata_keep(const struct aa_client_metadata *metadata, struct aa_client_texts *texts,
                                             struct aa_client *client, struct aa_error *err);

#endif

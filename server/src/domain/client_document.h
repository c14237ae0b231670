/* Client id metadata documents (draft-ietf-oauth-client-id-metadata-document-02, "CIMD"): the client's identifier is
 * the URL of a JSON document that says what the client is. Which identifiers name one, and what is made of a document
 * that was fetched. Nothing here fetches. */
#ifndef AA_DOMAIN_CLIENT_DOCUMENT_H
#define AA_DOMAIN_CLIENT_DOCUMENT_H

#include <stdbool.h>

#include "domain/client_metadata.h"

#define AA_CLIENT_DOCUMENT_MAX 5120 /* bytes: what CIMD §8.7 recommends */

/* Does the identifier claim to be one: does it begin with "https://", however that is cased? */
bool aa_client_document_is_named(struct aa_view client_id);
/* May it name one (CIMD §3)? https, a host, a path other than "/" without "." and ".." segments, no user name, no
 * fragment; a port and a query are fine. AA_OK, AA_ERR_URL_MALFORMED or AA_ERR_TOO_LONG (AA_URL_MAX). */
AA_CHECK enum aa_err aa_client_document_check_url(struct aa_view client_id, struct aa_error *err);
/* Of a URL that may name one: its host as people are shown it, "claude.ai", and the port if it names one. */
struct aa_view aa_client_document_site(struct aa_view client_id);
/* Is a Content-Type that of one (CIMD §4)? application/json or application/…+json, with or without parameters. */
bool aa_client_document_is_json(struct aa_view content_type);

/* A document that was read. */
struct aa_client_document {
    struct aa_client
        client; /* client_id: the URL; source: "cimd"; no fingerprint, the times 0; jwks as it stands in the document,
                   never what is at jwks_uri. Borrows the rest, as
                   long as that lives; not to be given to aa_record_clear() */
    struct aa_client_texts texts;
    struct aa_json *json;
};

/* Reads the document that was found at `url`; borrows both for the call, but the client's views are into *out alone.
 * Clear *out with aa_client_document_clear(); it is written on success only. Refusals, each with a sentence that
 * whoever publishes the document can act on: INVALID_CLIENT when it is none for this URL, INVALID_REDIRECT_URI,
 * INVALID_CLIENT_METADATA. */
AA_CHECK enum aa_err aa_client_document_read(const struct aa_settings *settings, struct aa_view url,
                                             struct aa_view text, struct aa_client_document *out,
                                             struct aa_refused *refused, struct aa_error *err);
void aa_client_document_clear(struct aa_client_document *document); /* of zeroes: fine */

#endif

/* The public keys of a client that is known by the URL of its metadata document (CIMD §8.2): a JWK set that stands in
 * the document or at its jwks_uri. They are kept with the client; here is how they are judged and had. */
#ifndef AA_DOMAIN_CLIENT_KEYS_H
#define AA_DOMAIN_CLIENT_KEYS_H

#include "base/json.h"
#include "domain/app.h"
#include "domain/refused.h"
#include "store/records.h"

#define AA_CLIENT_KEYS_MAX (32 * 1024) /* bytes that jwks_uri may answer with; real ones have a few KiB */
/* A key that its client took away is good this much longer at most, while the site can be reached … */
#define AA_CLIENT_KEYS_FRESH_MS (INT64_C(86400) * 1000)
#define AA_CLIENT_KEYS_KEPT_MS (7 * AA_CLIENT_KEYS_FRESH_MS) /* … and this much when it cannot */

/* Does the set show a private or a symmetric key? */
bool aa_client_keys_are_lost(const struct aa_json *jwks);
/* Is it a JWK set with a key that we can verify with? AA_OK, AA_ERR_NOT_FOUND, AA_ERR_NOMEM. */
AA_CHECK enum aa_err aa_client_keys_check(struct aa_view jwks, struct aa_error *err);
/* Appends what stands at jwks_uri, a JWK set that passes both. Refusal: INVALID_CLIENT_METADATA, the site's own word
 * that there is none; an error that aa_download_is_unreachable() when it could not be asked. Takes no longer than
 * app->fetch. */
AA_CHECK enum aa_err aa_client_keys_fetch(const struct aa_app *app, struct aa_view jwks_uri, struct aa_buf *jwks,
                                          struct aa_refused *refused, struct aa_error *err);
/* Are the kept keys such that they count at all? */
bool aa_client_keys_are_good(const struct aa_client *client, int64_t now_ms);
/* Has their client had so much time to change them that it should be asked again? */
bool aa_client_keys_are_old(const struct aa_client *client, int64_t now_ms);

#endif

/* The keys of a client once more, while it waits at /token: it may have changed them since its last authorization. */
#ifndef AA_DOMAIN_CLIENT_RENEW_H
#define AA_DOMAIN_CLIENT_RENEW_H

#include "domain/app.h"
#include "store/records.h"

#define AA_CLIENT_ASK_AGAIN_MS (INT64_C(300) * 1000) /* no sooner, whatever strangers send us */

/* Asks the client's site, at jwks_uri or by fetching the document that the keys stand in, unless somebody did within
 * AA_CLIENT_ASK_AGAIN_MS; keeps what comes. When *is_asked, look at the client again. A site that cannot be reached, or
 * may not be asked, is no error. */
AA_CHECK enum aa_err aa_client_renew_keys(struct aa_app *app, const struct aa_client *client, bool *is_asked,
                                          struct aa_error *err);

#endif

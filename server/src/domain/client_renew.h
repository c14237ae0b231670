/* The keys of a client once more, while it waits at /token: it may have changed them since its last authorization. */
#ifndef AA_DOMAIN_CLIENT_RENEW_H
#define AA_DOMAIN_CLIENT_RENEW_H

#include "domain/app.h"
#include "store/records.h"

#define AA_CLIENT_ASK_AGAIN_MS (INT64_C(300) * 1000) /* no sooner, whatever strangers send us */

/* Longer than a site has to answer: a document and the keys that it names. */
#define AA_CLIENT_ANSWER_MS INT64_C(7000)

enum aa_renewal {
    AA_RENEWAL_NONE,  /* the site was asked within AA_CLIENT_ASK_AGAIN_MS, or is not to be asked */
    AA_RENEWAL_ASKED, /* now: look at the client again. (A site that cannot be reached has been asked.) */
    AA_RENEWAL_BUSY   /* somebody is asking it, or too much is being fetched: what it says is known in a moment */
};

/* Asks the client's site, at jwks_uri or by fetching the document that the keys stand in, unless somebody did lately;
 * keeps what comes. */
AA_CHECK enum aa_err aa_client_renew_keys(struct aa_app *app, const struct aa_client *client, enum aa_renewal *out,
                                          struct aa_error *err);

#endif

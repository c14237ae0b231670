/* The person's answer to an authorization request. A request is answered once. The same answer once more, from the same
 * browser and person, gives the same URL with the same code as long as that code may still be redeemed: a double click
 * sends the form twice and shows the second answer alone. Any other second answer is AA_ERR_NOT_FOUND. */
#ifndef AA_DOMAIN_CONSENT_H
#define AA_DOMAIN_CONSENT_H

#include "base/buf.h"
#include "domain/pending.h"
#include "domain/refused.h"
#include "domain/sessions.h"

/* Need the person not be asked, because they said yes to all of this before? Only ever so for a redirect to an https
 * host, which proves who answers there; never when the client demands a prompt. */
AA_CHECK enum aa_err aa_consent_is_remembered(struct aa_app *app, const struct aa_pending *pending,
                                              const struct aa_person *person, bool *remembered, struct aa_error *err);

enum aa_consent_how {
    AA_CONSENT_ASKED,     /* the person pressed the button */
    AA_CONSENT_REMEMBERED /* on the strength of an earlier answer, which is looked at again */
};
/* Says yes: spends the request, makes a grant and its code, and appends the URL that carries the code to the client.
 * AA_ERR_NOT_FOUND when the request was answered or ran out, or the person, their session, the client, the server or
 * the remembered consent are gone or others: nothing is issued. */
AA_CHECK enum aa_err aa_consent_allow(struct aa_app *app, const struct aa_pending *pending,
                                      const struct aa_person *person, enum aa_consent_how how, struct aa_buf *location,
                                      struct aa_error *err);
/* Says no, for whichever reason: spends the request and appends the URL that tells the client. */
AA_CHECK enum aa_err aa_consent_refuse(struct aa_app *app, const struct aa_pending *pending, enum aa_oauth_error error,
                                       const char *description, struct aa_buf *location, struct aa_error *err);

#endif

/* The authorization request (OAuth 2.1 §4.1.1): what a client may ask for, and how it is answered.
 *
 * Client and redirect URI are proven first. Until then every refusal stays on our own page; only afterwards may one go
 * to the client (OAuth 2.1 §4.1.2.1). */
#ifndef AA_DOMAIN_AUTHORIZE_H
#define AA_DOMAIN_AUTHORIZE_H

#include "base/buf.h"
#include "base/form.h"
#include "domain/refused.h"
#include "domain/sessions.h"

#define AA_STATE_MAX 2048           /* bytes; the largest seen (a JWT) are half of it */
#define AA_LOCATION_MAX (12 * 1024) /* a redirect URI, a state of that size with every byte escaped, and the rest */

enum aa_authorize_next {
    AA_NEXT_CLIENT,  /* to the client with an error: `location` */
    AA_NEXT_PAGE,    /* to our page that tells the error and offers `location`, at `host`: nobody vouches for it */
    AA_NEXT_LOGIN,   /* to the login page, for `request_id` */
    AA_NEXT_CONSENT, /* to the consent page, for `request_id` */
};

struct aa_authorize_answer {
    enum aa_authorize_next next;
    struct aa_buf location;
    struct aa_buf host;
    struct aa_refused why; /* for AA_NEXT_PAGE */
    struct aa_buf request_id;
    struct aa_buf cookie; /* of the request, for this browser */
};
void aa_authorize_answer_init(struct aa_authorize_answer *answer);
void aa_authorize_answer_clear(struct aa_authorize_answer *answer);

/* Reads the query and begins a pending request. `person` is who the browser's session belongs to; NULL for nobody.
 * AA_ERR_REQUEST_MALFORMED with *refused when client or redirect URI are not proven, or the address began too many
 * requests: that is told on our page. */
AA_CHECK enum aa_err aa_authorize_begin(struct aa_app *app, const struct aa_form *query, const struct aa_person *person,
                                        struct aa_authorize_answer *answer, struct aa_refused *refused,
                                        struct aa_error *err);

/* Appends the URL of an error (§4.1.2.1) or of a code (§4.1.2) for a proven redirect URI; `state` as it came, or
 * absent; with `iss` (RFC 9207) unless the settings say no. */
AA_CHECK enum aa_err aa_authorize_add_error(const struct aa_app *app, struct aa_view redirect_uri, struct aa_view state,
                                            enum aa_oauth_error error, const char *description, struct aa_buf *location,
                                            struct aa_error *err);
AA_CHECK enum aa_err aa_authorize_add_code(const struct aa_app *app, struct aa_view redirect_uri, struct aa_view state,
                                           struct aa_view code, struct aa_buf *location, struct aa_error *err);

#endif

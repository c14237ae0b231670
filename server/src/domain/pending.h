/* Authorization requests under way. Each belongs to the browser it began in: its id stands in the address of our pages,
 * its cookie in that browser alone, and one without the other opens nothing. The store keeps digests of both. */
#ifndef AA_DOMAIN_PENDING_H
#define AA_DOMAIN_PENDING_H

#include "base/buf.h"
#include "domain/app.h"
#include "domain/refused.h"
#include "domain/sessions.h"
#include "store/store.h"

struct aa_pending { /* clear with aa_pending_clear() */
    struct aa_auth_request request;
    struct aa_client client;
    struct aa_server server;
    bool is_answered;
    /* What the request's code is made of: keyed, and over the id and the cookie, which the store does not have. So the
     * same answer given twice carries the same code, and nobody can compute it who only sees the store. */
    uint8_t code_seed[AA_SHA256_LEN];
};
void aa_pending_clear(struct aa_pending *pending);

/* Inside a closure: may the address that asks begin another one? Anybody may ask, and each is a row. Refusal:
 * TOO_MANY_REQUESTS. */
AA_CHECK enum aa_err aa_pending_check_room(struct aa_conn *conn, const struct aa_app *app, struct aa_refused *refused,
                                           struct aa_error *err);
/* Stores a request (all members but the digests and times are the caller's) and appends its id and its cookie. Counts
 * it for the address that asks. */
AA_CHECK enum aa_err aa_pending_begin(struct aa_app *app, struct aa_auth_request *request, struct aa_buf *request_id,
                                      struct aa_buf *cookie, struct aa_error *err);
/* The request of that id, for the browser that has its cookie. AA_ERR_NOT_FOUND when there is none, it is another
 * browser's, it ran out or was answered, or its client or server are gone: all the same to whoever asks. */
AA_CHECK enum aa_err aa_pending_open(struct aa_app *app, struct aa_view request_id, struct aa_view cookie,
                                     struct aa_pending *out, struct aa_error *err);
/* The same, also for one that was answered already: is_answered tells. A double click sends a form twice, and the
 * browser shows the second answer alone. */
AA_CHECK enum aa_err aa_pending_open_again(struct aa_app *app, struct aa_view request_id, struct aa_view cookie,
                                           struct aa_pending *out, struct aa_error *err);
/* Somebody logged in for this request. AA_ERR_NOT_FOUND when it was answered meanwhile. */
AA_CHECK enum aa_err aa_pending_set_user(struct aa_app *app, const struct aa_pending *pending, struct aa_view user_id,
                                         struct aa_error *err);
/* Did this person log in for this request? It is never so while the client's demand for a new login is open. */
bool aa_pending_is_of(const struct aa_pending *pending, const struct aa_person *person);

#endif

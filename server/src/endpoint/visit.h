/* A browser's visit to a page of ours: the form it sent, the authorization request it names and proves, who is logged
 * in. Handlers of pages are lists of these steps; a step that answers false has answered the request. */
#ifndef AA_ENDPOINT_VISIT_H
#define AA_ENDPOINT_VISIT_H

#include "base/form.h"
#include "domain/pending.h"
#include "domain/sessions.h"
#include "http/router.h"

struct aa_visit {
    struct aa_app *app;
    const struct aa_request *request;
    struct aa_response *response;
    struct aa_form form;        /* the query of a GET, the body of a POST */
    struct aa_view session;     /* the session cookie; absent when there is none */
    struct aa_view request_id;  /* of the authorization request; absent when the visit is about none */
    struct aa_view transaction; /* that request's cookie */
    struct aa_view next;        /* of a login for its own sake: the word for the page that follows; absent: none does */
    bool is_for_account;        /* what is refused leads back to the account, and not to an application */
    struct aa_pending pending;
    struct aa_person person;
    bool has_person;
};

/* Parses the form. End with aa_visit_end() whatever it answers. */
bool aa_visit_begin(struct aa_visit *visit, struct aa_app *app, const struct aa_request *request,
                    struct aa_response *response);
/* The same of a page that no application sends people to. */
bool aa_visit_begin_for_account(struct aa_visit *visit, struct aa_app *app, const struct aa_request *request,
                                struct aa_response *response);
void aa_visit_end(struct aa_visit *visit);

/* A field of the form; absent when it was not sent. */
bool aa_visit_get(struct aa_visit *visit, const char *name, struct aa_view *value);
/* Who is logged in, if anybody: has_person tells. */
bool aa_visit_open_person(struct aa_visit *visit);
/* The authorization request that `request` names, proven by its cookie. */
bool aa_visit_open_pending(struct aa_visit *visit);
/* The same, also when it was answered before. */
bool aa_visit_open_pending_again(struct aa_visit *visit);
/* Is the form's `csrf` the token of that page of this browser? */
bool aa_visit_check_token(struct aa_visit *visit, const char *purpose, struct aa_view cookie);
/* Appends the token of a page of this browser. */
bool aa_visit_add_token(struct aa_visit *visit, const char *purpose, struct aa_view cookie, struct aa_buf *out);

/* Answers. */
void aa_visit_refuse(struct aa_visit *visit, int status, const char *title, const char *message);
void aa_visit_trouble(struct aa_visit *visit, enum aa_err rc, const struct aa_error *err);
void aa_visit_expired(struct aa_visit *visit); /* the authorization request is not, or no longer, to be answered here */
void aa_visit_go(struct aa_visit *visit, const char *path); /* on to another page of ours, for the same request */

/* Cookies: of the session, of an authorization request, and of a login form that belongs to no such request. */
void aa_visit_set_session(struct aa_visit *visit, struct aa_view cookie); /* absent: deletes it */
void aa_visit_set_transaction(struct aa_visit *visit, struct aa_view request_id, struct aa_view cookie); /* the same */
/* The request was answered: its cookie lives only as long as the same answer may be given again. */
void aa_visit_settle_transaction(struct aa_visit *visit);
struct aa_view aa_visit_form_cookie(const struct aa_visit *visit);
void aa_visit_set_form_cookie(struct aa_visit *visit, struct aa_view cookie);
/* Of a browser in which somebody logged in before: domain/device.h. */
struct aa_view aa_visit_device(const struct aa_visit *visit);
void aa_visit_set_device(struct aa_visit *visit, struct aa_view cookie);

#endif

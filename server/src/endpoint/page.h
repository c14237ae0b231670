/* Answers people see: a page of server/pages with what every page needs, and the refusals that stay on our own site. */
#ifndef AA_ENDPOINT_PAGE_H
#define AA_ENDPOINT_PAGE_H

#include "domain/app.h"
#include "http/router.h"
#include "http/template.h"

/* Answers with the page. `values` ends with a NULL name; style_url and issuer_host are added here. */
void aa_page_answer(struct aa_app *app, const struct aa_request *request, struct aa_response *response, int status,
                    const char *page, const struct aa_template_value *values);
/* Answers with the error page. `detail` is one line for the developer of a client; NULL when there is nothing to say.
 */
void aa_page_refuse(struct aa_app *app, const struct aa_request *request, struct aa_response *response, int status,
                    const char *title, const char *message, const char *detail);
/* The same where no application sent the person: with a link to the account. */
void aa_page_refuse_for_account(struct aa_app *app, const struct aa_request *request, struct aa_response *response,
                                int status, const char *title, const char *message);
/* Tells on our page what is wrong with a client's request, with a link to where the client would be told: who is asked
 * decides. `location` is https, `host` its host, `detail` as above. */
void aa_page_refuse_client(struct aa_app *app, const struct aa_request *request, struct aa_response *response,
                           struct aa_view location, struct aa_view host, const char *detail);
/* Trouble of ours (storage, memory): logs it and answers 503 with Retry-After. */
void aa_page_trouble(struct aa_app *app, const struct aa_request *request, struct aa_response *response, enum aa_err rc,
                     const struct aa_error *err);
/* Answers 200 with the page that says something is done, and leads to the account. */
void aa_page_done(struct aa_app *app, const struct aa_request *request, struct aa_response *response, const char *title,
                  const char *message);

#endif

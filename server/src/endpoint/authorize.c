#include "endpoint/authorize.h"

#include "base/error.h"
#include "domain/authorize.h"
#include "endpoint/page.h"
#include "endpoint/visit.h"

/* What is told on our own page, because nothing proves yet where else to tell it. */
static const struct {
    enum aa_oauth_error error;
    int status;
    const char *title, *message;
} pages[] = {
    {AA_OAUTH_TOO_MANY_REQUESTS, 429, "Too many requests",
     "Very many connections were begun lately. Please wait a while, then try again."},
    {AA_OAUTH_UNAUTHORIZED_CLIENT, 403, "This application is not let in here",
     "Whoever runs this server has not allowed applications of its kind, or of its web site."},
    {AA_OAUTH_INVALID_CLIENT, 400, "This application is not known here",
     "Its registration may have run out. Please remove this connection in the application and connect again."},
    {AA_OAUTH_INVALID_CLIENT_METADATA, 400, "This application could not be verified",
     "Its web site did not confirm what it is. Please try again in a few minutes; if that does not help, its maker has "
     "to mend it."},
    {AA_OAUTH_TEMPORARILY_UNAVAILABLE, 503, "This is too much at once",
     "Very many applications have connected here lately. Please wait a while, then try again."},
    {AA_OAUTH_INVALID_REDIRECT_URI, 400, "This link cannot be trusted",
     "It would send you to an address that the application did not register. Nothing was sent there."},
    {AA_OAUTH_INVALID_REQUEST, 400, "This link is incomplete",
     "Please go back to the application you came from and connect again."},
};

static void add_retry_after(struct aa_response *response, int64_t seconds)
{
    struct aa_buf number;

    aa_buf_init(&number, 32);
    aa_buf_add_int(&number, seconds);
    aa_response_header_set(response, "Retry-After", aa_buf_view(&number));
    aa_buf_clear(&number);
}

static void answer_refused(struct aa_visit *visit, const struct aa_refused *refused)
{
    size_t last = sizeof pages / sizeof *pages - 1;
    size_t i = 0;

    while (i < last && pages[i].error != refused->error)
        i++;
    aa_page_refuse(visit->app, visit->request, visit->response, pages[i].status, pages[i].title, pages[i].message,
                   refused->description);
    if (refused->retry_after_s > 0)
        add_retry_after(visit->response, refused->retry_after_s);
}

static void answer_begun(struct aa_visit *visit, const struct aa_authorize_answer *answer)
{
    if (answer->next == AA_NEXT_CLIENT) {
        aa_response_redirect(visit->response, aa_buf_view(&answer->location));
        return;
    }
    if (answer->next == AA_NEXT_PAGE) {
        aa_page_refuse_client(visit->app, visit->request, visit->response, aa_buf_view(&answer->location),
                              aa_buf_view(&answer->host), answer->why.description);
        return;
    }
    visit->request_id = aa_buf_view(&answer->request_id);
    aa_visit_set_transaction(visit, visit->request_id, aa_buf_view(&answer->cookie));
    aa_visit_go(visit, answer->next == AA_NEXT_LOGIN ? "/login" : "/consent");
}

static void begin(struct aa_visit *visit)
{
    struct aa_refused refused = AA_REFUSED_INIT;
    struct aa_error err = AA_ERROR_INIT;
    struct aa_authorize_answer answer;
    enum aa_err rc;

    aa_authorize_answer_init(&answer);
    rc = aa_authorize_begin(visit->app, &visit->form, visit->has_person ? &visit->person : NULL, &answer, &refused,
                            &err);
    if (rc && refused.error != AA_OAUTH_NONE)
        answer_refused(visit, &refused);
    else if (rc)
        aa_visit_trouble(visit, rc, &err);
    else
        answer_begun(visit, &answer);
    aa_authorize_answer_clear(&answer);
}

void aa_authorize_get(void *app, const struct aa_request *request, struct aa_response *response)
{
    struct aa_visit visit;

    if (aa_visit_begin(&visit, app, request, response) && aa_visit_open_person(&visit))
        begin(&visit);
    aa_visit_end(&visit);
}

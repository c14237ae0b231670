#include "endpoint/logout.h"

#include "base/error.h"
#include "base/url.h"
#include "endpoint/page.h"
#include "endpoint/urls.h"
#include "endpoint/visit.h"

#define CONSENT_PURPOSE "consent" /* the consent page's "Not you?" sends that page's token */
#define TOKEN_MAX 64

static void answer_done(struct aa_visit *visit)
{
    aa_page_done(visit->app, visit->request, visit->response, "You are logged out",
                 "Applications you allowed before keep working.");
}

static void show(struct aa_visit *visit)
{
    struct aa_buf action, account, token;

    aa_buf_init(&action, AA_URL_MAX + 64);
    aa_buf_init(&account, AA_URL_MAX + 64);
    aa_buf_init(&token, TOKEN_MAX);
    aa_path_of(visit->app, "/logout", &action);
    aa_path_of(visit->app, "/account", &account);
    if (aa_visit_add_token(visit, AA_LOGOUT_PURPOSE, visit->session, &token)) {
        const struct aa_template_value values[] = {
            {.name = "action", .text = aa_buf_view(&action)},
            {.name = "csrf", .text = aa_buf_view(&token)},
            {.name = "account_url", .text = aa_buf_view(&account)},
            {.name = "user_email", .text = visit->person.user.email},
            {.name = NULL},
        };

        aa_page_answer(visit->app, visit->request, visit->response, 200, "logout.html", values);
    }
    aa_buf_clear(&action);
    aa_buf_clear(&account);
    aa_buf_wipe_clear(&token);
}

void aa_logout_get(void *app, const struct aa_request *request, struct aa_response *response)
{
    struct aa_visit visit;

    if (aa_visit_begin(&visit, app, request, response) && aa_visit_open_person(&visit)) {
        if (visit.has_person)
            show(&visit);
        else
            answer_done(&visit);
    }
    aa_visit_end(&visit);
}

/* A request that was named is not opened: whoever wants to leave an expired page may. */
static bool check_form(struct aa_visit *visit)
{
    struct aa_view request_id = AA_VIEW_ABSENT;

    if (!aa_visit_get(visit, "request", &request_id))
        return false;
    visit->request_id = request_id.len > 0 ? request_id : AA_VIEW_ABSENT;
    if (!visit->has_person)
        return true; /* there is nothing to end */
    return aa_visit_check_token(visit, request_id.len > 0 ? CONSENT_PURPOSE : AA_LOGOUT_PURPOSE, visit->session);
}

static void log_out(struct aa_visit *visit)
{
    struct aa_error err = AA_ERROR_INIT;
    enum aa_err rc = aa_session_end(visit->app, visit->session, &err);

    if (rc) {
        aa_visit_trouble(visit, rc, &err);
        return;
    }
    aa_visit_set_session(visit, AA_VIEW_ABSENT);
    if (aa_view_is_absent(visit->request_id))
        answer_done(visit);
    else
        aa_visit_go(visit, "/login");
}

void aa_logout_post(void *app, const struct aa_request *request, struct aa_response *response)
{
    struct aa_visit visit;

    if (aa_visit_begin(&visit, app, request, response) && aa_visit_open_person(&visit) && check_form(&visit))
        log_out(&visit);
    aa_visit_end(&visit);
}

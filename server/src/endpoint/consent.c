#include "endpoint/consent.h"

#include "base/error.h"
#include "base/url.h"
#include "domain/authorize.h"
#include "domain/clients.h"
#include "domain/consent.h"
#include "domain/redirect_uri.h"
#include "domain/servers.h"
#include "endpoint/client_view.h"
#include "endpoint/page.h"
#include "endpoint/urls.h"
#include "endpoint/visit.h"

#define PURPOSE "consent"
#define TOKEN_MAX 64
#define WORDS_MAX (2 * AA_SCOPE_LEN_MAX) /* the scopes once more, each with a verb in front */

/* ---- the page ---- */

struct scope_rows {
    struct aa_scopes scopes;
    struct aa_buf words;
    struct aa_template_value values[AA_SCOPE_COUNT_MAX][3];
    const struct aa_template_value *rows[AA_SCOPE_COUNT_MAX];
};

/* The words are views of one buffer, taken when it no longer grows. */
static enum aa_err build_rows(struct aa_view scope, struct scope_rows *rows, struct aa_error *err)
{
    size_t i, ends[AA_SCOPE_COUNT_MAX];
    enum aa_err rc;

    rc = aa_scopes_parse(scope, &rows->scopes, err);
    if (rc)
        return rc;
    for (i = 0; i < rows->scopes.len; i++) {
        aa_scope_add_words(&rows->words, rows->scopes.items[i]);
        ends[i] = rows->words.len;
    }
    for (i = 0; i < rows->scopes.len; i++) {
        size_t begin = i ? ends[i - 1] : 0;
        struct aa_view words = aa_view_slice(aa_buf_view(&rows->words), begin, ends[i] - begin);

        rows->values[i][0] = (struct aa_template_value){.name = "token", .text = rows->scopes.items[i]};
        rows->values[i][1] =
            (struct aa_template_value){.name = "description", .text = words.len ? words : AA_VIEW_ABSENT};
        rows->values[i][2] = (struct aa_template_value){.name = NULL};
        rows->rows[i] = rows->values[i];
    }
    return aa_buf_check(&rows->words, "words for scopes", err);
}

static struct aa_view flag(bool on)
{
    return on ? AA_VIEW("1") : AA_VIEW_ABSENT;
}

struct page_texts {
    struct aa_buf action, logout_action, token, redirect_host;
};

static void answer_page(struct aa_visit *visit, const struct page_texts *texts, const struct scope_rows *rows)
{
    const struct aa_pending *pending = &visit->pending;
    enum aa_redirect_kind kind = aa_redirect_uri_kind(pending->request.redirect_uri);
    const struct aa_template_value values[] = {
        {.name = "action", .text = aa_buf_view(&texts->action)},
        {.name = "logout_action", .text = aa_buf_view(&texts->logout_action)},
        {.name = "request", .text = visit->request_id},
        {.name = "csrf", .text = aa_buf_view(&texts->token)},
        {.name = "client_host", .text = aa_client_verified_host(&pending->client)},
        {.name = "client_name", .text = pending->client.client_name},
        {.name = "redirect_host", .text = aa_buf_view(&texts->redirect_host)},
        {.name = "redirect_uri", .text = pending->request.redirect_uri},
        {.name = "is_loopback", .text = flag(kind == AA_REDIRECT_LOOPBACK)},
        {.name = "is_app", .text = flag(kind == AA_REDIRECT_PRIVATE)},
        {.name = "server_name", .text = pending->server.server_name},
        {.name = "server_url", .text = pending->server.server_url},
        {.name = "user_email", .text = visit->person.user.email},
        {.name = "user_name", .text = visit->person.user.name},
        {.name = "scopes", .rows = rows->rows, .row_count = rows->scopes.len},
        {.name = NULL},
    };

    aa_page_answer(visit->app, visit->request, visit->response, 200, "consent.html", values);
}

static void show(struct aa_visit *visit)
{
    struct aa_error err = AA_ERROR_INIT;
    struct scope_rows rows;
    struct page_texts texts;
    enum aa_err rc;

    aa_buf_init(&texts.action, AA_URL_MAX + 64);
    aa_buf_init(&texts.logout_action, AA_URL_MAX + 64);
    aa_buf_init(&texts.token, TOKEN_MAX);
    aa_buf_init(&texts.redirect_host, AA_URL_MAX);
    aa_buf_init(&rows.words, WORDS_MAX);
    aa_path_of(visit->app, "/consent", &texts.action);
    aa_path_of(visit->app, "/logout", &texts.logout_action);
    aa_redirect_uri_add_host(&texts.redirect_host, visit->pending.request.redirect_uri);
    rc = build_rows(visit->pending.request.scope, &rows, &err);
    if (!rc)
        rc = aa_buf_check(&texts.redirect_host, "a redirect host", &err);
    if (rc)
        aa_visit_trouble(visit, rc, &err);
    else if (aa_visit_add_token(visit, PURPOSE, visit->session, &texts.token))
        answer_page(visit, &texts, &rows);
    aa_buf_clear(&texts.action);
    aa_buf_clear(&texts.logout_action);
    aa_buf_wipe_clear(&texts.token);
    aa_buf_clear(&texts.redirect_host);
    aa_buf_clear(&rows.words);
}

/* ---- to the client ---- */

enum decision { ALLOW, ALLOW_REMEMBERED, DENY, LOGIN_REQUIRED, CONSENT_REQUIRED };

static enum aa_err decide(struct aa_visit *visit, enum decision decision, struct aa_buf *location, struct aa_error *err)
{
    struct aa_app *app = visit->app;
    const struct aa_pending *pending = &visit->pending;

    switch (decision) {
    case ALLOW:
        return aa_consent_allow(app, pending, &visit->person, AA_CONSENT_ASKED, location, err);
    case ALLOW_REMEMBERED:
        return aa_consent_allow(app, pending, &visit->person, AA_CONSENT_REMEMBERED, location, err);
    case LOGIN_REQUIRED:
        return aa_consent_refuse(app, pending, AA_OAUTH_LOGIN_REQUIRED, "nobody is logged in", location, err);
    case CONSENT_REQUIRED:
        return aa_consent_refuse(app, pending, AA_OAUTH_CONSENT_REQUIRED, "the person must be asked", location, err);
    case DENY:
        break;
    }
    return aa_consent_refuse(app, pending, AA_OAUTH_ACCESS_DENIED, "the person said no", location, err);
}

static void refuse_on_our_page(struct aa_visit *visit, enum decision decision, struct aa_view location)
{
    struct aa_error err = AA_ERROR_INIT;
    struct aa_buf host;
    enum aa_err rc;

    aa_buf_init(&host, AA_URL_MAX);
    aa_redirect_uri_add_host(&host, visit->pending.request.redirect_uri);
    rc = aa_buf_check(&host, "a redirect host", &err);
    if (rc)
        aa_visit_trouble(visit, rc, &err);
    else
        aa_page_refuse_client(visit->app, visit->request, visit->response, location, aa_buf_view(&host),
                              decision == LOGIN_REQUIRED ? "nobody is logged in" : "the person must be asked");
    aa_buf_clear(&host);
}

/* Codes go where somebody once said yes to, and a no is an answer too. What nobody was asked does not send them away.
 */
static bool may_send(const struct aa_visit *visit, enum decision decision)
{
    return (decision != LOGIN_REQUIRED && decision != CONSENT_REQUIRED) ||
           aa_client_is_trusted_at(&visit->pending.client, visit->pending.request.redirect_uri);
}

static void answer_client(struct aa_visit *visit, enum decision decision)
{
    struct aa_error err = AA_ERROR_INIT;
    struct aa_buf location;
    enum aa_err rc;

    aa_buf_init(&location, AA_LOCATION_MAX);
    rc = decide(visit, decision, &location, &err);
    if (rc == AA_ERR_NOT_FOUND) {
        aa_visit_expired(visit);
    } else if (rc) {
        aa_visit_trouble(visit, rc, &err);
    } else {
        if (decision == ALLOW || decision == DENY)
            aa_visit_settle_transaction(visit);
        else
            aa_visit_set_transaction(visit, visit->request_id, AA_VIEW_ABSENT);
        if (may_send(visit, decision))
            aa_response_redirect(visit->response, aa_buf_view(&location));
        else
            refuse_on_our_page(visit, decision, aa_buf_view(&location));
    }
    aa_buf_wipe_clear(&location);
}

/* ---- GET ---- */

static bool is_of_person(const struct aa_visit *visit)
{
    return visit->has_person && aa_pending_is_of(&visit->pending, &visit->person);
}

static void ask_or_answer(struct aa_visit *visit)
{
    struct aa_error err = AA_ERROR_INIT;
    bool is_silent = visit->pending.request.prompt_none, remembered = false;
    enum aa_err rc;

    if (!is_of_person(visit)) {
        if (is_silent)
            answer_client(visit, LOGIN_REQUIRED);
        else
            aa_visit_go(visit, "/login");
        return;
    }
    rc = aa_consent_is_remembered(visit->app, &visit->pending, &visit->person, &remembered, &err);
    if (rc)
        aa_visit_trouble(visit, rc, &err);
    else if (remembered)
        answer_client(visit, ALLOW_REMEMBERED);
    else if (is_silent)
        answer_client(visit, CONSENT_REQUIRED);
    else
        show(visit);
}

void aa_consent_get(void *app, const struct aa_request *request, struct aa_response *response)
{
    struct aa_visit visit;

    if (aa_visit_begin(&visit, app, request, response) && aa_visit_open_pending(&visit) && aa_visit_open_person(&visit))
        ask_or_answer(&visit);
    aa_visit_end(&visit);
}

/* ---- POST ---- */

/* The person comes from the session alone; that they are the one the page was shown to is proven by the request. */
static bool check_person(struct aa_visit *visit)
{
    if (!aa_visit_open_person(visit))
        return false;
    if (is_of_person(visit))
        return true;
    aa_page_refuse(visit->app, visit->request, visit->response, 403, "You are no longer logged in",
                   "Or you are logged in as somebody else than when this page was opened. Please go back to the "
                   "application you came from and connect again.",
                   NULL);
    return false;
}

static void take_decision(struct aa_visit *visit)
{
    struct aa_view decision = AA_VIEW_ABSENT;

    if (!aa_visit_get(visit, "decision", &decision))
        return;
    if (aa_view_equal_text(decision, "allow"))
        answer_client(visit, ALLOW);
    else if (aa_view_equal_text(decision, "deny"))
        answer_client(visit, DENY);
    else
        aa_page_refuse(visit->app, visit->request, visit->response, 400, "No answer was given",
                       "Please go back and choose whether to allow this.", NULL);
}

void aa_consent_post(void *app, const struct aa_request *request, struct aa_response *response)
{
    struct aa_visit visit;

    if (aa_visit_begin(&visit, app, request, response) && aa_visit_open_pending_again(&visit) && check_person(&visit) &&
        aa_visit_check_token(&visit, PURPOSE, visit.session))
        take_decision(&visit);
    aa_visit_end(&visit);
}

#include "endpoint/login.h"

#include "base/error.h"
#include "base/url.h"
#include "domain/device.h"
#include "domain/directory.h"
#include "domain/rate.h"
#include "domain/secret.h"
#include "endpoint/client_view.h"
#include "endpoint/page.h"
#include "endpoint/urls.h"
#include "endpoint/visit.h"

#define PURPOSE "login"
#define TOKEN_MAX 64
#define PEER_MAX 128

/* ---- which login ---- */

static bool is_for_request(const struct aa_visit *visit)
{
    return visit->pending.request.memory != NULL;
}

/* Where a login for its own sake may lead: words of ours, so that no link that begins here ends elsewhere. */
static const struct {
    const char *word, *path;
} ways_on[] = {{"account", "/account"}};

/* NULL: nowhere. */
static const char *find_way_on(struct aa_view word)
{
    for (size_t i = 0; i < sizeof ways_on / sizeof *ways_on; i++)
        if (aa_view_equal_text(word, ways_on[i].word))
            return ways_on[i].path;
    return NULL;
}

/* The authorization request this login is for, or the page that follows it; none when the form names none. */
static bool open_purpose(struct aa_visit *visit)
{
    struct aa_view request_id = AA_VIEW_ABSENT, next = AA_VIEW_ABSENT;

    if (!aa_visit_get(visit, "request", &request_id) || !aa_visit_get(visit, "next", &next))
        return false;
    if (request_id.len > 0)
        return aa_visit_open_pending(visit);
    if (find_way_on(next)) {
        visit->next = next;
        visit->is_for_account = true;
    }
    return true;
}

/* What makes the form this browser's: the request's cookie, or one for the login alone. */
static struct aa_view form_cookie(const struct aa_visit *visit)
{
    return is_for_request(visit) ? visit->transaction : aa_visit_form_cookie(visit);
}

/* ---- the page ---- */

static void show(struct aa_visit *visit, int status, struct aa_view cookie, struct aa_view email, const char *error)
{
    const struct aa_client *client = &visit->pending.client;
    struct aa_buf action, token;

    aa_buf_init(&action, AA_URL_MAX + 64);
    aa_buf_init(&token, TOKEN_MAX);
    aa_path_of(visit->app, "/login", &action);
    if (aa_visit_add_token(visit, PURPOSE, cookie, &token)) {
        const struct aa_template_value values[] = {
            {.name = "action", .text = aa_buf_view(&action)},
            {.name = "request", .text = visit->request_id},
            {.name = "next", .text = visit->next},
            {.name = "csrf", .text = aa_buf_view(&token)},
            {.name = "email", .text = email},
            {.name = "error", .text = aa_view_of(error)},
            {.name = "client_host", .text = aa_client_verified_host(client)},
            {.name = "client_name", .text = client->client_name},
            {.name = "server_name", .text = visit->pending.server.server_name},
            {.name = NULL},
        };

        aa_page_answer(visit->app, visit->request, visit->response, status, "login.html", values);
    }
    aa_buf_clear(&action);
    aa_buf_wipe_clear(&token);
}

/* A login for its own sake has no request whose cookie could prove the form: it gets one. */
static void show_alone(struct aa_visit *visit)
{
    struct aa_error err = AA_ERROR_INIT;
    struct aa_buf cookie;
    enum aa_err rc;

    aa_buf_init(&cookie, AA_SECRET_MAX);
    rc = aa_secret_random(visit->app, &cookie, &err);
    if (rc) {
        aa_visit_trouble(visit, rc, &err);
    } else {
        aa_visit_set_form_cookie(visit, aa_buf_view(&cookie));
        show(visit, 200, aa_buf_view(&cookie), AA_VIEW_ABSENT, NULL);
    }
    aa_buf_wipe_clear(&cookie);
}

void aa_login_get(void *app, const struct aa_request *request, struct aa_response *response)
{
    struct aa_visit visit;

    if (aa_visit_begin(&visit, app, request, response) && open_purpose(&visit)) {
        if (is_for_request(&visit))
            show(&visit, 200, visit.transaction, AA_VIEW_ABSENT, NULL);
        else
            show_alone(&visit);
    }
    aa_visit_end(&visit);
}

/* ---- the answer ---- */

static void answer_locked_out(struct aa_visit *visit, int64_t retry_after_s)
{
    struct aa_buf seconds;

    aa_buf_init(&seconds, 32);
    aa_buf_add_int(&seconds, retry_after_s);
    aa_page_refuse(
        visit->app, visit->request, visit->response, 429, "Too many tries",
        "Somebody tried to log in with a wrong password too often. Please wait a while, then go back and try "
        "again.",
        NULL);
    aa_response_header_set(visit->response, "Retry-After", aa_buf_view(&seconds));
    aa_buf_clear(&seconds);
}

/* 403 and not 401: that one must carry a challenge (RFC 9110 §15.5.2), which browsers answer with a dialogue of their
 * own. One sentence for every cause, so that nobody learns who has an account. */
static void answer_wrong(struct aa_visit *visit, struct aa_view email)
{
    show(visit, 403, form_cookie(visit), email, "The e-mail address or the password is wrong.");
}

static bool authenticate(struct aa_visit *visit, struct aa_user *user)
{
    struct aa_login_try tried = {.device = aa_visit_device(visit)};
    struct aa_error err = AA_ERROR_INIT;
    struct aa_buf peer;
    int64_t retry_after_s = 0;
    enum aa_err rc;

    if (!aa_visit_get(visit, "email", &tried.email) || !aa_visit_get(visit, "password", &tried.password))
        return false;
    aa_buf_init(&peer, PEER_MAX);
    aa_rate_key_add(&peer, visit->request->peer);
    tried.peer = aa_buf_view(&peer);
    rc = aa_person_authenticate(visit->app, &tried, user, &retry_after_s, &err);
    aa_buf_clear(&peer);
    if (rc == AA_ERR_TOKEN_NOT_YET)
        answer_locked_out(visit, retry_after_s);
    else if (rc == AA_ERR_TOKEN_INACTIVE)
        answer_wrong(visit, tried.email);
    else if (rc)
        aa_visit_trouble(visit, rc, &err);
    return !rc;
}

/* The session, and the cookie by which this browser is known from now on. */
static enum aa_err begin_session(struct aa_visit *visit, const struct aa_user *user, struct aa_error *err)
{
    struct aa_buf session, device;
    enum aa_err rc = AA_OK;

    aa_buf_init(&session, AA_SECRET_MAX);
    aa_buf_init(&device, AA_DEVICE_COOKIE_LEN);
    if (is_for_request(visit))
        rc = aa_pending_set_user(visit->app, &visit->pending, user->user_id, err);
    if (!rc)
        rc = aa_device_add(visit->app, user, &device, err);
    if (!rc)
        rc = aa_session_begin(visit->app, user->user_id, visit->session, &session, err);
    if (!rc) {
        aa_visit_set_session(visit, aa_buf_view(&session));
        aa_visit_set_device(visit, aa_buf_view(&device));
    }
    aa_buf_wipe_clear(&session);
    aa_buf_wipe_clear(&device);
    return rc;
}

static void log_in(struct aa_visit *visit, const struct aa_user *user)
{
    struct aa_error err = AA_ERROR_INIT;
    enum aa_err rc = begin_session(visit, user, &err);

    if (rc == AA_ERR_NOT_FOUND)
        aa_visit_expired(visit);
    else if (rc)
        aa_visit_trouble(visit, rc, &err);
    else if (is_for_request(visit))
        aa_visit_go(visit, "/consent");
    else if (visit->next.len > 0)
        aa_visit_go(visit, find_way_on(visit->next));
    else
        aa_page_done(visit->app, visit->request, visit->response, "You are logged in", "You can close this page.");
}

void aa_login_post(void *app, const struct aa_request *request, struct aa_response *response)
{
    struct aa_visit visit;
    struct aa_user user = {0};

    if (aa_visit_begin(&visit, app, request, response) && open_purpose(&visit) &&
        aa_visit_check_token(&visit, PURPOSE, form_cookie(&visit)) && authenticate(&visit, &user))
        log_in(&visit, &user);
    aa_record_clear(&user.memory);
    aa_visit_end(&visit);
}

#include "endpoint/visit.h"

#include <stdio.h>

#include "base/error.h"
#include "domain/device.h"
#include "domain/form_token.h"
#include "domain/secret.h"
#include "endpoint/page.h"
#include "endpoint/urls.h"

#define SESSION_COOKIE "aa_session"
#define FORM_COOKIE "aa_form"
#define DEVICE_COOKIE "aa_device"
#define TRANSACTION_COOKIE "aa_tx_" /* and the beginning of the request's id */
#define TRANSACTION_ID_LEN 8
#define COOKIE_NAME_MAX 32

/* More requests than this under way in one browser are a page that opens windows in a loop; forgetting them keeps the
 * Cookie header below what servers accept. */
#define TRANSACTIONS_MAX 12

/* ---- cookies ---- */

static void set_cookie(struct aa_visit *visit, const char *name, struct aa_view value, int64_t max_age_s)
{
    struct aa_cookie cookie = {.name = name,
                               .value = aa_view_is_absent(value) ? AA_VIEW("") : value,
                               .max_age_s = aa_view_is_absent(value) ? 0 : max_age_s,
                               .secure = visit->app->settings.issuer_secure};

    aa_response_cookie(visit->response, &cookie);
}

static struct aa_view get_cookie(const struct aa_visit *visit, const char *name)
{
    return aa_request_own_cookie(visit->request, name, visit->app->settings.issuer_secure);
}

/* False when the id cannot be one of ours: its beginning becomes part of a header. */
static bool name_transaction(struct aa_view request_id, char name[COOKIE_NAME_MAX])
{
    size_t i;

    if (request_id.len < TRANSACTION_ID_LEN || request_id.len > AA_SECRET_MAX)
        return false;
    for (i = 0; i < TRANSACTION_ID_LEN; i++) {
        char c = request_id.data[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_'))
            return false;
    }
    snprintf(name, COOKIE_NAME_MAX, "%s%.*s", TRANSACTION_COOKIE, TRANSACTION_ID_LEN, request_id.data);
    return true;
}

static struct aa_view find_transaction(const struct aa_visit *visit, struct aa_view request_id)
{
    char name[COOKIE_NAME_MAX];

    return name_transaction(request_id, name) ? get_cookie(visit, name) : AA_VIEW_ABSENT;
}

void aa_visit_set_session(struct aa_visit *visit, struct aa_view cookie)
{
    set_cookie(visit, SESSION_COOKIE, cookie, visit->app->settings.session_ttl_s);
}

static bool is_transaction(const struct aa_visit *visit, struct aa_view pair, char name[COOKIE_NAME_MAX])
{
    struct aa_view full, value, prefix = visit->app->settings.issuer_secure ? AA_VIEW("__Host-") : AA_VIEW("");

    if (!aa_view_cut(aa_view_trim(pair), '=', &full, &value) || !aa_view_has_prefix(full, prefix))
        return false;
    full = aa_view_from(full, prefix.len);
    return aa_view_has_prefix(full, AA_VIEW(TRANSACTION_COOKIE)) &&
           name_transaction(aa_view_from(full, sizeof TRANSACTION_COOKIE - 1), name);
}

static void forget_many_transactions(struct aa_visit *visit)
{
    char names[TRANSACTIONS_MAX][COOKIE_NAME_MAX];
    struct aa_view pair, rest = aa_request_header(visit->request, "Cookie");
    size_t count = 0;

    while (!aa_view_is_absent(rest) && count < TRANSACTIONS_MAX) {
        aa_view_cut(rest, ';', &pair, &rest);
        if (is_transaction(visit, pair, names[count]))
            count++;
    }
    while (count == TRANSACTIONS_MAX && !aa_view_is_absent(rest))
        aa_view_cut(rest, ';', &pair, &rest);
    if (count < TRANSACTIONS_MAX)
        return;
    for (size_t i = 0; i < count; i++)
        set_cookie(visit, names[i], AA_VIEW_ABSENT, 0);
}

void aa_visit_set_transaction(struct aa_visit *visit, struct aa_view request_id, struct aa_view cookie)
{
    char name[COOKIE_NAME_MAX];

    if (!aa_view_is_absent(cookie))
        forget_many_transactions(visit);
    if (name_transaction(request_id, name))
        set_cookie(visit, name, cookie, visit->app->settings.auth_request_ttl_s);
}

void aa_visit_settle_transaction(struct aa_visit *visit)
{
    char name[COOKIE_NAME_MAX];

    if (name_transaction(visit->request_id, name))
        set_cookie(visit, name, visit->transaction, visit->app->settings.code_ttl_s);
}

struct aa_view aa_visit_form_cookie(const struct aa_visit *visit)
{
    return get_cookie(visit, FORM_COOKIE);
}

void aa_visit_set_form_cookie(struct aa_visit *visit, struct aa_view cookie)
{
    set_cookie(visit, FORM_COOKIE, cookie, -1);
}

struct aa_view aa_visit_device(const struct aa_visit *visit)
{
    return get_cookie(visit, DEVICE_COOKIE);
}

void aa_visit_set_device(struct aa_visit *visit, struct aa_view cookie)
{
    set_cookie(visit, DEVICE_COOKIE, cookie, AA_DEVICE_TTL_S);
}

/* ---- answers ---- */

void aa_visit_trouble(struct aa_visit *visit, enum aa_err rc, const struct aa_error *err)
{
    aa_page_trouble(visit->app, visit->request, visit->response, rc, err);
}

void aa_visit_refuse(struct aa_visit *visit, int status, const char *title, const char *message)
{
    if (visit->is_for_account)
        aa_page_refuse_for_account(visit->app, visit->request, visit->response, status, title, message);
    else
        aa_page_refuse(visit->app, visit->request, visit->response, status, title, message, NULL);
}

static void answer_malformed(struct aa_visit *visit)
{
    static const char title[] = "This request cannot be read";

    if (visit->is_for_account)
        aa_visit_refuse(visit, 400, title, "Please open the page again and try once more.");
    else
        aa_page_refuse(visit->app, visit->request, visit->response, 400, title,
                       "Please go back to the application you came from and try again.",
                       "The parameters are not well-formed, or one of them was sent twice.");
}

static void answer_foreign(struct aa_visit *visit)
{
    aa_visit_refuse(visit, 403, "This form is not from here",
                    visit->is_for_account
                        ? "It was sent by another page, or by this one before you logged in anew, or your browser does "
                          "not keep cookies. Please open the page again and try once more."
                        : "It was sent by another page, or your browser does not keep cookies. Please go back to the "
                          "application you came from and try again.");
}

void aa_visit_expired(struct aa_visit *visit)
{
    aa_page_refuse(visit->app, visit->request, visit->response, 400, "This page has expired",
                   "It was answered before, it is too old, or it was begun in another browser. Please go back to the "
                   "application you came from and connect again.",
                   NULL);
}

void aa_visit_go(struct aa_visit *visit, const char *path)
{
    struct aa_error err = AA_ERROR_INIT;
    struct aa_buf location;
    enum aa_err rc;

    aa_buf_init(&location, 4096);
    aa_path_of(visit->app, path, &location);
    if (!aa_view_is_absent(visit->request_id)) {
        aa_buf_add_text(&location, "?request=");
        aa_buf_add_percent(&location, visit->request_id);
    }
    rc = aa_buf_check(&location, "an address of ours", &err);
    if (rc)
        aa_visit_trouble(visit, rc, &err);
    else
        aa_response_redirect(visit->response, aa_buf_view(&location));
    aa_buf_clear(&location);
}

/* ---- steps ---- */

static bool parse_form(struct aa_visit *visit)
{
    const struct aa_request *request = visit->request;
    struct aa_error err = AA_ERROR_INIT;
    bool is_post = request->method == AA_METHOD_POST;
    enum aa_err rc;

    if (is_post && !aa_request_is_type(request, "application/x-www-form-urlencoded")) {
        answer_malformed(visit);
        return false;
    }
    rc = aa_form_parse(&visit->form, is_post ? request->body : request->query, &err);
    if (rc == AA_ERR_NOMEM)
        aa_visit_trouble(visit, rc, &err);
    else if (rc)
        answer_malformed(visit);
    return !rc;
}

static bool begin(struct aa_visit *visit)
{
    visit->session = get_cookie(visit, SESSION_COOKIE);
    return parse_form(visit);
}

bool aa_visit_begin(struct aa_visit *visit, struct aa_app *app, const struct aa_request *request,
                    struct aa_response *response)
{
    *visit = (struct aa_visit){.app = app, .request = request, .response = response};
    return begin(visit);
}

bool aa_visit_begin_for_account(struct aa_visit *visit, struct aa_app *app, const struct aa_request *request,
                                struct aa_response *response)
{
    *visit = (struct aa_visit){.app = app, .request = request, .response = response, .is_for_account = true};
    return begin(visit);
}

void aa_visit_end(struct aa_visit *visit)
{
    aa_pending_clear(&visit->pending);
    aa_person_clear(&visit->person);
    aa_form_clear(&visit->form);
}

bool aa_visit_get(struct aa_visit *visit, const char *name, struct aa_view *value)
{
    if (!aa_form_get(&visit->form, name, value, NULL))
        return true;
    answer_malformed(visit);
    return false;
}

bool aa_visit_open_person(struct aa_visit *visit)
{
    struct aa_error err = AA_ERROR_INIT;
    enum aa_err rc = aa_session_open(visit->app, visit->session, &visit->person, &err);

    visit->has_person = !rc;
    if (!rc || rc == AA_ERR_NOT_FOUND)
        return true;
    aa_visit_trouble(visit, rc, &err);
    return false;
}

typedef enum aa_err (*open_fn)(struct aa_app *app, struct aa_view request_id, struct aa_view cookie,
                               struct aa_pending *out, struct aa_error *err);

static bool open_pending_by(struct aa_visit *visit, open_fn open)
{
    struct aa_error err = AA_ERROR_INIT;
    enum aa_err rc;

    if (!aa_visit_get(visit, "request", &visit->request_id))
        return false;
    visit->transaction = find_transaction(visit, visit->request_id);
    rc = open(visit->app, visit->request_id, visit->transaction, &visit->pending, &err);
    if (rc == AA_ERR_NOT_FOUND)
        aa_visit_expired(visit);
    else if (rc)
        aa_visit_trouble(visit, rc, &err);
    return !rc;
}

bool aa_visit_open_pending(struct aa_visit *visit)
{
    return open_pending_by(visit, aa_pending_open);
}

bool aa_visit_open_pending_again(struct aa_visit *visit)
{
    return open_pending_by(visit, aa_pending_open_again);
}

bool aa_visit_check_token(struct aa_visit *visit, const char *purpose, struct aa_view cookie)
{
    struct aa_error err = AA_ERROR_INIT;
    struct aa_view token = AA_VIEW_ABSENT;
    bool good = false;
    enum aa_err rc;

    if (!aa_visit_get(visit, "csrf", &token))
        return false;
    rc = aa_form_token_check(visit->app, purpose, cookie, visit->request_id, token, &good, &err);
    if (rc)
        aa_visit_trouble(visit, rc, &err);
    else if (!good)
        answer_foreign(visit);
    return !rc && good;
}

bool aa_visit_add_token(struct aa_visit *visit, const char *purpose, struct aa_view cookie, struct aa_buf *out)
{
    struct aa_error err = AA_ERROR_INIT;
    enum aa_err rc = aa_form_token_add(visit->app, purpose, cookie, visit->request_id, out, &err);

    if (rc)
        aa_visit_trouble(visit, rc, &err);
    return !rc;
}

#include "endpoint/page.h"

#include "base/error.h"
#include "base/url.h"
#include "endpoint/style.h"
#include "endpoint/urls.h"

#define LEVEL_INFO 1
#define LEVEL_ERROR 3
#define VALUES_MAX 32 /* of a page; consent.html, the fullest, has seventeen */
#define RETRY_AFTER AA_VIEW("5")

static enum aa_err render(const struct aa_app *app, struct aa_buf *body, const char *page,
                          const struct aa_template_value *values, struct aa_error *err)
{
    struct aa_template_value all[VALUES_MAX + 1] = {{0}};
    struct aa_buf style_url, host;
    size_t count = 0;
    enum aa_err rc;

    aa_buf_init(&style_url, AA_URL_MAX + 64);
    aa_buf_init(&host, AA_URL_MAX);
    aa_issuer_add_host(app, &host);
    rc = aa_style_add_path(app, &style_url, err);
    if (!rc)
        rc = aa_buf_check(&host, "the issuer's host", err);
    if (rc)
        goto done;
    while (values[count].name && count < VALUES_MAX - 2) {
        all[count] = values[count];
        count++;
    }
    all[count++] = (struct aa_template_value){.name = "style_url", .text = aa_buf_view(&style_url)};
    all[count++] = (struct aa_template_value){.name = "issuer_host", .text = aa_buf_view(&host)};
    rc = aa_template_render(body, page, all, err);
    if (!rc)
        rc = aa_buf_check(body, page, err);
done:
    aa_buf_clear(&style_url);
    aa_buf_clear(&host);
    return rc;
}

/* When not even a page can be made. */
static void answer_plainly(struct aa_response *response)
{
    aa_response_reset(response);
    response->status = 503;
    aa_response_header(response, "Content-Type", AA_VIEW("text/plain; charset=utf-8"));
    aa_response_header(response, "Cache-Control", AA_VIEW("no-store"));
    aa_response_header(response, "Retry-After", RETRY_AFTER);
    aa_buf_add_text(&response->body, "This did not work because of trouble on our side. Please try again.\n");
}

void aa_page_answer(struct aa_app *app, const struct aa_request *request, struct aa_response *response, int status,
                    const char *page, const struct aa_template_value *values)
{
    struct aa_error err = AA_ERROR_INIT;

    aa_response_html(response, status);
    if (!render(app, &response->body, page, values, &err))
        return;
    aa_app_log(app, LEVEL_ERROR, request->request_id, "%s could not be shown: %s", page, err.message);
    answer_plainly(response);
}

struct error_page {
    int status;
    const char *title, *message, *detail;
    struct aa_view back_url, back_host, account_url;
};

static void refuse(struct aa_app *app, const struct aa_request *request, struct aa_response *response,
                   const struct error_page *page)
{
    const struct aa_template_value values[] = {
        {.name = "title", .text = aa_view_of(page->title)},
        {.name = "message", .text = aa_view_of(page->message)},
        {.name = "back_url", .text = page->back_url},
        {.name = "back_host", .text = page->back_host},
        {.name = "account_url", .text = page->account_url},
        {.name = "detail", .text = aa_view_of(page->detail)},
        {.name = "request_id", .text = aa_view_of(request->request_id)},
        {.name = NULL},
    };

    /* The page names the request, so that whoever is asked for help can find this line. */
    aa_app_log(app, LEVEL_INFO, request->request_id, "answered %d: %s%s%s", page->status, page->title,
               page->detail ? ": " : "", page->detail ? page->detail : "");
    aa_page_answer(app, request, response, page->status, "error.html", values);
}

void aa_page_refuse(struct aa_app *app, const struct aa_request *request, struct aa_response *response, int status,
                    const char *title, const char *message, const char *detail)
{
    const struct error_page page = {.status = status, .title = title, .message = message, .detail = detail};

    refuse(app, request, response, &page);
}

void aa_page_refuse_for_account(struct aa_app *app, const struct aa_request *request, struct aa_response *response,
                                int status, const char *title, const char *message)
{
    struct error_page page = {.status = status, .title = title, .message = message};
    struct aa_buf account;

    aa_buf_init(&account, AA_URL_MAX + 64);
    aa_path_of(app, "/account", &account);
    page.account_url = aa_buf_view(&account);
    refuse(app, request, response, &page);
    aa_buf_clear(&account);
}

void aa_page_refuse_client(struct aa_app *app, const struct aa_request *request, struct aa_response *response,
                           struct aa_view location, struct aa_view host, const char *detail)
{
    const struct error_page page = {
        .status = 400,
        .title = "This request cannot be answered",
        .message = "The application asked for something that it cannot have. Nothing was allowed. Go back to it only "
                   "if you know the site named here and came from there.",
        .detail = detail,
        .back_url = location,
        .back_host = host,
    };

    refuse(app, request, response, &page);
}

void aa_page_trouble(struct aa_app *app, const struct aa_request *request, struct aa_response *response, enum aa_err rc,
                     const struct aa_error *err)
{
    aa_app_log(app, LEVEL_ERROR, request->request_id, "%s: %s", aa_err_name(rc), err->message);
    aa_page_refuse(app, request, response, 503, "This did not work",
                   "There is trouble on our side. Please try again in a moment.", NULL);
    aa_response_header_set(response, "Retry-After", RETRY_AFTER);
}

void aa_page_done(struct aa_app *app, const struct aa_request *request, struct aa_response *response, const char *title,
                  const char *message)
{
    struct aa_buf account;

    aa_buf_init(&account, AA_URL_MAX + 64);
    aa_path_of(app, "/account", &account);
    {
        const struct aa_template_value values[] = {
            {.name = "title", .text = aa_view_of(title)},
            {.name = "message", .text = aa_view_of(message)},
            {.name = "account_url", .text = aa_buf_view(&account)},
            {.name = NULL},
        };

        aa_page_answer(app, request, response, 200, "done.html", values);
    }
    aa_buf_clear(&account);
}

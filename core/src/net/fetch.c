#include "net/fetch.h"

#include "base/error.h"
#include "base/mem.h"
#include "net/http.h"

#define WAIT_MS 1000 /* libcurl wakes earlier when something is due */

struct fetch {
    struct aa_fetched fetched;
    enum aa_err rc;
    struct aa_error *err;
    bool is_done;
};

/* Appends a copy; what is absent stays so. */
static struct aa_view put(char **at, struct aa_view text)
{
    char *start = *at;

    if (aa_view_is_absent(text))
        return text;
    memcpy(start, text.data, text.len);
    *at += text.len;
    return aa_view_make(start, text.len);
}

/* The answer's texts live as long as libcurl's handle: they are copied. */
static enum aa_err copy(struct aa_fetched *fetched, const struct aa_http_result *result, struct aa_error *err)
{
    char *at = aa_mem_new(result->content_type.len + result->body.len + 1);

    if (!at)
        return aa_fail(err, AA_ERR_NOMEM, "no memory for a document");
    *fetched = (struct aa_fetched){.memory = at, .status = result->status, .max_age_s = result->max_age_s};
    fetched->content_type = put(&at, result->content_type);
    fetched->body = put(&at, result->body);
    return AA_OK;
}

/* A page that tells an error, or wants to know who is a robot, may be as long as it likes: nobody reads it. */
static bool is_other_page(const struct aa_http_result *result)
{
    return result->is_body_too_long && result->status != 200;
}

static enum aa_err error_of(const struct aa_http_result *result)
{
    return result->is_body_too_long ? AA_ERR_TOO_LONG : result->code;
}

static void keep(void *ctx, const struct aa_http_result *result)
{
    struct fetch *fetch = ctx;
    struct aa_http_result page = *result;

    fetch->is_done = true;
    if (result->code && !is_other_page(result)) {
        fetch->rc = aa_fail(fetch->err, error_of(result), "%s", result->detail);
        return;
    }
    if (result->code)
        page.body = AA_VIEW("");
    fetch->rc = copy(&fetch->fetched, &page, fetch->err);
}

/* A client for this one call: no connection, no name and no TLS session is carried from one stranger to the next. */
enum aa_err aa_fetch(const struct aa_fetch_settings *settings, const char *url, struct aa_fetched *out,
                     struct aa_error *err)
{
    const struct aa_http_settings http_settings = {
        .connect_timeout_ms = settings->connect_timeout_ms,
        .timeout_ms = settings->timeout_ms,
        .ca_file = settings->ca_file,
        .body_max = settings->body_max,
        .reach = settings->allow_loopback ? AA_HTTP_REACH_PUBLIC_OR_LOOPBACK : AA_HTTP_REACH_PUBLIC,
    };
    const struct aa_http_request request = {.url = url};
    struct fetch fetch = {.err = err};
    struct aa_http *http = NULL;
    enum aa_err rc;

    rc = aa_http_new(&http_settings, &http, err);
    if (!rc)
        rc = aa_http_start(http, &request, keep, &fetch, err);
    while (!rc && !fetch.is_done) {
        aa_http_run(http);
        if (!fetch.is_done)
            aa_http_wait(http, WAIT_MS);
    }
    aa_http_free(http);
    if (!rc)
        rc = fetch.rc;
    if (!rc)
        *out = fetch.fetched;
    return rc;
}

void aa_fetched_clear(struct aa_fetched *fetched)
{
    aa_mem_free(fetched->memory);
    *fetched = (struct aa_fetched){0};
}

#include "endpoint/answer.h"

#include "base/level.h"

#define TROUBLE_RETRY_S 5

/* Those that are not 400. RFC 6749 §5.2: 401 for a client that is unknown or did not authenticate as registered. */
static const struct {
    enum aa_oauth_error error;
    int status;
} statuses[] = {
    {AA_OAUTH_INVALID_CLIENT, 401},
    {AA_OAUTH_ACCESS_DENIED, 403},
    {AA_OAUTH_TOO_MANY_REQUESTS, 429},
    {AA_OAUTH_TEMPORARILY_UNAVAILABLE, 503},
};

static int status_of(enum aa_oauth_error error)
{
    for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++)
        if (statuses[i].error == error)
            return statuses[i].status;
    return 400;
}

static void add_retry_after(struct aa_response *response, int64_t seconds)
{
    struct aa_buf number;

    aa_buf_init(&number, 24);
    aa_buf_add_int(&number, seconds);
    aa_response_header_set(response, "Retry-After", aa_buf_view(&number));
    aa_buf_clear(&number);
}

void aa_answer_refused(struct aa_response *response, const struct aa_refused *refused)
{
    int status = status_of(refused->error);

    aa_response_oauth_error(response, status, aa_oauth_error_name(refused->error), refused->description);
    if (refused->retry_after_s > 0 || status == 503)
        add_retry_after(response, refused->retry_after_s > 0 ? refused->retry_after_s : TROUBLE_RETRY_S);
}

void aa_answer_malformed(struct aa_response *response, enum aa_err code)
{
    aa_response_oauth_error(response, 400, "invalid_request", aa_err_text(code));
}

void aa_answer_trouble(const struct aa_app *app, const struct aa_request *request, struct aa_response *response,
                       enum aa_err code, const struct aa_error *err)
{
    aa_app_log(app, AA_LOG_ERROR, request->request_id, "%s: %s", aa_err_name(code),
               err->message[0] ? err->message : aa_err_text(code));
    aa_response_oauth_error(response, 503, "temporarily_unavailable", aa_err_text(code));
    add_retry_after(response, TROUBLE_RETRY_S);
}

void aa_answer_failure(const struct aa_app *app, const struct aa_request *request, struct aa_response *response,
                       enum aa_err code, const struct aa_refused *refused, const struct aa_error *err)
{
    if (code == AA_ERR_REQUEST_MALFORMED && refused->error != AA_OAUTH_NONE)
        aa_answer_refused(response, refused);
    else if (aa_err_class_of(code) == AA_CLASS_REQUEST)
        aa_answer_malformed(response, code);
    else
        aa_answer_trouble(app, request, response, code, err);
}

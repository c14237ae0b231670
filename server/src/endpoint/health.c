#include "endpoint/health.h"

#include "domain/app.h"
#include "endpoint/answer.h"

static void answer_ok(struct aa_response *response)
{
    aa_response_json(response, 200);
    aa_buf_add_text(&response->body, "{\"status\":\"ok\"}");
}

void aa_healthz_get(void *app, const struct aa_request *request, struct aa_response *response)
{
    (void)app;
    (void)request;
    answer_ok(response);
}

/* The listener takes no new connections then; this is for those who ask on one they have. */
static bool is_stopping(const struct aa_app *app)
{
    return app->is_stopping && atomic_load(app->is_stopping);
}

static void answer_not_ready(struct aa_response *response, const char *why)
{
    aa_response_oauth_error(response, 503, "temporarily_unavailable", why);
    aa_response_header_set(response, "Retry-After", AA_VIEW("5"));
}

void aa_readyz_get(void *app, const struct aa_request *request, struct aa_response *response)
{
    const struct aa_app *the_app = app;
    struct aa_error err = AA_ERROR_INIT;
    enum aa_err rc;

    if (is_stopping(the_app)) {
        answer_not_ready(response, "The server is stopping");
        return;
    }
    if (!the_app->keyring) {
        answer_not_ready(response, "The signing keys are not loaded");
        return;
    }
    rc = aa_db_check(the_app->db, &err);
    if (rc)
        aa_answer_trouble(the_app, request, response, rc, &err);
    else
        answer_ok(response);
}

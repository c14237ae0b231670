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

void aa_readyz_get(void *app, const struct aa_request *request, struct aa_response *response)
{
    const struct aa_app *the_app = app;
    struct aa_error err = AA_ERROR_INIT;
    enum aa_err rc;

    rc = aa_db_check(the_app->db, &err);
    if (rc)
        aa_answer_trouble(the_app, request, response, rc, &err);
    else
        answer_ok(response);
}

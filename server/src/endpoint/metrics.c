#include "endpoint/metrics.h"

#include "domain/app.h"

void aa_metrics_get(void *app, const struct aa_request *request, struct aa_response *response)
{
    const struct aa_app *the_app = app;

    (void)request;
    response->status = 200;
    aa_response_header(response, "Content-Type", AA_VIEW("text/plain; version=0.0.4; charset=utf-8"));
    aa_response_header(response, "Cache-Control", AA_VIEW("no-store"));
    aa_metrics_write(the_app->metrics, &response->body);
}

#include "endpoint/metadata.h"

#include "domain/metadata.h"

void aa_metadata_get(void *app, const struct aa_request *request, struct aa_response *response)
{
    const struct aa_app *the_app = app;

    (void)request;
    aa_response_json(response, 200);
    aa_response_header_set(response, "Cache-Control", AA_VIEW(AA_DISCOVERY_MAX_AGE));
    aa_buf_add(&response->body, aa_metadata_document(the_app->metadata));
}

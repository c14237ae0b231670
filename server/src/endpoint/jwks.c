#include "endpoint/jwks.h"

#include "domain/keyring.h"
#include "endpoint/metadata.h"

void aa_jwks_get(void *app, const struct aa_request *request, struct aa_response *response)
{
    const struct aa_app *the_app = app;

    (void)request;
    aa_response_json(response, 200);
    aa_response_header_set(response, "Cache-Control", AA_VIEW(AA_DISCOVERY_MAX_AGE));
    aa_keyring_add_jwks(the_app->keyring, &response->body);
}

#include "endpoint/register.h"

#include "domain/clients.h"
#include "endpoint/answer.h"

/* RFC 7591 §3.1: the request is JSON. It is read as such whatever Content-Type says: clients forget it. */
void aa_register_post(void *app, const struct aa_request *request, struct aa_response *response)
{
    struct aa_refused refused = AA_REFUSED_INIT;
    struct aa_error err = AA_ERROR_INIT;
    struct aa_client client = {0};
    enum aa_err rc;

    rc = aa_client_register(app, request->body, request->peer, &client, &refused, &err);
    if (rc) {
        aa_answer_failure(app, request, response, rc, &refused, &err);
        return;
    }
    aa_response_json(response, 201);
    rc = aa_client_add_json(&response->body, &client, &err);
    if (rc)
        aa_answer_trouble(app, request, response, rc, &err);
    aa_record_clear(&client.memory);
}

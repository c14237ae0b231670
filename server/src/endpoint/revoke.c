#include "endpoint/revoke.h"

#include "domain/revoke.h"
#include "endpoint/answer.h"
#include "endpoint/client_auth.h"
#include "endpoint/parameters.h"
#include "oauth/bearer.h"

static enum aa_err revoke(struct aa_app *app, const struct aa_request *request, const struct aa_parameters *parameters,
                          struct aa_buf *memory, struct aa_refused *refused, struct aa_error *err)
{
    struct aa_asking asking;
    struct aa_view token;
    enum aa_err rc;

    rc = aa_client_authenticate(app, request, parameters, "/revoke", memory, &asking, refused, err);
    if (!rc)
        rc = aa_parameters_get(parameters, "token", AA_TOKEN_LEN_MAX, &token, err);
    if (rc)
        return rc;
    if (aa_view_is_absent(token))
        return aa_refuse(refused, AA_OAUTH_INVALID_REQUEST, "token is missing");
    return aa_token_revoke(app, asking.client_id, asking.method, token, refused, err);
}

void aa_revoke_post(void *app, const struct aa_request *request, struct aa_response *response)
{
    struct aa_parameters parameters;
    struct aa_refused refused = AA_REFUSED_INIT;
    struct aa_error err = AA_ERROR_INIT;
    struct aa_buf memory;
    enum aa_err rc;

    aa_buf_init(&memory, AA_REVOKE_BODY_MAX);
    rc = aa_parameters_read_body(&parameters, request, &err);
    if (!rc)
        rc = revoke(app, request, &parameters, &memory, &refused, &err);
    if (rc) {
        aa_answer_failure(app, request, response, rc, &refused, &err);
        aa_client_challenge(request, response);
    } else {
        /* RFC 7009 §2.2: the content of the answer is ignored; some clients parse it all the same. */
        aa_response_json(response, 200);
        aa_buf_add_text(&response->body, "{}");
    }
    aa_parameters_clear(&parameters);
    aa_buf_wipe_clear(&memory);
}

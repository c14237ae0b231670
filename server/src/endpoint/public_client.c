#include "endpoint/public_client.h"

#include "oauth/bearer.h"

#define SECRET_MAX 8192 /* bytes; it is only looked at whether there is one */

/* The ways to prove an identity that we register nobody for. */
static enum aa_err check_no_proof(const struct aa_parameters *parameters, struct aa_refused *refused,
                                  struct aa_error *err)
{
    static const char *const proofs[] = {"client_secret", "client_assertion"};

    for (size_t i = 0; i < sizeof proofs / sizeof *proofs; i++) {
        struct aa_view proof;
        enum aa_err rc = aa_parameters_get(parameters, proofs[i], SECRET_MAX, &proof, err);

        if (rc)
            return rc;
        if (!aa_view_is_absent(proof))
            return aa_refuse(refused, AA_OAUTH_INVALID_CLIENT, "The client is registered without a secret");
    }
    return AA_OK;
}

/* *user is absent without an Authorization header. */
static enum aa_err read_basic(const struct aa_request *request, struct aa_buf *memory, struct aa_view *user,
                              struct aa_refused *refused, struct aa_error *err)
{
    struct aa_view header = aa_request_header(request, "Authorization"), password;
    enum aa_err rc;

    *user = AA_VIEW_ABSENT;
    if (aa_view_is_absent(header))
        return AA_OK;
    rc = aa_basic_parse(header, memory, user, &password, err);
    if (rc == AA_ERR_NOMEM)
        return rc;
    if (rc)
        return aa_refuse(refused, AA_OAUTH_INVALID_CLIENT, "The Authorization header is not one of a client");
    if (password.len > 0)
        return aa_refuse(refused, AA_OAUTH_INVALID_CLIENT, "The client is registered without a secret");
    return AA_OK;
}

enum aa_err aa_public_client_identify(const struct aa_request *request, const struct aa_parameters *parameters,
                                      struct aa_buf *memory, struct aa_view *client_id, struct aa_refused *refused,
                                      struct aa_error *err)
{
    struct aa_view user, named;
    enum aa_err rc;

    rc = aa_parameters_get(parameters, "client_id", AA_CLIENT_ID_MAX, &named, err);
    if (!rc)
        rc = check_no_proof(parameters, refused, err);
    if (!rc)
        rc = read_basic(request, memory, &user, refused, err);
    if (rc)
        return rc;
    if (user.len > 0 && !aa_view_is_absent(named) && !aa_view_equal(user, named))
        return aa_refuse(refused, AA_OAUTH_INVALID_CLIENT, "client_id and the Authorization header name two clients");
    *client_id = user.len > 0 ? user : named;
    if (aa_view_is_absent(*client_id))
        return aa_refuse(refused, AA_OAUTH_INVALID_CLIENT, "client_id is missing");
    return AA_OK;
}

void aa_public_client_challenge(const struct aa_request *request, struct aa_response *response)
{
    if (response->status == 401 && !aa_view_is_absent(aa_request_header(request, "Authorization")))
        aa_response_header(response, "WWW-Authenticate", AA_VIEW("Basic realm=\"auth-agent\""));
}

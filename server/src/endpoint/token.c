#include "endpoint/token.h"

#include "base/error.h"
#include "domain/exchange.h"
#include "domain/refresh.h"
#include "endpoint/answer.h"
#include "endpoint/client_auth.h"
#include "endpoint/parameters.h"

#define VALUE_MAX 2048 /* bytes of any parameter: a URL or a list of scopes */

/* One request under way. */
struct call {
    struct aa_app *app;
    const struct aa_request *request;
    struct aa_parameters parameters;
    struct aa_asking asking;
    struct aa_buf memory; /* may hold the client's id */
    struct aa_refused refused;
    struct aa_error err;
};

/* ---- reading ---- */

struct wanted {
    const char *name;
    bool is_required;
    struct aa_view *value;
};

static enum aa_err read_wanted(struct call *call, const struct wanted *wanted, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        enum aa_err rc = aa_parameters_get(&call->parameters, wanted[i].name, VALUE_MAX, wanted[i].value, &call->err);

        if (rc)
            return rc;
        if (wanted[i].is_required && aa_view_is_absent(*wanted[i].value))
            return aa_refuse(&call->refused, AA_OAUTH_INVALID_REQUEST, "A required parameter is missing");
    }
    return AA_OK;
}

/* RFC 8707 §2 lets a client name several; a token of ours is for one. */
static enum aa_err read_resource(struct call *call, struct aa_view *resource)
{
    enum aa_err rc = aa_parameters_get(&call->parameters, "resource", VALUE_MAX, resource, &call->err);

    if (rc && rc != AA_ERR_NOMEM)
        return aa_refuse(&call->refused, AA_OAUTH_INVALID_TARGET, "resource must name one server");
    return rc;
}

/* ---- grants ---- */

static enum aa_err grant_code(struct call *call, struct aa_buf *answer)
{
    struct aa_exchange asked = {.method = call->asking.method, .client_id = call->asking.client_id};
    const struct wanted wanted[] = {{"code", true, &asked.code},
                                    {"redirect_uri", false, &asked.redirect_uri},
                                    {"code_verifier", false, &asked.code_verifier}};
    enum aa_err rc;

    rc = read_wanted(call, wanted, sizeof wanted / sizeof *wanted);
    if (!rc)
        rc = read_resource(call, &asked.resource);
    return rc ? rc : aa_code_exchange(call->app, &asked, answer, &call->refused, &call->err);
}

static enum aa_err grant_refresh(struct call *call, struct aa_buf *answer)
{
    struct aa_refresh asked = {.method = call->asking.method, .client_id = call->asking.client_id};
    const struct wanted wanted[] = {{"refresh_token", true, &asked.refresh_token}, {"scope", false, &asked.scope}};
    enum aa_err rc;

    rc = read_wanted(call, wanted, sizeof wanted / sizeof *wanted);
    if (!rc)
        rc = read_resource(call, &asked.resource);
    return rc ? rc : aa_refresh_use(call->app, &asked, answer, &call->refused, &call->err);
}

static const struct grant {
    const char *type;
    enum aa_err (*run)(struct call *call, struct aa_buf *answer);
} grants[] = {
    {"authorization_code", grant_code},
    {"refresh_token", grant_refresh},
};

static enum aa_err find_grant(struct call *call, const struct grant **out)
{
    struct aa_view type;
    enum aa_err rc;

    rc = aa_parameters_get(&call->parameters, "grant_type", VALUE_MAX, &type, &call->err);
    if (rc)
        return rc;
    if (aa_view_is_absent(type))
        return aa_refuse(&call->refused, AA_OAUTH_INVALID_REQUEST, "grant_type is missing");
    for (size_t i = 0; i < sizeof grants / sizeof *grants; i++) {
        if (aa_view_equal_text(type, grants[i].type)) {
            *out = &grants[i];
            return AA_OK;
        }
    }
    return aa_refuse(&call->refused, AA_OAUTH_UNSUPPORTED_GRANT_TYPE, "This grant_type is not served here");
}

/* ---- the whole ---- */

static enum aa_err run(struct call *call, struct aa_buf *answer)
{
    const struct grant *grant = NULL;
    enum aa_err rc;

    rc = aa_parameters_read_body(&call->parameters, call->request, &call->err);
    if (!rc)
        rc = find_grant(call, &grant);
    if (!rc)
        rc = aa_client_authenticate(call->app, call->request, &call->parameters, "/token", &call->memory, &call->asking,
                                    &call->refused, &call->err);
    return rc ? rc : grant->run(call, answer);
}

void aa_token_post(void *app, const struct aa_request *request, struct aa_response *response)
{
    struct call call = {.app = app, .request = request, .refused = AA_REFUSED_INIT, .err = AA_ERROR_INIT};
    enum aa_err rc;

    aa_buf_init(&call.memory, request->body.len + AA_TOKEN_BODY_MAX);
    /* First, so that a code is never spent for an answer that cannot be sent. */
    aa_response_json(response, 200);
    rc = aa_buf_check(&response->header_memory, "headers", &call.err);
    if (!rc)
        rc = run(&call, &response->body);
    if (rc) {
        aa_answer_failure(app, request, response, rc, &call.refused, &call.err);
        aa_client_challenge(request, response);
    }
    aa_parameters_clear(&call.parameters);
    aa_buf_wipe_clear(&call.memory);
}

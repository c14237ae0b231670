#include "endpoint/client_auth.h"

#include "domain/client_assertion.h"
#include "domain/client_auth.h"
#include "oauth/bearer.h"

#define SECRET_MAX 8192 /* bytes; it is only looked at whether there is one */
#define TYPE_MAX 256

/* What was sent, absent where nothing was. */
struct sent {
    struct aa_view client_id, secret, assertion, assertion_type;
};

static enum aa_err read_sent(const struct aa_parameters *parameters, struct sent *sent, struct aa_error *err)
{
    const struct {
        const char *name;
        size_t max;
        struct aa_view *value;
    } wanted[] = {{"client_id", AA_CLIENT_ID_MAX, &sent->client_id},
                  {"client_secret", SECRET_MAX, &sent->secret},
                  {"client_assertion", AA_JWT_MAX, &sent->assertion},
                  {"client_assertion_type", TYPE_MAX, &sent->assertion_type}};
    enum aa_err rc = AA_OK;

    for (size_t i = 0; !rc && i < sizeof wanted / sizeof *wanted; i++)
        rc = aa_parameters_get(parameters, wanted[i].name, wanted[i].max, wanted[i].value, err);
    return rc;
}

/* RFC 7521 §4.2: the two come together. */
static enum aa_err check_sent(const struct sent *sent, struct aa_refused *refused)
{
    if (!aa_view_is_absent(sent->secret))
        return aa_refuse(refused, AA_OAUTH_INVALID_CLIENT, "The client is registered without a secret");
    if (aa_view_is_absent(sent->assertion) && !aa_view_is_absent(sent->assertion_type))
        return aa_refuse(refused, AA_OAUTH_INVALID_CLIENT, "client_assertion is missing");
    if (!aa_view_is_absent(sent->assertion) && !aa_view_equal_text(sent->assertion_type, AA_CLIENT_ASSERTION_TYPE))
        return aa_refuse(refused, AA_OAUTH_INVALID_CLIENT, "client_assertion_type must be " AA_CLIENT_ASSERTION_TYPE);
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

static enum aa_err choose_id(struct aa_view user, struct aa_view named, struct aa_view *client_id,
                             struct aa_refused *refused)
{
    if (user.len > 0 && !aa_view_is_absent(named) && !aa_view_equal(user, named))
        return aa_refuse(refused, AA_OAUTH_INVALID_CLIENT, "client_id and the Authorization header name two clients");
    *client_id = user.len > 0 ? user : named;
    if (aa_view_is_absent(*client_id))
        return aa_refuse(refused, AA_OAUTH_INVALID_CLIENT, "client_id is missing");
    return AA_OK;
}

static enum aa_err prove(struct aa_app *app, const struct sent *sent, const char *path, struct aa_buf *memory,
                         struct aa_asking *out, struct aa_refused *refused, struct aa_error *err)
{
    const struct aa_client_proof proof = {sent->client_id, sent->assertion, path};
    size_t start = memory->len;
    enum aa_err rc = aa_client_prove(app, &proof, memory, refused, err);

    if (!rc)
        *out = (struct aa_asking){aa_view_from(aa_buf_view(memory), start), AA_CLIENT_PRIVATE_KEY_JWT};
    return rc;
}

enum aa_err aa_client_authenticate(struct aa_app *app, const struct aa_request *request,
                                   const struct aa_parameters *parameters, const char *path, struct aa_buf *memory,
                                   struct aa_asking *out, struct aa_refused *refused, struct aa_error *err)
{
    struct sent sent;
    struct aa_view user;
    enum aa_err rc;

    rc = read_sent(parameters, &sent, err);
    if (!rc)
        rc = check_sent(&sent, refused);
    if (!rc)
        rc = read_basic(request, memory, &user, refused, err);
    if (rc)
        return rc;
    if (aa_view_is_absent(sent.assertion)) {
        out->method = AA_CLIENT_NONE;
        return choose_id(user, sent.client_id, &out->client_id, refused);
    }
    if (!aa_view_is_absent(user)) /* RFC 6749 §2.3: one method a request */
        return aa_refuse(refused, AA_OAUTH_INVALID_CLIENT,
                         "A client_assertion and an Authorization header are too much");
    return prove(app, &sent, path, memory, out, refused, err);
}

void aa_client_challenge(const struct aa_request *request, struct aa_response *response)
{
    if (response->status == 401 && !aa_view_is_absent(aa_request_header(request, "Authorization")))
        aa_response_header(response, "WWW-Authenticate", AA_VIEW("Basic realm=\"auth-agent\""));
}

#include "endpoint/introspect.h"

#include "domain/imported_keys.h"
#include "domain/live.h"
#include "domain/server_keys.h"
#include "endpoint/answer.h"
#include "endpoint/parameters.h"
#include "oauth/bearer.h"

#define SERVER_ID_MAX 128
#define CREDENTIALS_MAX 1024
#define ANSWER_USUAL 500 /* bytes */

/* ---- who is asking ---- */

struct credentials {
    struct aa_buf memory;      /* of what Basic held; wiped */
    struct aa_view claimed_id; /* Basic's user; absent for Bearer */
    struct aa_view secret;     /* absent: there are none that could be good */
    struct aa_buf server_id;   /* once the secret was checked */
};

static void credentials_clear(struct credentials *credentials)
{
    aa_buf_wipe_clear(&credentials->memory);
    aa_buf_clear(&credentials->server_id);
}

/* Basic server_id:key, or Bearer key. Only memory can fail. */
static enum aa_err credentials_read(struct credentials *credentials, const struct aa_request *request)
{
    struct aa_view header = aa_request_header(request, "Authorization");
    enum aa_err rc;

    aa_buf_init(&credentials->memory, CREDENTIALS_MAX);
    aa_buf_init(&credentials->server_id, SERVER_ID_MAX);
    credentials->claimed_id = credentials->secret = AA_VIEW_ABSENT;
    rc = aa_basic_parse(header, &credentials->memory, &credentials->claimed_id, &credentials->secret, NULL);
    if (rc == AA_ERR_TOKEN_ABSENT)
        rc = aa_bearer_parse(header, &credentials->secret, NULL);
    if (!rc || rc == AA_ERR_NOMEM)
        return rc;
    credentials->secret = AA_VIEW_ABSENT;
    return AA_OK;
}

static bool has_claimed_id(const struct credentials *credentials)
{
    return aa_view_is_absent(credentials->claimed_id) ||
           aa_view_equal(credentials->claimed_id, aa_buf_view(&credentials->server_id));
}

/* A key of the older service names no key: the server's id, which only Basic sends, finds it. */
static bool is_imported(const struct aa_app *app, const struct credentials *credentials)
{
    return !aa_view_is_absent(credentials->claimed_id) && aa_imported_key_is_possible(app, credentials->secret);
}

static enum aa_key_verdict check_fast(struct aa_app *app, struct credentials *credentials)
{
    enum aa_key_verdict verdict;

    if (is_imported(app, credentials))
        return aa_imported_key_check_fast(app, credentials->claimed_id, credentials->secret, &credentials->server_id);
    verdict = aa_server_key_check_fast(app, credentials->secret, &credentials->server_id);
    return verdict == AA_KEY_GOOD && !has_claimed_id(credentials) ? AA_KEY_BAD : verdict;
}

static enum aa_err check_slowly(struct aa_app *app, struct credentials *credentials, enum aa_key_verdict *verdict,
                                struct aa_error *err)
{
    bool good = false;
    enum aa_err rc;

    if (is_imported(app, credentials))
        rc = aa_imported_key_check(app, credentials->claimed_id, credentials->secret, &good, &credentials->server_id,
                                   err);
    else
        rc =
            aa_server_key_check(app, credentials->claimed_id, credentials->secret, &good, &credentials->server_id, err);
    *verdict = good ? AA_KEY_GOOD : AA_KEY_BAD;
    return rc;
}

/* GOOD when credentials->server_id is asking. Only on a worker is a key hashed that is not known yet. */
static enum aa_err credentials_check(struct aa_app *app, bool may_wait, struct credentials *credentials,
                                     enum aa_key_verdict *verdict, struct aa_error *err)
{
    enum aa_err rc = AA_OK;

    *verdict = AA_KEY_BAD;
    if (aa_view_is_absent(credentials->secret))
        return AA_OK;
    *verdict = check_fast(app, credentials);
    if (*verdict == AA_KEY_UNKNOWN_YET && may_wait)
        rc = check_slowly(app, credentials, verdict, err);
    return rc ? rc : aa_buf_check(&credentials->server_id, "a server's id", err);
}

/* Who brought an older key as Bearer is told what helps. */
static void answer_unauthorized(const struct aa_app *app, const struct credentials *credentials,
                                struct aa_response *response)
{
    bool is_older = aa_view_is_absent(credentials->claimed_id) && !aa_view_is_absent(credentials->secret) &&
                    aa_imported_key_is_possible(app, credentials->secret);

    aa_metrics_count(app->metrics, AA_COUNT_INTROSPECTED_UNAUTHORIZED);
    aa_response_oauth_error(response, 401, "invalid_client",
                            is_older ? "A key of the older service goes with its server id in HTTP Basic; or mint a "
                                       "new key"
                                     : "A registered server must ask with its key");
    aa_response_header(response, "WWW-Authenticate", AA_VIEW("Basic realm=\"auth-agent\""));
    aa_response_header(response, "WWW-Authenticate", AA_VIEW("Bearer realm=\"auth-agent\""));
}

/* ---- the answer ---- */

static void add_member(struct aa_buf *body, const char *name, struct aa_view text)
{
    if (aa_view_is_absent(text))
        return;
    aa_buf_add_text(body, ",\"");
    aa_buf_add_text(body, name);
    aa_buf_add_text(body, "\":");
    aa_buf_add_json_string(body, text);
}

static void add_number(struct aa_buf *body, const char *name, int64_t number)
{
    aa_buf_add_text(body, ",\"");
    aa_buf_add_text(body, name);
    aa_buf_add_text(body, "\":");
    aa_buf_add_int(body, number);
}

/* RFC 7662 §2.2. */
static void answer_active(const struct aa_app *app, const struct aa_live_token *token, struct aa_response *response)
{
    struct aa_buf *body = &response->body;

    aa_metrics_count(app->metrics, AA_COUNT_INTROSPECTED_ACTIVE);
    aa_response_json(response, 200);
    aa_buf_expect(body, ANSWER_USUAL);
    aa_buf_add_text(body, "{\"active\":true,\"scope\":");
    aa_buf_add_json_string(body, token->scope);
    add_member(body, "client_id", token->client_id);
    add_member(body, "username", token->email);
    add_member(body, "email", token->email);
    add_member(body, "name", token->name);
    aa_buf_add_text(body, ",\"token_type\":\"Bearer\"");
    add_number(body, "exp", token->expires_ms / 1000);
    add_number(body, "iat", token->issued_ms / 1000);
    add_member(body, "sub", token->user_id);
    add_member(body, "aud", token->audience);
    add_member(body, "iss", aa_view_of(app->settings.issuer));
    add_member(body, "jti", token->jti);
    aa_buf_add_char(body, '}');
}

/* The same bytes for every token that is not live here, so that nothing is learnt from them (RFC 7662 §4). */
static void answer_inactive(const struct aa_app *app, struct aa_response *response)
{
    aa_metrics_count(app->metrics, AA_COUNT_INTROSPECTED_INACTIVE);
    aa_response_json(response, 200);
    aa_buf_add_text(&response->body, "{\"active\":false}");
}

static void answer_token(struct aa_app *app, const struct aa_request *request, struct aa_response *response,
                         struct aa_view server_id, struct aa_view token)
{
    struct aa_live_token live = {0};
    struct aa_error err = AA_ERROR_INIT;
    enum aa_err rc;

    rc = aa_live_token_open_for(app, server_id, token, &live, &err);
    if (rc == AA_ERR_TOKEN_INACTIVE)
        answer_inactive(app, response);
    else if (rc)
        aa_answer_trouble(app, request, response, rc, &err);
    else
        answer_active(app, &live, response);
    aa_record_clear(&live.memory);
}

/* ---- the whole ---- */

static void introspect(struct aa_app *app, const struct aa_request *request, struct aa_response *response,
                       struct aa_view server_id)
{
    struct aa_parameters parameters;
    struct aa_refused refused = AA_REFUSED_INIT;
    struct aa_error err = AA_ERROR_INIT;
    struct aa_view token = AA_VIEW_ABSENT;
    enum aa_err rc;

    rc = aa_parameters_read_body(&parameters, request, &err);
    if (!rc)
        rc = aa_parameters_get(&parameters, "token", AA_INTROSPECT_BODY_MAX, &token, &err);
    if (!rc && aa_view_is_absent(token))
        rc = aa_refuse(&refused, AA_OAUTH_INVALID_REQUEST, "token is missing");
    if (rc)
        aa_answer_failure(app, request, response, rc, &refused, &err);
    else
        answer_token(app, request, response, server_id, token);
    aa_parameters_clear(&parameters);
}

void aa_introspect_post(void *app, const struct aa_request *request, struct aa_response *response)
{
    struct credentials credentials;
    struct aa_error err = AA_ERROR_INIT;
    enum aa_key_verdict verdict = AA_KEY_BAD;
    enum aa_err rc;

    rc = credentials_read(&credentials, request);
    if (!rc)
        rc = credentials_check(app, !request->must_not_wait, &credentials, &verdict, &err);
    if (rc)
        aa_answer_trouble(app, request, response, rc, &err);
    else if (verdict == AA_KEY_UNKNOWN_YET)
        response->wants_worker = true;
    else if (verdict == AA_KEY_BAD)
        answer_unauthorized(app, &credentials, response);
    else
        introspect(app, request, response, aa_buf_view(&credentials.server_id));
    credentials_clear(&credentials);
}

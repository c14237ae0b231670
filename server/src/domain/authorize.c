#include "domain/authorize.h"

#include <stddef.h>

#include "base/error.h"
#include "base/url.h"
#include "domain/client_fetch.h"
#include "domain/clients.h"
#include "domain/pending.h"
#include "domain/redirect_uri.h"
#include "domain/secret.h"
#include "domain/servers.h"
#include "oauth/pkce.h"

void aa_authorize_answer_init(struct aa_authorize_answer *answer)
{
    answer->next = AA_NEXT_CLIENT;
    answer->why = (struct aa_refused)AA_REFUSED_INIT;
    aa_buf_init(&answer->location, AA_LOCATION_MAX);
    aa_buf_init(&answer->host, AA_URL_MAX);
    aa_buf_init(&answer->request_id, AA_SECRET_MAX);
    aa_buf_init(&answer->cookie, AA_SECRET_MAX);
}

void aa_authorize_answer_clear(struct aa_authorize_answer *answer)
{
    aa_buf_wipe_clear(&answer->location);
    aa_buf_clear(&answer->host);
    aa_buf_wipe_clear(&answer->request_id);
    aa_buf_wipe_clear(&answer->cookie);
}

/* ---- the client's URL ---- */

static enum aa_err end_location(const struct aa_app *app, struct aa_view state, struct aa_buf *location,
                                struct aa_error *err)
{
    aa_redirect_uri_add_parameter(location, "state", state);
    if (app->settings.iss_parameter)
        aa_redirect_uri_add_parameter(location, "iss", aa_view_of(app->settings.issuer));
    return aa_buf_check(location, "an authorization response", err);
}

enum aa_err aa_authorize_add_error(const struct aa_app *app, struct aa_view redirect_uri, struct aa_view state,
                                   enum aa_oauth_error error, const char *description, struct aa_buf *location,
                                   struct aa_error *err)
{
    aa_redirect_uri_begin(location, redirect_uri);
    aa_redirect_uri_add_parameter(location, "error", aa_view_of(aa_oauth_error_name(error)));
    aa_redirect_uri_add_parameter(location, "error_description", aa_view_of(description));
    return end_location(app, state, location, err);
}

enum aa_err aa_authorize_add_code(const struct aa_app *app, struct aa_view redirect_uri, struct aa_view state,
                                  struct aa_view code, struct aa_buf *location, struct aa_error *err)
{
    aa_redirect_uri_begin(location, redirect_uri);
    aa_redirect_uri_add_parameter(location, "code", code);
    return end_location(app, state, location, err);
}

/* ---- reading the query ---- */

struct asked { /* borrowed from the query; absent: not sent, or sent without a value (OAuth 2.1 §3.1: the same) */
    struct aa_view client_id, redirect_uri;
    struct aa_view state, response_type, response_mode, code_challenge, code_challenge_method;
    struct aa_view scope, resource, prompt, request, request_uri;
};

struct parameter {
    const char *name;
    size_t offset; /* in struct asked */
    size_t max;    /* bytes */
};

/* Must be read before anything else: they decide whether the client may be told of anything at all. */
static const struct parameter identity_parameters[] = {
    {"client_id", offsetof(struct asked, client_id), AA_URL_MAX},
    {"redirect_uri", offsetof(struct asked, redirect_uri), AA_URL_MAX},
};

static const struct parameter other_parameters[] = {
    {"state", offsetof(struct asked, state), AA_STATE_MAX},
    {"response_type", offsetof(struct asked, response_type), 64},
    {"response_mode", offsetof(struct asked, response_mode), 64},
    {"code_challenge", offsetof(struct asked, code_challenge), 128},
    {"code_challenge_method", offsetof(struct asked, code_challenge_method), 32},
    {"scope", offsetof(struct asked, scope), AA_SCOPE_LEN_MAX},
    {"resource", offsetof(struct asked, resource), AA_URL_MAX},
    {"prompt", offsetof(struct asked, prompt), 256},
    {"request", offsetof(struct asked, request), SIZE_MAX}, /* refused by its presence */
    {"request_uri", offsetof(struct asked, request_uri), SIZE_MAX},
};

static bool read_parameter(const struct aa_form *query, const struct parameter *parameter, struct asked *asked)
{
    struct aa_view value = AA_VIEW_ABSENT;

    if (aa_form_get(query, parameter->name, &value, NULL) || value.len > parameter->max)
        return false;
    if (value.len > 0)
        *(struct aa_view *)((char *)asked + parameter->offset) = value;
    return true;
}

static enum aa_err read_identity(const struct aa_form *query, struct asked *asked, struct aa_refused *refused)
{
    size_t i;

    for (i = 0; i < sizeof identity_parameters / sizeof *identity_parameters; i++)
        if (!read_parameter(query, &identity_parameters[i], asked))
            return aa_refuse(refused, AA_OAUTH_INVALID_REQUEST,
                             "client_id and redirect_uri must be sent once, each below 2048 bytes");
    if (aa_view_is_absent(asked->client_id))
        return aa_refuse(refused, AA_OAUTH_INVALID_REQUEST, "client_id is missing");
    return AA_OK;
}

static bool is_known(struct aa_view name)
{
    size_t i;

    for (i = 0; i < sizeof other_parameters / sizeof *other_parameters; i++)
        if (aa_view_equal_text(name, other_parameters[i].name))
            return true;
    return false;
}

/* OAuth 2.1 §3.1: "Request and response parameters defined by this specification MUST NOT be included more than once";
 * those we do not know are ignored, as it says too. Several resources are RFC 8707's, but a token of ours is for one.
 */
static enum aa_err check_duplicates(const struct aa_form *query, struct aa_refused *refused)
{
    size_t i;

    for (i = 0; i < query->len; i++) {
        if (!query->fields[i].duplicate || !is_known(query->fields[i].name))
            continue;
        if (aa_view_equal_text(query->fields[i].name, "resource"))
            return aa_refuse(refused, AA_OAUTH_INVALID_TARGET, "one resource at a time");
        return aa_refuse(refused, AA_OAUTH_INVALID_REQUEST, "a parameter was sent more than once");
    }
    return AA_OK;
}

static enum aa_err read_others(const struct aa_form *query, struct asked *asked, struct aa_refused *refused)
{
    bool good = true;
    enum aa_err rc;
    size_t i;

    for (i = 0; i < sizeof other_parameters / sizeof *other_parameters; i++)
        good = read_parameter(query, &other_parameters[i], asked) && good;
    rc = check_duplicates(query, refused);
    if (rc)
        return rc;
    return good ? AA_OK : aa_refuse(refused, AA_OAUTH_INVALID_REQUEST, "a parameter is too long");
}

/* ---- what may be asked for ---- */

static enum aa_err check_response(const struct asked *asked, struct aa_refused *refused)
{
    if (!aa_view_is_absent(asked->request))
        return aa_refuse(refused, AA_OAUTH_REQUEST_NOT_SUPPORTED, "request objects are not supported");
    if (!aa_view_is_absent(asked->request_uri))
        return aa_refuse(refused, AA_OAUTH_REQUEST_URI_NOT_SUPPORTED, "request_uri is not supported");
    if (aa_view_is_absent(asked->response_type))
        return aa_refuse(refused, AA_OAUTH_INVALID_REQUEST, "response_type is missing");
    if (!aa_view_equal_text(asked->response_type, "code"))
        return aa_refuse(refused, AA_OAUTH_UNSUPPORTED_RESPONSE_TYPE, "response_type must be code");
    if (!aa_view_is_absent(asked->response_mode) && !aa_view_equal_text(asked->response_mode, "query"))
        return aa_refuse(refused, AA_OAUTH_INVALID_REQUEST, "response_mode must be query");
    return AA_OK;
}

/* PKCE of every client, S256 only. The method must be said: without it RFC 7636 §4.3 means "plain". */
static enum aa_err check_pkce(const struct asked *asked, struct aa_refused *refused)
{
    if (aa_view_is_absent(asked->code_challenge))
        return aa_refuse(refused, AA_OAUTH_INVALID_REQUEST, "code_challenge is missing");
    if (!aa_view_equal_text(asked->code_challenge_method, "S256"))
        return aa_refuse(refused, AA_OAUTH_INVALID_REQUEST, "code_challenge_method must be S256");
    if (aa_pkce_check_challenge(asked->code_challenge, NULL))
        return aa_refuse(refused, AA_OAUTH_INVALID_REQUEST, "code_challenge must be 43 base64url characters");
    return AA_OK;
}

/* OpenID Connect Core §3.1.2.1; values we do not know are ignored. An account is chosen on the consent page, which says
 * who is logged in. */
static enum aa_err read_prompt(struct aa_view prompt, struct aa_auth_request *request, struct aa_refused *refused)
{
    struct aa_view word;
    size_t words = 0;

    while (prompt.len > 0) {
        aa_view_cut(prompt, ' ', &word, &prompt);
        if (word.len == 0)
            continue;
        words++;
        if (aa_view_equal_text(word, "none"))
            request->prompt_none = true;
        else if (aa_view_equal_text(word, "login"))
            request->prompt_login = true;
        else if (aa_view_equal_text(word, "consent") || aa_view_equal_text(word, "select_account"))
            request->prompt_consent = true;
    }
    if (request->prompt_none && words > 1)
        return aa_refuse(refused, AA_OAUTH_INVALID_REQUEST, "prompt=none allows no other prompt");
    return AA_OK;
}

/* ---- proving and judging, in one read ---- */

struct begin {
    struct aa_app *app;
    const struct aa_form *query;
    const struct aa_person *person;
    struct asked asked;
    struct aa_auth_request request;
    struct aa_client client;
    struct aa_server server;
    struct aa_buf redirect_uri, scope;
    bool is_proven;
    struct aa_refused *for_page, for_client;
};

static enum aa_err prove_client(struct aa_conn *conn, struct begin *begin, struct aa_error *err)
{
    enum aa_err rc;

    rc = aa_client_find_live(conn, begin->asked.client_id, aa_app_now_ms(begin->app), &begin->client, NULL);
    if (rc == AA_ERR_NOT_FOUND)
        return aa_refuse(begin->for_page, AA_OAUTH_INVALID_CLIENT,
                         "the client is unknown, or its registration ran out");
    if (rc)
        return aa_fail(err, rc, "a client could not be looked up: %s", aa_err_text(rc));
    if (aa_client_is_withdrawn(&begin->client))
        return aa_refuse(begin->for_page, AA_OAUTH_INVALID_CLIENT_METADATA, "the site of the client has withdrawn it");
    rc = aa_client_prove_redirect(&begin->client, begin->asked.redirect_uri, &begin->redirect_uri, NULL);
    if (rc == AA_ERR_NOT_FOUND && aa_view_is_absent(begin->asked.redirect_uri))
        return aa_refuse(begin->for_page, AA_OAUTH_INVALID_REDIRECT_URI,
                         "redirect_uri is missing and the client registered several");
    if (rc == AA_ERR_NOT_FOUND)
        return aa_refuse(begin->for_page, AA_OAUTH_INVALID_REDIRECT_URI,
                         "the client did not register this redirect_uri");
    if (rc)
        return aa_fail(err, rc, "a redirect URI could not be checked: %s", aa_err_text(rc));
    begin->is_proven = true;
    return AA_OK;
}

static enum aa_err judge(struct aa_conn *conn, struct begin *begin, struct aa_error *err)
{
    struct aa_refused *refused = &begin->for_client;
    enum aa_err rc;

    rc = read_others(begin->query, &begin->asked, refused);
    if (!rc)
        rc = check_response(&begin->asked, refused);
    if (!rc)
        rc = check_pkce(&begin->asked, refused);
    if (!rc)
        rc = read_prompt(begin->asked.prompt, &begin->request, refused);
    if (!rc && !aa_client_has_grant(&begin->client, "authorization_code"))
        rc = aa_refuse(refused, AA_OAUTH_UNAUTHORIZED_CLIENT, "the client did not register for authorization codes");
    if (!rc)
        rc = aa_server_resolve(conn, begin->asked.resource, &begin->server, refused, err);
    if (!rc)
        rc = aa_server_choose_scopes(&begin->server, begin->asked.scope, &begin->scope, refused, err);
    if (!rc && begin->request.prompt_none && !begin->person)
        rc = aa_refuse(refused, AA_OAUTH_LOGIN_REQUIRED, "nobody is logged in");
    return rc;
}

static enum aa_err prove_and_judge(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    struct begin *begin = ctx;
    enum aa_err rc;

    rc = prove_client(conn, begin, err);
    if (!rc)
        rc = judge(conn, begin, err);
    return rc ? rc : aa_pending_check_room(conn, begin->app, begin->for_page, err);
}

/* ---- the answer ---- */

static enum aa_err answer_client(const struct begin *begin, struct aa_authorize_answer *answer, struct aa_error *err)
{
    struct aa_view state = AA_VIEW_ABSENT, redirect_uri = aa_buf_view(&begin->redirect_uri);
    enum aa_err rc;

    /* Sent twice, nobody knows which one the client will look for; a client that compares refuses either. */
    if (aa_form_get(begin->query, "state", &state, NULL) || state.len == 0 || state.len > AA_STATE_MAX)
        state = AA_VIEW_ABSENT;
    answer->next = aa_client_is_trusted_at(&begin->client, redirect_uri) ? AA_NEXT_CLIENT : AA_NEXT_PAGE;
    answer->why = begin->for_client;
    aa_redirect_uri_add_host(&answer->host, redirect_uri);
    rc = aa_buf_check(&answer->host, "a redirect host", err);
    return rc ? rc
              : aa_authorize_add_error(begin->app, redirect_uri, state, begin->for_client.error,
                                       begin->for_client.description, &answer->location, err);
}

static enum aa_err begin_pending(struct begin *begin, struct aa_authorize_answer *answer, struct aa_error *err)
{
    struct aa_auth_request *request = &begin->request;
    bool is_logged_in = begin->person && !request->prompt_login;

    request->client_id = begin->client.client_id;
    request->redirect_uri = aa_buf_view(&begin->redirect_uri);
    request->redirect_uri_sent = !aa_view_is_absent(begin->asked.redirect_uri);
    request->state = begin->asked.state;
    request->code_challenge = begin->asked.code_challenge;
    request->scope = aa_buf_view(&begin->scope);
    request->server_id = begin->server.server_id;
    request->resource_sent = begin->asked.resource;
    request->user_id = is_logged_in ? begin->person->user.user_id : AA_VIEW_ABSENT;
    answer->next = is_logged_in ? AA_NEXT_CONSENT : AA_NEXT_LOGIN;
    return aa_pending_begin(begin->app, request, &answer->request_id, &answer->cookie, err);
}

static void begin_clear(struct begin *begin)
{
    aa_record_clear(&begin->client.memory);
    aa_record_clear(&begin->server.memory);
    aa_buf_clear(&begin->redirect_uri);
    aa_buf_clear(&begin->scope);
}

enum aa_err aa_authorize_begin(struct aa_app *app, const struct aa_form *query, const struct aa_person *person,
                               struct aa_authorize_answer *answer, struct aa_refused *refused, struct aa_error *err)
{
    struct begin begin = {
        .app = app, .query = query, .person = person, .for_page = refused, .for_client = AA_REFUSED_INIT};
    enum aa_err rc;

    aa_buf_init(&begin.redirect_uri, AA_URL_MAX);
    aa_buf_init(&begin.scope, AA_SCOPE_LEN_MAX);
    rc = read_identity(query, &begin.asked, refused);
    if (!rc)
        rc = aa_client_fetch(app, begin.asked.client_id, refused, err);
    if (!rc)
        rc = aa_db_read(app->db, prove_and_judge, &begin, err);
    if (rc && begin.is_proven && begin.for_client.error != AA_OAUTH_NONE)
        rc = answer_client(&begin, answer, err);
    else if (!rc)
        rc = begin_pending(&begin, answer, err);
    begin_clear(&begin);
    return rc;
}

#include "endpoint/userinfo.h"

#include "domain/live.h"
#include "endpoint/answer.h"
#include "oauth/bearer.h"
#include "oauth/refusal.h"

#define CHALLENGE_MAX 512

static void answer_denied(struct aa_response *response, enum aa_err code)
{
    const struct aa_refusal_context context = {.scopes = NULL};
    struct aa_buf challenge;

    aa_buf_init(&challenge, CHALLENGE_MAX);
    aa_refusal_add_challenge(&challenge, code, &context);
    aa_response_json(response, aa_refusal_status(code));
    aa_response_header(response, "WWW-Authenticate", aa_buf_view(&challenge));
    aa_refusal_add_body(&response->body, code, &context);
    if (challenge.bad)
        response->body.bad = challenge.bad;
    aa_buf_clear(&challenge);
}

static void add_member(struct aa_buf *body, const char *name, struct aa_view text)
{
    if (text.len == 0)
        return;
    aa_buf_add_format(body, ",\"%s\":", name);
    aa_buf_add_json_string(body, text);
}

static void answer_person(struct aa_response *response, const struct aa_live_token *token)
{
    aa_response_json(response, 200);
    aa_buf_add_text(&response->body, "{\"sub\":");
    aa_buf_add_json_string(&response->body, token->user_id);
    add_member(&response->body, "email", token->email);
    add_member(&response->body, "name", token->name);
    aa_buf_add_char(&response->body, '}');
}

void aa_userinfo_get(void *app, const struct aa_request *request, struct aa_response *response)
{
    struct aa_live_token live = {0};
    struct aa_error err = AA_ERROR_INIT;
    struct aa_view token;
    enum aa_err rc;

    rc = aa_bearer_parse(aa_request_header(request, "Authorization"), &token, &err);
    if (!rc)
        rc = aa_live_token_open(app, token, &live, &err);
    if (!rc)
        answer_person(response, &live);
    else if (aa_err_class_of(rc) == AA_CLASS_TOKEN || aa_err_class_of(rc) == AA_CLASS_REQUEST)
        answer_denied(response, rc);
    else
        aa_answer_trouble(app, request, response, rc, &err);
    aa_record_clear(&live.memory);
}

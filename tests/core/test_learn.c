/* What the guard learns in the background: who we are, where to ask, which keys are good; and what is answered until
 * then. */
#include <stdio.h>

#include "net/clock.h"
#include "support_guard.h"
#include "support_signer.h"
#include "verify/keys.h"

#define OPENID "/.well-known/openid-configuration"
#define AT_JWT "at+jwt"
#define KEYS_LIFE_MS 600000

static int calls(struct stage *stage, const char *path)
{
    return http_server_hits(stage->server, path);
}

static void await_calls(struct stage *stage, const char *path, int count)
{
    for (int i = 0; i < 1000 && calls(stage, path) < count; i++)
        sleep_ms(10);
    CHECK_INT(calls(stage, path), count);
}

/* Asks until this is the answer: something in the background has to happen first. */
static void await_answer(struct stage *stage, const char *token, enum aa_err wanted)
{
    enum aa_err code = AA_ERR_CLOSED;

    for (int i = 0; i < 1000 && code != wanted; i++) {
        code = ask(stage, token);
        if (code != wanted)
            sleep_ms(10);
    }
    CHECK_ERR(code, wanted);
}

/* ---- who we are ------------------------------------------------------------------------------------------------- */

TEST(learn, our_resource_is_learnt_from_our_registration)
{
    struct aa_guard_request request = request_with(NULL);
    struct aa_verdict verdict = {0};
    char head[2048];
    char body[16];
    struct stage stage;

    stage_open(&stage);
    stage_guard(&stage, "");
    aa_guard_check_wait(stage.guard, &request, &verdict);
    CHECK_ERR(verdict.code, AA_ERR_TOKEN_ABSENT);
    CHECK_VIEW(header_of(verdict.answer, "www-authenticate"),
               "Bearer resource_metadata=\"https://mcp.example.com/.well-known/oauth-protected-resource/mcp\"");
    aa_verdict_clear(&verdict);
    http_server_last(stage.server, REGISTRATION, head, sizeof head, body, sizeof body);
    CHECK(strstr(head, "GET " REGISTRATION " HTTP/1.1\r\n"));
    CHECK(strstr(head, "\r\nAuthorization: Basic "));
    stage_clear(&stage);
}

TEST(learn, the_registered_name_stands_in_the_metadata_unless_one_is_configured)
{
    static const char *const options[] = {"", ",\"resource_name\":\"Mine\""};
    static const char *const names[] = {"\"resource_name\":\"Test Server\"", "\"resource_name\":\"Mine\""};

    for (int i = 0; i < 2; i++) {
        struct aa_guard_request request = request_with(NULL);
        struct aa_verdict verdict = {0};
        struct stage stage;

        stage_open(&stage);
        stage_guard(&stage, options[i]);
        request.path = VIEW("/.well-known/oauth-protected-resource");
        aa_guard_check_wait(stage.guard, &request, &verdict);
        CHECK_INT(aa_answer_status(verdict.answer), 200);
        CHECK(memmem(aa_answer_body(verdict.answer).data, aa_answer_body(verdict.answer).len, names[i],
                     strlen(names[i])));
        aa_verdict_clear(&verdict);
        stage_clear(&stage);
    }
}

TEST(learn, a_configured_resource_is_not_asked_for)
{
    struct stage stage;

    stage_set(&stage, "");
    CHECK_ERR(ask(&stage, "token-1"), AA_ERR_TOKEN_INACTIVE);
    CHECK_INT(calls(&stage, REGISTRATION), 0);
    stage_clear(&stage);
}

TEST(learn, requests_wait_for_our_resource_to_be_known)
{
    struct aa_guard_request request = request_with(NULL);
    struct aa_verdict verdict = {0};
    struct aa_completion completion;
    struct stage stage;

    stage_open(&stage);
    http_server_hold(stage.server, REGISTRATION);
    stage_guard(&stage, "");
    await_waiting(&stage, REGISTRATION, 1);
    aa_guard_check(stage.guard, &request, &verdict);
    CHECK_INT(verdict.kind, AA_VERDICT_PENDING);
    send_off(&stage, "token-1");
    http_server_let_go(stage.server, REGISTRATION);
    take_one(stage.queue, &completion);
    CHECK_ERR(completion.verdict.code, AA_ERR_TOKEN_INACTIVE);
    aa_verdict_clear(&completion.verdict);
    stage_clear(&stage);
}

TEST(learn, until_then_preflights_and_public_paths_pass_and_the_metadata_waits)
{
    struct aa_guard_request request = request_with(NULL);
    struct aa_verdict verdict = {0};
    struct stage stage;

    stage_open(&stage);
    http_server_hold(stage.server, REGISTRATION);
    stage_guard(&stage, ",\"public_paths\":[\"/health\"]");
    request.path = VIEW("/health");
    aa_guard_check(stage.guard, &request, &verdict);
    CHECK_INT(verdict.kind, AA_VERDICT_PASS);
    request.path = VIEW("/mcp");
    request.method = VIEW("OPTIONS");
    request.preflight_method = VIEW("POST");
    aa_guard_check(stage.guard, &request, &verdict);
    CHECK_INT(verdict.kind, AA_VERDICT_PASS);
    request.path = VIEW("/.well-known/oauth-protected-resource");
    aa_guard_check(stage.guard, &request, &verdict);
    CHECK_INT(verdict.kind, AA_VERDICT_PENDING);
    http_server_let_go(stage.server, REGISTRATION);
    aa_guard_check_wait(stage.guard, &request, &verdict);
    CHECK_INT(aa_answer_status(verdict.answer), 204);
    aa_verdict_clear(&verdict);
    stage_clear(&stage);
}

TEST(learn, while_it_is_not_known_the_answer_is_503_when_the_time_is_over)
{
    struct aa_guard_request request = request_with("token-1");
    struct aa_verdict verdict = {0};
    struct stage stage;

    stage_open(&stage);
    http_server_hold(stage.server, REGISTRATION);
    stage_guard(&stage, ",\"timeout\":0.3");
    aa_guard_check_wait(stage.guard, &request, &verdict);
    CHECK_ERR(verdict.code, AA_ERR_RESOURCE_UNKNOWN);
    CHECK_INT(aa_answer_status(verdict.answer), 503);
    CHECK_VIEW(header_of(verdict.answer, "retry-after"), "5");
    CHECK(aa_view_is_absent(header_of(verdict.answer, "www-authenticate")));
    aa_verdict_clear(&verdict);
    http_server_let_go(stage.server, REGISTRATION);
    await_answer(&stage, "token-1", AA_ERR_TOKEN_INACTIVE);
    stage_clear(&stage);
}

TEST(learn, an_authorization_server_that_starts_later_is_found)
{
    struct stage stage;

    stage_open(&stage);
    stage_kill_server(&stage);
    stage_guard(&stage, "");
    sleep_ms(50);
    stage_restart_server(&stage);
    await_answer(&stage, "token-1", AA_ERR_TOKEN_INACTIVE);
    stage_clear(&stage);
}

/* A registration that cannot be had is answered at once, and tried again: 10 s later. */
static void check_registration(int status, const char *body, enum aa_err wanted)
{
    struct stage stage;

    stage_open(&stage);
    http_server_set(stage.server, REGISTRATION, status, body, NULL, 0);
    stage_guard(&stage, "");
    CHECK_ERR(ask(&stage, "token-1"), wanted);
    CHECK_INT(logged("error: this server's registration could not be learnt"), 1);
    http_server_set(stage.server, REGISTRATION, 200, "{\"server_url\":\"" RESOURCE "\"}", NULL, 0);
    aa_clock_advance(11000);
    await_answer(&stage, "token-1", AA_ERR_TOKEN_INACTIVE);
    stage_clear(&stage);
}

TEST(learn, a_registration_that_cannot_be_had_is_503_and_heals_by_itself)
{
    check_registration(401, "{}", AA_ERR_REMOTE_CREDENTIALS);
    check_registration(403, "{}", AA_ERR_REMOTE_CREDENTIALS);
    check_registration(404, "{}", AA_ERR_REMOTE_STATUS);
    check_registration(200, "{}", AA_ERR_REMOTE_PROTOCOL);
    check_registration(200, "<html>", AA_ERR_REMOTE_PROTOCOL);
    check_registration(200, "{\"server_url\":\"/mcp\"}", AA_ERR_REMOTE_PROTOCOL);
    check_registration(200, "{\"server_url\":7}", AA_ERR_REMOTE_PROTOCOL);
}

/* ---- where to ask ----------------------------------------------------------------------------------------------- */

TEST(learn, the_openid_form_is_tried_when_there_is_no_other)
{
    char text[512];
    struct stage stage;

    stage_open(&stage);
    http_server_set(stage.server, METADATA, 404, "{}", NULL, 0);
    snprintf(text, sizeof text, "{\"issuer\":\"%s\",\"introspection_endpoint\":\"%s/elsewhere\"}", stage.issuer,
             stage.issuer);
    http_server_set(stage.server, OPENID, 200, text, NULL, 0);
    http_server_set(stage.server, "/elsewhere", 200, ACTIVE("x"), NULL, 0);
    stage_guard(&stage, "");
    CHECK_OK(ask(&stage, "token-1"));
    CHECK_INT(calls(&stage, "/elsewhere"), 1);
    stage_clear(&stage);
}

static void check_metadata(const char *text, enum aa_err wanted)
{
    struct stage stage;

    stage_open(&stage);
    http_server_set(stage.server, METADATA, 200, text, NULL, 0);
    stage_guard(&stage, ",\"resource\":\"" RESOURCE "\"");
    CHECK_ERR(ask(&stage, "token-1"), wanted);
    CHECK_INT(calls(&stage, INTROSPECT), 0);
    CHECK_INT(logged("error: the authorization server's metadata could not be learnt"), 1);
    stage_publish_metadata(&stage, false);
    aa_clock_advance(11000);
    await_answer(&stage, "token-1", AA_ERR_TOKEN_INACTIVE);
    stage_clear(&stage);
}

TEST(learn, metadata_that_cannot_be_used_is_503_and_heals_by_itself)
{
    check_metadata("{}", AA_ERR_REMOTE_PROTOCOL);
    check_metadata("<html>", AA_ERR_REMOTE_PROTOCOL);
    check_metadata("{\"issuer\":\"https://other.example\",\"introspection_endpoint\":\"https://other.example/i\"}",
                   AA_ERR_REMOTE_PROTOCOL);
}

TEST(learn, metadata_without_an_introspection_endpoint_is_of_no_use)
{
    char text[256];
    struct stage stage;

    stage_open(&stage);
    snprintf(text, sizeof text, "{\"issuer\":\"%s\"}", stage.issuer);
    http_server_set(stage.server, METADATA, 200, text, NULL, 0);
    stage_guard(&stage, "");
    CHECK_ERR(ask(&stage, "token-1"), AA_ERR_REMOTE_PROTOCOL);
    stage_clear(&stage);
}

TEST(learn, credentials_are_not_sent_over_plain_http_to_another_machine)
{
    char text[256];
    struct stage stage;

    stage_open(&stage);
    snprintf(text, sizeof text, "{\"issuer\":\"%s\",\"introspection_endpoint\":\"http://as.example/introspect\"}",
             stage.issuer);
    http_server_set(stage.server, METADATA, 200, text, NULL, 0);
    stage_guard(&stage, "");
    CHECK_ERR(ask(&stage, "token-1"), AA_ERR_REMOTE_PROTOCOL);
    CHECK_INT(logged("introspection_endpoint is no https URL"), 1);
    stage_clear(&stage);
}

TEST(learn, a_configured_endpoint_needs_no_metadata)
{
    char more[256];
    struct stage stage;

    stage_open(&stage);
    http_server_set(stage.server, METADATA, 404, "{}", NULL, 0);
    snprintf(more, sizeof more, ",\"resource\":\"" RESOURCE "\",\"introspection_endpoint\":\"%s" INTROSPECT "\"",
             stage.issuer);
    stage_guard(&stage, more);
    CHECK_ERR(ask(&stage, "token-1"), AA_ERR_TOKEN_INACTIVE);
    await_calls(&stage, METADATA, 1);
    CHECK_ERR(ask(&stage, "token-2"), AA_ERR_TOKEN_INACTIVE);
    CHECK_INT(logged("error: "), 0);
    CHECK_INT(logged("warning: "), 0);
    stage_clear(&stage);
}

/* ---- which keys are good: mode "jwt" ---------------------------------------------------------------------------- */

static const char *good_payload(const struct stage *stage)
{
    static char text[512];

    snprintf(text, sizeof text,
             "{\"iss\":\"%s\",\"sub\":\"usr_1\",\"aud\":\"" RESOURCE "\",\"scope\":\"files:read\",\"exp\":4102444800}",
             stage->issuer);
    return text;
}

static void publish_keys(struct stage *stage, struct signer *signer)
{
    http_server_set(stage->server, KEYS, 200, aa_buf_text(&signer->set), NULL, 0);
}

/* A guard of mode "jwt" without cache, before a server that publishes this signer's key. */
static void open_jwt(struct stage *stage, struct signer *signer)
{
    signer_open(signer, "k1");
    stage_open(stage);
    stage_publish_metadata(stage, true);
    publish_keys(stage, signer);
    stage_guard(stage, ",\"mode\":\"jwt\",\"cache_ttl\":0,\"timeout\":1,\"resource\":\"" RESOURCE "\"");
}

static void close_jwt(struct stage *stage, struct signer *signer)
{
    stage_clear(stage);
    signer_clear(signer);
}

TEST(learn, mode_jwt_asks_nobody_about_tokens)
{
    struct signer signer;
    struct stage stage;

    open_jwt(&stage, &signer);
    CHECK_OK(ask(&stage, signer_sign(&signer, "k1", AT_JWT, good_payload(&stage))));
    CHECK_OK(ask(&stage, signer_sign(&signer, "k1", AT_JWT, good_payload(&stage))));
    CHECK_INT(calls(&stage, INTROSPECT), 0);
    CHECK_INT(calls(&stage, KEYS), 1);
    close_jwt(&stage, &signer);
}

TEST(learn, unknown_key_ids_cause_one_fetch_in_a_cool_down)
{
    struct signer signer;
    struct stage stage;

    open_jwt(&stage, &signer);
    CHECK_OK(ask(&stage, signer_sign(&signer, "k1", AT_JWT, good_payload(&stage))));
    for (int i = 0; i < 20; i++)
        CHECK_ERR(ask(&stage, signer_sign(&signer, "k2", AT_JWT, good_payload(&stage))), AA_ERR_TOKEN_KEY_UNKNOWN);
    CHECK_INT(calls(&stage, KEYS), 2);
    aa_clock_advance(AA_KEYS_COOL_DOWN_MS);
    CHECK_ERR(ask(&stage, signer_sign(&signer, "k2", AT_JWT, good_payload(&stage))), AA_ERR_TOKEN_KEY_UNKNOWN);
    CHECK_INT(calls(&stage, KEYS), 3);
    close_jwt(&stage, &signer);
}

TEST(learn, a_new_key_is_found_when_the_first_token_signed_with_it_comes)
{
    struct signer signer;
    struct signer rotated;
    struct stage stage;

    open_jwt(&stage, &signer);
    CHECK_OK(ask(&stage, signer_sign(&signer, "k1", AT_JWT, good_payload(&stage))));
    signer_open(&rotated, "k2");
    publish_keys(&stage, &rotated);
    CHECK_OK(ask(&stage, signer_sign(&rotated, "k2", AT_JWT, good_payload(&stage))));
    CHECK_INT(calls(&stage, KEYS), 2);
    signer_clear(&rotated);
    close_jwt(&stage, &signer);
}

TEST(learn, a_fetch_that_fails_keeps_the_old_keys_and_refuses_no_token_for_it)
{
    struct signer signer;
    struct stage stage;

    open_jwt(&stage, &signer);
    CHECK_OK(ask(&stage, signer_sign(&signer, "k1", AT_JWT, good_payload(&stage))));
    http_server_set(stage.server, KEYS, 500, "{}", NULL, 0);
    CHECK_ERR(ask(&stage, signer_sign(&signer, "k2", AT_JWT, good_payload(&stage))), AA_ERR_REMOTE_STATUS);
    CHECK_OK(ask(&stage, signer_sign(&signer, "k1", AT_JWT, good_payload(&stage))));
    http_server_set(stage.server, KEYS, 200, "{\"keys\":7}", NULL, 0);
    aa_clock_advance(AA_KEYS_COOL_DOWN_MS);
    CHECK_ERR(ask(&stage, signer_sign(&signer, "k2", AT_JWT, good_payload(&stage))), AA_ERR_REMOTE_PROTOCOL);
    CHECK_OK(ask(&stage, signer_sign(&signer, "k1", AT_JWT, good_payload(&stage))));
    close_jwt(&stage, &signer);
}

TEST(learn, a_key_that_was_taken_back_is_forgotten_in_time)
{
    struct signer signer;
    struct signer other;
    struct stage stage;

    open_jwt(&stage, &signer);
    CHECK_OK(ask(&stage, signer_sign(&signer, "k1", AT_JWT, good_payload(&stage))));
    signer_open(&other, "k2");
    publish_keys(&stage, &other);
    CHECK_OK(ask(&stage, signer_sign(&signer, "k1", AT_JWT, good_payload(&stage))));
    aa_clock_advance(KEYS_LIFE_MS);
    await_answer(&stage, signer_sign(&signer, "k1", AT_JWT, good_payload(&stage)), AA_ERR_TOKEN_KEY_UNKNOWN);
    CHECK_OK(ask(&stage, signer_sign(&other, "k2", AT_JWT, good_payload(&stage))));
    signer_clear(&other);
    close_jwt(&stage, &signer);
}

TEST(learn, without_any_keys_mode_jwt_answers_503)
{
    struct signer signer;
    struct stage stage;

    signer_open(&signer, "k1");
    stage_open(&stage);
    stage_publish_metadata(&stage, true);
    http_server_set(stage.server, KEYS, 200, "nonsense", NULL, 0);
    stage_guard(&stage, ",\"mode\":\"jwt\",\"timeout\":0.5,\"resource\":\"" RESOURCE "\"");
    CHECK_ERR(ask(&stage, signer_sign(&signer, "k1", AT_JWT, good_payload(&stage))), AA_ERR_REMOTE_PROTOCOL);
    publish_keys(&stage, &signer);
    aa_clock_advance(11000);
    await_answer(&stage, signer_sign(&signer, "k1", AT_JWT, good_payload(&stage)), AA_OK);
    close_jwt(&stage, &signer);
}

/* ---- the signature first, then the question --------------------------------------------------------------------- */

TEST(learn, with_published_keys_a_forged_token_is_refused_without_a_question)
{
    struct signer signer;
    struct signer forger;
    struct stage stage;
    enum aa_err code = AA_ERR_TOKEN_INACTIVE;
    int asked;

    signer_open(&signer, "k1");
    signer_open(&forger, "k1");
    stage_open(&stage);
    stage_publish_metadata(&stage, true);
    publish_keys(&stage, &signer);
    stage_guard(&stage, ",\"resource\":\"" RESOURCE "\"");
    for (int i = 0; i < 1000 && code == AA_ERR_TOKEN_INACTIVE; i++) /* before the keys are there, its issuer is asked */
        code = ask(&stage, signer_sign(&forger, "k1", AT_JWT, good_payload(&stage)));
    CHECK_ERR(code, AA_ERR_TOKEN_SIGNATURE);
    asked = calls(&stage, INTROSPECT);
    CHECK_ERR(ask(&stage, signer_sign(&forger, "k1", AT_JWT, good_payload(&stage))), AA_ERR_TOKEN_SIGNATURE);
    CHECK_ERR(ask(&stage, signer_sign(&signer, "k1", AT_JWT, "{\"exp\":1}")), AA_ERR_TOKEN_EXPIRED);
    CHECK_INT(calls(&stage, INTROSPECT), asked);
    /* A good signature is not enough, and what is no JWT of the server's is its own to judge: both are asked about. */
    CHECK_ERR(ask(&stage, signer_sign(&signer, "k1", AT_JWT, good_payload(&stage))), AA_ERR_TOKEN_INACTIVE);
    CHECK_ERR(ask(&stage, signer_sign(&signer, "k2", AT_JWT, good_payload(&stage))), AA_ERR_TOKEN_INACTIVE);
    CHECK_ERR(ask(&stage, "token-opaque"), AA_ERR_TOKEN_INACTIVE);
    CHECK_INT(calls(&stage, INTROSPECT), asked + 3);
    signer_clear(&forger);
    close_jwt(&stage, &signer);
}

TEST(learn, keys_that_cannot_be_had_do_not_matter_where_tokens_are_asked_about)
{
    struct stage stage;

    stage_open(&stage);
    stage_publish_metadata(&stage, true);
    http_server_set(stage.server, KEYS, 500, "{}", NULL, 0);
    http_server_set(stage.server, INTROSPECT, 200, ACTIVE("x"), NULL, 0);
    stage_guard(&stage, ",\"resource\":\"" RESOURCE "\"");
    CHECK_OK(ask(&stage, "token-1"));
    CHECK_INT(logged("error: "), 0);
    CHECK_INT(logged("warning: "), 0);
    stage_clear(&stage);
}

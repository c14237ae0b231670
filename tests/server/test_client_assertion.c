/* Clients that authenticate with keys of their own (private_key_jwt: RFC 7523 §3, CIMD §8.2): each rule of an assertion
 * alone beside a good one, and that each counts once. The client's site is played by the test. */
#include <pthread.h>
#include <stdio.h>

#include "support_assertion.h"

#define BY_KEY "\"token_endpoint_auth_method\":\"private_key_jwt\""
#define EITHER "\"token_endpoint_auth_methods_supported\":[\"none\",\"private_key_jwt\"]"
#define AT_URI ",\"jwks_uri\":\"" CLIENT_JWKS "\""

/* An open flow whose client has one key at its jwks_uri. */
struct client {
    struct flow flow;
    struct keypair key;
};

static void client_open_with(struct client *client, const char *alg, const char *members)
{
    keypair_open(&client->key, alg, "one");
    client_site_publish_keys(&client->key, NULL);
    client_flow_open(&client->flow, members);
}

static void client_close(struct client *client)
{
    flow_close(&client->flow);
    keypair_close(&client->key);
}

#define CLIENT_TEST(sentence)                                                                                          \
    static void body_##sentence(struct client *client, struct flow *flow);                                             \
    TEST(client_assertion, sentence)                                                                                   \
    {                                                                                                                  \
        struct client client;                                                                                          \
                                                                                                                       \
        client_open_with(&client, "ES256", BY_KEY AT_URI);                                                             \
        body_##sentence(&client, &client.flow);                                                                        \
        client_close(&client);                                                                                         \
    }                                                                                                                  \
    static void body_##sentence(struct client *client, struct flow *flow)

static void check_refused(struct flow *flow, const char *sentence)
{
    flow_check_error(flow, 401, "invalid_client");
    if (!strstr(aa_buf_text(&flow->response.body), sentence))
        fail_msg("%s is not in %s", sentence, aa_buf_text(&flow->response.body));
}

/* A code is not spent by what a client could not prove: it is good for the next. */
static void check_still_good(struct client *client, const char *code)
{
    CHECK_INT(client_redeem(&client->flow, code, assertion_new(&client->flow, &client->key)), 200);
}

/* ---- what goes ---- */

TEST(client_assertion, a_client_redeems_and_refreshes_with_a_key_of_each_kind)
{
    static const char *const kinds[] = {"ES256", "RS256", "PS256", "EdDSA"};

    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        struct client client;
        char code[128], refresh[FLOW_TOKEN_MAX];

        client_open_with(&client, kinds[i], BY_KEY AT_URI);
        flow_code(&client.flow, code);
        CHECK_INT(client_redeem(&client.flow, code, assertion_new(&client.flow, &client.key)), 200);
        flow_copy(&client.flow, "refresh_token", refresh);
        CHECK_INT(client_refresh(&client.flow, refresh, assertion_new(&client.flow, &client.key)), 200);
        CHECK_INT(client_site.jwks_calls, 1);
        CHECK_INT(assertions_kept(&client.flow), 2);
        client_close(&client);
    }
}

TEST(client_assertion, keys_may_stand_in_the_document_itself)
{
    struct client client;
    char members[2048], keys[1536], code[128];

    keypair_open(&client.key, "RS256", NULL);
    client_site_write_keys(keys, sizeof keys, &client.key, NULL);
    snprintf(members, sizeof members, BY_KEY ",\"jwks\":%s", keys);
    client_flow_open(&client.flow, members);
    flow_code(&client.flow, code);
    check_still_good(&client, code);
    CHECK_INT(client_site.jwks_calls, 0);
    client_close(&client);
}

CLIENT_TEST(the_client_id_may_be_left_to_the_assertion)
{
    char code[128];

    flow_code(flow, code);
    CHECK_INT(flow_post(flow, "/token", "grant_type", "authorization_code", "code", code, "redirect_uri", REDIRECT,
                        "code_verifier", VERIFIER, "client_assertion", assertion_new(flow, &client->key),
                        "client_assertion_type", AA_CLIENT_ASSERTION_TYPE, NULL),
              200);
}

CLIENT_TEST(an_assertion_may_come_as_json)
{
    char code[128];

    flow_code(flow, code);
    CHECK_INT(flow_post_json(flow, "/token", "grant_type", "authorization_code", "code", code, "redirect_uri", REDIRECT,
                             "code_verifier", VERIFIER, "client_assertion", assertion_new(flow, &client->key),
                             "client_assertion_type", AA_CLIENT_ASSERTION_TYPE, NULL),
              200);
}

/* ---- each claim alone ---- */

static const char jti_of_256[] =
    "\"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123"
    "456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789"
    "abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\"";
static const char jti_of_257[] =
    "\"x0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123"
    "456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789"
    "abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\"";

struct rule {
    const char *name, *bad, *good; /* NULL: left out */
    const char *sentence;
};

static const struct rule claim_rules[] = {
    {"iss", "\"https://client.example/oauth/other.json\"", "\"" CLIENT "\"", "iss and sub"},
    {"iss", NULL, "\"" CLIENT "\"", "iss and sub"},
    {"sub", "\"https://client.example/oauth/other.json\"", "\"" CLIENT "\"", "iss and sub"},
    {"sub", NULL, "\"" CLIENT "\"", "iss and sub"},
    {"sub", "[\"" CLIENT "\"]", "\"" CLIENT "\"", "wrong type"},
    {"aud", NULL, "\"" ISSUER "\"", "aud of"},
    {"aud", "\"https://other.example\"", "\"" ISSUER "/\"", "aud of"},
    {"aud", "\"" ISSUER "/tokens\"", "\"" ISSUER "/token\"", "aud of"},
    {"aud", "\"" ISSUER "/revoke\"", "[\"" ISSUER "/token\"]", "aud of"},
    {"aud", "\"" CLIENT "\"", "[\"https://other.example\",\"" ISSUER "\"]", "aud of"},
    {"aud", "[]", "[\"" ISSUER "\"]", "aud of"},
    {"aud", "[\"https://other.example\"]", "[\"" ISSUER "\",\"x\"]", "aud of"},
    {"aud", "{\"" ISSUER "\":1}", "\"" ISSUER "\"", "wrong type"},
    {"exp", NULL, "@+1", "has no exp"},
    {"exp", "@-60", "@-59", "is expired"},
    {"exp", "@+661", "@+660", "ten minutes ahead"},
    {"exp", "\"soon\"", "@+300", "wrong type"},
    {"exp", "1e300", "@+300", "wrong type"},
    {"exp", "-1", "@+300", "wrong type"},
    {"exp", "9007199254740992", "@+300", "ten minutes ahead"},
    {"nbf", "@+61", "@+60", "nbf of"},
    {"nbf", "\"now\"", NULL, "wrong type"},
    {"iat", "@+61", "@+60", "iat of"},
    {"iat", "true", NULL, "wrong type"},
    {"jti", NULL, "\"1\"", "has no jti"},
    {"jti", "\"\"", "\" \"", "has no jti"},
    {"jti", "7", "\"7\"", "wrong type"},
    {"jti", jti_of_257, jti_of_256, "longer than 256"},
};

static const struct rule header_rules[] = {
    {"alg", "\"none\"", "\"ES256\"", "not signed"},
    {"alg", "\"HS256\"", "\"ES256\"", "an algorithm that is accepted"},
    {"alg", "\"ES384\"", "\"ES256\"", "an algorithm that is accepted"},
    {"alg", "\"RS256\"", "\"ES256\"", "a key of the client"},
    {"alg", "7", "\"ES256\"", "not a JWT"},
    {"kid", "\"two\"", "\"one\"", "a key of the client"},
    {"kid", "\"\"", NULL, "a key of the client"},
    {"kid", "1", "\"one\"", "not a JWT"},
    {"typ", "\"at+jwt\"", "\"JWT\"", "another type"},
    {"typ", "\"dpop+jwt\"", "\"client-authentication+jwt\"", "another type"},
    {"typ", "\"\"", "\"application/jwt\"", "another type"},
    {"crit", "[\"exp\"]", NULL, "not a JWT"},
};

static const char *sign_with(struct client *client, const struct rule *rule, bool in_header, const char *value)
{
    static struct assertion assertion;

    assertion_init(&assertion, &client->key);
    assertion_set(in_header ? assertion.header : assertion.claims, rule->name, value);
    return assertion_sign(&client->flow, &assertion, &client->key);
}

/* The bad one is refused and leaves nothing, neither a row nor a spent code; the good one is taken after it. */
static void check_rule(struct client *client, const struct rule *rule, bool in_header)
{
    int64_t kept = assertions_kept(&client->flow);
    char code[128];

    flow_code(&client->flow, code);
    client_redeem(&client->flow, code, sign_with(client, rule, in_header, rule->bad));
    check_refused(&client->flow, rule->sentence);
    CHECK_INT(assertions_kept(&client->flow), kept);
    if (client_redeem(&client->flow, code, sign_with(client, rule, in_header, rule->good)) != 200)
        fail_msg("%s %s: %s", rule->name, rule->good, aa_buf_text(&client->flow.response.body));
    CHECK_INT(assertions_kept(&client->flow), kept + 1);
}

CLIENT_TEST(each_claim_that_is_wrong_alone_is_refused)
{
    (void)flow;
    for (size_t i = 0; i < sizeof claim_rules / sizeof *claim_rules; i++)
        check_rule(client, &claim_rules[i], false);
}

CLIENT_TEST(each_member_of_the_header_that_is_wrong_alone_is_refused)
{
    (void)flow;
    for (size_t i = 0; i < sizeof header_rules / sizeof *header_rules; i++)
        check_rule(client, &header_rules[i], true);
}

CLIENT_TEST(an_assertion_signed_with_another_key_is_refused)
{
    struct keypair other;
    char code[128];

    keypair_open(&other, "ES256", "one");
    flow_code(flow, code);
    client_redeem(flow, code, assertion_new(flow, &other));
    check_refused(flow, "a key of the client");
    CHECK_INT(assertions_kept(flow), 0);
    check_still_good(client, code);
    keypair_close(&other);
}

CLIENT_TEST(an_assertion_that_was_changed_on_its_way_is_refused)
{
    static char text[2 * AA_JWT_MAX];
    char code[128];

    flow_code(flow, code);
    for (int part = 0; part < 3; part++) {
        char *at = strcpy(text, assertion_new(flow, &client->key));

        for (int i = 0; i < part; i++)
            at = strchr(at, '.') + 1;
        at[part == 2 ? 3 : 8] = at[part == 2 ? 3 : 8] == 'A' ? 'B' : 'A';
        CHECK_INT(client_redeem(flow, code, text), 401);
    }
    CHECK_INT(assertions_kept(flow), 0);
    check_still_good(client, code);
}

/* ---- the parameters ---- */

CLIENT_TEST(an_assertion_and_its_type_come_together)
{
    static const char *const types[] = {NULL, "urn:ietf:params:oauth:client-assertion-type:saml2-bearer",
                                        "urn:ietf:params:oauth:client-assertion-type:JWT-bearer",
                                        AA_CLIENT_ASSERTION_TYPE " "};
    char code[128];

    flow_code(flow, code);
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        flow_post(flow, "/token", "grant_type", "authorization_code", "client_id", CLIENT, "code", code, "redirect_uri",
                  REDIRECT, "code_verifier", VERIFIER, "client_assertion", assertion_new(flow, &client->key),
                  "client_assertion_type", types[i], NULL);
        check_refused(flow, "client_assertion_type must be");
    }
    flow_post(flow, "/token", "grant_type", "authorization_code", "client_id", CLIENT, "code", code, "redirect_uri",
              REDIRECT, "code_verifier", VERIFIER, "client_assertion_type", AA_CLIENT_ASSERTION_TYPE, NULL);
    check_refused(flow, "client_assertion is missing");
    check_still_good(client, code);
}

CLIENT_TEST(client_id_and_the_assertion_name_one_client)
{
    char code[128];

    flow_code(flow, code);
    flow_post(flow, "/token", "grant_type", "authorization_code", "client_id", flow->other_client_id, "code", code,
              "redirect_uri", REDIRECT, "code_verifier", VERIFIER, "client_assertion",
              assertion_new(flow, &client->key), "client_assertion_type", AA_CLIENT_ASSERTION_TYPE, NULL);
    check_refused(flow, "name two clients");
    check_still_good(client, code);
}

CLIENT_TEST(a_client_proves_itself_in_one_way)
{
    char code[128], body[4096];
    struct flow_request request = {.method = AA_METHOD_POST,
                                   .path = "/token",
                                   .authorization = "Basic YTo=",
                                   .content_type = "application/x-www-form-urlencoded"};

    flow_code(flow, code);
    flow_post(flow, "/token", "grant_type", "authorization_code", "client_id", CLIENT, "code", code, "redirect_uri",
              REDIRECT, "code_verifier", VERIFIER, "client_secret", "x", "client_assertion",
              assertion_new(flow, &client->key), "client_assertion_type", AA_CLIENT_ASSERTION_TYPE, NULL);
    check_refused(flow, "without a secret");
    flow_form(body, sizeof body, "grant_type", "authorization_code", "code", code, "redirect_uri", REDIRECT,
              "code_verifier", VERIFIER, "client_assertion", assertion_new(flow, &client->key), "client_assertion_type",
              AA_CLIENT_ASSERTION_TYPE, NULL);
    request.body = VIEW(body);
    flow_send(flow, &request);
    check_refused(flow, "Authorization header");
    check_still_good(client, code);
}

CLIENT_TEST(an_assertion_comes_once_and_is_no_longer_than_8_kib)
{
    static struct assertion assertion;
    static char body[4 * AA_JWT_MAX], filler[AA_JWT_MAX];
    char code[128];

    flow_code(flow, code);
    flow_form(body, sizeof body, "grant_type", "authorization_code", "client_id", CLIENT, "code", code, "redirect_uri",
              REDIRECT, "code_verifier", VERIFIER, "client_assertion", assertion_new(flow, &client->key),
              "client_assertion_type", AA_CLIENT_ASSERTION_TYPE, "client_assertion", assertion_new(flow, &client->key),
              NULL);
    flow_post_raw(flow, "/token", "application/x-www-form-urlencoded", body);
    flow_check_error(flow, 400, "invalid_request");
    assertion_init(&assertion, &client->key);
    memset(filler, 'x', 6200);
    filler[0] = filler[6199] = '"';
    filler[6200] = '\0';
    assertion_set(assertion.claims, "filler", filler);
    CHECK(strlen(assertion_sign(flow, &assertion, &client->key)) > AA_JWT_MAX);
    client_redeem(flow, code, assertion.text);
    flow_check_error(flow, 400, "invalid_request");
    filler[5000] = '"';
    filler[5001] = '\0';
    CHECK_INT(client_redeem(flow, code, assertion_sign(flow, &assertion, &client->key)), 200);
}

CLIENT_TEST(no_junk_is_more_than_refused)
{
    static const char *const junk[] = {"x",
                                       "..",
                                       "a.b.c",
                                       "e30.e30.",
                                       "e30.e30.AA",
                                       "\xff\xfe",
                                       "null",
                                       "eyJhbGciOiJFUzI1NiJ9.e30.AA",
                                       "eyJhbGciOiJFUzI1NiJ9.W10.AA"};
    char code[128];

    flow_code(flow, code);
    for (size_t i = 0; i < sizeof junk / sizeof *junk; i++)
        if (client_redeem(flow, code, junk[i]) != 401 && flow->response.status != 400)
            fail_msg("%s: %d", junk[i], flow->response.status);
    CHECK_INT(assertions_kept(flow), 0);
    check_still_good(client, code);
}

/* ---- never as if there had been none ---- */

CLIENT_TEST(a_client_that_registered_for_its_keys_alone_cannot_leave_them_out)
{
    char code[128], access[FLOW_TOKEN_MAX], refresh[FLOW_TOKEN_MAX];

    flow_code(flow, code);
    client_redeem(flow, code, NULL);
    check_refused(flow, "must authenticate with private_key_jwt");
    check_still_good(client, code);
    flow_copy(flow, "access_token", access);
    flow_copy(flow, "refresh_token", refresh);
    client_refresh(flow, refresh, NULL);
    check_refused(flow, "must authenticate with private_key_jwt");
    CHECK_INT(flow_post(flow, "/revoke", "client_id", CLIENT, "token", refresh, NULL), 401);
    check_refused(flow, "must authenticate with private_key_jwt");
    CHECK_INT(client_refresh(flow, refresh, assertion_new(flow, &client->key)), 200);
}

TEST(client_assertion, a_client_that_may_do_without_is_refused_all_the_same_when_its_assertion_is_bad)
{
    struct client client;
    struct keypair other;
    char code[128], second[128];

    client_open_with(&client, "ES256", EITHER AT_URI);
    keypair_open(&other, "ES256", "one");
    flow_code(&client.flow, code);
    client_redeem(&client.flow, code, assertion_new(&client.flow, &other));
    check_refused(&client.flow, "a key of the client");
    client_redeem(&client.flow, code, "x");
    check_refused(&client.flow, "not a JWT");
    CHECK_INT(client_redeem(&client.flow, code, NULL), 200);
    flow_code(&client.flow, second);
    check_still_good(&client, second);
    keypair_close(&other);
    client_close(&client);
}

TEST(client_assertion, a_client_that_has_no_keys_is_registered_for_none)
{
    static const char *const members[] = {"\"token_endpoint_auth_method\":\"none\"" AT_URI, EITHER,
                                          EITHER ",\"jwks\":{\"keys\":[{\"kty\":\"oct\"}]}"};

    for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
        struct client client;
        char code[128];

        client_open_with(&client, "ES256", members[i]);
        CHECK_INT(client_site.jwks_calls, 0);
        flow_code(&client.flow, code);
        client_redeem(&client.flow, code, assertion_new(&client.flow, &client.key));
        check_refused(&client.flow, "no keys here");
        CHECK_INT(client_redeem(&client.flow, code, NULL), 200);
        client_close(&client);
    }
}

CLIENT_TEST(a_client_that_registered_otherwise_has_no_assertions)
{
    static struct assertion assertion;
    char quoted[96];
    struct flow_grant grant;

    snprintf(quoted, sizeof quoted, "\"%s\"", flow->other_client_id);
    assertion_init(&assertion, &client->key);
    assertion_set(assertion.claims, "iss", quoted);
    assertion_set(assertion.claims, "sub", quoted);
    snprintf(flow->client_id, sizeof flow->client_id, "%s", flow->other_client_id);
    flow_grant_init(flow, &grant);
    flow_grant_store(flow, &grant);
    client_redeem(flow, grant.code, assertion_sign(flow, &assertion, &client->key));
    check_refused(flow, "no keys here");
    CHECK_INT(client_redeem(flow, grant.code, NULL), 200);
    assertion_set(assertion.claims, "iss", "\"https://nobody.example/x\"");
    assertion_set(assertion.claims, "sub", "\"https://nobody.example/x\"");
    flow_post(flow, "/token", "grant_type", "authorization_code", "code", "x", "client_assertion",
              assertion_sign(flow, &assertion, &client->key), "client_assertion_type", AA_CLIENT_ASSERTION_TYPE, NULL);
    check_refused(flow, "not registered");
    CHECK_INT(assertions_kept(flow), 0);
}

/* ---- revocation ---- */

CLIENT_TEST(a_client_gives_its_tokens_back_with_its_key)
{
    static const struct rule rule = {"aud", NULL, NULL, NULL};
    char code[128], refresh[FLOW_TOKEN_MAX];

    flow_keys(flow);
    flow_code(flow, code);
    check_still_good(client, code);
    flow_copy(flow, "refresh_token", refresh);
    CHECK_INT(flow_post(flow, "/revoke", "token", refresh, "client_assertion",
                        sign_with(client, &rule, false, "\"" ISSUER "/revocation\""), "client_assertion_type",
                        AA_CLIENT_ASSERTION_TYPE, NULL),
              401);
    CHECK_INT(client_refresh(flow, refresh, assertion_new(flow, &client->key)), 200);
    flow_copy(flow, "refresh_token", refresh);
    CHECK_INT(flow_post(flow, "/revoke", "token", refresh, "client_assertion",
                        sign_with(client, &rule, false, "\"" ISSUER "/revoke\""), "client_assertion_type",
                        AA_CLIENT_ASSERTION_TYPE, NULL),
              200);
    CHECK_INT(client_refresh(flow, refresh, assertion_new(flow, &client->key)), 400);
}

/* ---- once ---- */

CLIENT_TEST(an_assertion_counts_once_whatever_it_is_sent_with)
{
    static char text[2 * AA_JWT_MAX];
    static struct assertion again;
    char code[128], second[128];

    flow_code(flow, code);
    flow_code(flow, second);
    assertion_init(&again, &client->key);
    strcpy(text, assertion_sign(flow, &again, &client->key));
    CHECK_INT(client_redeem(flow, code, text), 200);
    client_redeem(flow, second, text);
    check_refused(flow, "used already");
    CHECK(strstr(flow->f.log, CLIENT) != NULL && !strstr(flow->f.log, text));
    assertion_set(again.claims, "exp", "@+200"); /* another one, of the same jti */
    client_redeem(flow, second, assertion_sign(flow, &again, &client->key));
    check_refused(flow, "used already");
    check_still_good(client, second);
}

CLIENT_TEST(an_assertion_counts_once_also_when_what_it_was_sent_with_is_refused)
{
    static char text[2 * AA_JWT_MAX];
    char code[128];

    flow_code(flow, code);
    strcpy(text, assertion_new(flow, &client->key));
    CHECK_INT(client_redeem(flow, "no code of ours", text), 400);
    client_redeem(flow, code, text);
    check_refused(flow, "used already");
}

static enum aa_err sweep(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    int64_t removed;

    return aa_store_sweep(conn, *(int64_t *)ctx, 1000, &removed, err);
}

CLIENT_TEST(what_was_used_is_remembered_as_long_as_it_would_be_good_and_then_forgotten)
{
    static char text[2 * AA_JWT_MAX];
    char code[128];

    flow_code(flow, code);
    strcpy(text, assertion_new(flow, &client->key)); /* exp: in 300 s */
    CHECK_INT(client_redeem(flow, code, text), 200);
    flow_move(flow, 300 + AA_CLIENT_ASSERTION_SKEW_S - 1);
    flow_write(flow, sweep, &flow->f.now_ms);
    client_redeem(flow, code, text);
    check_refused(flow, "used already");
    flow_move(flow, 1);
    client_redeem(flow, code, text);
    check_refused(flow, "is expired");
    flow_move(flow, 299);
    flow_write(flow, sweep, &flow->f.now_ms);
    CHECK_INT(assertions_kept(flow), 1);
    flow_move(flow, 1);
    flow_write(flow, sweep, &flow->f.now_ms);
    CHECK_INT(assertions_kept(flow), 0);
}

CLIENT_TEST(a_second_server_on_the_same_database_knows_what_was_used)
{
    static char text[2 * AA_JWT_MAX];
    struct flow second;
    char code[128], other[128];

    flow_code(flow, code);
    flow_code(flow, other);
    flow_open_beside(&second, flow);
    strcpy(text, assertion_new(flow, &client->key));
    CHECK_INT(client_redeem(flow, code, text), 200);
    client_redeem(&second, other, text);
    check_refused(&second, "used already");
    CHECK_INT(client_redeem(&second, other, assertion_new(flow, &client->key)), 200);
    flow_close(&second);
}

#define THREADS 8

struct runner {
    struct flow *flow;
    const char *body;
    pthread_barrier_t *start;
    int status;
};

static void *run(void *ctx)
{
    struct runner *runner = ctx;
    struct aa_response response;

    aa_response_init(&response, FLOW_TOKEN_MAX);
    pthread_barrier_wait(runner->start);
    runner->status = flow_send_to(runner->flow,
                                  &(struct flow_request){.method = AA_METHOD_POST,
                                                         .path = "/token",
                                                         .content_type = "application/x-www-form-urlencoded",
                                                         .body = VIEW(runner->body)},
                                  &response);
    aa_response_clear(&response);
    return NULL;
}

static void no_log(void *ctx, int level, const char *request_id, const char *message)
{
    (void)ctx;
    (void)level;
    (void)request_id;
    (void)message;
}

/* Each has a refresh token, which all may use at once (the grace window); only the assertion decides. */
CLIENT_TEST(of_many_that_use_one_assertion_at_once_one_wins)
{
    static char body[8192];
    struct runner runners[THREADS];
    pthread_t threads[THREADS];
    pthread_barrier_t start;
    char code[128], refresh[FLOW_TOKEN_MAX];

    flow->f.app.log = no_log;
    flow_code(flow, code);
    check_still_good(client, code);
    flow_copy(flow, "refresh_token", refresh);
    for (int round = 0; round < 5; round++) {
        int won = 0;

        flow_form(body, sizeof body, "grant_type", "refresh_token", "client_id", CLIENT, "refresh_token", refresh,
                  "client_assertion", assertion_new(flow, &client->key), "client_assertion_type",
                  AA_CLIENT_ASSERTION_TYPE, NULL);
        pthread_barrier_init(&start, NULL, THREADS);
        for (int i = 0; i < THREADS; i++) {
            runners[i] = (struct runner){.flow = flow, .body = body, .start = &start};
            CHECK_INT(pthread_create(&threads[i], NULL, run, &runners[i]), 0);
        }
        for (int i = 0; i < THREADS; i++) {
            pthread_join(threads[i], NULL);
            CHECK(runners[i].status == 200 || runners[i].status == 401);
            won += runners[i].status == 200;
        }
        pthread_barrier_destroy(&start);
        CHECK_INT(won, 1);
    }
}

/* Many at once: one code redeems once, one refresh token has one successor, one family survives. */
#include <pthread.h>
#include <stdio.h>

#include "support_flow.h"

#define THREADS 8
#define ROUNDS 12

/* One thread's request, and the answer as text. */
struct runner {
    struct flow *flow;
    const char *body;
    pthread_barrier_t *start;
    int status;
    char answer[FLOW_TOKEN_MAX * 2];
};

static void *run(void *ctx)
{
    struct runner *runner = ctx;
    struct aa_response response;

    aa_response_init(&response, sizeof runner->answer - 1);
    pthread_barrier_wait(runner->start);
    runner->status = flow_send_to(runner->flow,
                                  &(struct flow_request){.method = AA_METHOD_POST,
                                                         .path = "/token",
                                                         .content_type = "application/x-www-form-urlencoded",
                                                         .body = VIEW(runner->body)},
                                  &response);
    memcpy(runner->answer, aa_buf_text(&response.body), response.body.len + 1);
    aa_response_clear(&response);
    return NULL;
}

/* The same body from all threads at the same moment. */
static void run_all(struct flow *flow, const char *body, struct runner runners[THREADS])
{
    pthread_t threads[THREADS];
    pthread_barrier_t start;

    pthread_barrier_init(&start, NULL, THREADS);
    for (int i = 0; i < THREADS; i++) {
        runners[i] = (struct runner){.flow = flow, .body = body, .start = &start};
        CHECK_INT(pthread_create(&threads[i], NULL, run, &runners[i]), 0);
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    pthread_barrier_destroy(&start);
}

static void member(const struct runner *runner, const char *name, char out[FLOW_TOKEN_MAX])
{
    struct aa_json *json;
    struct aa_view text;

    CHECK_OK(aa_json_parse(VIEW(runner->answer), sizeof runner->answer, &json, NULL));
    text = aa_json_text(aa_json_get(json, name));
    CHECK(text.len > 0 && text.len < FLOW_TOKEN_MAX);
    memcpy(out, text.data, text.len);
    out[text.len] = '\0';
    aa_json_free(json);
}

/* With the log quiet: threads share the fixture. */
static void no_log(void *ctx, int level, const char *request_id, const char *message)
{
    (void)ctx;
    (void)level;
    (void)request_id;
    (void)message;
}

static void open_flow(struct flow *flow)
{
    flow_open_on_disk(flow);
    flow_keys(flow);
    flow->f.app.log = no_log;
}

static void code_body(struct flow *flow, char *body, size_t size)
{
    char code[128];

    flow_code(flow, code);
    flow_form(body, size, "grant_type", "authorization_code", "client_id", flow->client_id, "code", code,
              "redirect_uri", REDIRECT, "code_verifier", VERIFIER, NULL);
}

static void refresh_body(const struct flow *flow, const char *token, char *body, size_t size)
{
    flow_form(body, size, "grant_type", "refresh_token", "client_id", flow->client_id, "refresh_token", token, NULL);
}

TEST(races, a_code_redeemed_by_many_at_once_is_redeemed_once)
{
    static struct runner runners[THREADS];
    struct flow flow;
    char body[1024], error[FLOW_TOKEN_MAX];

    open_flow(&flow);
    for (int round = 0; round < ROUNDS; round++) {
        int won = 0;

        code_body(&flow, body, sizeof body);
        run_all(&flow, body, runners);
        for (int i = 0; i < THREADS; i++) {
            won += runners[i].status == 200;
            if (runners[i].status == 200)
                continue;
            CHECK_INT(runners[i].status, 400);
            member(&runners[i], "error", error);
            CHECK_TEXT(error, "invalid_grant");
        }
        CHECK_INT(won, 1);
    }
    flow_close(&flow);
}

TEST(races, a_refresh_token_used_by_many_at_once_gives_all_of_them_one_successor)
{
    static struct runner runners[THREADS];
    struct flow flow;
    char access[FLOW_TOKEN_MAX], refresh[FLOW_TOKEN_MAX], other[FLOW_TOKEN_MAX], body[1024];

    open_flow(&flow);
    flow_tokens(&flow, access, refresh);
    for (int round = 0; round < ROUNDS; round++) {
        refresh_body(&flow, refresh, body, sizeof body);
        run_all(&flow, body, runners);
        for (int i = 0; i < THREADS; i++) {
            CHECK_INT(runners[i].status, 200);
            member(&runners[i], "refresh_token", i == 0 ? refresh : other);
            if (i > 0)
                CHECK_TEXT(other, refresh);
            member(&runners[i], "access_token", access);
            CHECK(flow_is_active(&flow, access));
        }
        flow_move(&flow, 3600); /* the next round begins long after the window: one family has survived */
    }
    CHECK_INT(flow_refresh(&flow, refresh), 200);
    flow_close(&flow);
}

TEST(races, without_a_window_one_of_many_wins_and_the_family_is_dead)
{
    static struct runner runners[THREADS];
    struct flow flow;
    char access[FLOW_TOKEN_MAX], refresh[FLOW_TOKEN_MAX], body[1024];

    open_flow(&flow);
    flow.f.app.settings.refresh_grace_s = 0;
    for (int round = 0; round < ROUNDS; round++) {
        int won = 0;

        flow_tokens(&flow, access, refresh);
        refresh_body(&flow, refresh, body, sizeof body);
        run_all(&flow, body, runners);
        for (int i = 0; i < THREADS; i++) {
            won += runners[i].status == 200;
            CHECK(runners[i].status == 200 || runners[i].status == 400);
            if (runners[i].status == 200)
                member(&runners[i], "access_token", access);
        }
        CHECK_INT(won, 1);
        CHECK(!flow_is_active(&flow, access));
    }
    flow_close(&flow);
}

/* A second process on the same database, with its own connections. */
TEST(races, two_servers_on_one_database_agree_about_codes_and_successors)
{
    struct flow one, two;
    char access[FLOW_TOKEN_MAX], refresh[FLOW_TOKEN_MAX], first[FLOW_TOKEN_MAX], second[FLOW_TOKEN_MAX], code[128];

    open_flow(&one);
    flow_tokens(&one, access, refresh);
    flow_open_beside(&two, &one);
    flow_move(&two, 30);
    CHECK_INT(flow_refresh(&one, refresh), 200);
    flow_copy(&one, "refresh_token", first);
    CHECK_INT(flow_refresh(&two, refresh), 200);
    flow_copy(&two, "refresh_token", second);
    CHECK_TEXT(second, first);
    flow_code(&one, code);
    CHECK_INT(flow_redeem(&two, code), 200);
    flow_redeem(&one, code);
    flow_check_error(&one, 400, "invalid_grant");
    flow_close(&two);
    flow_close(&one);
}

/* One call per token however many wait for it, cancelling, closing, floods. */
#include <pthread.h>
#include <stdio.h>

#include "net/core.h"
#include "support_guard.h"

#define CROWD 100
#define FLOOD 6000

static int calls(struct stage *stage)
{
    return http_server_hits(stage->server, INTROSPECT);
}

static void take_and_check(struct stage *stage, const char *token, enum aa_err wanted)
{
    struct aa_completion completion;

    take_one(stage->queue, &completion);
    CHECK_ERR(completion.verdict.code, wanted);
    CHECK_TEXT((const char *)completion.tag, token);
    aa_verdict_clear(&completion.verdict);
}

static void check_is_empty(struct stage *stage)
{
    struct aa_completion completion;

    CHECK_INT(aa_queue_take(stage->queue, &completion, 1), 0);
}

/* ---- single flight ---------------------------------------------------------------------------------------------- */

TEST(flight, a_hundred_checks_of_one_new_token_make_one_call)
{
    struct stage stage;

    stage_set(&stage, "");
    http_server_set_token(stage.server, "token-1", ACTIVE("files:read"));
    http_server_hold(stage.server, INTROSPECT);
    for (int i = 0; i < CROWD; i++)
        send_off(&stage, "token-1");
    await_waiting(&stage, INTROSPECT, 1);
    http_server_let_go(stage.server, INTROSPECT);
    for (int i = 0; i < CROWD; i++)
        take_and_check(&stage, "token-1", AA_OK);
    CHECK_INT(calls(&stage), 1);
    CHECK_INT(stats_of(&stage).introspections, 1);
    stage_clear(&stage);
}

static void *ask_once(void *arg)
{
    struct stage *stage = arg;
    struct aa_guard_request request = request_with("token-1");
    struct aa_verdict verdict = {0};
    enum aa_err code;

    aa_guard_check_wait(stage->guard, &request, &verdict);
    code = verdict.code;
    aa_verdict_clear(&verdict);
    return (void *)(intptr_t)code;
}

TEST(flight, a_hundred_threads_with_one_new_token_make_one_call)
{
    pthread_t threads[CROWD];
    struct stage stage;

    stage_set(&stage, "");
    http_server_set_token(stage.server, "token-1", ACTIVE("files:read"));
    http_server_hold(stage.server, INTROSPECT);
    for (int i = 0; i < CROWD; i++)
        CHECK_INT(pthread_create(&threads[i], NULL, ask_once, &stage), 0);
    await_waiting(&stage, INTROSPECT, 1);
    while (stats_of(&stage).misses < CROWD)
        sleep_ms(1);
    http_server_let_go(stage.server, INTROSPECT);
    for (int i = 0; i < CROWD; i++) {
        void *code;

        pthread_join(threads[i], &code);
        CHECK_INT((intptr_t)code, AA_OK);
    }
    CHECK_INT(calls(&stage), 1);
    CHECK_INT(stats_of(&stage).joined, CROWD - 1);
    stage_clear(&stage);
}

TEST(flight, with_the_cache_off_those_who_wait_still_share_one_call)
{
    struct stage stage;

    stage_set(&stage, ",\"cache_ttl\":0");
    http_server_set_token(stage.server, "token-1", ACTIVE("files:read"));
    http_server_hold(stage.server, INTROSPECT);
    send_off(&stage, "token-1");
    await_waiting(&stage, INTROSPECT, 1);
    for (int i = 1; i < CROWD; i++)
        send_off(&stage, "token-1");
    while (stats_of(&stage).joined < CROWD - 1)
        sleep_ms(1);
    http_server_let_go(stage.server, INTROSPECT);
    for (int i = 0; i < CROWD; i++)
        take_and_check(&stage, "token-1", AA_OK);
    CHECK_INT(calls(&stage), 1);
    stage_clear(&stage);
}

TEST(flight, different_tokens_do_not_wait_for_each_other)
{
    struct stage stage;

    stage_set(&stage, "");
    http_server_set_token(stage.server, "token-1", ACTIVE("files:read"));
    http_server_hold(stage.server, INTROSPECT);
    send_off(&stage, "token-1");
    send_off(&stage, "token-2");
    await_waiting(&stage, INTROSPECT, 2);
    http_server_let_go(stage.server, INTROSPECT);
    for (int i = 0; i < 2; i++) {
        struct aa_completion completion;
        bool first;

        take_one(stage.queue, &completion);
        first = strcmp(completion.tag, "token-1") == 0;
        CHECK_ERR(completion.verdict.code, first ? AA_OK : AA_ERR_TOKEN_INACTIVE);
        aa_verdict_clear(&completion.verdict);
    }
    stage_clear(&stage);
}

TEST(flight, those_who_wait_for_one_token_are_judged_each_by_its_own_request)
{
    struct aa_guard_request request;
    struct aa_completion completion;
    struct stage stage;
    int denied = 0;

    stage_set(&stage, ",\"tools\":{\"write\":[\"files:write\"]}");
    http_server_set_token(stage.server, "token-1", ACTIVE("files:read"));
    http_server_hold(stage.server, INTROSPECT);
    send_off(&stage, "token-1");
    await_waiting(&stage, INTROSPECT, 1);
    request = request_with("token-1");
    request.method = VIEW("POST");
    request.body = VIEW("{\"method\":\"tools/call\",\"params\":{\"name\":\"write\"}}");
    CHECK_OK(aa_guard_check_async(stage.guard, &request, stage.queue, NULL, NULL, NULL));
    http_server_let_go(stage.server, INTROSPECT);
    for (int i = 0; i < 2; i++) {
        take_one(stage.queue, &completion);
        CHECK_ERR(completion.verdict.code, completion.tag ? AA_OK : AA_ERR_SCOPE_INSUFFICIENT);
        denied += completion.tag == NULL;
        aa_verdict_clear(&completion.verdict);
    }
    CHECK_INT(denied, 1);
    stage_clear(&stage);
}

/* The request is copied: its memory may be gone before the answer comes. */
TEST(flight, a_request_is_copied)
{
    char token[] = "Bearer token-1";
    struct aa_guard_request request = {.method = VIEW("GET"), .path = VIEW("/mcp"), .authorization = VIEW(token)};
    struct aa_completion completion;
    struct stage stage;

    stage_set(&stage, "");
    http_server_set_token(stage.server, "token-1", ACTIVE("files:read"));
    CHECK_OK(aa_guard_check_async(stage.guard, &request, stage.queue, NULL, NULL, NULL));
    memset(token, 'x', sizeof token - 1);
    take_one(stage.queue, &completion);
    CHECK_ERR(completion.verdict.code, AA_OK);
    aa_verdict_clear(&completion.verdict);
    stage_clear(&stage);
}

/* ---- cancelling ------------------------------------------------------------------------------------------------- */

TEST(flight, cancelling_the_first_waiter_does_not_fail_the_rest)
{
    struct stage stage;
    uint64_t first;

    stage_set(&stage, "");
    http_server_set_token(stage.server, "token-1", ACTIVE("files:read"));
    http_server_hold(stage.server, INTROSPECT);
    first = send_off(&stage, "token-1");
    await_waiting(&stage, INTROSPECT, 1);
    send_off(&stage, "token-1");
    send_off(&stage, "token-1");
    CHECK(aa_guard_cancel(stage.guard, stage.queue, first));
    http_server_let_go(stage.server, INTROSPECT);
    take_and_check(&stage, "token-1", AA_OK);
    take_and_check(&stage, "token-1", AA_OK);
    check_is_empty(&stage);
    CHECK_INT(calls(&stage), 1);
    stage_clear(&stage);
}

TEST(flight, the_answer_is_remembered_though_everybody_cancelled)
{
    struct stage stage;
    uint64_t ticket;

    stage_set(&stage, "");
    http_server_set_token(stage.server, "token-1", ACTIVE("files:read"));
    http_server_hold(stage.server, INTROSPECT);
    ticket = send_off(&stage, "token-1");
    await_waiting(&stage, INTROSPECT, 1);
    CHECK(aa_guard_cancel(stage.guard, stage.queue, ticket));
    http_server_let_go(stage.server, INTROSPECT);
    CHECK_OK(ask(&stage, "token-1"));
    CHECK_INT(calls(&stage), 1);
    check_is_empty(&stage);
    stage_clear(&stage);
}

TEST(flight, what_stands_in_the_queue_is_not_taken_back)
{
    struct stage stage;
    uint64_t ticket;

    stage_set(&stage, "");
    ticket = send_off(&stage, "token-1");
    take_and_check(&stage, "token-1", AA_ERR_TOKEN_INACTIVE);
    CHECK(!aa_guard_cancel(stage.guard, stage.queue, ticket));
    CHECK(!aa_guard_cancel(stage.guard, stage.queue, 0));
    CHECK(!aa_guard_cancel(stage.guard, stage.queue, 12345));
    stage_clear(&stage);
}

TEST(flight, a_ticket_of_another_queue_is_not_taken_back)
{
    struct aa_queue *other;
    struct stage stage;
    uint64_t ticket;

    stage_set(&stage, "");
    CHECK_OK(aa_queue_new_fd(&other, NULL));
    http_server_hold(stage.server, INTROSPECT);
    ticket = send_off(&stage, "token-1");
    CHECK(!aa_guard_cancel(stage.guard, other, ticket));
    http_server_let_go(stage.server, INTROSPECT);
    take_and_check(&stage, "token-1", AA_ERR_TOKEN_INACTIVE);
    aa_queue_free(other);
    stage_clear(&stage);
}

TEST(flight, an_answer_for_an_event_loop_that_is_gone_is_dropped_and_counted)
{
    struct stage stage;

    stage_set(&stage, "");
    http_server_hold(stage.server, INTROSPECT);
    send_off(&stage, "token-1");
    await_waiting(&stage, INTROSPECT, 1);
    aa_queue_free(stage.queue);
    stage.queue = NULL;
    http_server_let_go(stage.server, INTROSPECT);
    while (stats_of(&stage).dropped == 0)
        sleep_ms(1);
    CHECK_INT(stats_of(&stage).dropped, 1);
    stage_clear(&stage);
}

/* ---- all at once ------------------------------------------------------------------------------------------------ */

#define ROUNDS 400

/* What one thread sent off, took back and was given. */
struct tally {
    struct stage *stage;
    int number, cancelled, delivered;
    bool wrong;
};

static void take_all(struct tally *tally, struct aa_queue *queue)
{
    struct aa_completion completions[16];
    size_t count = aa_queue_take(queue, completions, 16);

    for (size_t i = 0; i < count; i++) {
        tally->wrong |= completions[i].tag != tally || completions[i].verdict.code != AA_OK;
        aa_verdict_clear(&completions[i].verdict);
    }
    tally->delivered += (int)count;
}

static void *send_and_cancel(void *arg)
{
    struct tally *tally = arg;
    struct aa_queue *queue;

    if (aa_queue_new_fd(&queue, NULL)) {
        tally->wrong = true;
        return NULL;
    }
    for (int i = 0; i < ROUNDS; i++) {
        struct aa_guard_request request;
        char token[32];
        uint64_t ticket;

        snprintf(token, sizeof token, "token-%d", (i + tally->number) % 7);
        request = request_with(token);
        if (aa_guard_check_async(tally->stage->guard, &request, queue, tally, &ticket, NULL))
            tally->wrong = true;
        if (i % 3 == 0 && aa_guard_cancel(tally->stage->guard, queue, ticket))
            tally->cancelled++;
        take_all(tally, queue);
    }
    for (int i = 0; i < 10000 && tally->delivered < ROUNDS - tally->cancelled; i++) {
        take_all(tally, queue);
        sleep_ms(1);
    }
    aa_queue_free(queue);
    return NULL;
}

TEST(flight, what_many_threads_send_off_is_delivered_or_taken_back_and_never_both)
{
    struct tally tallies[4];
    pthread_t threads[4];
    struct stage stage;

    stage_set(&stage, ",\"cache_ttl\":0");
    http_server_set(stage.server, INTROSPECT, 200, ACTIVE("files:read"), NULL, 0);
    for (int i = 0; i < 4; i++) {
        tallies[i] = (struct tally){.stage = &stage, .number = i};
        CHECK_INT(pthread_create(&threads[i], NULL, send_and_cancel, &tallies[i]), 0);
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        CHECK(!tallies[i].wrong);
        CHECK_INT(tallies[i].delivered + tallies[i].cancelled, ROUNDS);
    }
    CHECK_INT(stats_of(&stage).dropped, 0);
    stage_clear(&stage);
}

/* ---- closing ---------------------------------------------------------------------------------------------------- */

TEST(flight, a_guard_released_with_calls_under_way_answers_that_it_is_closed)
{
    struct stage stage;

    stage_set(&stage, "");
    http_server_hold(stage.server, INTROSPECT);
    send_off(&stage, "token-1");
    send_off(&stage, "token-1");
    send_off(&stage, "token-2");
    await_waiting(&stage, INTROSPECT, 2);
    aa_guard_release(stage.guard);
    stage.guard = NULL;
    for (int i = 0; i < 3; i++) {
        struct aa_completion completion;

        CHECK_INT(aa_queue_take(stage.queue, &completion, 1), 1);
        CHECK_ERR(completion.verdict.code, AA_ERR_CLOSED);
        CHECK_INT(aa_answer_status(completion.verdict.answer), 503);
        aa_verdict_clear(&completion.verdict);
    }
    check_is_empty(&stage);
    stage_clear(&stage);
}

TEST(flight, a_guard_released_at_once_answers_too)
{
    for (int i = 0; i < 20; i++) {
        struct aa_completion completion;
        struct stage stage;

        stage_set(&stage, "");
        send_off(&stage, "token-1");
        aa_guard_release(stage.guard);
        stage.guard = NULL;
        take_one(stage.queue, &completion);
        CHECK(completion.verdict.code == AA_ERR_CLOSED || completion.verdict.code == AA_ERR_TOKEN_INACTIVE);
        aa_verdict_clear(&completion.verdict);
        stage_clear(&stage);
    }
}

/* ---- floods ----------------------------------------------------------------------------------------------------- */

TEST(flight, a_flood_of_garbage_makes_a_bounded_number_of_calls_at_a_time)
{
    static char tokens[FLOOD][32];
    struct aa_completion completion;
    int refused = 0;
    struct stage stage;

    stage_set(&stage, ",\"timeout\":60");
    http_server_set_token(stage.server, "token-good", ACTIVE("files:read"));
    CHECK_OK(ask(&stage, "token-good"));
    http_server_hold(stage.server, INTROSPECT);
    for (int i = 0; i < FLOOD; i++) {
        snprintf(tokens[i], sizeof tokens[i], "token-garbage-%d", i);
        send_off(&stage, tokens[i]);
    }
    await_waiting(&stage, INTROSPECT, AA_CALLS_MAX);
    while (stats_of(&stage).misses < FLOOD + 1)
        sleep_ms(1);
    CHECK_INT(http_server_waiting(stage.server, INTROSPECT), AA_CALLS_MAX);
    CHECK_OK(ask(&stage, "token-good")); /* from the cache, without waiting */
    http_server_let_go(stage.server, INTROSPECT);
    for (int i = 0; i < FLOOD; i++) {
        take_one(stage.queue, &completion);
        if (completion.verdict.code == AA_ERR_REMOTE_TIMEOUT)
            refused++;
        else
            CHECK_ERR(completion.verdict.code, AA_ERR_TOKEN_INACTIVE);
        aa_verdict_clear(&completion.verdict);
    }
    CHECK_INT(refused, FLOOD - AA_FLIGHTS_MAX); /* there was no room for these */
    CHECK_INT(calls(&stage), AA_FLIGHTS_MAX + 1);
    CHECK_OK(ask(&stage, "token-good"));
    CHECK_INT(calls(&stage), AA_FLIGHTS_MAX + 1);
    CHECK_INT(stats_of(&stage).entries, 1);
    stage_clear(&stage);
}

TEST(flight, those_whose_turn_does_not_come_in_time_are_told_so)
{
    static char tokens[AA_CALLS_MAX + 10][32];
    struct aa_completion completion;
    struct stage stage;

    stage_set(&stage, ",\"timeout\":0.5");
    http_server_hold(stage.server, INTROSPECT);
    for (int i = 0; i < AA_CALLS_MAX + 10; i++) {
        snprintf(tokens[i], sizeof tokens[i], "token-%d", i);
        send_off(&stage, tokens[i]);
    }
    for (int i = 0; i < AA_CALLS_MAX + 10; i++) {
        take_one(stage.queue, &completion);
        CHECK_INT(aa_err_class_of(completion.verdict.code), AA_CLASS_REMOTE);
        aa_verdict_clear(&completion.verdict);
    }
    stage_clear(&stage);
}

TEST(flight, keep_alive_is_used)
{
    struct stage stage;
    int connections;

    stage_set(&stage, ",\"cache_ttl\":0");
    http_server_set_token(stage.server, "token-1", ACTIVE("files:read"));
    CHECK_OK(ask(&stage, "token-1"));
    connections = http_server_connections(stage.server);
    for (int i = 0; i < 50; i++)
        CHECK_OK(ask(&stage, "token-1"));
    CHECK_INT(calls(&stage), 51);
    CHECK_INT(http_server_connections(stage.server), connections);
    stage_clear(&stage);
}

/* ---- callbacks -------------------------------------------------------------------------------------------------- */

struct woken {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int count;
};

static void note_wake(void *ctx)
{
    struct woken *woken = ctx;

    pthread_mutex_lock(&woken->lock);
    woken->count++;
    pthread_cond_signal(&woken->changed);
    pthread_mutex_unlock(&woken->lock);
}

TEST(flight, a_queue_with_a_callback_is_woken_from_the_io_thread)
{
    struct woken woken = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0};
    struct aa_guard_request request = request_with("token-1");
    struct aa_completion completions[4];
    struct aa_queue *queue;
    struct stage stage;

    stage_set(&stage, "");
    CHECK_OK(aa_queue_new(note_wake, &woken, &queue, NULL));
    for (int i = 0; i < 3; i++)
        CHECK_OK(aa_guard_check_async(stage.guard, &request, queue, NULL, NULL, NULL));
    for (size_t taken = 0; taken < 3;) {
        size_t count;

        pthread_mutex_lock(&woken.lock);
        while (!woken.count)
            pthread_cond_wait(&woken.changed, &woken.lock);
        woken.count = 0;
        pthread_mutex_unlock(&woken.lock);
        count = aa_queue_take(queue, completions, 4);
        for (size_t i = 0; i < count; i++) {
            CHECK_ERR(completions[i].verdict.code, AA_ERR_TOKEN_INACTIVE);
            aa_verdict_clear(&completions[i].verdict);
        }
        taken += count;
    }
    aa_queue_free(queue);
    stage_clear(&stage);
}

/* Who wins when many try at once, and what is still there after a restart. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#include "server/support_store.h"

#define THREADS 16
#define ROUNDS 8

struct race {
    struct aa_db *db;
    aa_db_fn try_once;
    struct aa_view key;
    pthread_barrier_t start;
    atomic_int winners, losers, failures;
};

struct attempt {
    struct race *race;
    int number;
    bool won;
    char successor[8]; /* what this one saw */
};

static void *race_main(void *arg)
{
    struct attempt *attempt = arg;
    struct race *race = attempt->race;

    pthread_barrier_wait(&race->start);
    if (aa_db_write(race->db, race->try_once, attempt, NULL))
        atomic_fetch_add(&race->failures, 1);
    else if (attempt->won)
        atomic_fetch_add(&race->winners, 1);
    else
        atomic_fetch_add(&race->losers, 1);
    return NULL;
}

static void run_race(struct race *race, struct attempt *attempts)
{
    pthread_t threads[THREADS];

    atomic_init(&race->winners, 0);
    atomic_init(&race->losers, 0);
    atomic_init(&race->failures, 0);
    pthread_barrier_init(&race->start, NULL, THREADS);
    for (int i = 0; i < THREADS; i++) {
        attempts[i] = (struct attempt){.race = race, .number = i};
        CHECK_INT(pthread_create(&threads[i], NULL, race_main, &attempts[i]), 0);
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    pthread_barrier_destroy(&race->start);
    CHECK_INT(atomic_load(&race->failures), 0);
    CHECK_INT(atomic_load(&race->winners), 1);
    CHECK_INT(atomic_load(&race->losers), THREADS - 1);
}

static enum aa_err redeem(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    struct attempt *attempt = ctx;
    struct aa_code code = {0};
    enum aa_err rc = aa_code_redeem(conn, attempt->race->key, 2000, &attempt->won, &code, err);

    aa_record_clear(&code.memory);
    return rc;
}

static enum aa_err rotate(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    struct attempt *attempt = ctx;
    struct aa_refresh_token token = {0};
    char mine[8];
    enum aa_err rc;

    snprintf(mine, sizeof mine, "next%d", attempt->number);
    rc = aa_refresh_token_rotate(conn, attempt->race->key, VIEW(mine), 2000, &attempt->won, &token, err);
    if (!rc)
        snprintf(attempt->successor, sizeof attempt->successor, "%.*s", AA_VIEW_ARGS(token.successor_sealed));
    aa_record_clear(&token.memory);
    return rc;
}

static enum aa_err consume(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    struct attempt *attempt = ctx;

    return aa_auth_request_consume(conn, attempt->race->key, 2000, &attempt->won, err);
}

static enum aa_err put_all(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    struct aa_view key = *(struct aa_view *)ctx;
    struct aa_code code = sample_code(key);
    struct aa_refresh_token token = sample_refresh(key);
    struct aa_auth_request request = {.request_digest = key,
                                      .browser_digest = VIEW("b"),
                                      .client_id = VIEW("cl_1"),
                                      .redirect_uri = VIEW("x"),
                                      .code_challenge = VIEW("y"),
                                      .server_id = VIEW("srv_1"),
                                      .expires_ms = 5000};
    enum aa_err rc;

    rc = aa_code_create(conn, &code, err);
    if (!rc)
        rc = aa_refresh_token_create(conn, &token, err);
    return rc ? rc : aa_auth_request_create(conn, &request, err);
}

/* The fixture without a connection of the test's own: that would hold the write lock. */
static void open_shared(struct store_fixture *f)
{
    store_open(f);
    if (!store_is_remote())
        CHECK_OK(f->driver->control(f->conn, AA_CONTROL_COMMIT, NULL));
    f->driver->disconnect(f->conn);
    f->conn = NULL;
    CHECK_OK(aa_db_write(f->db, store_people, NULL, NULL));
}

static void race_for(aa_db_fn try_once, void (*look)(struct attempt *attempts))
{
    struct store_fixture f;
    struct attempt attempts[THREADS];

    open_shared(&f);
    for (uint32_t round = 0; round < ROUNDS; round++) {
        struct race race = {.db = f.db, .try_once = try_once, .key = key_of(round, 'k')};

        CHECK_OK(aa_db_write(f.db, put_all, &race.key, NULL));
        run_race(&race, attempts);
        if (look)
            look(attempts);
    }
    store_close(&f);
}

TEST(races, one_of_many_parallel_tries_redeems_a_code)
{
    race_for(redeem, NULL);
}

static void all_saw_the_same_successor(struct attempt *attempts)
{
    for (int i = 1; i < THREADS; i++)
        CHECK_TEXT(attempts[i].successor, attempts[0].successor);
    CHECK(strncmp(attempts[0].successor, "next", 4) == 0);
}

TEST(races, one_of_many_parallel_tries_rotates_a_refresh_token_and_all_see_its_successor)
{
    race_for(rotate, all_saw_the_same_successor);
}

TEST(races, one_of_many_parallel_answers_consumes_an_authorization_request)
{
    race_for(consume, NULL);
}

/* Two processes on one file: each has a writer of its own. */
struct other_race {
    struct race race;
    struct aa_db *second;
};

static void *second_main(void *arg)
{
    struct attempt *attempt = arg;
    struct other_race *both = (struct other_race *)(void *)attempt->race;
    struct aa_db *db = attempt->number % 2 ? both->second : both->race.db;

    pthread_barrier_wait(&both->race.start);
    if (aa_db_write(db, rotate, attempt, NULL))
        atomic_fetch_add(&both->race.failures, 1);
    else if (attempt->won)
        atomic_fetch_add(&both->race.winners, 1);
    return NULL;
}

TEST(races, one_rotation_wins_also_across_two_processes_on_one_database)
{
    struct store_fixture f;
    struct other_race both = {0};
    struct attempt attempts[THREADS];
    pthread_t threads[THREADS];

    open_shared(&f);
    CHECK_OK(aa_db_open(&(struct aa_db_options){.url = f.url, .migrate = true}, &both.second, NULL));
    both.race.db = f.db;
    both.race.key = key_of(1, 'k');
    CHECK_OK(aa_db_write(f.db, put_all, &both.race.key, NULL));
    pthread_barrier_init(&both.race.start, NULL, THREADS);
    for (int i = 0; i < THREADS; i++) {
        attempts[i] = (struct attempt){.race = &both.race, .number = i};
        CHECK_INT(pthread_create(&threads[i], NULL, second_main, &attempts[i]), 0);
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    pthread_barrier_destroy(&both.race.start);
    CHECK_INT(atomic_load(&both.race.failures), 0);
    CHECK_INT(atomic_load(&both.race.winners), 1);
    all_saw_the_same_successor(attempts);
    aa_db_close(both.second);
    store_close(&f);
}

static enum aa_err spend(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    struct aa_view key = *(struct aa_view *)ctx;
    struct aa_code code = {0};
    struct aa_refresh_token token = {0};
    bool won;
    enum aa_err rc;

    rc = aa_code_redeem(conn, key, 2000, &won, &code, err);
    aa_record_clear(&code.memory);
    if (!rc)
        rc = aa_refresh_token_rotate(conn, key, VIEW("next"), 2000, &won, &token, err);
    aa_record_clear(&token.memory);
    return rc;
}

struct seen {
    struct aa_view key;
    bool code_won, token_won;
    char successor[8];
};

static enum aa_err spend_again(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    struct seen *seen = ctx;
    struct aa_code code = {0};
    struct aa_refresh_token token = {0};
    enum aa_err rc;

    rc = aa_code_redeem(conn, seen->key, 3000, &seen->code_won, &code, err);
    aa_record_clear(&code.memory);
    if (!rc)
        rc = aa_refresh_token_rotate(conn, seen->key, VIEW("other"), 3000, &seen->token_won, &token, err);
    snprintf(seen->successor, sizeof seen->successor, "%.*s", AA_VIEW_ARGS(token.successor_sealed));
    aa_record_clear(&token.memory);
    return rc;
}

/* Keycloak CVE-2026-9802: a restart must not re-open replay. */
TEST(races, what_was_spent_is_spent_after_a_restart)
{
    struct store_fixture f;
    struct aa_view key = key_of(1, 'k');
    struct seen seen = {.key = key, .code_won = true, .token_won = true};

    open_shared(&f);
    CHECK_OK(aa_db_write(f.db, put_all, &key, NULL));
    CHECK_OK(aa_db_write(f.db, spend, &key, NULL));
    aa_db_close(f.db);
    CHECK_OK(aa_db_open(&(struct aa_db_options){.url = f.url, .migrate = true}, &f.db, NULL));
    CHECK_OK(aa_db_write(f.db, spend_again, &seen, NULL));
    CHECK(!seen.code_won);
    CHECK(!seen.token_won);
    CHECK_TEXT(seen.successor, "next");
    store_close(&f);
}

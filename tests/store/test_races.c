/* Who wins when many try at once, from two processes; and what is still there after a restart. */
#include <stdio.h>
#include <unistd.h>

#include "support_race.h"

/* ---- codes, refresh tokens, authorization requests ---- */

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

static enum aa_err redeem(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    struct racer *racer = ctx;
    struct aa_code code = {0};
    enum aa_err rc = aa_code_redeem(conn, racer->race->key, 2000, &racer->won, &code, err);

    if (!rc)
        snprintf(racer->text, sizeof racer->text, "%.*s", AA_VIEW_ARGS(code.grant_id));
    aa_record_clear(&code.memory);
    return rc;
}

static enum aa_err rotate(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    struct racer *racer = ctx;
    struct aa_refresh_token token = {0};
    char mine[16];
    enum aa_err rc;

    snprintf(mine, sizeof mine, "next%d", racer->number);
    rc = aa_refresh_token_rotate(conn, racer->race->key, VIEW(mine), 2000, &racer->won, &token, err);
    if (!rc)
        snprintf(racer->text, sizeof racer->text, "%.*s", AA_VIEW_ARGS(token.successor_sealed));
    aa_record_clear(&token.memory);
    return rc;
}

static enum aa_err consume(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    struct racer *racer = ctx;

    return aa_auth_request_consume(conn, racer->race->key, 2000, &racer->won, err);
}

static enum aa_err consume_late(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    struct racer *racer = ctx;

    return aa_auth_request_consume(conn, racer->race->key, 5000, &racer->won, err);
}

static enum aa_err use_assertion(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    struct racer *racer = ctx;
    struct aa_used_assertion used = {.assertion_digest = racer->race->key, .expires_ms = 5000};
    enum aa_err rc = aa_client_assertion_use(conn, &used, err);

    racer->won = rc == AA_OK;
    return rc == AA_ERR_CONFLICT ? AA_OK : rc;
}

/* Several rounds, each with rows of its own. `look` may be NULL. */
static void race_for(aa_db_fn fn, int winners, void (*look)(const struct race *race))
{
    struct shared_store store;

    shared_open(&store);
    for (uint32_t round = 0; round < ROUNDS; round++) {
        struct race race = {.fns = {fn}, .key = key_of(round, 'k')};

        CHECK_OK(aa_db_write(store.f.db, put_all, &race.key, NULL));
        race_run(&race, &store);
        CHECK_INT(race_count(&race, AA_OK), RACERS);
        CHECK_INT(race_winners(&race), winners);
        if (look)
            look(&race);
    }
    shared_close(&store);
}

static void all_saw_the_same(const struct race *race)
{
    for (int i = 1; i < RACERS; i++)
        CHECK_TEXT(race->racers[i].text, race->racers[0].text);
    CHECK(race->racers[0].text[0] != '\0');
}

TEST(races, one_of_many_parallel_tries_redeems_a_code_and_all_learn_its_grant)
{
    race_for(redeem, 1, all_saw_the_same);
}

TEST(races, one_of_many_parallel_tries_rotates_a_refresh_token_and_all_see_its_successor)
{
    race_for(rotate, 1, all_saw_the_same);
}

TEST(races, one_of_many_parallel_answers_consumes_an_authorization_request)
{
    race_for(consume, 1, NULL);
}

TEST(races, one_of_many_parallel_tries_uses_an_assertion)
{
    race_for(use_assertion, 1, NULL);
}

TEST(races, nobody_consumes_an_authorization_request_that_ran_out)
{
    race_for(consume_late, 0, NULL);
}

/* The winner issues a token, the others revoke the grant it hangs on, as for a stolen code. */
static enum aa_err redeem_and_issue(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    struct racer *racer = ctx;
    struct aa_access_token token = sample_access(racer->race->key);
    struct aa_code code = {0};
    enum aa_err rc = aa_code_redeem(conn, racer->race->key, 2000, &racer->won, &code, err);

    aa_record_clear(&code.memory);
    if (rc)
        return rc;
    return racer->won ? aa_access_token_create(conn, &token, err) : aa_grant_revoke(conn, VIEW("gr_1"), 3000, err);
}

static enum aa_err find_live(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    const struct race *race = ctx;
    struct aa_live_token live = {0};
    enum aa_err rc = aa_live_token_find(conn, race->key, &live, err);

    if (!rc)
        CHECK_INT(live.grant_revoked_ms, 3000);
    aa_record_clear(&live.memory);
    return rc;
}

TEST(races, what_the_winner_issued_is_dead_once_somebody_came_second)
{
    struct shared_store store;
    struct race race = {.fns = {redeem_and_issue}, .key = key_of(1, 'k')};

    shared_open(&store);
    CHECK_OK(aa_db_write(store.f.db, put_all, &race.key, NULL));
    race_run(&race, &store);
    CHECK_INT(race_count(&race, AA_OK), RACERS);
    CHECK_INT(race_winners(&race), 1);
    CHECK_OK(aa_db_read(store.f.db, find_live, &race, NULL));
    shared_close(&store);
}

/* ---- names that are taken once ---- */

static enum aa_err create_user(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    struct racer *racer = ctx;
    char id[16];
    struct aa_user user;

    snprintf(id, sizeof id, "usr_r%d", racer->number);
    user = sample_user(id, racer->number % 2 ? "BOB@example.com" : "bob@example.com");
    return aa_user_create(conn, &user, err);
}

static enum aa_err create_server(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    struct racer *racer = ctx;
    char id[16];
    struct aa_server server;

    snprintf(id, sizeof id, "srv_r%d", racer->number);
    server = sample_server(id, "https://two.example/mcp");
    return aa_server_create(conn, &server, err);
}

static enum aa_err create_client(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    struct racer *racer = ctx;
    char id[16];
    struct aa_client client;

    snprintf(id, sizeof id, "cl_r%d", racer->number);
    client = sample_client(id);
    client.fingerprint = VIEW("the same registration");
    return aa_client_create(conn, &client, err);
}

static enum aa_err put_new_setting(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    struct racer *racer = ctx;

    snprintf(racer->text, sizeof racer->text, "value %d", racer->number);
    return aa_setting_put_new(conn, VIEW("first"), VIEW(racer->text), err);
}

static void one_is_taken(aa_db_fn fn)
{
    struct shared_store store;
    struct race race = {.fns = {fn}};

    shared_open(&store);
    race_run(&race, &store);
    CHECK_INT(race_count(&race, AA_OK), 1);
    CHECK_INT(race_count(&race, AA_ERR_CONFLICT), RACERS - 1);
    race_run(&race, &store);
    CHECK_INT(race_count(&race, AA_ERR_CONFLICT), RACERS);
    shared_close(&store);
}

TEST(races, an_email_address_is_taken_once_whatever_its_case)
{
    one_is_taken(create_user);
}

TEST(races, a_resource_is_registered_once)
{
    one_is_taken(create_server);
}

TEST(races, the_same_registration_makes_one_client)
{
    one_is_taken(create_client);
}

TEST(races, a_new_setting_is_put_once)
{
    one_is_taken(put_new_setting);
}

/* Who collides goes on in the same transaction, and finds what was there first. */
static enum aa_err put_or_take(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    struct racer *racer = ctx;
    char *memory = NULL;
    struct aa_view value;
    enum aa_err rc = put_new_setting(conn, ctx, NULL);

    racer->won = rc == AA_OK;
    if (rc && rc != AA_ERR_CONFLICT)
        return rc;
    rc = aa_setting_get(conn, VIEW("first"), &memory, &value, err);
    if (!rc)
        snprintf(racer->text, sizeof racer->text, "%.*s", AA_VIEW_ARGS(value));
    aa_record_clear(&memory);
    return rc;
}

TEST(races, who_comes_second_takes_what_the_first_one_put)
{
    struct shared_store store;
    struct race race = {.fns = {put_or_take}};

    shared_open(&store);
    race_run(&race, &store);
    CHECK_INT(race_count(&race, AA_OK), RACERS);
    CHECK_INT(race_winners(&race), 1);
    all_saw_the_same(&race);
    shared_close(&store);
}

/* ---- looking, then writing ---- */

static enum aa_err note_any(void *ctx, const void *record, struct aa_error *err)
{
    (void)record;
    (void)err;
    ++*(int *)ctx;
    return AA_OK;
}

static enum aa_err make_first_key(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    struct racer *racer = ctx;
    struct aa_signing_key key = {.alg = VIEW("ES256"), .private_sealed = VIEW("sealed"), .created_ms = 1};
    int count = 0;
    char kid[16];
    enum aa_err rc;

    snprintf(kid, sizeof kid, "kid%d", racer->number);
    key.kid = VIEW(kid);
    rc = aa_setting_hold(conn, VIEW("signing keys"), err);
    if (!rc)
        rc = aa_signing_key_list(conn, note_any, &count, err);
    racer->won = count == 0;
    return rc || count ? rc : aa_signing_key_create(conn, &key, err);
}

static enum aa_err count_keys(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    return aa_signing_key_list(conn, note_any, ctx, err);
}

TEST(races, under_a_held_name_one_looks_and_writes_at_a_time)
{
    struct shared_store store;
    struct race race = {.fns = {make_first_key}};
    int keys = 0;

    shared_open(&store);
    race_run(&race, &store);
    CHECK_INT(race_count(&race, AA_OK), RACERS);
    CHECK_INT(race_winners(&race), 1);
    CHECK_OK(aa_db_read(store.f.db, count_keys, &keys, NULL));
    CHECK_INT(keys, 1);
    shared_close(&store);
}

static enum aa_err count_failure(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    struct racer *racer = ctx;

    return aa_lockout_add(conn, VIEW("address"), 1000, 9000, &racer->seen, err);
}

TEST(races, every_failure_is_counted_and_each_count_is_told_once)
{
    struct shared_store store;
    struct race race = {.fns = {count_failure}};
    int64_t sum = 0;

    shared_open(&store);
    race_run(&race, &store);
    CHECK_INT(race_count(&race, AA_OK), RACERS);
    for (int i = 0; i < RACERS; i++) {
        sum += race.racers[i].seen;
        CHECK(race.racers[i].seen >= 1 && race.racers[i].seen <= RACERS);
    }
    CHECK_INT(sum, RACERS * (RACERS + 1) / 2);
    shared_close(&store);
}

/* The rule of the login: two tries at most, then a lock-out, whoever looks at the same moment. */
static enum aa_err try_once(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    struct racer *racer = ctx;
    int64_t failures = 0, until_ms = 0;
    enum aa_err rc;

    racer->won = false;
    rc = aa_lockout_hold(conn, VIEW("address"), 9000, err);
    if (!rc)
        rc = aa_lockout_find(conn, VIEW("address"), &failures, &until_ms, err);
    if (rc || until_ms > 1000)
        return rc;
    racer->won = true;
    rc = aa_lockout_add(conn, VIEW("address"), 1000, 9000, &failures, err);
    if (rc || failures < 2)
        return rc;
    return aa_lockout_put(conn, VIEW("address"), failures, 5000, 9000, err);
}

TEST(races, no_more_tries_pass_a_lock_out_than_it_allows)
{
    struct shared_store store;
    struct race race = {.fns = {try_once}};

    shared_open(&store);
    race_run(&race, &store);
    CHECK_INT(race_count(&race, AA_OK), RACERS);
    CHECK_INT(race_winners(&race), 2);
    shared_close(&store);
}

/* ---- what is taken away while it is being given ---- */

/* A moment after the look, so that the two do meet. */
static enum aa_err give_grant(struct aa_conn *conn, const struct racer *racer, struct aa_error *err)
{
    char id[16];
    struct aa_grant grant;

    usleep(2000);
    snprintf(id, sizeof id, "gr_r%d", racer->number);
    grant = sample_grant(id);
    return aa_grant_create(conn, &grant, err);
}

static enum aa_err allow(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    struct aa_user user = {0};
    enum aa_err rc;

    rc = aa_user_hold(conn, VIEW("usr_1"), err);
    if (!rc)
        rc = aa_user_find(conn, VIEW("usr_1"), &user, err);
    if (!rc && user.disabled_ms != 0)
        rc = AA_ERR_NOT_FOUND;
    aa_record_clear(&user.memory);
    return rc ? rc : give_grant(conn, ctx, err);
}

static enum aa_err disable(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    enum aa_err rc;

    (void)ctx;
    rc = aa_user_set_disabled(conn, VIEW("usr_1"), 7000, err);
    return rc ? rc : aa_grant_revoke_of_user(conn, VIEW("usr_1"), 7000, err);
}

static enum aa_err note_unrevoked(void *ctx, const void *record, struct aa_error *err)
{
    const struct aa_grant *grant = record;

    (void)err;
    *(int *)ctx += grant->revoked_ms == 0;
    return AA_OK;
}

static enum aa_err count_unrevoked(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    return aa_grant_list(conn, VIEW("usr_1"), note_unrevoked, ctx, err);
}

static void none_is_left(aa_db_fn give, aa_db_fn take)
{
    for (int round = 0; round < ROUNDS; round++) {
        struct race race = {.fns = {give, take}};
        struct shared_store store;
        int left = 0;

        shared_open(&store);
        race_run(&race, &store);
        CHECK_INT(race_count(&race, AA_OK) + race_count(&race, AA_ERR_NOT_FOUND), RACERS);
        CHECK_OK(aa_db_read(store.f.db, count_unrevoked, &left, NULL));
        CHECK_INT(left, 0);
        shared_close(&store);
    }
}

TEST(races, no_grant_escapes_the_disabling_of_its_person)
{
    none_is_left(allow, disable);
}

static enum aa_err allow_client(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    enum aa_err rc = aa_client_mark_used(conn, VIEW("cl_1"), 6000, err);

    return rc ? rc : give_grant(conn, ctx, err);
}

static enum aa_err remove_client(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    (void)ctx;
    return aa_client_delete(conn, VIEW("cl_1"), 7000, err);
}

TEST(races, no_grant_escapes_the_removal_of_its_client)
{
    none_is_left(allow_client, remove_client);
}

/* cl_1 was never used and runs out at 5000. */
static enum aa_err use_client(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    struct racer *racer = ctx;
    enum aa_err rc = aa_client_mark_used(conn, VIEW("cl_1"), 5000, err);

    racer->won = rc == AA_OK;
    return rc;
}

static enum aa_err sweep_once(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    struct racer *racer = ctx;

    return aa_store_sweep(conn, 5000, 1000, &racer->seen, err);
}

static enum aa_err find_client(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    struct aa_client client = {0};
    enum aa_err rc = aa_client_find(conn, VIEW("cl_1"), &client, err);

    (void)ctx;
    aa_record_clear(&client.memory);
    return rc;
}

TEST(races, a_client_that_comes_into_use_is_not_swept_away)
{
    for (int round = 0; round < ROUNDS; round++) {
        struct race race = {.fns = {use_client, sweep_once}};
        struct shared_store store;

        shared_open(&store);
        race_run(&race, &store);
        CHECK_ERR(aa_db_read(store.f.db, find_client, NULL, NULL), race_winners(&race) ? AA_OK : AA_ERR_NOT_FOUND);
        shared_close(&store);
    }
}

static enum aa_err put_sessions(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    enum aa_err rc = AA_OK;

    (void)ctx;
    for (uint32_t i = 0; !rc && i < 100; i++) {
        struct aa_view key = key_of(i, 's');
        struct aa_session session = {
            .session_digest = key, .user_id = VIEW("usr_1"), .expires_ms = i < 90 ? 4000 : 6000};

        rc = aa_session_create(conn, &session, err);
    }
    return rc;
}

TEST(races, a_row_is_swept_once_however_many_sweep)
{
    struct shared_store store;
    struct race race = {.fns = {sweep_once}};
    struct racer last = {.race = &race};
    int64_t swept = 0;

    shared_open(&store);
    CHECK_OK(aa_db_write(store.f.db, put_sessions, NULL, NULL));
    race_run(&race, &store);
    CHECK_OK(aa_db_write(store.f.db, sweep_once, &last, NULL)); /* whoever met another one did nothing */
    for (int i = 0; i < RACERS; i++)
        swept += race.racers[i].seen;
    CHECK_INT(swept + last.seen, 90 + 1); /* and the client that was never used */
    shared_close(&store);
}

static enum aa_err put_consent(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    struct racer *racer = ctx;
    struct aa_consent consent = {.user_id = VIEW("usr_1"),
                                 .client_id = VIEW("cl_1"),
                                 .server_id = VIEW("srv_1"),
                                 .redirect_uri = VIEW("https://app.example/cb"),
                                 .created_ms = racer->number + 1};

    return aa_consent_put(conn, &consent, err);
}

static enum aa_err find_consent(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    struct aa_consent consent = {0};
    enum aa_err rc = aa_consent_find(conn, VIEW("usr_1"), VIEW("cl_1"), VIEW("srv_1"), VIEW("https://app.example/cb"),
                                     &consent, err);

    *(int64_t *)ctx = consent.created_ms;
    aa_record_clear(&consent.memory);
    return rc;
}

TEST(races, one_consent_stands_whoever_gave_it_last)
{
    struct shared_store store;
    struct race race = {.fns = {put_consent}};
    int64_t created_ms = 0;

    shared_open(&store);
    race_run(&race, &store);
    CHECK_INT(race_count(&race, AA_OK), RACERS);
    CHECK_OK(aa_db_read(store.f.db, find_consent, &created_ms, NULL));
    CHECK(created_ms >= 1 && created_ms <= RACERS);
    shared_close(&store);
}

/* ---- restarts ---- */

struct seen {
    struct aa_view key;
    bool code_won, token_won;
    char successor[8];
};

static enum aa_err spend(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    struct seen *seen = ctx;
    struct aa_code code = {0};
    struct aa_refresh_token token = {0};
    enum aa_err rc;

    rc = aa_code_redeem(conn, seen->key, 2000, &seen->code_won, &code, err);
    aa_record_clear(&code.memory);
    if (!rc)
        rc = aa_refresh_token_rotate(conn, seen->key, VIEW(seen->successor), 2000, &seen->token_won, &token, err);
    if (!rc)
        snprintf(seen->successor, sizeof seen->successor, "%.*s", AA_VIEW_ARGS(token.successor_sealed));
    aa_record_clear(&token.memory);
    return rc;
}

/* Keycloak CVE-2026-9802: a restart must not re-open replay. */
TEST(races, what_was_spent_is_spent_after_a_restart)
{
    struct shared_store store;
    struct aa_view key = key_of(1, 'k');
    struct seen first = {.key = key, .successor = "next"}, again = {.key = key, .successor = "other"};
    struct aa_db_options options;

    shared_open(&store);
    CHECK_OK(aa_db_write(store.f.db, put_all, &key, NULL));
    CHECK_OK(aa_db_write(store.f.db, spend, &first, NULL));
    CHECK(first.code_won && first.token_won);
    aa_db_close(store.f.db);
    options = store_options(&store.f);
    CHECK_OK(aa_db_open(&options, &store.f.db, NULL));
    CHECK_OK(aa_db_write(store.f.db, spend, &again, NULL));
    CHECK(!again.code_won);
    CHECK(!again.token_won);
    CHECK_TEXT(again.successor, "next");
    shared_close(&store);
}

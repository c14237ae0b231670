/* What is removed when, to the millisecond, and what is not. */
#include "server/support_store.h"

#define EXPIRES_MS 50000
#define CODE_REPLAY_MS (3600 * 1000)

static int64_t sweep_at(struct aa_conn *c, int64_t now_ms)
{
    int64_t removed = -1;

    CHECK_OK(aa_store_sweep(c, now_ms, 1000, &removed, NULL));
    return removed;
}

/* The one row that runs out at EXPIRES_MS goes at `gone_ms` and not a millisecond before. */
static void goes_at(struct aa_conn *c, int64_t gone_ms)
{
    CHECK_INT(sweep_at(c, gone_ms - 1), 0);
    CHECK_INT(sweep_at(c, gone_ms), 1);
    CHECK_INT(sweep_at(c, gone_ms), 0);
}

/* As store_people() leaves it, but the client is in use. */
static void put_people(struct aa_conn *c)
{
    CHECK_OK(store_people(c, NULL, NULL));
    CHECK_OK(aa_client_mark_used(c, VIEW("cl_1"), 2000, NULL));
}

STORE_TEST(housekeeping, nothing_is_removed_from_nothing)
{
    CHECK_INT(sweep_at(c, INT64_MAX / 2), 0);
}

STORE_TEST(housekeeping, people_servers_used_clients_and_grants_stay_for_ever)
{
    put_people(c);
    CHECK_OK(aa_grant_revoke(c, VIEW("gr_1"), 3000, NULL));
    CHECK_INT(sweep_at(c, INT64_MAX / 2), 0);
}

STORE_TEST(housekeeping, a_session_goes_when_it_is_over)
{
    put_people(c);
    CHECK_OK(aa_session_create(
        c, &(struct aa_session){.session_digest = VIEW("digest"), .user_id = VIEW("usr_1"), .expires_ms = EXPIRES_MS},
        NULL));
    goes_at(c, EXPIRES_MS);
}

STORE_TEST(housekeeping, an_access_token_goes_when_it_is_over)
{
    struct aa_access_token token = sample_access(key_of(1, 'a'));

    put_people(c);
    token.expires_ms = EXPIRES_MS;
    CHECK_OK(aa_access_token_create(c, &token, NULL));
    goes_at(c, EXPIRES_MS);
}

/* The oldest ten for each that may go are looked at: here one, and the ten in front of it live longer. */
STORE_TEST(housekeeping, where_tokens_once_lived_longer_those_behind_wait_for_them)
{
    struct aa_access_token token = sample_access(key_of(2, 'b'));
    char letter[] = "a";
    int64_t removed = -1, total = 0;

    put_people(c);
    token.expires_ms = EXPIRES_MS;
    CHECK_OK(aa_access_token_create(c, &token, NULL));
    token.expires_ms = 2 * EXPIRES_MS;
    for (int i = 0; i < 10; i++, letter[0]++) {
        token.token_key = key_of(1, letter[0]);
        CHECK_OK(aa_access_token_create(c, &token, NULL));
    }
    CHECK_OK(aa_store_sweep(c, EXPIRES_MS, 1, &removed, NULL));
    CHECK_INT(removed, 0);
    CHECK_OK(aa_store_sweep(c, EXPIRES_MS, 2, &removed, NULL));
    CHECK_INT(removed, 1);
    do {
        CHECK_OK(aa_store_sweep(c, 2 * EXPIRES_MS, 1, &removed, NULL));
        total += removed;
    } while (removed == 1);
    CHECK_INT(total, 10);
}

STORE_TEST(housekeeping, a_revoked_access_token_goes_no_sooner)
{
    struct aa_access_token token = sample_access(key_of(1, 'a'));

    put_people(c);
    token.expires_ms = EXPIRES_MS;
    CHECK_OK(aa_access_token_create(c, &token, NULL));
    CHECK_OK(aa_access_token_revoke(c, key_of(1, 'a'), 2000, NULL));
    goes_at(c, EXPIRES_MS);
}

/* Until its end, so that its reuse is noticed. */
STORE_TEST(housekeeping, a_rotated_refresh_token_goes_when_it_is_over)
{
    struct aa_refresh_token token = sample_refresh(key_of(1, 'r')), found;
    bool won;

    put_people(c);
    token.expires_ms = EXPIRES_MS;
    CHECK_OK(aa_refresh_token_create(c, &token, NULL));
    CHECK_OK(aa_refresh_token_rotate(c, key_of(1, 'r'), VIEW("next"), 2000, &won, &found, NULL));
    aa_record_clear(&found.memory);
    goes_at(c, EXPIRES_MS);
}

/* A late replay still revokes what it issued. */
STORE_TEST(housekeeping, a_code_goes_an_hour_after_it_could_be_used)
{
    struct aa_code code = sample_code(key_of(1, 'c'));

    put_people(c);
    code.expires_ms = EXPIRES_MS;
    CHECK_OK(aa_code_create(c, &code, NULL));
    goes_at(c, EXPIRES_MS + CODE_REPLAY_MS);
}

STORE_TEST(housekeeping, an_authorization_request_goes_when_it_is_over)
{
    struct aa_auth_request request = {.request_digest = VIEW("digest"),
                                      .browser_digest = VIEW("browser"),
                                      .client_id = VIEW("cl_1"),
                                      .redirect_uri = VIEW("x"),
                                      .code_challenge = VIEW("y"),
                                      .server_id = VIEW("srv_1"),
                                      .expires_ms = EXPIRES_MS};

    put_people(c);
    CHECK_OK(aa_auth_request_create(c, &request, NULL));
    goes_at(c, EXPIRES_MS);
}

/* To a server whose clock is behind it is still good. */
STORE_TEST(housekeeping, an_assertion_that_was_used_goes_five_minutes_after_it_could_be_used_again)
{
    struct aa_used_assertion used = {.assertion_digest = key_of(1, 'a'), .expires_ms = EXPIRES_MS};

    CHECK_OK(aa_client_assertion_use(c, &used, NULL));
    goes_at(c, EXPIRES_MS + 300 * 1000);
}

STORE_TEST(housekeeping, a_client_that_was_never_used_goes_when_it_runs_out)
{
    struct aa_client client = sample_client("cl_9");

    client.expires_ms = EXPIRES_MS;
    CHECK_OK(aa_client_create(c, &client, NULL));
    goes_at(c, EXPIRES_MS);
}

STORE_TEST(housekeeping, a_client_that_was_extended_goes_later)
{
    struct aa_client client = sample_client("cl_9");

    client.expires_ms = EXPIRES_MS - 1000;
    CHECK_OK(aa_client_create(c, &client, NULL));
    CHECK_OK(aa_client_extend(c, VIEW("cl_9"), EXPIRES_MS, NULL));
    goes_at(c, EXPIRES_MS);
}

STORE_TEST(housekeeping, a_count_of_failures_goes_when_its_window_has_passed)
{
    int64_t failures;

    CHECK_OK(aa_lockout_add(c, VIEW("address"), 1000, EXPIRES_MS, &failures, NULL));
    goes_at(c, EXPIRES_MS);
}

STORE_TEST(housekeeping, a_lock_out_goes_when_it_is_over_too)
{
    CHECK_OK(aa_lockout_put(c, VIEW("address"), 12, EXPIRES_MS, EXPIRES_MS - 1000, NULL));
    goes_at(c, EXPIRES_MS);
}

STORE_TEST(housekeeping, a_name_that_was_held_stays_without_harm)
{
    CHECK_OK(aa_setting_hold(c, VIEW("name"), NULL));
    CHECK_OK(aa_lockout_hold(c, VIEW("key"), EXPIRES_MS, NULL));
    goes_at(c, EXPIRES_MS);
}

STORE_TEST(housekeeping, the_oldest_need_not_go_first_but_no_more_than_the_limit_go)
{
    int64_t removed, total = 0;

    put_people(c);
    for (uint32_t i = 0; i < 25; i++) {
        struct aa_view key = key_of(i, 's');

        CHECK_OK(aa_session_create(
            c, &(struct aa_session){.session_digest = key, .user_id = VIEW("usr_1"), .expires_ms = EXPIRES_MS}, NULL));
    }
    for (int i = 0; i < 3; i++) {
        CHECK_OK(aa_store_sweep(c, EXPIRES_MS, 10, &removed, NULL));
        CHECK_INT(removed, i < 2 ? 10 : 5);
        total += removed;
    }
    CHECK_INT(total, 25);
}

/* ---- the rows that are held ---- */

STORE_TEST(holds, somebody_who_is_not_there_cannot_be_held)
{
    CHECK_ERR(aa_user_hold(c, VIEW("usr_1"), NULL), AA_ERR_NOT_FOUND);
    put_people(c);
    CHECK_OK(aa_user_hold(c, VIEW("usr_1"), NULL));
}

STORE_TEST(holds, holding_a_person_changes_nothing)
{
    struct aa_user found;

    put_people(c);
    CHECK_OK(aa_user_set_disabled(c, VIEW("usr_1"), 77, NULL));
    CHECK_OK(aa_user_hold(c, VIEW("usr_1"), NULL));
    CHECK_OK(aa_user_find(c, VIEW("usr_1"), &found, NULL));
    CHECK_INT(found.disabled_ms, 77);
    CHECK_VIEW(found.email, "ann@example.com");
    aa_record_clear(&found.memory);
}

STORE_TEST(holds, holding_a_setting_that_has_a_value_keeps_it)
{
    char *memory = NULL;
    struct aa_view value;

    CHECK_OK(aa_setting_put(c, VIEW("name"), VIEW("value"), NULL));
    CHECK_OK(aa_setting_hold(c, VIEW("name"), NULL));
    CHECK_OK(aa_setting_get(c, VIEW("name"), &memory, &value, NULL));
    CHECK_VIEW(value, "value");
    aa_record_clear(&memory);
}

STORE_TEST(holds, holding_a_lock_out_keeps_its_count_and_its_end)
{
    int64_t failures, until_ms;

    CHECK_OK(aa_lockout_put(c, VIEW("key"), 7, 8000, 9000, NULL));
    CHECK_OK(aa_lockout_hold(c, VIEW("key"), 99000, NULL));
    CHECK_OK(aa_lockout_find(c, VIEW("key"), &failures, &until_ms, NULL));
    CHECK_INT(failures, 7);
    CHECK_INT(until_ms, 8000);
    CHECK_OK(aa_lockout_add(c, VIEW("key"), 9000, 20000, &failures, NULL));
    CHECK_INT(failures, 1); /* the window ended at 9000 all the same */
}

STORE_TEST(holds, a_lock_out_that_is_held_first_counts_from_one)
{
    int64_t failures, until_ms;

    CHECK_OK(aa_lockout_hold(c, VIEW("key"), 9000, NULL));
    CHECK_OK(aa_lockout_find(c, VIEW("key"), &failures, &until_ms, NULL));
    CHECK_INT(failures, 0);
    CHECK_INT(until_ms, 0);
    CHECK_OK(aa_lockout_add(c, VIEW("key"), 1000, 9000, &failures, NULL));
    CHECK_INT(failures, 1);
}

#include "server/support_store.h"

STORE_TEST(signing_keys, keys_are_listed_newest_first)
{
    struct aa_signing_key old = {.kid = VIEW("old"),
                                 .alg = VIEW("ES256"),
                                 .private_sealed = key_of(1, 's'),
                                 .created_ms = 1,
                                 .not_before_ms = 10};
    struct aa_signing_key new_one = old;
    struct rows rows = {0};

    new_one.kid = VIEW("new");
    new_one.not_before_ms = 20;
    CHECK_OK(aa_signing_key_create(c, &old, NULL));
    CHECK_OK(aa_signing_key_create(c, &new_one, NULL));
    CHECK_ERR(aa_signing_key_create(c, &old, NULL), AA_ERR_CONFLICT);
    CHECK_OK(aa_signing_key_list(c, rows_note, &rows, NULL));
    CHECK_INT(rows.count, 2);
    CHECK_TEXT(rows.first[0], "new");
    CHECK_TEXT(rows.first[1], "old");
}

static enum aa_err check_key(void *ctx, const void *record, struct aa_error *err)
{
    const struct aa_signing_key *key = record;

    (void)ctx;
    (void)err;
    CHECK_VIEW(key->alg, "ES256");
    CHECK(aa_view_equal(key->private_sealed, key_of(1, 's')));
    CHECK_INT(key->created_ms, 1);
    CHECK_INT(key->not_before_ms, 10);
    CHECK_INT(key->retired_ms, 30);
    return AA_OK;
}

STORE_TEST(signing_keys, a_key_comes_back_as_it_was_put)
{
    struct aa_signing_key key = {.kid = VIEW("k"),
                                 .alg = VIEW("ES256"),
                                 .private_sealed = key_of(1, 's'),
                                 .created_ms = 1,
                                 .not_before_ms = 10,
                                 .retired_ms = 30};

    CHECK_OK(aa_signing_key_create(c, &key, NULL));
    CHECK_OK(aa_signing_key_list(c, check_key, NULL, NULL));
}

STORE_TEST(settings, a_setting_holds_bytes_and_is_replaced_or_made_once)
{
    char *memory = NULL;
    struct aa_view value;

    CHECK_ERR(aa_setting_get(c, VIEW("form"), &memory, &value, NULL), AA_ERR_NOT_FOUND);
    CHECK_OK(aa_setting_put_new(c, VIEW("form"), key_of(0, 'x'), NULL));
    CHECK_ERR(aa_setting_put_new(c, VIEW("form"), key_of(0, 'y'), NULL), AA_ERR_CONFLICT);
    CHECK_OK(aa_setting_get(c, VIEW("form"), &memory, &value, NULL));
    CHECK(aa_view_equal(value, key_of(0, 'x'))); /* begins with NUL bytes */
    aa_record_clear(&memory);
    CHECK_OK(aa_setting_put(c, VIEW("form"), key_of(0, 'z'), NULL));
    CHECK_OK(aa_setting_put(c, VIEW("other"), VIEW(""), NULL));
    CHECK_OK(aa_setting_get(c, VIEW("form"), &memory, &value, NULL));
    CHECK(aa_view_equal(value, key_of(0, 'z')));
    aa_record_clear(&memory);
    CHECK_OK(aa_setting_get(c, VIEW("other"), &memory, &value, NULL));
    CHECK_INT(value.len, 0);
    aa_record_clear(&memory);
}

STORE_TEST(lockouts, failures_are_counted_until_the_window_has_passed)
{
    int64_t failures = -1, until = -1;

    CHECK_OK(aa_lockout_find(c, key_of(0, 'k'), &failures, &until, NULL));
    CHECK_INT(failures, 0);
    CHECK_INT(until, 0);
    CHECK_OK(aa_lockout_add(c, key_of(0, 'k'), 1000, 2000, &failures, NULL));
    CHECK_INT(failures, 1);
    CHECK_OK(aa_lockout_add(c, key_of(0, 'k'), 1500, 2500, &failures, NULL));
    CHECK_INT(failures, 2);
    CHECK_OK(aa_lockout_add(c, key_of(0, 'k'), 2499, 3500, &failures, NULL)); /* the window slides */
    CHECK_INT(failures, 3);
    CHECK_OK(aa_lockout_add(c, key_of(0, 'k'), 3500, 4500, &failures, NULL));
    CHECK_INT(failures, 1);
    CHECK_OK(aa_lockout_add(c, key_of(0, 'o'), 3500, 4500, &failures, NULL)); /* another's count */
    CHECK_INT(failures, 1);
}

STORE_TEST(lockouts, a_lock_out_is_kept_through_further_failures_and_cleared)
{
    int64_t failures = 0, until = 0;

    CHECK_OK(aa_lockout_put(c, key_of(0, 'k'), 10, 9000, 20000, NULL));
    CHECK_OK(aa_lockout_find(c, key_of(0, 'k'), &failures, &until, NULL));
    CHECK_INT(failures, 10);
    CHECK_INT(until, 9000);
    CHECK_OK(aa_lockout_add(c, key_of(0, 'k'), 1000, 21000, &failures, NULL));
    CHECK_INT(failures, 11);
    CHECK_OK(aa_lockout_find(c, key_of(0, 'k'), &failures, &until, NULL));
    CHECK_INT(until, 9000);
    CHECK_OK(aa_lockout_clear(c, key_of(0, 'k'), NULL));
    CHECK_OK(aa_lockout_find(c, key_of(0, 'k'), &failures, &until, NULL));
    CHECK_INT(failures, 0);
    CHECK_INT(until, 0);
    CHECK_OK(aa_lockout_clear(c, key_of(0, 'k'), NULL));
}

static int64_t count_of(struct aa_conn *c, struct aa_view key)
{
    int64_t failures = -1, until;

    CHECK_OK(aa_lockout_find(c, key, &failures, &until, NULL));
    return failures;
}

STORE_TEST(lockouts, a_range_of_keys_is_cleared_with_both_its_ends)
{
    const char *const keys[] = {"ka", "kb", "kb\x01", "kb\x7f", "kb\xff", "kc"};
    const int64_t left[] = {1, 0, 0, 0, 0, 1};

    for (size_t i = 0; i < 6; i++)
        CHECK_OK(aa_lockout_put(c, VIEW(keys[i]), 1, 0, 9000, NULL));
    CHECK_OK(aa_lockout_clear_range(c, VIEW("kb"), VIEW("kb\xff"), NULL));
    for (size_t i = 0; i < 6; i++)
        CHECK_INT(count_of(c, VIEW(keys[i])), left[i]);
    CHECK_OK(aa_lockout_clear_range(c, VIEW("kb"), VIEW("kb\xff"), NULL)); /* none is fine */
}

#define HOUR_MS INT64_C(3600000)

static void put_everything(struct aa_conn *c, int64_t expires_ms, char letter)
{
    struct aa_session session = {
        .session_digest = key_of(1, letter), .user_id = VIEW("usr_1"), .expires_ms = expires_ms};
    struct aa_auth_request request = {.request_digest = key_of(1, letter),
                                      .browser_digest = VIEW("b"),
                                      .client_id = VIEW("cl_1"),
                                      .redirect_uri = VIEW("x"),
                                      .code_challenge = VIEW("y"),
                                      .server_id = VIEW("srv_1"),
                                      .expires_ms = expires_ms};
    struct aa_code code = sample_code(key_of(1, letter));
    struct aa_access_token access = sample_access(key_of(1, letter));
    struct aa_refresh_token refresh = sample_refresh(key_of(1, letter));
    char id[] = {'c', 'l', '_', letter, 0};
    struct aa_client client = sample_client(id);

    code.expires_ms = access.expires_ms = refresh.expires_ms = client.expires_ms = expires_ms;
    CHECK_OK(aa_session_create(c, &session, NULL));
    CHECK_OK(aa_auth_request_create(c, &request, NULL));
    CHECK_OK(aa_code_create(c, &code, NULL));
    CHECK_OK(aa_access_token_create(c, &access, NULL));
    CHECK_OK(aa_refresh_token_create(c, &refresh, NULL));
    CHECK_OK(aa_client_create(c, &client, NULL));
    CHECK_OK(aa_lockout_put(c, key_of(1, letter), 1, 0, expires_ms, NULL));
}

STORE_TEST(sweep, expired_rows_go_and_others_stay)
{
    struct aa_refresh_token refresh;
    struct aa_code code;
    struct aa_client client;
    struct aa_session session;
    int64_t removed = -1;

    CHECK_OK(store_people(c, NULL, NULL));
    CHECK_OK(aa_client_mark_used(c, VIEW("cl_1"), 1, NULL));
    put_everything(c, 2 * HOUR_MS, 'o');
    put_everything(c, 2 * HOUR_MS + 1, 'n');
    CHECK_OK(aa_store_sweep(c, 2 * HOUR_MS - 1, 100, &removed, NULL));
    CHECK_INT(removed, 0);
    CHECK_OK(aa_store_sweep(c, 2 * HOUR_MS, 100, &removed, NULL));
    CHECK_INT(removed, 6); /* a code stays for another hour, so that a replay still revokes what it issued */
    CHECK_OK(aa_code_find(c, key_of(1, 'o'), &code, NULL));
    aa_record_clear(&code.memory);
    CHECK_ERR(aa_session_find(c, key_of(1, 'o'), &session, NULL), AA_ERR_NOT_FOUND);
    CHECK_ERR(aa_client_find(c, VIEW("cl_o"), &client, NULL), AA_ERR_NOT_FOUND);
    CHECK_OK(aa_refresh_token_find(c, key_of(1, 'n'), &refresh, NULL));
    aa_record_clear(&refresh.memory);
    CHECK_OK(aa_client_find(c, VIEW("cl_n"), &client, NULL));
    aa_record_clear(&client.memory);
    CHECK_OK(aa_store_sweep(c, 3 * HOUR_MS, 100, &removed, NULL));
    CHECK_INT(removed, 7);
    CHECK_ERR(aa_code_find(c, key_of(1, 'o'), &code, NULL), AA_ERR_NOT_FOUND);
}

STORE_TEST(sweep, a_sweep_takes_no_more_than_it_may)
{
    int64_t removed = -1;

    CHECK_OK(store_people(c, NULL, NULL));
    put_everything(c, HOUR_MS, 'a');
    put_everything(c, HOUR_MS, 'b');
    CHECK_OK(aa_store_sweep(c, 9 * HOUR_MS, 5, &removed, NULL));
    CHECK_INT(removed, 5);
    CHECK_OK(aa_store_sweep(c, 9 * HOUR_MS, 100, &removed, NULL));
    CHECK_INT(removed, 10); /* the unused cl_1 of store_people too */
    CHECK_OK(aa_store_sweep(c, 9 * HOUR_MS, 100, &removed, NULL));
    CHECK_INT(removed, 0);
}

STORE_TEST(sweep, a_revoked_grant_stays_as_a_tombstone)
{
    struct aa_grant grant;
    int64_t removed;

    CHECK_OK(store_people(c, NULL, NULL));
    CHECK_OK(aa_grant_revoke(c, VIEW("gr_1"), 1, NULL));
    CHECK_OK(aa_store_sweep(c, INT64_MAX / 2, 1000, &removed, NULL));
    CHECK_OK(aa_grant_find(c, VIEW("gr_1"), &grant, NULL));
    CHECK_INT(grant.revoked_ms, 1);
    aa_record_clear(&grant.memory);
}

STORE_TEST(sweep, an_account_that_is_locked_out_stays_so)
{
    int64_t removed, failures, until;

    CHECK_OK(aa_lockout_put(c, key_of(0, 'k'), 10, 9000, 5000, NULL));
    CHECK_OK(aa_store_sweep(c, 8999, 100, &removed, NULL));
    CHECK_INT(removed, 0);
    CHECK_OK(aa_lockout_find(c, key_of(0, 'k'), &failures, &until, NULL));
    CHECK_INT(until, 9000);
    CHECK_OK(aa_store_sweep(c, 9000, 100, &removed, NULL));
    CHECK_INT(removed, 1);
}

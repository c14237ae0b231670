#include "server/support_store.h"

STORE_TEST(codes, a_code_is_found_as_it_was_put)
{
    struct aa_code code = sample_code(key_of(7, 'c')), found;

    CHECK_OK(store_people(c, NULL, NULL));
    CHECK_OK(aa_code_create(c, &code, NULL));
    CHECK_OK(aa_code_find(c, key_of(7, 'c'), &found, NULL));
    CHECK(aa_view_equal(found.code_key, key_of(7, 'c')));
    CHECK_VIEW(found.grant_id, "gr_1");
    CHECK_VIEW(found.client_id, "cl_1");
    CHECK_VIEW(found.redirect_uri, "http://localhost/callback");
    CHECK_VIEW(found.code_challenge, "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    CHECK_VIEW(found.scope, "files:read");
    CHECK_VIEW(found.server_id, "srv_1");
    CHECK_VIEW(found.user_id, "usr_1");
    CHECK(found.redirect_uri_sent);
    CHECK_INT(found.created_ms, 1000);
    CHECK_INT(found.expires_ms, 61000);
    CHECK_INT(found.redeemed_ms, 0);
    aa_record_clear(&found.memory);
    CHECK_ERR(aa_code_find(c, key_of(8, 'c'), &found, NULL), AA_ERR_NOT_FOUND);
    CHECK_ERR(aa_code_create(c, &code, NULL), AA_ERR_CONFLICT);
}

STORE_TEST(codes, a_code_is_redeemed_once_and_a_replay_learns_its_grant)
{
    struct aa_code code = sample_code(key_of(7, 'c')), found;
    bool won = false;

    CHECK_OK(store_people(c, NULL, NULL));
    CHECK_OK(aa_code_create(c, &code, NULL));
    CHECK_OK(aa_code_redeem(c, key_of(7, 'c'), 2000, &won, &found, NULL));
    CHECK(won);
    CHECK_VIEW(found.grant_id, "gr_1");
    CHECK_INT(found.redeemed_ms, 2000);
    aa_record_clear(&found.memory);
    CHECK_OK(aa_code_redeem(c, key_of(7, 'c'), 3000, &won, &found, NULL));
    CHECK(!won);
    CHECK_VIEW(found.grant_id, "gr_1");
    CHECK_INT(found.redeemed_ms, 2000);
    aa_record_clear(&found.memory);
    CHECK_ERR(aa_code_redeem(c, key_of(7, 'd'), 2000, &won, &found, NULL), AA_ERR_NOT_FOUND);
}

STORE_TEST(tokens, a_live_token_comes_with_its_person_client_and_what_decides_about_it)
{
    struct aa_access_token token = sample_access(key_of(7, 't'));
    struct aa_live_token live;

    CHECK_OK(store_people(c, NULL, NULL));
    CHECK_OK(aa_access_token_create(c, &token, NULL));
    CHECK_OK(aa_live_token_find(c, key_of(7, 't'), &live, NULL));
    CHECK_VIEW(live.jti, "jti-1");
    CHECK_VIEW(live.grant_id, "gr_1");
    CHECK_VIEW(live.client_id, "cl_1");
    CHECK_VIEW(live.user_id, "usr_1");
    CHECK_VIEW(live.server_id, "srv_1");
    CHECK_VIEW(live.scope, "files:read");
    CHECK_VIEW(live.audience, "https://one.example/mcp");
    CHECK_VIEW(live.email, "ann@example.com");
    CHECK_VIEW(live.name, "Ann Example");
    CHECK_INT(live.issued_ms, 1000);
    CHECK_INT(live.expires_ms, 3601000);
    CHECK_INT(live.token_revoked_ms, 0);
    CHECK_INT(live.grant_revoked_ms, 0);
    CHECK_INT(live.user_disabled_ms, 0);
    aa_record_clear(&live.memory);
    CHECK_ERR(aa_live_token_find(c, key_of(7, 'u'), &live, NULL), AA_ERR_NOT_FOUND);
    CHECK_ERR(aa_access_token_create(c, &token, NULL), AA_ERR_CONFLICT);
}

STORE_TEST(tokens, what_was_revoked_or_disabled_shows_in_the_live_token)
{
    struct aa_access_token token = sample_access(key_of(7, 't'));
    struct aa_live_token live;

    CHECK_OK(store_people(c, NULL, NULL));
    CHECK_OK(aa_access_token_create(c, &token, NULL));
    CHECK_OK(aa_access_token_revoke(c, key_of(7, 't'), 11, NULL));
    CHECK_OK(aa_access_token_revoke(c, key_of(7, 't'), 12, NULL));
    CHECK_OK(aa_grant_revoke(c, VIEW("gr_1"), 22, NULL));
    CHECK_OK(aa_user_set_disabled(c, VIEW("usr_1"), 33, NULL));
    CHECK_OK(aa_live_token_find(c, key_of(7, 't'), &live, NULL));
    CHECK_INT(live.token_revoked_ms, 11);
    CHECK_INT(live.grant_revoked_ms, 22);
    CHECK_INT(live.user_disabled_ms, 33);
    aa_record_clear(&live.memory);
    CHECK_ERR(aa_access_token_revoke(c, key_of(7, 'u'), 11, NULL), AA_ERR_NOT_FOUND);
}

STORE_TEST(tokens, a_token_without_its_server_is_nobodys)
{
    struct aa_access_token token = sample_access(key_of(7, 't'));
    struct aa_live_token live;

    CHECK_OK(store_people(c, NULL, NULL));
    CHECK_OK(aa_access_token_create(c, &token, NULL));
    CHECK_OK(aa_server_delete(c, VIEW("srv_1"), 50, NULL));
    CHECK_ERR(aa_live_token_find(c, key_of(7, 't'), &live, NULL), AA_ERR_NOT_FOUND);
}

STORE_TEST(tokens, a_token_without_its_client_is_nobodys)
{
    struct aa_access_token token = sample_access(key_of(7, 't'));
    struct aa_live_token live;

    CHECK_OK(store_people(c, NULL, NULL));
    CHECK_OK(aa_access_token_create(c, &token, NULL));
    CHECK_OK(aa_client_delete(c, VIEW("cl_1"), 50, NULL));
    CHECK_ERR(aa_live_token_find(c, key_of(7, 't'), &live, NULL), AA_ERR_NOT_FOUND);
}

static enum aa_err find_parties(struct aa_conn *c, const char *grant_id, const char *user_id, const char *client_id,
                                const char *server_id, struct aa_live_token *out)
{
    return aa_live_parties_find(c, VIEW(grant_id), VIEW(user_id), VIEW(client_id), VIEW(server_id), out, NULL);
}

STORE_TEST(tokens, what_came_from_a_grant_is_judged_by_all_four_who_take_part)
{
    struct aa_live_token found = {.expires_ms = 7, .token_revoked_ms = 8};

    CHECK_OK(store_people(c, NULL, NULL));
    CHECK_OK(find_parties(c, "gr_1", "usr_1", "cl_1", "srv_1", &found));
    CHECK_INT(found.grant_revoked_ms, 0);
    CHECK_INT(found.user_disabled_ms, 0);
    CHECK_OK(aa_grant_revoke(c, VIEW("gr_1"), 22, NULL));
    CHECK_OK(aa_user_set_disabled(c, VIEW("usr_1"), 33, NULL));
    CHECK_OK(find_parties(c, "gr_1", "usr_1", "cl_1", "srv_1", &found));
    CHECK_INT(found.grant_revoked_ms, 22);
    CHECK_INT(found.user_disabled_ms, 33);
    CHECK_INT(found.expires_ms, 7); /* the caller's */
    CHECK_INT(found.token_revoked_ms, 8);
    CHECK_ERR(find_parties(c, "gr_2", "usr_1", "cl_1", "srv_1", &found), AA_ERR_NOT_FOUND);
    CHECK_ERR(find_parties(c, "gr_1", "usr_2", "cl_1", "srv_1", &found), AA_ERR_NOT_FOUND);
    CHECK_ERR(find_parties(c, "gr_1", "usr_1", "cl_2", "srv_1", &found), AA_ERR_NOT_FOUND);
    CHECK_ERR(find_parties(c, "gr_1", "usr_1", "cl_1", "srv_2", &found), AA_ERR_NOT_FOUND);
}

STORE_TEST(tokens, tokens_and_codes_need_their_grant)
{
    struct aa_access_token access = sample_access(key_of(7, 'a'));
    struct aa_refresh_token refresh = sample_refresh(key_of(7, 'r'));
    struct aa_code code = sample_code(key_of(7, 'c'));

    CHECK_ERR(aa_access_token_create(c, &access, NULL), AA_ERR_NOT_FOUND);
    CHECK_ERR(aa_refresh_token_create(c, &refresh, NULL), AA_ERR_NOT_FOUND);
    CHECK_ERR(aa_code_create(c, &code, NULL), AA_ERR_NOT_FOUND);
}

STORE_TEST(refresh_tokens, a_refresh_token_rotates_once_and_the_late_one_sees_what_the_winner_left)
{
    struct aa_refresh_token token = sample_refresh(key_of(7, 'r')), found;
    bool won = false;

    CHECK_OK(store_people(c, NULL, NULL));
    CHECK_OK(aa_refresh_token_create(c, &token, NULL));
    CHECK_OK(aa_refresh_token_find(c, key_of(7, 'r'), &found, NULL));
    CHECK(aa_view_equal(found.token_key, key_of(7, 'r')));
    CHECK_VIEW(found.grant_id, "gr_1");
    CHECK_VIEW(found.client_id, "cl_1");
    CHECK_VIEW(found.user_id, "usr_1");
    CHECK_VIEW(found.server_id, "srv_1");
    CHECK_VIEW(found.scope, "files:read");
    CHECK(aa_view_is_absent(found.successor_sealed));
    CHECK_INT(found.issued_ms, 1000);
    CHECK_INT(found.expires_ms, 9000000);
    aa_record_clear(&found.memory);
    CHECK_OK(aa_refresh_token_rotate(c, key_of(7, 'r'), VIEW("first"), 2000, &won, &found, NULL));
    CHECK(won);
    CHECK_VIEW(found.successor_sealed, "first");
    CHECK_INT(found.rotated_ms, 2000);
    aa_record_clear(&found.memory);
    CHECK_OK(aa_refresh_token_rotate(c, key_of(7, 'r'), VIEW("second"), 3000, &won, &found, NULL));
    CHECK(!won);
    CHECK_VIEW(found.successor_sealed, "first");
    CHECK_INT(found.rotated_ms, 2000);
    aa_record_clear(&found.memory);
    CHECK_ERR(aa_refresh_token_rotate(c, key_of(7, 'x'), VIEW("s"), 1, &won, &found, NULL), AA_ERR_NOT_FOUND);
    CHECK_ERR(aa_refresh_token_create(c, &token, NULL), AA_ERR_CONFLICT);
}

STORE_TEST(refresh_tokens, a_revoked_refresh_token_never_rotates)
{
    struct aa_refresh_token token = sample_refresh(key_of(7, 'r')), found;
    bool won = true;

    CHECK_OK(store_people(c, NULL, NULL));
    CHECK_OK(aa_refresh_token_create(c, &token, NULL));
    CHECK_OK(aa_refresh_token_revoke(c, key_of(7, 'r'), 50, NULL));
    CHECK_OK(aa_refresh_token_revoke(c, key_of(7, 'r'), 60, NULL));
    CHECK_OK(aa_refresh_token_rotate(c, key_of(7, 'r'), VIEW("s"), 2000, &won, &found, NULL));
    CHECK(!won);
    CHECK_INT(found.revoked_ms, 50);
    CHECK_INT(found.rotated_ms, 0);
    CHECK(aa_view_is_absent(found.successor_sealed));
    aa_record_clear(&found.memory);
    CHECK_ERR(aa_refresh_token_revoke(c, key_of(7, 'x'), 50, NULL), AA_ERR_NOT_FOUND);
}

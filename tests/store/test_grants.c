#include <stdio.h>

#include "server/support_store.h"

static struct aa_auth_request request_of(struct aa_view digest)
{
    return (struct aa_auth_request){.request_digest = digest,
                                    .browser_digest = VIEW("browser"),
                                    .client_id = VIEW("cl_1"),
                                    .redirect_uri = VIEW("http://localhost:7000/callback"),
                                    .state = VIEW("xyz"),
                                    .code_challenge = VIEW("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"),
                                    .scope = VIEW("files:read"),
                                    .server_id = VIEW("srv_1"),
                                    .resource_sent = VIEW("https://One.example/mcp"),
                                    .redirect_uri_sent = true,
                                    .prompt_login = true,
                                    .created_ms = 1000,
                                    .expires_ms = 5000};
}

STORE_TEST(auth_requests, a_request_is_found_as_it_was_put)
{
    struct aa_auth_request request = request_of(key_of(0, 'r')), found;

    CHECK_OK(aa_auth_request_create(c, &request, NULL));
    CHECK_OK(aa_auth_request_find(c, key_of(0, 'r'), &found, NULL));
    CHECK(aa_view_equal(found.request_digest, key_of(0, 'r')));
    CHECK_VIEW(found.browser_digest, "browser");
    CHECK_VIEW(found.client_id, "cl_1");
    CHECK_VIEW(found.redirect_uri, "http://localhost:7000/callback");
    CHECK_VIEW(found.state, "xyz");
    CHECK_VIEW(found.code_challenge, "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    CHECK_VIEW(found.scope, "files:read");
    CHECK_VIEW(found.server_id, "srv_1");
    CHECK_VIEW(found.resource_sent, "https://One.example/mcp");
    CHECK(aa_view_is_absent(found.user_id));
    CHECK(found.redirect_uri_sent);
    CHECK(!found.prompt_consent);
    CHECK(found.prompt_login);
    CHECK(!found.prompt_none);
    CHECK_INT(found.created_ms, 1000);
    CHECK_INT(found.expires_ms, 5000);
    CHECK_INT(found.consumed_ms, 0);
    aa_record_clear(&found.memory);
    CHECK_ERR(aa_auth_request_find(c, key_of(0, 's'), &found, NULL), AA_ERR_NOT_FOUND);
    CHECK_ERR(aa_auth_request_create(c, &request, NULL), AA_ERR_CONFLICT);
}

STORE_TEST(auth_requests, a_request_is_consumed_by_the_first_who_tries)
{
    struct aa_auth_request request = request_of(key_of(0, 'r')), found;
    bool won = false;

    CHECK_OK(aa_auth_request_create(c, &request, NULL));
    CHECK_OK(aa_auth_request_consume(c, key_of(0, 'r'), 2000, &won, NULL));
    CHECK(won);
    CHECK_OK(aa_auth_request_consume(c, key_of(0, 'r'), 2000, &won, NULL));
    CHECK(!won);
    CHECK_OK(aa_auth_request_find(c, key_of(0, 'r'), &found, NULL));
    CHECK_INT(found.consumed_ms, 2000);
    aa_record_clear(&found.memory);
    won = true;
    CHECK_OK(aa_auth_request_consume(c, key_of(0, 's'), 2000, &won, NULL));
    CHECK(!won);
}

STORE_TEST(auth_requests, an_expired_request_is_consumed_by_nobody)
{
    struct aa_auth_request late = request_of(key_of(0, 'l')), just = request_of(key_of(0, 'j'));
    bool won = true;

    CHECK_OK(aa_auth_request_create(c, &late, NULL));
    CHECK_OK(aa_auth_request_create(c, &just, NULL));
    CHECK_OK(aa_auth_request_consume(c, key_of(0, 'l'), 5000, &won, NULL));
    CHECK(!won);
    CHECK_OK(aa_auth_request_consume(c, key_of(0, 'j'), 4999, &won, NULL));
    CHECK(won);
}

STORE_TEST(auth_requests, the_person_is_noted_until_the_request_is_consumed)
{
    struct aa_auth_request request = request_of(key_of(0, 'r')), found;
    bool won;

    CHECK_OK(aa_auth_request_create(c, &request, NULL));
    CHECK_OK(aa_auth_request_set_user(c, key_of(0, 'r'), VIEW("usr_1"), NULL));
    CHECK_OK(aa_auth_request_consume(c, key_of(0, 'r'), 2000, &won, NULL));
    CHECK_ERR(aa_auth_request_set_user(c, key_of(0, 'r'), VIEW("usr_2"), NULL), AA_ERR_NOT_FOUND);
    CHECK_OK(aa_auth_request_find(c, key_of(0, 'r'), &found, NULL));
    CHECK_VIEW(found.user_id, "usr_1");
    aa_record_clear(&found.memory);
}

static struct aa_consent consent_of(const char *redirect_uri, const char *scope)
{
    return (struct aa_consent){.user_id = VIEW("usr_1"),
                               .client_id = VIEW("cl_1"),
                               .server_id = VIEW("srv_1"),
                               .scope = VIEW(scope),
                               .redirect_uri = VIEW(redirect_uri),
                               .created_ms = 1000};
}

static enum aa_err find_consent(struct aa_conn *c, const char *redirect_uri, struct aa_consent *out)
{
    return aa_consent_find(c, VIEW("usr_1"), VIEW("cl_1"), VIEW("srv_1"), VIEW(redirect_uri), out, NULL);
}

STORE_TEST(consents, a_consent_is_for_one_person_client_server_and_redirect_uri)
{
    struct aa_consent consent = consent_of("http://localhost/a", "files:read"), found;

    CHECK_OK(store_people(c, NULL, NULL));
    CHECK_OK(aa_consent_put(c, &consent, NULL));
    CHECK_OK(find_consent(c, "http://localhost/a", &found));
    CHECK_VIEW(found.scope, "files:read");
    CHECK_VIEW(found.redirect_uri, "http://localhost/a");
    CHECK_INT(found.created_ms, 1000);
    aa_record_clear(&found.memory);
    CHECK_ERR(find_consent(c, "http://localhost/b", &found), AA_ERR_NOT_FOUND);
    CHECK_ERR(aa_consent_find(c, VIEW("usr_2"), VIEW("cl_1"), VIEW("srv_1"), VIEW("http://localhost/a"), &found, NULL),
              AA_ERR_NOT_FOUND);
    CHECK_ERR(aa_consent_find(c, VIEW("usr_1"), VIEW("cl_2"), VIEW("srv_1"), VIEW("http://localhost/a"), &found, NULL),
              AA_ERR_NOT_FOUND);
    CHECK_ERR(aa_consent_find(c, VIEW("usr_1"), VIEW("cl_1"), VIEW("srv_2"), VIEW("http://localhost/a"), &found, NULL),
              AA_ERR_NOT_FOUND);
}

STORE_TEST(consents, a_new_consent_replaces_the_old_one_also_when_that_was_revoked)
{
    struct aa_consent first = consent_of("http://localhost/a", "files:read files:write");
    struct aa_consent second = consent_of("http://localhost/a", "files:read"), found;

    CHECK_OK(store_people(c, NULL, NULL));
    CHECK_OK(aa_consent_put(c, &first, NULL));
    CHECK_OK(aa_consent_put(c, &second, NULL));
    CHECK_OK(find_consent(c, "http://localhost/a", &found));
    CHECK_VIEW(found.scope, "files:read");
    aa_record_clear(&found.memory);
    CHECK_OK(aa_grant_revoke_of_user(c, VIEW("usr_1"), 90, NULL));
    CHECK_ERR(find_consent(c, "http://localhost/a", &found), AA_ERR_NOT_FOUND);
    CHECK_OK(aa_consent_put(c, &second, NULL));
    CHECK_OK(find_consent(c, "http://localhost/a", &found));
    aa_record_clear(&found.memory);
}

STORE_TEST(grants, a_grant_is_found_as_it_was_put_and_stays_when_revoked)
{
    struct aa_grant found;

    CHECK_OK(store_people(c, NULL, NULL));
    CHECK_OK(aa_grant_find(c, VIEW("gr_1"), &found, NULL));
    CHECK_VIEW(found.grant_id, "gr_1");
    CHECK_VIEW(found.user_id, "usr_1");
    CHECK_VIEW(found.client_id, "cl_1");
    CHECK_VIEW(found.server_id, "srv_1");
    CHECK_VIEW(found.scope, "files:read");
    CHECK_INT(found.created_ms, 1000);
    CHECK_INT(found.revoked_ms, 0);
    aa_record_clear(&found.memory);
    CHECK_OK(aa_grant_revoke(c, VIEW("gr_1"), 50, NULL));
    CHECK_OK(aa_grant_revoke(c, VIEW("gr_1"), 60, NULL));
    CHECK_OK(aa_grant_find(c, VIEW("gr_1"), &found, NULL));
    CHECK_INT(found.revoked_ms, 50);
    aa_record_clear(&found.memory);
    CHECK_ERR(aa_grant_find(c, VIEW("gr_2"), &found, NULL), AA_ERR_NOT_FOUND);
    CHECK_ERR(aa_grant_revoke(c, VIEW("gr_2"), 60, NULL), AA_ERR_NOT_FOUND);
}

/* Re-authorizing or revoking one device of a shared client id does not log out the others. */
STORE_TEST(grants, revoking_one_grant_leaves_the_others_of_the_same_person_and_client)
{
    struct aa_grant second = sample_grant("gr_2"), found;

    CHECK_OK(store_people(c, NULL, NULL));
    CHECK_OK(aa_grant_create(c, &second, NULL));
    CHECK_OK(aa_grant_revoke(c, VIEW("gr_1"), 50, NULL));
    CHECK_OK(aa_grant_find(c, VIEW("gr_2"), &found, NULL));
    CHECK_INT(found.revoked_ms, 0);
    aa_record_clear(&found.memory);
}

STORE_TEST(grants, all_grants_of_a_person_are_revoked_and_listed)
{
    struct aa_user bob = sample_user("usr_2", "bob@example.com");
    struct aa_grant second = sample_grant("gr_2"), other = sample_grant("gr_3"), found;
    struct rows rows = {0};

    second.created_ms = 2000;
    other.user_id = VIEW("usr_2");
    CHECK_OK(store_people(c, NULL, NULL));
    CHECK_OK(aa_user_create(c, &bob, NULL));
    CHECK_OK(aa_grant_create(c, &second, NULL));
    CHECK_OK(aa_grant_create(c, &other, NULL));
    CHECK_OK(aa_grant_list(c, VIEW("usr_1"), rows_note, &rows, NULL));
    CHECK_INT(rows.count, 2);
    CHECK_TEXT(rows.first[0], "gr_2");
    CHECK_OK(aa_grant_revoke_of_user(c, VIEW("usr_1"), 70, NULL));
    CHECK_OK(aa_grant_find(c, VIEW("gr_2"), &found, NULL));
    CHECK_INT(found.revoked_ms, 70);
    aa_record_clear(&found.memory);
    CHECK_OK(aa_grant_find(c, VIEW("gr_3"), &found, NULL));
    CHECK_INT(found.revoked_ms, 0);
    aa_record_clear(&found.memory);
}

STORE_TEST(grants, a_grant_needs_its_person)
{
    struct aa_grant grant = sample_grant("gr_1");

    CHECK_ERR(aa_grant_create(c, &grant, NULL), AA_ERR_NOT_FOUND);
}

/* ---- what a person takes back ---- */

static void check_revoked(struct aa_conn *c, const char *grant_id, int64_t revoked_ms)
{
    struct aa_grant found;

    CHECK_OK(aa_grant_find(c, VIEW(grant_id), &found, NULL));
    CHECK_INT(found.revoked_ms, revoked_ms);
    aa_record_clear(&found.memory);
}

STORE_TEST(grants, a_person_takes_all_of_one_client_at_one_server_back_once)
{
    struct aa_user bob = sample_user("usr_2", "bob@example.com");
    struct aa_grant second = sample_grant("gr_2"), of_bob = sample_grant("gr_3"), of_client = sample_grant("gr_4");
    struct aa_grant of_server = sample_grant("gr_5");
    struct rows none = {0}, rows = {0}, again = {0};

    of_bob.user_id = VIEW("usr_2");
    of_client.client_id = VIEW("cl_2");
    of_server.server_id = VIEW("srv_2");
    CHECK_OK(store_people(c, NULL, NULL));
    CHECK_OK(aa_user_create(c, &bob, NULL));
    CHECK_OK(aa_grant_create(c, &second, NULL));
    CHECK_OK(aa_grant_create(c, &of_bob, NULL));
    CHECK_OK(aa_grant_create(c, &of_client, NULL));
    CHECK_OK(aa_grant_create(c, &of_server, NULL));
    CHECK_OK(aa_grant_revoke_at(c, VIEW("usr_3"), VIEW("cl_1"), VIEW("srv_1"), 50, rows_note, &none, NULL));
    CHECK_OK(aa_grant_revoke_at(c, VIEW("usr_1"), VIEW("cl_3"), VIEW("srv_1"), 50, rows_note, &none, NULL));
    CHECK_OK(aa_grant_revoke_at(c, VIEW("usr_1"), VIEW("cl_1"), VIEW("srv_3"), 50, rows_note, &none, NULL));
    CHECK_INT(none.count, 0);
    CHECK_OK(aa_grant_revoke_at(c, VIEW("usr_1"), VIEW("cl_1"), VIEW("srv_1"), 60, rows_note, &rows, NULL));
    CHECK_INT(rows.count, 2);
    CHECK_OK(aa_grant_revoke_at(c, VIEW("usr_1"), VIEW("cl_1"), VIEW("srv_1"), 70, rows_note, &again, NULL));
    CHECK_INT(again.count, 0);
    check_revoked(c, "gr_1", 60);
    check_revoked(c, "gr_2", 60);
    check_revoked(c, "gr_3", 0);
    check_revoked(c, "gr_4", 0);
    check_revoked(c, "gr_5", 0);
}

STORE_TEST(grants, the_last_use_only_moves_forward)
{
    struct aa_grant found;

    CHECK_OK(store_people(c, NULL, NULL));
    CHECK_OK(aa_grant_mark_used(c, VIEW("gr_1"), 3000, 2500, NULL));
    CHECK_OK(aa_grant_mark_used(c, VIEW("gr_1"), 3500, 3000, NULL)); /* since then it was */
    CHECK_OK(aa_grant_mark_used(c, VIEW("gr_2"), 4000, 4000, NULL)); /* none is fine */
    CHECK_OK(aa_grant_find(c, VIEW("gr_1"), &found, NULL));
    CHECK_INT(found.last_used_ms, 3000);
    aa_record_clear(&found.memory);
}

static void check_consent(struct aa_conn *c, const char *user_id, const char *client_id, const char *server_id,
                          enum aa_err wanted)
{
    struct aa_consent found = {0};

    CHECK_ERR(aa_consent_find(c, VIEW(user_id), VIEW(client_id), VIEW(server_id), VIEW("https://app.example/a"), &found,
                              NULL),
              wanted);
    aa_record_clear(&found.memory);
}

STORE_TEST(consents, those_of_one_client_at_one_server_are_withdrawn_whatever_the_redirect_uri)
{
    static const char *const others[][3] = {
        {"usr_2", "cl_1", "srv_1"}, {"usr_1", "cl_2", "srv_1"}, {"usr_1", "cl_1", "srv_2"}};
    struct aa_consent first = consent_of("https://app.example/a", "files:read");
    struct aa_consent second = consent_of("https://app.example/b", "files:read"), found;
    struct aa_user bob = sample_user("usr_2", "bob@example.com");
    int64_t revoked = -1;

    CHECK_OK(store_people(c, NULL, NULL));
    CHECK_OK(aa_user_create(c, &bob, NULL));
    CHECK_OK(aa_consent_put(c, &first, NULL));
    CHECK_OK(aa_consent_put(c, &second, NULL));
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        struct aa_consent other = first;

        other.user_id = VIEW(others[i][0]);
        other.client_id = VIEW(others[i][1]);
        other.server_id = VIEW(others[i][2]);
        CHECK_OK(aa_consent_put(c, &other, NULL));
    }
    CHECK_OK(aa_consent_revoke(c, VIEW("usr_1"), VIEW("cl_1"), VIEW("srv_1"), 90, &revoked, NULL));
    CHECK_INT(revoked, 2);
    CHECK_OK(aa_consent_revoke(c, VIEW("usr_1"), VIEW("cl_1"), VIEW("srv_1"), 95, &revoked, NULL));
    CHECK_INT(revoked, 0);
    check_consent(c, "usr_1", "cl_1", "srv_1", AA_ERR_NOT_FOUND);
    CHECK_ERR(find_consent(c, "https://app.example/b", &found), AA_ERR_NOT_FOUND);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        check_consent(c, others[i][0], others[i][1], others[i][2], AA_OK);
}

/* ---- what was allowed, with names ---- */

static enum aa_err note_access(void *ctx, const void *record, struct aa_error *err)
{
    const struct aa_named_access *access = record;
    char *out = ctx;

    (void)err;
    snprintf(out + strlen(out), 512 - strlen(out), "%.*s %.*s [%.*s] x%d %d-%d; ", AA_VIEW_ARGS(access->client_id),
             AA_VIEW_ARGS(access->server_id), AA_VIEW_ARGS(access->scope), (int)access->grants, (int)access->created_ms,
             (int)access->last_used_ms);
    return AA_OK;
}

/* Each row as "CLIENT SERVER [SCOPE] xGRANTS CREATED-USED; ". */
static void check_accesses(struct aa_conn *c, const char *user_id, const char *wanted)
{
    char found[512] = "";

    CHECK_OK(aa_named_access_list(c, VIEW(user_id), note_access, found, NULL));
    CHECK_TEXT(found, wanted);
}

static enum aa_err check_names(void *ctx, const void *record, struct aa_error *err)
{
    const struct aa_named_access *access = record;

    (void)err;
    CHECK_VIEW(access->client_name, "Client");
    CHECK_VIEW(access->client_source, "dcr");
    CHECK_VIEW(access->server_url, "https://one.example/mcp");
    CHECK(access->server_name.len > 0);
    ++*(int *)ctx;
    return AA_OK;
}

STORE_TEST(named_accesses, what_was_allowed_comes_with_the_names_of_its_client_and_server)
{
    struct aa_consent consent = consent_of("https://app.example/a", "files:read");
    int seen = 0;

    CHECK_OK(store_people(c, NULL, NULL));
    CHECK_OK(aa_consent_put(c, &consent, NULL));
    CHECK_OK(aa_named_access_list(c, VIEW("usr_1"), check_names, &seen, NULL));
    CHECK_INT(seen, 2);
}

STORE_TEST(named_accesses, grants_of_one_scope_are_one_row_and_so_are_consents)
{
    struct aa_grant second = sample_grant("gr_2"), wider = sample_grant("gr_3"), bare = sample_grant("gr_4");
    struct aa_consent first = consent_of("https://app.example/a", "files:read");
    struct aa_consent other = consent_of("https://app.example/b", "files:read");

    second.created_ms = 500;
    wider.scope = VIEW("files:write");
    wider.created_ms = 4000;
    bare.scope = AA_VIEW_ABSENT;
    bare.created_ms = 3000;
    other.created_ms = 2000;
    CHECK_OK(store_people(c, NULL, NULL));
    CHECK_OK(aa_grant_create(c, &second, NULL));
    CHECK_OK(aa_grant_create(c, &wider, NULL));
    CHECK_OK(aa_grant_create(c, &bare, NULL));
    CHECK_OK(aa_grant_mark_used(c, VIEW("gr_1"), 5000, 5000, NULL));
    CHECK_OK(aa_consent_put(c, &first, NULL));
    CHECK_OK(aa_consent_put(c, &other, NULL));
    check_accesses(c, "usr_1",
                   "cl_1 srv_1 [files:read] x2 500-5000; cl_1 srv_1 [files:write] x1 4000-0; "
                   "cl_1 srv_1 [] x1 3000-0; cl_1 srv_1 [files:read] x0 1000-0; ");
}

STORE_TEST(named_accesses, those_used_or_else_allowed_last_come_first)
{
    struct aa_client client = sample_client("cl_2");
    struct aa_grant second = sample_grant("gr_2"), again = sample_grant("gr_3");

    second.client_id = again.client_id = VIEW("cl_2");
    second.created_ms = 900;
    again.created_ms = 2000; /* never used: it stands where it was made */
    CHECK_OK(store_people(c, NULL, NULL));
    CHECK_OK(aa_client_create(c, &client, NULL));
    CHECK_OK(aa_grant_create(c, &second, NULL));
    check_accesses(c, "usr_1", "cl_1 srv_1 [files:read] x1 1000-0; cl_2 srv_1 [files:read] x1 900-0; ");
    CHECK_OK(aa_grant_create(c, &again, NULL));
    check_accesses(c, "usr_1", "cl_2 srv_1 [files:read] x2 900-0; cl_1 srv_1 [files:read] x1 1000-0; ");
    CHECK_OK(aa_grant_mark_used(c, VIEW("gr_1"), 3000, 3000, NULL));
    check_accesses(c, "usr_1", "cl_1 srv_1 [files:read] x1 1000-3000; cl_2 srv_1 [files:read] x2 900-0; ");
}

static void put_for(struct aa_conn *c, const char *user_id, const char *client_id, const char *server_id,
                    bool is_consent)
{
    struct aa_consent consent = consent_of("https://app.example/a", "files:read");
    struct aa_grant grant = sample_grant("gr_2");

    grant.user_id = consent.user_id = VIEW(user_id);
    grant.client_id = consent.client_id = VIEW(client_id);
    grant.server_id = consent.server_id = VIEW(server_id);
    if (is_consent)
        CHECK_OK(aa_consent_put(c, &consent, NULL));
    else
        CHECK_OK(aa_grant_create(c, &grant, NULL));
}

STORE_TEST(named_accesses, only_live_ones_of_that_person_are_listed)
{
    struct aa_user bob = sample_user("usr_2", "bob@example.com");
    struct aa_server server = sample_server("srv_2", "https://two.example/mcp");

    CHECK_OK(store_people(c, NULL, NULL));
    CHECK_OK(aa_user_create(c, &bob, NULL));
    CHECK_OK(aa_server_create(c, &server, NULL));
    put_for(c, "usr_2", "cl_1", "srv_1", false);
    put_for(c, "usr_1", "cl_gone", "srv_1", true);
    put_for(c, "usr_1", "cl_1", "srv_gone", true);
    put_for(c, "usr_1", "cl_1", "srv_2", true);
    check_accesses(c, "usr_1", "cl_1 srv_1 [files:read] x1 1000-0; cl_1 srv_2 [files:read] x0 1000-0; ");
    check_accesses(c, "usr_2", "cl_1 srv_1 [files:read] x1 1000-0; ");
    check_accesses(c, "usr_3", "");
    CHECK_OK(aa_grant_revoke(c, VIEW("gr_1"), 80, NULL));
    check_accesses(c, "usr_1", "cl_1 srv_2 [files:read] x0 1000-0; ");
    CHECK_OK(aa_server_delete(c, VIEW("srv_2"), 80, NULL));
    check_accesses(c, "usr_1", "");
    check_accesses(c, "usr_2", "cl_1 srv_1 [files:read] x1 1000-0; ");
    CHECK_OK(aa_client_delete(c, VIEW("cl_1"), 80, NULL));
    check_accesses(c, "usr_2", "");
}

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

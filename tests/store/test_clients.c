#include "server/support_store.h"

STORE_TEST(clients, a_client_is_found_by_id_and_by_fingerprint_as_it_was_put)
{
    struct aa_client client = sample_client("cl_1"), found;

    client.fingerprint = key_of(1, 'f');
    client.scope = VIEW("files:read");
    client.application_type = VIEW("native");
    client.client_uri = VIEW("https://client.example/");
    client.last_used_ms = 7;
    CHECK_OK(aa_client_create(c, &client, NULL));
    CHECK_OK(aa_client_find(c, VIEW("cl_1"), &found, NULL));
    CHECK_VIEW(found.client_id, "cl_1");
    CHECK_VIEW(found.client_name, "Client");
    CHECK_VIEW(found.redirect_uris, "[\"http://localhost/callback\"]");
    CHECK_VIEW(found.grant_types, "authorization_code refresh_token");
    CHECK_VIEW(found.scope, "files:read");
    CHECK_VIEW(found.application_type, "native");
    CHECK_VIEW(found.client_uri, "https://client.example/");
    CHECK_VIEW(found.source, "dcr");
    CHECK(aa_view_equal(found.fingerprint, key_of(1, 'f')));
    CHECK_INT(found.created_ms, 1000);
    CHECK_INT(found.last_used_ms, 7);
    CHECK_INT(found.expires_ms, 5000);
    aa_record_clear(&found.memory);
    CHECK_OK(aa_client_find_by_fingerprint(c, key_of(1, 'f'), &found, NULL));
    CHECK_VIEW(found.client_id, "cl_1");
    aa_record_clear(&found.memory);
    CHECK_ERR(aa_client_find(c, VIEW("cl_2"), &found, NULL), AA_ERR_NOT_FOUND);
    CHECK_ERR(aa_client_find_by_fingerprint(c, key_of(1, 'g'), &found, NULL), AA_ERR_NOT_FOUND);
}

STORE_TEST(clients, id_and_fingerprint_are_taken_once_and_clients_without_fingerprint_do_not_collide)
{
    struct aa_client first = sample_client("cl_1"), second = sample_client("cl_2");

    first.fingerprint = second.fingerprint = key_of(1, 'f');
    CHECK_OK(aa_client_create(c, &first, NULL));
    CHECK_ERR(aa_client_create(c, &second, NULL), AA_ERR_CONFLICT);
    second.fingerprint = AA_VIEW_ABSENT;
    CHECK_OK(aa_client_create(c, &second, NULL));
    CHECK_ERR(aa_client_create(c, &second, NULL), AA_ERR_CONFLICT);
    second.client_id = VIEW("cl_3");
    CHECK_OK(aa_client_create(c, &second, NULL));
}

static int64_t expiry_of(struct aa_conn *c, const char *client_id)
{
    struct aa_client found;
    int64_t expires_ms;

    CHECK_OK(aa_client_find(c, VIEW(client_id), &found, NULL));
    expires_ms = found.expires_ms;
    aa_record_clear(&found.memory);
    return expires_ms;
}

STORE_TEST(clients, a_used_client_never_expires_again)
{
    struct aa_client client = sample_client("cl_1"), found;

    CHECK_OK(aa_client_create(c, &client, NULL));
    CHECK_OK(aa_client_extend(c, VIEW("cl_1"), 8000, NULL));
    CHECK_INT(expiry_of(c, "cl_1"), 8000);
    CHECK_OK(aa_client_extend(c, VIEW("cl_1"), 6000, NULL)); /* never shortened */
    CHECK_INT(expiry_of(c, "cl_1"), 8000);
    CHECK_OK(aa_client_mark_used(c, VIEW("cl_1"), 4000, NULL));
    CHECK_INT(expiry_of(c, "cl_1"), 0);
    CHECK_OK(aa_client_extend(c, VIEW("cl_1"), 9000, NULL));
    CHECK_INT(expiry_of(c, "cl_1"), 0);
    CHECK_OK(aa_client_find(c, VIEW("cl_1"), &found, NULL));
    CHECK_INT(found.last_used_ms, 4000);
    aa_record_clear(&found.memory);
    CHECK_ERR(aa_client_mark_used(c, VIEW("cl_2"), 1, NULL), AA_ERR_NOT_FOUND);
}

STORE_TEST(clients, clients_are_counted_and_listed)
{
    struct aa_client first = sample_client("cl_1"), second = sample_client("cl_2");
    struct rows rows = {0};
    int64_t count = -1;

    CHECK_OK(aa_client_count(c, &count, NULL));
    CHECK_INT(count, 0);
    CHECK_OK(aa_client_create(c, &first, NULL));
    CHECK_OK(aa_client_create(c, &second, NULL));
    CHECK_OK(aa_client_count(c, &count, NULL));
    CHECK_INT(count, 2);
    CHECK_OK(aa_client_list(c, rows_note, &rows, NULL));
    CHECK_INT(rows.count, 2);
    CHECK_TEXT(rows.first[0], "cl_1");
}

STORE_TEST(clients, of_those_never_used_the_one_that_runs_out_first_is_evicted)
{
    struct aa_client used = sample_client("cl_1"), late = sample_client("cl_2"), soon = sample_client("cl_3"), found;
    bool made_room = false;

    used.expires_ms = 0;
    late.expires_ms = 9000;
    soon.expires_ms = 8000;
    CHECK_OK(aa_client_create(c, &used, NULL));
    CHECK_OK(aa_client_create(c, &late, NULL));
    CHECK_OK(aa_client_create(c, &soon, NULL));
    CHECK_OK(aa_client_evict(c, &made_room, NULL));
    CHECK(made_room);
    CHECK_ERR(aa_client_find(c, VIEW("cl_3"), &found, NULL), AA_ERR_NOT_FOUND);
    CHECK_INT(expiry_of(c, "cl_2"), 9000);
    CHECK_OK(aa_client_evict(c, &made_room, NULL));
    CHECK(made_room);
    CHECK_OK(aa_client_evict(c, &made_room, NULL));
    CHECK(!made_room);
    CHECK_INT(expiry_of(c, "cl_1"), 0);
}

/* A deleted grant must never widen access: it stays as a tombstone. */
STORE_TEST(clients, a_deleted_client_leaves_revoked_grants_and_no_consent)
{
    struct aa_consent consent = {.user_id = VIEW("usr_1"),
                                 .client_id = VIEW("cl_1"),
                                 .server_id = VIEW("srv_1"),
                                 .redirect_uri = VIEW("http://localhost/")};
    struct aa_consent found_consent;
    struct aa_client other = sample_client("cl_2"), found;
    struct aa_grant other_grant = sample_grant("gr_2"), grant;

    other_grant.client_id = VIEW("cl_2");
    CHECK_OK(store_people(c, NULL, NULL));
    CHECK_OK(aa_client_create(c, &other, NULL));
    CHECK_OK(aa_grant_create(c, &other_grant, NULL));
    CHECK_OK(aa_consent_put(c, &consent, NULL));
    CHECK_OK(aa_client_delete(c, VIEW("cl_1"), 99, NULL));
    CHECK_ERR(aa_client_find(c, VIEW("cl_1"), &found, NULL), AA_ERR_NOT_FOUND);
    CHECK_ERR(aa_consent_find(c, consent.user_id, consent.client_id, consent.server_id, consent.redirect_uri,
                              &found_consent, NULL),
              AA_ERR_NOT_FOUND);
    CHECK_OK(aa_grant_find(c, VIEW("gr_1"), &grant, NULL));
    CHECK_INT(grant.revoked_ms, 99);
    aa_record_clear(&grant.memory);
    CHECK_OK(aa_grant_find(c, VIEW("gr_2"), &grant, NULL));
    CHECK_INT(grant.revoked_ms, 0);
    aa_record_clear(&grant.memory);
    CHECK_ERR(aa_client_delete(c, VIEW("cl_1"), 99, NULL), AA_ERR_NOT_FOUND);
}

/* ---- those known by the URL of their metadata document ---- */

#define DOCUMENT "https://client.example/oauth/client.json"
#define KEYS "https://client.example/oauth/jwks.json"

static struct aa_client sample_document(void)
{
    struct aa_client client = sample_client(DOCUMENT);

    client.source = VIEW("cimd");
    client.fetched_ms = 1000;
    client.fresh_until_ms = 2000;
    client.auth_methods = VIEW("none private_key_jwt");
    client.jwks = VIEW("{\"keys\":[]}");
    client.jwks_uri = VIEW(KEYS);
    client.jwks_fetched_ms = 1100;
    client.jwks_asked_ms = 1200;
    return client;
}

static void check_document(struct aa_conn *c, const struct aa_client *wanted)
{
    struct aa_client found = {0};

    CHECK_OK(aa_client_find(c, VIEW(DOCUMENT), &found, NULL));
    CHECK(aa_view_equal(found.redirect_uris, wanted->redirect_uris));
    CHECK(aa_view_equal(found.grant_types, wanted->grant_types));
    CHECK_INT(found.created_ms, wanted->created_ms);
    CHECK_INT(found.last_used_ms, wanted->last_used_ms);
    CHECK_INT(found.expires_ms, wanted->expires_ms);
    CHECK_INT(found.fetched_ms, wanted->fetched_ms);
    CHECK_INT(found.fresh_until_ms, wanted->fresh_until_ms);
    CHECK(aa_view_equal(found.auth_methods, wanted->auth_methods));
    CHECK(aa_view_equal(found.jwks, wanted->jwks));
    CHECK(aa_view_equal(found.jwks_uri, wanted->jwks_uri));
    CHECK_INT(found.jwks_fetched_ms, wanted->jwks_fetched_ms);
    CHECK_INT(found.jwks_asked_ms, wanted->jwks_asked_ms);
    CHECK(aa_view_is_absent(found.client_name) == aa_view_is_absent(wanted->client_name));
    aa_record_clear(&found.memory);
}

STORE_TEST(clients, what_a_document_says_now_takes_the_place_of_what_it_said)
{
    struct aa_client client = sample_document();

    CHECK_OK(aa_client_put_document(c, &client, NULL));
    check_document(c, &client);
    client.client_name = AA_VIEW_ABSENT;
    client.redirect_uris = VIEW("[\"http://127.0.0.1/callback\"]");
    client.grant_types = VIEW("authorization_code");
    client.fetched_ms = 3000;
    client.fresh_until_ms = 4000;
    client.expires_ms = 9000;
    client.auth_methods = VIEW("private_key_jwt");
    client.jwks = VIEW("{\"keys\":[7]}");
    client.jwks_uri = AA_VIEW_ABSENT;
    client.jwks_fetched_ms = 3100;
    client.jwks_asked_ms = 3200;
    CHECK_OK(aa_client_put_document(c, &client, NULL));
    check_document(c, &client);
}

STORE_TEST(clients, a_document_that_changes_leaves_when_its_client_was_made_and_used)
{
    struct aa_client client = sample_document(), later;

    CHECK_OK(aa_client_put_document(c, &client, NULL));
    CHECK_OK(aa_client_mark_used(c, VIEW(DOCUMENT), 1500, NULL));
    later = client;
    later.created_ms = 7000;
    later.expires_ms = 8000;
    CHECK_OK(aa_client_put_document(c, &later, NULL));
    client.last_used_ms = 1500;
    client.expires_ms = 0;
    check_document(c, &client);
}

STORE_TEST(clients, a_document_does_not_take_the_place_of_a_client_that_came_otherwise)
{
    struct aa_client client = sample_client(DOCUMENT), document = sample_document();

    CHECK_OK(aa_client_create(c, &client, NULL));
    document.redirect_uris = VIEW("[\"https://other.example/\"]");
    CHECK_ERR(aa_client_put_document(c, &document, NULL), AA_ERR_CONFLICT);
    CHECK_OK(aa_client_keep_document(c, VIEW(DOCUMENT), 0, 2, NULL));
    CHECK_OK(aa_client_withdraw_document(c, VIEW(DOCUMENT), 9000, NULL));
    check_document(c, &client);
}

STORE_TEST(clients, of_two_answers_about_a_document_the_later_one_counts)
{
    struct aa_client client = sample_document(), older = sample_document();

    CHECK_OK(aa_client_put_document(c, &client, NULL));
    older.fetched_ms = 999;
    older.redirect_uris = VIEW("[\"https://older.example/\"]");
    CHECK_ERR(aa_client_put_document(c, &older, NULL), AA_ERR_CONFLICT);
    CHECK_OK(aa_client_withdraw_document(c, VIEW(DOCUMENT), 999, NULL));
    check_document(c, &client);
    CHECK_OK(aa_client_withdraw_document(c, VIEW(DOCUMENT), 1001, NULL));
    CHECK_ERR(aa_client_put_document(c, &client, NULL), AA_ERR_CONFLICT);
    client.fetched_ms = 1001;
    client.fresh_until_ms = -1;
    check_document(c, &client);
    client.fetched_ms = 1002;
    client.fresh_until_ms = 3000;
    CHECK_OK(aa_client_put_document(c, &client, NULL));
    check_document(c, &client);
}

STORE_TEST(clients, an_answer_of_a_clock_that_was_far_ahead_gives_way_to_any_other)
{
    struct aa_client client = sample_document(), ahead = sample_document();

    ahead.fetched_ms = client.fetched_ms + AA_CLIENT_CLOCKS_MS; /* as far as clocks may differ: it is the later one */
    CHECK_OK(aa_client_put_document(c, &ahead, NULL));
    CHECK_ERR(aa_client_put_document(c, &client, NULL), AA_ERR_CONFLICT);
    CHECK_OK(aa_client_withdraw_document(c, VIEW(DOCUMENT), client.fetched_ms, NULL));
    check_document(c, &ahead);
    ahead.fetched_ms++;
    CHECK_OK(aa_client_put_document(c, &ahead, NULL));
    CHECK_OK(aa_client_put_document(c, &client, NULL));
    check_document(c, &client);
    CHECK_OK(aa_client_put_document(c, &ahead, NULL));
    CHECK_OK(aa_client_withdraw_document(c, VIEW(DOCUMENT), client.fetched_ms, NULL));
    client.fresh_until_ms = -1;
    check_document(c, &client);
}

STORE_TEST(clients, holding_a_client_changes_nothing)
{
    struct aa_client client = sample_document();

    CHECK_ERR(aa_client_hold(c, VIEW(DOCUMENT), NULL), AA_ERR_NOT_FOUND);
    CHECK_OK(aa_client_put_document(c, &client, NULL));
    CHECK_OK(aa_client_hold(c, VIEW(DOCUMENT), NULL));
    check_document(c, &client);
}

STORE_TEST(clients, a_copy_is_kept_for_longer_only_while_it_is_the_one_that_was_looked_at)
{
    struct aa_client client = sample_document();

    CHECK_OK(aa_client_keep_document(c, VIEW(DOCUMENT), 1000, 6000, NULL));
    CHECK_OK(aa_client_put_document(c, &client, NULL));
    CHECK_OK(aa_client_keep_document(c, VIEW(DOCUMENT), 999, 5000, NULL));
    check_document(c, &client);
    CHECK_OK(aa_client_keep_document(c, VIEW(DOCUMENT), 1000, 6000, NULL));
    client.fresh_until_ms = 6000;
    check_document(c, &client);
    CHECK_OK(aa_client_withdraw_document(c, VIEW(DOCUMENT), 1000, NULL));
    CHECK_OK(aa_client_keep_document(c, VIEW(DOCUMENT), 1000, 7000, NULL)); /* gone is gone */
    client.fresh_until_ms = -1;
    check_document(c, &client);
}

/* ---- their keys, and what they signed ---- */

STORE_TEST(clients, who_may_ask_for_a_client_s_keys_is_one_alone)
{
    struct aa_client client = sample_document(), other = sample_client("cl_1");

    CHECK_ERR(aa_client_claim_keys(c, VIEW(DOCUMENT), 5000, 1200, NULL), AA_ERR_NOT_FOUND);
    CHECK_OK(aa_client_put_document(c, &client, NULL));
    CHECK_OK(aa_client_create(c, &other, NULL));
    CHECK_ERR(aa_client_claim_keys(c, VIEW("cl_1"), 5000, 1200, NULL), AA_ERR_NOT_FOUND);
    CHECK_ERR(aa_client_claim_keys(c, VIEW(DOCUMENT), 5000, 1199, NULL), AA_ERR_NOT_FOUND);
    check_document(c, &client);
    CHECK_OK(aa_client_claim_keys(c, VIEW(DOCUMENT), 5000, 1200, NULL));
    CHECK_ERR(aa_client_claim_keys(c, VIEW(DOCUMENT), 5000, 1200, NULL), AA_ERR_NOT_FOUND);
    client.jwks_asked_ms = 5000;
    check_document(c, &client);
}

STORE_TEST(clients, keys_are_put_where_they_were_asked_for)
{
    struct aa_client client = sample_document();

    CHECK_OK(aa_client_put_document(c, &client, NULL));
    CHECK_ERR(aa_client_put_keys(c, VIEW(DOCUMENT), VIEW(DOCUMENT), VIEW("{}"), 6000, NULL), AA_ERR_NOT_FOUND);
    CHECK_ERR(aa_client_put_keys(c, VIEW(KEYS), VIEW(KEYS), VIEW("{}"), 6000, NULL), AA_ERR_NOT_FOUND);
    check_document(c, &client);
    CHECK_OK(aa_client_put_keys(c, VIEW(DOCUMENT), VIEW(KEYS), VIEW("{}"), 6000, NULL));
    client.jwks = VIEW("{}");
    client.jwks_fetched_ms = 6000;
    check_document(c, &client);
    CHECK_ERR(aa_client_put_keys(c, VIEW(DOCUMENT), VIEW(KEYS), AA_VIEW_ABSENT, 5999, NULL), AA_ERR_NOT_FOUND);
    check_document(c, &client);
    CHECK_OK(aa_client_put_keys(c, VIEW(DOCUMENT), VIEW(KEYS), AA_VIEW_ABSENT, 6001, NULL));
    client.jwks = AA_VIEW_ABSENT;
    client.jwks_fetched_ms = 6001;
    check_document(c, &client);
    CHECK_OK(aa_client_put_keys(c, VIEW(DOCUMENT), VIEW(KEYS), VIEW("{}"), 6001 + 2 * AA_CLIENT_CLOCKS_MS, NULL));
    CHECK_OK(aa_client_put_keys(c, VIEW(DOCUMENT), VIEW(KEYS), AA_VIEW_ABSENT, 6001, NULL)); /* a clock was wrong */
    check_document(c, &client);
}

/* Between the two the client was asked for its keys at /token. */
STORE_TEST(clients, a_document_that_comes_late_does_not_bring_back_older_keys)
{
    struct aa_client client = sample_document(), later;

    client.jwks = VIEW("{\"old\":1}");
    client.jwks_fetched_ms = client.jwks_asked_ms = 1000;
    CHECK_OK(aa_client_put_document(c, &client, NULL));
    CHECK_OK(aa_client_put_keys(c, VIEW(DOCUMENT), VIEW(KEYS), VIEW("{\"new\":1}"), 3000, NULL));
    later = client;
    later.fetched_ms = later.jwks_fetched_ms = 2000;
    later.jwks_asked_ms = 0;
    CHECK_OK(aa_client_put_document(c, &later, NULL));
    later.jwks = VIEW("{\"new\":1}");
    later.jwks_fetched_ms = 3000;
    later.jwks_asked_ms = 1000;
    check_document(c, &later);
    later.fetched_ms = later.jwks_fetched_ms = 4000;
    later.jwks = VIEW("{\"newest\":1}");
    CHECK_OK(aa_client_put_document(c, &later, NULL));
    check_document(c, &later);
    later.jwks_uri = AA_VIEW_ABSENT; /* other keys altogether */
    later.jwks = AA_VIEW_ABSENT;
    later.jwks_fetched_ms = 1;
    CHECK_OK(aa_client_put_document(c, &later, NULL));
    check_document(c, &later);
}

STORE_TEST(clients, a_claim_on_keys_is_settled_by_whoever_has_it)
{
    struct aa_client client = sample_document();

    client.jwks_asked_ms = 1200;
    CHECK_OK(aa_client_put_document(c, &client, NULL));
    CHECK_OK(aa_client_claim_keys(c, VIEW(DOCUMENT), 5000, 1200, NULL));
    CHECK_OK(aa_client_settle_keys(c, VIEW(DOCUMENT), 4999, 1, NULL));
    client.jwks_asked_ms = 5000;
    check_document(c, &client);
    CHECK_OK(aa_client_settle_keys(c, VIEW(DOCUMENT), 5000, 1200, NULL));
    client.jwks_asked_ms = 1200;
    check_document(c, &client);
    CHECK_OK(aa_client_claim_keys(c, VIEW(DOCUMENT), 5000, 1200, NULL));
    CHECK_OK(aa_client_put_keys(c, VIEW(DOCUMENT), VIEW(KEYS), VIEW("{}"), 5000, NULL));
    CHECK_OK(aa_client_settle_keys(c, VIEW(DOCUMENT), 5000, 1200, NULL)); /* there were some */
    client.jwks = VIEW("{}");
    client.jwks_fetched_ms = client.jwks_asked_ms = 5000;
    check_document(c, &client);
    CHECK_OK(aa_client_claim_keys(c, VIEW(DOCUMENT), INT64_C(1900000000000), 5000, NULL));
    CHECK_OK(aa_client_claim_keys(c, VIEW(DOCUMENT), INT64_C(1800000000000), 5500, NULL)); /* a clock was wrong */
}

STORE_TEST(clients, an_assertion_is_used_once)
{
    struct aa_used_assertion first = {.assertion_digest = key_of(1, 'a'), .expires_ms = 1000};
    struct aa_used_assertion second = {.assertion_digest = key_of(1, 'b'), .expires_ms = 1000};

    CHECK_OK(aa_client_assertion_use(c, &first, NULL));
    first.expires_ms = 9000;
    CHECK_ERR(aa_client_assertion_use(c, &first, NULL), AA_ERR_CONFLICT);
    CHECK_OK(aa_client_assertion_use(c, &second, NULL));
}

#include "server/support_store.h"

STORE_TEST(servers, a_server_is_found_by_id_and_by_resource_as_it_was_put)
{
    struct aa_server server = sample_server("srv_1", "https://one.example/mcp"), found;

    server.default_scopes = VIEW("files:read");
    server.server_url = VIEW("https://ONE.example:443/mcp");
    CHECK_OK(aa_server_create(c, &server, NULL));
    CHECK_OK(aa_server_find(c, VIEW("srv_1"), &found, NULL));
    CHECK_VIEW(found.server_id, "srv_1");
    CHECK_VIEW(found.server_url, "https://ONE.example:443/mcp");
    CHECK_VIEW(found.resource_normal, "https://one.example/mcp");
    CHECK_VIEW(found.server_name, "Files");
    CHECK_VIEW(found.scopes, "files:read files:write");
    CHECK_VIEW(found.default_scopes, "files:read");
    CHECK(aa_view_is_absent(found.user_id));
    CHECK_INT(found.created_ms, 1000);
    CHECK_INT(found.updated_ms, 1000);
    aa_record_clear(&found.memory);
    CHECK_OK(aa_server_find_by_resource(c, VIEW("https://one.example/mcp"), &found, NULL));
    CHECK_VIEW(found.server_id, "srv_1");
    aa_record_clear(&found.memory);
    CHECK_ERR(aa_server_find(c, VIEW("srv_2"), &found, NULL), AA_ERR_NOT_FOUND);
    CHECK_ERR(aa_server_find_by_resource(c, VIEW("https://two.example/mcp"), &found, NULL), AA_ERR_NOT_FOUND);
}

STORE_TEST(servers, a_resource_is_registered_once)
{
    struct aa_server server = sample_server("srv_1", "https://one.example/mcp");
    struct aa_server again = sample_server("srv_2", "https://one.example/mcp");
    struct aa_server other = sample_server("srv_2", "https://two.example/mcp");

    CHECK_OK(aa_server_create(c, &server, NULL));
    CHECK_ERR(aa_server_create(c, &again, NULL), AA_ERR_CONFLICT);
    CHECK_OK(aa_server_create(c, &other, NULL));
}

STORE_TEST(servers, the_owner_must_exist)
{
    struct aa_user ann = sample_user("usr_1", "ann@example.com");
    struct aa_server server = sample_server("srv_1", "https://one.example/mcp"), found;

    server.user_id = VIEW("usr_1");
    CHECK_ERR(aa_server_create(c, &server, NULL), AA_ERR_NOT_FOUND);
    CHECK_OK(aa_user_create(c, &ann, NULL));
    CHECK_OK(aa_server_create(c, &server, NULL));
    CHECK_OK(aa_server_find(c, VIEW("srv_1"), &found, NULL));
    CHECK_VIEW(found.user_id, "usr_1");
    aa_record_clear(&found.memory);
}

STORE_TEST(servers, the_only_server_is_found_when_there_is_exactly_one)
{
    struct aa_server one = sample_server("srv_1", "https://one.example/mcp");
    struct aa_server two = sample_server("srv_2", "https://two.example/mcp"), found;

    CHECK_ERR(aa_server_find_only(c, &found, NULL), AA_ERR_NOT_FOUND);
    CHECK_OK(aa_server_create(c, &one, NULL));
    CHECK_OK(aa_server_find_only(c, &found, NULL));
    CHECK_VIEW(found.server_id, "srv_1");
    aa_record_clear(&found.memory);
    CHECK_OK(aa_server_create(c, &two, NULL));
    CHECK_ERR(aa_server_find_only(c, &found, NULL), AA_ERR_NOT_FOUND);
}

STORE_TEST(servers, an_update_changes_name_and_scopes_and_nothing_else)
{
    struct aa_server server = sample_server("srv_1", "https://one.example/mcp"), found;

    CHECK_OK(aa_server_create(c, &server, NULL));
    server.server_url = VIEW("https://evil.example/");
    server.resource_normal = VIEW("https://evil.example");
    server.server_name = VIEW("Documents");
    server.scopes = VIEW("docs:read");
    server.updated_ms = 2000;
    CHECK_OK(aa_server_update(c, &server, NULL));
    CHECK_OK(aa_server_find(c, VIEW("srv_1"), &found, NULL));
    CHECK_VIEW(found.server_url, "https://one.example/mcp");
    CHECK_VIEW(found.server_name, "Documents");
    CHECK_VIEW(found.scopes, "docs:read");
    CHECK_INT(found.created_ms, 1000);
    CHECK_INT(found.updated_ms, 2000);
    aa_record_clear(&found.memory);
    server.server_id = VIEW("srv_2");
    CHECK_ERR(aa_server_update(c, &server, NULL), AA_ERR_NOT_FOUND);
}

static struct aa_server_key key_for(const char *key_id, const char *server_id)
{
    return (struct aa_server_key){.key_id = VIEW(key_id),
                                  .server_id = VIEW(server_id),
                                  .name = VIEW("Production Key"),
                                  .secret_phc = VIEW("$pbkdf2-sha256$i=1$c2FsdA$aGFzaA"),
                                  .created_ms = 1000};
}

STORE_TEST(servers, a_key_is_found_by_id_as_it_was_put)
{
    struct aa_server server = sample_server("srv_1", "https://one.example/mcp");
    struct aa_server_key key = key_for("sk_1", "srv_1"), orphan = key_for("sk_2", "srv_2"), found;

    CHECK_OK(aa_server_create(c, &server, NULL));
    CHECK_OK(aa_server_key_create(c, &key, NULL));
    CHECK_OK(aa_server_key_find(c, VIEW("sk_1"), &found, NULL));
    CHECK_VIEW(found.key_id, "sk_1");
    CHECK_VIEW(found.server_id, "srv_1");
    CHECK_VIEW(found.name, "Production Key");
    CHECK_VIEW(found.secret_phc, "$pbkdf2-sha256$i=1$c2FsdA$aGFzaA");
    CHECK_INT(found.created_ms, 1000);
    CHECK_INT(found.revoked_ms, 0);
    CHECK_INT(found.last_used_ms, 0);
    aa_record_clear(&found.memory);
    CHECK_ERR(aa_server_key_find(c, VIEW("sk_2"), &found, NULL), AA_ERR_NOT_FOUND);
    CHECK_ERR(aa_server_key_create(c, &orphan, NULL), AA_ERR_NOT_FOUND);
    CHECK_ERR(aa_server_key_create(c, &key, NULL), AA_ERR_CONFLICT);
}

STORE_TEST(servers, a_key_is_revoked_once_and_only_through_its_own_server)
{
    struct aa_server one = sample_server("srv_1", "https://one.example/mcp");
    struct aa_server two = sample_server("srv_2", "https://two.example/mcp");
    struct aa_server_key key = key_for("sk_1", "srv_1"), found;

    CHECK_OK(aa_server_create(c, &one, NULL));
    CHECK_OK(aa_server_create(c, &two, NULL));
    CHECK_OK(aa_server_key_create(c, &key, NULL));
    CHECK_ERR(aa_server_key_revoke(c, VIEW("srv_2"), VIEW("sk_1"), 50, NULL), AA_ERR_NOT_FOUND);
    CHECK_OK(aa_server_key_find(c, VIEW("sk_1"), &found, NULL));
    CHECK_INT(found.revoked_ms, 0);
    aa_record_clear(&found.memory);
    CHECK_OK(aa_server_key_revoke(c, VIEW("srv_1"), VIEW("sk_1"), 60, NULL));
    CHECK_OK(aa_server_key_revoke(c, VIEW("srv_1"), VIEW("sk_1"), 70, NULL));
    CHECK_OK(aa_server_key_find(c, VIEW("sk_1"), &found, NULL));
    CHECK_INT(found.revoked_ms, 60);
    aa_record_clear(&found.memory);
    CHECK_ERR(aa_server_key_revoke(c, VIEW("srv_1"), VIEW("sk_9"), 80, NULL), AA_ERR_NOT_FOUND);
}

STORE_TEST(servers, the_last_use_of_a_key_only_moves_on)
{
    struct aa_server one = sample_server("srv_1", "https://one.example/mcp");
    struct aa_server_key key = key_for("sk_1", "srv_1"), found;

    CHECK_OK(aa_server_create(c, &one, NULL));
    CHECK_OK(aa_server_key_create(c, &key, NULL));
    CHECK_OK(aa_server_key_mark_used(c, VIEW("sk_1"), 90, NULL));
    CHECK_OK(aa_server_key_mark_used(c, VIEW("sk_1"), 80, NULL));
    CHECK_OK(aa_server_key_find(c, VIEW("sk_1"), &found, NULL));
    CHECK_INT(found.last_used_ms, 90);
    aa_record_clear(&found.memory);
}

STORE_TEST(servers, keys_and_servers_are_listed)
{
    struct aa_server one = sample_server("srv_1", "https://one.example/mcp");
    struct aa_server two = sample_server("srv_2", "https://two.example/mcp");
    struct aa_server_key a = key_for("sk_1", "srv_1"), b = key_for("sk_2", "srv_1"), other = key_for("sk_3", "srv_2");
    struct rows servers = {0}, keys = {0};

    CHECK_OK(aa_server_create(c, &one, NULL));
    CHECK_OK(aa_server_create(c, &two, NULL));
    CHECK_OK(aa_server_key_create(c, &a, NULL));
    CHECK_OK(aa_server_key_create(c, &b, NULL));
    CHECK_OK(aa_server_key_create(c, &other, NULL));
    CHECK_OK(aa_server_list(c, rows_note, &servers, NULL));
    CHECK_INT(servers.count, 2);
    CHECK_TEXT(servers.first[0], "srv_1");
    CHECK_OK(aa_server_key_list(c, VIEW("srv_1"), rows_note, &keys, NULL));
    CHECK_INT(keys.count, 2);
    CHECK_TEXT(keys.first[1], "sk_2");
}

STORE_TEST(servers, a_deleted_server_takes_its_keys_and_consents_along_and_leaves_revoked_grants)
{
    struct aa_server two = sample_server("srv_2", "https://two.example/mcp"), server;
    struct aa_server_key key = key_for("sk_1", "srv_1"), other_key = key_for("sk_2", "srv_2"), found_key;
    struct aa_consent consent = {.user_id = VIEW("usr_1"),
                                 .client_id = VIEW("cl_1"),
                                 .server_id = VIEW("srv_1"),
                                 .scope = VIEW("files:read"),
                                 .redirect_uri = VIEW("http://localhost/")};
    struct aa_consent found;
    struct aa_grant other = sample_grant("gr_2"), grant;

    other.server_id = VIEW("srv_2");
    CHECK_OK(store_people(c, NULL, NULL));
    CHECK_OK(aa_server_create(c, &two, NULL));
    CHECK_OK(aa_server_key_create(c, &key, NULL));
    CHECK_OK(aa_server_key_create(c, &other_key, NULL));
    CHECK_OK(aa_consent_put(c, &consent, NULL));
    CHECK_OK(aa_grant_create(c, &other, NULL));
    CHECK_OK(aa_server_delete(c, VIEW("srv_1"), 99, NULL));
    CHECK_ERR(aa_server_find(c, VIEW("srv_1"), &server, NULL), AA_ERR_NOT_FOUND);
    CHECK_ERR(aa_server_key_find(c, VIEW("sk_1"), &found_key, NULL), AA_ERR_NOT_FOUND);
    CHECK_ERR(
        aa_consent_find(c, consent.user_id, consent.client_id, consent.server_id, consent.redirect_uri, &found, NULL),
        AA_ERR_NOT_FOUND);
    CHECK_OK(aa_grant_find(c, VIEW("gr_1"), &grant, NULL));
    CHECK_INT(grant.revoked_ms, 99);
    aa_record_clear(&grant.memory);
    CHECK_OK(aa_server_key_find(c, VIEW("sk_2"), &found_key, NULL));
    aa_record_clear(&found_key.memory);
    CHECK_OK(aa_grant_find(c, VIEW("gr_2"), &grant, NULL));
    CHECK_INT(grant.revoked_ms, 0);
    aa_record_clear(&grant.memory);
    CHECK_ERR(aa_server_delete(c, VIEW("srv_1"), 100, NULL), AA_ERR_NOT_FOUND);
}

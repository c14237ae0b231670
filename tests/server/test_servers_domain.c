/* Which server a resource means, which scopes a request gets, and how a scope is said in words. */
#include "domain/servers.h"
#include "support_browser.h"

struct resolve {
    const char *resource;
    enum aa_err rc;
    struct aa_refused refused;
    char server_id[32];
};

static enum aa_err resolve_in_store(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    struct resolve *resolve = ctx;
    struct aa_server server = {0};

    resolve->rc = aa_server_resolve(conn, VIEW(resolve->resource), &server, &resolve->refused, err);
    if (!resolve->rc) {
        memcpy(resolve->server_id, server.server_id.data, server.server_id.len);
        aa_record_clear(&server.memory);
    }
    return AA_OK;
}

static struct resolve resolve_of(struct site *site, const char *resource)
{
    struct resolve resolve = {.resource = resource, .refused = AA_REFUSED_INIT};

    CHECK_OK(aa_db_read(site->f.app.db, resolve_in_store, &resolve, NULL));
    return resolve;
}

static void check_target(struct site *site, const char *resource)
{
    struct resolve resolve = resolve_of(site, resource);

    CHECK_OK(resolve.rc);
    CHECK_TEXT(resolve.server_id, site->server_id);
}

static void check_no_target(struct site *site, const char *resource)
{
    struct resolve resolve = resolve_of(site, resource);

    CHECK_ERR(resolve.rc, AA_ERR_REQUEST_MALFORMED);
    CHECK_INT(resolve.refused.error, AA_OAUTH_INVALID_TARGET);
}

TEST(servers_domain, a_resource_is_found_by_its_identity_whatever_its_spelling)
{
    struct site site;
    char overlong[3000];

    site_open(&site);
    check_target(&site, SERVER_URL);
    check_target(&site, "HTTPS://Files.Example/mcp");
    check_target(&site, "https://files.example:443/mcp");
    check_no_target(&site, "https://files.example/MCP");
    check_no_target(&site, "https://files.example/mcp/");
    check_no_target(&site, "https://files.example/mcp?x=1");
    check_no_target(&site, "https://files.example/mcp#x");
    check_no_target(&site, "http://files.example/mcp");
    check_no_target(&site, "https://files.example:8443/mcp");
    check_no_target(&site, "https://user@files.example/mcp");
    check_no_target(&site, "https://evil.example/mcp");
    check_no_target(&site, "files.example/mcp");
    check_no_target(&site, "");
    memset(overlong, 'a', sizeof overlong - 1);
    overlong[sizeof overlong - 1] = '\0';
    check_no_target(&site, overlong);
    site_close(&site);
}

TEST(servers_domain, a_slash_after_the_host_does_not_matter)
{
    struct site site;

    site_open(&site);
    site.server_id[0] = '\0';
    site_add_server(&site, "https://root.example", "a");
    check_target(&site, "https://root.example");
    check_target(&site, "https://root.example/");
    check_no_target(&site, "https://root.example//");
    site_close(&site);
}

TEST(servers_domain, without_a_resource_the_only_server_is_meant)
{
    struct site site;

    site_open(&site);
    check_target(&site, NULL);
    site_add_server(&site, "https://second.example", "a");
    check_no_target(&site, NULL);
    check_target(&site, SERVER_URL);
    site_close(&site);
}

TEST(servers_domain, at_the_token_endpoint_the_resource_must_be_the_same_or_unsaid)
{
    struct aa_server server = {.server_url = VIEW(SERVER_URL)};

    CHECK(aa_server_is_resource(&server, AA_VIEW_ABSENT));
    CHECK(aa_server_is_resource(&server, VIEW(SERVER_URL)));
    CHECK(aa_server_is_resource(&server, VIEW("https://FILES.example:443/mcp")));
    CHECK(!aa_server_is_resource(&server, VIEW("https://files.example/other")));
    CHECK(!aa_server_is_resource(&server, VIEW("")));
}

static void check_scopes(struct aa_server *server, const char *asked, const char *chosen)
{
    struct aa_refused refused = AA_REFUSED_INIT;
    struct aa_buf buf;

    aa_buf_init(&buf, AA_SCOPE_LEN_MAX);
    CHECK_OK(aa_server_choose_scopes(server, VIEW(asked), &buf, &refused, NULL));
    CHECK_TEXT(aa_buf_text(&buf), chosen);
    aa_buf_clear(&buf);
}

TEST(servers_domain, unknown_scopes_are_dropped_and_none_means_the_defaults)
{
    struct aa_server server = {.scopes = VIEW("files:read files:write notes:*"), .default_scopes = VIEW("files:read")};

    check_scopes(&server, "files:write", "files:write");
    check_scopes(&server, "files:write files:read", "files:write files:read");
    check_scopes(&server, "openid files:write offline_access", "files:write");
    check_scopes(&server, "notes:read", "notes:read");
    check_scopes(&server, "notes", "files:read");
    check_scopes(&server, "files:*", "files:read");
    check_scopes(&server, NULL, "files:read");
    check_scopes(&server, "", "files:read");
    check_scopes(&server, "openid", "files:read");
    server.default_scopes = AA_VIEW_ABSENT;
    check_scopes(&server, NULL, "files:read files:write notes:*");
    server.scopes = VIEW("");
    check_scopes(&server, "files:read", "");
    check_scopes(&server, NULL, "");
}

TEST(servers_domain, a_malformed_scope_is_refused)
{
    static const char *const bad[] = {"a\"b", "a\\b", "a\tb", "a\nb", "\xc3\xa9", "a\x7f"};
    struct aa_server server = {.scopes = VIEW("a")};
    size_t i;

    for (i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct aa_refused refused = AA_REFUSED_INIT;
        struct aa_buf buf;

        aa_buf_init(&buf, AA_SCOPE_LEN_MAX);
        CHECK_ERR(aa_server_choose_scopes(&server, VIEW(bad[i]), &buf, &refused, NULL), AA_ERR_REQUEST_MALFORMED);
        CHECK_INT(refused.error, AA_OAUTH_INVALID_SCOPE);
        CHECK_INT(buf.len, 0);
        aa_buf_clear(&buf);
    }
    check_scopes(&server, "a  a", "a");
}

TEST(servers_domain, scopes_are_said_in_words_where_their_names_tell)
{
    static const char *const said[][2] = {
        {"files:read", "Read files"},
        {"files:write", "Change files"},
        {"read:user_profile", "Read user profile"},
        {"notes:*", "Do everything with notes"},
        {"mail:send", "Send mail"},
        {"files:frobnicate", ""},
        {"admin", ""},
        {"a<b>:read", ""},
        {":read", ""},
        {"files:", ""},
    };
    size_t i;

    for (i = 0; i < sizeof said / sizeof *said; i++) {
        struct aa_buf buf;

        aa_buf_init(&buf, 256);
        aa_scope_add_words(&buf, VIEW(said[i][0]));
        CHECK_TEXT(aa_buf_text(&buf), said[i][1]);
        aa_buf_clear(&buf);
    }
}

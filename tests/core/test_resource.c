#include "oauth/resource.h"

#include "oauth/resource_metadata.h"
#include "support_memory.h"
#include "support_vectors.h"

#define TEXT_MAX 8192

static void run_check(const struct aa_json *one)
{
    check_code(one, "code", aa_resource_check(text_of(one, "text"), is_true(one, "allow_http"), NULL));
}

static void run_normal(const struct aa_json *one)
{
    struct aa_buf normal;

    aa_buf_init(&normal, TEXT_MAX);
    CHECK_OK(aa_resource_add_normal(&normal, text_of(one, "text"), NULL));
    check_text(one, "expected", aa_buf_view(&normal));
    aa_buf_clear(&normal);
}

/* The guard compares normal forms and the server compares spellings: they must agree. */
static bool has_one_normal_form(struct aa_view a, struct aa_view b)
{
    struct aa_buf normal_a;
    struct aa_buf normal_b;
    bool same;

    aa_buf_init(&normal_a, TEXT_MAX);
    aa_buf_init(&normal_b, TEXT_MAX);
    CHECK_OK(aa_resource_add_normal(&normal_a, a, NULL));
    CHECK_OK(aa_resource_add_normal(&normal_b, b, NULL));
    same = aa_view_equal(aa_buf_view(&normal_a), aa_buf_view(&normal_b));
    aa_buf_clear(&normal_a);
    aa_buf_clear(&normal_b);
    return same;
}

static void run_equal(const struct aa_json *one)
{
    struct aa_view a = text_of(one, "a");
    struct aa_view b = text_of(one, "b");

    check_bool(one, "expected", aa_resource_equal(a, b));
    check_bool(one, "expected", aa_resource_equal(b, a));
    check_bool(one, "expected", has_one_normal_form(a, b));
}

static void run_metadata(const struct aa_json *one)
{
    struct aa_view resource = text_of(one, "resource");
    struct aa_buf path;
    struct aa_buf url;

    aa_buf_init(&path, TEXT_MAX);
    aa_buf_init(&url, TEXT_MAX);
    check_code(one, "code", aa_resource_add_metadata_path(&path, resource, NULL));
    check_code(one, "code", aa_resource_add_metadata_url(&url, resource, NULL));
    if (!aa_view_is_absent(text_of(one, "path"))) {
        check_text(one, "path", aa_buf_view(&path));
        check_text(one, "url", aa_buf_view(&url));
    }
    aa_buf_clear(&path);
    aa_buf_clear(&url);
}

static void run_audience(const struct aa_json *one)
{
    check_bool(one, "expected", aa_audience_has(aa_json_get(one, "aud"), text_of(one, "resource")));
}

TEST(resource, identifiers_are_checked_as_the_shared_cases_say)
{
    replay_cases("resource.json", "check", run_check);
}

TEST(resource, spellings_are_compared_as_the_shared_cases_say)
{
    replay_cases("resource.json", "equal", run_equal);
}

TEST(resource, normal_forms_are_those_of_the_shared_cases)
{
    replay_cases("resource.json", "normal", run_normal);
}

TEST(resource, metadata_stands_where_the_shared_cases_say)
{
    replay_cases("resource.json", "metadata", run_metadata);
}

TEST(resource, audiences_are_matched_as_the_shared_cases_say)
{
    replay_cases("resource.json", "audience", run_audience);
}

TEST(resource, no_audience_at_all_is_nobody)
{
    CHECK(!aa_audience_has(NULL, VIEW("https://mcp.example.com")));
}

TEST(resource, a_normal_form_that_does_not_fit_is_an_error)
{
    struct aa_buf buf;

    aa_buf_init(&buf, 22);
    CHECK_ERR(aa_resource_add_normal(&buf, VIEW("https://mcp.example.com"), NULL), AA_ERR_TOO_LONG);
    aa_buf_clear(&buf);
    aa_buf_init(&buf, 23);
    CHECK_OK(aa_resource_add_normal(&buf, VIEW("https://mcp.example.com"), NULL));
    aa_buf_clear(&buf);
}

/* ---- the RFC 9728 document ---- */

static void check_document(const struct aa_resource_metadata *metadata, const char *wanted)
{
    struct aa_buf buf;

    aa_buf_init(&buf, TEXT_MAX);
    aa_resource_metadata_build(&buf, metadata);
    CHECK_OK(aa_buf_check(&buf, "the document", NULL));
    CHECK_VIEW(aa_buf_view(&buf), wanted);
    aa_buf_clear(&buf);
}

TEST(resource_metadata, holds_what_is_known_and_nothing_empty)
{
    struct aa_resource_metadata metadata = {
        .resource = AA_VIEW("https://MCP.example.com:443/"),
        .authorization_server = AA_VIEW("https://auth.example.com"),
    };

    check_document(&metadata, "{\"resource\":\"https://MCP.example.com:443/\",\"authorization_servers\":[\"https://"
                              "auth.example.com\"],\"bearer_methods_supported\":[\"header\"]}");
}

TEST(resource_metadata, lists_the_scopes_but_never_offline_access)
{
    struct aa_scopes scopes;
    struct aa_resource_metadata metadata = {
        .resource = AA_VIEW("https://a.example"),
        .authorization_server = AA_VIEW("https://b.example"),
        .resource_name = AA_VIEW("Files \"of\" Žofie"),
        .scopes = &scopes,
    };

    CHECK_OK(aa_scopes_parse(VIEW("offline_access a b"), &scopes, NULL));
    check_document(&metadata, "{\"resource\":\"https://a.example\",\"authorization_servers\":[\"https://b.example\"],"
                              "\"scopes_supported\":[\"a\",\"b\"],\"bearer_methods_supported\":[\"header\"],"
                              "\"resource_name\":\"Files \\\"of\\\" Žofie\"}");
    CHECK_OK(aa_scopes_parse(VIEW("offline_access"), &scopes, NULL));
    metadata.resource_name = AA_VIEW_ABSENT;
    check_document(&metadata, "{\"resource\":\"https://a.example\",\"authorization_servers\":[\"https://b.example\"],"
                              "\"bearer_methods_supported\":[\"header\"]}");
}

static enum aa_err build_everything(void *ctx)
{
    struct aa_view resource = VIEW("https://mcp.example.com:8443/a/long/path/that/makes/the/buffer/grow/once/more");
    struct aa_scopes scopes = {.len = 0};
    const struct aa_resource_metadata metadata = {
        .resource = resource, .authorization_server = AA_VIEW("https://b.example"), .scopes = &scopes};
    struct aa_buf buf;
    enum aa_err rc;

    (void)ctx;
    aa_buf_init(&buf, TEXT_MAX);
    rc = aa_resource_add_normal(&buf, resource, NULL);
    if (!rc)
        rc = aa_resource_add_metadata_path(&buf, resource, NULL);
    if (!rc)
        rc = aa_resource_add_metadata_url(&buf, resource, NULL);
    if (!rc) {
        aa_resource_metadata_build(&buf, &metadata);
        rc = aa_buf_check(&buf, "everything", NULL);
    }
    aa_buf_clear(&buf);
    return rc;
}

TEST(resource, running_out_of_memory_is_an_error)
{
    CHECK(check_each_allocation(build_everything, NULL) > 1);
}

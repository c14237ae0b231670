#include "oauth/as_metadata.h"

#include <stdio.h>

#include "support_memory.h"

#define ISSUER "https://auth.example.com"

static enum aa_err read(const char *text, const char *issuer, struct aa_as_metadata *out)
{
    struct aa_json *root;
    enum aa_err rc;

    CHECK_OK(aa_json_parse(VIEW(text), AA_AS_METADATA_MAX, &root, NULL));
    rc = aa_as_metadata_read(root, VIEW(issuer), out, NULL);
    aa_json_free(root);
    return rc;
}

static enum aa_err try(const char *text, const char *issuer)
{
    struct aa_as_metadata metadata;

    return read(text, issuer, &metadata);
}

TEST(as_metadata, every_address_is_read)
{
    const char *text =
        "{\"issuer\":\"" ISSUER "\",\"introspection_endpoint\":\"a\",\"jwks_uri\":\"b\",\"token_endpoint\":\"c\","
        "\"authorization_endpoint\":\"d\",\"revocation_endpoint\":\"e\",\"response_types_supported\":[\"code\"]}";
    struct aa_as_metadata metadata;
    struct aa_json *root;

    CHECK_OK(aa_json_parse(VIEW(text), AA_AS_METADATA_MAX, &root, NULL));
    CHECK_OK(aa_as_metadata_read(root, VIEW(ISSUER), &metadata, NULL));
    CHECK_VIEW(metadata.issuer, ISSUER);
    CHECK_VIEW(metadata.introspection_endpoint, "a");
    CHECK_VIEW(metadata.jwks_uri, "b");
    CHECK_VIEW(metadata.token_endpoint, "c");
    CHECK_VIEW(metadata.authorization_endpoint, "d");
    CHECK_VIEW(metadata.revocation_endpoint, "e");
    aa_json_free(root);
}

TEST(as_metadata, what_is_missing_is_absent)
{
    struct aa_as_metadata metadata = {.jwks_uri = AA_VIEW("left over")};

    CHECK_OK(read("{\"issuer\":\"" ISSUER "\"}", ISSUER, &metadata));
    CHECK(aa_view_is_absent(metadata.introspection_endpoint));
    CHECK(aa_view_is_absent(metadata.jwks_uri));
}

TEST(as_metadata, the_issuer_is_the_expected_one_byte_for_byte) /* RFC 8414 §3.3 */
{
    const char *text = "{\"issuer\":\"" ISSUER "\"}";

    CHECK_OK(try(text, ISSUER));
    CHECK_ERR(try(text, ISSUER "/"), AA_ERR_REMOTE_PROTOCOL);
    CHECK_ERR(try(text, "https://AUTH.example.com"), AA_ERR_REMOTE_PROTOCOL);
    CHECK_ERR(try(text, ISSUER ":443"), AA_ERR_REMOTE_PROTOCOL);
    CHECK_ERR(try(text, "https://evil.example.net"), AA_ERR_REMOTE_PROTOCOL);
    CHECK_ERR(try("{}", ISSUER), AA_ERR_REMOTE_PROTOCOL);
    CHECK_ERR(try("{\"issuer\":[\"" ISSUER "\"]}", ISSUER), AA_ERR_REMOTE_PROTOCOL);
    CHECK_ERR(try("[]", ISSUER), AA_ERR_REMOTE_PROTOCOL);
}

TEST(as_metadata, an_address_is_a_string_of_2048_bytes_at_most)
{
    char text[2400];
    int len;

    CHECK_ERR(try("{\"issuer\":\"" ISSUER "\",\"jwks_uri\":5}", ISSUER), AA_ERR_REMOTE_PROTOCOL);
    len = snprintf(text, sizeof text, "{\"issuer\":\"" ISSUER "\",\"jwks_uri\":\"%02048d\"}", 0);
    CHECK(len > 0);
    CHECK_OK(try(text, ISSUER));
    len = snprintf(text, sizeof text, "{\"issuer\":\"" ISSUER "\",\"jwks_uri\":\"%02049d\"}", 0);
    CHECK(len > 0);
    CHECK_ERR(try(text, ISSUER), AA_ERR_REMOTE_PROTOCOL);
}

/* ---- where it stands ---- */

/* NULL: there is no such form. */
static void check_url(const char *issuer, int nth, const char *wanted)
{
    struct aa_buf url;

    aa_buf_init(&url, 4096);
    CHECK(aa_as_metadata_add_url(&url, VIEW(issuer), nth) == (wanted != NULL));
    CHECK_VIEW(aa_buf_view(&url), wanted ? wanted : "");
    aa_buf_clear(&url);
}

TEST(as_metadata, an_issuer_without_path_has_two_addresses)
{
    check_url(ISSUER, 0, ISSUER "/.well-known/oauth-authorization-server");
    check_url(ISSUER, 1, ISSUER "/.well-known/openid-configuration");
    check_url(ISSUER, 2, NULL);
    check_url(ISSUER, 3, NULL);
    check_url(ISSUER, -1, NULL);
}

TEST(as_metadata, an_issuer_with_a_path_has_three)
{
    check_url(ISSUER "/tenant/a", 0, ISSUER "/.well-known/oauth-authorization-server/tenant/a");
    check_url(ISSUER "/tenant/a", 1, ISSUER "/.well-known/openid-configuration/tenant/a");
    check_url(ISSUER "/tenant/a", 2, ISSUER "/tenant/a/.well-known/openid-configuration");
    check_url(ISSUER "/tenant/a", 3, NULL);
}

TEST(as_metadata, a_slash_at_the_end_is_left_out)
{
    check_url(ISSUER "/", 0, ISSUER "/.well-known/oauth-authorization-server");
    check_url(ISSUER "/", 2, NULL);
    check_url(ISSUER "/a/", 0, ISSUER "/.well-known/oauth-authorization-server/a");
    check_url(ISSUER "/a/", 2, ISSUER "/a/.well-known/openid-configuration");
}

TEST(as_metadata, a_port_is_kept)
{
    check_url("http://localhost:8788", 0, "http://localhost:8788/.well-known/oauth-authorization-server");
}

TEST(as_metadata, what_is_no_url_has_no_address)
{
    check_url("auth.example.com", 0, NULL);
    check_url("", 0, NULL);
}

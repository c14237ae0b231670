/* The guard's options: each one wrong by itself beside one that is right, where they come from, and what messages say.
 */
#include "verify/options.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "support/test.h"
#include "verify/nearest.h"

#define CREDENTIALS "\"server_id\":\"srv_1\",\"api_key\":\"sk_verysecret\""

/* An environment that is an array of name, value, …, NULL. */
static const char *read_array(void *ctx, const char *name)
{
    const char *const *entry = ctx;

    for (; entry && *entry; entry += 2) {
        if (strcmp(*entry, name) == 0)
            return entry[1];
    }
    return NULL;
}

static enum aa_err read_with(const char *json, const char *const *environment, struct aa_options *options,
                             struct aa_error *err)
{
    return aa_options_read(VIEW(json), read_array, (void *)environment, options, err);
}

/* The credentials and one more member. */
static enum aa_err read_one(const char *member, struct aa_options *options, struct aa_error *err)
{
    char json[4096];

    snprintf(json, sizeof json, "{" CREDENTIALS ",%s}", member);
    return read_with(json, NULL, options, err);
}

static void check_wrong(const char *member, const char *named)
{
    struct aa_error err = AA_ERROR_INIT;
    struct aa_options options;

    CHECK_ERR(read_one(member, &options, &err), AA_ERR_OPTION_INVALID);
    if (!strstr(err.message, named))
        fail_msg("the message does not name %s: %s", named, err.message);
}

static void check_right(const char *member)
{
    struct aa_options options;

    CHECK_OK(read_one(member, &options, NULL));
    aa_options_clear(&options);
}

TEST(options, credentials_alone_are_enough_and_the_rest_has_defaults)
{
    struct aa_options options;

    CHECK_OK(read_with("{" CREDENTIALS "}", NULL, &options, NULL));
    CHECK_VIEW(options.server_id, "srv_1");
    CHECK_VIEW(options.auth_server, "http://localhost:8788");
    CHECK(aa_view_is_absent(options.resource));
    CHECK_INT(options.required_scopes.len, 0);
    CHECK_INT(options.public_path_count, 0);
    CHECK_INT(options.cache_ttl_ms, 60000);
    CHECK_INT(options.cache_size, 10000);
    CHECK_INT(options.connect_timeout_ms, 2000);
    CHECK_INT(options.timeout_ms, 5000);
    CHECK_INT(options.max_body, 4194304);
    CHECK_INT(options.mode, AA_MODE_INTROSPECTION);
    CHECK(options.check_audience);
    CHECK(aa_view_is_absent(options.proxy));
    aa_options_clear(&options);
}

TEST(options, a_null_member_is_an_absent_one)
{
    struct aa_options options;

    CHECK_OK(read_one("\"cache_ttl\":null,\"tools\":null,\"resource\":null", &options, NULL));
    CHECK_INT(options.cache_ttl_ms, 60000);
    aa_options_clear(&options);
}

TEST(options, all_of_them_given_right_are_taken)
{
    struct aa_options options;

    CHECK_OK(read_one("\"required_scopes\":[\"files:read\"],\"auth_server\":\"https://as.example/t1\","
                      "\"resource\":\"https://mcp.example/mcp\",\"public_paths\":[\"/\",\"/health\"],\"cache_ttl\":1.5,"
                      "\"cache_size\":5,\"tools\":{\"write\":[\"files:write\"],\"list\":[]},\"mode\":\"introspection\","
                      "\"introspection_endpoint\":\"https://as.example/in\",\"jwks_uri\":\"https://as.example/keys\","
                      "\"connect_timeout\":0.5,\"timeout\":3,\"max_body\":100,\"resource_name\":\"Files\","
                      "\"scopes_supported\":[\"files:read\",\"files:write\"],\"ca_file\":\"/etc/ca.pem\","
                      "\"check_audience\":false,\"proxy\":\"http://proxy.example:3128\"",
                      &options, NULL));
    CHECK_INT(options.required_scopes.len, 1);
    CHECK_VIEW(options.auth_server, "https://as.example/t1");
    CHECK_VIEW(options.resource, "https://mcp.example/mcp");
    CHECK_INT(options.public_path_count, 2);
    CHECK_INT(options.cache_ttl_ms, 1500);
    CHECK_INT(options.cache_size, 5);
    CHECK_INT(options.tool_count, 2);
    CHECK_VIEW(options.introspection_endpoint, "https://as.example/in");
    CHECK_VIEW(options.jwks_uri, "https://as.example/keys");
    CHECK_INT(options.connect_timeout_ms, 500);
    CHECK_INT(options.timeout_ms, 3000);
    CHECK_INT(options.max_body, 100);
    CHECK_VIEW(options.resource_name, "Files");
    CHECK_INT(options.scopes_supported.len, 2);
    CHECK_VIEW(options.ca_file, "/etc/ca.pem");
    CHECK(!options.check_audience);
    CHECK_VIEW(options.proxy, "http://proxy.example:3128");
    aa_options_clear(&options);
}

/* ---- one wrong at a time ---------------------------------------------------------------------------------------- */

TEST(options, a_text_must_be_a_string_that_is_not_empty)
{
    check_wrong("\"resource_name\":\"\"", "resource_name");
    check_wrong("\"resource_name\":7", "resource_name");
    check_wrong("\"ca_file\":[]", "ca_file");
    check_wrong("\"proxy\":true", "proxy");
    check_right("\"resource_name\":\"x\"");
}

TEST(options, a_text_of_4096_bytes_is_the_longest)
{
    char member[4200] = "\"resource_name\":\"";
    size_t start = strlen(member);

    memset(member + start, 'x', 4097);
    strcpy(member + start + 4097, "\"");
    CHECK_INT(strlen(member), start + 4098);
    {
        char json[4400];
        struct aa_options options;

        snprintf(json, sizeof json, "{" CREDENTIALS ",%s}", member);
        CHECK_ERR(read_with(json, NULL, &options, NULL), AA_ERR_OPTION_INVALID);
        strcpy(member + start + 4096, "\"");
        snprintf(json, sizeof json, "{" CREDENTIALS ",%s}", member);
        CHECK_OK(read_with(json, NULL, &options, NULL));
        aa_options_clear(&options);
    }
}

TEST(options, the_authorization_server_is_https_or_this_machine)
{
    check_wrong("\"auth_server\":\"http://as.example\"", "auth_server");
    check_wrong("\"auth_server\":\"ftp://localhost\"", "auth_server");
    check_wrong("\"auth_server\":\"as.example\"", "auth_server");
    check_wrong("\"auth_server\":\"https://user@as.example\"", "auth_server");
    check_wrong("\"auth_server\":\"https://as.example/#x\"", "auth_server");
    check_wrong("\"auth_server\":\"https://as.example/?x=1\"", "auth_server");
    check_wrong("\"auth_server\":\"\"", "auth_server");
    check_wrong("\"auth_server\":1", "auth_server");
    check_right("\"auth_server\":\"https://as.example\"");
    check_right("\"auth_server\":\"http://localhost:8788\"");
    check_right("\"auth_server\":\"http://127.0.0.1:1\"");
    check_right("\"auth_server\":\"http://[::1]:1/t\"");
}

TEST(options, endpoints_are_https_or_this_machine)
{
    check_wrong("\"introspection_endpoint\":\"http://as.example/in\"", "introspection_endpoint");
    check_wrong("\"jwks_uri\":\"http://as.example/keys\"", "jwks_uri");
    check_right("\"introspection_endpoint\":\"https://as.example/in?tenant=1\"");
    check_right("\"jwks_uri\":\"http://127.0.0.1:8/keys\"");
}

TEST(options, the_resource_is_an_absolute_url_without_fragment)
{
    check_wrong("\"resource\":\"/mcp\"", "resource");
    check_wrong("\"resource\":\"https://mcp.example/mcp#x\"", "resource");
    check_wrong("\"resource\":\"http://mcp.example/mcp\"", "resource");
    check_right("\"resource\":\"https://mcp.example/mcp\"");
    check_right("\"resource\":\"http://localhost:8001/mcp\"");
}

TEST(options, scopes_are_lists_of_scope_tokens)
{
    check_wrong("\"required_scopes\":\"files:read\"", "required_scopes");
    check_wrong("\"required_scopes\":[\"files read\"]", "required_scopes");
    check_wrong("\"required_scopes\":[\"\"]", "required_scopes");
    check_wrong("\"required_scopes\":[1]", "required_scopes");
    check_wrong("\"required_scopes\":[\"quote\\\"\"]", "required_scopes");
    check_wrong("\"scopes_supported\":[\"a\\\\b\"]", "scopes_supported");
    check_right("\"required_scopes\":[]");
    check_right("\"required_scopes\":[\"files:read\",\"files:read\"]");
}

TEST(options, sixty_four_scopes_are_the_most)
{
    char member[2048] = "\"required_scopes\":[\"s0\"";
    size_t len = strlen(member);

    for (int i = 1; i < 64; i++)
        len += (size_t)snprintf(member + len, sizeof member - len, ",\"s%d\"", i);
    snprintf(member + len, sizeof member - len, "]");
    check_right(member);
    snprintf(member + len, sizeof member - len, ",\"s64\"]");
    check_wrong(member, "required_scopes");
}

TEST(options, public_paths_begin_with_a_slash)
{
    check_wrong("\"public_paths\":[\"health\"]", "public_paths");
    check_wrong("\"public_paths\":[\"\"]", "public_paths");
    check_wrong("\"public_paths\":\"/health\"", "public_paths");
    check_wrong("\"public_paths\":[null]", "public_paths");
    check_right("\"public_paths\":[\"/health\"]");
}

TEST(options, numbers_have_both_ends)
{
    check_wrong("\"cache_ttl\":-1", "cache_ttl");
    check_wrong("\"cache_ttl\":3600.1", "cache_ttl");
    check_wrong("\"cache_ttl\":\"60\"", "cache_ttl");
    check_right("\"cache_ttl\":0");
    check_right("\"cache_ttl\":3600");
    check_wrong("\"cache_size\":0", "cache_size");
    check_wrong("\"cache_size\":1.5", "cache_size");
    check_wrong("\"cache_size\":10000001", "cache_size");
    check_right("\"cache_size\":1");
    check_right("\"cache_size\":10000000");
    check_wrong("\"connect_timeout\":0", "connect_timeout");
    check_wrong("\"connect_timeout\":60.1", "connect_timeout");
    check_right("\"connect_timeout\":0.01");
    check_wrong("\"timeout\":0", "timeout");
    check_wrong("\"timeout\":121", "timeout");
    check_right("\"timeout\":120");
    check_wrong("\"max_body\":0", "max_body");
    check_wrong("\"max_body\":1e300", "max_body");
    check_right("\"max_body\":1");
}

TEST(options, a_switch_is_true_or_false)
{
    check_wrong("\"check_audience\":\"false\"", "check_audience");
    check_wrong("\"check_audience\":0", "check_audience");
    check_right("\"check_audience\":true");
}

TEST(options, there_are_two_modes)
{
    check_wrong("\"mode\":\"JWT\"", "mode");
    check_wrong("\"mode\":1", "mode");
    check_right("\"mode\":\"jwt\"");
}

TEST(options, tools_map_names_to_lists_of_scopes)
{
    check_wrong("\"tools\":[]", "tools");
    check_wrong("\"tools\":{\"write\":\"files:write\"}", "tools");
    check_wrong("\"tools\":{\"write\":[1]}", "tools");
    check_wrong("\"tools\":{\"write\":[\"a b\"]}", "tools");
    check_right("\"tools\":{}");
}

TEST(options, what_is_no_object_is_refused)
{
    struct aa_options options;

    CHECK_ERR(read_with("[]", NULL, &options, NULL), AA_ERR_OPTION_INVALID);
    CHECK_ERR(read_with("", NULL, &options, NULL), AA_ERR_OPTION_INVALID);
    CHECK_ERR(read_with("{\"mode\":\"jwt\",\"mode\":\"introspection\"}", NULL, &options, NULL), AA_ERR_OPTION_INVALID);
}

/* ---- missing ---------------------------------------------------------------------------------------------------- */

static void check_missing(const char *json, const char *named)
{
    struct aa_error err = AA_ERROR_INIT;
    struct aa_options options;

    CHECK_ERR(read_with(json, NULL, &options, &err), AA_ERR_OPTION_MISSING);
    if (!strstr(err.message, named))
        fail_msg("the message does not name %s: %s", named, err.message);
}

TEST(options, introspection_needs_both_credentials)
{
    check_missing("{\"server_id\":\"srv_1\"}", "api_key");
    check_missing("{\"api_key\":\"sk_1\"}", "server_id");
}

TEST(options, mode_jwt_needs_credentials_only_to_learn_the_resource)
{
    struct aa_options options;

    check_missing("{\"mode\":\"jwt\"}", "server_id");
    CHECK_OK(read_with("{\"mode\":\"jwt\",\"resource\":\"https://mcp.example\"}", NULL, &options, NULL));
    aa_options_clear(&options);
}

/* ---- names ------------------------------------------------------------------------------------------------------ */

static void check_suggests(const char *member, const char *nearest)
{
    struct aa_error err = AA_ERROR_INIT;
    struct aa_options options;
    char wanted[64];

    CHECK_ERR(read_one(member, &options, &err), AA_ERR_OPTION_UNKNOWN);
    snprintf(wanted, sizeof wanted, "did you mean %s?", nearest);
    if (!strstr(err.message, wanted))
        fail_msg("not \"%s\": %s", wanted, err.message);
}

TEST(options, an_unknown_one_is_refused_with_the_nearest_name)
{
    check_suggests("\"required_scope\":[]", "required_scopes");
    check_suggests("\"requiredScopes\":[]", "required_scopes");
    check_suggests("\"cache_tll\":1", "cache_ttl");
    check_suggests("\"auth_servr\":\"x\"", "auth_server");
    check_suggests("\"Mode\":\"jwt\"", "mode");
}

TEST(options, an_unknown_name_that_is_no_text_is_not_repeated)
{
    struct aa_error err = AA_ERROR_INIT;
    struct aa_options options;

    CHECK_ERR(read_one("\"a\\nb\":1", &options, &err), AA_ERR_OPTION_UNKNOWN);
    CHECK(!strchr(err.message, '\n'));
}

TEST(options, edit_distance_counts_insertions_deletions_and_replacements_without_case)
{
    CHECK_INT(aa_edit_distance(VIEW("mode"), VIEW("mode")), 0);
    CHECK_INT(aa_edit_distance(VIEW("Mode"), VIEW("mOde")), 0);
    CHECK_INT(aa_edit_distance(VIEW("mode"), VIEW("node")), 1);
    CHECK_INT(aa_edit_distance(VIEW("mode"), VIEW("modes")), 1);
    CHECK_INT(aa_edit_distance(VIEW("mode"), VIEW("")), 4);
    CHECK_INT(aa_edit_distance(VIEW("kitten"), VIEW("sitting")), 3);
}

/* ---- secrets ---------------------------------------------------------------------------------------------------- */

TEST(options, the_key_stands_in_no_message)
{
    static const char *const wrong[] = {"\"tols\":{}", "\"mode\":\"x\"", "\"cache_ttl\":\"x\"",
                                        "\"auth_server\":\"x\""};

    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct aa_error err = AA_ERROR_INIT;
        struct aa_options options;

        CHECK(read_one(wrong[i], &options, &err) != AA_OK);
        CHECK(err.message[0] != '\0');
        CHECK(!strstr(err.message, "verysecret"));
    }
}

TEST(options, a_wrong_key_is_named_and_not_shown)
{
    struct aa_error err = AA_ERROR_INIT;
    struct aa_options options;

    CHECK_ERR(read_with("{\"server_id\":\"srv_1\",\"api_key\":[\"sk_verysecret\"]}", NULL, &options, &err),
              AA_ERR_OPTION_INVALID);
    CHECK(strstr(err.message, "api_key"));
    CHECK(!strstr(err.message, "verysecret"));
}

/* ---- the environment -------------------------------------------------------------------------------------------- */

TEST(options, what_is_not_given_comes_from_the_environment)
{
    static const char *const environment[] = {"AUTH_AGENT_SERVER_ID",
                                              "srv_env",
                                              "AUTH_AGENT_API_KEY",
                                              "sk_env",
                                              "AUTH_AGENT_REQUIRED_SCOPES",
                                              "files:read, files:write  mail:read",
                                              "AUTH_AGENT_AUTH_SERVER",
                                              "https://as.example",
                                              "AUTH_AGENT_PUBLIC_PATHS",
                                              "/health,/",
                                              "AUTH_AGENT_CACHE_TTL",
                                              "2.5",
                                              "AUTH_AGENT_CACHE_SIZE",
                                              "77",
                                              "AUTH_AGENT_TOOLS",
                                              "{\"write\":[\"files:delete\"]}",
                                              "AUTH_AGENT_CHECK_AUDIENCE",
                                              "False",
                                              "AUTH_AGENT_MODE",
                                              "jwt",
                                              NULL};
    struct aa_options options;

    CHECK_OK(read_with("{}", environment, &options, NULL));
    CHECK_VIEW(options.server_id, "srv_env");
    CHECK_VIEW(options.api_key, "sk_env");
    CHECK_INT(options.required_scopes.len, 3);
    CHECK_VIEW(options.required_scopes.items[2], "mail:read");
    CHECK_VIEW(options.auth_server, "https://as.example");
    CHECK_INT(options.public_path_count, 2);
    CHECK_INT(options.cache_ttl_ms, 2500);
    CHECK_INT(options.cache_size, 77);
    CHECK_INT(options.tool_count, 1);
    CHECK(!options.check_audience);
    CHECK_INT(options.mode, AA_MODE_JWT);
    aa_options_clear(&options);
}

TEST(options, what_is_given_wins_over_the_environment)
{
    static const char *const environment[] = {"AUTH_AGENT_SERVER_ID", "srv_env", "AUTH_AGENT_CACHE_TTL", "5", NULL};
    struct aa_options options;

    CHECK_OK(read_with("{" CREDENTIALS ",\"cache_ttl\":7}", environment, &options, NULL));
    CHECK_VIEW(options.server_id, "srv_1");
    CHECK_INT(options.cache_ttl_ms, 7000);
    aa_options_clear(&options);
}

TEST(options, an_empty_variable_is_an_unset_one)
{
    static const char *const environment[] = {"AUTH_AGENT_CACHE_TTL", "", NULL};
    struct aa_options options;

    CHECK_OK(read_with("{" CREDENTIALS "}", environment, &options, NULL));
    CHECK_INT(options.cache_ttl_ms, 60000);
    aa_options_clear(&options);
}

static void check_environment(const char *name, const char *value, enum aa_err wanted)
{
    const char *const environment[] = {name, value, NULL};
    struct aa_error err = AA_ERROR_INIT;
    struct aa_options options;

    CHECK_ERR(read_with("{" CREDENTIALS "}", environment, &options, &err), wanted);
    if (!wanted)
        aa_options_clear(&options);
}

TEST(options, variables_are_checked_like_members)
{
    static const char *const numbers[] = {"x", "-1", "1e3", "inf", "nan", "0x10", "1.2.3", ".5", "1,5", " 1", "3601"};

    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        check_environment("AUTH_AGENT_CACHE_TTL", numbers[i], AA_ERR_OPTION_INVALID);
    check_environment("AUTH_AGENT_CACHE_TTL", "0", AA_OK);
    check_environment("AUTH_AGENT_CACHE_TTL", "0.25", AA_OK);
    check_environment("AUTH_AGENT_CHECK_AUDIENCE", "yes", AA_ERR_OPTION_INVALID);
    check_environment("AUTH_AGENT_CHECK_AUDIENCE", "1", AA_OK);
    check_environment("AUTH_AGENT_TOOLS", "write", AA_ERR_OPTION_INVALID);
    check_environment("AUTH_AGENT_TOOLS", "[]", AA_ERR_OPTION_INVALID);
    check_environment("AUTH_AGENT_PUBLIC_PATHS", "health", AA_ERR_OPTION_INVALID);
    check_environment("AUTH_AGENT_AUTH_SERVER", "http://as.example", AA_ERR_OPTION_INVALID);
    check_environment("AUTH_AGENT_MODE", "off", AA_ERR_OPTION_INVALID);
}

/* ---- what is made of them --------------------------------------------------------------------------------------- */

TEST(options, a_tool_needs_the_required_scopes_and_its_own)
{
    struct aa_options options;
    const struct aa_tool *tool;

    CHECK_OK(read_one("\"tools\":{\"write_file\":[\"files:write\"],\"a\":[],\"z\":[\"z\"]},"
                      "\"required_scopes\":[\"files:read\"]",
                      &options, NULL));
    tool = aa_options_find_tool(&options, VIEW("write_file"));
    CHECK(tool != NULL);
    CHECK_INT(tool->scopes.len, 2);
    CHECK_VIEW(tool->scopes.items[0], "files:read");
    CHECK_VIEW(tool->scopes.items[1], "files:write");
    CHECK(aa_options_find_tool(&options, VIEW("a")) != NULL);
    CHECK(aa_options_find_tool(&options, VIEW("z")) != NULL);
    CHECK(aa_options_find_tool(&options, VIEW("write_fil")) == NULL);
    CHECK(aa_options_find_tool(&options, VIEW("Write_File")) == NULL);
    CHECK(aa_options_find_tool(&options, AA_VIEW_ABSENT) == NULL);
    aa_options_clear(&options);
}

TEST(options, scopes_supported_are_the_required_ones_unless_given)
{
    struct aa_options options;

    CHECK_OK(read_one("\"required_scopes\":[\"files:read\"]", &options, NULL));
    CHECK_INT(options.scopes_supported.len, 1);
    aa_options_clear(&options);
    CHECK_OK(read_one("\"required_scopes\":[\"files:read\"],\"scopes_supported\":[]", &options, NULL));
    CHECK_INT(options.scopes_supported.len, 0);
    aa_options_clear(&options);
}

TEST(options, connecting_may_not_take_longer_than_the_whole)
{
    struct aa_options options;

    CHECK_OK(read_one("\"timeout\":1", &options, NULL));
    CHECK_INT(options.connect_timeout_ms, 1000);
    aa_options_clear(&options);
}

TEST(options, public_paths_are_compared_byte_for_byte)
{
    struct aa_options options;

    CHECK_OK(read_one("\"public_paths\":[\"/health\"]", &options, NULL));
    CHECK(aa_options_is_public(&options, VIEW("/health")));
    CHECK(!aa_options_is_public(&options, VIEW("/health/")));
    CHECK(!aa_options_is_public(&options, VIEW("//health")));
    CHECK(!aa_options_is_public(&options, VIEW("/Health")));
    CHECK(!aa_options_is_public(&options, VIEW("/health/../mcp")));
    CHECK(!aa_options_is_public(&options, VIEW("")));
    CHECK(!aa_options_is_public(&options, AA_VIEW_ABSENT));
    aa_options_clear(&options);
}

TEST(options, every_allocation_may_fail)
{
    static const char json[] = "{" CREDENTIALS ",\"required_scopes\":[\"a\",\"b\"],\"public_paths\":[\"/a\",\"/b\"],"
                               "\"tools\":{\"t\":[\"c\"]},\"resource\":\"https://mcp.example\"}";
    struct aa_options options;
    enum aa_err rc = AA_ERR_NOMEM;
    size_t nth;

    for (nth = 1; rc; nth++) {
        aa_mem_fail_at(nth, false);
        rc = read_with(json, NULL, &options, NULL);
        aa_mem_fail_at(0, false);
        if (rc)
            CHECK_ERR(rc, AA_ERR_NOMEM);
    }
    CHECK(nth > 5);
    aa_options_clear(&options);
}

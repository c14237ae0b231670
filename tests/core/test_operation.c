/* What a request is about to do, read from its body: the tools it calls and the scopes they need. */
#include "verify/operation.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "support/test.h"

#define JSON_TYPE "application/json"
#define CALL(tool) "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":\"" tool "\"}}"
#define LIST "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\"}"

static struct aa_options options_of(const char *more)
{
    struct aa_options options;
    char json[1024];

    snprintf(json, sizeof json, "{\"server_id\":\"s\",\"api_key\":\"k\",\"required_scopes\":[\"base\"]%s}", more);
    CHECK_OK(aa_options_read(VIEW(json), NULL, NULL, &options, NULL));
    return options;
}

#define TOOLS ",\"tools\":{\"read\":[\"r\"],\"write\":[\"w\"],\"both\":[\"r\",\"w\"],\"free\":[]}"

static struct aa_guard_request post(const char *body)
{
    return (struct aa_guard_request){
        .method = VIEW("POST"), .path = VIEW("/mcp"), .content_type = VIEW(JSON_TYPE), .body = VIEW(body)};
}

/* Reads it under TOOLS; writes the scopes it needs, space-separated. */
static enum aa_err read_request(struct aa_guard_request request, char *scopes, size_t size)
{
    struct aa_options options = options_of(TOOLS);
    struct aa_operation operation;
    struct aa_buf buf;
    enum aa_err code;

    aa_operation_read(&options, &request, &operation);
    aa_buf_init(&buf, 1024);
    aa_scopes_write(operation.scopes, &buf);
    snprintf(scopes, size, "%s", aa_buf_text(&buf));
    code = operation.code;
    aa_buf_clear(&buf);
    aa_operation_clear(&operation);
    aa_options_clear(&options);
    return code;
}

static void check_needs(struct aa_guard_request request, const char *wanted)
{
    char scopes[256];

    CHECK_OK(read_request(request, scopes, sizeof scopes));
    CHECK_TEXT(scopes, wanted);
}

static void check_refused(struct aa_guard_request request, enum aa_err wanted)
{
    char scopes[256];

    CHECK_ERR(read_request(request, scopes, sizeof scopes), wanted);
}

/* ---- when a body is wanted -------------------------------------------------------------------------------------- */

TEST(operation, a_body_is_wanted_of_posts_when_tools_have_scopes)
{
    struct aa_options with = options_of(TOOLS);
    struct aa_options without = options_of("");

    CHECK(aa_operation_wants_body(&with, VIEW("POST")));
    CHECK(aa_operation_wants_body(&with, VIEW("post")));
    CHECK(!aa_operation_wants_body(&with, VIEW("GET")));
    CHECK(!aa_operation_wants_body(&with, AA_VIEW_ABSENT));
    CHECK(!aa_operation_wants_body(&without, VIEW("POST")));
    aa_options_clear(&with);
    aa_options_clear(&without);
}

TEST(operation, without_tools_nothing_is_read)
{
    struct aa_options options = options_of("");
    struct aa_guard_request request = post("{ not json");
    struct aa_operation operation;

    aa_operation_read(&options, &request, &operation);
    CHECK_OK(operation.code);
    CHECK(operation.scopes == &options.required_scopes);
    aa_options_clear(&options);
}

/* ---- which scopes ----------------------------------------------------------------------------------------------- */

TEST(operation, a_call_needs_the_scopes_of_its_tool_and_the_required_ones)
{
    check_needs(post(CALL("read")), "base r");
    check_needs(post(CALL("both")), "base r w");
    check_needs(post(CALL("free")), "base");
}

TEST(operation, a_tool_without_an_entry_needs_the_required_scopes)
{
    check_needs(post(CALL("other")), "base");
    check_needs(post(CALL("READ")), "base");
}

TEST(operation, other_methods_need_the_required_scopes)
{
    check_needs(post(LIST), "base");
    check_needs(post("{\"method\":\"prompts/get\",\"params\":{\"name\":\"write\"}}"), "base");
    check_needs(post("{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}"), "base");
}

TEST(operation, a_get_needs_the_required_scopes)
{
    struct aa_guard_request request = post(CALL("write"));

    request.method = VIEW("GET");
    check_needs(request, "base");
}

TEST(operation, a_batch_needs_what_all_of_its_members_need)
{
    check_needs(post("[" LIST "," CALL("read") "]"), "base r");
    check_needs(post("[" CALL("read") "," CALL("write") "]"), "base r w");
    check_needs(post("[" CALL("write") "," CALL("write") "]"), "base w");
    check_needs(post("[" CALL("read") "," CALL("free") "," CALL("write") "," CALL("both") "]"), "base r w");
    check_needs(post("[" LIST "," LIST "]"), "base");
    check_needs(post("[]"), "base");
}

TEST(operation, an_array_of_plain_values_calls_nothing)
{
    check_needs(post("[1,\"tools/call\",null,[2]]"), "base");
}

TEST(operation, a_call_in_a_nested_array_counts_as_well)
{
    check_needs(post("[[" CALL("write") "]]"), "base w");
}

TEST(operation, escapes_in_the_body_hide_nothing)
{
    check_needs(post("{\"\\u006dethod\":\"tools\\/c\\u0061ll\",\"params\":{\"name\":\"wr\\u0069te\"}}"), "base w");
}

/* ---- what is refused -------------------------------------------------------------------------------------------- */

TEST(operation, a_body_that_was_not_handed_over_is_refused)
{
    struct aa_guard_request request = post("");

    check_needs(request, "base");
    request.body = AA_VIEW_ABSENT;
    check_refused(request, AA_ERR_REQUEST_MALFORMED);
}

TEST(operation, a_call_without_a_name_is_refused)
{
    check_refused(post("{\"method\":\"tools/call\"}"), AA_ERR_REQUEST_MALFORMED);
    check_refused(post("{\"method\":\"tools/call\",\"params\":{}}"), AA_ERR_REQUEST_MALFORMED);
    check_refused(post("{\"method\":\"tools/call\",\"params\":{\"name\":7}}"), AA_ERR_REQUEST_MALFORMED);
    check_refused(post("{\"method\":\"tools/call\",\"params\":[\"write\"]}"), AA_ERR_REQUEST_MALFORMED);
}

TEST(operation, two_members_of_one_name_are_refused)
{
    check_refused(post("{\"method\":\"tools/list\",\"method\":\"tools/call\",\"params\":{\"name\":\"write\"}}"),
                  AA_ERR_JSON_MALFORMED);
    check_refused(post("{\"method\":\"tools/call\",\"params\":{\"name\":\"free\",\"name\":\"write\"}}"),
                  AA_ERR_JSON_MALFORMED);
}

TEST(operation, what_is_no_json_is_refused_when_it_might_be_taken_for_it)
{
    struct aa_guard_request request = post("{\"method\":");

    check_refused(request, AA_ERR_JSON_MALFORMED);
    request.content_type = VIEW("application/vnd.api+json; charset=utf-8");
    check_refused(request, AA_ERR_JSON_MALFORMED);
    request.content_type = AA_VIEW_ABSENT;
    check_refused(request, AA_ERR_JSON_MALFORMED);
    request.content_type = VIEW("text/plain");
    check_refused(request, AA_ERR_JSON_MALFORMED);
}

TEST(operation, another_kind_of_body_passes)
{
    struct aa_guard_request request = post("a=1&b=2");

    request.content_type = VIEW("application/x-www-form-urlencoded");
    check_needs(request, "base");
    request.content_type = VIEW("application/octet-stream");
    request.body = aa_view_make("\x89PNG\r\n\x1a\n", 8);
    check_needs(request, "base");
}

TEST(operation, json_in_another_encoding_is_refused_whatever_it_is_called)
{
    static const char utf16[] = "{\0\"\0m\0\"\0:\0001\0}\0";
    static const char bom[] = "\xEF\xBB\xBF" CALL("write");
    struct aa_guard_request request = post("");

    request.content_type = VIEW("text/plain");
    request.body = aa_view_make(utf16, sizeof utf16 - 1);
    check_refused(request, AA_ERR_JSON_MALFORMED);
    request.body = aa_view_make(bom, sizeof bom - 1);
    check_refused(request, AA_ERR_JSON_MALFORMED);
}

TEST(operation, a_call_is_read_whatever_its_content_type)
{
    struct aa_guard_request request = post(CALL("write"));

    request.content_type = VIEW("text/plain");
    check_needs(request, "base w");
    request.content_type = AA_VIEW_ABSENT;
    check_needs(request, "base w");
}

TEST(operation, a_body_over_the_limit_is_refused)
{
    struct aa_options options = options_of(TOOLS ",\"max_body\":100");
    char body[102];
    struct aa_guard_request request;
    struct aa_operation operation;

    memset(body, ' ', sizeof body);
    memcpy(body, "[]", 2);
    request = post("");
    request.body = aa_view_make(body, 100);
    aa_operation_read(&options, &request, &operation);
    CHECK_OK(operation.code);
    aa_operation_clear(&operation);
    request.body = aa_view_make(body, 101);
    aa_operation_read(&options, &request, &operation);
    CHECK_ERR(operation.code, AA_ERR_BODY_TOO_LARGE);
    aa_operation_clear(&operation);
    aa_options_clear(&options);
}

TEST(operation, more_scopes_than_a_challenge_can_list_are_refused)
{
    char more[2048] = ",\"tools\":{\"a\":[\"a0\"";
    struct aa_guard_request request = post("[" CALL("a") "," CALL("b") "]");
    size_t len = strlen(more);
    struct aa_operation operation;
    struct aa_options options;

    for (int i = 1; i < 40; i++)
        len += (size_t)snprintf(more + len, sizeof more - len, ",\"a%d\"", i);
    len += (size_t)snprintf(more + len, sizeof more - len, "],\"b\":[\"b0\"");
    for (int i = 1; i < 40; i++)
        len += (size_t)snprintf(more + len, sizeof more - len, ",\"b%d\"", i);
    snprintf(more + len, sizeof more - len, "]}");
    options = options_of(more);
    aa_operation_read(&options, &request, &operation);
    CHECK_ERR(operation.code, AA_ERR_TOO_LONG);
    aa_operation_clear(&operation);
    aa_options_clear(&options);
}

/* ---- headers that mirror the body ------------------------------------------------------------------------------- */

static struct aa_guard_request mirrored(const char *body, const char *method, const char *name)
{
    struct aa_guard_request request = post(body);

    request.mcp_method = VIEW(method);
    request.mcp_name = VIEW(name);
    return request;
}

TEST(operation, headers_that_say_what_the_body_says_pass)
{
    check_needs(mirrored(CALL("write"), "tools/call", "write"), "base w");
    check_needs(mirrored(CALL("write"), NULL, NULL), "base w");
    check_needs(mirrored(CALL("write"), " tools/call ", "write"), "base w");
}

TEST(operation, a_method_header_that_differs_is_refused)
{
    check_refused(mirrored(CALL("write"), "tools/list", "write"), AA_ERR_MCP_HEADER_MISMATCH);
    check_refused(mirrored(CALL("write"), "Tools/Call", "write"), AA_ERR_MCP_HEADER_MISMATCH);
    check_refused(mirrored(CALL("write"), "", "write"), AA_ERR_MCP_HEADER_MISMATCH);
    check_refused(mirrored("{\"id\":1}", "tools/call", NULL), AA_ERR_MCP_HEADER_MISMATCH);
    check_refused(mirrored("", "tools/call", NULL), AA_ERR_MCP_HEADER_MISMATCH);
}

TEST(operation, a_name_header_that_differs_is_refused)
{
    check_refused(mirrored(CALL("write"), "tools/call", "read"), AA_ERR_MCP_HEADER_MISMATCH);
    check_refused(mirrored(CALL("write"), "tools/call", "Write"), AA_ERR_MCP_HEADER_MISMATCH);
    check_refused(mirrored(CALL("write"), NULL, "read"), AA_ERR_MCP_HEADER_MISMATCH);
}

TEST(operation, prompts_and_resources_are_mirrored_too)
{
    check_needs(mirrored("{\"method\":\"prompts/get\",\"params\":{\"name\":\"p\"}}", "prompts/get", "p"), "base");
    check_refused(mirrored("{\"method\":\"prompts/get\",\"params\":{\"name\":\"p\"}}", "prompts/get", "q"),
                  AA_ERR_MCP_HEADER_MISMATCH);
    check_needs(
        mirrored("{\"method\":\"resources/read\",\"params\":{\"uri\":\"file:///a\"}}", "resources/read", "file:///a"),
        "base");
    check_refused(
        mirrored("{\"method\":\"resources/read\",\"params\":{\"uri\":\"file:///a\"}}", "resources/read", "file:///b"),
        AA_ERR_MCP_HEADER_MISMATCH);
}

TEST(operation, an_encoded_name_is_decoded_before_it_is_compared)
{
    check_needs(mirrored(CALL("write"), "tools/call", "=?base64?d3JpdGU=?="), "base w");
    check_refused(mirrored(CALL("write"), "tools/call", "=?base64?cmVhZA==?="), AA_ERR_MCP_HEADER_MISMATCH);
    check_refused(mirrored(CALL("write"), "tools/call", "=?base64?d3JpdGU?="), AA_ERR_MCP_HEADER_MISMATCH);
    check_refused(mirrored(CALL("write"), "tools/call", "=?base64?=?="), AA_ERR_MCP_HEADER_MISMATCH);
    check_refused(mirrored(CALL("write"), "tools/call", "=?base64?="), AA_ERR_MCP_HEADER_MISMATCH);
}

TEST(operation, every_member_of_a_batch_must_agree_with_the_headers)
{
    check_needs(mirrored("[" CALL("write") "," CALL("write") "]", "tools/call", "write"), "base w");
    check_refused(mirrored("[" CALL("write") "," CALL("read") "]", "tools/call", "write"), AA_ERR_MCP_HEADER_MISMATCH);
    check_refused(mirrored("[" LIST "," CALL("write") "]", "tools/list", NULL), AA_ERR_MCP_HEADER_MISMATCH);
}

/* ---- memory ----------------------------------------------------------------------------------------------------- */

TEST(operation, no_memory_is_said_and_nothing_is_let_through)
{
    struct aa_options options = options_of(TOOLS);
    struct aa_guard_request request =
        mirrored("[" CALL("read") "," CALL("write") "]", "=?base64?dG9vbHMvY2FsbA==?=", NULL);
    enum aa_err code = AA_ERR_NOMEM;
    size_t nth;

    for (nth = 1; code; nth++) {
        struct aa_operation operation;

        aa_mem_fail_at(nth, false);
        aa_operation_read(&options, &request, &operation);
        aa_mem_fail_at(0, false);
        code = operation.code;
        if (code)
            CHECK_ERR(code, AA_ERR_NOMEM);
        else
            CHECK_INT(operation.scopes->len, 3);
        aa_operation_clear(&operation);
    }
    CHECK(nth > 4);
    aa_options_clear(&options);
}

/* What an MCP request is about to do: content type, Mcp-Method and Mcp-Name on a line each (empty: not sent), then the
 * body. A call that goes through under too few scopes is a tool policy passed by. */
#include "verify/operation.h"

#include "fuzz.h"

#define OPTIONS                                                                                                        \
    "{\"server_id\":\"s\",\"api_key\":\"k\",\"required_scopes\":[\"base\"],\"max_body\":65536,\"tools\":"              \
    "{\"read\":[\"r\"],\"write\":[\"w\"],\"both\":[\"r\",\"w\"],\"free\":[]}}"

static struct aa_options options;

static void read_options(void)
{
    if (options.tool_count == 0)
        MUST_OK(aa_options_read(AA_VIEW(OPTIONS), NULL, NULL, &options, NULL));
}

static void check_call(const struct aa_json *message, const struct aa_operation *operation)
{
    struct aa_view name = aa_json_text(aa_json_get(aa_json_get(message, "params"), "name"));

    MUST(!aa_view_is_absent(name));
    if (aa_view_equal_text(name, "read") || aa_view_equal_text(name, "both"))
        MUST(aa_scopes_has(operation->scopes, AA_VIEW("r")));
    if (aa_view_equal_text(name, "write") || aa_view_equal_text(name, "both"))
        MUST(aa_scopes_has(operation->scopes, AA_VIEW("w")));
}

/* Every call of a message or a batch needs its scopes. */
static void check_calls(const struct aa_json *value, const struct aa_operation *operation)
{
    if (aa_view_equal_text(aa_json_text(aa_json_get(value, "method")), "tools/call"))
        check_call(value, operation);
    for (size_t i = 0; aa_json_is(value, AA_JSON_ARRAY) && i < aa_json_len(value); i++)
        check_calls(aa_json_at(value, i), operation);
}

/* Headers that went through say what the body says. */
static void check_headers(const struct aa_guard_request *request, const struct aa_json *root)
{
    struct aa_view method = aa_json_text(aa_json_get(root, "method")), header = aa_view_trim(request->mcp_method);

    if (aa_json_is(root, AA_JSON_OBJECT) && !aa_view_is_absent(request->mcp_method) &&
        !aa_view_has_prefix(header, AA_VIEW("=?base64?")))
        MUST_EQUAL(header, method);
}

static void check_passed(const struct aa_guard_request *request, const struct aa_operation *operation)
{
    struct aa_json *root;

    MUST(aa_scopes_has(operation->scopes, AA_VIEW("base")));
    if (aa_json_parse(request->body, FUZZ_TEXT_MAX, &root, NULL)) {
        struct aa_view start = aa_view_trim(request->body);

        MUST(start.len == 0 || (start.data[0] != '{' && start.data[0] != '['));
        return;
    }
    check_calls(root, operation);
    check_headers(request, root);
    aa_json_free(root);
}

static struct aa_view take_header(struct aa_view *rest)
{
    struct aa_view line = fuzz_take_line(rest);

    return line.len ? line : AA_VIEW_ABSENT;
}

bool fuzz_one(struct aa_view input)
{
    struct aa_view rest = input;
    struct aa_guard_request request = {.method = AA_VIEW("POST"), .path = AA_VIEW("/mcp")};
    struct aa_operation operation;
    bool taken;

    read_options();
    request.content_type = take_header(&rest);
    request.mcp_method = take_header(&rest);
    request.mcp_name = take_header(&rest);
    request.body = rest;
    aa_operation_read(&options, &request, &operation);
    taken = operation.code == AA_OK;
    MUST(taken || aa_err_class_of(operation.code) == AA_CLASS_REQUEST);
    if (taken)
        check_passed(&request, &operation);
    aa_operation_clear(&operation);
    return taken;
}

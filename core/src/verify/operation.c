#include "verify/operation.h"

#include "base/base64.h"
#include "base/json.h"
#include "base/mem.h"

#define HEADER_VALUE_MAX 8192
#define SENTINEL_HEAD AA_VIEW("=?base64?")
#define SENTINEL_TAIL AA_VIEW("?=")

bool aa_operation_wants_body(const struct aa_options *options, struct aa_view method)
{
    return options->tool_count && aa_view_equal_nocase(method, AA_VIEW("POST"));
}

void aa_operation_clear(struct aa_operation *operation)
{
    aa_mem_free(operation->owned);
    *operation = (struct aa_operation){0};
}

/* ---- is it JSON at all ----------------------------------------------------------------------------------------- */

static bool contains_nocase(struct aa_view text, struct aa_view word)
{
    for (size_t i = 0; i + word.len <= text.len; i++) {
        if (aa_view_equal_nocase(aa_view_slice(text, i, word.len), word))
            return true;
    }
    return false;
}

/* Bytes that may stand before the first bracket in one of JSON's encodings: white space, a byte order mark, the zeros
 * of UTF-16 and UTF-32. */
static bool may_precede(unsigned char byte)
{
    static const unsigned char bytes[] = {' ', '\t', '\r', '\n', 0x00, 0xEF, 0xBB, 0xBF, 0xFE, 0xFF};

    return memchr(bytes, byte, sizeof bytes) != NULL;
}

/* Python's json.loads() finds out UTF-16 and a byte order mark by itself, whatever the content type says. */
static bool begins_like_json(struct aa_view body)
{
    size_t at = 0;

    while (at < body.len && may_precede((unsigned char)body.data[at]))
        at++;
    return at < body.len && (body.data[at] == '{' || body.data[at] == '[');
}

/* Some handler might read this body as JSON: then it must be JSON that cannot be misread. The content type may be
 * several joined. */
static bool passes_for_json(const struct aa_guard_request *request)
{
    if (aa_view_trim(request->content_type).len == 0 || contains_nocase(request->content_type, AA_VIEW("json")))
        return true;
    return begins_like_json(request->body);
}

/* ---- the mirrored headers -------------------------------------------------------------------------------------- */

/* The member that Mcp-Name mirrors. */
static const struct {
    const char *method, *member;
} named[] = {{"tools/call", "name"}, {"prompts/get", "name"}, {"resources/read", "uri"}};

static struct aa_view name_of(struct aa_view method, const struct aa_json *message)
{
    for (size_t i = 0; i < sizeof named / sizeof named[0]; i++) {
        if (aa_view_equal_text(method, named[i].method))
            return aa_json_text(aa_json_get(aa_json_get(message, "params"), named[i].member));
    }
    return AA_VIEW_ABSENT;
}

/* AA_OK when the header is absent or says what the body says; a value in =?base64?…?= is decoded before it is compared.
 */
static enum aa_err check_header(struct aa_view header, struct aa_view wanted)
{
    struct aa_buf decoded;
    enum aa_err rc;
    bool agrees;

    if (aa_view_is_absent(header))
        return AA_OK;
    header = aa_view_trim(header);
    if (header.len < SENTINEL_HEAD.len + SENTINEL_TAIL.len || !aa_view_has_prefix(header, SENTINEL_HEAD) ||
        !aa_view_has_suffix(header, SENTINEL_TAIL))
        return aa_view_equal(header, wanted) ? AA_OK : AA_ERR_MCP_HEADER_MISMATCH;
    header = aa_view_slice(header, SENTINEL_HEAD.len, header.len - SENTINEL_HEAD.len - SENTINEL_TAIL.len);
    aa_buf_init(&decoded, HEADER_VALUE_MAX);
    rc = aa_base64_decode(header, &decoded, NULL);
    agrees = !rc && aa_view_equal(aa_buf_view(&decoded), wanted);
    aa_buf_clear(&decoded);
    if (rc == AA_ERR_NOMEM)
        return rc;
    return agrees ? AA_OK : AA_ERR_MCP_HEADER_MISMATCH;
}

static enum aa_err check_headers(const struct aa_guard_request *request, struct aa_view method,
                                 const struct aa_json *message)
{
    struct aa_view name = name_of(method, message);
    enum aa_err rc = check_header(request->mcp_method, method);

    if (rc || aa_view_is_absent(name)) /* other methods have no name to mirror: the header decides nothing there */
        return rc;
    return check_header(request->mcp_name, name);
}

/* ---- messages -------------------------------------------------------------------------------------------------- */

/* Adds a tool's scopes. One tool alone needs no memory: its list stands in the options. */
static enum aa_err add_tool(const struct aa_options *options, const struct aa_tool *tool,
                            struct aa_operation *operation)
{
    if (operation->scopes == &tool->scopes)
        return AA_OK;
    if (operation->scopes == &options->required_scopes) {
        operation->scopes = &tool->scopes;
        return AA_OK;
    }
    if (!operation->owned) {
        operation->owned = aa_mem_new(sizeof *operation->owned);
        if (!operation->owned)
            return AA_ERR_NOMEM;
        *operation->owned = *operation->scopes;
        operation->scopes = operation->owned;
    }
    for (size_t i = 0; i < tool->scopes.len; i++) {
        enum aa_err rc = aa_scopes_add(operation->owned, tool->scopes.items[i], NULL);

        if (rc)
            return rc;
    }
    return AA_OK;
}

static enum aa_err read_message(const struct aa_options *options, const struct aa_guard_request *request,
                                const struct aa_json *message, struct aa_operation *operation)
{
    const struct aa_json *method_json = aa_json_get(message, "method");
    struct aa_view method = aa_json_text(method_json);
    const struct aa_tool *tool;
    enum aa_err rc;

    rc = check_headers(request, method, message);
    if (rc)
        return rc;
    if (!aa_view_equal_text(method, "tools/call"))
        return AA_OK;
    if (aa_view_is_absent(name_of(method, message)))
        return AA_ERR_REQUEST_MALFORMED;
    tool = aa_options_find_tool(options, name_of(method, message));
    return tool ? add_tool(options, tool, operation) : AA_OK;
}

/* A batch needs what all of its members need. Values that are neither object nor array call nothing: no JSON-RPC, but
 * perhaps the body of another route of the application. */
static enum aa_err read_messages(const struct aa_options *options, const struct aa_guard_request *request,
                                 const struct aa_json *value, struct aa_operation *operation)
{
    enum aa_err rc = AA_OK;

    if (aa_json_is(value, AA_JSON_OBJECT))
        return read_message(options, request, value, operation);
    for (size_t i = 0; !rc && i < aa_json_len(value); i++) /* no deeper than the parser allows */
        rc = read_messages(options, request, aa_json_at(value, i), operation);
    return rc;
}

static enum aa_err read_body(const struct aa_options *options, const struct aa_guard_request *request,
                             struct aa_operation *operation)
{
    struct aa_json *root;
    enum aa_err rc;

    if (aa_view_is_absent(request->body))
        return AA_ERR_REQUEST_MALFORMED; /* a body that was not handed over could hold anything */
    if (request->body.len > (size_t)options->max_body)
        return AA_ERR_BODY_TOO_LARGE;
    if (request->body.len == 0)
        return check_header(request->mcp_method, AA_VIEW_ABSENT);
    rc = aa_json_parse(request->body, (size_t)options->max_body, &root, NULL);
    if (rc == AA_ERR_NOMEM)
        return rc;
    if (rc && passes_for_json(request))
        return AA_ERR_JSON_MALFORMED;
    if (rc)
        return check_header(request->mcp_method, AA_VIEW_ABSENT);
    rc = read_messages(options, request, root, operation);
    aa_json_free(root);
    return rc;
}

void aa_operation_read(const struct aa_options *options, const struct aa_guard_request *request,
                       struct aa_operation *operation)
{
    *operation = (struct aa_operation){AA_OK, &options->required_scopes, NULL};
    if (aa_operation_wants_body(options, request->method))
        operation->code = read_body(options, request, operation);
}

#include "verify/options.h"

#include <math.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/url.h"
#include "oauth/resource.h"
#include "verify/nearest.h"

#define ENV_NAME_MAX 64
#define NAME_SHOWN_MAX 40
#define TEXT_MAX 4096
#define PATHS_MAX 1024
#define TOOLS_MAX 4096
#define SECOND_MS 1000.0

struct aa_option_block {
    struct aa_option_block *next;
    size_t size;
    char text[];
};

enum kind { TEXT, URL, RESOURCE, SCOPES, PATHS, SECONDS, COUNT, BOOL, MODE, TOOLS };

struct option {
    const char *name;
    enum kind kind;
    size_t offset;
    const char *fallback; /* NULL: none */
    double min, max;      /* of a number */
};

#define AT(member) offsetof(struct aa_options, member)

/* `tools` comes after `required_scopes`: each tool's list is added to it. */
static const struct option table[] = {
    {"server_id", TEXT, AT(server_id), NULL, 0, 0},
    {"api_key", TEXT, AT(api_key), NULL, 0, 0},
    {"required_scopes", SCOPES, AT(required_scopes), NULL, 0, 0},
    {"auth_server", URL, AT(auth_server), "http://localhost:8788", 0, 0},
    {"resource", RESOURCE, AT(resource), NULL, 0, 0},
    {"public_paths", PATHS, AT(public_paths), NULL, 0, 0},
    {"cache_ttl", SECONDS, AT(cache_ttl_ms), "60", 0, 3600},
    {"cache_size", COUNT, AT(cache_size), "10000", 1, 10000000},
    {"tools", TOOLS, AT(tools), NULL, 0, 0},
    {"mode", MODE, AT(mode), "introspection", 0, 0},
    {"introspection_endpoint", URL, AT(introspection_endpoint), NULL, 0, 0},
    {"connect_timeout", SECONDS, AT(connect_timeout_ms), "2", 0.01, 60},
    {"timeout", SECONDS, AT(timeout_ms), "5", 0.01, 120},
    {"max_body", COUNT, AT(max_body), "4194304", 1, 1073741824},
    {"resource_name", TEXT, AT(resource_name), NULL, 0, 0},
    {"scopes_supported", SCOPES, AT(scopes_supported), NULL, 0, 0},
    {"ca_file", TEXT, AT(ca_file), NULL, 0, 0},
    {"check_audience", BOOL, AT(check_audience), "true", 0, 0},
    {"jwks_uri", URL, AT(jwks_uri), NULL, 0, 0},
    {"proxy", TEXT, AT(proxy), NULL, 0, 0},
};

#define OPTION_COUNT (sizeof table / sizeof table[0])

/* ---- memory ---------------------------------------------------------------------------------------------------- */

static enum aa_err keep(struct aa_options *options, struct aa_view text, struct aa_view *out, struct aa_error *err)
{
    size_t size = sizeof(struct aa_option_block) + text.len + 1;
    struct aa_option_block *block = aa_mem_new(size);

    if (!block)
        return aa_fail(err, AA_ERR_NOMEM, "no memory for the options");
    if (text.len)
        memcpy(block->text, text.data, text.len);
    block->size = size;
    block->next = options->blocks;
    options->blocks = block;
    *out = aa_view_make(block->text, text.len);
    return AA_OK;
}

void aa_options_clear(struct aa_options *options)
{
    while (options->blocks) {
        struct aa_option_block *next = options->blocks->next;

        aa_mem_wipe_free(options->blocks, options->blocks->size);
        options->blocks = next;
    }
    aa_mem_free(options->public_paths);
    aa_mem_free(options->tools);
    *options = (struct aa_options){0};
}

/* ---- values, whichever way they came --------------------------------------------------------------------------- */

static enum aa_err invalid(const struct option *option, const char *must, struct aa_error *err)
{
    return aa_fail(err, AA_ERR_OPTION_INVALID, "option %s must be %s", option->name, must);
}

/* An address the guard sends credentials or tokens to: https, or http to this machine alone. */
static enum aa_err check_url(const struct option *option, struct aa_view text, struct aa_error *err)
{
    struct aa_url url;

    if (aa_url_parse(text, &url, NULL) || aa_view_is_absent(url.host) || !aa_view_is_absent(url.fragment) ||
        !aa_view_is_absent(url.userinfo))
        return invalid(option, "an absolute URL without user and fragment", err);
    if (!aa_url_is_scheme(&url, "https") && !(aa_url_is_scheme(&url, "http") && aa_url_is_loopback(&url)))
        return invalid(option, "an https URL (http only for localhost)", err);
    return AA_OK;
}

static enum aa_err set_text(struct aa_options *options, const struct option *option, struct aa_view text,
                            struct aa_error *err)
{
    enum aa_err rc = AA_OK;

    if (text.len == 0 || text.len > TEXT_MAX || memchr(text.data, '\0', text.len))
        return invalid(option, "a text of 1 to 4096 bytes", err);
    if (option->kind == URL)
        rc = check_url(option, text, err);
    if (option->kind == RESOURCE && aa_resource_check(text, false, NULL))
        rc = invalid(option, "an https URL without fragment (http only for localhost)", err);
    if (rc)
        return rc;
    return keep(options, text, (struct aa_view *)((char *)options + option->offset), err);
}

static enum aa_err add_scope(struct aa_options *options, const struct option *option, struct aa_scopes *set,
                             struct aa_view scope, struct aa_error *err)
{
    struct aa_view kept;
    enum aa_err rc;

    if (aa_scope_check(scope, NULL))
        return invalid(option, "a list of scopes, each printable ASCII without spaces, quotes and backslashes", err);
    if (aa_scopes_has(set, scope))
        return AA_OK;
    rc = keep(options, scope, &kept, err);
    if (rc)
        return rc;
    if (aa_scopes_add(set, kept, NULL))
        return invalid(option, "a list of at most 64 scopes", err);
    return AA_OK;
}

static enum aa_err add_path(struct aa_options *options, const struct option *option, struct aa_view path,
                            struct aa_error *err)
{
    struct aa_view *grown;
    enum aa_err rc;

    if (path.len == 0 || path.data[0] != '/')
        return invalid(option, "a list of paths that begin with /", err);
    if (options->public_path_count == PATHS_MAX)
        return invalid(option, "a list of at most 1024 paths", err);
    grown = aa_mem_resize(options->public_paths, options->public_path_count * sizeof *grown,
                          (options->public_path_count + 1) * sizeof *grown);
    if (!grown)
        return aa_fail(err, AA_ERR_NOMEM, "no memory for the options");
    options->public_paths = grown;
    rc = keep(options, path, &grown[options->public_path_count], err);
    if (rc)
        return rc;
    options->public_path_count++;
    return AA_OK;
}

static enum aa_err add_item(struct aa_options *options, const struct option *option, struct aa_view item,
                            struct aa_error *err)
{
    if (option->kind == PATHS)
        return add_path(options, option, item, err);
    return add_scope(options, option, (struct aa_scopes *)((char *)options + option->offset), item, err);
}

static enum aa_err set_number(struct aa_options *options, const struct option *option, double number,
                              struct aa_error *err)
{
    int64_t *target = (int64_t *)((char *)options + option->offset);

    if (!(number >= option->min && number <= option->max) || (option->kind == COUNT && number != floor(number)))
        return aa_fail(err, AA_ERR_OPTION_INVALID, "option %s must be %s between %g and %.0f", option->name,
                       option->kind == COUNT ? "a whole number" : "a number of seconds", option->min, option->max);
    *target = (int64_t)(option->kind == SECONDS ? number * SECOND_MS : number);
    return AA_OK;
}

static enum aa_err set_mode(struct aa_options *options, const struct option *option, struct aa_view text,
                            struct aa_error *err)
{
    if (aa_view_equal_text(text, "introspection"))
        options->mode = AA_MODE_INTROSPECTION;
    else if (aa_view_equal_text(text, "jwt"))
        options->mode = AA_MODE_JWT;
    else
        return invalid(option, "\"introspection\" or \"jwt\"", err);
    return AA_OK;
}

/* ---- tools ----------------------------------------------------------------------------------------------------- */

struct tool_reader {
    struct aa_options *options;
    const struct option *option;
    struct aa_error *err;
    enum aa_err rc;
};

static enum aa_err read_tool(struct tool_reader *reader, struct aa_view name, const struct aa_json *list)
{
    struct aa_options *options = reader->options;
    struct aa_tool *tool = &options->tools[options->tool_count];
    enum aa_err rc;

    if (!aa_json_is(list, AA_JSON_ARRAY))
        return invalid(reader->option, "an object of tool names, each with a list of scopes", reader->err);
    rc = keep(options, name, &tool->name, reader->err);
    tool->scopes = options->required_scopes;
    for (size_t i = 0; !rc && i < aa_json_len(list); i++) {
        struct aa_view scope = aa_json_text(aa_json_at(list, i));

        rc = aa_view_is_absent(scope)
                 ? invalid(reader->option, "an object of tool names, each with a list of scopes", reader->err)
                 : add_scope(options, reader->option, &tool->scopes, scope, reader->err);
    }
    if (!rc)
        options->tool_count++;
    return rc;
}

static bool each_tool(void *ctx, struct aa_view name, const struct aa_json *list)
{
    struct tool_reader *reader = ctx;

    reader->rc = read_tool(reader, name, list);
    return reader->rc == AA_OK;
}

static int compare_names(struct aa_view a, struct aa_view b)
{
    int order = memcmp(a.data, b.data, a.len < b.len ? a.len : b.len);

    return order ? order : (a.len > b.len) - (a.len < b.len);
}

static int compare_tools(const void *a, const void *b)
{
    return compare_names(((const struct aa_tool *)a)->name, ((const struct aa_tool *)b)->name);
}

static enum aa_err set_tools(struct aa_options *options, const struct option *option, const struct aa_json *object,
                             struct aa_error *err)
{
    struct tool_reader reader = {options, option, err, AA_OK};
    size_t count = aa_json_len(object);

    if (!aa_json_is(object, AA_JSON_OBJECT) || count > TOOLS_MAX)
        return invalid(option, "an object of at most 4096 tool names, each with a list of scopes", err);
    if (count == 0)
        return AA_OK;
    options->tools = aa_mem_new_array(count, sizeof *options->tools);
    if (!options->tools)
        return aa_fail(err, AA_ERR_NOMEM, "no memory for the options");
    aa_json_each(object, each_tool, &reader);
    if (reader.rc)
        return reader.rc;
    qsort(options->tools, options->tool_count, sizeof *options->tools, compare_tools);
    return AA_OK;
}

const struct aa_tool *aa_options_find_tool(const struct aa_options *options, struct aa_view name)
{
    const struct aa_tool wanted = {.name = name};

    if (options->tool_count == 0 || aa_view_is_absent(name))
        return NULL;
    return bsearch(&wanted, options->tools, options->tool_count, sizeof *options->tools, compare_tools);
}

/* ---- from JSON ------------------------------------------------------------------------------------------------- */

static enum aa_err list_from_json(struct aa_options *options, const struct option *option, const struct aa_json *value,
                                  struct aa_error *err)
{
    enum aa_err rc = AA_OK;

    if (!aa_json_is(value, AA_JSON_ARRAY))
        return invalid(option, "a list of strings", err);
    for (size_t i = 0; !rc && i < aa_json_len(value); i++) {
        struct aa_view item = aa_json_text(aa_json_at(value, i));

        rc = aa_view_is_absent(item) ? invalid(option, "a list of strings", err) : add_item(options, option, item, err);
    }
    return rc;
}

static enum aa_err from_json(struct aa_options *options, const struct option *option, const struct aa_json *value,
                             struct aa_error *err)
{
    enum aa_json_type type = aa_json_type_of(value);

    switch (option->kind) {
    case TEXT:
    case URL:
    case RESOURCE:
        return type == AA_JSON_STRING ? set_text(options, option, aa_json_text(value), err)
                                      : invalid(option, "a string", err);
    case SCOPES:
    case PATHS:
        return list_from_json(options, option, value, err);
    case SECONDS:
    case COUNT:
        return type == AA_JSON_INTEGER || type == AA_JSON_REAL ? set_number(options, option, aa_json_real(value), err)
                                                               : invalid(option, "a number", err);
    case BOOL:
        if (type != AA_JSON_TRUE && type != AA_JSON_FALSE)
            return invalid(option, "true or false", err);
        *(bool *)((char *)options + option->offset) = type == AA_JSON_TRUE;
        return AA_OK;
    case MODE:
        return set_mode(options, option, aa_json_text(value), err);
    case TOOLS:
        return set_tools(options, option, value, err);
    }
    return aa_fail(err, AA_ERR_OPTION_INVALID, "option %s is of no known kind", option->name);
}

/* ---- from a text: the environment or a default ----------------------------------------------------------------- */

static bool is_separator(char c)
{
    return c == ' ' || c == ',' || c == '\t' || c == '\n';
}

static enum aa_err list_from_text(struct aa_options *options, const struct option *option, struct aa_view text,
                                  struct aa_error *err)
{
    size_t at = 0;

    while (at < text.len) {
        size_t start;
        enum aa_err rc;

        while (at < text.len && is_separator(text.data[at]))
            at++;
        start = at;
        while (at < text.len && !is_separator(text.data[at]))
            at++;
        if (at == start)
            break;
        rc = add_item(options, option, aa_view_slice(text, start, at - start), err);
        if (rc)
            return rc;
    }
    return AA_OK;
}

/* Digits with at most one point. Not strtod(), which takes "inf" and "0x1p3", and a comma where the locale has one. */
static bool parse_decimal(const char *text, double *number)
{
    double unit = 1;
    bool has_point = false;

    *number = 0;
    for (const char *c = text; *c; c++) {
        if (*c == '.' && !has_point && c != text) {
            has_point = true;
            continue;
        }
        if (*c < '0' || *c > '9')
            return false;
        unit = has_point ? unit / 10 : 1;
        *number = has_point ? *number + (*c - '0') * unit : *number * 10 + (*c - '0');
    }
    return *text != '\0';
}

static enum aa_err number_from_text(struct aa_options *options, const struct option *option, const char *text,
                                    struct aa_error *err)
{
    double number;

    if (!parse_decimal(text, &number))
        return invalid(option, "a number", err);
    return set_number(options, option, number, err);
}

static enum aa_err bool_from_text(struct aa_options *options, const struct option *option, struct aa_view text,
                                  struct aa_error *err)
{
    bool yes = aa_view_equal_nocase(text, AA_VIEW("true")) || aa_view_equal_text(text, "1");
    bool no = aa_view_equal_nocase(text, AA_VIEW("false")) || aa_view_equal_text(text, "0");

    if (!yes && !no)
        return invalid(option, "true or false", err);
    *(bool *)((char *)options + option->offset) = yes;
    return AA_OK;
}

static enum aa_err tools_from_text(struct aa_options *options, const struct option *option, struct aa_view text,
                                   struct aa_error *err)
{
    struct aa_json *root;
    enum aa_err rc;

    rc = aa_json_parse(text, AA_OPTIONS_MAX, &root, NULL);
    if (rc == AA_ERR_NOMEM)
        return aa_fail(err, rc, "no memory for the options");
    if (rc)
        return invalid(option, "a JSON object of tool names, each with a list of scopes", err);
    rc = set_tools(options, option, root, err);
    aa_json_free(root);
    return rc;
}

static enum aa_err from_text(struct aa_options *options, const struct option *option, const char *text,
                             struct aa_error *err)
{
    struct aa_view view = aa_view_of(text);

    switch (option->kind) {
    case TEXT:
    case URL:
    case RESOURCE:
        return set_text(options, option, view, err);
    case SCOPES:
    case PATHS:
        return list_from_text(options, option, view, err);
    case SECONDS:
    case COUNT:
        return number_from_text(options, option, text, err);
    case BOOL:
        return bool_from_text(options, option, view, err);
    case MODE:
        return set_mode(options, option, view, err);
    case TOOLS:
        return tools_from_text(options, option, view, err);
    }
    return aa_fail(err, AA_ERR_OPTION_INVALID, "option %s is of no known kind", option->name);
}

/* ---- the whole ------------------------------------------------------------------------------------------------- */

struct name_check {
    struct aa_error *err;
    enum aa_err rc;
};

static bool check_name(void *ctx, struct aa_view name, const struct aa_json *value)
{
    struct name_check *check = ctx;
    const char *nearest = table[0].name;
    size_t best = SIZE_MAX;

    (void)value;
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        size_t distance = aa_edit_distance(name, aa_view_of(table[i].name));

        if (aa_view_equal_text(name, table[i].name))
            return true;
        if (distance < best) {
            best = distance;
            nearest = table[i].name;
        }
    }
    if (!aa_view_is_printable_ascii(name))
        name = AA_VIEW("(not printable)");
    check->rc = aa_fail(check->err, AA_ERR_OPTION_UNKNOWN, "there is no option %.*s; did you mean %s?",
                        AA_VIEW_ARGS(aa_view_slice(name, 0, NAME_SHOWN_MAX)), nearest);
    return false;
}

static void environment_name(const struct option *option, char out[ENV_NAME_MAX])
{
    size_t at = sizeof AA_OPTION_ENV_PREFIX - 1;

    memcpy(out, AA_OPTION_ENV_PREFIX, at);
    for (const char *c = option->name; *c && at + 1 < ENV_NAME_MAX; c++)
        out[at++] = (char)(*c >= 'a' && *c <= 'z' ? *c - 'a' + 'A' : *c);
    out[at] = '\0';
}

static enum aa_err read_option(struct aa_options *options, const struct option *option, const struct aa_json *root,
                               aa_getenv_fn getenv_fn, void *getenv_ctx, struct aa_error *err)
{
    const struct aa_json *value = aa_json_get(root, option->name);
    char env_name[ENV_NAME_MAX];
    const char *text = NULL;

    if (value && !aa_json_is(value, AA_JSON_NULL)) {
        options->has_scopes_supported |= option->offset == AT(scopes_supported);
        return from_json(options, option, value, err);
    }
    environment_name(option, env_name);
    if (getenv_fn)
        text = getenv_fn(getenv_ctx, env_name);
    if (text && *text) {
        options->has_scopes_supported |= option->offset == AT(scopes_supported);
        return from_text(options, option, text, err);
    }
    return option->fallback ? from_text(options, option, option->fallback, err) : AA_OK;
}

static enum aa_err missing(const char *name, const char *why, struct aa_error *err)
{
    return aa_fail(err, AA_ERR_OPTION_MISSING, "option %s is missing: %s", name, why);
}

static enum aa_err check_together(struct aa_options *options, struct aa_error *err)
{
    struct aa_url issuer;
    bool asks = options->mode == AA_MODE_INTROSPECTION || aa_view_is_absent(options->resource);

    if (aa_url_parse(options->auth_server, &issuer, NULL) ||
        !aa_view_is_absent(issuer.query)) /* RFC 8414 §2: no query in an issuer */
        return aa_fail(err, AA_ERR_OPTION_INVALID, "option auth_server must be a URL without query");
    if (asks && aa_view_is_absent(options->server_id))
        return missing("server_id", "the id of this server at the authorization server (srv_…)", err);
    if (asks && aa_view_is_absent(options->api_key))
        return missing("api_key", "the key of this server (sk_…)", err);
    if (options->connect_timeout_ms > options->timeout_ms)
        options->connect_timeout_ms = options->timeout_ms;
    if (!options->has_scopes_supported)
        options->scopes_supported = options->required_scopes;
    return AA_OK;
}

static enum aa_err read_all(struct aa_options *options, const struct aa_json *root, aa_getenv_fn getenv_fn,
                            void *getenv_ctx, struct aa_error *err)
{
    struct name_check names = {err, AA_OK};

    if (!aa_json_is(root, AA_JSON_OBJECT))
        return aa_fail(err, AA_ERR_OPTION_INVALID, "the options must be one JSON object");
    aa_json_each(root, check_name, &names);
    if (names.rc)
        return names.rc;
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        enum aa_err rc = read_option(options, &table[i], root, getenv_fn, getenv_ctx, err);

        if (rc)
            return rc;
    }
    return check_together(options, err);
}

enum aa_err aa_options_read(struct aa_view json, aa_getenv_fn getenv_fn, void *getenv_ctx, struct aa_options *out,
                            struct aa_error *err)
{
    struct aa_options options = {0};
    struct aa_json *root;
    enum aa_err rc;

    rc = aa_json_parse(json, AA_OPTIONS_MAX, &root, NULL);
    if (rc == AA_ERR_NOMEM)
        return aa_fail(err, rc, "no memory for the options");
    if (rc)
        return aa_fail(err, AA_ERR_OPTION_INVALID, "the options must be one JSON object");
    rc = read_all(&options, root, getenv_fn, getenv_ctx, err);
    aa_json_free(root);
    if (rc)
        aa_options_clear(&options);
    else
        *out = options;
    return rc;
}

bool aa_options_is_public(const struct aa_options *options, struct aa_view path)
{
    for (size_t i = 0; i < options->public_path_count; i++) {
        if (aa_view_equal(options->public_paths[i], path))
            return true;
    }
    return false;
}

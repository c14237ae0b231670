#include "http/head.h"

static const struct aa_http_refusal target_too_long = {414, "invalid_request", "The address is too long"};
static const struct aa_http_refusal head_too_large = {431, "invalid_request", "The request headers are too large"};
static const struct aa_http_refusal too_many_fields = {431, "invalid_request", "There are too many request headers"};
static const struct aa_http_refusal bad_target = {400, "invalid_request", "The request target is malformed"};
static const struct aa_http_refusal bad_value = {400, "invalid_request", "A request header is malformed"};
static const struct aa_http_refusal twice = {400, "invalid_request", "A request header was sent more than once"};

/* ---- method and target ------------------------------------------------------------------------------------------ */

enum aa_method aa_method_parse(struct aa_view name)
{
    static const struct {
        const char *name;
        enum aa_method method;
    } methods[] = {
        {"GET", AA_METHOD_GET}, {"POST", AA_METHOD_POST},     {"HEAD", AA_METHOD_HEAD},
        {"PUT", AA_METHOD_PUT}, {"DELETE", AA_METHOD_DELETE}, {"OPTIONS", AA_METHOD_OPTIONS},
    };
    size_t i;

    for (i = 0; i < sizeof methods / sizeof *methods; i++) {
        if (aa_view_equal_text(name, methods[i].name))
            return methods[i].method;
    }
    return AA_METHOD_OTHER;
}

/* RFC 3986 §2: only ASCII without spaces and controls; "#" never reaches a server (RFC 9112 §3.2). */
static bool is_target(struct aa_view target)
{
    size_t i;

    for (i = 0; i < target.len; i++) {
        if (target.data[i] <= 0x20 || target.data[i] >= 0x7f || target.data[i] == '#')
            return false;
    }
    return target.len > 0;
}

/* RFC 9112 §3.2.2: a server must accept the absolute form. What stands behind the authority. */
static struct aa_view without_authority(struct aa_view target)
{
    static const struct aa_view schemes[] = {{"http://", 7}, {"https://", 8}};
    size_t i, at;

    for (i = 0; i < sizeof schemes / sizeof *schemes; i++) {
        if (!aa_view_equal_nocase(aa_view_slice(target, 0, schemes[i].len), schemes[i]))
            continue;
        at = aa_view_find(aa_view_from(target, schemes[i].len), '/');
        return at == SIZE_MAX ? AA_VIEW_ABSENT : aa_view_from(target, schemes[i].len + at);
    }
    return target;
}

bool aa_target_parse(struct aa_view target, struct aa_request *request)
{
    if (!is_target(target))
        return false;
    target = without_authority(target);
    if (target.len == 0 || target.data[0] != '/')
        return false;
    aa_view_cut(target, '?', &request->path, &request->query);
    return true;
}

/* ---- fields ----------------------------------------------------------------------------------------------------- */

/* Fields that hold one value. Two of them are two meanings, and a proxy may have checked the other one. */
static const char *const singletons[] = {
    "Authorization",     "Content-Type", "Host",   "Content-Length", "Content-Encoding",
    "Transfer-Encoding", "Cookie",       "Origin", "Expect",         "Access-Control-Request-Method",
};

static bool has_twice(const struct aa_request *request, struct aa_view name)
{
    size_t i, count = 0;

    for (i = 0; i < request->header_count; i++)
        count += aa_view_equal_nocase(request->headers[i].name, name);
    return count > 1;
}

static bool has_any_twice(const struct aa_request *request)
{
    size_t i;

    for (i = 0; i < sizeof singletons / sizeof *singletons; i++) {
        if (has_twice(request, aa_view_of(singletons[i])))
            return true;
    }
    return false;
}

static bool are_values(const struct aa_request *request)
{
    size_t i;

    for (i = 0; i < request->header_count; i++) {
        if (!aa_header_is_value(request->headers[i].value))
            return false;
    }
    return true;
}

/* The library reads lengths up to 2^64 - 2 and with zeros in front; a proxy may not. */
static bool is_length_good(const struct aa_request *request)
{
    struct aa_view field = aa_request_header(request, "Content-Length");
    int64_t len;

    return aa_view_is_absent(field) || aa_view_parse_int64(field, &len) == AA_OK;
}

const struct aa_http_refusal *aa_head_check(const struct aa_head *head)
{
    if (head->target_len > AA_HEAD_MAX)
        return &target_too_long;
    if (head->head_len > AA_HEAD_MAX)
        return &head_too_large;
    if (head->has_more_fields)
        return &too_many_fields;
    if (!head->is_target_good)
        return &bad_target;
    if (!are_values(head->request) || !is_length_good(head->request))
        return &bad_value;
    if (has_any_twice(head->request))
        return &twice;
    return NULL;
}

int64_t aa_head_body_len(const struct aa_request *request)
{
    int64_t len = 0;
    struct aa_view field = aa_request_header(request, "Content-Length");

    if (!aa_view_is_absent(aa_request_header(request, "Transfer-Encoding")))
        return -1;
    return aa_view_is_absent(field) || aa_view_parse_int64(field, &len) == AA_OK ? len : -1;
}

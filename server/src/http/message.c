#include "http/message.h"

/* A Location of AA_URL_MAX bytes, three cookies and the fixed headers of a page fit well below this. */
#define HEADER_MEMORY_MAX 16384
#define HEADER_MEMORY_USUAL 250 /* bytes: the headers of a short answer */

/* What a page may load and who may frame it. There is no form-action on purpose: browsers that follow CSP 3's older
 * reading apply it to the redirect that answers the consent form, and the client's redirect URI is never 'self'. There
 * is no Cross-Origin-Opener-Policy either: it would cut the popup in which many clients open this page from the window
 * that waits for its result. */
static const char PAGE_POLICY[] =
    "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; frame-ancestors 'none'";

/* ---- reading a request ------------------------------------------------------------------------------------------ */

struct aa_view aa_request_header(const struct aa_request *request, const char *name)
{
    struct aa_view wanted = aa_view_of(name);
    size_t i;

    for (i = 0; i < request->header_count; i++) {
        if (aa_view_equal_nocase(request->headers[i].name, wanted))
            return request->headers[i].value;
    }
    return AA_VIEW_ABSENT;
}

/* RFC 6265 §4.2.1: cookie-string = cookie-pair *( ";" SP cookie-pair ). Names compare byte for byte. */
static struct aa_view find_cookie(struct aa_view header, struct aa_view wanted)
{
    struct aa_view rest = header;

    while (!aa_view_is_absent(rest)) {
        struct aa_view pair, name, value;

        aa_view_cut(rest, ';', &pair, &rest);
        if (aa_view_cut(aa_view_trim(pair), '=', &name, &value) && aa_view_equal(name, wanted))
            return value;
    }
    return AA_VIEW_ABSENT;
}

struct aa_view aa_request_cookie(const struct aa_request *request, const char *name)
{
    return find_cookie(aa_request_header(request, "Cookie"), aa_view_of(name));
}

bool aa_request_is_type(const struct aa_request *request, const char *type)
{
    struct aa_view media, parameters;

    aa_view_cut(aa_request_header(request, "Content-Type"), ';', &media, &parameters);
    return aa_view_equal_nocase(aa_view_trim(media), aa_view_of(type));
}

/* ---- headers of the answer -------------------------------------------------------------------------------------- */

void aa_response_init(struct aa_response *response, size_t body_max)
{
    response->status = 0;
    aa_buf_init(&response->body, body_max);
    aa_buf_init(&response->header_memory, HEADER_MEMORY_MAX);
    response->header_count = 0;
    response->wants_worker = false;
    response->complaint = NULL;
}

void aa_response_clear(struct aa_response *response)
{
    response->status = 0;
    response->header_count = 0;
    response->wants_worker = false;
    response->complaint = NULL;
    aa_buf_wipe_clear(&response->body);
    aa_buf_wipe_clear(&response->header_memory);
}

void aa_response_reset(struct aa_response *response)
{
    response->status = 0;
    response->header_count = 0;
    response->wants_worker = false;
    response->complaint = NULL;
    aa_buf_reset(&response->body);
    aa_buf_reset(&response->header_memory);
}

bool aa_header_is_value(struct aa_view value)
{
    size_t i;

    for (i = 0; i < value.len; i++) {
        unsigned char c = (unsigned char)value.data[i];

        if ((c < 0x20 && c != '\t') || c == 0x7f)
            return false;
    }
    return true;
}

void aa_response_header(struct aa_response *response, const char *name, struct aa_view value)
{
    struct aa_buf *memory = &response->header_memory;
    size_t name_offset = memory->len, name_len = strlen(name), index = response->header_count;

    if (!aa_header_is_value(value)) {
        response->complaint = "a header with control characters was left out";
        return;
    }
    if (index == AA_RESPONSE_HEADERS_MAX) {
        response->complaint = "a header was left out: there are too many";
        return;
    }
    /* Each text is followed by a NUL, so that it can go to C functions as it stands. */
    aa_buf_add(memory, aa_view_make(name, name_len + 1));
    aa_buf_add(memory, value);
    aa_buf_add_char(memory, '\0');
    if (memory->bad) {
        response->complaint = "a header was left out: no room";
        return;
    }
    response->headers[index].name_offset = name_offset;
    response->headers[index].name_len = name_len;
    response->headers[index].value_offset = name_offset + name_len + 1;
    response->headers[index].value_len = value.len;
    response->header_count = index + 1;
}

static struct aa_view header_name(const struct aa_response *response, size_t index)
{
    return aa_view_make(aa_buf_text(&response->header_memory) + response->headers[index].name_offset,
                        response->headers[index].name_len);
}

void aa_response_header_set(struct aa_response *response, const char *name, struct aa_view value)
{
    size_t from, to = 0;

    for (from = 0; from < response->header_count; from++) {
        if (!aa_view_equal_nocase(header_name(response, from), aa_view_of(name)))
            response->headers[to++] = response->headers[from];
    }
    response->header_count = to;
    aa_response_header(response, name, value);
}

struct aa_view aa_response_get_header(const struct aa_response *response, size_t index, struct aa_view *name)
{
    if (index >= response->header_count) {
        *name = AA_VIEW_ABSENT;
        return AA_VIEW_ABSENT;
    }
    *name = header_name(response, index);
    return aa_view_make(aa_buf_text(&response->header_memory) + response->headers[index].value_offset,
                        response->headers[index].value_len);
}

struct aa_view aa_response_find_header(const struct aa_response *response, const char *name)
{
    struct aa_view wanted = aa_view_of(name);
    size_t i;

    for (i = 0; i < response->header_count; i++) {
        struct aa_view found, value = aa_response_get_header(response, i, &found);

        if (aa_view_equal_nocase(found, wanted))
            return value;
    }
    return AA_VIEW_ABSENT;
}

/* ---- usual answers ---------------------------------------------------------------------------------------------- */

void aa_response_json(struct aa_response *response, int status)
{
    response->status = status;
    aa_buf_expect(&response->header_memory, HEADER_MEMORY_USUAL);
    aa_response_header_set(response, "Content-Type", AA_VIEW("application/json"));
    aa_response_header_set(response, "Cache-Control", AA_VIEW("no-store"));
}

void aa_response_html(struct aa_response *response, int status)
{
    response->status = status;
    aa_response_header_set(response, "Content-Type", AA_VIEW("text/html; charset=utf-8"));
    aa_response_header_set(response, "Cache-Control", AA_VIEW("no-store"));
    aa_response_header_set(response, "Content-Security-Policy", aa_view_of(PAGE_POLICY));
    /* For browsers too old for frame-ancestors. */
    aa_response_header_set(response, "X-Frame-Options", AA_VIEW("DENY"));
    aa_response_header_set(response, "Referrer-Policy", AA_VIEW("no-referrer"));
}

void aa_response_redirect(struct aa_response *response, struct aa_view location)
{
    response->status = 303;
    aa_response_header_set(response, "Location", location);
    aa_response_header_set(response, "Cache-Control", AA_VIEW("no-store"));
}

void aa_response_oauth_error(struct aa_response *response, int status, const char *error, const char *description)
{
    aa_response_json(response, status);
    aa_buf_reset(&response->body);
    aa_buf_add_text(&response->body, "{\"error\":");
    aa_buf_add_json_string(&response->body, aa_view_of(error));
    if (description) {
        aa_buf_add_text(&response->body, ",\"error_description\":");
        aa_buf_add_json_string(&response->body, aa_view_of(description));
    }
    aa_buf_add_char(&response->body, '}');
}

/* ---- cookies of our own ----------------------------------------------------------------------------------------- */

/* The prefix makes a browser refuse the cookie from a sibling host or over http (RFC 6265bis §4.1.3.2). Without https
 * it cannot be used. */
#define HOST_PREFIX "__Host-"
#define COOKIE_NAME_MAX 64
#define COOKIE_MAX 4096 /* RFC 6265 §6.1: what every browser keeps */

/* RFC 6265 §4.1.1 cookie-octet. */
static bool is_cookie_value(struct aa_view value)
{
    size_t i;

    for (i = 0; i < value.len; i++) {
        unsigned char c = (unsigned char)value.data[i];

        if (c <= 0x20 || c >= 0x7f || c == '"' || c == ',' || c == ';' || c == '\\')
            return false;
    }
    return true;
}

void aa_response_cookie(struct aa_response *response, const struct aa_cookie *cookie)
{
    struct aa_buf line;

    if (!is_cookie_value(cookie->value)) {
        response->complaint = "a cookie with characters it may not hold was left out";
        return;
    }
    aa_buf_init(&line, COOKIE_MAX);
    aa_buf_add_format(&line, "%s%s=%.*s; Path=/; HttpOnly; SameSite=Lax", cookie->secure ? HOST_PREFIX : "",
                      cookie->name, AA_VIEW_ARGS(cookie->value));
    if (cookie->max_age_s >= 0) {
        aa_buf_add_text(&line, "; Max-Age=");
        aa_buf_add_int(&line, cookie->max_age_s);
    }
    if (cookie->secure)
        aa_buf_add_text(&line, "; Secure");
    if (line.bad)
        response->complaint = "a cookie was left out: too long or no memory";
    else
        aa_response_header(response, "Set-Cookie", aa_buf_view(&line));
    aa_buf_wipe_clear(&line);
}

struct aa_view aa_request_own_cookie(const struct aa_request *request, const char *name, bool secure)
{
    char full[COOKIE_NAME_MAX];
    size_t prefix_len = secure ? sizeof HOST_PREFIX - 1 : 0, name_len = strlen(name);

    if (prefix_len + name_len >= sizeof full)
        return AA_VIEW_ABSENT;
    memcpy(full, HOST_PREFIX, prefix_len);
    memcpy(full + prefix_len, name, name_len + 1);
    return aa_request_cookie(request, full);
}

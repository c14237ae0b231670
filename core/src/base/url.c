#include "base/url.h"

#include "base/error.h"

static bool is_alpha(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_hex(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* RFC 3986 §2: reserved, unreserved, or a whole %XX. What browsers repair (backslash, space, tabs, quotes) is refused:
 * two programs that repair differently see two different hosts. */
static bool has_only_uri_characters(struct aa_view text)
{
    static const char punctuation[] = "-._~:/?#[]@!$&'()*+,;=";

    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];

        if (is_alpha(c) || is_digit(c))
            continue;
        if (c == '%') {
            if (i + 2 >= text.len || !is_hex(text.data[i + 1]) || !is_hex(text.data[i + 2]))
                return false;
            continue;
        }
        if (c == '\0' || !strchr(punctuation, c))
            return false;
    }
    return true;
}

static bool take_scheme(struct aa_view text, struct aa_view *scheme, struct aa_view *rest)
{
    if (!aa_view_cut(text, ':', scheme, rest) || scheme->len == 0 || !is_alpha(scheme->data[0]))
        return false;
    for (size_t i = 1; i < scheme->len; i++) {
        char c = scheme->data[i];

        if (!is_alpha(c) && !is_digit(c) && c != '+' && c != '-' && c != '.')
            return false;
    }
    return true;
}

static bool is_ipv6_literal(struct aa_view host)
{
    size_t colons = 0;

    if (host.len < 4 || host.data[0] != '[' || host.data[host.len - 1] != ']')
        return false;
    for (size_t i = 1; i + 1 < host.len; i++) {
        if (host.data[i] == ':')
            colons++;
        else if (!is_hex(host.data[i]) && host.data[i] != '.')
            return false;
    }
    return colons >= 2;
}

static bool is_registered_name(struct aa_view host)
{
    for (size_t i = 0; i < host.len; i++) {
        char c = host.data[i];

        /* RFC 3986 allows sub-delims and escapes in a name; no host on the Internet has them, so for us they are an
         * attack. */
        if (!is_alpha(c) && !is_digit(c) && c != '-' && c != '.' && c != '_')
            return false;
    }
    return true;
}

static bool split_host_port(struct aa_view authority, struct aa_url *url)
{
    size_t end = 0;
    struct aa_view rest;

    if (authority.len && authority.data[0] == '[') {
        end = aa_view_find(authority, ']');
        if (end == SIZE_MAX)
            return false;
        end++;
    } else {
        end = aa_view_find(authority, ':');
        if (end == SIZE_MAX)
            end = authority.len;
    }
    url->host = aa_view_slice(authority, 0, end);
    rest = aa_view_from(authority, end);
    url->port = AA_VIEW_ABSENT;
    if (rest.len) {
        if (rest.data[0] != ':')
            return false;
        url->port = aa_view_from(rest, 1);
    }
    return url->host.len && url->host.data[0] == '[' ? is_ipv6_literal(url->host) : is_registered_name(url->host);
}

static bool has_good_port(struct aa_view port)
{
    int64_t number;

    if (aa_view_is_absent(port))
        return true;
    return !aa_view_parse_int64(port, &number) && number >= 1 && number <= 65535;
}

static bool take_authority(struct aa_view rest, struct aa_url *url, struct aa_view *path)
{
    struct aa_view authority = aa_view_from(rest, 2);
    struct aa_view host_port;
    size_t end = 0;
    size_t at;

    while (end < authority.len && authority.data[end] != '/')
        end++;
    *path = aa_view_from(authority, end);
    authority.len = end;
    at = aa_view_find(authority, '@');
    if (at == SIZE_MAX) {
        url->userinfo = AA_VIEW_ABSENT;
        host_port = authority;
    } else {
        url->userinfo = aa_view_slice(authority, 0, at);
        host_port = aa_view_from(authority, at + 1);
        if (aa_view_find(host_port, '@') != SIZE_MAX)
            return false;
    }
    return split_host_port(host_port, url) && has_good_port(url->port);
}

enum aa_err aa_url_parse(struct aa_view text, struct aa_url *url, struct aa_error *err)
{
    struct aa_url parsed = {.text = text};
    struct aa_view rest;
    bool is_web;

    if (text.len > AA_URL_MAX)
        return aa_fail(err, AA_ERR_TOO_LONG, "a URL is longer than %d bytes", AA_URL_MAX);
    if (text.len == 0 || !has_only_uri_characters(text) || !take_scheme(text, &parsed.scheme, &rest))
        return aa_fail(err, AA_ERR_URL_MALFORMED, "not an absolute URL");
    aa_view_cut(rest, '#', &rest, &parsed.fragment);
    aa_view_cut(rest, '?', &rest, &parsed.query);
    parsed.path = rest;
    is_web = aa_url_is_scheme(&parsed, "http") || aa_url_is_scheme(&parsed, "https");
    if (aa_view_has_prefix(rest, AA_VIEW("//"))) {
        if (!take_authority(rest, &parsed, &parsed.path))
            return aa_fail(err, AA_ERR_URL_MALFORMED, "the URL's host or port is malformed");
    }
    if (is_web && parsed.host.len == 0)
        return aa_fail(err, AA_ERR_URL_MALFORMED, "the URL has no host");
    *url = parsed;
    return AA_OK;
}

int aa_url_port(const struct aa_url *url)
{
    int64_t number;

    if (!aa_view_is_absent(url->port))
        return aa_view_parse_int64(url->port, &number) ? 0 : (int)number;
    if (aa_url_is_scheme(url, "https"))
        return 443;
    return aa_url_is_scheme(url, "http") ? 80 : 0;
}

bool aa_url_is_scheme(const struct aa_url *url, const char *lowercase_scheme)
{
    return aa_view_equal_nocase(url->scheme, aa_view_of(lowercase_scheme));
}

/* 127.x.y.z in plain decimal. Other spellings (0x7f.1, 127.1, 2130706433) are read differently by different programs:
 * not loopback. */
static bool is_loopback_ipv4(struct aa_view host)
{
    struct aa_view part;
    int count = 0;

    while (!aa_view_is_absent(host)) {
        int64_t number;

        aa_view_cut(host, '.', &part, &host);
        if (++count > 4 || aa_view_parse_int64(part, &number) || number > 255 || (count == 1 && number != 127))
            return false;
    }
    return count == 4;
}

bool aa_url_is_loopback(const struct aa_url *url)
{
    struct aa_view host = url->host;

    if (host.len == 0)
        return false;
    return aa_view_equal_nocase(host, AA_VIEW("localhost")) || aa_view_equal_text(host, "[::1]") ||
           is_loopback_ipv4(host);
}

static void add_lower(struct aa_buf *buf, struct aa_view text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];

        aa_buf_add_char(buf, c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c);
    }
}

static bool is_default_port(const struct aa_url *url)
{
    struct aa_url without = *url;

    without.port = AA_VIEW_ABSENT;
    return aa_url_port(url) == aa_url_port(&without);
}

void aa_url_add_origin(struct aa_buf *buf, const struct aa_url *url)
{
    add_lower(buf, url->scheme);
    aa_buf_add_char(buf, ':');
    if (aa_view_is_absent(url->host))
        return;
    aa_buf_add_text(buf, "//");
    add_lower(buf, url->host);
    if (!aa_view_is_absent(url->port) && !is_default_port(url)) {
        aa_buf_add_char(buf, ':');
        aa_buf_add(buf, url->port);
    }
}

void aa_url_add_normal(struct aa_buf *buf, const struct aa_url *url)
{
    aa_url_add_origin(buf, url);
    aa_buf_add(buf, url->path);
    if (!aa_view_is_absent(url->query)) {
        aa_buf_add_char(buf, '?');
        aa_buf_add(buf, url->query);
    }
}

#include "domain/redirect_uri.h"

#include "base/error.h"
#include "base/url.h"

/* Schemes that run a script, read a file or show bytes of the attacker's choice: not even a configured list may allow
 * them. */
static const char *const never_schemes[] = {"javascript", "data",       "file",        "blob", "about",
                                            "vbscript",   "filesystem", "view-source", "ws",   "wss"};

/* Loopback hosts whose port does not matter. The rest of 127/8 matches exactly: nobody asks for it. */
static const char *const any_port_hosts[] = {"127.0.0.1", "[::1]", "localhost"};

static bool is_one_of(struct aa_view text, const char *const *list, size_t count)
{
    size_t i;

    for (i = 0; i < count; i++)
        if (aa_view_equal_nocase(text, aa_view_of(list[i])))
            return true;
    return false;
}

/* `list` is words with single spaces. */
static bool is_word_of(struct aa_view text, const char *list)
{
    struct aa_view word, rest = aa_view_of(list);

    while (rest.len > 0) {
        aa_view_cut(rest, ' ', &word, &rest);
        if (word.len > 0 && aa_view_equal_nocase(text, word))
            return true;
    }
    return false;
}

static enum aa_err check_scheme(const struct aa_settings *settings, const struct aa_url *url, struct aa_error *err)
{
    if (is_one_of(url->scheme, never_schemes, sizeof never_schemes / sizeof *never_schemes))
        return aa_fail(err, AA_ERR_URL_MALFORMED, "a redirect URI must not use this scheme");
    if (aa_url_is_scheme(url, "https"))
        return AA_OK;
    if (aa_url_is_scheme(url, "http")) {
        if (aa_url_is_loopback(url))
            return AA_OK;
        return aa_fail(err, AA_ERR_URL_MALFORMED, "http redirect URIs are allowed on loopback hosts only");
    }
    if (is_word_of(url->scheme, settings->redirect_schemes))
        return AA_OK;
    return aa_fail(err, AA_ERR_URL_MALFORMED, "this private-use scheme is not allowed for redirect URIs");
}

enum aa_err aa_redirect_uri_check(const struct aa_settings *settings, struct aa_view uri, struct aa_error *err)
{
    struct aa_url url;
    enum aa_err rc;

    rc = aa_url_parse(uri, &url, err); /* refuses control characters, spaces, backslashes, non-ASCII, bad %XX */
    if (rc)
        return rc;
    if (!aa_view_is_absent(url.fragment))
        return aa_fail(err, AA_ERR_URL_MALFORMED, "a redirect URI must not have a fragment"); /* RFC 6749 §3.1.2 */
    if (!aa_view_is_absent(url.userinfo))
        return aa_fail(err, AA_ERR_URL_MALFORMED,
                       "a redirect URI must not have a user name"); /* hides the true host from people */
    if (aa_view_find(uri, '*') != SIZE_MAX)
        return aa_fail(err, AA_ERR_URL_MALFORMED, "a redirect URI must not have a wildcard");
    return check_scheme(settings, &url, err);
}

static bool same_or_both_absent(struct aa_view a, struct aa_view b)
{
    return aa_view_is_absent(a) == aa_view_is_absent(b) && (aa_view_is_absent(a) || aa_view_equal(a, b));
}

static bool has_any_port(const struct aa_url *url)
{
    return aa_url_is_scheme(url, "http") &&
           is_one_of(url->host, any_port_hosts, sizeof any_port_hosts / sizeof *any_port_hosts);
}

bool aa_redirect_uri_matches(struct aa_view registered, struct aa_view requested)
{
    struct aa_url known, asked;

    if (aa_view_equal(registered, requested))
        return true;
    if (aa_url_parse(registered, &known, NULL) || aa_url_parse(requested, &asked, NULL))
        return false;
    /* A port out of range is no port: "http://localhost:0/" must not pass as "any". */
    return has_any_port(&known) && aa_view_equal(known.scheme, asked.scheme) && aa_view_equal(known.host, asked.host) &&
           aa_url_port(&asked) > 0 && aa_view_equal(known.path, asked.path) &&
           same_or_both_absent(known.query, asked.query) && aa_view_is_absent(asked.userinfo) &&
           aa_view_is_absent(asked.fragment);
}

enum aa_redirect_kind aa_redirect_uri_kind(struct aa_view uri)
{
    struct aa_url url;

    if (aa_url_parse(uri, &url, NULL))
        return AA_REDIRECT_PRIVATE;
    if (!aa_url_is_scheme(&url, "https") && !aa_url_is_scheme(&url, "http"))
        return AA_REDIRECT_PRIVATE;
    /* https on a loopback name proves no domain either. */
    return aa_url_is_loopback(&url) || !aa_url_is_scheme(&url, "https") ? AA_REDIRECT_LOOPBACK : AA_REDIRECT_WEB;
}

/* "cIaude.ai" would pass for another. */
static void add_lower(struct aa_buf *buf, struct aa_view host)
{
    for (size_t i = 0; i < host.len; i++) {
        char c = host.data[i];

        aa_buf_add_char(buf, c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c);
    }
}

void aa_redirect_uri_add_host(struct aa_buf *buf, struct aa_view uri)
{
    struct aa_url url;

    if (aa_url_parse(uri, &url, NULL))
        return;
    if (!aa_url_is_scheme(&url, "https") && !aa_url_is_scheme(&url, "http")) {
        aa_buf_add(buf, url.scheme);
        aa_buf_add_char(buf, ':');
        return;
    }
    add_lower(buf, url.host);
    if (!aa_view_is_absent(url.port) && url.port.len > 0) {
        aa_buf_add_char(buf, ':');
        aa_buf_add(buf, url.port);
    }
}

void aa_redirect_uri_begin(struct aa_buf *location, struct aa_view uri)
{
    struct aa_view place, query;

    aa_buf_add(location, uri);
    if (!aa_view_cut(uri, '?', &place, &query))
        aa_buf_add_char(location, '?');
    else if (query.len > 0 && !aa_view_has_suffix(query, AA_VIEW("&"))) /* a "?" inside of the query is data */
        aa_buf_add_char(location, '&');
}

void aa_redirect_uri_add_parameter(struct aa_buf *location, const char *name, struct aa_view value)
{
    char last = location->len > 0 ? location->data[location->len - 1] : '?';

    if (aa_view_is_absent(value))
        return;
    if (last != '?' && last != '&')
        aa_buf_add_char(location, '&');
    aa_buf_add_text(location, name);
    aa_buf_add_char(location, '=');
    aa_buf_add_percent(location, value);
}

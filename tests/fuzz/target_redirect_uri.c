/* Redirect URIs: the registered one on the first line, the requested one on the second. */
#include "domain/redirect_uri.h"

#include "base/form.h"
#include "base/url.h"
#include "fuzz.h"

static bool is_registrable(struct aa_view uri)
{
    struct aa_settings settings;

    aa_settings_init(&settings);
    return aa_redirect_uri_check(&settings, uri, NULL) == AA_OK;
}

/* No script, file or data; nothing that hides the host from people; nothing that ends somewhere else. */
static void check_registrable(struct aa_view uri)
{
    struct aa_url url;

    MUST_OK(aa_url_parse(uri, &url, NULL));
    MUST(aa_view_is_absent(url.userinfo) && aa_view_is_absent(url.fragment));
    MUST(aa_view_find(uri, '*') == SIZE_MAX && aa_view_find(uri, '\\') == SIZE_MAX);
    MUST(!aa_view_equal_nocase(url.scheme, AA_VIEW("javascript")) &&
         !aa_view_equal_nocase(url.scheme, AA_VIEW("data")));
    MUST(!aa_view_equal_nocase(url.scheme, AA_VIEW("file")));
    MUST(!aa_url_is_scheme(&url, "http") || aa_url_is_loopback(&url));
    MUST((aa_redirect_uri_kind(uri) == AA_REDIRECT_WEB) ==
         (aa_url_is_scheme(&url, "https") && !aa_url_is_loopback(&url)));
}

/* What matches leads to the same place; only the port of a loopback host may differ. */
static void check_match(struct aa_view registered, struct aa_view requested)
{
    struct aa_url known, asked;

    if (aa_view_equal(registered, requested))
        return;
    MUST_OK(aa_url_parse(registered, &known, NULL));
    MUST_OK(aa_url_parse(requested, &asked, NULL));
    MUST(aa_url_is_scheme(&known, "http") && aa_url_is_loopback(&known) && aa_url_is_loopback(&asked));
    MUST_EQUAL(known.scheme, asked.scheme);
    MUST_EQUAL(known.host, asked.host);
    MUST_EQUAL(known.path, asked.path);
    MUST_EQUAL(known.query, asked.query);
    MUST(aa_view_is_absent(asked.userinfo) && aa_view_is_absent(asked.fragment));
    MUST(is_registrable(requested) || !is_registrable(registered));
}

/* The answer goes where the URI goes, keeps its query, and adds its parameter once and whole. */
static void check_answer(struct aa_view uri)
{
    const struct aa_view value = AA_VIEW("a&state=b#c\r\n\xc5\xbe");
    struct aa_form form;
    struct aa_url before, behind;
    struct aa_buf location;

    aa_buf_init(&location, FUZZ_TEXT_MAX);
    aa_redirect_uri_begin(&location, uri);
    aa_redirect_uri_add_parameter(&location, "aa_code", value);
    aa_redirect_uri_add_parameter(&location, "aa_left_out", AA_VIEW_ABSENT);
    if (location.len <= AA_URL_MAX) {
        MUST_OK(aa_url_parse(uri, &before, NULL));
        MUST_OK(aa_url_parse(aa_buf_view(&location), &behind, NULL));
        MUST_EQUAL(before.host, behind.host);
        MUST_EQUAL(before.path, behind.path);
        MUST(aa_view_is_absent(before.query) || aa_view_has_prefix(behind.query, before.query));
        if (!aa_form_parse(&form, behind.query, NULL)) {
            MUST(form.len > 0);
            MUST(aa_view_equal_text(form.fields[form.len - 1].name, "aa_code"));
            MUST_EQUAL(form.fields[form.len - 1].value, value);
            aa_form_clear(&form);
        }
    }
    aa_buf_clear(&location);
}

static void check_shown(struct aa_view uri)
{
    struct aa_buf shown;

    aa_buf_init(&shown, FUZZ_TEXT_MAX);
    aa_redirect_uri_add_host(&shown, uri);
    MUST(shown.len > 0 && aa_view_is_printable_ascii(aa_buf_view(&shown)));
    MUST(aa_view_find(aa_buf_view(&shown), '@') == SIZE_MAX && aa_view_find(aa_buf_view(&shown), '/') == SIZE_MAX);
    aa_buf_clear(&shown);
}

bool fuzz_one(struct aa_view input)
{
    struct aa_view rest = input, registered = fuzz_take_line(&rest);
    bool taken = is_registrable(registered);

    MUST(aa_redirect_uri_matches(registered, registered));
    if (!aa_view_is_absent(rest) && aa_redirect_uri_matches(registered, rest))
        check_match(registered, rest);
    if (!taken)
        return false;
    check_registrable(registered);
    check_answer(registered);
    check_shown(registered);
    return true;
}

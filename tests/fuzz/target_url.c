/* URLs: the parts put together are the text, and the normal form is its own normal form. */
#include "base/url.h"

#include "fuzz.h"

static void add_part(struct aa_buf *buf, const char *before, struct aa_view part, const char *behind)
{
    if (aa_view_is_absent(part))
        return;
    aa_buf_add_text(buf, before);
    aa_buf_add(buf, part);
    aa_buf_add_text(buf, behind);
}

/* RFC 3986 §5.3. */
static void check_parts(const struct aa_url *url, struct aa_view input)
{
    struct aa_buf whole;

    MUST(fuzz_is_inside(url->scheme, input) && fuzz_is_inside(url->userinfo, input));
    MUST(fuzz_is_inside(url->host, input) && fuzz_is_inside(url->port, input));
    MUST(fuzz_is_inside(url->path, input) && fuzz_is_inside(url->query, input) && fuzz_is_inside(url->fragment, input));
    aa_buf_init(&whole, FUZZ_TEXT_MAX);
    add_part(&whole, "", url->scheme, aa_view_is_absent(url->host) ? ":" : "://");
    add_part(&whole, "", url->userinfo, "@");
    add_part(&whole, "", url->host, "");
    add_part(&whole, ":", url->port, "");
    add_part(&whole, "", url->path, "");
    add_part(&whole, "?", url->query, "");
    add_part(&whole, "#", url->fragment, "");
    MUST_EQUAL(aa_buf_view(&whole), input);
    aa_buf_clear(&whole);
}

static void check_normal(const struct aa_url *url)
{
    struct aa_buf once, twice;
    struct aa_url again;

    aa_buf_init(&once, FUZZ_TEXT_MAX);
    aa_buf_init(&twice, FUZZ_TEXT_MAX);
    aa_url_add_normal(&once, url);
    MUST_OK(aa_url_parse(aa_buf_view(&once), &again, NULL));
    MUST(aa_url_port(&again) == aa_url_port(url));
    MUST(aa_url_is_loopback(&again) == aa_url_is_loopback(url));
    MUST(aa_view_equal_nocase(again.host, url->host) || aa_view_is_absent(url->host));
    aa_url_add_normal(&twice, &again);
    MUST_EQUAL(aa_buf_view(&once), aa_buf_view(&twice));
    aa_buf_clear(&once);
    aa_buf_clear(&twice);
}

/* The origin names the same place, and nothing on it. */
static void check_origin(const struct aa_url *url)
{
    struct aa_url again;
    struct aa_buf origin;

    if (aa_view_is_absent(url->host))
        return;
    aa_buf_init(&origin, FUZZ_TEXT_MAX);
    aa_url_add_origin(&origin, url);
    MUST_OK(aa_url_parse(aa_buf_view(&origin), &again, NULL));
    MUST(aa_view_equal_nocase(again.host, url->host) && aa_url_port(&again) == aa_url_port(url));
    MUST(again.path.len == 0 && aa_view_is_absent(again.query) && aa_view_is_absent(again.userinfo));
    aa_buf_clear(&origin);
}

bool fuzz_one(struct aa_view input)
{
    struct aa_url url;

    if (aa_url_parse(input, &url, NULL))
        return false;
    MUST(input.len <= AA_URL_MAX && aa_view_is_printable_ascii(input));
    MUST(aa_view_find(input, ' ') == SIZE_MAX && aa_view_find(input, '\\') == SIZE_MAX);
    MUST(aa_url_port(&url) >= 0 && aa_url_port(&url) <= 65535);
    check_parts(&url, input);
    check_normal(&url);
    check_origin(&url);
    return true;
}

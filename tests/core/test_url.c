#include "base/url.h"

#include "support_memory.h"

static enum aa_err parse(const char *text)
{
    struct aa_url url;

    return aa_url_parse(VIEW(text), &url, NULL);
}

static struct aa_url parsed(const char *text)
{
    struct aa_url url;

    CHECK_OK(aa_url_parse(VIEW(text), &url, NULL));
    return url;
}

static void check_normal(const char *text, const char *normal, const char *origin)
{
    struct aa_url url = parsed(text);
    struct aa_buf buf;

    aa_buf_init(&buf, 4096);
    aa_url_add_normal(&buf, &url);
    CHECK_VIEW(aa_buf_view(&buf), normal);
    aa_buf_reset(&buf);
    aa_url_add_origin(&buf, &url);
    CHECK_VIEW(aa_buf_view(&buf), origin);
    aa_buf_clear(&buf);
}

TEST(url, is_taken_apart_without_decoding)
{
    struct aa_url url = parsed("https://user:pw@Host.example:8443/a%2Fb?c=d&e#f");

    CHECK_VIEW(url.scheme, "https");
    CHECK_VIEW(url.userinfo, "user:pw");
    CHECK_VIEW(url.host, "Host.example");
    CHECK_VIEW(url.port, "8443");
    CHECK_VIEW(url.path, "/a%2Fb");
    CHECK_VIEW(url.query, "c=d&e");
    CHECK_VIEW(url.fragment, "f");
}

TEST(url, empty_is_not_absent)
{
    struct aa_url url = parsed("https://h?#");

    CHECK_VIEW(url.path, "");
    CHECK_VIEW(url.query, "");
    CHECK_VIEW(url.fragment, "");
    CHECK(aa_view_is_absent(url.userinfo));
    CHECK(aa_view_is_absent(url.port));
    url = parsed("https://h/");
    CHECK_VIEW(url.path, "/");
    CHECK(aa_view_is_absent(url.query));
    CHECK(aa_view_is_absent(url.fragment));
}

TEST(url, a_private_scheme_needs_no_host)
{
    struct aa_url url = parsed("com.example.app:/callback?x");

    CHECK_VIEW(url.scheme, "com.example.app");
    CHECK(aa_view_is_absent(url.host));
    CHECK_VIEW(url.path, "/callback");
    CHECK_VIEW(url.query, "x");
    url = parsed("cursor://anysphere.cursor-retrieval/oauth");
    CHECK_VIEW(url.host, "anysphere.cursor-retrieval");
    CHECK_INT(aa_url_port(&url), 0);
}

TEST(url, what_browsers_repair_is_refused)
{
    static const char *const bad[] = {
        "",
        "https",
        "https:",
        "https:/h",
        "https:h",
        "https://",
        "https:///p",
        "https://:443/",
        "//h/p",
        "/p",
        "1https://h",
        "ht tps://h",
        "https://h\\@evil.example/",
        "https:\\\\h",
        "https://h /",
        " https://h",
        "https://h\t",
        "https://h\n",
        "https://h/\"",
        "https://h/<",
        "https://h/{",
        "https://h/|",
        "https://h/^",
        "https://h/`",
        "https://h/é",
        "https://h/%",
        "https://h/%4",
        "https://h/%zz",
        "https://h%41/",
        "https://h!/",
        "https://h,i/",
        "https://a@b@h/",
        "https://h:/",
        "https://h:0/",
        "https://h:65536/",
        "https://h:08/",
        "https://h:-1/",
        "https://h:1:2/",
        "https://[::1/",
        "https://::1/",
        "https://[::1]x/",
        "https://[h]/",
        "https://[]/",
        "https://[1]/",
    };

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        CHECK_ERR(parse(bad[i]), AA_ERR_URL_MALFORMED);
    CHECK_OK(parse("https://h.example:65535/a-b_c~d!$&'()*+,;=:@%41?q=/?#f"));
    CHECK_OK(parse("https://[2001:db8::1]:1/"));
    CHECK_OK(parse("http://under_score.example"));
}

TEST(url, nul_is_no_character_of_a_url)
{
    struct aa_url url;

    CHECK_ERR(aa_url_parse(AA_VIEW("https://h/\0"), &url, NULL), AA_ERR_URL_MALFORMED);
    CHECK_ERR(aa_url_parse(AA_VIEW_ABSENT, &url, NULL), AA_ERR_URL_MALFORMED);
}

TEST(url, has_2048_bytes_at_most)
{
    char text[2050];
    struct aa_url url;

    memset(text, 'a', sizeof text);
    memcpy(text, "https://h/", 10);
    CHECK_OK(aa_url_parse(aa_view_make(text, 2048), &url, NULL));
    CHECK_ERR(aa_url_parse(aa_view_make(text, 2049), &url, NULL), AA_ERR_TOO_LONG);
}

TEST(url, ports_have_defaults)
{
    struct aa_url url = parsed("https://h");

    CHECK_INT(aa_url_port(&url), 443);
    url = parsed("HTTP://h");
    CHECK_INT(aa_url_port(&url), 80);
    url = parsed("https://h:1");
    CHECK_INT(aa_url_port(&url), 1);
    url = parsed("app://h");
    CHECK_INT(aa_url_port(&url), 0);
}

TEST(url, schemes_are_compared_without_case)
{
    struct aa_url url = parsed("HttpS://h");

    CHECK(aa_url_is_scheme(&url, "https"));
    CHECK(!aa_url_is_scheme(&url, "http"));
}

TEST(url, loopback_is_told_by_its_spelling)
{
    static const char *const loopback[] = {"http://127.0.0.1", "http://127.255.0.9:1", "http://[::1]:8000/x",
                                           "http://localhost", "http://LocalHost:3"};
    static const char *const other[] = {"http://127.1",
                                        "http://0x7f.0.0.1",
                                        "http://2130706433",
                                        "http://127.0.0.1.example",
                                        "http://127.0.0.256",
                                        "http://127.0.0",
                                        "http://127.0.0.01",
                                        "http://127.0.0.1.",
                                        "http://localhost.",
                                        "http://localhost.example",
                                        "http://xlocalhost",
                                        "http://[::2]",
                                        "http://[::ffff:127.0.0.1]",
                                        "http://[0:0:0:0:0:0:0:1]",
                                        "http://0.0.0.0",
                                        "http://128.0.0.1",
                                        "http://h",
                                        "http://127.0.0.0.1",
                                        "app:/localhost"};

    for (size_t i = 0; i < sizeof loopback / sizeof loopback[0]; i++) {
        struct aa_url url = parsed(loopback[i]);

        CHECK(aa_url_is_loopback(&url));
    }
    for (size_t i = 0; i < sizeof other / sizeof other[0]; i++) {
        struct aa_url url = parsed(other[i]);

        CHECK(!aa_url_is_loopback(&url));
    }
}

TEST(url, its_normal_form_folds_what_does_not_matter) /* RFC 3986 §6.2.2.1, §6.2.3 */
{
    check_normal("HTTPS://Host.EXAMPLE:443/A/b?C#d", "https://host.example/A/b?C", "https://host.example");
    check_normal("http://h:80", "http://h", "http://h");
    check_normal("http://h:443/", "http://h:443/", "http://h:443");
    check_normal("https://h:80/%7Ea/../b", "https://h:80/%7Ea/../b", "https://h:80");
    check_normal("https://h?", "https://h?", "https://h");
    check_normal("https://[2001:DB8::1]:8443/", "https://[2001:db8::1]:8443/", "https://[2001:db8::1]:8443");
    check_normal("App:/x", "app:/x", "app:");
}

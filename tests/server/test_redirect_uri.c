/* Redirect URIs: which may be registered, which requested one is the registered one, and how an answer is appended. */
#include "domain/redirect_uri.h"
#include "support/test.h"

#include <stdio.h>

static struct aa_settings settings_of(const char *schemes)
{
    struct aa_settings settings;

    aa_settings_init(&settings);
    if (schemes)
        settings.redirect_schemes = schemes;
    return settings;
}

static bool may_register(const char *uri)
{
    struct aa_settings settings = settings_of(NULL);

    return aa_redirect_uri_check(&settings, VIEW(uri), NULL) == AA_OK;
}

static const char *const good[] = {
    "https://app.example/callback",
    "https://app.example",
    "https://app.example:8443/cb?tenant=1&x=%20",
    "http://127.0.0.1/callback",
    "http://127.0.0.1:3118/callback",
    "http://localhost/callback",
    "http://localhost:8787/callback",
    "http://[::1]:33418/callback",
    "https://claude.ai/api/mcp/auth_callback",
    "https://chatgpt.com/connector_platform_oauth_redirect",
    "https://vscode.dev/redirect",
    "cursor://anysphere.cursor-mcp/oauth/callback",
    "vscode://vscode.microsoft-authentication",
    "vscode-insiders://x/y",
    "claude://auth",
    "windsurf://codeium.windsurf/callback",
    "zed://oauth",
    "CURSOR://anysphere.cursor-mcp/oauth/callback",
};

static const char *const bad[] = {
    "",
    "/callback",
    "//app.example/callback",
    "app.example/callback",
    "https://",
    "https:///callback",
    "http://app.example/callback", /* plain http is for loopback alone */
    "http://192.168.0.1/callback",
    "http://127.1/callback",
    "http://2130706433/callback",
    "http://0.0.0.0/callback",
    "http://localhost.example/callback",
    "http://localhost./callback",
    "http://127.0.0.1.example/callback",
    "https://app.example/callback#fragment",
    "https://app.example/callback#",
    "https://user@app.example/callback",
    "https://user:password@app.example/callback",
    "https://@app.example/callback",
    "http://127.0.0.1:80@evil.example/callback",
    "https://*.example/callback",
    "https://app.example/*",
    "https://app.example/cb?next=*",
    "https://app.example\\callback",
    "https:\\\\app.example\\callback",
    "https://app.example\\@evil.example/",
    "https://app.example/call back",
    " https://app.example/callback",
    "https://app.example/callback ",
    "https://app.example/callback\n",
    "https://app.example/\tcallback",
    "https://app.example/callback\r\nLocation: https://evil.example",
    "https://app.example/callb\x7f",
    "https://app.example/callb\xc3\xa9",
    "https://\xd0\xb0pp.example/callback", /* a Cyrillic letter */
    "https://app.example/%zz",
    "https://app.example:0/callback",
    "https://app.example:65536/callback",
    "https://app.example:x/callback",
    "https://[::1/callback",
    "javascript:alert(1)",
    "JavaScript:alert(1)",
    "javascript://app.example/%0aalert(1)",
    "data:text/html,<script>alert(1)</script>",
    "data:text/html;base64,PHNjcmlwdD4=",
    "file:///etc/passwd",
    "blob:https://app.example/1",
    "about:blank",
    "vbscript:msgbox(1)",
    "filesystem:https://app.example/x",
    "view-source:https://app.example/",
    "ws://app.example/",
    "ftp://app.example/callback",
    "myapp://callback", /* not on the list */
    "cursorx://callback",
    "com.example.app:/callback",
    "urn:ietf:wg:oauth:2.0:oob",
};

TEST(redirect_uri, https_loopback_and_listed_schemes_may_be_registered)
{
    size_t i;

    for (i = 0; i < sizeof good / sizeof *good; i++)
        if (!may_register(good[i]))
            fail_msg("%s was refused", good[i]);
}

TEST(redirect_uri, nothing_else_may)
{
    size_t i;

    for (i = 0; i < sizeof bad / sizeof *bad; i++)
        if (may_register(bad[i]))
            fail_msg("%s was accepted", bad[i]);
}

TEST(redirect_uri, no_list_can_allow_a_scheme_that_runs_or_reads_something)
{
    static const char *const never[] = {"javascript:alert(1)", "data:text/html,x", "file:///etc/passwd",
                                        "blob:https://a/b",    "about:blank",      "vbscript:x"};
    struct aa_settings settings = settings_of("javascript data file blob about vbscript myapp");
    size_t i;

    for (i = 0; i < sizeof never / sizeof *never; i++)
        CHECK_ERR(aa_redirect_uri_check(&settings, VIEW(never[i]), NULL), AA_ERR_URL_MALFORMED);
    CHECK_OK(aa_redirect_uri_check(&settings, VIEW("myapp://callback"), NULL));
    CHECK_ERR(aa_redirect_uri_check(&settings, VIEW("cursor://callback"), NULL), AA_ERR_URL_MALFORMED);
}

TEST(redirect_uri, a_nul_byte_is_refused)
{
    static const char with_nul[] = "https://app.example/\0callback";
    struct aa_settings settings = settings_of(NULL);

    CHECK_ERR(aa_redirect_uri_check(&settings, aa_view_make(with_nul, sizeof with_nul - 1), NULL),
              AA_ERR_URL_MALFORMED);
    CHECK_OK(aa_redirect_uri_check(&settings, aa_view_make(with_nul, 20), NULL));
}

TEST(redirect_uri, the_longest_is_2048_bytes)
{
    struct aa_settings settings = settings_of(NULL);
    char uri[2050];

    memset(uri, 'a', sizeof uri);
    memcpy(uri, "https://app.example/", 20);
    CHECK_OK(aa_redirect_uri_check(&settings, aa_view_make(uri, 2048), NULL));
    CHECK_ERR(aa_redirect_uri_check(&settings, aa_view_make(uri, 2049), NULL), AA_ERR_TOO_LONG);
}

TEST(redirect_uri, a_refusal_says_what_is_wrong)
{
    struct aa_settings settings = settings_of(NULL);
    struct aa_error err = AA_ERROR_INIT;

    CHECK_ERR(aa_redirect_uri_check(&settings, VIEW("https://app.example/#x"), &err), AA_ERR_URL_MALFORMED);
    CHECK(strstr(err.message, "fragment") != NULL);
}

/* ---- matching ---- */

static const struct {
    const char *registered, *requested;
    bool same;
} pairs[] = {
    {"https://app.example/cb", "https://app.example/cb", true},
    {"https://app.example/cb", "https://app.example/cb/", false},
    {"https://app.example/cb", "https://app.example/cb?a=b", false},
    {"https://app.example/cb", "https://app.example:443/cb", false},
    {"https://app.example/cb", "https://app.example:444/cb", false},
    {"https://app.example/cb", "HTTPS://app.example/cb", false},
    {"https://app.example/cb", "https://App.example/cb", false},
    {"https://app.example/cb", "https://app.example/CB", false},
    {"https://app.example/cb", "https://app.example/%63b", false},
    {"https://app.example/cb", "https://app.example/./cb", false},
    {"https://app.example/cb", "http://app.example/cb", false},
    {"https://app.example/cb", "https://app.example/c", false},
    {"https://app.example/cb", "", false},
    {"https://app.example", "https://app.example/", false},
    /* loopback: any port, the rest the same */
    {"http://127.0.0.1/cb", "http://127.0.0.1:49152/cb", true},
    {"http://127.0.0.1:1/cb", "http://127.0.0.1:65535/cb", true},
    {"http://127.0.0.1:1/cb", "http://127.0.0.1/cb", true},
    {"http://localhost/cb", "http://localhost:49152/cb", true},
    {"http://localhost:80/cb", "http://localhost:49152/cb", true},
    {"http://[::1]/cb", "http://[::1]:49152/cb", true},
    {"http://localhost/cb?a=b", "http://localhost:49152/cb?a=b", true},
    {"http://localhost/cb?a=b", "http://localhost:49152/cb", false},
    {"http://localhost/cb", "http://localhost:49152/cb?a=b", false},
    {"http://localhost/cb", "http://localhost:49152/cb?", false},
    {"http://localhost/cb", "http://localhost:49152/other", false},
    {"http://localhost/cb", "http://localhost:49152/cb#x", false},
    {"http://localhost/cb", "http://x@localhost:49152/cb", false},
    {"http://localhost/cb", "http://localhost:0/cb", false},
    {"http://localhost/cb", "http://localhost:65536/cb", false},
    {"http://localhost/cb", "http://localhost:/cb", false},
    {"http://localhost/cb", "http://localhost:049152/cb", false},
    {"http://localhost/cb", "http://127.0.0.1:49152/cb", false},
    {"http://127.0.0.1/cb", "http://[::1]:49152/cb", false},
    {"http://localhost/cb", "https://localhost:49152/cb", false},
    {"http://localhost/cb", "http://localhost.evil.example:49152/cb", false},
    {"http://127.0.0.1/cb", "http://127.0.0.1:1@evil.example/cb", false},
    {"http://127.0.0.1/cb", "http://127.0.0.1\\@evil.example/cb", false},
    {"http://127.0.0.2/cb", "http://127.0.0.2:49152/cb", false}, /* nobody asks for it */
    {"http://127.0.0.2/cb", "http://127.0.0.2/cb", true},
    /* never for https, and never for a scheme of an app */
    {"https://localhost/cb", "https://localhost:49152/cb", false},
    {"https://127.0.0.1/cb", "https://127.0.0.1:49152/cb", false},
    {"cursor://localhost/cb", "cursor://localhost:49152/cb", false},
    {"cursor://x/cb", "cursor://x/cb", true},
    {"cursor://x/cb", "CURSOR://x/cb", false},
};

TEST(redirect_uri, matches_byte_for_byte_but_for_the_port_of_a_loopback_host)
{
    size_t i;

    for (i = 0; i < sizeof pairs / sizeof *pairs; i++)
        if (aa_redirect_uri_matches(VIEW(pairs[i].registered), VIEW(pairs[i].requested)) != pairs[i].same)
            fail_msg("%s and %s", pairs[i].registered, pairs[i].requested);
}

/* ---- what proves the client ---- */

TEST(redirect_uri, only_an_https_host_proves_who_answers)
{
    CHECK_INT(aa_redirect_uri_kind(VIEW("https://app.example/cb")), AA_REDIRECT_WEB);
    CHECK_INT(aa_redirect_uri_kind(VIEW("http://127.0.0.1:1/cb")), AA_REDIRECT_LOOPBACK);
    CHECK_INT(aa_redirect_uri_kind(VIEW("http://localhost/cb")), AA_REDIRECT_LOOPBACK);
    CHECK_INT(aa_redirect_uri_kind(VIEW("http://[::1]/cb")), AA_REDIRECT_LOOPBACK);
    CHECK_INT(aa_redirect_uri_kind(VIEW("https://localhost/cb")), AA_REDIRECT_LOOPBACK);
    CHECK_INT(aa_redirect_uri_kind(VIEW("https://127.0.0.1/cb")), AA_REDIRECT_LOOPBACK);
    CHECK_INT(aa_redirect_uri_kind(VIEW("cursor://x/cb")), AA_REDIRECT_PRIVATE);
    CHECK_INT(aa_redirect_uri_kind(VIEW("not a url")), AA_REDIRECT_PRIVATE);
}

TEST(redirect_uri, people_are_shown_the_host_or_the_scheme)
{
    static const char *const shown[][2] = {
        {"https://app.example/cb", "app.example"},       {"https://app.example:8443/cb", "app.example:8443"},
        {"http://127.0.0.1:3118/cb", "127.0.0.1:3118"},  {"http://[::1]/cb", "[::1]"},
        {"cursor://anysphere.cursor-mcp/cb", "cursor:"}, {"https://cIaude.ai/cb", "ciaude.ai"},
    };
    size_t i;

    for (i = 0; i < sizeof shown / sizeof *shown; i++) {
        struct aa_buf buf;

        aa_buf_init(&buf, 256);
        aa_redirect_uri_add_host(&buf, VIEW(shown[i][0]));
        CHECK_VIEW(aa_buf_view(&buf), shown[i][1]);
        aa_buf_clear(&buf);
    }
}

TEST(redirect_uri, an_answer_is_appended_to_the_query_there_is)
{
    static const char *const built[][2] = {
        {"https://app.example/cb", "https://app.example/cb?code=a%20b&state=c%26d"},
        {"https://app.example", "https://app.example?code=a%20b&state=c%26d"},
        {"https://app.example/cb?", "https://app.example/cb?code=a%20b&state=c%26d"},
        {"https://app.example/cb?x=1", "https://app.example/cb?x=1&code=a%20b&state=c%26d"},
        {"https://app.example/cb?x=1&", "https://app.example/cb?x=1&code=a%20b&state=c%26d"},
        {"https://app.example/cb?x=1?", "https://app.example/cb?x=1?&code=a%20b&state=c%26d"},
        {"cursor://x/cb", "cursor://x/cb?code=a%20b&state=c%26d"},
    };
    size_t i;

    for (i = 0; i < sizeof built / sizeof *built; i++) {
        struct aa_buf buf;

        aa_buf_init(&buf, 256);
        aa_redirect_uri_begin(&buf, VIEW(built[i][0]));
        aa_redirect_uri_add_parameter(&buf, "code", VIEW("a b"));
        aa_redirect_uri_add_parameter(&buf, "absent", AA_VIEW_ABSENT);
        aa_redirect_uri_add_parameter(&buf, "state", VIEW("c&d"));
        CHECK_VIEW(aa_buf_view(&buf), built[i][1]);
        aa_buf_clear(&buf);
    }
}

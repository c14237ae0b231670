/* GET /authorize: what is proven before anything is rendered or redirected, and what is told to whom. Each rule is
 * broken alone; the request it is broken in is good without that. */
#include <stdio.h>
#include <stdlib.h>

#include "domain/pending.h"
#include "domain/secret.h"
#include "support_browser.h"

#define UNLISTED "https://evil.example/callback"

static void check_login(const struct browser *b)
{
    CHECK_INT(b->status, 303);
    CHECK_INT(strncmp(b->location, "/login?request=", 15), 0);
}

/* ---- the good request ---- */

TEST(authorize, a_good_request_goes_to_the_login_page_with_a_cookie_of_its_own)
{
    struct site site;
    struct browser b;
    struct query q;

    site_open(&site);
    browser_open(&b, &site);
    q = query_for(&site, WEB_URI);
    browser_authorize(&b, &q);
    check_login(&b);
    CHECK(strstr(b.headers, "Cache-Control: no-store\n") != NULL);
    CHECK(strstr(b.headers, "; HttpOnly; SameSite=Lax; Max-Age=600\n") != NULL);
    CHECK_INT(b.cookie_count, 1);
    CHECK(browser_cookie(&b, "aa_tx_") != NULL);
    CHECK_INT(strncmp(b.cookies[0].name + 6, b.location + 15, 8), 0); /* named after the request */
    CHECK(strstr(b.location, b.cookies[0].value) == NULL);            /* and not told in the address */
    browser_follow(&b);
    browser_check_page(&b, 200);
    CHECK(browser_shows(&b, "name=\"password\""));
    CHECK(browser_shows(&b, "Files of the house"));
    CHECK(browser_shows(&b, "Test app"));
    site_close(&site);
}

TEST(authorize, who_is_logged_in_goes_to_the_consent_page)
{
    struct site site;
    struct browser b;
    struct query q;

    site_open(&site);
    browser_open(&b, &site);
    q = query_for(&site, WEB_URI);
    browser_log_in(&b, &site, site.ann);
    browser_authorize(&b, &q);
    CHECK_INT(strncmp(b.location, "/consent?request=", 17), 0);
    browser_follow(&b);
    browser_check_page(&b, 200);
    CHECK(browser_shows(&b, ANN));
    site_close(&site);
}

TEST(authorize, with_an_https_issuer_the_cookies_are_secure_and_bound_to_the_host)
{
    struct site site;
    struct browser b;
    struct query q;

    site_open(&site);
    site.f.app.settings.issuer = "https://auth.example";
    site.f.app.settings.issuer_secure = true;
    browser_open(&b, &site);
    q = query_for(&site, WEB_URI);
    browser_authorize(&b, &q);
    CHECK(strstr(b.headers, "Set-Cookie: __Host-aa_tx_") != NULL);
    CHECK(strstr(b.headers, "; Secure\n") != NULL);
    browser_follow(&b);
    browser_check_page(&b, 200);
    site_close(&site);
}

TEST(authorize, an_issuer_with_a_path_keeps_to_its_path)
{
    struct site site;
    struct browser b;
    struct query q;

    site_open(&site);
    site.f.app.settings.issuer = "http://localhost:8788/auth";
    browser_open(&b, &site);
    q = query_for(&site, LOOPBACK_URI);
    browser_authorize(&b, &q);
    CHECK_INT(strncmp(b.location, "/auth/login?request=", 20), 0);
    browser_get(&b, b.location + 5);
    CHECK(browser_shows(&b, "action=\"/auth/login\""));
    CHECK(browser_shows(&b, "href=\"/auth/style.css?v="));
    query_set(&q, "response_type", "token");
    browser_authorize(&b, &q);
    CHECK(strstr(b.location, "&iss=http%3A%2F%2Flocalhost%3A8788%2Fauth") != NULL);
    site_close(&site);
}

/* ---- client and redirect URI: until they are proven, our own page ---- */

static const struct {
    const char *name, *value;
    bool twice;
} unproven[] = {
    {"client_id", NULL, false},
    {"client_id", "", false},
    {"client_id", "cl_0000000000000000", false},
    {"client_id", "cl_0000000000000000", true}, /* a second one, beside the good one */
    {"redirect_uri", UNLISTED, false},
    {"redirect_uri", UNLISTED, true},
    {"redirect_uri", WEB_URI, true},
    {"redirect_uri", NULL, false}, /* the client has two */
    {"redirect_uri", "https://app.example/callback/", false},
    {"redirect_uri", "https://app.example/callback?x=1", false},
    {"redirect_uri", "https://app.example/callback#x", false},
    {"redirect_uri", "https://app.example:8443/callback", false},
    {"redirect_uri", "https://APP.example/callback", false},
    {"redirect_uri", "https://app.example/CALLBACK", false},
    {"redirect_uri", "https://app.example/x/../callback", false},
    {"redirect_uri", "https://app.example/%63allback", false},
    {"redirect_uri", "http://app.example/callback", false},
    {"redirect_uri", "https://evil@app.example/callback", false},
    {"redirect_uri", "https://app.example@evil.example/callback", false},
    {"redirect_uri", "https://app.example.evil.example/callback", false},
    {"redirect_uri", "https://app.example\\@evil.example/callback", false},
    {"redirect_uri", "https://*.example/callback", false},
    {"redirect_uri", "https://app.example/callback\r\nSet-Cookie: a=b", false},
    {"redirect_uri", " https://app.example/callback", false},
    {"redirect_uri", "https://127.0.0.1:3118/callback", false}, /* https is never loopback's exception */
    {"redirect_uri", "http://127.0.0.1:3118/callback#x", false},
    {"redirect_uri", "http://127.0.0.1:3118/other", false},
    {"redirect_uri", "http://localhost:3118/callback", false}, /* registered was 127.0.0.1 */
    {"redirect_uri", "http://127.0.0.1.evil.example:3118/callback", false},
    {"redirect_uri", "http://127.0.0.1:3118@evil.example/callback", false},
    {"redirect_uri", "http://127.0.0.1:0/callback", false},
    {"redirect_uri", "http://127.0.0.1:65536/callback", false},
    {"redirect_uri", "javascript:alert(1)", false},
    {"redirect_uri", "//evil.example/callback", false},
    {"redirect_uri", "/callback", false},
};

TEST(authorize, an_unproven_client_or_redirect_uri_stays_on_our_own_page)
{
    struct site site;
    struct browser b;
    size_t i;

    site_open(&site);
    for (i = 0; i < sizeof unproven / sizeof *unproven; i++) {
        struct query q = query_for(&site, WEB_URI);

        browser_open(&b, &site);
        browser_authorize(&b, &q); /* good without the change */
        check_login(&b);
        browser_open(&b, &site);
        if (unproven[i].twice)
            query_add(&q, unproven[i].name, unproven[i].value);
        else
            query_set(&q, unproven[i].name, unproven[i].value);
        /* Whatever else is wrong may not open the way to a redirect either. */
        query_set(&q, "response_type", "token");
        browser_authorize(&b, &q);
        if (b.status != 400)
            fail_msg("%s=%s was answered %d", unproven[i].name, unproven[i].value ? unproven[i].value : "(none)",
                     b.status);
        browser_check_page(&b, 400);
        CHECK_INT(b.cookie_count, 0);
        CHECK(!browser_shows(&b, "evil"));
        CHECK(browser_shows(&b, "req-for-the-log"));
    }
    site_close(&site);
}

TEST(authorize, a_registered_redirect_uri_is_proven_before_any_error_is_sent_to_it)
{
    struct site site;
    struct browser b;
    struct query q;

    site_open(&site);
    browser_open(&b, &site);
    q = query_for(&site, LOOPBACK_URI);
    query_set(&q, "response_type", "token");
    browser_authorize(&b, &q);
    browser_check_error(&b, LOOPBACK_URI "?", "unsupported_response_type");
    CHECK_INT(b.cookie_count, 0);
    CHECK_TEXT(b.page, "");
    site_close(&site);
}

TEST(authorize, a_loopback_redirect_may_use_any_port)
{
    static const char *const registered[] = {"[\"http://127.0.0.1/cb?a=b\"]", "[\"http://localhost:1/cb?a=b\"]",
                                             "[\"http://[::1]:80/cb?a=b\"]"};
    static const char *const asked[][2] = {
        {"http://127.0.0.1:49152/cb?a=b", "http://127.0.0.1/cb?a=b"},
        {"http://localhost:65535/cb?a=b", "http://localhost/cb?a=b"},
        {"http://[::1]:1/cb?a=b", "http://[::1]:33418/cb?a=b"},
    };
    struct site site;
    struct browser b;
    size_t i, k;

    site_open(&site);
    for (i = 0; i < 3; i++) {
        site_register(&site, "Command line", registered[i], site.client_id);
        for (k = 0; k < 2; k++) {
            struct query q = query_for(&site, asked[i][k]);

            browser_open(&b, &site);
            browser_authorize(&b, &q);
            check_login(&b);
            query_set(&q, "response_type", "token");
            browser_authorize(&b, &q); /* and the answer goes to that port */
            browser_check_error(&b, asked[i][k], "unsupported_response_type");
        }
    }
    site_close(&site);
}

TEST(authorize, a_client_with_one_redirect_uri_need_not_send_it)
{
    struct site site;
    struct browser b;
    struct query q;

    site_open(&site);
    site_register(&site, "One", "[\"" LOOPBACK_URI "\"]", site.client_id);
    browser_open(&b, &site);
    q = query_for(&site, NULL);
    browser_authorize(&b, &q);
    check_login(&b);
    query_set(&q, "response_type", "token");
    browser_authorize(&b, &q);
    browser_check_error(&b, LOOPBACK_URI "?", "unsupported_response_type");
    site_close(&site);
}

TEST(authorize, a_client_that_was_never_used_is_unknown_after_an_hour)
{
    struct site site;
    struct browser b;
    struct query q;

    site_open(&site);
    browser_open(&b, &site);
    q = query_for(&site, WEB_URI);
    site.f.now_ms += INT64_C(3600) * 1000;
    browser_authorize(&b, &q);
    browser_check_page(&b, 400);
    site.f.now_ms -= 1;
    browser_authorize(&b, &q);
    check_login(&b);
    site.f.now_ms += 599999; /* the hour is over, but not under somebody's hands */
    browser_follow(&b);
    browser_check_page(&b, 200);
    site_close(&site);
}

TEST(authorize, a_malformed_query_is_refused_on_our_page)
{
    static const char *const queries[] = {
        "", "?", "?%", "?client_id=%zz", "?client_id=%00", "?client_id=%ff", "?=&=&==", "?client_id&redirect_uri"};
    struct site site;
    struct browser b;
    size_t i;

    site_open(&site);
    for (i = 0; i < sizeof queries / sizeof *queries; i++) {
        char url[128];

        snprintf(url, sizeof url, "/authorize%s", queries[i]);
        browser_open(&b, &site);
        browser_get(&b, url);
        browser_check_page(&b, 400);
    }
    site_close(&site);
}

/* ---- everything else is told to the client ---- */

static const struct {
    const char *name, *value;
    const char *error;
    bool twice;
} refused[] = {
    {"response_type", NULL, "invalid_request", false},
    {"response_type", "", "invalid_request", false},
    {"response_type", "token", "unsupported_response_type", false},
    {"response_type", "code token", "unsupported_response_type", false},
    {"response_type", "CODE", "unsupported_response_type", false},
    {"response_type", "code", "invalid_request", true},
    {"response_mode", "fragment", "invalid_request", false},
    {"response_mode", "form_post", "invalid_request", false},
    {"code_challenge", NULL, "invalid_request", false},
    {"code_challenge", "", "invalid_request", false},
    {"code_challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-c", "invalid_request", false},   /* 42 */
    {"code_challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cMM", "invalid_request", false}, /* 44 */
    {"code_challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw+cM", "invalid_request", false},
    {"code_challenge", CHALLENGE, "invalid_request", true},
    {"code_challenge_method", NULL, "invalid_request", false},
    {"code_challenge_method", "plain", "invalid_request", false},
    {"code_challenge_method", "s256", "invalid_request", false},
    {"code_challenge_method", "S256", "invalid_request", true},
    {"resource", "https://other.example/mcp", "invalid_target", false},
    {"resource", "https://files.example/mcp/", "invalid_target", false},
    {"resource", "https://files.example/mcp#x", "invalid_target", false},
    {"resource", "https://files.example/", "invalid_target", false},
    {"resource", "not a url", "invalid_target", false},
    {"resource", SERVER_URL, "invalid_target", true},
    {"resource", "https://other.example/mcp", "invalid_target", true},
    {"scope", "files:read \"quoted\"", "invalid_scope", false},
    {"scope", "files:read", "invalid_request", true},
    {"prompt", "none", "login_required", false},
    {"prompt", "none login", "invalid_request", false},
    {"prompt", "none consent", "invalid_request", false},
    {"prompt", "none something", "invalid_request", false},
    {"request", "eyJhbGciOiJub25lIn0.e30.", "request_not_supported", false},
    {"request_uri", "https://app.example/request", "request_uri_not_supported", false},
    {"unknown", "1", NULL, false},
};

TEST(authorize, whatever_else_is_wrong_is_told_to_the_client_with_state_and_issuer)
{
    struct site site;
    struct browser b;
    size_t i;

    site_open(&site);
    for (i = 0; i < sizeof refused / sizeof *refused; i++) {
        struct query q = query_for(&site, LOOPBACK_URI);
        char text[256];

        browser_open(&b, &site);
        browser_authorize(&b, &q); /* good without the change */
        check_login(&b);
        browser_open(&b, &site);
        if (refused[i].twice)
            query_add(&q, refused[i].name, refused[i].value);
        else
            query_set(&q, refused[i].name, refused[i].value);
        browser_authorize(&b, &q);
        if (!refused[i].error) { /* the control of the table itself */
            check_login(&b);
            continue;
        }
        if (b.status != 303 || !strstr(b.location, refused[i].error))
            fail_msg("%s=%s was answered %d %s", refused[i].name, refused[i].value, b.status, b.location);
        browser_check_error(&b, LOOPBACK_URI "?", refused[i].error);
        CHECK(browser_answer(&b, "error_description", text, sizeof text));
        CHECK(browser_answer(&b, "state", text, sizeof text));
        CHECK_TEXT(text, "state-1");
        CHECK(browser_answer(&b, "iss", text, sizeof text));
        CHECK_TEXT(text, "http://localhost:8788");
        CHECK_INT(b.cookie_count, 0);
    }
    site_close(&site);
}

TEST(authorize, a_state_sent_twice_is_refused_and_neither_comes_back)
{
    struct site site;
    struct browser b;
    struct query q;
    char text[64];

    site_open(&site);
    browser_open(&b, &site);
    q = query_for(&site, LOOPBACK_URI);
    browser_authorize(&b, &q);
    check_login(&b);
    query_add(&q, "state", "state-2");
    browser_authorize(&b, &q);
    browser_check_error(&b, LOOPBACK_URI "?", "invalid_request");
    CHECK(!browser_answer(&b, "state", text, sizeof text)); /* nobody knows which */
    site_close(&site);
}

TEST(authorize, what_we_do_not_know_is_ignored_however_often_it_is_sent)
{
    struct site site;
    struct browser b;
    struct query q;

    site_open(&site);
    browser_open(&b, &site);
    q = query_for(&site, WEB_URI);
    query_add(&q, "nonce", "1");
    query_add(&q, "nonce", "2");
    query_add(&q, "ui_locales", "de");
    browser_authorize(&b, &q);
    check_login(&b);
    site_close(&site);
}

TEST(authorize, the_issuer_is_left_out_when_the_settings_say_so)
{
    struct site site;
    struct browser b;
    struct query q;
    char text[64];

    site_open(&site);
    site.f.app.settings.iss_parameter = false;
    browser_open(&b, &site);
    q = query_for(&site, LOOPBACK_URI);
    query_set(&q, "response_type", "token");
    browser_authorize(&b, &q);
    browser_check_error(&b, LOOPBACK_URI "?", "unsupported_response_type");
    CHECK(!browser_answer(&b, "iss", text, sizeof text));
    site_close(&site);
}

TEST(authorize, an_error_keeps_the_query_of_the_redirect_uri)
{
    struct site site;
    struct browser b;
    struct query q;

    site_open(&site);
    site_register(&site, "With a query", "[\"http://127.0.0.1/cb?tenant=1\"]", site.client_id);
    browser_open(&b, &site);
    q = query_for(&site, "http://127.0.0.1/cb?tenant=1");
    query_set(&q, "response_type", "token");
    browser_authorize(&b, &q);
    browser_check_error(&b, "http://127.0.0.1/cb?tenant=1&error=", "unsupported_response_type");
    site_close(&site);
}

/* ---- tolerated ---- */

TEST(authorize, state_is_optional_and_comes_back_byte_for_byte)
{
    static const char *const states[] = {"a", "a b+c&d=e%20f#g?h",   "\xc3\xa9\xe2\x82\xac", "\"<>'\\`{}|^~", "=",
                                         "&", "eyJhIjoiYiJ9.e30/+=="};
    struct site site;
    struct browser b;
    struct query q;
    char text[256];
    size_t i;

    site_open(&site);
    browser_open(&b, &site);
    q = query_for(&site, LOOPBACK_URI);
    query_set(&q, "prompt", "none");
    for (i = 0; i < sizeof states / sizeof *states; i++) {
        query_set(&q, "state", states[i]);
        browser_authorize(&b, &q);
        CHECK(browser_answer(&b, "state", text, sizeof text));
        CHECK_TEXT(text, states[i]);
    }
    query_set(&q, "state", NULL);
    browser_authorize(&b, &q);
    browser_check_error(&b, LOOPBACK_URI "?", "login_required");
    CHECK(!browser_answer(&b, "state", text, sizeof text));
    site_close(&site);
}

TEST(authorize, every_parameter_has_a_cap)
{
    static const struct {
        const char *name;
        size_t max;
        char letter;
        bool is_good; /* at the cap */
    } caps[] = {
        {"state", 2048, 's', true},        {"scope", 2048, 'x', true},          {"prompt", 256, 'p', true},
        {"resource", 2048, 'r', false},    {"code_challenge", 128, 'c', false}, {"response_mode", 64, 'm', false},
        {"response_type", 64, 't', false},
    };
    struct site site;
    struct browser b;
    size_t i;

    site_open(&site);
    for (i = 0; i < sizeof caps / sizeof *caps; i++) {
        char text[4096], found[4096];
        struct query q = query_for(&site, LOOPBACK_URI);

        memset(text, caps[i].letter, caps[i].max + 1);
        text[caps[i].max] = '\0';
        query_set(&q, caps[i].name, text);
        browser_open(&b, &site);
        browser_authorize(&b, &q);
        if (caps[i].is_good)
            check_login(&b);
        else
            CHECK(b.status == 303 && !strstr(b.location, "too%20long"));
        text[caps[i].max] = caps[i].letter;
        text[caps[i].max + 1] = '\0';
        query_set(&q, caps[i].name, text);
        browser_authorize(&b, &q);
        browser_check_error(&b, LOOPBACK_URI "?", "invalid_request");
        CHECK(browser_answer(&b, "state", found, sizeof found) == (strcmp(caps[i].name, "state") != 0));
    }
    site_close(&site);
}

TEST(authorize, the_longest_state_with_every_byte_escaped_still_comes_back)
{
    struct site site;
    struct browser b;
    struct query q;
    char longest[2049], found[4096];

    site_open(&site);
    browser_open(&b, &site);
    q = query_for(&site, LOOPBACK_URI);
    memset(longest, '%', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    query_set(&q, "state", longest);
    query_set(&q, "prompt", "none");
    browser_authorize(&b, &q);
    browser_check_error(&b, LOOPBACK_URI "?", "login_required");
    CHECK(browser_answer(&b, "state", found, sizeof found));
    CHECK_TEXT(found, longest);
    site_close(&site);
}

/* What was kept of the request that the last answer began. */
static void open_begun(struct site *site, struct browser *b, struct aa_pending *pending)
{
    const char *id = strchr(b->location, '=');

    CHECK(id != NULL);
    CHECK_OK(aa_pending_open(&site->f.app, VIEW(id + 1), VIEW(browser_cookie(b, "aa_tx_")), pending, NULL));
}

TEST(authorize, unknown_scopes_are_dropped_and_no_scope_means_the_defaults)
{
    static const struct {
        const char *asked, *kept;
    } cases[] = {
        {"files:read", "files:read"},
        {"files:write files:read", "files:write files:read"},
        {"openid files:read profile offline_access", "files:read"},
        {"files:read files:read", "files:read"},
        {"Files:Read files:write", "files:write"},
        {"openid email", "files:read files:write"}, /* nothing we know is nothing asked for */
        {"", "files:read files:write"},
        {NULL, "files:read files:write"},
    };
    struct site site;
    size_t i;

    site_open(&site);
    for (i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct query q = query_for(&site, WEB_URI);
        struct aa_pending pending = {0};
        struct browser b;

        browser_open(&b, &site);
        query_set(&q, "scope", cases[i].asked);
        browser_authorize(&b, &q);
        open_begun(&site, &b, &pending);
        CHECK_VIEW(pending.request.scope, cases[i].kept);
        aa_pending_clear(&pending);
    }
    site_close(&site);
}

TEST(authorize, a_resource_is_found_however_it_is_spelt_and_need_not_be_said_when_there_is_one)
{
    static const char *const spelt[] = {SERVER_URL, "HTTPS://FILES.EXAMPLE/mcp", "https://files.example:443/mcp", NULL};
    struct site site;
    size_t i;

    site_open(&site);
    for (i = 0; i < sizeof spelt / sizeof *spelt; i++) {
        struct query q = query_for(&site, WEB_URI);
        struct aa_pending pending = {0};
        struct browser b;

        browser_open(&b, &site);
        query_set(&q, "resource", spelt[i]);
        browser_authorize(&b, &q);
        open_begun(&site, &b, &pending);
        CHECK_VIEW(pending.server.server_url, SERVER_URL);
        CHECK(aa_view_is_absent(pending.request.resource_sent) == !spelt[i]);
        aa_pending_clear(&pending);
    }
    site_close(&site);
}

TEST(authorize, with_two_servers_the_resource_must_be_said)
{
    struct site site;
    struct browser b;
    struct query q;

    site_open(&site);
    browser_open(&b, &site);
    q = query_for(&site, LOOPBACK_URI);
    query_set(&q, "resource", NULL);
    browser_authorize(&b, &q);
    check_login(&b);
    site_add_server(&site, "https://second.example", "notes:read");
    browser_authorize(&b, &q);
    browser_check_error(&b, LOOPBACK_URI "?", "invalid_target");
    query_set(&q, "resource", "https://second.example/"); /* as URL.href writes it */
    browser_authorize(&b, &q);
    check_login(&b);
    site_close(&site);
}

TEST(authorize, every_prompt_is_accepted_and_login_means_a_new_login)
{
    static const struct {
        const char *prompt, *next;
    } cases[] = {
        {"consent", "/consent"}, {"select_account", "/consent"}, {"something", "/consent"},
        {"login", "/login"},     {"login consent", "/login"},    {"  consent  something ", "/consent"},
        {"none", "/consent"},    {"create", "/consent"},
    };
    struct site site;
    size_t i;

    site_open(&site);
    for (i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct query q = query_for(&site, WEB_URI);
        struct browser b;

        browser_open(&b, &site);
        browser_log_in(&b, &site, site.ann);
        query_set(&q, "prompt", cases[i].prompt);
        browser_authorize(&b, &q);
        CHECK_INT(b.status, 303);
        if (strncmp(b.location, cases[i].next, strlen(cases[i].next)) != 0)
            fail_msg("prompt=%s went to %s", cases[i].prompt, b.location);
    }
    site_close(&site);
}

TEST(authorize, response_mode_query_is_what_we_do)
{
    struct site site;
    struct browser b;
    struct query q;

    site_open(&site);
    browser_open(&b, &site);
    q = query_for(&site, WEB_URI);
    query_set(&q, "response_mode", "query");
    browser_authorize(&b, &q);
    check_login(&b);
    site_close(&site);
}

TEST(authorize, only_get_is_answered)
{
    struct site site;
    struct browser b;
    struct query q;

    site_open(&site);
    browser_open(&b, &site);
    q = query_for(&site, WEB_URI);
    browser_post(&b, "/authorize", query_url(&q) + 11);
    CHECK_INT(b.status, 405);
    CHECK(strstr(b.headers, "Access-Control") == NULL);
    site_close(&site);
}

/* ---- many, and trouble ---- */

TEST(authorize, a_browser_that_began_very_many_requests_forgets_the_oldest)
{
    struct site site;
    struct browser b;
    struct query q;
    size_t i;

    site_open(&site);
    browser_open(&b, &site);
    q = query_for(&site, WEB_URI);
    for (i = 0; i < 12; i++)
        browser_authorize(&b, &q);
    CHECK_INT(b.cookie_count, 12);
    for (i = 0; i < 30; i++) {
        browser_authorize(&b, &q);
        CHECK(b.cookie_count <= 12);
    }
    browser_follow(&b); /* the newest works */
    browser_check_page(&b, 200);
    site_close(&site);
}

TEST(authorize, nothing_secret_is_logged)
{
    struct site site;
    struct browser b;
    struct query q;

    site_open(&site);
    browser_open(&b, &site);
    q = query_for(&site, UNLISTED);
    query_set(&q, "state", "the-secret-state");
    browser_authorize(&b, &q);
    browser_check_page(&b, 400);
    CHECK(strstr(site.f.log, "did not register this redirect_uri") != NULL); /* it was logged */
    CHECK(strstr(site.f.log, "secret") == NULL && strstr(site.f.log, CHALLENGE) == NULL);
    site_close(&site);
}

TEST(authorize, junk_is_never_answered_with_5xx)
{
    struct site site;
    struct browser b;
    unsigned seed = 1;
    int round;

    site_open(&site);
    for (round = 0; round < 400; round++) {
        struct query q = query_for(&site, WEB_URI);
        char junk[64];
        size_t i, which;

        for (i = 0; i < sizeof junk - 1; i++) {
            seed = seed * 1103515245u + 12345u;
            junk[i] = (char)(1 + (seed >> 16) % 126);
        }
        junk[(seed >> 8) % (sizeof junk - 1)] = '\0';
        junk[sizeof junk - 1] = '\0';
        which = seed % q.count;
        q.items[which].value = junk;
        browser_open(&b, &site);
        browser_authorize(&b, &q);
        CHECK(b.status == 400 || b.status == 303);
        memmove(q.text + 11, junk, strlen(junk) + 1); /* and raw, where the query stood */
        browser_get(&b, q.text);
        CHECK(b.status == 400 || b.status == 303);
    }
    site_close(&site);
}

static struct query memory_query;

static void prepare_query(struct site *site, struct browser *b)
{
    (void)b;
    memory_query = query_for(site, WEB_URI);
    query_url(&memory_query);
}

static void visit_authorize(struct site *site, struct browser *b)
{
    (void)site;
    browser_get(b, memory_query.text);
}

TEST(authorize, out_of_memory_at_any_point_is_answered_as_trouble_of_ours)
{
    struct site site;

    site_open(&site);
    browser_fail_memory(&site, prepare_query, visit_authorize, NULL, 303);
    site_close(&site);
}

/* The login page: who may log in, in which browser, and what a wrong answer tells. */
#include <stdio.h>

#include "support_browser.h"

#define CREDENTIALS "&email=ann%40example.com&password=correct+horse+battery+staple"
#define WRONG "&email=ann%40example.com&password=wrong"

static void begin(struct site *site, struct browser *b)
{
    struct query q;

    site_open(site);
    site_set_password(site, ANN);
    browser_open(b, site);
    q = query_for(site, WEB_URI);
    browser_authorize(b, &q);
    browser_follow(b);
    browser_check_page(b, 200);
}

TEST(login, the_right_password_leads_on_to_the_consent_page)
{
    struct site site;
    struct browser b;

    begin(&site, &b);
    browser_submit(&b, "/login", CREDENTIALS);
    CHECK_INT(b.status, 303);
    CHECK_INT(strncmp(b.location, "/consent?request=", 17), 0);
    CHECK(browser_cookie(&b, "aa_session") != NULL);
    CHECK(strstr(b.headers, "Max-Age=1209600") != NULL);
    browser_follow(&b);
    browser_check_page(&b, 200);
    CHECK(browser_shows(&b, ANN));
    site_close(&site);
}

TEST(login, a_wrong_password_and_an_unknown_person_are_told_the_same)
{
    static const char *const wrong[] = {
        WRONG,
        "&email=nobody%40example.com&password=wrong",
        "&email=bob%40example.com&password=correct+horse+battery+staple", /* has no password */
        "&email=&password=",
        "",
        "&email=ann%40example.com",
    };
    struct site site;
    struct browser b;
    size_t i;

    begin(&site, &b);
    for (i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        browser_submit(&b, "/login", wrong[i]);
        browser_check_page(&b, 403);
        CHECK(browser_shows(&b, "The e-mail address or the password is wrong."));
        CHECK(browser_cookie(&b, "aa_session") == NULL);
    }
    browser_submit(&b, "/login", CREDENTIALS); /* the page shown again works */
    CHECK_INT(b.status, 303);
    site_close(&site);
}

TEST(login, what_was_typed_comes_back_escaped_and_without_the_password)
{
    struct site site;
    struct browser b;

    begin(&site, &b);
    browser_submit(&b, "/login", "&email=%22%3E%3Cscript%3Ealert(1)%3C%2Fscript%3E&password=hunter-two");
    browser_check_page(&b, 403);
    CHECK(browser_shows(&b, "&lt;script&gt;alert(1)"));
    CHECK(!browser_shows(&b, "<script>"));
    CHECK(!browser_shows(&b, "hunter-two"));
    CHECK(strstr(site.f.log, "hunter-two") == NULL);
    site_close(&site);
}

TEST(login, the_session_changes_with_the_login_and_the_old_one_is_over)
{
    struct site site;
    struct browser b;
    char planted[128];

    begin(&site, &b);
    browser_log_in(&b, &site, site.bob); /* somebody planted their own session here */
    snprintf(planted, sizeof planted, "%s", browser_cookie(&b, "aa_session"));
    browser_submit(&b, "/login", CREDENTIALS);
    CHECK_INT(b.status, 303);
    CHECK(strcmp(browser_cookie(&b, "aa_session"), planted) != 0);
    browser_follow(&b);
    CHECK(browser_shows(&b, ANN));
    snprintf(b.cookies[1].value, sizeof b.cookies[1].value, "%s", planted);
    CHECK_TEXT(b.cookies[1].name, "aa_session");
    browser_get(&b, "/logout");
    CHECK(browser_shows(&b, "You are logged out"));
    site_close(&site);
}

/* ---- one browser ---- */

TEST(login, the_page_opens_in_the_browser_that_began_the_request_alone)
{
    struct site site;
    struct browser b, other;
    char url[512], request[256];

    begin(&site, &b);
    browser_field(&b, "request", request, sizeof request);
    snprintf(url, sizeof url, "/login?request=%s", request);
    browser_get(&b, url);
    browser_check_page(&b, 200);
    browser_open(&other, &site);
    browser_get(&other, url);
    browser_check_page(&other, 400);
    CHECK(!browser_shows(&other, "name=\"csrf\""));
    CHECK(!browser_shows(&other, "Test app"));
    site_close(&site);
}

TEST(login, a_login_sent_from_another_browser_logs_nobody_in)
{
    struct site site;
    struct browser b, other;
    char request[256], csrf[256], body[1024];

    begin(&site, &b);
    browser_field(&b, "request", request, sizeof request);
    browser_field(&b, "csrf", csrf, sizeof csrf);
    snprintf(body, sizeof body, "request=%s&csrf=%s%s", request, csrf, CREDENTIALS);
    browser_open(&other, &site);
    browser_post(&other, "/login", body);
    browser_check_page(&other, 400);
    CHECK(browser_cookie(&other, "aa_session") == NULL);
    browser_post(&b, "/login", body);
    CHECK_INT(b.status, 303);
    site_close(&site);
}

TEST(login, a_form_without_the_token_of_its_page_is_refused)
{
    static const char *const tokens[] = {"", "&csrf=", "&csrf=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"};
    struct site site;
    struct browser b;
    char request[256], csrf[256], body[1024];
    size_t i;

    begin(&site, &b);
    browser_field(&b, "request", request, sizeof request);
    browser_field(&b, "csrf", csrf, sizeof csrf);
    for (i = 0; i < sizeof tokens / sizeof *tokens; i++) {
        snprintf(body, sizeof body, "request=%s%s%s", request, tokens[i], CREDENTIALS);
        browser_post(&b, "/login", body);
        browser_check_page(&b, 403);
        CHECK(browser_cookie(&b, "aa_session") == NULL);
    }
    snprintf(body, sizeof body, "request=%s&csrf=%s%s", request, csrf, CREDENTIALS);
    browser_post(&b, "/login", body);
    CHECK_INT(b.status, 303);
    site_close(&site);
}

TEST(login, the_token_of_another_request_is_refused)
{
    struct site site;
    struct browser b;
    struct query q;
    char request[256], csrf[256], body[1024];

    begin(&site, &b);
    browser_field(&b, "csrf", csrf, sizeof csrf);
    q = query_for(&site, WEB_URI);
    browser_authorize(&b, &q);
    browser_follow(&b);
    browser_field(&b, "request", request, sizeof request);
    snprintf(body, sizeof body, "request=%s&csrf=%s%s", request, csrf, CREDENTIALS);
    browser_post(&b, "/login", body);
    browser_check_page(&b, 403);
    browser_get(&b, "/login");
    browser_check_page(&b, 200);
    site_close(&site);
}

TEST(login, the_page_expires_with_the_request)
{
    struct site site;
    struct browser b;

    begin(&site, &b);
    site.f.now_ms += 599999;
    browser_submit(&b, "/login", WRONG);
    browser_check_page(&b, 403); /* still its page */
    site.f.now_ms += 1;
    browser_submit(&b, "/login", CREDENTIALS);
    browser_check_page(&b, 400);
    CHECK(browser_cookie(&b, "aa_session") == NULL);
    CHECK(browser_shows(&b, "expired"));
    site_close(&site);
}

/* ---- guessing ---- */

TEST(login, guessing_is_slowed_down_with_429_and_a_time_to_wait)
{
    struct site site;
    struct browser b, page;
    int tries;

    begin(&site, &b);
    page = b;
    for (tries = 0; tries < 10; tries++) {
        b = page;
        browser_submit(&b, "/login", WRONG);
        browser_check_page(&b, 403);
    }
    b = page;
    browser_submit(&b, "/login", CREDENTIALS); /* the right one must wait too, or it would be told apart */
    browser_check_page(&b, 429);
    CHECK(strstr(b.headers, "Retry-After: 30\n") != NULL);
    CHECK(browser_cookie(&b, "aa_session") == NULL);
    b = page;
    b.peer = "198.51.100.7"; /* somebody else's guesses do not lock the owner out elsewhere */
    browser_submit(&b, "/login", CREDENTIALS);
    CHECK_INT(b.status, 303);
    site.f.now_ms += 30000;
    b = page;
    browser_submit(&b, "/login", CREDENTIALS);
    CHECK_INT(b.status, 303);
    site_close(&site);
}

TEST(login, an_attackers_whole_ipv6_network_counts_as_one_address)
{
    struct site site;
    struct browser b, page;
    char peer[64];
    int tries;

    begin(&site, &b);
    page = b;
    for (tries = 0; tries < 10; tries++) {
        b = page;
        snprintf(peer, sizeof peer, "2001:db8::%x", tries + 1);
        b.peer = peer;
        browser_submit(&b, "/login", WRONG);
        browser_check_page(&b, 403);
    }
    b = page;
    b.peer = "2001:db8::ffff";
    browser_submit(&b, "/login", CREDENTIALS);
    browser_check_page(&b, 429);
    b = page;
    b.peer = "2001:db8:0:1::1";
    browser_submit(&b, "/login", CREDENTIALS);
    CHECK_INT(b.status, 303);
    site_close(&site);
}

/* ---- forms ---- */

TEST(login, a_body_that_is_no_form_is_refused)
{
    static const char *const bodies[] = {"%", "a=%zz", "csrf=1&csrf=2", "request=1&request=2", "email=%ff"};
    struct site site;
    struct browser b;
    size_t i;

    begin(&site, &b);
    for (i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        browser_post(&b, "/login", bodies[i]);
        browser_check_page(&b, 400);
    }
    browser_post_as(&b, "/login", "application/json", "{}");
    browser_check_page(&b, 400);
    browser_post_as(&b, "/login", "text/plain", "request=1");
    browser_check_page(&b, 400);
    site_close(&site);
}

TEST(login, a_field_sent_twice_is_refused)
{
    struct site site;
    struct browser b, page;

    begin(&site, &b);
    page = b;
    browser_submit(&b, "/login", CREDENTIALS "&email=bob%40example.com");
    browser_check_page(&b, 400);
    b = page;
    browser_submit(&b, "/login", CREDENTIALS "&password=x");
    browser_check_page(&b, 400);
    b = page;
    browser_submit(&b, "/login", CREDENTIALS);
    CHECK_INT(b.status, 303);
    site_close(&site);
}

TEST(login, junk_in_the_address_is_no_5xx)
{
    static const char *const urls[] = {"/login?request=",        "/login?request=a",
                                       "/login?request=%3B%20a", "/login?request=%0d%0aaaaaaaaaaaa",
                                       "/login?request=aa",      "/login?request=1&request=2"};
    struct site site;
    struct browser b;
    char url[4200];
    size_t i;

    begin(&site, &b);
    for (i = 0; i < sizeof urls / sizeof *urls; i++) {
        browser_get(&b, urls[i]);
        browser_check_page(&b, i == 0 ? 200 : 400);
    }
    memset(url, 'a', sizeof url - 1);
    url[sizeof url - 1] = '\0';
    memcpy(url, "/login?request=", 15);
    browser_get(&b, url);
    browser_check_page(&b, 400);
    site_close(&site);
}

/* ---- a login for its own sake ---- */

TEST(login, without_a_request_one_can_log_in_too)
{
    struct site site;
    struct browser b;

    site_open(&site);
    site_set_password(&site, ANN);
    browser_open(&b, &site);
    browser_get(&b, "/login");
    browser_check_page(&b, 200);
    CHECK(!browser_shows(&b, "name=\"request\""));
    browser_submit(&b, "/login", WRONG);
    browser_check_page(&b, 403);
    browser_submit(&b, "/login", CREDENTIALS);
    browser_check_page(&b, 200);
    CHECK(browser_cookie(&b, "aa_session") != NULL);
    CHECK(browser_shows(&b, "You are logged in"));
    site_close(&site);
}

TEST(login, without_a_request_the_form_is_bound_to_the_browser_too)
{
    struct site site;
    struct browser b, other;
    char csrf[256], body[512];

    site_open(&site);
    site_set_password(&site, ANN);
    browser_open(&b, &site);
    browser_get(&b, "/login");
    browser_field(&b, "csrf", csrf, sizeof csrf);
    snprintf(body, sizeof body, "csrf=%s%s", csrf, CREDENTIALS);
    browser_open(&other, &site);
    browser_post(&other, "/login", body);
    browser_check_page(&other, 403);
    browser_get(&other, "/login"); /* with a cookie, but not that one */
    browser_post(&other, "/login", body);
    browser_check_page(&other, 403);
    CHECK(browser_cookie(&other, "aa_session") == NULL);
    browser_post(&b, "/login", body);
    browser_check_page(&b, 200);
    CHECK(browser_cookie(&b, "aa_session") != NULL);
    site_close(&site);
}

/* ---- the page itself ---- */

TEST(login, pages_allow_no_script_no_framing_and_no_caching)
{
    struct site site;
    struct browser b;

    begin(&site, &b);
    CHECK(strstr(b.headers, "Content-Security-Policy: default-src 'none';") != NULL);
    CHECK(strstr(b.headers, "frame-ancestors 'none'") != NULL);
    CHECK(strstr(b.headers, "form-action") == NULL); /* it would block the redirect to the client */
    CHECK(strstr(b.headers, "script-src") == NULL);
    CHECK(strstr(b.headers, "Cache-Control: no-store\n") != NULL);
    CHECK(strstr(b.headers, "Referrer-Policy: no-referrer\n") != NULL);
    CHECK(strstr(b.headers, "Access-Control") == NULL);
    CHECK(!browser_shows(&b, "<script"));
    CHECK(!browser_shows(&b, " style="));
    CHECK(browser_shows(&b, "localhost:8788")); /* who asks for the password */
    site_close(&site);
}

TEST(login, the_style_sheet_is_kept_for_good_under_its_own_version_alone)
{
    struct site site;
    struct browser b;
    const char *link;
    char url[64];

    begin(&site, &b);
    link = strstr(b.page, "href=\"/style.css?v=");
    CHECK(link != NULL);
    snprintf(url, sizeof url, "%.21s", link + 6);
    browser_get(&b, url);
    CHECK_INT(b.status, 200);
    CHECK(strstr(b.headers, "Content-Type: text/css; charset=utf-8\n") != NULL);
    CHECK(strstr(b.headers, "immutable") != NULL);
    CHECK(strlen(b.page) > 100);
    browser_get(&b, "/style.css?v=older");
    CHECK_INT(b.status, 200);
    CHECK(strstr(b.headers, "Cache-Control: no-cache\n") != NULL);
    browser_get(&b, "/style.css");
    CHECK(strstr(b.headers, "Cache-Control: no-cache\n") != NULL);
    site_close(&site);
}

static struct query memory_query;

static void prepare_page(struct site *site, struct browser *b)
{
    site_register(site, "Test app", "[\"" WEB_URI "\",\"" LOOPBACK_URI "\"]", site->client_id); /* once more */
    memory_query = query_for(site, WEB_URI);
    browser_authorize(b, &memory_query);
    browser_follow(b);
}

static void visit_wrongly(struct site *site, struct browser *b)
{
    browser_submit(b, "/login", "&email=&password=");
    site->f.now_ms += INT64_C(86400) * 1000; /* the tries are forgotten, and so are the client and its request */
}

static void visit_again(struct site *site, struct browser *b)
{
    (void)site;
    browser_follow(b);
}

static void prepare_request(struct site *site, struct browser *b)
{
    memory_query = query_for(site, WEB_URI);
    browser_authorize(b, &memory_query);
}

TEST(login, out_of_memory_at_any_point_is_answered_as_trouble_of_ours)
{
    struct site site;

    site_open(&site);
    browser_fail_memory(&site, prepare_request, visit_again, NULL, 200);
    browser_fail_memory(&site, prepare_page, visit_wrongly, NULL, 403);
    site_close(&site);
}

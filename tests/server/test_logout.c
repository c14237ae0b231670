/* Logging out, and "Not you?". */
#include <stdio.h>

#include "support_browser.h"

#define OUT "You are logged out"

static void begin(struct site *site, struct browser *b)
{
    site_open(site);
    browser_open(b, site);
    browser_log_in(b, site, site->ann);
}

TEST(logout, a_get_only_asks)
{
    struct site site;
    struct browser b;

    begin(&site, &b);
    browser_get(&b, "/logout");
    browser_check_page(&b, 200);
    CHECK(browser_shows(&b, ANN));
    CHECK(!browser_shows(&b, OUT));
    browser_get(&b, "/logout");
    CHECK(browser_shows(&b, ANN)); /* still logged in */
    site_close(&site);
}

TEST(logout, the_button_ends_the_session_in_the_store_too)
{
    struct site site;
    struct browser b;
    char session[256];

    begin(&site, &b);
    snprintf(session, sizeof session, "%s", browser_cookie(&b, "aa_session"));
    browser_get(&b, "/logout");
    browser_submit(&b, "/logout", "");
    browser_check_page(&b, 200);
    CHECK(browser_shows(&b, OUT));
    CHECK(browser_cookie(&b, "aa_session") == NULL);
    snprintf(b.cookies[0].name, sizeof b.cookies[0].name, "aa_session"); /* a copy of the cookie is worth nothing */
    snprintf(b.cookies[0].value, sizeof b.cookies[0].value, "%s", session);
    b.cookie_count = 1;
    browser_get(&b, "/logout");
    CHECK(browser_shows(&b, OUT));
    site_close(&site);
}

TEST(logout, another_page_cannot_do_it)
{
    struct site site;
    struct browser b, other;
    char csrf[256], body[512];

    begin(&site, &b);
    browser_open(&other, &site);
    browser_log_in(&other, &site, site.bob);
    browser_get(&other, "/logout");
    browser_field(&other, "csrf", csrf, sizeof csrf);
    browser_post(&b, "/logout", "");
    browser_check_page(&b, 403);
    browser_post(&b, "/logout", "csrf=AAAA");
    browser_check_page(&b, 403);
    snprintf(body, sizeof body, "csrf=%s", csrf); /* of somebody else's page */
    browser_post(&b, "/logout", body);
    browser_check_page(&b, 403);
    browser_get(&b, "/logout");
    CHECK(browser_shows(&b, ANN));
    browser_submit(&b, "/logout", "");
    CHECK(browser_shows(&b, OUT));
    browser_get(&other, "/logout");
    CHECK(browser_shows(&other, BOB)); /* and only that one session ended */
    site_close(&site);
}

TEST(logout, who_is_not_logged_in_is_told_so)
{
    struct site site;
    struct browser b;

    site_open(&site);
    browser_open(&b, &site);
    browser_get(&b, "/logout");
    browser_check_page(&b, 200);
    CHECK(browser_shows(&b, OUT));
    browser_post(&b, "/logout", "");
    browser_check_page(&b, 200);
    CHECK(browser_shows(&b, OUT));
    site_close(&site);
}

TEST(logout, not_you_lets_somebody_else_log_in_for_the_same_request)
{
    struct site site;
    struct browser b;
    struct query q;

    begin(&site, &b);
    site_set_password(&site, BOB);
    q = query_for(&site, WEB_URI);
    browser_authorize(&b, &q);
    browser_follow(&b);
    CHECK(browser_shows(&b, ANN));
    browser_submit(&b, "/logout", "");
    CHECK_INT(strncmp(b.location, "/login?request=", 15), 0);
    CHECK(browser_cookie(&b, "aa_session") == NULL);
    browser_follow(&b);
    browser_submit(&b, "/login", "&email=bob%40example.com&password=correct+horse+battery+staple");
    browser_follow(&b);
    CHECK(browser_shows(&b, BOB));
    CHECK(!browser_shows(&b, ANN));
    browser_submit(&b, "/consent", "&decision=allow");
    browser_check_code(&b, WEB_URI "?", NULL);
    CHECK_INT(site_count(&site, site.bob), 1);
    CHECK_INT(site_count(&site, site.ann), 0);
    site_close(&site);
}

TEST(logout, not_you_needs_the_token_of_that_page)
{
    struct site site;
    struct browser b;
    struct query q;
    char request[256], csrf[256], body[1024];

    begin(&site, &b);
    q = query_for(&site, WEB_URI);
    browser_authorize(&b, &q);
    browser_follow(&b);
    browser_field(&b, "request", request, sizeof request);
    browser_get(&b, "/logout");
    browser_field(&b, "csrf", csrf, sizeof csrf);
    snprintf(body, sizeof body, "request=%s&csrf=%s", request, csrf);
    browser_post(&b, "/logout", body);
    browser_check_page(&b, 403);
    snprintf(body, sizeof body, "request=%s", request);
    browser_post(&b, "/logout", body);
    browser_check_page(&b, 403);
    browser_get(&b, "/logout");
    CHECK(browser_shows(&b, ANN));
    site_close(&site);
}

TEST(logout, not_you_works_on_a_page_that_expired)
{
    struct site site;
    struct browser b;
    struct query q;

    begin(&site, &b);
    q = query_for(&site, WEB_URI);
    browser_authorize(&b, &q);
    browser_follow(&b);
    site.f.now_ms += INT64_C(600) * 1000;
    browser_submit(&b, "/logout", "");
    CHECK(browser_cookie(&b, "aa_session") == NULL);
    browser_follow(&b);
    browser_check_page(&b, 400);
    CHECK(browser_shows(&b, "expired"));
    site_close(&site);
}

TEST(logout, a_field_sent_twice_or_overlong_is_refused)
{
    struct site site;
    struct browser b;
    char body[2048];

    begin(&site, &b);
    browser_post(&b, "/logout", "csrf=1&csrf=2");
    browser_check_page(&b, 400);
    browser_post(&b, "/logout", "request=1&request=2");
    browser_check_page(&b, 400);
    memset(body, 'a', sizeof body - 1);
    body[sizeof body - 1] = '\0';
    memcpy(body, "csrf=1&request=", 15);
    browser_post(&b, "/logout", body);
    browser_check_page(&b, 403);
    browser_get(&b, "/logout");
    CHECK(browser_shows(&b, ANN));
    site_close(&site);
}

static void prepare_page(struct site *site, struct browser *b)
{
    browser_log_in(b, site, site->ann);
    browser_get(b, "/logout");
}

static void visit_page(struct site *site, struct browser *b)
{
    (void)site;
    browser_get(b, "/logout");
}

static void visit_button(struct site *site, struct browser *b)
{
    (void)site;
    browser_submit(b, "/logout", "");
}

TEST(logout, out_of_memory_at_any_point_is_answered_as_trouble_of_ours)
{
    struct site site;

    site_open(&site);
    browser_fail_memory(&site, prepare_page, visit_page, NULL, 200);
    browser_fail_memory(&site, prepare_page, visit_button, NULL, 200);
    site_close(&site);
}

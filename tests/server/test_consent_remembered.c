/* When the question need not be asked again, and when it must: remembered consents, prompt=none, prompt=login. */
#include <stdio.h>

#include "domain/consent.h"
#include "store/store.h"
#include "support_browser.h"

#define ALLOW "&decision=allow"

/* Answers the page for this request, which must be shown. */
static void allow(struct browser *b, struct query *q, const char *redirect_uri)
{
    browser_authorize(b, q);
    browser_follow(b);
    browser_check_page(b, 200);
    browser_submit(b, "/consent", ALLOW);
    browser_check_code(b, redirect_uri, NULL);
    browser_forget_cookie(b, "aa_tx_"); /* a minute later */
}

static void check_asked(struct browser *b, struct query *q)
{
    browser_authorize(b, q);
    browser_follow(b);
    browser_check_page(b, 200);
    CHECK(browser_shows(b, "name=\"decision\""));
}

static void check_not_asked(struct browser *b, struct query *q)
{
    size_t cookies = b->cookie_count;

    browser_authorize(b, q);
    browser_follow(b);
    browser_check_code(b, WEB_URI "?", NULL);
    CHECK_INT(b->cookie_count, cookies); /* the request's is gone again */
}

/* Ann said yes to `scope` once. */
static struct query begin(struct site *site, struct browser *b, const char *scope)
{
    struct query q;

    site_open(site);
    browser_open(b, site);
    browser_log_in(b, site, site->ann);
    q = query_for(site, WEB_URI);
    query_set(&q, "scope", scope);
    allow(b, &q, WEB_URI "?");
    return q;
}

TEST(remembered, the_same_question_of_a_web_client_is_asked_once)
{
    struct site site;
    struct browser b;
    struct query q = begin(&site, &b, "files:read");

    check_not_asked(&b, &q);
    check_not_asked(&b, &q);
    CHECK_INT(site_count(&site, site.ann), 3); /* a grant each */
    site_close(&site);
}

TEST(remembered, also_after_logging_in_again)
{
    struct site site;
    struct browser b;
    struct query q = begin(&site, &b, "files:read");

    site_set_password(&site, ANN);
    browser_open(&b, &site);
    browser_authorize(&b, &q);
    browser_follow(&b);
    browser_submit(&b, "/login", "&email=ann%40example.com&password=correct+horse+battery+staple");
    browser_follow(&b);
    browser_check_code(&b, WEB_URI "?", NULL);
    site_close(&site);
}

TEST(remembered, more_scopes_than_before_are_asked_for_and_fewer_are_not)
{
    struct site site;
    struct browser b;
    struct query q = begin(&site, &b, "files:read");

    query_set(&q, "scope", "files:read files:write"); /* the step-up */
    check_asked(&b, &q);
    CHECK(browser_shows(&b, "files:write"));
    browser_submit(&b, "/consent", ALLOW);
    browser_check_code(&b, WEB_URI "?", NULL);
    check_not_asked(&b, &q);
    query_set(&q, "scope", "files:write");
    check_not_asked(&b, &q);
    query_set(&q, "scope", NULL); /* the defaults: both */
    check_not_asked(&b, &q);
    site_close(&site);
}

TEST(remembered, a_no_is_not_remembered_and_takes_back_nothing)
{
    struct site site;
    struct browser b;
    struct query q = begin(&site, &b, "files:read");

    query_set(&q, "scope", "files:read files:write");
    check_asked(&b, &q);
    browser_submit(&b, "/consent", "&decision=deny");
    browser_check_error(&b, WEB_URI "?", "access_denied");
    check_asked(&b, &q);
    query_set(&q, "scope", "files:read");
    check_not_asked(&b, &q);
    site_close(&site);
}

TEST(remembered, a_client_that_wants_the_question_asked_gets_it_asked)
{
    struct site site;
    struct browser b;
    struct query q = begin(&site, &b, "files:read");

    query_set(&q, "prompt", "consent");
    check_asked(&b, &q);
    query_set(&q, "prompt", "select_account");
    check_asked(&b, &q);
    query_set(&q, "prompt", NULL);
    check_not_asked(&b, &q);
    site_close(&site);
}

TEST(remembered, programs_on_this_computer_are_always_asked_about)
{
    static const char *const uris[][2] = {
        {"[\"http://127.0.0.1/cb\"]", "http://127.0.0.1:4000/cb"},
        {"[\"http://localhost/cb\"]", "http://localhost:4000/cb"},
        {"[\"http://[::1]/cb\"]", "http://[::1]:4000/cb"},
        {"[\"https://localhost/cb\"]", "https://localhost/cb"},
        {"[\"cursor://anysphere.cursor-mcp/oauth/callback\"]", "cursor://anysphere.cursor-mcp/oauth/callback"},
    };
    struct site site;
    struct browser b;
    size_t i;

    site_open(&site);
    browser_open(&b, &site);
    browser_log_in(&b, &site, site.ann);
    for (i = 0; i < sizeof uris / sizeof *uris; i++) {
        struct query q;

        site_register(&site, "Local", uris[i][0], site.client_id);
        q = query_for(&site, uris[i][1]);
        allow(&b, &q, uris[i][1]);
        check_asked(&b, &q);
    }
    site_close(&site);
}

static enum aa_err put_consent(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    return aa_consent_put(conn, ctx, err);
}

TEST(remembered, even_a_kept_consent_does_not_count_for_a_program_on_this_computer)
{
    struct site site;
    struct browser b;
    struct query q = begin(&site, &b, "files:read");
    struct aa_consent consent = {.user_id = VIEW(site.ann),
                                 .client_id = VIEW(site.client_id),
                                 .server_id = VIEW(site.server_id),
                                 .scope = VIEW("files:read files:write"),
                                 .created_ms = 1};

    query_set(&q, "scope", "files:read files:write");
    consent.redirect_uri = VIEW(LOOPBACK_URI);
    CHECK_OK(aa_db_write(site.f.app.db, put_consent, &consent, NULL));
    query_set(&q, "redirect_uri", LOOPBACK_URI);
    check_asked(&b, &q);
    consent.redirect_uri = VIEW(WEB_URI); /* the same row for the web client counts */
    CHECK_OK(aa_db_write(site.f.app.db, put_consent, &consent, NULL));
    query_set(&q, "redirect_uri", WEB_URI);
    check_not_asked(&b, &q);
    site_close(&site);
}

TEST(remembered, for_this_person_client_server_and_redirect_uri_alone)
{
    struct site site;
    struct browser b, other;
    struct query q = begin(&site, &b, "files:read"), changed;
    char client_id[32];

    browser_open(&other, &site);
    browser_log_in(&other, &site, site.bob);
    check_asked(&other, &q);
    site_register(&site, "Another", "[\"" WEB_URI "\",\"https://app.example/second\"]", client_id);
    changed = q;
    query_set(&changed, "client_id", client_id);
    check_asked(&b, &changed);
    browser_submit(&b, "/consent", ALLOW);
    browser_check_code(&b, WEB_URI "?", NULL);
    check_not_asked(&b, &changed);
    query_set(&changed, "redirect_uri", "https://app.example/second");
    check_asked(&b, &changed);
    site_add_server(&site, "https://second.example", "files:read");
    changed = q;
    query_set(&changed, "resource", "https://second.example");
    check_asked(&b, &changed);
    check_not_asked(&b, &q);
    site_close(&site);
}

static enum aa_err revoke(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    return aa_grant_revoke_of_user(conn, VIEW(ctx), 1, err);
}

TEST(remembered, a_consent_that_was_withdrawn_is_asked_for_again)
{
    struct site site;
    struct browser b;
    struct query q = begin(&site, &b, "files:read");

    check_not_asked(&b, &q);
    CHECK_OK(aa_db_write(site.f.app.db, revoke, site.ann, NULL));
    check_asked(&b, &q);
    site_close(&site);
}

/* The page is open, remembered, and then withdrawn before the answer: what was read is looked at again. */
TEST(remembered, a_consent_withdrawn_at_the_last_moment_issues_nothing)
{
    struct site site;
    struct browser b;
    struct query q = begin(&site, &b, "files:read");
    struct aa_pending pending = {0};
    struct aa_person person = {0};
    struct aa_buf location;

    aa_buf_init(&location, 16384);
    browser_authorize(&b, &q);
    CHECK_OK(aa_pending_open(&site.f.app, VIEW(strchr(b.location, '=') + 1), VIEW(browser_cookie(&b, "aa_tx_")),
                             &pending, NULL));
    CHECK_OK(aa_session_open(&site.f.app, VIEW(browser_cookie(&b, "aa_session")), &person, NULL));
    CHECK_OK(aa_db_write(site.f.app.db, revoke, site.ann, NULL));
    CHECK_ERR(aa_consent_allow(&site.f.app, &pending, &person, AA_CONSENT_REMEMBERED, &location, NULL),
              AA_ERR_NOT_FOUND);
    CHECK_INT(location.len, 0);
    CHECK_INT(site_count(&site, site.ann), 1);
    CHECK_OK(aa_consent_allow(&site.f.app, &pending, &person, AA_CONSENT_ASKED, &location, NULL));
    CHECK_INT(site_count(&site, site.ann), 2);
    aa_pending_clear(&pending);
    aa_person_clear(&person);
    aa_buf_wipe_clear(&location);
    site_close(&site);
}

/* ---- prompt=none: never a question ---- */

/* Nobody was asked anything, so nobody is sent to a web site that a stranger registered; the answer stands in a link.
 */
static void check_told_here(const struct browser *b, const char *error)
{
    char link[256];

    snprintf(link, sizeof link, "href=\"" WEB_URI "?error=%s&amp;", error);
    browser_check_page(b, 400);
    CHECK(browser_shows(b, link));
    CHECK(browser_shows(b, "&amp;state=state-1&amp;iss="));
}

TEST(prompt_none, answers_at_once_when_the_question_was_answered_before)
{
    struct site site;
    struct browser b;
    struct query q = begin(&site, &b, "files:read");

    query_set(&q, "prompt", "none");
    check_not_asked(&b, &q);
    site_close(&site);
}

TEST(prompt_none, is_told_when_the_person_would_have_to_be_asked)
{
    struct site site;
    struct browser b;
    struct query q = begin(&site, &b, "files:read");

    query_set(&q, "prompt", "none");
    query_set(&q, "scope", "files:read files:write");
    browser_authorize(&b, &q);
    browser_follow(&b);
    check_told_here(&b, "consent_required");
    CHECK(browser_cookie(&b, "aa_tx_") == NULL);
    CHECK_INT(site_count(&site, site.ann), 1);
    site_close(&site);
}

TEST(prompt_none, is_never_enough_for_a_program_on_this_computer)
{
    struct site site;
    struct browser b;
    struct query q;

    site_open(&site);
    browser_open(&b, &site);
    browser_log_in(&b, &site, site.ann);
    q = query_for(&site, LOOPBACK_URI);
    allow(&b, &q, LOOPBACK_URI "?");
    query_set(&q, "prompt", "none");
    browser_authorize(&b, &q);
    browser_follow(&b);
    browser_check_error(&b, LOOPBACK_URI "?", "consent_required");
    site_close(&site);
}

TEST(prompt_none, is_told_when_nobody_is_logged_in)
{
    struct site site;
    struct browser b;
    struct query q = begin(&site, &b, "files:read");

    query_set(&q, "prompt", "none");
    browser_authorize(&b, &q);
    browser_forget_cookie(&b, "aa_session"); /* logged out between the two steps */
    browser_follow(&b);
    check_told_here(&b, "login_required");
    browser_authorize(&b, &q);
    check_told_here(&b, "login_required");
    site_close(&site);
}

/* ---- prompt=login ---- */

TEST(prompt_login, the_session_of_before_is_not_enough)
{
    struct site site;
    struct browser b;
    struct query q = begin(&site, &b, "files:read");
    char request[256], url[512];

    site_set_password(&site, ANN);
    browser_log_in(&b, &site, site.ann); /* setting a password ended her sessions */
    check_not_asked(&b, &q);
    query_set(&q, "prompt", "login");
    browser_authorize(&b, &q);
    browser_follow(&b);
    browser_check_page(&b, 200);
    browser_field(&b, "request", request, sizeof request);
    snprintf(url, sizeof url, "/consent?request=%s", request);
    browser_get(&b, url); /* around the login page */
    CHECK_INT(strncmp(b.location, "/login?request=", 15), 0);
    browser_follow(&b);
    browser_submit(&b, "/login", "&email=ann%40example.com&password=correct+horse+battery+staple");
    browser_follow(&b);
    browser_check_code(&b, WEB_URI "?", NULL);
    site_close(&site);
}

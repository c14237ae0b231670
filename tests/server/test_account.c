/* The account page: what a person allowed, where they are logged in, and taking it back. */
#include <pthread.h>
#include <stdio.h>

#include "domain/account.h"
#include "domain/directory.h"
#include "endpoint/account.h"
#include "metrics/metrics.h"
#include "oauth/scope.h"
#include "support_browser.h"
#include "support_flow.h"

#define LOGIN "/login?next=account"
#define CREDENTIALS "&email=ann%40example.com&password=correct+horse+battery+staple"
#define NOTHING "No application has access."
#define REMOVE "Remove access</button>"
#define ELSEWHERE "&elsewhere=log_out"

static void begin(struct site *site, struct browser *b)
{
    site_open(site);
    browser_open(b, site);
    browser_log_in(b, site, site->ann);
}

/* Says yes to the usual request. */
static void allow(struct site *site, struct browser *b)
{
    struct query q = query_for(site, WEB_URI);

    query_set(&q, "prompt", "consent");
    browser_authorize(b, &q);
    browser_follow(b);
    browser_submit(b, "/consent", "&decision=allow");
    browser_check_code(b, WEB_URI "?", NULL);
    browser_forget_cookie(b, "aa_tx_");
}

static bool is_asked(struct site *site, struct browser *b)
{
    struct query q = query_for(site, WEB_URI);
    bool asked;

    browser_authorize(b, &q);
    browser_follow(b);
    asked = b->status == 200 && browser_shows(b, "name=\"decision\"");
    if (asked)
        browser_forget_cookie(b, "aa_tx_");
    return asked;
}

static size_t count(const struct browser *b, const char *text)
{
    size_t found = 0;

    for (const char *at = strstr(b->page, text); at; at = strstr(at + 1, text))
        found++;
    return found;
}

/* How many applications the page lists. */
static size_t count_listed(struct browser *b)
{
    browser_get(b, "/account");
    browser_check_page(b, 200);
    CHECK(browser_shows(b, "Your account"));
    CHECK(browser_shows(b, NOTHING) == (count(b, REMOVE) == 0));
    return count(b, REMOVE);
}

/* The form of the first application's button: "&grant=gr_…". */
static void first_button(const struct browser *b, char out[128])
{
    static const char start[] = "name=\"grant\" value=\"";
    const char *value = strstr(b->page, start);

    if (!value)
        fail_msg("the page lists no application");
    value += sizeof start - 1;
    snprintf(out, 128, "&grant=%.*s", (int)strcspn(value, "\""), value);
}

static void check_back(const struct browser *b)
{
    CHECK_INT(b->status, 303);
    CHECK_TEXT(b->location, "/account");
}

static void check_to_login(const struct browser *b)
{
    CHECK_INT(b->status, 303);
    CHECK_TEXT(b->location, LOGIN);
}

/* ---- the way there ---- */

TEST(account, who_is_not_logged_in_logs_in_and_comes_back)
{
    struct site site;
    struct browser b;

    site_open(&site);
    site_set_password(&site, ANN);
    browser_open(&b, &site);
    browser_get(&b, "/account");
    check_to_login(&b);
    browser_follow(&b);
    browser_check_page(&b, 200);
    browser_submit(&b, "/login", "&next=account&email=ann%40example.com&password=wrong");
    browser_check_page(&b, 403);
    CHECK(browser_shows(&b, "name=\"next\" value=\"account\"")); /* a wrong password does not lose the way */
    browser_submit(&b, "/login", "&next=account" CREDENTIALS);
    check_back(&b);
    browser_follow(&b);
    browser_check_page(&b, 200);
    CHECK(browser_shows(&b, ANN));
    site_close(&site);
}

TEST(account, a_login_leads_to_no_address_that_a_link_named)
{
    static const char *const nexts[] = {
        "https%3A%2F%2Fevil.example%2F", "%2F%2Fevil.example", "%2Faccount", "account%2F..", "Account", "", "logout",
    };
    struct site site;
    struct browser b;
    char url[256], body[256];

    site_open(&site);
    site_set_password(&site, ANN);
    for (size_t i = 0; i < sizeof nexts / sizeof *nexts; i++) {
        browser_open(&b, &site);
        snprintf(url, sizeof url, "/login?next=%s", nexts[i]);
        browser_get(&b, url);
        browser_check_page(&b, 200);
        CHECK(!browser_shows(&b, "name=\"next\""));
        CHECK(!browser_shows(&b, "evil"));
        snprintf(body, sizeof body, "&next=%s%s", nexts[i], CREDENTIALS);
        browser_submit(&b, "/login", body);
        browser_check_page(&b, 200);
        CHECK(browser_shows(&b, "You are logged in"));
        CHECK(!browser_shows(&b, "evil"));
    }
    browser_get(&b, "/login?next=account&next=account");
    browser_check_page(&b, 400);
    site_close(&site);
}

TEST(account, a_login_for_an_authorization_request_leads_to_its_question)
{
    struct site site;
    struct browser b;
    struct query q;

    site_open(&site);
    site_set_password(&site, ANN);
    browser_open(&b, &site);
    q = query_for(&site, WEB_URI);
    browser_authorize(&b, &q);
    browser_follow(&b);
    browser_submit(&b, "/login", "&next=account" CREDENTIALS);
    CHECK_INT(strncmp(b.location, "/consent?request=", 17), 0);
    site_close(&site);
}

TEST(account, the_pages_after_logging_in_and_out_lead_here)
{
    struct site site;
    struct browser b;

    begin(&site, &b);
    browser_get(&b, "/logout");
    CHECK(browser_shows(&b, "href=\"/account\""));
    browser_submit(&b, "/logout", "");
    CHECK(browser_shows(&b, "href=\"/account\""));
    site_close(&site);
}

/* ---- what it shows ---- */

TEST(account, nothing_to_show_is_said_in_words)
{
    struct site site;
    struct browser b;

    begin(&site, &b);
    CHECK_INT(count_listed(&b), 0);
    CHECK(browser_shows(&b, "You are logged in nowhere else."));
    CHECK(!browser_shows(&b, "Log out everywhere else"));
    CHECK_INT(count(&b, "This browser"), 1);
    site_close(&site);
}

TEST(account, it_names_client_server_scopes_and_times)
{
    struct site site;
    struct browser b;

    begin(&site, &b);
    allow(&site, &b);
    CHECK_INT(count_listed(&b), 1);
    CHECK(browser_shows(&b, "An app that calls itself"));
    CHECK(browser_shows(&b, "<bdi>Test app</bdi>"));
    CHECK(browser_shows(&b, "<bdi>Files of the house</bdi>"));
    CHECK(browser_shows(&b, SERVER_URL));
    CHECK(browser_shows(&b, "<dd>Read files</dd>"));
    CHECK(browser_shows(&b, "<dt>Allowed</dt><dd>15 January 2027, 08:00 UTC</dd>"));
    CHECK(browser_shows(&b, "<dt>Last used</dt><dd>Not yet</dd>"));
    CHECK(browser_shows(&b, "Since 15 January 2027, 08:00 UTC"));
    CHECK(strstr(b.headers, "Cache-Control: no-store\n") != NULL);
    CHECK(strstr(b.headers, "Content-Security-Policy: default-src 'none'") != NULL);
    CHECK(strstr(b.headers, "Access-Control") == NULL);
    site_close(&site);
}

struct row {
    struct aa_client client;
    struct aa_server server;
    struct aa_grant grant;
};

static enum aa_err put_client(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    return aa_client_put_document(conn, &((struct row *)ctx)->client, err);
}

static enum aa_err put_server(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    return aa_server_create(conn, &((struct row *)ctx)->server, err);
}

static enum aa_err put_grant(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    return aa_grant_create(conn, &((struct row *)ctx)->grant, err);
}

static struct row usual(const struct site *site, const char *grant_id)
{
    return (struct row){.grant = {.grant_id = VIEW(grant_id),
                                  .user_id = VIEW(site->ann),
                                  .client_id = VIEW(site->client_id),
                                  .server_id = VIEW(site->server_id),
                                  .scope = VIEW("files:read"),
                                  .created_ms = 1000}};
}

TEST(account, a_client_known_by_its_document_is_named_by_its_site_first)
{
    struct site site;
    struct browser b;
    struct row row;

    begin(&site, &b);
    row = usual(&site, "gr_document");
    row.client = (struct aa_client){.client_id = VIEW("https://app.example/client.json"),
                                    .client_name = VIEW("The \"best\" <app>"),
                                    .redirect_uris = VIEW("[\"" WEB_URI "\"]"),
                                    .grant_types = VIEW("authorization_code"),
                                    .source = VIEW("cimd"),
                                    .created_ms = 1};
    row.grant.client_id = row.client.client_id;
    row.grant.scope = VIEW("notes*all files:write mail.send");
    row.grant.last_used_ms = INT64_C(951782400000);
    CHECK_OK(aa_db_write(site.f.app.db, put_client, &row, NULL));
    CHECK_OK(aa_db_write(site.f.app.db, put_grant, &row, NULL));
    CHECK_INT(count_listed(&b), 1);
    CHECK(browser_shows(&b, "<h3 id=\"app-gr_document\"><span class=\"break\">app.example</span></h3>"));
    CHECK(browser_shows(&b, "It calls itself <q><bdi>The &quot;best&quot; &lt;app&gt;</bdi></q>"));
    CHECK(browser_shows(&b, "<dd>notes*all, Change files, mail.send</dd>")); /* what has no words stays as it is */
    CHECK(browser_shows(&b, "<dt>Last used</dt><dd>29 February 2000, 00:00 UTC</dd>"));
    site_close(&site);
}

TEST(account, a_grant_without_a_scope_or_a_name_is_shown_too)
{
    struct site site;
    struct browser b;
    struct row row;

    begin(&site, &b);
    row = usual(&site, "gr_bare");
    row.client = (struct aa_client){.client_id = VIEW("https://bare.example/client.json"),
                                    .redirect_uris = VIEW("[\"" WEB_URI "\"]"),
                                    .grant_types = VIEW("authorization_code"),
                                    .source = VIEW("import"),
                                    .created_ms = 1};
    row.grant.client_id = row.client.client_id;
    row.grant.scope = AA_VIEW_ABSENT;
    CHECK_OK(aa_db_write(site.f.app.db, put_client, &row, NULL));
    CHECK_OK(aa_db_write(site.f.app.db, put_grant, &row, NULL));
    CHECK_INT(count_listed(&b), 1);
    CHECK(browser_shows(&b, "An app that has not said its name"));
    CHECK(!browser_shows(&b, "bare.example")); /* no document proves that */
    CHECK(browser_shows(&b, "no particular permission"));
    site_close(&site);
}

TEST(account, only_what_this_person_allowed_is_shown)
{
    struct site site;
    struct browser b, other;

    begin(&site, &b);
    browser_open(&other, &site);
    browser_log_in(&other, &site, site.bob);
    allow(&site, &b);
    CHECK_INT(count_listed(&b), 1);
    CHECK_INT(count_listed(&other), 0);
    CHECK(browser_shows(&other, BOB));
    CHECK(!browser_shows(&other, ANN));
    CHECK(browser_shows(&other, "You are logged in nowhere else."));
    site_close(&site);
}

TEST(account, a_list_ends_and_says_so)
{
    static char ids[AA_ACCOUNT_LIST_MAX + 1][16];
    struct site site;
    struct browser b, other;

    begin(&site, &b);
    for (size_t i = 0; i < AA_ACCOUNT_LIST_MAX + 1; i++) {
        struct row row;

        snprintf(ids[i], sizeof ids[i], "gr_%zu", i);
        row = usual(&site, ids[i]);
        row.grant.created_ms = (int64_t)i + 1;
        CHECK_OK(aa_db_write(site.f.app.db, put_grant, &row, NULL));
        if (i > 0) {
            browser_open(&other, &site);
            browser_log_in(&other, &site, site.ann);
        }
        if (i + 1 != AA_ACCOUNT_LIST_MAX)
            continue;
        CHECK_INT(count_listed(&b), AA_ACCOUNT_LIST_MAX);
        CHECK_INT(count(&b, "<li>Since"), AA_ACCOUNT_LIST_MAX);
        CHECK(!browser_shows(&b, "more than can be shown"));
    }
    CHECK_INT(count_listed(&b), AA_ACCOUNT_LIST_MAX);
    CHECK_INT(count(&b, "<li>Since"), AA_ACCOUNT_LIST_MAX);
    CHECK(browser_shows(&b, "You allowed more than can be shown here."));
    CHECK(browser_shows(&b, "You are logged in with more than can be shown here."));
    CHECK_INT(count(&b, "This browser"), 1); /* though it is the oldest */
    CHECK(!browser_shows(&b, "\"gr_0\""));
    browser_submit(&b, "/account", "&grant=gr_100");
    CHECK_INT(count_listed(&b), AA_ACCOUNT_LIST_MAX);
    CHECK(browser_shows(&b, "\"gr_0\""));
    site_close(&site);
}

/* Names, scopes and addresses as long as they may be, of characters that take most room when escaped. */
TEST(account, the_longest_names_do_not_break_the_page)
{
    static char names[201], scopes[AA_SCOPE_LEN_MAX + 1], urls[AA_ACCOUNT_LIST_MAX][2049];
    static char ids[AA_ACCOUNT_LIST_MAX][16];
    struct site site;
    struct browser b;
    struct aa_request request = {.method = AA_METHOD_GET, .path = VIEW("/account")};
    struct aa_response response;
    char cookie[128];
    size_t shown = 0;

    begin(&site, &b);
    memset(names, '"', sizeof names - 1);
    for (size_t i = 0; i < sizeof scopes - 1; i++)
        scopes[i] = "*:&' "[i % 5];
    scopes[63 * 5 - 1] = '\0';
    for (size_t i = 0; i < AA_ACCOUNT_LIST_MAX; i++) {
        struct row row;

        memset(urls[i], '&', sizeof urls[i] - 1);
        snprintf(urls[i], 32, "https://%03zu.example/", i);
        urls[i][strlen(urls[i])] = '&';
        snprintf(ids[i], sizeof ids[i], "gr_%zu", i);
        row = usual(&site, ids[i]);
        row.server = (struct aa_server){.server_id = VIEW(ids[i]),
                                        .server_url = VIEW(urls[i]),
                                        .resource_normal = VIEW(ids[i]),
                                        .server_name = VIEW(names),
                                        .scopes = VIEW(scopes),
                                        .default_scopes = VIEW(scopes),
                                        .created_ms = 1};
        row.grant.server_id = row.server.server_id;
        row.grant.scope = VIEW(scopes);
        CHECK_OK(aa_db_write(site.f.app.db, put_server, &row, NULL));
        CHECK_OK(aa_db_write(site.f.app.db, put_grant, &row, NULL));
    }
    snprintf(cookie, sizeof cookie, "aa_session=%s", browser_cookie(&b, "aa_session"));
    request.headers[request.header_count++] = (struct aa_header){VIEW("Cookie"), VIEW(cookie)};
    aa_response_init(&response, 1024 * 1024);
    aa_account_get(&site.f.app, &request, &response);
    CHECK_INT(response.status, 200);
    for (const char *at = strstr(aa_buf_text(&response.body), REMOVE); at; at = strstr(at + 1, REMOVE))
        shown++;
    CHECK(shown > 10 && shown < AA_ACCOUNT_LIST_MAX);
    CHECK(strstr(aa_buf_text(&response.body), "You allowed more than can be shown here.") != NULL);
    aa_response_clear(&response);
    site_close(&site);
}

/* ---- removing access ---- */

TEST(account, the_button_removes_that_grant_and_the_client_asks_again)
{
    struct site site;
    struct browser b;
    char button[128];

    begin(&site, &b);
    allow(&site, &b);
    CHECK(!is_asked(&site, &b)); /* a second grant */
    CHECK_INT(count_listed(&b), 2);
    first_button(&b, button);
    browser_submit(&b, "/account", button);
    check_back(&b);
    CHECK(strstr(b.headers, "Cache-Control: no-store\n") != NULL);
    CHECK_INT(count_listed(&b), 1);
    CHECK(!browser_shows(&b, button + sizeof "&grant=" - 1));
    CHECK(is_asked(&site, &b));
    site_close(&site);
}

TEST(account, what_somebody_else_allowed_is_neither_removed_nor_told)
{
    static const char *const others[] = {"&grant=gr_nobody", "&grant=", "&grant=gr_1%27+OR+1%3D1"};
    struct site site;
    struct browser b, other;
    char button[128], headers[sizeof b.headers];

    begin(&site, &b);
    browser_open(&other, &site);
    browser_log_in(&other, &site, site.bob);
    allow(&site, &b);
    allow(&site, &other);
    CHECK_INT(count_listed(&b), 1);
    first_button(&b, button);
    CHECK_INT(count_listed(&other), 1);
    browser_submit(&other, "/account", button); /* Ann's */
    check_back(&other);
    snprintf(headers, sizeof headers, "%s", other.headers);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        CHECK_INT(count_listed(&other), 1);
        browser_submit(&other, "/account", others[i]);
        check_back(&other);
        CHECK_TEXT(other.headers, headers);
    }
    CHECK_INT(count_listed(&b), 1);
    CHECK(!is_asked(&site, &b));
    browser_get(&b, "/account");
    browser_submit(&b, "/account", button); /* hers */
    check_back(&b);
    CHECK_TEXT(b.headers, headers);
    browser_get(&b, "/account");
    browser_submit(&b, "/account", button); /* once more */
    check_back(&b);
    CHECK_TEXT(b.headers, headers);
    CHECK_INT(count_listed(&b), 1); /* of is_asked() */
    CHECK_INT(count_listed(&other), 1);
    CHECK(!is_asked(&site, &other)); /* Bob's consent stands */
    site_close(&site);
}

TEST(account, another_page_cannot_do_it)
{
    static const char *const pages[] = {"/logout", "/login"};
    struct site site;
    struct browser b, other;
    char button[128], csrf[256], body[512];

    begin(&site, &b);
    browser_open(&other, &site);
    browser_log_in(&other, &site, site.bob);
    allow(&site, &b);
    CHECK_INT(count_listed(&b), 1);
    first_button(&b, button);
    browser_post(&b, "/account", button + 1);
    browser_check_page(&b, 403);
    CHECK(browser_shows(&b, "This form is not from here"));
    snprintf(body, sizeof body, "csrf=AAAA%s", button);
    browser_post(&b, "/account", body);
    browser_check_page(&b, 403);
    browser_get(&other, "/account");
    browser_get(&other, "/logout");
    for (size_t i = 0; i < sizeof pages / sizeof *pages; i++) { /* of other pages of hers */
        browser_get(&b, pages[i]);
        browser_submit(&b, "/account", button);
        browser_check_page(&b, 403);
    }
    CHECK_INT(count_listed(&b), 1);
    browser_log_in(&b, &site, site.ann); /* of the session before this one */
    browser_submit(&b, "/account", button);
    browser_check_page(&b, 403);
    allow(&site, &other);
    CHECK_INT(count_listed(&other), 1);
    browser_field(&other, "csrf", csrf, sizeof csrf); /* of somebody else */
    snprintf(body, sizeof body, "csrf=%s%s", csrf, button);
    browser_post(&b, "/account", body);
    browser_check_page(&b, 403);
    browser_post_as(&b, "/account", "text/plain", body);
    browser_check_page(&b, 400);
    CHECK_INT(count_listed(&b), 1);
    browser_submit(&b, "/account", button);
    CHECK_INT(count_listed(&b), 0);
    site_close(&site);
}

TEST(account, a_form_that_chooses_nothing_or_says_it_twice_is_refused)
{
    struct site site;
    struct browser b;

    begin(&site, &b);
    allow(&site, &b);
    CHECK_INT(count_listed(&b), 1);
    browser_submit(&b, "/account", "");
    browser_check_page(&b, 400);
    CHECK(browser_shows(&b, "Nothing was chosen"));
    browser_get(&b, "/account");
    browser_submit(&b, "/account", "&elsewhere=here");
    browser_check_page(&b, 400);
    browser_get(&b, "/account");
    browser_submit(&b, "/account", "&grant=gr_1&grant=gr_2");
    browser_check_page(&b, 400);
    CHECK_INT(count_listed(&b), 1);
    site_close(&site);
}

/* ---- logging out ---- */

TEST(account, everywhere_else_ends_all_other_sessions_of_this_person)
{
    struct site site;
    struct browser b, second, bob;

    begin(&site, &b);
    browser_open(&second, &site);
    browser_log_in(&second, &site, site.ann);
    browser_open(&bob, &site);
    browser_log_in(&bob, &site, site.bob);
    allow(&site, &second);
    CHECK_INT(count_listed(&b), 1);
    CHECK_INT(count(&b, "<li>Since"), 2);
    CHECK_INT(count(&b, "This browser"), 1);
    browser_submit(&b, "/account", ELSEWHERE);
    check_back(&b);
    CHECK_INT(count_listed(&b), 1); /* what was allowed stays */
    CHECK_INT(count(&b, "<li>Since"), 1);
    browser_get(&second, "/account");
    check_to_login(&second);
    CHECK_INT(count_listed(&bob), 0);
    browser_get(&b, "/account");
    browser_submit(&b, "/account", ELSEWHERE); /* there is none any more */
    check_back(&b);
    site_close(&site);
}

TEST(account, a_session_that_ran_out_is_not_listed)
{
    struct site site;
    struct browser b, later;

    begin(&site, &b);
    site.f.now_ms += site.f.app.settings.session_ttl_s * 1000 - 1;
    browser_open(&later, &site);
    browser_log_in(&later, &site, site.ann);
    browser_get(&later, "/account");
    CHECK_INT(count(&later, "<li>Since"), 2);
    site.f.now_ms += 1;
    browser_get(&later, "/account");
    CHECK_INT(count(&later, "<li>Since"), 1);
    browser_get(&b, "/account");
    check_to_login(&b);
    site_close(&site);
}

TEST(account, the_page_logs_out_here_as_well)
{
    struct site site;
    struct browser b;
    char body[512];
    const char *form;

    begin(&site, &b);
    CHECK_INT(count_listed(&b), 0);
    form = strstr(b.page, "action=\"/logout\"");
    CHECK(form != NULL);
    form = strstr(form, "name=\"csrf\" value=\"");
    CHECK(form != NULL);
    form += strlen("name=\"csrf\" value=\"");
    snprintf(body, sizeof body, "csrf=%.*s", (int)strcspn(form, "\""), form);
    browser_post(&b, "/logout", body);
    browser_check_page(&b, 200);
    CHECK(browser_shows(&b, "You are logged out"));
    browser_get(&b, "/account");
    check_to_login(&b);
    site_close(&site);
}

/* ---- meanwhile ---- */

TEST(account, who_was_disabled_or_logged_out_meanwhile_is_led_to_the_login_and_removes_nothing)
{
    struct site site;
    struct browser b;
    char button[128];

    begin(&site, &b);
    allow(&site, &b);
    CHECK_INT(count_listed(&b), 1);
    first_button(&b, button);
    site.f.now_ms += site.f.app.settings.session_ttl_s * 1000;
    browser_submit(&b, "/account", button);
    check_to_login(&b);
    browser_log_in(&b, &site, site.ann);
    CHECK_INT(count_listed(&b), 1);
    CHECK_OK(aa_person_set_disabled(&site.f.app, VIEW(ANN), true, NULL));
    browser_submit(&b, "/account", button);
    check_to_login(&b);
    browser_get(&b, "/account");
    check_to_login(&b);
    site_close(&site);
}

struct moment {
    struct site site;
    struct aa_person person;
    struct row row;
};

/* What the endpoint holds when it is about to write. */
static void open_moment(struct moment *m)
{
    static struct browser b;

    memset(m, 0, sizeof *m);
    begin(&m->site, &b);
    m->row = usual(&m->site, "gr_moment");
    CHECK_OK(aa_db_write(m->site.f.app.db, put_grant, &m->row, NULL));
    CHECK_OK(aa_session_open(&m->site.f.app, VIEW(browser_cookie(&b, "aa_session")), &m->person, NULL));
}

static void close_moment(struct moment *m)
{
    aa_person_clear(&m->person);
    site_close(&m->site);
}

static enum aa_err find_grant(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    return aa_grant_find(conn, VIEW("gr_moment"), ctx, err);
}

static bool is_revoked(struct aa_app *app)
{
    struct aa_grant grant = {0};
    bool revoked;

    CHECK_OK(aa_db_read(app->db, find_grant, &grant, NULL));
    revoked = grant.revoked_ms != 0;
    aa_record_clear(&grant.memory);
    return revoked;
}

static void check_too_late(struct moment *m)
{
    CHECK_ERR(aa_account_remove_access(&m->site.f.app, &m->person, VIEW("gr_moment"), NULL), AA_ERR_NOT_FOUND);
    CHECK_ERR(aa_account_log_out_elsewhere(&m->site.f.app, &m->person, NULL), AA_ERR_NOT_FOUND);
    CHECK(!is_revoked(&m->site.f.app));
    close_moment(m);
}

TEST(account, at_the_last_moment_a_session_that_ended_removes_nothing)
{
    static struct browser b;
    struct moment m;

    open_moment(&m);
    browser_open(&b, &m.site);
    browser_log_in(&b, &m.site, m.site.ann);
    {
        struct aa_person other = {0};

        CHECK_OK(aa_session_open(&m.site.f.app, VIEW(browser_cookie(&b, "aa_session")), &other, NULL));
        CHECK_OK(aa_account_log_out_elsewhere(&m.site.f.app, &other, NULL));
        aa_person_clear(&other);
    }
    check_too_late(&m);
}

TEST(account, at_the_last_moment_a_session_that_ran_out_removes_nothing)
{
    struct moment m;

    open_moment(&m);
    m.site.f.now_ms += m.site.f.app.settings.session_ttl_s * 1000;
    check_too_late(&m);
}

TEST(account, at_the_last_moment_what_is_still_so_is_removed)
{
    struct moment m;

    open_moment(&m);
    CHECK_OK(aa_account_remove_access(&m.site.f.app, &m.person, VIEW("gr_moment"), NULL));
    CHECK(is_revoked(&m.site.f.app));
    CHECK_OK(aa_account_log_out_elsewhere(&m.site.f.app, &m.person, NULL));
    close_moment(&m);
}

/* ---- tokens ---- */

static struct aa_person person_of(struct flow *flow)
{
    struct aa_person person = {0};
    struct aa_buf cookie;

    aa_buf_init(&cookie, 64);
    CHECK_OK(aa_session_begin(&flow->f.app, VIEW(flow->user_id), AA_VIEW_ABSENT, &cookie, NULL));
    CHECK_OK(aa_session_open(&flow->f.app, aa_buf_view(&cookie), &person, NULL));
    aa_buf_clear(&cookie);
    return person;
}

/* The grant that was used last. */
static int64_t newest_grant(struct flow *flow, const struct aa_person *person, char id[64])
{
    static struct aa_account account;
    int64_t used_ms;

    CHECK_OK(aa_account_open(&flow->f.app, person, &account, NULL));
    CHECK(account.grant_count > 0);
    snprintf(id, 64, "%.*s", AA_VIEW_ARGS(account.grants[0].grant_id));
    used_ms = account.grants[0].last_used_ms;
    aa_account_clear(&account);
    return used_ms;
}

FLOW_TEST(account, every_token_of_a_removed_grant_is_dead_and_those_of_others_live)
{
    char access[FLOW_TOKEN_MAX], refresh[FLOW_TOKEN_MAX], kept[FLOW_TOKEN_MAX], kept_refresh[FLOW_TOKEN_MAX], id[64];
    char second[FLOW_TOKEN_MAX];
    struct aa_person person;

    flow_keys(flow);
    flow_tokens(flow, kept, kept_refresh);
    flow_move(flow, 60);
    flow_tokens(flow, access, refresh);
    CHECK_INT(flow_refresh(flow, refresh), 200);
    flow_copy(flow, "access_token", second);
    flow_copy(flow, "refresh_token", refresh);
    person = person_of(flow);
    newest_grant(flow, &person, id);
    CHECK(flow_is_active(flow, access) && flow_is_active(flow, second) && flow_is_active(flow, kept));
    CHECK_OK(aa_account_remove_access(&flow->f.app, &person, VIEW(id), NULL));
    CHECK(!flow_is_active(flow, access));
    CHECK(!flow_is_active(flow, second));
    CHECK_INT(flow_refresh(flow, refresh), 400);
    CHECK(flow_is_active(flow, kept));
    CHECK_INT(flow_refresh(flow, kept_refresh), 200);
    aa_person_clear(&person);
}

FLOW_TEST(account, a_grant_was_used_when_its_last_token_was_issued)
{
    char access[FLOW_TOKEN_MAX], refresh[FLOW_TOKEN_MAX], code[128], id[64];
    struct aa_person person = person_of(flow);

    flow_code(flow, code);
    CHECK_INT(newest_grant(flow, &person, id), 0);
    flow_move(flow, 10);
    flow_tokens(flow, access, refresh);
    CHECK_INT(newest_grant(flow, &person, id), flow->f.now_ms / 1000 * 1000);
    flow_move(flow, 1000);
    CHECK_INT(flow_refresh(flow, refresh), 200);
    CHECK_INT(newest_grant(flow, &person, id), flow->f.now_ms / 1000 * 1000);
    aa_person_clear(&person);
}

/* ---- many at once ---- */

#define THREADS 8

struct runner {
    struct flow *flow;
    const struct aa_person *person;
    const char *grant_id;
    pthread_barrier_t *start;
    enum aa_err rc;
};

static void *run(void *ctx)
{
    struct runner *runner = ctx;

    pthread_barrier_wait(runner->start);
    runner->rc = aa_account_remove_access(&runner->flow->f.app, runner->person, VIEW(runner->grant_id), NULL);
    return NULL;
}

static int64_t count_revocations(struct flow *flow)
{
    static const char name[] = "\nauth_agent_revocations_total ";
    struct aa_buf text;
    const char *at;
    long long found;

    aa_buf_init(&text, AA_METRICS_TEXT_MAX);
    aa_metrics_write(flow->f.app.metrics, &text);
    at = strstr(aa_buf_text(&text), name);
    CHECK(at != NULL);
    CHECK_INT(sscanf(at + sizeof name - 1, "%lld", &found), 1);
    aa_buf_clear(&text);
    return found;
}

TEST(account, a_grant_removed_by_many_at_once_is_removed_once_and_all_are_told_well)
{
    struct runner runners[THREADS];
    pthread_t threads[THREADS];
    pthread_barrier_t start;
    struct flow flow;
    struct aa_person person;
    char access[FLOW_TOKEN_MAX], refresh[FLOW_TOKEN_MAX], id[64];

    flow_open_on_disk(&flow);
    CHECK_OK(aa_metrics_new(&flow.f.app.metrics, NULL));
    flow_tokens(&flow, access, refresh);
    person = person_of(&flow);
    newest_grant(&flow, &person, id);
    pthread_barrier_init(&start, NULL, THREADS);
    for (int i = 0; i < THREADS; i++) {
        runners[i] = (struct runner){&flow, &person, id, &start, AA_ERR_STORE};
        CHECK_INT(pthread_create(&threads[i], NULL, run, &runners[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        CHECK_OK(runners[i].rc);
    }
    pthread_barrier_destroy(&start);
    CHECK_INT(count_revocations(&flow), 1);
    CHECK_INT(flow_refresh(&flow, refresh), 400);
    aa_person_clear(&person);
    aa_metrics_free(flow.f.app.metrics);
    flow.f.app.metrics = NULL;
    flow_close(&flow);
}

/* ---- memory that runs out ---- */

static void prepare_page(struct site *site, struct browser *b)
{
    browser_log_in(b, site, site->ann);
    allow(site, b);
    browser_get(b, "/account");
}

static void visit_page(struct site *site, struct browser *b)
{
    (void)site;
    browser_get(b, "/account");
}

static void visit_button(struct site *site, struct browser *b)
{
    char button[128];

    (void)site;
    first_button(b, button);
    browser_submit(b, "/account", button);
}

static void visit_elsewhere(struct site *site, struct browser *b)
{
    (void)site;
    browser_submit(b, "/account", ELSEWHERE);
}

/* 303 has removed it; 503 may have, when only the answer could not be made: pressing the button again is well. */
static void check_button(struct site *site, struct browser *b)
{
    struct browser after;

    browser_open(&after, site);
    browser_log_in(&after, site, site->ann);
    CHECK(count_listed(&after) <= (b->status == 303 ? 0 : 1));
    if (count(&after, REMOVE) == 0)
        return;
    visit_button(site, &after); /* the next round begins anew */
    check_back(&after);
}

TEST(account, out_of_memory_at_any_point_is_answered_as_trouble_of_ours)
{
    struct site site;

    site_open(&site);
    browser_fail_memory(&site, prepare_page, visit_button, check_button, 303);
    browser_fail_memory(&site, prepare_page, visit_elsewhere, NULL, 303);
    site_close(&site);
    site_open(&site); /* a page of few entries, or the test takes long */
    browser_fail_memory(&site, prepare_page, visit_page, NULL, 200);
    site_close(&site);
}

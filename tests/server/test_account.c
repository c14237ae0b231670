/* The account page: what a person allowed, where they are logged in, and what the page says. */
#include <stdio.h>

#include "domain/account.h"
#include "endpoint/account.h"
#include "oauth/scope.h"
#include "support_account.h"

#define CREDENTIALS "&email=ann%40example.com&password=correct+horse+battery+staple"

/* ---- the way there ---- */

TEST(account, who_is_not_logged_in_logs_in_and_comes_back)
{
    struct site site;
    struct browser b;

    site_open(&site);
    site_set_password(&site, ANN);
    browser_open(&b, &site);
    browser_get(&b, "/account");
    account_check_to_login(&b);
    browser_follow(&b);
    browser_check_page(&b, 200);
    browser_submit(&b, "/login", "&next=account&email=ann%40example.com&password=wrong");
    browser_check_page(&b, 403);
    CHECK(browser_shows(&b, "name=\"next\" value=\"account\"")); /* a wrong password does not lose the way */
    browser_submit(&b, "/login", "&next=account" CREDENTIALS);
    CHECK_INT(b.status, 303);
    CHECK_TEXT(b.location, "/account");
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

    account_begin(&site, &b);
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

    account_begin(&site, &b);
    CHECK_INT(account_count_listed(&b), 0);
    CHECK(browser_shows(&b, "You are logged in nowhere else."));
    CHECK(!browser_shows(&b, "Log out everywhere else"));
    CHECK_INT(account_count_text(&b, "This browser"), 1);
    site_close(&site);
}

TEST(account, it_names_client_server_scopes_and_times)
{
    struct site site;
    struct browser b;

    account_begin(&site, &b);
    account_allow(&site, &b);
    CHECK_INT(account_count_listed(&b), 1);
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

TEST(account, a_client_known_by_its_document_is_named_by_its_site_first)
{
    struct site site;
    struct browser b;
    struct account_row row;

    account_begin(&site, &b);
    row = account_row_for(&site, "gr_document");
    row.client = (struct aa_client){.client_id = VIEW("https://app.example/client.json"),
                                    .client_name = VIEW("The \"best\" <app>"),
                                    .redirect_uris = VIEW("[\"" WEB_URI "\"]"),
                                    .grant_types = VIEW("authorization_code"),
                                    .source = VIEW("cimd"),
                                    .created_ms = 1};
    row.grant.client_id = row.client.client_id;
    row.grant.scope = VIEW("notes*all files:write mail.send");
    row.grant.last_used_ms = INT64_C(951782400000);
    account_put_client(&site, &row);
    account_put_grant(&site, &row);
    CHECK_INT(account_count_listed(&b), 1);
    CHECK(browser_shows(&b, "<h3 id=\"app-1\"><span class=\"break\">app.example</span></h3>"));
    CHECK(browser_shows(&b, "It calls itself <q><bdi>The &quot;best&quot; &lt;app&gt;</bdi></q>"));
    CHECK(browser_shows(&b, "<dd>notes*all, Change files, mail.send</dd>")); /* what has no words stays as it is */
    CHECK(browser_shows(&b, "<dt>Last used</dt><dd>29 February 2000, 00:00 UTC</dd>"));
    site_close(&site);
}

TEST(account, a_grant_without_a_scope_or_a_name_is_shown_too)
{
    struct site site;
    struct browser b;
    struct account_row row;

    account_begin(&site, &b);
    row = account_row_for(&site, "gr_bare");
    row.client = (struct aa_client){.client_id = VIEW("https://bare.example/client.json"),
                                    .redirect_uris = VIEW("[\"" WEB_URI "\"]"),
                                    .grant_types = VIEW("authorization_code"),
                                    .source = VIEW("import"),
                                    .created_ms = 1};
    row.grant.client_id = row.client.client_id;
    row.grant.scope = AA_VIEW_ABSENT;
    account_put_client(&site, &row);
    account_put_grant(&site, &row);
    CHECK_INT(account_count_listed(&b), 1);
    CHECK(browser_shows(&b, "An app that has not said its name"));
    CHECK(!browser_shows(&b, ">bare.example")); /* no document proves that */
    CHECK(browser_shows(&b, "no particular permission"));
    site_close(&site);
}

TEST(account, grants_and_consents_of_one_client_at_one_server_are_one_entry)
{
    static char ids[120][16];
    struct site site;
    struct browser b;
    struct account_row row;

    account_begin(&site, &b);
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) { /* each silent return makes one */
        snprintf(ids[i], sizeof ids[i], "gr_%zu", i);
        row = account_row_for(&site, ids[i]);
        row.grant.created_ms = INT64_C(951782400000) + (int64_t)i;
        row.grant.scope = i % 2 ? VIEW("files:read notes:read") : VIEW("files:write files:read");
        if (i == 60)
            row.grant.last_used_ms = INT64_C(1014854400000);
        account_put_grant(&site, &row);
    }
    row.consent.created_ms = INT64_C(920246400000);
    row.consent.scope = VIEW("files:read mail:read");
    account_put_consent(&site, &row);
    CHECK_INT(account_count_listed(&b), 1);
    CHECK(browser_shows(&b, "<dt>Allowed</dt><dd>1 March 1999, 00:00 UTC</dd>"));
    CHECK(browser_shows(&b, "<dt>Last used</dt><dd>28 February 2002, 00:00 UTC</dd>"));
    for (size_t i = 0; i < 4; i++)
        CHECK(browser_shows(&b, (const char *const[]){"Read files", "Change files", "Read notes", "Read mail"}[i]));
    CHECK_INT(account_count_text(&b, "Read files"), 1);
    CHECK(!browser_shows(&b, "no access at the moment"));
    site_close(&site);
}

TEST(account, a_consent_alone_is_listed_and_said_to_be_no_access)
{
    struct site site;
    struct browser b;
    struct account_row row;

    account_begin(&site, &b);
    row = account_row_for(&site, "gr_1");
    account_put_consent(&site, &row);
    CHECK_INT(account_count_listed(&b), 1);
    CHECK(browser_shows(&b, "It has no access at the moment, but may come back without asking you."));
    CHECK(browser_shows(&b, "<dt>It might</dt><dd>Read files</dd>"));
    CHECK(!browser_shows(&b, "Last used"));
    account_put_grant(&site, &row);
    CHECK_INT(account_count_listed(&b), 1);
    CHECK(!browser_shows(&b, "no access at the moment"));
    CHECK(browser_shows(&b, "<dt>It may</dt><dd>Read files</dd>"));
    site_close(&site);
}

TEST(account, what_is_no_scope_is_shown_as_it_is_unless_it_would_rewrite_the_page)
{
    struct site site;
    struct browser b;
    struct account_row row;

    account_begin(&site, &b);
    row = account_row_for(&site, "gr_1");
    row.grant.scope = VIEW("<b>\"files\" a\\b files:read \xe2\x80\xaeturned x\ty");
    account_put_grant(&site, &row);
    CHECK_INT(account_count_listed(&b), 1);
    CHECK(browser_shows(&b, "<dd>&lt;b&gt;&quot;files&quot;, a\\b, Read files, ?</dd>"));
    CHECK(!browser_shows(&b, "turned"));
    site_close(&site);
}

/* Fills *text with "a0 a1 …" of words that are `len` bytes long. */
static void write_scopes(char *text, size_t count, size_t len, char letter)
{
    for (size_t i = 0; i < count; i++) {
        memset(text + i * (len + 1), letter, len);
        text[i * (len + 1)] = (char)('A' + i % 26);
        text[i * (len + 1) + 1] = (char)('A' + i / 26);
        text[i * (len + 1) + len] = i + 1 < count ? ' ' : '\0';
    }
}

TEST(account, united_scopes_end_and_say_so)
{
    static char many[AA_SCOPE_COUNT_MAX * 4], more[8 * 4], longest[AA_SCOPE_LEN_MAX + 2];
    struct site site;
    struct browser b;
    struct account_row row;

    account_begin(&site, &b);
    write_scopes(many, AA_SCOPE_COUNT_MAX, 3, 'x');
    write_scopes(more, 8, 3, 'y');
    memset(longest, 'z', AA_SCOPE_LEN_MAX + 1);
    row = account_row_for(&site, "gr_1");
    row.grant.created_ms = 3;
    row.grant.scope = VIEW(many);
    account_put_grant(&site, &row);
    CHECK_INT(account_count_listed(&b), 1);
    CHECK(browser_shows(&b, "LCx</dd>"));
    row.grant.grant_id = VIEW("gr_2");
    row.grant.created_ms = 2;
    row.grant.scope = VIEW(more);
    account_put_grant(&site, &row);
    CHECK_INT(account_count_listed(&b), 1);
    CHECK(browser_shows(&b, "LCx and more</dd>"));
    row = account_row_for(&site, "gr_3");
    site_register(&site, "Long", "[\"https://long.example/\"]", site.client_id);
    row.grant.client_id = VIEW(site.client_id);
    row.grant.scope = VIEW(longest); /* by hand */
    account_put_grant(&site, &row);
    CHECK_INT(account_count_listed(&b), 2);
    CHECK(browser_shows(&b, "<dd>More than can be shown here</dd>"));
    site_close(&site);
}

TEST(account, every_button_says_of_which_client_at_which_server_it_is)
{
    static const char *const names[] = {"Twin", "Twin", "Other"};
    struct site site;
    struct browser b;
    char ids[3][32], wanted[256];

    account_begin(&site, &b);
    for (size_t i = 0; i < 3; i++) {
        static const char *const uris[] = {"[\"https://a.example/\"]", "[\"https://b.example/\"]",
                                           "[\"https://c.example/\"]"};
        static const char *const grants[] = {"gr_1", "gr_2", "gr_3"};
        struct account_row row = account_row_for(&site, grants[i]);

        site_register(&site, names[i], uris[i], ids[i]);
        row.grant.client_id = VIEW(ids[i]);
        row.grant.created_ms = 9 - (int64_t)i;
        account_put_grant(&site, &row);
    }
    CHECK_INT(account_count_listed(&b), 3);
    for (size_t i = 0; i < 2; i++) { /* only the id tells them apart */
        snprintf(wanted, sizeof wanted, "aria-labelledby=\"remove-%zu app-%zu server-%zu id-%zu\"", i + 1, i + 1, i + 1,
                 i + 1);
        CHECK(browser_shows(&b, wanted));
        snprintf(wanted, sizeof wanted, "id=\"id-%zu\">%s</dd>", i + 1, ids[i]);
        CHECK(browser_shows(&b, wanted));
    }
    CHECK(browser_shows(&b, "aria-labelledby=\"remove-3 app-3 server-3\""));
    CHECK(!browser_shows(&b, "id=\"id-3\""));
    CHECK_INT(account_count_text(&b, "id=\"server-"), 3);
    site_close(&site);
}

/* Ids that no form can carry: somebody wrote them into the database. */
TEST(account, an_entry_with_an_impossible_id_has_no_button_and_breaks_nothing)
{
    static char id[2050];
    struct site site;
    struct browser b;
    struct account_row row;

    account_begin(&site, &b);
    memset(id, 'a', sizeof id - 1);
    row = account_row_for(&site, "gr_1");
    row.client = (struct aa_client){.client_id = VIEW(id),
                                    .client_name = VIEW("By hand"),
                                    .redirect_uris = VIEW("[\"" WEB_URI "\"]"),
                                    .grant_types = VIEW("authorization_code"),
                                    .source = VIEW("import"),
                                    .created_ms = 1};
    row.grant.client_id = row.client.client_id;
    account_put_client(&site, &row);
    account_put_grant(&site, &row);
    browser_get(&b, "/account");
    browser_check_page(&b, 200);
    CHECK(browser_shows(&b, "By hand"));
    CHECK(!browser_shows(&b, REMOVE));
    site_close(&site);
}

TEST(account, only_what_this_person_allowed_is_shown)
{
    struct site site;
    struct browser b, other;

    account_begin(&site, &b);
    browser_open(&other, &site);
    browser_log_in(&other, &site, site.bob);
    account_allow(&site, &b);
    CHECK_INT(account_count_listed(&b), 1);
    CHECK_INT(account_count_listed(&other), 0);
    CHECK(browser_shows(&other, BOB));
    CHECK(!browser_shows(&other, ANN));
    CHECK(browser_shows(&other, "You are logged in nowhere else."));
    site_close(&site);
}

TEST(account, a_list_ends_and_says_so)
{
    static char ids[AA_ACCOUNT_LIST_MAX + 1][16], urls[AA_ACCOUNT_LIST_MAX + 1][32];
    struct site site;
    struct browser b, other;
    char button[BUTTON_MAX];

    account_begin(&site, &b);
    for (size_t i = 0; i < AA_ACCOUNT_LIST_MAX + 1; i++) {
        struct account_row row;

        snprintf(ids[i], sizeof ids[i], "gr_%zu", i);
        row = account_row_for(&site, ids[i]);
        snprintf(urls[i], sizeof urls[i], "https://%zu.example/", i);
        row.server = (struct aa_server){.server_id = VIEW(ids[i]),
                                        .server_url = VIEW(urls[i]),
                                        .resource_normal = VIEW(urls[i]),
                                        .server_name = VIEW(ids[i]),
                                        .scopes = VIEW("files:read"),
                                        .default_scopes = VIEW("files:read"),
                                        .created_ms = 1};
        row.grant.server_id = row.server.server_id;
        row.grant.created_ms = (int64_t)i + 1;
        account_put_server(&site, &row);
        account_put_grant(&site, &row);
        if (i > 0) {
            browser_open(&other, &site);
            browser_log_in(&other, &site, site.ann);
        }
        if (i + 1 != AA_ACCOUNT_LIST_MAX)
            continue;
        CHECK_INT(account_count_listed(&b), AA_ACCOUNT_LIST_MAX);
        CHECK_INT(account_count_text(&b, "<li>Since"), AA_ACCOUNT_LIST_MAX);
        CHECK(!browser_shows(&b, "more than can be shown"));
    }
    CHECK_INT(account_count_listed(&b), AA_ACCOUNT_LIST_MAX);
    CHECK_INT(account_count_text(&b, "<li>Since"), AA_ACCOUNT_LIST_MAX);
    CHECK(browser_shows(&b, "You allowed more than can be shown here."));
    CHECK(browser_shows(&b, "You are logged in with more than can be shown here."));
    CHECK_INT(account_count_text(&b, "This browser"), 1); /* though it is the oldest */
    CHECK(!browser_shows(&b, "https://0.example/"));
    CHECK(browser_shows(&b, "https://100.example/"));
    snprintf(button, sizeof button, "&access=gr_100+%s", site.client_id);
    browser_submit(&b, "/account", button);
    CHECK_INT(account_count_listed(&b), AA_ACCOUNT_LIST_MAX);
    CHECK(browser_shows(&b, "https://0.example/"));
    CHECK(!browser_shows(&b, "https://100.example/"));
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

    account_begin(&site, &b);
    memset(names, '"', sizeof names - 1);
    for (size_t i = 0; i < sizeof scopes - 1; i++)
        scopes[i] = "*:&' "[i % 5];
    scopes[63 * 5 - 1] = '\0';
    for (size_t i = 0; i < AA_ACCOUNT_LIST_MAX; i++) {
        struct account_row row;

        memset(urls[i], '&', sizeof urls[i] - 1);
        snprintf(urls[i], 32, "https://%03zu.example/", i);
        urls[i][strlen(urls[i])] = '&';
        snprintf(ids[i], sizeof ids[i], "gr_%zu", i);
        row = account_row_for(&site, ids[i]);
        row.server = (struct aa_server){.server_id = VIEW(ids[i]),
                                        .server_url = VIEW(urls[i]),
                                        .resource_normal = VIEW(ids[i]),
                                        .server_name = VIEW(names),
                                        .scopes = VIEW(scopes),
                                        .default_scopes = VIEW(scopes),
                                        .created_ms = 1};
        row.grant.server_id = row.server.server_id;
        row.grant.scope = VIEW(scopes);
        account_put_server(&site, &row);
        account_put_grant(&site, &row);
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

/* ---- logging out ---- */

TEST(account, everywhere_else_ends_all_other_sessions_of_this_person)
{
    struct site site;
    struct browser b, second, bob;

    account_begin(&site, &b);
    browser_open(&second, &site);
    browser_log_in(&second, &site, site.ann);
    browser_open(&bob, &site);
    browser_log_in(&bob, &site, site.bob);
    account_allow(&site, &second);
    CHECK_INT(account_count_listed(&b), 1);
    CHECK_INT(account_count_text(&b, "<li>Since"), 2);
    CHECK_INT(account_count_text(&b, "This browser"), 1);
    browser_submit(&b, "/account", ELSEWHERE);
    account_check_back(&b, "logged_out");
    browser_follow(&b);
    CHECK(browser_shows(&b, "role=\"status\"><span>You are logged out everywhere else.</span>"));
    CHECK_INT(account_count_listed(&b), 1); /* what was allowed stays */
    CHECK_INT(account_count_text(&b, "<li>Since"), 1);
    browser_get(&second, "/account");
    account_check_to_login(&second);
    CHECK_INT(account_count_listed(&bob), 0);
    browser_get(&b, "/account");
    browser_submit(&b, "/account", ELSEWHERE); /* there is none any more */
    account_check_back(&b, "logged_out");
    site_close(&site);
}

TEST(account, a_session_that_ran_out_is_not_listed)
{
    struct site site;
    struct browser b, later;

    account_begin(&site, &b);
    site.f.now_ms += site.f.app.settings.session_ttl_s * 1000 - 1;
    browser_open(&later, &site);
    browser_log_in(&later, &site, site.ann);
    browser_get(&later, "/account");
    CHECK_INT(account_count_text(&later, "<li>Since"), 2);
    site.f.now_ms += 1;
    browser_get(&later, "/account");
    CHECK_INT(account_count_text(&later, "<li>Since"), 1);
    browser_get(&b, "/account");
    account_check_to_login(&b);
    site_close(&site);
}

TEST(account, the_page_logs_out_here_as_well)
{
    struct site site;
    struct browser b;
    char body[512];
    const char *form;

    account_begin(&site, &b);
    CHECK_INT(account_count_listed(&b), 0);
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
    account_check_to_login(&b);
    site_close(&site);
}

/* ---- what the page says ---- */

TEST(account, what_was_done_is_said_in_our_words_alone)
{
    static const char *const others[] = {
        "", "?done=", "?done=Removed", "?done=removed+", "?done=%3Cb%3Eevil%3C%2Fb%3E", "?evil=removed"};
    struct site site;
    struct browser b;
    char url[128];

    account_begin(&site, &b);
    browser_get(&b, "/account?done=removed");
    browser_check_page(&b, 200);
    CHECK(browser_shows(&b, REMOVED));
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        snprintf(url, sizeof url, "/account%s", others[i]);
        browser_get(&b, url);
        browser_check_page(&b, 200);
        CHECK(!browser_shows(&b, "role=\"status\""));
        CHECK(!browser_shows(&b, "evil"));
    }
    browser_get(&b, "/account?done=removed&done=removed");
    browser_check_page(&b, 400);
    site_close(&site);
}

#define BACK_HERE "href=\"/account\">Open your account</a>"

static void check_leads_here(const struct browser *b, int status)
{
    browser_check_page(b, status);
    CHECK(browser_shows(b, BACK_HERE));
    CHECK(browser_shows(b, "open the page again"));
    CHECK(!browser_shows(b, "application you came from"));
    CHECK(!browser_shows(b, "For the developer"));
}

TEST(account, a_refused_form_leads_back_here_and_to_no_application)
{
    struct site site;
    struct browser b;
    struct query q;

    account_begin(&site, &b);
    account_allow(&site, &b);
    browser_get(&b, "/account?done=%");
    check_leads_here(&b, 400);
    browser_get(&b, "/account");
    browser_submit(&b, "/account", "");
    check_leads_here(&b, 400);
    browser_post(&b, "/account", "csrf=AAAA&elsewhere=log_out");
    check_leads_here(&b, 403);
    browser_post(&b, "/account", "csrf=AAAA&csrf=AAAA");
    check_leads_here(&b, 400);
    browser_post_as(&b, "/account", "text/plain", "csrf=AAAA");
    check_leads_here(&b, 400);
    browser_post(&b, "/login", "next=account&csrf=AAAA" CREDENTIALS);
    check_leads_here(&b, 403);
    browser_get(&b, LOGIN_FOR_ACCOUNT);
    browser_submit(&b, "/login", "&next=account&email=a&email=b");
    check_leads_here(&b, 400);
    browser_open(&b, &site); /* but where there is an application, it is named */
    q = query_for(&site, WEB_URI);
    browser_authorize(&b, &q);
    browser_follow(&b);
    browser_submit(&b, "/login", "&csrf=AAAA" CREDENTIALS);
    browser_check_page(&b, 400);
    CHECK(browser_shows(&b, "application you came from"));
    CHECK(!browser_shows(&b, BACK_HERE));
    site_close(&site);
}

/* ---- memory that runs out ---- */

static void prepare_page(struct site *site, struct browser *b)
{
    browser_log_in(b, site, site->ann);
    account_allow(site, b);
    browser_get(b, "/account");
}

static void visit_page(struct site *site, struct browser *b)
{
    (void)site;
    browser_get(b, "/account");
}

static void visit_button(struct site *site, struct browser *b)
{
    char button[BUTTON_MAX];

    (void)site;
    account_first_button(b, button);
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
    CHECK(account_count_listed(&after) <= (b->status == 303 ? 0 : 1));
    if (account_count_text(&after, REMOVE) == 0)
        return;
    visit_button(site, &after); /* the next round begins anew */
    account_check_back(&after, "removed");
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

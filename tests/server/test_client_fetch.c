/* A client whose identifier is the URL of its metadata document: when the document is fetched, what is made of what
 * comes, and how old a copy may be. Who fetches is played by the test; the network is tests/core/test_fetch.c's. */
#include <stdio.h>

#include "domain/client_fetch.h"
#include "store/store.h"
#include "support_document.h"

static enum aa_err find_client(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    return aa_client_find(conn, VIEW(DOCUMENT_ID), ctx, err);
}

static bool is_stored(struct site *site)
{
    struct aa_client client = {0};
    enum aa_err rc = aa_db_read(site->f.app.db, find_client, &client, NULL);

    aa_record_clear(&client.memory);
    return rc == AA_OK;
}

/* ---- a document ---- */

TEST(client_fetch, a_client_known_by_its_url_is_let_in_and_shown_by_its_host)
{
    struct site site;
    struct browser b;
    struct query q;

    document_open(&site);
    q = document_query(&site, DOCUMENT_ID);
    browser_open(&b, &site);
    browser_log_in(&b, &site, site.ann);
    browser_authorize(&b, &q);
    CHECK_INT(document_site.calls, 1);
    CHECK_TEXT(document_site.url, DOCUMENT_ID);
    browser_follow(&b);
    browser_check_page(&b, 200);
    CHECK(browser_shows(&b, ">client.example<"));
    CHECK(browser_shows(&b, "Verified"));
    CHECK(browser_shows(&b, "Example client"));
    browser_submit(&b, "/consent", "&decision=allow");
    browser_check_code(&b, DOCUMENT_URI "?", NULL);
    CHECK_INT(document_site.calls, 1);
    site_close(&site);
}

TEST(client_fetch, the_rules_for_redirect_uris_are_those_of_registered_clients)
{
    struct site site;
    struct browser b;
    struct query q;

    document_open(&site);
    q = document_query(&site, DOCUMENT_ID);
    query_set(&q, "redirect_uri", "http://127.0.0.1:4711/callback"); /* RFC 8252 §7.3: any port */
    browser_open(&b, &site);
    browser_authorize(&b, &q);
    CHECK_INT(b.status, 303);
    query_set(&q, "redirect_uri", "https://client.example:4711/callback");
    browser_open(&b, &site);
    browser_authorize(&b, &q);
    browser_check_page(&b, 400);
    CHECK(browser_shows(&b, "did not register this redirect_uri"));
    site_close(&site);
}

TEST(client_fetch, a_client_that_has_no_url_is_never_fetched)
{
    static const char *const ids[] = {"cl_unknown", "http://client.example/oauth/client.json", "https:client.example/x",
                                      "ftp://client.example/x"};
    struct site site;
    struct browser b;

    document_open(&site);
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        document_ask(&site, &b, ids[i]);
        browser_check_page(&b, 400);
    }
    CHECK_INT(document_site.calls, 0);
    site_close(&site);
}

TEST(client_fetch, a_url_that_no_document_can_be_at_is_refused_unfetched)
{
    static const char *const ids[] = {"https://client.example",     "https://client.example/",
                                      "https://u@client.example/x", "https://client.example/a/../x",
                                      "https://client.example/x#y", "HTTPS://"};
    struct site site;
    struct browser b;

    document_open(&site);
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        document_ask(&site, &b, ids[i]);
        browser_check_page(&b, 400);
        CHECK(browser_shows(&b, "not the URL of a metadata document"));
    }
    CHECK_INT(document_site.calls, 0);
    document_check_let_in(&site);
    site_close(&site);
}

/* ---- who may ---- */

TEST(client_fetch, documents_can_be_switched_off)
{
    struct site site;

    document_open(&site);
    document_check_let_in(&site); /* stored meanwhile */
    site.f.app.settings.client_documents = false;
    document_check_told(&site, 403, "not let in here");
    CHECK_INT(document_site.calls, 1);
    site_close(&site);
}

TEST(client_fetch, documents_can_be_limited_to_some_sites)
{
    struct site site;

    document_open(&site);
    site.f.app.settings.client_document_hosts = "claude.ai client.example";
    document_check_let_in(&site);
    site.f.app.settings.client_document_hosts = "claude.ai notclient.example client.example.org client.example:8443";
    document_check_told(&site, 403, "clients of this site");
    CHECK_INT(document_site.calls, 1);
    site_close(&site);
}

static enum aa_err create_client(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    return aa_client_create(conn, ctx, err);
}

TEST(client_fetch, a_client_that_the_administrator_added_under_such_a_name_needs_no_document)
{
    struct aa_client client = {.client_id = VIEW(DOCUMENT_ID),
                               .redirect_uris = VIEW("[\"" DOCUMENT_URI "\"]"),
                               .grant_types = VIEW("authorization_code"),
                               .source = VIEW("cli")};
    struct site site;

    document_open(&site);
    CHECK_OK(aa_db_write(site.f.app.db, create_client, &client, NULL));
    document_check_let_in(&site);
    CHECK_INT(document_site.calls, 0);
    site_close(&site);
}

/* ---- how long a copy is good ---- */

/* The last moment at which it is not fetched again, and the first at which it is. */
static void check_fresh_for(int64_t max_age_s, int64_t wanted_s)
{
    struct site site;

    document_open(&site);
    document_site.max_age_s = max_age_s;
    document_check_let_in(&site);
    document_use(&site);
    site.f.now_ms += wanted_s * 1000 - 1;
    document_check_let_in(&site);
    CHECK_INT(document_site.calls, 1);
    site.f.now_ms += 1;
    document_check_let_in(&site);
    CHECK_INT(document_site.calls, 2);
    site_close(&site);
}

TEST(client_fetch, a_copy_is_good_as_long_as_the_site_says_within_bounds)
{
    check_fresh_for(-1, AA_CLIENT_FRESH_S);
    check_fresh_for(0, AA_CLIENT_FRESH_MIN_S);
    check_fresh_for(AA_CLIENT_FRESH_MIN_S - 1, AA_CLIENT_FRESH_MIN_S);
    check_fresh_for(1000, 1000);
    check_fresh_for(AA_CLIENT_FRESH_MAX_S + 1, AA_CLIENT_FRESH_MAX_S);
    check_fresh_for(INT64_MAX, AA_CLIENT_FRESH_MAX_S);
}

TEST(client_fetch, a_client_that_nobody_used_is_fetched_anew_once_it_ran_out)
{
    struct site site;

    document_open(&site);
    document_site.max_age_s = AA_CLIENT_FRESH_MAX_S;
    document_check_let_in(&site);
    site.f.now_ms += site.f.app.settings.unused_client_ttl_s * 1000;
    document_check_let_in(&site);
    CHECK_INT(document_site.calls, 2);
    site_close(&site);
}

TEST(client_fetch, a_changed_document_counts_at_the_next_look_and_is_in_the_audit)
{
    struct site site;

    document_open(&site);
    document_check_let_in(&site);
    document_use(&site);
    CHECK_INT(document_count_events(&site, "client_registered"), 1);
    site.f.now_ms += DAY;
    document_check_let_in(&site);
    CHECK_INT(document_count_events(&site, "client_changed"), 0);
    document_answer(200, "application/json",
                    "{\"client_id\":\"" DOCUMENT_ID
                    "\",\"client_name\":\"C\",\"redirect_uris\":[\"https://client.example/moved\"]}");
    site.f.now_ms += DAY;
    document_check_refused(&site, "did not register this redirect_uri");
    CHECK_INT(document_count_events(&site, "client_changed"), 1);
    CHECK_INT(document_count_events(&site, "client_registered"), 1);
    site_close(&site);
}

/* ---- a site that is away ---- */

static const struct {
    enum aa_err rc;
    int status;
} troubles[] = {
    {AA_ERR_REMOTE_DNS, 0},
    {AA_ERR_REMOTE_UNREACHABLE, 0},
    {AA_ERR_REMOTE_TLS, 0},
    {AA_ERR_REMOTE_TIMEOUT, 0},
    {AA_ERR_REMOTE_PROTOCOL, 0},
    {AA_ERR_REMOTE_FORBIDDEN, 0},
    {AA_ERR_SYSTEM, 0},
    {AA_OK, 500},
    {AA_OK, 503},
    {AA_OK, 403},
    {AA_OK, 401},
    {AA_OK, 429},
    {AA_OK, 408},
};

TEST(client_fetch, while_the_site_is_in_trouble_the_last_copy_is_used_and_it_is_left_alone_for_a_while)
{
    for (size_t i = 0; i < sizeof troubles / sizeof *troubles; i++) {
        struct site site;

        document_open(&site);
        document_check_let_in(&site);
        document_use(&site);
        site.f.now_ms += DAY;
        document_answer(troubles[i].status, "text/html", "<p>Are you a robot?");
        document_site.rc = troubles[i].rc;
        document_check_let_in(&site);
        CHECK_INT(document_site.calls, 2);
        CHECK(strstr(site.f.log, "the last copy is used") != NULL);
        document_check_let_in(&site);
        CHECK_INT(document_site.calls, 2);
        site.f.now_ms += AA_CLIENT_FRESH_MIN_S * 1000;
        document_check_let_in(&site);
        CHECK_INT(document_site.calls, 3);
        site_close(&site);
    }
}

TEST(client_fetch, a_copy_stands_in_for_a_week_and_no_longer)
{
    struct site site;

    document_open(&site);
    document_check_let_in(&site);
    document_use(&site);
    document_site.rc = AA_ERR_REMOTE_TIMEOUT;
    site.f.now_ms += AA_CLIENT_KEPT_MS - 1;
    document_check_let_in(&site);
    site.f.now_ms += AA_CLIENT_FRESH_MIN_S * 1000;
    document_check_refused(&site, "could not be fetched");
    document_site.rc = AA_OK;
    document_check_let_in(&site);
    site_close(&site);
}

TEST(client_fetch, without_a_copy_trouble_refuses_and_nothing_is_kept_of_it)
{
    for (size_t i = 0; i < sizeof troubles / sizeof *troubles; i++) {
        struct site site;

        document_open(&site);
        document_answer(troubles[i].status, "text/html", "");
        document_site.rc = troubles[i].rc;
        document_check_refused(&site, "could not be fetched: try again");
        CHECK(!is_stored(&site));
        document_answer(200, "application/json", document_good);
        document_check_let_in(&site);
        site_close(&site);
    }
}

/* ---- well-known clients ---- */

TEST(client_fetch, a_well_known_client_is_let_in_while_its_site_is_in_trouble)
{
    struct site site;
    struct browser b;

    document_open(&site);
    document_answer(403, "text/html", "<p>Are you a robot?");
    document_ask_for_claude(&site, &b);
    CHECK_INT(b.status, 303);
    browser_follow(&b);
    CHECK(browser_shows(&b, "claude.ai"));
    CHECK(strstr(site.f.log, "what this version knows is used") != NULL);
    document_ask_for_claude(&site, &b);
    CHECK_INT(document_site.calls, 1);
    site.f.now_ms += AA_CLIENT_FRESH_MIN_S * 1000;
    document_answer(200, "application/json",
                    "{\"client_id\":\"" CLAUDE_ID
                    "\",\"client_name\":\"C\",\"redirect_uris\":[\"https://claude.ai/moved\"]}");
    document_ask_for_claude(&site, &b); /* what the site says counts */
    browser_check_page(&b, 400);
    CHECK(browser_shows(&b, "did not register this redirect_uri"));
    site_close(&site);
}

TEST(client_fetch, a_well_known_client_that_its_site_has_withdrawn_stays_out_in_trouble_too)
{
    struct site site;
    struct browser b;

    document_open(&site);
    document_answer(503, "", "");
    document_ask_for_claude(&site, &b);
    CHECK_INT(b.status, 303);
    site.f.now_ms += AA_CLIENT_FRESH_MIN_S * 1000;
    document_answer(404, "", "");
    document_ask_for_claude(&site, &b);
    browser_check_page(&b, 400);
    document_answer(503, "", "");
    document_ask_for_claude(&site, &b);
    browser_check_page(&b, 400);
    CHECK(browser_shows(&b, "could not be fetched"));
    site_close(&site);
}

TEST(client_fetch, what_its_site_once_said_of_a_well_known_client_is_better_than_what_this_version_knows)
{
    struct site site;
    struct browser b;

    document_open(&site);
    document_answer(200, "application/json",
                    "{\"client_id\":\"" CLAUDE_ID
                    "\",\"client_name\":\"C\",\"redirect_uris\":[\"https://claude.ai/moved\"]}");
    document_ask_for_claude(&site, &b);
    browser_check_page(&b, 400);
    document_site.rc = AA_ERR_REMOTE_TIMEOUT;
    site.f.now_ms += 30 * DAY; /* nobody used it, and the copy is old */
    document_ask_for_claude(&site, &b);
    browser_check_page(&b, 400);
    CHECK(browser_shows(&b, "did not register this redirect_uri"));
    site_close(&site);
}

TEST(client_fetch, every_document_that_is_pinned_is_a_good_one)
{
    static const char *const ids[] = {CLAUDE_ID,
                                      "https://claude.ai/oauth/mcp-oauth-client-metadata",
                                      "https://chatgpt.com/oauth/client.json",
                                      "https://chatgpt.com/oauth/codex/client.json",
                                      "https://vscode.dev/oauth/client-metadata.json",
                                      "https://zed.dev/oauth/client-metadata.json",
                                      "https://opencode.ai/oauth/opencode/client.json"};
    struct site site;
    struct browser b;

    document_open(&site);
    document_site.rc = AA_ERR_REMOTE_DNS;
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        document_ask(&site, &b, ids[i]);
        browser_check_page(&b, 400);
        CHECK(browser_shows(&b, "did not register this redirect_uri")); /* known, then */
    }
    document_ask(&site, &b, CLAUDE_ID "/");
    CHECK(browser_shows(&b, "could not be fetched"));
    site_close(&site);
}

TEST(client_fetch, where_nothing_can_be_fetched_what_is_known_is_used)
{
    struct site site;
    struct browser b;

    document_open(&site);
    site.f.app.fetch = NULL;
    document_check_refused(&site, "could not be fetched");
    document_ask_for_claude(&site, &b);
    CHECK_INT(b.status, 303);
    site_close(&site);
}

/* ---- a site that says no ---- */

static const struct {
    enum aa_err rc;
    int status;
    const char *type, *body, *sentence;
} refusals[] = {
    {AA_OK, 404, "application/json", document_good, "no metadata document"},
    {AA_OK, 410, "application/json", document_good, "no metadata document"},
    {AA_OK, 301, "application/json", document_good, "no metadata document"},
    {AA_OK, 204, "application/json", document_good, "no metadata document"},
    {AA_OK, 200, "text/html", document_good, "not JSON"},
    {AA_OK, 200, "", document_good, "not JSON"},
    {AA_OK, 200, "application/json", "{", "metadata document"},
    {AA_OK, 200, "application/json",
     "{\"client_id\":\"https://other.example/oauth/client.json\",\"redirect_uris\":[\"" DOCUMENT_URI "\"]}",
     "client_id"},
    {AA_OK, 200, "application/json",
     "{\"client_id\":\"" DOCUMENT_ID "\",\"client_name\":\"C\",\"redirect_uris\":[\"javascript:alert(1)\"]}",
     "redirect URI"},
    {AA_ERR_TOO_LONG, 0, "", "", "larger than 5 KB"},
};

TEST(client_fetch, a_document_that_is_gone_or_bad_is_refused_and_its_copy_no_longer_stands_in)
{
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        struct site site;

        document_open(&site);
        document_check_let_in(&site);
        document_use(&site);
        site.f.now_ms += DAY;
        document_answer(refusals[i].status, refusals[i].type, refusals[i].body);
        document_site.rc = refusals[i].rc;
        document_check_refused(&site, refusals[i].sentence);
        document_site.rc = AA_ERR_REMOTE_TIMEOUT;
        document_check_refused(&site, "could not be fetched");
        document_answer(200, "application/json", document_good);
        document_check_let_in(&site);
        site_close(&site);
    }
}

TEST(client_fetch, nothing_is_kept_of_a_document_that_was_never_good)
{
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        struct site site;

        document_open(&site);
        document_answer(refusals[i].status, refusals[i].type, refusals[i].body);
        document_site.rc = refusals[i].rc;
        document_check_refused(&site, refusals[i].sentence);
        CHECK(!is_stored(&site));
        document_check_refused(&site, refusals[i].sentence);
        CHECK_INT(document_site.calls, 2);
        site_close(&site);
    }
}

/* ---- a clock that was wrong ---- */

TEST(client_fetch, a_copy_of_a_clock_that_was_ahead_keeps_nobody_from_hearing_the_site)
{
    struct site site;

    document_open(&site);
    site.f.now_ms += 365 * DAY;
    document_site.max_age_s = AA_CLIENT_FRESH_MAX_S;
    document_check_let_in(&site);
    document_use(&site);
    site.f.now_ms -= 365 * DAY;
    document_answer(404, "", "");
    document_check_refused(&site, "no metadata document");
    CHECK_INT(document_count_events(&site, "client_withdrawn"), 1);
    document_site.rc = AA_ERR_REMOTE_TIMEOUT;
    document_check_refused(&site, "could not be fetched");
    document_answer(200, "application/json", document_good);
    site.f.now_ms += 1;
    document_check_let_in(&site);
    site_close(&site);
}

/* ---- between the page and the click ---- */

static void show_consent(struct site *site, struct browser *b)
{
    struct query q = document_query(site, DOCUMENT_ID);

    browser_open(b, site);
    browser_log_in(b, site, site->ann);
    browser_authorize(b, &q);
    browser_follow(b);
    browser_check_page(b, 200);
}

/* Another request hears `body` meanwhile. */
static void check_nothing_is_given(int status, const char *body, const char *sentence)
{
    struct site site;
    struct browser b;

    document_open(&site);
    document_site.max_age_s = 0;
    show_consent(&site, &b);
    site.f.now_ms += AA_CLIENT_FRESH_MIN_S * 1000;
    document_answer(status, "application/json", body);
    document_check_refused(&site, sentence);
    browser_submit(&b, "/consent", "&decision=allow");
    browser_check_page(&b, 400);
    CHECK_INT(site_count(&site, site.ann), 0);
    document_answer(200, "application/json", document_good);
    site.f.now_ms += AA_CLIENT_FRESH_S * 1000;
    show_consent(&site, &b);
    browser_submit(&b, "/consent", "&decision=allow");
    browser_check_code(&b, DOCUMENT_URI "?", NULL);
    site_close(&site);
}

TEST(client_fetch, a_client_that_is_withdrawn_between_the_page_and_the_click_is_given_nothing)
{
    check_nothing_is_given(404, "", "no metadata document");
}

TEST(client_fetch, a_redirect_uri_that_is_taken_out_between_the_page_and_the_click_is_given_nothing)
{
    check_nothing_is_given(200,
                           "{\"client_id\":\"" DOCUMENT_ID
                           "\",\"client_name\":\"C\",\"redirect_uris\":[\"https://client.example/moved\"]}",
                           "did not register this redirect_uri");
}

/* ---- memory that runs out ---- */

static struct query prepared;

static void prepare_fetch(struct site *site, struct browser *b)
{
    (void)b;
    site->f.now_ms += DAY;
    prepared = document_query(site, DOCUMENT_ID);
    query_url(&prepared);
}

static void visit_fetch(struct site *site, struct browser *b)
{
    (void)site;
    browser_get(b, prepared.text);
}

TEST(client_fetch, memory_that_runs_out_is_trouble_of_ours_and_loses_nothing)
{
    struct site site;

    document_open(&site);
    document_check_let_in(&site);
    document_use(&site);
    browser_fail_memory(&site, prepare_fetch, visit_fetch, NULL, 303);
    CHECK_INT(document_count_events(&site, "client_changed"), 0);
    document_check_let_in(&site);
    site_close(&site);
}

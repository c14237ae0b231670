/* A client whose identifier is the URL of its metadata document: when the document is fetched, what is made of what
 * comes, and how old a copy may be. Who fetches is played by the test; the network is tests/core/test_fetch.c's. */
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#include "base/error.h"
#include "base/url.h"
#include "domain/client_fetch.h"
#include "store/audit.h"
#include "store/store.h"
#include "support_browser.h"

#define ID "https://client.example/oauth/client.json"
#define URI "https://client.example/callback"
#define MINUTE INT64_C(60000)
#define DAY (INT64_C(24) * 60 * MINUTE)

static const char good[] = "{\"client_id\":\"" ID "\",\"client_name\":\"Example client\",\"redirect_uris\":[\"" URI
                           "\",\"http://127.0.0.1/callback\"],\"token_endpoint_auth_method\":\"none\","
                           "\"grant_types\":[\"authorization_code\",\"refresh_token\"]}";

/* What the client's site answers. */
static struct {
    enum aa_err rc;
    int status;
    const char *type, *body;
    int64_t max_age_s;
    int calls;
    char url[AA_URL_MAX + 1];
} answer;

static enum aa_err play_site(void *ctx, const char *url, struct aa_download *out, struct aa_error *err)
{
    (void)ctx;
    answer.calls++;
    snprintf(answer.url, sizeof answer.url, "%s", url);
    if (answer.rc)
        return aa_fail(err, answer.rc, "as the test has it");
    out->status = answer.status;
    out->max_age_s = answer.max_age_s;
    aa_buf_add_text(&out->content_type, answer.type);
    aa_buf_add_text(&out->body, answer.body);
    return out->content_type.bad ? out->content_type.bad : aa_buf_check(&out->body, "a document", err);
}

static void answer_with(int status, const char *type, const char *body)
{
    answer.rc = AA_OK;
    answer.status = status;
    answer.type = type;
    answer.body = body;
    answer.max_age_s = -1;
}

static void open_site(struct site *site)
{
    site_open(site);
    site->f.app.fetch = play_site;
    memset(&answer, 0, sizeof answer);
    answer_with(200, "application/json", good);
}

static struct query query_of(struct site *site, const char *client_id)
{
    struct query q = query_for(site, URI);

    query_set(&q, "client_id", client_id);
    return q;
}

/* An authorization request of that client, in a browser of its own. */
static void ask_for(struct site *site, struct browser *b, const char *client_id)
{
    struct query q = query_of(site, client_id);

    browser_open(b, site);
    browser_authorize(b, &q);
}

static void check_let_in(struct site *site)
{
    struct browser b;

    ask_for(site, &b, ID);
    CHECK_INT(b.status, 303);
    CHECK_INT(strncmp(b.location, "/login?request=", 15), 0);
}

static void check_told(struct site *site, int status, const char *sentence)
{
    struct browser b;

    ask_for(site, &b, ID);
    browser_check_page(&b, status);
    if (!browser_shows(&b, sentence))
        fail_msg("%s is not on the page:\n%s", sentence, b.page);
}

static void check_refused(struct site *site, const char *sentence)
{
    check_told(site, 400, sentence);
}

static enum aa_err find_client(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    return aa_client_find(conn, VIEW(ID), ctx, err);
}

static bool is_stored(struct site *site)
{
    struct aa_client client = {0};
    enum aa_err rc = aa_db_read(site->f.app.db, find_client, &client, NULL);

    aa_record_clear(&client.memory);
    return rc == AA_OK;
}

static enum aa_err mark_used(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    return aa_client_mark_used(conn, VIEW(ID), *(int64_t *)ctx, err);
}

/* Somebody has allowed it something. */
static void use(struct site *site)
{
    CHECK_OK(aa_db_write(site->f.app.db, mark_used, &site->f.now_ms, NULL));
}

struct counted {
    const char *event;
    int count;
};

static enum aa_err count_event(void *ctx, const void *record, struct aa_error *err)
{
    const struct aa_audit_row *row = record;
    struct counted *counted = ctx;

    (void)err;
    counted->count += aa_view_equal_text(row->event, counted->event) && aa_view_equal_text(row->client_id, ID);
    return AA_OK;
}

static enum aa_err read_audit(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    return aa_audit_tail(conn, 1000, count_event, ctx, err);
}

/* Rows of the audit about this client. */
static int count_events(struct site *site, const char *event)
{
    struct counted counted = {event, 0};

    CHECK_OK(aa_db_read(site->f.app.db, read_audit, &counted, NULL));
    return counted.count;
}

/* ---- a document ---- */

TEST(client_fetch, a_client_known_by_its_url_is_let_in_and_shown_by_its_host)
{
    struct site site;
    struct browser b;
    struct query q;

    open_site(&site);
    q = query_of(&site, ID);
    browser_open(&b, &site);
    browser_log_in(&b, &site, site.ann);
    browser_authorize(&b, &q);
    CHECK_INT(answer.calls, 1);
    CHECK_TEXT(answer.url, ID);
    browser_follow(&b);
    browser_check_page(&b, 200);
    CHECK(browser_shows(&b, ">client.example<"));
    CHECK(browser_shows(&b, "Verified"));
    CHECK(browser_shows(&b, "Example client"));
    browser_submit(&b, "/consent", "&decision=allow");
    browser_check_code(&b, URI "?", NULL);
    CHECK_INT(answer.calls, 1);
    site_close(&site);
}

TEST(client_fetch, the_rules_for_redirect_uris_are_those_of_registered_clients)
{
    struct site site;
    struct browser b;
    struct query q;

    open_site(&site);
    q = query_of(&site, ID);
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

    open_site(&site);
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        ask_for(&site, &b, ids[i]);
        browser_check_page(&b, 400);
    }
    CHECK_INT(answer.calls, 0);
    site_close(&site);
}

TEST(client_fetch, a_url_that_no_document_can_be_at_is_refused_unfetched)
{
    static const char *const ids[] = {"https://client.example",     "https://client.example/",
                                      "https://u@client.example/x", "https://client.example/a/../x",
                                      "https://client.example/x#y", "HTTPS://"};
    struct site site;
    struct browser b;

    open_site(&site);
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        ask_for(&site, &b, ids[i]);
        browser_check_page(&b, 400);
        CHECK(browser_shows(&b, "not the URL of a metadata document"));
    }
    CHECK_INT(answer.calls, 0);
    check_let_in(&site);
    site_close(&site);
}

/* ---- who may ---- */

TEST(client_fetch, documents_can_be_switched_off)
{
    struct site site;

    open_site(&site);
    check_let_in(&site); /* stored meanwhile */
    site.f.app.settings.client_documents = false;
    check_told(&site, 403, "not let in here");
    CHECK_INT(answer.calls, 1);
    site_close(&site);
}

TEST(client_fetch, documents_can_be_limited_to_some_sites)
{
    struct site site;

    open_site(&site);
    site.f.app.settings.client_document_hosts = "claude.ai client.example";
    check_let_in(&site);
    site.f.app.settings.client_document_hosts = "claude.ai notclient.example client.example.org client.example:8443";
    check_told(&site, 403, "clients of this site");
    CHECK_INT(answer.calls, 1);
    site_close(&site);
}

static enum aa_err create_client(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    return aa_client_create(conn, ctx, err);
}

TEST(client_fetch, a_client_that_the_administrator_added_under_such_a_name_needs_no_document)
{
    struct aa_client client = {.client_id = VIEW(ID),
                               .redirect_uris = VIEW("[\"" URI "\"]"),
                               .grant_types = VIEW("authorization_code"),
                               .source = VIEW("cli")};
    struct site site;

    open_site(&site);
    CHECK_OK(aa_db_write(site.f.app.db, create_client, &client, NULL));
    check_let_in(&site);
    CHECK_INT(answer.calls, 0);
    site_close(&site);
}

/* ---- how long a copy is good ---- */

/* The last moment at which it is not fetched again, and the first at which it is. */
static void check_fresh_for(int64_t max_age_s, int64_t wanted_s)
{
    struct site site;

    open_site(&site);
    answer.max_age_s = max_age_s;
    check_let_in(&site);
    use(&site);
    site.f.now_ms += wanted_s * 1000 - 1;
    check_let_in(&site);
    CHECK_INT(answer.calls, 1);
    site.f.now_ms += 1;
    check_let_in(&site);
    CHECK_INT(answer.calls, 2);
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

    open_site(&site);
    answer.max_age_s = AA_CLIENT_FRESH_MAX_S;
    check_let_in(&site);
    site.f.now_ms += site.f.app.settings.unused_client_ttl_s * 1000;
    check_let_in(&site);
    CHECK_INT(answer.calls, 2);
    site_close(&site);
}

TEST(client_fetch, a_changed_document_counts_at_the_next_look_and_is_in_the_audit)
{
    struct site site;

    open_site(&site);
    check_let_in(&site);
    use(&site);
    CHECK_INT(count_events(&site, "client_registered"), 1);
    site.f.now_ms += DAY;
    check_let_in(&site);
    CHECK_INT(count_events(&site, "client_changed"), 0);
    answer_with(200, "application/json",
                "{\"client_id\":\"" ID
                "\",\"client_name\":\"C\",\"redirect_uris\":[\"https://client.example/moved\"]}");
    site.f.now_ms += DAY;
    check_refused(&site, "did not register this redirect_uri");
    CHECK_INT(count_events(&site, "client_changed"), 1);
    CHECK_INT(count_events(&site, "client_registered"), 1);
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

        open_site(&site);
        check_let_in(&site);
        use(&site);
        site.f.now_ms += DAY;
        answer_with(troubles[i].status, "text/html", "<p>Are you a robot?");
        answer.rc = troubles[i].rc;
        check_let_in(&site);
        CHECK_INT(answer.calls, 2);
        CHECK(strstr(site.f.log, "the last copy is used") != NULL);
        check_let_in(&site);
        CHECK_INT(answer.calls, 2);
        site.f.now_ms += AA_CLIENT_FRESH_MIN_S * 1000;
        check_let_in(&site);
        CHECK_INT(answer.calls, 3);
        site_close(&site);
    }
}

TEST(client_fetch, a_copy_stands_in_for_a_week_and_no_longer)
{
    struct site site;

    open_site(&site);
    check_let_in(&site);
    use(&site);
    answer.rc = AA_ERR_REMOTE_TIMEOUT;
    site.f.now_ms += AA_CLIENT_KEPT_MS - 1;
    check_let_in(&site);
    site.f.now_ms += AA_CLIENT_FRESH_MIN_S * 1000;
    check_refused(&site, "could not be fetched");
    answer.rc = AA_OK;
    check_let_in(&site);
    site_close(&site);
}

TEST(client_fetch, without_a_copy_trouble_refuses_and_nothing_is_kept_of_it)
{
    for (size_t i = 0; i < sizeof troubles / sizeof *troubles; i++) {
        struct site site;

        open_site(&site);
        answer_with(troubles[i].status, "text/html", "");
        answer.rc = troubles[i].rc;
        check_refused(&site, "could not be fetched: try again");
        CHECK(!is_stored(&site));
        answer_with(200, "application/json", good);
        check_let_in(&site);
        site_close(&site);
    }
}

/* ---- well-known clients ---- */

#define CLAUDE "https://claude.ai/oauth/claude-code-client-metadata"

static void ask_for_claude(struct site *site, struct browser *b)
{
    struct query q = query_of(site, CLAUDE);

    query_set(&q, "redirect_uri", "http://localhost:3118/callback");
    browser_open(b, site);
    browser_authorize(b, &q);
}

TEST(client_fetch, a_well_known_client_is_let_in_while_its_site_is_in_trouble)
{
    struct site site;
    struct browser b;

    open_site(&site);
    answer_with(403, "text/html", "<p>Are you a robot?");
    ask_for_claude(&site, &b);
    CHECK_INT(b.status, 303);
    browser_follow(&b);
    CHECK(browser_shows(&b, "claude.ai"));
    CHECK(strstr(site.f.log, "what this version knows is used") != NULL);
    ask_for_claude(&site, &b);
    CHECK_INT(answer.calls, 1);
    site.f.now_ms += AA_CLIENT_FRESH_MIN_S * 1000;
    answer_with(200, "application/json",
                "{\"client_id\":\"" CLAUDE "\",\"client_name\":\"C\",\"redirect_uris\":[\"https://claude.ai/moved\"]}");
    ask_for_claude(&site, &b); /* what the site says counts */
    browser_check_page(&b, 400);
    CHECK(browser_shows(&b, "did not register this redirect_uri"));
    site_close(&site);
}

TEST(client_fetch, a_well_known_client_that_its_site_has_withdrawn_stays_out_in_trouble_too)
{
    struct site site;
    struct browser b;

    open_site(&site);
    answer_with(503, "", "");
    ask_for_claude(&site, &b);
    CHECK_INT(b.status, 303);
    site.f.now_ms += AA_CLIENT_FRESH_MIN_S * 1000;
    answer_with(404, "", "");
    ask_for_claude(&site, &b);
    browser_check_page(&b, 400);
    answer_with(503, "", "");
    ask_for_claude(&site, &b);
    browser_check_page(&b, 400);
    CHECK(browser_shows(&b, "could not be fetched"));
    site_close(&site);
}

TEST(client_fetch, what_its_site_once_said_of_a_well_known_client_is_better_than_what_this_version_knows)
{
    struct site site;
    struct browser b;

    open_site(&site);
    answer_with(200, "application/json",
                "{\"client_id\":\"" CLAUDE "\",\"client_name\":\"C\",\"redirect_uris\":[\"https://claude.ai/moved\"]}");
    ask_for_claude(&site, &b);
    browser_check_page(&b, 400);
    answer.rc = AA_ERR_REMOTE_TIMEOUT;
    site.f.now_ms += 30 * DAY; /* nobody used it, and the copy is old */
    ask_for_claude(&site, &b);
    browser_check_page(&b, 400);
    CHECK(browser_shows(&b, "did not register this redirect_uri"));
    site_close(&site);
}

TEST(client_fetch, every_document_that_is_pinned_is_a_good_one)
{
    static const char *const ids[] = {CLAUDE,
                                      "https://claude.ai/oauth/mcp-oauth-client-metadata",
                                      "https://chatgpt.com/oauth/client.json",
                                      "https://chatgpt.com/oauth/codex/client.json",
                                      "https://vscode.dev/oauth/client-metadata.json",
                                      "https://zed.dev/oauth/client-metadata.json",
                                      "https://opencode.ai/oauth/opencode/client.json"};
    struct site site;
    struct browser b;

    open_site(&site);
    answer.rc = AA_ERR_REMOTE_DNS;
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        ask_for(&site, &b, ids[i]);
        browser_check_page(&b, 400);
        CHECK(browser_shows(&b, "did not register this redirect_uri")); /* known, then */
    }
    ask_for(&site, &b, CLAUDE "/");
    CHECK(browser_shows(&b, "could not be fetched"));
    site_close(&site);
}

TEST(client_fetch, where_nothing_can_be_fetched_what_is_known_is_used)
{
    struct site site;
    struct browser b;

    open_site(&site);
    site.f.app.fetch = NULL;
    check_refused(&site, "could not be fetched");
    ask_for_claude(&site, &b);
    CHECK_INT(b.status, 303);
    site_close(&site);
}

/* ---- a site that says no ---- */

static const struct {
    enum aa_err rc;
    int status;
    const char *type, *body, *sentence;
} refusals[] = {
    {AA_OK, 404, "application/json", good, "no metadata document"},
    {AA_OK, 410, "application/json", good, "no metadata document"},
    {AA_OK, 301, "application/json", good, "no metadata document"},
    {AA_OK, 204, "application/json", good, "no metadata document"},
    {AA_OK, 200, "text/html", good, "not JSON"},
    {AA_OK, 200, "", good, "not JSON"},
    {AA_OK, 200, "application/json", "{", "metadata document"},
    {AA_OK, 200, "application/json",
     "{\"client_id\":\"https://other.example/oauth/client.json\",\"redirect_uris\":[\"" URI "\"]}", "client_id"},
    {AA_OK, 200, "application/json",
     "{\"client_id\":\"" ID "\",\"client_name\":\"C\",\"redirect_uris\":[\"javascript:alert(1)\"]}", "redirect URI"},
    {AA_ERR_TOO_LONG, 0, "", "", "larger than 5 KB"},
};

TEST(client_fetch, a_document_that_is_gone_or_bad_is_refused_and_its_copy_no_longer_stands_in)
{
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        struct site site;

        open_site(&site);
        check_let_in(&site);
        use(&site);
        site.f.now_ms += DAY;
        answer_with(refusals[i].status, refusals[i].type, refusals[i].body);
        answer.rc = refusals[i].rc;
        check_refused(&site, refusals[i].sentence);
        answer.rc = AA_ERR_REMOTE_TIMEOUT;
        check_refused(&site, "could not be fetched");
        answer_with(200, "application/json", good);
        check_let_in(&site);
        site_close(&site);
    }
}

TEST(client_fetch, nothing_is_kept_of_a_document_that_was_never_good)
{
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        struct site site;

        open_site(&site);
        answer_with(refusals[i].status, refusals[i].type, refusals[i].body);
        answer.rc = refusals[i].rc;
        check_refused(&site, refusals[i].sentence);
        CHECK(!is_stored(&site));
        check_refused(&site, refusals[i].sentence);
        CHECK_INT(answer.calls, 2);
        site_close(&site);
    }
}

/* ---- how often ---- */

static void ask_for_number(struct site *site, struct browser *b, const char *peer, int number)
{
    char id[64];
    struct query q;

    snprintf(id, sizeof id, "https://client.example/oauth/%d.json", number);
    q = query_of(site, id);
    browser_open(b, site);
    site->f.app.who.address = VIEW(peer);
    browser_authorize(b, &q);
}

TEST(client_fetch, an_address_has_so_many_documents_fetched_and_no_more)
{
    struct site site;
    struct browser b;

    open_site(&site);
    answer_with(404, "", "");
    for (int i = 0; i < 30; i++) {
        ask_for_number(&site, &b, "192.0.2.1", i);
        browser_check_page(&b, 400);
    }
    ask_for_number(&site, &b, "192.0.2.1", 30);
    browser_check_page(&b, 429);
    CHECK(strstr(b.headers, "Retry-After: 600\n") != NULL);
    CHECK_INT(answer.calls, 30);
    ask_for_number(&site, &b, "192.0.2.2", 30);
    browser_check_page(&b, 400);
    site.f.now_ms += 10 * MINUTE;
    ask_for_number(&site, &b, "192.0.2.1", 31);
    browser_check_page(&b, 400);
    CHECK_INT(answer.calls, 32);
    site_close(&site);
}

/* Strangers of many addresses make us ask its site for what is not there. */
static void exhaust_site(struct site *site)
{
    static const char *const peers[] = {"192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4", "192.0.2.5"};
    struct browser b;

    answer_with(404, "", "");
    for (int i = 0; i < 120; i++)
        ask_for_number(site, &b, peers[i / 25], i);
    ask_for_number(site, &b, "192.0.2.9", 120);
    browser_check_page(&b, 429);
    CHECK(browser_shows(&b, "this site was asked for too many"));
    site->f.app.who.address = VIEW("192.0.2.8");
    answer_with(200, "application/json", good);
}

TEST(client_fetch, what_strangers_ask_of_a_site_does_not_keep_its_client_in_use_from_being_looked_at)
{
    struct site site;

    open_site(&site);
    check_let_in(&site);
    use(&site);
    site.f.now_ms += 8 * DAY; /* its copy does not even stand in any more */
    exhaust_site(&site);
    answer.calls = 0;
    check_let_in(&site);
    CHECK_INT(answer.calls, 1);
    site_close(&site);
}

TEST(client_fetch, an_address_that_had_too_many_documents_fetched_still_has_what_is_known)
{
    struct site site;
    struct browser b;

    open_site(&site);
    check_let_in(&site);
    use(&site);
    site.f.now_ms += DAY;
    answer_with(404, "", "");
    for (int i = 0; i < 31; i++)
        ask_for_number(&site, &b, "192.0.2.1", i);
    browser_check_page(&b, 429);
    answer.calls = 0;
    check_let_in(&site);
    ask_for_claude(&site, &b);
    CHECK_INT(b.status, 303);
    CHECK_INT(answer.calls, 0);
    site_close(&site);
}

/* Else whoever spends their own limit keeps a client alive that its site has withdrawn. */
TEST(client_fetch, what_serves_one_who_is_over_a_limit_does_not_keep_others_from_asking)
{
    struct site site;
    struct browser b;

    open_site(&site);
    check_let_in(&site);
    use(&site);
    site.f.now_ms += DAY;
    answer_with(404, "", "");
    for (int i = 0; i < 30; i++)
        ask_for_number(&site, &b, "192.0.2.1", i);
    check_let_in(&site);
    ask_for_claude(&site, &b);
    CHECK_INT(b.status, 303);
    site.f.app.who.address = VIEW("192.0.2.2");
    check_refused(&site, "no metadata document");
    ask_for_claude(&site, &b);
    browser_check_page(&b, 400);
    site_close(&site);
}

TEST(client_fetch, while_too_much_is_being_fetched_what_is_known_serves_and_nothing_is_learnt)
{
    struct site site;
    struct browser b;

    open_site(&site);
    answer.rc = AA_ERR_REMOTE_BREAKER;
    check_refused(&site, "try again in a moment");
    ask_for_claude(&site, &b);
    CHECK_INT(b.status, 303);
    answer_with(200, "application/json", good);
    check_let_in(&site);
    use(&site);
    site.f.now_ms += DAY;
    answer.rc = AA_ERR_REMOTE_BREAKER;
    check_let_in(&site);
    answer_with(404, "", "");
    check_refused(&site, "no metadata document");
    ask_for_claude(&site, &b);
    browser_check_page(&b, 400);
    site_close(&site);
}

TEST(client_fetch, where_there_are_too_many_clients_one_that_nobody_used_gives_way)
{
    struct site site;
    struct browser b;

    open_site(&site); /* with one client that nobody used yet */
    site.f.app.settings.clients_max = 1;
    check_let_in(&site);
    use(&site);
    ask_for(&site, &b, "https://client.example/oauth/other.json");
    browser_check_page(&b, 400); /* the document is not that one's */
    answer_with(
        200, "application/json",
        "{\"client_id\":\"https://client.example/oauth/other.json\",\"client_name\":\"C\",\"redirect_uris\":[\"" URI
        "\"]}");
    ask_for(&site, &b, "https://client.example/oauth/other.json");
    browser_check_page(&b, 503);
    CHECK(strstr(b.headers, "Retry-After: ") != NULL);
    site.f.app.settings.clients_max = 2;
    ask_for(&site, &b, "https://client.example/oauth/other.json");
    CHECK_INT(b.status, 303);
    site_close(&site);
}

/* ---- two at once ---- */

/* What happens while the site of the first request has not answered yet. */
static void (*meanwhile)(struct site *site);
static struct site *meanwhile_site;

static enum aa_err play_slow_site(void *ctx, const char *url, struct aa_download *out, struct aa_error *err)
{
    void (*happens)(struct site * site) = meanwhile;
    enum aa_err rc = play_site(ctx, url, out, err);

    meanwhile = NULL;
    if (happens) {
        meanwhile_site->f.now_ms += 1000;
        happens(meanwhile_site);
    }
    return rc;
}

static void open_slow_site(struct site *site, void (*happens)(struct site *site))
{
    open_site(site);
    site->f.app.fetch = play_slow_site;
    meanwhile = NULL;
    check_let_in(site);
    use(site);
    site->f.now_ms += DAY;
    meanwhile = happens;
    meanwhile_site = site;
}

static void withdraw_meanwhile(struct site *site)
{
    answer_with(404, "", "");
    check_refused(site, "no metadata document");
}

TEST(client_fetch, a_client_that_is_withdrawn_while_another_request_finds_its_site_away_stays_so)
{
    struct site site;

    open_slow_site(&site, withdraw_meanwhile);
    answer.rc = AA_ERR_REMOTE_TIMEOUT;
    check_refused(&site, "has withdrawn it");
    answer.rc = AA_ERR_REMOTE_TIMEOUT;
    check_refused(&site, "could not be fetched");
    CHECK_INT(count_events(&site, "client_withdrawn"), 1);
    site_close(&site);
}

TEST(client_fetch, an_answer_that_comes_late_does_not_bring_back_a_client_that_was_withdrawn)
{
    struct site site;

    open_slow_site(&site, withdraw_meanwhile);
    check_refused(&site, "has withdrawn it");
    CHECK_INT(count_events(&site, "client_withdrawn"), 1);
    answer_with(200, "application/json", good);
    site.f.now_ms += 1;
    check_let_in(&site);
    CHECK_INT(count_events(&site, "client_changed"), 1); /* it is back */
    site_close(&site);
}

static void move_meanwhile(struct site *site)
{
    answer_with(200, "application/json",
                "{\"client_id\":\"" ID
                "\",\"client_name\":\"C\",\"redirect_uris\":[\"https://client.example/moved\"]}");
    check_refused(site, "did not register this redirect_uri");
}

TEST(client_fetch, an_older_document_that_comes_late_does_not_count)
{
    struct site site;

    open_slow_site(&site, move_meanwhile);
    check_refused(&site, "did not register this redirect_uri");
    check_refused(&site, "did not register this redirect_uri");
    CHECK_INT(count_events(&site, "client_changed"), 1);
    site_close(&site);
}

static void come_meanwhile(struct site *site)
{
    check_let_in(site);
}

/* One that had begun before, and hears something else. */
static void come_earlier(struct site *site)
{
    site->f.now_ms -= 2000;
    answer_with(200, "application/json", good);
    check_let_in(site);
    answer_with(404, "", "");
    site->f.now_ms += 2000;
}

TEST(client_fetch, a_client_that_two_requests_bring_at_once_is_registered_once)
{
    struct site site;

    open_site(&site);
    site.f.app.fetch = play_slow_site;
    meanwhile = come_meanwhile;
    meanwhile_site = &site;
    check_let_in(&site);
    CHECK_INT(answer.calls, 2);
    CHECK_INT(count_events(&site, "client_registered"), 1);
    CHECK_INT(count_events(&site, "client_changed"), 0);
    site_close(&site);
}

/* The earlier one has stored its answer when the later one hears that there is no such client. */
TEST(client_fetch, of_two_first_requests_the_later_answer_counts_too)
{
    struct site site;

    open_site(&site);
    site.f.app.fetch = play_slow_site;
    meanwhile = come_earlier;
    meanwhile_site = &site;
    answer_with(404, "", "");
    check_refused(&site, "no metadata document");
    check_told(&site, 400, "no metadata document");
    CHECK_INT(count_events(&site, "client_withdrawn"), 1);
    site_close(&site);
}

#define MOVED "{\"client_id\":\"" CLAUDE "\",\"client_name\":\"C\",\"redirect_uris\":[\"https://claude.ai/moved\"]}"

static void claude_moves_meanwhile(struct site *site)
{
    struct browser b;

    site->f.now_ms -= 2000; /* this one had begun before */
    answer_with(200, "application/json", MOVED);
    ask_for_claude(site, &b);
    browser_check_page(&b, 400);
    site->f.now_ms += 2000;
}

TEST(client_fetch, what_this_version_knows_never_takes_the_place_of_what_a_site_has_said)
{
    struct site site;
    struct browser b;

    open_site(&site);
    site.f.app.fetch = play_slow_site;
    meanwhile = claude_moves_meanwhile;
    meanwhile_site = &site;
    answer.rc = AA_ERR_REMOTE_TIMEOUT;
    ask_for_claude(&site, &b);
    browser_check_page(&b, 400);
    CHECK(browser_shows(&b, "did not register this redirect_uri"));
    site_close(&site);
}

/* ---- at the very same time ---- */

#define THREADS 4

static enum aa_err play_site_quietly(void *ctx, const char *url, struct aa_download *out, struct aa_error *err)
{
    (void)ctx;
    (void)url;
    usleep(3000);
    out->status = answer.status;
    out->max_age_s = 0;
    aa_buf_add_text(&out->content_type, "application/json");
    aa_buf_add_text(&out->body, answer.body);
    return aa_buf_check(&out->body, "a document", err);
}

static void *fetch_in_thread(void *arg)
{
    struct aa_app app = *(struct aa_app *)arg;
    struct aa_refused refused = AA_REFUSED_INIT;

    return aa_client_fetch(&app, VIEW(ID), &refused, NULL) == AA_OK || refused.error != AA_OAUTH_NONE ? NULL : arg;
}

static void fetch_in_threads(struct site *site)
{
    pthread_t threads[THREADS];

    site->f.app.fetch = play_site_quietly;
    for (int i = 0; i < THREADS; i++)
        CHECK_INT(pthread_create(&threads[i], NULL, fetch_in_thread, &site->f.app), 0);
    for (int i = 0; i < THREADS; i++) {
        void *failed = NULL;

        pthread_join(threads[i], &failed);
        CHECK(failed == NULL);
    }
}

TEST(client_fetch, however_many_bring_or_lose_a_client_at_once_it_is_noted_once)
{
    for (int round = 0; round < 5; round++) {
        struct site site;

        open_site(&site);
        fetch_in_threads(&site);
        CHECK_INT(count_events(&site, "client_registered"), 1);
        CHECK_INT(count_events(&site, "client_changed"), 0);
        site.f.now_ms += 30 * MINUTE;
        answer_with(404, "", "");
        fetch_in_threads(&site);
        CHECK_INT(count_events(&site, "client_withdrawn"), 1);
        site_close(&site);
    }
}

/* ---- a clock that was wrong ---- */

TEST(client_fetch, a_copy_of_a_clock_that_was_ahead_keeps_nobody_from_hearing_the_site)
{
    struct site site;

    open_site(&site);
    site.f.now_ms += 365 * DAY;
    answer.max_age_s = AA_CLIENT_FRESH_MAX_S;
    check_let_in(&site);
    use(&site);
    site.f.now_ms -= 365 * DAY;
    answer_with(404, "", "");
    check_refused(&site, "no metadata document");
    CHECK_INT(count_events(&site, "client_withdrawn"), 1);
    answer.rc = AA_ERR_REMOTE_TIMEOUT;
    check_refused(&site, "could not be fetched");
    answer_with(200, "application/json", good);
    site.f.now_ms += 1;
    check_let_in(&site);
    site_close(&site);
}

/* ---- between the page and the click ---- */

static void show_consent(struct site *site, struct browser *b)
{
    struct query q = query_of(site, ID);

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

    open_site(&site);
    answer.max_age_s = 0;
    show_consent(&site, &b);
    site.f.now_ms += AA_CLIENT_FRESH_MIN_S * 1000;
    answer_with(status, "application/json", body);
    check_refused(&site, sentence);
    browser_submit(&b, "/consent", "&decision=allow");
    browser_check_page(&b, 400);
    CHECK_INT(site_count(&site, site.ann), 0);
    answer_with(200, "application/json", good);
    site.f.now_ms += AA_CLIENT_FRESH_S * 1000;
    show_consent(&site, &b);
    browser_submit(&b, "/consent", "&decision=allow");
    browser_check_code(&b, URI "?", NULL);
    site_close(&site);
}

TEST(client_fetch, a_client_that_is_withdrawn_between_the_page_and_the_click_is_given_nothing)
{
    check_nothing_is_given(404, "", "no metadata document");
}

TEST(client_fetch, a_redirect_uri_that_is_taken_out_between_the_page_and_the_click_is_given_nothing)
{
    check_nothing_is_given(
        200, "{\"client_id\":\"" ID "\",\"client_name\":\"C\",\"redirect_uris\":[\"https://client.example/moved\"]}",
        "did not register this redirect_uri");
}

/* ---- memory that runs out ---- */

static struct query prepared;

static void prepare_fetch(struct site *site, struct browser *b)
{
    (void)b;
    site->f.now_ms += DAY;
    prepared = query_of(site, ID);
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

    open_site(&site);
    check_let_in(&site);
    use(&site);
    browser_fail_memory(&site, prepare_fetch, visit_fetch, NULL, 303);
    CHECK_INT(count_events(&site, "client_changed"), 0);
    check_let_in(&site);
    site_close(&site);
}

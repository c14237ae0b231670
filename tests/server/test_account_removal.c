/* What a person takes back on the account page: who may, what goes with it, what stays. */
#include <pthread.h>
#include <stdio.h>

#include "domain/account.h"
#include "domain/directory.h"
#include "metrics/metrics.h"
#include "support_account.h"
#include "support_flow.h"

/* ---- removing access ---- */

static enum aa_err note_live(void *ctx, const void *record, struct aa_error *err)
{
    (void)err;
    *(int *)ctx += ((const struct aa_grant *)record)->revoked_ms == 0;
    return AA_OK;
}

struct live {
    const char *user_id;
    int count;
};

static enum aa_err find_live(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    struct live *live = ctx;

    live->count = 0;
    return aa_grant_list(conn, VIEW(live->user_id), note_live, &live->count, err);
}

static int count_live(struct site *site, const char *user_id)
{
    struct live live = {user_id, 0};

    CHECK_OK(aa_db_read(site->f.app.db, find_live, &live, NULL));
    return live.count;
}

TEST(account_removal, one_click_removes_all_grants_of_that_client_and_it_asks_again)
{
    static char ids[120][16];
    struct site site;
    struct browser b;
    char button[BUTTON_MAX];

    account_begin(&site, &b);
    account_allow(&site, &b);
    CHECK(!account_is_asked(&site, &b)); /* another grant, and no question */
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        struct account_row row;

        snprintf(ids[i], sizeof ids[i], "gr_%zu", i);
        row = account_row_for(&site, ids[i]);
        account_put_grant(&site, &row);
    }
    CHECK_INT(count_live(&site, site.ann), 122);
    CHECK_INT(account_count_listed(&b), 1);
    account_first_button(&b, button);
    browser_submit(&b, "/account", button);
    account_check_back(&b, "removed");
    CHECK(strstr(b.headers, "Cache-Control: no-store\n") != NULL);
    browser_follow(&b);
    browser_check_page(&b, 200);
    CHECK(browser_shows(&b, REMOVED));
    CHECK(browser_shows(&b, NOTHING));
    CHECK_INT(count_live(&site, site.ann), 0);
    CHECK(account_is_asked(&site, &b));
    site_close(&site);
}

TEST(account_removal, other_clients_and_other_servers_keep_what_they_have)
{
    struct site site;
    struct browser b;
    struct account_row row;
    char button[BUTTON_MAX], other_client[32];

    account_begin(&site, &b);
    row = account_row_for(&site, "gr_server");
    row.server = (struct aa_server){.server_id = VIEW("srv_other"),
                                    .server_url = VIEW("https://other.example/"),
                                    .resource_normal = VIEW("https://other.example/"),
                                    .server_name = VIEW("Other"),
                                    .scopes = VIEW("files:read"),
                                    .default_scopes = VIEW("files:read"),
                                    .created_ms = 1};
    row.grant.server_id = row.consent.server_id = row.server.server_id;
    account_put_server(&site, &row);
    account_put_grant(&site, &row);
    account_put_consent(&site, &row);
    site_register(&site, "Other app", "[\"https://other.example/\"]", other_client);
    row = account_row_for(&site, "gr_client");
    row.grant.client_id = row.consent.client_id = VIEW(other_client);
    account_put_grant(&site, &row);
    account_put_consent(&site, &row);
    account_allow(&site, &b);
    CHECK_INT(account_count_listed(&b), 3);
    account_first_button(&b, button);
    browser_submit(&b, "/account", button);
    CHECK_INT(account_count_listed(&b), 2);
    CHECK(browser_shows(&b, "https://other.example/"));
    CHECK(browser_shows(&b, "<bdi>Other app</bdi>"));
    CHECK(!browser_shows(&b, "no access at the moment"));
    CHECK(account_is_asked(&site, &b));
    site_close(&site);
}

TEST(account_removal, a_consent_alone_is_removed_too)
{
    struct site site;
    struct browser b;
    struct account_row row;
    char button[BUTTON_MAX];

    account_begin(&site, &b);
    row = account_row_for(&site, "gr_1");
    account_put_consent(&site, &row); /* as an import does */
    CHECK_INT(account_count_listed(&b), 1);
    account_first_button(&b, button);
    browser_submit(&b, "/account", button);
    account_check_back(&b, "removed");
    CHECK_INT(account_count_listed(&b), 0);
    CHECK(account_is_asked(&site, &b));
    account_put_consent(&site, &row);
    CHECK(!account_is_asked(&site, &b));
    site_close(&site);
}

/* What /revoke leaves behind: its grants are over, its consent is not. */
static enum aa_err end_grants(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    const struct site *site = ctx;
    int ended = 0;

    return aa_grant_revoke_at(conn, VIEW(site->ann), VIEW(site->client_id), VIEW(site->server_id), site->f.now_ms,
                              note_live, &ended, err);
}

TEST(account_removal, a_client_that_revoked_its_token_before_the_click_is_asked_for_when_it_returns)
{
    struct site site;
    struct browser b;
    char button[BUTTON_MAX];

    account_begin(&site, &b);
    account_allow(&site, &b);
    CHECK_OK(aa_db_write(site.f.app.db, end_grants, &site, NULL));
    CHECK(!account_is_asked(&site, &b));
    CHECK_INT(account_count_listed(&b), 1);
    account_first_button(&b, button);
    CHECK_OK(aa_db_write(site.f.app.db, end_grants, &site, NULL)); /* between the page and the click */
    CHECK_INT(count_live(&site, site.ann), 0);
    browser_submit(&b, "/account", button);
    account_check_back(&b, "removed");
    CHECK_INT(account_count_listed(&b), 0);
    CHECK(account_is_asked(&site, &b));
    site_close(&site);
}

TEST(account_removal, what_somebody_else_allowed_is_neither_removed_nor_told)
{
    static const char *const others[] = {"&access=srv_nobody+cl_nobody", "&access=srv_1%27+OR%2B1%3D1"};
    struct site site;
    struct browser b, other, third;
    char button[BUTTON_MAX], headers[sizeof b.headers];

    account_begin(&site, &b);
    browser_open(&third, &site);
    browser_log_in(&third, &site, site.bob); /* so that the page has its form, whatever was allowed */
    browser_log_in(&third, &site, site.ann);
    browser_open(&other, &site);
    browser_log_in(&other, &site, site.bob);
    account_allow(&site, &b);
    CHECK_INT(account_count_listed(&b), 1);
    account_first_button(&b, button);
    browser_get(&other, "/account");
    browser_submit(&other, "/account", button); /* Ann's */
    account_check_back(&other, "removed");
    snprintf(headers, sizeof headers, "%s", other.headers);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        browser_get(&other, "/account");
        browser_submit(&other, "/account", others[i]);
        account_check_back(&other, "removed");
        CHECK_TEXT(other.headers, headers);
    }
    CHECK_INT(account_count_listed(&b), 1);
    CHECK(!account_is_asked(&site, &b));
    account_allow(&site, &other);
    for (int i = 0; i < 2; i++) { /* hers, and once more */
        browser_get(&b, "/account");
        browser_submit(&b, "/account", button);
        account_check_back(&b, "removed");
        CHECK_TEXT(b.headers, headers);
    }
    CHECK_INT(account_count_listed(&b), 0);
    CHECK_INT(account_count_listed(&other), 1);
    CHECK(!account_is_asked(&site, &other)); /* Bob's consent stands */
    site_close(&site);
}

TEST(account_removal, another_page_cannot_do_it)
{
    static const char *const pages[] = {"/logout", "/login"};
    struct site site;
    struct browser b, other;
    char button[BUTTON_MAX], csrf[256], body[BUTTON_MAX + 512];

    account_begin(&site, &b);
    browser_open(&other, &site);
    browser_log_in(&other, &site, site.bob);
    account_allow(&site, &b);
    CHECK_INT(account_count_listed(&b), 1);
    account_first_button(&b, button);
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
    CHECK_INT(account_count_listed(&b), 1);
    browser_log_in(&b, &site, site.ann); /* of the session before this one */
    browser_submit(&b, "/account", button);
    browser_check_page(&b, 403);
    account_allow(&site, &other);
    CHECK_INT(account_count_listed(&other), 1);
    browser_field(&other, "csrf", csrf, sizeof csrf); /* of somebody else */
    snprintf(body, sizeof body, "csrf=%s%s", csrf, button);
    browser_post(&b, "/account", body);
    browser_check_page(&b, 403);
    browser_post_as(&b, "/account", "text/plain", body);
    browser_check_page(&b, 400);
    CHECK_INT(account_count_listed(&b), 1);
    browser_submit(&b, "/account", button);
    CHECK_INT(account_count_listed(&b), 0);
    site_close(&site);
}

TEST(account_removal, a_form_that_chooses_nothing_or_says_it_twice_is_refused)
{
    struct site site;
    struct browser b;
    char button[BUTTON_MAX], body[2 * BUTTON_MAX];

    account_begin(&site, &b);
    account_allow(&site, &b);
    CHECK_INT(account_count_listed(&b), 1);
    browser_submit(&b, "/account", "");
    browser_check_page(&b, 400);
    CHECK(browser_shows(&b, "Nothing was chosen"));
    browser_get(&b, "/account");
    browser_submit(&b, "/account", "&elsewhere=here");
    browser_check_page(&b, 400);
    browser_get(&b, "/account");
    account_first_button(&b, button);
    snprintf(body, sizeof body, "%s%s", button, button);
    browser_submit(&b, "/account", body);
    browser_check_page(&b, 400);
    CHECK_INT(account_count_listed(&b), 1);
    site_close(&site);
}

TEST(account_removal, a_button_names_a_server_and_a_client_and_nothing_else)
{
    static char long_server[80], long_client[2100];
    const char *const wrong[] = {"",
                                 "+",
                                 "srv_1",
                                 "srv_1+",
                                 "+cl_1",
                                 "srv_1++cl_1",
                                 "+srv_1+cl_1",
                                 "srv_1+cl_1+",
                                 "srv_1+cl_1+x",
                                 "srv_1%00+cl_1",
                                 "srv_1+cl_%C3%A9",
                                 "srv_1%09cl_1",
                                 long_server,
                                 long_client};
    struct site site;
    struct browser b;
    char body[BUTTON_MAX];

    memset(long_server, 's', 64);
    strcpy(long_server + 64, "+cl_1");
    strcpy(long_client, "srv_1+");
    memset(long_client + 6, 'c', 2049);
    account_begin(&site, &b);
    account_allow(&site, &b);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        browser_get(&b, "/account");
        snprintf(body, sizeof body, "&access=%s", wrong[i]);
        browser_submit(&b, "/account", body);
        browser_check_page(&b, 400);
    }
    for (int i = 0; i < 2; i++) { /* as long as they may be */
        browser_get(&b, "/account");
        snprintf(body, sizeof body, "&access=%s", i ? long_client : long_server + 1);
        if (i)
            body[strlen(body) - 1] = '\0';
        browser_submit(&b, "/account", body);
        account_check_back(&b, "removed");
    }
    CHECK_INT(account_count_listed(&b), 1);
    site_close(&site);
}

/* ---- meanwhile ---- */

TEST(account_removal, who_was_disabled_or_logged_out_meanwhile_is_led_to_the_login_and_removes_nothing)
{
    struct site site;
    struct browser b;
    char button[BUTTON_MAX];

    account_begin(&site, &b);
    account_allow(&site, &b);
    CHECK_INT(account_count_listed(&b), 1);
    account_first_button(&b, button);
    site.f.now_ms += site.f.app.settings.session_ttl_s * 1000;
    browser_submit(&b, "/account", button);
    account_check_to_login(&b);
    browser_log_in(&b, &site, site.ann);
    CHECK_INT(account_count_listed(&b), 1);
    CHECK_OK(aa_person_set_disabled(&site.f.app, VIEW(ANN), true, NULL));
    browser_submit(&b, "/account", button);
    account_check_to_login(&b);
    browser_get(&b, "/account");
    account_check_to_login(&b);
    site_close(&site);
}

struct moment {
    struct site site;
    struct aa_person person;
    struct account_row row;
};

/* What the endpoint holds when it is about to write. */
static void open_moment(struct moment *m)
{
    static struct browser b;

    memset(m, 0, sizeof *m);
    account_begin(&m->site, &b);
    m->row = account_row_for(&m->site, "gr_moment");
    account_put_grant(&m->site, &m->row);
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

static enum aa_err remove_it(struct moment *m)
{
    return aa_account_remove_access(&m->site.f.app, &m->person, VIEW(m->site.server_id), VIEW(m->site.client_id), NULL);
}

static void check_too_late(struct moment *m)
{
    CHECK_ERR(remove_it(m), AA_ERR_NOT_FOUND);
    CHECK_ERR(aa_account_log_out_elsewhere(&m->site.f.app, &m->person, NULL), AA_ERR_NOT_FOUND);
    CHECK(!is_revoked(&m->site.f.app));
    close_moment(m);
}

TEST(account_removal, at_the_last_moment_a_session_that_ended_removes_nothing)
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

TEST(account_removal, at_the_last_moment_a_session_that_ran_out_removes_nothing)
{
    struct moment m;

    open_moment(&m);
    m.site.f.now_ms += m.site.f.app.settings.session_ttl_s * 1000;
    check_too_late(&m);
}

TEST(account_removal, at_the_last_moment_what_is_still_so_is_removed)
{
    struct moment m;

    open_moment(&m);
    CHECK_OK(remove_it(&m));
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

/* When the only client of the page was used last. */
static int64_t last_use(struct flow *flow, const struct aa_person *person)
{
    static struct aa_account account;
    int64_t used_ms;

    CHECK_OK(aa_account_open(&flow->f.app, person, &account, NULL));
    CHECK_INT(account.access_count, 1);
    used_ms = account.accesses[0].used_ms;
    aa_account_clear(&account);
    return used_ms;
}

FLOW_TEST(account_removal, every_token_of_a_removed_client_is_dead_and_those_of_others_live)
{
    char first[FLOW_TOKEN_MAX], first_refresh[FLOW_TOKEN_MAX], access[FLOW_TOKEN_MAX], refresh[FLOW_TOKEN_MAX];
    char kept[FLOW_TOKEN_MAX], renewed[FLOW_TOKEN_MAX];
    struct flow_grant other;
    struct aa_person person;

    flow_keys(flow);
    flow_grant_init(flow, &other);
    other.client_id = flow->other_client_id;
    flow_grant_store(flow, &other);
    CHECK_INT(flow_post(flow, "/token", "grant_type", "authorization_code", "code", other.code, "client_id",
                        flow->other_client_id, "redirect_uri", REDIRECT, "code_verifier", VERIFIER, NULL),
              200);
    flow_copy(flow, "access_token", kept);
    flow_tokens(flow, first, first_refresh);
    flow_move(flow, 60);
    flow_tokens(flow, access, refresh);
    CHECK_INT(flow_refresh(flow, refresh), 200);
    flow_copy(flow, "access_token", renewed);
    flow_copy(flow, "refresh_token", refresh);
    person = person_of(flow);
    CHECK(flow_is_active(flow, first) && flow_is_active(flow, access) && flow_is_active(flow, renewed));
    CHECK(flow_is_active(flow, kept));
    CHECK_OK(aa_account_remove_access(&flow->f.app, &person, VIEW(flow->server_id), VIEW(flow->client_id), NULL));
    CHECK(!flow_is_active(flow, first));
    CHECK(!flow_is_active(flow, access));
    CHECK(!flow_is_active(flow, renewed));
    CHECK_INT(flow_refresh(flow, refresh), 400);
    CHECK_INT(flow_refresh(flow, first_refresh), 400);
    CHECK(flow_is_active(flow, kept));
    aa_person_clear(&person);
}

FLOW_TEST(account_removal, a_grant_was_used_when_its_last_token_was_issued)
{
    char access[FLOW_TOKEN_MAX], refresh[FLOW_TOKEN_MAX], code[128];
    struct aa_person person = person_of(flow);

    flow_code(flow, code);
    CHECK_INT(last_use(flow, &person), 0);
    flow_move(flow, 10);
    flow_tokens(flow, access, refresh);
    CHECK_INT(last_use(flow, &person), flow->f.now_ms / 1000 * 1000);
    flow_move(flow, 1000);
    CHECK_INT(flow_refresh(flow, refresh), 200);
    CHECK_INT(last_use(flow, &person), flow->f.now_ms / 1000 * 1000);
    aa_person_clear(&person);
}

/* ---- many at once ---- */

#define THREADS 8

struct runner {
    struct flow *flow;
    const struct aa_person *person;
    pthread_barrier_t *start;
    enum aa_err rc;
};

static void *run(void *ctx)
{
    struct runner *runner = ctx;

    pthread_barrier_wait(runner->start);
    runner->rc = aa_account_remove_access(&runner->flow->f.app, runner->person, VIEW(runner->flow->server_id),
                                          VIEW(runner->flow->client_id), NULL);
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

TEST(account_removal, access_removed_by_many_at_once_is_removed_once_and_all_are_told_well)
{
    struct runner runners[THREADS];
    pthread_t threads[THREADS];
    pthread_barrier_t start;
    struct flow flow;
    struct aa_person person;
    char access[FLOW_TOKEN_MAX], refresh[FLOW_TOKEN_MAX];

    flow_open_on_disk(&flow);
    CHECK_OK(aa_metrics_new(&flow.f.app.metrics, NULL));
    flow_tokens(&flow, access, refresh);
    person = person_of(&flow);
    pthread_barrier_init(&start, NULL, THREADS);
    for (int i = 0; i < THREADS; i++) {
        runners[i] = (struct runner){&flow, &person, &start, AA_ERR_STORE};
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

/* One address that guesses at many accounts: what it costs the others there, and the database. */
#include <stdio.h>

#include "domain/directory.h"
#include "domain/login_limits.h"
#include "store/tables.h"
#include "support_browser.h"

#define GOOD "&email=ann%40example.com&password=correct+horse+battery+staple"
#define GOOD_BOB "&email=bob%40example.com&password=correct+horse+battery+staple"
#define WRONG "&email=ann%40example.com&password=wrong"
#define PEER "192.0.2.1"
#define LIMIT 100
#define QUARTER_MS (INT64_C(900) * 1000)

static void begin(struct site *site, struct browser *page)
{
    site_open(site);
    site_set_password(site, ANN);
    site_set_password(site, BOB);
    browser_open(page, site);
    browser_get(page, "/login");
    browser_check_page(page, 200);
    page->peer = PEER;
}

static int log_in(const struct browser *page, const char *form)
{
    static struct browser b;

    b = *page;
    browser_submit(&b, "/login", form);
    return b.status;
}

/* A browser in which Bob logged in before. */
static void make_known(struct browser *known, const struct browser *page)
{
    *known = *page;
    browser_submit(known, "/login", GOOD_BOB);
    CHECK(browser_cookie(known, "aa_device") != NULL);
    browser_forget_cookie(known, "aa_session");
    browser_get(known, "/login");
}

struct put {
    enum aa_login_limit_kind kind;
    int64_t failures, now_ms;
};

static enum aa_err put(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    const struct aa_login_source source = {.peer = VIEW(PEER)};
    const struct put *put = ctx;
    struct aa_login_limits limits;
    enum aa_err rc = aa_login_limits_init(&limits, conn, VIEW(ANN), &source, put->now_ms, err);

    return rc ? rc
              : aa_lockout_put(conn, aa_view_make(limits.limits[put->kind].key, AA_SHA256_LEN), put->failures, 0,
                               put->now_ms + QUARTER_MS, err);
}

static void put_failures(struct site *site, enum aa_login_limit_kind kind, int64_t failures)
{
    struct put ctx = {kind, failures, site->f.now_ms};

    CHECK_OK(aa_db_write(site->f.app.db, put, &ctx, NULL));
}

static enum aa_err count_rows(struct aa_conn *c, void *ctx, struct aa_error *err)
{
    return aa_store_table_rows(c, aa_store_table_find(VIEW("lockouts")), ctx, err);
}

static int64_t lockout_rows(struct site *site)
{
    int64_t rows = -1;

    CHECK_OK(aa_db_read(site->f.app.db, count_rows, &rows, NULL));
    return rows;
}

TEST(login_address, a_try_that_is_refused_leaves_no_row_whatever_account_it_names)
{
    struct browser page;
    struct site site;
    char form[96];
    int64_t rows;

    begin(&site, &page);
    put_failures(&site, AA_LIMIT_ADDRESS, LIMIT - 1);
    CHECK_INT(log_in(&page, WRONG), 403);
    rows = lockout_rows(&site);
    CHECK(rows > 0);
    for (int i = 0; i < 20; i++) {
        snprintf(form, sizeof form, "&email=nobody%d%%40example.com&password=wrong", i);
        CHECK_INT(log_in(&page, form), 429);
    }
    CHECK_INT(lockout_rows(&site), rows);
    site_close(&site);
}

TEST(login_address, a_good_login_locks_nobody_else_out_however_many_failures_there_were)
{
    struct browser page;
    struct site site;

    begin(&site, &page);
    put_failures(&site, AA_LIMIT_ADDRESS, LIMIT + 6);
    for (int i = 0; i < 3; i++) {
        CHECK_INT(log_in(&page, GOOD), 200);
        CHECK_INT(log_in(&page, GOOD_BOB), 200);
    }
    CHECK_INT(log_in(&page, WRONG), 403);
    CHECK_INT(log_in(&page, GOOD), 429); /* a bad one does */
    site_close(&site);
}

TEST(login_address, a_known_browser_gets_in_where_the_whole_address_waits)
{
    struct browser page, known;
    struct site site;

    begin(&site, &page);
    make_known(&known, &page);
    put_failures(&site, AA_LIMIT_ADDRESS, LIMIT - 1);
    CHECK_INT(log_in(&page, WRONG), 403);
    CHECK_INT(log_in(&page, GOOD_BOB), 429);
    CHECK_INT(log_in(&known, GOOD_BOB), 200);
    CHECK_INT(log_in(&known, GOOD), 429); /* it is known to Bob's account alone */
    CHECK_INT(log_in(&page, GOOD_BOB), 429);
    site_close(&site);
}

TEST(login_address, a_known_browser_has_no_more_guesses_a_day_than_its_limit)
{
    static const char wrong_bob[] = "&email=bob%40example.com&password=wrong";
    struct browser page, known;
    struct aa_strangers strangers = {-1, -1};
    struct site site;

    begin(&site, &page);
    make_known(&known, &page);
    for (int i = 0; i < 12; i++) {
        CHECK_INT(log_in(&known, wrong_bob), 403);
        site.f.now_ms += QUARTER_MS + 1;
    }
    CHECK_OK(aa_person_find_strangers(&site.f.app, VIEW(BOB), &strangers, NULL));
    CHECK(strangers.failures == 0); /* its own lock-outs are over within the quarter */
    for (int i = 0; i < 3; i++)
        CHECK_INT(log_in(&known, wrong_bob), 403);
    CHECK_OK(aa_person_find_strangers(&site.f.app, VIEW(BOB), &strangers, NULL));
    CHECK(strangers.failures > 0);
    site_close(&site);
}

TEST(login_address, with_a_new_password_the_failures_at_the_account_are_forgotten)
{
    struct browser page;
    struct site site;

    begin(&site, &page);
    put_failures(&site, AA_LIMIT_STRANGERS, LIMIT - 1);
    CHECK_INT(log_in(&page, WRONG), 403);
    CHECK_INT(log_in(&page, GOOD), 429);
    CHECK_OK(aa_person_set_password(&site.f.app, VIEW(ANN), VIEW("correct horse battery staple"), NULL));
    CHECK_INT(log_in(&page, GOOD), 200);
    site_close(&site);
}

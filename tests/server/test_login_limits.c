/* Guesses at one account from many addresses: strangers are braked together, the browsers that are known get in, and an
 * account that nobody has is no different. */
#include <stdio.h>

#include "base/mem.h"
#include "domain/audit_verify.h"
#include "domain/device.h"
#include "domain/directory.h"
#include "domain/login_limits.h"
#include "support_browser.h"

#define GOOD "&email=ann%40example.com&password=correct+horse+battery+staple"
#define WRONG "&email=ann%40example.com&password=wrong"
#define LIMIT 100
#define DAY_MS (INT64_C(86400) * 1000)

static void begin(struct site *site, struct browser *b)
{
    site_open(site);
    site_set_password(site, ANN);
    site_set_password(site, BOB);
    browser_open(b, site);
    browser_get(b, "/login");
    browser_check_page(b, 200);
}

/* An address that was not used before: a /32 or a /64 of its own. */
static const char *new_peer(void)
{
    static char peer[32];
    static unsigned count;

    count++;
    if (count % 2)
        snprintf(peer, sizeof peer, "10.%u.%u.%u", count >> 16 & 255, count >> 8 & 255, count & 255);
    else
        snprintf(peer, sizeof peer, "2001:db8:%x:%x::1", count >> 16 & 0xffff, count & 0xffff);
    return peer;
}

/* A login from that page, from an address that was not used before. */
static int send_from(struct browser *b, const struct browser *page, const char *form)
{
    *b = *page;
    b->peer = new_peer();
    browser_submit(b, "/login", form);
    return b->status;
}

static int log_in_from(const struct browser *page, const char *form)
{
    static struct browser b;

    return send_from(&b, page, form);
}

static void fail_logins(const struct browser *page, int count)
{
    for (int i = 0; i < count; i++)
        CHECK_INT(log_in_from(page, WRONG), 403);
}

/* ---- failures that need not be made one by one ---- */

struct put {
    const char *email;
    int64_t failures, now_ms;
};

static enum aa_err put(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    const struct aa_login_source source = {.peer = VIEW("192.0.2.1")};
    const struct put *put = ctx;
    struct aa_login_limits limits;
    enum aa_err rc;

    rc = aa_login_limits_init(&limits, conn, VIEW(put->email), &source, put->now_ms, err);
    if (rc)
        return rc;
    return aa_lockout_put(conn, aa_view_make(limits.limits[AA_LIMIT_STRANGERS].key, AA_SHA256_LEN), put->failures, 0,
                          put->now_ms + DAY_MS, err);
}

static void put_failures(struct site *site, const char *email, int64_t failures)
{
    struct put ctx = {email, failures, site->f.now_ms};

    CHECK_OK(aa_db_write(site->f.app.db, put, &ctx, NULL));
}

static int64_t count_failures(struct site *site)
{
    struct aa_strangers strangers = {-1, -1};

    CHECK_OK(aa_person_find_strangers(&site->f.app, VIEW(ANN), &strangers, NULL));
    return strangers.failures;
}

/* Until strangers have to wait for 30 s. */
static void lock(struct site *site, const struct browser *page)
{
    put_failures(site, ANN, LIMIT - 1);
    fail_logins(page, 1);
}

/* ---- strangers ---- */

TEST(login_limits, many_addresses_together_are_braked_like_one)
{
    struct browser page, b;
    struct site site;

    begin(&site, &page);
    fail_logins(&page, LIMIT);
    CHECK_INT(send_from(&b, &page, GOOD), 429);
    CHECK(browser_shows(&b, "Too many tries"));
    CHECK(strstr(b.headers, "Retry-After: 30\n") != NULL);
    CHECK(browser_cookie(&b, "aa_session") == NULL);
    CHECK(browser_cookie(&b, "aa_device") == NULL);
    CHECK_INT(log_in_from(&page, "&email=bob%40example.com&password=correct+horse+battery+staple"), 200);
    site.f.now_ms += 29999;
    CHECK_INT(log_in_from(&page, GOOD), 429);
    site.f.now_ms += 1;
    CHECK_INT(log_in_from(&page, GOOD), 200);
    site_close(&site);
}

TEST(login_limits, one_failure_fewer_locks_nobody_out)
{
    struct browser page;
    struct site site;

    begin(&site, &page);
    put_failures(&site, ANN, LIMIT - 2);
    fail_logins(&page, 1);
    CHECK_INT(log_in_from(&page, GOOD), 200);
    site_close(&site);
}

TEST(login_limits, the_wait_doubles_up_to_a_quarter_of_an_hour)
{
    static const int waits[] = {30, 60, 120, 240, 480, 900, 900};
    struct browser page, b;
    struct site site;
    char wanted[64];

    begin(&site, &page);
    put_failures(&site, ANN, LIMIT - 1);
    for (size_t i = 0; i < sizeof waits / sizeof *waits; i++) {
        fail_logins(&page, 1);
        CHECK_INT(send_from(&b, &page, GOOD), 429);
        snprintf(wanted, sizeof wanted, "Retry-After: %d\n", waits[i]);
        CHECK(strstr(b.headers, wanted) != NULL);
        site.f.now_ms += (int64_t)waits[i] * 1000;
    }
    CHECK_INT(log_in_from(&page, GOOD), 200);
    site_close(&site);
}

TEST(login_limits, every_spelling_of_an_address_counts_for_the_same_account)
{
    struct browser page;
    struct site site;

    begin(&site, &page);
    put_failures(&site, "ANN@Example.COM", LIMIT - 2);
    CHECK_INT(log_in_from(&page, "&email=+aNN%40example.com&password=wrong"), 403);
    CHECK_INT(log_in_from(&page, "&email=Ann%40EXAMPLE.com+&password=wrong"), 403);
    CHECK_INT(log_in_from(&page, GOOD), 429);
    site_close(&site);
}

TEST(login_limits, failures_are_forgotten_after_a_day_without_any)
{
    struct browser page;
    struct site site;

    begin(&site, &page);
    put_failures(&site, ANN, LIMIT - 2);
    fail_logins(&page, 1);
    site.f.now_ms += DAY_MS - 1;
    fail_logins(&page, 1); /* the hundredth */
    CHECK_INT(log_in_from(&page, GOOD), 429);
    site.f.now_ms += 30000 + DAY_MS;
    fail_logins(&page, 1); /* the first */
    CHECK_INT(log_in_from(&page, GOOD), 200);
    site_close(&site);
}

TEST(login_limits, a_strangers_good_login_starts_the_count_anew)
{
    struct browser page;
    struct site site;

    begin(&site, &page);
    put_failures(&site, ANN, LIMIT - 1);
    CHECK_INT(log_in_from(&page, GOOD), 200);
    CHECK_INT(count_failures(&site), 0);
    fail_logins(&page, 1);
    CHECK_INT(log_in_from(&page, GOOD), 200);
    site_close(&site);
}

/* ---- accounts nobody has ---- */

/* The address that was typed stands in the page again: these two are equally long. */
static void rename_eve(char *text)
{
    for (char *at = strstr(text, "eve@"); at; at = strstr(at, "eve@"))
        memcpy(at, "ann@", 4);
}

static void check_same(const struct browser *page, const char *password, int status)
{
    static struct browser of_ann, of_eve;
    char form[128];

    snprintf(form, sizeof form, "&email=ann%%40example.com&password=%s", password);
    CHECK_INT(send_from(&of_ann, page, form), status);
    snprintf(form, sizeof form, "&email=eve%%40example.com&password=%s", password);
    CHECK_INT(send_from(&of_eve, page, form), status);
    CHECK(status == 429 || browser_shows(&of_eve, "eve@example.com"));
    rename_eve(of_eve.page);
    CHECK_TEXT(of_eve.page, of_ann.page);
    CHECK_TEXT(of_eve.headers, of_ann.headers);
}

TEST(login_limits, an_account_that_nobody_has_gets_the_same_answers_byte_for_byte)
{
    struct browser page;
    struct site site;

    begin(&site, &page);
    check_same(&page, "wrong", 403);
    put_failures(&site, ANN, LIMIT - 2);
    put_failures(&site, "eve@example.com", LIMIT - 2);
    check_same(&page, "wrong", 403);
    check_same(&page, "wrong", 403);
    check_same(&page, "wrong", 429);
    check_same(&page, "correct+horse+battery+staple", 429);
    site.f.now_ms += 30000;
    check_same(&page, "wrong", 403);
    check_same(&page, "wrong", 429);
    site_close(&site);
}

/* Somebody with an account of their own has a good cookie, but it proves nothing about others. */
TEST(login_limits, nor_does_a_cookie_of_somebody_else_tell_who_has_an_account)
{
    struct browser page;
    struct site site;

    begin(&site, &page);
    browser_submit(&page, "/login", "&email=bob%40example.com&password=correct+horse+battery+staple");
    browser_get(&page, "/login");
    CHECK(browser_cookie(&page, "aa_device") != NULL);
    put_failures(&site, ANN, LIMIT - 1);
    put_failures(&site, "eve@example.com", LIMIT - 1);
    check_same(&page, "wrong", 403);
    check_same(&page, "wrong", 429);
    site_close(&site);
}

/* ---- known browsers ---- */

/* A browser in which Ann logged in before, with the login page open. */
static void make_known(struct browser *known, const struct browser *page)
{
    *known = *page;
    browser_submit(known, "/login", GOOD);
    browser_check_page(known, 200);
    browser_forget_cookie(known, "aa_session");
    CHECK(browser_cookie(known, "aa_device") != NULL);
    browser_get(known, "/login");
}

TEST(login_limits, a_known_browser_gets_in_from_anywhere_while_strangers_wait)
{
    struct browser page, known;
    struct site site;

    begin(&site, &page);
    make_known(&known, &page);
    lock(&site, &page);
    CHECK_INT(log_in_from(&page, GOOD), 429);
    CHECK_INT(log_in_from(&known, GOOD), 200);
    CHECK_INT(log_in_from(&known, WRONG), 403);
    CHECK_INT(log_in_from(&known, GOOD), 200);
    site_close(&site);
}

/* Otherwise whoever logs in every morning gives the strangers a hundred more guesses a day. */
TEST(login_limits, its_login_does_not_start_the_strangers_count_anew)
{
    struct browser page, known;
    struct site site;

    begin(&site, &page);
    make_known(&known, &page);
    put_failures(&site, ANN, LIMIT - 1);
    CHECK_INT(log_in_from(&known, GOOD), 200);
    CHECK_INT(count_failures(&site), LIMIT - 1);
    fail_logins(&page, 1);
    CHECK_INT(log_in_from(&page, GOOD), 429);
    site_close(&site);
}

TEST(login_limits, its_failures_are_no_strangers_until_there_are_ten)
{
    struct browser page, known;
    struct site site;

    begin(&site, &page);
    make_known(&known, &page);
    put_failures(&site, ANN, LIMIT - 1);
    fail_logins(&known, 10);
    CHECK_INT(count_failures(&site), LIMIT - 1);
    fail_logins(&known, 1); /* a stranger's, the hundredth */
    CHECK_INT(count_failures(&site), LIMIT);
    CHECK_INT(log_in_from(&known, GOOD), 429);
    site.f.now_ms += 30000; /* known again, for one try */
    CHECK_INT(log_in_from(&known, WRONG), 403);
    CHECK_INT(count_failures(&site), LIMIT);
    site.f.now_ms += 60000;
    CHECK_INT(log_in_from(&known, GOOD), 200);
    CHECK_INT(count_failures(&site), LIMIT);
    site_close(&site);
}

TEST(login_limits, each_known_browser_counts_for_itself)
{
    struct browser page, one, other;
    struct site site;

    begin(&site, &page);
    make_known(&one, &page);
    make_known(&other, &page);
    lock(&site, &page);
    site.f.now_ms += 1;
    fail_logins(&one, 10);
    CHECK_INT(log_in_from(&one, GOOD), 429);
    CHECK_INT(log_in_from(&other, GOOD), 200);
    site_close(&site);
}

/* Whoever sits beside an attacker, behind one address, is not locked out with him. */
TEST(login_limits, a_known_browser_gets_in_where_strangers_at_the_same_address_wait)
{
    struct browser page, known, b;
    struct site site;

    begin(&site, &page);
    make_known(&known, &page);
    for (int i = 0; i < 10; i++) {
        b = page;
        browser_submit(&b, "/login", WRONG);
        CHECK_INT(b.status, 403);
    }
    b = page;
    browser_submit(&b, "/login", GOOD);
    CHECK_INT(b.status, 429);
    browser_submit(&known, "/login", GOOD);
    CHECK_INT(known.status, 200);
    site_close(&site);
}

static void set_device(struct browser *b, const char *value)
{
    for (size_t i = 0; i < b->cookie_count; i++)
        if (strcmp(b->cookies[i].name, "aa_device") == 0)
            snprintf(b->cookies[i].value, sizeof b->cookies[i].value, "%s", value);
}

TEST(login_limits, a_cookie_that_is_not_this_accounts_makes_nobody_known)
{
    struct browser page, known, b;
    struct site site;
    char forged[128];

    begin(&site, &page);
    make_known(&known, &page);
    lock(&site, &page);
    CHECK_INT(log_in_from(&known, GOOD), 200);
    snprintf(forged, sizeof forged, "%s", browser_cookie(&known, "aa_device"));
    forged[40] = forged[40] == 'A' ? 'B' : 'A';
    b = known;
    set_device(&b, forged);
    CHECK_INT(log_in_from(&b, GOOD), 429);
    set_device(&b, "");
    CHECK_INT(log_in_from(&b, GOOD), 429);
    b = page;
    browser_submit(&b, "/login", "&email=bob%40example.com&password=correct+horse+battery+staple");
    browser_get(&b, "/login");
    CHECK(browser_cookie(&b, "aa_device") != NULL);
    CHECK_INT(log_in_from(&b, GOOD), 429);
    CHECK_INT(log_in_from(&known, GOOD), 200);
    site_close(&site);
}

TEST(login_limits, an_old_cookie_makes_nobody_known)
{
    struct browser page, known;
    struct site site;

    begin(&site, &page);
    make_known(&known, &page);
    site.f.now_ms += 180 * DAY_MS - 1;
    lock(&site, &page);
    CHECK_INT(log_in_from(&known, GOOD), 200);
    site.f.now_ms += 1;
    CHECK_INT(log_in_from(&known, GOOD), 429);
    site_close(&site);
}

TEST(login_limits, with_a_new_password_no_browser_is_known)
{
    struct browser page, known;
    struct site site;

    begin(&site, &page);
    make_known(&known, &page);
    lock(&site, &page);
    CHECK_INT(log_in_from(&known, GOOD), 200);
    site_set_password(&site, ANN); /* the same again, with another salt; it forgets the failures */
    lock(&site, &page);
    CHECK_INT(log_in_from(&known, GOOD), 429);
    site.f.now_ms += 30000;
    CHECK_INT(log_in_from(&known, GOOD), 200);
    site_close(&site);
}

/* ---- the cookie ---- */

TEST(login_limits, the_cookie_is_replaced_at_each_login_and_set_at_no_failure)
{
    struct browser page, b;
    struct site site;
    char first[128];

    begin(&site, &page);
    b = page;
    browser_submit(&b, "/login", WRONG);
    CHECK(strstr(b.headers, "aa_device") == NULL);
    browser_submit(&b, "/login", GOOD);
    CHECK(strstr(b.headers, "; Max-Age=15552000") != NULL);
    snprintf(first, sizeof first, "%s", browser_cookie(&b, "aa_device"));
    browser_get(&b, "/login");
    browser_submit(&b, "/login", GOOD);
    CHECK_INT(b.status, 200);
    CHECK(strcmp(browser_cookie(&b, "aa_device"), first) != 0);
    browser_get(&b, "/logout");
    browser_submit(&b, "/logout", "");
    CHECK(browser_cookie(&b, "aa_session") == NULL);
    CHECK(browser_cookie(&b, "aa_device") != NULL); /* it is still a browser in which Ann logged in */
    site_close(&site);
}

static void find_line(const struct browser *b, const char *beginning, char *out, size_t size)
{
    const char *line = strstr(b->headers, beginning);

    CHECK(line != NULL);
    snprintf(out, size, "%.*s", (int)strcspn(line, "\n"), line);
}

TEST(login_limits, no_script_reads_the_cookie_and_with_https_no_other_site_sets_it)
{
    struct browser b;
    struct site site;
    char line[512];

    begin(&site, &b);
    browser_submit(&b, "/login", GOOD);
    find_line(&b, "Set-Cookie: aa_device=", line, sizeof line);
    CHECK(strstr(line, "; HttpOnly") && strstr(line, "; SameSite=Lax") && strstr(line, "; Path=/"));
    CHECK(strstr(line, "Secure") == NULL);
    site.f.app.settings.issuer_secure = true;
    browser_open(&b, &site);
    browser_get(&b, "/login");
    browser_submit(&b, "/login", GOOD);
    find_line(&b, "Set-Cookie: __Host-aa_device=", line, sizeof line);
    CHECK(strstr(line, "; HttpOnly") && strstr(line, "; SameSite=Lax") && strstr(line, "; Path=/"));
    CHECK(strstr(line, "; Secure") != NULL);
    browser_get(&b, "/login");
    lock(&site, &b); /* with that browser's cookie: so this is no stranger's */
    CHECK_INT(count_failures(&site), LIMIT - 1);
    site_close(&site);
}

/* ---- what is told of it ---- */

struct tally {
    int rows, of_account;
    char last[256];
};

static enum aa_err count_row(void *ctx, const void *record, struct aa_error *err)
{
    const struct aa_audit_row *row = record;
    struct tally *tally = ctx;

    (void)err;
    if (!aa_view_equal_text(row->event, "lockout"))
        return AA_OK;
    if (tally->rows++ == 0)
        snprintf(tally->last, sizeof tally->last, "%.*s %.*s %.*s", AA_VIEW_ARGS(row->actor),
                 AA_VIEW_ARGS(row->user_id), AA_VIEW_ARGS(row->detail));
    tally->of_account += aa_view_equal_text(row->detail, "{\"seconds\":\"30\",\"counted\":\"account\"}");
    return AA_OK;
}

static enum aa_err count_rows(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    return aa_audit_tail(conn, 64, count_row, ctx, err);
}

static struct tally tally_of(struct site *site)
{
    struct tally tally = {.rows = 0};

    CHECK_OK(aa_db_read(site->f.app.db, count_rows, &tally, NULL));
    return tally;
}

static bool metrics_say(struct site *site, const char *line)
{
    struct aa_buf text;
    bool says;

    aa_buf_init(&text, AA_METRICS_TEXT_MAX);
    aa_metrics_write(site->f.app.metrics, &text);
    says = strstr(aa_buf_text(&text), line) != NULL;
    aa_buf_clear(&text);
    return says;
}

TEST(login_limits, each_lock_out_is_written_down_and_counted_once)
{
    struct browser page, known;
    struct site site;
    struct tally tally;
    char wanted[128];

    begin(&site, &page);
    CHECK_OK(aa_metrics_new(&site.f.app.metrics, NULL));
    make_known(&known, &page);
    lock(&site, &page);
    for (int i = 0; i < 3; i++)
        CHECK_INT(log_in_from(&page, WRONG), 429);
    tally = tally_of(&site);
    CHECK_INT(tally.rows, 1);
    CHECK_INT(tally.of_account, 1);
    CHECK(metrics_say(&site, "\nauth_agent_lockouts_total 1\n"));
    fail_logins(&known, 10);
    tally = tally_of(&site);
    CHECK_INT(tally.rows, 2);
    snprintf(wanted, sizeof wanted, " %s {\"seconds\":\"30\",\"counted\":\"browser\"}", site.ann);
    CHECK_TEXT(tally.last, wanted);
    CHECK(metrics_say(&site, "\nauth_agent_lockouts_total 2\n"));
    site.f.now_ms += 30000;
    fail_logins(&page, 1); /* begins the next one */
    CHECK_INT(tally_of(&site).rows, 3);
    CHECK(metrics_say(&site, "\nauth_agent_lockouts_total 3\n"));
    aa_metrics_free(site.f.app.metrics);
    site.f.app.metrics = NULL;
    site_close(&site);
}

/* ---- the administrator ---- */

TEST(login_limits, the_administrator_sees_and_ends_it)
{
    struct aa_strangers strangers = {-1, -1};
    struct browser page, b;
    struct site site;
    char wanted[128];

    begin(&site, &page);
    put_failures(&site, BOB, LIMIT - 1);
    lock(&site, &page);
    for (int i = 0; i < 10; i++) {
        b = page;
        browser_submit(&b, "/login", "&email=bob%40example.com&password=wrong");
    }
    CHECK_INT(b.status, 429);
    CHECK_OK(aa_person_find_strangers(&site.f.app, VIEW("Ann@example.com"), &strangers, NULL));
    CHECK_INT(strangers.failures, LIMIT);
    CHECK_INT(strangers.until_ms, site.f.now_ms + 30000);
    CHECK_INT(log_in_from(&page, GOOD), 429);
    site.f.app.who.administrator = VIEW("cli");
    CHECK_OK(aa_person_unlock(&site.f.app, VIEW("Ann@example.com"), &strangers, NULL));
    site.f.app.who.administrator = AA_VIEW_ABSENT;
    CHECK_INT(strangers.failures, LIMIT); /* how it was */
    CHECK_INT(count_failures(&site), 0);
    snprintf(wanted, sizeof wanted, "cli %s {\"ended\":\"by hand\"}", site.ann);
    CHECK_TEXT(tally_of(&site).last, wanted);
    CHECK_INT(log_in_from(&page, GOOD), 200);
    CHECK_INT(log_in_from(&page, "&email=bob%40example.com&password=correct+horse+battery+staple"), 429);
    site_close(&site);
}

TEST(login_limits, with_it_goes_what_was_counted_at_single_addresses_and_browsers)
{
    struct aa_strangers strangers;
    struct browser page, known, b;
    struct site site;

    begin(&site, &page);
    make_known(&known, &page);
    lock(&site, &page);
    fail_logins(&known, 10);
    CHECK_INT(log_in_from(&known, GOOD), 429);
    CHECK_OK(aa_person_unlock(&site.f.app, VIEW(ANN), &strangers, NULL));
    put_failures(&site, ANN, LIMIT - 1);
    fail_logins(&known, 1);
    CHECK_INT(count_failures(&site), LIMIT - 1); /* known again */
    CHECK_OK(aa_person_unlock(&site.f.app, VIEW(ANN), &strangers, NULL));
    for (int i = 0; i < 11; i++) {
        b = page;
        browser_submit(&b, "/login", WRONG);
    }
    CHECK_INT(b.status, 429);
    CHECK_OK(aa_person_unlock(&site.f.app, VIEW(ANN), &strangers, NULL));
    b = page;
    browser_submit(&b, "/login", GOOD);
    CHECK_INT(b.status, 200);
    site_close(&site);
}

TEST(login_limits, there_is_nothing_to_see_of_an_account_that_nobody_has)
{
    struct aa_strangers strangers;
    struct browser page;
    struct site site;

    begin(&site, &page);
    CHECK_ERR(aa_person_find_strangers(&site.f.app, VIEW("eve@example.com"), &strangers, NULL), AA_ERR_NOT_FOUND);
    CHECK_ERR(aa_person_unlock(&site.f.app, VIEW("eve@example.com"), &strangers, NULL), AA_ERR_NOT_FOUND);
    CHECK_OK(aa_person_unlock(&site.f.app, VIEW(" " ANN), &strangers, NULL));
    CHECK_INT(strangers.failures, 0);
    site_close(&site);
}

/* ---- memory that runs out ---- */

static void open_page(struct site *site, struct browser *b)
{
    site->f.now_ms += DAY_MS;
    browser_get(b, "/login");
    browser_submit(b, "/login", GOOD);
    browser_get(b, "/login");
}

static void visit(struct site *site, struct browser *b)
{
    (void)site;
    browser_submit(b, "/login", GOOD);
}

TEST(login_limits, out_of_memory_at_any_point_is_answered_as_trouble_of_ours)
{
    struct site site;

    site_open(&site);
    site_set_password(&site, ANN);
    browser_fail_memory(&site, open_page, visit, NULL, 200);
    site_close(&site);
}

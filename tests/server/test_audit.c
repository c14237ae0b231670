/* Who did what: every rule writes it down where it does it, and nothing secret with it. */
#include <stdio.h>

#include "domain/audit_verify.h"
#include "domain/directory.h"
#include "domain/server_keys.h"
#include "domain/sessions.h"
#include "support_browser.h"
#include "support_flow.h"
#include "support_shell.h"

/* The newest rows; what a test looks for stands first. */
struct seen {
    size_t count;
    char lines[32][512]; /* "event actor=… user=… …" */
    char all[32 * 1024]; /* every byte of the rows */
};

static void add(char *out, size_t size, const char *name, struct aa_view text)
{
    size_t len = strlen(out);

    if (!aa_view_is_absent(text))
        snprintf(out + len, size - len, " %s=%.*s", name, AA_VIEW_ARGS(text));
}

static enum aa_err see(void *ctx, const void *record, struct aa_error *err)
{
    struct seen *seen = ctx;
    const struct aa_audit_row *row = record;
    char *line = seen->lines[seen->count++];
    size_t used = strlen(seen->all);

    (void)err;
    snprintf(line, sizeof seen->lines[0], "%.*s", AA_VIEW_ARGS(row->event));
    add(line, sizeof seen->lines[0], "actor", row->actor);
    add(line, sizeof seen->lines[0], "user", row->user_id);
    add(line, sizeof seen->lines[0], "client", row->client_id);
    add(line, sizeof seen->lines[0], "server", row->server_id);
    add(line, sizeof seen->lines[0], "grant", row->grant_id);
    add(line, sizeof seen->lines[0], "address", row->address);
    add(line, sizeof seen->lines[0], "request", row->request_id);
    add(line, sizeof seen->lines[0], "detail", row->detail);
    snprintf(seen->all + used, sizeof seen->all - used, "%s\n", line);
    return AA_OK;
}

static enum aa_err see_tail(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    return aa_audit_tail(conn, 32, see, ctx, err);
}

static void look(struct aa_app *app, struct seen *seen)
{
    struct aa_audit_verdict verdict;

    memset(seen, 0, sizeof *seen);
    CHECK_OK(aa_db_read(app->db, see_tail, seen, NULL));
    CHECK_OK(aa_audit_verify(app->db, NULL, NULL, &verdict, NULL));
    CHECK(verdict.broken == NULL);
}

/* Is the newest row (or the one `back` before it) this? %s-formatted by the caller. */
static void check_row(struct aa_app *app, size_t back, const char *wanted)
{
    struct seen seen;

    look(app, &seen);
    CHECK(seen.count > back);
    if (strncmp(seen.lines[back], wanted, strlen(wanted)) != 0)
        fail_msg("the row is \"%s\", not \"%s\"", seen.lines[back], wanted);
}

static size_t count_rows(struct aa_app *app)
{
    struct seen seen;

    look(app, &seen);
    return seen.count;
}

/* ---- tokens ---- */

FLOW_TEST(audit, tokens_issued_and_refreshed_name_client_person_server_and_grant)
{
    char access[FLOW_TOKEN_MAX], refresh[FLOW_TOKEN_MAX], wanted[512];
    struct seen seen;

    flow_tokens(flow, access, refresh);
    snprintf(wanted, sizeof wanted, "token_issued actor=%s user=%s client=%s server=%s grant=gr_", flow->client_id,
             flow->user_id, flow->client_id, flow->server_id);
    check_row(&flow->f.app, 0, wanted);
    CHECK_INT(flow_refresh(flow, refresh), 200);
    snprintf(wanted, sizeof wanted, "refresh actor=%s user=%s client=%s server=%s grant=gr_", flow->client_id,
             flow->user_id, flow->client_id, flow->server_id);
    check_row(&flow->f.app, 0, wanted);
    look(&flow->f.app, &seen);
    CHECK(strstr(seen.lines[0], " address=192.0.2.1 request=test detail={\"scope\":\"") != NULL);
    CHECK(strstr(seen.lines[0], "\"jti\":\"") != NULL);
    CHECK(strstr(seen.lines[0], "replay") == NULL);
    CHECK(strstr(seen.all, access) == NULL);
    CHECK(strstr(seen.all, refresh) == NULL);
    CHECK(strstr(seen.all, "rt_") == NULL && strstr(seen.all, "ac_") == NULL && strstr(seen.all, "eyJ") == NULL);
}

FLOW_TEST(audit, a_replay_inside_the_window_says_so)
{
    char access[FLOW_TOKEN_MAX], refresh[FLOW_TOKEN_MAX];
    struct seen seen;

    flow_tokens(flow, access, refresh);
    CHECK_INT(flow_refresh(flow, refresh), 200);
    CHECK_INT(flow_refresh(flow, refresh), 200);
    look(&flow->f.app, &seen);
    CHECK(strstr(seen.lines[0], "\"replay\":\"yes\"") != NULL);
    CHECK(strstr(seen.lines[1], "\"replay\":\"yes\"") == NULL);
}

FLOW_TEST(audit, reuse_of_a_refresh_token_is_written_once)
{
    char access[FLOW_TOKEN_MAX], refresh[FLOW_TOKEN_MAX];
    size_t rows;

    flow_tokens(flow, access, refresh);
    CHECK_INT(flow_refresh(flow, refresh), 200);
    flow_move(flow, 3600);
    CHECK_INT(flow_refresh(flow, refresh), 400);
    check_row(&flow->f.app, 0, "reuse_detected actor=cl_");
    rows = count_rows(&flow->f.app);
    CHECK_INT(flow_refresh(flow, refresh), 400); /* the grant is dead: nothing new happens */
    CHECK_INT(count_rows(&flow->f.app), rows);
}

FLOW_TEST(audit, a_code_that_comes_again_is_written)
{
    char code[128];

    flow_code(flow, code);
    CHECK_INT(flow_redeem(flow, code), 200);
    CHECK_INT(flow_redeem(flow, code), 400);
    check_row(&flow->f.app, 0, "code_replayed actor=cl_");
}

FLOW_TEST(audit, what_is_refused_without_effect_is_not_written)
{
    size_t rows = count_rows(&flow->f.app);

    CHECK_INT(flow_redeem(flow, "ac_unknown"), 400);
    CHECK_INT(flow_refresh(flow, "rt_unknown"), 400);
    CHECK_INT(flow_get(flow, "/healthz"), 200);
    CHECK_INT(count_rows(&flow->f.app), rows);
}

FLOW_TEST(audit, a_token_given_back_is_written_once_it_was_one)
{
    char access[FLOW_TOKEN_MAX], refresh[FLOW_TOKEN_MAX];
    size_t rows;

    flow_tokens(flow, access, refresh);
    rows = count_rows(&flow->f.app);
    CHECK_INT(flow_post(flow, "/revoke", "client_id", flow->client_id, "token", "rt_unknown", NULL), 200);
    CHECK_INT(count_rows(&flow->f.app), rows);
    CHECK_INT(flow_post(flow, "/revoke", "client_id", flow->client_id, "token", refresh, NULL), 200);
    check_row(&flow->f.app, 0, "revoke actor=cl_");
}

/* One transaction: when the audit cannot be written, nothing is issued. */
static enum aa_err break_audit(struct aa_conn *c, void *ctx, struct aa_error *err)
{
    struct aa_stmt *stmt = NULL;
    bool has_row;
    enum aa_err rc = aa_stmt_prepare(c, "UPDATE audit_chains SET hash = x'00'", &stmt, err);

    (void)ctx;
    if (rc)
        return rc;
    rc = aa_stmt_step(stmt, &has_row, err);
    aa_stmt_end(stmt);
    return rc;
}

FLOW_TEST(audit, what_cannot_be_written_down_is_not_done)
{
    char access[FLOW_TOKEN_MAX], refresh[FLOW_TOKEN_MAX];

    flow_tokens(flow, access, refresh);
    CHECK_OK(aa_db_write(flow->f.app.db, break_audit, NULL, NULL));
    CHECK_INT(flow_refresh(flow, refresh), 503);
    CHECK(!flow_has(flow, "access_token"));
}

/* ---- registration ---- */

FLOW_TEST(audit, a_client_that_registers_is_written_the_first_time)
{
    static const char document[] = "{\"client_name\":\"Audited\",\"redirect_uris\":[\"http://localhost/x\"]}";
    size_t rows;

    CHECK_INT(flow_post_raw(flow, "/register", "application/json", document), 201);
    check_row(&flow->f.app, 0, "client_registered client=cl_");
    rows = count_rows(&flow->f.app);
    CHECK_INT(flow_post_raw(flow, "/register", "application/json", document), 201);
    CHECK_INT(count_rows(&flow->f.app), rows);
}

/* ---- people ---- */

static void open_login(struct site *site, struct browser *b)
{
    struct query q = query_for(site, WEB_URI);

    browser_authorize(b, &q);
    browser_follow(b);
    browser_check_page(b, 200);
}

TEST(audit, logins_failures_and_lock_outs_are_written_without_what_was_typed)
{
    struct site site;
    struct browser b;
    struct seen seen;
    char wanted[128];

    site_open(&site);
    browser_open(&b, &site);
    site_set_password(&site, ANN);
    open_login(&site, &b);
    browser_submit(&b, "/login", "&email=" ANN "&password=hunter2-typed");
    snprintf(wanted, sizeof wanted, "login_failed user=%s", site.ann);
    check_row(&site.f.app, 0, wanted);
    browser_submit(&b, "/login", "&email=nobody-typed@example.com&password=x");
    look(&site.f.app, &seen);
    CHECK_TEXT(seen.lines[0], "login_failed");
    browser_submit(&b, "/login", "&email=" ANN "&password=correct+horse+battery+staple");
    CHECK_INT(b.status, 303);
    snprintf(wanted, sizeof wanted, "login actor=%s user=%s", site.ann, site.ann);
    check_row(&site.f.app, 0, wanted);
    browser_open(&b, &site);
    open_login(&site, &b);
    for (int i = 0; i < 10; i++) {
        browser_submit(&b, "/login", "&email=" ANN "&password=wrong");
        browser_check_page(&b, 403);
    }
    look(&site.f.app, &seen);
    snprintf(wanted, sizeof wanted, "lockout user=%s detail={\"seconds\":\"30\"}", site.ann);
    CHECK_TEXT(seen.lines[0], wanted);
    CHECK(strncmp(seen.lines[1], "login_failed ", 13) == 0);
    CHECK(strstr(seen.all, "typed") == NULL);
    CHECK(strstr(seen.all, "horse") == NULL);
    site_close(&site);
}

TEST(audit, a_logout_is_written_when_there_was_a_session)
{
    struct site site;
    struct aa_buf cookie;
    char wanted[128];
    size_t rows;

    site_open(&site);
    aa_buf_init(&cookie, 64);
    CHECK_OK(aa_session_begin(&site.f.app, VIEW(site.ann), AA_VIEW_ABSENT, &cookie, NULL));
    CHECK_OK(aa_session_end(&site.f.app, aa_buf_view(&cookie), NULL));
    snprintf(wanted, sizeof wanted, "logout actor=%s user=%s", site.ann, site.ann);
    check_row(&site.f.app, 0, wanted);
    rows = count_rows(&site.f.app);
    CHECK_OK(aa_session_end(&site.f.app, aa_buf_view(&cookie), NULL));
    CHECK_INT(count_rows(&site.f.app), rows);
    aa_buf_clear(&cookie);
    site_close(&site);
}

static enum aa_err put_grant(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    return aa_grant_create(conn, ctx, err);
}

TEST(audit, what_a_person_takes_back_is_written_once)
{
    struct aa_grant grant = {.grant_id = VIEW("gr_1"), .created_ms = 1};
    struct site site;
    struct browser b, second;
    char wanted[256], csrf[128], body[256];
    size_t rows;

    site_open(&site);
    browser_open(&b, &site);
    browser_open(&second, &site);
    browser_log_in(&second, &site, site.ann);
    browser_log_in(&b, &site, site.ann);
    grant.user_id = VIEW(site.ann);
    grant.client_id = VIEW(site.client_id);
    grant.server_id = VIEW(site.server_id);
    CHECK_OK(aa_db_write(site.f.app.db, put_grant, &grant, NULL));
    rows = count_rows(&site.f.app);
    for (int i = 0; i < 2; i++) {
        browser_get(&b, "/account");
        snprintf(body, sizeof body, "&access=%s+%s", site.server_id, site.client_id);
        browser_submit(&b, "/account", body);
        snprintf(wanted, sizeof wanted, "revoke actor=%s user=%s client=%s server=%s grant=gr_1", site.ann, site.ann,
                 site.client_id, site.server_id);
        check_row(&site.f.app, 0, wanted);
        CHECK_INT(count_rows(&site.f.app), rows + 1);
    }
    site.f.now_ms += site.f.app.settings.session_ttl_s * 1000 - 1;
    browser_log_in(&b, &site, site.ann);
    browser_log_in(&second, &site, site.ann);
    site.f.now_ms += 1; /* the second one's first session ran out, and does not count */
    browser_get(&b, "/account");
    browser_field(&b, "csrf", csrf, sizeof csrf);
    rows = count_rows(&site.f.app) - 1;
    for (int i = 0; i < 2; i++) {
        snprintf(body, sizeof body, "csrf=%s&access=%s+cl_unknown", csrf, site.server_id);
        browser_post(&b, "/account", body);
        snprintf(body, sizeof body, "csrf=%s&elsewhere=log_out", csrf);
        browser_post(&b, "/account", body);
        snprintf(wanted, sizeof wanted,
                 "logout actor=%s user=%s detail={\"where\":\"everywhere else\",\"sessions\":\"1\"}", site.ann,
                 site.ann);
        check_row(&site.f.app, 0, wanted);
        CHECK_INT(count_rows(&site.f.app), rows + 2);
    }
    site_close(&site);
}

static enum aa_err put_consent(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    return aa_consent_put(conn, ctx, err);
}

static void check_taken_back(struct site *site, struct browser *b, const char *count)
{
    char wanted[256], body[128];
    size_t rows = count_rows(&site->f.app);

    browser_get(b, "/account");
    snprintf(body, sizeof body, "&access=%s+%s", site->server_id, site->client_id);
    browser_submit(b, "/account", body);
    snprintf(wanted, sizeof wanted,
             "revoke actor=%s user=%s client=%s server=%s detail={\"grants\":\"%s\",\"consents\":\"1\"}", site->ann,
             site->ann, site->client_id, site->server_id, count);
    check_row(&site->f.app, 0, wanted);
    CHECK_INT(count_rows(&site->f.app), rows + 1);
}

TEST(audit, what_a_person_takes_back_at_once_is_one_row_that_counts)
{
    struct site site;
    struct browser b;
    struct aa_grant grant = {.created_ms = 1};
    struct aa_consent consent = {.redirect_uri = VIEW(WEB_URI), .scope = VIEW("files:read"), .created_ms = 1};

    site_open(&site);
    browser_open(&b, &site);
    browser_log_in(&b, &site, site.ann);
    grant.user_id = consent.user_id = VIEW(site.ann);
    grant.client_id = consent.client_id = VIEW(site.client_id);
    grant.server_id = consent.server_id = VIEW(site.server_id);
    CHECK_OK(aa_db_write(site.f.app.db, put_consent, &consent, NULL));
    for (int i = 0; i < 3; i++) {
        grant.grant_id = VIEW(((const char *const[]){"gr_1", "gr_2", "gr_3"})[i]);
        CHECK_OK(aa_db_write(site.f.app.db, put_grant, &grant, NULL));
    }
    check_taken_back(&site, &b, "3");
    CHECK_OK(aa_db_write(site.f.app.db, put_consent, &consent, NULL));
    check_taken_back(&site, &b, "0"); /* a consent alone */
    site_close(&site);
}

static void show_consent(struct site *site, struct browser *b)
{
    struct query q = query_for(site, WEB_URI);

    browser_authorize(b, &q);
    browser_follow(b);
    browser_check_page(b, 200);
}

TEST(audit, yes_no_and_a_remembered_yes_are_written)
{
    struct site site;
    struct browser b;
    struct query q;
    char wanted[256];
    struct seen seen;

    site_open(&site);
    browser_open(&b, &site);
    browser_log_in(&b, &site, site.ann);
    show_consent(&site, &b);
    browser_submit(&b, "/consent", "&decision=deny");
    snprintf(wanted, sizeof wanted, "deny actor=%s user=%s client=%s server=%s detail=", site.ann, site.ann,
             site.client_id, site.server_id);
    check_row(&site.f.app, 0, wanted);
    show_consent(&site, &b);
    browser_submit(&b, "/consent", "&decision=allow");
    browser_check_code(&b, WEB_URI "?", NULL);
    snprintf(wanted, sizeof wanted, "consent actor=%s user=%s client=%s server=%s grant=gr_", site.ann, site.ann,
             site.client_id, site.server_id);
    check_row(&site.f.app, 0, wanted);
    look(&site.f.app, &seen);
    CHECK(strstr(seen.lines[0], "\"how\":\"asked\"") != NULL);
    q = query_for(&site, WEB_URI);
    browser_authorize(&b, &q);
    browser_follow(&b);
    browser_check_code(&b, WEB_URI "?", NULL);
    look(&site.f.app, &seen);
    CHECK(strstr(seen.lines[0], "\"how\":\"remembered\"") != NULL);
    CHECK(strstr(seen.all, "ac_") == NULL);
    site_close(&site);
}

/* A client may ask without a page as often as it likes: that is no act of the person. */
TEST(audit, what_the_program_itself_refuses_is_no_deny)
{
    struct site site;
    struct browser b;
    struct query q;
    size_t rows;

    site_open(&site);
    browser_open(&b, &site);
    rows = count_rows(&site.f.app);
    q = query_for(&site, LOOPBACK_URI);
    query_set(&q, "prompt", "none");
    browser_authorize(&b, &q);
    browser_check_error(&b, LOOPBACK_URI "?", "login_required");
    CHECK_INT(count_rows(&site.f.app), rows);
    site_close(&site);
}

/* ---- administration ---- */

TEST(audit, what_an_administrator_does_is_written_with_its_name)
{
    struct app_fixture f;
    struct aa_server_registration registration = {.server_url = VIEW("https://one.example/mcp"),
                                                  .server_name = VIEW("One"),
                                                  .scopes = VIEW("files:read"),
                                                  .user_id = AA_VIEW_ABSENT};
    struct aa_server server = {0};
    struct aa_buf user_id, key_id, secret, token;
    struct seen seen;
    char wanted[256];

    app_open(&f);
    f.app.who = (struct aa_who){"r1", VIEW("192.0.2.7"), VIEW("admin")};
    aa_buf_init(&user_id, 64);
    aa_buf_init(&key_id, 64);
    aa_buf_init(&secret, 128);
    aa_buf_init(&token, 128);
    CHECK_OK(aa_person_create(&f.app, VIEW(ANN), AA_VIEW_ABSENT, VIEW(PASSWORD), &user_id, NULL));
    snprintf(wanted, sizeof wanted,
             "user_added actor=admin user=%s address=192.0.2.7 request=r1 detail={\"email\":\"" ANN "\"}",
             aa_buf_text(&user_id));
    check_row(&f.app, 0, wanted);
    CHECK_OK(aa_person_set_password(&f.app, VIEW(ANN), VIEW(PASSWORD), NULL));
    check_row(&f.app, 0, "user_password actor=admin user=usr_");
    CHECK_OK(aa_person_set_disabled(&f.app, VIEW(ANN), true, NULL));
    check_row(&f.app, 0, "user_disabled actor=admin user=usr_");
    CHECK_OK(aa_person_set_disabled(&f.app, VIEW(ANN), false, NULL));
    check_row(&f.app, 0, "user_enabled actor=admin user=usr_");
    CHECK_OK(aa_directory_register(&f.app, &registration, &server, NULL));
    check_row(&f.app, 0, "server_created actor=admin server=srv_");
    CHECK_OK(aa_server_key_mint(&f.app, server.server_id, VIEW("main"), &key_id, &secret, NULL));
    snprintf(wanted, sizeof wanted,
             "key_created actor=admin server=%.*s address=192.0.2.7 request=r1 "
             "detail={\"key_id\":\"%s\",\"name\":\"main\"}",
             AA_VIEW_ARGS(server.server_id), aa_buf_text(&key_id));
    check_row(&f.app, 0, wanted);
    CHECK_OK(aa_server_key_withdraw(&f.app, server.server_id, aa_buf_view(&key_id), NULL));
    check_row(&f.app, 0, "key_revoked actor=admin server=srv_");
    CHECK_OK(aa_directory_remove(&f.app, server.server_id, NULL));
    check_row(&f.app, 0, "server_removed actor=admin server=srv_");
    CHECK_OK(aa_admin_token_create(&f.app, &token, NULL));
    check_row(&f.app, 0, "admin_token actor=admin address=192.0.2.7 request=r1 detail={\"action\":\"made\"}");
    look(&f.app, &seen);
    CHECK(strstr(seen.all, aa_buf_text(&secret)) == NULL);
    CHECK(strstr(seen.all, aa_buf_text(&token)) == NULL);
    CHECK(strstr(seen.all, PASSWORD) == NULL);
    CHECK(strstr(seen.all, "$argon2") == NULL && strstr(seen.all, "$pbkdf2") == NULL);
    aa_record_clear(&server.memory);
    aa_buf_clear(&user_id);
    aa_buf_clear(&key_id);
    aa_buf_clear(&secret);
    aa_buf_clear(&token);
    app_close(&f);
}

TEST(audit, what_fails_is_not_written)
{
    struct app_fixture f;
    struct aa_buf user_id;
    size_t rows;

    app_open(&f);
    aa_buf_init(&user_id, 64);
    CHECK_OK(aa_person_create(&f.app, VIEW(ANN), AA_VIEW_ABSENT, VIEW(PASSWORD), &user_id, NULL));
    rows = count_rows(&f.app);
    CHECK_ERR(aa_person_create(&f.app, VIEW(ANN), AA_VIEW_ABSENT, VIEW(PASSWORD), &user_id, NULL), AA_ERR_CONFLICT);
    CHECK_ERR(aa_directory_remove(&f.app, VIEW("srv_none"), NULL), AA_ERR_NOT_FOUND);
    CHECK_INT(count_rows(&f.app), rows);
    aa_buf_clear(&user_id);
    app_close(&f);
}

/* ---- the command line ---- */

TEST(audit, the_command_line_shows_the_newest_entries_in_their_order)
{
    struct shell s;
    char *first, *second;

    shell_open(&s);
    shell_succeeds(&s, "init");
    shell_succeeds(&s, "client add http://localhost/callback --name One");
    shell_succeeds(&s, "audit tail -n 2");
    first = strstr(s.out, " signing_key actor=cli detail={");
    second = strstr(s.out, " client_added actor=cli client_id=cl_");
    if (!second)
        fail_msg("%s", s.out);
    CHECK(!first || first < second);
    CHECK(strstr(s.out, "\"client_name\":\"One\"}\n") != NULL);
    shell_succeeds(&s, "audit tail --lines 1 --json");
    CHECK(strncmp(s.out, "{\"chain\":0,\"sequence\":", 22) == 0);
    CHECK(strstr(s.out, "\"event\":\"client_added\",\"actor\":\"cli\"") != NULL);
    CHECK(strchr(s.out, '\n') == s.out + strlen(s.out) - 1);
    shell_fails(&s, "audit tail -n 0", 2, "--lines must be a whole number from 1 to 10000");
    shell_close(&s);
}

TEST(audit, the_command_line_verifies_and_exports)
{
    struct shell s;
    size_t lines = 0;

    shell_open(&s);
    shell_succeeds(&s, "init");
    shell_succeeds(&s, "client add http://localhost/callback --name One");
    shell_succeeds(&s, "audit verify");
    CHECK(strncmp(s.out, "chain", 5) == 0);
    shell_succeeds(&s, "audit export -");
    for (const char *c = s.out; *c; c++)
        lines += *c == '\n';
    CHECK(lines >= 2);
    CHECK(strstr(s.out, "{\"chain\":0,\"sequence\":1,\"time_ms\":") == s.out);
    shell_succeeds(&s, "audit export audit.jsonl");
    CHECK_TEXT(s.out, "");
    shell_fails(&s, "audit export audit.jsonl", 1, "audit.jsonl cannot be made");
    shell_close(&s);
}

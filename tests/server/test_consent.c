/* The consent page and its answer: one browser, one person, one answer. What is said no to issues nothing; each refusal
 * stands beside the same request answered well. */
#include <pthread.h>
#include <stdio.h>

#include "domain/clients.h"
#include "domain/directory.h"
#include "domain/secret.h"
#include "domain/sessions.h"
#include "store/store.h"
#include "support_browser.h"
#include "support_store.h"

#define ALLOW "&decision=allow"
#define DENY "&decision=deny"
#define MINUTE_MS INT64_C(60000)

/* Ann is logged in and sees the page. */
static void show(struct site *site, struct browser *b, struct query *q)
{
    browser_authorize(b, q);
    CHECK_INT(strncmp(b->location, "/consent?request=", 17), 0);
    browser_follow(b);
    browser_check_page(b, 200);
    CHECK(browser_shows(b, "name=\"decision\""));
    (void)site;
}

static void begin(struct site *site, struct browser *b)
{
    struct query q;

    site_open(site);
    browser_open(b, site);
    browser_log_in(b, site, site->ann);
    q = query_for(site, WEB_URI);
    show(site, b, &q);
}

/* Nothing was issued to anybody, and the page of `b` still works. */
static void check_nothing_issued(struct site *site, struct browser *b)
{
    CHECK_INT(site_count(site, site->ann) + site_count(site, site->bob), 0);
    browser_submit(b, "/consent", ALLOW);
    browser_check_code(b, WEB_URI "?", NULL);
    CHECK_INT(site_count(site, site->ann), 1);
}

/* ---- yes and no ---- */

struct found_code {
    struct aa_view key;
    struct aa_code code;
};

static enum aa_err find_code(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    struct found_code *found = ctx;

    return aa_code_find(conn, found->key, &found->code, err);
}

static struct aa_code open_code(struct site *site, const char *code)
{
    uint8_t key[AA_DIGEST_KEY_LEN];
    struct found_code found = {aa_view_make(key, sizeof key), {0}};

    CHECK_OK(aa_secret_find_key(AA_CODE_PREFIX, VIEW(code), key, NULL));
    CHECK_OK(aa_db_read(site->f.app.db, find_code, &found, NULL));
    return found.code;
}

TEST(consent, yes_gives_the_client_a_code_with_state_and_issuer)
{
    struct site site;
    struct browser b;
    struct aa_code kept;
    char code[128], text[128];

    begin(&site, &b);
    browser_submit(&b, "/consent", ALLOW);
    browser_check_code(&b, WEB_URI "?", code);
    CHECK_INT(b.status, 303);
    CHECK(browser_answer(&b, "state", text, sizeof text));
    CHECK_TEXT(text, "state-1");
    CHECK(browser_answer(&b, "iss", text, sizeof text));
    CHECK_TEXT(text, "http://localhost:8788");
    CHECK(!browser_answer(&b, "error", text, sizeof text));
    CHECK(strstr(b.headers, "Cache-Control: no-store\n") != NULL);
    CHECK(strstr(b.headers, "; Max-Age=60") != NULL); /* the request's cookie goes with the code */
    CHECK_INT(site_count(&site, site.ann), 1);
    kept = open_code(&site, code);
    CHECK_VIEW(kept.client_id, site.client_id);
    CHECK_VIEW(kept.user_id, site.ann);
    CHECK_VIEW(kept.server_id, site.server_id);
    CHECK_VIEW(kept.redirect_uri, WEB_URI);
    CHECK(kept.redirect_uri_sent);
    CHECK_VIEW(kept.code_challenge, CHALLENGE);
    CHECK_VIEW(kept.scope, "files:read");
    CHECK_INT(kept.expires_ms, site.f.now_ms + MINUTE_MS);
    CHECK_INT(kept.redeemed_ms, 0);
    aa_record_clear(&kept.memory);
    CHECK(strstr(site.f.log, code) == NULL);
    site_close(&site);
}

TEST(consent, no_tells_the_client_and_issues_nothing)
{
    struct site site;
    struct browser b, page;

    begin(&site, &b);
    page = b;
    browser_submit(&b, "/consent", DENY);
    browser_check_error(&b, WEB_URI "?", "access_denied");
    CHECK(strstr(b.location, "&state=state-1&iss=") != NULL);
    CHECK(strstr(b.headers, "; Max-Age=60") != NULL);
    browser_submit(&page, "/consent", ALLOW); /* changing one's mind is too late */
    browser_check_page(&page, 400);
    CHECK_INT(site_count(&site, site.ann), 0);
    site_close(&site);
}

TEST(consent, an_answer_that_is_neither_leaves_the_question_open)
{
    static const char *const answers[] = {"", "&decision=", "&decision=Allow", "&decision=allow+", "&decision=yes"};
    struct site site;
    struct browser b, page;
    size_t i;

    begin(&site, &b);
    page = b;
    for (i = 0; i < sizeof answers / sizeof *answers; i++) {
        b = page;
        browser_submit(&b, "/consent", answers[i]);
        browser_check_page(&b, 400);
    }
    b = page;
    browser_submit(&b, "/consent", ALLOW DENY); /* both */
    browser_check_page(&b, 400);
    check_nothing_issued(&site, &page);
    site_close(&site);
}

TEST(consent, a_redirect_uri_that_was_not_sent_is_remembered_as_such)
{
    struct site site;
    struct browser b;
    struct query q;
    struct aa_code kept;
    char code[128];

    site_open(&site);
    site_register(&site, "One", "[\"" WEB_URI "\"]", site.client_id);
    browser_open(&b, &site);
    browser_log_in(&b, &site, site.ann);
    q = query_for(&site, NULL);
    show(&site, &b, &q);
    browser_submit(&b, "/consent", ALLOW);
    browser_check_code(&b, WEB_URI "?", code);
    kept = open_code(&site, code);
    CHECK(!kept.redirect_uri_sent);
    CHECK_VIEW(kept.redirect_uri, WEB_URI);
    aa_record_clear(&kept.memory);
    site_close(&site);
}

/* ---- the page ---- */

TEST(consent, the_page_says_who_asks_for_what_and_where_the_answer_goes)
{
    struct site site;
    struct browser b;
    struct query q;

    begin(&site, &b);
    CHECK(browser_shows(&b, "Test app"));
    CHECK(browser_shows(&b, "app.example"));
    CHECK(browser_shows(&b, WEB_URI));
    CHECK(browser_shows(&b, "Files of the house"));
    CHECK(browser_shows(&b, SERVER_URL));
    CHECK(browser_shows(&b, "files:read"));
    CHECK(browser_shows(&b, "Read files"));
    CHECK(!browser_shows(&b, "files:write"));
    CHECK(browser_shows(&b, ANN));
    CHECK(!browser_shows(&b, "this computer"));
    q = query_for(&site, "http://127.0.0.1:50000/callback");
    show(&site, &b, &q);
    CHECK(browser_shows(&b, "127.0.0.1:50000"));
    CHECK(browser_shows(&b, "this computer")); /* the warning */
    CHECK(strstr(b.headers, "form-action") == NULL);
    CHECK(strstr(b.headers, "frame-ancestors 'none'") != NULL);
    site_close(&site);
}

TEST(consent, a_private_use_scheme_is_shown_as_one)
{
    struct site site;
    struct browser b;
    struct query q;

    site_open(&site);
    site_register(&site, "Editor", "[\"cursor://anysphere.cursor-mcp/oauth/callback\"]", site.client_id);
    browser_open(&b, &site);
    browser_log_in(&b, &site, site.ann);
    q = query_for(&site, "cursor://anysphere.cursor-mcp/oauth/callback");
    show(&site, &b, &q);
    CHECK(browser_shows(&b, ">cursor:<"));
    browser_submit(&b, "/consent", ALLOW);
    browser_check_code(&b, "cursor://anysphere.cursor-mcp/oauth/callback?code=", NULL);
    site_close(&site);
}

TEST(consent, a_name_is_text_and_never_markup)
{
    struct site site;
    struct browser b;
    struct query q;

    site_open(&site);
    site_register(&site, "<script>alert(1)</script>\"'><img src=x onerror=alert(1)> & co", "[\"" WEB_URI "\"]",
                  site.client_id);
    browser_open(&b, &site);
    browser_log_in(&b, &site, site.ann);
    q = query_for(&site, WEB_URI);
    show(&site, &b, &q);
    CHECK(browser_shows(&b, "&lt;script&gt;alert(1)&lt;/script&gt;"));
    CHECK(browser_shows(&b, "&amp; co"));
    CHECK(!browser_shows(&b, "<script"));
    CHECK(!browser_shows(&b, "<img"));
    site_close(&site);
}

static enum aa_err create_client(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    return aa_client_create(conn, ctx, err);
}

TEST(consent, only_a_client_that_is_its_own_url_is_shown_with_a_verified_host)
{
    struct site site;
    struct browser b;
    struct query q;
    struct aa_client client = {
        .client_id = VIEW("https://client.example/oauth/metadata"),
        .client_name = VIEW("Named client"),
        .redirect_uris = VIEW("[\"" WEB_URI "\"]"),
        .grant_types = VIEW("authorization_code"),
        .source = VIEW("cimd"),
        .fetched_ms = 1,
        .fresh_until_ms = INT64_MAX,
        .auth_methods = VIEW("none"),
    };

    begin(&site, &b);
    CHECK(!browser_shows(&b, "Verified"));
    CHECK_OK(aa_db_write(site.f.app.db, create_client, &client, NULL));
    q = query_for(&site, WEB_URI);
    query_set(&q, "client_id", "https://client.example/oauth/metadata");
    show(&site, &b, &q);
    CHECK(browser_shows(&b, "Verified"));
    CHECK(browser_shows(&b, ">client.example<"));
    site_close(&site);
}

/* ---- one answer ---- */

/* A double click sends the form twice, and the browser shows the second answer alone. */
TEST(consent, the_same_answer_twice_gives_the_same_code)
{
    struct browser b, again;
    char first[128], second[128];
    struct site site;

    begin(&site, &b);
    again = b;
    browser_submit(&b, "/consent", ALLOW);
    browser_check_code(&b, WEB_URI "?", first);
    browser_submit(&again, "/consent", ALLOW);
    browser_check_code(&again, WEB_URI "?", second);
    CHECK_TEXT(second, first);
    CHECK_INT(site_count(&site, site.ann), 1);
    site_close(&site);
}

TEST(consent, no_twice_says_no_twice)
{
    struct browser b, again;
    struct site site;

    begin(&site, &b);
    again = b;
    browser_submit(&b, "/consent", DENY);
    browser_check_error(&b, WEB_URI "?", "access_denied");
    browser_submit(&again, "/consent", DENY);
    browser_check_error(&again, WEB_URI "?", "access_denied");
    CHECK_INT(site_count(&site, site.ann), 0);
    site_close(&site);
}

TEST(consent, another_answer_to_an_answered_page_is_too_late)
{
    struct browser b, page;
    struct site site;

    begin(&site, &b);
    page = b;
    browser_submit(&b, "/consent", ALLOW);
    browser_check_code(&b, WEB_URI "?", NULL);
    b = page;
    browser_submit(&b, "/consent", DENY);
    browser_check_page(&b, 400);
    site_close(&site);

    begin(&site, &b);
    page = b;
    browser_submit(&b, "/consent", DENY);
    browser_check_error(&b, WEB_URI "?", "access_denied");
    b = page;
    browser_submit(&b, "/consent", ALLOW);
    browser_check_page(&b, 400);
    CHECK_INT(site_count(&site, site.ann), 0);
    site_close(&site);
}

TEST(consent, a_code_that_ran_out_is_not_given_again)
{
    struct browser b, page;
    struct site site;

    begin(&site, &b);
    page = b;
    browser_submit(&b, "/consent", ALLOW);
    b = page;
    site.f.now_ms += 59 * 1000;
    browser_submit(&b, "/consent", ALLOW);
    browser_check_code(&b, WEB_URI "?", NULL);
    b = page;
    site.f.now_ms += 1000;
    browser_submit(&b, "/consent", ALLOW);
    browser_check_page(&b, 400);
    site_close(&site);
}

static enum aa_err redeem(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    uint8_t key[AA_DIGEST_KEY_LEN];
    struct aa_code code = {0};
    bool won = false;
    enum aa_err rc = aa_secret_find_key(AA_CODE_PREFIX, VIEW((const char *)ctx), key, err);

    if (!rc)
        rc = aa_code_redeem(conn, aa_view_make(key, sizeof key), 1, &won, &code, err);
    aa_record_clear(&code.memory);
    return rc || won ? rc : AA_ERR_CONFLICT;
}

TEST(consent, a_redeemed_code_is_not_given_again)
{
    struct browser b, page;
    struct site site;
    char code[128];

    begin(&site, &b);
    page = b;
    browser_submit(&b, "/consent", ALLOW);
    browser_check_code(&b, WEB_URI "?", code);
    CHECK_OK(aa_db_write(site.f.app.db, redeem, code, NULL));
    browser_submit(&page, "/consent", ALLOW);
    browser_check_page(&page, 400);
    site_close(&site);
}

static enum aa_err revoke(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    return aa_grant_revoke_of_user(conn, VIEW((const char *)ctx), 1, err);
}

TEST(consent, a_revoked_code_is_not_given_again)
{
    struct browser b, page;
    struct site site;

    begin(&site, &b);
    page = b;
    browser_submit(&b, "/consent", ALLOW);
    browser_check_code(&b, WEB_URI "?", NULL);
    CHECK_OK(aa_db_write(site.f.app.db, revoke, site.ann, NULL));
    browser_submit(&page, "/consent", ALLOW);
    browser_check_page(&page, 400);
    site_close(&site);
}

/* What the store holds does not give the code away: the cookie is part of it. */
TEST(consent, two_requests_of_one_browser_have_different_codes)
{
    struct browser b;
    struct site site;
    char first[128], second[128];
    struct query q;

    begin(&site, &b);
    browser_submit(&b, "/consent", ALLOW);
    browser_check_code(&b, WEB_URI "?", first);
    q = query_for(&site, LOOPBACK_URI);
    show(&site, &b, &q);
    browser_submit(&b, "/consent", ALLOW);
    browser_check_code(&b, LOOPBACK_URI "?", second);
    CHECK(strcmp(first, second) != 0);
    site_close(&site);
}

TEST(consent, the_pages_of_an_answered_request_are_gone)
{
    struct site site;
    struct browser b, page;
    char request[256], url[512];

    begin(&site, &b);
    browser_field(&b, "request", request, sizeof request);
    page = b; /* as of before the answer: with the cookie */
    browser_submit(&b, "/consent", ALLOW);
    browser_check_code(&b, WEB_URI "?", NULL);
    snprintf(url, sizeof url, "/consent?request=%s", request);
    browser_get(&page, url);
    browser_check_page(&page, 400);
    snprintf(url, sizeof url, "/login?request=%s", request);
    browser_get(&page, url);
    browser_check_page(&page, 400);
    CHECK(browser_shows(&page, "expired"));
    site_close(&site);
}

#define THREADS 12

struct racer {
    struct browser browser;
    const char *answer;
    pthread_barrier_t *start;
};

static void *answer_at_once(void *ctx)
{
    struct racer *racer = ctx;

    pthread_barrier_wait(racer->start);
    browser_submit(&racer->browser, "/consent", racer->answer);
    return NULL;
}

TEST(consent, parallel_answers_to_one_page_give_exactly_one_code_or_none)
{
    static struct racer racers[THREADS];
    pthread_t threads[THREADS];
    pthread_barrier_t start;
    struct site site;
    struct browser b;
    struct query q;
    char folder[64], path[96];
    int i, round, codes, denials, pages, given = 0;
    char code[128], first[128] = "";

    folder_make(folder, sizeof folder);
    snprintf(path, sizeof path, "%s/race.db", folder);
    site_open_at(&site, path);
    browser_open(&b, &site);
    browser_log_in(&b, &site, site.ann);
    for (round = 0; round < 10; round++) {
        q = query_for(&site, LOOPBACK_URI);
        show(&site, &b, &q);
        pthread_barrier_init(&start, NULL, THREADS);
        for (i = 0; i < THREADS; i++) {
            racers[i].browser = b;
            racers[i].answer = round % 2 && i % 2 ? DENY : ALLOW;
            racers[i].start = &start;
            CHECK_INT(pthread_create(&threads[i], NULL, answer_at_once, &racers[i]), 0);
        }
        codes = denials = pages = 0;
        for (i = 0; i < THREADS; i++) {
            pthread_join(threads[i], NULL);
            pages += racers[i].browser.status == 400;
            denials += strstr(racers[i].browser.location, "?error=access_denied") != NULL;
            if (!browser_answer(&racers[i].browser, "code", code, sizeof code))
                continue;
            if (codes++)
                CHECK_TEXT(code, first);
            snprintf(first, sizeof first, "%s", code);
        }
        pthread_barrier_destroy(&start);
        /* All that said what the first one said are told the same; the others are too late. */
        CHECK_INT(codes + denials, round % 2 ? THREADS / 2 : THREADS);
        CHECK_INT(pages, round % 2 ? THREADS / 2 : 0);
        CHECK(codes == 0 || denials == 0);
        CHECK(round % 2 || codes == THREADS);
        given += codes > 0;
    }
    CHECK_INT(site_count(&site, site.ann), given);
    site_close(&site);
    folder_remove(folder);
}

/* ---- one browser ---- */

TEST(consent, a_browser_without_the_requests_cookie_can_neither_see_nor_answer)
{
    struct site site;
    struct browser b, other;
    char request[256], csrf[256], text[1024];

    begin(&site, &b);
    browser_field(&b, "request", request, sizeof request);
    browser_field(&b, "csrf", csrf, sizeof csrf);
    browser_open(&other, &site);
    browser_log_in(&other, &site, site.ann); /* the same person, elsewhere */
    snprintf(text, sizeof text, "/consent?request=%s", request);
    browser_get(&other, text);
    browser_check_page(&other, 400);
    CHECK(!browser_shows(&other, "Test app"));
    snprintf(text, sizeof text, "request=%s&csrf=%s" ALLOW, request, csrf);
    browser_post(&other, "/consent", text);
    browser_check_page(&other, 400);
    other = b; /* the very session, without the cookie */
    browser_forget_cookie(&other, "aa_tx_");
    browser_post(&other, "/consent", text);
    browser_check_page(&other, 400);
    check_nothing_issued(&site, &b);
    site_close(&site);
}

TEST(consent, the_cookie_of_another_request_opens_nothing)
{
    struct site site;
    struct browser b, other;
    struct query q;
    size_t i;

    begin(&site, &b);
    browser_open(&other, &site);
    browser_log_in(&other, &site, site.ann);
    q = query_for(&site, WEB_URI);
    show(&site, &other, &q);
    other = b;
    for (i = 0; i < other.cookie_count; i++)
        if (strncmp(other.cookies[i].name, "aa_tx_", 6) == 0)
            other.cookies[i].value[0] ^= 1;
    browser_submit(&other, "/consent", ALLOW);
    browser_check_page(&other, 400);
    check_nothing_issued(&site, &b);
    site_close(&site);
}

TEST(consent, a_form_without_the_token_of_its_page_is_refused)
{
    struct site site;
    struct browser b, other, page;
    struct query q;
    char request[256], csrf[256], logout[256], text[1024];

    begin(&site, &b);
    page = b;
    browser_field(&b, "request", request, sizeof request);
    snprintf(text, sizeof text, "request=%s" ALLOW, request);
    browser_post(&b, "/consent", text);
    browser_check_page(&b, 403);
    snprintf(text, sizeof text, "request=%s&csrf=%s" ALLOW, request, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
    browser_post(&b, "/consent", text);
    browser_check_page(&b, 403);
    browser_get(&b, "/logout");
    browser_field(&b, "csrf", logout, sizeof logout); /* a token, but of another page */
    snprintf(text, sizeof text, "request=%s&csrf=%s" ALLOW, request, logout);
    browser_post(&b, "/consent", text);
    browser_check_page(&b, 403);
    q = query_for(&site, WEB_URI);
    show(&site, &b, &q);
    browser_field(&b, "csrf", csrf, sizeof csrf); /* of another request */
    snprintf(text, sizeof text, "request=%s&csrf=%s" ALLOW, request, csrf);
    browser_post(&b, "/consent", text);
    browser_check_page(&b, 403);
    browser_open(&other, &site);
    browser_log_in(&other, &site, site.ann);
    q = query_for(&site, WEB_URI);
    show(&site, &other, &q);
    browser_field(&other, "csrf", csrf, sizeof csrf); /* of another session */
    snprintf(text, sizeof text, "request=%s&csrf=%s" ALLOW, request, csrf);
    browser_post(&b, "/consent", text);
    browser_check_page(&b, 403);
    check_nothing_issued(&site, &page);
    site_close(&site);
}

/* ---- one person ---- */

static void change_session(struct browser *b, struct site *site, const char *user_id)
{
    browser_forget_cookie(b, "aa_session");
    if (user_id)
        browser_log_in(b, site, user_id);
}

TEST(consent, somebody_else_or_nobody_cannot_answer_for_the_person)
{
    struct site site;
    struct browser b, other;

    begin(&site, &b);
    other = b;
    change_session(&other, &site, site.bob);
    browser_submit(&other, "/consent", ALLOW);
    browser_check_page(&other, 403);
    other = b;
    change_session(&other, &site, NULL);
    browser_submit(&other, "/consent", ALLOW);
    browser_check_page(&other, 403);
    other = b;
    change_session(&other, &site, site.ann); /* another session of hers has another token */
    browser_submit(&other, "/consent", ALLOW);
    browser_check_page(&other, 403);
    CHECK_INT(site_count(&site, site.bob), 0);
    check_nothing_issued(&site, &b);
    site_close(&site);
}

TEST(consent, somebody_else_or_nobody_who_opens_the_page_is_asked_to_log_in)
{
    struct site site;
    struct browser b, other;
    char request[256], url[512];

    begin(&site, &b);
    browser_field(&b, "request", request, sizeof request);
    snprintf(url, sizeof url, "/consent?request=%s", request);
    other = b;
    change_session(&other, &site, site.bob);
    browser_get(&other, url);
    CHECK_INT(strncmp(other.location, "/login?request=", 15), 0);
    change_session(&other, &site, NULL);
    browser_get(&other, url);
    CHECK_INT(strncmp(other.location, "/login?request=", 15), 0);
    browser_get(&b, url);
    browser_check_page(&b, 200);
    site_close(&site);
}

TEST(consent, the_person_is_never_taken_from_the_body)
{
    struct site site;
    struct browser b;

    begin(&site, &b);
    browser_submit(&b, "/consent", ALLOW "&user_id=usr_bob&user_email=bob%40example.com&email=bob%40example.com");
    browser_check_code(&b, WEB_URI "?", NULL);
    CHECK_INT(site_count(&site, site.ann), 1);
    CHECK_INT(site_count(&site, site.bob), 0);
    site_close(&site);
}

TEST(consent, a_session_that_ended_meanwhile_answers_nothing)
{
    struct site site;
    struct browser b;

    begin(&site, &b);
    CHECK_OK(aa_session_end(&site.f.app, VIEW(browser_cookie(&b, "aa_session")), NULL));
    browser_submit(&b, "/consent", ALLOW);
    browser_check_page(&b, 403);
    CHECK_INT(site_count(&site, site.ann), 0);
    site_close(&site);
}

TEST(consent, a_person_who_was_disabled_meanwhile_answers_nothing)
{
    struct site site;
    struct browser b;

    begin(&site, &b);
    CHECK_OK(aa_person_set_disabled(&site.f.app, VIEW(ANN), true, NULL));
    browser_submit(&b, "/consent", ALLOW);
    browser_check_page(&b, 403);
    CHECK_INT(site_count(&site, site.ann), 0);
    site_close(&site);
}

/* ---- in time, and of what still exists ---- */

TEST(consent, the_page_expires_after_ten_minutes_by_our_clock)
{
    struct site site;
    struct browser b, late;

    begin(&site, &b);
    late = b;
    site.f.now_ms += 10 * MINUTE_MS;
    browser_submit(&late, "/consent", ALLOW);
    browser_check_page(&late, 400);
    CHECK(browser_shows(&late, "expired"));
    site.f.now_ms -= 1;
    check_nothing_issued(&site, &b);
    site_close(&site);
}

static enum aa_err delete_client(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    return aa_client_delete(conn, VIEW(ctx), 1, err);
}

TEST(consent, a_client_or_server_that_is_gone_gets_nothing)
{
    struct site site;
    struct browser b, page;
    struct query q;
    char other[32];

    begin(&site, &b);
    site_register(&site, "Another", "[\"" WEB_URI "\"]", other);
    q = query_for(&site, WEB_URI);
    query_set(&q, "client_id", other);
    page = b;
    show(&site, &page, &q);
    CHECK_OK(aa_db_write(site.f.app.db, delete_client, site.client_id, NULL));
    browser_submit(&b, "/consent", ALLOW);
    browser_check_page(&b, 400);
    CHECK_INT(site_count(&site, site.ann), 0);
    b = page; /* the other client is still there, but now the server goes */
    CHECK_OK(aa_directory_remove(&site.f.app, VIEW(site.server_id), NULL));
    browser_submit(&b, "/consent", ALLOW);
    browser_check_page(&b, 400);
    CHECK_INT(site_count(&site, site.ann), 0);
    site_close(&site);
}

TEST(consent, a_client_that_was_used_lives_on)
{
    struct site site;
    struct browser b;
    struct query q;

    begin(&site, &b);
    browser_submit(&b, "/consent", ALLOW);
    browser_check_code(&b, WEB_URI "?", NULL);
    site.f.now_ms += 30 * 24 * 60 * MINUTE_MS;
    q = query_for(&site, WEB_URI);
    browser_authorize(&b, &q);
    CHECK_INT(strncmp(b.location, "/login?request=", 15), 0); /* the session is over, the client is not */
    site_close(&site);
}

TEST(consent, authorizing_again_leaves_the_other_devices_grant_alone)
{
    struct site site;
    struct browser b, other;
    struct query q;

    begin(&site, &b);
    browser_submit(&b, "/consent", ALLOW);
    browser_check_code(&b, WEB_URI "?", NULL);
    browser_open(&other, &site);
    browser_log_in(&other, &site, site.ann);
    q = query_for(&site, LOOPBACK_URI);
    show(&site, &other, &q);
    browser_submit(&other, "/consent", ALLOW);
    browser_check_code(&other, LOOPBACK_URI "?", NULL);
    CHECK_INT(site_count(&site, site.ann), 2);
    site_close(&site);
}

/* ---- junk and trouble ---- */

TEST(consent, a_body_that_is_no_form_is_refused)
{
    static const char *const bodies[] = {"", "%", "csrf=%zz", "request=1&request=2", "request=%00", "request=%ff"};
    struct site site;
    struct browser b, page;
    size_t i;

    begin(&site, &b);
    page = b;
    for (i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        b = page;
        browser_post(&b, "/consent", bodies[i]);
        browser_check_page(&b, 400);
    }
    b = page;
    browser_post_as(&b, "/consent", "application/json", "{\"decision\":\"allow\"}");
    browser_check_page(&b, 400);
    b = page;
    browser_get(&b, "/consent");
    browser_check_page(&b, 400);
    check_nothing_issued(&site, &page);
    site_close(&site);
}

static struct query memory_query;

static void prepare_request(struct site *site, struct browser *b)
{
    browser_log_in(b, site, site->ann);
    memory_query = query_for(site, LOOPBACK_URI);
    browser_authorize(b, &memory_query);
}

static void prepare_page(struct site *site, struct browser *b)
{
    prepare_request(site, b);
    browser_follow(b);
}

static void visit_page(struct site *site, struct browser *b)
{
    (void)site;
    browser_follow(b);
}

static struct browser page_before;
static int grants_before;

static void prepare_answer(struct site *site, struct browser *b)
{
    prepare_page(site, b);
    page_before = *b;
    grants_before = site_count(site, site->ann);
}

static void visit_allow(struct site *site, struct browser *b)
{
    (void)site;
    browser_submit(b, "/consent", ALLOW);
}

/* After trouble the same page can be answered again, also when the code was stored and its answer alone could not be
 * built. */
static void check_repeatable(struct site *site, struct browser *b)
{
    if (b->status == 303)
        return;
    browser_submit(&page_before, "/consent", ALLOW);
    browser_check_code(&page_before, LOOPBACK_URI "?", NULL);
    CHECK_INT(site_count(site, site->ann), grants_before + 1);
}

TEST(consent, out_of_memory_at_any_point_is_answered_as_trouble_of_ours_and_can_be_repeated)
{
    struct site site;

    site_open(&site);
    browser_fail_memory(&site, prepare_request, visit_page, NULL, 200);
    browser_fail_memory(&site, prepare_answer, visit_allow, check_repeatable, 303);
    site_close(&site);
}

/* Requests that bring, change or lose one client at once: of two answers of its site the later one counts. */
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#include "domain/client_fetch.h"
#include "store/store.h"
#include "support_document.h"

/* ---- two, one within the other ---- */

/* What happens while the site of the first request has not answered yet. */
static void (*meanwhile)(struct site *site);
static struct site *meanwhile_site;

static enum aa_err play_slow_site(void *ctx, const char *url, struct aa_download *out, struct aa_error *err)
{
    void (*happens)(struct site * site) = meanwhile;
    enum aa_err rc = document_play(ctx, url, out, err);

    meanwhile = NULL;
    if (happens) {
        meanwhile_site->f.now_ms += 1000;
        happens(meanwhile_site);
    }
    return rc;
}

static void open_slow_site(struct site *site, void (*happens)(struct site *site))
{
    document_open(site);
    site->f.app.fetch = play_slow_site;
    meanwhile = NULL;
    document_check_let_in(site);
    document_use(site);
    site->f.now_ms += DAY;
    meanwhile = happens;
    meanwhile_site = site;
}

static void withdraw_meanwhile(struct site *site)
{
    document_answer(404, "", "");
    document_check_refused(site, "no metadata document");
}

TEST(client_fetch_races, a_client_that_is_withdrawn_while_another_request_finds_its_site_away_stays_so)
{
    struct site site;

    open_slow_site(&site, withdraw_meanwhile);
    document_site.rc = AA_ERR_REMOTE_TIMEOUT;
    document_check_refused(&site, "has withdrawn it");
    document_site.rc = AA_ERR_REMOTE_TIMEOUT;
    document_check_refused(&site, "could not be fetched");
    CHECK_INT(document_count_events(&site, "client_withdrawn"), 1);
    site_close(&site);
}

TEST(client_fetch_races, an_answer_that_comes_late_does_not_bring_back_a_client_that_was_withdrawn)
{
    struct site site;

    open_slow_site(&site, withdraw_meanwhile);
    document_check_refused(&site, "has withdrawn it");
    CHECK_INT(document_count_events(&site, "client_withdrawn"), 1);
    document_answer(200, "application/json", document_good);
    site.f.now_ms += 1;
    document_check_let_in(&site);
    CHECK_INT(document_count_events(&site, "client_changed"), 1); /* it is back */
    site_close(&site);
}

static void move_meanwhile(struct site *site)
{
    document_answer(200, "application/json",
                    "{\"client_id\":\"" DOCUMENT_ID
                    "\",\"client_name\":\"C\",\"redirect_uris\":[\"https://client.example/moved\"]}");
    document_check_refused(site, "did not register this redirect_uri");
}

TEST(client_fetch_races, an_older_document_that_comes_late_does_not_count)
{
    struct site site;

    open_slow_site(&site, move_meanwhile);
    document_check_refused(&site, "did not register this redirect_uri");
    document_check_refused(&site, "did not register this redirect_uri");
    CHECK_INT(document_count_events(&site, "client_changed"), 1);
    site_close(&site);
}

static void come_meanwhile(struct site *site)
{
    document_check_let_in(site);
}

/* One that had begun before, and hears something else. */
static void come_earlier(struct site *site)
{
    site->f.now_ms -= 2000;
    document_answer(200, "application/json", document_good);
    document_check_let_in(site);
    document_answer(404, "", "");
    site->f.now_ms += 2000;
}

TEST(client_fetch_races, a_client_that_two_requests_bring_at_once_is_registered_once)
{
    struct site site;

    document_open(&site);
    site.f.app.fetch = play_slow_site;
    meanwhile = come_meanwhile;
    meanwhile_site = &site;
    document_check_let_in(&site);
    CHECK_INT(document_site.calls, 2);
    CHECK_INT(document_count_events(&site, "client_registered"), 1);
    CHECK_INT(document_count_events(&site, "client_changed"), 0);
    site_close(&site);
}

/* The earlier one has stored its answer when the later one hears that there is no such client. */
TEST(client_fetch_races, of_two_first_requests_the_later_answer_counts_too)
{
    struct site site;

    document_open(&site);
    site.f.app.fetch = play_slow_site;
    meanwhile = come_earlier;
    meanwhile_site = &site;
    document_answer(404, "", "");
    document_check_refused(&site, "no metadata document");
    document_check_told(&site, 400, "no metadata document");
    CHECK_INT(document_count_events(&site, "client_withdrawn"), 1);
    site_close(&site);
}

#define MOVED "{\"client_id\":\"" CLAUDE_ID "\",\"client_name\":\"C\",\"redirect_uris\":[\"https://claude.ai/moved\"]}"

static void claude_moves_meanwhile(struct site *site)
{
    struct browser b;

    site->f.now_ms -= 2000; /* this one had begun before */
    document_answer(200, "application/json", MOVED);
    document_ask_for_claude(site, &b);
    browser_check_page(&b, 400);
    site->f.now_ms += 2000;
}

TEST(client_fetch_races, what_this_version_knows_never_takes_the_place_of_what_a_site_has_said)
{
    struct site site;
    struct browser b;

    document_open(&site);
    site.f.app.fetch = play_slow_site;
    meanwhile = claude_moves_meanwhile;
    meanwhile_site = &site;
    document_site.rc = AA_ERR_REMOTE_TIMEOUT;
    document_ask_for_claude(&site, &b);
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
    out->status = document_site.status;
    out->max_age_s = 0;
    aa_buf_add_text(&out->content_type, "application/json");
    aa_buf_add_text(&out->body, document_site.body);
    return aa_buf_check(&out->body, "a document", err);
}

static void *fetch_in_thread(void *arg)
{
    struct aa_app app = *(struct aa_app *)arg;
    struct aa_refused refused = AA_REFUSED_INIT;

    return aa_client_fetch(&app, VIEW(DOCUMENT_ID), &refused, NULL) == AA_OK || refused.error != AA_OAUTH_NONE ? NULL
                                                                                                               : arg;
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

TEST(client_fetch_races, however_many_bring_or_lose_a_client_at_once_it_is_noted_once)
{
    for (int round = 0; round < 5; round++) {
        struct site site;

        document_open(&site);
        fetch_in_threads(&site);
        CHECK_INT(document_count_events(&site, "client_registered"), 1);
        CHECK_INT(document_count_events(&site, "client_changed"), 0);
        site.f.now_ms += 30 * MINUTE;
        document_answer(404, "", "");
        fetch_in_threads(&site);
        CHECK_INT(document_count_events(&site, "client_withdrawn"), 1);
        site_close(&site);
    }
}

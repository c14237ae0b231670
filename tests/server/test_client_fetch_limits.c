/* How often documents of clients are asked for, and what serves those who may not ask. */
#include <stdio.h>

#include "domain/client_fetch.h"
#include "store/store.h"
#include "support_document.h"

static void ask_for_number(struct site *site, struct browser *b, const char *peer, int number)
{
    char id[64];

    snprintf(id, sizeof id, "https://client.example/oauth/%d.json", number);
    site->f.app.who.address = VIEW(peer);
    document_ask(site, b, id);
}

TEST(client_fetch_limits, an_address_has_so_many_documents_fetched_and_no_more)
{
    struct site site;
    struct browser b;

    document_open(&site);
    document_answer(404, "", "");
    for (int i = 0; i < 30; i++) {
        ask_for_number(&site, &b, "192.0.2.1", i);
        browser_check_page(&b, 400);
    }
    ask_for_number(&site, &b, "192.0.2.1", 30);
    browser_check_page(&b, 429);
    CHECK(strstr(b.headers, "Retry-After: 600\n") != NULL);
    CHECK_INT(document_site.calls, 30);
    ask_for_number(&site, &b, "192.0.2.2", 30);
    browser_check_page(&b, 400);
    site.f.now_ms += 10 * MINUTE;
    ask_for_number(&site, &b, "192.0.2.1", 31);
    browser_check_page(&b, 400);
    CHECK_INT(document_site.calls, 32);
    site_close(&site);
}

/* Strangers of many addresses make us ask its site for what is not there. */
static void exhaust_site(struct site *site)
{
    static const char *const peers[] = {"192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4", "192.0.2.5"};
    struct browser b;

    document_answer(404, "", "");
    for (int i = 0; i < 120; i++)
        ask_for_number(site, &b, peers[i / 25], i);
    ask_for_number(site, &b, "192.0.2.9", 120);
    browser_check_page(&b, 429);
    CHECK(browser_shows(&b, "this site was asked for too many"));
    site->f.app.who.address = VIEW("192.0.2.8");
    document_answer(200, "application/json", document_good);
}

TEST(client_fetch_limits, what_strangers_ask_of_a_site_does_not_keep_its_client_in_use_from_being_looked_at)
{
    struct site site;

    document_open(&site);
    document_check_let_in(&site);
    document_use(&site);
    site.f.now_ms += 8 * DAY; /* its copy does not even stand in any more */
    exhaust_site(&site);
    document_site.calls = 0;
    document_check_let_in(&site);
    CHECK_INT(document_site.calls, 1);
    site_close(&site);
}

TEST(client_fetch_limits, an_address_that_had_too_many_documents_fetched_still_has_what_is_known)
{
    struct site site;
    struct browser b;

    document_open(&site);
    document_check_let_in(&site);
    document_use(&site);
    site.f.now_ms += DAY;
    document_answer(404, "", "");
    for (int i = 0; i < 31; i++)
        ask_for_number(&site, &b, "192.0.2.1", i);
    browser_check_page(&b, 429);
    document_site.calls = 0;
    document_check_let_in(&site);
    document_ask_for_claude(&site, &b);
    CHECK_INT(b.status, 303);
    CHECK_INT(document_site.calls, 0);
    site_close(&site);
}

/* Else whoever spends their own limit keeps a client alive that its site has withdrawn. */
TEST(client_fetch_limits, what_serves_one_who_is_over_a_limit_does_not_keep_others_from_asking)
{
    struct site site;
    struct browser b;

    document_open(&site);
    document_check_let_in(&site);
    document_use(&site);
    site.f.now_ms += DAY;
    document_answer(404, "", "");
    for (int i = 0; i < 30; i++)
        ask_for_number(&site, &b, "192.0.2.1", i);
    document_check_let_in(&site);
    document_ask_for_claude(&site, &b);
    CHECK_INT(b.status, 303);
    site.f.app.who.address = VIEW("192.0.2.2");
    document_check_refused(&site, "no metadata document");
    document_ask_for_claude(&site, &b);
    browser_check_page(&b, 400);
    site_close(&site);
}

TEST(client_fetch_limits, while_too_much_is_being_fetched_what_is_known_serves_and_nothing_is_learnt)
{
    struct site site;
    struct browser b;

    document_open(&site);
    document_site.rc = AA_ERR_REMOTE_BREAKER;
    document_check_refused(&site, "try again in a moment");
    document_ask_for_claude(&site, &b);
    CHECK_INT(b.status, 303);
    document_answer(200, "application/json", document_good);
    document_check_let_in(&site);
    document_use(&site);
    site.f.now_ms += DAY;
    document_site.rc = AA_ERR_REMOTE_BREAKER;
    document_check_let_in(&site);
    document_answer(404, "", "");
    document_check_refused(&site, "no metadata document");
    document_ask_for_claude(&site, &b);
    browser_check_page(&b, 400);
    site_close(&site);
}

TEST(client_fetch_limits, where_there_are_too_many_clients_one_that_nobody_used_gives_way)
{
    struct site site;
    struct browser b;

    document_open(&site); /* with one client that nobody used yet */
    site.f.app.settings.clients_max = 1;
    document_check_let_in(&site);
    document_use(&site);
    document_ask(&site, &b, "https://client.example/oauth/other.json");
    browser_check_page(&b, 400); /* the document is not that one's */
    document_answer(200, "application/json",
                    "{\"client_id\":\"https://client.example/oauth/"
                    "other.json\",\"client_name\":\"C\",\"redirect_uris\":[\"" DOCUMENT_URI "\"]}");
    document_ask(&site, &b, "https://client.example/oauth/other.json");
    browser_check_page(&b, 503);
    CHECK(strstr(b.headers, "Retry-After: ") != NULL);
    site.f.app.settings.clients_max = 2;
    document_ask(&site, &b, "https://client.example/oauth/other.json");
    CHECK_INT(b.status, 303);
    site_close(&site);
}

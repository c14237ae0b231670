/* GET /authorize is open to everybody, and so is registration: what strangers cannot make of the two together. */
#include <stdio.h>

#include "domain/clients.h"
#include "store/store.h"
#include "support_browser.h"

#define REQUESTS_MAX 1000 /* of one address in ten minutes */
#define TEN_MINUTES_MS (10 * 60 * 1000)

/* ---- our address must not lead to a stranger's page (RFC 9700 §4.11.2) ---- */

static void ask_wrongly(struct site *site, struct browser *b, const char *redirect_uri)
{
    struct query q = query_for(site, redirect_uri);

    query_set(&q, "response_type", "token");
    browser_open(b, site);
    browser_authorize(b, &q);
}

TEST(strangers, an_error_sends_nobody_to_a_web_site_that_registered_itself)
{
    struct site site;
    struct browser b;

    site_open(&site);
    ask_wrongly(&site, &b, WEB_URI);
    browser_check_page(&b, 400);
    CHECK_INT(b.cookie_count, 0);
    CHECK(browser_shows(&b, "response_type must be code"));
    CHECK(browser_shows(&b, "Back to app.example<")); /* they decide, and see where it goes */
    CHECK(browser_shows(&b, "href=\"" WEB_URI "?error=unsupported_response_type&amp;"));
    CHECK(browser_shows(&b, "&amp;state=state-1&amp;iss=http%3A%2F%2Flocalhost%3A8788\""));
    ask_wrongly(&site, &b, LOOPBACK_URI); /* no page of a stranger's stands there */
    browser_check_error(&b, LOOPBACK_URI "?", "unsupported_response_type");
    site_close(&site);
}

TEST(strangers, an_app_that_claimed_a_scheme_is_told_at_once)
{
    struct site site;
    struct browser b;

    site_open(&site);
    site_register(&site, "Editor", "[\"cursor://anysphere.cursor-mcp/oauth/callback\"]", site.client_id);
    ask_wrongly(&site, &b, "cursor://anysphere.cursor-mcp/oauth/callback");
    browser_check_error(&b, "cursor://anysphere.cursor-mcp/oauth/callback?", "unsupported_response_type");
    site_close(&site);
}

static enum aa_err create_client(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    return aa_client_create(conn, ctx, err);
}

TEST(strangers, a_web_site_that_the_administrator_registered_is_told_at_once)
{
    static const char *const sources[] = {"cli", "dcr", "cimd"};
    struct site site;
    struct browser b;

    site_open(&site);
    for (size_t i = 0; i < sizeof sources / sizeof *sources; i++) {
        struct aa_client client = {.client_id = VIEW(sources[i]),
                                   .redirect_uris = VIEW("[\"" WEB_URI "\"]"),
                                   .grant_types = VIEW("authorization_code"),
                                   .source = VIEW(sources[i])};

        CHECK_OK(aa_db_write(site.f.app.db, create_client, &client, NULL));
        snprintf(site.client_id, sizeof site.client_id, "%s", sources[i]);
        ask_wrongly(&site, &b, WEB_URI);
        if (i == 0)
            browser_check_error(&b, WEB_URI "?", "unsupported_response_type");
        else
            browser_check_page(&b, 400);
    }
    site_close(&site);
}

TEST(strangers, a_link_of_the_clients_is_text_and_never_markup)
{
    struct site site;
    struct browser b;

    site_open(&site);
    site_register(&site, "Quoted", "[\"https://app.example/cb?a='b'&c=(d)\"]", site.client_id);
    ask_wrongly(&site, &b, "https://app.example/cb?a='b'&c=(d)");
    browser_check_page(&b, 400);
    CHECK(browser_shows(&b, "href=\"https://app.example/cb?a=&#39;b&#39;&amp;c=(d)&amp;error="));
    site_close(&site);
}

/* ---- every request is a row ---- */

static int begin_one(struct site *site, struct browser *b)
{
    struct query q = query_for(site, WEB_URI);

    browser_open(b, site);
    browser_authorize(b, &q);
    return b->status;
}

TEST(strangers, an_address_that_begins_very_many_requests_is_told_to_wait)
{
    struct site site;
    struct browser b;

    site_open(&site);
    site.f.app.who.address = VIEW("192.0.2.1");
    site.f.now_ms -= site.f.now_ms % TEN_MINUTES_MS;
    for (int i = 0; i < REQUESTS_MAX; i++)
        CHECK_INT(begin_one(&site, &b), 303);
    CHECK_INT(begin_one(&site, &b), 429);
    browser_check_page(&b, 429);
    CHECK(strstr(b.headers, "Retry-After: 600\n") != NULL);
    CHECK_INT(b.cookie_count, 0);
    site.f.app.who.address = VIEW("192.0.2.2"); /* others go on */
    CHECK_INT(begin_one(&site, &b), 303);
    site.f.app.who.address = VIEW("192.0.2.1");
    site.f.now_ms += TEN_MINUTES_MS - 1;
    CHECK_INT(begin_one(&site, &b), 429);
    site.f.now_ms += 1;
    CHECK_INT(begin_one(&site, &b), 303);
    site_close(&site);
}

TEST(strangers, what_begins_nothing_is_not_counted)
{
    struct site site;
    struct browser b;

    site_open(&site);
    site.f.app.who.address = VIEW("192.0.2.1");
    for (int i = 0; i < REQUESTS_MAX + 1; i++)
        ask_wrongly(&site, &b, LOOPBACK_URI);
    CHECK_INT(b.status, 303);
    CHECK_INT(begin_one(&site, &b), 303);
    site_close(&site);
}

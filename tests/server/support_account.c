#include "support_account.h"

#include <stdio.h>

void account_begin(struct site *site, struct browser *b)
{
    site_open(site);
    browser_open(b, site);
    browser_log_in(b, site, site->ann);
}

void account_allow(struct site *site, struct browser *b)
{
    struct query q = query_for(site, WEB_URI);

    query_set(&q, "prompt", "consent");
    browser_authorize(b, &q);
    browser_follow(b);
    browser_submit(b, "/consent", "&decision=allow");
    browser_check_code(b, WEB_URI "?", NULL);
    browser_forget_cookie(b, "aa_tx_");
}

bool account_is_asked(struct site *site, struct browser *b)
{
    struct query q = query_for(site, WEB_URI);
    bool asked;

    browser_authorize(b, &q);
    browser_follow(b);
    asked = b->status == 200 && browser_shows(b, "name=\"decision\"");
    if (asked)
        browser_forget_cookie(b, "aa_tx_");
    return asked;
}

size_t account_count_text(const struct browser *b, const char *text)
{
    size_t found = 0;

    for (const char *at = strstr(b->page, text); at; at = strstr(at + 1, text))
        found++;
    return found;
}

size_t account_count_listed(struct browser *b)
{
    browser_get(b, "/account");
    browser_check_page(b, 200);
    CHECK(browser_shows(b, "Your account"));
    CHECK(browser_shows(b, NOTHING) == (account_count_text(b, REMOVE) == 0));
    return account_count_text(b, REMOVE);
}

void account_first_button(const struct browser *b, char out[BUTTON_MAX])
{
    static const char start[] = "name=\"access\" value=\"";
    const char *value = strstr(b->page, start);

    if (!value)
        fail_msg("the page lists no application");
    value += sizeof start - 1;
    snprintf(out, BUTTON_MAX, "&access=%.*s", (int)strcspn(value, "\""), value);
    CHECK(strchr(out, ' ') != NULL);
    *strchr(out, ' ') = '+';
}

void account_check_back(const struct browser *b, const char *done)
{
    char wanted[64];

    snprintf(wanted, sizeof wanted, "/account?done=%s", done);
    CHECK_INT(b->status, 303);
    CHECK_TEXT(b->location, wanted);
}

void account_check_to_login(const struct browser *b)
{
    CHECK_INT(b->status, 303);
    CHECK_TEXT(b->location, LOGIN_FOR_ACCOUNT);
}

/* ---- rows of the store ---- */

struct account_row account_row_for(const struct site *site, const char *grant_id)
{
    return (struct account_row){.grant = {.grant_id = VIEW(grant_id),
                                          .user_id = VIEW(site->ann),
                                          .client_id = VIEW(site->client_id),
                                          .server_id = VIEW(site->server_id),
                                          .scope = VIEW("files:read"),
                                          .created_ms = 1000},
                                .consent = {.user_id = VIEW(site->ann),
                                            .client_id = VIEW(site->client_id),
                                            .server_id = VIEW(site->server_id),
                                            .scope = VIEW("files:read"),
                                            .redirect_uri = VIEW(WEB_URI),
                                            .created_ms = 1000}};
}

static enum aa_err put_client(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    return aa_client_put_document(conn, &((struct account_row *)ctx)->client, err);
}

static enum aa_err put_server(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    return aa_server_create(conn, &((struct account_row *)ctx)->server, err);
}

static enum aa_err put_grant(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    return aa_grant_create(conn, &((struct account_row *)ctx)->grant, err);
}

static enum aa_err put_consent(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    return aa_consent_put(conn, &((struct account_row *)ctx)->consent, err);
}

void account_put_client(struct site *site, struct account_row *row)
{
    CHECK_OK(aa_db_write(site->f.app.db, put_client, row, NULL));
}

void account_put_server(struct site *site, struct account_row *row)
{
    CHECK_OK(aa_db_write(site->f.app.db, put_server, row, NULL));
}

void account_put_grant(struct site *site, struct account_row *row)
{
    CHECK_OK(aa_db_write(site->f.app.db, put_grant, row, NULL));
}

void account_put_consent(struct site *site, struct account_row *row)
{
    CHECK_OK(aa_db_write(site->f.app.db, put_consent, row, NULL));
}

#include "support_browser.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "domain/clients.h"
#include "domain/directory.h"
#include "domain/form_token.h"
#include "domain/sessions.h"
#include "endpoint/account.h"
#include "endpoint/authorize.h"
#include "endpoint/consent.h"
#include "endpoint/login.h"
#include "endpoint/logout.h"
#include "endpoint/style.h"
#include "store/store.h"

/* ---- the site ---- */

static void copy_view(char *out, size_t size, struct aa_view view)
{
    CHECK(view.len < size);
    memcpy(out, view.len ? view.data : "", view.len);
    out[view.len] = '\0';
}

static enum aa_err create_user(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    return aa_user_create(conn, ctx, err);
}

static void add_person(struct site *site, const char *user_id, const char *email, const char *name, char out[32])
{
    struct aa_user user = {.user_id = VIEW(user_id), .email = VIEW(email), .name = VIEW(name), .created_ms = 1};

    CHECK_OK(aa_db_write(site->f.app.db, create_user, &user, NULL));
    snprintf(out, 32, "%s", user_id);
}

void site_add_server(struct site *site, const char *url, const char *scopes)
{
    struct aa_server_registration registration = {.server_url = VIEW(url),
                                                  .server_name = VIEW("Files of the house"),
                                                  .scopes = VIEW(scopes),
                                                  .user_id = AA_VIEW_ABSENT};
    struct aa_server server;

    CHECK_OK(aa_directory_register(&site->f.app, &registration, &server, NULL));
    if (!site->server_id[0])
        copy_view(site->server_id, sizeof site->server_id, server.server_id);
    aa_record_clear(&server.memory);
}

void site_register(struct site *site, const char *name, const char *redirect_uris, char client_id[32])
{
    struct aa_refused refused = AA_REFUSED_INIT;
    struct aa_error err = AA_ERROR_INIT;
    struct aa_client client;
    struct aa_buf document;

    aa_buf_init(&document, 65536);
    aa_buf_add_text(&document, "{\"client_name\":");
    aa_buf_add_json_string(&document, VIEW(name));
    aa_buf_add_format(&document, ",\"redirect_uris\":%s,\"grant_types\":[\"authorization_code\",\"refresh_token\"]}",
                      redirect_uris);
    if (aa_client_register(&site->f.app, aa_buf_view(&document), VIEW("192.0.2.9"), &client, &refused, &err))
        fail_msg("%s %s", refused.description, err.message);
    copy_view(client_id, 32, client.client_id);
    aa_record_clear(&client.memory);
    aa_buf_clear(&document);
}

void site_open_at(struct site *site, const char *url)
{
    memset(site, 0, sizeof *site);
    app_open_at(&site->f, url);
    CHECK_OK(aa_form_key_open(&site->f.app, NULL));
    add_person(site, "usr_ann", ANN, "Ann", site->ann);
    add_person(site, "usr_bob", BOB, "Bob", site->bob);
    site_add_server(site, SERVER_URL, "files:read files:write");
    site_register(site, "Test app", "[\"" WEB_URI "\",\"" LOOPBACK_URI "\"]", site->client_id);
}

void site_open(struct site *site)
{
    site_open_at(site, ":memory:");
}

void site_close(struct site *site)
{
    app_close(&site->f);
}

void site_set_password(struct site *site, const char *email)
{
    CHECK_OK(aa_person_set_password(&site->f.app, VIEW(email), VIEW(PASSWORD), NULL));
}

struct count {
    struct aa_view user_id;
    int rows;
};

static enum aa_err count_row(void *ctx, const void *record, struct aa_error *err)
{
    (void)record;
    (void)err;
    ((struct count *)ctx)->rows++;
    return AA_OK;
}

static enum aa_err count_grants(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    struct count *count = ctx;

    count->rows = 0;
    return aa_grant_list(conn, count->user_id, count_row, count, err);
}

int site_count(struct site *site, const char *user_id)
{
    struct count count = {VIEW(user_id), 0};

    CHECK_OK(aa_db_read(site->f.app.db, count_grants, &count, NULL));
    return count.rows;
}

/* ---- requests ---- */

static const struct aa_route routes[] = {
    {AA_METHOD_GET, "/authorize", aa_authorize_get, 0, AA_CORS_NONE, AA_LANE_SLOW},
    {AA_METHOD_GET, "/login", aa_login_get, 0, AA_CORS_NONE, AA_LANE_SLOW},
    {AA_METHOD_POST, "/login", aa_login_post, AA_LOGIN_BODY_MAX, AA_CORS_NONE, AA_LANE_SLOW},
    {AA_METHOD_GET, "/consent", aa_consent_get, 0, AA_CORS_NONE, AA_LANE_SLOW},
    {AA_METHOD_POST, "/consent", aa_consent_post, AA_CONSENT_BODY_MAX, AA_CORS_NONE, AA_LANE_SLOW},
    {AA_METHOD_GET, "/logout", aa_logout_get, 0, AA_CORS_NONE, AA_LANE_SLOW},
    {AA_METHOD_POST, "/logout", aa_logout_post, AA_LOGOUT_BODY_MAX, AA_CORS_NONE, AA_LANE_SLOW},
    {AA_METHOD_GET, "/account", aa_account_get, 0, AA_CORS_NONE, AA_LANE_SLOW},
    {AA_METHOD_POST, "/account", aa_account_post, AA_ACCOUNT_BODY_MAX, AA_CORS_NONE, AA_LANE_SLOW},
    {AA_METHOD_GET, "/style.css", aa_style_get, 0, AA_CORS_NONE, AA_LANE_FAST},
};

void browser_open(struct browser *browser, struct site *site)
{
    memset(browser, 0, sizeof *browser);
    browser->app = &site->f.app;
    browser->peer = "192.0.2.1";
}

static void set_cookie(struct browser *browser, struct aa_view name, struct aa_view value)
{
    size_t i;

    for (i = 0; i < browser->cookie_count; i++)
        if (aa_view_equal_text(name, browser->cookies[i].name))
            break;
    CHECK(i < BROWSER_COOKIES);
    copy_view(browser->cookies[i].name, sizeof browser->cookies[i].name, name);
    copy_view(browser->cookies[i].value, sizeof browser->cookies[i].value, value);
    if (i == browser->cookie_count)
        browser->cookie_count++;
}

static void remove_cookie(struct browser *browser, size_t index)
{
    browser->cookies[index] = browser->cookies[--browser->cookie_count];
}

/* "name=value; Path=/; …": kept, or dropped when it says Max-Age=0. */
static void keep_cookie(struct browser *browser, struct aa_view header)
{
    struct aa_view pair, attribute, name, value;
    bool is_deleted = false;
    size_t i;

    aa_view_cut(header, ';', &pair, &header);
    CHECK(aa_view_cut(pair, '=', &name, &value));
    while (!aa_view_is_absent(header)) {
        aa_view_cut(header, ';', &attribute, &header);
        is_deleted = is_deleted || aa_view_equal_text(aa_view_trim(attribute), "Max-Age=0");
    }
    set_cookie(browser, name, value);
    for (i = 0; is_deleted && i < browser->cookie_count; i++)
        if (aa_view_equal_text(name, browser->cookies[i].name))
            remove_cookie(browser, i--);
}

static void keep_answer(struct browser *browser, const struct aa_response *response)
{
    struct aa_view name, value;
    size_t i, at = 0;

    browser->status = response->status;
    browser->location[0] = '\0';
    browser->headers[0] = '\0';
    for (i = 0; i < response->header_count; i++) {
        value = aa_response_get_header(response, i, &name);
        at += (size_t)snprintf(browser->headers + at, sizeof browser->headers - at, "%.*s: %.*s\n", AA_VIEW_ARGS(name),
                               AA_VIEW_ARGS(value));
        CHECK(at < sizeof browser->headers);
        if (aa_view_equal_nocase(name, AA_VIEW("Location")))
            copy_view(browser->location, sizeof browser->location, value);
        if (aa_view_equal_nocase(name, AA_VIEW("Set-Cookie")))
            keep_cookie(browser, value);
    }
    copy_view(browser->page, sizeof browser->page, aa_buf_view(&response->body));
}

static void send_request(struct browser *browser, struct aa_request *request)
{
    const struct aa_router router = {routes, sizeof routes / sizeof *routes, browser->app, NULL};
    struct aa_response response;
    char cookies[BROWSER_COOKIES * 324];
    size_t i, at = 0;

    for (i = 0; i < browser->cookie_count; i++)
        at += (size_t)snprintf(cookies + at, sizeof cookies - at, "%s%s=%s", i ? "; " : "", browser->cookies[i].name,
                               browser->cookies[i].value);
    if (browser->cookie_count)
        request->headers[request->header_count++] = (struct aa_header){VIEW("Cookie"), VIEW(cookies)};
    request->peer = VIEW(browser->peer);
    request->secure = browser->app->settings.issuer_secure;
    snprintf(request->request_id, sizeof request->request_id, "req-for-the-log");
    aa_response_init(&response, BROWSER_TEXT_MAX - 1);
    aa_router_dispatch(&router, request, &response);
    if (response.complaint && !browser->may_complain)
        fail_msg("%s", response.complaint);
    keep_answer(browser, &response);
    aa_response_clear(&response);
}

static void take_target(struct aa_request *request, const char *url)
{
    if (aa_view_cut(VIEW(url), '?', &request->path, &request->query))
        return;
    request->query = AA_VIEW_ABSENT;
}

void browser_get(struct browser *browser, const char *url)
{
    struct aa_request request = {.method = AA_METHOD_GET};

    take_target(&request, url);
    send_request(browser, &request);
}

void browser_post_as(struct browser *browser, const char *path, const char *content_type, const char *body)
{
    struct aa_request request = {.method = AA_METHOD_POST, .body = VIEW(body)};

    take_target(&request, path);
    request.headers[request.header_count++] = (struct aa_header){VIEW("Content-Type"), VIEW(content_type)};
    send_request(browser, &request);
}

void browser_post(struct browser *browser, const char *path, const char *body)
{
    browser_post_as(browser, path, "application/x-www-form-urlencoded", body);
}

void browser_follow(struct browser *browser)
{
    char location[sizeof browser->location];

    CHECK_INT(browser->status, 303);
    CHECK(browser->location[0] == '/');
    memcpy(location, browser->location, sizeof location);
    browser_get(browser, location);
}

/* The first hidden field of that name; the two forms of the consent page hold the same ones. */
static bool find_field(const struct browser *browser, const char *name, char *out, size_t size)
{
    char start[128];
    const char *value, *end;

    snprintf(start, sizeof start, "<input type=\"hidden\" name=\"%s\" value=\"", name);
    value = strstr(browser->page, start);
    if (!value)
        return false;
    value += strlen(start);
    end = strchr(value, '"');
    CHECK(end != NULL);
    copy_view(out, size, aa_view_make(value, (size_t)(end - value)));
    return true;
}

void browser_field(const struct browser *browser, const char *name, char *out, size_t size)
{
    if (!find_field(browser, name, out, size))
        fail_msg("the page has no hidden field %s", name);
}

void browser_submit(struct browser *browser, const char *path, const char *more)
{
    char request[256], csrf[256], body[4096];

    browser_field(browser, "csrf", csrf, sizeof csrf);
    if (find_field(browser, "request", request, sizeof request))
        snprintf(body, sizeof body, "request=%s&csrf=%s%s", request, csrf, more);
    else
        snprintf(body, sizeof body, "csrf=%s%s", csrf, more);
    browser_post(browser, path, body);
}

void browser_log_in(struct browser *browser, struct site *site, const char *user_id)
{
    const char *name = site->f.app.settings.issuer_secure ? "__Host-aa_session" : "aa_session";
    struct aa_buf cookie;

    aa_buf_init(&cookie, 128);
    CHECK_OK(aa_session_begin(&site->f.app, VIEW(user_id), AA_VIEW_ABSENT, &cookie, NULL));
    set_cookie(browser, VIEW(name), aa_buf_view(&cookie));
    aa_buf_clear(&cookie);
}

bool browser_shows(const struct browser *browser, const char *text)
{
    return strstr(browser->page, text) != NULL;
}

static size_t find_cookie(const struct browser *browser, const char *prefix)
{
    size_t i;

    for (i = 0; i < browser->cookie_count; i++)
        if (strncmp(browser->cookies[i].name, prefix, strlen(prefix)) == 0)
            return i;
    return SIZE_MAX;
}

const char *browser_cookie(const struct browser *browser, const char *prefix)
{
    size_t index = find_cookie(browser, prefix);

    return index == SIZE_MAX ? NULL : browser->cookies[index].value;
}

void browser_forget_cookie(struct browser *browser, const char *prefix)
{
    size_t index = find_cookie(browser, prefix);

    CHECK(index != SIZE_MAX);
    remove_cookie(browser, index);
}

/* ---- answers ---- */

bool browser_answer(const struct browser *browser, const char *name, char *out, size_t size)
{
    const char *query = strchr(browser->location, '?');
    struct aa_view value = AA_VIEW_ABSENT;
    struct aa_form form;

    CHECK_OK(aa_form_parse(&form, query ? VIEW(query + 1) : AA_VIEW_ABSENT, NULL));
    CHECK_OK(aa_form_get(&form, name, &value, NULL));
    copy_view(out, size, value);
    aa_form_clear(&form);
    return !aa_view_is_absent(value);
}

static void check_redirect(const struct browser *browser, const char *redirect_uri)
{
    if (browser->status != 303)
        fail_msg("answered %d, not a redirect to the client", browser->status);
    if (strncmp(browser->location, redirect_uri, strlen(redirect_uri)) != 0)
        fail_msg("redirected to %s", browser->location);
}

void browser_check_error(const struct browser *browser, const char *redirect_uri, const char *error)
{
    char found[64], code[128];

    check_redirect(browser, redirect_uri);
    CHECK(browser_answer(browser, "error", found, sizeof found));
    CHECK_TEXT(found, error);
    CHECK(!browser_answer(browser, "code", code, sizeof code));
}

void browser_check_page(const struct browser *browser, int status)
{
    CHECK_INT(browser->status, status);
    CHECK_TEXT(browser->location, "");
    CHECK(strstr(browser->headers, "Content-Type: text/html; charset=utf-8\n") != NULL);
}

void browser_check_code(const struct browser *browser, const char *redirect_uri, char code[128])
{
    char found[128];

    check_redirect(browser, redirect_uri);
    if (!browser_answer(browser, "code", found, sizeof found))
        fail_msg("no code, but %s", browser->location);
    CHECK_INT(strncmp(found, "ac_", 3), 0);
    if (code)
        memcpy(code, found, sizeof found);
}

/* ---- authorization requests ---- */

struct query query_for(const struct site *site, const char *redirect_uri)
{
    struct query query = {.count = 0};

    query_add(&query, "response_type", "code");
    query_add(&query, "client_id", site->client_id);
    query_add(&query, "redirect_uri", redirect_uri);
    query_add(&query, "code_challenge", CHALLENGE);
    query_add(&query, "code_challenge_method", "S256");
    query_add(&query, "resource", SERVER_URL);
    query_add(&query, "scope", "files:read");
    query_add(&query, "state", "state-1");
    return query;
}

void query_add(struct query *query, const char *name, const char *value)
{
    CHECK(query->count < sizeof query->items / sizeof *query->items);
    query->items[query->count].name = name;
    query->items[query->count++].value = value;
}

void query_set(struct query *query, const char *name, const char *value)
{
    size_t i;

    for (i = 0; i < query->count; i++) {
        if (strcmp(query->items[i].name, name) == 0) {
            query->items[i].value = value;
            return;
        }
    }
    query_add(query, name, value);
}

const char *query_url(struct query *query)
{
    struct aa_buf buf;
    size_t i;

    aa_buf_init(&buf, sizeof query->text - 1);
    aa_buf_add_text(&buf, "/authorize?");
    for (i = 0; i < query->count; i++) {
        if (!query->items[i].value)
            continue;
        aa_buf_add_format(&buf, "&%s=", query->items[i].name);
        aa_buf_add_percent(&buf, VIEW(query->items[i].value));
    }
    CHECK_OK(aa_buf_check(&buf, "a query", NULL));
    copy_view(query->text, sizeof query->text, aa_buf_view(&buf));
    aa_buf_clear(&buf);
    return query->text;
}

void browser_authorize(struct browser *browser, struct query *query)
{
    browser_get(browser, query_url(query));
}

/* ---- memory that runs out ---- */

void browser_fail_memory(struct site *site, browser_step_fn prepare, browser_step_fn visit, browser_step_fn check,
                         int status)
{
    struct browser browser;
    size_t nth, count = 1, good = 0;

    for (nth = 0; nth <= count; nth++) { /* the first time none fails, and they are counted */
        browser_open(&browser, site);
        browser.may_complain = true;
        prepare(site, &browser);
        aa_mem_fail_at(nth, false);
        visit(site, &browser);
        if (nth == 0)
            count = aa_mem_count();
        aa_mem_fail_at(0, false);
        if (check)
            check(site, &browser);
        if (browser.status == status) {
            good++;
            continue;
        }
        CHECK_INT(browser.status, 503);
        CHECK(strstr(browser.headers, "Retry-After: 5\n") != NULL);
        CHECK_TEXT(browser.location, "");
    }
    CHECK(good >= 1 && count - good > 10);
}

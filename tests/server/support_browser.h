/* A browser without a network: it goes through the router, keeps cookies, follows what it is told to follow, and reads
 * the hidden fields of the page it shows. And a site for it to visit: people, a registered MCP server, a client. */
#ifndef AA_TESTS_SERVER_SUPPORT_BROWSER_H
#define AA_TESTS_SERVER_SUPPORT_BROWSER_H

#include "http/router.h"
#include "support_app.h"

#define ANN "ann@example.com"
#define BOB "bob@example.com"
#define PASSWORD "correct horse battery staple"
#define SERVER_URL "https://files.example/mcp"
#define WEB_URI "https://app.example/callback"
#define LOOPBACK_URI "http://127.0.0.1:3118/callback"
#define CHALLENGE "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM" /* RFC 7636, appendix B */

struct site {
    struct app_fixture f;
    char ann[32], bob[32]; /* user ids */
    char server_id[32];
    char client_id[32]; /* registered WEB_URI and LOOPBACK_URI, as "Test app" */
};

void site_open(struct site *site);                     /* people without passwords: see browser_log_in() */
void site_open_at(struct site *site, const char *url); /* on that database */
void site_close(struct site *site);
void site_set_password(struct site *site, const char *email); /* to PASSWORD */
/* Registers a client with these redirect URIs (a JSON array) and writes its id. */
void site_register(struct site *site, const char *name, const char *redirect_uris, char client_id[32]);
void site_add_server(struct site *site, const char *url, const char *scopes);
int site_count(struct site *site, const char *user_id); /* that person's grants */

#define BROWSER_COOKIES 32
#define BROWSER_TEXT_MAX (256 * 1024)

struct browser {
    struct aa_app *app;
    const char *peer;  /* "192.0.2.1" */
    bool may_complain; /* answers may carry a complaint about ourselves: tests of memory that runs out */
    struct {
        char name[64], value[256];
    } cookies[BROWSER_COOKIES];
    size_t cookie_count;
    int status;
    char location[16384];
    char headers[16384]; /* "Name: value\n" each */
    char page[BROWSER_TEXT_MAX];
};

void browser_open(struct browser *browser, struct site *site);
void browser_get(struct browser *browser, const char *url);
void browser_post(struct browser *browser, const char *path, const char *body);
void browser_post_as(struct browser *browser, const char *path, const char *content_type, const char *body);
/* Goes to the location of the last answer, which must be on this site. */
void browser_follow(struct browser *browser);
/* Sends the hidden fields of the page shown and `more` ("&decision=allow") to the path. */
void browser_submit(struct browser *browser, const char *path, const char *more);
/* Becomes logged in without the page. */
void browser_log_in(struct browser *browser, struct site *site, const char *user_id);

/* The value of the page's hidden field; fails the test when there is none. */
void browser_field(const struct browser *browser, const char *name, char *out, size_t size);
bool browser_shows(const struct browser *browser, const char *text);
/* The cookie whose name begins so; NULL when there is none. */
const char *browser_cookie(const struct browser *browser, const char *prefix);
void browser_forget_cookie(struct browser *browser, const char *prefix);
/* The decoded parameter of the last answer's location; false when it has none. */
bool browser_answer(const struct browser *browser, const char *name, char *out, size_t size);
/* Was the last answer a redirect (303) to the client with this error? */
void browser_check_error(const struct browser *browser, const char *redirect_uri, const char *error);
/* Was it our own page with this status, and no redirect? */
void browser_check_page(const struct browser *browser, int status);
/* Was it a redirect (303) to the client with a code? Copies it unless NULL. */
void browser_check_code(const struct browser *browser, const char *redirect_uri, char code[128]);

/* An authorization request: the parameters of a good one, to be changed one at a time. */
struct query {
    struct {
        const char *name, *value;
    } items[32];
    size_t count;
    char text[16384];
};
struct query query_for(const struct site *site, const char *redirect_uri);
void query_set(struct query *query, const char *name, const char *value); /* NULL: leaves it out */
void query_add(struct query *query, const char *name, const char *value); /* once more */
const char *query_url(struct query *query);                               /* "/authorize?…" */
void browser_authorize(struct browser *browser, struct query *query);

/* Runs `visit` again and again, each time from a fresh state made by `prepare`, and each time with another allocation
 * that fails: the answer is the good one (`status`) or 503 with Retry-After. `check`, unless NULL, looks at what is
 * left behind. */
typedef void (*browser_step_fn)(struct site *site, struct browser *browser);
void browser_fail_memory(struct site *site, browser_step_fn prepare, browser_step_fn visit, browser_step_fn check,
                         int status);

#endif

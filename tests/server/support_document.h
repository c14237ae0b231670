/* A client that is known by the URL of its metadata document, and its site, which the test plays. */
#ifndef AA_TESTS_SERVER_SUPPORT_DOCUMENT_H
#define AA_TESTS_SERVER_SUPPORT_DOCUMENT_H

#include "base/url.h"
#include "support_browser.h"

#define DOCUMENT_ID "https://client.example/oauth/client.json"
#define DOCUMENT_URI "https://client.example/callback"
#define CLAUDE_ID "https://claude.ai/oauth/claude-code-client-metadata" /* one that is well-known */
#define MINUTE INT64_C(60000)
#define DAY (INT64_C(24) * 60 * MINUTE)

extern const char document_good[]; /* of DOCUMENT_ID, which may be called back at DOCUMENT_URI */

/* What whoever is asked for a document answers. */
extern struct document_site {
    enum aa_err rc;
    int status;
    const char *type, *body;
    int64_t max_age_s;
    int calls;
    char url[AA_URL_MAX + 1];
} document_site;

void document_answer(int status, const char *type, const char *body); /* no max-age */
/* As struct aa_app's `fetch` has it. */
enum aa_err document_play(void *ctx, const char *url, struct aa_download *out, struct aa_error *err);
void document_open(struct site *site); /* site_open(), and the good document */

/* Authorization requests, each in a browser of its own. */
struct query document_query(struct site *site, const char *client_id);
void document_ask(struct site *site, struct browser *b, const char *client_id);
void document_ask_for_claude(struct site *site, struct browser *b);
/* Of DOCUMENT_ID: it is let in; it is told that sentence on our page, with 400 or another status. */
void document_check_let_in(struct site *site);
void document_check_refused(struct site *site, const char *sentence);
void document_check_told(struct site *site, int status, const char *sentence);

void document_use(struct site *site);                            /* somebody has allowed DOCUMENT_ID something */
int document_count_events(struct site *site, const char *event); /* rows of the audit about it */

#endif

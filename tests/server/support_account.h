/* The account page as its tests meet it: a person who is logged in, what they allowed, and the buttons. */
#ifndef AA_TESTS_SERVER_SUPPORT_ACCOUNT_H
#define AA_TESTS_SERVER_SUPPORT_ACCOUNT_H

#include "store/store.h"
#include "support_browser.h"

#define LOGIN_FOR_ACCOUNT "/login?next=account"
#define NOTHING "No application has access."
#define REMOVE "Remove access</button>"
#define ELSEWHERE "&elsewhere=log_out"
#define REMOVED "<p class=\"note good\" role=\"status\"><span>Access was removed.</span></p>"
#define BUTTON_MAX 4096

void account_begin(struct site *site, struct browser *b); /* a site on which Ann is logged in */
void account_allow(struct site *site, struct browser *b); /* says yes to the usual request */
/* Does the usual client have to ask? When not, it has another grant. */
bool account_is_asked(struct site *site, struct browser *b);
size_t account_count_text(const struct browser *b, const char *text); /* how often the page shows it */
size_t account_count_listed(struct browser *b); /* opens the page; how many applications it lists */
/* The form of the first application's button: "&access=SERVER+CLIENT". */
void account_first_button(const struct browser *b, char out[BUTTON_MAX]);
void account_check_back(const struct browser *b, const char *done); /* was it a redirect to the page, with that word? */
void account_check_to_login(const struct browser *b);

/* ---- rows of the store ---- */

struct account_row {
    struct aa_client client; /* known by its document */
    struct aa_server server;
    struct aa_grant grant;
    struct aa_consent consent;
};
/* Ann's grant and consent for the usual client at the usual server; no client and no server. Borrows. */
struct account_row account_row_for(const struct site *site, const char *grant_id);
void account_put_client(struct site *site, struct account_row *row);
void account_put_server(struct site *site, struct account_row *row);
void account_put_grant(struct site *site, struct account_row *row);
void account_put_consent(struct site *site, struct account_row *row);

#endif

/* How often metadata documents of clients, and their keys, are fetched: so that nobody turns us on a third one. */
#ifndef AA_DOMAIN_CLIENT_FETCH_RATE_H
#define AA_DOMAIN_CLIENT_FETCH_RATE_H

#include "domain/app.h"
#include "domain/refused.h"

#define AA_CLIENT_FETCH_WINDOW_MS (INT64_C(600) * 1000)
#define AA_CLIENT_FETCH_PER_ADDRESS_MAX 30 /* in a window, for who is asking */
#define AA_CLIENT_FETCH_PER_SITE_MAX 120   /* and of one site */

struct aa_client_fetch_limits { /* whom one more fetch is counted for; absent: it is not */
    struct aa_view address;     /* of who is asking */
    struct aa_view site;        /* aa_client_document_site() */
};

/* Counts one more, unless there were too many: then *refusal says of what, and nothing is written; else it is NULL. */
AA_CHECK enum aa_err aa_client_fetch_count(const struct aa_app *app, const struct aa_client_fetch_limits *limits,
                                           int64_t now_ms, const char **refusal, struct aa_error *err);
/* TOO_MANY_REQUESTS, and when to come again. */
void aa_client_fetch_refuse(struct aa_refused *refused, const char *refusal, int64_t now_ms);

#endif

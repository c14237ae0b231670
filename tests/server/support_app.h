/* An app on an in-memory database, or on what AUTH_AGENT_TEST_DATABASE names, with a clock the test moves. */
#ifndef AA_TESTS_SERVER_SUPPORT_APP_H
#define AA_TESTS_SERVER_SUPPORT_APP_H

#include "base/buf.h"
#include "domain/app.h"
#include "support/test.h"

struct app_fixture {
    struct aa_app app;
    int64_t now_ms;
    char log[512]; /* the last line */
};

void app_open(struct app_fixture *f); /* with a key cache, without signing keys */
void app_open_at(struct app_fixture *f, const char *url);
void app_close(struct app_fixture *f);

#endif

/* Rules that look before they write, asked by many at once through two servers on one database. On PostgreSQL their
 * transactions run side by side (AUTH_AGENT_TEST_DATABASE). */
#include <pthread.h>
#include <stdio.h>

#include "domain/clients.h"
#include "domain/directory.h"
#include "support_flow.h"

#define THREADS 24

struct asker {
    struct aa_app *app;
    pthread_barrier_t *start;
    void (*ask)(struct asker *asker);
    enum aa_err rc;
    char text[64];
    pthread_t thread;
};

static void *ask(void *arg)
{
    struct asker *asker = arg;

    pthread_barrier_wait(asker->start);
    asker->ask(asker);
    return NULL;
}

static void ask_all(struct flow *one, struct flow *two, void (*how)(struct asker *asker), struct asker *askers)
{
    pthread_barrier_t start;

    pthread_barrier_init(&start, NULL, THREADS);
    for (int i = 0; i < THREADS; i++) {
        askers[i] = (struct asker){.app = i % 2 ? &one->f.app : &two->f.app, .start = &start, .ask = how};
        CHECK_INT(pthread_create(&askers[i].thread, NULL, ask, &askers[i]), 0);
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(askers[i].thread, NULL);
    pthread_barrier_destroy(&start);
}

static int count(const struct asker *askers, enum aa_err rc)
{
    int found = 0;

    for (int i = 0; i < THREADS; i++)
        found += askers[i].rc == rc;
    return found;
}

#define RACE_TEST(sentence)                                                                                            \
    static void body_##sentence(struct flow *one, struct flow *two);                                                   \
    TEST(races, sentence)                                                                                              \
    {                                                                                                                  \
        struct flow one, two;                                                                                          \
                                                                                                                       \
        flow_open_on_disk(&one);                                                                                       \
        flow_open_beside(&two, &one);                                                                                  \
        body_##sentence(&one, &two);                                                                                   \
        flow_close(&two);                                                                                              \
        flow_close(&one);                                                                                              \
    }                                                                                                                  \
    static void body_##sentence(struct flow *one, struct flow *two)

/* ---- registration ---- */

static void register_client(struct asker *asker)
{
    static const char document[] = "{\"client_name\":\"Many\",\"redirect_uris\":[\"http://localhost/cb\"]}";
    struct aa_refused refused = AA_REFUSED_INIT;
    struct aa_client client = {0};

    asker->rc = aa_client_register(asker->app, VIEW(document), VIEW("192.0.2.1"), &client, &refused, NULL);
    if (!asker->rc)
        snprintf(asker->text, sizeof asker->text, "%.*s", AA_VIEW_ARGS(client.client_id));
    aa_record_clear(&client.memory);
}

RACE_TEST(the_same_registration_at_the_same_moment_gives_all_the_same_client)
{
    struct asker askers[THREADS];

    ask_all(one, two, register_client, askers);
    CHECK_INT(count(askers, AA_OK), THREADS);
    for (int i = 1; i < THREADS; i++)
        CHECK_TEXT(askers[i].text, askers[0].text);
}

/* ---- guessing ---- */

static void guess(struct asker *asker)
{
    const struct aa_login_try tried = {
        .email = VIEW("ann@example.com"), .password = VIEW("wrong password"), .peer = VIEW("192.0.2.1")};
    struct aa_user user = {0};
    int64_t retry_after_s = 0;

    asker->rc = aa_person_authenticate(asker->app, &tried, &user, &retry_after_s, NULL);
    aa_record_clear(&user.memory);
}

/* Ten tries at one address; the tenth begins the lock-out. */
RACE_TEST(no_more_guesses_are_looked_at_than_one_after_the_other_would_be)
{
    struct asker askers[THREADS];

    ask_all(one, two, guess, askers);
    CHECK_INT(count(askers, AA_ERR_TOKEN_INACTIVE), 10);
    CHECK_INT(count(askers, AA_ERR_TOKEN_NOT_YET), THREADS - 10);
}

/* All from addresses of their own, with the strangers' count at 90 of 100. */
static enum aa_err put_strangers(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    const struct aa_login_source source = {.peer = VIEW("192.0.2.1")};
    struct aa_app *app = ctx;
    struct aa_login_limits limits;
    enum aa_err rc;

    rc = aa_login_limits_init(&limits, conn, VIEW("ann@example.com"), &source, aa_app_now_ms(app), err);
    if (rc)
        return rc;
    return aa_lockout_put(conn, aa_view_make(limits.limits[AA_LIMIT_STRANGERS].key, AA_SHA256_LEN), 90, 0,
                          aa_app_now_ms(app) + 1000, err);
}

static void guess_elsewhere(struct asker *asker)
{
    char peer[32];
    const struct aa_login_try tried = {
        .email = VIEW("ann@example.com"), .password = VIEW("wrong password"), .peer = {peer, 12}};
    struct aa_error err = AA_ERROR_INIT;
    struct aa_user user = {0};
    int64_t retry_after_s = 0;

    snprintf(peer, sizeof peer, "%012x", (unsigned)(uintptr_t)asker);
    asker->rc = aa_person_authenticate(asker->app, &tried, &user, &retry_after_s, &err);
    snprintf(asker->text, sizeof asker->text, "%.63s", err.message);
    aa_record_clear(&user.memory);
}

RACE_TEST(guesses_from_many_addresses_through_two_servers_have_one_limit)
{
    struct asker askers[THREADS];

    CHECK_OK(aa_db_write(one->f.app.db, put_strangers, &one->f.app, NULL));
    ask_all(one, two, guess_elsewhere, askers);
    for (int i = 0; i < THREADS; i++)
        if (askers[i].rc != AA_ERR_TOKEN_INACTIVE && askers[i].rc != AA_ERR_TOKEN_NOT_YET)
            fail_msg("%d: %s", askers[i].rc, askers[i].text);
    CHECK_INT(count(askers, AA_ERR_TOKEN_INACTIVE), 10);
    CHECK_INT(count(askers, AA_ERR_TOKEN_NOT_YET), THREADS - 10);
}

/* ---- one resource, one address ---- */

static void register_server(struct asker *asker)
{
    struct aa_server_registration registration = {
        .server_url = VIEW("https://many.example/mcp"), .server_name = VIEW("Many"), .scopes = VIEW("files:read")};
    struct aa_server server = {0};

    asker->rc = aa_directory_register(asker->app, &registration, &server, NULL);
    aa_record_clear(&server.memory);
}

RACE_TEST(a_resource_is_registered_once)
{
    struct asker askers[THREADS];

    ask_all(one, two, register_server, askers);
    CHECK_INT(count(askers, AA_OK), 1);
    CHECK_INT(count(askers, AA_ERR_CONFLICT), THREADS - 1);
}

static void make_admin_token(struct asker *asker)
{
    struct aa_buf token;

    aa_buf_init(&token, 128);
    asker->rc = aa_admin_token_create(asker->app, &token, NULL);
    aa_buf_wipe_clear(&token);
}

RACE_TEST(one_administrators_token_is_made)
{
    struct asker askers[THREADS];

    ask_all(one, two, make_admin_token, askers);
    CHECK_INT(count(askers, AA_OK), 1);
    CHECK_INT(count(askers, AA_ERR_CONFLICT), THREADS - 1);
}

/* What one process remembers and another changes: it hears of it at once, and within moments when the notice is lost.
 * The clock stands still unless a test moves it, so that nothing ends by itself. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "domain/directory.h"
#include "domain/key_cache.h"
#include "domain/keyring.h"
#include "domain/server_keys.h"
#include "domain/signing_keys.h"
#include "jose/jwks.h"
#include "main/sweeper.h"
#include "server/support_store.h"

#define LOOK_MS 5
#define PATIENCE_MS 20000 /* longer than anything takes; only a broken test waits so long */
#define SERVER "srv_1"

static const uint8_t master[32] = {1};

/* ---- two processes on one database ---- */

struct process {
    struct aa_app app;
    int64_t now_ms;
};

struct two {
    struct store_fixture f;
    struct process server;  /* remembers */
    struct process command; /* changes: the command line, or another server */
    struct aa_buf key_id, secret;
};

static int64_t now_ms(void *ctx)
{
    return ((struct process *)ctx)->now_ms;
}

static enum aa_err random_bytes(void *ctx, void *out, size_t len)
{
    (void)ctx;
    return aa_random_system(NULL, out, len);
}

static void ignore_log(void *ctx, int level, const char *request_id, const char *message)
{
    (void)ctx;
    (void)level;
    (void)request_id;
    (void)message;
}

static void process_open(struct process *process, const struct store_fixture *f, bool serving)
{
    struct aa_db_options options = store_options(f);
    struct aa_error err = AA_ERROR_INIT;

    *process = (struct process){.now_ms = INT64_C(1800000000000)};
    aa_settings_init(&process->app.settings);
    process->app.now_ms = now_ms;
    process->app.random = random_bytes;
    process->app.log = ignore_log;
    process->app.ctx = process;
    options.serving = serving;
    if (aa_db_open(&options, &process->app.db, &err))
        fail_msg("%s", err.message);
    CHECK_OK(aa_key_cache_new(&process->app, &process->app.key_cache, NULL));
}

static void process_close(struct process *process)
{
    aa_key_cache_free(process->app.key_cache);
    aa_db_close(process->app.db);
}

static enum aa_err put_server(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    struct aa_server server = sample_server(SERVER, "https://one.example/mcp");

    (void)ctx;
    return aa_server_create(conn, &server, err);
}

/* The test's own connection is not needed, and would hold the write lock. */
static void drop_connection(struct store_fixture *f)
{
    if (!store_is_remote())
        CHECK_OK(f->driver->control(f->conn, AA_CONTROL_COMMIT, NULL));
    f->driver->disconnect(f->conn);
    f->conn = NULL;
}

static void two_open(struct two *two)
{
    CHECK_OK(aa_crypto_init(NULL));
    store_open(&two->f);
    drop_connection(&two->f);
    process_open(&two->command, &two->f, false);
    process_open(&two->server, &two->f, true);
    CHECK_OK(aa_db_write(two->command.app.db, put_server, NULL, NULL));
    aa_buf_init(&two->key_id, 64);
    aa_buf_init(&two->secret, 128);
    CHECK_OK(aa_server_key_mint(&two->command.app, VIEW(SERVER), VIEW("Key"), &two->key_id, &two->secret, NULL));
}

static void two_close(struct two *two)
{
    aa_buf_clear(&two->key_id);
    aa_buf_wipe_clear(&two->secret);
    process_close(&two->server);
    process_close(&two->command);
    store_close(&two->f);
}

/* ---- waiting for what happens, never for time ---- */

static void wait_a_moment(int *waited_ms, const char *what)
{
    struct timespec pause = {0, LOOK_MS * 1000000};

    if ((*waited_ms += LOOK_MS) > PATIENCE_MS)
        fail_msg("%s does not come", what);
    nanosleep(&pause, NULL);
}

static void wait_for_notices(const struct aa_db *db)
{
    for (int waited_ms = 0; !aa_db_is_listening(db);)
        wait_a_moment(&waited_ms, "a connection that listens");
}

static void wait_for_change(const struct aa_db *db, uint64_t seen)
{
    for (int waited_ms = 0; aa_db_generation(db) == seen;)
        wait_a_moment(&waited_ms, "the notice");
}

/* Behind a pooler that shares connections nobody hears anything. */
static bool is_pooled(void)
{
    return getenv("AUTH_AGENT_TEST_POOLED") != NULL;
}

/* ---- API keys ---- */

static enum aa_key_verdict fast(struct two *two)
{
    struct aa_buf server_id;
    enum aa_key_verdict verdict;

    aa_buf_init(&server_id, 128);
    verdict = aa_server_key_check_fast(&two->server.app, aa_buf_view(&two->secret), &server_id);
    aa_buf_clear(&server_id);
    return verdict;
}

/* The thorough check. */
static bool slow(struct two *two)
{
    struct aa_buf server_id;
    bool good = false;

    aa_buf_init(&server_id, 128);
    CHECK_OK(aa_server_key_check(&two->server.app, AA_VIEW_ABSENT, aa_buf_view(&two->secret), &good, &server_id, NULL));
    aa_buf_clear(&server_id);
    return good;
}

/* The server verifies the key, and knows it from then on. */
static void remember(struct two *two)
{
    CHECK(slow(two));
    CHECK_INT(fast(two), AA_KEY_GOOD);
}

static void wait_until_refused(struct two *two)
{
    uint64_t seen = aa_db_generation(two->server.app.db);
    enum aa_key_verdict verdict;

    while ((verdict = fast(two)) == AA_KEY_GOOD) { /* the notice may have been one of what was before */
        wait_for_change(two->server.app.db, seen);
        seen = aa_db_generation(two->server.app.db);
    }
    CHECK_INT(verdict, AA_KEY_BAD);
    CHECK(!slow(two));
}

static void withdraw(struct two *two)
{
    CHECK_OK(aa_server_key_withdraw(&two->command.app, VIEW(SERVER), aa_buf_view(&two->key_id), NULL));
}

TEST(notices, a_key_that_another_process_revoked_is_refused_as_soon_as_the_notice_comes)
{
    struct two two;

    if (is_pooled())
        skip();
    two_open(&two);
    wait_for_notices(two.server.app.db);
    remember(&two);
    withdraw(&two);
    wait_until_refused(&two);
    two_close(&two);
}

TEST(notices, the_keys_of_a_server_that_another_process_removed_are_refused_as_soon_as_the_notice_comes)
{
    struct two two;

    if (is_pooled())
        skip();
    two_open(&two);
    wait_for_notices(two.server.app.db);
    remember(&two);
    CHECK_OK(aa_directory_remove(&two.command.app, VIEW(SERVER), NULL));
    wait_until_refused(&two);
    two_close(&two);
}

TEST(notices, when_they_are_lost_a_revoked_key_is_refused_once_it_is_looked_at_again)
{
    struct two two;

    aa_db_lose_notices(true);
    two_open(&two);
    remember(&two);
    withdraw(&two);
    CHECK_INT(fast(&two), AA_KEY_GOOD);
    two.server.now_ms += AA_KEY_LOOK_AGAIN_MS - 1;
    CHECK_INT(fast(&two), AA_KEY_GOOD);
    two.server.now_ms += 1;
    CHECK_INT(fast(&two), AA_KEY_BAD);
    two_close(&two);
    aa_db_lose_notices(false);
}

/* A notice between the look at a row and what is remembered of it: the row may have been an old one. */
TEST(notices, what_was_looked_at_before_the_notice_is_looked_at_again)
{
    struct aa_key_name name, again;
    struct aa_key_cache *cache;
    struct two two;

    if (is_pooled())
        skip();
    two_open(&two);
    wait_for_notices(two.server.app.db);
    cache = two.server.app.key_cache;
    CHECK_OK(aa_key_cache_name(cache, aa_buf_view(&two.secret), &name));
    withdraw(&two);
    wait_for_change(two.server.app.db, name.as_of);
    aa_key_cache_put(cache, &name, VIEW(SERVER), aa_key_cache_generation(cache), two.server.now_ms);
    CHECK_OK(aa_key_cache_name(cache, aa_buf_view(&two.secret), &again));
    CHECK_INT(aa_key_cache_find(cache, &again, two.server.now_ms), AA_KEY_STALE);
    aa_key_cache_confirm(cache, &name, two.server.now_ms); /* that look was before it too */
    CHECK_INT(aa_key_cache_find(cache, &again, two.server.now_ms), AA_KEY_STALE);
    aa_key_cache_confirm(cache, &again, two.server.now_ms);
    CHECK_INT(aa_key_cache_find(cache, &again, two.server.now_ms), AA_KEY_FRESH);
    two_close(&two);
}

/* ---- signing keys ---- */

static size_t count_published(struct aa_keyring *keyring)
{
    struct aa_buf text;
    size_t count = 0;

    aa_buf_init(&text, AA_JWKS_MAX);
    aa_keyring_add_jwks(keyring, &text);
    for (const char *at = aa_buf_text(&text); (at = strstr(at, "\"kid\"")) != NULL; at++)
        count++;
    aa_buf_clear(&text);
    return count;
}

static void rotate(struct two *two)
{
    struct aa_buf kid;
    int64_t from_ms;

    aa_buf_init(&kid, AA_KID_MAX);
    CHECK_OK(aa_signing_key_rotate(&two->command.app, master, AA_ROTATE_SOON, &kid, &from_ms, NULL));
    aa_buf_clear(&kid);
}

TEST(notices, a_signing_key_that_another_process_made_is_noticed)
{
    struct two two;
    uint64_t seen;

    if (is_pooled())
        skip();
    two_open(&two);
    wait_for_notices(two.server.app.db);
    CHECK_OK(aa_keyring_open(&two.server.app, master, &two.server.app.keyring, NULL));
    CHECK_INT(count_published(two.server.app.keyring), 1);
    rotate(&two);
    while (count_published(two.server.app.keyring) == 1) {
        seen = aa_db_generation(two.server.app.db);
        CHECK_OK(aa_keyring_refresh(&two.server.app, two.server.app.keyring, NULL));
        if (count_published(two.server.app.keyring) == 1)
            wait_for_change(two.server.app.db, seen);
    }
    seen = aa_db_generation(two.server.app.db);
    rotate(&two);
    wait_for_change(two.server.app.db, seen);
    aa_keyring_free(two.server.app.keyring);
    two_close(&two);
}

static void sweep_until_published(struct two *two)
{
    struct aa_sweeper sweeper;
    int waited_ms = 0;

    CHECK_OK(aa_keyring_open(&two->server.app, master, &two->server.app.keyring, NULL));
    aa_sweeper_init(&sweeper);
    CHECK_OK(aa_sweeper_start(&sweeper, &two->server.app, NULL));
    rotate(two);
    while (count_published(two->server.app.keyring) == 1)
        wait_a_moment(&waited_ms, "the new signing key");
    aa_sweeper_clear(&sweeper);
    aa_keyring_free(two->server.app.keyring);
}

TEST(notices, a_server_that_runs_publishes_what_another_process_made_also_when_the_notice_is_lost)
{
    for (int lost = 0; lost < 2; lost++) {
        struct two two;

        aa_db_lose_notices(lost);
        two_open(&two);
        sweep_until_published(&two);
        two_close(&two);
    }
    aa_db_lose_notices(false);
}

/* ---- who listens ---- */

TEST(notices, a_database_that_is_not_served_listens_to_nobody)
{
    struct two two;

    two_open(&two);
    CHECK(!aa_db_is_listening(two.command.app.db));
    CHECK_INT(aa_db_generation(two.command.app.db), 0);
    two_close(&two);
}

/* Nobody else's connection would tell us anything, and ours would be lent to others. */
TEST(notices, through_a_pooler_that_shares_connections_nobody_listens)
{
    struct aa_subscription *subscription = NULL;
    struct aa_error err = AA_ERROR_INIT;
    struct store_fixture f;
    int wake[2];

    if (!store_is_remote())
        skip();
    store_open(&f);
    CHECK_INT(pipe(wake), 0);
    if (is_pooled()) {
        CHECK_ERR(f.driver->subscribe(f.source, wake[0], &subscription, &err), AA_ERR_STORE);
        CHECK(strstr(err.message, "shares connections") != NULL);
    } else {
        CHECK_OK(f.driver->subscribe(f.source, wake[0], &subscription, &err));
        close(wake[1]); /* time to stop */
        CHECK_ERR(f.driver->await(subscription, wake[0], &err), AA_ERR_CLOSED);
        f.driver->unsubscribe(subscription);
    }
    close(wake[0]);
    if (is_pooled())
        close(wake[1]);
    store_close(&f);
}

TEST(notices, a_connection_that_is_lost_is_made_again_and_what_was_missed_is_looked_at)
{
    struct aa_conn *conn = NULL;
    struct two two;
    uint64_t seen;

    if (!store_is_remote() || is_pooled())
        skip();
    two_open(&two);
    wait_for_notices(two.server.app.db);
    remember(&two);
    seen = aa_db_generation(two.server.app.db);
    CHECK_OK(two.f.driver->connect(two.f.source, AA_CONN_WRITER, &conn, NULL));
    CHECK_OK(two.f.driver->run(conn,
                               "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                               "WHERE query LIKE 'LISTEN%' AND datname = current_database()",
                               NULL));
    two.f.driver->disconnect(conn);
    wait_for_change(two.server.app.db, seen);
    wait_for_notices(two.server.app.db);
    withdraw(&two);
    wait_until_refused(&two);
    two_close(&two);
}

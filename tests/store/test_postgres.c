/* What only PostgreSQL can do to a closure: lose its connection, deadlock it, let it wait. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support_fresh.h"
#include "support_race.h"

#define PG_TEST(sentence)                                                                                              \
    static void body_##sentence(void);                                                                                 \
    TEST(postgres, sentence)                                                                                           \
    {                                                                                                                  \
        if (!store_is_remote())                                                                                        \
            skip();                                                                                                    \
        body_##sentence();                                                                                             \
    }                                                                                                                  \
    static void body_##sentence(void)

/* ---- helpers ---- */

static enum aa_err run_select(struct aa_conn *conn, const char *sql, struct aa_error *err)
{
    struct aa_stmt *stmt = NULL;
    bool has_row;
    enum aa_err rc = aa_stmt_prepare(conn, sql, &stmt, err);

    if (rc)
        return rc;
    rc = aa_stmt_step(stmt, &has_row, err);
    aa_stmt_end(stmt);
    return rc;
}

static enum aa_err end_connection(struct aa_conn *conn, struct aa_error *err)
{
    return run_select(conn, "SELECT pg_terminate_backend(pg_backend_pid())", err);
}

static enum aa_err get_setting(struct aa_conn *conn, const char *name, struct aa_error *err)
{
    char *memory = NULL;
    struct aa_view value;
    enum aa_err rc = aa_setting_get(conn, VIEW(name), &memory, &value, err);

    aa_record_clear(&memory);
    return rc;
}

static enum aa_err get_x(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    (void)ctx;
    return get_setting(conn, "x", err);
}

static enum aa_err put_x(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    (void)ctx;
    return aa_setting_put(conn, VIEW("x"), VIEW("v"), err);
}

/* Every connection to the database but the asking one's. */
static const char end_all[] = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                              "WHERE datname = current_database() AND pid <> pg_backend_pid()";

/* ---- connections that are lost ---- */

PG_TEST(a_connection_that_was_closed_while_idle_is_replaced)
{
    struct store_fixture f;

    store_open(&f);
    CHECK_OK(aa_db_write(f.db, put_x, NULL, NULL));
    CHECK_OK(run_select(f.conn, end_all, NULL));
    CHECK_OK(aa_db_read(f.db, get_x, NULL, NULL));
    CHECK_OK(run_select(f.conn, end_all, NULL));
    CHECK_OK(aa_db_write(f.db, put_x, NULL, NULL));
    store_close(&f);
}

struct unlucky {
    int runs;
    int lost_runs; /* of them the first few lose their connection */
    bool learns;   /* something, before that */
};

static enum aa_err write_unluckily(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    struct unlucky *unlucky = ctx;
    enum aa_err rc = aa_setting_put(conn, VIEW("x"), VIEW("v"), err);

    if (!rc && unlucky->runs++ < unlucky->lost_runs)
        rc = end_connection(conn, err);
    return rc ? rc : aa_setting_put(conn, VIEW("y"), VIEW("v"), err);
}

PG_TEST(a_write_whose_connection_is_lost_before_its_commit_runs_again)
{
    struct store_fixture f;
    struct unlucky unlucky = {.lost_runs = 1};

    store_open(&f);
    CHECK_OK(aa_db_write(f.db, write_unluckily, &unlucky, NULL));
    CHECK_INT(unlucky.runs, 2);
    CHECK_OK(get_setting(f.conn, "x", NULL));
    CHECK_OK(get_setting(f.conn, "y", NULL));
    store_close(&f);
}

/* It fails, is told so, and is not run for ever. */
PG_TEST(a_write_that_always_loses_its_connection_fails)
{
    struct store_fixture f;
    struct unlucky unlucky = {.lost_runs = 1000};
    struct aa_error err = AA_ERROR_INIT;

    store_open(&f);
    CHECK_ERR(aa_db_write(f.db, write_unluckily, &unlucky, &err), AA_ERR_STORE);
    CHECK(err.message[0] != '\0');
    CHECK(unlucky.runs > 1 && unlucky.runs < 100);
    CHECK_ERR(get_setting(f.conn, "x", NULL), AA_ERR_NOT_FOUND);
    CHECK_OK(aa_db_write(f.db, put_x, NULL, NULL));
    store_close(&f);
}

/* A closure that swallows the failure does not make it a success. */
static enum aa_err swallow(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    (void)err;
    ++*(int *)ctx;
    if (aa_setting_put(conn, VIEW("x"), VIEW("v"), NULL) == AA_OK && end_connection(conn, NULL) == AA_OK)
        return AA_ERR_CONFLICT;
    return AA_OK;
}

PG_TEST(a_failure_that_the_closure_passed_over_is_one_all_the_same)
{
    struct store_fixture f;
    int runs = 0;

    store_open(&f);
    CHECK_ERR(aa_db_write(f.db, swallow, &runs, NULL), AA_ERR_STORE);
    CHECK(runs > 1);
    CHECK_ERR(get_setting(f.conn, "x", NULL), AA_ERR_NOT_FOUND);
    store_close(&f);
}

static enum aa_err read_unluckily(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    struct unlucky *unlucky = ctx;
    enum aa_err rc = AA_OK;

    if (unlucky->learns)
        rc = get_setting(conn, "x", err);
    if (!rc && unlucky->runs++ < unlucky->lost_runs)
        rc = end_connection(conn, err);
    return rc ? rc : get_setting(conn, "x", err);
}

PG_TEST(a_read_that_has_learnt_nothing_yet_runs_again)
{
    struct store_fixture f;
    struct unlucky unlucky = {.lost_runs = 1};

    store_open(&f);
    CHECK_OK(aa_db_write(f.db, put_x, NULL, NULL));
    CHECK_OK(aa_db_read(f.db, read_unluckily, &unlucky, NULL));
    CHECK_INT(unlucky.runs, 2);
    store_close(&f);
}

PG_TEST(a_read_that_has_learnt_something_does_not)
{
    struct store_fixture f;
    struct unlucky unlucky = {.lost_runs = 1, .learns = true};

    store_open(&f);
    CHECK_OK(aa_db_write(f.db, put_x, NULL, NULL));
    CHECK_ERR(aa_db_read(f.db, read_unluckily, &unlucky, NULL), AA_ERR_STORE);
    CHECK_INT(unlucky.runs, 1);
    CHECK_OK(aa_db_read(f.db, get_x, NULL, NULL));
    store_close(&f);
}

/* ---- closures that meet ---- */

struct meeting {
    struct aa_db *db;
    const char *first, *second;
    pthread_barrier_t *both_hold;
    int runs;
    enum aa_err rc;
};

static enum aa_err take_both(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    struct meeting *meeting = ctx;
    enum aa_err rc = aa_setting_hold(conn, VIEW(meeting->first), err);

    if (meeting->runs++ == 0)
        pthread_barrier_wait(meeting->both_hold);
    return rc ? rc : aa_setting_hold(conn, VIEW(meeting->second), err);
}

static void *meet(void *arg)
{
    struct meeting *meeting = arg;

    meeting->rc = aa_db_write(meeting->db, take_both, meeting, NULL);
    return NULL;
}

PG_TEST(of_two_that_wait_for_each_other_one_runs_again_and_both_succeed)
{
    struct store_fixture f;
    pthread_barrier_t both_hold;
    struct meeting one = {.first = "a", .second = "b"}, two = {.first = "b", .second = "a"};
    pthread_t thread;

    store_open(&f);
    pthread_barrier_init(&both_hold, NULL, 2);
    one.db = two.db = f.db;
    one.both_hold = two.both_hold = &both_hold;
    CHECK_INT(pthread_create(&thread, NULL, meet, &one), 0);
    meet(&two);
    pthread_join(thread, NULL);
    pthread_barrier_destroy(&both_hold);
    CHECK_OK(one.rc);
    CHECK_OK(two.rc);
    CHECK(one.runs + two.runs >= 3);
    store_close(&f);
}

static enum aa_err sleep_long(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    (void)ctx;
    return run_select(conn, "SELECT pg_sleep(60)", err);
}

static struct aa_db *open_hasty(const struct store_fixture *f, int pool_size)
{
    struct aa_db_options options = store_options(f);
    struct aa_db *db = NULL;

    options.statement_timeout_ms = 300;
    options.pool_size = pool_size;
    CHECK_OK(aa_db_open(&options, &db, NULL));
    return db;
}

PG_TEST(a_statement_that_takes_too_long_is_busy)
{
    struct store_fixture f;
    struct aa_db *db;

    store_open(&f);
    db = open_hasty(&f, 2);
    CHECK_ERR(aa_db_write(db, sleep_long, NULL, NULL), AA_ERR_STORE_BUSY);
    CHECK_ERR(aa_db_read(db, sleep_long, NULL, NULL), AA_ERR_STORE_BUSY);
    CHECK_OK(aa_db_write(db, put_x, NULL, NULL));
    aa_db_close(db);
    store_close(&f);
}

PG_TEST(a_row_that_somebody_else_holds_for_too_long_is_busy)
{
    struct store_fixture f;
    struct aa_db *db;

    store_open(&f);
    db = open_hasty(&f, 2);
    CHECK_OK(f.driver->control(f.conn, AA_CONTROL_BEGIN_WRITE, NULL));
    CHECK_OK(put_x(f.conn, NULL, NULL));
    CHECK_ERR(aa_db_write(db, put_x, NULL, NULL), AA_ERR_STORE_BUSY);
    CHECK_OK(f.driver->control(f.conn, AA_CONTROL_COMMIT, NULL));
    CHECK_OK(aa_db_write(db, put_x, NULL, NULL));
    aa_db_close(db);
    store_close(&f);
}

struct guest {
    struct aa_db *db;
    pthread_barrier_t inside, leave;
    enum aa_err rc;
};

static enum aa_err stay(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    struct guest *guest = ctx;

    (void)conn;
    (void)err;
    pthread_barrier_wait(&guest->inside);
    pthread_barrier_wait(&guest->leave);
    return AA_OK;
}

static void *visit(void *arg)
{
    struct guest *guest = arg;

    guest->rc = aa_db_read(guest->db, stay, guest, NULL);
    return NULL;
}

PG_TEST(a_pool_without_a_free_connection_is_busy)
{
    struct store_fixture f;
    struct guest guest = {0};
    pthread_t thread;

    store_open(&f);
    guest.db = open_hasty(&f, 1);
    pthread_barrier_init(&guest.inside, NULL, 2);
    pthread_barrier_init(&guest.leave, NULL, 2);
    CHECK_INT(pthread_create(&thread, NULL, visit, &guest), 0);
    pthread_barrier_wait(&guest.inside);
    CHECK_ERR(aa_db_write(guest.db, put_x, NULL, NULL), AA_ERR_STORE_BUSY);
    pthread_barrier_wait(&guest.leave);
    pthread_join(thread, NULL);
    CHECK_OK(guest.rc);
    CHECK_OK(aa_db_write(guest.db, put_x, NULL, NULL));
    pthread_barrier_destroy(&guest.inside);
    pthread_barrier_destroy(&guest.leave);
    aa_db_close(guest.db);
    store_close(&f);
}

static void *put_often(void *arg)
{
    for (int i = 0; i < 20; i++)
        if (aa_db_write(arg, put_x, NULL, NULL))
            return arg;
    return NULL;
}

PG_TEST(callers_wait_for_one_another_when_there_are_more_than_connections)
{
    struct store_fixture f;
    struct aa_db_options options;
    struct aa_db *db = NULL;
    pthread_t threads[16];

    store_open(&f);
    options = store_options(&f);
    options.pool_size = 1;
    CHECK_OK(aa_db_open(&options, &db, NULL));
    for (int i = 0; i < 16; i++)
        CHECK_INT(pthread_create(&threads[i], NULL, put_often, db), 0);
    for (int i = 0; i < 16; i++) {
        void *failed = NULL;

        pthread_join(threads[i], &failed);
        CHECK(failed == NULL);
    }
    aa_db_close(db);
    store_close(&f);
}

/* ---- transactions that cannot go on ---- */

static enum aa_err go_on_regardless(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    struct aa_grant grant = sample_grant("gr_orphan");

    (void)ctx;
    if (aa_setting_put(conn, VIEW("x"), VIEW("v"), err))
        return AA_ERR_CONFLICT;
    return aa_grant_create(conn, &grant, NULL) == AA_ERR_NOT_FOUND ? AA_OK : AA_ERR_CONFLICT;
}

PG_TEST(a_closure_that_goes_on_after_a_failed_statement_is_told_that_nothing_is_stored)
{
    struct store_fixture f;

    store_open(&f);
    CHECK_ERR(aa_db_write(f.db, go_on_regardless, NULL, NULL), AA_ERR_STORE);
    CHECK_ERR(get_setting(f.conn, "x", NULL), AA_ERR_NOT_FOUND);
    store_close(&f);
}

/* ---- prepared statements ---- */

static enum aa_err forget_statements(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    (void)ctx;
    return conn->driver->run(conn, "DEALLOCATE ALL", err);
}

PG_TEST(statements_that_the_server_forgot_are_sent_whole)
{
    struct store_fixture f;
    struct aa_db_options options;
    struct aa_db *db = NULL;

    store_open(&f);
    options = store_options(&f);
    options.pool_size = 1;
    for (int reads_first = 0; reads_first < 2; reads_first++) {
        CHECK_OK(aa_db_open(&options, &db, NULL));
        CHECK_OK(aa_db_write(db, put_x, NULL, NULL));
        CHECK_OK(aa_db_read(db, get_x, NULL, NULL));
        CHECK_OK(aa_db_write(db, forget_statements, NULL, NULL));
        if (reads_first)
            CHECK_OK(aa_db_read(db, get_x, NULL, NULL));
        CHECK_OK(aa_db_write(db, put_x, NULL, NULL));
        CHECK_OK(aa_db_read(db, get_x, NULL, NULL));
        aa_db_close(db);
    }
    store_close(&f);
}

PG_TEST(nothing_is_prepared_where_that_is_switched_off)
{
    struct store_fixture f;
    struct aa_db_options options;
    struct aa_db *db = NULL;

    store_open(&f);
    options = store_options(&f);
    options.no_prepared_statements = true;
    CHECK_OK(aa_db_open(&options, &db, NULL));
    for (int i = 0; i < 3; i++) {
        CHECK_OK(aa_db_write(db, put_x, NULL, NULL));
        CHECK_OK(aa_db_read(db, get_x, NULL, NULL));
    }
    aa_db_close(db);
    store_close(&f);
}

/* ---- standbys ---- */

PG_TEST(a_database_that_may_only_be_read_says_so_and_is_read)
{
    struct aa_db_options options;
    struct aa_db *db = NULL;
    struct fresh fresh;
    char sql[160];

    fresh_make(&fresh);
    options = (struct aa_db_options){.url = fresh.url, .migrate = true};
    CHECK_OK(aa_db_open(&options, &db, NULL));
    CHECK_OK(aa_db_write(db, put_x, NULL, NULL));
    CHECK_OK(aa_db_check(db, NULL));
    aa_db_close(db);
    snprintf(sql, sizeof sql, "ALTER DATABASE %s SET default_transaction_read_only = on", fresh.name);
    CHECK_OK(fresh.f.driver->run(fresh.f.conn, sql, NULL));
    snprintf(sql, sizeof sql, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '%s'",
             fresh.name);
    CHECK_OK(run_select(fresh.f.conn, sql, NULL)); /* a pooler's, which know nothing of it */
    CHECK_OK(aa_db_open(&options, &db, NULL));
    CHECK_OK(aa_db_read(db, get_x, NULL, NULL));
    CHECK_ERR(aa_db_check(db, NULL), AA_ERR_STORE_READONLY);
    CHECK_ERR(aa_db_write(db, put_x, NULL, NULL), AA_ERR_STORE_READONLY);
    aa_db_close(db);
    fresh_clear(&fresh);
}

/* ---- what is told ---- */

PG_TEST(no_message_holds_what_was_stored)
{
    static const char *const statements[] = {
        "INSERT INTO settings (name, value) VALUES ('hunter2', 'x'), ('hunter2', 'x')",
        "SELECT CAST('hunter2' AS BIGINT)",
        "INSERT INTO sessions VALUES ('hunter2', 'hunter2', 1, 1, 1)",
        "INSERT INTO users (user_id, email) VALUES ('hunter2', 'hunter2')",
    };
    struct store_fixture f;

    store_open(&f);
    for (size_t i = 0; i < sizeof statements / sizeof *statements; i++) {
        struct aa_error err = AA_ERROR_INIT;

        CHECK(f.driver->run(f.conn, statements[i], &err) != AA_OK);
        CHECK(err.message[0] != '\0');
        CHECK(strstr(err.message, "hunter2") == NULL);
    }
    store_close(&f);
}

/* A server that answers nothing but "no TLS here", and hears what is said then. */
struct plain_server {
    int listening;
    int port;
    pthread_t thread;
    bool asked_for_tls;
    size_t heard_without; /* bytes that came although there is none */
};

static void *serve_plain(void *arg)
{
    static const unsigned char tls_request[8] = {0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f};
    struct plain_server *server = arg;
    unsigned char bytes[256];
    int fd = accept(server->listening, NULL, NULL);
    ssize_t len;

    server->asked_for_tls = recv(fd, bytes, 8, MSG_WAITALL) == 8 && memcmp(bytes, tls_request, 8) == 0;
    if (server->asked_for_tls && send(fd, "N", 1, MSG_NOSIGNAL) == 1) {
        len = recv(fd, bytes, sizeof bytes, 0);
        server->heard_without = len > 0 ? (size_t)len : 0;
    }
    close(fd);
    return NULL;
}

static void plain_server_start(struct plain_server *server)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof address;

    *server = (struct plain_server){.listening = socket(AF_INET, SOCK_STREAM, 0)};
    CHECK_INT(bind(server->listening, (struct sockaddr *)&address, sizeof address), 0);
    CHECK_INT(listen(server->listening, 4), 0);
    CHECK_INT(getsockname(server->listening, (struct sockaddr *)&address, &len), 0);
    server->port = ntohs(address.sin_port);
    CHECK_INT(pthread_create(&server->thread, NULL, serve_plain, server), 0);
}

static void open_there(struct plain_server *server, const char *host, const char *parameters, struct aa_error *err)
{
    struct aa_db_options options = {.migrate = true};
    struct aa_db *db = NULL;
    char url[160];

    plain_server_start(server);
    snprintf(url, sizeof url, "postgresql://ann:hunter2@%s:%d/auth%s", host, server->port, parameters);
    options.url = url;
    CHECK_ERR(aa_db_open(&options, &db, err), AA_ERR_STORE);
    pthread_join(server->thread, NULL);
    close(server->listening);
}

/* 0.0.0.0 leads here too, and is not known to. */
TEST(postgres_tls, a_server_elsewhere_must_speak_it_unless_the_address_says_otherwise)
{
    struct plain_server server;
    struct aa_error err = AA_ERROR_INIT;

    open_there(&server, "0.0.0.0", "", &err);
    CHECK(server.asked_for_tls);
    CHECK_INT(server.heard_without, 0);
    CHECK(strstr(err.message, "SSL") != NULL);
    CHECK(strstr(err.message, "hunter2") == NULL);
    open_there(&server, "0.0.0.0", "?sslmode=prefer", NULL);
    CHECK(server.asked_for_tls);
    CHECK(server.heard_without > 0);
}

TEST(postgres_tls, one_on_this_machine_need_not)
{
    struct plain_server server;

    open_there(&server, "127.0.0.1", "", NULL);
    CHECK(server.heard_without > 0);
    open_there(&server, "127.0.0.1", "?sslmode=verify-full", NULL);
    CHECK_INT(server.heard_without, 0);
}

TEST(postgres_address, a_server_that_is_not_there_is_told_without_the_password)
{
    struct aa_db_options options = {.url = "postgresql://ann:hunter2@127.0.0.1:1/auth", .migrate = true};
    struct aa_error err = AA_ERROR_INIT;
    struct aa_db *db = NULL;

    CHECK_ERR(aa_db_open(&options, &db, &err), AA_ERR_STORE);
    CHECK(strstr(err.message, "cannot be reached") != NULL);
    CHECK(strstr(err.message, "hunter2") == NULL);
}

TEST(postgres_address, one_that_is_malformed_is_refused_without_being_repeated)
{
    static const char *const bad[] = {
        "postgresql://ann:hunter2@db.example/auth?no_such_parameter=hunter2",
        "postgresql://ann:hunter%zz2@db.example/auth",
        "postgresql://ann:pass@hunter2@db.example/auth",
        "postgresql://ann:pass/hunter2@db.example/auth",
        "postgresql://ann:p@@hunter2@db.example/auth",
        "postgresql://ann@db.example:hunter2/auth",
    };

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct aa_db_options options = {.url = bad[i], .migrate = true};
        struct aa_error err = AA_ERROR_INIT;
        struct aa_db *db = NULL;

        CHECK_ERR(aa_db_open(&options, &db, &err), AA_ERR_OPTION_INVALID);
        CHECK(strstr(err.message, "hunter2") == NULL);
        CHECK(err.message[0] != '\0');
    }
}

TEST(postgres_address, the_place_is_told_without_user_and_password)
{
    static const struct {
        const char *url, *place;
    } samples[] = {
        {"postgresql://ann:hunter2@db.example:5433/auth", "postgresql://db.example:5433/auth"},
        {"postgres://ann@one.example,two.example/auth", "postgresql://one.example,two.example/auth"},
        {"postgresql:///auth?host=/run/postgresql&user=ann&password=hunter2",
         "postgresql:///auth?host=/run/postgresql"},
    };

    for (size_t i = 0; i < sizeof samples / sizeof *samples; i++) {
        struct aa_db_options options = {.url = samples[i].url};
        struct aa_source *source = NULL;

        CHECK_OK(aa_postgres_driver.open(&options, &source, NULL));
        CHECK_TEXT(aa_postgres_driver.place(source), samples[i].place);
        aa_postgres_driver.close(source);
    }
}

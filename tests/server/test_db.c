#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "base/mem.h"
#include "support_store.h"

struct place {
    char folder[64];
    char path[96];
};

static void place_make(struct place *p)
{
    folder_make(p->folder, sizeof p->folder);
    snprintf(p->path, sizeof p->path, "%s/test.db", p->folder);
}

static struct aa_db *open_at(const char *url)
{
    struct aa_db_options options = {.url = url, .migrate = true};
    struct aa_error err = AA_ERROR_INIT;
    struct aa_db *db = NULL;

    if (aa_db_open(&options, &db, &err))
        fail_msg("%s", err.message);
    return db;
}

/* ---- closures ---- */

struct put {
    const char *name;
    enum aa_err then; /* what the closure returns after it has written */
};

static enum aa_err put_setting(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    struct put *put = ctx;
    enum aa_err rc = aa_setting_put(conn, VIEW(put->name), VIEW("v"), err);

    return rc ? rc : put->then;
}

static enum aa_err get_setting(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    char *memory = NULL;
    struct aa_view value;
    enum aa_err rc = aa_setting_get(conn, VIEW(ctx), &memory, &value, err);

    aa_record_clear(&memory);
    return rc;
}

static bool has_setting(struct aa_db *db, const char *name)
{
    char text[32];
    enum aa_err rc;

    snprintf(text, sizeof text, "%s", name);
    rc = aa_db_read(db, get_setting, text, NULL);
    CHECK(rc == AA_OK || rc == AA_ERR_NOT_FOUND);
    return rc == AA_OK;
}

static void keeps_what_was_written(const char *url)
{
    struct aa_db *db = open_at(url);
    struct put good = {"good", AA_OK}, bad = {"bad", AA_ERR_CONFLICT};

    CHECK_OK(aa_db_write(db, put_setting, &good, NULL));
    CHECK_ERR(aa_db_write(db, put_setting, &bad, NULL), AA_ERR_CONFLICT);
    CHECK(has_setting(db, "good"));
    CHECK(!has_setting(db, "bad"));
    CHECK_OK(aa_db_check(db, NULL));
    aa_db_close(db);
}

TEST(db, a_closure_is_committed_when_it_succeeds_and_rolled_back_when_it_fails)
{
    struct place p;

    place_make(&p);
    keeps_what_was_written(p.path);
    folder_remove(p.folder);
}

TEST(db, an_in_memory_database_does_the_same)
{
    keeps_what_was_written(":memory:");
}

TEST(db, two_in_memory_databases_are_two)
{
    struct aa_db *one = open_at(":memory:"), *two = open_at(":memory:");
    struct put put = {"x", AA_OK};

    CHECK_OK(aa_db_write(one, put_setting, &put, NULL));
    CHECK(has_setting(one, "x"));
    CHECK(!has_setting(two, "x"));
    aa_db_close(one);
    aa_db_close(two);
}

static void a_reader_may_not_write(const char *url)
{
    struct aa_db *db = open_at(url);
    struct put put = {"x", AA_OK};

    CHECK_ERR(aa_db_read(db, put_setting, &put, NULL), AA_ERR_STORE_READONLY);
    CHECK(!has_setting(db, "x"));
    CHECK_OK(aa_db_write(db, put_setting, &put, NULL));
    CHECK(has_setting(db, "x"));
    aa_db_close(db);
}

TEST(db, a_write_inside_a_read_fails)
{
    struct place p;

    place_make(&p);
    a_reader_may_not_write(p.path);
    a_reader_may_not_write(":memory:");
    folder_remove(p.folder);
}

TEST(db, the_address_may_name_an_engine)
{
    struct place p;
    char url[128];
    struct aa_db *db = NULL;
    struct aa_error err = AA_ERROR_INIT;

    place_make(&p);
    snprintf(url, sizeof url, "sqlite:%s", p.path);
    db = open_at(url);
    aa_db_close(db);
    CHECK_INT(access(p.path, F_OK), 0);
    CHECK_ERR(aa_db_open(&(struct aa_db_options){.url = "mysql://localhost/x"}, &db, &err), AA_ERR_OPTION_INVALID);
    CHECK_ERR(aa_db_open(&(struct aa_db_options){.url = ""}, &db, NULL), AA_ERR_OPTION_INVALID);
    folder_remove(p.folder);
}

/* ---- many at once ---- */

#define WRITERS 24
#define WRITES 20

struct writer {
    struct aa_db *db;
    int number, good, bad;
};

static void *writer_thread(void *arg)
{
    struct writer *writer = arg;
    char name[32], probe[32];

    for (int i = 0; i < WRITES; i++) {
        struct put put = {name, i % 4 == 3 ? AA_ERR_CONFLICT : AA_OK};
        enum aa_err rc;

        snprintf(name, sizeof name, "w%d-%d", writer->number, i);
        snprintf(probe, sizeof probe, "%s", name);
        rc = aa_db_write(writer->db, put_setting, &put, NULL);
        if (rc == put.then)
            writer->good++;
        /* Read your own write, and only what was committed. */
        if ((aa_db_read(writer->db, get_setting, probe, NULL) == AA_OK) != (put.then == AA_OK))
            writer->bad++;
    }
    return NULL;
}

static void many_write_at_once(const char *url)
{
    struct aa_db *db = open_at(url);
    pthread_t threads[WRITERS];
    struct writer writers[WRITERS];

    for (int i = 0; i < WRITERS; i++) {
        writers[i] = (struct writer){db, i, 0, 0};
        CHECK_INT(pthread_create(&threads[i], NULL, writer_thread, &writers[i]), 0);
    }
    for (int i = 0; i < WRITERS; i++) {
        pthread_join(threads[i], NULL);
        CHECK_INT(writers[i].good, WRITES);
        CHECK_INT(writers[i].bad, 0);
    }
    aa_db_close(db);
}

TEST(db, closures_that_share_a_commit_succeed_and_fail_each_for_itself)
{
    struct place p;

    place_make(&p);
    many_write_at_once(p.path);
    many_write_at_once(":memory:");
    folder_remove(p.folder);
}

/* ---- the file ---- */

static int mode_of(const char *path)
{
    struct stat facts;

    CHECK_INT(stat(path, &facts), 0);
    return (int)(facts.st_mode & 0777);
}

TEST(db, a_new_database_and_its_folder_are_their_owners_alone)
{
    struct place p;
    char folder[96], path[128], wal[160];
    struct put put = {"x", AA_OK};
    struct aa_db *db;
    mode_t old = umask(0);

    place_make(&p);
    snprintf(folder, sizeof folder, "%s/var", p.folder);
    snprintf(path, sizeof path, "%s/a.db", folder);
    snprintf(wal, sizeof wal, "%s-wal", path);
    db = open_at(path);
    CHECK_OK(aa_db_write(db, put_setting, &put, NULL));
    CHECK_INT(mode_of(folder), 0700);
    CHECK_INT(mode_of(path), 0600);
    CHECK_INT(mode_of(wal), 0600);
    aa_db_close(db);
    umask(old);
    folder_remove(p.folder);
}

TEST(db, a_database_that_must_exist_is_not_made)
{
    struct place p;
    struct aa_db_options options = {.migrate = true, .must_exist = true};
    struct aa_error err = AA_ERROR_INIT;
    struct aa_db *db = NULL;

    place_make(&p);
    options.url = p.path;
    CHECK_ERR(aa_db_open(&options, &db, &err), AA_ERR_NOT_FOUND);
    CHECK(strstr(err.message, "no database") != NULL);
    CHECK(access(p.path, F_OK) != 0);
    aa_db_close(open_at(p.path));
    CHECK_OK(aa_db_open(&options, &db, NULL));
    aa_db_close(db);
    folder_remove(p.folder);
}

TEST(db, a_folder_that_cannot_be_made_is_told)
{
    struct place p;
    char path[128];
    struct aa_error err = AA_ERROR_INIT;
    struct aa_db *db = NULL;

    place_make(&p);
    snprintf(path, sizeof path, "%s/no/such/a.db", p.folder);
    CHECK_ERR(aa_db_open(&(struct aa_db_options){.url = path, .migrate = true}, &db, &err), AA_ERR_STORE);
    CHECK(strstr(err.message, "folder") != NULL);
    folder_remove(p.folder);
}

TEST(db, a_file_that_is_no_database_is_left_alone)
{
    struct place p;
    struct aa_db *db = NULL;
    struct aa_error err = AA_ERROR_INIT;
    char text[64] = {0};
    FILE *file;

    place_make(&p);
    file = fopen(p.path, "w");
    CHECK(file != NULL);
    fputs("these are my notes, and no database at all, whatever anybody says", file);
    fclose(file);
    CHECK_ERR(aa_db_open(&(struct aa_db_options){.url = p.path, .migrate = true}, &db, &err), AA_ERR_STORE);
    CHECK(err.message[0] != '\0');
    file = fopen(p.path, "r");
    CHECK(fgets(text, 15, file) != NULL);
    CHECK_TEXT(text, "these are my n");
    fclose(file);
    folder_remove(p.folder);
}

/* ---- versions ---- */

static enum aa_err run_sql(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    return conn->driver->run(conn, ctx, err);
}

TEST(db, a_database_of_a_newer_version_is_refused)
{
    struct place p;
    struct aa_db *db;
    struct aa_error err = AA_ERROR_INIT;
    char sql[] = "INSERT INTO schema_migrations (version) VALUES (1000)";

    place_make(&p);
    db = open_at(p.path);
    CHECK_OK(aa_db_write(db, run_sql, sql, NULL));
    aa_db_close(db);
    CHECK_ERR(aa_db_open(&(struct aa_db_options){.url = p.path, .migrate = true}, &db, &err), AA_ERR_STORE_VERSION);
    CHECK(strstr(err.message, "newer") != NULL);
    folder_remove(p.folder);
}

TEST(db, an_old_database_is_refused_where_it_may_not_be_migrated)
{
    struct place p;
    struct aa_db *db = NULL;
    struct aa_error err = AA_ERROR_INIT;

    place_make(&p);
    CHECK_ERR(aa_db_open(&(struct aa_db_options){.url = p.path}, &db, &err), AA_ERR_STORE_VERSION);
    CHECK(strstr(err.message, "migrated") != NULL);
    aa_db_close(open_at(p.path));
    CHECK_OK(aa_db_open(&(struct aa_db_options){.url = p.path}, &db, NULL));
    aa_db_close(db);
    folder_remove(p.folder);
}

TEST(db, the_tables_of_another_program_are_left_alone)
{
    struct place p;
    struct aa_db_options options = {.migrate = true};
    const struct aa_driver *driver = &aa_sqlite_driver;
    struct aa_source *source = NULL;
    struct aa_conn *conn = NULL;
    struct aa_db *db = NULL;
    struct aa_error err = AA_ERROR_INIT;

    place_make(&p);
    options.url = p.path;
    CHECK_OK(driver->open(&options, &source, NULL));
    CHECK_OK(driver->connect(source, AA_CONN_WRITER, &conn, NULL));
    CHECK_OK(driver->run(conn, "CREATE TABLE recipes (name TEXT)", NULL));
    driver->disconnect(conn);
    driver->close(source);
    CHECK_ERR(aa_db_open(&options, &db, &err), AA_ERR_STORE);
    CHECK(strstr(err.message, "another program") != NULL);
    folder_remove(p.folder);
}

static enum aa_err break_schema(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    (void)ctx;
    return conn->driver->run(conn, "CREATE TABLE", err);
}

TEST(db, a_mistake_in_a_statement_is_an_error_and_harms_nobody)
{
    struct aa_db *db = open_at(":memory:");
    struct aa_error err = AA_ERROR_INIT;
    struct put put = {"x", AA_OK};

    CHECK_ERR(aa_db_write(db, break_schema, NULL, &err), AA_ERR_STORE);
    CHECK(err.message[0] != '\0');
    CHECK_OK(aa_db_write(db, put_setting, &put, NULL));
    aa_db_close(db);
}

/* ---- when the disk is full, or may only be read ---- */

static enum aa_err limit_pages(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    struct aa_stmt *stmt = NULL;
    bool has_row;
    enum aa_err rc;

    (void)ctx;
    rc = aa_stmt_prepare(conn, "PRAGMA max_page_count = 1", &stmt, err); /* no smaller than it is: no page more */
    if (rc)
        return rc;
    rc = aa_stmt_step(stmt, &has_row, err);
    aa_stmt_end(stmt);
    return rc;
}

static enum aa_err put_large(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    static const char bytes[64 * 1024];

    return aa_setting_put(conn, VIEW(ctx), aa_view_make(bytes, sizeof bytes), err);
}

static void full_disk(const char *url)
{
    struct aa_db *db = open_at(url);
    struct aa_error err = AA_ERROR_INIT;
    struct put before = {"before", AA_OK}, after = {"after", AA_OK};
    char large[] = "large";

    CHECK_OK(aa_db_write(db, put_setting, &before, NULL));
    CHECK_OK(aa_db_write(db, limit_pages, NULL, NULL));
    CHECK_ERR(aa_db_write(db, put_large, large, &err), AA_ERR_STORE_FULL);
    CHECK(err.message[0] != '\0');
    CHECK(!has_setting(db, "large"));
    CHECK(has_setting(db, "before"));                     /* what was answered is still there */
    CHECK_OK(aa_db_write(db, put_setting, &after, NULL)); /* what fits still goes */
    CHECK(has_setting(db, "after"));
    aa_db_close(db);
}

TEST(db, a_full_disk_is_told_and_nothing_half_written_stays)
{
    struct place p;

    place_make(&p);
    full_disk(p.path);
    full_disk(":memory:");
    folder_remove(p.folder);
}

struct crowd {
    struct aa_db *db;
    pthread_barrier_t start;
    int number;
    enum aa_err rc;
    struct aa_error err;
};

static enum aa_err wait_a_little(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    (void)conn;
    (void)ctx;
    (void)err;
    usleep(50000);
    return AA_OK;
}

static void *hold_writer(void *arg)
{
    if (aa_db_write(arg, wait_a_little, NULL, NULL))
        return arg;
    return NULL;
}

static void *crowd_member(void *arg)
{
    struct crowd *member = arg;
    char name[16];
    struct put put = {name, AA_OK};

    snprintf(name, sizeof name, "c%d", member->number);
    if (member->number == 3)
        member->rc = aa_db_write(member->db, put_large, name, &member->err);
    else
        member->rc = aa_db_write(member->db, put_setting, &put, &member->err);
    return NULL;
}

/* The engine rolls the whole transaction back when the disk is full: those who shared it must not be told that all is
 * well. */
TEST(db, what_a_caller_was_told_is_what_is_there_also_when_one_of_the_batch_fills_the_disk)
{
    struct place p;
    struct aa_db *db;
    pthread_t holder, threads[8];
    struct crowd members[8];

    place_make(&p);
    db = open_at(p.path);
    CHECK_OK(aa_db_write(db, limit_pages, NULL, NULL));
    CHECK_INT(pthread_create(&holder, NULL, hold_writer, db), 0);
    usleep(10000); /* the others queue up behind it and are one batch */
    for (int i = 0; i < 8; i++) {
        members[i] = (struct crowd){.db = db, .number = i, .err = AA_ERROR_INIT};
        CHECK_INT(pthread_create(&threads[i], NULL, crowd_member, &members[i]), 0);
    }
    pthread_join(holder, NULL);
    for (int i = 0; i < 8; i++) {
        char name[16];

        pthread_join(threads[i], NULL);
        snprintf(name, sizeof name, "c%d", i);
        CHECK(members[i].rc == AA_OK || members[i].rc == AA_ERR_STORE_FULL);
        CHECK_INT(has_setting(db, name), members[i].rc == AA_OK);
    }
    CHECK_ERR(members[3].rc, AA_ERR_STORE_FULL);
    aa_db_close(db);
    folder_remove(p.folder);
}

/* 0 when opening says STORE_READONLY. Runs as nobody: root may write anything. */
static int open_as_nobody(const char *path)
{
    struct aa_db_options options = {.url = path, .migrate = true};
    struct aa_error err = AA_ERROR_INIT;
    struct aa_db *db = NULL;
    enum aa_err rc;

    if (geteuid() == 0 && setuid(65534))
        return 3;
    rc = aa_db_open(&options, &db, &err);
    if (!rc)
        aa_db_close(db);
    return rc == AA_ERR_STORE_READONLY && err.message[0] ? 0 : 1;
}

TEST(db, a_file_that_may_only_be_read_is_told_at_the_start)
{
    struct place p;
    int status = -1;
    pid_t child;

    place_make(&p);
    aa_db_close(open_at(p.path));
    CHECK_INT(chmod(p.path, 0444), 0);
    CHECK_INT(chmod(p.folder, 0755), 0);
    child = fork();
    if (child == 0)
        _exit(open_as_nobody(p.path));
    CHECK(child > 0);
    CHECK_INT(waitpid(child, &status, 0), child);
    CHECK(WIFEXITED(status));
    CHECK_INT(WEXITSTATUS(status), 0);
    folder_remove(p.folder);
}

/* ---- memory ---- */

TEST(db, running_out_of_memory_is_an_ordinary_error)
{
    struct aa_db *db = open_at(":memory:"), *failed = NULL;
    struct put put = {"x", AA_OK};
    char name[] = "x";
    size_t nth;

    CHECK_OK(aa_db_write(db, put_setting, &put, NULL));
    CHECK_OK(aa_db_read(db, get_setting, name, NULL)); /* the statements are kept now */
    aa_mem_fail_at(1, true);
    CHECK_ERR(aa_db_read(db, get_setting, name, NULL), AA_ERR_NOMEM);
    aa_mem_fail_at(0, false);
    CHECK_OK(aa_db_read(db, get_setting, name, NULL));
    for (nth = 1; nth < 500; nth++) {
        enum aa_err rc;

        aa_mem_fail_at(nth, false);
        rc = aa_db_open(&(struct aa_db_options){.url = ":memory:", .migrate = true}, &failed, NULL);
        aa_mem_fail_at(0, false);
        if (!rc)
            break;
        CHECK_ERR(rc, AA_ERR_NOMEM);
    }
    CHECK(nth > 3 && nth < 500);
    aa_db_close(failed);
    aa_db_close(db);
}

TEST(db, many_different_statements_are_more_than_are_kept_and_still_run)
{
    struct aa_db_options options = {.url = ":memory:", .migrate = true};
    const struct aa_driver *driver = &aa_sqlite_driver;
    struct aa_source *source = NULL;
    struct aa_conn *conn = NULL;
    static char texts[400][32];

    CHECK_OK(driver->open(&options, &source, NULL));
    CHECK_OK(driver->connect(source, AA_CONN_WRITER, &conn, NULL));
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 400; i++) {
            struct aa_stmt *stmt = NULL;
            bool has_row = false;

            snprintf(texts[i], sizeof texts[i], "SELECT %d + $1", i);
            CHECK_OK(aa_stmt_prepare(conn, texts[i], &stmt, NULL));
            aa_stmt_bind_int(stmt, 1, 1);
            CHECK_OK(aa_stmt_step(stmt, &has_row, NULL));
            CHECK(has_row);
            CHECK_INT(aa_stmt_int(stmt, 0), i + 1);
            aa_stmt_end(stmt);
        }
    }
    driver->disconnect(conn);
    driver->close(source);
}

TEST(db, placeholders_are_bound_by_their_number_wherever_they_stand)
{
    struct aa_db_options options = {.url = ":memory:"};
    const struct aa_driver *driver = &aa_sqlite_driver;
    struct aa_source *source = NULL;
    struct aa_conn *conn = NULL;
    struct aa_stmt *stmt = NULL;
    bool has_row;

    CHECK_OK(driver->open(&options, &source, NULL));
    CHECK_OK(driver->connect(source, AA_CONN_WRITER, &conn, NULL));
    CHECK_OK(aa_stmt_prepare(conn, "SELECT $2, $1, $2", &stmt, NULL));
    aa_stmt_bind_text(stmt, 1, VIEW("one"));
    aa_stmt_bind_text(stmt, 2, VIEW("two"));
    CHECK_OK(aa_stmt_step(stmt, &has_row, NULL));
    CHECK_VIEW(aa_stmt_text(stmt, 0), "two");
    CHECK_VIEW(aa_stmt_text(stmt, 1), "one");
    CHECK_VIEW(aa_stmt_text(stmt, 2), "two");
    aa_stmt_end(stmt);
    CHECK_OK(aa_stmt_prepare(conn, "SELECT $1", &stmt, NULL));
    aa_stmt_bind_int(stmt, 2, 7); /* there is no $2: told at the step */
    CHECK_ERR(aa_stmt_step(stmt, &has_row, NULL), AA_ERR_STORE);
    aa_stmt_end(stmt);
    CHECK_ERR(aa_stmt_prepare(conn, "SELECT ?", &stmt, NULL), AA_ERR_STORE);
    driver->disconnect(conn);
    driver->close(source);
}

/* ---- two processes, and a process that dies ---- */

struct lock_holder {
    const struct aa_driver *driver;
    struct aa_source *source;
    struct aa_conn *conn;
    int hold_ms;
};

/* Another process's write transaction. */
static void take_lock(struct lock_holder *holder, const char *path)
{
    struct aa_db_options options = {.url = path};

    holder->driver = &aa_sqlite_driver;
    CHECK_OK(holder->driver->open(&options, &holder->source, NULL));
    CHECK_OK(holder->driver->connect(holder->source, AA_CONN_WRITER, &holder->conn, NULL));
    CHECK_OK(holder->driver->control(holder->conn, AA_CONTROL_BEGIN_WRITE, NULL));
}

static void drop_lock(struct lock_holder *holder)
{
    holder->driver->disconnect(holder->conn);
    holder->driver->close(holder->source);
}

static void *drop_lock_later(void *arg)
{
    struct lock_holder *holder = arg;

    usleep(200000);
    drop_lock(holder);
    return NULL;
}

TEST(db, a_write_waits_for_that_of_another_process)
{
    struct place p;
    struct put put = {"x", AA_OK};
    struct lock_holder holder;
    pthread_t thread;
    struct aa_db *db;

    place_make(&p);
    db = open_at(p.path);
    take_lock(&holder, p.path);
    CHECK(!has_setting(db, "x")); /* readers do not wait */
    CHECK_INT(pthread_create(&thread, NULL, drop_lock_later, &holder), 0);
    CHECK_OK(aa_db_write(db, put_setting, &put, NULL));
    pthread_join(thread, NULL);
    CHECK(has_setting(db, "x"));
    aa_db_close(db);
    folder_remove(p.folder);
}

TEST(db, a_database_that_stays_locked_is_busy_and_works_again_afterwards)
{
    struct place p;
    struct put put = {"x", AA_OK};
    struct lock_holder holder;
    struct aa_db *db;

    place_make(&p);
    db = open_at(p.path);
    take_lock(&holder, p.path);
    CHECK_ERR(aa_db_write(db, put_setting, &put, NULL), AA_ERR_STORE_BUSY);
    drop_lock(&holder);
    CHECK_OK(aa_db_write(db, put_setting, &put, NULL));
    aa_db_close(db);
    folder_remove(p.folder);
}

static long size_of(const char *path)
{
    struct stat facts;

    return stat(path, &facts) ? -1 : (long)facts.st_size;
}

TEST(db, the_log_is_moved_into_the_database_while_it_is_open)
{
    struct place p;
    struct aa_db *db;
    char name[] = "large";
    long before;

    place_make(&p);
    db = open_at(p.path);
    before = size_of(p.path);
    CHECK_OK(aa_db_write(db, put_large, name, NULL));
    for (int i = 0; i < 100 && size_of(p.path) <= before; i++)
        usleep(50000);
    CHECK(size_of(p.path) > before);
    CHECK(has_setting(db, "large"));
    aa_db_close(db);
    folder_remove(p.folder);
}

/* Writes one setting after the other and says which are answered, until it is killed. */
static void write_until_killed(const char *path, int pipe_end)
{
    struct aa_db_options options = {.url = path, .migrate = true};
    struct aa_db *db = NULL;
    char name[32];
    struct put put = {name, AA_OK};

    if (aa_db_open(&options, &db, NULL))
        _exit(1);
    for (int32_t i = 0;; i++) {
        snprintf(name, sizeof name, "k%d", i);
        if (aa_db_write(db, put_setting, &put, NULL) || write(pipe_end, &i, sizeof i) != sizeof i)
            _exit(2);
    }
}

TEST(db, what_was_answered_is_there_after_the_process_was_killed)
{
    struct place p;
    struct aa_db *db;
    int ends[2], status;
    int32_t number = -1, last = -1;
    pid_t child;

    place_make(&p);
    CHECK_INT(pipe(ends), 0);
    child = fork();
    if (child == 0) {
        alarm(30);
        write_until_killed(p.path, ends[1]);
    }
    close(ends[1]);
    while (last < 200 && read(ends[0], &number, sizeof number) == sizeof number)
        last = number;
    kill(child, SIGKILL);
    while (read(ends[0], &number, sizeof number) == sizeof number)
        last = number;
    CHECK_INT(waitpid(child, &status, 0), child);
    CHECK(last >= 200);
    db = open_at(p.path);
    for (int32_t i = 0; i <= last; i++) {
        char name[32];

        snprintf(name, sizeof name, "k%d", i);
        CHECK(has_setting(db, name));
    }
    aa_db_close(db);
    close(ends[0]);
    folder_remove(p.folder);
}

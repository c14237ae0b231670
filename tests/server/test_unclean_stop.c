/* A server that did not come to its end: the next one knows, looks at the pages of the file, and says what to do when
 * they are damaged. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "support_shell.h"
#include "support_store.h"

#define ROWS 400 /* of 2 KB: a file of some 200 pages and more */
#define PAGE 4096
#define DAMAGED_PAGES 8
#define NOT_CHECKED (-1)

struct place {
    char folder[64], path[96];
};

/* ---- servers that live, stop and die ---- */

static int said; /* how often somebody was told of something long */

static void note_said(void *ctx, const char *what)
{
    (void)ctx;
    CHECK(strstr(what, "did not stop as it should") && strstr(what, "checked now"));
    said++;
}

static enum aa_err try_open(const struct place *p, bool serving, struct aa_db **out, struct aa_error *err)
{
    struct aa_db_options options = {.url = p->path, .migrate = true, .serving = serving, .say = note_said};

    said = 0;
    return aa_db_open(&options, out, err);
}

static struct aa_db *open_as(const struct place *p, bool serving)
{
    struct aa_error err = AA_ERROR_INIT;
    struct aa_db *db = NULL;

    if (try_open(p, serving, &db, &err))
        fail_msg("%s", err.message);
    return db;
}

static struct aa_db *serve(const struct place *p)
{
    return open_as(p, true);
}

static enum aa_err put_rows(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    static char value[2048];
    enum aa_err rc = AA_OK;
    char name[32];

    (void)ctx;
    for (int i = 0; !rc && i < ROWS; i++) {
        snprintf(name, sizeof name, "row-%d", i);
        rc = aa_setting_put(conn, VIEW(name), aa_view_make(value, sizeof value), err);
    }
    return rc;
}

/* All of it in the file itself, not in the log beside it. */
static void fill(const struct place *p)
{
    struct aa_db *db = open_as(p, false);

    CHECK_OK(aa_db_write(db, put_rows, NULL, NULL));
    aa_db_close(db);
}

static void place_make(struct place *p)
{
    folder_make(p->folder, sizeof p->folder);
    snprintf(p->path, sizeof p->path, "%s/test.db", p->folder);
    fill(p);
}

static enum aa_err put_one(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    return aa_setting_put(conn, VIEW("one more"), VIEW(ctx), err);
}

/* A process of its own that serves until it is killed. Nothing may be open here meanwhile: a fork takes neither threads
 * nor SQLite's locks along. */
static pid_t serve_apart(const struct place *p)
{
    struct aa_db *db = NULL;
    char value[] = "x", ready = 0;
    int ends[2];
    pid_t child;

    CHECK_INT(pipe(ends), 0);
    fflush(NULL);
    child = fork();
    if (child == 0) {
        alarm(100);
        if (try_open(p, true, &db, NULL) || aa_db_write(db, put_one, value, NULL) || write(ends[1], "r", 1) != 1)
            _exit(1);
        for (;;)
            pause();
    }
    close(ends[1]);
    CHECK_INT(read(ends[0], &ready, 1), 1);
    close(ends[0]);
    return child;
}

/* Without a warning. */
static void end_it(pid_t child)
{
    int status = 0;

    CHECK_INT(kill(child, SIGKILL), 0);
    CHECK_INT(waitpid(child, &status, 0), child);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static void serve_and_die(const struct place *p)
{
    end_it(serve_apart(p));
}

/* Serves and stops as one should. */
static int64_t check_of_next(const struct place *p)
{
    struct aa_db *db = serve(p);
    int64_t ms = aa_db_check_ms(db);

    aa_db_close(db);
    return ms;
}

static void damage(const char *path)
{
    char junk[PAGE];
    struct stat facts;
    int fd = open(path, O_WRONLY | O_CLOEXEC);

    memset(junk, 0xa5, sizeof junk);
    CHECK(fd >= 0 && fstat(fd, &facts) == 0);
    CHECK(facts.st_size > (off_t)PAGE * 100);
    for (int i = 0; i < DAMAGED_PAGES; i++)
        CHECK_INT(pwrite(fd, junk, sizeof junk, facts.st_size / PAGE / 2 * PAGE + (off_t)i * PAGE), PAGE);
    close(fd);
}

static bool has_file(const struct place *p, const char *end)
{
    char path[128];

    snprintf(path, sizeof path, "%s%s", p->path, end);
    return access(path, F_OK) == 0;
}

/* ---- when it is checked ---- */

TEST(unclean_stop, a_server_that_stopped_as_it_should_leaves_nothing_to_check)
{
    struct place p;
    struct aa_db *db;

    place_make(&p);
    for (int i = 0; i < 2; i++) {
        db = serve(&p);
        CHECK_INT(aa_db_check_ms(db), NOT_CHECKED);
        CHECK(has_file(&p, "-running"));
        aa_db_close(db);
        CHECK(!has_file(&p, "-running"));
    }
    folder_remove(p.folder);
}

TEST(unclean_stop, a_server_that_was_killed_is_known_to_the_next_which_checks_once)
{
    struct place p;

    place_make(&p);
    serve_and_die(&p);
    CHECK(has_file(&p, "-running"));
    CHECK(check_of_next(&p) >= 0);
    CHECK_INT(said, 1);
    CHECK_INT(check_of_next(&p), NOT_CHECKED);
    CHECK_INT(said, 0);
    folder_remove(p.folder);
}

/* Its last connection moves the log into the file and removes it: nothing of SQLite's own tells of the kill then. */
TEST(unclean_stop, the_command_line_neither_hides_it_nor_looks_like_it)
{
    struct place p;
    struct aa_db *db;

    place_make(&p);
    serve_and_die(&p);
    db = open_as(&p, false);
    CHECK_INT(aa_db_check_ms(db), NOT_CHECKED);
    aa_db_close(db);
    CHECK(!has_file(&p, "-wal"));
    CHECK(check_of_next(&p) >= 0);
    folder_remove(p.folder);
}

TEST(unclean_stop, servers_that_share_a_file_do_not_take_each_other_for_dead)
{
    struct place p;
    struct aa_db *one, *two;

    place_make(&p);
    one = serve(&p);
    two = serve(&p);
    CHECK_INT(aa_db_check_ms(two), NOT_CHECKED);
    aa_db_close(one); /* the one that came first is gone, and its place is free again */
    one = serve(&p);
    CHECK_INT(aa_db_check_ms(one), NOT_CHECKED);
    aa_db_close(two);
    aa_db_close(one);
    CHECK(!has_file(&p, "-running") && !has_file(&p, "-running-2"));
    folder_remove(p.folder);
}

TEST(unclean_stop, one_of_two_that_was_killed_is_known_while_the_other_goes_on)
{
    struct place p;
    pid_t one, two;

    place_make(&p);
    one = serve_apart(&p);
    two = serve_apart(&p);
    end_it(one);
    CHECK(check_of_next(&p) >= 0);
    CHECK_INT(check_of_next(&p), NOT_CHECKED);
    end_it(two);
    CHECK(check_of_next(&p) >= 0);
    CHECK_INT(check_of_next(&p), NOT_CHECKED);
    CHECK(!has_file(&p, "-running") && !has_file(&p, "-running-2") && !has_file(&p, "-running-3"));
    folder_remove(p.folder);
}

/* A start that fails neither forgets a server that died, unless the pages were checked by then, nor looks like one. */
TEST(unclean_stop, is_known_until_it_was_checked_also_when_memory_runs_out)
{
    for (int died = 0; died < 2; died++) {
        enum aa_err rc = AA_ERR_NOMEM;
        struct aa_db *db = NULL;
        bool is_left = died;
        struct place p;

        place_make(&p);
        if (died)
            serve_and_die(&p);
        for (size_t nth = 1; rc; nth++) {
            aa_mem_fail_at(nth, false);
            rc = try_open(&p, true, &db, NULL);
            aa_mem_fail_at(0, false);
            if (rc && nth == 1)
                CHECK(has_file(&p, "-running") == died);
            if (rc)
                is_left = has_file(&p, "-running");
        }
        CHECK((aa_db_check_ms(db) >= 0) == is_left);
        aa_db_close(db);
        CHECK(!has_file(&p, "-running"));
        folder_remove(p.folder);
    }
}

/* ---- when it is damaged ---- */

TEST(unclean_stop, a_damaged_file_is_refused_until_a_backup_takes_its_place)
{
    struct aa_error err = AA_ERROR_INIT;
    struct aa_buf kept;
    struct aa_db_facts facts;
    struct aa_db *db = NULL;
    char backup[128];
    struct place p;

    place_make(&p);
    aa_buf_init(&kept, 256);
    snprintf(backup, sizeof backup, "%s/backup", p.folder);
    CHECK_OK(aa_db_backup(p.path, backup, false, &facts, NULL));
    serve_and_die(&p);
    damage(p.path);
    for (int i = 0; i < 2; i++) { /* what was found is not forgotten */
        err = (struct aa_error)AA_ERROR_INIT;
        CHECK_ERR(try_open(&p, true, &db, &err), AA_ERR_STORE);
        CHECK(strstr(err.message, "did not stop as it should") && strstr(err.message, "damaged"));
        CHECK(strstr(err.message, "restore FILE") != NULL);
    }
    CHECK_OK(aa_db_restore(p.path, backup, true, 0, &facts, &kept, NULL));
    CHECK(check_of_next(&p) >= 0);
    aa_buf_clear(&kept);
    folder_remove(p.folder);
}

/* A start is quick, so it looks only when there is a reason. */
TEST(unclean_stop, without_one_nobody_looks_at_the_pages)
{
    struct place p;

    place_make(&p);
    damage(p.path);
    aa_db_close(serve(&p));
    folder_remove(p.folder);
}

/* ---- the whole server ---- */

static void read_log(struct shell *s, char *out, size_t size)
{
    char path[128];
    FILE *file;
    size_t len;

    snprintf(path, sizeof path, "%s/log", s->folder);
    file = fopen(path, "r");
    CHECK(file != NULL);
    len = fread(out, 1, size - 1, file);
    out[len] = '\0';
    fclose(file);
}

TEST(unclean_stop, a_killed_server_says_at_its_next_start_that_all_is_well)
{
    static char log[65536];
    struct shell s;
    struct shell_server server;

    shell_open(&s);
    shell_serve(&s, &server);
    CHECK_INT(kill(server.pid, SIGKILL), 0);
    CHECK_INT(waitpid(server.pid, NULL, 0), server.pid);
    close(server.ready_end);
    shell_serve(&s, &server);
    CHECK_INT(shell_http(&s, &server, "GET", "/readyz", "", ""), 200);
    CHECK_INT(shell_stop(&server, SIGTERM), 0);
    read_log(&s, log, sizeof log);
    CHECK(strstr(log, "the pages of the database were checked in") != NULL);
    shell_close(&s);
}

TEST(unclean_stop, a_killed_server_does_not_start_on_a_damaged_file)
{
    struct shell s;
    struct shell_server server;
    struct place p;

    shell_open(&s);
    shell_succeeds(&s, "init");
    snprintf(p.path, sizeof p.path, "%s", s.database);
    fill(&p);
    shell_serve(&s, &server);
    CHECK_INT(kill(server.pid, SIGKILL), 0);
    CHECK_INT(waitpid(server.pid, NULL, 0), server.pid);
    close(server.ready_end);
    damage(s.database);
    CHECK_INT(shell_run(&s, "serve"), 1);
    CHECK(strstr(s.err, "checked now\nauth-agent-server: ") != NULL);
    CHECK(strstr(s.err, "restore FILE") != NULL);
    shell_close(&s);
}

/* backup, restore, migrate: as processes, on files. */
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "db/backup.h"
#include "support_shell.h"

static void path_in(const struct shell *s, const char *name, char *out, size_t size)
{
    snprintf(out, size, "%s/%s", s->folder, name);
}

static bool is_there(const struct shell *s, const char *name)
{
    char path[128];

    path_in(s, name, path, sizeof path);
    return access(path, F_OK) == 0;
}

/* How many files of a folder have a name that begins so. The last one's name goes to `found`. */
static int count_files(const struct shell *s, const char *folder, const char *prefix, char *found, size_t size)
{
    char path[128];
    struct dirent *entry;
    int count = 0;
    DIR *entries;

    path_in(s, folder, path, sizeof path);
    entries = opendir(path);
    CHECK(entries != NULL);
    while ((entry = readdir(entries)) != NULL) {
        if (strncmp(entry->d_name, prefix, strlen(prefix)) != 0 || entry->d_name[0] == '.')
            continue;
        count++;
        if (found)
            snprintf(found, size, "%s/%s", path, entry->d_name);
    }
    closedir(entries);
    return count;
}

static void add_person(struct shell *s, const char *email)
{
    char line[128];

    snprintf(line, sizeof line, "user add %s --generate-password", email);
    shell_succeeds(s, line);
}

/* Does the database at this path know the person? */
static bool knows(struct shell *s, const char *database, const char *email)
{
    char line[256];

    snprintf(line, sizeof line, "user list --database %s", database);
    shell_succeeds(s, line);
    return strstr(s->out, email) != NULL;
}

static void write_at(const char *path, long offset, const char *bytes, size_t len)
{
    FILE *file = fopen(path, "r+");

    CHECK(file != NULL);
    CHECK_INT(fseek(file, offset, SEEK_SET), 0);
    CHECK_INT(fwrite(bytes, 1, len, file), len);
    CHECK_INT(fclose(file), 0);
}

static void limit_files(rlim_t bytes)
{
    struct rlimit limit;

    signal(SIGXFSZ, SIG_IGN);
    CHECK_INT(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes;
    CHECK_INT(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* ---- backup ---- */

TEST(backup, of_a_running_server_is_one_whole_private_file)
{
    struct shell s;
    struct shell_server server;
    struct stat facts;
    char path[128], rows[32];

    shell_open(&s);
    path_in(&s, "copy.db", path, sizeof path);
    shell_serve(&s, &server);
    add_person(&s, "ann@example.com");
    shell_succeeds(&s, "backup copy.db --json");
    shell_member(&s, "rows", rows, sizeof rows);
    CHECK(atoi(rows) > 2);
    add_person(&s, "bob@example.com");
    CHECK_INT(shell_stop(&server, SIGTERM), 0);
    CHECK_INT(stat(path, &facts), 0);
    CHECK_INT(facts.st_mode & 0777, 0600);
    CHECK_INT(count_files(&s, ".", "copy.db", NULL, 0), 1);
    CHECK(knows(&s, path, "ann@example.com"));
    CHECK(!knows(&s, path, "bob@example.com")); /* it is of the moment it was taken */
    shell_close(&s);
}

TEST(backup, is_taken_while_others_write)
{
    struct shell s;
    struct shell_server server;

    shell_open(&s);
    shell_serve(&s, &server);
    for (int i = 0; i < 5; i++) {
        char line[64], path[128];

        snprintf(line, sizeof line, "person%d@example.com", i);
        add_person(&s, line);
        snprintf(line, sizeof line, "backup copy%d.db", i);
        shell_succeeds(&s, line);
        snprintf(line, sizeof line, "copy%d.db", i);
        path_in(&s, line, path, sizeof path);
        snprintf(line, sizeof line, "person%d@example.com", i);
        CHECK(knows(&s, path, line));
    }
    CHECK_INT(shell_stop(&server, SIGTERM), 0);
    shell_close(&s);
}

TEST(backup, overwrites_only_when_told)
{
    struct shell s;
    char path[128];

    shell_open(&s);
    path_in(&s, "copy.db", path, sizeof path);
    shell_succeeds(&s, "init");
    shell_succeeds(&s, "backup copy.db");
    add_person(&s, "ann@example.com");
    shell_fails(&s, "backup copy.db", 1, "--force");
    CHECK(!knows(&s, path, "ann@example.com"));
    shell_succeeds(&s, "backup copy.db --force");
    CHECK(knows(&s, path, "ann@example.com"));
    shell_close(&s);
}

TEST(backup, of_a_damaged_database_fails_and_leaves_nothing)
{
    char junk[4096];
    struct shell s;

    shell_open(&s);
    shell_succeeds(&s, "init");
    shell_succeeds(&s, "backup good.db");
    memset(junk, 'x', sizeof junk);
    write_at(s.database, 5 * 4096, junk, sizeof junk);
    shell_fails(&s, "backup copy.db", 1, "damaged");
    CHECK_INT(count_files(&s, ".", "copy.db", NULL, 0), 0);
    shell_close(&s);
}

TEST(backup, tells_where_it_cannot_write_or_read)
{
    struct shell s;

    shell_open(&s);
    shell_fails(&s, "backup copy.db", 1, "no database");
    shell_succeeds(&s, "init");
    shell_fails(&s, "backup nowhere/copy.db", 1, "cannot be written: No such file");
    shell_fails(&s, "backup /proc/copy.db", 1, "cannot be written");
    shell_fails(&s, "backup copy.db --database :memory:", 2, "in-memory");
    shell_fails(&s, "backup copy.db --database postgresql://localhost/x", 2, "pg_dump");
    shell_fails(&s, "restore copy.db --database postgresql://localhost/x", 2, "pg_restore");
    shell_succeeds(&s, "backup copy.db");
    shell_close(&s);
}

/* A disk that is full, as far as one file is concerned. */
TEST(backup, that_does_not_fit_leaves_the_one_before_as_it_was)
{
    struct shell s;
    char path[128];

    shell_open(&s);
    path_in(&s, "copy.db", path, sizeof path);
    shell_succeeds(&s, "init");
    add_person(&s, "ann@example.com");
    shell_succeeds(&s, "backup copy.db");
    limit_files(64 * 1024);
    shell_fails(&s, "backup copy.db --force", 1, "cannot be copied");
    limit_files(RLIM_INFINITY);
    CHECK_INT(count_files(&s, ".", "copy.db", NULL, 0), 1);
    CHECK(knows(&s, path, "ann@example.com"));
    shell_succeeds(&s, "backup copy.db --force");
    shell_close(&s);
}

TEST(backup, leaves_nothing_behind_when_memory_runs_out)
{
    struct aa_db_facts facts;
    enum aa_err rc = AA_ERR_NOMEM;
    size_t failures = 0;
    struct shell s;
    char path[128];

    shell_open(&s);
    path_in(&s, "copy.db", path, sizeof path);
    shell_succeeds(&s, "init");
    for (size_t nth = 1; rc; nth++) {
        aa_mem_fail_at(nth, false);
        rc = aa_db_backup(s.database, path, false, &facts, NULL);
        aa_mem_fail_at(0, false);
        CHECK_INT(count_files(&s, ".", "copy.db", NULL, 0), rc ? 0 : 1);
        failures += rc != AA_OK;
    }
    CHECK(failures > 10);
    CHECK(facts.rows > 0);
    shell_close(&s);
}

/* ---- restore ---- */

TEST(restore, puts_the_backup_in_place_and_keeps_what_was_there)
{
    struct shell s;
    char kept[256];

    shell_open(&s);
    shell_succeeds(&s, "init");
    add_person(&s, "ann@example.com");
    shell_succeeds(&s, "backup copy.db");
    add_person(&s, "bob@example.com");
    shell_fails(&s, "restore copy.db", 1, "--force");
    CHECK(knows(&s, s.database, "bob@example.com"));
    shell_succeeds(&s, "restore copy.db --force --json");
    shell_member(&s, "kept", kept, sizeof kept);
    CHECK(knows(&s, s.database, "ann@example.com"));
    CHECK(!knows(&s, s.database, "bob@example.com"));
    CHECK(knows(&s, kept, "bob@example.com"));
    shell_close(&s);
}

TEST(restore, makes_a_database_where_there_is_none)
{
    struct shell s;
    struct stat facts;

    shell_open(&s);
    shell_succeeds(&s, "init");
    add_person(&s, "ann@example.com");
    shell_succeeds(&s, "backup copy.db");
    CHECK_INT(unlink(s.database), 0);
    shell_succeeds(&s, "restore copy.db");
    CHECK(strstr(s.out, "kept") == NULL);
    CHECK(knows(&s, s.database, "ann@example.com"));
    CHECK_INT(stat(s.database, &facts), 0);
    CHECK_INT(facts.st_mode & 0777, 0600);
    shell_close(&s);
}

TEST(restore, is_refused_while_the_server_runs)
{
    struct shell s;
    struct shell_server server;

    shell_open(&s);
    shell_serve(&s, &server);
    shell_succeeds(&s, "backup copy.db");
    add_person(&s, "ann@example.com");
    shell_fails(&s, "restore copy.db --force", 1, "stop the server first");
    CHECK_INT(count_files(&s, "var", "auth-agent.db.before", NULL, 0), 0);
    CHECK_INT(shell_http(&s, &server, "GET", "/.well-known/jwks.json", "", ""), 200);
    CHECK(knows(&s, s.database, "ann@example.com"));
    CHECK_INT(shell_stop(&server, SIGTERM), 0);
    shell_succeeds(&s, "restore copy.db --force");
    CHECK(!knows(&s, s.database, "ann@example.com"));
    shell_close(&s);
}

/* What a server that was killed leaves in its log belongs to the old database: replayed into the restored one it would
 * damage it. */
TEST(restore, keeps_the_log_of_a_killed_server_with_the_old_database)
{
    struct shell s;
    struct shell_server server;
    char kept[256], wal[300];

    shell_open(&s);
    shell_serve(&s, &server);
    shell_succeeds(&s, "backup copy.db");
    add_person(&s, "ann@example.com");
    CHECK_INT(kill(server.pid, SIGKILL), 0);
    usleep(200000);
    snprintf(wal, sizeof wal, "%s-wal", s.database);
    CHECK_INT(access(wal, F_OK), 0);
    shell_succeeds(&s, "restore copy.db --force --json");
    shell_member(&s, "kept", kept, sizeof kept);
    CHECK(access(wal, F_OK) != 0);
    CHECK(!knows(&s, s.database, "ann@example.com"));
    CHECK(knows(&s, kept, "ann@example.com"));
    shell_succeeds(&s, "backup again.db");
    close(server.ready_end);
    shell_close(&s);
}

TEST(restore, replaces_a_database_that_is_damaged_beyond_opening)
{
    struct shell s;

    shell_open(&s);
    shell_succeeds(&s, "init");
    add_person(&s, "ann@example.com");
    shell_succeeds(&s, "backup copy.db");
    write_at(s.database, 0, "this is no database any more", 28);
    CHECK_INT(shell_run(&s, "user list"), 1);
    shell_succeeds(&s, "restore copy.db --force");
    CHECK(knows(&s, s.database, "ann@example.com"));
    shell_close(&s);
}

TEST(restore, takes_only_a_whole_backup_of_ours)
{
    struct shell s;
    char path[128], junk[4096];

    shell_open(&s);
    shell_succeeds(&s, "init");
    add_person(&s, "ann@example.com");
    path_in(&s, "copy.db", path, sizeof path);
    shell_fails(&s, "restore copy.db --force", 1, "no database");
    shell_succeeds(&s, "backup copy.db");
    memset(junk, 'x', sizeof junk);
    write_at(path, 5 * 4096, junk, sizeof junk);
    shell_fails(&s, "restore copy.db --force", 1, "damaged");
    write_at(path, 0, junk, sizeof junk);
    shell_fails(&s, "restore copy.db --force", 1, "not a database");
    CHECK_INT(truncate(path, 0), 0);
    shell_fails(&s, "restore copy.db --force", 1, "is empty");
    CHECK(knows(&s, s.database, "ann@example.com"));
    CHECK_INT(count_files(&s, "var", "auth-agent.db.", NULL, 0), 1); /* the master key: nothing was left lying about */
    shell_close(&s);
}

TEST(restore, that_does_not_fit_leaves_the_database_as_it_was)
{
    struct shell s;

    shell_open(&s);
    shell_succeeds(&s, "init");
    add_person(&s, "ann@example.com");
    shell_succeeds(&s, "backup copy.db");
    add_person(&s, "bob@example.com");
    limit_files(64 * 1024);
    shell_fails(&s, "restore copy.db --force", 1, "cannot be copied");
    limit_files(RLIM_INFINITY);
    CHECK(knows(&s, s.database, "bob@example.com"));
    CHECK_INT(count_files(&s, "var", "auth-agent.db.", NULL, 0), 1);
    shell_close(&s);
}

TEST(restore, leaves_the_database_as_it_was_when_memory_runs_out)
{
    struct aa_db_facts facts;
    enum aa_err rc = AA_ERR_NOMEM;
    size_t failures = 0;
    struct aa_buf kept;
    struct shell s;
    char path[128];

    shell_open(&s);
    path_in(&s, "copy.db", path, sizeof path);
    shell_succeeds(&s, "init");
    shell_succeeds(&s, "backup copy.db");
    add_person(&s, "ann@example.com");
    aa_buf_init(&kept, 512);
    for (size_t nth = 1; rc; nth++) {
        aa_buf_reset(&kept);
        aa_mem_fail_at(nth, false);
        rc = aa_db_restore(s.database, path, true, 1000, &facts, &kept, NULL);
        aa_mem_fail_at(0, false);
        CHECK_INT(count_files(&s, "var", "auth-agent.db.", NULL, 0), rc ? 1 : 2);
        failures += rc != AA_OK;
    }
    CHECK(failures > 10);
    CHECK(knows(&s, aa_buf_text(&kept), "ann@example.com"));
    CHECK(!knows(&s, s.database, "ann@example.com"));
    aa_buf_clear(&kept);
    shell_close(&s);
}

/* ---- migrate ---- */

TEST(migrate, tells_the_schema_of_database_and_program)
{
    struct shell s;
    char database[16], program[16];

    shell_open(&s);
    shell_fails(&s, "migrate", 1, "no database");
    shell_fails(&s, "migrate --status", 1, "no database");
    CHECK(!is_there(&s, "var/auth-agent.db"));
    shell_succeeds(&s, "init");
    shell_succeeds(&s, "migrate --status --json");
    shell_member(&s, "database_schema", database, sizeof database);
    shell_member(&s, "program_schema", program, sizeof program);
    CHECK_TEXT(database, program);
    CHECK(strstr(s.out, "up to date") != NULL);
    shell_succeeds(&s, "migrate");
    CHECK(strstr(s.out, "up to date") != NULL);
    shell_close(&s);
}

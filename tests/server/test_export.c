/* export and import: as processes, on files. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "crypto/crypto.h"
#include "main/cli.h"
#include "support_shell.h"

#define DOCUMENT_MAX (512 * 1024)

static void read_document(const struct shell *s, const char *name, char *out)
{
    char path[128];
    FILE *file;
    size_t len;

    snprintf(path, sizeof path, "%s/%s", s->folder, name);
    file = fopen(path, "r");
    CHECK(file != NULL);
    len = fread(out, 1, DOCUMENT_MAX - 1, file);
    out[len] = '\0';
    fclose(file);
}

static void write_document(const struct shell *s, const char *name, const char *text)
{
    char path[128];
    FILE *file;

    snprintf(path, sizeof path, "%s/%s", s->folder, name);
    file = fopen(path, "w");
    CHECK(file != NULL);
    fputs(text, file);
    CHECK_INT(fclose(file), 0);
}

/* Replaces the first `what`; it must be there. */
static void replace(char *text, const char *what, const char *with)
{
    static char copy[DOCUMENT_MAX];
    char *at = strstr(text, what);

    if (!at)
        fail_msg("there is no %s", what);
    snprintf(copy, sizeof copy, "%s", at + strlen(what));
    snprintf(at, DOCUMENT_MAX - (size_t)(at - text), "%s%s", with, copy);
}

/* The digest as the format says, computed by hand: of a document that was changed on purpose. */
static void seal_again(char *text)
{
    uint8_t digest[AA_SHA256_LEN] = {0};
    static char joined[DOCUMENT_MAX];
    char *line = text, *end;

    for (; (end = strchr(line, '\n')) != NULL && strncmp(line, "{\"end\"", 6) != 0; line = end + 1) {
        size_t len = (size_t)(end - line) + 1;

        memcpy(joined, digest, sizeof digest);
        memcpy(joined + sizeof digest, line, len);
        CHECK_OK(aa_sha256(aa_view_make(joined, sizeof digest + len), digest));
    }
    line += sprintf(line, "{\"end\":true,\"sha256\":\"");
    for (size_t i = 0; i < sizeof digest; i++)
        line += sprintf(line, "%02x", digest[i]);
    sprintf(line, "\"}\n");
}

/* An installation with a little of everything the command line makes, exported to all.jsonl. */
static void open_exported(struct shell *s, char *document)
{
    CHECK_OK(aa_crypto_init(NULL));
    shell_open(s);
    shell_succeeds(s, "init");
    CHECK_INT(
        shell_run_with(s, "correct horse battery\n", "user add ann@example.com --name Ann\u00e9 --password-stdin"), 0);
    shell_succeeds(s, "server add http://localhost:8001/mcp --name Files --scopes files:read");
    shell_succeeds(s, "client add http://localhost/callback --name \"Tool\"");
    shell_succeeds(s, "export all.jsonl");
    CHECK_TEXT(s->out, "");
    if (document)
        read_document(s, "all.jsonl", document);
}

/* Between the first line (which tells the time) and the last. */
static char *rows_of(char *document)
{
    char *start = strchr(document, '\n'), *end = strstr(document, "{\"end\"");

    CHECK(start && end);
    *end = '\0';
    return start;
}

TEST(export, what_is_imported_exports_the_same)
{
    static char before[DOCUMENT_MAX], after[DOCUMENT_MAX];
    struct shell s;
    struct stat facts;
    char path[128];

    open_exported(&s, before);
    snprintf(path, sizeof path, "%s/all.jsonl", s.folder);
    CHECK_INT(stat(path, &facts), 0);
    CHECK_INT(facts.st_mode & 0777, 0600);
    shell_succeeds(&s, "import all.jsonl --database new.db");
    CHECK(strstr(s.out, "master key") != NULL); /* it did not come along */
    shell_succeeds(&s, "export again.jsonl --database new.db");
    read_document(&s, "again.jsonl", after);
    CHECK_TEXT(rows_of(after), rows_of(before));
    CHECK(strstr(before, "ann@example.com") != NULL);
    shell_close(&s);
}

TEST(export, holds_no_secret_in_clear)
{
    static char document[DOCUMENT_MAX];
    char token[128];
    struct shell s;

    open_exported(&s, NULL);
    shell_succeeds(&s, "init --new-admin-token --json");
    shell_member(&s, "admin_token", token, sizeof token);
    shell_succeeds(&s, "export all.jsonl --force");
    read_document(&s, "all.jsonl", document);
    CHECK(strstr(document, "admin_token_digest") != NULL);
    CHECK(strstr(document, token) == NULL);
    CHECK(strstr(document, "horse") == NULL);
    shell_close(&s);
}

TEST(export, the_moved_installation_works_with_its_master_key)
{
    struct shell s;
    char line[256];

    open_exported(&s, NULL);
    snprintf(line, sizeof line, "import all.jsonl --database new.db --master-key-file %s.key", s.database);
    shell_succeeds(&s, line);
    CHECK(strstr(s.out, "master key") == NULL);
    snprintf(line, sizeof line, "init --database new.db --master-key-file %s.key", s.database);
    shell_succeeds(&s, line);
    CHECK(strstr(s.out, "set up before") != NULL); /* also the administrator's token came along */
    shell_close(&s);
}

TEST(export, another_issuer_is_pointed_out)
{
    struct shell s;

    open_exported(&s, NULL);
    shell_succeeds(&s, "import all.jsonl --database new.db --port 9999");
    CHECK(strstr(s.out, "http://localhost:9999") != NULL);
    shell_succeeds(&s, "import all.jsonl --database newer.db");
    CHECK(strstr(s.out, "http://localhost") == NULL);
    shell_close(&s);
}

TEST(export, goes_through_pipes_too)
{
    static char document[DOCUMENT_MAX];
    struct shell s;

    open_exported(&s, NULL);
    shell_succeeds(&s, "export -");
    snprintf(document, sizeof document, "%s", s.out);
    CHECK_INT(shell_run_with(&s, document, "import - --database new.db"), 0);
    shell_succeeds(&s, "user list --database new.db");
    CHECK(strstr(s.out, "ann@example.com") != NULL);
    shell_close(&s);
}

TEST(export, is_taken_while_the_server_runs)
{
    struct shell s;
    struct shell_server server;

    shell_open(&s);
    shell_serve(&s, &server);
    CHECK_INT(shell_run_with(&s, "correct horse battery\n", "user add ann@example.com --password-stdin"), 0);
    shell_succeeds(&s, "export all.jsonl");
    shell_fails(&s, "import all.jsonl", 1, "not empty");
    CHECK_INT(shell_http(&s, &server, "GET", "/.well-known/jwks.json", "", ""), 200);
    CHECK_INT(shell_stop(&server, SIGTERM), 0);
    shell_succeeds(&s, "import all.jsonl --database new.db");
    shell_succeeds(&s, "user list --database new.db");
    CHECK(strstr(s.out, "ann@example.com") != NULL);
    shell_close(&s);
}

TEST(export, overwrites_only_when_told_and_tells_where_it_cannot_write)
{
    struct shell s;

    open_exported(&s, NULL);
    shell_fails(&s, "export all.jsonl", 1, "--force");
    shell_succeeds(&s, "export all.jsonl --force");
    shell_fails(&s, "export nowhere/all.jsonl", 1, "cannot be written");
    shell_fails(&s, "export new.jsonl --database none.db", 1, "no database");
    CHECK_INT(shell_run(&s, "import nothing.jsonl --database new.db"), 1);
    shell_close(&s);
}

TEST(export, onto_a_full_disk_is_a_failure)
{
    char program[] = "auth-agent-server", word[] = "export", dash[] = "-";
    char *argv[] = {program, word, dash, NULL};
    struct shell s;
    int status = -1;
    pid_t child;

    open_exported(&s, NULL);
    fflush(NULL);
    child = fork();
    if (child == 0) {
        shell_redirect("/dev/full", O_WRONLY, STDOUT_FILENO);
        shell_redirect("/dev/null", O_WRONLY, STDERR_FILENO);
        exit(aa_cli_run(3, argv));
    }
    CHECK_INT(waitpid(child, &status, 0), child);
    CHECK(WIFEXITED(status));
    CHECK_INT(WEXITSTATUS(status), 1);
    shell_close(&s);
}

/* ---- what is refused ---- */

TEST(import, goes_into_an_empty_database_only)
{
    struct shell s;

    open_exported(&s, NULL);
    shell_fails(&s, "import all.jsonl", 1, "not empty");
    shell_succeeds(&s, "init --database other.db");
    shell_fails(&s, "import all.jsonl --database other.db", 1, "not empty");
    shell_succeeds(&s, "import all.jsonl --database new.db");
    shell_fails(&s, "import all.jsonl --database new.db", 1, "not empty");
    shell_close(&s);
}

/* The document, changed as `what` and `with` say and sealed again if asked, is refused with a message that holds `why`,
 * and leaves the new database empty, so that the right one still goes in. */
static void refuses(const char *what, const char *with, bool sealed, const char *why)
{
    static char document[DOCUMENT_MAX];
    struct shell s;

    open_exported(&s, document);
    replace(document, what, with);
    if (sealed)
        seal_again(document);
    write_document(&s, "changed.jsonl", document);
    shell_fails(&s, "import changed.jsonl --database new.db", 1, why);
    shell_succeeds(&s, "import all.jsonl --database new.db");
    shell_close(&s);
}

/* The control of those below: sealing again by hand gives the digest that the program computes. */
TEST(import, takes_a_document_that_was_changed_on_purpose)
{
    static char document[DOCUMENT_MAX];
    struct shell s;

    open_exported(&s, document);
    replace(document, "ann@example.com", "eve@example.com");
    seal_again(document);
    write_document(&s, "changed.jsonl", document);
    shell_succeeds(&s, "import changed.jsonl --database new.db");
    shell_succeeds(&s, "user list --database new.db");
    CHECK(strstr(s.out, "eve@example.com") != NULL);
    shell_close(&s);
}

TEST(import, notices_a_changed_byte)
{
    refuses("ann@example.com", "eve@example.com", false, "the digest is not that of the lines before");
}

TEST(import, notices_that_the_end_is_missing)
{
    static char document[DOCUMENT_MAX];
    struct shell s;

    open_exported(&s, document);
    *strstr(document, "{\"end\"") = '\0';
    write_document(&s, "cut.jsonl", document);
    shell_fails(&s, "import cut.jsonl --database new.db", 1, "cut off");
    document[strlen(document) - 5] = '\0';
    write_document(&s, "cut.jsonl", document);
    shell_fails(&s, "import cut.jsonl --database new.db", 1, "cut off");
    write_document(&s, "cut.jsonl", "");
    shell_fails(&s, "import cut.jsonl --database new.db", 1, "cut off");
    shell_succeeds(&s, "import all.jsonl --database new.db");
    shell_close(&s);
}

TEST(import, refuses_other_formats_versions_and_schemas)
{
    refuses("auth-agent-export", "something-else", true, "is no export");
    refuses("\"version\":1", "\"version\":2", true, "version 2 of the format");
    refuses("\"schema\":", "\"schema\":9", true, "and this program");
    refuses("{\"format\"", "[{\"format\"", true, "line 1: it is no JSON");
}

TEST(import, refuses_rows_that_are_missing_twice_there_or_of_another_kind)
{
    refuses("\"users\":1", "\"users\":2", true, "users has 1 rows, and not the 2 it announced");
    refuses("{\"table\":\"users\"", "{\"table\":\"people\"", true, "another table was due");
    refuses("{\"table\":\"users\"", "{\"table\":\"servers\"", true, "another table was due");
    refuses("\"user_id\",\"email\"", "\"user_id\",\"e_mail\"", true, "other columns");
    refuses("[\"usr_", "[7,\"usr_", true, "does not have its table's columns");
    refuses("\"ann@example.com\"", "17", true, "not of its column's kind");
    refuses("\"ann@example.com\"", "null", true, "line 3: ");
    refuses("{\"table\":\"sessions\"", "7\n{\"table\":\"sessions\"", true, "it is no JSON");
    refuses("{\"table\":\"sessions\"", "{}\n{\"table\":\"sessions\"", true, "neither a row nor a table nor the end");
}

TEST(import, refuses_a_row_that_is_there_twice_or_refers_to_nothing)
{
    static char document[DOCUMENT_MAX], row[4096];
    struct shell s;
    char *start, *end;

    open_exported(&s, document);
    start = strstr(document, "[\"usr_");
    end = strchr(start, '\n');
    snprintf(row, sizeof row, "%.*s\n[\"usr_", (int)(end - start), start);
    replace(document, "[\"usr_", row);
    replace(document, "\"users\":1", "\"users\":2");
    seal_again(document);
    write_document(&s, "twice.jsonl", document);
    shell_fails(&s, "import twice.jsonl --database new.db", 1, "there already");
    read_document(&s, "all.jsonl", document);
    replace(document, "{\"table\":\"servers\"", "[\"AAAA\",\"usr_nobody\",1,2,3]\n{\"table\":\"servers\"");
    replace(document, "\"sessions\":0", "\"sessions\":1");
    seal_again(document);
    write_document(&s, "lost.jsonl", document);
    shell_fails(&s, "import lost.jsonl --database new.db", 1, "refers to one that is not there");
    shell_succeeds(&s, "import all.jsonl --database new.db");
    shell_close(&s);
}

/* ---- a disk that is full ---- */

static void limit_files(rlim_t bytes)
{
    struct rlimit limit;

    signal(SIGXFSZ, SIG_IGN);
    CHECK_INT(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes;
    CHECK_INT(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* 2000 more settings of some size. */
static void grow(char *document)
{
    static char rows[2000 * 128 + 64];
    char *at = rows;
    char counted[32], grown[32];
    int settings;

    CHECK_INT(sscanf(strstr(document, "\"settings\":"), "\"settings\":%d", &settings), 1);
    snprintf(counted, sizeof counted, "\"settings\":%d,", settings);
    snprintf(grown, sizeof grown, "\"settings\":%d,", settings + 2000);
    replace(document, counted, grown);
    for (int i = 0; i < 2000; i++)
        at += sprintf(at, "[\"a_setting_of_some_length_that_takes_its_room_%05d\",\"%064d\"]\n", i, 0);
    sprintf(at, "{\"table\":\"lockouts\"");
    replace(document, "{\"table\":\"lockouts\"", rows);
    seal_again(document);
}

TEST(import, that_does_not_fit_leaves_the_database_empty)
{
    static char document[DOCUMENT_MAX];
    struct shell s;
    int settings = 0;

    open_exported(&s, document);
    grow(document);
    write_document(&s, "large.jsonl", document);
    limit_files(400 * 1024);
    shell_succeeds(&s, "import all.jsonl --database small.db"); /* there is room for this much */
    shell_fails(&s, "import large.jsonl --database new.db", 1, "auth-agent-server: ");
    limit_files(RLIM_INFINITY);
    shell_succeeds(&s, "import large.jsonl --database new.db"); /* it was empty, and is whole */
    CHECK_INT(sscanf(strstr(s.out, "settings"), "settings %d", &settings), 1);
    CHECK(settings > 2000);
    shell_close(&s);
}

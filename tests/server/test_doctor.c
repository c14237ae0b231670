/* doctor: what it finds, each beside an installation that is well. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "db/db.h"
#include "support_shell.h"

static bool finds(const struct shell *s, const char *finding, const char *about, const char *text)
{
    char start[64];

    snprintf(start, sizeof start, "%-5s %-14s ", finding, about);
    for (const char *line = s->out; line && *line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
        const char *end = strchr(line, '\n'), *at = strstr(line, text);

        if (strncmp(line, start, strlen(start)) == 0 && at && (!end || at < end))
            return true;
    }
    return false;
}

/* It has that failure, and ends with 1. */
static void fails_with(struct shell *s, const char *about, const char *text)
{
    CHECK_INT(shell_run(s, "doctor"), 1);
    if (!finds(s, "fail", about, text))
        fail_msg("no such finding:\n%s", s->out);
    CHECK(strstr(s->err, "are failures") != NULL);
}

static void is_well(struct shell *s)
{
    int status = shell_run(s, "doctor");

    if (status != 0 || strstr(s->out, "fail "))
        fail_msg("%d:\n%s%s", status, s->out, s->err);
}

static void key_path(const struct shell *s, char *out, size_t size)
{
    snprintf(out, size, "%s.key", s->database);
}

/* ---- well ---- */

TEST(doctor, finds_nothing_wrong_with_a_running_server)
{
    struct shell s;
    struct shell_server server;
    char line[128];

    shell_open(&s);
    shell_succeeds(&s, "init");
    shell_serve(&s, &server);
    snprintf(line, sizeof line, "doctor --issuer=http://127.0.0.1:%d", server.port);
    shell_succeeds(&s, line);
    CHECK(finds(&s, "ok", "issuer", "answers"));
    CHECK(finds(&s, "ok", "database", "whole"));
    CHECK(finds(&s, "ok", "database", "its owner's alone"));
    CHECK(finds(&s, "ok", "schema", ""));
    CHECK(finds(&s, "ok", "master key", "opens the signing keys"));
    CHECK(finds(&s, "ok", "admin token", ""));
    CHECK(finds(&s, "ok", "audit", ""));
    CHECK(finds(&s, "ok", "clock", ""));
    CHECK(strstr(s.out, "fail") == NULL);
    CHECK_INT(shell_stop(&server, SIGTERM), 0);
    shell_close(&s);
}

TEST(doctor, changes_nothing)
{
    struct shell s;
    struct stat before, after;
    char path[128];

    shell_open(&s);
    fails_with(&s, "database", "no database");
    CHECK(access(s.database, F_OK) != 0);
    key_path(&s, path, sizeof path);
    CHECK(access(path, F_OK) != 0);
    shell_succeeds(&s, "init");
    CHECK_INT(stat(s.database, &before), 0);
    is_well(&s);
    CHECK_INT(stat(s.database, &after), 0);
    CHECK_INT(before.st_mtim.tv_nsec, after.st_mtim.tv_nsec);
    CHECK_INT(before.st_mtim.tv_sec, after.st_mtim.tv_sec);
    shell_close(&s);
}

TEST(doctor, warns_of_an_issuer_nobody_answers_and_of_plain_http)
{
    struct shell s;

    shell_open(&s);
    shell_succeeds(&s, "init");
    shell_succeeds(&s, "doctor --issuer=http://127.0.0.1:1");
    CHECK(finds(&s, "warn", "issuer", "cannot be reached"));
    CHECK(finds(&s, "warn", "issuer", "only for programs on this machine"));
    shell_close(&s);
}

/* ---- not well ---- */

TEST(doctor, finds_an_issuer_that_is_somebody_else)
{
    struct shell s;
    struct shell_server server;
    char line[128];

    shell_open(&s);
    shell_succeeds(&s, "init");
    shell_serve(&s, &server); /* it calls itself 127.0.0.1 */
    snprintf(line, sizeof line, "doctor --issuer=http://localhost:%d", server.port);
    CHECK_INT(shell_run(&s, line), 1);
    CHECK(finds(&s, "fail", "issuer", "calls itself something else"));
    CHECK_INT(shell_stop(&server, SIGTERM), 0);
    shell_close(&s);
}

TEST(doctor, finds_files_that_others_may_read)
{
    struct shell s;
    char key[128];
    FILE *file;

    shell_open(&s);
    shell_succeeds(&s, "init");
    key_path(&s, key, sizeof key);
    CHECK_INT(chmod(s.database, 0644), 0);
    fails_with(&s, "database", "chmod 600");
    CHECK_INT(chmod(s.database, 0600), 0);
    CHECK_INT(chmod(key, 0604), 0);
    fails_with(&s, "master key", "chmod 600");
    CHECK_INT(chmod(key, 0640), 0);
    is_well(&s);
    CHECK(finds(&s, "warn", "master key", "open to its group"));
    CHECK_INT(chmod(key, 0600), 0);
    snprintf(key, sizeof key, "%s/auth-agent.conf", s.folder);
    file = fopen(key, "w");
    CHECK(file != NULL);
    fputs("admin_token = 0123456789abcdef0123456789abcdef\n", file);
    CHECK_INT(fclose(file), 0);
    CHECK_INT(chmod(key, 0644), 0);
    fails_with(&s, "configuration", "chmod 600");
    CHECK(strstr(s.out, "0123456789abcdef") == NULL);
    CHECK_INT(chmod(key, 0600), 0);
    is_well(&s);
    shell_close(&s);
}

TEST(doctor, finds_a_master_key_that_is_missing_or_another)
{
    struct shell s;
    char key[128], away[136];

    shell_open(&s);
    shell_succeeds(&s, "init");
    key_path(&s, key, sizeof key);
    snprintf(away, sizeof away, "%s.away", key);
    CHECK_INT(rename(key, away), 0);
    fails_with(&s, "master key", "is missing");
    CHECK(access(key, F_OK) != 0);
    setenv("AUTH_AGENT_MASTER_KEY", "00000000000000000000000000000000000000000000000000000000000000bb", 1);
    fails_with(&s, "master key", "cannot be unsealed");
    unsetenv("AUTH_AGENT_MASTER_KEY");
    CHECK_INT(rename(away, key), 0);
    is_well(&s);
    shell_close(&s);
}

TEST(doctor, finds_a_damaged_database)
{
    char junk[4096];
    struct shell s;
    FILE *file;

    shell_open(&s);
    shell_succeeds(&s, "init");
    memset(junk, 'x', sizeof junk);
    file = fopen(s.database, "r+");
    CHECK(file != NULL);
    CHECK_INT(fseek(file, 5 * 4096, SEEK_SET), 0);
    CHECK_INT(fwrite(junk, 1, sizeof junk, file), sizeof junk);
    CHECK_INT(fclose(file), 0);
    fails_with(&s, "database", "damaged");
    shell_close(&s);
}

static enum aa_err run_sql(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    struct aa_stmt *stmt = NULL;
    bool has_row;
    enum aa_err rc = aa_stmt_prepare(conn, ctx, &stmt, err);

    if (!rc)
        rc = aa_stmt_step(stmt, &has_row, err);
    aa_stmt_end(stmt);
    return rc;
}

/* What no command would do. */
static void tamper(struct shell *s, const char *sql)
{
    struct aa_db *db = NULL;
    char text[256];

    snprintf(text, sizeof text, "%s", sql);
    CHECK_OK(aa_db_open(&(struct aa_db_options){.url = s->database, .migrate = true}, &db, NULL));
    CHECK_OK(aa_db_write(db, run_sql, text, NULL));
    aa_db_close(db);
}

TEST(doctor, finds_a_newer_schema)
{
    struct shell s;

    shell_open(&s);
    shell_succeeds(&s, "init");
    tamper(&s, "INSERT INTO schema_migrations (version) VALUES (999)");
    fails_with(&s, "schema", "made by a newer version");
    shell_close(&s);
}

TEST(doctor, finds_an_audit_whose_end_was_cut_off)
{
    struct shell s;

    shell_open(&s);
    shell_succeeds(&s, "init");
    is_well(&s);
    tamper(&s, "DELETE FROM audit WHERE sequence = (SELECT max(sequence) FROM audit)");
    fails_with(&s, "audit", "are missing");
    shell_close(&s);
}

TEST(doctor, finds_a_grant_that_says_something_else_of_its_person)
{
    struct shell s;

    shell_open(&s);
    shell_succeeds(&s, "init");
    tamper(&s, "INSERT INTO users (user_id, email, created_ms, disabled_ms) VALUES ('usr_1', 'a@b.example', 1, 5)");
    tamper(&s, "INSERT INTO grants (grant_id, user_no, user_id, client_id, server_id, created_ms, last_used_ms, "
               "revoked_ms) SELECT 'gr_1', user_no, user_id, 'cl_1', 'srv_1', 1, 1, 0 FROM users");
    is_well(&s);
    tamper(&s, "UPDATE grants SET user_disabled_ms = 0");
    fails_with(&s, "grants", "1 do not say");
    tamper(&s, "UPDATE users SET disabled_ms = disabled_ms");
    is_well(&s);
    shell_close(&s);
}

TEST(doctor, finds_a_clock_that_went_back)
{
    struct shell s;

    shell_open(&s);
    shell_succeeds(&s, "init");
    is_well(&s);
    tamper(&s, "UPDATE audit SET time_ms = time_ms + 86400000");
    fails_with(&s, "clock", "later");
    shell_close(&s);
}

TEST(doctor, warns_of_what_is_not_set_up_yet)
{
    struct shell s;

    shell_open(&s);
    shell_succeeds(&s, "init");
    tamper(&s, "DELETE FROM settings WHERE name = 'admin_token_digest'");
    is_well(&s);
    CHECK(finds(&s, "warn", "admin token", "there is none"));
    tamper(&s, "DELETE FROM signing_keys");
    is_well(&s);
    CHECK(finds(&s, "warn", "signing keys", "there are none yet"));
    shell_succeeds(&s, "init");
    is_well(&s);
    CHECK(finds(&s, "ok", "signing keys", "1;"));
    tamper(&s, "UPDATE signing_keys SET created_ms = 1");
    is_well(&s);
    CHECK(finds(&s, "warn", "signing keys", "rotate"));
    shell_close(&s);
}

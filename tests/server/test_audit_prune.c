/* The command line and the server remove the oldest entries of the audit; what reads it says where it begins. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "domain/audit_verify.h"
#include "support_shell.h"
#include "support_store.h"

#define DAY_MS (INT64_C(24) * 3600 * 1000)
#define PATIENCE_MS 20000
#define OLD_ROWS 700 /* more than a transaction removes */

static enum aa_err append_rows(struct aa_conn *c, void *ctx, struct aa_error *err)
{
    struct aa_audit_row row = {.time_ms = ((int64_t)time(NULL) * 1000) - *(const int *)ctx * DAY_MS,
                               .event = VIEW("login")};
    enum aa_err rc = AA_OK;

    for (int i = 0; !rc && i < OLD_ROWS; i++)
        rc = aa_audit_append(c, &row, err);
    return rc;
}

static void write_rows(const struct shell *s, int days_old)
{
    struct aa_db_options options = {.url = s->database, .migrate = true};
    struct aa_db *db = NULL;

    CHECK_OK(aa_crypto_init(NULL));
    CHECK_OK(aa_db_open(&options, &db, NULL));
    CHECK_OK(aa_db_write(db, append_rows, &days_old, NULL));
    aa_db_close(db);
}

/* An installation that was used 100 days ago, and set up anew today. */
static void open_old(struct shell *s)
{
    shell_open(s);
    write_rows(s, 100);
    shell_succeeds(s, "init");
}

static enum aa_err run_sql(struct aa_conn *c, void *ctx, struct aa_error *err)
{
    struct aa_stmt *stmt = NULL;
    bool has_row;
    enum aa_err rc = aa_stmt_prepare(c, *(const char *const *)ctx, &stmt, err);

    if (!rc)
        rc = aa_stmt_step(stmt, &has_row, err);
    aa_stmt_end(stmt);
    return rc;
}

static void tamper(const struct shell *s, const char *sql)
{
    struct aa_db_options options = {.url = s->database};
    struct aa_db *db = NULL;

    CHECK_OK(aa_db_open(&options, &db, NULL));
    CHECK_OK(aa_db_write(db, run_sql, &sql, NULL));
    aa_db_close(db);
}

/* An installation all of whose entries are that old: nobody used it since, or the clock is wrong. */
static void open_aged(struct shell *s, int days_old)
{
    shell_open(s);
    shell_succeeds(s, "init");
    tamper(s, "DELETE FROM audit");
    tamper(s, "DELETE FROM audit_chains");
    write_rows(s, days_old);
    shell_succeeds(s, "audit verify");
}

static void holds(const struct shell *s, const char *text)
{
    if (!strstr(s->out, text))
        fail_msg("there is no %s in %.500s", text, s->out);
}

static void holds_not(const struct shell *s, const char *text)
{
    if (strstr(s->out, text))
        fail_msg("there is a %s in %.500s", text, s->out);
}

TEST(audit_prune, removes_what_is_older_and_the_rest_verifies)
{
    struct shell s;

    open_old(&s);
    shell_succeeds(&s, "audit verify --json");
    holds(&s, "\"pruned\": \"0\"");
    holds_not(&s, "pruned_at");
    shell_succeeds(&s, "audit prune --keep 90d --json");
    holds(&s, "\"removed\": \"700\"");
    holds(&s, "\"before\": \"20");
    shell_succeeds(&s, "audit verify --json");
    holds(&s, "\"pruned\": \"700\"");
    holds(&s, "\"pruned_at\": \"20");
    shell_succeeds(&s, "audit prune --keep 90d");
    CHECK(strncmp(s.out, "removed  0\n", 11) == 0);
    shell_close(&s);
}

TEST(audit_prune, says_so_in_the_audit)
{
    struct shell s;

    open_old(&s);
    shell_succeeds(&s, "audit prune --keep 90d");
    shell_succeeds(&s, "audit tail -n 1 --json");
    holds(&s, "\"event\":\"audit_pruned\",\"actor\":\"cli\",\"detail\":{\"through\":\"700\",\"hash\":\"");
    holds(&s, "\",\"rows\":\"700\",\"before\":\"20");
    shell_close(&s);
}

TEST(audit_prune, a_tail_and_an_export_say_where_the_audit_begins)
{
    struct shell s;

    open_old(&s);
    shell_succeeds(&s, "audit tail -n 10000");
    holds_not(&s, "begins here");
    shell_succeeds(&s, "audit export whole.jsonl");
    shell_succeeds(&s, "audit prune --keep 90d");
    shell_succeeds(&s, "audit tail -n 10000");
    CHECK(strncmp(s.out, "The audit begins here: 700 older entries were pruned.\n", 54) == 0);
    shell_succeeds(&s, "audit tail -n 10000 --json");
    CHECK(strncmp(s.out, "{\"pruned\":700}\n{\"chain\":0,\"sequence\":701,", 41) == 0);
    shell_succeeds(&s, "audit tail -n 1");
    holds_not(&s, "begins here");
    shell_succeeds(&s, "audit export -");
    CHECK(strncmp(s.out, "{\"chain\":0,\"pruned\":700,\"pruned_hash\":\"", 39) == 0);
    holds(&s, "}\n{\"chain\":0,\"sequence\":701,");
    shell_close(&s);
}

TEST(audit_prune, wants_a_time_and_not_too_short_a_one)
{
    struct shell s;

    open_old(&s);
    shell_fails(&s, "audit prune", 2, "--keep is missing");
    shell_fails(&s, "audit prune --keep 23h", 2, "--keep must be a duration");
    shell_fails(&s, "audit prune --keep 0", 2, "--keep must be a duration");
    shell_fails(&s, "audit prune --keep soon", 2, "--keep must be a duration");
    shell_fails(&s, "audit prune --keep 36501d", 2, "--keep must be a duration");
    shell_succeeds(&s, "audit prune --keep 36500d");
    shell_succeeds(&s, "audit verify --json");
    holds(&s, "\"pruned\": \"0\"");
    shell_succeeds(&s, "audit prune --keep 24h");
    holds(&s, "700");
    shell_close(&s);
}

TEST(audit_prune, leaves_a_broken_audit_as_it_is)
{
    struct shell s;

    open_old(&s);
    tamper(&s, "DELETE FROM audit WHERE sequence = 300");
    shell_fails(&s, "audit prune --keep 90d", 1, "what is broken is not pruned: chain 0, entry 300: it is missing");
    shell_fails(&s, "audit verify", 1, "entry 300: it is missing");
    shell_close(&s);
}

/* By a clock that runs ahead all of it is old. */
TEST(audit_prune, asks_whether_the_clock_is_right_where_the_newest_entry_is_old)
{
    struct shell s;

    open_aged(&s, 100);
    shell_fails(&s, "audit prune --keep 90d", 2, "the newest entry is more than a day old");
    shell_succeeds(&s, "audit verify --json");
    holds(&s, "\"pruned\": \"0\"");
    shell_succeeds(&s, "audit prune --keep 90d --force");
    holds(&s, "700");
    shell_close(&s);
}

TEST(audit_prune, doctor_tells_of_a_first_entry_in_the_future)
{
    struct shell s;

    open_old(&s);
    CHECK_INT(shell_run(&s, "doctor"), 0);
    holds_not(&s, "lies in the future");
    shell_close(&s);
    open_aged(&s, -100);
    CHECK_INT(shell_run(&s, "doctor"), 1); /* the clock and the newest entry do not agree */
    holds(&s, "the first entry of chain 0 lies in the future");
    shell_close(&s);
}

/* As it would be if they were pruned while it was written. */
TEST(audit_prune, an_export_that_misses_entries_says_so_and_holds_the_rest)
{
    static const struct {
        const char *sql, *what;
    } gaps[] = {
        {"DELETE FROM audit WHERE sequence <= 20", "entries 1 to 20 of chain 0 are missing"},
        {"DELETE FROM audit WHERE sequence IN (300, 301)", "entries 300 to 301 of chain 0 are missing"},
        {"DELETE FROM audit WHERE sequence = (SELECT sequence FROM audit_chains)", "are missing"},
    };

    for (size_t i = 0; i < sizeof gaps / sizeof *gaps; i++) {
        struct shell s;

        open_old(&s);
        shell_succeeds(&s, "audit export whole.jsonl");
        tamper(&s, gaps[i].sql);
        shell_fails(&s, "audit export part.jsonl", 1, gaps[i].what);
        CHECK_INT(shell_run(&s, "audit export -"), 1);
        holds(&s, "{\"chain\":0,\"sequence\":100,");
        shell_close(&s);
    }
}

TEST(audit_prune, afterwards_a_removed_entry_still_shows)
{
    struct shell s;

    open_old(&s);
    shell_succeeds(&s, "audit prune --keep 90d");
    CHECK_INT(shell_run(&s, "doctor"), 0);
    tamper(&s, "DELETE FROM audit WHERE sequence = 701");
    shell_fails(&s, "audit verify", 1, "chain 0, entry 701: it is missing");
    CHECK_INT(shell_run(&s, "doctor"), 1);
    holds(&s, "rows of chain 0 are missing");
    shell_close(&s);
}

TEST(audit_prune, a_moved_installation_takes_its_checkpoint_along)
{
    struct shell s;
    char heads[SHELL_OUTPUT_MAX];

    open_old(&s);
    shell_succeeds(&s, "audit prune --keep 90d");
    shell_succeeds(&s, "audit verify");
    memcpy(heads, s.out, sizeof heads);
    shell_succeeds(&s, "export all.jsonl");
    shell_succeeds(&s, "import all.jsonl --database new.db");
    shell_succeeds(&s, "audit verify --database new.db");
    CHECK_TEXT(s.out, heads);
    holds(&s, "700");
    shell_succeeds(&s, "backup copy.db");
    shell_succeeds(&s, "audit verify --database copy.db");
    CHECK_TEXT(s.out, heads);
    shell_close(&s);
}

/* ---- by itself ---- */

TEST(audit_keep, is_a_day_at_least_and_unset_unless_asked_for)
{
    struct shell s;

    shell_open(&s);
    shell_fails(&s, "config --audit-keep 23h", 2, "audit_keep (command line) must be a duration");
    shell_succeeds(&s, "config --audit-keep 1d");
    holds(&s, "audit_keep");
    shell_succeeds(&s, "serve --help");
    holds(&s, "--audit-keep TIME");
    shell_close(&s);
}

static bool has_pruned(struct shell *s)
{
    shell_succeeds(s, "audit tail -n 10000");
    return strstr(s->out, "begins here: 700 older") != NULL;
}

TEST(audit_keep, a_server_prunes_by_itself)
{
    struct shell s;
    struct shell_server server;

    open_old(&s);
    CHECK_INT(setenv("AUTH_AGENT_AUDIT_KEEP", "90d", 1), 0);
    shell_serve(&s, &server);
    for (int waited_ms = 0; !has_pruned(&s); waited_ms += 50) {
        if (waited_ms > PATIENCE_MS)
            fail_msg("nothing was pruned: %.500s", s.out);
        usleep(50000);
    }
    holds(&s, "audit_pruned actor=server");
    CHECK_INT(shell_stop(&server, SIGTERM), 0);
    CHECK_INT(unsetenv("AUTH_AGENT_AUDIT_KEEP"), 0);
    shell_succeeds(&s, "audit verify");
    shell_close(&s);
}

static bool log_holds(const struct shell *s, const char *text)
{
    char path[96], log[8192] = {0};
    FILE *file;

    snprintf(path, sizeof path, "%s/log", s->folder);
    file = fopen(path, "r");
    CHECK(file != NULL);
    CHECK(fread(log, 1, sizeof log - 1, file) < sizeof log - 1);
    fclose(file);
    return strstr(log, text) != NULL;
}

TEST(audit_keep, a_server_in_doubt_about_its_clock_prunes_nothing_and_says_so)
{
    struct shell s;
    struct shell_server server;

    open_aged(&s, 100);
    CHECK_INT(setenv("AUTH_AGENT_AUDIT_KEEP", "90d", 1), 0);
    shell_serve(&s, &server);
    for (int waited_ms = 0; !log_holds(&s, "is the clock right?"); waited_ms += 50) {
        if (waited_ms > PATIENCE_MS || has_pruned(&s))
            fail_msg("it was believed: %.500s", s.out);
        usleep(50000);
    }
    CHECK(!has_pruned(&s));
    CHECK_INT(shell_stop(&server, SIGTERM), 0);
    CHECK_INT(unsetenv("AUTH_AGENT_AUDIT_KEEP"), 0);
    shell_close(&s);
}

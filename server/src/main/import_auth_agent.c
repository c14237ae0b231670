/* import auth-agent: servers, API keys, clients and approvals of the older service.
 *
 * Each row is taken over by itself, and what is there already is left as it is: after a failure the same command goes
 * on where it stopped. Codes and tokens are not taken over: they were kept in clear, and people sign in again. */
#include <stdarg.h>
#include <stdio.h>

#include "base/error.h"
#include "main/command.h"
#include "main/output.h"
#include "main/runtime.h"
#include "main/takeover.h"

#define REASONS_MAX (64 * 1024 * 1024)

/* ---- what became of a row ---- */

static void leave_out(struct aa_takeover *takeover, enum aa_subject subject, struct aa_view what, const char *format,
                      ...) AA_PRINTF(4, 5);

/* What came from outside is shown as plain text. */
static void leave_out(struct aa_takeover *takeover, enum aa_subject subject, struct aa_view what, const char *format,
                      ...)
{
    static const char *const words[AA_SUBJECT_COUNT] = {"server", "key", "client", "person", "approval"};
    char text[512];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    takeover->counts[subject][AA_LEFT_OUT]++;
    aa_buf_add_format(&takeover->reasons, "left out: %s ", words[subject]);
    aa_buf_add_json_string(&takeover->reasons, what);
    aa_buf_add_format(&takeover->reasons, ": %s\n", text);
}

enum aa_err aa_takeover_note(struct aa_takeover *takeover, enum aa_subject subject, struct aa_view what, enum aa_err rc,
                             const struct aa_error *why, struct aa_error *err)
{
    enum aa_err_class class = aa_err_class_of(rc);

    if (!rc)
        takeover->counts[subject][AA_TAKEN]++;
    else if (rc == AA_ERR_CONFLICT)
        takeover->counts[subject][AA_THERE_ALREADY]++;
    else if (class == AA_CLASS_REQUEST || rc == AA_ERR_NOT_FOUND)
        leave_out(takeover, subject, what, "%s", why->message[0] ? why->message : aa_err_text(rc));
    else
        return aa_fail(err, rc, "%s", why->message[0] ? why->message : aa_err_text(rc));
    return AA_OK;
}

int64_t aa_takeover_time(const struct aa_json *row, const char *column, int64_t otherwise)
{
    int64_t time_ms = 0;

    return aa_old_time(row, column, &time_ms) && time_ms > 0 ? time_ms : otherwise;
}

bool aa_takeover_add_word(void *ctx, struct aa_view word)
{
    struct aa_buf *words = ctx;

    if (words->len)
        aa_buf_add_char(words, ' ');
    aa_buf_add(words, word);
    return true;
}

/* ---- all of it ---- */

typedef enum aa_err (*take_fn)(struct aa_takeover *takeover, const struct aa_json *row, struct aa_error *err);

/* What others refer to comes first. */
static enum aa_err take_all(struct aa_takeover *takeover, struct aa_error *err)
{
    static const struct {
        enum aa_old_table table;
        take_fn take;
    } steps[] = {{AA_OLD_SERVERS, aa_take_server},
                 {AA_OLD_KEYS, aa_take_key},
                 {AA_OLD_CLIENTS, aa_take_client},
                 {AA_OLD_AUTHORIZATIONS, aa_take_approval}};

    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        const struct aa_json *rows = takeover->tables.rows[steps[i].table];

        for (size_t j = 0; j < aa_json_len(rows); j++) {
            enum aa_err rc = steps[i].take(takeover, aa_json_at(rows, j), err);

            if (rc)
                return rc;
        }
    }
    return AA_OK;
}

static enum aa_err print_counts(const struct aa_takeover *takeover, struct aa_error *err)
{
    static const char *const names[AA_SUBJECT_COUNT] = {"servers", "keys", "clients", "people", "approvals"};
    static const struct aa_table_column columns[] = {
        {"what", AA_CELL_TEXT}, {"taken", AA_CELL_TEXT}, {"there_already", AA_CELL_TEXT}, {"left_out", AA_CELL_TEXT}};
    struct aa_table table;
    enum aa_err rc;

    aa_table_init(&table, columns, 1 + AA_OUTCOME_COUNT);
    for (size_t i = 0; i < AA_SUBJECT_COUNT; i++) {
        aa_table_add(&table, aa_view_of(names[i]));
        for (size_t j = 0; j < AA_OUTCOME_COUNT; j++) {
            char number[32];

            snprintf(number, sizeof number, "%lld", (long long)takeover->counts[i][j]);
            aa_table_add(&table, aa_view_of(number));
        }
    }
    rc = aa_table_print(&table, false, err);
    aa_table_clear(&table);
    return rc;
}

static void add_notes(struct aa_takeover *takeover)
{
    struct aa_buf *out = &takeover->reasons;

    if (takeover->counts[AA_TAKE_KEYS][AA_TAKEN] > 0)
        aa_buf_add_text(out, "Imported keys work together with their server's id (HTTP Basic). A running server takes "
                             "them within seconds.\n");
    if (takeover->counts[AA_TAKE_PEOPLE][AA_TAKEN] > 0)
        aa_buf_add_text(out, "The new people have no password yet: `auth-agent-server user passwd EMAIL` gives one.\n");
    if (takeover->asked_each_time > 0)
        aa_buf_add_format(out,
                          "%lld approvals were of programs on people's computers: those ask them each time (RFC 8252 "
                          "§8.6).\n",
                          (long long)takeover->asked_each_time);
    if (takeover->counts[AA_TAKE_SERVERS][AA_TAKEN] > 0)
        aa_buf_add_text(out, "The servers belong to the installation: the owners' ids of before name nobody here.\n");
    if (takeover->tables.has_more)
        aa_buf_add_text(out, "Codes and tokens are not taken over: they were kept in clear. People sign in again.\n");
}

static enum aa_err tell(struct aa_takeover *takeover, struct aa_error *err)
{
    enum aa_err rc;

    add_notes(takeover);
    rc = aa_buf_check(&takeover->reasons, "the report", err);
    if (!rc)
        rc = print_counts(takeover, err);
    return rc ? rc : aa_output_write(aa_buf_view(&takeover->reasons), err);
}

static enum aa_err take_over(const struct aa_call *call, struct aa_runtime *runtime, struct aa_error *err)
{
    struct aa_takeover takeover = {.app = &runtime->app};
    enum aa_err rc = AA_OK;

    aa_buf_init(&takeover.reasons, REASONS_MAX);
    for (size_t i = 0; !rc && i < call->argument_count; i++)
        rc = aa_old_tables_read(&takeover.tables, call->arguments[i], err);
    if (!rc)
        rc = take_all(&takeover, err);
    if (!rc)
        rc = tell(&takeover, err);
    aa_buf_clear(&takeover.reasons);
    aa_old_tables_clear(&takeover.tables);
    return rc;
}

enum aa_err aa_command_import_auth_agent(const struct aa_call *call, struct aa_error *err)
{
    return aa_command_with_runtime(call, take_over, err);
}

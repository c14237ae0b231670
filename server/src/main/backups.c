/* backup, restore, migrate */
#include <time.h>

#include "base/error.h"
#include "db/backup.h"
#include "main/command.h"
#include "main/output.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define NAME_MAX_LEN 16384

static void add_number(struct aa_table *table, int64_t number)
{
    struct aa_buf text;

    aa_buf_init(&text, 32);
    aa_buf_add_int(&text, number);
    aa_table_add(table, aa_buf_view(&text));
    aa_buf_clear(&text);
}

/* ---- backup and restore ---- */

static enum aa_err print_copy(const struct aa_call *call, const char *file, const struct aa_db_facts *facts,
                              struct aa_view kept, struct aa_error *err)
{
    static const struct aa_table_column columns[] = {{"file", AA_CELL_TEXT},   {"schema", AA_CELL_TEXT},
                                                     {"tables", AA_CELL_TEXT}, {"rows", AA_CELL_TEXT},
                                                     {"bytes", AA_CELL_TEXT},  {"kept", AA_CELL_TEXT}};
    struct aa_table table;
    enum aa_err rc;

    aa_table_init(&table, columns, COUNT(columns));
    aa_table_add(&table, aa_view_of(file));
    add_number(&table, facts->schema);
    add_number(&table, facts->tables);
    add_number(&table, facts->rows);
    add_number(&table, facts->bytes);
    aa_table_add(&table, kept);
    rc = aa_table_print_one(&table, aa_call_option(call, "json"), err);
    aa_table_clear(&table);
    return rc;
}

enum aa_err aa_command_backup(const struct aa_call *call, struct aa_error *err)
{
    const char *url = aa_config_text(call->config, AA_CONFIG_database), *file = call->arguments[0];
    struct aa_db_facts facts = {.engine = NULL};
    enum aa_err rc;

    rc = aa_db_backup(url, file, aa_call_option(call, "force") != NULL, &facts, err);
    return rc ? rc : print_copy(call, file, &facts, AA_VIEW_ABSENT, err);
}

enum aa_err aa_command_restore(const struct aa_call *call, struct aa_error *err)
{
    const char *url = aa_config_text(call->config, AA_CONFIG_database);
    struct aa_db_facts facts = {.engine = NULL};
    struct aa_buf kept;
    struct timespec now;
    enum aa_err rc;

    clock_gettime(CLOCK_REALTIME, &now);
    aa_buf_init(&kept, NAME_MAX_LEN);
    rc = aa_db_restore(url, call->arguments[0], aa_call_option(call, "force") != NULL, (int64_t)now.tv_sec * 1000,
                       &facts, &kept, err);
    if (!rc)
        rc = print_copy(call, url, &facts, kept.len ? aa_buf_view(&kept) : AA_VIEW_ABSENT, err);
    aa_buf_clear(&kept);
    return rc;
}

/* ---- migrate ---- */

static const char *state_of(const struct aa_db_facts *facts)
{
    if (facts->schema == facts->schema_known)
        return "up to date";
    return facts->schema < facts->schema_known ? "older than this program: `auth-agent-server migrate` brings it up"
                                               : "newer than this program";
}

static enum aa_err print_schema(const struct aa_call *call, const struct aa_db_facts *facts, struct aa_error *err)
{
    static const struct aa_table_column columns[] = {{"engine", AA_CELL_TEXT},
                                                     {"database_schema", AA_CELL_TEXT},
                                                     {"program_schema", AA_CELL_TEXT},
                                                     {"state", AA_CELL_TEXT}};
    struct aa_table table;
    enum aa_err rc;

    aa_table_init(&table, columns, COUNT(columns));
    aa_table_add(&table, aa_view_of(facts->engine));
    add_number(&table, facts->schema);
    add_number(&table, facts->schema_known);
    aa_table_add(&table, aa_view_of(state_of(facts)));
    rc = aa_table_print_one(&table, aa_call_option(call, "json"), err);
    aa_table_clear(&table);
    return rc;
}

/* Opening is what migrates, here as everywhere. */
static enum aa_err migrate(const struct aa_call *call, struct aa_error *err)
{
    struct aa_db_options options = aa_config_database(call->config);
    struct aa_db *db = NULL;
    enum aa_err rc;

    options.migrate = options.must_exist = true;
    options.say = aa_say_on_stderr;
    rc = aa_db_open(&options, &db, err);
    if (!rc)
        aa_db_close(db);
    return rc;
}

enum aa_err aa_command_migrate(const struct aa_call *call, struct aa_error *err)
{
    struct aa_db_facts facts = {.engine = NULL};
    enum aa_err rc = AA_OK;

    if (!aa_call_option(call, "status"))
        rc = migrate(call, err);
    if (!rc)
        rc = aa_db_examine(aa_config_text(call->config, AA_CONFIG_database), false, &facts, err);
    return rc ? rc : print_schema(call, &facts, err);
}

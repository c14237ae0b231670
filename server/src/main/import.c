/* import: the document of transfer.h into an empty database.
 *
 * It is read twice: once to see that it is whole and means something, and once to store it, in one transaction. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/base64.h"
#include "base/error.h"
#include "base/json.h"
#include "db/backup.h"
#include "main/command.h"
#include "main/lines.h"
#include "main/output.h"
#include "main/runtime.h"
#include "main/transfer.h"
#include "store/tables.h"

#define TABLES_MAX 64
#define ISSUER_MAX 8192

struct import {
    struct aa_lines lines;
    int64_t schema;                /* of this program */
    int64_t announced[TABLES_MAX]; /* rows, as the first line says */
    int64_t found[TABLES_MAX];
    struct aa_buf issuer;
    struct aa_conn *conn; /* NULL: only looking */

    size_t table; /* the present one; SIZE_MAX: none yet */
    struct aa_column_name columns[AA_STORE_COLUMNS_MAX];
    size_t column_count;
    size_t places[AA_STORE_COLUMNS_MAX]; /* of the columns, in the rows of the document */
    struct aa_buf bytes[AA_STORE_COLUMNS_MAX];
    bool has_ended;
};

static enum aa_err fail_line(const struct import *import, const char *what, struct aa_error *err)
{
    return aa_fail(err, AA_ERR_JSON_MALFORMED, "%s, line %lld: %s", import->lines.name, (long long)import->lines.number,
                   what);
}

/* ---- the first line ---- */

static enum aa_err check_header(const struct import *import, const struct aa_json *header, struct aa_error *err)
{
    int64_t version = aa_json_int(aa_json_get(header, "version")), schema = aa_json_int(aa_json_get(header, "schema"));

    if (!aa_view_equal_text(aa_json_text(aa_json_get(header, "format")), AA_TRANSFER_FORMAT))
        return aa_fail(err, AA_ERR_JSON_MALFORMED, "%s is no export of auth-agent-server", import->lines.name);
    if (version != AA_TRANSFER_VERSION)
        return aa_fail(err, AA_ERR_STORE_VERSION, "%s has version %lld of the format; this program reads version %d",
                       import->lines.name, (long long)version, AA_TRANSFER_VERSION);
    if (schema != import->schema)
        return aa_fail(err, AA_ERR_STORE_VERSION,
                       "%s has schema %lld and this program %lld: export it again with this version, after `migrate`",
                       import->lines.name, (long long)schema, (long long)import->schema);
    return AA_OK;
}

static enum aa_err read_header(struct import *import, const struct aa_json *header, struct aa_error *err)
{
    const struct aa_json *rows = aa_json_get(header, "rows");
    enum aa_err rc;

    rc = check_header(import, header, err);
    if (rc)
        return rc;
    if (!aa_json_is(rows, AA_JSON_OBJECT) || aa_json_len(rows) != aa_store_table_count())
        return fail_line(import, "it does not say how many rows each table has", err);
    for (size_t i = 0; i < aa_store_table_count(); i++) {
        const struct aa_json *count = aa_json_get(rows, aa_store_table_name(i));

        if (!aa_json_is(count, AA_JSON_INTEGER))
            return fail_line(import, "it does not say how many rows each table has", err);
        import->announced[i] = aa_json_int(count);
        import->found[i] = 0;
    }
    aa_buf_reset(&import->issuer);
    aa_buf_add(&import->issuer, aa_json_text(aa_json_get(header, "issuer")));
    return aa_buf_check(&import->issuer, "the issuer", err);
}

/* ---- the line before a table's rows ---- */

static bool find_place(const struct aa_json *names, struct aa_view column, size_t *place)
{
    for (size_t i = 0; i < aa_json_len(names); i++) {
        if (!aa_view_equal(aa_json_text(aa_json_at(names, i)), column))
            continue;
        *place = i;
        return true;
    }
    return false;
}

static enum aa_err begin_table(struct import *import, const struct aa_json *line, struct aa_error *err)
{
    const struct aa_json *names = aa_json_get(line, "columns");
    size_t table = aa_store_table_find(aa_json_text(aa_json_get(line, "table")));

    /* In the order of the table of tables: what rows refer to comes first, and no table comes twice. */
    if (table == SIZE_MAX || (import->table == SIZE_MAX ? table != 0 : table != import->table + 1))
        return fail_line(import, "another table was due", err);
    import->table = table;
    import->column_count = aa_store_table_columns(table, import->columns);
    if (aa_json_len(names) != import->column_count)
        return fail_line(import, "the table has other columns", err);
    for (size_t i = 0; i < import->column_count; i++)
        if (!find_place(names, import->columns[i].name, &import->places[i]))
            return fail_line(import, "the table has other columns", err);
    return AA_OK;
}

/* ---- rows ---- */

static bool read_bytes(struct import *import, size_t column, struct aa_view text, struct aa_arg *out)
{
    struct aa_buf *bytes = &import->bytes[column];

    aa_buf_reset(bytes);
    if (aa_base64url_decode(text, bytes, NULL) || bytes->bad)
        return false;
    out->view = aa_view_make(aa_buf_text(bytes), bytes->len);
    return true;
}

static bool read_cell(struct import *import, size_t column, const struct aa_json *value, struct aa_arg *out)
{
    *out = (struct aa_arg){import->columns[column].kind, AA_VIEW_ABSENT, 0};
    switch (out->kind) {
    case AA_COLUMN_BOOL:
        out->number = aa_json_is(value, AA_JSON_TRUE);
        return out->number || aa_json_is(value, AA_JSON_FALSE);
    case AA_COLUMN_INT:
        out->number = aa_json_int(value);
        return aa_json_is(value, AA_JSON_INTEGER);
    case AA_COLUMN_TEXT:
        out->view = aa_json_text(value);
        return aa_json_is(value, AA_JSON_STRING) || aa_json_is(value, AA_JSON_NULL);
    case AA_COLUMN_BLOB:
    default:
        return aa_json_is(value, AA_JSON_NULL) ||
               (aa_json_is(value, AA_JSON_STRING) && read_bytes(import, column, aa_json_text(value), out));
    }
}

static enum aa_err store_row(struct import *import, const struct aa_arg *cells, struct aa_error *err)
{
    struct aa_error why = AA_ERROR_INIT;
    enum aa_err rc;

    rc = aa_store_table_put(import->conn, import->table, cells, import->column_count, &why);
    if (rc == AA_ERR_CONFLICT)
        return fail_line(import, "the row is there already", err);
    if (rc == AA_ERR_NOT_FOUND)
        return fail_line(import, "the row refers to one that is not there", err);
    return rc ? aa_fail(err, rc, "%s, line %lld: %s", import->lines.name, (long long)import->lines.number, why.message)
              : AA_OK;
}

static enum aa_err take_row(struct import *import, const struct aa_json *row, struct aa_error *err)
{
    struct aa_arg cells[AA_STORE_COLUMNS_MAX];

    if (import->table == SIZE_MAX || aa_json_len(row) != import->column_count)
        return fail_line(import, "the row does not have its table's columns", err);
    for (size_t i = 0; i < import->column_count; i++)
        if (!read_cell(import, i, aa_json_at(row, import->places[i]), &cells[i]))
            return fail_line(import, "a value is not of its column's kind", err);
    import->found[import->table]++;
    return import->conn ? store_row(import, cells, err) : AA_OK;
}

/* ---- the last line ---- */

static enum aa_err take_end(struct import *import, const struct aa_json *line, struct aa_error *err)
{
    struct aa_buf digest;
    bool is_right;

    aa_buf_init(&digest, 2 * AA_SHA256_LEN);
    aa_lines_add_digest(&import->lines, &digest);
    is_right = aa_view_equal(aa_json_text(aa_json_get(line, "sha256")), aa_buf_view(&digest));
    aa_buf_clear(&digest);
    if (!is_right)
        return fail_line(import, "the digest is not that of the lines before: the file was changed or damaged", err);
    if (import->table + 1 != aa_store_table_count())
        return fail_line(import, "tables are missing", err);
    for (size_t i = 0; i < aa_store_table_count(); i++)
        if (import->found[i] != import->announced[i])
            return aa_fail(err, AA_ERR_JSON_MALFORMED, "%s: %s has %lld rows, and not the %lld it announced",
                           import->lines.name, aa_store_table_name(i), (long long)import->found[i],
                           (long long)import->announced[i]);
    import->has_ended = true;
    return AA_OK;
}

/* ---- all lines ---- */

static enum aa_err take_line(struct import *import, const struct aa_json *line, struct aa_error *err)
{
    if (import->has_ended)
        return fail_line(import, "there is more behind the end", err);
    if (import->lines.number == 1)
        return read_header(import, line, err);
    if (aa_json_is(line, AA_JSON_ARRAY))
        return take_row(import, line, err);
    if (aa_json_get(line, "table"))
        return begin_table(import, line, err);
    if (aa_json_is(aa_json_get(line, "end"), AA_JSON_TRUE))
        return take_end(import, line, err);
    return fail_line(import, "it is neither a row nor a table nor the end", err);
}

static enum aa_err parse_line(struct import *import, struct aa_error *err)
{
    struct aa_json *line = NULL;
    enum aa_err rc;

    rc = aa_json_parse(aa_buf_view(&import->lines.line), AA_LINE_MAX, &line, NULL);
    if (rc)
        return rc == AA_ERR_NOMEM ? aa_fail(err, rc, "out of memory reading a line")
                                  : fail_line(import, "it is no JSON", err);
    rc = take_line(import, line, err);
    aa_json_free(line);
    return rc;
}

static enum aa_err read_all(struct import *import, struct aa_error *err)
{
    bool has_line = true;
    enum aa_err rc;

    import->table = SIZE_MAX;
    import->has_ended = false;
    rc = aa_lines_rewind(&import->lines, err);
    while (!rc && has_line) {
        rc = aa_lines_read(&import->lines, &has_line, err);
        if (!rc && has_line)
            rc = parse_line(import, err);
    }
    if (!rc && !import->has_ended)
        rc = fail_line(import, "the end is missing: the file was cut off", err);
    return rc;
}

/* ---- storing ---- */

static enum aa_err check_empty(struct aa_conn *conn, struct aa_error *err)
{
    for (size_t i = 0; i < aa_store_table_count(); i++) {
        int64_t rows = 0;
        enum aa_err rc = aa_store_table_rows(conn, i, &rows, err);

        if (rc)
            return rc;
        if (rows > 0)
            return aa_fail(err, AA_ERR_CONFLICT,
                           "the database is not empty (%s has %lld rows): an export goes into a new one, before `init` "
                           "or `serve`",
                           aa_store_table_name(i), (long long)rows);
    }
    return AA_OK;
}

static enum aa_err check_counts(const struct import *import, struct aa_conn *conn, struct aa_error *err)
{
    for (size_t i = 0; i < aa_store_table_count(); i++) {
        int64_t rows = 0;
        enum aa_err rc = aa_store_table_rows(conn, i, &rows, err);

        if (rc)
            return rc;
        if (rows != import->announced[i])
            return aa_fail(err, AA_ERR_STORE, "%s has %lld rows now, and should have %lld", aa_store_table_name(i),
                           (long long)rows, (long long)import->announced[i]);
    }
    return AA_OK;
}

static enum aa_err store_all(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    struct import *import = ctx;
    enum aa_err rc;

    rc = check_empty(conn, err);
    if (rc)
        return rc;
    import->conn = conn;
    rc = read_all(import, err);
    import->conn = NULL;
    return rc ? rc : check_counts(import, conn, err);
}

static enum aa_err store(struct import *import, const struct aa_config *config, struct aa_error *err)
{
    struct aa_db_options options = aa_config_database(config);
    struct aa_db_facts facts;
    struct aa_db *db = NULL;
    enum aa_err rc;

    options.migrate = true;
    options.say = aa_say_on_stderr;
    options.statement_timeout_ms = AA_TRANSFER_TIMEOUT_MS;
    rc = aa_db_open(&options, &db, err);
    if (!rc)
        rc = aa_db_examine(options.url, false, &facts, err);
    if (!rc) {
        import->schema = facts.schema_known;
        rc = read_all(import, err);
    }
    if (!rc)
        rc = aa_db_write(db, store_all, import, err);
    aa_db_close(db);
    return rc;
}

/* ---- telling ---- */

static enum aa_err print_rows(const struct import *import, struct aa_error *err)
{
    static const struct aa_table_column columns[] = {{"table", AA_CELL_TEXT}, {"rows", AA_CELL_TEXT}};
    struct aa_table table;
    enum aa_err rc;

    aa_table_init(&table, columns, 2);
    for (size_t i = 0; i < aa_store_table_count(); i++) {
        struct aa_buf rows;

        aa_buf_init(&rows, 32);
        aa_buf_add_int(&rows, import->found[i]);
        aa_table_add(&table, aa_view_of(aa_store_table_name(i)));
        aa_table_add(&table, aa_buf_view(&rows));
        aa_buf_clear(&rows);
    }
    rc = aa_table_print(&table, false, err);
    aa_table_clear(&table);
    return rc;
}

/* Clients compare the issuer byte for byte: under another name every one of them must start over. */
static void add_issuer_note(struct aa_buf *out, const struct import *import, const struct aa_config *config)
{
    const char *issuer = aa_config_text(config, AA_CONFIG_issuer);

    if (!aa_view_equal_text(aa_buf_view(&import->issuer), issuer))
        aa_buf_add_format(out,
                          "Note: it came from the issuer %s, and here the issuer is %s: clients stay logged in only "
                          "under the old name.\n",
                          aa_buf_text(&import->issuer), issuer);
}

static void add_key_note(struct aa_buf *out, const struct aa_config *config)
{
    struct aa_runtime runtime;
    struct aa_error why = AA_ERROR_INIT;
    enum aa_err rc;

    rc = aa_runtime_open(&runtime, config, AA_DATABASE_EXISTING, &why);
    if (!rc)
        rc = aa_runtime_open_keys(&runtime, config, &why);
    if (rc)
        aa_buf_add_format(out,
                          "Note: the signing keys came sealed. Bring the master key of the old installation along "
                          "(AUTH_AGENT_MASTER_KEY, or its file) before you start the server. Now: %s.\n",
                          why.message);
    aa_runtime_clear(&runtime);
}

static enum aa_err tell(const struct import *import, const struct aa_config *config, struct aa_error *err)
{
    struct aa_buf notes;
    enum aa_err rc;

    aa_buf_init(&notes, 64 * 1024);
    rc = print_rows(import, err);
    add_issuer_note(&notes, import, config);
    add_key_note(&notes, config);
    if (!rc)
        rc = aa_output_write(aa_buf_view(&notes), err);
    aa_buf_clear(&notes);
    return rc;
}

/* ---- the command ---- */

/* Standard input cannot be read twice: it goes to a file without a name first. */
static FILE *spool_input(void)
{
    FILE *file = tmpfile();
    char piece[65536];
    size_t len;

    while (file && (len = fread(piece, 1, sizeof piece, stdin)) > 0)
        if (fwrite(piece, 1, len, file) != len)
            break;
    if (file && (ferror(stdin) || ferror(file) || fflush(file))) {
        fclose(file);
        return NULL;
    }
    return file;
}

static void import_init(struct import *import, FILE *file, const char *name)
{
    *import = (struct import){.table = SIZE_MAX};
    aa_lines_init(&import->lines, file, name);
    aa_buf_init(&import->issuer, ISSUER_MAX);
    for (size_t i = 0; i < AA_STORE_COLUMNS_MAX; i++)
        aa_buf_init(&import->bytes[i], AA_LINE_MAX);
}

static void import_clear(struct import *import)
{
    aa_lines_clear(&import->lines);
    aa_buf_clear(&import->issuer);
    for (size_t i = 0; i < AA_STORE_COLUMNS_MAX; i++)
        aa_buf_wipe_clear(&import->bytes[i]);
}

enum aa_err aa_command_import(const struct aa_call *call, struct aa_error *err)
{
    const char *path = call->arguments[0];
    bool is_input = aa_view_equal_text(aa_view_of(path), "-");
    FILE *file = is_input ? spool_input() : fopen(path, "re");
    struct import import;
    enum aa_err rc;

    if (!file)
        return aa_fail(err, AA_ERR_SYSTEM, "%s cannot be read: %s", is_input ? "standard input" : path,
                       strerror(errno));
    import_init(&import, file, is_input ? "standard input" : path);
    rc = aa_crypto_init(err);
    if (!rc)
        rc = store(&import, call->config, err);
    if (!rc)
        rc = tell(&import, call->config, err);
    import_clear(&import);
    fclose(file);
    return rc;
}

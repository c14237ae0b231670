/* export */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "db/backup.h"
#include "db/draft.h"
#include "domain/texts.h"
#include "main/command.h"
#include "main/lines.h"
#include "main/transfer.h"
#include "store/tables.h"

struct export
{
    struct aa_lines lines;
    const char *issuer;
    struct aa_db_facts facts;
    size_t table; /* the present one */
};

/* ---- the lines ---- */

static enum aa_err write_header(struct export *export, struct aa_conn *conn, struct aa_error *err)
{
    struct aa_buf *line = &export->lines.line;
    enum aa_err rc = AA_OK;

    aa_buf_add_format(line, "{\"format\":\"%s\",\"version\":%d,\"schema\":%lld,\"engine\":\"%s\",\"issuer\":",
                      AA_TRANSFER_FORMAT, AA_TRANSFER_VERSION, (long long)export->facts.schema, export->facts.engine);
    aa_buf_add_json_string(line, aa_view_of(export->issuer));
    aa_buf_add_text(line, ",\"exported_at\":\"");
    aa_text_add_time(line, (int64_t)time(NULL) * 1000);
    aa_buf_add_text(line, "\",\"rows\":{");
    for (size_t i = 0; !rc && i < aa_store_table_count(); i++) {
        int64_t rows = 0;

        rc = aa_store_table_rows(conn, i, &rows, err);
        aa_buf_add_format(line, "%s\"%s\":%lld", i ? "," : "", aa_store_table_name(i), (long long)rows);
    }
    aa_buf_add_text(line, "}}");
    return rc ? rc : aa_lines_write(&export->lines, err);
}

static enum aa_err write_columns(struct export *export, struct aa_error *err)
{
    struct aa_buf *line = &export->lines.line;
    struct aa_column_name columns[AA_STORE_COLUMNS_MAX];
    size_t count = aa_store_table_columns(export->table, columns);

    aa_buf_add_format(line, "{\"table\":\"%s\",\"columns\":[", aa_store_table_name(export->table));
    for (size_t i = 0; i < count; i++)
        aa_buf_add_format(line, "%s\"%.*s\"", i ? "," : "", AA_VIEW_ARGS(columns[i].name));
    aa_buf_add_text(line, "]}");
    return aa_lines_write(&export->lines, err);
}

static void add_cell(struct aa_buf *line, const struct aa_arg *cell)
{
    if (cell->kind == AA_COLUMN_BOOL)
        aa_buf_add_text(line, cell->number ? "true" : "false");
    else if (cell->kind == AA_COLUMN_INT)
        aa_buf_add_int(line, cell->number);
    else if (aa_view_is_absent(cell->view))
        aa_buf_add_text(line, "null");
    else if (cell->kind == AA_COLUMN_TEXT)
        aa_buf_add_json_string(line, cell->view);
    else {
        aa_buf_add_char(line, '"');
        aa_buf_add_base64url(line, cell->view);
        aa_buf_add_char(line, '"');
    }
}

static enum aa_err write_row(void *ctx, const struct aa_arg *cells, size_t count, struct aa_error *err)
{
    struct export *export = ctx;
    struct aa_buf *line = &export->lines.line;

    aa_buf_add_char(line, '[');
    for (size_t i = 0; i < count; i++) {
        /* Written as something else it would be lost without anybody noticing. */
        if (cells[i].kind == AA_COLUMN_TEXT && !aa_view_is_absent(cells[i].view) && !aa_view_is_utf8(cells[i].view))
            return aa_fail(err, AA_ERR_UTF8, "a row of %s holds a text that is not UTF-8",
                           aa_store_table_name(export->table));
        if (i)
            aa_buf_add_char(line, ',');
        add_cell(line, &cells[i]);
    }
    aa_buf_add_char(line, ']');
    return aa_lines_write(&export->lines, err);
}

static enum aa_err write_end(struct export *export, struct aa_error *err)
{
    struct aa_buf *line = &export->lines.line;

    aa_buf_add_text(line, "{\"end\":true,\"sha256\":\"");
    aa_lines_add_digest(&export->lines, line);
    aa_buf_add_text(line, "\"}");
    return aa_lines_write(&export->lines, err);
}

/* In one read transaction: everything is of the same moment. */
static enum aa_err write_all(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    struct export *export = ctx;
    enum aa_err rc;

    rc = write_header(export, conn, err);
    for (export->table = 0; !rc && export->table < aa_store_table_count(); export->table++) {
        rc = write_columns(export, err);
        if (!rc)
            rc = aa_store_table_each(conn, export->table, write_row, export, err);
    }
    return rc ? rc : write_end(export, err);
}

/* ---- the file ---- */

static enum aa_err write_database(const struct aa_call *call, FILE *file, const char *name, struct aa_error *err)
{
    struct aa_db_options options = aa_config_database(call->config);
    struct export export = {.issuer = aa_config_text(call->config, AA_CONFIG_issuer)};
    struct aa_db *db = NULL;
    enum aa_err rc;

    options.must_exist = options.read_only = true;
    options.statement_timeout_ms = AA_TRANSFER_TIMEOUT_MS;
    aa_lines_init(&export.lines, file, name);
    rc = aa_crypto_init(err);
    if (!rc)
        rc = aa_db_examine(options.url, false, &export.facts, err);
    if (!rc)
        rc = aa_db_open(&options, &db, err);
    if (!rc)
        rc = aa_db_snapshot(db, write_all, &export, err);
    if (!rc && fflush(file))
        rc = aa_fail(err, aa_draft_code(errno), "%s cannot be written: %s", name, strerror(errno));
    aa_db_close(db);
    aa_lines_clear(&export.lines);
    return rc;
}

static enum aa_err write_draft(const struct aa_call *call, struct aa_draft *draft, struct aa_error *err)
{
    int fd = dup(draft->fd);
    FILE *file = fd < 0 ? NULL : fdopen(fd, "w");
    enum aa_err rc;

    if (!file) {
        if (fd >= 0)
            close(fd);
        return aa_fail(err, AA_ERR_SYSTEM, "%s cannot be written: %s", draft->path, strerror(errno));
    }
    rc = write_database(call, file, draft->path, err);
    if (fclose(file) && !rc)
        rc = aa_fail(err, aa_draft_code(errno), "%s cannot be written: %s", draft->path, strerror(errno));
    return rc;
}

enum aa_err aa_command_export(const struct aa_call *call, struct aa_error *err)
{
    const char *path = call->arguments[0];
    bool replace = aa_call_option(call, "force") != NULL;
    struct aa_draft draft = {.fd = -1, .folder = -1};
    enum aa_err rc;

    if (aa_view_equal_text(aa_view_of(path), "-"))
        return write_database(call, stdout, "the result", err);
    rc = aa_draft_open(&draft, path, replace, err);
    if (!rc)
        rc = write_draft(call, &draft, err);
    if (!rc)
        rc = aa_draft_publish(&draft, replace, err);
    aa_draft_clear(&draft);
    return rc;
}

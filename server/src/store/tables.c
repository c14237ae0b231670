#include "store/tables.h"

#include "base/buf.h"
#include "base/error.h"
#include "store/record.h"

#define PAGE 500 /* rows a statement: a driver that holds whole results must not hold a whole table */
#define KEY_MAX 4
#define KEY_BYTES_MAX (64 * 1024)

static const struct aa_store_table *const tables[] = {
    &aa_users_table,         &aa_sessions_table,      &aa_servers_table,
    &aa_server_keys_table,   &aa_clients_table,       &aa_client_assertions_table,
    &aa_auth_requests_table, &aa_grants_table,        &aa_consents_table,
    &aa_codes_table,         &aa_access_tokens_table, &aa_refresh_tokens_table,
    &aa_signing_keys_table,  &aa_settings_table,      &aa_lockouts_table,
    &aa_audit_chains_table,  &aa_audit_table,
};

size_t aa_store_table_count(void)
{
    return sizeof tables / sizeof *tables;
}

const char *aa_store_table_name(size_t table)
{
    return tables[table]->name;
}

size_t aa_store_table_find(struct aa_view name)
{
    for (size_t i = 0; i < aa_store_table_count(); i++)
        if (aa_view_equal_text(name, tables[i]->name))
            return i;
    return SIZE_MAX;
}

enum aa_err aa_store_table_rows(struct aa_conn *c, size_t table, int64_t *rows, struct aa_error *err)
{
    return aa_store_number(c, tables[table]->count_sql, AA_NO_ARGS, rows, err);
}

/* The names in "a, b, c", as many as there is room for. */
static size_t split(const char *text, struct aa_view *names, size_t max)
{
    struct aa_view rest = aa_view_of(text);
    size_t count = 0;

    while (rest.len > 0 && count < max) {
        aa_view_cut(rest, ',', &names[count], &rest);
        names[count] = aa_view_trim(names[count]);
        count++;
    }
    return count;
}

size_t aa_store_table_columns(size_t table, struct aa_column_name out[AA_STORE_COLUMNS_MAX])
{
    const struct aa_shape *shape = tables[table]->shape;
    struct aa_view names[AA_STORE_COLUMNS_MAX];
    size_t count = split(tables[table]->columns, names, AA_STORE_COLUMNS_MAX);

    for (size_t i = 0; i < count; i++)
        out[i] = (struct aa_column_name){names[i], i < shape->count ? shape->columns[i].kind : AA_COLUMN_TEXT};
    return count;
}

/* ---- reading page by page ---- */

/* Where the last page ended. */
struct position {
    size_t columns[KEY_MAX]; /* of the key, among the table's */
    size_t count;
    struct aa_arg values[KEY_MAX + 1]; /* and the size of a page */
    struct aa_buf memory[KEY_MAX];
};

static size_t place_of(size_t table, struct aa_view name)
{
    struct aa_column_name columns[AA_STORE_COLUMNS_MAX];
    size_t count = aa_store_table_columns(table, columns);

    for (size_t i = 0; i < count; i++)
        if (aa_view_equal(columns[i].name, name))
            return i;
    return 0;
}

/* Before every row: keys are never empty, and numbers count from 0. */
static void position_init(struct position *at, size_t table)
{
    const struct aa_shape *shape = tables[table]->shape;
    struct aa_view names[KEY_MAX];

    at->count = split(tables[table]->key, names, KEY_MAX);
    for (size_t i = 0; i < at->count; i++) {
        aa_buf_init(&at->memory[i], KEY_BYTES_MAX);
        at->columns[i] = place_of(table, names[i]);
        at->values[i] = (struct aa_arg){shape->columns[at->columns[i]].kind, AA_VIEW(""), -1};
    }
    at->values[at->count] = AA_INT(PAGE);
}

static void position_clear(struct position *at)
{
    for (size_t i = 0; i < at->count; i++)
        aa_buf_clear(&at->memory[i]);
}

static enum aa_err position_note(struct position *at, const struct aa_arg *cells, struct aa_error *err)
{
    for (size_t i = 0; i < at->count; i++) {
        enum aa_err rc;

        aa_buf_reset(&at->memory[i]);
        aa_buf_add(&at->memory[i], cells[at->columns[i]].view);
        rc = aa_buf_check(&at->memory[i], "a row's key", err);
        if (rc)
            return rc;
        at->values[i] = cells[at->columns[i]];
        at->values[i].view = aa_buf_view(&at->memory[i]);
    }
    return AA_OK;
}

static struct aa_arg read_cell(struct aa_stmt *stmt, enum aa_column_kind kind, int column)
{
    if (kind == AA_COLUMN_TEXT)
        return (struct aa_arg){kind, aa_stmt_text(stmt, column), 0};
    if (kind == AA_COLUMN_BLOB)
        return (struct aa_arg){kind, aa_stmt_blob(stmt, column), 0};
    return (struct aa_arg){kind, AA_VIEW_ABSENT, aa_stmt_int(stmt, column)};
}

static enum aa_err read_page(struct aa_conn *c, size_t table, struct position *at, size_t *rows, aa_cells_fn row,
                             void *ctx, struct aa_error *err)
{
    const struct aa_shape *shape = tables[table]->shape;
    struct aa_arg cells[AA_STORE_COLUMNS_MAX];
    struct aa_stmt *stmt = NULL;
    bool has_row = true;
    enum aa_err rc;

    *rows = 0;
    rc = aa_store_begin(c, tables[table]->page_sql, at->values, at->count + 1, &stmt, err);
    while (!rc) {
        rc = aa_stmt_step(stmt, &has_row, err);
        if (rc || !has_row)
            break;
        for (size_t i = 0; i < shape->count; i++)
            cells[i] = read_cell(stmt, shape->columns[i].kind, (int)i);
        rc = row(ctx, cells, shape->count, err);
        if (!rc && ++*rows == PAGE)
            rc = position_note(at, cells, err);
    }
    aa_stmt_end(stmt);
    return rc;
}

enum aa_err aa_store_table_each(struct aa_conn *c, size_t table, aa_cells_fn row, void *ctx, struct aa_error *err)
{
    struct position at;
    size_t rows = PAGE;
    enum aa_err rc = AA_OK;

    position_init(&at, table);
    while (!rc && rows == PAGE)
        rc = read_page(c, table, &at, &rows, row, ctx, err);
    position_clear(&at);
    return rc;
}

enum aa_err aa_store_table_put(struct aa_conn *c, size_t table, const struct aa_arg *cells, size_t count,
                               struct aa_error *err)
{
    return aa_store_run(c, tables[table]->insert_sql, cells, count, NULL, err);
}

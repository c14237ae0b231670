/* The table of tables against the schema itself: a table or column that was forgotten there would be lost by a move
 * from one engine to another. */
#include <stdio.h>

#include "store/tables.h"
#include "server/support_store.h"

/* Each row: a table and one of its columns. */
static const char *schema_sql(const struct aa_conn *c)
{
    return strcmp(c->driver->engine, "SQLite") == 0
               ? "SELECT t.name, i.name FROM sqlite_master t JOIN pragma_table_info(t.name) i "
                 "WHERE t.type = 'table' AND t.name NOT IN ('schema_migrations', 'sqlite_sequence') ORDER BY 1, 2"
               : "SELECT table_name::text, column_name::text FROM information_schema.columns "
                 "WHERE table_schema = current_schema() AND table_name <> 'schema_migrations' ORDER BY 1, 2";
}

#define NAMES_MAX 256

struct names {
    char list[NAMES_MAX][96]; /* "table.column" */
    size_t count;
};

static bool holds(const struct names *names, const char *name)
{
    for (size_t i = 0; i < names->count; i++)
        if (strcmp(names->list[i], name) == 0)
            return true;
    return false;
}

/* A number that a database counts by itself stands for the id: another database has other numbers. */
static void note_column(struct names *names, struct aa_view table, struct aa_view column)
{
    bool is_number = column.len > 3 && aa_view_equal_text(aa_view_from(column, column.len - 3), "_no");
    char name[sizeof names->list[0]];

    snprintf(name, sizeof name, "%.*s.%.*s%s", AA_VIEW_ARGS(table), (int)(column.len - (is_number ? 3 : 0)),
             column.data, is_number ? "_id" : "");
    CHECK(names->count < NAMES_MAX);
    if (!holds(names, name))
        strcpy(names->list[names->count++], name);
}

/* Of another table's row: the database fills it in by itself. */
static bool is_copy(struct aa_view table, struct aa_view column)
{
    return aa_view_equal_text(table, "grants") &&
           (aa_view_equal_text(column, "user_email") || aa_view_equal_text(column, "user_name") ||
            aa_view_equal_text(column, "user_disabled_ms"));
}

static void read_schema(struct aa_conn *c, struct names *names)
{
    struct aa_stmt *stmt = NULL;
    bool has_row = true;

    CHECK_OK(aa_stmt_prepare(c, schema_sql(c), &stmt, NULL));
    for (;;) {
        CHECK_OK(aa_stmt_step(stmt, &has_row, NULL));
        if (!has_row)
            break;
        if (!is_copy(aa_stmt_text(stmt, 0), aa_stmt_text(stmt, 1)))
            note_column(names, aa_stmt_text(stmt, 0), aa_stmt_text(stmt, 1));
    }
    aa_stmt_end(stmt);
}

static void read_tables(struct names *names)
{
    struct aa_column_name columns[AA_STORE_COLUMNS_MAX];

    for (size_t table = 0; table < aa_store_table_count(); table++) {
        size_t count = aa_store_table_columns(table, columns);

        for (size_t i = 0; i < count; i++)
            note_column(names, aa_view_of(aa_store_table_name(table)), columns[i].name);
    }
}

static void check_all_in(const struct names *some, const struct names *others, const char *what)
{
    for (size_t i = 0; i < some->count; i++)
        if (!holds(others, some->list[i]))
            fail_msg("%s is missing from %s", some->list[i], what);
}

STORE_TEST(store_tables, every_table_and_column_of_the_schema_is_known_and_no_other)
{
    struct names schema = {.count = 0}, known = {.count = 0};

    read_schema(c, &schema);
    read_tables(&known);
    CHECK(schema.count > 0);
    check_all_in(&schema, &known, "the table of tables");
    check_all_in(&known, &schema, "the schema");
    CHECK_INT(aa_store_table_find(VIEW("schema_migrations")), SIZE_MAX);
}

STORE_TEST(store_tables, every_table_can_be_counted_and_read)
{
    for (size_t i = 0; i < aa_store_table_count(); i++) {
        int64_t rows = -1;

        CHECK_OK(aa_store_table_rows(c, i, &rows, NULL));
        CHECK_INT(rows, 0);
    }
}

/* ---- rows ---- */

struct seen {
    size_t count;
    char last[32];
    bool is_ordered;
};

static enum aa_err note_name(void *ctx, const struct aa_arg *cells, size_t count, struct aa_error *err)
{
    struct seen *seen = ctx;
    char name[32];

    (void)err;
    CHECK_INT(count, 2);
    snprintf(name, sizeof name, "%.*s", AA_VIEW_ARGS(cells[0].view));
    if (strcmp(name, seen->last) <= 0)
        seen->is_ordered = false;
    memcpy(seen->last, name, sizeof name);
    seen->count++;
    return AA_OK;
}

static void fill(struct aa_conn *c, size_t from, size_t to)
{
    char name[32];

    for (size_t i = from; i < to; i++) {
        snprintf(name, sizeof name, "n%05zu", i);
        CHECK_OK(aa_setting_put(c, VIEW(name), VIEW("v"), NULL));
    }
}

STORE_TEST(store_tables, every_row_is_given_once_however_many_there_are)
{
    static const size_t sizes[] = {0, 1, 499, 500, 501, 1000, 1001};
    size_t table = aa_store_table_find(VIEW("settings")), filled = 0;

    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct seen seen = {.is_ordered = true};

        fill(c, filled, sizes[i]);
        filled = sizes[i];
        CHECK_OK(aa_store_table_each(c, table, note_name, &seen, NULL));
        CHECK_INT(seen.count, sizes[i]);
        CHECK(seen.is_ordered);
    }
}

static enum aa_err count_row(void *ctx, const struct aa_arg *cells, size_t count, struct aa_error *err)
{
    (void)cells;
    (void)count;
    (void)err;
    ++*(size_t *)ctx;
    return AA_OK;
}

/* A key of several columns. */
STORE_TEST(store_tables, consents_are_paged_through_too)
{
    struct aa_consent consent = {.user_id = VIEW("usr_1"), .client_id = VIEW("cl_1"), .scope = VIEW("a")};
    size_t seen = 0;
    char server[32], uri[32];

    CHECK_OK(store_people(c, NULL, NULL));
    for (int i = 0; i < 600; i++) {
        snprintf(server, sizeof server, "srv_%d", i % 3);
        snprintf(uri, sizeof uri, "https://a.example/%d", i);
        consent.server_id = VIEW(server);
        consent.redirect_uri = VIEW(uri);
        CHECK_OK(aa_consent_put(c, &consent, NULL));
    }
    CHECK_OK(aa_store_table_each(c, aa_store_table_find(VIEW("consents")), count_row, &seen, NULL));
    CHECK_INT(seen, 600);
}

static enum aa_err remove_all(struct aa_conn *c)
{
    struct aa_stmt *stmt = NULL;
    bool has_row;
    enum aa_err rc = aa_stmt_prepare(c, "DELETE FROM refresh_tokens", &stmt, NULL);

    if (!rc)
        rc = aa_stmt_step(stmt, &has_row, NULL);
    aa_stmt_end(stmt);
    return rc;
}

struct kept {
    struct aa_arg cells[AA_STORE_COLUMNS_MAX];
    char bytes[AA_STORE_COLUMNS_MAX][128];
    size_t count;
};

static enum aa_err keep(void *ctx, const struct aa_arg *cells, size_t count, struct aa_error *err)
{
    struct kept *kept = ctx;

    (void)err;
    kept->count = count;
    for (size_t i = 0; i < count; i++) {
        kept->cells[i] = cells[i];
        if (aa_view_is_absent(cells[i].view))
            continue;
        CHECK(cells[i].view.len <= sizeof kept->bytes[i]);
        memcpy(kept->bytes[i], cells[i].view.data, cells[i].view.len);
        kept->cells[i].view = aa_view_make(kept->bytes[i], cells[i].view.len);
    }
    return AA_OK;
}

STORE_TEST(store_tables, a_row_that_was_read_can_be_put_back_as_it_was)
{
    size_t table = aa_store_table_find(VIEW("refresh_tokens"));
    struct aa_view key = key_of(7, 'k');
    struct aa_refresh_token token = sample_refresh(key), found = {0};
    struct kept kept = {.count = 0};

    CHECK_OK(store_people(c, NULL, NULL));
    token.scope = AA_VIEW_ABSENT;
    token.successor_sealed = aa_view_make("\0\xff\x80\0", 4);
    token.rotated_ms = INT64_C(9007199254740993);
    CHECK_OK(aa_refresh_token_create(c, &token, NULL));
    CHECK_OK(aa_store_table_each(c, table, keep, &kept, NULL));
    CHECK_OK(remove_all(c));
    CHECK_ERR(aa_refresh_token_find(c, key, &found, NULL), AA_ERR_NOT_FOUND);
    CHECK_OK(aa_store_table_put(c, table, kept.cells, kept.count, NULL));
    CHECK_OK(aa_refresh_token_find(c, key, &found, NULL));
    CHECK(aa_view_is_absent(found.scope));
    CHECK(aa_view_equal(found.successor_sealed, token.successor_sealed));
    CHECK_INT(found.rotated_ms, token.rotated_ms);
    aa_record_clear(&found.memory);
    CHECK_ERR(aa_store_table_put(c, table, kept.cells, kept.count, NULL), AA_ERR_CONFLICT);
}

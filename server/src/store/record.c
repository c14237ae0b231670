#include "store/record.h"

#include <string.h>

#include "base/error.h"
#include "base/mem.h"

/* In front of a record's texts stands how many bytes to wipe. */
struct block {
    size_t size;
};

void aa_record_clear(char **memory)
{
    struct block *block = (struct block *)(void *)*memory;

    if (block)
        aa_mem_wipe_free(block, block->size);
    *memory = NULL;
}

enum aa_err aa_record_memory(size_t len, char **memory, char **data, struct aa_error *err)
{
    size_t size = sizeof(struct block) + len;
    char *bytes = aa_mem_new(size);

    if (!bytes)
        return aa_fail(err, AA_ERR_NOMEM, "out of memory reading a record");
    ((struct block *)(void *)bytes)->size = size;
    *memory = bytes;
    *data = bytes + sizeof(struct block);
    return AA_OK;
}

static struct aa_view view_of_column(struct aa_stmt *stmt, const struct aa_column *column, int index)
{
    return column->kind == AA_COLUMN_TEXT ? aa_stmt_text(stmt, index) : aa_stmt_blob(stmt, index);
}

static bool is_view(const struct aa_column *column)
{
    return column->kind == AA_COLUMN_TEXT || column->kind == AA_COLUMN_BLOB;
}

static void *member_of(void *record, const struct aa_column *column)
{
    return (char *)record + column->offset;
}

/* Fills the record; its texts are still the statement's. Returns the room they need, with a NUL behind each. */
static size_t read_members(struct aa_stmt *stmt, const struct aa_shape *shape, void *record)
{
    size_t len = 0;

    memset(record, 0, shape->size);
    for (size_t i = 0; i < shape->count; i++) {
        const struct aa_column *column = &shape->columns[i];
        void *member = member_of(record, column);

        if (is_view(column)) {
            *(struct aa_view *)member = view_of_column(stmt, column, (int)i);
            len += ((struct aa_view *)member)->len + 1;
        } else if (column->kind == AA_COLUMN_BOOL) {
            *(bool *)member = aa_stmt_int(stmt, (int)i) != 0;
        } else {
            *(int64_t *)member = aa_stmt_int(stmt, (int)i);
        }
    }
    return len;
}

/* Moves the texts into the record's own memory. */
static void keep_texts(const struct aa_shape *shape, void *record, char *at)
{
    for (size_t i = 0; i < shape->count; i++) {
        struct aa_view *text = member_of(record, &shape->columns[i]);

        if (!is_view(&shape->columns[i]) || aa_view_is_absent(*text))
            continue;
        if (text->len)
            memcpy(at, text->data, text->len);
        text->data = at;
        at += text->len + 1;
    }
}

enum aa_err aa_record_read(struct aa_stmt *stmt, const struct aa_shape *shape, void *record, struct aa_error *err)
{
    char *memory = NULL, *at = NULL;
    size_t len = read_members(stmt, shape, record);
    enum aa_err rc;

    rc = aa_record_memory(len, &memory, &at, err);
    if (rc) {
        memset(record, 0, shape->size);
        return rc;
    }
    keep_texts(shape, record, at);
    *(char **)record = memory;
    return AA_OK;
}

enum aa_err aa_store_told(enum aa_err rc, const char *what, struct aa_error *err)
{
    return rc ? aa_fail(err, rc, "%s: %s", what, aa_err_text(rc)) : AA_OK;
}

static void bind(struct aa_stmt *stmt, int index, const struct aa_arg *arg)
{
    if (arg->kind == AA_COLUMN_TEXT)
        aa_stmt_bind_text(stmt, index, arg->view);
    else if (arg->kind == AA_COLUMN_BLOB)
        aa_stmt_bind_blob(stmt, index, arg->view);
    else
        aa_stmt_bind_int(stmt, index, arg->number);
}

static struct aa_arg arg_of_member(const struct aa_column *column, const void *record)
{
    const void *member = (const char *)record + column->offset;
    struct aa_arg arg = {column->kind, AA_VIEW_ABSENT, 0};

    if (is_view(column))
        arg.view = *(const struct aa_view *)member;
    else if (column->kind == AA_COLUMN_BOOL)
        arg.number = *(const bool *)member;
    else
        arg.number = *(const int64_t *)member;
    return arg;
}

enum aa_err aa_store_begin(struct aa_conn *c, const char *sql, const struct aa_arg *args, size_t arg_count,
                           struct aa_stmt **out, struct aa_error *err)
{
    enum aa_err rc;

    rc = aa_stmt_prepare(c, sql, out, err);
    for (size_t i = 0; !rc && i < arg_count; i++)
        bind(*out, (int)i + 1, &args[i]);
    return rc;
}

enum aa_err aa_store_run(struct aa_conn *c, const char *sql, const struct aa_arg *args, size_t arg_count,
                         int64_t *changed, struct aa_error *err)
{
    struct aa_stmt *stmt = NULL;
    bool has_row;
    enum aa_err rc;

    rc = aa_store_begin(c, sql, args, arg_count, &stmt, err);
    if (rc)
        return rc;
    rc = aa_stmt_step(stmt, &has_row, err);
    if (!rc && changed)
        *changed = aa_conn_changes(c);
    aa_stmt_end(stmt);
    return rc;
}

enum aa_err aa_store_change(struct aa_conn *c, const char *sql, const struct aa_arg *args, size_t arg_count,
                            struct aa_error *err)
{
    int64_t changed = 0;
    enum aa_err rc;

    rc = aa_store_run(c, sql, args, arg_count, &changed, err);
    if (rc == AA_ERR_UTF8 || (!rc && changed == 0)) /* no text in the store is ill-formed */
        rc = aa_fail(err, AA_ERR_NOT_FOUND, "there is no such record");
    return rc;
}

/* A unique violation would end a PostgreSQL transaction, so collisions do nothing and show in the count. */
enum aa_err aa_store_insert(struct aa_conn *c, const char *sql, const struct aa_shape *shape, const void *record,
                            struct aa_error *err)
{
    struct aa_stmt *stmt = NULL;
    bool has_row;
    enum aa_err rc;

    rc = aa_stmt_prepare(c, sql, &stmt, err);
    if (rc)
        return rc;
    for (size_t i = 0; i < shape->count; i++) {
        struct aa_arg arg = arg_of_member(&shape->columns[i], record);

        bind(stmt, (int)i + 1, &arg);
    }
    rc = aa_stmt_step(stmt, &has_row, err);
    if (!rc && aa_conn_changes(c) == 0)
        rc = aa_fail(err, AA_ERR_CONFLICT, "there is such a record already");
    aa_stmt_end(stmt);
    return rc;
}

enum aa_err aa_store_find(struct aa_conn *c, const char *sql, const struct aa_arg *args, size_t arg_count,
                          const struct aa_shape *shape, void *out, struct aa_error *err)
{
    struct aa_stmt *stmt = NULL;
    bool has_row = false;
    enum aa_err rc;

    rc = aa_store_begin(c, sql, args, arg_count, &stmt, err);
    if (rc)
        return rc;
    rc = aa_stmt_step(stmt, &has_row, err);
    if (rc == AA_ERR_UTF8 || (!rc && !has_row)) /* no text in the store is ill-formed */
        rc = aa_fail(err, AA_ERR_NOT_FOUND, "there is no such record");
    if (!rc)
        rc = aa_record_read(stmt, shape, out, err);
    aa_stmt_end(stmt);
    return rc;
}

/* One row for the caller's function; false when there are no more. */
static enum aa_err list_row(struct aa_stmt *stmt, const struct aa_shape *shape, aa_row_fn row, void *ctx, bool *has_row,
                            struct aa_error *err)
{
    union {
        char *memory; /* the first member of every record */
        char room[AA_RECORD_SIZE_MAX];
        int64_t aligned;
    } record;
    enum aa_err rc;

    rc = aa_stmt_step(stmt, has_row, err);
    if (rc || !*has_row)
        return rc;
    rc = aa_record_read(stmt, shape, &record, err);
    if (rc)
        return rc;
    rc = row(ctx, &record, err);
    aa_record_clear(&record.memory);
    return rc;
}

enum aa_err aa_store_list(struct aa_conn *c, const char *sql, const struct aa_arg *args, size_t arg_count,
                          const struct aa_shape *shape, aa_row_fn row, void *ctx, struct aa_error *err)
{
    struct aa_stmt *stmt = NULL;
    bool has_row = true;
    enum aa_err rc;

    rc = aa_store_begin(c, sql, args, arg_count, &stmt, err);
    while (!rc && has_row)
        rc = list_row(stmt, shape, row, ctx, &has_row, err);
    aa_stmt_end(stmt);
    return rc;
}

enum aa_err aa_store_number(struct aa_conn *c, const char *sql, const struct aa_arg *args, size_t arg_count,
                            int64_t *out, struct aa_error *err)
{
    struct aa_stmt *stmt = NULL;
    bool has_row = false;
    enum aa_err rc;

    rc = aa_store_begin(c, sql, args, arg_count, &stmt, err);
    if (rc)
        return rc;
    rc = aa_stmt_step(stmt, &has_row, err);
    if (!rc)
        *out = has_row ? aa_stmt_int(stmt, 0) : 0;
    aa_stmt_end(stmt);
    return rc;
}

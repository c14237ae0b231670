/* CSV to JSON. */
#include "base/error.h"
#include "main/old_tables.h"

#define COLUMNS_MAX 64
#define NAMES_MAX (64 * 1024)

struct csv {
    struct aa_view rest;
    int64_t line, row_line; /* the present one, and where its row began */
    struct aa_buf field;    /* the present one, unquoted */
    bool is_quoted, ends_row;
    struct aa_buf names; /* of the columns, one after the other */
    size_t name_ends[COLUMNS_MAX];
    size_t column_count;
};

static enum aa_err fail(const struct csv *csv, const char *what, struct aa_error *err)
{
    return aa_fail(err, AA_ERR_JSON_MALFORMED, "line %lld: %s", (long long)csv->row_line, what);
}

static char take(struct csv *csv)
{
    char c = csv->rest.data[0];

    csv->rest = aa_view_from(csv->rest, 1);
    if (c == '\n')
        csv->line++;
    return c;
}

static bool is_next(const struct csv *csv, char c)
{
    return csv->rest.len > 0 && csv->rest.data[0] == c;
}

/* The opening quote was taken. */
static enum aa_err take_quoted(struct csv *csv, struct aa_error *err)
{
    while (csv->rest.len > 0) {
        char c = take(csv);

        if (c == '"' && !is_next(csv, '"'))
            return AA_OK;
        if (c == '"')
            take(csv);
        aa_buf_add_char(&csv->field, c);
    }
    return fail(csv, "a quote is not closed", err);
}

/* A comma, the end of the line or the end of the file. */
static enum aa_err take_separator(struct csv *csv, struct aa_error *err)
{
    csv->ends_row = true;
    if (csv->rest.len == 0)
        return AA_OK;
    if (is_next(csv, '\r'))
        take(csv);
    if (is_next(csv, '\n')) {
        take(csv);
        return AA_OK;
    }
    csv->ends_row = false;
    if (!is_next(csv, ','))
        return fail(csv, "a comma is missing behind a quote", err);
    take(csv);
    return AA_OK;
}

static enum aa_err take_field(struct csv *csv, struct aa_error *err)
{
    enum aa_err rc = AA_OK;

    aa_buf_reset(&csv->field);
    csv->is_quoted = is_next(csv, '"');
    if (csv->is_quoted) {
        take(csv);
        rc = take_quoted(csv, err);
    } else {
        while (csv->rest.len > 0 && !is_next(csv, ',') && !is_next(csv, '\n') && !is_next(csv, '\r'))
            aa_buf_add_char(&csv->field, take(csv));
    }
    if (!rc)
        rc = aa_buf_check(&csv->field, "a field", err);
    return rc ? rc : take_separator(csv, err);
}

static enum aa_err take_heading(struct csv *csv, struct aa_error *err)
{
    enum aa_err rc;

    do {
        rc = take_field(csv, err);
        if (!rc && (csv->column_count == COLUMNS_MAX || csv->field.len == 0))
            rc = fail(csv, "the heading has too many columns, or one without a name", err);
        if (rc)
            return rc;
        aa_buf_add(&csv->names, aa_buf_view(&csv->field));
        csv->name_ends[csv->column_count++] = csv->names.len;
    } while (!csv->ends_row);
    return aa_buf_check(&csv->names, "the heading", err);
}

static struct aa_view name_of(const struct csv *csv, size_t column)
{
    size_t start = column ? csv->name_ends[column - 1] : 0;

    return aa_view_slice(aa_buf_view(&csv->names), start, csv->name_ends[column] - start);
}

static enum aa_err add_row(struct csv *csv, struct aa_buf *out, struct aa_error *err)
{
    size_t column = 0;

    csv->row_line = csv->line;
    aa_buf_add_char(out, '{');
    do {
        enum aa_err rc = take_field(csv, err);

        if (!rc && column == csv->column_count)
            rc = fail(csv, "the row has more fields than the heading", err);
        if (rc)
            return rc;
        if (column)
            aa_buf_add_char(out, ',');
        aa_buf_add_json_string(out, name_of(csv, column++));
        aa_buf_add_char(out, ':');
        if (csv->field.len == 0 && !csv->is_quoted)
            aa_buf_add_text(out, "null");
        else
            aa_buf_add_json_string(out, aa_buf_view(&csv->field));
    } while (!csv->ends_row);
    if (column < csv->column_count)
        return fail(csv, "the row has fewer fields than the heading", err);
    aa_buf_add_char(out, '}');
    return aa_buf_check(out, "the table", err);
}

enum aa_err aa_csv_add_json(struct aa_view text, struct aa_buf *out, struct aa_error *err)
{
    struct csv csv = {.rest = text, .line = 1, .row_line = 1};
    bool is_first = true;
    enum aa_err rc;

    aa_buf_init(&csv.field, AA_OLD_FILE_MAX);
    aa_buf_init(&csv.names, NAMES_MAX);
    rc = take_heading(&csv, err);
    aa_buf_add_char(out, '[');
    while (!rc && csv.rest.len > 0) {
        if (!is_first)
            aa_buf_add_char(out, ',');
        is_first = false;
        rc = add_row(&csv, out, err);
    }
    aa_buf_add_char(out, ']');
    aa_buf_clear(&csv.field);
    aa_buf_clear(&csv.names);
    return rc ? rc : aa_buf_check(out, "the table", err);
}

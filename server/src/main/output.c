#include "main/output.h"

#include <stdio.h>

#include "base/error.h"
#include "domain/texts.h"

#define OUTPUT_MAX (64 * 1024 * 1024)
#define ABSENT SIZE_MAX /* in place of a length */

void aa_table_init(struct aa_table *table, const struct aa_table_column *columns, size_t column_count)
{
    table->columns = columns;
    table->column_count = column_count;
    aa_buf_init(&table->cells, OUTPUT_MAX);
}

void aa_table_clear(struct aa_table *table)
{
    aa_buf_wipe_clear(&table->cells);
}

void aa_table_add(struct aa_table *table, struct aa_view text)
{
    size_t len = aa_view_is_absent(text) ? ABSENT : text.len;

    aa_buf_add(&table->cells, aa_view_make(&len, sizeof len));
    aa_buf_add(&table->cells, text);
}

void aa_table_add_time(struct aa_table *table, int64_t time_ms)
{
    struct aa_buf text;

    aa_buf_init(&text, 64);
    if (time_ms)
        aa_text_add_time(&text, time_ms);
    aa_table_add(table, time_ms ? aa_buf_view(&text) : AA_VIEW_ABSENT);
    aa_buf_clear(&text);
}

/* Takes the next cell off *rest. False at the end. */
static bool next_cell(struct aa_view *rest, struct aa_view *cell)
{
    size_t len;

    if (rest->len < sizeof len)
        return false;
    memcpy(&len, rest->data, sizeof len);
    *rest = aa_view_from(*rest, sizeof len);
    *cell = len == ABSENT ? AA_VIEW_ABSENT : aa_view_slice(*rest, 0, len);
    *rest = aa_view_from(*rest, cell->len);
    return true;
}

static size_t width_of(struct aa_view text)
{
    size_t width = 0;

    for (size_t i = 0; i < text.len; i++)
        width += ((unsigned char)text.data[i] & 0xc0) != 0x80; /* not a continuation byte of UTF-8 */
    return width;
}

/* What came from outside must not speak to the terminal. */
static void add_plain(struct aa_buf *out, struct aa_view text)
{
    if (aa_text_is_plain(text)) {
        aa_buf_add(out, text);
        return;
    }
    for (size_t i = 0; i < text.len; i++)
        aa_buf_add_char(out, text.data[i] >= 0x20 && text.data[i] < 0x7f ? text.data[i] : '?');
}

static void add_padded(struct aa_buf *out, struct aa_view text, size_t width)
{
    size_t used = width_of(text);

    add_plain(out, text);
    for (; used < width; used++)
        aa_buf_add_char(out, ' ');
}

/* ---- JSON ---- */

static void add_json_words(struct aa_buf *out, struct aa_view words)
{
    struct aa_view word;
    const char *separator = "";

    aa_buf_add_char(out, '[');
    while (words.len > 0) {
        aa_view_cut(words, ' ', &word, &words);
        aa_buf_add_text(out, separator);
        aa_buf_add_json_string(out, word);
        separator = ", ";
    }
    aa_buf_add_char(out, ']');
}

static void add_json_row(struct aa_buf *out, const struct aa_table *table, struct aa_view *rest)
{
    const char *separator = "";
    struct aa_view cell;

    aa_buf_add_char(out, '{');
    for (size_t i = 0; i < table->column_count && next_cell(rest, &cell); i++) {
        if (aa_view_is_absent(cell))
            continue;
        aa_buf_add_format(out, "%s\"%s\": ", separator, table->columns[i].name);
        if (table->columns[i].kind == AA_CELL_WORDS)
            add_json_words(out, cell);
        else
            aa_buf_add_json_string(out, cell);
        separator = ", ";
    }
    aa_buf_add_char(out, '}');
}

static void build_json(struct aa_buf *out, const struct aa_table *table)
{
    struct aa_view rest = aa_buf_view(&table->cells);
    const char *separator = "[";

    if (rest.len == 0)
        aa_buf_add_char(out, '[');
    while (rest.len > 0) {
        aa_buf_add_text(out, separator);
        add_json_row(out, table, &rest);
        separator = ",\n ";
    }
    aa_buf_add_text(out, "]\n");
}

/* ---- tables ---- */

static void measure(const struct aa_table *table, size_t *widths)
{
    struct aa_view rest = aa_buf_view(&table->cells), cell;

    for (size_t i = 0; i < table->column_count; i++)
        widths[i] = strlen(table->columns[i].name);
    for (size_t i = 0; next_cell(&rest, &cell); i = (i + 1) % table->column_count)
        if (width_of(cell) > widths[i])
            widths[i] = width_of(cell);
}

static void build_table(struct aa_buf *out, const struct aa_table *table)
{
    struct aa_view rest = aa_buf_view(&table->cells), cell;
    size_t widths[AA_TABLE_COLUMNS_MAX] = {0};
    size_t last = table->column_count - 1;

    measure(table, widths);
    for (size_t i = 0; i <= last; i++) {
        add_padded(out, aa_view_of(table->columns[i].name), i < last ? widths[i] + 2 : 0);
        if (i == last)
            aa_buf_add_char(out, '\n');
    }
    for (size_t i = 0; next_cell(&rest, &cell); i = (i + 1) % table->column_count) {
        add_padded(out, aa_view_is_absent(cell) ? AA_VIEW("-") : cell, i < last ? widths[i] + 2 : 0);
        if (i == last)
            aa_buf_add_char(out, '\n');
    }
}

static void build_one(struct aa_buf *out, const struct aa_table *table)
{
    struct aa_view rest = aa_buf_view(&table->cells), cell;
    size_t width = 0;

    for (size_t i = 0; i < table->column_count; i++)
        if (strlen(table->columns[i].name) > width)
            width = strlen(table->columns[i].name);
    for (size_t i = 0; i < table->column_count && next_cell(&rest, &cell); i++) {
        if (aa_view_is_absent(cell))
            continue;
        add_padded(out, aa_view_of(table->columns[i].name), width + 2);
        add_plain(out, cell);
        aa_buf_add_char(out, '\n');
    }
}

/* ---- printing ---- */

enum aa_err aa_output_write(struct aa_view text, struct aa_error *err)
{
    if (fwrite(text.data, 1, text.len, stdout) != text.len || fflush(stdout))
        return aa_fail(err, AA_ERR_SYSTEM, "the result cannot be written");
    return AA_OK;
}

static enum aa_err print(struct aa_buf *out, struct aa_error *err)
{
    enum aa_err rc = aa_buf_check(out, "the result", err);

    if (!rc)
        rc = aa_output_write(aa_buf_view(out), err);
    aa_buf_wipe_clear(out);
    return rc;
}

enum aa_err aa_table_print(const struct aa_table *table, bool json, struct aa_error *err)
{
    struct aa_buf out;
    enum aa_err rc = aa_buf_check(&table->cells, "the result", err);

    if (rc)
        return rc;
    aa_buf_init(&out, OUTPUT_MAX);
    if (json)
        build_json(&out, table);
    else
        build_table(&out, table);
    return print(&out, err);
}

enum aa_err aa_table_print_one(const struct aa_table *table, bool json, struct aa_error *err)
{
    struct aa_view rest = aa_buf_view(&table->cells);
    struct aa_buf out;
    enum aa_err rc = aa_buf_check(&table->cells, "the result", err);

    if (rc)
        return rc;
    aa_buf_init(&out, OUTPUT_MAX);
    if (json) {
        add_json_row(&out, table, &rest);
        aa_buf_add_char(&out, '\n');
    } else {
        build_one(&out, table);
    }
    return print(&out, err);
}

void aa_say_on_stderr(void *ctx, const char *what)
{
    (void)ctx;
    fprintf(stderr, "auth-agent-server: %s\n", what);
}

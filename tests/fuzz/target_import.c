/* What is imported from the older service: CSV, and the lists and times in its columns. */
#include "domain/texts.h"
#include "fuzz.h"
#include "main/old_tables.h"

struct write {
    struct aa_buf *buf;
    bool is_first;
};

static void add_field(struct write *write, struct aa_view text)
{
    if (!write->is_first)
        aa_buf_add_char(write->buf, ',');
    write->is_first = false;
    if (aa_view_is_absent(text)) /* null: empty and not quoted */
        return;
    aa_buf_add_char(write->buf, '"');
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] == '"')
            aa_buf_add_char(write->buf, '"');
        aa_buf_add_char(write->buf, text.data[i]);
    }
    aa_buf_add_char(write->buf, '"');
}

static bool add_name(void *ctx, struct aa_view name, const struct aa_json *value)
{
    (void)value;
    add_field(ctx, name);
    return true;
}

static bool add_value(void *ctx, struct aa_view name, const struct aa_json *value)
{
    (void)name;
    MUST(aa_json_is(value, AA_JSON_STRING) || aa_json_is(value, AA_JSON_NULL));
    add_field(ctx, aa_json_text(value));
    return true;
}

static void write_csv(const struct aa_json *rows, struct aa_buf *csv)
{
    aa_json_each(aa_json_at(rows, 0), add_name, &(struct write){csv, true});
    aa_buf_add_char(csv, '\n');
    for (size_t i = 0; i < aa_json_len(rows); i++) {
        aa_json_each(aa_json_at(rows, i), add_value, &(struct write){csv, true});
        aa_buf_add_char(csv, '\n');
    }
}

/* Written as CSV again, the table is read as the same. */
static void check_again(const struct aa_json *rows)
{
    struct aa_buf csv, json, first, second;
    struct aa_json *again;

    aa_buf_init(&csv, FUZZ_TEXT_MAX);
    aa_buf_init(&json, FUZZ_TEXT_MAX);
    aa_buf_init(&first, FUZZ_TEXT_MAX);
    aa_buf_init(&second, FUZZ_TEXT_MAX);
    write_csv(rows, &csv);
    MUST_OK(aa_csv_add_json(aa_buf_view(&csv), &json, NULL));
    again = fuzz_must_be_json(&json);
    aa_buf_add_json(&first, rows);
    aa_buf_add_json(&second, again);
    MUST_EQUAL(aa_buf_view(&first), aa_buf_view(&second));
    aa_json_free(again);
    aa_buf_clear(&csv);
    aa_buf_clear(&json);
    aa_buf_clear(&first);
    aa_buf_clear(&second);
}

static bool check_member(void *ctx, struct aa_view member)
{
    size_t *left = ctx;

    MUST(!aa_view_is_absent(member));
    return (*left)-- > 1;
}

/* A time is one of the years that we write, and written it is read as the same second. */
static void check_time(const struct aa_json *row, const char *column)
{
    struct aa_json *written;
    int64_t time_ms = -1, again = -1;
    struct aa_buf json;

    if (!aa_old_time(row, column, &time_ms))
        return;
    if (time_ms == 0) { /* none, and not one that is long ago */
        MUST(aa_view_is_absent(aa_old_text(row, column)));
        return;
    }
    MUST(time_ms > 0);
    aa_buf_init(&json, FUZZ_TEXT_MAX);
    aa_buf_add_text(&json, "{\"t\":\"");
    aa_text_add_time(&json, time_ms);
    aa_buf_add_text(&json, "\"}");
    written = fuzz_must_be_json(&json);
    MUST(aa_old_time(written, "t", &again));
    MUST(again == (time_ms < 1000 ? 1 : time_ms / 1000 * 1000));
    aa_json_free(written);
    aa_buf_clear(&json);
}

static void check_columns(const struct aa_json *rows)
{
    for (size_t i = 0; i < aa_json_len(rows); i++) {
        size_t left = 1000;

        MUST(aa_json_len(aa_json_at(rows, i)) == aa_json_len(aa_json_at(rows, 0)));
        (void)aa_old_list(aa_json_at(rows, i), "scopes", check_member, &left);
        check_time(aa_json_at(rows, i), "created_at");
    }
}

bool fuzz_one(struct aa_view input)
{
    struct aa_json *rows = NULL;
    struct aa_buf json;
    enum aa_err rc;

    aa_buf_init(&json, FUZZ_TEXT_MAX);
    rc = aa_csv_add_json(input, &json, NULL);
    /* NUL, or one column twice: the table is no document of ours. */
    if (!rc)
        rc = aa_json_parse(aa_buf_view(&json), FUZZ_TEXT_MAX, &rows, NULL);
    aa_buf_clear(&json);
    if (rc)
        return false;
    MUST(aa_json_is(rows, AA_JSON_ARRAY));
    if (aa_json_len(rows) > 0)
        check_again(rows);
    check_columns(rows);
    aa_json_free(rows);
    return true;
}

#include "main/old_tables.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/error.h"

#define LIST_MAX (64 * 1024)
#define YEAR_9999_MS INT64_C(253402300799999) /* its last */
#define BYTE_ORDER_MARK AA_VIEW("\xef\xbb\xbf")

static const char *const names[AA_OLD_TABLE_COUNT] = {"mcp_servers", "mcp_server_keys", "clients",
                                                      "user_authorizations"};

/* What only this table has. */
static const struct {
    enum aa_old_table table;
    const char *column;
} marks[] = {
    {AA_OLD_SERVERS, "server_url"},
    {AA_OLD_KEYS, "key_hash"},
    {AA_OLD_AUTHORIZATIONS, "granted_scopes"},
    {AA_OLD_CLIENTS, "client_secret_hash"},
};

const char *aa_old_table_name(enum aa_old_table table)
{
    return names[table];
}

/* ---- reading ---- */

static enum aa_err read_file(const char *path, struct aa_buf *out, struct aa_error *err)
{
    FILE *file = fopen(path, "re");
    char piece[65536];
    size_t len;
    bool failed;

    if (!file)
        return aa_fail(err, AA_ERR_SYSTEM, "%s cannot be read: %s", path, strerror(errno));
    while (!out->bad && (len = fread(piece, 1, sizeof piece, file)) > 0)
        aa_buf_add(out, aa_view_make(piece, len));
    failed = ferror(file) != 0;
    fclose(file);
    return failed ? aa_fail(err, AA_ERR_SYSTEM, "%s cannot be read", path) : aa_buf_check(out, path, err);
}

/* JSON begins with a bracket, and the name of a column does not. */
static bool is_json(struct aa_view text)
{
    while (text.len > 0 && strchr(" \t\r\n", text.data[0]) && text.data[0])
        text = aa_view_from(text, 1);
    return text.len > 0 && (text.data[0] == '{' || text.data[0] == '[');
}

static enum aa_err parse(struct aa_view text, struct aa_json **out, struct aa_error *err)
{
    struct aa_buf converted;
    enum aa_err rc;

    if (aa_view_has_prefix(text, BYTE_ORDER_MARK))
        text = aa_view_from(text, BYTE_ORDER_MARK.len);
    if (is_json(text))
        return aa_json_parse(text, AA_OLD_FILE_MAX, out, err);
    aa_buf_init(&converted, AA_OLD_FILE_MAX);
    rc = aa_csv_add_json(text, &converted, err);
    if (!rc)
        rc = aa_json_parse(aa_buf_view(&converted), AA_OLD_FILE_MAX, out, err);
    aa_buf_wipe_clear(&converted);
    return rc;
}

static enum aa_err keep(struct aa_old_tables *tables, enum aa_old_table table, const struct aa_json *rows,
                        struct aa_error *err)
{
    if (!aa_json_is(rows, AA_JSON_ARRAY))
        return aa_fail(err, AA_ERR_JSON_TYPE, "%s is no array of rows", names[table]);
    for (size_t i = 0; i < aa_json_len(rows); i++)
        if (!aa_json_is(aa_json_at(rows, i), AA_JSON_OBJECT))
            return aa_fail(err, AA_ERR_JSON_TYPE, "%s: row %zu is no object", names[table], i + 1);
    if (tables->rows[table])
        return aa_fail(err, AA_ERR_JSON_TYPE, "%s is there twice", names[table]);
    tables->rows[table] = rows;
    return AA_OK;
}

static enum aa_err keep_rows(struct aa_old_tables *tables, const struct aa_json *rows, struct aa_error *err)
{
    if (aa_json_len(rows) == 0)
        return AA_OK;
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++)
        if (aa_json_get(aa_json_at(rows, 0), marks[i].column))
            return keep(tables, marks[i].table, rows, err);
    return aa_fail(err, AA_ERR_JSON_TYPE,
                   "its columns are those of none of mcp_servers, mcp_server_keys, clients, user_authorizations");
}

static enum aa_err keep_document(struct aa_old_tables *tables, const struct aa_json *document, struct aa_error *err)
{
    size_t known = 0;
    enum aa_err rc = AA_OK;

    if (aa_json_is(document, AA_JSON_ARRAY))
        return keep_rows(tables, document, err);
    for (int i = 0; !rc && i < AA_OLD_TABLE_COUNT; i++) {
        const struct aa_json *rows = aa_json_get(document, names[i]);

        if (!rows)
            continue;
        known++;
        if (!aa_json_is(rows, AA_JSON_NULL)) /* of no rows json_agg() makes null */
            rc = keep(tables, (enum aa_old_table)i, rows, err);
    }
    if (aa_json_len(document) > known)
        tables->has_more = true;
    if (!rc && known == 0)
        rc = aa_fail(err, AA_ERR_JSON_TYPE,
                     "it has none of the tables mcp_servers, mcp_server_keys, clients, user_authorizations");
    return rc;
}

enum aa_err aa_old_tables_read(struct aa_old_tables *tables, const char *path, struct aa_error *err)
{
    struct aa_error why = AA_ERROR_INIT;
    struct aa_json *document = NULL;
    struct aa_buf text;
    enum aa_err rc;

    if (tables->document_count == AA_OLD_FILES_MAX)
        return aa_fail(err, AA_ERR_TOO_LONG, "more than %d files", AA_OLD_FILES_MAX);
    aa_buf_init(&text, AA_OLD_FILE_MAX);
    rc = read_file(path, &text, err);
    if (!rc) {
        rc = parse(aa_buf_view(&text), &document, &why);
        if (!rc) {
            tables->documents[tables->document_count++] = document;
            rc = keep_document(tables, document, &why);
        }
        if (rc)
            aa_fail(err, rc, "%s: %s", path, why.message);
    }
    aa_buf_wipe_clear(&text);
    return rc;
}

void aa_old_tables_clear(struct aa_old_tables *tables)
{
    for (size_t i = 0; i < tables->document_count; i++)
        aa_json_free(tables->documents[i]);
    *tables = (struct aa_old_tables){.document_count = 0};
}

/* ---- values ---- */

struct aa_view aa_old_text(const struct aa_json *row, const char *column)
{
    return aa_json_text(aa_json_get(row, column));
}

/* In the form a digit stands for any digit, a space for itself or "T", and everything else for itself. Gives what
 * stands behind it; NULL when the text has another form. */
static const char *skip_form(const char *text, const char *form)
{
    for (; *form; form++, text++) {
        bool fits = *form == '0' ? *text >= '0' && *text <= '9' : *text == *form || (*form == ' ' && *text == 'T');

        if (!fits)
            return NULL;
    }
    return text;
}

static bool is_form(const char *text, const char *form)
{
    const char *behind = skip_form(text, form);

    return behind && *behind == '\0';
}

static int two_digits(const char *text)
{
    return (text[0] - '0') * 10 + (text[1] - '0');
}

/* Behind the seconds: a fraction, then "Z", "+00", "+0530", "+05:30" or nothing (UTC). */
static bool read_rest(const char *text, int64_t *ms, int64_t *offset_s)
{
    int hours, minutes = 0;

    if (*text == '.') {
        int64_t unit = 100;

        for (text++; *text >= '0' && *text <= '9'; text++, unit /= 10)
            *ms += (*text - '0') * unit;
    }
    if (*text == '\0' || strcmp(text, "Z") == 0)
        return true;
    if (*text != '+' && *text != '-')
        return false;
    if (is_form(text + 1, "00:00"))
        minutes = two_digits(text + 4);
    else if (is_form(text + 1, "0000"))
        minutes = two_digits(text + 3);
    else if (!is_form(text + 1, "00"))
        return false;
    hours = two_digits(text + 1);
    *offset_s = (*text == '-' ? -1 : 1) * (hours * 3600 + minutes * 60);
    return hours <= 23 && minutes <= 59;
}

/* A time of before 1970 is as good as its first millisecond: long ago, and not none. */
static bool read_time(const char *text, int64_t *out)
{
    const char *rest = skip_form(text, "0000-00-00 00:00:00");
    struct tm when = {.tm_isdst = 0};
    int64_t ms = 0, offset_s = 0;
    int day;

    if (!rest || !read_rest(rest, &ms, &offset_s))
        return false;
    day = two_digits(text + 8);
    when.tm_year = two_digits(text) * 100 + two_digits(text + 2) - 1900;
    when.tm_mon = two_digits(text + 5) - 1;
    when.tm_mday = day;
    when.tm_hour = two_digits(text + 11);
    when.tm_min = two_digits(text + 14);
    when.tm_sec = two_digits(text + 17);
    if (when.tm_mon < 0 || when.tm_mon > 11 || day < 1 || when.tm_hour > 23 || when.tm_min > 59 || when.tm_sec > 59)
        return false;
    ms += ((int64_t)timegm(&when) - offset_s) * 1000;
    *out = ms > 0 ? ms : 1;
    return when.tm_mday == day && ms <= YEAR_9999_MS; /* timegm() makes another day of 31 February */
}

bool aa_old_time(const struct aa_json *row, const char *column, int64_t *out)
{
    const struct aa_json *value = aa_json_get(row, column);
    struct aa_view text = aa_json_text(value);
    char copy[64];

    *out = 0;
    if (!value || aa_json_is(value, AA_JSON_NULL))
        return true;
    if (aa_view_is_absent(text) || text.len >= sizeof copy)
        return false;
    memcpy(copy, text.data, text.len);
    copy[text.len] = '\0';
    return read_time(copy, out);
}

/* ---- lists ---- */

static bool each_of_json(const struct aa_json *array, aa_old_member_fn each, void *ctx)
{
    for (size_t i = 0; i < aa_json_len(array); i++)
        if (!aa_json_is(aa_json_at(array, i), AA_JSON_STRING) || !each(ctx, aa_json_text(aa_json_at(array, i))))
            return false;
    return true;
}

/* {a,"b \"c\""}: a backslash keeps what follows as it is. */
static bool each_of_braces(struct aa_view text, aa_old_member_fn each, void *ctx)
{
    struct aa_buf member;
    bool is_quoted = false, has_member = false, is_fine = true;

    if (text.len < 2 || text.data[text.len - 1] != '}')
        return false;
    aa_buf_init(&member, LIST_MAX);
    for (size_t i = 1; is_fine && i < text.len; i++) {
        char c = text.data[i];

        if (c == '\\' && i + 2 < text.len)
            aa_buf_add_char(&member, text.data[++i]);
        else if (c == '"')
            is_quoted = !is_quoted;
        else if (is_quoted || (c != ',' && i + 1 < text.len))
            aa_buf_add_char(&member, c);
        else {
            if (has_member || member.len > 0 || c == ',')
                is_fine = !member.bad && each(ctx, aa_buf_view(&member));
            aa_buf_reset(&member);
            has_member = c == ',';
        }
    }
    aa_buf_clear(&member);
    return is_fine && !is_quoted;
}

static bool each_of_words(struct aa_view text, aa_old_member_fn each, void *ctx)
{
    for (size_t start = 0, i = 0; i <= text.len; i++) {
        if (i < text.len && text.data[i] != ' ' && text.data[i] != ',' && text.data[i] != '\n')
            continue;
        if (i > start && !each(ctx, aa_view_slice(text, start, i - start)))
            return false;
        start = i + 1;
    }
    return true;
}

bool aa_old_list(const struct aa_json *row, const char *column, aa_old_member_fn each, void *ctx)
{
    const struct aa_json *value = aa_json_get(row, column);
    struct aa_view text = aa_view_trim(aa_json_text(value));
    struct aa_json *inner = NULL;
    bool is_fine;

    if (aa_json_is(value, AA_JSON_ARRAY))
        return each_of_json(value, each, ctx);
    if (!aa_json_is(value, AA_JSON_STRING))
        return false;
    if (aa_view_has_prefix(text, AA_VIEW("{")))
        return each_of_braces(text, each, ctx);
    if (!aa_view_has_prefix(text, AA_VIEW("[")))
        return each_of_words(text, each, ctx);
    is_fine = !aa_json_parse(text, LIST_MAX, &inner, NULL) && each_of_json(inner, each, ctx);
    aa_json_free(inner);
    return is_fine;
}

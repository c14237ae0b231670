#include "http/template.h"

#include "base/error.h"
#include "http/pages.h"

/* ---- names and values ------------------------------------------------------------------------------------------- */

/* The values of a row, then those around it. */
struct scope {
    const struct aa_template_value *values;
    const struct scope *outer;
};

static const struct aa_template_value *find_value(const struct scope *scope, struct aa_view name)
{
    for (; scope; scope = scope->outer) {
        const struct aa_template_value *value;

        for (value = scope->values; value && value->name; value++) {
            if (aa_view_equal_text(name, value->name))
                return value;
        }
    }
    return NULL;
}

/* A misspelt name must not reach people as a hole in the page: tests refuse it. Outside of tests a hole is better than
 * no page. */
static enum aa_err check_known(const struct aa_template_value *value, struct aa_view name, struct aa_error *err)
{
#ifdef AA_TEST_HOOKS
    if (!value)
        return aa_fail(err, AA_ERR_NOT_FOUND, "a page asks for {{%.*s}}, which was not given", AA_VIEW_ARGS(name));
#else
    (void)value;
    (void)name;
    (void)err;
#endif
    return AA_OK;
}

/* ---- tags ------------------------------------------------------------------------------------------------------- */

enum tag_kind { TAG_VALUE, TAG_SECTION, TAG_INVERTED, TAG_END };

struct tag {
    enum tag_kind kind;
    struct aa_view name;
};

struct reader {
    struct aa_view rest;
    struct aa_error *err;
};

static size_t find_pair(struct aa_view text, char wanted)
{
    size_t i;

    for (i = 0; i + 1 < text.len; i++) {
        if (text.data[i] == wanted && text.data[i + 1] == wanted)
            return i;
    }
    return SIZE_MAX;
}

static bool is_name(struct aa_view name)
{
    size_t i;

    for (i = 0; i < name.len; i++) {
        char c = name.data[i];

        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '_')
            return false;
    }
    return name.len > 0;
}

static struct tag tag_of(struct aa_view inner)
{
    switch (inner.len ? inner.data[0] : '\0') {
    case '#':
        return (struct tag){TAG_SECTION, aa_view_from(inner, 1)};
    case '^':
        return (struct tag){TAG_INVERTED, aa_view_from(inner, 1)};
    case '/':
        return (struct tag){TAG_END, aa_view_from(inner, 1)};
    default:
        return (struct tag){TAG_VALUE, inner};
    }
}

/* Reads up to the next tag: *text is what stands before it. False at the end of the page, where *text is the rest. */
static bool next_tag(struct reader *reader, struct aa_view *text, struct aa_view *inner)
{
    size_t open = find_pair(reader->rest, '{'), close;
    struct aa_view behind;

    if (open == SIZE_MAX) {
        *text = reader->rest;
        reader->rest = AA_VIEW_ABSENT;
        return false;
    }
    *text = aa_view_slice(reader->rest, 0, open);
    behind = aa_view_from(reader->rest, open + 2);
    close = find_pair(behind, '}');
    *inner = close == SIZE_MAX ? AA_VIEW_ABSENT : aa_view_slice(behind, 0, close); /* without an end: no name */
    reader->rest = close == SIZE_MAX ? AA_VIEW_ABSENT : aa_view_from(behind, close + 2);
    return true;
}

/* ---- rendering -------------------------------------------------------------------------------------------------- */

/* Renders up to the {{/name}} of `section`, or to the end of the page when that is absent. `out` NULL: only reads past
 * it. */
static enum aa_err render_until(struct reader *reader, struct aa_buf *out, const struct scope *scope,
                                struct aa_view section);

/* Once for each row, each time from the same place. */
static enum aa_err render_rows(struct reader *reader, struct aa_buf *out, const struct scope *scope,
                               const struct aa_template_value *list)
{
    struct aa_view start = reader->rest, name = aa_view_of(list->name);
    size_t i;

    if (list->row_count == 0)
        return render_until(reader, NULL, scope, name);
    for (i = 0; i < list->row_count; i++) {
        struct scope row = {list->rows[i], scope};
        enum aa_err rc;

        reader->rest = start;
        rc = render_until(reader, out, &row, name);
        if (rc)
            return rc;
    }
    return AA_OK;
}

static bool is_on(const struct aa_template_value *value)
{
    if (!value)
        return false;
    return value->rows ? value->row_count > 0 : value->text.len > 0;
}

static enum aa_err render_section(struct reader *reader, struct aa_buf *out, const struct scope *scope, struct tag tag)
{
    const struct aa_template_value *value;
    enum aa_err rc;

    if (!out)
        return render_until(reader, NULL, scope, tag.name);
    value = find_value(scope, tag.name);
    rc = check_known(value, tag.name, reader->err);
    if (rc)
        return rc;
    if (tag.kind == TAG_SECTION && value && value->rows)
        return render_rows(reader, out, scope, value);
    return render_until(reader, is_on(value) == (tag.kind == TAG_SECTION) ? out : NULL, scope, tag.name);
}

static enum aa_err render_value(struct reader *reader, struct aa_buf *out, const struct scope *scope,
                                struct aa_view name)
{
    const struct aa_template_value *value;
    enum aa_err rc;

    if (!out)
        return AA_OK;
    value = find_value(scope, name);
    rc = check_known(value, name, reader->err);
    if (!rc && value && !value->rows)
        aa_buf_add_html(out, value->text);
    return rc;
}

static enum aa_err render_until(struct reader *reader, struct aa_buf *out, const struct scope *scope,
                                struct aa_view section)
{
    struct aa_view text, inner;

    for (;;) {
        bool is_tag = next_tag(reader, &text, &inner);
        struct tag tag;
        enum aa_err rc;

        if (out)
            aa_buf_add(out, text);
        if (!is_tag)
            break;
        tag = tag_of(inner);
        if (!is_name(tag.name))
            return aa_fail(reader->err, AA_ERR_NOT_FOUND, "a page holds {{ without a name and }}");
        if (tag.kind == TAG_END) {
            if (aa_view_equal(tag.name, section))
                return AA_OK;
            return aa_fail(reader->err, AA_ERR_NOT_FOUND, "a page holds {{/%.*s}} where no such section ends",
                           AA_VIEW_ARGS(tag.name));
        }
        rc = tag.kind == TAG_VALUE ? render_value(reader, out, scope, tag.name)
                                   : render_section(reader, out, scope, tag);
        if (rc)
            return rc;
    }
    if (aa_view_is_absent(section))
        return AA_OK;
    return aa_fail(reader->err, AA_ERR_NOT_FOUND, "a page has no {{/%.*s}}", AA_VIEW_ARGS(section));
}

enum aa_err aa_template_render_text(struct aa_buf *out, struct aa_view text, const struct aa_template_value *values,
                                    struct aa_error *err)
{
    struct scope scope = {values, NULL};
    struct reader reader = {text, err};
    size_t start = out->len;
    enum aa_err rc;

    rc = render_until(&reader, out, &scope, AA_VIEW_ABSENT);
    if (!rc)
        rc = aa_buf_check(out, "a page", err);
    if (rc)
        aa_buf_cut(out, start);
    return rc;
}

/* ---- the built-in files ----------------------------------------------------------------------------------------- */

struct aa_view aa_template_file(const char *name)
{
    const struct aa_page *page;

    for (page = aa_pages; page->name; page++) {
        if (strcmp(page->name, name) == 0)
            return aa_view_make(page->data, page->len);
    }
    return AA_VIEW_ABSENT;
}

enum aa_err aa_template_render(struct aa_buf *out, const char *page, const struct aa_template_value *values,
                               struct aa_error *err)
{
    struct aa_view text = aa_template_file(page);

    if (aa_view_is_absent(text))
        return aa_fail(err, AA_ERR_NOT_FOUND, "there is no page %s", page);
    return aa_template_render_text(out, text, values, err);
}

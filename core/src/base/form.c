#include "base/form.h"

#include "base/error.h"
#include "base/mem.h"

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* What stands in front of the first escape. */
static size_t plain_len(struct aa_view text)
{
    size_t percent = aa_view_find(text, '%'), plus = aa_view_find(text, '+');
    size_t first = percent < plus ? percent : plus;

    return first < text.len ? first : text.len;
}

bool aa_form_decode(struct aa_view text, char *to, struct aa_view *out)
{
    size_t len = plain_len(text);

    if (len)
        memmove(to, text.data, len);
    for (size_t i = len; i < text.len; i++) {
        char c = text.data[i];

        if (c == '+') {
            c = ' ';
        } else if (c == '%') {
            int high = i + 2 < text.len ? hex_digit(text.data[i + 1]) : -1;
            int low = i + 2 < text.len ? hex_digit(text.data[i + 2]) : -1;

            if (high < 0 || low < 0)
                return false;
            c = (char)(high << 4 | low);
            i += 2;
        }
        to[len++] = c;
    }
    *out = (struct aa_view){to, len};
    return true;
}

/* Marks both fields when the name is there already. With at most 64 fields the square is small and bounded. */
static void mark_duplicates(struct aa_form *form, struct aa_form_field *added)
{
    for (size_t i = 0; i < form->len; i++) {
        if (aa_view_equal(form->fields[i].name, added->name)) {
            form->fields[i].duplicate = true;
            added->duplicate = true;
        }
    }
}

static enum aa_err add_field(struct aa_form *form, struct aa_view pair, char *to, struct aa_error *err)
{
    struct aa_form_field field = {.duplicate = false};
    struct aa_view name;
    struct aa_view value;

    if (form->len == AA_FORM_FIELDS_MAX)
        return aa_fail(err, AA_ERR_FORM_MALFORMED, "the form has more than %d fields", AA_FORM_FIELDS_MAX);
    if (!aa_view_cut(pair, '=', &name, &value))
        value = AA_VIEW("");
    if (!aa_form_decode(name, to, &field.name) || !aa_form_decode(value, to + field.name.len, &field.value))
        return aa_fail(err, AA_ERR_FORM_MALFORMED, "the form has a broken percent escape");
    if (!aa_view_is_utf8(field.name) || !aa_view_is_utf8(field.value))
        return aa_fail(err, AA_ERR_UTF8, "a form field is not UTF-8, or holds NUL");
    mark_duplicates(form, &field);
    form->fields[form->len++] = field;
    return AA_OK;
}

enum aa_err aa_form_parse(struct aa_form *form, struct aa_view text, struct aa_error *err)
{
    struct aa_view pair;
    enum aa_err rc = AA_OK;
    char *to;

    form->memory = NULL;
    form->memory_len = 0;
    form->len = 0;
    if (text.len == 0)
        return AA_OK;
    to = form->memory = aa_mem_new(text.len);
    if (!form->memory)
        return aa_fail(err, AA_ERR_NOMEM, "out of memory for a form");
    form->memory_len = text.len;
    while (!rc && !aa_view_is_absent(text)) {
        aa_view_cut(text, '&', &pair, &text);
        if (pair.len == 0)
            continue;
        rc = add_field(form, pair, to, err);
        to += pair.len;
    }
    if (rc)
        aa_form_clear(form);
    return rc;
}

void aa_form_clear(struct aa_form *form)
{
    aa_mem_wipe_free(form->memory, form->memory_len);
    form->memory = NULL;
    form->memory_len = 0;
    form->len = 0;
}

enum aa_err aa_form_get(const struct aa_form *form, const char *name, struct aa_view *value, struct aa_error *err)
{
    for (size_t i = 0; i < form->len; i++) {
        if (!aa_view_equal_text(form->fields[i].name, name))
            continue;
        if (form->fields[i].duplicate)
            return aa_fail(err, AA_ERR_PARAMETER_DUPLICATE, "parameter %s was sent more than once", name);
        *value = form->fields[i].value;
        return AA_OK;
    }
    *value = AA_VIEW_ABSENT;
    return AA_OK;
}

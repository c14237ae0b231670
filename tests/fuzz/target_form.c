/* Forms: written again they are read again as the same, and a name that comes twice has no value. */
#include "base/form.h"

#include "fuzz.h"

static void write_form(const struct aa_form *form, struct aa_buf *buf)
{
    for (size_t i = 0; i < form->len; i++) {
        aa_buf_add_percent(buf, form->fields[i].name);
        aa_buf_add_char(buf, '=');
        aa_buf_add_percent(buf, form->fields[i].value);
        aa_buf_add_char(buf, '&');
    }
}

static void check_same(const struct aa_form *a, const struct aa_form *b)
{
    MUST(a->len == b->len);
    for (size_t i = 0; i < a->len; i++) {
        MUST_EQUAL(a->fields[i].name, b->fields[i].name);
        MUST_EQUAL(a->fields[i].value, b->fields[i].value);
        MUST(a->fields[i].duplicate == b->fields[i].duplicate);
    }
}

static void check_fields(const struct aa_form *form)
{
    for (size_t i = 0; i < form->len; i++) {
        const struct aa_form_field *field = &form->fields[i];
        char name[64];
        struct aa_view value;
        enum aa_err rc;

        MUST(aa_view_is_utf8(field->name) && aa_view_is_utf8(field->value));
        if (field->name.len >= sizeof name)
            continue;
        memcpy(name, field->name.data, field->name.len);
        name[field->name.len] = '\0';
        rc = aa_form_get(form, name, &value, NULL);
        MUST(rc == (field->duplicate ? AA_ERR_PARAMETER_DUPLICATE : AA_OK));
        if (!rc)
            MUST_EQUAL(value, field->value);
    }
}

bool fuzz_one(struct aa_view input)
{
    struct aa_form form, again;
    struct aa_buf buf;

    if (aa_form_parse(&form, input, NULL)) {
        MUST(form.len == 0);
        return false;
    }
    check_fields(&form);
    aa_buf_init(&buf, FUZZ_TEXT_MAX);
    write_form(&form, &buf);
    MUST_OK(aa_form_parse(&again, aa_buf_view(&buf), NULL));
    check_same(&form, &again);
    aa_buf_clear(&buf);
    aa_form_clear(&again);
    aa_form_clear(&form);
    return true;
}

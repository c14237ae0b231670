/* application/x-www-form-urlencoded and query strings (WHATWG URL §5.1): linear, capped, one pass.
 *
 * A name that comes twice is remembered as duplicate; asking for it then fails (OAuth 2.1 §3.1: parameters MUST NOT
 * be included more than once). Values must be UTF-8 without NUL. */
#ifndef AA_BASE_FORM_H
#define AA_BASE_FORM_H

#include "base/view.h"

#define AA_FORM_FIELDS_MAX 64

struct aa_form_field {
    struct aa_view name;
    struct aa_view value;
    bool duplicate;
};

struct aa_form {
    char *memory; /* the decoded bytes; wiped when cleared, they may be secrets */
    size_t memory_len;
    struct aa_form_field fields[AA_FORM_FIELDS_MAX];
    size_t len;
};

/* Parses text; copies what it needs. AA_OK, AA_ERR_FORM_MALFORMED (bad %XX, too many fields), AA_ERR_UTF8 or
 * AA_ERR_NOMEM. On failure the form is empty. An absent or empty text gives an empty form. */
AA_CHECK enum aa_err aa_form_parse(struct aa_form *form, struct aa_view text, struct aa_error *err);
void aa_form_clear(struct aa_form *form);
/* Decodes one name or value: "+" is a space, %XX a byte. `to` has room for text.len bytes and may be where text stands:
 * decoding never lengthens. False on a broken %XX; then the bytes at `to` are unspecified. */
bool aa_form_decode(struct aa_view text, char *to, struct aa_view *out);
/* *value is the field's value, or absent when there is none. AA_OK or AA_ERR_PARAMETER_DUPLICATE. */
AA_CHECK enum aa_err aa_form_get(const struct aa_form *form, const char *name, struct aa_view *value,
                                 struct aa_error *err);

#endif

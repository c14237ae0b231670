/* Escaped templates: HTML files of server/pages, built into the program.
 *
 *   {{name}}            the value, HTML-escaped (also right inside a double-quoted attribute); there is no way to
 * insert raw text
 *   {{#name}}…{{/name}} once for each row of a list, or once when the text `name` is present and not empty
 *   {{^name}}…{{/name}} when it is absent, empty, or a list without rows
 * Names are of a-z, 0-9 and "_". One that the caller did not give is an error in tests (AA_TEST_HOOKS) and empty
 * otherwise. */
#ifndef AA_HTTP_TEMPLATE_H
#define AA_HTTP_TEMPLATE_H

#include "base/buf.h"

struct aa_template_value {
    const char *name;
    struct aa_view text;                         /* used when rows is NULL */
    const struct aa_template_value *const *rows; /* a list: `row_count` pointers to arrays ended by a NULL name */
    size_t row_count;
};

/* Looks the page up by file name ("consent.html") and appends it with the values (array ended by a NULL name; rows see
 * the outer values too). Nothing is appended on failure. AA_ERR_NOT_FOUND for an unknown page, and for a page with a
 * name, section or tag that is not right; AA_ERR_NOMEM or AA_ERR_TOO_LONG from the buffer. */
AA_CHECK enum aa_err aa_template_render(struct aa_buf *out, const char *page, const struct aa_template_value *values,
                                        struct aa_error *err);
/* The same for a page's text. */
AA_CHECK enum aa_err aa_template_render_text(struct aa_buf *out, struct aa_view text,
                                             const struct aa_template_value *values, struct aa_error *err);
/* A built-in file as it is ("style.css"); absent when there is none. */
struct aa_view aa_template_file(const char *name);

#endif

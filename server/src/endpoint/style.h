/* The pages' style sheet.
 *
 *   GET /style.css   aa_style_get   fast lane
 */
#ifndef AA_ENDPOINT_STYLE_H
#define AA_ENDPOINT_STYLE_H

#include "domain/app.h"
#include "http/router.h"

void aa_style_get(void *app, const struct aa_request *request, struct aa_response *response);
/* Appends the path pages link to; it changes with the contents, so that browsers may keep the file for good. */
AA_CHECK enum aa_err aa_style_add_path(const struct aa_app *app, struct aa_buf *buf, struct aa_error *err);

#endif

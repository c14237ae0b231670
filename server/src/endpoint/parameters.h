/* The parameters of a request, from a form, from a JSON object or from a query: to everybody else they are the same.
 *
 * RFC 6749 §3.2: a parameter without a value counts as left out, one that comes twice is refused, one we do not know is
 * ignored. */
#ifndef AA_ENDPOINT_PARAMETERS_H
#define AA_ENDPOINT_PARAMETERS_H

#include "base/json.h"
#include "http/message.h"

struct aa_parameters {
    struct aa_form form;
    struct aa_json *json; /* NULL: a form */
};

/* Reads the body. Content-Type says which it is; without one it is a form. AA_OK, AA_ERR_REQUEST_MALFORMED (another
 * media type), an error of aa_form_parse() or aa_json_parse(), AA_ERR_NOMEM. Clear it in any case. It need not be
 * initialised. */
AA_CHECK enum aa_err aa_parameters_read_body(struct aa_parameters *parameters, const struct aa_request *request,
                                             struct aa_error *err);
AA_CHECK enum aa_err aa_parameters_read_query(struct aa_parameters *parameters, const struct aa_request *request,
                                              struct aa_error *err);
void aa_parameters_clear(struct aa_parameters *parameters);
/* *value is borrowed, and absent when there is none. AA_OK, AA_ERR_PARAMETER_DUPLICATE, AA_ERR_JSON_TYPE (not a
 * string) or AA_ERR_TOO_LONG. */
AA_CHECK enum aa_err aa_parameters_get(const struct aa_parameters *parameters, const char *name, size_t max,
                                       struct aa_view *value, struct aa_error *err);

#endif

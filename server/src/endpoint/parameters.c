#include "endpoint/parameters.h"

#include "base/error.h"

#define JSON_MAX (64 * 1024) /* bytes: the largest body of any route */

enum aa_err aa_parameters_read_body(struct aa_parameters *parameters, const struct aa_request *request,
                                    struct aa_error *err)
{
    enum aa_err rc;

    parameters->json = NULL;
    rc = aa_form_parse(&parameters->form, AA_VIEW_ABSENT, err);
    if (rc)
        return rc;
    if (aa_view_is_absent(aa_request_header(request, "Content-Type")) ||
        aa_request_is_type(request, "application/x-www-form-urlencoded"))
        return aa_form_parse(&parameters->form, request->body, err);
    if (!aa_request_is_type(request, "application/json"))
        return aa_fail(err, AA_ERR_REQUEST_MALFORMED, "the body is neither a form nor JSON");
    rc = aa_json_parse(request->body, JSON_MAX, &parameters->json, err);
    if (!rc && !aa_json_is(parameters->json, AA_JSON_OBJECT))
        rc = aa_fail(err, AA_ERR_JSON_TYPE, "the JSON document is not an object");
    return rc;
}

enum aa_err aa_parameters_read_query(struct aa_parameters *parameters, const struct aa_request *request,
                                     struct aa_error *err)
{
    parameters->json = NULL;
    return aa_form_parse(&parameters->form, request->query, err);
}

void aa_parameters_clear(struct aa_parameters *parameters)
{
    aa_form_clear(&parameters->form);
    aa_json_free(parameters->json);
    parameters->json = NULL;
}

static enum aa_err get_member(const struct aa_json *object, const char *name, struct aa_view *value,
                              struct aa_error *err)
{
    const struct aa_json *member = aa_json_get(object, name);

    *value = AA_VIEW_ABSENT;
    if (!member || aa_json_is(member, AA_JSON_NULL))
        return AA_OK;
    if (!aa_json_is(member, AA_JSON_STRING))
        return aa_fail(err, AA_ERR_JSON_TYPE, "member %s is not a string", name);
    *value = aa_json_text(member);
    return AA_OK;
}

enum aa_err aa_parameters_get(const struct aa_parameters *parameters, const char *name, size_t max,
                              struct aa_view *value, struct aa_error *err)
{
    struct aa_view found;
    enum aa_err rc;

    rc = parameters->json ? get_member(parameters->json, name, &found, err)
                          : aa_form_get(&parameters->form, name, &found, err);
    if (rc)
        return rc;
    if (found.len > max)
        return aa_fail(err, AA_ERR_TOO_LONG, "parameter %s is longer than %zu bytes", name, max);
    *value = found.len > 0 ? found : AA_VIEW_ABSENT;
    return AA_OK;
}

#include "oauth/refusal.h"

int aa_refusal_status(enum aa_err code)
{
    if (code == AA_ERR_BODY_TOO_LARGE)
        return 413;
    switch (aa_err_class_of(code)) {
    case AA_CLASS_REQUEST:
        return 400;
    case AA_CLASS_TOKEN:
        return 401;
    case AA_CLASS_SCOPE:
        return 403;
    default: /* a server in trouble: a 401 would make clients throw good tokens away */
        return 503;
    }
}

const char *aa_refusal_oauth_error(enum aa_err code)
{
    switch (aa_err_class_of(code)) {
    case AA_CLASS_REQUEST:
        return "invalid_request";
    case AA_CLASS_TOKEN:
        /* RFC 6750 §3.1: without credentials "the resource server SHOULD NOT include an error code". */
        return code == AA_ERR_TOKEN_ABSENT ? NULL : "invalid_token";
    case AA_CLASS_SCOPE:
        return "insufficient_scope";
    default:
        return "temporarily_unavailable";
    }
}

/* What may stand in a quoted-string without escapes. Clients read challenges with regular expressions that know of
 * none. */
static bool is_quotable(struct aa_view value)
{
    return aa_view_is_printable_ascii(value) && aa_view_find(value, '"') == SIZE_MAX &&
           aa_view_find(value, '\\') == SIZE_MAX;
}

static void add_parameter(struct aa_buf *buf, const char *name, struct aa_view value, bool *first)
{
    if (value.len == 0 || !is_quotable(value))
        return;
    aa_buf_add_text(buf, *first ? " " : ", ");
    aa_buf_add_text(buf, name);
    aa_buf_add_text(buf, "=\"");
    aa_buf_add(buf, value);
    aa_buf_add_char(buf, '"');
    *first = false;
}

/* Scope tokens are quotable by their own grammar. */
static void add_scope(struct aa_buf *buf, const struct aa_scopes *scopes, bool *first)
{
    if (!scopes || scopes->len == 0)
        return;
    aa_buf_add_text(buf, *first ? " scope=\"" : ", scope=\"");
    aa_scopes_write(scopes, buf);
    aa_buf_add_char(buf, '"');
    *first = false;
}

static bool has_challenge(enum aa_err code)
{
    enum aa_err_class cls = aa_err_class_of(code);

    return cls == AA_CLASS_REQUEST || cls == AA_CLASS_TOKEN || cls == AA_CLASS_SCOPE;
}

void aa_refusal_add_challenge(struct aa_buf *buf, enum aa_err code, const struct aa_refusal_context *context)
{
    const char *error = aa_refusal_oauth_error(code);
    bool first = true;

    if (!has_challenge(code))
        return;
    aa_buf_add_text(buf, "Bearer");
    add_parameter(buf, "error", aa_view_of(error), &first);
    add_scope(buf, context->scopes, &first);
    add_parameter(buf, "resource_metadata", context->resource_metadata, &first);
    if (error)
        add_parameter(buf, "error_description", aa_view_of(aa_err_text(code)), &first);
}

void aa_refusal_add_body(struct aa_buf *buf, enum aa_err code, const struct aa_refusal_context *context)
{
    const char *error = aa_refusal_oauth_error(code);

    aa_buf_add_text(buf, "{\"error\":");
    aa_buf_add_json_string(buf, aa_view_of(error ? error : "invalid_token"));
    aa_buf_add_text(buf, ",\"error_description\":");
    aa_buf_add_json_string(buf, aa_view_of(aa_err_text(code)));
    if (aa_err_class_of(code) == AA_CLASS_SCOPE && context->scopes && context->scopes->len) {
        aa_buf_add_text(buf, ",\"scope\":\"");
        aa_scopes_write(context->scopes, buf);
        aa_buf_add_char(buf, '"');
    }
    aa_buf_add_char(buf, '}');
}

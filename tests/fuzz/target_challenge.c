/* Challenges and refusals: scopes on the first line, the metadata's URL on the second, the error by the first byte of
 * the third. Clients take the header apart with regular expressions, so every parameter is NAME="VALUE" with nothing to
 * escape. */
#include "fuzz.h"
#include "oauth/refusal.h"

static bool is_name(struct aa_view name)
{
    for (size_t i = 0; i < name.len; i++)
        if (name.data[i] != '_' && !(name.data[i] >= 'a' && name.data[i] <= 'z'))
            return false;
    return name.len > 0;
}

static bool is_value(struct aa_view value)
{
    return aa_view_is_printable_ascii(value) && aa_view_find(value, '\\') == SIZE_MAX && value.len > 0;
}

/* Takes `NAME="VALUE"` and the ", " behind it. */
static void take_parameter(struct aa_view *rest, struct aa_view *name, struct aa_view *value)
{
    MUST(aa_view_cut(*rest, '=', name, rest));
    MUST(is_name(*name));
    MUST(rest->len > 0 && rest->data[0] == '"');
    MUST(aa_view_cut(aa_view_from(*rest, 1), '"', value, rest));
    MUST(is_value(*value));
    if (rest->len == 0)
        return;
    MUST(aa_view_has_prefix(*rest, AA_VIEW(", ")));
    *rest = aa_view_from(*rest, 2);
    MUST(rest->len > 0);
}

static void check_challenge(struct aa_view challenge, const struct aa_refusal_context *context, enum aa_err code)
{
    const char *error = aa_refusal_oauth_error(code);
    struct aa_view rest = challenge, name, value;

    MUST(aa_refusal_status(code) != 503 || challenge.len == 0);
    if (challenge.len == 0)
        return;
    MUST(aa_view_has_prefix(challenge, AA_VIEW("Bearer")));
    rest = aa_view_from(rest, 6);
    if (rest.len > 0) {
        MUST(rest.data[0] == ' ');
        rest = aa_view_from(rest, 1);
    }
    while (rest.len > 0) {
        take_parameter(&rest, &name, &value);
        if (aa_view_equal_text(name, "error"))
            MUST(aa_view_equal_text(value, error));
        if (aa_view_equal_text(name, "resource_metadata"))
            MUST_EQUAL(value, context->resource_metadata);
    }
}

static void check_body(const struct aa_buf *body)
{
    struct aa_json *root = fuzz_must_be_json(body);

    MUST(aa_json_text(aa_json_get(root, "error")).len > 0);
    MUST(aa_json_text(aa_json_get(root, "error_description")).len > 0);
    aa_json_free(root);
}

static enum aa_err code_of(struct aa_view line)
{
    static const enum aa_err codes[] = {
        AA_ERR_TOKEN_ABSENT,
        AA_ERR_TOKEN_EXPIRED,
        AA_ERR_SCOPE_INSUFFICIENT,
        AA_ERR_CREDENTIALS_MALFORMED,
        AA_ERR_BODY_TOO_LARGE,
        AA_ERR_REMOTE_TIMEOUT,
        AA_ERR_NOMEM,
    };

    return codes[(line.len ? (unsigned char)line.data[0] : 0) % (sizeof codes / sizeof *codes)];
}

bool fuzz_one(struct aa_view input)
{
    struct aa_view rest = input, line = fuzz_take_line(&rest);
    struct aa_scopes scopes;
    struct aa_refusal_context context = {.scopes = &scopes};
    struct aa_buf challenge, body;
    enum aa_err code;

    if (aa_scopes_parse(line, &scopes, NULL))
        return false;
    context.resource_metadata = fuzz_take_line(&rest);
    code = code_of(rest);
    aa_buf_init(&challenge, FUZZ_TEXT_MAX);
    aa_buf_init(&body, FUZZ_TEXT_MAX);
    aa_refusal_add_challenge(&challenge, code, &context);
    aa_refusal_add_body(&body, code, &context);
    check_challenge(aa_buf_view(&challenge), &context, code);
    check_body(&body);
    aa_buf_clear(&challenge);
    aa_buf_clear(&body);
    return true;
}

#include "addon/addon.h"

/* An absent text is undefined, a present one a string. */
napi_status addon_set_text(napi_env env, napi_value object, const char *name, struct aa_view text)
{
    napi_value value;

    if (text.data)
        TRY(napi_create_string_utf8(env, text.data, text.len, &value));
    else
        TRY(napi_get_undefined(env, &value));
    return napi_set_named_property(env, object, name, value);
}

napi_status addon_verdict_make(struct addon *addon, const struct aa_verdict *verdict, napi_value *out)
{
    switch (verdict->kind) {
    case AA_VERDICT_ALLOW:
        return addon_principal_make(addon, verdict->principal, out);
    case AA_VERDICT_PASS:
        return napi_get_reference_value(addon->env, addon->pass, out);
    case AA_VERDICT_ANSWER:
        return addon_answer_make(addon->env, verdict->answer, verdict->code, out);
    case AA_VERDICT_PENDING:
        return napi_get_undefined(addon->env, out);
    }
    return addon_throw(addon->env, "INTERNAL", "a verdict of no known kind");
}

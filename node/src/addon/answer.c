#include "addon/addon.h"

static napi_status make_header(napi_env env, const struct aa_answer *answer, size_t index, napi_value *out)
{
    struct aa_view texts[2];
    napi_value text;

    aa_answer_header(answer, index, &texts[0], &texts[1]);
    TRY(napi_create_array_with_length(env, 2, out));
    for (uint32_t i = 0; i < 2; i++) {
        TRY(napi_create_string_utf8(env, texts[i].data, texts[i].len, &text));
        TRY(napi_set_element(env, *out, i, text));
    }
    return napi_ok;
}

static napi_status set_headers(napi_env env, const struct aa_answer *answer, napi_value object)
{
    size_t count = aa_answer_header_count(answer);
    napi_value list, header;

    TRY(napi_create_array_with_length(env, count, &list));
    for (size_t i = 0; i < count; i++) {
        TRY(make_header(env, answer, i, &header));
        TRY(napi_set_element(env, list, (uint32_t)i, header));
    }
    return napi_set_named_property(env, object, "headers", list);
}

napi_status addon_answer_make(napi_env env, const struct aa_answer *answer, enum aa_err code, napi_value *out)
{
    const char *name = aa_err_name(code);
    napi_value object, value;

    TRY(napi_create_object(env, &object));
    TRY(napi_create_string_latin1(env, "answer", NAPI_AUTO_LENGTH, &value));
    TRY(napi_set_named_property(env, object, "kind", value));
    TRY(napi_create_string_latin1(env, name, NAPI_AUTO_LENGTH, &value));
    TRY(napi_set_named_property(env, object, "code", value));
    TRY(napi_create_int32(env, aa_answer_status(answer), &value));
    TRY(napi_set_named_property(env, object, "status", value));
    TRY(set_headers(env, answer, object));
    TRY(addon_set_text(env, object, "body", aa_answer_body(answer)));
    *out = object;
    return napi_ok;
}

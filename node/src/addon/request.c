#include "addon/addon.h"

#include <stddef.h>

struct field {
    const char *name;
    size_t offset;
    bool required;
};

#define AT(member) offsetof(struct aa_guard_request, member)

static const struct field fields[] = {
    {"method", AT(method), true},
    {"path", AT(path), true},
    {"authorization", AT(authorization), false},
    {"preflightMethod", AT(preflight_method), false},
    {"origin", AT(origin), false},
    {"contentType", AT(content_type), false},
    {"mcpProtocolVersion", AT(mcp_protocol_version), false},
    {"mcpMethod", AT(mcp_method), false},
    {"mcpName", AT(mcp_name), false},
};

static napi_status get_field(napi_env env, struct addon_texts *texts, napi_value object, const struct field *field,
                             struct aa_guard_request *out)
{
    struct aa_view *view = (struct aa_view *)((char *)out + field->offset);
    napi_value value;

    TRY(napi_get_named_property(env, object, field->name, &value));
    return field->required ? addon_text_get(env, texts, value, field->name, view)
                           : addon_text_get_optional(env, texts, value, field->name, view);
}

static napi_status get_bytes(napi_env env, napi_value value, struct aa_view *out)
{
    static const char empty[1];
    napi_typedarray_type type;
    void *data;
    size_t len;

    TRY(napi_get_typedarray_info(env, value, &type, &len, &data, NULL, NULL));
    if (type != napi_uint8_array && type != napi_uint8_clamped_array)
        return addon_throw(env, "INVALID_ARGUMENT", "body must be a string, a Uint8Array or undefined");
    *out = (struct aa_view){len ? data : empty, len}; /* present and empty is not absent */
    return napi_ok;
}

static napi_status get_body(napi_env env, struct addon_texts *texts, napi_value object, struct aa_view *out)
{
    napi_value value;
    bool bytes;

    TRY(napi_get_named_property(env, object, "body", &value));
    TRY(napi_is_typedarray(env, value, &bytes));
    if (bytes)
        return get_bytes(env, value, out);
    return addon_text_get_optional(env, texts, value, "body", out);
}

napi_status addon_request_get(napi_env env, struct addon_texts *texts, napi_value object, struct aa_guard_request *out)
{
    napi_valuetype type;

    *out = (struct aa_guard_request){0};
    TRY(napi_typeof(env, object, &type));
    if (type != napi_object)
        return addon_throw(env, "INVALID_ARGUMENT", "request must be an object");
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
        TRY(get_field(env, texts, object, &fields[i], out));
    return get_body(env, texts, object, &out->body);
}

/* A principal becomes one frozen object, made once and given to every request of that token: nothing a handler does to
 * it can reach another request. */
#include "addon/addon.h"

#include <string.h>

static const napi_type_tag principal_tag = {0x6175746861676e74, 0x7072696e63697061};

/* ---- fields ---------------------------------------------------------------------------------------------------- */

struct text_field {
    const char *name;
    struct aa_view (*get)(const struct aa_principal *principal);
};

static const struct text_field text_fields[] = {
    {"id", aa_principal_id},         {"email", aa_principal_email},
    {"name", aa_principal_name},     {"clientId", aa_principal_client_id},
    {"issuer", aa_principal_issuer}, {"resource", aa_principal_resource},
};

/* The scopes as a list. The core gives them separated by single spaces (RFC 6749 §3.3). */
static napi_status set_scopes(napi_env env, napi_value object, struct aa_view scope)
{
    napi_value list, item;
    uint32_t count = 0;

    TRY(napi_create_array(env, &list));
    for (size_t start = 0; start < scope.len;) {
        const char *space = memchr(scope.data + start, ' ', scope.len - start);
        size_t end = space ? (size_t)(space - scope.data) : scope.len;

        if (end > start) {
            TRY(napi_create_string_utf8(env, scope.data + start, end - start, &item));
            TRY(napi_set_element(env, list, count++, item));
        }
        start = end + 1;
    }
    TRY(napi_object_freeze(env, list));
    return napi_set_named_property(env, object, "scopes", list);
}

static napi_status set_expires_at(napi_env env, napi_value object, int64_t expires_at)
{
    napi_value value;

    if (expires_at)
        TRY(napi_create_int64(env, expires_at, &value));
    else
        TRY(napi_get_undefined(env, &value));
    return napi_set_named_property(env, object, "expiresAt", value);
}

/* JSON.parse(text, freezer): the reviver freezes from the inside out. */
static napi_status set_claims(struct addon *addon, napi_value object, struct aa_view json)
{
    napi_env env = addon->env;
    napi_value parse, undefined, arguments[2], claims;

    TRY(napi_get_reference_value(env, addon->json_parse, &parse));
    TRY(napi_get_reference_value(env, addon->freezer, &arguments[1]));
    TRY(napi_get_undefined(env, &undefined));
    TRY(napi_create_string_utf8(env, json.data, json.len, &arguments[0]));
    TRY(napi_call_function(env, undefined, parse, 2, arguments, &claims));
    return napi_set_named_property(env, object, "claims", claims);
}

static void finalize(napi_env env, void *data, void *hint)
{
    (void)env;
    (void)hint;
    aa_principal_release(data);
}

static napi_status make_object(struct addon *addon, struct aa_principal *principal, napi_value *out)
{
    napi_env env = addon->env;
    napi_value object, value;
    napi_status status;

    TRY(napi_create_object(env, &object));
    TRY(napi_create_string_latin1(env, "principal", NAPI_AUTO_LENGTH, &value));
    TRY(napi_set_named_property(env, object, "kind", value));
    for (size_t i = 0; i < sizeof text_fields / sizeof text_fields[0]; i++)
        TRY(addon_set_text(env, object, text_fields[i].name, text_fields[i].get(principal)));
    TRY(set_scopes(env, object, aa_principal_scope(principal)));
    TRY(set_expires_at(env, object, aa_principal_expires_at(principal)));
    TRY(set_claims(addon, object, aa_principal_claims(principal)));
    TRY(napi_type_tag_object(env, object, &principal_tag));
    status = napi_wrap(env, object, aa_principal_acquire(principal), finalize, NULL, NULL);
    if (status != napi_ok) {
        aa_principal_release(principal);
        return status;
    }
    TRY(napi_object_freeze(env, object));
    *out = object;
    return napi_ok;
}

/* ---- the kept ones --------------------------------------------------------------------------------------------- */

static struct addon_slot *slot_of(struct addon *addon, const struct aa_principal *principal)
{
    uintptr_t address = (uintptr_t)principal;

    return &addon->slots[(address >> 5 ^ address >> 15) & (ADDON_SLOTS - 1)];
}

static void clear_slot(napi_env env, struct addon_slot *slot)
{
    if (!slot->principal)
        return;
    napi_delete_reference(env, slot->object);
    aa_principal_release(slot->principal);
    *slot = (struct addon_slot){0};
}

void addon_principals_clear(struct addon *addon)
{
    for (size_t i = 0; i < ADDON_SLOTS; i++)
        clear_slot(addon->env, &addon->slots[i]);
}

napi_status addon_principal_make(struct addon *addon, struct aa_principal *principal, napi_value *out)
{
    struct addon_slot *slot = slot_of(addon, principal);
    napi_ref reference;

    if (slot->principal == principal)
        return napi_get_reference_value(addon->env, slot->object, out);
    TRY(make_object(addon, principal, out));
    TRY(napi_create_reference(addon->env, *out, 1, &reference));
    clear_slot(addon->env, slot);
    slot->principal = aa_principal_acquire(principal);
    slot->object = reference;
    return napi_ok;
}

napi_status addon_principal_get(napi_env env, napi_value object, struct aa_principal **out)
{
    napi_valuetype type;
    void *data;
    bool ours = false;

    TRY(napi_typeof(env, object, &type));
    *out = NULL;
    if (type == napi_undefined || type == napi_null)
        return napi_ok;
    if (type == napi_object)
        TRY(napi_check_object_type_tag(env, object, &principal_tag, &ours));
    if (!ours)
        return addon_throw(env, "INVALID_ARGUMENT", "principal must be one that a guard gave, or undefined");
    TRY(napi_unwrap(env, object, &data));
    *out = data;
    return napi_ok;
}

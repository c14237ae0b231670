#include "addon/addon.h"

napi_status addon_throw(napi_env env, const char *code, const char *message)
{
    napi_status status = napi_throw_error(env, code, message);

    return status == napi_ok ? napi_pending_exception : status;
}

napi_status addon_throw_core(napi_env env, const struct aa_error *err)
{
    return addon_throw(env, aa_err_name(err->code), err->message);
}

static const char *describe(napi_env env)
{
    const napi_extended_error_info *info = NULL;

    if (napi_get_last_error_info(env, &info) != napi_ok || !info->error_message)
        return "the Node-API refused a call";
    return info->error_message;
}

napi_value addon_finish(napi_env env, napi_status status, napi_value value)
{
    bool thrown = false;
    const char *message;

    if (status == napi_ok)
        return value;
    message = describe(env); /* before the next call overwrites it */
    if (napi_is_exception_pending(env, &thrown) == napi_ok && !thrown)
        napi_throw_error(env, "NODE_API", message);
    return NULL;
}

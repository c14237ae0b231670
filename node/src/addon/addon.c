#include "addon/addon.h"

#include <stdlib.h>

/* ---- from the I/O thread to the loop --------------------------------------------------------------------------- */

/* On the I/O thread, once a batch. The loop may be going (node #55706, #55877, #61956): then the answer is dropped and
 * counted. */
static void wake(void *ctx)
{
    struct addon *addon = ctx;

    if (atomic_load(&addon->closed) ||
        napi_call_threadsafe_function(addon->wake, NULL, napi_tsfn_nonblocking) != napi_ok)
        atomic_fetch_add(&addon->dropped, 1);
}

/* On the loop. `env` is NULL when it is being torn down. */
static void on_wake(napi_env env, napi_value callback, void *context, void *data)
{
    void *addon;

    (void)callback;
    (void)context;
    (void)data;
    if (env && napi_get_instance_data(env, &addon) == napi_ok && addon &&
        !atomic_load(&((struct addon *)addon)->closed))
        addon_flights_drain(addon);
}

static napi_status open_wake(struct addon *addon)
{
    napi_value name;

    TRY(napi_create_string_latin1(addon->env, "auth-agent-guard", NAPI_AUTO_LENGTH, &name));
    TRY(napi_create_threadsafe_function(addon->env, NULL, NULL, name, 0, 1, NULL, NULL, NULL, on_wake, &addon->wake));
    return napi_unref_threadsafe_function(addon->env, addon->wake);
}

/* ---- the end --------------------------------------------------------------------------------------------------- */

/* Before the environment goes, and before its threadsafe functions do: hooks run in reverse order. Once the queue is
 * freed the I/O thread will not call wake() again. */
static void on_env_end(void *data)
{
    struct addon *addon = data;

    atomic_store(&addon->closed, true);
    aa_queue_free(addon->queue);
    addon->queue = NULL;
    napi_release_threadsafe_function(addon->wake, napi_tsfn_abort);
    addon_flights_drop(addon);
    addon_principals_clear(addon);
}

void addon_release(struct addon *addon)
{
    if (--addon->owners == 0)
        free(addon);
}

static void free_addon(napi_env env, void *data, void *hint)
{
    (void)env;
    (void)hint;
    addon_release(data);
}

/* ---- the start ------------------------------------------------------------------------------------------------- */

/* The reviver for claims: freezes what it is given and hands it on. */
static napi_value freeze(napi_env env, napi_callback_info info)
{
    napi_value arguments[2] = {NULL, NULL};
    size_t count = 2;
    napi_valuetype type;
    napi_status status;

    status = napi_get_cb_info(env, info, &count, arguments, NULL, NULL);
    if (status == napi_ok)
        status = napi_typeof(env, arguments[1], &type);
    if (status == napi_ok && type == napi_object)
        status = napi_object_freeze(env, arguments[1]);
    return addon_finish(env, status, arguments[1]);
}

static napi_status keep(napi_env env, napi_value value, napi_ref *out)
{
    return napi_create_reference(env, value, 1, out);
}

static napi_status keep_tools(struct addon *addon)
{
    napi_env env = addon->env;
    napi_value global, json, value;

    TRY(napi_get_global(env, &global));
    TRY(napi_get_named_property(env, global, "JSON", &json));
    TRY(napi_get_named_property(env, json, "parse", &value));
    TRY(keep(env, value, &addon->json_parse));
    TRY(napi_create_function(env, "freeze", NAPI_AUTO_LENGTH, freeze, NULL, &value));
    return keep(env, value, &addon->freezer);
}

static napi_status export_pass(struct addon *addon, napi_value exports)
{
    napi_env env = addon->env;
    napi_value pass, kind;

    TRY(napi_create_object(env, &pass));
    TRY(napi_create_string_latin1(env, "pass", NAPI_AUTO_LENGTH, &kind));
    TRY(napi_set_named_property(env, pass, "kind", kind));
    TRY(napi_object_freeze(env, pass));
    TRY(keep(env, pass, &addon->pass));
    return napi_set_named_property(env, exports, "PASS", pass);
}

static napi_status export_version(napi_env env, napi_value exports)
{
    napi_value version;

    TRY(napi_create_string_utf8(env, aa_version(), NAPI_AUTO_LENGTH, &version));
    return napi_set_named_property(env, exports, "version", version);
}

static napi_status open_queue(struct addon *addon)
{
    struct aa_error err = AA_ERROR_INIT;

    if (aa_queue_new(wake, addon, &addon->queue, &err))
        return addon_throw_core(addon->env, &err);
    return napi_ok;
}

static napi_status start(struct addon *addon, napi_value exports)
{
    TRY(keep_tools(addon));
    TRY(export_pass(addon, exports));
    TRY(export_version(addon->env, exports));
    TRY(addon_guard_define(addon, exports));
    TRY(open_wake(addon));
    TRY(open_queue(addon));
    return napi_add_env_cleanup_hook(addon->env, on_env_end, addon);
}

NAPI_MODULE_INIT()
{
    struct addon *addon = calloc(1, sizeof *addon);
    napi_status status;

    if (!addon)
        return addon_finish(env, addon_throw(env, aa_err_name(AA_ERR_NOMEM), aa_err_text(AA_ERR_NOMEM)), NULL);
    addon->env = env;
    addon->owners = 1;
    status = napi_set_instance_data(env, addon, free_addon, NULL);
    if (status != napi_ok) {
        free(addon);
        return addon_finish(env, status, NULL);
    }
    return addon_finish(env, start(addon, exports), exports);
}

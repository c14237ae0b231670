#include "addon/addon.h"

#include <stdlib.h>

static const napi_type_tag guard_tag = {0x6175746861676e74, 0x6775617264303031};

struct handle {
    struct aa_guard *guard; /* NULL: closed */
};

/* ---- one call -------------------------------------------------------------------------------------------------- */

#define ARGUMENTS_MAX 5

struct call {
    struct addon *addon;
    napi_value self;
    napi_value arguments[ARGUMENTS_MAX]; /* undefined where none was given */
    struct handle *handle;
};

/* Looking the tag up costs as much as a whole check: the handle that was proven last is known by its address, which no
 * other object can have while it lives. */
static napi_status prove(napi_env env, struct addon *addon, napi_value self, const void *handle)
{
    bool ours = false;

    if (handle && handle == addon->proven)
        return napi_ok;
    if (napi_check_object_type_tag(env, self, &guard_tag, &ours) != napi_ok || !ours)
        return addon_throw(env, "INVALID_ARGUMENT", "this method belongs to a Guard");
    addon->proven = handle;
    return napi_ok;
}

static napi_status open_call(napi_env env, napi_callback_info info, struct call *call)
{
    size_t count = ARGUMENTS_MAX;
    void *data, *handle = NULL;

    TRY(napi_get_cb_info(env, info, &count, call->arguments, &call->self, &data));
    call->addon = data;
    if (napi_unwrap(env, call->self, &handle) != napi_ok)
        handle = NULL;
    TRY(prove(env, call->addon, call->self, handle));
    call->handle = handle;
    return napi_ok;
}

static napi_status need_guard(napi_env env, const struct call *call)
{
    if (!call->handle->guard)
        return addon_throw(env, aa_err_name(AA_ERR_CLOSED), "the guard is closed");
    return napi_ok;
}

static napi_status open_guard(napi_env env, napi_callback_info info, struct call *call)
{
    TRY(open_call(env, info, call));
    return need_guard(env, call);
}

/* Reads the request that is the first argument. Its members may be getters, and a getter may close the guard: whether
 * it is open is looked at again. */
static napi_status open_request(napi_env env, napi_callback_info info, struct addon_texts *texts, struct call *call,
                                struct aa_guard_request *request)
{
    TRY(open_guard(env, info, call));
    TRY(addon_request_get(env, texts, call->arguments[0], request));
    return need_guard(env, call);
}

/* ---- life ------------------------------------------------------------------------------------------------------ */

static void finalize(napi_env env, void *data, void *hint)
{
    struct handle *handle = data;
    struct addon *addon = hint;

    (void)env;
    if (addon->proven == handle)
        addon->proven = NULL;
    aa_guard_release(handle->guard);
    free(handle);
    addon_release(addon);
}

static napi_status wrap(napi_env env, struct addon *addon, napi_value self, struct aa_guard *guard)
{
    struct handle *handle = calloc(1, sizeof *handle);
    napi_status status;

    if (!handle) {
        aa_guard_release(guard);
        return addon_throw(env, aa_err_name(AA_ERR_NOMEM), aa_err_text(AA_ERR_NOMEM));
    }
    handle->guard = guard;
    addon->owners++;
    status = napi_wrap(env, self, handle, finalize, addon, NULL);
    if (status != napi_ok) {
        finalize(env, handle, addon);
        return status;
    }
    return napi_type_tag_object(env, self, &guard_tag);
}

static napi_status make_guard(napi_env env, napi_value options, struct aa_guard **out)
{
    struct addon_texts texts;
    struct aa_error err = AA_ERROR_INIT;
    struct aa_view json;
    napi_status status;

    addon_texts_init(&texts);
    status = addon_text_get(env, &texts, options, "options", &json);
    if (status == napi_ok && aa_guard_new(json, out, &err))
        status = addon_throw_core(env, &err);
    addon_texts_clear(&texts);
    return status;
}

static napi_status construct_guard(napi_env env, napi_callback_info info, napi_value *self)
{
    napi_value options, target;
    size_t count = 1;
    struct aa_guard *guard;
    void *addon;

    TRY(napi_get_new_target(env, info, &target));
    if (!target)
        return addon_throw(env, "INVALID_ARGUMENT", "Guard is a class: use new");
    TRY(napi_get_cb_info(env, info, &count, &options, self, &addon));
    TRY(make_guard(env, options, &guard));
    return wrap(env, addon, *self, guard);
}

static napi_value construct(napi_env env, napi_callback_info info)
{
    napi_value self = NULL;

    return addon_finish(env, construct_guard(env, info, &self), self);
}

static napi_value close_guard(napi_env env, napi_callback_info info)
{
    struct call call;
    napi_status status = open_call(env, info, &call);

    if (status == napi_ok) {
        aa_guard_release(call.handle->guard);
        call.handle->guard = NULL;
    }
    return addon_finish(env, status, NULL);
}

/* ---- asking at once -------------------------------------------------------------------------------------------- */

static napi_status answer(struct call *call, const struct aa_guard_request *request, napi_value *out)
{
    struct aa_verdict verdict = {0};
    napi_status status;

    aa_guard_check(call->handle->guard, request, &verdict);
    status = addon_verdict_make(call->addon, &verdict, out);
    aa_verdict_clear(&verdict);
    return status;
}

static napi_status get_arguments(napi_env env, const struct call *call, struct addon_texts *texts,
                                 struct aa_guard_request *request)
{
    *request = (struct aa_guard_request){0};
    TRY(addon_text_get(env, texts, call->arguments[0], "method", &request->method));
    TRY(addon_text_get(env, texts, call->arguments[1], "path", &request->path));
    TRY(addon_text_get_optional(env, texts, call->arguments[2], "authorization", &request->authorization));
    TRY(addon_text_get_optional(env, texts, call->arguments[3], "origin", &request->origin));
    return addon_text_get_optional(env, texts, call->arguments[4], "preflightMethod", &request->preflight_method);
}

/* check(method, path, authorization, origin, preflightMethod): the hot path. */
static napi_value check(napi_env env, napi_callback_info info)
{
    struct addon_texts texts;
    struct aa_guard_request request;
    struct call call;
    napi_value value = NULL;
    napi_status status;

    addon_texts_init(&texts);
    status = open_guard(env, info, &call);
    if (status == napi_ok)
        status = get_arguments(env, &call, &texts, &request);
    if (status == napi_ok)
        status = answer(&call, &request, &value);
    addon_texts_clear(&texts);
    return addon_finish(env, status, value);
}

/* checkRequest(request) */
static napi_value check_request(napi_env env, napi_callback_info info)
{
    struct addon_texts texts;
    struct aa_guard_request request;
    struct call call;
    napi_value value = NULL;
    napi_status status;

    addon_texts_init(&texts);
    status = open_request(env, info, &texts, &call, &request);
    if (status == napi_ok)
        status = answer(&call, &request, &value);
    addon_texts_clear(&texts);
    return addon_finish(env, status, value);
}

static napi_status answer_scopes(napi_env env, struct call *call, struct aa_view scopes, napi_value *out)
{
    struct aa_verdict verdict = {0};
    struct aa_principal *principal;
    napi_status status;

    TRY(addon_principal_get(env, call->arguments[0], &principal));
    aa_guard_check_scopes(call->handle->guard, principal, scopes, &verdict);
    status = addon_verdict_make(call->addon, &verdict, out);
    aa_verdict_clear(&verdict);
    return status;
}

/* checkScopes(principal, scopes) */
static napi_value check_scopes(napi_env env, napi_callback_info info)
{
    struct addon_texts texts;
    struct aa_view scopes;
    struct call call;
    napi_value value = NULL;
    napi_status status;

    addon_texts_init(&texts);
    status = open_guard(env, info, &call);
    if (status == napi_ok)
        status = addon_text_get(env, &texts, call.arguments[1], "scopes", &scopes);
    if (status == napi_ok)
        status = answer_scopes(env, &call, scopes, &value);
    addon_texts_clear(&texts);
    return addon_finish(env, status, value);
}

/* ---- asking and waiting ---------------------------------------------------------------------------------------- */

static napi_status make_pair(napi_env env, napi_value promise, uint64_t number, napi_value *out)
{
    napi_value value;

    TRY(napi_create_array_with_length(env, 2, out));
    TRY(napi_set_element(env, *out, 0, promise));
    TRY(napi_create_double(env, (double)number, &value));
    return napi_set_element(env, *out, 1, value);
}

/* ask.call(guard, request): a promise and its number, for cancel(). Not methods: the public class offers authorize().
 */
static napi_value ask(napi_env env, napi_callback_info info)
{
    struct addon_texts texts;
    struct aa_guard_request request;
    struct call call;
    napi_value promise, value = NULL;
    napi_status status;
    uint64_t number = 0;

    addon_texts_init(&texts);
    status = open_request(env, info, &texts, &call, &request);
    if (status == napi_ok)
        status = addon_flight_start(call.addon, call.handle->guard, &request, &promise, &number);
    if (status == napi_ok)
        status = make_pair(env, promise, number, &value);
    addon_texts_clear(&texts);
    return addon_finish(env, status, value);
}

/* cancel.call(guard, number, reason) */
static napi_value cancel(napi_env env, napi_callback_info info)
{
    struct call call;
    int64_t number;
    napi_status status = open_call(env, info, &call);

    if (status == napi_ok)
        status = napi_get_value_int64(env, call.arguments[0], &number);
    if (status == napi_ok)
        status = addon_flight_cancel(call.addon, (uint64_t)number, call.arguments[1]);
    return addon_finish(env, status, NULL);
}

/* ---- bodies ---------------------------------------------------------------------------------------------------- */

/* wantsBody(method) */
static napi_value wants_body(napi_env env, napi_callback_info info)
{
    struct addon_texts texts;
    struct aa_view method;
    struct call call;
    napi_value value = NULL;
    napi_status status;

    addon_texts_init(&texts);
    status = open_guard(env, info, &call);
    if (status == napi_ok)
        status = addon_text_get(env, &texts, call.arguments[0], "method", &method);
    if (status == napi_ok)
        status = napi_get_boolean(env, aa_guard_wants_body(call.handle->guard, method), &value);
    addon_texts_clear(&texts);
    return addon_finish(env, status, value);
}

static napi_value max_body(napi_env env, napi_callback_info info)
{
    struct call call;
    napi_value value = NULL;
    napi_status status = open_guard(env, info, &call);

    if (status == napi_ok)
        status = napi_create_double(env, (double)aa_guard_max_body(call.handle->guard), &value);
    return addon_finish(env, status, value);
}

static napi_status make_body_refusal(napi_env env, const struct call *call, napi_value *out)
{
    struct aa_error err = AA_ERROR_INIT;
    struct aa_answer *refusal;
    napi_status status;

    if (aa_guard_refuse_body(call->handle->guard, &refusal, &err))
        return addon_throw_core(env, &err);
    status = addon_answer_make(env, refusal, AA_ERR_BODY_TOO_LARGE, out);
    aa_answer_release(refusal);
    return status;
}

static napi_value refuse_body(napi_env env, napi_callback_info info)
{
    struct call call;
    napi_value value = NULL;
    napi_status status = open_guard(env, info, &call);

    if (status == napi_ok)
        status = make_body_refusal(env, &call, &value);
    return addon_finish(env, status, value);
}

/* ---- counters -------------------------------------------------------------------------------------------------- */

struct counter {
    const char *name;
    size_t offset;
};

#define AT(member) offsetof(struct aa_guard_stats, member)

static const struct counter counters[] = {
    {"hits", AT(hits)},
    {"misses", AT(misses)},
    {"introspections", AT(introspections)},
    {"joined", AT(joined)},
    {"refused", AT(refused)},
    {"remoteErrors", AT(remote_errors)},
    {"breakerOpened", AT(breaker_opened)},
    {"dropped", AT(dropped)},
    {"entries", AT(entries)},
    {"negativeEntries", AT(negative_entries)},
};

static napi_status make_stats(napi_env env, const struct call *call, napi_value *out)
{
    struct aa_guard_stats stats;
    napi_value value;

    aa_guard_get_stats(call->handle->guard, &stats);
    stats.dropped += atomic_load(&call->addon->dropped);
    TRY(napi_create_object(env, out));
    for (size_t i = 0; i < sizeof counters / sizeof counters[0]; i++) {
        uint64_t number = *(const uint64_t *)((const char *)&stats + counters[i].offset);

        TRY(napi_create_double(env, (double)number, &value));
        TRY(napi_set_named_property(env, *out, counters[i].name, value));
    }
    return napi_ok;
}

static napi_value stats(napi_env env, napi_callback_info info)
{
    struct call call;
    napi_value value = NULL;
    napi_status status = open_guard(env, info, &call);

    if (status == napi_ok)
        status = make_stats(env, &call, &value);
    return addon_finish(env, status, value);
}

/* ---- the class ------------------------------------------------------------------------------------------------- */

#define METHOD(name, function)                                                                                         \
    {                                                                                                                  \
        (name), NULL, (function), NULL, NULL, NULL, napi_default_method, addon                                         \
    }
#define GETTER(name, function)                                                                                         \
    {                                                                                                                  \
        (name), NULL, NULL, (function), NULL, NULL, napi_default, addon                                                \
    }

static napi_status export_function(struct addon *addon, napi_value exports, const char *name, napi_callback function)
{
    napi_value value;

    TRY(napi_create_function(addon->env, name, NAPI_AUTO_LENGTH, function, addon, &value));
    return napi_set_named_property(addon->env, exports, name, value);
}

napi_status addon_guard_define(struct addon *addon, napi_value exports)
{
    const napi_property_descriptor members[] = {
        METHOD("check", check),          METHOD("checkRequest", check_request), METHOD("checkScopes", check_scopes),
        METHOD("wantsBody", wants_body), GETTER("maxBody", max_body),           METHOD("refuseBody", refuse_body),
        METHOD("stats", stats),          METHOD("close", close_guard),
    };
    napi_value class;

    TRY(napi_define_class(addon->env, "Guard", NAPI_AUTO_LENGTH, construct, addon, sizeof members / sizeof members[0],
                          members, &class));
    TRY(napi_set_named_property(addon->env, exports, "Guard", class));
    TRY(export_function(addon, exports, "ask", ask));
    return export_function(addon, exports, "cancel", cancel);
}

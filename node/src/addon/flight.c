#include "addon/addon.h"

#include <stdlib.h>

#define BATCH 64

/* One promise. It holds its guard, so that a guard which was closed or collected meanwhile still answers. */
struct addon_flight {
    uint64_t number;
    struct addon_flight *next; /* in its bucket */
    struct aa_guard *guard;
    uint64_t ticket;
    napi_deferred deferred; /* NULL: rejected already, or never made */
};

/* ---- the table ------------------------------------------------------------------------------------------------- */

static struct addon_flight **bucket_of(struct addon *addon, uint64_t number)
{
    return &addon->flights[number & (ADDON_FLIGHT_BUCKETS - 1)];
}

static struct addon_flight *find(struct addon *addon, uint64_t number)
{
    struct addon_flight *flight = *bucket_of(addon, number);

    while (flight && flight->number != number)
        flight = flight->next;
    return flight;
}

/* While a promise is open the process waits for it; a guard alone keeps nothing alive. */
static napi_status enlist(struct addon *addon, struct addon_flight *flight)
{
    struct addon_flight **bucket;

    if (addon->flight_count == 0)
        TRY(napi_ref_threadsafe_function(addon->env, addon->wake));
    addon->flight_count++;
    flight->number = ++addon->last_flight;
    bucket = bucket_of(addon, flight->number);
    flight->next = *bucket;
    *bucket = flight;
    return napi_ok;
}

static void delist(struct addon *addon, struct addon_flight *flight)
{
    struct addon_flight **link = bucket_of(addon, flight->number);

    while (*link != flight)
        link = &(*link)->next;
    *link = flight->next;
    if (--addon->flight_count == 0 && !atomic_load(&addon->closed))
        napi_unref_threadsafe_function(addon->env, addon->wake);
}

static void end(struct addon *addon, struct addon_flight *flight)
{
    struct aa_guard *guard = flight->guard;

    delist(addon, flight);
    free(flight);
    aa_guard_release(guard);
}

/* ---- settling -------------------------------------------------------------------------------------------------- */

/* No exception may stay pending here: there is no JavaScript below us to take it. */
static void reject_with_exception(struct addon *addon, struct addon_flight *flight)
{
    napi_value error;

    addon_finish(addon->env, napi_generic_failure, NULL);
    if (napi_get_and_clear_last_exception(addon->env, &error) == napi_ok)
        napi_reject_deferred(addon->env, flight->deferred, error);
}

static void settle(struct addon *addon, struct addon_flight *flight, const struct aa_verdict *verdict)
{
    napi_value value;

    if (!flight->deferred)
        return;
    if (addon_verdict_make(addon, verdict, &value) != napi_ok)
        reject_with_exception(addon, flight);
    else
        napi_resolve_deferred(addon->env, flight->deferred, value);
}

static void take_in(struct addon *addon, struct aa_completion *completion)
{
    struct addon_flight *flight = completion->tag;
    napi_handle_scope scope;

    if (napi_open_handle_scope(addon->env, &scope) == napi_ok) {
        settle(addon, flight, &completion->verdict);
        napi_close_handle_scope(addon->env, scope);
    }
    aa_verdict_clear(&completion->verdict);
    end(addon, flight);
}

void addon_flights_drain(struct addon *addon)
{
    struct aa_completion batch[BATCH];
    size_t count;

    while ((count = aa_queue_take(addon->queue, batch, BATCH)) > 0) {
        for (size_t i = 0; i < count; i++)
            take_in(addon, &batch[i]);
    }
}

void addon_flights_drop(struct addon *addon)
{
    for (size_t i = 0; i < ADDON_FLIGHT_BUCKETS; i++) {
        while (addon->flights[i])
            end(addon, addon->flights[i]);
    }
}

/* ---- starting and taking back ---------------------------------------------------------------------------------- */

static napi_status ask(struct addon *addon, struct addon_flight *flight, const struct aa_guard_request *request)
{
    struct aa_error err = AA_ERROR_INIT;

    if (aa_guard_check_async(flight->guard, request, addon->queue, flight, &flight->ticket, &err))
        return addon_throw_core(addon->env, &err);
    return napi_ok;
}

/* NULL when it failed: what Node refused is thrown by addon_finish(). */
static struct addon_flight *new_flight(struct addon *addon, struct aa_guard *guard)
{
    struct addon_flight *flight = calloc(1, sizeof *flight);

    if (!flight) {
        addon_throw(addon->env, aa_err_name(AA_ERR_NOMEM), aa_err_text(AA_ERR_NOMEM));
        return NULL;
    }
    if (enlist(addon, flight) != napi_ok) {
        free(flight);
        return NULL;
    }
    flight->guard = aa_guard_acquire(guard);
    return flight;
}

/* The promise comes last: one that nobody settles would never be freed. A verdict that is there already waits in the
 * queue until this call is over. */
napi_status addon_flight_start(struct addon *addon, struct aa_guard *guard, const struct aa_guard_request *request,
                               napi_value *promise, uint64_t *number)
{
    struct addon_flight *flight = new_flight(addon, guard);
    napi_status status;

    if (!flight)
        return napi_pending_exception;
    *number = flight->number;
    status = ask(addon, flight, request);
    if (status != napi_ok) {
        end(addon, flight);
        return status;
    }
    status = napi_create_promise(addon->env, &flight->deferred, promise);
    if (status != napi_ok && aa_guard_cancel(guard, addon->queue, flight->ticket))
        end(addon, flight); /* otherwise the drain ends it */
    return status;
}

napi_status addon_flight_cancel(struct addon *addon, uint64_t number, napi_value reason)
{
    struct addon_flight *flight = find(addon, number);
    napi_deferred deferred;

    if (!flight || !flight->deferred)
        return napi_ok;
    deferred = flight->deferred;
    flight->deferred = NULL;
    if (aa_guard_cancel(flight->guard, addon->queue,
                        flight->ticket)) /* otherwise its verdict is in the queue: the drain ends it */
        end(addon, flight);
    return napi_reject_deferred(addon->env, deferred, reason);
}

/* What the files of the addon share. It converts: every rule and every default is the core's.
 *
 * addon.c      one environment (the main thread or a worker): its state, its birth and its end
 * error.c      the one place that throws
 * text.c       strings from JavaScript
 * request.c    a request from JavaScript
 * principal.c  who the token speaks for, as a frozen object
 * answer.c     a whole HTTP answer, as an object
 * verdict.c    a verdict, as one of those
 * flight.c     asynchronous checks under way
 * guard.c      the Guard class
 *
 * Functions return napi_status. Whoever makes an error of ours throws it and returns napi_pending_exception; everything
 * else that Node refuses is thrown by addon_finish(), at the edge to JavaScript. */
#ifndef AA_NODE_ADDON_H
#define AA_NODE_ADDON_H

#include <node_api.h>
#include <stdatomic.h>

#include "authagent/guard.h"

/* The one way a napi_* call is made. */
#define TRY(call)                                                                                                      \
    do {                                                                                                               \
        napi_status try_status_ = (call);                                                                              \
        if (try_status_ != napi_ok)                                                                                    \
            return try_status_;                                                                                        \
    } while (0)

/* A power of two. Objects of principals that are kept, because making one costs ten times what a check does. */
#define ADDON_SLOTS 1024
#define ADDON_FLIGHT_BUCKETS 256

struct addon_slot {
    struct aa_principal *principal; /* one reference: while it stands here its address means it and no other */
    napi_ref object;
};

struct addon_flight;

/* Everything of one environment; found through napi_get_instance_data() or the data of a callback. Only `closed`,
 * `wake` and `dropped` are touched by the I/O thread. */
struct addon {
    napi_env env;
    size_t owners; /* the environment, and every Guard: which of them is finalized last is not ours to say */
    struct aa_queue *queue;
    napi_threadsafe_function wake;
    atomic_bool closed; /* the environment is going: nothing may be sent to its loop any more */
    atomic_uint_fast64_t dropped;
    struct addon_flight *flights[ADDON_FLIGHT_BUCKETS];
    size_t flight_count;
    uint64_t last_flight;
    napi_ref json_parse; /* taken at the start: what the application does to JSON.parse later is its own affair */
    napi_ref freezer;
    napi_ref pass;
    const void *proven; /* guard.c: the handle of a Guard that was seen to be one */
    struct addon_slot slots[ADDON_SLOTS];
};

/* ---- addon.c ---- */
void addon_release(struct addon *addon); /* one owner fewer */

/* ---- error.c ---- */
/* Throws an Error with `code`; returns napi_pending_exception. */
napi_status addon_throw(napi_env env, const char *code, const char *message);
napi_status addon_throw_core(napi_env env, const struct aa_error *err);
/* What a callback returns to Node: `value`, or undefined with an exception on its way. */
napi_value addon_finish(napi_env env, napi_status status, napi_value value);

/* ---- text.c ---- */
#define ADDON_TEXTS_MAX 12
#define ADDON_TEXT_SPACE (12 * 1024) /* the longest token and an ordinary path; more goes to the heap */

/* Strings of one call; they live on the caller's stack. Cleared (and wiped: they hold tokens and keys) by
 * addon_texts_clear(). */
struct addon_texts {
    size_t used, heap_count;
    struct {
        char *data;
        size_t size;
    } heap[ADDON_TEXTS_MAX];
    char space[ADDON_TEXT_SPACE];
};

void addon_texts_init(struct addon_texts *texts);
void addon_texts_clear(struct addon_texts *texts);
/* The string as UTF-8, exactly: whatever is not a string is an error. `what` names it in the message. */
napi_status addon_text_get(napi_env env, struct addon_texts *texts, napi_value value, const char *what,
                           struct aa_view *out);
/* The same; undefined and null are an absent view. */
napi_status addon_text_get_optional(napi_env env, struct addon_texts *texts, napi_value value, const char *what,
                                    struct aa_view *out);
napi_status addon_is_nothing(napi_env env, napi_value value, bool *out); /* undefined or null */

/* ---- request.c ---- */
/* Reads a request object; the views borrow from `texts` and, for a body of bytes, from the object itself. */
napi_status addon_request_get(napi_env env, struct addon_texts *texts, napi_value object, struct aa_guard_request *out);

/* ---- principal.c, answer.c, verdict.c ---- */
/* The object of this principal; borrows it. */
napi_status addon_principal_make(struct addon *addon, struct aa_principal *principal, napi_value *out);
/* The principal inside the object, borrowed; NULL for undefined and null. */
napi_status addon_principal_get(napi_env env, napi_value object, struct aa_principal **out);
void addon_principals_clear(struct addon *addon);
napi_status addon_answer_make(napi_env env, const struct aa_answer *answer, enum aa_err code, napi_value *out);
/* Borrows the verdict. PENDING is undefined. */
napi_status addon_verdict_make(struct addon *addon, const struct aa_verdict *verdict, napi_value *out);
napi_status addon_set_text(napi_env env, napi_value object, const char *name, struct aa_view text);

/* ---- flight.c ---- */
/* Starts an asynchronous check: a promise of its verdict, and the number that addon_flight_cancel() knows it by. */
napi_status addon_flight_start(struct addon *addon, struct aa_guard *guard, const struct aa_guard_request *request,
                               napi_value *promise, uint64_t *number);
/* Rejects the promise with `reason` unless it is settled; other waiters for the same token go on. */
napi_status addon_flight_cancel(struct addon *addon, uint64_t number, napi_value reason);
/* Settles every flight whose verdict is there. */
void addon_flights_drain(struct addon *addon);
/* The environment is going: nobody will hear the verdicts. */
void addon_flights_drop(struct addon *addon);

/* ---- guard.c ---- */
napi_status addon_guard_define(struct addon *addon, napi_value exports);

#endif

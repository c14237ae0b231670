#include "authagent/guard.h"

#include <poll.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/mem.h"
#include "net/clock.h"
#include "net/core.h"
#include "net/log.h"

#define CREDENTIAL_CAP (4 * 4096)
#define PATH_CAP 4096
#define ENDPOINT_CAP 4096

/* ---- life ------------------------------------------------------------------------------------------------------ */

static const char *read_environment(void *ctx, const char *name)
{
    (void)ctx;
    return getenv(name);
}

/* HTTP Basic carries both form-encoded (RFC 6749 §2.3.1). */
static enum aa_err prepare_credentials(struct aa_guard *guard, struct aa_error *err)
{
    enum aa_err rc;

    aa_buf_add_percent(&guard->basic_user, guard->verifier.options.server_id);
    aa_buf_add_percent(&guard->basic_password, guard->verifier.options.api_key);
    rc = aa_buf_check(&guard->basic_user, "server_id", err);
    return rc ? rc : aa_buf_check(&guard->basic_password, "api_key", err);
}

static enum aa_err choose_ca_file(struct aa_guard *guard, struct aa_error *err)
{
    const char *from_environment = getenv("SSL_CERT_FILE");

    if (!aa_view_is_absent(guard->verifier.options.ca_file))
        aa_buf_add(&guard->ca_file, guard->verifier.options.ca_file);
    else if (from_environment)
        aa_buf_add_text(&guard->ca_file, from_environment);
    return aa_buf_check(&guard->ca_file, "ca_file", err);
}

static void init_guard(struct aa_guard *guard)
{
    aa_refs_init(&guard->refs);
    pthread_mutex_init(&guard->lock, NULL);
    pthread_cond_init(&guard->parked, NULL);
    aa_waiters_init(&guard->inbox);
    aa_buf_init(&guard->basic_user, CREDENTIAL_CAP);
    aa_buf_init(&guard->basic_password, CREDENTIAL_CAP);
    aa_buf_init(&guard->ca_file, PATH_CAP);
    aa_buf_init(&guard->introspection_endpoint, ENDPOINT_CAP);
    aa_buf_init(&guard->jwks_uri, ENDPOINT_CAP);
}

static void destroy(struct aa_guard *guard)
{
    aa_verifier_clear(&guard->verifier);
    aa_buf_clear(&guard->basic_user);
    aa_buf_wipe_clear(&guard->basic_password);
    aa_buf_clear(&guard->ca_file);
    aa_buf_clear(&guard->introspection_endpoint);
    aa_buf_clear(&guard->jwks_uri);
    pthread_cond_destroy(&guard->parked);
    pthread_mutex_destroy(&guard->lock);
    aa_mem_free(guard);
}

static enum aa_err start(struct aa_guard *guard, struct aa_error *err)
{
    enum aa_err rc;

    rc = prepare_credentials(guard, err);
    if (!rc)
        rc = choose_ca_file(guard, err);
    if (rc)
        return rc;
    if (!guard->verifier.options.check_audience)
        aa_log(AA_LOG_WARNING, "check_audience is off: tokens meant for other servers are let in");
    pthread_mutex_lock(&guard->lock);
    rc = aa_io_start(guard, err);
    pthread_mutex_unlock(&guard->lock);
    return rc;
}

enum aa_err aa_guard_new(struct aa_view options_json, struct aa_guard **out, struct aa_error *err)
{
    struct aa_options options;
    struct aa_guard *guard;
    enum aa_err rc;

    rc = aa_options_read(options_json, read_environment, NULL, &options, err);
    if (rc)
        return rc;
    guard = aa_mem_new(sizeof *guard);
    if (!guard) {
        aa_options_clear(&options);
        return aa_fail(err, AA_ERR_NOMEM, "no memory for a guard");
    }
    init_guard(guard);
    rc = aa_verifier_init(&guard->verifier, &options, err);
    if (!rc)
        rc = start(guard, err);
    if (rc) {
        destroy(guard);
        return rc;
    }
    aa_guards_add(guard);
    *out = guard;
    return AA_OK;
}

struct aa_guard *aa_guard_acquire(struct aa_guard *guard)
{
    aa_refs_up(&guard->refs);
    return guard;
}

void aa_guard_release(struct aa_guard *guard)
{
    if (!guard || !aa_refs_down(&guard->refs))
        return;
    aa_guards_remove(guard);
    aa_io_stop(guard);
    destroy(guard);
}

/* ---- asking ---------------------------------------------------------------------------------------------------- */

bool aa_guard_wants_body(struct aa_guard *guard, struct aa_view method)
{
    return aa_operation_wants_body(&guard->verifier.options, method);
}

size_t aa_guard_max_body(struct aa_guard *guard)
{
    return (size_t)guard->verifier.options.max_body;
}

enum aa_err aa_guard_refuse_body(struct aa_guard *guard, struct aa_answer **out, struct aa_error *err)
{
    const struct aa_asker anyone = {.cors = true};

    (void)err;
    *out = aa_identity_refuse(aa_verifier_identity(&guard->verifier), &guard->verifier.options, AA_ERR_BODY_TOO_LARGE,
                              NULL, anyone);
    return AA_OK;
}

void aa_guard_check(struct aa_guard *guard, const struct aa_guard_request *request, struct aa_verdict *verdict)
{
    struct aa_question question;

    aa_verifier_ask(&guard->verifier, request, aa_clock_now(), verdict, &question);
    if (verdict->kind == AA_VERDICT_ANSWER)
        aa_guard_count_verdict(guard, verdict);
}

void aa_guard_check_scopes(struct aa_guard *guard, struct aa_principal *principal, struct aa_view scopes,
                           struct aa_verdict *verdict)
{
    aa_verifier_check_scopes(&guard->verifier, principal, scopes, verdict);
    if (verdict->kind == AA_VERDICT_ANSWER)
        aa_guard_count_verdict(guard, verdict);
}

/* ---- asynchronously -------------------------------------------------------------------------------------------- */

/* Under the lock. Wakes the thread only when it has nothing to do yet: the rest it finds by itself. */
static enum aa_err hand_over(struct aa_guard *guard, struct aa_waiter *waiter, struct aa_error *err)
{
    bool first = !guard->inbox.head;
    enum aa_err rc;

    if (!guard->io) {
        rc = aa_io_start(guard, err);
        if (rc)
            return rc;
    }
    aa_tickets_add(guard, waiter);
    aa_waiters_add(&guard->inbox, waiter);
    if (first)
        aa_http_wake(guard->io->http);
    return AA_OK;
}

enum aa_err aa_guard_check_async(struct aa_guard *guard, const struct aa_guard_request *request, struct aa_queue *queue,
                                 void *tag, uint64_t *ticket, struct aa_error *err)
{
    struct aa_waiter *waiter;
    uint64_t number = 0;
    enum aa_err rc;

    rc = aa_waiter_new(request, aa_guard_wants_body(guard, request->method), queue, tag, &waiter);
    if (rc)
        return aa_fail(err, rc, "no memory for a request");
    waiter->deadline_ms = aa_clock_now().mono_ms + guard->verifier.options.timeout_ms;
    pthread_mutex_lock(&guard->lock);
    rc = hand_over(guard, waiter, err);
    if (!rc)
        number = waiter->ticket; /* once the lock is open the waiter is the I/O thread's */
    pthread_mutex_unlock(&guard->lock);
    if (rc) {
        aa_waiter_free(waiter);
        return rc;
    }
    if (ticket)
        *ticket = number;
    return AA_OK;
}

bool aa_guard_cancel(struct aa_guard *guard, struct aa_queue *queue, uint64_t ticket)
{
    struct aa_waiter *waiter;
    bool found;

    pthread_mutex_lock(&guard->lock);
    waiter = aa_tickets_find(guard, ticket);
    found = waiter && waiter->queue == queue;
    if (found) {
        aa_tickets_remove(guard, waiter);
        waiter->cancelled = true;
    }
    pthread_mutex_unlock(&guard->lock);
    return found;
}

static void fail_closed(struct aa_guard *guard, const struct aa_guard_request *request, enum aa_err code,
                        struct aa_verdict *verdict)
{
    aa_verifier_refuse(&guard->verifier, code, &guard->verifier.options.required_scopes, aa_asker_of(request), verdict);
}

static enum aa_err wait_for(struct aa_guard *guard, const struct aa_guard_request *request, struct aa_queue *queue,
                            struct aa_verdict *verdict)
{
    struct pollfd readable = {.fd = aa_queue_fd(queue), .events = POLLIN};
    struct aa_completion completion;
    enum aa_err rc;

    rc = aa_guard_check_async(guard, request, queue, NULL, NULL, NULL);
    if (rc)
        return rc;
    while (!aa_queue_take(queue, &completion, 1))
        poll(&readable, 1, -1);
    *verdict = completion.verdict;
    return AA_OK;
}

void aa_guard_check_wait(struct aa_guard *guard, const struct aa_guard_request *request, struct aa_verdict *verdict)
{
    struct aa_queue *queue;
    enum aa_err rc;

    aa_guard_check(guard, request, verdict);
    if (verdict->kind != AA_VERDICT_PENDING)
        return;
    rc = aa_queue_new_fd(&queue, NULL);
    if (!rc) {
        rc = wait_for(guard, request, queue, verdict);
        aa_queue_free(queue);
    }
    if (rc)
        fail_closed(guard, request, rc, verdict);
}

/* ---- counters -------------------------------------------------------------------------------------------------- */

void aa_guard_get_stats(struct aa_guard *guard, struct aa_guard_stats *out)
{
    struct aa_cache_stats cache;

    aa_cache_get_stats(guard->verifier.cache, &cache);
    *out = (struct aa_guard_stats){
        .hits = cache.hits,
        .misses = atomic_load(&guard->misses),
        .introspections = atomic_load(&guard->introspections),
        .joined = atomic_load(&guard->joined),
        .refused = atomic_load(&guard->refused),
        .remote_errors = atomic_load(&guard->remote_errors),
        .breaker_opened = atomic_load(&guard->breaker_opened),
        .dropped = atomic_load(&guard->dropped),
        .entries = cache.entries,
        .negative_entries = cache.negative_entries,
    };
}

const char *aa_version(void)
{
    return AA_VERSION;
}

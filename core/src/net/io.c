#include "net/core.h"

#include <signal.h>

#include "base/error.h"
#include "base/mem.h"
#include "net/clock.h"

#define SLEEP_MAX_MS 60000

/* ---- answering ------------------------------------------------------------------------------------------------- */

void aa_guard_count_verdict(struct aa_guard *guard, const struct aa_verdict *verdict)
{
    enum aa_err_class class = aa_err_class_of(verdict->code);

    if (class == AA_CLASS_REQUEST || class == AA_CLASS_TOKEN || class == AA_CLASS_SCOPE)
        atomic_fetch_add_explicit(&guard->refused, 1, memory_order_relaxed);
}

/* Ticket and completion change hands under one lock: whoever cancels finds the one or the other. */
static enum aa_pushed push(struct aa_guard *guard, struct aa_waiter *waiter, struct aa_verdict *verdict)
{
    enum aa_pushed pushed = AA_PUSH_CLOSED;

    waiter->item->completion.verdict = *verdict;
    pthread_mutex_lock(&guard->lock);
    if (!waiter->cancelled) {
        aa_tickets_remove(guard, waiter);
        pushed = aa_queue_push(waiter->queue, waiter->item);
        if (pushed == AA_PUSH_CLOSED)
            atomic_fetch_add_explicit(&guard->dropped, 1, memory_order_relaxed);
    }
    pthread_mutex_unlock(&guard->lock);
    return pushed;
}

void aa_io_deliver(struct aa_io *io, struct aa_waiter *waiter, struct aa_verdict *verdict)
{
    enum aa_pushed pushed;

    aa_guard_count_verdict(io->guard, verdict);
    pushed = push(io->guard, waiter, verdict);
    if (pushed == AA_PUSH_CLOSED)
        aa_verdict_clear(verdict);
    else
        waiter->item = NULL; /* the queue's now */
    if (pushed == AA_PUSHED_WAKE)
        aa_queue_wake(waiter->queue);
    aa_waiter_free(waiter);
}

void aa_io_refuse(struct aa_io *io, struct aa_waiter *waiter, enum aa_err code)
{
    struct aa_verifier *verifier = &io->guard->verifier;
    struct aa_verdict verdict;

    aa_verifier_refuse(verifier, code, &verifier->options.required_scopes, aa_asker_of(&waiter->request), &verdict);
    aa_io_deliver(io, waiter, &verdict);
}

/* ---- taking in ------------------------------------------------------------------------------------------------- */

static void await_identity(struct aa_io *io, struct aa_waiter *waiter)
{
    const struct aa_lesson_state *lesson = &io->lessons[AA_LEARN_RESOURCE];

    if (lesson->failed && lesson->definite) {
        aa_io_refuse(io, waiter, lesson->code);
    } else if (io->unidentified_count >= AA_UNIDENTIFIED_MAX) {
        aa_io_refuse(io, waiter, AA_ERR_RESOURCE_UNKNOWN);
    } else {
        aa_waiters_add(&io->unidentified, waiter);
        io->unidentified_count++;
    }
}

static struct aa_waiter *take_unidentified(struct aa_io *io)
{
    io->unidentified_count = 0;
    return aa_waiters_take_all(&io->unidentified);
}

void aa_io_admit(struct aa_io *io, struct aa_waiter *waiter)
{
    struct aa_now now = aa_clock_now();
    struct aa_question question;
    struct aa_verdict verdict;

    aa_verifier_ask(&io->guard->verifier, &waiter->request, now, &verdict, &question);
    if (question.need == AA_NEED_IDENTITY)
        await_identity(io, waiter);
    else if (question.need == AA_NEED_TOKEN)
        aa_flight_join(io, waiter, &question, now);
    else
        aa_io_deliver(io, waiter, &verdict);
}

static void admit_all(struct aa_io *io, struct aa_waiter *waiter)
{
    while (waiter) {
        struct aa_waiter *next = waiter->next;

        aa_io_admit(io, waiter);
        waiter = next;
    }
}

/* Those that wait for our identity: let in once it is known or known not to come, sent away when their time is over. */
static int64_t serve_unidentified(struct aa_io *io, struct aa_now now)
{
    const struct aa_lesson_state *lesson = &io->lessons[AA_LEARN_RESOURCE];
    struct aa_waiter *waiter;

    if (!io->unidentified.head)
        return SLEEP_MAX_MS;
    if (aa_verifier_identity(&io->guard->verifier) || (lesson->failed && lesson->definite)) {
        admit_all(io, take_unidentified(io));
        return SLEEP_MAX_MS;
    }
    while ((waiter = io->unidentified.head) && now.mono_ms >= waiter->deadline_ms) {
        io->unidentified_count--;
        io->unidentified.head = waiter->next;
        if (!io->unidentified.head)
            aa_waiters_init(&io->unidentified);
        aa_io_refuse(io, waiter, AA_ERR_RESOURCE_UNKNOWN);
    }
    return waiter ? waiter->deadline_ms - now.mono_ms : SLEEP_MAX_MS;
}

/* ---- the thread ------------------------------------------------------------------------------------------------ */

/* Takes the inbox; stands still while a fork is under way, and when the process ends. False when the thread is to end.
 */
static bool take_inbox(struct aa_io *io, struct aa_waiter **inbox)
{
    struct aa_guard *guard = io->guard;
    bool go_on;

    pthread_mutex_lock(&guard->lock);
    while (io->park && !io->stop) {
        io->parked = true;
        pthread_cond_broadcast(&guard->parked);
        pthread_cond_wait(&guard->parked, &guard->lock);
    }
    io->parked = false;
    *inbox = aa_waiters_take_all(&guard->inbox);
    go_on = !io->stop;
    pthread_mutex_unlock(&guard->lock);
    return go_on;
}

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t turn(struct aa_io *io)
{
    int64_t wait_ms = SLEEP_MAX_MS;
    struct aa_now now;

    aa_http_run(io->http);
    now = aa_clock_now();
    wait_ms = smaller(wait_ms, serve_unidentified(io, now));
    aa_flights_advance(io);
    wait_ms = smaller(wait_ms, aa_learn_tick(io, now)); /* after the flights: they may want the keys anew */
    wait_ms = smaller(wait_ms, aa_flights_expire(io, now));
    return io->news ? 0 : wait_ms;
}

static void answer_closed(struct aa_io *io, struct aa_waiter *waiter)
{
    while (waiter) {
        struct aa_waiter *next = waiter->next;

        aa_io_refuse(io, waiter, AA_ERR_CLOSED);
        waiter = next;
    }
}

static void *run(void *arg)
{
    struct aa_io *io = arg;
    struct aa_waiter *inbox;

    while (take_inbox(io, &inbox)) {
        admit_all(io, inbox);
        aa_http_wait(io->http, (int)turn(io));
    }
    answer_closed(io, inbox);
    answer_closed(io, take_unidentified(io));
    aa_flights_free(io);
    aa_crypto_thread_clear();
    return NULL;
}

/* Signals are the host's business: its handlers run on its own threads. */
static int start_thread(struct aa_io *io)
{
    sigset_t all;
    sigset_t old;
    int failed;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    failed = pthread_create(&io->thread, NULL, run, io);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return failed;
}

static enum aa_err start(struct aa_io *io, struct aa_error *err)
{
    const struct aa_options *options = &io->guard->verifier.options;
    const struct aa_http_settings settings = {
        .connect_timeout_ms = options->connect_timeout_ms,
        .timeout_ms = options->timeout_ms,
        .ca_file = io->guard->ca_file.len ? aa_buf_text(&io->guard->ca_file) : NULL,
        .proxy = options->proxy.data,
    };
    enum aa_err rc;

    rc = aa_http_new(&settings, &io->http, err);
    if (rc)
        return rc;
    if (start_thread(io)) {
        aa_http_free(io->http);
        return aa_fail(err, AA_ERR_THREAD, "the I/O thread could not be started");
    }
    return AA_OK;
}

enum aa_err aa_io_start(struct aa_guard *guard, struct aa_error *err)
{
    struct aa_io *io = aa_mem_new(sizeof *io);
    enum aa_err rc;

    if (!io)
        return aa_fail(err, AA_ERR_NOMEM, "no memory for the I/O thread");
    io->guard = guard;
    aa_waiters_init(&io->unidentified);
    rc = start(io, err);
    if (rc) {
        aa_mem_free(io);
        return rc;
    }
    guard->io = io;
    return AA_OK;
}

void aa_io_stop(struct aa_guard *guard)
{
    struct aa_io *io;

    pthread_mutex_lock(&guard->lock);
    io = guard->io;
    if (io) {
        io->stop = true;
        pthread_cond_broadcast(&guard->parked);
        aa_http_wake(io->http);
    }
    pthread_mutex_unlock(&guard->lock);
    if (!io)
        return;
    pthread_join(io->thread, NULL);
    aa_http_free(io->http);
    aa_mem_free(io);
    pthread_mutex_lock(&guard->lock);
    guard->io = NULL;
    pthread_mutex_unlock(&guard->lock);
}

/* Guards and the ends of processes.
 *
 * fork(): a server that loads its application first and forks workers afterwards has guards whose I/O thread stays
 * behind.
 *
 * Before the fork every I/O thread is brought to a halt where it holds no lock, neither ours nor OpenSSL's, and all of
 * our locks are taken. In the child the parent's thread is forgotten, its connections are closed without a word on them
 * (they are the parent's), requests under way are dropped, and the next request starts a thread of the child's own.
 * What was learnt and cached stays.
 *
 * exit(): a host may end with guards alive (process.exit() in Node runs no finalizer), and OpenSSL takes itself apart
 * in an exit handler. No I/O thread may be inside of it then. Handlers run last come first: ours is installed once
 * OpenSSL is in use. */
#include "net/core.h"

#include <stdlib.h>
#include <time.h>

#include "base/mem.h"
#include "net/log.h"

#define PARK_LIMIT_NS 300000000L /* a host's log function may be waiting for the very thread that forks */

static pthread_mutex_t all_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static struct aa_guard *all;
static struct aa_io
    *forgotten; /* what the parent's threads left in this child: never touched again, but not lost from sight either */

static struct timespec park_deadline(void)
{
    struct timespec time;

    clock_gettime(CLOCK_REALTIME, &time);
    time.tv_nsec += PARK_LIMIT_NS;
    if (time.tv_nsec >= 1000000000L) {
        time.tv_sec++;
        time.tv_nsec -= 1000000000L;
    }
    return time;
}

/* Under the guard's lock. */
static void halt(struct aa_guard *guard)
{
    struct timespec deadline = park_deadline();

    if (!guard->io)
        return;
    guard->io->park = true;
    aa_http_wake(guard->io->http);
    while (!guard->io->parked) {
        if (pthread_cond_timedwait(&guard->parked, &guard->lock, &deadline))
            break;
    }
}

/* Leaves the guard's lock taken. */
static void park(struct aa_guard *guard)
{
    pthread_mutex_lock(&guard->lock);
    halt(guard);
    aa_cache_lock_all(guard->verifier.cache);
    aa_lock_take(&guard->verifier.keys.lock);
}

static void unlock(struct aa_guard *guard)
{
    aa_lock_drop(&guard->verifier.keys.lock);
    aa_cache_unlock_all(guard->verifier.cache);
    pthread_mutex_unlock(&guard->lock);
}

static void resume(struct aa_guard *guard)
{
    if (guard->io) {
        guard->io->park = false;
        pthread_cond_broadcast(&guard->parked);
    }
    unlock(guard);
}

/* Every request that was under way stands in the ticket table; the parent answers them. */
static void drop_waiters(struct aa_guard *guard)
{
    for (size_t i = 0; i < AA_TICKET_BUCKETS; i++) {
        while (guard->tickets[i]) {
            struct aa_waiter *next = guard->tickets[i]->ticket_next;

            aa_waiter_free(guard->tickets[i]);
            guard->tickets[i] = next;
        }
    }
    aa_waiters_init(&guard->inbox);
}

static void start_over(struct aa_guard *guard)
{
    if (guard->io) {
        aa_http_abandon(guard->io->http);
        guard->io->next_forgotten = forgotten;
        forgotten = guard->io;
        guard->io = NULL;
    }
    pthread_cond_init(&guard->parked, NULL);
    unlock(guard);
}

static void before(void)
{
    pthread_mutex_lock(&all_lock);
    for (struct aa_guard *guard = all; guard; guard = guard->next)
        park(guard);
    aa_queues_lock();
    aa_log_lock();
}

static void after_in_parent(void)
{
    aa_log_unlock();
    aa_queues_unlock(false);
    for (struct aa_guard *guard = all; guard; guard = guard->next)
        resume(guard);
    pthread_mutex_unlock(&all_lock);
}

static void after_in_child(void)
{
    aa_log_unlock();
    aa_queues_unlock(true);
    for (struct aa_guard *guard = all; guard; guard = guard->next) {
        start_over(guard);
        drop_waiters(guard);
    }
    pthread_mutex_unlock(&all_lock);
}

/* For good; a guard that is released later still ends its thread. */
static void at_exit(void)
{
    pthread_mutex_lock(&all_lock);
    for (struct aa_guard *guard = all; guard; guard = guard->next) {
        pthread_mutex_lock(&guard->lock);
        halt(guard);
        pthread_mutex_unlock(&guard->lock);
    }
    pthread_mutex_unlock(&all_lock);
}

static void install(void)
{
    pthread_atfork(before, after_in_parent, after_in_child);
    atexit(at_exit);
}

void aa_guards_add(struct aa_guard *guard)
{
    pthread_once(&once, install);
    pthread_mutex_lock(&all_lock);
    guard->next = all;
    guard->prev = &all;
    if (all)
        all->prev = &guard->next;
    all = guard;
    pthread_mutex_unlock(&all_lock);
}

void aa_guards_remove(struct aa_guard *guard)
{
    pthread_mutex_lock(&all_lock);
    *guard->prev = guard->next;
    if (guard->next)
        guard->next->prev = guard->prev;
    pthread_mutex_unlock(&all_lock);
}

/* What the files of net share: the guard itself, the requests that wait in it, and its I/O thread.
 *
 * guard.c     the public functions; hands requests to the I/O thread
 * io.c        the thread: takes them in, delivers verdicts, sleeps
 * flight.c    one call per token at a time, however many wait for it
 * learn.c     what the authorization server publishes: our resource, its endpoints, its keys
 * fork.c      guards in a forked child */
#ifndef AA_NET_CORE_H
#define AA_NET_CORE_H

#include <pthread.h>
#include <stdatomic.h>

#include "net/breaker.h"
#include "net/http.h"
#include "net/queue.h"
#include "verify/refs.h"
#include "verify/verifier.h"

#define AA_TICKET_BUCKETS 1024 /* powers of two */
#define AA_FLIGHT_BUCKETS 256
#define AA_CALLS_MAX 64          /* introspections under way at once */
#define AA_UNIDENTIFIED_MAX 4096 /* requests that wait for our own identifier */
#define AA_FLIGHTS_MAX 4096      /* tokens being asked about or waiting to be; beyond that the answer is 503 at once */

/* One asynchronous check. The ticket table and `cancelled` are behind the guard's lock, the rest belongs to the I/O
 * thread once it is handed over. */
struct aa_waiter {
    uint64_t ticket;
    struct aa_waiter *ticket_next;
    struct aa_waiter *next; /* in the inbox, a flight or the list of those that wait for our identity */
    struct aa_queue *queue;
    struct aa_queue_item *item;
    struct aa_guard_request request; /* points behind the struct */
    size_t size;                     /* of the whole, to be wiped: it holds a token */
    int64_t deadline_ms;
    bool cancelled;
};

struct aa_waiters { /* first in, first out */
    struct aa_waiter *head, **tail;
};

enum aa_flight_state {
    AA_FLIGHT_WAITS, /* for keys, for the endpoint, or for its turn */
    AA_FLIGHT_CALLS  /* the authorization server is being asked */
};

struct aa_flight {
    struct aa_io *io;
    struct aa_cache_key key;
    char *token;
    size_t token_len;
    struct aa_waiters waiters;
    enum aa_flight_state state;
    bool checked;        /* the signature told all it could */
    bool keys_tried;     /* an unknown key id was looked for once */
    uint64_t keys_round; /* the fetch it waits for */
    int64_t deadline_ms;
    struct aa_flight *bucket_next;
    struct aa_flight *next, *prev; /* all flights, oldest first */
};

enum aa_lesson { AA_LEARN_RESOURCE, AA_LEARN_METADATA, AA_LEARN_KEYS, AA_LESSONS };

struct aa_lesson_state {
    bool running;
    bool learned;     /* at least once */
    bool failed;      /* the last try */
    bool definite;    /* … and trying again at once will not help: wrong credentials, an unusable document */
    enum aa_err code; /* of the last try */
    int64_t next_try_ms;
    int64_t pause_ms;
    int64_t logged_ms;
    bool logged;
};

struct aa_io { /* the I/O thread's own; `stop` and `parking` are behind the guard's lock */
    struct aa_guard *guard;
    pthread_t thread;
    struct aa_http *http;
    bool stop, park, parked;
    struct aa_flight *buckets[AA_FLIGHT_BUCKETS];
    struct aa_flight *flights, *flights_tail;
    size_t flight_count, call_count;
    struct aa_waiters unidentified; /* requests that came before we knew our own identifier */
    size_t unidentified_count;
    struct aa_lesson_state lessons[AA_LESSONS];
    int metadata_form;   /* which URL of the metadata is tried next */
    uint64_t keys_round; /* fetches of the keys that ended */
    bool keys_wanted;
    bool news; /* those that wait should try again */
    struct aa_breaker breaker;
    int64_t credentials_logged_ms, misdirected_logged_ms;
    bool credentials_logged, misdirected_logged;
    struct aa_io *next_forgotten; /* see fork.c */
};

struct aa_guard {
    struct aa_refs refs;
    struct aa_verifier verifier;
    struct aa_buf basic_user, basic_password; /* form-encoded */
    struct aa_buf ca_file;
    pthread_mutex_t lock; /* of what follows, down to the counters */
    pthread_cond_t parked;
    struct aa_io *io; /* NULL: no thread runs (a forked child that asked nothing yet) */
    struct aa_waiters inbox;
    struct aa_waiter *tickets[AA_TICKET_BUCKETS];
    uint64_t last_ticket;
    struct aa_buf introspection_endpoint, jwks_uri; /* learnt; written by the I/O thread alone */
    atomic_uint_fast64_t misses, introspections, joined, refused, remote_errors, breaker_opened, dropped;
    struct aa_guard *next, **prev; /* in the list of all guards */
};

/* ---- waiter.c ---- */
/* Copies the request, and the body if the tool policy is to read it. AA_OK or AA_ERR_NOMEM. */
AA_CHECK enum aa_err aa_waiter_new(const struct aa_guard_request *request, bool with_body, struct aa_queue *queue,
                                   void *tag, struct aa_waiter **out);
void aa_waiter_free(struct aa_waiter *waiter);
void aa_waiters_init(struct aa_waiters *waiters);
void aa_waiters_add(struct aa_waiters *waiters, struct aa_waiter *waiter);
struct aa_waiter *aa_waiters_take_all(struct aa_waiters *waiters); /* a list through `next` */
/* The ticket table; under the guard's lock. */
void aa_tickets_add(struct aa_guard *guard, struct aa_waiter *waiter);
struct aa_waiter *aa_tickets_find(struct aa_guard *guard, uint64_t ticket);
void aa_tickets_remove(struct aa_guard *guard, struct aa_waiter *waiter);

/* ---- io.c ---- */
/* Under the guard's lock. AA_OK, AA_ERR_NOMEM, AA_ERR_THREAD or AA_ERR_SYSTEM. */
AA_CHECK enum aa_err aa_io_start(struct aa_guard *guard, struct aa_error *err);
/* Stops the thread and waits for it; whoever still waits is answered with AA_ERR_CLOSED. Without the lock. */
void aa_io_stop(struct aa_guard *guard);
/* Takes a waiter in: answers it or lets it wait. I/O thread. */
void aa_io_admit(struct aa_io *io, struct aa_waiter *waiter);
/* Hands the verdict over and frees the waiter; the verdict's references go with it. I/O thread, no lock held. */
void aa_io_deliver(struct aa_io *io, struct aa_waiter *waiter, struct aa_verdict *verdict);
void aa_io_refuse(struct aa_io *io, struct aa_waiter *waiter, enum aa_err code);
void aa_guard_count_verdict(struct aa_guard *guard, const struct aa_verdict *verdict);

/* ---- flight.c ---- */
void aa_flight_join(struct aa_io *io, struct aa_waiter *waiter, const struct aa_question *question, struct aa_now now);
/* Something was learnt or a call ended: those that wait try again. */
void aa_flights_advance(struct aa_io *io);
/* Ends those whose time is over; milliseconds until the next one is due. */
int64_t aa_flights_expire(struct aa_io *io, struct aa_now now);
void aa_flights_free(struct aa_io *io);

/* ---- learn.c ---- */
/* Starts what is due; milliseconds until something is. */
int64_t aa_learn_tick(struct aa_io *io, struct aa_now now);
/* Asks for the keys again, if the cool-down allows. True when a fetch is under way. */
bool aa_learn_want_keys(struct aa_io *io, struct aa_now now);
/* The last try failed in a way that trying again at once will not mend. */
bool aa_learn_is_hopeless(const struct aa_io *io, enum aa_lesson lesson);
/* Why the lesson is not learnt yet, for those who wait no longer. */
enum aa_err aa_learn_reason(const struct aa_io *io, enum aa_lesson lesson);
/* The endpoints in force; absent while unknown. I/O thread. */
struct aa_view aa_learn_introspection_endpoint(const struct aa_io *io);
struct aa_view aa_learn_jwks_uri(const struct aa_io *io);

/* ---- fork.c ---- */
void aa_guards_add(struct aa_guard *guard);
void aa_guards_remove(struct aa_guard *guard);

#endif

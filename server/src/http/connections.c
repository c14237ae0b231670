#include "http/connections.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>

#include "base/error.h"
#include "base/mem.h"

#define BUCKETS 1024     /* by address, so that counting one address reads few others */
#define TICK_MAX_MS 1000 /* how often the watch looks, and so how late it may be */
#define TICK_MIN_MS 5
#define TICKS_PER_DEADLINE 4
#define CLOCK_SLACK_MS 20 /* the coarse clock and the kernel's ticks are a few milliseconds apart */

struct aa_connections {
    struct aa_connections_limits limits;
    pthread_mutex_t lock; /* of the buckets, the count and is_ending */
    pthread_cond_t wake;
    pthread_t thread;
    bool is_watching, is_ending;
    int count;
    uint64_t seed; /* of the buckets, so that nobody outside can choose addresses that share one */
    struct aa_connection *buckets[BUCKETS];
};

/* ---- phases ----------------------------------------------------------------------------------------------------- */

/* Phase and time travel in one word, so that the watch never sees the time of one phase with the name of another. */
#define PHASE_BITS 3

static int64_t pack(enum aa_phase phase, int64_t since_ms)
{
    return since_ms * (1 << PHASE_BITS) + (int64_t)phase;
}

static enum aa_phase phase_of(int64_t state)
{
    return (enum aa_phase)(state & ((1 << PHASE_BITS) - 1));
}

static int64_t since_of(int64_t state)
{
    return state >> PHASE_BITS;
}

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void aa_connection_enter(struct aa_connection *connection, enum aa_phase phase)
{
    int64_t state = atomic_load(&connection->state);

    /* What the watch has shut stays shut. */
    while (phase_of(state) != AA_PHASE_SHUT &&
           !atomic_compare_exchange_weak(&connection->state, &state, pack(phase, now_ms())))
        continue;
}

void aa_connection_begin_head(struct aa_connection *connection)
{
    int64_t state = atomic_load(&connection->state);

    /* When the exchange fails, the watch has begun the head's clock. */
    if (phase_of(state) == AA_PHASE_IDLE)
        atomic_compare_exchange_strong(&connection->state, &state, pack(AA_PHASE_HEAD, now_ms()));
}

/* ---- the watch -------------------------------------------------------------------------------------------------- */

/* Has anything arrived since the connection became idle? The library does not tell of a head's first byte. Without an
 * answer from the kernel: yes, which only makes the shorter limit count. */
static bool has_received(const struct aa_connection *connection, int64_t idle_since_ms, int64_t now)
{
    struct tcp_info info;
    socklen_t len = sizeof info;

    if (getsockopt(connection->fd, IPPROTO_TCP, TCP_INFO, &info, &len))
        return true;
    return now - (int64_t)info.tcpi_last_data_recv > idle_since_ms + CLOCK_SLACK_MS;
}

static int64_t limit_of(const struct aa_connections *all, enum aa_phase phase)
{
    switch (phase) {
    case AA_PHASE_HEAD:
    case AA_PHASE_BODY:
        return all->limits.deadline_ms;
    case AA_PHASE_ANSWER:
    case AA_PHASE_IDLE:
        return all->limits.idle_ms;
    default:
        return INT64_MAX;
    }
}

static void look_at(struct aa_connections *all, struct aa_connection *connection, int64_t now)
{
    int64_t state = atomic_load(&connection->state), since = since_of(state);

    if (now - since >= limit_of(all, phase_of(state))) {
        /* Only if it has not gone on in this moment. */
        if (atomic_compare_exchange_strong(&connection->state, &state, pack(AA_PHASE_SHUT, now)))
            shutdown(connection->fd, SHUT_RDWR);
    } else if (phase_of(state) == AA_PHASE_IDLE && has_received(connection, since, now)) {
        atomic_compare_exchange_strong(&connection->state, &state, pack(AA_PHASE_HEAD, now));
    }
}

static void look_at_all(struct aa_connections *all)
{
    int64_t now = now_ms();
    size_t i;

    for (i = 0; i < BUCKETS; i++) {
        struct aa_connection *connection;

        for (connection = all->buckets[i]; connection; connection = connection->next)
            look_at(all, connection, now);
    }
}

static int64_t tick_ms(const struct aa_connections *all)
{
    int64_t shortest = all->limits.deadline_ms < all->limits.idle_ms ? all->limits.deadline_ms : all->limits.idle_ms;
    int64_t tick = shortest / TICKS_PER_DEADLINE;

    if (tick < TICK_MIN_MS)
        return TICK_MIN_MS;
    return tick > TICK_MAX_MS ? TICK_MAX_MS : tick;
}

static void add_ms(struct timespec *time, int64_t ms)
{
    time->tv_sec += (time_t)(ms / 1000);
    time->tv_nsec += (long)(ms % 1000) * 1000000;
    if (time->tv_nsec >= 1000000000) {
        time->tv_nsec -= 1000000000;
        time->tv_sec++;
    }
}

static void *watch(void *arg)
{
    struct aa_connections *all = arg;
    struct timespec next;

    pthread_mutex_lock(&all->lock);
    while (!all->is_ending) {
        clock_gettime(CLOCK_MONOTONIC, &next);
        add_ms(&next, tick_ms(all));
        while (!all->is_ending && pthread_cond_timedwait(&all->wake, &all->lock, &next) == 0)
            continue;
        look_at_all(all);
    }
    pthread_mutex_unlock(&all->lock);
    return NULL;
}

/* ---- coming and going ------------------------------------------------------------------------------------------- */

static struct aa_connection **bucket_of(struct aa_connections *all, const struct aa_address *customer)
{
    uint64_t hash = all->seed;
    size_t i;

    for (i = 0; i < sizeof customer->bytes; i++)
        hash = (hash ^ customer->bytes[i]) * UINT64_C(0x100000001b3);
    return &all->buckets[(hash ^ (hash >> 32)) % BUCKETS];
}

static int count_of(struct aa_connections *all, const struct aa_address *customer)
{
    const struct aa_connection *connection;
    int count = 0;

    for (connection = *bucket_of(all, customer); connection; connection = connection->next)
        count += aa_address_equal(&connection->customer, customer);
    return count;
}

bool aa_connections_admits(struct aa_connections *all, const struct aa_address *address)
{
    struct aa_address customer = aa_address_customer(address);
    bool admits;

    pthread_mutex_lock(&all->lock);
    admits = all->count < all->limits.max && (aa_address_blocks_has(all->limits.trusted, address) ||
                                              count_of(all, &customer) < all->limits.max_per_address);
    pthread_mutex_unlock(&all->lock);
    return admits;
}

struct aa_connection *aa_connections_add(struct aa_connections *all, int fd, const struct aa_address *address)
{
    struct aa_connection *connection = aa_mem_new(sizeof *connection), **bucket;

    if (!connection)
        return NULL;
    connection->all = all;
    connection->fd = fd;
    connection->address = *address;
    connection->customer = aa_address_customer(address);
    aa_address_format(address, connection->address_text);
    atomic_init(&connection->state, pack(AA_PHASE_HEAD, now_ms()));
    pthread_mutex_lock(&all->lock);
    bucket = bucket_of(all, &connection->customer);
    connection->next = *bucket;
    if (connection->next)
        connection->next->previous = connection;
    *bucket = connection;
    all->count++;
    pthread_mutex_unlock(&all->lock);
    return connection;
}

void aa_connections_remove(struct aa_connection *connection)
{
    struct aa_connections *all;

    if (!connection)
        return;
    all = connection->all;
    pthread_mutex_lock(&all->lock);
    if (connection->previous)
        connection->previous->next = connection->next;
    else
        *bucket_of(all, &connection->customer) = connection->next;
    if (connection->next)
        connection->next->previous = connection->previous;
    all->count--;
    pthread_mutex_unlock(&all->lock);
    aa_mem_free(connection);
}

/* ---- beginning and end ------------------------------------------------------------------------------------------ */

enum aa_err aa_connections_new(const struct aa_connections_limits *limits, struct aa_connections **out,
                               struct aa_error *err)
{
    struct aa_connections *all = aa_mem_new(sizeof *all);
    pthread_condattr_t monotonic;

    if (!all)
        return aa_fail(err, AA_ERR_NOMEM, "no memory for the list of connections");
    all->limits = *limits;
    pthread_mutex_init(&all->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&all->wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    if (getrandom(&all->seed, sizeof all->seed, 0) != sizeof all->seed) {
        aa_connections_free(all);
        return aa_fail(err, AA_ERR_RANDOM, "no random bytes could be had");
    }
    if (pthread_create(&all->thread, NULL, watch, all)) {
        aa_connections_free(all);
        return aa_fail(err, AA_ERR_THREAD, "the thread that watches connections could not be started");
    }
    all->is_watching = true;
    *out = all;
    return AA_OK;
}

void aa_connections_free(struct aa_connections *all)
{
    if (!all)
        return;
    pthread_mutex_lock(&all->lock);
    all->is_ending = true;
    pthread_cond_signal(&all->wake);
    pthread_mutex_unlock(&all->lock);
    if (all->is_watching)
        pthread_join(all->thread, NULL);
    pthread_cond_destroy(&all->wake);
    pthread_mutex_destroy(&all->lock);
    aa_mem_free(all);
}

#include "http/workers.h"

#include <pthread.h>

#include "base/error.h"
#include "base/mem.h"

#define HEAVY_SHARE 2       /* of the threads */
#define HEAVY_QUEUE_SHARE 4 /* of the queue */

struct queue {
    struct aa_work *first, **last;
    size_t waiting, max;
};

struct aa_workers {
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct queue ordinary, heavy;
    int heavy_running, heavy_max;
    uint64_t last_number;
    bool is_ending;
    pthread_t *threads;
    int thread_count;
};

/* ---- the queues; under the lock ---- */

static size_t at_least_one(size_t number)
{
    return number ? number : 1;
}

static void queue_init(struct queue *queue, size_t max)
{
    *queue = (struct queue){.max = max};
    queue->last = &queue->first;
}

static void queue_add(struct queue *queue, struct aa_work *work)
{
    work->next = NULL;
    *queue->last = work;
    queue->last = &work->next;
    queue->waiting++;
}

static struct aa_work *queue_take(struct queue *queue)
{
    struct aa_work *work = queue->first;

    queue->first = work->next;
    if (!queue->first)
        queue->last = &queue->first;
    queue->waiting--;
    return work;
}

/* Who came first, but no more heavy work than its share; NULL when there is none. */
static struct aa_work *take(struct aa_workers *workers)
{
    const struct aa_work *ordinary = workers->ordinary.first;
    const struct aa_work *heavy = workers->heavy_running < workers->heavy_max ? workers->heavy.first : NULL;

    if (heavy && (!ordinary || heavy->number < ordinary->number)) {
        workers->heavy_running++;
        return queue_take(&workers->heavy);
    }
    return ordinary ? queue_take(&workers->ordinary) : NULL;
}

/* ---- the threads ---- */

/* Waits for work; NULL when the lane ends. `was_heavy` tells of the work that the thread did before. */
static struct aa_work *wait_for_work(struct aa_workers *workers, bool was_heavy)
{
    struct aa_work *work = NULL;

    pthread_mutex_lock(&workers->lock);
    workers->heavy_running -= was_heavy;
    while (!workers->is_ending && !(work = take(workers)))
        pthread_cond_wait(&workers->wake, &workers->lock);
    pthread_mutex_unlock(&workers->lock);
    return work;
}

static void *worker_main(void *arg)
{
    struct aa_workers *workers = arg;
    struct aa_work *work;
    bool is_heavy = false;

    while ((work = wait_for_work(workers, is_heavy))) {
        is_heavy = work->is_heavy; /* once it has run it is no longer ours */
        work->run(work);
    }
    return NULL;
}

enum aa_err aa_workers_new(int threads, size_t queue_max, struct aa_workers **out, struct aa_error *err)
{
    struct aa_workers *workers = aa_mem_new(sizeof *workers);

    if (!workers)
        return aa_fail(err, AA_ERR_NOMEM, "no memory for the workers");
    pthread_mutex_init(&workers->lock, NULL);
    pthread_cond_init(&workers->wake, NULL);
    queue_init(&workers->ordinary, queue_max);
    queue_init(&workers->heavy, at_least_one(queue_max / HEAVY_QUEUE_SHARE));
    workers->heavy_max = (int)at_least_one((size_t)threads / HEAVY_SHARE);
    workers->threads = aa_mem_new_array((size_t)threads, sizeof *workers->threads);
    if (!workers->threads) {
        aa_workers_free(workers);
        return aa_fail(err, AA_ERR_NOMEM, "no memory for the workers");
    }
    for (; workers->thread_count < threads; workers->thread_count++) {
        if (pthread_create(&workers->threads[workers->thread_count], NULL, worker_main, workers)) {
            aa_workers_free(workers);
            return aa_fail(err, AA_ERR_THREAD, "a worker could not be started");
        }
    }
    *out = workers;
    return AA_OK;
}

bool aa_workers_submit(struct aa_workers *workers, struct aa_work *work)
{
    struct queue *queue = work->is_heavy ? &workers->heavy : &workers->ordinary;
    bool fits;

    pthread_mutex_lock(&workers->lock);
    fits = !workers->is_ending && queue->waiting < queue->max &&
           workers->ordinary.waiting + workers->heavy.waiting < workers->ordinary.max;
    if (fits) {
        work->number = ++workers->last_number;
        queue_add(queue, work);
        pthread_cond_signal(&workers->wake);
    }
    pthread_mutex_unlock(&workers->lock);
    return fits;
}

/* Nothing comes in any more, so what waited is ours alone. */
static struct aa_work *close_queues(struct aa_workers *workers)
{
    struct aa_work *rest;

    pthread_mutex_lock(&workers->lock);
    workers->is_ending = true;
    *workers->heavy.last = workers->ordinary.first; /* one line of both */
    rest = workers->heavy.first;
    workers->ordinary.first = workers->heavy.first = NULL;
    pthread_cond_broadcast(&workers->wake);
    pthread_mutex_unlock(&workers->lock);
    return rest;
}

void aa_workers_end(struct aa_workers *workers)
{
    struct aa_work *work, *next;

    for (work = close_queues(workers); work; work = next) {
        next = work->next;
        work->drop(work);
    }
    for (; workers->thread_count > 0; workers->thread_count--)
        pthread_join(workers->threads[workers->thread_count - 1], NULL);
}

void aa_workers_free(struct aa_workers *workers)
{
    if (!workers)
        return;
    aa_workers_end(workers);
    pthread_cond_destroy(&workers->wake);
    pthread_mutex_destroy(&workers->lock);
    aa_mem_free(workers->threads);
    aa_mem_free(workers);
}

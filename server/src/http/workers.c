#include "http/workers.h"

#include <pthread.h>

#include "base/error.h"
#include "base/mem.h"

struct aa_workers {
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct aa_work *first, **last;
    size_t waiting, queue_max;
    bool is_ending;
    pthread_t *threads;
    int thread_count;
};

/* Takes the next one off; NULL when there is none. Under the lock. */
static struct aa_work *take(struct aa_workers *workers)
{
    struct aa_work *work = workers->first;

    if (!work)
        return NULL;
    workers->first = work->next;
    if (!workers->first)
        workers->last = &workers->first;
    workers->waiting--;
    return work;
}

/* Waits for work; NULL when the lane ends. */
static struct aa_work *wait_for_work(struct aa_workers *workers)
{
    struct aa_work *work = NULL;

    pthread_mutex_lock(&workers->lock);
    while (!workers->is_ending && !(work = take(workers)))
        pthread_cond_wait(&workers->wake, &workers->lock);
    pthread_mutex_unlock(&workers->lock);
    return work;
}

static void *worker_main(void *arg)
{
    struct aa_workers *workers = arg;
    struct aa_work *work;

    while ((work = wait_for_work(workers)))
        work->run(work);
    return NULL;
}

enum aa_err aa_workers_new(int threads, size_t queue_max, struct aa_workers **out, struct aa_error *err)
{
    struct aa_workers *workers = aa_mem_new(sizeof *workers);

    if (!workers)
        return aa_fail(err, AA_ERR_NOMEM, "no memory for the workers");
    pthread_mutex_init(&workers->lock, NULL);
    pthread_cond_init(&workers->wake, NULL);
    workers->last = &workers->first;
    workers->queue_max = queue_max;
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
    bool fits;

    pthread_mutex_lock(&workers->lock);
    fits = !workers->is_ending && workers->waiting < workers->queue_max;
    if (fits) {
        work->next = NULL;
        *workers->last = work;
        workers->last = &work->next;
        workers->waiting++;
        pthread_cond_signal(&workers->wake);
    }
    pthread_mutex_unlock(&workers->lock);
    return fits;
}

/* Nothing comes in any more, so what waited is ours alone. */
static struct aa_work *close_queue(struct aa_workers *workers)
{
    struct aa_work *rest;

    pthread_mutex_lock(&workers->lock);
    workers->is_ending = true;
    rest = workers->first;
    workers->first = NULL;
    pthread_cond_broadcast(&workers->wake);
    pthread_mutex_unlock(&workers->lock);
    return rest;
}

void aa_workers_end(struct aa_workers *workers)
{
    struct aa_work *work, *next;

    for (work = close_queue(workers); work; work = next) {
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

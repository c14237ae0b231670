#include "net/queue.h"

#include <pthread.h>

#include "base/error.h"
#include "base/mem.h"
#include "net/signal_fd.h"
#include "verify/refs.h"

struct aa_queue {
    struct aa_refs refs;
    pthread_mutex_t lock;
    pthread_cond_t idle; /* no wake is running */
    struct aa_queue_item *head, **tail;
    aa_queue_wake_fn wake;
    void *wake_ctx;
    struct aa_signal_fd fd;
    bool has_fd;
    bool signalled; /* since it was last drained to empty */
    bool closed;
    unsigned waking;
    struct aa_queue *next, **prev; /* in the list of all queues */
};

static pthread_mutex_t all_lock = PTHREAD_MUTEX_INITIALIZER;
static struct aa_queue *all;

static void enlist(struct aa_queue *queue)
{
    pthread_mutex_lock(&all_lock);
    queue->next = all;
    queue->prev = &all;
    if (all)
        all->prev = &queue->next;
    all = queue;
    pthread_mutex_unlock(&all_lock);
}

static void delist(struct aa_queue *queue)
{
    pthread_mutex_lock(&all_lock);
    *queue->prev = queue->next;
    if (queue->next)
        queue->next->prev = queue->prev;
    pthread_mutex_unlock(&all_lock);
}

static struct aa_queue *make(void)
{
    struct aa_queue *queue = aa_mem_new(sizeof *queue);

    if (!queue)
        return NULL;
    aa_refs_init(&queue->refs);
    pthread_mutex_init(&queue->lock, NULL);
    pthread_cond_init(&queue->idle, NULL);
    queue->tail = &queue->head;
    return queue;
}

static void destroy(struct aa_queue *queue)
{
    if (queue->has_fd)
        aa_signal_fd_close(&queue->fd);
    pthread_cond_destroy(&queue->idle);
    pthread_mutex_destroy(&queue->lock);
    aa_mem_free(queue);
}

enum aa_err aa_queue_new(aa_queue_wake_fn wake, void *ctx, struct aa_queue **out, struct aa_error *err)
{
    struct aa_queue *queue = make();

    if (!queue)
        return aa_fail(err, AA_ERR_NOMEM, "no memory for a queue");
    queue->wake = wake;
    queue->wake_ctx = ctx;
    enlist(queue);
    *out = queue;
    return AA_OK;
}

enum aa_err aa_queue_new_fd(struct aa_queue **out, struct aa_error *err)
{
    struct aa_queue *queue = make();
    enum aa_err rc;

    if (!queue)
        return aa_fail(err, AA_ERR_NOMEM, "no memory for a queue");
    rc = aa_signal_fd_open(&queue->fd, err);
    if (rc) {
        destroy(queue);
        return rc;
    }
    queue->has_fd = true;
    enlist(queue);
    *out = queue;
    return AA_OK;
}

int aa_queue_fd(const struct aa_queue *queue)
{
    return queue->has_fd ? queue->fd.read_end : -1;
}

struct aa_queue *aa_queue_acquire(struct aa_queue *queue)
{
    aa_refs_up(&queue->refs);
    return queue;
}

void aa_queue_release(struct aa_queue *queue)
{
    if (!aa_refs_down(&queue->refs))
        return;
    delist(queue);
    destroy(queue);
}

static void free_items(struct aa_queue_item *item)
{
    while (item) {
        struct aa_queue_item *next = item->next;

        aa_verdict_clear(&item->completion.verdict);
        aa_mem_free(item);
        item = next;
    }
}

void aa_queue_free(struct aa_queue *queue)
{
    struct aa_queue_item *items;

    if (!queue)
        return;
    pthread_mutex_lock(&queue->lock);
    queue->closed = true;
    while (queue->waking)
        pthread_cond_wait(&queue->idle, &queue->lock);
    items = queue->head;
    queue->head = NULL;
    queue->tail = &queue->head;
    pthread_mutex_unlock(&queue->lock);
    free_items(items);
    aa_queue_release(queue);
}

static enum aa_pushed push_locked(struct aa_queue *queue, struct aa_queue_item *item)
{
    if (queue->closed)
        return AA_PUSH_CLOSED;
    item->next = NULL;
    *queue->tail = item;
    queue->tail = &item->next;
    if (queue->signalled)
        return AA_PUSHED;
    queue->signalled = true;
    if (queue->has_fd) { /* written under the lock, so that a drain cannot clear it too early */
        aa_signal_fd_raise(&queue->fd);
        return AA_PUSHED;
    }
    queue->waking++;
    return AA_PUSHED_WAKE;
}

enum aa_pushed aa_queue_push(struct aa_queue *queue, struct aa_queue_item *item)
{
    enum aa_pushed pushed;

    pthread_mutex_lock(&queue->lock);
    pushed = push_locked(queue, item);
    pthread_mutex_unlock(&queue->lock);
    return pushed;
}

void aa_queue_wake(struct aa_queue *queue)
{
    queue->wake(queue->wake_ctx);
    pthread_mutex_lock(&queue->lock);
    if (--queue->waking == 0)
        pthread_cond_broadcast(&queue->idle);
    pthread_mutex_unlock(&queue->lock);
}

size_t aa_queue_take(struct aa_queue *queue, struct aa_completion *out, size_t max)
{
    struct aa_queue_item *taken = NULL;
    struct aa_queue_item **end = &taken;
    size_t count = 0;

    pthread_mutex_lock(&queue->lock);
    while (queue->head && count < max) {
        struct aa_queue_item *item = queue->head;

        queue->head = item->next;
        out[count++] = item->completion;
        item->completion.verdict = (struct aa_verdict){0};
        item->next = NULL;
        *end = item;
        end = &item->next;
    }
    if (!queue->head) {
        queue->tail = &queue->head;
        if (queue->signalled && queue->has_fd)
            aa_signal_fd_lower(&queue->fd);
        queue->signalled = false;
    }
    pthread_mutex_unlock(&queue->lock);
    free_items(taken);
    return count;
}

void aa_queues_lock(void)
{
    pthread_mutex_lock(&all_lock);
    for (struct aa_queue *queue = all; queue; queue = queue->next)
        pthread_mutex_lock(&queue->lock);
}

void aa_queues_unlock(bool in_child)
{
    for (struct aa_queue *queue = all; queue; queue = queue->next) {
        if (in_child) { /* whoever was waking or waiting is a thread of the parent */
            queue->waking = 0;
            pthread_cond_init(&queue->idle, NULL);
        }
        pthread_mutex_unlock(&queue->lock);
    }
    pthread_mutex_unlock(&all_lock);
}

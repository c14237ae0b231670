/* Finished checks on their way to an event loop: in order, one wake a batch, and nothing after the queue is gone. */
#include "net/queue.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "base/mem.h"
#include "support/test.h"
#include "verify/answer.h"

static struct aa_queue_item *item_of(int *tag)
{
    struct aa_queue_item *item = aa_mem_new(sizeof *item);

    CHECK(item != NULL);
    item->completion.tag = tag;
    return item;
}

static bool is_readable(const struct aa_queue *queue)
{
    struct pollfd readable = {.fd = aa_queue_fd(queue), .events = POLLIN};

    return poll(&readable, 1, 0) == 1;
}

TEST(queue, completions_come_out_in_the_order_they_went_in)
{
    struct aa_completion out[4];
    struct aa_queue *queue;
    int tags[3];

    CHECK_OK(aa_queue_new_fd(&queue, NULL));
    CHECK_INT(aa_queue_take(queue, out, 4), 0);
    for (int i = 0; i < 3; i++)
        CHECK_INT(aa_queue_push(queue, item_of(&tags[i])), AA_PUSHED);
    CHECK_INT(aa_queue_take(queue, out, 2), 2);
    CHECK(out[0].tag == &tags[0] && out[1].tag == &tags[1]);
    CHECK_INT(aa_queue_take(queue, out, 2), 1);
    CHECK(out[0].tag == &tags[2]);
    CHECK_INT(aa_queue_take(queue, out, 2), 0);
    aa_queue_free(queue);
}

TEST(queue, the_descriptor_is_readable_while_something_waits)
{
    struct aa_completion out[2];
    struct aa_queue *queue;
    int tags[2];

    CHECK_OK(aa_queue_new_fd(&queue, NULL));
    CHECK(!is_readable(queue));
    CHECK_INT(aa_queue_push(queue, item_of(&tags[0])), AA_PUSHED);
    CHECK_INT(aa_queue_push(queue, item_of(&tags[1])), AA_PUSHED);
    CHECK(is_readable(queue));
    CHECK_INT(aa_queue_take(queue, out, 1), 1);
    CHECK(is_readable(queue));
    CHECK_INT(aa_queue_take(queue, out, 1), 1);
    CHECK(!is_readable(queue));
    CHECK_INT(aa_queue_push(queue, item_of(&tags[0])), AA_PUSHED);
    CHECK(is_readable(queue));
    aa_queue_free(queue); /* what is left goes with it */
}

static void count_wake(void *ctx)
{
    ++*(int *)ctx;
}

TEST(queue, a_callback_is_called_once_until_the_queue_was_drained)
{
    struct aa_completion out[4];
    struct aa_queue *queue;
    int wakes = 0;
    int tag;

    CHECK_OK(aa_queue_new(count_wake, &wakes, &queue, NULL));
    CHECK_INT(aa_queue_fd(queue), -1);
    CHECK_INT(aa_queue_push(queue, item_of(&tag)), AA_PUSHED_WAKE);
    aa_queue_wake(queue);
    CHECK_INT(aa_queue_push(queue, item_of(&tag)), AA_PUSHED);
    CHECK_INT(wakes, 1);
    CHECK_INT(aa_queue_take(queue, out, 1), 1);
    CHECK_INT(aa_queue_push(queue, item_of(&tag)), AA_PUSHED);
    CHECK_INT(aa_queue_take(queue, out, 4), 2);
    CHECK_INT(aa_queue_push(queue, item_of(&tag)), AA_PUSHED_WAKE);
    aa_queue_wake(queue);
    CHECK_INT(wakes, 2);
    aa_queue_free(queue);
}

TEST(queue, one_that_is_gone_takes_nothing)
{
    struct aa_queue_item *item;
    struct aa_queue *queue;
    int tag;

    CHECK_OK(aa_queue_new_fd(&queue, NULL));
    aa_queue_acquire(queue);
    aa_queue_free(queue);
    item = item_of(&tag);
    CHECK_INT(aa_queue_push(queue, item), AA_PUSH_CLOSED);
    aa_mem_free(item);
    aa_queue_release(queue);
}

TEST(queue, freeing_it_drops_the_references_of_what_it_held)
{
    struct aa_answer *answer;
    struct aa_queue_item *item;
    struct aa_queue *queue;
    int tag;

    CHECK_OK(aa_answer_new(401, NULL, 0, VIEW("x"), &answer, NULL));
    CHECK_OK(aa_queue_new_fd(&queue, NULL));
    item = item_of(&tag);
    item->completion.verdict = (struct aa_verdict){AA_VERDICT_ANSWER, AA_ERR_TOKEN_ABSENT, NULL, answer};
    CHECK_INT(aa_queue_push(queue, item), AA_PUSHED);
    aa_queue_free(queue); /* LeakSanitizer counts with us */
}

/* A wake that takes its time: freeing the queue waits for it. */
struct slow {
    struct aa_queue *queue;
    atomic_bool inside, done;
};

static void sleep_inside(void *ctx)
{
    const struct timespec time = {0, 50000000};
    struct slow *slow = ctx;

    atomic_store(&slow->inside, true);
    nanosleep(&time, NULL);
    atomic_store(&slow->done, true);
}

static void *push_and_wake(void *arg)
{
    struct slow *slow = arg;
    int tag;

    if (aa_queue_push(slow->queue, item_of(&tag)) == AA_PUSHED_WAKE)
        aa_queue_wake(slow->queue);
    aa_queue_release(slow->queue);
    return NULL;
}

TEST(queue, after_free_the_callback_is_not_running_any_more)
{
    struct slow slow = {NULL, false, false};
    pthread_t thread;

    CHECK_OK(aa_queue_new(sleep_inside, &slow, &slow.queue, NULL));
    aa_queue_acquire(slow.queue);
    CHECK_INT(pthread_create(&thread, NULL, push_and_wake, &slow), 0);
    while (!atomic_load(&slow.inside))
        continue;
    aa_queue_free(slow.queue);
    CHECK(atomic_load(&slow.done));
    pthread_join(thread, NULL);
}

TEST(queue, no_memory_is_an_ordinary_error)
{
    struct aa_queue *queue;

    aa_mem_fail_at(1, false);
    CHECK_ERR(aa_queue_new_fd(&queue, NULL), AA_ERR_NOMEM);
    aa_mem_fail_at(1, false);
    CHECK_ERR(aa_queue_new(count_wake, NULL, &queue, NULL), AA_ERR_NOMEM);
    aa_mem_fail_at(0, false);
    CHECK_OK(aa_queue_new_fd(&queue, NULL));
    aa_queue_free(queue);
}

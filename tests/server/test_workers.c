/* The slow lane without a socket: who runs when, how much waits, and what heavy work leaves to the rest. */
#include "http/workers.h"

#include <pthread.h>

#include "support/test.h"

#define WORKS 8

/* Works that stand at a gate until it is opened. */
struct lane {
    struct aa_workers *workers;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool is_open;
    int running, done, dropped;
    char order[WORKS + 1]; /* the names of those that began */
};

struct work {
    struct aa_work work;
    struct lane *lane;
    char name;
};

static void run(struct aa_work *work)
{
    struct work *mine = (struct work *)work;
    struct lane *lane = mine->lane;

    pthread_mutex_lock(&lane->lock);
    lane->order[strlen(lane->order)] = mine->name;
    lane->running++;
    pthread_cond_broadcast(&lane->changed);
    while (!lane->is_open)
        pthread_cond_wait(&lane->changed, &lane->lock);
    lane->running--;
    lane->done++;
    pthread_cond_broadcast(&lane->changed);
    pthread_mutex_unlock(&lane->lock);
}

/* What runs may end then: the lane waits for it. */
static void drop(struct aa_work *work)
{
    struct lane *lane = ((struct work *)work)->lane;

    pthread_mutex_lock(&lane->lock);
    lane->dropped++;
    lane->is_open = true;
    pthread_cond_broadcast(&lane->changed);
    pthread_mutex_unlock(&lane->lock);
}

static void lane_open(struct lane *lane, int threads, size_t queue_max)
{
    memset(lane, 0, sizeof *lane);
    pthread_mutex_init(&lane->lock, NULL);
    pthread_cond_init(&lane->changed, NULL);
    CHECK_OK(aa_workers_new(threads, queue_max, &lane->workers, NULL));
}

static void wait_for(struct lane *lane, const int *number, int wanted)
{
    pthread_mutex_lock(&lane->lock);
    while (*number < wanted)
        pthread_cond_wait(&lane->changed, &lane->lock);
    pthread_mutex_unlock(&lane->lock);
}

static void open_gate(struct lane *lane)
{
    pthread_mutex_lock(&lane->lock);
    lane->is_open = true;
    pthread_cond_broadcast(&lane->changed);
    pthread_mutex_unlock(&lane->lock);
}

static void lane_close(struct lane *lane)
{
    open_gate(lane);
    aa_workers_free(lane->workers);
    pthread_cond_destroy(&lane->changed);
    pthread_mutex_destroy(&lane->lock);
}

/* Capitals are heavy. */
static bool submit(struct lane *lane, struct work *work, char name)
{
    *work = (struct work){{.run = run, .drop = drop, .is_heavy = name < 'a'}, lane, name};
    return aa_workers_submit(lane->workers, &work->work);
}

TEST(workers, heavy_work_leaves_half_of_the_threads_to_the_rest)
{
    struct work works[WORKS];
    struct lane lane;

    lane_open(&lane, 4, 100);
    for (int i = 0; i < 4; i++)
        CHECK(submit(&lane, &works[i], (char)('A' + i)));
    wait_for(&lane, &lane.running, 2);
    CHECK(submit(&lane, &works[4], 'e')); /* came last, and runs while two heavy ones wait */
    CHECK(submit(&lane, &works[5], 'f'));
    wait_for(&lane, &lane.running, 4);
    CHECK(strchr(lane.order, 'e') != NULL && strchr(lane.order, 'f') != NULL);
    CHECK(strchr(lane.order, 'C') == NULL && strchr(lane.order, 'D') == NULL);
    open_gate(&lane);
    wait_for(&lane, &lane.done, 6); /* nothing was forgotten */
    lane_close(&lane);
}

TEST(workers, ordinary_work_may_have_all_threads)
{
    struct work works[WORKS];
    struct lane lane;

    lane_open(&lane, 4, 100);
    for (int i = 0; i < 4; i++)
        CHECK(submit(&lane, &works[i], (char)('a' + i)));
    wait_for(&lane, &lane.running, 4);
    lane_close(&lane);
}

TEST(workers, one_thread_does_all_of_it_in_the_order_in_which_it_came)
{
    struct work works[WORKS];
    struct lane lane;

    lane_open(&lane, 1, 100);
    CHECK(submit(&lane, &works[0], 'a'));
    wait_for(&lane, &lane.running, 1);
    CHECK(submit(&lane, &works[1], 'B'));
    CHECK(submit(&lane, &works[2], 'c'));
    CHECK(submit(&lane, &works[3], 'D'));
    open_gate(&lane);
    wait_for(&lane, &lane.done, 4);
    CHECK_TEXT(lane.order, "aBcD");
    lane_close(&lane);
}

TEST(workers, heavy_work_has_a_quarter_of_the_queue)
{
    struct work works[WORKS];
    struct lane lane;

    lane_open(&lane, 1, 4);
    CHECK(submit(&lane, &works[0], 'a'));
    wait_for(&lane, &lane.running, 1);
    CHECK(submit(&lane, &works[1], 'B'));
    CHECK(!submit(&lane, &works[2], 'C'));
    CHECK(submit(&lane, &works[3], 'd'));
    CHECK(submit(&lane, &works[4], 'e'));
    CHECK(submit(&lane, &works[5], 'f'));
    CHECK(!submit(&lane, &works[6], 'g')); /* both together have no more than the whole */
    open_gate(&lane);
    wait_for(&lane, &lane.done, 5);
    lane_close(&lane);
}

TEST(workers, what_waits_when_the_lane_ends_is_dropped_of_either_kind)
{
    struct work works[WORKS];
    struct lane lane;

    lane_open(&lane, 1, 100);
    CHECK(submit(&lane, &works[0], 'a'));
    wait_for(&lane, &lane.running, 1);
    CHECK(submit(&lane, &works[1], 'B'));
    CHECK(submit(&lane, &works[2], 'c'));
    CHECK(submit(&lane, &works[3], 'D'));
    aa_workers_end(lane.workers);
    CHECK_INT(lane.done, 1);
    CHECK_INT(lane.dropped, 3);
    CHECK(!submit(&lane, &works[4], 'e'));
    lane_close(&lane);
}

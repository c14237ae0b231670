/* Finished checks on their way to an event loop. The public face is in authagent/guard.h. */
#ifndef AA_NET_QUEUE_H
#define AA_NET_QUEUE_H

#include "authagent/guard.h"

/* One completion and its place in a queue, allocated before the check starts: delivering cannot fail. */
struct aa_queue_item {
    struct aa_queue_item *next;
    struct aa_completion completion;
};

/* The creator's handle ends with aa_queue_free(); checks under way hold references of their own. */
struct aa_queue *aa_queue_acquire(struct aa_queue *queue);
void aa_queue_release(struct aa_queue *queue);

enum aa_pushed {
    AA_PUSHED,      /* it is in the queue */
    AA_PUSHED_WAKE, /* it is, and the caller must call aa_queue_wake() once it holds no lock */
    AA_PUSH_CLOSED  /* the queue is gone: the item is still the caller's */
};
enum aa_pushed aa_queue_push(struct aa_queue *queue, struct aa_queue_item *item);
void aa_queue_wake(struct aa_queue *queue);

/* Around fork(): the caller holds every queue's lock before, and opens it again on both sides. */
void aa_queues_lock(void);
void aa_queues_unlock(bool in_child);

#endif

/* The slow lane: a fixed number of threads and a bounded queue in front of them. Heavy work, which keeps a processor
 * busy, has half of the threads at most and a quarter of the queue: a flood of it leaves the rest to everybody else. */
#ifndef AA_HTTP_WORKERS_H
#define AA_HTTP_WORKERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "authagent/error.h"

struct aa_workers;

/* A piece of work, embedded in what it works on. One of the two is called, once, on a thread of the lane or the one of
 * aa_workers_end(); after that the lane does not touch it. */
struct aa_work {
    void (*run)(struct aa_work *work);
    void (*drop)(struct aa_work *work); /* instead of run: the lane is ending */
    bool is_heavy;
    struct aa_work *next; /* these two are the lane's */
    uint64_t number;
};

AA_CHECK enum aa_err aa_workers_new(int threads, size_t queue_max, struct aa_workers **out, struct aa_error *err);
/* Queues it. False when the queue, or heavy work's part of it, is full or the lane has ended: nothing is called then.
 */
AA_CHECK bool aa_workers_submit(struct aa_workers *workers, struct aa_work *work);
/* Drops what waits, lets what runs end, takes nothing more. */
void aa_workers_end(struct aa_workers *workers);
/* After the last aa_workers_submit(). NULL is fine. */
void aa_workers_free(struct aa_workers *workers);

#endif

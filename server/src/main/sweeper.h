/* The thread that looks after the store: expired rows go, and old ones of the audit where so configured, tables are
 * counted, new signing keys are noticed. */
#ifndef AA_MAIN_SWEEPER_H
#define AA_MAIN_SWEEPER_H

#include <pthread.h>

#include "domain/audit_keep.h"

struct aa_sweeper {
    struct aa_app *app;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t stop;
    bool is_stopping, is_running;
    uint64_t generation; /* aa_db_generation() when changed keys were looked for the last time */
    enum aa_err trouble; /* of looking for changed keys, the last time */
    struct aa_audit_keep audit_keep;
    int64_t next_count_ms[AA_METRICS_TABLES_MAX]; /* by the monotonic clock */
};

void aa_sweeper_init(struct aa_sweeper *sweeper);
/* AA_ERR_THREAD. */
AA_CHECK enum aa_err aa_sweeper_start(struct aa_sweeper *sweeper, struct aa_app *app, struct aa_error *err);
void aa_sweeper_tell_stop(struct aa_sweeper *sweeper);
void aa_sweeper_clear(struct aa_sweeper *sweeper); /* tells it, and waits */

#endif

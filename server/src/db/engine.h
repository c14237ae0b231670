/* The two ways of running closures: grouped.c (one writer that commits many at once; SQLite) and pool.c (a pool of
 * connections, a transaction for each; PostgreSQL). Inside server/src/db only. */
#ifndef AA_DB_ENGINE_H
#define AA_DB_ENGINE_H

#include <stdatomic.h>

#include "db/driver.h"

struct aa_engine {
    enum aa_err (*read)(struct aa_db *db, aa_db_fn fn, void *ctx, struct aa_error *err);
    enum aa_err (*snapshot)(struct aa_db *db, aa_db_fn fn, void *ctx, struct aa_error *err);
    enum aa_err (*write)(struct aa_db *db, aa_db_fn fn, void *ctx, struct aa_error *err);
    void (*close)(struct aa_db *db); /* after a failed open too */
};

/* An engine's own database begins with this. */
struct aa_db {
    const struct aa_engine *engine;
    const struct aa_driver *driver;
    struct aa_source *source;   /* NULL until it is open */
    struct aa_metrics *metrics; /* NULL: nothing is counted */
    int64_t check_ms;           /* aa_db_check_ms() */
    atomic_uint_fast64_t generation;
    atomic_bool is_listening;
};

AA_CHECK enum aa_err aa_grouped_open(const struct aa_driver *driver, const struct aa_db_options *options,
                                     struct aa_db **out, struct aa_error *err);
AA_CHECK enum aa_err aa_pool_open(const struct aa_driver *driver, const struct aa_db_options *options,
                                  struct aa_db **out, struct aa_error *err);

/* Says to whoever opens the database what begins now. */
void aa_db_say(const struct aa_db_options *options, const char *what);

/* Other processes may have changed something. */
void aa_db_note_change(struct aa_db *db);

/* Copies what went wrong to the caller's error, unless there is none or it holds an earlier failure. */
void aa_db_tell(const struct aa_error *why, struct aa_error *err);

#ifdef AA_TEST_HOOKS
bool aa_db_reruns(void); /* see aa_db_rerun_writes() */
#endif

#endif

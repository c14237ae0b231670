/* The parts every command works with: database, clock, chance, log, keys. */
#ifndef AA_MAIN_RUNTIME_H
#define AA_MAIN_RUNTIME_H

#include "main/command.h"
#include "main/log.h"
#include "main/outgoing.h"

struct aa_runtime {
    struct aa_app app;
    struct aa_log log;
    struct aa_outgoing outgoing;
    atomic_bool is_stopping;
    uint8_t master_key[32]; /* after aa_runtime_open_keys() */
};

enum aa_database {
    AA_DATABASE_EXISTING,
    AA_DATABASE_MADE,  /* when there is none */
    AA_DATABASE_SERVED /* the same, and it is a server's: aa_db_options.serving */
};

/* Opens the database and API keys' cache. The runtime borrows the configuration and must not move. Clear it in any
 * case. */
AA_CHECK enum aa_err aa_runtime_open(struct aa_runtime *runtime, const struct aa_config *config,
                                     enum aa_database database, struct aa_error *err);
/* Reads or makes the master key, then opens the signing keys. */
AA_CHECK enum aa_err aa_runtime_open_keys(struct aa_runtime *runtime, const struct aa_config *config,
                                          struct aa_error *err);
void aa_runtime_clear(struct aa_runtime *runtime);

/* For struct aa_listener_options: `ctx` is the runtime. */
void aa_runtime_log_access(void *ctx, const struct aa_access *access);

/* Opens what most commands need (an existing database), acts, and clears it. */
typedef enum aa_err (*aa_runtime_fn)(const struct aa_call *call, struct aa_runtime *runtime, struct aa_error *err);
AA_CHECK enum aa_err aa_command_with_runtime(const struct aa_call *call, aa_runtime_fn act, struct aa_error *err);

#endif

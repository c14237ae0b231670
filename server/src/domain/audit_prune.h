/* Removing the oldest rows of the audit, so that what is left still proves itself: store/audit.h says how.
 *
 * Of each chain go the rows before its first one that is not old enough. A row that was written while the clock ran
 * ahead keeps those behind it until its time has come. Nothing goes before it was verified, the checkpoint included:
 * where something is broken, all of it stays as evidence. */
#ifndef AA_DOMAIN_AUDIT_PRUNE_H
#define AA_DOMAIN_AUDIT_PRUNE_H

#include "domain/app.h"
#include "domain/audit_walk.h"

#define AA_AUDIT_KEEP_MIN_S (INT64_C(24) * 3600)
#define AA_AUDIT_KEEP_MAX_S (INT64_C(36500) * 24 * 3600)

struct aa_audit_prune {
    /* For the caller to set: */
    int64_t before_ms; /* rows older than that go */
    int64_t due_ms;    /* of chains whose first row is older than that: at most before_ms */
    bool is_server;    /* it does so by itself, and leaves it to another process that is at it */

    /* For the caller to read: */
    int64_t removed;
    bool is_done;

    int64_t chains[AA_AUDIT_CHAINS_MAX];
    size_t chain_count, at;
    int64_t from; /* the first row of the present chain, when it was looked at last */
    int64_t end; /* of the present chain, when its turn began: what is written meanwhile stays, whatever the clock does;
                    0: not looked at yet */
    int64_t proven; /* the present chain's checkpoint, when the rows before it that are still there were verified */
    bool is_listed;
};

/* Does the next bit, in one short transaction at most; until is_done. It may end after any of them. AA_ERR_STORE when
 * the audit is broken where it would have to be pruned, and trouble with the store. */
AA_CHECK enum aa_err aa_audit_prune_step(const struct aa_app *app, struct aa_audit_prune *prune, struct aa_error *err);

#endif

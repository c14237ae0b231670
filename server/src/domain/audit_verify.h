/* Is the audit as it was written? (store/audit.h) */
#ifndef AA_DOMAIN_AUDIT_VERIFY_H
#define AA_DOMAIN_AUDIT_VERIFY_H

#include "store/audit.h"

struct aa_audit_verdict {
    int64_t chains, rows; /* that were looked at */
    const char *broken;   /* in words, what is wrong with the first broken row; NULL: nothing is */
    int64_t broken_chain, broken_sequence;
};

/* Called for each chain that was found whole, with the time at which its oldest rows were pruned (0: never). Borrowed.
 */
typedef void (*aa_audit_chain_fn)(void *ctx, const struct aa_audit_chain *head, int64_t pruned_ms);

/* Reads all of it, up to the heads as they stand at the beginning: rows may be added meanwhile, and pruned. What it
 * found is in *verdict; the code tells of trouble with reading. */
AA_CHECK enum aa_err aa_audit_verify(struct aa_db *db, aa_audit_chain_fn whole, void *ctx,
                                     struct aa_audit_verdict *verdict, struct aa_error *err);

#endif

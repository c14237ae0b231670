/* Along a chain of the audit, row after row: does each follow from the one before it? (store/audit.h) */
#ifndef AA_DOMAIN_AUDIT_WALK_H
#define AA_DOMAIN_AUDIT_WALK_H

#include "base/buf.h"
#include "store/audit.h"

#define AA_AUDIT_CHAINS_MAX 256 /* four times as many as are ever written to */

/* A chain's head and checkpoint. */
struct aa_audit_head {
    int64_t chain, sequence;
    uint8_t hash[AA_SHA256_LEN];
    int64_t pruned_sequence, pruned_by;
    uint8_t pruned_hash[AA_SHA256_LEN]; /* zeros when none was pruned */
};

/* Copies it. The text says what is wrong with it; NULL: nothing. */
const char *aa_audit_head_copy(const struct aa_audit_chain *chain, struct aa_audit_head *out);

struct aa_audit_walk {
    const struct aa_audit_head *head; /* rows behind it are passed over */
    int64_t sequence;                 /* of the last good row */
    uint8_t hash[AA_SHA256_LEN];
    int64_t rows;       /* good ones */
    bool takes_first;   /* the first row is one whose predecessor was pruned before its turn */
    int64_t pruned_ms;  /* when the row that confirms the checkpoint was written; 0: not met */
    const char *broken; /* in words, what is wrong with the first broken row; NULL: nothing is */
    int64_t broken_sequence;
};

/* From the checkpoint, or from `first`, the chain's first row, where that is not behind the checkpoint: rows that may
 * go and are still there. Borrows the head. */
void aa_audit_walk_begin(struct aa_audit_walk *walk, const struct aa_audit_head *head, int64_t first);
/* What it found is in *walk; AA_OK, or trouble with hashing. After a broken row it does nothing. */
AA_CHECK enum aa_err aa_audit_walk_row(struct aa_audit_walk *walk, const struct aa_audit_row *row,
                                       struct aa_error *err);
void aa_audit_walk_break(struct aa_audit_walk *walk, int64_t sequence, const char *what);

/* Appends what the detail of the row begins with that tells of a checkpoint. */
void aa_audit_add_checkpoint(struct aa_buf *out, int64_t sequence, struct aa_view hash);
/* Is it that row? */
AA_CHECK enum aa_err aa_audit_head_is_confirmed(const struct aa_audit_head *head, const struct aa_audit_row *row,
                                                bool *is_it, struct aa_error *err);

#endif

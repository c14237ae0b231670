/* The audit: who did what, in a table that is only ever added to.
 *
 * Rows stand in chains. A row's hash is SHA-256 over the hash of the row before it and over its own canonical bytes,
 * and its chain's head keeps the number and the hash of the last row: a row that was changed, removed or slipped in
 * shows, the last one too. (Whoever can write the whole database can write all of it anew. Against them, keep the heads
 * that `audit verify` prints somewhere else.)
 *
 * A row is written in the transaction of what it tells of: both are there, or neither is. The head is the point where
 * the writers of one chain wait for each other, until their commit. SQLite has one writer, and one chain, number 0. On
 * PostgreSQL a chain for all would make every commit of every process wait for the one before; so a connection writes
 * to the chain of its aa_conn_lane(), of which there are 64, and waits only when another one drew the same number.
 * Hence aa_audit_append() comes last in its closure: it holds nobody up for longer than the commit, and nobody who
 * holds a head waits for anything else. Nothing about a chain is kept in memory, so a transaction that is rolled back,
 * a process that is killed and a second process on the same database need no care.
 *
 * The oldest rows of a chain may be pruned. First one transaction sets the chain's checkpoint, the number and the hash
 * of the last row that may go, and appends a row `audit_pruned` that names both: so the checkpoint is confirmed from
 * within the chain. Then the rows up to it are removed, some at a time. At whatever moment that ends, what is left is
 * proven: from the checkpoint on as ever, and rows before it that are still there by the hash that was announced.
 * Whoever removes rows by hand shows, the oldest too, and whoever moves a checkpoint; and nothing is pruned before it
 * was verified (domain/audit_prune.h), so that pruning does not cover such a thing up.
 *
 * What this cannot prove: no hash is keyed, so whoever can write the whole database and knows how can also prune it, or
 * write all of it anew. A row `audit_pruned` that no administrator knows of, or an `audit export` that was kept
 * elsewhere, tells. */
#ifndef AA_STORE_AUDIT_H
#define AA_STORE_AUDIT_H

#include "crypto/crypto.h"
#include "store/store.h"

#define AA_AUDIT_PRUNED_EVENT "audit_pruned"

struct aa_audit_row {
    char *memory;
    int64_t chain, sequence; /* from 1 */
    int64_t time_ms;
    struct aa_view event; /* "login" */
    struct aa_view
        actor; /* who did it: a person's or a client's id, "admin", "cli", "server" by itself; absent: nobody we know */
    struct aa_view user_id, client_id, server_id, grant_id; /* to whom, with what */
    struct aa_view address, request_id;
    struct aa_view detail;          /* a JSON object; absent: no more to say */
    struct aa_view prev_hash, hash; /* 32 bytes each; zeros before the first row */
};

struct aa_audit_chain {
    char *memory;
    int64_t chain, sequence; /* of the last row */
    struct aa_view hash;     /* of the last row */
    /* The checkpoint: */
    int64_t pruned_sequence;    /* of the last row that was pruned; 0: none was */
    struct aa_view pruned_hash; /* of that row; absent: none was */
    int64_t pruned_by;          /* the number of the row that says so */
};

/* W, and last in its closure. Chain, sequence and hashes are filled in here, whatever the row says. */
AA_STORE aa_audit_append(struct aa_conn *c, const struct aa_audit_row *row, struct aa_error *err);

/* What the row's hash must be: SHA-256 of prev_hash, then of every other member but the hash in the order of the
 * struct, each as a netstring ("5:login,") or "-," when it is absent; numbers in decimal. AA_OK, AA_ERR_NOMEM,
 * AA_ERR_TOO_LONG, AA_ERR_CRYPTO. */
AA_CHECK enum aa_err aa_audit_hash(const struct aa_audit_row *row, uint8_t hash[AA_SHA256_LEN], struct aa_error *err);

AA_STORE aa_audit_chain_list(struct aa_conn *c, aa_row_fn row, void *ctx,
                             struct aa_error *err); /* R; struct aa_audit_chain, by number */
AA_STORE aa_audit_chain_find(struct aa_conn *c, int64_t chain, struct aa_audit_chain *out,
                             struct aa_error *err); /* R */
AA_STORE aa_audit_list(struct aa_conn *c, int64_t chain, int64_t after_sequence, int64_t limit, aa_row_fn row,
                       void *ctx, struct aa_error *err); /* R; struct aa_audit_row of one chain, in order */
AA_STORE aa_audit_tail(struct aa_conn *c, int64_t limit, aa_row_fn row, void *ctx,
                       struct aa_error *err); /* R; struct aa_audit_row, the newest first */
/* R: the number of the first row of a chain from that number on; 0 when there is none. Where many rows were removed
 * just now, it is quicker to say from where on than 0. */
AA_STORE aa_audit_find_first(struct aa_conn *c, int64_t chain, int64_t from, int64_t *sequence, struct aa_error *err);
/* R: the time of the newest among the last rows of the chains; 0: there is none. */
AA_STORE aa_audit_find_newest(struct aa_conn *c, int64_t *time_ms, struct aa_error *err);
/* R: the number of a chain whose first row is younger than that; -1 when there is none. */
AA_STORE aa_audit_find_future(struct aa_conn *c, int64_t time_ms, int64_t *chain, struct aa_error *err);
/* R: how many rows there are by what the heads say, which costs nothing. */
AA_STORE aa_audit_count(struct aa_conn *c, int64_t *rows, struct aa_error *err);
/* R: the number of a chain whose rows do not end with its head, or begin behind its checkpoint, or that has rows and no
 * head; -1 when there is none. */
AA_STORE aa_audit_find_torn(struct aa_conn *c, int64_t *chain, struct aa_error *err);

/* ---- pruning ---- */

struct aa_audit_checkpoint {
    int64_t chain;
    int64_t was;      /* the chain's pruned_sequence, as far as the caller knows */
    int64_t sequence; /* of the last row that may go */
    struct aa_view hash;
};

/* W, and last in its closure: moves the checkpoint and appends `row`, which says so, to the same chain. CONFLICT when
 * another one has moved it. */
AA_STORE aa_audit_set_checkpoint(struct aa_conn *c, const struct aa_audit_checkpoint *checkpoint,
                                 const struct aa_audit_row *row, struct aa_error *err);
/* W: removes the rows from `first` on, `limit` of them at most, that the chain's checkpoint lets go. */
AA_STORE aa_audit_remove_pruned(struct aa_conn *c, int64_t chain, int64_t first, int64_t limit, int64_t *removed,
                                struct aa_error *err);
/* W: false when another process prunes at this moment. Only for those who would leave it to that one. */
AA_STORE aa_audit_try_prune(struct aa_conn *c, bool *is_ours, struct aa_error *err);

#endif

#include "domain/audit_walk.h"

#include <string.h>

#include "base/error.h"

#define CHECKPOINT_MAX 256

/* ---- heads ---- */

const char *aa_audit_head_copy(const struct aa_audit_chain *chain, struct aa_audit_head *out)
{
    *out = (struct aa_audit_head){.chain = chain->chain,
                                  .sequence = chain->sequence,
                                  .pruned_sequence = chain->pruned_sequence,
                                  .pruned_by = chain->pruned_by};
    if (chain->hash.len != AA_SHA256_LEN)
        return "the chain's head holds no hash";
    if (chain->pruned_sequence < 0 || (chain->pruned_sequence > 0 && chain->pruned_hash.len != AA_SHA256_LEN))
        return "the chain's checkpoint holds no hash";
    memcpy(out->hash, chain->hash.data, AA_SHA256_LEN);
    if (chain->pruned_sequence > 0)
        memcpy(out->pruned_hash, chain->pruned_hash.data, AA_SHA256_LEN);
    return NULL;
}

/* ---- the row that confirms a checkpoint ---- */

void aa_audit_add_checkpoint(struct aa_buf *out, int64_t sequence, struct aa_view hash)
{
    aa_buf_add_format(out, "{\"through\":\"%lld\",\"hash\":\"", (long long)sequence);
    aa_buf_add_hex(out, hash);
    aa_buf_add_text(out, "\",");
}

enum aa_err aa_audit_head_is_confirmed(const struct aa_audit_head *head, const struct aa_audit_row *row, bool *is_it,
                                       struct aa_error *err)
{
    struct aa_buf wanted;
    enum aa_err rc;

    *is_it = false;
    if (row->sequence != head->pruned_by || row->sequence <= head->pruned_sequence ||
        !aa_view_equal_text(row->event, AA_AUDIT_PRUNED_EVENT))
        return AA_OK;
    aa_buf_init(&wanted, CHECKPOINT_MAX);
    aa_audit_add_checkpoint(&wanted, head->pruned_sequence, aa_view_make(head->pruned_hash, AA_SHA256_LEN));
    rc = aa_buf_check(&wanted, "a checkpoint of the audit", err);
    if (!rc)
        *is_it = row->detail.len >= wanted.len && memcmp(row->detail.data, wanted.data, wanted.len) == 0;
    aa_buf_clear(&wanted);
    return rc;
}

/* ---- walking ---- */

void aa_audit_walk_begin(struct aa_audit_walk *walk, const struct aa_audit_head *head, int64_t first)
{
    *walk = (struct aa_audit_walk){.head = head, .sequence = head->pruned_sequence};
    memcpy(walk->hash, head->pruned_hash, sizeof walk->hash);
    if (first > 0 && first <= head->pruned_sequence) {
        walk->sequence = first - 1;
        walk->takes_first = true;
    }
}

void aa_audit_walk_break(struct aa_audit_walk *walk, int64_t sequence, const char *what)
{
    if (walk->broken)
        return;
    walk->broken = what;
    walk->broken_sequence = sequence;
}

static bool is_hash(struct aa_view stored, const uint8_t hash[AA_SHA256_LEN])
{
    return aa_view_equal(stored, aa_view_make(hash, AA_SHA256_LEN));
}

/* The row before it is gone: its hash is what the row says. That the row is genuine shows at the checkpoint. */
static void take_first(struct aa_audit_walk *walk, const struct aa_audit_row *row)
{
    if (walk->takes_first && row->prev_hash.len == AA_SHA256_LEN)
        memcpy(walk->hash, row->prev_hash.data, AA_SHA256_LEN);
    walk->takes_first = false;
}

static void check_hashes(struct aa_audit_walk *walk, const struct aa_audit_row *row, const uint8_t hash[AA_SHA256_LEN])
{
    if (!is_hash(row->prev_hash, walk->hash))
        aa_audit_walk_break(walk, row->sequence, "it does not follow from the one before it");
    else if (!is_hash(row->hash, hash))
        aa_audit_walk_break(walk, row->sequence, "it was changed: its hash is not that of what it says");
    else if (row->sequence == walk->head->pruned_sequence && !is_hash(row->hash, walk->head->pruned_hash))
        aa_audit_walk_break(walk, row->sequence, "it is not the one that the chain's checkpoint speaks of");
}

enum aa_err aa_audit_walk_row(struct aa_audit_walk *walk, const struct aa_audit_row *row, struct aa_error *err)
{
    uint8_t hash[AA_SHA256_LEN];
    bool confirms = false;
    enum aa_err rc;

    if (walk->broken || row->sequence > walk->head->sequence)
        return AA_OK;
    if (row->sequence != walk->sequence + 1) {
        aa_audit_walk_break(walk, walk->sequence + 1, "it is missing");
        return AA_OK;
    }
    take_first(walk, row);
    rc = aa_audit_hash(row, hash, err);
    if (!rc)
        rc = aa_audit_head_is_confirmed(walk->head, row, &confirms, err);
    if (rc)
        return rc;
    check_hashes(walk, row, hash);
    if (walk->broken)
        return AA_OK;
    walk->sequence = row->sequence;
    memcpy(walk->hash, hash, AA_SHA256_LEN);
    walk->rows++;
    if (confirms)
        walk->pruned_ms = row->time_ms;
    return AA_OK;
}

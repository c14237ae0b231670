#include "store/audit.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "store/record.h"

#define CANONICAL_MAX (64 * 1024)
#define PRUNE_LOCK INT64_C(4702111234474983747) /* any number but that of sweep.c, and always the same one */

#define ROW_COLUMNS                                                                                                    \
    "chain, sequence, time_ms, event, actor, user_id, client_id, server_id, grant_id, address, request_id, detail, "   \
    "prev_hash, hash"
static const struct aa_column row_columns[] = {
    {AA_COLUMN_INT, offsetof(struct aa_audit_row, chain)},
    {AA_COLUMN_INT, offsetof(struct aa_audit_row, sequence)},
    {AA_COLUMN_INT, offsetof(struct aa_audit_row, time_ms)},
    {AA_COLUMN_TEXT, offsetof(struct aa_audit_row, event)},
    {AA_COLUMN_TEXT, offsetof(struct aa_audit_row, actor)},
    {AA_COLUMN_TEXT, offsetof(struct aa_audit_row, user_id)},
    {AA_COLUMN_TEXT, offsetof(struct aa_audit_row, client_id)},
    {AA_COLUMN_TEXT, offsetof(struct aa_audit_row, server_id)},
    {AA_COLUMN_TEXT, offsetof(struct aa_audit_row, grant_id)},
    {AA_COLUMN_TEXT, offsetof(struct aa_audit_row, address)},
    {AA_COLUMN_TEXT, offsetof(struct aa_audit_row, request_id)},
    {AA_COLUMN_TEXT, offsetof(struct aa_audit_row, detail)},
    {AA_COLUMN_BLOB, offsetof(struct aa_audit_row, prev_hash)},
    {AA_COLUMN_BLOB, offsetof(struct aa_audit_row, hash)},
};
static const struct aa_shape row_shape = AA_SHAPE(row_columns, struct aa_audit_row);
const struct aa_store_table aa_audit_table =
    AA_STORE_TABLE("audit", ROW_COLUMNS, 14, "chain, sequence", 2, "$3", &row_shape);

#define CHAIN_COLUMNS "chain, sequence, hash, pruned_sequence, pruned_hash, pruned_by"
static const struct aa_column chain_columns[] = {
    {AA_COLUMN_INT, offsetof(struct aa_audit_chain, chain)},
    {AA_COLUMN_INT, offsetof(struct aa_audit_chain, sequence)},
    {AA_COLUMN_BLOB, offsetof(struct aa_audit_chain, hash)},
    {AA_COLUMN_INT, offsetof(struct aa_audit_chain, pruned_sequence)},
    {AA_COLUMN_BLOB, offsetof(struct aa_audit_chain, pruned_hash)},
    {AA_COLUMN_INT, offsetof(struct aa_audit_chain, pruned_by)},
};
static const struct aa_shape chain_shape = AA_SHAPE(chain_columns, struct aa_audit_chain);
const struct aa_store_table aa_audit_chains_table =
    AA_STORE_TABLE("audit_chains", CHAIN_COLUMNS, 6, "chain", 1, "$2", &chain_shape);

/* ---- hashing ---- */

static void add_text(struct aa_buf *out, struct aa_view text)
{
    if (aa_view_is_absent(text)) {
        aa_buf_add_text(out, "-,");
        return;
    }
    aa_buf_add_format(out, "%zu:", text.len);
    aa_buf_add(out, text);
    aa_buf_add_char(out, ',');
}

static void add_number(struct aa_buf *out, int64_t number)
{
    char digits[24];
    int len = snprintf(digits, sizeof digits, "%lld", (long long)number);

    add_text(out, aa_view_make(digits, (size_t)len));
}

enum aa_err aa_audit_hash(const struct aa_audit_row *row, uint8_t hash[AA_SHA256_LEN], struct aa_error *err)
{
    const struct aa_view texts[] = {row->event,    row->actor,   row->user_id,    row->client_id, row->server_id,
                                    row->grant_id, row->address, row->request_id, row->detail};
    struct aa_buf bytes;
    enum aa_err rc;

    aa_buf_init(&bytes, CANONICAL_MAX);
    aa_buf_add(&bytes, row->prev_hash);
    add_number(&bytes, row->chain);
    add_number(&bytes, row->sequence);
    add_number(&bytes, row->time_ms);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        add_text(&bytes, texts[i]);
    rc = aa_buf_check(&bytes, "an audit row", err);
    if (!rc && aa_sha256(aa_buf_view(&bytes), hash))
        rc = aa_fail(err, AA_ERR_CRYPTO, "SHA-256 failed");
    aa_buf_clear(&bytes);
    return rc;
}

/* ---- appending ---- */

/* Counts the chain on and keeps everybody else from it until the end of the transaction. *prev_hash is the hash of the
 * row before. */
static enum aa_err take_head(struct aa_conn *c, struct aa_audit_row *row, uint8_t prev_hash[AA_SHA256_LEN],
                             struct aa_error *err)
{
    static const uint8_t zeros[AA_SHA256_LEN];
    struct aa_stmt *stmt = NULL;
    struct aa_view hash;
    bool has_row = false;
    enum aa_err rc;

    rc = aa_store_begin(c,
                        "INSERT INTO audit_chains (chain, sequence, hash) VALUES ($1, 1, $2) "
                        "ON CONFLICT (chain) DO UPDATE SET sequence = audit_chains.sequence + 1 "
                        "RETURNING sequence, hash",
                        AA_ARGS(AA_INT(row->chain), AA_BLOB(aa_view_make(zeros, sizeof zeros))), &stmt, err);
    if (rc)
        return rc;
    rc = aa_stmt_step(stmt, &has_row, err);
    hash = !rc && has_row ? aa_stmt_blob(stmt, 1) : AA_VIEW_ABSENT;
    if (!rc && hash.len != AA_SHA256_LEN)
        rc = aa_fail(err, AA_ERR_STORE, "the head of the audit is damaged");
    if (!rc) {
        row->sequence = aa_stmt_int(stmt, 0);
        memcpy(prev_hash, hash.data, AA_SHA256_LEN);
    }
    aa_stmt_end(stmt);
    return rc;
}

static enum aa_err append_to(struct aa_conn *c, int64_t chain, const struct aa_audit_row *given, struct aa_error *err)
{
    uint8_t prev_hash[AA_SHA256_LEN], hash[AA_SHA256_LEN];
    struct aa_audit_row row = *given;
    enum aa_err rc;

    row.chain = chain;
    row.prev_hash = aa_view_make(prev_hash, sizeof prev_hash);
    row.hash = aa_view_make(hash, sizeof hash);
    rc = take_head(c, &row, prev_hash, err);
    if (!rc)
        rc = aa_audit_hash(&row, hash, err);
    if (!rc)
        rc = aa_store_insert(
            c,
            "INSERT INTO audit (" ROW_COLUMNS
            ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) ON CONFLICT DO NOTHING",
            &row_shape, &row, err);
    if (!rc)
        rc = aa_store_run(c, "UPDATE audit_chains SET hash = $2 WHERE chain = $1",
                          AA_ARGS(AA_INT(row.chain), AA_BLOB(row.hash)), NULL, err);
    return rc;
}

enum aa_err aa_audit_append(struct aa_conn *c, const struct aa_audit_row *row, struct aa_error *err)
{
    return append_to(c, aa_conn_lane(c), row, err);
}

/* ---- reading ---- */

enum aa_err aa_audit_chain_list(struct aa_conn *c, aa_row_fn row, void *ctx, struct aa_error *err)
{
    return aa_store_list(c, "SELECT " CHAIN_COLUMNS " FROM audit_chains ORDER BY chain", AA_NO_ARGS, &chain_shape, row,
                         ctx, err);
}

enum aa_err aa_audit_chain_find(struct aa_conn *c, int64_t chain, struct aa_audit_chain *out, struct aa_error *err)
{
    return aa_store_find(c, "SELECT " CHAIN_COLUMNS " FROM audit_chains WHERE chain = $1", AA_ARGS(AA_INT(chain)),
                         &chain_shape, out, err);
}

enum aa_err aa_audit_list(struct aa_conn *c, int64_t chain, int64_t after_sequence, int64_t limit, aa_row_fn row,
                          void *ctx, struct aa_error *err)
{
    return aa_store_list(
        c, "SELECT " ROW_COLUMNS " FROM audit WHERE chain = $1 AND sequence > $2 ORDER BY sequence LIMIT $3",
        AA_ARGS(AA_INT(chain), AA_INT(after_sequence), AA_INT(limit)), &row_shape, row, ctx, err);
}

enum aa_err aa_audit_tail(struct aa_conn *c, int64_t limit, aa_row_fn row, void *ctx, struct aa_error *err)
{
    return aa_store_list(c,
                         "SELECT " ROW_COLUMNS " FROM audit ORDER BY time_ms DESC, chain DESC, sequence DESC LIMIT $1",
                         AA_ARGS(AA_INT(limit)), &row_shape, row, ctx, err);
}

enum aa_err aa_audit_find_first(struct aa_conn *c, int64_t chain, int64_t from, int64_t *sequence, struct aa_error *err)
{
    return aa_store_number(c, "SELECT coalesce(min(sequence), 0) FROM audit WHERE chain = $1 AND sequence >= $2",
                           AA_ARGS(AA_INT(chain), AA_INT(from)), sequence, err);
}

enum aa_err aa_audit_find_newest(struct aa_conn *c, int64_t *time_ms, struct aa_error *err)
{
    return aa_store_number(c,
                           "SELECT coalesce(max(audit.time_ms), 0) FROM audit_chains JOIN audit "
                           "ON audit.chain = audit_chains.chain AND audit.sequence = audit_chains.sequence",
                           AA_NO_ARGS, time_ms, err);
}

enum aa_err aa_audit_find_future(struct aa_conn *c, int64_t time_ms, int64_t *chain, struct aa_error *err)
{
    return aa_store_number(c,
                           "SELECT coalesce(min(chain), -1) FROM audit_chains WHERE $1 < (SELECT time_ms FROM audit "
                           "WHERE audit.chain = audit_chains.chain ORDER BY sequence LIMIT 1)",
                           AA_ARGS(AA_INT(time_ms)), chain, err);
}

enum aa_err aa_audit_count(struct aa_conn *c, int64_t *rows, struct aa_error *err)
{
    return aa_store_number(c, "SELECT CAST(coalesce(sum(sequence - pruned_sequence), 0) AS BIGINT) FROM audit_chains",
                           AA_NO_ARGS, rows, err);
}

/* One statement, so that what is appended meanwhile is seen with its head or not at all. */
enum aa_err aa_audit_find_torn(struct aa_conn *c, int64_t *chain, struct aa_error *err)
{
    return aa_store_number(c,
                           "SELECT coalesce(min(chain), -1) FROM ("
                           "SELECT chain FROM audit_chains WHERE sequence <> "
                           "coalesce((SELECT max(sequence) FROM audit WHERE audit.chain = audit_chains.chain), 0) "
                           "OR pruned_sequence + 1 < "
                           "coalesce((SELECT min(sequence) FROM audit WHERE audit.chain = audit_chains.chain), 1) "
                           "UNION ALL SELECT chain FROM audit "
                           "WHERE chain NOT IN (SELECT chain FROM audit_chains)) AS torn",
                           AA_NO_ARGS, chain, err);
}

/* ---- pruning ---- */

enum aa_err aa_audit_try_prune(struct aa_conn *c, bool *is_ours, struct aa_error *err)
{
    return aa_conn_try_lock(c, PRUNE_LOCK, is_ours, err);
}

/* Whoever appends to the chain waits from here on, as for any append; so the row that follows has the next number. */
enum aa_err aa_audit_set_checkpoint(struct aa_conn *c, const struct aa_audit_checkpoint *checkpoint,
                                    const struct aa_audit_row *row, struct aa_error *err)
{
    int64_t changed = 0;
    enum aa_err rc;

    rc = aa_store_run(c,
                      "UPDATE audit_chains SET pruned_sequence = $3, pruned_hash = $4, pruned_by = sequence + 1 "
                      "WHERE chain = $1 AND pruned_sequence = $2",
                      AA_ARGS(AA_INT(checkpoint->chain), AA_INT(checkpoint->was), AA_INT(checkpoint->sequence),
                              AA_BLOB(checkpoint->hash)),
                      &changed, err);
    if (!rc && changed == 0)
        rc = aa_fail(err, AA_ERR_CONFLICT, "the checkpoint of the audit was moved meanwhile");
    return rc ? rc : append_to(c, checkpoint->chain, row, err);
}

/* In the order of the key, so that two who do this do not wait for each other crosswise. */
enum aa_err aa_audit_remove_pruned(struct aa_conn *c, int64_t chain, int64_t first, int64_t limit, int64_t *removed,
                                   struct aa_error *err)
{
    return aa_store_run(c,
                        "DELETE FROM audit WHERE chain = $1 AND sequence >= $2 AND sequence < $3 AND sequence <= "
                        "(SELECT pruned_sequence FROM audit_chains WHERE chain = $1)",
                        AA_ARGS(AA_INT(chain), AA_INT(first), AA_INT(first + limit)), removed, err);
}

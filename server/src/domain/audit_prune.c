#include "domain/audit_prune.h"

#include <string.h>

#include "base/error.h"
#include "domain/audit.h"
#include "domain/texts.h"

#define PAGE 1000
#define STRIDE 10000 /* rows a checkpoint moves on by at most */
#define BATCH 500    /* rows a transaction removes: the others wait for it as for any */

/* What is to be done with a chain next. */
struct look {
    struct aa_audit_prune *prune;
    int64_t chain, first;
    struct aa_audit_head head;
    const char *wrong; /* with the head */
    bool is_confirmed; /* its checkpoint */
    bool has_ended;    /* behind the rows that may go */
    struct aa_audit_walk walk;
};

/* ---- which chains ---- */

static enum aa_err note_chain(void *ctx, const void *record, struct aa_error *err)
{
    struct aa_audit_prune *prune = ctx;

    if (prune->chain_count == AA_AUDIT_CHAINS_MAX)
        return aa_fail(err, AA_ERR_STORE, "the audit has more chains than are ever written");
    prune->chains[prune->chain_count++] = ((const struct aa_audit_chain *)record)->chain;
    return AA_OK;
}

static enum aa_err list_chains(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    struct aa_audit_prune *prune = ctx;

    prune->chain_count = 0;
    return aa_audit_chain_list(conn, note_chain, prune, err);
}

/* ---- looking ---- */

/* That row is rarely among those that are walked along: so that it is as it was written is checked here. */
static enum aa_err check_confirmation(void *ctx, const void *record, struct aa_error *err)
{
    struct look *look = ctx;
    const struct aa_audit_row *row = record;
    uint8_t hash[AA_SHA256_LEN];
    bool confirms = false;
    enum aa_err rc;

    rc = aa_audit_head_is_confirmed(&look->head, row, &confirms, err);
    if (!rc)
        rc = aa_audit_hash(row, hash, err);
    if (!rc)
        look->is_confirmed = confirms && aa_view_equal(row->hash, aa_view_make(hash, sizeof hash));
    return rc;
}

static enum aa_err read_beginning(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    struct look *look = ctx;
    struct aa_audit_chain chain;
    enum aa_err rc;

    rc = aa_audit_chain_find(conn, look->chain, &chain, err);
    if (rc)
        return rc;
    look->wrong = aa_audit_head_copy(&chain, &look->head);
    aa_record_clear(&chain.memory);
    look->is_confirmed = look->head.pruned_sequence == 0;
    if (!look->is_confirmed)
        rc = aa_audit_list(conn, look->chain, look->head.pruned_by - 1, 1, check_confirmation, look, err);
    return rc ? rc : aa_audit_find_first(conn, look->chain, look->prune->from, &look->first, err);
}

static bool has_leftovers(const struct look *look)
{
    return look->first > 0 && look->first <= look->head.pruned_sequence;
}

static bool may_go(const struct look *look, const struct aa_audit_row *row)
{
    if (has_leftovers(look))
        return row->sequence <= look->head.pruned_sequence;
    if (row->sequence > look->prune->end || look->walk.rows == STRIDE)
        return false;
    return row->time_ms < (look->walk.rows == 0 ? look->prune->due_ms : look->prune->before_ms);
}

static enum aa_err walk_row(void *ctx, const void *record, struct aa_error *err)
{
    struct look *look = ctx;

    if (!look->has_ended && !may_go(look, record))
        look->has_ended = true;
    return look->has_ended ? AA_OK : aa_audit_walk_row(&look->walk, record, err);
}

static enum aa_err read_page(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    struct look *look = ctx;

    return aa_audit_list(conn, look->chain, look->walk.sequence, PAGE, walk_row, look, err);
}

/* Afterwards the walk stands at the last row that may go: at the checkpoint where there are leftovers before it. */
static enum aa_err find_old_rows(struct aa_db *db, struct look *look, struct aa_error *err)
{
    int64_t before = -1;
    enum aa_err rc = AA_OK;

    aa_audit_walk_begin(&look->walk, &look->head, look->first);
    while (!rc && !look->has_ended && !look->walk.broken && look->walk.sequence != before) {
        before = look->walk.sequence;
        rc = aa_db_read(db, read_page, look, err);
    }
    return rc;
}

/* ---- writing ---- */

struct work {
    const struct aa_app *app;
    const struct look *look;
    const struct aa_audit_entry *entry;
    int64_t removed;
    bool is_ours;
};

static enum aa_err take_turn(struct aa_conn *conn, struct work *work, struct aa_error *err)
{
    work->removed = 0;
    work->is_ours = true;
    return work->look->prune->is_server ? aa_audit_try_prune(conn, &work->is_ours, err) : AA_OK;
}

static enum aa_err remove_some(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    struct work *work = ctx;
    enum aa_err rc;

    rc = take_turn(conn, work, err);
    if (rc || !work->is_ours)
        return rc;
    return aa_audit_remove_pruned(conn, work->look->chain, work->look->first, BATCH, &work->removed, err);
}

static enum aa_err move_checkpoint(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    struct work *work = ctx;
    const struct aa_audit_walk *walk = &work->look->walk;
    struct aa_audit_checkpoint checkpoint = {.chain = work->look->chain,
                                             .was = work->look->head.pruned_sequence,
                                             .sequence = walk->sequence,
                                             .hash = aa_view_make(walk->hash, sizeof walk->hash)};
    enum aa_err rc;

    rc = take_turn(conn, work, err);
    if (rc || !work->is_ours)
        return rc;
    return aa_audit_note_checkpoint(work->app, conn, work->entry, &checkpoint, err);
}

static enum aa_err write_entry(struct work *work, struct aa_error *err)
{
    const struct look *look = work->look;
    struct aa_audit_entry entry = {.event = AA_AUDIT_PRUNED};
    struct aa_error why = AA_ERROR_INIT;
    struct aa_buf rows, before;
    enum aa_err rc;

    aa_buf_init(&rows, 32);
    aa_buf_init(&before, 64);
    aa_buf_add_int(&rows, look->walk.rows);
    aa_text_add_time(&before, look->prune->before_ms);
    entry.actor = look->prune->is_server ? AA_VIEW("server") : AA_VIEW_ABSENT;
    entry.details[0] = (struct aa_audit_detail){"rows", aa_buf_view(&rows)};
    entry.details[1] = (struct aa_audit_detail){"before", aa_buf_view(&before)};
    work->entry = &entry;
    rc = aa_buf_check(&before, "a time", &why);
    if (!rc)
        rc = aa_db_write(work->app->db, move_checkpoint, work, &why);
    work->entry = NULL;
    aa_buf_clear(&rows);
    aa_buf_clear(&before);
    if (!rc && work->is_ours)
        look->prune->proven = look->walk.sequence;
    if (rc == AA_ERR_CONFLICT) /* another process was quicker: the next look finds what it left */
        return AA_OK;
    return rc ? aa_fail(err, rc, "%s", why.message) : AA_OK;
}

/* ---- a step ---- */

static const char unconfirmed[] = "no later entry confirms that those before it were pruned";

/* Unless another process pruned meanwhile: then the next step looks anew. */
static enum aa_err fail_broken(struct aa_db *db, const struct look *look, int64_t sequence, const char *what,
                               struct aa_error *err)
{
    struct look now = {.prune = look->prune, .chain = look->chain};
    enum aa_err rc;

    rc = aa_db_read(db, read_beginning, &now, err);
    if (rc || now.head.pruned_sequence != look->head.pruned_sequence || now.first != look->first)
        return rc;
    return aa_fail(err, AA_ERR_STORE,
                   "the audit is broken, and what is broken is not pruned: chain %lld, entry %lld: %s",
                   (long long)look->chain, (long long)sequence, what);
}

/* The next stretch of a chain that has no leftovers; or the next chain, when there is none. */
static enum aa_err begin_stretch(struct work *work, struct look *look, struct aa_error *err)
{
    enum aa_err rc;

    rc = find_old_rows(work->app->db, look, err);
    if (rc)
        return rc;
    if (look->walk.broken)
        return fail_broken(work->app->db, look, look->walk.broken_sequence, look->walk.broken, err);
    if (look->walk.rows == 0) {
        look->prune->at++;
        look->prune->from = look->prune->end = look->prune->proven = 0;
        return AA_OK;
    }
    if (!look->is_confirmed)
        return fail_broken(work->app->db, look, look->head.pruned_sequence + 1, unconfirmed, err);
    return write_entry(work, err);
}

/* They were verified when the checkpoint moved, but that may be long ago. */
static enum aa_err prove_leftovers(struct aa_db *db, struct look *look, struct aa_error *err)
{
    enum aa_err rc = find_old_rows(db, look, err);

    if (rc)
        return rc;
    if (look->walk.sequence < look->head.pruned_sequence)
        aa_audit_walk_break(&look->walk, look->walk.sequence + 1, "it is missing");
    if (look->walk.broken)
        return fail_broken(db, look, look->walk.broken_sequence, look->walk.broken, err);
    look->prune->proven = look->head.pruned_sequence;
    return AA_OK;
}

/* What a pruning left that did not come to its end. */
static enum aa_err end_stretch(struct work *work, struct look *look, struct aa_error *err)
{
    struct aa_db *db = work->app->db;
    enum aa_err rc = AA_OK;

    if (!look->is_confirmed)
        return fail_broken(db, look, look->head.pruned_sequence + 1, unconfirmed, err);
    if (look->prune->proven != look->head.pruned_sequence)
        rc = prove_leftovers(db, look, err);
    if (rc ||
        look->prune->proven != look->head.pruned_sequence) /* another process is at it: the next step looks anew */
        return rc;
    return aa_db_write(db, remove_some, work, err);
}

static enum aa_err prune_chain(const struct aa_app *app, struct aa_audit_prune *prune, struct aa_error *err)
{
    struct look look = {.prune = prune, .chain = prune->chains[prune->at]};
    struct work work = {.app = app, .look = &look, .is_ours = true};
    enum aa_err rc;

    rc = aa_db_read(app->db, read_beginning, &look, err);
    if (rc)
        return rc;
    if (look.wrong)
        return fail_broken(app->db, &look, look.head.sequence, look.wrong, err);
    prune->from = look.first;
    if (prune->end == 0)
        prune->end = look.head.sequence;
    rc = has_leftovers(&look) ? end_stretch(&work, &look, err) : begin_stretch(&work, &look, err);
    if (rc)
        return rc;
    prune->removed += work.removed;
    if (!work.is_ours)
        prune->is_done = true;
    return AA_OK;
}

enum aa_err aa_audit_prune_step(const struct aa_app *app, struct aa_audit_prune *prune, struct aa_error *err)
{
    enum aa_err rc = AA_OK;

    if (!prune->is_listed)
        rc = aa_db_read(app->db, list_chains, prune, err);
    if (rc)
        return rc;
    prune->is_listed = true;
    prune->is_done = prune->at == prune->chain_count;
    return prune->is_done ? AA_OK : prune_chain(app, prune, err);
}

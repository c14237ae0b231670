#include "domain/audit_verify.h"

#include <string.h>

#include "base/error.h"
#include "domain/audit_walk.h"

#define PAGE 1000      /* rows a read: none holds a state of the database for long */
#define PASSES_MAX 100 /* over one chain: each but the first because it was pruned meanwhile */

struct verify {
    struct aa_audit_verdict *verdict;
    int64_t chains[AA_AUDIT_CHAINS_MAX];
    size_t chain_count;
    int64_t torn; /* a chain that aa_audit_find_torn() found; -1: none */
};

static void find_broken(struct verify *verify, int64_t chain, int64_t sequence, const char *what)
{
    if (!verify->verdict->broken) {
        verify->verdict->broken = what;
        verify->verdict->broken_chain = chain;
        verify->verdict->broken_sequence = sequence;
    }
}

/* ---- the chains ---- */

static enum aa_err note_chain(void *ctx, const void *record, struct aa_error *err)
{
    struct verify *verify = ctx;

    if (verify->chain_count == AA_AUDIT_CHAINS_MAX)
        return aa_fail(err, AA_ERR_STORE, "the audit has more chains than are ever written");
    verify->chains[verify->chain_count++] = ((const struct aa_audit_chain *)record)->chain;
    return AA_OK;
}

static enum aa_err read_chains(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    struct verify *verify = ctx;
    enum aa_err rc;

    verify->chain_count = 0;
    rc = aa_audit_chain_list(conn, note_chain, verify, err);
    return rc ? rc : aa_audit_find_torn(conn, &verify->torn, err);
}

/* ---- the rows of one chain ---- */

/* One pass over it. */
struct pass {
    int64_t chain;
    struct aa_audit_head head; /* as it stands at the beginning, and where the chain began then */
    int64_t first;
    const char *wrong; /* with the head */
    struct aa_audit_walk walk;
};

static enum aa_err read_beginning(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    struct pass *pass = ctx;
    struct aa_audit_chain chain;
    enum aa_err rc;

    rc = aa_audit_chain_find(conn, pass->chain, &chain, err);
    if (rc)
        return rc;
    pass->wrong = aa_audit_head_copy(&chain, &pass->head);
    aa_record_clear(&chain.memory);
    return aa_audit_find_first(conn, pass->chain, 0, &pass->first, err);
}

static enum aa_err check_row(void *ctx, const void *record, struct aa_error *err)
{
    return aa_audit_walk_row(ctx, record, err);
}

static enum aa_err read_page(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    struct aa_audit_walk *walk = ctx;

    return aa_audit_list(conn, walk->head->chain, walk->sequence, PAGE, check_row, walk, err);
}

static enum aa_err walk_chain(struct aa_db *db, struct pass *pass, struct aa_error *err)
{
    const struct aa_audit_head *head = &pass->head;
    struct aa_audit_walk *walk = &pass->walk;
    int64_t before = -1;
    enum aa_err rc = AA_OK;

    aa_audit_walk_begin(walk, head, pass->first);
    while (!rc && !walk->broken && walk->sequence < head->sequence && walk->sequence != before) {
        before = walk->sequence;
        rc = aa_db_read(db, read_page, walk, err);
    }
    if (walk->sequence < head->sequence)
        aa_audit_walk_break(walk, walk->sequence + 1, "it is missing");
    else if (memcmp(walk->hash, head->hash, sizeof head->hash) != 0)
        aa_audit_walk_break(walk, head->sequence, "it is not the one the chain's head speaks of");
    if (head->pruned_sequence > 0 && walk->pruned_ms == 0)
        aa_audit_walk_break(walk, head->pruned_sequence + 1,
                            "no later entry confirms that those before it were pruned");
    return rc;
}

static bool has_moved(const struct pass *pass, const struct pass *now)
{
    return now->head.pruned_sequence != pass->head.pruned_sequence || now->first != pass->first;
}

/* What looks broken may have been pruned while it was read: then the chain begins elsewhere now, and proves it anew. */
static enum aa_err verify_chain(struct aa_db *db, struct pass *pass, struct aa_error *err)
{
    enum aa_err rc;

    rc = aa_db_read(db, read_beginning, pass, err);
    for (int passes = 1; !rc && !pass->wrong; passes++) {
        struct pass now = {.chain = pass->chain};

        rc = walk_chain(db, pass, err);
        if (rc || !pass->walk.broken || passes == PASSES_MAX)
            return rc;
        rc = aa_db_read(db, read_beginning, &now, err);
        if (rc || !has_moved(pass, &now))
            return rc;
        *pass = now;
    }
    return rc;
}

/* ---- the whole ---- */

static void tell_whole(const struct pass *pass, aa_audit_chain_fn whole, void *ctx)
{
    const struct aa_audit_head *head = &pass->head;
    struct aa_audit_chain chain = {.chain = head->chain,
                                   .sequence = head->sequence,
                                   .hash = aa_view_make(head->hash, sizeof head->hash),
                                   .pruned_sequence = head->pruned_sequence,
                                   .pruned_hash = head->pruned_sequence
                                                      ? aa_view_make(head->pruned_hash, sizeof head->pruned_hash)
                                                      : AA_VIEW_ABSENT,
                                   .pruned_by = head->pruned_by};

    if (whole)
        whole(ctx, &chain, pass->walk.pruned_ms);
}

static enum aa_err verify_one(struct aa_db *db, struct verify *verify, int64_t chain, aa_audit_chain_fn whole,
                              void *ctx, struct aa_error *err)
{
    struct pass pass = {.chain = chain};
    enum aa_err rc;

    rc = verify_chain(db, &pass, err);
    if (rc)
        return rc;
    if (pass.wrong)
        find_broken(verify, chain, pass.head.sequence, pass.wrong);
    else if (pass.walk.broken)
        find_broken(verify, chain, pass.walk.broken_sequence, pass.walk.broken);
    else
        tell_whole(&pass, whole, ctx);
    verify->verdict->chains += !verify->verdict->broken;
    verify->verdict->rows += pass.walk.rows;
    return AA_OK;
}

enum aa_err aa_audit_verify(struct aa_db *db, aa_audit_chain_fn whole, void *ctx, struct aa_audit_verdict *verdict,
                            struct aa_error *err)
{
    struct verify verify = {.verdict = verdict, .torn = -1};
    enum aa_err rc;

    *verdict = (struct aa_audit_verdict){.broken = NULL};
    rc = aa_db_read(db, read_chains, &verify, err);
    for (size_t i = 0; !rc && !verdict->broken && i < verify.chain_count; i++)
        rc = verify_one(db, &verify, verify.chains[i], whole, ctx, err);
    /* Last: the row itself was told above, where there is one to tell of. */
    if (!rc && verify.torn >= 0)
        find_broken(&verify, verify.torn, 0, "the chain's head and its rows do not end together");
    return rc;
}

#include "domain/audit_verify.h"

#include <string.h>

#include "base/error.h"

#define PAGE 1000      /* rows a read: none holds a state of the database for long */
#define CHAINS_MAX 256 /* four times as many as are ever written to */

struct head {
    int64_t chain, sequence;
    uint8_t hash[AA_SHA256_LEN];
};

struct verify {
    struct aa_audit_verdict *verdict;
    struct head heads[CHAINS_MAX];
    size_t head_count;
    int64_t torn; /* a chain that aa_audit_find_torn() found; -1: none */
    /* of the chain that is being read */
    const struct head *head;
    int64_t sequence; /* of the last good row */
    uint8_t hash[AA_SHA256_LEN];
};

static void find_broken(struct verify *verify, int64_t chain, int64_t sequence, const char *what)
{
    if (!verify->verdict->broken) {
        verify->verdict->broken = what;
        verify->verdict->broken_chain = chain;
        verify->verdict->broken_sequence = sequence;
    }
}

/* ---- the heads ---- */

static enum aa_err keep_head(void *ctx, const void *record, struct aa_error *err)
{
    struct verify *verify = ctx;
    const struct aa_audit_chain *chain = record;
    struct head *head = &verify->heads[verify->head_count];

    if (verify->head_count == CHAINS_MAX)
        return aa_fail(err, AA_ERR_STORE, "the audit has more chains than are ever written");
    if (chain->hash.len != AA_SHA256_LEN) {
        find_broken(verify, chain->chain, chain->sequence, "the chain's head holds no hash");
        return AA_OK;
    }
    head->chain = chain->chain;
    head->sequence = chain->sequence;
    memcpy(head->hash, chain->hash.data, AA_SHA256_LEN);
    verify->head_count++;
    return AA_OK;
}

static enum aa_err read_heads(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    struct verify *verify = ctx;
    enum aa_err rc;

    rc = aa_audit_chain_list(conn, keep_head, verify, err);
    return rc ? rc : aa_audit_find_torn(conn, &verify->torn, err);
}

/* ---- the rows of one chain ---- */

static bool is_hash(struct aa_view stored, const uint8_t hash[AA_SHA256_LEN])
{
    return aa_view_equal(stored, aa_view_make(hash, AA_SHA256_LEN));
}

static enum aa_err check_row(void *ctx, const void *record, struct aa_error *err)
{
    struct verify *verify = ctx;
    const struct aa_audit_row *row = record;
    uint8_t hash[AA_SHA256_LEN];
    enum aa_err rc;

    if (verify->verdict->broken || row->sequence > verify->head->sequence)
        return AA_OK;
    if (row->sequence != verify->sequence + 1) {
        find_broken(verify, row->chain, verify->sequence + 1, "it is missing");
        return AA_OK;
    }
    rc = aa_audit_hash(row, hash, err);
    if (rc)
        return rc;
    if (!is_hash(row->prev_hash, verify->hash))
        find_broken(verify, row->chain, row->sequence, "it does not follow from the one before it");
    else if (!is_hash(row->hash, hash))
        find_broken(verify, row->chain, row->sequence, "it was changed: its hash is not that of what it says");
    verify->sequence = row->sequence;
    memcpy(verify->hash, hash, AA_SHA256_LEN);
    verify->verdict->rows++;
    return AA_OK;
}

static enum aa_err read_page(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    struct verify *verify = ctx;

    return aa_audit_list(conn, verify->head->chain, verify->sequence, PAGE, check_row, verify, err);
}

static enum aa_err verify_chain(struct aa_db *db, struct verify *verify, const struct head *head, struct aa_error *err)
{
    int64_t before = -1;
    enum aa_err rc = AA_OK;

    verify->head = head;
    verify->sequence = 0;
    memset(verify->hash, 0, sizeof verify->hash);
    while (!rc && !verify->verdict->broken && verify->sequence < head->sequence && verify->sequence != before) {
        before = verify->sequence;
        rc = aa_db_read(db, read_page, verify, err);
    }
    if (rc || verify->verdict->broken)
        return rc;
    if (verify->sequence < head->sequence)
        find_broken(verify, head->chain, verify->sequence + 1, "it is missing");
    else if (memcmp(verify->hash, head->hash, sizeof head->hash) != 0)
        find_broken(verify, head->chain, head->sequence, "it is not the one the chain's head speaks of");
    return AA_OK;
}

/* ---- the whole ---- */

static void tell_whole(const struct head *head, aa_audit_chain_fn whole, void *ctx)
{
    struct aa_audit_chain chain = {
        .chain = head->chain, .sequence = head->sequence, .hash = aa_view_make(head->hash, sizeof head->hash)};

    if (whole)
        whole(ctx, &chain);
}

enum aa_err aa_audit_verify(struct aa_db *db, aa_audit_chain_fn whole, void *ctx, struct aa_audit_verdict *verdict,
                            struct aa_error *err)
{
    struct verify verify = {.verdict = verdict, .torn = -1};
    enum aa_err rc;

    *verdict = (struct aa_audit_verdict){.broken = NULL};
    rc = aa_db_read(db, read_heads, &verify, err);
    for (size_t i = 0; !rc && !verdict->broken && i < verify.head_count; i++) {
        rc = verify_chain(db, &verify, &verify.heads[i], err);
        if (rc || verdict->broken)
            break;
        verdict->chains++;
        tell_whole(&verify.heads[i], whole, ctx);
    }
    /* Last: the row itself was told above, where there is one to tell of. */
    if (!rc && verify.torn >= 0)
        find_broken(&verify, verify.torn, 0, "the chain's head and its rows do not end together");
    return rc;
}

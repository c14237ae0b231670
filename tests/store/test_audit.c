/* The audit's chains: what is appended is chained, at once and after a rollback, by many and from two processes; and
 * whatever is changed, removed or slipped in shows. */
#include <pthread.h>
#include <stdio.h>

#include "base/error.h"
#include "support_audit.h"

#define NOW_MS INT64_C(1800000000000)
#define THREADS 8
#define EACH 40

static struct aa_audit_row sample_row(const char *event)
{
    return (struct aa_audit_row){.time_ms = NOW_MS,
                                 .event = VIEW(event),
                                 .actor = VIEW("usr_1"),
                                 .user_id = VIEW("usr_1"),
                                 .address = VIEW("192.0.2.1"),
                                 .request_id = VIEW("req"),
                                 .detail = VIEW("{\"a\":\"b\"}")};
}

static enum aa_err append(struct aa_conn *c, const char *event, struct aa_error *err)
{
    struct aa_audit_row row = sample_row(event);

    return aa_audit_append(c, &row, err);
}

static enum aa_err append_one(struct aa_conn *c, void *ctx, struct aa_error *err)
{
    (void)ctx;
    return append(c, "login", err);
}

/* ---- one row ---- */

/* Worked out by another program from the description in store/audit.h. */
TEST(audit, the_hash_is_that_of_the_description)
{
    static const uint8_t zeros[AA_SHA256_LEN];
    struct aa_audit_row row = sample_row("login");
    uint8_t hash[AA_SHA256_LEN];
    char text[2 * AA_SHA256_LEN + 1];

    row.chain = 0;
    row.sequence = 1;
    row.prev_hash = aa_view_make(zeros, sizeof zeros);
    CHECK_OK(aa_audit_hash(&row, hash, NULL));
    for (size_t i = 0; i < sizeof hash; i++)
        snprintf(text + 2 * i, 3, "%02x", hash[i]);
    CHECK_TEXT(text, "249ffbcd7b88ea8f71191198b51f3ee1845a4d640992706f9a739d1f2c6013de");
}

static void check_differs(const struct aa_audit_row *changed)
{
    struct aa_audit_row row = sample_row("login");
    uint8_t one[AA_SHA256_LEN], other[AA_SHA256_LEN];

    CHECK_OK(aa_audit_hash(&row, one, NULL));
    CHECK_OK(aa_audit_hash(changed, other, NULL));
    CHECK(memcmp(one, other, sizeof one) != 0);
}

#define CHECK_CHANGE(member, value)                                                                                    \
    do {                                                                                                               \
        struct aa_audit_row changed = sample_row("login");                                                             \
        changed.member = value;                                                                                        \
        check_differs(&changed);                                                                                       \
    } while (0)

TEST(audit, the_hash_covers_every_member)
{
    CHECK_CHANGE(chain, 1);
    CHECK_CHANGE(sequence, 2);
    CHECK_CHANGE(time_ms, NOW_MS + 1);
    CHECK_CHANGE(event, VIEW("logout"));
    CHECK_CHANGE(actor, VIEW("usr_2"));
    CHECK_CHANGE(user_id, VIEW("usr_2"));
    CHECK_CHANGE(client_id, VIEW("cl_1"));
    CHECK_CHANGE(server_id, VIEW("srv_1"));
    CHECK_CHANGE(grant_id, VIEW("gr_1"));
    CHECK_CHANGE(address, VIEW("192.0.2.2"));
    CHECK_CHANGE(request_id, AA_VIEW_ABSENT);
    CHECK_CHANGE(detail, VIEW("{}"));
    CHECK_CHANGE(prev_hash, VIEW("................................"));
}

/* Nothing can be moved from one member to the next, and nothing is not the empty text. */
TEST(audit, the_hash_knows_where_members_end)
{
    CHECK_CHANGE(client_id, VIEW(""));
    struct aa_audit_row moved = sample_row("login");

    moved.event = VIEW("log");
    moved.actor = VIEW("inusr_1");
    check_differs(&moved);
    moved = sample_row("login");
    moved.server_id = moved.user_id;
    moved.user_id = AA_VIEW_ABSENT;
    check_differs(&moved);
}

/* ---- a chain ---- */

struct kept_rows {
    size_t count;
    int64_t sequences[16];
    char events[16][16];
    uint8_t prev_hashes[16][AA_SHA256_LEN], hashes[16][AA_SHA256_LEN];
};

static enum aa_err keep_row(void *ctx, const void *record, struct aa_error *err)
{
    struct kept_rows *rows = ctx;
    const struct aa_audit_row *row = record;
    uint8_t hash[AA_SHA256_LEN];

    (void)err;
    CHECK(rows->count < 16);
    CHECK_OK(aa_audit_hash(row, hash, NULL));
    CHECK(aa_view_equal(row->hash, aa_view_make(hash, sizeof hash)));
    rows->sequences[rows->count] = row->sequence;
    snprintf(rows->events[rows->count], 16, "%.*s", AA_VIEW_ARGS(row->event));
    memcpy(rows->prev_hashes[rows->count], row->prev_hash.data, AA_SHA256_LEN);
    memcpy(rows->hashes[rows->count], row->hash.data, AA_SHA256_LEN);
    rows->count++;
    return AA_OK;
}

STORE_TEST(audit, each_row_follows_from_the_one_before)
{
    static const uint8_t zeros[AA_SHA256_LEN];
    struct kept_rows rows = {0};

    CHECK_OK(append(c, "one", NULL));
    CHECK_OK(append(c, "two", NULL));
    CHECK_OK(append(c, "three", NULL));
    CHECK_OK(aa_audit_list(c, aa_conn_lane(c), 0, 10, keep_row, &rows, NULL));
    CHECK_INT(rows.count, 3);
    CHECK(memcmp(rows.prev_hashes[0], zeros, sizeof zeros) == 0);
    for (size_t i = 0; i < 3; i++)
        CHECK_INT(rows.sequences[i], (int64_t)i + 1);
    CHECK(memcmp(rows.prev_hashes[1], rows.hashes[0], AA_SHA256_LEN) == 0);
    CHECK(memcmp(rows.prev_hashes[2], rows.hashes[1], AA_SHA256_LEN) == 0);
}

STORE_TEST(audit, a_list_goes_on_behind_a_row_and_a_tail_is_the_newest)
{
    struct kept_rows rows = {0}, last = {0};

    CHECK_OK(append(c, "one", NULL));
    CHECK_OK(append(c, "two", NULL));
    CHECK_OK(append(c, "three", NULL));
    CHECK_OK(aa_audit_list(c, aa_conn_lane(c), 1, 1, keep_row, &rows, NULL));
    CHECK_INT(rows.count, 1);
    CHECK_TEXT(rows.events[0], "two");
    CHECK_OK(aa_audit_tail(c, 2, keep_row, &last, NULL));
    CHECK_INT(last.count, 2);
    CHECK_TEXT(last.events[0], "three");
    CHECK_TEXT(last.events[1], "two");
}

STORE_TEST(audit, the_heads_tell_how_many_rows_there_are)
{
    int64_t rows = -1;

    CHECK_OK(aa_audit_count(c, &rows, NULL));
    CHECK_INT(rows, 0);
    CHECK_OK(append(c, "one", NULL));
    CHECK_OK(append(c, "two", NULL));
    CHECK_OK(aa_audit_count(c, &rows, NULL));
    CHECK_INT(rows, 2);
}

STORE_TEST(audit, what_is_not_said_is_null_and_comes_back_absent)
{
    struct aa_audit_row row = {.time_ms = NOW_MS, .event = VIEW("bare")};
    struct kept_rows rows = {0};

    CHECK_OK(aa_audit_append(c, &row, NULL));
    CHECK_OK(aa_audit_tail(c, 1, keep_row, &rows, NULL)); /* which works its hash out anew */
    CHECK_TEXT(rows.events[0], "bare");
}

/* ---- verifying ---- */

TEST(audit, nothing_yet_is_whole)
{
    struct store_fixture f;

    store_open(&f);
    audit_check_whole(f.db, 0);
    store_close(&f);
}

static enum aa_err append_and_fail(struct aa_conn *c, void *ctx, struct aa_error *err)
{
    enum aa_err rc = append_one(c, ctx, err);

    return rc ? rc : aa_fail(err, AA_ERR_CONFLICT, "as if what it tells of went wrong");
}

TEST(audit, what_is_rolled_back_leaves_no_gap)
{
    struct store_fixture f;

    audit_open(&f);
    CHECK_OK(aa_db_write(f.db, append_one, NULL, NULL));
    CHECK_ERR(aa_db_write(f.db, append_and_fail, NULL, NULL), AA_ERR_CONFLICT);
    CHECK_OK(aa_db_write(f.db, append_one, NULL, NULL));
    audit_check_whole(f.db, 2);
    audit_close(&f);
}

static void *append_often(void *arg)
{
    struct aa_db *db = arg;

    for (int i = 0; i < EACH; i++) {
        CHECK_OK(aa_db_write(db, append_one, NULL, NULL));
        if (i % 5 == 0) /* those whose neighbours in the same transaction go on */
            CHECK_ERR(aa_db_write(db, append_and_fail, NULL, NULL), AA_ERR_CONFLICT);
    }
    return NULL;
}

static void append_in_parallel(struct aa_db *const *dbs, size_t count)
{
    pthread_t threads[THREADS];

    for (size_t i = 0; i < THREADS; i++)
        CHECK_INT(pthread_create(&threads[i], NULL, append_often, dbs[i % count]), 0);
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
}

TEST(audit, many_writers_make_whole_chains)
{
    struct store_fixture f;

    audit_open(&f);
    append_in_parallel(&f.db, 1);
    audit_check_whole(f.db, THREADS * EACH);
    audit_close(&f);
}

/* The command line beside a running server. */
TEST(audit, two_processes_on_one_database_make_whole_chains)
{
    struct store_fixture f;
    struct aa_db_options options;
    struct aa_db *dbs[2];

    audit_open(&f);
    dbs[0] = f.db;
    options = store_options(&f);
    CHECK_OK(aa_db_open(&options, &dbs[1], NULL));
    append_in_parallel(dbs, 2);
    audit_check_whole(f.db, THREADS * EACH);
    aa_db_close(dbs[1]);
    audit_close(&f);
}

/* ---- tampering ---- */

static const struct {
    const char *sql;
    int64_t sequence; /* that it shows at */
    const char *what;
} tamperings[] = {
    {"UPDATE audit SET actor = 'usr_9' WHERE sequence = 3", 3, "was changed"},
    {"UPDATE audit SET time_ms = time_ms + 1 WHERE sequence = 1", 1, "was changed"},
    {"UPDATE audit SET detail = NULL WHERE sequence = 5", 5, "was changed"},
    {"UPDATE audit SET hash = prev_hash WHERE sequence = 2", 2, "was changed"},
    {"UPDATE audit SET prev_hash = hash WHERE sequence = 4", 4, "does not follow"},
    {"DELETE FROM audit WHERE sequence = 1", 1, "is missing"},
    {"DELETE FROM audit WHERE sequence = 3", 3, "is missing"},
    {"DELETE FROM audit WHERE sequence >= 4", 4, "is missing"},
    {"DELETE FROM audit", 1, "is missing"},
    {"UPDATE audit_chains SET sequence = 4", 4, "not the one the chain's head speaks of"},
    {"DELETE FROM audit_chains", 0, "do not end together"},
    {"INSERT INTO audit (chain, sequence, time_ms, event, prev_hash, hash) SELECT chain, 6, time_ms, event, prev_hash, "
     "hash FROM audit WHERE sequence = 5",
     0, "do not end together"},
    {"UPDATE audit SET sequence = 9 WHERE sequence = 5", 5, "is missing"},
};

TEST(audit, whatever_is_tampered_with_shows_at_its_row)
{
    for (size_t i = 0; i < sizeof tamperings / sizeof *tamperings; i++) {
        struct aa_audit_verdict verdict;
        struct store_fixture f;

        audit_open(&f);
        for (int n = 0; n < 5; n++)
            CHECK_OK(aa_db_write(f.db, append_one, NULL, NULL));
        audit_check_whole(f.db, 5);
        audit_sql(f.db, tamperings[i].sql);
        verdict = audit_verify(f.db);
        if (!verdict.broken || !strstr(verdict.broken, tamperings[i].what))
            fail_msg("%s: %s", tamperings[i].sql, verdict.broken ? verdict.broken : "whole");
        CHECK_INT(verdict.broken_sequence, tamperings[i].sequence);
        audit_close(&f);
    }
}

static enum aa_err append_many(struct aa_conn *c, void *ctx, struct aa_error *err)
{
    enum aa_err rc = AA_OK;

    for (int i = 0; !rc && i < *(const int *)ctx; i++)
        rc = append(c, "login", err);
    return rc;
}

/* More than a page: the pages join. */
TEST(audit, a_long_chain_is_read_to_its_end)
{
    static const char change[] = "UPDATE audit SET actor = 'x' WHERE sequence = 2400";
    struct aa_audit_verdict verdict;
    struct store_fixture f;
    int count = 2500;

    audit_open(&f);
    CHECK_OK(aa_db_write(f.db, append_many, &count, NULL));
    audit_check_whole(f.db, count);
    audit_sql(f.db, change);
    verdict = audit_verify(f.db);
    CHECK(verdict.broken != NULL);
    CHECK_INT(verdict.broken_sequence, 2400);
    audit_close(&f);
}

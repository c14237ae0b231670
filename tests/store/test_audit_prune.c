/* The audit without its oldest rows: what is left still proves itself, at whatever moment the pruning ended; and
 * whoever removed something else, or pretends that it was pruned, shows. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#include "domain/audit_prune.h"
#include "support_audit.h"
#include "support_fresh.h"

#define NOW_MS INT64_C(1800000000000)
#define DAY_MS (INT64_C(24) * 3600 * 1000)
#define BEFORE_PRUNING 3 /* the schema without checkpoints */

static atomic_llong clock_ms = NOW_MS; /* a test that moves it puts it back */

static int64_t now_ms(void *ctx)
{
    (void)ctx;
    return atomic_load(&clock_ms);
}

static struct aa_app app_of(struct aa_db *db)
{
    return (struct aa_app){.db = db, .now_ms = now_ms, .who = {.administrator = VIEW("cli")}};
}

/* ---- rows ---- */

struct rows_of_age {
    int64_t count, days_old;
};

static enum aa_err append_rows(struct aa_conn *c, void *ctx, struct aa_error *err)
{
    const struct rows_of_age *rows = ctx;
    struct aa_audit_row row = {
        .time_ms = NOW_MS - rows->days_old * DAY_MS, .event = VIEW("login"), .actor = VIEW("usr_1")};
    enum aa_err rc = AA_OK;

    for (int64_t i = 0; !rc && i < rows->count; i++)
        rc = aa_audit_append(c, &row, err);
    return rc;
}

static void append(struct aa_db *db, int64_t count, int64_t days_old)
{
    struct rows_of_age rows = {count, days_old};

    CHECK_OK(aa_db_write(db, append_rows, &rows, NULL));
}

static struct aa_audit_prune prune_of(int64_t keep_days)
{
    int64_t before_ms = now_ms(NULL) - keep_days * DAY_MS;

    return (struct aa_audit_prune){.before_ms = before_ms, .due_ms = before_ms};
}

static int64_t run(struct aa_db *db, struct aa_audit_prune prune)
{
    struct aa_app app = app_of(db);
    struct aa_error err = AA_ERROR_INIT;

    while (!prune.is_done)
        if (aa_audit_prune_step(&app, &prune, &err))
            fail_msg("%s", err.message);
    return prune.removed;
}

static int64_t prune(struct aa_db *db, int64_t keep_days)
{
    return run(db, prune_of(keep_days));
}

struct newest {
    int64_t sequence;
    char actor[16], event[32], detail[256];
};

static enum aa_err note_newest(void *ctx, const void *record, struct aa_error *err)
{
    const struct aa_audit_row *row = record;
    struct newest *newest = ctx;

    (void)err;
    newest->sequence = row->sequence;
    snprintf(newest->actor, sizeof newest->actor, "%.*s", AA_VIEW_ARGS(row->actor));
    snprintf(newest->event, sizeof newest->event, "%.*s", AA_VIEW_ARGS(row->event));
    snprintf(newest->detail, sizeof newest->detail, "%.*s", AA_VIEW_ARGS(row->detail));
    return AA_OK;
}

static enum aa_err read_newest(struct aa_conn *c, void *ctx, struct aa_error *err)
{
    return aa_audit_tail(c, 1, note_newest, ctx, err);
}

static struct newest newest_of(struct aa_db *db)
{
    struct newest newest = {0};

    CHECK_OK(aa_db_read(db, read_newest, &newest, NULL));
    return newest;
}

static enum aa_err read_torn(struct aa_conn *c, void *ctx, struct aa_error *err)
{
    return aa_audit_find_torn(c, ctx, err);
}

static int64_t torn_of(struct aa_db *db)
{
    int64_t torn = -2;

    CHECK_OK(aa_db_read(db, read_torn, &torn, NULL));
    return torn;
}

static enum aa_err read_count(struct aa_conn *c, void *ctx, struct aa_error *err)
{
    return aa_audit_count(c, ctx, err);
}

/* TEST with an audit of five rows that are 100 days old and three of this day: rows 1 to 5, and 6 to 8. */
#define AUDIT_TEST(sentence)                                                                                           \
    static void body_##sentence(struct aa_db *db);                                                                     \
    TEST(audit_prune, sentence)                                                                                        \
    {                                                                                                                  \
        struct store_fixture f;                                                                                        \
                                                                                                                       \
        audit_open(&f);                                                                                                \
        append(f.db, 5, 100);                                                                                          \
        append(f.db, 3, 0);                                                                                            \
        body_##sentence(f.db);                                                                                         \
        audit_close(&f);                                                                                               \
    }                                                                                                                  \
    static void body_##sentence(struct aa_db *db)

/* ---- what goes ---- */

TEST(audit_prune, of_nothing_nothing_goes)
{
    struct store_fixture f;

    audit_open(&f);
    CHECK_INT(prune(f.db, 1), 0);
    audit_check_whole(f.db, 0);
    audit_close(&f);
}

AUDIT_TEST(what_is_younger_stays_and_nothing_is_noted)
{
    CHECK_INT(prune(db, 101), 0);
    CHECK_INT(prune(db, 36500), 0);
    audit_check_whole(db, 8);
}

/* To the millisecond: a row that is as old as may be kept is kept. */
AUDIT_TEST(a_row_goes_when_it_is_older_than_that)
{
    struct aa_audit_prune exactly = prune_of(100), after = prune_of(100);

    CHECK_INT(run(db, exactly), 0);
    after.before_ms++;
    after.due_ms++;
    CHECK_INT(run(db, after), 5);
}

AUDIT_TEST(old_rows_go_and_the_rest_is_proven)
{
    int64_t rows = -1;

    CHECK_INT(prune(db, 90), 5);
    audit_check_whole(db, 4);
    CHECK_INT(torn_of(db), -1);
    CHECK_OK(aa_db_read(db, read_count, &rows, NULL));
    CHECK_INT(rows, 4);
    append(db, 2, 0);
    audit_check_whole(db, 6);
    CHECK_INT(prune(db, 90), 0);
    audit_check_whole(db, 6);
}

AUDIT_TEST(it_is_noted_by_whom_how_many_and_up_to_which_row_and_time)
{
    struct newest newest;

    CHECK_INT(prune(db, 90), 5);
    newest = newest_of(db);
    CHECK_INT(newest.sequence, 9);
    CHECK_TEXT(newest.event, "audit_pruned");
    CHECK_TEXT(newest.actor, "cli");
    CHECK(strncmp(newest.detail, "{\"through\":\"5\",\"hash\":\"", 23) == 0);
    CHECK_TEXT(newest.detail + 23 + 64, "\",\"rows\":\"5\",\"before\":\"2026-10-17T08:00:00Z\"}");
}

static void note_chain(void *ctx, const struct aa_audit_chain *head, int64_t pruned_ms)
{
    CHECK_INT(head->sequence, 9);
    CHECK_INT(head->pruned_sequence, 5);
    CHECK_INT(head->pruned_hash.len, AA_SHA256_LEN);
    CHECK_INT(head->pruned_by, 9);
    *(int64_t *)ctx = pruned_ms;
}

AUDIT_TEST(verifying_tells_what_was_pruned_and_when)
{
    struct aa_audit_verdict verdict;
    int64_t pruned_ms = 0;

    CHECK_INT(prune(db, 90), 5);
    CHECK_OK(aa_audit_verify(db, note_chain, &pruned_ms, &verdict, NULL));
    CHECK(verdict.broken == NULL);
    CHECK_INT(pruned_ms, NOW_MS);
}

/* The row that told of the first pruning goes in the second. */
AUDIT_TEST(what_was_pruned_can_be_pruned_again)
{
    CHECK_INT(prune(db, 90), 5);
    append(db, 2, 0);
    atomic_store(&clock_ms, NOW_MS + 91 * DAY_MS);
    CHECK_INT(prune(db, 90), 6);
    audit_check_whole(db, 1);
    append(db, 1, 0);
    audit_check_whole(db, 2);
    atomic_store(&clock_ms, NOW_MS);
}

/* A clock that ran ahead: the row says that it is too young, so nothing behind it goes. */
TEST(audit_prune, what_stands_behind_a_younger_row_waits_for_it)
{
    struct store_fixture f;

    audit_open(&f);
    append(f.db, 2, 100);
    append(f.db, 1, -300);
    append(f.db, 2, 99);
    append(f.db, 1, 0);
    CHECK_INT(prune(f.db, 90), 2);
    audit_check_whole(f.db, 5);
    audit_close(&f);
}

/* ---- at whatever moment it ends ---- */

/* More than two batches. */
#define MANY 1234

TEST(audit_prune, after_each_transaction_it_verifies)
{
    struct store_fixture f;
    struct aa_audit_prune all = prune_of(90);
    int steps = 0;

    audit_open(&f);
    append(f.db, MANY, 100);
    append(f.db, 3, 0);
    while (!all.is_done) {
        struct aa_app app = app_of(f.db);

        CHECK_OK(aa_audit_prune_step(&app, &all, NULL));
        CHECK(!audit_verify(f.db).broken);
        CHECK_INT(torn_of(f.db), -1);
        append(f.db, 1, 0);
        steps++;
    }
    CHECK(steps >= 4);
    CHECK_INT(all.removed, MANY);
    audit_check_whole(f.db, 3 + 1 + steps);
    audit_close(&f);
}

/* Each step by a process that is killed behind it, and remembers nothing. */
TEST(audit_prune, what_a_killed_process_began_the_next_one_ends)
{
    struct store_fixture f;
    int64_t removed = 0;

    audit_open(&f);
    append(f.db, MANY, 100);
    append(f.db, 3, 0);
    for (int i = 0; i < 4; i++) {
        struct aa_audit_prune one = prune_of(90);
        struct aa_app app = app_of(f.db);

        CHECK_OK(aa_audit_prune_step(&app, &one, NULL));
        CHECK(!audit_verify(f.db).broken);
        removed += one.removed;
    }
    CHECK_INT(removed, MANY);
    CHECK_INT(prune(f.db, 90), 0);
    audit_check_whole(f.db, 4); /* one row tells of it, not four */
    audit_close(&f);
}

/* What may go and is still there is proven by the checkpoint. */
TEST(audit_prune, rows_that_wait_for_their_removal_are_watched_too)
{
    static const struct {
        const char *sql;
        int64_t sequence;
        const char *what;
    } tamperings[] = {
        {"UPDATE audit SET actor = 'usr_9' WHERE sequence = 700", 700, "was changed"},
        {"DELETE FROM audit WHERE sequence = 800", 800, "is missing"},
        {"UPDATE audit SET prev_hash = hash WHERE sequence = 501", 501, "was changed"},
    };

    for (size_t i = 0; i < sizeof tamperings / sizeof *tamperings; i++) {
        struct aa_audit_verdict verdict;
        struct store_fixture f;
        struct aa_audit_prune some = prune_of(90);
        struct aa_app app;

        audit_open(&f);
        app = app_of(f.db);
        append(f.db, MANY, 100);
        CHECK_OK(aa_audit_prune_step(&app, &some, NULL));
        CHECK_OK(aa_audit_prune_step(&app, &some, NULL));
        CHECK_INT(some.removed, 500);
        audit_check_whole(f.db, MANY - 500 + 1);
        audit_sql(f.db, tamperings[i].sql);
        verdict = audit_verify(f.db);
        if (!verdict.broken || !strstr(verdict.broken, tamperings[i].what))
            fail_msg("%s: %s", tamperings[i].sql, verdict.broken ? verdict.broken : "whole");
        CHECK_INT(verdict.broken_sequence, tamperings[i].sequence);
        audit_close(&f);
    }
}

/* ---- tampering ---- */

#define MOVE_TO(row) "pruned_sequence = " row ", pruned_hash = (SELECT hash FROM audit WHERE sequence = " row ")"

static const struct {
    const char *sql[2];
    int64_t sequence; /* that it shows at */
    const char *what;
} tamperings[] = {
    {{"DELETE FROM audit WHERE sequence = 6"}, 6, "is missing"},
    {{"DELETE FROM audit WHERE sequence <= 7"}, 6, "is missing"},
    {{"DELETE FROM audit WHERE sequence = 7"}, 7, "is missing"},
    {{"DELETE FROM audit WHERE sequence = 9"}, 9, "is missing"},
    {{"DELETE FROM audit"}, 6, "is missing"},
    /* The checkpoint alone, forward with what lies before it removed, or back. */
    {{"UPDATE audit_chains SET " MOVE_TO("7"), "DELETE FROM audit WHERE sequence <= 7"}, 8, "no later entry confirms"},
    {{"UPDATE audit_chains SET pruned_by = 8, " MOVE_TO("7"), "DELETE FROM audit WHERE sequence <= 7"},
     8,
     "no later entry confirms"},
    {{"UPDATE audit_chains SET " MOVE_TO("9"), "DELETE FROM audit"}, 10, "no later entry confirms"},
    {{"UPDATE audit_chains SET pruned_sequence = 4"}, 5, "is missing"},
    {{"UPDATE audit_chains SET pruned_sequence = 0, pruned_hash = NULL, pruned_by = 0"}, 1, "is missing"},
    {{"UPDATE audit_chains SET pruned_sequence = 6"}, 6, "is not the one that the chain's checkpoint"},
    {{"UPDATE audit_chains SET pruned_hash = hash"}, 6, "does not follow"},
    {{"UPDATE audit_chains SET pruned_hash = NULL"}, 9, "checkpoint holds no hash"},
    {{"UPDATE audit_chains SET pruned_sequence = -1"}, 9, "checkpoint holds no hash"},
    {{"UPDATE audit_chains SET pruned_by = 8"}, 6, "no later entry confirms"},
    {{"UPDATE audit_chains SET pruned_by = 0"}, 6, "no later entry confirms"},
    /* What confirms it. */
    {{"UPDATE audit SET detail = NULL WHERE sequence = 9"}, 9, "was changed"},
    {{"UPDATE audit SET event = 'login' WHERE sequence = 9"}, 9, "was changed"},
};

AUDIT_TEST(whoever_tampers_after_a_pruning_shows)
{
    (void)db;
    for (size_t i = 0; i < sizeof tamperings / sizeof *tamperings; i++) {
        struct aa_audit_verdict verdict;
        struct store_fixture f;

        audit_open(&f);
        append(f.db, 5, 100);
        append(f.db, 3, 0);
        CHECK_INT(prune(f.db, 90), 5);
        audit_check_whole(f.db, 4);
        for (int n = 0; n < 2 && tamperings[i].sql[n]; n++)
            audit_sql(f.db, tamperings[i].sql[n]);
        verdict = audit_verify(f.db);
        if (!verdict.broken || !strstr(verdict.broken, tamperings[i].what))
            fail_msg("%s: %s", tamperings[i].sql[0], verdict.broken ? verdict.broken : "whole");
        CHECK_INT(verdict.broken_sequence, tamperings[i].sequence);
        audit_close(&f);
    }
}

/* As if there had been a pruning, where there was none. */
AUDIT_TEST(a_pruning_that_never_was_shows)
{
    struct aa_audit_verdict verdict;

    audit_check_whole(db, 8);
    audit_sql(db, "UPDATE audit_chains SET pruned_by = 6, " MOVE_TO("3"));
    audit_sql(db, "DELETE FROM audit WHERE sequence <= 3");
    verdict = audit_verify(db);
    CHECK(verdict.broken && strstr(verdict.broken, "no later entry confirms"));
    CHECK_INT(verdict.broken_sequence, 4);
}

AUDIT_TEST(rows_that_begin_too_late_show_at_a_glance)
{
    CHECK_INT(prune(db, 90), 5);
    CHECK_INT(torn_of(db), -1);
    audit_sql(db, "DELETE FROM audit WHERE sequence = 6");
    CHECK(torn_of(db) >= 0);
}

/* ---- pruning covers nothing up ---- */

static void check_refused(struct aa_db *db, const char *what)
{
    struct aa_audit_prune all = prune_of(90);
    struct aa_app app = app_of(db);
    struct aa_error err = AA_ERROR_INIT;
    enum aa_err rc = AA_OK;

    while (!rc && !all.is_done)
        rc = aa_audit_prune_step(&app, &all, &err);
    CHECK_ERR(rc, AA_ERR_STORE);
    if (!strstr(err.message, what))
        fail_msg("%s", err.message);
    CHECK_INT(all.removed, 0);
    CHECK(audit_verify(db).broken != NULL);
}

#define FORGE(hex)                                                                                                     \
    "UPDATE audit SET event = 'audit_pruned', detail = '{\"through\":\"7\",\"hash\":\"' || "                           \
    "(SELECT " hex " FROM audit WHERE sequence = 7) || '\",' WHERE sequence = 8"

AUDIT_TEST(a_row_removed_by_hand_is_not_covered_up)
{
    audit_sql(db, "DELETE FROM audit WHERE sequence = 1");
    check_refused(db, "entry 1: it is missing");
}

AUDIT_TEST(a_row_changed_by_hand_is_not_covered_up)
{
    audit_sql(db, "UPDATE audit SET actor = 'usr_9' WHERE sequence = 3");
    check_refused(db, "entry 3: it was changed");
}

AUDIT_TEST(a_checkpoint_moved_by_hand_is_not_covered_up)
{
    audit_sql(db, "UPDATE audit_chains SET pruned_by = 6, " MOVE_TO("2"));
    audit_sql(db, "DELETE FROM audit WHERE sequence <= 2");
    check_refused(db, "entry 3: no later entry confirms");
}

AUDIT_TEST(rows_before_a_checkpoint_moved_by_hand_are_not_removed)
{
    audit_sql(db, "UPDATE audit_chains SET pruned_by = 6, " MOVE_TO("4"));
    check_refused(db, "entry 5: no later entry confirms");
    CHECK_INT(audit_verify(db).broken_sequence, 5);
}

/* Two statements confirm the checkpoint from within the chain, but for the hash of the row that does. */
AUDIT_TEST(a_confirmation_written_by_hand_removes_nothing)
{
    audit_sql(db, store_is_remote() ? FORGE("encode(hash, 'hex')") : FORGE("lower(hex(hash))"));
    audit_sql(db, "UPDATE audit_chains SET pruned_by = 8, " MOVE_TO("7"));
    check_refused(db, "entry 8: no later entry confirms");
}

/* What a killed process left is verified again by the next one. */
AUDIT_TEST(leftovers_changed_by_hand_are_not_covered_up)
{
    struct aa_audit_prune one = prune_of(90);
    struct aa_app app = app_of(db);

    CHECK_OK(aa_audit_prune_step(&app, &one, NULL));
    CHECK_INT(one.removed, 0);
    audit_check_whole(db, 9);
    audit_sql(db, "UPDATE audit SET actor = 'usr_9' WHERE sequence = 3");
    check_refused(db, "entry 3: it was changed");
    audit_sql(db, "UPDATE audit SET actor = 'usr_1' WHERE sequence = 3");
    CHECK_INT(prune(db, 90), 5);
    audit_check_whole(db, 4);
}

AUDIT_TEST(leftovers_removed_by_hand_are_not_covered_up)
{
    struct aa_audit_prune one = prune_of(90);
    struct aa_app app = app_of(db);

    CHECK_OK(aa_audit_prune_step(&app, &one, NULL));
    audit_sql(db, "DELETE FROM audit WHERE sequence IN (4, 5)");
    check_refused(db, "entry 4: it is missing");
}

/* ---- a server does so by itself ---- */

static struct aa_audit_prune by_itself(int64_t keep_days)
{
    struct aa_audit_prune prune = prune_of(keep_days);

    prune.due_ms -= DAY_MS;
    prune.is_server = true;
    return prune;
}

AUDIT_TEST(a_server_waits_until_it_is_worth_a_row)
{
    append(db, 1, 0);
    CHECK_INT(run(db, by_itself(99)), 0); /* a day more, and not a millisecond longer */
    CHECK_INT(run(db, by_itself(98)), 5);
    CHECK_TEXT(newest_of(db).event, "audit_pruned");
    CHECK_TEXT(newest_of(db).actor, "server");
    audit_check_whole(db, 5);
}

static enum aa_err prune_while_held(struct aa_conn *c, void *ctx, struct aa_error *err)
{
    struct aa_db *db = ctx;
    bool is_ours = false;

    (void)err;
    CHECK_OK(aa_audit_try_prune(c, &is_ours, NULL));
    CHECK(is_ours);
    CHECK_INT(run(db, by_itself(90)), 0);
    CHECK_INT(prune(db, 90), 5); /* whoever asks for it need not wait */
    return AA_OK;
}

AUDIT_TEST(a_server_leaves_it_to_the_process_that_is_at_it)
{
    if (!store_is_remote())
        return; /* where one writes at a time nobody else is at it */
    CHECK_OK(aa_db_write(db, prune_while_held, db, NULL));
    audit_check_whole(db, 4);
}

/* ---- beside others ---- */

#define WRITERS 4
#define EACH 150

static atomic_int writing;
static atomic_llong removed_in_parallel;

/* With each row a day passes. */
static void *append_often(void *arg)
{
    for (int i = 0; i < EACH; i++)
        append(arg, 1, (NOW_MS - atomic_fetch_add(&clock_ms, DAY_MS)) / DAY_MS);
    atomic_fetch_sub(&writing, 1);
    return NULL;
}

static void *prune_often(void *arg)
{
    do
        atomic_fetch_add(&removed_in_parallel, prune(arg, 20));
    while (atomic_load(&writing) > 0);
    return NULL;
}

TEST(audit_prune, beside_writers_a_second_pruning_and_a_verification_all_is_whole)
{
    pthread_t threads[WRITERS + 2];
    struct store_fixture f;
    int64_t rows = 0;

    audit_open(&f);
    atomic_store(&writing, WRITERS);
    atomic_store(&removed_in_parallel, 0);
    for (int i = 0; i < WRITERS + 2; i++)
        CHECK_INT(pthread_create(&threads[i], NULL, i < WRITERS ? append_often : prune_often, f.db), 0);
    do {
        struct aa_audit_verdict verdict = audit_verify(f.db);

        if (verdict.broken)
            fail_msg("chain %lld, row %lld: %s", (long long)verdict.broken_chain, (long long)verdict.broken_sequence,
                     verdict.broken);
    } while (atomic_load(&writing) > 0);
    for (int i = 0; i < WRITERS + 2; i++)
        pthread_join(threads[i], NULL);
    CHECK(atomic_load(&removed_in_parallel) > 0);
    CHECK_OK(aa_db_read(f.db, read_count, &rows, NULL));
    audit_check_whole(f.db, rows);
    atomic_store(&clock_ms, NOW_MS);
    audit_close(&f);
}

/* ---- an older version's ---- */

static void add_literal(char *out, size_t size, const uint8_t hash[AA_SHA256_LEN])
{
    size_t len = (size_t)snprintf(out, size, store_is_remote() ? "'\\x" : "x'");

    for (size_t i = 0; i < AA_SHA256_LEN; i++)
        len += (size_t)snprintf(out + len, size - len, "%02x", hash[i]);
    snprintf(out + len, size - len, "'");
}

/* Three rows of the schema before, as the program of that time wrote them. */
static void fill_old(const struct fresh *fresh)
{
    uint8_t before[AA_SHA256_LEN] = {0}, hash[AA_SHA256_LEN];
    char sql[512], before_text[80], hash_text[80];

    for (int i = 1; i <= 3; i++) {
        struct aa_audit_row row = {.sequence = i,
                                   .time_ms = NOW_MS - 100 * DAY_MS,
                                   .event = VIEW("login"),
                                   .prev_hash = aa_view_make(before, sizeof before)};

        CHECK_OK(aa_audit_hash(&row, hash, NULL));
        add_literal(before_text, sizeof before_text, before);
        add_literal(hash_text, sizeof hash_text, hash);
        snprintf(sql, sizeof sql,
                 "INSERT INTO audit (chain, sequence, time_ms, event, prev_hash, hash) "
                 "VALUES (0, %d, %lld, 'login', %s, %s)",
                 i, (long long)row.time_ms, before_text, hash_text);
        fresh_run(fresh, sql);
        memcpy(before, hash, sizeof before);
    }
    snprintf(sql, sizeof sql, "INSERT INTO audit_chains VALUES (0, 3, %s)", hash_text);
    fresh_run(fresh, sql);
}

TEST(audit_prune, what_an_older_version_wrote_verifies_and_can_be_pruned)
{
    struct fresh fresh;
    struct aa_db_options options = {.migrate = true};
    struct aa_db *db = NULL;

    fresh_make_old(&fresh, BEFORE_PRUNING);
    fill_old(&fresh);
    options.url = fresh.url;
    CHECK_OK(aa_db_open(&options, &db, NULL));
    audit_check_whole(db, 3);
    CHECK_INT(torn_of(db), -1);
    CHECK_INT(prune(db, 90), 3);
    audit_check_whole(db, 1);
    append(db, 1, 0);
    CHECK(!audit_verify(db).broken);
    aa_db_close(db);
    fresh_clear(&fresh);
}

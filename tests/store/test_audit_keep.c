/* A server prunes the audit by itself: not by a clock that is in doubt, and a little at a time. */
#include "domain/audit_keep.h"

#include <stdio.h>

#include "support_audit.h"

#define NOW_MS INT64_C(1800000000000)
#define HOUR_MS (INT64_C(3600) * 1000)
#define DAY_MS (24 * HOUR_MS)
#define OLD_ROWS 1234 /* more than two transactions remove */
#define STEP_MS 200   /* that each look at the monotonic clock takes: two or three of them are a slice */

static int64_t wall_ms, uptime_ms, reading_ms;
static char logged[512];

static int64_t now_ms(void *ctx)
{
    (void)ctx;
    return wall_ms;
}

static int64_t monotonic_ms(void)
{
    return uptime_ms += reading_ms;
}

static void pass(int64_t ms)
{
    wall_ms += ms;
    uptime_ms += ms;
}

static void log_line(void *ctx, int level, const char *request_id, const char *message)
{
    (void)ctx;
    (void)level;
    (void)request_id;
    snprintf(logged, sizeof logged, "%s", message);
}

static struct aa_app app_of(struct aa_db *db)
{
    struct aa_app app = {.db = db, .now_ms = now_ms, .log = log_line};

    app.settings.audit_keep_s = 365 * DAY_MS / 1000;
    return app;
}

/* ---- rows ---- */

struct rows_of_time {
    int64_t count, time_ms;
};

static enum aa_err append_rows(struct aa_conn *c, void *ctx, struct aa_error *err)
{
    const struct rows_of_time *rows = ctx;
    struct aa_audit_row row = {.time_ms = rows->time_ms, .event = VIEW("login")};
    enum aa_err rc = AA_OK;

    for (int64_t i = 0; !rc && i < rows->count; i++)
        rc = aa_audit_append(c, &row, err);
    return rc;
}

static void append(struct aa_db *db, int64_t count, int64_t time_ms)
{
    struct rows_of_time rows = {count, time_ms};

    CHECK_OK(aa_db_write(db, append_rows, &rows, NULL));
}

static void begin(struct store_fixture *f, struct aa_audit_keep *keep)
{
    wall_ms = NOW_MS;
    uptime_ms = reading_ms = 0;
    logged[0] = '\0';
    audit_open(f);
    aa_audit_keep_init(keep, monotonic_ms);
}

/* One look and what follows from it; gives how many rows went. */
static int64_t look(struct aa_db *db, struct aa_audit_keep *keep)
{
    struct aa_app app = app_of(db);

    logged[0] = '\0';
    keep->prune.removed = 0;
    aa_audit_keep_run(&app, keep);
    return keep->prune.removed;
}

static void says(const char *text)
{
    if (!strstr(logged, text))
        fail_msg("the log says \"%s\"", logged);
}

/* ---- the clock ---- */

TEST(audit_keep, prunes_at_once_where_the_newest_row_is_of_this_day)
{
    struct aa_audit_keep keep;
    struct store_fixture f;

    begin(&f, &keep);
    append(f.db, 5, NOW_MS - 400 * DAY_MS);
    append(f.db, 3, NOW_MS - DAY_MS);
    CHECK_INT(look(f.db, &keep), 5);
    says("5 entries of the audit were pruned");
    audit_check_whole(f.db, 4);
    audit_close(&f);
}

TEST(audit_keep, a_clock_that_ran_ahead_at_the_start_and_is_put_right_costs_nothing)
{
    struct aa_audit_keep keep;
    struct store_fixture f;

    begin(&f, &keep);
    append(f.db, 8, NOW_MS);
    wall_ms += 400 * DAY_MS;
    CHECK_INT(look(f.db, &keep), 0);
    says("is the clock right? the newest entry of the audit is more than a day old");
    pass(HOUR_MS);
    wall_ms -= 400 * DAY_MS;
    CHECK_INT(look(f.db, &keep), 0);
    says("is the clock right? it was set");
    audit_check_whole(f.db, 8);
    pass(HOUR_MS);
    CHECK_INT(look(f.db, &keep), 0);
    CHECK_TEXT(logged, "");
    audit_check_whole(f.db, 8);
    audit_close(&f);
}

TEST(audit_keep, a_server_that_was_quiet_prunes_an_hour_later)
{
    struct aa_audit_keep keep;
    struct store_fixture f;

    begin(&f, &keep);
    append(f.db, 5, NOW_MS - 400 * DAY_MS);
    append(f.db, 3, NOW_MS - DAY_MS - 1);
    CHECK_INT(look(f.db, &keep), 0);
    says("more than a day old");
    pass(HOUR_MS - 1);
    CHECK_INT(look(f.db, &keep), 0);
    CHECK_TEXT(logged, "");
    pass(1);
    CHECK_INT(look(f.db, &keep), 5);
    audit_check_whole(f.db, 4);
    audit_close(&f);
}

TEST(audit_keep, a_clock_that_jumps_while_it_runs_is_not_believed)
{
    struct aa_audit_keep keep;
    struct store_fixture f;

    begin(&f, &keep);
    append(f.db, 8, NOW_MS);
    CHECK_INT(look(f.db, &keep), 0);
    CHECK_TEXT(logged, "");
    pass(HOUR_MS);
    wall_ms += 400 * DAY_MS;
    CHECK_INT(look(f.db, &keep), 0);
    says("is the clock right? it was set");
    audit_check_whole(f.db, 8);
    audit_close(&f);
}

/* On both sides of the limit. */
TEST(audit_keep, a_clock_that_is_set_by_up_to_five_minutes_is_believed)
{
    struct aa_audit_keep keep;
    struct store_fixture f;

    begin(&f, &keep);
    append(f.db, 1, NOW_MS);
    CHECK_INT(look(f.db, &keep), 0);
    for (int64_t i = 0; i < 4; i++) {
        int64_t set_ms = (i % 2 ? -1 : 1) * (5 * HOUR_MS / 60 + i / 2);

        pass(HOUR_MS);
        wall_ms += set_ms;
        CHECK_INT(look(f.db, &keep), 0);
        CHECK_INT(logged[0] != '\0', i >= 2);
    }
    audit_close(&f);
}

TEST(audit_keep, a_first_row_in_the_future_is_told_once)
{
    struct aa_audit_keep keep;
    struct store_fixture f;

    begin(&f, &keep);
    append(f.db, 1, NOW_MS + 300 * DAY_MS);
    append(f.db, 3, NOW_MS);
    CHECK_INT(look(f.db, &keep), 0);
    says("lies in the future");
    pass(HOUR_MS);
    CHECK_INT(look(f.db, &keep), 0);
    CHECK_TEXT(logged, "");
    audit_close(&f);
}

/* ---- the others ---- */

/* The thread is woken for each thing that another process changes: that is no reason to work more. */
TEST(audit_keep, works_for_half_a_second_of_each_five)
{
    struct aa_audit_keep keep;
    struct store_fixture f;
    struct aa_app app;
    int slices = 0;

    begin(&f, &keep);
    app = app_of(f.db);
    append(f.db, OLD_ROWS, NOW_MS - 400 * DAY_MS);
    append(f.db, 1, NOW_MS);
    reading_ms = STEP_MS;
    do {
        int64_t removed;

        aa_audit_keep_run(&app, &keep);
        removed = keep.prune.removed;
        aa_audit_keep_run(&app, &keep);
        aa_audit_keep_run(&app, &keep);
        CHECK_INT(keep.prune.removed, removed);
        pass(5000);
        slices++;
    } while (!keep.prune.is_done);
    CHECK(slices > 1);
    CHECK_INT(keep.prune.removed, OLD_ROWS);
    audit_close(&f);
}

TEST(audit_keep, unless_asked_for_nothing_goes)
{
    struct aa_audit_keep keep;
    struct store_fixture f;
    struct aa_app app;

    begin(&f, &keep);
    app = app_of(f.db);
    app.settings.audit_keep_s = 0;
    append(f.db, 5, NOW_MS - 40000 * DAY_MS);
    append(f.db, 1, NOW_MS);
    aa_audit_keep_run(&app, &keep);
    audit_check_whole(f.db, 6);
    audit_close(&f);
}

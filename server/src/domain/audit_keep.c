#include "domain/audit_keep.h"

#include "base/error.h"
#include "base/level.h"

#define LOOK_MS INT64_C(3600000) /* between two looks whether something is to be pruned */
/* Of a chain rows go once its first one is older than audit_keep by that much: else each look would remove a few, and
 * add one that says so. */
#define SLACK_MS INT64_C(86400000)
#define SLICE_MS 500  /* its thread has more to do, and so have the others that write */
#define PAUSE_MS 5000 /* between the beginnings of two slices */

void aa_audit_keep_init(struct aa_audit_keep *keep, int64_t (*monotonic_ms)(void))
{
    *keep = (struct aa_audit_keep){.monotonic_ms = monotonic_ms, .prune = {.is_done = true}, .future_chain = -1};
    keep->next_look_ms = keep->next_slice_ms = monotonic_ms();
}

/* ---- looking ---- */

struct look {
    int64_t now_ms, monotonic_ms, newest_ms, future_chain;
};

static enum aa_err read_times(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    struct look *look = ctx;
    enum aa_err rc;

    rc = aa_audit_find_newest(conn, &look->newest_ms, err);
    return rc ? rc : aa_audit_find_future(conn, look->now_ms + AA_AUDIT_DRIFT_MS, &look->future_chain, err);
}

static bool has_moved_apart(const struct aa_audit_keep *keep, const struct look *look)
{
    int64_t apart_ms = (look->now_ms - keep->looked_ms) - (look->monotonic_ms - keep->looked_monotonic_ms);

    return apart_ms > AA_AUDIT_DRIFT_MS || apart_ms < -AA_AUDIT_DRIFT_MS;
}

/* Why the clock is not believed; NULL: it is. */
static const char *find_doubt(const struct aa_audit_keep *keep, const struct look *look)
{
    if (keep->has_looked)
        return has_moved_apart(keep, look) ? "it was set since the last look, or the machine slept" : NULL;
    if (look->newest_ms > 0 && look->now_ms - look->newest_ms > AA_AUDIT_DOUBT_MS)
        return "the newest entry of the audit is more than a day old";
    return NULL;
}

/* Told once. */
static void tell_future(const struct aa_app *app, struct aa_audit_keep *keep, int64_t chain)
{
    if (chain >= 0 && chain != keep->future_chain)
        aa_app_log(app, AA_LOG_WARNING, NULL,
                   "the first entry of the audit's chain %lld lies in the future: until then nothing of that chain is "
                   "pruned",
                   (long long)chain);
    keep->future_chain = chain;
}

static void begin(struct aa_audit_keep *keep, int64_t before_ms)
{
    keep->prune = (struct aa_audit_prune){.before_ms = before_ms, .due_ms = before_ms - SLACK_MS, .is_server = true};
}

static void look_for_work(const struct aa_app *app, struct aa_audit_keep *keep)
{
    struct look look = {.now_ms = aa_app_now_ms(app), .monotonic_ms = keep->monotonic_ms()};
    struct aa_error err = AA_ERROR_INIT;
    const char *doubt;

    keep->next_look_ms = look.monotonic_ms + LOOK_MS;
    if (aa_db_read(app->db, read_times, &look, &err)) {
        aa_app_log(app, AA_LOG_WARNING, NULL, "the audit cannot be pruned: %s", err.message);
        return;
    }
    doubt = find_doubt(keep, &look);
    keep->has_looked = true;
    keep->looked_ms = look.now_ms;
    keep->looked_monotonic_ms = look.monotonic_ms;
    if (doubt) {
        aa_app_log(app, AA_LOG_WARNING, NULL,
                   "is the clock right? %s: nothing of the audit is pruned until the next look, in an hour", doubt);
        return;
    }
    tell_future(app, keep, look.future_chain);
    begin(keep, look.now_ms - app->settings.audit_keep_s * 1000);
}

/* ---- working ---- */

static bool is_stopping(const struct aa_app *app)
{
    return app->is_stopping && atomic_load(app->is_stopping);
}

static void prune_some(const struct aa_app *app, struct aa_audit_keep *keep, int64_t until_ms)
{
    struct aa_audit_prune *prune = &keep->prune;
    struct aa_error err = AA_ERROR_INIT;
    int64_t removed = prune->removed;

    while (!prune->is_done && !is_stopping(app) && keep->monotonic_ms() < until_ms)
        if (aa_audit_prune_step(app, prune, &err)) {
            aa_app_log(app, AA_LOG_WARNING, NULL, "the audit cannot be pruned: %s", err.message);
            prune->is_done = true;
        }
    if (prune->removed > removed)
        aa_app_log(app, AA_LOG_INFO, NULL, "%lld entries of the audit were pruned",
                   (long long)(prune->removed - removed));
}

void aa_audit_keep_run(const struct aa_app *app, struct aa_audit_keep *keep)
{
    int64_t now_ms = keep->monotonic_ms();

    if (app->settings.audit_keep_s == 0 || now_ms < keep->next_slice_ms)
        return;
    if (keep->prune.is_done && now_ms < keep->next_look_ms)
        return;
    keep->next_slice_ms = now_ms + PAUSE_MS;
    if (keep->prune.is_done)
        look_for_work(app, keep);
    prune_some(app, keep, now_ms + SLICE_MS);
}

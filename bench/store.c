/* Durable refreshes and introspections at the store, by many callers at once, and the same statements on the bare
 * engine.
 *
 *   store_bench fill URL TOKENS [SERVER_ID FILE]  a database with that many live access tokens; of that registered
 *                                                 server, and some of them written to a file, one a line
 *   store_bench WHAT URL CALLERS SECONDS     refresh, introspect, bare-refresh or bare-introspect
 *
 * Prints "RESULT operations/s p50_us p99_us operations_a_commit". A refresh is what the token endpoint does without
 * HTTP and signature: one read (the token and who takes part), one write (who takes part again, the rotation, the new
 * refresh and access token, the audit). bench/store.py runs it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bare.h"
#include "store/audit.h"
#include "store_rows.h"

#define BARE_CONNECTIONS 8 /* as the pool has by default */
#define SAMPLES_MAX 2000000
#define WARM_UP_NS 300000000
#define KEYS_AT_HAND 65536 /* random live tokens of a caller */

static int64_t read_ns(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

static struct aa_view sealed(void)
{
    static const char bytes[80] = {1};

    return aa_view_make(bytes, sizeof bytes);
}

/* ---- what is measured ---- */

static enum aa_err load(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    const struct caller *caller = ctx;
    struct aa_refresh_token token = {0};
    struct aa_live_token live = {0};
    enum aa_err rc;

    rc = aa_refresh_token_find(conn, TOKEN_KEY(caller->refresh_key), &token, err);
    if (!rc)
        rc = aa_live_parties_find(conn, token.grant_id, token.user_id, token.client_id, token.server_id, &live, err);
    aa_record_clear(&token.memory);
    return rc;
}

static enum aa_err add_audit(struct aa_conn *conn, const struct caller *caller, struct aa_error *err)
{
    struct aa_audit_row row = {.time_ms = caller->bench->now_ms,
                               .event = AA_VIEW("refresh"),
                               .actor = aa_view_of(caller->client_id),
                               .user_id = aa_view_of(caller->user_id),
                               .client_id = aa_view_of(caller->client_id),
                               .server_id = aa_view_of(caller->server_id),
                               .grant_id = aa_view_of(caller->grant_id),
                               .address = AA_VIEW("127.0.0.1"),
                               .request_id = AA_VIEW("abcdefghijkmnpqr"),
                               .detail = AA_VIEW("{\"scope\":\"files:read files:write\"}")};

    return aa_audit_append(conn, &row, err);
}

static enum aa_err rotate(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    const struct caller *caller = ctx;
    struct aa_refresh_token next = bench_refresh_row(caller, caller->next_key), old = {0};
    struct aa_access_token access = bench_access_row(caller);
    struct aa_live_token live = {0};
    bool won = false;
    enum aa_err rc;

    rc = aa_live_parties_find(conn, next.grant_id, next.user_id, next.client_id, next.server_id, &live, err);
    if (!rc)
        rc = aa_refresh_token_rotate(conn, TOKEN_KEY(caller->refresh_key), sealed(), caller->bench->now_ms, &won, &old,
                                     err);
    if (!rc)
        rc = aa_refresh_token_create(conn, &next, err);
    if (!rc)
        rc = aa_access_token_create(conn, &access, err);
    if (!rc)
        rc = add_audit(conn, caller, err);
    aa_record_clear(&old.memory);
    return rc;
}

static void prepare_refresh(struct caller *caller)
{
    bench_fresh_key(caller, caller->next_key);
    bench_fresh_key(caller, caller->access_key);
}

static void do_refresh(struct caller *caller)
{
    struct aa_error err = AA_ERROR_INIT;

    prepare_refresh(caller);
    bench_check(aa_db_read(caller->bench->db, load, caller, &err), "refresh", &err);
    bench_check(aa_db_write(caller->bench->db, rotate, caller, &err), "refresh", &err);
    memcpy(caller->refresh_key, caller->next_key, AA_DIGEST_KEY_LEN);
}

static enum aa_err find_live(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    const struct caller *caller = ctx;
    struct aa_live_token live = {0};
    enum aa_err rc = aa_live_token_find(conn, TOKEN_KEY(caller->access_key), &live, err);

    aa_record_clear(&live.memory);
    return rc;
}

static void choose_live(struct caller *caller)
{
    caller->at = (caller->at + 1) % KEYS_AT_HAND;
    memcpy(caller->access_key, caller->at_hand[caller->at], AA_DIGEST_KEY_LEN);
}

static void do_introspect(struct caller *caller)
{
    struct aa_error err = AA_ERROR_INIT;

    choose_live(caller);
    bench_check(aa_db_read(caller->bench->db, find_live, caller, &err), "introspect", &err);
}

static void bare_parties(const struct caller *caller)
{
    BARE_RUN(caller->bare, BARE_FIND_PARTIES, BARE_TEXT(aa_view_of(caller->grant_id)),
             BARE_TEXT(aa_view_of(caller->user_id)), BARE_TEXT(aa_view_of(caller->client_id)),
             BARE_TEXT(aa_view_of(caller->server_id)));
}

static void bare_audit(const struct caller *caller)
{
    static const uint8_t hash[32];
    int64_t chain = caller->bench->is_remote ? (int64_t)(caller->seed % 64) : 0, sequence;

    sequence = BARE_RUN(caller->bare, BARE_AUDIT_HEAD, BARE_INT(chain), BARE_BLOB(aa_view_make(hash, sizeof hash)));
    BARE_RUN(caller->bare, BARE_AUDIT_ROW, BARE_INT(chain), BARE_INT(sequence), BARE_INT(caller->bench->now_ms),
             BARE_TEXT(AA_VIEW("refresh")), BARE_TEXT(aa_view_of(caller->client_id)),
             BARE_TEXT(aa_view_of(caller->user_id)), BARE_TEXT(aa_view_of(caller->client_id)),
             BARE_TEXT(aa_view_of(caller->server_id)), BARE_TEXT(aa_view_of(caller->grant_id)),
             BARE_TEXT(AA_VIEW("127.0.0.1")), BARE_TEXT(AA_VIEW("abcdefghijkmnpqr")),
             BARE_TEXT(AA_VIEW("{\"scope\":\"files:read files:write\"}")), BARE_BLOB(aa_view_make(hash, sizeof hash)),
             BARE_BLOB(aa_view_make(hash, sizeof hash)));
    BARE_RUN(caller->bare, BARE_AUDIT_HASH, BARE_INT(chain), BARE_BLOB(aa_view_make(hash, sizeof hash)));
}

static void bare_rotate(struct caller *caller)
{
    struct aa_access_token access = bench_access_row(caller);
    struct aa_refresh_token next = bench_refresh_row(caller, caller->next_key);

    bare_parties(caller);
    BARE_RUN(caller->bare, BARE_ROTATE, BARE_BLOB(TOKEN_KEY(caller->refresh_key)), BARE_BLOB(sealed()),
             BARE_INT(caller->bench->now_ms));
    BARE_RUN(caller->bare, BARE_ADD_REFRESH, BARE_BLOB(next.token_key), BARE_TEXT(next.grant_id),
             BARE_TEXT(next.client_id), BARE_TEXT(next.user_id), BARE_TEXT(next.server_id), BARE_TEXT(next.scope),
             BARE_INT(next.issued_ms), BARE_INT(next.expires_ms));
    BARE_RUN(caller->bare, BARE_ADD_ACCESS, BARE_BLOB(access.token_key), BARE_TEXT(access.jti),
             BARE_TEXT(access.grant_id), BARE_TEXT(access.scope), BARE_TEXT(access.audience),
             BARE_INT(access.issued_ms), BARE_INT(access.expires_ms));
    bare_audit(caller);
    memcpy(caller->refresh_key, caller->next_key, AA_DIGEST_KEY_LEN);
}

/* One commit of `group` refreshes. */
static void do_bare_refresh(struct caller *caller)
{
    bare_run(caller->bare, BARE_BEGIN_WRITE, NULL, 0);
    for (int i = 0; i < caller->bench->group; i++) {
        prepare_refresh(caller);
        BARE_RUN(caller->bare, BARE_FIND_REFRESH, BARE_BLOB(TOKEN_KEY(caller->refresh_key)));
        bare_parties(caller);
        bare_rotate(caller);
    }
    bare_run(caller->bare, BARE_COMMIT, NULL, 0);
}

static void do_bare_introspect(struct caller *caller)
{
    choose_live(caller);
    BARE_RUN(caller->bare, BARE_FIND_LIVE, BARE_BLOB(TOKEN_KEY(caller->access_key)));
}

static const struct {
    const char *name;
    void (*act)(struct caller *caller);
    bool is_bare, writes;
} subjects[] = {
    {"refresh", do_refresh, false, true},
    {"introspect", do_introspect, false, false},
    {"bare-refresh", do_bare_refresh, true, true},
    {"bare-introspect", do_bare_introspect, true, false},
};

/* ---- callers ---- */

static enum aa_err add_first(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    const struct caller *caller = ctx;
    struct aa_refresh_token row = bench_refresh_row(caller, caller->refresh_key);

    return aa_refresh_token_create(conn, &row, err);
}

static void caller_init(struct caller *caller, struct bench *bench, int number)
{
    struct aa_error err = AA_ERROR_INIT;

    *caller = (struct caller){.bench = bench, .seed = (uint64_t)read_ns() * 1000 + (uint64_t)number};
    caller->samples = calloc(SAMPLES_MAX, sizeof *caller->samples);
    caller->at_hand = calloc(KEYS_AT_HAND, sizeof *caller->at_hand);
    if (!caller->samples || !caller->at_hand)
        bench_die("callers", "out of memory");
    for (size_t i = 0; i < KEYS_AT_HAND; i++)
        bench_live_key(bench, (int64_t)(bench_random(&caller->seed) % (uint64_t)bench->tokens), caller->at_hand[i]);
    bench_name_parties(bench, number, caller->grant_id, caller->user_id, caller->client_id, caller->server_id);
    bench_fresh_key(caller, caller->refresh_key);
    bench_check(aa_db_write(bench->db, add_first, caller, &err), "callers", &err);
}

struct call {
    struct caller *caller;
    void (*act)(struct caller *caller);
};

static void *call_on(void *arg)
{
    struct call call = *(struct call *)arg;
    struct caller *caller = call.caller;

    while (!caller->bench->is_ending) {
        int64_t start = read_ns();

        call.act(caller);
        if (caller->bench->is_recording && caller->count < SAMPLES_MAX)
            caller->samples[caller->count++] = (uint32_t)(read_ns() - start);
    }
    return NULL;
}

static void pause_ns(int64_t ns)
{
    struct timespec pause = {ns / 1000000000, ns % 1000000000};

    nanosleep(&pause, NULL);
}

/* ---- figures ---- */

/* A sum or a count of the histogram of commits. */
static double read_metric(const struct bench *bench, const char *name)
{
    struct aa_buf text;
    const char *found;
    double value = 0;

    aa_buf_init(&text, AA_METRICS_TEXT_MAX);
    aa_metrics_write(bench->metrics, &text);
    found = strstr(aa_buf_text(&text), name);
    if (found)
        value = strtod(found + strlen(name), NULL);
    aa_buf_clear(&text);
    return value;
}

static int compare(const void *a, const void *b)
{
    uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;

    return left < right ? -1 : left > right;
}

static void print_result(const struct caller *callers, int count, int64_t ns, int operations, double group)
{
    size_t total = 0, at = 0;
    uint32_t *all;

    for (int i = 0; i < count; i++)
        total += callers[i].count;
    all = calloc(total + 1, sizeof *all);
    if (!all)
        bench_die("figures", "out of memory");
    for (int i = 0; i < count; i++) {
        memcpy(all + at, callers[i].samples, callers[i].count * sizeof *all);
        at += callers[i].count;
    }
    qsort(all, total, sizeof *all, compare);
    printf("RESULT %.1f %.1f %.1f %.2f\n", (double)total * operations / ((double)ns / 1e9), all[total / 2] / 1e3,
           all[total * 99 / 100] / 1e3, group);
    free(all);
}

static void measure(struct bench *bench, size_t subject, int callers_count, int64_t seconds)
{
    static struct caller callers[CALLERS_MAX];
    static struct call calls[CALLERS_MAX];
    double commits, rows;
    int64_t start, ns;

    for (int i = 0; i < callers_count; i++) {
        caller_init(&callers[i], bench, i);
        if (subjects[subject].is_bare)
            callers[i].bare = bare_open(bench->url);
        calls[i] = (struct call){&callers[i], subjects[subject].act};
    }
    for (int i = 0; i < callers_count; i++)
        if (pthread_create(&callers[i].thread, NULL, call_on, &calls[i]))
            bench_die("callers", "a thread could not be started");
    pause_ns(WARM_UP_NS);
    commits = read_metric(bench, "auth_agent_store_batch_size_count ");
    rows = read_metric(bench, "auth_agent_store_batch_size_sum ");
    start = read_ns();
    bench->is_recording = true;
    pause_ns(seconds * 1000000000);
    bench->is_recording = false;
    ns = read_ns() - start;
    commits = read_metric(bench, "auth_agent_store_batch_size_count ") - commits;
    rows = read_metric(bench, "auth_agent_store_batch_size_sum ") - rows;
    bench->is_ending = true;
    for (int i = 0; i < callers_count; i++) {
        pthread_join(callers[i].thread, NULL);
        if (callers[i].bare)
            bare_close(callers[i].bare);
    }
    print_result(callers, callers_count, ns, subjects[subject].is_bare && subjects[subject].writes ? bench->group : 1,
                 commits > 0 ? rows / commits : bench->group);
    for (int i = 0; i < callers_count; i++) {
        free(callers[i].samples);
        free(callers[i].at_hand);
    }
}

/* The bare engine has as many connections as the server would have; SQLite's one writer commits as many as it can. */
static int bare_callers(bool writes, bool is_remote, int callers)
{
    if (writes && !is_remote)
        return 1;
    return callers < BARE_CONNECTIONS ? callers : BARE_CONNECTIONS;
}

static size_t find_subject(const char *name)
{
    size_t i = 0;

    while (i < sizeof subjects / sizeof *subjects && strcmp(subjects[i].name, name) != 0)
        i++;
    return i;
}

static int usage(void)
{
    fputs("usage: store_bench fill URL TOKENS [SERVER_ID FILE]\n"
          "       store_bench WHAT URL CALLERS SECONDS [GROUP]\n",
          stderr);
    return 2;
}

static void run_fill(struct bench *bench, int argc, char **argv)
{
    bench->server_id = argc == 6 ? argv[4] : NULL;
    bench_fill(bench, strtoll(argv[3], NULL, 10), argc == 6 ? argv[5] : NULL);
}

static void run_measure(struct bench *bench, size_t subject, int argc, char **argv)
{
    struct aa_error err = AA_ERROR_INIT;
    int callers = (int)strtol(argv[3], NULL, 10);

    bench_check(aa_db_read(bench->db, bench_read_facts, bench, &err), "a database that was filled", &err);
    callers = callers < 1 ? 1 : callers > CALLERS_MAX ? CALLERS_MAX : callers;
    if (subjects[subject].is_bare)
        callers = bare_callers(subjects[subject].writes, bench->is_remote, callers);
    if (argc == 6)
        bench->group = (int)strtol(argv[5], NULL, 10);
    measure(bench, subject, callers, strtoll(argv[4], NULL, 10));
}

int main(int argc, char **argv)
{
    struct bench bench = {.group = 1};
    struct aa_db_options options = {.migrate = true};
    struct aa_error err = AA_ERROR_INIT;
    size_t subject = argc > 1 ? find_subject(argv[1]) : 0;
    bool fills = argc > 1 && strcmp(argv[1], "fill") == 0;

    if (fills ? argc != 4 && argc != 6 : argc < 5 || argc > 6 || subject == sizeof subjects / sizeof *subjects)
        return usage();
    bench_check(aa_crypto_init(&err), "OpenSSL", &err);
    bench_check(aa_metrics_new(&bench.metrics, &err), "metrics", &err);
    options.url = bench.url = argv[2];
    options.metrics = bench.metrics;
    bench_check(aa_db_open(&options, &bench.db, &err), "open", &err);
    bench.is_remote = aa_db_is_remote(bench.db);
    if (fills)
        run_fill(&bench, argc, argv);
    else
        run_measure(&bench, subject, argc, argv);
    aa_db_close(bench.db);
    aa_metrics_free(bench.metrics);
    return 0;
}

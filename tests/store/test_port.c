/* The port itself, whatever the engine: closures, statements, values. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/error.h"
#include "base/mem.h"
#include "support_race.h"

/* ---- helpers ---- */

/* A value of each kind goes there and comes back: one row, read before the statement ends. */
static void ask(struct aa_conn *c, const char *sql, struct aa_stmt **stmt)
{
    CHECK_OK(aa_stmt_prepare(c, sql, stmt, NULL));
}

static void step_to_row(struct aa_stmt *stmt)
{
    bool has_row = false;

    CHECK_OK(aa_stmt_step(stmt, &has_row, NULL));
    CHECK(has_row);
}

static void put_bytes(struct aa_conn *c, const char *name, struct aa_view bytes)
{
    CHECK_OK(aa_setting_put(c, VIEW(name), bytes, NULL));
}

static void check_bytes(struct aa_conn *c, const char *name, struct aa_view wanted)
{
    char *memory = NULL;
    struct aa_view value;

    CHECK_OK(aa_setting_get(c, VIEW(name), &memory, &value, NULL));
    CHECK_INT(value.len, wanted.len);
    CHECK(aa_view_equal(value, wanted));
    aa_record_clear(&memory);
}

/* ---- values ---- */

STORE_TEST(values, bytes_come_back_as_they_were_whatever_they_are)
{
    char all[256];

    for (int i = 0; i < 256; i++)
        all[i] = (char)i;
    put_bytes(c, "all", aa_view_make(all, sizeof all));
    check_bytes(c, "all", aa_view_make(all, sizeof all));
}

STORE_TEST(values, no_bytes_are_bytes_too)
{
    put_bytes(c, "none", VIEW(""));
    check_bytes(c, "none", VIEW(""));
}

STORE_TEST(values, a_long_value_comes_back_whole)
{
    size_t len = 1024 * 1024;
    char *bytes = malloc(len);

    CHECK(bytes != NULL);
    for (size_t i = 0; i < len; i++)
        bytes[i] = (char)(i * 31 >> 3);
    put_bytes(c, "long", aa_view_make(bytes, len));
    check_bytes(c, "long", aa_view_make(bytes, len));
    free(bytes);
}

STORE_TEST(values, numbers_come_back_at_both_ends_of_their_range)
{
    static const int64_t numbers[] = {INT64_MIN, INT64_MIN + 1, -1, 0, 1, INT64_C(1) << 53, INT64_MAX};

    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        int64_t failures, until_ms;

        CHECK_OK(aa_lockout_put(c, VIEW("k"), i == 0 ? 1 : (int64_t)i, numbers[i], 9, NULL));
        CHECK_OK(aa_lockout_find(c, VIEW("k"), &failures, &until_ms, NULL));
        CHECK(until_ms == numbers[i]);
    }
}

STORE_TEST(values, text_comes_back_in_any_script)
{
    static const char *const names[] = {"Žofie",  "北京市", "👩‍🚀 Ann", "a\tb\nc", "'; DROP TABLE users; --",
                                        "$1 ? :x"};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char id[16], email[32];
        struct aa_user user, found;

        snprintf(id, sizeof id, "usr_%zu", i);
        snprintf(email, sizeof email, "u%zu@example.com", i);
        user = sample_user(id, email);
        user.name = VIEW(names[i]);
        CHECK_OK(aa_user_create(c, &user, NULL));
        CHECK_OK(aa_user_find(c, VIEW(id), &found, NULL));
        CHECK_VIEW(found.name, names[i]);
        aa_record_clear(&found.memory);
    }
}

STORE_TEST(values, text_is_the_views_and_ends_where_it_ends)
{
    struct aa_user user = sample_user("usr_1", "ann@example.com"), found;
    char text[] = "usr_1 and more behind it";

    CHECK_OK(aa_user_create(c, &user, NULL));
    CHECK_OK(aa_user_find(c, aa_view_make(text, 5), &found, NULL));
    aa_record_clear(&found.memory);
    CHECK_ERR(aa_user_find(c, aa_view_make(text, 6), &found, NULL), AA_ERR_NOT_FOUND);
}

/* No input gives a 5xx: PostgreSQL would refuse these with an error of its own. */
STORE_TEST(values, text_that_is_none_is_not_found)
{
    static const char *const bad[] = {"\xff", "a\xc3", "\xed\xa0\x80", "\xc0\x80"};
    struct aa_user found;

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        CHECK_ERR(aa_user_find(c, VIEW(bad[i]), &found, NULL), AA_ERR_NOT_FOUND);
    CHECK_ERR(aa_user_find(c, aa_view_make("usr\0_1", 6), &found, NULL), AA_ERR_NOT_FOUND);
    CHECK_ERR(aa_user_set_disabled(c, VIEW("\xff"), 1, NULL), AA_ERR_NOT_FOUND);
}

STORE_TEST(values, text_that_is_none_is_not_stored_and_the_next_one_is)
{
    struct aa_user user = sample_user("usr_1", "ann@example.com"), found;

    user.name = VIEW("Ann \xff");
    CHECK_ERR(aa_user_create(c, &user, NULL), AA_ERR_UTF8);
    user.name = aa_view_make("Ann\0Ann", 7);
    CHECK_ERR(aa_user_create(c, &user, NULL), AA_ERR_UTF8);
    user.name = VIEW("Ann");
    CHECK_OK(aa_user_create(c, &user, NULL));
    CHECK_OK(aa_user_find(c, VIEW("usr_1"), &found, NULL));
    CHECK_VIEW(found.name, "Ann");
    aa_record_clear(&found.memory);
}

STORE_TEST(values, null_is_told_from_empty)
{
    struct aa_stmt *stmt = NULL;

    ask(c, "SELECT name, password_phc FROM users WHERE user_id = $1", &stmt);
    aa_stmt_end(stmt);
    CHECK_OK(aa_user_create(c, &(struct aa_user){.user_id = VIEW("u"), .email = VIEW("e"), .name = VIEW("")}, NULL));
    ask(c, "SELECT name, password_phc, created_ms FROM users WHERE user_id = $1", &stmt);
    aa_stmt_bind_text(stmt, 1, VIEW("u"));
    step_to_row(stmt);
    CHECK(!aa_stmt_is_null(stmt, 0));
    CHECK_VIEW(aa_stmt_text(stmt, 0), "");
    CHECK(aa_stmt_is_null(stmt, 1));
    CHECK(aa_view_is_absent(aa_stmt_text(stmt, 1)));
    CHECK(aa_view_is_absent(aa_stmt_blob(stmt, 1)));
    CHECK_INT(aa_stmt_int(stmt, 2), 0);
    aa_stmt_end(stmt);
}

/* ---- statements ---- */

STORE_TEST(statements, placeholders_are_bound_by_their_number_wherever_they_stand)
{
    struct aa_user user = sample_user("usr_1", "ann@example.com");
    struct aa_stmt *stmt = NULL;

    CHECK_OK(aa_user_create(c, &user, NULL));
    ask(c, "SELECT email FROM users WHERE disabled_ms < $2 AND user_id = $1 AND created_ms < $2", &stmt);
    aa_stmt_bind_text(stmt, 1, VIEW("usr_1"));
    aa_stmt_bind_int(stmt, 2, 1001);
    step_to_row(stmt);
    CHECK_VIEW(aa_stmt_text(stmt, 0), "ann@example.com");
    aa_stmt_end(stmt);
}

STORE_TEST(statements, what_was_bound_once_is_not_bound_the_next_time)
{
    static const char sql[] = "SELECT count(*) FROM users WHERE user_id = $1";
    struct aa_user user = sample_user("usr_1", "ann@example.com");
    struct aa_stmt *stmt = NULL;

    CHECK_OK(aa_user_create(c, &user, NULL));
    ask(c, sql, &stmt);
    aa_stmt_bind_text(stmt, 1, VIEW("usr_1"));
    step_to_row(stmt);
    CHECK_INT(aa_stmt_int(stmt, 0), 1);
    aa_stmt_end(stmt);
    ask(c, sql, &stmt);
    aa_stmt_bind_null(stmt, 1);
    step_to_row(stmt);
    CHECK_INT(aa_stmt_int(stmt, 0), 0);
    aa_stmt_end(stmt);
}

STORE_TEST(statements, after_the_last_row_there_is_none)
{
    struct aa_stmt *stmt = NULL;
    bool has_row = true;

    ask(c, "SELECT count(*) FROM users", &stmt);
    step_to_row(stmt);
    CHECK_OK(aa_stmt_step(stmt, &has_row, NULL));
    CHECK(!has_row);
    aa_stmt_end(stmt);
    ask(c, "SELECT user_id FROM users", &stmt);
    CHECK_OK(aa_stmt_step(stmt, &has_row, NULL));
    CHECK(!has_row);
    aa_stmt_end(stmt);
    aa_stmt_end(NULL);
}

STORE_TEST(statements, one_may_run_inside_itself)
{
    static const char sql[] = "SELECT user_id FROM users ORDER BY user_id";
    struct aa_user one = sample_user("usr_1", "a@example.com"), two = sample_user("usr_2", "b@example.com");
    struct aa_stmt *outer = NULL, *inner = NULL;

    CHECK_OK(aa_user_create(c, &one, NULL));
    CHECK_OK(aa_user_create(c, &two, NULL));
    ask(c, sql, &outer);
    step_to_row(outer);
    ask(c, sql, &inner);
    step_to_row(inner);
    step_to_row(inner);
    CHECK_VIEW(aa_stmt_text(inner, 0), "usr_2");
    aa_stmt_end(inner);
    CHECK_VIEW(aa_stmt_text(outer, 0), "usr_1");
    step_to_row(outer);
    CHECK_VIEW(aa_stmt_text(outer, 0), "usr_2");
    aa_stmt_end(outer);
}

STORE_TEST(statements, more_of_them_than_are_kept_still_run)
{
    static char texts[400][48];

    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 400; i++) {
            struct aa_stmt *stmt = NULL;

            snprintf(texts[i], sizeof texts[i], "SELECT %d + count(*) FROM users", i);
            ask(c, texts[i], &stmt);
            step_to_row(stmt);
            CHECK_INT(aa_stmt_int(stmt, 0), i);
            aa_stmt_end(stmt);
        }
    }
}

STORE_TEST(statements, the_changed_rows_are_counted)
{
    struct aa_user one = sample_user("usr_1", "a@example.com"), two = sample_user("usr_2", "b@example.com");
    struct aa_stmt *stmt = NULL;
    bool has_row;

    CHECK_OK(aa_user_create(c, &one, NULL));
    CHECK_OK(aa_user_create(c, &two, NULL));
    ask(c, "UPDATE users SET disabled_ms = 5 WHERE created_ms = $1", &stmt);
    aa_stmt_bind_int(stmt, 1, 1000);
    CHECK_OK(aa_stmt_step(stmt, &has_row, NULL));
    CHECK_INT(aa_conn_changes(c), 2);
    aa_stmt_end(stmt);
    ask(c, "UPDATE users SET disabled_ms = 5 WHERE created_ms = $1", &stmt);
    aa_stmt_bind_int(stmt, 1, 1001);
    CHECK_OK(aa_stmt_step(stmt, &has_row, NULL));
    CHECK_INT(aa_conn_changes(c), 0);
    aa_stmt_end(stmt);
}

/* ---- closures ---- */

struct put {
    const char *name;
    enum aa_err then; /* what the closure returns after it has written */
};

static enum aa_err put_setting(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    struct put *put = ctx;
    enum aa_err rc = aa_setting_put(conn, VIEW(put->name), VIEW("v"), err);

    if (!rc && put->then)
        aa_fail(err, put->then, "%s", "as told");
    return rc ? rc : put->then;
}

static enum aa_err get_setting(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    char *memory = NULL;
    struct aa_view value;
    enum aa_err rc = aa_setting_get(conn, VIEW(ctx), &memory, &value, err);

    aa_record_clear(&memory);
    return rc;
}

static bool has_setting(struct aa_db *db, const char *name)
{
    char text[32];
    enum aa_err rc;

    snprintf(text, sizeof text, "%s", name);
    rc = aa_db_read(db, get_setting, text, NULL);
    CHECK(rc == AA_OK || rc == AA_ERR_NOT_FOUND);
    return rc == AA_OK;
}

TEST(closures, one_that_succeeds_is_there_for_everybody_at_once)
{
    struct shared_store store;
    struct put put = {"good", AA_OK};

    shared_open(&store);
    CHECK(!has_setting(store.f.db, "good"));
    CHECK_OK(aa_db_write(store.f.db, put_setting, &put, NULL));
    CHECK(has_setting(store.f.db, "good"));
    CHECK(has_setting(store.second, "good"));
    shared_close(&store);
}

TEST(closures, one_that_fails_leaves_nothing_and_tells_its_own_code_and_words)
{
    static const enum aa_err codes[] = {AA_ERR_CONFLICT, AA_ERR_NOT_FOUND, AA_ERR_REQUEST_MALFORMED, AA_ERR_STORE};
    struct shared_store store;

    shared_open(&store);
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        struct put put = {"bad", codes[i]};
        struct aa_error err = AA_ERROR_INIT;

        CHECK_ERR(aa_db_write(store.f.db, put_setting, &put, &err), codes[i]);
        CHECK_ERR(err.code, codes[i]);
        CHECK_TEXT(err.message, "as told");
        CHECK(!has_setting(store.f.db, "bad"));
    }
    shared_close(&store);
}

TEST(closures, a_write_inside_a_read_fails_and_a_write_does_it)
{
    struct shared_store store;
    struct put put = {"x", AA_OK};

    shared_open(&store);
    CHECK_ERR(aa_db_read(store.f.db, put_setting, &put, NULL), AA_ERR_STORE_READONLY);
    CHECK_ERR(aa_db_snapshot(store.f.db, put_setting, &put, NULL), AA_ERR_STORE_READONLY);
    CHECK(!has_setting(store.f.db, "x"));
    CHECK_OK(aa_db_write(store.f.db, put_setting, &put, NULL));
    CHECK(has_setting(store.f.db, "x"));
    shared_close(&store);
}

static enum aa_err collide_and_go_on(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    struct aa_user user = sample_user("usr_1", "other@example.com");
    enum aa_err rc = aa_user_create(conn, &user, NULL);

    (void)ctx;
    if (rc != AA_ERR_CONFLICT)
        return AA_ERR_STORE;
    user.user_id = VIEW("usr_2");
    return aa_user_create(conn, &user, err);
}

static enum aa_err find_user(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    struct aa_user user = {0};
    enum aa_err rc = aa_user_find(conn, VIEW(ctx), &user, err);

    aa_record_clear(&user.memory);
    return rc;
}

TEST(closures, one_goes_on_after_a_conflict_and_all_it_did_is_there)
{
    struct shared_store store;
    char id[] = "usr_2";

    shared_open(&store);
    CHECK_OK(aa_db_write(store.f.db, collide_and_go_on, NULL, NULL));
    CHECK_OK(aa_db_read(store.f.db, find_user, id, NULL));
    shared_close(&store);
}

static enum aa_err write_then_read(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    enum aa_err rc = aa_setting_put(conn, VIEW(ctx), VIEW("v"), err);

    return rc ? rc : get_setting(conn, ctx, err);
}

TEST(closures, one_reads_what_it_wrote)
{
    struct shared_store store;
    char name[] = "mine";

    shared_open(&store);
    CHECK_OK(aa_db_write(store.f.db, write_then_read, name, NULL));
    shared_close(&store);
}

struct peek {
    struct aa_db *db;
    bool before, after;
};

/* What another process commits in the middle of it. */
static enum aa_err look_twice(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    struct peek *peek = ctx;
    struct put put = {"between", AA_OK};
    char name[] = "between";

    peek->before = get_setting(conn, name, NULL) == AA_OK;
    CHECK_OK(aa_db_write(peek->db, put_setting, &put, NULL));
    peek->after = get_setting(conn, name, NULL) == AA_OK;
    (void)err;
    return AA_OK;
}

TEST(closures, a_snapshot_sees_one_state)
{
    struct shared_store store;
    struct peek peek = {.before = true, .after = true};

    shared_open(&store);
    peek.db = store.second;
    CHECK_OK(aa_db_snapshot(store.f.db, look_twice, &peek, NULL));
    CHECK(!peek.before);
    CHECK(!peek.after);
    CHECK(has_setting(store.f.db, "between"));
    shared_close(&store);
}

static enum aa_err make_mistake(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    struct aa_stmt *stmt = NULL;
    bool has_row;
    enum aa_err rc = aa_stmt_prepare(conn, "SELECT secret FROM no_such_table", &stmt, err);

    (void)ctx;
    if (rc)
        return rc;
    rc = aa_stmt_step(stmt, &has_row, err);
    aa_stmt_end(stmt);
    return rc;
}

TEST(closures, a_mistake_in_a_statement_is_an_error_and_harms_nobody)
{
    struct shared_store store;
    struct aa_error err = AA_ERROR_INIT;
    struct put put = {"x", AA_OK};

    shared_open(&store);
    CHECK_ERR(aa_db_write(store.f.db, make_mistake, NULL, &err), AA_ERR_STORE);
    CHECK(err.message[0] != '\0');
    CHECK_ERR(aa_db_read(store.f.db, make_mistake, NULL, NULL), AA_ERR_STORE);
    CHECK_OK(aa_db_write(store.f.db, put_setting, &put, NULL));
    CHECK(has_setting(store.f.db, "x"));
    shared_close(&store);
}

/* A row that belongs to nothing ends a PostgreSQL transaction; what was done before it goes too, on either engine. */
static enum aa_err orphan(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    struct aa_grant grant = sample_grant("gr_orphan");
    enum aa_err rc = aa_setting_put(conn, VIEW("before"), VIEW("v"), err);

    (void)ctx;
    grant.user_id = VIEW("usr_nobody");
    return rc ? rc : aa_grant_create(conn, &grant, err);
}

TEST(closures, a_row_that_belongs_to_nothing_takes_its_closure_along)
{
    struct shared_store store;

    shared_open(&store);
    CHECK_ERR(aa_db_write(store.f.db, orphan, NULL, NULL), AA_ERR_NOT_FOUND);
    CHECK(!has_setting(store.f.db, "before"));
    shared_close(&store);
}

/* The first run's leftovers, in the context and in the database, must not show. */
struct tally {
    int runs;
    int64_t failures;
};

static enum aa_err count_run(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    struct tally *tally = ctx;

    tally->runs++;
    return aa_lockout_add(conn, VIEW("k"), 1000, 9000, &tally->failures, err);
}

TEST(closures, a_run_that_came_to_nothing_leaves_nothing)
{
    struct shared_store store;
    struct tally tally = {0};

    shared_open(&store);
    aa_db_rerun_writes(true);
    CHECK_OK(aa_db_write(store.f.db, count_run, &tally, NULL));
    aa_db_rerun_writes(false);
    CHECK_INT(tally.runs, 2);
    CHECK_INT(tally.failures, 1);
    CHECK_OK(aa_db_write(store.f.db, count_run, &tally, NULL));
    CHECK_INT(tally.runs, 3);
    CHECK_INT(tally.failures, 2);
    shared_close(&store);
}

static enum aa_err take_lock(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    return aa_conn_try_lock(conn, 77, ctx, err);
}

TEST(closures, a_lock_ends_with_its_transaction)
{
    struct shared_store store;
    bool taken = false;

    shared_open(&store);
    for (int i = 0; i < 3; i++) {
        taken = false;
        CHECK_OK(aa_db_write(i % 2 ? store.second : store.f.db, take_lock, &taken, NULL));
        CHECK(taken);
    }
    shared_close(&store);
}

TEST(closures, a_database_opened_for_reading_is_not_written)
{
    struct shared_store store;
    struct aa_db_options options;
    struct aa_db *reader = NULL;
    struct put put = {"x", AA_OK};

    shared_open(&store);
    options = store_options(&store.f);
    options.read_only = options.must_exist = true;
    CHECK_OK(aa_db_write(store.f.db, put_setting, &put, NULL));
    CHECK_OK(aa_db_open(&options, &reader, NULL));
    CHECK(has_setting(reader, "x"));
    put.name = "y";
    CHECK_ERR(aa_db_write(reader, put_setting, &put, NULL), AA_ERR_STORE_READONLY);
    CHECK(!has_setting(reader, "y"));
    aa_db_close(reader);
    shared_close(&store);
}

TEST(closures, a_database_that_answers_is_ready)
{
    struct shared_store store;

    shared_open(&store);
    CHECK_OK(aa_db_check(store.f.db, NULL));
    CHECK(aa_db_place(store.f.db)[0] != '\0');
    CHECK_INT(aa_db_is_remote(store.f.db), store_is_remote());
    shared_close(&store);
}

/* Out of memory is an ordinary error; libpq's and SQLite's own memory is theirs. */
TEST(closures, running_out_of_memory_is_told_and_passes)
{
    struct shared_store store;
    char name[] = "x";
    struct put put = {"x", AA_OK};

    shared_open(&store);
    CHECK_OK(aa_db_write(store.f.db, put_setting, &put, NULL));
    for (size_t nth = 1;; nth++) {
        enum aa_err rc;

        aa_mem_fail_at(nth, true);
        rc = aa_db_read(store.f.db, get_setting, name, NULL);
        aa_mem_fail_at(0, false);
        if (!rc)
            break;
        CHECK_ERR(rc, AA_ERR_NOMEM);
        CHECK(nth < 50);
    }
    CHECK_OK(aa_db_write(store.f.db, put_setting, &put, NULL));
    shared_close(&store);
}

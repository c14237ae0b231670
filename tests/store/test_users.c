#include <stdio.h>

#include "server/support_store.h"

STORE_TEST(users, a_person_is_found_by_id_as_it_was_put)
{
    struct aa_user user = sample_user("usr_1", "Ann@Example.com"), found;

    CHECK_OK(aa_user_create(c, &user, NULL));
    CHECK_OK(aa_user_find(c, VIEW("usr_1"), &found, NULL));
    CHECK_VIEW(found.user_id, "usr_1");
    CHECK_VIEW(found.email, "Ann@Example.com");
    CHECK_VIEW(found.name, "Ann Example");
    CHECK_VIEW(found.password_phc, "$argon2id$v=19$m=1,t=1,p=1$c2FsdA$aGFzaA");
    CHECK_INT(found.created_ms, 1000);
    CHECK_INT(found.disabled_ms, 0);
    aa_record_clear(&found.memory);
    CHECK_ERR(aa_user_find(c, VIEW("usr_2"), &found, NULL), AA_ERR_NOT_FOUND);
}

STORE_TEST(users, absent_members_come_back_absent_and_empty_ones_empty)
{
    struct aa_user user = {.user_id = VIEW("usr_1"), .email = VIEW("a@b.example"), .name = VIEW("")}, found;

    CHECK_OK(aa_user_create(c, &user, NULL));
    CHECK_OK(aa_user_find(c, VIEW("usr_1"), &found, NULL));
    CHECK(aa_view_is_absent(found.password_phc));
    CHECK(!aa_view_is_absent(found.name));
    CHECK_INT(found.name.len, 0);
    aa_record_clear(&found.memory);
    CHECK(found.memory == NULL);
    aa_record_clear(&found.memory);
}

STORE_TEST(users, an_email_address_is_found_and_taken_whatever_its_case)
{
    struct aa_user user = sample_user("usr_1", "Ann@Example.com"), again = sample_user("usr_2", "ann@EXAMPLE.com");
    struct aa_user other = sample_user("usr_2", "bob@example.com"), found;

    CHECK_OK(aa_user_create(c, &user, NULL));
    CHECK_OK(aa_user_find_by_email(c, VIEW("ANN@example.COM"), &found, NULL));
    CHECK_VIEW(found.user_id, "usr_1");
    aa_record_clear(&found.memory);
    CHECK_ERR(aa_user_find_by_email(c, VIEW("bob@example.com"), &found, NULL), AA_ERR_NOT_FOUND);
    CHECK_ERR(aa_user_create(c, &again, NULL), AA_ERR_CONFLICT);
    CHECK_OK(aa_user_create(c, &other, NULL));
    CHECK_ERR(aa_user_create(c, &other, NULL), AA_ERR_CONFLICT);
}

static void check_fold(struct aa_conn *c, struct aa_view email, struct aa_view wanted)
{
    struct aa_buf folded;

    aa_buf_init(&folded, 512);
    CHECK_OK(aa_email_fold(c, email, &folded, NULL));
    CHECK(aa_view_equal(aa_buf_view(&folded), wanted) || (folded.len == 0 && wanted.len == 0));
    aa_buf_clear(&folded);
}

STORE_TEST(users, an_email_address_is_folded_as_it_is_looked_up)
{
    struct aa_user user = sample_user("usr_1", "j\u00f6rg@example.com"), found;
    bool same;

    check_fold(c, VIEW("Ann@EXAMPLE.com"), VIEW("ann@example.com"));
    check_fold(c, VIEW("bob@example.com"), VIEW("bob@example.com"));
    check_fold(c, VIEW("Ann\xff"), VIEW("Ann\xff"));
    check_fold(c, aa_view_make("A\0B", 3), aa_view_make("A\0B", 3));
    check_fold(c, VIEW(""), VIEW(""));
    check_fold(c, (struct aa_view){NULL, 0}, VIEW(""));
    /* Whether these two are one depends on the database's locale. */
    CHECK_OK(aa_user_create(c, &user, NULL));
    same = aa_user_find_by_email(c, VIEW("J\u00d6RG@example.com"), &found, NULL) == AA_OK;
    if (same)
        aa_record_clear(&found.memory);
    check_fold(c, VIEW("J\u00d6RG@example.com"), VIEW(same ? "j\u00f6rg@example.com" : "j\u00d6rg@example.com"));
}

STORE_TEST(users, texts_that_look_like_sql_are_only_texts)
{
    struct aa_user user = sample_user("usr_1", "x'); DROP TABLE users; --@example.com"), found;

    CHECK_OK(aa_user_create(c, &user, NULL));
    CHECK_OK(aa_user_find_by_email(c, VIEW("x'); DROP TABLE users; --@example.com"), &found, NULL));
    aa_record_clear(&found.memory);
    CHECK_ERR(aa_user_find_by_email(c, VIEW("' OR '1'='1"), &found, NULL), AA_ERR_NOT_FOUND);
}

static struct aa_session session_of(struct aa_view digest, const char *user_id)
{
    return (struct aa_session){
        .session_digest = digest, .user_id = VIEW(user_id), .created_ms = 10, .authenticated_ms = 20, .expires_ms = 30};
}

STORE_TEST(users, a_new_password_ends_that_persons_sessions_and_no_others)
{
    struct aa_user ann = sample_user("usr_1", "ann@example.com"), bob = sample_user("usr_2", "bob@example.com"), found;
    struct aa_session first = session_of(key_of(1, 'a'), "usr_1"), other = session_of(key_of(1, 'b'), "usr_2"), session;

    CHECK_OK(aa_user_create(c, &ann, NULL));
    CHECK_OK(aa_user_create(c, &bob, NULL));
    CHECK_OK(aa_session_create(c, &first, NULL));
    CHECK_OK(aa_session_create(c, &other, NULL));
    CHECK_OK(aa_user_set_password(c, VIEW("usr_1"), VIEW("$new"), NULL));
    CHECK_OK(aa_user_find(c, VIEW("usr_1"), &found, NULL));
    CHECK_VIEW(found.password_phc, "$new");
    aa_record_clear(&found.memory);
    CHECK_ERR(aa_session_find(c, key_of(1, 'a'), &session, NULL), AA_ERR_NOT_FOUND);
    CHECK_OK(aa_session_find(c, key_of(1, 'b'), &session, NULL));
    aa_record_clear(&session.memory);
    CHECK_ERR(aa_user_set_password(c, VIEW("usr_3"), VIEW("$new"), NULL), AA_ERR_NOT_FOUND);
}

STORE_TEST(users, a_person_is_disabled_and_enabled_again)
{
    struct aa_user user = sample_user("usr_1", "ann@example.com"), found;

    CHECK_OK(aa_user_create(c, &user, NULL));
    CHECK_OK(aa_user_set_disabled(c, VIEW("usr_1"), 77, NULL));
    CHECK_OK(aa_user_find(c, VIEW("usr_1"), &found, NULL));
    CHECK_INT(found.disabled_ms, 77);
    aa_record_clear(&found.memory);
    CHECK_OK(aa_user_set_disabled(c, VIEW("usr_1"), 0, NULL));
    CHECK_OK(aa_user_find(c, VIEW("usr_1"), &found, NULL));
    CHECK_INT(found.disabled_ms, 0);
    aa_record_clear(&found.memory);
    CHECK_ERR(aa_user_set_disabled(c, VIEW("usr_2"), 1, NULL), AA_ERR_NOT_FOUND);
}

STORE_TEST(users, people_are_listed_in_the_order_they_came)
{
    struct aa_user ann = sample_user("usr_b", "ann@example.com"), bob = sample_user("usr_a", "bob@example.com");
    struct rows rows = {0};

    bob.created_ms = 2000;
    CHECK_OK(aa_user_list(c, rows_note, &rows, NULL));
    CHECK_INT(rows.count, 0);
    CHECK_OK(aa_user_create(c, &bob, NULL));
    CHECK_OK(aa_user_create(c, &ann, NULL));
    CHECK_OK(aa_user_list(c, rows_note, &rows, NULL));
    CHECK_INT(rows.count, 2);
    CHECK_TEXT(rows.first[0], "usr_b");
    CHECK_TEXT(rows.first[1], "usr_a");
}

static enum aa_err stop_at_once(void *ctx, const void *record, struct aa_error *err)
{
    (void)record;
    (void)err;
    ++*(int *)ctx;
    return AA_ERR_CLOSED;
}

STORE_TEST(users, a_list_stops_when_its_reader_says_so)
{
    struct aa_user ann = sample_user("usr_1", "ann@example.com"), bob = sample_user("usr_2", "bob@example.com");
    int calls = 0;

    CHECK_OK(aa_user_create(c, &ann, NULL));
    CHECK_OK(aa_user_create(c, &bob, NULL));
    CHECK_ERR(aa_user_list(c, stop_at_once, &calls, NULL), AA_ERR_CLOSED);
    CHECK_INT(calls, 1);
}

struct nested {
    struct aa_conn *c;
    size_t inner;
};

static enum aa_err list_inside(void *ctx, const void *record, struct aa_error *err)
{
    struct nested *nested = ctx;
    struct rows rows = {0};
    enum aa_err rc = aa_user_list(nested->c, rows_note, &rows, err);

    (void)record;
    nested->inner += rows.count;
    return rc;
}

STORE_TEST(users, a_list_may_be_read_inside_the_same_list)
{
    struct aa_user ann = sample_user("usr_1", "ann@example.com"), bob = sample_user("usr_2", "bob@example.com");
    struct nested nested = {c, 0};

    CHECK_OK(aa_user_create(c, &ann, NULL));
    CHECK_OK(aa_user_create(c, &bob, NULL));
    CHECK_OK(aa_user_list(c, list_inside, &nested, NULL));
    CHECK_INT(nested.inner, 4);
}

STORE_TEST(sessions, a_session_is_found_by_its_digest_until_it_is_deleted)
{
    struct aa_user ann = sample_user("usr_1", "ann@example.com");
    struct aa_session session = session_of(key_of(1, 'a'), "usr_1"), found;

    CHECK_OK(aa_user_create(c, &ann, NULL));
    CHECK_OK(aa_session_create(c, &session, NULL));
    CHECK_OK(aa_session_find(c, key_of(1, 'a'), &found, NULL));
    CHECK(aa_view_equal(found.session_digest, key_of(1, 'a')));
    CHECK_VIEW(found.user_id, "usr_1");
    CHECK_INT(found.created_ms, 10);
    CHECK_INT(found.authenticated_ms, 20);
    CHECK_INT(found.expires_ms, 30);
    aa_record_clear(&found.memory);
    CHECK_OK(aa_session_delete(c, key_of(1, 'a'), NULL));
    CHECK_ERR(aa_session_find(c, key_of(1, 'a'), &found, NULL), AA_ERR_NOT_FOUND);
    CHECK_OK(aa_session_delete(c, key_of(1, 'a'), NULL)); /* none is fine */
}

STORE_TEST(sessions, all_sessions_of_a_person_end_together)
{
    struct aa_user ann = sample_user("usr_1", "ann@example.com"), bob = sample_user("usr_2", "bob@example.com");
    struct aa_session a = session_of(key_of(1, 'a'), "usr_1"), b = session_of(key_of(1, 'b'), "usr_1");
    struct aa_session other = session_of(key_of(1, 'c'), "usr_2"), found;

    CHECK_OK(aa_user_create(c, &ann, NULL));
    CHECK_OK(aa_user_create(c, &bob, NULL));
    CHECK_OK(aa_session_create(c, &a, NULL));
    CHECK_OK(aa_session_create(c, &b, NULL));
    CHECK_OK(aa_session_create(c, &other, NULL));
    CHECK_OK(aa_session_delete_of_user(c, VIEW("usr_1"), NULL));
    CHECK_ERR(aa_session_find(c, key_of(1, 'a'), &found, NULL), AA_ERR_NOT_FOUND);
    CHECK_ERR(aa_session_find(c, key_of(1, 'b'), &found, NULL), AA_ERR_NOT_FOUND);
    CHECK_OK(aa_session_find(c, key_of(1, 'c'), &found, NULL));
    aa_record_clear(&found.memory);
}

STORE_TEST(sessions, nobody_has_no_session)
{
    struct aa_session session = session_of(key_of(1, 'a'), "usr_nobody");

    CHECK_ERR(aa_session_create(c, &session, NULL), AA_ERR_NOT_FOUND);
}

static void put_session(struct aa_conn *c, char letter, const char *user_id, int64_t created_ms, int64_t expires_ms)
{
    struct aa_session session = session_of(key_of(1, letter), user_id);

    session.created_ms = created_ms;
    session.expires_ms = expires_ms;
    CHECK_OK(aa_session_create(c, &session, NULL));
}

/* Ann's a, b, d (over at 30) and Bob's c. */
static void put_sessions(struct aa_conn *c)
{
    struct aa_user ann = sample_user("usr_1", "ann@example.com"), bob = sample_user("usr_2", "bob@example.com");

    CHECK_OK(aa_user_create(c, &ann, NULL));
    CHECK_OK(aa_user_create(c, &bob, NULL));
    put_session(c, 'a', "usr_1", 10, 100);
    put_session(c, 'b', "usr_1", 20, 100);
    put_session(c, 'd', "usr_1", 25, 30);
    put_session(c, 'c', "usr_2", 10, 100);
}

STORE_TEST(sessions, all_but_one_of_a_person_end)
{
    struct aa_session found;
    int64_t ended = -1;

    put_sessions(c);
    CHECK_OK(aa_session_delete_others(c, VIEW("usr_1"), key_of(1, 'a'), 29, &ended, NULL));
    CHECK_INT(ended, 2);
    CHECK_OK(aa_session_find(c, key_of(1, 'a'), &found, NULL));
    aa_record_clear(&found.memory);
    CHECK_ERR(aa_session_find(c, key_of(1, 'b'), &found, NULL), AA_ERR_NOT_FOUND);
    CHECK_ERR(aa_session_find(c, key_of(1, 'd'), &found, NULL), AA_ERR_NOT_FOUND);
    CHECK_OK(aa_session_find(c, key_of(1, 'c'), &found, NULL));
    aa_record_clear(&found.memory);
    CHECK_OK(aa_session_delete_others(c, VIEW("usr_1"), key_of(1, 'a'), 29, &ended, NULL));
    CHECK_INT(ended, 0);
}

STORE_TEST(sessions, those_that_were_over_go_too_but_do_not_count)
{
    struct aa_session found;
    int64_t ended = -1;

    put_sessions(c);
    CHECK_OK(aa_session_delete_others(c, VIEW("usr_1"), key_of(1, 'a'), 30, &ended, NULL));
    CHECK_INT(ended, 1);
    CHECK_ERR(aa_session_find(c, key_of(1, 'd'), &found, NULL), AA_ERR_NOT_FOUND);
}

static enum aa_err note_created(void *ctx, const void *record, struct aa_error *err)
{
    char *out = ctx;

    (void)err;
    snprintf(out + strlen(out), 64 - strlen(out), "%d ", (int)((const struct aa_session *)record)->created_ms);
    return AA_OK;
}

static void check_sessions(struct aa_conn *c, char letter, int64_t now_ms, int64_t limit, const char *wanted)
{
    char found[64] = "";

    CHECK_OK(aa_session_list(c, VIEW("usr_1"), key_of(1, letter), now_ms, limit, note_created, found, NULL));
    CHECK_TEXT(found, wanted);
}

STORE_TEST(sessions, those_that_are_not_over_are_listed_the_one_that_asks_first)
{
    put_sessions(c);
    check_sessions(c, 'a', 29, 9, "10 25 20 ");
    check_sessions(c, 'a', 30, 9, "10 20 ");
    check_sessions(c, 'b', 30, 9, "20 10 ");
    check_sessions(c, 'a', 29, 2, "10 25 ");
    check_sessions(c, 'a', 100, 9, "");
}

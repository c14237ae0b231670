/* What introspection tells of a token's person is the grant's copy of it: the database keeps that true, also for those
 * who write past the program. */
#include <stdio.h>
#include <unistd.h>

#include "support_race.h"

static void run(struct aa_conn *c, const char *sql)
{
    CHECK_OK(c->driver->run(c, sql, NULL));
}

/* usr_1 with gr_1 and a token "t" of it; usr_2 with gr_2 and "u". */
static void two_people(struct aa_conn *c)
{
    struct aa_user other = sample_user("usr_2", "bob@example.com");
    struct aa_access_token token = sample_access(key_of(7, 't'));
    struct aa_grant grant = sample_grant("gr_2");

    CHECK_OK(store_people(c, NULL, NULL));
    CHECK_OK(aa_access_token_create(c, &token, NULL));
    CHECK_OK(aa_user_create(c, &other, NULL));
    grant.user_id = VIEW("usr_2");
    CHECK_OK(aa_grant_create(c, &grant, NULL));
    token = sample_access(key_of(7, 'u'));
    token.grant_id = VIEW("gr_2");
    CHECK_OK(aa_access_token_create(c, &token, NULL));
}

/* `email` and `name` NULL: absent. */
static void check_person(struct aa_conn *c, char letter, const char *email, const char *name, int64_t disabled_ms)
{
    struct aa_live_token live = {0};

    CHECK_OK(aa_live_token_find(c, key_of(7, letter), &live, NULL));
    if (email)
        CHECK_VIEW(live.email, email);
    else
        CHECK(aa_view_is_absent(live.email));
    if (name)
        CHECK_VIEW(live.name, name);
    else
        CHECK(aa_view_is_absent(live.name));
    CHECK_INT(live.user_disabled_ms, disabled_ms);
    aa_record_clear(&live.memory);
}

STORE_TEST(persons, a_person_edited_by_hand_is_told_as_they_are_now)
{
    two_people(c);
    run(c, "UPDATE users SET email = 'ann@new.example' WHERE user_id = 'usr_1'");
    check_person(c, 't', "ann@new.example", "Ann Example", 0);
    run(c, "UPDATE users SET name = NULL WHERE user_id = 'usr_1'");
    check_person(c, 't', "ann@new.example", NULL, 0);
    run(c, "UPDATE users SET name = 'Ann' WHERE user_id = 'usr_1'");
    check_person(c, 't', "ann@new.example", "Ann", 0);
    check_person(c, 'u', "bob@example.com", "Ann Example", 0);
}

STORE_TEST(persons, a_person_disabled_by_hand_has_no_live_token_until_enabled)
{
    two_people(c);
    run(c, "UPDATE users SET disabled_ms = 44 WHERE user_id = 'usr_1'");
    check_person(c, 't', "ann@example.com", "Ann Example", 44);
    check_person(c, 'u', "bob@example.com", "Ann Example", 0);
    run(c, "UPDATE users SET disabled_ms = 0 WHERE user_id = 'usr_1'");
    check_person(c, 't', "ann@example.com", "Ann Example", 0);
}

STORE_TEST(persons, a_grant_of_one_who_is_disabled_is_so_from_the_start)
{
    struct aa_access_token token = sample_access(key_of(7, 'v'));
    struct aa_grant grant = sample_grant("gr_3");

    two_people(c);
    CHECK_OK(aa_user_set_disabled(c, VIEW("usr_1"), 55, NULL));
    CHECK_OK(aa_grant_create(c, &grant, NULL));
    token.grant_id = VIEW("gr_3");
    CHECK_OK(aa_access_token_create(c, &token, NULL));
    check_person(c, 'v', "ann@example.com", "Ann Example", 55);
}

STORE_TEST(persons, a_grant_put_in_by_hand_says_what_its_person_says)
{
    struct aa_access_token token = sample_access(key_of(7, 'v'));

    two_people(c);
    run(c, "INSERT INTO grants (grant_id, user_no, user_id, client_id, server_id, created_ms, last_used_ms, "
           "revoked_ms) SELECT 'gr_3', user_no, user_id, 'cl_1', 'srv_1', 1, 1, 0 FROM users WHERE user_id = 'usr_2'");
    token.grant_id = VIEW("gr_3");
    CHECK_OK(aa_access_token_create(c, &token, NULL));
    check_person(c, 'v', "bob@example.com", "Ann Example", 0);
}

/* Somebody is made the same person as somebody else. */
STORE_TEST(persons, a_grant_that_is_moved_says_what_its_new_person_says)
{
    two_people(c);
    CHECK_OK(aa_user_set_disabled(c, VIEW("usr_2"), 88, NULL));
    run(c, "UPDATE users SET email = 'bob@new.example' WHERE user_id = 'usr_2'");
    run(c, "UPDATE grants SET user_id = 'usr_2', user_no = (SELECT user_no FROM users WHERE user_id = 'usr_2') "
           "WHERE user_id = 'usr_1'");
    check_person(c, 't', "bob@new.example", "Ann Example", 88);
    run(c, "UPDATE users SET disabled_ms = 0 WHERE user_id = 'usr_2'");
    check_person(c, 't', "bob@new.example", "Ann Example", 0);
}

STORE_TEST(persons, a_grant_whose_id_and_number_are_of_two_people_is_of_nobody)
{
    two_people(c);
    run(c, "UPDATE grants SET user_no = (SELECT user_no FROM users WHERE user_id = 'usr_2') WHERE user_id = 'usr_1'");
    if (store_is_remote())
        check_person(c, 't', NULL, NULL, 1);
    else
        check_person(c, 't', "ann@example.com", "Ann Example", 1);
    check_person(c, 'u', "bob@example.com", "Ann Example", 0);
}

static int64_t count_untrue(struct aa_conn *c)
{
    int64_t count = -1;

    CHECK_OK(aa_grant_count_untrue(c, &count, NULL));
    return count;
}

/* What went wrong while triggers were off, say. */
STORE_TEST(persons, saying_again_what_a_person_is_makes_the_copies_anew)
{
    two_people(c);
    run(c, "UPDATE grants SET user_email = 'eve@example.com', user_disabled_ms = 9 WHERE user_id = 'usr_1'");
    check_person(c, 't', "eve@example.com", "Ann Example", 9);
    CHECK_OK(aa_user_hold(c, VIEW("usr_1"), NULL)); /* every consent does: the grants stay as they are */
    CHECK_OK(aa_user_set_password(c, VIEW("usr_1"), VIEW("phc"), NULL));
    check_person(c, 't', "eve@example.com", "Ann Example", 9);
    CHECK_INT(count_untrue(c), 1);
    run(c, "UPDATE users SET disabled_ms = disabled_ms");
    check_person(c, 't', "ann@example.com", "Ann Example", 0);
    CHECK_INT(count_untrue(c), 0);
    run(c, "UPDATE grants SET user_name = NULL WHERE user_id = 'usr_2'");
    CHECK_INT(count_untrue(c), 1);
    run(c, "UPDATE grants SET user_disabled_ms = 1");
    CHECK_INT(count_untrue(c), 2);
}

/* Nothing of it could be committed. */
static void take_back(struct aa_conn *c)
{
    CHECK_OK(c->driver->control(c, AA_CONTROL_ROLLBACK, NULL));
    CHECK_OK(c->driver->control(c, AA_CONTROL_BEGIN_WRITE, NULL));
}

/* The engine's command line does not watch what refers to a row; here the transaction's end would. */
STORE_TEST(persons, the_tokens_of_a_person_deleted_by_hand_are_not_live)
{
    if (store_is_remote())
        return; /* references are watched there, whoever deletes */
    two_people(c);
    run(c, "PRAGMA defer_foreign_keys = ON");
    run(c, "DELETE FROM users WHERE user_id = 'usr_1'");
    check_person(c, 't', "ann@example.com", "Ann Example", 1);
    check_person(c, 'u', "bob@example.com", "Ann Example", 0);
    run(c, "INSERT INTO users (user_id, email, created_ms, disabled_ms) VALUES ('usr_1', 'eve@example.com', 1, 0)");
    check_person(c, 't', "ann@example.com", "Ann Example", 1);
    take_back(c);
}

STORE_TEST(persons, no_row_takes_the_place_of_a_person_and_none_gets_another_id_or_number)
{
    static const char *const refused[] = {
        "REPLACE INTO users (user_id, email, created_ms, disabled_ms) VALUES ('usr_1', 'eve@example.com', 1, 0)",
        "REPLACE INTO users (user_id, email, created_ms, disabled_ms) VALUES ('usr_9', 'ANN@example.com', 1, 0)",
        "REPLACE INTO users SELECT user_no, 'usr_9', 'eve@example.com', NULL, NULL, 1, 5 FROM users "
        "WHERE user_id = 'usr_1'",
        "UPDATE OR REPLACE users SET email = 'ann@example.com' WHERE user_id = 'usr_2'",
        "UPDATE users SET user_id = 'usr_9', disabled_ms = 5 WHERE user_id = 'usr_1'",
        "UPDATE users SET user_no = 77 WHERE user_id = 'usr_1'",
        "UPDATE OR REPLACE users SET user_no = (SELECT user_no FROM users WHERE user_id = 'usr_1') "
        "WHERE user_id = 'usr_2'",
    };

    if (store_is_remote())
        return; /* no such statements; ids and numbers that are referred to are watched */
    two_people(c);
    run(c, "PRAGMA defer_foreign_keys = ON");
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        if (c->driver->run(c, refused[i], NULL) == AA_OK)
            fail_msg("%s", refused[i]);
        check_person(c, 't', "ann@example.com", "Ann Example", 0);
        check_person(c, 'u', "bob@example.com", "Ann Example", 0);
    }
    run(c, "REPLACE INTO users (user_id, email, created_ms, disabled_ms) VALUES ('usr_9', 'eve@example.com', 1, 0)");
    run(c, "UPDATE users SET email = 'ANN@example.com', user_id = 'usr_1' WHERE user_id = 'usr_1'");
    check_person(c, 't', "ANN@example.com", "Ann Example", 0);
}

STORE_TEST(persons, a_person_is_edited_under_another_search_path_too)
{
    struct aa_access_token token = sample_access(key_of(7, 'v'));

    if (!store_is_remote())
        return; /* SQLite has none */
    two_people(c);
    run(c, "BEGIN; SET LOCAL search_path = pg_catalog; UPDATE public.users SET disabled_ms = 77 "
           "WHERE user_id = 'usr_1'; COMMIT");
    check_person(c, 't', "ann@example.com", "Ann Example", 77);
    run(c, "BEGIN; SET LOCAL search_path = pg_catalog; INSERT INTO public.grants (grant_id, user_no, user_id, "
           "client_id, server_id, created_ms, last_used_ms, revoked_ms) SELECT 'gr_3', user_no, user_id, 'cl_1', "
           "'srv_1', 1, 1, 0 FROM public.users WHERE user_id = 'usr_1'; COMMIT");
    token.grant_id = VIEW("gr_3");
    CHECK_OK(aa_access_token_create(c, &token, NULL));
    check_person(c, 'v', "ann@example.com", "Ann Example", 77);
}

/* Anybody may put a function on a table of their own: as its owner it would do there what its owner may. */
STORE_TEST(persons, what_keeps_the_copies_has_no_more_rights_than_whoever_writes)
{
    if (!store_is_remote())
        return; /* SQLite has no roles */
    run(c, "DO $$ BEGIN"
           " IF (SELECT count(*) FROM pg_proc WHERE proname LIKE 'auth\\_agent\\_%') <> 2"
           " OR EXISTS (SELECT 1 FROM pg_proc WHERE proname LIKE 'auth\\_agent\\_%' AND prosecdef) THEN"
           " RAISE EXCEPTION 'as its owner'; END IF; END $$");
}

/* ---- at once ---- */

/* Unlike the program, which holds the person first. */
static enum aa_err give_grant_and_token(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    const struct racer *racer = ctx;
    char id[16];
    struct aa_access_token token = sample_access(key_of(7, (char)('a' + racer->number)));
    struct aa_grant grant;
    enum aa_err rc;

    snprintf(id, sizeof id, "gr_r%d", racer->number);
    grant = sample_grant(id);
    rc = aa_grant_create(conn, &grant, err);
    token.grant_id = VIEW(id);
    if (!rc)
        rc = aa_access_token_create(conn, &token, err);
    usleep(2000); /* so that the two do meet */
    return rc;
}

static enum aa_err disable(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    (void)ctx;
    return aa_user_set_disabled(conn, VIEW("usr_1"), 7000, err);
}

static enum aa_err check_all_disabled(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    (void)ctx;
    (void)err;
    for (int number = 0; number < RACERS; number += 2)
        check_person(conn, (char)('a' + number), "ann@example.com", "Ann Example", 7000);
    return AA_OK;
}

TEST(persons, no_token_that_is_given_meanwhile_outlives_the_disabling_of_its_person)
{
    for (int round = 0; round < ROUNDS; round++) {
        struct race race = {.fns = {give_grant_and_token, disable}};
        struct shared_store store;

        shared_open(&store);
        race_run(&race, &store);
        CHECK_INT(race_count(&race, AA_OK), RACERS);
        CHECK_OK(aa_db_read(store.f.db, check_all_disabled, NULL, NULL));
        shared_close(&store);
    }
}

/* What an older version left, after it was brought up to date: nothing is lost, and nothing is let in that was not. */
#include <stdio.h>

#include "support_fresh.h"

#define BEFORE_NUMBERS 2 /* the schema in which tokens and grants referred by id */

/* The key of 36 equal letters, as a literal. */
static const char *key_literal(char letter)
{
    static char literals[4][96];
    static unsigned next;
    char *literal = literals[next++ % 4];
    int at = snprintf(literal, sizeof literals[0], store_is_remote() ? "'\\x" : "x'");

    for (int i = 0; i < AA_DIGEST_KEY_LEN; i++)
        at += snprintf(literal + at, sizeof literals[0] - (size_t)at, "%02x", (unsigned)letter);
    snprintf(literal + at, sizeof literals[0] - (size_t)at, "'");
    return literal;
}

static struct aa_view key_of_letter(char letter)
{
    static char key[AA_DIGEST_KEY_LEN];

    memset(key, letter, sizeof key);
    return aa_view_make(key, sizeof key);
}

static void put_access(const struct fresh *fresh, char letter, const char *grant_id, const char *client_id,
                       const char *user_id)
{
    char sql[512];

    snprintf(sql, sizeof sql,
             "INSERT INTO access_tokens (token_key, jti, grant_id, client_id, user_id, server_id, scope, audience, "
             "issued_ms, expires_ms, revoked_ms) VALUES (%s, 'jti-%c', '%s', '%s', '%s', 'srv_1', 'files:read', "
             "'https://one.example/mcp', 1000, 2000, 0)",
             key_literal(letter), letter, grant_id, client_id, user_id);
    fresh_run(fresh, sql);
}

/* Three people; Bob has a session, a live grant with two tokens and a revoked one with one. Cleo is disabled. */
static void fill_old(const struct fresh *fresh)
{
    char sql[512];

    fresh_run(fresh, "INSERT INTO users VALUES ('usr_a', 'ann@example.com', NULL, NULL, 2, 0)");
    fresh_run(fresh, "INSERT INTO users VALUES ('usr_b', 'bob@example.com', 'Bob', 'phc', 1, 0)");
    fresh_run(fresh, "INSERT INTO users VALUES ('usr_c', 'cleo@example.com', NULL, NULL, 3, 500)");
    snprintf(sql, sizeof sql, "INSERT INTO sessions VALUES (%s, 'usr_b', 1, 1, 9000)", key_literal('s'));
    fresh_run(fresh, sql);
    fresh_run(fresh,
              "INSERT INTO servers VALUES ('srv_1', 'https://one.example/mcp', 'https://one.example/mcp', 'One', "
              "'files:read', NULL, 'usr_b', 1, 1)");
    fresh_run(fresh,
              "INSERT INTO clients VALUES ('cl_1', NULL, '[]', 'refresh_token', NULL, NULL, NULL, 'dcr', NULL, 1, "
              "1, 0)");
    fresh_run(fresh, "INSERT INTO grants VALUES ('gr_live', 'usr_b', 'cl_1', 'srv_1', 'files:read', 1, 1, 0)");
    fresh_run(fresh, "INSERT INTO grants VALUES ('gr_dead', 'usr_b', 'cl_1', 'srv_1', 'files:read', 2, 2, 700)");
    fresh_run(fresh, "INSERT INTO consents VALUES ('usr_b', 'cl_1', 'srv_1', 'http://127.0.0.1/', 'files:read', 1, 0)");
    fresh_run(fresh, "INSERT INTO grants VALUES ('gr_cleo', 'usr_c', 'cl_1', 'srv_1', 'files:read', 3, 3, 0)");
    put_access(fresh, 'l', "gr_live", "cl_1", "usr_b");
    put_access(fresh, 'd', "gr_dead", "cl_1", "usr_b");
    put_access(fresh, 'o', "gr_live", "cl_other", "usr_b");
    put_access(fresh, 'c', "gr_cleo", "cl_1", "usr_c");
    snprintf(sql, sizeof sql,
             "INSERT INTO refresh_tokens VALUES (%s, 'gr_live', 'cl_1', 'usr_b', 'srv_1', 'files:read', NULL, 1, 9000, "
             "0, 0)",
             key_literal('r'));
    fresh_run(fresh, sql);
}

struct look {
    void (*at)(struct aa_conn *c);
};

static enum aa_err call_look(struct aa_conn *c, void *ctx, struct aa_error *err)
{
    (void)err;
    ((const struct look *)ctx)->at(c);
    return AA_OK;
}

static enum aa_err add_token_of_no_grant(struct aa_conn *c, void *ctx, struct aa_error *err)
{
    struct aa_access_token token = sample_access(key_of_letter('m'));

    (void)ctx;
    token.grant_id = VIEW("gr_none");
    return aa_access_token_create(c, &token, err);
}

static void note_said(void *ctx, const char *what)
{
    if (strstr(what, "older version"))
        ++*(int *)ctx;
}

/* Brings it up to date and looks; what rows refer to is watched as before. */
static void after_migration(void (*look_at)(struct aa_conn *c))
{
    struct look look = {look_at};
    struct fresh fresh;
    int said = 0;
    struct aa_db_options options = {.migrate = true, .say = note_said, .say_ctx = &said};
    struct aa_db *db = NULL;

    fresh_make_old(&fresh, BEFORE_NUMBERS);
    fill_old(&fresh);
    options.url = fresh.url;
    CHECK_OK(aa_db_open(&options, &db, NULL));
    CHECK_INT(said, 1);
    CHECK_OK(aa_db_write(db, call_look, &look, NULL));
    CHECK_ERR(aa_db_write(db, add_token_of_no_grant, NULL, NULL), AA_ERR_NOT_FOUND);
    aa_db_close(db);
    fresh_clear(&fresh);
}

static void look_at_live_token(struct aa_conn *c)
{
    struct aa_live_token token = {0};

    CHECK_OK(aa_live_token_find(c, key_of_letter('l'), &token, NULL));
    CHECK_VIEW(token.jti, "jti-l");
    CHECK_VIEW(token.grant_id, "gr_live");
    CHECK_VIEW(token.client_id, "cl_1");
    CHECK_VIEW(token.user_id, "usr_b");
    CHECK_VIEW(token.server_id, "srv_1");
    CHECK_VIEW(token.scope, "files:read");
    CHECK_VIEW(token.audience, "https://one.example/mcp");
    CHECK_VIEW(token.email, "bob@example.com");
    CHECK_VIEW(token.name, "Bob");
    CHECK_INT(token.issued_ms, 1000);
    CHECK_INT(token.expires_ms, 2000);
    CHECK_INT(token.token_revoked_ms, 0);
    CHECK_INT(token.grant_revoked_ms, 0);
    CHECK_INT(token.user_disabled_ms, 0);
    aa_record_clear(&token.memory);
}

TEST(migrations, a_token_of_an_older_version_still_says_what_it_said)
{
    after_migration(look_at_live_token);
}

static void look_at_dead_token(struct aa_conn *c)
{
    struct aa_live_token token = {0};

    CHECK_OK(aa_live_token_find(c, key_of_letter('d'), &token, NULL));
    CHECK_VIEW(token.grant_id, "gr_dead");
    CHECK_INT(token.grant_revoked_ms, 700);
    aa_record_clear(&token.memory);
    CHECK_OK(aa_user_set_disabled(c, VIEW("usr_b"), 800, NULL));
    CHECK_OK(aa_live_token_find(c, key_of_letter('l'), &token, NULL));
    CHECK_INT(token.user_disabled_ms, 800);
    aa_record_clear(&token.memory);
}

TEST(migrations, what_was_revoked_stays_so_and_a_person_s_tokens_still_end_with_them)
{
    after_migration(look_at_dead_token);
}

static void look_at_token_of_one_who_is_disabled(struct aa_conn *c)
{
    struct aa_live_token token = {0};

    CHECK_OK(aa_live_token_find(c, key_of_letter('c'), &token, NULL));
    CHECK_VIEW(token.email, "cleo@example.com");
    CHECK(aa_view_is_absent(token.name));
    CHECK_INT(token.user_disabled_ms, 500);
    aa_record_clear(&token.memory);
}

TEST(migrations, a_person_who_was_disabled_stays_so)
{
    after_migration(look_at_token_of_one_who_is_disabled);
}

static void look_for_other_token(struct aa_conn *c)
{
    struct aa_live_token token = {0};

    CHECK_ERR(aa_live_token_find(c, key_of_letter('o'), &token, NULL), AA_ERR_NOT_FOUND);
}

TEST(migrations, a_token_that_contradicted_its_grant_does_not_become_the_grant_s)
{
    after_migration(look_for_other_token);
}

static void look_at_the_rest(struct aa_conn *c)
{
    struct aa_session session = {0};
    struct aa_refresh_token refresh = {0};
    struct aa_consent consent = {0};
    struct aa_user user = {0};
    struct aa_server server = {0};

    CHECK_OK(aa_session_find(c, key_of_letter('s'), &session, NULL));
    CHECK_VIEW(session.user_id, "usr_b");
    CHECK_OK(aa_refresh_token_find(c, key_of_letter('r'), &refresh, NULL));
    CHECK_VIEW(refresh.grant_id, "gr_live");
    CHECK_OK(aa_consent_find(c, VIEW("usr_b"), VIEW("cl_1"), VIEW("srv_1"), VIEW("http://127.0.0.1/"), &consent, NULL));
    CHECK_OK(aa_user_find_by_email(c, VIEW("BOB@example.com"), &user, NULL));
    CHECK_VIEW(user.password_phc, "phc");
    CHECK_OK(aa_server_find(c, VIEW("srv_1"), &server, NULL));
    CHECK_VIEW(server.user_id, "usr_b");
    aa_record_clear(&session.memory);
    aa_record_clear(&refresh.memory);
    aa_record_clear(&consent.memory);
    aa_record_clear(&user.memory);
    aa_record_clear(&server.memory);
}

TEST(migrations, sessions_refresh_tokens_consents_and_passwords_are_all_there)
{
    after_migration(look_at_the_rest);
}

static void look_at_new_rows(struct aa_conn *c)
{
    struct aa_grant grant = sample_grant("gr_new");
    struct aa_access_token token = sample_access(key_of_letter('n'));
    struct aa_live_token live = {0};

    grant.user_id = VIEW("usr_a");
    CHECK_OK(aa_grant_create(c, &grant, NULL));
    token.grant_id = VIEW("gr_new");
    CHECK_OK(aa_access_token_create(c, &token, NULL));
    CHECK_OK(aa_live_token_find(c, key_of_letter('n'), &live, NULL));
    CHECK_VIEW(live.email, "ann@example.com");
    aa_record_clear(&live.memory);
}

static void look_for_token_without_grant(struct aa_conn *c)
{
    struct aa_live_token token = {0};

    CHECK_ERR(aa_live_token_find(c, key_of_letter('l'), &token, NULL), AA_ERR_NOT_FOUND);
    CHECK_ERR(aa_live_token_find(c, key_of_letter('d'), &token, NULL), AA_ERR_NOT_FOUND);
}

TEST(migrations, new_grants_and_tokens_stand_beside_the_old_ones)
{
    after_migration(look_at_new_rows);
}

/* ---- clients ---- */

#define BEFORE_ASSERTIONS 6

static void look_at_client(struct aa_conn *c)
{
    struct aa_used_assertion used = {.assertion_digest = key_of_letter('a'), .expires_ms = 1};
    struct aa_client client = {0};

    CHECK_OK(aa_client_find(c, VIEW("https://client.example/c.json"), &client, NULL));
    CHECK_VIEW(client.source, "cimd");
    CHECK_INT(client.fresh_until_ms, 7);
    CHECK(aa_view_is_absent(client.auth_methods) && aa_view_is_absent(client.jwks) &&
          aa_view_is_absent(client.jwks_uri));
    CHECK_INT(client.jwks_fetched_ms, 0);
    CHECK_INT(client.jwks_asked_ms, 0);
    aa_record_clear(&client.memory);
    CHECK_OK(aa_client_assertion_use(c, &used, NULL));
}

TEST(migrations, a_client_of_an_older_version_has_no_keys)
{
    struct look look = {look_at_client};
    struct fresh fresh;
    struct aa_db_options options = {.migrate = true};
    struct aa_db *db = NULL;

    fresh_make_old(&fresh, BEFORE_ASSERTIONS);
    fresh_run(&fresh, "INSERT INTO clients VALUES ('https://client.example/c.json', NULL, '[]', 'refresh_token', NULL, "
                      "NULL, NULL, 'cimd', NULL, 1, 1, 0, 6, 7)");
    options.url = fresh.url;
    CHECK_OK(aa_db_open(&options, &db, NULL));
    CHECK_OK(aa_db_write(db, call_look, &look, NULL));
    aa_db_close(db);
    fresh_clear(&fresh);
}

/* The engine's command line watches no references: a person is easily deleted there, and a token forgotten. */
TEST(migrations, the_number_of_a_grant_that_was_deleted_past_the_program_is_not_given_again)
{
    struct fresh fresh;
    struct aa_db_options options = {.migrate = true};
    struct look look = {look_at_new_rows};
    struct aa_db *db = NULL;

    if (store_is_remote())
        return; /* references are watched there, whoever deletes */
    fresh_make_old(&fresh, BEFORE_NUMBERS);
    fill_old(&fresh);
    options.url = fresh.url;
    CHECK_OK(aa_db_open(&options, &db, NULL));
    aa_db_close(db);
    fresh_run(&fresh, "PRAGMA foreign_keys = OFF; DELETE FROM grants; DELETE FROM users WHERE user_id = 'usr_b'");
    CHECK_OK(aa_db_open(&options, &db, NULL));
    CHECK_OK(aa_db_write(db, call_look, &look, NULL)); /* the next grant */
    look.at = look_for_token_without_grant;
    CHECK_OK(aa_db_write(db, call_look, &look, NULL));
    aa_db_close(db);
    fresh_clear(&fresh);
}

/* It belongs to nobody, so nothing below would miss it: it would only be gone. */
TEST(migrations, a_grant_of_nobody_is_refused_and_not_left_behind)
{
    struct fresh fresh;
    struct aa_db_options options = {.migrate = true};
    struct aa_error err = AA_ERROR_INIT;
    struct aa_db *db = NULL;

    if (store_is_remote())
        return; /* PostgreSQL has no way to such a row */
    fresh_make_old(&fresh, BEFORE_NUMBERS);
    fill_old(&fresh);
    fresh_run(&fresh, "PRAGMA foreign_keys = OFF; "
                      "INSERT INTO grants VALUES ('gr_lone', 'usr_none', 'cl_1', 'srv_1', NULL, 1, 1, 0)");
    options.url = fresh.url;
    CHECK_ERR(aa_db_open(&options, &db, &err), AA_ERR_STORE);
    CHECK(strstr(err.message, "not there: 1, some of them in grants") != NULL);
    fresh_clear(&fresh);
}

/* ---- while another process is in the way ---- */

struct holder {
    const struct fresh *fresh;
    struct aa_source *source;
    struct aa_conn *conn;
    int told;
};

static void take_write_lock(struct holder *holder)
{
    struct aa_db_options options = {.url = holder->fresh->url};
    const struct aa_driver *driver = holder->fresh->f.driver;

    CHECK_OK(driver->open(&options, &holder->source, NULL));
    CHECK_OK(driver->connect(holder->source, AA_CONN_WRITER, &holder->conn, NULL));
    CHECK_OK(driver->control(holder->conn, AA_CONTROL_BEGIN_WRITE, NULL));
}

/* Lets go once the one who waits has said so. */
static void let_go(void *ctx, const char *what)
{
    struct holder *holder = ctx;

    if (!strstr(what, "another process"))
        return;
    holder->told++;
    CHECK_OK(holder->fresh->f.driver->control(holder->conn, AA_CONTROL_ROLLBACK, NULL));
}

TEST(migrations, a_database_that_another_process_holds_is_waited_for)
{
    struct fresh fresh;
    struct holder holder = {.fresh = &fresh};
    struct aa_db_options options = {.migrate = true, .say = let_go, .say_ctx = &holder};
    struct aa_db *db = NULL;

    if (store_is_remote())
        return; /* there the schema's own lock waits */
    fresh_make_old(&fresh, BEFORE_NUMBERS);
    fill_old(&fresh);
    take_write_lock(&holder);
    options.url = fresh.url;
    CHECK_OK(aa_db_open(&options, &db, NULL));
    CHECK_INT(holder.told, 1);
    aa_db_close(db);
    fresh.f.driver->disconnect(holder.conn);
    fresh.f.driver->close(holder.source);
    fresh_clear(&fresh);
}

TEST(migrations, a_database_whose_rows_refer_to_none_stays_as_it_is)
{
    struct fresh fresh;
    struct aa_db_options options = {.migrate = true};
    struct aa_error err = AA_ERROR_INIT;
    struct aa_db_facts facts;
    struct aa_db *db = NULL;

    if (store_is_remote())
        return; /* PostgreSQL has no way to such a row */
    fresh_make_old(&fresh, BEFORE_NUMBERS);
    fill_old(&fresh);
    fresh_run(&fresh, "PRAGMA foreign_keys = OFF; INSERT INTO sessions VALUES (x'01', 'usr_none', 1, 1, 9000)");
    options.url = fresh.url;
    CHECK_ERR(aa_db_open(&options, &db, &err), AA_ERR_STORE);
    CHECK(strstr(err.message, "not there: 1, some of them in sessions") != NULL);
    CHECK_OK(aa_db_examine(fresh.url, false, &facts, NULL));
    CHECK_INT(facts.schema, BEFORE_NUMBERS);
    fresh_run(&fresh, "PRAGMA foreign_keys = OFF; DELETE FROM sessions WHERE user_id = 'usr_none'");
    CHECK_OK(aa_db_open(&options, &db, NULL));
    aa_db_close(db);
    fresh_clear(&fresh);
}

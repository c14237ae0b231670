#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"
#include "domain/directory.h"
#include "domain/server_keys.h"
#include "domain/texts.h"
#include "store/store.h"
#include "support_app.h"

#define PASSWORD "correct horse battery staple"
#define ANN "ann@example.com"
#define HOME VIEW("192.0.2.1")
#define ELSEWHERE VIEW("198.51.100.7")
#define MINUTE_MS INT64_C(60000)

/* ---- people ---- */

static enum aa_err create(struct app_fixture *f, const char *email, const char *name, const char *password,
                          struct aa_error *err)
{
    struct aa_buf user_id;
    enum aa_err rc;

    aa_buf_init(&user_id, 64);
    rc = aa_person_create(&f->app, VIEW(email), VIEW(name), VIEW(password), &user_id, err);
    if (!rc)
        CHECK(aa_view_has_prefix(aa_buf_view(&user_id), AA_VIEW("usr_")) && user_id.len == 20);
    else
        CHECK_INT(user_id.len, 0);
    aa_buf_clear(&user_id);
    return rc;
}

static void open_with_ann(struct app_fixture *f)
{
    app_open(f);
    CHECK_OK(create(f, ANN, "Ann", PASSWORD, NULL));
}

struct tried {
    enum aa_err rc;
    int64_t retry_after_s;
};

static struct tried try_login(struct app_fixture *f, const char *email, const char *password, struct aa_view peer)
{
    const struct aa_login_try login = {.email = VIEW(email), .password = VIEW(password), .peer = peer};
    struct tried tried = {AA_OK, 0};
    struct aa_user user = {0};

    tried.rc = aa_person_authenticate(&f->app, &login, &user, &tried.retry_after_s, NULL);
    if (!tried.rc)
        CHECK_VIEW(user.email, ANN);
    else
        CHECK(user.memory == NULL);
    aa_record_clear(&user.memory);
    return tried;
}

TEST(people, a_person_logs_in_with_the_right_password_alone)
{
    struct app_fixture f;

    open_with_ann(&f);
    CHECK_OK(try_login(&f, ANN, PASSWORD, HOME).rc);
    CHECK_OK(try_login(&f, " ANN@Example.com ", PASSWORD, HOME).rc);
    CHECK_ERR(try_login(&f, ANN, "correct horse battery stapler", HOME).rc, AA_ERR_TOKEN_INACTIVE);
    CHECK_ERR(try_login(&f, ANN, "", HOME).rc, AA_ERR_TOKEN_INACTIVE);
    CHECK_ERR(try_login(&f, "bob@example.com", PASSWORD, HOME).rc, AA_ERR_TOKEN_INACTIVE);
    CHECK_ERR(try_login(&f, "", PASSWORD, HOME).rc, AA_ERR_TOKEN_INACTIVE);
    app_close(&f);
}

TEST(people, a_disabled_person_is_told_what_a_wrong_password_is_told)
{
    struct app_fixture f;

    open_with_ann(&f);
    CHECK_OK(aa_person_set_disabled(&f.app, VIEW(ANN), true, NULL));
    CHECK_ERR(try_login(&f, ANN, PASSWORD, HOME).rc, AA_ERR_TOKEN_INACTIVE);
    CHECK_OK(aa_person_set_disabled(&f.app, VIEW("Ann@example.COM"), false, NULL));
    CHECK_OK(try_login(&f, ANN, PASSWORD, HOME).rc);
    CHECK_ERR(aa_person_set_disabled(&f.app, VIEW("bob@example.com"), true, NULL), AA_ERR_NOT_FOUND);
    app_close(&f);
}

TEST(people, a_new_password_replaces_the_old_one)
{
    struct app_fixture f;
    struct aa_error err = AA_ERROR_INIT;

    open_with_ann(&f);
    CHECK_OK(aa_person_set_password(&f.app, VIEW(ANN), VIEW("another long password"), NULL));
    CHECK_ERR(try_login(&f, ANN, PASSWORD, HOME).rc, AA_ERR_TOKEN_INACTIVE);
    CHECK_OK(try_login(&f, ANN, "another long password", HOME).rc);
    CHECK_ERR(aa_person_set_password(&f.app, VIEW(ANN), VIEW("short"), NULL), AA_ERR_REQUEST_MALFORMED);
    CHECK_ERR(aa_person_set_password(&f.app, VIEW("bob@example.com"), VIEW(PASSWORD), &err), AA_ERR_NOT_FOUND);
    CHECK_TEXT(err.message, "there is no person with this e-mail address");
    app_close(&f);
}

TEST(people, an_email_address_is_taken_once_whatever_its_case)
{
    struct app_fixture f;
    struct aa_error err = AA_ERROR_INIT;

    open_with_ann(&f);
    CHECK_ERR(create(&f, "ANN@example.com", "Ann", PASSWORD, &err), AA_ERR_CONFLICT);
    CHECK_TEXT(err.message, "the e-mail address is taken");
    CHECK_OK(create(&f, "bob@example.com", "Bob", PASSWORD, NULL));
    app_close(&f);
}

TEST(people, only_usable_email_addresses_are_taken)
{
    static const char *const bad[] = {"",
                                      "ann",
                                      "@example.com",
                                      "ann@",
                                      "a@b@c.com",
                                      "a b@c.com",
                                      "a@c .com",
                                      "a@c.com\n",
                                      "<a@c.com>",
                                      "a\x01@c.com",
                                      "a@.com",
                                      "a@com.",
                                      "a,b@c.com",
                                      "a\xff@c.com",
                                      "\"a\"@c.com",
                                      "a@c.com>\r\nBcc: x@y.z",
                                      "a\u202e@c.com"};
    static const char *const good[] = {"a@b", "Ann.Example+tag@mail.example.com", "o'neil@example.com",
                                       "jörg@exämple.de"};
    char text[300];
    struct app_fixture f;

    app_open(&f);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (i != 7 && create(&f, bad[i], "x", PASSWORD, NULL) != AA_ERR_REQUEST_MALFORMED)
            fail_msg("\"%s\" was taken", bad[i]);
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        CHECK_OK(create(&f, good[i], "x", PASSWORD, NULL));
    memset(text, 'a', sizeof text);
    memcpy(text + 255 - 6, "@b.com", 7);
    CHECK_ERR(create(&f, text, "x", PASSWORD, NULL), AA_ERR_REQUEST_MALFORMED);
    CHECK_OK(create(&f, text + 1, "x", PASSWORD, NULL)); /* 254 bytes */
    app_close(&f);
}

TEST(people, a_password_has_at_least_eight_characters_whatever_their_bytes)
{
    struct app_fixture f;

    app_open(&f);
    CHECK_ERR(create(&f, ANN, "Ann", "1234567", NULL), AA_ERR_REQUEST_MALFORMED);
    CHECK_ERR(create(&f, ANN, "Ann", "ääääääö", NULL), AA_ERR_REQUEST_MALFORMED); /* seven characters, fourteen bytes */
    CHECK_ERR(create(&f, ANN, "Ann", "1234567\xff", NULL), AA_ERR_REQUEST_MALFORMED);
    CHECK_OK(create(&f, ANN, "Ann", "12345678", NULL));
    app_close(&f);
}

TEST(people, a_name_is_plain_text)
{
    struct app_fixture f;

    app_open(&f);
    CHECK_ERR(create(&f, ANN, "Ann\x1b[31m", PASSWORD, NULL), AA_ERR_REQUEST_MALFORMED);
    CHECK_ERR(create(&f, ANN, "Ann\u202e", PASSWORD, NULL), AA_ERR_REQUEST_MALFORMED);
    CHECK_OK(create(&f, ANN, "Änn Example", PASSWORD, NULL));
    app_close(&f);
}

/* ---- lock-outs ---- */

static void fail_logins(struct app_fixture *f, const char *email, struct aa_view peer, int count)
{
    for (int i = 0; i < count; i++)
        CHECK_ERR(try_login(f, email, "wrong password", peer).rc, AA_ERR_TOKEN_INACTIVE);
}

TEST(lockout, the_eleventh_try_in_a_row_has_to_wait)
{
    struct app_fixture f;
    struct tried tried;

    open_with_ann(&f);
    fail_logins(&f, ANN, HOME, 10);
    tried = try_login(&f, ANN, PASSWORD, HOME);
    CHECK_ERR(tried.rc, AA_ERR_TOKEN_NOT_YET);
    CHECK_INT(tried.retry_after_s, 30);
    f.now_ms += 29999;
    CHECK_ERR(try_login(&f, ANN, PASSWORD, HOME).rc, AA_ERR_TOKEN_NOT_YET);
    f.now_ms += 1;
    CHECK_OK(try_login(&f, ANN, PASSWORD, HOME).rc);
    app_close(&f);
}

/* Lock-out slows an attacker, never locks the owner out for good: better-auth CVE-2026-45364. */
TEST(lockout, the_owner_gets_in_from_elsewhere_at_once)
{
    struct app_fixture f;

    open_with_ann(&f);
    fail_logins(&f, ANN, HOME, 10);
    CHECK_ERR(try_login(&f, ANN, PASSWORD, HOME).rc, AA_ERR_TOKEN_NOT_YET);
    CHECK_OK(try_login(&f, ANN, PASSWORD, ELSEWHERE).rc);
    app_close(&f);
}

TEST(lockout, the_wait_doubles_and_never_passes_fifteen_minutes)
{
    static const int64_t waits[] = {30, 60, 120, 240, 480, 900, 900, 900};
    struct app_fixture f;

    open_with_ann(&f);
    fail_logins(&f, ANN, HOME, 9);
    for (size_t i = 0; i < sizeof waits / sizeof *waits; i++) {
        struct tried tried;

        fail_logins(&f, ANN, HOME, 1);
        tried = try_login(&f, ANN, PASSWORD, HOME);
        CHECK_ERR(tried.rc, AA_ERR_TOKEN_NOT_YET);
        CHECK_INT(tried.retry_after_s, waits[i]);
        f.now_ms += waits[i] * 1000;
    }
    CHECK_OK(try_login(&f, ANN, PASSWORD, HOME).rc);
    app_close(&f);
}

TEST(lockout, a_good_login_starts_the_count_anew)
{
    struct app_fixture f;

    open_with_ann(&f);
    fail_logins(&f, ANN, HOME, 9);
    CHECK_OK(try_login(&f, ANN, PASSWORD, HOME).rc);
    fail_logins(&f, ANN, HOME, 9);
    CHECK_OK(try_login(&f, ANN, PASSWORD, HOME).rc);
    app_close(&f);
}

TEST(lockout, failures_are_forgotten_after_fifteen_quiet_minutes)
{
    struct app_fixture f;

    open_with_ann(&f);
    fail_logins(&f, ANN, HOME, 9);
    f.now_ms += 15 * MINUTE_MS;
    fail_logins(&f, ANN, HOME, 9);
    CHECK_OK(try_login(&f, ANN, PASSWORD, HOME).rc);
    app_close(&f);
}

TEST(lockout, accounts_nobody_has_are_locked_like_others)
{
    struct app_fixture f;

    open_with_ann(&f);
    fail_logins(&f, "nobody@example.com", HOME, 10);
    CHECK_ERR(try_login(&f, "NOBODY@example.com", PASSWORD, HOME).rc, AA_ERR_TOKEN_NOT_YET);
    CHECK_OK(try_login(&f, ANN, PASSWORD, HOME).rc);
    app_close(&f);
}

TEST(lockout, an_address_that_tries_many_accounts_has_to_wait)
{
    struct app_fixture f;
    char email[64];

    open_with_ann(&f);
    for (int i = 0; i < 100; i++) {
        snprintf(email, sizeof email, "guess%d@example.com", i);
        CHECK_ERR(try_login(&f, email, "wrong password", HOME).rc, AA_ERR_TOKEN_INACTIVE);
    }
    CHECK_ERR(try_login(&f, ANN, PASSWORD, HOME).rc, AA_ERR_TOKEN_NOT_YET);
    CHECK_OK(try_login(&f, ANN, PASSWORD, ELSEWHERE).rc);
    app_close(&f);
}

/* Otherwise one account of his own would clear what an attacker's guesses cost. */
TEST(lockout, a_good_login_takes_back_only_its_own_try_from_the_address)
{
    struct app_fixture f;
    char email[64];

    open_with_ann(&f);
    for (int i = 0; i < 99; i++) {
        snprintf(email, sizeof email, "guess%d@example.com", i);
        CHECK_ERR(try_login(&f, email, "wrong password", HOME).rc, AA_ERR_TOKEN_INACTIVE);
    }
    CHECK_OK(try_login(&f, ANN, PASSWORD, HOME).rc);
    CHECK_OK(try_login(&f, ANN, PASSWORD, HOME).rc);
    fail_logins(&f, "last@example.com", HOME, 1);
    CHECK_ERR(try_login(&f, ANN, PASSWORD, HOME).rc, AA_ERR_TOKEN_NOT_YET);
    app_close(&f);
}

#define THREADS 16

struct guesser {
    struct app_fixture *f;
    atomic_int judged, refused;
};

static void *guess(void *arg)
{
    const struct aa_login_try login = {.email = VIEW(ANN), .password = VIEW("wrong password"), .peer = HOME};
    struct guesser *guesser = arg;
    struct aa_user user = {0};
    int64_t retry_after_s;
    enum aa_err rc = aa_person_authenticate(&guesser->f->app, &login, &user, &retry_after_s, NULL);

    if (rc == AA_ERR_TOKEN_INACTIVE)
        atomic_fetch_add(&guesser->judged, 1);
    if (rc == AA_ERR_TOKEN_NOT_YET)
        atomic_fetch_add(&guesser->refused, 1);
    aa_crypto_thread_clear();
    return NULL;
}

TEST(lockout, parallel_guesses_do_not_slip_past_the_limit)
{
    struct app_fixture f;
    struct guesser guesser = {.f = &f};
    pthread_t threads[THREADS];

    open_with_ann(&f);
    atomic_init(&guesser.judged, 0);
    atomic_init(&guesser.refused, 0);
    for (int i = 0; i < THREADS; i++)
        CHECK_INT(pthread_create(&threads[i], NULL, guess, &guesser), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    CHECK_INT(atomic_load(&guesser.judged), 10);
    CHECK_INT(atomic_load(&guesser.refused), THREADS - 10);
    app_close(&f);
}

TEST(lockout, it_holds_across_a_restart)
{
    struct app_fixture f;
    char path[] = "/tmp/aa-lockout-XXXXXX", wal[64], shm[64];
    int fd = mkstemp(path);

    CHECK(fd >= 0);
    close(fd);
    app_open_at(&f, path);
    CHECK_OK(create(&f, ANN, "Ann", PASSWORD, NULL));
    fail_logins(&f, ANN, HOME, 10);
    app_close(&f);
    app_open_at(&f, path);
    CHECK_ERR(try_login(&f, ANN, PASSWORD, HOME).rc, AA_ERR_TOKEN_NOT_YET);
    CHECK_OK(try_login(&f, ANN, PASSWORD, ELSEWHERE).rc);
    app_close(&f);
    snprintf(wal, sizeof wal, "%s-wal", path);
    snprintf(shm, sizeof shm, "%s-shm", path);
    unlink(path);
    unlink(wal);
    unlink(shm);
}

/* ---- registered servers ---- */

static enum aa_err register_server(struct app_fixture *f, const char *url, const char *name, const char *scopes,
                                   const char *user_id, struct aa_server *out, struct aa_error *err)
{
    struct aa_server_registration registration = {
        .server_url = VIEW(url), .server_name = VIEW(name), .scopes = VIEW(scopes), .user_id = VIEW(user_id)};

    *err = (struct aa_error)AA_ERROR_INIT;
    return aa_directory_register(&f->app, &registration, out, err);
}

TEST(directory, a_server_is_registered_in_its_own_spelling)
{
    struct app_fixture f;
    struct aa_server server;
    struct aa_error err;

    app_open(&f);
    CHECK_OK(register_server(&f, "https://MCP.example.com:443/mcp", "Files", "files:read  files:write files:read", NULL,
                             &server, &err));
    CHECK(aa_view_has_prefix(server.server_id, AA_VIEW("srv_")) && server.server_id.len == 20);
    CHECK_VIEW(server.server_url, "https://MCP.example.com:443/mcp");
    CHECK_VIEW(server.resource_normal, "https://mcp.example.com/mcp");
    CHECK_VIEW(server.server_name, "Files");
    CHECK_VIEW(server.scopes, "files:read files:write");
    CHECK(aa_view_is_absent(server.user_id));
    CHECK_INT(server.created_ms, f.now_ms);
    aa_record_clear(&server.memory);
    app_close(&f);
}

TEST(directory, a_resource_is_registered_once_however_it_is_spelt)
{
    struct app_fixture f;
    struct aa_server server;
    struct aa_error err;

    app_open(&f);
    CHECK_OK(register_server(&f, "https://mcp.example.com", "Files", "", NULL, &server, &err));
    aa_record_clear(&server.memory);
    CHECK_ERR(register_server(&f, "https://MCP.example.com:443/", "Files", "", NULL, &server, &err), AA_ERR_CONFLICT);
    CHECK_TEXT(err.message, "server_url is registered already");
    CHECK_OK(register_server(&f, "https://mcp.example.com/other", "Files", "", NULL, &server, &err));
    aa_record_clear(&server.memory);
    app_close(&f);
}

TEST(directory, bad_members_are_named)
{
    static const struct {
        const char *url, *name, *scopes, *user_id, *in_message;
    } samples[] = {
        {"mcp.example.com", "Files", "", NULL, "server_url"},
        {"http://mcp.example.com", "Files", "", NULL, "server_url"},
        {"https://mcp.example.com/#x", "Files", "", NULL, "server_url"},
        {"https://mcp.example.com", "", "", NULL, "server_name"},
        {"https://mcp.example.com", "Files\x1b", "", NULL, "server_name"},
        {"https://mcp.example.com", "Files", "files:\"read\"", NULL, "scopes"},
        {"https://mcp.example.com", "Files", "", "usr_nobody", "user_id"},
        {"https://mcp.example.com", "Files", "", "", "user_id"},
    };
    struct app_fixture f;
    struct aa_server server;
    struct aa_error err;

    app_open(&f);
    for (size_t i = 0; i < sizeof samples / sizeof *samples; i++) {
        enum aa_err rc =
            register_server(&f, samples[i].url, samples[i].name, samples[i].scopes, samples[i].user_id, &server, &err);

        CHECK_INT(aa_err_class_of(rc), AA_CLASS_REQUEST);
        if (!strstr(err.message, samples[i].in_message))
            fail_msg("\"%s\" does not name %s", err.message, samples[i].in_message);
    }
    CHECK_OK(register_server(&f, "http://localhost:8001/mcp", "Files", "", NULL, &server, &err));
    aa_record_clear(&server.memory);
    app_close(&f);
}

TEST(directory, an_owner_is_noted)
{
    struct app_fixture f;
    struct aa_server server;
    struct aa_buf user_id;
    struct aa_error err;

    app_open(&f);
    aa_buf_init(&user_id, 64);
    CHECK_OK(aa_person_create(&f.app, VIEW(ANN), AA_VIEW_ABSENT, VIEW(PASSWORD), &user_id, NULL));
    CHECK_OK(register_server(&f, "https://mcp.example.com", "Files", "", aa_buf_text(&user_id), &server, &err));
    CHECK_VIEW(server.user_id, aa_buf_text(&user_id));
    aa_record_clear(&server.memory);
    aa_buf_clear(&user_id);
    app_close(&f);
}

TEST(directory, the_keys_of_a_removed_server_open_nothing)
{
    struct app_fixture f;
    struct aa_server server;
    struct aa_buf key_id, secret, server_id;
    struct aa_error err;
    bool good = false;

    app_open(&f);
    aa_buf_init(&key_id, 64);
    aa_buf_init(&secret, 128);
    aa_buf_init(&server_id, 64);
    CHECK_OK(register_server(&f, "https://mcp.example.com", "Files", "", NULL, &server, &err));
    CHECK_OK(aa_server_key_mint(&f.app, server.server_id, VIEW("k"), &key_id, &secret, NULL));
    CHECK_OK(aa_server_key_check(&f.app, AA_VIEW_ABSENT, aa_buf_view(&secret), &good, &server_id, NULL));
    CHECK(good);
    CHECK_OK(aa_directory_remove(&f.app, server.server_id, NULL));
    CHECK_INT(aa_server_key_check_fast(&f.app, aa_buf_view(&secret), &server_id) == AA_KEY_GOOD, 0);
    CHECK_OK(aa_server_key_check(&f.app, AA_VIEW_ABSENT, aa_buf_view(&secret), &good, &server_id, NULL));
    CHECK(!good);
    CHECK_ERR(aa_directory_remove(&f.app, server.server_id, NULL), AA_ERR_NOT_FOUND);
    aa_record_clear(&server.memory);
    aa_buf_clear(&key_id);
    aa_buf_clear(&secret);
    aa_buf_clear(&server_id);
    app_close(&f);
}

/* ---- the administrator's token ---- */

static bool is_admin(struct app_fixture *f, struct aa_view token)
{
    bool good = false;

    CHECK_OK(aa_admin_token_check(&f->app, token, &good, NULL));
    return good;
}

TEST(admin_token, it_is_made_once_and_renewed_on_demand)
{
    struct app_fixture f;
    struct aa_buf first, second;

    app_open(&f);
    aa_buf_init(&first, 128);
    aa_buf_init(&second, 128);
    CHECK(!is_admin(&f, VIEW("adm_anything")));
    CHECK_OK(aa_admin_token_create(&f.app, &first, NULL));
    CHECK(aa_view_has_prefix(aa_buf_view(&first), AA_VIEW("adm_")) && first.len == 44);
    CHECK(is_admin(&f, aa_buf_view(&first)));
    CHECK_ERR(aa_admin_token_create(&f.app, &second, NULL), AA_ERR_CONFLICT);
    CHECK_INT(second.len, 0);
    CHECK_OK(aa_admin_token_renew(&f.app, &second, NULL));
    CHECK(is_admin(&f, aa_buf_view(&second)));
    CHECK(!is_admin(&f, aa_buf_view(&first)));
    aa_buf_clear(&first);
    aa_buf_clear(&second);
    app_close(&f);
}

TEST(admin_token, nothing_else_is_one)
{
    struct app_fixture f;
    struct aa_buf token;

    app_open(&f);
    aa_buf_init(&token, 128);
    CHECK_OK(aa_admin_token_create(&f.app, &token, NULL));
    CHECK(!is_admin(&f, AA_VIEW_ABSENT));
    CHECK(!is_admin(&f, VIEW("")));
    CHECK(!is_admin(&f, VIEW("adm_")));
    CHECK(!is_admin(&f, aa_view_slice(aa_buf_view(&token), 0, token.len - 1)));
    CHECK(is_admin(&f, aa_buf_view(&token)));
    aa_buf_clear(&token);
    app_close(&f);
}

TEST(admin_token, a_configured_one_is_good_besides)
{
    struct app_fixture f;
    struct aa_buf token;

    app_open(&f);
    aa_buf_init(&token, 128);
    CHECK_OK(aa_admin_token_create(&f.app, &token, NULL));
    CHECK(!is_admin(&f, VIEW("0123456789abcdef0123456789abcdef")));
    f.app.settings.has_admin_digest = true;
    CHECK_OK(aa_sha256(VIEW("0123456789abcdef0123456789abcdef"), f.app.settings.admin_digest));
    CHECK(is_admin(&f, VIEW("0123456789abcdef0123456789abcdef")));
    CHECK(is_admin(&f, aa_buf_view(&token)));
    CHECK(!is_admin(&f, VIEW("0123456789abcdef0123456789abcdee")));
    aa_buf_clear(&token);
    app_close(&f);
}

TEST(admin_token, whether_there_is_one_can_be_told)
{
    struct app_fixture f;
    struct aa_buf token;
    bool exists = true;

    app_open(&f);
    aa_buf_init(&token, 128);
    CHECK_OK(aa_admin_token_exists(&f.app, &exists, NULL));
    CHECK(!exists);
    f.app.settings.has_admin_digest = true;
    CHECK_OK(aa_admin_token_exists(&f.app, &exists, NULL));
    CHECK(exists);
    f.app.settings.has_admin_digest = false;
    CHECK_OK(aa_admin_token_create(&f.app, &token, NULL));
    CHECK_OK(aa_admin_token_exists(&f.app, &exists, NULL));
    CHECK(exists);
    aa_buf_clear(&token);
    app_close(&f);
}

static enum aa_err look_for_token(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    char *memory = NULL;
    struct aa_view value;
    enum aa_err rc = aa_setting_get(conn, VIEW("admin_token_digest"), &memory, &value, err);

    if (rc)
        return rc;
    CHECK_INT(value.len, 32);
    CHECK(!aa_view_equal(value, *(struct aa_view *)ctx));
    aa_record_clear(&memory);
    return AA_OK;
}

TEST(admin_token, only_its_digest_is_kept)
{
    struct app_fixture f;
    struct aa_buf token;
    struct aa_view view;

    app_open(&f);
    aa_buf_init(&token, 128);
    CHECK_OK(aa_admin_token_create(&f.app, &token, NULL));
    view = aa_buf_view(&token);
    CHECK_OK(aa_db_read(f.app.db, look_for_token, &view, NULL));
    aa_buf_clear(&token);
    app_close(&f);
}

/* ---- small things ---- */

static void check_time(int64_t time_ms, const char *wanted)
{
    struct aa_buf text;

    aa_buf_init(&text, 64);
    aa_text_add_time(&text, time_ms);
    CHECK_TEXT(aa_buf_text(&text), wanted);
    aa_buf_clear(&text);
}

TEST(texts, times_are_written_in_utc)
{
    check_time(0, "1970-01-01T00:00:00Z");
    check_time(951782399999, "2000-02-28T23:59:59Z");
    check_time(951782400000, "2000-02-29T00:00:00Z");
    check_time(951868800000, "2000-03-01T00:00:00Z");
    check_time(1735689599000, "2024-12-31T23:59:59Z");
    check_time(1795514400000, "2026-11-24T10:00:00Z");
    check_time(4107542400000, "2100-03-01T00:00:00Z"); /* no leap year */
    check_time(INT64_MAX, "9999-12-31T23:59:59Z");
    check_time(-1, "1970-01-01T00:00:00Z");
}

static void check_words(int64_t time_ms, const char *wanted)
{
    struct aa_buf text;

    aa_buf_init(&text, 64);
    aa_text_add_time_words(&text, time_ms);
    CHECK_TEXT(aa_buf_text(&text), wanted);
    aa_buf_clear(&text);
}

TEST(texts, times_are_written_for_people_too)
{
    check_words(0, "1 January 1970, 00:00 UTC");
    check_words(951782400000, "29 February 2000, 00:00 UTC");
    check_words(1735689599000, "31 December 2024, 23:59 UTC");
    check_words(INT64_MAX, "31 December 9999, 23:59 UTC");
    check_words(-1, "1 January 1970, 00:00 UTC");
}

TEST(texts, plain_text_holds_nothing_that_moves_other_text)
{
    CHECK(aa_text_is_plain(VIEW("Änn's files, 文件 🙂")));
    CHECK(aa_text_is_plain(VIEW("")));
    CHECK(!aa_text_is_plain(VIEW("a\nb")));
    CHECK(!aa_text_is_plain(VIEW("a\x7f")));
    CHECK(!aa_text_is_plain(VIEW("a\xc2\x85"
                                 "b")));
    CHECK(!aa_text_is_plain(VIEW("a\u202eb")));
    CHECK(!aa_text_is_plain(VIEW("a\u2066b")));
    CHECK(!aa_text_is_plain(VIEW("a\u200bb")));
    CHECK(!aa_text_is_plain(VIEW("\u3164")));       /* a blank that counts as a letter */
    CHECK(!aa_text_is_plain(VIEW("a\U000e0041")));  /* a tag */
    CHECK(aa_text_is_plain(VIEW("👩\u200d💻")));      /* one emoji */
    CHECK(aa_text_is_plain(VIEW("می\u200cخواهم"))); /* a Persian word */
    CHECK(!aa_text_is_plain(VIEW("\xff")));
}

TEST(app, a_log_line_cannot_be_forged)
{
    struct app_fixture f;

    app_open(&f);
    aa_app_log(&f.app, 1, NULL, "name: %s", "x\n2026-11-24 error: all is lost\x1b[0m");
    CHECK_TEXT(f.log, "name: x?2026-11-24 error: all is lost?[0m");
    app_close(&f);
}

/* ---- memory ---- */

typedef enum aa_err (*step_fn)(struct app_fixture *f);

static enum aa_err step_create(struct app_fixture *f)
{
    return create(f, "bob@example.com", "Bob", PASSWORD, NULL);
}

static enum aa_err step_login(struct app_fixture *f)
{
    return try_login(f, ANN, PASSWORD, HOME).rc;
}

static enum aa_err step_register(struct app_fixture *f)
{
    struct aa_server server = {0};
    struct aa_error err;
    enum aa_err rc = register_server(f, "https://mcp.example.com", "Files", "a b", NULL, &server, &err);

    aa_record_clear(&server.memory);
    return rc;
}

static enum aa_err step_admin(struct app_fixture *f)
{
    struct aa_buf token;
    bool good;
    enum aa_err rc;

    aa_buf_init(&token, 128);
    rc = aa_admin_token_renew(&f->app, &token, NULL);
    if (!rc)
        rc = aa_admin_token_check(&f->app, aa_buf_view(&token), &good, NULL);
    aa_buf_clear(&token);
    return rc;
}

TEST(memory, running_out_of_it_anywhere_is_an_ordinary_error)
{
    static const step_fn steps[] = {step_create, step_login, step_register, step_admin};

    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        struct app_fixture f;
        enum aa_err rc = AA_ERR_NOMEM;
        size_t nth;

        open_with_ann(&f);
        for (nth = 1; rc && nth < 200; nth++) {
            f.now_ms += 60 * MINUTE_MS; /* tries that failed here lock nobody out there */
            aa_mem_fail_at(nth, false);
            rc = steps[i](&f);
            aa_mem_fail_at(0, false);
            if (rc)
                CHECK_INT(aa_err_class_of(rc), AA_CLASS_INTERNAL);
        }
        CHECK(nth > 2 && nth < 200);
        app_close(&f);
    }
}

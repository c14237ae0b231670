/* Rotation of signing keys: in the rules, on the command line, and noticed by a server that runs. */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"
#include "domain/keyring.h"
#include "domain/signing_keys.h"
#include "jose/jws.h"
#include "store/store.h"
#include "support_app.h"
#include "support_shell.h"

#define MINUTE_MS INT64_C(60000)
#define HOUR_MS (60 * MINUTE_MS)

static const uint8_t master[32] = {1}, other_master[32] = {2};

struct ring {
    struct app_fixture f;
    struct aa_keyring *keyring;
};

static void ring_open(struct ring *r)
{
    app_open(&r->f);
    CHECK_OK(aa_keyring_open(&r->f.app, master, &r->keyring, NULL));
}

static void ring_close(struct ring *r)
{
    aa_keyring_free(r->keyring);
    app_close(&r->f);
}

static void signer_at(struct ring *r, int64_t now_ms, char kid[64])
{
    struct aa_buf token;
    struct aa_jws jws;

    aa_buf_init(&token, 4096);
    CHECK_OK(aa_keyring_sign(r->keyring, now_ms, VIEW("at+jwt"), VIEW("{\"iat\":1}"), &token, NULL));
    CHECK_OK(aa_jws_parse(aa_buf_view(&token), &jws, NULL));
    snprintf(kid, 64, "%.*s", AA_VIEW_ARGS(jws.kid));
    aa_jws_clear(&jws);
    aa_buf_clear(&token);
}

static bool publishes(struct ring *r, const char *kid)
{
    struct aa_buf jwks;
    bool does;

    aa_buf_init(&jwks, 65536);
    aa_keyring_add_jwks(r->keyring, &jwks);
    does = strstr(aa_buf_text(&jwks), kid) != NULL;
    aa_buf_clear(&jwks);
    return does;
}

static void rotate(struct ring *r, enum aa_rotation when, char kid[64])
{
    struct aa_buf made;
    int64_t from_ms = 0;

    aa_buf_init(&made, AA_KID_MAX);
    CHECK_OK(aa_signing_key_rotate(&r->f.app, master, when, &made, &from_ms, NULL));
    CHECK_INT(from_ms, r->f.now_ms + (when == AA_ROTATE_SOON ? 10 * MINUTE_MS : 0));
    snprintf(kid, 64, "%s", aa_buf_text(&made));
    aa_buf_clear(&made);
    CHECK_OK(aa_keyring_refresh(&r->f.app, r->keyring, NULL));
}

TEST(signing_key, the_next_is_published_before_it_signs)
{
    struct ring r;
    char old[64], next[64], kid[64];

    ring_open(&r);
    signer_at(&r, r.f.now_ms, old);
    rotate(&r, AA_ROTATE_SOON, next);
    CHECK(publishes(&r, old) && publishes(&r, next));
    signer_at(&r, r.f.now_ms + 10 * MINUTE_MS - 1, kid);
    CHECK_TEXT(kid, old);
    signer_at(&r, r.f.now_ms + 10 * MINUTE_MS, kid);
    CHECK_TEXT(kid, next);
    CHECK(publishes(&r, old));
    ring_close(&r);
}

TEST(signing_key, signs_at_once_when_the_old_one_may_be_known)
{
    struct ring r;
    char next[64], kid[64];

    ring_open(&r);
    rotate(&r, AA_ROTATE_NOW, next);
    signer_at(&r, r.f.now_ms, kid);
    CHECK_TEXT(kid, next);
    ring_close(&r);
}

/* The one that waited would otherwise come into force in place of the one that is trusted now. */
TEST(signing_key, that_waits_never_signs_once_another_was_made_at_once)
{
    struct ring r;
    char waiting[64], now[64], kid[64];

    ring_open(&r);
    rotate(&r, AA_ROTATE_SOON, waiting);
    rotate(&r, AA_ROTATE_NOW, now);
    signer_at(&r, r.f.now_ms, kid);
    CHECK_TEXT(kid, now);
    signer_at(&r, r.f.now_ms + HOUR_MS, kid);
    CHECK_TEXT(kid, now);
    ring_close(&r);
}

static enum aa_err sweep(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    struct ring *r = ctx;
    int64_t removed = 0;

    return aa_store_sweep(conn, r->f.now_ms, 100, &removed, err);
}

TEST(signing_key, is_removed_once_no_token_of_it_can_live)
{
    struct ring r;
    char old[64], next[64];

    ring_open(&r);
    signer_at(&r, r.f.now_ms, old);
    rotate(&r, AA_ROTATE_SOON, next);
    r.f.now_ms += 10 * MINUTE_MS + 25 * HOUR_MS - 1;
    CHECK_OK(aa_db_write(r.f.app.db, sweep, &r, NULL));
    CHECK_OK(aa_keyring_refresh(&r.f.app, r.keyring, NULL));
    CHECK(publishes(&r, old));
    r.f.now_ms += 1;
    CHECK_OK(aa_db_write(r.f.app.db, sweep, &r, NULL));
    CHECK_OK(aa_keyring_refresh(&r.f.app, r.keyring, NULL));
    CHECK(!publishes(&r, old));
    CHECK(publishes(&r, next));
    ring_close(&r);
}

TEST(signing_key, there_are_not_more_than_a_key_set_holds)
{
    struct aa_error err = AA_ERROR_INIT;
    struct ring r;
    struct aa_buf kid;
    int64_t from_ms;
    char made[64];

    ring_open(&r);
    for (int i = 1; i < AA_SIGNING_KEYS_MAX; i++)
        rotate(&r, AA_ROTATE_NOW, made);
    aa_buf_init(&kid, AA_KID_MAX);
    CHECK_ERR(aa_signing_key_rotate(&r.f.app, master, AA_ROTATE_NOW, &kid, &from_ms, &err), AA_ERR_CONFLICT);
    CHECK(strstr(err.message, "already") != NULL);
    CHECK_INT(kid.len, 0);
    CHECK_OK(aa_keyring_refresh(&r.f.app, r.keyring, NULL));
    aa_buf_clear(&kid);
    ring_close(&r);
}

/* Somebody made a key with another master key: what runs goes on with what it has. */
TEST(signing_key, that_cannot_be_opened_changes_nothing)
{
    struct ring r;
    struct aa_buf kid;
    int64_t from_ms;
    char before[64], after[64];

    ring_open(&r);
    signer_at(&r, r.f.now_ms, before);
    aa_buf_init(&kid, AA_KID_MAX);
    CHECK_OK(aa_signing_key_rotate(&r.f.app, other_master, AA_ROTATE_NOW, &kid, &from_ms, NULL));
    CHECK_ERR(aa_keyring_refresh(&r.f.app, r.keyring, NULL), AA_ERR_CRYPTO);
    signer_at(&r, r.f.now_ms, after);
    CHECK_TEXT(after, before);
    CHECK(!publishes(&r, aa_buf_text(&kid)));
    aa_buf_clear(&kid);
    ring_close(&r);
}

TEST(signing_key, is_removed_before_its_time_only_when_it_signs_no_more)
{
    struct ring r;
    char old[64], next[64];

    ring_open(&r);
    signer_at(&r, r.f.now_ms, old);
    rotate(&r, AA_ROTATE_SOON, next);
    CHECK_ERR(aa_signing_key_remove(&r.f.app, VIEW(old), NULL), AA_ERR_NOT_FOUND);
    CHECK_ERR(aa_signing_key_remove(&r.f.app, VIEW(next), NULL), AA_ERR_NOT_FOUND);
    CHECK_ERR(aa_signing_key_remove(&r.f.app, VIEW("nothing"), NULL), AA_ERR_NOT_FOUND);
    r.f.now_ms += 10 * MINUTE_MS;
    CHECK_OK(aa_signing_key_remove(&r.f.app, VIEW(old), NULL));
    CHECK_ERR(aa_signing_key_remove(&r.f.app, VIEW(next), NULL), AA_ERR_NOT_FOUND);
    CHECK_OK(aa_keyring_refresh(&r.f.app, r.keyring, NULL));
    CHECK(!publishes(&r, old) && publishes(&r, next));
    ring_close(&r);
}

/* ---- without memory ---- */

TEST(signing_key, is_made_whole_or_not_at_all_when_memory_runs_out)
{
    enum aa_err rc = AA_ERR_NOMEM;
    char old[64], kid[64], signer[64];
    struct aa_buf made;
    int64_t from_ms = 0;
    struct ring r;

    ring_open(&r);
    signer_at(&r, r.f.now_ms, old);
    aa_buf_init(&made, AA_KID_MAX);
    for (size_t nth = 1; rc; nth++) {
        aa_buf_reset(&made);
        aa_mem_fail_at(nth, false);
        rc = aa_signing_key_rotate(&r.f.app, master, AA_ROTATE_NOW, &made, &from_ms, NULL);
        aa_mem_fail_at(0, false);
        CHECK_OK(aa_keyring_refresh(&r.f.app, r.keyring, NULL));
        signer_at(&r, r.f.now_ms, signer);
        if (rc)
            CHECK_TEXT(signer, old);
        else
            CHECK_TEXT(signer, aa_buf_text(&made));
    }
    snprintf(kid, sizeof kid, "%s", aa_buf_text(&made));
    CHECK(publishes(&r, old) && publishes(&r, kid));
    aa_buf_clear(&made);
    ring_close(&r);
}

TEST(signing_key, that_cannot_be_loaded_for_want_of_memory_is_loaded_later)
{
    enum aa_err rc = AA_ERR_NOMEM;
    char old[64], signer[64];
    struct aa_buf made;
    int64_t from_ms = 0;
    size_t failures = 0;
    struct ring r;

    ring_open(&r);
    signer_at(&r, r.f.now_ms, old);
    aa_buf_init(&made, AA_KID_MAX);
    CHECK_OK(aa_signing_key_rotate(&r.f.app, master, AA_ROTATE_NOW, &made, &from_ms, NULL));
    for (size_t nth = 1; rc; nth++) {
        aa_mem_fail_at(nth, false);
        rc = aa_keyring_refresh(&r.f.app, r.keyring, NULL);
        aa_mem_fail_at(0, false);
        signer_at(&r, r.f.now_ms, signer);
        CHECK_TEXT(signer, rc ? old : aa_buf_text(&made));
        failures += rc != AA_OK;
    }
    CHECK(failures > 2);
    aa_buf_clear(&made);
    ring_close(&r);
}

/* ---- many threads ---- */

struct user_of_keys {
    struct ring *r;
    atomic_bool *stop;
    int signatures;
};

static void *sign_and_publish(void *ctx)
{
    struct user_of_keys *user = ctx;
    char kid[64];

    while (!atomic_load(user->stop)) {
        signer_at(user->r, user->r->f.now_ms, kid);
        CHECK(publishes(user->r, kid));
        user->signatures++;
    }
    return NULL;
}

TEST(signing_key, rotates_under_those_who_sign)
{
    struct ring r;
    struct user_of_keys users[3];
    pthread_t threads[3];
    atomic_bool stop = false;
    char made[64];

    ring_open(&r);
    for (int i = 0; i < 3; i++) {
        users[i] = (struct user_of_keys){&r, &stop, 0};
        CHECK_INT(pthread_create(&threads[i], NULL, sign_and_publish, &users[i]), 0);
    }
    for (int i = 0; i < 10; i++)
        rotate(&r, AA_ROTATE_NOW, made);
    atomic_store(&stop, true);
    for (int i = 0; i < 3; i++) {
        pthread_join(threads[i], NULL);
        CHECK(users[i].signatures > 0);
    }
    ring_close(&r);
}

/* ---- the command line ---- */

TEST(signing_key, is_listed_and_rotated_on_the_command_line)
{
    struct shell s;
    char kid[64], line[128];

    shell_open(&s);
    shell_succeeds(&s, "init");
    shell_succeeds(&s, "signing-key list");
    CHECK(strstr(s.out, "signs") != NULL && strstr(s.out, "waits") == NULL);
    shell_succeeds(&s, "signing-key rotate --json");
    shell_member(&s, "kid", kid, sizeof kid);
    shell_succeeds(&s, "signing-key list");
    CHECK(strstr(s.out, kid) != NULL && strstr(s.out, "waits") != NULL);
    CHECK(strstr(s.out, "retired") != NULL); /* the column, and when the first one will be */
    shell_succeeds(&s, "signing-key rotate --now --json");
    shell_member(&s, "kid", kid, sizeof kid);
    shell_succeeds(&s, "signing-key list --json");
    CHECK(strstr(strstr(s.out, kid), "\"state\": \"signs\"") != NULL);
    snprintf(line, sizeof line, "signing-key remove %s", kid);
    shell_fails(&s, line, 1, "no retired signing key");
    shell_succeeds(&s, "signing-key rotate --now");
    shell_succeeds(&s, line);
    shell_succeeds(&s, "signing-key list");
    CHECK(strstr(s.out, kid) == NULL);
    shell_succeeds(&s, "doctor");
    shell_close(&s);
}

TEST(signing_key, is_not_made_with_another_master_key)
{
    struct shell s;

    shell_open(&s);
    shell_succeeds(&s, "init");
    setenv("AUTH_AGENT_MASTER_KEY", "00000000000000000000000000000000000000000000000000000000000000bb", 1);
    shell_fails(&s, "signing-key rotate", 1, "master key");
    unsetenv("AUTH_AGENT_MASTER_KEY");
    shell_succeeds(&s, "signing-key rotate");
    shell_close(&s);
}

TEST(signing_key, is_noticed_by_a_running_server_within_seconds)
{
    struct shell s;
    struct shell_server server;
    char kid[64];
    int waited = 0;

    shell_open(&s);
    shell_serve(&s, &server);
    shell_succeeds(&s, "signing-key rotate --json");
    shell_member(&s, "kid", kid, sizeof kid);
    do {
        usleep(100000);
        CHECK_INT(shell_http(&s, &server, "GET", "/.well-known/jwks.json", "", ""), 200);
    } while (!strstr(s.out, kid) && ++waited < 300);
    CHECK(strstr(s.out, kid) != NULL);
    CHECK_INT(shell_stop(&server, SIGTERM), 0);
    shell_close(&s);
}

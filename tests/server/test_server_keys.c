#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#include "base/mem.h"
#include "domain/key_cache.h"
#include "domain/server_keys.h"
#include "store/store.h"
#include "support_app.h"
#include "support_store.h"

struct keys {
    struct app_fixture f;
    struct aa_buf key_id, secret;
};

static enum aa_err put_servers(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    struct aa_server one = sample_server("srv_1", "https://one.example/mcp");
    struct aa_server two = sample_server("srv_2", "https://two.example/mcp");
    enum aa_err rc;

    (void)ctx;
    rc = aa_server_create(conn, &one, err);
    return rc ? rc : aa_server_create(conn, &two, err);
}

static void keys_open(struct keys *k)
{
    app_open(&k->f);
    CHECK_OK(aa_db_write(k->f.app.db, put_servers, NULL, NULL));
    aa_buf_init(&k->key_id, 64);
    aa_buf_init(&k->secret, 128);
    CHECK_OK(aa_server_key_mint(&k->f.app, VIEW("srv_1"), VIEW("Production Key"), &k->key_id, &k->secret, NULL));
}

static void keys_close(struct keys *k)
{
    aa_buf_clear(&k->key_id);
    aa_buf_wipe_clear(&k->secret);
    app_close(&k->f);
}

static enum aa_key_verdict fast(struct keys *k, struct aa_view secret)
{
    struct aa_buf server_id;
    enum aa_key_verdict verdict;

    aa_buf_init(&server_id, 128);
    verdict = aa_server_key_check_fast(&k->f.app, secret, &server_id);
    if (verdict == AA_KEY_GOOD)
        CHECK_VIEW(aa_buf_view(&server_id), "srv_1");
    else
        CHECK_INT(server_id.len, 0);
    aa_buf_clear(&server_id);
    return verdict;
}

static bool slow(struct keys *k, struct aa_view claimed, struct aa_view secret)
{
    struct aa_buf server_id;
    bool good = false;

    aa_buf_init(&server_id, 128);
    CHECK_OK(aa_server_key_check(&k->f.app, claimed, secret, &good, &server_id, NULL));
    if (good)
        CHECK_VIEW(aa_buf_view(&server_id), "srv_1");
    else
        CHECK_INT(server_id.len, 0);
    aa_buf_clear(&server_id);
    return good;
}

static struct aa_view secret_of(struct keys *k)
{
    return aa_buf_view(&k->secret);
}

TEST(server_keys, a_key_has_its_id_in_front_and_only_letters_and_digits_behind)
{
    struct keys k;

    keys_open(&k);
    CHECK_INT(k.key_id.len, 19);
    CHECK_INT(k.secret.len, 57);
    CHECK(aa_view_has_prefix(secret_of(&k), aa_buf_view(&k.key_id)));
    CHECK(aa_view_has_prefix(secret_of(&k), AA_VIEW("sk_")));
    for (size_t i = 3; i < k.secret.len; i++)
        CHECK(strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", k.secret.data[i]) != NULL);
    keys_close(&k);
}

TEST(server_keys, a_key_is_unknown_at_first_then_verified_once_then_remembered)
{
    struct keys k;

    keys_open(&k);
    CHECK_INT(fast(&k, secret_of(&k)), AA_KEY_UNKNOWN_YET);
    CHECK(slow(&k, AA_VIEW_ABSENT, secret_of(&k)));
    CHECK_INT(fast(&k, secret_of(&k)), AA_KEY_GOOD);
    keys_close(&k);
}

static enum aa_err look_at_row(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    struct keys *k = ctx;
    struct aa_server_key row;
    enum aa_err rc = aa_server_key_find(conn, aa_buf_view(&k->key_id), &row, err);

    if (rc)
        return rc;
    CHECK(aa_view_has_prefix(row.secret_phc, AA_VIEW("$pbkdf2-sha256$i=100000$")));
    CHECK(memmem(row.secret_phc.data, row.secret_phc.len, k->secret.data + 19, 32) == NULL);
    CHECK_VIEW(row.name, "Production Key");
    CHECK_INT(row.created_ms, k->f.now_ms);
    aa_record_clear(&row.memory);
    return AA_OK;
}

TEST(server_keys, only_a_hash_is_stored)
{
    struct keys k;

    keys_open(&k);
    CHECK_OK(aa_db_read(k.f.app.db, look_at_row, &k, NULL));
    keys_close(&k);
}

TEST(server_keys, junk_is_refused_by_its_form)
{
    static const char *const junk[] = {"",
                                       "sk_",
                                       "sk_short",
                                       "not a key",
                                       "sk_aaaaaaaaaaaaaaaabbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb!!!!!!",
                                       "xx_aaaaaaaaaaaaaaaabbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbcccccc"};
    struct keys k;

    keys_open(&k);
    for (size_t i = 0; i < sizeof junk / sizeof *junk; i++) {
        CHECK_INT(fast(&k, VIEW(junk[i])), AA_KEY_BAD);
        CHECK(!slow(&k, AA_VIEW_ABSENT, VIEW(junk[i])));
    }
    CHECK_INT(fast(&k, AA_VIEW_ABSENT), AA_KEY_BAD);
    CHECK_INT(fast(&k, secret_of(&k)), AA_KEY_UNKNOWN_YET);
    keys_close(&k);
}

/* A wrong key costs the attacker more than us: with a known id and the right form he still cannot make us run PBKDF2.
 */
TEST(server_keys, a_made_up_key_of_the_right_form_never_reaches_the_slow_check)
{
    struct keys k;
    char text[58];

    keys_open(&k);
    for (size_t at = 0; at < 57; at++) {
        snprintf(text, sizeof text, "%.*s", AA_VIEW_ARGS(secret_of(&k)));
        text[at] = text[at] == 'x' ? 'y' : 'x';
        CHECK_INT(fast(&k, VIEW(text)), AA_KEY_BAD);
    }
    CHECK_INT(fast(&k, secret_of(&k)), AA_KEY_UNKNOWN_YET);
    keys_close(&k);
}

TEST(server_keys, the_claimed_server_must_be_the_keys_own)
{
    struct keys k;

    keys_open(&k);
    CHECK(!slow(&k, VIEW("srv_2"), secret_of(&k)));
    CHECK_INT(fast(&k, secret_of(&k)), AA_KEY_UNKNOWN_YET); /* nothing was verified */
    CHECK(slow(&k, VIEW("srv_1"), secret_of(&k)));
    CHECK(!slow(&k, VIEW("srv_2"), secret_of(&k))); /* nor when it is remembered */
    CHECK(!slow(&k, VIEW(""), secret_of(&k)));
    keys_close(&k);
}

TEST(server_keys, a_withdrawn_key_is_bad_at_once)
{
    struct keys k;

    keys_open(&k);
    CHECK(slow(&k, AA_VIEW_ABSENT, secret_of(&k)));
    CHECK_ERR(aa_server_key_withdraw(&k.f.app, VIEW("srv_2"), aa_buf_view(&k.key_id), NULL), AA_ERR_NOT_FOUND);
    CHECK_INT(fast(&k, secret_of(&k)) == AA_KEY_BAD, 0);
    CHECK_OK(aa_server_key_withdraw(&k.f.app, VIEW("srv_1"), aa_buf_view(&k.key_id), NULL));
    CHECK_INT(fast(&k, secret_of(&k)) == AA_KEY_GOOD, 0);
    CHECK(!slow(&k, AA_VIEW_ABSENT, secret_of(&k)));
    keys_close(&k);
}

struct revocation {
    struct aa_view key_id;
};

static enum aa_err revoke_elsewhere(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    struct revocation *revocation = ctx;

    return aa_server_key_revoke(conn, VIEW("srv_1"), revocation->key_id, 5, err);
}

TEST(server_keys, a_key_revoked_by_another_process_is_bad_within_about_a_second)
{
    struct keys k;
    struct revocation revocation;

    keys_open(&k);
    CHECK(slow(&k, AA_VIEW_ABSENT, secret_of(&k)));
    revocation.key_id = aa_buf_view(&k.key_id);
    CHECK_OK(aa_db_write(k.f.app.db, revoke_elsewhere, &revocation, NULL)); /* past the cache */
    k.f.now_ms += AA_KEY_LOOK_AGAIN_MS;
    CHECK_INT(fast(&k, secret_of(&k)), AA_KEY_BAD);
    CHECK(!slow(&k, AA_VIEW_ABSENT, secret_of(&k)));
    keys_close(&k);
}

TEST(server_keys, a_key_in_force_stays_good_when_its_row_is_looked_at_again)
{
    struct keys k;

    keys_open(&k);
    CHECK(slow(&k, AA_VIEW_ABSENT, secret_of(&k)));
    for (int i = 0; i < 100; i++) {
        k.f.now_ms += AA_KEY_LOOK_AGAIN_MS + 1;
        CHECK_INT(fast(&k, secret_of(&k)), AA_KEY_GOOD);
    }
    keys_close(&k);
}

TEST(server_keys, a_remembered_key_is_verified_anew_after_five_minutes)
{
    struct keys k;

    keys_open(&k);
    CHECK(slow(&k, AA_VIEW_ABSENT, secret_of(&k)));
    k.f.now_ms += AA_KEY_REMEMBERED_MS - 1;
    CHECK_INT(fast(&k, secret_of(&k)), AA_KEY_GOOD);
    k.f.now_ms += 1;
    CHECK_INT(fast(&k, secret_of(&k)), AA_KEY_UNKNOWN_YET);
    CHECK(slow(&k, AA_VIEW_ABSENT, secret_of(&k)));
    keys_close(&k);
}

TEST(server_keys, nothing_is_believed_when_the_clock_was_set_back)
{
    struct keys k;

    keys_open(&k);
    CHECK(slow(&k, AA_VIEW_ABSENT, secret_of(&k)));
    k.f.now_ms -= 10000;
    CHECK_INT(fast(&k, secret_of(&k)), AA_KEY_UNKNOWN_YET);
    keys_close(&k);
}

TEST(server_keys, the_keys_of_a_removed_server_are_forgotten)
{
    struct keys k;

    keys_open(&k);
    CHECK(slow(&k, AA_VIEW_ABSENT, secret_of(&k)));
    aa_server_key_forget(&k.f.app, VIEW("srv_2"));
    CHECK_INT(fast(&k, secret_of(&k)), AA_KEY_GOOD);
    aa_server_key_forget(&k.f.app, VIEW("srv_1"));
    CHECK_INT(fast(&k, secret_of(&k)), AA_KEY_UNKNOWN_YET);
    keys_close(&k);
}

TEST(server_keys, a_key_needs_a_server_and_a_name)
{
    struct keys k;
    struct aa_buf key_id, secret;
    struct aa_error err = AA_ERROR_INIT;

    keys_open(&k);
    aa_buf_init(&key_id, 64);
    aa_buf_init(&secret, 128);
    CHECK_ERR(aa_server_key_mint(&k.f.app, VIEW("srv_9"), VIEW("x"), &key_id, &secret, &err), AA_ERR_NOT_FOUND);
    CHECK_TEXT(err.message, "there is no server with this id");
    CHECK_ERR(aa_server_key_mint(&k.f.app, VIEW("srv_1"), VIEW(""), &key_id, &secret, NULL), AA_ERR_REQUEST_MALFORMED);
    CHECK_ERR(aa_server_key_mint(&k.f.app, VIEW("srv_1"), VIEW("\xff"), &key_id, &secret, NULL),
              AA_ERR_REQUEST_MALFORMED);
    CHECK_INT(key_id.len + secret.len, 0);
    aa_buf_clear(&key_id);
    aa_buf_clear(&secret);
    keys_close(&k);
}

/* A restart, or a second process on the same database. */
TEST(server_keys, a_key_is_good_in_another_process_too)
{
    struct keys k;
    struct aa_key_cache *first;

    keys_open(&k);
    first = k.f.app.key_cache;
    CHECK_OK(aa_key_cache_new(&k.f.app, &k.f.app.key_cache, NULL));
    CHECK_INT(fast(&k, secret_of(&k)), AA_KEY_UNKNOWN_YET);
    CHECK(slow(&k, AA_VIEW_ABSENT, secret_of(&k)));
    aa_key_cache_free(first);
    keys_close(&k);
}

static enum aa_err read_last_use(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    struct keys *k = ctx;
    struct aa_server_key row;
    enum aa_err rc = aa_server_key_find(conn, aa_buf_view(&k->key_id), &row, err);

    if (rc)
        return rc;
    CHECK_INT(row.last_used_ms, k->f.now_ms);
    aa_record_clear(&row.memory);
    return AA_OK;
}

TEST(server_keys, the_use_of_a_key_is_noted)
{
    struct keys k;

    keys_open(&k);
    k.f.now_ms += 77;
    CHECK(slow(&k, AA_VIEW_ABSENT, secret_of(&k)));
    CHECK_OK(aa_db_read(k.f.app.db, read_last_use, &k, NULL));
    keys_close(&k);
}

#define THREADS 8

struct rush {
    struct keys *k;
    atomic_int good;
};

static void *rush_main(void *arg)
{
    struct rush *rush = arg;
    struct aa_buf server_id;
    bool good = false;

    aa_buf_init(&server_id, 128);
    if (!aa_server_key_check(&rush->k->f.app, AA_VIEW_ABSENT, secret_of(rush->k), &good, &server_id, NULL) && good)
        atomic_fetch_add(&rush->good, 1);
    aa_buf_clear(&server_id);
    aa_crypto_thread_clear();
    return NULL;
}

TEST(server_keys, many_threads_verify_one_key_at_once)
{
    struct keys k;
    struct rush rush;
    pthread_t threads[THREADS];

    keys_open(&k);
    rush.k = &k;
    atomic_init(&rush.good, 0);
    for (int i = 0; i < THREADS; i++)
        CHECK_INT(pthread_create(&threads[i], NULL, rush_main, &rush), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    CHECK_INT(atomic_load(&rush.good), THREADS);
    keys_close(&k);
}

TEST(key_cache, more_keys_than_it_holds_push_out_old_ones_and_harm_nobody)
{
    struct app_fixture f;
    char secret[64];
    size_t fresh = 0;

    app_open(&f);
    for (int i = 0; i < 5000; i++) {
        struct aa_key_name name;

        snprintf(secret, sizeof secret, "sk_%016d%032d%06d", i, i, i);
        CHECK_OK(aa_key_cache_name(f.app.key_cache, VIEW(secret), &name));
        aa_key_cache_put(f.app.key_cache, &name, VIEW("srv_1"), aa_key_cache_generation(f.app.key_cache), f.now_ms + i);
        CHECK_INT(aa_key_cache_find(f.app.key_cache, &name, f.now_ms + i), AA_KEY_FRESH);
    }
    for (int i = 0; i < 5000; i++) {
        struct aa_key_name name;

        snprintf(secret, sizeof secret, "sk_%016d%032d%06d", i, i, i);
        CHECK_OK(aa_key_cache_name(f.app.key_cache, VIEW(secret), &name));
        fresh += aa_key_cache_find(f.app.key_cache, &name, f.now_ms + 5000) != AA_KEY_NOT_KNOWN;
    }
    CHECK(fresh > 512 && fresh <= 1024);
    app_close(&f);
}

/* Verified before, remembered after a revocation: that would bring the key back to life. */
TEST(key_cache, what_was_verified_before_something_was_forgotten_is_not_remembered)
{
    struct app_fixture f;
    struct aa_key_name name;
    uint64_t generation;

    app_open(&f);
    CHECK_OK(aa_key_cache_name(f.app.key_cache, VIEW("sk_0123456789abcdef"), &name));
    generation = aa_key_cache_generation(f.app.key_cache);
    aa_key_cache_forget_key(f.app.key_cache, VIEW("sk_0123456789abcdef"));
    aa_key_cache_put(f.app.key_cache, &name, VIEW("srv_1"), generation, f.now_ms);
    CHECK_INT(aa_key_cache_find(f.app.key_cache, &name, f.now_ms), AA_KEY_NOT_KNOWN);
    aa_key_cache_put(f.app.key_cache, &name, VIEW("srv_1"), aa_key_cache_generation(f.app.key_cache), f.now_ms);
    CHECK_INT(aa_key_cache_find(f.app.key_cache, &name, f.now_ms), AA_KEY_FRESH);
    app_close(&f);
}

/* Signing keys: made once, kept sealed, the newest in force signs. */
#include "domain/keyring.h"

#include <pthread.h>
#include <stdio.h>

#include "crypto/key.h"
#include "jose/jwks.h"
#include "jose/jws.h"
#include "store/store.h"
#include "support_app.h"
#include "support_store.h"

static const uint8_t master[32] = {1}, other_master[32] = {2};

static struct aa_jwks *read_jwks(struct aa_keyring *keyring)
{
    struct aa_jwks *jwks = NULL;
    struct aa_buf text;

    aa_buf_init(&text, AA_JWKS_MAX);
    aa_keyring_add_jwks(keyring, &text);
    CHECK_OK(aa_jwks_parse(aa_buf_view(&text), &jwks, NULL));
    aa_buf_clear(&text);
    return jwks;
}

/* The kid that signs, and that the published set verifies it. */
static void check_signs_at(struct aa_keyring *keyring, int64_t now_ms, char kid[64])
{
    struct aa_jwks *jwks = read_jwks(keyring);
    struct aa_buf token;
    struct aa_jws jws;
    const struct aa_key *key;

    aa_buf_init(&token, AA_JWT_MAX);
    CHECK_OK(aa_keyring_sign(keyring, now_ms, VIEW("at+jwt"), VIEW("{\"iat\":1}"), &token, NULL));
    CHECK_OK(aa_jws_parse(aa_buf_view(&token), &jws, NULL));
    key = aa_jwks_find(jwks, jws.kid, AA_ALG_ES256);
    CHECK(key != NULL);
    CHECK_OK(aa_jws_verify(&jws, key, NULL));
    CHECK(jws.kid.len < 64);
    memcpy(kid, jws.kid.data, jws.kid.len);
    kid[jws.kid.len] = '\0';
    aa_jws_clear(&jws);
    aa_jwks_release(jwks);
    aa_buf_clear(&token);
}

static void check_signs(struct app_fixture *f, struct aa_keyring *keyring, char kid[64])
{
    check_signs_at(keyring, f->now_ms, kid);
}

static size_t count_keys(struct aa_keyring *keyring)
{
    struct aa_jwks *jwks = read_jwks(keyring);
    size_t count = aa_jwks_len(jwks);

    aa_jwks_release(jwks);
    return count;
}

TEST(keyring, the_first_key_is_made_once_and_found_again)
{
    struct app_fixture f;
    struct aa_keyring *keyring;
    char first[64], second[64];

    app_open(&f);
    CHECK_OK(aa_keyring_open(&f.app, master, &keyring, NULL));
    check_signs(&f, keyring, first);
    aa_keyring_free(keyring);
    CHECK_OK(aa_keyring_open(&f.app, master, &keyring, NULL));
    check_signs(&f, keyring, second);
    CHECK_TEXT(first, second);
    CHECK_INT(count_keys(keyring), 1);
    aa_keyring_free(keyring);
    app_close(&f);
}

TEST(keyring, another_master_key_opens_nothing_and_says_so)
{
    struct app_fixture f;
    struct aa_keyring *keyring;
    struct aa_error err = AA_ERROR_INIT;

    app_open(&f);
    CHECK_OK(aa_keyring_open(&f.app, master, &keyring, NULL));
    aa_keyring_free(keyring);
    CHECK_ERR(aa_keyring_open(&f.app, other_master, &keyring, &err), AA_ERR_CRYPTO);
    CHECK(strstr(err.message, "master key") != NULL);
    app_close(&f);
}

/* ---- what is stored ---- */

static enum aa_err plant(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    return aa_signing_key_create(conn, ctx, err);
}

/* Stores a fresh key under its thumbprint; copies that. */
static void plant_key(struct app_fixture *f, int64_t created_ms, int64_t not_before_ms, int64_t retired_ms,
                      char kid_out[64])
{
    struct aa_key *key;
    struct aa_buf der, kid, sealed;
    struct aa_signing_key row = {
        .alg = VIEW("ES256"), .created_ms = created_ms, .not_before_ms = not_before_ms, .retired_ms = retired_ms};

    aa_buf_init(&der, 512);
    aa_buf_init(&kid, 63);
    aa_buf_init(&sealed, 1024);
    CHECK_OK(aa_key_generate_p256(&key, NULL));
    CHECK_OK(aa_key_build_pkcs8(key, &der, NULL));
    CHECK_OK(aa_jwk_add_thumbprint(&kid, key, NULL));
    CHECK_OK(aa_seal(master, aa_buf_view(&kid), aa_buf_view(&der), aa_random_system, NULL, &sealed));
    row.kid = aa_buf_view(&kid);
    row.private_sealed = aa_buf_view(&sealed);
    CHECK_OK(aa_db_write(f->app.db, plant, &row, NULL));
    strcpy(kid_out, aa_buf_text(&kid));
    aa_key_release(key);
    aa_buf_clear(&der);
    aa_buf_clear(&kid);
    aa_buf_clear(&sealed);
}

TEST(keyring, the_newest_key_in_force_signs_and_all_are_published)
{
    struct app_fixture f;
    struct aa_keyring *keyring;
    char old[64], newer[64], retired[64], waiting[64], signer[64];

    app_open(&f);
    plant_key(&f, 1000, 1000, 0, old);
    plant_key(&f, 2000, 2000, 0, newer);
    plant_key(&f, 3000, 3000, 4000, retired);
    plant_key(&f, 5000, f.now_ms + 1, 0, waiting);
    CHECK_OK(aa_keyring_open(&f.app, master, &keyring, NULL));
    check_signs(&f, keyring, signer);
    CHECK_TEXT(signer, newer);
    CHECK_INT(count_keys(keyring), 4);
    aa_keyring_free(keyring);
    f.now_ms += 1;
    CHECK_OK(aa_keyring_open(&f.app, master, &keyring, NULL));
    check_signs(&f, keyring, signer);
    CHECK_TEXT(signer, waiting);
    aa_keyring_free(keyring);
    app_close(&f);
}

TEST(keyring, without_a_key_in_force_it_does_not_open)
{
    struct app_fixture f;
    struct aa_keyring *keyring;
    char kid[64];

    app_open(&f);
    plant_key(&f, 1000, 1000, 2000, kid);
    CHECK_ERR(aa_keyring_open(&f.app, master, &keyring, NULL), AA_ERR_CRYPTO);
    plant_key(&f, 1000, f.now_ms, 0, kid);
    CHECK_OK(aa_keyring_open(&f.app, master, &keyring, NULL));
    aa_keyring_free(keyring);
    app_close(&f);
}

/* ---- together ---- */

struct opener {
    struct app_fixture *f;
    struct aa_keyring *keyring;
    enum aa_err rc;
};

static void *open_keyring(void *ctx)
{
    struct opener *opener = ctx;

    opener->rc = aa_keyring_open(&opener->f->app, master, &opener->keyring, NULL);
    return NULL;
}

TEST(keyring, processes_that_start_at_once_make_one_key)
{
    struct opener openers[4];
    pthread_t threads[4];
    struct app_fixture f;
    char folder[64], path[96], first[64], kid[64];

    folder_make(folder, sizeof folder);
    snprintf(path, sizeof path, "%s/test.db", folder);
    app_open_at(&f, path);
    for (int i = 0; i < 4; i++) {
        openers[i] = (struct opener){.f = &f};
        CHECK_INT(pthread_create(&threads[i], NULL, open_keyring, &openers[i]), 0);
    }
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < 4; i++) {
        CHECK_OK(openers[i].rc);
        check_signs(&f, openers[i].keyring, kid);
        if (i == 0)
            memcpy(first, kid, sizeof first);
        CHECK_TEXT(kid, first);
        CHECK_INT(count_keys(openers[i].keyring), 1);
        aa_keyring_free(openers[i].keyring);
    }
    app_close(&f);
    folder_remove(folder);
}

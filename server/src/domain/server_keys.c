#include "domain/server_keys.h"

#include "base/error.h"
#include "base/mem.h"
#include "domain/audit.h"
#include "domain/key_cache.h"
#include "domain/key_phc.h"
#include "store/store.h"

#define RANDOM_TEXT_LEN 32 /* of 62 letters: 190 bits */
#define CHECKSUM_LEN 6     /* of 62 letters: 32 bits */
#define BODY_LEN (AA_KEY_ID_LEN + RANDOM_TEXT_LEN)
#define SECRET_LEN (BODY_LEN + CHECKSUM_LEN)
#define NAME_MAX_LEN 200

/* ---- the form of a secret ---- */

static bool is_alnum(struct aa_view text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')))
            return false;
    }
    return true;
}

/* Keyed with a key that lives in the store, so that nobody but us makes a secret that passes: PBKDF2 is never spent on
 * what a stranger made up, not even with a known key id in front. */
static enum aa_err compute_checksum(const uint8_t key[AA_SHA256_LEN], struct aa_view body, char out[CHECKSUM_LEN])
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    uint8_t digest[AA_SHA256_LEN];
    uint32_t value;
    enum aa_err rc;

    rc = aa_hmac_sha256(aa_view_make(key, AA_SHA256_LEN), body, digest);
    if (rc)
        return rc;
    value = (uint32_t)digest[0] << 24 | (uint32_t)digest[1] << 16 | (uint32_t)digest[2] << 8 | digest[3];
    for (size_t i = 0; i < CHECKSUM_LEN; i++) {
        out[i] = letters[value % 62];
        value /= 62;
    }
    return AA_OK;
}

/* What can be told without any cryptography. */
bool aa_server_key_is_shaped(struct aa_view secret)
{
    return secret.len == SECRET_LEN && aa_view_has_prefix(secret, AA_VIEW("sk_")) && is_alnum(aa_view_from(secret, 3));
}

static bool has_checksum(const struct aa_key_cache *cache, struct aa_view secret)
{
    char checksum[CHECKSUM_LEN];

    if (compute_checksum(aa_key_cache_checksum_key(cache), aa_view_slice(secret, 0, BODY_LEN), checksum))
        return false;
    return aa_ct_equal(aa_view_make(checksum, sizeof checksum), aa_view_from(secret, BODY_LEN));
}

static struct aa_view key_id_of(struct aa_view secret)
{
    return aa_view_slice(secret, 0, AA_KEY_ID_LEN);
}

/* ---- minting and withdrawing ---- */

static enum aa_err mint_secret(const struct aa_app *app, struct aa_buf *secret, struct aa_error *err)
{
    char checksum[CHECKSUM_LEN];
    enum aa_err rc;

    rc = aa_app_new_id(app, "sk_", secret, err);
    if (!rc && aa_random_alnum(app->random, app->ctx, RANDOM_TEXT_LEN, secret))
        rc = aa_fail(err, AA_ERR_RANDOM, "no random characters for a key");
    if (!rc && compute_checksum(aa_key_cache_checksum_key(app->key_cache), aa_buf_view(secret), checksum))
        rc = aa_fail(err, AA_ERR_CRYPTO, "a key's checksum could not be computed");
    if (rc)
        return rc;
    aa_buf_add(secret, aa_view_make(checksum, sizeof checksum));
    return aa_buf_check(secret, "a key", err);
}

struct creation {
    const struct aa_app *app;
    struct aa_server_key key;
};

static enum aa_err create_key(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    const struct creation *creation = ctx;
    const struct aa_server_key *key = &creation->key;
    struct aa_audit_entry entry = {.event = AA_AUDIT_KEY_CREATED,
                                   .server_id = key->server_id,
                                   .details = {{"key_id", key->key_id}, {"name", key->name}}};
    enum aa_err rc;

    rc = aa_server_key_create(conn, key, NULL);
    if (rc == AA_ERR_NOT_FOUND)
        return aa_fail(err, rc, "there is no server with this id");
    if (rc)
        return aa_fail(err, rc, "the key cannot be stored: %s", aa_err_text(rc));
    return aa_audit_note(creation->app, conn, &entry, err);
}

static enum aa_err store_key(struct aa_app *app, struct aa_view server_id, struct aa_view name, struct aa_view secret,
                             struct aa_error *err)
{
    struct creation creation = {app, {.key_id = key_id_of(secret), .server_id = server_id, .name = name}};
    uint8_t salt[AA_KEY_SALT_LEN], hash[AA_SHA256_LEN];
    struct aa_buf phc;
    enum aa_err rc;

    if (aa_app_random(app, salt, sizeof salt))
        return aa_fail(err, AA_ERR_RANDOM, "no random bytes for a key's salt");
    aa_buf_init(&phc, AA_KEY_PHC_MAX);
    rc = aa_pbkdf2_sha256(secret, aa_view_make(salt, sizeof salt), AA_KEY_ROUNDS, hash, sizeof hash);
    if (rc)
        aa_fail(err, rc, "a key could not be hashed");
    else
        rc = aa_key_phc_build(AA_KEY_PHC, salt, hash, 0, &phc, err);
    if (!rc) {
        creation.key.secret_phc = aa_buf_view(&phc);
        creation.key.created_ms = aa_app_now_ms(app);
        rc = aa_db_write(app->db, create_key, &creation, err);
    }
    aa_buf_clear(&phc);
    return rc;
}

enum aa_err aa_server_key_mint(struct aa_app *app, struct aa_view server_id, struct aa_view name, struct aa_buf *key_id,
                               struct aa_buf *secret, struct aa_error *err)
{
    size_t key_start = key_id->len, secret_start = secret->len;
    struct aa_buf minted;
    enum aa_err rc;

    if (name.len == 0 || name.len > NAME_MAX_LEN || !aa_view_is_utf8(name))
        return aa_fail(err, AA_ERR_REQUEST_MALFORMED, "name must be 1 to %d bytes of UTF-8", NAME_MAX_LEN);
    aa_buf_init(&minted, SECRET_LEN);
    rc = mint_secret(app, &minted, err);
    if (!rc) {
        aa_buf_add(key_id, key_id_of(aa_buf_view(&minted)));
        aa_buf_add(secret, aa_buf_view(&minted));
        rc = aa_buf_check(key_id, "a key's id", err);
    }
    if (!rc)
        rc = aa_buf_check(secret, "a key", err);
    /* Stored last: a key that could not be told would be there all the same. */
    if (!rc)
        rc = store_key(app, server_id, name, aa_buf_view(&minted), err);
    if (rc) {
        aa_buf_cut(key_id, key_start);
        aa_buf_cut(secret, secret_start);
    }
    aa_buf_wipe_clear(&minted);
    return rc;
}

struct withdrawal {
    const struct aa_app *app;
    struct aa_view server_id, key_id;
    int64_t now_ms;
};

static enum aa_err revoke_key(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    const struct withdrawal *withdrawal = ctx;
    struct aa_audit_entry entry = {
        .event = AA_AUDIT_KEY_REVOKED, .server_id = withdrawal->server_id, .details = {{"key_id", withdrawal->key_id}}};
    enum aa_err rc;

    rc = aa_server_key_revoke(conn, withdrawal->server_id, withdrawal->key_id, withdrawal->now_ms, err);
    return rc ? rc : aa_audit_note(withdrawal->app, conn, &entry, err);
}

enum aa_err aa_server_key_withdraw(struct aa_app *app, struct aa_view server_id, struct aa_view key_id,
                                   struct aa_error *err)
{
    struct withdrawal withdrawal = {app, server_id, key_id, aa_app_now_ms(app)};
    enum aa_err rc;

    rc = aa_db_write(app->db, revoke_key, &withdrawal, err);
    aa_key_cache_forget_key(app->key_cache, key_id);
    return rc;
}

void aa_server_key_forget(struct aa_app *app, struct aa_view server_id)
{
    aa_key_cache_forget_server(app->key_cache, server_id);
}

/* ---- checking ---- */

struct lookup {
    struct aa_view key_id;
    struct aa_server_key row;
};

static enum aa_err find_key(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    struct lookup *lookup = ctx;

    return aa_server_key_find(conn, lookup->key_id, &lookup->row, err);
}

/* The row of a key in force. AA_ERR_NOT_FOUND also when it was revoked. */
static enum aa_err find_live(struct aa_app *app, struct aa_view key_id, struct lookup *lookup, struct aa_error *err)
{
    enum aa_err rc;

    *lookup = (struct lookup){.key_id = key_id};
    rc = aa_db_read(app->db, find_key, lookup, err);
    if (!rc && lookup->row.revoked_ms != 0) {
        aa_record_clear(&lookup->row.memory);
        rc = aa_fail(err, AA_ERR_NOT_FOUND, "the key was revoked");
    }
    return rc;
}

/* What is remembered was looked at a while ago: another process may have revoked the key since. */
static enum aa_key_verdict look_again(struct aa_app *app, struct aa_view secret, const struct aa_key_name *name)
{
    struct lookup lookup;
    enum aa_err rc;

    rc = find_live(app, key_id_of(secret), &lookup, NULL);
    if (rc == AA_ERR_NOT_FOUND) {
        aa_key_cache_forget_key(app->key_cache, key_id_of(secret));
        return AA_KEY_BAD;
    }
    if (rc)
        return AA_KEY_UNKNOWN_YET; /* the slow check meets the same trouble, and can tell it */
    aa_record_clear(&lookup.row.memory);
    aa_key_cache_confirm(app->key_cache, name, aa_app_now_ms(app));
    return AA_KEY_GOOD;
}

/* BAD for what cannot be a key of ours, GOOD only when it is remembered and in force. */
static enum aa_key_verdict ask_cache(struct aa_app *app, struct aa_view secret, struct aa_key_name *name)
{
    enum aa_key_known known;

    if (!aa_server_key_is_shaped(secret))
        return AA_KEY_BAD;
    if (aa_key_cache_name(app->key_cache, secret, name))
        return AA_KEY_UNKNOWN_YET;
    known = aa_key_cache_find(app->key_cache, name, aa_app_now_ms(app));
    if (known == AA_KEY_FRESH)
        return AA_KEY_GOOD;
    if (known == AA_KEY_STALE)
        return look_again(app, secret, name);
    return has_checksum(app->key_cache, secret) ? AA_KEY_UNKNOWN_YET : AA_KEY_BAD;
}

enum aa_key_verdict aa_server_key_check_fast(struct aa_app *app, struct aa_view secret, struct aa_buf *server_id)
{
    struct aa_key_name name;
    enum aa_key_verdict verdict = ask_cache(app, secret, &name);

    if (verdict == AA_KEY_GOOD)
        aa_buf_add_text(server_id, name.server_id);
    return verdict;
}

static enum aa_err mark_used(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    const struct withdrawal *use = ctx;

    return aa_server_key_mark_used(conn, use->key_id, use->now_ms, err);
}

/* For people who look which keys are in use; a full disk must not make a good key a bad one. */
static void note_use(struct aa_app *app, struct aa_view key_id)
{
    struct withdrawal use = {app, AA_VIEW_ABSENT, key_id, aa_app_now_ms(app)};
    enum aa_err rc = aa_db_write(app->db, mark_used, &use, NULL);

    if (rc)
        aa_app_log(app, 2, NULL, "the last use of a key could not be noted: %s", aa_err_text(rc));
}

/* With the row and PBKDF2; only one thread at a time for one key id. */
static enum aa_err check_row(struct aa_app *app, struct aa_view claimed_server_id, struct aa_view secret,
                             struct aa_key_name *name, bool *good, struct aa_error *err)
{
    uint64_t generation = aa_key_cache_generation(app->key_cache);
    struct lookup lookup;
    bool matches = false;
    enum aa_err rc;

    rc = find_live(app, key_id_of(secret), &lookup, NULL);
    if (rc == AA_ERR_NOT_FOUND)
        return AA_OK;
    if (rc)
        return aa_fail(err, rc, "a key could not be looked up: %s", aa_err_text(rc));
    if (aa_view_is_absent(claimed_server_id) || aa_view_equal(claimed_server_id, lookup.row.server_id))
        rc = aa_key_phc_check(AA_KEY_PHC, secret, lookup.row.secret_phc, &matches, err);
    if (!rc && matches) {
        aa_key_cache_put(app->key_cache, name, lookup.row.server_id, generation, aa_app_now_ms(app));
        *good = true;
    }
    aa_record_clear(&lookup.row.memory);
    return rc;
}

enum aa_err aa_server_key_check(struct aa_app *app, struct aa_view claimed_server_id, struct aa_view secret, bool *good,
                                struct aa_buf *server_id, struct aa_error *err)
{
    struct aa_key_name name = {0};
    enum aa_key_verdict verdict;
    bool is_new = false;
    enum aa_err rc = AA_OK;

    *good = false;
    if (ask_cache(app, secret, &name) == AA_KEY_BAD)
        return AA_OK;
    aa_key_cache_enter(app->key_cache, key_id_of(secret));
    verdict = ask_cache(app, secret, &name); /* whoever was in before us may have settled it */
    if (verdict == AA_KEY_UNKNOWN_YET)
        rc = check_row(app, claimed_server_id, secret, &name, &is_new, err);
    aa_key_cache_leave(app->key_cache, key_id_of(secret));
    if (rc || (verdict != AA_KEY_GOOD && !is_new))
        return rc;
    if (is_new)
        note_use(app, key_id_of(secret));
    if (!aa_view_is_absent(claimed_server_id) && !aa_view_equal_text(claimed_server_id, name.server_id))
        return AA_OK;
    aa_buf_add_text(server_id, name.server_id);
    rc = aa_buf_check(server_id, "a server's id", err);
    *good = rc == AA_OK;
    return rc;
}

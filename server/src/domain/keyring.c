#include "domain/keyring.h"

#include <pthread.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "crypto/key.h"
#include "domain/signing_keys.h"
#include "jose/jwks.h"
#include "jose/jws.h"
#include "store/store.h"

#define PKCS8_MAX 512

struct entry {
    struct aa_key *key;
    char kid[AA_KID_MAX + 1];
    int64_t not_before_ms, retired_ms;
};

/* The keys as they were at one moment; shared and never changed. */
struct key_set {
    size_t owners;                             /* under the keyring's lock */
    struct entry entries[AA_SIGNING_KEYS_MAX]; /* the newest first */
    size_t count;
    struct aa_buf jwks;
};

struct aa_keyring {
    uint8_t master_key[32];
    pthread_mutex_t lock;
    struct key_set *set;
};

/* ---- sets ---- */

static void set_free(struct key_set *set)
{
    if (!set)
        return;
    for (size_t i = 0; i < set->count; i++)
        aa_key_release(set->entries[i].key);
    aa_buf_clear(&set->jwks);
    aa_mem_free(set);
}

static struct key_set *set_acquire(struct aa_keyring *keyring)
{
    struct key_set *set;

    pthread_mutex_lock(&keyring->lock);
    set = keyring->set;
    set->owners++;
    pthread_mutex_unlock(&keyring->lock);
    return set;
}

static void set_release(struct aa_keyring *keyring, struct key_set *set)
{
    bool is_last;

    pthread_mutex_lock(&keyring->lock);
    is_last = --set->owners == 0;
    pthread_mutex_unlock(&keyring->lock);
    if (is_last)
        set_free(set);
}

/* ---- loading ---- */

struct load {
    const struct aa_keyring *keyring;
    struct key_set *set;
    const struct key_set *known; /* keys that were unsealed before; NULL: none */
};

static enum aa_err unseal_key(const uint8_t *master_key, const struct aa_signing_key *row, struct aa_key **out,
                              struct aa_error *err)
{
    struct aa_buf der;
    enum aa_err rc;

    aa_buf_init(&der, PKCS8_MAX);
    rc = aa_unseal(master_key, row->kid, row->private_sealed, &der);
    if (rc)
        aa_fail(err, rc, "the signing key cannot be unsealed: this is not the master key it was sealed with");
    else
        rc = aa_key_parse_pkcs8(aa_buf_view(&der), out, err);
    aa_buf_wipe_clear(&der);
    return rc;
}

static const struct entry *find_known(const struct key_set *known, struct aa_view kid)
{
    for (size_t i = 0; known && i < known->count; i++)
        if (aa_view_equal_text(kid, known->entries[i].kid))
            return &known->entries[i];
    return NULL;
}

static enum aa_err load_row(void *ctx, const void *record, struct aa_error *err)
{
    struct load *load = ctx;
    const struct aa_signing_key *row = record;
    const struct entry *known = find_known(load->known, row->kid);
    struct entry *entry;
    enum aa_err rc;

    if (load->set->count == AA_SIGNING_KEYS_MAX || row->kid.len > AA_KID_MAX)
        return aa_fail(err, AA_ERR_CRYPTO, "too many signing keys, or one with an unusable name");
    entry = &load->set->entries[load->set->count];
    *entry = (struct entry){.not_before_ms = row->not_before_ms, .retired_ms = row->retired_ms};
    memcpy(entry->kid, row->kid.data, row->kid.len);
    if (known)
        entry->key = aa_key_acquire(known->key);
    rc = known ? AA_OK : unseal_key(load->keyring->master_key, row, &entry->key, err);
    if (!rc)
        load->set->count++;
    return rc;
}

static enum aa_err load_rows(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    struct load *load = ctx;

    for (; load->set->count > 0; load->set->count--) /* the closure may run again */
        aa_key_release(load->set->entries[load->set->count - 1].key);
    return aa_signing_key_list(conn, load_row, load, err);
}

static enum aa_err build_jwks(struct key_set *set, struct aa_error *err)
{
    struct aa_buf *out = &set->jwks;

    aa_buf_add_text(out, "{\"keys\":[");
    for (size_t i = 0; i < set->count; i++) {
        enum aa_err rc;

        if (i)
            aa_buf_add_char(out, ',');
        rc = aa_jwk_add(out, set->entries[i].key, aa_view_of(set->entries[i].kid), err);
        if (rc)
            return rc;
    }
    aa_buf_add_text(out, "]}");
    return aa_buf_check(out, "the key set", err);
}

static enum aa_err set_load(const struct aa_app *app, const struct aa_keyring *keyring, const struct key_set *known,
                            struct key_set **out, struct aa_error *err)
{
    struct key_set *set = aa_mem_new(sizeof *set);
    struct load load = {keyring, set, known};
    enum aa_err rc;

    if (!set)
        return aa_fail(err, AA_ERR_NOMEM, "out of memory opening the signing keys");
    set->owners = 1;
    aa_buf_init(&set->jwks, AA_JWKS_MAX);
    rc = aa_db_read(app->db, load_rows, &load, err);
    if (!rc)
        rc = build_jwks(set, err);
    if (rc)
        set_free(set);
    else
        *out = set;
    return rc;
}

/* ---- which one signs ---- */

static bool is_in_force(const struct entry *entry, int64_t now_ms)
{
    return entry->not_before_ms <= now_ms && (entry->retired_ms == 0 || now_ms < entry->retired_ms);
}

/* The newest in force. There is one, unless the clock of the process that made it is ahead of ours: then one that is
 * yet to come, which is published like all. Never a retired one: others may know it. NULL when there are only those. */
static const struct entry *choose(const struct key_set *set, int64_t now_ms)
{
    for (size_t i = 0; i < set->count; i++)
        if (is_in_force(&set->entries[i], now_ms))
            return &set->entries[i];
    for (size_t i = 0; i < set->count; i++)
        if (set->entries[i].retired_ms == 0)
            return &set->entries[i];
    return NULL;
}

/* ---- opening and refreshing ---- */

static enum aa_err load_or_make(const struct aa_app *app, struct aa_keyring *keyring, struct aa_error *err)
{
    enum aa_err rc;

    rc = set_load(app, keyring, NULL, &keyring->set, err);
    if (rc || keyring->set->count > 0)
        return rc;
    set_free(keyring->set);
    keyring->set = NULL;
    rc = aa_signing_key_make_first(app, keyring->master_key, err);
    return rc ? rc : set_load(app, keyring, NULL, &keyring->set, err);
}

enum aa_err aa_keyring_open(const struct aa_app *app, const uint8_t master_key[32], struct aa_keyring **out,
                            struct aa_error *err)
{
    struct aa_keyring *keyring = aa_mem_new(sizeof *keyring);
    enum aa_err rc;

    if (!keyring)
        return aa_fail(err, AA_ERR_NOMEM, "out of memory opening the signing keys");
    pthread_mutex_init(&keyring->lock, NULL);
    memcpy(keyring->master_key, master_key, sizeof keyring->master_key);
    rc = load_or_make(app, keyring, err);
    if (!rc && !choose(keyring->set, aa_app_now_ms(app)))
        rc = aa_fail(err, AA_ERR_CRYPTO, "no signing key is in force");
    if (rc) {
        aa_keyring_free(keyring);
        return rc;
    }
    *out = keyring;
    return AA_OK;
}

void aa_keyring_free(struct aa_keyring *keyring)
{
    if (!keyring)
        return;
    set_free(keyring->set);
    pthread_mutex_destroy(&keyring->lock);
    aa_mem_wipe_free(keyring, sizeof *keyring);
}

static bool is_same(const struct key_set *a, const struct key_set *b)
{
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++)
        if (strcmp(a->entries[i].kid, b->entries[i].kid) != 0 ||
            a->entries[i].not_before_ms != b->entries[i].not_before_ms ||
            a->entries[i].retired_ms != b->entries[i].retired_ms)
            return false;
    return true;
}

enum aa_err aa_keyring_refresh(const struct aa_app *app, struct aa_keyring *keyring, struct aa_error *err)
{
    struct key_set *before = set_acquire(keyring), *now = NULL, *old;
    enum aa_err rc;

    rc = set_load(app, keyring, before, &now, err);
    if (!rc && now->count == 0)
        rc = aa_fail(err, AA_ERR_CRYPTO, "the signing keys are gone from the database");
    if (!rc && !is_same(before, now)) {
        pthread_mutex_lock(&keyring->lock);
        old = keyring->set;
        keyring->set = now;
        now = old;
        pthread_mutex_unlock(&keyring->lock);
    }
    if (now)
        set_release(keyring, now); /* the new one that is none, or the old one */
    set_release(keyring, before);
    return rc;
}

/* ---- signing and publishing ---- */

enum aa_err aa_keyring_sign(struct aa_keyring *keyring, int64_t now_ms, struct aa_view typ, struct aa_view claims,
                            struct aa_buf *out, struct aa_error *err)
{
    struct key_set *set = set_acquire(keyring);
    const struct entry *entry = choose(set, now_ms);
    enum aa_err rc;

    if (entry)
        rc = aa_jws_sign(entry->key, aa_view_of(entry->kid), typ, claims, out, err);
    else
        rc = aa_fail(err, AA_ERR_CRYPTO, "no signing key is in force");
    set_release(keyring, set);
    return rc;
}

void aa_keyring_add_jwks(struct aa_keyring *keyring, struct aa_buf *out)
{
    struct key_set *set = set_acquire(keyring);

    aa_buf_add(out, aa_buf_view(&set->jwks));
    set_release(keyring, set);
}

#include "domain/keyring.h"

#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "crypto/key.h"
#include "domain/audit.h"
#include "jose/jwks.h"
#include "jose/jws.h"
#include "store/store.h"

#define KEYS_MAX 16   /* one signs, a few wait or retire */
#define KID_MAX 64    /* a thumbprint has 43 */
#define PKCS8_MAX 512 /* a P-256 key has 138 bytes */
#define NO_SIGNER KEYS_MAX

struct keyring_entry {
    struct aa_key *key;
    char kid[KID_MAX + 1];
};

struct aa_keyring {
    struct keyring_entry entries[KEYS_MAX];
    size_t count;
    size_t signer; /* index of the newest key that may sign */
    struct aa_buf jwks;
};

struct load {
    struct aa_keyring *keyring;
    const uint8_t *master_key;
    int64_t now_ms;
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

static enum aa_err load_row(void *ctx, const void *record, struct aa_error *err)
{
    struct load *load = ctx;
    const struct aa_signing_key *row = record;
    struct aa_keyring *keyring = load->keyring;
    struct keyring_entry *entry;
    enum aa_err rc;

    if (keyring->count == KEYS_MAX || row->kid.len > KID_MAX)
        return aa_fail(err, AA_ERR_CRYPTO, "too many signing keys, or one with an unusable name");
    entry = &keyring->entries[keyring->count];
    rc = unseal_key(load->master_key, row, &entry->key, err);
    if (rc)
        return rc;
    memcpy(entry->kid, row->kid.data, row->kid.len);
    /* Rows come newest first: the first that is in force signs. */
    if (keyring->signer == NO_SIGNER && row->not_before_ms <= load->now_ms && row->retired_ms == 0)
        keyring->signer = keyring->count;
    keyring->count++;
    return AA_OK;
}

static enum aa_err load_all(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    return aa_signing_key_list(conn, load_row, ctx, err);
}

static enum aa_err note_any(void *ctx, const void *record, struct aa_error *err)
{
    (void)record;
    (void)err;
    *(bool *)ctx = true;
    return AA_OK;
}

struct creation {
    const struct aa_app *app;
    struct aa_signing_key key;
};

/* Only when there is none: two processes that start at once must not each make their own. */
static enum aa_err create_first(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    const struct creation *creation = ctx;
    struct aa_audit_entry entry = {.event = AA_AUDIT_SIGNING_KEY,
                                   .details = {{"action", AA_VIEW("made")}, {"kid", creation->key.kid}}};
    bool any = false;
    enum aa_err rc;

    rc = aa_signing_key_list(conn, note_any, &any, err);
    if (rc || any)
        return rc;
    rc = aa_signing_key_create(conn, &creation->key, err);
    return rc ? rc : aa_audit_note(creation->app, conn, &entry, err);
}

static enum aa_err make_first(const struct aa_app *app, const uint8_t *master_key, struct aa_error *err)
{
    struct aa_key *key = NULL;
    struct aa_buf der, kid, sealed;
    struct creation creation = {.app = app};
    struct aa_signing_key *row = &creation.key;
    enum aa_err rc;

    aa_buf_init(&der, PKCS8_MAX);
    aa_buf_init(&kid, KID_MAX);
    aa_buf_init(&sealed, PKCS8_MAX + 64);
    rc = aa_key_generate_p256(&key, err);
    if (rc)
        goto done;
    rc = aa_key_build_pkcs8(key, &der, err);
    if (rc)
        goto done;
    rc = aa_jwk_add_thumbprint(&kid, key, err);
    if (rc)
        goto done;
    rc = aa_seal(master_key, aa_buf_view(&kid), aa_buf_view(&der), app->random, app->ctx, &sealed);
    if (rc) {
        aa_fail(err, rc, "the new signing key could not be sealed");
        goto done;
    }
    row->kid = aa_buf_view(&kid);
    row->alg = AA_VIEW("ES256");
    row->private_sealed = aa_buf_view(&sealed);
    row->created_ms = row->not_before_ms = aa_app_now_ms(app);
    rc = aa_db_write(app->db, create_first, &creation, err);
done:
    aa_key_release(key);
    aa_buf_wipe_clear(&der);
    aa_buf_clear(&kid);
    aa_buf_clear(&sealed);
    return rc;
}

static enum aa_err build_jwks(struct aa_keyring *keyring, struct aa_error *err)
{
    struct aa_buf *out = &keyring->jwks;
    size_t i;
    enum aa_err rc;

    aa_buf_add_text(out, "{\"keys\":[");
    for (i = 0; i < keyring->count; i++) {
        if (i)
            aa_buf_add_char(out, ',');
        rc = aa_jwk_add(out, keyring->entries[i].key, aa_view_of(keyring->entries[i].kid), err);
        if (rc)
            return rc;
    }
    aa_buf_add_text(out, "]}");
    return aa_buf_check(out, "the key set", err);
}

static enum aa_err load_or_make(const struct aa_app *app, struct load *load, struct aa_error *err)
{
    enum aa_err rc;

    rc = aa_db_read(app->db, load_all, load, err);
    if (rc || load->keyring->count > 0)
        return rc;
    rc = make_first(app, load->master_key, err);
    if (rc)
        return rc;
    load->now_ms = aa_app_now_ms(app);
    return aa_db_read(app->db, load_all, load, err);
}

enum aa_err aa_keyring_open(const struct aa_app *app, const uint8_t master_key[32], struct aa_keyring **out,
                            struct aa_error *err)
{
    struct aa_keyring *keyring = aa_mem_new(sizeof *keyring);
    struct load load = {keyring, master_key, aa_app_now_ms(app)};
    enum aa_err rc;

    if (!keyring)
        return aa_fail(err, AA_ERR_NOMEM, "out of memory opening the signing keys");
    keyring->signer = NO_SIGNER;
    aa_buf_init(&keyring->jwks, AA_JWKS_MAX);
    rc = load_or_make(app, &load, err);
    if (!rc && keyring->signer == NO_SIGNER)
        rc = aa_fail(err, AA_ERR_CRYPTO, "no signing key is in force");
    if (!rc)
        rc = build_jwks(keyring, err);
    if (rc) {
        aa_keyring_free(keyring);
        return rc;
    }
    *out = keyring;
    return AA_OK;
}

void aa_keyring_free(struct aa_keyring *keyring)
{
    size_t i;

    if (!keyring)
        return;
    for (i = 0; i < keyring->count; i++)
        aa_key_release(keyring->entries[i].key);
    aa_buf_clear(&keyring->jwks);
    aa_mem_free(keyring);
}

enum aa_err aa_keyring_sign(struct aa_keyring *keyring, struct aa_view typ, struct aa_view claims, struct aa_buf *out,
                            struct aa_error *err)
{
    const struct keyring_entry *entry = &keyring->entries[keyring->signer];

    return aa_jws_sign(entry->key, aa_view_of(entry->kid), typ, claims, out, err);
}

struct aa_view aa_keyring_jwks(const struct aa_keyring *keyring)
{
    return aa_buf_view(&keyring->jwks);
}

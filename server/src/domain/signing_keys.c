#include "domain/signing_keys.h"

#include "base/error.h"
#include "crypto/key.h"
#include "domain/audit.h"
#include "jose/jwks.h"
#include "store/store.h"

#define PKCS8_MAX 512 /* a P-256 key has 138 bytes */
/* Key sets may be kept for five minutes (AA_DISCOVERY_MAX_AGE), and every process of ours looks within seconds. */
#define PUBLISHED_BEFORE_MS (INT64_C(10) * 60 * 1000)

/* ---- making one ---- */

struct making {
    const struct aa_app *app;
    struct aa_buf kid, sealed;
    struct aa_signing_key row; /* borrows from both */
};

static enum aa_err seal_key(const struct aa_app *app, const uint8_t *master_key, const struct aa_key *key,
                            struct aa_view kid, struct aa_buf *sealed, struct aa_error *err)
{
    struct aa_buf der;
    enum aa_err rc;

    aa_buf_init(&der, PKCS8_MAX);
    rc = aa_key_build_pkcs8(key, &der, err);
    if (!rc && aa_seal(master_key, kid, aa_buf_view(&der), app->random, app->ctx, sealed))
        rc = aa_fail(err, AA_ERR_CRYPTO, "the new signing key could not be sealed");
    aa_buf_wipe_clear(&der);
    return rc ? rc : aa_buf_check(sealed, "the sealed signing key", err);
}

static enum aa_err making_open(struct making *making, const struct aa_app *app, const uint8_t *master_key,
                               struct aa_error *err)
{
    struct aa_key *key = NULL;
    enum aa_err rc;

    *making = (struct making){.app = app};
    aa_buf_init(&making->kid, AA_KID_MAX);
    aa_buf_init(&making->sealed, PKCS8_MAX + 64);
    rc = aa_key_generate_p256(&key, err);
    if (!rc)
        rc = aa_jwk_add_thumbprint(&making->kid, key, err);
    if (!rc)
        rc = seal_key(app, master_key, key, aa_buf_view(&making->kid), &making->sealed, err);
    aa_key_release(key);
    making->row = (struct aa_signing_key){.kid = aa_buf_view(&making->kid),
                                          .alg = AA_VIEW("ES256"),
                                          .private_sealed = aa_buf_view(&making->sealed),
                                          .created_ms = aa_app_now_ms(app)};
    making->row.not_before_ms = making->row.created_ms;
    return rc;
}

static void making_clear(struct making *making)
{
    aa_buf_clear(&making->kid);
    aa_buf_clear(&making->sealed);
}

static enum aa_err note_kid(struct aa_conn *conn, const struct aa_app *app, struct aa_view action, struct aa_view kid,
                            struct aa_error *err)
{
    struct aa_audit_entry entry = {.event = AA_AUDIT_SIGNING_KEY, .details = {{"action", action}, {"kid", kid}}};

    return aa_audit_note(app, conn, &entry, err);
}

static enum aa_err note(struct aa_conn *conn, const struct making *making, struct aa_view action, struct aa_error *err)
{
    return note_kid(conn, making->app, action, making->row.kid, err);
}

static enum aa_err count_one(void *ctx, const void *record, struct aa_error *err)
{
    (void)record;
    (void)err;
    ++*(size_t *)ctx;
    return AA_OK;
}

/* ---- the first ---- */

/* Who looks how many there are, and then makes one, is alone with that. */
static enum aa_err list_alone(struct aa_conn *conn, size_t *count, struct aa_error *err)
{
    enum aa_err rc = aa_setting_hold(conn, AA_VIEW("signing_keys_lock"), err);

    return rc ? rc : aa_signing_key_list(conn, count_one, count, err);
}

/* Only when there is none: two processes that start at once must not each make their own. */
static enum aa_err create_first(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    const struct making *making = ctx;
    size_t count = 0;
    enum aa_err rc;

    rc = list_alone(conn, &count, err);
    if (rc || count > 0)
        return rc;
    rc = aa_signing_key_create(conn, &making->row, err);
    return rc ? rc : note(conn, making, AA_VIEW("made"), err);
}

enum aa_err aa_signing_key_make_first(const struct aa_app *app, const uint8_t master_key[32], struct aa_error *err)
{
    struct making making;
    enum aa_err rc;

    rc = making_open(&making, app, master_key, err);
    if (!rc)
        rc = aa_db_write(app->db, create_first, &making, err);
    making_clear(&making);
    return rc;
}

/* ---- the next ---- */

static enum aa_err create_next(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    const struct making *making = ctx;
    size_t count = 0;
    enum aa_err rc;

    rc = list_alone(conn, &count, err);
    if (!rc && count >= AA_SIGNING_KEYS_MAX)
        rc = aa_fail(err, AA_ERR_CONFLICT, "there are %zu signing keys already: retired ones go after a day", count);
    if (!rc)
        rc = aa_signing_key_retire(conn, making->row.not_before_ms, err);
    if (!rc)
        rc = aa_signing_key_create(conn, &making->row, err);
    return rc ? rc : note(conn, making, AA_VIEW("rotated"), err);
}

enum aa_err aa_signing_key_rotate(const struct aa_app *app, const uint8_t master_key[32], enum aa_rotation when,
                                  struct aa_buf *kid, int64_t *signs_from_ms, struct aa_error *err)
{
    size_t start = kid->len;
    struct making making;
    enum aa_err rc;

    rc = making_open(&making, app, master_key, err);
    if (when == AA_ROTATE_SOON)
        making.row.not_before_ms += PUBLISHED_BEFORE_MS;
    if (!rc) {
        aa_buf_add(kid, making.row.kid);
        rc = aa_buf_check(kid, "a key's id", err);
    }
    /* Stored last: a key that could not be told would be there all the same. */
    if (!rc)
        rc = aa_db_write(app->db, create_next, &making, err);
    if (rc)
        aa_buf_cut(kid, start);
    else
        *signs_from_ms = making.row.not_before_ms;
    making_clear(&making);
    return rc;
}

/* ---- away with one ---- */

struct removal {
    const struct aa_app *app;
    struct aa_view kid;
    int64_t now_ms;
};

static enum aa_err remove_key(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    const struct removal *removal = ctx;
    enum aa_err rc = aa_signing_key_delete(conn, removal->kid, removal->now_ms, NULL);

    if (rc == AA_ERR_NOT_FOUND)
        return aa_fail(err, rc,
                       "there is no retired signing key of this id; `signing-key rotate --now` retires the others");
    if (rc)
        return aa_fail(err, rc, "the signing key cannot be removed: %s", aa_err_text(rc));
    return note_kid(conn, removal->app, AA_VIEW("removed"), removal->kid, err);
}

enum aa_err aa_signing_key_remove(const struct aa_app *app, struct aa_view kid, struct aa_error *err)
{
    struct removal removal = {app, kid, aa_app_now_ms(app)};

    return aa_db_write(app->db, remove_key, &removal, err);
}

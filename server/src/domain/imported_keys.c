#include "domain/imported_keys.h"

#include "base/error.h"
#include "domain/audit.h"
#include "domain/key_cache.h"
#include "domain/rate.h"
#include "store/store.h"

#define KEYS_MAX 16 /* of a server that are tried */
#define FAILURES_MAX 10
#define FAILURE_WINDOW_MS (INT64_C(10) * 60 * 1000)
#define SECRET_LEN_MAX 256
#define TEXT_MAX 1024
#define ID_PREFIX "sk_"

/* ---- adding ---- */

/* The same key gets the same id however often it is imported. */
static enum aa_err build_id(struct aa_view key_id, struct aa_buf *out, struct aa_error *err)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    uint8_t digest[AA_SHA256_LEN];
    struct aa_buf text;
    enum aa_err rc;

    aa_buf_init(&text, TEXT_MAX);
    aa_buf_add_text(&text, "imported key ");
    aa_buf_add(&text, key_id);
    rc = aa_buf_check(&text, "a key's id", err);
    if (!rc && aa_sha256(aa_buf_view(&text), digest))
        rc = aa_fail(err, AA_ERR_CRYPTO, "a key's id could not be computed");
    aa_buf_clear(&text);
    if (rc)
        return rc;
    aa_buf_add_text(out, ID_PREFIX);
    while (out->len < AA_KEY_ID_LEN && !out->bad)
        aa_buf_add_char(out, letters[digest[out->len] % (sizeof letters - 1)]);
    return aa_buf_check(out, "a key's id", err);
}

struct addition {
    const struct aa_app *app;
    struct aa_server_key row;
    struct aa_view old_id;
};

static enum aa_err add_row(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    const struct addition *addition = ctx;
    struct aa_audit_entry entry = {.event = AA_AUDIT_KEY_CREATED,
                                   .server_id = addition->row.server_id,
                                   .details = {{"key_id", addition->row.key_id},
                                               {"name", addition->row.name},
                                               {"imported_key_id", addition->old_id}}};
    enum aa_err rc;

    rc = aa_server_key_create(conn, &addition->row, NULL);
    if (rc)
        return aa_fail(err, rc, "the key cannot be stored: %s", aa_err_text(rc));
    return aa_audit_note(addition->app, conn, &entry, err);
}

enum aa_err aa_imported_key_add(struct aa_app *app, const struct aa_imported_key *key, struct aa_error *err)
{
    struct addition addition = {.app = app, .old_id = key->key_id};
    struct aa_buf id, phc;
    enum aa_err rc;

    aa_buf_init(&id, AA_KEY_ID_LEN);
    aa_buf_init(&phc, AA_KEY_PHC_MAX);
    rc = build_id(key->key_id, &id, err);
    if (!rc)
        rc = aa_key_phc_build(AA_KEY_PHC_IMPORTED, key->salt, key->hash, key->ends_ms, &phc, err);
    addition.row = (struct aa_server_key){.key_id = aa_buf_view(&id),
                                          .server_id = key->server_id,
                                          .name = key->name,
                                          .secret_phc = aa_buf_view(&phc),
                                          .created_ms = key->created_ms,
                                          .last_used_ms = key->last_used_ms};
    if (!rc)
        rc = aa_db_write(app->db, add_row, &addition, err);
    aa_buf_clear(&id);
    aa_buf_clear(&phc);
    return rc;
}

/* ---- are there any ---- */

static enum aa_err look(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    return aa_server_key_has_imported(conn, ctx, err);
}

enum aa_err aa_imported_keys_look(struct aa_app *app, struct aa_error *err)
{
    bool any = false;
    enum aa_err rc = aa_db_read(app->db, look, &any, err);

    if (!rc)
        aa_key_cache_set_imported(app->key_cache, any);
    return rc;
}

bool aa_imported_key_is_possible(const struct aa_app *app, struct aa_view secret)
{
    return aa_key_cache_has_imported(app->key_cache) && secret.len > 0 && secret.len <= SECRET_LEN_MAX &&
           !aa_server_key_is_shaped(secret);
}

/* ---- what is remembered ---- */

/* The cache knows secrets of one form: this stands for one, bound to the server. */
static enum aa_err name_it(const struct aa_app *app, struct aa_view server_id, struct aa_view secret,
                           struct aa_key_name *name)
{
    uint8_t digest[AA_SHA256_LEN];
    struct aa_buf text;
    enum aa_err rc;

    aa_buf_init(&text, TEXT_MAX);
    aa_buf_add_int(&text, (int64_t)server_id.len);
    aa_buf_add_char(&text, ':');
    aa_buf_add(&text, server_id);
    aa_buf_add(&text, secret);
    rc = aa_buf_check(&text, "a key", NULL);
    if (!rc)
        rc = aa_sha256(aa_buf_view(&text), digest);
    aa_buf_wipe_clear(&text);
    return rc ? rc : aa_key_cache_name(app->key_cache, aa_view_make(digest, sizeof digest), name);
}

struct lookup {
    struct aa_view key_id;
    struct aa_server_key row;
};

static enum aa_err find_key(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    struct lookup *lookup = ctx;

    aa_record_clear(&lookup->row.memory); /* the closure may run again */
    return aa_server_key_find(conn, lookup->key_id, &lookup->row, err);
}

static bool is_in_force(const struct aa_server_key *row, int64_t now_ms)
{
    int64_t ends_ms = 0;

    return row->revoked_ms == 0 && !aa_key_phc_ends(AA_KEY_PHC_IMPORTED, row->secret_phc, &ends_ms) &&
           (ends_ms == 0 || now_ms < ends_ms);
}

/* It was right a while ago: it may have been revoked or have ended since. */
static enum aa_key_verdict look_again(struct aa_app *app, const struct aa_key_name *name)
{
    struct lookup lookup = {.key_id = aa_view_of(name->key_id)};
    enum aa_key_verdict verdict = AA_KEY_UNKNOWN_YET;
    enum aa_err rc = aa_db_read(app->db, find_key, &lookup, NULL);

    if (rc == AA_ERR_NOT_FOUND || (!rc && !is_in_force(&lookup.row, aa_app_now_ms(app)))) {
        aa_key_cache_forget_key(app->key_cache, aa_view_of(name->key_id));
        verdict = AA_KEY_BAD;
    } else if (!rc) {
        aa_key_cache_confirm(app->key_cache, name, aa_app_now_ms(app));
        verdict = AA_KEY_GOOD;
    }
    aa_record_clear(&lookup.row.memory);
    return verdict;
}

static enum aa_key_verdict ask_cache(struct aa_app *app, struct aa_key_name *name, bool may_read)
{
    enum aa_key_known known = aa_key_cache_find(app->key_cache, name, aa_app_now_ms(app));

    if (known == AA_KEY_FRESH)
        return AA_KEY_GOOD;
    return known == AA_KEY_STALE && may_read ? look_again(app, name) : AA_KEY_UNKNOWN_YET;
}

enum aa_key_verdict aa_imported_key_check_fast(struct aa_app *app, struct aa_view server_id, struct aa_view secret,
                                               struct aa_buf *out)
{
    struct aa_key_name name;
    enum aa_key_verdict verdict;

    if (name_it(app, server_id, secret, &name))
        return AA_KEY_UNKNOWN_YET;
    verdict = ask_cache(app, &name, false);
    if (verdict == AA_KEY_GOOD)
        aa_buf_add(out, server_id);
    return verdict;
}

/* ---- who fails too often ---- */

struct failures {
    uint8_t key[AA_SHA256_LEN];
    int64_t now_ms, count, until_ms;
};

static enum aa_err failures_init(struct failures *failures, const struct aa_app *app, struct aa_view server_id)
{
    struct aa_buf text;
    enum aa_err rc;

    *failures = (struct failures){.now_ms = aa_app_now_ms(app)};
    aa_buf_init(&text, TEXT_MAX);
    aa_buf_add_format(&text, "imported key %lld ", (long long)(failures->now_ms / FAILURE_WINDOW_MS));
    aa_buf_add(&text, server_id);
    aa_buf_add_char(&text, ' ');
    aa_rate_key_add(&text, app->who.address);
    rc = aa_buf_check(&text, "an address", NULL);
    if (!rc)
        rc = aa_sha256(aa_buf_view(&text), failures->key);
    aa_buf_clear(&text);
    return rc;
}

static enum aa_err read_failures(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    struct failures *failures = ctx;

    return aa_lockout_find(conn, aa_view_make(failures->key, sizeof failures->key), &failures->count,
                           &failures->until_ms, err);
}

static enum aa_err add_failure(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    struct failures *failures = ctx;

    return aa_lockout_add(conn, aa_view_make(failures->key, sizeof failures->key), failures->now_ms,
                          failures->now_ms + FAILURE_WINDOW_MS, &failures->count, err);
}

/* ---- the whole check ---- */

struct candidates {
    struct aa_view server_id;
    int64_t now_ms;
    struct aa_server_key rows[KEYS_MAX];
    size_t count;
};

static void candidates_clear(struct candidates *candidates)
{
    for (; candidates->count > 0; candidates->count--)
        aa_record_clear(&candidates->rows[candidates->count - 1].memory);
}

/* The row is borrowed for the call: it is read again by its id. */
struct listing {
    struct candidates *candidates;
    struct aa_conn *conn;
};

static enum aa_err note_candidate(void *ctx, const void *record, struct aa_error *err)
{
    struct listing *listing = ctx;
    struct candidates *candidates = listing->candidates;
    const struct aa_server_key *row = record;
    enum aa_err rc;

    if (candidates->count == KEYS_MAX || !is_in_force(row, candidates->now_ms))
        return AA_OK;
    rc = aa_server_key_find(listing->conn, row->key_id, &candidates->rows[candidates->count], err);
    if (!rc)
        candidates->count++;
    return rc;
}

static enum aa_err list_candidates(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    struct listing listing = {ctx, conn};

    candidates_clear(ctx);
    return aa_server_key_list(conn, listing.candidates->server_id, note_candidate, &listing, err);
}

static enum aa_err mark_used(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    const struct lookup *use = ctx;

    return aa_server_key_mark_used(conn, use->key_id, use->row.last_used_ms, err);
}

/* For people who look which keys are in use; nothing hangs on it. */
static void note_use(struct aa_app *app, struct aa_view key_id)
{
    struct lookup use = {.key_id = key_id, .row = {.last_used_ms = aa_app_now_ms(app)}};
    enum aa_err rc = aa_db_write(app->db, mark_used, &use, NULL);

    if (rc)
        aa_app_log(app, 2, NULL, "the last use of a key could not be noted: %s", aa_err_text(rc));
}

/* Tries the keys one after the other. *found is the matching one's place, or count. */
static enum aa_err try_all(const struct candidates *candidates, struct aa_view secret, size_t *found,
                           struct aa_error *err)
{
    for (*found = 0; *found < candidates->count; ++*found) {
        bool matches = false;
        enum aa_err rc =
            aa_key_phc_check(AA_KEY_PHC_IMPORTED, secret, candidates->rows[*found].secret_phc, &matches, err);

        if (rc || matches)
            return rc;
    }
    return AA_OK;
}

static enum aa_err check_rows(struct aa_app *app, struct aa_view server_id, struct aa_view secret,
                              struct aa_key_name *name, bool *good, struct aa_error *err)
{
    struct candidates candidates = {.server_id = server_id, .now_ms = aa_app_now_ms(app)};
    uint64_t generation = aa_key_cache_generation(app->key_cache);
    size_t found = 0;
    enum aa_err rc;

    rc = aa_db_read(app->db, list_candidates, &candidates, err);
    if (!rc)
        rc = try_all(&candidates, secret, &found, err);
    if (!rc && found < candidates.count) {
        struct aa_view key_id = candidates.rows[found].key_id;

        memset(name->key_id, 0, sizeof name->key_id);
        memcpy(name->key_id, key_id.data, key_id.len < AA_KEY_ID_LEN ? key_id.len : AA_KEY_ID_LEN);
        aa_key_cache_put(app->key_cache, name, server_id, generation, aa_app_now_ms(app));
        note_use(app, key_id);
        *good = true;
    }
    candidates_clear(&candidates);
    return rc;
}

/* Behind whoever checks a key of the same server: what they found is remembered by then. */
static enum aa_err check_in_turn(struct aa_app *app, struct aa_view server_id, struct aa_view secret, bool *good,
                                 struct aa_error *err)
{
    struct aa_key_name name, turn;
    struct aa_buf place;
    enum aa_key_verdict verdict;
    enum aa_err rc;

    aa_buf_init(&place, AA_KEY_ID_LEN);
    if (name_it(app, server_id, secret, &name) || name_it(app, server_id, AA_VIEW(""), &turn))
        return aa_fail(err, AA_ERR_CRYPTO, "a key could not be looked up");
    for (size_t i = 0; i < AA_KEY_ID_LEN; i++)
        aa_buf_add_char(&place, (char)('a' + turn.digest[i] % 26));
    rc = aa_buf_check(&place, "a key's id", err);
    if (rc)
        return rc;
    aa_key_cache_enter(app->key_cache, aa_buf_view(&place));
    verdict = ask_cache(app, &name, true);
    if (verdict == AA_KEY_GOOD)
        *good = true;
    else if (verdict == AA_KEY_UNKNOWN_YET)
        rc = check_rows(app, server_id, secret, &name, good, err);
    aa_key_cache_leave(app->key_cache, aa_buf_view(&place));
    aa_buf_clear(&place);
    return rc;
}

enum aa_err aa_imported_key_check(struct aa_app *app, struct aa_view server_id, struct aa_view secret, bool *good,
                                  struct aa_buf *out, struct aa_error *err)
{
    struct failures failures;
    enum aa_err rc;

    *good = false;
    if (failures_init(&failures, app, server_id))
        return aa_fail(err, AA_ERR_CRYPTO, "a key could not be looked up");
    rc = aa_db_read(app->db, read_failures, &failures, err);
    if (rc || failures.count >= FAILURES_MAX)
        return rc;
    rc = check_in_turn(app, server_id, secret, good, err);
    if (!rc && !*good)
        rc = aa_db_write(app->db, add_failure, &failures, err);
    if (*good)
        aa_buf_add(out, server_id);
    return rc ? rc : aa_buf_check(out, "a server's id", err);
}

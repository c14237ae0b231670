#include "verify/token_key.h"

#include <threads.h>

#include "base/error.h"
#include "base/mem.h"
#include "verify/lock.h"

#define PROCESS_KEY_LEN 32
#define PART_COUNT_MAX 8
#define THREAD_SLOTS 4 /* guards that one thread asks in turn without setting up a key anew */

static struct aa_lock setup_lock;
static bool setup_done;
static uint8_t process_key[PROCESS_KEY_LEN];
static tss_t thread_exit; /* only for its destructor, which frees what a thread has set up */

struct slot {
    struct aa_token_scope scope;
    struct aa_hmac *hmac;
};

static _Thread_local struct slot slots[THREAD_SLOTS];
static _Thread_local unsigned next_slot;

static void clear_slots(void *of_this_thread)
{
    struct slot *slot = of_this_thread;

    for (size_t i = 0; i < THREAD_SLOTS; i++) {
        aa_hmac_free(slot[i].hmac);
        aa_mem_wipe(&slot[i], sizeof slot[i]);
    }
}

/* ---- the process's key ------------------------------------------------------------------------------------------ */

static enum aa_err set_up_locked(const uint8_t candidate[PROCESS_KEY_LEN], struct aa_error *err)
{
    if (setup_done)
        return AA_OK;
    if (tss_create(&thread_exit, clear_slots) != thrd_success)
        return aa_fail(err, AA_ERR_SYSTEM, "no thread-specific storage for the token cache");
    memcpy(process_key, candidate, PROCESS_KEY_LEN);
    setup_done = true;
    return AA_OK;
}

/* Random bytes may wait, the lock may not: so a key is drawn first and the first one in stays. */
static enum aa_err set_up(struct aa_error *err)
{
    uint8_t candidate[PROCESS_KEY_LEN];
    enum aa_err rc;

    rc = aa_random_system(NULL, candidate, sizeof candidate);
    if (rc)
        return aa_fail(err, rc, "no random key for the token cache");
    aa_lock_take(&setup_lock);
    rc = set_up_locked(candidate, err);
    aa_lock_drop(&setup_lock);
    aa_mem_wipe(candidate, sizeof candidate);
    return rc;
}

enum aa_err aa_token_scope_init(struct aa_token_scope *scope, const struct aa_view *parts, size_t count,
                                struct aa_error *err)
{
    struct aa_view framed[2 * PART_COUNT_MAX];
    uint64_t lengths[PART_COUNT_MAX];
    struct aa_hmac *hmac;
    enum aa_err rc;

    if (count > PART_COUNT_MAX)
        return aa_fail(err, AA_ERR_TOO_LONG, "too many parts in a cache key");
    rc = set_up(err);
    if (rc)
        return rc;
    for (size_t i = 0; i < count; i++) { /* each part behind its length: "ab","c" is not "a","bc" */
        lengths[i] = parts[i].len;
        framed[2 * i] = aa_view_make(&lengths[i], sizeof lengths[i]);
        framed[2 * i + 1] = parts[i];
    }
    rc = aa_hmac_new(aa_view_make(process_key, sizeof process_key), &hmac, err);
    if (rc)
        return rc;
    rc = aa_hmac_compute(hmac, framed, 2 * count, scope->bytes);
    aa_hmac_free(hmac);
    return rc ? aa_fail(err, rc, "the cache key could not be computed") : AA_OK;
}

/* ---- a token's key ---------------------------------------------------------------------------------------------- */

static enum aa_err fill_slot(struct slot *slot, const struct aa_token_scope *scope)
{
    struct aa_hmac *hmac;
    enum aa_err rc;

    if (tss_set(thread_exit, slots) != thrd_success)
        return AA_ERR_NOMEM;
    rc = aa_hmac_new(aa_view_make(scope->bytes, sizeof scope->bytes), &hmac, NULL);
    if (rc)
        return rc;
    aa_hmac_free(slot->hmac);
    *slot = (struct slot){*scope, hmac};
    return AA_OK;
}

static enum aa_err get_hmac(const struct aa_token_scope *scope, struct aa_hmac **out)
{
    struct slot *mine = slots;
    struct slot *slot;
    enum aa_err rc;

    for (size_t i = 0; i < THREAD_SLOTS; i++) {
        if (mine[i].hmac && memcmp(mine[i].scope.bytes, scope->bytes, sizeof scope->bytes) == 0) {
            *out = mine[i].hmac;
            return AA_OK;
        }
    }
    slot = &mine[next_slot++ % THREAD_SLOTS];
    rc = fill_slot(slot, scope);
    if (!rc)
        *out = slot->hmac;
    return rc;
}

enum aa_err aa_token_key_compute(const struct aa_token_scope *scope, struct aa_view token, struct aa_cache_key *out)
{
    uint8_t digest[AA_SHA256_LEN];
    struct aa_hmac *hmac;
    enum aa_err rc;

    rc = get_hmac(scope, &hmac);
    if (!rc)
        rc = aa_hmac_compute(hmac, &token, 1, digest);
    if (rc)
        return rc;
    memcpy(out->bytes, digest, sizeof out->bytes);
    return AA_OK;
}

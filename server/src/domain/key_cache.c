#include "domain/key_cache.h"

#include <pthread.h>

#include "base/error.h"
#include "base/mem.h"
#include "domain/server_keys.h"
#include "store/store.h"

#define SLOTS 1024 /* keys remembered at most, about 160 bytes each */
#define SECRET_LEN_MAX 64
#define WINDOW 8     /* slots looked at for one key; the one verified longest ago gives way */
#define IN_FLIGHT 32 /* more than the slow lane has threads by default; others wait */
#define CHECKSUM_KEY_NAME AA_VIEW("server_key_checksum_key")

struct slot {
    struct aa_key_name name;
    int64_t verified_ms, looked_ms;
    bool is_used;
};

struct aa_key_cache {
    const struct aa_db *db;
    uint8_t process_key[AA_SHA256_LEN];  /* never leaves the process */
    uint8_t checksum_key[AA_SHA256_LEN]; /* from the store, the same in every process */
    atomic_bool has_imported;
    pthread_mutex_t lock;
    pthread_cond_t left;
    uint64_t generation;
    char in_flight[IN_FLIGHT][AA_KEY_ID_LEN + 1];
    struct slot slots[SLOTS];
};

/* ---- the checksum key ---- */

struct load {
    uint8_t *key;
    uint8_t fresh[AA_SHA256_LEN];
};

static enum aa_err read_key(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    struct load *load = ctx;
    struct aa_view value;
    char *memory = NULL;
    enum aa_err rc;

    rc = aa_setting_get(conn, CHECKSUM_KEY_NAME, &memory, &value, err);
    if (rc)
        return rc;
    if (value.len == AA_SHA256_LEN)
        memcpy(load->key, value.data, AA_SHA256_LEN);
    else
        rc = aa_fail(err, AA_ERR_STORE, "the checksum key of API keys is damaged");
    aa_record_clear(&memory);
    return rc;
}

/* Only when there is none: two processes that start at once must agree. */
static enum aa_err make_key(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    struct load *load = ctx;
    enum aa_err rc;

    rc = aa_setting_put_new(conn, CHECKSUM_KEY_NAME, aa_view_make(load->fresh, sizeof load->fresh), NULL);
    if (rc == AA_ERR_CONFLICT)
        rc = read_key(conn, ctx, err);
    else if (!rc)
        memcpy(load->key, load->fresh, AA_SHA256_LEN);
    return rc ? aa_fail(err, rc, "the checksum key of API keys cannot be made") : AA_OK;
}

static enum aa_err load_checksum_key(const struct aa_app *app, uint8_t *key, struct aa_error *err)
{
    struct load load = {.key = key};
    enum aa_err rc;

    rc = aa_db_read(app->db, read_key, &load, NULL);
    if (rc != AA_ERR_NOT_FOUND)
        return rc ? aa_fail(err, rc, "the checksum key of API keys cannot be read") : AA_OK;
    if (aa_app_random(app, load.fresh, sizeof load.fresh))
        return aa_fail(err, AA_ERR_RANDOM, "no random bytes for the checksum key of API keys");
    rc = aa_db_write(app->db, make_key, &load, err);
    aa_mem_wipe(load.fresh, sizeof load.fresh);
    return rc;
}

enum aa_err aa_key_cache_new(const struct aa_app *app, struct aa_key_cache **out, struct aa_error *err)
{
    struct aa_key_cache *cache = aa_mem_new(sizeof *cache);
    enum aa_err rc;

    if (!cache)
        return aa_fail(err, AA_ERR_NOMEM, "out of memory for the cache of API keys");
    cache->db = app->db;
    pthread_mutex_init(&cache->lock, NULL);
    pthread_cond_init(&cache->left, NULL);
    if (aa_app_random(app, cache->process_key, sizeof cache->process_key))
        rc = aa_fail(err, AA_ERR_RANDOM, "no random bytes for the cache of API keys");
    else
        rc = load_checksum_key(app, cache->checksum_key, err);
    if (rc) {
        aa_key_cache_free(cache);
        return rc;
    }
    *out = cache;
    return AA_OK;
}

void aa_key_cache_free(struct aa_key_cache *cache)
{
    if (!cache)
        return;
    pthread_cond_destroy(&cache->left);
    pthread_mutex_destroy(&cache->lock);
    aa_mem_wipe_free(cache, sizeof *cache);
}

const uint8_t *aa_key_cache_checksum_key(const struct aa_key_cache *cache)
{
    return cache->checksum_key;
}

/* ---- what is remembered ---- */

/* SHA-256 over process key and secret rather than HMAC: an eighth of the time on every introspection, and as good here,
 * where all inputs have one length and the digest never leaves the process. */
enum aa_err aa_key_cache_name(const struct aa_key_cache *cache, struct aa_view secret, struct aa_key_name *out)
{
    char text[AA_SHA256_LEN + SECRET_LEN_MAX];
    enum aa_err rc;

    if (secret.len < AA_KEY_ID_LEN || secret.len > SECRET_LEN_MAX)
        return AA_ERR_TOKEN_FORMAT;
    memset(out, 0, sizeof *out);
    out->as_of = aa_db_generation(cache->db);
    memcpy(out->key_id, secret.data, AA_KEY_ID_LEN);
    memcpy(text, cache->process_key, AA_SHA256_LEN);
    memcpy(text + AA_SHA256_LEN, secret.data, secret.len);
    rc = aa_sha256(aa_view_make(text, AA_SHA256_LEN + secret.len), out->digest);
    aa_mem_wipe(text, sizeof text);
    return rc;
}

static struct aa_view digest_of(const struct aa_key_name *name)
{
    return aa_view_make(name->digest, sizeof name->digest);
}

static size_t first_slot(const struct aa_key_name *name)
{
    return ((size_t)name->digest[0] << 8 | name->digest[1]) % SLOTS;
}

/* With the lock held. NULL when it is not there. */
static struct slot *find_slot(struct aa_key_cache *cache, const struct aa_key_name *name)
{
    for (size_t i = 0; i < WINDOW; i++) {
        struct slot *slot = &cache->slots[(first_slot(name) + i) % SLOTS];

        if (slot->is_used && aa_ct_equal(digest_of(&slot->name), digest_of(name)))
            return slot;
    }
    return NULL;
}

/* The slot to write it to: its own, a free one, or that of the key verified longest ago. */
static struct slot *choose_slot(struct aa_key_cache *cache, const struct aa_key_name *name)
{
    struct slot *chosen = find_slot(cache, name);

    for (size_t i = 0; !chosen && i < WINDOW; i++)
        if (!cache->slots[(first_slot(name) + i) % SLOTS].is_used)
            chosen = &cache->slots[(first_slot(name) + i) % SLOTS];
    if (chosen)
        return chosen;
    chosen = &cache->slots[first_slot(name)];
    for (size_t i = 1; i < WINDOW; i++) {
        struct slot *slot = &cache->slots[(first_slot(name) + i) % SLOTS];

        if (slot->verified_ms < chosen->verified_ms)
            chosen = slot;
    }
    return chosen;
}

/* A clock that was set back makes ages negative: then nothing is believed. */
static bool is_within(int64_t since_ms, int64_t now_ms, int64_t limit_ms)
{
    return now_ms >= since_ms && now_ms - since_ms < limit_ms;
}

enum aa_key_known aa_key_cache_find(struct aa_key_cache *cache, struct aa_key_name *name, int64_t now_ms)
{
    enum aa_key_known known = AA_KEY_NOT_KNOWN;
    const struct slot *slot;

    pthread_mutex_lock(&cache->lock);
    slot = find_slot(cache, name);
    if (slot && is_within(slot->verified_ms, now_ms, AA_KEY_REMEMBERED_MS)) {
        known = is_within(slot->looked_ms, now_ms, AA_KEY_LOOK_AGAIN_MS) && slot->name.as_of >= name->as_of
                    ? AA_KEY_FRESH
                    : AA_KEY_STALE;
        memcpy(name->key_id, slot->name.key_id, sizeof name->key_id);
        memcpy(name->server_id, slot->name.server_id, sizeof name->server_id);
    }
    pthread_mutex_unlock(&cache->lock);
    return known;
}

void aa_key_cache_confirm(struct aa_key_cache *cache, const struct aa_key_name *name, int64_t now_ms)
{
    struct slot *slot;

    pthread_mutex_lock(&cache->lock);
    slot = find_slot(cache, name);
    if (slot) {
        slot->looked_ms = now_ms;
        if (slot->name.as_of < name->as_of)
            slot->name.as_of = name->as_of;
    }
    pthread_mutex_unlock(&cache->lock);
}

void aa_key_cache_put(struct aa_key_cache *cache, struct aa_key_name *name, struct aa_view server_id,
                      uint64_t generation, int64_t now_ms)
{
    size_t len = server_id.len < AA_SERVER_ID_MAX ? server_id.len : AA_SERVER_ID_MAX;

    memset(name->server_id, 0, sizeof name->server_id);
    memcpy(name->server_id, server_id.data, len);
    pthread_mutex_lock(&cache->lock);
    if (cache->generation == generation)
        *choose_slot(cache, name) = (struct slot){*name, now_ms, now_ms, true};
    pthread_mutex_unlock(&cache->lock);
}

uint64_t aa_key_cache_generation(struct aa_key_cache *cache)
{
    uint64_t generation;

    pthread_mutex_lock(&cache->lock);
    generation = cache->generation;
    pthread_mutex_unlock(&cache->lock);
    return generation;
}

static void forget(struct aa_key_cache *cache, struct aa_view key_id, struct aa_view server_id)
{
    pthread_mutex_lock(&cache->lock);
    cache->generation++;
    for (size_t i = 0; i < SLOTS; i++) {
        struct slot *slot = &cache->slots[i];

        if (slot->is_used &&
            (aa_view_equal_text(key_id, slot->name.key_id) || aa_view_equal_text(server_id, slot->name.server_id)))
            memset(slot, 0, sizeof *slot);
    }
    pthread_mutex_unlock(&cache->lock);
}

void aa_key_cache_forget_key(struct aa_key_cache *cache, struct aa_view key_id)
{
    forget(cache, key_id, AA_VIEW_ABSENT);
}

void aa_key_cache_forget_server(struct aa_key_cache *cache, struct aa_view server_id)
{
    forget(cache, AA_VIEW_ABSENT, server_id);
}

void aa_key_cache_set_imported(struct aa_key_cache *cache, bool any)
{
    atomic_store(&cache->has_imported, any);
}

bool aa_key_cache_has_imported(const struct aa_key_cache *cache)
{
    return atomic_load(&cache->has_imported);
}

/* ---- one at a time ---- */

/* The place of this key id, or with an empty one a free place; NULL when there is none. */
static char *find_flight(struct aa_key_cache *cache, struct aa_view key_id)
{
    for (size_t i = 0; i < IN_FLIGHT; i++)
        if (aa_view_equal_text(key_id, cache->in_flight[i]))
            return cache->in_flight[i];
    return NULL;
}

void aa_key_cache_enter(struct aa_key_cache *cache, struct aa_view key_id)
{
    char *place;

    pthread_mutex_lock(&cache->lock);
    while (find_flight(cache, key_id) || (place = find_flight(cache, AA_VIEW(""))) == NULL)
        pthread_cond_wait(&cache->left, &cache->lock);
    memcpy(place, key_id.data, AA_KEY_ID_LEN);
    pthread_mutex_unlock(&cache->lock);
}

void aa_key_cache_leave(struct aa_key_cache *cache, struct aa_view key_id)
{
    char *place;

    pthread_mutex_lock(&cache->lock);
    place = find_flight(cache, key_id);
    if (place)
        memset(place, 0, AA_KEY_ID_LEN + 1);
    pthread_cond_broadcast(&cache->left);
    pthread_mutex_unlock(&cache->lock);
}

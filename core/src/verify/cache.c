#include "verify/cache.h"

#include "base/error.h"
#include "base/mem.h"
#include "verify/lock.h"

/* Running out of memory inside uthash must not end the process: the entry is then simply not kept. */
#define HASH_NONFATAL_OOM 1
#define uthash_nonfatal_oom(element) ((element)->lost = true)
#define uthash_malloc(size) aa_mem_new(size)
#define uthash_free(memory, size) aa_mem_free(memory)
#include <uthash.h>

#define SHARDS_MAX 64 /* a power of two; 64 threads seldom meet */
#define ENTRIES_PER_SHARD                                                                                              \
    16                       /* below this a shard fills so unevenly that the cache would seem smaller than asked for  \
                              */
#define NEGATIVE_DIVISOR 4   /* refused tokens: a quarter as many entries as good ones */
#define BYTES_PER_ENTRY 4096 /* an ordinary answer has 0.5 to 1 KiB */
#define BYTES_PER_SHARD_MIN (256 * 1024)
#define SECOND_CHANCES 8 /* entries looked at before one is thrown out although it was used lately */

struct entry {
    struct aa_cache_key key;
    UT_hash_handle hh;
    int64_t until_ms;
    size_t size;
    struct aa_facts facts;
    struct entry *next_dead;
    bool used; /* since it was last considered for eviction */
    bool lost; /* uthash could not take it in */
};

struct partition { /* head is the oldest: uthash keeps the order of insertion */
    struct entry *head;
    size_t bytes;
};

enum { GOOD, REFUSED, PARTITIONS };

struct shard {
    struct aa_lock lock;
    struct partition partitions[PARTITIONS];
    uint64_t hits;
    char padding[64]; /* two shards never share a cache line */
};

struct aa_cache {
    int64_t ttl_ms, negative_ttl_ms;
    size_t shard_count;
    size_t count_max[PARTITIONS]; /* per shard */
    size_t bytes_max;
    struct shard shards[SHARDS_MAX];
};

void aa_facts_clear(struct aa_facts *facts)
{
    aa_principal_release(facts->principal);
    *facts = (struct aa_facts){AA_OK, NULL};
}

struct aa_facts aa_facts_copy(const struct aa_facts *facts)
{
    return (struct aa_facts){facts->code, facts->principal ? aa_principal_acquire(facts->principal) : NULL};
}

static size_t at_least(size_t value, size_t least)
{
    return value < least ? least : value;
}

enum aa_err aa_cache_new(size_t entries_max, int64_t ttl_ms, struct aa_cache **out, struct aa_error *err)
{
    struct aa_cache *cache = aa_mem_new(sizeof *cache);

    if (!cache)
        return aa_fail(err, AA_ERR_NOMEM, "no memory for the cache");
    cache->ttl_ms = ttl_ms;
    cache->negative_ttl_ms = ttl_ms < AA_CACHE_NEGATIVE_TTL_MS ? ttl_ms : AA_CACHE_NEGATIVE_TTL_MS;
    cache->shard_count = SHARDS_MAX;
    while (cache->shard_count > 1 && entries_max / cache->shard_count < ENTRIES_PER_SHARD)
        cache->shard_count /= 2;
    cache->count_max[GOOD] = at_least(entries_max / cache->shard_count, 1);
    cache->count_max[REFUSED] = at_least(cache->count_max[GOOD] / NEGATIVE_DIVISOR, 1);
    cache->bytes_max = at_least(cache->count_max[GOOD] * BYTES_PER_ENTRY, BYTES_PER_SHARD_MIN);
    *out = cache;
    return AA_OK;
}

static void free_entry(struct entry *entry)
{
    aa_facts_clear(&entry->facts);
    aa_mem_free(entry);
}

static void free_dead(struct entry *dead)
{
    while (dead) {
        struct entry *next = dead->next_dead;

        free_entry(dead);
        dead = next;
    }
}

void aa_cache_free(struct aa_cache *cache)
{
    if (!cache)
        return;
    for (size_t i = 0; i < cache->shard_count; i++) {
        for (size_t p = 0; p < PARTITIONS; p++) {
            struct entry *entry;
            struct entry *next;

            HASH_ITER(hh, cache->shards[i].partitions[p].head, entry, next)
            {
                HASH_DEL(cache->shards[i].partitions[p].head, entry);
                free_entry(entry);
            }
        }
    }
    aa_mem_free(cache);
}

/* The key is a keyed digest: any of its bits are as good as a hash of our own. */
static unsigned hash_of(const struct aa_cache_key *key)
{
    uint32_t hash;

    memcpy(&hash, key->bytes, sizeof hash);
    return hash;
}

static struct shard *shard_of(struct aa_cache *cache, const struct aa_cache_key *key)
{
    return &cache->shards[key->bytes[AA_CACHE_KEY_LEN - 1] & (cache->shard_count - 1)];
}

static struct entry *find(const struct partition *partition, const struct aa_cache_key *key, unsigned hash)
{
    struct entry *entry = NULL;

    HASH_FIND_BYHASHVALUE(hh, partition->head, key->bytes, AA_CACHE_KEY_LEN, hash, entry);
    return entry;
}

bool aa_cache_find(struct aa_cache *cache, const struct aa_cache_key *key, struct aa_now now, struct aa_facts *facts)
{
    struct shard *shard = shard_of(cache, key);
    unsigned hash = hash_of(key);
    struct entry *entry;
    bool hit;

    aa_lock_take(&shard->lock);
    entry = find(&shard->partitions[GOOD], key, hash);
    if (!entry)
        entry = find(&shard->partitions[REFUSED], key, hash);
    hit = entry && now.mono_ms < entry->until_ms;
    if (hit) {
        entry->used = true;
        *facts = aa_facts_copy(&entry->facts);
        shard->hits++;
    }
    aa_lock_drop(&shard->lock);
    return hit;
}

/* Takes an entry out; it is freed by the caller once the lock is open. */
static void unlink_entry(struct partition *partition, struct entry *entry, struct entry **dead)
{
    HASH_DEL(partition->head, entry);
    partition->bytes -= entry->size;
    entry->next_dead = *dead;
    *dead = entry;
}

static void link_entry(struct partition *partition, struct entry *entry, struct entry **dead)
{
    entry->lost = false;
    HASH_ADD_BYHASHVALUE(hh, partition->head, key, AA_CACHE_KEY_LEN, hash_of(&entry->key), entry);
    if (entry->lost) {
        entry->next_dead = *dead;
        *dead = entry;
        return;
    }
    partition->bytes += entry->size;
}

/* The oldest entry goes, unless it was used lately and still lives: then it moves to the end of the line and the next
 * is looked at. */
static void evict_one(struct partition *partition, struct aa_now now, struct entry **dead)
{
    for (int i = 0; i < SECOND_CHANCES; i++) {
        struct entry *oldest = partition->head;

        if (!oldest->used || now.mono_ms >= oldest->until_ms)
            break;
        oldest->used = false;
        HASH_DEL(partition->head, oldest);
        partition->bytes -= oldest->size;
        link_entry(partition, oldest, dead);
        if (!partition->head)
            return;
    }
    unlink_entry(partition, partition->head, dead);
}

static void make_room(const struct aa_cache *cache, struct partition *partition, size_t count_max, size_t size,
                      struct aa_now now, struct entry **dead)
{
    while (partition->head && (HASH_COUNT(partition->head) >= count_max || partition->bytes + size > cache->bytes_max))
        evict_one(partition, now, dead);
}

/* How long facts may be believed from now on; 0: not at all. */
static int64_t lifetime_ms(const struct aa_cache *cache, const struct aa_facts *facts, struct aa_now now)
{
    int64_t left_ms;

    if (facts->code)
        return aa_err_class_of(facts->code) == AA_CLASS_TOKEN ? cache->negative_ttl_ms : 0;
    if (!facts->principal->has_exp)
        return cache->ttl_ms;
    left_ms = (facts->principal->exp_s - now.wall_s) * 1000; /* exp is below 2^53: no overflow */
    if (left_ms <= 0)
        return 0;
    return left_ms < cache->ttl_ms ? left_ms : cache->ttl_ms;
}

void aa_cache_put(struct aa_cache *cache, const struct aa_cache_key *key, const struct aa_facts *facts,
                  struct aa_now now)
{
    struct shard *shard = shard_of(cache, key);
    size_t size = sizeof(struct entry) + (facts->principal ? facts->principal->size : 0);
    int64_t ms = lifetime_ms(cache, facts, now);
    size_t kind = facts->code ? REFUSED : GOOD;
    struct entry *dead = NULL;
    struct entry *entry;

    if (ms <= 0 || size > cache->bytes_max)
        return;
    entry = aa_mem_new(sizeof *entry);
    if (!entry)
        return;
    entry->key = *key;
    entry->until_ms = now.mono_ms + ms;
    entry->size = size;
    entry->facts = aa_facts_copy(facts);

    aa_lock_take(&shard->lock);
    for (size_t p = 0; p < PARTITIONS; p++) {
        struct entry *old = find(&shard->partitions[p], key, hash_of(key));

        if (old)
            unlink_entry(&shard->partitions[p], old, &dead);
    }
    make_room(cache, &shard->partitions[kind], cache->count_max[kind], size, now, &dead);
    link_entry(&shard->partitions[kind], entry, &dead);
    aa_lock_drop(&shard->lock);
    free_dead(dead);
}

void aa_cache_get_stats(struct aa_cache *cache, struct aa_cache_stats *out)
{
    *out = (struct aa_cache_stats){0};
    for (size_t i = 0; i < cache->shard_count; i++) {
        struct shard *shard = &cache->shards[i];

        aa_lock_take(&shard->lock);
        out->hits += shard->hits;
        out->entries += HASH_COUNT(shard->partitions[GOOD].head);
        out->negative_entries += HASH_COUNT(shard->partitions[REFUSED].head);
        aa_lock_drop(&shard->lock);
    }
}

void aa_cache_lock_all(struct aa_cache *cache)
{
    for (size_t i = 0; i < cache->shard_count; i++)
        aa_lock_take(&cache->shards[i].lock);
}

void aa_cache_unlock_all(struct aa_cache *cache)
{
    for (size_t i = 0; i < cache->shard_count; i++)
        aa_lock_drop(&cache->shards[i].lock);
}

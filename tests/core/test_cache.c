/* The token cache: facts for a while, in two partitions, bounded by count and by bytes. */
#include "verify/cache.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/mem.h"
#include "support_principal.h"

#define MINUTE_MS 60000
#define WALL_S 1700000000

static const struct aa_now start = {WALL_S, 1000};

static struct aa_now later(int64_t ms)
{
    return (struct aa_now){WALL_S + ms / 1000, start.mono_ms + ms};
}

/* Keys as a keyed digest would give them: every bit depends on the number. */
static struct aa_cache_key key_of(uint64_t number)
{
    struct aa_cache_key key;
    uint64_t x = number + 1;

    for (size_t i = 0; i < AA_CACHE_KEY_LEN; i++) {
        x = x * 6364136223846793005u + 1442695040888963407u;
        key.bytes[i] = (uint8_t)(x >> 56);
    }
    return key;
}

static struct aa_cache *cache_of(size_t entries_max, int64_t ttl_ms)
{
    struct aa_cache *cache;

    CHECK_OK(aa_cache_new(entries_max, ttl_ms, &cache, NULL));
    return cache;
}

static void put_good(struct aa_cache *cache, uint64_t number, const char *json, struct aa_now now)
{
    struct aa_facts facts = {AA_OK, principal_of(json)};
    struct aa_cache_key key = key_of(number);

    aa_cache_put(cache, &key, &facts, now);
    aa_facts_clear(&facts);
}

static void put_refused(struct aa_cache *cache, uint64_t number, enum aa_err code, struct aa_now now)
{
    const struct aa_facts facts = {code, NULL};
    struct aa_cache_key key = key_of(number);

    aa_cache_put(cache, &key, &facts, now);
}

/* The code of a hit, or AA_ERR_NOT_FOUND. */
static enum aa_err look(struct aa_cache *cache, uint64_t number, struct aa_now now)
{
    struct aa_cache_key key = key_of(number);
    struct aa_facts facts;
    enum aa_err code;

    if (!aa_cache_find(cache, &key, now, &facts))
        return AA_ERR_NOT_FOUND;
    CHECK((facts.code == AA_OK) == (facts.principal != NULL));
    code = facts.code;
    aa_facts_clear(&facts);
    return code;
}

static struct aa_cache_stats stats_of(struct aa_cache *cache)
{
    struct aa_cache_stats stats;

    aa_cache_get_stats(cache, &stats);
    return stats;
}

TEST(cache, what_was_put_is_found_and_nothing_else)
{
    struct aa_cache *cache = cache_of(100, MINUTE_MS);

    put_good(cache, 1, "{\"sub\":\"ann\"}", start);
    CHECK_ERR(look(cache, 1, start), AA_OK);
    CHECK_ERR(look(cache, 2, start), AA_ERR_NOT_FOUND);
    CHECK_INT(stats_of(cache).hits, 1);
    CHECK_INT(stats_of(cache).entries, 1);
    aa_cache_free(cache);
}

TEST(cache, the_newest_facts_stand_in_for_older_ones)
{
    struct aa_cache *cache = cache_of(100, MINUTE_MS);

    put_good(cache, 1, "{}", start);
    put_refused(cache, 1, AA_ERR_TOKEN_INACTIVE, start);
    CHECK_ERR(look(cache, 1, start), AA_ERR_TOKEN_INACTIVE);
    CHECK_INT(stats_of(cache).entries, 0);
    put_good(cache, 1, "{}", start);
    CHECK_ERR(look(cache, 1, start), AA_OK);
    CHECK_INT(stats_of(cache).negative_entries, 0);
    aa_cache_free(cache);
}

/* ---- time ------------------------------------------------------------------------------------------------------- */

TEST(cache, a_good_answer_lives_for_the_ttl)
{
    struct aa_cache *cache = cache_of(100, MINUTE_MS);

    put_good(cache, 1, "{}", start);
    CHECK_ERR(look(cache, 1, later(MINUTE_MS - 1)), AA_OK);
    CHECK_ERR(look(cache, 1, later(MINUTE_MS)), AA_ERR_NOT_FOUND);
    aa_cache_free(cache);
}

TEST(cache, nothing_lives_past_exp)
{
    struct aa_cache *cache = cache_of(100, MINUTE_MS);

    put_good(cache, 1, "{\"exp\":1700000010}", start);
    CHECK_ERR(look(cache, 1, later(9999)), AA_OK);
    CHECK_ERR(look(cache, 1, later(10000)), AA_ERR_NOT_FOUND);
    put_good(cache, 2, "{\"exp\":1700000000}", start);
    CHECK_ERR(look(cache, 2, start), AA_ERR_NOT_FOUND);
    put_good(cache, 3, "{\"exp\":9007199254740992}", start);
    CHECK_ERR(look(cache, 3, later(MINUTE_MS - 1)), AA_OK);
    CHECK_ERR(look(cache, 3, later(MINUTE_MS)), AA_ERR_NOT_FOUND);
    aa_cache_free(cache);
}

TEST(cache, exp_cuts_a_ttl_that_is_no_whole_second)
{
    struct aa_cache *cache = cache_of(100, 1500);

    put_good(cache, 1, "{\"exp\":1700000001}", start);
    CHECK_ERR(look(cache, 1, later(999)), AA_OK);
    CHECK_ERR(look(cache, 1, later(1000)), AA_ERR_NOT_FOUND);
    aa_cache_free(cache);
}

TEST(cache, a_refusal_lives_for_seconds)
{
    struct aa_cache *cache = cache_of(100, MINUTE_MS);

    put_refused(cache, 1, AA_ERR_TOKEN_INACTIVE, start);
    CHECK_ERR(look(cache, 1, later(AA_CACHE_NEGATIVE_TTL_MS - 1)), AA_ERR_TOKEN_INACTIVE);
    CHECK_ERR(look(cache, 1, later(AA_CACHE_NEGATIVE_TTL_MS)), AA_ERR_NOT_FOUND);
    aa_cache_free(cache);
}

TEST(cache, a_refusal_lives_no_longer_than_a_good_answer_would)
{
    struct aa_cache *cache = cache_of(100, 1000);

    put_refused(cache, 1, AA_ERR_TOKEN_INACTIVE, start);
    CHECK_ERR(look(cache, 1, later(999)), AA_ERR_TOKEN_INACTIVE);
    CHECK_ERR(look(cache, 1, later(1000)), AA_ERR_NOT_FOUND);
    aa_cache_free(cache);
}

TEST(cache, trouble_is_not_remembered)
{
    static const enum aa_err trouble[] = {AA_ERR_REMOTE_TIMEOUT, AA_ERR_REMOTE_CREDENTIALS, AA_ERR_REMOTE_PROTOCOL,
                                          AA_ERR_REMOTE_STATUS,  AA_ERR_REMOTE_BREAKER,     AA_ERR_NOMEM,
                                          AA_ERR_CLOSED,         AA_ERR_RESOURCE_UNKNOWN};
    struct aa_cache *cache = cache_of(100, MINUTE_MS);

    for (size_t i = 0; i < sizeof trouble / sizeof trouble[0]; i++) {
        put_refused(cache, i, trouble[i], start);
        CHECK_ERR(look(cache, i, start), AA_ERR_NOT_FOUND);
    }
    put_refused(cache, 99, AA_ERR_TOKEN_SIGNATURE, start);
    CHECK_ERR(look(cache, 99, start), AA_ERR_TOKEN_SIGNATURE);
    aa_cache_free(cache);
}

TEST(cache, trouble_does_not_push_out_what_was_known)
{
    struct aa_cache *cache = cache_of(100, MINUTE_MS);

    put_good(cache, 1, "{}", start);
    put_refused(cache, 1, AA_ERR_REMOTE_TIMEOUT, start);
    CHECK_ERR(look(cache, 1, start), AA_OK);
    aa_cache_free(cache);
}

TEST(cache, a_ttl_of_zero_remembers_nothing)
{
    struct aa_cache *cache = cache_of(100, 0);

    put_good(cache, 1, "{}", start);
    put_refused(cache, 2, AA_ERR_TOKEN_INACTIVE, start);
    CHECK_ERR(look(cache, 1, start), AA_ERR_NOT_FOUND);
    CHECK_ERR(look(cache, 2, start), AA_ERR_NOT_FOUND);
    aa_cache_free(cache);
}

/* ---- room ------------------------------------------------------------------------------------------------------- */

TEST(cache, there_are_never_more_entries_than_asked_for)
{
    static const size_t sizes[] = {1, 2, 10, 100, 1000, 10000};

    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct aa_cache *cache = cache_of(sizes[i], MINUTE_MS);

        for (uint64_t number = 0; number < 3 * sizes[i]; number++)
            put_good(cache, number, "{}", start);
        CHECK(stats_of(cache).entries <= sizes[i]);
        CHECK(stats_of(cache).entries >= sizes[i] / 2);
        CHECK_ERR(look(cache, 3 * sizes[i] - 1, start), AA_OK);
        aa_cache_free(cache);
    }
}

TEST(cache, a_flood_of_garbage_evicts_no_good_entry)
{
    struct aa_cache *cache = cache_of(1000, MINUTE_MS);

    for (uint64_t number = 0; number < 100; number++)
        put_good(cache, number, "{}", start);
    for (uint64_t number = 1000; number < 101000; number++)
        put_refused(cache, number, AA_ERR_TOKEN_INACTIVE, start);
    for (uint64_t number = 0; number < 100; number++)
        CHECK_ERR(look(cache, number, start), AA_OK);
    CHECK(stats_of(cache).negative_entries <= 250);
    CHECK(stats_of(cache).negative_entries >= 100);
    aa_cache_free(cache);
}

TEST(cache, an_entry_in_use_outlives_newer_ones_that_are_not)
{
    struct aa_cache *cache = cache_of(10, MINUTE_MS);

    put_good(cache, 0, "{}", start);
    for (uint64_t number = 1; number < 100; number++) {
        CHECK_ERR(look(cache, 0, start), AA_OK);
        put_good(cache, number, "{}", start);
    }
    CHECK_ERR(look(cache, 0, start), AA_OK);
    CHECK_ERR(look(cache, 1, start), AA_ERR_NOT_FOUND);
    aa_cache_free(cache);
}

/* 64 KiB of claims each: the bytes are used up long before the count is. */
TEST(cache, bytes_are_bounded_too)
{
    const size_t claim = 60000;
    char *json = malloc(claim + 100);
    struct aa_cache *cache = cache_of(1000, MINUTE_MS);

    memcpy(json, "{\"x\":\"", 6);
    memset(json + 6, 'x', claim);
    memcpy(json + 6 + claim, "\"}", 3);
    for (uint64_t number = 0; number < 1000; number++)
        put_good(cache, number, json, start);
    CHECK(stats_of(cache).entries > 0);
    CHECK(stats_of(cache).entries * claim <= 64 * 256 * 1024);
    CHECK_ERR(look(cache, 999, start), AA_OK);
    aa_cache_free(cache);
    free(json);
}

/* ---- memory and threads ----------------------------------------------------------------------------------------- */

TEST(cache, a_hit_allocates_nothing)
{
    struct aa_cache *cache = cache_of(100, MINUTE_MS);

    put_good(cache, 1, "{}", start);
    aa_mem_fail_at(0, false);
    CHECK_ERR(look(cache, 1, start), AA_OK);
    CHECK_ERR(look(cache, 2, start), AA_ERR_NOT_FOUND);
    CHECK_INT(aa_mem_count(), 0);
    aa_cache_free(cache);
}

TEST(cache, what_finds_no_memory_is_not_remembered)
{
    struct aa_facts facts = {AA_OK, principal_of("{}")};
    struct aa_cache_key key = key_of(1);
    size_t nth;

    for (nth = 1;; nth++) {
        struct aa_cache *cache = cache_of(100, MINUTE_MS);
        size_t asked;

        aa_mem_fail_at(nth, false);
        aa_cache_put(cache, &key, &facts, start);
        asked = aa_mem_count();
        aa_mem_fail_at(0, false);
        CHECK_ERR(look(cache, 1, start), asked < nth ? AA_OK : AA_ERR_NOT_FOUND);
        aa_cache_free(cache);
        if (asked < nth)
            break;
    }
    CHECK(nth >= 2);
    aa_facts_clear(&facts);
}

struct crowd {
    struct aa_cache *cache;
    struct aa_principal *principal;
    int wrong;
};

static void *work(void *arg)
{
    struct crowd *crowd = arg;
    struct aa_facts put = {AA_OK, crowd->principal};

    for (uint64_t i = 0; i < 20000; i++) {
        struct aa_cache_key key = key_of(i % 257);
        struct aa_facts facts;

        if (aa_cache_find(crowd->cache, &key, start, &facts)) {
            if (facts.principal != crowd->principal)
                __atomic_fetch_add(&crowd->wrong, 1, __ATOMIC_RELAXED);
            aa_facts_clear(&facts);
        } else {
            aa_cache_put(crowd->cache, &key, &put, start);
        }
    }
    return NULL;
}

TEST(cache, threads_share_it)
{
    struct crowd crowd = {cache_of(128, MINUTE_MS), principal_of("{}"), 0};
    pthread_t threads[4];

    for (int i = 0; i < 4; i++)
        CHECK_INT(pthread_create(&threads[i], NULL, work, &crowd), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    CHECK_INT(crowd.wrong, 0);
    CHECK(stats_of(crowd.cache).entries <= 128);
    CHECK(stats_of(crowd.cache).hits > 0);
    aa_principal_release(crowd.principal);
    aa_cache_free(crowd.cache);
}

/* What the authorization server said of a token, kept for a while: facts, never verdicts.
 *
 * Keys are 128 bits of a keyed digest (verify/token_key.h); no token is stored. Good tokens and refused ones live in
 * partitions of their own, so that a flood of garbage evicts no good entry. Bounded by count and by bytes. Any thread
 * may call. */
#ifndef AA_VERIFY_CACHE_H
#define AA_VERIFY_CACHE_H

#include "verify/now.h"
#include "verify/principal.h"

#define AA_CACHE_KEY_LEN 16
#define AA_CACHE_NEGATIVE_TTL_MS 5000 /* a refused token is asked about again after this: it may have been a glitch */

struct aa_cache_key {
    uint8_t bytes[AA_CACHE_KEY_LEN];
};

/* What is known of a token. */
struct aa_facts {
    enum aa_err code; /* AA_OK: principal is set; otherwise why it was refused, or why nothing could be learnt */
    struct aa_principal *principal; /* counted */
};

struct aa_facts aa_facts_copy(const struct aa_facts *facts); /* with a reference of its own */
void aa_facts_clear(struct aa_facts *facts);

struct aa_cache;

/* `ttl_ms` 0: nothing is ever remembered. */
AA_CHECK enum aa_err aa_cache_new(size_t entries_max, int64_t ttl_ms, struct aa_cache **out, struct aa_error *err);
void aa_cache_free(struct aa_cache *cache);
/* True on a hit; *facts then holds a reference of the caller's. Nothing is allocated. */
bool aa_cache_find(struct aa_cache *cache, const struct aa_cache_key *key, struct aa_now now, struct aa_facts *facts);
/* Remembers facts of the classes OK and TOKEN, never past a token's exp; others are ignored. What does not fit in
 * memory is not remembered: the next request asks again. */
void aa_cache_put(struct aa_cache *cache, const struct aa_cache_key *key, const struct aa_facts *facts,
                  struct aa_now now);

struct aa_cache_stats {
    uint64_t hits, entries, negative_entries;
};
void aa_cache_get_stats(struct aa_cache *cache, struct aa_cache_stats *out);

/* Around fork(): with all locks taken, the child's copy is whole. */
void aa_cache_lock_all(struct aa_cache *cache);
void aa_cache_unlock_all(struct aa_cache *cache);

#endif

/* API keys verified lately, under a digest keyed with random bytes of this process: no secret is kept. Inside
 * server_keys.c's part of domain/. */
#ifndef AA_DOMAIN_KEY_CACHE_H
#define AA_DOMAIN_KEY_CACHE_H

#include "domain/app.h"

#define AA_KEY_ID_LEN 19 /* "sk_" and 16 characters */
#define AA_SERVER_ID_MAX 63

#define AA_KEY_REMEMBERED_MS (INT64_C(5) * 60 * 1000) /* then PBKDF2 decides again */
/* The row is looked at again once another process changed something (aa_db_generation()): was it this key that was
 * revoked? A notice may be lost: then after this long. */
#define AA_KEY_LOOK_AGAIN_MS 1000

struct aa_key_cache;

struct aa_key_name { /* what a secret is remembered under, and, once found, whose it is */
    uint8_t digest[AA_SHA256_LEN];
    char key_id[AA_KEY_ID_LEN + 1];
    char server_id[AA_SERVER_ID_MAX + 1];
    uint64_t as_of; /* aa_db_generation() when it was named: before any row of it is read */
};

enum aa_key_known {
    AA_KEY_FRESH,
    AA_KEY_STALE, /* known to be right, but the row must be looked at again */
    AA_KEY_NOT_KNOWN
};

const uint8_t *aa_key_cache_checksum_key(const struct aa_key_cache *cache);
/* AA_OK or AA_ERR_CRYPTO, AA_ERR_NOMEM. `secret` has the form of one. What follows is about the database as it is from
 * now on: name it anew for another look. */
AA_CHECK enum aa_err aa_key_cache_name(const struct aa_key_cache *cache, struct aa_view secret,
                                       struct aa_key_name *out);
/* Fills the rest of the name unless NOT_KNOWN. */
enum aa_key_known aa_key_cache_find(struct aa_key_cache *cache, struct aa_key_name *name, int64_t now_ms);
/* The row was looked at and is in force. */
void aa_key_cache_confirm(struct aa_key_cache *cache, const struct aa_key_name *name, int64_t now_ms);
/* Remembers it, unless something was forgotten since `generation` was read: then what was verified may be revoked.
 * Fills name->server_id in any case. */
void aa_key_cache_put(struct aa_key_cache *cache, struct aa_key_name *name, struct aa_view server_id,
                      uint64_t generation, int64_t now_ms);
uint64_t aa_key_cache_generation(struct aa_key_cache *cache);
void aa_key_cache_forget_key(struct aa_key_cache *cache, struct aa_view key_id);
void aa_key_cache_forget_server(struct aa_key_cache *cache, struct aa_view server_id);

/* Are there keys of the older service (imported_keys.h)? False until it was set. */
void aa_key_cache_set_imported(struct aa_key_cache *cache, bool any);
bool aa_key_cache_has_imported(const struct aa_key_cache *cache);

/* One thread at a time verifies a key id; the others wait, and then mostly find it settled. */
void aa_key_cache_enter(struct aa_key_cache *cache, struct aa_view key_id);
void aa_key_cache_leave(struct aa_key_cache *cache, struct aa_view key_id);

#endif

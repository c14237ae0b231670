/* The rows store_bench works with. */
#ifndef AA_BENCH_STORE_ROWS_H
#define AA_BENCH_STORE_ROWS_H

#include <pthread.h>
#include <stdatomic.h>

#include "store/store.h"

#define CALLERS_MAX 256
#define TOKEN_KEY(name) aa_view_make((name), AA_DIGEST_KEY_LEN)

struct bench {
    struct aa_db *db;
    struct aa_metrics *metrics;
    const char *url;
    int64_t now_ms, tokens;
    const char *server_id; /* whose tokens are filled in; NULL: of some of its own */
    int group;             /* refreshes a commit, on the bare engine */
    bool is_remote;
    atomic_bool is_recording, is_ending;
};

struct caller {
    pthread_t thread;
    struct bench *bench;
    struct bare *bare;
    uint64_t seed;
    char grant_id[32], user_id[32], client_id[32], server_id[32];
    uint8_t refresh_key[AA_DIGEST_KEY_LEN], next_key[AA_DIGEST_KEY_LEN], access_key[AA_DIGEST_KEY_LEN];
    uint8_t (*at_hand)[AA_DIGEST_KEY_LEN]; /* of live tokens */
    size_t at;
    uint32_t *samples; /* ns */
    size_t count;
};

/* Ends the program when rc is not AA_OK. */
void bench_check(enum aa_err rc, const char *what, const struct aa_error *err);
uint64_t bench_random(uint64_t *seed);

void bench_live_key(const struct bench *bench, int64_t n, uint8_t key[AA_DIGEST_KEY_LEN]); /* of the nth live token */
void bench_fresh_key(struct caller *caller, uint8_t key[AA_DIGEST_KEY_LEN]);               /* of no token yet */
/* Who takes part in a grant. */
void bench_name_parties(const struct bench *bench, int64_t grant, char grant_id[32], char user_id[32],
                        char client_id[32], char server_id[32]);
struct aa_access_token bench_access_row(const struct caller *caller); /* with caller->access_key */
struct aa_refresh_token bench_refresh_row(const struct caller *caller, const uint8_t *key);

/* A database with that many live tokens; some of them go to a file, one a line, unless `path` is NULL. */
void bench_fill(struct bench *bench, int64_t count, const char *path);
/* Closure: what bench_fill() left there. */
enum aa_err bench_read_facts(struct aa_conn *conn, void *ctx, struct aa_error *err);

#endif

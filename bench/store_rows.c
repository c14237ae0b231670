#include "store_rows.h"

#include <endian.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bare.h"
#include "domain/secret.h"

#define GRANT_TOKENS 8 /* live access tokens of a grant */
#define USER_GRANTS 4
#define CLIENTS 100
#define SERVERS 10
#define FILL_BATCH 500 /* rows a write: SQLite is quickest with so many where triggers run */
#define FACTS AA_VIEW("bench")
#define TOKEN_TEXT_MAX 128
#define TOKENS_WRITTEN 50000
#define HOUR_MS 3600000
#define ISSUED_DURING_S 1800

void bench_check(enum aa_err rc, const char *what, const struct aa_error *err)
{
    if (rc)
        bench_die(what, err->message[0] ? err->message : aa_err_text(rc));
}

/* ---- keys ---- */

/* splitmix64 */
uint64_t bench_random(uint64_t *seed)
{
    uint64_t z = (*seed += UINT64_C(0x9E3779B97F4A7C15));

    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

/* The nth live token. It has what introspection looks at of a token's own text: its time. */
static struct aa_view write_live_token(const struct bench *bench, int64_t n, char text[TOKEN_TEXT_MAX])
{
    struct aa_buf token;
    char claims[64];

    snprintf(claims, sizeof claims, "{\"iat\":%lld,\"jti\":\"0\"}",
             (long long)(bench->now_ms / 1000 - ISSUED_DURING_S + n * ISSUED_DURING_S / bench->tokens));
    aa_buf_init(&token, TOKEN_TEXT_MAX - 1);
    aa_buf_add_text(&token, "bench.");
    aa_buf_add_base64url(&token, aa_view_of(claims));
    aa_buf_add_format(&token, ".%lld", (long long)n);
    memcpy(text, aa_buf_text(&token), token.len + 1);
    aa_buf_clear(&token);
    return aa_view_of(text);
}

void bench_live_key(const struct bench *bench, int64_t n, uint8_t key[AA_DIGEST_KEY_LEN])
{
    struct aa_error err = AA_ERROR_INIT;
    char text[TOKEN_TEXT_MAX];

    bench_check(aa_secret_access_key(write_live_token(bench, n, text), key, &err), "a token", &err);
}

/* The second and 32 random bytes. */
void bench_fresh_key(struct caller *caller, uint8_t key[AA_DIGEST_KEY_LEN])
{
    uint32_t seconds = htobe32((uint32_t)time(NULL));

    memcpy(key, &seconds, sizeof seconds);
    for (int i = 0; i < 4; i++) {
        uint64_t more = bench_random(&caller->seed);

        memcpy(key + 4 + 8 * i, &more, sizeof more);
    }
}

/* ---- rows ---- */

void bench_name_parties(const struct bench *bench, int64_t grant, char grant_id[32], char user_id[32],
                        char client_id[32], char server_id[32])
{
    snprintf(grant_id, 32, "gr_%016lld", (long long)grant);
    snprintf(user_id, 32, "usr_%016lld", (long long)(grant / USER_GRANTS));
    snprintf(client_id, 32, "cl_%016lld", (long long)(grant % CLIENTS));
    if (bench->server_id)
        snprintf(server_id, 32, "%s", bench->server_id);
    else
        snprintf(server_id, 32, "srv_%016lld", (long long)(grant % SERVERS));
}

struct aa_access_token bench_access_row(const struct caller *caller)
{
    return (struct aa_access_token){.token_key = TOKEN_KEY(caller->access_key),
                                    .jti = AA_VIEW("abcdefghijklmnopqrstuv"),
                                    .grant_id = aa_view_of(caller->grant_id),
                                    .scope = AA_VIEW("files:read files:write"),
                                    .audience = AA_VIEW("https://mcp.example.com/mcp"),
                                    .issued_ms = caller->bench->now_ms,
                                    .expires_ms = caller->bench->now_ms + HOUR_MS};
}

struct aa_refresh_token bench_refresh_row(const struct caller *caller, const uint8_t *key)
{
    return (struct aa_refresh_token){.token_key = TOKEN_KEY(key),
                                     .grant_id = aa_view_of(caller->grant_id),
                                     .client_id = aa_view_of(caller->client_id),
                                     .user_id = aa_view_of(caller->user_id),
                                     .server_id = aa_view_of(caller->server_id),
                                     .scope = AA_VIEW("files:read files:write"),
                                     .issued_ms = caller->bench->now_ms,
                                     .expires_ms = caller->bench->now_ms + 720 * (int64_t)HOUR_MS};
}

/* ---- filling ---- */

struct token {
    uint8_t key[AA_DIGEST_KEY_LEN];
    uint32_t number;
};

struct batch {
    struct bench *bench;
    const struct token *tokens;
    int64_t from, to; /* tokens; for parties: grants */
};

static enum aa_err add_parties(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    const struct batch *batch = ctx;
    int64_t now_ms = batch->bench->now_ms;
    char grant_id[32], user_id[32], client_id[32], server_id[32], email[64], url[64];
    enum aa_err rc = AA_OK;

    for (int64_t i = batch->from; !rc && i < batch->to; i++) {
        bench_name_parties(batch->bench, i, grant_id, user_id, client_id, server_id);
        snprintf(email, sizeof email, "%s@example.com", user_id);
        snprintf(url, sizeof url, "https://%s.example.com/mcp", server_id);
        if (i < SERVERS && !batch->bench->server_id)
            rc = aa_server_create(conn,
                                  &(struct aa_server){.server_id = aa_view_of(server_id),
                                                      .server_url = aa_view_of(url),
                                                      .resource_normal = aa_view_of(url),
                                                      .server_name = AA_VIEW("bench"),
                                                      .scopes = AA_VIEW("files:read files:write"),
                                                      .created_ms = now_ms,
                                                      .updated_ms = now_ms},
                                  err);
        if (!rc && i < CLIENTS)
            rc = aa_client_create(conn,
                                  &(struct aa_client){.client_id = aa_view_of(client_id),
                                                      .client_name = AA_VIEW("bench"),
                                                      .redirect_uris = AA_VIEW("[\"http://127.0.0.1/callback\"]"),
                                                      .grant_types = AA_VIEW("authorization_code refresh_token"),
                                                      .source = AA_VIEW("dcr"),
                                                      .fingerprint = aa_view_of(client_id),
                                                      .created_ms = now_ms,
                                                      .last_used_ms = now_ms},
                                  err);
        if (!rc && i % USER_GRANTS == 0)
            rc = aa_user_create(conn,
                                &(struct aa_user){.user_id = aa_view_of(user_id),
                                                  .email = aa_view_of(email),
                                                  .name = AA_VIEW("A Person"),
                                                  .created_ms = now_ms},
                                err);
        if (!rc)
            rc = aa_grant_create(conn,
                                 &(struct aa_grant){.grant_id = aa_view_of(grant_id),
                                                    .user_id = aa_view_of(user_id),
                                                    .client_id = aa_view_of(client_id),
                                                    .server_id = aa_view_of(server_id),
                                                    .scope = AA_VIEW("files:read files:write"),
                                                    .created_ms = now_ms,
                                                    .last_used_ms = now_ms},
                                 err);
    }
    return rc;
}

static enum aa_err add_tokens(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    const struct batch *batch = ctx;
    struct caller caller = {.bench = batch->bench};
    enum aa_err rc = AA_OK;

    for (int64_t i = batch->from; !rc && i < batch->to; i++) {
        struct aa_access_token row;

        bench_name_parties(batch->bench, batch->tokens[i].number / GRANT_TOKENS, caller.grant_id, caller.user_id,
                           caller.client_id, caller.server_id);
        memcpy(caller.access_key, batch->tokens[i].key, AA_DIGEST_KEY_LEN);
        row = bench_access_row(&caller);
        rc = aa_access_token_create(conn, &row, err);
    }
    return rc;
}

static enum aa_err keep_facts(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    const struct bench *bench = ctx;
    int64_t facts[2] = {bench->now_ms, bench->tokens};

    return aa_setting_put(conn, FACTS, aa_view_make(facts, sizeof facts), err);
}

enum aa_err bench_read_facts(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    struct bench *bench = ctx;
    struct aa_view value;
    char *memory = NULL;
    int64_t facts[2];
    enum aa_err rc;

    rc = aa_setting_get(conn, FACTS, &memory, &value, err);
    if (rc)
        return rc;
    memcpy(facts, value.data, sizeof facts);
    bench->now_ms = facts[0];
    bench->tokens = facts[1];
    aa_record_clear(&memory);
    return AA_OK;
}

static void in_batches(struct bench *bench, aa_db_fn fn, const struct token *tokens, int64_t count)
{
    struct aa_error err = AA_ERROR_INIT;

    for (int64_t from = 0; from < count; from += FILL_BATCH) {
        struct batch batch = {bench, tokens, from, from + FILL_BATCH < count ? from + FILL_BATCH : count};

        bench_check(aa_db_write(bench->db, fn, &batch, &err), "fill", &err);
    }
}

static int compare_tokens(const void *a, const void *b)
{
    return memcmp(a, b, AA_DIGEST_KEY_LEN);
}

/* In the order of their keys: a large table is filled an order of magnitude sooner. */
static struct token *make_tokens(const struct bench *bench)
{
    struct token *tokens = calloc((size_t)bench->tokens, sizeof *tokens);

    if (!tokens)
        bench_die("fill", "out of memory");
    for (int64_t i = 0; i < bench->tokens; i++) {
        tokens[i].number = (uint32_t)i;
        bench_live_key(bench, i, tokens[i].key);
    }
    qsort(tokens, (size_t)bench->tokens, sizeof *tokens, compare_tokens);
    return tokens;
}

static void write_tokens(const struct bench *bench, const char *path)
{
    FILE *file = fopen(path, "w");
    uint64_t seed = 1;
    char text[TOKEN_TEXT_MAX];

    if (!file)
        bench_die(path, "cannot be written");
    for (int64_t i = 0; i < TOKENS_WRITTEN; i++) {
        write_live_token(bench, (int64_t)(bench_random(&seed) % (uint64_t)bench->tokens), text);
        fprintf(file, "%s\n", text);
    }
    fclose(file);
}

void bench_fill(struct bench *bench, int64_t count, const char *path)
{
    struct aa_error err = AA_ERROR_INIT;
    int64_t grants = count / GRANT_TOKENS + 1;
    struct token *tokens;

    bench->tokens = count;
    bench->now_ms = (int64_t)time(NULL) * 1000;
    tokens = make_tokens(bench);
    in_batches(bench, add_parties, NULL, grants < CALLERS_MAX ? CALLERS_MAX : grants);
    in_batches(bench, add_tokens, tokens, count);
    free(tokens);
    if (path)
        write_tokens(bench, path);
    bench_check(aa_db_write(bench->db, keep_facts, bench, &err), "fill", &err);
}

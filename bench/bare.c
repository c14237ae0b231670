#include "bare.h"

#include <endian.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libpq-fe.h>
#include <sqlite3.h>

#include "db/db.h"

#define ARGS_MAX 14

/* Types: t text, b bytes, i integer. */
static const struct {
    const char *sql, *types;
} statements[BARE_COUNT] = {
    [BARE_FIND_LIVE] =
        {"SELECT t.jti, g.grant_id, g.client_id, g.user_id, g.server_id, t.scope, t.audience, "
         "g.user_email, g.user_name, t.issued_ms, t.expires_ms, t.revoked_ms, g.revoked_ms, "
         "g.user_disabled_ms "
         "FROM access_tokens t JOIN grants g ON g.grant_no = t.grant_no JOIN servers s ON s.server_id = g.server_id "
         "JOIN clients c ON c.client_id = g.client_id WHERE t.token_key = $1",
         "b"},
    [BARE_FIND_REFRESH] = {"SELECT token_key, grant_id, client_id, user_id, server_id, scope, successor_sealed, "
                           "issued_ms, expires_ms, rotated_ms, revoked_ms FROM refresh_tokens WHERE token_key = $1",
                           "b"},
    [BARE_FIND_PARTIES] = {"SELECT g.revoked_ms, u.disabled_ms FROM grants g JOIN users u ON u.user_no = g.user_no "
                           "JOIN clients c ON c.client_id = $3 JOIN servers s ON s.server_id = $4 "
                           "WHERE g.grant_id = $1 AND u.user_id = $2",
                           "tttt"},
    [BARE_ROTATE] = {"UPDATE refresh_tokens SET rotated_ms = $3, successor_sealed = $2 WHERE token_key = $1 "
                     "AND rotated_ms = 0 AND revoked_ms = 0 RETURNING token_key, grant_id, client_id, user_id, "
                     "server_id, scope, successor_sealed, issued_ms, expires_ms, rotated_ms, revoked_ms",
                     "bbi"},
    [BARE_ADD_REFRESH] =
        {"INSERT INTO refresh_tokens (token_key, grant_id, client_id, user_id, server_id, scope, "
         "issued_ms, expires_ms, rotated_ms, revoked_ms) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0, 0)",
         "btttttii"},
    [BARE_ADD_ACCESS] = {"INSERT INTO access_tokens (token_key, jti, grant_no, scope, audience, issued_ms, expires_ms, "
                         "revoked_ms) VALUES ($1, $2, (SELECT grant_no FROM grants WHERE grant_id = $3), $4, $5, "
                         "$6, $7, 0)",
                         "btttt"
                         "ii"},
    [BARE_AUDIT_HEAD] = {"INSERT INTO audit_chains (chain, sequence, hash) VALUES ($1, 1, $2) ON CONFLICT (chain) "
                         "DO UPDATE SET sequence = audit_chains.sequence + 1 RETURNING sequence, hash",
                         "ib"},
    [BARE_AUDIT_ROW] = {"INSERT INTO audit (chain, sequence, time_ms, event, actor, user_id, client_id, server_id, "
                        "grant_id, address, request_id, detail, prev_hash, hash) "
                        "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) ON CONFLICT DO NOTHING",
                        "iiittttttttt"
                        "bb"},
    [BARE_AUDIT_HASH] = {"UPDATE audit_chains SET hash = $2 WHERE chain = $1", "ib"},
    [BARE_BEGIN_WRITE] = {"BEGIN", ""},
    [BARE_COMMIT] = {"COMMIT", ""},
};

struct bare {
    sqlite3 *file;
    sqlite3_stmt *prepared[BARE_COUNT];
    PGconn *server;
    volatile int64_t sink; /* what was read is used, so that reading is not left out */
};

void bench_die(const char *what, const char *why)
{
    fprintf(stderr, "store_bench: %s: %s\n", what, why);
    exit(1);
}

/* ---- SQLite ---- */

static void open_file(struct bare *bare, const char *path)
{
    static const char settings[] = "PRAGMA foreign_keys = ON; PRAGMA secure_delete = ON; PRAGMA synchronous = FULL;"
                                   "PRAGMA temp_store = MEMORY; PRAGMA wal_autocheckpoint = 4000";

    sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    if (sqlite3_open_v2(path, &bare->file, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) ||
        sqlite3_busy_timeout(bare->file, 5000) || sqlite3_exec(bare->file, settings, NULL, NULL, NULL))
        bench_die("open", sqlite3_errmsg(bare->file));
    for (int i = 0; i < BARE_COUNT; i++) {
        const char *sql = i == BARE_BEGIN_WRITE ? "BEGIN IMMEDIATE" : statements[i].sql;

        if (sqlite3_prepare_v3(bare->file, sql, -1, SQLITE_PREPARE_PERSISTENT, &bare->prepared[i], NULL))
            bench_die(sql, sqlite3_errmsg(bare->file));
    }
}

static void bind(sqlite3_stmt *stmt, int i, const struct bare_arg *arg)
{
    char name[16];
    int place;

    snprintf(name, sizeof name, "$%d", i);
    place = sqlite3_bind_parameter_index(stmt, name);
    if (arg->kind == 't')
        sqlite3_bind_text(stmt, place, arg->view.data, (int)arg->view.len, SQLITE_STATIC);
    else if (arg->kind == 'b')
        sqlite3_bind_blob(stmt, place, arg->view.data, (int)arg->view.len, SQLITE_STATIC);
    else
        sqlite3_bind_int64(stmt, place, arg->number);
}

static int64_t run_file(struct bare *bare, enum bare_sql sql, const struct bare_arg *args, int count)
{
    sqlite3_stmt *stmt = bare->prepared[sql];
    int64_t first = 0;
    int rc;

    for (int i = 0; i < count; i++)
        bind(stmt, i + 1, &args[i]);
    while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        for (int i = 0; i < sqlite3_column_count(stmt); i++)
            bare->sink += sqlite3_column_type(stmt, i) == SQLITE_INTEGER ? sqlite3_column_int64(stmt, i)
                                                                         : sqlite3_column_bytes(stmt, i);
        first = sqlite3_column_int64(stmt, 0);
    }
    if (rc != SQLITE_DONE)
        bench_die(statements[sql].sql, sqlite3_errmsg(bare->file));
    sqlite3_reset(stmt);
    return first;
}

/* ---- PostgreSQL ---- */

static void open_server(struct bare *bare, const char *url)
{
    bare->server = PQconnectdb(url);
    if (PQstatus(bare->server) != CONNECTION_OK)
        bench_die("connect", PQerrorMessage(bare->server));
    for (int i = 0; i < BARE_COUNT; i++) {
        const char *types = statements[i].types;
        Oid oids[ARGS_MAX];
        char name[16];
        PGresult *result;

        for (size_t k = 0; types[k]; k++)
            oids[k] = types[k] == 't' ? 25 : types[k] == 'b' ? 17 : 20;
        snprintf(name, sizeof name, "s%d", i);
        result = PQprepare(bare->server, name, statements[i].sql, (int)strlen(types), oids);
        if (PQresultStatus(result) != PGRES_COMMAND_OK)
            bench_die(statements[i].sql, PQerrorMessage(bare->server));
        PQclear(result);
    }
}

static int64_t read_result(struct bare *bare, const PGresult *result)
{
    uint64_t first = 0;

    for (int row = 0; row < PQntuples(result); row++)
        for (int i = 0; i < PQnfields(result); i++)
            bare->sink += PQgetlength(result, row, i);
    if (PQntuples(result) && PQgetlength(result, 0, 0) == 8)
        memcpy(&first, PQgetvalue(result, 0, 0), sizeof first);
    return (int64_t)be64toh(first);
}

static int64_t run_server(struct bare *bare, enum bare_sql sql, const struct bare_arg *args, int count)
{
    const char *values[ARGS_MAX];
    int lengths[ARGS_MAX], formats[ARGS_MAX];
    uint64_t numbers[ARGS_MAX];
    char name[16];
    PGresult *result;
    int64_t first;

    for (int i = 0; i < count; i++) {
        numbers[i] = htobe64((uint64_t)args[i].number);
        values[i] = args[i].kind == 'i' ? (const char *)&numbers[i] : args[i].view.data;
        lengths[i] = args[i].kind == 'i' ? (int)sizeof numbers[i] : (int)args[i].view.len;
        formats[i] = 1;
    }
    snprintf(name, sizeof name, "s%d", (int)sql);
    result = PQexecPrepared(bare->server, name, count, values, lengths, formats, 1);
    if (PQresultStatus(result) != PGRES_COMMAND_OK && PQresultStatus(result) != PGRES_TUPLES_OK)
        bench_die(statements[sql].sql, PQerrorMessage(bare->server));
    first = read_result(bare, result);
    PQclear(result);
    return first;
}

/* ---- either ---- */

struct bare *bare_open(const char *url)
{
    struct bare *bare = calloc(1, sizeof *bare);

    if (!bare)
        bench_die("open", "out of memory");
    if (aa_db_is_remote_url(url))
        open_server(bare, url);
    else
        open_file(bare, url);
    return bare;
}

void bare_close(struct bare *bare)
{
    for (int i = 0; i < BARE_COUNT; i++)
        sqlite3_finalize(bare->prepared[i]);
    sqlite3_close(bare->file);
    PQfinish(bare->server);
    free(bare);
}

int64_t bare_run(struct bare *bare, enum bare_sql sql, const struct bare_arg *args, int count)
{
    return bare->server ? run_server(bare, sql, args, count) : run_file(bare, sql, args, count);
}

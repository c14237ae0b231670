/* The PostgreSQL driver. Whatever speaks its protocol will do, also behind a pooler that hands us another connection
 * for each transaction (PgBouncer, Supabase): nothing outside a transaction relies on the session.
 *
 * libpq's blocking calls wait for ever; here every answer has its time, so that a server that stopped in the middle
 * holds up nobody for good. */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"
#include "db/driver.h"
#include "db/libpq.h"
#include "db/postgres_address.h"
#include "db/postgres_places.h"
#include "db/sqlstate.h"

#define URL_MAX 4096
#define LOCK_TIMEOUT_PART 2   /* a lock is waited for half as long as a statement may take */
#define IDLE_TIMEOUT_MS 10000 /* a process that stops between BEGIN and COMMIT holds its locks no longer */
#define ANSWER_MARGIN_MS 1500 /* beyond the server's own timeout, for the way there and back */
#define CACHE_SLOTS 256
#define CACHE_FILL_MAX 192                /* beyond it statements are not kept */
#define SCHEMA_LOCK "4702111234474983745" /* any number, and always the same one */
#define LANES 64                          /* aa_conn_lane() */
#define FOR_EVER (-1)

struct aa_source {
    char *url; /* may hold a password; wiped at the end */
    struct aa_buf place;
    bool is_local;
    bool has_sslmode, has_sslrootcert; /* said in the URL or the environment */
    bool has_many_hosts;
    bool is_verified; /* sslmode=verify-full, said or by default */
    atomic_bool prepares;
    int64_t statement_timeout_ms;
    char begin[256];
};

struct postgres_stmt {
    struct aa_stmt base;
    struct postgres_conn *conn;
    const char *sql;
    bool is_kept, in_use;
    struct aa_postgres_places places;
    PGresult *result; /* NULL until the first step */
    int row;
};

/* What the server keeps for one of our literals. */
struct slot {
    const char *sql;
    bool is_prepared;
    struct postgres_stmt *stmt;
};

enum mode { MODE_NONE, MODE_READ, MODE_WRITE };

struct postgres_conn {
    struct aa_conn base;
    PGconn *handle;
    struct aa_source *source;
    enum mode mode;
    int64_t timeout_ms; /* for an answer; FOR_EVER while the schema is changed */
    int64_t changes;
    struct slot slots[CACHE_SLOTS];
    size_t kept;
};

static struct postgres_conn *inner(struct aa_conn *conn)
{
    return (struct postgres_conn *)(void *)conn;
}

static struct postgres_stmt *inner_stmt(struct aa_stmt *stmt)
{
    return (struct postgres_stmt *)(void *)stmt;
}

/* ---- errors ---- */

static int first_line_len(const char *text)
{
    return (int)strcspn(text, "\r\n");
}

static enum aa_err lose(struct postgres_conn *conn, const char *what, enum aa_err code, struct aa_error *err)
{
    conn->base.fate = AA_FATE_LOST;
    return aa_fail(err, code, "%s", what);
}

static bool is_fatal(const PGresult *result)
{
    const char *severity = PQresultErrorField(result, PG_DIAG_SEVERITY_NONLOCALIZED);

    return severity && (strcmp(severity, "FATAL") == 0 || strcmp(severity, "PANIC") == 0);
}

/* The primary message names tables and constraints; the detail, which is left out, and the messages about values that
 * do not fit (class 22) hold what was stored. */
static enum aa_err fail(struct postgres_conn *conn, const PGresult *result, const char *what, struct aa_error *err)
{
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const char *text = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    struct aa_verdict verdict = aa_sqlstate_judge(state);

    if (!state || PQstatus(conn->handle) == CONNECTION_BAD)
        return lose(conn, "the connection to the database was lost", AA_ERR_STORE, err);
    if (is_fatal(result))
        verdict.fate = AA_FATE_LOST;
    if (verdict.fate != AA_FATE_FINE)
        conn->base.fate = verdict.fate;
    if (!text || strncmp(state, "22", 2) == 0)
        text = "a value does not fit";
    return aa_fail(err, verdict.code, "%s: %.*s (PostgreSQL %s)", what, first_line_len(text), text, state);
}

/* ---- waiting ---- */

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* False when the time is over. Trouble with the socket is libpq's to find. */
static bool wait_readable(PGconn *handle, int64_t until_ms)
{
    struct pollfd fd = {.fd = PQsocket(handle), .events = POLLIN};
    int64_t left_ms = until_ms == FOR_EVER ? FOR_EVER : until_ms - now_ms();
    int rc;

    if (until_ms != FOR_EVER && left_ms <= 0)
        return false;
    rc = poll(&fd, 1, (int)left_ms);
    return rc != 0 || until_ms == FOR_EVER;
}

/* Until libpq can give a result without waiting. False when the time is over. */
static bool wait_result(struct postgres_conn *conn, int64_t until_ms)
{
    while (PQisBusy(conn->handle)) {
        if (!wait_readable(conn->handle, until_ms))
            return false;
        if (!PQconsumeInput(conn->handle))
            return true; /* the next result says that the connection is gone */
    }
    return true;
}

static bool is_good(const PGresult *result)
{
    ExecStatusType status = PQresultStatus(result);

    return status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK;
}

/* All results of what was sent: the first that failed, or else the last. */
static enum aa_err await(struct postgres_conn *conn, PGresult **out, struct aa_error *err)
{
    int64_t until_ms = conn->timeout_ms == FOR_EVER ? FOR_EVER : now_ms() + conn->timeout_ms;
    PGresult *kept = NULL, *next;

    for (;;) {
        if (!wait_result(conn, until_ms)) {
            PQclear(kept);
            return lose(conn, "the database did not answer in time", AA_ERR_STORE_BUSY, err);
        }
        next = PQgetResult(conn->handle);
        if (!next)
            break;
        if (kept && !is_good(kept)) {
            PQclear(next);
            continue;
        }
        PQclear(kept);
        kept = next;
    }
    if (!kept)
        return lose(conn, "the connection to the database was lost", AA_ERR_STORE, err);
    *out = kept;
    return AA_OK;
}

static enum aa_err not_sent(struct postgres_conn *conn, struct aa_error *err)
{
    return lose(conn, "the database cannot be asked", AA_ERR_STORE, err);
}

/* ---- the address ---- */

static const char *option_value(const PQconninfoOption *options, const char *keyword)
{
    for (; options && options->keyword; options++)
        if (strcmp(options->keyword, keyword) == 0)
            return options->val && options->val[0] ? options->val : NULL;
    return NULL;
}

static const char *said(const PQconninfoOption *url, const PQconninfoOption *defaults, const char *keyword)
{
    const char *value = option_value(url, keyword);

    return value ? value : option_value(defaults, keyword);
}

static enum aa_err note_place(struct aa_source *source, const char *host, const char *port, const char *name,
                              struct aa_error *err)
{
    bool is_socket = !host || host[0] == '/' || host[0] == '@';

    aa_buf_add_text(&source->place, "postgresql://");
    if (!is_socket)
        aa_buf_add_text(&source->place, host);
    if (!is_socket && port && port[0] != ',') /* libpq's way to say: of several hosts, each its default */
        aa_buf_add_format(&source->place, ":%s", port);
    if (name)
        aa_buf_add_format(&source->place, "/%s", name);
    if (is_socket && host)
        aa_buf_add_format(&source->place, "?host=%s", host);
    return aa_buf_check(&source->place, "the database's address", err);
}

/* Neither the URL nor libpq's opinion of it is told: there is a password in it. */
static enum aa_err read_options(struct aa_source *source, const PQconninfoOption *url, const PQconninfoOption *defaults,
                                struct aa_error *err)
{
    const char *host = said(url, defaults, "host"), *hostaddr = said(url, defaults, "hostaddr");
    const char *port = said(url, defaults, "port"), *sslmode = said(url, defaults, "sslmode");

    if (!aa_postgres_is_plain(host, port) || !aa_postgres_is_plain(hostaddr, NULL))
        return aa_fail(
            err, AA_ERR_OPTION_INVALID,
            "database: the address's host or port is malformed (\"@\", \"/\" and \":\" inside a password are "
            "written %%40, %%2F and %%3A)");
    source->is_local = aa_postgres_is_local(host, hostaddr) && !said(url, defaults, "service");
    source->has_many_hosts = (host && strchr(host, ',')) || (hostaddr && strchr(hostaddr, ','));
    /* libpq's own default is "prefer", which anybody on the way can refuse. */
    source->has_sslmode = option_value(url, "sslmode") || (sslmode && strcmp(sslmode, "prefer") != 0);
    source->has_sslrootcert = said(url, defaults, "sslrootcert") != NULL;
    source->is_verified = source->has_sslmode ? strcmp(sslmode, "verify-full") == 0 : !source->is_local;
    return note_place(source, host ? host : hostaddr, port, said(url, defaults, "dbname"), err);
}

static enum aa_err read_url(struct aa_source *source, const char *url, struct aa_error *err)
{
    PQconninfoOption *parsed, *defaults;
    char *opinion = NULL;
    enum aa_err rc;

    if (strlen(url) > URL_MAX)
        return aa_fail(err, AA_ERR_OPTION_INVALID, "database: the address is too long");
    source->url = aa_mem_copy_text(url, strlen(url));
    if (!source->url)
        return aa_fail(err, AA_ERR_NOMEM, "out of memory opening the database");
    parsed = PQconninfoParse(url, &opinion);
    PQfreemem(opinion);
    if (!parsed)
        return aa_fail(err, AA_ERR_OPTION_INVALID,
                       "database: the address is malformed, or has a parameter that libpq does not know "
                       "(postgresql://USER:PASSWORD@HOST:PORT/NAME?PARAMETER=VALUE)");
    defaults = PQconndefaults();
    rc = defaults ? read_options(source, parsed, defaults, err)
                  : aa_fail(err, AA_ERR_NOMEM, "out of memory opening the database");
    PQconninfoFree(defaults);
    PQconninfoFree(parsed);
    return rc;
}

/* One query: the settings end with the transaction, so a pooler's connection is given back as it came. */
static void build_begin(struct aa_source *source, bool synchronous_normal)
{
    snprintf(source->begin, sizeof source->begin,
             "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL statement_timeout = %" PRId64
             "; SET LOCAL lock_timeout = %" PRId64 "; SET LOCAL idle_in_transaction_session_timeout = %d%s",
             source->statement_timeout_ms, source->statement_timeout_ms / LOCK_TIMEOUT_PART, IDLE_TIMEOUT_MS,
             synchronous_normal ? "; SET LOCAL synchronous_commit = off" : "");
}

static void postgres_close(struct aa_source *source)
{
    if (!source)
        return;
    if (source->url)
        aa_mem_wipe_free(source->url, strlen(source->url));
    aa_buf_clear(&source->place);
    aa_mem_free(source);
}

static enum aa_err postgres_open(const struct aa_db_options *options, struct aa_source **out, struct aa_error *err)
{
    struct aa_source *source;
    enum aa_err rc;

    rc = aa_libpq_load(err);
    if (rc)
        return rc;
    source = aa_mem_new(sizeof *source);
    if (!source)
        return aa_fail(err, AA_ERR_NOMEM, "out of memory opening the database");
    aa_buf_init(&source->place, URL_MAX);
    atomic_init(&source->prepares, !options->no_prepared_statements);
    source->statement_timeout_ms =
        options->statement_timeout_ms > 0 ? options->statement_timeout_ms : AA_STATEMENT_TIMEOUT_MS;
    build_begin(source, options->synchronous_normal);
    rc = read_url(source, options->url, err);
    if (rc) {
        postgres_close(source);
        return rc;
    }
    *out = source;
    return AA_OK;
}

static const char *postgres_place(const struct aa_source *source)
{
    return aa_buf_text(&source->place);
}

static bool postgres_is_single(const struct aa_source *source)
{
    (void)source;
    return false;
}

/* ---- connections ---- */

/* The system's list of authorities; NULL: libpq's own default, ~/.postgresql/root.crt. */
static const char *system_authorities(void)
{
    static const char *const places[] = {
        "/etc/ssl/certs/ca-certificates.crt", /* Debian, Alpine, Arch */
        "/etc/pki/tls/certs/ca-bundle.crt",   /* Fedora, Red Hat */
        "/etc/ssl/ca-bundle.pem",             /* openSUSE */
        "/etc/ssl/cert.pem",                  /* the BSDs, macOS */
    };

    for (size_t i = 0; i < sizeof places / sizeof *places; i++)
        if (access(places[i], R_OK) == 0)
            return places[i];
    return NULL;
}

struct parameters {
    const char *names[16], *values[16];
    size_t count;
};

static void add(struct parameters *parameters, const char *name, const char *value)
{
    parameters->names[parameters->count] = name;
    parameters->values[parameters->count++] = value;
}

/* Of a parameter that is there twice libpq takes the later: what stands before the URL is a default. */
static struct parameters connection_parameters(const struct aa_source *source)
{
    struct parameters parameters = {.count = 0};
    const char *authorities = source->is_verified && !source->has_sslrootcert ? system_authorities() : NULL;

    add(&parameters, "fallback_application_name", "auth-agent-server");
    add(&parameters, "connect_timeout", "3");
    add(&parameters, "keepalives_idle", "30");
    add(&parameters, "keepalives_interval", "5");
    add(&parameters, "keepalives_count", "3");
    add(&parameters, "tcp_user_timeout", "10000");
    add(&parameters, "gssencmode", "disable");
    if (source->has_many_hosts)
        add(&parameters, "target_session_attrs", "read-write"); /* whichever of them is not a standby */
    if (!source->has_sslmode && !source->is_local)
        add(&parameters, "sslmode", "verify-full");
    if (authorities)
        add(&parameters, "sslrootcert", authorities);
    add(&parameters, "dbname", source->url);
    add(&parameters, "client_encoding", "UTF8");
    return parameters;
}

struct pg_conn *aa_postgres_start(struct aa_source *source)
{
    struct parameters parameters = connection_parameters(source);

    return PQconnectStartParams(parameters.names, parameters.values, 1);
}

static void ignore_notice(void *ctx, const char *message)
{
    (void)ctx;
    (void)message;
}

static void postgres_disconnect(struct aa_conn *base)
{
    struct postgres_conn *conn = inner(base);

    if (!conn)
        return;
    for (size_t i = 0; i < CACHE_SLOTS; i++)
        aa_mem_free(conn->slots[i].stmt);
    PQfinish(conn->handle);
    aa_mem_free(conn);
}

static enum aa_err postgres_connect(struct aa_source *source, enum aa_conn_role role, struct aa_conn **out,
                                    struct aa_error *err)
{
    struct parameters parameters = connection_parameters(source);
    struct postgres_conn *conn = aa_mem_new(sizeof *conn);
    const char *why;

    (void)role; /* any may write; those that are to read are held to it statement by statement */
    if (!conn)
        return aa_fail(err, AA_ERR_NOMEM, "out of memory connecting to the database");
    conn->base.driver = &aa_postgres_driver;
    conn->source = source;
    conn->timeout_ms = source->statement_timeout_ms + ANSWER_MARGIN_MS;
    conn->handle = PQconnectdbParams(parameters.names, parameters.values, 1);
    if (PQstatus(conn->handle) != CONNECTION_OK) {
        why = PQerrorMessage(conn->handle);
        aa_fail(err, AA_ERR_STORE, "the database cannot be reached: %.*s", first_line_len(why), why);
        postgres_disconnect(&conn->base);
        return AA_ERR_STORE;
    }
    conn->base.lane = PQbackendPID(conn->handle) & (LANES - 1);
    PQsetNoticeProcessor(conn->handle, ignore_notice, NULL);
    *out = &conn->base;
    return AA_OK;
}

/* Nothing is sent to an idle connection but the news of its end. */
static bool postgres_is_usable(struct aa_conn *base)
{
    struct pollfd fd = {.fd = PQsocket(inner(base)->handle), .events = POLLIN};

    return PQstatus(inner(base)->handle) == CONNECTION_OK && poll(&fd, 1, 0) == 0;
}

/* ---- statements ---- */

static struct slot *find_slot(struct postgres_conn *conn, const char *sql)
{
    uint64_t hash = (uint64_t)(uintptr_t)sql * UINT64_C(0x9E3779B97F4A7C15);
    size_t at = (size_t)(hash >> 56) % CACHE_SLOTS;

    while (conn->slots[at].sql && conn->slots[at].sql != sql)
        at = (at + 1) % CACHE_SLOTS;
    return &conn->slots[at];
}

/* The slot of a literal; NULL when there are too many to keep. */
static struct slot *take_slot(struct postgres_conn *conn, const char *sql)
{
    struct slot *slot = find_slot(conn, sql);

    if (slot->sql)
        return slot;
    if (conn->kept >= CACHE_FILL_MAX)
        return NULL;
    slot->sql = sql;
    conn->kept++;
    return slot;
}

static enum aa_err postgres_prepare(struct aa_conn *base, const char *sql, struct aa_stmt **out, struct aa_error *err)
{
    struct postgres_conn *conn = inner(base);
    struct slot *slot = take_slot(conn, sql);
    struct postgres_stmt *stmt = slot ? slot->stmt : NULL;

    /* In use: a list operation whose rows call the same one. */
    if (!stmt || stmt->in_use) {
        bool keep = slot && !slot->stmt;

        stmt = aa_mem_new(sizeof *stmt);
        if (!stmt)
            return aa_fail(err, AA_ERR_NOMEM, "out of memory preparing a statement");
        stmt->base.driver = &aa_postgres_driver;
        stmt->conn = conn;
        stmt->sql = sql;
        stmt->is_kept = keep;
        if (keep)
            slot->stmt = stmt;
    }
    stmt->in_use = true;
    *out = &stmt->base;
    return AA_OK;
}

static void postgres_bind(struct aa_stmt *base, int index, struct aa_view bytes)
{
    aa_postgres_places_put(&inner_stmt(base)->places, index, bytes);
}

static void postgres_bind_int(struct aa_stmt *base, int index, int64_t number)
{
    aa_postgres_places_put_int(&inner_stmt(base)->places, index, number);
}

/* *result is NULL when it was prepared before. */
static enum aa_err prepare_there(struct postgres_conn *conn, struct slot *slot, const char *name, PGresult **result,
                                 struct aa_error *err)
{
    enum aa_err rc;

    if (slot->is_prepared)
        return AA_OK;
    if (!PQsendPrepare(conn->handle, name, slot->sql, 0, NULL))
        return not_sent(conn, err);
    rc = await(conn, result, err);
    if (!rc && is_good(*result)) {
        PQclear(*result);
        *result = NULL;
        slot->is_prepared = true;
    }
    return rc;
}

static enum aa_err send_named(struct postgres_stmt *stmt, struct slot *slot, PGresult **result, struct aa_error *err)
{
    const struct aa_postgres_places *places = &stmt->places;
    struct postgres_conn *conn = stmt->conn;
    char name[AA_POSTGRES_NAME_SIZE];
    enum aa_err rc;

    aa_postgres_name(stmt->sql, name);
    rc = prepare_there(conn, slot, name, result, err);
    if (rc || *result)
        return rc;
    if (!PQsendQueryPrepared(conn->handle, name, places->count, places->values, places->lens, places->formats,
                             AA_POSTGRES_BINARY))
        return not_sent(conn, err);
    return await(conn, result, err);
}

static enum aa_err send_unnamed(struct postgres_stmt *stmt, PGresult **result, struct aa_error *err)
{
    const struct aa_postgres_places *places = &stmt->places;

    if (!PQsendQueryParams(stmt->conn->handle, stmt->sql, places->count, NULL, places->values, places->lens,
                           places->formats, AA_POSTGRES_BINARY))
        return not_sent(stmt->conn, err);
    return await(stmt->conn, result, err);
}

static bool is_in_transaction(const struct postgres_conn *conn)
{
    PGTransactionStatusType status = PQtransactionStatus(conn->handle);

    return status == PQTRANS_INTRANS || status == PQTRANS_INERROR || status == PQTRANS_ACTIVE;
}

/* Outside a transaction a statement whose name is not known there can simply be sent again; inside, the transaction is
 * spoilt, and the closure runs again. Either way no name is used any more, on no connection. */
static enum aa_err ask(struct postgres_stmt *stmt, PGresult **result, struct aa_error *err)
{
    struct postgres_conn *conn = stmt->conn;
    struct slot *slot = take_slot(conn, stmt->sql);
    enum aa_err rc;

    if (!slot || !atomic_load(&conn->source->prepares))
        return send_unnamed(stmt, result, err);
    rc = send_named(stmt, slot, result, err);
    if (rc || is_good(*result) || !aa_sqlstate_is_pooler(PQresultErrorField(*result, PG_DIAG_SQLSTATE)))
        return rc;
    atomic_store(&conn->source->prepares, false);
    if (is_in_transaction(conn))
        return AA_OK; /* told as what it is: to be run again */
    PQclear(*result);
    *result = NULL;
    return send_unnamed(stmt, result, err);
}

/* What postgres_column() and postgres_integer() can read: bool, bytea, name, bigint, smallint, integer, text, varchar,
 * and the void of a function. A sum of bigints is numeric, for one. */
static bool is_readable(const PGresult *result)
{
    static const Oid types[] = {16, 17, 19, 20, 21, 23, 25, 1043, 2278};

    for (int column = 0; column < PQnfields(result); column++) {
        bool is_known = false;

        for (size_t i = 0; i < sizeof types / sizeof *types; i++)
            is_known = is_known || PQftype(result, column) == types[i];
        if (!is_known)
            return false;
    }
    return true;
}

static bool is_select(const char *sql)
{
    return strncmp(sql, "SELECT ", 7) == 0;
}

static enum aa_err execute(struct postgres_stmt *stmt, struct aa_error *err)
{
    struct postgres_conn *conn = stmt->conn;
    PGresult *result = NULL;
    enum aa_err rc;

    if (stmt->places.is_bad)
        return aa_fail(err, AA_ERR_STORE, "a value was bound to no placeholder, or is too long");
    if (conn->mode == MODE_READ && !is_select(stmt->sql))
        return aa_fail(err, AA_ERR_STORE_READONLY, "a statement failed: only a write may change anything");
    rc = ask(stmt, &result, err);
    if (rc)
        return rc;
    if (!is_good(result))
        rc = fail(conn, result, "a statement failed", err);
    else if (!is_readable(result))
        rc = aa_fail(err, AA_ERR_STORE, "a statement gives a type that is not read here");
    if (rc) {
        PQclear(result);
        return rc;
    }
    stmt->result = result;
    stmt->row = -1;
    if (*PQcmdTuples(result) && !is_select(stmt->sql))
        conn->changes = strtoll(PQcmdTuples(result), NULL, 10);
    return AA_OK;
}

static enum aa_err postgres_step(struct aa_stmt *base, bool *has_row, struct aa_error *err)
{
    struct postgres_stmt *stmt = inner_stmt(base);
    enum aa_err rc = AA_OK;

    if (!stmt->result)
        rc = execute(stmt, err);
    if (rc)
        return rc;
    stmt->conn->base.has_answered = true;
    *has_row = stmt->row + 1 < PQntuples(stmt->result);
    if (*has_row)
        stmt->row++;
    return AA_OK;
}

static bool has_value(const struct postgres_stmt *stmt, int index)
{
    return stmt->result && stmt->row >= 0 && index < PQnfields(stmt->result) &&
           !PQgetisnull(stmt->result, stmt->row, index);
}

static struct aa_view postgres_column(struct aa_stmt *base, int index)
{
    struct postgres_stmt *stmt = inner_stmt(base);

    if (!has_value(stmt, index))
        return AA_VIEW_ABSENT;
    return aa_view_make(PQgetvalue(stmt->result, stmt->row, index),
                        (size_t)PQgetlength(stmt->result, stmt->row, index));
}

/* Big-endian, as wide as its type: boolean, smallint, integer, bigint. */
static int64_t postgres_integer(struct aa_stmt *base, int index)
{
    struct aa_view bytes = postgres_column(base, index);
    uint64_t number;

    if (bytes.len != 1 && bytes.len != 2 && bytes.len != 4 && bytes.len != 8)
        return 0;
    number = bytes.data[0] & 0x80 ? UINT64_MAX : 0;
    for (size_t i = 0; i < bytes.len; i++)
        number = number << 8 | (unsigned char)bytes.data[i];
    return (int64_t)number;
}

static bool postgres_is_null(struct aa_stmt *base, int index)
{
    return !has_value(inner_stmt(base), index);
}

static void postgres_end(struct aa_stmt *base)
{
    struct postgres_stmt *stmt = inner_stmt(base);

    PQclear(stmt->result);
    if (!stmt->is_kept) {
        aa_mem_free(stmt);
        return;
    }
    aa_postgres_places_clear(&stmt->places); /* what was bound is the caller's and ends with the call */
    stmt->result = NULL;
    stmt->in_use = false;
}

static int64_t postgres_changes(struct aa_conn *conn)
{
    return inner(conn)->changes;
}

/* ---- transactions ---- */

static enum aa_err run(struct postgres_conn *conn, const char *sql, const char *tag, struct aa_error *err)
{
    PGresult *result = NULL;
    enum aa_err rc;

    if (!PQsendQuery(conn->handle, sql))
        return not_sent(conn, err);
    rc = await(conn, &result, err);
    if (!rc && !is_good(result))
        rc = fail(conn, result, "a statement failed", err);
    else if (!rc && tag && strcmp(PQcmdStatus(result), tag) != 0)
        rc = aa_fail(err, AA_ERR_STORE, "the transaction was rolled back: a closure went on after a failed statement");
    PQclear(result);
    return rc;
}

static enum aa_err postgres_run(struct aa_conn *conn, const char *sql, struct aa_error *err)
{
    return run(inner(conn), sql, NULL, err);
}

/* The lock ends with the transaction. However long another process needs, and we do. */
static enum aa_err lock_schema(struct postgres_conn *conn, struct aa_error *err)
{
    conn->timeout_ms = FOR_EVER;
    return run(conn,
               "SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0; "
               "SET LOCAL idle_in_transaction_session_timeout = 0; SELECT pg_advisory_xact_lock(" SCHEMA_LOCK ")",
               NULL, err);
}

/* A read outside a transaction has nothing to end; a write must have one. */
static enum aa_err leave(struct postgres_conn *conn, const char *sql, struct aa_error *err)
{
    enum aa_err rc = AA_OK;

    if (conn->base.fate != AA_FATE_LOST && is_in_transaction(conn))
        rc = run(conn, sql, sql, err);
    else if (conn->mode == MODE_WRITE)
        rc = lose(conn, "the connection to the database was lost", AA_ERR_STORE, err);
    conn->mode = MODE_NONE;
    conn->timeout_ms = conn->source->statement_timeout_ms + ANSWER_MARGIN_MS;
    return rc;
}

static enum aa_err enter(struct postgres_conn *conn, enum mode mode, const char *sql, struct aa_error *err)
{
    conn->mode = mode;
    return sql ? run(conn, sql, NULL, err) : AA_OK;
}

static enum aa_err postgres_control(struct aa_conn *base, enum aa_control what, struct aa_error *err)
{
    struct postgres_conn *conn = inner(base);

    switch (what) {
    case AA_CONTROL_BEGIN_READ:
        return enter(conn, MODE_READ, NULL, err);
    case AA_CONTROL_BEGIN_SNAPSHOT:
        return enter(conn, MODE_READ, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", err);
    case AA_CONTROL_BEGIN_WRITE:
        return enter(conn, MODE_WRITE, conn->source->begin, err);
    case AA_CONTROL_LOCK_SCHEMA:
        return lock_schema(conn, err);
    case AA_CONTROL_COMMIT:
        return leave(conn, "COMMIT", err);
    case AA_CONTROL_ROLLBACK:
        return leave(conn, "ROLLBACK", err);
    default:
        return aa_fail(err, AA_ERR_STORE, "there are no savepoints here");
    }
}

static bool postgres_in_transaction(struct aa_conn *conn)
{
    return is_in_transaction(inner(conn));
}

const struct aa_driver aa_postgres_driver = {
    .engine = "PostgreSQL",
    .open = postgres_open,
    .close = postgres_close,
    .place = postgres_place,
    .is_single = postgres_is_single,
    .migrations = &aa_postgres_migrations,
    .check_sql = "SELECT max(version), CASE WHEN current_setting('transaction_read_only') = 'on' THEN 0 ELSE 1 END "
                 "FROM schema_migrations",
    .lock_sql = "SELECT pg_try_advisory_xact_lock($1)",
    .announce_sql = "SELECT pg_notify('" AA_POSTGRES_CHANNEL "', '')",
    .can_announce_sql = "SELECT count(*) FROM pg_catalog.pg_proc WHERE proname = 'pg_notify'",
    .is_remote = true,
    .connect = postgres_connect,
    .disconnect = postgres_disconnect,
    .control = postgres_control,
    .in_transaction = postgres_in_transaction,
    .run = postgres_run,
    .is_usable = postgres_is_usable,
    .subscribe = aa_postgres_subscribe,
    .await = aa_postgres_await,
    .unsubscribe = aa_postgres_unsubscribe,
    .prepare = postgres_prepare,
    .bind_text = postgres_bind,
    .bind_blob = postgres_bind,
    .bind_int = postgres_bind_int,
    .step = postgres_step,
    .text = postgres_column,
    .blob = postgres_column,
    .integer = postgres_integer,
    .is_null = postgres_is_null,
    .end = postgres_end,
    .changes = postgres_changes,
};

/* What the server counts about itself, in the text format of Prometheus (version 0.0.4).
 *
 * The tables below name every series. Counting is one relaxed atomic addition: no lock, no allocation, any thread. A
 * NULL registry counts nothing, so that tests and commands need none. Nothing here holds a byte that a client sent:
 * labels are our own words, routes are the patterns of the table of routes. */
#ifndef AA_METRICS_METRICS_H
#define AA_METRICS_METRICS_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

/* X(id, name, labels, help). Those of one name stand together. */
#define AA_METRICS_COUNTERS(X)                                                                                         \
    X(TOKENS_BY_CODE, "auth_agent_tokens_issued_total", "grant_type=\"authorization_code\"", "Access tokens issued.")  \
    X(TOKENS_BY_REFRESH, "auth_agent_tokens_issued_total", "grant_type=\"refresh_token\"", "Access tokens issued.")    \
    X(REFRESH_ROTATED, "auth_agent_refreshes_total", "outcome=\"rotated\"", "Uses of refresh tokens.")                 \
    X(REFRESH_REPLAYED, "auth_agent_refreshes_total", "outcome=\"replayed\"", "Uses of refresh tokens.")               \
    X(REFRESH_REUSED, "auth_agent_refreshes_total", "outcome=\"reuse_detected\"", "Uses of refresh tokens.")           \
    X(REFRESH_REFUSED, "auth_agent_refreshes_total", "outcome=\"refused\"", "Uses of refresh tokens.")                 \
    X(CODE_REPLAYED, "auth_agent_code_replays_total", NULL, "Authorization codes that came a second time.")            \
    X(INTROSPECTED_ACTIVE, "auth_agent_introspections_total", "outcome=\"active\"", "Introspections.")                 \
    X(INTROSPECTED_INACTIVE, "auth_agent_introspections_total", "outcome=\"inactive\"", "Introspections.")             \
    X(INTROSPECTED_UNAUTHORIZED, "auth_agent_introspections_total", "outcome=\"unauthorized\"", "Introspections.")     \
    X(LOGIN_GOOD, "auth_agent_logins_total", "outcome=\"success\"", "Logins by password.")                             \
    X(LOGIN_WRONG, "auth_agent_logins_total", "outcome=\"failure\"", "Logins by password.")                            \
    X(LOGIN_LOCKED, "auth_agent_logins_total", "outcome=\"locked_out\"", "Logins by password.")                        \
    X(LOCKOUTS, "auth_agent_lockouts_total", NULL, "Lock-outs that began.")                                            \
    X(CONSENTS_GIVEN, "auth_agent_consents_total", "answer=\"allow\"", "Answers to authorization requests.")           \
    X(CONSENTS_REMEMBERED, "auth_agent_consents_total", "answer=\"remembered\"", "Answers to authorization requests.") \
    X(CONSENTS_DENIED, "auth_agent_consents_total", "answer=\"deny\"", "Answers to authorization requests.")           \
    X(REGISTRATIONS, "auth_agent_registrations_total", NULL, "Clients that registered themselves.")                    \
    X(DOCUMENTS_FETCHED, "auth_agent_client_documents_total", "outcome=\"fetched\"",                                   \
      "Metadata documents of clients that were asked for.")                                                            \
    X(DOCUMENTS_REFUSED, "auth_agent_client_documents_total", "outcome=\"refused\"",                                   \
      "Metadata documents of clients that were asked for.")                                                            \
    X(DOCUMENTS_UNREACHABLE, "auth_agent_client_documents_total", "outcome=\"unreachable\"",                           \
      "Metadata documents of clients that were asked for.")                                                            \
    X(ASSERTIONS_GOOD, "auth_agent_client_assertions_total", "outcome=\"accepted\"",                                   \
      "Assertions with which clients authenticated.")                                                                  \
    X(ASSERTIONS_REPLAYED, "auth_agent_client_assertions_total", "outcome=\"replayed\"",                               \
      "Assertions with which clients authenticated.")                                                                  \
    X(ASSERTIONS_REFUSED, "auth_agent_client_assertions_total", "outcome=\"refused\"",                                 \
      "Assertions with which clients authenticated.")                                                                  \
    X(REVOCATIONS, "auth_agent_revocations_total", NULL,                                                               \
      "Grants that their client gave back or their person took back.")                                                 \
    X(STORE_FAILED, "auth_agent_store_failures_total", NULL, "Reads and writes that ended in trouble of the database.")

#define AA_METRICS_GAUGES(X)                                                                                           \
    X(CONNECTIONS, "auth_agent_connections", NULL, "Open connections.")                                                \
    X(REQUESTS_RUNNING, "auth_agent_requests_running", NULL,                                                           \
      "Requests between their head and the end of their answer.")                                                      \
    X(WORKERS_WAITING, "auth_agent_workers_waiting", NULL, "Requests that wait for a worker.")                         \
    X(STORE_WAITING, "auth_agent_store_waiting", NULL, "Calls that wait for the writer, or for a connection.")         \
    X(STORE_BUSY, "auth_agent_store_connections", "state=\"busy\"", "Connections to the database.")                    \
    X(STORE_IDLE, "auth_agent_store_connections", "state=\"idle\"", "Connections to the database.")                    \
    X(STARTED_S, "process_start_time_seconds", NULL, "When the server started, in seconds since 1970.")

/* X(id, name, labels, help, unit): what is observed in SECONDS are microseconds. */
#define AA_METRICS_HISTOGRAMS(X)                                                                                       \
    X(STORE_READ, "auth_agent_store_duration_seconds", "operation=\"read\"",                                           \
      "Time of a read or a write of the database, waiting included.", AA_UNIT_SECONDS)                                 \
    X(STORE_WRITE, "auth_agent_store_duration_seconds", "operation=\"write\"",                                         \
      "Time of a read or a write of the database, waiting included.", AA_UNIT_SECONDS)                                 \
    X(STORE_BATCH, "auth_agent_store_batch_size", NULL, "Writes that one transaction committed.", AA_UNIT_COUNT)

enum aa_metrics_counter {
#define AA_METRICS_ENUM(id, name, labels, help) AA_COUNT_##id,
    AA_METRICS_COUNTERS(AA_METRICS_ENUM)
#undef AA_METRICS_ENUM
        AA_COUNTERS
};

enum aa_metrics_gauge {
#define AA_METRICS_ENUM(id, name, labels, help) AA_GAUGE_##id,
    AA_METRICS_GAUGES(AA_METRICS_ENUM)
#undef AA_METRICS_ENUM
        AA_GAUGES
};

enum aa_metrics_histogram {
#define AA_METRICS_ENUM(id, name, labels, help, unit) AA_HISTOGRAM_##id,
    AA_METRICS_HISTOGRAMS(AA_METRICS_ENUM)
#undef AA_METRICS_ENUM
        AA_HISTOGRAMS
};

#define AA_METRICS_TABLES_MAX 32
#define AA_METRICS_TEXT_MAX (512 * 1024) /* of aa_metrics_write(): every route with every status has room */

struct aa_metrics; /* any thread, unless said otherwise */

AA_CHECK enum aa_err aa_metrics_new(struct aa_metrics **out, struct aa_error *err);
void aa_metrics_free(struct aa_metrics *metrics);

void aa_metrics_count(struct aa_metrics *metrics, enum aa_metrics_counter counter); /* one more */
void aa_metrics_move(struct aa_metrics *metrics, enum aa_metrics_gauge gauge, int64_t by);
void aa_metrics_set(struct aa_metrics *metrics, enum aa_metrics_gauge gauge, int64_t value);
void aa_metrics_observe(struct aa_metrics *metrics, enum aa_metrics_histogram histogram, int64_t value);

/* How many rows a table has. `table` is a literal. From one thread alone; more tables than AA_METRICS_TABLES_MAX are
 * left out. */
void aa_metrics_set_rows(struct aa_metrics *metrics, const char *table, int64_t rows);

struct aa_metrics_route {
    const char *method, *pattern;
};
/* Before the first request. Copies the array; the texts must live as long as the registry. AA_ERR_NOMEM. */
AA_CHECK enum aa_err aa_metrics_set_routes(struct aa_metrics *metrics, const struct aa_metrics_route *routes,
                                           size_t count, struct aa_error *err);
/* An answer. `route` is the place in that array; any other number stands for requests that fit no route. */
void aa_metrics_request(struct aa_metrics *metrics, size_t route, int status, int64_t duration_us);

/* Appends all of it. */
void aa_metrics_write(const struct aa_metrics *metrics, struct aa_buf *out);

#endif

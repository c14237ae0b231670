/* Hearing of announcements (LISTEN), on a connection that nobody else uses. Nothing here waits longer than until it is
 * time to stop. */
#include <poll.h>
#include <stdlib.h>
#include <time.h>

#include "base/error.h"
#include "base/mem.h"
#include "db/driver.h"
#include "db/libpq.h"

#define ANSWER_MS 5000 /* for connecting, and for an answer */
#define FOR_EVER (-1)

struct aa_subscription {
    PGconn *handle;
};

/* ---- waiting ---- */

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static enum aa_err wait_socket(PGconn *handle, short events, int wake, int64_t until_ms, struct aa_error *err)
{
    struct pollfd fds[2] = {{.fd = PQsocket(handle), .events = events}, {.fd = wake, .events = POLLIN}};
    int64_t left_ms = until_ms == FOR_EVER ? FOR_EVER : until_ms - now_ms();
    int rc;

    if (until_ms != FOR_EVER && left_ms < 0)
        left_ms = 0;
    rc = poll(fds, 2, (int)left_ms);
    if (fds[1].revents)
        return aa_fail(err, AA_ERR_CLOSED, "the database is closing");
    return rc == 0 ? aa_fail(err, AA_ERR_STORE_BUSY, "the database did not answer in time") : AA_OK;
}

static enum aa_err fail_lost(struct aa_error *err)
{
    return aa_fail(err, AA_ERR_STORE, "the connection to the database was lost");
}

/* ---- connecting ---- */

static enum aa_err connect_in_steps(PGconn *handle, int wake, struct aa_error *err)
{
    PostgresPollingStatusType status = PGRES_POLLING_WRITING;
    int64_t until_ms = now_ms() + ANSWER_MS;

    if (PQstatus(handle) == CONNECTION_BAD)
        return fail_lost(err);
    while (status != PGRES_POLLING_OK) {
        enum aa_err rc = wait_socket(handle, status == PGRES_POLLING_READING ? POLLIN : POLLOUT, wake, until_ms, err);

        if (rc)
            return rc;
        status = PQconnectPoll(handle);
        if (status == PGRES_POLLING_FAILED)
            return fail_lost(err);
    }
    return AA_OK;
}

/* Of one statement. *out is the caller's. */
static enum aa_err ask(PGconn *handle, int wake, const char *sql, PGresult **out, struct aa_error *err)
{
    int64_t until_ms = now_ms() + ANSWER_MS;
    PGresult *next;

    if (!PQsendQuery(handle, sql))
        return fail_lost(err);
    while (PQisBusy(handle)) {
        enum aa_err rc = wait_socket(handle, POLLIN, wake, until_ms, err);

        if (rc)
            return rc;
        if (!PQconsumeInput(handle))
            return fail_lost(err);
    }
    *out = PQgetResult(handle);
    while ((next = PQgetResult(handle)) != NULL)
        PQclear(next);
    return *out ? AA_OK : fail_lost(err);
}

/* A pooler that lends connections for a transaction tells us a process number of its own making. To listen through one
 * would have others hear what was meant for us. */
static enum aa_err check_direct(PGconn *handle, int wake, struct aa_error *err)
{
    PGresult *result = NULL;
    enum aa_err rc;

    rc = ask(handle, wake, "SELECT pg_backend_pid()", &result, err);
    if (!rc && (PQresultStatus(result) != PGRES_TUPLES_OK || PQntuples(result) != 1 ||
                strtol(PQgetvalue(result, 0, 0), NULL, 10) != PQbackendPID(handle)))
        rc = aa_fail(err, AA_ERR_STORE, "between us and the database stands somebody who shares connections");
    PQclear(result);
    return rc;
}

static enum aa_err listen_on(PGconn *handle, int wake, struct aa_error *err)
{
    PGresult *result = NULL;
    enum aa_err rc;

    rc = ask(handle, wake, "LISTEN " AA_POSTGRES_CHANNEL, &result, err);
    if (!rc && PQresultStatus(result) != PGRES_COMMAND_OK)
        rc = aa_fail(err, AA_ERR_STORE, "the database does not let us listen");
    PQclear(result);
    return rc;
}

static void ignore_notice(void *ctx, const char *message)
{
    (void)ctx;
    (void)message;
}

enum aa_err aa_postgres_subscribe(struct aa_source *source, int wake, struct aa_subscription **out,
                                  struct aa_error *err)
{
    struct aa_subscription *subscription = aa_mem_new(sizeof *subscription);
    enum aa_err rc = AA_OK;

    if (!subscription)
        return aa_fail(err, AA_ERR_NOMEM, "out of memory connecting to the database");
    subscription->handle = aa_postgres_start(source);
    if (!subscription->handle)
        rc = aa_fail(err, AA_ERR_NOMEM, "out of memory connecting to the database");
    if (!rc)
        rc = connect_in_steps(subscription->handle, wake, err);
    if (!rc) {
        PQsetNoticeProcessor(subscription->handle, ignore_notice, NULL);
        rc = check_direct(subscription->handle, wake, err);
    }
    if (!rc)
        rc = listen_on(subscription->handle, wake, err);
    if (rc)
        aa_postgres_unsubscribe(subscription);
    else
        *out = subscription;
    return rc;
}

void aa_postgres_unsubscribe(struct aa_subscription *subscription)
{
    PQfinish(subscription->handle);
    aa_mem_free(subscription);
}

/* ---- hearing ---- */

static bool take_notices(PGconn *handle)
{
    PGnotify *notice;
    bool any = false;

    while ((notice = PQnotifies(handle)) != NULL) {
        PQfreemem(notice);
        any = true;
    }
    return any;
}

enum aa_err aa_postgres_await(struct aa_subscription *subscription, int wake, struct aa_error *err)
{
    PGconn *handle = subscription->handle;

    while (!take_notices(handle)) {
        enum aa_err rc = wait_socket(handle, POLLIN, wake, FOR_EVER, err);

        if (rc)
            return rc;
        if (!PQconsumeInput(handle) || PQstatus(handle) != CONNECTION_OK)
            return fail_lost(err);
    }
    return AA_OK;
}

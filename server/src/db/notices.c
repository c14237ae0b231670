#include "db/notices.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <unistd.h>

#include "base/error.h"
#include "base/mem.h"

#define PAUSE_MS 250 /* before the first try to connect again; then twice as long each time */
#define PAUSE_MAX_MS 30000

struct aa_notices {
    struct aa_db *db;
    int wake[2]; /* a pipe whose other end is closed when it is time to stop */
    pthread_t thread;
};

/* ---- the thread ---- */

/* False: it is time to stop. */
static bool pause_ms(const struct aa_notices *notices, int ms)
{
    struct pollfd fd = {.fd = notices->wake[0], .events = POLLIN};

    return poll(&fd, 1, ms) <= 0;
}

/* What was announced before it was listened for is as good as an announcement. */
static void hear(struct aa_notices *notices, struct aa_subscription *subscription)
{
    struct aa_db *db = notices->db;

    atomic_store(&db->is_listening, true);
    do
        aa_db_note_change(db);
    while (db->driver->await(subscription, notices->wake[0], NULL) == AA_OK);
    atomic_store(&db->is_listening, false);
}

static void *notices_main(void *arg)
{
    struct aa_notices *notices = arg;
    const struct aa_driver *driver = notices->db->driver;
    int ms = 0;

    while (pause_ms(notices, ms)) {
        struct aa_subscription *subscription = NULL;

        ms = ms == 0 ? PAUSE_MS : ms < PAUSE_MAX_MS / 2 ? ms * 2 : PAUSE_MAX_MS;
        if (driver->subscribe(notices->db->source, notices->wake[0], &subscription, NULL))
            continue;
        hear(notices, subscription);
        driver->unsubscribe(subscription);
        ms = PAUSE_MS;
    }
    return NULL;
}

/* ---- beginning and end ---- */

static void free_parts(struct aa_notices *notices)
{
    close(notices->wake[0]);
    aa_mem_free(notices);
}

enum aa_err aa_notices_start(struct aa_db *db, struct aa_notices **out, struct aa_error *err)
{
    struct aa_notices *notices = aa_mem_new(sizeof *notices);

    if (!notices)
        return aa_fail(err, AA_ERR_NOMEM, "out of memory opening the database");
    notices->db = db;
    if (pipe(notices->wake)) {
        aa_mem_free(notices);
        return aa_fail(err, AA_ERR_SYSTEM, "a pipe of the database could not be made");
    }
    fcntl(notices->wake[0], F_SETFD, FD_CLOEXEC);
    fcntl(notices->wake[1], F_SETFD, FD_CLOEXEC);
    if (pthread_create(&notices->thread, NULL, notices_main, notices)) {
        close(notices->wake[1]);
        free_parts(notices);
        return aa_fail(err, AA_ERR_THREAD, "a thread of the database could not be started");
    }
    *out = notices;
    return AA_OK;
}

void aa_notices_stop(struct aa_notices *notices)
{
    if (!notices)
        return;
    close(notices->wake[1]);
    pthread_join(notices->thread, NULL);
    free_parts(notices);
}

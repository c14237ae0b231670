/* The keeper: checkpoints, and a lock held while many read that never keeps a checkpoint out. */
#include "db/keeper.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "support_store.h"

#define MANY 100
#define PATIENCE_S 20 /* longer than anything takes; only a broken test waits so long */

static void pause_ms(long ms)
{
    struct timespec pause = {0, ms * 1000000};

    nanosleep(&pause, NULL);
}

/* ---- with a driver that only notes what it is asked ---- */

static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool is_held;
    int holds, checkpoints, checkpoints_while_held, disconnects;
} seen = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static void note_hold(struct aa_conn *conn, bool on)
{
    (void)conn;
    pthread_mutex_lock(&seen.lock);
    seen.is_held = on;
    seen.holds += on;
    pthread_cond_broadcast(&seen.changed);
    pthread_mutex_unlock(&seen.lock);
}

static void note_checkpoint(struct aa_conn *conn)
{
    (void)conn;
    pthread_mutex_lock(&seen.lock);
    seen.checkpoints++;
    seen.checkpoints_while_held += seen.is_held;
    pthread_cond_broadcast(&seen.changed);
    pthread_mutex_unlock(&seen.lock);
}

static void note_disconnect(struct aa_conn *conn)
{
    (void)conn;
    seen.disconnects++;
}

static const struct aa_driver noting = {
    .hold = note_hold, .checkpoint = note_checkpoint, .disconnect = note_disconnect};

static struct aa_keeper *start(struct aa_conn *conn)
{
    struct aa_keeper *keeper = NULL;

    conn->driver = &noting;
    seen.is_held = false;
    seen.holds = seen.checkpoints = seen.checkpoints_while_held = seen.disconnects = 0;
    CHECK_OK(aa_keeper_new(conn, &keeper, NULL));
    return keeper;
}

static void read_often(struct aa_keeper *keeper, int times)
{
    for (int i = 0; i < times; i++)
        aa_keeper_note_read(keeper);
}

static bool is_held(void)
{
    return seen.is_held;
}

static bool is_free(void)
{
    return !seen.is_held;
}

static bool has_checkpointed(void)
{
    return seen.checkpoints > 0;
}

static void wait_until(bool (*is_so)(void))
{
    struct timespec until;
    int rc = 0;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += PATIENCE_S;
    pthread_mutex_lock(&seen.lock);
    while (!is_so() && rc == 0)
        rc = pthread_cond_timedwait(&seen.changed, &seen.lock, &until);
    pthread_mutex_unlock(&seen.lock);
    CHECK_INT(rc, 0);
}

TEST(keeper, holds_the_lock_while_many_read_and_no_longer)
{
    struct aa_conn conn = {0};
    struct aa_keeper *keeper = start(&conn);

    read_often(keeper, MANY);
    wait_until(is_held);
    wait_until(is_free);
    CHECK_INT(seen.checkpoints, 0); /* nothing was committed */
    aa_keeper_free(keeper);
    CHECK_INT(seen.disconnects, 1);
}

TEST(keeper, is_not_moved_by_a_few_reads)
{
    struct aa_conn conn = {0};
    struct aa_keeper *keeper = start(&conn);

    read_often(keeper, MANY - 1);
    aa_keeper_note_commit(keeper);
    wait_until(has_checkpointed);
    aa_keeper_free(keeper);
    CHECK_INT(seen.holds, 0);
    CHECK_INT(seen.checkpoints, 1);
}

TEST(keeper, lets_go_before_each_checkpoint)
{
    struct aa_conn conn = {0};
    struct aa_keeper *keeper = start(&conn);

    read_often(keeper, MANY);
    wait_until(is_held);
    read_often(keeper, MANY);
    aa_keeper_note_commit(keeper);
    wait_until(has_checkpointed);
    wait_until(is_held); /* the reads of meanwhile */
    aa_keeper_free(keeper);
    CHECK_INT(seen.checkpoints_while_held, 0);
    CHECK(is_free());
}

/* ---- with SQLite ---- */

#define BLOB_LEN 100000
#define BLOBS 10

static enum aa_err put_blobs(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    static char blob[BLOB_LEN];
    enum aa_err rc = AA_OK;

    (void)ctx;
    memset(blob, 'x', sizeof blob);
    for (int i = 0; !rc && i < BLOBS; i++) {
        char name[] = {'k', (char)('0' + i)};

        rc = aa_setting_put(conn, aa_view_make(name, sizeof name), aa_view_make(blob, sizeof blob), err);
    }
    return rc;
}

static struct aa_db *open_at(const char *path)
{
    struct aa_db_options options = {.url = path, .migrate = true};
    struct aa_db *db = NULL;

    return aa_db_open(&options, &db, NULL) ? NULL : db;
}

/* What was written is in the database's own file, and not in the log alone. */
static bool waits_for_checkpoint(const char *path)
{
    struct stat file;

    for (int i = 0; i < PATIENCE_S * 100; i++) {
        if (stat(path, &file) == 0 && file.st_size > BLOB_LEN * BLOBS)
            return true;
        pause_ms(10);
    }
    return false;
}

struct reader {
    pthread_t thread;
    struct aa_db *db;
    atomic_bool is_ending;
    atomic_int failed;
};

static enum aa_err count_users(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    return aa_client_count(conn, ctx, err);
}

static void *read_on(void *arg)
{
    struct reader *reader = arg;
    int64_t count;

    while (!reader->is_ending)
        if (aa_db_read(reader->db, count_users, &count, NULL))
            reader->failed++;
    return NULL;
}

static void reader_start(struct reader *reader, struct aa_db *db)
{
    reader->db = db;
    reader->is_ending = false;
    reader->failed = 0;
    CHECK_INT(pthread_create(&reader->thread, NULL, read_on, reader), 0);
}

static void reader_stop(struct reader *reader)
{
    reader->is_ending = true;
    pthread_join(reader->thread, NULL);
    CHECK_INT(reader->failed, 0);
}

TEST(keeper, checkpoints_while_reading_never_stops)
{
    char folder[64], path[96];
    struct reader reader;
    struct aa_db *db;

    folder_make(folder, sizeof folder);
    snprintf(path, sizeof path, "%s/test.db", folder);
    db = open_at(path);
    reader_start(&reader, db);
    pause_ms(600); /* long enough for the lock to be held; holding or not, what follows is true */
    CHECK_OK(aa_db_write(db, put_blobs, NULL, NULL));
    CHECK(waits_for_checkpoint(path));
    reader_stop(&reader);
    aa_db_close(db);
    folder_remove(folder);
}

/* In the child: opens the database once the parent reads from it, writes, and waits for its own checkpoint. */
static int write_beside(const char *path, int start)
{
    struct aa_db *db;
    char byte;
    bool good;

    if (read(start, &byte, 1) != 1)
        return 1;
    db = open_at(path);
    good = db && !aa_db_write(db, put_blobs, NULL, NULL) && waits_for_checkpoint(path);
    aa_db_close(db);
    return good ? 0 : 1;
}

TEST(keeper, keeps_no_checkpoint_of_another_process_out)
{
    char folder[64], path[96];
    int ends[2], status = 0;
    struct reader reader;
    struct aa_db *db;
    pid_t child;

    folder_make(folder, sizeof folder);
    snprintf(path, sizeof path, "%s/test.db", folder);
    CHECK_INT(pipe(ends), 0);
    child = fork();
    if (child == 0)
        _exit(write_beside(path, ends[0]));
    CHECK(child > 0);
    db = open_at(path);
    reader_start(&reader, db);
    pause_ms(600);
    CHECK_INT(write(ends[1], "x", 1), 1);
    CHECK_INT(waitpid(child, &status, 0), child);
    CHECK(WIFEXITED(status));
    CHECK_INT(WEXITSTATUS(status), 0);
    reader_stop(&reader);
    aa_db_close(db);
    close(ends[0]);
    close(ends[1]);
    folder_remove(folder);
}

#include "db/running.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"
#include "db/draft.h"

#define SERVERS_MAX 16 /* on one file; further ones go unnoted */
#define NAME_MAX_LEN 8192

/* A file whose lock this process holds. */
struct place {
    char *name;
    int fd;
};

struct aa_running {
    struct place places[SERVERS_MAX]; /* the first becomes our own; the others are left from servers that died */
    size_t count;
    bool had_died; /* and was not forgiven: the first is left over too */
};

enum finding {
    FOUND_FREE,  /* there is no such file; or, when it is made: it is ours */
    FOUND_LEFT,  /* there is, and nobody has it: it is ours */
    FOUND_ALIVE, /* somebody has it */
    FOUND_NO_LOCKS,
    FOUND_TROUBLE
};

/* ---- one file ---- */

static enum aa_err build_name(const char *database, size_t number, char **out, struct aa_error *err)
{
    struct aa_buf name;
    enum aa_err rc;

    aa_buf_init(&name, NAME_MAX_LEN);
    aa_buf_add_format(&name, "%s-running", database);
    if (number > 1)
        aa_buf_add_format(&name, "-%zu", number);
    rc = aa_buf_check(&name, "a file's name", err);
    if (!rc) {
        *out = aa_mem_copy_text(aa_buf_text(&name), name.len);
        if (!*out)
            rc = aa_fail(err, AA_ERR_NOMEM, "out of memory opening the database");
    }
    aa_buf_clear(&name);
    return rc;
}

/* Removed between open() and flock(): its server stopped as it should. */
static bool is_gone(int fd)
{
    struct stat facts;

    return fstat(fd, &facts) == 0 && facts.st_nlink == 0;
}

static enum finding lock_it(int fd)
{
    if (flock(fd, LOCK_EX | LOCK_NB))
        return errno == EWOULDBLOCK ? FOUND_ALIVE : FOUND_NO_LOCKS;
    return is_gone(fd) ? FOUND_FREE : FOUND_LEFT;
}

/* *fd stays open, with the lock, only when FOUND_LEFT. */
static enum finding look_at(const char *name, int *fd)
{
    enum finding found;

    *fd = open(name, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (*fd < 0)
        return errno == ENOENT ? FOUND_FREE : FOUND_TROUBLE;
    found = lock_it(*fd);
    if (found != FOUND_LEFT)
        close(*fd);
    return found;
}

/* Whoever opens it before it is locked takes it for one left over, and keeps it: FOUND_ALIVE. *fd stays open, with the
 * lock, only when FOUND_FREE. */
static enum finding make(const char *name, int *fd)
{
    enum finding found;

    *fd = open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (*fd < 0)
        return errno == EEXIST ? FOUND_ALIVE : FOUND_TROUBLE;
    found = lock_it(*fd);
    if (found == FOUND_LEFT)
        return FOUND_FREE;
    if (found == FOUND_NO_LOCKS)
        unlink(name);
    close(*fd);
    return found == FOUND_NO_LOCKS ? found : FOUND_ALIVE;
}

/* ---- all of them ---- */

typedef enum finding (*find_fn)(const char *name, int *fd);

/* Keeps the file of that number when it is as wanted. */
static enum aa_err take(struct aa_running *running, const char *database, size_t number, find_fn find,
                        enum finding wanted, enum finding *found, struct aa_error *err)
{
    char *name = NULL;
    int fd = -1;
    enum aa_err rc;

    rc = build_name(database, number, &name, err);
    if (rc)
        return rc;
    *found = find(name, &fd);
    if (*found == wanted) {
        running->places[running->count++] = (struct place){name, fd};
        return AA_OK;
    }
    if (*found == FOUND_TROUBLE)
        rc = aa_fail(err, aa_draft_code(errno), "%s cannot be written: %s", name, strerror(errno));
    aa_mem_free(name);
    return rc;
}

static enum aa_err take_left(struct aa_running *running, const char *database, struct aa_error *err)
{
    enum finding found;
    enum aa_err rc = AA_OK;

    for (size_t number = 1; !rc && number <= SERVERS_MAX; number++)
        rc = take(running, database, number, look_at, FOUND_LEFT, &found, err);
    running->had_died = running->count > 0;
    return rc;
}

/* Its name goes to disk, or a power cut would leave the database and nothing beside it. */
static enum aa_err take_free(struct aa_running *running, const char *database, struct aa_error *err)
{
    enum finding found = FOUND_ALIVE;
    enum aa_err rc = AA_OK;

    for (size_t number = 1; !rc && found == FOUND_ALIVE && number <= SERVERS_MAX; number++)
        rc = take(running, database, number, make, FOUND_FREE, &found, err);
    if (rc || running->count == 0)
        return rc;
    rc = aa_draft_sync_folder(running->places[0].name);
    return rc ? aa_fail(err, rc, "the folder of %s cannot be put on disk", database) : AA_OK;
}

enum aa_err aa_running_begin(const char *database, struct aa_running **out, bool *had_died, struct aa_error *err)
{
    struct aa_running *running = aa_mem_new(sizeof *running);
    enum aa_err rc;

    if (!running)
        return aa_fail(err, AA_ERR_NOMEM, "out of memory opening the database");
    rc = take_left(running, database, err);
    if (!rc && !running->had_died)
        rc = take_free(running, database, err);
    if (rc) {
        aa_running_end(running);
        return rc;
    }
    *had_died = running->had_died;
    *out = running;
    return AA_OK;
}

/* Removed before the lock goes, so that nobody takes it for one left over. */
static void drop_last(struct aa_running *running, bool remove)
{
    struct place *place = &running->places[--running->count];

    if (remove)
        unlink(place->name);
    close(place->fd);
    aa_mem_free(place->name);
}

void aa_running_forgive(struct aa_running *running)
{
    while (running->count > 1)
        drop_last(running, true);
    running->had_died = false;
}

void aa_running_end(struct aa_running *running)
{
    if (!running)
        return;
    while (running->count > 0)
        drop_last(running, !running->had_died);
    aa_mem_free(running);
}

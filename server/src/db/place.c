#include "db/place.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "db/draft.h"

/* The file is made here rather than by SQLite, readable for its owner alone whatever the umask; -wal and -shm get the
 * same mode. An existing file is not even opened: closing it again would drop the locks this process holds on it
 * (POSIX). */
static enum aa_err make_file(const char *path, struct aa_error *err)
{
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

    if (fd >= 0) {
        close(fd);
        return AA_OK;
    }
    if (errno == EEXIST)
        return AA_OK;
    if (errno == EROFS || errno == EACCES || errno == EPERM)
        return aa_fail(err, AA_ERR_STORE_READONLY, "the database %s cannot be made: %s", path, strerror(errno));
    if (errno == ENOSPC)
        return aa_fail(err, AA_ERR_STORE_FULL, "the database %s cannot be made: %s", path, strerror(errno));
    return aa_fail(err, AA_ERR_STORE, "the database %s cannot be made: %s", path, strerror(errno));
}

enum aa_err aa_place_prepare(const char *path, bool must_exist, struct aa_error *err)
{
    struct stat facts;
    enum aa_err rc;

    if (must_exist) {
        if (stat(path, &facts))
            return aa_fail(err, AA_ERR_NOT_FOUND, "there is no database at %s", path);
        return AA_OK;
    }
    rc = aa_draft_make_folder(path, err);
    return rc ? rc : make_file(path, err);
}

const char *aa_place_of(const char *url)
{
    return strncmp(url, "sqlite:", 7) == 0 ? url + 7 : url;
}

#include "db/draft.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"

#define NAME_MAX_LEN 8192

enum aa_err aa_draft_code(int number)
{
    switch (number) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
        return AA_ERR_STORE_FULL;
    case EROFS:
    case EACCES:
    case EPERM:
        return AA_ERR_STORE_READONLY;
    case EEXIST:
        return AA_ERR_CONFLICT;
    default:
        return AA_ERR_STORE;
    }
}

static enum aa_err fail(const struct aa_draft *draft, struct aa_error *err)
{
    int number = errno;

    return aa_fail(err, aa_draft_code(number), "%s cannot be written: %s", draft->path, strerror(number));
}

static enum aa_err fail_exists(const char *path, struct aa_error *err)
{
    return aa_fail(err, AA_ERR_CONFLICT, "%s is there already; --force replaces it", path);
}

static enum aa_err name_it(struct aa_draft *draft, const char *path, struct aa_error *err)
{
    struct aa_buf name;
    enum aa_err rc;

    aa_buf_init(&name, NAME_MAX_LEN);
    aa_buf_add_format(&name, "%s.%ld.new", path, (long)getpid());
    rc = aa_buf_check(&name, "the file's name", err);
    if (!rc) {
        draft->name = aa_mem_copy_text(aa_buf_text(&name), name.len);
        draft->path = aa_mem_copy_text(path, strlen(path));
        if (!draft->name || !draft->path)
            rc = aa_fail(err, AA_ERR_NOMEM, "out of memory writing a file");
    }
    aa_buf_clear(&name);
    return rc;
}

static int open_folder(const char *path, enum aa_err *rc)
{
    const char *slash = strrchr(path, '/');
    char *folder = slash ? aa_mem_copy_text(path, (size_t)(slash - path) + 1) : aa_mem_copy_text(".", 1);
    int fd = folder ? open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;

    *rc = !folder ? AA_ERR_NOMEM : fd < 0 ? aa_draft_code(errno) : AA_OK;
    aa_mem_free(folder);
    return fd;
}

enum aa_err aa_draft_open(struct aa_draft *draft, const char *path, bool replace, struct aa_error *err)
{
    enum aa_err rc;

    *draft = (struct aa_draft){.fd = -1, .folder = -1};
    if (!replace && access(path, F_OK) == 0)
        return fail_exists(path, err);
    rc = name_it(draft, path, err);
    if (rc)
        return rc;
    draft->folder = open_folder(path, &rc);
    if (rc == AA_ERR_NOMEM)
        return aa_fail(err, rc, "out of memory writing a file");
    if (rc)
        return fail(draft, err);
    /* One that a process of the same number left behind when it was killed is nobody's. */
    unlink(draft->name);
    draft->fd = open(draft->name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    return draft->fd < 0 ? fail(draft, err) : AA_OK;
}

enum aa_err aa_draft_make_folder(const char *path, struct aa_error *err)
{
    const char *slash = strrchr(path, '/');
    char *folder;
    enum aa_err rc = AA_OK;

    if (!slash || slash == path)
        return AA_OK;
    folder = aa_mem_copy_text(path, (size_t)(slash - path));
    if (!folder)
        return aa_fail(err, AA_ERR_NOMEM, "out of memory making a folder");
    if (mkdir(folder, 0700) && errno != EEXIST)
        rc = aa_fail(err, aa_draft_code(errno), "the folder %s cannot be made: %s", folder, strerror(errno));
    aa_mem_free(folder);
    return rc;
}

enum aa_err aa_draft_sync_folder(const char *path)
{
    enum aa_err rc;
    int fd = open_folder(path, &rc);

    if (!rc && fsync(fd))
        rc = aa_draft_code(errno);
    if (fd >= 0)
        close(fd);
    return rc;
}

enum aa_err aa_draft_publish(struct aa_draft *draft, bool replace, struct aa_error *err)
{
    if (fsync(draft->fd))
        return fail(draft, err);
    /* link() rather than a look and a rename(): what appeared meanwhile is not overwritten. */
    if (replace ? rename(draft->name, draft->path) : link(draft->name, draft->path))
        return errno == EEXIST ? fail_exists(draft->path, err) : fail(draft, err);
    if (!replace)
        unlink(draft->name);
    aa_mem_free(draft->name);
    draft->name = NULL;
    return fsync(draft->folder) ? fail(draft, err) : AA_OK;
}

void aa_draft_clear(struct aa_draft *draft)
{
    if (!draft->path && !draft->name)
        return;
    if (draft->fd >= 0)
        close(draft->fd);
    if (draft->folder >= 0)
        close(draft->folder);
    if (draft->name && draft->fd >= 0)
        unlink(draft->name);
    aa_mem_free(draft->name);
    aa_mem_free(draft->path);
    *draft = (struct aa_draft){.fd = -1, .folder = -1};
}

#include "main/master_key.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/mem.h"
#include "main/config_check.h"
#include "store/store.h"

#define KEY_LEN 32
#define FILE_MAX 256 /* 64 digits and a line end; anything longer is something else */

static enum aa_err note_any(void *ctx, const void *record, struct aa_error *err)
{
    (void)record;
    (void)err;
    *(bool *)ctx = true;
    return AA_OK;
}

static enum aa_err look_for_keys(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    return aa_signing_key_list(conn, note_any, ctx, err);
}

static enum aa_err write_whole(int fd, const char *data, size_t len)
{
    while (len > 0) {
        ssize_t written = write(fd, data, len);

        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return AA_ERR_SYSTEM;
        data += written;
        len -= (size_t)written;
    }
    return fsync(fd) ? AA_ERR_SYSTEM : AA_OK;
}

/* The name is on disk too: without it the signing keys sealed next could never be opened again. */
static enum aa_err sync_folder(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *folder = slash ? aa_mem_copy_text(path, (size_t)(slash - path) + 1) : aa_mem_copy_text(".", 1);
    enum aa_err rc = AA_ERR_NOMEM;
    int fd;

    if (!folder)
        return rc;
    fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    rc = fd >= 0 && fsync(fd) == 0 ? AA_OK : AA_ERR_SYSTEM;
    if (fd >= 0)
        close(fd);
    aa_mem_free(folder);
    return rc;
}

/* Written under another name and linked into place: another process that starts at the same moment sees a whole key or
 * none. */
static enum aa_err write_file(const char *path, const char *hex, size_t len, struct aa_error *err)
{
    struct aa_buf draft;
    enum aa_err rc;
    int fd;

    aa_buf_init(&draft, 8192);
    aa_buf_add_format(&draft, "%s.%ld", path, (long)getpid());
    rc = aa_buf_check(&draft, "master_key_file", err);
    if (rc)
        goto done;
    fd = open(aa_buf_text(&draft), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) {
        rc = aa_fail(err, AA_ERR_SYSTEM, "the master key file %s cannot be made: %s", path, strerror(errno));
        goto done;
    }
    rc = write_whole(fd, hex, len);
    if (!rc && link(aa_buf_text(&draft), path) && errno != EEXIST)
        rc = AA_ERR_SYSTEM;
    if (!rc)
        rc = sync_folder(path);
    if (rc)
        aa_fail(err, rc, "the master key file %s cannot be written: %s", path, strerror(errno));
    close(fd);
    unlink(aa_buf_text(&draft));
done:
    aa_buf_clear(&draft);
    return rc;
}

/* Its own, should it not be there: of a database that is elsewhere nobody has made one yet. */
static enum aa_err make_folder(const char *path, struct aa_error *err)
{
    const char *slash = strrchr(path, '/');
    char *folder;
    enum aa_err rc = AA_OK;

    if (!slash || slash == path)
        return AA_OK;
    folder = aa_mem_copy_text(path, (size_t)(slash - path));
    if (!folder)
        return aa_fail(err, AA_ERR_NOMEM, "out of memory making the master key");
    if (mkdir(folder, 0700) && errno != EEXIST)
        rc = aa_fail(err, AA_ERR_SYSTEM, "the folder %s cannot be made: %s", folder, strerror(errno));
    aa_mem_free(folder);
    return rc;
}

static enum aa_err make_file(const struct aa_app *app, const char *path, struct aa_error *err)
{
    uint8_t key[KEY_LEN];
    struct aa_buf hex;
    enum aa_err rc;

    rc = make_folder(path, err);
    if (rc)
        return rc;

    if (aa_app_random(app, key, sizeof key))
        return aa_fail(err, AA_ERR_RANDOM, "no random bytes for the master key");
    aa_buf_init(&hex, FILE_MAX);
    for (size_t i = 0; i < sizeof key; i++)
        aa_buf_add_format(&hex, "%02x", key[i]);
    aa_buf_add_char(&hex, '\n');
    rc = aa_buf_check(&hex, "the master key", err);
    if (!rc)
        rc = write_file(path, aa_buf_text(&hex), hex.len, err);
    aa_buf_wipe_clear(&hex);
    aa_mem_wipe(key, sizeof key);
    return rc;
}

/* A key that others may read or replace seals nothing. */
static enum aa_err check_mode(int fd, const char *path, struct aa_error *err)
{
    struct stat facts;

    if (fstat(fd, &facts) || !S_ISREG(facts.st_mode))
        return aa_fail(err, AA_ERR_SYSTEM, "the master key file %s is no file", path);
    if (facts.st_mode & (S_IRWXO | S_IWGRP))
        return aa_fail(err, AA_ERR_OPTION_INVALID,
                       "the master key file %s may be read or changed by others: chmod 600 it", path);
    return AA_OK;
}

static enum aa_err read_open_file(int fd, const char *path, uint8_t key[KEY_LEN], struct aa_error *err)
{
    char text[FILE_MAX];
    struct aa_view view;
    ssize_t len;
    enum aa_err rc;

    rc = check_mode(fd, path, err);
    if (rc)
        return rc;
    len = read(fd, text, sizeof text);
    view = aa_view_make(text, len > 0 ? (size_t)len : 0);
    while (view.len > 0 && (view.data[view.len - 1] == '\n' || view.data[view.len - 1] == '\r'))
        view.len--;
    if (!aa_config_read_key(view, key))
        rc = aa_fail(err, AA_ERR_OPTION_INVALID, "the master key file %s holds no key (64 hexadecimal digits)", path);
    aa_mem_wipe(text, sizeof text);
    return rc;
}

/* AA_ERR_NOT_FOUND when there is none. */
static enum aa_err read_file(const char *path, uint8_t key[KEY_LEN], struct aa_error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    enum aa_err rc;

    if (fd < 0 && errno == ENOENT)
        return AA_ERR_NOT_FOUND;
    if (fd < 0)
        return aa_fail(err, AA_ERR_SYSTEM, "the master key file %s cannot be read: %s", path, strerror(errno));
    rc = read_open_file(fd, path, key, err);
    close(fd);
    return rc;
}

static enum aa_err open_file(const struct aa_app *app, const char *path, uint8_t key[KEY_LEN], struct aa_error *err)
{
    bool any = false;
    enum aa_err rc;

    rc = read_file(path, key, err);
    if (rc != AA_ERR_NOT_FOUND)
        return rc;
    rc = aa_db_read(app->db, look_for_keys, &any, err);
    if (rc)
        return rc;
    if (any)
        return aa_fail(
            err, AA_ERR_OPTION_INVALID,
            "the master key file %s is missing, and the signing keys in the database cannot be read without it", path);
    rc = make_file(app, path, err);
    return rc ? rc : read_file(path, key, err);
}

enum aa_err aa_master_key_open(const struct aa_app *app, const struct aa_config *config, uint8_t key[KEY_LEN],
                               struct aa_error *err)
{
    const char *configured = aa_config_text(config, AA_CONFIG_master_key);
    const char *database = aa_config_text(config, AA_CONFIG_database);
    bool in_memory = aa_view_equal_text(aa_view_of(database), ":memory:");

    if (configured)
        return aa_config_read_key(aa_view_of(configured), key)
                   ? AA_OK
                   : aa_fail(err, AA_ERR_OPTION_INVALID, "master_key is no key");
    if (in_memory && config->values[AA_CONFIG_master_key_file].source == AA_FROM_DEFAULT)
        return aa_app_random(app, key, KEY_LEN) ? aa_fail(err, AA_ERR_RANDOM, "no random bytes for the master key")
                                                : AA_OK;
    return open_file(app, aa_config_text(config, AA_CONFIG_master_key_file), key, err);
}

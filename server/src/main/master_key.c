#include "main/master_key.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/mem.h"
#include "db/draft.h"
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

static enum aa_err write_whole(int fd, const char *path, struct aa_view text, struct aa_error *err)
{
    while (text.len > 0) {
        ssize_t written = write(fd, text.data, text.len);

        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return aa_fail(err, AA_ERR_SYSTEM, "the master key file %s cannot be written: %s", path, strerror(errno));
        text = aa_view_make(text.data + written, text.len - (size_t)written);
    }
    return AA_OK;
}

/* On disk with its name before anything is sealed: without it the signing keys sealed next could never be opened again.
 * AA_ERR_CONFLICT when another process, started at the same moment, was first. */
static enum aa_err write_file(const char *path, struct aa_view hex, struct aa_error *err)
{
    struct aa_draft draft;
    enum aa_err rc;

    rc = aa_draft_make_folder(path, err);
    if (rc)
        return rc;
    rc = aa_draft_open(&draft, path, false, err);
    if (!rc)
        rc = write_whole(draft.fd, path, hex, err);
    if (!rc)
        rc = aa_draft_publish(&draft, false, err);
    aa_draft_clear(&draft);
    return rc;
}

static enum aa_err make_file(const struct aa_app *app, const char *path, struct aa_error *err)
{
    uint8_t key[KEY_LEN];
    struct aa_buf hex;
    enum aa_err rc;

    if (aa_app_random(app, key, sizeof key))
        return aa_fail(err, AA_ERR_RANDOM, "no random bytes for the master key");
    aa_buf_init(&hex, FILE_MAX);
    aa_buf_add_hex(&hex, aa_view_make(key, sizeof key));
    aa_buf_add_char(&hex, '\n');
    rc = aa_buf_check(&hex, "the master key", err);
    if (!rc)
        rc = write_file(path, aa_buf_view(&hex), err);
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
    struct aa_error made = AA_ERROR_INIT;
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
    rc = make_file(app, path, &made);
    if (rc && rc != AA_ERR_CONFLICT)
        return aa_fail(err, rc, "%s", made.message);
    return read_file(path, key, err);
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

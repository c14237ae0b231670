#include "db/backup.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "base/mem.h"
#include "db/draft.h"
#include "db/driver.h"
#include "db/place.h"

#define NAME_MAX_LEN 8192

/* ---- looking ---- */

/* One connection that only reads, in one read transaction. */
struct look {
    const struct aa_driver *driver;
    struct aa_source *source;
    struct aa_conn *conn;
};

static enum aa_err look_open(struct look *look, const char *url, struct aa_error *err)
{
    struct aa_db_options options = {.url = url, .must_exist = true, .read_only = true};
    enum aa_err rc;

    *look = (struct look){.driver = aa_driver_of(url)};
    rc = look->driver->open(&options, &look->source, err);
    if (!rc)
        rc = look->driver->connect(look->source, AA_CONN_READER, &look->conn, err);
    return rc ? rc : look->driver->control(look->conn, AA_CONTROL_BEGIN_READ, err);
}

static void look_close(struct look *look)
{
    if (look->conn && look->driver->in_transaction(look->conn))
        (void)look->driver->control(look->conn, AA_CONTROL_ROLLBACK, NULL);
    if (look->conn)
        look->driver->disconnect(look->conn);
    if (look->source)
        look->driver->close(look->source);
}

static enum aa_err find_facts(const struct look *look, bool deep, struct aa_db_facts *out, struct aa_error *err)
{
    struct aa_db_facts facts = {.engine = look->driver->engine,
                                .schema_known = (int64_t)look->driver->migrations->count};
    enum aa_err rc;

    rc = aa_schema_find(look->conn, &facts.schema, err);
    if (!rc && deep && look->driver->check)
        rc = look->driver->check(look->conn, err);
    if (!rc && deep && look->driver->count)
        rc = look->driver->count(look->conn, &facts, err);
    if (!rc)
        *out = facts;
    return rc;
}

static void note_size(const char *url, struct aa_db_facts *facts)
{
    struct stat file;

    facts->file = aa_db_is_remote_url(url) ? NULL : aa_place_of(url);
    if (facts->file && stat(facts->file, &file) == 0)
        facts->bytes = (int64_t)file.st_size;
}

enum aa_err aa_db_examine(const char *url, bool deep, struct aa_db_facts *out, struct aa_error *err)
{
    struct look look;
    enum aa_err rc;

    rc = look_open(&look, url, err);
    if (!rc)
        rc = find_facts(&look, deep, out, err);
    look_close(&look);
    if (!rc)
        note_size(url, out);
    return rc;
}

/* ---- copying ---- */

static enum aa_err check_engine(const char *url, const char *tool, struct aa_error *err)
{
    const struct aa_driver *driver = aa_driver_of(url);

    if (!driver->copy)
        return aa_fail(err, AA_ERR_OPTION_INVALID, "PostgreSQL has its own tool for this: use %s", tool);
    if (strcmp(aa_place_of(url), ":memory:") == 0)
        return aa_fail(err, AA_ERR_OPTION_INVALID, "an in-memory database has no file");
    return AA_OK;
}

/* A file's name as what aa_db_open() takes. */
static enum aa_err add_url(struct aa_buf *url, const char *path, struct aa_error *err)
{
    aa_buf_add_text(url, "sqlite:");
    aa_buf_add_text(url, path);
    return aa_buf_check(url, "the file's name", err);
}

/* The copy is opened anew, so that it is judged by what is in the file and not by what was meant to be. */
static enum aa_err check_copy(const char *name, const struct aa_db_facts *wanted, struct aa_error *err)
{
    struct aa_db_facts found;
    struct aa_buf url;
    enum aa_err rc;

    aa_buf_init(&url, NAME_MAX_LEN);
    rc = add_url(&url, name, err);
    if (!rc)
        rc = aa_db_examine(aa_buf_text(&url), true, &found, err);
    if (!rc && (found.schema != wanted->schema || found.tables != wanted->tables || found.rows != wanted->rows))
        rc =
            aa_fail(err, AA_ERR_STORE, "the copy differs: it has %lld rows in %lld tables, not %lld in %lld",
                    (long long)found.rows, (long long)found.tables, (long long)wanted->rows, (long long)wanted->tables);
    aa_buf_clear(&url);
    return rc;
}

/* Counts and copies in one read transaction: both are of the same moment. */
static enum aa_err copy_checked(const char *url, const char *name, struct aa_db_facts *facts, struct aa_error *err)
{
    struct look look;
    enum aa_err rc;

    rc = look_open(&look, url, err);
    if (!rc)
        rc = find_facts(&look, true, facts, err);
    if (!rc && facts->schema == 0)
        rc = aa_fail(err, AA_ERR_STORE, "%s is empty: there is nothing to copy", aa_place_of(url));
    if (!rc && facts->schema > facts->schema_known)
        rc = aa_fail(err, AA_ERR_STORE_VERSION,
                     "%s has schema %lld, made by a newer version; this one knows schemas up to %lld", aa_place_of(url),
                     (long long)facts->schema, (long long)facts->schema_known);
    if (!rc)
        rc = look.driver->copy(look.conn, name, err);
    look_close(&look);
    return rc ? rc : check_copy(name, facts, err);
}

enum aa_err aa_db_backup(const char *url, const char *path, bool replace, struct aa_db_facts *out, struct aa_error *err)
{
    struct aa_draft draft = {.fd = -1, .folder = -1};
    struct aa_db_facts facts = {.engine = NULL};
    enum aa_err rc;

    rc = check_engine(url, "pg_dump", err);
    if (!rc)
        rc = aa_draft_open(&draft, path, replace, err);
    if (!rc)
        rc = copy_checked(url, draft.name, &facts, err);
    if (!rc)
        rc = aa_draft_publish(&draft, replace, err);
    aa_draft_clear(&draft);
    if (rc)
        return rc;
    note_size(path, &facts);
    *out = facts;
    return AA_OK;
}

/* ---- restoring ---- */

/* What belongs to a database besides its file. Its log and its journal hold part of what is in it. */
static const struct {
    const char *suffix;
    bool is_kept;
} parts[] = {{"", true}, {"-wal", true}, {"-journal", true}, {"-shm", false}};

#define PART_COUNT (sizeof parts / sizeof *parts)

static enum aa_err add_kept_name(struct aa_buf *kept, const char *path, int64_t now_ms, struct aa_error *err)
{
    time_t seconds = (time_t)(now_ms / 1000);
    struct tm when;
    char stamp[32];

    if (!gmtime_r(&seconds, &when) || strftime(stamp, sizeof stamp, "%Y%m%dT%H%M%SZ", &when) == 0)
        return aa_fail(err, AA_ERR_SYSTEM, "the clock cannot be read");
    aa_buf_add_format(kept, "%s.before-restore-%s", path, stamp);
    return aa_buf_check(kept, "the file's name", err);
}

/* from + suffix gets the second name to + suffix. No such file is fine. */
static enum aa_err link_part(const char *from, const char *to, const char *suffix, struct aa_error *err)
{
    struct aa_buf old, new;
    enum aa_err rc;

    aa_buf_init(&old, NAME_MAX_LEN);
    aa_buf_init(&new, NAME_MAX_LEN);
    aa_buf_add_format(&old, "%s%s", from, suffix);
    aa_buf_add_format(&new, "%s%s", to, suffix);
    rc = aa_buf_check(&old, "the file's name", err);
    if (!rc)
        rc = aa_buf_check(&new, "the file's name", err);
    if (!rc && access(aa_buf_text(&old), F_OK) == 0 && link(aa_buf_text(&old), aa_buf_text(&new)))
        rc = aa_fail(err, AA_ERR_STORE, "the old database cannot be kept as %s", aa_buf_text(&new));
    aa_buf_clear(&old);
    aa_buf_clear(&new);
    return rc;
}

static void unlink_part(const char *path, const char *suffix)
{
    struct aa_buf name;

    aa_buf_init(&name, NAME_MAX_LEN);
    aa_buf_add_format(&name, "%s%s", path, suffix);
    if (!name.bad)
        unlink(aa_buf_text(&name));
    aa_buf_clear(&name);
}

static enum aa_err keep_old(const char *path, const char *kept, struct aa_error *err)
{
    enum aa_err rc = AA_OK;

    for (size_t i = 0; !rc && i < PART_COUNT; i++)
        if (parts[i].is_kept)
            rc = link_part(path, kept, parts[i].suffix, err);
    if (!rc && aa_draft_sync_folder(path))
        rc = aa_fail(err, AA_ERR_STORE, "the old database cannot be kept as %s", kept);
    return rc;
}

/* The old log would be replayed into the new file: it goes before that comes. */
static void drop_log(const char *path)
{
    for (size_t i = 1; i < PART_COUNT; i++)
        unlink_part(path, parts[i].suffix);
}

/* It did not come: everything is where it was. */
static void put_back(const char *path, const char *kept)
{
    for (size_t i = 1; i < PART_COUNT; i++)
        if (parts[i].is_kept)
            (void)link_part(kept, path, parts[i].suffix, NULL);
    for (size_t i = 0; i < PART_COUNT; i++)
        if (parts[i].is_kept)
            unlink_part(kept, parts[i].suffix);
}

static enum aa_err replace_file(struct aa_draft *draft, bool is_there, const char *kept, struct aa_error *err)
{
    enum aa_err rc;

    rc = keep_old(draft->path, kept, err);
    if (!rc) {
        drop_log(draft->path);
        rc = aa_draft_publish(draft, is_there, err);
    }
    if (rc && draft->name) /* it has not come */
        put_back(draft->path, kept);
    return rc;
}

/* Also without a database: a log that one left behind is kept like the rest, and must not meet the new file. */
static enum aa_err put_in_place(struct aa_draft *draft, bool is_there, int64_t now_ms, struct aa_buf *kept,
                                struct aa_error *err)
{
    int lock = -1;
    enum aa_err rc = AA_OK;

    if (is_there)
        rc = aa_driver_of(draft->path)->seize(draft->path, &lock, err);
    if (!rc)
        rc = add_kept_name(kept, draft->path, now_ms, err);
    if (!rc)
        rc = replace_file(draft, is_there, aa_buf_text(kept), err);
    if (lock >= 0)
        close(lock);
    return rc;
}

static enum aa_err restore(const char *target, const char *from, bool replace, int64_t now_ms, struct aa_db_facts *out,
                           struct aa_buf *kept, struct aa_error *err)
{
    struct aa_draft draft = {.fd = -1, .folder = -1};
    struct aa_db_facts facts = {.engine = NULL};
    size_t start = kept->len;
    bool is_there;
    struct stat file;
    enum aa_err rc;

    is_there = stat(target, &file) == 0;
    if (is_there && file.st_size > 0 && !replace)
        return aa_fail(err, AA_ERR_CONFLICT,
                       "there is a database at %s already; --force replaces it and keeps the old one beside it",
                       target);
    rc = aa_draft_open(&draft, target, true, err);
    if (!rc)
        rc = copy_checked(from, draft.name, &facts, err);
    if (!rc)
        rc = put_in_place(&draft, is_there, now_ms, kept, err);
    aa_draft_clear(&draft);
    if (rc || !is_there)
        aa_buf_cut(kept, start);
    if (rc)
        return rc;
    note_size(target, &facts);
    *out = facts;
    return AA_OK;
}

enum aa_err aa_db_restore(const char *url, const char *path, bool replace, int64_t now_ms, struct aa_db_facts *out,
                          struct aa_buf *kept, struct aa_error *err)
{
    struct aa_buf from;
    enum aa_err rc;

    aa_buf_init(&from, NAME_MAX_LEN);
    rc = check_engine(url, "pg_restore", err);
    if (!rc)
        rc = add_url(&from, path, err);
    if (!rc)
        rc = restore(aa_place_of(url), aa_buf_text(&from), replace, now_ms, out, kept, err);
    aa_buf_clear(&from);
    return rc;
}

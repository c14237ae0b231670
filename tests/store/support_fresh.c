#include "support_fresh.h"

#include <stdio.h>
#include <unistd.h>

#include "db/migrate.h"

/* The address of another database of the same server: "postgresql:///NAME?…". */
static void make_url(struct fresh *fresh)
{
    const char *slash = strstr(fresh->f.url, ":///"), *parameters = strchr(fresh->f.url, '?');

    CHECK(slash != NULL && parameters != NULL);
    snprintf(fresh->url, sizeof fresh->url, "%.*s%s%s", (int)(slash + 4 - fresh->f.url), fresh->f.url, fresh->name,
             parameters);
}

void fresh_make(struct fresh *fresh)
{
    static int count;
    char sql[128];

    store_open(&fresh->f);
    snprintf(fresh->name, sizeof fresh->name, "fresh_%ld_%d", (long)getpid(), ++count);
    if (!store_is_remote()) {
        snprintf(fresh->url, sizeof fresh->url, "%s/%s.db", fresh->f.folder, fresh->name);
        return;
    }
    make_url(fresh);
    snprintf(sql, sizeof sql, "CREATE DATABASE %s", fresh->name);
    CHECK_OK(fresh->f.driver->run(fresh->f.conn, sql, NULL));
}

void fresh_clear(struct fresh *fresh)
{
    char sql[128];

    if (store_is_remote()) {
        snprintf(sql, sizeof sql, "DROP DATABASE %s WITH (FORCE)", fresh->name);
        CHECK_OK(fresh->f.driver->run(fresh->f.conn, sql, NULL));
    }
    store_close(&fresh->f);
}

struct line {
    const struct aa_driver *driver;
    struct aa_source *source;
    struct aa_conn *conn;
};

static struct line line_open(const struct fresh *fresh)
{
    struct aa_db_options options = {.url = fresh->url};
    struct line line = {.driver = fresh->f.driver};

    CHECK_OK(line.driver->open(&options, &line.source, NULL));
    CHECK_OK(line.driver->connect(line.source, AA_CONN_WRITER, &line.conn, NULL));
    return line;
}

static void line_close(const struct line *line)
{
    line->driver->disconnect(line->conn);
    line->driver->close(line->source);
}

void fresh_run(const struct fresh *fresh, const char *sql)
{
    struct line line = line_open(fresh);

    CHECK_OK(line.driver->run(line.conn, sql, NULL));
    line_close(&line);
}

/* In a transaction, as ever: some statements of a migration work in no other place. */
static void migrate(const struct line *line, const struct aa_migration *migration, int version)
{
    char sql[128];

    snprintf(sql, sizeof sql, "INSERT INTO schema_migrations (version) VALUES (%d)", version);
    CHECK_OK(line->driver->control(line->conn, AA_CONTROL_BEGIN_WRITE, NULL));
    for (const char *const *statement = migration->statements; *statement; statement++)
        CHECK_OK(line->driver->run(line->conn, *statement, NULL));
    CHECK_OK(line->driver->run(line->conn, sql, NULL));
    CHECK_OK(line->driver->control(line->conn, AA_CONTROL_COMMIT, NULL));
}

void fresh_make_old(struct fresh *fresh, int version)
{
    struct line line;

    fresh_make(fresh);
    line = line_open(fresh);
    for (int i = 0; i < version; i++)
        migrate(&line, &fresh->f.driver->migrations->list[i], i + 1);
    line_close(&line);
}

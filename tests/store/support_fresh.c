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

void fresh_run(const struct fresh *fresh, const char *sql)
{
    struct aa_db_options options = {.url = fresh->url};
    const struct aa_driver *driver = fresh->f.driver;
    struct aa_source *source = NULL;
    struct aa_conn *conn = NULL;

    CHECK_OK(driver->open(&options, &source, NULL));
    CHECK_OK(driver->connect(source, AA_CONN_WRITER, &conn, NULL));
    CHECK_OK(driver->run(conn, sql, NULL));
    driver->disconnect(conn);
    driver->close(source);
}

void fresh_make_old(struct fresh *fresh, int version)
{
    const struct aa_migration *list;
    char sql[128];

    fresh_make(fresh);
    list = fresh->f.driver->migrations->list;
    for (int i = 0; i < version; i++) {
        for (const char *const *statement = list[i].statements; *statement; statement++)
            fresh_run(fresh, *statement);
        snprintf(sql, sizeof sql, "INSERT INTO schema_migrations (version) VALUES (%d)", i + 1);
        fresh_run(fresh, sql);
    }
}

/* From an empty database to the present schema, and what is refused. */
#include <pthread.h>
#include <stdio.h>

#include "db/backup.h"
#include "support_fresh.h"

static enum aa_err open_and_close(const struct fresh *fresh, bool migrate, bool must_exist, struct aa_error *err)
{
    struct aa_db_options options = {.url = fresh->url, .migrate = migrate, .must_exist = must_exist};
    struct aa_db *db = NULL;
    enum aa_err rc = aa_db_open(&options, &db, err);

    if (!rc)
        aa_db_close(db);
    return rc;
}

TEST(schema, an_empty_database_is_brought_up_to_date_once)
{
    struct fresh fresh;

    fresh_make(&fresh);
    CHECK_OK(open_and_close(&fresh, true, false, NULL));
    CHECK_OK(open_and_close(&fresh, true, false, NULL));
    CHECK_OK(open_and_close(&fresh, false, true, NULL));
    fresh_clear(&fresh);
}

TEST(schema, where_nothing_may_be_made_nothing_is)
{
    struct fresh fresh;
    struct aa_error err = AA_ERROR_INIT;

    fresh_make(&fresh);
    CHECK_ERR(open_and_close(&fresh, true, true, &err), AA_ERR_NOT_FOUND);
    CHECK(err.message[0] != '\0');
    CHECK_ERR(open_and_close(&fresh, true, true, NULL), AA_ERR_NOT_FOUND);
    CHECK_OK(open_and_close(&fresh, true, false, NULL));
    CHECK_OK(open_and_close(&fresh, true, true, NULL));
    fresh_clear(&fresh);
}

TEST(schema, an_old_database_is_refused_where_it_may_not_be_migrated)
{
    struct fresh fresh;
    struct aa_error err = AA_ERROR_INIT;

    fresh_make(&fresh);
    CHECK_ERR(open_and_close(&fresh, false, false, &err), AA_ERR_STORE_VERSION);
    CHECK(strstr(err.message, "migrated") != NULL);
    CHECK_OK(open_and_close(&fresh, true, false, NULL));
    CHECK_OK(open_and_close(&fresh, false, false, NULL));
    fresh_clear(&fresh);
}

TEST(schema, a_database_of_a_newer_version_is_refused)
{
    struct fresh fresh;
    struct aa_error err = AA_ERROR_INIT;

    fresh_make(&fresh);
    CHECK_OK(open_and_close(&fresh, true, false, NULL));
    fresh_run(&fresh, "INSERT INTO schema_migrations (version) VALUES (1000)");
    CHECK_ERR(open_and_close(&fresh, true, false, &err), AA_ERR_STORE_VERSION);
    CHECK(strstr(err.message, "newer") != NULL);
    fresh_run(&fresh, "DELETE FROM schema_migrations WHERE version = 1000");
    CHECK_OK(open_and_close(&fresh, true, false, NULL));
    fresh_clear(&fresh);
}

TEST(schema, the_tables_of_another_program_are_left_alone)
{
    struct fresh fresh;
    struct aa_error err = AA_ERROR_INIT;

    fresh_make(&fresh);
    fresh_run(&fresh, "CREATE TABLE users (name TEXT)");
    CHECK_ERR(open_and_close(&fresh, true, false, &err), AA_ERR_STORE);
    CHECK(strstr(err.message, "another program") != NULL);
    fresh_run(&fresh, "INSERT INTO users (name) VALUES ('still as it was')");
    fresh_run(&fresh, "DROP TABLE users");
    CHECK_OK(open_and_close(&fresh, true, false, NULL));
    fresh_clear(&fresh);
}

/* Another program may keep its own list of migrations under that name. */
TEST(schema, a_list_of_migrations_alone_does_not_make_a_database_ours)
{
    struct fresh fresh;

    if (!store_is_remote())
        return; /* SQLite's whole file is ours or another's */
    fresh_make(&fresh);
    fresh_run(&fresh, "CREATE TABLE schema_migrations (version TEXT)");
    CHECK_ERR(open_and_close(&fresh, true, false, NULL), AA_ERR_STORE);
    fresh_clear(&fresh);
}

static void *open_fresh(void *arg)
{
    return open_and_close(arg, true, false, NULL) ? arg : NULL;
}

TEST(schema, many_who_open_an_empty_database_at_once_all_find_it_whole)
{
    struct aa_db_facts facts;
    struct fresh fresh;
    pthread_t threads[8];

    fresh_make(&fresh);
    for (int i = 0; i < 8; i++)
        CHECK_INT(pthread_create(&threads[i], NULL, open_fresh, &fresh), 0);
    for (int i = 0; i < 8; i++) {
        void *failed = NULL;

        pthread_join(threads[i], &failed);
        CHECK(failed == NULL);
    }
    CHECK_OK(aa_db_examine(fresh.url, false, &facts, NULL));
    CHECK_INT(facts.schema, facts.schema_known);
    CHECK(facts.schema > 0);
    fresh_clear(&fresh);
}

TEST(schema, a_database_can_be_looked_at_without_changing_it)
{
    struct aa_db_facts facts;
    struct fresh fresh;

    fresh_make(&fresh);
    if (store_is_remote()) { /* SQLite has no empty database: a file is made or there is none */
        CHECK_OK(aa_db_examine(fresh.url, true, &facts, NULL));
        CHECK_INT(facts.schema, 0);
    } else {
        CHECK_ERR(aa_db_examine(fresh.url, true, &facts, NULL), AA_ERR_NOT_FOUND);
    }
    CHECK_ERR(open_and_close(&fresh, true, true, NULL), AA_ERR_NOT_FOUND);
    CHECK_OK(open_and_close(&fresh, true, false, NULL));
    CHECK_OK(aa_db_examine(fresh.url, true, &facts, NULL));
    CHECK_TEXT(facts.engine, store_is_remote() ? "PostgreSQL" : "SQLite");
    if (!store_is_remote()) /* ours and schema_migrations, none of SQLite's own */
        CHECK_INT(facts.tables, (int64_t)aa_store_table_count() + 1);
    CHECK_INT(facts.schema, facts.schema_known);
    fresh_clear(&fresh);
}

TEST(schema, a_copy_is_postgresql_s_own_tools_to_make)
{
    struct aa_db_facts facts;
    struct fresh fresh;
    char path[128];
    struct aa_error err = AA_ERROR_INIT;

    fresh_make(&fresh);
    CHECK_OK(open_and_close(&fresh, true, false, NULL));
    snprintf(path, sizeof path, "%s/copy.db", fresh.f.folder);
    if (store_is_remote()) {
        CHECK_ERR(aa_db_backup(fresh.url, path, false, &facts, &err), AA_ERR_OPTION_INVALID);
        CHECK(strstr(err.message, "pg_dump") != NULL);
    } else {
        CHECK_OK(aa_db_backup(fresh.url, path, false, &facts, NULL));
    }
    fresh_clear(&fresh);
}

/* A fresh store for each test, on the engine under test: a SQLite file, or what AUTH_AGENT_TEST_DATABASE names. */
#ifndef AA_TESTS_SERVER_SUPPORT_STORE_H
#define AA_TESTS_SERVER_SUPPORT_STORE_H

#include "db/driver.h"
#include "store/store.h"
#include "support/test.h"

struct store_fixture {
    char folder[64]; /* removed at the end, with what is in it */
    char path[96];
    const char *url; /* the path, or AUTH_AGENT_TEST_DATABASE */
    struct aa_db *db;
    const struct aa_driver *driver;
    struct aa_source *source;
    struct aa_conn *conn; /* the test's own: in a write transaction on SQLite, which would wait for it otherwise; on
                             PostgreSQL each statement stands alone, so that a test may go on after a refused one */
};

void store_open(struct store_fixture *f);
void store_close(struct store_fixture *f);
/* True when the engine under test is PostgreSQL. */
bool store_is_remote(void);
/* Empties every table of what AUTH_AGENT_TEST_DATABASE names, where the schema is already. */
void store_empty(void);
/* The options to open f's database with; change what the test is about. */
struct aa_db_options store_options(const struct store_fixture *f);
/* Makes an empty folder / removes it with its files. */
void folder_make(char *out, size_t size);
void folder_remove(const char *folder);

/* TEST with the fixture's own connection as `c`. */
#define STORE_TEST(group, sentence)                                                                                    \
    static void body_##sentence(struct aa_conn *c);                                                                    \
    TEST(group, sentence)                                                                                              \
    {                                                                                                                  \
        struct store_fixture fixture;                                                                                  \
                                                                                                                       \
        store_open(&fixture);                                                                                          \
        body_##sentence(fixture.conn);                                                                                 \
        store_close(&fixture);                                                                                         \
    }                                                                                                                  \
    static void body_##sentence(struct aa_conn *c)

/* Rows others refer to. */
struct aa_user sample_user(const char *user_id, const char *email);
struct aa_server sample_server(const char *server_id, const char *url);
struct aa_client sample_client(const char *client_id);
struct aa_grant sample_grant(const char *grant_id); /* of usr_1, cl_1, srv_1 */
struct aa_code sample_code(struct aa_view key);     /* of gr_1 */
struct aa_access_token sample_access(struct aa_view key);
struct aa_refresh_token sample_refresh(struct aa_view key);
/* usr_1 (ann@example.com), srv_1 (https://one.example/mcp), cl_1 and gr_1. */
enum aa_err store_people(struct aa_conn *c, void *ctx, struct aa_error *err);

/* 36 bytes: the bucket, then `letter` 32 times. */
struct aa_view key_of(uint32_t bucket, char letter);

/* Counts the rows a list operation gives, and keeps the ids of the first few (first text member of each record). */
struct rows {
    size_t count;
    char first[8][64];
};
enum aa_err rows_note(void *ctx, const void *record, struct aa_error *err);

#endif

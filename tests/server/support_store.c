#include "support_store.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

void folder_make(char *out, size_t size)
{
    const char *base = getenv("TMPDIR");

    snprintf(out, size, "%s/aa-store-XXXXXX", base && strlen(base) < 32 ? base : "/tmp");
    CHECK(mkdtemp(out) != NULL);
}

void folder_remove(const char *folder)
{
    DIR *entries = opendir(folder);
    struct dirent *entry;
    char path[512];

    if (!entries)
        return;
    while ((entry = readdir(entries)) != NULL) {
        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        if (unlink(path)) {
            folder_remove(path);
        }
    }
    closedir(entries);
    rmdir(folder);
}

/* AUTH_AGENT_TEST_RERUN: every write closure of the program runs twice, the first time in vain. Whatever adds to what
 * the first run left, instead of setting it, shows in the tests of the rules (or leaks). */
__attribute__((constructor)) static void rerun_if_told(void)
{
    aa_db_rerun_writes(getenv("AUTH_AGENT_TEST_RERUN") != NULL);
}

bool store_is_remote(void)
{
    const char *given = getenv("AUTH_AGENT_TEST_DATABASE");

    return given && aa_db_is_remote_url(given);
}

struct aa_db_options store_options(const struct store_fixture *f)
{
    return (struct aa_db_options){.url = f->url, .migrate = true};
}

/* Children before their parents. */
static const char empty_all[] =
    "DELETE FROM client_assertions; DELETE FROM audit; DELETE FROM audit_chains; DELETE FROM lockouts; DELETE FROM "
    "settings; DELETE FROM signing_keys; "
    "DELETE FROM refresh_tokens; DELETE FROM access_tokens; DELETE FROM codes; "
    "DELETE FROM consents; DELETE FROM grants; DELETE FROM auth_requests; "
    "DELETE FROM clients; DELETE FROM server_keys; DELETE FROM servers; "
    "DELETE FROM sessions; DELETE FROM users";

void store_empty(void)
{
    struct aa_db_options options = {.url = getenv("AUTH_AGENT_TEST_DATABASE")};
    const struct aa_driver *driver = aa_driver_of(options.url);
    struct aa_source *source = NULL;
    struct aa_conn *conn = NULL;

    CHECK_OK(driver->open(&options, &source, NULL));
    CHECK_OK(driver->connect(source, AA_CONN_WRITER, &conn, NULL));
    CHECK_OK(driver->run(conn, empty_all, NULL));
    driver->disconnect(conn);
    driver->close(source);
}

void store_open(struct store_fixture *f)
{
    const char *given = getenv("AUTH_AGENT_TEST_DATABASE");
    struct aa_db_options options;
    struct aa_error err = AA_ERROR_INIT;

    memset(f, 0, sizeof *f);
    folder_make(f->folder, sizeof f->folder);
    snprintf(f->path, sizeof f->path, "%s/test.db", f->folder);
    f->url = given ? given : f->path;
    f->driver = store_is_remote() ? &aa_postgres_driver : &aa_sqlite_driver;
    options = store_options(f);
    if (aa_db_open(&options, &f->db, &err))
        fail_msg("the store cannot be opened: %s", err.message);
    CHECK_OK(f->driver->open(&options, &f->source, NULL));
    CHECK_OK(f->driver->connect(f->source, AA_CONN_WRITER, &f->conn, NULL));
    if (store_is_remote())
        store_empty();
    else
        CHECK_OK(f->driver->control(f->conn, AA_CONTROL_BEGIN_WRITE, NULL));
}

void store_close(struct store_fixture *f)
{
    if (f->conn) {
        if (!store_is_remote())
            CHECK_OK(f->driver->control(f->conn, AA_CONTROL_COMMIT, NULL));
        f->driver->disconnect(f->conn);
    }
    f->driver->close(f->source);
    aa_db_close(f->db);
    folder_remove(f->folder);
}

struct aa_user sample_user(const char *user_id, const char *email)
{
    return (struct aa_user){.user_id = VIEW(user_id),
                            .email = VIEW(email),
                            .name = VIEW("Ann Example"),
                            .password_phc = VIEW("$argon2id$v=19$m=1,t=1,p=1$c2FsdA$aGFzaA"),
                            .created_ms = 1000};
}

struct aa_server sample_server(const char *server_id, const char *url)
{
    return (struct aa_server){.server_id = VIEW(server_id),
                              .server_url = VIEW(url),
                              .resource_normal = VIEW(url),
                              .server_name = VIEW("Files"),
                              .scopes = VIEW("files:read files:write"),
                              .created_ms = 1000,
                              .updated_ms = 1000};
}

struct aa_client sample_client(const char *client_id)
{
    return (struct aa_client){.client_id = VIEW(client_id),
                              .client_name = VIEW("Client"),
                              .redirect_uris = VIEW("[\"http://localhost/callback\"]"),
                              .grant_types = VIEW("authorization_code refresh_token"),
                              .source = VIEW("dcr"),
                              .created_ms = 1000,
                              .expires_ms = 5000};
}

struct aa_grant sample_grant(const char *grant_id)
{
    return (struct aa_grant){.grant_id = VIEW(grant_id),
                             .user_id = VIEW("usr_1"),
                             .client_id = VIEW("cl_1"),
                             .server_id = VIEW("srv_1"),
                             .scope = VIEW("files:read"),
                             .created_ms = 1000};
}

struct aa_code sample_code(struct aa_view key)
{
    return (struct aa_code){.code_key = key,
                            .grant_id = VIEW("gr_1"),
                            .client_id = VIEW("cl_1"),
                            .redirect_uri = VIEW("http://localhost/callback"),
                            .code_challenge = VIEW("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"),
                            .scope = VIEW("files:read"),
                            .server_id = VIEW("srv_1"),
                            .user_id = VIEW("usr_1"),
                            .redirect_uri_sent = true,
                            .created_ms = 1000,
                            .expires_ms = 61000};
}

struct aa_access_token sample_access(struct aa_view key)
{
    return (struct aa_access_token){.token_key = key,
                                    .jti = VIEW("jti-1"),
                                    .grant_id = VIEW("gr_1"),
                                    .scope = VIEW("files:read"),
                                    .audience = VIEW("https://one.example/mcp"),
                                    .issued_ms = 1000,
                                    .expires_ms = 3601000};
}

struct aa_refresh_token sample_refresh(struct aa_view key)
{
    return (struct aa_refresh_token){.token_key = key,
                                     .grant_id = VIEW("gr_1"),
                                     .client_id = VIEW("cl_1"),
                                     .user_id = VIEW("usr_1"),
                                     .server_id = VIEW("srv_1"),
                                     .scope = VIEW("files:read"),
                                     .issued_ms = 1000,
                                     .expires_ms = 9000000};
}

enum aa_err store_people(struct aa_conn *c, void *ctx, struct aa_error *err)
{
    struct aa_user user = sample_user("usr_1", "ann@example.com");
    struct aa_server server = sample_server("srv_1", "https://one.example/mcp");
    struct aa_client client = sample_client("cl_1");
    struct aa_grant grant = sample_grant("gr_1");
    enum aa_err rc;

    (void)ctx;
    rc = aa_user_create(c, &user, err);
    if (!rc)
        rc = aa_server_create(c, &server, err);
    if (!rc)
        rc = aa_client_create(c, &client, err);
    return rc ? rc : aa_grant_create(c, &grant, err);
}

struct aa_view key_of(uint32_t bucket, char letter)
{
    static char keys[16][AA_DIGEST_KEY_LEN]; /* enough for one test's expressions */
    static unsigned next;
    char *key = keys[next++ % 16];

    for (int i = 0; i < 4; i++)
        key[i] = (char)(bucket >> (24 - 8 * i));
    memset(key + 4, letter, AA_DIGEST_KEY_LEN - 4);
    return aa_view_make(key, AA_DIGEST_KEY_LEN);
}

/* Every record begins with its memory, then its id. */
struct any_record {
    char *memory;
    struct aa_view id;
};

enum aa_err rows_note(void *ctx, const void *record, struct aa_error *err)
{
    struct rows *rows = ctx;
    const struct any_record *any = record;

    (void)err;
    if (rows->count < 8)
        snprintf(rows->first[rows->count], sizeof rows->first[0], "%.*s", AA_VIEW_ARGS(any->id));
    rows->count++;
    return AA_OK;
}

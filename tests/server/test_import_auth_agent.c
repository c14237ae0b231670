/* import auth-agent: the tables of the older service, in both of its schemas, as JSON and as CSV. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "crypto/crypto.h"
#include "main/old_tables.h"
#include "support_shell.h"

#define SECRET "an-older-secret"

/* ---- what columns hold ---- */

static struct aa_json *row_of(const char *json)
{
    struct aa_json *row = NULL;

    CHECK_OK(aa_json_parse(VIEW(json), 65536, &row, NULL));
    return row;
}

static bool join(void *ctx, struct aa_view member)
{
    char *out = ctx;
    size_t len = strlen(out);

    snprintf(out + len, 256 - len, "<%.*s>", AA_VIEW_ARGS(member));
    return true;
}

static void check_list(const char *json, const char *wanted)
{
    struct aa_json *row = row_of(json);
    char joined[256] = "";

    if (!aa_old_list(row, "c", join, joined))
        snprintf(joined, sizeof joined, "unreadable");
    aa_json_free(row);
    CHECK_TEXT(joined, wanted);
}

TEST(old_tables, lists_come_in_many_forms)
{
    check_list("{\"c\": [\"a\", \"b c\"]}", "<a><b c>");
    check_list("{\"c\": \"[\\\"a\\\", \\\"b c\\\"]\"}", "<a><b c>");
    check_list("{\"c\": \"{a,\\\"b c\\\"}\"}", "<a><b c>");
    check_list("{\"c\": \"{\\\"a\\\\\\\"b\\\",c}\"}", "<a\"b><c>");
    check_list("{\"c\": \"a b,c\"}", "<a><b><c>");
    check_list("{\"c\": \"a\"}", "<a>");
    check_list("{\"c\": []}", "");
    check_list("{\"c\": \"{}\"}", "");
    check_list("{\"c\": \"\"}", "");
}

TEST(old_tables, what_is_no_list_is_told)
{
    check_list("{\"c\": 7}", "unreadable");
    check_list("{\"c\": null}", "unreadable");
    check_list("{}", "unreadable");
    check_list("{\"c\": [1]}", "unreadable");
    check_list("{\"c\": \"[a\"}", "unreadable");
    check_list("{\"c\": \"{a\"}", "unreadable");
    check_list("{\"c\": \"{\\\"a}\"}", "unreadable");
}

static void check_time(const char *text, int64_t wanted)
{
    struct aa_json *row;
    char json[128];
    int64_t time_ms = -1;

    snprintf(json, sizeof json, "{\"c\": %s}", text);
    row = row_of(json);
    CHECK_INT(aa_old_time(row, "c", &time_ms) ? time_ms : -1, wanted);
    aa_json_free(row);
}

TEST(old_tables, times_are_read_as_postgresql_and_json_write_them)
{
    check_time("\"2025-03-01T10:00:00Z\"", INT64_C(1740823200000));
    check_time("\"2025-03-01 10:00:00+00\"", INT64_C(1740823200000));
    check_time("\"2025-03-01T10:00:00\"", INT64_C(1740823200000));
    check_time("\"2025-03-01T10:00:00.5+00:00\"", INT64_C(1740823200500));
    check_time("\"2025-03-01 10:00:00.123456+00\"", INT64_C(1740823200123));
    check_time("\"2025-03-01T12:00:00+02:00\"", INT64_C(1740823200000));
    check_time("\"2025-03-01T04:30:00-0530\"", INT64_C(1740823200000));
    check_time("null", 0);
    check_time("\"yesterday\"", -1);
    check_time("\"2025-13-01T10:00:00Z\"", -1);
    check_time("\"2025-03-01T10:00:00+2x\"", -1);
    check_time("1740823200", -1);
}

TEST(old_tables, a_time_is_written_in_digits_and_is_a_day_there_was)
{
    check_time("\"2024-02-29T10:00:00Z\"", INT64_C(1709200800000));
    check_time("\"2025-02-29T10:00:00Z\"", -1);
    check_time("\"2025-00-10T10:00:00Z\"", -1);
    check_time("\"2025-03-01T-5:00:00Z\"", -1);
    check_time("\"2025-03-01T10: 5:+3Z\"", -1);
    check_time("\"2025-03-01T10:00:00+-1\"", -1);
    check_time("\"2025-03-01T10:00:00+01:0\"", -1);
    check_time("\"9999-12-31T23:59:59Z\"", INT64_C(253402300799000));
    check_time("\"9999-12-31T23:59:59-01\"", -1);
}

/* It came out as 0, which is no time at all: a key that ended then did not end. */
TEST(old_tables, the_beginning_of_1970_is_long_ago_and_not_never)
{
    check_time("\"1970-01-01T00:00:00Z\"", 1);
    check_time("\"1970-01-01T00:00:00+01:00\"", 1);
    check_time("\"0001-01-01T00:00:00Z\"", 1);
    check_time("\"1970-01-01T00:00:01Z\"", 1000);
}

static void check_csv(const char *csv, const char *wanted)
{
    struct aa_error err = AA_ERROR_INIT;
    struct aa_buf out;

    aa_buf_init(&out, 4096);
    if (aa_csv_add_json(VIEW(csv), &out, &err))
        CHECK_TEXT(err.message, wanted);
    else
        CHECK_VIEW(aa_buf_view(&out), wanted);
    aa_buf_clear(&out);
}

TEST(old_tables, csv_is_read_as_rfc_4180_has_it)
{
    check_csv("a,b\n1,2\n", "[{\"a\":\"1\",\"b\":\"2\"}]");
    check_csv("a,b\r\n1,2\r\n3,4", "[{\"a\":\"1\",\"b\":\"2\"},{\"a\":\"3\",\"b\":\"4\"}]");
    check_csv("a,b\n\"x, \"\"y\"\"\nz\",\"\"\n", "[{\"a\":\"x, \\\"y\\\"\\nz\",\"b\":\"\"}]");
    check_csv("a,b\n,x\n", "[{\"a\":null,\"b\":\"x\"}]");
    check_csv("a\n", "[]");
    check_csv("a,b\n1\n", "line 2: the row has fewer fields than the heading");
    check_csv("a\n1,2\n", "line 2: the row has more fields than the heading");
    check_csv("a\n\"1\n", "line 2: a quote is not closed");
    check_csv("a\n\"1\"2\n", "line 2: a comma is missing behind a quote");
    check_csv("a,,b\n", "line 1: the heading has too many columns, or one without a name");
}

/* ---- the command ---- */

static void write_file(const struct shell *s, const char *name, const char *text)
{
    char path[128];
    FILE *file;

    snprintf(path, sizeof path, "%s/%s", s->folder, name);
    file = fopen(path, "w");
    CHECK(file != NULL);
    fputs(text, file);
    CHECK_INT(fclose(file), 0);
}

/* The form that is known: hexadecimal salt, colon, hexadecimal PBKDF2-HMAC-SHA-256 of 100,000 rounds. */
static void hash_of(const char *secret, char out[128])
{
    static const uint8_t salt[16] = {0xab, 1, 2, 3};
    uint8_t hash[32];

    CHECK_OK(aa_crypto_init(NULL));
    CHECK_OK(aa_pbkdf2_sha256(VIEW(secret), aa_view_make(salt, sizeof salt), 100000, hash, sizeof hash));
    for (size_t i = 0; i < sizeof salt; i++)
        out += sprintf(out, "%02x", salt[i]);
    *out++ = ':';
    for (size_t i = 0; i < sizeof hash; i++)
        out += sprintf(out, "%02x", hash[i]);
}

#define SERVERS                                                                                                        \
    "\"mcp_servers\": [{\"id\": \"1\", \"server_id\": \"old_server-1\", \"server_url\": \"https://a.example/mcp\","    \
    " \"server_name\": \"Files\", \"description\": null, \"scopes\": [\"files:read\", \"files:write\"],"               \
    " \"user_id\": \"0b5c\", \"created_at\": \"2025-03-01T10:00:00+00:00\"}]"
#define CLIENTS                                                                                                        \
    "\"clients\": [{\"client_id\": \"client_claude_code\", \"client_secret_hash\": \"public_client\","                 \
    " \"client_name\": \"Claude Code\", \"allowed_redirect_uris\": [\"http://localhost:3000/callback\","               \
    " \"http://127.0.0.1:3000/callback\"]}, {\"client_id\": \"client_web\", \"client_secret_hash\":"                   \
    " \"public_client\", \"client_name\": \"Web\", \"allowed_redirect_uris\": [\"https://web.example/cb\"]}]"

static void open_set_up(struct shell *s)
{
    shell_open(s);
    shell_succeeds(s, "init");
}

/* "servers  1  0  2": what was taken, was there already, was left out. */
static void check_counts(const struct shell *s, const char *what, int taken, int there, int left_out)
{
    const char *line = strstr(s->out, what);
    int found[3] = {-1, -1, -1};

    CHECK(line != NULL);
    CHECK_INT(sscanf(line + strlen(what), "%d %d %d", &found[0], &found[1], &found[2]), 3);
    if (found[0] != taken || found[1] != there || found[2] != left_out)
        fail_msg("%s: %d %d %d in\n%s", what, found[0], found[1], found[2], s->out);
}

TEST(import_auth_agent, takes_servers_and_clients_under_their_own_ids)
{
    struct shell s;

    open_set_up(&s);
    write_file(&s, "dump.json", "{" SERVERS ", " CLIENTS ", \"tokens\": [{\"token_id\": \"t\"}]}");
    shell_succeeds(&s, "import auth-agent dump.json");
    check_counts(&s, "servers", 1, 0, 0);
    check_counts(&s, "clients", 2, 0, 0);
    CHECK(strstr(s.out, "Codes and tokens are not taken over") != NULL);
    shell_succeeds(&s, "server show old_server-1 --json");
    CHECK(strstr(s.out, "https://a.example/mcp") && strstr(s.out, "[\"files:read\", \"files:write\"]"));
    CHECK(strstr(s.out, "2025-03-01T10:00:00Z") != NULL);
    shell_succeeds(&s, "client list --json");
    CHECK(strstr(s.out, "client_claude_code") && strstr(s.out, "http://127.0.0.1:3000/callback"));
    shell_succeeds(&s, "import auth-agent dump.json"); /* again: nothing happens */
    check_counts(&s, "servers", 0, 1, 0);
    check_counts(&s, "clients", 0, 2, 0);
    shell_close(&s);
}

TEST(import_auth_agent, the_stand_alone_schema_names_its_redirect_uris_otherwise)
{
    struct shell s;

    open_set_up(&s);
    write_file(&s, "dump.json",
               "{\"clients\": [{\"client_id\": \"c1\", \"client_secret_hash\": \"public_client\", \"client_name\": "
               "\"One\", \"redirect_uris\": \"{https://one.example/cb}\"}]}");
    shell_succeeds(&s, "import auth-agent dump.json");
    check_counts(&s, "clients", 1, 0, 0);
    shell_succeeds(&s, "client list --json");
    CHECK(strstr(s.out, "https://one.example/cb") != NULL);
    shell_close(&s);
}

TEST(import_auth_agent, csv_files_show_by_their_columns_what_they_are)
{
    char hash[128], keys[512];
    struct shell s;

    open_set_up(&s);
    hash_of(SECRET, hash);
    write_file(&s, "one.csv",
               "id,server_id,server_url,server_name,description,scopes,logo_url,user_id,created_at,updated_at\n"
               "1,old_server-1,https://a.example/mcp,\"Files, mine\",,\"{files:read,files:write}\",,0b5c,"
               "2025-03-01 10:00:00+00,2025-03-01 10:00:00+00\n");
    snprintf(keys, sizeof keys,
             "id,key_id,key_hash,server_id,name,last_used_at,created_at,expires_at\n"
             "1,key_1,%s,old_server-1,Production,,2025-03-01 10:00:00+00,\n",
             hash);
    write_file(&s, "two.csv", keys);
    write_file(&s, "three.csv",
               "client_id,client_secret_hash,client_name,allowed_redirect_uris\n"
               "client_web,public_client,Web,\"[\"\"https://web.example/cb\"\"]\"\n");
    write_file(&s, "four.csv",
               "id,user_email,server_id,client_id,granted_scopes,last_used_at,created_at,revoked_at\n"
               "1,ann@example.com,old_server-1,client_web,files:read,,2025-03-01 10:00:00+00,\n");
    shell_succeeds(&s, "import auth-agent four.csv three.csv two.csv one.csv");
    check_counts(&s, "servers", 1, 0, 0);
    check_counts(&s, "keys", 1, 0, 0);
    check_counts(&s, "clients", 1, 0, 0);
    check_counts(&s, "people", 1, 0, 0);
    check_counts(&s, "approvals", 1, 0, 0);
    shell_succeeds(&s, "server list");
    CHECK(strstr(s.out, "Files, mine") != NULL);
    shell_close(&s);
}

TEST(import_auth_agent, what_cannot_be_is_left_out_and_said)
{
    struct shell s;

    open_set_up(&s);
    write_file(&s, "dump.json",
               "{\"mcp_servers\": ["
               "{\"server_id\": \"plain\", \"server_url\": \"http://a.example/mcp\", \"server_name\": \"A\","
               " \"scopes\": []},"
               "{\"server_id\": \"with space\", \"server_url\": \"https://b.example/mcp\", \"server_name\": \"B\","
               " \"scopes\": []},"
               "{\"server_id\": \"numbers\", \"server_url\": \"https://c.example/mcp\", \"server_name\": \"C\","
               " \"scopes\": [1]},"
               "{\"server_url\": \"https://d.example/mcp\", \"server_name\": \"D\", \"scopes\": []}],"
               "\"mcp_server_keys\": ["
               "{\"key_id\": \"k1\", \"server_id\": \"nowhere\", \"name\": \"x\", \"key_hash\": "
               "\"000102030405060708090a0b0c0d0e0f:"
               "000102030405060708090a0b0c0d0e0f000102030405060708090a0b0c0d0e0f\"},"
               "{\"key_id\": \"k2\", \"server_id\": \"nowhere\", \"name\": \"x\", \"key_hash\": \"bcrypt\"},"
               "{\"key_id\": \"k3\", \"server_id\": \"nowhere\", \"name\": \"x\", \"expires_at\": "
               "\"2020-01-01T00:00:00Z\", \"key_hash\": "
               "\"000102030405060708090a0b0c0d0e0f:"
               "000102030405060708090a0b0c0d0e0f000102030405060708090a0b0c0d0e0f\"}],"
               "\"clients\": ["
               "{\"client_id\": \"c1\", \"client_secret_hash\": \"f00\", \"client_name\": \"S\","
               " \"allowed_redirect_uris\": [\"https://a.example/cb\"]},"
               "{\"client_id\": \"c2\", \"client_secret_hash\": \"public_client\", \"client_name\": \"J\","
               " \"allowed_redirect_uris\": [\"javascript:alert(1)\"]},"
               "{\"client_id\": \"c3\", \"client_secret_hash\": \"public_client\", \"client_name\": \"N\","
               " \"allowed_redirect_uris\": []}],"
               "\"user_authorizations\": ["
               "{\"user_email\": \"nobody\", \"server_id\": \"s\", \"client_id\": \"c\", \"granted_scopes\": \"a\"}]}");
    shell_succeeds(&s, "import auth-agent dump.json");
    check_counts(&s, "servers", 0, 0, 4);
    check_counts(&s, "keys", 0, 0, 3);
    check_counts(&s, "clients", 0, 0, 3);
    check_counts(&s, "people", 0, 0, 1);
    check_counts(&s, "approvals", 0, 0, 1);
    CHECK(strstr(s.out, "server \"plain\": server_url: ") != NULL);
    CHECK(strstr(s.out, "server \"with space\": server_id must be") != NULL);
    CHECK(strstr(s.out, "server \"numbers\": its scopes cannot be read") != NULL);
    CHECK(strstr(s.out, "key \"k1\": its server is not here") != NULL);
    CHECK(strstr(s.out, "key \"k2\": its hash is not of the form that is known") != NULL);
    CHECK(strstr(s.out, "key \"k3\": it has expired") != NULL);
    CHECK(strstr(s.out, "client \"c1\": it has a secret") != NULL);
    CHECK(strstr(s.out, "client \"c2\": its redirect URIs: ") != NULL);
    CHECK(strstr(s.out, "client \"c3\": it has no redirect URI") != NULL);
    CHECK(strstr(s.out, "person \"nobody\": the e-mail address is not usable") != NULL);
    shell_close(&s);
}

static void check_approvals(struct shell *s, const char *rows, int taken, int there, int left_out)
{
    char dump[2048];

    snprintf(dump, sizeof dump, "{\"user_authorizations\": [%s]}", rows);
    write_file(s, "approvals.json", dump);
    shell_succeeds(s, "import auth-agent approvals.json");
    check_counts(s, "approvals", taken, there, left_out);
}

#define APPROVAL(client, scopes, rest)                                                                                 \
    "{\"user_email\": \"ann@example.com\", \"server_id\": \"old_server-1\", \"client_id\": \"" client                  \
    "\", \"granted_scopes\": \"" scopes "\"" rest "}"

TEST(import_auth_agent, approvals_are_remembered_where_a_domain_proves_who_asks)
{
    static char document[65536];
    struct shell s;
    char *consents;

    open_set_up(&s);
    write_file(&s, "dump.json", "{" SERVERS ", " CLIENTS "}");
    shell_succeeds(&s, "import auth-agent dump.json");
    check_approvals(&s, APPROVAL("client_web", "files:read unknown:scope", ""), 1, 0, 0);
    check_approvals(&s, APPROVAL("client_web", "files:read", ""), 0, 1, 0);
    check_approvals(&s, APPROVAL("client_claude_code", "files:read", ""), 0, 0, 0);
    CHECK(strstr(s.out, "1 approvals were of programs on people's computers") != NULL);
    check_approvals(&s, APPROVAL("client_web", "unknown:scope", ""), 0, 0, 1);
    check_approvals(&s, APPROVAL("client_gone", "files:read", ""), 0, 0, 1);
    check_approvals(&s, APPROVAL("client_web", "files:read", ", \"revoked_at\": \"2025-03-02T00:00:00Z\""), 0, 0, 1);
    shell_succeeds(&s, "export -");
    snprintf(document, sizeof document, "%s", s.out);
    consents = strstr(document, "{\"table\":\"consents\"");
    CHECK(consents != NULL);
    CHECK(strstr(consents, "\"client_web\",\"old_server-1\",\"files:read\",\"https://web.example/cb\"") != NULL);
    CHECK(strstr(document, "\"consents\":1,") != NULL);
    shell_close(&s);
}

TEST(import_auth_agent, people_it_makes_log_in_once_they_have_a_password)
{
    struct shell s;

    open_set_up(&s);
    write_file(&s, "dump.json", "{" SERVERS ", " CLIENTS "}");
    shell_succeeds(&s, "import auth-agent dump.json");
    check_approvals(&s, APPROVAL("client_web", "files:read", ""), 1, 0, 0);
    CHECK(strstr(s.out, "no password yet") != NULL);
    check_counts(&s, "people", 1, 0, 0);
    CHECK_INT(shell_run_with(&s, "correct horse battery\n", "user passwd ann@example.com"), 0);
    check_approvals(&s, APPROVAL("client_web", "files:read", ""), 0, 1, 0);
    check_counts(&s, "people", 0, 0, 0);
    shell_close(&s);
}

TEST(import_auth_agent, what_is_no_dump_is_told)
{
    struct shell s;

    open_set_up(&s);
    shell_fails(&s, "import auth-agent nothing.json", 1, "nothing.json cannot be read");
    write_file(&s, "dump.json", "{\"a\": 1}");
    shell_fails(&s, "import auth-agent dump.json", 1, "none of the tables");
    write_file(&s, "dump.json", "{\"clients\": 7}");
    shell_fails(&s, "import auth-agent dump.json", 1, "clients is no array of rows");
    write_file(&s, "dump.json", "{\"clients\": [7]}");
    shell_fails(&s, "import auth-agent dump.json", 1, "row 1 is no object");
    write_file(&s, "dump.json", "[{\"a\": 1}]");
    shell_fails(&s, "import auth-agent dump.json", 1, "its columns are those of none of");
    write_file(&s, "dump.json", "{\"clients\": [");
    shell_fails(&s, "import auth-agent dump.json", 1, "dump.json: ");
    write_file(&s, "dump.json", "{" SERVERS "}");
    shell_fails(&s, "import auth-agent dump.json dump.json", 1, "mcp_servers is there twice");
    shell_succeeds(&s, "server list --json");
    CHECK_TEXT(s.out, "[]\n");
    shell_close(&s);
}

/* The server that used the key before goes on with it, at once: the process that runs notices. */
TEST(import_auth_agent, an_imported_key_works_at_a_running_server)
{
    char hash[128], dump[2048], basic[128] = "Authorization: Basic ";
    struct shell s;
    struct shell_server server;
    int status = 0;

    open_set_up(&s);
    hash_of(SECRET, hash);
    snprintf(dump, sizeof dump,
             "{" SERVERS ", \"mcp_server_keys\": [{\"key_id\": \"key_1\", \"key_hash\": \"%s\","
             " \"server_id\": \"old_server-1\", \"name\": \"Production\"}]}",
             hash);
    write_file(&s, "dump.json", dump);
    shell_serve(&s, &server);
    shell_succeeds(&s, "import auth-agent dump.json");
    CHECK(strstr(s.out, "together with their server's id") != NULL);
    strcat(basic, "b2xkX3NlcnZlci0xOmFuLW9sZGVyLXNlY3JldA==\r\n"); /* old_server-1:an-older-secret */
    strcat(basic, "Content-Type: application/x-www-form-urlencoded\r\n");
    for (int waited = 0; waited < 300 && status != 200; waited++) {
        status = shell_http(&s, &server, "POST", "/introspect", basic, "token=x");
        if (status != 200)
            usleep(100000);
    }
    CHECK_INT(status, 200);
    CHECK_TEXT(s.out, "{\"active\":false}");
    basic[strlen("Authorization: Basic b2xkX3NlcnZlci0xOmFuLW9sZGVyLXNlY3Jld")] = 'B'; /* another secret */
    CHECK_INT(shell_http(&s, &server, "POST", "/introspect", basic, "token=x"), 401);
    CHECK_INT(shell_stop(&server, SIGTERM), 0);
    shell_close(&s);
}

/* The whole server as a process, over real sockets. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/json.h"
#include "support_shell.h"

#define METADATA "/.well-known/oauth-authorization-server"
#define REGISTRATION                                                                                                   \
    "{\"server_url\":\"https://your-mcp-server.com\",\"server_name\":\"My File Server\","                              \
    "\"scopes\":[\"files:read\",\"files:write\"]}"

TEST(serve, it_answers_once_it_says_it_is_ready_and_stops_when_told)
{
    static const int signals[] = {SIGTERM, SIGINT};
    struct shell s;
    struct shell_server server;
    char issuer[64];

    shell_open(&s);
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
        shell_serve(&s, &server);
        CHECK_INT(shell_http(&s, &server, "GET", METADATA, "", ""), 200);
        snprintf(issuer, sizeof issuer, "\"issuer\":\"http://127.0.0.1:%d\"", server.port);
        CHECK(strstr(s.out, issuer) != NULL);
        CHECK_INT(shell_stop(&server, signals[i]), 0);
    }
    shell_close(&s);
}

struct registered {
    char bearer[256]; /* the administrator's header line */
    char server_id[64], key_id[64], key_secret[128];
};

static void register_over_http(struct shell *s, const struct shell_server *server, struct registered *r)
{
    char token[128], path[128];

    shell_succeeds(s, "init --new-admin-token --json");
    shell_member(s, "admin_token", token, sizeof token);
    snprintf(r->bearer, sizeof r->bearer, "Authorization: Bearer %s\r\n", token);
    CHECK_INT(shell_http(s, server, "POST", "/api/servers", "", REGISTRATION), 401);
    CHECK_INT(shell_http(s, server, "POST", "/api/servers", r->bearer, REGISTRATION), 201);
    shell_member(s, "server_id", r->server_id, sizeof r->server_id);
    snprintf(path, sizeof path, "/api/servers/%s/keys", r->server_id);
    CHECK_INT(shell_http(s, server, "POST", path, r->bearer, "{\"name\":\"Production Key\"}"), 201);
    shell_member(s, "key_id", r->key_id, sizeof r->key_id);
    shell_member(s, "key_secret", r->key_secret, sizeof r->key_secret);
}

static int show_with_key(struct shell *s, const struct shell_server *server, const struct registered *r)
{
    char path[128], header[256];

    snprintf(path, sizeof path, "/api/servers/%s", r->server_id);
    snprintf(header, sizeof header, "Authorization: Bearer %s\r\n", r->key_secret);
    return shell_http(s, server, "GET", path, header, "");
}

TEST(serve, a_server_is_registered_over_http_and_is_still_there_after_a_restart)
{
    struct shell s;
    struct shell_server server;
    struct registered r;

    shell_open(&s);
    shell_serve(&s, &server);
    register_over_http(&s, &server, &r);
    CHECK_INT(show_with_key(&s, &server, &r), 200);
    CHECK_INT(shell_stop(&server, SIGTERM), 0);
    shell_serve(&s, &server);
    CHECK_INT(show_with_key(&s, &server, &r), 200);
    CHECK(strstr(s.out, "https://your-mcp-server.com") != NULL);
    CHECK_INT(shell_stop(&server, SIGTERM), 0);
    shell_close(&s);
}

/* The command line talks to the store, past the server and its cache. */
TEST(serve, a_key_revoked_on_the_command_line_is_dead_within_two_seconds)
{
    struct shell s;
    struct shell_server server;
    struct registered r;
    char line[128];

    shell_open(&s);
    shell_serve(&s, &server);
    register_over_http(&s, &server, &r);
    CHECK_INT(show_with_key(&s, &server, &r), 200);
    snprintf(line, sizeof line, "key revoke %s", r.key_id);
    shell_succeeds(&s, line);
    usleep(1200000);
    CHECK_INT(show_with_key(&s, &server, &r), 401);
    CHECK_INT(shell_stop(&server, SIGTERM), 0);
    shell_close(&s);
}

TEST(serve, the_command_line_works_while_it_runs)
{
    struct shell s;
    struct shell_server server;

    shell_open(&s);
    shell_serve(&s, &server);
    CHECK_INT(shell_run_with(&s, "correct horse battery\n", "user add ann@example.com"), 0);
    shell_succeeds(&s, "user list");
    CHECK(strstr(s.out, "ann@example.com") != NULL);
    shell_succeeds(&s, "server add http://localhost:8001/mcp --json");
    CHECK_INT(shell_http(&s, &server, "GET", METADATA, "", ""), 200);
    CHECK_INT(shell_stop(&server, SIGTERM), 0);
    shell_close(&s);
}

TEST(serve, a_port_that_is_taken_is_told)
{
    struct shell s;
    struct shell_server server;
    char line[128];

    shell_open(&s);
    shell_serve(&s, &server);
    snprintf(line, sizeof line, "serve --port %d", server.port);
    CHECK_INT(shell_run(&s, line), 1);
    CHECK(strstr(s.err, "auth-agent-server: ") != NULL);
    CHECK_INT(shell_http(&s, &server, "GET", METADATA, "", ""), 200);
    CHECK_INT(shell_stop(&server, SIGTERM), 0);
    shell_close(&s);
}

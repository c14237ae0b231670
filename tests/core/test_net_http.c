/* Calls to the authorization server: where they may go, how much may come back, whom they believe. */
#include "net/http.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "base/mem.h"
#include "support_guard.h"
#include "support_tls.h"

struct outcome {
    int done, status;
    enum aa_err code;
    size_t len;
    char body[256];
};

static void keep(void *ctx, const struct aa_http_result *result)
{
    struct outcome *outcome = ctx;

    outcome->done++;
    outcome->code = result->code;
    outcome->status = result->status;
    outcome->len = result->body.len;
    snprintf(outcome->body, sizeof outcome->body, "%.*s", AA_VIEW_ARGS(result->body));
    CHECK(result->detail != NULL);
}

static struct aa_http *client_of(int timeout_ms)
{
    const struct aa_http_settings settings = {.connect_timeout_ms = timeout_ms, .timeout_ms = timeout_ms};
    struct aa_http *http;

    CHECK_OK(aa_http_new(&settings, &http, NULL));
    return http;
}

static struct outcome finish(struct aa_http *http, struct outcome *outcome)
{
    while (!outcome->done) {
        aa_http_run(http);
        if (!outcome->done)
            aa_http_wait(http, 1000);
    }
    CHECK_INT(outcome->done, 1);
    return *outcome;
}

/* One GET or POST of a path of the server. */
static struct outcome call(struct http_server *server, const char *path, struct aa_view form)
{
    struct outcome outcome = {0};
    char url[256];
    struct aa_http_request request = {.url = url, .form = form};
    struct aa_http *http = client_of(5000);

    snprintf(url, sizeof url, "http://127.0.0.1:%d%s", http_server_port(server), path);
    CHECK_OK(aa_http_start(http, &request, keep, &outcome, NULL));
    finish(http, &outcome);
    aa_http_free(http);
    return outcome;
}

/* ---- where to --------------------------------------------------------------------------------------------------- */

static enum aa_err start_only(const char *url)
{
    const struct aa_http_request request = {.url = url};
    struct outcome outcome = {0};
    struct aa_http *http = client_of(5000);
    enum aa_err code = aa_http_start(http, &request, keep, &outcome, NULL);

    aa_http_free(http); /* what is under way is dropped without a word */
    CHECK_INT(outcome.done, 0);
    return code;
}

TEST(net_http, only_https_and_this_machine_are_called)
{
    CHECK_OK(start_only("https://as.example/x"));
    CHECK_OK(start_only("http://localhost:1/x"));
    CHECK_OK(start_only("http://127.0.0.1:1/x"));
    CHECK_OK(start_only("http://[::1]:1/x"));
    CHECK_ERR(start_only("http://as.example/x"), AA_ERR_REMOTE_FORBIDDEN);
    CHECK_ERR(start_only("http://127.0.0.1.as.example/x"), AA_ERR_REMOTE_FORBIDDEN);
    CHECK_ERR(start_only("file:///etc/passwd"), AA_ERR_REMOTE_FORBIDDEN);
    CHECK_ERR(start_only("ftp://localhost/x"), AA_ERR_REMOTE_FORBIDDEN);
    CHECK_ERR(start_only("localhost/x"), AA_ERR_REMOTE_FORBIDDEN);
    CHECK_ERR(start_only(""), AA_ERR_REMOTE_FORBIDDEN);
}

TEST(net_http, redirects_are_not_followed)
{
    static const int statuses[] = {301, 302, 303, 307, 308};
    struct http_server *server = http_server_start(0);

    http_server_set(server, "/elsewhere", 200, "{}", NULL, 0);
    for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++) {
        struct outcome outcome;

        http_server_set(server, "/from", statuses[i], "", "Location: /elsewhere\r\n", 0);
        outcome = call(server, "/from", VIEW("token=x"));
        CHECK_ERR(outcome.code, AA_OK);
        CHECK_INT(outcome.status, statuses[i]);
        CHECK_INT(call(server, "/from", AA_VIEW_ABSENT).status, statuses[i]);
    }
    CHECK_INT(http_server_hits(server, "/elsewhere"), 0);
    http_server_stop(server);
}

TEST(net_http, a_name_that_cannot_be_found_is_a_matter_of_dns)
{
    /* A label of 64 characters: no resolver even asks for it (RFC 1035 §2.3.4). */
    const struct aa_http_request request = {
        .url = "https://aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.invalid/"};
    struct outcome outcome = {0};
    struct aa_http *http = client_of(5000);

    CHECK_OK(aa_http_start(http, &request, keep, &outcome, NULL));
    CHECK_ERR(finish(http, &outcome).code, AA_ERR_REMOTE_DNS);
    aa_http_free(http);
}

TEST(net_http, a_port_nobody_listens_at_is_unreachable)
{
    struct http_server *server = http_server_start(0);
    struct outcome outcome = {0};
    char url[64];
    const struct aa_http_request request = {.url = url};
    struct aa_http *http = client_of(5000);

    snprintf(url, sizeof url, "http://127.0.0.1:%d/", http_server_port(server));
    http_server_stop(server);
    CHECK_OK(aa_http_start(http, &request, keep, &outcome, NULL));
    CHECK_ERR(finish(http, &outcome).code, AA_ERR_REMOTE_UNREACHABLE);
    aa_http_free(http);
}

/* ---- proxies ---------------------------------------------------------------------------------------------------- */

TEST(net_http, a_proxy_of_the_environment_is_not_used)
{
    struct http_server *proxy = http_server_start(0);
    char address[64];
    struct stage stage;

    snprintf(address, sizeof address, "http://127.0.0.1:%d", http_server_port(proxy));
    setenv("http_proxy", address, 1);
    setenv("https_proxy", address, 1);
    setenv("all_proxy", address, 1);
    stage_set(&stage, "");
    http_server_set_token(stage.server, "token-1", ACTIVE("files:read"));
    CHECK_OK(ask(&stage, "token-1"));
    CHECK_INT(http_server_connections(proxy), 0);
    stage_clear(&stage);
    unsetenv("http_proxy");
    unsetenv("https_proxy");
    unsetenv("all_proxy");
    http_server_stop(proxy);
}

TEST(net_http, a_configured_proxy_is_used_whatever_no_proxy_says)
{
    struct http_server *proxy = http_server_start(0);
    char members[256];
    struct stage stage;

    setenv("no_proxy", "127.0.0.1,localhost,*", 1);
    stage_open(&stage);
    snprintf(members, sizeof members,
             ",\"resource\":\"" RESOURCE "\",\"introspection_endpoint\":\"http://127.0.0.1:1" INTROSPECT
             "\",\"proxy\":\"http://127.0.0.1:%d\"",
             http_server_port(proxy));
    http_server_set(proxy, "http://127.0.0.1:1" INTROSPECT, 200, ACTIVE("x"), NULL, 0);
    stage_guard(&stage, members);
    CHECK_OK(ask(&stage, "token-1"));
    CHECK_INT(http_server_hits(proxy, "http://127.0.0.1:1" INTROSPECT), 1);
    CHECK_INT(http_server_hits(stage.server, NULL), 0);
    stage_clear(&stage);
    unsetenv("no_proxy");
    http_server_stop(proxy);
}

/* ---- how much, how long ----------------------------------------------------------------------------------------- */

TEST(net_http, an_answer_of_64_kib_is_the_largest)
{
    struct http_server *server = http_server_start(0);
    char *body = malloc(AA_HTTP_BODY_MAX + 2);

    memset(body, 'x', AA_HTTP_BODY_MAX + 1);
    body[AA_HTTP_BODY_MAX] = '\0';
    http_server_set(server, "/", 200, body, NULL, 0);
    CHECK_ERR(call(server, "/", AA_VIEW_ABSENT).code, AA_OK);
    CHECK_INT(call(server, "/", AA_VIEW_ABSENT).len, AA_HTTP_BODY_MAX);
    body[AA_HTTP_BODY_MAX] = 'x';
    body[AA_HTTP_BODY_MAX + 1] = '\0';
    http_server_set(server, "/", 200, body, NULL, 0);
    CHECK_ERR(call(server, "/", AA_VIEW_ABSENT).code, AA_ERR_REMOTE_PROTOCOL);
    free(body);
    http_server_stop(server);
}

TEST(net_http, an_answer_without_a_length_is_capped_too)
{
    struct http_server *server = http_server_start(0);
    char *text = malloc(AA_HTTP_BODY_MAX + 200);
    size_t head = (size_t)sprintf(text, "HTTP/1.1 200 X\r\nConnection: close\r\n\r\n");

    memset(text + head, 'x', AA_HTTP_BODY_MAX + 1);
    text[head + AA_HTTP_BODY_MAX] = '\0';
    http_server_set(server, "/", 0, text, NULL, 0);
    CHECK_ERR(call(server, "/", AA_VIEW_ABSENT).code, AA_OK);
    text[head + AA_HTTP_BODY_MAX] = 'x';
    text[head + AA_HTTP_BODY_MAX + 1] = '\0';
    http_server_set(server, "/", 0, text, NULL, 0);
    CHECK_ERR(call(server, "/", AA_VIEW_ABSENT).code, AA_ERR_REMOTE_PROTOCOL);
    free(text);
    http_server_stop(server);
}

TEST(net_http, a_head_without_end_is_given_up)
{
    struct http_server *server = http_server_start(0);
    size_t size = 512 * 1024;
    char *text = malloc(size);
    size_t len = (size_t)sprintf(text, "HTTP/1.1 200 X\r\n");

    while (len + 20 < size)
        len += (size_t)sprintf(text + len, "X-A: b\r\n");
    http_server_set(server, "/", 0, text, NULL, 0);
    CHECK(call(server, "/", AA_VIEW_ABSENT).code != AA_OK);
    free(text);
    http_server_stop(server);
}

TEST(net_http, a_slow_answer_times_out)
{
    struct http_server *server = http_server_start(0);
    struct outcome outcome = {0};
    char url[64];
    const struct aa_http_request request = {.url = url};
    struct aa_http *http = client_of(200);

    http_server_hold(server, "/");
    snprintf(url, sizeof url, "http://127.0.0.1:%d/", http_server_port(server));
    CHECK_OK(aa_http_start(http, &request, keep, &outcome, NULL));
    CHECK_ERR(finish(http, &outcome).code, AA_ERR_REMOTE_TIMEOUT);
    aa_http_free(http);
    http_server_stop(server);
}

TEST(net_http, a_client_can_be_woken)
{
    struct aa_http *http = client_of(1000);

    aa_http_wake(http);
    aa_http_wait(http, 60000); /* returns at once, or the whole program runs out of time */
    aa_http_free(http);
}

TEST(net_http, no_memory_is_an_ordinary_error)
{
    const struct aa_http_settings settings = {.connect_timeout_ms = 1000, .timeout_ms = 1000};
    const struct aa_http_request request = {.url = "http://127.0.0.1:1/", .form = VIEW("token=x")};
    struct outcome outcome = {0};
    enum aa_err code = AA_ERR_NOMEM;
    struct aa_http *http;

    aa_mem_fail_at(1, false);
    CHECK_ERR(aa_http_new(&settings, &http, NULL), AA_ERR_NOMEM);
    aa_mem_fail_at(0, false);
    CHECK_OK(aa_http_new(&settings, &http, NULL));
    for (size_t nth = 1; code; nth++) {
        aa_mem_fail_at(nth, false);
        code = aa_http_start(http, &request, keep, &outcome, NULL);
        aa_mem_fail_at(0, false);
        if (code)
            CHECK_ERR(code, AA_ERR_NOMEM);
    }
    aa_http_free(http);
    CHECK_INT(outcome.done, 0);
}

/* ---- whom to believe -------------------------------------------------------------------------------------------- */

/* A guard whose tokens are asked about over TLS. */
static void open_tls(struct stage *stage, const struct tls_server *server, const char *ca_file)
{
    char members[512];

    stage_open(stage);
    snprintf(members, sizeof members,
             ",\"cache_ttl\":0,\"resource\":\"" RESOURCE
             "\",\"introspection_endpoint\":\"https://127.0.0.1:%d/\"%s%s%s",
             tls_server_port(server), ca_file ? ",\"ca_file\":\"" : "", ca_file ? ca_file : "", ca_file ? "\"" : "");
    stage_guard(stage, members);
}

TEST(net_tls, a_certificate_of_nobodys_is_not_believed_and_a_trusted_one_is)
{
    struct tls_server *server = tls_server_start("IP:127.0.0.1", ACTIVE("x"));
    struct stage stage;

    unsetenv("SSL_CERT_FILE");
    open_tls(&stage, server, NULL);
    CHECK_ERR(ask(&stage, "token-1"), AA_ERR_REMOTE_TLS);
    CHECK_INT(tls_server_hits(server), 0);
    stage_clear(&stage);
    open_tls(&stage, server, tls_server_certificate(server));
    CHECK_OK(ask(&stage, "token-1"));
    CHECK_INT(tls_server_hits(server), 1);
    stage_clear(&stage);
    tls_server_stop(server);
}

TEST(net_tls, a_trusted_certificate_for_another_name_is_not_believed)
{
    struct tls_server *server = tls_server_start("DNS:other.example", ACTIVE("x"));
    struct stage stage;

    open_tls(&stage, server, tls_server_certificate(server));
    CHECK_ERR(ask(&stage, "token-1"), AA_ERR_REMOTE_TLS);
    CHECK_INT(tls_server_hits(server), 0);
    stage_clear(&stage);
    tls_server_stop(server);
}

TEST(net_tls, ssl_cert_file_is_honoured_and_the_option_wins)
{
    struct tls_server *server = tls_server_start("IP:127.0.0.1", ACTIVE("x"));
    struct stage stage;

    setenv("SSL_CERT_FILE", tls_server_certificate(server), 1);
    open_tls(&stage, server, NULL);
    CHECK_OK(ask(&stage, "token-1"));
    stage_clear(&stage);
    open_tls(&stage, server, "/nonexistent/ca.pem");
    CHECK_ERR(ask(&stage, "token-1"), AA_ERR_REMOTE_TLS);
    stage_clear(&stage);
    unsetenv("SSL_CERT_FILE");
    tls_server_stop(server);
}

/* libcurl keeps the parsed authorities only while no directory of them is set; Debian builds one in. Parsing them for
 * every connection costs thirty-five times what the rest of it does. */
TEST(net_tls, the_trusted_authorities_are_read_once_and_not_for_every_connection)
{
    struct tls_server *server = tls_server_start("IP:127.0.0.1", ACTIVE("x"));
    int watch = inotify_init1(IN_NONBLOCK);
    char events[4096];
    struct stage stage;
    int opened = 0;

    CHECK(inotify_add_watch(watch, tls_server_certificate(server), IN_OPEN) >= 0);
    open_tls(&stage, server, tls_server_certificate(server));
    for (int i = 0; i < 4; i++) {
        CHECK_OK(ask(&stage, "token-1"));
        opened += read(watch, events, sizeof events) > 0; /* each time: events that are alike become one */
    }
    CHECK_INT(tls_server_hits(server), 4);
    CHECK_INT(opened, 1);
    close(watch);
    stage_clear(&stage);
    tls_server_stop(server);
}

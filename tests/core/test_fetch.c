/* A URL that a stranger named: which machines it can make the server speak to, and how much and how long it can make it
 * listen. */
#include "net/fetch.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "net/http.h"
#include "support_memory.h"
#include "support_network.h"
#include "support_tls.h"

#define HOST "client.example"
#define PUBLIC "93.184.215.14"
#define PRIVATE "10.11.12.13"
#define PATH "/client.json"
#define DOCUMENT "{\"client_id\":\"x\"}"
#define LONG_MS 30000 /* never reached */
#define SHORT_MS 300

/* A site on the Internet: its name has a public address, and connections to that come home to our server. */
struct site {
    struct tls_server *server;
    struct http_server *behind;
    struct aa_fetch_settings settings;
    struct aa_fetched fetched;
    struct aa_error err;
};

static void set_addresses(const char *first, const char *second)
{
    const char *const addresses[] = {first, second, NULL};

    network_name(HOST, addresses);
    network_lead_home(PUBLIC);
}

static void site_open_as(struct site *site, const char *certificate_name)
{
    signal(SIGPIPE, SIG_IGN);
    unsetenv("SSL_CERT_FILE");
    memset(site, 0, sizeof *site);
    site->server = tls_server_start(certificate_name, "{}");
    site->behind = tls_server_behind(site->server);
    http_server_set(site->behind, PATH, 200, DOCUMENT, NULL, 0);
    site->settings = (struct aa_fetch_settings){.ca_file = tls_server_certificate(site->server),
                                                .connect_timeout_ms = LONG_MS,
                                                .timeout_ms = LONG_MS,
                                                .body_max = 5120};
    set_addresses(PUBLIC, NULL);
}

static void site_open(struct site *site)
{
    site_open_as(site, "DNS:" HOST);
}

static void site_close(struct site *site)
{
    aa_fetched_clear(&site->fetched);
    network_forget();
    tls_server_stop(site->server);
}

static enum aa_err fetch_url(struct site *site, const char *url)
{
    aa_fetched_clear(&site->fetched);
    memset(&site->err, 0, sizeof site->err);
    return aa_fetch(&site->settings, url, &site->fetched, &site->err);
}

/* By whatever spelling of a host, at the port of the site. */
static enum aa_err fetch_from(struct site *site, const char *host, const char *path)
{
    char url[512];

    snprintf(url, sizeof url, "https://%s:%d%s", host, tls_server_port(site->server), path);
    return fetch_url(site, url);
}

static enum aa_err fetch(struct site *site)
{
    return fetch_from(site, HOST, PATH);
}

/* The whole answer, byte for byte. */
static enum aa_err fetch_raw(struct site *site, const char *answer)
{
    http_server_set(site->behind, PATH, 0, answer, NULL, 0);
    return fetch(site);
}

/* ---- what is asked and what comes back --------------------------------------------------------------------------- */

TEST(fetch, a_document_is_fetched_from_a_public_address)
{
    struct site site;

    site_open(&site);
    CHECK_OK(fetch(&site));
    CHECK_INT(site.fetched.status, 200);
    CHECK_VIEW(site.fetched.body, DOCUMENT);
    CHECK_VIEW(site.fetched.content_type, "application/json");
    CHECK_INT(site.fetched.max_age_s, -1);
    CHECK_INT(network_lookups(), 1);
    CHECK_INT(network_attempts(PUBLIC), 1);
    CHECK_INT(http_server_hits(site.behind, PATH), 1);
    site_close(&site);
}

TEST(fetch, a_request_tells_nothing_and_asks_for_no_compression)
{
    static const char *const unwanted[] = {
        "\r\nCookie:", "\r\nAuthorization:", "\r\nReferer:", "\r\nAccept-Encoding:", "\r\nTE:"};
    char head[2048];
    char body[16];
    struct site site;

    site_open(&site);
    http_server_set(site.behind, PATH, 200, DOCUMENT, "Set-Cookie: a=b; Path=/\r\n", 0);
    for (int i = 0; i < 2; i++) {
        CHECK_OK(fetch(&site));
        http_server_last(site.behind, PATH, head, sizeof head, body, sizeof body);
        CHECK(strncmp(head, "GET " PATH " HTTP/1.1\r\nHost: " HOST ":", 45) == 0);
        CHECK(strstr(head, "\r\nAccept: application/json\r\n") != NULL);
        for (size_t j = 0; j < sizeof unwanted / sizeof unwanted[0]; j++)
            CHECK(strcasestr(head, unwanted[j]) == NULL);
    }
    CHECK_INT(tls_server_connections(site.server), 2); /* nothing is carried on */
    site_close(&site);
}

TEST(fetch, any_status_is_for_the_caller_to_judge)
{
    static const int statuses[] = {200, 201, 403, 404, 410, 429, 500, 503};
    struct site site;

    site_open(&site);
    for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++) {
        http_server_set(site.behind, PATH, statuses[i], "no", NULL, 0);
        CHECK_OK(fetch(&site));
        CHECK_INT(site.fetched.status, statuses[i]);
        CHECK_VIEW(site.fetched.body, "no");
    }
    site_close(&site);
}

TEST(fetch, redirects_are_not_followed)
{
    static const int statuses[] = {301, 302, 303, 307, 308};
    char location[128];
    struct site site;

    site_open(&site);
    http_server_set(site.behind, "/elsewhere", 200, DOCUMENT, NULL, 0);
    snprintf(location, sizeof location, "Location: https://" HOST ":%d/elsewhere\r\n", tls_server_port(site.server));
    for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++) {
        http_server_set(site.behind, PATH, statuses[i], "", location, 0);
        CHECK_OK(fetch(&site));
        CHECK_INT(site.fetched.status, statuses[i]);
        CHECK_VIEW(site.fetched.body, "");
    }
    CHECK_INT(http_server_hits(site.behind, "/elsewhere"), 0);
    CHECK_OK(fetch_from(&site, HOST, "/elsewhere"));
    CHECK_INT(http_server_hits(site.behind, "/elsewhere"), 1);
    site_close(&site);
}

TEST(fetch, a_content_type_that_was_not_sent_is_absent)
{
    struct site site;

    site_open(&site);
    CHECK_OK(fetch_raw(&site, "HTTP/1.1 200 X\r\nContent-Length: 2\r\n\r\n{}"));
    CHECK(aa_view_is_absent(site.fetched.content_type));
    CHECK_VIEW(site.fetched.body, "{}");
    CHECK_OK(fetch_raw(&site, "HTTP/1.1 200 X\r\ncontent-type: text/html;charset=x\r\nContent-Length: 0\r\n\r\n"));
    CHECK_VIEW(site.fetched.content_type, "text/html;charset=x");
    CHECK_VIEW(site.fetched.body, "");
    site_close(&site);
}

static int64_t max_age_with(struct site *site, const char *headers)
{
    http_server_set(site->behind, PATH, 200, DOCUMENT, headers, 0);
    CHECK_OK(fetch(site));
    return site->fetched.max_age_s;
}

TEST(fetch, the_age_an_answer_may_reach_is_its_cache_controls)
{
    struct site site;

    site_open(&site);
    CHECK_INT(max_age_with(&site, "Cache-Control: public, max-age=300\r\n"), 300);
    CHECK_INT(max_age_with(&site, "cache-control:max-age=\"5\"\r\n"), 5);
    CHECK_INT(max_age_with(&site, "Cache-Control: no-store\r\n"), 0);
    CHECK_INT(max_age_with(&site, "Cache-Control: max-age=300\r\nX: y\r\nCache-Control: no-cache\r\n"), 0);
    CHECK_INT(max_age_with(&site, "Cache-Control: max-age=-1\r\n"), -1);
    CHECK_INT(max_age_with(&site, "Cache-Control: max-age=99999999999999999999\r\n"), INT64_C(2147483648));
    CHECK_INT(max_age_with(&site, "X-Cache-Control: max-age=300\r\n"), -1);
    site_close(&site);
}

TEST(fetch, the_age_of_an_interim_answer_is_not_that_of_the_final_one)
{
    struct site site;

    site_open(&site);
    CHECK_OK(fetch_raw(&site, "HTTP/1.1 103 Early Hints\r\nCache-Control: no-store\r\n\r\n"
                              "HTTP/1.1 200 X\r\nCache-Control: max-age=7\r\nContent-Length: 2\r\n\r\n{}"));
    CHECK_INT(site.fetched.status, 200);
    CHECK_INT(site.fetched.max_age_s, 7);
    site_close(&site);
}

/* ---- which URLs ------------------------------------------------------------------------------------------------- */

TEST(fetch, only_https_is_spoken_to_this_machine_too)
{
    struct http_server *plain = http_server_start(0);
    char url[128];
    struct site site;

    site_open(&site);
    site.settings.allow_loopback = true;
    snprintf(url, sizeof url, "http://127.0.0.1:%d" PATH, http_server_port(plain));
    CHECK_ERR(fetch_url(&site, url), AA_ERR_REMOTE_FORBIDDEN);
    CHECK_INT(http_server_connections(plain), 0);
    CHECK_ERR(fetch_url(&site, "http://" HOST PATH), AA_ERR_REMOTE_FORBIDDEN);
    CHECK_ERR(fetch_url(&site, "file:///etc/passwd"), AA_ERR_REMOTE_FORBIDDEN);
    CHECK_ERR(fetch_url(&site, "ftp://" HOST PATH), AA_ERR_REMOTE_FORBIDDEN);
    CHECK_ERR(fetch_url(&site, HOST PATH), AA_ERR_REMOTE_FORBIDDEN);
    CHECK_ERR(fetch_url(&site, ""), AA_ERR_REMOTE_FORBIDDEN);
    CHECK_INT(network_lookups(), 0);
    CHECK_OK(fetch(&site));
    site_close(&site);
    http_server_stop(plain);
}

TEST(fetch, a_user_name_in_the_url_is_not_sent_but_refused)
{
    struct site site;

    site_open(&site);
    CHECK_ERR(fetch_from(&site, "user:password@" HOST, PATH), AA_ERR_REMOTE_FORBIDDEN);
    CHECK_ERR(fetch_from(&site, "@" HOST, PATH), AA_ERR_REMOTE_FORBIDDEN);
    CHECK_INT(tls_server_connections(site.server), 0);
    CHECK_OK(fetch(&site));
    site_close(&site);
}

/* ---- which addresses -------------------------------------------------------------------------------------------- */

TEST(fetch, this_machine_is_not_called_unless_that_is_allowed)
{
    struct site site;

    site_open_as(&site, "IP:127.0.0.1");
    CHECK_ERR(fetch_from(&site, "127.0.0.1", PATH), AA_ERR_REMOTE_FORBIDDEN);
    CHECK_INT(tls_server_connections(site.server), 0);
    site.settings.allow_loopback = true;
    CHECK_OK(fetch_from(&site, "127.0.0.1", PATH));
    CHECK_VIEW(site.fetched.body, DOCUMENT);
    CHECK_INT(tls_server_connections(site.server), 1);
    site_close(&site);
}

TEST(fetch, no_spelling_of_an_address_gets_past)
{
    static const char *const hosts[] = {"127.0.0.1",
                                        "localhost",
                                        "127.1",
                                        "2130706433",
                                        "0x7f000001",
                                        "0177.0.0.1",
                                        "0",
                                        "[::1]",
                                        "[::]",
                                        "[::ffff:7f00:1]",
                                        PRIVATE,
                                        "192.168.0.1",
                                        "[::ffff:127.0.0.1]",
                                        "[64:ff9b::7f00:1]",
                                        "[fe80::1]",
                                        "[fd00:ec2::254]",
                                        "100.64.0.1",
                                        "169.254.169.254",
                                        "[::127.0.0.1]",
                                        "[2002:7f00:1::]",
                                        "[ff02::1]",
                                        "255.255.255.255",
                                        "224.0.0.1"};
    struct site site;

    site_open(&site);
    for (size_t i = 0; i < sizeof hosts / sizeof hosts[0]; i++) {
        enum aa_err code = fetch_from(&site, hosts[i], PATH);

        if (code != AA_ERR_REMOTE_FORBIDDEN)
            fail_msg("%s: %s (%s)", hosts[i], aa_err_name(code), site.err.message);
    }
    CHECK_INT(network_attempts("127.0.0.1") + network_attempts_abroad(), 0);
    CHECK_ERR(fetch_from(&site, PUBLIC, PATH), AA_ERR_REMOTE_TLS); /* reached; the certificate has its name only */
    CHECK_INT(network_attempts(PUBLIC), 1);
    site_close(&site);
}

TEST(fetch, a_name_of_a_private_address_is_refused_without_telling_the_address)
{
    struct site site;

    site_open(&site);
    set_addresses(PRIVATE, "fd00::1");
    CHECK_ERR(fetch(&site), AA_ERR_REMOTE_FORBIDDEN);
    CHECK(strstr(site.err.message, PRIVATE) == NULL && strstr(site.err.message, "fd00::1") == NULL);
    CHECK(site.err.message[0] != '\0');
    site.settings.allow_loopback = true; /* opens this machine, not its network */
    CHECK_ERR(fetch(&site), AA_ERR_REMOTE_FORBIDDEN);
    CHECK_INT(network_lookups(), 2);
    CHECK_INT(network_attempts_abroad(), 0);
    set_addresses(PUBLIC, NULL);
    CHECK_OK(fetch(&site));
    site_close(&site);
}

TEST(fetch, a_host_with_good_and_special_addresses_is_reached_at_a_good_one)
{
    static const char *const special[] = {PRIVATE, "127.0.0.1", "fd00::1", "::1", "::ffff:10.0.0.1"};
    struct site site;

    site_open(&site);
    for (size_t i = 0; i < sizeof special / sizeof special[0]; i++) {
        set_addresses(special[i], PUBLIC);
        CHECK_OK(fetch(&site));
        CHECK_INT(network_attempts_abroad(), 1);
        CHECK_INT(network_attempts(PUBLIC), 1);
        set_addresses(PUBLIC, special[i]);
        CHECK_OK(fetch(&site));
        CHECK_INT(network_attempts_abroad(), 1);
        CHECK_INT(network_attempts(PUBLIC), 1);
    }
    site_close(&site);
}

TEST(fetch, a_good_address_that_does_not_answer_is_unreachable_and_not_forbidden)
{
    struct site site;

    site_open(&site);
    set_addresses(PRIVATE, "198.41.0.4");
    CHECK_ERR(fetch(&site), AA_ERR_REMOTE_UNREACHABLE);
    CHECK_INT(network_attempts("198.41.0.4"), 1);
    CHECK_INT(network_attempts(PRIVATE), 0);
    CHECK(strstr(site.err.message, "198.41.0.4") == NULL);
    site_close(&site);
}

/* DNS rebinding: a name that is public when it is looked at and private when it is connected to. There is one lookup,
 * and its answer is what is judged; none is kept for the next fetch. */
TEST(fetch, a_name_that_changes_its_address_gains_nothing)
{
    struct site site;

    site_open_as(&site, "DNS:" HOST);
    CHECK_OK(fetch(&site));
    CHECK_INT(network_lookups(), 1);
    set_addresses("127.0.0.1", NULL);
    CHECK_ERR(fetch(&site), AA_ERR_REMOTE_FORBIDDEN);
    CHECK_INT(network_lookups(), 1);
    CHECK_INT(tls_server_connections(site.server), 1);
    site_close(&site);
}

TEST(fetch, a_name_that_cannot_be_found_is_a_matter_of_dns)
{
    struct site site;

    site_open(&site);
    set_addresses(NULL, NULL);
    CHECK_ERR(fetch(&site), AA_ERR_REMOTE_DNS);
    CHECK_INT(network_lookups(), 1);
    site_close(&site);
}

TEST(fetch, a_proxy_of_the_environment_is_not_used)
{
    static const char *const names[] = {"http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"};
    struct http_server *proxy = http_server_start(0);
    char address[64];
    struct site site;

    site_open(&site);
    snprintf(address, sizeof address, "http://127.0.0.1:%d", http_server_port(proxy));
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        setenv(names[i], address, 1);
    CHECK_OK(fetch(&site));
    set_addresses(PRIVATE, NULL);
    CHECK_ERR(fetch(&site), AA_ERR_REMOTE_FORBIDDEN);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        unsetenv(names[i]);
    CHECK_INT(http_server_connections(proxy), 0);
    site_close(&site);
    http_server_stop(proxy);
}

/* ---- whom to believe -------------------------------------------------------------------------------------------- */

TEST(fetch, a_certificate_of_nobodys_is_not_believed)
{
    struct site site;

    site_open(&site);
    site.settings.ca_file = NULL;
    CHECK_ERR(fetch(&site), AA_ERR_REMOTE_TLS);
    CHECK_INT(tls_server_connections(site.server), 1);
    CHECK_INT(tls_server_hits(site.server), 0);
    site.settings.ca_file = tls_server_certificate(site.server);
    CHECK_OK(fetch(&site));
    site_close(&site);
}

TEST(fetch, a_certificate_for_another_name_is_not_believed)
{
    struct site site;

    site_open_as(&site, "DNS:other.example,IP:" PUBLIC);
    CHECK_ERR(fetch(&site), AA_ERR_REMOTE_TLS);
    CHECK_INT(tls_server_hits(site.server), 0);
    CHECK_OK(fetch_from(&site, PUBLIC, PATH));
    site_close(&site);
}

/* ---- how much ---------------------------------------------------------------------------------------------------- */

/* An answer with so many bytes of head after the status line, about, and of body. */
static char *make_answer(const char *start, size_t head_len, size_t body_len)
{
    char *text = calloc(1, strlen(start) + head_len + body_len + 200);
    size_t len = (size_t)sprintf(text, "%s", start);
    size_t head_end = len + head_len;

    while (len + 100 <= head_end)
        len += (size_t)sprintf(text + len, "X-Filler: %086d\r\n", 0);
    len += (size_t)sprintf(text + len, "\r\n");
    memset(text + len, 'x', body_len);
    return text;
}

static enum aa_err fetch_sized(struct site *site, const char *start, size_t head_len, size_t body_len)
{
    char *answer = make_answer(start, head_len, body_len);
    enum aa_err code = fetch_raw(site, answer);

    free(answer);
    return code;
}

TEST(fetch, a_body_of_the_limit_is_the_largest)
{
    struct site site;

    site_open(&site);
    site.settings.body_max = 5120;
    CHECK_OK(fetch_sized(&site, "HTTP/1.1 200 X\r\nContent-Length: 5120\r\n", 0, 5120));
    CHECK_INT(site.fetched.body.len, 5120);
    CHECK_ERR(fetch_sized(&site, "HTTP/1.1 200 X\r\nContent-Length: 5121\r\n", 0, 5121), AA_ERR_TOO_LONG);
    site_close(&site);
}

TEST(fetch, a_body_without_a_length_is_capped_too)
{
    struct site site;

    site_open(&site);
    site.settings.body_max = AA_HTTP_BODY_MAX + 1; /* above what other calls take */
    CHECK_OK(fetch_sized(&site, "HTTP/1.1 200 X\r\n", 0, AA_HTTP_BODY_MAX + 1));
    CHECK_INT(site.fetched.body.len, AA_HTTP_BODY_MAX + 1);
    CHECK_ERR(fetch_sized(&site, "HTTP/1.1 200 X\r\n", 0, AA_HTTP_BODY_MAX + 2), AA_ERR_TOO_LONG);
    site.settings.body_max = 1;
    CHECK_OK(fetch_sized(&site, "HTTP/1.1 200 X\r\n", 0, 1));
    CHECK_ERR(fetch_sized(&site, "HTTP/1.1 200 X\r\n", 0, 2), AA_ERR_TOO_LONG);
    site_close(&site);
}

/* Else a site behind a gate against robots would seem to say that its document is too long. */
TEST(fetch, what_an_answer_that_is_no_document_says_does_not_matter_at_any_length)
{
    static const char *const starts[] = {"HTTP/1.1 403 X\r\n", "HTTP/1.1 503 X\r\n", "HTTP/1.1 404 X\r\n",
                                         "HTTP/1.1 206 X\r\n"};
    struct site site;

    site_open(&site);
    site.settings.body_max = 100;
    for (size_t i = 0; i < sizeof starts / sizeof starts[0]; i++) {
        CHECK_OK(fetch_sized(&site, starts[i], 0, 100));
        CHECK_INT(site.fetched.body.len, 100);
        CHECK_OK(fetch_sized(&site, starts[i], 0, 20000));
        CHECK_INT(site.fetched.status, atoi(starts[i] + 9));
        CHECK_INT(site.fetched.body.len, 0);
    }
    CHECK_ERR(fetch_sized(&site, "HTTP/1.1 200 X\r\n", 0, 101), AA_ERR_TOO_LONG);
    site_close(&site);
}

TEST(fetch, a_head_of_the_limit_is_about_the_largest)
{
    struct site site;

    site_open(&site);
    CHECK_OK(fetch_sized(&site, "HTTP/1.1 200 X\r\nContent-Length: 2\r\n", AA_HTTP_HEAD_MAX - 400, 2));
    CHECK_VIEW(site.fetched.body, "xx");
    CHECK(fetch_sized(&site, "HTTP/1.1 200 X\r\nContent-Length: 2\r\n", AA_HTTP_HEAD_MAX + 100, 2) != AA_OK);
    site_close(&site);
}

/* So many interim answers (RFC 9110 §15.2), and the final one. */
static enum aa_err fetch_behind_hints(struct site *site, size_t count)
{
    static const char hint[] = "HTTP/1.1 103 X\r\nLink: </a>\r\n\r\n";
    char *answer = calloc(1, count * sizeof hint + 100);
    enum aa_err code;
    size_t len = 0;

    while (count--)
        len += (size_t)sprintf(answer + len, "%s", hint);
    sprintf(answer + len, "HTTP/1.1 200 X\r\nContent-Length: 2\r\n\r\n{}");
    code = fetch_raw(site, answer);
    free(answer);
    return code;
}

/* Each is short, and there may be any number of them. */
TEST(fetch, interim_answers_without_end_are_given_up)
{
    struct site site;

    site_open(&site);
    CHECK_OK(fetch_behind_hints(&site, 1000));
    CHECK_ERR(fetch_behind_hints(&site, 20000), AA_ERR_REMOTE_PROTOCOL);
    site_close(&site);
}

/* ---- how long ---------------------------------------------------------------------------------------------------- */

TEST(fetch, a_server_that_never_answers_is_given_up)
{
    struct site site;

    site_open(&site);
    site.settings.timeout_ms = SHORT_MS;
    http_server_hold(site.behind, PATH);
    CHECK_ERR(fetch(&site), AA_ERR_REMOTE_TIMEOUT);
    http_server_let_go(site.behind, PATH);
    site.settings.timeout_ms = LONG_MS;
    CHECK_OK(fetch(&site));
    site_close(&site);
}

TEST(fetch, a_server_that_never_shakes_hands_is_given_up)
{
    struct http_server *plain = http_server_start(0); /* waits for the end of a head */
    char url[128];
    struct site site;

    site_open(&site);
    site.settings.allow_loopback = true;
    site.settings.connect_timeout_ms = SHORT_MS;
    snprintf(url, sizeof url, "https://127.0.0.1:%d" PATH, http_server_port(plain));
    CHECK_ERR(fetch_url(&site, url), AA_ERR_REMOTE_TIMEOUT);
    CHECK_INT(http_server_connections(plain), 1);
    site_close(&site);
    http_server_stop(plain);
}

/* Each byte comes well in time; all of them do not. */
TEST(fetch, a_server_that_sends_byte_by_byte_is_given_up)
{
    struct site site;

    site_open(&site);
    http_server_drip(site.behind, PATH, 1);
    CHECK_OK(fetch(&site));
    CHECK_VIEW(site.fetched.body, DOCUMENT);
    http_server_drip(site.behind, PATH, 50);
    site.settings.timeout_ms = SHORT_MS;
    CHECK_ERR(fetch(&site), AA_ERR_REMOTE_TIMEOUT);
    site_close(&site);
}

TEST(fetch, a_lookup_that_hangs_is_given_up)
{
    struct site site;

    site_open(&site);
    site.settings.timeout_ms = SHORT_MS;
    network_name_hangs(HOST);
    CHECK_ERR(fetch(&site), AA_ERR_REMOTE_TIMEOUT);
    CHECK_INT(network_lookups(), 1);
    site_close(&site);
}

/* ---- answers that are none --------------------------------------------------------------------------------------- */

TEST(fetch, what_is_not_http_is_no_answer)
{
    struct site site;

    site_open(&site);
    CHECK_ERR(fetch_raw(&site, "SSH-2.0-OpenSSH_9.2\r\n"), AA_ERR_REMOTE_PROTOCOL);
    CHECK_ERR(fetch_raw(&site, DOCUMENT), AA_ERR_REMOTE_PROTOCOL);
    CHECK_ERR(fetch_raw(&site, "HTTP/1.1 200 X\r\nContent-Length: x\r\n\r\n"), AA_ERR_REMOTE_PROTOCOL);
    CHECK_OK(fetch_raw(&site, "HTTP/1.1 200 X\r\nContent-Length: 2\r\n\r\n{}"));
    site_close(&site);
}

TEST(fetch, an_answer_that_ends_half_way_is_none)
{
    struct site site;

    site_open(&site);
    CHECK_ERR(fetch_raw(&site, ""), AA_ERR_REMOTE_UNREACHABLE);
    CHECK_ERR(fetch_raw(&site, "HTTP/1.1 200 X\r\nContent-Length: 3\r\n\r\n{}"), AA_ERR_REMOTE_UNREACHABLE);
    CHECK_OK(fetch_raw(&site, "HTTP/1.1 200 X\r\nContent-Length: 2\r\n\r\n{}"));
    site_close(&site);
}

static enum aa_err attempt(void *ctx)
{
    return fetch(ctx);
}

TEST(fetch, no_memory_is_an_ordinary_error)
{
    struct site site;

    site_open(&site);
    check_each_allocation(attempt, &site);
    aa_fetched_clear(&site.fetched);
    aa_fetched_clear(&site.fetched); /* usable again */
    site_close(&site);
}

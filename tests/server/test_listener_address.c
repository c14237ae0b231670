/* Where the listener listens, whom it takes a client for, what it says when it cannot start. */
#include <sys/socket.h>
#include <unistd.h>

#include "http/address.h"
#include "support_web.h"

/* ---- where ------------------------------------------------------------------------------------------------------ */

static void check_peer(const struct web *w, const char *to, const char *peer)
{
    struct web_answer answer;
    int fd = web_connect_from(w, to, NULL);
    char line[80] = "peer=";

    CHECK(fd >= 0);
    web_send(fd, "GET /seen/a HTTP/1.1\r\nHost: x\r\n\r\n");
    web_read(fd, &answer, false);
    CHECK_INT(answer.status, 200);
    strcat(strcat(line, peer), "\n");
    CHECK(strstr(answer.body, line) != NULL);
    close(fd);
}

TEST(address, it_listens_where_it_is_told)
{
    static const struct {
        const char *address;
        bool ipv4, ipv6;
    } rows[] = {{"127.0.0.1", true, false}, {"::1", false, true}, {"0.0.0.0", true, false}, {"::", true, true}};
    struct web w;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        web_start_with(&w, (struct aa_listener_options){.address = rows[i].address});
        if (rows[i].ipv4)
            check_peer(&w, "127.0.0.1", "127.0.0.1");
        else
            CHECK_INT(web_connect_from(&w, "127.0.0.1", NULL), -1);
        if (rows[i].ipv6)
            check_peer(&w, "::1", "::1");
        else
            CHECK_INT(web_connect_from(&w, "::1", NULL), -1);
        web_stop(&w);
    }
}

static void check_start(struct aa_listener_options options, enum aa_err wanted, const char *message)
{
    struct aa_router router = {0};
    struct aa_listener *listener = NULL;
    struct aa_error err = AA_ERROR_INIT;

    CHECK_ERR(aa_listener_start(&options, &router, &listener, &err), wanted);
    if (wanted)
        CHECK(strstr(err.message, message) != NULL);
    aa_listener_stop(listener, 0);
}

TEST(address, what_keeps_it_from_starting_is_told)
{
    struct web w;

    web_start(&w);
    check_start((struct aa_listener_options){.address = "127.0.0.1", .port = w.port}, AA_ERR_SYSTEM, "is in use");
    web_stop(&w);
    check_start((struct aa_listener_options){.address = "127.0.0.1", .port = w.port}, AA_OK, "");
    check_start((struct aa_listener_options){.address = "localhost"}, AA_ERR_OPTION_INVALID, "\"localhost\"");
    check_start((struct aa_listener_options){.address = "127.0.0.1", .port = 65536}, AA_ERR_OPTION_INVALID, "65536");
    check_start((struct aa_listener_options){.address = "192.0.2.1"}, AA_ERR_SYSTEM, "no address of this machine");
    check_start((struct aa_listener_options){.address = "127.0.0.1", .trusted_proxies = "127.0.0.1, proxy"},
                AA_ERR_OPTION_INVALID, "\"proxy\"");
}

/* ---- who -------------------------------------------------------------------------------------------------------- */

static void check_forwarded(const char *trusted, const char *headers, const char *peer, const char *secure)
{
    struct web_answer answer;
    struct web w;
    char request[1024] = "GET /seen/a HTTP/1.1\r\nHost: x\r\n", line[80] = "peer=";

    web_start_with(&w, (struct aa_listener_options){.threads = 1, .trusted_proxies = trusted});
    strcat(strcat(request, headers), "\r\n");
    CHECK_INT(web_ask(&w, request, &answer), 200);
    strcat(strcat(strcat(strcat(line, peer), "\nsecure="), secure), "\n");
    if (!strstr(answer.body, line))
        fail_msg("%s: wanted %s in %s", headers, line, answer.body);
    CHECK_TEXT(web_field(&answer, "Strict-Transport-Security"), strcmp(secure, "yes") == 0 ? "max-age=31536000" : "");
    web_stop(&w);
}

TEST(address, only_a_trusted_proxy_speaks_for_its_client)
{
    static const char headers[] = "X-Forwarded-For: 192.0.2.7\r\nX-Forwarded-Proto: https\r\n";

    check_forwarded("127.0.0.1", headers, "192.0.2.7", "yes");
    check_forwarded("127.0.0.0/8", headers, "192.0.2.7", "yes");
    check_forwarded(NULL, headers, "127.0.0.1", "no");
    check_forwarded("127.0.0.2,192.0.2.0/24", headers, "127.0.0.1", "no");
    check_forwarded("127.0.0.1", "", "127.0.0.1", "no");
    check_forwarded("127.0.0.1", "X-Forwarded-Proto: http\r\n", "127.0.0.1", "no");
}

TEST(address, the_client_is_the_rightmost_hop_that_is_no_proxy_of_ours)
{
    static const char trusted[] = "127.0.0.1,10.0.0.0/8,2001:db8:1::/48";

    check_forwarded(trusted, "X-Forwarded-For: 198.51.100.1, 192.0.2.7, 10.1.2.3\r\n", "192.0.2.7", "no");
    check_forwarded(trusted, "X-Forwarded-For: 198.51.100.1\r\nX-Forwarded-For: 192.0.2.7,10.1.2.3\r\n", "192.0.2.7",
                    "no");
    check_forwarded(trusted, "X-Forwarded-For: 192.0.2.7\r\nX-Forwarded-For: 2001:db8:1::9\r\n", "192.0.2.7", "no");
    check_forwarded(trusted, "X-Forwarded-For: 10.0.0.1, 10.0.0.2\r\n", "10.0.0.1", "no");
    check_forwarded(trusted, "X-Forwarded-For: 192.0.2.7, unknown, 10.0.0.2\r\n", "10.0.0.2", "no");
    check_forwarded(trusted, "X-Forwarded-For: 192.0.2.7:4711\r\n", "192.0.2.7", "no");
    check_forwarded(trusted, "X-Forwarded-For: [2001:DB8:2::0001]:4711\r\n", "2001:db8:2::1", "no");
    check_forwarded(trusted, "X-Forwarded-For: ::ffff:192.0.2.7\r\n", "192.0.2.7", "no");
    check_forwarded(trusted, "X-Forwarded-For: \r\n", "127.0.0.1", "no");
    check_forwarded(trusted, "X-Forwarded-Proto: https, http\r\n", "127.0.0.1", "no");
    check_forwarded(trusted, "X-Forwarded-Proto: http\r\nX-Forwarded-Proto: HTTPS\r\n", "127.0.0.1", "yes");
}

TEST(address, with_an_https_issuer_every_request_is_secure)
{
    struct web_answer answer;
    struct web w;

    web_start_with(&w, (struct aa_listener_options){.secure = true});
    CHECK_INT(web_ask(&w, "GET /seen/a HTTP/1.1\r\nHost: x\r\nX-Forwarded-Proto: http\r\n\r\n", &answer), 200);
    CHECK(strstr(answer.body, "secure=yes\n") != NULL);
    CHECK_TEXT(web_field(&answer, "Strict-Transport-Security"), "max-age=31536000");
    web_stop(&w);
}

/* ---- blocks ----------------------------------------------------------------------------------------------------- */

static bool has(const char *list, const char *address)
{
    struct aa_address_blocks blocks;
    struct aa_address one;
    bool is_in;

    CHECK_OK(aa_address_blocks_parse(list, &blocks, NULL));
    CHECK(aa_address_parse(VIEW(address), &one));
    is_in = aa_address_blocks_has(&blocks, &one);
    aa_address_blocks_clear(&blocks);
    return is_in;
}

TEST(address, a_block_has_its_addresses_and_no_others)
{
    CHECK(has("10.0.0.0/8", "10.255.255.255"));
    CHECK(!has("10.0.0.0/8", "11.0.0.0"));
    CHECK(has("192.0.2.128/25", "192.0.2.128"));
    CHECK(!has("192.0.2.128/25", "192.0.2.127"));
    CHECK(has("192.0.2.1", "192.0.2.1"));
    CHECK(!has("192.0.2.1", "192.0.2.0"));
    CHECK(has("2001:db8::/33", "2001:db8:7fff::1"));
    CHECK(!has("2001:db8::/33", "2001:db8:8000::1"));
    CHECK(has("0.0.0.0/0", "203.0.113.1"));
    CHECK(!has("0.0.0.0/0", "2001:db8::1"));
    CHECK(has("::/0", "203.0.113.1"));
    CHECK(has(" 192.0.2.1 , 192.0.2.3 ", "192.0.2.3"));
    CHECK(has("192.0.2.1", "::ffff:192.0.2.1"));
    CHECK(!has("", "192.0.2.1"));
}

TEST(address, what_is_no_block_is_refused)
{
    static const char *const lists[] = {"x",      "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/",   "10.0.0/8", "::/129",
                                        "::1%lo", "10.0.0.1,",   "10.0.0.1;::", "[::1]",       "/8",       "010.0.0.1",
                                        " ",      "1.2.3.4.5",   "10.0.0.0/8/", "10.0.0.0/08", "1.2.3.4:5"};
    struct aa_address_blocks blocks;

    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        if (aa_address_blocks_parse(lists[i], &blocks, NULL) != AA_ERR_OPTION_INVALID)
            fail_msg("%s was taken", lists[i]);
    }
}

TEST(address, a_customer_is_an_ipv4_address_or_an_ipv6_64)
{
    static const struct {
        const char *from, *to;
    } rows[] = {{"192.0.2.7", "192.0.2.7"}, {"2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"}, {"::1", "::"}};
    char text[AA_ADDRESS_TEXT_MAX];

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct aa_address address;

        CHECK(aa_address_parse(VIEW(rows[i].from), &address));
        address = aa_address_customer(&address);
        aa_address_format(&address, text);
        CHECK_TEXT(text, rows[i].to);
    }
}

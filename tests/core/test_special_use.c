/* Which addresses are the Internet's: the first and the last of every block, and their neighbours. */
#include "net/special_use.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "support/test.h"

union any_address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    struct sockaddr_un local;
};

static union any_address address_of(const char *text)
{
    union any_address address;

    memset(&address, 0, sizeof address);
    address.any.sa_family = strchr(text, ':') ? AF_INET6 : AF_INET;
    CHECK_INT(
        inet_pton(address.any.sa_family, text,
                  address.any.sa_family == AF_INET6 ? (void *)&address.v6.sin6_addr : (void *)&address.v4.sin_addr),
        1);
    return address;
}

static bool is_special(const char *text)
{
    union any_address address = address_of(text);

    return aa_address_is_special(&address.any);
}

static bool is_loopback(const char *text)
{
    union any_address address = address_of(text);

    return aa_address_is_loopback(&address.any);
}

/* One block, and the addresses just outside; NULL where a neighbour is special itself. */
struct block_case {
    const char *before, *first, *last, *after;
};

static void check_blocks(const struct block_case *blocks, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct block_case *block = &blocks[i];

        if (!is_special(block->first) || !is_special(block->last))
            fail_msg("%s to %s is not special", block->first, block->last);
        if (block->before && is_special(block->before))
            fail_msg("%s is special", block->before);
        if (block->after && is_special(block->after))
            fail_msg("%s is special", block->after);
    }
}

TEST(special_use, blocks_of_ipv4_are_special_from_the_first_address_to_the_last)
{
    static const struct block_case blocks[] = {
        {NULL, "0.0.0.0", "0.255.255.255", "1.0.0.0"},
        {"9.255.255.255", "10.0.0.0", "10.255.255.255", "11.0.0.0"},
        {"100.63.255.255", "100.64.0.0", "100.127.255.255", "100.128.0.0"},
        {"126.255.255.255", "127.0.0.0", "127.255.255.255", "128.0.0.0"},
        {"169.253.255.255", "169.254.0.0", "169.254.255.255", "169.255.0.0"},
        {"172.15.255.255", "172.16.0.0", "172.31.255.255", "172.32.0.0"},
        {"191.255.255.255", "192.0.0.0", "192.0.0.255", "192.0.1.0"},
        {"192.0.1.255", "192.0.2.0", "192.0.2.255", "192.0.3.0"},
        {"192.88.98.255", "192.88.99.0", "192.88.99.255", "192.88.100.0"},
        {"192.167.255.255", "192.168.0.0", "192.168.255.255", "192.169.0.0"},
        {"198.17.255.255", "198.18.0.0", "198.19.255.255", "198.20.0.0"},
        {"198.51.99.255", "198.51.100.0", "198.51.100.255", "198.51.101.0"},
        {"203.0.112.255", "203.0.113.0", "203.0.113.255", "203.0.114.0"},
        {"223.255.255.255", "224.0.0.0", "239.255.255.255", NULL},
        {NULL, "240.0.0.0", "255.255.255.255", NULL},
    };

    check_blocks(blocks, sizeof blocks / sizeof blocks[0]);
}

TEST(special_use, blocks_of_ipv6_are_special_from_the_first_address_to_the_last)
{
    static const struct block_case blocks[] = {
        {NULL, "::", "1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "2000::"},
        {"2000:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "2001::", "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff", "2001:200::"},
        {"2001:db7:ffff:ffff:ffff:ffff:ffff:ffff", "2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff",
         "2001:db9::"},
        {"2001:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "2002::", "2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "2003::"},
        {"3ffe:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "3fff::", "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff", "3fff:1000::"},
        {"3fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "4000::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", NULL},
    };

    check_blocks(blocks, sizeof blocks / sizeof blocks[0]);
}

TEST(special_use, what_is_outside_of_2000_3_is_special)
{
    static const char *const special[] = {
        "::1",
        "::ffff:127.0.0.1",
        "::ffff:93.184.215.14",
        "::93.184.215.14",
        "64:ff9b:1::808:808",
        "100::1",
        "5f00::1",
        "fc00::1",
        "fd12:3456::1",
        "fe80::1",
        "fec0::1",
        "ff02::1",
        "ff0e::101",
        "64:ff9b:0:1::808:808",
    };

    for (size_t i = 0; i < sizeof special / sizeof special[0]; i++) {
        if (!is_special(special[i]))
            fail_msg("%s is not special", special[i]);
    }
    CHECK(!is_special("2606:4700::6810:84e5"));
}

TEST(special_use, an_address_behind_nat64_is_as_special_as_the_ipv4_address_in_it)
{
    CHECK(is_special("64:ff9b::127.0.0.1"));
    CHECK(is_special("64:ff9b::10.255.255.255"));
    CHECK(is_special("64:ff9b::169.254.169.254"));
    CHECK(!is_special("64:ff9b::11.0.0.0"));
    CHECK(!is_special("64:ff9b::93.184.215.14"));
}

TEST(special_use, another_family_is_special)
{
    union any_address address = address_of("93.184.215.14");

    CHECK(!aa_address_is_special(&address.any));
    address.any.sa_family = AF_UNIX;
    CHECK(aa_address_is_special(&address.any));
    CHECK(!aa_address_is_loopback(&address.any));
    address.any.sa_family = AF_UNSPEC;
    CHECK(aa_address_is_special(&address.any));
    CHECK(!aa_address_is_loopback(&address.any));
}

TEST(special_use, loopback_is_127_8_and_1)
{
    CHECK(is_loopback("127.0.0.0"));
    CHECK(is_loopback("127.0.0.1"));
    CHECK(is_loopback("127.255.255.255"));
    CHECK(is_loopback("::1"));
    CHECK(!is_loopback("126.255.255.255"));
    CHECK(!is_loopback("128.0.0.0"));
    CHECK(!is_loopback("0.0.0.0"));
    CHECK(!is_loopback("10.0.0.1"));
    CHECK(!is_loopback("::"));
    CHECK(!is_loopback("::2"));
    CHECK(!is_loopback("1::1"));
    CHECK(!is_loopback("::ffff:127.0.0.1"));
    CHECK(!is_loopback("64:ff9b::127.0.0.1"));
}

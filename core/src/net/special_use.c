#include "net/special_use.h"

#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

/* The first 32 bits of an address, and how many of them count: no block here is longer. */
struct block {
    uint32_t first;
    int bits;
};

#define V4(a, b, c, d) ((uint32_t)(a) << 24 | (uint32_t)(b) << 16 | (uint32_t)(c) << 8 | (uint32_t)(d))
#define V6(a, b) ((uint32_t)(a) << 16 | (uint32_t)(b))
#define COUNT(table) (sizeof(table) / sizeof(table)[0])

/* IANA IPv4 Special-Purpose Address Registry, and what is no unicast. 192.0.0.0/24 and 2001::/23 hold a few addresses
 * that are reachable (anycast of protocols): no web server is among them. */
static const struct block special_v4[] = {
    {V4(0, 0, 0, 0), 8},       /* "this network", RFC 791 */
    {V4(10, 0, 0, 0), 8},      /* private use, RFC 1918 */
    {V4(100, 64, 0, 0), 10},   /* shared address space of carriers, RFC 6598 */
    {V4(127, 0, 0, 0), 8},     /* loopback, RFC 1122 */
    {V4(169, 254, 0, 0), 16},  /* link local, RFC 3927; the metadata service of most clouds */
    {V4(172, 16, 0, 0), 12},   /* private use */
    {V4(192, 0, 0, 0), 24},    /* IETF protocol assignments, RFC 6890 */
    {V4(192, 0, 2, 0), 24},    /* documentation, RFC 5737 */
    {V4(192, 88, 99, 0), 24},  /* 6to4 relays, RFC 7526: reach into IPv6 addresses made of IPv4 ones */
    {V4(192, 168, 0, 0), 16},  /* private use */
    {V4(198, 18, 0, 0), 15},   /* benchmarking, RFC 2544 */
    {V4(198, 51, 100, 0), 24}, /* documentation */
    {V4(203, 0, 113, 0), 24},  /* documentation */
    {V4(224, 0, 0, 0), 4},     /* multicast, RFC 5771 */
    {V4(240, 0, 0, 0), 4},     /* reserved, RFC 1112; limited broadcast */
};

/* Unicast of the Internet is assigned from 2000::/3 alone; the rest is special by that. */
static const struct block global_v6 = {V6(0x2000, 0), 3};

/* IANA IPv6 Special-Purpose Address Registry, within 2000::/3. */
static const struct block special_v6[] = {
    {V6(0x2001, 0x0000), 23}, /* IETF protocol assignments, RFC 2928; Teredo, RFC 4380, holds an IPv4 address */
    {V6(0x2001, 0x0db8), 32}, /* documentation, RFC 3849 */
    {V6(0x2002, 0x0000), 16}, /* 6to4, RFC 3056: holds an IPv4 address */
    {V6(0x3fff, 0x0000), 20}, /* documentation, RFC 9637 */
};

static const struct block loopback_v4[] = {{V4(127, 0, 0, 0), 8}};

/* 64:ff9b::/96, whose last 32 bits are the IPv4 address that a translator goes on to (RFC 6052 §2.1). */
static const uint8_t nat64[12] = {0x00, 0x64, 0xff, 0x9b};

static bool is_in(uint32_t address, const struct block *blocks, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if ((address ^ blocks[i].first) >> (32 - blocks[i].bits) == 0)
            return true;
    }
    return false;
}

static uint32_t read_32(const uint8_t *bytes)
{
    return V4(bytes[0], bytes[1], bytes[2], bytes[3]);
}

static uint32_t v4_of(const struct sockaddr *address)
{
    struct sockaddr_in v4;

    memcpy(&v4, address, sizeof v4);
    return ntohl(v4.sin_addr.s_addr);
}

static struct in6_addr v6_of(const struct sockaddr *address)
{
    struct sockaddr_in6 v6;

    memcpy(&v6, address, sizeof v6);
    return v6.sin6_addr;
}

static bool is_special_v6(const uint8_t *bytes)
{
    uint32_t start = read_32(bytes);

    if (memcmp(bytes, nat64, sizeof nat64) == 0)
        return is_in(read_32(bytes + sizeof nat64), special_v4, COUNT(special_v4));
    return !is_in(start, &global_v6, 1) || is_in(start, special_v6, COUNT(special_v6));
}

bool aa_address_is_special(const struct sockaddr *address)
{
    struct in6_addr v6;

    if (address->sa_family == AF_INET)
        return is_in(v4_of(address), special_v4, COUNT(special_v4));
    if (address->sa_family != AF_INET6)
        return true;
    v6 = v6_of(address);
    return is_special_v6(v6.s6_addr);
}

bool aa_address_is_loopback(const struct sockaddr *address)
{
    struct in6_addr v6;

    if (address->sa_family == AF_INET)
        return is_in(v4_of(address), loopback_v4, COUNT(loopback_v4));
    if (address->sa_family != AF_INET6)
        return false;
    v6 = v6_of(address);
    return memcmp(&v6, &in6addr_loopback, sizeof v6) == 0;
}

#include "http/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "base/error.h"
#include "base/mem.h"

#define IPV4_AT 12 /* where the IPv4 address stands in its mapped form */
#define BLOCKS_MAX 256

static const uint8_t mapped_prefix[IPV4_AT] = {[10] = 0xff, [11] = 0xff};

/* ---- one address ------------------------------------------------------------------------------------------------ */

static void set_ipv4(struct aa_address *out, const void *four_bytes)
{
    memcpy(out->bytes, mapped_prefix, IPV4_AT);
    memcpy(out->bytes + IPV4_AT, four_bytes, 4);
}

static bool is_ipv4(const struct aa_address *address)
{
    return memcmp(address->bytes, mapped_prefix, IPV4_AT) == 0;
}

bool aa_address_of(const struct sockaddr *from, struct aa_address *out)
{
    struct sockaddr_in ipv4;
    struct sockaddr_in6 ipv6;

    switch (from->sa_family) {
    case AF_INET:
        memcpy(&ipv4, from, sizeof ipv4);
        set_ipv4(out, &ipv4.sin_addr);
        return true;
    case AF_INET6:
        memcpy(&ipv6, from, sizeof ipv6);
        memcpy(out->bytes, &ipv6.sin6_addr, sizeof out->bytes);
        return true;
    default:
        return false;
    }
}

bool aa_address_parse(struct aa_view text, struct aa_address *out)
{
    char copy[AA_ADDRESS_TEXT_MAX];
    struct in_addr ipv4;

    if (text.len == 0 || text.len >= sizeof copy || aa_view_find(text, '\0') != SIZE_MAX)
        return false;
    memcpy(copy, text.data, text.len);
    copy[text.len] = '\0';
    if (inet_pton(AF_INET6, copy, out->bytes) == 1)
        return true;
    if (inet_pton(AF_INET, copy, &ipv4) != 1)
        return false;
    set_ipv4(out, &ipv4);
    return true;
}

void aa_address_format(const struct aa_address *address, char text[AA_ADDRESS_TEXT_MAX])
{
    const char *done;

    if (is_ipv4(address))
        done = inet_ntop(AF_INET, address->bytes + IPV4_AT, text, AA_ADDRESS_TEXT_MAX);
    else
        done = inet_ntop(AF_INET6, address->bytes, text, AA_ADDRESS_TEXT_MAX);
    if (!done)
        text[0] = '\0';
}

bool aa_address_equal(const struct aa_address *a, const struct aa_address *b)
{
    return memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

struct aa_address aa_address_customer(const struct aa_address *address)
{
    struct aa_address customer = *address;

    if (!is_ipv4(address))
        memset(customer.bytes + 8, 0, 8);
    return customer;
}

/* ---- blocks ----------------------------------------------------------------------------------------------------- */

static bool parse_block(struct aa_view text, struct aa_address_block *out)
{
    struct aa_view address, bits;
    int64_t number, longest;

    aa_view_cut(text, '/', &address, &bits);
    if (!aa_address_parse(address, &out->address))
        return false;
    longest = is_ipv4(&out->address) ? 32 : 128;
    number = longest;
    if (!aa_view_is_absent(bits) && (aa_view_parse_int64(bits, &number) || number > longest))
        return false;
    out->bits = (int)(number + 128 - longest);
    return true;
}

static enum aa_err parse_blocks(struct aa_view list, struct aa_address_blocks *out, struct aa_error *err)
{
    while (!aa_view_is_absent(list)) {
        struct aa_view member;

        aa_view_cut(list, ',', &member, &list);
        member = aa_view_trim(member);
        if (out->count == BLOCKS_MAX || !parse_block(member, &out->blocks[out->count]))
            return aa_fail(err, AA_ERR_OPTION_INVALID,
                           "trusted proxies: \"%.*s\" is no IP address and no block like 10.0.0.0/8",
                           AA_VIEW_ARGS(member));
        out->count++;
    }
    return AA_OK;
}

enum aa_err aa_address_blocks_parse(const char *list, struct aa_address_blocks *out, struct aa_error *err)
{
    struct aa_address_blocks blocks = {NULL, 0};
    enum aa_err rc;

    if (list && *list) {
        blocks.blocks = aa_mem_new_array(BLOCKS_MAX, sizeof *blocks.blocks);
        if (!blocks.blocks)
            return aa_fail(err, AA_ERR_NOMEM, "no memory for the trusted proxies");
        rc = parse_blocks(aa_view_of(list), &blocks, err);
        if (rc) {
            aa_address_blocks_clear(&blocks);
            return rc;
        }
    }
    *out = blocks;
    return AA_OK;
}

void aa_address_blocks_clear(struct aa_address_blocks *blocks)
{
    aa_mem_free(blocks->blocks);
    *blocks = (struct aa_address_blocks){NULL, 0};
}

static bool block_has(const struct aa_address_block *block, const struct aa_address *address)
{
    size_t whole = (size_t)block->bits / 8;
    int rest = block->bits % 8;
    uint8_t mask = (uint8_t)(0xff00 >> rest);

    if (memcmp(block->address.bytes, address->bytes, whole) != 0)
        return false;
    return rest == 0 || ((block->address.bytes[whole] ^ address->bytes[whole]) & mask) == 0;
}

bool aa_address_blocks_has(const struct aa_address_blocks *blocks, const struct aa_address *address)
{
    size_t i;

    for (i = 0; i < blocks->count; i++) {
        if (block_has(&blocks->blocks[i], address))
            return true;
    }
    return false;
}

/* ---- what proxies say ------------------------------------------------------------------------------------------- */

/* Takes the last member off a comma-separated list; false when there is none left. */
static bool take_last(struct aa_view *list, struct aa_view *member)
{
    size_t at;

    if (aa_view_is_absent(*list))
        return false;
    for (at = list->len; at > 0 && list->data[at - 1] != ','; at--)
        continue;
    *member = aa_view_trim(aa_view_from(*list, at));
    *list = at ? aa_view_slice(*list, 0, at - 1) : AA_VIEW_ABSENT;
    return true;
}

/* A hop may carry a port: "192.0.2.1:4711", "[2001:db8::1]:4711", "[2001:db8::1]". */
static bool parse_hop(struct aa_view hop, struct aa_address *out)
{
    struct aa_view inner, rest;

    if (aa_address_parse(hop, out))
        return true;
    if (hop.len && hop.data[0] == '[')
        return aa_view_cut(aa_view_from(hop, 1), ']', &inner, &rest) && aa_address_parse(inner, out);
    return aa_view_cut(hop, ':', &inner, &rest) && aa_address_parse(inner, out);
}

struct aa_address aa_forwarded_client(const struct aa_address_blocks *trusted, const struct aa_address *peer,
                                      const struct aa_request *request)
{
    struct aa_address client = *peer, before;
    size_t i;

    for (i = request->header_count; i > 0; i--) {
        struct aa_view list = request->headers[i - 1].value, hop;

        if (!aa_view_equal_nocase(request->headers[i - 1].name, AA_VIEW("X-Forwarded-For")))
            continue;
        while (aa_address_blocks_has(trusted, &client) && take_last(&list, &hop)) {
            before = client;
            if (!parse_hop(hop, &client))
                return before;
        }
    }
    return client;
}

bool aa_forwarded_https(const struct aa_address_blocks *trusted, const struct aa_address *peer,
                        const struct aa_request *request)
{
    size_t i;

    if (!aa_address_blocks_has(trusted, peer))
        return false;
    for (i = request->header_count; i > 0; i--) {
        struct aa_view list = request->headers[i - 1].value, last;

        if (aa_view_equal_nocase(request->headers[i - 1].name, AA_VIEW("X-Forwarded-Proto")))
            return take_last(&list, &last) && aa_view_equal_nocase(last, AA_VIEW("https"));
    }
    return false;
}

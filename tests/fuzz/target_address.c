/* Addresses and blocks: a list of trusted proxies on the first line, the X-Forwarded-For they might send behind it. */
#include "http/address.h"

#include "base/mem.h"
#include "fuzz.h"

/* The text of an address is that address, and no other text is written for it. */
static void check_text(const struct aa_address *address)
{
    char text[AA_ADDRESS_TEXT_MAX], twice[AA_ADDRESS_TEXT_MAX];
    struct aa_address again;

    aa_address_format(address, text);
    MUST(aa_address_parse(aa_view_of(text), &again));
    MUST(aa_address_equal(address, &again));
    aa_address_format(&again, twice);
    MUST(strcmp(text, twice) == 0);
}

static void check_customer(const struct aa_address *address)
{
    struct aa_address customer = aa_address_customer(address), again = aa_address_customer(&customer);

    MUST(aa_address_equal(&customer, &again));
    MUST(memcmp(customer.bytes, address->bytes, 8) == 0);
}

static void check_blocks(const struct aa_address_blocks *blocks)
{
    for (size_t i = 0; i < blocks->count; i++) {
        const struct aa_address_block *block = &blocks->blocks[i];
        struct aa_address outside = block->address;

        MUST(block->bits >= 0 && block->bits <= 128);
        MUST(aa_address_blocks_has(&(struct aa_address_blocks){(struct aa_address_block *)block, 1}, &block->address));
        check_text(&block->address);
        if (block->bits == 0)
            continue;
        outside.bytes[(block->bits - 1) / 8] ^= (uint8_t)(0x80 >> ((block->bits - 1) % 8)); /* its last bit */
        MUST(!aa_address_blocks_has(&(struct aa_address_blocks){(struct aa_address_block *)block, 1}, &outside));
    }
}

/* A peer that is not trusted speaks for nobody; the client found is the peer itself or stands in the header. */
static void check_forwarded(const struct aa_address_blocks *trusted, struct aa_view header)
{
    struct aa_request request = {.headers = {{AA_VIEW("X-Forwarded-For"), header}}, .header_count = 1};
    struct aa_address stranger, proxy, client;

    MUST(aa_address_parse(AA_VIEW("203.0.113.7"), &stranger));
    client = aa_forwarded_client(trusted, &stranger, &request);
    if (!aa_address_blocks_has(trusted, &stranger))
        MUST(aa_address_equal(&client, &stranger));
    if (trusted->count == 0)
        return;
    proxy = trusted->blocks[0].address;
    client = aa_forwarded_client(trusted, &proxy, &request);
    check_text(&client);
    check_customer(&client);
    MUST(aa_address_equal(&client, &proxy) || header.len > 1);
    request.headers[0] = (struct aa_header){AA_VIEW("X-Forwarded-Proto"), header};
    MUST(!aa_forwarded_https(trusted, &proxy, &request) || header.len >= 5);
}

bool fuzz_one(struct aa_view input)
{
    struct aa_view rest = input, line = fuzz_take_line(&rest);
    struct aa_address_blocks blocks;
    struct aa_address address;
    char *list = aa_mem_copy_text(line.data, line.len);
    enum aa_err rc;

    MUST(list != NULL);
    if (aa_address_parse(line, &address)) {
        check_text(&address);
        check_customer(&address);
    }
    rc = aa_address_blocks_parse(list, &blocks, NULL);
    aa_mem_free(list);
    if (rc)
        return false;
    check_blocks(&blocks);
    check_forwarded(&blocks, aa_view_is_absent(rest) ? AA_VIEW("") : rest);
    aa_address_blocks_clear(&blocks);
    return true;
}

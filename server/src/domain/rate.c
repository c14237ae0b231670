#include "domain/rate.h"

#include "base/error.h"

#define TEXT_MAX 512 /* a name of the DNS among them */
#define GROUPS 8
#define NETWORK_GROUPS 4          /* 64 bits */
#define MAPPED AA_VIEW("::ffff:") /* RFC 4291 §2.5.5.2 */

static bool read_group(struct aa_view text, unsigned *group)
{
    size_t i;
    unsigned value = 0;

    if (text.len == 0 || text.len > 4)
        return false;
    for (i = 0; i < text.len; i++) {
        char c = text.data[i];

        if (c >= '0' && c <= '9')
            value = value * 16 + (unsigned)(c - '0');
        else if (c >= 'a' && c <= 'f')
            value = value * 16 + (unsigned)(c - 'a' + 10);
        else
            return false;
    }
    *group = value;
    return true;
}

/* The groups of "a:b:c"; *count grows. An empty text has none. */
static bool read_groups(struct aa_view text, unsigned groups[GROUPS], size_t *count)
{
    struct aa_view head;

    while (text.len > 0) {
        aa_view_cut(text, ':', &head, &text);
        if (*count == GROUPS || !read_group(head, &groups[*count]))
            return false;
        (*count)++;
    }
    return true;
}

static size_t find_gap(struct aa_view address)
{
    size_t i;

    for (i = 0; i + 1 < address.len; i++)
        if (address.data[i] == ':' && address.data[i + 1] == ':')
            return i;
    return SIZE_MAX;
}

/* Front groups, the gap "::" as zeros, back groups. */
static bool read_ipv6(struct aa_view address, unsigned out[GROUPS])
{
    unsigned front[GROUPS] = {0}, back[GROUPS] = {0};
    size_t front_count = 0, back_count = 0, gap = find_gap(address), i;

    if (!read_groups(gap == SIZE_MAX ? address : aa_view_slice(address, 0, gap), front, &front_count))
        return false;
    if (gap != SIZE_MAX && !read_groups(aa_view_from(address, gap + 2), back, &back_count))
        return false;
    if (front_count + back_count > GROUPS || (gap == SIZE_MAX && front_count != GROUPS))
        return false;
    for (i = 0; i < GROUPS; i++)
        out[i] = i < front_count ? front[i] : i >= GROUPS - back_count ? back[i - (GROUPS - back_count)] : 0;
    return true;
}

void aa_rate_key_add(struct aa_buf *buf, struct aa_view address)
{
    unsigned groups[GROUPS];
    size_t i;

    if (aa_view_has_prefix(address, MAPPED) && aa_view_find(address, '.') != SIZE_MAX)
        address = aa_view_from(address, MAPPED.len);
    if (aa_view_find(address, ':') == SIZE_MAX || !read_ipv6(address, groups)) {
        aa_buf_add(buf, address);
        return;
    }
    for (i = 0; i < NETWORK_GROUPS; i++)
        aa_buf_add_format(buf, "%x:", groups[i]);
    aa_buf_add_text(buf, ":/64");
}

enum aa_err aa_rate_key_build(const char *what, struct aa_view address, int64_t now_ms, int64_t window_ms,
                              uint8_t key[AA_SHA256_LEN], struct aa_error *err)
{
    struct aa_buf text;
    enum aa_err rc;

    aa_buf_init(&text, TEXT_MAX);
    aa_buf_add_format(&text, "%s %lld ", what, (long long)(now_ms / window_ms));
    aa_rate_key_add(&text, address);
    rc = aa_buf_check(&text, "an address", err);
    if (!rc && aa_sha256(aa_buf_view(&text), key))
        rc = aa_fail(err, AA_ERR_CRYPTO, "SHA-256 failed");
    aa_buf_clear(&text);
    return rc;
}

/* Under what name an address is counted. */
#include "domain/rate.h"

#include "support/test.h"

static void check_key(const char *address, const char *wanted)
{
    struct aa_buf buf;

    aa_buf_init(&buf, 128);
    aa_rate_key_add(&buf, VIEW(address));
    CHECK_VIEW(aa_buf_view(&buf), wanted);
    aa_buf_clear(&buf);
}

TEST(rate, an_ipv4_address_counts_whole)
{
    check_key("192.0.2.1", "192.0.2.1");
    check_key("192.0.2.2", "192.0.2.2");
}

TEST(rate, an_ipv6_address_counts_by_its_64_network_bits)
{
    check_key("2001:db8:0:1::1", "2001:db8:0:1::/64");
    check_key("2001:db8:0:1:ffff:ffff:ffff:ffff", "2001:db8:0:1::/64");
    check_key("2001:db8::1:0:0:0:1", "2001:db8:0:1::/64");
    check_key("2001:db8:0:2::1", "2001:db8:0:2::/64");
    check_key("2001:db8::1", "2001:db8:0:0::/64");
    check_key("::1", "0:0:0:0::/64");
    check_key("1:2:3:4:5:6:7::", "1:2:3:4::/64");
}

TEST(rate, ipv4_written_as_ipv6_counts_as_ipv4)
{
    check_key("::ffff:192.0.2.1", "192.0.2.1");
}

TEST(rate, anything_else_stands_for_itself)
{
    check_key("", "");
    check_key("unix", "unix");
    check_key("1:2:3", "1:2:3");
    check_key("1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7:8:9");
    check_key("12345::1", "12345::1");
    check_key("g::1", "g::1");
    check_key(":::", ":::");
}

static void check_same_key(const char *a, int64_t a_ms, const char *b, int64_t b_ms, bool same)
{
    uint8_t keys[2][AA_SHA256_LEN];

    CHECK_OK(aa_rate_key_build("what", VIEW(a), a_ms, 1000, keys[0], NULL));
    CHECK_OK(aa_rate_key_build("what", VIEW(b), b_ms, 1000, keys[1], NULL));
    CHECK_INT(memcmp(keys[0], keys[1], AA_SHA256_LEN) == 0, same);
}

TEST(rate, a_key_is_of_one_address_and_one_stretch_of_time)
{
    check_same_key("192.0.2.1", 5000, "192.0.2.1", 5999, true);
    check_same_key("192.0.2.1", 5000, "192.0.2.1", 6000, false);
    check_same_key("192.0.2.1", 5000, "192.0.2.2", 5000, false);
    check_same_key("2001:db8::1", 5000, "2001:db8::2", 5000, true);
}

#include "base/view.h"

#include "support/test.h"

TEST(view, absent_equals_only_absent)
{
    CHECK(aa_view_equal(AA_VIEW_ABSENT, AA_VIEW_ABSENT));
    CHECK(!aa_view_equal(AA_VIEW_ABSENT, VIEW("")));
    CHECK(!aa_view_equal(VIEW(""), AA_VIEW_ABSENT));
    CHECK(aa_view_equal(VIEW(""), VIEW("")));
    CHECK(!aa_view_equal_nocase(AA_VIEW_ABSENT, VIEW("")));
    CHECK(aa_view_equal_text(AA_VIEW_ABSENT, NULL));
    CHECK(!aa_view_equal_text(VIEW(""), NULL));
}

TEST(view, equality_is_byte_for_byte)
{
    CHECK(aa_view_equal(VIEW("abc"), VIEW("abc")));
    CHECK(!aa_view_equal(VIEW("abc"), VIEW("abd")));
    CHECK(!aa_view_equal(VIEW("abc"), VIEW("ab")));
    CHECK(!aa_view_equal(AA_VIEW("a\0b"), AA_VIEW("a\0c")));
    CHECK(aa_view_equal(AA_VIEW("a\0b"), AA_VIEW("a\0b")));
}

TEST(view, case_is_folded_for_ascii_letters_alone)
{
    CHECK(aa_view_equal_nocase(VIEW("aZ-9"), VIEW("Az-9")));
    CHECK(!aa_view_equal_nocase(VIEW("@"), VIEW("`")));
    CHECK(!aa_view_equal_nocase(VIEW("["), VIEW("{")));
    CHECK(!aa_view_equal_nocase(VIEW("Ä"), VIEW("ä")));
    CHECK(!aa_view_equal_nocase(VIEW("ab"), VIEW("abc")));
}

TEST(view, prefixes_and_suffixes)
{
    CHECK(aa_view_has_prefix(VIEW("files:read"), VIEW("files:")));
    CHECK(aa_view_has_prefix(VIEW("a"), VIEW("a")));
    CHECK(aa_view_has_prefix(VIEW("a"), VIEW("")));
    CHECK(!aa_view_has_prefix(VIEW("a"), VIEW("ab")));
    CHECK(!aa_view_has_prefix(AA_VIEW_ABSENT, VIEW("")));
    CHECK(aa_view_has_suffix(VIEW("files:*"), VIEW(":*")));
    CHECK(!aa_view_has_suffix(VIEW("*"), VIEW(":*")));
    CHECK(!aa_view_has_suffix(VIEW("ab"), VIEW("a")));
}

TEST(view, cutting_and_slicing_stay_inside)
{
    struct aa_view head;
    struct aa_view tail;

    CHECK(aa_view_cut(VIEW("a=b=c"), '=', &head, &tail));
    CHECK_VIEW(head, "a");
    CHECK_VIEW(tail, "b=c");
    CHECK(aa_view_cut(VIEW("a="), '=', &head, &tail));
    CHECK_VIEW(tail, "");
    CHECK(!aa_view_cut(VIEW("a"), '=', &head, &tail));
    CHECK_VIEW(head, "a");
    CHECK(aa_view_is_absent(tail));
    CHECK(!aa_view_cut(AA_VIEW_ABSENT, '=', &head, &tail));
    CHECK_VIEW(aa_view_from(VIEW("abc"), 1), "bc");
    CHECK_VIEW(aa_view_from(VIEW("abc"), 9), "");
    CHECK_VIEW(aa_view_slice(VIEW("abc"), 1, 1), "b");
    CHECK_VIEW(aa_view_slice(VIEW("abc"), 2, SIZE_MAX), "c");
    CHECK(aa_view_is_absent(aa_view_from(AA_VIEW_ABSENT, 1)));
    CHECK_INT(aa_view_find(VIEW("abc"), 'c'), 2);
    CHECK(aa_view_find(VIEW("abc"), 'd') == SIZE_MAX);
    CHECK(aa_view_find(AA_VIEW_ABSENT, 'd') == SIZE_MAX);
}

TEST(view, trimming_takes_spaces_and_tabs_alone)
{
    CHECK_VIEW(aa_view_trim(VIEW(" \t a b\t ")), "a b");
    CHECK_VIEW(aa_view_trim(VIEW(" \t ")), "");
    CHECK_VIEW(aa_view_trim(VIEW("\na\r")), "\na\r");
    CHECK(aa_view_is_absent(aa_view_trim(AA_VIEW_ABSENT)));
}

/* RFC 3629 §4: the borders of each range. */
TEST(view, utf8_is_well_formed_or_it_is_not)
{
    static const char *const good[] = {"",
                                       "abc",
                                       "\x7f",
                                       "\xc2\x80",
                                       "\xdf\xbf",
                                       "\xe0\xa0\x80",
                                       "\xed\x9f\xbf",
                                       "\xee\x80\x80",
                                       "\xef\xbf\xbf",
                                       "\xf0\x90\x80\x80",
                                       "\xf4\x8f\xbf\xbf",
                                       "Žofie 🦊"};
    static const char *const bad[] = {"\x80",
                                      "\xbf",
                                      "\xc0\x80",
                                      "\xc1\xbf",
                                      "\xc2",
                                      "\xc2\x7f",
                                      "\xc2\xc0",
                                      "\xe0\x9f\xbf",
                                      "\xe0\xa0",
                                      "\xed\xa0\x80",
                                      "\xed\xbf\xbf",
                                      "\xf0\x8f\xbf\xbf",
                                      "\xf0\x90\x80",
                                      "\xf4\x90\x80\x80",
                                      "\xf5\x80\x80\x80",
                                      "\xfe",
                                      "\xff",
                                      "a\xff",
                                      "\xe2\x82\x28"};

    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        CHECK(aa_view_is_utf8(VIEW(good[i])));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        CHECK(!aa_view_is_utf8(VIEW(bad[i])));
    CHECK(!aa_view_is_utf8(AA_VIEW("a\0b")));
    CHECK(aa_view_is_utf8(AA_VIEW_ABSENT));
}

TEST(view, a_foreign_byte_is_seen_wherever_it_stands)
{
    static const char foreign[] = {'\0', '\x80', '\xff'};
    char text[40];

    for (size_t len = 1; len <= sizeof text; len++) {
        memset(text, '\x7f', len);
        CHECK(aa_view_is_utf8(aa_view_make(text, len)));
        for (size_t at = 0; at < len; at++) {
            for (size_t i = 0; i < sizeof foreign; i++) {
                text[at] = foreign[i];
                CHECK(!aa_view_is_utf8(aa_view_make(text, len)));
            }
            text[at] = '\x01';
        }
        CHECK(aa_view_is_utf8(aa_view_make(text, len)));
    }
}

TEST(view, a_utf8_sequence_is_measured)
{
    CHECK_INT(aa_view_utf8_len(VIEW("abc")), 1);
    CHECK_INT(aa_view_utf8_len(VIEW("éa")), 2);
    CHECK_INT(aa_view_utf8_len(VIEW("€a")), 3);
    CHECK_INT(aa_view_utf8_len(VIEW("🦊a")), 4);
    CHECK_INT(aa_view_utf8_len(VIEW("\xff")), 0);
    CHECK_INT(aa_view_utf8_len(aa_view_make("€", 2)), 0);
    CHECK_INT(aa_view_utf8_len(VIEW("")), 0);
}

TEST(view, printable_ascii_is_20_to_7e)
{
    CHECK(aa_view_is_printable_ascii(VIEW(" ~")));
    CHECK(!aa_view_is_printable_ascii(VIEW("\x1f")));
    CHECK(!aa_view_is_printable_ascii(VIEW("\x7f")));
    CHECK(!aa_view_is_printable_ascii(VIEW("é")));
    CHECK(!aa_view_is_printable_ascii(AA_VIEW("\0")));
}

TEST(view, whole_numbers_have_one_spelling)
{
    static const char *const bad[] = {
        "", "+1", "-1", " 1", "1 ", "01", "00", "0x1", "1.0", "1e3", "9223372036854775808", "99999999999999999999",
        "١"};
    int64_t number = 0;

    CHECK_OK(aa_view_parse_int64(VIEW("0"), &number));
    CHECK_INT(number, 0);
    CHECK_OK(aa_view_parse_int64(VIEW("9223372036854775807"), &number));
    CHECK(number == INT64_MAX);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        CHECK_ERR(aa_view_parse_int64(VIEW(bad[i]), &number), AA_ERR_NUMBER_RANGE);
    CHECK(number == INT64_MAX);
    CHECK_ERR(aa_view_parse_int64(AA_VIEW_ABSENT, &number), AA_ERR_NUMBER_RANGE);
}

#include "base/buf.h"

#include "base/mem.h"
#include "support_memory.h"

/* Runs `append` on a fresh buffer and compares what came of it. */
static void check_added(void (*append)(struct aa_buf *, struct aa_view), struct aa_view in, const char *wanted)
{
    struct aa_buf buf;

    aa_buf_init(&buf, 1024);
    append(&buf, in);
    CHECK_OK(aa_buf_check(&buf, "a text", NULL));
    CHECK_VIEW(aa_buf_view(&buf), wanted);
    aa_buf_clear(&buf);
}

TEST(buf, bytes_as_hexadecimal_digits)
{
    struct aa_buf buf;

    aa_buf_init(&buf, 100);
    aa_buf_add_hex(&buf, aa_view_make("\x00\x09\x0a\x7f\x80\xff", 6));
    CHECK_VIEW(aa_buf_view(&buf), "00090a7f80ff");
    aa_buf_add_hex(&buf, AA_VIEW_ABSENT);
    CHECK_INT(buf.len, 12);
    aa_buf_clear(&buf);
}

TEST(buf, grows_up_to_its_largest_size_and_not_further)
{
    struct aa_buf buf;

    aa_buf_init(&buf, 1000);
    for (int i = 0; i < 1000; i++)
        aa_buf_add_char(&buf, 'a');
    CHECK_OK(aa_buf_check(&buf, "a text", NULL));
    CHECK_INT(buf.len, 1000);
    aa_buf_add_char(&buf, 'b');
    CHECK_ERR(aa_buf_check(&buf, "a text", NULL), AA_ERR_TOO_LONG);
    CHECK_INT(buf.len, 1000);
    aa_buf_clear(&buf);
}

TEST(buf, a_size_that_cannot_be_doubled_is_no_endless_loop)
{
    struct aa_buf buf;

    aa_buf_init(&buf, SIZE_MAX);
    aa_buf_add(&buf, aa_view_make("", SIZE_MAX / 2));
    CHECK_ERR(aa_buf_check(&buf, "a text", NULL), AA_ERR_NOMEM);
    aa_buf_reset(&buf);
    aa_buf_add(&buf, aa_view_make("", SIZE_MAX));
    CHECK_ERR(aa_buf_check(&buf, "a text", NULL), AA_ERR_NOMEM);
    aa_buf_reset(&buf);
    aa_buf_add_text(&buf, "ok");
    CHECK_OK(aa_buf_check(&buf, "a text", NULL));
    aa_buf_clear(&buf);
}

TEST(buf, the_first_failure_sticks)
{
    struct aa_error err = AA_ERROR_INIT;
    struct aa_buf buf;

    aa_buf_init(&buf, 3);
    aa_buf_add_text(&buf, "ab");
    aa_buf_add_text(&buf, "cd");
    aa_buf_add_text(&buf, "e");
    CHECK_VIEW(aa_buf_view(&buf), "ab");
    CHECK_ERR(aa_buf_check(&buf, "the thing", &err), AA_ERR_TOO_LONG);
    CHECK_TEXT(err.message, "the thing is longer than 3 bytes");
    CHECK(aa_buf_take(&buf) == NULL);
    aa_buf_reset(&buf);
    aa_buf_add_text(&buf, "xyz");
    CHECK_OK(aa_buf_check(&buf, "the thing", NULL));
    CHECK_VIEW(aa_buf_view(&buf), "xyz");
    aa_buf_clear(&buf);
}

TEST(buf, the_text_always_ends_with_nul)
{
    struct aa_buf buf;

    aa_buf_init(&buf, 100);
    CHECK_TEXT(aa_buf_text(&buf), "");
    aa_buf_add(&buf, AA_VIEW_ABSENT);
    CHECK_TEXT(aa_buf_text(&buf), "");
    aa_buf_add_text(&buf, "abc");
    CHECK_TEXT(aa_buf_text(&buf), "abc");
    aa_buf_cut(&buf, 1);
    CHECK_TEXT(aa_buf_text(&buf), "a");
    aa_buf_cut(&buf, 5);
    CHECK_TEXT(aa_buf_text(&buf), "a");
    aa_buf_reset(&buf);
    CHECK_TEXT(aa_buf_text(&buf), "");
    aa_buf_wipe_clear(&buf);
    CHECK_TEXT(aa_buf_text(&buf), "");
    aa_buf_add_int(&buf, INT64_MIN);
    CHECK_TEXT(aa_buf_text(&buf), "-9223372036854775808");
    aa_buf_clear(&buf);
}

static void check_number(int64_t number, const char *wanted)
{
    struct aa_buf buf;

    aa_buf_init(&buf, 20);
    aa_buf_add_int(&buf, number);
    CHECK_TEXT(aa_buf_text(&buf), wanted);
    aa_buf_clear(&buf);
}

TEST(buf, numbers_are_decimal)
{
    check_number(0, "0");
    check_number(-1, "-1");
    check_number(9, "9");
    check_number(10, "10");
    check_number(1893456000, "1893456000");
    check_number(INT64_MAX, "9223372036854775807");
    check_number(INT64_MIN, "-9223372036854775808");
}

TEST(buf, room_that_is_expected_holds_nothing_yet)
{
    struct aa_buf buf;
    const char *data;

    aa_buf_init(&buf, 100);
    aa_buf_expect(&buf, 90);
    CHECK_TEXT(aa_buf_text(&buf), "");
    data = buf.data;
    for (int i = 0; i < 90; i++)
        aa_buf_add_char(&buf, 'x');
    CHECK(buf.data == data);
    aa_buf_expect(&buf, SIZE_MAX); /* no more than there may be, and no failure */
    for (int i = 0; i < 10; i++)
        aa_buf_add_char(&buf, 'x');
    CHECK_OK(aa_buf_check(&buf, "a text", NULL));
    aa_buf_clear(&buf);
}

TEST(buf, room_is_given_for_the_caller_to_write)
{
    struct aa_buf buf;
    char *room;

    aa_buf_init(&buf, 5);
    aa_buf_add_text(&buf, "ab");
    room = aa_buf_add_room(&buf, 3);
    memcpy(room, "cde", 3);
    CHECK_TEXT(aa_buf_text(&buf), "abcde");
    CHECK(aa_buf_add_room(&buf, 1) == NULL);
    CHECK_ERR(aa_buf_check(&buf, "a text", NULL), AA_ERR_TOO_LONG);
    aa_buf_clear(&buf);
}

TEST(buf, what_is_cut_off_is_overwritten)
{
    struct aa_buf buf;

    aa_buf_init(&buf, 100);
    aa_buf_add_text(&buf, "a secret");
    aa_buf_cut(&buf, 2);
    for (size_t i = 2; i < 8; i++)
        CHECK_INT(buf.data[i], 0);
    aa_buf_clear(&buf);
}

TEST(buf, taking_hands_the_memory_over)
{
    struct aa_buf buf;
    char *text;

    aa_buf_init(&buf, 100);
    aa_buf_add_format(&buf, "%s-%d", "x", 7);
    text = aa_buf_take(&buf);
    CHECK_TEXT(text, "x-7");
    CHECK_INT(buf.len, 0);
    aa_mem_free(text);
    text = aa_buf_take(&buf);
    CHECK_TEXT(text, "");
    aa_mem_free(text);
}

/* RFC 4648 §10 and §5. */
TEST(buf, base64url_is_that_of_the_rfc_without_padding)
{
    check_added(aa_buf_add_base64url, VIEW(""), "");
    check_added(aa_buf_add_base64url, VIEW("f"), "Zg");
    check_added(aa_buf_add_base64url, VIEW("fo"), "Zm8");
    check_added(aa_buf_add_base64url, VIEW("foo"), "Zm9v");
    check_added(aa_buf_add_base64url, VIEW("foob"), "Zm9vYg");
    check_added(aa_buf_add_base64url, VIEW("fooba"), "Zm9vYmE");
    check_added(aa_buf_add_base64url, VIEW("foobar"), "Zm9vYmFy");
    check_added(aa_buf_add_base64url, AA_VIEW("\xfb\xff\xfe\0"), "-__-AA");
}

TEST(buf, percent_escapes_all_but_the_unreserved) /* RFC 3986 §2.3 */
{
    check_added(aa_buf_add_percent, VIEW("AZaz09-._~"), "AZaz09-._~");
    check_added(aa_buf_add_percent, VIEW(" +/:?#&=%\"<\\é"), "%20%2B%2F%3A%3F%23%26%3D%25%22%3C%5C%C3%A9");
    check_added(aa_buf_add_percent, AA_VIEW("\0\x7f"), "%00%7F");
}

TEST(buf, json_strings_are_escaped) /* RFC 8259 §7 */
{
    check_added(aa_buf_add_json_string, VIEW("a\"b\\c/d"), "\"a\\\"b\\\\c/d\"");
    check_added(aa_buf_add_json_string, VIEW("\b\f\n\r\t\x01\x1f\x7f"), "\"\\b\\f\\n\\r\\t\\u0001\\u001f\\u007f\"");
    check_added(aa_buf_add_json_string, AA_VIEW("a\0b"), "\"a\\u0000b\"");
    check_added(aa_buf_add_json_string, VIEW("é€🦊"), "\"é€🦊\"");
    check_added(aa_buf_add_json_string, VIEW("a\xff\xe2\x82z"), "\"a\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBDz\"");
    check_added(aa_buf_add_json_string, VIEW("\xed\xa0\x80"), "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\"");
    check_added(aa_buf_add_json_string, AA_VIEW_ABSENT, "\"\"");
}

TEST(buf, html_is_escaped_and_has_no_control_characters)
{
    check_added(aa_buf_add_html, VIEW("<a href=\"x\" title='y'>&amp;</a>"),
                "&lt;a href=&quot;x&quot; title=&#39;y&#39;&gt;&amp;amp;&lt;/a&gt;");
    check_added(aa_buf_add_html,
                AA_VIEW("a\0\x01\x1b\x7f\n\t\r"
                        "b"),
                "a\n\tb");
    check_added(aa_buf_add_html, VIEW("Žofie 🦊"), "Žofie 🦊");
}

static enum aa_err build(void *ctx)
{
    struct aa_buf buf;
    enum aa_err rc;
    char *text;

    (void)ctx;
    aa_buf_init(&buf, 4096);
    aa_buf_expect(&buf, 100);
    for (int i = 0; i < 20; i++) {
        aa_buf_add_format(&buf, "%d", i);
        aa_buf_add_json_string(&buf, VIEW("a \"text\""));
        aa_buf_add_base64url(&buf, VIEW("bytes"));
        aa_buf_add_percent(&buf, VIEW("a b"));
        aa_buf_add_html(&buf, VIEW("<b>"));
    }
    rc = aa_buf_check(&buf, "a text", NULL);
    text = aa_buf_take(&buf);
    if (!rc && !text)
        rc = AA_ERR_NOMEM;
    aa_mem_free(text);
    aa_buf_clear(&buf);
    return rc;
}

TEST(buf, running_out_of_memory_shows_once_at_the_end)
{
    CHECK(check_each_allocation(build, NULL) > 3);
}

#include "base/json.h"

#include <stdio.h>
#include <stdlib.h>

#include "support_memory.h"

#define DOCUMENT_MAX 65536

static struct aa_json *parsed(const char *text)
{
    struct aa_json *root;

    CHECK_OK(aa_json_parse(VIEW(text), DOCUMENT_MAX, &root, NULL));
    return root;
}

static enum aa_err parse(struct aa_view text)
{
    struct aa_json *root;
    enum aa_err rc = aa_json_parse(text, DOCUMENT_MAX, &root, NULL);

    if (!rc)
        aa_json_free(root);
    return rc;
}

/* ---- parsing ---- */

TEST(json, an_object_or_an_array_is_a_document_and_nothing_else_is)
{
    CHECK_OK(parse(VIEW("{}")));
    CHECK_OK(parse(VIEW(" [1, \"a\", null]\r\n\t")));
    CHECK_ERR(parse(VIEW("1")), AA_ERR_JSON_MALFORMED);
    CHECK_ERR(parse(VIEW("\"a\"")), AA_ERR_JSON_MALFORMED);
    CHECK_ERR(parse(VIEW("null")), AA_ERR_JSON_MALFORMED);
    CHECK_ERR(parse(VIEW("")), AA_ERR_JSON_MALFORMED);
    CHECK_ERR(parse(VIEW("  ")), AA_ERR_JSON_MALFORMED);
    CHECK_ERR(parse(AA_VIEW_ABSENT), AA_ERR_JSON_MALFORMED);
}

TEST(json, what_rfc_8259_does_not_know_is_malformed)
{
    static const char *const bad[] = {
        "{",
        "}",
        "{}}",
        "{} {}",
        "[1,]",
        "{\"a\":1,}",
        "{a:1}",
        "{'a':1}",
        "[01]",
        "[+1]",
        "[.5]",
        "[1.]",
        "[0x1]",
        "[NaN]",
        "[Infinity]",
        "[True]",
        "[undefined]",
        "[\"\t\"]",
        "[\"\\x\"]",
        "[\"\\u12\"]",
        "[\"a]",
        "[1 2]",
        "{\"a\" 1}",
        "{\"a\":}",
        "[//\n1]",
        "[/**/1]",
        "\xef\xbb\xbf{}",
        "[\"\\ud800\"]",
        "[\"\\udc00\"]",
        "[\"\\ud800\\u0041\"]",
    };

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        CHECK_ERR(parse(VIEW(bad[i])), AA_ERR_JSON_MALFORMED);
    CHECK_OK(parse(VIEW("[\"\\ud83e\\udd8a\\u0041\\/\\b\", -1.5e-3, 0]")));
}

TEST(json, a_name_that_comes_twice_is_refused_at_any_depth)
{
    CHECK_ERR(parse(VIEW("{\"a\":1,\"a\":1}")), AA_ERR_JSON_MALFORMED);
    CHECK_ERR(parse(VIEW("{\"a\":1,\"\\u0061\":2}")), AA_ERR_JSON_MALFORMED);
    CHECK_ERR(parse(VIEW("[{\"x\":{\"a\":1,\"b\":2,\"a\":3}}]")), AA_ERR_JSON_MALFORMED);
    CHECK_OK(parse(VIEW("{\"a\":{\"a\":1},\"A\":2}")));
}

TEST(json, text_is_utf8_without_nul)
{
    CHECK_ERR(parse(VIEW("[\"\xff\"]")), AA_ERR_JSON_MALFORMED);
    CHECK_ERR(parse(VIEW("[\"\xed\xa0\x80\"]")), AA_ERR_JSON_MALFORMED);
    CHECK_ERR(parse(VIEW("[\"\xc0\x80\"]")), AA_ERR_JSON_MALFORMED);
    CHECK_ERR(parse(VIEW("[\"\\u0000\"]")), AA_ERR_JSON_MALFORMED);
    CHECK_ERR(parse(VIEW("{\"a\\u0000\":1}")), AA_ERR_JSON_MALFORMED);
    CHECK_ERR(parse(AA_VIEW("[\"a\0\"]")), AA_ERR_JSON_MALFORMED);
    CHECK_ERR(parse(AA_VIEW("[1]\0")), AA_ERR_JSON_MALFORMED);
    CHECK_ERR(parse(AA_VIEW("[1\0]")), AA_ERR_JSON_MALFORMED);
    CHECK_ERR(parse(AA_VIEW("[null\0,1]")), AA_ERR_JSON_MALFORMED);
    CHECK_ERR(parse(AA_VIEW("[\0]")), AA_ERR_JSON_MALFORMED);
    CHECK_OK(parse(VIEW("[\"🦊\"]")));
}

TEST(json, numbers_fit_or_are_refused)
{
    CHECK_OK(parse(VIEW("[9223372036854775807,-9223372036854775808,1e300]")));
    CHECK_ERR(parse(VIEW("[9223372036854775808]")), AA_ERR_JSON_MALFORMED);
    CHECK_ERR(parse(VIEW("[1e999]")), AA_ERR_JSON_MALFORMED);
}

TEST(json, a_document_has_32_levels_at_most)
{
    char text[80];

    memset(text, '[', 33);
    memset(text + 33, ']', 33);
    CHECK_ERR(parse(aa_view_make(text, 66)), AA_ERR_JSON_MALFORMED);
    CHECK_OK(parse(aa_view_make(text + 1, 64)));
}

TEST(json, brackets_in_strings_do_not_count_as_levels)
{
    CHECK_OK(
        parse(VIEW("[\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\\\"[[[\",\"{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{\"]")));
}

TEST(json, a_hundred_thousand_levels_do_not_overflow_the_stack)
{
    char *text = malloc(100000);
    struct aa_json *root;

    CHECK(text != NULL);
    memset(text, '[', 100000);
    CHECK_ERR(aa_json_parse(aa_view_make(text, 100000), 100000, &root, NULL), AA_ERR_JSON_MALFORMED);
    free(text);
}

TEST(json, a_document_is_as_long_as_the_caller_allows)
{
    struct aa_json *root;

    CHECK_ERR(aa_json_parse(VIEW("[1, 2]"), 5, &root, NULL), AA_ERR_TOO_LONG);
    CHECK_OK(aa_json_parse(VIEW("[1, 2]"), 6, &root, NULL));
    aa_json_free(root);
}

TEST(json, an_error_tells_the_place_and_quotes_nothing)
{
    struct aa_error err = AA_ERROR_INIT;
    struct aa_json *root;

    CHECK_ERR(aa_json_parse(VIEW("{\"key\":\"hush\",\n  oops}"), DOCUMENT_MAX, &root, &err), AA_ERR_JSON_MALFORMED);
    CHECK(strstr(err.message, "line 2") != NULL);
    CHECK(strstr(err.message, "hush") == NULL && strstr(err.message, "oops") == NULL);
}

/* ---- looking ---- */

TEST(json, values_are_read_by_their_type_or_not_at_all)
{
    struct aa_json *root =
        parsed("{\"s\":\"text\",\"i\":7,\"r\":1.5,\"t\":true,\"f\":false,\"n\":null,\"a\":[1,2],\"o\":{}}");

    CHECK_VIEW(aa_json_text(aa_json_get(root, "s")), "text");
    CHECK(aa_view_is_absent(aa_json_text(aa_json_get(root, "i"))));
    CHECK(aa_view_is_absent(aa_json_text(NULL)));
    CHECK_INT(aa_json_int(aa_json_get(root, "i")), 7);
    CHECK_INT(aa_json_int(aa_json_get(root, "s")), 0);
    CHECK(aa_json_real(aa_json_get(root, "r")) == 1.5);
    CHECK(aa_json_real(aa_json_get(root, "i")) == 7.0);
    CHECK(aa_json_real(aa_json_get(root, "s")) == 0.0);
    CHECK(aa_json_is(aa_json_get(root, "t"), AA_JSON_TRUE));
    CHECK(aa_json_is(aa_json_get(root, "f"), AA_JSON_FALSE));
    CHECK(aa_json_is(aa_json_get(root, "n"), AA_JSON_NULL));
    CHECK(!aa_json_is(aa_json_get(root, "missing"), AA_JSON_NULL));
    CHECK_INT(aa_json_len(aa_json_get(root, "a")), 2);
    CHECK_INT(aa_json_len(aa_json_get(root, "s")), 0);
    CHECK_INT(aa_json_len(root), 8);
    CHECK_INT(aa_json_int(aa_json_at(aa_json_get(root, "a"), 1)), 2);
    CHECK(aa_json_at(aa_json_get(root, "a"), 2) == NULL);
    CHECK(aa_json_get(aa_json_get(root, "a"), "x") == NULL);
    CHECK(aa_json_get(NULL, "x") == NULL);
    CHECK(aa_json_at(NULL, 0) == NULL);
    aa_json_free(root);
    aa_json_free(NULL);
}

static bool count_two(void *ctx, struct aa_view name, const struct aa_json *value)
{
    int *count = ctx;

    CHECK(name.len == 1 && aa_json_int(value) > 0);
    return ++*count < 2;
}

TEST(json, members_are_walked_until_told_to_stop)
{
    struct aa_json *root = parsed("{\"a\":1,\"b\":2,\"c\":3}");
    int count = 0;

    aa_json_each(root, count_two, &count);
    CHECK_INT(count, 2);
    aa_json_each(aa_json_get(root, "a"), count_two, &count);
    CHECK_INT(count, 2);
    aa_json_free(root);
}

/* ---- field tables ---- */

struct record {
    struct aa_view text;
    const struct aa_json *list, *object, *array, *any;
    bool yes;
    int64_t number;
};

static const struct aa_json_field record_fields[] = {
    {"text", AA_FIELD_TEXT, offsetof(struct record, text), false, 5},
    {"list", AA_FIELD_TEXT_LIST, offsetof(struct record, list), false, 2},
    {"yes", AA_FIELD_BOOL, offsetof(struct record, yes), false, 0},
    {"number", AA_FIELD_INT, offsetof(struct record, number), false, 0},
    {"object", AA_FIELD_OBJECT, offsetof(struct record, object), false, 0},
    {"array", AA_FIELD_ARRAY, offsetof(struct record, array), false, 1},
    {"any", AA_FIELD_ANY, offsetof(struct record, any), false, 0},
};

#define FIELD_COUNT (sizeof record_fields / sizeof record_fields[0])

static enum aa_err read(const char *text)
{
    struct aa_json *root = parsed(text);
    struct record record = {.number = 0};
    enum aa_err rc = aa_json_read(root, record_fields, FIELD_COUNT, &record, NULL);

    aa_json_free(root);
    return rc;
}

TEST(json, a_field_table_reads_a_whole_record)
{
    struct aa_json *root =
        parsed("{\"text\":\"a\",\"list\":[\"b\",\"c\"],\"yes\":true,\"number\":5,\"object\":{},\"array\":[[]],"
               "\"any\":7,\"more\":1}");
    struct record record = {.number = 0};

    CHECK_OK(aa_json_read(root, record_fields, FIELD_COUNT, &record, NULL));
    CHECK_VIEW(record.text, "a");
    CHECK_INT(aa_json_len(record.list), 2);
    CHECK(record.yes);
    CHECK_INT(record.number, 5);
    CHECK(record.object && record.array && record.any);
    aa_json_free(root);
}

TEST(json, what_is_missing_or_null_leaves_its_target_alone)
{
    struct aa_json *root = parsed("{\"number\":null}");
    struct record record = {.number = 7, .yes = true};

    CHECK_OK(aa_json_read(root, record_fields, FIELD_COUNT, &record, NULL));
    CHECK_INT(record.number, 7);
    CHECK(record.yes && aa_view_is_absent(record.text));
    aa_json_free(root);
}

TEST(json, a_wrong_type_is_refused)
{
    static const char *const bad[] = {
        "{\"text\":1}",
        "{\"text\":[]}",
        "{\"list\":\"a\"}",
        "{\"list\":[1]}",
        "{\"list\":[\"a\",null]}",
        "{\"list\":{}}",
        "{\"yes\":1}",
        "{\"yes\":\"true\"}",
        "{\"number\":\"5\"}",
        "{\"number\":true}",
        "{\"number\":-1}",
        "{\"number\":1.5}",
        "{\"number\":1e300}",
        "{\"number\":9007199254740993}",
        "{\"number\":-1e300}",
        "{\"object\":[]}",
        "{\"array\":{}}",
        "{\"array\":\"a\"}",
        "[]",
    };

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        CHECK_ERR(read(bad[i]), AA_ERR_JSON_TYPE);
    CHECK_OK(read("{\"number\":9007199254740992}"));
    CHECK_OK(read("{\"number\":5.0}"));
    CHECK_OK(read("{\"number\":0}"));
}

TEST(json, a_length_over_its_limit_is_refused)
{
    CHECK_OK(read("{\"text\":\"12345\"}"));
    CHECK_ERR(read("{\"text\":\"123456\"}"), AA_ERR_TOO_LONG);
    CHECK_OK(read("{\"list\":[\"a\",\"b\"]}"));
    CHECK_ERR(read("{\"list\":[\"a\",\"b\",\"c\"]}"), AA_ERR_TOO_LONG);
    CHECK_OK(read("{\"array\":[1]}"));
    CHECK_ERR(read("{\"array\":[1,2]}"), AA_ERR_TOO_LONG);
}

TEST(json, a_required_member_must_be_there)
{
    static const struct aa_json_field required[] = {{"text", AA_FIELD_TEXT, offsetof(struct record, text), true, 0}};
    struct aa_error err = AA_ERROR_INIT;
    struct record record = {.number = 0};
    struct aa_json *root = parsed("{\"text\":null}");

    CHECK_ERR(aa_json_read(root, required, 1, &record, &err), AA_ERR_JSON_MISSING);
    CHECK(strstr(err.message, "\"text\"") != NULL);
    aa_json_free(root);
    root = parsed("{\"text\":\"\"}");
    CHECK_OK(aa_json_read(root, required, 1, &record, NULL));
    CHECK_VIEW(record.text, "");
    aa_json_free(root);
}

TEST(json, seconds_are_numbers_with_their_fraction_cut_off)
{
    struct aa_json *root = parsed("[0, 1.999, 9007199254740992, 9007199254740993, -1, -0.5, 1e300, \"1\", true, null]");
    static const int64_t wanted[] = {0, 1, 9007199254740992};
    int64_t seconds;

    for (size_t i = 0; i < 10; i++) {
        CHECK(aa_json_get_seconds(aa_json_at(root, i), &seconds) == (i < 3));
        if (i < 3)
            CHECK(seconds == wanted[i]);
    }
    CHECK(!aa_json_get_seconds(NULL, &seconds));
    aa_json_free(root);
}

/* ---- writing ---- */

TEST(json, the_same_document_gives_the_same_bytes)
{
    struct aa_json *root = parsed("{ \"b\" : [1.5, \"\\u017e\\\"\"], \"a\" : {\"d\":null, \"c\":true} }");
    struct aa_buf buf;

    aa_buf_init(&buf, 1024);
    aa_buf_add_json(&buf, root);
    CHECK_OK(aa_buf_check(&buf, "a document", NULL));
    CHECK_VIEW(aa_buf_view(&buf), "{\"a\":{\"c\":true,\"d\":null},\"b\":[1.5,\"ž\\\"\"]}");
    aa_buf_reset(&buf);
    aa_buf_add_json(&buf, aa_json_at(aa_json_get(root, "b"), 1));
    CHECK_VIEW(aa_buf_view(&buf), "\"ž\\\"\"");
    aa_buf_clear(&buf);
    aa_json_free(root);
}

TEST(json, a_document_that_does_not_fit_marks_the_buffer)
{
    struct aa_json *root = parsed("{\"a\":[1,2,3]}");
    struct aa_buf buf;

    aa_buf_init(&buf, 12);
    aa_buf_add_json(&buf, root);
    CHECK_ERR(aa_buf_check(&buf, "a document", NULL), AA_ERR_TOO_LONG);
    aa_buf_clear(&buf);
    aa_buf_init(&buf, 13);
    aa_buf_add_json(&buf, root);
    CHECK_OK(aa_buf_check(&buf, "a document", NULL));
    aa_buf_clear(&buf);
    aa_json_free(root);
}

static enum aa_err parse_and_write(void *ctx)
{
    struct aa_json *root;
    struct aa_buf buf;
    enum aa_err rc = aa_json_parse(VIEW(ctx), DOCUMENT_MAX, &root, NULL);

    if (rc)
        return rc;
    aa_buf_init(&buf, 4096);
    aa_buf_add_json(&buf, root);
    rc = aa_buf_check(&buf, "a document", NULL);
    if (!rc && !aa_view_equal_text(aa_buf_view(&buf), ctx))
        rc = AA_ERR_JSON_MALFORMED; /* a letter lost on the way */
    aa_buf_clear(&buf);
    aa_json_free(root);
    return rc;
}

/* jansson 2.14 gave back a text with a letter missing when its buffer could not grow. */
TEST(json, running_out_of_memory_loses_no_letter)
{
    char text[] =
        "{\"a\":[1,2.5,\"text\",null],\"b\":{\"c\":\"a text that is longer than the first piece of memory taken for "
        "it, so that it has to grow, and to grow once more\",\"d\":true}}";

    CHECK(check_each_allocation(parse_and_write, text) > 20);
}

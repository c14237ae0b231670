/* JSON and field tables: whatever is read means one thing, and a table gives only what it says. */
#include "fuzz.h"

#define TEXT_MAX 8
#define LIST_MAX 3

struct all_kinds {
    struct aa_view text;
    const struct aa_json *list, *object, *array, *any;
    int64_t number;
    bool flag;
};

static const struct aa_json_field fields[] = {
    {"text", AA_FIELD_TEXT, offsetof(struct all_kinds, text), true, TEXT_MAX},
    {"list", AA_FIELD_TEXT_LIST, offsetof(struct all_kinds, list), false, LIST_MAX},
    {"object", AA_FIELD_OBJECT, offsetof(struct all_kinds, object), false, 0},
    {"array", AA_FIELD_ARRAY, offsetof(struct all_kinds, array), false, 0},
    {"any", AA_FIELD_ANY, offsetof(struct all_kinds, any), false, 0},
    {"number", AA_FIELD_INT, offsetof(struct all_kinds, number), false, 0},
    {"flag", AA_FIELD_BOOL, offsetof(struct all_kinds, flag), false, 0},
};

static void check_list(const struct aa_json *list)
{
    MUST(aa_json_is(list, AA_JSON_ARRAY) && aa_json_len(list) <= LIST_MAX);
    for (size_t i = 0; i < aa_json_len(list); i++)
        MUST(aa_json_is(aa_json_at(list, i), AA_JSON_STRING));
}

static void check_fields(const struct aa_json *root)
{
    struct all_kinds read = {.number = 0};

    if (aa_json_read(root, fields, sizeof fields / sizeof *fields, &read, NULL))
        return;
    MUST(aa_json_is(root, AA_JSON_OBJECT));
    MUST_EQUAL(read.text, aa_json_text(aa_json_get(root, "text")));
    MUST(!aa_view_is_absent(read.text) && read.text.len <= TEXT_MAX);
    MUST(aa_view_is_utf8(read.text));
    MUST(!read.object || aa_json_is(read.object, AA_JSON_OBJECT));
    MUST(!read.array || aa_json_is(read.array, AA_JSON_ARRAY));
    MUST(read.number >= 0 && read.number <= INT64_C(9007199254740992));
    MUST(read.flag == aa_json_is(aa_json_get(root, "flag"), AA_JSON_TRUE));
    if (read.list)
        check_list(read.list);
}

struct walk {
    size_t members;
};

static bool count_member(void *ctx, struct aa_view name, const struct aa_json *value)
{
    struct walk *walk = ctx;
    int64_t seconds = 0;

    MUST(aa_view_is_utf8(name));
    if (aa_json_get_seconds(value, &seconds))
        MUST(seconds >= 0 && seconds <= INT64_C(9007199254740992));
    walk->members++;
    return true;
}

static void check_members(const struct aa_json *root)
{
    struct walk walk = {0};

    aa_json_each(root, count_member, &walk);
    MUST(walk.members == (aa_json_is(root, AA_JSON_OBJECT) ? aa_json_len(root) : 0));
}

/* Written, it is read again as the same. */
static void check_canonical(const struct aa_json *root)
{
    struct aa_buf once, twice;
    struct aa_json *again;

    aa_buf_init(&once, FUZZ_TEXT_MAX);
    aa_buf_init(&twice, FUZZ_TEXT_MAX);
    aa_buf_add_json(&once, root);
    again = fuzz_must_be_json(&once);
    aa_buf_add_json(&twice, again);
    MUST_EQUAL(aa_buf_view(&once), aa_buf_view(&twice));
    aa_json_free(again);
    aa_buf_clear(&once);
    aa_buf_clear(&twice);
}

/* Any bytes, written as a string, make a string; well-formed ones come back as they were. */
static void check_string(struct aa_view text)
{
    struct aa_json *root;
    struct aa_buf buf;

    if (aa_view_find(text, '\0') != SIZE_MAX)
        return;
    aa_buf_init(&buf, FUZZ_TEXT_MAX);
    aa_buf_add_char(&buf, '[');
    aa_buf_add_json_string(&buf, text);
    aa_buf_add_char(&buf, ']');
    root = fuzz_must_be_json(&buf);
    MUST(aa_json_len(root) == 1 && aa_json_is(aa_json_at(root, 0), AA_JSON_STRING));
    if (aa_view_is_utf8(text))
        MUST_EQUAL(aa_json_text(aa_json_at(root, 0)), text);
    aa_json_free(root);
    aa_buf_clear(&buf);
}

bool fuzz_one(struct aa_view input)
{
    struct aa_json *root;

    check_string(input);
    if (aa_json_parse(input, FUZZ_TEXT_MAX, &root, NULL))
        return false;
    MUST(aa_view_is_utf8(input));
    check_fields(root);
    check_members(root);
    check_canonical(root);
    aa_json_free(root);
    return true;
}

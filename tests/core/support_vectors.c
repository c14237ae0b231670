#include "support_vectors.h"

#include <stdio.h>
#include <stdlib.h>

#define VECTORS_MAX (1024 * 1024)

void replay_cases(const char *file, const char *op, case_fn run)
{
    const struct aa_json *cases;
    struct aa_json *root;
    size_t count = 0;
    char path[128];
    size_t len;
    char *text;

    snprintf(path, sizeof path, "vectors/%s", file);
    text = aa_test_read_file(path, &len);
    CHECK_OK(aa_json_parse(aa_view_make(text, len), VECTORS_MAX, &root, NULL));
    cases = aa_json_get(root, "cases");
    for (size_t i = 0; i < aa_json_len(cases); i++) {
        const struct aa_json *one = aa_json_at(cases, i);

        if (op && !aa_view_equal_text(text_of(one, "op"), op))
            continue;
        run(one);
        count++;
    }
    CHECK(count > 0);
    aa_json_free(root);
    free(text);
}

struct aa_view text_of(const struct aa_json *one, const char *member)
{
    return aa_json_text(aa_json_get(one, member));
}

bool is_true(const struct aa_json *one, const char *member)
{
    return aa_json_is(aa_json_get(one, member), AA_JSON_TRUE);
}

static void differ(const struct aa_json *one, struct aa_view actual, struct aa_view wanted)
{
    struct aa_view name = text_of(one, "name");

    fail_msg("case \"%.*s\"\n  is  \"%.*s\"\n  not \"%.*s\"", AA_VIEW_ARGS(name), AA_VIEW_ARGS(actual),
             AA_VIEW_ARGS(wanted));
}

void check_code(const struct aa_json *one, const char *member, enum aa_err actual)
{
    check_text(one, member, aa_view_of(aa_err_name(actual)));
}

void check_text(const struct aa_json *one, const char *member, struct aa_view actual)
{
    if (!aa_view_equal(text_of(one, member), actual))
        differ(one, actual, text_of(one, member));
}

void check_bool(const struct aa_json *one, const char *member, bool actual)
{
    const struct aa_json *wanted = aa_json_get(one, member);

    if (!aa_json_is(wanted, AA_JSON_TRUE) && !aa_json_is(wanted, AA_JSON_FALSE))
        fail_msg("case without a boolean \"%s\"", member);
    if (is_true(one, member) != actual)
        differ(one, actual ? AA_VIEW("true") : AA_VIEW("false"), actual ? AA_VIEW("false") : AA_VIEW("true"));
}

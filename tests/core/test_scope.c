#include "oauth/scope.h"

#include "support_vectors.h"

static void check_parse(const struct aa_json *one)
{
    struct aa_scopes scopes;
    struct aa_buf written;
    enum aa_err rc = aa_scopes_parse(text_of(one, "text"), &scopes, NULL);

    check_code(one, "code", rc);
    if (rc)
        return;
    aa_buf_init(&written, AA_SCOPE_LEN_MAX);
    aa_scopes_write(&scopes, &written);
    check_text(one, "written", aa_buf_view(&written));
    aa_buf_clear(&written);
}

static struct aa_scopes scopes_of(struct aa_view text)
{
    struct aa_scopes scopes;

    CHECK_OK(aa_scopes_parse(text, &scopes, NULL));
    return scopes;
}

static void check_cover(const struct aa_json *one)
{
    struct aa_scopes granted = scopes_of(text_of(one, "granted"));
    struct aa_scopes wanted = scopes_of(text_of(one, "wanted"));

    check_bool(one, "expected", aa_scopes_cover_all(&granted, &wanted));
    if (wanted.len == 1)
        check_bool(one, "expected", aa_scopes_cover(&granted, wanted.items[0]));
}

static void check_compare(const struct aa_json *one)
{
    struct aa_scopes a = scopes_of(text_of(one, "a"));
    struct aa_scopes b = scopes_of(text_of(one, "b"));

    check_bool(one, "equal", aa_scopes_equal(&a, &b));
    check_bool(one, "equal", aa_scopes_equal(&b, &a));
    check_bool(one, "subset", aa_scopes_is_subset(&a, &b));
}

TEST(scope, texts_are_read_as_the_shared_cases_say)
{
    replay_cases("scope.json", "parse", check_parse);
}

TEST(scope, granted_scopes_cover_as_the_shared_cases_say)
{
    replay_cases("scope.json", "cover", check_cover);
}

TEST(scope, sets_are_compared_as_the_shared_cases_say)
{
    replay_cases("scope.json", "compare", check_compare);
}

TEST(scope, nul_is_no_scope_character)
{
    struct aa_scopes scopes;

    CHECK_ERR(aa_scopes_parse(AA_VIEW("files\0read"), &scopes, NULL), AA_ERR_SCOPE_FORMAT);
    CHECK_OK(aa_scopes_parse(AA_VIEW("files:read"), &scopes, NULL));
}

TEST(scope, one_token_is_checked_alone)
{
    CHECK_OK(aa_scope_check(VIEW("files:read"), NULL));
    CHECK_ERR(aa_scope_check(VIEW("files read"), NULL), AA_ERR_SCOPE_FORMAT);
    CHECK_ERR(aa_scope_check(VIEW(""), NULL), AA_ERR_SCOPE_FORMAT);
    CHECK_ERR(aa_scope_check(AA_VIEW_ABSENT, NULL), AA_ERR_SCOPE_FORMAT);
}

TEST(scope, adding_refuses_what_parsing_refuses)
{
    struct aa_scopes scopes = scopes_of(VIEW("a b"));

    CHECK_ERR(aa_scopes_add(&scopes, VIEW("c\"d"), NULL), AA_ERR_SCOPE_FORMAT);
    CHECK_INT(scopes.len, 2);
    CHECK_OK(aa_scopes_add(&scopes, VIEW("b"), NULL));
    CHECK_INT(scopes.len, 2);
    CHECK_OK(aa_scopes_add(&scopes, VIEW("c"), NULL));
    CHECK_INT(scopes.len, 3);
    CHECK(aa_scopes_has(&scopes, VIEW("c")));
    CHECK(!aa_scopes_has(&scopes, VIEW("d")));
}

TEST(scope, a_failed_parse_leaves_the_set_alone)
{
    struct aa_scopes scopes = scopes_of(VIEW("a"));

    CHECK_ERR(aa_scopes_parse(VIEW("b c\"d"), &scopes, NULL), AA_ERR_SCOPE_FORMAT);
    CHECK_INT(scopes.len, 1);
    CHECK_VIEW(scopes.items[0], "a");
}

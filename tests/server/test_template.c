/* Templates: escaping, sections, lists, and pages that are wrong. */
#include "base/mem.h"
#include "http/pages.h"
#include "http/template.h"
#include "support/test.h"

#define PAGE_MAX 4096

#define TEXT(name_, literal)                                                                                           \
    {                                                                                                                  \
        .name = (name_), .text = { literal, sizeof(literal) - 1 }                                                      \
    }
#define ABSENT(name_)                                                                                                  \
    {                                                                                                                  \
        .name = (name_)                                                                                                \
    }
#define END                                                                                                            \
    {                                                                                                                  \
        .name = NULL                                                                                                   \
    }

static void check_page(const char *page, const struct aa_template_value *values, const char *wanted)
{
    struct aa_buf out;

    aa_buf_init(&out, PAGE_MAX);
    CHECK_OK(aa_template_render_text(&out, VIEW(page), values, NULL));
    CHECK_VIEW(out.len ? aa_buf_view(&out) : VIEW(""), wanted);
    aa_buf_clear(&out);
}

static void check_wrong(const char *page, const struct aa_template_value *values, const char *message)
{
    struct aa_error err = AA_ERROR_INIT;
    struct aa_buf out;

    aa_buf_init(&out, PAGE_MAX);
    aa_buf_add_text(&out, "before");
    CHECK_ERR(aa_template_render_text(&out, VIEW(page), values, &err), AA_ERR_NOT_FOUND);
    if (!strstr(err.message, message))
        fail_msg("%s: said \"%s\"", page, err.message);
    CHECK_VIEW(aa_buf_view(&out), "before"); /* no half page */
    aa_buf_clear(&out);
}

static const struct aa_template_value some[] = {
    TEXT("name", "Ann"), TEXT("empty", ""), ABSENT("absent"), TEXT("evil", "<script>alert('\"&\"')</script>"), END,
};

TEST(template, a_value_is_put_in_its_place)
{
    check_page("", some, "");
    check_page("plain { } }} text", some, "plain { } }} text");
    check_page("Hello {{name}}, {{name}}!", some, "Hello Ann, Ann!");
    check_page("{{name}}{{empty}}{{absent}}{{name}}", some, "AnnAnn");
}

TEST(template, a_value_is_escaped_in_text_and_in_attributes)
{
    check_page("<p title=\"{{evil}}\">", some,
               "<p title=\"&lt;script&gt;alert(&#39;&quot;&amp;&quot;&#39;)&lt;/script&gt;\">");
}

TEST(template, a_value_is_never_read_as_a_template)
{
    static const struct aa_template_value values[] = {TEXT("name", "{{secret}}{{#secret}}"), TEXT("secret", "s"), END};

    check_page("{{name}}", values, "{{secret}}{{#secret}}");
}

TEST(template, there_is_no_way_to_insert_raw_text)
{
    check_wrong("{{{evil}}}", some, "without a name");
    check_wrong("{{&evil}}", some, "without a name");
}

TEST(template, a_section_shows_when_its_text_is_there)
{
    check_page("[{{#name}}Hi {{name}}{{/name}}]", some, "[Hi Ann]");
    check_page("[{{#empty}}x{{/empty}}]", some, "[]");
    check_page("[{{#absent}}x{{/absent}}]", some, "[]");
    check_page("[{{^name}}x{{/name}}]", some, "[]");
    check_page("[{{^empty}}x{{/empty}}]", some, "[x]");
    check_page("[{{^absent}}x{{/absent}}]", some, "[x]");
}

TEST(template, sections_stand_in_sections)
{
    check_page("{{#name}}a{{^empty}}b{{#name}}c{{/name}}d{{/empty}}e{{/name}}", some, "abcde");
    check_page("{{#absent}}a{{^empty}}b{{#name}}c{{/name}}{{/empty}}{{/absent}}f", some, "f");
    check_page("{{#name}}{{#name}}x{{/name}}{{/name}}", some, "x");
    check_page("{{^name}}{{#name}}x{{/name}}{{/name}}y", some, "y");
}

static const struct aa_template_value row_a[] = {TEXT("token", "files:read"), TEXT("words", "<Read>"), END};
static const struct aa_template_value row_b[] = {TEXT("token", "files:write"), ABSENT("words"), TEXT("name", "inner"),
                                                 END};
static const struct aa_template_value *const two_rows[] = {row_a, row_b};
static const struct aa_template_value list[] = {{.name = "scopes", .rows = two_rows, .row_count = 2},
                                                {.name = "none", .rows = two_rows, .row_count = 0},
                                                {.name = "no_rows", .rows = NULL, .row_count = 0},
                                                TEXT("name", "outer"),
                                                END};

TEST(template, a_list_shows_once_for_each_row)
{
    check_page("{{#scopes}}<li>{{token}}{{#words}}: {{words}}{{/words}}</li>{{/scopes}}", list,
               "<li>files:read: &lt;Read&gt;</li><li>files:write</li>");
    check_page("{{^scopes}}none{{/scopes}}.", list, ".");
    check_page("{{#none}}{{token}}{{/none}}{{^none}}none{{/none}}", list, "none");
    check_page("{{#no_rows}}{{token}}{{/no_rows}}{{^no_rows}}none{{/no_rows}}", list, "none");
}

TEST(template, rows_see_the_values_around_them_and_their_own_first)
{
    check_page("{{#scopes}}{{name}} {{/scopes}}{{name}}", list, "outer inner outer");
    check_page("{{#scopes}}({{#scopes}}{{token}} {{/scopes}}){{/scopes}}", list,
               "(files:read files:write )(files:read files:write )");
}

TEST(template, a_name_that_was_not_given_is_an_error_in_tests)
{
    check_wrong("{{nmae}}", some, "{{nmae}}");
    check_wrong("{{#nmae}}x{{/nmae}}", some, "{{nmae}}");
    check_wrong("{{^nmae}}x{{/nmae}}", some, "{{nmae}}");
    check_wrong("{{token}}", list, "{{token}}"); /* only rows have it */
    check_wrong("{{name}}", NULL, "{{name}}");
}

TEST(template, a_page_whose_tags_do_not_fit_is_an_error)
{
    check_wrong("{{#name}}x", some, "no {{/name}}");
    check_wrong("{{#absent}}x", some, "no {{/absent}}");
    check_wrong("x{{/name}}", some, "{{/name}}");
    check_wrong("{{#name}}{{#empty}}{{/name}}{{/empty}}", some, "{{/name}}");
    check_wrong("{{#name}}{{/nam}}", some, "{{/nam}}");
    check_wrong("{{name", some, "without a name");
    check_wrong("{{name}", some, "without a name");
    check_wrong("{{}}", some, "without a name");
    check_wrong("{{#}}{{/}}", some, "without a name");
    check_wrong("{{ name }}", some, "without a name");
    check_wrong("{{Name}}", some, "without a name");
}

TEST(template, a_page_that_is_too_long_or_has_no_memory_leaves_nothing)
{
    struct aa_buf out;

    aa_buf_init(&out, 8);
    CHECK_ERR(aa_template_render_text(&out, VIEW("123456{{name}}"), some, NULL), AA_ERR_TOO_LONG);
    CHECK_INT(out.len, 0);
    aa_buf_clear(&out);
    CHECK_OK(aa_template_render_text(&out, VIEW("12345{{name}}"), some, NULL));
    CHECK_VIEW(aa_buf_view(&out), "12345Ann");
    aa_buf_clear(&out);
    aa_mem_fail_at(1, false);
    CHECK_ERR(aa_template_render_text(&out, VIEW("1"), some, NULL), AA_ERR_NOMEM);
    aa_mem_fail_at(0, false);
    aa_buf_clear(&out);
}

/* ---- the pages themselves --------------------------------------------------------------------------------------- */

TEST(template, an_unknown_page_is_an_error)
{
    struct aa_error err = AA_ERROR_INIT;
    struct aa_buf out;

    aa_buf_init(&out, PAGE_MAX);
    CHECK_ERR(aa_template_render(&out, "nowhere.html", some, &err), AA_ERR_NOT_FOUND);
    CHECK(strstr(err.message, "nowhere.html") != NULL);
    CHECK(aa_view_is_absent(aa_template_file("nowhere.html")));
    CHECK(aa_view_is_absent(aa_template_file("")));
    aa_buf_clear(&out);
}

TEST(template, every_built_in_file_is_found_whole)
{
    const struct aa_page *page;
    size_t count = 0;

    for (page = aa_pages; page->name; page++) {
        struct aa_view file = aa_template_file(page->name);

        CHECK(file.data == page->data);
        CHECK_INT(file.len, page->len);
        CHECK(aa_view_is_utf8(file));
        count++;
    }
    CHECK(count > 0);
    CHECK(!aa_view_is_absent(aa_template_file("style.css")));
}

#include "base/form.h"

#include <stdio.h>

#include "support_memory.h"

static enum aa_err parse(struct aa_view text)
{
    struct aa_form form;
    enum aa_err rc = aa_form_parse(&form, text, NULL);

    CHECK(!rc || form.len == 0);
    aa_form_clear(&form);
    return rc;
}

static void check_field(const char *text, const char *name, const char *wanted)
{
    struct aa_view value;
    struct aa_form form;

    CHECK_OK(aa_form_parse(&form, VIEW(text), NULL));
    CHECK_OK(aa_form_get(&form, name, &value, NULL));
    if (wanted)
        CHECK_VIEW(value, wanted);
    else
        CHECK(aa_view_is_absent(value));
    aa_form_clear(&form);
}

TEST(form, fields_are_read_and_decoded)
{
    check_field("a=1&b=2", "a", "1");
    check_field("a=1&b=2", "b", "2");
    check_field("a=1&b=2", "c", NULL);
    check_field("a=x+y%20z", "a", "x y z");
    check_field("a=%C5%BE", "a", "ž");
    check_field("%61=1", "a", "1");
    check_field("a=b=c", "a", "b=c");
    check_field("a=%26%3D%25%2B", "a", "&=%+");
    check_field("redirect_uri=http%3A%2F%2F127.0.0.1%3A33418%2F", "redirect_uri", "http://127.0.0.1:33418/");
}

TEST(form, empty_is_not_absent)
{
    check_field("a=", "a", "");
    check_field("a", "a", "");
    check_field("a&b=1", "b", "1");
    check_field("=x", "", "x");
    check_field("&&a=1&&", "a", "1");
    check_field("", "a", NULL);
    CHECK_OK(parse(AA_VIEW_ABSENT));
}

TEST(form, a_name_that_comes_twice_cannot_be_asked_for) /* OAuth 2.1 §3.1 */
{
    struct aa_view value;
    struct aa_form form;

    CHECK_OK(aa_form_parse(&form, VIEW("a=1&b=2&a=1&%61=3"), NULL));
    CHECK_ERR(aa_form_get(&form, "a", &value, NULL), AA_ERR_PARAMETER_DUPLICATE);
    CHECK_OK(aa_form_get(&form, "b", &value, NULL));
    CHECK_VIEW(value, "2");
    aa_form_clear(&form);
    CHECK_OK(aa_form_parse(&form, VIEW("a=1&A=2"), NULL));
    CHECK_OK(aa_form_get(&form, "a", &value, NULL));
    CHECK_VIEW(value, "1");
    aa_form_clear(&form);
}

TEST(form, a_broken_escape_is_refused)
{
    static const char *const bad[] = {"a=%", "a=%4", "a=%4g", "a=%g4", "a=%%41", "%=a", "a=%u0041", "a=1&b=%"};

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        CHECK_ERR(parse(VIEW(bad[i])), AA_ERR_FORM_MALFORMED);
    CHECK_OK(parse(VIEW("a=%4a%4A")));
}

TEST(form, text_is_utf8_without_nul)
{
    CHECK_ERR(parse(VIEW("a=%FF")), AA_ERR_UTF8);
    CHECK_ERR(parse(VIEW("%FF=a")), AA_ERR_UTF8);
    CHECK_ERR(parse(VIEW("a=\xff")), AA_ERR_UTF8);
    CHECK_ERR(parse(VIEW("a=%00")), AA_ERR_UTF8);
    CHECK_ERR(parse(AA_VIEW("a=\0")), AA_ERR_UTF8);
    CHECK_ERR(parse(VIEW("a=%C0%80")), AA_ERR_UTF8);
    CHECK_ERR(parse(VIEW("a=%ED%A0%80")), AA_ERR_UTF8);
    CHECK_OK(parse(VIEW("a=%F0%9F%A6%8A")));
}

TEST(form, has_64_fields_at_most)
{
    char text[1024] = "";
    size_t len = 0;

    for (int i = 0; i < AA_FORM_FIELDS_MAX; i++)
        len += (size_t)snprintf(text + len, sizeof text - len, "f%d=1&", i);
    CHECK_OK(parse(aa_view_make(text, len)));
    snprintf(text + len, sizeof text - len, "one_more=1");
    CHECK_ERR(parse(VIEW(text)), AA_ERR_FORM_MALFORMED);
}

TEST(form, decoding_may_happen_where_the_text_stands)
{
    char text[] = "a%20b+c%41";
    struct aa_view out;

    CHECK(aa_form_decode(VIEW(text), text, &out));
    CHECK_VIEW(out, "a b cA");
    CHECK(!aa_form_decode(VIEW("a%2"), text, &out));
}

TEST(form, no_value_stands_in_an_error_message)
{
    struct aa_error err = AA_ERROR_INIT;
    struct aa_form form;

    CHECK_ERR(aa_form_parse(&form, VIEW("client_secret=hush%"), &err), AA_ERR_FORM_MALFORMED);
    CHECK(strstr(err.message, "hush") == NULL);
}

static enum aa_err parse_form(void *ctx)
{
    (void)ctx;
    return parse(VIEW("a=1&b=%20"));
}

TEST(form, running_out_of_memory_is_an_error)
{
    check_each_allocation(parse_form, NULL);
}

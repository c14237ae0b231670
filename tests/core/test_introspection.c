#include "oauth/introspection.h"

#include <stdio.h>
#include <stdlib.h>

#include "support_memory.h"

static enum aa_err parse(struct aa_view text)
{
    struct aa_introspection introspection;
    enum aa_err rc = aa_introspection_parse(text, &introspection, NULL);

    if (!rc)
        aa_introspection_clear(&introspection);
    return rc;
}

TEST(introspection, an_active_answer_gives_its_claims)
{
    struct aa_introspection introspection;

    CHECK_OK(aa_introspection_parse(VIEW("{\"active\":true,\"sub\":\"usr_1\",\"exp\":1700000000,\"x\":[1]}"),
                                    &introspection, NULL));
    CHECK(introspection.active);
    CHECK_VIEW(introspection.claims.sub, "usr_1");
    CHECK_INT(introspection.claims.exp_s, 1700000000);
    CHECK_INT(aa_json_len(introspection.document), 4);
    aa_introspection_clear(&introspection);
    CHECK(!introspection.active && introspection.document == NULL);
    aa_introspection_clear(&introspection);
}

TEST(introspection, an_inactive_answer_has_no_claims_whatever_it_says)
{
    struct aa_introspection introspection;

    CHECK_OK(aa_introspection_parse(VIEW("{\"active\":false,\"sub\":\"usr_1\",\"exp\":\"x\"}"), &introspection, NULL));
    CHECK(!introspection.active);
    CHECK(aa_view_is_absent(introspection.claims.sub));
    aa_introspection_clear(&introspection);
}

TEST(introspection, active_is_the_literal_true_or_false)
{
    static const char *const bad[] = {"\"true\"", "\"false\"", "1", "0", "null", "[]", "[true]", "{}", "1.0", "\"\""};

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char text[64];

        snprintf(text, sizeof text, "{\"active\":%s}", bad[i]);
        CHECK_ERR(parse(VIEW(text)), AA_ERR_REMOTE_PROTOCOL);
    }
    CHECK_ERR(parse(VIEW("{\"active\":True}")), AA_ERR_REMOTE_PROTOCOL);
    CHECK_ERR(parse(VIEW("{\"Active\":true}")), AA_ERR_REMOTE_PROTOCOL);
    CHECK_ERR(parse(VIEW("{}")), AA_ERR_REMOTE_PROTOCOL);
    CHECK_OK(parse(VIEW("{\"active\":true}")));
    CHECK_OK(parse(VIEW("{\"active\":false}")));
}

TEST(introspection, what_is_no_json_object_is_no_answer)
{
    static const char *const bad[] = {
        "",
        "true",
        "null",
        "[{\"active\":true}]",
        "{\"active\":true",
        "{\"active\":true}}",
        "{\"active\":true} x",
        "{\"active\":true}{\"active\":true}",
        "{'active':true}",
        "{\"active\":true,}",
        "<html>",
        "\xef\xbb\xbf{\"active\":true}",
        "{\"active\":true,\"sub\":\"\xff\"}",
        "{\"active\":true,\"sub\":\"\\ud800\"}",
        "{\"active\":true,\"sub\":\"a\\u0000b\"}",
        "{\"active\":true,\"a\\u0000b\":1}",
        "{\"active\":true,\"exp\":1e999}",
        "{\"active\":true,\"exp\":99999999999999999999}",
    };

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        CHECK_ERR(parse(VIEW(bad[i])), AA_ERR_REMOTE_PROTOCOL);
    CHECK_ERR(parse(AA_VIEW_ABSENT), AA_ERR_REMOTE_PROTOCOL);
    CHECK_ERR(parse(AA_VIEW("{\"active\":true}\0")), AA_ERR_REMOTE_PROTOCOL);
    CHECK_OK(parse(VIEW(" {\"active\" : true}\r\n")));
}

TEST(introspection, a_member_that_comes_twice_is_refused_wherever_it_is)
{
    CHECK_ERR(parse(VIEW("{\"active\":false,\"active\":true}")), AA_ERR_REMOTE_PROTOCOL);
    CHECK_ERR(parse(VIEW("{\"active\":true,\"scope\":\"a\",\"scope\":\"a\"}")), AA_ERR_REMOTE_PROTOCOL);
    CHECK_ERR(parse(VIEW("{\"active\":true,\"x\":{\"a\":1,\"a\":1}}")), AA_ERR_REMOTE_PROTOCOL);
    CHECK_ERR(parse(VIEW("{\"active\":true,\"sub\":\"a\",\"s\\u0075b\":\"b\"}")), AA_ERR_REMOTE_PROTOCOL);
    CHECK_OK(parse(VIEW("{\"active\":true,\"x\":{\"a\":1},\"y\":{\"a\":1}}")));
}

TEST(introspection, claims_of_the_wrong_type_are_the_servers_fault)
{
    CHECK_ERR(parse(VIEW("{\"active\":true,\"exp\":\"1700000000\"}")), AA_ERR_REMOTE_PROTOCOL);
    CHECK_ERR(parse(VIEW("{\"active\":true,\"exp\":1e300}")), AA_ERR_REMOTE_PROTOCOL);
    CHECK_ERR(parse(VIEW("{\"active\":true,\"exp\":-5}")), AA_ERR_REMOTE_PROTOCOL);
    CHECK_ERR(parse(VIEW("{\"active\":true,\"scope\":[\"a\"]}")), AA_ERR_REMOTE_PROTOCOL);
    CHECK_ERR(parse(VIEW("{\"active\":true,\"aud\":5}")), AA_ERR_REMOTE_PROTOCOL);
    CHECK_OK(parse(VIEW("{\"active\":true,\"exp\":1700000000,\"scope\":\"a\",\"aud\":\"a\"}")));
}

TEST(introspection, an_answer_has_64_kib_and_32_levels_at_most)
{
    char *text = malloc(AA_INTROSPECTION_MAX + 1);
    char deep[128];

    CHECK(text != NULL);
    memset(text, ' ', AA_INTROSPECTION_MAX + 1);
    memcpy(text, "{\"active\":true}", 15);
    CHECK_OK(parse(aa_view_make(text, AA_INTROSPECTION_MAX)));
    CHECK_ERR(parse(aa_view_make(text, AA_INTROSPECTION_MAX + 1)), AA_ERR_REMOTE_PROTOCOL);
    free(text);
    snprintf(deep, sizeof deep, "{\"active\":true,\"x\":%.31s%.31s}", "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
             "]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]");
    CHECK_OK(parse(VIEW(deep)));
    snprintf(deep, sizeof deep, "{\"active\":true,\"x\":[%.31s%.31s]}", "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
             "]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]");
    CHECK_ERR(parse(VIEW(deep)), AA_ERR_REMOTE_PROTOCOL);
}

TEST(introspection, the_log_line_does_not_quote_the_answer)
{
    struct aa_introspection introspection;
    struct aa_error err = AA_ERROR_INIT;

    CHECK_ERR(aa_introspection_parse(VIEW("{\"active\":true,\"sub\":\"secret\",\"oops"), &introspection, &err),
              AA_ERR_REMOTE_PROTOCOL);
    CHECK(strlen(err.message) > 0);
    CHECK(strstr(err.message, "secret") == NULL && strstr(err.message, "oops") == NULL);
    CHECK_INT(err.code, AA_ERR_REMOTE_PROTOCOL);
}

static enum aa_err parse_answer(void *ctx)
{
    return parse(VIEW(ctx));
}

TEST(introspection, running_out_of_memory_is_told_apart_from_a_bad_answer)
{
    char text[] =
        "{\"active\":true,\"sub\":\"usr_1\",\"aud\":[\"a\",\"b\"],\"exp\":1700000000.5,\"scope\":\"a b\",\"x\":{\"y\":"
        "null,\"z\":\"a text that is longer than the first piece of a buffer\"}}";

    CHECK(check_each_allocation(parse_answer, text) > 10);
}

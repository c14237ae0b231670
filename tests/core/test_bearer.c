#include "oauth/bearer.h"

#include "support_memory.h"
#include "support_vectors.h"

#define CREDENTIALS_MAX 1024

static void check_bearer(const struct aa_json *one)
{
    struct aa_view token = AA_VIEW_ABSENT;
    enum aa_err rc = aa_bearer_parse(text_of(one, "authorization"), &token, NULL);

    check_code(one, "code", rc);
    if (!rc)
        check_text(one, "token", token);
}

static void check_basic(const struct aa_json *one)
{
    struct aa_view user = AA_VIEW_ABSENT;
    struct aa_view password = AA_VIEW_ABSENT;
    struct aa_buf memory;
    enum aa_err rc;

    aa_buf_init(&memory, CREDENTIALS_MAX);
    rc = aa_basic_parse(text_of(one, "authorization"), &memory, &user, &password, NULL);
    check_code(one, "code", rc);
    if (!rc) {
        check_text(one, "user", user);
        check_text(one, "password", password);
    }
    aa_buf_wipe_clear(&memory);
}

TEST(bearer, headers_are_read_as_the_shared_cases_say)
{
    replay_cases("bearer.json", "bearer", check_bearer);
}

TEST(basic, headers_are_read_as_the_shared_cases_say)
{
    replay_cases("bearer.json", "basic", check_basic);
}

TEST(bearer, nul_is_no_token_character)
{
    struct aa_view token;

    CHECK_ERR(aa_bearer_parse(AA_VIEW("Bearer abc\0def"), &token, NULL), AA_ERR_TOKEN_FORMAT);
    CHECK_ERR(aa_bearer_parse(AA_VIEW("Bearer\0abc"), &token, NULL), AA_ERR_CREDENTIALS_MALFORMED);
    CHECK_OK(aa_bearer_parse(AA_VIEW("Bearer abcdef"), &token, NULL));
}

TEST(bearer, the_token_is_a_slice_of_the_header)
{
    const char *header = "Bearer abc";
    struct aa_view token;

    CHECK_OK(aa_bearer_parse(VIEW(header), &token, NULL));
    CHECK(token.data == header + 7);
    CHECK_INT(token.len, 3);
}

TEST(bearer, no_token_stands_in_an_error_message)
{
    struct aa_error err = AA_ERROR_INIT;
    struct aa_view token;

    CHECK_ERR(aa_bearer_parse(VIEW("Bearer secret\"secret"), &token, &err), AA_ERR_TOKEN_FORMAT);
    CHECK(strlen(err.message) > 0);
    CHECK(strstr(err.message, "secret") == NULL);
}

TEST(basic, credentials_longer_than_their_memory_are_malformed)
{
    struct aa_view password;
    struct aa_view user;
    struct aa_buf memory;

    aa_buf_init(&memory, 3);
    CHECK_OK(aa_basic_parse(VIEW("Basic YTpi"), &memory, &user, &password, NULL)); /* a:b */
    CHECK_ERR(aa_basic_parse(VIEW("Basic YTpiYw=="), &memory, &user, &password, NULL), AA_ERR_CREDENTIALS_MALFORMED);
    CHECK_OK(aa_basic_parse(VIEW("Basic YTpi"), &memory, &user, &password, NULL)); /* the failure is forgotten */
    CHECK_VIEW(user, "a");
    CHECK_VIEW(password, "b");
    aa_buf_wipe_clear(&memory);
}

static enum aa_err parse_basic(void *ctx)
{
    struct aa_view password;
    struct aa_view user;
    struct aa_buf memory;
    enum aa_err rc;

    (void)ctx;
    aa_buf_init(&memory, CREDENTIALS_MAX);
    rc = aa_basic_parse(VIEW("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="), &memory, &user, &password, NULL);
    aa_buf_wipe_clear(&memory);
    return rc;
}

TEST(basic, running_out_of_memory_is_told_apart_from_bad_credentials)
{
    check_each_allocation(parse_basic, NULL);
}

#include "oauth/refusal.h"

#include "support_memory.h"

#define METADATA "https://mcp.example.com/.well-known/oauth-protected-resource/mcp"

static const enum aa_err all_codes[] = {
#define CODE(name, number, cls, text) AA_ERR_##name,
    AA_ERR_TABLE(CODE)
#undef CODE
};
#define CODE_COUNT (sizeof all_codes / sizeof all_codes[0])

static struct aa_scopes two_scopes(void)
{
    struct aa_scopes scopes;

    CHECK_OK(aa_scopes_parse(VIEW("files:read files:write"), &scopes, NULL));
    return scopes;
}

static void check_challenge(enum aa_err code, const struct aa_refusal_context *context, const char *wanted)
{
    struct aa_buf buf;

    aa_buf_init(&buf, 4096);
    aa_refusal_add_challenge(&buf, code, context);
    CHECK_OK(aa_buf_check(&buf, "a challenge", NULL));
    CHECK_VIEW(aa_buf_view(&buf), wanted);
    aa_buf_clear(&buf);
}

static void check_body(enum aa_err code, const struct aa_refusal_context *context, const char *wanted)
{
    struct aa_buf buf;

    aa_buf_init(&buf, 4096);
    aa_refusal_add_body(&buf, code, context);
    CHECK_OK(aa_buf_check(&buf, "a body", NULL));
    CHECK_VIEW(aa_buf_view(&buf), wanted);
    aa_buf_clear(&buf);
}

TEST(refusal, the_class_picks_the_status)
{
    CHECK_INT(aa_refusal_status(AA_ERR_TOKEN_ABSENT), 401);
    CHECK_INT(aa_refusal_status(AA_ERR_TOKEN_EXPIRED), 401);
    CHECK_INT(aa_refusal_status(AA_ERR_SCOPE_INSUFFICIENT), 403);
    CHECK_INT(aa_refusal_status(AA_ERR_CREDENTIALS_DUPLICATE), 400);
    CHECK_INT(aa_refusal_status(AA_ERR_BODY_TOO_LARGE), 413);
}

TEST(refusal, trouble_of_a_server_is_never_a_401)
{
    for (size_t i = 0; i < CODE_COUNT; i++) {
        enum aa_err_class cls = aa_err_class_of(all_codes[i]);

        if (cls == AA_CLASS_REMOTE || cls == AA_CLASS_INTERNAL || cls == AA_CLASS_CONFIG) {
            CHECK_INT(aa_refusal_status(all_codes[i]), 503);
            CHECK_TEXT(aa_refusal_oauth_error(all_codes[i]), "temporarily_unavailable");
        }
    }
    CHECK_INT(aa_refusal_status(AA_ERR_TOKEN_INACTIVE), 401);
}

TEST(refusal, a_challenge_has_its_members_in_order)
{
    struct aa_scopes scopes = two_scopes();
    struct aa_refusal_context context = {.scopes = &scopes, .resource_metadata = AA_VIEW(METADATA)};

    check_challenge(AA_ERR_TOKEN_INACTIVE, &context,
                    "Bearer error=\"invalid_token\", scope=\"files:read files:write\", resource_metadata=\"" METADATA
                    "\", error_description=\"The access token is expired or revoked\"");
    check_challenge(
        AA_ERR_SCOPE_INSUFFICIENT, &context,
        "Bearer error=\"insufficient_scope\", scope=\"files:read files:write\", resource_metadata=\"" METADATA
        "\", error_description=\"More scopes are required\"");
    check_challenge(AA_ERR_CREDENTIALS_DUPLICATE, &context,
                    "Bearer error=\"invalid_request\", scope=\"files:read files:write\", resource_metadata=\"" METADATA
                    "\", error_description=\"More than one set of credentials was sent\"");
}

TEST(refusal, without_a_token_a_challenge_has_no_error) /* RFC 6750 §3.1 */
{
    struct aa_scopes scopes = two_scopes();
    struct aa_refusal_context context = {.scopes = &scopes, .resource_metadata = AA_VIEW(METADATA)};

    check_challenge(AA_ERR_TOKEN_ABSENT, &context,
                    "Bearer scope=\"files:read files:write\", resource_metadata=\"" METADATA "\"");
    CHECK(aa_refusal_oauth_error(AA_ERR_TOKEN_ABSENT) == NULL);
}

TEST(refusal, a_challenge_leaves_out_what_there_is_not)
{
    struct aa_scopes none = {.len = 0};
    struct aa_refusal_context context = {.scopes = &none};

    check_challenge(AA_ERR_TOKEN_ABSENT, &context, "Bearer");
    context.scopes = NULL;
    check_challenge(AA_ERR_TOKEN_ABSENT, &context, "Bearer");
    check_challenge(AA_ERR_TOKEN_FORMAT, &context,
                    "Bearer error=\"invalid_token\", error_description=\"The access token is malformed\"");
    context.resource_metadata = VIEW(METADATA);
    check_challenge(AA_ERR_TOKEN_ABSENT, &context, "Bearer resource_metadata=\"" METADATA "\"");
}

TEST(refusal, nothing_gets_out_of_its_quotes)
{
    static const char *const evil[] = {"https://a.example/\"", "https://a.example/\\",   "https://a.example/\r\nX: y",
                                       "https://a.example/\n", "https://a.example/\x7f", "https://a.example/é"};

    for (size_t i = 0; i < sizeof evil / sizeof evil[0]; i++) {
        struct aa_refusal_context context = {.resource_metadata = VIEW(evil[i])};

        check_challenge(AA_ERR_TOKEN_ABSENT, &context, "Bearer");
    }
}

/* python-sdk and typescript-sdk read challenges with regular expressions. */
TEST(refusal, every_challenge_can_be_read_with_a_regular_expression)
{
    struct aa_scopes scopes = two_scopes();
    struct aa_refusal_context context = {.scopes = &scopes, .resource_metadata = AA_VIEW(METADATA)};

    for (size_t i = 0; i < CODE_COUNT; i++) {
        struct aa_view last;
        struct aa_buf buf;
        int quotes = 0;

        aa_buf_init(&buf, 4096);
        aa_refusal_add_challenge(&buf, all_codes[i], &context);
        if (aa_refusal_status(all_codes[i]) == 503) {
            CHECK_INT(buf.len, 0);
            aa_buf_clear(&buf);
            continue;
        }
        CHECK(aa_view_has_prefix(aa_buf_view(&buf), VIEW("Bearer ")));
        CHECK(aa_view_is_printable_ascii(aa_buf_view(&buf)));
        CHECK(aa_view_find(aa_buf_view(&buf), '\\') == SIZE_MAX);
        for (size_t at = 0; at < buf.len; at++)
            quotes += buf.data[at] == '"';
        CHECK_INT(quotes, all_codes[i] == AA_ERR_TOKEN_ABSENT ? 4 : 8);
        last = aa_view_of(strrchr(aa_buf_text(&buf), ',') + 2);
        if (all_codes[i] != AA_ERR_TOKEN_ABSENT)
            CHECK(aa_view_has_prefix(last, VIEW("error_description=\"")));
        aa_buf_clear(&buf);
    }
}

TEST(refusal, every_text_for_the_wire_is_safe_in_quotes)
{
    for (size_t i = 0; i < CODE_COUNT; i++) {
        struct aa_view text = aa_view_of(aa_err_text(all_codes[i]));

        CHECK(aa_view_is_printable_ascii(text));
        CHECK(aa_view_find(text, '"') == SIZE_MAX && aa_view_find(text, '\\') == SIZE_MAX);
    }
}

TEST(refusal, a_body_says_what_the_challenge_says)
{
    struct aa_scopes scopes = two_scopes();
    struct aa_refusal_context context = {.scopes = &scopes};

    check_body(AA_ERR_TOKEN_ABSENT, &context,
               "{\"error\":\"invalid_token\",\"error_description\":\"An access token is required\"}");
    check_body(
        AA_ERR_SCOPE_INSUFFICIENT, &context,
        "{\"error\":\"insufficient_scope\",\"error_description\":\"More scopes are required\",\"scope\":\"files:read "
        "files:write\"}");
    check_body(
        AA_ERR_REMOTE_TIMEOUT, &context,
        "{\"error\":\"temporarily_unavailable\",\"error_description\":\"The authorization server did not answer in "
        "time\"}");
    context.scopes = NULL;
    check_body(AA_ERR_SCOPE_INSUFFICIENT, &context,
               "{\"error\":\"insufficient_scope\",\"error_description\":\"More scopes are required\"}");
}

/* A reason such as "wrong audience" would tell an attacker how near he is. */
TEST(refusal, the_wire_does_not_tell_why_a_token_is_not_good)
{
    CHECK_TEXT(aa_err_text(AA_ERR_TOKEN_AUDIENCE), aa_err_text(AA_ERR_TOKEN_SIGNATURE));
    CHECK_TEXT(aa_err_text(AA_ERR_TOKEN_ISSUER), aa_err_text(AA_ERR_TOKEN_SIGNATURE));
    CHECK_TEXT(aa_err_text(AA_ERR_TOKEN_KEY_UNKNOWN), aa_err_text(AA_ERR_TOKEN_SIGNATURE));
}

static enum aa_err build_both(void *ctx)
{
    const struct aa_refusal_context context = {.scopes = ctx, .resource_metadata = AA_VIEW(METADATA)};
    struct aa_buf buf;
    enum aa_err rc;

    aa_buf_init(&buf, 4096);
    aa_refusal_add_challenge(&buf, AA_ERR_SCOPE_INSUFFICIENT, &context);
    aa_refusal_add_body(&buf, AA_ERR_SCOPE_INSUFFICIENT, &context);
    rc = aa_buf_check(&buf, "both", NULL);
    aa_buf_clear(&buf);
    return rc;
}

TEST(refusal, running_out_of_memory_shows_in_the_buffer)
{
    struct aa_scopes scopes = two_scopes();

    check_each_allocation(build_both, &scopes);
}

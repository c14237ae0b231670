/* Codes, refresh tokens and the row keys of what is presented. */
#include "domain/secret.h"

#include <stdio.h>

#include "base/buf.h"
#include "support_app.h"

struct secret {
    struct aa_buf text;
    uint8_t key[AA_DIGEST_KEY_LEN];
};

static struct secret mint(struct app_fixture *f, const char *prefix)
{
    struct secret secret;

    aa_buf_init(&secret.text, AA_SECRET_MAX);
    CHECK_OK(aa_secret_mint(&f->app, prefix, &secret.text, secret.key, NULL));
    return secret;
}

static bool same_key(const uint8_t *a, const uint8_t *b)
{
    return memcmp(a, b, AA_DIGEST_KEY_LEN) == 0;
}

TEST(secret, a_minted_secret_is_found_under_its_key_and_no_two_are_alike)
{
    struct app_fixture f;
    struct secret one, two;
    uint8_t key[AA_DIGEST_KEY_LEN];

    app_open(&f);
    one = mint(&f, AA_REFRESH_PREFIX);
    two = mint(&f, AA_REFRESH_PREFIX);
    CHECK_OK(aa_secret_find_key(AA_REFRESH_PREFIX, aa_buf_view(&one.text), key, NULL));
    CHECK(same_key(key, one.key));
    CHECK(!same_key(one.key, two.key));
    CHECK(!aa_view_equal(aa_buf_view(&one.text), aa_buf_view(&two.text)));
    aa_buf_clear(&one.text);
    aa_buf_clear(&two.text);
    app_close(&f);
}

TEST(secret, the_second_of_issue_leads_the_key)
{
    struct app_fixture f;
    struct secret secret;
    uint32_t seconds;

    app_open(&f);
    secret = mint(&f, AA_CODE_PREFIX);
    seconds =
        (uint32_t)secret.key[0] << 24 | (uint32_t)secret.key[1] << 16 | (uint32_t)secret.key[2] << 8 | secret.key[3];
    CHECK_INT(seconds, f.now_ms / 1000);
    aa_buf_clear(&secret.text);
    app_close(&f);
}

TEST(secret, what_is_not_shaped_like_one_has_no_key)
{
    struct app_fixture f;
    struct secret secret;
    uint8_t key[AA_DIGEST_KEY_LEN];
    char changed[AA_SECRET_MAX + 1];

    app_open(&f);
    secret = mint(&f, AA_CODE_PREFIX);
    snprintf(changed, sizeof changed, "%s", aa_buf_text(&secret.text));
    CHECK_OK(aa_secret_find_key(AA_CODE_PREFIX, VIEW(changed), key, NULL));
    CHECK_ERR(aa_secret_find_key(AA_REFRESH_PREFIX, VIEW(changed), key, NULL), AA_ERR_TOKEN_FORMAT);
    CHECK_ERR(aa_secret_find_key(AA_CODE_PREFIX, aa_view_slice(VIEW(changed), 0, 51), key, NULL), AA_ERR_TOKEN_FORMAT);
    CHECK_ERR(aa_secret_find_key(AA_CODE_PREFIX, AA_VIEW_ABSENT, key, NULL), AA_ERR_TOKEN_FORMAT);
    changed[5] = '!';
    CHECK_ERR(aa_secret_find_key(AA_CODE_PREFIX, VIEW(changed), key, NULL), AA_ERR_TOKEN_FORMAT);
    aa_buf_clear(&secret.text);
    app_close(&f);
}

/* header.payload.signature with that payload. */
static struct aa_view jwt(struct aa_buf *out, const char *payload)
{
    aa_buf_cut(out, 0);
    aa_buf_add_text(out, "eyJhbGciOiJFUzI1NiJ9.");
    aa_buf_add_base64url(out, VIEW(payload));
    aa_buf_add_text(out, ".c2lnbmF0dXJl");
    return aa_buf_view(out);
}

TEST(secret, an_access_token_is_found_by_the_time_that_leads_its_claims)
{
    uint8_t key[AA_DIGEST_KEY_LEN], issued[AA_DIGEST_KEY_LEN];
    struct aa_buf text;
    struct aa_view token;

    CHECK_OK(aa_crypto_init(NULL));
    aa_buf_init(&text, 1024);
    token = jwt(&text, "{\"iat\":1800000000,\"exp\":1800003600,\"iss\":\"http://localhost\"}");
    CHECK_OK(aa_secret_access_key(token, key, NULL));
    CHECK_OK(aa_secret_issued_key(token, 1800000000, issued, NULL));
    CHECK(same_key(key, issued));
    CHECK_OK(aa_secret_issued_key(token, 1800000000 + 1, issued, NULL));
    CHECK(!same_key(key, issued));
    token = jwt(&text, "{\"iat\":1,\"exp\":2}");
    CHECK_OK(aa_secret_access_key(token, key, NULL));
    CHECK_OK(aa_secret_issued_key(token, 1, issued, NULL));
    CHECK(same_key(key, issued));
    aa_buf_clear(&text);
}

TEST(secret, what_is_no_access_token_of_ours_has_no_key)
{
    static const char *const payloads[] = {"",
                                           "{}",
                                           "{\"exp\":1,\"iat\":1800000000,\"a\":1}", /* not in our order */
                                           "{\"iat\":\"1800000000\",\"exp\":1}",
                                           "{\"iat\":-1,\"exp\":1,\"a\":1}",
                                           "{\"iat\":1.5,\"exp\":1,\"a\":1}",
                                           "{\"iat\":01,\"exp\":1,\"a\":1}",
                                           "{\"iat\":,\"exp\":1,\"a\":1}",
                                           "{\"iat\":99999999999999999999999,\"exp\":1}",
                                           "{\"iat\":1800000000}"};
    static const char *const tokens[] = {"", ".", "..", "a.b.c", "eyJ", "eyJ.eyJ", "eyJ.!.c"};
    uint8_t key[AA_DIGEST_KEY_LEN];
    struct aa_buf text;

    aa_buf_init(&text, 1024);
    for (size_t i = 0; i < sizeof payloads / sizeof *payloads; i++)
        CHECK_ERR(aa_secret_access_key(jwt(&text, payloads[i]), key, NULL), AA_ERR_TOKEN_FORMAT);
    for (size_t i = 0; i < sizeof tokens / sizeof *tokens; i++)
        CHECK_ERR(aa_secret_access_key(VIEW(tokens[i]), key, NULL), AA_ERR_TOKEN_FORMAT);
    aa_buf_clear(&text);
}

TEST(secret, an_overlong_token_is_refused_by_its_length)
{
    static char token[8300];
    uint8_t key[AA_DIGEST_KEY_LEN];
    struct aa_buf text;

    aa_buf_init(&text, 1024);
    memset(token, 'A', sizeof token - 1);
    snprintf(token, 200, "%s", aa_buf_text((jwt(&text, "{\"iat\":1800000000,\"exp\":1800003600}"), &text)));
    token[strlen(token)] = 'A';
    CHECK_ERR(aa_secret_access_key(aa_view_slice(VIEW(token), 0, 8193), key, NULL), AA_ERR_TOKEN_FORMAT);
    CHECK_OK(aa_secret_access_key(aa_view_slice(VIEW(token), 0, 8192), key, NULL));
    aa_buf_clear(&text);
}

static enum aa_err no_random(void *ctx, void *out, size_t len)
{
    (void)ctx;
    (void)out;
    (void)len;
    return AA_ERR_RANDOM;
}

TEST(secret, without_chance_nothing_is_minted)
{
    struct app_fixture f;
    struct secret secret;

    app_open(&f);
    aa_buf_init(&secret.text, AA_SECRET_MAX);
    f.app.random = no_random;
    CHECK_ERR(aa_secret_mint(&f.app, AA_CODE_PREFIX, &secret.text, secret.key, NULL), AA_ERR_RANDOM);
    CHECK_ERR(aa_secret_random(&f.app, &secret.text, NULL), AA_ERR_RANDOM);
    aa_buf_clear(&secret.text);
    app_close(&f);
}

TEST(secret, a_random_text_has_43_characters_and_a_digest)
{
    struct app_fixture f;
    struct aa_buf one;
    uint8_t digest[AA_SHA256_LEN], again[AA_SHA256_LEN];

    app_open(&f);
    aa_buf_init(&one, 64);
    CHECK_OK(aa_secret_random(&f.app, &one, NULL));
    CHECK_INT(one.len, 43);
    CHECK_OK(aa_secret_digest(aa_buf_view(&one), digest, NULL));
    CHECK_OK(aa_secret_digest(aa_buf_view(&one), again, NULL));
    CHECK(memcmp(digest, again, sizeof digest) == 0);
    CHECK_OK(aa_secret_digest(VIEW("x"), again, NULL));
    CHECK(memcmp(digest, again, sizeof digest) != 0);
    aa_buf_clear(&one);
    app_close(&f);
}

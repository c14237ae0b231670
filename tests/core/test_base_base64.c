#include "base/base64.h"

#include "support_memory.h"

typedef enum aa_err (*decode_fn)(struct aa_view text, struct aa_buf *out, struct aa_error *err);

static void check_decoded(decode_fn decode, const char *text, struct aa_view wanted)
{
    struct aa_buf out;

    aa_buf_init(&out, 100);
    CHECK_OK(decode(VIEW(text), &out, NULL));
    CHECK(aa_view_equal(aa_buf_view(&out), wanted));
    aa_buf_clear(&out);
}

static void check_refused(decode_fn decode, struct aa_view text)
{
    struct aa_buf out;

    aa_buf_init(&out, 100);
    CHECK_ERR(decode(text, &out, NULL), AA_ERR_BASE64);
    aa_buf_clear(&out);
}

TEST(base64url, gives_the_bytes_of_rfc_4648)
{
    check_decoded(aa_base64url_decode, "", VIEW(""));
    check_decoded(aa_base64url_decode, "Zg", VIEW("f"));
    check_decoded(aa_base64url_decode, "Zm8", VIEW("fo"));
    check_decoded(aa_base64url_decode, "Zm9v", VIEW("foo"));
    check_decoded(aa_base64url_decode, "Zm9vYg", VIEW("foob"));
    check_decoded(aa_base64url_decode, "Zm9vYmE", VIEW("fooba"));
    check_decoded(aa_base64url_decode, "Zm9vYmFy", VIEW("foobar"));
    check_decoded(aa_base64url_decode, "-__-AA", AA_VIEW("\xfb\xff\xfe\0"));
}

TEST(base64url, has_one_spelling)
{
    static const char *const bad[] = {"Z",   "Zm9vY", "Zg==", "Zg=",   "Zh", "Zm9",  "+__-", "/__-",
                                      " Zg", "Zg\n",  "Z g",  "Zm9v=", "=",  "Zm8.", "é"};

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        check_refused(aa_base64url_decode, VIEW(bad[i]));
    check_refused(aa_base64url_decode, AA_VIEW("Zg\0"));
    check_decoded(aa_base64url_decode, "Zg", VIEW("f"));
}

TEST(base64, wants_its_padding)
{
    check_decoded(aa_base64_decode, "", VIEW(""));
    check_decoded(aa_base64_decode, "Zg==", VIEW("f"));
    check_decoded(aa_base64_decode, "Zm8=", VIEW("fo"));
    check_decoded(aa_base64_decode, "Zm9v", VIEW("foo"));
    check_decoded(aa_base64_decode, "+//+AA==", AA_VIEW("\xfb\xff\xfe\0"));
    check_refused(aa_base64_decode, VIEW("Zg"));
    check_refused(aa_base64_decode, VIEW("Zg="));
    check_refused(aa_base64_decode, VIEW("Zg==="));
    check_refused(aa_base64_decode, VIEW("Zh=="));
    check_refused(aa_base64_decode, VIEW("===="));
    check_refused(aa_base64_decode, VIEW("Z==="));
    check_refused(aa_base64_decode, VIEW("Zg==Zg=="));
    check_refused(aa_base64_decode, VIEW("-__-AA=="));
}

TEST(base64, what_does_not_fit_is_an_error)
{
    struct aa_buf out;

    aa_buf_init(&out, 2);
    CHECK_ERR(aa_base64url_decode(VIEW("Zm9v"), &out, NULL), AA_ERR_TOO_LONG);
    aa_buf_reset(&out);
    CHECK_OK(aa_base64url_decode(VIEW("Zm8"), &out, NULL));
    aa_buf_clear(&out);
}

TEST(base64, a_refusal_leaves_what_was_there)
{
    struct aa_buf out;

    aa_buf_init(&out, 100);
    aa_buf_add_text(&out, "before:");
    CHECK_ERR(aa_base64url_decode(VIEW("Zm9vYh"), &out, NULL), AA_ERR_BASE64);
    CHECK_ERR(aa_base64url_decode(VIEW("Zm9v.g"), &out, NULL), AA_ERR_BASE64);
    CHECK_VIEW(aa_buf_view(&out), "before:");
    CHECK_OK(aa_base64url_decode(VIEW("Zm9vYg"), &out, NULL));
    CHECK_VIEW(aa_buf_view(&out), "before:foob");
    aa_buf_clear(&out);
}

TEST(base64, every_text_that_decodes_encodes_to_itself)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

    for (size_t first = 0; first < 64; first++) {
        for (size_t second = 0; second < 64; second++) {
            char text[3] = {alphabet[first], alphabet[second], '\0'};
            struct aa_buf again;
            struct aa_buf out;

            aa_buf_init(&out, 100);
            aa_buf_init(&again, 100);
            if (aa_base64url_decode(VIEW(text), &out, NULL)) {
                CHECK(second % 16 != 0);
            } else {
                aa_buf_add_base64url(&again, aa_buf_view(&out));
                CHECK_VIEW(aa_buf_view(&again), text);
            }
            aa_buf_clear(&out);
            aa_buf_clear(&again);
        }
    }
}

static enum aa_err decode(void *ctx)
{
    struct aa_buf out;
    enum aa_err rc;

    (void)ctx;
    aa_buf_init(&out, 100);
    rc = aa_base64url_decode(VIEW("Zm9vYmFy"), &out, NULL);
    aa_buf_clear(&out);
    return rc;
}

TEST(base64, running_out_of_memory_is_an_error)
{
    check_each_allocation(decode, NULL);
}

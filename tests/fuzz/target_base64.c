/* base64url and base64: every byte string has one spelling. */
#include "base/base64.h"

#include "fuzz.h"

/* Plain base64 with padding. */
static void add_base64(struct aa_buf *buf, struct aa_view bytes)
{
    aa_buf_add_base64url(buf, bytes);
    for (size_t i = 0; i < buf->len; i++) {
        if (buf->data[i] == '-')
            buf->data[i] = '+';
        if (buf->data[i] == '_')
            buf->data[i] = '/';
    }
    while (buf->len % 4)
        aa_buf_add_char(buf, '=');
}

typedef enum aa_err (*decode_fn)(struct aa_view text, struct aa_buf *out, struct aa_error *err);
typedef void (*encode_fn)(struct aa_buf *buf, struct aa_view bytes);

static bool is_one_spelling(decode_fn decode, encode_fn encode, struct aa_view input)
{
    struct aa_buf bytes, text;
    bool taken;

    aa_buf_init(&bytes, FUZZ_TEXT_MAX);
    aa_buf_init(&text, FUZZ_TEXT_MAX);
    taken = !decode(input, &bytes, NULL);
    if (taken) {
        encode(&text, aa_buf_view(&bytes));
        MUST(text.len == input.len && memcmp(aa_buf_text(&text), input.data, input.len) == 0);
    } else
        MUST(bytes.len == 0);
    aa_buf_clear(&bytes);
    aa_buf_clear(&text);
    return taken;
}

/* Whatever is written can be read. */
static void check_back(decode_fn decode, encode_fn encode, struct aa_view input)
{
    struct aa_buf bytes, text;

    aa_buf_init(&bytes, FUZZ_TEXT_MAX);
    aa_buf_init(&text, FUZZ_TEXT_MAX);
    encode(&text, input);
    MUST_OK(decode(aa_buf_view(&text), &bytes, NULL));
    MUST(bytes.len == input.len && memcmp(aa_buf_text(&bytes), input.data, input.len) == 0);
    aa_buf_clear(&bytes);
    aa_buf_clear(&text);
}

bool fuzz_one(struct aa_view input)
{
    bool is_url = is_one_spelling(aa_base64url_decode, aa_buf_add_base64url, input);
    bool is_plain = is_one_spelling(aa_base64_decode, add_base64, input);

    check_back(aa_base64url_decode, aa_buf_add_base64url, input);
    check_back(aa_base64_decode, add_base64, input);
    return is_url || is_plain;
}

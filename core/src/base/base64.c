#include "base/base64.h"

#include "base/error.h"

/* Value of a character of the alphabet that ends in `c62` and `c63`, or -1. */
static int digit(char c, char c62, char c63)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    if (c == c62)
        return 62;
    return c == c63 ? 63 : -1;
}

/* Strict: a character outside the alphabet, a lone last character, or set bits behind the last byte are refused, so
 * that every byte string has exactly one spelling (a token with two spellings would be two cache keys and one token).
 */
static enum aa_err decode(struct aa_view text, char c62, char c63, struct aa_buf *out, struct aa_error *err)
{
    unsigned long group = 0;
    unsigned bits = 0;

    if (text.len % 4 == 1)
        return aa_fail(err, AA_ERR_BASE64, "base64 text has an impossible length");
    for (size_t i = 0; i < text.len; i++) {
        int value = digit(text.data[i], c62, c63);

        if (value < 0)
            return aa_fail(err, AA_ERR_BASE64, "base64 text has a foreign character");
        group = (group << 6 | (unsigned long)value) & 0xFFFFFF;
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            aa_buf_add_char(out, (char)(group >> bits & 0xFF));
        }
    }
    if (group & ((1UL << bits) - 1))
        return aa_fail(err, AA_ERR_BASE64, "base64 text has bits behind its last byte");
    return aa_buf_check(out, "decoded base64", err);
}

enum aa_err aa_base64url_decode(struct aa_view text, struct aa_buf *out, struct aa_error *err)
{
    return decode(text, '-', '_', out, err);
}

enum aa_err aa_base64_decode(struct aa_view text, struct aa_buf *out, struct aa_error *err)
{
    if (text.len % 4 != 0)
        return aa_fail(err, AA_ERR_BASE64, "base64 text is not padded");
    for (int i = 0; i < 2 && text.len && text.data[text.len - 1] == '='; i++)
        text.len--;
    return decode(text, '+', '/', out, err);
}

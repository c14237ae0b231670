#include "base/base64.h"

#include "base/error.h"

/* Values of the characters of both alphabets: a comparison of random characters is guessed wrong half the time. */
#define NO 0x80
/* clang-format off */
static const unsigned char values[256] = {
    NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO,
    NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO,
    NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, 62, NO, 62, NO, 63,
    52, 53, 54, 55, 56, 57, 58, 59, 60, 61, NO, NO, NO, NO, NO, NO,
    NO,  0,  1,  2,  3,  4,  5,  6,  7,  8,  9, 10, 11, 12, 13, 14,
    15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, NO, NO, NO, NO, 63,
    NO, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40,
    41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, NO, NO, NO, NO, NO,
    NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO,
    NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO,
    NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO,
    NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO,
    NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO,
    NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO,
    NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO,
    NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO,
};
/* clang-format on */

static unsigned value_of(char c)
{
    return values[(unsigned char)c];
}

/* The last two or three characters, one or two bytes. */
static unsigned decode_rest(struct aa_view text, char *to)
{
    unsigned a = value_of(text.data[0]), b = value_of(text.data[1]);
    unsigned c = text.len > 2 ? value_of(text.data[2]) : 0;
    unsigned unused = text.len > 2 ? c & 3 : b & 15;

    to[0] = (char)(a << 2 | b >> 4);
    if (text.len > 2)
        to[1] = (char)(b << 4 | c >> 2);
    return ((a | b | c) & NO) | unused;
}

/* Four characters, three bytes. Returns 0 unless there is something wrong with the text: a character of no alphabet, or
 * bits behind the last byte. */
static unsigned decode_digits(struct aa_view text, char *to)
{
    unsigned wrong = 0;

    for (; text.len >= 4; text = aa_view_from(text, 4), to += 3) {
        unsigned a = value_of(text.data[0]), b = value_of(text.data[1]);
        unsigned c = value_of(text.data[2]), d = value_of(text.data[3]);

        wrong |= (a | b | c | d) & NO;
        to[0] = (char)(a << 2 | b >> 4);
        to[1] = (char)(b << 4 | c >> 2);
        to[2] = (char)(c << 6 | d);
    }
    return text.len ? wrong | decode_rest(text, to) : wrong;
}

/* Strict: a character outside the alphabet, a lone last character, or set bits behind the last byte are refused, so
 * that every byte string has exactly one spelling (a token with two spellings would be two cache keys and one token).
 * `foreign` holds the two characters of the other alphabet. */
static enum aa_err decode(struct aa_view text, const char foreign[2], struct aa_buf *out, struct aa_error *err)
{
    size_t before = out->len;
    char *room;

    if (text.len % 4 == 1)
        return aa_fail(err, AA_ERR_BASE64, "base64 text has an impossible length");
    if (aa_view_find(text, foreign[0]) != SIZE_MAX || aa_view_find(text, foreign[1]) != SIZE_MAX)
        return aa_fail(err, AA_ERR_BASE64, "base64 text has a foreign character");
    room = aa_buf_add_room(out, text.len / 4 * 3 + (text.len % 4 ? text.len % 4 - 1 : 0));
    if (room && decode_digits(text, room)) {
        aa_buf_cut(out, before);
        return aa_fail(err, AA_ERR_BASE64, "base64 text has a foreign character, or bits behind its last byte");
    }
    return aa_buf_check(out, "decoded base64", err);
}

enum aa_err aa_base64url_decode(struct aa_view text, struct aa_buf *out, struct aa_error *err)
{
    return decode(text, "+/", out, err);
}

enum aa_err aa_base64_decode(struct aa_view text, struct aa_buf *out, struct aa_error *err)
{
    if (text.len % 4 != 0)
        return aa_fail(err, AA_ERR_BASE64, "base64 text is not padded");
    for (int i = 0; i < 2 && text.len && text.data[text.len - 1] == '='; i++)
        text.len--;
    return decode(text, "-_", out, err);
}

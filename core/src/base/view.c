#include "base/view.h"

#include "base/error.h"

bool aa_view_equal(struct aa_view a, struct aa_view b)
{
    if (!a.data || !b.data)
        return a.data == b.data;
    return a.len == b.len && memcmp(a.data, b.data, a.len) == 0;
}

bool aa_view_equal_text(struct aa_view a, const char *text)
{
    return aa_view_equal(a, aa_view_of(text));
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

bool aa_view_equal_nocase(struct aa_view a, struct aa_view b)
{
    if (!a.data || !b.data)
        return a.data == b.data;
    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++)
        if (lower(a.data[i]) != lower(b.data[i]))
            return false;
    return true;
}

bool aa_view_has_prefix(struct aa_view view, struct aa_view prefix)
{
    if (!view.data || !prefix.data || view.len < prefix.len)
        return false;
    return memcmp(view.data, prefix.data, prefix.len) == 0;
}

bool aa_view_has_suffix(struct aa_view view, struct aa_view suffix)
{
    if (!view.data || !suffix.data || view.len < suffix.len)
        return false;
    return memcmp(view.data + view.len - suffix.len, suffix.data, suffix.len) == 0;
}

struct aa_view aa_view_from(struct aa_view view, size_t offset)
{
    if (!view.data)
        return view;
    if (offset > view.len)
        offset = view.len;
    return (struct aa_view){view.data + offset, view.len - offset};
}

struct aa_view aa_view_slice(struct aa_view view, size_t offset, size_t len)
{
    struct aa_view rest = aa_view_from(view, offset);

    if (rest.len > len)
        rest.len = len;
    return rest;
}

size_t aa_view_find(struct aa_view view, char wanted)
{
    const char *found = view.len ? memchr(view.data, wanted, view.len) : NULL;

    return found ? (size_t)(found - view.data) : SIZE_MAX;
}

bool aa_view_cut(struct aa_view view, char separator, struct aa_view *head, struct aa_view *tail)
{
    size_t at = aa_view_find(view, separator);

    if (at == SIZE_MAX) {
        *head = view;
        *tail = AA_VIEW_ABSENT;
        return false;
    }
    *head = (struct aa_view){view.data, at};
    *tail = (struct aa_view){view.data + at + 1, view.len - at - 1};
    return true;
}

struct aa_view aa_view_trim(struct aa_view view)
{
    while (view.len && (view.data[0] == ' ' || view.data[0] == '\t')) {
        view.data++;
        view.len--;
    }
    while (view.len && (view.data[view.len - 1] == ' ' || view.data[view.len - 1] == '\t'))
        view.len--;
    return view;
}

/* Length of the well-formed sequence at `bytes`, or 0 (RFC 3629 §4, table of byte ranges). */
static size_t utf8_sequence(const unsigned char *bytes, size_t left)
{
    unsigned char lead = bytes[0];
    unsigned char low = 0x80;
    unsigned char high = 0xBF;
    size_t len;

    if (lead < 0x80)
        return lead ? 1 : 0;
    if (lead >= 0xC2 && lead <= 0xDF)
        len = 2;
    else if (lead >= 0xE0 && lead <= 0xEF)
        len = 3;
    else if (lead >= 0xF0 && lead <= 0xF4)
        len = 4;
    else
        return 0;
    if (lead == 0xE0)
        low = 0xA0; /* shorter forms exist */
    if (lead == 0xED)
        high = 0x9F; /* surrogates */
    if (lead == 0xF0)
        low = 0x90;
    if (lead == 0xF4)
        high = 0x8F; /* beyond U+10FFFF */
    if (left < len || bytes[1] < low || bytes[1] > high)
        return 0;
    for (size_t i = 2; i < len; i++)
        if (bytes[i] < 0x80 || bytes[i] > 0xBF)
            return 0;
    return len;
}

size_t aa_view_utf8_len(struct aa_view view)
{
    return view.len ? utf8_sequence((const unsigned char *)view.data, view.len) : 0;
}

/* True when each of the eight bytes is ASCII other than NUL. What borrows from its neighbour was zero, or stands behind
 * one. */
static bool is_plain_word(uint64_t word)
{
    return ((word | (word - UINT64_C(0x0101010101010101))) & UINT64_C(0x8080808080808080)) == 0;
}

/* How many words of plain ASCII stand in front, in bytes: nearly always all but the last few. */
static size_t plain_words_len(struct aa_view view)
{
    uint64_t word;
    size_t len = 0;

    for (; view.len - len >= sizeof word; len += sizeof word) {
        memcpy(&word, view.data + len, sizeof word);
        if (!is_plain_word(word))
            break;
    }
    return len;
}

bool aa_view_is_utf8(struct aa_view view)
{
    view = aa_view_from(view, plain_words_len(view));
    while (view.len) {
        size_t len = aa_view_utf8_len(view);

        if (len == 0)
            return false;
        view.data += len;
        view.len -= len;
    }
    return true;
}

bool aa_view_is_printable_ascii(struct aa_view view)
{
    for (size_t i = 0; i < view.len; i++)
        if (view.data[i] < 0x20 || view.data[i] > 0x7E)
            return false;
    return true;
}

enum aa_err aa_view_parse_int64(struct aa_view view, int64_t *out)
{
    int64_t number = 0;

    if (view.len == 0 || view.len > 19 || (view.data[0] == '0' && view.len > 1))
        return AA_ERR_NUMBER_RANGE;
    for (size_t i = 0; i < view.len; i++) {
        int digit = view.data[i] - '0';

        if (digit < 0 || digit > 9 || number > (INT64_MAX - digit) / 10)
            return AA_ERR_NUMBER_RANGE;
        number = number * 10 + digit;
    }
    *out = number;
    return AA_OK;
}

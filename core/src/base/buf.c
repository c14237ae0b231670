#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"

#define FIRST_CAPACITY 64
#define INT64_TEXT_MAX 20 /* "-9223372036854775808" */

void aa_buf_init(struct aa_buf *buf, size_t max)
{
    *buf = (struct aa_buf){.max = max};
}

void aa_buf_clear(struct aa_buf *buf)
{
    aa_mem_free(buf->data);
    aa_buf_init(buf, buf->max);
}

void aa_buf_wipe_clear(struct aa_buf *buf)
{
    aa_mem_wipe_free(buf->data, buf->capacity);
    aa_buf_init(buf, buf->max);
}

void aa_buf_reset(struct aa_buf *buf)
{
    buf->len = 0;
    buf->bad = AA_OK;
    if (buf->data)
        buf->data[0] = '\0';
}

void aa_buf_cut(struct aa_buf *buf, size_t len)
{
    if (len >= buf->len)
        return;
    aa_mem_wipe(buf->data + len, buf->len - len);
    buf->len = len;
}

/* Old memory is wiped before it goes: a buffer may hold a secret. */
static bool grow(struct aa_buf *buf, size_t more)
{
    size_t capacity = buf->capacity ? buf->capacity : FIRST_CAPACITY;
    char *grown;

    if (buf->len + more >= SIZE_MAX / 2) { /* doubling would wrap around */
        buf->bad = AA_ERR_NOMEM;
        return false;
    }
    while (capacity <= buf->len + more)
        capacity *= 2;
    grown = aa_mem_new(capacity);
    if (!grown) {
        buf->bad = AA_ERR_NOMEM;
        return false;
    }
    if (buf->len)
        memcpy(grown, buf->data, buf->len);
    aa_mem_wipe_free(buf->data, buf->len);
    buf->data = grown;
    buf->capacity = capacity;
    return true;
}

/* Room for `more` bytes and the closing NUL. */
static bool reserve(struct aa_buf *buf, size_t more)
{
    if (buf->bad)
        return false;
    if (more > buf->max || buf->len > buf->max - more) {
        buf->bad = AA_ERR_TOO_LONG;
        return false;
    }
    return buf->len + more < buf->capacity || grow(buf, more);
}

void aa_buf_expect(struct aa_buf *buf, size_t more)
{
    if (!buf->bad && buf->len <= buf->max)
        reserve(buf, more < buf->max - buf->len ? more : buf->max - buf->len);
}

char *aa_buf_add_room(struct aa_buf *buf, size_t len)
{
    char *room;

    if (!reserve(buf, len))
        return NULL;
    room = buf->data + buf->len;
    buf->len += len;
    buf->data[buf->len] = '\0';
    return room;
}

void aa_buf_add(struct aa_buf *buf, struct aa_view bytes)
{
    if (!reserve(buf, bytes.len))
        return;
    if (bytes.len)
        memcpy(buf->data + buf->len, bytes.data, bytes.len);
    buf->len += bytes.len;
    buf->data[buf->len] = '\0';
}

void aa_buf_add_text(struct aa_buf *buf, const char *text)
{
    aa_buf_add(buf, aa_view_of(text));
}

void aa_buf_add_char(struct aa_buf *buf, char c)
{
    if (!reserve(buf, 1))
        return;
    buf->data[buf->len++] = c;
    buf->data[buf->len] = '\0';
}

void aa_buf_add_hex(struct aa_buf *buf, struct aa_view bytes)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < bytes.len; i++) {
        aa_buf_add_char(buf, digits[(unsigned char)bytes.data[i] >> 4]);
        aa_buf_add_char(buf, digits[bytes.data[i] & 15]);
    }
}

void aa_buf_add_int(struct aa_buf *buf, int64_t number)
{
    char digits[INT64_TEXT_MAX];
    char *front = digits + sizeof digits;
    uint64_t rest = number < 0 ? -(uint64_t)number : (uint64_t)number; /* INT64_MIN has no positive */

    do {
        *--front = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest);
    if (number < 0)
        *--front = '-';
    aa_buf_add(buf, (struct aa_view){front, (size_t)(digits + sizeof digits - front)});
}

void aa_buf_add_format(struct aa_buf *buf, const char *format, ...)
{
    va_list arguments;
    int len;

    va_start(arguments, format);
    len = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    if (len < 0) {
        buf->bad = buf->bad ? buf->bad : AA_ERR_NOMEM;
        return;
    }
    if (!reserve(buf, (size_t)len))
        return;
    va_start(arguments, format);
    vsnprintf(buf->data + buf->len, (size_t)len + 1, format, arguments);
    va_end(arguments);
    buf->len += (size_t)len;
}

void aa_buf_add_base64url(struct aa_buf *buf, struct aa_view bytes)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    const unsigned char *in = (const unsigned char *)bytes.data;

    for (size_t i = 0; i < bytes.len; i += 3) {
        size_t left = bytes.len - i;
        unsigned long group = (unsigned long)in[i] << 16;
        char out[4];

        if (left > 1)
            group |= (unsigned long)in[i + 1] << 8;
        if (left > 2)
            group |= in[i + 2];
        for (int j = 0; j < 4; j++)
            out[j] = alphabet[group >> (18 - 6 * j) & 63];
        aa_buf_add(buf, (struct aa_view){out, left > 2 ? 4 : left + 1});
    }
}

static bool is_unreserved(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
           c == '_' || c == '~';
}

void aa_buf_add_percent(struct aa_buf *buf, struct aa_view bytes)
{
    static const char hex[] = "0123456789ABCDEF";

    for (size_t i = 0; i < bytes.len; i++) {
        unsigned char c = (unsigned char)bytes.data[i];

        if (is_unreserved((char)c)) {
            aa_buf_add_char(buf, (char)c);
        } else {
            char escaped[3] = {'%', hex[c >> 4], hex[c & 15]};

            aa_buf_add(buf, (struct aa_view){escaped, 3});
        }
    }
}

static void add_json_escape(struct aa_buf *buf, char c)
{
    static const char from[] = "\"\\\b\f\n\r\t";
    static const char to[] = "\"\\bfnrt";
    const char *found = strchr(from, c);

    if (found)
        aa_buf_add_format(buf, "\\%c", to[found - from]);
    else
        aa_buf_add_format(buf, "\\u%04x", (unsigned)(unsigned char)c);
}

/* Stands in JSON text as it is. */
static bool is_plain_json(char c)
{
    return c >= 0x20 && c < 0x7F && c != '"' && c != '\\';
}

/* Adds what stands in front and is not plain; returns its length. */
static size_t add_json_special(struct aa_buf *buf, struct aa_view text)
{
    char c = text.data[0];
    size_t len = aa_view_utf8_len(text);

    if (c == '\0')
        aa_buf_add_text(buf, "\\u0000");
    else if (len == 1)
        add_json_escape(buf, c);
    else if (len)
        aa_buf_add(buf, (struct aa_view){text.data, len});
    else
        aa_buf_add_text(buf, "\xEF\xBF\xBD"); /* U+FFFD */
    return len ? len : 1;
}

void aa_buf_add_json_string(struct aa_buf *buf, struct aa_view text)
{
    aa_buf_add_char(buf, '"');
    while (text.len) {
        size_t len = 0;

        while (len < text.len && is_plain_json(text.data[len]))
            len++;
        aa_buf_add(buf, (struct aa_view){text.data, len});
        text = aa_view_from(text, len);
        if (text.len)
            text = aa_view_from(text, add_json_special(buf, text));
    }
    aa_buf_add_char(buf, '"');
}

static const char *html_entity(char c)
{
    switch (c) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return "&quot;";
    case '\'':
        return "&#39;";
    default:
        return NULL;
    }
}

void aa_buf_add_html(struct aa_buf *buf, struct aa_view text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        const char *entity = html_entity(c);

        if (entity)
            aa_buf_add_text(buf, entity);
        else if (c == '\n' || c == '\t' || ((unsigned char)c >= 0x20 && c != 0x7f))
            aa_buf_add_char(buf, c);
    }
}

struct aa_view aa_buf_view(const struct aa_buf *buf)
{
    return (struct aa_view){aa_buf_text(buf), buf->len};
}

const char *aa_buf_text(const struct aa_buf *buf)
{
    return buf->data ? buf->data : "";
}

enum aa_err aa_buf_check(const struct aa_buf *buf, const char *what, struct aa_error *err)
{
    if (buf->bad == AA_ERR_NOMEM)
        return aa_fail(err, AA_ERR_NOMEM, "out of memory while building %s", what);
    if (buf->bad)
        return aa_fail(err, buf->bad, "%s is longer than %zu bytes", what, buf->max);
    return AA_OK;
}

char *aa_buf_take(struct aa_buf *buf)
{
    char *data;

    if (buf->bad || !reserve(buf, 0))
        return NULL;
    data = buf->data;
    data[buf->len] = '\0';
    aa_buf_init(buf, buf->max);
    return data;
}

/* A growing buffer with a largest size.
 *
 * Appending is sticky: the first append that fails (no memory, or past the cap) marks the buffer, later ones do
 * nothing, and aa_buf_check() reports it once at the end. So a builder is a straight list of appends. The contents
 * are always NUL-terminated beyond len, so aa_buf_text() may go to C functions. */
#ifndef AA_BASE_BUF_H
#define AA_BASE_BUF_H

#include <stdbool.h>
#include <stdint.h>

#include "base/view.h"

struct aa_buf {
    char *data;
    size_t len;
    size_t capacity;
    size_t max;      /* largest len allowed */
    enum aa_err bad; /* AA_OK, AA_ERR_NOMEM or AA_ERR_TOO_LONG: the first failure */
};

void aa_buf_init(struct aa_buf *buf, size_t max);
void aa_buf_clear(struct aa_buf *buf);      /* frees; usable again with the same max */
void aa_buf_wipe_clear(struct aa_buf *buf); /* the same, overwriting first: for secrets */
void aa_buf_reset(struct aa_buf *buf);      /* len 0, keeps the memory, forgets the failure */

void aa_buf_cut(struct aa_buf *buf, size_t len); /* shortens to len bytes, overwriting the rest */

void aa_buf_expect(struct aa_buf *buf, size_t more); /* makes room now for about that many bytes, once */
/* Adds len bytes for the caller to write, and returns where; valid until the next append. NULL: marked as failed. */
char *aa_buf_add_room(struct aa_buf *buf, size_t len);

void aa_buf_add(struct aa_buf *buf, struct aa_view bytes);
void aa_buf_add_text(struct aa_buf *buf, const char *text);
void aa_buf_add_char(struct aa_buf *buf, char c);
void aa_buf_add_int(struct aa_buf *buf, int64_t number);
void aa_buf_add_format(struct aa_buf *buf, const char *format, ...) AA_PRINTF(2, 3);

/* Encoders that append. */
void aa_buf_add_hex(struct aa_buf *buf, struct aa_view bytes);        /* lower case */
void aa_buf_add_base64url(struct aa_buf *buf, struct aa_view bytes);  /* no padding, RFC 4648 §5 */
void aa_buf_add_percent(struct aa_buf *buf, struct aa_view bytes);    /* all but unreserved, RFC 3986 §2.3 */
void aa_buf_add_json_string(struct aa_buf *buf, struct aa_view text); /* quoted and escaped, RFC 8259 §7; "/" and
                                                                         non-ASCII stand as they are; ill-formed
                                                                         UTF-8 becomes U+FFFD */
void aa_buf_add_html(struct aa_buf *buf, struct aa_view text); /* & < > " ' escaped; control characters dropped */

struct aa_view aa_buf_view(const struct aa_buf *buf);
const char *aa_buf_text(const struct aa_buf *buf); /* never NULL */
/* AA_OK, AA_ERR_NOMEM or AA_ERR_TOO_LONG, with a message naming `what`. */
AA_CHECK enum aa_err aa_buf_check(const struct aa_buf *buf, const char *what, struct aa_error *err);
/* Hands the memory to the caller (free with aa_mem_free) and leaves the buffer empty. NULL when nothing could be
 * allocated. */
AA_CHECK char *aa_buf_take(struct aa_buf *buf);

#endif

/* Texts that people will read. */
#ifndef AA_DOMAIN_TEXTS_H
#define AA_DOMAIN_TEXTS_H

#include <stdbool.h>

#include "base/buf.h"

/* Well-formed UTF-8 without control characters, without marks that turn the direction of writing and without fillers
 * that nobody sees: those would let a name rewrite the page or the table around it, or be none (Trojan Source,
 * CVE-2021-42574). */
bool aa_text_is_plain(struct aa_view text);
/* Appends milliseconds since 1970 as "2026-11-24T10:00:00Z" (ISO 8601, UTC; years 1970 to 9999). */
void aa_text_add_time(struct aa_buf *buf, int64_t time_ms);
/* The same for people: "24 November 2026, 10:00 UTC". */
void aa_text_add_time_words(struct aa_buf *buf, int64_t time_ms);

#endif

/* A file of lines with a running digest: each line's is SHA-256 of the one before and the line with its end (the first
 * begins with 32 zero bytes), so that the last one vouches for all. */
#ifndef AA_MAIN_LINES_H
#define AA_MAIN_LINES_H

#include <stdio.h>

#include "base/buf.h"
#include "crypto/crypto.h"

#define AA_LINE_MAX (8 * 1024 * 1024) /* the largest row is a client's: ten redirect URIs, escaped */

struct aa_lines {
    FILE *file;                    /* borrowed */
    const char *name;              /* of the file, for messages */
    struct aa_buf line;            /* the present one, without its end; wiped */
    uint8_t digest[AA_SHA256_LEN]; /* of all lines before it */
    int64_t number;                /* of the present line, from 1 */
};

void aa_lines_init(struct aa_lines *lines, FILE *file, const char *name);
void aa_lines_clear(struct aa_lines *lines);
/* Goes back to the start of the file. AA_ERR_SYSTEM when it cannot. */
AA_CHECK enum aa_err aa_lines_rewind(struct aa_lines *lines, struct aa_error *err);
/* Writes lines->line and empties it. */
AA_CHECK enum aa_err aa_lines_write(struct aa_lines *lines, struct aa_error *err);
/* Reads the next line, after adding the one before to the digest; *has_line is false at the end. AA_ERR_TOO_LONG,
 * AA_ERR_SYSTEM; a last line without an end is AA_ERR_JSON_MALFORMED: the file was cut off. */
AA_CHECK enum aa_err aa_lines_read(struct aa_lines *lines, bool *has_line, struct aa_error *err);
/* Appends the digest as hexadecimal digits. */
void aa_lines_add_digest(const struct aa_lines *lines, struct aa_buf *out);

#endif

#include "main/lines.h"

#include <errno.h>
#include <string.h>

#include "base/error.h"
#include "db/draft.h"

void aa_lines_init(struct aa_lines *lines, FILE *file, const char *name)
{
    *lines = (struct aa_lines){.file = file, .name = name};
    aa_buf_init(&lines->line, AA_LINE_MAX);
}

void aa_lines_clear(struct aa_lines *lines)
{
    aa_buf_wipe_clear(&lines->line);
}

enum aa_err aa_lines_rewind(struct aa_lines *lines, struct aa_error *err)
{
    if (fseek(lines->file, 0, SEEK_SET))
        return aa_fail(err, AA_ERR_SYSTEM, "%s cannot be read from its start: %s", lines->name, strerror(errno));
    aa_buf_reset(&lines->line);
    memset(lines->digest, 0, sizeof lines->digest);
    lines->number = 0;
    return AA_OK;
}

/* The present line joins the digest. */
static enum aa_err digest_line(struct aa_lines *lines, struct aa_error *err)
{
    struct aa_buf text;
    enum aa_err rc;

    aa_buf_init(&text, AA_SHA256_LEN + AA_LINE_MAX + 1);
    aa_buf_add(&text, aa_view_make(lines->digest, sizeof lines->digest));
    aa_buf_add(&text, aa_buf_view(&lines->line));
    aa_buf_add_char(&text, '\n');
    rc = aa_buf_check(&text, "a line", err);
    if (!rc && aa_sha256(aa_buf_view(&text), lines->digest))
        rc = aa_fail(err, AA_ERR_CRYPTO, "a line's digest could not be computed");
    aa_buf_wipe_clear(&text);
    return rc;
}

enum aa_err aa_lines_write(struct aa_lines *lines, struct aa_error *err)
{
    enum aa_err rc = aa_buf_check(&lines->line, "a line", err);

    if (!rc)
        rc = digest_line(lines, err);
    if (rc)
        return rc;
    if (fwrite(lines->line.data, 1, lines->line.len, lines->file) != lines->line.len || fputc('\n', lines->file) == EOF)
        return aa_fail(err, aa_draft_code(errno), "%s cannot be written: %s", lines->name, strerror(errno));
    aa_buf_reset(&lines->line);
    lines->number++;
    return AA_OK;
}

/* True when the line is whole. */
static bool read_line(struct aa_lines *lines)
{
    char piece[4096];

    while (!lines->line.bad && fgets(piece, sizeof piece, lines->file)) {
        size_t len = strlen(piece);

        if (len > 0 && piece[len - 1] == '\n') {
            aa_buf_add(&lines->line, aa_view_make(piece, len - 1));
            return true;
        }
        aa_buf_add(&lines->line, aa_view_make(piece, len));
    }
    return false;
}

enum aa_err aa_lines_read(struct aa_lines *lines, bool *has_line, struct aa_error *err)
{
    enum aa_err rc = lines->number > 0 ? digest_line(lines, err) : AA_OK;

    if (rc)
        return rc;
    aa_buf_reset(&lines->line);
    lines->number++;
    *has_line = read_line(lines);
    if (*has_line || lines->line.bad)
        return aa_buf_check(&lines->line, "a line", err);
    if (ferror(lines->file))
        return aa_fail(err, AA_ERR_SYSTEM, "%s cannot be read: %s", lines->name, strerror(errno));
    if (lines->line.len > 0)
        return aa_fail(err, AA_ERR_JSON_MALFORMED, "%s, line %lld: it is cut off", lines->name,
                       (long long)lines->number);
    return AA_OK;
}

void aa_lines_add_digest(const struct aa_lines *lines, struct aa_buf *out)
{
    aa_buf_add_hex(out, aa_view_make(lines->digest, sizeof lines->digest));
}

#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>

void fuzz_broken(const char *what, const char *file, int line)
{
    fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, what);
    abort();
}

void fuzz_must_ok(enum aa_err rc, const char *what, const char *file, int line)
{
    if (rc == AA_OK)
        return;
    fprintf(stderr, "%s:%d: %s gave %s\n", file, line, what, aa_err_name(rc));
    abort();
}

struct aa_view fuzz_take_line(struct aa_view *rest)
{
    struct aa_view line;

    aa_view_cut(*rest, '\n', &line, rest);
    return line;
}

bool fuzz_is_inside(struct aa_view part, struct aa_view whole)
{
    return aa_view_is_absent(part) || (part.data >= whole.data && part.data + part.len <= whole.data + whole.len);
}

struct aa_json *fuzz_must_be_json(const struct aa_buf *written)
{
    struct aa_json *root = NULL;

    MUST_OK(aa_buf_check(written, "what a target wrote", NULL));
    MUST_OK(aa_json_parse(aa_buf_view(written), FUZZ_TEXT_MAX, &root, NULL));
    return root;
}

#include "verify/nearest.h"

static unsigned char lower(char c)
{
    return (unsigned char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

size_t aa_edit_distance(struct aa_view a, struct aa_view b)
{
    size_t row[AA_NEAREST_LEN_MAX + 1];

    a.len = smaller(a.len, AA_NEAREST_LEN_MAX);
    b.len = smaller(b.len, AA_NEAREST_LEN_MAX);
    for (size_t j = 0; j <= b.len; j++)
        row[j] = j;
    for (size_t i = 1; i <= a.len; i++) {
        size_t diagonal = row[0];

        row[0] = i;
        for (size_t j = 1; j <= b.len; j++) {
            size_t replace = diagonal + (lower(a.data[i - 1]) != lower(b.data[j - 1]));

            diagonal = row[j];
            row[j] = smaller(replace, smaller(row[j], row[j - 1]) + 1);
        }
    }
    return row[b.len];
}

#include "db/postgres_places.h"

#include <inttypes.h>
#include <stdio.h>

static bool take(struct aa_postgres_places *places, int index)
{
    if (index < 1 || index > AA_POSTGRES_PLACES_MAX) {
        places->is_bad = true;
        return false;
    }
    if (index > places->count)
        places->count = index;
    return true;
}

/* A text is binary too: the same bytes, without the NUL that a view has not. */
void aa_postgres_places_put(struct aa_postgres_places *places, int index, struct aa_view bytes)
{
    if (bytes.len > INT32_MAX) {
        places->is_bad = true;
        return;
    }
    if (!take(places, index))
        return;
    places->values[index - 1] = bytes.data;
    places->lens[index - 1] = (int)bytes.len;
    places->formats[index - 1] = AA_POSTGRES_BINARY;
}

/* As digits, which fit a column of any width. */
void aa_postgres_places_put_int(struct aa_postgres_places *places, int index, int64_t number)
{
    if (!take(places, index))
        return;
    snprintf(places->numbers[index - 1], sizeof places->numbers[0], "%" PRId64, number);
    places->values[index - 1] = places->numbers[index - 1];
    places->lens[index - 1] = 0;
    places->formats[index - 1] = 0;
}

void aa_postgres_places_clear(struct aa_postgres_places *places)
{
    for (int i = 0; i < places->count; i++)
        places->values[i] = NULL;
    places->count = 0;
    places->is_bad = false;
}

void aa_postgres_name(const char *sql, char name[AA_POSTGRES_NAME_SIZE])
{
    uint64_t one = UINT64_C(0xcbf29ce484222325), two = strlen(sql);

    for (const char *c = sql; *c; c++) {
        one = (one ^ (unsigned char)*c) * UINT64_C(0x100000001b3); /* FNV-1a */
        two = (two + (unsigned char)*c) * UINT64_C(0x9E3779B97F4A7C15);
        two ^= two >> 29;
    }
    snprintf(name, AA_POSTGRES_NAME_SIZE, "aa_%016" PRIx64 "%016" PRIx64, one, two);
}

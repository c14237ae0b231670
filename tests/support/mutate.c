#include "support/mutate.h"

#include <stdint.h>

#define START 88172645463325252
#define CHANGES_MAX 4

/* xorshift64 (Marsaglia): fast, and the same on every machine. */
static uint64_t state = START;

static size_t below(size_t limit)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return limit ? (size_t)(state % limit) : 0;
}

/* Bytes that mean something to one parser or another. */
static char telling_byte(void)
{
    static const char bytes[] = "\0\t\n\r \"\\%&+=,.:;/?#@[]{}*-_~<>0179aAzZ\x7f\x80\xc0\xc3\xed\xf0\xff";

    return bytes[below(sizeof bytes - 1)];
}

static void flip(struct aa_mutant *mutant)
{
    if (mutant->len)
        mutant->bytes[below(mutant->len)] ^= (char)(1 << below(8));
}

static void replace(struct aa_mutant *mutant)
{
    if (mutant->len)
        mutant->bytes[below(mutant->len)] = telling_byte();
}

static void insert(struct aa_mutant *mutant)
{
    size_t at = below(mutant->len + 1);

    if (mutant->len == AA_MUTANT_MAX)
        return;
    memmove(mutant->bytes + at + 1, mutant->bytes + at, mutant->len - at);
    mutant->bytes[at] = telling_byte();
    mutant->len++;
}

static void drop(struct aa_mutant *mutant)
{
    size_t at = below(mutant->len + 1);
    size_t count = below(mutant->len - at + 1);

    if (count > 8)
        count = 1 + below(8);
    memmove(mutant->bytes + at, mutant->bytes + at + count, mutant->len - at - count);
    mutant->len -= count;
}

static void cut(struct aa_mutant *mutant)
{
    mutant->len = below(mutant->len + 1);
}

/* A piece of a seed at another place: duplicates, nesting, longer texts. */
static void splice(struct aa_mutant *mutant, struct aa_view seed)
{
    size_t from = below(seed.len + 1);
    size_t count = below(seed.len - from + 1);
    size_t at = below(mutant->len + 1);

    if (mutant->len + count > AA_MUTANT_MAX)
        return;
    memmove(mutant->bytes + at + count, mutant->bytes + at, mutant->len - at);
    memcpy(mutant->bytes + at, seed.data + from, count);
    mutant->len += count;
}

static void change(struct aa_mutant *mutant, struct aa_view other)
{
    switch (below(7)) {
    case 0:
        flip(mutant);
        break;
    case 1:
        replace(mutant);
        break;
    case 2:
        insert(mutant);
        break;
    case 3:
        drop(mutant);
        break;
    case 4:
        cut(mutant);
        break;
    case 5:
        splice(mutant, other);
        break;
    default: /* as it is: the control */
        break;
    }
}

void aa_mutate_restart(void)
{
    state = START;
}

void aa_mutate(struct aa_mutant *mutant, const struct aa_view *seeds, size_t seed_count)
{
    struct aa_view seed = seeds[below(seed_count)];

    mutant->len = seed.len < AA_MUTANT_MAX ? seed.len : AA_MUTANT_MAX;
    memcpy(mutant->bytes, seed.data, mutant->len);
    for (size_t i = below(CHANGES_MAX) + 1; i > 0; i--)
        change(mutant, seeds[below(seed_count)]);
}

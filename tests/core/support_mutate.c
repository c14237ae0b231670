#include "support_mutate.h"

#include <stdlib.h>

#define INPUT_MAX 20000
#define CHANGES_MAX 4

/* xorshift64 (Marsaglia): fast, and the same on every machine. */
static uint64_t state;

static size_t below(size_t limit)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return limit ? (size_t)(state % limit) : 0;
}

struct mutant {
    char bytes[INPUT_MAX];
    size_t len;
};

/* Bytes that mean something to one parser or another. */
static char telling_byte(void)
{
    static const char bytes[] = "\0\t\n\r \"\\%&+=,.:;/?#@[]{}*-_~<>0179aAzZ\x7f\x80\xc0\xc3\xed\xf0\xff";

    return bytes[below(sizeof bytes - 1)];
}

static void flip(struct mutant *mutant)
{
    if (mutant->len)
        mutant->bytes[below(mutant->len)] ^= (char)(1 << below(8));
}

static void replace(struct mutant *mutant)
{
    if (mutant->len)
        mutant->bytes[below(mutant->len)] = telling_byte();
}

static void insert(struct mutant *mutant)
{
    size_t at = below(mutant->len + 1);

    if (mutant->len == INPUT_MAX)
        return;
    memmove(mutant->bytes + at + 1, mutant->bytes + at, mutant->len - at);
    mutant->bytes[at] = telling_byte();
    mutant->len++;
}

static void drop(struct mutant *mutant)
{
    size_t at = below(mutant->len + 1);
    size_t count = below(mutant->len - at + 1);

    if (count > 8)
        count = 1 + below(8);
    memmove(mutant->bytes + at, mutant->bytes + at + count, mutant->len - at - count);
    mutant->len -= count;
}

static void cut(struct mutant *mutant)
{
    mutant->len = below(mutant->len + 1);
}

/* A piece of a seed at another place: duplicates, nesting, longer texts. */
static void splice(struct mutant *mutant, struct aa_view seed)
{
    size_t from = below(seed.len + 1);
    size_t count = below(seed.len - from + 1);
    size_t at = below(mutant->len + 1);

    if (mutant->len + count > INPUT_MAX)
        return;
    memmove(mutant->bytes + at + count, mutant->bytes + at, mutant->len - at);
    memcpy(mutant->bytes + at, seed.data + from, count);
    mutant->len += count;
}

static void change(struct mutant *mutant, struct aa_view other)
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

/* From the heap, so that one byte too far is noticed. */
static bool feed_exactly(const struct mutant *mutant, mutant_fn feed, void *ctx)
{
    char *bytes = malloc(mutant->len ? mutant->len : 1);
    bool taken;

    CHECK(bytes != NULL);
    memcpy(bytes, mutant->bytes, mutant->len);
    taken = feed(aa_view_make(bytes, mutant->len), ctx);
    free(bytes);
    return taken;
}

void feed_mutants(const struct aa_view *seeds, size_t seed_count, int rounds, mutant_fn feed, void *ctx)
{
    static struct mutant mutant;
    int taken = 0;

    state = 88172645463325252;
    for (int round = 0; round < rounds; round++) {
        struct aa_view seed = seeds[below(seed_count)];

        CHECK(seed.len <= INPUT_MAX);
        memcpy(mutant.bytes, seed.data, seed.len);
        mutant.len = seed.len;
        for (size_t i = below(CHANGES_MAX) + 1; i > 0; i--)
            change(&mutant, seeds[below(seed_count)]);
        taken += feed_exactly(&mutant, feed, ctx);
    }
    CHECK(taken > 0 && taken < rounds);
}

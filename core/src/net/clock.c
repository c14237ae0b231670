#include "net/clock.h"

#include <stdatomic.h>
#include <time.h>

#ifdef AA_TEST_HOOKS
static atomic_int_fast64_t advanced_ms;

void aa_clock_advance(int64_t ms)
{
    atomic_fetch_add(&advanced_ms, ms);
}

static int64_t offset_ms(void)
{
    return atomic_load(&advanced_ms);
}
#else
static int64_t offset_ms(void)
{
    return 0;
}
#endif

/* Where the kernel keeps a copy of the time that a read needs no counter for: some milliseconds old, and four times as
 * fast. */
#ifdef CLOCK_REALTIME_COARSE
#define WALL CLOCK_REALTIME_COARSE
#define MONO CLOCK_MONOTONIC_COARSE
#else
#define WALL CLOCK_REALTIME
#define MONO CLOCK_MONOTONIC
#endif

static int64_t read_ms(clockid_t clock)
{
    struct timespec time;

    clock_gettime(clock, &time);
    return (int64_t)time.tv_sec * 1000 + time.tv_nsec / 1000000 + offset_ms();
}

struct aa_now aa_clock_now(void)
{
    return (struct aa_now){read_ms(WALL) / 1000, read_ms(MONO)};
}

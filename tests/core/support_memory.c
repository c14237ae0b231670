#include "support_memory.h"

#include <errno.h>
#include <jansson.h>

#include "base/mem.h"

#define ALLOCATIONS_MAX 10000

/* malloc says ENOMEM (POSIX), so its stand-in does. */
static void *allocate(size_t size)
{
    void *memory = aa_mem_new(size);

    if (!memory)
        errno = ENOMEM;
    return memory;
}

static void begin(size_t nth)
{
    json_set_alloc_funcs(allocate, aa_mem_free);
    aa_mem_fail_at(nth, false);
}

static size_t end(void)
{
    size_t count = aa_mem_count();

    aa_mem_fail_at(0, false);
    json_set_alloc_funcs(malloc, free);
    return count;
}

size_t check_each_allocation(attempt_fn attempt, void *ctx)
{
    enum aa_err rc;
    size_t count;

    begin(0);
    rc = attempt(ctx);
    count = end();
    CHECK_INT(rc, AA_OK);
    CHECK(count > 0 && count < ALLOCATIONS_MAX);
    for (size_t nth = 1; nth <= count; nth++) {
        begin(nth);
        rc = attempt(ctx);
        end();
        if (rc != AA_ERR_NOMEM)
            fail_msg("allocation %zu of %zu failed and the result was %s", nth, count, aa_err_name(rc));
    }
    return count;
}

#include "base/mem.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#ifdef AA_TEST_HOOKS
#include <stdatomic.h>

static atomic_size_t asked;
static atomic_size_t fail_at;
static atomic_bool fail_on;

void aa_mem_fail_at(size_t nth, bool keep)
{
    atomic_store(&asked, 0);
    atomic_store(&fail_on, keep);
    atomic_store(&fail_at, nth);
}

size_t aa_mem_count(void)
{
    return atomic_load(&asked);
}

static bool must_fail(void)
{
    size_t count = atomic_fetch_add(&asked, 1) + 1;
    size_t at = atomic_load(&fail_at);

    return at != 0 && (count == at || (count > at && atomic_load(&fail_on)));
}
#else
static bool must_fail(void)
{
    return false;
}
#endif

void *aa_mem_new(size_t size)
{
    if (size == 0 || must_fail())
        return NULL;
    return calloc(1, size);
}

void *aa_mem_new_array(size_t count, size_t size)
{
    if (count == 0 || size == 0 || count > SIZE_MAX / size || must_fail())
        return NULL;
    return calloc(count, size);
}

void *aa_mem_resize(void *memory, size_t old_size, size_t new_size)
{
    char *resized;

    if (new_size == 0 || must_fail())
        return NULL;
    resized = realloc(memory, new_size);
    if (resized && new_size > old_size)
        memset(resized + old_size, 0, new_size - old_size);
    return resized;
}

void aa_mem_free(void *memory)
{
    free(memory);
}

void aa_mem_wipe(void *memory, size_t size)
{
    if (memory && size)
        explicit_bzero(memory, size);
}

void aa_mem_wipe_free(void *memory, size_t size)
{
    aa_mem_wipe(memory, size);
    free(memory);
}

char *aa_mem_copy_text(const char *data, size_t len)
{
    char *copy;

    if (len == SIZE_MAX)
        return NULL;
    copy = aa_mem_new(len + 1);
    if (copy && len)
        memcpy(copy, data, len);
    return copy;
}

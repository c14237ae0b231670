#include "main/memory.h"

#include <stdlib.h> /* defines __GLIBC__ where it is that library */
#ifdef __GLIBC__
#include <malloc.h>
#endif

#define LARGE (1024 * 1024)

/* glibc raises its threshold for memory of its own mapping to the largest block ever freed: after one login the 19 MiB
 * of Argon2 would stay with each worker for good. A fixed threshold gives them back. */
void aa_memory_settle(void)
{
#ifdef __GLIBC__
    (void)mallopt(M_MMAP_THRESHOLD, LARGE);
#endif
}

/* The only place that calls malloc. Memory is zeroed when handed out.
 *
 * In test builds (AA_TEST_HOOKS) the nth allocation from now on can be made to fail, so that every out-of-memory
 * path is walked. */
#ifndef AA_BASE_MEM_H
#define AA_BASE_MEM_H

#include <stdbool.h>
#include <stddef.h>

#include "authagent/error.h"

AA_CHECK void *aa_mem_new(size_t size);                     /* zeroed; NULL when out of memory or size is 0 */
AA_CHECK void *aa_mem_new_array(size_t count, size_t size); /* checks the product for overflow */
AA_CHECK void *aa_mem_resize(void *memory, size_t old_size,
                             size_t new_size);                 /* grown part zeroed; old stays valid on NULL */
void aa_mem_free(void *memory);                                /* NULL is fine */
void aa_mem_wipe(void *memory, size_t size);                   /* overwrites; never optimised away */
void aa_mem_wipe_free(void *memory, size_t size);              /* wipe, then free; for secrets */
AA_CHECK char *aa_mem_copy_text(const char *data, size_t len); /* a NUL-terminated copy; NULL when out of memory */

#ifdef AA_TEST_HOOKS
/* Fails the nth allocation counted from now (1 = the next one) and, if `keep`, every one after it; 0 switches
 * the hook off. Counts are per process. */
void aa_mem_fail_at(size_t nth, bool keep);
/* How many allocations were asked for since the last aa_mem_fail_at(). */
size_t aa_mem_count(void);
#endif

#endif

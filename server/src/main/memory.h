/* The allocator of a process that runs for months. */
#ifndef AA_MAIN_MEMORY_H
#define AA_MAIN_MEMORY_H

void aa_memory_settle(void);

#endif

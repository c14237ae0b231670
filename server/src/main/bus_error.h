/* The database's file is read through a memory map: what the disk does not give then ends the process, and SQLite has
 * no chance to say why. */
#ifndef AA_MAIN_BUS_ERROR_H
#define AA_MAIN_BUS_ERROR_H

/* From now on a SIGBUS is explained on standard error before it ends the process. */
void aa_bus_error_explain(void);

#endif

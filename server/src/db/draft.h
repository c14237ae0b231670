/* A file that others see whole or not at all: written under another name beside its place, put on disk, then moved
 * there. Readable for its owner alone. */
#ifndef AA_DB_DRAFT_H
#define AA_DB_DRAFT_H

#include <stdbool.h>

#include "authagent/error.h"

struct aa_draft {
    char *path; /* where it is to stand */
    char *name; /* where it is written */
    int fd;     /* open for reading and writing */
    int folder; /* in which it stands: nothing that takes memory comes after the name */
};

/* AA_ERR_CONFLICT when there is a file at `path` already and it may not be replaced: told here, before any work, and
 * again by aa_draft_publish(). AA_ERR_STORE_FULL, AA_ERR_STORE_READONLY, AA_ERR_STORE, AA_ERR_NOMEM. The message names
 * the path. */
AA_CHECK enum aa_err aa_draft_open(struct aa_draft *draft, const char *path, bool replace, struct aa_error *err);
/* On disk, under its own name. Clear it in any case. */
AA_CHECK enum aa_err aa_draft_publish(struct aa_draft *draft, bool replace, struct aa_error *err);
void aa_draft_clear(struct aa_draft *draft); /* removes what was not published; safe on a zeroed one */

/* The code for a system call that failed with this errno. */
enum aa_err aa_draft_code(int number);
/* Makes the folder that `path` is in, for its owner alone, unless it is there. The code of what failed, or
 * AA_ERR_NOMEM, with a message that names the folder. */
AA_CHECK enum aa_err aa_draft_make_folder(const char *path, struct aa_error *err);
/* Puts the names in the folder of `path` on disk. AA_OK or the code of what failed. */
AA_CHECK enum aa_err aa_draft_sync_folder(const char *path);

#endif

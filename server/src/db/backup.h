/* Copies of a whole database, for engines that keep it in a file. PostgreSQL has tools of its own (pg_dump), and these
 * functions say so with AA_ERR_OPTION_INVALID. */
#ifndef AA_DB_BACKUP_H
#define AA_DB_BACKUP_H

#include "base/buf.h"
#include "db/db.h"

struct aa_db_facts {
    const char *engine;   /* "SQLite" */
    int64_t schema;       /* of the database; 0: it is empty */
    int64_t schema_known; /* what this program brings it to */
    bool has_counts;      /* the next two are known */
    int64_t tables, rows;
    const char *file; /* part of the url that was given; NULL: it is no file */
    int64_t bytes;    /* of the file; 0: not known */
};

/* Looks at a database without changing it: its schema, and with `deep` whether the engine finds it whole, and how many
 * rows it has. AA_ERR_NOT_FOUND when there is none; AA_ERR_STORE when it is damaged or another program's. A schema that
 * is newer than the program is no error here. */
AA_CHECK enum aa_err aa_db_examine(const char *url, bool deep, struct aa_db_facts *out, struct aa_error *err);

/* Copies a database, which may be in use, to a new file, all of it as of one moment; reopens the copy, has the engine
 * check it and counts its rows again before it gets its name. AA_ERR_CONFLICT when the file is there and may not be
 * replaced. What was there before is untouched by a failure. */
AA_CHECK enum aa_err aa_db_backup(const char *url, const char *path, bool replace, struct aa_db_facts *out,
                                  struct aa_error *err);

/* Puts a backup in place of the database. The backup is checked first; nobody may have the database open
 * (AA_ERR_STORE_BUSY); one that is there is kept beside it, and only moved away with `replace` (AA_ERR_CONFLICT
 * otherwise). Appends the name it is kept under to *kept; nothing when there was none. AA_ERR_STORE_VERSION when the
 * backup is newer than the program. */
AA_CHECK enum aa_err aa_db_restore(const char *url, const char *path, bool replace, int64_t now_ms,
                                   struct aa_db_facts *out, struct aa_buf *kept, struct aa_error *err);

#endif

/* What a statement is sent with: its placeholders' values as libpq takes them, and its name. Without libpq. Inside
 * server/src/db only. */
#ifndef AA_DB_POSTGRES_PLACES_H
#define AA_DB_POSTGRES_PLACES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/view.h"

#define AA_POSTGRES_PLACES_MAX 24
#define AA_POSTGRES_NAME_SIZE 40
#define AA_POSTGRES_BINARY 1 /* libpq's format of a value; 0 is text */

struct aa_postgres_places {
    int count;   /* the highest $n that was bound */
    bool is_bad; /* one that there is not was bound, or a value is too long */
    const char *values[AA_POSTGRES_PLACES_MAX];
    int lens[AA_POSTGRES_PLACES_MAX], formats[AA_POSTGRES_PLACES_MAX];
    char numbers[AA_POSTGRES_PLACES_MAX][21];
};

/* Both count from 1. The bytes are borrowed until the clearing; absent ones are NULL. */
void aa_postgres_places_put(struct aa_postgres_places *places, int index, struct aa_view bytes);
void aa_postgres_places_put_int(struct aa_postgres_places *places, int index, int64_t number);
void aa_postgres_places_clear(struct aa_postgres_places *places);

/* The same text has the same name everywhere, whichever process prepared it first. */
void aa_postgres_name(const char *sql, char name[AA_POSTGRES_NAME_SIZE]);

#endif

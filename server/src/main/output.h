/* Results on standard output: a table for people, or JSON. */
#ifndef AA_MAIN_OUTPUT_H
#define AA_MAIN_OUTPUT_H

#include "base/buf.h"

#define AA_TABLE_COLUMNS_MAX 8

enum aa_cell_kind {
    AA_CELL_TEXT,
    AA_CELL_WORDS, /* a space-separated list: an array in JSON */
    AA_CELL_TIME   /* "2026-…Z"; absent: never */
};

struct aa_table_column {
    const char *name; /* "user_id": also the member in JSON */
    enum aa_cell_kind kind;
};

struct aa_table {
    const struct aa_table_column *columns;
    size_t column_count;
    struct aa_buf cells; /* one after the other, each with a length in front; see output.c */
};

void aa_table_init(struct aa_table *table, const struct aa_table_column *columns, size_t column_count);
void aa_table_clear(struct aa_table *table); /* wipes */
/* Adds the next cell, from left to right, row after row. Absent cells are empty; in JSON they are left out. */
void aa_table_add(struct aa_table *table, struct aa_view text);
void aa_table_add_time(struct aa_table *table, int64_t time_ms); /* 0: absent */

/* Prints all rows: aligned columns with a heading, or a JSON array of objects. AA_ERR_SYSTEM when it cannot be written.
 */
AA_CHECK enum aa_err aa_table_print(const struct aa_table *table, bool json, struct aa_error *err);
/* Prints the one row: a line for each member, or a JSON object. */
AA_CHECK enum aa_err aa_table_print_one(const struct aa_table *table, bool json, struct aa_error *err);
/* For aa_db_options.say: a line on standard error. */
void aa_say_on_stderr(void *ctx, const char *what);
/* Writes to standard output, all of it. */
AA_CHECK enum aa_err aa_output_write(struct aa_view text, struct aa_error *err);

#endif

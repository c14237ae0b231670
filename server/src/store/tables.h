/* Every table, for what treats them all alike: export and import, and how large they are. */
#ifndef AA_STORE_TABLES_H
#define AA_STORE_TABLES_H

#include "store/store.h"

enum aa_column_kind { AA_COLUMN_TEXT, AA_COLUMN_BLOB, AA_COLUMN_INT, AA_COLUMN_BOOL };

/* A value of a column, or for a placeholder. */
struct aa_arg {
    enum aa_column_kind kind;
    struct aa_view view; /* absent: NULL */
    int64_t number;
};

#define AA_STORE_COLUMNS_MAX 24 /* of a table */

struct aa_column_name {
    struct aa_view name;
    enum aa_column_kind kind;
};

/* Tables are numbered from 0, those that others refer to first: aa_store_table_count() of them. */
/* Fills in the columns, in the order in which the next two give and take them; returns how many there are. */
size_t aa_store_table_columns(size_t table, struct aa_column_name out[AA_STORE_COLUMNS_MAX]);
/* The number of the table of this name; SIZE_MAX when there is none. */
size_t aa_store_table_find(struct aa_view name);
/* Called once a row, in the order of the table's key; the cells are borrowed for the call. */
typedef enum aa_err (*aa_cells_fn)(void *ctx, const struct aa_arg *cells, size_t count, struct aa_error *err);
AA_STORE aa_store_table_each(struct aa_conn *c, size_t table, aa_cells_fn row, void *ctx, struct aa_error *err); /* R */
/* W: adds a row. CONFLICT when it is there, NOT_FOUND when what it refers to is not. */
AA_STORE aa_store_table_put(struct aa_conn *c, size_t table, const struct aa_arg *cells, size_t count,
                            struct aa_error *err);

#endif

/* Rows to records and back, by tables of columns; and the few shapes every operation has. Inside server/src/store only.
 */
#ifndef AA_STORE_RECORD_H
#define AA_STORE_RECORD_H

#include <stddef.h>

#include "store/store.h"
#include "store/tables.h"

struct aa_column {
    enum aa_column_kind kind;
    size_t offset; /* of the member in the record */
};

/* A record type: its columns in the order in which its SQL lists them. `memory` stands first in every record. */
struct aa_shape {
    const struct aa_column *columns;
    size_t count;
    size_t size; /* of the record */
};

#define AA_SHAPE(columns, type)                                                                                        \
    {                                                                                                                  \
        columns, sizeof(columns) / sizeof *(columns), sizeof(type)                                                     \
    }
#define AA_RECORD_SIZE_MAX 512 /* of any record, for those that lists read into */

#define AA_TEXT(view) ((struct aa_arg){AA_COLUMN_TEXT, (view), 0})
#define AA_BLOB(view) ((struct aa_arg){AA_COLUMN_BLOB, (view), 0})
#define AA_INT(number) ((struct aa_arg){AA_COLUMN_INT, {NULL, 0}, (number)})
#define AA_ARGS(...)                                                                                                   \
    (const struct aa_arg[]){__VA_ARGS__}, sizeof((const struct aa_arg[]){__VA_ARGS__}) / sizeof(struct aa_arg)
#define AA_NO_ARGS NULL, 0

/* A table as a whole: tables.h. */
struct aa_store_table {
    const char *name;
    const char *columns; /* "a, b": in the shape's order */
    const char *key;     /* of them, those of the primary key */
    const struct aa_shape *shape;
    const char *page_sql; /* rows behind a key, in its order */
    const char *insert_sql;
    const char *count_sql;
};

#define AA_PLACES_1 "$1"
#define AA_PLACES_2 AA_PLACES_1 ", $2"
#define AA_PLACES_3 AA_PLACES_2 ", $3"
#define AA_PLACES_4 AA_PLACES_3 ", $4"
#define AA_PLACES_5 AA_PLACES_4 ", $5"
#define AA_PLACES_6 AA_PLACES_5 ", $6"
#define AA_PLACES_7 AA_PLACES_6 ", $7"
#define AA_PLACES_8 AA_PLACES_7 ", $8"
#define AA_PLACES_9 AA_PLACES_8 ", $9"
#define AA_PLACES_10 AA_PLACES_9 ", $10"
#define AA_PLACES_11 AA_PLACES_10 ", $11"
#define AA_PLACES_12 AA_PLACES_11 ", $12"
#define AA_PLACES_13 AA_PLACES_12 ", $13"
#define AA_PLACES_14 AA_PLACES_13 ", $14"
#define AA_PLACES_15 AA_PLACES_14 ", $15"
#define AA_PLACES_16 AA_PLACES_15 ", $16"
#define AA_PLACES_17 AA_PLACES_16 ", $17"
#define AA_PLACES_18 AA_PLACES_17 ", $18"
#define AA_PLACES_19 AA_PLACES_18 ", $19"

#define AA_STORE_PAGE(name, columns, key, key_count, limit)                                                            \
    "SELECT " columns " FROM " name " WHERE (" key ") > (" AA_PLACES_##key_count ") ORDER BY " key " LIMIT " limit

/* `count` columns, the key being `key_count` of them; `limit` is the placeholder behind those of the key. */
#define AA_STORE_TABLE(name, columns, count, key, key_count, limit, shape)                                             \
    {                                                                                                                  \
        name, columns, key, shape, AA_STORE_PAGE(name, columns, key, key_count, limit),                                \
            "INSERT INTO " name " (" columns ") VALUES (" AA_PLACES_##count ")", "SELECT count(*) FROM " name          \
    }

/* The same where rows refer by number to what they name by its id: statements of their own. */
#define AA_STORE_TABLE_REFERRING(name, columns, key, shape, page_sql, insert_sql)                                      \
    {                                                                                                                  \
        name, columns, key, shape, page_sql, insert_sql, "SELECT count(*) FROM " name                                  \
    }

extern const struct aa_store_table aa_users_table, aa_sessions_table, aa_servers_table, aa_server_keys_table,
    aa_clients_table, aa_client_assertions_table, aa_auth_requests_table, aa_grants_table, aa_consents_table,
    aa_codes_table, aa_access_tokens_table, aa_refresh_tokens_table, aa_signing_keys_table, aa_settings_table,
    aa_lockouts_table, aa_audit_table, aa_audit_chains_table;

/* Runs an INSERT, UPDATE or DELETE. *changed, unless NULL, is how many rows it touched. */
AA_STORE aa_store_run(struct aa_conn *c, const char *sql, const struct aa_arg *args, size_t arg_count, int64_t *changed,
                      struct aa_error *err);
/* The same, and no row touched is AA_ERR_NOT_FOUND. */
AA_STORE aa_store_change(struct aa_conn *c, const char *sql, const struct aa_arg *args, size_t arg_count,
                         struct aa_error *err);
/* INSERTs the record: its members are $1, $2, … in the shape's order. The statement ends with ON CONFLICT DO NOTHING
 * (or DO UPDATE); no row inserted is AA_ERR_CONFLICT. */
AA_STORE aa_store_insert(struct aa_conn *c, const char *sql, const struct aa_shape *shape, const void *record,
                         struct aa_error *err);
/* The first row as a record. AA_ERR_NOT_FOUND when there is none. */
AA_STORE aa_store_find(struct aa_conn *c, const char *sql, const struct aa_arg *args, size_t arg_count,
                       const struct aa_shape *shape, void *out, struct aa_error *err);
AA_STORE aa_store_list(struct aa_conn *c, const char *sql, const struct aa_arg *args, size_t arg_count,
                       const struct aa_shape *shape, aa_row_fn row, void *ctx, struct aa_error *err);
/* The first column of the first row; 0 when there is none. */
AA_STORE aa_store_number(struct aa_conn *c, const char *sql, const struct aa_arg *args, size_t arg_count, int64_t *out,
                         struct aa_error *err);

/* rc again, with a message when it is trouble: for a find whose AA_ERR_NOT_FOUND was no failure yet and told nobody. */
enum aa_err aa_store_told(enum aa_err rc, const char *what, struct aa_error *err);

/* For operations of another shape. */
AA_STORE aa_store_begin(struct aa_conn *c, const char *sql, const struct aa_arg *args, size_t arg_count,
                        struct aa_stmt **out, struct aa_error *err);
/* Copies the present row into *record; its texts move into one block. */
AA_STORE aa_record_read(struct aa_stmt *stmt, const struct aa_shape *shape, void *record, struct aa_error *err);
/* A block for aa_record_clear() with `len` bytes of room behind *data. */
AA_STORE aa_record_memory(size_t len, char **memory, char **data, struct aa_error *err);

#endif

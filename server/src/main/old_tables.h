/* The tables of the older Auth-Agent service, as its database gives them out: a JSON object of table names and arrays
 * of rows, a JSON array of the rows of one table, or CSV with a heading. Both of its schemas. */
#ifndef AA_MAIN_OLD_TABLES_H
#define AA_MAIN_OLD_TABLES_H

#include "base/json.h"

#define AA_OLD_FILE_MAX (256 * 1024 * 1024)
#define AA_OLD_FILES_MAX 4

enum aa_old_table {
    AA_OLD_SERVERS,        /* mcp_servers */
    AA_OLD_KEYS,           /* mcp_server_keys */
    AA_OLD_CLIENTS,        /* clients */
    AA_OLD_AUTHORIZATIONS, /* user_authorizations */
    AA_OLD_TABLE_COUNT
};

struct aa_old_tables {
    struct aa_json *documents[AA_OLD_FILES_MAX];
    size_t document_count;
    const struct aa_json *rows[AA_OLD_TABLE_COUNT]; /* arrays of objects, borrowed; NULL: not there */
    bool has_more; /* there are other tables too, which are not taken over: codes and tokens */
};

const char *aa_old_table_name(enum aa_old_table table);

/* Reads one more file. Which table a list of rows is shows in its columns. AA_ERR_SYSTEM, AA_ERR_TOO_LONG,
 * AA_ERR_JSON_MALFORMED, AA_ERR_JSON_TYPE, AA_ERR_NOMEM; the message names the file. Zeroed at first; clear it in any
 * case. */
AA_CHECK enum aa_err aa_old_tables_read(struct aa_old_tables *tables, const char *path, struct aa_error *err);
void aa_old_tables_clear(struct aa_old_tables *tables);

/* The text of a column; absent when it is null or not there. */
struct aa_view aa_old_text(const struct aa_json *row, const char *column);
/* Milliseconds since 1970 of a timestamp as PostgreSQL or JSON writes it, 1 for one that is not behind that; 0 when
 * there is none. False when it cannot be read. */
bool aa_old_time(const struct aa_json *row, const char *column, int64_t *out);
/* Calls `each` for the members of a list: a JSON array, a text that holds one, a PostgreSQL array ({a,"b c"}), or words
 * between spaces or commas. False when it is none of these, or `each` said so. */
typedef bool (*aa_old_member_fn)(void *ctx, struct aa_view member);
bool aa_old_list(const struct aa_json *row, const char *column, aa_old_member_fn each, void *ctx);

/* Appends CSV (RFC 4180, a heading first) as a JSON array of objects of texts. What is empty and not quoted is null,
 * as in PostgreSQL's COPY. AA_ERR_JSON_MALFORMED, with the line. */
AA_CHECK enum aa_err aa_csv_add_json(struct aa_view csv, struct aa_buf *out, struct aa_error *err);

#endif

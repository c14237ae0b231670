/* JSON in, bounded: duplicates refused, depth, size and UTF-8 checked; read through field tables. The only place that
 * sees jansson.
 *
 * Writing is aa_buf_add_json_string() and plain text: answers are built by appending. */
#ifndef AA_BASE_JSON_H
#define AA_BASE_JSON_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

struct aa_json; /* one parsed value; members are borrowed from the document's root */

/* Parses an object or array of at most `max` bytes, at most 32 levels deep, integers within int64. Trailing bytes,
 * duplicate keys, NUL, ill-formed UTF-8: refused. The caller frees *out. AA_OK, AA_ERR_JSON_MALFORMED, AA_ERR_TOO_LONG,
 * AA_ERR_NOMEM. */
AA_CHECK enum aa_err aa_json_parse(struct aa_view text, size_t max, struct aa_json **out, struct aa_error *err);
void aa_json_free(struct aa_json *root);

enum aa_json_type {
    AA_JSON_NULL,
    AA_JSON_FALSE,
    AA_JSON_TRUE,
    AA_JSON_INTEGER,
    AA_JSON_REAL,
    AA_JSON_STRING,
    AA_JSON_ARRAY,
    AA_JSON_OBJECT
};

enum aa_json_type aa_json_type_of(const struct aa_json *value);
bool aa_json_is(const struct aa_json *value, enum aa_json_type type); /* false for NULL */
const struct aa_json *aa_json_get(const struct aa_json *object,
                                  const char *name);       /* NULL when absent or not an object */
size_t aa_json_len(const struct aa_json *array_or_object); /* 0 for anything else */
const struct aa_json *aa_json_at(const struct aa_json *array, size_t index);
struct aa_view aa_json_text(const struct aa_json *string); /* absent when it is no string; never holds NUL */
int64_t aa_json_int(const struct aa_json *integer);        /* 0 when it is no integer */
double aa_json_real(const struct aa_json *number);         /* integer or real; 0 otherwise */

/* A time or a span in seconds: a number between 0 and 2^53, a fraction cut off. False for anything else. */
bool aa_json_get_seconds(const struct aa_json *number, int64_t *out);

/* Walks an object's members in document order is not promised; `each` returns false to stop. */
typedef bool (*aa_json_member_fn)(void *ctx, struct aa_view name, const struct aa_json *value);
void aa_json_each(const struct aa_json *object, aa_json_member_fn each, void *ctx);

/* A field table describes the members a document may have; one call reads them all into a struct. */
enum aa_json_kind {
    AA_FIELD_TEXT,      /* struct aa_view *    : a string; borrowed from the document */
    AA_FIELD_TEXT_LIST, /* const struct aa_json ** : an array whose members are all strings */
    AA_FIELD_BOOL,      /* bool *              : true or false, nothing else */
    AA_FIELD_INT,       /* int64_t *           : an integer between 0 and 2^53 (a real with no fraction is accepted) */
    AA_FIELD_OBJECT,    /* const struct aa_json ** */
    AA_FIELD_ARRAY,     /* const struct aa_json ** */
    AA_FIELD_ANY        /* const struct aa_json ** */
};

struct aa_json_field {
    const char *name;
    enum aa_json_kind kind;
    size_t offset; /* offsetof() of the target in the struct */
    bool required;
    size_t max; /* largest byte length of a text, count of a list; 0 = no limit but the document's own */
};

/* Reads `count` fields of object into *target; members not in the table are left alone; an absent optional member, or
 * one that is null, leaves its target untouched. AA_OK, AA_ERR_JSON_TYPE, AA_ERR_JSON_MISSING, AA_ERR_TOO_LONG, each
 * with a message naming the member. */
AA_CHECK enum aa_err aa_json_read(const struct aa_json *object, const struct aa_json_field *fields, size_t count,
                                  void *target, struct aa_error *err);

/* Appends value as compact JSON, keys sorted, so that the same document always gives the same bytes. */
void aa_buf_add_json(struct aa_buf *buf, const struct aa_json *value);

#endif

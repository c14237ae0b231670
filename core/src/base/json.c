#include "base/json.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/mem.h"

/* struct aa_json is jansson's json_t under our own name: the pointers are the same, the type is never completed. */
static const json_t *inner(const struct aa_json *value)
{
    return (const json_t *)(const void *)value;
}

static const struct aa_json *outer(const json_t *value)
{
    return (const struct aa_json *)(const void *)value;
}

#define DEPTH_MAX 32

/* jansson's own limit is 2048 levels, compiled in; deep nesting is refused before it parses, without recursion. */
static bool is_too_deep(struct aa_view text)
{
    int depth = 0;
    bool in_string = false;

    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];

        if (in_string) {
            if (c == '\\')
                i++;
            else if (c == '"')
                in_string = false;
        } else if (c == '"') {
            in_string = true;
        } else if (c == '[' || c == '{') {
            if (++depth > DEPTH_MAX)
                return true;
        } else if (c == ']' || c == '}') {
            depth--;
        }
    }
    return false;
}

/* jansson 2.14 reports some failed allocations as bad syntax, and some not at all: then a letter is missing in a text,
 * and a scope is another scope. errno tells (POSIX, malloc). */
static json_t *load(struct aa_view text, json_error_t *problem, bool *out_of_memory)
{
    json_t *root;

    errno = 0;
    root = json_loadb(text.data, text.len, JSON_REJECT_DUPLICATES, problem);
    *out_of_memory = errno == ENOMEM ||
                     (!root && (problem->text[0] == '\0' || json_error_code(problem) == json_error_out_of_memory));
    if (root && *out_of_memory) {
        json_decref(root);
        root = NULL;
    }
    return root;
}

enum aa_err aa_json_parse(struct aa_view text, size_t max, struct aa_json **out, struct aa_error *err)
{
    json_error_t problem = {.line = 0};
    bool out_of_memory;
    json_t *root;

    if (text.len > max)
        return aa_fail(err, AA_ERR_TOO_LONG, "the JSON document is longer than %zu bytes", max);
    if (text.len == 0)
        return aa_fail(err, AA_ERR_JSON_MALFORMED, "the JSON document is empty");
    /* jansson 2.14 passes over a NUL behind a number or a literal: another reader may take it for the end. */
    if (aa_view_find(text, '\0') != SIZE_MAX)
        return aa_fail(err, AA_ERR_JSON_MALFORMED, "the JSON document holds NUL");
    if (is_too_deep(text))
        return aa_fail(err, AA_ERR_JSON_MALFORMED, "the JSON document is nested deeper than %d levels", DEPTH_MAX);
    root = load(text, &problem, &out_of_memory);
    if (!root) {
        if (out_of_memory)
            return aa_fail(err, AA_ERR_NOMEM, "out of memory for a JSON document");
        /* The library's own text quotes the input, which may be a secret: only the place is told. */
        return aa_fail(err, AA_ERR_JSON_MALFORMED, "the JSON document is malformed at line %d, column %d", problem.line,
                       problem.column);
    }
    *out = (struct aa_json *)(void *)root;
    return AA_OK;
}

void aa_json_free(struct aa_json *root)
{
    json_decref((json_t *)(void *)root);
}

enum aa_json_type aa_json_type_of(const struct aa_json *value)
{
    switch (value ? json_typeof(inner(value)) : JSON_NULL) {
    case JSON_OBJECT:
        return AA_JSON_OBJECT;
    case JSON_ARRAY:
        return AA_JSON_ARRAY;
    case JSON_STRING:
        return AA_JSON_STRING;
    case JSON_INTEGER:
        return AA_JSON_INTEGER;
    case JSON_REAL:
        return AA_JSON_REAL;
    case JSON_TRUE:
        return AA_JSON_TRUE;
    case JSON_FALSE:
        return AA_JSON_FALSE;
    default:
        return AA_JSON_NULL;
    }
}

bool aa_json_is(const struct aa_json *value, enum aa_json_type type)
{
    return value && aa_json_type_of(value) == type;
}

const struct aa_json *aa_json_get(const struct aa_json *object, const char *name)
{
    return object ? outer(json_object_get(inner(object), name)) : NULL;
}

size_t aa_json_len(const struct aa_json *array_or_object)
{
    if (aa_json_is(array_or_object, AA_JSON_ARRAY))
        return json_array_size(inner(array_or_object));
    return aa_json_is(array_or_object, AA_JSON_OBJECT) ? json_object_size(inner(array_or_object)) : 0;
}

const struct aa_json *aa_json_at(const struct aa_json *array, size_t index)
{
    return array ? outer(json_array_get(inner(array), index)) : NULL;
}

struct aa_view aa_json_text(const struct aa_json *string)
{
    if (!aa_json_is(string, AA_JSON_STRING))
        return AA_VIEW_ABSENT;
    return (struct aa_view){json_string_value(inner(string)), json_string_length(inner(string))};
}

int64_t aa_json_int(const struct aa_json *integer)
{
    return aa_json_is(integer, AA_JSON_INTEGER) ? (int64_t)json_integer_value(inner(integer)) : 0;
}

double aa_json_real(const struct aa_json *number)
{
    return number ? json_number_value(inner(number)) : 0;
}

void aa_json_each(const struct aa_json *object, aa_json_member_fn each, void *ctx)
{
    json_t *members = (json_t *)(void *)(uintptr_t)object; /* jansson's iterators take no const, and change nothing */

    if (!aa_json_is(object, AA_JSON_OBJECT))
        return;
    for (void *at = json_object_iter(members); at; at = json_object_iter_next(members, at))
        if (!each(ctx, aa_view_of(json_object_iter_key(at)), outer(json_object_iter_value(at))))
            return;
}

/* ---- field tables ---- */

#define INTEGER_MAX                                                                                                    \
    9007199254740992 /* 2^53: whole numbers are exact in every JSON reader up to here (RFC 7493 §2.2)                 \
                      */

static enum aa_err wrong_type(const struct aa_json_field *field, const char *wanted, struct aa_error *err)
{
    return aa_fail(err, AA_ERR_JSON_TYPE, "member \"%s\" must be %s", field->name, wanted);
}

static enum aa_err check_length(const struct aa_json_field *field, size_t len, struct aa_error *err)
{
    if (field->max && len > field->max)
        return aa_fail(err, AA_ERR_TOO_LONG, "member \"%s\" is longer than %zu", field->name, field->max);
    return AA_OK;
}

static enum aa_err read_text(const struct aa_json_field *field, const struct aa_json *value, void *target,
                             struct aa_error *err)
{
    struct aa_view text = aa_json_text(value);
    enum aa_err rc;

    if (aa_view_is_absent(text))
        return wrong_type(field, "a string", err);
    rc = check_length(field, text.len, err);
    if (!rc)
        *(struct aa_view *)target = text;
    return rc;
}

static enum aa_err read_text_list(const struct aa_json_field *field, const struct aa_json *value, void *target,
                                  struct aa_error *err)
{
    enum aa_err rc;

    if (!aa_json_is(value, AA_JSON_ARRAY))
        return wrong_type(field, "an array of strings", err);
    for (size_t i = 0; i < aa_json_len(value); i++)
        if (!aa_json_is(aa_json_at(value, i), AA_JSON_STRING))
            return wrong_type(field, "an array of strings", err);
    rc = check_length(field, aa_json_len(value), err);
    if (!rc)
        *(const struct aa_json **)target = value;
    return rc;
}

static enum aa_err read_bool(const struct aa_json_field *field, const struct aa_json *value, void *target,
                             struct aa_error *err)
{
    if (!aa_json_is(value, AA_JSON_TRUE) && !aa_json_is(value, AA_JSON_FALSE))
        return wrong_type(field, "true or false", err);
    *(bool *)target = aa_json_is(value, AA_JSON_TRUE);
    return AA_OK;
}

bool aa_json_get_seconds(const struct aa_json *number, int64_t *out)
{
    double real = aa_json_real(number);
    int64_t integer = aa_json_int(number);

    if (aa_json_is(number, AA_JSON_REAL) && real >= 0 && real <= (double)INTEGER_MAX)
        integer = (int64_t)floor(real);
    else if (!aa_json_is(number, AA_JSON_INTEGER))
        return false;
    if (integer < 0 || integer > INTEGER_MAX)
        return false;
    *out = integer;
    return true;
}

static enum aa_err read_int(const struct aa_json_field *field, const struct aa_json *value, void *target,
                            struct aa_error *err)
{
    int64_t number;

    if (!aa_json_get_seconds(value, &number) ||
        (aa_json_is(value, AA_JSON_REAL) && floor(aa_json_real(value)) < aa_json_real(value)))
        return wrong_type(field, "an integer between 0 and 2^53", err);
    *(int64_t *)target = number;
    return AA_OK;
}

static enum aa_err read_container(const struct aa_json_field *field, const struct aa_json *value, void *target,
                                  struct aa_error *err)
{
    if (field->kind == AA_FIELD_OBJECT && !aa_json_is(value, AA_JSON_OBJECT))
        return wrong_type(field, "an object", err);
    if (field->kind == AA_FIELD_ARRAY && !aa_json_is(value, AA_JSON_ARRAY))
        return wrong_type(field, "an array", err);
    if (field->kind != AA_FIELD_ANY && check_length(field, aa_json_len(value), err))
        return AA_ERR_TOO_LONG;
    *(const struct aa_json **)target = value;
    return AA_OK;
}

typedef enum aa_err (*read_fn)(const struct aa_json_field *, const struct aa_json *, void *, struct aa_error *);

static const read_fn readers[] = {
    [AA_FIELD_TEXT] = read_text,     [AA_FIELD_TEXT_LIST] = read_text_list, [AA_FIELD_BOOL] = read_bool,
    [AA_FIELD_INT] = read_int,       [AA_FIELD_OBJECT] = read_container,    [AA_FIELD_ARRAY] = read_container,
    [AA_FIELD_ANY] = read_container,
};

enum aa_err aa_json_read(const struct aa_json *object, const struct aa_json_field *fields, size_t count, void *target,
                         struct aa_error *err)
{
    if (!aa_json_is(object, AA_JSON_OBJECT))
        return aa_fail(err, AA_ERR_JSON_TYPE, "the JSON document must be an object");
    for (size_t i = 0; i < count; i++) {
        const struct aa_json *value = aa_json_get(object, fields[i].name);
        enum aa_err rc;

        if (!value || aa_json_is(value, AA_JSON_NULL)) {
            if (fields[i].required)
                return aa_fail(err, AA_ERR_JSON_MISSING, "member \"%s\" is missing", fields[i].name);
            continue;
        }
        rc = readers[fields[i].kind](&fields[i], value, (char *)target + fields[i].offset, err);
        if (rc)
            return rc;
    }
    return AA_OK;
}

static int add_chunk(const char *data, size_t len, void *ctx)
{
    struct aa_buf *buf = ctx;

    aa_buf_add(buf, (struct aa_view){data, len});
    return buf->bad ? -1 : 0;
}

void aa_buf_add_json(struct aa_buf *buf, const struct aa_json *value)
{
    if (json_dump_callback(inner(value), add_chunk, buf, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY) && !buf->bad)
        buf->bad = AA_ERR_NOMEM;
}

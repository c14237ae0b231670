#include "extension/module.h"

#include <stddef.h>

struct field {
    const char *name;
    size_t offset;
    bool required;
};

#define AT(member) offsetof(struct aa_guard_request, member)
#define POSITIONAL 5

static const struct field fields[CORE_FIELDS] = {
    {"method", AT(method), true},
    {"path", AT(path), true},
    {"authorization", AT(authorization), false},
    {"origin", AT(origin), false},
    {"preflight_method", AT(preflight_method), false},
    {"content_type", AT(content_type), false},
    {"mcp_protocol_version", AT(mcp_protocol_version), false},
    {"mcp_method", AT(mcp_method), false},
    {"mcp_name", AT(mcp_name), false},
    {"body", AT(body), false},
};

int core_request_intern(struct core_state *state)
{
    for (size_t i = 0; i < CORE_FIELDS; i++) {
        state->field_names[i] = PyUnicode_InternFromString(fields[i].name);
        if (!state->field_names[i])
            return -1;
    }
    return 0;
}

/* ---- which argument is which ----------------------------------------------------------------------------------- */

/* A name that was made at run time is equal without being the same object. */
static int find_field(struct core_state *state, PyObject *keyword)
{
    for (int i = 0; i < CORE_FIELDS; i++) {
        if (state->field_names[i] == keyword)
            return i;
    }
    for (int i = 0; i < CORE_FIELDS; i++) {
        if (PyUnicode_CompareWithASCIIString(keyword, fields[i].name) == 0)
            return i;
    }
    PyErr_Format(PyExc_TypeError, "unexpected keyword argument '%U'", keyword);
    return -1;
}

static int sort_arguments(struct core_state *state, PyObject *const *args, Py_ssize_t count, PyObject *keywords,
                          PyObject *values[CORE_FIELDS])
{
    Py_ssize_t keyword_count = keywords ? PyTuple_Size(keywords) : 0;

    if (count > POSITIONAL) {
        PyErr_Format(PyExc_TypeError, "at most %d positional arguments are taken (%zd were given)", POSITIONAL, count);
        return -1;
    }
    for (Py_ssize_t i = 0; i < count; i++)
        values[i] = args[i];
    for (Py_ssize_t i = 0; i < keyword_count; i++) {
        int field = find_field(state, PyTuple_GetItem(keywords, i)); /* borrowed */

        if (field < 0)
            return -1;
        if (values[field]) {
            PyErr_Format(PyExc_TypeError, "argument '%s' was given twice", fields[field].name);
            return -1;
        }
        values[field] = args[count + i];
    }
    return 0;
}

/* ---- values ---------------------------------------------------------------------------------------------------- */

static int refuse_type(PyObject *value, const char *what, const char *wanted)
{
    PyObject *name = PyObject_GetAttrString((PyObject *)Py_TYPE(value), "__name__");

    if (name)
        PyErr_Format(PyExc_TypeError, "%s must be %s, not %U", what, wanted, name);
    Py_XDECREF(name);
    return -1;
}

int core_text_get(PyObject *value, const char *what, struct aa_view *out)
{
    Py_ssize_t len;
    char *bytes;

    if (PyUnicode_Check(value)) {
        out->data = PyUnicode_AsUTF8AndSize(value, &len);
        if (!out->data)
            return -1;
    } else if (PyBytes_Check(value)) {
        if (PyBytes_AsStringAndSize(value, &bytes, &len))
            return -1;
        out->data = bytes;
    } else {
        return refuse_type(value, what, "str or bytes");
    }
    out->len = (size_t)len;
    return 0;
}

/* Half of a surrogate pair has no UTF-8. A request may hold one all the same, and no request may end in an exception.
 */
static int get_odd_text(struct core_request *request, PyObject *value, const char *what, struct aa_view *out)
{
    PyObject *bytes;

    if (!PyErr_ExceptionMatches(PyExc_UnicodeEncodeError))
        return -1;
    PyErr_Clear();
    bytes = PyUnicode_AsEncodedString(value, "utf-8", "surrogatepass"); /* new */
    if (!bytes)
        return -1;
    request->owned[request->owned_count++] = bytes;
    return core_text_get(bytes, what, out);
}

static int get_field(struct core_request *request, const struct field *field, PyObject *value)
{
    struct aa_view *out = (struct aa_view *)((char *)&request->views + field->offset);

    if (!field->required && (!value || value == Py_None))
        return 0;
    if (!value) {
        PyErr_Format(PyExc_TypeError, "argument '%s' is missing", field->name);
        return -1;
    }
    if (!core_text_get(value, field->name, out))
        return 0;
    return get_odd_text(request, value, field->name, out);
}

int core_request_read(struct core_state *state, PyObject *const *args, Py_ssize_t count, PyObject *keywords,
                      struct core_request *out)
{
    PyObject *values[CORE_FIELDS] = {NULL}; /* borrowed */

    out->views = (struct aa_guard_request){0};
    out->owned_count = 0;
    if (sort_arguments(state, args, count, keywords, values))
        return -1;
    for (size_t i = 0; i < CORE_FIELDS; i++) {
        if (get_field(out, &fields[i], values[i]))
            return -1;
    }
    return 0;
}

void core_request_clear(struct core_request *request)
{
    while (request->owned_count)
        Py_DECREF(request->owned[--request->owned_count]);
}

#include "extension/module.h"

#include <stddef.h>
#include <structmember.h>

struct answer {
    PyObject_HEAD PyObject *code, *status, *headers, *body;
};

/* ---- making one ------------------------------------------------------------------------------------------------ */

static PyObject *make_bytes(struct aa_view bytes)
{
    return PyBytes_FromStringAndSize(bytes.data, (Py_ssize_t)bytes.len);
}

static PyObject *make_header(const struct aa_answer *answer, size_t index)
{
    struct aa_view name, value;

    aa_answer_header(answer, index, &name, &value);
    return Py_BuildValue("(NN)", make_bytes(name), make_bytes(value)); /* steals, and passes a failure on */
}

static PyObject *make_headers(const struct aa_answer *answer)
{
    size_t count = aa_answer_header_count(answer);
    PyObject *headers = PyTuple_New((Py_ssize_t)count);

    for (size_t i = 0; headers && i < count; i++) {
        PyObject *header = make_header(answer, i); /* new */

        if (!header || PyTuple_SetItem(headers, (Py_ssize_t)i, header)) /* steals, also when it fails */
            Py_CLEAR(headers);
    }
    return headers;
}

PyObject *core_answer_object(struct core_state *state, const struct aa_answer *answer, enum aa_err code)
{
    PyObject *self = core_new(state->answer_type);
    struct answer *made = (struct answer *)self;

    if (!self)
        return NULL;
    made->code = PyUnicode_InternFromString(aa_err_name(code));
    made->status = PyLong_FromLong(aa_answer_status(answer));
    made->headers = make_headers(answer);
    made->body = make_bytes(aa_answer_body(answer));
    if (!made->code || !made->status || !made->headers || !made->body)
        Py_CLEAR(self);
    return self;
}

/* ---- the type -------------------------------------------------------------------------------------------------- */

static int traverse(PyObject *self, visitproc visit, void *arg)
{
    struct answer *answer = (struct answer *)self;

    Py_VISIT(Py_TYPE(self));
    Py_VISIT(answer->headers);
    return 0;
}

static void dealloc(PyObject *self)
{
    struct answer *answer = (struct answer *)self;

    PyObject_GC_UnTrack(self);
    Py_XDECREF(answer->code);
    Py_XDECREF(answer->status);
    Py_XDECREF(answer->headers);
    Py_XDECREF(answer->body);
    core_free(self);
}

static PyObject *get_kind(PyObject *self, void *closure)
{
    (void)self;
    (void)closure;
    return PyUnicode_InternFromString("answer");
}

static PyGetSetDef getters[] = {{"kind", get_kind, NULL, PyDoc_STR("\"answer\""), NULL},
                                {NULL, NULL, NULL, NULL, NULL}};

static PyMemberDef members[] = {
    {"code", T_OBJECT, offsetof(struct answer, code), READONLY,
     PyDoc_STR("why it was refused: \"TOKEN_ABSENT\", \"SCOPE_INSUFFICIENT\"…; \"OK\" for a document")},
    {"status", T_OBJECT, offsetof(struct answer, status), READONLY, PyDoc_STR("the HTTP status")},
    {"headers", T_OBJECT, offsetof(struct answer, headers), READONLY,
     PyDoc_STR("pairs of bytes, names in lower case, in order")},
    {"body", T_OBJECT, offsetof(struct answer, body), READONLY, PyDoc_STR("bytes; empty for HEAD and 204")},
    {NULL, 0, 0, 0, NULL},
};

PyDoc_STRVAR(doc, "A whole HTTP answer to be sent as it is: a refusal, or the RFC 9728 document.");

static PyType_Slot slots[] = {
    {Py_tp_doc, (void *)doc},           {Py_tp_traverse, FUNCTION(traverse)},
    {Py_tp_dealloc, FUNCTION(dealloc)}, {Py_tp_getset, getters},
    {Py_tp_members, members},           {0, NULL},
};

PyType_Spec core_answer_spec = {
    .name = "auth_agent_core._core.Answer",
    .basicsize = sizeof(struct answer),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = slots,
};

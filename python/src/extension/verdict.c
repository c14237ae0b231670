#include "extension/module.h"

PyObject *core_verdict_object(struct core_state *state, const struct aa_verdict *verdict)
{
    switch (verdict->kind) {
    case AA_VERDICT_ALLOW:
        return core_principal_object(state, verdict->principal);
    case AA_VERDICT_PASS:
        Py_INCREF(state->pass);
        return state->pass;
    case AA_VERDICT_ANSWER:
        return core_answer_object(state, verdict->answer, verdict->code);
    case AA_VERDICT_PENDING:
        Py_RETURN_NONE;
    }
    PyErr_SetString(PyExc_SystemError, "a verdict of no known kind");
    return NULL;
}

/* ---- Pass ------------------------------------------------------------------------------------------------------ */

static void dealloc(PyObject *self)
{
    core_free(self);
}

static PyObject *get_kind(PyObject *self, void *closure)
{
    (void)self;
    (void)closure;
    return PyUnicode_InternFromString("pass");
}

static PyObject *repr(PyObject *self)
{
    (void)self;
    return PyUnicode_FromString("auth_agent_core.PASS");
}

static PyGetSetDef getters[] = {{"kind", get_kind, NULL, PyDoc_STR("\"pass\""), NULL}, {NULL, NULL, NULL, NULL, NULL}};

PyDoc_STRVAR(doc, "Not guarded (a public path, a CORS preflight): let it through, nobody is known.");

static PyType_Slot slots[] = {
    {Py_tp_doc, (void *)doc},
    {Py_tp_dealloc, FUNCTION(dealloc)},
    {Py_tp_repr, FUNCTION(repr)},
    {Py_tp_getset, getters},
    {0, NULL},
};

PyType_Spec core_pass_spec = {
    .name = "auth_agent_core._core.Pass",
    .basicsize = sizeof(PyObject),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = slots,
};

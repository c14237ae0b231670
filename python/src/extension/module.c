#include "extension/module.h"

#include <stdlib.h>

#define OLDEST_WITH_INTERPRETERS 12 /* the minor version that knows Py_mod_multiple_interpreters */
#define OLDEST_WITH_GIL 13          /* … and Py_mod_gil */

static struct PyModuleDef definition;

/* ---- the state ------------------------------------------------------------------------------------------------- */

struct core_state *core_state_of(PyTypeObject *type)
{
    while (type) {
        PyObject *module = PyType_GetModule(type); /* borrowed */

        if (module && PyModule_GetDef(module) == &definition)
            return PyModule_GetState(module);
        PyErr_Clear(); /* a class derived from ours: its base is the next to be asked */
        type = PyType_GetSlot(type, Py_tp_base);
    }
    PyErr_SetString(PyExc_SystemError, "a type that is none of this module's");
    return NULL;
}

PyObject *core_new(PyObject *type)
{
    allocfunc alloc = (allocfunc)(uintptr_t)PyType_GetSlot((PyTypeObject *)type, Py_tp_alloc);

    return alloc((PyTypeObject *)type, 0);
}

void core_free(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    freefunc release = (freefunc)(uintptr_t)PyType_GetSlot(type, Py_tp_free);

    release(self);
    Py_DECREF(type);
}

/* ---- the start ------------------------------------------------------------------------------------------------- */

static int import_from(const char *module_name, const char *name, PyObject **out)
{
    PyObject *module = PyImport_ImportModule(module_name); /* new */

    if (!module)
        return -1;
    *out = PyObject_GetAttrString(module, name);
    Py_DECREF(module);
    return *out ? 0 : -1;
}

static int add_type(PyObject *module, PyType_Spec *spec, PyObject **out)
{
    *out = PyType_FromModuleAndSpec(module, spec, NULL);
    return *out ? PyModule_AddType(module, (PyTypeObject *)*out) : -1;
}

static int add_types(PyObject *module, struct core_state *state)
{
    if (add_type(module, &core_principal_spec, &state->principal_type) ||
        add_type(module, &core_answer_spec, &state->answer_type) ||
        add_type(module, &core_pass_spec, &state->pass_type) || add_type(module, &core_queue_spec, &state->queue_type))
        return -1;
    return add_type(module, &core_guard_spec, &state->guard_type);
}

static int exec(PyObject *module)
{
    struct core_state *state = PyModule_GetState(module);

    pthread_mutex_init(&state->slots_lock, NULL);
    if (import_from("auth_agent_core._error", "GuardError", &state->guard_error) ||
        import_from("auth_agent_core._claims", "read", &state->read_claims))
        return -1;
    if (core_request_intern(state) || add_types(module, state))
        return -1;
    state->pass = core_new(state->pass_type);
    if (!state->pass || PyModule_AddObjectRef(module, "PASS", state->pass))
        return -1;
    return PyModule_AddStringConstant(module, "version", aa_version());
}

/* ---- the end --------------------------------------------------------------------------------------------------- */

static int traverse(PyObject *module, visitproc visit, void *arg)
{
    struct core_state *state = PyModule_GetState(module);

    Py_VISIT(state->guard_type);
    Py_VISIT(state->queue_type);
    Py_VISIT(state->principal_type);
    Py_VISIT(state->answer_type);
    Py_VISIT(state->pass_type);
    Py_VISIT(state->guard_error);
    Py_VISIT(state->read_claims);
    Py_VISIT(state->pass);
    for (size_t i = 0; i < CORE_SLOTS; i++)
        Py_VISIT(state->slots[i].object);
    return 0;
}

static int clear(PyObject *module)
{
    struct core_state *state = PyModule_GetState(module);

    core_principals_clear(state);
    for (size_t i = 0; i < CORE_FIELDS; i++)
        Py_CLEAR(state->field_names[i]);
    Py_CLEAR(state->pass);
    Py_CLEAR(state->read_claims);
    Py_CLEAR(state->guard_error);
    Py_CLEAR(state->pass_type);
    Py_CLEAR(state->answer_type);
    Py_CLEAR(state->principal_type);
    Py_CLEAR(state->queue_type);
    Py_CLEAR(state->guard_type);
    return 0;
}

static void release(void *module)
{
    struct core_state *state = PyModule_GetState(module);

    clear(module);
    pthread_mutex_destroy(&state->slots_lock);
}

/* ---- the module ------------------------------------------------------------------------------------------------ */

/* Older interpreters refuse slots they do not know, so the list is filled for the one that loads us. */
static PyModuleDef_Slot slots[] = {{Py_mod_exec, FUNCTION(exec)}, {0, NULL}, {0, NULL}, {0, NULL}};

PyDoc_STRVAR(doc, "The guard of Auth-Agent MCP, in C. The public face is auth_agent_core.");

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, .m_name = "auth_agent_core._core",
    .m_doc = doc,          .m_size = sizeof(struct core_state),
    .m_slots = slots,      .m_traverse = traverse,
    .m_clear = clear,      .m_free = release,
};

static long minor_version(void)
{
    const char *version = Py_GetVersion(); /* "3.13.0 (main, …" */

    return version[0] == '3' && version[1] == '.' ? strtol(version + 2, NULL, 10) : 0;
}

#define SLOT_INTERPRETERS 3 /* Py_mod_multiple_interpreters */
#define SLOT_GIL 4          /* Py_mod_gil */

PyMODINIT_FUNC PyInit__core(void); /* also with -Wmissing-prototypes */

PyMODINIT_FUNC PyInit__core(void)
{
    long minor = minor_version();

    if (minor >= OLDEST_WITH_INTERPRETERS)
        slots[1] = (PyModuleDef_Slot){SLOT_INTERPRETERS, (void *)2}; /* Py_MOD_PER_INTERPRETER_GIL_SUPPORTED */
    if (minor >= OLDEST_WITH_GIL)
        slots[2] = (PyModuleDef_Slot){SLOT_GIL, (void *)1}; /* Py_MOD_GIL_NOT_USED */
    return PyModuleDef_Init(&definition);
}

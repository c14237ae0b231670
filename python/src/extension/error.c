#include "extension/module.h"

/* What an application answers when it can do nothing else: trouble that passes, or a mistake of its own. */
static int status_of(enum aa_err code)
{
    enum aa_err_class class = aa_err_class_of(code);

    return class == AA_CLASS_REMOTE || class == AA_CLASS_INTERNAL ? 503 : 500;
}

void set_error(struct core_state *state, const struct aa_error *err)
{
    PyObject *error;

    if (err->code == AA_ERR_NOMEM) {
        PyErr_NoMemory();
        return;
    }
    error =
        PyObject_CallFunction(state->guard_error, "ssi", aa_err_name(err->code), err->message, status_of(err->code));
    if (!error)
        return;
    PyErr_SetObject(state->guard_error, error);
    Py_DECREF(error);
}

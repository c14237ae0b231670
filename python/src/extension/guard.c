#include "extension/module.h"

#include <stddef.h>

struct guard {
    PyObject_HEAD struct core_state *state;
    struct aa_guard *guard; /* NULL: closed */
};

/* ---- life ------------------------------------------------------------------------------------------------------ */

static PyObject *new_guard(PyTypeObject *type, PyObject *args, PyObject *keywords)
{
    struct core_state *state = core_state_of(type);
    struct aa_error err = AA_ERROR_INIT;
    struct aa_guard *guard = NULL;
    PyObject *options, *self;
    struct aa_view json;
    enum aa_err rc;

    if (!state || !PyArg_ParseTuple(args, "U:Guard", &options))
        return NULL;
    if (keywords && PyDict_Size(keywords)) {
        PyErr_SetString(PyExc_TypeError, "Guard() takes no keyword arguments here");
        return NULL;
    }
    if (core_text_get(options, "options", &json))
        return NULL;
    self = core_new((PyObject *)type);
    if (!self)
        return NULL;
    Py_BEGIN_ALLOW_THREADS rc = aa_guard_new(json, &guard, &err);
    Py_END_ALLOW_THREADS if (rc)
    {
        set_error(state, &err);
        Py_CLEAR(self);
        return NULL;
    }
    ((struct guard *)self)->state = state;
    ((struct guard *)self)->guard = guard;
    return self;
}

/* The last release waits for the I/O thread. */
static void let_go(struct aa_guard *guard)
{
    if (!guard)
        return;
    Py_BEGIN_ALLOW_THREADS aa_guard_release(guard);
    Py_END_ALLOW_THREADS
}

static struct aa_guard *take_guard(PyObject *self)
{
    struct aa_guard *guard;

    CORE_LOCK(self);
    guard = ((struct guard *)self)->guard;
    ((struct guard *)self)->guard = NULL;
    CORE_UNLOCK();
    return guard;
}

static int traverse(PyObject *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    return 0;
}

static void dealloc(PyObject *self)
{
    PyObject_GC_UnTrack(self);
    let_go(((struct guard *)self)->guard);
    core_free(self);
}

static PyObject *guard_close(PyObject *self, PyObject *unused)
{
    (void)unused;
    let_go(take_guard(self));
    Py_RETURN_NONE;
}

/* One reference, so that a close() on another thread ends nothing that is in use; NULL with CLOSED set. */
static struct aa_guard *hold(PyObject *self)
{
    struct aa_error err = {AA_ERR_CLOSED, "the guard is closed"};
    struct aa_guard *guard;

    CORE_LOCK(self);
    guard = ((struct guard *)self)->guard;
    if (guard)
        aa_guard_acquire(guard);
    CORE_UNLOCK();
    if (!guard)
        set_error(((struct guard *)self)->state, &err);
    return guard;
}

/* ---- asking ---------------------------------------------------------------------------------------------------- */

/* The GIL stays: the call never waits, and giving the GIL up would cost more than the call. */
static PyObject *guard_check(PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *keywords)
{
    struct core_state *state = ((struct guard *)self)->state;
    struct core_request request;
    struct aa_verdict verdict = {0};
    struct aa_guard *guard;
    PyObject *object = NULL;

    guard = hold(self);
    if (!guard)
        return NULL;
    if (!core_request_read(state, args, count, keywords, &request)) {
        aa_guard_check(guard, &request.views, &verdict);
        object = core_verdict_object(state, &verdict);
        aa_verdict_clear(&verdict);
    }
    core_request_clear(&request);
    aa_guard_release(guard);
    return object;
}

static PyObject *guard_ask(PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *keywords)
{
    struct core_state *state = ((struct guard *)self)->state;
    struct core_request request;
    struct aa_guard *guard;
    PyObject *number = NULL;

    if (count < 1) {
        PyErr_SetString(PyExc_TypeError, "argument 'queue' is missing");
        return NULL;
    }
    guard = hold(self);
    if (!guard)
        return NULL;
    if (!core_request_read(state, args + 1, count - 1, keywords, &request))
        number = core_queue_ask(state, args[0], guard, &request.views);
    core_request_clear(&request);
    aa_guard_release(guard);
    return number;
}

static PyObject *guard_check_scopes(PyObject *self, PyObject *args)
{
    struct core_state *state = ((struct guard *)self)->state;
    struct aa_verdict verdict = {0};
    struct aa_principal *principal;
    struct aa_guard *guard;
    struct aa_view scopes;
    PyObject *object, *text;

    if (!PyArg_ParseTuple(args, "OU:check_scopes", &object, &text) || core_principal_get(state, object, &principal) ||
        core_text_get(text, "scopes", &scopes))
        return NULL;
    guard = hold(self);
    if (!guard)
        return NULL;
    aa_guard_check_scopes(guard, principal, scopes, &verdict);
    object = core_verdict_object(state, &verdict);
    aa_verdict_clear(&verdict);
    aa_guard_release(guard);
    return object;
}

/* ---- bodies ---------------------------------------------------------------------------------------------------- */

static PyObject *guard_wants_body(PyObject *self, PyObject *method)
{
    struct aa_guard *guard;
    struct aa_view view;
    bool wants;

    if (core_text_get(method, "method", &view))
        return NULL;
    guard = hold(self);
    if (!guard)
        return NULL;
    wants = aa_guard_wants_body(guard, view);
    aa_guard_release(guard);
    return PyBool_FromLong(wants);
}

static PyObject *guard_max_body(PyObject *self, void *closure)
{
    struct aa_guard *guard = hold(self);
    size_t size;

    (void)closure;
    if (!guard)
        return NULL;
    size = aa_guard_max_body(guard);
    aa_guard_release(guard);
    return PyLong_FromSize_t(size);
}

static PyObject *guard_refuse_body(PyObject *self, PyObject *unused)
{
    struct core_state *state = ((struct guard *)self)->state;
    struct aa_error err = AA_ERROR_INIT;
    struct aa_guard *guard = hold(self);
    struct aa_answer *refusal;
    PyObject *object = NULL;

    (void)unused;
    if (!guard)
        return NULL;
    if (aa_guard_refuse_body(guard, &refusal, &err)) {
        set_error(state, &err);
    } else {
        object = core_answer_object(state, refusal, AA_ERR_BODY_TOO_LARGE);
        aa_answer_release(refusal);
    }
    aa_guard_release(guard);
    return object;
}

/* ---- counters -------------------------------------------------------------------------------------------------- */

#define AT(member) offsetof(struct aa_guard_stats, member)
#define COUNTER(member)                                                                                                \
    {                                                                                                                  \
#member, AT(member)                                                                                            \
    }

static const struct counter {
    const char *name;
    size_t offset;
} counters[] = {
    COUNTER(hits),    COUNTER(misses),           COUNTER(introspections), COUNTER(joined),
    COUNTER(refused), COUNTER(remote_errors),    COUNTER(breaker_opened), COUNTER(dropped),
    COUNTER(entries), COUNTER(negative_entries),
};

static int set_counter(PyObject *dict, const struct counter *counter, const struct aa_guard_stats *stats)
{
    PyObject *number =
        PyLong_FromUnsignedLongLong(*(const uint64_t *)((const char *)stats + counter->offset)); /* new */
    int rc = number ? PyDict_SetItemString(dict, counter->name, number) : -1;

    Py_XDECREF(number);
    return rc;
}

static PyObject *guard_stats(PyObject *self, PyObject *unused)
{
    struct aa_guard *guard = hold(self);
    struct aa_guard_stats stats;
    PyObject *dict;

    (void)unused;
    if (!guard)
        return NULL;
    aa_guard_get_stats(guard, &stats);
    aa_guard_release(guard);
    dict = PyDict_New();
    for (size_t i = 0; dict && i < sizeof counters / sizeof counters[0]; i++) {
        if (set_counter(dict, &counters[i], &stats))
            Py_CLEAR(dict);
    }
    return dict;
}

/* ---- the type -------------------------------------------------------------------------------------------------- */

#define REQUEST                                                                                                        \
    "method, path, authorization=None, origin=None, preflight_method=None, *, content_type=None, "                     \
    "mcp_protocol_version=None, mcp_method=None, mcp_name=None, body=None"

#define FASTCALL(function) (PyCFunction)(void (*)(void)) function

static PyMethodDef methods[] = {
    {"check", FASTCALL(guard_check), METH_FASTCALL | METH_KEYWORDS,
     PyDoc_STR("check($self, " REQUEST ")\n--\n\n"
               "Answers at once, from the cache: the hot path. None means \"not known yet\": ask authorize().")},
    {"ask", FASTCALL(guard_ask), METH_FASTCALL | METH_KEYWORDS,
     PyDoc_STR("ask($self, queue, " REQUEST ")\n--\n\n"
               "Asks the authorization server; the number of the verdict in the queue.")},
    {"check_scopes", guard_check_scopes, METH_VARARGS,
     PyDoc_STR("check_scopes($self, principal, scopes, /)\n--\n\n"
               "Has this principal these scopes too (a space-separated list)? The principal again, or a 403 that names "
               "all that is needed; 401 for None.")},
    {"wants_body", guard_wants_body, METH_O,
     PyDoc_STR("wants_body($self, method, /)\n--\n\n"
               "True when the tool policy must see the body of a request with this method: read at most max_body bytes "
               "of it, hand them over, replay them.")},
    {"refuse_body", guard_refuse_body, METH_NOARGS,
     PyDoc_STR("refuse_body($self, /)\n--\n\nThe 413 for a body over max_body.")},
    {"stats", guard_stats, METH_NOARGS, PyDoc_STR("stats($self, /)\n--\n\nCounters since the guard was made.")},
    {"close", guard_close, METH_NOARGS,
     PyDoc_STR("close($self, /)\n--\n\n"
               "Lets go of the guard; what is under way still gets its answer, later calls raise CLOSED.")},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef getters[] = {{"max_body", guard_max_body, NULL, PyDoc_STR("bytes"), NULL},
                                {NULL, NULL, NULL, NULL, NULL}};

PyDoc_STRVAR(
    doc, "Guard(options, /)\n--\n\nDecides what a protected server does with a request; `options` is one JSON object.");

static PyType_Slot slots[] = {
    {Py_tp_doc, (void *)doc},
    {Py_tp_new, FUNCTION(new_guard)},
    {Py_tp_traverse, FUNCTION(traverse)},
    {Py_tp_dealloc, FUNCTION(dealloc)},
    {Py_tp_methods, methods},
    {Py_tp_getset, getters},
    {0, NULL},
};

PyType_Spec core_guard_spec = {
    .name = "auth_agent_core._core.Guard",
    .basicsize = sizeof(struct guard),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = slots,
};

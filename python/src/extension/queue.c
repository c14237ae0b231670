#include "extension/module.h"

#include <stdlib.h>

#define BATCH 64

/* One asynchronous check. It holds its guard, so that a guard which was closed or collected meanwhile still answers. */
struct flight {
    struct flight *next, **prev;
    struct aa_guard *guard;
    uint64_t number, ticket;
};

struct queue {
    PyObject_HEAD struct core_state *state;
    struct aa_queue *queue; /* NULL: closed */
    struct flight *flights;
    uint64_t last_number;
};

/* ---- flights --------------------------------------------------------------------------------------------------- */

static void enlist(struct queue *self, struct flight *flight)
{
    flight->number = ++self->last_number;
    flight->next = self->flights;
    flight->prev = &self->flights;
    if (self->flights)
        self->flights->prev = &flight->next;
    self->flights = flight;
}

static void end_flight(struct flight *flight)
{
    *flight->prev = flight->next;
    if (flight->next)
        flight->next->prev = flight->prev;
    aa_guard_release(flight->guard);
    free(flight);
}

/* The GIL stays: whoever closes the queue meanwhile would close it under our feet. The call copies and returns. */
static int start_flight(struct queue *self, struct aa_guard *guard, const struct aa_guard_request *request,
                        uint64_t *number)
{
    struct aa_error err = AA_ERROR_INIT;
    struct flight *flight;

    if (!self->queue) {
        err.code = AA_ERR_CLOSED;
        set_error(self->state, &err);
        return -1;
    }
    flight = calloc(1, sizeof *flight);
    if (!flight) {
        PyErr_NoMemory();
        return -1;
    }
    flight->guard = aa_guard_acquire(guard);
    enlist(self, flight);
    *number = flight->number;
    if (aa_guard_check_async(guard, request, self->queue, flight, &flight->ticket, &err)) {
        end_flight(flight);
        set_error(self->state, &err);
        return -1;
    }
    return 0;
}

PyObject *core_queue_ask(struct core_state *state, PyObject *queue, struct aa_guard *guard,
                         const struct aa_guard_request *request)
{
    uint64_t number = 0;
    int rc;

    if (!PyObject_TypeCheck(queue, (PyTypeObject *)state->queue_type)) {
        PyErr_SetString(PyExc_TypeError, "queue must be a Queue");
        return NULL;
    }
    CORE_LOCK(queue);
    rc = start_flight((struct queue *)queue, guard, request, &number);
    CORE_UNLOCK();
    return rc ? NULL : PyLong_FromUnsignedLongLong(number);
}

/* ---- life ------------------------------------------------------------------------------------------------------ */

static PyObject *new_queue(PyTypeObject *type, PyObject *args, PyObject *keywords)
{
    struct core_state *state = core_state_of(type);
    struct aa_error err = AA_ERROR_INIT;
    PyObject *self;

    if (!state || !PyArg_ParseTuple(args, ":Queue"))
        return NULL;
    if (keywords && PyDict_Size(keywords)) {
        PyErr_SetString(PyExc_TypeError, "Queue() takes no arguments");
        return NULL;
    }
    self = core_new((PyObject *)type);
    if (!self)
        return NULL;
    ((struct queue *)self)->state = state;
    if (aa_queue_new_fd(&((struct queue *)self)->queue, &err)) {
        set_error(state, &err);
        Py_CLEAR(self);
    }
    return self;
}

/* Nobody will hear what is under way. Once the queue is freed the I/O thread touches no flight of it any more. */
static void close_queue(struct queue *self)
{
    aa_queue_free(self->queue);
    self->queue = NULL;
    while (self->flights)
        end_flight(self->flights);
}

static int traverse(PyObject *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    return 0;
}

static void dealloc(PyObject *self)
{
    PyObject_GC_UnTrack(self);
    close_queue((struct queue *)self);
    core_free(self);
}

/* ---- methods --------------------------------------------------------------------------------------------------- */

static PyObject *queue_close(PyObject *self, PyObject *unused)
{
    (void)unused;
    CORE_LOCK(self);
    close_queue((struct queue *)self);
    CORE_UNLOCK();
    Py_RETURN_NONE;
}

static PyObject *queue_fileno(PyObject *self, PyObject *unused)
{
    int fd = -1;

    (void)unused;
    CORE_LOCK(self);
    if (((struct queue *)self)->queue)
        fd = aa_queue_fd(((struct queue *)self)->queue);
    CORE_UNLOCK();
    return PyLong_FromLong(fd);
}

static int add_outcome(struct core_state *state, PyObject *list, uint64_t number, const struct aa_verdict *verdict)
{
    PyObject *pair = Py_BuildValue("(KN)", number, core_verdict_object(state, verdict)); /* new; steals the verdict */
    int rc = pair ? PyList_Append(list, pair) : -1;

    Py_XDECREF(pair);
    return rc;
}

/* The queue is drained to its end whatever happens: otherwise its descriptor would stay readable for ever. */
static int drain(struct queue *self, PyObject *list)
{
    struct aa_completion batch[BATCH];
    size_t count;
    int rc = 0;

    while (self->queue && (count = aa_queue_take(self->queue, batch, BATCH)) > 0) {
        for (size_t i = 0; i < count; i++) {
            struct flight *flight = batch[i].tag;

            if (!rc)
                rc = add_outcome(self->state, list, flight->number, &batch[i].verdict);
            aa_verdict_clear(&batch[i].verdict);
            end_flight(flight);
        }
    }
    return rc;
}

static PyObject *queue_take(PyObject *self, PyObject *unused)
{
    PyObject *list = PyList_New(0);
    int rc;

    (void)unused;
    if (!list)
        return NULL;
    CORE_LOCK(self);
    rc = drain((struct queue *)self, list);
    CORE_UNLOCK();
    if (rc)
        Py_CLEAR(list);
    return list;
}

/* A flight whose verdict stands in the queue already is ended by take(). */
static void cancel_flight(struct queue *self, uint64_t number)
{
    struct flight *flight = self->flights;

    while (flight && flight->number != number)
        flight = flight->next;
    if (self->queue && flight && aa_guard_cancel(flight->guard, self->queue, flight->ticket))
        end_flight(flight);
}

static PyObject *queue_cancel(PyObject *self, PyObject *argument)
{
    unsigned long long number = PyLong_AsUnsignedLongLong(argument);

    if (PyErr_Occurred())
        return NULL;
    CORE_LOCK(self);
    cancel_flight((struct queue *)self, number);
    CORE_UNLOCK();
    Py_RETURN_NONE;
}

static PyMethodDef methods[] = {
    {"fileno", queue_fileno, METH_NOARGS,
     PyDoc_STR("fileno($self, /)\n--\n\nThe descriptor that is readable while verdicts wait; -1 once it is closed.")},
    {"take", queue_take, METH_NOARGS,
     PyDoc_STR("take($self, /)\n--\n\nEvery verdict that is there, each with the number that ask() gave.")},
    {"cancel", queue_cancel, METH_O,
     PyDoc_STR("cancel($self, number, /)\n--\n\nTakes one check back; others for the same token go on.")},
    {"close", queue_close, METH_NOARGS, PyDoc_STR("close($self, /)\n--\n\nDrops what is under way.")},
    {NULL, NULL, 0, NULL},
};

PyDoc_STRVAR(doc, "Queue()\n--\n\nAsynchronous checks of one event loop, under way and finished.");

static PyType_Slot slots[] = {
    {Py_tp_doc, (void *)doc},           {Py_tp_new, FUNCTION(new_queue)}, {Py_tp_traverse, FUNCTION(traverse)},
    {Py_tp_dealloc, FUNCTION(dealloc)}, {Py_tp_methods, methods},         {0, NULL},
};

PyType_Spec core_queue_spec = {
    .name = "auth_agent_core._core.Queue",
    .basicsize = sizeof(struct queue),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = slots,
};

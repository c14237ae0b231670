/* What the files of the extension share. It converts: every rule and every default is the core's.
 *
 * module.c     the module: its state, its birth and its end, in every interpreter of the process
 * error.c      the one place that turns an error of the core into an exception
 * request.c    a request from Python's arguments
 * principal.c  Principal: who the token speaks for
 * answer.c     Answer: a whole HTTP answer
 * verdict.c    Pass, and a verdict as one of the three
 * queue.c      Queue: asynchronous checks of one event loop, under way and finished
 * guard.c      Guard
 *
 * Functions return 0 or a new reference on success; on failure -1 or NULL with an exception set. No thread of the core
 * ever comes here: it fills a queue and makes a file descriptor readable. */
#ifndef AA_PYTHON_MODULE_H
#define AA_PYTHON_MODULE_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <pthread.h>

#include "authagent/guard.h"

/* Where threads run Python at the same time, an object is locked while it is looked at; elsewhere the GIL does it. */
#ifdef Py_GIL_DISABLED
#define CORE_LOCK(object) Py_BEGIN_CRITICAL_SECTION(object)
#define CORE_UNLOCK() Py_END_CRITICAL_SECTION()
#else
#define CORE_LOCK(object) {
#define CORE_UNLOCK() }
#endif

/* Python keeps functions as void *, to which ISO C knows no way from a function but through an integer. */
#define FUNCTION(name) ((void *)(uintptr_t)(name))

/* A power of two. Principals are kept as objects, because making one costs ten times what a check does. */
#define CORE_SLOTS 1024
#define CORE_FIELDS 10

struct core_slot {
    struct aa_principal *principal; /* borrowed from the object: while it stands here its address means it, no other */
    PyObject *object;
};

/* Everything of one module object, of which every interpreter has its own. */
struct core_state {
    PyObject *guard_type, *queue_type, *principal_type, *answer_type, *pass_type;
    PyObject *guard_error; /* auth_agent_core._error.GuardError */
    PyObject *read_claims; /* auth_agent_core._claims.read */
    PyObject *pass;
    PyObject *field_names[CORE_FIELDS]; /* interned, so that a keyword is found by its address */
    pthread_mutex_t slots_lock;
    struct core_slot slots[CORE_SLOTS];
};

/* ---- module.c ---- */
/* The state behind a type of ours or a class derived from one; borrowed. */
struct core_state *core_state_of(PyTypeObject *type);
/* Ends an instance: its memory, then its reference to its type. */
void core_free(PyObject *self);

/* ---- error.c ---- */
/* Sets GuardError with `code`, the message, and the HTTP status for it. */
void set_error(struct core_state *state, const struct aa_error *err);

/* ---- request.c ---- */
struct core_request {
    struct aa_guard_request views; /* borrowed from the arguments and from `owned` */
    PyObject *owned[CORE_FIELDS];  /* texts that UTF-8 has no word for, in a spelling that equals nothing else */
    size_t owned_count;
};

/* Fills state->field_names. */
int core_request_intern(struct core_state *state);
/* Reads (method, path, authorization, origin, preflight_method, *, content_type, …). Clear it, also after a failure. */
int core_request_read(struct core_state *state, PyObject *const *args, Py_ssize_t count, PyObject *keywords,
                      struct core_request *out);
void core_request_clear(struct core_request *request);
/* A str as UTF-8, or bytes as they are; anything else is a TypeError that names `what`. */
int core_text_get(PyObject *value, const char *what, struct aa_view *out);

/* ---- principal.c, answer.c, verdict.c ---- */
extern PyType_Spec core_principal_spec, core_answer_spec, core_pass_spec, core_queue_spec, core_guard_spec;

/* The object of this principal; borrows it. */
PyObject *core_principal_object(struct core_state *state, struct aa_principal *principal);
/* The principal inside the object, borrowed; NULL for None. */
int core_principal_get(struct core_state *state, PyObject *object, struct aa_principal **out);
void core_principals_clear(struct core_state *state);
PyObject *core_answer_object(struct core_state *state, const struct aa_answer *answer, enum aa_err code);
/* Borrows the verdict. PENDING is None. */
PyObject *core_verdict_object(struct core_state *state, const struct aa_verdict *verdict);
/* A new str, or None for an absent view. */
PyObject *core_text_or_none(struct aa_view text);
/* Makes the instance of `type`, which Python code cannot make by itself. */
PyObject *core_new(PyObject *type);

/* ---- queue.c ---- */
/* Asks asynchronously; the number under which the verdict will be taken from the queue. */
PyObject *core_queue_ask(struct core_state *state, PyObject *queue, struct aa_guard *guard,
                         const struct aa_guard_request *request);

#endif

/* A principal becomes one immutable object, made once and given to every request of that token: nothing a handler does
 * to it can reach another request. */
#include "extension/module.h"

#include <stddef.h>
#include <string.h>
#include <structmember.h>

struct principal {
    PyObject_HEAD struct aa_principal *principal; /* one reference */
    PyObject *id, *email, *name, *client_id, *issuer, *resource, *scopes, *expires_at, *claims;
};

#define AT(member) offsetof(struct principal, member)
#define MEMBER_AT(self, offset) (*(PyObject **)((char *)(self) + (offset)))

/* ---- fields ---------------------------------------------------------------------------------------------------- */

static const struct text_field {
    size_t offset;
    struct aa_view (*get)(const struct aa_principal *principal);
} text_fields[] = {
    {AT(id), aa_principal_id},         {AT(email), aa_principal_email},
    {AT(name), aa_principal_name},     {AT(client_id), aa_principal_client_id},
    {AT(issuer), aa_principal_issuer}, {AT(resource), aa_principal_resource},
};

static const size_t offsets[] = {AT(id),       AT(email),  AT(name),       AT(client_id), AT(issuer),
                                 AT(resource), AT(scopes), AT(expires_at), AT(claims)};

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

PyObject *core_text_or_none(struct aa_view text)
{
    if (!text.data)
        Py_RETURN_NONE;
    return PyUnicode_DecodeUTF8(text.data, (Py_ssize_t)text.len, "replace");
}

static int add_scope(PyObject *list, const char *data, size_t len)
{
    PyObject *scope = PyUnicode_DecodeUTF8(data, (Py_ssize_t)len, "replace"); /* new */
    int rc = scope ? PyList_Append(list, scope) : -1;

    Py_XDECREF(scope);
    return rc;
}

/* The core gives them separated by single spaces (RFC 6749 §3.3). */
static int add_scopes(PyObject *list, struct aa_view scopes)
{
    for (size_t start = 0; start < scopes.len;) {
        const char *space = memchr(scopes.data + start, ' ', scopes.len - start);
        size_t end = space ? (size_t)(space - scopes.data) : scopes.len;

        if (end > start && add_scope(list, scopes.data + start, end - start))
            return -1;
        start = end + 1;
    }
    return 0;
}

static PyObject *make_scopes(struct aa_view scopes)
{
    PyObject *list = PyList_New(0); /* new */
    PyObject *tuple = NULL;

    if (list && !add_scopes(list, scopes))
        tuple = PyList_AsTuple(list);
    Py_XDECREF(list);
    return tuple;
}

static PyObject *make_expires_at(int64_t expires_at)
{
    if (!expires_at)
        Py_RETURN_NONE;
    return PyLong_FromLongLong(expires_at);
}

static int fill(struct core_state *state, struct principal *self)
{
    struct aa_principal *principal = self->principal;
    struct aa_view claims = aa_principal_claims(principal);

    for (size_t i = 0; i < COUNT(text_fields); i++)
        MEMBER_AT(self, text_fields[i].offset) = core_text_or_none(text_fields[i].get(principal));
    self->scopes = make_scopes(aa_principal_scope(principal));
    self->expires_at = make_expires_at(aa_principal_expires_at(principal));
    for (size_t i = 0; i + 1 < COUNT(offsets); i++) {
        if (!MEMBER_AT(self, offsets[i]))
            return -1;
    }
    self->claims = PyObject_CallFunction(state->read_claims, "s#", claims.data, (Py_ssize_t)claims.len);
    return self->claims ? 0 : -1;
}

static PyObject *make_object(struct core_state *state, struct aa_principal *principal)
{
    PyObject *self = core_new(state->principal_type);

    if (!self)
        return NULL;
    ((struct principal *)self)->principal = aa_principal_acquire(principal);
    if (fill(state, (struct principal *)self))
        Py_CLEAR(self);
    return self;
}

/* ---- the kept ones --------------------------------------------------------------------------------------------- */

static struct core_slot *slot_of(struct core_state *state, const struct aa_principal *principal)
{
    uintptr_t address = (uintptr_t)principal;

    return &state->slots[(address >> 5 ^ address >> 15) & (CORE_SLOTS - 1)];
}

/* The lock is only tried: nobody waits here, and a child that was forked at a bad moment just keeps nothing. */
static PyObject *find_kept(struct core_state *state, const struct aa_principal *principal)
{
    struct core_slot *slot = slot_of(state, principal);
    PyObject *found = NULL;

    if (pthread_mutex_trylock(&state->slots_lock))
        return NULL;
    if (slot->principal == principal) {
        found = slot->object;
        Py_INCREF(found);
    }
    pthread_mutex_unlock(&state->slots_lock);
    return found;
}

static void keep(struct core_state *state, PyObject *object)
{
    struct aa_principal *principal = ((struct principal *)object)->principal;
    struct core_slot *slot = slot_of(state, principal);
    PyObject *old;

    if (pthread_mutex_trylock(&state->slots_lock))
        return;
    old = slot->object;
    Py_INCREF(object);
    *slot = (struct core_slot){principal, object};
    pthread_mutex_unlock(&state->slots_lock);
    Py_XDECREF(old);
}

void core_principals_clear(struct core_state *state)
{
    for (size_t i = 0; i < CORE_SLOTS; i++) {
        state->slots[i].principal = NULL;
        Py_CLEAR(state->slots[i].object);
    }
}

PyObject *core_principal_object(struct core_state *state, struct aa_principal *principal)
{
    PyObject *object = find_kept(state, principal);

    if (object)
        return object;
    object = make_object(state, principal);
    if (object)
        keep(state, object);
    return object;
}

int core_principal_get(struct core_state *state, PyObject *object, struct aa_principal **out)
{
    *out = NULL;
    if (object == Py_None)
        return 0;
    if (!PyObject_TypeCheck(object, (PyTypeObject *)state->principal_type)) {
        PyErr_SetString(PyExc_TypeError, "principal must be one that a guard gave, or None");
        return -1;
    }
    *out = ((struct principal *)object)->principal;
    return 0;
}

/* ---- the type -------------------------------------------------------------------------------------------------- */

static int traverse(PyObject *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    for (size_t i = 0; i < COUNT(offsets); i++)
        Py_VISIT(MEMBER_AT(self, offsets[i]));
    return 0;
}

static void dealloc(PyObject *self)
{
    PyObject_GC_UnTrack(self);
    for (size_t i = 0; i < COUNT(offsets); i++)
        Py_XDECREF(MEMBER_AT(self, offsets[i]));
    aa_principal_release(((struct principal *)self)->principal);
    core_free(self);
}

static PyObject *get_kind(PyObject *self, void *closure)
{
    (void)self;
    (void)closure;
    return PyUnicode_InternFromString("principal");
}

static PyGetSetDef getters[] = {{"kind", get_kind, NULL, PyDoc_STR("\"principal\""), NULL},
                                {NULL, NULL, NULL, NULL, NULL}};

#define MEMBER(name, text)                                                                                             \
    {                                                                                                                  \
#name, T_OBJECT, AT(name), READONLY, PyDoc_STR(text)                                                           \
    }

static PyMemberDef members[] = {
    MEMBER(id, "`sub`; None when the authorization server names none"),
    MEMBER(email, "None when unknown"),
    MEMBER(name, "None when unknown"),
    MEMBER(client_id, "the OAuth client that acts for this person"),
    MEMBER(issuer, "None when the answer names none"),
    MEMBER(resource, "this server's own identifier (RFC 8707)"),
    MEMBER(scopes, "a tuple"),
    MEMBER(expires_at, "seconds since 1970; None when unknown"),
    MEMBER(claims, "the whole answer of the authorization server (RFC 7662 §2.2) or the token's claims, read-only"),
    {NULL, 0, 0, 0, NULL},
};

PyDoc_STRVAR(doc,
             "Who a token speaks for. The same object for every request of that token until it is asked about again.");

static PyType_Slot slots[] = {
    {Py_tp_doc, (void *)doc},           {Py_tp_traverse, FUNCTION(traverse)},
    {Py_tp_dealloc, FUNCTION(dealloc)}, {Py_tp_getset, getters},
    {Py_tp_members, members},           {0, NULL},
};

PyType_Spec core_principal_spec = {
    .name = "auth_agent_core._core.Principal",
    .basicsize = sizeof(struct principal),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = slots,
};

#include "db/libpq.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"

#ifdef __APPLE__
#define LIBRARY "libpq.5.dylib"
#else
#define LIBRARY "libpq.so.5"
#endif

struct aa_libpq aa_libpq;

static pthread_once_t once = PTHREAD_ONCE_INIT;
static char why[160]; /* empty: it is loaded */

static void fail(const char *what)
{
    const char *said = dlerror();

    snprintf(why, sizeof why, "%s: %s", what, said ? said : "is not there");
}

/* Through memcpy: C has no cast from an object's address to a function's. */
static bool find(void *library, const char *name, void *function, size_t size)
{
    void *found = dlsym(library, name);

    if (!found)
        fail(name);
    memcpy(function, &found, size);
    return found != NULL;
}

static void load(void)
{
    void *library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
    bool is_whole = true;

    if (!library) {
        fail(LIBRARY);
        return;
    }
#define AA_LIBPQ_FIND(name) is_whole = is_whole && find(library, #name, &aa_libpq.name##_, sizeof aa_libpq.name##_);
    AA_LIBPQ_FUNCTIONS(AA_LIBPQ_FIND)
#undef AA_LIBPQ_FIND
}

enum aa_err aa_libpq_load(struct aa_error *err)
{
    pthread_once(&once, load);
    if (why[0])
        return aa_fail(err, AA_ERR_OPTION_INVALID, "database: PostgreSQL's library is not installed (%s)", why);
    return AA_OK;
}

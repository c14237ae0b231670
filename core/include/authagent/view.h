/* A piece of memory somebody else owns: a pointer and a length, perhaps without a closing NUL.
 *
 * Every input of this library arrives as a view. A view whose data is NULL means "absent", which is not the
 * same as "present and empty" (data not NULL, len 0). */
#ifndef AUTHAGENT_VIEW_H
#define AUTHAGENT_VIEW_H

#include <stddef.h>

struct aa_view {
    const char *data;
    size_t len;
};

#endif

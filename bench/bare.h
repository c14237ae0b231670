/* The engines without the server's store: its statements, prepared once on one connection of SQLite's or PostgreSQL's
 * own library. Anything that goes wrong ends the program: this is a measuring rod. */
#ifndef AA_BENCH_BARE_H
#define AA_BENCH_BARE_H

#include <stdint.h>

#include "base/view.h"

enum bare_sql {
    BARE_FIND_LIVE,
    BARE_FIND_REFRESH,
    BARE_FIND_PARTIES,
    BARE_ROTATE,
    BARE_ADD_REFRESH,
    BARE_ADD_ACCESS,
    BARE_AUDIT_HEAD,
    BARE_AUDIT_ROW,
    BARE_AUDIT_HASH,
    BARE_BEGIN_WRITE,
    BARE_COMMIT,
    BARE_COUNT
};

struct bare_arg {
    char kind; /* 't' text, 'b' bytes, 'i' integer */
    struct aa_view view;
    int64_t number;
};
#define BARE_TEXT(view) ((struct bare_arg){'t', (view), 0})
#define BARE_BLOB(view) ((struct bare_arg){'b', (view), 0})
#define BARE_INT(number) ((struct bare_arg){'i', {NULL, 0}, (number)})

struct bare; /* one connection, one thread */

struct bare *bare_open(const char *url);
void bare_close(struct bare *bare);
/* Runs a statement and reads every column of its rows. Returns the first column of the first row as a number, or 0. */
int64_t bare_run(struct bare *bare, enum bare_sql sql, const struct bare_arg *args, int count);
#define BARE_RUN(bare, sql, ...)                                                                                       \
    bare_run(bare, sql, (const struct bare_arg[]){__VA_ARGS__},                                                        \
             (int)(sizeof((const struct bare_arg[]){__VA_ARGS__}) / sizeof(struct bare_arg)))

_Noreturn void bench_die(const char *what, const char *why);

#endif

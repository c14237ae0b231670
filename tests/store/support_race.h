/* Many who try the same thing at once, half of them through a database opened a second time, as another process has it.
 */
#ifndef AA_TESTS_STORE_SUPPORT_RACE_H
#define AA_TESTS_STORE_SUPPORT_RACE_H

#include "server/support_store.h"

#define RACERS 16
#define ROUNDS 6

struct race;

struct racer {
    const struct race *race;
    int number;   /* from 0 */
    bool won;     /* for the closure to set */
    int64_t seen; /* the same */
    char text[16];
    enum aa_err rc; /* of its write */
};

/* The closures' context is their struct racer. */
struct race {
    struct aa_db *dbs[2];
    aa_db_fn fns[2];    /* even racers run the first, odd ones the second; NULL: the first too */
    struct aa_view key; /* what they race for */
    struct racer racers[RACERS];
};

/* The fixture with nothing of the test's own open, and its database opened a second time. usr_1, srv_1, cl_1 and gr_1
 * are there. */
struct shared_store {
    struct store_fixture f;
    struct aa_db *second;
};

void shared_open(struct shared_store *store);
void shared_close(struct shared_store *store);
/* Gives up the fixture's own connection, which on SQLite holds the write lock. */
void store_let_go(struct store_fixture *f);

void race_run(struct race *race, const struct shared_store *store);
/* How many ended so. */
int race_count(const struct race *race, enum aa_err rc);
int race_winners(const struct race *race); /* of those that ended well */

#endif

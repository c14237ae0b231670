#include "support_race.h"

#include <pthread.h>

void store_let_go(struct store_fixture *f)
{
    if (!store_is_remote())
        CHECK_OK(f->driver->control(f->conn, AA_CONTROL_COMMIT, NULL));
    f->driver->disconnect(f->conn);
    f->conn = NULL;
}

void shared_open(struct shared_store *store)
{
    struct aa_db_options options;

    store_open(&store->f);
    store_let_go(&store->f);
    options = store_options(&store->f);
    CHECK_OK(aa_db_open(&options, &store->second, NULL));
    CHECK_OK(aa_db_write(store->f.db, store_people, NULL, NULL));
}

void shared_close(struct shared_store *store)
{
    aa_db_close(store->second);
    store_close(&store->f);
}

struct start {
    struct race *race;
    struct racer *racer;
    pthread_barrier_t *line;
};

static void *racer_main(void *arg)
{
    struct start *start = arg;
    struct racer *racer = start->racer;
    bool is_odd = racer->number % 2 != 0;
    aa_db_fn fn = is_odd && start->race->fns[1] ? start->race->fns[1] : start->race->fns[0];

    pthread_barrier_wait(start->line);
    racer->rc = aa_db_write(start->race->dbs[racer->number / 2 % 2], fn, racer, NULL);
    return NULL;
}

void race_run(struct race *race, const struct shared_store *store)
{
    struct start starts[RACERS];
    pthread_t threads[RACERS];
    pthread_barrier_t line;

    race->dbs[0] = store->f.db;
    race->dbs[1] = store->second;
    pthread_barrier_init(&line, NULL, RACERS);
    for (int i = 0; i < RACERS; i++) {
        race->racers[i] = (struct racer){.race = race, .number = i};
        starts[i] = (struct start){race, &race->racers[i], &line};
        CHECK_INT(pthread_create(&threads[i], NULL, racer_main, &starts[i]), 0);
    }
    for (int i = 0; i < RACERS; i++)
        pthread_join(threads[i], NULL);
    pthread_barrier_destroy(&line);
}

int race_count(const struct race *race, enum aa_err rc)
{
    int count = 0;

    for (int i = 0; i < RACERS; i++)
        count += race->racers[i].rc == rc;
    return count;
}

int race_winners(const struct race *race)
{
    int count = 0;

    for (int i = 0; i < RACERS; i++)
        count += race->racers[i].rc == AA_OK && race->racers[i].won;
    return count;
}

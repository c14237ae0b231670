/* The server goes away under load, in three ways, and comes back. AUTH_AGENT_TEST_POSTGRES is the command that does it
 * (tests/support/postgres.py). */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "support_race.h"

#define CALLERS 12
#define ANSWERS_MAX 20000

struct load {
    struct aa_db *db;
    atomic_bool is_over;
};

struct caller {
    struct load *load;
    int number;
    atomic_int good, bad; /* answers so far; what was answered "stored" are the writes of `stored` */
    atomic_int strange;   /* anything but success and 503 */
    int written;
    bool stored[ANSWERS_MAX];
    pthread_t thread;
};

struct entry {
    char name[32];
};

static enum aa_err put_entry(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    const struct entry *entry = ctx;

    return aa_setting_put_new(conn, VIEW(entry->name), VIEW("v"), err);
}

static enum aa_err get_entry(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    const struct entry *entry = ctx;
    char *memory = NULL;
    struct aa_view value;
    enum aa_err rc = aa_setting_get(conn, VIEW(entry->name), &memory, &value, err);

    aa_record_clear(&memory);
    return rc;
}

static void name_entry(struct entry *entry, int caller, int number)
{
    snprintf(entry->name, sizeof entry->name, "entry %d %d", caller, number);
}

/* Refusals come at once; nobody asks again at once. */
static void note(struct caller *caller, enum aa_err rc)
{
    if (rc)
        usleep(5000);
    if (!rc)
        atomic_fetch_add(&caller->good, 1);
    else if (rc == AA_ERR_STORE || rc == AA_ERR_STORE_BUSY)
        atomic_fetch_add(&caller->bad, 1);
    else
        atomic_fetch_add(&caller->strange, 1);
}

/* Writes something new, reads what was stored last. */
static void *call(void *arg)
{
    struct caller *caller = arg;
    struct entry entry;
    int last = -1;

    while (!atomic_load(&caller->load->is_over) && caller->written < ANSWERS_MAX) {
        int number = caller->written++;
        enum aa_err rc;

        name_entry(&entry, caller->number, number);
        rc = aa_db_write(caller->load->db, put_entry, &entry, NULL);
        caller->stored[number] = rc == AA_OK;
        note(caller, rc);
        if (!rc)
            last = number;
        if (last < 0)
            continue;
        name_entry(&entry, caller->number, last);
        note(caller, aa_db_read(caller->load->db, get_entry, &entry, NULL));
    }
    return NULL;
}

static void control(const char *what)
{
    char command[512];

    snprintf(command, sizeof command, "%s %s", getenv("AUTH_AGENT_TEST_POSTGRES"), what);
    CHECK_INT(system(command), 0);
}

/* Until every caller has had some more answers of the kind. */
static void wait_for_all(struct caller *callers, bool good)
{
    int before[CALLERS];

    for (int i = 0; i < CALLERS; i++)
        before[i] = atomic_load(good ? &callers[i].good : &callers[i].bad);
    for (int i = 0; i < CALLERS; i++) {
        int tries = 0;

        while (atomic_load(good ? &callers[i].good : &callers[i].bad) < before[i] + 3) {
            usleep(10000);
            if (++tries > 6000)
                fail_msg("caller %d is stuck", i);
        }
    }
}

static void start_callers(struct caller *callers, struct load *load)
{
    for (int i = 0; i < CALLERS; i++) {
        callers[i].load = load;
        callers[i].number = i;
        CHECK_INT(pthread_create(&callers[i].thread, NULL, call, &callers[i]), 0);
    }
}

/* Whatever was answered "stored" is there. */
static void check_stored(struct aa_db *db, const struct caller *callers)
{
    int count = 0;

    for (int i = 0; i < CALLERS; i++) {
        CHECK_INT(atomic_load(&callers[i].strange), 0);
        for (int number = 0; number < callers[i].written; number++) {
            struct entry entry;

            if (!callers[i].stored[number])
                continue;
            name_entry(&entry, i, number);
            CHECK_OK(aa_db_read(db, get_entry, &entry, NULL));
            count++;
        }
    }
    CHECK(count > CALLERS);
}

static void outage(const char *gone, const char *back)
{
    struct caller *callers = calloc(CALLERS, sizeof *callers);
    struct shared_store store;
    struct aa_db_options options;
    struct load load = {.db = NULL};

    CHECK(callers != NULL);
    shared_open(&store);
    options = store_options(&store.f);
    options.statement_timeout_ms = 1000;
    CHECK_OK(aa_db_open(&options, &load.db, NULL));
    atomic_init(&load.is_over, false);
    start_callers(callers, &load);
    wait_for_all(callers, true);
    control(gone);
    wait_for_all(callers, false);
    control(back);
    wait_for_all(callers, true);
    atomic_store(&load.is_over, true);
    for (int i = 0; i < CALLERS; i++)
        pthread_join(callers[i].thread, NULL);
    check_stored(load.db, callers);
    aa_db_close(load.db);
    shared_close(&store);
    free(callers);
}

#define OUTAGE_TEST(sentence, gone, back)                                                                              \
    TEST(outage, sentence)                                                                                             \
    {                                                                                                                  \
        if (!store_is_remote() || !getenv("AUTH_AGENT_TEST_POSTGRES"))                                                 \
            skip();                                                                                                    \
        outage(gone, back);                                                                                            \
    }

OUTAGE_TEST(a_server_that_is_stopped_is_trouble_until_it_is_back, "stop", "start")
OUTAGE_TEST(one_that_is_killed_keeps_what_it_acknowledged, "crash", "start")
OUTAGE_TEST(one_that_hangs_holds_nobody_for_good, "freeze", "thaw")

/* Who maps the database's file: the readers of a server, unless it was told not to. */
#include <stdio.h>
#include <unistd.h>

#include "support_shell.h"
#include "support_store.h"

/* Is the file itself mapped into this process? SQLite maps the index of its log (PATH-shm) in any case. */
static bool is_mapped(const char *path)
{
    FILE *maps = fopen("/proc/self/maps", "r");
    char line[512];
    bool found = false;

    CHECK(maps != NULL);
    while (!found && fgets(line, sizeof line, maps)) {
        const char *at = strstr(line, path);

        found = at && at[strlen(path)] == '\n';
    }
    fclose(maps);
    return found;
}

static enum aa_err count_clients(struct aa_conn *c, void *ctx, struct aa_error *err)
{
    return aa_client_count(c, ctx, err);
}

/* Opens the shell's database, reads from it, and tells whether that mapped it. */
static bool maps_when_read(const struct shell *s, bool serving, bool no_memory_map)
{
    struct aa_db_options options = {.url = s->database, .serving = serving, .no_memory_map = no_memory_map};
    struct aa_db *db = NULL;
    int64_t clients = -1;
    bool mapped;

    CHECK_OK(aa_db_open(&options, &db, NULL));
    CHECK_OK(aa_db_read(db, count_clients, &clients, NULL));
    CHECK_INT(clients, 0);
    mapped = is_mapped(s->database);
    aa_db_close(db);
    CHECK(!is_mapped(s->database));
    return mapped;
}

TEST(memory_map, is_for_the_readers_of_a_server_that_was_not_told_otherwise)
{
    struct shell s;

    shell_open(&s);
    shell_succeeds(&s, "init");
    CHECK(maps_when_read(&s, true, false));
    CHECK(!maps_when_read(&s, true, true));
    CHECK(!maps_when_read(&s, false, false));
    shell_close(&s);
}

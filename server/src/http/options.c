#include "http/options.h"

#include <sys/resource.h>
#include <unistd.h>

#define FILES_BESIDE 128 /* descriptors that are not connections: database, outgoing fetches, log */

static int or_default(int value, int otherwise)
{
    return value > 0 ? value : otherwise;
}

static int processors(void)
{
    long count = sysconf(_SC_NPROCESSORS_ONLN);

    return count < 1 ? 1 : count > 4 ? 4 : (int)count;
}

static void fill_defaults(struct aa_listener_options *options)
{
    options->threads = or_default(options->threads, processors());
    options->workers = or_default(options->workers, 16);
    options->worker_queue_max = or_default(options->worker_queue_max, 1024);
    options->connections_max = or_default(options->connections_max, 4096);
    options->connections_per_address = or_default(options->connections_per_address, 512);
    options->deadline_ms = or_default(options->deadline_ms, 10000);
    options->idle_ms = or_default(options->idle_ms, 65000);
}

/* Every connection needs a descriptor. Without enough of them the cap comes down: else the database and outgoing
 * fetches would be the first to fail. */
static void fit_descriptors(struct aa_listener_options *options)
{
    struct rlimit limit;
    rlim_t wanted = (rlim_t)options->connections_max + FILES_BESIDE;

    if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur == RLIM_INFINITY)
        return;
    if (limit.rlim_cur < wanted) {
        struct rlimit raised = {wanted < limit.rlim_max ? wanted : limit.rlim_max, limit.rlim_max};

        if (setrlimit(RLIMIT_NOFILE, &raised) == 0)
            limit = raised;
    }
    if (limit.rlim_cur < wanted)
        options->connections_max =
            limit.rlim_cur > 2 * FILES_BESIDE ? (int)(limit.rlim_cur - FILES_BESIDE) : (int)(limit.rlim_cur / 2);
}

void aa_listener_options_settle(struct aa_listener_options *options)
{
    fill_defaults(options);
    fit_descriptors(options);
}

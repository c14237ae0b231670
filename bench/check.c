/* What a cached check costs in C: aa_guard_check() and its verdict cleared, beside a floor that any check has to pay,
 * a call and one SHA-256 of the token. Rounds alternate within one run and the median counts; the time is the thread's
 * own processor time, so that other work on the machine counts little. Usage: guard_check [ROUNDS]. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "authagent/guard.h"
#include "crypto/crypto.h"
#include "support_http.h"

#define ROUNDS_DEFAULT 15
#define ROUNDS_MAX 1000
#define ITERATIONS 200000
#define RESOURCE "https://mcp.example.com/mcp"

struct bench {
    struct aa_guard *guard;
    struct aa_guard_request request;
    struct aa_view token;
    char authorization[2048];
};

static double read_ns(clockid_t clock)
{
    struct timespec time;

    clock_gettime(clock, &time);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static void die(const char *what)
{
    fprintf(stderr, "guard_check: %s\n", what);
    exit(1);
}

/* ---- what is measured ------------------------------------------------------------------------------------------- */

static __attribute__((noinline)) void pay_the_floor(struct aa_view token, uint8_t digest[AA_SHA256_LEN])
{
    if (aa_sha256(token, digest))
        die("no digest");
}

static double time_floor(struct bench *bench)
{
    uint8_t digest[AA_SHA256_LEN];
    double start = read_ns(CLOCK_THREAD_CPUTIME_ID);

    for (int i = 0; i < ITERATIONS; i++)
        pay_the_floor(bench->token, digest);
    return (read_ns(CLOCK_THREAD_CPUTIME_ID) - start) / ITERATIONS;
}

static double time_check(struct bench *bench)
{
    double start = read_ns(CLOCK_THREAD_CPUTIME_ID);

    for (int i = 0; i < ITERATIONS; i++) {
        struct aa_verdict verdict;

        aa_guard_check(bench->guard, &bench->request, &verdict);
        if (verdict.kind != AA_VERDICT_ALLOW)
            die("a check was no hit");
        aa_verdict_clear(&verdict);
    }
    return (read_ns(CLOCK_THREAD_CPUTIME_ID) - start) / ITERATIONS;
}

/* ---- rounds ----------------------------------------------------------------------------------------------------- */

static int compare(const void *a, const void *b)
{
    const double *x = a;
    const double *y = b;

    return (*x > *y) - (*x < *y);
}

static double median(double *values, int count)
{
    qsort(values, (size_t)count, sizeof *values, compare);
    return values[count / 2];
}

static void prepare(struct bench *bench, struct aa_guard *guard, size_t token_len)
{
    struct aa_verdict verdict;

    strcpy(bench->authorization, "Bearer ");
    for (size_t i = 0; i < token_len; i++)
        bench->authorization[7 + i] = (char)('a' + (i * 7 + token_len) % 26);
    bench->authorization[7 + token_len] = '\0';
    bench->token = (struct aa_view){bench->authorization + 7, token_len};
    bench->guard = guard;
    bench->request = (struct aa_guard_request){
        .method = {"GET", 3}, .path = {"/mcp", 4}, .authorization = {bench->authorization, 7 + token_len}};
    aa_guard_check_wait(guard, &bench->request, &verdict);
    if (verdict.kind != AA_VERDICT_ALLOW)
        die("the token was not let in");
    aa_verdict_clear(&verdict);
}

static void measure(struct aa_guard *guard, const char *name, size_t token_len, const char *goal, int rounds)
{
    double floors[ROUNDS_MAX];
    double checks[ROUNDS_MAX];
    struct bench bench;
    double floor_ns;
    double check_ns;

    prepare(&bench, guard, token_len);
    for (int i = 0; i < rounds; i++) {
        floors[i] = time_floor(&bench);
        checks[i] = time_check(&bench);
    }
    floor_ns = median(floors, rounds);
    check_ns = median(checks, rounds);
    printf("%-28s floor %4.0f ns   check %4.0f ns   ratio %.2f%s\n", name, floor_ns, check_ns, check_ns / floor_ns,
           goal);
}

/* ---- two at once ------------------------------------------------------------------------------------------------ */

static void *check_in_thread(void *arg)
{
    (void)time_check(arg);
    return NULL;
}

static double time_threads(struct bench *benches, int count)
{
    pthread_t threads[2];
    double start = read_ns(CLOCK_MONOTONIC);

    for (int i = 0; i < count; i++) {
        if (pthread_create(&threads[i], NULL, check_in_thread, &benches[i]))
            die("no thread");
    }
    for (int i = 0; i < count; i++)
        pthread_join(threads[i], NULL);
    return (double)count * ITERATIONS / (read_ns(CLOCK_MONOTONIC) - start) * 1e3;
}

/* Different tokens: two connections of two people. */
static void measure_threads(struct aa_guard *guard, int rounds)
{
    double one[ROUNDS_MAX];
    double two[ROUNDS_MAX];
    struct bench benches[2];
    double one_m;

    prepare(&benches[0], guard, 43);
    prepare(&benches[1], guard, 44);
    for (int i = 0; i < rounds; i++) {
        one[i] = time_threads(benches, 1);
        two[i] = time_threads(benches, 2);
    }
    one_m = median(one, rounds);
    printf("%-28s %.1f M/s with one, %.1f M/s with two: %.2f times\n", "threads", one_m, median(two, rounds),
           median(two, rounds) / one_m);
}

/* ---- the guard -------------------------------------------------------------------------------------------------- */

static struct aa_guard *make_guard(struct http_server *server)
{
    struct aa_error err = AA_ERROR_INIT;
    struct aa_guard *guard;
    char options[512];

    http_server_set(server, "/introspect", 200,
                    "{\"active\":true,\"sub\":\"usr_0123456789abcdef\",\"email\":\"person@example.com\",\"client_id\":"
                    "\"cl_0123456789abcdef\",\"scope\":\"files:read files:write\",\"aud\":\"" RESOURCE
                    "\",\"exp\":4102444800}",
                    NULL, 0);
    snprintf(options, sizeof options,
             "{\"server_id\":\"srv_bench\",\"api_key\":\"sk_bench\",\"auth_server\":\"http://127.0.0.1:%d\","
             "\"introspection_endpoint\":\"http://127.0.0.1:%d/introspect\",\"resource\":\"" RESOURCE
             "\",\"required_scopes\":[\"files:read\"],\"cache_ttl\":3600}",
             http_server_port(server), http_server_port(server));
    if (aa_guard_new((struct aa_view){options, strlen(options)}, &guard, &err))
        die(err.message);
    return guard;
}

int main(int argc, char **argv)
{
    int rounds = argc > 1 ? (int)strtol(argv[1], NULL, 10) : ROUNDS_DEFAULT;
    struct http_server *server;
    struct aa_guard *guard;

    if (rounds < 1 || rounds > ROUNDS_MAX) {
        fputs("usage: guard_check [ROUNDS]\n", stderr);
        return 2;
    }
    if (aa_crypto_init(NULL))
        die("no digests");
    server = http_server_start(0);
    guard = make_guard(server);
    measure(guard, "opaque token (43 bytes)", 43, "   (goal: check < 250 ns)", rounds);
    measure(guard, "JWT (700 bytes)", 700, "   (SHA-256 of its length is the floor)", rounds);
    measure_threads(guard, rounds);
    aa_guard_release(guard);
    http_server_stop(server);
    return 0;
}

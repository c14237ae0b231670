/* A target without libFuzzer: feeds it the files of its corpus, then changed copies of them, the same ones at every
 * run. With arguments it feeds those files alone: so a finding is looked at.
 *
 * The name of a corpus file says what the parser makes of it: "accepted-…" or "refused-…". */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fuzz.h"
#include "support/mutate.h"

#define SEEDS_MAX 256
#define ROUNDS 10000

struct seed {
    char *name;
    struct aa_view bytes; /* owned */
};

static struct seed seeds[SEEDS_MAX];
static size_t seed_count;

/* Shared with the process that feeds: how far it came before it died. */
struct progress {
    size_t next; /* the seed; seed_count: the mutants */
    struct aa_mutant mutant;
};
static struct progress *progress;

/* ---- reading the corpus ---- */

static void stop(const char *what, const char *name)
{
    fprintf(stderr, "%s: %s\n", name, what);
    exit(2);
}

static struct aa_view read_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    char *bytes = malloc(AA_MUTANT_MAX + 1);
    size_t len;

    if (!file || !bytes)
        stop("cannot be read", path);
    len = fread(bytes, 1, AA_MUTANT_MAX + 1, file);
    if (ferror(file) || len > AA_MUTANT_MAX)
        stop("cannot be read, or is too long", path);
    fclose(file);
    return aa_view_make(bytes, len);
}

static void add_seed(const char *folder, const char *name)
{
    char path[1024];

    if (seed_count == SEEDS_MAX)
        stop("there are too many files", folder);
    snprintf(path, sizeof path, "%s%s%s", folder, *folder ? "/" : "", name);
    seeds[seed_count++] = (struct seed){strdup(name), read_file(path)};
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct seed *)a)->name, ((const struct seed *)b)->name);
}

static bool has_verdict(const char *verdict)
{
    for (size_t i = 0; i < seed_count; i++)
        if (aa_view_has_prefix(aa_view_of(seeds[i].name), aa_view_of(verdict)))
            return true;
    return false;
}

static void read_corpus(const char *folder)
{
    DIR *corpus = opendir(folder);
    struct dirent *entry;

    if (!corpus)
        stop("is no folder", folder);
    while ((entry = readdir(corpus)))
        if (entry->d_name[0] != '.')
            add_seed(folder, entry->d_name);
    closedir(corpus);
    if (!has_verdict("accepted-") || !has_verdict("refused-"))
        stop("needs a file accepted-… and a file refused-…", folder);
    qsort(seeds, seed_count, sizeof *seeds, by_name);
}

/* ---- feeding ---- */

/* From the heap, so that one byte too far is noticed. */
static bool feed_exactly(struct aa_view input)
{
    char *bytes = malloc(input.len ? input.len : 1);
    bool taken;

    if (!bytes)
        abort();
    if (input.len)
        memcpy(bytes, input.data, input.len);
    taken = fuzz_one(aa_view_make(bytes, input.len));
    free(bytes);
    return taken;
}

static void feed_seed(const struct seed *seed)
{
    bool taken = feed_exactly(seed->bytes);
    bool known = aa_view_has_prefix(aa_view_of(seed->name), AA_VIEW("accepted-")) ||
                 aa_view_has_prefix(aa_view_of(seed->name), AA_VIEW("refused-"));
    bool wanted = aa_view_has_prefix(aa_view_of(seed->name), AA_VIEW("accepted-"));

    if (!known || taken == wanted)
        return;
    fprintf(stderr, "%s was %s\n", seed->name, taken ? "accepted" : "refused");
    abort();
}

/* Some must be taken and some refused: otherwise nothing is tested. */
static void feed_mutants(void)
{
    struct aa_view texts[SEEDS_MAX];
    int taken = 0;

    for (size_t i = 0; i < seed_count; i++)
        texts[i] = seeds[i].bytes;
    aa_mutate_restart();
    for (int round = 0; round < ROUNDS; round++) {
        aa_mutate(&progress->mutant, texts, seed_count);
        taken += feed_exactly(aa_view_make(progress->mutant.bytes, progress->mutant.len));
    }
    if (taken > 0 && taken < ROUNDS)
        return;
    fprintf(stderr, "%d of %d changed inputs were accepted\n", taken, ROUNDS);
    abort();
}

static void feed_rest(bool with_mutants)
{
    for (; progress->next < seed_count; progress->next++)
        feed_seed(&seeds[progress->next]);
    if (with_mutants)
        feed_mutants();
    exit(0); /* where the leak sanitizer looks */
}

/* ---- reporting ---- */

static void keep_mutant(void)
{
    const char *path = AA_FUZZ_NAME "-mutant";
    char folder[] = AA_FUZZ_FINDINGS;
    FILE *file;

    if (chdir(folder) || !(file = fopen(path, "wb")))
        return;
    fwrite(progress->mutant.bytes, 1, progress->mutant.len, file);
    fclose(file);
    fprintf(stderr, "the input is in %s/%s\n", folder, path);
}

static bool is_fed(bool with_mutants)
{
    int status = 0;
    pid_t child;

    fflush(stdout);
    child = fork();
    if (child == 0)
        feed_rest(with_mutants);
    return child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* What dies takes nothing with it: the next process goes on behind it. */
static size_t count_failures(bool with_mutants)
{
    size_t failed = 0;

    while (!is_fed(with_mutants)) {
        failed++;
        if (progress->next >= seed_count) {
            fprintf(stderr, "FAILED: a changed input, or a leak\n");
            keep_mutant();
            break;
        }
        fprintf(stderr, "FAILED: %s\n", seeds[progress->next].name);
        progress->next++;
    }
    return failed;
}

static void free_seeds(void)
{
    for (size_t i = 0; i < seed_count; i++) {
        free(seeds[i].name);
        free((char *)seeds[i].bytes.data);
    }
}

int main(int argc, char **argv)
{
    bool with_mutants = argc == 1;
    size_t total, failed;

    progress = mmap(NULL, sizeof *progress, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (progress == MAP_FAILED)
        stop("no memory", argv[0]);
    if (with_mutants)
        read_corpus(AA_FUZZ_CORPUS);
    for (int i = 1; i < argc; i++)
        add_seed("", argv[i]);
    total = seed_count + with_mutants;
    failed = count_failures(with_mutants);
    printf("%zu passed, %zu failed\n", total - failed, failed);
    free_seeds();
    return failed ? 1 : 0;
}

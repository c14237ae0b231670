#include "support/test.h"

#include <stdio.h>
#include <stdlib.h>

#define TESTS_MAX 512

static struct CMUnitTest tests[TESTS_MAX];
static size_t test_count;

void aa_test_register(const char *name, aa_test_fn run)
{
    if (test_count == TESTS_MAX) {
        fprintf(stderr, "more than %d tests in one program\n", TESTS_MAX);
        abort();
    }
    tests[test_count++] = (struct CMUnitTest){name, run, NULL, NULL, NULL};
}

void aa_test_check_err(enum aa_err actual, enum aa_err wanted, const char *what, const char *file, int line)
{
    if (actual == wanted)
        return;
    print_error("%s\n  gave %s, wanted %s\n", what, aa_err_name(actual), aa_err_name(wanted));
    _fail(file, line);
}

void aa_test_check_view(struct aa_view actual, const char *wanted, const char *what, const char *file, int line)
{
    if (actual.data && actual.len == strlen(wanted) && memcmp(actual.data, wanted, actual.len) == 0)
        return;
    print_error("%s\n  is  \"%.*s\"\n  not \"%s\"\n", what, AA_VIEW_ARGS(actual), wanted);
    _fail(file, line);
}

char *aa_test_read_file(const char *path, size_t *len)
{
    char full[1024];
    char *text;
    FILE *file;
    long size;

    snprintf(full, sizeof full, "%s/%s", AA_TESTS_DIR, path);
    file = fopen(full, "rb");
    if (!file)
        fail_msg("cannot open %s", full);
    fseek(file, 0, SEEK_END);
    size = ftell(file);
    rewind(file);
    text = malloc((size_t)size + 1);
    if (!text || fread(text, 1, (size_t)size, file) != (size_t)size)
        fail_msg("cannot read %s", full);
    fclose(file);
    text[size] = '\0';
    *len = (size_t)size;
    return text;
}

int main(int argc, char **argv)
{
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    return _cmocka_run_group_tests(argv[0], tests, test_count, NULL, NULL);
}

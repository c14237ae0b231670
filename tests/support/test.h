/* TEST(group, a_sentence) { … } registers itself; the program runs all of its tests under cmocka. */
#ifndef AA_TESTS_SUPPORT_TEST_H
#define AA_TESTS_SUPPORT_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "authagent/error.h"
#include "base/view.h"

typedef void (*aa_test_fn)(void **state);
void aa_test_register(const char *name, aa_test_fn run);

#define TEST(group, sentence)                                                                                          \
    static void test_##group##_##sentence(void **state);                                                               \
    __attribute__((constructor)) static void register_##group##_##sentence(void)                                       \
    {                                                                                                                  \
        aa_test_register(#group ": " #sentence, test_##group##_##sentence);                                            \
    }                                                                                                                  \
    static void test_##group##_##sentence(void **state __attribute__((unused)))

#define VIEW(text) aa_view_of(text)

#define CHECK(condition) assert_true(condition)
#define CHECK_ERR(call, wanted) aa_test_check_err((call), (wanted), #call, __FILE__, __LINE__)
#define CHECK_OK(call) CHECK_ERR(call, AA_OK)
#define CHECK_INT(actual, wanted) assert_int_equal((actual), (wanted))
/* Compares a view with a C string. */
#define CHECK_VIEW(actual, wanted) aa_test_check_view((actual), (wanted), #actual, __FILE__, __LINE__)
#define CHECK_TEXT(actual, wanted) assert_string_equal((actual), (wanted))

void aa_test_check_err(enum aa_err actual, enum aa_err wanted, const char *what, const char *file, int line);
void aa_test_check_view(struct aa_view actual, const char *wanted, const char *what, const char *file, int line);

/* Reads a whole file below tests/ (such as "vectors/scope.json"); fails the test when it cannot. Free with free(). */
char *aa_test_read_file(const char *path, size_t *len);

#endif

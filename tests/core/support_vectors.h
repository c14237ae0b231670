/* Cases that the suites of several languages share: tests/vectors/NAME.json, an object with "cases". */
#ifndef AA_TESTS_CORE_SUPPORT_VECTORS_H
#define AA_TESTS_CORE_SUPPORT_VECTORS_H

#include "base/json.h"
#include "support/test.h"

typedef void (*case_fn)(const struct aa_json *one);

/* Runs every case of vectors/<file> whose "op" is `op` (NULL: every case there is). Fails when there is none. The name
 * of a failing case is printed. */
void replay_cases(const char *file, const char *op, case_fn run);

/* A member's text; absent when the member is null or missing. */
struct aa_view text_of(const struct aa_json *one, const char *member);
bool is_true(const struct aa_json *one, const char *member);
/* Fails, naming the case, unless the code's name is the member's text. */
void check_code(const struct aa_json *one, const char *member, enum aa_err actual);
/* Fails, naming the case, unless the view is the member's text. */
void check_text(const struct aa_json *one, const char *member, struct aa_view actual);
/* Fails, naming the case, unless the member is the literal. */
void check_bool(const struct aa_json *one, const char *member, bool actual);

#endif

/* A fuzz target is one file target_NAME.c with one fuzz_one(): libFuzzer feeds it (./dev fuzz), and ./dev test feeds it
 * the files of corpus/NAME and some thousands of changed copies of them. */
#ifndef AA_TESTS_FUZZ_FUZZ_H
#define AA_TESTS_FUZZ_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/view.h"

#define FUZZ_TEXT_MAX (1024 * 1024) /* bytes of what targets write themselves */

/* Feeds one input and checks what must hold then. True when the parser took it. */
bool fuzz_one(struct aa_view input);

/* What must hold whatever the input is; otherwise the target says so and aborts. */
#define MUST(condition) ((condition) ? (void)0 : fuzz_broken(#condition, __FILE__, __LINE__))
#define MUST_OK(call) fuzz_must_ok((call), #call, __FILE__, __LINE__)
/* The same bytes, or both absent. */
#define MUST_EQUAL(a, b) MUST(aa_view_equal((a), (b)))

__attribute__((noreturn)) void fuzz_broken(const char *what, const char *file, int line);
void fuzz_must_ok(enum aa_err rc, const char *what, const char *file, int line);

/* Targets that read several texts take one a line: up to the next newline, or all that is left. */
struct aa_view fuzz_take_line(struct aa_view *rest);
/* Does the part lie in the whole, or is it absent? */
bool fuzz_is_inside(struct aa_view part, struct aa_view whole);
/* The document that was written, which must be JSON; free it. */
struct aa_json *fuzz_must_be_json(const struct aa_buf *written);

#endif

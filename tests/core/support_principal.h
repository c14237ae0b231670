/* Principals out of a JSON text, for tests of what is done with them. */
#ifndef AA_TESTS_CORE_SUPPORT_PRINCIPAL_H
#define AA_TESTS_CORE_SUPPORT_PRINCIPAL_H

#include "support/test.h"
#include "verify/principal.h"

/* An introspection answer's members; the caller releases it. */
struct aa_principal *principal_of(const char *json);

#endif

/* Scope sets (RFC 6749 §3.3): space-separated tokens of %x21 / %x23-5B / %x5D-7E, case-sensitive, order kept,
 * duplicates dropped. */
#ifndef AA_OAUTH_SCOPE_H
#define AA_OAUTH_SCOPE_H

#include <stdbool.h>

#include "base/buf.h"

#define AA_SCOPE_COUNT_MAX 64
#define AA_SCOPE_LEN_MAX 2048 /* bytes of a whole scope string */

struct aa_scopes { /* borrows the text it was parsed from */
    struct aa_view items[AA_SCOPE_COUNT_MAX];
    size_t len;
};

/* AA_OK, AA_ERR_SCOPE_FORMAT or AA_ERR_TOO_LONG. Absent and empty give the empty set. Runs of spaces are tolerated. */
AA_CHECK enum aa_err aa_scopes_parse(struct aa_view text, struct aa_scopes *out, struct aa_error *err);
AA_CHECK enum aa_err aa_scope_check(struct aa_view token, struct aa_error *err); /* one scope token */
bool aa_scopes_has(const struct aa_scopes *set, struct aa_view scope);           /* the very token */
/* Sufficiency: the token itself, or a granted "files:*" (any depth: it covers "files:read" and "files:a:b", not
 * "files"), or "*"… is no wildcard: a bare "*" covers only itself. */
bool aa_scopes_cover(const struct aa_scopes *granted, struct aa_view wanted);
bool aa_scopes_cover_all(const struct aa_scopes *granted, const struct aa_scopes *wanted);
bool aa_scopes_equal(const struct aa_scopes *a, const struct aa_scopes *b);            /* as sets */
bool aa_scopes_is_subset(const struct aa_scopes *part, const struct aa_scopes *whole); /* by the very tokens */
/* Adds one (no duplicate). AA_ERR_TOO_LONG when full. */
AA_CHECK enum aa_err aa_scopes_add(struct aa_scopes *set, struct aa_view scope, struct aa_error *err);
/* Appends the tokens with single spaces. */
void aa_scopes_write(const struct aa_scopes *set, struct aa_buf *buf);

#endif

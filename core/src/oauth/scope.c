#include "oauth/scope.h"

#include "base/error.h"

/* scope-token = 1*( %x21 / %x23-5B / %x5D-7E ) (RFC 6749 §3.3). */
static bool is_scope_token(struct aa_view token)
{
    for (size_t i = 0; i < token.len; i++) {
        char c = token.data[i];

        if (c < 0x21 || c > 0x7E || c == '"' || c == '\\')
            return false;
    }
    return token.len > 0;
}

enum aa_err aa_scope_check(struct aa_view token, struct aa_error *err)
{
    if (token.len > AA_SCOPE_LEN_MAX)
        return aa_fail(err, AA_ERR_TOO_LONG, "a scope is longer than %d bytes", AA_SCOPE_LEN_MAX);
    if (!is_scope_token(token))
        return aa_fail(err, AA_ERR_SCOPE_FORMAT, "a scope holds characters it may not hold");
    return AA_OK;
}

enum aa_err aa_scopes_parse(struct aa_view text, struct aa_scopes *out, struct aa_error *err)
{
    struct aa_scopes parsed = {.len = 0};
    struct aa_view token;

    if (text.len > AA_SCOPE_LEN_MAX)
        return aa_fail(err, AA_ERR_TOO_LONG, "the scope is longer than %d bytes", AA_SCOPE_LEN_MAX);
    while (!aa_view_is_absent(text)) {
        enum aa_err rc;

        aa_view_cut(text, ' ', &token, &text);
        if (token.len == 0)
            continue;
        rc = aa_scopes_add(&parsed, token, err);
        if (rc)
            return rc;
    }
    *out = parsed;
    return AA_OK;
}

enum aa_err aa_scopes_add(struct aa_scopes *set, struct aa_view scope, struct aa_error *err)
{
    enum aa_err rc = aa_scope_check(scope, err);

    if (rc)
        return rc;
    if (aa_scopes_has(set, scope))
        return AA_OK;
    if (set->len == AA_SCOPE_COUNT_MAX)
        return aa_fail(err, AA_ERR_TOO_LONG, "there are more than %d scopes", AA_SCOPE_COUNT_MAX);
    set->items[set->len++] = scope;
    return AA_OK;
}

bool aa_scopes_has(const struct aa_scopes *set, struct aa_view scope)
{
    for (size_t i = 0; i < set->len; i++)
        if (aa_view_equal(set->items[i], scope))
            return true;
    return false;
}

/* "files:*" covers what begins with "files:" and goes on. A wildcard stands at the end, behind a colon, with a name in
 * front. */
static bool is_covered_by(struct aa_view granted, struct aa_view wanted)
{
    struct aa_view stem;

    if (granted.len < 3 || !aa_view_has_suffix(granted, AA_VIEW(":*")))
        return false;
    stem = aa_view_slice(granted, 0, granted.len - 1);
    return wanted.len > stem.len && aa_view_has_prefix(wanted, stem);
}

bool aa_scopes_cover(const struct aa_scopes *granted, struct aa_view wanted)
{
    for (size_t i = 0; i < granted->len; i++)
        if (aa_view_equal(granted->items[i], wanted) || is_covered_by(granted->items[i], wanted))
            return true;
    return false;
}

bool aa_scopes_cover_all(const struct aa_scopes *granted, const struct aa_scopes *wanted)
{
    for (size_t i = 0; i < wanted->len; i++)
        if (!aa_scopes_cover(granted, wanted->items[i]))
            return false;
    return true;
}

bool aa_scopes_equal(const struct aa_scopes *a, const struct aa_scopes *b)
{
    return a->len == b->len && aa_scopes_is_subset(a, b);
}

bool aa_scopes_is_subset(const struct aa_scopes *part, const struct aa_scopes *whole)
{
    for (size_t i = 0; i < part->len; i++)
        if (!aa_scopes_has(whole, part->items[i]))
            return false;
    return true;
}

void aa_scopes_write(const struct aa_scopes *set, struct aa_buf *buf)
{
    for (size_t i = 0; i < set->len; i++) {
        if (i)
            aa_buf_add_char(buf, ' ');
        aa_buf_add(buf, set->items[i]);
    }
}

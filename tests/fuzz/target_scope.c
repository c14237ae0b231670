/* Scopes: what was granted, and on a second line what is wanted. */
#include "fuzz.h"
#include "oauth/scope.h"

static void check_canonical(const struct aa_scopes *scopes)
{
    struct aa_scopes again;
    struct aa_buf once, twice;

    aa_buf_init(&once, AA_SCOPE_LEN_MAX);
    aa_buf_init(&twice, AA_SCOPE_LEN_MAX);
    aa_scopes_write(scopes, &once);
    MUST_OK(aa_buf_check(&once, "scopes", NULL));
    MUST_OK(aa_scopes_parse(aa_buf_view(&once), &again, NULL));
    MUST(aa_scopes_equal(scopes, &again) && aa_scopes_cover_all(scopes, &again));
    aa_scopes_write(&again, &twice);
    MUST_EQUAL(aa_buf_view(&once), aa_buf_view(&twice));
    aa_buf_clear(&once);
    aa_buf_clear(&twice);
}

static bool has_wildcard(const struct aa_scopes *scopes)
{
    for (size_t i = 0; i < scopes->len; i++)
        if (aa_view_has_suffix(scopes->items[i], AA_VIEW(":*")))
            return true;
    return false;
}

/* Nothing is sufficient that was not granted: without a wildcard only the very tokens are. */
static void check_sufficiency(const struct aa_scopes *granted, const struct aa_scopes *wanted)
{
    bool is_enough = aa_scopes_cover_all(granted, wanted), is_subset = aa_scopes_is_subset(wanted, granted);

    MUST(!is_subset || is_enough);
    MUST(!is_enough || is_subset || has_wildcard(granted));
    MUST(aa_scopes_equal(granted, wanted) == (is_subset && aa_scopes_is_subset(granted, wanted)));
    MUST(granted->len > 0 || wanted->len == 0 || !is_enough);
}

bool fuzz_one(struct aa_view input)
{
    struct aa_scopes granted, wanted;
    struct aa_view rest = input, line = fuzz_take_line(&rest);

    if (aa_scopes_parse(line, &granted, NULL) || aa_scopes_parse(rest, &wanted, NULL))
        return false;
    for (size_t i = 0; i < granted.len; i++) {
        MUST(fuzz_is_inside(granted.items[i], line));
        MUST_OK(aa_scope_check(granted.items[i], NULL));
    }
    check_canonical(&granted);
    check_canonical(&wanted);
    check_sufficiency(&granted, &wanted);
    return true;
}

#include "net/cache_control.h"

/* Cuts the list at its first comma outside of quotes: private="a, max-age=9" is one directive (RFC 9110 §5.6.4). */
static void take_directive(struct aa_view list, struct aa_view *directive, struct aa_view *rest)
{
    bool is_quoted = false;
    size_t at = 0;

    for (; at < list.len && (is_quoted || list.data[at] != ','); at++) {
        if (list.data[at] == '"')
            is_quoted = !is_quoted;
        else if (is_quoted && list.data[at] == '\\')
            at++;
    }
    *directive = aa_view_trim(aa_view_slice(list, 0, at));
    *rest = aa_view_from(list, at + 1);
}

static struct aa_view unquote(struct aa_view value)
{
    if (value.len >= 2 && value.data[0] == '"' && value.data[value.len - 1] == '"')
        return aa_view_slice(value, 1, value.len - 2);
    return value;
}

/* delta-seconds: digits, leading zeros and all (RFC 9111 §1.2.2). */
static int64_t parse_seconds(struct aa_view digits)
{
    int64_t seconds = 0;

    if (digits.len == 0)
        return -1;
    for (size_t i = 0; i < digits.len; i++) {
        if (digits.data[i] < '0' || digits.data[i] > '9')
            return -1;
        seconds = seconds * 10 + (digits.data[i] - '0');
        if (seconds > AA_CACHE_CONTROL_AGE_MAX)
            seconds = AA_CACHE_CONTROL_AGE_MAX;
    }
    return seconds;
}

/* Of several max-age the first counts (RFC 9111 §4.2.1). no-cache with a list of fields is taken as the plain one, as
 * caches do (§5.2.2.4). */
static void add_directive(struct aa_cache_control *control, struct aa_view directive)
{
    struct aa_view name;
    struct aa_view value;

    aa_view_cut(directive, '=', &name, &value);
    if (aa_view_equal_nocase(name, AA_VIEW("no-store")) || aa_view_equal_nocase(name, AA_VIEW("no-cache")))
        control->is_refused = true;
    if (!aa_view_equal_nocase(name, AA_VIEW("max-age")) || control->has_max_age)
        return;
    control->has_max_age = true;
    control->max_age_s = parse_seconds(unquote(value));
}

void aa_cache_control_add(struct aa_cache_control *control, struct aa_view value)
{
    struct aa_view directive;

    while (value.len) {
        take_directive(value, &directive, &value);
        add_directive(control, directive);
    }
}

int64_t aa_cache_control_max_age_s(const struct aa_cache_control *control)
{
    if (control->is_refused)
        return 0;
    return control->has_max_age ? control->max_age_s : -1;
}

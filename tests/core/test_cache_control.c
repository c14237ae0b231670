/* How long an answer may be kept. */
#include "net/cache_control.h"

#include "support/test.h"

/* Of up to two fields. */
static int64_t max_age_of(const char *first, const char *second)
{
    struct aa_cache_control control = {0};

    aa_cache_control_add(&control, VIEW(first));
    if (second)
        aa_cache_control_add(&control, VIEW(second));
    return aa_cache_control_max_age_s(&control);
}

static void check_max_age(const char *field, int64_t wanted)
{
    int64_t actual = max_age_of(field, NULL);

    if (actual != wanted)
        fail_msg("%s: %lld", field, (long long)actual);
}

TEST(cache_control, max_age_is_found_wherever_it_stands)
{
    check_max_age("max-age=300", 300);
    check_max_age("public, max-age=300", 300);
    check_max_age("max-age=300, must-revalidate", 300);
    check_max_age("\tpublic ,\tMAX-AGE=300 ,immutable", 300);
    check_max_age(",,max-age=300,,", 300);
    check_max_age("max-age=\"5\"", 5);
    check_max_age("max-age=0", 0);
    check_max_age("max-age=007", 7);
}

TEST(cache_control, what_says_nothing_of_an_age_is_told_from_zero)
{
    check_max_age("", -1);
    check_max_age("public", -1);
    check_max_age("s-maxage=300", -1);
    check_max_age("x-max-age=300", -1);
    check_max_age("max-ag=300", -1);
}

TEST(cache_control, what_must_not_be_kept_has_no_age_whatever_else_is_said)
{
    check_max_age("no-store", 0);
    check_max_age("No-Cache", 0);
    check_max_age("no-cache=\"set-cookie\"", 0);
    check_max_age("max-age=300, no-store", 0);
    check_max_age("no-cache, max-age=300", 0);
    check_max_age("max-age=x, no-store", 0);
    CHECK_INT(max_age_of("max-age=300", "no-store"), 0);
    check_max_age("no-stores, max-age=300", 300);
}

TEST(cache_control, a_malformed_age_says_nothing)
{
    check_max_age("max-age", -1);
    check_max_age("max-age=", -1);
    check_max_age("max-age=\"\"", -1);
    check_max_age("max-age=\"5", -1);
    check_max_age("max-age=-1", -1);
    check_max_age("max-age=+5", -1);
    check_max_age("max-age=5.0", -1);
    check_max_age("max-age=5s", -1);
    check_max_age("max-age=0x10", -1);
    check_max_age("max-age= 5", -1);
    check_max_age("max-age =5", -1);
}

TEST(cache_control, a_huge_age_becomes_the_largest)
{
    check_max_age("max-age=2147483647", 2147483647);
    check_max_age("max-age=2147483649", AA_CACHE_CONTROL_AGE_MAX);
    check_max_age("max-age=9223372036854775808", AA_CACHE_CONTROL_AGE_MAX);
    check_max_age("max-age=99999999999999999999999999999999999999", AA_CACHE_CONTROL_AGE_MAX);
}

TEST(cache_control, of_several_ages_the_first_counts)
{
    check_max_age("max-age=5, max-age=300", 5);
    check_max_age("max-age=300, max-age=5", 300);
    check_max_age("max-age=x, max-age=5", -1);
    CHECK_INT(max_age_of("max-age=5", "max-age=300"), 5);
    CHECK_INT(max_age_of("public", "max-age=300"), 300);
}

TEST(cache_control, a_comma_within_quotes_separates_nothing)
{
    check_max_age("private=\"a, max-age=9\", max-age=300", 300);
    check_max_age("ext=\"a\\\", no-store\", max-age=300", 300);
    check_max_age("ext=\"a, max-age=9", -1);
    check_max_age("ext=\"a\\", -1);
}

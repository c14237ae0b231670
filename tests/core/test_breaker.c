/* The circuit breaker: when it opens, who may probe, how it closes. */
#include "net/breaker.h"

#include "support/test.h"

static void fail_times(struct aa_breaker *breaker, int times, int64_t now_ms)
{
    for (int i = 0; i < times; i++)
        (void)aa_breaker_failed(breaker, now_ms);
}

static struct aa_breaker open_at(int64_t now_ms)
{
    struct aa_breaker breaker = {0};

    fail_times(&breaker, AA_BREAKER_FAILURES, now_ms);
    CHECK(aa_breaker_is_open(&breaker));
    return breaker;
}

TEST(breaker, it_opens_after_so_many_failures_in_a_row)
{
    struct aa_breaker breaker = {0};

    for (int i = 1; i < AA_BREAKER_FAILURES; i++)
        CHECK(!aa_breaker_failed(&breaker, 0));
    CHECK(aa_breaker_allows(&breaker, 0));
    CHECK(aa_breaker_failed(&breaker, 0));
    CHECK(!aa_breaker_allows(&breaker, 0));
}

TEST(breaker, a_success_between_starts_the_count_anew)
{
    struct aa_breaker breaker = {0};

    fail_times(&breaker, AA_BREAKER_FAILURES - 1, 0);
    aa_breaker_succeeded(&breaker);
    fail_times(&breaker, AA_BREAKER_FAILURES - 1, 0);
    CHECK(aa_breaker_allows(&breaker, 0));
}

TEST(breaker, one_probe_is_let_through_after_the_pause)
{
    struct aa_breaker breaker = open_at(0);

    CHECK(!aa_breaker_allows(&breaker, AA_BREAKER_PAUSE_MS - 1));
    CHECK(aa_breaker_allows(&breaker, AA_BREAKER_PAUSE_MS));
    CHECK(!aa_breaker_allows(&breaker, AA_BREAKER_PAUSE_MS));
    CHECK(!aa_breaker_allows(&breaker, 100 * AA_BREAKER_PAUSE_MS));
}

TEST(breaker, a_probe_that_succeeds_closes_it)
{
    struct aa_breaker breaker = open_at(0);

    CHECK(aa_breaker_allows(&breaker, AA_BREAKER_PAUSE_MS));
    aa_breaker_succeeded(&breaker);
    CHECK(!aa_breaker_is_open(&breaker));
    CHECK(aa_breaker_allows(&breaker, AA_BREAKER_PAUSE_MS));
    CHECK(aa_breaker_allows(&breaker, AA_BREAKER_PAUSE_MS));
}

TEST(breaker, each_probe_that_fails_doubles_the_pause_up_to_a_limit)
{
    struct aa_breaker breaker = open_at(0);
    int64_t pause_ms = AA_BREAKER_PAUSE_MS;
    int64_t now_ms = 0;

    for (int i = 0; i < 10; i++) {
        CHECK(!aa_breaker_allows(&breaker, now_ms + pause_ms - 1));
        now_ms += pause_ms;
        CHECK(aa_breaker_allows(&breaker, now_ms));
        CHECK(!aa_breaker_failed(&breaker, now_ms));
        pause_ms = 2 * pause_ms < AA_BREAKER_PAUSE_MAX_MS ? 2 * pause_ms : AA_BREAKER_PAUSE_MAX_MS;
    }
    CHECK_INT(pause_ms, AA_BREAKER_PAUSE_MAX_MS);
}

TEST(breaker, calls_that_were_under_way_when_it_opened_do_not_make_the_pause_longer)
{
    struct aa_breaker breaker = open_at(0);

    fail_times(&breaker, 50, 0);
    CHECK(aa_breaker_allows(&breaker, AA_BREAKER_PAUSE_MS));
}

TEST(breaker, a_probe_that_was_not_made_leaves_its_place_to_another)
{
    struct aa_breaker breaker = open_at(0);

    CHECK(aa_breaker_allows(&breaker, AA_BREAKER_PAUSE_MS));
    aa_breaker_unused(&breaker);
    CHECK(aa_breaker_is_open(&breaker));
    CHECK(aa_breaker_allows(&breaker, AA_BREAKER_PAUSE_MS));
}

#include <pthread.h>
#include <stdio.h>
#include <time.h>

#include "base/mem.h"
#include "password/password.h"
#include "support/test.h"

#define SALT "0123456789abcdef"

static struct aa_buf hash_of(const char *password)
{
    struct aa_buf phc;

    aa_buf_init(&phc, 256);
    CHECK_OK(aa_password_hash(VIEW(password), VIEW(SALT), &phc, NULL));
    return phc;
}

static bool matches(const char *password, struct aa_view phc)
{
    bool answer = !aa_view_is_absent(phc); /* a call that writes nothing must not look right */

    CHECK_OK(aa_password_check(VIEW(password), phc, &answer, NULL));
    return answer;
}

TEST(password, the_right_password_matches_and_another_does_not)
{
    struct aa_buf phc = hash_of("correct horse battery staple");

    CHECK(matches("correct horse battery staple", aa_buf_view(&phc)));
    CHECK(!matches("correct horse battery stapler", aa_buf_view(&phc)));
    CHECK(!matches("", aa_buf_view(&phc)));
    aa_buf_clear(&phc);
}

static void *check_both(void *arg)
{
    const struct aa_buf *phc = arg;

    CHECK(matches("correct horse battery staple", aa_buf_view(phc)));
    CHECK(!matches("correct horse battery stapler", aa_buf_view(phc)));
    return NULL;
}

TEST(password, more_at_once_than_there_are_places_all_have_their_turn)
{
    struct aa_buf phc = hash_of("correct horse battery staple");
    pthread_t threads[12];

    for (size_t i = 0; i < sizeof threads / sizeof *threads; i++)
        CHECK_INT(pthread_create(&threads[i], NULL, check_both, &phc), 0);
    for (size_t i = 0; i < sizeof threads / sizeof *threads; i++)
        pthread_join(threads[i], NULL);
    aa_buf_clear(&phc);
}

TEST(password, the_hash_says_how_it_was_made)
{
    struct aa_buf phc = hash_of("correct horse battery staple");

    CHECK(aa_view_has_prefix(aa_buf_view(&phc), AA_VIEW("$argon2id$v=19$m=19456,t=2,p=1$MDEyMzQ1Njc4OWFiY2RlZg$")));
    aa_buf_clear(&phc);
}

TEST(password, nobodys_password_never_matches)
{
    CHECK(!matches("correct horse battery staple", AA_VIEW_ABSENT));
    CHECK(!matches("", AA_VIEW_ABSENT));
}

TEST(password, an_overlong_password_is_refused_when_set_and_wrong_when_tried)
{
    static char text[AA_PASSWORD_MAX + 2];
    struct aa_buf phc, none;

    memset(text, 'x', AA_PASSWORD_MAX);
    phc = hash_of(text);
    CHECK(matches(text, aa_buf_view(&phc)));
    text[AA_PASSWORD_MAX] = 'x';
    aa_buf_init(&none, 256);
    CHECK_ERR(aa_password_hash(VIEW(text), VIEW(SALT), &none, NULL), AA_ERR_TOO_LONG);
    CHECK(!matches(text, aa_buf_view(&phc)));
    aa_buf_clear(&phc);
    aa_buf_clear(&none);
}

TEST(password, a_damaged_hash_is_trouble_and_no_match)
{
    bool answer = false;

    CHECK_ERR(aa_password_check(VIEW("correct horse"), VIEW("$argon2id$v=19$m=1"), &answer, NULL), AA_ERR_CRYPTO);
    CHECK(!answer);
}

static double seconds_for(struct aa_view phc)
{
    struct timespec from, to;
    bool answer;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &from);
    for (int i = 0; i < 3; i++)
        CHECK_OK(aa_password_check(VIEW("a wrong password"), phc, &answer, NULL));
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &to);
    return (double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) / 1e9;
}

/* Otherwise the time of an answer tells who has an account. */
TEST(password, an_unknown_account_costs_the_time_of_a_wrong_password)
{
    struct aa_buf phc = hash_of("correct horse battery staple");
    double known, unknown;

    seconds_for(AA_VIEW_ABSENT); /* memory is touched for the first time */
    known = seconds_for(aa_buf_view(&phc));
    unknown = seconds_for(AA_VIEW_ABSENT);
    CHECK(unknown > known * 0.5 && unknown < known * 2);
    aa_buf_clear(&phc);
}

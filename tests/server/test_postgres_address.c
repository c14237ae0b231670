/* What can be said of PostgreSQL without one. */
#include "db/postgres_address.h"
#include "db/postgres_places.h"
#include "db/sqlstate.h"
#include "support/test.h"

TEST(postgres_address, sockets_and_loopback_are_this_machine)
{
    static const struct {
        const char *host, *hostaddr;
        bool is_local;
    } samples[] = {
        {NULL, NULL, true},
        {"", "", true},
        {"/run/postgresql", NULL, true},
        {"@abstract", NULL, true},
        {"localhost", NULL, true},
        {"LocalHost", NULL, true},
        {"127.0.0.1", NULL, true},
        {"127.1.2.3", NULL, true},
        {"::1", NULL, true},
        {"localhost,127.0.0.1", NULL, true},
        {"db.example", "127.0.0.1", true},
        {"db.example", NULL, false},
        {"localhost,db.example", NULL, false},
        {"localhost", "192.0.2.1", false},
        {"127.0.0.1.db.example", NULL, false},
        {"localhost.example", NULL, false},
        {"10.0.0.1", NULL, false},
        {"::ffff:127.0.0.1", NULL, false},
        {"0.0.0.0", NULL, false},
    };

    for (size_t i = 0; i < sizeof samples / sizeof *samples; i++)
        if (aa_postgres_is_local(samples[i].host, samples[i].hostaddr) != samples[i].is_local)
            fail_msg("sample %zu", i);
}

TEST(postgres_address, a_host_or_port_with_a_piece_of_a_password_in_it_is_none)
{
    CHECK(aa_postgres_is_plain(NULL, NULL));
    CHECK(aa_postgres_is_plain("db-1.example,10.0.0.1", "5432,5433"));
    CHECK(aa_postgres_is_plain("fe80::1%eth0", ""));
    CHECK(aa_postgres_is_plain("/run/my sockets", "5432"));
    CHECK(aa_postgres_is_plain("@abstract", NULL));
    CHECK(!aa_postgres_is_plain("word@db.example", NULL));
    CHECK(!aa_postgres_is_plain("@word@db.example", NULL));
    CHECK(!aa_postgres_is_plain("pass word", NULL));
    CHECK(!aa_postgres_is_plain("db.example", "password"));
    CHECK(!aa_postgres_is_plain("db.example", "5432 "));
}

TEST(postgres_errors, what_collides_waits_or_is_gone_is_told_apart)
{
    static const struct {
        const char *state;
        enum aa_err code;
        enum aa_fate fate;
    } samples[] = {
        {"23505", AA_ERR_CONFLICT, AA_FATE_FINE},
        {"23503", AA_ERR_NOT_FOUND, AA_FATE_FINE},
        {"40001", AA_ERR_STORE_BUSY, AA_FATE_AGAIN},
        {"40P01", AA_ERR_STORE_BUSY, AA_FATE_AGAIN},
        {"40003", AA_ERR_STORE, AA_FATE_FINE},
        {"53100", AA_ERR_STORE_FULL, AA_FATE_FINE},
        {"25006", AA_ERR_STORE_READONLY, AA_FATE_FINE},
        {"53300", AA_ERR_STORE_BUSY, AA_FATE_FINE},
        {"57014", AA_ERR_STORE_BUSY, AA_FATE_FINE},
        {"55P03", AA_ERR_STORE_BUSY, AA_FATE_FINE},
        {"57P01", AA_ERR_STORE, AA_FATE_LOST},
        {"57P02", AA_ERR_STORE, AA_FATE_LOST},
        {"57P03", AA_ERR_STORE, AA_FATE_LOST},
        {"08006", AA_ERR_STORE, AA_FATE_LOST},
        {"08P01", AA_ERR_STORE, AA_FATE_FINE},
        {"42P01", AA_ERR_STORE, AA_FATE_FINE},
        {"", AA_ERR_STORE, AA_FATE_FINE},
        {NULL, AA_ERR_STORE, AA_FATE_FINE},
    };

    for (size_t i = 0; i < sizeof samples / sizeof *samples; i++) {
        struct aa_verdict verdict = aa_sqlstate_judge(samples[i].state);

        if (verdict.code != samples[i].code || verdict.fate != samples[i].fate)
            fail_msg("%s", samples[i].state);
    }
}

TEST(postgres_errors, a_name_that_is_not_known_or_known_twice_tells_of_a_pooler)
{
    CHECK(aa_sqlstate_is_pooler("26000"));
    CHECK(aa_sqlstate_is_pooler("42P05"));
    CHECK(!aa_sqlstate_is_pooler("42P01"));
    CHECK(!aa_sqlstate_is_pooler(NULL));
}

TEST(postgres_statements, a_name_says_which_text_it_is_and_fits)
{
    char one[AA_POSTGRES_NAME_SIZE], same[AA_POSTGRES_NAME_SIZE], other[AA_POSTGRES_NAME_SIZE];
    char copy[] = "SELECT 1";

    aa_postgres_name("SELECT 1", one);
    aa_postgres_name(copy, same);
    aa_postgres_name("SELECT 2", other);
    CHECK_TEXT(one, same);
    CHECK(strcmp(one, other) != 0);
    CHECK_INT(strlen(one), 3 + 32);
}

TEST(postgres_statements, a_place_that_there_is_not_is_noticed_and_forgotten_with_the_rest)
{
    struct aa_postgres_places places = {0};

    aa_postgres_places_put(&places, AA_POSTGRES_PLACES_MAX, VIEW("x"));
    CHECK(!places.is_bad);
    CHECK_INT(places.count, AA_POSTGRES_PLACES_MAX);
    aa_postgres_places_put_int(&places, AA_POSTGRES_PLACES_MAX + 1, 7);
    CHECK(places.is_bad);
    aa_postgres_places_clear(&places);
    CHECK(!places.is_bad);
    CHECK_INT(places.count, 0);
    aa_postgres_places_put(&places, 0, VIEW("x"));
    CHECK(places.is_bad);
    aa_postgres_places_clear(&places);
    aa_postgres_places_put_int(&places, 1, INT64_MIN);
    CHECK_TEXT(places.values[0], "-9223372036854775808");
}

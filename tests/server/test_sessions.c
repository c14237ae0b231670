/* Sessions: the cookie's secret is the browser's, its digest the store's. */
#include <stdio.h>

#include "base/mem.h"
#include "domain/directory.h"
#include "domain/sessions.h"
#include "support_browser.h"

#define DAY_MS (INT64_C(24) * 3600 * 1000)

static void begin(struct site *site, const char *user_id, const char *old, char cookie[64])
{
    struct aa_buf buf;

    aa_buf_init(&buf, 63);
    CHECK_OK(aa_session_begin(&site->f.app, VIEW(user_id), old ? VIEW(old) : AA_VIEW_ABSENT, &buf, NULL));
    snprintf(cookie, 64, "%s", aa_buf_text(&buf));
    aa_buf_clear(&buf);
}

static bool is_of(struct site *site, const char *cookie, const char *user_id)
{
    struct aa_person person = {0};
    enum aa_err rc = aa_session_open(&site->f.app, VIEW(cookie), &person, NULL);
    bool same =
        !rc && aa_view_equal_text(person.user.user_id, user_id) && aa_view_equal_text(person.session.user_id, user_id);

    CHECK(rc == AA_OK || rc == AA_ERR_NOT_FOUND);
    aa_person_clear(&person);
    return same;
}

TEST(sessions, the_cookie_names_the_person_and_nothing_else_does)
{
    struct site site;
    char cookie[64], changed[64];

    site_open(&site);
    begin(&site, site.ann, NULL, cookie);
    CHECK_INT(strlen(cookie), 43);
    CHECK(is_of(&site, cookie, site.ann));
    memcpy(changed, cookie, sizeof changed);
    changed[42] = changed[42] == 'A' ? 'B' : 'A';
    CHECK(!is_of(&site, changed, site.ann));
    changed[42] = '\0';
    CHECK(!is_of(&site, changed, site.ann));
    CHECK(!is_of(&site, "", site.ann));
    CHECK(!is_of(&site, site.ann, site.ann));
    CHECK(!is_of(&site, NULL, site.ann));
    site_close(&site);
}

TEST(sessions, a_cookie_longer_than_any_of_ours_is_nobodys)
{
    struct site site;
    char longest[66];

    site_open(&site);
    memset(longest, 'a', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    CHECK(!is_of(&site, longest, site.ann));
    CHECK_OK(aa_session_end(&site.f.app, VIEW(longest), NULL));
    site_close(&site);
}

TEST(sessions, it_ends_after_fourteen_days)
{
    struct site site;
    char cookie[64];

    site_open(&site);
    begin(&site, site.ann, NULL, cookie);
    site.f.now_ms += 14 * DAY_MS - 1;
    CHECK(is_of(&site, cookie, site.ann));
    site.f.now_ms += 1;
    CHECK(!is_of(&site, cookie, site.ann));
    site_close(&site);
}

TEST(sessions, a_new_login_ends_the_old_session_of_that_browser_alone)
{
    struct site site;
    char first[64], elsewhere[64], second[64];

    site_open(&site);
    begin(&site, site.ann, NULL, first);
    begin(&site, site.ann, NULL, elsewhere);
    begin(&site, site.bob, first, second);
    CHECK(strcmp(first, second) != 0);
    CHECK(!is_of(&site, first, site.ann));
    CHECK(is_of(&site, second, site.bob));
    CHECK(is_of(&site, elsewhere, site.ann));
    site_close(&site);
}

TEST(sessions, ending_one_ends_that_one)
{
    struct site site;
    char one[64], other[64];

    site_open(&site);
    begin(&site, site.ann, NULL, one);
    begin(&site, site.ann, NULL, other);
    CHECK_OK(aa_session_end(&site.f.app, VIEW(one), NULL));
    CHECK(!is_of(&site, one, site.ann));
    CHECK(is_of(&site, other, site.ann));
    CHECK_OK(aa_session_end(&site.f.app, VIEW(one), NULL)); /* again is fine */
    CHECK_OK(aa_session_end(&site.f.app, AA_VIEW_ABSENT, NULL));
    site_close(&site);
}

TEST(sessions, a_disabled_person_and_a_changed_password_end_them)
{
    struct site site;
    char ann[64], bob[64];

    site_open(&site);
    begin(&site, site.ann, NULL, ann);
    begin(&site, site.bob, NULL, bob);
    CHECK_OK(aa_person_set_disabled(&site.f.app, VIEW(ANN), true, NULL));
    CHECK(!is_of(&site, ann, site.ann));
    CHECK(is_of(&site, bob, site.bob));
    site_set_password(&site, BOB);
    CHECK(!is_of(&site, bob, site.bob));
    site_close(&site);
}

static enum aa_err disable(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    return aa_user_set_disabled(conn, VIEW(ctx), 1, err);
}

TEST(sessions, one_that_outlived_its_persons_disabling_opens_nothing)
{
    struct site site;
    char cookie[64];

    site_open(&site);
    begin(&site, site.ann, NULL, cookie);
    CHECK(is_of(&site, cookie, site.ann));
    CHECK_OK(aa_db_write(site.f.app.db, disable, site.ann, NULL)); /* the session's row stays */
    CHECK(!is_of(&site, cookie, site.ann));
    site_close(&site);
}

static enum aa_err no_random(void *ctx, void *out, size_t len)
{
    (void)ctx;
    (void)out;
    (void)len;
    return AA_ERR_RANDOM;
}

TEST(sessions, without_random_bytes_none_begins)
{
    struct site site;
    struct aa_buf cookie;
    aa_random_fn random;

    site_open(&site);
    random = site.f.app.random;
    aa_buf_init(&cookie, 64);
    site.f.app.random = no_random;
    CHECK_ERR(aa_session_begin(&site.f.app, VIEW(site.ann), AA_VIEW_ABSENT, &cookie, NULL), AA_ERR_RANDOM);
    CHECK_INT(cookie.len, 0);
    site.f.app.random = random;
    CHECK_OK(aa_session_begin(&site.f.app, VIEW(site.ann), AA_VIEW_ABSENT, &cookie, NULL));
    aa_buf_clear(&cookie);
    site_close(&site);
}

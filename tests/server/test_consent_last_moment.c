/* Between the moment a page's answer was checked and the moment it is written, everything is looked at once more: each
 * change alone, made in between, issues nothing. */
#include "domain/consent.h"
#include "domain/directory.h"
#include "store/store.h"
#include "support_browser.h"

struct moment {
    struct site site;
    struct browser b;
    struct aa_pending pending;
    struct aa_person person;
    struct aa_buf location;
};

/* What the endpoint holds when it is about to write Ann's yes. */
static void begin(struct moment *m)
{
    struct query q;

    memset(m, 0, sizeof *m);
    aa_buf_init(&m->location, 16384);
    site_open(&m->site);
    browser_open(&m->b, &m->site);
    browser_log_in(&m->b, &m->site, m->site.ann);
    q = query_for(&m->site, WEB_URI);
    browser_authorize(&m->b, &q);
    CHECK_OK(aa_pending_open(&m->site.f.app, VIEW(strchr(m->b.location, '=') + 1),
                             VIEW(browser_cookie(&m->b, "aa_tx_")), &m->pending, NULL));
    CHECK_OK(aa_session_open(&m->site.f.app, VIEW(browser_cookie(&m->b, "aa_session")), &m->person, NULL));
}

static enum aa_err allow(struct moment *m)
{
    return aa_consent_allow(&m->site.f.app, &m->pending, &m->person, AA_CONSENT_ASKED, &m->location, NULL);
}

static void end(struct moment *m)
{
    aa_pending_clear(&m->pending);
    aa_person_clear(&m->person);
    aa_buf_wipe_clear(&m->location);
    site_close(&m->site);
}

static void check_nothing(struct moment *m)
{
    CHECK_ERR(allow(m), AA_ERR_NOT_FOUND);
    CHECK_INT(m->location.len, 0);
    CHECK_INT(site_count(&m->site, m->site.ann) + site_count(&m->site, m->site.bob), 0);
    end(m);
}

TEST(last_moment, when_nothing_changed_the_code_is_issued)
{
    struct moment m;

    begin(&m);
    CHECK_OK(allow(&m));
    CHECK(strstr(aa_buf_text(&m.location), "?code=ac_") != NULL);
    CHECK_INT(site_count(&m.site, m.site.ann), 1);
    end(&m);
}

TEST(last_moment, the_person_logged_out)
{
    struct moment m;

    begin(&m);
    CHECK_OK(aa_session_end(&m.site.f.app, VIEW(browser_cookie(&m.b, "aa_session")), NULL));
    check_nothing(&m);
}

TEST(last_moment, the_session_ran_out)
{
    struct moment m;

    begin(&m);
    m.site.f.app.settings.session_ttl_s = 1;
    aa_person_clear(&m.person);
    browser_forget_cookie(&m.b, "aa_session");
    browser_log_in(&m.b, &m.site, m.site.ann);
    CHECK_OK(aa_session_open(&m.site.f.app, VIEW(browser_cookie(&m.b, "aa_session")), &m.person, NULL));
    m.site.f.now_ms += 1000;
    check_nothing(&m);
}

static enum aa_err disable(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    return aa_user_set_disabled(conn, VIEW(ctx), 1, err);
}

TEST(last_moment, the_person_was_disabled)
{
    struct moment m;

    begin(&m);
    CHECK_OK(aa_db_write(m.site.f.app.db, disable, m.site.ann, NULL));
    check_nothing(&m);
}

TEST(last_moment, the_request_is_somebody_elses)
{
    struct moment m;

    begin(&m);
    aa_person_clear(&m.person);
    browser_forget_cookie(&m.b, "aa_session");
    browser_log_in(&m.b, &m.site, m.site.bob);
    CHECK_OK(aa_session_open(&m.site.f.app, VIEW(browser_cookie(&m.b, "aa_session")), &m.person, NULL));
    check_nothing(&m);
}

TEST(last_moment, nobody_has_logged_in_for_the_request)
{
    struct moment m;

    begin(&m);
    m.pending.request.user_id = AA_VIEW_ABSENT;
    check_nothing(&m);
}

static enum aa_err delete_client(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    return aa_client_delete(conn, VIEW(ctx), 1, err);
}

TEST(last_moment, the_client_is_gone)
{
    struct moment m;

    begin(&m);
    CHECK_OK(aa_db_write(m.site.f.app.db, delete_client, m.site.client_id, NULL));
    check_nothing(&m);
}

TEST(last_moment, the_server_is_gone)
{
    struct moment m;

    begin(&m);
    CHECK_OK(aa_directory_remove(&m.site.f.app, VIEW(m.site.server_id), NULL));
    check_nothing(&m);
}

TEST(last_moment, the_request_ran_out)
{
    struct moment m;

    begin(&m);
    m.site.f.now_ms += INT64_C(600) * 1000;
    check_nothing(&m);
}

TEST(last_moment, the_request_was_refused)
{
    struct moment m;

    begin(&m);
    CHECK_OK(aa_consent_refuse(&m.site.f.app, &m.pending, AA_OAUTH_ACCESS_DENIED, "no", &m.location, NULL));
    CHECK(strstr(aa_buf_text(&m.location), "?error=access_denied&") != NULL);
    aa_buf_reset(&m.location);
    check_nothing(&m);
}

TEST(last_moment, the_request_was_allowed_and_can_no_longer_be_refused)
{
    struct moment m;

    begin(&m);
    CHECK_OK(allow(&m));
    aa_buf_reset(&m.location);
    CHECK_ERR(aa_consent_refuse(&m.site.f.app, &m.pending, AA_OAUTH_ACCESS_DENIED, "no", &m.location, NULL),
              AA_ERR_NOT_FOUND);
    CHECK_INT(m.location.len, 0);
    CHECK_INT(site_count(&m.site, m.site.ann), 1);
    end(&m);
}

/* The token in every form: good for one page, one browser, one transaction; in every process, after every restart. */
#include <stdio.h>

#include "domain/form_token.h"
#include "support_app.h"
#include "support_store.h"

static void make(struct app_fixture *f, const char *purpose, const char *cookie, const char *subject, char out[64])
{
    struct aa_buf buf;

    aa_buf_init(&buf, 63);
    CHECK_OK(aa_form_token_add(&f->app, purpose, VIEW(cookie), VIEW(subject), &buf, NULL));
    snprintf(out, 64, "%s", aa_buf_text(&buf));
    aa_buf_clear(&buf);
}

static bool is_good(struct app_fixture *f, const char *purpose, const char *cookie, const char *subject,
                    const char *token)
{
    bool good = true;

    CHECK_OK(aa_form_token_check(&f->app, purpose, VIEW(cookie), VIEW(subject), VIEW(token), &good, NULL));
    return good;
}

static void open_with_key(struct app_fixture *f)
{
    app_open(f);
    CHECK_OK(aa_form_key_open(&f->app, NULL));
}

TEST(form_token, is_good_for_what_it_was_made_for_and_nothing_else)
{
    struct app_fixture f;
    char token[64];

    open_with_key(&f);
    make(&f, "consent", "cookie", "request", token);
    CHECK_INT(strlen(token), 43);
    CHECK(is_good(&f, "consent", "cookie", "request", token));
    CHECK(!is_good(&f, "logout", "cookie", "request", token));
    CHECK(!is_good(&f, "consent", "other", "request", token));
    CHECK(!is_good(&f, "consent", "cookie", "other", token));
    CHECK(!is_good(&f, "consent", "cookie", NULL, token));
    CHECK(!is_good(&f, "consent", "cookierequest", "", token)); /* the parts are kept apart */
    CHECK(!is_good(&f, "consent", "cooki", "erequest", token));
    app_close(&f);
}

TEST(form_token, a_changed_or_missing_token_is_refused)
{
    struct app_fixture f;
    char token[64];

    open_with_key(&f);
    make(&f, "consent", "cookie", "request", token);
    CHECK(is_good(&f, "consent", "cookie", "request", token));
    CHECK(!is_good(&f, "consent", "cookie", "request", NULL));
    CHECK(!is_good(&f, "consent", "cookie", "request", ""));
    token[0] = token[0] == 'A' ? 'B' : 'A';
    CHECK(!is_good(&f, "consent", "cookie", "request", token));
    token[42] = '\0';
    CHECK(!is_good(&f, "consent", "cookie", "request", token));
    app_close(&f);
}

TEST(form_token, without_a_cookie_there_is_none)
{
    struct app_fixture f;
    char token[64];

    open_with_key(&f);
    make(&f, "consent", "", "request", token);
    CHECK(!is_good(&f, "consent", "", "request", token));
    CHECK(!is_good(&f, "consent", NULL, "request", token));
    app_close(&f);
}

TEST(form_token, parts_longer_than_any_of_ours_are_refused_and_no_trouble)
{
    struct app_fixture f;
    char token[64], longest[4096];

    open_with_key(&f);
    make(&f, "consent", "cookie", "request", token);
    memset(longest, 'a', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    CHECK(!is_good(&f, "consent", longest, "request", token));
    CHECK(!is_good(&f, "consent", "cookie", longest, token));
    CHECK(!is_good(&f, "consent", "cookie", "request", longest));
    CHECK(is_good(&f, "consent", "cookie", "request", token));
    app_close(&f);
}

TEST(form_token, another_installation_has_other_tokens)
{
    struct app_fixture f, g;
    char token[64];

    open_with_key(&f);
    open_with_key(&g);
    make(&f, "consent", "cookie", "request", token);
    CHECK(is_good(&f, "consent", "cookie", "request", token));
    CHECK(!is_good(&g, "consent", "cookie", "request", token));
    app_close(&f);
    app_close(&g);
}

TEST(form_token, stays_good_over_a_restart)
{
    struct app_fixture f;
    char folder[64], path[96], token[64];

    folder_make(folder, sizeof folder);
    snprintf(path, sizeof path, "%s/restart.db", folder);
    app_open_at(&f, path);
    CHECK_OK(aa_form_key_open(&f.app, NULL));
    make(&f, "consent", "cookie", "request", token);
    app_close(&f);
    app_open_at(&f, path);
    CHECK(!is_good(&f, "consent", "cookie", "request", token)); /* not before the key is read */
    CHECK_OK(aa_form_key_open(&f.app, NULL));
    CHECK(is_good(&f, "consent", "cookie", "request", token));
    app_close(&f);
    folder_remove(folder);
}

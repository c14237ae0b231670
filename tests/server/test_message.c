/* Requests and answers without a socket. */
#include <stdio.h>

#include "base/mem.h"
#include "http/message.h"
#include "support/test.h"

#define BODY_MAX 1024

static struct aa_request request_with(const char *name, const char *value)
{
    struct aa_request request = {.header_count = 1};

    request.headers[0] = (struct aa_header){VIEW(name), VIEW(value)};
    return request;
}

static void check_header(const struct aa_response *response, const char *name, const char *value)
{
    CHECK_VIEW(aa_response_find_header(response, name), value);
}

static void check_no_header(const struct aa_response *response, const char *name)
{
    CHECK(aa_view_is_absent(aa_response_find_header(response, name)));
}

/* ---- reading ---------------------------------------------------------------------------------------------------- */

TEST(message, a_field_is_found_whatever_the_case_of_its_name)
{
    struct aa_request request = request_with("content-TYPE", "text/plain");

    CHECK_VIEW(aa_request_header(&request, "Content-Type"), "text/plain");
    CHECK(aa_view_is_absent(aa_request_header(&request, "Content-Typ")));
    CHECK(aa_view_is_absent(aa_request_header(&request, "Content-Types")));
}

TEST(message, a_media_type_is_compared_without_its_parameters)
{
    static const char *const same[] = {"application/json", "APPLICATION/JSON", "application/json; charset=utf-8",
                                       " application/json ;x"};
    static const char *const other[] = {"application/jsonx", "application/json2;", "text/json", "", "json",
                                        "x application/json"};
    struct aa_request request = {0};

    for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
        request = request_with("Content-Type", same[i]);
        CHECK(aa_request_is_type(&request, "application/json"));
    }
    for (size_t i = 0; i < sizeof other / sizeof *other; i++) {
        request = request_with("Content-Type", other[i]);
        CHECK(!aa_request_is_type(&request, "application/json"));
    }
    request.header_count = 0;
    CHECK(!aa_request_is_type(&request, "application/json"));
}

static struct aa_view cookie_of(const char *header, const char *name)
{
    struct aa_request request = request_with("Cookie", header);

    return aa_request_cookie(&request, name);
}

TEST(message, a_cookie_is_found_by_its_exact_name)
{
    CHECK_VIEW(cookie_of("a=1; session=2; b=3", "session"), "2");
    CHECK_VIEW(cookie_of("a=1;session=2", "session"), "2");
    CHECK_VIEW(cookie_of("session=first; session=second", "session"), "first");
    CHECK_VIEW(cookie_of("session=", "session"), "");
    CHECK_VIEW(cookie_of("session=a=b", "session"), "a=b");
    CHECK(aa_view_is_absent(cookie_of("Session=1; xsession=2; session2=3; session", "session")));
    CHECK(aa_view_is_absent(cookie_of("", "session")));
    CHECK(aa_view_is_absent(cookie_of(";;; =; ", "session")));
}

/* ---- headers ---------------------------------------------------------------------------------------------------- */

TEST(message, headers_are_kept_in_order_and_set_replaces)
{
    struct aa_response response;
    struct aa_view name;

    aa_response_init(&response, BODY_MAX);
    aa_response_header(&response, "Set-Cookie", VIEW("a=1"));
    aa_response_header(&response, "Vary", VIEW("Accept"));
    aa_response_header(&response, "Set-Cookie", VIEW("b=2"));
    CHECK_INT(response.header_count, 3);
    CHECK_VIEW(aa_response_get_header(&response, 2, &name), "b=2");
    CHECK_VIEW(name, "Set-Cookie");
    aa_response_header_set(&response, "set-cookie", VIEW("c=3"));
    CHECK_INT(response.header_count, 2);
    CHECK_VIEW(aa_response_get_header(&response, 0, &name), "Accept");
    CHECK_VIEW(aa_response_get_header(&response, 1, &name), "c=3");
    CHECK(aa_view_is_absent(aa_response_get_header(&response, 2, &name)));
    CHECK(response.complaint == NULL);
    aa_response_clear(&response);
}

/* What the HTTP library is given as C strings. */
TEST(message, a_header_ends_with_a_nul)
{
    struct aa_response response;
    struct aa_view name, value;

    aa_response_init(&response, BODY_MAX);
    aa_response_header(&response, "X-A", aa_view_slice(VIEW("abc"), 0, 2));
    aa_response_header(&response, "X-Empty", VIEW(""));
    value = aa_response_get_header(&response, 0, &name);
    CHECK_TEXT(name.data, "X-A");
    CHECK_TEXT(value.data, "ab");
    value = aa_response_get_header(&response, 1, &name);
    CHECK_TEXT(name.data, "X-Empty");
    CHECK_TEXT(value.data, "");
    aa_response_clear(&response);
}

TEST(message, a_value_with_control_characters_is_never_sent)
{
    static const struct aa_view bad[] = {
        {"a\r\nSet-Cookie: b", 16}, {"a\rb", 3}, {"a\nb", 3}, {"a\0b", 3}, {"a\033b", 3}, {"a\177b", 3}};
    struct aa_response response;

    aa_response_init(&response, BODY_MAX);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        response.complaint = NULL;
        aa_response_header(&response, "Location", bad[i]);
        check_no_header(&response, "Location");
        assert_non_null(response.complaint);
        aa_response_header_set(&response, "Location", bad[i]);
        check_no_header(&response, "Location");
    }
    response.complaint = NULL;
    aa_response_header(&response, "Location", VIEW("a\tb \303\251"));
    check_header(&response, "Location", "a\tb \303\251");
    CHECK(response.complaint == NULL);
    aa_response_clear(&response);
}

TEST(message, too_many_headers_are_left_out_and_said_to_be)
{
    struct aa_response response;

    aa_response_init(&response, BODY_MAX);
    for (int i = 0; i < AA_RESPONSE_HEADERS_MAX; i++)
        aa_response_header(&response, "X-A", VIEW("a"));
    CHECK(response.complaint == NULL);
    aa_response_header(&response, "X-B", VIEW("b"));
    check_no_header(&response, "X-B");
    assert_non_null(response.complaint);
    aa_response_reset(&response);
    CHECK(response.complaint == NULL);
    aa_response_header(&response, "X-B", VIEW("b"));
    check_header(&response, "X-B", "b");
    aa_response_clear(&response);
}

/* ---- usual answers ---------------------------------------------------------------------------------------------- */

TEST(message, json_is_not_stored)
{
    struct aa_response response;

    aa_response_init(&response, BODY_MAX);
    aa_response_json(&response, 201);
    CHECK_INT(response.status, 201);
    check_header(&response, "Content-Type", "application/json");
    check_header(&response, "Cache-Control", "no-store");
    aa_response_clear(&response);
}

TEST(message, a_page_loads_nothing_from_elsewhere_and_is_not_framed)
{
    struct aa_response response;
    struct aa_view policy;
    char text[512];

    aa_response_init(&response, BODY_MAX);
    aa_response_html(&response, 200);
    CHECK_INT(response.status, 200);
    check_header(&response, "Content-Type", "text/html; charset=utf-8");
    check_header(&response, "Cache-Control", "no-store");
    check_header(&response, "X-Frame-Options", "DENY");
    check_header(&response, "Referrer-Policy", "no-referrer");
    policy = aa_response_find_header(&response, "Content-Security-Policy");
    snprintf(text, sizeof text, "%.*s", AA_VIEW_ARGS(policy));
    CHECK(strstr(text, "default-src 'none'") != NULL);
    CHECK(strstr(text, "frame-ancestors 'none'") != NULL);
    CHECK(strstr(text, "unsafe-inline") == NULL);
    /* It would stop the redirect that answers the consent form. */
    CHECK(strstr(text, "form-action") == NULL);
    aa_response_clear(&response);
}

TEST(message, a_redirect_is_303)
{
    struct aa_response response;

    aa_response_init(&response, BODY_MAX);
    aa_response_redirect(&response, VIEW("http://127.0.0.1:3/cb?code=a"));
    CHECK_INT(response.status, 303);
    check_header(&response, "Location", "http://127.0.0.1:3/cb?code=a");
    check_header(&response, "Cache-Control", "no-store");
    aa_response_clear(&response);
}

TEST(message, an_oauth_error_replaces_what_was_written)
{
    struct aa_response response;

    aa_response_init(&response, BODY_MAX);
    aa_buf_add_text(&response.body, "half an answer");
    aa_response_oauth_error(&response, 400, "invalid_grant", "The code is \"spent\"");
    CHECK_VIEW(aa_buf_view(&response.body),
               "{\"error\":\"invalid_grant\",\"error_description\":\"The code is \\\"spent\\\"\"}");
    check_header(&response, "Content-Type", "application/json");
    aa_response_oauth_error(&response, 401, "invalid_client", NULL);
    CHECK_INT(response.status, 401);
    CHECK_VIEW(aa_buf_view(&response.body), "{\"error\":\"invalid_client\"}");
    CHECK_INT(response.header_count, 2);
    aa_response_clear(&response);
}

/* ---- cookies ---------------------------------------------------------------------------------------------------- */

static void check_cookie(const struct aa_cookie *cookie, const char *wanted)
{
    struct aa_response response;

    aa_response_init(&response, BODY_MAX);
    aa_response_cookie(&response, cookie);
    if (wanted)
        check_header(&response, "Set-Cookie", wanted);
    else
        check_no_header(&response, "Set-Cookie");
    CHECK_INT(response.complaint == NULL, wanted != NULL);
    aa_response_clear(&response);
}

TEST(message, a_cookie_is_for_this_host_and_not_for_scripts)
{
    check_cookie(&(struct aa_cookie){"session", VIEW("abc"), 3600, true},
                 "__Host-session=abc; Path=/; HttpOnly; SameSite=Lax; Max-Age=3600; Secure");
    check_cookie(&(struct aa_cookie){"session", VIEW("abc"), -1, true},
                 "__Host-session=abc; Path=/; HttpOnly; SameSite=Lax; Secure");
    check_cookie(&(struct aa_cookie){"session", VIEW(""), 0, true},
                 "__Host-session=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0; Secure");
    check_cookie(&(struct aa_cookie){"session", VIEW("abc"), -1, false}, "session=abc; Path=/; HttpOnly; SameSite=Lax");
}

TEST(message, a_cookie_holds_no_character_that_would_end_it)
{
    static const char *const bad[] = {"a;b", "a b", "a,b", "a\"b", "a\\b", "a\r\nb", "a\177b", "\303\251"};

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        check_cookie(&(struct aa_cookie){"session", VIEW(bad[i]), -1, false}, NULL);
}

TEST(message, a_cookie_of_our_own_is_read_under_the_name_it_was_set_with)
{
    struct aa_request request = request_with("Cookie", "session=forged; __Host-session=ours");

    CHECK_VIEW(aa_request_own_cookie(&request, "session", true), "ours");
    CHECK_VIEW(aa_request_own_cookie(&request, "session", false), "forged");
    request = request_with("Cookie", "session=forged");
    CHECK(aa_view_is_absent(aa_request_own_cookie(&request, "session", true)));
}

/* ---- without memory --------------------------------------------------------------------------------------------- */

TEST(message, without_memory_a_header_is_left_out_and_said_to_be)
{
    struct aa_response response;

    aa_response_init(&response, BODY_MAX);
    aa_mem_fail_at(1, true);
    aa_response_header(&response, "X-A", VIEW("a"));
    aa_response_cookie(&response, &(struct aa_cookie){"session", VIEW("abc"), -1, false});
    aa_mem_fail_at(0, false);
    CHECK_INT(response.header_count, 0);
    assert_non_null(response.complaint);
    aa_response_reset(&response);
    aa_response_header(&response, "X-A", VIEW("a"));
    check_header(&response, "X-A", "a");
    aa_response_clear(&response);
}

/* Dynamic registration (RFC 7591): tolerant of what is asked, exact about what is answered. */
#include <pthread.h>
#include <stdio.h>

#include "base/json.h"
#include "base/mem.h"
#include "domain/clients.h"
#include "support_app.h"
#include "support_store.h"

#define HOUR_MS (INT64_C(3600) * 1000)
#define HOME "192.0.2.1"
#define SMALL "{\"redirect_uris\":[\"https://app.example/cb\"]}"

struct registered {
    enum aa_err rc;
    struct aa_refused refused;
    char client_id[32];
    char answer[8192];
};

static struct registered register_from(struct app_fixture *f, const char *document, const char *peer)
{
    struct registered registered = {.refused = AA_REFUSED_INIT};
    struct aa_client client = {0};
    struct aa_buf answer;

    registered.rc = aa_client_register(&f->app, VIEW(document), VIEW(peer), &client, &registered.refused, NULL);
    if (registered.rc) {
        CHECK(client.memory == NULL);
        return registered;
    }
    aa_buf_init(&answer, AA_CLIENT_ANSWER_MAX);
    CHECK_OK(aa_client_add_json(&answer, &client, NULL));
    snprintf(registered.client_id, sizeof registered.client_id, "%.*s", AA_VIEW_ARGS(client.client_id));
    snprintf(registered.answer, sizeof registered.answer, "%s", aa_buf_text(&answer));
    aa_record_clear(&client.memory);
    aa_buf_clear(&answer);
    return registered;
}

static struct registered register_as(struct app_fixture *f, const char *document)
{
    return register_from(f, document, HOME);
}

static void check_refused(struct app_fixture *f, const char *document, enum aa_oauth_error error)
{
    struct registered registered = register_as(f, document);

    if (registered.rc != AA_ERR_REQUEST_MALFORMED || registered.refused.error != error)
        fail_msg("%s was answered %s, %s", document, aa_err_name(registered.rc),
                 aa_oauth_error_name(registered.refused.error));
}

/* ---- the answer ---- */

TEST(registration, the_answer_says_what_was_registered_and_leaves_out_what_was_not)
{
    struct app_fixture f;
    struct registered small, full;
    struct aa_json *json = NULL;

    app_open(&f);
    small = register_as(&f, SMALL);
    CHECK_OK(small.rc);
    CHECK_OK(aa_json_parse(VIEW(small.answer), 8192, &json, NULL));
    CHECK_VIEW(aa_json_text(aa_json_get(json, "client_id")), small.client_id);
    CHECK_INT(strncmp(small.client_id, "cl_", 3), 0);
    CHECK_INT(aa_json_int(aa_json_get(json, "client_id_issued_at")), f.now_ms / 1000);
    CHECK_VIEW(aa_json_text(aa_json_get(json, "token_endpoint_auth_method")), "none");
    CHECK_VIEW(aa_json_text(aa_json_at(aa_json_get(json, "redirect_uris"), 0)), "https://app.example/cb");
    CHECK_VIEW(aa_json_text(aa_json_at(aa_json_get(json, "grant_types"), 0)), "authorization_code");
    CHECK_VIEW(aa_json_text(aa_json_at(aa_json_get(json, "response_types"), 0)), "code");
    CHECK_INT(aa_json_len(json), 6); /* no null, no "", no secret */
    aa_json_free(json);
    full = register_as(&f, "{\"redirect_uris\":[\"https://app.example/cb\"],\"client_name\":\"App\",\"scope\":\"a b\","
                           "\"grant_types\":[\"authorization_code\",\"refresh_token\"],\"application_type\":\"native\","
                           "\"client_uri\":\"https://app.example\",\"software_id\":\"x\",\"logo_uri\":null}");
    CHECK_OK(full.rc);
    CHECK_OK(aa_json_parse(VIEW(full.answer), 8192, &json, NULL));
    CHECK_VIEW(aa_json_text(aa_json_get(json, "client_name")), "App");
    CHECK_VIEW(aa_json_text(aa_json_get(json, "scope")), "a b");
    CHECK_VIEW(aa_json_text(aa_json_get(json, "application_type")), "native");
    CHECK_VIEW(aa_json_text(aa_json_get(json, "client_uri")), "https://app.example");
    CHECK_INT(aa_json_len(aa_json_get(json, "grant_types")), 2);
    CHECK_INT(aa_json_len(json), 10);
    aa_json_free(json);
    app_close(&f);
}

TEST(registration, what_cursor_sends_is_registered_with_its_three_redirect_uris)
{
    struct app_fixture f;
    struct registered cursor;

    app_open(&f);
    cursor = register_as(&f, "{\"client_name\":\"Cursor\",\"redirect_uris\":[\"cursor://anysphere.cursor-mcp/oauth/"
                             "callback\",\"https://www.cursor.com/agents/mcp/oauth/callback\",\"http://localhost:8787/"
                             "callback\"],\"grant_types\":[\"authorization_code\",\"refresh_token\"],"
                             "\"response_types\":[\"code\"],\"token_endpoint_auth_method\":\"none\","
                             "\"application_type\":\"native\"}");
    CHECK_OK(cursor.rc);
    CHECK(strstr(cursor.answer, "\"redirect_uris\":[\"cursor://anysphere.cursor-mcp/oauth/callback\","
                                "\"https://www.cursor.com/agents/mcp/oauth/callback\","
                                "\"http://localhost:8787/callback\"]") != NULL);
    app_close(&f);
}

TEST(registration, what_clients_ask_for_beyond_us_is_answered_with_what_we_do)
{
    static const char *const asked[] = {
        "\"token_endpoint_auth_method\":\"client_secret_post\"",
        "\"token_endpoint_auth_method\":\"client_secret_basic\"",
        "\"token_endpoint_auth_method\":\"private_key_jwt\"",
        "\"grant_types\":[\"authorization_code\",\"urn:ietf:params:oauth:grant-type:device_code\",\"implicit\"]",
        "\"grant_types\":[]",
        "\"grant_types\":null",
        "\"response_types\":[\"code\",\"token\"]",
        "\"scope\":\"\"",
        "\"client_name\":\"\"",
        "\"client_name\":null",
        "\"application_type\":\"desktop\"",
        "\"client_uri\":\"\"",
        "\"client_uri\":\"javascript:alert(1)\"",
        "\"contacts\":[\"a@app.example\"]",
        "\"unknown\":{\"a\":[1,2,{}]}",
        "\"jwks\":{\"keys\":[]}",
    };
    struct app_fixture f;
    char document[512];
    size_t i;

    app_open(&f);
    for (i = 0; i < sizeof asked / sizeof *asked; i++) {
        struct registered registered;

        snprintf(document, sizeof document, "{\"redirect_uris\":[\"https://app.example/cb\"],%s}", asked[i]);
        registered = register_as(&f, document);
        if (registered.rc)
            fail_msg("%s was refused: %s", document, registered.refused.description);
        CHECK(strstr(registered.answer, "\"grant_types\":[\"authorization_code\"]") != NULL);
        CHECK(strstr(registered.answer, "\"response_types\":[\"code\"]") != NULL);
        CHECK(strstr(registered.answer, "\"token_endpoint_auth_method\":\"none\"") != NULL);
        CHECK(strstr(registered.answer, "secret") == NULL);
        CHECK(strstr(registered.answer, "javascript") == NULL);
        CHECK(strstr(registered.answer, "null") == NULL);
        CHECK(strstr(registered.answer, "\"\"") == NULL);
    }
    app_close(&f);
}

/* ---- refusals ---- */

TEST(registration, redirect_uris_must_be_there_and_each_must_be_allowed)
{
    static const char *const bad[] = {
        "{}",
        "{\"redirect_uris\":[]}",
        "{\"redirect_uris\":null}",
        "{\"redirect_uris\":[\"\"]}",
        "{\"redirect_uris\":[\"javascript:alert(1)\"]}",
        "{\"redirect_uris\":[\"https://app.example/cb\",\"data:text/html,x\"]}",
        "{\"redirect_uris\":[\"https://app.example/cb#x\"]}",
        "{\"redirect_uris\":[\"https://u@app.example/cb\"]}",
        "{\"redirect_uris\":[\"https://*.example/cb\"]}",
        "{\"redirect_uris\":[\"http://app.example/cb\"]}",
        "{\"redirect_uris\":[\"https:\\\\\\\\app.example\\\\cb\"]}",
        "{\"redirect_uris\":[\"https://app.example/cb\\n\"]}",
    };
    struct app_fixture f;
    size_t i;

    app_open(&f);
    for (i = 0; i < sizeof bad / sizeof *bad; i++)
        check_refused(&f, bad[i], AA_OAUTH_INVALID_REDIRECT_URI);
    CHECK_OK(register_as(&f, SMALL).rc);
    app_close(&f);
}

TEST(registration, the_document_must_be_an_object_of_the_right_members)
{
    static const char *const bad[] = {
        "",
        "[]",
        "\"text\"",
        "null",
        "{\"redirect_uris\":\"https://app.example/cb\"}",
        "{\"redirect_uris\":[1]}",
        "{\"redirect_uris\":{}}",
        "{\"redirect_uris\":[\"https://app.example/cb\"],\"client_name\":1}",
        "{\"redirect_uris\":[\"https://app.example/cb\"],\"scope\":[\"a\"]}",
        "{\"redirect_uris\":[\"https://app.example/cb\"],\"scope\":\"a\\\"b\"}",
        "{\"redirect_uris\":[\"https://app.example/cb\"],\"grant_types\":\"authorization_code\"}",
        "{\"redirect_uris\":[\"https://app.example/cb\"],\"redirect_uris\":[\"https://app.example/cb\"]}",
        "{\"redirect_uris\":[\"https://app.example/cb\"]} x",
        "{\"redirect_uris\":[\"https://app.example/cb\"]",
    };
    struct app_fixture f;
    size_t i;

    app_open(&f);
    for (i = 0; i < sizeof bad / sizeof *bad; i++)
        check_refused(&f, bad[i], AA_OAUTH_INVALID_CLIENT_METADATA);
    CHECK_OK(register_as(&f, SMALL).rc);
    app_close(&f);
}

TEST(registration, a_name_that_could_rewrite_the_page_is_refused)
{
    static const char *const bad[] = {"a\\u202eb", "a\\u200bb", "a\\u2066b", "a\\nb", "a\\u0085b", "\\ufeffa"};
    static const char *const fine[] = {"Caf\xc3\xa9", "\xe6\x97\xa5\xe6\x9c\xac", "<script>", "A \xe2\x80\x94 B"};
    struct app_fixture f;
    char document[256];
    size_t i;

    app_open(&f);
    for (i = 0; i < sizeof bad / sizeof *bad; i++) {
        snprintf(document, sizeof document, "{\"redirect_uris\":[\"https://app.example/cb\"],\"client_name\":\"%s\"}",
                 bad[i]);
        check_refused(&f, document, AA_OAUTH_INVALID_CLIENT_METADATA);
    }
    for (i = 0; i < sizeof fine / sizeof *fine; i++) { /* markup is text: the page escapes it */
        snprintf(document, sizeof document, "{\"redirect_uris\":[\"https://app.example/cb\"],\"client_name\":\"%s\"}",
                 fine[i]);
        CHECK_OK(register_as(&f, document).rc);
    }
    app_close(&f);
}

static const char *many_uris(char *document, size_t size, int count)
{
    size_t at = (size_t)snprintf(document, size, "{\"redirect_uris\":[");
    int i;

    for (i = 0; i < count; i++)
        at += (size_t)snprintf(document + at, size - at, "%s\"https://app.example/%d\"", i ? "," : "", i);
    snprintf(document + at, size - at, "]}");
    return document;
}

TEST(registration, every_member_has_a_cap)
{
    struct app_fixture f;
    char document[4096], name[256];

    app_open(&f);
    CHECK_OK(register_as(&f, many_uris(document, sizeof document, 10)).rc);
    check_refused(&f, many_uris(document, sizeof document, 11), AA_OAUTH_INVALID_CLIENT_METADATA);
    memset(name, 'n', sizeof name);
    name[200] = '\0';
    snprintf(document, sizeof document, "{\"redirect_uris\":[\"https://app.example/cb\"],\"client_name\":\"%s\"}",
             name);
    CHECK_OK(register_as(&f, document).rc);
    name[200] = 'n';
    name[201] = '\0';
    snprintf(document, sizeof document, "{\"redirect_uris\":[\"https://app.example/cb\"],\"client_name\":\"%s\"}",
             name);
    check_refused(&f, document, AA_OAUTH_INVALID_CLIENT_METADATA);
    app_close(&f);
}

TEST(registration, can_be_closed)
{
    struct app_fixture f;

    app_open(&f);
    CHECK_OK(register_as(&f, SMALL).rc);
    f.app.settings.registration = false;
    check_refused(&f, SMALL, AA_OAUTH_ACCESS_DENIED);
    app_close(&f);
}

/* ---- the same again, and how long it lasts ---- */

TEST(registration, the_same_document_gives_the_same_client)
{
    struct app_fixture f;
    struct registered first, again, spaced, other;

    app_open(&f);
    first = register_as(&f, SMALL);
    again = register_from(&f, SMALL, "198.51.100.7");
    spaced = register_as(&f, "{ \"client_name\" : null , \"redirect_uris\" : [ \"https:\\/\\/app.example\\/cb\" ] }");
    other = register_as(&f, "{\"redirect_uris\":[\"https://app.example/cb\"],\"client_name\":\"Other\"}");
    CHECK_TEXT(again.client_id, first.client_id);
    CHECK_TEXT(spaced.client_id, first.client_id);
    CHECK(strcmp(other.client_id, first.client_id) != 0);
    app_close(&f);
}

TEST(registration, parts_that_only_look_alike_when_joined_give_two_clients)
{
    struct app_fixture f;
    struct registered first, second;

    app_open(&f);
    first = register_as(&f, "{\"redirect_uris\":[\"https://app.example/cb\"],\"client_name\":\"ab\",\"scope\":\"c\"}");
    second = register_as(&f, "{\"redirect_uris\":[\"https://app.example/cb\"],\"client_name\":\"a\",\"scope\":\"bc\"}");
    CHECK(strcmp(first.client_id, second.client_id) != 0);
    app_close(&f);
}

struct live {
    const char *client_id;
    int64_t now_ms;
    enum aa_err rc;
};

static enum aa_err find_live(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    struct live *live = ctx;
    struct aa_client client = {0};

    live->rc = aa_client_find_live(conn, VIEW(live->client_id), live->now_ms, &client, err);
    aa_record_clear(&client.memory);
    return AA_OK;
}

static bool lives(struct app_fixture *f, const char *client_id)
{
    struct live live = {client_id, f->now_ms, AA_OK};

    CHECK_OK(aa_db_read(f->app.db, find_live, &live, NULL));
    CHECK(live.rc == AA_OK || live.rc == AA_ERR_NOT_FOUND);
    return !live.rc;
}

static enum aa_err mark_used(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    return aa_client_mark_used(conn, VIEW(ctx), 1, err);
}

TEST(registration, a_client_that_is_never_used_ends_after_an_hour_and_a_used_one_lives_on)
{
    struct app_fixture f;
    struct registered unused, used;

    app_open(&f);
    unused = register_as(&f, SMALL);
    used = register_as(&f, "{\"redirect_uris\":[\"https://app.example/used\"]}");
    CHECK_OK(aa_db_write(f.app.db, mark_used, used.client_id, NULL));
    f.now_ms += HOUR_MS - 1;
    CHECK(lives(&f, unused.client_id));
    f.now_ms += 1;
    CHECK(!lives(&f, unused.client_id));
    f.now_ms += 10000 * HOUR_MS;
    CHECK(lives(&f, used.client_id));
    CHECK(!lives(&f, "cl_0000000000000000"));
    app_close(&f);
}

TEST(registration, registering_again_gives_an_unused_client_another_hour)
{
    struct app_fixture f;
    struct registered first;

    app_open(&f);
    first = register_as(&f, SMALL);
    f.now_ms += HOUR_MS - 1;
    CHECK_TEXT(register_as(&f, SMALL).client_id, first.client_id);
    f.now_ms += HOUR_MS - 1;
    CHECK(lives(&f, first.client_id));
    f.now_ms += 1;
    CHECK(!lives(&f, first.client_id));
    CHECK_TEXT(register_as(&f, SMALL).client_id, first.client_id); /* not swept yet, and good again */
    CHECK(lives(&f, first.client_id));
    app_close(&f);
}

/* ---- floods ---- */

static struct registered register_nth(struct app_fixture *f, int nth, const char *peer)
{
    char document[128];

    snprintf(document, sizeof document, "{\"redirect_uris\":[\"https://app.example/%d\"]}", nth);
    return register_from(f, document, peer);
}

static struct registered register_and_use(struct app_fixture *f, int nth)
{
    struct registered registered = register_nth(f, nth, HOME);

    CHECK_OK(registered.rc);
    CHECK_OK(aa_db_write(f->app.db, mark_used, registered.client_id, NULL));
    return registered;
}

TEST(registration, an_address_that_registers_very_many_clients_has_to_wait)
{
    struct app_fixture f;
    struct registered refused;
    int i;

    app_open(&f);
    for (i = 0; i < 300; i++)
        CHECK_OK(register_nth(&f, i, HOME).rc);
    refused = register_nth(&f, 300, HOME);
    CHECK_ERR(refused.rc, AA_ERR_REQUEST_MALFORMED);
    CHECK_INT(refused.refused.error, AA_OAUTH_TOO_MANY_REQUESTS);
    CHECK(refused.refused.retry_after_s > 0 && refused.refused.retry_after_s <= 3600);
    CHECK_OK(register_nth(&f, 0, HOME).rc);          /* one it has costs nothing */
    CHECK_OK(register_nth(&f, 300, "192.0.2.2").rc); /* nor does it cost the neighbour anything */
    f.now_ms += HOUR_MS;
    CHECK_OK(register_nth(&f, 301, HOME).rc);
    app_close(&f);
}

TEST(registration, an_ipv6_network_counts_as_one_address)
{
    struct app_fixture f;
    char peer[64];
    int i;

    app_open(&f);
    for (i = 0; i < 300; i++) {
        snprintf(peer, sizeof peer, "2001:db8::%x", i + 1);
        CHECK_OK(register_nth(&f, i, peer).rc);
    }
    CHECK_INT(register_nth(&f, 300, "2001:db8::ffff").refused.error, AA_OAUTH_TOO_MANY_REQUESTS);
    CHECK_OK(register_nth(&f, 300, "2001:db8:0:1::1").rc);
    app_close(&f);
}

TEST(registration, the_number_of_clients_is_bounded)
{
    struct app_fixture f;

    app_open(&f);
    f.app.settings.clients_max = 2;
    register_and_use(&f, 1);
    register_and_use(&f, 2);
    CHECK_INT(register_nth(&f, 3, HOME).refused.error, AA_OAUTH_TEMPORARILY_UNAVAILABLE);
    CHECK_OK(register_nth(&f, 2, HOME).rc);
    app_close(&f);
}

TEST(registration, what_was_never_used_gives_way_where_the_table_is_full)
{
    struct registered used, first, second, again;
    struct app_fixture f;

    app_open(&f);
    f.app.settings.clients_max = 3;
    used = register_and_use(&f, 0);
    f.now_ms += 1000;
    first = register_nth(&f, 1, HOME);
    f.now_ms += 1000;
    second = register_nth(&f, 2, HOME);
    f.now_ms += 1000;
    CHECK_OK(register_nth(&f, 3, "192.0.2.2").rc);
    again = register_nth(&f, 2, HOME); /* the younger one is still there */
    CHECK_TEXT(again.client_id, second.client_id);
    again = register_nth(&f, 0, HOME); /* and so is the one in use */
    CHECK_TEXT(again.client_id, used.client_id);
    again = register_nth(&f, 1, HOME);
    CHECK_OK(again.rc);
    CHECK(strcmp(again.client_id, first.client_id) != 0);
    app_close(&f);
}

#define THREADS 8

struct racer {
    struct app_fixture *f;
    struct registered registered;
};

static void *register_at_once(void *ctx)
{
    struct racer *racer = ctx;

    racer->registered = register_as(racer->f, SMALL);
    return NULL;
}

TEST(registration, the_same_document_many_times_at_once_gives_one_client)
{
    static struct racer racers[THREADS];
    pthread_t threads[THREADS];
    struct app_fixture f;
    char folder[64], path[96];
    int i;

    folder_make(folder, sizeof folder);
    snprintf(path, sizeof path, "%s/race.db", folder);
    app_open_at(&f, path);
    for (i = 0; i < THREADS; i++) {
        racers[i].f = &f;
        CHECK_INT(pthread_create(&threads[i], NULL, register_at_once, &racers[i]), 0);
    }
    for (i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    for (i = 0; i < THREADS; i++) {
        CHECK_OK(racers[i].registered.rc);
        CHECK_TEXT(racers[i].registered.client_id, racers[0].registered.client_id);
    }
    app_close(&f);
    folder_remove(folder);
}

TEST(registration, out_of_memory_at_any_point_is_told_as_such)
{
    struct app_fixture f;
    size_t nth;

    app_open(&f);
    for (nth = 1; nth < 500; nth++) {
        struct aa_refused refused = AA_REFUSED_INIT;
        struct aa_client client = {0};
        enum aa_err rc;

        aa_mem_fail_at(nth, false);
        rc = aa_client_register(&f.app, VIEW(SMALL), VIEW(HOME), &client, &refused, NULL);
        aa_mem_fail_at(0, false);
        aa_record_clear(&client.memory);
        if (!rc)
            break;
        CHECK_ERR(rc, AA_ERR_NOMEM);
        CHECK_INT(refused.error, AA_OAUTH_NONE);
    }
    CHECK(nth > 5 && nth < 500);
    app_close(&f);
}

/* Client id metadata documents: which URLs may name one, and what is made of one (CIMD -02 §3, §4). */
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/url.h"
#include "domain/client_document.h"
#include "domain/client_pinned.h"
#include "domain/clients.h"
#include "support/test.h"

#define URL "https://app.example/client.json"
#define HEAD "{\"client_id\":\"" URL "\","
#define URIS_ALONE "\"redirect_uris\":[\"https://app.example/cb\"]"
#define NAME "\"client_name\":\"App\","
#define URIS NAME URIS_ALONE

struct read {
    enum aa_err rc;
    struct aa_refused refused;
    struct aa_client_document document;
};

/* Clear what was read. */
static struct read read_bytes(const char *url, const char *text, size_t len)
{
    struct read read = {.refused = AA_REFUSED_INIT, .document = {.json = NULL}};
    struct aa_settings settings;
    char *copy = malloc(len + 1); /* gone before anything is compared: nothing of the client may be in it */

    CHECK(copy != NULL);
    memcpy(copy, text, len);
    aa_settings_init(&settings);
    read.rc =
        aa_client_document_read(&settings, VIEW(url), aa_view_make(copy, len), &read.document, &read.refused, NULL);
    memset(copy, 'x', len);
    free(copy);
    if (read.rc)
        CHECK(read.document.json == NULL && read.document.client.client_id.data == NULL);
    return read;
}

static struct read read_at(const char *url, const char *text)
{
    return read_bytes(url, text, strlen(text));
}

/* A document of our own with one more member, or several. */
static struct read read_with(const char *members)
{
    char text[1024];

    snprintf(text, sizeof text, HEAD "%s%s%s}", strstr(members, "\"client_name\"") ? URIS_ALONE : URIS,
             *members ? "," : "", members);
    return read_at(URL, text);
}

static void check_taken(struct read read, const char *what)
{
    if (read.rc)
        fail_msg("%s was refused: %s", what, read.refused.description);
    CHECK_INT(read.refused.error, AA_OAUTH_NONE);
    CHECK_VIEW(read.document.client.source, "cimd");
    aa_client_document_clear(&read.document);
}

static void check_refused(struct read read, enum aa_oauth_error error, const char *what)
{
    if (read.rc != AA_ERR_REQUEST_MALFORMED || read.refused.error != error)
        fail_msg("%s was answered %s, %s", what, aa_err_name(read.rc), aa_oauth_error_name(read.refused.error));
    CHECK(strlen(read.refused.description) > 10);
    aa_client_document_clear(&read.document);
}

/* ---- its URL ---- */

TEST(client_document, an_identifier_that_begins_with_https_claims_to_name_one)
{
    static const char *const named[] = {URL, "HTTPS://app.example/x", "hTtPs://", "https:///"};
    static const char *const not_named[] = {
        "",      "cl_0123456789abcdef",    "http://app.example/x",  "https:/app.example/x",
        "https", " https://app.example/x", "httpss://app.example/x"};
    size_t i;

    for (i = 0; i < sizeof named / sizeof *named; i++)
        CHECK(aa_client_document_is_named(VIEW(named[i])));
    for (i = 0; i < sizeof not_named / sizeof *not_named; i++)
        CHECK(!aa_client_document_is_named(VIEW(not_named[i])));
    CHECK(!aa_client_document_is_named(AA_VIEW_ABSENT));
}

TEST(client_document, its_url_is_https_with_a_host_and_a_path)
{
    static const char *const fine[] = {
        URL,
        "https://xn--bcher-kva.example/x",
        "https://localhost:8443/x",
        "https://a-1.2-b.example/x",
        "https://app.example/x/",
        "https://app.example//",
        "https://app.example:8443/x",
        "https://app.example/x?version=1",
        "https://app.example/x?path=/../",
        "https://app.example/.well-known/x",
        "https://app.example/...",
        "https://app.example/..x/x..",
        "https://app.example/%2e%2e%2e/a%2e",
    };
    static const char *const bad[] = {
        "",
        "http://app.example/x",
        "HTTPS://app.example/x", /* one site has one spelling, which people are shown */
        "https://App.example/x",
        "https://cIaude.ai/x",
        "https://app.example./x",
        "https://app_.example/x",
        "https://app%2eexample/x",
        "https://[2001:db8::1]/x", /* an address is nobody's name, and has many spellings */
        "https://203.0.113.1/x",
        "https://127.1/x",
        "https://2130706433/x",
        "https://app.example.1x/x",
        "https://a..example/x",
        "https://.example/x",
        "https://-a.example/x",
        "https://a-.example/x",
        "https://app.example:443/x",
        "https://app.example:0443/x",
        "https://app.example:/x",
        "ftp://app.example/x",
        "https:x",
        "https:///x",
        "https://app.example",
        "https://app.example/",
        "https://app.example?x",
        "https://app.example/?x",
        "https://app.example/.",
        "https://app.example/..",
        "https://app.example/a/./b",
        "https://app.example/a/../b",
        "https://app.example/a/..",
        "https://app.example/%2e",
        "https://app.example/%2E%2e/x",
        "https://app.example/a/.%2e/b",
        "https://app.example/a/%2E./b?x",
        "https://app.example/x#",
        "https://app.example/x#y",
        "https://user@app.example/x",
        "https://user:word@app.example/x",
        "https://@app.example/x",
        "https://app.example:0/x",
        "https://app.example/x y",
        "https://app.example\\x",
        "https://app.example/\xc3\xa9",
        "https://app.example/%2",
    };
    size_t i;

    for (i = 0; i < sizeof fine / sizeof *fine; i++)
        CHECK_OK(aa_client_document_check_url(VIEW(fine[i]), NULL));
    for (i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct aa_error err = AA_ERROR_INIT;

        if (aa_client_document_check_url(VIEW(bad[i]), &err) != AA_ERR_URL_MALFORMED)
            fail_msg("%s may name a document", bad[i]);
        CHECK(err.message[0] != '\0');
    }
    CHECK_ERR(aa_client_document_check_url(AA_VIEW_ABSENT, NULL), AA_ERR_URL_MALFORMED);
}

TEST(client_document, its_url_may_be_as_long_as_any)
{
    char url[AA_URL_MAX + 2];

    memset(url, 'x', sizeof url);
    memcpy(url, "https://app.example/", 20);
    CHECK_OK(aa_client_document_check_url(aa_view_make(url, AA_URL_MAX), NULL));
    CHECK_ERR(aa_client_document_check_url(aa_view_make(url, AA_URL_MAX + 1), NULL), AA_ERR_TOO_LONG);
}

TEST(client_document, one_that_is_read_under_a_url_that_may_not_name_one_is_refused)
{
    check_refused(read_at("https://app.example/", "{\"client_id\":\"https://app.example/\"," URIS "}"),
                  AA_OAUTH_INVALID_CLIENT, "a document at a bare origin");
    check_taken(read_at("https://app.example/x", "{\"client_id\":\"https://app.example/x\"," URIS "}"),
                "a document at a path");
}

/* ---- its media type ---- */

TEST(client_document, its_media_type_is_json_or_built_on_it)
{
    static const char *const fine[] = {
        "application/json",
        "Application/JSON",
        "application/json;charset=utf-8",
        " application/json ; charset=\"utf-8\"",
        "application/oauth-client-metadata+json",
        "application/vnd.example.client+JSON; version=1",
    };
    static const char *const bad[] = {
        "",
        "text/html",
        "text/json",
        "text/plain; application/json",
        "application/jsonp",
        "application/json5",
        "application/+json",
        "application/x+json+xml",
        "application/xjson",
        "application/json, text/html",
        "text/html, application/json",
        "application/x y+json",
        "application /json",
        "application/ json",
        "application/",
        "application",
        "json",
        "xapplication/json",
        "application/json/x+json",
    };
    size_t i;

    for (i = 0; i < sizeof fine / sizeof *fine; i++)
        if (!aa_client_document_is_json(VIEW(fine[i])))
            fail_msg("%s is not JSON", fine[i]);
    for (i = 0; i < sizeof bad / sizeof *bad; i++)
        if (aa_client_document_is_json(VIEW(bad[i])))
            fail_msg("%s is JSON", bad[i]);
    CHECK(!aa_client_document_is_json(AA_VIEW_ABSENT));
    CHECK(!aa_client_document_is_json(aa_view_make("application/json\0", 17)));
}

/* ---- documents as they are published ---- */

TEST(client_document, that_of_claude_code_is_taken_with_loopback_uris_of_no_port)
{
    const char *url = "https://claude.ai/oauth/claude-code-client-metadata";
    struct read read = read_at(
        url, "{\"client_id\":\"https://claude.ai/oauth/claude-code-client-metadata\",\"client_name\":\"Claude Code\","
             "\"client_uri\":\"https://claude.ai\",\"redirect_uris\":[\"http://localhost/callback\","
             "\"http://127.0.0.1/callback\"],\"grant_types\":[\"authorization_code\",\"refresh_token\","
             "\"urn:ietf:params:oauth:grant-type:jwt-bearer\"],\"response_types\":[\"code\"],"
             "\"token_endpoint_auth_method\":\"none\"}");
    struct aa_client *client = &read.document.client;
    struct aa_buf proven;

    CHECK_OK(read.rc);
    CHECK_VIEW(client->client_id, url);
    CHECK_VIEW(client->client_name, "Claude Code");
    CHECK_VIEW(client->client_uri, "https://claude.ai");
    CHECK_VIEW(client->redirect_uris, "[\"http://localhost/callback\",\"http://127.0.0.1/callback\"]");
    CHECK_VIEW(client->grant_types, "authorization_code refresh_token");
    CHECK_VIEW(client->source, "cimd");
    CHECK(aa_view_is_absent(client->application_type) && aa_view_is_absent(client->scope));
    CHECK(aa_view_is_absent(client->fingerprint) && client->memory == NULL);
    CHECK(client->created_ms == 0 && client->expires_ms == 0 && client->last_used_ms == 0);
    aa_buf_init(&proven, AA_URL_MAX);
    CHECK_OK(aa_client_prove_redirect(client, VIEW("http://localhost:54321/callback"), &proven, NULL));
    CHECK_ERR(aa_client_prove_redirect(client, VIEW("http://localhost:54321/other"), &proven, NULL), AA_ERR_NOT_FOUND);
    aa_buf_clear(&proven);
    aa_client_document_clear(&read.document);
}

TEST(client_document, that_of_chatgpt_is_taken_since_it_lists_that_it_can_do_without_a_key)
{
    static const char *const head =
        "{\"client_id\":\"https://chatgpt.com/oauth/client.json\",\"client_name\":\"ChatGPT\","
        "\"client_uri\":\"https://chatgpt.com/\",\"redirect_uris\":[\"https://chatgpt.com/"
        "connector/oauth/callback\"],\"grant_types\":[\"authorization_code\","
        "\"refresh_token\"],\"response_types\":[\"code\"],"
        "\"token_endpoint_auth_signing_alg\":\"RS256\","
        "\"jwks_uri\":\"https://chatgpt.com/oauth/jwks.json\"";
    static const char *const methods[] = {
        ",\"token_endpoint_auth_methods_supported\":[\"none\",\"private_key_jwt\"]}",
        ",\"token_endpoint_auth_method\":\"private_key_jwt\","
        "\"token_endpoint_auth_methods_supported\":[\"none\",\"private_key_jwt\"]}",
    };
    char text[1024];

    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
        struct read read;

        snprintf(text, sizeof text, "%s%s", head, methods[i]);
        read = read_at("https://chatgpt.com/oauth/client.json", text);
        CHECK_OK(read.rc);
        CHECK_VIEW(read.document.client.client_id, "https://chatgpt.com/oauth/client.json");
        CHECK_VIEW(read.document.client.client_name, "ChatGPT");
        CHECK_VIEW(read.document.client.redirect_uris, "[\"https://chatgpt.com/connector/oauth/callback\"]");
        aa_client_document_clear(&read.document);
    }
}

TEST(client_document, what_is_known_of_chatgpt_without_its_site_names_its_keys)
{
    struct aa_buf pinned;
    struct read read;

    aa_buf_init(&pinned, AA_CLIENT_DOCUMENT_MAX);
    CHECK(aa_client_pinned_add(VIEW("https://chatgpt.com/oauth/client.json"), &pinned));
    read = read_at("https://chatgpt.com/oauth/client.json", aa_buf_text(&pinned));
    CHECK_OK(read.rc);
    CHECK_VIEW(read.document.client.auth_methods, "none private_key_jwt");
    CHECK_VIEW(read.document.client.jwks_uri, "https://chatgpt.com/oauth/jwks.json");
    aa_client_document_clear(&read.document);
    aa_buf_clear(&pinned);
}

TEST(client_document, that_of_vs_code_is_taken_without_the_grant_we_do_not_serve)
{
    struct read read = read_at(
        "https://vscode.dev/oauth/client-metadata.json",
        "{\"client_id\":\"https://vscode.dev/oauth/client-metadata.json\",\"client_name\":\"Visual Studio Code\","
        "\"application_type\":\"native\",\"grant_types\":[\"authorization_code\",\"refresh_token\","
        "\"urn:ietf:params:oauth:grant-type:device_code\"],\"response_types\":[\"code\"],"
        "\"redirect_uris\":[\"http://127.0.0.1:33418/\",\"https://vscode.dev/redirect\"],"
        "\"logo_uri\":\"https://vscode.dev/icon.png\",\"token_endpoint_auth_method\":\"none\"}");

    CHECK_OK(read.rc);
    CHECK_VIEW(read.document.client.application_type, "native");
    CHECK_VIEW(read.document.client.grant_types, "authorization_code refresh_token");
    CHECK_VIEW(read.document.client.redirect_uris, "[\"http://127.0.0.1:33418/\",\"https://vscode.dev/redirect\"]");
    aa_client_document_clear(&read.document);
}

TEST(client_document, a_host_is_as_long_as_a_name_may_be_and_no_longer)
{
    char url[400];

    for (int len = 250; len <= 256; len++) {
        snprintf(url, sizeof url, "https://%0*d.example/x", len - 8, 0); /* of zeroes: a label has no limit here */
        CHECK((aa_client_document_check_url(VIEW(url), NULL) == AA_OK) == (len <= 253));
    }
}

TEST(client_document, its_site_is_its_host_with_the_port_that_it_names)
{
    CHECK_VIEW(aa_client_document_site(VIEW("https://app.example/x/y?z=//")), "app.example");
    CHECK_VIEW(aa_client_document_site(VIEW("https://app.example:8443/x")), "app.example:8443");
}

TEST(client_document, the_least_one_holds_its_url_a_name_and_a_redirect_uri)
{
    struct read read = read_at(URL, HEAD URIS "}");

    CHECK_OK(read.rc);
    CHECK_VIEW(read.document.client.client_id, URL);
    CHECK_VIEW(read.document.client.redirect_uris, "[\"https://app.example/cb\"]");
    CHECK_VIEW(read.document.client.grant_types, "authorization_code");
    CHECK_VIEW(read.document.client.client_name, "App");
    CHECK(aa_view_is_absent(read.document.client.scope) && aa_view_is_absent(read.document.client.client_uri));
    aa_client_document_clear(&read.document);
    aa_client_document_clear(&read.document); /* harmless */
}

/* ---- what is tolerated ---- */

TEST(client_document, what_we_do_not_know_or_do_not_do_is_passed_over)
{
    static const char *const members[] = {
        "",
        "\"unknown\":{\"a\":[1,2,{}]}",
        "\"client_secret_is_not_meant\":\"x\"",
        "\"logo_uri\":\"http://127.0.0.1/logo.png\"",
        "\"logo_uri\":7",
        "\"jwks_uri\":\"https://app.example/jwks.json\"",
        "\"contacts\":[\"a@app.example\"]",
        "\"client_secret\":null",
        "\"grant_types\":null",
        "\"response_types\":null",
        "\"grant_types\":[\"implicit\",\"authorization_code\"]",
        "\"response_types\":[\"code\",\"token\"]",
        "\"application_type\":\"desktop\"",
        "\"client_uri\":\"javascript:alert(1)\"",
        "\"scope\":\"files:read files:write\"",
        "\"software_statement\":\"e30.e30.e30\"",
    };

    for (size_t i = 0; i < sizeof members / sizeof *members; i++)
        check_taken(read_with(members[i]), members[i]);
}

TEST(client_document, redirect_uris_of_another_host_are_taken)
{
    struct read read = read_at("https://one.example/x",
                               "{\"client_id\":\"https://one.example/x\",\"client_name\":\"App\",\"redirect_uris\":["
                               "\"https://two.example/cb\",\"cursor://a/cb\"]}");

    check_taken(read, "a document that leads elsewhere");
}

/* ---- what is refused ---- */

TEST(client_document, it_must_be_one_json_object_in_utf8)
{
    static const char *const bad[] = {
        "",
        " ",
        "null",
        "\"" URL "\"",
        "[]",
        "[" HEAD URIS "}]",
        "<!doctype html><title>Sign in</title>",
        HEAD URIS,
        HEAD URIS "}}",
        HEAD URIS "} x",
        HEAD URIS ",}",
        "\xef\xbb\xbf" HEAD URIS "}",
        HEAD URIS_ALONE ",\"client_name\":\"\xff\"}",
        HEAD URIS_ALONE ",\"client_name\":\"\xed\xa0\x80\"}",
        HEAD URIS_ALONE ",\"client_name\":\"a\\u0000b\"}",
        HEAD "\"client_id\":\"" URL "\"," URIS "}",
        HEAD URIS "," URIS "}",
        HEAD URIS ",\"unknown\":{\"a\":1,\"a\":2}}",
    };

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        check_refused(read_at(URL, bad[i]), AA_OAUTH_INVALID_CLIENT, bad[i]);
    check_refused(read_bytes(URL, HEAD URIS "}\0", sizeof(HEAD URIS "}")), AA_OAUTH_INVALID_CLIENT, "a NUL behind it");
    check_taken(read_at(URL, " \n" HEAD URIS "}\r\n"), "one with white space around it");
    check_taken(read_at(URL, HEAD URIS_ALONE ",\"client_name\":\"Caf\xc3\xa9\"}"),
                "one with a name of two-byte characters");
}

TEST(client_document, it_has_5120_bytes_at_the_most)
{
    static char text[AA_CLIENT_DOCUMENT_MAX + 1];

    memset(text, ' ', sizeof text);
    memcpy(text, HEAD URIS "}", strlen(HEAD URIS "}"));
    CHECK_INT(AA_CLIENT_DOCUMENT_MAX, 5120);
    check_taken(read_bytes(URL, text, AA_CLIENT_DOCUMENT_MAX), "5120 bytes");
    check_refused(read_bytes(URL, text, AA_CLIENT_DOCUMENT_MAX + 1), AA_OAUTH_INVALID_CLIENT, "5121 bytes");
}

TEST(client_document, it_must_hold_its_own_url_byte_for_byte)
{
    static const char *const others[] = {
        "https://app.example/client.jso",
        "https://app.example/client.json/",
        "https://app.example/Client.json",
        "https://APP.example/client.json",
        "HTTPS://app.example/client.json",
        "https://app.example:443/client.json",
        "https://app.example/client.json?",
        "https://app.example/%63lient.json",
        "https://app.example/client.json ",
        "https://other.example/client.json",
        "cl_0123456789abcdef",
        "",
    };
    char text[256];

    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        snprintf(text, sizeof text, "{\"client_id\":\"%s\"," URIS "}", others[i]);
        check_refused(read_at(URL, text), AA_OAUTH_INVALID_CLIENT, others[i]);
    }
    check_refused(read_at(URL, "{" URIS "}"), AA_OAUTH_INVALID_CLIENT, "no client_id");
    check_refused(read_at(URL, "{\"client_id\":null," URIS "}"), AA_OAUTH_INVALID_CLIENT, "a null client_id");
    check_taken(read_at(URL, HEAD URIS "}"), "its own URL");
    check_taken(read_at(URL, "{\"client_id\":\"https:\\/\\/app.example\\/client.json\"," URIS "}"),
                "its own URL with escaped slashes");
    check_taken(read_at("https://app.example:8443/x?", "{\"client_id\":\"https://app.example:8443/x?\"," URIS "}"),
                "its own URL, oddly written");
}

TEST(client_document, redirect_uris_must_be_there_and_each_must_be_allowed)
{
    static const char *const bad[] = {
        "\"contacts\":[]",
        "\"redirect_uris\":null",
        "\"redirect_uris\":[]",
        "\"redirect_uris\":[\"\"]",
        "\"redirect_uris\":[\"http://app.example/cb\"]",
        "\"redirect_uris\":[\"https://app.example/cb\",\"javascript:alert(1)\"]",
        "\"redirect_uris\":[\"unlisted://app/cb\"]",
        "\"redirect_uris\":[\"https://app.example/*\"]",
        "\"redirect_uris\":[\"https://app.example/cb#x\"]",
        "\"redirect_uris\":[\"https://user@app.example/cb\"]",
    };
    static const char *const fine[] = {
        "\"redirect_uris\":[\"https://app.example/cb\"]",
        "\"redirect_uris\":[\"http://127.0.0.1:7777/cb\",\"http://[::1]/\",\"http://localhost\"]",
        "\"redirect_uris\":[\"cursor://app/cb\"]",
    };
    char text[256];
    size_t i;

    for (i = 0; i < sizeof bad / sizeof *bad; i++) {
        snprintf(text, sizeof text, HEAD NAME "%s}", bad[i]);
        check_refused(read_at(URL, text), AA_OAUTH_INVALID_REDIRECT_URI, text);
    }
    for (i = 0; i < sizeof fine / sizeof *fine; i++) {
        snprintf(text, sizeof text, HEAD NAME "%s}", fine[i]);
        check_taken(read_at(URL, text), text);
    }
}

struct rule {
    const char *bad, *fine; /* members that differ in what the rule is about */
};

static void check_rules(const struct rule *rules, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        check_refused(read_with(rules[i].bad), AA_OAUTH_INVALID_CLIENT_METADATA, rules[i].bad);
        check_taken(read_with(rules[i].fine), rules[i].fine);
    }
}

TEST(client_document, it_holds_no_secret_and_no_private_key)
{
    static const struct rule rules[] = {
        {"\"client_secret\":\"x\"", "\"client_secrets\":\"x\""},
        {"\"client_secret\":\"\"", "\"client_secret\":null"},
        {"\"client_secret\":{}", "\"secret\":{}"},
        {"\"client_secret_expires_at\":0", "\"client_id_issued_at\":0"},
        {"\"client_secret_expires_at\":\"never\"", "\"expires_at\":\"never\""},
        {"\"jwks\":{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AA\",\"y\":\"AA\",\"d\":\"AA\"}]}",
         "\"jwks\":{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AA\",\"y\":\"AA\"}]}"},
        {"\"jwks\":{\"keys\":[{\"kty\":\"RSA\",\"n\":\"AA\",\"e\":\"AQAB\"},{\"kty\":\"RSA\",\"d\":\"AA\"}]}",
         "\"jwks\":{\"keys\":[{\"kty\":\"RSA\",\"n\":\"AA\",\"e\":\"AQAB\"},{\"kty\":\"RSA\"}]}"},
        {"\"jwks\":{\"keys\":[{\"kty\":\"RSA\",\"n\":\"AA\",\"p\":\"AA\"}]}", "\"jwks\":{\"keys\":[]}"},
        {"\"jwks\":{\"keys\":[{\"kty\":\"oct\",\"k\":\"AA\"}]}", "\"jwks\":{\"keys\":[{\"kty\":\"oct\"}]}"},
        {"\"jwks\":{\"keys\":[{\"kty\":\"AKP\",\"pub\":\"AA\",\"priv\":\"AA\"}]}",
         "\"jwks\":{\"keys\":[{\"kty\":\"AKP\",\"pub\":\"AA\"}]}"},
        {"\"jwks\":[{\"kty\":\"EC\",\"d\":\"AA\"}]", "\"jwks\":{\"keys\":7,\"d\":\"AA\"}"},
    };

    check_rules(rules, sizeof rules / sizeof *rules);
}

#define METHOD "\"token_endpoint_auth_method\":"
#define METHODS "\"token_endpoint_auth_methods_supported\":"
#define KEY                                                                                                            \
    "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","                         \
    "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}"
#define JWKS "\"jwks\":{\"keys\":[" KEY "]}"
#define JWKS_URI "\"jwks_uri\":\"https://keys.example/jwks.json\""

TEST(client_document, the_client_must_be_able_to_do_without_a_shared_secret)
{
    static const struct rule rules[] = {
        {METHOD "\"client_secret_basic\"", METHOD "\"none\""},
        {METHOD "\"client_secret_post\"", METHOD "null"},
        {METHOD "\"client_secret_jwt\"", METHODS "[\"none\"]"},
        {METHOD "\"tls_client_auth\"", METHODS "[\"tls_client_auth\",\"none\"]"},
        {METHOD "\"None\"", METHODS "null"},
        {METHOD "\"Private_key_jwt\"," JWKS_URI, METHOD "\"private_key_jwt\"," JWKS_URI},
        {METHOD "\"\"", ""},
        {METHODS "[]", METHODS "[\"none\",\"unknown\"]"},
        {METHODS "[\"tls_client_auth\"]", METHODS "[\"tls_client_auth\",\"private_key_jwt\"]," JWKS_URI},
        /* the one is not of the list */
        {METHOD "\"none\"," METHODS "[\"private_key_jwt\"]," JWKS_URI,
         METHOD "\"none\"," METHODS "[\"private_key_jwt\",\"none\"]," JWKS_URI},
        {METHOD "\"private_key_jwt\"," METHODS "[\"none\"]", METHOD "\"none\"," METHODS "[\"none\"]"},
        /* a shared secret may be what other servers take, but not what the client asks for */
        {METHOD "\"client_secret_basic\"," METHODS "[\"client_secret_basic\",\"none\"]",
         METHOD "\"none\"," METHODS "[\"client_secret_basic\",\"none\"]"},
    };

    check_rules(rules, sizeof rules / sizeof *rules);
    CHECK(strstr(read_with(METHOD "\"tls_client_auth\"").refused.description, "none or private_key_jwt") != NULL);
}

TEST(client_document, a_client_that_has_nothing_but_its_keys_publishes_them)
{
    static const struct rule rules[] = {
        {METHOD "\"private_key_jwt\"", METHOD "\"private_key_jwt\"," JWKS_URI},
        {METHODS "[\"private_key_jwt\"]", METHODS "[\"private_key_jwt\"]," JWKS},
        {METHOD "\"private_key_jwt\",\"jwks\":{}", METHOD "\"private_key_jwt\"," JWKS},
        {METHOD "\"private_key_jwt\",\"jwks\":{\"keys\":[]}", METHOD "\"none\",\"jwks\":{\"keys\":[]}"},
        {METHOD "\"private_key_jwt\",\"jwks\":{\"keys\":[{\"kty\":\"oct\"}]}",
         METHOD "\"private_key_jwt\",\"jwks\":{\"keys\":[{\"kty\":\"oct\"}," KEY "]}"},
        /* RFC 7591 §2: one of the two */
        {METHOD "\"private_key_jwt\"," JWKS "," JWKS_URI, METHOD "\"private_key_jwt\"," JWKS},
        {JWKS "," JWKS_URI, JWKS_URI},
        /* jwks_uri is fetched as a document is */
        {METHOD "\"private_key_jwt\",\"jwks_uri\":\"http://keys.example/jwks.json\"",
         METHOD "\"private_key_jwt\",\"jwks_uri\":\"https://keys.example/jwks.json\""},
        {METHOD "\"private_key_jwt\",\"jwks_uri\":\"https://u@keys.example/jwks.json\"",
         METHOD "\"private_key_jwt\",\"jwks_uri\":\"https://keys.example:8443/jwks.json\""},
        {METHOD "\"private_key_jwt\",\"jwks_uri\":\"https://keys.example\"",
         METHOD "\"private_key_jwt\",\"jwks_uri\":\"https://keys.example/k\""},
        {METHOD "\"private_key_jwt\",\"jwks_uri\":\"https://keys.example/a/../k\"",
         METHOD "\"private_key_jwt\",\"jwks_uri\":\"https://keys.example/a/..k\""},
        {METHODS "[\"none\",\"private_key_jwt\"],\"jwks_uri\":\"ftp://keys.example/k\"",
         METHODS "[\"none\"],\"jwks_uri\":\"ftp://keys.example/k\""},
        {"\"jwks_uri\":7", "\"jwks_uri\":null"},
    };

    check_rules(rules, sizeof rules / sizeof *rules);
}

TEST(client_document, what_a_client_may_do_and_the_keys_for_it_are_kept)
{
    static const struct {
        const char *members, *methods, *jwks_uri;
        bool has_jwks;
    } cases[] = {
        {"", "none", NULL, false},
        {METHOD "\"none\"," JWKS, "none", NULL, false},
        {METHOD "\"none\"," JWKS_URI, "none", NULL, false},
        {METHOD "\"private_key_jwt\"," JWKS, "private_key_jwt", NULL, true},
        {METHOD "\"private_key_jwt\"," JWKS_URI, "private_key_jwt", "https://keys.example/jwks.json", false},
        {METHODS "[\"private_key_jwt\",\"none\"]," JWKS, "none private_key_jwt", NULL, true},
        {METHOD "\"private_key_jwt\"," METHODS "[\"private_key_jwt\",\"none\"]," JWKS_URI, "none private_key_jwt",
         "https://keys.example/jwks.json", false},
        {METHODS "[\"private_key_jwt\",\"none\"]", "none", NULL, false},
        {METHODS "[\"private_key_jwt\",\"none\"],\"jwks\":{}", "none", NULL, false},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct read read = read_with(cases[i].members);

        CHECK_OK(read.rc);
        CHECK_VIEW(read.document.client.auth_methods, cases[i].methods);
        CHECK(aa_view_equal(read.document.client.jwks_uri, aa_view_of(cases[i].jwks_uri)));
        CHECK(!aa_view_is_absent(read.document.client.jwks) == cases[i].has_jwks);
        CHECK_INT(read.document.client.jwks_fetched_ms, 0);
        aa_client_document_clear(&read.document);
    }
}
#undef METHOD
#undef METHODS

TEST(client_document, it_must_be_good_for_what_it_is_asked_for)
{
    static const struct rule rules[] = {
        {"\"grant_types\":[]", "\"grant_types\":[\"authorization_code\"]"},
        {"\"grant_types\":[\"refresh_token\"]", "\"grant_types\":[\"refresh_token\",\"authorization_code\"]"},
        {"\"grant_types\":[\"client_credentials\",\"urn:ietf:params:oauth:grant-type:jwt-bearer\"]",
         "\"grant_types\":[\"client_credentials\",\"authorization_code\"]"},
        {"\"response_types\":[]", "\"response_types\":[\"code\"]"},
        {"\"response_types\":[\"token\",\"code id_token\"]", "\"response_types\":[\"token\",\"code\"]"},
    };

    check_rules(rules, sizeof rules / sizeof *rules);
}

TEST(client_document, its_members_are_of_the_right_type_and_its_texts_can_be_shown)
{
    static const struct rule rules[] = {
        {"\"client_name\":7", "\"client_name\":\"7\""},
        {"\"client_name\":null", "\"client_name\":\"null\""},
        {"\"client_name\":\"\"", "\"client_name\":\" \""},
        {"\"client_name\":\"a\\u202eb\"", "\"client_name\":\"a\\u2014b\""},
        {"\"client_name\":\"a\\nb\"", "\"client_name\":\"a b\""},
        {"\"client_name\":\"\\u200b\"", "\"client_name\":\"<b>\""},
        {"\"scope\":[\"a\"]", "\"scope\":\"a\""},
        {"\"scope\":\"a\\\"b\"", "\"scope\":\"a b\""},
        {"\"grant_types\":\"authorization_code\"", "\"grant_types\":[\"authorization_code\"]"},
        {"\"grant_types\":[\"authorization_code\",1]", "\"grant_types\":[\"authorization_code\",\"1\"]"},
        {"\"response_types\":\"code\"", "\"response_types\":[\"code\"]"},
        {"\"application_type\":{}", "\"application_type\":\"web\""},
        {"\"client_uri\":[]", "\"client_uri\":\"https://app.example\""},
        {"\"token_endpoint_auth_method\":[\"none\"]", "\"token_endpoint_auth_method\":\"none\""},
        {"\"token_endpoint_auth_methods_supported\":\"none\"", "\"token_endpoint_auth_methods_supported\":[\"none\"]"},
        {"\"jwks\":\"{}\"", "\"jwks\":{}"},
    };

    check_rules(rules, sizeof rules / sizeof *rules);
    check_refused(read_at(URL, "{\"client_id\":7," URIS "}"), AA_OAUTH_INVALID_CLIENT_METADATA, "a number");
    check_refused(read_at(URL, HEAD "\"redirect_uris\":\"https://app.example/cb\"}"), AA_OAUTH_INVALID_CLIENT_METADATA,
                  "a text for a list");
}

TEST(client_document, its_name_has_200_bytes_at_the_most)
{
    char members[256], name[202];

    memset(name, 'n', sizeof name);
    name[201] = '\0';
    snprintf(members, sizeof members, "\"client_name\":\"%s\"", name);
    check_refused(read_with(members), AA_OAUTH_INVALID_CLIENT_METADATA, members);
    name[200] = '\0';
    snprintf(members, sizeof members, "\"client_name\":\"%s\"", name);
    check_taken(read_with(members), members);
}

TEST(client_document, out_of_memory_at_any_point_is_told_as_such)
{
    struct aa_settings settings;
    size_t nth;

    aa_settings_init(&settings);
    for (nth = 1; nth < 500; nth++) {
        struct aa_client_document document = {.json = NULL};
        struct aa_refused refused = AA_REFUSED_INIT;
        enum aa_err rc;

        aa_mem_fail_at(nth, false);
        rc = aa_client_document_read(&settings, VIEW(URL), VIEW(HEAD URIS_ALONE ",\"client_name\":\"App\"}"), &document,
                                     &refused, NULL);
        aa_mem_fail_at(0, false);
        aa_client_document_clear(&document);
        if (!rc)
            break;
        CHECK_ERR(rc, AA_ERR_NOMEM);
        CHECK_INT(refused.error, AA_OAUTH_NONE);
    }
    CHECK(nth > 2 && nth < 500); /* two are ours, the rest are of the JSON library */
}

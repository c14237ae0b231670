/* Client id metadata documents: the URL on the first line, behind it what was found there. */
#include "domain/client_document.h"

#include "base/url.h"
#include "domain/client_keys.h"
#include "domain/clients.h"
#include "domain/redirect_uri.h"
#include "domain/texts.h"
#include "fuzz.h"

static struct aa_settings settings;

/* Nothing that whatever fetches would change, leave out or send elsewhere. */
static void check_url(struct aa_view text)
{
    struct aa_buf normal;
    struct aa_url url;

    MUST(aa_client_document_is_named(text));
    MUST_OK(aa_url_parse(text, &url, NULL));
    MUST(aa_url_is_scheme(&url, "https") && url.host.len > 0 && url.path.len > 1);
    MUST(aa_view_is_absent(url.userinfo) && aa_view_is_absent(url.fragment));
    MUST(!aa_view_has_suffix(url.path, AA_VIEW("/.")) && !aa_view_has_suffix(url.path, AA_VIEW("/..")));
    MUST(!aa_view_has_prefix(url.path, AA_VIEW("/./")) && !aa_view_has_prefix(url.path, AA_VIEW("/../")));
    MUST(aa_client_document_site(text).len >= url.host.len);
    aa_buf_init(&normal, FUZZ_TEXT_MAX); /* it is still one when written as it is compared elsewhere */
    aa_url_add_normal(&normal, &url);
    MUST_OK(aa_client_document_check_url(aa_buf_view(&normal), NULL));
    aa_buf_clear(&normal);
}

static void check_uris(struct aa_view text)
{
    struct aa_json *uris = NULL;

    MUST_OK(aa_json_parse(text, AA_CLIENT_METADATA_MAX, &uris, NULL));
    MUST(aa_json_len(uris) > 0 && aa_json_len(uris) <= 10);
    for (size_t i = 0; i < aa_json_len(uris); i++)
        MUST_OK(aa_redirect_uri_check(&settings, aa_json_text(aa_json_at(uris, i)), NULL));
    aa_json_free(uris);
}

/* Keys are kept for those alone that may use them, and one way is left to everybody. */
static void check_keys(const struct aa_client *client)
{
    bool has_set = !aa_view_is_absent(client->jwks), has_uri = !aa_view_is_absent(client->jwks_uri);

    MUST(!(has_set && has_uri));
    MUST(aa_client_may(client, AA_CLIENT_PRIVATE_KEY_JWT) == (has_set || has_uri));
    MUST(aa_client_may(client, AA_CLIENT_NONE) || has_set || has_uri);
    if (has_set)
        MUST_OK(aa_client_keys_check(client->jwks, NULL));
    if (has_uri)
        check_url(client->jwks_uri);
    MUST(client->jwks_fetched_ms == 0 && client->jwks_asked_ms == 0);
}

static void check_client(const struct aa_client *client, struct aa_view url)
{
    MUST_EQUAL(client->client_id, url);
    MUST(client->client_id.data != url.data);
    MUST_EQUAL(client->source, AA_VIEW("cimd"));
    MUST(aa_view_is_absent(client->fingerprint) && client->memory == NULL);
    MUST(client->created_ms == 0 && client->expires_ms == 0 && client->last_used_ms == 0);
    check_uris(client->redirect_uris);
    check_keys(client);
    MUST(aa_client_has_grant(client, "authorization_code"));
    MUST(aa_text_is_plain(client->client_name) && client->client_name.len > 0 && client->client_name.len <= 200);
    MUST(aa_view_is_utf8(client->scope) && aa_view_is_utf8(client->client_uri));
}

/* What the client is told of itself could be its document again. */
static void check_again(const struct aa_client *client)
{
    struct aa_client_document again;
    struct aa_refused refused = AA_REFUSED_INIT;
    struct aa_buf told;

    aa_buf_init(&told, AA_CLIENT_ANSWER_MAX);
    MUST_OK(aa_client_add_json(&told, client, NULL));
    if (told.len <= AA_CLIENT_DOCUMENT_MAX) { /* it says what goes without saying */
        MUST_OK(aa_client_document_read(&settings, client->client_id, aa_buf_view(&told), &again, &refused, NULL));
        MUST_EQUAL(again.client.redirect_uris, client->redirect_uris);
        MUST_EQUAL(again.client.grant_types, client->grant_types);
        MUST_EQUAL(again.client.client_name, client->client_name);
        MUST_EQUAL(again.client.scope, client->scope);
        MUST_EQUAL(again.client.application_type, client->application_type);
        MUST_EQUAL(again.client.client_uri, client->client_uri);
        aa_client_document_clear(&again);
    }
    aa_buf_clear(&told);
}

static void check_refusal(enum aa_err rc, const struct aa_refused *refused)
{
    MUST(rc == AA_ERR_REQUEST_MALFORMED);
    MUST(refused->error == AA_OAUTH_INVALID_CLIENT || refused->error == AA_OAUTH_INVALID_REDIRECT_URI ||
         refused->error == AA_OAUTH_INVALID_CLIENT_METADATA);
    MUST(refused->description[0] != '\0');
}

bool fuzz_one(struct aa_view input)
{
    struct aa_view rest = input, url = fuzz_take_line(&rest);
    struct aa_client_document document = {.json = NULL};
    struct aa_refused refused = AA_REFUSED_INIT;
    enum aa_err rc;

    aa_settings_init(&settings);
    if (!aa_client_document_check_url(url, NULL))
        check_url(url);
    if (aa_client_document_is_json(url))
        MUST(aa_view_find(url, '/') != SIZE_MAX && !aa_client_document_is_named(url));
    rc = aa_client_document_read(&settings, url, rest, &document, &refused, NULL);
    if (rc) {
        check_refusal(rc, &refused);
        MUST(!document.json);
        return false;
    }
    MUST(refused.error == AA_OAUTH_NONE && rest.len <= AA_CLIENT_DOCUMENT_MAX);
    check_url(url);
    check_client(&document.client, url);
    check_again(&document.client);
    aa_client_document_clear(&document);
    return true;
}

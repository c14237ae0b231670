#include "domain/client_document.h"

#include <stddef.h>

#include "base/error.h"
#include "base/url.h"
#include "domain/client_keys.h"

#define HOST_MAX 253 /* bytes: RFC 1035 §2.3.4, as it is written */

/* ---- the identifier ---- */

bool aa_client_document_is_named(struct aa_view client_id)
{
    const struct aa_view scheme = AA_VIEW("https://");

    return aa_view_equal_nocase(aa_view_slice(client_id, 0, scheme.len), scheme);
}

/* Bytes of the dot that the text begins with: "." or "%2e", which are the same (RFC 3986 §6.2.2.2). */
static size_t dot_len(struct aa_view text)
{
    if (aa_view_has_prefix(text, AA_VIEW(".")))
        return 1;
    return aa_view_equal_nocase(aa_view_slice(text, 0, 3), AA_VIEW("%2e")) ? 3 : 0;
}

static bool is_dot_segment(struct aa_view segment)
{
    size_t dots = 0;

    while (segment.len > 0) {
        size_t len = dot_len(segment);

        if (len == 0)
            return false;
        segment = aa_view_from(segment, len);
        dots++;
    }
    return dots == 1 || dots == 2;
}

static bool has_dot_segment(struct aa_view path)
{
    struct aa_view segment;

    while (!aa_view_is_absent(path)) {
        aa_view_cut(path, '/', &segment, &path);
        if (is_dot_segment(segment))
            return true;
    }
    return false;
}

static bool is_letter(char c)
{
    return c >= 'a' && c <= 'z';
}

/* RFC 1123 §2.1, in lower case. */
static bool is_label(struct aa_view label)
{
    if (label.len == 0 || label.data[0] == '-' || label.data[label.len - 1] == '-')
        return false;
    for (size_t i = 0; i < label.len; i++)
        if (!is_letter(label.data[i]) && !(label.data[i] >= '0' && label.data[i] <= '9') && label.data[i] != '-')
            return false;
    return true;
}

/* A name of the DNS, in the one spelling that people are shown: "cIaude.ai" would pass for another. An address has no
 * name that anybody could judge, and many spellings; no name ends in a label that begins with a digit. */
static bool is_plain_host(struct aa_view host)
{
    struct aa_view label = AA_VIEW_ABSENT;

    if (host.len > HOST_MAX)
        return false;
    do {
        aa_view_cut(host, '.', &label, &host);
        if (!is_label(label))
            return false;
    } while (!aa_view_is_absent(host));
    return is_letter(label.data[0]);
}

/* None that goes without saying, and none in two ways: one site would have many names. */
static bool is_plain_port(struct aa_view port)
{
    return aa_view_is_absent(port) || (port.len > 0 && port.data[0] != '0' && !aa_view_equal_text(port, "443"));
}

enum aa_err aa_client_document_check_url(struct aa_view client_id, struct aa_error *err)
{
    struct aa_url url;
    enum aa_err rc;

    rc = aa_url_parse(client_id, &url, err);
    if (rc)
        return rc;
    if (!aa_view_has_prefix(client_id, AA_VIEW("https://")))
        return aa_fail(err, AA_ERR_URL_MALFORMED, "a client's document is published by https alone");
    if (!is_plain_host(url.host))
        return aa_fail(err, AA_ERR_URL_MALFORMED, "the host of a client's document must be a plain name in lower case");
    if (!is_plain_port(url.port))
        return aa_fail(err, AA_ERR_URL_MALFORMED, "the URL of a client's document must not name https's own port");
    if (url.path.len <= 1) /* "/" is the same as none (RFC 3986 §6.2.3) */
        return aa_fail(err, AA_ERR_URL_MALFORMED, "the URL of a client's document must have a path");
    /* What fetches takes them out: one document would be found by many names, none of them its own. */
    if (has_dot_segment(url.path))
        return aa_fail(err, AA_ERR_URL_MALFORMED, "the URL of a client's document must not have dot segments");
    if (!aa_view_is_absent(url.fragment))
        return aa_fail(err, AA_ERR_URL_MALFORMED, "the URL of a client's document must not have a fragment");
    if (!aa_view_is_absent(url.userinfo))
        return aa_fail(err, AA_ERR_URL_MALFORMED, "the URL of a client's document must not have a user name");
    return AA_OK;
}

struct aa_view aa_client_document_site(struct aa_view client_id)
{
    struct aa_view site, rest;

    aa_view_cut(aa_view_from(client_id, AA_VIEW("https://").len), '/', &site, &rest);
    return site;
}

/* ---- the media type ---- */

/* RFC 9110 §5.6.2: a token. Two types joined by a comma are none. */
static bool is_token(struct aa_view text)
{
    static const char punctuation[] = "!#$%&'*+-.^_`|~";

    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        bool is_alphanumeric = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');

        if (!is_alphanumeric && (c == '\0' || !strchr(punctuation, c)))
            return false;
    }
    return text.len > 0;
}

bool aa_client_document_is_json(struct aa_view content_type)
{
    const struct aa_view suffix = AA_VIEW("+json");
    struct aa_view type, subtype, parameters;

    aa_view_cut(content_type, ';', &type, &parameters);
    type = aa_view_trim(type);
    if (!aa_view_cut(type, '/', &type, &subtype) || !aa_view_equal_nocase(type, AA_VIEW("application")) ||
        !is_token(subtype))
        return false;
    if (aa_view_equal_nocase(subtype, AA_VIEW("json")))
        return true;
    return subtype.len > suffix.len && aa_view_equal_nocase(aa_view_from(subtype, subtype.len - suffix.len), suffix);
}

/* ---- the document ---- */

/* What only a document says; borrowed from it. */
struct stated {
    struct aa_view client_id, auth_method, jwks_uri;
    const struct aa_json *auth_methods, *response_types, *client_secret, *client_secret_expires_at, *jwks;
};

static const struct aa_json_field fields[] = {
    {"client_id", AA_FIELD_TEXT, offsetof(struct stated, client_id), false, 0},
    {"token_endpoint_auth_method", AA_FIELD_TEXT, offsetof(struct stated, auth_method), false, 0},
    {"token_endpoint_auth_methods_supported", AA_FIELD_TEXT_LIST, offsetof(struct stated, auth_methods), false,
     AA_CLIENT_LIST_MAX},
    {"response_types", AA_FIELD_TEXT_LIST, offsetof(struct stated, response_types), false, AA_CLIENT_LIST_MAX},
    {"client_secret", AA_FIELD_ANY, offsetof(struct stated, client_secret), false, 0},
    {"client_secret_expires_at", AA_FIELD_ANY, offsetof(struct stated, client_secret_expires_at), false, 0},
    {"jwks", AA_FIELD_OBJECT, offsetof(struct stated, jwks), false, 0},
    {"jwks_uri", AA_FIELD_TEXT, offsetof(struct stated, jwks_uri), false, 0},
};

static bool has_text(const struct aa_json *list, struct aa_view text)
{
    for (size_t i = 0; i < aa_json_len(list); i++)
        if (aa_view_equal(aa_json_text(aa_json_at(list, i)), text))
            return true;
    return false;
}

/* The text, which was somebody's answer to our question, to JSON. */
static enum aa_err parse(struct aa_view text, struct aa_json **json, struct aa_refused *refused, struct aa_error *err)
{
    enum aa_err rc;

    rc = aa_json_parse(text, AA_CLIENT_DOCUMENT_MAX, json, err);
    if (rc == AA_ERR_NOMEM)
        return rc;
    if (rc == AA_ERR_TOO_LONG)
        return aa_refuse(refused, AA_OAUTH_INVALID_CLIENT, "The client metadata document is larger than 5 KB");
    if (rc || !aa_json_is(*json, AA_JSON_OBJECT))
        return aa_refuse(refused, AA_OAUTH_INVALID_CLIENT,
                         "The client metadata document is not a JSON object in UTF-8 that names each member once");
    return AA_OK;
}

static enum aa_err read_members(const struct aa_json *json, struct stated *stated, struct aa_client_metadata *metadata,
                                struct aa_refused *refused, struct aa_error *err)
{
    if (aa_json_read(json, fields, sizeof fields / sizeof *fields, stated, err) ||
        aa_client_metadata_read(json, metadata, err))
        return aa_refuse(refused, AA_OAUTH_INVALID_CLIENT_METADATA,
                         "A member of the client metadata document has the wrong type or is too long");
    return AA_OK;
}

/* CIMD §4: "using simple string comparison". Who can place a file on a host, but not choose its name, must not speak
 * for another client there. */
static enum aa_err check_is_own(const struct stated *stated, struct aa_view url, struct aa_refused *refused)
{
    if (aa_view_equal(stated->client_id, url))
        return AA_OK;
    return aa_refuse(refused, AA_OAUTH_INVALID_CLIENT,
                     "client_id in the client metadata document is not the URL it was asked for, byte for byte");
}

/* CIMD §4: neither may be used. Whoever fetches the document would know the secret. */
static enum aa_err check_has_no_secret(const struct stated *stated, struct aa_refused *refused)
{
    if (!stated->client_secret && !stated->client_secret_expires_at)
        return AA_OK;
    return aa_refuse(refused, AA_OAUTH_INVALID_CLIENT_METADATA,
                     "A client metadata document must not have client_secret or client_secret_expires_at");
}

static bool is_shared_secret(struct aa_view method)
{
    return aa_view_equal_text(method, "client_secret_basic") || aa_view_equal_text(method, "client_secret_post") ||
           aa_view_equal_text(method, "client_secret_jwt");
}

static const struct aa_view none = {"none", 4}, private_key_jwt = {"private_key_jwt", 15};

/* One document is read by many authorization servers, so the client may say all the methods it can do beside the one it
 * likes best. Where both stand, the one must be of the list (OpenID Connect RP Metadata Choices 1.0 §2); that we do not
 * do the one is no error as long as we do another (§4). Without the list the one is what must be used (CIMD §8.2). */
static bool can_do(const struct stated *stated, struct aa_view method)
{
    if (stated->auth_methods)
        return has_text(stated->auth_methods, method);
    return aa_view_equal(aa_view_is_absent(stated->auth_method) ? none : stated->auth_method, method);
}

static enum aa_err check_auth_method(const struct stated *stated, struct aa_refused *refused)
{
    if (is_shared_secret(stated->auth_method)) /* CIMD §4 */
        return aa_refuse(refused, AA_OAUTH_INVALID_CLIENT_METADATA,
                         "token_endpoint_auth_method in a client metadata document must not be one of a shared secret");
    if (stated->auth_methods && !aa_view_is_absent(stated->auth_method) &&
        !has_text(stated->auth_methods, stated->auth_method))
        return aa_refuse(refused, AA_OAUTH_INVALID_CLIENT_METADATA,
                         "token_endpoint_auth_method is not one of token_endpoint_auth_methods_supported");
    if (can_do(stated, none) || can_do(stated, private_key_jwt))
        return AA_OK;
    return aa_refuse(refused, AA_OAUTH_INVALID_CLIENT_METADATA,
                     "token_endpoint_auth_method must be none or private_key_jwt, or "
                     "token_endpoint_auth_methods_supported must list one of them");
}

static enum aa_err check_keys(const struct stated *stated, struct aa_refused *refused)
{
    if (aa_client_keys_are_lost(stated->jwks)) /* CIMD §4 */
        return aa_refuse(refused, AA_OAUTH_INVALID_CLIENT_METADATA,
                         "jwks in the client metadata document holds a private key: it is known to everybody now, and "
                         "must be replaced");
    if (stated->jwks && !aa_view_is_absent(stated->jwks_uri)) /* RFC 7591 §2 */
        return aa_refuse(refused, AA_OAUTH_INVALID_CLIENT_METADATA,
                         "A client metadata document must not have both jwks and jwks_uri");
    if (can_do(stated, private_key_jwt) && !aa_view_is_absent(stated->jwks_uri) &&
        aa_client_document_check_url(stated->jwks_uri, NULL))
        return aa_refuse(refused, AA_OAUTH_INVALID_CLIENT_METADATA,
                         "jwks_uri in the client metadata document must be https with a host and a path, without dot "
                         "segments, user name or fragment");
    return AA_OK;
}

/* MCP Authorization, "Client ID Metadata Documents": the one member that it wants beside the draft's. */
static enum aa_err check_name(const struct aa_client_metadata *metadata, struct aa_refused *refused)
{
    if (metadata->client_name.len > 0)
        return AA_OK;
    return aa_refuse(refused, AA_OAUTH_INVALID_CLIENT_METADATA, "The client metadata document has no client_name");
}

/* Other grants and response types may be listed: the same document tells them to others. When nothing is said, it is
 * these two (RFC 7591 §2). */
static enum aa_err check_flow(const struct stated *stated, const struct aa_client_metadata *metadata,
                              struct aa_refused *refused)
{
    if (metadata->grant_types && !has_text(metadata->grant_types, AA_VIEW("authorization_code")))
        return aa_refuse(refused, AA_OAUTH_INVALID_CLIENT_METADATA,
                         "grant_types in the client metadata document does not list authorization_code");
    if (stated->response_types && !has_text(stated->response_types, AA_VIEW("code")))
        return aa_refuse(refused, AA_OAUTH_INVALID_CLIENT_METADATA,
                         "response_types in the client metadata document does not list code");
    return AA_OK;
}

static enum aa_err check_stated(const struct stated *stated, const struct aa_client_metadata *metadata,
                                struct aa_view url, struct aa_refused *refused)
{
    enum aa_err rc;

    rc = check_is_own(stated, url, refused);
    if (!rc)
        rc = check_has_no_secret(stated, refused);
    if (!rc)
        rc = check_auth_method(stated, refused);
    if (!rc)
        rc = check_keys(stated, refused);
    return rc ? rc : check_flow(stated, metadata, refused);
}

static enum aa_err keep_jwks(const struct stated *stated, struct aa_client_document *document, struct aa_error *err)
{
    struct aa_buf *jwks = &document->texts.jwks;
    enum aa_err rc;

    if (!stated->jwks)
        return AA_OK;
    aa_buf_add_json(jwks, stated->jwks);
    rc = aa_buf_check(jwks, "jwks", err);
    if (!rc)
        rc = aa_client_keys_check(aa_buf_view(jwks), err);
    if (!rc)
        document->client.jwks = aa_buf_view(jwks);
    return rc == AA_ERR_NOT_FOUND ? AA_OK : rc;
}

/* A client that can do without its keys is let in when it has none that we can use. */
static enum aa_err keep_methods(const struct stated *stated, struct aa_client_document *document,
                                struct aa_refused *refused, struct aa_error *err)
{
    struct aa_client *client = &document->client;
    bool is_public = can_do(stated, none);
    enum aa_err rc;

    client->auth_methods = none;
    if (!can_do(stated, private_key_jwt))
        return AA_OK;
    rc = keep_jwks(stated, document, err);
    if (rc)
        return rc;
    client->jwks_uri = stated->jwks_uri;
    if (!aa_view_is_absent(client->jwks) || !aa_view_is_absent(client->jwks_uri))
        client->auth_methods = is_public ? AA_VIEW("none private_key_jwt") : private_key_jwt;
    else if (!is_public)
        return aa_refuse(refused, AA_OAUTH_INVALID_CLIENT_METADATA,
                         "token_endpoint_auth_method is private_key_jwt, but jwks holds no key that can be used, and "
                         "there is no jwks_uri");
    return AA_OK;
}

static enum aa_err read_into(const struct aa_settings *settings, struct aa_view url, struct aa_view text,
                             struct aa_client_document *document, struct aa_refused *refused, struct aa_error *err)
{
    struct aa_client_metadata metadata = {0};
    struct stated stated = {0};
    enum aa_err rc;

    rc = parse(text, &document->json, refused, err);
    if (rc)
        return rc;
    rc = read_members(document->json, &stated, &metadata, refused, err);
    if (rc)
        return rc;
    rc = check_stated(&stated, &metadata, url, refused);
    if (rc)
        return rc;
    /* Redirect URIs may lie elsewhere than the document (CIMD §8.1 lets us refuse those): native clients have theirs on
     * loopback, and people are shown both hosts. */
    rc = aa_client_metadata_check(settings, &metadata, refused, err);
    if (!rc)
        rc = check_name(&metadata, refused);
    if (rc)
        return rc;
    document->client.client_id = stated.client_id;
    document->client.source = AA_VIEW("cimd");
    rc = keep_methods(&stated, document, refused, err);
    if (rc)
        return rc;
    return aa_client_metadata_keep(&metadata, &document->texts, &document->client, err);
}

enum aa_err aa_client_document_read(const struct aa_settings *settings, struct aa_view url, struct aa_view text,
                                    struct aa_client_document *out, struct aa_refused *refused, struct aa_error *err)
{
    struct aa_client_document document = {.json = NULL};
    enum aa_err rc;

    if (aa_client_document_check_url(url, err))
        return aa_refuse(refused, AA_OAUTH_INVALID_CLIENT,
                         "client_id cannot name a client metadata document: it must be https with a host and a path, "
                         "without dot segments, user name or fragment");
    aa_client_texts_init(&document.texts);
    rc = read_into(settings, url, text, &document, refused, err);
    if (rc)
        aa_client_document_clear(&document);
    else
        *out = document;
    return rc;
}

void aa_client_document_clear(struct aa_client_document *document)
{
    aa_client_texts_clear(&document->texts);
    aa_json_free(document->json);
    *document = (struct aa_client_document){.json = NULL};
}

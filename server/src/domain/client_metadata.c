#include "domain/client_metadata.h"

#include <stddef.h>

#include "base/url.h"
#include "domain/redirect_uri.h"
#include "domain/texts.h"
#include "oauth/scope.h"

#define REDIRECT_URIS_MAX 10 /* the most a real client asks for is five */
#define NAME_MAX_LEN 200     /* bytes; what a consent page can show */
#define CLIENT_URI_MAX 512

static const struct aa_json_field fields[] = {
    {"redirect_uris", AA_FIELD_TEXT_LIST, offsetof(struct aa_client_metadata, redirect_uris), false, REDIRECT_URIS_MAX},
    {"grant_types", AA_FIELD_TEXT_LIST, offsetof(struct aa_client_metadata, grant_types), false, AA_CLIENT_LIST_MAX},
    {"client_name", AA_FIELD_TEXT, offsetof(struct aa_client_metadata, client_name), false, NAME_MAX_LEN},
    {"scope", AA_FIELD_TEXT, offsetof(struct aa_client_metadata, scope), false, AA_SCOPE_LEN_MAX},
    {"application_type", AA_FIELD_TEXT, offsetof(struct aa_client_metadata, application_type), false, 0},
    {"client_uri", AA_FIELD_TEXT, offsetof(struct aa_client_metadata, client_uri), false, 0},
};

enum aa_err aa_client_metadata_read(const struct aa_json *document, struct aa_client_metadata *out,
                                    struct aa_error *err)
{
    struct aa_client_metadata metadata = {0};
    enum aa_err rc;

    rc = aa_json_read(document, fields, sizeof fields / sizeof *fields, &metadata, err);
    if (!rc)
        *out = metadata;
    return rc;
}

/* ---- what is refused ---- */

static enum aa_err check_redirect_uris(const struct aa_settings *settings, const struct aa_json *uris,
                                       struct aa_refused *refused, struct aa_error *err)
{
    size_t i;

    if (aa_json_len(uris) == 0)
        return aa_refuse(refused, AA_OAUTH_INVALID_REDIRECT_URI, "redirect_uris must name at least one URI");
    for (i = 0; i < aa_json_len(uris); i++)
        if (aa_redirect_uri_check(settings, aa_json_text(aa_json_at(uris, i)), err))
            return aa_refuse(refused, AA_OAUTH_INVALID_REDIRECT_URI,
                             "A redirect URI is not allowed: https, http on loopback or an allowed private-use scheme, "
                             "without user name, fragment or wildcard");
    return AA_OK;
}

static enum aa_err check_texts(const struct aa_client_metadata *metadata, struct aa_refused *refused)
{
    struct aa_scopes scopes;

    if (aa_scopes_parse(metadata->scope, &scopes, NULL))
        return aa_refuse(refused, AA_OAUTH_INVALID_CLIENT_METADATA, "scope is malformed");
    if (!aa_text_is_plain(metadata->client_name))
        return aa_refuse(refused, AA_OAUTH_INVALID_CLIENT_METADATA,
                         "client_name holds characters that cannot be shown safely");
    return AA_OK;
}

enum aa_err aa_client_metadata_check(const struct aa_settings *settings, const struct aa_client_metadata *metadata,
                                     struct aa_refused *refused, struct aa_error *err)
{
    enum aa_err rc;

    rc = check_redirect_uris(settings, metadata->redirect_uris, refused, err);
    return rc ? rc : check_texts(metadata, refused);
}

/* ---- what is kept ---- */

void aa_client_texts_init(struct aa_client_texts *texts)
{
    aa_buf_init(&texts->redirect_uris, AA_CLIENT_METADATA_MAX);
    aa_buf_init(&texts->grant_types, 256);
    aa_buf_init(&texts->jwks, AA_CLIENT_METADATA_MAX);
}

void aa_client_texts_clear(struct aa_client_texts *texts)
{
    aa_buf_clear(&texts->redirect_uris);
    aa_buf_clear(&texts->grant_types);
    aa_buf_clear(&texts->jwks);
}

/* Keeps the grants we serve; what else is asked for is left out of the answer, as RFC 7591 §2 allows. */
static void keep_grant_types(const struct aa_json *asked, struct aa_buf *out)
{
    size_t i;
    bool refresh = false;

    for (i = 0; i < aa_json_len(asked); i++)
        refresh = refresh || aa_view_equal_text(aa_json_text(aa_json_at(asked, i)), "refresh_token");
    aa_buf_add_text(out, refresh ? "authorization_code refresh_token" : "authorization_code");
}

static struct aa_view keep_application_type(struct aa_view asked)
{
    bool known = aa_view_equal_text(asked, "native") || aa_view_equal_text(asked, "web");

    return known ? asked : AA_VIEW_ABSENT;
}

static struct aa_view keep_client_uri(struct aa_view asked)
{
    struct aa_url url;
    bool usable = asked.len <= CLIENT_URI_MAX && !aa_url_parse(asked, &url, NULL) && aa_url_is_scheme(&url, "https");

    return usable ? asked : AA_VIEW_ABSENT;
}

static struct aa_view absent_if_empty(struct aa_view text)
{
    return text.len > 0 ? text : AA_VIEW_ABSENT;
}

enum aa_err aa_client_metadata_keep(const struct aa_client_metadata *metadata, struct aa_client_texts *texts,
                                    struct aa_client *client, struct aa_error *err)
{
    enum aa_err rc;

    aa_buf_add_json(&texts->redirect_uris, metadata->redirect_uris);
    keep_grant_types(metadata->grant_types, &texts->grant_types);
    rc = aa_buf_check(&texts->redirect_uris, "redirect_uris", err);
    if (!rc)
        rc = aa_buf_check(&texts->grant_types, "grant_types", err);
    if (rc)
        return rc;
    client->redirect_uris = aa_buf_view(&texts->redirect_uris);
    client->grant_types = aa_buf_view(&texts->grant_types);
    client->client_name = absent_if_empty(metadata->client_name);
    client->scope = absent_if_empty(metadata->scope);
    client->application_type = keep_application_type(metadata->application_type);
    client->client_uri = keep_client_uri(metadata->client_uri);
    return AA_OK;
}

#include "oauth/as_metadata.h"

#include "base/error.h"
#include "base/url.h"

#define TEXT(name, required)                                                                                           \
    {                                                                                                                  \
#name, AA_FIELD_TEXT, offsetof(struct aa_as_metadata, name), required, AA_URL_MAX                              \
    }

static const struct aa_json_field fields[] = {
    TEXT(issuer, true),          TEXT(introspection_endpoint, false), TEXT(jwks_uri, false),
    TEXT(token_endpoint, false), TEXT(authorization_endpoint, false), TEXT(revocation_endpoint, false),
};

enum aa_err aa_as_metadata_read(const struct aa_json *document, struct aa_view expected_issuer,
                                struct aa_as_metadata *out, struct aa_error *err)
{
    struct aa_as_metadata metadata = {.issuer = AA_VIEW_ABSENT};
    struct aa_error why = AA_ERROR_INIT;

    if (aa_json_read(document, fields, sizeof fields / sizeof fields[0], &metadata, &why))
        return aa_fail(err, AA_ERR_REMOTE_PROTOCOL, "%s", why.message);
    /* RFC 8414 §3.3: otherwise one server could hand out another's identity. */
    if (!aa_view_equal(metadata.issuer, expected_issuer))
        return aa_fail(err, AA_ERR_REMOTE_PROTOCOL, "the metadata names another issuer than %.*s",
                       AA_VIEW_ARGS(expected_issuer));
    *out = metadata;
    return AA_OK;
}

/* Inserted: between host and path (RFC 8414 §3.1). Appended: behind the path (OpenID Connect Discovery §4.1). */
static const struct form {
    const char *path;
    bool is_inserted;
} forms[] = {
    {"/.well-known/oauth-authorization-server", true},
    {"/.well-known/openid-configuration", true},
    {"/.well-known/openid-configuration", false},
};

bool aa_as_metadata_add_url(struct aa_buf *buf, struct aa_view issuer, int nth)
{
    struct aa_view path;
    struct aa_url url;

    if (nth < 0 || (size_t)nth >= sizeof forms / sizeof forms[0] || aa_url_parse(issuer, &url, NULL))
        return false;
    path = url.path;
    if (aa_view_has_suffix(path, AA_VIEW("/"))) /* "any terminating / MUST be removed" */
        path.len--;
    if (path.len == 0 && !forms[nth].is_inserted) /* both forms are one without a path */
        return false;
    aa_url_add_origin(buf, &url);
    if (!forms[nth].is_inserted)
        aa_buf_add(buf, path);
    aa_buf_add_text(buf, forms[nth].path);
    if (forms[nth].is_inserted)
        aa_buf_add(buf, path);
    return true;
}

#include "domain/metadata.h"

#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"
#include "jose/algorithm.h"

#define DOCUMENT_MAX (32 * 1024) /* bytes: a dozen addresses, each an issuer (1 KiB at most) and a few words */

struct aa_metadata {
    struct aa_buf document;
};

static const struct {
    const char *name, *path;
} endpoints[] = {
    {"authorization_endpoint", "/authorize"},  {"token_endpoint", "/token"},
    {"introspection_endpoint", "/introspect"}, {"revocation_endpoint", "/revoke"},
    {"userinfo_endpoint", "/userinfo"},        {"jwks_uri", "/.well-known/jwks.json"},
};

/* What is the same for every installation. MCP clients that do not find S256 give up. A registered MCP server
 * introspects with its key, as Basic or as a Bearer token ("Bearer" comes from the registry of access token types, RFC
 * 8414 §2).
 *
 * subject_types_supported and id_token_signing_alg_values_supported are there because OpenID Connect Discovery §3
 * requires them, and the TypeScript SDK drops an openid-configuration without them. No ID token is issued: nothing
 * offers the scope "openid", and response_types_supported has no id_token. */
static const char fixed_members[] =
    ",\"response_types_supported\":[\"code\"]"
    ",\"response_modes_supported\":[\"query\"]"
    ",\"grant_types_supported\":[\"authorization_code\",\"refresh_token\"]"
    ",\"code_challenge_methods_supported\":[\"S256\"]"
    ",\"introspection_endpoint_auth_methods_supported\":[\"client_secret_basic\",\"Bearer\"]"
    ",\"subject_types_supported\":[\"public\"]"
    ",\"id_token_signing_alg_values_supported\":[\"ES256\"]";

static void add_endpoint(struct aa_buf *out, const struct aa_settings *settings, const char *name, const char *path)
{
    struct aa_buf url;

    aa_buf_init(&url, DOCUMENT_MAX);
    aa_buf_add_text(&url, settings->issuer);
    aa_buf_add_text(&url, path);
    aa_buf_add_format(out, ",\"%s\":", name);
    aa_buf_add_json_string(out, aa_buf_view(&url));
    if (url.bad && !out->bad)
        out->bad = url.bad;
    aa_buf_clear(&url);
}

/* How clients show who they are at /token and /revoke. MCP clients that do not find "none" give up; some take the first
 * that they can do. Keys of their own are for those that are known by their document, since that is where they stand.
 */
static void add_auth_methods(struct aa_buf *out, const char *endpoint, bool with_keys)
{
    aa_buf_add_format(out, ",\"%s_endpoint_auth_methods_supported\":[\"none\"%s]", endpoint,
                      with_keys ? ",\"private_key_jwt\"" : "");
    if (!with_keys)
        return;
    aa_buf_add_format(out, ",\"%s_endpoint_auth_signing_alg_values_supported\":[", endpoint);
    for (size_t i = 0; aa_alg_at(i); i++)
        aa_buf_add_format(out, "%s\"%s\"", i > 0 ? "," : "", aa_alg_at(i));
    aa_buf_add_char(out, ']');
}

/* No nulls and no empty lists: clients refuse them. What is not served is not named. */
static void build_document(const struct aa_settings *settings, struct aa_buf *out)
{
    aa_buf_add_text(out, "{\"issuer\":");
    aa_buf_add_json_string(out, aa_view_of(settings->issuer));
    for (size_t i = 0; i < sizeof endpoints / sizeof *endpoints; i++)
        add_endpoint(out, settings, endpoints[i].name, endpoints[i].path);
    if (settings->registration)
        add_endpoint(out, settings, "registration_endpoint", "/register");
    aa_buf_add_text(out, fixed_members);
    add_auth_methods(out, "token", settings->client_documents);
    add_auth_methods(out, "revocation", settings->client_documents);
    if (settings->client_documents)
        aa_buf_add_text(out, ",\"client_id_metadata_document_supported\":true");
    if (settings->iss_parameter)
        aa_buf_add_text(out, ",\"authorization_response_iss_parameter_supported\":true");
    aa_buf_add_char(out, '}');
}

enum aa_err aa_metadata_new(const struct aa_settings *settings, struct aa_metadata **out, struct aa_error *err)
{
    struct aa_metadata *metadata = aa_mem_new(sizeof *metadata);
    enum aa_err rc;

    if (!metadata)
        return aa_fail(err, AA_ERR_NOMEM, "out of memory for the metadata");
    aa_buf_init(&metadata->document, DOCUMENT_MAX);
    build_document(settings, &metadata->document);
    rc = aa_buf_check(&metadata->document, "the metadata", err);
    if (rc) {
        aa_metadata_free(metadata);
        return rc;
    }
    *out = metadata;
    return AA_OK;
}

void aa_metadata_free(struct aa_metadata *metadata)
{
    if (!metadata)
        return;
    aa_buf_clear(&metadata->document);
    aa_mem_free(metadata);
}

struct aa_view aa_metadata_document(const struct aa_metadata *metadata)
{
    return aa_buf_view(&metadata->document);
}

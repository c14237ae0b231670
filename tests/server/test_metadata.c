/* Discovery: RFC 8414 and OpenID documents, hosted RFC 9728 documents. */
#include <stdio.h>

#include "domain/metadata.h"
#include "endpoint/endpoint.h"
#include "oauth/as_metadata.h"
#include "support_flow.h"

static const char *const addresses[] = {"/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"};

static void check_list(struct flow *flow, const char *member, const char *const *values)
{
    const struct aa_json *list = aa_json_get(flow->json, member);
    size_t count = 0;

    for (; values[count]; count++)
        CHECK_VIEW(aa_json_text(aa_json_at(list, count)), values[count]);
    CHECK_INT(aa_json_len(list), count);
}

#define LIST(...)                                                                                                      \
    (const char *const[])                                                                                              \
    {                                                                                                                  \
        __VA_ARGS__, NULL                                                                                              \
    }

#define ALGORITHMS LIST("ES256", "RS256", "PS256", "EdDSA", "Ed25519")

/* No member may be null, and no list empty. */
static bool is_sound(void *ctx, struct aa_view name, const struct aa_json *value)
{
    (void)ctx;
    (void)name;
    CHECK(!aa_json_is(value, AA_JSON_NULL));
    CHECK(!aa_json_is(value, AA_JSON_ARRAY) || aa_json_len(value) > 0);
    CHECK(!aa_json_is(value, AA_JSON_STRING) || aa_json_text(value).len > 0);
    return true;
}

FLOW_TEST(metadata, the_document_says_what_is_served_and_nothing_else)
{
    for (size_t i = 0; i < 2; i++) {
        CHECK_INT(flow_get(flow, addresses[i]), 200);
        CHECK_VIEW(flow_text(flow, "issuer"), ISSUER);
        CHECK_VIEW(flow_text(flow, "authorization_endpoint"), ISSUER "/authorize");
        CHECK_VIEW(flow_text(flow, "token_endpoint"), ISSUER "/token");
        CHECK_VIEW(flow_text(flow, "introspection_endpoint"), ISSUER "/introspect");
        CHECK_VIEW(flow_text(flow, "revocation_endpoint"), ISSUER "/revoke");
        CHECK_VIEW(flow_text(flow, "userinfo_endpoint"), ISSUER "/userinfo");
        CHECK_VIEW(flow_text(flow, "registration_endpoint"), ISSUER "/register");
        CHECK_VIEW(flow_text(flow, "jwks_uri"), ISSUER "/.well-known/jwks.json");
        check_list(flow, "response_types_supported", LIST("code"));
        check_list(flow, "response_modes_supported", LIST("query"));
        check_list(flow, "grant_types_supported", LIST("authorization_code", "refresh_token"));
        check_list(flow, "code_challenge_methods_supported", LIST("S256"));
        check_list(flow, "token_endpoint_auth_methods_supported", LIST("none", "private_key_jwt"));
        check_list(flow, "token_endpoint_auth_signing_alg_values_supported", ALGORITHMS);
        check_list(flow, "revocation_endpoint_auth_methods_supported", LIST("none", "private_key_jwt"));
        check_list(flow, "revocation_endpoint_auth_signing_alg_values_supported", ALGORITHMS);
        check_list(flow, "introspection_endpoint_auth_methods_supported", LIST("client_secret_basic", "Bearer"));
        check_list(flow, "subject_types_supported", LIST("public"));
        check_list(flow, "id_token_signing_alg_values_supported", LIST("ES256"));
        CHECK(aa_json_is(aa_json_get(flow->json, "authorization_response_iss_parameter_supported"), AA_JSON_TRUE));
        CHECK(aa_json_is(aa_json_get(flow->json, "client_id_metadata_document_supported"), AA_JSON_TRUE));
        CHECK(!flow_has(flow, "scopes_supported"));
        aa_json_each(flow->json, is_sound, NULL);
        CHECK_VIEW(flow_header(flow, "Content-Type"), "application/json");
        CHECK_VIEW(flow_header(flow, "Cache-Control"), "public, max-age=300");
        CHECK_VIEW(flow_header(flow, "Access-Control-Allow-Origin"), "*");
    }
}

FLOW_TEST(metadata, the_sdks_own_reader_accepts_it)
{
    struct aa_as_metadata read;

    CHECK_INT(flow_get(flow, addresses[0]), 200);
    CHECK_OK(aa_as_metadata_read(flow->json, VIEW(ISSUER), &read, NULL));
    CHECK_VIEW(read.introspection_endpoint, ISSUER "/introspect");
    CHECK_ERR(aa_as_metadata_read(flow->json, VIEW(ISSUER "/"), &read, NULL), AA_ERR_REMOTE_PROTOCOL);
}

/* Begins anew with these settings. */
static void restart(struct flow *flow)
{
    aa_endpoint_router_clear(&flow->router);
    CHECK_OK(aa_endpoint_router_init(&flow->router, &flow->f.app, NULL));
}

FLOW_TEST(metadata, what_is_switched_off_is_not_named)
{
    flow->f.app.settings.registration = false;
    flow->f.app.settings.client_documents = false;
    flow->f.app.settings.iss_parameter = false;
    restart(flow);
    CHECK_INT(flow_get(flow, addresses[0]), 200);
    CHECK(!flow_has(flow, "registration_endpoint"));
    CHECK(!flow_has(flow, "client_id_metadata_document_supported"));
    check_list(flow, "token_endpoint_auth_methods_supported", LIST("none"));
    check_list(flow, "revocation_endpoint_auth_methods_supported", LIST("none"));
    CHECK(!flow_has(flow, "token_endpoint_auth_signing_alg_values_supported"));
    CHECK(!flow_has(flow, "revocation_endpoint_auth_signing_alg_values_supported"));
    CHECK(!flow_has(flow, "authorization_response_iss_parameter_supported"));
    CHECK(flow_has(flow, "token_endpoint"));
}

FLOW_TEST(metadata, an_issuer_with_a_path_is_found_in_every_form)
{
    static const char *const forms[] = {
        "/.well-known/oauth-authorization-server/tenants/one", "/.well-known/openid-configuration/tenants/one",
        "/tenants/one/.well-known/openid-configuration", "/tenants/one/.well-known/oauth-authorization-server"};

    flow->f.app.settings.issuer = "https://as.example/tenants/one";
    restart(flow);
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        CHECK_INT(flow_get(flow, forms[i]), 200);
        CHECK_VIEW(flow_text(flow, "issuer"), "https://as.example/tenants/one");
        CHECK_VIEW(flow_text(flow, "token_endpoint"), "https://as.example/tenants/one/token");
        CHECK_VIEW(flow_header(flow, "Access-Control-Allow-Origin"), "*");
    }
    CHECK_INT(flow_get(flow, addresses[0]), 404);
    CHECK_INT(flow_get(flow, "/tenants/one/.well-known/jwks.json"), 200);
    CHECK_INT(flow_get(flow, "/.well-known/jwks.json"), 404);
    CHECK_INT(flow_post(flow, "/tenants/one/token", "grant_type", "x", NULL), 400);
    CHECK_INT(flow_post(flow, "/token", "grant_type", "x", NULL), 404);
    CHECK_INT(flow_get(flow, "/tenants/one/healthz"), 200);
}

FLOW_TEST(metadata, an_issuer_that_no_route_could_hold_is_refused)
{
    static const char *const issuers[] = {"https://as.example/:any", "https://as.example/one/", "as.example"};
    struct aa_router router = {0};

    for (size_t i = 0; i < sizeof issuers / sizeof *issuers; i++) {
        flow->f.app.settings.issuer = issuers[i];
        CHECK(aa_endpoint_router_init(&router, &flow->f.app, NULL) != AA_OK);
        CHECK(router.routes == NULL);
    }
}

/* ---- hosted documents of the registered servers ---- */

static int get_hosted(struct flow *flow, const char *server_id, const char *query)
{
    char path[256];

    snprintf(path, sizeof path, "/.well-known/oauth-protected-resource%s%s", server_id ? "/" : "",
             server_id ? server_id : "");
    return flow_send(flow, &(struct flow_request){.method = AA_METHOD_GET, .path = path, .query = query});
}

static void check_hosted(struct flow *flow)
{
    CHECK_VIEW(flow_text(flow, "resource"), RESOURCE);
    CHECK_VIEW(flow_text(flow, "resource_name"), "Files");
    check_list(flow, "authorization_servers", LIST(ISSUER));
    check_list(flow, "scopes_supported", LIST("files:read", "files:write"));
    check_list(flow, "bearer_methods_supported", LIST("header"));
    CHECK_VIEW(flow_header(flow, "Access-Control-Allow-Origin"), "*");
    CHECK_VIEW(flow_header(flow, "Cache-Control"), "public, max-age=60");
}

FLOW_TEST(metadata, a_registered_servers_document_is_found_by_path_and_by_query)
{
    char query[128];

    CHECK_INT(get_hosted(flow, flow->server_id, NULL), 200);
    check_hosted(flow);
    snprintf(query, sizeof query, "server_id=%s", flow->server_id);
    CHECK_INT(get_hosted(flow, NULL, query), 200);
    check_hosted(flow);
}

FLOW_TEST(metadata, an_unknown_server_has_no_document)
{
    get_hosted(flow, "srv_Unknown", NULL);
    flow_check_error(flow, 404, "not_found");
    get_hosted(flow, NULL, "server_id=srv_Unknown");
    flow_check_error(flow, 404, "not_found");
    get_hosted(flow, NULL, NULL);
    flow_check_error(flow, 404, "not_found");
    get_hosted(flow, "%2e%2e", NULL);
    flow_check_error(flow, 404, "not_found");
}

FLOW_TEST(metadata, a_malformed_query_is_a_bad_request)
{
    get_hosted(flow, NULL, "server_id=%zz");
    flow_check_error(flow, 400, "invalid_request");
    get_hosted(flow, NULL, "server_id=a&server_id=b");
    flow_check_error(flow, 400, "invalid_request");
}

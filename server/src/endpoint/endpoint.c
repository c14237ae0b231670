#include "endpoint/endpoint.h"

#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "base/url.h"
#include "domain/form_token.h"
#include "domain/metadata.h"
#include "endpoint/account.h"
#include "endpoint/api_servers.h"
#include "endpoint/authorize.h"
#include "endpoint/consent.h"
#include "endpoint/health.h"
#include "endpoint/introspect.h"
#include "endpoint/jwks.h"
#include "endpoint/login.h"
#include "endpoint/logout.h"
#include "endpoint/metadata.h"
#include "endpoint/metrics.h"
#include "endpoint/register.h"
#include "endpoint/resource_metadata.h"
#include "endpoint/revoke.h"
#include "endpoint/style.h"
#include "endpoint/token.h"
#include "endpoint/userinfo.h"

#define GET AA_METHOD_GET
#define POST AA_METHOD_POST
#define DELETE AA_METHOD_DELETE
#define NONE AA_CORS_NONE
#define ANY AA_CORS_ANY
#define FAST AA_LANE_FAST
#define SLOW AA_LANE_SLOW
#define HEAVY AA_LANE_HEAVY

#define AS_METADATA "/.well-known/oauth-authorization-server"
#define OPENID_METADATA "/.well-known/openid-configuration"
#define RESOURCE_METADATA "/.well-known/oauth-protected-resource"

/* Everything that stands below the issuer. Any origin may call what clients in browsers need; nothing may script the
 * pages that people see, nor the administrator's API, nor introspection, whose callers are servers. */
static const struct aa_route below_issuer[] = {
    {GET, AS_METADATA, aa_metadata_get, 0, ANY, FAST},
    {GET, OPENID_METADATA, aa_metadata_get, 0, ANY, FAST},
    {GET, "/.well-known/jwks.json", aa_jwks_get, 0, ANY, FAST},
    {GET, RESOURCE_METADATA, aa_resource_metadata_get, 0, ANY, FAST},
    {GET, RESOURCE_METADATA "/:server_id", aa_resource_metadata_get, 0, ANY, FAST},

    {GET, "/authorize", aa_authorize_get, 0, NONE, SLOW},
    {GET, "/login", aa_login_get, 0, NONE, SLOW},
    {POST, "/login", aa_login_post, AA_LOGIN_BODY_MAX, NONE, HEAVY},
    {GET, "/consent", aa_consent_get, 0, NONE, SLOW},
    {POST, "/consent", aa_consent_post, AA_CONSENT_BODY_MAX, NONE, SLOW},
    {GET, "/logout", aa_logout_get, 0, NONE, SLOW},
    {POST, "/logout", aa_logout_post, AA_LOGOUT_BODY_MAX, NONE, SLOW},
    {GET, "/account", aa_account_get, 0, NONE, SLOW},
    {POST, "/account", aa_account_post, AA_ACCOUNT_BODY_MAX, NONE, SLOW},
    {GET, "/style.css", aa_style_get, 0, NONE, FAST},

    {POST, "/token", aa_token_post, AA_TOKEN_BODY_MAX, ANY, SLOW},
    {POST, "/introspect", aa_introspect_post, AA_INTROSPECT_BODY_MAX, NONE, FAST},
    {POST, "/revoke", aa_revoke_post, AA_REVOKE_BODY_MAX, ANY, SLOW},
    {GET, "/userinfo", aa_userinfo_get, 0, ANY, FAST},
    {POST, "/userinfo", aa_userinfo_get, AA_USERINFO_BODY_MAX, ANY, FAST},
    {POST, "/register", aa_register_post, AA_REGISTER_BODY_MAX, ANY, SLOW},

    {POST, "/api/servers", aa_api_server_create, AA_API_BODY_MAX, NONE, SLOW},
    {GET, "/api/servers", aa_api_server_list, 0, NONE, SLOW},
    {GET, "/api/servers/:id", aa_api_server_show, 0, NONE, SLOW},
    {DELETE, "/api/servers/:id", aa_api_server_delete, 0, NONE, SLOW},
    {POST, "/api/servers/:id/keys", aa_api_key_create, AA_API_BODY_MAX, NONE, SLOW},
    {GET, "/api/servers/:id/keys", aa_api_key_list, 0, NONE, SLOW},
    {DELETE, "/api/servers/:id/keys/:key", aa_api_key_delete, 0, NONE, SLOW},

    {GET, "/healthz", aa_healthz_get, 0, NONE, FAST},
    {GET, "/readyz", aa_readyz_get, 0, NONE, SLOW},
};

/* RFC 8414 §3.1 and, for OpenID, MCP's discovery order: the issuer's path behind the well-known part. */
static const struct aa_route path_inserted[] = {
    {GET, AS_METADATA, aa_metadata_get, 0, ANY, FAST},
    {GET, OPENID_METADATA, aa_metadata_get, 0, ANY, FAST},
};

static const struct aa_route for_operators[] = {
    {GET, "/metrics", aa_metrics_get, 0, NONE, FAST},
};

#define BELOW_COUNT (sizeof below_issuer / sizeof *below_issuer)
#define INSERTED_COUNT (sizeof path_inserted / sizeof *path_inserted)

/* One block: the routes, then their patterns. */
struct table {
    struct aa_route routes[BELOW_COUNT + INSERTED_COUNT];
    size_t count;
    char patterns[];
};

/* A segment of the issuer that began with ":" would match anything. */
static bool is_pattern(struct aa_view path)
{
    for (size_t i = 0; i + 1 < path.len; i++)
        if (path.data[i] == '/' && path.data[i + 1] == ':')
            return true;
    return false;
}

static enum aa_err read_issuer_path(const struct aa_settings *settings, struct aa_view *path, struct aa_error *err)
{
    struct aa_url issuer;
    enum aa_err rc;

    rc = aa_url_parse(aa_view_of(settings->issuer), &issuer, err);
    if (rc)
        return rc;
    if (is_pattern(issuer.path) || aa_view_has_suffix(issuer.path, AA_VIEW("/")))
        return aa_fail(err, AA_ERR_OPTION_INVALID, "the issuer's path must not end in / nor hold /:");
    *path = issuer.path;
    return AA_OK;
}

/* Those of the fast lane that look into the database: a file's answer comes at once, a server's over the network. */
static bool looks_into_store(const struct aa_route *route)
{
    return route->handler == aa_introspect_post || route->handler == aa_userinfo_get ||
           route->handler == aa_resource_metadata_get;
}

/* Adds a route whose pattern is `front` and `back`, written to *to. */
static void add_route(struct table *table, const struct aa_route *route, struct aa_view front, struct aa_view back,
                      char **to)
{
    struct aa_route *added = &table->routes[table->count++];

    *added = *route;
    added->pattern = *to;
    if (front.len)
        memcpy(*to, front.data, front.len);
    if (back.len)
        memcpy(*to + front.len, back.data, back.len);
    *to += front.len + back.len + 1; /* the memory came zeroed */
}

static size_t patterns_size(const struct aa_route *routes, size_t count, struct aa_view issuer_path)
{
    size_t size = 0;

    for (size_t i = 0; i < count; i++)
        size += issuer_path.len + strlen(routes[i].pattern) + 1;
    return size;
}

static void leave_event_thread(struct table *table)
{
    for (size_t i = 0; i < table->count; i++)
        if (looks_into_store(&table->routes[i]))
            table->routes[i].lane = AA_LANE_SLOW;
}

static struct table *make_table(struct aa_view issuer_path)
{
    struct table *table = aa_mem_new(sizeof *table + patterns_size(below_issuer, BELOW_COUNT, issuer_path) +
                                     patterns_size(path_inserted, INSERTED_COUNT, issuer_path));
    char *to;

    if (!table)
        return NULL;
    to = table->patterns;
    for (size_t i = 0; i < BELOW_COUNT; i++)
        add_route(table, &below_issuer[i], issuer_path, aa_view_of(below_issuer[i].pattern), &to);
    for (size_t i = 0; issuer_path.len > 0 && i < INSERTED_COUNT; i++)
        add_route(table, &path_inserted[i], aa_view_of(path_inserted[i].pattern), issuer_path, &to);
    return table;
}

/* ---- what every request gets ---- */

/* An app of its own, which knows whom the work is done for. */
static void call_for(void *app, aa_handler_fn handler, const struct aa_request *request, struct aa_response *response)
{
    struct aa_app own = *(const struct aa_app *)app;

    own.who = (struct aa_who){request->request_id, request->peer, AA_VIEW("admin")};
    handler(&own, request, response);
}

static enum aa_err count_routes(struct aa_metrics *metrics, const struct table *table, struct aa_error *err)
{
    struct aa_metrics_route names[BELOW_COUNT + INSERTED_COUNT];

    if (!metrics)
        return AA_OK;
    for (size_t i = 0; i < table->count; i++)
        names[i] = (struct aa_metrics_route){aa_method_name(table->routes[i].method), table->routes[i].pattern};
    return aa_metrics_set_routes(metrics, names, table->count, err);
}

/* ---- the whole ---- */

enum aa_err aa_endpoint_router_init(struct aa_router *router, struct aa_app *app, struct aa_error *err)
{
    struct aa_metadata *metadata = NULL;
    struct aa_view issuer_path = AA_VIEW_ABSENT;
    struct table *table;
    enum aa_err rc;

    rc = read_issuer_path(&app->settings, &issuer_path, err);
    if (!rc)
        rc = aa_form_key_open(app, err);
    if (!rc)
        rc = aa_metadata_new(&app->settings, &metadata, err);
    if (rc)
        return rc;
    table = make_table(issuer_path);
    rc = table ? count_routes(app->metrics, table, err)
               : aa_fail(err, AA_ERR_NOMEM, "out of memory for the table of routes");
    if (rc) {
        aa_mem_free(table);
        aa_metadata_free(metadata);
        return rc;
    }
    if (aa_db_is_remote(app->db))
        leave_event_thread(table);
    app->metadata = metadata;
    *router = (struct aa_router){table->routes, table->count, app, call_for};
    return AA_OK;
}

void aa_endpoint_router_clear(struct aa_router *router)
{
    struct aa_app *app = router->app;

    if (!router->routes)
        return;
    aa_metadata_free(app->metadata);
    app->metadata = NULL;
    aa_mem_free((void *)(uintptr_t)router->routes); /* the routes lead their table */
    *router = (struct aa_router){NULL, 0, NULL, NULL};
}

struct aa_router aa_endpoint_metrics_router(struct aa_app *app)
{
    return (struct aa_router){for_operators, sizeof for_operators / sizeof *for_operators, app, NULL};
}

#include "http/router.h"

/* What a browser's script may ask for where a path answers any origin: the methods of its routes and these headers. */
#define CORS_HEADERS "Authorization, Content-Type, MCP-Protocol-Version"
/* Two hours: the longest that Chromium keeps a preflight's answer. */
#define CORS_MAX_AGE "7200"
#define METHODS_MAX 128

static const char *const method_names[] = {
    [AA_METHOD_GET] = "GET",     [AA_METHOD_HEAD] = "HEAD",     [AA_METHOD_POST] = "POST",
    [AA_METHOD_PUT] = "PUT",     [AA_METHOD_DELETE] = "DELETE", [AA_METHOD_OPTIONS] = "OPTIONS",
    [AA_METHOD_OTHER] = "OTHER",
};

const char *aa_method_name(enum aa_method method)
{
    return method_names[method];
}

/* ---- matching --------------------------------------------------------------------------------------------------- */

struct params {
    struct aa_view values[AA_HTTP_PARAMS_MAX];
    size_t count;
};

/* Takes what a ":name" of the pattern stands for: one segment that is not empty. */
static bool take_param(struct aa_view *path, struct params *params)
{
    size_t slash = aa_view_find(*path, '/');
    struct aa_view segment = aa_view_slice(*path, 0, slash);

    if (segment.len == 0 || params->count == AA_HTTP_PARAMS_MAX)
        return false;
    params->values[params->count++] = segment;
    *path = aa_view_from(*path, segment.len);
    return true;
}

/* Raw bytes on both sides: "%2F" is never "/". A pattern begins with "/", and so does a path. */
static bool path_matches(const char *pattern, struct aa_view path, struct params *params)
{
    const char *at = pattern;

    params->count = 0;
    while (*at) {
        if (*at == ':' && at > pattern && at[-1] == '/') {
            if (!take_param(&path, params))
                return false;
            at += strcspn(at, "/");
        } else if (path.len && path.data[0] == *at) {
            path = aa_view_from(path, 1);
            at++;
        } else {
            return false;
        }
    }
    return path.len == 0;
}

static const struct aa_route *find_method(const struct aa_router *router, struct aa_request *request,
                                          enum aa_method method)
{
    size_t i, k;

    for (i = 0; i < router->count; i++) {
        struct params params;

        if (router->routes[i].method != method || !path_matches(router->routes[i].pattern, request->path, &params))
            continue;
        for (k = 0; k < AA_HTTP_PARAMS_MAX; k++)
            request->params[k] = k < params.count ? params.values[k] : AA_VIEW_ABSENT;
        return &router->routes[i];
    }
    return NULL;
}

const struct aa_route *aa_router_find(const struct aa_router *router, struct aa_request *request)
{
    const struct aa_route *route = find_method(router, request, request->method);

    /* RFC 9110 §9.3.2: HEAD is GET without the content, which the listener leaves out. */
    if (!route && request->method == AA_METHOD_HEAD)
        route = find_method(router, request, AA_METHOD_GET);
    return route;
}

/* ---- what a path offers ----------------------------------------------------------------------------------------- */

struct offer {
    bool any, cors;                         /* the path has a route; one that answers any origin */
    bool methods[AA_METHOD_OTHER + 1];      /* with a route */
    bool cors_methods[AA_METHOD_OTHER + 1]; /* with one that answers any origin */
};

static struct offer offer_of(const struct aa_router *router, struct aa_view path)
{
    struct offer offer = {.any = false};
    size_t i;

    for (i = 0; i < router->count; i++) {
        const struct aa_route *route = &router->routes[i];
        struct params params;

        if (!path_matches(route->pattern, path, &params))
            continue;
        offer.any = true;
        offer.methods[route->method] = true;
        if (route->cors == AA_CORS_ANY)
            offer.cors = offer.cors_methods[route->method] = true;
    }
    offer.methods[AA_METHOD_HEAD] |= offer.methods[AA_METHOD_GET];
    offer.cors_methods[AA_METHOD_HEAD] |= offer.cors_methods[AA_METHOD_GET];
    offer.methods[AA_METHOD_OPTIONS] |= offer.cors;
    return offer;
}

/* "GET, HEAD, POST" */
static void set_methods_header(struct aa_response *response, const char *name, const bool *methods)
{
    struct aa_buf list;
    int method;

    aa_buf_init(&list, METHODS_MAX);
    for (method = 0; method < AA_METHOD_OTHER; method++) {
        if (!methods[method])
            continue;
        if (list.len)
            aa_buf_add_text(&list, ", ");
        aa_buf_add_text(&list, method_names[method]);
    }
    aa_response_header_set(response, name, aa_buf_view(&list));
    aa_buf_clear(&list);
}

/* ---- headers ---------------------------------------------------------------------------------------------------- */

/* On refusals too: without it a script cannot read even the status. */
static void add_cors(struct aa_response *response)
{
    aa_response_header_set(response, "Access-Control-Allow-Origin", AA_VIEW("*"));
    aa_response_header_set(response, "Access-Control-Expose-Headers", AA_VIEW("WWW-Authenticate"));
}

static void add_common(const struct aa_request *request, struct aa_response *response)
{
    aa_response_header_set(response, "X-Content-Type-Options", AA_VIEW("nosniff"));
    aa_response_header_set(response, "Referrer-Policy", AA_VIEW("no-referrer"));
    if (request->secure)
        aa_response_header_set(response, "Strict-Transport-Security", AA_VIEW("max-age=31536000"));
    if (request->request_id[0])
        aa_response_header_set(response, "X-Request-Id", aa_view_of(request->request_id));
}

/* ---- answers of the router's own --------------------------------------------------------------------------------- */

static void answer_preflight(const struct offer *offer, struct aa_response *response)
{
    response->status = 204;
    set_methods_header(response, "Allow", offer->methods);
    set_methods_header(response, "Access-Control-Allow-Methods", offer->cors_methods);
    aa_response_header_set(response, "Access-Control-Allow-Headers", AA_VIEW(CORS_HEADERS));
    aa_response_header_set(response, "Access-Control-Max-Age", AA_VIEW(CORS_MAX_AGE));
}

static void answer_without_route(const struct aa_router *router, const struct aa_request *request,
                                 struct aa_response *response)
{
    struct offer offer = offer_of(router, request->path);

    if (!offer.any) {
        aa_response_oauth_error(response, 404, "not_found", "There is nothing at this address");
    } else if (request->method == AA_METHOD_OPTIONS && offer.cors) {
        answer_preflight(&offer, response);
    } else {
        aa_response_oauth_error(response, 405, "method_not_allowed", "This address does not answer that method");
        set_methods_header(response, "Allow", offer.methods);
    }
    if (offer.cors)
        add_cors(response);
}

static void answer_too_large(const struct aa_route *route, struct aa_response *response)
{
    aa_response_oauth_error(response, 413, "invalid_request",
                            route->body_max ? "The request body is too large" : "This request takes no body");
}

/* Without memory, or with more than there is room for: no body is better than half of one. */
static void drop_half_body(struct aa_response *response)
{
    if (response->body.bad)
        aa_buf_reset(&response->body);
}

/* A handler that set no status is a mistake of ours; an answer that could not be built whole is never sent in part. */
static void mend(struct aa_response *response)
{
    const char *complaint = NULL;

    if (response->body.bad || response->header_memory.bad) {
        complaint = "an answer was too large or memory ran out";
        aa_response_reset(response);
        aa_response_oauth_error(response, 503, "temporarily_unavailable", "The answer could not be made");
        aa_response_header_set(response, "Retry-After", AA_VIEW("5"));
    } else if (response->status == 0) {
        complaint = "a handler set no status";
        aa_response_reset(response);
        aa_response_oauth_error(response, 500, "server_error", NULL);
    }
    if (!complaint)
        return;
    drop_half_body(response);
    response->complaint = complaint;
}

static bool is_deferred(const struct aa_request *request, const struct aa_response *response)
{
    return request->must_not_wait && response->wants_worker;
}

static void run(const struct aa_router *router, const struct aa_route *route, const struct aa_request *request,
                struct aa_response *response)
{
    if (request->body.len > route->body_max)
        answer_too_large(route, response);
    else if (router->call)
        router->call(router->app, route->handler, request, response);
    else
        route->handler(router->app, request, response);
    if (is_deferred(request, response))
        return;
    mend(response);
    if (route->cors == AA_CORS_ANY)
        add_cors(response);
}

void aa_router_dispatch(const struct aa_router *router, struct aa_request *request, struct aa_response *response)
{
    const struct aa_route *route = aa_router_find(router, request);

    if (route)
        run(router, route, request, response);
    else
        answer_without_route(router, request, response);
    if (!is_deferred(request, response))
        add_common(request, response);
}

void aa_router_refuse(const struct aa_router *router, struct aa_request *request, struct aa_response *response,
                      const struct aa_http_refusal *refusal)
{
    const struct aa_route *route = aa_router_find(router, request);

    aa_response_reset(response);
    aa_response_oauth_error(response, refusal->status, refusal->error, refusal->description);
    drop_half_body(response);
    if (route && route->cors == AA_CORS_ANY)
        add_cors(response);
    add_common(request, response);
}

/* The head of a request: what passes means one thing to every reader on the way. */
#include "fuzz.h"
#include "request.h"

#define COOKIE "aa_session"

/* What comes out of a request can be sent to a browser and comes back the same, or is not sent at all. */
static void check_cookie(const struct aa_request *request)
{
    struct aa_view value = aa_request_cookie(request, COOKIE), sent, pair, rest;
    struct aa_response response;

    if (aa_view_is_absent(value))
        return;
    MUST(fuzz_is_inside(value, aa_request_header(request, "Cookie")));
    MUST(aa_view_find(value, ';') == SIZE_MAX);
    aa_response_init(&response, 0);
    aa_response_cookie(&response, &(struct aa_cookie){COOKIE, value, -1, true});
    sent = aa_response_find_header(&response, "Set-Cookie");
    MUST(aa_view_is_absent(sent) == (response.complaint != NULL));
    if (!aa_view_is_absent(sent)) {
        struct aa_request back = {.header_count = 1};

        MUST(aa_view_cut(sent, ';', &pair, &rest));
        back.headers[0] = (struct aa_header){AA_VIEW("cookie"), pair};
        MUST_EQUAL(aa_request_own_cookie(&back, COOKIE, true), value);
        MUST(aa_view_is_absent(aa_request_own_cookie(&back, COOKIE, false)));
    }
    aa_response_clear(&response);
}

static void check_target(const struct aa_request *request, struct aa_view target)
{
    MUST(request->path.len > 0 && request->path.data[0] == '/');
    MUST(fuzz_is_inside(request->path, target) && fuzz_is_inside(request->query, target));
    MUST(aa_view_is_printable_ascii(request->path) && aa_view_find(request->path, '?') == SIZE_MAX);
    MUST(aa_view_find(request->path, '#') == SIZE_MAX && aa_view_find(request->path, ' ') == SIZE_MAX);
}

static void say_params(void *app, const struct aa_request *request, struct aa_response *response)
{
    (void)app;
    for (size_t i = 0; i < 2; i++)
        MUST(request->params[i].len > 0 && aa_view_find(request->params[i], '/') == SIZE_MAX);
    aa_response_redirect(response, request->params[0]);
}

static void say_ok(void *app, const struct aa_request *request, struct aa_response *response)
{
    (void)app;
    (void)request;
    aa_response_json(response, 200);
    aa_buf_add_text(&response->body, "{}");
}

/* Every request has an answer that is not our fault, and no header that splits it in two. */
static void check_routes(struct aa_request *request)
{
    static const struct aa_route routes[] = {
        {AA_METHOD_GET, "/", say_ok, 0, AA_CORS_ANY, AA_LANE_FAST},
        {AA_METHOD_POST, "/token", say_ok, 64, AA_CORS_ANY, AA_LANE_SLOW},
        {AA_METHOD_DELETE, "/api/servers/:id/keys/:key", say_params, 0, AA_CORS_NONE, AA_LANE_SLOW},
    };
    const struct aa_router router = {.routes = routes, .count = sizeof routes / sizeof *routes};
    struct aa_response response;

    aa_response_init(&response, 4096);
    aa_router_dispatch(&router, request, &response);
    fuzz_check_answer(&response);
    aa_response_clear(&response);
}

/* What passed means one thing to every reader on the way. */
static void check_good(const struct aa_request *request)
{
    int64_t body_len = aa_head_body_len(request);
    size_t hosts = 0;

    for (size_t i = 0; i < request->header_count; i++) {
        MUST(aa_header_is_value(request->headers[i].value));
        hosts += aa_view_equal_nocase(request->headers[i].name, AA_VIEW("host"));
    }
    MUST(hosts <= 1);
    MUST(body_len >= 0 || !aa_view_is_absent(aa_request_header(request, "Transfer-Encoding")));
    MUST(!aa_request_is_type(request, "application/json") ||
         !aa_request_is_type(request, "application/x-www-form-urlencoded"));
}

bool fuzz_one(struct aa_view input)
{
    struct fuzz_request read;
    const struct aa_http_refusal *refusal = fuzz_read_request(input, &read);

    MUST(!refusal || (refusal->status >= 400 && refusal->status < 500));
    if (refusal)
        return false;
    check_target(&read.request, read.target);
    check_good(&read.request);
    check_cookie(&read.request);
    check_routes(&read.request);
    return true;
}

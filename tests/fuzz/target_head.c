/* The head of a request: METHOD and target on the first line, a field on each of the next. */
#include "http/head.h"

#include "fuzz.h"

#define COOKIE "aa_session"

static void check_header_values(const struct aa_response *response)
{
    for (size_t i = 0; i < response->header_count; i++) {
        struct aa_view name, value = aa_response_get_header(response, i, &name);

        MUST(name.len > 0 && aa_header_is_value(value));
    }
}

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
    check_header_values(&response);
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
    MUST(response.status >= 200 && response.status < 500);
    check_header_values(&response);
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

static void take_fields(struct aa_view rest, struct aa_head *head, struct aa_request *request)
{
    while (!aa_view_is_absent(rest)) {
        struct aa_view line = fuzz_take_line(&rest), name, value;

        aa_view_cut(line, ':', &name, &value);
        if (request->header_count == AA_HTTP_HEADERS_MAX)
            head->has_more_fields = true;
        else
            request->headers[request->header_count++] = (struct aa_header){name, aa_view_trim(value)};
    }
}

bool fuzz_one(struct aa_view input)
{
    struct aa_view rest = input, first = fuzz_take_line(&rest), method, target;
    struct aa_request request = {.header_count = 0};
    struct aa_head head = {.request = &request, .head_len = input.len};
    const struct aa_http_refusal *refusal;

    aa_view_cut(first, ' ', &method, &target);
    request.method = aa_method_parse(method);
    head.target_len = target.len;
    head.is_target_good = aa_target_parse(target, &request);
    take_fields(rest, &head, &request);
    refusal = aa_head_check(&head);
    MUST(!refusal || (refusal->status >= 400 && refusal->status < 500));
    if (refusal)
        return false;
    check_target(&request, target);
    check_good(&request);
    check_cookie(&request);
    check_routes(&request);
    return true;
}

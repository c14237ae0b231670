/* The whole server behind its listener: any request has an answer, none is our fault, and none leads a browser to a
 * place that was not registered. */
#include "app.h"
#include "base/url.h"
#include "domain/directory.h"
#include "domain/keyring.h"
#include "domain/secret.h"
#include "domain/server_keys.h"
#include "endpoint/endpoint.h"
#include "fuzz.h"
#include "request.h"
#include "store/store.h"

#define WEB "https://app.example/callback"
#define LOOPBACK "http://127.0.0.1/callback"
#define ADMINISTRATOR "admin" /* Authorization: Bearer admin */
#define BODY_MAX (1024 * 1024)

static struct aa_router router;

/* ---- what there is: a person who is logged in (cookie aa_session=ann), her client, a server she allowed it, a code
 * for both ---- */

struct rows {
    struct aa_client client;
    struct aa_session session;
    struct aa_consent consent;
    struct aa_grant grant;
    struct aa_code code;
};

static enum aa_err create_rows(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    const struct aa_user user = {
        .user_id = AA_VIEW("usr_1"), .email = AA_VIEW("ann@example.com"), .name = AA_VIEW("Ann"), .created_ms = 1};
    const struct rows *rows = ctx;
    enum aa_err rc = aa_user_create(conn, &user, err);

    if (!rc)
        rc = aa_client_create(conn, &rows->client, err);
    if (!rc)
        rc = aa_session_create(conn, &rows->session, err);
    if (!rc)
        rc = aa_consent_put(conn, &rows->consent, err);
    if (!rc)
        rc = aa_grant_create(conn, &rows->grant, err);
    return rc ? rc : aa_code_create(conn, &rows->code, err);
}

static void add_server(struct aa_server *server)
{
    const struct aa_server_registration registration = {.server_url = AA_VIEW("https://files.example/mcp"),
                                                        .server_name = AA_VIEW("Files"),
                                                        .scopes = AA_VIEW("files:read files:write"),
                                                        .user_id = AA_VIEW_ABSENT};

    MUST_OK(aa_directory_register(&fuzz_app, &registration, server, NULL));
}

static void add_rows(struct aa_view server_id)
{
    static const uint8_t seed[AA_SHA256_LEN];
    int64_t now_ms = aa_app_now_ms(&fuzz_app), later_ms = now_ms + INT64_C(10) * 365 * 86400 * 1000;
    uint8_t session[AA_SHA256_LEN], code_key[AA_DIGEST_KEY_LEN];
    struct aa_buf code;
    struct rows rows = {
        .client = {.client_id = AA_VIEW("cl_1"),
                   .client_name = AA_VIEW("Editor"),
                   .redirect_uris = AA_VIEW("[\"" WEB "\",\"" LOOPBACK "\"]"),
                   .grant_types = AA_VIEW("authorization_code refresh_token"),
                   .source = AA_VIEW("cli"),
                   .created_ms = now_ms},
        .session = {.session_digest = aa_view_make(session, sizeof session),
                    .user_id = AA_VIEW("usr_1"),
                    .created_ms = now_ms,
                    .authenticated_ms = now_ms,
                    .expires_ms = later_ms},
        .consent = {.user_id = AA_VIEW("usr_1"),
                    .client_id = AA_VIEW("cl_1"),
                    .server_id = server_id,
                    .scope = AA_VIEW("files:read"),
                    .redirect_uri = AA_VIEW(WEB),
                    .created_ms = now_ms},
        .grant = {.grant_id = AA_VIEW("gr_1"),
                  .user_id = AA_VIEW("usr_1"),
                  .client_id = AA_VIEW("cl_1"),
                  .server_id = server_id,
                  .scope = AA_VIEW("files:read"),
                  .created_ms = now_ms},
        .code = {.code_key = aa_view_make(code_key, sizeof code_key),
                 .client_id = AA_VIEW("cl_1"),
                 .redirect_uri = AA_VIEW(LOOPBACK),
                 .code_challenge = AA_VIEW("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"), /* RFC 7636, appendix B */
                 .scope = AA_VIEW("files:read"),
                 .server_id = server_id,
                 .user_id = AA_VIEW("usr_1"),
                 .grant_id = AA_VIEW("gr_1"),
                 .redirect_uri_sent = true,
                 .created_ms = now_ms,
                 .expires_ms = later_ms},
    };

    aa_buf_init(&code, AA_SECRET_MAX);
    MUST_OK(aa_secret_derive(AA_CODE_PREFIX, seed, INT64_C(1800000000), &code, code_key, NULL));
    MUST_OK(aa_secret_digest(AA_VIEW("ann"), session, NULL));
    fuzz_app_write(create_rows, &rows);
    aa_buf_clear(&code);
}

static void fill(void)
{
    static const uint8_t master_key[32] = {7};
    struct aa_server server = {.created_ms = 0};

    fuzz_app.settings.issuer = "http://localhost:8788";
    fuzz_app.settings.registration = false; /* target_register.c; here it is known who is registered */
    fuzz_app.settings.has_admin_digest = true;
    MUST_OK(aa_sha256(AA_VIEW(ADMINISTRATOR), fuzz_app.settings.admin_digest));
    MUST_OK(aa_key_cache_new(&fuzz_app, &fuzz_app.key_cache, NULL));
    add_server(&server);
    add_rows(server.server_id);
    aa_record_clear(&server.memory);
    MUST_OK(aa_keyring_open(&fuzz_app, master_key, &fuzz_app.keyring, NULL));
    MUST_OK(aa_endpoint_router_init(&router, &fuzz_app, NULL));
}

static void empty(void)
{
    aa_endpoint_router_clear(&router);
    aa_keyring_free(fuzz_app.keyring);
    aa_key_cache_free(fuzz_app.key_cache);
}

/* ---- what must hold ---- */

/* "//elsewhere" and "/\\elsewhere" are places of others. */
static bool is_own_path(struct aa_view location)
{
    return location.len > 1 && location.data[0] == '/' && location.data[1] != '/' && location.data[1] != '\\';
}

static bool is_registered(struct aa_view location)
{
    struct aa_view place, query;
    struct aa_url url;

    aa_view_cut(location, '?', &place, &query); /* the query may be longer than a URL: it holds the state, escaped */
    if (query.len == 0 || aa_url_parse(place, &url, NULL))
        return false;
    return aa_view_equal_text(place, WEB) ||
           (aa_url_is_scheme(&url, "http") && aa_view_equal_text(url.host, "127.0.0.1") &&
            aa_view_equal_text(url.path, "/callback") && aa_view_is_absent(url.userinfo));
}

/* A page of ours, or a registered place: where else a browser is sent, strangers get codes (RFC 9700 §4.1). */
static void check_location(struct aa_view location)
{
    MUST(aa_view_is_printable_ascii(location));
    MUST(is_own_path(location) || is_registered(location));
}

static bool holds(struct aa_view text, struct aa_view part)
{
    for (size_t i = 0; i + part.len <= text.len; i++)
        if (memcmp(text.data + i, part.data, part.len) == 0)
            return true;
    return false;
}

static void check_page(const struct aa_response *response)
{
    struct aa_view page = aa_buf_view(&response->body);

    MUST(!holds(page, AA_VIEW("<script")) && !holds(page, AA_VIEW("{{")));
    MUST(holds(aa_response_find_header(response, "Content-Security-Policy"), AA_VIEW("default-src 'none'")));
    MUST(aa_view_equal_text(aa_response_find_header(response, "Cache-Control"), "no-store"));
}

static void check_answer(const struct aa_response *response)
{
    struct aa_view type = aa_response_find_header(response, "Content-Type");
    struct aa_view location = aa_response_find_header(response, "Location");

    fuzz_check_answer(response);
    MUST((response->status == 303) == !aa_view_is_absent(location));
    if (!aa_view_is_absent(location))
        check_location(location);
    if (aa_view_has_prefix(type, AA_VIEW("text/html")))
        check_page(response);
}

/* Each password costs a tenth of a second, whoever sends it. */
static bool is_login(const struct aa_request *request)
{
    return request->method == AA_METHOD_POST && aa_view_equal_text(request->path, "/login");
}

/* Answers the request; true for a good answer. */
static bool is_answered(struct aa_request *request, struct aa_response *response)
{
    aa_router_dispatch(&router, request, response);
    check_answer(response);
    return response->status < 400;
}

/* What the browser sends back: what it had, and what it was given. */
static void add_cookies(const struct aa_request *request, const struct aa_response *response, struct aa_buf *cookies)
{
    aa_buf_add(cookies, aa_request_header(request, "Cookie"));
    for (size_t i = 0; i < response->header_count; i++) {
        struct aa_view name, pair, rest, value = aa_response_get_header(response, i, &name);

        if (!aa_view_equal_nocase(name, AA_VIEW("Set-Cookie")))
            continue;
        aa_view_cut(value, ';', &pair, &rest);
        if (cookies->len)
            aa_buf_add_text(cookies, "; ");
        aa_buf_add(cookies, pair);
    }
}

/* From /authorize to the page it leads to: what a stranger wrote into a link is shown there. */
static void follow(const struct aa_request *request, const struct aa_response *response)
{
    struct aa_view location = aa_response_find_header(response, "Location");
    struct aa_request next = {.method = AA_METHOD_GET, .peer = request->peer, .header_count = 1};
    struct aa_response answer;
    struct aa_buf cookies;

    if (aa_view_is_absent(location) || !is_own_path(location))
        return;
    aa_buf_init(&cookies, AA_HEAD_MAX);
    add_cookies(request, response, &cookies);
    next.headers[0] = (struct aa_header){AA_VIEW("Cookie"), aa_buf_view(&cookies)};
    MUST(aa_target_parse(location, &next));
    aa_response_init(&answer, BODY_MAX);
    (void)is_answered(&next, &answer);
    aa_response_clear(&answer);
    aa_buf_clear(&cookies);
}

bool fuzz_one(struct aa_view input)
{
    struct fuzz_request read;
    struct aa_response response;
    bool taken;

    if (fuzz_app_next(empty))
        fill();
    if (fuzz_read_request(input, &read) || is_login(&read.request))
        return false;
    aa_response_init(&response, BODY_MAX);
    taken = is_answered(&read.request, &response);
    follow(&read.request, &response);
    aa_response_clear(&response);
    return taken;
}

#include "net/http.h"

#include <curl/curl.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/url.h"
#include "net/cache_control.h"
#include "net/special_use.h"

#define SOCKETS_MAX                                                                                                    \
    256 /* as many open connections as are remembered for a forked child; more than the guard ever opens */
#define KEEPALIVE_S 30L
#define DNS_CACHE_S 60L

struct call {
    struct aa_http *http;
    CURL *easy;
    struct aa_buf body;
    struct aa_buf form; /* holds a token: wiped */
    size_t head_len;
    struct aa_cache_control cache_control;
    bool oversized;
    bool has_refused, has_opened; /* sockets: see open_socket() */
    char detail[CURL_ERROR_SIZE];
    aa_http_done_fn done;
    void *ctx;
    struct call *next, **prev;
};

struct aa_http {
    CURLM *multi;
    struct curl_slist *headers;
    struct aa_http_settings settings;
    struct call *calls;
    int sockets[SOCKETS_MAX];
    size_t socket_count;
};

/* ---- sockets, counted for the sake of forked children ---------------------------------------------------------- */

static bool is_within(enum aa_http_reach reach, const struct sockaddr *address)
{
    if (reach == AA_HTTP_REACH_CONFIGURED || !aa_address_is_special(address))
        return true;
    return reach == AA_HTTP_REACH_PUBLIC_OR_LOOPBACK && aa_address_is_loopback(address);
}

/* libcurl connects the socket to this very address, without another lookup; when it gets none, it tries the host's next
 * address. */
static curl_socket_t open_socket(void *ctx, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct call *call = ctx;
    struct aa_http *http = call->http;
    curl_socket_t number;

    (void)purpose;
    if (!is_within(http->settings.reach, &address->addr)) {
        call->has_refused = true;
        return CURL_SOCKET_BAD;
    }
    call->has_opened = true;
    number = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
    if (number != CURL_SOCKET_BAD && http->socket_count < SOCKETS_MAX)
        http->sockets[http->socket_count++] = number;
    return number;
}

static int close_socket(void *ctx, curl_socket_t number)
{
    struct aa_http *http = ctx;

    for (size_t i = 0; i < http->socket_count; i++) {
        if (http->sockets[i] == number) {
            http->sockets[i] = http->sockets[--http->socket_count];
            break;
        }
    }
    return close(number);
}

void aa_http_abandon(struct aa_http *http)
{
    for (size_t i = 0; i < http->socket_count; i++)
        close(http->sockets[i]);
    http->socket_count = 0;
}

/* ---- the client ------------------------------------------------------------------------------------------------ */

static pthread_once_t curl_once = PTHREAD_ONCE_INIT;
static bool curl_ready;

static void start_curl(void)
{
    curl_ready = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
}

enum aa_err aa_http_new(const struct aa_http_settings *settings, struct aa_http **out, struct aa_error *err)
{
    struct aa_http *http;

    pthread_once(&curl_once, start_curl);
    if (!curl_ready)
        return aa_fail(err, AA_ERR_SYSTEM, "libcurl could not be started");
    http = aa_mem_new(sizeof *http);
    if (!http)
        return aa_fail(err, AA_ERR_NOMEM, "no memory for an HTTP client");
    http->settings = *settings;
    http->headers = curl_slist_append(NULL, "Accept: application/json");
    http->multi = curl_multi_init();
    if (!http->headers || !http->multi) {
        aa_http_free(http);
        return aa_fail(err, AA_ERR_NOMEM, "no memory for an HTTP client");
    }
    curl_multi_setopt(http->multi, CURLMOPT_PIPELINING, CURLPIPE_MULTIPLEX);
    *out = http;
    return AA_OK;
}

static void free_call(struct call *call)
{
    *call->prev = call->next;
    if (call->next)
        call->next->prev = call->prev;
    if (call->easy) {
        curl_multi_remove_handle(call->http->multi, call->easy);
        curl_easy_cleanup(call->easy);
    }
    aa_buf_wipe_clear(&call->form);
    aa_buf_wipe_clear(&call->body);
    aa_mem_free(call);
}

void aa_http_free(struct aa_http *http)
{
    if (!http)
        return;
    while (http->calls)
        free_call(http->calls);
    if (http->multi)
        curl_multi_cleanup(http->multi);
    curl_slist_free_all(http->headers);
    aa_mem_free(http);
}

/* ---- a call ---------------------------------------------------------------------------------------------------- */

static size_t receive(char *data, size_t size, size_t count, void *ctx)
{
    struct call *call = ctx;

    aa_buf_add(&call->body, aa_view_make(data, size * count));
    if (!call->body.bad)
        return size * count;
    call->oversized = call->body.bad == AA_ERR_TOO_LONG;
    return 0; /* ends the transfer */
}

/* Every line of the head comes here, those of interim answers (RFC 9110 §15.2) too: they count, but say nothing of the
 * final one. */
static size_t receive_head(char *data, size_t size, size_t count, void *ctx)
{
    struct call *call = ctx;
    struct aa_view line = aa_view_make(data, size * count);
    struct aa_view name;
    struct aa_view value;

    call->head_len += line.len;
    if (call->head_len > AA_HTTP_HEAD_MAX) {
        call->oversized = true;
        return 0;
    }
    while (line.len && (line.data[line.len - 1] == '\r' || line.data[line.len - 1] == '\n'))
        line.len--;
    if (aa_view_has_prefix(line, AA_VIEW("HTTP/")))
        call->cache_control = (struct aa_cache_control){0};
    else if (aa_view_cut(line, ':', &name, &value) && aa_view_equal_nocase(name, AA_VIEW("Cache-Control")))
        aa_cache_control_add(&call->cache_control, value);
    return size * count;
}

/* The schemes one URL may use. NULL: none. */
static const char *protocols_for(const char *text, enum aa_http_reach reach)
{
    struct aa_url url;

    if (aa_url_parse(aa_view_of(text), &url, NULL))
        return NULL;
    if (reach != AA_HTTP_REACH_CONFIGURED) /* a user name would be sent as a credential */
        return aa_url_is_scheme(&url, "https") && aa_view_is_absent(url.userinfo) ? "https" : NULL;
    if (aa_url_is_scheme(&url, "https"))
        return "https";
    return aa_url_is_scheme(&url, "http") && aa_url_is_loopback(&url) ? "http" : NULL;
}

static bool set_safety(CURL *easy, const struct aa_http_settings *settings, const char *protocols)
{
    CURLcode bad = CURLE_OK;

    bad |= curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, protocols);
    bad |= curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    bad |= curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
    bad |= curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);
    bad |= curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)settings->connect_timeout_ms);
    bad |= curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)settings->timeout_ms);
    bad |= curl_easy_setopt(easy, CURLOPT_PROXY,
                            settings->proxy ? settings->proxy : ""); /* "": not even from the environment */
    bad |= curl_easy_setopt(easy, CURLOPT_NOPROXY, "");
    bad |= curl_easy_setopt(easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    if (settings->ca_file)
        bad |= curl_easy_setopt(easy, CURLOPT_CAINFO, settings->ca_file);
    /* With a directory of certificates set, libcurl parses the whole bundle anew for each connection: 18 ms instead of
     * 0.5. */
    bad |= curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
    return bad == CURLE_OK;
}

static bool set_transport(CURL *easy, struct call *call)
{
    CURLcode bad = CURLE_OK;

    bad |= curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    bad |= curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L); /* ending never waits for a name lookup */
    bad |= curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
    bad |= curl_easy_setopt(easy, CURLOPT_PIPEWAIT, 1L);
    bad |= curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    bad |= curl_easy_setopt(easy, CURLOPT_TCP_KEEPIDLE, KEEPALIVE_S);
    bad |= curl_easy_setopt(easy, CURLOPT_DNS_CACHE_TIMEOUT, DNS_CACHE_S);
    bad |= curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket);
    bad |= curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, call);
    bad |= curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, close_socket);
    bad |= curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, call->http); /* outlives the call */
    return bad == CURLE_OK;
}

static bool set_request(struct call *call, const struct aa_http_request *request)
{
    CURL *easy = call->easy;
    CURLcode bad = CURLE_OK;

    bad |= curl_easy_setopt(easy, CURLOPT_URL, request->url);
    bad |= curl_easy_setopt(easy, CURLOPT_HTTPHEADER, call->http->headers);
    bad |= curl_easy_setopt(easy, CURLOPT_USERAGENT, "auth-agent-core/" AA_VERSION);
    bad |= curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, receive);
    bad |= curl_easy_setopt(easy, CURLOPT_WRITEDATA, call);
    bad |= curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, receive_head);
    bad |= curl_easy_setopt(easy, CURLOPT_HEADERDATA, call);
    bad |= curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, call->detail);
    bad |= curl_easy_setopt(easy, CURLOPT_PRIVATE, call);
    if (!aa_view_is_absent(request->form)) {
        bad |= curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, (long)call->form.len);
        bad |= curl_easy_setopt(easy, CURLOPT_POSTFIELDS, aa_buf_text(&call->form));
    }
    if (request->basic_user) {
        bad |= curl_easy_setopt(easy, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
        bad |= curl_easy_setopt(easy, CURLOPT_USERNAME, request->basic_user);
        bad |= curl_easy_setopt(easy, CURLOPT_PASSWORD, request->basic_password);
    }
    return bad == CURLE_OK;
}

static struct call *new_call(struct aa_http *http, const struct aa_http_request *request)
{
    struct call *call = aa_mem_new(sizeof *call);

    if (!call)
        return NULL;
    call->http = http;
    aa_buf_init(&call->body, http->settings.body_max ? http->settings.body_max : AA_HTTP_BODY_MAX);
    aa_buf_init(&call->form, request->form.len);
    aa_buf_add(&call->form, request->form);
    call->next = http->calls;
    call->prev = &http->calls;
    if (http->calls)
        http->calls->prev = &call->next;
    http->calls = call;
    return call;
}

enum aa_err aa_http_start(struct aa_http *http, const struct aa_http_request *request, aa_http_done_fn done, void *ctx,
                          struct aa_error *err)
{
    const char *protocols = protocols_for(request->url, http->settings.reach);
    struct call *call;

    if (!protocols)
        return aa_fail(err, AA_ERR_REMOTE_FORBIDDEN,
                       http->settings.reach == AA_HTTP_REACH_CONFIGURED ? "neither https nor http on this machine"
                                                                        : "not an https URL without a user name");
    call = new_call(http, request);
    if (!call)
        return aa_fail(err, AA_ERR_NOMEM, "no memory for an HTTP call");
    call->done = done;
    call->ctx = ctx;
    call->easy = curl_easy_init();
    if (!call->easy || call->form.bad || !set_safety(call->easy, &http->settings, protocols) ||
        !set_transport(call->easy, call) || !set_request(call, request) ||
        curl_multi_add_handle(http->multi, call->easy) != CURLM_OK) {
        free_call(call);
        return aa_fail(err, AA_ERR_NOMEM, "no memory for an HTTP call");
    }
    return AA_OK;
}

/* ---- the end of a call ----------------------------------------------------------------------------------------- */

static const struct {
    CURLcode code;
    enum aa_err err;
} errors[] = {
    {CURLE_OK, AA_OK},
    {CURLE_OPERATION_TIMEDOUT, AA_ERR_REMOTE_TIMEOUT},
    {CURLE_COULDNT_RESOLVE_HOST, AA_ERR_REMOTE_DNS},
    {CURLE_COULDNT_RESOLVE_PROXY, AA_ERR_REMOTE_DNS},
    {CURLE_PEER_FAILED_VERIFICATION, AA_ERR_REMOTE_TLS},
    {CURLE_SSL_CONNECT_ERROR, AA_ERR_REMOTE_TLS},
    {CURLE_SSL_CACERT_BADFILE, AA_ERR_REMOTE_TLS},
    {CURLE_SSL_CERTPROBLEM, AA_ERR_REMOTE_TLS},
    {CURLE_SSL_CIPHER, AA_ERR_REMOTE_TLS},
    {CURLE_SSL_ISSUER_ERROR, AA_ERR_REMOTE_TLS},
    {CURLE_WEIRD_SERVER_REPLY, AA_ERR_REMOTE_PROTOCOL},
    {CURLE_UNSUPPORTED_PROTOCOL, AA_ERR_REMOTE_PROTOCOL},
    {CURLE_BAD_CONTENT_ENCODING, AA_ERR_REMOTE_PROTOCOL},
    {CURLE_OUT_OF_MEMORY, AA_ERR_NOMEM},
};

/* Whatever libcurl makes of a host that it got no socket for. */
static bool is_forbidden(const struct call *call)
{
    return call->has_refused && !call->has_opened;
}

static enum aa_err error_of(const struct call *call, CURLcode code)
{
    if (is_forbidden(call))
        return AA_ERR_REMOTE_FORBIDDEN;
    if (call->oversized)
        return AA_ERR_REMOTE_PROTOCOL;
    if (call->body.bad)
        return call->body.bad;
    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
        if (errors[i].code == code)
            return errors[i].err;
    }
    return AA_ERR_REMOTE_UNREACHABLE;
}

static const char *detail_of(const struct call *call, CURLcode code)
{
    if (is_forbidden(call))
        return "the host has no address that may be reached";
    if (call->oversized)
        return "the answer is too large";
    return call->detail[0] ? call->detail : curl_easy_strerror(code);
}

static void end_call(struct call *call, CURLcode code)
{
    struct aa_http_result result = {.code = error_of(call, code), .body = aa_buf_view(&call->body)};
    char *content_type = NULL;
    long status = 0;

    curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(call->easy, CURLINFO_CONTENT_TYPE, &content_type);
    result.status = (int)status;
    result.is_body_too_long = call->body.bad == AA_ERR_TOO_LONG;
    result.content_type = aa_view_of(content_type);
    result.max_age_s = aa_cache_control_max_age_s(&call->cache_control);
    result.detail = detail_of(call, code);
    call->done(call->ctx, &result);
    free_call(call);
}

void aa_http_run(struct aa_http *http)
{
    CURLMsg *message;
    int running;
    int left;

    curl_multi_perform(http->multi, &running);
    while ((message = curl_multi_info_read(http->multi, &left))) {
        char *call = NULL;

        if (message->msg != CURLMSG_DONE)
            continue;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &call);
        end_call((struct call *)(void *)call, message->data.result);
    }
}

void aa_http_wait(struct aa_http *http, int timeout_ms)
{
    int ready;

    curl_multi_poll(http->multi, NULL, 0, timeout_ms, &ready);
}

void aa_http_wake(struct aa_http *http)
{
    curl_multi_wakeup(http->multi);
}

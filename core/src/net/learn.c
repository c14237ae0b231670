#include "net/core.h"

#include <stdio.h>

#include "base/error.h"
#include "base/json.h"
#include "base/url.h"
#include "net/clock.h"
#include "net/log.h"
#include "oauth/as_metadata.h"

#define PAUSE_FIRST_MS 100
#define PAUSE_MAX_MS 2000        /* a server that comes back is noticed within this */
#define PAUSE_DEFINITE_MS 10000  /* nothing will change by itself: wrong credentials, an unusable document */
#define PAUSE_OPTIONAL_MS 300000 /* … and we can do without it */
#define KEYS_LIFE_MS 600000      /* a key that its owner took back is not believed for longer than this */
#define LOG_PAUSE_MS 60000
#define FOREVER_MS 60000
#define URL_CAP 4096

static const char *const lesson_names[AA_LESSONS] = {
    "this server's registration", "the authorization server's metadata", "the authorization server's keys"};

static const struct aa_options *options_of(const struct aa_io *io)
{
    return &io->guard->verifier.options;
}

static struct aa_view configured_or(struct aa_view configured, const struct aa_buf *learnt)
{
    if (!aa_view_is_absent(configured))
        return configured;
    return learnt->len ? aa_view_make(aa_buf_text(learnt), learnt->len) : AA_VIEW_ABSENT;
}

struct aa_view aa_learn_introspection_endpoint(const struct aa_io *io)
{
    return configured_or(options_of(io)->introspection_endpoint, &io->guard->introspection_endpoint);
}

struct aa_view aa_learn_jwks_uri(const struct aa_io *io)
{
    return configured_or(options_of(io)->jwks_uri, &io->guard->jwks_uri);
}

bool aa_learn_is_hopeless(const struct aa_io *io, enum aa_lesson lesson)
{
    return io->lessons[lesson].failed && io->lessons[lesson].definite;
}

enum aa_err aa_learn_reason(const struct aa_io *io, enum aa_lesson lesson)
{
    return io->lessons[lesson].code ? io->lessons[lesson].code : AA_ERR_REMOTE_TIMEOUT;
}

/* What no request can be answered without. The rest makes answers quicker. */
static bool is_essential(const struct aa_io *io, enum aa_lesson lesson)
{
    if (lesson == AA_LEARN_METADATA)
        return aa_view_is_absent(options_of(io)->mode == AA_MODE_JWT ? aa_learn_jwks_uri(io)
                                                                     : aa_learn_introspection_endpoint(io));
    return lesson == AA_LEARN_RESOURCE || options_of(io)->mode == AA_MODE_JWT;
}

/* With server_id and api_key; what else is fetched is public. */
static bool is_authenticated(enum aa_lesson lesson)
{
    return lesson == AA_LEARN_RESOURCE;
}

/* ---- the outcome of a try -------------------------------------------------------------------------------------- */

static void log_failure(struct aa_io *io, enum aa_lesson lesson, const char *why, struct aa_now now)
{
    struct aa_lesson_state *state = &io->lessons[lesson];
    int level = state->definite ? AA_LOG_ERROR : AA_LOG_WARNING;

    if (state->logged && now.mono_ms - state->logged_ms < LOG_PAUSE_MS)
        return;
    state->logged = true;
    state->logged_ms = now.mono_ms;
    aa_log(is_essential(io, lesson) ? level : AA_LOG_INFO, "%s could not be learnt: %s", lesson_names[lesson], why);
}

static void failed(struct aa_io *io, enum aa_lesson lesson, enum aa_err code, bool definite, const char *why)
{
    int64_t definite_ms = is_essential(io, lesson) ? PAUSE_DEFINITE_MS : PAUSE_OPTIONAL_MS;
    struct aa_lesson_state *state = &io->lessons[lesson];
    struct aa_now now = aa_clock_now();

    io->news = true; /* who waits for it may not have to any longer */

    state->failed = true;
    state->definite = definite;
    state->code = code;
    state->pause_ms = state->pause_ms ? 2 * state->pause_ms : PAUSE_FIRST_MS;
    if (state->pause_ms > PAUSE_MAX_MS)
        state->pause_ms = PAUSE_MAX_MS;
    state->next_try_ms = now.mono_ms + (definite ? definite_ms : state->pause_ms);
    atomic_fetch_add_explicit(&io->guard->remote_errors, 1, memory_order_relaxed);
    log_failure(io, lesson, why, now);
}

static void learned(struct aa_io *io, enum aa_lesson lesson)
{
    io->lessons[lesson] = (struct aa_lesson_state){.learned = true};
    io->news = true;
}

static void failed_status(struct aa_io *io, enum aa_lesson lesson, int status)
{
    char why[64];

    snprintf(why, sizeof why, "the authorization server answered with status %d", status);
    if (is_authenticated(lesson) && (status == 401 || status == 403))
        failed(io, lesson, AA_ERR_REMOTE_CREDENTIALS, true, "the authorization server refused server_id and api_key");
    else
        failed(io, lesson, AA_ERR_REMOTE_STATUS, status == 404, why);
}

/* Common to all three: no answer, or one that is no 200. True when there is a document to read. */
static bool has_document(struct aa_io *io, enum aa_lesson lesson, const struct aa_http_result *result)
{
    io->lessons[lesson].running = false;
    if (result->code) {
        failed(io, lesson, result->code, result->code == AA_ERR_REMOTE_PROTOCOL, result->detail);
        return false;
    }
    if (result->status == 200)
        return true;
    failed_status(io, lesson, result->status);
    return false;
}

/* ---- our own registration --------------------------------------------------------------------------------------- */

struct registration {
    struct aa_view server_url, server_name;
};

static const struct aa_json_field registration_fields[] = {
    {"server_url", AA_FIELD_TEXT, offsetof(struct registration, server_url), true, AA_URL_MAX},
    {"server_name", AA_FIELD_TEXT, offsetof(struct registration, server_name), false, 0},
};

static enum aa_err read_registration(struct aa_io *io, struct aa_view body, struct aa_error *err)
{
    struct registration registration = {{NULL, 0}, {NULL, 0}};
    struct aa_json *root;
    enum aa_err rc;

    rc = aa_json_parse(body, AA_HTTP_BODY_MAX, &root, err);
    if (rc)
        return rc;
    rc = aa_json_read(root, registration_fields, sizeof registration_fields / sizeof registration_fields[0],
                      &registration, err);
    if (!rc)
        rc = aa_verifier_learn_identity(&io->guard->verifier, registration.server_url, registration.server_name, err);
    aa_json_free(root);
    return rc;
}

static void registration_came(void *ctx, const struct aa_http_result *result)
{
    struct aa_error err = AA_ERROR_INIT;
    struct aa_io *io = ctx;
    enum aa_err rc;

    if (!has_document(io, AA_LEARN_RESOURCE, result))
        return;
    rc = read_registration(io, result->body, &err);
    if (rc == AA_ERR_NOMEM)
        failed(io, AA_LEARN_RESOURCE, rc, false, err.message);
    else if (rc)
        failed(io, AA_LEARN_RESOURCE, AA_ERR_REMOTE_PROTOCOL, true, err.message);
    else
        learned(io, AA_LEARN_RESOURCE);
}

/* ---- its metadata ------------------------------------------------------------------------------------------------ */

/* Credentials and tokens go there: no weaker a way than to the issuer itself. */
static bool is_safe_endpoint(const struct aa_io *io, struct aa_view text)
{
    struct aa_url issuer;
    struct aa_url url;

    if (aa_url_parse(text, &url, NULL) || aa_url_parse(options_of(io)->auth_server, &issuer, NULL))
        return false;
    if (aa_url_is_scheme(&url, "https"))
        return true;
    return aa_url_is_scheme(&url, "http") && aa_url_is_loopback(&url) && aa_url_is_scheme(&issuer, "http");
}

static enum aa_err keep_endpoint(const struct aa_io *io, struct aa_view url, struct aa_buf *out, const char *name,
                                 struct aa_error *err)
{
    if (aa_view_is_absent(url))
        return AA_OK;
    if (!is_safe_endpoint(io, url))
        return aa_fail(err, AA_ERR_REMOTE_PROTOCOL, "%s is no https URL", name);
    aa_buf_reset(out);
    aa_buf_add(out, url);
    return aa_buf_check(out, name, err);
}

static enum aa_err read_metadata(struct aa_io *io, struct aa_view body, struct aa_error *err)
{
    struct aa_as_metadata metadata;
    struct aa_guard *guard = io->guard;
    struct aa_json *root;
    enum aa_err rc;

    rc = aa_json_parse(body, AA_AS_METADATA_MAX, &root, err);
    if (rc)
        return rc;
    rc = aa_as_metadata_read(root, options_of(io)->auth_server, &metadata, err);
    if (!rc)
        rc = keep_endpoint(io, metadata.introspection_endpoint, &guard->introspection_endpoint,
                           "introspection_endpoint", err);
    if (!rc)
        rc = keep_endpoint(io, metadata.jwks_uri, &guard->jwks_uri, "jwks_uri", err);
    aa_json_free(root);
    if (!rc && options_of(io)->mode == AA_MODE_INTROSPECTION && aa_view_is_absent(aa_learn_introspection_endpoint(io)))
        rc = aa_fail(err, AA_ERR_REMOTE_PROTOCOL, "the metadata names no introspection_endpoint");
    if (!rc && options_of(io)->mode == AA_MODE_JWT && aa_view_is_absent(aa_learn_jwks_uri(io)))
        rc = aa_fail(err, AA_ERR_REMOTE_PROTOCOL, "the metadata names no jwks_uri");
    return rc;
}

/* No document under this form: the next one is tried (RFC 8414 §3.1, OpenID Connect Discovery §4). True when there is a
 * next one. */
static bool try_next_form(struct aa_io *io)
{
    struct aa_buf url;
    bool has_next;

    aa_buf_init(&url, URL_CAP);
    has_next = aa_as_metadata_add_url(&url, options_of(io)->auth_server, io->metadata_form + 1);
    aa_buf_clear(&url);
    io->metadata_form = has_next ? io->metadata_form + 1 : 0;
    return has_next;
}

static void metadata_came(void *ctx, const struct aa_http_result *result)
{
    struct aa_error err = AA_ERROR_INIT;
    struct aa_io *io = ctx;
    enum aa_err rc;

    if (!result->code && result->status == 404 && try_next_form(io)) {
        io->lessons[AA_LEARN_METADATA].running = false;
        return;
    }
    if (!has_document(io, AA_LEARN_METADATA, result))
        return;
    io->metadata_form = 0;
    rc = read_metadata(io, result->body, &err);
    if (rc == AA_ERR_NOMEM)
        failed(io, AA_LEARN_METADATA, rc, false, err.message);
    else if (rc)
        failed(io, AA_LEARN_METADATA, AA_ERR_REMOTE_PROTOCOL, true, err.message);
    else
        learned(io, AA_LEARN_METADATA);
}

/* ---- its keys ---------------------------------------------------------------------------------------------------- */

/* Those that wait for the keys go on, whatever came of it. */
static void end_keys_round(struct aa_io *io)
{
    io->keys_round++;
    io->keys_wanted = false;
}

static void keys_came(void *ctx, const struct aa_http_result *result)
{
    struct aa_error err = AA_ERROR_INIT;
    struct aa_jwks *jwks;
    struct aa_io *io = ctx;
    enum aa_err rc;

    end_keys_round(io);
    if (!has_document(io, AA_LEARN_KEYS, result))
        return;
    rc = aa_jwks_parse(result->body, &jwks, &err);
    if (rc) {
        failed(io, AA_LEARN_KEYS, rc == AA_ERR_NOMEM ? rc : AA_ERR_REMOTE_PROTOCOL, rc != AA_ERR_NOMEM, err.message);
        return;
    }
    aa_keys_set(&io->guard->verifier.keys, jwks);
    learned(io, AA_LEARN_KEYS);
    io->lessons[AA_LEARN_KEYS].next_try_ms = aa_clock_now().mono_ms + KEYS_LIFE_MS;
}

bool aa_learn_want_keys(struct aa_io *io, struct aa_now now)
{
    if (io->lessons[AA_LEARN_KEYS].running || io->keys_wanted)
        return true;
    if (aa_view_is_absent(aa_learn_jwks_uri(io)) || !aa_keys_may_fetch(&io->guard->verifier.keys, now))
        return false;
    io->keys_wanted = true;
    io->lessons[AA_LEARN_KEYS].next_try_ms = 0;
    return true;
}

/* ---- what to fetch, and when --------------------------------------------------------------------------------------
 */

static bool needs_resource(const struct aa_io *io)
{
    return !aa_verifier_identity(&io->guard->verifier);
}

static bool needs_metadata(const struct aa_io *io)
{
    if (io->lessons[AA_LEARN_METADATA].learned)
        return false;
    if (aa_view_is_absent(aa_learn_jwks_uri(io)))
        return true;
    return options_of(io)->mode == AA_MODE_INTROSPECTION && aa_view_is_absent(aa_learn_introspection_endpoint(io));
}

static bool needs_keys(const struct aa_io *io)
{
    return !aa_view_is_absent(aa_learn_jwks_uri(io)); /* again and again: next_try_ms says when */
}

static void add_resource_url(const struct aa_io *io, struct aa_buf *url)
{
    struct aa_view issuer = options_of(io)->auth_server;

    if (aa_view_has_suffix(issuer, AA_VIEW("/")))
        issuer.len--;
    aa_buf_add(url, issuer);
    aa_buf_add_text(url, "/api/servers/");
    aa_buf_add_percent(url, options_of(io)->server_id);
}

static void add_metadata_url(const struct aa_io *io, struct aa_buf *url)
{
    if (!aa_as_metadata_add_url(url, options_of(io)->auth_server, io->metadata_form))
        aa_buf_reset(url);
}

static void add_keys_url(const struct aa_io *io, struct aa_buf *url)
{
    aa_buf_add(url, aa_learn_jwks_uri(io));
}

static const struct lesson {
    bool (*is_needed)(const struct aa_io *io);
    void (*add_url)(const struct aa_io *io, struct aa_buf *url);
    aa_http_done_fn done;
} lessons[AA_LESSONS] = {
    [AA_LEARN_RESOURCE] = {needs_resource, add_resource_url, registration_came},
    [AA_LEARN_METADATA] = {needs_metadata, add_metadata_url, metadata_came},
    [AA_LEARN_KEYS] = {needs_keys, add_keys_url, keys_came},
};

static void fetch(struct aa_io *io, enum aa_lesson which)
{
    const struct lesson *lesson = &lessons[which];
    struct aa_http_request request = {.url = NULL};
    struct aa_error err = AA_ERROR_INIT;
    struct aa_buf url;
    enum aa_err rc;

    aa_buf_init(&url, URL_CAP);
    lesson->add_url(io, &url);
    rc = aa_buf_check(&url, "a URL", &err);
    request.url = aa_buf_text(&url);
    if (is_authenticated(which)) {
        request.basic_user = aa_buf_text(&io->guard->basic_user);
        request.basic_password = aa_buf_text(&io->guard->basic_password);
    }
    if (!rc)
        rc = aa_http_start(io->http, &request, lesson->done, io, &err);
    aa_buf_clear(&url);
    if (!rc) {
        io->lessons[which].running = true;
        return;
    }
    if (which == AA_LEARN_KEYS)
        end_keys_round(io);
    failed(io, which, rc, rc != AA_ERR_NOMEM, err.message);
}

int64_t aa_learn_tick(struct aa_io *io, struct aa_now now)
{
    int64_t wait_ms = FOREVER_MS;

    for (size_t i = 0; i < AA_LESSONS; i++) {
        struct aa_lesson_state *state = &io->lessons[i];

        if (state->running || !lessons[i].is_needed(io))
            continue;
        if (now.mono_ms >= state->next_try_ms)
            fetch(io, (enum aa_lesson)i);
        if (!state->running && state->next_try_ms - now.mono_ms < wait_ms)
            wait_ms = state->next_try_ms > now.mono_ms ? state->next_try_ms - now.mono_ms : 0;
    }
    return wait_ms;
}

/* tests/vectors/guard.json through the C interface: what every binding must answer too. */
#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "base/mem.h"
#include "support_guard.h"

#define TEXT_MAX_LEN (1024 * 1024)

struct replay {
    struct stage stage;
    const struct aa_json *root;
    const struct aa_json *test; /* the case at hand */
    struct aa_view name;
};

static void wrong(const struct replay *replay, const char *what, struct aa_view actual, struct aa_view wanted)
{
    print_error("%.*s: %s\n  is  \"%.*s\"\n  not \"%.*s\"\n", AA_VIEW_ARGS(replay->name), what, AA_VIEW_ARGS(actual),
                AA_VIEW_ARGS(wanted));
    fail();
}

static void check_same(const struct replay *replay, const char *what, struct aa_view actual, struct aa_view wanted)
{
    if (!aa_view_equal(actual, wanted))
        wrong(replay, what, actual, wanted);
}

static void check_number(const struct replay *replay, const char *what, int64_t actual, int64_t wanted)
{
    if (actual == wanted)
        return;
    print_error("%.*s: %s is %lld, not %lld\n", AA_VIEW_ARGS(replay->name), what, (long long)actual, (long long)wanted);
    fail();
}

/* {issuer} is the address of the play-acted server. */
static char *read_vectors(const char *issuer)
{
    const char *mark = "{issuer}";
    size_t len;
    char *text = aa_test_read_file("vectors/guard.json", &len);
    char *from = text;
    struct aa_buf buf;
    char *found;
    char *whole;

    aa_buf_init(&buf, TEXT_MAX_LEN);
    while ((found = strstr(from, mark))) {
        aa_buf_add(&buf, aa_view_make(from, (size_t)(found - from)));
        aa_buf_add_text(&buf, issuer);
        from = found + strlen(mark);
    }
    aa_buf_add_text(&buf, from);
    free(text);
    whole = aa_buf_take(&buf);
    CHECK(whole != NULL);
    return whole;
}

/* ---- setting up ------------------------------------------------------------------------------------------------- */

struct merge {
    struct aa_buf *buf;
    const struct aa_json *over;
};

static bool add_member(void *ctx, struct aa_view name, const struct aa_json *value)
{
    struct merge *merge = ctx;
    char text[64];

    snprintf(text, sizeof text, "%.*s", AA_VIEW_ARGS(name));
    if (merge->over && aa_json_get(merge->over, text))
        return true;
    if (merge->buf->data[merge->buf->len - 1] != '{')
        aa_buf_add_char(merge->buf, ',');
    aa_buf_add_json_string(merge->buf, name);
    aa_buf_add_char(merge->buf, ':');
    aa_buf_add_json(merge->buf, value);
    return true;
}

static void make_guard(struct replay *replay)
{
    const struct aa_json *own = aa_json_get(replay->test, "options");
    struct aa_error err = AA_ERROR_INIT;
    struct aa_buf buf;
    struct merge common = {&buf, own};
    struct merge rest = {&buf, NULL};

    aa_buf_init(&buf, 65536);
    aa_buf_add_char(&buf, '{');
    aa_json_each(aa_json_get(replay->root, "options"), add_member, &common);
    aa_json_each(own, add_member, &rest);
    aa_buf_add_char(&buf, '}');
    if (aa_guard_new(aa_buf_view(&buf), &replay->stage.guard, &err))
        fail_msg("%.*s: no guard: %s", AA_VIEW_ARGS(replay->name), err.message);
    aa_buf_clear(&buf);
}

static bool add_header_line(void *ctx, struct aa_view name, const struct aa_json *value)
{
    aa_buf_add_format(ctx, "%.*s: %.*s\r\n", AA_VIEW_ARGS(name), AA_VIEW_ARGS(aa_json_text(value)));
    return true;
}

static void set_introspection(struct replay *replay, const struct aa_json *introspection)
{
    const struct aa_json *body = aa_json_get(introspection, "body");
    struct aa_buf headers;
    struct aa_buf text;

    aa_buf_init(&headers, 4096);
    aa_buf_init(&text, TEXT_MAX_LEN);
    aa_json_each(aa_json_get(introspection, "headers"), add_header_line, &headers);
    if (aa_json_is(body, AA_JSON_STRING))
        aa_buf_add(&text, aa_json_text(body));
    else
        aa_buf_add_json(&text, body);
    http_server_set(replay->stage.server, INTROSPECT, (int)aa_json_int(aa_json_get(introspection, "status")),
                    aa_buf_text(&text), aa_buf_text(&headers), 0);
    aa_buf_clear(&headers);
    aa_buf_clear(&text);
}

static void set_keys(struct replay *replay)
{
    struct aa_buf text;

    aa_buf_init(&text, TEXT_MAX_LEN);
    aa_buf_add_json(&text, aa_json_get(replay->root, "jwks"));
    http_server_set(replay->stage.server, KEYS, 200, aa_buf_text(&text), NULL, 0);
    aa_buf_clear(&text);
}

static struct aa_view member(const struct replay *replay, const char *name)
{
    return aa_json_text(aa_json_get(aa_json_get(replay->test, "request"), name));
}

static struct aa_guard_request request_of(const struct replay *replay)
{
    struct aa_guard_request request = {
        .method = member(replay, "method"),
        .path = member(replay, "path"),
        .authorization = member(replay, "authorization"),
        .preflight_method = member(replay, "preflight_method"),
        .origin = member(replay, "origin"),
        .content_type = member(replay, "content_type"),
        .mcp_protocol_version = member(replay, "mcp_protocol_version"),
        .mcp_method = member(replay, "mcp_method"),
        .mcp_name = member(replay, "mcp_name"),
        .body = member(replay, "body"),
    };

    if (aa_view_is_absent(request.method))
        request.method = VIEW("GET");
    if (aa_view_is_absent(request.path))
        request.path = VIEW("/mcp");
    return request;
}

/* ---- comparing -------------------------------------------------------------------------------------------------- */

struct headers {
    const struct replay *replay;
    const struct aa_answer *answer;
    size_t count;
};

static bool check_header(void *ctx, struct aa_view name, const struct aa_json *value)
{
    struct headers *headers = ctx;
    char text[64];

    snprintf(text, sizeof text, "%.*s", AA_VIEW_ARGS(name));
    check_same(headers->replay, text, header_of(headers->answer, text), aa_json_text(value));
    headers->count++;
    return true;
}

static void check_answer(const struct replay *replay, const struct aa_json *expected, const struct aa_verdict *verdict)
{
    struct headers headers = {replay, verdict->answer, 0};

    check_same(replay, "code", VIEW(aa_err_name(verdict->code)), aa_json_text(aa_json_get(expected, "code")));
    check_number(replay, "status", aa_answer_status(verdict->answer), aa_json_int(aa_json_get(expected, "status")));
    aa_json_each(aa_json_get(expected, "headers"), check_header, &headers);
    check_number(replay, "the number of headers", (int64_t)aa_answer_header_count(verdict->answer),
                 (int64_t)headers.count);
    check_same(replay, "body", aa_answer_body(verdict->answer), aa_json_text(aa_json_get(expected, "body")));
}

static const struct {
    const char *name;
    struct aa_view (*get)(const struct aa_principal *principal);
} principal_texts[] = {{"id", aa_principal_id},         {"email", aa_principal_email},
                       {"name", aa_principal_name},     {"scope", aa_principal_scope},
                       {"issuer", aa_principal_issuer}, {"client_id", aa_principal_client_id},
                       {"claims", aa_principal_claims}, {"resource", aa_principal_resource}};

struct comparison {
    const struct replay *replay;
    const struct aa_principal *principal;
};

static bool check_principal_member(void *ctx, struct aa_view name, const struct aa_json *value)
{
    struct comparison *comparison = ctx;

    if (aa_view_equal_text(name, "expires_at")) {
        check_number(comparison->replay, "expires_at", aa_principal_expires_at(comparison->principal),
                     aa_json_int(value));
        return true;
    }
    for (size_t i = 0; i < sizeof principal_texts / sizeof principal_texts[0]; i++) {
        if (!aa_view_equal_text(name, principal_texts[i].name))
            continue;
        check_same(comparison->replay, principal_texts[i].name, principal_texts[i].get(comparison->principal),
                   aa_json_text(value));
        return true;
    }
    fail_msg("%.*s: a principal has no %.*s", AA_VIEW_ARGS(comparison->replay->name), AA_VIEW_ARGS(name));
    return false;
}

static void check_verdict(const struct replay *replay, const struct aa_verdict *verdict)
{
    static const char *const kinds[] = {"allow", "pass", "answer", "pending"};
    const struct aa_json *expected = aa_json_get(replay->test, "expected");
    struct comparison comparison = {replay, verdict->principal};

    check_same(replay, "kind", VIEW(kinds[verdict->kind]), aa_json_text(aa_json_get(expected, "kind")));
    if (verdict->kind == AA_VERDICT_ANSWER)
        check_answer(replay, expected, verdict);
    if (verdict->kind == AA_VERDICT_ALLOW)
        aa_json_each(aa_json_get(expected, "principal"), check_principal_member, &comparison);
}

/* ---- the replay ------------------------------------------------------------------------------------------------- */

static void play(struct replay *replay)
{
    const struct aa_json *introspection = aa_json_get(replay->test, "introspection");
    bool unreachable = aa_json_is(introspection, AA_JSON_STRING);
    struct aa_guard_request request = request_of(replay);
    struct aa_verdict verdict = {0};
    int hits = http_server_hits(replay->stage.server, INTROSPECT);

    http_server_set(replay->stage.server, KEYS, 404, "{}", NULL, 0);
    if (aa_json_get(replay->test, "jwks"))
        set_keys(replay);
    if (aa_json_is(introspection, AA_JSON_OBJECT))
        set_introspection(replay, introspection);
    if (unreachable)
        stage_kill_server(&replay->stage);
    make_guard(replay);
    aa_guard_check_wait(replay->stage.guard, &request, &verdict);
    check_verdict(replay, &verdict);
    aa_verdict_clear(&verdict);
    aa_guard_release(replay->stage.guard);
    replay->stage.guard = NULL;
    if (unreachable)
        stage_restart_server(&replay->stage);
    else
        check_number(replay, "calls", http_server_hits(replay->stage.server, INTROSPECT) - hits, introspection != NULL);
}

TEST(guard_vectors, every_case_is_answered_as_written)
{
    struct replay replay = {.root = NULL};
    const struct aa_json *cases;
    struct aa_json *root;
    char *text;

    stage_open(&replay.stage);
    text = read_vectors(replay.stage.issuer);
    CHECK_OK(aa_json_parse(VIEW(text), TEXT_MAX_LEN, &root, NULL));
    replay.root = root;
    cases = aa_json_get(root, "cases");
    CHECK(aa_json_len(cases) > 150);
    for (size_t i = 0; i < aa_json_len(cases); i++) {
        replay.test = aa_json_at(cases, i);
        replay.name = aa_json_text(aa_json_get(replay.test, "name"));
        play(&replay);
    }
    print_message("%zu cases\n", aa_json_len(cases));
    aa_json_free(root);
    aa_mem_free(text);
    stage_clear(&replay.stage);
}

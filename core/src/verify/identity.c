#include "verify/identity.h"

#include <stdatomic.h>

#include "base/error.h"
#include "base/mem.h"
#include "oauth/refusal.h"
#include "oauth/resource.h"
#include "oauth/resource_metadata.h"

#define ROOT_PATH AA_VIEW("/.well-known/oauth-protected-resource")
#define URL_CAP 8192
#define BODY_CAP (64 * 1024)
#define HEADERS_MAX 8
#define RETRY_AFTER AA_VIEW("5")

/* Codes whose answer depends on nothing but the asker's shape: made once. */
static const enum aa_err common[] = {
    AA_ERR_TOKEN_ABSENT,       AA_ERR_CREDENTIALS_MALFORMED, AA_ERR_CREDENTIALS_DUPLICATE, AA_ERR_TOKEN_FORMAT,
    AA_ERR_TOKEN_SIGNATURE,    AA_ERR_TOKEN_INACTIVE,        AA_ERR_TOKEN_EXPIRED,         AA_ERR_TOKEN_NOT_YET,
    AA_ERR_TOKEN_AUDIENCE,     AA_ERR_TOKEN_ISSUER,          AA_ERR_TOKEN_CLAIMS,          AA_ERR_TOKEN_KEY_UNKNOWN,
    AA_ERR_TOKEN_TYPE,         AA_ERR_TOKEN_ALGORITHM,       AA_ERR_SCOPE_INSUFFICIENT,    AA_ERR_REMOTE_BREAKER,
    AA_ERR_REMOTE_UNREACHABLE, AA_ERR_REMOTE_TIMEOUT,        AA_ERR_REMOTE_CREDENTIALS};

#define COMMON_COUNT (sizeof common / sizeof common[0])
#define SHAPES 4 /* head × cors */

struct aa_identity {
    const struct aa_options *options;
    struct aa_buf resource, normal, path, metadata_url, document;
    _Atomic(struct aa_answer *) finished[COMMON_COUNT][SHAPES];
};

struct aa_view aa_identity_resource(const struct aa_identity *identity)
{
    return aa_buf_view(&identity->resource);
}

struct aa_view aa_identity_normal(const struct aa_identity *identity)
{
    return aa_buf_view(&identity->normal);
}

bool aa_identity_is_root_metadata_path(struct aa_view path)
{
    return aa_view_equal(path, ROOT_PATH);
}

bool aa_identity_is_metadata_path(const struct aa_identity *identity, struct aa_view path)
{
    return aa_identity_is_root_metadata_path(path) || aa_view_equal(path, aa_buf_view(&identity->path));
}

/* ---- making ---------------------------------------------------------------------------------------------------- */

static void write_document(struct aa_identity *identity, struct aa_view name)
{
    const struct aa_options *options = identity->options;
    const struct aa_resource_metadata metadata = {
        .resource = aa_buf_view(&identity->resource),
        .authorization_server = options->auth_server,
        .resource_name = aa_view_is_absent(options->resource_name) ? name : options->resource_name,
        .scopes = &options->scopes_supported,
    };

    aa_resource_metadata_build(&identity->document, &metadata);
}

static enum aa_err fill(struct aa_identity *identity, struct aa_view resource, struct aa_view name,
                        struct aa_error *err)
{
    enum aa_err rc;

    aa_buf_add(&identity->resource, resource);
    rc = aa_resource_add_normal(&identity->normal, resource, err);
    if (!rc)
        rc = aa_resource_add_metadata_path(&identity->path, resource, err);
    if (!rc)
        rc = aa_resource_add_metadata_url(&identity->metadata_url, resource, err);
    if (!rc)
        rc = aa_buf_check(&identity->resource, "the resource identifier", err);
    if (rc)
        return rc;
    write_document(identity, name);
    return aa_buf_check(&identity->document, "the resource metadata", err);
}

enum aa_err aa_identity_new(const struct aa_options *options, struct aa_view resource, struct aa_view name,
                            struct aa_identity **out, struct aa_error *err)
{
    struct aa_identity *identity;
    enum aa_err rc;

    rc = aa_resource_check(resource, true, err);
    if (rc)
        return rc;
    identity = aa_mem_new(sizeof *identity);
    if (!identity)
        return aa_fail(err, AA_ERR_NOMEM, "no memory for the resource's identity");
    identity->options = options;
    aa_buf_init(&identity->resource, URL_CAP);
    aa_buf_init(&identity->normal, URL_CAP);
    aa_buf_init(&identity->path, URL_CAP);
    aa_buf_init(&identity->metadata_url, URL_CAP);
    aa_buf_init(&identity->document, BODY_CAP);
    rc = fill(identity, resource, name, err);
    if (rc) {
        aa_identity_free(identity);
        return rc;
    }
    *out = identity;
    return AA_OK;
}

void aa_identity_free(struct aa_identity *identity)
{
    if (!identity)
        return;
    for (size_t i = 0; i < COMMON_COUNT; i++) {
        for (size_t shape = 0; shape < SHAPES; shape++)
            aa_answer_release(atomic_load(&identity->finished[i][shape]));
    }
    aa_buf_clear(&identity->resource);
    aa_buf_clear(&identity->normal);
    aa_buf_clear(&identity->path);
    aa_buf_clear(&identity->metadata_url);
    aa_buf_clear(&identity->document);
    aa_mem_free(identity);
}

/* ---- answers --------------------------------------------------------------------------------------------------- */

struct draft {
    struct aa_header headers[HEADERS_MAX];
    size_t count;
};

static void add_header(struct draft *draft, struct aa_view name, struct aa_view value)
{
    draft->headers[draft->count++] = (struct aa_header){name, value};
}

static struct aa_answer *finish(int status, const struct draft *draft, struct aa_view body, struct aa_asker asker)
{
    struct aa_answer *answer;

    if (asker.head)
        body = AA_VIEW("");
    if (aa_answer_new(status, draft->headers, draft->count, body, &answer, NULL))
        return aa_answer_last_resort();
    return answer;
}

/* The body of a header mismatch is what MCP prescribes (code -32020); clients look for it there. */
static void add_body(struct aa_buf *body, enum aa_err code, const struct aa_refusal_context *context)
{
    if (code == AA_ERR_MCP_HEADER_MISMATCH) {
        aa_buf_add_text(body, "{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32020,\"message\":");
        aa_buf_add_json_string(body, aa_view_of(aa_err_text(code)));
        aa_buf_add_text(body, "}}");
        return;
    }
    aa_refusal_add_body(body, code, context);
}

/* A challenge speaks of credentials; a body that cannot be read has nothing to do with them. */
static bool is_about_credentials(enum aa_err code)
{
    return aa_err_class_of(code) != AA_CLASS_REQUEST || code == AA_ERR_CREDENTIALS_MALFORMED ||
           code == AA_ERR_CREDENTIALS_DUPLICATE;
}

static struct aa_answer *build_refusal(const struct aa_identity *identity, enum aa_err code,
                                       const struct aa_scopes *scopes, struct aa_asker asker)
{
    const struct aa_refusal_context context = {
        .scopes = scopes,
        .resource_metadata = identity ? aa_buf_view(&identity->metadata_url) : AA_VIEW_ABSENT,
    };
    struct draft draft = {.count = 0};
    struct aa_answer *answer;
    struct aa_buf challenge;
    struct aa_buf body;
    int status = aa_refusal_status(code);

    aa_buf_init(&challenge, BODY_CAP);
    aa_buf_init(&body, BODY_CAP);
    if (is_about_credentials(code))
        aa_refusal_add_challenge(&challenge, code, &context);
    add_body(&body, code, &context);
    add_header(&draft, AA_VIEW("content-type"), AA_VIEW("application/json"));
    add_header(&draft, AA_VIEW("cache-control"), AA_VIEW("no-store"));
    if (challenge.len)
        add_header(&draft, AA_VIEW("www-authenticate"), aa_buf_view(&challenge));
    if (status == 503)
        add_header(&draft, AA_VIEW("retry-after"), RETRY_AFTER);
    if (asker.cors) {
        add_header(&draft, AA_VIEW("access-control-allow-origin"), AA_VIEW("*"));
        add_header(&draft, AA_VIEW("access-control-expose-headers"), AA_VIEW("WWW-Authenticate"));
    }
    if (aa_buf_check(&challenge, "a challenge", NULL) || aa_buf_check(&body, "a refusal", NULL))
        answer = aa_answer_last_resort();
    else
        answer = finish(status, &draft, aa_buf_view(&body), asker);
    aa_buf_clear(&challenge);
    aa_buf_clear(&body);
    return answer;
}

static _Atomic(struct aa_answer *) *find_slot(struct aa_identity *identity, enum aa_err code, struct aa_asker asker)
{
    for (size_t i = 0; i < COMMON_COUNT; i++) {
        if (common[i] == code)
            return &identity->finished[i][(asker.head ? 2 : 0) + (asker.cors ? 1 : 0)];
    }
    return NULL;
}

/* Two threads may build the same answer at once; the first one in stays. The caller gets a reference of its own. */
static struct aa_answer *publish(_Atomic(struct aa_answer *) *slot, struct aa_answer *answer)
{
    struct aa_answer *expected = NULL;

    if (answer == aa_answer_last_resort())
        return answer; /* no memory just now; not worth keeping */
    aa_answer_acquire(answer);
    if (atomic_compare_exchange_strong(slot, &expected, answer))
        return answer;
    aa_answer_release(answer);
    aa_answer_release(answer);
    return aa_answer_acquire(expected);
}

struct aa_answer *aa_identity_refuse(struct aa_identity *identity, const struct aa_options *options, enum aa_err code,
                                     const struct aa_scopes *scopes, struct aa_asker asker)
{
    _Atomic(struct aa_answer *) *slot = NULL;
    struct aa_answer *answer;

    if (identity && scopes == &options->required_scopes)
        slot = find_slot(identity, code, asker);
    if (!slot)
        return build_refusal(identity, code, scopes, asker);
    answer = atomic_load_explicit(slot, memory_order_acquire);
    if (answer)
        return aa_answer_acquire(answer);
    return publish(slot, build_refusal(identity, code, scopes, asker));
}

/* ---- the RFC 9728 document ------------------------------------------------------------------------------------- */

static void add_cors(struct draft *draft)
{
    add_header(draft, AA_VIEW("access-control-allow-origin"), AA_VIEW("*"));
    add_header(draft, AA_VIEW("access-control-allow-methods"), AA_VIEW("GET, HEAD, OPTIONS"));
    add_header(draft, AA_VIEW("access-control-allow-headers"),
               AA_VIEW("MCP-Protocol-Version, Authorization, Content-Type"));
}

struct aa_answer *aa_identity_describe(struct aa_identity *identity, struct aa_view method, struct aa_asker asker)
{
    struct draft draft = {.count = 0};

    add_cors(&draft);
    if (aa_view_equal_text(method, "OPTIONS")) {
        add_header(&draft, AA_VIEW("access-control-max-age"), AA_VIEW("3600"));
        return finish(204, &draft, AA_VIEW(""), asker);
    }
    if (!aa_view_equal_text(method, "GET") && !aa_view_equal_text(method, "HEAD")) {
        add_header(&draft, AA_VIEW("allow"), AA_VIEW("GET, HEAD, OPTIONS"));
        add_header(&draft, AA_VIEW("content-type"), AA_VIEW("application/json"));
        return finish(405, &draft,
                      AA_VIEW("{\"error\":\"invalid_request\",\"error_description\":\"The method is not allowed\"}"),
                      asker);
    }
    add_header(&draft, AA_VIEW("content-type"), AA_VIEW("application/json"));
    add_header(&draft, AA_VIEW("cache-control"), AA_VIEW("public, max-age=300"));
    return finish(200, &draft, aa_buf_view(&identity->document), asker);
}

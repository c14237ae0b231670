#include "verify/principal.h"

#include "base/error.h"
#include "base/mem.h"
#include "oauth/resource.h"
#include "oauth/scope.h"

/* An answer has at most 64 KiB; escaping and normalising make it a few times longer at worst. */
#define PRINCIPAL_TEXT_MAX (512 * 1024)

enum { SUB, EMAIL, NAME, CLIENT_ID, SCOPE, ISSUER, RESOURCE, CLAIMS, TEXT_COUNT };

static size_t count_audiences(const struct aa_json *aud)
{
    return aa_json_is(aud, AA_JSON_ARRAY) ? aa_json_len(aud) : aud != NULL;
}

static struct aa_view audience_at(const struct aa_json *aud, size_t index)
{
    return aa_json_text(aa_json_is(aud, AA_JSON_ARRAY) ? aa_json_at(aud, index) : aud);
}

/* Appends one text after the other and remembers where each ended. */
static enum aa_err collect(const struct aa_view *texts, const struct aa_json *document, const struct aa_json *aud,
                           size_t audience_count, struct aa_buf *buf, size_t *ends, struct aa_error *err)
{
    size_t i;

    for (i = 0; i < CLAIMS; i++) {
        aa_buf_add(buf, texts[i]);
        ends[i] = buf->len;
    }
    aa_buf_add_json(buf, document);
    ends[CLAIMS] = buf->len;
    for (i = 0; i < audience_count; i++) {
        enum aa_err rc = aa_resource_add_normal(buf, audience_at(aud, i), err);

        if (rc)
            return rc;
        ends[TEXT_COUNT + i] = buf->len;
    }
    return aa_buf_check(buf, "the facts of a token", err);
}

static void point(struct aa_principal *principal, const struct aa_view *texts, const char *memory, const size_t *ends)
{
    struct aa_view *targets[TEXT_COUNT] = {&principal->sub,       &principal->email, &principal->name,
                                           &principal->client_id, &principal->scope, &principal->issuer,
                                           &principal->resource,  &principal->claims};
    size_t start = 0;
    size_t i;

    for (i = 0; i < TEXT_COUNT + principal->audience_count; i++) {
        struct aa_view text = aa_view_make(memory + start, ends[i] - start);

        if (i >= TEXT_COUNT)
            principal->audiences[i - TEXT_COUNT] = text;
        else if (i == CLAIMS || !aa_view_is_absent(texts[i]))
            *targets[i] = text;
        start = ends[i];
    }
}

static bool is_scope_list(struct aa_view scope)
{
    struct aa_scopes scopes;

    return !aa_scopes_parse(scope, &scopes, NULL);
}

enum aa_err aa_principal_new(const struct aa_claims *claims, const struct aa_json *document, struct aa_view resource,
                             struct aa_principal **out, struct aa_error *err)
{
    const struct aa_view texts[CLAIMS] = {claims->sub,   claims->email, claims->name, claims->client_id,
                                          claims->scope, claims->iss,   resource};
    size_t audience_count = count_audiences(claims->aud);
    struct aa_principal *principal = NULL;
    struct aa_buf buf;
    size_t *ends;
    size_t head;
    enum aa_err rc;

    aa_buf_init(&buf, PRINCIPAL_TEXT_MAX);
    ends = aa_mem_new_array(TEXT_COUNT + audience_count, sizeof *ends);
    if (!ends)
        return aa_fail(err, AA_ERR_NOMEM, "no memory for the facts of a token");
    rc = collect(texts, document, claims->aud, audience_count, &buf, ends, err);
    if (rc)
        goto done;
    head = sizeof *principal + audience_count * sizeof principal->audiences[0];
    principal = aa_mem_new(head + buf.len + 1);
    if (!principal) {
        rc = aa_fail(err, AA_ERR_NOMEM, "no memory for the facts of a token");
        goto done;
    }
    memcpy((char *)principal + head, aa_buf_text(&buf), buf.len);
    aa_refs_init(&principal->refs);
    principal->size = head + buf.len + 1;
    principal->audience_count = audience_count;
    principal->exp_s = claims->exp_s;
    principal->nbf_s = claims->nbf_s;
    principal->has_exp = claims->has_exp;
    principal->has_scopes = is_scope_list(claims->scope);
    point(principal, texts, (const char *)principal + head, ends);
    *out = principal;
done:
    aa_mem_free(ends);
    aa_buf_clear(&buf);
    return rc;
}

struct aa_principal *aa_principal_acquire(struct aa_principal *principal)
{
    aa_refs_up(&principal->refs);
    return principal;
}

void aa_principal_release(struct aa_principal *principal)
{
    if (principal && aa_refs_down(&principal->refs))
        aa_mem_free(principal);
}

struct aa_view aa_principal_id(const struct aa_principal *principal)
{
    return principal->sub;
}

struct aa_view aa_principal_email(const struct aa_principal *principal)
{
    return principal->email;
}

struct aa_view aa_principal_name(const struct aa_principal *principal)
{
    return principal->name;
}

struct aa_view aa_principal_client_id(const struct aa_principal *principal)
{
    return principal->client_id;
}

struct aa_view aa_principal_scope(const struct aa_principal *principal)
{
    return principal->scope;
}

struct aa_view aa_principal_issuer(const struct aa_principal *principal)
{
    return principal->issuer;
}

struct aa_view aa_principal_resource(const struct aa_principal *principal)
{
    return principal->resource;
}

int64_t aa_principal_expires_at(const struct aa_principal *principal)
{
    return principal->has_exp ? principal->exp_s : 0;
}

struct aa_view aa_principal_claims(const struct aa_principal *principal)
{
    return principal->claims;
}

#include "verify/verifier.h"

#include "base/error.h"
#include "base/mem.h"
#include "oauth/bearer.h"
#include "verify/policy.h"

/* ---- life ------------------------------------------------------------------------------------------------------ */

static enum aa_err fill(struct aa_verifier *verifier, struct aa_error *err)
{
    const struct aa_options *options = &verifier->options;
    const struct aa_view parts[] = {options->auth_server, options->introspection_endpoint, options->jwks_uri,
                                    options->server_id, options->api_key};
    enum aa_err rc;

    rc = aa_crypto_init(err);
    if (rc)
        return rc;
    rc = aa_token_scope_init(&verifier->token_scope, parts, sizeof parts / sizeof parts[0], err);
    if (rc)
        return rc;
    rc = aa_cache_new((size_t)options->cache_size, options->cache_ttl_ms, &verifier->cache, err);
    if (rc || aa_view_is_absent(options->resource))
        return rc;
    return aa_verifier_learn_identity(verifier, options->resource, AA_VIEW_ABSENT, err);
}

enum aa_err aa_verifier_init(struct aa_verifier *verifier, struct aa_options *options, struct aa_error *err)
{
    enum aa_err rc;

    *verifier = (struct aa_verifier){.options = *options};
    *options = (struct aa_options){0};
    rc = fill(verifier, err);
    if (rc)
        aa_verifier_clear(verifier);
    return rc;
}

void aa_verifier_clear(struct aa_verifier *verifier)
{
    aa_identity_free(atomic_exchange(&verifier->identity, NULL));
    aa_cache_free(verifier->cache);
    verifier->cache = NULL;
    aa_keys_clear(&verifier->keys);
    aa_mem_wipe(&verifier->token_scope, sizeof verifier->token_scope);
    aa_options_clear(&verifier->options);
}

struct aa_identity *aa_verifier_identity(struct aa_verifier *verifier)
{
    return atomic_load_explicit(&verifier->identity, memory_order_acquire);
}

enum aa_err aa_verifier_learn_identity(struct aa_verifier *verifier, struct aa_view resource, struct aa_view name,
                                       struct aa_error *err)
{
    struct aa_identity *expected = NULL;
    struct aa_identity *identity;
    enum aa_err rc;

    rc = aa_identity_new(&verifier->options, resource, name, &identity, err);
    if (rc)
        return rc;
    if (!atomic_compare_exchange_strong(&verifier->identity, &expected, identity))
        aa_identity_free(identity);
    return AA_OK;
}

/* ---- verdicts -------------------------------------------------------------------------------------------------- */

struct aa_asker aa_asker_of(const struct aa_guard_request *request)
{
    return (struct aa_asker){aa_view_equal_text(request->method, "HEAD"), !aa_view_is_absent(request->origin)};
}

static void settle(struct aa_verdict *verdict, enum aa_verdict_kind kind)
{
    *verdict = (struct aa_verdict){.kind = kind};
}

static void answer(struct aa_verdict *verdict, enum aa_err code, struct aa_answer *answer_ref)
{
    *verdict = (struct aa_verdict){AA_VERDICT_ANSWER, code, NULL, answer_ref};
}

void aa_verdict_clear(struct aa_verdict *verdict)
{
    aa_principal_release(verdict->principal);
    aa_answer_release(verdict->answer);
    *verdict = (struct aa_verdict){0};
}

void aa_verifier_refuse(struct aa_verifier *verifier, enum aa_err code, const struct aa_scopes *scopes,
                        struct aa_asker asker, struct aa_verdict *verdict)
{
    answer(verdict, code, aa_identity_refuse(aa_verifier_identity(verifier), &verifier->options, code, scopes, asker));
}

/* Takes over the reference. */
static void allow(struct aa_verdict *verdict, struct aa_principal *principal)
{
    *verdict = (struct aa_verdict){AA_VERDICT_ALLOW, AA_OK, principal, NULL};
}

/* The facts against everything but the scopes of tools: those need the body, which is read for good tokens only. */
static enum aa_err check_facts(struct aa_verifier *verifier, const struct aa_facts *facts, struct aa_now now)
{
    struct aa_identity *identity = aa_verifier_identity(verifier);

    if (facts->code)
        return facts->code;
    if (!identity)
        return AA_ERR_RESOURCE_UNKNOWN;
    return aa_policy_check(&verifier->options, aa_identity_normal(identity), facts->principal, now);
}

/* The challenge lists every scope of the operation, those the token has among them (RFC 6750 §3.1, MCP "Scope
 * Challenge"). */
static void judge_operation(struct aa_verifier *verifier, struct aa_facts *facts,
                            const struct aa_guard_request *request, struct aa_verdict *verdict)
{
    struct aa_operation operation;

    aa_operation_read(&verifier->options, request, &operation);
    if (operation.code) {
        aa_verifier_refuse(verifier, operation.code, &verifier->options.required_scopes, aa_asker_of(request), verdict);
    } else if (!aa_policy_covers(facts->principal, operation.scopes)) {
        aa_verifier_refuse(verifier, AA_ERR_SCOPE_INSUFFICIENT, operation.scopes, aa_asker_of(request), verdict);
    } else {
        allow(verdict, facts->principal);
        facts->principal = NULL;
    }
    aa_operation_clear(&operation);
}

void aa_verifier_judge(struct aa_verifier *verifier, struct aa_facts *facts, const struct aa_guard_request *request,
                       struct aa_now now, struct aa_verdict *verdict)
{
    enum aa_err rc = check_facts(verifier, facts, now);

    if (rc)
        aa_verifier_refuse(verifier, rc, &verifier->options.required_scopes, aa_asker_of(request), verdict);
    else
        judge_operation(verifier, facts, request, verdict);
    aa_facts_clear(facts);
}

/* ---- asking ---------------------------------------------------------------------------------------------------- */

/* A preflight carries no credentials (Fetch standard §4.8): the app's own CORS rules answer it. */
static bool is_preflight(const struct aa_guard_request *request)
{
    return aa_view_equal_text(request->method, "OPTIONS") && !aa_view_is_absent(request->preflight_method);
}

/* Requests that are not about a token at all. False when it is one that is. */
static bool settle_without_token(struct aa_verifier *verifier, struct aa_identity *identity,
                                 const struct aa_guard_request *request, struct aa_verdict *verdict)
{
    if (identity && aa_identity_is_metadata_path(identity, request->path)) {
        answer(verdict, AA_OK, aa_identity_describe(identity, request->method, aa_asker_of(request)));
        return true;
    }
    if (aa_identity_is_root_metadata_path(request->path)) /* ours, though there is nothing to tell yet */
        return false;
    if (is_preflight(request) || aa_options_is_public(&verifier->options, request->path)) {
        settle(verdict, AA_VERDICT_PASS);
        return true;
    }
    return false;
}

/* Nothing but well-formed tokens is ever remembered. So what stands behind "Bearer " may be looked for before it is
 * looked at: reading a token of some hundred bytes costs as much as all the rest. */
static bool find_unread(struct aa_verifier *verifier, struct aa_view authorization, struct aa_now now,
                        struct aa_question *question, struct aa_facts *facts)
{
    const struct aa_view scheme = AA_VIEW("Bearer ");

    question->token = aa_view_from(authorization, scheme.len);
    return aa_view_has_prefix(authorization, scheme) && question->token.len <= AA_TOKEN_LEN_MAX &&
           !aa_token_key_compute(&verifier->token_scope, question->token, &question->key) &&
           aa_cache_find(verifier->cache, &question->key, now, facts);
}

static void look_up(struct aa_verifier *verifier, const struct aa_guard_request *request, struct aa_now now,
                    struct aa_verdict *verdict, struct aa_question *question)
{
    struct aa_facts facts;
    enum aa_err rc;

    if (find_unread(verifier, request->authorization, now, question, &facts)) {
        aa_verifier_judge(verifier, &facts, request, now, verdict);
        return;
    }
    rc = aa_bearer_parse(request->authorization, &question->token, NULL);
    if (!rc)
        rc = aa_token_key_compute(&verifier->token_scope, question->token, &question->key);
    if (rc) {
        aa_verifier_refuse(verifier, rc, &verifier->options.required_scopes, aa_asker_of(request), verdict);
    } else if (aa_cache_find(verifier->cache, &question->key, now, &facts)) {
        aa_verifier_judge(verifier, &facts, request, now, verdict);
    } else {
        question->need = AA_NEED_TOKEN;
        settle(verdict, AA_VERDICT_PENDING);
    }
}

void aa_verifier_ask(struct aa_verifier *verifier, const struct aa_guard_request *request, struct aa_now now,
                     struct aa_verdict *verdict, struct aa_question *question)
{
    struct aa_identity *identity = aa_verifier_identity(verifier);

    *question = (struct aa_question){.need = AA_NEED_NOTHING};
    if (settle_without_token(verifier, identity, request, verdict))
        return;
    if (!identity) { /* every challenge names our metadata, which we do not know yet */
        question->need = AA_NEED_IDENTITY;
        settle(verdict, AA_VERDICT_PENDING);
        return;
    }
    look_up(verifier, request, now, verdict, question);
}

/* ---- per-route demands ----------------------------------------------------------------------------------------- */

static enum aa_err unite(const struct aa_options *options, struct aa_view scopes, struct aa_scopes *out)
{
    struct aa_scopes extra;
    enum aa_err rc;

    *out = options->required_scopes;
    rc = aa_scopes_parse(scopes, &extra, NULL);
    for (size_t i = 0; !rc && i < extra.len; i++)
        rc = aa_scopes_add(out, extra.items[i], NULL);
    return rc;
}

void aa_verifier_check_scopes(struct aa_verifier *verifier, struct aa_principal *principal, struct aa_view scopes,
                              struct aa_verdict *verdict)
{
    const struct aa_asker anyone = {
        .cors = true}; /* the request is not at hand; a browser must be able to read the challenge */
    struct aa_scopes wanted;

    if (unite(&verifier->options, scopes, &wanted)) /* the application's mistake, not the caller's */
        aa_verifier_refuse(verifier, AA_ERR_OPTION_INVALID, NULL, anyone, verdict);
    else if (!principal)
        aa_verifier_refuse(verifier, AA_ERR_TOKEN_ABSENT, &wanted, anyone, verdict);
    else if (!aa_policy_covers(principal, &wanted))
        aa_verifier_refuse(verifier, AA_ERR_SCOPE_INSUFFICIENT, &wanted, anyone, verdict);
    else
        allow(verdict, aa_principal_acquire(principal));
}

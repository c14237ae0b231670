/* Introspection answers: only a literal true is active, and its claims have their types. */
#include "fuzz.h"
#include "oauth/introspection.h"
#include "oauth/resource.h"

static bool is_seconds(int64_t seconds)
{
    return seconds >= 0 && seconds <= INT64_C(9007199254740992);
}

static void check_claims(const struct aa_introspection *answer)
{
    const struct aa_claims *claims = &answer->claims;

    MUST(is_seconds(claims->exp_s) && is_seconds(claims->nbf_s) && is_seconds(claims->iat_s));
    MUST_EQUAL(claims->sub, aa_json_text(aa_json_get(answer->document, "sub")));
    MUST_EQUAL(claims->scope, aa_json_text(aa_json_get(answer->document, "scope")));
    MUST_EQUAL(claims->client_id, aa_json_text(aa_json_get(answer->document, "client_id")));
    MUST(!aa_audience_has(NULL, AA_VIEW("https://mcp.example.com")));
    if (aa_audience_has(claims->aud, AA_VIEW("https://mcp.example.com")))
        MUST(claims->aud != NULL);
}

bool fuzz_one(struct aa_view input)
{
    struct aa_introspection answer;
    const struct aa_json *active;

    if (aa_introspection_parse(input, &answer, NULL))
        return false;
    active = aa_json_get(answer.document, "active");
    MUST(aa_json_is(active, answer.active ? AA_JSON_TRUE : AA_JSON_FALSE));
    if (answer.active)
        check_claims(&answer);
    else
        MUST(aa_view_is_absent(answer.claims.sub) && !answer.claims.has_exp);
    aa_introspection_clear(&answer);
    return true;
}

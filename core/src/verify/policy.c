#include "verify/policy.h"

/* RFC 7662 §2.2 makes `iss` optional in an introspection answer; a JWT must name it (RFC 9068 §4). Byte for byte (RFC
 * 8414 §3.3). */
static enum aa_err check_issuer(const struct aa_options *options, const struct aa_principal *principal)
{
    if (aa_view_is_absent(principal->issuer))
        return options->mode == AA_MODE_JWT ? AA_ERR_TOKEN_ISSUER : AA_OK;
    return aa_view_equal(principal->issuer, options->auth_server) ? AA_OK : AA_ERR_TOKEN_ISSUER;
}

/* A token without any audience cannot be shown to be meant for us. */
static enum aa_err check_audience(const struct aa_options *options, struct aa_view resource,
                                  const struct aa_principal *principal)
{
    if (!options->check_audience)
        return AA_OK;
    for (size_t i = 0; i < principal->audience_count; i++) {
        if (aa_view_equal(principal->audiences[i], resource))
            return AA_OK;
    }
    return AA_ERR_TOKEN_AUDIENCE;
}

static bool has_word(struct aa_view words, struct aa_view word)
{
    struct aa_view head;

    do {
        aa_view_cut(words, ' ', &head, &words);
        if (aa_view_equal(head, word))
            return true;
    } while (!aa_view_is_absent(words));
    return false;
}

/* The common case, without taking the list apart: every scope stands in it by its own name. */
static bool has_words(struct aa_view words, const struct aa_scopes *wanted)
{
    for (size_t i = 0; i < wanted->len; i++) {
        if (!has_word(words, wanted->items[i]))
            return false;
    }
    return true;
}

bool aa_policy_covers(const struct aa_principal *principal, const struct aa_scopes *wanted)
{
    struct aa_scopes granted;

    if (wanted->len == 0)
        return true;
    if (!principal->has_scopes)
        return false;
    if (has_words(principal->scope, wanted))
        return true;
    if (aa_scopes_parse(principal->scope, &granted, NULL))
        return false;
    return aa_scopes_cover_all(&granted, wanted);
}

enum aa_err aa_policy_check(const struct aa_options *options, struct aa_view resource,
                            const struct aa_principal *principal, struct aa_now now)
{
    const struct aa_claims times = {
        .exp_s = principal->exp_s, .nbf_s = principal->nbf_s, .has_exp = principal->has_exp};
    enum aa_err rc;

    rc = aa_claims_check_time(&times, now.wall_s, NULL);
    if (!rc)
        rc = check_issuer(options, principal);
    if (!rc)
        rc = check_audience(options, resource, principal);
    return rc;
}

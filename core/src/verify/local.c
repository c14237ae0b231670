#include "verify/local.h"

#include "jose/claims.h"
#include "jose/jws.h"

static enum aa_local refuse(struct aa_facts *facts, enum aa_err code)
{
    facts->code = code;
    return AA_LOCAL_REFUSED;
}

/* What we cannot judge, its issuer can; in mode "jwt" nobody is asked, and it is no good. */
static enum aa_local unreadable(const struct aa_options *options, struct aa_facts *facts, enum aa_err code)
{
    return options->mode == AA_MODE_JWT ? refuse(facts, code) : AA_LOCAL_NOT_JWT;
}

/* RFC 9068 §4: "at+jwt" or "application/at+jwt", compared without case. An ID token must never pass for an access
 * token. */
static bool is_access_token(const struct aa_jws *jws)
{
    return aa_view_equal_nocase(jws->typ, AA_VIEW("at+jwt")) ||
           aa_view_equal_nocase(jws->typ, AA_VIEW("application/at+jwt"));
}

static enum aa_local judge(const struct aa_options *options, const struct aa_jws *jws, struct aa_view resource,
                           struct aa_now now, struct aa_facts *facts)
{
    struct aa_claims claims = {0};
    enum aa_err rc;

    if (aa_claims_read(jws->payload, &claims, NULL) || !claims.has_exp)
        return unreadable(options, facts, AA_ERR_TOKEN_CLAIMS);
    rc = aa_claims_check_time(&claims, now.wall_s, NULL);
    if (rc)
        return refuse(facts, rc);
    if (options->mode != AA_MODE_JWT)
        return AA_LOCAL_GOOD;
    rc = aa_principal_new(&claims, jws->payload, resource, &facts->principal, NULL);
    if (rc)
        return refuse(facts, rc);
    return AA_LOCAL_GOOD;
}

static enum aa_local check_parsed(const struct aa_options *options, const struct aa_jwks *jwks,
                                  const struct aa_jws *jws, struct aa_view resource, struct aa_now now,
                                  struct aa_facts *facts)
{
    const struct aa_key *key;
    enum aa_err rc;

    if (!is_access_token(jws))
        return unreadable(options, facts, AA_ERR_TOKEN_TYPE);
    if (jws->alg == AA_ALG_NONE)
        return unreadable(options, facts, AA_ERR_TOKEN_KEY_UNKNOWN); /* no key of ours has it: none is fetched for it */
    key = jwks ? aa_jwks_find(jwks, jws->kid, jws->alg) : NULL;
    if (!key)
        return AA_LOCAL_KEY_UNKNOWN;
    rc = aa_jws_verify(jws, key, NULL);
    if (rc)
        return refuse(facts, rc);
    return judge(options, jws, resource, now, facts);
}

enum aa_local aa_local_check(const struct aa_options *options, const struct aa_jwks *jwks, struct aa_view resource,
                             struct aa_view token, struct aa_now now, struct aa_facts *facts)
{
    struct aa_jws jws = {0};
    enum aa_local result;
    enum aa_err rc;

    *facts = (struct aa_facts){AA_OK, NULL};
    rc = aa_jws_parse(token, &jws, NULL);
    if (rc == AA_ERR_NOMEM)
        return refuse(facts, rc);
    if (rc)
        return unreadable(options, facts, rc);
    result = check_parsed(options, jwks, &jws, resource, now, facts);
    aa_jws_clear(&jws);
    return result;
}

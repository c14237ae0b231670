#include "jose/claims.h"

#include "base/error.h"

struct raw { /* the claims as the field table reads them */
    struct aa_claims claims;
    const struct aa_json *exp, *nbf, *iat;
};

#define TEXT(name)                                                                                                     \
    {                                                                                                                  \
#name, AA_FIELD_TEXT, offsetof(struct raw, claims.name), false, 0                                              \
    }
#define ANY(name, member)                                                                                              \
    {                                                                                                                  \
        name, AA_FIELD_ANY, offsetof(struct raw, member), false, 0                                                     \
    }

static const struct aa_json_field fields[] = {
    TEXT(iss),       TEXT(sub),       TEXT(client_id), TEXT(scope),      TEXT(jti),
    TEXT(username),  TEXT(email),     TEXT(name),      TEXT(token_type), ANY("aud", claims.aud),
    ANY("exp", exp), ANY("nbf", nbf), ANY("iat", iat),
};

/* RFC 7519 §2, NumericDate: a number, perhaps with a fraction, which is cut off: a token never lives longer for it. */
static enum aa_err read_time(const char *name, const struct aa_json *value, int64_t *out, struct aa_error *err)
{
    if (value && !aa_json_get_seconds(value, out))
        return aa_fail(err, AA_ERR_TOKEN_CLAIMS, "claim \"%s\" must be a number between 0 and 2^53", name);
    return AA_OK;
}

/* RFC 7519 §4.1.3. */
static enum aa_err check_audience_type(const struct aa_json *aud, struct aa_error *err)
{
    if (!aud || aa_json_is(aud, AA_JSON_STRING))
        return AA_OK;
    if (!aa_json_is(aud, AA_JSON_ARRAY))
        return aa_fail(err, AA_ERR_TOKEN_CLAIMS, "claim \"aud\" must be a string or an array of strings");
    for (size_t i = 0; i < aa_json_len(aud); i++)
        if (!aa_json_is(aa_json_at(aud, i), AA_JSON_STRING))
            return aa_fail(err, AA_ERR_TOKEN_CLAIMS, "claim \"aud\" must be a string or an array of strings");
    return AA_OK;
}

enum aa_err aa_claims_read(const struct aa_json *object, struct aa_claims *claims, struct aa_error *err)
{
    struct aa_error why = AA_ERROR_INIT;
    struct raw raw = {0};
    enum aa_err rc;

    if (aa_json_read(object, fields, sizeof fields / sizeof fields[0], &raw, &why))
        return aa_fail(err, AA_ERR_TOKEN_CLAIMS, "%s", why.message);
    rc = check_audience_type(raw.claims.aud, err);
    if (!rc)
        rc = read_time("exp", raw.exp, &raw.claims.exp_s, err);
    if (!rc)
        rc = read_time("nbf", raw.nbf, &raw.claims.nbf_s, err);
    if (!rc)
        rc = read_time("iat", raw.iat, &raw.claims.iat_s, err);
    if (rc)
        return rc;
    raw.claims.has_exp = raw.exp != NULL;
    *claims = raw.claims;
    return AA_OK;
}

enum aa_err aa_claims_check_time(const struct aa_claims *claims, int64_t now_s, struct aa_error *err)
{
    if (claims->has_exp && now_s >= claims->exp_s) /* RFC 7519 §4.1.4: "on or after" */
        return aa_fail(err, AA_ERR_TOKEN_EXPIRED, "the token expired %lld s ago", (long long)(now_s - claims->exp_s));
    if (claims->nbf_s - AA_CLOCK_SKEW_S > now_s)
        return aa_fail(err, AA_ERR_TOKEN_NOT_YET, "the token is good only in %lld s",
                       (long long)(claims->nbf_s - now_s));
    if (claims->iat_s - AA_CLOCK_SKEW_S > now_s)
        return aa_fail(err, AA_ERR_TOKEN_NOT_YET, "the token was issued %lld s from now",
                       (long long)(claims->iat_s - now_s));
    return AA_OK;
}

#include "domain/client_assertion.h"

#include "base/error.h"
#include "base/url.h"
#include "jose/jwks.h"

static enum aa_err refuse(struct aa_refused *refused, const char *description)
{
    return aa_refuse(refused, AA_OAUTH_INVALID_CLIENT, description);
}

/* ---- taking it apart ---- */

/* RFC 8725 §3.11: a JWT that says it is something else (an access token, a logout token, a DPoP proof) is none, though
 * the same key signed it. */
static bool is_type(struct aa_view typ)
{
    const struct aa_view prefix = AA_VIEW("application/");

    if (aa_view_is_absent(typ))
        return true;
    if (aa_view_equal_nocase(aa_view_slice(typ, 0, prefix.len), prefix))
        typ = aa_view_from(typ, prefix.len);
    return aa_view_equal_nocase(typ, AA_VIEW("JWT")) || aa_view_equal_nocase(typ, AA_VIEW("client-authentication+jwt"));
}

static enum aa_err check_claims(const struct aa_claims *claims, struct aa_refused *refused)
{
    if (claims->sub.len == 0 || !aa_view_equal(claims->iss, claims->sub))
        return refuse(refused, "iss and sub of the client_assertion must both be the client_id");
    if (!claims->has_exp)
        return refuse(refused, "The client_assertion has no exp");
    if (claims->jti.len == 0)
        return refuse(refused, "The client_assertion has no jti");
    if (claims->jti.len > AA_CLIENT_ASSERTION_JTI_MAX)
        return refuse(refused, "jti of the client_assertion is longer than 256 bytes");
    return AA_OK;
}

static enum aa_err read_parts(struct aa_client_assertion *assertion, struct aa_refused *refused)
{
    if (assertion->jws.alg == AA_ALG_NONE)
        return refuse(refused, "The client_assertion is not signed with an algorithm that is accepted here");
    if (!is_type(assertion->jws.typ))
        return refuse(refused, "The client_assertion is a JWT of another type");
    if (aa_claims_read(assertion->jws.payload, &assertion->claims, NULL))
        return refuse(refused, "A claim of the client_assertion has the wrong type");
    return check_claims(&assertion->claims, refused);
}

enum aa_err aa_client_assertion_read(struct aa_view text, struct aa_client_assertion *out, struct aa_refused *refused,
                                     struct aa_error *err)
{
    struct aa_client_assertion assertion;
    enum aa_err rc;

    rc = aa_jws_parse(text, &assertion.jws, NULL);
    if (rc == AA_ERR_NOMEM)
        return aa_fail(err, rc, "out of memory for a client's assertion");
    if (rc == AA_ERR_TOKEN_ALGORITHM)
        return refuse(refused, "The client_assertion is not signed");
    if (rc)
        return refuse(refused, "The client_assertion is not a JWT");
    rc = read_parts(&assertion, refused);
    if (rc)
        aa_jws_clear(&assertion.jws);
    else
        *out = assertion;
    return rc;
}

void aa_client_assertion_clear(struct aa_client_assertion *assertion)
{
    aa_jws_clear(&assertion->jws);
}

/* ---- for whom, and when ---- */

/* An audience that goes: the issuer followed by `path`. */
static enum aa_err is_place(const struct aa_settings *settings, const char *path, struct aa_view audience, bool *is,
                            struct aa_error *err)
{
    struct aa_buf place;
    enum aa_err rc;

    aa_buf_init(&place, AA_URL_MAX);
    aa_buf_add_text(&place, settings->issuer);
    aa_buf_add_text(&place, path);
    rc = aa_buf_check(&place, "the issuer", err);
    if (!rc && aa_view_equal(aa_buf_view(&place), audience))
        *is = true;
    aa_buf_clear(&place);
    return rc;
}

/* The issuer, as RFC 7523bis wants it alone, also in the spelling of those whose URLs always have a path; the token
 * endpoint, as OpenID Connect Core §9 has it; the endpoint that was asked. */
static enum aa_err is_for_us(const struct aa_settings *settings, const char *path, struct aa_view audience, bool *is,
                             struct aa_error *err)
{
    const char *const places[] = {"", "/", "/token", path};
    enum aa_err rc = AA_OK;

    for (size_t i = 0; !rc && i < sizeof places / sizeof *places; i++)
        rc = is_place(settings, places[i], audience, is, err);
    return rc;
}

static enum aa_err check_audience(const struct aa_client_assertion *assertion, const struct aa_settings *settings,
                                  const char *path, struct aa_refused *refused, struct aa_error *err)
{
    const struct aa_json *aud = assertion->claims.aud;
    bool is = false;
    enum aa_err rc = AA_OK;

    if (aa_json_is(aud, AA_JSON_STRING))
        rc = is_for_us(settings, path, aa_json_text(aud), &is, err);
    for (size_t i = 0; !rc && aa_json_is(aud, AA_JSON_ARRAY) && i < aa_json_len(aud); i++)
        rc = is_for_us(settings, path, aa_json_text(aa_json_at(aud, i)), &is, err);
    if (rc || is)
        return rc;
    return refuse(refused, "aud of the client_assertion must be the issuer or the token endpoint of this server");
}

int64_t aa_client_assertion_end_ms(const struct aa_client_assertion *assertion)
{
    return (assertion->claims.exp_s + AA_CLIENT_ASSERTION_SKEW_S) * 1000;
}

static enum aa_err check_time(const struct aa_client_assertion *assertion, int64_t now_ms, struct aa_refused *refused)
{
    const struct aa_claims *claims = &assertion->claims;
    int64_t latest_s = now_ms / 1000 + AA_CLIENT_ASSERTION_SKEW_S;

    if (now_ms >= aa_client_assertion_end_ms(assertion))
        return refuse(refused, "The client_assertion is expired");
    if (claims->exp_s > latest_s + AA_CLIENT_ASSERTION_AHEAD_S)
        return refuse(refused, "exp of the client_assertion is more than ten minutes ahead");
    if (claims->nbf_s > latest_s)
        return refuse(refused, "nbf of the client_assertion lies ahead");
    if (claims->iat_s > latest_s)
        return refuse(refused, "iat of the client_assertion lies ahead");
    return AA_OK;
}

enum aa_err aa_client_assertion_check(const struct aa_client_assertion *assertion, const struct aa_settings *settings,
                                      const char *path, int64_t now_ms, struct aa_refused *refused,
                                      struct aa_error *err)
{
    enum aa_err rc = check_audience(assertion, settings, path, refused, err);

    return rc ? rc : check_time(assertion, now_ms, refused);
}

/* ---- by whom ---- */

/* The key that the header names, or any that has its algorithm. */
static enum aa_err try_keys(const struct aa_jws *jws, const struct aa_jwks *jwks)
{
    size_t tried = 0;

    for (size_t i = 0; i < aa_jwks_len(jwks) && tried < AA_CLIENT_ASSERTION_KEYS_MAX; i++) {
        struct aa_view kid;
        const struct aa_key *key = aa_jwks_at(jwks, i, &kid);
        enum aa_err rc;

        if (aa_key_alg(key) != jws->alg || (!aa_view_is_absent(jws->kid) && !aa_view_equal(kid, jws->kid)))
            continue;
        tried++;
        rc = aa_jws_verify(jws, key, NULL);
        if (rc == AA_OK || rc == AA_ERR_NOMEM)
            return rc;
    }
    return AA_ERR_TOKEN_SIGNATURE;
}

enum aa_err aa_client_assertion_verify(const struct aa_client_assertion *assertion, struct aa_view jwks,
                                       struct aa_error *err)
{
    struct aa_jwks *keys = NULL;
    enum aa_err rc;

    rc = aa_jwks_parse(jwks, &keys, NULL);
    if (!rc)
        rc = try_keys(&assertion->jws, keys);
    aa_jwks_release(keys);
    if (rc == AA_ERR_NOMEM)
        return aa_fail(err, rc, "out of memory for a client's keys");
    return rc ? AA_ERR_TOKEN_SIGNATURE : AA_OK;
}

/* No client_id holds a NUL, so that nothing else joins to the same. */
enum aa_err aa_client_assertion_digest(const struct aa_client_assertion *assertion, uint8_t digest[AA_SHA256_LEN],
                                       struct aa_error *err)
{
    struct aa_buf named;
    enum aa_err rc;

    aa_buf_init(&named, AA_JWT_MAX);
    aa_buf_add(&named, assertion->claims.sub);
    aa_buf_add_char(&named, '\0');
    aa_buf_add(&named, assertion->claims.jti);
    rc = aa_buf_check(&named, "a client's assertion", err);
    if (!rc && aa_sha256(aa_buf_view(&named), digest))
        rc = aa_fail(err, AA_ERR_CRYPTO, "a client's assertion could not be digested");
    aa_buf_clear(&named);
    return rc;
}

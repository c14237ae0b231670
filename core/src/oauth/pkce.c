#include "oauth/pkce.h"

#include "base/buf.h"
#include "base/error.h"
#include "crypto/crypto.h"

#define CHALLENGE_LEN 43 /* 32 bytes in base64url (RFC 7636 §4.2) */
#define VERIFIER_MIN 43  /* RFC 7636 §4.1 */
#define VERIFIER_MAX 128

static bool is_base64url(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

static bool is_unreserved(char c)
{
    return is_base64url(c) || c == '.' || c == '~';
}

enum aa_err aa_pkce_check_challenge(struct aa_view challenge, struct aa_error *err)
{
    if (challenge.len != CHALLENGE_LEN)
        return aa_fail(err, AA_ERR_PKCE_FORMAT, "code_challenge must have %d characters", CHALLENGE_LEN);
    for (size_t i = 0; i < challenge.len; i++)
        if (!is_base64url(challenge.data[i]))
            return aa_fail(err, AA_ERR_PKCE_FORMAT, "code_challenge is not base64url");
    return AA_OK;
}

static enum aa_err check_verifier(struct aa_view verifier, struct aa_error *err)
{
    if (verifier.len < VERIFIER_MIN || verifier.len > VERIFIER_MAX)
        return aa_fail(err, AA_ERR_PKCE_FORMAT, "code_verifier must have %d to %d characters", VERIFIER_MIN,
                       VERIFIER_MAX);
    for (size_t i = 0; i < verifier.len; i++)
        if (!is_unreserved(verifier.data[i]))
            return aa_fail(err, AA_ERR_PKCE_FORMAT, "code_verifier holds characters it may not hold");
    return AA_OK;
}

/* BASE64URL-ENCODE(SHA256(ASCII(code_verifier))) (§4.6). */
static enum aa_err build_s256(struct aa_view verifier, struct aa_buf *out, struct aa_error *err)
{
    uint8_t digest[AA_SHA256_LEN];
    enum aa_err rc = aa_sha256(verifier, digest);

    if (rc)
        return aa_fail(err, rc, "the digest of code_verifier could not be computed");
    aa_buf_add_base64url(out, aa_view_make(digest, sizeof digest));
    return aa_buf_check(out, "a code challenge", err);
}

enum aa_err aa_pkce_check(struct aa_view verifier, struct aa_view challenge, struct aa_error *err)
{
    struct aa_buf expected;
    enum aa_err rc;

    aa_buf_init(&expected, CHALLENGE_LEN);
    rc = aa_pkce_check_challenge(challenge, err);
    if (!rc)
        rc = check_verifier(verifier, err);
    if (!rc)
        rc = build_s256(verifier, &expected, err);
    if (!rc && !aa_ct_equal(aa_buf_view(&expected), challenge))
        rc = aa_fail(err, AA_ERR_PKCE_MISMATCH, "code_verifier does not match the challenge");
    aa_buf_clear(&expected);
    return rc;
}

#include "domain/key_phc.h"

#include "base/base64.h"
#include "base/error.h"

#define ROUNDS_MAX 10000000 /* what a stored string may demand */

enum aa_err aa_key_phc_build(const char *name, const uint8_t salt[AA_KEY_SALT_LEN], const uint8_t hash[AA_SHA256_LEN],
                             int64_t ends_ms, struct aa_buf *phc, struct aa_error *err)
{
    aa_buf_add_format(phc, "%si=%d", name, AA_KEY_ROUNDS);
    if (ends_ms)
        aa_buf_add_format(phc, ",e=%lld", (long long)ends_ms);
    aa_buf_add_char(phc, '$');
    aa_buf_add_base64url(phc, aa_view_make(salt, AA_KEY_SALT_LEN));
    aa_buf_add_char(phc, '$');
    aa_buf_add_base64url(phc, aa_view_make(hash, AA_SHA256_LEN));
    return aa_buf_check(phc, "a key's hash", err);
}

struct phc {
    int64_t rounds, ends_ms;
    struct aa_view salt, hash; /* base64url */
};

static enum aa_err read_number(struct aa_view text, struct aa_view name, int64_t *out)
{
    if (!aa_view_has_prefix(text, name) || aa_view_parse_int64(aa_view_from(text, name.len), out))
        return AA_ERR_STORE;
    return AA_OK;
}

static enum aa_err parse(const char *name, struct aa_view text, struct phc *out)
{
    struct aa_view parameters, rounds, ends;

    *out = (struct phc){.ends_ms = 0};
    if (!aa_view_has_prefix(text, aa_view_of(name)))
        return AA_ERR_STORE;
    text = aa_view_from(text, aa_view_of(name).len);
    if (!aa_view_cut(text, '$', &parameters, &text) || !aa_view_cut(text, '$', &out->salt, &out->hash))
        return AA_ERR_STORE;
    if (aa_view_cut(parameters, ',', &rounds, &ends) && (read_number(ends, AA_VIEW("e="), &out->ends_ms)))
        return AA_ERR_STORE;
    if (read_number(rounds, AA_VIEW("i="), &out->rounds) || out->rounds < 1 || out->rounds > ROUNDS_MAX)
        return AA_ERR_STORE;
    return AA_OK;
}

enum aa_err aa_key_phc_ends(const char *name, struct aa_view text, int64_t *ends_ms)
{
    struct phc phc;
    enum aa_err rc = parse(name, text, &phc);

    if (!rc)
        *ends_ms = phc.ends_ms;
    return rc;
}

static enum aa_err compute(struct aa_view secret, const struct phc *phc, struct aa_buf *salt, struct aa_buf *wanted,
                           uint8_t hash[AA_SHA256_LEN])
{
    if (aa_base64url_decode(phc->salt, salt, NULL) || aa_base64url_decode(phc->hash, wanted, NULL) ||
        wanted->len != AA_SHA256_LEN)
        return AA_ERR_STORE;
    return aa_pbkdf2_sha256(secret, aa_buf_view(salt), (uint32_t)phc->rounds, hash, AA_SHA256_LEN);
}

enum aa_err aa_key_phc_check(const char *name, struct aa_view secret, struct aa_view text, bool *matches,
                             struct aa_error *err)
{
    uint8_t hash[AA_SHA256_LEN];
    struct aa_buf salt, wanted;
    struct phc phc;
    enum aa_err rc;

    aa_buf_init(&salt, AA_KEY_PHC_MAX);
    aa_buf_init(&wanted, AA_KEY_PHC_MAX);
    rc = parse(name, text, &phc);
    if (!rc)
        rc = compute(secret, &phc, &salt, &wanted, hash);
    if (rc == AA_ERR_STORE)
        aa_fail(err, rc, "the stored hash of a key cannot be read");
    else if (!rc)
        *matches = aa_ct_equal(aa_view_make(hash, sizeof hash), aa_buf_view(&wanted));
    aa_buf_clear(&salt);
    aa_buf_clear(&wanted);
    return rc;
}

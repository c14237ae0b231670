/* Key sets: a key is found under its own algorithm alone, and what we write of one is read as the same key. */
#include "crypto/crypto.h"
#include "fuzz.h"
#include "jose/jwks.h"

static void add_thumbprint(struct aa_buf *buf, const struct aa_key *key)
{
    MUST_OK(aa_jwk_add_thumbprint(buf, key, NULL));
}

static void check_written(const struct aa_key *key)
{
    struct aa_buf set, print, again;
    struct aa_jwks *jwks;

    aa_buf_init(&set, FUZZ_TEXT_MAX);
    aa_buf_init(&print, 64);
    aa_buf_init(&again, 64);
    aa_buf_add_text(&set, "{\"keys\":[");
    MUST_OK(aa_jwk_add(&set, key, AA_VIEW("k"), NULL));
    aa_buf_add_text(&set, "]}");
    MUST_OK(aa_jwks_parse(aa_buf_view(&set), &jwks, NULL));
    MUST(aa_jwks_len(jwks) == 1 && aa_jwks_find(jwks, AA_VIEW("k"), AA_ALG_ES256));
    add_thumbprint(&print, key);
    add_thumbprint(&again, aa_jwks_find(jwks, AA_VIEW("k"), AA_ALG_ES256));
    MUST_EQUAL(aa_buf_view(&print), aa_buf_view(&again));
    aa_jwks_release(jwks);
    aa_buf_clear(&set);
    aa_buf_clear(&print);
    aa_buf_clear(&again);
}

static void check_found(const struct aa_jwks *jwks, struct aa_view kid)
{
    static const enum aa_alg all[] = {AA_ALG_ES256, AA_ALG_RS256, AA_ALG_PS256, AA_ALG_EDDSA};

    MUST(aa_jwks_find(jwks, kid, AA_ALG_NONE) == NULL);
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        const struct aa_key *key = aa_jwks_find(jwks, kid, all[i]);

        MUST(!key || aa_key_alg(key) == all[i]);
        if (key && all[i] == AA_ALG_ES256)
            check_written(key);
    }
}

bool fuzz_one(struct aa_view input)
{
    static bool is_ready;
    struct aa_jwks *jwks;

    if (!is_ready)
        MUST_OK(aa_crypto_init(NULL));
    is_ready = true;
    if (aa_jwks_parse(input, &jwks, NULL))
        return false;
    MUST(aa_jwks_len(jwks) <= 64);
    check_found(jwks, AA_VIEW_ABSENT);
    check_found(jwks, AA_VIEW("a"));
    check_found(jwks, AA_VIEW(""));
    aa_jwks_release(jwks);
    return true;
}

/* What is read back from outside and has no fuzz target, since its seeds are secrets or made anew: fed with changed
 * inputs. None may crash or read too far, and one spelling alone is taken. tests/fuzz has the other parsers. */
#include "crypto/crypto.h"
#include "oauth/pkce.h"
#include "support_keys.h"
#include "support_mutate.h"

#define ROUNDS 4000
#define TEXT_MAX (256 * 1024)
#define COUNT(array) (sizeof(array) / sizeof(array)[0])
#define FEED(seeds, feed, ctx) feed_mutants(seeds, COUNT(seeds), ROUNDS, feed, ctx)

static void check_same(struct aa_view a, struct aa_view b)
{
    CHECK(aa_view_equal(a, b));
}

static bool feed_pkcs8(struct aa_view input, void *ctx)
{
    struct aa_key *key;

    (void)ctx;
    if (aa_key_parse_pkcs8(input, &key, NULL))
        return false;
    CHECK_INT(aa_key_alg(key), AA_ALG_ES256);
    aa_key_release(key);
    return true;
}

TEST(mutations, stored_keys)
{
    const struct aa_view seeds[] = {from_hex(P256_PKCS8), from_hex(P384_PKCS8)};

    FEED(seeds, feed_pkcs8, NULL);
}

static bool feed_sealed(struct aa_view input, void *ctx)
{
    static const uint8_t key[32] = {7};
    struct aa_buf plain;
    bool taken;

    aa_buf_init(&plain, TEXT_MAX);
    taken = !aa_unseal(key, VIEW("aad"), input, &plain);
    if (taken)
        check_same(input, *(struct aa_view *)ctx);
    aa_buf_clear(&plain);
    return taken;
}

TEST(mutations, sealed_texts_open_in_one_spelling_alone)
{
    static const uint8_t key[32] = {7};
    struct aa_view seeds[1];
    struct aa_buf sealed;

    aa_buf_init(&sealed, TEXT_MAX);
    CHECK_OK(aa_seal(key, VIEW("aad"), VIEW("some secret of ours"), aa_random_system, NULL, &sealed));
    seeds[0] = aa_buf_view(&sealed);
    FEED(seeds, feed_sealed, seeds);
    aa_buf_clear(&sealed);
}

static bool feed_verifier(struct aa_view input, void *ctx)
{
    bool taken = !aa_pkce_check(input, VIEW("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"), NULL);

    (void)ctx;
    if (taken)
        check_same(input, VIEW("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"));
    return taken;
}

TEST(mutations, one_verifier_matches)
{
    const struct aa_view seeds[] = {AA_VIEW("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")};

    FEED(seeds, feed_verifier, NULL);
}

#include "crypto/crypto.h"

#include <pthread.h>

#include "base/buf.h"
#include "support_keys.h"
#include "support_memory.h"

static void check_digest(const uint8_t digest[AA_SHA256_LEN], const char *hex)
{
    assert_memory_equal(digest, from_hex(hex).data, AA_SHA256_LEN);
}

static struct aa_view repeated(char c, size_t count)
{
    static char text[4096];

    memset(text, c, sizeof text);
    return aa_view_make(text, count);
}

/* ---- digests ---- */

TEST(sha256, gives_the_digests_of_fips_180_4)
{
    uint8_t digest[AA_SHA256_LEN];

    CHECK_OK(aa_sha256(VIEW("abc"), digest));
    check_digest(digest, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    CHECK_OK(aa_sha256(VIEW(""), digest));
    check_digest(digest, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    CHECK_OK(aa_sha256(AA_VIEW_ABSENT, digest));
    check_digest(digest, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    CHECK_OK(aa_sha256(VIEW("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"), digest));
    check_digest(digest, "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

TEST(sha256, still_works_when_the_thread_gave_its_context_back)
{
    uint8_t digest[AA_SHA256_LEN];

    aa_crypto_thread_clear();
    aa_crypto_thread_clear();
    CHECK_OK(aa_sha256(VIEW("abc"), digest));
    check_digest(digest, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(crypto, may_be_initialised_again_and_again)
{
    CHECK_OK(aa_crypto_init(NULL));
    CHECK_OK(aa_crypto_init(NULL));
}

/* ---- HMAC ---- */

static void check_hmac(struct aa_view key, struct aa_view data, const char *hex)
{
    uint8_t digest[AA_SHA256_LEN];

    CHECK_OK(aa_hmac_sha256(key, data, digest));
    check_digest(digest, hex);
}

TEST(hmac, gives_what_rfc_4231_says)
{
    const char *block = "Test Using Larger Than Block-Size Key - Hash Key First";
    const char *both = "This is a test using a larger than block-size key and a larger than block-size data. The key "
                       "needs to be hashed before being used by the HMAC algorithm.";

    check_hmac(repeated(0x0b, 20), VIEW("Hi There"),
               "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    check_hmac(VIEW("Jefe"), VIEW("what do ya want for nothing?"),
               "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    check_hmac(from_hex("0102030405060708090a0b0c0d0e0f10111213141516171819"), repeated((char)0xcd, 50),
               "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b");
    check_hmac(repeated((char)0xaa, 131), VIEW(block),
               "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
    check_hmac(repeated((char)0xaa, 131), VIEW(both),
               "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2");
}

TEST(hmac, a_key_set_up_once_serves_many_times_and_parts_are_joined)
{
    const struct aa_view parts[] = {VIEW("what do ya "), VIEW(""), VIEW("want for nothing?")};
    uint8_t digest[AA_SHA256_LEN];
    struct aa_hmac *hmac;

    CHECK_OK(aa_hmac_new(VIEW("Jefe"), &hmac, NULL));
    for (int i = 0; i < 3; i++) {
        CHECK_OK(aa_hmac_compute(hmac, parts, 3, digest));
        check_digest(digest, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
        CHECK_OK(aa_hmac_compute(hmac, parts, 1, digest));
        CHECK(memcmp(digest, from_hex("5bdc").data, 2) != 0);
    }
    aa_hmac_free(hmac);
    aa_hmac_free(NULL);
}

TEST(hmac, an_absent_key_is_an_error)
{
    uint8_t digest[AA_SHA256_LEN];

    CHECK_ERR(aa_hmac_sha256(AA_VIEW_ABSENT, VIEW("x"), digest), AA_ERR_CRYPTO);
    CHECK_OK(aa_hmac_sha256(VIEW("k"), AA_VIEW_ABSENT, digest));
}

/* ---- PBKDF2 ---- */

TEST(pbkdf2, gives_what_rfc_7914_section_11_says)
{
    uint8_t out[64];

    CHECK_OK(aa_pbkdf2_sha256(VIEW("passwd"), VIEW("salt"), 1, out, sizeof out));
    assert_memory_equal(out,
                        from_hex("55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc"
                                 "49ca9cccf179b645991664b39d77ef317c71b845b1e30bd509112041d3a19783")
                            .data,
                        64);
    CHECK_OK(aa_pbkdf2_sha256(VIEW("Password"), VIEW("NaCl"), 80000, out, sizeof out));
    assert_memory_equal(out,
                        from_hex("4ddcd8f60b98be21830cee5ef22701f9641a4418d04c0414aeff08876b34ab56"
                                 "a1d425a1225833549adb841b51c9b3176a272bdebba1d078478f62b397f33c8d")
                            .data,
                        64);
}

TEST(pbkdf2, no_rounds_is_an_error)
{
    uint8_t out[32];

    CHECK_ERR(aa_pbkdf2_sha256(VIEW("passwd"), VIEW("salt"), 0, out, sizeof out), AA_ERR_CRYPTO);
    CHECK_OK(aa_pbkdf2_sha256(VIEW("passwd"), VIEW("salt"), 1, out, sizeof out));
}

/* ---- sealing ---- */

#define GCM_KEY "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308"
#define GCM_NONCE "cafebabefacedbaddecaf888"
#define GCM_AAD "feedfacedeadbeeffeedfacedeadbeefabaddad2"
#define GCM_PLAIN                                                                                                      \
    "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657" \
    "ba637b39"
#define GCM_SEALED                                                                                                     \
    GCM_NONCE                                                                                                          \
    "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0a" \
    "bcc9f66276fc6ece0f4e1768cddf8853bb2d551b"

static enum aa_err fixed_nonce(void *ctx, void *out, size_t len)
{
    (void)ctx;
    CHECK_INT(len, 12);
    memcpy(out, from_hex(GCM_NONCE).data, len);
    return AA_OK;
}

static enum aa_err no_random(void *ctx, void *out, size_t len)
{
    (void)ctx;
    (void)out;
    (void)len;
    return AA_ERR_RANDOM;
}

static const uint8_t *gcm_key(void)
{
    static uint8_t key[32];

    memcpy(key, from_hex(GCM_KEY).data, sizeof key);
    return key;
}

TEST(seal, gives_the_bytes_of_gcm_test_case_16) /* McGrew and Viega, appendix B */
{
    struct aa_view wanted = from_hex(GCM_SEALED);
    struct aa_buf sealed;

    aa_buf_init(&sealed, 1024);
    CHECK_OK(aa_seal(gcm_key(), from_hex(GCM_AAD), from_hex(GCM_PLAIN), fixed_nonce, NULL, &sealed));
    CHECK_INT(sealed.len, wanted.len);
    assert_memory_equal(sealed.data, wanted.data, wanted.len);
    aa_buf_clear(&sealed);
}

TEST(seal, what_was_sealed_is_opened)
{
    struct aa_buf sealed;
    struct aa_buf plain;

    aa_buf_init(&sealed, 1024);
    aa_buf_init(&plain, 1024);
    CHECK_OK(aa_seal(gcm_key(), VIEW("kid"), VIEW("secret"), aa_random_system, NULL, &sealed));
    CHECK_INT(sealed.len, 12 + 6 + 16);
    CHECK_OK(aa_unseal(gcm_key(), VIEW("kid"), aa_buf_view(&sealed), &plain));
    CHECK_VIEW(aa_buf_view(&plain), "secret");
    aa_buf_clear(&sealed);
    aa_buf_wipe_clear(&plain);
}

TEST(seal, nothing_can_be_sealed_too)
{
    struct aa_buf sealed;
    struct aa_buf plain;

    aa_buf_init(&sealed, 1024);
    aa_buf_init(&plain, 1024);
    CHECK_OK(aa_seal(gcm_key(), AA_VIEW_ABSENT, VIEW(""), aa_random_system, NULL, &sealed));
    CHECK_OK(aa_unseal(gcm_key(), AA_VIEW_ABSENT, aa_buf_view(&sealed), &plain));
    CHECK_INT(plain.len, 0);
    CHECK_ERR(aa_unseal(gcm_key(), VIEW("other"), aa_buf_view(&sealed), &plain), AA_ERR_CRYPTO);
    aa_buf_clear(&sealed);
    aa_buf_clear(&plain);
}

static enum aa_err unseal(const uint8_t *key, const char *aad, struct aa_view sealed)
{
    struct aa_buf plain;
    enum aa_err rc;

    aa_buf_init(&plain, 1024);
    rc = aa_unseal(key, VIEW(aad), sealed, &plain);
    if (rc)
        CHECK_INT(plain.len, 0); /* nothing of an unproven text gets out */
    aa_buf_wipe_clear(&plain);
    return rc;
}

TEST(seal, one_changed_bit_anywhere_is_noticed)
{
    struct aa_buf sealed;

    aa_buf_init(&sealed, 1024);
    CHECK_OK(aa_seal(gcm_key(), VIEW("kid"), VIEW("secret"), aa_random_system, NULL, &sealed));
    for (size_t bit = 0; bit < 8 * sealed.len; bit++) {
        sealed.data[bit / 8] = (char)(sealed.data[bit / 8] ^ 1 << bit % 8);
        CHECK_ERR(unseal(gcm_key(), "kid", aa_buf_view(&sealed)), AA_ERR_CRYPTO);
        sealed.data[bit / 8] = (char)(sealed.data[bit / 8] ^ 1 << bit % 8);
    }
    CHECK_OK(unseal(gcm_key(), "kid", aa_buf_view(&sealed)));
    aa_buf_clear(&sealed);
}

TEST(seal, another_key_another_name_or_a_cut_text_does_not_open)
{
    uint8_t other[32] = {1};
    struct aa_buf sealed;

    aa_buf_init(&sealed, 1024);
    CHECK_OK(aa_seal(gcm_key(), VIEW("kid"), VIEW("secret"), aa_random_system, NULL, &sealed));
    CHECK_ERR(unseal(other, "kid", aa_buf_view(&sealed)), AA_ERR_CRYPTO);
    CHECK_ERR(unseal(gcm_key(), "kid2", aa_buf_view(&sealed)), AA_ERR_CRYPTO);
    for (size_t len = 0; len < sealed.len; len++)
        CHECK_ERR(unseal(gcm_key(), "kid", aa_view_slice(aa_buf_view(&sealed), 0, len)), AA_ERR_CRYPTO);
    CHECK_OK(unseal(gcm_key(), "kid", aa_buf_view(&sealed)));
    aa_buf_clear(&sealed);
}

TEST(seal, without_random_bytes_nothing_is_sealed)
{
    struct aa_buf sealed;

    aa_buf_init(&sealed, 1024);
    CHECK_ERR(aa_seal(gcm_key(), VIEW("kid"), VIEW("secret"), no_random, NULL, &sealed), AA_ERR_RANDOM);
    CHECK_INT(sealed.len, 0);
    aa_buf_clear(&sealed);
}

static enum aa_err seal_and_open(void *ctx)
{
    struct aa_buf sealed;
    struct aa_buf plain;
    enum aa_err rc;

    (void)ctx;
    aa_buf_init(&sealed, 1024);
    aa_buf_init(&plain, 1024);
    rc = aa_seal(gcm_key(), VIEW("kid"), VIEW("secret"), aa_random_system, NULL, &sealed);
    if (!rc)
        rc = aa_unseal(gcm_key(), VIEW("kid"), aa_buf_view(&sealed), &plain);
    aa_buf_clear(&sealed);
    aa_buf_wipe_clear(&plain);
    return rc;
}

static enum aa_err sign_with_hmac(void *ctx)
{
    uint8_t digest[AA_SHA256_LEN];

    (void)ctx;
    return aa_hmac_sha256(VIEW("key"), VIEW("data"), digest);
}

TEST(crypto, running_out_of_memory_is_an_error)
{
    check_each_allocation(seal_and_open, NULL);
    check_each_allocation(sign_with_hmac, NULL);
}

/* ---- threads ---- */

/* Each thread has contexts of its own; one key serves all of them. */
static void *use_all(void *arg)
{
    struct aa_key *key = arg;
    uint8_t digest[AA_SHA256_LEN];
    struct aa_buf signature;
    intptr_t bad = 0;

    aa_buf_init(&signature, 64);
    for (int i = 0; i < 50; i++) {
        aa_buf_reset(&signature);
        bad += aa_sha256(VIEW("abc"), digest) != AA_OK || digest[0] != 0xba;
        bad += aa_hmac_sha256(VIEW("Jefe"), VIEW("what do ya want for nothing?"), digest) != AA_OK || digest[0] != 0x5b;
        bad += aa_key_sign(key, VIEW("message"), &signature, NULL) != AA_OK;
        bad += aa_key_verify(key, VIEW("message"), aa_buf_view(&signature), NULL) != AA_OK;
    }
    aa_buf_clear(&signature);
    aa_key_release(key);
    return (void *)bad;
}

TEST(crypto, threads_do_not_disturb_each_other)
{
    struct aa_key *key = new_p256_private();
    pthread_t threads[4]; /* the thread sanitizer does not know those of C11 */

    for (int i = 0; i < 4; i++)
        CHECK_INT(pthread_create(&threads[i], NULL, use_all, aa_key_acquire(key)), 0);
    for (int i = 0; i < 4; i++) {
        void *bad = &threads[i];

        CHECK_INT(pthread_join(threads[i], &bad), 0);
        CHECK(bad == NULL);
    }
    aa_key_release(key);
}

/* ---- random texts ---- */

static enum aa_err counting(void *ctx, void *out, size_t len)
{
    uint8_t *next = ctx;

    for (size_t i = 0; i < len; i++)
        ((uint8_t *)out)[i] = (*next)++;
    return AA_OK;
}

TEST(random, every_letter_is_as_likely_as_another)
{
    int counts[256] = {0};
    uint8_t next = 0;
    struct aa_buf out;

    aa_buf_init(&out, 1024);
    CHECK_OK(aa_random_alnum(counting, &next, 248, &out)); /* of 256 bytes 248 count: 4 for each letter */
    CHECK_INT(out.len, 248);
    for (size_t i = 0; i < out.len; i++)
        counts[(unsigned char)out.data[i]]++;
    for (int c = 0; c < 256; c++) {
        bool is_letter = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');

        CHECK_INT(counts[c], is_letter ? 4 : 0);
    }
    aa_buf_clear(&out);
}

TEST(random, texts_of_the_system_differ)
{
    struct aa_buf a;
    struct aa_buf b;

    aa_buf_init(&a, 64);
    aa_buf_init(&b, 64);
    CHECK_OK(aa_random_alnum(aa_random_system, NULL, 32, &a));
    CHECK_OK(aa_random_alnum(aa_random_system, NULL, 32, &b));
    CHECK_INT(a.len, 32);
    CHECK(!aa_view_equal(aa_buf_view(&a), aa_buf_view(&b)));
    aa_buf_clear(&a);
    aa_buf_clear(&b);
}

TEST(random, trouble_with_the_source_or_the_room_is_told)
{
    struct aa_buf out;

    aa_buf_init(&out, 8);
    CHECK_ERR(aa_random_alnum(no_random, NULL, 8, &out), AA_ERR_RANDOM);
    CHECK_ERR(aa_random_alnum(aa_random_system, NULL, 9, &out), AA_ERR_TOO_LONG);
    aa_buf_reset(&out);
    CHECK_OK(aa_random_alnum(aa_random_system, NULL, 8, &out));
    aa_buf_clear(&out);
}

/* ---- comparing ---- */

TEST(ct_equal, compares_lengths_and_bytes)
{
    CHECK(aa_ct_equal(VIEW("secret"), VIEW("secret")));
    CHECK(aa_ct_equal(VIEW(""), VIEW("")));
    CHECK(!aa_ct_equal(VIEW("secret"), VIEW("Secret")));
    CHECK(!aa_ct_equal(VIEW("secret"), VIEW("secre")));
    CHECK(!aa_ct_equal(VIEW("secret"), VIEW("secrets")));
}

TEST(ct_equal, absent_equals_nothing_not_even_absent)
{
    CHECK(!aa_ct_equal(AA_VIEW_ABSENT, AA_VIEW_ABSENT));
    CHECK(!aa_ct_equal(AA_VIEW_ABSENT, VIEW("")));
    CHECK(!aa_ct_equal(VIEW(""), AA_VIEW_ABSENT));
}

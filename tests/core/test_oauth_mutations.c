/* Every parser that reads what strangers send, fed with changed inputs. None may crash or read too far; and what is
 * taken must mean one thing: written again it is read again as the same. */
#include "base/form.h"
#include "base/mem.h"
#include "base/url.h"
#include "crypto/crypto.h"
#include "jose/jwks.h"
#include "jose/jws.h"
#include "oauth/as_metadata.h"
#include "oauth/bearer.h"
#include "oauth/introspection.h"
#include "oauth/pkce.h"
#include "oauth/resource.h"
#include "oauth/scope.h"
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

static bool is_inside(struct aa_view part, struct aa_view whole)
{
    return aa_view_is_absent(part) || (part.data >= whole.data && part.data + part.len <= whole.data + whole.len);
}

/* ---- forms ---- */

static void write_form(const struct aa_form *form, struct aa_buf *buf)
{
    for (size_t i = 0; i < form->len; i++) {
        aa_buf_add_percent(buf, form->fields[i].name);
        aa_buf_add_char(buf, '=');
        aa_buf_add_percent(buf, form->fields[i].value);
        aa_buf_add_char(buf, '&');
    }
}

static bool feed_form(struct aa_view input, void *ctx)
{
    struct aa_form form;
    struct aa_form again;
    struct aa_buf buf;

    (void)ctx;
    if (aa_form_parse(&form, input, NULL))
        return false;
    aa_buf_init(&buf, TEXT_MAX);
    write_form(&form, &buf);
    CHECK_OK(aa_form_parse(&again, aa_buf_view(&buf), NULL));
    CHECK_INT(again.len, form.len);
    for (size_t i = 0; i < form.len; i++) {
        check_same(again.fields[i].name, form.fields[i].name);
        check_same(again.fields[i].value, form.fields[i].value);
        CHECK(again.fields[i].duplicate == form.fields[i].duplicate);
    }
    aa_buf_clear(&buf);
    aa_form_clear(&again);
    aa_form_clear(&form);
    return true;
}

TEST(mutations, forms)
{
    const struct aa_view seeds[] = {
        AA_VIEW(
            "grant_type=authorization_code&code=abc&redirect_uri=http%3A%2F%2F127.0.0.1%3A1%2Fcb&code_verifier=x~y"),
        AA_VIEW("a=1&a=2&b=%C5%BE+%F0%9F%A6%8A"),
        AA_VIEW("a&&=&%61=%00"),
    };

    FEED(seeds, feed_form, NULL);
}

/* ---- URLs and resources ---- */

static bool feed_url(struct aa_view input, void *ctx)
{
    struct aa_url again;
    struct aa_url url;
    struct aa_buf twice;
    struct aa_buf once;

    (void)ctx;
    if (aa_url_parse(input, &url, NULL))
        return false;
    CHECK(is_inside(url.scheme, input) && is_inside(url.userinfo, input) && is_inside(url.host, input));
    CHECK(is_inside(url.port, input) && is_inside(url.path, input) && is_inside(url.query, input));
    CHECK(is_inside(url.fragment, input));
    CHECK(aa_view_is_printable_ascii(input));
    aa_buf_init(&once, TEXT_MAX);
    aa_buf_init(&twice, TEXT_MAX);
    aa_url_add_normal(&once, &url);
    CHECK_OK(aa_url_parse(aa_buf_view(&once), &again, NULL));
    CHECK_INT(aa_url_port(&again), aa_url_port(&url));
    CHECK(aa_url_is_loopback(&again) == aa_url_is_loopback(&url));
    aa_url_add_normal(&twice, &again);
    check_same(aa_buf_view(&once), aa_buf_view(&twice));
    aa_buf_clear(&once);
    aa_buf_clear(&twice);
    return true;
}

static bool feed_resource(struct aa_view input, void *ctx)
{
    struct aa_buf twice;
    struct aa_buf once;
    bool taken = !aa_resource_check(input, true, NULL);

    (void)ctx;
    aa_buf_init(&once, TEXT_MAX);
    aa_buf_init(&twice, TEXT_MAX);
    CHECK_OK(aa_resource_add_normal(&once, input, NULL));
    CHECK_OK(aa_resource_add_normal(&twice, aa_buf_view(&once), NULL));
    check_same(aa_buf_view(&once), aa_buf_view(&twice));
    CHECK(aa_resource_equal(input, input));
    CHECK(aa_resource_equal(input, aa_buf_view(&once)));
    CHECK(!aa_resource_equal(input, VIEW("https://elsewhere.example/")));
    aa_buf_reset(&once);
    CHECK((aa_resource_add_metadata_url(&once, input, NULL) == AA_OK) == taken);
    if (taken)
        CHECK_OK(aa_resource_check(aa_buf_view(&once), true, NULL));
    aa_buf_clear(&once);
    aa_buf_clear(&twice);
    return taken;
}

TEST(mutations, urls_and_resources)
{
    const struct aa_view seeds[] = {
        AA_VIEW("https://User:pw@Host.Example:443/a%2Fb/../c?d=e#f"),
        AA_VIEW("http://127.0.0.1:33418/callback"),
        AA_VIEW("http://[::1]:8000/"),
        AA_VIEW("HTTPS://mcp.example.com:443/?x"),
        AA_VIEW("com.example.app:/callback"),
    };

    FEED(seeds, feed_url, NULL);
    FEED(seeds, feed_resource, NULL);
}

/* ---- JSON ---- */

static void write_json(struct aa_view text, struct aa_buf *buf)
{
    struct aa_json *root;

    CHECK_OK(aa_json_parse(text, TEXT_MAX, &root, NULL));
    aa_buf_add_json(buf, root);
    CHECK_OK(aa_buf_check(buf, "a document", NULL));
    aa_json_free(root);
}

static bool feed_json(struct aa_view input, void *ctx)
{
    struct aa_json *root;
    struct aa_buf twice;
    struct aa_buf once;

    (void)ctx;
    if (aa_json_parse(input, TEXT_MAX, &root, NULL))
        return false;
    aa_json_free(root);
    CHECK(aa_view_is_utf8(input));
    aa_buf_init(&once, TEXT_MAX);
    aa_buf_init(&twice, TEXT_MAX);
    write_json(input, &once);
    write_json(aa_buf_view(&once), &twice);
    check_same(aa_buf_view(&once), aa_buf_view(&twice));
    aa_buf_clear(&once);
    aa_buf_clear(&twice);
    return true;
}

TEST(mutations, json)
{
    const struct aa_view seeds[] = {
        AA_VIEW("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/"
                "call\",\"params\":{\"name\":\"write_file\",\"x\":[1.5e3,-0]}}"),
        AA_VIEW("[{\"a\":\"\\u017e\\ud83e\\udd8a\\n\"},[[[[[]]]]],null,true,false,9007199254740993]"),
    };

    FEED(seeds, feed_json, NULL);
}

static void check_seconds(int64_t seconds)
{
    CHECK(seconds >= 0 && seconds <= 9007199254740992);
}

static bool feed_introspection(struct aa_view input, void *ctx)
{
    struct aa_introspection introspection;

    (void)ctx;
    if (aa_introspection_parse(input, &introspection, NULL))
        return false;
    CHECK(
        aa_json_is(aa_json_get(introspection.document, "active"), introspection.active ? AA_JSON_TRUE : AA_JSON_FALSE));
    check_seconds(introspection.claims.exp_s);
    check_seconds(introspection.claims.nbf_s);
    check_seconds(introspection.claims.iat_s);
    CHECK(aa_view_is_utf8(introspection.claims.sub));
    (void)aa_audience_has(introspection.claims.aud, VIEW("https://mcp.example.com"));
    aa_introspection_clear(&introspection);
    return true;
}

TEST(mutations, introspection_answers)
{
    const struct aa_view seeds[] = {
        AA_VIEW("{\"active\":true,\"sub\":\"usr_1\",\"scope\":\"a "
                "b\",\"aud\":[\"https://mcp.example.com\",\"x\"],\"exp\":1700000000,"
                "\"nbf\":1.5,\"iat\":0,\"iss\":\"https://auth.example.com\",\"email\":null}"),
        AA_VIEW("{\"active\":false}"),
    };

    FEED(seeds, feed_introspection, NULL);
}

static bool feed_as_metadata(struct aa_view input, void *ctx)
{
    struct aa_as_metadata metadata;
    struct aa_json *root;
    bool taken;

    (void)ctx;
    if (aa_json_parse(input, AA_AS_METADATA_MAX, &root, NULL))
        return false;
    taken = !aa_as_metadata_read(root, VIEW("https://a.example"), &metadata, NULL);
    if (taken)
        CHECK_VIEW(metadata.issuer, "https://a.example");
    aa_json_free(root);
    return taken;
}

TEST(mutations, server_metadata)
{
    const struct aa_view seeds[] = {
        AA_VIEW("{\"issuer\":\"https://a.example\",\"jwks_uri\":\"https://a.example/"
                "k\",\"introspection_endpoint\":\"https://a/i\"}"),
    };

    FEED(seeds, feed_as_metadata, NULL);
}

/* ---- tokens and keys ---- */

struct signer {
    struct aa_key *key;
    struct aa_view token; /* the only text that verifies */
};

static void check_spelling(const struct aa_jws *jws, struct aa_view input)
{
    struct aa_buf again;

    aa_buf_init(&again, TEXT_MAX);
    aa_buf_add(&again, jws->signing_input);
    aa_buf_add_char(&again, '.');
    aa_buf_add_base64url(&again, aa_buf_view(&jws->signature));
    check_same(aa_buf_view(&again), input);
    aa_buf_clear(&again);
}

static bool feed_jws(struct aa_view input, void *ctx)
{
    const struct signer *signer = ctx;
    struct aa_jws jws;

    if (aa_jws_parse(input, &jws, NULL))
        return false;
    check_spelling(&jws, input);
    if (!aa_jws_verify(&jws, signer->key, NULL))
        check_same(input, signer->token);
    aa_jws_clear(&jws);
    return true;
}

TEST(mutations, tokens_verify_in_one_spelling_alone)
{
    struct aa_key *key = new_p256_private();
    struct signer signer = {.key = key};
    struct aa_view seeds[2];
    struct aa_buf token;

    aa_buf_init(&token, AA_JWT_MAX);
    CHECK_OK(aa_jws_sign(key, VIEW("k1"), VIEW("at+jwt"),
                         VIEW("{\"sub\":\"usr_1\",\"aud\":\"https://mcp.example.com\"}"), &token, NULL));
    signer.token = aa_buf_view(&token);
    seeds[0] = signer.token;
    seeds[1] = VIEW("eyJhbGciOiJub25lIn0.e30.AA");
    CHECK(feed_jws(signer.token, &signer));
    FEED(seeds, feed_jws, &signer);
    aa_buf_clear(&token);
    aa_key_release(key);
}

static bool feed_jwks(struct aa_view input, void *ctx)
{
    struct aa_jwks *jwks;

    (void)ctx;
    if (aa_jwks_parse(input, &jwks, NULL))
        return false;
    CHECK(aa_jwks_len(jwks) <= 64);
    CHECK(aa_jwks_find(jwks, VIEW("a"), AA_ALG_NONE) == NULL);
    aa_jwks_release(jwks);
    return true;
}

TEST(mutations, key_sets)
{
    const struct aa_view seeds[] = {
        AA_VIEW("{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"kid\":\"a\",\"x\":\"" P256_X "\",\"y\":\"" P256_Y
                "\",\"use\":\"sig\"},{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"kid\":\"b\",\"x\":\"" ED25519_X "\"}]}"),
        AA_VIEW("{\"keys\":[{\"kty\":\"RSA\",\"kid\":\"c\",\"n\":\"" RSA_N
                "\",\"e\":\"AQAB\",\"key_ops\":[\"verify\"]}]}"),
    };

    FEED(seeds, feed_jwks, NULL);
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

/* ---- headers and parameters ---- */

static bool feed_bearer(struct aa_view input, void *ctx)
{
    struct aa_view again;
    struct aa_view token;
    struct aa_buf buf;

    (void)ctx;
    if (aa_bearer_parse(input, &token, NULL))
        return false;
    CHECK(is_inside(token, input));
    CHECK(aa_view_find(input, ',') == SIZE_MAX);
    aa_buf_init(&buf, TEXT_MAX);
    aa_buf_add_text(&buf, "Bearer ");
    aa_buf_add(&buf, token);
    CHECK_OK(aa_bearer_parse(aa_buf_view(&buf), &again, NULL));
    check_same(token, again);
    aa_buf_clear(&buf);
    return true;
}

/* Plain base64 with padding. */
static void add_base64(struct aa_buf *buf, struct aa_view bytes)
{
    size_t start = buf->len;

    aa_buf_add_base64url(buf, bytes);
    for (size_t i = start; i < buf->len; i++) {
        if (buf->data[i] == '-')
            buf->data[i] = '+';
        if (buf->data[i] == '_')
            buf->data[i] = '/';
    }
    while ((buf->len - start) % 4)
        aa_buf_add_char(buf, '=');
}

static bool feed_basic(struct aa_view input, void *ctx)
{
    struct aa_view users[2];
    struct aa_view passwords[2];
    struct aa_buf memories[2];
    struct aa_buf pair;
    struct aa_buf header;

    (void)ctx;
    aa_buf_init(&memories[0], 4096);
    aa_buf_init(&memories[1], 4 * 4096);
    if (aa_basic_parse(input, &memories[0], &users[0], &passwords[0], NULL)) {
        aa_buf_wipe_clear(&memories[0]);
        return false;
    }
    aa_buf_init(&pair, TEXT_MAX);
    aa_buf_init(&header, TEXT_MAX);
    aa_buf_add_percent(&pair, users[0]);
    aa_buf_add_char(&pair, ':');
    aa_buf_add_percent(&pair, passwords[0]);
    aa_buf_add_text(&header, "Basic ");
    add_base64(&header, aa_buf_view(&pair));
    CHECK_OK(aa_basic_parse(aa_buf_view(&header), &memories[1], &users[1], &passwords[1], NULL));
    check_same(users[0], users[1]);
    check_same(passwords[0], passwords[1]);
    aa_buf_clear(&pair);
    aa_buf_clear(&header);
    aa_buf_wipe_clear(&memories[0]);
    aa_buf_wipe_clear(&memories[1]);
    return true;
}

TEST(mutations, authorization_headers)
{
    const struct aa_view bearer[] = {AA_VIEW("Bearer eyJhbGciOiJFUzI1NiJ9.e30.c2ln"),
                                     AA_VIEW("Basic x, bearer  a+/~=")};
    const struct aa_view basic[] = {AA_VIEW("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="),
                                    AA_VIEW("basic YSUyMGI6JUM1JUJFKw==")};

    FEED(bearer, feed_bearer, NULL);
    FEED(basic, feed_basic, NULL);
}

static bool feed_scope(struct aa_view input, void *ctx)
{
    struct aa_scopes scopes;
    struct aa_scopes again;
    struct aa_buf buf;

    (void)ctx;
    if (aa_scopes_parse(input, &scopes, NULL))
        return false;
    aa_buf_init(&buf, AA_SCOPE_LEN_MAX);
    aa_scopes_write(&scopes, &buf);
    CHECK_OK(aa_buf_check(&buf, "scopes", NULL));
    CHECK_OK(aa_scopes_parse(aa_buf_view(&buf), &again, NULL));
    CHECK(aa_scopes_equal(&scopes, &again));
    CHECK(aa_scopes_cover_all(&scopes, &again));
    aa_buf_clear(&buf);
    return true;
}

TEST(mutations, scopes)
{
    const struct aa_view seeds[] = {AA_VIEW("files:read files:* mail:send"), AA_VIEW("a  b a ~ !")};

    FEED(seeds, feed_scope, NULL);
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

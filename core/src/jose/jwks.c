#include "jose/jwks.h"

#include <stdatomic.h>

#include "base/base64.h"
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "crypto/crypto.h"
#include "jose/algorithm.h"

#define NUMBER_MAX 1100 /* bytes of a key's number; an 8192-bit modulus has 1024, the largest we take */
#define KEYS_MAX 64     /* keys of one set; servers in rotation publish two or three */

struct entry {
    char *kid; /* NULL when the key has none */
    struct aa_key *key;
};

struct aa_jwks {
    atomic_uint references;
    size_t len;
    struct entry entries[];
};

/* ---- reading one key ---- */

struct jwk { /* borrowed from the document */
    struct aa_view kty, use, alg, kid, crv, x, y, n, e;
    const struct aa_json *key_ops, *d;
};

#define TEXT(name)                                                                                                     \
    {                                                                                                                  \
#name, AA_FIELD_TEXT, offsetof(struct jwk, name), false, 0                                                     \
    }

static const struct aa_json_field jwk_fields[] = {
    {"kty", AA_FIELD_TEXT, offsetof(struct jwk, kty), true, 0},
    TEXT(use),
    TEXT(alg),
    TEXT(kid),
    TEXT(crv),
    TEXT(x),
    TEXT(y),
    TEXT(n),
    TEXT(e),
    {"key_ops", AA_FIELD_TEXT_LIST, offsetof(struct jwk, key_ops), false, 0},
    {"d", AA_FIELD_ANY, offsetof(struct jwk, d), false, 0},
};

static bool has_verify(const struct aa_json *key_ops)
{
    for (size_t i = 0; i < aa_json_len(key_ops); i++)
        if (aa_view_equal_text(aa_json_text(aa_json_at(key_ops, i)), "verify"))
            return true;
    return false;
}

/* RFC 7517 §4.2, §4.3. A key whose private half is in the set proves nothing: anybody can sign with it. */
static bool is_for_verifying(const struct jwk *jwk)
{
    if (jwk->d)
        return false;
    if (!aa_view_is_absent(jwk->use) && !aa_view_equal_text(jwk->use, "sig"))
        return false;
    return !jwk->key_ops || has_verify(jwk->key_ops);
}

/* Decodes two numbers of a key, one after the other in *memory. */
static enum aa_err decode_two(struct aa_view first_text, struct aa_view second_text, struct aa_buf *memory,
                              struct aa_view *first, struct aa_view *second, struct aa_error *err)
{
    enum aa_err rc = aa_base64url_decode(first_text, memory, err);
    size_t first_len = memory->len;

    if (!rc)
        rc = aa_base64url_decode(second_text, memory, err);
    if (rc)
        return rc;
    *first = aa_view_slice(aa_buf_view(memory), 0, first_len);
    *second = aa_view_from(aa_buf_view(memory), first_len);
    return AA_OK;
}

typedef enum aa_err (*make_fn)(const struct jwk *jwk, enum aa_alg alg, struct aa_buf *memory, struct aa_key **out,
                               struct aa_error *err);

static enum aa_err make_p256(const struct jwk *jwk, enum aa_alg alg, struct aa_buf *memory, struct aa_key **out,
                             struct aa_error *err)
{
    struct aa_view x;
    struct aa_view y;
    enum aa_err rc = decode_two(jwk->x, jwk->y, memory, &x, &y, err);

    (void)alg;
    return rc ? rc : aa_key_from_p256(x, y, out, err);
}

static enum aa_err make_rsa(const struct jwk *jwk, enum aa_alg alg, struct aa_buf *memory, struct aa_key **out,
                            struct aa_error *err)
{
    struct aa_view n;
    struct aa_view e;
    enum aa_err rc = decode_two(jwk->n, jwk->e, memory, &n, &e, err);

    return rc ? rc : aa_key_from_rsa(n, e, alg, out, err);
}

static enum aa_err make_ed25519(const struct jwk *jwk, enum aa_alg alg, struct aa_buf *memory, struct aa_key **out,
                                struct aa_error *err)
{
    enum aa_err rc = aa_base64url_decode(jwk->x, memory, err);

    (void)alg;
    return rc ? rc : aa_key_from_ed25519(aa_buf_view(memory), out, err);
}

/* What a key of that type and curve may be used with. The first line that fits a key without "alg" decides for it:
 * RFC 7518 §3.1 recommends RS256, and a key has one algorithm only. */
static const struct kind {
    const char *kty;
    const char *crv; /* NULL: the type has no curves */
    enum aa_alg alg;
    make_fn make;
} kinds[] = {
    {"EC", "P-256", AA_ALG_ES256, make_p256},
    {"RSA", NULL, AA_ALG_RS256, make_rsa},
    {"RSA", NULL, AA_ALG_PS256, make_rsa},
    {"OKP", "Ed25519", AA_ALG_EDDSA, make_ed25519},
};

static const struct kind *find_kind(const struct jwk *jwk)
{
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        const struct kind *kind = &kinds[i];

        if (!aa_view_equal_text(jwk->kty, kind->kty) || (kind->crv && !aa_view_equal_text(jwk->crv, kind->crv)))
            continue;
        if (aa_view_is_absent(jwk->alg) || aa_alg_find(jwk->alg) == kind->alg)
            return kind;
    }
    return NULL;
}

/* *out stays NULL for a key that we cannot use (RFC 7517 §5: such keys SHOULD be ignored). Only memory can fail. */
static enum aa_err make_key(const struct jwk *jwk, struct aa_key **out, struct aa_error *err)
{
    const struct kind *kind = is_for_verifying(jwk) ? find_kind(jwk) : NULL;
    struct aa_buf memory;
    enum aa_err rc;

    if (!kind)
        return AA_OK;
    aa_buf_init(&memory, NUMBER_MAX);
    rc = kind->make(jwk, kind->alg, &memory, out, NULL);
    aa_buf_clear(&memory);
    return rc == AA_ERR_NOMEM ? aa_fail(err, rc, "out of memory for a key") : AA_OK;
}

static enum aa_err add_key(struct aa_jwks *jwks, const struct aa_json *member, struct aa_error *err)
{
    struct entry *entry = &jwks->entries[jwks->len];
    struct jwk jwk = {0};
    enum aa_err rc;

    if (!aa_json_is(member, AA_JSON_OBJECT))
        return aa_fail(err, AA_ERR_JSON_TYPE, "a member of \"keys\" is no object");
    if (aa_json_read(member, jwk_fields, sizeof jwk_fields / sizeof jwk_fields[0], &jwk, NULL))
        return AA_OK; /* not a key as we know them */
    rc = make_key(&jwk, &entry->key, err);
    if (rc || !entry->key)
        return rc;
    jwks->len++;
    if (aa_view_is_absent(jwk.kid))
        return AA_OK;
    entry->kid = aa_mem_copy_text(jwk.kid.data, jwk.kid.len);
    return entry->kid ? AA_OK : aa_fail(err, AA_ERR_NOMEM, "out of memory for a key");
}

/* ---- the set ---- */

struct document {
    const struct aa_json *keys;
};

static const struct aa_json_field set_fields[] = {
    {"keys", AA_FIELD_ARRAY, offsetof(struct document, keys), true, KEYS_MAX},
};

static enum aa_err build(const struct aa_json *root, struct aa_jwks **out, struct aa_error *err)
{
    struct document document = {NULL};
    struct aa_jwks *jwks;
    enum aa_err rc = aa_json_read(root, set_fields, 1, &document, err);
    size_t count = aa_json_len(document.keys);

    if (rc)
        return rc;
    jwks = aa_mem_new(sizeof *jwks + count * sizeof jwks->entries[0]);
    if (!jwks)
        return aa_fail(err, AA_ERR_NOMEM, "out of memory for a key set");
    atomic_init(&jwks->references, 1);
    for (size_t i = 0; !rc && i < count; i++)
        rc = add_key(jwks, aa_json_at(document.keys, i), err);
    if (rc) {
        aa_jwks_release(jwks);
        return rc;
    }
    *out = jwks;
    return AA_OK;
}

enum aa_err aa_jwks_parse(struct aa_view text, struct aa_jwks **out, struct aa_error *err)
{
    struct aa_json *root;
    enum aa_err rc = aa_json_parse(text, AA_JWKS_MAX, &root, err);

    if (rc)
        return rc;
    rc = build(root, out, err);
    aa_json_free(root);
    return rc;
}

struct aa_jwks *aa_jwks_acquire(struct aa_jwks *jwks)
{
    atomic_fetch_add_explicit(&jwks->references, 1, memory_order_relaxed);
    return jwks;
}

void aa_jwks_release(struct aa_jwks *jwks)
{
    if (!jwks || atomic_fetch_sub_explicit(&jwks->references, 1, memory_order_acq_rel) != 1)
        return;
    for (size_t i = 0; i < jwks->len; i++) {
        aa_mem_free(jwks->entries[i].kid);
        aa_key_release(jwks->entries[i].key);
    }
    aa_mem_free(jwks);
}

size_t aa_jwks_len(const struct aa_jwks *jwks)
{
    return jwks->len;
}

static const struct aa_key *find_only(const struct aa_jwks *jwks, enum aa_alg alg)
{
    const struct aa_key *found = NULL;

    for (size_t i = 0; i < jwks->len; i++) {
        if (aa_key_alg(jwks->entries[i].key) != alg)
            continue;
        if (found)
            return NULL;
        found = jwks->entries[i].key;
    }
    return found;
}

const struct aa_key *aa_jwks_find(const struct aa_jwks *jwks, struct aa_view kid, enum aa_alg alg)
{
    if (aa_view_is_absent(kid))
        return find_only(jwks, alg);
    for (size_t i = 0; i < jwks->len; i++) {
        const struct entry *entry = &jwks->entries[i];

        if (aa_key_alg(entry->key) == alg && aa_view_equal_text(kid, entry->kid))
            return entry->key;
    }
    return NULL;
}

const struct aa_key *aa_jwks_at(const struct aa_jwks *jwks, size_t index, struct aa_view *kid)
{
    *kid = aa_view_of(jwks->entries[index].kid);
    return jwks->entries[index].key;
}

/* ---- writing ---- */

static void add_coordinate(struct aa_buf *buf, const char *name, const uint8_t bytes[32])
{
    aa_buf_add_format(buf, ",\"%s\":\"", name);
    aa_buf_add_base64url(buf, aa_view_make(bytes, 32));
    aa_buf_add_char(buf, '"');
}

enum aa_err aa_jwk_add(struct aa_buf *buf, const struct aa_key *key, struct aa_view kid, struct aa_error *err)
{
    uint8_t x[32];
    uint8_t y[32];

    if (aa_key_get_p256(key, x, y))
        return aa_fail(err, AA_ERR_CRYPTO, "only P-256 keys are published");
    aa_buf_add_text(buf, "{\"alg\":\"ES256\",\"crv\":\"P-256\"");
    if (!aa_view_is_absent(kid)) {
        aa_buf_add_text(buf, ",\"kid\":");
        aa_buf_add_json_string(buf, kid);
    }
    aa_buf_add_text(buf, ",\"kty\":\"EC\",\"use\":\"sig\"");
    add_coordinate(buf, "x", x);
    add_coordinate(buf, "y", y);
    aa_buf_add_char(buf, '}');
    return aa_buf_check(buf, "a public key", err);
}

/* RFC 7638 §3.2: the required members alone, in the order of their names, without blanks. */
enum aa_err aa_jwk_add_thumbprint(struct aa_buf *buf, const struct aa_key *key, struct aa_error *err)
{
    uint8_t digest[AA_SHA256_LEN];
    struct aa_buf members;
    uint8_t x[32];
    uint8_t y[32];
    enum aa_err rc;

    if (aa_key_get_p256(key, x, y))
        return aa_fail(err, AA_ERR_CRYPTO, "only P-256 keys have a thumbprint here");
    aa_buf_init(&members, 256);
    aa_buf_add_text(&members, "{\"crv\":\"P-256\",\"kty\":\"EC\"");
    add_coordinate(&members, "x", x);
    add_coordinate(&members, "y", y);
    aa_buf_add_char(&members, '}');
    rc = aa_buf_check(&members, "a thumbprint", err);
    if (!rc && aa_sha256(aa_buf_view(&members), digest))
        rc = aa_fail(err, AA_ERR_CRYPTO, "a thumbprint could not be computed");
    aa_buf_clear(&members);
    if (rc)
        return rc;
    aa_buf_add_base64url(buf, aa_view_make(digest, sizeof digest));
    return aa_buf_check(buf, "a thumbprint", err);
}

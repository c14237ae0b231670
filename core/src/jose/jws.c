#include "jose/jws.h"

#include "base/base64.h"
#include "base/error.h"
#include "jose/algorithm.h"

#define SIGNATURE_MAX 1024 /* bytes; RSA with 8192 bits, the largest key we take */

/* ---- signing ---- */

static void add_header(struct aa_buf *buf, enum aa_alg alg, struct aa_view kid, struct aa_view typ)
{
    aa_buf_add_format(buf, "{\"alg\":\"%s\"", aa_alg_name(alg));
    if (!aa_view_is_absent(kid)) {
        aa_buf_add_text(buf, ",\"kid\":");
        aa_buf_add_json_string(buf, kid);
    }
    if (!aa_view_is_absent(typ)) {
        aa_buf_add_text(buf, ",\"typ\":");
        aa_buf_add_json_string(buf, typ);
    }
    aa_buf_add_char(buf, '}');
}

enum aa_err aa_jws_sign(const struct aa_key *key, struct aa_view kid, struct aa_view typ, struct aa_view payload,
                        struct aa_buf *out, struct aa_error *err)
{
    size_t start = out->len;
    struct aa_buf signature;
    struct aa_buf header;
    enum aa_err rc;

    aa_buf_init(&header, AA_JWT_MAX);
    aa_buf_init(&signature, SIGNATURE_MAX);
    add_header(&header, aa_key_alg(key), kid, typ);
    rc = aa_buf_check(&header, "a token's header", err);
    if (rc)
        goto done;
    aa_buf_add_base64url(out, aa_buf_view(&header));
    aa_buf_add_char(out, '.');
    aa_buf_add_base64url(out, payload);
    rc = aa_buf_check(out, "a token", err);
    if (rc)
        goto done;
    rc = aa_key_sign(key, aa_view_from(aa_buf_view(out), start), &signature, err);
    if (rc)
        goto done;
    aa_buf_add_char(out, '.');
    aa_buf_add_base64url(out, aa_buf_view(&signature));
    rc = aa_buf_check(out, "a token", err);
done:
    aa_buf_clear(&header);
    aa_buf_clear(&signature);
    return rc;
}

/* ---- taking apart ---- */

struct parts {
    struct aa_view header, payload, signature;
};

static bool split(struct aa_view token, struct parts *parts)
{
    struct aa_view rest;

    return aa_view_cut(token, '.', &parts->header, &rest) &&
           aa_view_cut(rest, '.', &parts->payload, &parts->signature) &&
           aa_view_find(parts->signature, '.') == SIZE_MAX && parts->header.len && parts->payload.len &&
           parts->signature.len;
}

/* Whatever is wrong with a part is a malformed token; only memory is another matter. */
static enum aa_err malformed(enum aa_err why, const char *what, struct aa_error *err)
{
    if (why == AA_ERR_NOMEM)
        return aa_fail(err, why, "out of memory for a token");
    return aa_fail(err, AA_ERR_TOKEN_FORMAT, "the token's %s is malformed", what);
}

static enum aa_err decode_object(struct aa_view part, const char *what, struct aa_json **out, struct aa_error *err)
{
    struct aa_json *root = NULL;
    struct aa_buf text;
    enum aa_err rc;

    aa_buf_init(&text, AA_JWT_MAX);
    rc = aa_base64url_decode(part, &text, NULL);
    if (!rc)
        rc = aa_json_parse(aa_buf_view(&text), AA_JWT_MAX, &root, NULL);
    aa_buf_wipe_clear(&text);
    if (!rc && !aa_json_is(root, AA_JSON_OBJECT))
        rc = AA_ERR_JSON_TYPE;
    if (rc) {
        aa_json_free(root);
        return malformed(rc, what, err);
    }
    *out = root;
    return AA_OK;
}

struct header {
    struct aa_view alg, kid, typ;
};

static const struct aa_json_field header_fields[] = {
    {"alg", AA_FIELD_TEXT, offsetof(struct header, alg), true, 0},
    {"kid", AA_FIELD_TEXT, offsetof(struct header, kid), false, 0},
    {"typ", AA_FIELD_TEXT, offsetof(struct header, typ), false, 0},
};

/* Keys, addresses and chains in the header (jwk, jku, x5c) are never looked at: a token does not vouch for itself. */
static enum aa_err read_header(struct aa_jws *jws, struct aa_error *err)
{
    struct header header = {{NULL, 0}, {NULL, 0}, {NULL, 0}};

    /* RFC 7515 §4.1.11: a critical extension that is not understood makes the JWS invalid. We understand none. */
    if (aa_json_get(jws->header, "crit"))
        return aa_fail(err, AA_ERR_TOKEN_FORMAT, "the token has critical extensions");
    if (aa_json_read(jws->header, header_fields, sizeof header_fields / sizeof header_fields[0], &header, NULL))
        return aa_fail(err, AA_ERR_TOKEN_FORMAT, "the token's header is malformed");
    if (aa_view_equal_nocase(header.alg, AA_VIEW("none"))) /* RFC 8725 §3.1, in any spelling */
        return aa_fail(err, AA_ERR_TOKEN_ALGORITHM, "the token is not signed");
    jws->alg = aa_alg_find(header.alg);
    jws->kid = header.kid;
    jws->typ = header.typ;
    return AA_OK;
}

static enum aa_err fill(struct aa_jws *jws, struct aa_view token, const struct parts *parts, struct aa_error *err)
{
    enum aa_err rc;

    rc = decode_object(parts->header, "header", &jws->header, err);
    if (!rc)
        rc = read_header(jws, err);
    if (!rc)
        rc = decode_object(parts->payload, "payload", &jws->payload, err);
    if (rc)
        return rc;
    jws->signing_input = aa_view_slice(token, 0, parts->header.len + 1 + parts->payload.len);
    rc = aa_base64url_decode(parts->signature, &jws->signature, NULL);
    return rc ? malformed(rc, "signature", err) : AA_OK;
}

enum aa_err aa_jws_parse(struct aa_view token, struct aa_jws *jws, struct aa_error *err)
{
    struct aa_jws parsed = {.alg = AA_ALG_NONE};
    struct parts parts;
    enum aa_err rc;

    if (token.len > AA_JWT_MAX)
        return aa_fail(err, AA_ERR_TOKEN_FORMAT, "the token is longer than %d bytes", AA_JWT_MAX);
    if (!split(token, &parts))
        return aa_fail(err, AA_ERR_TOKEN_FORMAT, "the token has not three parts");
    aa_buf_init(&parsed.signature, SIGNATURE_MAX);
    rc = fill(&parsed, token, &parts, err);
    if (rc) {
        aa_jws_clear(&parsed);
        return rc;
    }
    *jws = parsed;
    return AA_OK;
}

void aa_jws_clear(struct aa_jws *jws)
{
    aa_json_free(jws->header);
    aa_json_free(jws->payload);
    aa_buf_clear(&jws->signature);
    *jws = (struct aa_jws){.alg = AA_ALG_NONE};
}

enum aa_err aa_jws_verify(const struct aa_jws *jws, const struct aa_key *key, struct aa_error *err)
{
    /* RFC 8725 §3.1: a public key must never be taken for an HMAC secret, nor for a key of another algorithm. */
    if (jws->alg == AA_ALG_NONE || jws->alg != aa_key_alg(key))
        return aa_fail(err, AA_ERR_TOKEN_ALGORITHM, "the token names another algorithm than its key has");
    return aa_key_verify(key, jws->signing_input, aa_buf_view(&jws->signature), err);
}

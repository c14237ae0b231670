#include "support_assertion.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "domain/client_fetch.h"
#include "store/tables.h"

struct client_site client_site;

/* ---- keys ---- */

static EVP_PKEY *rsa_key(void)
{
    static EVP_PKEY *key; /* of the whole program */

    if (!key)
        key = EVP_RSA_gen(2048);
    CHECK(key != NULL && EVP_PKEY_up_ref(key));
    return key;
}

static void add_number(struct aa_buf *out, const char *name, EVP_PKEY *pkey, const char *parameter, int len)
{
    unsigned char bytes[512];
    BIGNUM *number = NULL;

    CHECK(EVP_PKEY_get_bn_param(pkey, parameter, &number));
    if (len == 0)
        len = BN_num_bytes(number);
    CHECK(len <= (int)sizeof bytes && BN_bn2binpad(number, bytes, len) == len);
    BN_free(number);
    aa_buf_add_format(out, ",\"%s\":\"", name);
    aa_buf_add_base64url(out, aa_view_make(bytes, (size_t)len));
    aa_buf_add_char(out, '"');
}

static void add_ed25519(struct aa_buf *out, EVP_PKEY *pkey)
{
    unsigned char bytes[32];
    size_t len = sizeof bytes;

    CHECK(EVP_PKEY_get_raw_public_key(pkey, bytes, &len));
    aa_buf_add_text(out, ",\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"");
    aa_buf_add_base64url(out, aa_view_make(bytes, len));
    aa_buf_add_char(out, '"');
}

static void write_jwk(struct keypair *pair)
{
    struct aa_buf out;

    aa_buf_init(&out, sizeof pair->jwk - 1);
    aa_buf_add_format(&out, "{\"use\":\"sig\",\"alg\":\"%s\"", pair->alg);
    if (pair->kid)
        aa_buf_add_format(&out, ",\"kid\":\"%s\"", pair->kid);
    if (strcmp(pair->alg, "ES256") == 0) {
        aa_buf_add_text(&out, ",\"kty\":\"EC\",\"crv\":\"P-256\"");
        add_number(&out, "x", pair->pkey, OSSL_PKEY_PARAM_EC_PUB_X, 32);
        add_number(&out, "y", pair->pkey, OSSL_PKEY_PARAM_EC_PUB_Y, 32);
    } else if (strcmp(pair->alg, "EdDSA") == 0) {
        add_ed25519(&out, pair->pkey);
    } else {
        aa_buf_add_text(&out, ",\"kty\":\"RSA\"");
        add_number(&out, "n", pair->pkey, OSSL_PKEY_PARAM_RSA_N, 0);
        add_number(&out, "e", pair->pkey, OSSL_PKEY_PARAM_RSA_E, 0);
    }
    aa_buf_add_char(&out, '}');
    CHECK_OK(aa_buf_check(&out, "a key", NULL));
    memcpy(pair->jwk, aa_buf_text(&out), out.len + 1);
    aa_buf_clear(&out);
}

void keypair_open(struct keypair *pair, const char *alg, const char *kid)
{
    *pair = (struct keypair){.alg = alg, .kid = kid};
    if (strcmp(alg, "ES256") == 0)
        pair->pkey = EVP_EC_gen("P-256");
    else if (strcmp(alg, "EdDSA") == 0)
        pair->pkey = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    else
        pair->pkey = rsa_key();
    CHECK(pair->pkey != NULL);
    write_jwk(pair);
}

void keypair_close(struct keypair *pair)
{
    EVP_PKEY_free(pair->pkey);
}

/* RFC 7518 §3.4: the two numbers, each in full. */
static size_t make_raw(unsigned char *signature, size_t len)
{
    const unsigned char *at = signature;
    ECDSA_SIG *numbers = d2i_ECDSA_SIG(NULL, &at, (long)len);

    CHECK(numbers != NULL);
    CHECK(BN_bn2binpad(ECDSA_SIG_get0_r(numbers), signature, 32) == 32);
    CHECK(BN_bn2binpad(ECDSA_SIG_get0_s(numbers), signature + 32, 32) == 32);
    ECDSA_SIG_free(numbers);
    return 64;
}

static void add_signature(struct aa_buf *token, const struct keypair *pair)
{
    unsigned char signature[512];
    size_t len = sizeof signature;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    EVP_PKEY_CTX *parameters = NULL;
    const char *digest = strcmp(pair->alg, "EdDSA") == 0 ? NULL : "SHA256";

    CHECK(EVP_DigestSignInit_ex(context, &parameters, digest, NULL, NULL, pair->pkey, NULL));
    if (strcmp(pair->alg, "PS256") == 0)
        CHECK(EVP_PKEY_CTX_set_rsa_padding(parameters, RSA_PKCS1_PSS_PADDING) &&
              EVP_PKEY_CTX_set_rsa_pss_saltlen(parameters, RSA_PSS_SALTLEN_DIGEST));
    CHECK(EVP_DigestSign(context, signature, &len, (const unsigned char *)token->data, token->len));
    EVP_MD_CTX_free(context);
    if (strcmp(pair->alg, "ES256") == 0)
        len = make_raw(signature, len);
    aa_buf_add_char(token, '.');
    aa_buf_add_base64url(token, aa_view_make(signature, len));
}

/* ---- the site ---- */

void client_site_write_keys(char *out, size_t size, const struct keypair *first, const struct keypair *second)
{
    snprintf(out, size, "{\"keys\":[%s%s%s]}", first->jwk, second ? "," : "", second ? second->jwk : "");
}

void client_site_publish_keys(const struct keypair *first, const struct keypair *second)
{
    client_site_write_keys(client_site.jwks, sizeof client_site.jwks, first, second);
}

void client_site_publish(const char *members)
{
    snprintf(client_site.document, sizeof client_site.document,
             "{\"client_id\":\"" CLIENT "\",\"client_name\":\"A client\",\"redirect_uris\":[\"" REDIRECT "\"],"
             "\"grant_types\":[\"authorization_code\",\"refresh_token\"]%s%s}",
             members[0] ? "," : "", members);
}

static enum aa_err answer(struct aa_download *out, int status, const char *body, struct aa_error *err)
{
    out->status = status;
    out->max_age_s = -1;
    aa_buf_add_text(&out->content_type, "application/json");
    aa_buf_add_text(&out->body, body);
    return aa_buf_check(&out->body, "a document", err);
}

static enum aa_err play_site(void *ctx, const char *url, struct aa_download *out, struct aa_error *err)
{
    (void)ctx;
    if (strcmp(url, CLIENT) == 0) {
        client_site.document_calls++;
        return answer(out, client_site.document_status, client_site.document, err);
    }
    CHECK(strncmp(url, CLIENT_JWKS, strlen(CLIENT_JWKS)) == 0);
    client_site.jwks_calls++;
    client_site.jwks_timeout_ms = out->timeout_ms;
    if (client_site.jwks_rc)
        return aa_fail(err, client_site.jwks_rc, "as the test has it");
    return answer(out, client_site.jwks_status, client_site.jwks, err);
}

enum aa_err client_flow_authorize(struct flow *flow, struct aa_refused *refused)
{
    *refused = (struct aa_refused)AA_REFUSED_INIT;
    return aa_client_fetch(&flow->f.app, VIEW(CLIENT), refused, NULL);
}

static enum aa_err mark_used(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    return aa_client_mark_used(conn, VIEW(CLIENT), *(int64_t *)ctx, err);
}

void client_flow_open(struct flow *flow, const char *members)
{
    struct aa_refused refused;

    client_site.document_calls = client_site.jwks_calls = 0;
    client_site.document_status = client_site.jwks_status = 200;
    client_site.jwks_rc = AA_OK;
    client_site_publish(members);
    flow_open_on_disk(flow);
    flow->f.app.fetch = play_site;
    CHECK_OK(client_flow_authorize(flow, &refused));
    flow_write(flow, mark_used, &flow->f.now_ms); /* somebody has allowed it something */
    snprintf(flow->client_id, sizeof flow->client_id, "%s", CLIENT);
}

/* ---- assertions ---- */

void assertion_set(struct member members[ASSERTION_MEMBERS_MAX], const char *name, const char *value)
{
    for (int i = 0; i < ASSERTION_MEMBERS_MAX; i++) {
        if (members[i].name && strcmp(members[i].name, name) != 0)
            continue;
        members[i] = (struct member){name, value};
        return;
    }
    fail_msg("no room for %s", name);
}

void assertion_init(struct assertion *assertion, const struct keypair *pair)
{
    static int count;

    memset(assertion, 0, sizeof *assertion);
    snprintf(assertion->jti, sizeof assertion->jti, "\"jti-%d\"", count++);
    assertion_set(assertion->header, "alg", NULL); /* that of the key */
    assertion_set(assertion->header, "kid", pair->kid ? "" : NULL);
    assertion_set(assertion->claims, "iss", "\"" CLIENT "\"");
    assertion_set(assertion->claims, "sub", "\"" CLIENT "\"");
    assertion_set(assertion->claims, "aud", "\"" ISSUER "\"");
    assertion_set(assertion->claims, "exp", "@+300");
    assertion_set(assertion->claims, "iat", "@+0");
    assertion_set(assertion->claims, "jti", assertion->jti);
}

/* What is not said otherwise comes from the key. */
static void add_value(struct aa_buf *out, const struct flow *flow, const struct member *member)
{
    if (member->value[0] == '@')
        aa_buf_add_int(out, flow->f.now_ms / 1000 + atoll(member->value + 1));
    else
        aa_buf_add_text(out, member->value);
}

static void add_object(struct aa_buf *token, const struct flow *flow, const struct member *members)
{
    struct aa_buf text;

    aa_buf_init(&text, 2 * AA_JWT_MAX);
    aa_buf_add_char(&text, '{');
    for (int i = 0; i < ASSERTION_MEMBERS_MAX && members[i].name; i++) {
        if (!members[i].value)
            continue;
        aa_buf_add_format(&text, "%s\"%s\":", text.len > 1 ? "," : "", members[i].name);
        add_value(&text, flow, &members[i]);
    }
    aa_buf_add_char(&text, '}');
    CHECK_OK(aa_buf_check(&text, "an object", NULL));
    aa_buf_add_base64url(token, aa_buf_view(&text));
    aa_buf_clear(&text);
}

static void fill_header(struct assertion *assertion, const struct keypair *pair, char alg[32], char kid[64])
{
    snprintf(alg, 32, "\"%s\"", pair->alg);
    snprintf(kid, 64, "\"%s\"", pair->kid ? pair->kid : "");
    if (!assertion->header[0].value)
        assertion->header[0].value = alg;
    if (assertion->header[1].value && !assertion->header[1].value[0])
        assertion->header[1].value = kid;
}

const char *assertion_sign(struct flow *flow, struct assertion *assertion, const struct keypair *pair)
{
    char alg[32], kid[64];
    struct assertion filled = *assertion;
    struct aa_buf token;

    fill_header(&filled, pair, alg, kid);
    aa_buf_init(&token, sizeof assertion->text - 1);
    add_object(&token, flow, filled.header);
    aa_buf_add_char(&token, '.');
    add_object(&token, flow, filled.claims);
    add_signature(&token, pair);
    CHECK_OK(aa_buf_check(&token, "an assertion", NULL));
    memcpy(assertion->text, aa_buf_text(&token), token.len + 1);
    aa_buf_clear(&token);
    return assertion->text;
}

const char *assertion_new(struct flow *flow, const struct keypair *pair)
{
    static struct assertion assertion;

    assertion_init(&assertion, pair);
    return assertion_sign(flow, &assertion, pair);
}

/* ---- using them ---- */

int client_redeem(struct flow *flow, const char *code, const char *assertion)
{
    return flow_post(flow, "/token", "grant_type", "authorization_code", "client_id", flow->client_id, "code", code,
                     "redirect_uri", REDIRECT, "code_verifier", VERIFIER, "client_assertion", assertion,
                     "client_assertion_type", assertion ? AA_CLIENT_ASSERTION_TYPE : NULL, NULL);
}

int client_refresh(struct flow *flow, const char *refresh_token, const char *assertion)
{
    return flow_post(flow, "/token", "grant_type", "refresh_token", "client_id", flow->client_id, "refresh_token",
                     refresh_token, "client_assertion", assertion, "client_assertion_type",
                     assertion ? AA_CLIENT_ASSERTION_TYPE : NULL, NULL);
}

static enum aa_err count_rows(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    return aa_store_table_rows(conn, aa_store_table_find(VIEW("client_assertions")), ctx, err);
}

int64_t assertions_kept(struct flow *flow)
{
    int64_t rows = -1;

    CHECK_OK(aa_db_read(flow->f.app.db, count_rows, &rows, NULL));
    return rows;
}

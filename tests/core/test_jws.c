#include "jose/jws.h"

#include "jose/claims.h"
#include "support_keys.h"
#include "support_memory.h"

/* A token of these texts, unsigned unless the third is a signature in base64url. */
static struct aa_view token_of(const char *header, const char *payload, const char *signature)
{
    static struct aa_buf token;

    aa_buf_clear(&token);
    aa_buf_init(&token, 4 * AA_JWT_MAX);
    aa_buf_add_base64url(&token, VIEW(header));
    aa_buf_add_char(&token, '.');
    aa_buf_add_base64url(&token, VIEW(payload));
    aa_buf_add_char(&token, '.');
    aa_buf_add_text(&token, signature);
    return aa_buf_view(&token);
}

static enum aa_err parse(struct aa_view token)
{
    struct aa_jws jws;
    enum aa_err rc = aa_jws_parse(token, &jws, NULL);

    if (!rc)
        aa_jws_clear(&jws);
    return rc;
}

static enum aa_err parse_header(const char *header)
{
    return parse(token_of(header, "{}", "c2ln"));
}

static enum aa_err verify(struct aa_view token, struct aa_key *key)
{
    struct aa_jws jws;
    enum aa_err rc = aa_jws_parse(token, &jws, NULL);

    if (!rc) {
        rc = aa_jws_verify(&jws, key, NULL);
        aa_jws_clear(&jws);
    }
    aa_key_release(key);
    return rc;
}

/* ---- the standard's own tokens ---- */

TEST(jws, the_es256_token_of_rfc_7515_verifies)
{
    CHECK_OK(verify(VIEW(ES256_TOKEN), new_p256()));
}

TEST(jws, the_rs256_token_of_rfc_7515_verifies)
{
    CHECK_OK(verify(VIEW(RS256_TOKEN), new_rsa(RSA_N, AA_ALG_RS256)));
}

TEST(jws, a_token_is_taken_apart)
{
    struct aa_claims claims;
    struct aa_jws jws;

    CHECK_OK(aa_jws_parse(VIEW(ES256_TOKEN), &jws, NULL));
    CHECK_VIEW(jws.signing_input, ES256_HEADER "." JOE_PAYLOAD);
    CHECK_INT(jws.alg, AA_ALG_ES256);
    CHECK_INT(jws.signature.len, 64);
    CHECK(aa_view_is_absent(jws.kid));
    CHECK(aa_view_is_absent(jws.typ));
    CHECK_OK(aa_claims_read(jws.payload, &claims, NULL));
    CHECK_VIEW(claims.iss, "joe");
    CHECK_INT(claims.exp_s, 1300819380);
    aa_jws_clear(&jws);
    aa_jws_clear(&jws);
}

/* ---- signing ---- */

TEST(jws, what_we_sign_verifies_and_says_what_it_is)
{
    struct aa_key *key = new_p256_private();
    struct aa_buf token;
    struct aa_jws jws;

    aa_buf_init(&token, AA_JWT_MAX);
    CHECK_OK(aa_jws_sign(key, VIEW("k-\"1\""), VIEW("at+jwt"), VIEW("{\"sub\":\"usr_1\"}"), &token, NULL));
    CHECK_OK(aa_jws_parse(aa_buf_view(&token), &jws, NULL));
    CHECK_VIEW(jws.kid, "k-\"1\"");
    CHECK_VIEW(jws.typ, "at+jwt");
    CHECK_INT(aa_json_len(jws.header), 3);
    CHECK_VIEW(aa_json_text(aa_json_get(jws.payload, "sub")), "usr_1");
    CHECK_OK(aa_jws_verify(&jws, key, NULL));
    aa_jws_clear(&jws);
    aa_buf_clear(&token);
    aa_key_release(key);
}

TEST(jws, signing_appends)
{
    struct aa_key *key = new_p256_private();
    struct aa_buf out;

    aa_buf_init(&out, AA_JWT_MAX);
    aa_buf_add_text(&out, "token=");
    CHECK_OK(aa_jws_sign(key, AA_VIEW_ABSENT, AA_VIEW_ABSENT, VIEW("{}"), &out, NULL));
    CHECK(aa_view_has_prefix(aa_buf_view(&out), VIEW("token=" ES256_HEADER ".e30.")));
    CHECK_OK(verify(aa_view_from(aa_buf_view(&out), 6), new_p256()));
    aa_buf_clear(&out);
    aa_key_release(key);
}

TEST(jws, a_token_that_does_not_fit_is_an_error)
{
    struct aa_key *key = new_p256_private();
    size_t whole = strlen(ES256_HEADER) + 1 + 3 + 1 + 86;
    struct aa_buf out;

    aa_buf_init(&out, whole - 1);
    CHECK_ERR(aa_jws_sign(key, AA_VIEW_ABSENT, AA_VIEW_ABSENT, VIEW("{}"), &out, NULL), AA_ERR_TOO_LONG);
    aa_buf_clear(&out);
    aa_buf_init(&out, whole);
    CHECK_OK(aa_jws_sign(key, AA_VIEW_ABSENT, AA_VIEW_ABSENT, VIEW("{}"), &out, NULL));
    CHECK_INT(out.len, whole);
    aa_buf_clear(&out);
    aa_key_release(key);
}

TEST(jws, a_public_key_signs_nothing)
{
    struct aa_key *key = new_p256();
    struct aa_buf out;

    aa_buf_init(&out, AA_JWT_MAX);
    CHECK_ERR(aa_jws_sign(key, AA_VIEW_ABSENT, AA_VIEW_ABSENT, VIEW("{}"), &out, NULL), AA_ERR_CRYPTO);
    aa_buf_clear(&out);
    aa_key_release(key);
}

/* ---- the form ---- */

TEST(jws, a_token_has_three_parts_none_of_them_empty)
{
    CHECK_OK(parse(VIEW(ES256_TOKEN)));
    CHECK_ERR(parse(VIEW(ES256_HEADER "." JOE_PAYLOAD)), AA_ERR_TOKEN_FORMAT);
    CHECK_ERR(parse(VIEW(ES256_TOKEN ".c2ln")), AA_ERR_TOKEN_FORMAT);
    CHECK_ERR(parse(VIEW(ES256_TOKEN ".")), AA_ERR_TOKEN_FORMAT);
    CHECK_ERR(parse(VIEW(ES256_HEADER "." JOE_PAYLOAD ".")), AA_ERR_TOKEN_FORMAT);
    CHECK_ERR(parse(VIEW(ES256_HEADER ".." ES256_SIGNATURE)), AA_ERR_TOKEN_FORMAT);
    CHECK_ERR(parse(VIEW("." JOE_PAYLOAD "." ES256_SIGNATURE)), AA_ERR_TOKEN_FORMAT);
    CHECK_ERR(parse(VIEW("..")), AA_ERR_TOKEN_FORMAT);
    CHECK_ERR(parse(VIEW("")), AA_ERR_TOKEN_FORMAT);
    CHECK_ERR(parse(AA_VIEW_ABSENT), AA_ERR_TOKEN_FORMAT);
}

TEST(jws, base64url_has_no_padding_no_blanks_and_one_spelling)
{
    CHECK_ERR(parse(VIEW(ES256_TOKEN "==")), AA_ERR_TOKEN_FORMAT);
    CHECK_ERR(parse(VIEW(ES256_HEADER "==." JOE_PAYLOAD "." ES256_SIGNATURE)), AA_ERR_TOKEN_FORMAT);
    CHECK_ERR(parse(VIEW(ES256_HEADER "." JOE_PAYLOAD "==." ES256_SIGNATURE)), AA_ERR_TOKEN_FORMAT);
    CHECK_ERR(parse(VIEW(ES256_TOKEN "\n")), AA_ERR_TOKEN_FORMAT);
    CHECK_ERR(parse(VIEW(" " ES256_TOKEN)), AA_ERR_TOKEN_FORMAT);
    /* The last letter Q carries four bits too many: R is the same signature, spelt otherwise. */
    CHECK_ERR(parse(VIEW(ES256_HEADER "." JOE_PAYLOAD
                                      ".DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-"
                                      "Kg6NU1R")),
              AA_ERR_TOKEN_FORMAT);
    /* The alphabet of plain base64. */
    CHECK_ERR(parse(VIEW(ES256_HEADER "." JOE_PAYLOAD
                                      ".DtEhU3ljbEg8L38VWAfUAqOyKAM6+Xx+F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3+"
                                      "Kg6NU1Q")),
              AA_ERR_TOKEN_FORMAT);
    CHECK_OK(parse(VIEW(ES256_TOKEN)));
}

TEST(jws, header_and_payload_are_objects_without_duplicates)
{
    CHECK_OK(parse(token_of("{\"alg\":\"ES256\"}", "{\"a\":1}", "c2ln")));
    CHECK_ERR(parse(token_of("{\"alg\":\"ES256\",\"alg\":\"ES256\"}", "{}", "c2ln")), AA_ERR_TOKEN_FORMAT);
    CHECK_ERR(parse(token_of("{\"alg\":\"ES256\"}", "{\"sub\":\"a\",\"sub\":\"b\"}", "c2ln")), AA_ERR_TOKEN_FORMAT);
    CHECK_ERR(parse(token_of("[\"ES256\"]", "{}", "c2ln")), AA_ERR_TOKEN_FORMAT);
    CHECK_ERR(parse(token_of("{\"alg\":\"ES256\"}", "[]", "c2ln")), AA_ERR_TOKEN_FORMAT);
    CHECK_ERR(parse(token_of("{\"alg\":\"ES256\"}", "not JSON", "c2ln")), AA_ERR_TOKEN_FORMAT);
    CHECK_ERR(parse(token_of("{\"alg\":\"ES256\"}", "{} ", "c2ln!")), AA_ERR_TOKEN_FORMAT);
    CHECK_ERR(parse(token_of("{\"alg\":\"ES256\"}x", "{}", "c2ln")), AA_ERR_TOKEN_FORMAT);
    CHECK_ERR(parse(token_of("{\"alg\":\"ES256\",\"x\":\"\xff\"}", "{}", "c2ln")), AA_ERR_TOKEN_FORMAT);
}

TEST(jws, header_members_have_their_types)
{
    CHECK_OK(parse_header("{\"alg\":\"ES256\",\"kid\":\"a\",\"typ\":\"at+jwt\",\"x\":[]}"));
    CHECK_ERR(parse_header("{\"alg\":\"ES256\",\"kid\":1}"), AA_ERR_TOKEN_FORMAT);
    CHECK_ERR(parse_header("{\"alg\":\"ES256\",\"typ\":[\"at+jwt\"]}"), AA_ERR_TOKEN_FORMAT);
    CHECK_ERR(parse_header("{\"alg\":[\"ES256\"]}"), AA_ERR_TOKEN_FORMAT);
    CHECK_ERR(parse_header("{\"alg\":null}"), AA_ERR_TOKEN_FORMAT);
    CHECK_ERR(parse_header("{\"typ\":\"at+jwt\"}"), AA_ERR_TOKEN_FORMAT);
    CHECK_ERR(parse_header("{}"), AA_ERR_TOKEN_FORMAT);
}

TEST(jws, critical_extensions_are_refused) /* RFC 7515 §4.1.11 */
{
    CHECK_ERR(parse_header("{\"alg\":\"ES256\",\"crit\":[\"b64\"],\"b64\":false}"), AA_ERR_TOKEN_FORMAT);
    CHECK_ERR(parse_header("{\"alg\":\"ES256\",\"crit\":[]}"), AA_ERR_TOKEN_FORMAT);
    CHECK_ERR(parse_header("{\"alg\":\"ES256\",\"crit\":null}"), AA_ERR_TOKEN_FORMAT);
    CHECK_OK(parse_header("{\"alg\":\"ES256\",\"b64\":true}"));
}

TEST(jws, a_token_has_8192_bytes_at_most)
{
    char payload[AA_JWT_MAX];
    struct aa_view token;

    memset(payload, 0, sizeof payload);
    memset(payload, ' ', 6124);
    memcpy(payload, "{}", 2);
    token = token_of("{\"alg\":\"ES256\"}", payload, "c2ln");
    CHECK_INT(token.len, AA_JWT_MAX);
    CHECK_OK(parse(token));
    payload[6124] = ' ';
    token = token_of("{\"alg\":\"ES256\"}", payload, "c2ln");
    CHECK_INT(token.len, AA_JWT_MAX + 1);
    CHECK_ERR(parse(token), AA_ERR_TOKEN_FORMAT);
}

/* ---- the algorithm ---- */

TEST(jws, a_token_without_a_signature_is_refused_however_it_says_so) /* RFC 8725 §3.1 */
{
    static const char *const names[] = {"none", "None", "NONE", "nOnE"};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct aa_buf header;

        aa_buf_init(&header, 64);
        aa_buf_add_format(&header, "{\"alg\":\"%s\"}", names[i]);
        CHECK_ERR(parse_header(aa_buf_text(&header)), AA_ERR_TOKEN_ALGORITHM);
        CHECK_ERR(parse(token_of(aa_buf_text(&header), "{}", "")), AA_ERR_TOKEN_FORMAT);
        aa_buf_clear(&header);
    }
    CHECK_OK(parse_header("{\"alg\":\"ES256\"}"));
}

TEST(jws, only_the_algorithms_of_our_table_exist)
{
    static const struct {
        const char *header;
        enum aa_alg alg;
    } cases[] = {
        {"{\"alg\":\"ES256\"}", AA_ALG_ES256},   {"{\"alg\":\"RS256\"}", AA_ALG_RS256},
        {"{\"alg\":\"PS256\"}", AA_ALG_PS256},   {"{\"alg\":\"EdDSA\"}", AA_ALG_EDDSA},
        {"{\"alg\":\"HS256\"}", AA_ALG_NONE},    {"{\"alg\":\"HS512\"}", AA_ALG_NONE},
        {"{\"alg\":\"ES384\"}", AA_ALG_NONE},    {"{\"alg\":\"RS512\"}", AA_ALG_NONE},
        {"{\"alg\":\"ES256K\"}", AA_ALG_NONE},   {"{\"alg\":\"es256\"}", AA_ALG_NONE},
        {"{\"alg\":\"RSA-OAEP\"}", AA_ALG_NONE}, {"{\"alg\":\"\"}", AA_ALG_NONE},
        {"{\"alg\":\"Ed25519\"}", AA_ALG_EDDSA},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct aa_jws jws;

        CHECK_OK(aa_jws_parse(token_of(cases[i].header, "{}", "c2ln"), &jws, NULL));
        CHECK_INT(jws.alg, cases[i].alg);
        aa_jws_clear(&jws);
    }
}

TEST(jws, the_keys_algorithm_decides)
{
    CHECK_ERR(verify(VIEW(ES256_TOKEN), new_rsa(RSA_N, AA_ALG_RS256)), AA_ERR_TOKEN_ALGORITHM);
    CHECK_ERR(verify(VIEW(RS256_TOKEN), new_p256()), AA_ERR_TOKEN_ALGORITHM);
    CHECK_ERR(verify(VIEW(RS256_TOKEN), new_rsa(RSA_N, AA_ALG_PS256)), AA_ERR_TOKEN_ALGORITHM);
    CHECK_ERR(verify(VIEW(RS256_TOKEN), new_ed25519()), AA_ERR_TOKEN_ALGORITHM);
    CHECK_ERR(verify(token_of("{\"alg\":\"HS256\"}", "{}", "c2ln"), new_rsa(RSA_N, AA_ALG_RS256)),
              AA_ERR_TOKEN_ALGORITHM);
    CHECK_ERR(verify(token_of("{\"alg\":\"HS256\"}", "{}", "c2ln"), new_p256()), AA_ERR_TOKEN_ALGORITHM);
    CHECK_OK(verify(VIEW(RS256_TOKEN), new_rsa(RSA_N, AA_ALG_RS256)));
}

TEST(jws, the_signature_covers_header_and_payload)
{
    /* The payload with the last letter changed: {"iss":"joe",… is_root":true} with another brace is no JSON, so the
     * issuer changes: joe, jof. */
    CHECK_ERR(
        verify(VIEW(ES256_HEADER ".eyJpc3MiOiJqb2YiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19"
                                 "yb290Ijp0cnVlfQ." ES256_SIGNATURE),
               new_p256()),
        AA_ERR_TOKEN_SIGNATURE);
    /* {"alg":"ES256" } says the same with a blank more. */
    CHECK_ERR(verify(VIEW("eyJhbGciOiJFUzI1NiIgfQ." JOE_PAYLOAD "." ES256_SIGNATURE), new_p256()),
              AA_ERR_TOKEN_SIGNATURE);
    CHECK_OK(verify(VIEW(ES256_TOKEN), new_p256()));
}

TEST(jws, no_part_of_a_token_stands_in_an_error_message)
{
    struct aa_error err = AA_ERROR_INIT;
    struct aa_jws jws;

    CHECK_ERR(aa_jws_parse(token_of("{\"alg\":\"ES256\"}", "{\"sub\":\"secret\" oops", "c2ln"), &jws, &err),
              AA_ERR_TOKEN_FORMAT);
    CHECK(strlen(err.message) > 0);
    CHECK(strstr(err.message, "secret") == NULL && strstr(err.message, "oops") == NULL);
}

/* ---- memory ---- */

static enum aa_err sign_parse_verify(void *ctx)
{
    struct aa_buf token;
    struct aa_jws jws;
    enum aa_err rc;

    aa_buf_init(&token, AA_JWT_MAX);
    rc = aa_jws_sign(ctx, VIEW("kid"), VIEW("at+jwt"), VIEW("{\"sub\":\"usr_1\",\"aud\":[\"a\",\"b\"]}"), &token, NULL);
    if (!rc)
        rc = aa_jws_parse(aa_buf_view(&token), &jws, NULL);
    if (!rc) {
        rc = aa_jws_verify(&jws, ctx, NULL);
        aa_jws_clear(&jws);
    }
    aa_buf_clear(&token);
    return rc;
}

TEST(jws, running_out_of_memory_is_told_apart_from_a_bad_token)
{
    struct aa_key *key = new_p256_private();

    CHECK(check_each_allocation(sign_parse_verify, key) > 10);
    aa_key_release(key);
}

/* GET /.well-known/jwks.json, and that it verifies what /token signs. */
#include <stdio.h>

#include "jose/jwks.h"
#include "jose/jws.h"
#include "support_flow.h"

FLOW_TEST(jwks, the_published_key_verifies_issued_tokens_and_nothing_private_is_shown)
{
    char access[FLOW_TOKEN_MAX], refresh[FLOW_TOKEN_MAX];
    struct aa_jwks *jwks = NULL;
    struct aa_jws jws;
    const struct aa_key *key;

    flow_tokens(flow, access, refresh);
    CHECK_INT(flow_get(flow, "/.well-known/jwks.json"), 200);
    CHECK_VIEW(flow_header(flow, "Cache-Control"), "public, max-age=300");
    CHECK_VIEW(flow_header(flow, "Access-Control-Allow-Origin"), "*");
    CHECK(strstr(aa_buf_text(&flow->response.body), "\"d\"") == NULL);
    CHECK_OK(aa_jwks_parse(aa_buf_view(&flow->response.body), &jwks, NULL));
    CHECK_INT(aa_jwks_len(jwks), 1);
    CHECK_OK(aa_jws_parse(VIEW(access), &jws, NULL));
    CHECK_VIEW(jws.typ, "at+jwt");
    key = aa_jwks_find(jwks, jws.kid, AA_ALG_ES256);
    CHECK(key != NULL);
    CHECK_OK(aa_jws_verify(&jws, key, NULL));
    aa_jws_clear(&jws);
    access[strlen(access) - 5] = access[strlen(access) - 5] == 'A' ? 'B' : 'A';
    CHECK_OK(aa_jws_parse(VIEW(access), &jws, NULL));
    CHECK_ERR(aa_jws_verify(&jws, key, NULL), AA_ERR_TOKEN_SIGNATURE);
    aa_jws_clear(&jws);
    aa_jwks_release(jwks);
}

TEST(jwks, the_key_is_the_same_after_a_restart)
{
    struct flow flow;
    struct aa_buf before;

    flow_open_on_disk(&flow);
    aa_buf_init(&before, 4096);
    CHECK_INT(flow_get(&flow, "/.well-known/jwks.json"), 200);
    aa_buf_add(&before, aa_buf_view(&flow.response.body));
    flow_reopen(&flow);
    CHECK_INT(flow_get(&flow, "/.well-known/jwks.json"), 200);
    CHECK_VIEW(aa_buf_view(&flow.response.body), aa_buf_text(&before));
    aa_buf_clear(&before);
    flow_close(&flow);
}

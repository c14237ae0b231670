#include "support_signer.h"

#include "jose/jws.h"

#define SET_MAX 4096

void signer_open(struct signer *signer, const char *kid)
{
    CHECK_OK(aa_key_generate_p256(&signer->key, NULL));
    aa_buf_init(&signer->set, SET_MAX);
    aa_buf_init(&signer->token, AA_JWT_MAX);
    aa_buf_add_text(&signer->set, "{\"keys\":[");
    CHECK_OK(aa_jwk_add(&signer->set, signer->key, VIEW(kid), NULL));
    aa_buf_add_text(&signer->set, "]}");
    CHECK_OK(aa_jwks_parse(aa_buf_view(&signer->set), &signer->jwks, NULL));
}

void signer_clear(struct signer *signer)
{
    aa_key_release(signer->key);
    aa_jwks_release(signer->jwks);
    aa_buf_clear(&signer->set);
    aa_buf_clear(&signer->token);
}

const char *signer_sign(struct signer *signer, const char *kid, const char *typ, const char *payload)
{
    aa_buf_reset(&signer->token);
    CHECK_OK(aa_jws_sign(signer->key, VIEW(kid), VIEW(typ), VIEW(payload), &signer->token, NULL));
    return aa_buf_text(&signer->token);
}

/* The algorithms fetched from OpenSSL, once a process; and the contexts each thread keeps. Inside core/src/crypto only.
 */
#ifndef AA_CRYPTO_ALGORITHMS_H
#define AA_CRYPTO_ALGORITHMS_H

#include <openssl/evp.h>
#include <openssl/kdf.h>

#include "crypto/crypto.h"

struct aa_algorithms {
    EVP_MD *sha256;
    EVP_MAC *hmac;
    EVP_CIPHER *aes_256_gcm;
    EVP_KDF *pbkdf2;
};

/* NULL before aa_crypto_init() succeeded; it is tried here too. */
const struct aa_algorithms *aa_algorithms_get(void);
/* The calling thread's digest context; NULL when out of memory. */
EVP_MD_CTX *aa_thread_digest(void);

#endif

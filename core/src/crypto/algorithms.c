#include "crypto/algorithms.h"

#include <stdatomic.h>
#include <threads.h>

#include "base/error.h"

static struct aa_algorithms algorithms;
static atomic_bool ready;
static once_flag once = ONCE_FLAG_INIT;
static tss_t digest_key;

static void free_digest(void *context)
{
    EVP_MD_CTX_free(context);
}

static void free_algorithms(void)
{
    atomic_store(&ready, false);
    EVP_MD_free(algorithms.sha256);
    EVP_MAC_free(algorithms.hmac);
    EVP_CIPHER_free(algorithms.aes_256_gcm);
    EVP_KDF_free(algorithms.pbkdf2);
    algorithms = (struct aa_algorithms){NULL, NULL, NULL, NULL};
}

static void fetch_all(void)
{
    algorithms.sha256 = EVP_MD_fetch(NULL, "SHA2-256", NULL);
    algorithms.hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    algorithms.aes_256_gcm = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
    algorithms.pbkdf2 = EVP_KDF_fetch(NULL, "PBKDF2", NULL);
    if (!algorithms.sha256 || !algorithms.hmac || !algorithms.aes_256_gcm || !algorithms.pbkdf2 ||
        tss_create(&digest_key, free_digest) != thrd_success) {
        free_algorithms();
        return;
    }
    atomic_store(&ready, true);
}

enum aa_err aa_crypto_init(struct aa_error *err)
{
    call_once(&once, fetch_all);
    if (!atomic_load(&ready))
        return aa_fail(err, AA_ERR_CRYPTO, "OpenSSL does not offer the algorithms needed");
    return AA_OK;
}

const struct aa_algorithms *aa_algorithms_get(void)
{
    return aa_crypto_init(NULL) ? NULL : &algorithms;
}

EVP_MD_CTX *aa_thread_digest(void)
{
    EVP_MD_CTX *context;

    if (aa_crypto_init(NULL))
        return NULL;
    context = tss_get(digest_key);
    if (context)
        return context;
    context = EVP_MD_CTX_new();
    if (context && tss_set(digest_key, context) != thrd_success) {
        EVP_MD_CTX_free(context);
        return NULL;
    }
    return context;
}

void aa_crypto_thread_clear(void)
{
    if (!atomic_load(&ready))
        return;
    EVP_MD_CTX_free(tss_get(digest_key));
    tss_set(digest_key, NULL);
}

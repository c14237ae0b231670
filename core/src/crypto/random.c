#include <openssl/rand.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"
#include "crypto/crypto.h"

enum aa_err aa_random_system(void *ctx, void *out, size_t len)
{
    (void)ctx;
    return RAND_bytes(out, (int)len) == 1 ? AA_OK : AA_ERR_RANDOM;
}

#define ALPHABET "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
#define ALPHABET_LEN 62
#define EVEN_LIMIT (256 - 256 % ALPHABET_LEN) /* bytes at or above it would favour the first characters */

enum aa_err aa_random_alnum(aa_random_fn random, void *random_ctx, size_t count, struct aa_buf *out)
{
    uint8_t bytes[64];
    size_t done = 0;

    while (done < count) {
        if (random(random_ctx, bytes, sizeof bytes))
            return AA_ERR_RANDOM;
        for (size_t i = 0; i < sizeof bytes && done < count; i++) {
            if (bytes[i] >= EVEN_LIMIT)
                continue;
            aa_buf_add_char(out, ALPHABET[bytes[i] % ALPHABET_LEN]);
            done++;
        }
    }
    aa_mem_wipe(bytes, sizeof bytes);
    return aa_buf_check(out, "random text", NULL);
}

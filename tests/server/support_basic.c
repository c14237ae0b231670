#include "support_basic.h"

#include <stdio.h>
#include <string.h>

const char *basic(const char *user, const char *password)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    static char out[BASIC_MAX];
    char plain[256] = {0};
    size_t len = (size_t)snprintf(plain, sizeof plain - 3, "%s:%s", user, password), to = 6;

    memcpy(out, "Basic ", 6);
    for (size_t i = 0; i < len; i += 3) {
        unsigned value = (unsigned)(unsigned char)plain[i] << 16 | (unsigned)(unsigned char)plain[i + 1] << 8 |
                         (unsigned char)plain[i + 2];

        for (size_t k = 0; k < 4; k++)
            out[to++] = k > len - i ? '=' : letters[value >> (18 - 6 * k) & 63];
    }
    out[to] = '\0';
    return out;
}

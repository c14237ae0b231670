#include "support_keys.h"

#include <stdio.h>

#include "base/base64.h"

#define SLOTS 8
#define SLOT_SIZE 1024

static char slots[SLOTS][SLOT_SIZE];
static size_t next_slot;

static struct aa_view keep(const void *bytes, size_t len)
{
    char *slot = slots[next_slot++ % SLOTS];

    CHECK(len <= SLOT_SIZE);
    memcpy(slot, bytes, len);
    return aa_view_make(slot, len);
}

struct aa_view from_base64url(const char *text)
{
    struct aa_buf bytes;
    struct aa_view kept;

    aa_buf_init(&bytes, SLOT_SIZE);
    CHECK_OK(aa_base64url_decode(VIEW(text), &bytes, NULL));
    kept = keep(aa_buf_text(&bytes), bytes.len);
    aa_buf_clear(&bytes);
    return kept;
}

struct aa_view from_hex(const char *text)
{
    unsigned char bytes[SLOT_SIZE];
    size_t len = strlen(text) / 2;

    CHECK(strlen(text) % 2 == 0 && len <= sizeof bytes);
    for (size_t i = 0; i < len; i++)
        CHECK(sscanf(text + 2 * i, "%2hhx", &bytes[i]) == 1);
    return keep(bytes, len);
}

struct aa_key *new_p256(void)
{
    struct aa_key *key;

    CHECK_OK(aa_key_from_p256(from_base64url(P256_X), from_base64url(P256_Y), &key, NULL));
    return key;
}

struct aa_key *new_p256_private(void)
{
    struct aa_key *key;

    CHECK_OK(aa_key_parse_pkcs8(from_hex(P256_PKCS8), &key, NULL));
    return key;
}

struct aa_key *new_rsa(const char *n, enum aa_alg alg)
{
    struct aa_key *key;

    CHECK_OK(aa_key_from_rsa(from_base64url(n), from_base64url("AQAB"), alg, &key, NULL));
    return key;
}

struct aa_key *new_ed25519(void)
{
    struct aa_key *key;

    CHECK_OK(aa_key_from_ed25519(from_base64url(ED25519_X), &key, NULL));
    return key;
}

/* Signing keys: kept sealed in the store, unsealed once into memory. The newest usable one signs, all are published. */
#ifndef AA_DOMAIN_KEYRING_H
#define AA_DOMAIN_KEYRING_H

#include "base/buf.h"
#include "domain/app.h"

/* Loads the keys, making the first one when there is none. `master_key` seals them. AA_ERR_CRYPTO (with a clear
 * message) when it is not the key they were sealed with. */
AA_CHECK enum aa_err aa_keyring_open(const struct aa_app *app, const uint8_t master_key[32], struct aa_keyring **out,
                                     struct aa_error *err);
void aa_keyring_free(struct aa_keyring *keyring);
/* Appends a signed JWT of that type ("at+jwt") over the claims. Any thread. */
AA_CHECK enum aa_err aa_keyring_sign(struct aa_keyring *keyring, struct aa_view typ, struct aa_view claims,
                                     struct aa_buf *out, struct aa_error *err);
/* The JWK set as JSON; borrowed, lives as long as the keyring. */
struct aa_view aa_keyring_jwks(const struct aa_keyring *keyring);

#endif

/* Signing keys in memory: kept sealed in the store, unsealed when they are loaded. The newest one in force signs, all
 * are published. Other processes make new ones: aa_keyring_refresh() is called every few seconds. Any thread. */
#ifndef AA_DOMAIN_KEYRING_H
#define AA_DOMAIN_KEYRING_H

#include "base/buf.h"
#include "domain/app.h"

/* Loads the keys, making the first one when there is none. `master_key` seals them. AA_ERR_CRYPTO (with a clear
 * message) when it is not the key they were sealed with. */
AA_CHECK enum aa_err aa_keyring_open(const struct aa_app *app, const uint8_t master_key[32], struct aa_keyring **out,
                                     struct aa_error *err);
void aa_keyring_free(struct aa_keyring *keyring);
/* Looks whether the keys are others by now, and loads them then. After a failure the ones it has stay. */
AA_CHECK enum aa_err aa_keyring_refresh(const struct aa_app *app, struct aa_keyring *keyring, struct aa_error *err);
/* Appends a JWT of that type ("at+jwt") over the claims, signed by the key in force at now_ms. */
AA_CHECK enum aa_err aa_keyring_sign(struct aa_keyring *keyring, int64_t now_ms, struct aa_view typ,
                                     struct aa_view claims, struct aa_buf *out, struct aa_error *err);
/* Appends the JWK set as JSON. */
void aa_keyring_add_jwks(struct aa_keyring *keyring, struct aa_buf *out);

#endif

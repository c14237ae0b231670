/* API keys that came from the older Auth-Agent service. Its secrets name no key, so one is found through the id of the
 * server that asks (HTTP Basic), and every check that is not remembered costs PBKDF2 for each such key of that server:
 * few failures are allowed an address, and one check at a time a server. */
#ifndef AA_DOMAIN_IMPORTED_KEYS_H
#define AA_DOMAIN_IMPORTED_KEYS_H

#include "domain/key_phc.h"
#include "domain/server_keys.h"

struct aa_imported_key { /* borrowed */
    struct aa_view server_id, key_id, name;
    uint8_t salt[AA_KEY_SALT_LEN], hash[AA_SHA256_LEN];
    int64_t created_ms, last_used_ms, ends_ms; /* 0: does not end */
};

/* Keeps it under an id of ours that is made from its own. AA_ERR_CONFLICT when it is there already, AA_ERR_NOT_FOUND
 * without its server. */
AA_CHECK enum aa_err aa_imported_key_add(struct aa_app *app, const struct aa_imported_key *key, struct aa_error *err);

/* Looks whether there are any: every few seconds. Until then, and while there are none, nothing below costs anything.
 */
AA_CHECK enum aa_err aa_imported_keys_look(struct aa_app *app, struct aa_error *err);
/* Could this be one? Only a secret that has not the form of ours. */
bool aa_imported_key_is_possible(const struct aa_app *app, struct aa_view secret);
/* Like aa_server_key_check_fast() and aa_server_key_check(). */
enum aa_key_verdict aa_imported_key_check_fast(struct aa_app *app, struct aa_view server_id, struct aa_view secret,
                                               struct aa_buf *out);
AA_CHECK enum aa_err aa_imported_key_check(struct aa_app *app, struct aa_view server_id, struct aa_view secret,
                                           bool *good, struct aa_buf *out, struct aa_error *err);

#endif

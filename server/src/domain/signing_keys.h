/* Signing keys as rows: made, and followed by new ones. What they do is in keyring.h. */
#ifndef AA_DOMAIN_SIGNING_KEYS_H
#define AA_DOMAIN_SIGNING_KEYS_H

#include "base/buf.h"
#include "domain/app.h"

#define AA_SIGNING_KEYS_MAX 16 /* one signs, a few wait or are retired */
#define AA_KID_MAX 64          /* a thumbprint has 43 */

/* Makes the first key, unless somebody was faster. AA_ERR_CRYPTO, AA_ERR_RANDOM, AA_ERR_STORE*, AA_ERR_NOMEM. */
AA_CHECK enum aa_err aa_signing_key_make_first(const struct aa_app *app, const uint8_t master_key[32],
                                               struct aa_error *err);

enum aa_rotation {
    AA_ROTATE_SOON, /* published at once, signs from ten minutes on: whoever keeps key sets for a while has it by then
                     */
    AA_ROTATE_NOW   /* signs at once: for a key that others may know */
};
/* Makes the next key; from when it signs, the others are retired. Appends its id. AA_ERR_CONFLICT when there are
 * AA_SIGNING_KEYS_MAX already. */
AA_CHECK enum aa_err aa_signing_key_rotate(const struct aa_app *app, const uint8_t master_key[32],
                                           enum aa_rotation when, struct aa_buf *kid, int64_t *signs_from_ms,
                                           struct aa_error *err);
/* Removes a retired key before its time: it is published no longer, and whoever checks tokens by themselves refuses its
 * tokens. AA_ERR_NOT_FOUND when there is no retired key of this id. */
AA_CHECK enum aa_err aa_signing_key_remove(const struct aa_app *app, struct aa_view kid, struct aa_error *err);

#endif

/* The cookie of a browser in which somebody logged in before ("device cookie"). It opens nothing: it only tells such
 * browsers from strangers' when a password is guessed at (login_limits.h).
 *
 * In base64url: the time of issue, a random id, and an HMAC over both, the person's id and their password's digest.
 * So nothing in it tells whose it is, nothing of it is kept, and a new password ends it in every browser. */
#ifndef AA_DOMAIN_DEVICE_H
#define AA_DOMAIN_DEVICE_H

#include "base/buf.h"
#include "domain/app.h"
#include "store/records.h"

#define AA_DEVICE_TTL_S (INT64_C(180) * 24 * 3600) /* half a year: for those who log in now and then */
#define AA_DEVICE_COOKIE_LEN 75
#define AA_DEVICE_ID_LEN 16

/* Appends a new one for somebody who just logged in. AA_ERR_RANDOM, AA_ERR_CRYPTO, AA_ERR_NOMEM. */
AA_CHECK enum aa_err aa_device_add(const struct aa_app *app, const struct aa_user *user, struct aa_buf *cookie,
                                   struct aa_error *err);
/* *is_known tells whether it is one of this person's, with their present password, and not too old; `id` is then its
 * own. A person without an id, who is nobody, has none. AA_ERR_CRYPTO, AA_ERR_NOMEM. */
AA_CHECK enum aa_err aa_device_check(const struct aa_app *app, const struct aa_user *user, struct aa_view cookie,
                                     uint8_t id[AA_DEVICE_ID_LEN], bool *is_known, struct aa_error *err);

#endif

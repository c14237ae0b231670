/* People's passwords: Argon2id (RFC 9106), 19 MiB, 2 passes, 1 lane, as a PHC string. About 18 ms a call, and
 * only four at once: slow lane only. */
#ifndef AA_PASSWORD_PASSWORD_H
#define AA_PASSWORD_PASSWORD_H

#include <stdbool.h>

#include "base/buf.h"

#define AA_PASSWORD_MIN 8    /* characters; NIST SP 800-63B §3.1.1.2 */
#define AA_PASSWORD_MAX 1024 /* bytes */

/* Appends "$argon2id$v=19$m=19456,t=2,p=1$salt$hash". `salt` is 16 random bytes. AA_OK, AA_ERR_NOMEM, AA_ERR_CRYPTO,
 * AA_ERR_TOO_LONG. */
AA_CHECK enum aa_err aa_password_hash(struct aa_view password, struct aa_view salt, struct aa_buf *phc,
                                      struct aa_error *err);
/* *matches tells whether it is the password. An absent phc costs the same time as a wrong password and never matches,
 * so that an answer's time does not tell who has an account. AA_OK, AA_ERR_NOMEM, AA_ERR_CRYPTO. */
AA_CHECK enum aa_err aa_password_check(struct aa_view password, struct aa_view phc, bool *matches,
                                       struct aa_error *err);

#endif

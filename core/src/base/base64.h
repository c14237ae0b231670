/* base64url without padding (RFC 4648 §5), strict: no padding, no whitespace, no non-zero trailing bits; and plain
 * base64 with padding for HTTP Basic (RFC 7617). Encoding is aa_buf_add_base64url(). */
#ifndef AA_BASE_BASE64_H
#define AA_BASE_BASE64_H

#include "base/buf.h"

/* Appends the decoded bytes to *out. AA_OK, AA_ERR_BASE64, AA_ERR_NOMEM or AA_ERR_TOO_LONG. */
AA_CHECK enum aa_err aa_base64url_decode(struct aa_view text, struct aa_buf *out, struct aa_error *err);
AA_CHECK enum aa_err aa_base64_decode(struct aa_view text, struct aa_buf *out, struct aa_error *err);

#endif

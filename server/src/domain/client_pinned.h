/* Copies of the metadata documents of well-known clients, for when their sites cannot be reached: an installation
 * without a way out, or one whose network these sites take for a robot's, would else shut out most people. */
#ifndef AA_DOMAIN_CLIENT_PINNED_H
#define AA_DOMAIN_CLIENT_PINNED_H

#include <stdbool.h>

#include "base/buf.h"

bool aa_client_pinned_has(struct aa_view client_id);
/* Appends the document (JSON) that was at this URL when this version was made. False, and nothing, when it is none of
 * them. */
bool aa_client_pinned_add(struct aa_view client_id, struct aa_buf *document);

#endif

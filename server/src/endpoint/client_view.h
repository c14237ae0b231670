/* What people are shown of a client. */
#ifndef AA_ENDPOINT_CLIENT_VIEW_H
#define AA_ENDPOINT_CLIENT_VIEW_H

#include "store/records.h"

/* The host that vouches for the client: that of its client id, when that id is the https URL its metadata was fetched
 * from. Absent for a client that registered itself: its name proves nothing. Borrowed from the client. */
struct aa_view aa_client_verified_host(const struct aa_client *client);

#endif

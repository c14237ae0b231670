/* What the server itself asks others for over the network: documents that strangers name. */
#ifndef AA_MAIN_OUTGOING_H
#define AA_MAIN_OUTGOING_H

#include <stdatomic.h>

#include "main/config.h"

struct aa_outgoing {
    const char *ca_file; /* NULL: libcurl's own default */
    bool allow_loopback; /* the issuer is this machine's own: so may be those it asks (CIMD §8.6) */
    int max;             /* at once: half of the workers, so that slow sites do not keep tokens waiting; 1 at least */
    atomic_int under_way;
};

/* Borrows from the configuration. */
void aa_outgoing_init(struct aa_outgoing *outgoing, const struct aa_config *config);
/* As struct aa_app's `fetch` has it. Above `max` at once: AA_ERR_REMOTE_BREAKER. */
AA_CHECK enum aa_err aa_outgoing_fetch(struct aa_outgoing *outgoing, const char *url, struct aa_download *out,
                                       struct aa_error *err);

#endif

/* What an unset option of the listener means. */
#ifndef AA_HTTP_OPTIONS_H
#define AA_HTTP_OPTIONS_H

#include "http/listener.h"

/* Fills in the defaults, raises the process's limit of descriptors as far as the connections need, and brings the
 * connections down to what it allows. */
void aa_listener_options_settle(struct aa_listener_options *options);

#endif

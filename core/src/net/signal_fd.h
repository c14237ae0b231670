/* A file descriptor that is readable while something waits: an eventfd, or a pipe where there is none. */
#ifndef AA_NET_SIGNAL_FD_H
#define AA_NET_SIGNAL_FD_H

#include "authagent/error.h"

struct aa_signal_fd {
    int read_end, write_end; /* the same for an eventfd */
};

/* AA_OK or AA_ERR_SYSTEM. Non-blocking, closed on exec. */
AA_CHECK enum aa_err aa_signal_fd_open(struct aa_signal_fd *fd, struct aa_error *err);
void aa_signal_fd_close(struct aa_signal_fd *fd);
void aa_signal_fd_raise(const struct aa_signal_fd *fd);
void aa_signal_fd_lower(const struct aa_signal_fd *fd);

#endif

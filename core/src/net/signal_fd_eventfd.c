#ifdef __linux__
#include "net/signal_fd.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/error.h"

enum aa_err aa_signal_fd_open(struct aa_signal_fd *fd, struct aa_error *err)
{
    int number = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

    if (number < 0)
        return aa_fail(err, AA_ERR_SYSTEM, "no eventfd: %s", strerror(errno));
    fd->read_end = number;
    fd->write_end = number;
    return AA_OK;
}

void aa_signal_fd_close(struct aa_signal_fd *fd)
{
    close(fd->read_end);
}

void aa_signal_fd_raise(const struct aa_signal_fd *fd)
{
    const uint64_t one = 1;
    ssize_t written;

    do {
        written = write(fd->write_end, &one, sizeof one);
    } while (written < 0 && errno == EINTR);
}

void aa_signal_fd_lower(const struct aa_signal_fd *fd)
{
    uint64_t count;
    ssize_t got;

    do {
        got = read(fd->read_end, &count, sizeof count);
    } while (got < 0 && errno == EINTR);
}
#else
typedef int aa_signal_fd_eventfd_unused; /* ISO C wants a declaration */
#endif

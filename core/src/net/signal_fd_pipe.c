#ifndef __linux__
#include "net/signal_fd.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"

static int prepare(int number)
{
    return fcntl(number, F_SETFD, FD_CLOEXEC) || fcntl(number, F_SETFL, O_NONBLOCK);
}

enum aa_err aa_signal_fd_open(struct aa_signal_fd *fd, struct aa_error *err)
{
    int ends[2];

    if (pipe(ends))
        return aa_fail(err, AA_ERR_SYSTEM, "no pipe: %s", strerror(errno));
    fd->read_end = ends[0];
    fd->write_end = ends[1];
    if (prepare(ends[0]) || prepare(ends[1])) {
        aa_signal_fd_close(fd);
        return aa_fail(err, AA_ERR_SYSTEM, "no pipe: %s", strerror(errno));
    }
    return AA_OK;
}

void aa_signal_fd_close(struct aa_signal_fd *fd)
{
    close(fd->read_end);
    close(fd->write_end);
}

void aa_signal_fd_raise(const struct aa_signal_fd *fd)
{
    ssize_t written;

    do {
        written = write(fd->write_end, "", 1);
    } while (written < 0 && errno == EINTR);
}

void aa_signal_fd_lower(const struct aa_signal_fd *fd)
{
    char bytes[64];
    ssize_t got;

    do {
        got = read(fd->read_end, bytes, sizeof bytes);
    } while (got > 0 || (got < 0 && errno == EINTR));
}
#else
typedef int aa_signal_fd_pipe_unused; /* ISO C wants a declaration */
#endif

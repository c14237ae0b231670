#include "http/bind.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"

#define BACKLOG 1024 /* the kernel cuts it to net.core.somaxconn */

union socket_address {
    struct sockaddr any;
    struct sockaddr_in ipv4;
    struct sockaddr_in6 ipv6;
};

static enum aa_err parse_address(const char *address, int port, union socket_address *out, struct aa_error *err)
{
    memset(out, 0, sizeof *out);
    if (port < 0 || port > 65535)
        return aa_fail(err, AA_ERR_OPTION_INVALID, "port %d is not between 0 and 65535", port);
    if (inet_pton(AF_INET, address, &out->ipv4.sin_addr) == 1) {
        out->ipv4.sin_family = AF_INET;
        out->ipv4.sin_port = htons((uint16_t)port);
        return AA_OK;
    }
    if (inet_pton(AF_INET6, address, &out->ipv6.sin6_addr) == 1) {
        out->ipv6.sin6_family = AF_INET6;
        out->ipv6.sin6_port = htons((uint16_t)port);
        return AA_OK;
    }
    return aa_fail(err, AA_ERR_OPTION_INVALID, "\"%s\" is no IP address to listen on", address);
}

static socklen_t length_of(const union socket_address *address)
{
    return address->any.sa_family == AF_INET ? sizeof address->ipv4 : sizeof address->ipv6;
}

static enum aa_err refused(const char *address, int port, int number, struct aa_error *err)
{
    switch (number) {
    case EADDRINUSE:
        return aa_fail(err, AA_ERR_SYSTEM, "port %d of %s is in use by another program", port, address);
    case EACCES:
        return aa_fail(err, AA_ERR_SYSTEM, "port %d of %s may not be used: ports below 1024 need a privilege", port,
                       address);
    case EADDRNOTAVAIL:
        return aa_fail(err, AA_ERR_SYSTEM, "%s is no address of this machine", address);
    case EAFNOSUPPORT:
        return aa_fail(err, AA_ERR_SYSTEM, "this machine does not speak the protocol of %s", address);
    default:
        return aa_fail(err, AA_ERR_SYSTEM, "cannot listen on port %d of %s: %s", port, address, strerror(number));
    }
}

/* False with errno set. */
static bool set_options(int fd, int family)
{
    int on = 1, off = 0;

    /* After a restart the port's old connections may linger. */
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on))
        return false;
    return family != AF_INET6 || setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off) == 0;
}

static bool bind_and_listen(int fd, union socket_address *address)
{
    socklen_t len = length_of(address);

    return set_options(fd, address->any.sa_family) && bind(fd, &address->any, len) == 0 && listen(fd, BACKLOG) == 0 &&
           getsockname(fd, &address->any, &len) == 0;
}

enum aa_err aa_bind(const char *address, int *port, int *fd, struct aa_error *err)
{
    union socket_address bound;
    enum aa_err rc;
    int made;

    rc = parse_address(address, *port, &bound, err);
    if (rc)
        return rc;
    made = socket(bound.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (made < 0)
        return refused(address, *port, errno, err);
    if (!bind_and_listen(made, &bound)) {
        rc = refused(address, *port, errno, err);
        close(made);
        return rc;
    }
    *port = ntohs(bound.any.sa_family == AF_INET ? bound.ipv4.sin_port : bound.ipv6.sin6_port);
    *fd = made;
    return AA_OK;
}

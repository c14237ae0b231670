#include "db/postgres_address.h"

#include "base/view.h"

static bool is_local_host(struct aa_view host)
{
    return host.len == 0 || host.data[0] == '/' || host.data[0] == '@' || /* a socket, also an abstract one */
           aa_view_equal_nocase(host, AA_VIEW("localhost")) || aa_view_equal_text(host, "::1") ||
           aa_view_has_prefix(host, AA_VIEW("127."));
}

/* A name may begin with "127." and be anybody's. */
static bool is_numeric(struct aa_view host)
{
    for (size_t i = 0; i < host.len; i++)
        if (host.data[i] != '.' && (host.data[i] < '0' || host.data[i] > '9'))
            return false;
    return true;
}

static bool is_local_member(struct aa_view member)
{
    return is_local_host(member) && (!aa_view_has_prefix(member, AA_VIEW("127.")) || is_numeric(member));
}

bool aa_postgres_is_local(const char *host, const char *hostaddr)
{
    struct aa_view rest = aa_view_of(hostaddr && *hostaddr ? hostaddr : host), member;
    bool more = true;

    if (aa_view_is_absent(rest))
        return true; /* libpq's own default: a socket */
    while (more) {
        more = aa_view_cut(rest, ',', &member, &rest);
        if (!is_local_member(member))
            return false;
    }
    return true;
}

static bool holds_only(struct aa_view text, struct aa_view allowed, bool letters)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');

        if (!(c >= '0' && c <= '9') && !(letters && is_letter) && aa_view_find(allowed, c) == SIZE_MAX)
            return false;
    }
    return true;
}

bool aa_postgres_is_plain(const char *host, const char *port)
{
    struct aa_view hosts = aa_view_of(host);
    bool is_socket = hosts.len > 0 && (hosts.data[0] == '/' || hosts.data[0] == '@');

    if (is_socket ? aa_view_find(aa_view_from(hosts, 1), '@') != SIZE_MAX : !holds_only(hosts, AA_VIEW(".-_:,%"), true))
        return false;
    return holds_only(aa_view_of(port), AA_VIEW(","), false);
}
